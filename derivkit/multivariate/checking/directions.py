"""Directions in which a gradient is checked: random ones, or the axes where there are few variables."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from derivkit.multivariate.checking.sizes import NORMAL, Law
from derivkit.types import Array

SINGLY = 4
"""Variables for each direction up to which every partial derivative is measured by itself."""

STREAM = 0x76
"""Part of every seed: default_rng([0, 0]) would draw what default_rng(0) does, with which many an x is drawn."""


@dataclass(frozen=True)
class Directions:
    """Directions of n variables, each made when it is needed, so that memory holds one at a time.

    Attributes
    ----------
    count, size, seed : int
        How many there are, of how many variables, drawn from which seed.
    singly : bool
        Whether they are the axes, all of them, instead.

    Examples
    --------
    >>> Directions(8, 1000).vector(3)[:2].round(3).tolist(), len(list(Directions.of(8, 20)))
    ([1.253, 0.973], 20)
    """

    count: int
    size: int
    seed: int = 0
    singly: bool = False

    @classmethod
    def of(cls, count: int, size: int, seed: int = 0) -> Directions:
        """So many random directions, or all axes where these are few."""
        singly = size <= SINGLY * count
        return cls(size if singly else count, size, seed, singly)

    @property
    def law(self) -> Law:
        """Of the products with an error of one size."""
        return NORMAL

    @property
    def length(self) -> float:
        """Of a typical direction: steps are in its unit."""
        return 1.0 if self.singly else math.sqrt(self.size)

    def vector(self, j: int) -> Array:
        """One of them: independent standard normal entries, shape ``(n,)``, or an axis."""
        if self.singly:
            return np.asarray(np.eye(1, self.size, j)[0])
        return np.random.default_rng([self.seed, j, STREAM]).standard_normal(self.size)

    def __iter__(self) -> Iterator[Array]:
        return map(self.vector, range(self.count))
