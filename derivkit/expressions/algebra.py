"""Trees put together: as a rule writes them down, and folded as a person would at once.

Folding is light on purpose, so that the result still looks like the formula that was typed: numbers are computed
exactly, zeros and ones go, equal terms are added, factors stay where they were. It never expands a product.
"""

from __future__ import annotations

from collections import ChainMap, Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import TypeGuard

from derivkit.expressions.limits import MAX_POWER_BITS, MAX_VALUE_BITS, bits
from derivkit.expressions.tree import Branch, Constant, Node, Number, Operation, Variable, arguments_of, postorder
from derivkit.operations.elementary import OPERATIONS
from derivkit.operations.row import ANY, NOT_NEGATIVE, POSITIVE

SUMS, PRODUCTS = frozenset({"add", "subtract"}), frozenset({"multiply", "divide", "negate"})
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


def first_factor(node: Node) -> Node:
    """The first factor of a product or a quotient, which its sign stands before."""
    while isinstance(node, Operation) and node.name in {"multiply", "divide"}:
        node = node.arguments[0]
    return node


def is_negated(node: Node) -> TypeGuard[Operation]:
    """Whether a minus stands before it."""
    return isinstance(node, Operation) and node.name == "negate"


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
    """Names and their powers stand before functions: 2 x cos(x^2), 2 x e^(-x^2)."""
    inner = factor
    while isinstance(inner, Operation) and inner.name in {"power", "negate"}:
        if inner.name == "power" and isinstance(inner.arguments[0], Constant | Number):
            return isinstance(inner.arguments[1], Branch) and value_of(inner.arguments[1]) is None
        inner = inner.arguments[0]
    return not isinstance(inner, Variable | Constant | Number)


def _monomial(node: Node) -> _Monomial:
    """Take a term apart."""
    return _gathered(node, {})


def _gathered(node: Node, known: Mapping[int, Node]) -> _Monomial:
    """Collect a product into one monomial; parts that are known are replaced by what they fold to."""
    coefficient = Fraction(1)
    sides: tuple[list[Node], list[Node]] = ([], [])
    stack = [(node, 0, bool(known))]
    while stack:
        part, side, is_open = stack.pop()
        if is_open and id(part) in known:
            part, is_open = known[id(part)], False
        if isinstance(part, Number) and (part.value or not side) and _fits(coefficient, part.value):
            coefficient = coefficient / part.value if side else coefficient * part.value
        elif isinstance(part, Operation) and part.name == "negate":
            coefficient = -coefficient
            stack.append((part.arguments[0], side, is_open))
        elif isinstance(part, Operation) and part.name in {"multiply", "divide"}:
            left, right = part.arguments
            stack += [(right, side if part.name == "multiply" else 1 - side, is_open), (left, side, is_open)]
        else:
            sides[side].append(part)
    return _joined(coefficient, *sides)


def _fits(a: Fraction, b: Fraction) -> bool:
    """Whether a product of two numbers is one that a formula may hold; longer ones stay a product."""
    return bits(a) + bits(b) <= MAX_VALUE_BITS


def _joined(coefficient: Fraction, above: list[Node], below: list[Node]) -> _Monomial:
    """Join powers of one base, and strike out what stands above and below.

    That it is not 0 is a condition of the rule that divided by it.
    """
    split = [_base_and_exponent(factor, side) for side, factors in ((1, above), (-1, below)) for factor in factors]
    times = Counter(base for base, _ in split)
    if len(times) == len(split):
        return _Monomial(coefficient, tuple(above), tuple(below))
    exponents: dict[Node, int] = dict.fromkeys(times, 0)
    for base, exponent in split:
        exponents[base] += exponent
    sides: tuple[list[Node], list[Node]] = ([], [])
    whole = iter(split)
    for side, factors in enumerate((above, below)):
        for factor, (base, exponent) in zip(factors, whole, strict=False):
            n = exponent if times[base] == 1 else exponents.pop(base, 0)
            if times[base] == 1:
                sides[side].append(factor)
            elif n:
                sides[n < 0].append(_power(base, abs(n)))
    return _Monomial(coefficient, *map(tuple, sides))


def _base_and_exponent(factor: Node, side: int) -> tuple[Node, int]:
    """A factor as a whole power of its base, negative below the fraction bar."""
    if isinstance(factor, Operation) and factor.name == "power":
        n = value_of(factor.arguments[1])
        if n is not None and n.denominator == 1 and value_of(factor.arguments[0]) is None:
            return factor.arguments[0], side * int(n)
    return factor, side


def _power(base: Node, n: int) -> Node:
    return base if n == 1 else Operation("power", (base, Number(Fraction(n))))


# Folded


def folded(root: Node, known: Mapping[int, Node], unique: dict[Node, Node] | None = None) -> Node:
    """Fold a tree from its leaves up.

    Parameters
    ----------
    root : Node
        The tree as a rule wrote it.
    known : mapping
        From the identity of a node to what stands for it: pieces that are folded already, or are to stay as typed.
    unique : dict, optional
        Nodes met before, for each the one that stands for its equals; filled. Equal parts that are one are quickly
        seen to be equal.
    """
    unique = {} if unique is None else unique
    done: dict[int, Node] = {}
    standing = ChainMap(done, known)  # type: ignore[arg-type]  # only the first is written to
    alive = [root]  # identities are those of living nodes

    def parts(node: Node) -> Sequence[Node]:
        return _parts_of(node, standing) if isinstance(node, Operation) and id(node) not in standing else ()

    for node in postorder([root], parts):
        if id(node) in standing:
            continue
        result = _fold_of(node, standing) if isinstance(node, Operation) else node
        done[id(node)] = unique.setdefault(result, result)
        alive.append(done[id(node)])
    return standing[id(root)]


def _parts_of(node: Operation, known: Container[int]) -> Sequence[Node]:
    """What is folded before a node: of a product the whole at once, or the work grows as the square of its length."""
    if node.name in PRODUCTS:
        return list(_parts_of_product(node, known))
    return [part for _, part in terms_of(node, known)] if node.name in SUMS else node.arguments


def _fold_of(node: Operation, known: Mapping[int, Node]) -> Node:
    """A node whose parts are known, folded."""
    if node.name in PRODUCTS:
        return _fold_product(node, known)
    if node.name in SUMS:
        return _sum((sign, known[id(part)]) for sign, part in terms_of(node, known))
    return _fold(node.name, tuple(known[id(part)] for part in node.arguments))


def _fold(name: str, arguments: tuple[Node, ...]) -> Node:
    fold = FOLDS.get(name)
    return fold(*arguments) if fold else Operation(name, arguments)


def _parts_of_product(node: Node, known: Container[int]) -> Iterator[Node]:
    """The parts of a product; those that are known are not taken apart."""
    stack = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, Operation) and part.name in PRODUCTS and id(part) not in known:
            stack += part.arguments
        else:
            yield part


def _fold_product(node: Node, known: Mapping[int, Node]) -> Node:
    """A product whose parts are known."""
    monomial = _gathered(node, known)
    return node if any(value_of(part) == 0 for part in monomial.below) else monomial.node()


def _sum(terms: Iterable[tuple[int, Node]]) -> Node:
    """Add equal terms, where the first of them stood; numbers are terms like any other."""
    sums: dict[object, _Monomial] = {}
    for sign, term in ((s * t, part) for s, whole in terms for t, part in terms_of(whole)):
        monomial = _monomial(term)
        # A term that divides by the number 0 is equal to none.
        key = monomial.key if not any(value_of(part) == 0 for part in monomial.below) else len(sums)
        before = sums[key].coefficient if key in sums else Fraction(0)
        sums[key] = _Monomial(before + sign * monomial.coefficient, monomial.above, monomial.below)
    result: Node | None = None
    for monomial in (monomial for monomial in sums.values() if monomial.coefficient):
        if result is None:
            result = monomial.node()
        else:
            size = _Monomial(abs(monomial.coefficient), monomial.above, monomial.below).node()
            result = Operation("add" if monomial.coefficient > 0 else "subtract", (result, size))
    return ZERO if result is None else result


def _fold_power(base: Node, exponent: Node) -> Node:
    n, a = value_of(exponent), value_of(base)
    if n == 0 or a == 1:
        return ONE
    if n == 1:
        return base
    if n is None:
        return Operation("power", (base, exponent))
    if n.denominator == 1 and isinstance(base, Operation) and base.name == "power":
        inner = value_of(base.arguments[1])
        if inner is not None and inner.denominator == 1:
            return _fold_power(base.arguments[0], rational(inner * n))
    if a is not None and n.denominator == 1 and (a or n > 0) and bits(a) * abs(n) <= MAX_POWER_BITS:
        return rational(a ** int(n))
    return Operation("power", (base, rational(n)))


def _fold_log(argument: Node, base: Node | None = None) -> Node:
    if base is None and argument == Constant("e"):
        return ONE
    if argument == ONE and base is None:
        return ZERO
    return Operation("log", (argument,) if base is None else (argument, base))


def _fold_piecewise(*parts: Node) -> Node:
    """What holds otherwise swallows the pieces before it that say the same."""
    if len(parts) % 2:
        while len(parts) > 1 and parts[-3] == parts[-1]:
            parts = (*parts[:-3], parts[-1])
    return Operation("piecewise", parts) if len(parts) > 1 else parts[0]


FOLDS: Mapping[str, Callable[..., Node]] = {
    "power": _fold_power,
    "log": _fold_log,
    "piecewise": _fold_piecewise,
}
"""How an operation on folded arguments is folded, sums and products apart; one that is not here stays as it is."""


# Signs


def surely_positive(root: Node, known: dict[Node, int]) -> bool:
    """Whether a tree is positive at every point where it is defined, as far as the signs of its parts show.

    Parameters
    ----------
    root : Node
        The tree.
    known : dict
        Signs of nodes that were looked at before; filled.
    """
    for node in postorder([root], lambda node: () if node in known else arguments_of(node), key=lambda node: node):
        if node not in known:
            known[node] = _sign_of(node, [known[part] for part in arguments_of(node)])
    return known[root] == POSITIVE


def _sign_of(node: Node, signs: Sequence[int]) -> int:
    """The sign of a node from those of its arguments."""
    if isinstance(node, Number):
        return POSITIVE if node.value > 0 else NOT_NEGATIVE if node.value == 0 else ANY
    if not isinstance(node, Operation):
        return POSITIVE if isinstance(node, Constant) else ANY
    if node.name == "power":
        return _sign_of_power(node, signs[0])
    if node.name == "multiply" and node.arguments[0] == node.arguments[1]:
        return max(signs[0], NOT_NEGATIVE)
    return OPERATIONS[node.name].sign_of(signs)


def _sign_of_power(node: Operation, base: int) -> int:
    if base == POSITIVE:
        return POSITIVE
    n = value_of(node.arguments[1])
    even = n is not None and n.denominator == 1 and n % 2 == 0
    return POSITIVE if n == 0 else NOT_NEGATIVE if even or base else ANY
