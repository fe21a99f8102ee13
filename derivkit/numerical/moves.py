"""Windows of another size: which steps are taken next where one is too small or too large."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from derivkit.numerical.ladder import Ladder, Part
from derivkit.numerical.rounds import some
from derivkit.numerical.scales import FULL, LOOK, MOVES, first_top, least_top, lower
from derivkit.numerical.state import State
from derivkit.numerical.windows import RATIO, Exponents
from derivkit.types import Array, Indices, Mask

REFINE: dict[int, Exponents] = {
    -8: (-8, -5, -2), -6: (-6, -4, -2), -4: (-4, -2, 1), -2: (-2, -1, 1), 0: (1, 2, 4), 1: (1, 2, 4), 2: (2, 4, 5),
    3: (4, 5, 7, 9), 4: (4, 5, 7, 8, 10), 5: (5, 7, 8, 9, 11), 6: (7, 8, 9, 10, 12), 7: (7, 8, 9, 10, 11, 13),
}  # fmt: skip
"""What is added to a look when the window is to begin at the exponent: three pairs as far as that gives a full one.
Windows larger than the look begin at every other exponent, so that fewer groups are formed."""
SMALLER = 2
"""Windows that begin at this exponent or a later one are without the largest step of the look."""
LARGEST, LEAST = -8, 8
"""From a look to windows that begin at these exponents, the second of which is looked at anew."""
NEARBY = 7
"""From a window that is good already to one by fewer exponents, or it is looked at anew."""
BELOW = 0.6
"""A look leads to windows of no more than this part of one that was too large."""
NEAR = 5
"""A window that was not resolved shrinks by no more than so many exponents, or is looked at anew."""
SHRUNK: Exponents = (0, 2, 1, 3, 4, 6, 5)
"""Which steps a smaller window takes first, in exponents from its largest."""
FEWEST_PAIRS = 6
"""A window that was not resolved is tried once more without its largest steps if it had as many pairs."""


def look(state: State, ladder: Ladder, top: Array) -> list[Part]:
    """A new ladder of another size."""
    if not ladder.points.size:
        return []
    state.count(ladder.points)
    go = np.flatnonzero(state.moves[ladder.points] <= MOVES)
    ladder, top = ladder.take(go), top[go]
    if not go.size:
        return []
    top = np.maximum(top, least_top(ladder.x, LOOK))
    if state.limits.common:
        top = ladder.top * RATIO ** np.floor(np.log(top / ladder.top) / math.log(RATIO))
    return [Part(ladder.anew(top), LOOK)]


def first_look(state: State, ladder: Ladder) -> list[Part]:
    """A new ladder as if nothing were known."""
    return look(state, ladder, first_top(ladder.x))


def from_look(state: State, ladder: Ladder, scale: Array) -> list[Part]:
    """From a look to the size that it promises."""
    shift = _shift(scale, LARGEST, LEAST)
    ceiling = state.ceiling[ladder.points]
    if np.isfinite(ceiling).any():
        shift = np.maximum(shift, _shift(BELOW * ceiling / ladder.top, LARGEST, 1))
    parts = []
    for k, which in _groups(_even(shift)):
        part = ladder.take(which)
        beyond = k not in REFINE
        parts += look(state, part, lower(part.x, part.top, 0.7 * scale[which])) if beyond else [_refine(part, k)]
    return parts


def from_one_look(ladder: Ladder, scale: float) -> Part | None:
    """The same for one point of which nothing else is known; None beyond the reach of the look."""
    k = int(_even(_shift(scale, LARGEST, LEAST)))
    return _refine(ladder, k) if k in REFINE else None


def _even(shift: Any) -> Any:
    """To windows larger than the look, of which there are those at every other exponent."""
    return shift + shift % 2 * (shift < 0)


def _refine(ladder: Ladder, k: int) -> Part:
    return Part(ladder, REFINE[k], min(k, 0) if k < SMALLER else k)


def from_window(state: State, window: Part, scale: Array) -> list[Part]:
    """A window of another size, near the one before."""
    ladder, _, top = window
    state.count(ladder.points)
    parts = []
    for k, which in _groups(_shift(scale, -NEARBY, NEARBY)):
        part, to = ladder.take(which), top + k
        if abs(k) == NEARBY:
            parts += look(state, part, part.size(top) * scale[which])
        elif k < 0:
            parts.append(Part(part, (to, to - k // 2) if k <= -4 else (to,), to))
        else:
            parts.append(Part(part, tuple(to + j for j in FULL), to))
    return parts


def shrink(state: State, window: Part, scale: Array) -> list[Part]:
    """No window was resolved: a smaller one."""
    ladder, _, top = window
    go = np.flatnonzero(~state.answered(ladder.points) & (state.moves[ladder.points] < MOVES))
    ladder, scale = ladder.take(go), scale[go]
    shift = np.maximum(_shift(scale, 0, NEAR + 1), 1)
    parts = []
    for part, at in some(ladder, shift > NEAR):
        parts += look(state, part, lower(part.x, part.size(top), scale[at]))
    for k, which in _groups(shift, shift <= NEAR):
        part, to = ladder.take(which), top + k
        state.count(part.points)
        have = sum(to <= j <= to + 8 for j in part.exponents)
        new = part.lacks([to + j for j in SHRUNK])
        parts.append(Part(part, new[: max(0, FEWEST_PAIRS - have)], to))
    return parts


def _shift(scale: Any, least: int, most: int) -> Indices:
    """By how many exponents a factor moves the top."""
    shift = np.rint(np.log(scale) * (-1.0 / math.log(RATIO)))
    return np.asarray(np.fmax(np.fmin(shift, most), least), dtype=np.intp)


def _groups(shift: Indices, mask: Mask | None = None) -> Iterator[tuple[int, Indices]]:
    """Where each of the numbers is, in rising order; there are few, so that counting them is quick."""
    wanted = shift if mask is None else shift[mask]
    if not wanted.size:
        return
    least = int(wanted.min())
    for k in (np.flatnonzero(np.bincount(wanted - least)) + least).tolist():
        yield k, np.flatnonzero(shift == k if mask is None else (shift == k) & mask)
