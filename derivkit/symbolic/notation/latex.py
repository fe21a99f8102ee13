r"""Trees written as LaTeX, and in the part of it that matplotlib's mathtext knows.

mathtext has no `cases`: there the pieces of a function stand in rows by ``\substack``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from derivkit.expressions.layout import Layout, Part, Strength, decimal, joined
from derivkit.expressions.tree import GREEK, Constant, Node, Number, Operation, Unevaluated, Unknown, Variable, as_typed
from derivkit.operations.elementary import COMPARISONS, OPERATIONS
from derivkit.symbolic.notation.typesetting import Typesetter
from derivkit.symbolic.notation.writing import MAX_CHARACTERS, check_notation, infix, needs_no_brackets

TOO_LONG = r"\text{(too long to be written out)}"


def latex(root: Node, notation: str = "leibniz", *, mathtext: bool = False) -> str:
    r"""A tree as LaTeX; a text that says so instead of more than 8000 characters.

    Parameters
    ----------
    root : Node
        The tree.
    notation : str
        ``prime`` or ``leibniz``.
    mathtext : bool
        Whether only what matplotlib's mathtext knows may be used.

    Examples
    --------
    >>> from derivkit.expressions.expression import parse
    >>> print(latex(parse("sin(x)**2/sqrt(x)").root))
    \frac{\sin^{2}\left(x\right)}{\sqrt{x}}
    """
    return latex_writer(notation, mathtext=mathtext)(root)


def latex_writer(notation: str, *, mathtext: bool = False) -> Callable[[Node], str]:
    """What writes trees as LaTeX, as `latex` does; a part that several of them share is written once."""
    check_notation(notation)
    layout = partial(_layout, notation=notation, mathtext=mathtext)
    typeset = Typesetter(layout, r"\left(", r"\right)", 4 * MAX_CHARACTERS)

    def latex_of(root: Node) -> str:
        tokens, cut = typeset(root)
        return TOO_LONG if cut else "".join(tokens)

    return latex_of


def _layout(  # noqa: C901, PLR0911 -- a table of cases
    node: Node, *, notation: str, mathtext: bool, followed: bool
) -> Layout[str]:
    match node:
        case Number(value):
            mantissa, _, exponent = decimal(value).partition("e")
            if exponent:
                return Strength.PRODUCT, (rf"{mantissa} \cdot 10^{{{exponent}}}",)
            return (Strength.ATOM, (mantissa,)) if mantissa else (Strength.PRODUCT, (latex(as_typed(value)),))
        case Constant(name) | Variable(name):
            return Strength.ATOM, (latex_name(name),)
        case Unknown(name, order, _):
            return Strength.ATOM, (rf"{latex_name(name)}{latex_primes(order)}\left(", Part(0), r"\right)")
        case Unevaluated() if notation == "prime":
            return Strength.ATOM, (r"\left(", Part(0), r"\right)'")
        case Unevaluated(piece, variable):
            bare = needs_no_brackets(piece) and not followed
            inner = (Part(0),) if bare else (r"\left[", Part(0), r"\right]")
            return Strength.PRODUCT, (rf"\frac{{d}}{{d{latex_name(variable)}}} ", *inner)
        case Operation("power", (Operation(name, (_,)), Number(value))) if OPERATIONS[name].power_at_name and value > 1:
            power = (rf"{_template(name, 1)}^{{", Part(1), "}")
            return Strength.ATOM, (*power, r"\left(", Part(0, deeper=(0,)), r"\right)")
        case Operation("power", _):
            return Strength.POWER, (Part(0, Strength.ATOM), "^{", Part(1), "}")
        case Operation("divide", _):
            return Strength.PRODUCT, (r"\frac{", Part(0), "}{", Part(1), "}")
        case Operation("piecewise", arguments):
            return Strength.ATOM, _cases(len(arguments), mathtext=mathtext)
    return infix(node, _RELATIONS, str, touching=" ", times=r" \cdot ") or _function_layout(node)


_RELATIONS = {row.name: row.latex[0] for row in COMPARISONS}


def _function_layout(node: Operation) -> Layout[str]:
    """By the template of the operation, in which #1 stands for the first argument."""
    template = _template(node.name, len(node.arguments))
    if "#" not in template:
        template += rf"\left({', '.join(f'#{k + 1}' for k in range(len(node.arguments)))}\right)"
    pieces = re.split(r"#([0-9]+)", template)
    items = [Part(int(piece) - 1) if k % 2 else piece for k, piece in enumerate(pieces) if piece]
    return Strength.POWER if "^{#1}" in template else Strength.ATOM, items


def _template(name: str, count: int) -> str:
    """How an operation of this many arguments is set."""
    row = OPERATIONS[name]
    if row.latex:
        return row.latex[min(count, len(row.latex)) - 1]
    return rf"\operatorname{{{_safe(name)}}}"


def _safe(name: str) -> str:
    return name.replace("_", r"\_")


def latex_name(name: str) -> str:
    """A name: Greek letters as such, a number at the end as an index, several letters upright."""
    letters = name.rstrip("0123456789").rstrip("_")
    index = name[len(letters) :].lstrip("_")
    shown = rf"\{letters}" if letters in GREEK or letters == "pi" else letters
    if len(letters) > 1 and shown == letters:
        shown = rf"\mathrm{{{_safe(letters)}}}"
    return f"{shown}_{{{index}}}" if index and letters else shown or rf"\mathrm{{{_safe(name)}}}"


def latex_primes(order: int) -> str:
    """The primes of a derivative, or its order in brackets."""
    return order * "'" if order <= 3 else f"^{{({order})}}"


def _cases(count: int, *, mathtext: bool) -> list[str | Part]:
    gap = r",\ " if mathtext else " & "
    rows: list[list[str | Part]] = [[Part(k), gap, r"\text{if } ", Part(k + 1)] for k in range(0, count - 1, 2)]
    rows += [[Part(count - 1), gap, r"\text{otherwise}"]] if count % 2 else []
    start, end = (r"\left\{\substack{", r"}\right.") if mathtext else (r"\begin{cases}", r"\end{cases}")
    return [start, *joined(rows, r" \\ "), end]
