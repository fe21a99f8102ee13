"""Directions in which a gradient is checked: random ones, or the axes where there are few variables."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from derivkit.multivariate.checking.sizes import NORMAL, Law
from derivkit.multivariate.structure import Block
from derivkit.types import Array, Indices

SINGLY = 4
"""Variables for each direction up to which every partial derivative is measured by itself."""
SINGLY_AT_KINKS = 8
"""The same for the variables along which kinks lie, which directions measure poorly; a choice."""
UNLIKE = 2.0**10
"""Arrays that differ in size by this factor may have steps of their own: with those of the larger ones, the values of f
would tell nothing of the smaller ones; a choice."""

VERY_UNLIKE = 2.0**30
"""The same for arrays whose derivatives are claimed to be 0; a choice."""

STREAM = 0x76
"""Part of every seed: default_rng([0, 0]) would draw what default_rng(0) does, with which many an x is drawn."""


@np.errstate(all="ignore")
def scales_of(x: Array, blocks: tuple[Block, ...], claimed: Array) -> Array | None:
    """The size of the array of each entry, None where all arrays count without, shape ``(n,)``.

    With these sizes for steps the claimed products of the arrays must be more alike than with 1 for all: biases that
    are small by chance count as they are. What is claimed to be 0 tells nothing of that.

    Examples
    --------
    >>> x, blocks = np.array([3e6, -3e6, 2e-3]), (("a", slice(0, 2), (2,)), ("b", slice(2, 3), ()))
    >>> scales_of(x, blocks, np.array([[1e-6, 1e-6, 1e3]])).tolist(), scales_of(x, blocks, np.ones((1, 3)))
    ([3000000.0, 3000000.0, 0.002], None)
    """
    parts = [x[place] for _, place, _ in blocks]
    sizes = np.array([np.sqrt(np.mean(part[part != 0.0] ** 2)) if part.any() else 1.0 for part in parts])
    norms = _norms(claimed, blocks, x.size)
    if _spread(sizes) <= UNLIKE or (_spread(norms * sizes) >= _spread(norms) and norms.all()):
        return None
    if not norms.all() and _spread(sizes) <= VERY_UNLIKE:
        return None
    return np.repeat(sizes, [part.size for part in parts])


def _norms(claimed: Array, blocks: tuple[Block, ...], n: int) -> Array:
    """Sizes of derivatives by every array; of a Hessian the roots of those by it and itself."""
    if claimed.shape[1] == n:
        return np.array([np.linalg.norm(claimed[:, place]) for _, place, _ in blocks])
    hessian = claimed.reshape(n, n)
    return np.sqrt([np.linalg.norm(hessian[place, place]) for _, place, _ in blocks])


def _spread(sizes: Array) -> float:
    """The largest over the least that is not 0."""
    used = sizes[sizes > 0.0]
    return float(used.max() / used.min()) if used.size else 1.0


@dataclass(frozen=True, eq=False)
class Directions:
    """Directions of n variables, each made when it is needed, so that memory holds one at a time.

    Attributes
    ----------
    count, size, seed : int
        How many there are, of how many variables, drawn from which seed.
    singly : bool
        Whether they are the axes, all of them, instead.
    scales : ndarray, shape ``(n,)``, optional
        Factors of the entries of directions; sizes of errors are in their unit.
    entries : ndarray of int, optional
        The only entries that are not 0.

    Examples
    --------
    >>> Directions(8, 1000).vector(3)[:2].round(3).tolist(), len(list(Directions.of(8, 20)))
    ([1.253, 0.973], 20)
    """

    count: int
    size: int
    seed: int = 0
    singly: bool = False
    scales: Array | None = None
    entries: Indices | None = None

    @classmethod
    def of(cls, count: int, size: int, seed: int = 0, scales: Array | None = None) -> Directions:
        """So many random directions, or all axes where these are few."""
        singly = size <= SINGLY * count
        return cls(size if singly else count, size, seed, singly, None if singly else scales)

    def within(self, entries: Indices, singly: int = SINGLY) -> Directions:
        """The same of some entries alone, or their axes where these are few."""
        if len(entries) <= singly * self.count:
            return replace(self, count=len(entries), singly=True, entries=entries)
        return replace(self, entries=entries)

    @property
    def law(self) -> Law:
        """Of the products with an error of one size."""
        return NORMAL

    @property
    def length(self) -> float:
        """Of a typical direction: steps are in its unit."""
        return 1.0 if self.singly else math.sqrt(self.size)

    @property
    def unit(self) -> Array | float:
        """Of the entries of an error, in which its size is told."""
        return 1.0 if self.scales is None else self.scales

    @property
    def parts(self) -> tuple[tuple[slice, Directions], ...]:
        """Directions of one kind, and their places among all."""
        return ((slice(0, self.count), self),)

    def vector(self, j: int) -> Array:
        """One of them: independent standard normal entries, shape ``(n,)``, or an axis."""
        if self.singly:
            return np.asarray(np.eye(1, self.size, j if self.entries is None else int(self.entries[j]))[0] * self.unit)
        normal = np.random.default_rng([self.seed, j, STREAM]).standard_normal(self.size) * self.unit
        if self.entries is None:
            return np.asarray(normal)
        vector = np.zeros(self.size)
        vector[self.entries] = normal[self.entries]
        return vector

    def __iter__(self) -> Iterator[Array]:
        return map(self.vector, range(self.count))


@dataclass(frozen=True, eq=False, kw_only=True)
class Joined(Directions):
    """Directions of some entries, and after them those of the others."""

    both: tuple[Directions, Directions]

    @classmethod
    def after(cls, first: Directions, second: Directions) -> Joined:
        """One after the other."""
        count = first.count + second.count
        return cls(count, first.size, first.seed, scales=first.scales, both=(first, second))

    @property
    def parts(self) -> tuple[tuple[slice, Directions], ...]:
        """Both, and their places."""
        first, second = self.both
        return ((slice(0, first.count), first), (slice(first.count, self.count), second))

    def vector(self, j: int) -> Array:
        """One of the first, or of the second."""
        first, second = self.both
        return first.vector(j) if j < first.count else second.vector(j - first.count)
