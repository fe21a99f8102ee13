"""What is known at every point of a search, and the law by which answers are written.

The law: an answer that is known is never replaced by one that contradicts it unless the new bar covers both.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from derivkit.numerical.ladder import Analysis, Exponents
from derivkit.numerical.rounds import Ladder
from derivkit.numerical.status import CODE, Status
from derivkit.types import Array, Indices, Mask

DROWNED, DROWNED_NOISE = 1e-120, 1e-313
"""Windows so small, of values with so little rounding, are so near to the least float that it hides all that larger
ones showed."""
STALLS = 0.6
"""Coefficients of smooth functions fall as fast in the end as on the whole, by powers of the distance to what limits
the window; those of a kink as a power of the degree, which before the plateau is about a third of that."""
SYSTEMATIC = 4.0
"""Such a kink at the level of noise is no random error, for which bars are made, but the same at every degree."""


class Start(NamedTuple):
    """A small window that another point vouches for.

    Attributes
    ----------
    window : tuple of int
        Its exponents.
    target : float
        Degree at which it is to meet the noise.
    sacrifice : float
        By what factor its error may be above that of the best window.
    """

    window: Exponents
    target: float
    sacrifice: float


class Limits(NamedTuple):
    """What a search may do.

    Attributes
    ----------
    lo, hi : float, or both ndarray of shape ``(n,)``
        Where f may be asked, for all points or for each.
    side : int
        1 or -1 for the derivative of one side, 0 for that of both.
    sacrifice : float
        By what factor the error may be above that of the best window.
    start : Start, optional
        A window to begin with that is judged by measures of its own.
    common : bool
        Whether f gives so many numbers at a point that their ladders are to have steps in common: the tops of later
        ones are then powers of the ratio apart.
    narrow : ndarray of bool, shape ``(n,)``, optional
        Which points f is given in float32, if any.
    float32 : bool
        Whether the values of f are known to have no more digits than float32: windows in which these hide a kink are
        wide.
    many : bool
        Whether f is a function of many variables, which may sum values that are rounded apart.
    """

    lo: Any = -math.inf
    hi: Any = math.inf
    side: int = 0
    sacrifice: float = 8.0
    start: Start | None = None
    common: bool = False
    narrow: Mask | None = None
    float32: bool = False
    many: bool = False

    def take(self, places: Indices) -> Limits:
        """Those of some places."""
        if not np.ndim(self.lo):
            return self
        narrow = None if self.narrow is None else self.narrow[places]
        return self._replace(lo=self.lo[places], hi=self.hi[places], narrow=narrow)

    @property
    def bounded(self) -> bool:
        """Whether there is an end anywhere."""
        return bool(np.isfinite(self.lo).any() or np.isfinite(self.hi).any())


class Finding(NamedTuple):
    """An answer for some points: derivatives with their bars, and the window that they come from.

    Attributes
    ----------
    value, error : ndarray, shape ``(orders, n)``
    noise, step : ndarray, shape ``(n,)``
        Noise of f on the window, and its largest step.
    """

    value: Array
    error: Array
    noise: Array
    step: Array


def covering(value: Array, error: Array, before: Array, bar: Array) -> Array:
    """The bar of an answer that takes the place of another: where they contradict each other, it covers both.

    Examples
    --------
    >>> one = np.ones(1)
    >>> covering(0.0 * one, 0.25 * one, one, 0.125 * one), covering(0.75 * one, 0.25 * one, one, 0.125 * one)
    (array([1.125]), array([0.25]))
    """
    away = np.abs(value - before)
    return np.asarray(np.where(np.isfinite(bar) & (away > error + bar), away + bar, error))


class State:
    """What was found so far at every point, and the ways on.

    The law of the search: an answer that is known is never replaced by one that contradicts it unless the new bar
    covers both. `record`, `replace`, `widen` and `refuse` alone write answers, and hold it. One exception: a window in
    which f does not move knows nothing of the slope of a staircase.

    Attributes
    ----------
    value, error : ndarray, shape ``(orders, n)``
        The best so far.
    known, known_error : ndarray, shape ``(orders, n)``
        The best of a window in which f moves and is smooth, which no later answer may contradict.
    noise, step, reach, slope : ndarray, shape ``(n,)``
        Of the window that it came from: noise of f, largest step, how large it promises that it may be, and the slope
        of f whatever the order.
    stall : ndarray, shape ``(n,)``
        See `Analysis`.
    status : ndarray of int8
        See `CODE`.
    left, right, exponent : ndarray, shape ``(n,)``
        Slopes of the sides where they differ, and the power that f follows where they are infinite.
    ceiling : ndarray, shape ``(n,)``
        The smallest window that was too large.
    moves : ndarray of int, shape ``(n,)``
        Windows tried beyond the first.
    coarse, coarse_error, coarse_noise, coarse_step : ndarray
        The best window that is suspiciously noisy.
    confirmed, doubtful : ndarray of bool, shape ``(n,)``
        Where its noise is believed, and where something smooth was found below it.
    widest, narrowest : ndarray, shape ``(n,)``
        Sizes of windows in which nothing but noise was seen.
    level : ndarray, shape ``(2, n)``
        Least and largest noise in these.
    relative : ndarray, shape ``(n,)``
        The least as a part of the largest value in its window.
    """

    def __init__(self, x: Array, orders: tuple[int, ...], limits: Limits, hint: Array | None = None) -> None:
        n, shape = x.size, (len(orders), x.size)
        self.orders, self.limits, self.hint = orders, limits, hint
        self.value, self.error = np.full(shape, np.nan), np.full(shape, np.inf)
        self.known, self.known_error = self.value.copy(), self.error.copy()
        self.noise, self.step, self.reach, self.slope = np.full((4, n), np.nan)
        self.stall = np.full(n, np.nan)
        self.left, self.right, self.exponent = np.full((3, n), np.nan)
        self.status = np.full(n, CODE[Status.UNRESOLVED])
        self.ceiling = np.full(n, np.inf)
        self.moves = np.zeros(n, dtype=np.intp)
        self.coarse, self.coarse_error = np.full(shape, np.nan), np.full(shape, np.inf)
        self.coarse_noise, self.coarse_step, self.widest, self.narrowest = np.full((4, n), np.nan)
        self.confirmed, self.doubtful = np.zeros((2, n), dtype=bool)
        self.level, self.relative = np.full((2, n), np.nan), np.full(n, np.nan)

    def answered(self, points: Indices) -> Mask:
        """Where there is a value."""
        return np.asarray(np.isfinite(self.error[0, points]))

    def lost(self, points: Indices) -> Mask:
        """Where there is no value, and no reason why there is none."""
        return np.asarray(~self.answered(points) & (self.status[points] == CODE[Status.UNRESOLVED]))

    def too_large(self, ladder: Ladder, top: Array, mask: Mask) -> None:
        """Windows of this size are too large for some points."""
        if mask.any():
            points = ladder.points[mask]
            self.ceiling[points] = np.minimum(self.ceiling[points], top[mask])

    def hollow(self, ladder: Ladder, seen: Analysis) -> Mask:
        """Where f hardly moves, but a larger window has a slope: f is quantised, and nothing is to be seen."""
        if not seen.still.any():
            return seen.still
        points = ladder.points
        return np.asarray(seen.still & (0.5 * np.abs(self.coarse[0, points]) > self.coarse_error[0, points]))

    def record(self, ladder: Ladder, seen: Analysis, clean: Mask, size: Array) -> None:
        """Keep what is better than before, of every order by itself."""
        drowned = (
            (size < DROWNED) & (seen.floor < DROWNED_NOISE) & np.isfinite(self.ceiling[ladder.points]) & ~seen.flat
        )
        which = np.flatnonzero(clean & ~self.hollow(ladder, seen) & ~drowned)
        if not which.size:
            return
        points, seen = ladder.points[which], seen.take(which) if which.size < clean.size else seen
        before, bar = self.value[:, points], self.error[:, points]
        first_order = np.array([[order == 1] for order in self.orders])
        error = np.where(first_order & (seen.stall < STALLS), SYSTEMATIC * seen.error, seen.error)
        better = error < bar
        if np.isfinite(bar).any():
            error = covering(seen.value, error, before, bar)
        self.value[:, points] = np.where(better, seen.value, before)
        self.error[:, points] = np.where(better, error, bar)
        moves = better & ~seen.flat
        self.known[:, points] = np.where(moves, self.value[:, points], self.known[:, points])
        self.known_error[:, points] = np.where(moves, self.error[:, points], self.known_error[:, points])
        first = np.flatnonzero(better[0])
        changed, size = points[first], size[which[first]]
        self.noise[changed], self.step[changed], self.slope[changed] = seen.noise[first], size, seen.slope[first]
        self.stall[changed] = seen.stall[first]
        self.reach[changed] = np.where(seen.flat[first], np.inf, seen.scale[first] * size)
        self.status[points] = CODE[Status.OK]

    def replace(self, points: Indices, found: Finding, status: Status) -> None:
        """Another answer, which covers what is known."""
        known, bar = self.known[:, points], self.known_error[:, points]
        self.value[:, points] = found.value
        self.error[:, points] = covering(found.value, found.error, known, bar)
        self.noise[points], self.step[points] = found.noise, found.step
        self.status[points] = CODE[status]

    def widen(self, points: Indices, error: Array, status: Status) -> None:
        """The first of the derivatives is less sure than it seemed."""
        self.error[0, points] = np.maximum(self.error[0, points], error)
        self.status[points] = CODE[status]

    def doubt(self, points: Indices, place: int) -> None:
        """The error of one of the orders may be systematic."""
        self.error[place, points] *= SYSTEMATIC

    def cover(self, points: Indices, place: int, *values: Array) -> None:
        """The bar of one of the orders covers these values too."""
        away = np.max([np.abs(value - self.value[place, points]) for value in values], axis=0)
        self.error[place, points] += away

    def told(self, points: Indices, status: Status) -> None:
        """The answer stays, and something is said of it."""
        self.status[points] = CODE[status]

    def refuse(self, points: Indices, status: Status, left: Any = math.nan, right: Any = math.nan) -> None:
        """There is no derivative, or none is known; the sides may have theirs."""
        self.value[:, points], self.error[:, points] = math.nan, math.inf
        self.left[points], self.right[points] = left, right
        self.status[points] = CODE[status]

    def vertical(self, points: Indices, slope: Array, exponent: Array) -> None:
        """The slope is infinite, as f follows a power of the distance below the first."""
        self.value[:, points], self.error[:, points] = slope, math.nan
        self.exponent[points], self.status[points] = exponent, CODE[Status.VERTICAL]
