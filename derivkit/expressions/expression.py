"""Read a formula that a person typed, without ever running it.

Three gates stand one behind the other, and each is enough to keep code from running:

1. :mod:`derivkit.expressions.grammar` refuses the first token that cannot stand where it stands.
2. `ast.parse` builds the tree from the tokens, written anew in Python's spelling.  It only reads.
3. `_children` lets through the six kinds of syntax that a formula is made of, and `_arithmetic` bounds the
   numbers before anything is evaluated.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from derivkit.arguments import shown
from derivkit.expressions.grammar import check
from derivkit.expressions.implicit import multiplied, refuse_joined_names, spelled
from derivkit.expressions.limits import MAX_EXPONENT, MAX_LENGTH, MAX_POWER_BITS, MAX_VALUE_BITS, bits
from derivkit.expressions.tokens import PYTHON, UNKNOWN, ParseError, Source, Token, scan
from derivkit.expressions.tree import (
    CONSTANTS,
    PRIMES,
    Constant,
    Expression,
    Node,
    Number,
    Operation,
    Unknown,
    Variable,
)
from derivkit.operations.elementary import ELEMENTARY
from derivkit.operations.special import LARGEST_ORDER
from derivkit.types import Formula

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def parse(text: str, *, implicit: bool = False) -> Expression:
    """Read a formula; nothing in it is ever run.

    Parameters
    ----------
    text : str
        A formula in Python's spelling; ``^`` is a power too, the cross and the raised dot are ``*``, the
        minus sign and the en dash are ``-``.  Numbers are exact decimals, `pi` and `e` constants, functions
        those of `ELEMENTARY` and their `SYNONYMS`, as SymPy spells them too.  f, g and h, also with digits, are
        unknown functions where they stand before brackets and nowhere without: ``f(x)``, ``g1''(2*x)``.  Any other
        name is a real variable.  Comparisons stand only in ``piecewise((x**2, x < 1), (2*x - 1, True))``.  At most
        2000 characters, 600 numbers, names and signs, and 60 open brackets.
    implicit : bool
        Whether multiplication signs may be left out: ``3x^2``, ``2(x + 1)``, ``x sin(x)``, ``x(x + 1)``.  Such a sign
        multiplies like a written one.  ``2e3`` stays a number and ``x1`` a name; what has two readings is refused:
        ``1/2x``, ``e^2x``, ``e2``, and ``xy``, which is one name elsewhere.

    Returns
    -------
    Expression
        The formula, in the order it was typed, and with all its signs.

    Raises
    ------
    ParseError
        With the column, the reason, and what to write instead.
    TypeError
        If it is no text.

    Examples
    --------
    >>> parse("2*x^2 + ln(x)")
    <Expression 2*x^2 + ln(x)>
    >>> parse("3x^2 + x sin(x)", implicit=True)
    <Expression 3*x^2 + x*sin(x)>
    >>> parse("3*sin x")
    Traceback (most recent call last):
    ...
    derivkit.expressions.tokens.ParseError: '3*sin x' at column 3: sin is a function and needs brackets; write sin(x)
        3*sin x
          ^
    """
    if not isinstance(text, str):
        raise TypeError(f"a formula is a text, such as 'x**2', not {shown(text)}{_way_out(text)}")
    if len(text) > MAX_LENGTH:
        reason = f"the text has {len(text)} characters, the most is {MAX_LENGTH}"
        raise ParseError(text, MAX_LENGTH, reason, "split the formula, or write it as a Python function")
    if not text.strip():
        raise ParseError(text, 0, "there is no formula", "write one, such as x**2")
    source = Source(text, scan(text))
    if implicit:
        source = multiplied(source)
    check(source)
    if implicit:
        refuse_joined_names(source)
    return Expression(_build(source), spelled(source) if implicit else text)


def _way_out(formula: object) -> str:
    """What to write for a formula that another library holds."""
    library = type(formula).__module__.partition(".")[0]
    return f" of {library}: write str(...) of it" if library in {"sympy", "symengine"} else ""


def expression_of(formula: Expression | Node | Formula | str) -> Expression:
    """A formula, a tree or a text as an expression.

    Raises
    ------
    TypeError
        If it is none of these.
    """
    if isinstance(formula, Expression):
        return formula
    if isinstance(formula, Node):
        return Expression(formula)
    return parse(formula)  # type: ignore[arg-type]  # it refuses what is no text


# --- Gates 2 and 3: the tree ---

_BINARY: Mapping[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Pow: "power",
}
_COMPARED: Mapping[type[ast.cmpop], str] = {
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
}
_EXACT: Mapping[str, Callable[..., Fraction]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "negate": operator.neg,
}


@dataclass(frozen=True, slots=True)
class _Subtree:
    """A finished subtree, and its exact value if it is made of numbers and signs only."""

    node: Node
    value: Fraction | None = None


def _build(source: Source) -> Node:
    """Build the tree of checked tokens, in postorder."""
    tree, places = _read(source)
    stack: list[tuple[ast.expr, bool, bool]] = [(tree, False, False)]  # node, is it a condition, are its parts ready
    parts: list[_Subtree] = []
    while stack:
        node, condition, entered = stack.pop()
        token = places[node.col_offset]
        children = _children(node, condition=condition)
        if children is None:
            raise source.error(
                token.column, f"{type(node).__name__} has no place in a formula", "write one such as x**2"
            )
        if children and not entered:
            stack.append((node, condition, True))
            conditional = _pieces_of(node) is not None
            # From behind, so that the first is finished first; every second part of pieces is a condition.
            stack.extend((children[k], conditional and k % 2 == 1, False) for k in range(len(children) - 1, -1, -1))
            continue
        first = len(parts) - len(children)
        tokens = (token, *(places[child.col_offset] for child in children))
        parts[first:] = [_finish(node, tuple(parts[first:]), tokens, source)]
    return parts[0].node


def _read(source: Source) -> tuple[ast.expr, dict[int, Token]]:
    """Python's tree of the tokens, and from each place in it to the token there."""
    places: dict[int, Token] = {}
    spelled, length = [], 0
    for token in source.tokens:
        text = token.text.rstrip(PRIMES) if token.role == "unknown" else token.text
        spelled.append(PYTHON.get(text, text))
        places[length] = token
        length += len(spelled[-1]) + 1
    try:
        # Blanks between the tokens: Python must cut where `scan` did.
        return ast.parse(" ".join(spelled), mode="eval").body, places
    except (SyntaxError, RecursionError, MemoryError, ValueError, OverflowError) as error:
        offset = (error.offset or 1) - 1 if isinstance(error, SyntaxError) else 0
        reason = f"Python cannot read the formula ({type(error).__name__})"
        raise source.error(
            places.get(offset, source.token(0)).column, reason, "write it shorter, or with fewer brackets"
        ) from error


def _children(node: ast.expr, *, condition: bool = False) -> list[ast.expr] | None:
    """The arguments of the kinds of syntax that a formula is made of; None for every other kind."""
    return _sides_of(node) if condition else _arguments_of(node)


def _sides_of(node: ast.expr) -> list[ast.expr] | None:
    match node:
        case ast.Compare(ops=[op], comparators=[right]) if type(op) in _COMPARED:
            return [node.left, right]
    return None


def _arguments_of(node: ast.expr) -> list[ast.expr] | None:
    match node:
        case ast.Name():
            return []
        case ast.Constant(value=value) if type(value) in {int, float}:  # bool is an int
            return []
        case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
            return [node.operand]
        case ast.BinOp() if type(node.op) in _BINARY:
            return [node.left, node.right]
        case ast.Call(func=ast.Name(id=name), keywords=[]) if name in ELEMENTARY or UNKNOWN.fullmatch(name):
            return _pieces_of(node) if name == "piecewise" else node.args
    return None


def _pieces_of(node: ast.expr) -> list[ast.expr] | None:
    """The values and conditions in piecewise, alternating, the value that holds otherwise last."""
    match node:
        case ast.Call(func=ast.Name(id="piecewise"), args=pairs, keywords=[]):
            parts: list[ast.expr] = []
            for pair in pairs:
                match pair:
                    case ast.Tuple(elts=[value, ast.Constant(value=True)]) if pair is pairs[-1]:
                        parts.append(value)
                    case ast.Tuple(elts=[value, condition]):
                        parts += [value, condition]
                    case _:
                        return None
            return parts
    return None


def _finish(node: ast.expr, parts: tuple[_Subtree, ...], tokens: tuple[Token, ...], source: Source) -> _Subtree:
    """The part of a node with finished arguments; `tokens` are the first of the node and of each of them."""
    columns = tuple(token.column for token in tokens)
    match node:
        case ast.Constant():
            value = Fraction(tokens[0].text)  # As typed: Python has made a float of it.
            return _Subtree(Number(value), value)
        case ast.Name(id=name):
            return _Subtree(Constant(name) if name in CONSTANTS else Variable(name))
        case ast.UnaryOp(op=ast.UAdd()):
            return parts[0]
        case ast.UnaryOp() | ast.BinOp():
            return _arithmetic(
                "negate" if isinstance(node, ast.UnaryOp) else _BINARY[type(node.op)], parts, columns, source
            )
        case ast.Compare(ops=[op]):
            return _Subtree(Operation(_COMPARED[type(op)], tuple(part.node for part in parts)))
        case ast.Call(func=ast.Name(id=name)):
            return _applied(name, parts, tokens, source)
    raise AssertionError(node)  # `_children` has let no other kind through.


def _applied(name: str, parts: tuple[_Subtree, ...], tokens: tuple[Token, ...], source: Source) -> _Subtree:
    """A function of the table, or an unknown one with as many primes as its token has."""
    if name not in ELEMENTARY:
        return _Subtree(Unknown(name, len(tokens[0].text) - len(name), parts[0].node))
    if name == "polygamma":
        _check_polygamma(parts[0].value, tokens[1].column, source)
    return _Subtree(Operation(name, tuple(part.node for part in parts)))


def _arithmetic(name: str, parts: tuple[_Subtree, ...], columns: tuple[int, ...], source: Source) -> _Subtree:
    """Join the parts; follow the exact value as long as it is one, and refuse it before it grows."""
    values = tuple(part.value for part in parts)
    if name == "power":
        _check_power(values[0], values[1], columns, source)
    if name == "divide" and values[1] == 0:
        raise source.error(columns[2], "a division by the number 0", "write a divisor that is not 0")
    value = _exact(name, values)
    if value is not None and bits(value) > MAX_VALUE_BITS:
        reason = f"the numbers here make one of more than {MAX_VALUE_BITS} bits"
        raise source.error(columns[0], reason, "write a smaller one, or use exp and log")
    return _Subtree(Operation(name, tuple(part.node for part in parts)), value)


def _check_power(base: Fraction | None, exponent: Fraction | None, columns: tuple[int, ...], source: Source) -> None:
    if exponent is None:
        return
    if abs(exponent) > MAX_EXPONENT:
        reason = f"the exponent is larger than {MAX_EXPONENT} in size"
        raise source.error(columns[2], reason, "write a smaller one, or use exp and log")
    if base == 0 and exponent < 0:
        raise source.error(columns[1], "the number 0 to a negative power is a division by 0", "write another base")
    if base is not None and bits(base) * abs(exponent) > MAX_POWER_BITS:
        reason = f"the power of two numbers has more than {MAX_POWER_BITS} bits"
        raise source.error(columns[0], reason, "write a smaller one, or use exp and log")


def _check_polygamma(order: Fraction | None, column: int, source: Source) -> None:
    if order is None or order.denominator != 1 or not 0 <= order <= LARGEST_ORDER:
        reason = f"the order of polygamma is a whole number from 0 to {LARGEST_ORDER}"
        raise source.error(column, reason, "write polygamma(1, x)")


def _exact(name: str, values: Sequence[Fraction | None]) -> Fraction | None:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    if name != "power":
        return _EXACT[name](*known)
    base, exponent = known
    return base ** int(exponent) if exponent.denominator == 1 else None
