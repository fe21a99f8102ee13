"""The search for a window in which f is resolved: which steps are tried, and when one is good enough.

A first look at seven values predicts the scale of f. A window of thirteen is built there out of the look and six more
values, judged by its plateau of noise, and moved if another size would serve much better. All windows of a round are
judged together. What is not smooth, or noisy far above rounding, goes the ways of the rooms `corners` and `noise`,
which return where the search goes on.
"""

from __future__ import annotations

import itertools
import math
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from derivkit.numerical import corners, moves, noise, staircases
from derivkit.numerical.analysis import Analysis
from derivkit.numerical.ladder import Ladder, Part, Stack, empty
from derivkit.numerical.rounds import Onward, Way, each, take_steps, together
from derivkit.numerical.scales import BETTER, FULL, LOOK, MOVES, RESOLUTION, START, VAGUE, first_top
from derivkit.numerical.state import STALLS, Limits, State
from derivkit.numerical.status import CODE, STATUSES, Status
from derivkit.numerical.windows import Exponents
from derivkit.types import EPS, Array, Mask

SPAN = 10
"""Exponents from the largest to the least step of a window."""
SINGULAR = 1e-6
"""A window with one side knows higher derivatives of what is smooth there better than to this part, but not of what is
smooth but for a power of the distance, whose coefficients fall too slowly to be told from noise. Measured."""
SMALL, SMALL_IN_NOISE = 100.0, 4.0
"""A window that another point vouches for is small where a first look would be more than so many times as large, the
second where it shows nothing but rounding, as beside an entry of far larger values. Choices."""
RESTING = 1e-6
"""Where a slope is known to this part, what is smooth is more likely than a power of the distance. A choice."""
AT_ONCE, SETTLED = 4.0 * EPS, 8.0 * EPS
"""A look, or a window, that knows the derivative to this part is good enough."""
VOUCHED = (CODE[Status.OK], CODE[Status.MULTISCALE], CODE[Status.ONE_SIDED])
"""With these a window has met f smooth."""
SMOOTH = np.isin(STATUSES, [Status.OK, Status.MULTISCALE])
"""By code, whether f is smooth where it has this status."""


class Steps(NamedTuple):
    """Where the points of a round go on: in the search, and by ways of their own."""

    parts: list[Part]
    ways: list[Way]


def search(state: State, ladder: Ladder) -> Way:
    """From the first ladder to the end."""
    known = np.isfinite(ladder.centre)
    if np.count_nonzero(known) < known.size:
        state.refuse(ladder.points[~known], Status.NOT_FINITE)
        ladder = ladder.take(np.flatnonzero(known))
    if ladder.points.size and state.limits.side:
        yield from follow(state, corners.along(state, ladder))
        yield from _come_to_rest(state, ladder)
    elif ladder.points.size:
        yield from pursue(state, [Part(ladder)])
        yield from _conclude(state, ladder)
    return []


# Rounds


def pursue(state: State, parts: list[Part]) -> Way:
    """Round by round, until all points are done with: the windows of as many nodes are judged together."""
    while parts:
        ladders = yield from take_steps(parts)
        looks: list[Part] = []
        windows: dict[int, list[Part]] = {}
        for ladder, (_, _, top) in zip(ladders, parts, strict=True):
            if ladder.exponents == LOOK:
                looks.append(Part(ladder, LOOK))
            else:
                steps = window_steps(ladder, top)
                windows.setdefault(len(steps), []).append(Part(ladder, steps, top))
        found = [_judge_windows(state, Stack(group)) for group in windows.values()]
        if looks:
            found.append(_judge_looks(state, Stack(looks)))
        parts = [part for steps in found for part in steps.parts]
        ways = [follow(state, way) for steps in found for way in steps.ways]
        if ways:
            yield from together([pursue(state, parts), *ways])
            break
    return []


def window_steps(ladder: Ladder, top: int) -> Exponents:
    """The steps of the window that begins at an exponent."""
    return tuple(sorted([k for k in ladder.exponents if top <= k <= top + SPAN]))


def follow(state: State, way: Way) -> Way:
    """A way, and the search from where it leads."""
    onward = yield from way
    parts = [part for one in onward if one.then is None for part in one.parts]
    yield from together([pursue(state, parts), *(_resume(state, one) for one in onward if one.then is not None)])
    return []


def _resume(state: State, onward: Onward) -> Way:
    """The search from where a way leads, and what it does then."""
    yield from pursue(state, onward.parts)
    if onward.then is not None:
        yield from follow(state, onward.then())
    return []


def _finite(state: State, stack: Stack) -> tuple[Stack | None, list[Way]]:
    """What is known at all nodes of a window; where f has no value the ways of corners lead on."""
    if np.count_nonzero(stack.finite) == stack.finite.size:
        return stack, []
    ways = [corners.cornered(state, part.ladder) for part, _ in stack.some(~stack.finite)]
    rest = [part for part, _ in stack.some(stack.finite)]
    return Stack(rest) if rest else None, ways


def _judge_looks(state: State, whole: Stack) -> Steps:
    """Predict the scale from a look, and go there."""
    stack, ways = _finite(state, whole)
    if stack is None:
        return Steps([], ways)
    points, top = stack.points, stack.size
    seen = state.analysis(stack)
    clean = seen.resolved & ~state.suspicious(stack.x, seen)
    before, ceiling = state.error[0, points], state.ceiling[points]
    stay = np.isfinite(before) & ~(clean & (seen.error[0] <= BETTER * before))
    state.record(points, seen, clean, top)
    state.note(points, seen, top)
    state.too_large(points, top, ~clean & (seen.resolved | (seen.scale < 1.0)))
    stay |= clean & (seen.error[0] <= AT_ONCE * np.abs(seen.value[0]))
    # nothing to be seen here, and something not far above
    empty_here = seen.flat & np.isfinite(ceiling) & (ceiling > 100.0 * top)
    between = np.sqrt(top * ceiling)
    parts: list[Part] = []
    for part, at in stack.some(empty_here):
        parts += moves.look(state, part.ladder, between[at])
    for part, at in stack.some(~(stay | empty_here)):
        parts += moves.from_look(state, part.ladder, seen.scale[at])
    return Steps(parts, ways)


def _judge_windows(state: State, whole: Stack) -> Steps:
    """Whether windows are good enough, and where to go if not."""
    stack, ways = _finite(state, whole)
    if stack is None:
        return Steps([], ways)
    points, seen, size = stack.points, state.analysis(stack), stack.size
    if len(stack.parts[0].steps) >= moves.FEWEST_PAIRS and np.count_nonzero(seen.resolved) < size.size:
        size = _without_largest(state, stack, seen)
    suspicious = seen.resolved & state.suspicious(stack.x, seen)
    clean, lost = seen.resolved & ~suspicious, ~seen.resolved
    small = clean & _small(stack, seen, size) if state.started(stack) else np.zeros(size.shape, dtype=bool)
    clean &= ~small
    before = state.error[0, points]
    state.record(points, seen, clean, size)
    state.note(points, seen, size)
    state.too_large(points, size, lost)
    sacrifice = (state.started(stack) or state.limits).sacrifice
    on = clean & promises_more(seen, before, size=size, ceiling=state.ceiling[points], sacrifice=sacrifice)
    on &= state.moves[points] < MOVES
    parts = [
        *(moves.first_look(state, part.ladder) for part, _ in stack.some(small)),
        *(moves.from_window(state, part, seen.scale[at]) for part, at in stack.some(on)),
        *(moves.shrink(state, part, seen.scale[at]) for part, at in stack.some(lost)),
    ]
    ways += [noise.verify(state, part, seen.take(at)) for part, at in stack.some(suspicious)]
    return Steps(list(itertools.chain.from_iterable(parts)), ways)


def promises_more(seen: Analysis, before: Any, *, size: Any, ceiling: Any, sacrifice: float) -> Any:
    """Where a window of another size promises a much smaller error, of one point or of many.

    Not where the derivative is known to rounding, nor where this window was hardly better than the one ``before``.
    """
    error = seen.error[0]
    larger = (seen.gain > sacrifice) & (size * sacrifice < 0.5 * ceiling)
    helps = (before == math.inf) | (error <= BETTER * before)
    return (larger | (seen.gain < 1.0 / sacrifice)) & (error > SETTLED * abs(seen.value[0])) & helps


def _small(stack: Stack, seen: Analysis, size: Array) -> Mask:
    """Where the window to begin with tells next to nothing of f and is far smaller than a first look."""
    vague = seen.error[0] > VAGUE * np.abs(seen.value[0])
    ahead = np.where((seen.first == 1) & ~seen.flat, SMALL_IN_NOISE, SMALL)
    return np.asarray(vague & (ahead * size < first_top(stack.x)))


def _without_largest(state: State, stack: Stack, seen: Analysis) -> Array:
    """Where a window is not resolved, it may be without its largest steps; changes ``seen``, gives the size."""
    lost = ~seen.resolved
    inner = Stack([Part(part.ladder, part.steps[1:], part.steps[1]) for part, _ in stack.some(lost)])
    less = state.analysis(inner)
    better = less.resolved & ~state.suspicious(inner.x, less)
    state.too_large(stack.points, stack.size, lost)
    chosen = np.flatnonzero(lost)[better]
    for whole, smaller in zip(seen, less, strict=True):
        whole[..., chosen] = smaller[..., better]
    seen.gain[chosen] = np.maximum(seen.gain[chosen], 1.0 / state.limits.sacrifice)
    size: Array = stack.size.copy()
    size[chosen] = inner.size[better]
    return size


# The end


def _conclude(state: State, ladder: Ladder) -> Way:
    """What is left: points where f is not smooth, noise that is everywhere, and windows that end abruptly.

    Windows in which there is only noise, or nothing at all, promise no larger ones that would meet the end of a domain.
    """
    if state.orders == (1,):
        ladder = ladder.take(np.flatnonzero(state.troubled(ladder.points)))
    points = ladder.points
    if not points.size:
        return []
    lost = state.lost(points)
    yield from together(each(ladder, lost, lambda part, _: _rough(state, part)))
    still = np.asarray(staircases.motionless(state, points) & np.isinf(state.ceiling[points]))
    yield from together(each(ladder, still, lambda part, _: staircases.outside(state, part)))
    smooth = state.answered(points) & SMOOTH[state.status[points]]
    in_noise = lost & smooth & noise.constant(state, points)
    state.distrust(points[in_noise])
    within = in_noise | (smooth & staircases.possible(state, ladder))
    yield from together(each(ladder, within, lambda part, _: staircases.stairs(state, part)))
    if state.limits.bounded:
        near = state.limits.room(ladder.x, points).min(axis=0) < first_top(ladder.x)
        near &= (state.status[points] == CODE[Status.NOISY]) | staircases.motionless(state, points)
        yield from together(each(ladder, near, lambda part, _: corners.beside_end(state, part)))
        smooth &= state.status[points] != CODE[Status.ONE_SIDED]
    yield from _seek_bends(state, ladder, smooth & state.answered(points))
    yield from _come_to_rest(state, ladder)
    return []


def _come_to_rest(state: State, ladder: Ladder) -> Way:
    """A power of the distance, or its logarithm, may hide below a constant, in windows that are small for that.

    Those of float32 are never as well known as it takes to tell.
    """
    points = ladder.points
    if state.orders[0] != 1 or state.limits.float32:
        return []
    may = np.isin(state.status[points], VOUCHED) & state.vague(points, 0, RESTING) & np.isfinite(state.ceiling[points])
    may &= state.answered(points)
    return (yield from together(each(ladder, may, lambda part, _: corners.slow(state, part))))


def _seek_bends(state: State, ladder: Ladder, smooth: Mask) -> Way:
    """Kinks may hide in the rounding of float32, and those of higher derivatives in that of float64."""
    points = ladder.points
    if state.limits.float32 and state.orders[0] == 1:
        vague = state.vague(points, 0, VAGUE) & smooth & np.isfinite(state.ceiling[points])
        yield from together(each(ladder, vague, partial(corners.bends, state, 0, sizes=corners.HIDDEN)))
    for place in [place for place, order in enumerate(state.orders) if order > 1]:
        vague = state.vague(points, place, VAGUE)
        limited = smooth & (vague | (state.stall[points] < STALLS))
        bent = limited | (smooth & (state.status[points] == CODE[Status.MULTISCALE]))
        bent |= vague & (state.status[points] == CODE[Status.NOISY])
        yield from together(each(ladder, bent, partial(corners.bends, state, place)))
        state.doubt(points[limited], place)
        sided = state.status[points] == CODE[Status.ONE_SIDED]
        state.doubt(points[sided & state.vague(points, place, SINGULAR)], place)
    return []


def _rough(state: State, ladder: Ladder) -> Way:
    """No window was resolved."""
    yield from corners.both_sides(state, ladder, 1e-3 * first_top(ladder.x), corners.TRIES)
    lost = state.lost(ladder.points)
    return (yield from together(each(ladder, lost, lambda part, _: noise.everywhere(state, part))))


def first_ladder(x: Array, limits: Limits, scale: Array, known: Array) -> tuple[Ladder, Exponents]:
    """The first ladder around points, without values, and the steps to be taken.

    ``scale`` is the scale of f and ``known`` the largest step of the window that is wanted, NaN where nobody knows.
    Near an end of the domain the steps end there; a point so near to it that it has one side only ends with that.
    """
    points = np.arange(x.size)
    top = usual_top(x, scale)
    if limits.side:
        top = _top_along(x, limits.room(x)[int(limits.side < 0)], top)
        return empty(points, x, x, top, (limits.side,), first=True, narrow=limits.narrow), corners.EDGE
    steps = LOOK
    if np.count_nonzero(np.isfinite(known)) == x.size:
        top, steps = known, limits.start.window if limits.start else FULL
    if limits.bounded:
        top = top_within(x, limits, top)
    return empty(points, x, x, top, first=True, narrow=limits.narrow), steps


def top_within(x: Array, limits: Limits, top: Array) -> Array:
    """A largest step no larger than the domain allows: on both sides, or on one of points so near to its end."""
    right, left = limits.room(x)
    nearer = np.minimum(right, left)
    two_sided = nearer > 16.0 * RESOLUTION * np.spacing(np.abs(x))
    return np.where(two_sided, np.minimum(top, 0.9 * nearer), _top_along(x, np.maximum(right, left), top))


def _top_along(x: Array, room: Array, top: Array) -> Array:
    """A largest step no larger than what there is on one side, but of points that have hardly any."""
    return np.where(room > 16.0 * RESOLUTION * np.spacing(np.abs(x)), np.minimum(top, room), top)


def usual_top(x: Array, scale: Array) -> Array:
    """The largest step of the first look at points, some of which have a scale of f that is known."""
    unknown = np.isnan(scale)
    top = first_top(x)
    return top if np.count_nonzero(unknown) == top.size else np.where(unknown, top, START * scale)
