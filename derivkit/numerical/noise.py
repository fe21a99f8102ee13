"""Noise far above rounding: whether it is noise, and what can be known in spite of it.

Noise is the same at all scales. A window that looks noisy is therefore looked at again at scales a few hundred times
and many million times smaller: what falls with the window is a kink nearby, or structure of f that a finer window
resolves; what stays is believed, and the window enlarged, as a larger one suffers less.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from derivkit.numerical import corners, moves
from derivkit.numerical.analysis import Analysis
from derivkit.numerical.ladder import Ladder, Part
from derivkit.numerical.rounds import Onward, Way, climb, each, some, together
from derivkit.numerical.scales import FINEST, FULL, GROWS, LOOK, MOVES, NATURAL, PLAIN, SAME_LEVEL, VERIFY, least_top
from derivkit.numerical.state import State
from derivkit.numerical.status import Status
from derivkit.numerical.windows import RATIO
from derivkit.types import Array, Indices, Mask

TRUSTED = 0.02
"""A noisy window that knows the derivative to this part of it contradicts a smaller one."""
SPREAD = 30.0
"""Noise that is there in windows of sizes so far apart is believed although nothing else was seen in them."""
SAME = 4.0
"""Noise is of one level if it changes by less than this factor."""
NEAREST = 1e-6
"""A noisy window is checked at the scale of x, if that is no smaller part of it than this."""
WORTH, LARGER = 2.0, 1.5
"""In noise another window is worth its values if the error falls and the window grows by these factors at least."""
REACH = 2.0
"""Noise is looked at over no more than so many times |x|, or 1 where that is more: farther away f may be another."""
BROADER = 4.0
"""The next window is so many times larger where nothing but noise was seen."""


def verify(state: State, window: Part, seen: Analysis) -> Way:
    """A window is far noisier than rounding: look at smaller ones before that is believed."""
    ladder, size = window.ladder, window.size
    points = ladder.points
    state.set_aside(points, seen, size)
    state.count(points)
    known = state.confirmed[points]
    natural = NATURAL * np.abs(ladder.x)
    fine = size * RATIO**-VERIFY
    fine = np.where((natural > 0.0) & (natural < fine) & (natural > NEAREST * size), natural, fine)
    ways = [
        *each(ladder, known, lambda part, i: enlarge(state, part, seen.take(i), size[i])),
        *each(ladder, ~known, lambda part, i: _check(state, part, seen.take(i), size[i], fine[i])),
    ]
    return (yield from together(ways))


def _check(state: State, ladder: Ladder, seen: Analysis, size: Array, fine: Array) -> Way:
    """A smaller window: is it noisy too?"""
    below = yield from climb(ladder.anew(np.maximum(fine, least_top(ladder.x, PLAIN))), PLAIN)
    there, finite = state.analysis(below.window(PLAIN)), below.finite()
    right, left = (state.analysis(below.window(PLAIN, (side,))) for side in (1, -1))
    fallen = there.noise < SAME_LEVEL * seen.noise
    clean = finite & there.resolved & ~state.suspicious(below.x, there) & ~state.hollow(below.points, there)
    corner = ~clean & finite & fallen
    for side in (right, left):
        corner &= side.resolved & (side.noise < SAME_LEVEL * there.noise)
    broken = ~clean & ~corner & finite & corners.broken(below, left, right)
    structure = ~clean & ~corner & ~broken & ~there.resolved & fallen
    level = ~clean & ~corner & ~broken & ~structure
    corners.meet(state, below, corner, left, right)
    onward = [_two_scales(state, part, there.take(i)) for part, i in some(below, clean)]
    onward += [_structure(state, part, there.scale[i]) for part, i in some(below, structure)]
    ways = [
        *each(below, broken, lambda part, i: _jump(state, part, left.take(i), right.take(i))),
        *each(
            ladder, level, lambda part, i: _confirm(state, part, seen.take(i), size[i], there.noise[i], below.top[i])
        ),
    ]
    return onward + (yield from together(ways))


def _jump(state: State, ladder: Ladder, left: Analysis, right: Analysis) -> Way:
    """A jump stays as it is the nearer one looks; a steep front is resolved in the end."""
    below = yield from climb(ladder.anew(np.maximum(ladder.top * FINEST, least_top(ladder.x, LOOK))), LOOK)
    still = below.finite() & corners.leaps(below).any(axis=0)
    corners.two_slopes(state, below, still, left, right, Status.JUMP)
    state.too_large(ladder.points, ladder.top, ~still)
    return [Onward([Part(part) for part, _ in some(below, ~still)])]


def _two_scales(state: State, ladder: Ladder, seen: Analysis) -> Onward:
    """The smaller window is clean: what looked like noise is a kink nearby, or structure of f."""
    points = ladder.points
    clear = _clear(state, points)
    away = np.abs(seen.value - state.coarse[:, points])
    agree = away <= seen.error + state.coarse_error[:, points]
    seen = seen._replace(error=np.where(clear & agree, np.maximum(seen.error, away), seen.error))
    state.record(points, seen, np.ones(points.size, dtype=bool), ladder.top)
    state.mark(points[clear], Status.MULTISCALE)
    return Onward([Part(part) for part, _ in some(ladder, ~clear)])


def _structure(state: State, ladder: Ladder, scale: Array) -> Onward:
    """What looked like noise falls with the window: it is structure of f."""
    state.too_large(ladder.points, ladder.top, np.ones(ladder.points.size, dtype=bool))
    return Onward(moves.shrink(state, Part(ladder, PLAIN, 0), scale), partial(_mark_resolved, state, ladder.points))


def _mark_resolved(state: State, points: Indices) -> Way:
    """Where that was resolved, two scales may disagree."""
    _mark(state, points[state.answered(points)])
    yield from ()
    return []


def _clear(state: State, points: Indices) -> Mask:
    """Where the noisy window knew the derivative well."""
    return np.asarray(state.coarse_error[0, points] < TRUSTED * np.abs(state.coarse[0, points]))


def _mark(state: State, points: Indices) -> None:
    """Two scales disagree, where the larger one knew the derivative well."""
    state.mark(points[_clear(state, points)], Status.MULTISCALE)


def _confirm(state: State, ladder: Ladder, seen: Analysis, size: Array, level: Array, fine: Array) -> Way:
    """Noise stays as it is at any scale; what does not is structure of f that a search from below will find."""
    points = ladder.points
    state.too_large(points, fine, np.ones(points.size, dtype=bool))
    below = yield from climb(ladder.anew(np.maximum(size * FINEST, least_top(ladder.x, LOOK))), LOOK)
    there = state.analysis(below.window(LOOK))
    smooth = below.finite() & (there.noise < SAME_LEVEL * seen.noise) & ~state.hollow(points, there)
    state.count(points[smooth])
    # what falls with the window, however small, is neither noise nor structure that has an end
    endless = smooth & (state.moves[points] > MOVES)
    state.drop(points[endless])
    rest = np.flatnonzero(~endless)
    parts = [Part(part) for part, _ in some(below, smooth & ~endless)]
    then = partial(_believe_or_mark, state, ladder.take(rest), seen.take(rest), size[rest], level[rest], smooth[rest])
    return [Onward(parts, then)] if rest.size else []


def _believe_or_mark(state: State, ladder: Ladder, seen: Analysis, size: Array, level: Array, smooth: Mask) -> Way:
    """Where the search from below has found nothing, the noise is one."""
    points = ladder.points
    structure = smooth & state.answered(points)
    _mark(state, points[structure])
    state.distrust(points[structure])
    believed = np.flatnonzero(~structure)
    if not believed.size:
        return []
    # the level is the larger of those of two scales
    chosen = points[believed]
    state.believe(chosen, np.maximum(np.nan_to_num(level[believed] / state.coarse_noise[chosen], nan=1.0), 1.0))
    return (yield from enlarge(state, ladder.take(believed), seen.take(believed), size[believed]))


def enlarge(state: State, ladder: Ladder, seen: Analysis, size: Array) -> Way:
    """The noise is believed: a larger window suffers less from it."""
    points = ladder.points
    state.as_noisy(points)
    lost = seen.white & ~seen.resolved
    scale = np.where(lost, BROADER, np.minimum(seen.scale, GROWS))
    new = np.minimum(size * scale, REACH * np.maximum(np.abs(ladder.x), 1.0))
    go = np.flatnonzero((lost | (seen.gain > WORTH)) & (new > LARGER * size) & (state.moves[points] <= MOVES))
    state.count(points[go])
    return (yield from in_noise(state, ladder.take(go), new[go], better_only=True)) if go.size else []


def in_noise(state: State, ladder: Ladder, top: Array, *, better_only: bool) -> Way:
    """A window as large as that, where noise is believed in; and larger ones as long as that helps."""
    wide = yield from climb(ladder.anew(top), FULL)
    wide = wide.take(np.flatnonzero(wide.finite()))
    if not wide.points.size:
        return []
    there = state.analysis(wide.window(FULL))
    usable = there.resolved | there.white
    if better_only:
        usable &= there.error[0] < state.coarse_error[0, wide.points]
    which = np.flatnonzero(usable)
    if not which.size:
        return []
    part, seen = wide.take(which), there.take(which)
    state.set_aside(part.points, seen, part.top)
    return (yield from enlarge(state, part, seen, part.top))


def everywhere(state: State, ladder: Ladder) -> Way:
    """No window was resolved, nor is f smooth on one side: it is all noise, if that is the same at all scales."""
    points = ladder.points
    kept = np.isfinite(state.coarse_error[0, points])
    state.as_noisy(points[kept])
    which = np.flatnonzero(~kept & constant(state, points))
    if which.size:
        chosen = points[which]
        state.restart(chosen)
        yield from in_noise(state, ladder.take(which), BROADER * state.widest[chosen], better_only=False)
        # noise alone has no slope: a bound would pretend that there is one
        nothing = chosen[state.answered(chosen) & (state.error[0, chosen] >= np.abs(state.value[0, chosen]))]
        state.refuse(nothing, Status.UNRESOLVED)
    return []


def constant(state: State, points: Indices) -> Mask:
    """Where nothing but noise of one level was seen over a wide range of sizes."""
    wide = state.widest[points] > SPREAD * state.narrowest[points]
    return np.asarray(wide & (state.level[1, points] < SAME * state.level[0, points]))
