"""Grids of numbers, computed exactly and rounded once, so that a grid is the same on every machine.

NumPy's ``logspace`` raises 10 to a power in float64, whose last bit depends on the processor. Here the numbers
are rational or 40-digit decimals until the one rounding at the end: ``linspace(0, 0.3, 4)`` holds 0.1, not its
neighbour.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

# OmegaConf 2.4 holds its arguments to the annotations, and takes 0 for an int.
Number: TypeAlias = int | float

MOST = 100_000
_DIGITS = Context(prec=40)

# A configuration is resolved several times on its way to a job. Typed: 9.0 is no number of points, though it equals 9.
_kept = lru_cache(maxsize=16, typed=True)


@_kept
def linspace(start: Number, stop: Number, count: int) -> list[float]:
    """Return ``count`` evenly spaced numbers from ``start`` to ``stop``, both included."""
    first, step, unit = _line("linspace", start, stop, count)
    # The quotient of two whole numbers is correctly rounded.
    return [(first + k * step) / unit for k in range(count)]


@_kept
def logspace(start: Number, stop: Number, count: int) -> list[float]:
    """Return 10 to the power of ``count`` evenly spaced exponents from ``start`` to ``stop``."""
    first, step, unit = _line("logspace", start, stop, count)
    with localcontext(_DIGITS):
        return [float(Decimal(10) ** (Decimal(first + k * step) / unit)) for k in range(count)]


@_kept
def geomspace(start: Number, stop: Number, count: int) -> list[float]:
    """Return ``count`` numbers of constant ratio from ``start`` to ``stop``, both above 0 and included."""
    _line("geomspace", start, stop, count)
    low, high = _exact("geomspace", start), _exact("geomspace", stop)
    if low <= 0 or high <= 0:
        raise ValueError(f"geomspace from {start} to {stop}: both ends must be greater than 0")
    with localcontext(_DIGITS):
        first, ratio = _decimal(low), _decimal(high / low)
        inner = [float(first * ratio ** (Decimal(k) / (count - 1))) for k in range(1, count - 1)]
    return [float(low), *inner, float(high)][:count]


@_kept
def powers_of_two(start: int, stop: int) -> list[float]:
    """Return 2 to the power of every whole number from ``start`` to ``stop``, both included."""
    for value in (start, stop):
        if isinstance(value, bool) or not isinstance(value, int) or not -1074 <= value <= 1023:
            raise ValueError(f"powers_of_two from {start} to {stop}: exponents are whole, from -1074 to 1023")
    step = 1 if stop >= start else -1
    return [2.0**exponent for exponent in range(start, stop + step, step)]


GRIDS: dict[str, Callable[..., list[float]]] = {
    "logspace": logspace,
    "linspace": linspace,
    "geomspace": geomspace,
    "powers_of_two": powers_of_two,
}


def _line(name: str, start: Number, stop: Number, count: int) -> tuple[int, int, int]:
    """Return whole numbers first, step and unit: the k-th number is (first + k step) / unit."""
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST:
        raise ValueError(f"{name} of {count} numbers: the third argument is a whole number from 1 to {MOST}")
    low, high = _exact(name, start), _exact(name, stop)
    step = (high - low) / max(count - 1, 1)
    unit = math.lcm(low.denominator, step.denominator)
    return int(low * unit), int(step * unit), unit


def _exact(name: str, value: Number) -> Fraction:
    """Return the number as it was written: 0.3 is 3/10, not the binary number nearest to it."""
    try:
        return Fraction(repr(value))
    except ValueError:
        raise ValueError(f"{name}: {value!r} is not a finite number") from None


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)
