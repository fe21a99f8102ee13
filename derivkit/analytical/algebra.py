"""Trees put together: as a rule writes them down, and folded as a person would at once.

Folding is light on purpose, so that the result still looks like the formula that was typed: numbers are computed
exactly, zeros and ones go, equal terms are added, factors stay where they were. It never expands a product.
"""

from __future__ import annotations

from collections import ChainMap, Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce

from derivkit.analytical.expression import MAX_POWER_BITS, Constant, Node, Number, Operation, Variable

SUMS = frozenset({"add", "subtract"})
ZERO, ONE, TWO = (Number(Fraction(value)) for value in range(3))


# As written


def apply(name: str, *arguments: Node) -> Node:
    """An operation of the table, nothing folded."""
    return Operation(name, arguments)


def total(terms: Sequence[Node]) -> Node:
    """The sum of one or more terms, as written."""
    return reduce(lambda a, b: Operation("add", (a, b)), terms)


def product(factors: Sequence[Node]) -> Node:
    """The product of the factors, as written; 1 if there are none."""
    return reduce(lambda a, b: Operation("multiply", (a, b)), factors) if factors else ONE


def rational(value: Fraction) -> Node:
    """A number as the parser would read it: a sign is an operation, and so is a fraction bar."""
    whole: Node = Number(Fraction(abs(value.numerator)))
    signed = whole if value >= 0 else Operation("negate", (whole,))
    return signed if value.denominator == 1 else Operation("divide", (signed, Number(Fraction(value.denominator))))


# Taken apart


def value_of(node: Node) -> Fraction | None:
    """The exact value of a number, also behind signs and fraction bars; None of anything else."""
    sign = 1
    while isinstance(node, Operation) and node.name == "negate":
        sign, node = -sign, node.arguments[0]
    if isinstance(node, Number):
        return sign * node.value
    if isinstance(node, Operation) and node.name == "divide":
        above, below = map(value_of, node.arguments)
        return sign * above / below if above is not None and below else None
    return None


def terms_of(node: Node, closed: Container[int] = ()) -> list[tuple[int, Node]]:
    """The terms of a sum with their signs, in the order typed; a lone term if it is none.

    Sums whose identity is in ``closed`` are not taken apart.
    """
    terms: list[tuple[int, Node]] = []
    stack = [(1, node)]
    while stack:
        sign, part = stack.pop()
        if isinstance(part, Operation) and part.name in SUMS and id(part) not in closed:
            left, right = part.arguments
            stack += [(sign if part.name == "add" else -sign, right), (sign, left)]
        else:
            terms.append((sign, part))
    return terms


def factors_of(node: Node) -> list[Node]:
    """The factors of a product in the order typed; a lone factor if it is none."""
    factors: list[Node] = []
    stack = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, Operation) and part.name == "multiply":
            stack += reversed(part.arguments)
        else:
            factors.append(part)
    return factors


@dataclass(frozen=True, slots=True)
class _Monomial:
    """coefficient * above / below."""

    coefficient: Fraction
    above: tuple[Node, ...] = ()
    below: tuple[Node, ...] = ()

    @property
    def key(self) -> object:
        """Equal for terms that may be added."""
        return frozenset(Counter(self.above).items()), frozenset(Counter(self.below).items())

    def node(self) -> Node:
        """The tree: the number first, its sign with the first factor."""
        if not self.coefficient:
            return ZERO
        top, bottom = abs(self.coefficient.numerator), self.coefficient.denominator
        ordered = sorted(self.above, key=_rank)
        above = [*([Number(Fraction(top))] if top != 1 or not ordered else []), *ordered]
        below = [*([Number(Fraction(bottom))] if bottom != 1 else []), *self.below]
        if self.coefficient < 0:
            above[0] = Operation("negate", (above[0],))
        return Operation("divide", (product(above), product(below))) if below else product(above)


def _rank(factor: Node) -> bool:
    """Names and their powers stand before functions: 2 x cos(x^2)."""
    inner = factor
    while isinstance(inner, Operation) and inner.name in {"power", "negate"}:
        inner = inner.arguments[0]
    return not isinstance(inner, Variable | Constant | Number)


def _monomial(node: Node) -> _Monomial:
    """Take a term apart."""
    coefficient = Fraction(1)
    sides: tuple[list[Node], list[Node]] = ([], [])
    stack = [(node, 0)]
    while stack:
        part, side = stack.pop()
        if isinstance(part, Number) and (part.value or not side):
            coefficient = coefficient / part.value if side else coefficient * part.value
        elif isinstance(part, Operation) and part.name == "negate":
            coefficient = -coefficient
            stack.append((part.arguments[0], side))
        elif isinstance(part, Operation) and part.name in {"multiply", "divide"}:
            left, right = part.arguments
            stack += [(right, side if part.name == "multiply" else 1 - side), (left, side)]
        else:
            sides[side].append(part)
    return _cancelled(coefficient, *sides)


def _cancelled(coefficient: Fraction, above: list[Node], below: list[Node]) -> _Monomial:
    """Strike out what stands above and below; that it is not 0 is a condition of the rule that divided by it."""
    for factor in list(below) if above else []:
        if factor in above and value_of(factor) != 0:
            above.remove(factor)
            below.remove(factor)
    return _Monomial(coefficient, tuple(above), tuple(below))


# Folded


def folded(root: Node, known: Mapping[int, Node]) -> Node:
    """Fold a tree from its leaves up.

    Parameters
    ----------
    root : Node
        The tree as a rule wrote it.
    known : mapping
        From the identity of a node to what stands for it: pieces that are folded already, or are to stay as typed.
    """
    done: dict[int, Node] = {}
    met = ChainMap(done, known)  # type: ignore[arg-type]  # only the first is written to
    kept = [root]  # identities are those of living nodes
    stack = [root]
    while stack:
        node = stack[-1]
        if id(node) in met:
            stack.pop()
            continue
        if not isinstance(node, Operation):
            done[id(node)] = node
            continue
        signs, parts = zip(*terms_of(node, met), strict=True) if node.name in SUMS else ((), node.arguments)
        missing = [part for part in parts if id(part) not in met]
        if missing:
            stack.extend(missing)
            continue
        arguments = tuple(met[id(part)] for part in parts)
        done[id(node)] = _sum(zip(signs, arguments, strict=True)) if signs else _fold(node.name, arguments)
        kept.append(done[id(node)])
    return met[id(root)]


def _fold(name: str, arguments: tuple[Node, ...]) -> Node:
    fold = FOLDS.get(name)
    return fold(*arguments) if fold else Operation(name, arguments)


def _fold_product(*parts: Node, name: str) -> Node:
    monomial = _monomial(Operation(name, parts))
    if any(value_of(part) == 0 for part in monomial.below):
        return Operation(name, parts)
    return monomial.node()


def _sum(terms: Iterable[tuple[int, Node]]) -> Node:
    """Add equal terms, where the first of them stood; numbers are terms like any other."""
    found: dict[object, _Monomial] = {}
    for sign, term in ((s * t, part) for s, whole in terms for t, part in terms_of(whole)):
        one = _monomial(term)
        # A term that divides by the number 0 is equal to none.
        key = one.key if not any(value_of(part) == 0 for part in one.below) else len(found)
        before = found[key].coefficient if key in found else Fraction(0)
        found[key] = _Monomial(before + sign * one.coefficient, one.above, one.below)
    result: Node | None = None
    for one in (one for one in found.values() if one.coefficient):
        if result is None:
            result = one.node()
        else:
            size = _Monomial(abs(one.coefficient), one.above, one.below).node()
            result = Operation("add" if one.coefficient > 0 else "subtract", (result, size))
    return ZERO if result is None else result


def _fold_power(base: Node, exponent: Node) -> Node:
    n, a = value_of(exponent), value_of(base)
    if n == 0 or a == 1:
        return ONE
    if n == 1:
        return base
    if n is None:
        return Operation("power", (base, exponent))
    if a is not None and n.denominator == 1 and (a or n > 0):
        size = max(abs(a.numerator), a.denominator).bit_length() * abs(n)
        if size <= MAX_POWER_BITS:
            return rational(a ** int(n))
    return Operation("power", (base, rational(n)))


def _fold_log(argument: Node, base: Node | None = None) -> Node:
    if base is None and argument == Constant("e"):
        return ONE
    if argument == ONE and base is None:
        return ZERO
    return Operation("log", (argument,) if base is None else (argument, base))


def _fold_piecewise(*parts: Node) -> Node:
    """Pieces that are all one are that one, if there is a piece for every point."""
    values = {*parts[0::2]}
    return parts[0] if len(values) == 1 and len(parts) % 2 else Operation("piecewise", parts)


FOLDS: Mapping[str, Callable[..., Node]] = {
    "multiply": lambda a, b: _fold_product(a, b, name="multiply"),
    "divide": lambda a, b: _fold_product(a, b, name="divide"),
    "negate": lambda a: _fold_product(a, name="negate"),
    "power": _fold_power,
    "log": _fold_log,
    "piecewise": _fold_piecewise,
}
"""How an operation on folded arguments is folded, sums apart; one that is not here stays as it is."""
