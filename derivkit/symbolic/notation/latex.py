r"""Trees written as LaTeX, and in the part of it that matplotlib's mathtext knows.

mathtext has no `cases`: there the pieces of a function stand in rows by ``\substack``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from derivkit.expressions.tree import (
    Constant,
    Node,
    Number,
    Operation,
    Unevaluated,
    Unknown,
    Variable,
    as_typed,
    decimal,
)
from derivkit.operations.elementary import OPERATIONS
from derivkit.symbolic.notation.writing import (
    ATOM,
    COMPARED,
    MOST_CHARACTERS,
    POWER,
    PRODUCT,
    RELATIONS,
    SIGNED,
    SUM,
    _begins_with_sign,
    _check,
    _in_one,
    _touches,
)

TOO_LONG = r"\text{(too long to be written out)}"
GREEK = frozenset(
    (
        *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa", "lambda", "mu", "nu", "xi"),
        *("rho", "sigma", "tau", "phi", "chi", "psi", "omega"),
    )
)
"""Names of variables that are written as letters."""
_Item = str | tuple[Node, int]
_Layout = tuple[int, Sequence[_Item]]


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
    _check(notation)
    found: list[str] = []
    length = 0
    stack: list[str | tuple[Node, int, bool]] = [(root, 0, False)]
    while stack:
        top = stack.pop()
        if isinstance(top, str):
            found.append(top)
            length += len(top)
            if length > 4 * MOST_CHARACTERS:
                return TOO_LONG
            continue
        node, least, followed = top
        strength, layout = _layout(node, notation, mathtext=mathtext)
        if isinstance(node, Unevaluated) and strength < ATOM and (followed or not _in_one(node.piece)):
            layout = (layout[0], r"\left[", *layout[1:], r"\right]")
        if strength < least:
            layout, followed = (r"\left(", *layout, r"\right)"), False
        factors = node.arguments if isinstance(node, Operation) and node.name == "multiply" else ()
        for item in reversed(layout):
            if isinstance(item, str):
                stack.append(item)
            else:
                stack.append((*item, bool(factors) and (followed or item[0] is factors[0])))
    return "".join(found)


def _layout(node: Node, notation: str, *, mathtext: bool) -> _Layout:  # noqa: PLR0911 -- a table of cases
    if isinstance(node, Number):
        shown = decimal(node.value)
        if "e" in shown:
            mantissa, exponent = shown.split("e")
            return PRODUCT, (rf"{mantissa} \cdot 10^{{{exponent}}}",)
        return (ATOM, (shown,)) if shown else (PRODUCT, (latex(as_typed(node.value)),))
    if isinstance(node, Constant | Variable):
        return ATOM, (_name(node.name),)
    parts = node.arguments
    match node:
        case Unknown(name, order, _):
            primes = order * "'" if order <= 3 else f"^{{({order})}}"
            return ATOM, (rf"{_name(name)}{primes}\left(", (parts[0], COMPARED), r"\right)")
        case Unevaluated(_, variable):
            if notation == "prime":
                return ATOM, (r"\left(", (parts[0], COMPARED), r"\right)'")
            return PRODUCT, (rf"\frac{{d}}{{d{_name(variable)}}} ", (parts[0], COMPARED))
        case Operation("power", (Operation(name, (inner,)), Number(value))) if (
            OPERATIONS[name].power_at_name and value > 1
        ):
            power = (rf"{_template(name, 1)}^{{", (parts[1], COMPARED), "}")
            return ATOM, (*power, r"\left(", (inner, COMPARED), r"\right)")
        case Operation("power", _):
            return POWER, ((parts[0], ATOM), "^{", (parts[1], COMPARED), "}")
        case Operation("piecewise", arguments):
            return ATOM, _cases(arguments, mathtext=mathtext)
    return _operation(node)


def _operation(node: Operation) -> _Layout:
    parts = node.arguments
    match node:
        case Operation("negate", _):
            return SIGNED, ("-", (parts[0], SIGNED))
        case Operation("add" | "subtract" as name, (_, right)):
            sign = " + " if name == "add" else " - "
            return SUM, ((parts[0], SUM), sign, (parts[1], ATOM if _begins_with_sign(right) else PRODUCT))
        case Operation("multiply", (left, right)):
            least = PRODUCT if isinstance(right, Unevaluated) else POWER
            sign = " " if _touches(left, right) else r" \cdot "
            return PRODUCT, ((parts[0], PRODUCT), sign, (parts[1], least))
        case Operation("divide", _):
            return PRODUCT, (r"\frac{", (parts[0], COMPARED), "}{", (parts[1], COMPARED), "}")
        case Operation(name, _) if name in RELATIONS:
            return COMPARED, ((parts[0], SUM), f" {OPERATIONS[name].latex[0]} ", (parts[1], SUM))
    template = _template(node.name, len(parts))
    if "#" not in template:
        template += rf"\left({', '.join(f'#{k + 1}' for k in range(len(parts)))}\right)"
    pieces = re.split(r"#([0-9]+)", template)
    items = [(parts[int(piece) - 1], COMPARED) if k % 2 else piece for k, piece in enumerate(pieces) if piece]
    return POWER if "^{#1}" in template else ATOM, items


def _template(name: str, count: int) -> str:
    """How an operation of so many arguments is set."""
    row = OPERATIONS[name]
    if row.latex:
        return row.latex[min(count, len(row.latex)) - 1]
    return rf"\operatorname{{{_safe(name)}}}"


def _safe(name: str) -> str:
    return name.replace("_", r"\_")


def _name(name: str) -> str:
    """A name: Greek letters as such, a number at the end as an index, several letters upright."""
    letters = name.rstrip("0123456789").rstrip("_")
    index = name[len(letters) :].lstrip("_")
    shown = rf"\{letters}" if letters in GREEK or letters == "pi" else letters
    if len(letters) > 1 and shown == letters:
        shown = rf"\mathrm{{{_safe(letters)}}}"
    return f"{shown}_{{{index}}}" if index and letters else shown or rf"\mathrm{{{_safe(name)}}}"


def _cases(parts: Sequence[Node], *, mathtext: bool) -> list[_Item]:
    count = len(parts)
    gap = r",\ " if mathtext else " & "
    rows: list[list[_Item]] = [
        [(parts[k], COMPARED), gap, r"\text{if } ", (parts[k + 1], COMPARED)] for k in range(0, count - 1, 2)
    ]
    if count % 2:
        rows.append([(parts[count - 1], COMPARED), gap, r"\text{otherwise}"])
    joined: list[_Item] = []
    for row in rows:
        joined += [r" \\ ", *row] if joined else row
    start, end = (r"\left\{\substack{", r"}\right.") if mathtext else (r"\begin{cases}", r"\end{cases}")
    return [start, *joined, end]
