"""What is known at every point of a search, and the law by which answers are written.

The law: an answer that is known is never replaced by one that contradicts it unless the new bar covers both.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from derivkit.numerical.analysis import FLOOR, Analysis
from derivkit.numerical.arithmetic import ARRAYS, Arithmetic
from derivkit.numerical.ladder import Stack
from derivkit.numerical.status import CODE, Status
from derivkit.numerical.windows import Exponents
from derivkit.types import EPS, Array, Indices, Mask

TARGET = 9.0
"""Degree at which a window of 13 values is to meet the noise. This and the next two were found by tuning: later degrees
need fewer values, earlier ones leave more of a plateau to measure."""
TARGET_HIGHER = 10.0
"""The same for derivatives of higher order."""
TARGET_EDGE = 6.0
"""The same for windows with one side."""
SUSPECT = 1e4
"""Noise so many times above rounding is looked at again at smaller scales before it is believed."""
EXPLAINED = 8.0
"""Unless it is no larger than so many times what rounding of the argument does to f: eps |x f'(x)|."""

DROWNED, DROWNED_NOISE = 1e-120, 1e-313
"""Windows so small, of values with so little rounding, are so near to the least float that it hides all that larger
ones showed."""
STALLS = 0.6
"""Coefficients of smooth functions fall as fast in the end as on the whole, by powers of the distance to what limits
the window; those of a kink as a power of the degree, which before the plateau is about a third of that."""
SYSTEMATIC = 4.0
"""Such a kink at the level of noise is no random error, for which bars are made, but the same at every degree."""


def suspicious(seen: Analysis, x: Any, order: int) -> Any:
    """Where noise is far above rounding, of the values and of the argument; of one point or of many."""
    above = seen.noise > SUSPECT * seen.floor
    return above & (seen.noise > EXPLAINED * EPS * abs(x * seen.value[0])) if order == 1 else above


def sure(m: Arithmetic, error: Any, stall: Any) -> Any:
    """The bar of a slope, which is larger where a kink may hide at the level of noise."""
    return m.where(stall < STALLS, SYSTEMATIC * error, error)


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

    def room(self, x: Array, points: Any = ...) -> Array:
        """How far f may be asked to the right and to the left of points, shape ``(2, n)``."""
        lo, hi = (end[points] if np.ndim(end) else end for end in (self.lo, self.hi))
        return np.array([hi - x, x - lo])

    @property
    def bounded(self) -> bool:
        """Whether there is an end anywhere."""
        lo, hi = (self.lo.max(), self.hi.min()) if np.ndim(self.lo) else (self.lo, self.hi)
        return bool(lo > -math.inf or hi < math.inf)


class Answers(NamedTuple):
    """The rows of a table of answers: of every order the values, then the bars, and one row for each of the others.

    Those up to ``right`` are in the unit of f.
    """

    value: Any
    error: Any
    noise: Any
    left: Any
    right: Any
    step: Any
    exponent: Any

    @classmethod
    def of(cls, rows: Any) -> Answers:
        """The rows of a table, or of a list of them."""
        orders = (len(rows) - SINGLE) // 2
        return cls(rows[:orders], rows[orders : 2 * orders], *rows[2 * orders :])


SINGLE = len(Answers._fields) - 2
"""Rows of a table of answers that it has but once."""
UNITLESS = len(Answers._fields) - Answers._fields.index("step")
"""Rows at its end that are not in the unit of f."""


class Finding(NamedTuple):
    """An answer for some points, or for one: derivatives with their bars, and the window that they come from.

    Attributes
    ----------
    value, error : ndarray, shape ``(orders, n)``
    noise, step : ndarray, shape ``(n,)``
        Noise of f on the window, and its largest step.
    """

    value: Any
    error: Any
    noise: Any
    step: Any


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
    """What was found so far at every point: the ways of the search read it, and write it by these verbs alone.

    The law of the search: an answer that is known is never replaced by one that contradicts it unless the new bar
    covers both. `record`, `replace`, `widen` and `refuse` alone write answers, and hold it, and `restore` takes them
    back. One exception: a window in which f does not move knows nothing of the slope of a staircase.

    Attributes
    ----------
    answers : ndarray, shape ``(2 * orders + 5, n)``
        The table of `Answers`, whose rows have their names here.
    value, error : ndarray, shape ``(orders, n)``
        The best so far.
    known, known_error : ndarray, shape ``(orders, n)``
        The best of a window in which f moves and is smooth, which no later answer may contradict.
    noise, step, reach, slope : ndarray, shape ``(n,)``
        Of the window that it came from: noise of f, largest step, how large it promises that it may be, and the slope
        of f whatever the order.
    degree, stall : ndarray, shape ``(n,)``
        Of that window, the degree at which its noise began; see `Analysis`.
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
    noisy : bool
        Whether a window was suspiciously noisy, or nothing but noise, at any point.
    """

    def __init__(self, n: int, orders: tuple[int, ...], limits: Limits, hint: Array | None = None) -> None:
        self.orders, self.limits, self.hint = orders, limits, hint
        several = len(orders)
        self.answers = np.full((2 * several + SINGLE, n), np.nan)
        answers = Answers.of(self.answers)
        self.value, self.error, self.noise, self.left, self.right, self.step, self.exponent = answers
        nothing, endless = np.full((2 * several + 11, n), np.nan), np.full((2 * several + 1, n), np.inf)
        self.known, self.coarse = nothing[:several], nothing[several : 2 * several]
        self.reach, self.slope, self.degree, self.stall, *_ = nothing[2 * several :]
        self.coarse_noise, self.coarse_step = nothing[-7:-5]
        self.widest, self.narrowest, self.relative = nothing[-5:-2]
        self.level = nothing[-2:]
        self.error[:] = np.inf
        self.known_error, self.coarse_error, self.ceiling = endless[:several], endless[several:-1], endless[-1]
        self.status = np.full(n, CODE[Status.UNRESOLVED])
        self.moves = np.zeros(n, dtype=np.intp)
        self.confirmed, self.doubtful = np.zeros((2, n), dtype=bool)
        self.noisy = False

    # What is asked of it

    def answered(self, points: Indices) -> Mask:
        """Where there is a value."""
        return np.asarray(np.isfinite(self.error[0, points]))

    def troubled(self, points: Indices) -> Mask:
        """Where a window was too large or noisy, f does not move, or nothing is known: the others are done with."""
        calm = self.answered(points) & np.isinf(self.ceiling[points]) & (self.value[0, points] != 0.0)
        if self.noisy:
            calm &= np.isnan(self.widest[points]) & np.isinf(self.coarse_error[0, points])
        return np.asarray(~calm)

    def lost(self, points: Indices) -> Mask:
        """Where there is no value, and no reason why there is none."""
        return np.asarray(~self.answered(points) & (self.status[points] == CODE[Status.UNRESOLVED]))

    def analysis(self, stack: Stack, *, orders: tuple[int, ...] = ()) -> Analysis:
        """What windows tell."""
        return stack.analysis(
            orders=orders or self.orders, target=self._target(stack), hint=self.hint, still=self.noisy
        )

    def started(self, stack: Stack) -> Start | None:
        """The measures of the window to begin with, if this is it."""
        start = self.limits.start
        ladder, exponents, _ = stack.parts[0]
        return start if start is not None and ladder.first and start.window == exponents == ladder.exponents else None

    def _target(self, stack: Stack) -> float:
        """Degree at which windows are to meet the noise."""
        start = self.started(stack)
        usual = TARGET_EDGE if len(stack.sides) == 1 else TARGET if self.orders[0] == 1 else TARGET_HIGHER
        return usual if start is None else start.target

    def suspicious(self, x: Array, seen: Analysis) -> Mask:
        """Where noise is far above rounding, of the values and of the argument."""
        return np.asarray(suspicious(seen, x, self.orders[0]))

    def hollow(self, points: Indices, seen: Analysis) -> Mask:
        """Where f hardly moves, but a larger window has a slope: f is quantised, and nothing is to be seen."""
        if not np.count_nonzero(seen.still):
            return np.zeros(points.size, dtype=bool)
        return np.asarray(seen.still & (0.5 * np.abs(self.coarse[0, points]) > self.coarse_error[0, points]))

    def vague(self, points: Indices, place: int, part: float) -> Mask:
        """Where the bar of one of the orders is above a part of its value."""
        return np.asarray(self.error[place, points] > part * np.abs(self.value[place, points]))

    # Windows

    def count(self, points: Indices) -> None:
        """One window more is tried."""
        self.moves[points] += 1

    def restart(self, points: Indices) -> None:
        """Windows are counted anew."""
        self.moves[points] = 0

    def too_large(self, points: Indices, top: Array, mask: Mask) -> None:
        """Windows of this size are too large for some points."""
        if np.count_nonzero(mask):
            points = points[mask]
            self.ceiling[points] = np.minimum(self.ceiling[points], top[mask])

    def note(self, points: Indices, seen: Analysis, size: Array) -> None:
        """Keep in mind windows in which only noise was seen, from the widest to the narrowest."""
        if not np.count_nonzero(seen.white):
            return
        mask = seen.white & ~seen.resolved
        if np.count_nonzero(mask):
            self.noisy = True
            points, level, top = points[mask], seen.noise[mask], size[mask]
            self.widest[points] = np.fmax(self.widest[points], top)
            self.narrowest[points] = np.fmin(self.narrowest[points], top)
            self.level[0, points] = np.fmin(self.level[0, points], level)
            self.level[1, points] = np.fmax(self.level[1, points], level)
            largest = seen.floor[mask] / (FLOOR * EPS)
            self.relative[points] = np.fmin(self.relative[points], level / largest)

    def set_aside(self, points: Indices, seen: Analysis, size: Array) -> None:
        """Keep a noisy window, if it is better than the one before."""
        self.noisy = True
        error = np.where(seen.stall == 0.0, SYSTEMATIC, 1.0) * seen.error
        better = error[0] < self.coarse_error[0, points]
        chosen = points[better]
        self.coarse[:, chosen], self.coarse_error[:, chosen] = seen.value[:, better], error[:, better]
        self.coarse_noise[chosen], self.coarse_step[chosen] = seen.noise[better], size[better]

    def believe(self, points: Indices, factor: Any = 1.0) -> None:
        """The noise of the window that was set aside is so many times larger, and is one."""
        self.coarse_error[:, points] *= factor
        self.coarse_noise[points] *= factor
        self.confirmed[points] = True

    def drop(self, points: Indices) -> None:
        """What was set aside knows nothing."""
        self.coarse_error[:, points] = np.inf

    def distrust(self, points: Indices) -> None:
        """Something smooth lies below noise, or noise above what is smooth."""
        self.doubtful[points] = True

    # Answers

    def record(self, points: Indices, seen: Analysis, clean: Mask, size: Array) -> None:
        """Keep what is better than before, of every order by itself."""
        usable = clean & ~self.hollow(points, seen) if self.noisy else clean
        small = size < DROWNED
        if np.count_nonzero(small):
            drowned = small & (seen.floor < DROWNED_NOISE) & np.isfinite(self.ceiling[points]) & ~seen.flat
            usable = usable & ~drowned
        for place, order in enumerate(self.orders):
            error = seen.error[place] if order > 1 else sure(ARRAYS, seen.error[place], seen.stall)
            better = np.flatnonzero(usable & (error < self.error[place, points]))
            chosen, value, error = points[better], seen.value[place, better], error[better]
            bar = self.error[place, chosen]
            if np.count_nonzero(np.isfinite(bar)):
                error = covering(value, error, self.value[place, chosen], bar)
            self.value[place, chosen], self.error[place, chosen] = value, error
            flat = seen.flat[better]
            moves = ~flat if np.count_nonzero(flat) else ...
            self.known[place, chosen[moves]], self.known_error[place, chosen[moves]] = value[moves], error[moves]
            if place == 0:
                self._measure(chosen, seen, size, better)
        self.status[points[usable]] = CODE[Status.OK]

    def _measure(self, points: Indices, seen: Analysis, size: Array, which: Indices) -> None:
        """The window that the first of the derivatives comes from."""
        top = size[which]
        self.noise[points], self.step[points], self.slope[points] = seen.noise[which], top, seen.slope[which]
        self.stall[points], self.degree[points] = seen.stall[which], seen.first[which]
        self.reach[points] = np.where(seen.flat[which], np.inf, seen.scale[which] * top)

    def replace(self, points: Indices, found: Finding, status: Status) -> None:
        """Another answer, which covers what is known."""
        known, bar = self.known[:, points], self.known_error[:, points]
        self.value[:, points] = found.value
        self.error[:, points] = covering(found.value, found.error, known, bar)
        self.noise[points], self.step[points] = found.noise, found.step
        self.status[points] = CODE[status]

    def as_noisy(self, points: Indices) -> None:
        """The noisy window that was set aside is the answer."""
        kept = self.coarse[:, points], self.coarse_error[:, points]
        self.replace(points, Finding(*kept, self.coarse_noise[points], self.coarse_step[points]), Status.NOISY)

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

    def mark(self, points: Indices, status: Status) -> None:
        """The answer stays, and something is said of it."""
        self.status[points] = CODE[status]

    def restore(self, points: Indices, answers: Array, status: Array) -> None:
        """What was known before is the answer again."""
        self.answers[:, points], self.status[points] = answers, status

    def refuse(self, points: Indices, status: Status, left: Any = math.nan, right: Any = math.nan) -> None:
        """There is no derivative, or none is known; the sides may have theirs."""
        self.value[:, points], self.error[:, points] = math.nan, math.inf
        self.left[points], self.right[points] = left, right
        self.status[points] = CODE[status]

    def vertical(self, points: Indices, slope: Array, exponent: Array) -> None:
        """The slope is infinite, as f follows a power of the distance below the first."""
        self.value[:, points], self.error[:, points] = slope, math.nan
        self.exponent[points], self.status[points] = exponent, CODE[Status.VERTICAL]
