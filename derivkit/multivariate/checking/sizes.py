r"""The size of an error from its products with random directions, and the least size that they show.

For a fixed error e and a direction v of independent standard normal entries, v.e is normal with variance
:math:`\lvert e\rvert^2`, whatever e is: the sum of squares over k directions is
:math:`\lvert e\rvert^2 \chi^2_k`, which gives an exact interval. For several rows, a matrix E instead of e,
:math:`\lvert E v\rvert^2` is a sum of such squares with weights that add up to :math:`\lvert E\rvert^2`; it spreads
most where one weight is all, so that the same quantiles serve.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from derivkit.types import EPS, Array

CONFIDENCE = 0.95
"""Of the interval of the size of an error."""
POWER = 0.99
"""With which an error of the detectable size is noticed."""
MARGIN = 3.0
"""An error is overlooked only where its product is within so many bars: the measured one may be away by a bar to the
side of the claim, and so may the second measurement, whose bar is wider, that acquits a claim."""
BISECTIONS = 200


def chi_square_quantile(part: float, degrees: int) -> float:
    """The value below which chi-square of so many degrees of freedom is with the probability ``part``.

    Examples
    --------
    >>> round(chi_square_quantile(0.95, 1), 4), round(chi_square_quantile(0.025, 8), 4)
    (3.8415, 2.1797)
    """
    return _root(lambda x: chi_square_below(x, degrees) >= part, float(degrees))


def chi_square_below(x: float, degrees: int) -> float:
    r"""The probability that chi-square is below x: :math:`z^a e^{-z} \sum_n z^n / \Gamma(a+n+1)`, z = x/2, a = k/2.

    Abramowitz and Stegun, *Handbook of Mathematical Functions*, 1964, 6.5.29.
    """
    z, a = 0.5 * x, 0.5 * degrees
    if z == 0.0:
        return 0.0
    term = math.exp(a * math.log(z) - z - math.lgamma(a + 1.0))
    total, n = term, 0
    while term > EPS * total or n < z:  # terms rise up to n = z
        n += 1
        term *= z / (a + n)
        total += term
    return min(total, 1.0)


def _root(above: Callable[[float], bool], start: float) -> float:
    """Where a condition on a positive number that holds from there on begins to hold."""
    low, high = 0.0, start
    while not above(high):
        low, high = high, 2.0 * high
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        low, high = (low, middle) if above(middle) else (middle, high)
    return high


class Law(NamedTuple):
    """How the products of an error of size 1 with random directions are distributed.

    Attributes
    ----------
    below : callable
        The probability that the size of one is at most c.
    quantile : callable
        Of the sum of k squares: of a probability and k.
    """

    below: Callable[[float], float]
    quantile: Callable[[float, int], float]


def _product_below(c: float) -> float:
    """Of the product of two normal numbers: the mean over the quantiles of one of them."""
    return float(np.mean([math.erf(c / (math.sqrt(2.0) * size)) for size in _half_normal()]))


@cache
def _half_normal() -> tuple[float, ...]:
    parts = (np.arange(500) + 0.5) / 500
    return tuple(NormalDist().inv_cdf(0.5 + 0.5 * part) for part in parts.tolist())


@cache
def _products(k: int) -> Array:
    """Sums of k squares of products of two normal numbers, drawn often."""
    draws = np.random.default_rng(0).standard_normal((2, 20_000, k))
    return np.asarray(np.sum((draws[0] * draws[1]) ** 2, axis=1))


NORMAL = Law(lambda c: math.erf(c / math.sqrt(2.0)), chi_square_quantile)
"""Of a vector with directions of independent normal entries."""
PRODUCTS = Law(_product_below, lambda part, k: float(np.quantile(_products(k), part)))
"""Of a matrix E of rank 1 between two such directions, which of all E of one size spreads most."""


def size_of(residuals: Array, bars: Array, law: Law = NORMAL) -> tuple[float, tuple[float, float]]:
    """The size of an error and its interval, from its products with k directions.

    Parameters
    ----------
    residuals, bars : ndarray, shape ``(k, m)``
        The products of m rows, and how wrong they may be.
    law : Law
        Of the products.

    Returns
    -------
    float
        The root of the mean square.
    tuple of float
        Where the size is with a probability of 95 %; it reaches 0 where nothing is beyond its bar.
    """
    k = len(residuals)
    size = np.abs(residuals)
    least, most = _norm(np.maximum(size - bars, 0.0)), _norm(size + bars)
    high, low = (law.quantile(0.5 * (1.0 + sign * CONFIDENCE), k) for sign in (1, -1))
    return _norm(size) / math.sqrt(k), (least / math.sqrt(high), most / math.sqrt(low))


def detectable_size(bars: Array, law: Law = NORMAL) -> float:
    """The least size of an error that k directions of independent normal entries show with a probability of 99 %.

    It is overlooked only if every product is within `MARGIN` bars; those of several rows, shape ``(k, m)``, stand
    together as their norm.
    """
    together = np.sqrt(np.sum(bars**2, axis=1))
    scale = float(together.max(initial=0.0))
    if not (together.size and 0.0 < scale < math.inf):
        return math.inf

    def shows(size: float) -> bool:
        chance = np.prod([law.below(MARGIN * bar / (scale * size)) for bar in together.tolist()])
        return bool(chance <= 1.0 - POWER)

    return scale * _root(shows, 1.0)


def chance_alone(least: float, most: Array, law: Law = NORMAL) -> float:
    """The largest probability, over all sizes of an error, that one direction shows so much and the others so little.

    Parameters
    ----------
    least : float
        What one direction shows at least.
    most : ndarray, shape ``(k,)``
        What the others show at most.
    law : Law
        Of the products.

    Examples
    --------
    >>> chance_alone(1.0, np.full(7, 0.5)) > 0.001 > chance_alone(100.0, np.full(7, 0.5))
    True
    """
    sizes = least * np.geomspace(0.25, 8.0, 41)
    chances = [(1.0 - law.below(least / size)) * math.prod(map(law.below, most / size)) for size in sizes.tolist()]
    return float(max(chances))


def _norm(array: Array) -> float:
    return float(np.linalg.norm(array))
