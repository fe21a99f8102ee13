"""erf, gamma and their relatives over float64 arrays, with what is known of their errors.

erf, erfc and gamma are those of Python's :mod:`math`. The digamma and polygamma functions are shifted by their
recurrence to where their asymptotic series holds: NIST *Digital Library of Mathematical Functions*, equations 5.5.2,
5.5.4 and 5.11.2 for the digamma function, 25.11.12 (by way of Hurwitz' zeta function, 25.11.3 and 25.11.43) for the
polygamma functions. For a real argument the error of these series is less than the first term left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from derivkit.types import Array

Sized = tuple[Array, Array]

BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330)
"""B_2, B_4, ..., B_20."""
FAR = 12
"""From here on the series of the digamma function errs by less than B_22 / (22 FAR^22) = 5e-21; those of the others
start further on, see `_hurwitz`."""
LARGEST_ORDER = 150
"""Polygamma functions of higher orders leave the range of float64 at 1."""
UNDERFLOWING = 2.0**-960
"""Powers below may have lost digits to underflow, or are about to."""
DIGAMMA_ERROR = 32.0
"""Error of `digamma` in units of 2^-53 of the size that it returns: 12 sums of reciprocals, each of 3 roundings at most
but correlated, the logarithm and the cotangent."""


def _elementwise(function: Callable[[float], float]) -> Callable[[Any], Array]:
    def evaluate(a: Any) -> Array:
        wide = np.asarray(a, dtype=np.float64)
        return np.fromiter(map(function, wide.ravel().tolist()), np.float64, wide.size).reshape(wide.shape)

    return evaluate


def _gamma(a: float) -> float:
    try:
        return math.gamma(a)
    except ValueError:  # a pole, or minus infinity
        return math.nan
    except OverflowError:
        return math.inf


erf = _elementwise(math.erf)
"""The error function."""
erfc = _elementwise(math.erfc)
"""1 - erf without cancellation."""
gamma = _elementwise(_gamma)
"""The gamma function; NaN at its poles."""


def digamma(a: Any) -> Array:
    """The digamma function, the logarithmic derivative of gamma; NaN at its poles."""
    return sized_digamma(a)[0]


def sized_digamma(a: Any) -> Sized:
    """The digamma function, and the sum of the sizes of what is added up for it."""
    x = np.asarray(a, dtype=np.float64)
    with np.errstate(all="ignore"):
        mirrored = x < 0.5
        z = np.where(mirrored, 1.0 - x, x)
        reciprocals = np.zeros_like(z)
        for _ in range(FAR):
            near = z < FAR
            reciprocals = reciprocals + np.where(near, 1.0 / z, 0.0)
            z = np.where(near, z + 1.0, z)
        square, series = z**-2, np.zeros_like(z)
        for k in range(len(BERNOULLI), 0, -1):
            series = square * (series + BERNOULLI[k - 1] / (2 * k))
        value = np.log(z) - (0.5 / z + series) - reciprocals
        angle = np.pi * (x - np.round(x))
        cotangent = np.where(mirrored, np.pi / np.tan(angle), 0.0)
        value = np.where((x <= 0.0) & (np.floor(x) == x), np.nan, value - cotangent)
        return value, np.log(z) + reciprocals + np.abs(cotangent) + 1.0


def polygamma(n: Any, a: Any) -> Array:
    """The n-th derivative of the digamma function for one whole number n; NaN at its poles."""
    return sized_polygamma(n, a)[0]


def sized_polygamma(n: Any, a: Any) -> Sized:
    """The polygamma function, and the sum of the sizes of what is added up for it."""
    order, x = float(np.asarray(n)), np.asarray(a, dtype=np.float64)
    if not (order.is_integer() and 0 <= order <= LARGEST_ORDER):
        return np.full_like(x, np.nan), np.full_like(x, np.nan)
    if order == 0:
        return sized_digamma(x)
    s = int(order) + 1
    with np.errstate(all="ignore"):
        # Over all k, 1/(x + k)^s is summed; for a negative x the terms below and above 0 stand apart.
        negative = x < 0.0
        above = _hurwitz(s, np.where(negative, x - np.floor(x), x))
        below = np.where(negative, _hurwitz(s, np.ceil(x) - x), 0.0)
        beyond = np.where(negative, _hurwitz(s, 1.0 - x), 0.0)
        value = (-1) ** s * above + below - beyond
        pole = (x <= 0.0) & (np.floor(x) == x)
        return np.where(pole, np.nan, value), above + np.where(negative, below + beyond, 0.0)


def polygamma_error(n: int) -> float:
    """Error of `sized_polygamma` in units of 2^-53 of the size that it returns: powers of numbers, each rounded."""
    return 32.0 + 12.0 * (n + 1) + 4.0 * math.lgamma(n + 1.0) if n else DIGAMMA_ERROR


def _hurwitz(s: int, x: Array) -> Array:
    """(s-1)! times Hurwitz' zeta function, x > 0, by the formula of Euler and Maclaurin.

    From z = s + FAR on, term k of the series is below |B_2k| / (2k)! < 2 / (2 pi)^2k of the first one times
    (s + 2k)^2k / (s + FAR)^2k; the first term left out, k = 11, is less than 1e-17 of it for s up to 151.
    """
    # The factorial goes into the base, so that a number in the range does not leave it on the way.
    base = math.exp(math.lgamma(s) / s)
    total, z = np.zeros_like(x), x
    for _ in range(s + FAR):
        near = z < s + FAR
        total = total + np.where(near, (base / z) ** s, 0.0)
        z = np.where(near, z + 1.0, z)
    last, before = (base / z) ** s, (base / z) ** (s - 1)
    z = np.minimum(z, np.finfo(np.float64).max)  # at infinity, where the result is 0 too
    square, series = z**-2, np.zeros_like(z)
    for k in range(len(BERNOULLI), 0, -1):
        ratio = (s + 2 * k - 1) * (s + 2 * k) / ((2 * k + 1) * (2 * k + 2))
        series = square * (BERNOULLI[k - 1] + ratio * series) if k < len(BERNOULLI) else square * BERNOULLI[k - 1]
    series = series * s / 2
    # Far out the power underflows before the result does, by a factor of z.
    tail = last * (z / (s - 1) + 0.5 + series * z)
    return np.asarray(total + np.where(last > UNDERFLOWING, tail, before * base * (1 / (s - 1) + 0.5 / z + series)))
