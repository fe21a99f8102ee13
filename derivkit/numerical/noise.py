"""Noise far above rounding: whether it is noise, and what can be known in spite of it.

Noise is the same at all scales. A window that looks noisy is therefore looked at again at scales a few hundred times
and many million times smaller: what falls with the window is a kink nearby, or structure of f that a finer window
resolves; what stays is believed, and the window enlarged, as a larger one suffers less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from derivkit.numerical import corners
from derivkit.numerical.ladder import EPS, RATIO, Analysis, Array, Indices, Mask
from derivkit.numerical.rounds import Ladder, Request, Way, each, together
from derivkit.numerical.scales import FINEST, FULL, LOOK, MOVES, NATURAL, PLAIN, SAME_LEVEL, VERIFY, least_top
from derivkit.numerical.status import CODE, Status

if TYPE_CHECKING:
    from derivkit.numerical.search import Search

TRUSTED = 0.02
"""A noisy window that knows the derivative to this part of it contradicts a smaller one."""
SPREAD = 30.0
"""Noise that is there in windows of sizes so far apart is believed although nothing else was seen in them."""
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
ROUNDS = 4
"""Looks for that corner, each between the last two values of the one before."""
AHEAD = 8.0
"""They begin so many times farther out than a window that was too large, as only one side may have been."""
SMALL = 1e-3
"""Jumps below this part of f on both sides are those of rounding; a function that is meant to jump does so by more."""
ALIKE = 2.0
"""Such jumps are of one height up to this factor."""
BROADER = 4.0
"""The next window is so many times larger where nothing but noise was seen."""


def note(search: Search, ladder: Ladder, seen: Analysis, size: Array) -> None:
    """Keep in mind windows in which only noise was seen, from the widest to the narrowest."""
    mask = seen.white & ~seen.resolved
    if mask.any():
        points, level, top = ladder.points[mask], seen.noise[mask], size[mask]
        search.widest[points] = np.fmax(search.widest[points], top)
        search.narrowest[points] = np.fmin(search.narrowest[points], top)
        search.level[0, points] = np.fmin(search.level[0, points], level)
        search.level[1, points] = np.fmax(search.level[1, points], level)


def verify(search: Search, ladder: Ladder, seen: Analysis, top: int) -> Way:
    """A window is far noisier than rounding: look at smaller ones before that is believed."""
    points, size = ladder.points, ladder.size(top)
    _remember(search, ladder, seen, size)
    search.moves[points] += 1
    known = search.confirmed[points]
    natural = NATURAL * np.abs(ladder.x)
    fine = size * RATIO**-VERIFY
    fine = np.where((natural > 0.0) & (natural < fine) & (natural > 1e-6 * size), natural, fine)
    yield from together(
        [
            *each(ladder, known, lambda part, i: enlarge(search, part, seen.take(i), size[i])),
            *each(ladder, ~known, lambda part, i: _check(search, part, seen.take(i), size[i], fine[i])),
        ]
    )


def _remember(search: Search, ladder: Ladder, seen: Analysis, size: Array) -> None:
    """Keep a noisy window aside, if it is better than the one before."""
    points = ladder.points
    better = seen.error[0] < search.coarse_error[0, points]
    chosen = points[better]
    search.coarse[:, chosen], search.coarse_error[:, chosen] = seen.value[:, better], seen.error[:, better]
    search.coarse_noise[chosen], search.coarse_step[chosen] = seen.noise[better], size[better]


def _check(search: Search, ladder: Ladder, seen: Analysis, size: Array, fine: Array) -> Way:
    """A smaller window: is it noisy too?"""
    below = yield from ladder.anew(np.maximum(fine, least_top(ladder.x, PLAIN))).extended(PLAIN)
    there, finite = search.analysis(below, PLAIN), below.finite()
    right, left = (search.analysis(below, PLAIN, side=side) for side in (1, -1))
    fallen = there.noise < SAME_LEVEL * seen.noise
    clean = finite & there.resolved & ~search.suspicious(below, there) & ~search.hollow(below, there)
    corner = ~clean & finite & fallen
    for side in (right, left):
        corner &= side.resolved & (side.noise < SAME_LEVEL * there.noise)
    broken = ~clean & ~corner & finite & corners.broken(below, left, right)
    structure = ~clean & ~corner & ~broken & ~there.resolved & fallen
    level = ~clean & ~corner & ~broken & ~structure
    corners.meet(search, below, corner, left, right)
    yield from together(
        [
            *each(below, clean, lambda part, i: _two_scales(search, part, there.take(i))),
            *each(below, broken, lambda part, i: _jump(search, part, left.take(i), right.take(i))),
            *each(below, structure, lambda part, i: _structure(search, part, there.scale[i])),
            *each(
                ladder,
                level,
                lambda part, i: _confirm(search, part, seen.take(i), size[i], there.noise[i], below.top[i]),
            ),
        ]
    )


def _jump(search: Search, ladder: Ladder, left: Analysis, right: Analysis) -> Way:
    """A jump stays as it is the nearer one looks; a steep front is resolved in the end."""
    below = yield from ladder.anew(np.maximum(ladder.top * FINEST, least_top(ladder.x, LOOK))).extended(LOOK)
    still = below.finite() & corners.leaps(below).any(axis=0)
    corners.two_slopes(search, below, still, left, right, Status.JUMP)
    search.too_large(ladder, ladder.top, ~still)
    yield from together(each(below, ~still, lambda part, _: search.looked(part)))


def _two_scales(search: Search, ladder: Ladder, seen: Analysis) -> Way:
    """The smaller window is clean: what looked like noise is a kink nearby, or structure of f."""
    points = ladder.points
    clear = _clear(search, points)
    away = np.abs(seen.value - search.coarse[:, points])
    agree = away <= seen.error + search.coarse_error[:, points]
    seen = seen._replace(error=np.where(clear & agree, np.maximum(seen.error, away), seen.error))
    search.record(ladder, seen, np.ones(points.size, dtype=bool), ladder.top)
    search.status[points[clear]] = CODE[Status.MULTISCALE]
    yield from together(each(ladder, ~clear, lambda part, _: together(search.judged(part, 0))))


def _structure(search: Search, ladder: Ladder, scale: Array) -> Way:
    """What looked like noise falls with the window: it is structure of f."""
    search.too_large(ladder, ladder.top, np.ones(ladder.points.size, dtype=bool))
    yield from search.shrink(ladder, scale, 0)
    _mark(search, ladder.points[search.found(ladder.points)])


def _clear(search: Search, points: Indices) -> Mask:
    """Where the noisy window knew the derivative well."""
    return np.asarray(search.coarse_error[0, points] < TRUSTED * np.abs(search.coarse[0, points]))


def _mark(search: Search, points: Indices) -> None:
    """Two scales disagree, where the larger one knew the derivative well."""
    search.status[points[_clear(search, points)]] = CODE[Status.MULTISCALE]


def _confirm(search: Search, ladder: Ladder, seen: Analysis, size: Array, level: Array, fine: Array) -> Way:
    """Noise stays as it is at any scale; what does not is structure of f that a search from below will find."""
    points = ladder.points
    search.too_large(ladder, fine, np.ones(points.size, dtype=bool))
    below = yield from ladder.anew(np.maximum(size * FINEST, least_top(ladder.x, LOOK))).extended(LOOK)
    there = search.analysis(below, LOOK)
    smooth = below.finite() & (there.noise < SAME_LEVEL * seen.noise) & ~search.hollow(below, there)
    yield from together(each(below, smooth, lambda part, _: together(search.directions(part))))
    structure = smooth & search.found(points)
    _mark(search, points[structure])
    search.doubtful[points[structure]] = True
    believed = np.flatnonzero(~structure)
    if believed.size:
        # the level is the larger of those of two scales
        chosen = points[believed]
        factor = np.maximum(np.nan_to_num(level[believed] / search.coarse_noise[chosen], nan=1.0), 1.0)
        search.coarse_error[:, chosen] *= factor
        search.coarse_noise[chosen] *= factor
        search.confirmed[chosen] = True
        yield from enlarge(search, ladder.take(believed), seen.take(believed), size[believed])


def enlarge(search: Search, ladder: Ladder, seen: Analysis, size: Array) -> Way:
    """The noise is believed: a larger window suffers less from it."""
    points = ladder.points
    _as_noisy(search, points)
    lost = seen.white & ~seen.resolved
    scale = np.where(lost, BROADER, np.minimum(seen.scale, 4096.0))
    new = np.minimum(size * scale, 2.0 * np.maximum(np.abs(ladder.x), 1.0))
    go = np.flatnonzero((lost | (seen.gain > 2.0)) & (new > 1.5 * size) & (search.moves[points] <= MOVES))
    if go.size:
        search.moves[points[go]] += 1
        yield from _in_noise(search, ladder.take(go), new[go], better_only=True)


def _in_noise(search: Search, ladder: Ladder, top: Array, *, better_only: bool) -> Way:
    """A window as large as that, where noise is believed in; and larger ones as long as that helps."""
    wide = yield from ladder.anew(top).extended(FULL)
    wide = wide.take(np.flatnonzero(wide.finite()))
    if not wide.points.size:
        return
    there = search.analysis(wide, FULL)
    usable = there.resolved | there.white
    if better_only:
        usable &= there.error[0] < search.coarse_error[0, wide.points]
    which = np.flatnonzero(usable)
    if which.size:
        part, seen = wide.take(which), there.take(which)
        _remember(search, part, seen, part.top)
        yield from enlarge(search, part, seen, part.top)


def _as_noisy(search: Search, points: Indices) -> None:
    """The noisy window that was kept aside is the answer."""
    search.value[:, points], search.error[:, points] = search.coarse[:, points], search.coarse_error[:, points]
    search.noise[points], search.step[points] = search.coarse_noise[points], search.coarse_step[points]
    search.status[points] = CODE[Status.NOISY]


def everywhere(search: Search, ladder: Ladder) -> Way:
    """No window was resolved, nor is f smooth on one side: it is all noise, if that is the same at all scales."""
    points = ladder.points
    kept = np.isfinite(search.coarse_error[0, points])
    _as_noisy(search, points[kept])
    which = np.flatnonzero(~kept & constant(search, points))
    if which.size:
        chosen = points[which]
        search.moves[chosen] = 0
        yield from _in_noise(search, ladder.take(which), BROADER * search.widest[chosen], better_only=False)
        # noise alone has no slope: a bound would pretend that there is one
        nothing = chosen[search.found(chosen) & (search.error[0, chosen] >= np.abs(search.value[0, chosen]))]
        search.value[:, nothing], search.error[:, nothing] = np.nan, np.inf
        search.status[nothing] = CODE[Status.UNRESOLVED]


def beneath(search: Search, ladder: Ladder) -> Way:
    """A window that ends abruptly, with nothing but noise of one level above it: within a step of a fine staircase."""
    points = ladder.points
    search.moves[points] = 0
    yield from _in_noise(search, ladder, BROADER * search.widest[points], better_only=False)


def constant(search: Search, points: Indices) -> Mask:
    """Where nothing but noise of one level was seen over a wide range of sizes."""
    wide = search.widest[points] > SPREAD * search.narrowest[points]
    return np.asarray(wide & (search.level[1, points] < 4.0 * search.level[0, points]))


def abrupt(search: Search, points: Indices) -> Array:
    """How far beyond a window that was too large a better one must promise to reach for its end to be looked at."""
    return np.where(search.doubtful[points], ABRUPT_IN_NOISE, ABRUPT)


def stairs(search: Search, ladder: Ladder) -> Way:
    """The best window would reach far, but f leaves it soon: by jumps on both sides, f is a staircase.

    What f does beyond the window is taken from steps between its end and one that was too large, in rounds that
    close in on where f leaves the straight line. From a kink on it leaves it at some slope, at a jump at once.
    """
    points, value = ladder.points, search.value[0, ladder.points]
    step, reach = search.step[points], search.reach[points]
    beyond = np.where(search.doubtful[points] & np.isfinite(reach), 10.0 * reach, 0.0)
    end = np.maximum(np.maximum(AHEAD * search.ceiling[points], 2.0 * step), beyond)
    inner, outer = np.tile(step, (2, 1)), np.tile(end, (2, 1))
    sign, share = np.array([[1.0], [-1.0]]), (np.arange(1, STEPS + 1) / STEPS)[:, None, None]
    far, farthest, least, stray, largest = outer, outer, inner, inner, end
    for turn in range(ROUNDS):
        t = inner + share * (outer - inner) if turn else inner * (outer / inner) ** share
        x = ladder.x + sign * t
        (values,) = yield [Request(points, x.reshape(2 * STEPS, -1))]
        rest = np.abs(values.reshape(t.shape) - ladder.centre - value * (x - ladder.x))
        if not turn:
            largest = np.maximum(np.fmax.reduce(np.abs(values), axis=0), np.abs(ladder.centre))
            least = np.tile(STRAY * (search.noise[points] + EPS * largest), (2, 1))
            stray = np.maximum(least, 0.01 * np.fmax.reduce(rest, axis=0))
            far, farthest = rest[-1], t[-1]
        left = ~(rest <= stray)
        left[-1] = True
        at = np.argmax(left, axis=0)[None]
        outer = np.take_along_axis(t, at, axis=0)[0]
        inner = np.where(at[0] > 0, np.take_along_axis(t, np.maximum(at - 1, 0), axis=0)[0], inner)
        height = np.take_along_axis(rest, at, axis=0)[0]
        stray = np.maximum(stray, 0.1 * height)
    jumps = (height > least) & (height / (outer - inner) > STEEP * far / (farthest - inner)) & np.isfinite(height)
    slope = np.where(jumps, height / outer, 0.0).max(axis=0)
    lowest, highest = height.min(axis=0), height.max(axis=0)
    fine = (highest < ALIKE * lowest) & (highest < SMALL * largest)
    both = jumps.all(axis=0) & (fine | (outer.max(axis=0) < 30.0 * outer.min(axis=0)))
    # within a step, or before a single jump: the bar must allow for the slope of a staircase
    flat = (value == 0.0) & np.isinf(reach)
    both &= flat | fine | search.doubtful[points]
    unsure = points[both | (jumps.any(axis=0) & flat)]
    search.status[unsure] = CODE[Status.MULTISCALE]
    search.error[0, unsure] = np.maximum(search.error[0, unsure], slope[np.isin(points, unsure)])
    kept = both & np.isfinite(search.coarse_error[0, points])
    _as_noisy(search, points[kept])
    which = np.flatnonzero(both & ~kept)
    if which.size:
        search.confirmed[points[which]], search.moves[points[which]] = True, 0
        yield from _in_noise(search, ladder.take(which), 30.0 * outer.max(axis=0)[which], better_only=False)
