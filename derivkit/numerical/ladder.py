"""Ladders of steps with the values of f, and windows of them side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np

from derivkit.numerical.analysis import Analysis, analyse, concatenate
from derivkit.numerical.windows import RATIO, TWIST, Exponents, Window, Windows, window
from derivkit.types import Array, Indices, Mask

BLOCK = 2048
"""Points that are analysed at once: so many windows stay in the cache of a processor. Found by measurement."""


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
    narrow : ndarray of bool, shape ``(n,)``, optional
        Where abscissas are rounded to float32, as f is given no others.
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
    narrow: Mask | None = None

    def take(self, which: Indices) -> Ladder:
        """Some of its points, in rising order."""
        if which.size == self.points.size:
            return self
        points, x, centre, top = self.points[which], self.x[which], self.centre[which], self.top[which]
        values, moved = self.values.take(which, axis=-1), self.moved.take(which, axis=-1)
        narrow = None if self.narrow is None else self.narrow[which]
        return Ladder(points, x, centre, top, self.sides, self.exponents, values, moved, self.first, narrow)

    def anew(self, top: Array, sides: tuple[int, ...] | None = None) -> Ladder:
        """A ladder without steps at the same points."""
        return empty(self.points, self.x, self.centre, top, sides or self.sides, narrow=self.narrow)

    def one_side(self, side: int) -> Ladder:
        """The steps of one side alone."""
        at = slice(self.sides.index(side), self.sides.index(side) + 1)
        return replace(self, sides=(side,), values=self.values[at], moved=self.moved[at])

    def abscissas(self, exponents: Exponents) -> tuple[Array, Array]:
        """Where f is asked, shape ``(sides * k, n)``, and by how much rounding moved that."""
        signed = _factors(exponents, self.sides) * self.top
        x = self.x + signed
        if self.narrow is not None:
            x = np.where(self.narrow, x.astype(np.float32), x)
        moved = x - self.x
        moved -= signed
        return x, moved

    def with_values(self, exponents: Exponents, values: Array, moved: Array) -> Ladder:
        """With further steps."""
        shape = (len(self.sides), len(exponents), self.x.size)
        values, moved = values.reshape(shape), moved.reshape(shape)
        if self.exponents:
            values = np.concatenate([self.values, values], axis=1)
            moved = np.concatenate([self.moved, moved], axis=1)
        same = self.points, self.x, self.centre, self.top, self.sides
        return Ladder(*same, self.exponents + exponents, values, moved, self.first, self.narrow)

    def lacks(self, exponents: Sequence[int]) -> Exponents:
        """Those of the steps that it does not have."""
        return tuple([k for k in exponents if k not in self.exponents])

    def finite(self) -> Mask:
        """Where all values are finite, shape ``(n,)``."""
        return np.asarray(np.isfinite(self.values).all(axis=(0, 1)))

    def least(self) -> int:
        """Where among the exponents the smallest step is."""
        return int(np.argmax(self.exponents))

    def size(self, exponent: int) -> Array:
        """The step of an exponent."""
        return self.top * RATIO**-exponent

    def window(self, exponents: Exponents, sides: tuple[int, ...] = ()) -> Stack:
        """The window of some of its steps, on both sides or one."""
        return Stack([Part(self, exponents)], sides or self.sides)

    def block(self, exponents: Exponents, sides: tuple[int, ...]) -> tuple[Window, Array, Array]:
        """A window of some of its steps, with the values and what moved the nodes, shape ``(m, n)``.

        Steps that are all there stay in the order in which they were taken, so that nothing is copied.
        """
        if len(exponents) == len(self.exponents) and sides == self.sides:
            exponents, values, moved = self.exponents, self.values, self.moved
        else:
            pick = np.ix_([self.sides.index(side) for side in sides], [self.exponents.index(k) for k in exponents])
            values, moved = self.values[pick], self.moved[pick]
        shape = (len(sides) * len(exponents), self.x.size)
        return _window_of(exponents, sides), values.reshape(shape), moved.reshape(shape)


class Part(NamedTuple):
    """Points of a ladder with some of its steps, and the exponent at which their window begins."""

    ladder: Ladder
    steps: Exponents = ()
    top: int = 0

    @property
    def size(self) -> Array:
        """The step at which the window begins."""
        return self.ladder.size(self.top)


class Stack:
    """Windows of ladders side by side, all with as many nodes.

    Parameters
    ----------
    parts : sequence of Part
        Ladders, with the steps that belong to their windows.
    sides : tuple of int
        Which all of the windows have.

    Attributes
    ----------
    points, x, centre : ndarray, shape ``(n,)``
        As of the ladders.
    size, largest : ndarray, shape ``(n,)``
        The step at which the window begins, and the largest that it has.
    values, moved : ndarray, shape ``(m, n)``
        f at the nodes, and by how much rounding moved these.
    """

    def __init__(self, parts: Sequence[Part], sides: tuple[int, ...] = (1, -1)) -> None:
        self.parts, self.sides = parts, sides
        ladders = [part.ladder for part in parts]
        blocks: list[Any] = [part.ladder.block(part.steps, sides) for part in parts]
        counts = [ladder.x.size for ladder in ladders]
        self.windows = blocks[0][0].alone if len(blocks) == 1 else Windows(tuple(block[0] for block in blocks), counts)
        self.points: Indices = _beside([ladder.points for ladder in ladders])
        self.x, self.centre = (_beside([getattr(ladder, name) for ladder in ladders]) for name in ("x", "centre"))
        self.largest = _beside([part.ladder.size(min(part.steps)) for part in parts])
        same = all(part.top in part.steps for part in parts)
        self.size = self.largest if same else _beside([part.size for part in parts])
        self.values, self.moved = (_beside([block[k] for block in blocks]) for k in (1, 2))

    @cached_property
    def finite(self) -> Mask:
        """Where all values are finite, shape ``(n,)``."""
        return np.asarray(np.isfinite(self.values).all(axis=0))

    def some(self, mask: Mask) -> Iterator[tuple[Part, Indices]]:
        """The parts with some of the points, and where in the stack these are."""
        if not np.count_nonzero(mask):
            return
        start = 0
        for ladder, steps, top in self.parts:
            run = mask[start : start + ladder.x.size]
            if np.count_nonzero(run):
                which = run.nonzero()[0]
                yield Part(ladder.take(which), steps, top), start + which
            start += ladder.x.size

    def analysis(self, *, orders: tuple[int, ...], target: float, hint: Array | None, still: bool = True) -> Analysis:
        """What the windows tell, block by block."""
        count = self.x.size
        hint = None if hint is None else hint[self.points]
        given: Any = {"orders": orders, "target": target, "still": still}
        pieces = []
        for start in range(0, max(1, count), BLOCK):
            block = slice(start, min(start + BLOCK, count))
            given |= {"moved": self.moved[:, block], "hint": None if hint is None else hint[block]}
            windows, values = self.windows.within(block), self.values[:, block]
            pieces.append(analyse(windows, values, self.centre[block], self.largest[block], **given))
        return pieces[0] if len(pieces) == 1 else concatenate(pieces)


def empty(
    points: Indices,
    x: Array,
    centre: Array,
    top: Array,
    sides: tuple[int, ...] = (1, -1),
    *,
    first: bool = False,
    narrow: Mask | None = None,
) -> Ladder:
    """A ladder without steps."""
    nothing = np.empty((len(sides), 0, x.size))
    return Ladder(points, x, centre, top, sides, (), nothing, nothing, first, narrow)


@lru_cache(maxsize=1024)
def _factors(exponents: Exponents, sides: tuple[int, ...]) -> Array:
    """The steps of exponents over that of exponent 0, shape ``(sides * k, 1)``."""
    return np.array([[side * RATIO**-k * (1.0 if side > 0 else TWIST)] for side in sides for k in exponents])


@lru_cache(maxsize=1024)
def _window_of(exponents: Exponents, sides: tuple[int, ...]) -> Window:
    """The window of these steps, which is the same at all sizes."""
    largest = min(exponents)
    return window(tuple([k - largest for k in exponents]), sides)


def _beside(arrays: list[Any]) -> Any:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis=-1)
