"""Steps of f beside a window in which it looks smooth: staircases, whose slope is not that of a step.

A window ends abruptly where a much larger one was promised and f left the straight line soon. There its values are
looked at until it is clear whether f jumps.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

import numpy as np

from derivkit.numerical.ladder import Ladder
from derivkit.numerical.noise import BROADER, SAME, SPREAD, in_noise
from derivkit.numerical.rounds import Request, Way
from derivkit.numerical.state import State
from derivkit.numerical.status import Status
from derivkit.types import EPS, LEAST_FLOAT, Array, Indices, Mask

ABRUPT = 10.0
"""A window that promises to reach so far beyond one that was too large ends at a corner of f, or at a step."""
ABRUPT_IN_NOISE = 0.3
"""The same where a larger window saw noise."""
STEPS = 5
"""Values on each side in a look for that corner."""
STRAY = 30.0
"""f has left a window where it is so many times its noise away from the straight line."""
STEEP = 6.0
"""A jump is so many times steeper, between the last two values, than f is farther on."""
NEARLY = 30.0
"""Jumps on both sides are those of a staircase if one is no more than so many times as far away as the other."""
ROUNDS = 9
"""Looks for that corner, each between the last two values of the one before, at most."""
STAYS, FALLS, SMOOTH = 0.6, 0.3, 2
"""Between places a fifth as far apart a jump keeps this part of itself; what falls below that part so often is none."""
CLOSE = 0.1
"""Of the window: so near together f would be smooth. Of the distance, where f does not move within the window."""
AHEAD = 8.0
"""They begin so many times farther out than a window that was too large, as only one side may have been."""
SMALL = 1e-3
"""Jumps below this part of f on both sides are those of rounding; a function that is meant to jump does so by more."""
SHORT = 0.02
"""The same where f of many variables sums what is rounded to a short type, such as bfloat16, which has 8 binary digits.
A choice."""
ALIKE = 2.0
"""Such jumps are of one height up to this factor."""
OUTSIDE = 4.0
"""So many times the step of a window in which f does not move it is looked at once more."""
ROUNDING = 8.0
"""A jump of so many times what rounding of the argument does to f is one of rounding, also on one side."""
TREAD = 1e-4
"""Steps shorter than this part of x are those of rounding in f."""
WHOLE = 0.01
"""A power is whole if it is known to be so to this."""
NARROW = 0.2
"""A power of x itself is served by windows up to a larger part of x."""
ONE_ROUNDED = 64.0 * EPS
"""Steps of what is rounded at the size of 1."""
FAINT = 0.1
"""Noise below this part of f is none of waves that no window resolves."""
SIDES = np.array([[1.0], [-1.0]])
"""On the right, and on the left."""


def dubious(state: State, ladder: Ladder) -> Mask:
    """Where the best window, smooth though it is, may lie within a step of a staircase.

    Nothing but noise far below the size of f was seen above it, or noise through which another slope was seen; or it is
    no longer than the steps of 1 + x, and nothing but noise was seen above it.
    """
    points = ladder.points
    step = state.step[points]
    rounded = (step < TREAD * np.abs(ladder.x)) & (step < ONE_ROUNDED) & np.isfinite(state.widest[points])
    return np.asarray((state.relative[points] < FAINT) | rounded | apart(state, points))


def frozen(state: State, ladder: Ladder) -> Mask:
    """Where f is a constant over a power of x within the best window, and nothing but noise above it.

    So is a quotient such as (1 - cos(x))/x^2 within a step of its numerator.
    """
    points = ladder.points
    power = -state.slope[points] * ladder.x / ladder.centre
    whole = (power > 0.5) & (np.abs(power - np.rint(power)) < WHOLE)
    narrow = state.ceiling[points] < NARROW * np.abs(ladder.x)
    return np.asarray(whole & narrow & np.isfinite(state.widest[points]) & (state.orders[0] == 1))


def apart(state: State, points: Indices) -> Mask:
    """Where the best window and the noisy one that was kept aside contradict each other."""
    away = np.abs(state.value[0, points] - state.coarse[0, points])
    return np.asarray(away > state.error[0, points] + state.coarse_error[0, points])


def possible(state: State, ladder: Ladder) -> Mask:
    """Where the best window may end at a step of f: a much larger one was promised, or there is noise above it."""
    points = ladder.points
    share = np.where(state.doubtful[points], ABRUPT_IN_NOISE, ABRUPT)
    abrupt = state.reach[points] > share * state.ceiling[points]
    return np.asarray(abrupt | dubious(state, ladder) | frozen(state, ladder))


class Break(NamedTuple):
    """Where f leaves the straight line of a window, on the right and on the left.

    Attributes
    ----------
    far : ndarray, shape ``(2, n)``
        The distance at which it has.
    height : ndarray, shape ``(2, n)``
        By how much, over a much smaller distance.
    sudden : ndarray of bool, shape ``(2, n)``
        Whether that is a jump.
    largest : ndarray, shape ``(n,)``
        The largest value of f that was seen.
    """

    far: Array
    height: Array
    sudden: Mask
    largest: Array


class _Approach:
    """Between which distances f leaves the straight line of a window, on the right and on the left of some points.

    Parameters
    ----------
    state : State
    ladder : Ladder
        The points.
    """

    def __init__(self, state: State, ladder: Ladder) -> None:
        points, shape = ladder.points, (2, ladder.points.size)
        self.x, self.centre, self.line, self.noise = ladder.x, ladder.centre, state.slope[points], state.noise[points]
        self.step, self.end, self.flat = state.step[points], _beyond(state, ladder), motionless(state, points)
        self.near, self.far = np.tile(self.step, (2, 1)), np.tile(self.end, (2, 1))
        self.before, self.height, self.falls, self.whole = np.zeros((4, *shape))
        self.sudden, self.least = np.zeros(shape, dtype=bool), np.zeros(points.size)
        self.largest = np.abs(ladder.centre)

    def distances(self, live: Indices, turn: int) -> Array:
        """Where f is asked, shape ``(k, 2, n)``."""
        inner, outer = self.near[:, live], self.far[:, live]
        share = (np.arange(STEPS + 1) / STEPS)[:, None, None]
        return np.asarray(inner + share[1:] * (outer - inner) if turn else inner * (outer / inner) ** share)

    def closer(self, live: Indices, turn: int, t: Array, values: Array) -> Indices:
        """Between the two distances where f leaves the line as steeply as anywhere; the points that are not decided."""
        x = self.x[live] + SIDES * t
        rest = values - self.centre[live] - self.line[live] * (x - self.x[live])
        if turn:
            t = np.concatenate([self.near[:, live][None], t])
            rest = np.concatenate([self.before[:, live][None], rest])
        else:
            self._begin(values, rest[-1])
        rise = np.abs(np.diff(rest, axis=0))
        steep = np.where(rise <= self.least[live], 0.0, rise / np.diff(t, axis=0))  # where f has no value, NaN
        enough = np.where(self.flat[live], LEAST_FLOAT, 0.5 * np.fmax.reduce(steep, axis=0))
        at = np.argmax(~(steep < enough), axis=0)[None]
        self.near[:, live], self.far[:, live] = (np.take_along_axis(t, at + k, axis=0)[0] for k in (0, 1))
        self.before[:, live] = np.take_along_axis(rest, at, axis=0)[0]
        return self._undecided(live, turn, np.take_along_axis(rise, at, axis=0)[0])

    def _begin(self, values: Array, rest: Array) -> None:
        """What is large, from the values of the first round."""
        self.largest = np.maximum(self.largest, np.fmax.reduce(np.abs(values), axis=(0, 1)))
        self.least = STRAY * (self.noise + EPS * self.largest)
        self.whole = np.abs(rest) / (self.end - self.step)

    def _undecided(self, live: Indices, turn: int, height: Array) -> Indices:
        """The points at which f neither jumps nor is smooth yet, by how much it rises between the distances."""
        stays, flat, apart = self.height[:, live], self.flat[live], self.far[:, live] - self.near[:, live]
        self.height[:, live] = height
        self.falls[:, live] = np.where(height < FALLS * stays, self.falls[:, live] + 1.0, 0.0)
        level = (height > self.least[live]) & np.isfinite(height)
        close = (apart < CLOSE * np.where(flat, self.far[:, live], self.step[live])) & (turn > 0)
        above = flat | (height > STEEP * self.whole[:, live] * apart)
        sharp = level & close & (height > STAYS * stays) & above
        smooth = ~level | (self.falls[:, live] >= SMOOTH) | (close & ~sharp)
        self.sudden[:, live] = sharp
        return np.asarray(live[~(sharp | smooth).all(axis=0)])


def leaving(state: State, ladder: Ladder) -> Generator[list[Request], list[Array], Break]:
    """Close in, round by round, on the nearest place where f leaves the line as steeply as anywhere, or moves at all.

    It is looked for between the end of the window and where one was too large. Where f is smooth, or has a kink, the
    rise between two places falls with their distance; a jump stays as it is. The window tells at which distances f is
    smooth. Both sides must jump, unless f does not move within the window.
    """
    approach, live = _Approach(state, ladder), np.arange(ladder.points.size)
    for turn in range(ROUNDS):
        t = approach.distances(live, turn)
        x = ladder.x[live] + SIDES * t
        (values,) = yield [Request(ladder.points[live], x.reshape(2 * len(t), -1))]
        live = approach.closer(live, turn, t, values.reshape(t.shape))
        if not live.size:
            break
    return Break(approach.far, approach.height, approach.sudden, approach.largest)


def _beyond(state: State, ladder: Ladder) -> Array:
    """How far out a break is looked for."""
    points = ladder.points
    step, reach = state.step[points], state.reach[points]
    far = np.where(state.doubtful[points] & np.isfinite(reach), 10.0 * reach, 0.0)
    ceiling = state.ceiling[points] * np.where(dubious(state, ladder), SPREAD / AHEAD, 1.0)
    return np.asarray(np.maximum(np.maximum(AHEAD * np.where(np.isfinite(ceiling), ceiling, 0.0), 2.0 * step), far))


def outside(state: State, ladder: Ladder) -> Way:
    """f does not move: does it just outside? Then it may be quantised."""
    points, far = ladder.points, OUTSIDE * state.step[ladder.points]
    (values,) = yield [Request(points, ladder.x + SIDES * far)]
    state.too_large(points, far, (np.isfinite(values) & (values != ladder.centre)).any(axis=0))
    return []


def motionless(state: State, points: Indices) -> Mask:
    """Where f is the same all over the best window."""
    return np.asarray((state.value[0, points] == 0.0) & np.isinf(state.reach[points]))


def _sums(state: State, ladder: Ladder, end: Break) -> Mask:
    """Where f of many variables may sum what is rounded apart: its steps are of any height."""
    jumps = np.where(dubious(state, ladder), end.sudden.any(axis=0), end.sudden.all(axis=0))
    return np.asarray(jumps & (end.height.max(axis=0) < SHORT * end.largest) & state.limits.many)


def stairs(state: State, ladder: Ladder) -> Way:
    """The best window would reach far, but f leaves it soon: by jumps on both sides, f is a staircase."""
    points = ladder.points
    end = yield from leaving(state, ladder)
    sums = _sums(state, ladder, end) & ~motionless(state, points)
    both = sums | _steps(state, ladder, end)
    _allow(state, ladder, end, both)
    # a noisy window within their steps has not met them all
    within = sums & ~(state.coarse_step[points] > end.far.max(axis=0))
    state.drop(points[within])
    kept = both & np.isfinite(state.coarse_error[0, points])
    state.as_noisy(points[kept])
    which = np.flatnonzero(both & ~kept)
    if which.size:
        state.believe(points[which])
        state.restart(points[which])
        wide = np.fmax(SPREAD * end.far.max(axis=0), BROADER * state.widest[points])[which]
        yield from in_noise(state, ladder.take(which), wide, better_only=False)
    return []


def _steps(state: State, ladder: Ladder, end: Break) -> Mask:
    """Where the jumps on both sides are those of a staircase: of one height and small, or near to one another."""
    points, away = ladder.points, end.far.max(axis=0)
    lowest, highest = end.height.min(axis=0), end.height.max(axis=0)
    alike = highest < ALIKE * lowest
    fine = alike & (highest < SMALL * end.largest)
    near = away < NEARLY * end.far.min(axis=0)
    doubted = dubious(state, ladder) | (away < TREAD * np.abs(ladder.x))
    near |= alike & doubted & ~(state.level[1, points] < SAME * state.level[0, points])
    both = end.sudden.all(axis=0) & (fine | near)
    return np.asarray(both & (motionless(state, points) | fine | state.doubtful[points] | doubted))


def _allow(state: State, ladder: Ladder, end: Break, both: Mask) -> None:
    """What the bar must allow for: within a step, or before a single jump, the slope of a staircase."""
    points, some = ladder.points, end.sudden.any(axis=0)
    slope = np.where(end.sudden, end.height / end.far, 0.0).max(axis=0)
    argument = EPS * np.abs(ladder.x * state.slope[points])
    rounding = (end.sudden & (end.height < ROUNDING * argument)).any(axis=0)
    unsure = both | rounding | (some & motionless(state, points))
    state.widen(points[unsure], slope[unsure], Status.MULTISCALE)
    # nothing but a pole lies as near to x as 0
    froze = frozen(state, ladder) & (end.sudden & (end.far < 0.5 * np.abs(ladder.x))).any(axis=0)
    state.widen(points[froze], (1.0 + WHOLE) * np.abs(state.value[0, points[froze]]), Status.MULTISCALE)
    # one step of what looked like noise, through which another slope was seen
    step = ~unsure & some & apart(state, points)
    away = np.abs(state.value[0, points] - state.coarse[0, points]) + state.coarse_error[0, points]
    state.widen(points[step], away[step], Status.MULTISCALE)
