"""Trusted values: Taylor series in ball arithmetic, the precision doubled until both ends round to one float64.

Doubling digits until two answers agree proves nothing: 1 - tanh(300)^2 is 0 at 15, 30, 60, 120 and 240 digits, and
1.06e-260 in truth. An enclosure cannot be wrong: it holds the true value, and it is done when there is only one float
that its numbers round to.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import numpy as np

from derivkit.arguments import number, shown, whole
from derivkit.expressions.evaluation import interpret
from derivkit.expressions.expression import expression_of
from derivkit.expressions.tree import Expression
from derivkit.late import balls, enclosures, vertical_tangents
from derivkit.operations.elementary import OPERATIONS
from derivkit.types import Array, NamedPoint

MAX_ORDER = 10**15
"""Of a derivative: far beyond what the work that a call may take is enough for, and counted without overflow."""
MAX_COEFFICIENTS = 100_000
"""Of a series: so many are answered, if by no more than that they are not known."""
MIN_BITS, MAX_BITS = 64, 2**15
"""Working precisions: doubled from the least to the most."""
WORK = 1e9
"""Estimated nanoseconds that one call may take, over all precisions; a count, not a clock, so that the same call gives
the same answer."""
VERTICAL_BITS = 256
"""Precision at which the sign of an infinite slope is proved; the point itself is exact."""
VANISHING = -1200
"""A coefficient within 2 to this power of 0 is 0 in float64, times any factorial in use."""

Settled = TypeVar("Settled")


class ExactStatus(StrEnum):
    """What is known of a trusted value."""

    OK = "ok"
    VERTICAL = "vertical"
    NO_DERIVATIVE = "no_derivative"
    UNRESOLVED = "unresolved"

    def __repr__(self) -> str:
        return repr(self.value)


@dataclass(frozen=True)
class Exact:
    """A trusted value, with its error, status and proved enclosure; all numbers are Python floats.

    Attributes
    ----------
    value : float
        The float64 nearest to the true value; +-inf where the tangent is vertical, NaN where there is no trusted value.
    error : float
        How far ``value`` is from the true value at most; inf where there is no trusted value, NaN where the tangent is
        vertical.
    status : ExactStatus
        ``ok``: every number of the enclosure rounds to ``value``. ``vertical``, which is proved: f has a finite value,
        and a tangent that is vertical with one sign (:mod:`derivkit.trusted.vertical_tangents` has the convention).
        ``no_derivative``, which is proved: f is not defined there, or has no derivative that the rules can see (that of
        x*abs(x) at 0 they do not). ``unresolved``: the work or the precision allowed did not suffice, or the value is
        beyond the range of float64.
    lower, upper : float
        The ends of the enclosure: the true value lies from ``lower`` to ``upper``, if it exists.

    Examples
    --------
    >>> print(exact("exp(x)", 1.0), exact("abs(x)", 0.0), sep="; ")
    2.718281828459045 (off by 1e-16); no derivative
    """

    value: float
    error: float
    status: ExactStatus
    lower: float
    upper: float

    def __str__(self) -> str:
        if self.status is ExactStatus.OK:
            return f"{self.value!r} (off by {self.error:.1g})" if self.error else f"{self.value!r} (exact)"
        if self.status is ExactStatus.VERTICAL:
            return f"{self.value!r} (a vertical tangent)"
        known = f", between {self.lower!r} and {self.upper!r}" if self.status is ExactStatus.UNRESOLVED else ""
        return f"{self.status.replace('_', ' ')}{known}"


_NO_DERIVATIVE = Exact(math.nan, math.inf, ExactStatus.NO_DERIVATIVE, math.nan, math.nan)
_UNRESOLVED = Exact(math.nan, math.inf, ExactStatus.UNRESOLVED, -math.inf, math.inf)


def exact(expression: Expression | str, x: float | NamedPoint, order: int = 1, *, variable: str | None = None) -> Exact:
    """The derivative of an expression at a point of float64 numbers, right to the last bit.

    Taylor series are computed in ball arithmetic (F. Johansson, "Arb: efficient arbitrary-precision midpoint-radius
    interval arithmetic", IEEE Transactions on Computers 66, 2017), whose precision is doubled until all numbers of the
    enclosure round to one float64.

    Parameters
    ----------
    expression : Expression or str
        The function; its decimals are exact (0.1 is one tenth).
    x : float or mapping of str to float
        The point, taken as the dyadic rationals that its numbers are; by name where there are several variables.
    order : int
        Order of the derivative; 0 gives the value of the function.
    variable : str, optional
        The variable that moves, the others standing still; needed where there are several and the order is not 0.

    Returns
    -------
    Exact
        ``value``, ``error``, ``status``, ``lower`` and ``upper``; for scalars only, so that each has its own proof.

    Raises
    ------
    ParseError
        If a text is no formula.
    ValueError
        If a variable has no value, if it is open which one moves, or if the order is negative.
    TypeError
        If a number or the name of the variable is of another type.

    Examples
    --------
    >>> exact("2*x^2", 1.0)
    Exact(value=4.0, error=0.0, status='ok', lower=4.0, upper=4.0)
    >>> exact("1-tanh(x)^2", 300.0, 0).value
    1.0601586212017243e-260
    >>> exact("w*x^2", {"w": 5.0, "x": 3.0}, variable="w").value
    9.0
    """
    tree, order = expression_of(expression), whole("order", order, 0, MAX_ORDER)
    point, moving = point_of(tree, x, order, variable)
    (result,) = _settle(
        tree, point, moving, range(order, order + 1), settle=_nearest, factor=math.factorial, unknown=_UNRESOLVED
    )
    return _vertical(tree, point, moving) or result if order == 1 and result is _NO_DERIVATIVE and moving else result


def exact_values(expression: Expression, x: Array, order: int = 1) -> Array:
    """The derivative of an expression of one variable at every x, right to the last bit, of x's shape.

    NaN where there is no trusted value.
    """
    order = whole("order", order, 0, MAX_ORDER)
    moving, factor = next(iter(expression.variables), "x"), math.factorial
    one = range(order, order + 1)
    values = [
        _settle(expression, {moving: v}, moving, one, settle=_value, factor=factor, unknown=math.nan)
        for v in np.ravel(x).tolist()
    ]
    return np.array(values, dtype=np.float64).reshape(np.shape(x))


def _vertical(tree: Expression, point: NamedPoint, moving: str) -> Exact | None:
    """The infinite slope at a point where no derivative exists, if it is proved."""
    if not all(map(math.isfinite, point.values())):
        return None
    with balls.precision(VERTICAL_BITS), contextlib.suppress(balls.UndecidedError, balls.ExhaustedError):
        if sign := vertical_tangents.vertical_slope(tree, point, moving, balls.Numbers(WORK).at(VERTICAL_BITS)):
            infinite = sign * math.inf
            return Exact(infinite, math.nan, ExactStatus.VERTICAL, infinite, infinite)
    return None


def taylor(
    expression: Expression | str, x: float | NamedPoint, order: int, *, variable: str | None = None
) -> tuple[float, ...]:
    """Taylor's coefficients f^(k)(x)/k! for k = 0..order, right to the last bit, from one series.

    Parameters
    ----------
    expression : Expression or str
        The function.
    x : float or mapping of str to float
        The point, taken as the dyadic rationals that its numbers are.
    order : int
        The last coefficient.
    variable : str, optional
        The variable that moves, where there are several.

    Returns
    -------
    tuple of float, of ``order + 1`` numbers
        NaN from the first coefficient that does not exist or is not known.

    Raises
    ------
    ParseError
        If a text is no formula.
    ValueError
        If a variable has no value, if it is open which one moves, or if the order is not from 0 to 100 000.

    Examples
    --------
    >>> taylor("x^2 + sin(x)", 0.0, 4)
    (0.0, 1.0, 1.0, -0.16666666666666666, 0.0)
    """
    tree, order = expression_of(expression), whole("order", order, 0, MAX_COEFFICIENTS)
    point, moving = point_of(tree, x, order, variable)
    values = _settle(tree, point, moving, range(order + 1), settle=_value, factor=lambda k: 1, unknown=math.nan)
    known = next((k for k, value in enumerate(values) if math.isnan(value)), order + 1)
    return (*values[:known], *[math.nan] * (order + 1 - known))


def high_precision_series(
    expression: Expression, x: float, order: int, *, digits: int = 50, work: float = WORK
) -> list[Any]:
    """Coefficients f^(k)(x)/k! for k = 0..order as Arb numbers, each right to `digits`; NaN where there is none.

    A coefficient that float64 cannot tell from 0 is as good as its enclosure. ``work`` is in estimated nanoseconds.
    """
    needed = math.ceil(digits * math.log2(10.0))

    def settle(number: Any) -> tuple[Any, bool]:
        if number is None:
            return balls.NAN, True
        ball = balls.as_arb(number)
        enough = ball.is_exact() or enclosures.below(ball, VANISHING) or ball.rel_accuracy_bits() >= needed
        return (enclosures.capped(ball), enough) if ball.is_finite() else (balls.NAN, False)

    point, moving = point_of(expression, x, order, None)
    return _settle(
        expression,
        point,
        moving,
        range(order + 1),
        settle=settle,
        factor=lambda k: 1,
        unknown=balls.NAN,
        limits=(2 * needed, work),
    )


def point_of(
    tree: Expression, x: float | NamedPoint, order: int, variable: str | None
) -> tuple[NamedPoint, str | None]:
    """The point by name, and the variable that moves."""
    if variable is not None and not isinstance(variable, str):
        raise TypeError(f"variable={shown(variable)}: write the name of a variable, such as 'x'")
    names = tree.variables
    if not isinstance(x, Mapping):
        if len(names) > 1:
            raise ValueError(
                f"{tree} has the variables {', '.join(names)}; give the point by name, such as {{{names[0]!r}: 1.0}}"
            )
        moving = variable or (names[0] if names else "x")
        return _checked(tuple(dict.fromkeys((moving, *names))), {moving: x}), moving
    point = _checked(names, x)
    if variable is None and order and len(names) > 1:
        raise ValueError(f"{tree} has the variables {', '.join(names)}; say which one moves: variable={names[0]!r}")
    return point, variable or (names[0] if names else None)


def _checked(names: tuple[str, ...], x: NamedPoint) -> dict[str, float]:
    missing = [name for name in names if name not in x]
    if missing:
        raise ValueError(f"no value is given for the variable {missing[0]}")
    return {name: number(name, x[name]) for name in names}


def _settle(
    tree: Expression,
    point: NamedPoint,
    moving: str | None,
    orders: range,
    *,
    settle: Callable[[Any], tuple[Settled, bool]],
    factor: Callable[[int], int],
    unknown: Settled,
    limits: tuple[int, float] = (MIN_BITS, WORK),
) -> list[Settled]:
    """What becomes of the coefficients of these orders, times their factors, each at the least precision that settles
    it.

    ``settle`` makes a result of the number (rational, ball or None), and says whether more precision has no use;
    ``limits`` are the precision to begin with and the work allowed.
    """
    results = [unknown] * len(orders)
    left = dict(enumerate(orders))
    bits, work = limits
    numbers = balls.Numbers(work)
    try:
        while left and bits <= MAX_BITS:
            with balls.precision(bits), contextlib.suppress(balls.UndecidedError):
                series = _series(tree, point, moving, orders[-1], numbers.at(bits))
                for k, order in list(left.items()):
                    results[k], done = settle((series[order] * factor(order)).number)
                    if done:
                        del left[k]
            bits *= 2
    except balls.ExhaustedError:
        pass
    return results


def _series(tree: Expression, point: NamedPoint, moving: str | None, order: int, numbers: Any) -> list[Any]:
    """The coefficients for k = 0..order as balls of the precision in use."""
    if not all(map(math.isfinite, point.values())):
        return [balls.UNDEFINED] * (order + 1)
    numbers.spend(numbers.product * len(tree.program) * (order + 1) * (order + 2) / 2)
    arithmetic = balls.Charged(order, numbers)

    def variable(name: str) -> list[Any]:
        here = balls.lifted(point[name])
        return [here, 1] if name == moving and order else [here]

    series = interpret(
        tree,
        number=lambda value: [numbers.lift(value)],
        constant=lambda name: [numbers.lift(name)],
        variable=variable,
        apply=lambda name, *arguments: OPERATIONS[name].series(arithmetic, *arguments),
    )
    return list(balls.cumulative(series, order))


def _nearest(number: Any) -> tuple[Exact, bool]:
    """The float64 to which both ends round, if they do."""
    if number is None:
        return _NO_DERIVATIVE, True
    if not balls.is_finite(number):
        return _UNRESOLVED, False
    near_lower, near_upper, lower, upper = enclosures.bounds(number)
    if near_lower != near_upper:
        return Exact(math.nan, math.inf, ExactStatus.UNRESOLVED, lower, upper), False
    if math.isinf(near_lower):  # beyond the range of float64, whatever the precision
        return Exact(math.nan, math.inf, ExactStatus.UNRESOLVED, lower, upper), True
    return Exact(near_lower + 0.0, enclosures.distance(number, near_lower), ExactStatus.OK, lower, upper), True


def _value(number: Any) -> tuple[float, bool]:
    """The value of that alone; NaN where there is none."""
    if number is None or not balls.is_finite(number):
        return math.nan, number is None
    lower, upper = enclosures.bounds(number)[:2]
    return (lower + 0.0 if math.isfinite(lower) else math.nan, True) if lower == upper else (math.nan, False)
