"""What difference formulas could attain at best, and how an error bar compares with it.

The attainable error A(f, x) is that of somebody who knows the truth and the best step: of the central formulas on 3 to
13 nodes and the one-sided ones on up to 8, over the steps 2^k, the least error, after the errors of each formula have
been smoothed by the median over five neighbouring steps so that a lucky hit does not count.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from derivkit.numerical.difference import sweep
from derivkit.numerical.stencil import Stencil, stencil
from derivkit.trusted.truth import Truth
from derivkit.types import Array, Mask

BLOCK = 2**15
"""Points times steps that are worked on at once, so that memory stays flat."""
LARGEST = 48
"""The largest step is 2 to this power, times |x| where that is above 1: past the scales of what is measured by it."""
SMALLEST = -1040
"""The smallest step at tiny |x|: 2 to this power keeps its nodes apart among the subnormal numbers."""
GROUP = 16
"""Binades of x that share one ladder of steps."""
LEAST_RELATIVE = 1e-3
"""Where A is larger than this, relative to the truth, no formula reaches the derivative and a loss says nothing."""


@functools.cache
def formulas(derivative: int) -> tuple[Stencil, ...]:
    """Central formulas on 3 to 13 nodes and one-sided ones on 2 to 8, as far as they have nodes enough."""
    central = [range(-m, m + 1) for m in range(1, 7) if 2 * m >= derivative]
    sides = [side for n in range(max(2, derivative + 1), 9) for side in (range(n), range(1 - n, 1))]
    return tuple(stencil(offsets, derivative) for offsets in (*central, *sides))


def attainable(f: Callable[..., Any], x: ArrayLike, truth: Truth, *, derivative: int = 1) -> Array:
    """A(f, x): the error of the best formula at the best step, chosen knowing the truth.

    Parameters
    ----------
    f : callable
        Of an array, or a Function.
    x : array_like, shape ``(n,)``
        The point.
    truth : Truth
        The derivative at every x, shape ``(n,)``.
    derivative : int
        Its order, 1 to 4.

    Returns
    -------
    ndarray, shape ``(n,)``
        In the unit of the derivative; 0 where rounding happens to do no harm at three steps of five (x^2), infinite
        where no formula gives a number, NaN where there is no truth.

    Examples
    --------
    >>> from derivkit.expressions.expression import parse
    >>> from derivkit.trusted.truth import truth
    >>> best = attainable(np.exp, [1.0], truth(parse("exp(x)"), [1.0]))
    >>> bool(1e-16 < best[0] < 1e-14)
    True
    """
    points = np.asarray(x, dtype=np.float64)
    exponents = np.frexp(np.abs(points))[1].astype(np.int64)
    ladders = np.where(points == 0.0, SMALLEST, np.maximum(exponents - 53, SMALLEST)) // GROUP
    best = np.full(points.shape, np.nan)
    for ladder in np.unique(ladders):
        where = np.nonzero(ladders == ladder)[0]
        last = LARGEST + max(0, int(np.max(exponents[where])))
        delta = np.ldexp(1.0, np.arange(int(ladder) * GROUP, min(last, 1000) + 1))
        rows = max(1, BLOCK // delta.size)
        for block in (where[start : start + rows] for start in range(0, where.size, rows)):
            swept = sweep(f, points[block], delta, formulas=formulas(derivative))
            error = Truth(truth.high[block, None], truth.low[block, None]).distance(swept.estimate)
            best[block] = least_smoothed(error)
    return np.where(np.isfinite(truth.high), best, np.nan)


def least_smoothed(error: Array) -> Array:
    """The least over formulas and steps of errors smoothed over steps, shape ``(formulas, n, steps)`` to ``(n,)``.

    No number is an infinite error. The median of five is that of the fifth, the larger of the smaller ones of two pairs
    and the smaller of their larger ones: whole arrays compared, which a sort of short windows is not.

    Examples
    --------
    >>> float(least_smoothed(np.array([[[5.0, 0.0, 4.0, 3.0, 6.0]]]))[0])
    4.0
    """
    known = np.where(np.isnan(error), np.inf, error)
    a, b, c, d, e = (known[..., k : known.shape[-1] - 4 + k] for k in range(5))
    low = np.maximum(np.minimum(a, b), np.minimum(c, d))
    high = np.minimum(np.maximum(a, b), np.maximum(c, d))
    medians = np.maximum(np.minimum(low, high), np.minimum(np.maximum(low, high), e))
    return cast("Array", np.min(medians, axis=(0, -1)))


# How a claim compares with the truth. All take arrays of one shape, value and error being what a method says.


def covered(value: ArrayLike, error: ArrayLike, truth: Truth) -> Mask:
    """Whether |value - truth| <= error + half an ulp of the truth; False where there is no number.

    Examples
    --------
    >>> covered([1.0, 1.5], [0.1, 0.1], Truth(np.ones(2), np.zeros(2))).tolist()
    [True, False]
    """
    with np.errstate(all="ignore"):
        return truth.distance(value) <= np.asarray(error, dtype=np.float64) + truth.half_ulp


def tightness(value: ArrayLike, error: ArrayLike, truth: Truth, best: ArrayLike) -> Array:
    """The claimed error over the largest of the true one, half an ulp and the attainable one: 1 is perfect."""
    with np.errstate(all="ignore"):
        floor = np.maximum(np.maximum(truth.distance(value), truth.half_ulp), np.asarray(best, dtype=np.float64))
        return np.asarray(error, dtype=np.float64) / floor


def loss(value: ArrayLike, truth: Truth, best: ArrayLike) -> Array:
    """The true error over the attainable one, neither below half an ulp; NaN where A > 1e-3 |truth|."""
    attained = np.asarray(best, dtype=np.float64)
    with np.errstate(all="ignore"):
        ratio = np.maximum(truth.distance(value), truth.half_ulp) / np.maximum(attained, truth.half_ulp)
        return np.where(attained <= LEAST_RELATIVE * np.abs(truth.high), ratio, np.nan)


def miss_size(value: ArrayLike, error: ArrayLike, truth: Truth) -> Array:
    """How many times the claimed error the true one is, half an ulp apart; above 1 the claim is false."""
    with np.errstate(all="ignore"):
        return (truth.distance(value) - truth.half_ulp) / np.asarray(error, dtype=np.float64)
