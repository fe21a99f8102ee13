"""Statistics of numbers in general: quotients that may not exist, halves of a sum, ranks, slopes between logarithms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.multivariate.samples import Array
from derivkit.types import Indices


def quotient(above: Any, below: Any) -> Array:
    """The quotient of numbers or arrays, NaN where it would be 0/0 or infinite.

    Parameters
    ----------
    above, below : array_like
        Of shapes that are broadcast.

    Returns
    -------
    ndarray
        Of the broadcast shape.

    Examples
    --------
    >>> quotient([1.0, 1.0], [4.0, 0.0]).tolist()
    [0.25, nan]
    """
    above, below = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    nowhere = np.full(np.broadcast(above, below).shape, np.nan)
    return np.asarray(np.divide(above, below, out=nowhere, where=below != 0.0))


def fewest_for_half(sizes: Array) -> int:
    """The fewest of the sizes, none of them negative, that make at least half of their sum.

    Parameters
    ----------
    sizes : ndarray
        Shape ``(n,)``.

    Returns
    -------
    int
        0 where the sum is 0.

    Examples
    --------
    >>> fewest_for_half(np.array([1.0, 5.0, 2.0, 1.0])), fewest_for_half(np.ones(4)), fewest_for_half(np.zeros(3))
    (1, 2, 0)
    """
    made = np.cumsum(np.sort(sizes)[::-1])
    return int(np.searchsorted(made, made[-1] / 2.0)) + 1 if made[-1] else 0


def rank_correlation(x: Array, y: Array) -> float:
    """Spearman's correlation of two arrays; NaN where all of one are equal.

    Spearman, *The proof and measurement of association between two things*, 1904.

    Parameters
    ----------
    x, y : ndarray
        Shape ``(n,)`` each.

    Returns
    -------
    float
        From -1 to 1.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 3.0])
    >>> round(rank_correlation(x, np.exp(x)), 12), round(rank_correlation(x, -x), 12)
    (1.0, -1.0)
    """
    ranks = [_ranks(values) for values in (x, y)]
    a, b = (rank - np.mean(rank) for rank in ranks)
    return float(quotient(a @ b, math.sqrt((a @ a) * (b @ b))))


def _ranks(values: Array) -> Array:
    """Ranks from 1, equal values sharing the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2.0)[place])


def log_slope(x: NDArray[Any], y: Array, doubt: Array) -> tuple[float, float]:
    """The slope of log y against log x by least squares, and its standard error.

    Parameters
    ----------
    x, y : ndarray
        Positive, shape ``(n,)``.
    doubt : ndarray
        Standard errors of log y, shape ``(n,)``.

    Returns
    -------
    tuple of float
        NaN with fewer than two points.

    Examples
    --------
    >>> slope, error = log_slope(np.array([1.0, 2.0, 4.0]), np.array([1.0, 0.5, 0.25]), np.zeros(3))
    >>> round(slope, 12), error
    (-1.0, 0.0)
    """
    if x.size < 2:
        return math.nan, math.nan
    away = np.log(x) - np.mean(np.log(x))
    weight = away / (away @ away)
    return float(weight @ np.log(y)), float(np.linalg.norm(weight * doubt))


def shares_up_to(order: Indices) -> Array:
    """For each of the numbers that an order sorts, the share of them up to it; shapes ``(n,)``.

    Examples
    --------
    >>> shares_up_to(np.argsort([3.0, 1.0, 2.0])).round(3).tolist()
    [1.0, 0.333, 0.667]
    """
    share = np.empty(order.size)
    share[order] = np.arange(1, order.size + 1) / order.size
    return share
