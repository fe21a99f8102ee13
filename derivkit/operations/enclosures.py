"""Balls read out as floats: the nearest, what it errs by, and the two floats between which the number lies."""

from __future__ import annotations

import math

from flint import arb, ctx, fmpq

from derivkit.operations.balls import Ball, as_arb, is_finite, lifted, precision, size_of

HUGE = arb((1, 1100))
"""Beyond the range of float64."""
PAIR = 512
"""Bits for what becomes a pair of floats: more than the numbers have, so that nothing is lost on the way."""


def capped(number: arb) -> arb:
    """The same, infinite if its middle is beyond the range of float64: float() makes 0 of 2^(2^70)."""
    centre = number.mid()
    if not abs(centre) > HUGE:
        return number
    return arb.pos_inf() if centre > 0 else arb.neg_inf()


def middle(value: Ball | int) -> float:
    """The middle of a number in float64 to an ulp, infinite beyond its range; NaN where little is known.

    That is, where the ball is wider than 1 and than its middle.
    """
    number = (value if isinstance(value, Ball) else lifted(value)).number
    if number is None or not is_finite(number):
        return math.nan
    ball = as_arb(number)
    radius = ball.rad()
    return math.nan if radius > 1 and radius > abs(ball.mid()) else float(capped(ball))


def pair(number: arb, factor: int = 1) -> tuple[float, float]:
    """A float near the middle of a ball times a factor, and the float nearest to what is left; NaN where there is none.

    Examples
    --------
    >>> pair(arb(1) / 3)[0]
    0.3333333333333333
    """
    with precision(PAIR):
        product = number.mid() * factor
        high = float(product) if number.is_finite() and not abs(product) > HUGE else math.nan
        return (high, float(product - high)) if math.isfinite(high) else (math.nan, math.nan)


def below(number: arb, exponent: int) -> bool:
    """Whether a number is certainly less than 2^exponent in size."""
    return bool(abs(number) < arb((1, exponent)))


def bits_in_common(a: Ball, b: Ball) -> float:
    """Binary digits to which two numbers are certainly equal, at most as many as there are.

    Relative to the larger of them; where that may be 0, behind the point.
    """
    if a.number is None or b.number is None:
        return 0.0
    gap = as_arb(size_of(a.number - b.number)).abs_upper()
    size = max(as_arb(a.number).abs_lower(), as_arb(b.number).abs_lower())
    if not gap.is_finite() or gap == 0:
        return 0.0 if gap != 0 else float(ctx.prec)
    lost = float((gap / size if size > 0 else gap).log() / arb.const_log2())
    return min(max(0.0, -lost), float(ctx.prec))


def bounds(number: fmpq | arb) -> tuple[float, float, float, float]:
    """The two ends of a finite number: rounded to nearest, then outward, each rounded once, subnormals included.

    Examples
    --------
    >>> bounds(fmpq(1, 10))
    (0.1, 0.1, 0.09999999999999999, 0.1)
    """
    if isinstance(number, fmpq):
        ratio = int(number.p), int(number.q)
        near = _divided(*ratio)
        low, high = _beyond(near, *ratio, direction=-1), _beyond(near, *ratio, direction=1)
        return near, near, low, high
    ends = []
    for end, direction in ((number.lower(), -1), (number.upper(), 1)):
        mantissa, exponent = (int(part) for part in end.man_exp())
        ends.append(_rounded(mantissa, exponent, direction=direction))
    (lower, down), (upper, up) = ends
    return lower, upper, down, up


def distance(number: fmpq | arb, value: float) -> float:
    """An upper bound of |number - value|, rounded up."""
    return bounds(size_of(number - fmpq(*value.as_integer_ratio())))[3]


def _rounded(mantissa: int, exponent: int, *, direction: int) -> tuple[float, float]:
    """mantissa * 2^exponent to the nearest float, ties to even, and to the next one in a direction."""
    size = abs(mantissa).bit_length() + exponent
    sign = 1 if mantissa >= 0 else -1
    if mantissa == 0:
        return 0.0, 0.0
    if size > 1024:  # at least 2^1024
        return sign * math.inf, sign * (math.inf if sign == direction else math.nextafter(math.inf, 0.0))
    if size < -1074:  # below half of the least positive float
        return 0.0, direction * math.ulp(0.0) if sign == direction else 0.0
    ratio = (mantissa << exponent, 1) if exponent >= 0 else (mantissa, 1 << -exponent)
    near = _divided(*ratio)
    return near, _beyond(near, *ratio, direction=direction)


def _divided(numerator: int, denominator: int) -> float:
    """The float nearest to a quotient of integers, which Python rounds once."""
    try:
        return numerator / denominator
    except OverflowError:
        return math.inf if numerator > 0 else -math.inf


def _beyond(near: float, numerator: int, denominator: int, *, direction: int) -> float:
    """The float nearest to the quotient among those that are not on the wrong side of it."""
    if math.isinf(near):
        return near if (near > 0) == (direction > 0) else math.nextafter(near, 0.0)
    n, d = near.as_integer_ratio()
    wrong = direction * (numerator * d - n * denominator) > 0
    return math.nextafter(near, direction * math.inf) if wrong else near
