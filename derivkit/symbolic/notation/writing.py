"""Trees written as people write them: 5·5x^(5 - 1), √(x + 1), |x|, d/dx [3x^2 + 5x].

What is written is a list of pieces, each with its place in the tree, so that a figure can colour one. Numbers stand
directly before names, powers and functions, all other factors have a dot between them. `reading` reads it back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, partial
from typing import TypeVar

from derivkit.expressions.algebra import first_factor, is_negated
from derivkit.expressions.layout import Layout, Part, Strength, decimal, joined, laid_out, path_of
from derivkit.expressions.tree import (
    Constant,
    Node,
    Number,
    Operation,
    Unevaluated,
    Unknown,
    Variable,
    as_typed,
)
from derivkit.operations.elementary import COMPARISONS, ELEMENTARY
from derivkit.symbolic.notation.typesetting import Typesetter
from derivkit.symbolic.rules import Rule

T = TypeVar("T")

Path = tuple[int, ...]
"""A place in a tree: which argument to take, from the root down."""
NOTATIONS = ("prime", "leibniz")
MAX_CHARACTERS = 2000
"""Characters of a line, beyond which it is cut: as many as a formula that is typed may have."""
CUT = "…"

RELATION_SIGNS: Mapping[str, str] = {row.name: row.written for row in COMPARISONS}
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
class _Token:
    text: str
    below: str = ""
    sign: bool = True

    def __len__(self) -> int:
        return len(self.text) + len(self.below)

    def __str__(self) -> str:
        return f"{self.text}/{self.below} " if self.below else self.text


_BRACKETS = _Token("(", sign=False), _Token(")", sign=False)


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
    check_notation(notation)
    pieces: list[Piece] = []
    length = 0
    layout = partial(_layout, notation=notation, raising=raised)
    for token, place, lifted in laid_out(root, layout, *_BRACKETS):
        length += len(token)
        pieces.append(Piece(token.text, path_of(place), token.sign, token.below, lifted))
        if length > MAX_CHARACTERS:
            return [*pieces, Piece(CUT, ())]
    return pieces


def written(root: Node, notation: str = "leibniz") -> str:
    """A tree as text; cut, with ``…`` at its end, beyond 2000 characters.

    Examples
    --------
    >>> from derivkit.expressions.expression import parse
    >>> written(parse("3*x**(2 - 1)*sin(x)**2/abs(x)").root)
    '3x^(2 - 1)·sin(x)^2/|x|'
    """
    return text_writer(notation)(root)


def text_writer(notation: str) -> Callable[[Node], str]:
    """What writes trees as text, as `written` does; a part that several of them share is written once."""
    check_notation(notation)
    typeset = Typesetter(partial(_layout, notation=notation), *_BRACKETS, MAX_CHARACTERS)

    def text_of(root: Node) -> str:
        tokens, cut = typeset(root)
        return "".join(map(str, tokens)) + CUT * cut

    return text_of


@cache
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


def check_notation(notation: str) -> None:
    """Raise ValueError unless it is a notation."""
    if notation not in NOTATIONS:
        raise ValueError(f"no notation named {notation!r}; there are {', '.join(NOTATIONS)}")


def _layout(  # noqa: PLR0911 -- a table of cases
    node: Node, *, notation: str = "prime", raising: bool = False, raised: bool = False, followed: bool = False
) -> Layout[_Token]:
    match node:
        case Number(value):
            # Digits of a number beyond any that a person types are one piece, for a number has no parts.
            shown = decimal(value)
            return (Strength.ATOM if shown else Strength.PRODUCT), (
                _Token(shown or written(as_typed(value)), sign=False),
            )
        case Constant(name) | Variable(name):
            return Strength.ATOM, (_Token("π" if node == Constant("pi") else name, sign=False),)
        case Unknown(name, order, _):
            return Strength.ATOM, (_Token(f"{name}{order * chr(39)}("), Part(0), _Token(")"))
        case Unevaluated() if notation == "prime":
            return Strength.ATOM, (_Token("("), Part(0), _Token(")'"))
        case Unevaluated(piece, variable):
            inner = (Part(0),) if needs_no_brackets(piece) else (_Token("["), Part(0), _Token("]"))
            return Strength.BRACKETED if followed else Strength.PRODUCT, (_Token("d", f"d{variable}"), *inner)
        case Operation("power", _) if raising and not raised:
            return Strength.POWER, (Part(0, Strength.ATOM), Part(1, raised=True))
        case Operation("power", _):
            return Strength.POWER, (Part(0, Strength.ATOM), _Token("^"), Part(1, Strength.ATOM))
        case Operation("divide", (left, _)):
            first: list[_Token | Part] = [Part(0, Strength.PRODUCT, followed=True)]
            if _last_factor(left) == Variable("d"):  # d/dx is something else
                first = [_Token("("), *first, _Token(")")]
            return Strength.PRODUCT, (*first, _Token("/"), Part(1, Strength.POWER))
    return infix(node, RELATION_SIGNS, _Token, touching="", times="·") or _function_layout(node)


def _function_layout(node: Operation) -> Layout[_Token]:
    match node:
        case Operation("abs", _):
            return Strength.ATOM, (_Token("|"), Part(0), _Token("|"))
        case Operation(name, (Variable() | Constant() | Number(),)) if name in ROOTS:
            return Strength.ATOM, (_Token(ROOTS[name]), Part(0, Strength.ATOM))
        case Operation("piecewise", arguments):
            cases = [(Part(k), _Token(" if "), Part(k + 1)) for k in range(0, len(arguments) - 1, 2)]
            otherwise = [(Part(len(arguments) - 1), _Token(" otherwise"))] if len(arguments) % 2 else []
            return Strength.ATOM, (_Token("{"), *joined([*cases, *otherwise], _Token("; ")), _Token("}"))
    parts = joined([(Part(k),) for k in range(len(node.arguments))], _Token(", "))
    return Strength.ATOM, (_Token(f"{ROOTS.get(node.name, node.name)}("), *parts, _Token(")"))


def infix(
    node: Operation, relations: Mapping[str, str], token: Callable[[str], T], *, touching: str, times: str
) -> Layout[T] | None:
    """The layout of a sign, a sum, a product or a comparison; None of any other operation.

    Parameters
    ----------
    node : Operation
        The operation.
    relations : mapping
        From the names of comparisons to their signs.
    token : callable
        Makes a token of a text.
    touching, times : str
        What stands between two factors that are written without a dot, and between others.
    """
    match node:
        case Operation("negate", _):
            return Strength.SIGNED, (token("-"), Part(0, Strength.SIGNED))
        case Operation("add" | "subtract" as name, (_, right)):
            least = Strength.ATOM if is_negated(first_factor(right)) else Strength.PRODUCT
            return Strength.SUM, (Part(0, Strength.SUM), token(" + " if name == "add" else " - "), Part(1, least))
        case Operation("multiply", (left, right)):
            sign = touching if _touches(left, right) else times
            least = Strength.PRODUCT if isinstance(right, Unevaluated) else Strength.POWER
            signs = [token(sign)] if sign else []
            return Strength.PRODUCT, (Part(0, Strength.PRODUCT, followed=True), *signs, Part(1, least, followed=None))
        case Operation(name, _) if name in relations:
            return Strength.COMPARED, (Part(0, Strength.SUM), token(f" {relations[name]} "), Part(1, Strength.SUM))
    return None


def needs_no_brackets(node: Node) -> bool:
    """Whether d/dx needs no brackets behind it: before an atom, a power, or a number directly before such."""
    if isinstance(node, Operation) and node.name == "multiply":
        left, right = node.arguments
        return isinstance(left, Number) and _touches(left, right)
    return not isinstance(node, Unevaluated) and _layout(node)[0] >= Strength.POWER


def _touches(left: Node, right: Node) -> bool:
    """Whether two factors are written without a dot: a number and a name or its power."""
    last = left
    if isinstance(last, Operation) and last.name == "multiply":
        last = last.arguments[1]
    elif is_negated(last):
        last = last.arguments[0]
    first = right.arguments[0] if isinstance(right, Operation) and right.name == "power" else right
    # 2e5 would be a number.
    named = isinstance(first, Variable | Constant) and not first.name.lower().startswith("e")
    return isinstance(last, Number) and last.value != 1 and decimal(last.value).isdigit() and named


def _last_factor(node: Node) -> Node:
    while isinstance(node, Operation) and node.name in {"multiply", "divide", "power", "negate"}:
        node = node.arguments[0 if node.name == "power" else -1]
    return node
