"""Grids and ladders of numbers, each correctly rounded: the same on every processor.

NumPy's power, exp and log have other last bits where a processor has wider registers, and a grid made by them asks
something else there. Here a number is the one nearest to the true value, even where two are equally near: whatever
finds it, there is but one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from derivkit.types import LEAST_NORMAL, Array, Mask

# OmegaConf 2.4 holds its arguments to the annotations, and takes 0 for an int.
Number: TypeAlias = int | float

DIGITS = 50
"""Decimal digits of the factors: far more than the 32 of a pair of doubles, however large the exponents."""
SLACK = 2.0**-95
"""A product of two pairs is off by less, relative to it: rounding adds 2^-106 ten times at most, and the pairs are as
good as their second numbers, 2^-106."""
SPLITTER = 2.0**27 + 1.0


def linspace(start: Number, stop: Number, count: int) -> Array:
    """Evenly spaced numbers from ``start`` to ``stop``, both included.

    Parameters
    ----------
    start, stop : int or float
        Finite; taken as they are written, 0.3 as 3/10 and not as the binary number nearest to it.
    count : int
        How many numbers, at least 1.

    Returns
    -------
    ndarray, shape ``(count,)``
        Each the double nearest to the true value.

    Raises
    ------
    ValueError
        If an end is not finite, or the count no whole number from 1.

    Examples
    --------
    >>> linspace(0, 0.3, 4).tolist()
    [0.0, 0.1, 0.2, 0.3]
    """
    low, step = _line("linspace", start, stop, count)
    unit = math.lcm(low.denominator, step.denominator)
    first, rise = int(low * unit), int(step * unit)
    # The quotient of two whole numbers is correctly rounded.
    return np.fromiter(((first + k * rise) / unit for k in range(count)), np.float64, count)


def logspace(start: Number, stop: Number, count: int) -> Array:
    """10 to the power of evenly spaced exponents from ``start`` to ``stop``, both included.

    Parameters
    ----------
    start, stop : int or float
        The exponents of the ends, from -323 to 308, taken as they are written.
    count : int
        As in :func:`linspace`.

    Returns
    -------
    ndarray, shape ``(count,)``

    Raises
    ------
    ValueError
        If an exponent is out of range, or the count no whole number from 1.

    Examples
    --------
    >>> logspace(-2, 1, 4).tolist()
    [0.01, 0.1, 1.0, 10.0]
    """
    low, step = _line("logspace", start, stop, count)
    for value in (start, stop):
        if not -323 <= value < 309:
            raise ValueError(
                f"logspace from {start} to {stop}: 10 to the power of {value} is not among the numbers of floating"
                " point; exponents are from -323 to 308"
            )
    return _powers(Fraction(1), Fraction(10), low, step, count)


def geomspace(start: Number, stop: Number, count: int) -> Array:
    """Numbers of constant ratio from ``start`` to ``stop``, both included.

    Parameters
    ----------
    start, stop : int or float
        Greater than 0, taken as they are written.
    count : int
        As in :func:`linspace`.

    Returns
    -------
    ndarray, shape ``(count,)``

    Raises
    ------
    ValueError
        If an end is not greater than 0, or the count no whole number from 1.

    Examples
    --------
    >>> geomspace(1, 100, 3).tolist()
    [1.0, 10.0, 100.0]
    """
    _line("geomspace", start, stop, count)
    low, high = _exact("geomspace", start), _exact("geomspace", stop)
    if low <= 0 or high <= 0:
        raise ValueError(f"geomspace from {start} to {stop}: both ends must be greater than 0")
    return _powers(low, high / low, Fraction(0), Fraction(1, max(count - 1, 1)), count)


def powers_of_two(start: int, stop: int) -> Array:
    """2 to the power of every whole number from ``start`` to ``stop``, both included.

    Parameters
    ----------
    start, stop : int
        The exponents of the ends, from -1074 to 1023, in either order.

    Returns
    -------
    ndarray, shape ``(|stop - start| + 1,)``

    Raises
    ------
    ValueError
        If an exponent is not whole or out of range.

    Examples
    --------
    >>> powers_of_two(1, -1).tolist()
    [2.0, 1.0, 0.5]
    """
    for value in (start, stop):
        if isinstance(value, bool) or not isinstance(value, int) or not -1074 <= value <= 1023:
            raise ValueError(f"powers_of_two from {start} to {stop}: exponents are whole, from -1074 to 1023")
    step = 1 if stop >= start else -1
    return np.ldexp(1.0, np.arange(start, stop + step, step))


def decade(value: ArrayLike) -> Array:
    """The power of ten nearest to every value by ratio; 0 and infinity stay what they are.

    Parameters
    ----------
    value : array_like
        Not negative, of any shape.

    Returns
    -------
    ndarray
        Of the same shape.

    Examples
    --------
    >>> decade([2.0, 4.0, 1e-300]).tolist()
    [1.0, 10.0, 1e-300]
    """
    # No logarithm of a double lies so near to the middle that its last bit would decide: 10^0.5 is irrational.
    with np.errstate(divide="ignore"):
        exponents = np.clip(np.round(np.log10(np.asarray(value, dtype=np.float64))), -400, 400)
    return np.array([float(f"1e{int(n)}") for n in exponents.ravel().tolist()]).reshape(exponents.shape)


def exp(x: ArrayLike) -> Array:
    """E to the power of every x, correctly rounded: some 30 microseconds each.

    Examples
    --------
    >>> exp([0.0, 1.0]).tolist()
    [1.0, 2.718281828459045]
    """
    powers = np.asarray(x, dtype=np.float64)
    values = [_nearest_double(Decimal(value).exp) for value in powers.ravel().tolist()]
    return np.array(values, dtype=np.float64).reshape(powers.shape)


def log(x: float) -> float:
    """The natural logarithm of x > 0, correctly rounded.

    Examples
    --------
    >>> log(10.0)
    2.302585092994046
    """
    return _nearest_double(Decimal(x).ln)


def _line(name: str, start: Number, stop: Number, count: int) -> tuple[Fraction, Fraction]:
    """The first of so many evenly spaced numbers, and the distance of neighbours."""
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"{name} of {count} numbers: the third argument is a whole number from 1")
    low, high = _exact(name, start), _exact(name, stop)
    return low, (high - low) / max(count - 1, 1)


def _exact(name: str, value: Number) -> Fraction:
    """The number as it is written."""
    try:
        return Fraction(str(value))
    except ValueError:
        raise ValueError(f"{name}: {value!r} is not a finite number") from None


# Powers with evenly spaced exponents


def _powers(factor: Fraction, base: Fraction, start: Fraction, step: Fraction, count: int) -> Array:
    """The numbers factor base^(start + k step) for k < count.

    With k = i width + j each is the product of two of about 2 sqrt(count), which are known to `DIGITS` digits. Where
    the product of two pairs of doubles leaves open which double is nearest, as it does halfway between two, it is found
    in exact arithmetic.
    """
    width = math.isqrt(count - 1) + 1
    with localcontext(Context(prec=DIGITS)):
        first = [_power(factor, base, start + k * step) for k in range(0, count, width)]
        then = [_power(Fraction(1), base, k * step) for k in range(width)]
    coarse, fine = _pairs(first), _pairs(then)
    numbers = np.empty(count)
    for row, begin in enumerate(range(0, count, width)):
        part = numbers[begin : begin + width]
        value, sure = _product(*(column[row] for column in coarse), *(column[: part.size] for column in fine))
        part[:] = value
        for k in np.flatnonzero(~sure).tolist():
            part[k] = _nearest(factor, base, start + (begin + k) * step)
    return numbers


def _pairs(values: Sequence[Decimal]) -> tuple[Array, Array, NDArray[np.int64]]:
    """Every value as (high + low) 2^exponent, high being a double of the order of 1, and low what it lacks."""
    # From the leading digit and the decimal exponent: the value itself may lie beyond the doubles.
    scales = [math.frexp(float(v.scaleb(-v.adjusted())))[1] + math.floor(v.adjusted() * math.log2(10)) for v in values]
    with localcontext(Context(prec=DIGITS)):
        scaled = [value / Decimal(2) ** scale for value, scale in zip(values, scales, strict=True)]
        high = [float(value) for value in scaled]
        low = [float(value - Decimal(near)) for value, near in zip(scaled, high, strict=True)]
    return np.array(high), np.array(low), np.array(scales)


def _product(a: Any, a_low: Any, a_scale: Any, b: Any, b_low: Any, b_scale: Any) -> tuple[Array, Mask]:
    """The product of two pairs rounded to a double, and whether that is sure to be the nearest (Dekker 1971)."""
    product = a * b
    (left, left_rest), (right, right_rest) = _halves(a), _halves(b)
    error = ((left * right - product) + left * right_rest + left_rest * right) + left_rest * right_rest
    low = error + (a * b_low + a_low * b)
    value = product + low
    rest, room = low - (value - product), SLACK * value
    with np.errstate(all="ignore"):
        scaled = np.ldexp(value, a_scale + b_scale)
    sure = (value + (rest + room) == value) & (value + (rest - room) == value)
    return scaled, sure & (scaled >= LEAST_NORMAL) & np.isfinite(scaled)


def _halves(value: Any) -> tuple[Any, Any]:
    """A double as the sum of two of 26 bits, whose products are exact."""
    large = SPLITTER * value
    upper = large - (large - value)
    return upper, value - upper


def _nearest(factor: Fraction, base: Fraction, exponent: Fraction) -> float:
    """The double nearest to factor base^exponent; halfway between two the even one."""
    exact = _rational(base, exponent)
    if exact is None:
        return _nearest_double(lambda context: _power(factor, base, exponent, context))
    try:
        return (factor * exact).numerator / (factor * exact).denominator
    except OverflowError:
        return math.inf


def _nearest_double(value: Callable[[Context], Decimal]) -> float:
    """The double nearest to an irrational number, or to one of few digits, with as many digits as that needs."""
    for digits in itertools.count(32, 20):
        centre = value(context := Context(prec=digits))
        room = centre.copy_abs().scaleb(8 - digits)
        low, high = float(context.subtract(centre, room)), float(context.add(centre, room))
        if low == high:
            return low
    raise AssertionError  # the count has no end


def _power(factor: Fraction, base: Fraction, exponent: Fraction, context: Context | None = None) -> Decimal:
    """Factor base^exponent, to fewer digits than the context has by those of the exponent."""
    with localcontext(context):
        a, b, e = (Decimal(value.numerator) / Decimal(value.denominator) for value in (factor, base, exponent))
        return a * b**e


def _rational(base: Fraction, exponent: Fraction) -> Fraction | None:
    """Base^exponent where that is rational: where both parts of the base are powers of what the exponent divides by."""
    roots = [_root(part, exponent.denominator) for part in (base.numerator, base.denominator)]
    if None in roots:
        return None
    return Fraction(*cast("list[int]", roots)) ** exponent.numerator


def _root(value: int, degree: int) -> int | None:
    """The whole number whose power of this degree is the value, if there is one."""
    if degree == 1 or value == 1:
        return value
    if degree >= value.bit_length():  # 2 to that power is larger
        return None
    low, high = 1, 1 << -(-value.bit_length() // degree)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**degree <= value else (low, middle - 1)
    return low if low**degree == value else None
