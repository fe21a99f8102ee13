"""Vertical tangents: proofs that a slope is infinite, and of which sign.

The convention of the whole library: where f has a finite value and all quotients on the sides where f is defined grow
without end with one sign, the slope is +inf or -inf (sqrt and acosh where their domains begin, asin at both ends, cbrt
at 0). Where the sides differ (abs, sqrt(abs(x))), where f has no finite value (log and 1/x at 0), or where the rules
cannot tell (x*sqrt(x) at 0, which is 0 times infinity), it is NaN. Of higher derivatives beyond an infinite one there
is none: NaN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from derivkit.expressions.evaluation import interpret
from derivkit.expressions.tree import Expression
from derivkit.operations.balls import UNDEFINED, Ball, Charged, cumulative, is_finite, lifted
from derivkit.operations.elementary import OPERATIONS

BOTH = frozenset((-1, 1))
"""The sides of the point."""


@dataclass(frozen=True)
class Slope:
    """A value with its slope, each a ball; the slope of a constant is None, and ``infinite`` its sign where it is.

    A slope that does not exist, or of which nothing is known, is UNDEFINED. ``sides`` are those of the point on which
    there are values: at the end of a domain f may have none on either.
    """

    value: Ball
    finite: Ball | None = None
    infinite: int = 0
    sides: frozenset[int] = BOTH

    @property
    def direction(self) -> int:
        """The sign of the slope, finite or infinite; 0 where none is proved."""
        return self.infinite or (0 if self.finite is None else _sign(self.finite))

    def series(self, *, moving: bool) -> list[Any]:
        """As the series of an argument: one that moves as it does, or one that stands still."""
        return [self.value, self.finite] if moving and self.finite is not None else [self.value]


def vertical_slope(tree: Expression, point: Mapping[str, float], moving: str, numbers: Any) -> int:
    """The sign of a slope that is infinite, by balls of the precision in use; 0 where that is not proved."""
    arithmetic = Charged(1, numbers)

    def apply(name: str, *arguments: Slope) -> Slope:
        return _applied(name, arguments, arithmetic)

    result: Slope = interpret(
        tree,
        number=lambda value: Slope(numbers.lift(value)),
        constant=lambda name: Slope(numbers.lift(name)),
        variable=lambda name: Slope(lifted(point[name]), lifted(1) if name == moving else None),
        apply=apply,
    )
    return result.infinite


def _applied(name: str, arguments: Sequence[Slope], arithmetic: Any) -> Slope:
    """The chain rule, infinite slopes and those that an operation makes infinite included."""
    series = OPERATIONS[name].series
    sign, sides = _end(name, arguments)
    if any(argument.infinite for argument in arguments):
        (value,) = cumulative(series(arithmetic, *(argument.series(moving=False) for argument in arguments)), 0)
        infinite = _common(_terms(name, arguments, arithmetic))
        return Slope(value, UNDEFINED, infinite if sides else 0, sides)
    value, slope = cumulative(series(arithmetic, *(argument.series(moving=True) for argument in arguments)), 1)
    if all(argument.finite is None for argument in arguments):
        return Slope(value)
    steep = 0 if _known(slope) or not sides else sign * arguments[0].direction
    return Slope(value, slope, steep, sides)


def _terms(name: str, arguments: Sequence[Slope], arithmetic: Any) -> list[int | None]:
    """What the slope of every argument adds: a sign where that is infinite, 0 where it is finite, None if not known."""
    terms: list[int | None] = []
    for k, argument in enumerate(arguments):
        if argument.finite is None:
            continue
        alone = [[other.value, lifted(1)] if j == k else [other.value] for j, other in enumerate(arguments)]
        partial = cumulative(OPERATIONS[name].series(arithmetic, *alone), 1)[1]
        if argument.infinite:
            sign = _sign(partial) if _known(partial) else _end(name, arguments)[0] if k == 0 else 0
            terms.append(sign * argument.infinite if sign else None)
        else:
            terms.append(0 if _known(partial) and _known(argument.finite) else None)
    return terms


def _common(terms: Sequence[int | None]) -> int:
    """The sign of a sum of infinite and finite terms; 0 where it has none."""
    signs = set(terms) - {0}
    return next(iter(signs)) or 0 if len(signs) == 1 else 0


def _end(name: str, arguments: Sequence[Slope]) -> tuple[int, frozenset[int]]:
    """The sign of the operation's own slope where its first argument is at an end at which that is infinite, else 0;
    and the sides of the point on which the operation has values.
    """
    first, *_ = arguments
    sides = frozenset.intersection(*(argument.sides for argument in arguments))
    for end, sign, inward in OPERATIONS[name].vertical(*(argument.value for argument in arguments)):
        if (first.value == lifted(end)) is True:
            return sign, frozenset(side for side in sides if not inward or side * first.direction == inward)
    return 0, sides


def _sign(ball: Ball) -> int:
    """The sign that is proved; 0 where none is."""
    return 1 if (ball > lifted(0)) is True else -1 if (ball < lifted(0)) is True else 0


def _known(ball: Ball) -> bool:
    return ball.number is not None and is_finite(ball.number)
