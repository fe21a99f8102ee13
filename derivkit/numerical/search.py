"""The search for a window in which f is resolved: which steps are tried, and when one is good enough.

A first look at seven values predicts the scale of f. A window of thirteen is built there out of the look and six more
values, judged by its plateau of noise, and moved if another size would serve much better. What is not smooth, or noisy
far above rounding, goes to the rooms `corners` and `noise`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from derivkit.numerical import corners, noise
from derivkit.numerical.ladder import RATIO, Analysis, Exponents
from derivkit.numerical.rounds import Ladder, Way, each, empty, together
from derivkit.numerical.scales import FULL, LOOK, MOVES, RESOLUTION, START, first_top, least_top, lower
from derivkit.numerical.state import STALLS, Limits, Start, State
from derivkit.numerical.status import CODE, Status
from derivkit.types import EPS, Array, Indices, Mask

REFINE: dict[int, Exponents] = {
    -8: (-8, -5, -2), -6: (-6, -4, -2), -4: (-4, -2, 1), -2: (-2, -1, 1), 0: (1, 2, 4), 1: (1, 2, 4), 2: (2, 4, 5),
    3: (4, 5, 7, 9), 4: (4, 5, 7, 8, 10), 5: (5, 7, 8, 9, 11), 6: (7, 8, 9, 10, 12), 7: (7, 8, 9, 10, 11, 13),
}  # fmt: skip
"""What is added to a look when the window is to begin at the exponent: three pairs as far as that gives a full one.
Windows larger than the look begin at every other exponent, so that fewer groups are formed."""
SPAN = 10
"""Exponents from the largest to the least step of a window."""
FEWEST_PAIRS = 6
"""A window that was not resolved is tried once more without its largest steps if it had as many pairs."""
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
VAGUE = 0.01
"""A window in which f is smooth knows higher derivatives better than to this part, unless a kink of one of them that
hides in rounding keeps it small. A choice: derivatives near 0 are looked at for nothing."""

SINGULAR = 1e-6
"""A window with one side knows higher derivatives of what is smooth there better than to this part, but not of what is
smooth but for a power of the distance, whose coefficients fall too slowly to be told from noise. Measured."""
SMALL, SMALL_IN_NOISE = 100.0, 4.0
"""A window that another point vouches for is small where a first look would be more than so many times as large, the
second where it shows nothing but rounding, as beside an entry of far larger values. Choices."""


class Search(State):
    """The ways on from what is known at every point."""

    # What was found

    def analysis(
        self, ladder: Ladder, exponents: Exponents, *, side: int = 0, orders: tuple[int, ...] | None = None
    ) -> Analysis:
        """Of a window of a ladder, on the sides that it has or on one."""
        sides = (side,) if side else ladder.sides
        return ladder.analysis(
            exponents,
            orders=orders or self.orders,
            target=self._target(ladder, exponents, len(sides)),
            hint=self.hint,
            sides=sides,
        )

    def _started(self, ladder: Ladder, exponents: Exponents) -> Start | None:
        """The measures of the window to begin with, if this is it."""
        start = self.limits.start
        return start if start is not None and ladder.first and start.window == exponents == ladder.exponents else None

    def _target(self, ladder: Ladder, exponents: Exponents, sides: int) -> float:
        """Degree at which a window with so many sides is to meet the noise."""
        start = self._started(ladder, exponents)
        usual = TARGET_EDGE if sides == 1 else TARGET if self.orders[0] == 1 else TARGET_HIGHER
        return usual if start is None else start.target

    def suspicious(self, ladder: Ladder, seen: Analysis) -> Mask:
        """Where noise is far above rounding, of the values and of the argument."""
        limit = SUSPECT * seen.floor
        if self.orders[0] == 1:
            limit = np.maximum(limit, EXPLAINED * EPS * np.abs(ladder.x * seen.value[0]))
        return np.asarray(seen.noise > limit)

    # Looking

    def begin(self, ladder: Ladder) -> Way:
        """From the first ladder to the end."""
        known = np.isfinite(ladder.centre)
        if not known.all():
            self.refuse(ladder.points[~known], Status.NOT_FINITE)
            ladder = ladder.take(np.flatnonzero(known))
        if ladder.points.size and self.limits.side:
            yield from corners.along(self, ladder)
        elif ladder.points.size:
            yield from self.looked(ladder) if ladder.exponents == LOOK else self.refine(ladder, (), 0)
            yield from self._conclude(ladder)

    def _conclude(self, ladder: Ladder) -> Way:
        """What is left: windows that end abruptly, points where f is not smooth, and noise that is everywhere."""
        points = ladder.points
        lost = self.lost(points)
        yield from together(each(ladder, lost, lambda part, _: self._rough(part)))
        still = np.asarray(noise.motionless(self, points) & np.isinf(self.ceiling[points]))
        yield from together(each(ladder, still, lambda part, _: noise.outside(self, part)))
        smooth = self.answered(points) & np.isin(self.status[points], [CODE[Status.OK], CODE[Status.MULTISCALE]])
        constant = smooth & noise.constant(self, points)
        self.doubtful[points] |= lost & constant
        abrupt = smooth & (self.reach[points] > noise.abrupt(self, points) * self.ceiling[points])
        within = abrupt | (lost & constant)
        within |= smooth & (noise.dubious(self, ladder) | noise.frozen(self, ladder))
        yield from together(each(ladder, within, lambda part, _: noise.stairs(self, part)))
        smooth &= self.answered(points)
        if self.limits.float32 and self.orders[0] == 1:
            vague = self.error[0, points] > VAGUE * np.abs(self.value[0, points])
            vague &= smooth & np.isfinite(self.ceiling[points])
            yield from together(each(ladder, vague, partial(corners.bends, self, 0, sizes=corners.HIDDEN)))
        for place in [place for place, order in enumerate(self.orders) if order > 1]:
            vague = self.error[place, points] > VAGUE * np.abs(self.value[place, points])
            limited = smooth & (vague | (self.stall[points] < STALLS))
            bent = limited | (smooth & (self.status[points] == CODE[Status.MULTISCALE]))
            bent |= vague & (self.status[points] == CODE[Status.NOISY])
            yield from together(each(ladder, bent, partial(corners.bends, self, place)))
            self.doubt(points[limited], place)
            sided = self.status[points] == CODE[Status.ONE_SIDED]
            self.doubt(
                points[sided & (self.error[place, points] > SINGULAR * np.abs(self.value[place, points]))], place
            )

    def _rough(self, ladder: Ladder) -> Way:
        """No window was resolved."""
        yield from corners.both_sides(self, ladder, 1e-3 * first_top(ladder.x), corners.TRIES)
        lost = self.lost(ladder.points)
        yield from together(each(ladder, lost, lambda part, _: noise.everywhere(self, part)))

    def look(self, ladder: Ladder, top: Array) -> Way:
        """A new ladder of another size."""
        self.moves[ladder.points] += 1
        go = np.flatnonzero(self.moves[ladder.points] <= MOVES)
        ladder, top = ladder.take(go), top[go]
        if ladder.points.size:
            top = np.maximum(top, least_top(ladder.x, LOOK))
            if self.limits.common:
                top = ladder.top * RATIO ** np.floor(np.log(top / ladder.top) / math.log(RATIO))
            fresh = yield from ladder.anew(top).extended(LOOK)
            yield from self.looked(fresh)

    def looked(self, ladder: Ladder) -> Way:
        """Predict the scale from a look, and go there."""
        finite = ladder.finite()
        ways = each(ladder, ~finite, lambda part, _: corners.cornered(self, part))
        ladder = ladder.take(np.flatnonzero(finite))
        if ladder.points.size:
            ways += self.directions(ladder)
        yield from together(ways)

    def directions(self, ladder: Ladder) -> list[Way]:
        """Where to go from a look."""
        points, top = ladder.points, ladder.top
        seen = self.analysis(ladder, LOOK)
        clean = seen.resolved & ~self.suspicious(ladder, seen)
        before, ceiling = self.error[0, points], self.ceiling[points]
        stay = np.isfinite(before) & ~(clean & (seen.error[0] <= 0.25 * before))
        self.record(ladder, seen, clean, top)
        noise.note(self, ladder, seen, top)
        self.too_large(ladder, top, ~clean & (seen.resolved | (seen.scale < 1.0)))
        stay |= clean & (seen.error[0] <= 4.0 * EPS * np.abs(seen.value[0]))
        # nothing to be seen here, and something not far above
        empty_here = seen.flat & np.isfinite(ceiling) & (ceiling > 100.0 * top)
        stay |= empty_here
        between = np.sqrt(top * ceiling)
        ways = each(ladder, empty_here, lambda part, which: self.look(part, between[which]))
        shift = _shift(seen.scale, -9, 8)
        shift += shift % 2 * (shift < 0)
        shift = np.maximum(shift, _shift(0.6 * self.ceiling[points] / top, -9, 1))
        for k in _values(shift[~stay]):
            which = np.flatnonzero((shift == k) & ~stay)
            part = ladder.take(which)
            if k in REFINE:
                ways.append(self.refine(part, REFINE[k], min(k, 0) if k < 2 else k))
            elif k == -7:
                ways.append(self.refine(part, REFINE[-6], -6))
            elif k in (-5, -3, -1):
                ways.append(self.refine(part, REFINE[k + 1], k + 1))
            elif k < 0:
                new = self.higher(part, seen.scale[which])
                go = clean[which] & (new > 1.5 * part.top)
                ways += each(part, go, lambda inner, at, new=new: self.look(inner, new[at]))  # type: ignore[misc]
                ways += each(part, ~go, lambda inner, _: self.refine(inner, REFINE[-8], -8))
            else:
                ways.append(self.look(part, lower(part.x, part.top, 0.7 * seen.scale[which])))
        return ways

    def higher(self, ladder: Ladder, scale: Array) -> Array:
        """The top of a much larger ladder: |x| is often a scale of f, and so is 1 where |x| is less."""
        size, ceiling = np.abs(ladder.x), self.ceiling[ladder.points]
        top = 1.4 * ladder.top * np.minimum(scale, 4096.0)
        free = np.isinf(ceiling)
        top = np.where(free & (size > 4.0 * top), START * size, top)
        top = np.where(free & (size <= 1.0) & (top < START), START, top)
        return np.minimum(top, 0.5 * ceiling)

    # Windows

    def refine(self, ladder: Ladder, exponents: Sequence[int], top: int) -> Way:
        """Take further steps, and judge the window that begins with an exponent."""
        ladder = yield from ladder.extended(exponents)
        finite = ladder.finite()
        ways = each(ladder, ~finite, lambda part, _: corners.cornered(self, part))
        ladder = ladder.take(np.flatnonzero(finite))
        if ladder.points.size:
            ways += self.judged(ladder, top)
        yield from together(ways)

    def judged(self, ladder: Ladder, top: int) -> list[Way]:
        """Whether a window is good enough, and where to go if not."""
        points = ladder.points
        exponents = tuple(sorted(k for k in ladder.exponents if top <= k <= top + SPAN))
        seen, size = self.analysis(ladder, exponents), ladder.size(top)
        if len(exponents) >= FEWEST_PAIRS and not seen.resolved.all():
            size = self._without_largest(ladder, exponents[1:], seen, size)
        suspicious = seen.resolved & self.suspicious(ladder, seen)
        small = self._small(ladder, exponents, seen, size) & ~suspicious
        clean, lost = seen.resolved & ~suspicious & ~small, ~seen.resolved
        before = self.error[0, points]
        self.record(ladder, seen, clean, size)
        noise.note(self, ladder, seen, size)
        self.too_large(ladder, size, lost)
        sacrifice = (self._started(ladder, exponents) or self.limits).sacrifice
        settled = seen.error[0] <= 8.0 * EPS * np.abs(seen.value[0])
        settled |= np.isfinite(before) & (seen.error[0] > 0.25 * before)
        wanting = (seen.gain > sacrifice) & (size * sacrifice < 0.5 * self.ceiling[points])
        wanting |= seen.gain < 1.0 / sacrifice
        on = clean & ~settled & wanting & (self.moves[points] < MOVES)
        return [
            *each(ladder, small, lambda part, _: self.look(part, first_top(part.x))),
            *each(ladder, on, lambda part, which: self._move(part, seen.scale[which], top)),
            *each(ladder, suspicious, lambda part, which: noise.verify(self, part, seen.take(which), top)),
            *each(ladder, lost, lambda part, which: self.shrink(part, seen.scale[which], top)),
        ]

    def _small(self, ladder: Ladder, exponents: Exponents, seen: Analysis, size: Array) -> Mask:
        """Where the window to begin with tells next to nothing of f and is far smaller than a first look."""
        if self._started(ladder, exponents) is None:
            return np.zeros(size.shape, dtype=bool)
        vague = seen.error[0] > VAGUE * np.abs(seen.value[0])
        ahead = np.where((seen.first == 1) & ~seen.flat, SMALL_IN_NOISE, SMALL)
        return np.asarray(seen.resolved & vague & (ahead * size < first_top(ladder.x)))

    def _without_largest(self, ladder: Ladder, exponents: Exponents, seen: Analysis, size: Array) -> Array:
        """Where a window is not resolved, it may be without its largest steps; changes ``seen``, gives the size."""
        lost = np.flatnonzero(~seen.resolved)
        part = ladder.take(lost)
        inner = self.analysis(part, exponents)
        better = inner.resolved & ~self.suspicious(part, inner)
        self.too_large(part, size[lost], np.ones(lost.size, dtype=bool))
        chosen = lost[better]
        for whole, smaller in zip(seen, inner, strict=True):
            whole[..., chosen] = smaller[..., better]
        seen.gain[chosen] = np.maximum(seen.gain[chosen], 1.0 / self.limits.sacrifice)
        size = size.copy()
        size[chosen] = part.size(exponents[0])[better]
        return size

    def _move(self, ladder: Ladder, scale: Array, top: int) -> Way:
        """A window of another size, near the one before."""
        self.moves[ladder.points] += 1
        shift = _shift(scale, -7, 7)
        ways: list[Way] = []
        for k in _values(shift):
            which = np.flatnonzero(shift == k)
            part, to = ladder.take(which), top + k
            if abs(k) == 7:
                ways.append(self.look(part, part.size(top) * scale[which]))
            elif k < 0:
                ways.append(self.refine(part, (to, to - k // 2) if k <= -4 else (to,), to))
            else:
                ways.append(self.refine(part, tuple(to + j for j in FULL), to))
        yield from together(ways)

    def shrink(self, ladder: Ladder, scale: Array, top: int) -> Way:
        """No window was resolved: a smaller one."""
        go = np.flatnonzero(~self.answered(ladder.points) & (self.moves[ladder.points] < MOVES))
        ladder, scale = ladder.take(go), scale[go]
        size, shift = ladder.size(top), np.maximum(_shift(scale, 0, 6), 1)
        near = shift <= 5
        ways = each(ladder, ~near, lambda part, which: self.look(part, lower(part.x, size[which], scale[which])))
        for k in _values(shift[near]):
            part, to = ladder.take(np.flatnonzero(shift == k)), top + k
            self.moves[part.points] += 1
            have = [j for j in part.exponents if to <= j <= to + 8]
            new = [j for j in (to, to + 2, to + 1, to + 3, to + 4, to + 6, to + 5) if j not in have]
            ways.append(self.refine(part, new[: max(0, FEWEST_PAIRS - len(have))], to))
        yield from together(ways)


def first_ladder(x: Array, limits: Limits, scale: Array, known: Array) -> tuple[Ladder, Exponents]:
    """The first ladder around points, without values, and the steps to be taken.

    ``scale`` is the scale of f and ``known`` the largest step of the window that is wanted, NaN where nobody knows.
    Near an end of the domain the steps end there, but for a point so near that it has one side only.
    """
    points = np.arange(x.size)
    top = usual_top(x, scale)
    if limits.side:
        return empty(points, x, x, top, (limits.side,), first=True, narrow=limits.narrow), corners.EDGE
    steps = LOOK
    if np.all(np.isfinite(known)):
        top, steps = known, limits.start.window if limits.start else FULL
    return empty(points, x, x, top_within(x, limits, top), first=True, narrow=limits.narrow), steps


def top_within(x: Array, limits: Limits, top: Array) -> Array:
    """A largest step no larger than the domain allows, but of points so near its end that they have one side only."""
    room = np.minimum(x - limits.lo, limits.hi - x)
    two_sided = room > 16.0 * RESOLUTION * np.spacing(np.abs(x))
    return np.where(two_sided, np.minimum(top, 0.9 * room), top)


def usual_top(x: Array, scale: Array) -> Array:
    """The largest step of the first look at points, some of which have a scale of f that is known."""
    return np.where(np.isnan(scale), first_top(x), START * scale)


def _shift(scale: Array, least: int, most: int) -> Indices:
    """By how many exponents a factor moves the top."""
    shift = np.rint(np.log(scale) * (-1.0 / math.log(RATIO)))
    return np.asarray(np.fmax(np.fmin(shift, most), least), dtype=np.intp)


def _values(shift: Indices) -> list[int]:
    """Which whole numbers there are, in rising order; there are few, so that counting them is quick."""
    if not shift.size:
        return []
    least = int(shift.min())
    return (np.flatnonzero(np.bincount(shift - least)) + least).tolist()
