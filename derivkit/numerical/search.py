"""The search for a window in which f is resolved: which steps are tried, and what is concluded when none serves.

Points that need the same steps go on together; where they differ, a group is split, and its parts advance in step. Every
part is a generator that yields what it wants to know of f and is sent the values, so that a round of all of them is one
call of f however many ways they went, and each way still reads from its first line to its last.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from derivkit.numerical.ladder import EPS, RATIO, TWIST, Analysis, Array, Exponents, Indices, Mask, analyse, window


class Status(StrEnum):
    """What became of a derivative."""

    OK = "ok"
    ONE_SIDED = "one_sided"
    NOISY = "noisy"
    MULTISCALE = "multiscale"
    BELOW_RESOLUTION = "below_resolution"
    KINK = "kink"
    JUMP = "jump"
    VERTICAL = "vertical"
    UNRESOLVED = "unresolved"
    NOT_FINITE = "not_finite"


class Request(NamedTuple):
    """Where f is wanted: abscissas of shape ``(k, n)``, whose columns belong to the points ``(n,)``, all different.

    ``new`` says that none of them can have been asked before.
    """

    points: Indices
    x: Array
    new: bool = False


Way = Generator[list[Request], list[Array], None]
"""Asks for values until all of its points are done with."""


class Limits(NamedTuple):
    """What a search may do.

    Attributes
    ----------
    lo, hi : float
        Where f may be asked.
    side : int
        1 or -1 for the derivative of one side, 0 for that of both.
    sacrifice : float
        By what factor the error may be above that of the best window.
    """

    lo: float = -math.inf
    hi: float = math.inf
    side: int = 0
    sacrifice: float = 8.0


START = 0.05
"""Largest step of the first look, where |x| <= 1; most functions are best served by 1 to 20 times as much."""
NATURAL = 0.11
"""Largest step of a ladder at the scale of |x|."""
LOOK: Exponents = (0, 3, 6)
"""A first look takes seven values, from which the scale is predicted."""
PLAIN: Exponents = (0, 2, 4, 6, 8, 10)
"""A ladder over a wide range of steps."""
FULL: Exponents = (0, 1, 2, 3, 4, 6)
"""A window at its best: the larger steps lie closer, as they carry the derivative."""
REFINE: dict[int, Exponents] = {
    -8: (-8, -5, -2), -7: (-7, -5, -2), -6: (-6, -4, -2), -5: (-5, -3, -1), -4: (-4, -2, 1), -3: (-3, -2, 1),
    -2: (-2, -1, 1), -1: (-1, 1, 2), 0: (1, 2, 4), 1: (1, 2, 4), 2: (2, 4, 5), 3: (4, 5, 7, 9),
    4: (4, 5, 7, 8, 10), 5: (5, 7, 8, 9, 11), 6: (7, 8, 9, 10, 12), 7: (7, 8, 9, 10, 11, 13),
}  # fmt: skip
"""What is added to a look when the window is to begin at the exponent: three pairs as far as that gives a full one."""
SPAN = 10
"""Exponents from the largest to the least step of a window."""
FEWEST_PAIRS = 6
"""A window that was not resolved is tried once more without its largest steps if it had as many pairs."""
EDGE: Exponents = (0, 1, 2, 3, 4, 5, 7, 9)
"""Steps of a window with one side."""

EDGE_MOVES = 4
MEET = 1e-2
"""The slopes of two sides meet if both are known to this part."""
SIDES: Exponents = (0, 1, 2, 3, 4, 6, 8, 10)
"""Steps by which each side is looked at by itself."""

TARGET = 9.0
"""Degree at which a window of 13 values is to meet the noise; found by tuning, as EDGE_TARGET: later degrees need fewer values, earlier ones leave more of a plateau to measure."""
EDGE_TARGET = 6.0
SUSPECT = 1e4
"""Noise so many times above rounding is looked at again at smaller scales before it is believed."""
EXPLAINED = 8.0
"""Unless it is no larger than so many times what rounding of the argument does to f: eps |x f'(x)|."""
VERIFY = 14
"""Exponents from a noisy window down to the one that checks it."""
TRUSTED = 0.02
"""A noisy window that knows the derivative to this part of it contradicts a smaller one."""
FINEST = 2.0**-26
"""From a noisy window to the smallest look at it."""
SAME_LEVEL = 0.05
"""Noise stays above this part of itself at any scale."""
ABRUPT = 10.0
"""A window whose coefficients promise that it may reach so far beyond one that is too large ends at a corner of f."""
STEPS = 5
"""Values on each side in a look for that corner."""
STEEP = 6.0
"""A jump is so many times steeper, between the last two values, than f is farther on."""
STRAY = 30.0
"""f has left a window where it is so many times its noise away from the straight line."""
SPREAD = 30.0
"""Noise that is there in windows of sizes so far apart is believed although nothing else was seen in them."""
MANY = 8
"""Coefficients of noise in a window whose estimate is used."""
MOVES = 6
"""Windows that are tried beyond the first."""
RESOLUTION = 2.0**10
"""Least step in units of the spacing of floats at x."""


@dataclass(frozen=True, eq=False)
class Ladder:
    """Values of f at the steps of a ladder, for points that have the same ones.

    Attributes
    ----------
    points : ndarray of int, shape ``(n,)``
    x, centre, top : ndarray, shape ``(n,)``
        Where, f there, and the step of exponent 0.
    sides : tuple of int
        1 for x + t, -1 for x - t.
    exponents : tuple of int
        Of the k steps, in the order in which they were taken.
    values, moved : ndarray, shape ``(sides, k, n)``
        f at the steps, and by how much rounding moved these.
    first : bool
        Whether no other ladder of these points was before it.
    """

    points: Indices
    x: Array
    centre: Array
    top: Array
    sides: tuple[int, ...]
    exponents: Exponents
    values: Array
    moved: Array
    first: bool = False

    @classmethod
    def empty(  # noqa: PLR0913 -- the fields of a ladder that has no values yet
        cls,
        points: Indices,
        x: Array,
        centre: Array,
        top: Array,
        sides: tuple[int, ...] = (1, -1),
        *,
        first: bool = False,
    ) -> Ladder:
        """One without steps."""
        nothing = np.empty((len(sides), 0, x.size))
        return cls(points, x, centre, top, sides, (), nothing, nothing, first)

    def take(self, which: Indices) -> Ladder:
        """Some of its points."""
        if which.size == self.points.size:
            return self
        return Ladder(
            self.points[which],
            self.x[which],
            self.centre[which],
            self.top[which],
            self.sides,
            self.exponents,
            self.values[..., which],
            self.moved[..., which],
            self.first,
        )

    def abscissas(self, exponents: Exponents) -> tuple[Array, Array]:
        """Where f is asked, shape ``(sides * k, n)``, and by how much rounding moved that."""
        steps = np.array([[RATIO**-k] for k in exponents]) * self.top
        signed = np.concatenate([steps if side > 0 else -steps * TWIST for side in self.sides])
        x = self.x + signed
        return x, (x - self.x) - signed

    def joined(self, exponents: Exponents, values: Array, moved: Array) -> Ladder:
        """With further steps."""
        shape = (len(self.sides), len(exponents), self.x.size)
        return Ladder(
            self.points,
            self.x,
            self.centre,
            self.top,
            self.sides,
            self.exponents + tuple(exponents),
            np.concatenate([self.values, values.reshape(shape)], axis=1),
            np.concatenate([self.moved, moved.reshape(shape)], axis=1),
            self.first,
        )

    def finite(self) -> Mask:
        """Where all values are finite, shape ``(n,)``."""
        return np.asarray(np.isfinite(self.values.sum(axis=(0, 1))))

    def analysis(self, exponents: Exponents, search: Search, *, sides: tuple[int, ...] | None = None) -> Analysis:
        """Of the window of these steps."""
        chosen = sides or self.sides
        pick: Any = ...
        if len(exponents) == len(self.exponents) and chosen == self.sides:
            exponents = self.exponents  # all as they are, so that nothing is copied
        else:
            columns = [self.exponents.index(k) for k in exponents]
            pick = np.ix_([self.sides.index(side) for side in chosen], columns)
        shape = (len(chosen) * len(exponents), self.x.size)
        largest = min(exponents)
        return analyse(
            window(tuple([k - largest for k in exponents]), chosen),
            self.values[pick].reshape(shape),
            self.centre,
            self.top * RATIO**-largest,
            moved=self.moved[pick].reshape(shape),
            orders=search.orders,
            target=TARGET if len(chosen) == 2 else EDGE_TARGET,
            hint=None if search.hint is None else search.hint[self.points],
        )


def together(ways: Iterable[Way]) -> Way:
    """Advance several ways in step: what they ask for in a round is asked at once."""
    live = [(way, requests) for way in ways for requests in _next(way, None)]
    while live:
        answers = yield [request for _, requests in live for request in requests]
        ends = np.cumsum([0, *(len(requests) for _, requests in live)])
        live = [
            (way, following)
            for (way, _), start, end in zip(live, ends, ends[1:], strict=False)
            for following in _next(way, answers[start:end])
        ]


def _next(way: Way, answers: list[Array] | None) -> list[list[Request]]:
    """What a way asks for next; nothing if it has ended."""
    try:
        return [next(way) if answers is None else way.send(answers)]
    except StopIteration:
        return []


STATUSES = tuple(Status)
CODE = {status: np.int8(code) for code, status in enumerate(STATUSES)}


class Search:
    """What was found so far at every point, and the ways on.

    Attributes
    ----------
    value, error : ndarray, shape ``(orders, n)``
        The best so far.
    noise, step, reach : ndarray, shape ``(n,)``
        Of the window that it came from: noise of f, largest step, and how large it promises that it may be.
    status : ndarray of int8
        Index into STATUSES.
    left, right : ndarray, shape ``(n,)``
        One-sided derivatives where they differ.
    ceiling : ndarray, shape ``(n,)``
        The smallest window that was too large.
    """

    def __init__(self, x: Array, orders: tuple[int, ...], limits: Limits, hint: Array | None = None) -> None:
        n = x.size
        self.x, self.orders, self.limits, self.hint = x, orders, limits, hint
        self.value, self.error = np.full((len(orders), n), np.nan), np.full((len(orders), n), np.inf)
        self.noise, self.step, self.reach = (np.full(n, np.nan) for _ in range(3))
        self.status = np.full(n, CODE[Status.UNRESOLVED])
        self.left, self.right = np.full(n, np.nan), np.full(n, np.nan)
        self.ceiling = np.full(n, np.inf)
        self.moves = np.zeros(n, dtype=np.intp)
        self.coarse, self.coarse_error = np.full((len(orders), n), np.nan), np.full((len(orders), n), np.inf)
        self.coarse_noise, self.coarse_step = np.full(n, np.nan), np.full(n, np.nan)
        self.confirmed, self.doubtful = np.zeros((2, n), dtype=bool)
        self.heavy, self.heavy_error = np.full((len(orders), n), np.nan), np.full((len(orders), n), np.inf)
        self.widest, self.narrowest, self.exponent = (np.full(n, np.nan) for _ in range(3))
        self.level = np.full((2, n), np.nan)

    # Looking

    def begin(self, ladder: Ladder) -> Way:
        """From the first ladder to the end."""
        known = np.isfinite(ladder.centre)
        self.status[ladder.points[~known]] = CODE[Status.NOT_FINITE]
        ladder = ladder.take(np.flatnonzero(known))
        if not ladder.points.size:
            return
        if self.limits.side:
            yield from self._along(ladder, EDGE_MOVES)
            return
        yield from self._looked(ladder)
        yield from self._conclude(ladder)

    def _conclude(self, ladder: Ladder) -> Way:
        """What is left: windows that end abruptly, noise that was everywhere, and points where f is not smooth."""
        points = ladder.points
        found = np.isfinite(self.error[0, points])
        far = np.where(self.doubtful[points], 0.3, ABRUPT) * self.ceiling[points]
        abrupt = found & (self.reach[points] > far) & (self.status[points] != CODE[Status.NOISY])
        lost = ~found & (self.status[points] == CODE[Status.UNRESOLVED])
        yield from together(
            [
                *self._each(ladder, abrupt, lambda p, i: self._stairs(p)),
                *self._each(ladder, lost, lambda p, i: self._rough(p)),
            ]
        )

    def _rough(self, ladder: Ladder) -> Way:
        """No window was resolved."""
        yield from self._both_sides(ladder, 1e-3 * first_top(ladder.x), 3)
        points = ladder.points
        open_ = (self.status[points] == CODE[Status.UNRESOLVED]) & ~np.isfinite(self.error[0, points])
        noisy = points[open_ & np.isfinite(self.coarse_error[0, points])]
        self._as_noisy(noisy)
        points = ladder.points[self.status[ladder.points] == CODE[Status.UNRESOLVED]]
        points = points[~np.isfinite(self.error[0, points]) & np.isfinite(self.heavy_error[0, points])]
        far = self.widest[points] > SPREAD * self.narrowest[points]
        chosen = points[far & (self.level[1, points] < 4.0 * self.level[0, points])]
        self.value[:, chosen], self.error[:, chosen] = self.heavy[:, chosen], 2.0 * self.heavy_error[:, chosen]
        self.noise[chosen], self.status[chosen] = self.level[1, chosen], CODE[Status.NOISY]

    def _stairs(self, ladder: Ladder) -> Way:
        """The best window would reach far, but f leaves it soon: by jumps on both sides, f is a staircase.

        What f does beyond the window is taken from steps between its end and one that was too large.
        """
        points = ladder.points
        step, ceiling = self.step[points], self.ceiling[points]
        reach = np.where(self.doubtful[points] & np.isfinite(self.reach[points]), 10.0 * self.reach[points], 0.0)
        inner, outer = (np.tile(end, (2, 1)) for end in (step, np.maximum(np.maximum(ceiling, 2.0 * step), reach)))
        sign = np.array([[1.0], [-1.0]])
        share = (np.arange(1, STEPS + 1) / STEPS)[:, None, None]
        far, farthest = outer, outer
        least = stray = np.zeros_like(inner)
        for turn in range(3):
            t = inner * (outer / inner) ** share if turn == 0 else inner + share * (outer - inner)
            x = ladder.x + sign * t
            (values,) = yield [Request(points, x.reshape(2 * STEPS, -1))]
            rest = np.abs(values.reshape(t.shape) - ladder.centre - self.value[0, points] * (x - ladder.x))
            if turn == 0:
                largest = np.fmax.reduce(np.abs(values), axis=0)
                least = STRAY * np.tile(self.noise[points] + EPS * np.maximum(largest, np.abs(ladder.centre)), (2, 1))
                stray = np.maximum(least, 0.01 * np.fmax.reduce(rest, axis=0))
                far, farthest = rest[-1], t[-1]
            left = ~(rest <= stray)
            left[-1] = True
            at = np.argmax(left, axis=0)[None]
            outer = np.take_along_axis(t, at, axis=0)[0]
            inner = np.where(at[0] > 0, np.take_along_axis(t, np.maximum(at - 1, 0), axis=0)[0], inner)
            height = np.take_along_axis(rest, at, axis=0)[0]
            stray = np.maximum(stray, 0.1 * height)
        # from a kink on f leaves the straight line at some slope, at a jump it leaves it at once
        jumps = (height > least) & (height / (outer - inner) > STEEP * far / (farthest - inner)) & np.isfinite(height)
        flat = jumps.any(axis=0) & (self.value[0, points] == 0.0) & np.isinf(self.reach[points])
        self.status[points[flat]] = CODE[Status.MULTISCALE]
        bar = np.where(jumps, height / outer, 0.0).max(axis=0)
        self.error[0, points[flat]] = np.maximum(self.error[0, points], bar)[flat]
        both = jumps.all(axis=0) & (outer.max(axis=0) < 30.0 * outer.min(axis=0))
        which = np.flatnonzero(both)
        if not which.size:
            return
        part = ladder.take(which)
        self.confirmed[part.points] = True
        wide = Ladder.empty(part.points, part.x, part.centre, 30.0 * outer.max(axis=0)[which])
        wide = yield from self._extended(wide, FULL)
        wide = wide.take(np.flatnonzero(wide.finite()))
        if wide.points.size:
            there = wide.analysis(FULL, self)
            self.moves[wide.points] = 0
            self._remember(wide, there, wide.top)
            yield from self._enlarge(wide, there, wide.top)

    def _whiteness(self, ladder: Ladder, found: Analysis, size: Array) -> None:
        """Keep in mind windows in which only noise was seen, from the widest to the narrowest."""
        which = np.flatnonzero(found.white & ~found.resolved)
        if not which.size:
            return
        points, noise, top = ladder.points[which], found.noise[which], size[which]
        self.widest[points] = np.fmax(self.widest[points], top)
        self.narrowest[points] = np.fmin(self.narrowest[points], top)
        self.level[0, points] = np.fmin(self.level[0, points], noise)
        self.level[1, points] = np.fmax(self.level[1, points], noise)
        better = (found.error[0, which] < self.heavy_error[0, points]) & (found.count[which] >= MANY)
        chosen = points[better]
        self.heavy[:, chosen], self.heavy_error[:, chosen] = found.value[:, which[better]], found.error[:, which[better]]

    def _extended(self, ladder: Ladder, exponents: Sequence[int]) -> Generator[list[Request], list[Array], Ladder]:
        new = tuple(k for k in exponents if k not in ladder.exponents)
        if not new:
            return ladder
        x, moved = ladder.abscissas(new)
        (values,) = yield [Request(ladder.points, x, new=ladder.first)]
        return ladder.joined(new, values, moved)

    def _look(self, ladder: Ladder, top: Array) -> Way:
        """A new ladder of another size."""
        self.moves[ladder.points] += 1
        go = self.moves[ladder.points] <= MOVES
        ladder, top = ladder.take(np.flatnonzero(go)), top[go]
        if not ladder.points.size:
            return
        least = RESOLUTION * np.spacing(np.abs(ladder.x)) * RATIO ** LOOK[-1]
        fresh = Ladder.empty(ladder.points, ladder.x, ladder.centre, np.maximum(top, least))
        fresh = yield from self._extended(fresh, LOOK)
        yield from self._looked(fresh)

    def _looked(self, ladder: Ladder) -> Way:
        """Predict the scale from a look, and go there."""
        ways = []
        finite = ladder.finite()
        if not finite.all():
            ways.append(self._cornered(ladder.take(np.flatnonzero(~finite))))
            ladder = ladder.take(np.flatnonzero(finite))
        if ladder.points.size:
            ways += self._directions(ladder)
        yield from together(ways)

    def _directions(self, ladder: Ladder) -> list[Way]:
        points = ladder.points
        found = ladder.analysis(LOOK, self)
        clean = found.resolved & ~self._suspicious(ladder, found)
        before = self.error[0, points]
        stalled = np.isfinite(before) & ~(clean & (found.error[0] <= 0.25 * before))
        self._record(ladder, found, clean, ladder.top)
        self._whiteness(ladder, found, ladder.top)
        large = ~clean & (found.resolved | (found.scale < 1.0))
        self._too_large(ladder.take(np.flatnonzero(large)), ladder.top[large])
        exact = clean & (found.error[0] <= 4.0 * EPS * np.abs(found.value[0]))
        shift = _shift(found.scale, -9, 8)
        shift += shift % 2 * (shift < 0)
        hollow = found.flat & np.isfinite(self.ceiling[points]) & (self.ceiling[points] > 100.0 * ladder.top)
        stalled |= hollow
        shift = np.maximum(shift, _shift(0.6 * self.ceiling[points] / ladder.top, -9, 1))
        between = np.sqrt(ladder.top * self.ceiling[points])
        ways = self._each(ladder, hollow, lambda p, i: self._look(p, between[i]))
        for k in np.unique(shift[~(exact | stalled)]):
            which = np.flatnonzero((shift == k) & ~(exact | stalled))
            part = ladder.take(which)
            if k in REFINE:
                ways.append(self._refine(part, REFINE[int(k)], min(int(k), 0) if k < 2 else int(k)))
            elif k < 0:
                top = self._higher(part, found.scale[which])
                go = clean[which] & (top > 1.5 * part.top)
                ways += self._each(part, go, lambda p, i, top=top: self._look(p, top[i]))
                ways += self._each(part, ~go, lambda p, i: self._refine(p, REFINE[-8], -8))
            else:
                ways.append(self._look(part, _lower(part, part.top, 0.7 * found.scale[which])))
        return ways

    def _each(self, ladder: Ladder, mask: Mask, way: Any) -> list[Way]:
        which = np.flatnonzero(mask)
        return [way(ladder.take(which), which)] if which.size else []

    def _higher(self, ladder: Ladder, scale: Array) -> Array:
        """The top of a much larger ladder: |x| is often a scale of f, and so is 1 where |x| is less."""
        size = np.abs(ladder.x)
        top = 1.4 * ladder.top * np.minimum(scale, 4096.0)
        free = np.isinf(self.ceiling[ladder.points])
        top = np.where(free & (size > 4.0 * top), START * size, top)
        top = np.where(free & (size <= 1.0) & (top < START), START, top)
        return np.minimum(top, 0.5 * self.ceiling[ladder.points])

    def _too_large(self, ladder: Ladder, top: Array) -> None:
        self.ceiling[ladder.points] = np.minimum(self.ceiling[ladder.points], top)

    # Windows

    def _refine(self, ladder: Ladder, exponents: Sequence[int], top: int) -> Way:
        """Take further steps, and judge the window that begins with an exponent."""
        ladder = yield from self._extended(ladder, exponents)
        ways = []
        finite = ladder.finite()
        if not finite.all():
            ways.append(self._cornered(ladder.take(np.flatnonzero(~finite))))
            ladder = ladder.take(np.flatnonzero(finite))
        if ladder.points.size:
            ways += self._judged(ladder, top)
        yield from together(ways)

    def _judged(self, ladder: Ladder, top: int) -> list[Way]:
        points = ladder.points
        exponents = sorted(k for k in ladder.exponents if top <= k <= top + SPAN)
        found = ladder.analysis(tuple(exponents), self)
        size = ladder.top * RATIO**-top
        if not found.resolved.all() and len(exponents) >= FEWEST_PAIRS:
            size = self._without_largest(ladder, tuple(exponents[1:]), found, size)
        suspicious = found.resolved & self._suspicious(ladder, found)
        clean = found.resolved & ~suspicious
        before = self.error[0, points]
        self._record(ladder, found, clean, size)
        self._whiteness(ladder, found, size)
        exact = found.error[0] <= 8.0 * EPS * np.abs(found.value[0])
        settled = exact | (np.isfinite(before) & (found.error[0] > 0.25 * before))
        wanting = (found.gain > self.limits.sacrifice) & (size * self.limits.sacrifice < 0.5 * self.ceiling[points])
        wanting |= found.gain < 1.0 / self.limits.sacrifice
        on = clean & ~settled & wanting & (self.moves[points] < MOVES)
        lost = ~found.resolved
        self._too_large(ladder.take(np.flatnonzero(lost)), size[lost])
        return [
            *self._each(ladder, on, lambda p, i: self._move(p, found.scale[i], top)),
            *self._each(ladder, suspicious, lambda p, i: self._verify(p, found.take(i), top)),
            *self._each(ladder, lost, lambda p, i: self._shrink(p, found.scale[i], top)),
        ]

    def _without_largest(self, ladder: Ladder, exponents: Exponents, found: Analysis, size: Array) -> Array:
        """Where a window is not resolved, it may be without its largest steps; changes ``found``, gives the size."""
        lost = np.flatnonzero(~found.resolved)
        part = ladder.take(lost)
        inner = part.analysis(exponents, self)
        better = inner.resolved & ~self._suspicious(part, inner)
        self._too_large(part, size[lost])
        chosen = lost[better]
        for whole, smaller in zip(found, inner, strict=True):
            whole[..., chosen] = smaller[..., better]
        found.gain[chosen] = np.maximum(found.gain[chosen], 1.0 / self.limits.sacrifice)
        size = size.copy()
        size[chosen] = part.top[better] * RATIO ** -exponents[0]
        return size

    def _suspicious(self, ladder: Ladder, found: Analysis) -> Mask:
        """Where noise is far above rounding, of the values and of the argument."""
        argument = EXPLAINED * EPS * np.abs(ladder.x * found.value[0]) if self.orders[0] == 1 else 0.0
        return np.asarray(found.noise > np.maximum(SUSPECT * found.floor, argument))

    def _record(self, ladder: Ladder, found: Analysis, clean: Mask, size: Array) -> None:
        """Keep what is better than before; where both contradict each other, the bar must cover that."""
        which = np.flatnonzero(clean & ~self._hollow(ladder, found))
        if not which.size:
            return
        points = ladder.points[which]
        value, error = found.value[:, which], found.error[:, which]
        before, bar = self.value[:, points], self.error[:, points]
        better = error < bar
        away = np.abs(value - before)
        error = np.where(np.isfinite(bar) & (away > error + bar), np.maximum(error, away - bar), error)
        self.value[:, points] = np.where(better, value, before)
        self.error[:, points] = np.where(better, error, bar)
        first = better[0]
        self.noise[points[first]] = found.noise[which[first]]
        self.step[points[first]] = size[which[first]]

        self.reach[points[first]] = np.where(found.flat, np.inf, found.scale * size)[which[first]]
        self.status[points] = CODE[Status.OK]

    def _move(self, ladder: Ladder, scale: Array, top: int) -> Way:
        """A window of another size, near the one before."""
        self.moves[ladder.points] += 1
        shift = _shift(scale, -7, 7)
        ways: list[Way] = []
        for k in np.unique(shift):
            which = np.flatnonzero(shift == k)
            part, to = ladder.take(which), top + int(k)
            if abs(k) == 7:
                ways.append(self._look(part, part.top * RATIO**-top * scale[which]))
            else:
                between = (to, to - int(k) // 2) if k <= -4 else (to,)
                ways.append(self._refine(part, between if k < 0 else tuple(to + j for j in FULL), to))
        yield from together(ways)

    def _shrink(self, ladder: Ladder, scale: Array, top: int) -> Way:
        """No window was resolved: a smaller one."""
        go = np.flatnonzero(~np.isfinite(self.error[0, ladder.points]))
        ladder, scale = ladder.take(go), scale[go]
        size = ladder.top * RATIO**-top
        shift = np.maximum(_shift(scale, 0, 6), 1)
        near = shift <= 5
        ways = self._each(ladder, ~near, lambda p, i: self._look(p, _lower(p, size[i], scale[i])))
        for k in np.unique(shift[near]):
            part, to = ladder.take(np.flatnonzero(shift == k)), top + int(k)
            self.moves[part.points] += 1
            have = [j for j in part.exponents if to <= j <= to + 8]
            new = [j for j in (to, to + 2, to + 1, to + 3, to + 4, to + 6, to + 5) if j not in have]
            ways.append(self._refine(part, new[: max(0, FEWEST_PAIRS - len(have))], to))
        yield from together(ways)

    # Noise

    def _verify(self, ladder: Ladder, found: Analysis, top: int) -> Way:
        """A window is far noisier than rounding: look at smaller ones before that is believed."""
        points = ladder.points
        size = ladder.top * RATIO**-top
        self._remember(ladder, found, size)
        self.moves[points] += 1
        known = self.confirmed[points]
        natural = NATURAL * np.abs(ladder.x)
        fine = size * RATIO**-VERIFY
        fine = np.where((natural > 0.0) & (natural < fine) & (natural > 1e-6 * size), natural, fine)
        yield from together(
            [
                *self._each(ladder, known, lambda p, i: self._enlarge(p, found.take(i), size[i])),
                *self._each(ladder, ~known, lambda p, i: self._check(p, found.take(i), size[i], fine[i])),
            ]
        )

    def _remember(self, ladder: Ladder, found: Analysis, size: Array) -> None:
        """Keep a noisy window aside, if it is better than the one before."""
        points = ladder.points
        better = found.error[0] < self.coarse_error[0, points]
        chosen = points[better]
        self.coarse[:, chosen], self.coarse_error[:, chosen] = found.value[:, better], found.error[:, better]
        self.coarse_noise[chosen], self.coarse_step[chosen] = found.noise[better], size[better]

    def _check(self, ladder: Ladder, found: Analysis, size: Array, fine: Array) -> Way:
        """A smaller window: is it noisy too?"""
        least = RESOLUTION * np.spacing(np.abs(ladder.x)) * RATIO ** PLAIN[-1]
        below = Ladder.empty(ladder.points, ladder.x, ladder.centre, np.maximum(fine, least))
        below = yield from self._extended(below, PLAIN)
        there = below.analysis(PLAIN, self)
        clean = below.finite() & there.resolved & ~self._suspicious(below, there) & ~self._hollow(below, there)
        right, left = (below.analysis(PLAIN, self, sides=(side,)) for side in (1, -1))
        corner = ~clean & below.finite() & (there.noise < SAME_LEVEL * found.noise)
        for side in (right, left):
            corner &= side.resolved & (side.noise < SAME_LEVEL * there.noise)
        broken = ~clean & ~corner & below.finite() & self._broken(below, left, right)
        fallen = ~clean & ~corner & ~broken & ~there.resolved & (there.noise < SAME_LEVEL * found.noise)
        level = ~clean & ~corner & ~broken & ~fallen
        self._two_slopes(below, broken, left, right, Status.JUMP)
        yield from together(
            [
                *self._each(below, clean, lambda p, i: self._two_scales(p, there.take(i))),
                *self._each(below, corner, lambda p, i: self._corner(p, left.take(i), right.take(i))),
                *self._each(below, fallen, lambda p, i: self._structure(p, there.scale[i])),
                *self._each(
                    ladder, level, lambda p, i: self._confirm(p, found.take(i), size[i], there.noise[i], below.top[i])
                ),
            ]
        )

    def _structure(self, ladder: Ladder, scale: Array) -> Way:
        """What looked like noise falls with the window: it is structure of f."""
        self._too_large(ladder, ladder.top)
        yield from self._shrink(ladder, scale, 0)
        self._mark(ladder.points[np.isfinite(self.error[0, ladder.points])])

    def _mark(self, points: Indices) -> None:
        """Two scales disagree, where the larger one knew the derivative well."""
        clear = self.coarse_error[0, points] < TRUSTED * np.abs(self.coarse[0, points])
        self.status[points[clear]] = CODE[Status.MULTISCALE]

    def _hollow(self, ladder: Ladder, found: Analysis) -> Mask:
        """Where all values are the same, but a larger window has a slope: f is quantised, and nothing is to be seen."""
        points = ladder.points
        return np.asarray(found.flat & (0.5 * np.abs(self.coarse[0, points]) > self.coarse_error[0, points]))

    def _two_scales(self, ladder: Ladder, found: Analysis) -> Way:
        """The smaller window is clean: what looked like noise is a kink nearby, or structure of f."""
        points = ladder.points
        clear = self.coarse_error[0, points] < TRUSTED * np.abs(self.coarse[0, points])
        away = np.abs(found.value - self.coarse[:, points])
        agree = away <= found.error + self.coarse_error[:, points]
        found = found._replace(error=np.where(clear & agree, np.maximum(found.error, away), found.error))
        self._record(ladder, found, np.full(points.size, fill_value=True), ladder.top)
        self._mark(points)
        yield from together(self._each(ladder, ~clear, lambda p, i: together(self._judged(p, 0))))

    def _confirm(self, ladder: Ladder, found: Analysis, size: Array, noise: Array, fine: Array) -> Way:
        """Noise stays as it is at any scale; what does not is structure of f that a search from below will find."""
        points = ladder.points
        self._too_large(ladder, fine)
        least = RESOLUTION * np.spacing(np.abs(ladder.x)) * RATIO ** LOOK[-1]
        below = Ladder.empty(points, ladder.x, ladder.centre, np.maximum(size * FINEST, least))
        below = yield from self._extended(below, LOOK)
        there = below.analysis(LOOK, self)
        smooth = below.finite() & (there.noise < SAME_LEVEL * found.noise) & ~self._hollow(below, there)
        yield from together(self._each(below, smooth, lambda p, i: together(self._directions(p))))
        structure = smooth & np.isfinite(self.error[0, points])
        self._mark(points[structure])
        self.doubtful[points[structure]] = True
        yield from together(
            self._each(ladder, ~structure, lambda p, i: self._believed(p, found.take(i), size[i], noise[i]))
        )

    def _believed(self, ladder: Ladder, found: Analysis, size: Array, noise: Array) -> Way:
        """The noise is there at two scales; its level is the larger of both."""
        points = ladder.points
        factor = np.maximum(np.nan_to_num(noise / self.coarse_noise[points], nan=1.0), 1.0)
        self.coarse_error[:, points] *= factor
        self.coarse_noise[points] *= factor
        self.confirmed[points] = True
        yield from self._enlarge(ladder, found, size)

    def _as_noisy(self, points: Indices) -> None:
        self.value[:, points], self.error[:, points] = self.coarse[:, points], self.coarse_error[:, points]
        self.noise[points], self.step[points] = self.coarse_noise[points], self.coarse_step[points]
        self.status[points] = CODE[Status.NOISY]

    def _enlarge(self, ladder: Ladder, found: Analysis, size: Array) -> Way:
        """The noise is believed: a larger window suffers less from it."""
        points = ladder.points
        self._as_noisy(points)
        new = np.minimum(size * np.minimum(found.scale, 4096.0), 2.0 * np.maximum(np.abs(ladder.x), 1.0))
        go = np.flatnonzero((found.gain > 2.0) & (new > 1.5 * size) & (self.moves[points] <= MOVES))
        if not go.size:
            return
        self.moves[points[go]] += 1
        wide = Ladder.empty(points[go], ladder.x[go], ladder.centre[go], new[go])
        wide = yield from self._extended(wide, FULL)
        wide = wide.take(np.flatnonzero(wide.finite()))
        if wide.points.size:
            there = wide.analysis(FULL, self)
            better = there.resolved & (there.error[0] < self.coarse_error[0, wide.points])
            which = np.flatnonzero(better)
            if which.size:
                part = wide.take(which)
                self._remember(part, there.take(which), part.top)
                yield from self._enlarge(part, there.take(which), part.top)

    # Where f has no value on one side, or on both

    def _cornered(self, ladder: Ladder) -> Way:
        """Some values are not finite."""
        ladder = ladder.take(np.flatnonzero(~np.isfinite(self.error[0, ladder.points])))
        if not ladder.points.size:
            return
        order = np.argsort(ladder.exponents)
        finite = np.isfinite(ladder.values[:, order].sum(axis=0))  # from the largest step to the least
        natural = NATURAL * np.abs(ladder.x)
        easy = (natural > 0.0) & (natural < 0.5 * ladder.top)
        inner = ~easy & finite[-1]
        # the largest step from which on all are finite
        first = len(finite) - np.argmin(finite[::-1], axis=0)
        size = ladder.top * RATIO ** -np.sort(ladder.exponents)[np.minimum(first, len(finite) - 1)].astype(float)
        yield from together(
            [
                *self._each(ladder, easy, lambda p, i: self._look(p, natural[i])),
                *self._each(ladder, inner, lambda p, i: self._look(p, size[i])),
                *self._each(ladder, ~easy & ~inner, lambda p, i: self._probe(p)),
            ]
        )

    def _probe(self, ladder: Ladder) -> Way:
        """On one side, or on both, f has no value at all steps: look nearer to x."""
        points = ladder.points
        least = np.argmax(ladder.exponents)
        dead = ~np.isfinite(ladder.values[:, least])  # by side
        side = np.where(dead[0], 1.0, -1.0)
        bottom = ladder.top * RATIO ** -ladder.exponents[least]
        nearest = np.where(ladder.x == 0.0, 1e-300, 2.0**8 * np.spacing(np.abs(ladder.x)))
        steps = bottom * (np.minimum(nearest / bottom, 1.0)) ** np.array([[0.25], [0.5], [0.75], [1.0]])
        (values,) = yield [Request(points, ladder.x + side * steps)]
        self._too_large(ladder, bottom)
        alive = np.isfinite(values)
        some = alive.any(axis=0)
        size = steps[np.argmax(alive, axis=0), np.arange(points.size)]
        wide = some & (steps[-1] < size * RATIO ** -LOOK[-1])
        single = ~some & ~dead.all(axis=0)
        yield from together(
            [
                *self._each(ladder, wide, lambda p, i: self._look(p, size[i])),
                *self._each(ladder, single & (side > 0), lambda p, i: self._edge(p, -1)),
                *self._each(ladder, single & (side < 0), lambda p, i: self._edge(p, 1)),
            ]
        )

    def _edge(self, ladder: Ladder, side: int) -> Way:
        """f has values on one side only."""
        at = ladder.sides.index(side)
        one = Ladder(
            ladder.points,
            ladder.x,
            ladder.centre,
            ladder.top,
            (side,),
            ladder.exponents,
            ladder.values[at : at + 1],
            ladder.moved[at : at + 1],
        )
        yield from self._along(one, EDGE_MOVES)

    def _along(self, ladder: Ladder, moves: int) -> Way:
        """A window on one side, moved until it serves."""
        ladder = yield from self._extended(ladder, EDGE)
        points = ladder.points
        ladder = ladder.take(np.flatnonzero(ladder.finite()))
        if not ladder.points.size:
            return
        points = ladder.points
        found = ladder.analysis(EDGE, self)
        self._record(ladder, found, found.resolved, ladder.top)
        self.status[points[found.resolved]] = CODE[Status.ONE_SIDED]
        on = ~found.resolved | (found.gain > self.limits.sacrifice) | (found.gain < 1.0 / self.limits.sacrifice)
        new = ladder.top * np.clip(found.scale, 2.0**-10, 4096.0)
        new = np.where(found.resolved, np.minimum(new, 0.5 * self.ceiling[points]), np.minimum(new, 0.5 * ladder.top))
        self._too_large(ladder.take(np.flatnonzero(~found.resolved)), ladder.top[~found.resolved])
        on &= (new > RESOLUTION * np.spacing(np.abs(ladder.x))) & ((new > 2.0 * ladder.top) | (new < ladder.top))
        on &= ~(found.resolved & (new > ladder.top) & (new < 2.0 * ladder.top))
        if moves == 0:
            on[:] = False
        which = np.flatnonzero(on)
        ways = []
        if which.size:
            part = ladder.take(which)
            ways.append(self._along(Ladder.empty(part.points, part.x, part.centre, new[which], part.sides), moves - 1))
        lost = ~on & ~np.isfinite(self.error[0, points])
        ways += self._each(ladder, lost, lambda p, i: self._by_power(p))
        yield from together(ways)

    def _by_power(self, ladder: Ladder) -> Way:
        """On the one side that f has, it may follow a power of the distance."""
        points = ladder.points
        exponent, sign, straight = _power(ladder, 0)
        rises = sign * ladder.sides[0]
        vertical = straight & (exponent > 0.02) & (exponent < 0.97)
        self._vertical(points[vertical], rises[vertical], exponent[vertical])
        flat = straight & (exponent > 1.03)
        self._bounded(ladder, flat)
        return
        yield

    def _vertical(self, points: Indices, rises: Array, exponent: Array) -> None:
        self.value[:, points], self.error[:, points] = rises * np.inf, np.nan
        self.exponent[points], self.status[points] = exponent, CODE[Status.VERTICAL]

    def _bounded(self, ladder: Ladder, flat: Mask) -> None:
        """f is flatter than any straight line: its slope there is below the least that was seen."""
        points = ladder.points[flat]
        least = np.argmax(ladder.exponents)
        step = ladder.top * RATIO ** -ladder.exponents[least]
        slopes = np.abs(ladder.values[:, least] - ladder.centre) / step
        self.value[:, points] = 0.0
        self.error[:, points] = np.inf
        self.error[0, points] = np.maximum(2.0 * slopes.max(axis=0), 5e-324)[flat]
        self.status[points] = CODE[Status.BELOW_RESOLUTION]

    def _both_sides(self, ladder: Ladder, top: Array, tries: int) -> Way:
        """No window on both sides serves: each side by itself tells kinks and jumps from what is worse."""
        fresh = Ladder.empty(ladder.points, ladder.x, ladder.centre, top)
        fresh = yield from self._extended(fresh, SIDES)
        fresh = fresh.take(np.flatnonzero(fresh.finite()))
        if not fresh.points.size:
            return
        points = fresh.points
        right, left = (fresh.analysis(SIDES, self, sides=(side,)) for side in (1, -1))
        both = right.resolved & left.resolved
        yield from together(self._each(fresh, both, lambda p, i: self._corner(p, left.take(i), right.take(i))))
        open_ = ~both
        jump = open_ & self._broken(fresh, left, right)
        self._two_slopes(fresh, jump, left, right, Status.JUMP)
        p_right, s_right, straight_right = _power(fresh, 0)
        p_left, s_left, straight_left = _power(fresh, 1)
        steep_right, steep_left = straight_right & (p_right < 0.97), straight_left & (p_left < 0.97)
        slope_right = np.where(steep_right, s_right * np.inf, np.where(right.resolved, right.value[0], np.nan))
        slope_left = np.where(steep_left, -s_left * np.inf, np.where(left.resolved, left.value[0], np.nan))
        sharp = open_ & ~jump & ~np.isnan(slope_left) & ~np.isnan(slope_right)
        vertical = sharp & (slope_left == slope_right)
        self._vertical(points[vertical], np.sign(slope_right[vertical]), p_right[vertical])
        cusp = sharp & ~vertical
        self.left[points[cusp]], self.right[points[cusp]] = slope_left[cusp], slope_right[cusp]
        self.status[points[cusp]] = CODE[Status.KINK]
        flat = open_ & straight_right & straight_left & (p_right > 1.03) & (p_left > 1.03)
        self._bounded(fresh, flat)
        rest = np.flatnonzero(open_ & ~jump & ~sharp & ~flat)
        if rest.size and tries > 1:
            yield from self._both_sides(fresh.take(rest), 1e-3 * fresh.top[rest], tries - 1)

    def _corner(self, ladder: Ladder, left: Analysis, right: Analysis) -> Way:
        """Each side is smooth by itself: the slopes differ, or they meet although higher derivatives do not."""
        points = ladder.points
        gap = np.abs(right.value - left.value)
        bar = right.error + left.error
        kink = gap[0] > bar[0]
        self._two_slopes(ladder, kink, left, right, Status.KINK)
        meet = ~kink & (bar[0] <= MEET * np.maximum(np.abs(left.value[0]), np.abs(right.value[0])))
        middle = left._replace(
            value=0.5 * (right.value + left.value), error=np.maximum(right.error, left.error) + 0.5 * gap
        )
        self._record(ladder, middle, meet, ladder.top)
        return
        yield

    def _two_slopes(self, ladder: Ladder, mask: Mask, left: Analysis, right: Analysis, status: Status) -> None:
        """No derivative, but slopes of the sides where they are resolved."""
        points = ladder.points[mask]
        for slopes, side in ((self.left, left), (self.right, right)):
            slopes[points] = np.where(side.resolved, side.value[0], np.nan)[mask]
        self.status[points] = CODE[status]

    def _broken(self, ladder: Ladder, left: Analysis, right: Analysis) -> Mask:
        """Where the values of a side do not come near f(x) with their distance, and the other side is smooth or like it."""
        far = []
        for place, side in enumerate((right, left)):
            exponent, _, straight = _power(ladder, place)
            far.append((straight & (exponent < 0.02) & ~side.resolved, side.resolved))
        (jump_right, smooth_right), (jump_left, smooth_left) = far
        return np.asarray((jump_right & (jump_left | smooth_left)) | (jump_left & (jump_right | smooth_right)))


def _power(ladder: Ladder, side: int) -> tuple[Array, Array, Mask]:
    """The power of the distance that f - f(x) follows on one side, its sign, and whether it follows one."""
    order = np.argsort(ladder.exponents)
    rise = ladder.values[side, order] - ladder.centre
    size = np.log(np.abs(rise))
    away = -math.log(RATIO) * np.sort(ladder.exponents).astype(float)[:, None]
    centred = away - away.mean()
    exponent = (centred * size).sum(axis=0) / (centred**2).sum()
    rest = size - size.mean(axis=0) - exponent * centred
    straight = np.isfinite(exponent) & (np.abs(rest).max(axis=0) < 0.1) & (np.abs(np.sign(rise).sum(axis=0)) == len(order))
    return exponent, np.sign(rise[-1]), np.asarray(straight)


def first_top(x: Array) -> Array:
    """The largest step of the first look: between a fixed scale and that of x, never reaching 0 unless |x| is tiny."""
    size = np.abs(x)
    top = START * np.where(size >= 1e4, size, np.sqrt(size))
    return np.asarray(np.where(size > 1e-3, np.minimum(top, 0.7 * size), START))


def first_ladder(x: Array, limits: Limits, scale: Array) -> tuple[Ladder, Exponents]:
    """The first ladder around points, without values, and the steps to be taken.

    Near an end of the domain its steps end there, but for a point so near that it has one side only.
    """
    points = np.arange(x.size)
    top = np.where(np.isnan(scale), first_top(x), START * scale)
    if limits.side:
        return Ladder.empty(points, x, x, top, (limits.side,), first=True), EDGE
    room = np.minimum(x - limits.lo, limits.hi - x)
    near = room > 16.0 * RESOLUTION * np.spacing(np.abs(x))
    return Ladder.empty(points, x, x, np.where(near, np.minimum(top, 0.9 * room), top), first=True), LOOK


def _shift(scale: Array, least: int, most: int) -> Indices:
    """By how many exponents a factor moves the top."""
    return np.clip(np.nan_to_num(np.rint(-np.log(scale) / math.log(RATIO))), least, most).astype(np.intp)


def _lower(ladder: Ladder, top: Array, scale: Array) -> Array:
    """The top of a much smaller ladder: |x| is often a scale of f."""
    natural = NATURAL * np.abs(ladder.x)
    new = top * np.clip(scale, 2.0**-10, 0.5)
    return np.asarray(np.where((natural > 0.0) & (top > 4.0 * natural), natural, new))
