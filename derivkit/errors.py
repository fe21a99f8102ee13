"""Errors of a numerical derivative as measured: how large, and how much of one that is small is luck."""

from __future__ import annotations

import itertools
import math
from typing import cast

import numpy as np
from numpy.typing import ArrayLike

from derivkit.arguments import numbers
from derivkit.grids import logspace
from derivkit.types import Array, Indices, Mask


def absolute_error(estimate: ArrayLike, exact: ArrayLike) -> Array:
    """|estimate - exact|.

    Parameters
    ----------
    estimate, exact : array_like
        Real numbers, of shapes that are broadcast.

    Returns
    -------
    ndarray
        Of the shape of both.

    Raises
    ------
    TypeError
        If one of them is no array of real numbers.

    Examples
    --------
    >>> float(absolute_error(4.5, 4.0))
    0.5
    """
    return cast("Array", np.abs(numbers("estimate", estimate) - numbers("exact", exact)))


def relative_error(estimate: ArrayLike, exact: ArrayLike) -> Array:
    """|estimate - exact| / |exact|; NaN where exact is 0, since nothing is relative to 0.

    Parameters
    ----------
    estimate, exact
        As in :func:`absolute_error`.

    Returns
    -------
    ndarray
        Of the shape of both.

    Raises
    ------
    TypeError
        As :func:`absolute_error`.

    Examples
    --------
    >>> float(relative_error(4.5, 4.0))
    0.125
    """
    size = np.abs(numbers("exact", exact))
    with np.errstate(all="ignore"):
        return np.where(size > 0.0, absolute_error(estimate, exact) / size, np.nan)


def norm_ratio(difference: ArrayLike, exact: ArrayLike) -> float:
    """|difference| / |exact| in 2-norms, computed in float64; NaN where exact is 0.

    Parameters
    ----------
    difference, exact : array_like, shape ``(n,)``
        The difference may be that of a part of the exact vector, and shorter.

    Returns
    -------
    float

    Examples
    --------
    >>> norm_ratio([0.3, 0.4], [3.0, 4.0])
    0.1
    """
    size = float(np.linalg.norm(exact))
    return float(np.linalg.norm(difference)) / size if size else math.nan


def ulp_error(estimate: ArrayLike, exact: ArrayLike) -> Array:
    """The error in units in the last place of the exact value; NaN where exact is 0.

    Parameters
    ----------
    estimate, exact
        As in :func:`absolute_error`.

    Returns
    -------
    ndarray
        Of the shape of both.

    Raises
    ------
    TypeError
        As :func:`absolute_error`.

    Examples
    --------
    >>> float(ulp_error(1.0 + 2.0**-50, 1.0))
    4.0
    """
    size = np.abs(numbers("exact", exact))
    with np.errstate(all="ignore"):
        return np.where(size > 0.0, absolute_error(estimate, exact) / np.spacing(size), np.nan)


BELOW = logspace(-0.5, 0, 9)
"""Deltas over which a typical error is taken, times the one in question: single errors hit 0 by luck."""
ABOVE = logspace(0, 0.25, 5)[1:]
HIGHEST_ORDER = 8
"""Nor may an error be less than those at slightly larger deltas leave, however fast truncation falls: no formula is of
a higher order. That tells luck at the least deltas of a sweep, which have no others below."""
NEXT_SMALLER = 2
"""So many of the next smaller deltas of a sweep count, however far away: none may lie within the half decade."""
SAME_DECADES = 1e-6
"""Decades by which rounding may move two deltas that are equal."""
LUCK = 0.1
"""Below this part of the errors around it, an error is called good luck: a constant without a derivation."""


def root_mean_square(errors: Array) -> Array:
    """Of every row, NaN left out; infinite where one is. No square over- or underflows.

    Examples
    --------
    >>> root_mean_square(np.array([[3e-200, np.nan, 4e-200]])).tolist()
    [3.5355339059327375e-200]
    """
    usable = ~np.isnan(errors)
    errors = np.where(usable, errors, 0.0)
    largest = np.max(errors, axis=1)
    with np.errstate(all="ignore"):
        shares = np.sum((errors / largest[:, None]) ** 2, axis=1) / np.sum(usable, axis=1)
        return np.asarray(np.where((largest > 0.0) & np.isfinite(largest), largest * np.sqrt(shares), largest))


def is_luck(error: float, around: float) -> bool:
    """Whether an error is good luck, as it is less than a tenth of those around it.

    Parameters
    ----------
    error, around : float
        The error in question, and what is typical of those around it.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_luck(1e-16, 1e-12), is_luck(1e-16, 5e-16)
    (True, False)
    """
    return bool(error < LUCK * around)


def distinguishable(error: ArrayLike, exact: ArrayLike) -> Array:
    """An error, and at least half a unit in the last place of the exact value: below that all estimates are equal.

    Parameters
    ----------
    error, exact : array_like
        Real numbers, of shapes that are broadcast.

    Returns
    -------
    ndarray
        Of the shape of both; NaN where either is.

    Raises
    ------
    TypeError
        If the exact value is no array of real numbers.

    Examples
    --------
    >>> distinguishable([0.0, 1e-3], 1.0).tolist()
    [1.1102230246251565e-16, 0.001]
    """
    with np.errstate(all="ignore"):
        return np.asarray(np.maximum(error, 0.5 * np.spacing(np.abs(numbers("exact", exact)))))


def typical_error(
    delta: ArrayLike,
    error: ArrayLike,
    *,
    growth: int = 1,
    curve: ArrayLike | None = None,
    truncation: ArrayLike | None = None,
    limit: float = math.inf,
) -> Array:
    """The error that is typical of every delta of a sweep: at least the one made, and more where that is luck.

    Rounding errors scatter and hit 0, so that the least error of a sweep is one of these hits. But they grow towards
    smaller deltas by a law, delta^-growth, so that the errors there tell how large rounding is here. Taken is the root
    mean square of those over the half decade up to a delta, and at the two next smaller ones, each carried along that
    law; and no less than the errors just above leave. Of a sweep of two deltas there is nothing to tell luck by.

    Parameters
    ----------
    delta, error : array_like, shape ``(n,)``
        In any order; an error that is NaN is left out.
    growth : int
        The order of the derivative.
    curve : array_like of int, optional, shape ``(n,)``
        Which sweep each belongs to, where there are several.
    truncation : array_like, optional, shape ``(n,)``
        What is predicted of it: an error that is less than a tenth owes that to a rounding error of the other sign,
        unless all those at smaller deltas are 0 too, which is no luck.
    limit : float
        Larger errors are returned as they are: whoever looks for the least of typical errors, and knows one, needs no
        other than those up to it.

    Returns
    -------
    ndarray, shape ``(n,)``
        NaN where the error is.

    Examples
    --------
    >>> [f"{error:.2g}" for error in typical_error([1e-8, 1e-7, 1e-6], [4e-8, 4e-9, 1e-14])]
    ['4e-08', '4e-09', '3.3e-10']
    """
    h, e = (np.asarray(v, dtype=np.float64) for v in (delta, error))
    number = np.zeros(h.size, dtype=np.intp) if curve is None else _numbered(np.asarray(curve))
    concerned = np.zeros(number.max(initial=-1) + 1, dtype=bool)
    concerned[number[e <= limit]] = True
    rows = np.flatnonzero(concerned[number])
    rows = rows[np.lexsort((h[rows], number[rows]))]
    sweeps, result = _Sweeps(h[rows], e[rows], number[rows], limit), e.copy()
    with np.errstate(all="ignore"):
        result[rows[sweeps.places]] = sweeps.not_below_larger(sweeps.not_below_smaller(growth))
    if truncation is None:
        return result
    least = LUCK * np.asarray(truncation, dtype=np.float64)
    every, off = _smallest(h, number, ~np.isnan(e)), _smallest(h, number, e > 0.0)
    no_luck = (result == 0.0) & (every < h) & (h < off)
    return np.where(np.isnan(result) | no_luck, result, np.fmax(result, least))


def _smallest(delta: Array, number: Indices, counts: Mask) -> Array:
    """For every delta the smallest one of its sweep that counts; infinite where none does."""
    smallest = np.full(number.max(initial=-1) + 1, np.inf)
    np.minimum.at(smallest, number[counts], delta[counts])
    return np.asarray(smallest[number])


def _numbered(curve: Indices) -> Indices:
    """The sweeps numbered from 0 in their order; the errors of one mostly follow one another."""
    new = np.diff(curve, prepend=curve[:1] - 1) != 0
    return np.asarray(np.unique(curve[new], return_inverse=True)[1][np.cumsum(new) - 1])


class _Sweeps:
    """Errors over delta, which rises within every sweep; sweeps are told apart by their numbers.

    What is typical is computed for the errors up to a limit, at these ``places``.
    """

    def __init__(self, delta: Array, error: Array, number: Indices, limit: float) -> None:
        self.delta, self.error, self.number = delta, error, number
        self.places = np.flatnonzero(error <= limit)
        with np.errstate(all="ignore"):
            # No two deltas lie 1000 decades apart, so that one search finds the neighbours within every sweep.
            self._decades = np.log10(delta) + 1000.0 * number

    def _up_to(self, share: float) -> Indices:
        """For every delta at the places the last of those up to that share of it."""
        reach = self._decades[self.places] + np.log10(share) + SAME_DECADES
        return np.asarray(np.searchsorted(self._decades, reach, side="right") - 1)

    def _in_same(self, other: Indices) -> Mask:
        """Whether an error is of the same sweep as the one at its place."""
        return np.asarray(self.number[other] == self.number[self.places])

    def not_below_smaller(self, growth: int) -> Array:
        """No less than the root mean square of errors at smaller deltas, each carried along the law of rounding."""
        places = self.places
        square, count, lowest = np.zeros(places.size), np.zeros(places.size), places + 1
        within = (self._up_to(share) for share in BELOW[::-1])
        for other in itertools.chain(within, (places - k for k in range(1, NEXT_SMALLER + 1))):
            place = np.maximum(other, 0)
            carried = self.error[place] * np.prod([self.delta[place] / self.delta[places]] * growth, axis=0)
            counts = (other >= 0) & (other < lowest) & self._in_same(place) & np.isfinite(carried)
            square, count = np.where(counts, np.hypot(square, carried), square), count + counts
            lowest = np.fmin(lowest, other)
        return np.asarray(np.fmax(self.error[places], square / np.sqrt(np.maximum(count, 1))))

    def not_below_larger(self, typical: Array) -> Array:
        """No less than the errors at slightly larger deltas leave, however fast truncation falls."""
        for share in ABOVE:
            other = self._up_to(share)
            carried = self.error[other] * np.prod([self.delta[self.places] / self.delta[other]] * HIGHEST_ORDER, axis=0)
            typical = np.where(self._in_same(other) & (carried > typical), carried, typical)
        return typical


def least_errors(delta: ArrayLike, error: ArrayLike, *, curve: ArrayLike | None = None) -> Indices:
    """The place of the least error of every sweep; among equals that of the largest delta, which needs least luck.

    Parameters
    ----------
    delta, error : array_like, shape ``(n,)``
        In any order; an error that is NaN is left out.
    curve : array_like of int, optional, shape ``(n,)``
        Which sweep each belongs to, where there are several.

    Returns
    -------
    ndarray of int, shape ``(sweeps,)``
        In the order of the sweeps' numbers; a sweep of which every error is NaN is left out.

    Examples
    --------
    >>> least_errors([1e-8, 1e-6, 1e-4, 1e-2], [3e-9, 2e-9, 2e-9, 5e-2]).tolist()
    [2]
    """
    steps, sizes = (np.asarray(values, dtype=np.float64) for values in (delta, error))
    number = np.zeros(steps.size, dtype=np.intp) if curve is None else np.asarray(curve)
    order = np.lexsort((-steps, sizes, number))
    order = order[~np.isnan(sizes[order])]
    first = np.diff(number[order], prepend=number[order[:1]] - 1) != 0
    return np.asarray(order[first])


def best_delta(delta: ArrayLike, error: ArrayLike, *, growth: int = 1) -> tuple[float, float]:
    """The delta of a sweep with the least typical error, and that error; among equals the largest.

    Parameters
    ----------
    delta, error : array_like, shape ``(n,)``
        As in `typical_error`.
    growth : int
        The order of the derivative.

    Returns
    -------
    (float, float)
        NaN both if there is no error.

    Examples
    --------
    >>> best_delta([1e-8, 1e-7, 1e-6, 1e-5], [4e-8, 1e-14, 1e-6, 1e-5])[0]
    1e-07
    """
    typical = typical_error(delta, error, growth=growth)
    for place in least_errors(delta, typical):
        return float(np.asarray(delta, dtype=np.float64)[place]), float(typical[place])
    return math.nan, math.nan
