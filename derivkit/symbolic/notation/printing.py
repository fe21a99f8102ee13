"""A whole derivation as text, as Markdown, as LaTeX: its lines, what each next one does, and when it holds."""

from __future__ import annotations

import html
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

from derivkit.expressions.expression import expression_of
from derivkit.expressions.tree import Expression, Node
from derivkit.presentation import CELL
from derivkit.symbolic.notation.latex import latex_name, latex_primes, latex_writer
from derivkit.symbolic.notation.lines import Line
from derivkit.symbolic.notation.writing import CUT, MAX_CHARACTERS, Piece, check_notation, pieces_of, text_writer
from derivkit.symbolic.rules import Condition
from derivkit.symbolic.verification import CheckedSteps

LATEX_SIGNS: Mapping[str, str] = {"=": "=", "≠": r"\neq"}
MAX_LINES = 200
"""Lines, beyond which the middle of a derivation is left out; a constant without a derivation."""


def as_text(derivation: CheckedSteps, lines: Sequence[Line], notation: str) -> str:
    """Lines of a derivation as plain text, one on each."""
    left = left_sides(derivation, notation)
    lines, dropped = _bounded(lines)
    write = text_writer(notation)
    trees = [write(line.tree) for line in lines]
    width = max(map(len, left))
    # Reasons stand in a column, where the lines are short enough for one.
    column = min(max(map(len, trees)), 60)
    shown = []
    for line, tree in zip(lines, trees, strict=True):
        name = left[line.order] if line.first else ""
        shown.append(f"{name:<{width}} {line.sign} {tree:<{column}}   {line.reason}".rstrip())
    remarks = _remarks(derivation, lines, str, dropped=dropped, cut=any(CUT in tree for tree in trees))
    return "\n".join([*shown, *remarks]) + "\n"


def as_markdown(derivation: CheckedSteps, lines: Sequence[Line], notation: str) -> str:
    """Lines of a derivation as Markdown that GitHub shows, each line with its formula and its reason."""
    left = [_left_latex(derivation, order, notation) for order in range(derivation.order + 1)]
    lines, dropped = _bounded(lines)
    write = latex_writer(notation)
    shown: list[str] = []
    for line in lines:
        name = left[line.order] if line.first else ""
        # Between $` and `$ no sign of Markdown has a meaning.
        formula = f"$`{name} {LATEX_SIGNS[line.sign]} {write(line.tree)}`$"
        shown.append(f"{formula}  \n*{line.reason}*" if line.reason else formula)
    return "\n\n".join([*shown, *_remarks(derivation, lines, _code, dropped=dropped)]) + "\n"


def as_latex(derivation: CheckedSteps, lines: Sequence[Line], notation: str) -> str:
    """Lines of a derivation as an ``aligned`` block of LaTeX."""
    left = [_left_latex(derivation, order, notation) for order in range(derivation.order + 1)]
    lines, dropped = _bounded(lines)
    write = latex_writer(notation)
    rows = [f"{left[line.order] if line.first else ''} &{LATEX_SIGNS[line.sign]} {write(line.tree)}" for line in lines]
    if dropped:
        rows.insert(len(rows) // 2, rf"& \;\text{{({dropped} lines are left out)}}")
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}\n"


def as_html(derivation: CheckedSteps, lines: Sequence[Line], notation: str) -> str:
    """Lines of a derivation as a table of HTML: what it is of, a formula, and the reason for the next one."""
    left = left_sides(derivation, notation)
    lines, dropped = _bounded(lines)
    shown = []
    for line in lines:
        formula = f"{line.sign} {_html_of(line.tree, notation)}"
        formula = f"<strong>{formula}</strong>" if line.wrong else formula
        cells = (left[line.order] if line.first else "", formula, html.escape(line.reason, quote=False))
        shown.append(f"<tr>{''.join(f'{CELL}{cell}</td>' for cell in cells)}</tr>")
    remarks = html.escape(" ".join(_remarks(derivation, lines, str, dropped=dropped)), quote=False)
    return "\n".join(["<table>", *shown, "</table>", f"<p>{remarks}</p>"])


def for_notebook(markdown: str) -> str:
    """Markdown as notebooks read it, which know the signs of mathematics without their backquotes."""
    return markdown.replace("$` ", "$").replace("$`", "$").replace("`$", "$")


def _code(text: str) -> str:
    return f"`{text}`"


def function_name(derivation: CheckedSteps) -> str:
    """f, or another letter where f is in use."""
    used = {step.value for step in derivation.expression.program if step.operation == "variable"}
    used |= {step.value[0] for step in derivation.expression.program if isinstance(step.value, tuple)}
    return next(name for name in ("f", "g", "h", *(f"f{k}" for k in range(1, len(used) + 2))) if name not in used)


def left_sides(derivation: CheckedSteps, notation: str) -> list[str]:
    """What stands left of the sign of equality, for the function and every derivative."""
    return [left_side(derivation, order, notation) for order in range(derivation.order + 1)]


def left_side(derivation: CheckedSteps, order: int, notation: str) -> str:
    """What stands left of the sign of equality: f(x), and of the first derivative d/dx f(x) or f'(x)."""
    check_notation(notation)
    name, variable = function_name(derivation), derivation.variable
    if notation == "prime" or not order:
        return f"{name}{order * chr(39)}({variable})"
    power = f"^{order}" if order > 1 else ""
    return f"d{power}/d{variable}{power} {name}({variable})"


def _left_latex(derivation: CheckedSteps, order: int, notation: str) -> str:
    check_notation(notation)
    name, variable = latex_name(function_name(derivation)), latex_name(derivation.variable)
    if notation == "prime" or not order:
        return f"{name}{latex_primes(order)}({variable})"
    power = f"^{{{order}}}" if order > 1 else ""
    return rf"\frac{{d{power}}}{{d{variable}{power}}} {name}({variable})"


def _bounded(lines: Sequence[Line]) -> tuple[Sequence[Line], int]:
    """The lines, of very many only the first and the last ones, and how many are left out."""
    if len(lines) <= MAX_LINES:
        return lines, 0
    half = MAX_LINES // 2
    return (*lines[:half], *lines[-half:]), len(lines) - MAX_LINES


def _remarks(
    derivation: CheckedSteps, lines: Sequence[Line], formula: Callable[[str], str], *, dropped: int, cut: bool = False
) -> Iterator[str]:
    wrong = sum(line.wrong for line in lines)
    if dropped:
        yield f"In the middle {dropped} lines are left out."
    if cut:
        yield f"Where a line ends in {CUT} it is cut after {MAX_CHARACTERS} characters."
    if derivation.conditions:
        write = text_writer("leibniz")
        yield f"It holds where {', '.join(formula(_condition(one, write)) for one in derivation.conditions)}."
    if not wrong:
        yield f"Check of every step: {derivation.verification}."
    else:
        marked = "the line with ≠ is" if wrong == 1 else f"the {wrong} lines with ≠ are"
        yield f"Check of every step with =: {derivation.verification}; {marked} refuted."


def to_text(formula: Expression | Condition | str) -> str:
    """A formula, or a condition of a step, as people write it; `str` writes what Python reads.

    Parameters
    ----------
    formula : Expression, Condition or str
        What `parse` returns, a part of a derivation, or a text that `parse` reads.

    Returns
    -------
    str
        Cut, with ``…`` at its end, beyond 2000 characters.

    Raises
    ------
    ParseError
        If a text is no formula.

    Examples
    --------
    >>> to_text("3*x**2*sin(x)/sqrt(x)")
    '3x^2·sin(x)/√x'
    >>> from derivkit import derive
    >>> [to_text(one) for one in derive("1/(x^2 - 2)").conditions]
    ['x^2 - 2 ≠ 0']
    """
    write = text_writer("leibniz")
    return _condition(formula, write) if isinstance(formula, Condition) else write(expression_of(formula).root)


def to_latex(formula: Expression | str) -> str:
    r"""A formula as LaTeX, without signs around it that begin mathematics.

    Parameters
    ----------
    formula : Expression or str
        As of :func:`to_text`.

    Returns
    -------
    str
        A text that says so instead of more than 8000 characters.

    Raises
    ------
    ParseError
        If a text is no formula.

    Examples
    --------
    >>> print(to_latex("sin(x)^2/sqrt(x)"))
    \frac{\sin^{2}\left(x\right)}{\sqrt{x}}
    """
    return latex_writer("leibniz")(expression_of(formula).root)


def to_html(formula: Expression | str) -> str:
    """A formula as HTML that needs no script: exponents are raised, functions have their names.

    Parameters
    ----------
    formula : Expression or str
        As of :func:`to_text`.

    Returns
    -------
    str
        Cut, with ``…`` at its end, beyond 2000 characters.

    Raises
    ------
    ParseError
        If a text is no formula.

    Examples
    --------
    >>> to_html("2*x^3*sin(x)")
    '2x<sup>3</sup>·sin(x)'
    """
    return _html_of(expression_of(formula).root)


def _html_of(root: Node, notation: str = "leibniz") -> str:
    groups = itertools.groupby(pieces_of(root, notation, raised=True), key=lambda piece: piece.raised)
    texts = ((raised, html.escape("".join(map(_html_piece, pieces)), quote=False)) for raised, pieces in groups)
    return "".join(f"<sup>{text}</sup>" if raised else text for raised, text in texts)


def _html_piece(piece: Piece) -> str:
    return f"{piece.text}/{piece.below} " if piece.below else piece.text


def _condition(condition: Condition, write: Callable[[Node], str]) -> str:
    right = "" if condition.alone else f" {write(condition.right)}"
    place = f" {condition.place}" if condition.place else ""
    return f"{write(condition.left)} {condition.relation}{right}{place}"
