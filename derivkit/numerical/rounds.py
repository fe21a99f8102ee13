"""Values of f at the steps of ladders, requested in rounds.

Points that need the same steps go on together; where they differ, a group is split, and its parts advance in step.
Every part is a generator that yields what it wants to know of f and is sent the values, so that a round of all of them
is one call of f however many ways they went, and each way still reads from its first line to its last.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from derivkit.numerical.ladder import RATIO, TWIST, Analysis, Exponents, analyse, window
from derivkit.types import Array, Indices, Mask


class Request(NamedTuple):
    """Where f is wanted: abscissas of shape ``(k, n)``, whose columns belong to the points ``(n,)``, all different.

    ``new`` says that none of them can have been requested before.
    """

    points: Indices
    x: Array
    new: bool = False


Way = Generator[list[Request], list[Array], None]
"""Requests values until all of its points are done with."""


def together(ways: Iterable[Way]) -> Way:
    """Advance several ways in step: what they request in a round is computed by one call."""
    live = [(way, requests) for way in ways for requests in advanced(way, None)]
    while live:
        answers = yield [request for _, requests in live for request in requests]
        following, start = [], 0
        for way, requests in live:
            end = start + len(requests)
            following += [(way, more) for more in advanced(way, answers[start:end])]
            start = end
        live = following


def advanced(way: Way, answers: list[Array] | None) -> list[list[Request]]:
    """What a way requests next, as the only entry of a list; an empty one if it has ended."""
    try:
        return [next(way) if answers is None else way.send(answers)]
    except StopIteration:
        return []


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
        return replace(
            self,
            points=self.points[which],
            x=self.x[which],
            centre=self.centre[which],
            top=self.top[which],
            values=self.values[..., which],
            moved=self.moved[..., which],
            narrow=None if self.narrow is None else self.narrow[which],
        )

    def anew(self, top: Array, sides: tuple[int, ...] | None = None) -> Ladder:
        """A ladder without steps at the same points."""
        return empty(self.points, self.x, self.centre, top, sides or self.sides, narrow=self.narrow)

    def one_side(self, side: int) -> Ladder:
        """The steps of one side alone."""
        at = slice(self.sides.index(side), self.sides.index(side) + 1)
        return replace(self, sides=(side,), values=self.values[at], moved=self.moved[at])

    def abscissas(self, exponents: Exponents) -> tuple[Array, Array]:
        """Where f is asked, shape ``(sides * k, n)``, and by how much rounding moved that."""
        factors = [side * RATIO**-k if side > 0 else side * RATIO**-k * TWIST for side in self.sides for k in exponents]
        signed = np.array(factors)[:, None] * self.top
        x = self.x + signed
        if self.narrow is not None:
            x = np.where(self.narrow, x.astype(np.float32), x)
        return x, (x - self.x) - signed

    def joined(self, exponents: Exponents, values: Array, moved: Array) -> Ladder:
        """With further steps."""
        shape = (len(self.sides), len(exponents), self.x.size)
        values, moved = values.reshape(shape), moved.reshape(shape)
        if self.exponents:
            values = np.concatenate([self.values, values], axis=1)
            moved = np.concatenate([self.moved, moved], axis=1)
        return replace(self, exponents=self.exponents + tuple(exponents), values=values, moved=moved)

    def extended(self, exponents: Sequence[int]) -> Generator[list[Request], list[Array], Ladder]:
        """Ask for those of the steps that it does not have."""
        new = tuple(k for k in exponents if k not in self.exponents)
        if not new:
            return self
        x, moved = self.abscissas(new)
        (values,) = yield [Request(self.points, x, new=self.first)]
        return self.joined(new, values, moved)

    def finite(self) -> Mask:
        """Where all values are finite, shape ``(n,)``."""
        return np.asarray(np.isfinite(self.values).all(axis=(0, 1)))

    def least(self) -> int:
        """Where among the exponents the smallest step is."""
        return int(np.argmax(self.exponents))

    def size(self, exponent: int) -> Array:
        """The step of an exponent."""
        return self.top * RATIO**-exponent

    def analysis(
        self,
        exponents: Exponents,
        *,
        orders: tuple[int, ...],
        target: float,
        hint: Array | None,
        sides: tuple[int, ...] | None = None,
    ) -> Analysis:
        """Of the window of these steps, on both sides or one."""
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
            self.size(largest),
            moved=self.moved[pick].reshape(shape),
            orders=orders,
            target=target,
            hint=None if hint is None else hint[self.points],
        )


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


def each(ladder: Ladder, mask: Mask, way: Callable[[Ladder, Indices], Way]) -> list[Way]:
    """The way of the points in the mask: none where there are none."""
    if not mask.any():
        return []
    which = np.flatnonzero(mask)
    return [way(ladder.take(which), which)]
