"""Trees written as people write them: 5·5x^(5 - 1), √(x + 1), |x|, d/dx [3x^2 + 5x].

What is written is a list of pieces, each with its place in the tree, so that a figure can colour one. Numbers stand
directly before names, powers and functions, all other factors have a dot between them. `reading` reads it back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from derivkit.expressions.tree import (
    Branch,
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
from derivkit.operations.elementary import COMPARISONS, ELEMENTARY

if TYPE_CHECKING:
    from derivkit.symbolic.rules import Rule

Path = tuple[int, ...]
"""A place in a tree: which argument to take, from the root down."""
Notation = Literal["prime", "leibniz"]
NOTATIONS = ("prime", "leibniz")
MOST_CHARACTERS = 2000
"""Characters of a line, beyond which it is cut: as many as a formula that is typed may have."""
CUT = "…"

COMPARED, SUM, PRODUCT, SIGNED, POWER, ATOM = range(6)
"""How strongly an operation binds."""
RELATIONS: Mapping[str, str] = {row.name: row.written for row in COMPARISONS}
ROOTS: Mapping[str, str] = {row.name: row.written for row in ELEMENTARY.values() if row.written}
"""Functions of which the sign stands before their argument."""


@dataclass(frozen=True)
class Piece:
    """A piece of what is written.

    Attributes
    ----------
    text, below : str
        What is written; of the fraction d/dx the two halves.
    path : tuple of int
        The node that it belongs to.
    sign : bool
        Whether it is the sign of the operation there.
    raised : bool
        Whether it is an exponent.
    """

    text: str
    path: Path
    sign: bool = False
    below: str = ""
    raised: bool = False


@dataclass(frozen=True)
class _Said:
    text: str
    below: str = ""
    sign: bool = True


@dataclass(frozen=True)
class _Part:
    index: int
    least: int = COMPARED
    raised: bool = False
    followed: bool | None = False
    """Whether a factor comes behind it, which a d/dx would seem to act on; None: if one comes behind the whole."""


_Layout = tuple[int, Sequence["_Said | _Part"]]


def pieces_of(root: Node, notation: str = "leibniz", *, raised: bool = False) -> list[Piece]:
    """What is written for a tree, piece by piece; cut, with `…` as the last piece, beyond 2000 characters.

    Parameters
    ----------
    root : Node
        The tree.
    notation : str
        ``prime`` or ``leibniz``.
    raised : bool
        Whether exponents are raised, for a figure, or written with ``^``.
    """
    _check(notation)
    pieces: list[Piece] = []
    length = 0
    # Texts, and nodes with the least strength they need, their place, how often they are raised, what comes behind.
    stack: list[tuple[_Said | Node, int, Path, int, bool]] = [(root, 0, (), 0, False)]
    while stack:
        top, least, path, lifted, followed = stack.pop()
        if isinstance(top, _Said):
            length += len(top.text) + len(top.below)
            pieces.append(Piece(top.text, path, top.sign, top.below, lifted > 0))
            if length > MOST_CHARACTERS:
                return [*pieces, Piece(CUT, ())]
            continue
        strength, layout = _layout(top, notation, raised=raised and not lifted)
        if strength < least or (followed and strength < ATOM and isinstance(top, Unevaluated)):
            layout, followed = (_Said("(", sign=False), *layout, _Said(")", sign=False)), False
        for item in reversed(layout):
            if isinstance(item, _Said):
                stack.append((item, 0, path, lifted, False))
            elif isinstance(top, Branch):
                part, behind = top.arguments[item.index], followed if item.followed is None else item.followed
                stack.append((part, item.least, (*path, item.index), lifted + item.raised, behind))
    return pieces


def written(root: Node, notation: str = "leibniz") -> str:
    """A tree as text; cut, with ``…`` at its end, beyond 2000 characters.

    Examples
    --------
    >>> from derivkit.expressions.expression import parse
    >>> written(parse("3*x**(2 - 1)*sin(x)**2/abs(x)").root)
    '3x^(2 - 1)·sin(x)^2/|x|'
    """
    return "".join(text_of_piece(piece) for piece in pieces_of(root, notation))


def text_of_piece(piece: Piece) -> str:
    """A piece as text: d/dx with a blank behind it."""
    return f"{piece.text}/{piece.below} " if piece.below else piece.text


def rule_text(rule: Rule) -> str:
    """What a rule of differentiation says.

    Examples
    --------
    >>> from derivkit.symbolic.rules import RULES
    >>> rule_text(RULES["tanh"][0]), rule_text(RULES["acos"][0])
    ("(tanh(u))' = u'/cosh(u)^2", "(acos(u))' = -u'/√(1 - u^2)")
    """
    if rule.formula or rule.slopes is None:
        return rule.formula
    u, du = Variable("u"), Variable("u'")
    (slope,) = rule.slopes(u)
    return f"({written(Operation(rule.operation, (u,)))})' = {written(_multiplied(slope, du))}"


def _multiplied(slope: Node, du: Node) -> Node:
    """The slope times du, which stands above the fraction bar where there is a 1."""
    match slope:
        case Operation("negate", (Operation("divide", (Number(Fraction(numerator=1, denominator=1)), below)),)):
            return Operation("divide", (Operation("negate", (du,)), below))
        case Operation("divide", (Number(Fraction(numerator=1, denominator=1)), below)):
            return Operation("divide", (du, below))
        case Number(Fraction(numerator=0)):
            return slope
    return Operation("multiply", (slope, du))


def _check(notation: str) -> None:
    if notation not in NOTATIONS:
        raise ValueError(f"no notation named {notation!r}; there are {', '.join(NOTATIONS)}")


def _layout(node: Node, notation: str, *, raised: bool) -> _Layout:  # noqa: PLR0911 -- a table of cases
    """How strongly a node binds, and what is written: texts, and arguments with the least strength they need."""
    if isinstance(node, Number):
        shown = decimal(node.value)
        if shown:
            return ATOM, (_Said(shown, sign=False),)
        # Digits of a number beyond any that a person types; as one piece, for a number has no parts.
        quotient = as_typed(node.value)
        return PRODUCT, (_Said(written(quotient), sign=False),)
    if isinstance(node, Constant | Variable):
        return ATOM, (_Said("π" if node == Constant("pi") else node.name, sign=False),)
    match node:
        case Unknown(name, order, _):
            return ATOM, (_Said(f"{name}{order * chr(39)}("), _Part(0), _Said(")"))
        case Unevaluated(piece, variable):
            return _derivative_layout(piece, variable, notation)
        case Operation("power", _) if raised:
            return POWER, (_Part(0, ATOM), _Part(1, raised=True))
        case Operation("power", _):
            return POWER, (_Part(0, ATOM), _Said("^"), _Part(1, ATOM))
    return _operation_layout(node)


def _derivative_layout(piece: Node, variable: str, notation: str) -> _Layout:
    if notation == "prime":
        return ATOM, (_Said("("), _Part(0), _Said(")'"))
    operator = _Said("d", f"d{variable}")
    if _in_one(piece):
        return PRODUCT, (operator, _Part(0))
    return PRODUCT, (operator, _Said("["), _Part(0), _Said("]"))


def _in_one(node: Node) -> bool:
    """Whether d/dx needs no brackets: an atom, a power, or a number directly before such."""
    if isinstance(node, Operation) and node.name == "multiply":
        left, right = node.arguments
        return isinstance(left, Number) and _touches(left, right)
    return not isinstance(node, Unevaluated) and _layout(node, "prime", raised=False)[0] >= POWER


def _touches(left: Node, right: Node) -> bool:
    """Whether two factors are written without a dot: a number and a name or its power."""
    last = left
    if isinstance(last, Operation) and last.name == "multiply":
        last = last.arguments[1]
    elif isinstance(last, Operation) and last.name == "negate":
        last = last.arguments[0]
    first = right.arguments[0] if isinstance(right, Operation) and right.name == "power" else right
    # 2e5 would be a number.
    named = isinstance(first, Variable | Constant) and not first.name.lower().startswith("e")
    return isinstance(last, Number) and last.value != 1 and decimal(last.value).isdigit() and named


def _operation_layout(node: Operation) -> _Layout:  # noqa: C901, PLR0911 -- a table of cases
    match node:
        case Operation("negate", _):
            return SIGNED, (_Said("-"), _Part(0, SIGNED, followed=None))
        case Operation("add" | "subtract" as name, (_, right)):
            least = ATOM if _begins_with_sign(right) else PRODUCT
            return SUM, (_Part(0, SUM), _Said(" + " if name == "add" else " - "), _Part(1, least))
        case Operation("multiply", (left, right)):
            sign = () if _touches(left, right) else (_Said("·"),)
            return PRODUCT, (_Part(0, PRODUCT, followed=True), *sign, _Part(1, _least_right(right), followed=None))
        case Operation("divide", (left, _)):
            first: list[_Said | _Part] = [_Part(0, PRODUCT, followed=True)]
            if _last_factor(left) == Variable("d"):  # d/dx is something else
                first = [_Said("("), *first, _Said(")")]
            return PRODUCT, (*first, _Said("/"), _Part(1, POWER))
        case Operation(name, _) if name in RELATIONS:
            return COMPARED, (_Part(0, SUM), _Said(f" {RELATIONS[name]} "), _Part(1, SUM))
        case Operation("abs", _):
            return ATOM, (_Said("|"), _Part(0), _Said("|"))
        case Operation(name, (argument,)) if name in ROOTS:
            if isinstance(argument, Variable | Constant | Number):
                return ATOM, (_Said(ROOTS[name]), _Part(0, ATOM))
            return ATOM, (_Said(f"{ROOTS[name]}("), _Part(0), _Said(")"))
        case Operation("piecewise", arguments):
            return ATOM, _cases(len(arguments))
    items: list[_Said | _Part] = []
    for k in range(len(node.arguments)):
        items += [_Said(", "), _Part(k)] if k else [_Part(k)]
    return ATOM, (_Said(f"{node.name}("), *items, _Said(")"))


def _cases(count: int) -> list[_Said | _Part]:
    items: list[_Said | _Part] = [_Said("{")]
    for k in range(0, count - 1, 2):
        items += [*([_Said("; ")] if k else []), _Part(k), _Said(" if "), _Part(k + 1)]
    if count % 2:
        items += [_Said("; "), _Part(count - 1), _Said(" otherwise")]
    return [*items, _Said("}")]


def _last_factor(node: Node) -> Node:
    while isinstance(node, Operation) and node.name in {"multiply", "divide", "power", "negate"}:
        node = node.arguments[0 if node.name == "power" else -1]
    return node


def _least_right(node: Node) -> int:
    """Of a later factor: a product in brackets, and so is what begins with a sign."""
    if isinstance(node, Unevaluated):
        return PRODUCT
    return POWER


def _begins_with_sign(node: Node) -> bool:
    while isinstance(node, Operation) and node.name in {"multiply", "divide"}:
        node = node.arguments[0]
    return isinstance(node, Operation) and node.name == "negate"
