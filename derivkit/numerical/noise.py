"""Noise far above rounding: whether it is noise, and what can be known in spite of it.

Noise is the same at all scales. A window that looks noisy is therefore looked at again at scales a few hundred times
and many million times smaller: what falls with the window is a kink nearby, or structure of f that a finer window
resolves; what stays is believed, and the window enlarged, as a larger one suffers less.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from derivkit.numerical import corners
from derivkit.numerical.ladder import FLOOR, RATIO, Analysis
from derivkit.numerical.rounds import Ladder, Request, Way, each, together
from derivkit.numerical.scales import FINEST, FULL, LOOK, MOVES, NATURAL, PLAIN, SAME_LEVEL, VERIFY, least_top
from derivkit.numerical.state import Finding
from derivkit.numerical.status import Status
from derivkit.types import EPS, LEAST_FLOAT, Array, Indices, Mask

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
SAME = 4.0
"""It is of one level if it changes by less than this factor."""
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
        largest = seen.floor[mask] / (FLOOR * EPS)
        search.relative[points] = np.fmin(search.relative[points], level / largest)


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
    search.told(points[clear], Status.MULTISCALE)
    yield from together(each(ladder, ~clear, lambda part, _: together(search.judged(part, 0))))


def _structure(search: Search, ladder: Ladder, scale: Array) -> Way:
    """What looked like noise falls with the window: it is structure of f."""
    search.too_large(ladder, ladder.top, np.ones(ladder.points.size, dtype=bool))
    yield from search.shrink(ladder, scale, 0)
    _mark(search, ladder.points[search.answered(ladder.points)])


def _clear(search: Search, points: Indices) -> Mask:
    """Where the noisy window knew the derivative well."""
    return np.asarray(search.coarse_error[0, points] < TRUSTED * np.abs(search.coarse[0, points]))


def _mark(search: Search, points: Indices) -> None:
    """Two scales disagree, where the larger one knew the derivative well."""
    search.told(points[_clear(search, points)], Status.MULTISCALE)


def _confirm(search: Search, ladder: Ladder, seen: Analysis, size: Array, level: Array, fine: Array) -> Way:
    """Noise stays as it is at any scale; what does not is structure of f that a search from below will find."""
    points = ladder.points
    search.too_large(ladder, fine, np.ones(points.size, dtype=bool))
    below = yield from ladder.anew(np.maximum(size * FINEST, least_top(ladder.x, LOOK))).extended(LOOK)
    there = search.analysis(below, LOOK)
    smooth = below.finite() & (there.noise < SAME_LEVEL * seen.noise) & ~search.hollow(below, there)
    search.moves[points[smooth]] += 1
    # what falls with the window, however small, is neither noise nor structure that has an end
    endless = smooth & (search.moves[points] > MOVES)
    search.coarse_error[:, points[endless]] = np.inf
    yield from together(each(below, smooth & ~endless, lambda part, _: together(search.directions(part))))
    structure = smooth & search.answered(points)
    _mark(search, points[structure])
    search.doubtful[points[structure]] = True
    believed = np.flatnonzero(~structure & ~endless)
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
    kept = search.coarse[:, points], search.coarse_error[:, points]
    search.replace(points, Finding(*kept, search.coarse_noise[points], search.coarse_step[points]), Status.NOISY)


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
        nothing = chosen[search.answered(chosen) & (search.error[0, chosen] >= np.abs(search.value[0, chosen]))]
        search.refuse(nothing, Status.UNRESOLVED)


def constant(search: Search, points: Indices) -> Mask:
    """Where nothing but noise of one level was seen over a wide range of sizes."""
    wide = search.widest[points] > SPREAD * search.narrowest[points]
    return np.asarray(wide & (search.level[1, points] < SAME * search.level[0, points]))


def dubious(search: Search, ladder: Ladder) -> Mask:
    """Where the best window, smooth though it is, may lie within a step of a staircase.

    Nothing but noise far below the size of f was seen above it, or noise through which another slope was seen; or it is
    no longer than the steps of 1 + x, and nothing but noise was seen above it.
    """
    points = ladder.points
    step = search.step[points]
    rounded = (step < TREAD * np.abs(ladder.x)) & (step < ONE_ROUNDED) & np.isfinite(search.widest[points])
    return np.asarray((search.relative[points] < FAINT) | rounded | apart(search, points))


def frozen(search: Search, ladder: Ladder) -> Mask:
    """Where f is a constant over a power of x within the best window, and nothing but noise above it.

    So is a quotient such as (1 - cos(x))/x^2 within a step of its numerator.
    """
    points = ladder.points
    power = -search.slope[points] * ladder.x / ladder.centre
    whole = (power > 0.5) & (np.abs(power - np.rint(power)) < WHOLE)
    narrow = search.ceiling[points] < NARROW * np.abs(ladder.x)
    return np.asarray(whole & narrow & np.isfinite(search.widest[points]) & (search.orders[0] == 1))


def apart(search: Search, points: Indices) -> Mask:
    """Where the best window and the noisy one that was kept aside contradict each other."""
    away = np.abs(search.value[0, points] - search.coarse[0, points])
    return np.asarray(away > search.error[0, points] + search.coarse_error[0, points])


def abrupt(search: Search, points: Indices) -> Array:
    """How far beyond a window that was too large a better one must promise to reach for its end to be looked at."""
    return np.where(search.doubtful[points], ABRUPT_IN_NOISE, ABRUPT)


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


def leaving(search: Search, ladder: Ladder) -> Generator[list[Request], list[Array], Break]:
    """Close in, round by round, on the nearest place where f leaves the line as steeply as anywhere, or moves at all.

    It is looked for between the end of the window and where one was too large. Where f is smooth, or has a kink, the
    rise between two places falls with their distance; a jump stays as it is. The window tells at which distances f is
    smooth. Both sides must jump, unless f does not move within the window.
    """
    points, shape = ladder.points, (2, ladder.points.size)
    step, end, line = search.step[points], beyond(search, ladder), search.slope[points]
    near, far = np.tile(step, (2, 1)), np.tile(end, (2, 1))
    sign, share = np.array([[1.0], [-1.0]]), (np.arange(STEPS + 1) / STEPS)[:, None, None]
    before, height, falls, whole = np.zeros((4, *shape))
    sudden, least, largest = np.zeros(shape, dtype=bool), np.zeros(step.size), np.abs(ladder.centre)
    live = np.arange(step.size)
    for turn in range(ROUNDS):
        inner, outer = near[:, live], far[:, live]
        t = inner + share[1:] * (outer - inner) if turn else inner * (outer / inner) ** share
        x = ladder.x[live] + sign * t
        (values,) = yield [Request(points[live], x.reshape(2 * len(t), -1))]
        values = values.reshape(t.shape)
        rest = values - ladder.centre[live] - line[live] * (x - ladder.x[live])
        if turn:
            t, rest = np.concatenate([inner[None], t]), np.concatenate([before[:, live][None], rest])
        if not turn:
            largest = np.maximum(largest, np.fmax.reduce(np.abs(values), axis=(0, 1)))
            least = STRAY * (search.noise[points] + EPS * largest)
            whole = np.abs(rest[-1]) / (end - step)
        rise = np.abs(np.diff(rest, axis=0))
        steep = np.where(rise <= least[live], 0.0, rise / np.diff(t, axis=0))  # where f has no value, NaN
        flat = motionless(search, points[live])
        enough = np.where(flat, LEAST_FLOAT, 0.5 * np.fmax.reduce(steep, axis=0))
        at = np.argmax(~(steep < enough), axis=0)[None]
        inner, outer = (np.take_along_axis(t, at + k, axis=0)[0] for k in (0, 1))
        now, stays = np.take_along_axis(rise, at, axis=0)[0], height[:, live]
        near[:, live], far[:, live], height[:, live] = inner, outer, now
        before[:, live] = np.take_along_axis(rest, at, axis=0)[0]
        level = (now > least[live]) & np.isfinite(now)
        falls[:, live] = np.where(now < FALLS * stays, falls[:, live] + 1.0, 0.0)
        close = outer - inner < CLOSE * np.where(flat, outer, step[live])
        above = flat | (now > STEEP * whole[:, live] * (outer - inner))
        sharp = level & close & (now > STAYS * stays) & above & (turn > 0)
        smooth = ~level | (falls[:, live] >= SMOOTH) | (close & ~sharp & (turn > 0))
        sudden[:, live] = sharp
        live = live[~(sharp | smooth).all(axis=0)]
        if not live.size:
            break
    return Break(far, height, sudden, largest)


def beyond(search: Search, ladder: Ladder) -> Array:
    """How far out a break is looked for."""
    points = ladder.points
    step, reach = search.step[points], search.reach[points]
    far = np.where(search.doubtful[points] & np.isfinite(reach), 10.0 * reach, 0.0)
    ceiling = search.ceiling[points] * np.where(dubious(search, ladder), SPREAD / AHEAD, 1.0)
    return np.maximum(np.maximum(AHEAD * np.where(np.isfinite(ceiling), ceiling, 0.0), 2.0 * step), far)


def outside(search: Search, ladder: Ladder) -> Way:
    """f does not move: does it just outside? Then it may be quantised."""
    points, far = ladder.points, OUTSIDE * search.step[ladder.points]
    (values,) = yield [Request(points, ladder.x + np.array([[1.0], [-1.0]]) * far)]
    search.too_large(ladder, far, (np.isfinite(values) & (values != ladder.centre)).any(axis=0))


def motionless(search: Search, points: Indices) -> Mask:
    """Where f is the same all over the best window."""
    return np.asarray((search.value[0, points] == 0.0) & np.isinf(search.reach[points]))


def _sums(search: Search, ladder: Ladder, end: Break) -> Mask:
    """Where f of many variables may sum what is rounded apart: its steps are of any height."""
    jumps = np.where(dubious(search, ladder), end.sudden.any(axis=0), end.sudden.all(axis=0))
    return np.asarray(jumps & (end.height.max(axis=0) < SHORT * end.largest) & search.limits.many)


def stairs(search: Search, ladder: Ladder) -> Way:
    """The best window would reach far, but f leaves it soon: by jumps on both sides, f is a staircase."""
    points = ladder.points
    end = yield from leaving(search, ladder)
    slope = np.where(end.sudden, end.height / end.far, 0.0).max(axis=0)
    lowest, highest = end.height.min(axis=0), end.height.max(axis=0)
    alike = highest < ALIKE * lowest
    fine = alike & (highest < SMALL * end.largest)
    near = end.far.max(axis=0) < NEARLY * end.far.min(axis=0)
    doubted = dubious(search, ladder) | (end.far.max(axis=0) < TREAD * np.abs(ladder.x))
    near |= alike & doubted & ~(search.level[1, points] < SAME * search.level[0, points])
    both = end.sudden.all(axis=0) & (fine | near)
    flat = motionless(search, points)
    both &= flat | fine | search.doubtful[points] | doubted
    argument = EPS * np.abs(ladder.x * search.slope[points])
    rounding = (end.sudden & (end.height < ROUNDING * argument)).any(axis=0)
    sums = _sums(search, ladder, end) & ~flat
    both |= sums
    # within a step, or before a single jump: the bar must allow for the slope of a staircase
    unsure = both | rounding | (end.sudden.any(axis=0) & flat)
    search.widen(points[unsure], slope[unsure], Status.MULTISCALE)
    # nothing but a pole lies as near to x as 0
    froze = frozen(search, ladder) & (end.sudden & (end.far < 0.5 * np.abs(ladder.x))).any(axis=0)
    search.widen(points[froze], (1.0 + WHOLE) * np.abs(search.value[0, points[froze]]), Status.MULTISCALE)
    # one step of what looked like noise, through which another slope was seen
    step = ~unsure & end.sudden.any(axis=0) & apart(search, points)
    away = np.abs(search.value[0, points] - search.coarse[0, points]) + search.coarse_error[0, points]
    search.widen(points[step], away[step], Status.MULTISCALE)
    # a noisy window within their steps has not met them all
    within = sums & ~(search.coarse_step[points] > end.far.max(axis=0))
    search.coarse_error[:, points[within]] = np.inf
    kept = both & np.isfinite(search.coarse_error[0, points])
    _as_noisy(search, points[kept])
    which = np.flatnonzero(both & ~kept)
    if which.size:
        search.confirmed[points[which]], search.moves[points[which]] = True, 0
        wide = np.fmax(SPREAD * end.far.max(axis=0), BROADER * search.widest[points])[which]
        yield from _in_noise(search, ladder.take(which), wide, better_only=False)
