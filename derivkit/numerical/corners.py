"""Where f is not smooth, or has values on one side only: ends of domains, kinks, jumps and vertical tangents.

Each side is then looked at by itself: by a window with nodes on one side, and by the power of the distance that
f - f(x) follows.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from derivkit.numerical import moves
from derivkit.numerical.analysis import FEWEST, FLOOR, SAFETY, Analysis
from derivkit.numerical.ladder import Ladder, Part
from derivkit.numerical.rounds import Onward, Request, Way, climb, each, some, together
from derivkit.numerical.scales import (
    BETTER,
    FINEST,
    FULL,
    GROWS,
    LOOK,
    NATURAL,
    RESOLUTION,
    SAME_LEVEL,
    SHRINKS,
    VAGUE,
    VERIFY,
    first_top,
    least_top,
)
from derivkit.numerical.state import TARGET_EDGE, Answers, Finding, State
from derivkit.numerical.status import CODE, Status
from derivkit.numerical.windows import RATIO, Exponents, window
from derivkit.types import EPS, LEAST_FLOAT, Array, Indices, Mask

EDGE: Exponents = (0, 1, 2, 3, 4, 5, 7, 9)
"""Steps of a window with one side."""
EDGE_GAINS = window(EDGE, (1,)).gains[:, int(TARGET_EDGE) - 1]
"""What such a window makes of noise in the derivatives of every order, if it meets the noise where it should."""
ENDED = (CODE[Status.OK], CODE[Status.NOISY])
"""With these a window may end where f does."""
EDGE_MOVES = 4
"""Windows on one side beyond the first."""
SIDES: Exponents = (0, 1, 2, 3, 4, 6, 8, 10)
"""Steps by which each side is looked at by itself."""
BLIND = 4.0
"""Sides that are known no better than so many bars of the answer tell nothing about it."""
BENDS = (8.0, 2.0, 0.5)
"""Sizes at which they are compared where a kink of a higher derivative may hide in rounding, in units of the window."""
HIDDEN = (2.0, 0.25)
"""The same where a kink may hide in the rounding of float32, which leaves no room for more."""
TRIES = 3
"""Sizes at which the sides are looked at, each a thousandth of the one before."""
MEET = 1e-2
"""The slopes of two sides meet if both are known to this part; of a chord, where both are 0 as far as is known."""
FLAT, STEEP, JUMP = 1.03, 0.97, 0.02
"""A power above the first is flatter than any line, one below the second steeper, one below the third a jump."""
NEAREST = 3
"""Steps from which a jump is told: farther away the slope of f comes in."""
CLOSER = 3
CHORDS = np.ldexp(1.0, -CLOSER * np.arange(1, 10))
"""Lengths of chords that tell what their slopes come to, in units of the first look, or of the domain where that ends
sooner: each 8 times the next."""
FEW_CHORDS = CHORDS[3:7]
"""Those that tell whether their slopes grow without end: so short that curvature is nothing beside it."""
GROWTHS = 3
"""From so many differences of their slopes that is told: the least that show whether all follow one power."""
CLEAR = 3.0
"""Such a difference is known if f rises by so many times its noise as by it."""
SAME_GROWTH = 1e-3
"""Their slopes grow by the same amount, if by no less than all but this part of the most. A choice: x^1.0001, whose
slope is 0, is taken for x log(x)."""
LOGARITHM = 0.15
"""By so much a logarithm among the powers changes them where distances are those of chords."""
SLOW = 1.8
"""Slopes of a power below this are far from their limit where those of what is smooth have come to theirs. A choice."""
ROUNDINGS = 4.0
"""Rounding of the slope of a chord, in units of what rounds a value over its length."""
SAME_POWER = 0.02
"""The powers from two of them are the same, if they differ by no more than this: what is square to a logarithm comes
near to it, and values at random do not."""
LIKE_POWER = 0.25
"""They may be those of several powers, or of one with a logarithm, up to this."""
STRAIGHT = 0.1
"""f follows a power if its logarithm strays no more from a straight line."""


def cornered(state: State, ladder: Ladder) -> Way:
    """Some values are not finite."""
    known = state.answered(ladder.points)
    ways = [
        *each(ladder, known, lambda part, _: beside_end(state, part)),
        *each(ladder, ~known, lambda part, _: _inwards(state, part)),
    ]
    return (yield from together(ways))


def beside_end(state: State, ladder: Ladder) -> Way:
    """f is known at x, but ends within the window that would serve: one with one side may be as long as it needs.

    Whether that is worth its values is foreseen from the noise of f, from what the weights of such a window make of
    noise, and from the scale of f: the one that was found, or that of a first look where hardly any was. What is smooth
    at the end too it then knows well; a power of the distance, whose derivatives grow towards the end, it does not.
    """
    points, room = ladder.points, _room(state, ladder)
    before, status = state.answers[:, points], state.status[points]
    reach = np.where(state.reach[points] < np.inf, state.reach[points], 0.0)
    scale = np.where(state.degree[points] >= FEWEST, reach, np.maximum(reach, first_top(ladder.x)))
    length = np.minimum(scale, room.max(axis=0))
    rounding = FLOOR * EPS * (np.abs(ladder.centre) + np.nan_to_num(np.abs(state.slope[points])) * length)
    orders = np.array(state.orders)[:, None]
    foreseen = SAFETY * np.maximum(state.noise[points], rounding) * EDGE_GAINS[orders] / length**orders
    worth = (foreseen <= BETTER * state.error[:, points]).any(axis=0) & np.isin(status, ENDED)
    right = room[0] >= room[1]
    ways = [
        *each(ladder, worth & right, lambda part, i: along(state, part.anew(length[i], (1,)))),
        *each(ladder, worth & ~right, lambda part, i: along(state, part.anew(length[i], (-1,)))),
    ]
    yield from together(ways)
    vague = np.any([state.vague(points, place, VAGUE) for place in range(len(orders))], axis=0)
    same = np.all(state.error[:, points] == Answers.of(before).error, axis=0)
    back = np.asarray(worth & (vague | same))
    state.restore(points[back], before[:, back], status[back])
    return _largest_windows(ladder, ~worth)[0]


def _room(state: State, ladder: Ladder) -> Array:
    """How far f is known to the right and to the left, shape ``(2, n)``: to its end, or where it has no value."""
    room = state.limits.room(ladder.x, ladder.points)
    steps = np.array([ladder.size(k) for k in ladder.exponents])
    return np.where(np.isfinite(room), room, np.where(np.isfinite(ladder.values), np.inf, steps).min(axis=1))


def _largest_windows(ladder: Ladder, mask: Mask) -> tuple[list[Onward], Mask]:
    """The largest window within which all values are finite, where only a look was that large; where there is none."""
    order = np.argsort(ladder.exponents)
    finite: Mask = np.asarray(np.isfinite(ladder.values[:, order]).all(axis=0))
    count = np.where(mask, finite[::-1].argmin(axis=0), 0)  # steps, from the least one up, before one that is not
    onward, rest = [], np.ones(mask.size, dtype=bool)
    for known in np.unique(count[count >= len(LOOK)]).tolist():
        top = ladder.exponents[order[-known]]
        if sum(k <= top + FULL[-1] for k in ladder.exponents if k >= top) < len(FULL):
            rest[count == known] = False
            new = ladder.lacks([top + k for k in FULL])
            onward += [Onward([Part(part, new, top)]) for part, _ in some(ladder, count == known)]
    return onward, rest


def _inwards(state: State, ladder: Ladder) -> Way:
    """Nothing is known yet: look where all values are finite."""
    found, rest = _largest_windows(ladder, np.ones(ladder.points.size, dtype=bool))
    return found + (yield from together(each(ladder, rest, lambda part, _: _look_inwards(state, part))))


def _look_inwards(state: State, ladder: Ladder) -> Way:
    """No window is within the finite values: another look, or a probe of the side that has none."""
    order = np.argsort(ladder.exponents)
    finite: Mask = np.asarray(np.isfinite(ladder.values[:, order]).all(axis=0))  # from the largest step to the least
    natural = NATURAL * np.abs(ladder.x)
    easy = (natural > 0.0) & (natural < 0.5 * ladder.top)
    inner = ~easy & finite[-1]
    # the largest step from which on all are finite
    first = np.minimum(len(finite) - np.argmin(finite[::-1], axis=0), len(finite) - 1)
    size = ladder.top * np.array([RATIO**-k for k in ladder.exponents])[order][first]
    onward = [Onward(moves.look(state, part, natural[i])) for part, i in some(ladder, easy)]
    onward += [Onward(moves.look(state, part, size[i])) for part, i in some(ladder, inner)]
    return onward + (yield from together(each(ladder, ~easy & ~inner, lambda part, _: _probe(state, part))))


def _probe(state: State, ladder: Ladder) -> Way:
    """On one side, or on both, f has no value at all steps: look nearer to x."""
    points, least = ladder.points, ladder.least()
    dead = ~np.isfinite(ladder.values[:, least])  # by side
    side = np.where(dead[ladder.sides.index(1)], 1.0, -1.0)
    bottom = ladder.size(ladder.exponents[least])
    nearest = np.where(ladder.x == 0.0, 1e-300, 2.0**8 * np.spacing(np.abs(ladder.x)))
    share = np.minimum(nearest / bottom, 1.0)
    half, quarter = np.sqrt(share), np.sqrt(np.sqrt(share))
    steps = bottom * np.stack([quarter, half, half * quarter, share])
    (values,) = yield [Request(points, ladder.x + side * steps)]
    state.too_large(ladder.points, bottom, np.ones(points.size, dtype=bool))
    alive = np.isfinite(values) & (steps >= least_top(ladder.x, LOOK))
    near = alive.any(axis=0)
    size = steps[np.argmax(alive, axis=0), np.arange(points.size)]
    wide = near & (steps[-1] < size * RATIO ** -LOOK[-1])
    single = ~near & ~dead.all(axis=0)
    onward = [Onward(moves.look(state, part, size[i])) for part, i in some(ladder, wide)]
    ways = [
        *each(ladder, single & (side > 0), lambda part, _: along(state, part.one_side(-1))),
        *each(ladder, single & (side < 0), lambda part, _: along(state, part.one_side(1))),
    ]
    return onward + (yield from together(ways))


def along(state: State, ladder: Ladder, left: int = EDGE_MOVES) -> Way:
    """A window on one side, moved until it serves."""
    ladder = yield from climb(ladder, EDGE)
    ladder = ladder.take(np.flatnonzero(ladder.finite()))
    if not ladder.points.size:
        return []
    points, top = ladder.points, ladder.top
    seen = state.analysis(ladder.window(EDGE, ladder.sides))
    noisy = seen.resolved & state.suspicious(ladder.x, seen) & (left > 0)
    _sided(state, ladder, seen, seen.resolved & ~noisy)
    sacrifice = state.limits.sacrifice
    on = ~seen.resolved | (seen.gain > sacrifice) | (seen.gain < 1.0 / sacrifice)
    new = top * np.clip(seen.scale, SHRINKS, GROWS)
    new = np.where(seen.resolved, np.minimum(new, 0.5 * state.ceiling[points]), np.minimum(new, 0.5 * top))
    new = np.minimum(new, state.limits.room(ladder.x, points)[int(ladder.sides == (-1,))])
    state.too_large(ladder.points, top, ~seen.resolved)
    on &= (new > RESOLUTION * np.spacing(np.abs(ladder.x))) & ((new > 2.0 * top) | (new < top)) & (left > 0) & ~noisy
    lost = ~on & ~noisy & ~state.answered(points)
    ways = [
        *each(ladder, on, lambda part, i: along(state, part.anew(new[i]), left - 1)),
        *each(ladder, noisy, lambda part, i: _verify(state, part, seen.take(i), left - 1)),
        *each(ladder, lost, lambda part, _: _endless(state, part)),
    ]
    return (yield from together(ways))


def _sided(state: State, ladder: Ladder, seen: Analysis, mask: Mask) -> None:
    """Keep a window on one side."""
    state.record(ladder.points, seen, mask, ladder.top)
    state.mark(ladder.points[mask], Status.ONE_SIDED)


def _verify(state: State, ladder: Ladder, seen: Analysis, left: int) -> Way:
    """A window on one side is noisy: where a smaller one is not, the noise was a kink nearby, or structure of f."""

    def further(part: Ladder, _: Indices) -> Way:
        return along(state, part, left) if left else _endless(state, part)

    for shrunk in (RATIO**-VERIFY, FINEST):
        size = np.maximum(ladder.top * shrunk, least_top(ladder.x, EDGE))
        below = yield from climb(ladder.anew(size), EDGE)
        fallen = below.finite() & (state.analysis(below.window(EDGE, below.sides)).noise < SAME_LEVEL * seen.noise)
        state.too_large(ladder.points, ladder.top, fallen)
        yield from together(each(below, fallen, further))
        rest = np.flatnonzero(~fallen)
        ladder, seen = ladder.take(rest), seen.take(rest)
    _sided(state, ladder, seen, np.ones(ladder.points.size, dtype=bool))
    return []


def _endless(state: State, ladder: Ladder) -> Way:
    """What looked like noise falls with the window, however small that is: f follows a power of the distance."""
    ladder = ladder.take(np.flatnonzero(~state.answered(ladder.points)))
    if not ladder.points.size:
        return []
    points = ladder.points
    if state.orders[0] != 1:
        _by_power(state, ladder, state.lost(points), np.full(points.size, np.nan))
        return []
    tail = yield from tails(state, ladder, np.zeros(points.size))
    _steep(state, points, np.full((1, points.size), np.nan), tail)
    _by_power(state, ladder, state.lost(points), tail.power[0])
    known = state.lost(points) & np.isfinite(tail.error[0])
    state.replace(points[known], _slopes(state, tail, known), Status.ONE_SIDED)
    return []


def _slopes(state: State, tail: Tail, which: Mask) -> Finding:
    """The slopes that chords on one side come to, where nothing is known of other derivatives."""
    value, error = np.full((2, len(state.orders), which.sum()), np.array([[[np.nan]], [[np.inf]]]))
    value[0], error[0] = tail.slope[0, which], tail.error[0, which]
    return Finding(value, error, np.full(value.shape[1], np.nan), tail.step[0, which])


class Tail(NamedTuple):
    """What the slopes of chords come to as these become short, on every side; arrays of shape ``(sides, n)``.

    Attributes
    ----------
    slope, error : ndarray
        Their limit and how far off it may be: infinite slopes where it is infinite, an infinite error where there may
        be none, and NaN where the chords do not tell.
    power : ndarray
        Of the distance that f follows beside a straight line.
    step : ndarray
        The length of the shortest chord.
    """

    slope: Array
    error: Array
    power: Array
    step: Array


def tails(
    state: State, ladder: Ladder, noise: Array, chords: Array = CHORDS
) -> Generator[list[Request], list[Array], Tail]:
    """What the slopes of chords come to, from the shortest ones whose differences stand above rounding and noise.

    Where f follows a power p of the distance beside a straight line, the slopes of chords change by 8^(1 - p) times
    as much from one length to the next, and what is left of the change is the sum of a geometric series; where it
    follows the distance times its logarithm, by as much. All of this is told where it is the same again and again.
    """
    room = state.limits.room(ladder.x, ladder.points)[[int(side < 0) for side in ladder.sides]]
    signed = np.array(ladder.sides)[:, None] * np.minimum(first_top(ladder.x), room)
    x = ladder.x + chords[:, None] * signed[:, None]
    (values,) = yield [Request(ladder.points, x.reshape(-1, ladder.points.size))]
    values, away = values.reshape(x.shape), x - ladder.x
    slopes = (values - ladder.centre) / away
    largest = EPS * np.maximum(np.abs(values), np.abs(ladder.centre))
    level = np.maximum(largest / SAME_GROWTH, CLEAR * noise)[:, 1:]
    clear = np.abs(np.diff(slopes, axis=1) * away[:, 1:]) > level
    runs = np.logical_and.reduce(sliding_window_view(clear, GROWTHS, axis=1), axis=-1)
    last = runs.shape[1] - 1 - np.argmax(runs[:, ::-1], axis=1)  # the shortest chords of which all are clear
    at = last[:, None] + np.arange(GROWTHS + 1)[:, None]
    near = np.where(runs.any(axis=1)[:, None], np.take_along_axis(slopes, at, axis=1), np.nan)
    size, step = (np.take_along_axis(each, at[:, -1:], axis=1)[:, 0] for each in (largest, np.abs(away)))
    return _limit(near, ROUNDINGS * np.maximum(size, noise) / step, step)


def _limit(slopes: Array, rounding: Array, step: Array) -> Tail:
    """What slopes of chords come to, from the longest to the shortest on the second axis."""
    growth = np.diff(slopes, axis=1)
    size = np.abs(growth)
    powers = 1.0 - np.diff(np.log2(size), axis=1) / CLOSER
    spread, power = np.ptp(powers, axis=1), powers.min(axis=1)
    steady = (np.abs(np.sign(growth).sum(axis=1)) == GROWTHS) & (power > JUMP) & (spread < LIKE_POWER)
    endless = steady & (size[:, -1] >= (1.0 - SAME_GROWTH) * size.max(axis=1)) & (spread < SAME_POWER)
    least = power - spread - LOGARITHM
    rest, most = (growth[:, -1] / (2.0 ** (CLOSER * (each - 1.0)) - 1.0) for each in (power, least))
    known = steady & ~endless & (least > 1.0)
    error = np.where(known, np.abs(most - rest) + rounding, np.where(steady & ~endless, np.inf, np.nan))
    slope = np.where(known, slopes[:, -1] + rest, np.where(endless, np.copysign(np.inf, growth[:, -1]), np.nan))
    return Tail(slope, error, np.where(steady, powers[:, -1], np.nan), step)


def steeper(state: State, ladder: Ladder, slopes: Array) -> Way:
    """Chords are the steeper the shorter they are, so that the tangent is vertical, on one side at least."""
    if state.orders[0] == 1:
        tail = yield from tails(state, ladder, np.zeros(ladder.points.size), FEW_CHORDS)
        _steep(state, ladder.points, slopes, tail)
    return []


def _steep(state: State, points: Indices, slopes: Array, tail: Tail) -> None:
    """Vertical tangents, where the slopes of all sides are known and one at least is infinite."""
    grows = np.isinf(tail.slope)
    slopes = np.where(grows, tail.slope, slopes)
    known = ~np.isnan(slopes).any(axis=0) & grows.any(axis=0)
    _sharp(state, points[known], slopes[-1, known], slopes[0, known], np.minimum(tail.power[0], 1.0)[known])


def slow(state: State, ladder: Ladder) -> Way:
    """What looks like noise far above rounding may be a power of the distance, whose slopes have hardly come to rest.

    The bar is as wide as the slopes of chords have still to go; where they may have no limit there is no derivative.
    """
    points = ladder.points
    tail = yield from tails(state, ladder, np.nan_to_num(state.noise[points]))
    _steep(state, points, tail.slope, tail)
    known = tail.power < SLOW
    away = np.where(known & ~np.isnan(tail.error), tail.error, 0.0)
    value = state.value[0, points]
    away += np.where(known & ~np.isnan(tail.slope), np.abs(tail.slope - value), 0.0)
    away = np.where(state.answered(points), away.max(axis=0), 0.0)
    state.refuse(points[np.isinf(away)], Status.UNRESOLVED)
    wide = np.isfinite(away) & (away > state.error[0, points])
    state.cover(points[wide], 0, (value + away)[wide])
    return []


def _by_power(state: State, ladder: Ladder, mask: Mask, power: Array) -> None:
    """On the one side that f has, it may follow a power of the distance.

    Its tangent is vertical if that is below the first, unless chords tell a ``power`` above it beside a straight line.
    """
    exponent, sign, straight = _power(ladder, 0)
    vertical = mask & straight & (exponent > JUMP) & (exponent < STEEP) & ~(power > 1.0)
    state.vertical(ladder.points[vertical], (sign * ladder.sides[0])[vertical] * np.inf, exponent[vertical])
    _bounded(state, ladder, mask & straight & (exponent > FLAT))


def _bounded(state: State, ladder: Ladder, flat: Mask) -> None:
    """f is flatter than any straight line: its slope there is below the least that was seen."""
    if not flat.any() or state.orders[0] != 1:
        return
    points, least = ladder.points[flat], ladder.least()
    slopes = np.abs(ladder.values[:, least] - ladder.centre) / ladder.size(ladder.exponents[least])
    bound = np.maximum(2.0 * slopes.max(axis=0), LEAST_FLOAT)[flat]
    nothing = np.full(points.size, np.nan)
    value, error = np.full((2, len(state.orders), points.size), np.array([[[np.nan]], [[np.inf]]]))
    value[0], error[0] = 0.0, bound
    state.replace(points, Finding(value, error, nothing, nothing), Status.BELOW_RESOLUTION)


def both_sides(state: State, ladder: Ladder, top: Array, tries: int) -> Way:
    """No window on both sides serves: each side by itself tells kinks and jumps from what is worse."""
    fresh = yield from climb(ladder.anew(top, (1, -1)), SIDES)
    fresh = fresh.take(np.flatnonzero(fresh.finite()))
    if not fresh.points.size:
        return []
    right, left = (state.analysis(fresh.window(SIDES, (side,))) for side in (1, -1))
    slopes = smooth_slopes(state, fresh, right, left)
    noisy = np.array([state.suspicious(fresh.x, side) for side in (right, left)])
    apart = right.resolved & left.resolved & (np.abs(right.value - left.value) > right.error + left.error)[0]
    rough = noisy.all(axis=0) | (apart & (noisy & ~np.isnan(slopes[::-1])).any(axis=0))
    yield from together(each(fresh, rough, lambda part, i: steeper(state, part, slopes[:, i])))
    left_over = np.flatnonzero(state.status[fresh.points] == CODE[Status.UNRESOLVED])
    fresh, right, left = fresh.take(left_over), right.take(left_over), left.take(left_over)
    if not fresh.points.size:
        return []
    rest = np.flatnonzero(_by_sides(state, fresh, right, left))
    if rest.size and tries > 1:
        yield from both_sides(state, fresh.take(rest), 1e-3 * fresh.top[rest], tries - 1)
    return []


def _by_sides(state: State, ladder: Ladder, right: Analysis, left: Analysis) -> Mask:
    """What two sides tell: slopes that meet or differ, a jump, or a power of the distance; where it is nothing yet."""
    both = right.resolved & left.resolved
    meet(state, ladder, both, left, right)
    jump = ~both & broken(ladder, left, right)
    two_slopes(state, ladder, jump, left, right, Status.JUMP)
    open_ = ~both & ~jump
    sides = [_slope_or_power(ladder, place, side) for place, side in enumerate((right, left))]
    (power, slope_right, flat_right), (_, slope_left, flat_left) = sides
    sharp = open_ & ~np.isnan(slope_left) & ~np.isnan(slope_right)
    _sharp(state, ladder.points[sharp], slope_left[sharp], slope_right[sharp], power[sharp])
    undecided = both & (state.status[ladder.points] == CODE[Status.UNRESOLVED])
    flat = (undecided | (open_ & ~sharp)) & flat_right & flat_left
    _bounded(state, ladder, flat)
    return np.asarray(open_ & ~sharp & ~flat)


def _slope_or_power(ladder: Ladder, place: int, side: Analysis) -> tuple[Array, Array, Mask]:
    """The power that f follows on a side, its slope, which may be infinite, and whether it is flatter than any line."""
    exponent, sign, straight = _power(ladder, place)
    infinite = np.where(straight & (exponent < STEEP), ladder.sides[place] * sign * np.inf, np.nan)
    return exponent, np.where(np.isnan(infinite) & side.resolved, side.value[0], infinite), straight & (exponent > FLAT)


def _sharp(state: State, points: Indices, left: Array, right: Array, power: Array) -> None:
    """Both sides have slopes, of which one at least is infinite."""
    same = left == right
    state.vertical(points[same], right[same], power[same])
    state.refuse(points[~same], Status.KINK, left[~same], right[~same])


def smooth_slopes(state: State, ladder: Ladder, right: Analysis, left: Analysis) -> Array:
    """The slopes of sides that are smooth, NaN of others; shape ``(2, n)``."""
    smooth = [side.resolved & ~state.suspicious(ladder.x, side) for side in (right, left)]
    return np.where(smooth, [right.value[0], left.value[0]], np.nan)


def bends(
    state: State,
    place: int,
    ladder: Ladder,
    _: Any,
    sizes: tuple[float, ...] = BENDS,
    before: Any = math.inf,
) -> Way:
    """The coefficients of the window stall: the derivative at ``place`` may have a kink that hides in rounding.

    From farther out each side by itself tells it well enough to compare them. A kink of a still higher derivative makes
    a gap too, which closes as the sides shrink; ``before`` is what it was at the size before.
    """
    points = ladder.points
    top = np.maximum(sizes[0] * state.step[points], least_top(ladder.x, SIDES))
    fresh = yield from climb(ladder.anew(top, (1, -1)), SIDES)
    right, left = (state.analysis(fresh.window(SIDES, (side,))) for side in (1, -1))
    gap, bar = np.abs(right.value[place] - left.value[place]), right.error[place] + left.error[place]
    blind = ~(fresh.finite() & right.resolved & left.resolved)
    blind |= (gap <= bar) & (bar > BLIND * state.error[place, points])
    last = len(sizes) == 1
    value, error = state.value[place, points], state.error[place, points]
    # the bar of a slope may have a kink in it already
    slope = state.orders[place] == 1
    beside = slope | (np.maximum(*(np.abs(side.value[place] - value) for side in (left, right))) > error)
    apart = ~blind & (gap > bar) & beside
    kink = (apart & (last | (np.isfinite(before) & (gap > 0.5 * before)))) | (blind & last & np.isfinite(before))
    if place:
        state.cover(points[kink], place, *(side.value[place][kink] for side in (left, right)))
    else:
        two_slopes(state, fresh, kink, left, right, Status.KINK)
    again = np.flatnonzero(~kink & (blind | (apart & np.isinf(before))))
    if again.size and not last:
        before = np.where(apart, gap, before)[again]
        yield from bends(state, place, ladder.take(again), again, sizes[1:], before)
    return []


def meet(state: State, ladder: Ladder, mask: Mask, left: Analysis, right: Analysis) -> None:
    """Each side is smooth by itself: the slopes differ, or they meet although higher derivatives do not."""
    gap = np.abs(right.value - left.value)
    bar = right.error + left.error
    broken_below = mask & _lower(state, ladder)
    state.refuse(ladder.points[broken_below], Status.KINK)
    mask = mask & ~broken_below
    kink = mask & (gap[0] > bar[0])
    two_slopes(state, ladder, kink, left, right, Status.KINK)
    larger = np.maximum(np.abs(left.value[0]), np.abs(right.value[0]))
    chord = np.abs(ladder.values - ladder.centre).max(axis=(0, 1)) / ladder.top
    known = bar[0] <= MEET * np.where(larger <= bar[0], chord, larger)
    middle = left._replace(value=0.5 * (right.value + left.value), error=0.5 * (bar + gap))
    state.record(ladder.points, middle, mask & ~kink & known, ladder.top)


def _lower(state: State, ladder: Ladder) -> Mask:
    """Where a derivative of lower order than the first that is wanted differs between the sides."""
    lower = tuple(range(1, state.orders[0]))
    if not lower:
        return np.zeros(ladder.points.size, dtype=bool)
    right, left = (state.analysis(ladder.window(ladder.exponents, (side,)), orders=lower) for side in (1, -1))
    return np.asarray((np.abs(right.value - left.value) > right.error + left.error).any(axis=0))


def two_slopes(state: State, ladder: Ladder, mask: Mask, left: Analysis, right: Analysis, status: Status) -> None:
    """No derivative, but slopes of the sides where they are resolved."""
    slopes = [np.where(side.resolved, side.value[0], np.nan)[mask] for side in (left, right)]
    state.refuse(ladder.points[mask], status, *slopes)


def broken(ladder: Ladder, left: Analysis, right: Analysis) -> Mask:
    """Where the values of a side do not come near f(x) with their distance, and the other side is smooth or like it."""
    right_leaps, left_leaps = leaps(ladder) & ~np.array([right.resolved, left.resolved])
    return np.asarray((right_leaps & (left_leaps | left.resolved)) | (left_leaps & (right_leaps | right.resolved)))


def leaps(ladder: Ladder) -> Mask:
    """Where the values of a side do not come near f(x) with their distance; shape ``(sides, n)``."""
    sides = [_power(ladder, place, NEAREST) for place in range(len(ladder.sides))]
    return np.array([straight & (exponent < JUMP) for exponent, _, straight in sides])


def _power(ladder: Ladder, side: int, steps: int = 0) -> tuple[Array, Array, Mask]:
    """The power of the distance that f - f(x) follows on one side, its sign, and whether it follows one.

    From the nearest steps, or from all of them.
    """
    order = np.argsort(ladder.exponents)[-steps:]
    rise = ladder.values[side, order] - ladder.centre
    size = np.log(np.abs(rise))
    away = -math.log(RATIO) * np.array(ladder.exponents, dtype=np.float64)[order][:, None]
    centred = away - away.mean()
    exponent = (centred * size).sum(axis=0) / (centred**2).sum()
    rest = np.abs(size - size.mean(axis=0) - exponent * centred).max(axis=0)
    same_sign = np.abs(np.sign(rise).sum(axis=0)) == len(order)
    return exponent, np.sign(rise[-1]), np.asarray(np.isfinite(exponent) & (rest < STRAIGHT) & same_sign)
