"""How the rows of a grid are cut: into shards, each a job of its own, and these into calls of f.

The rows are those of functions, of each its points, of these the methods, and of these the deltas.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

ROWS_PER_CHUNK = 2**17
"""Also the rows of a block of the file, so that shards cut between blocks are joined without being read."""
CALLED_TOGETHER = 16
"""Points at which somebody's own function is evaluated in one call: what it gives may depend on what it is called with,
so that shards are cut between such calls; a constant without a derivation."""
MOST_SHARDS = 10_000


@dataclass(frozen=True, kw_only=True)
class Call:
    """Points and deltas that are computed at once, which of their rows the shard has, and whether it has the first."""

    points: slice
    deltas: slice
    rows: slice
    begins: bool


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A grid, and one shard of it.

    Parameters
    ----------
    points, vectorized
        Of each function: how many points it has, and whether it takes arrays, whose values do not depend on each other.
    methods, deltas
        How many.
    shards, shard
        In how many parts the grid is cut, and which of them this is.

    Raises
    ------
    ValueError
        If there is no such shard.
    """

    points: tuple[int, ...]
    vectorized: tuple[bool, ...]
    methods: int
    deltas: int
    shards: int = 1
    shard: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.shards <= MOST_SHARDS:
            raise ValueError(f"shards={self.shards}: from 1 to {MOST_SHARDS}; write one such as shards=8")
        if not 0 <= self.shard < self.shards:
            raise ValueError(f"shard={self.shard}: from 0 to {self.shards - 1}, as there are shards={self.shards}")

    @property
    def piece(self) -> tuple[int, int]:
        """The rows of the whole grid that the shard has: from the first to before the last."""
        return self._start(self.shard), self._start(self.shard + 1)

    @property
    def rows(self) -> int:
        """How many these are."""
        first, last = self.piece
        return last - first

    @property
    def parts(self) -> Iterator[tuple[int, range]]:
        """The functions of which the shard has rows, each by its place, and these rows, counted from its first."""
        first, last = self.piece
        for place, points in enumerate(self.points):
            size = points * self._of_point
            if rows := range(max(first, 0), min(last, size)):
                yield place, rows
            first, last = first - size, last - size

    def points_in(self, rows: range) -> range:
        """The points of a function whose first row is among these."""
        return range(*(-(-row // self._of_point) for row in (rows.start, rows.stop)))

    def calls(self, place: int, rows: range) -> Iterator[Call]:
        """The calls that give some rows of a function."""
        together = self._together(place)
        size = self._chunk if self.vectorized[place] else together
        start = rows.start // self._of_point // together * together
        for point, block in itertools.product(range(start, -(-rows.stop // self._of_point), size), self._blocks):
            points = slice(point, min(point + size, self.points[place]))
            first = point * self._of_point + block.start * self.methods
            last = first + (points.stop - points.start) * (block.stop - block.start) * self.methods
            if first < rows.stop and last > rows.start:
                some = slice(max(rows.start - first, 0), rows.stop - first)
                yield Call(points=points, deltas=block, rows=some, begins=first >= rows.start)

    @property
    def _of_point(self) -> int:
        return self.methods * self.deltas

    @property
    def _chunk(self) -> int:
        """Points that are computed at once."""
        return max(1, ROWS_PER_CHUNK // self._of_point)

    @property
    def _blocks(self) -> list[slice]:
        """Deltas that are computed at once: all, but where those of one point make more rows than are."""
        width = max(1, ROWS_PER_CHUNK // self.methods)
        if self._of_point <= ROWS_PER_CHUNK:
            width = self.deltas
        return [slice(k, min(k + width, self.deltas)) for k in range(0, self.deltas, width)]

    def _together(self, place: int) -> int:
        """Points at which f must be asked in one call for its values not to depend on the cut."""
        return 1 if self.vectorized[place] else min(CALLED_TOGETHER, self._chunk)

    def _start(self, shard: int) -> int:
        """The row at which a shard begins: between blocks of the file where there are enough, else between points."""
        sizes = [points * self._of_point for points in self.points]
        rows = sum(sizes)
        blocks = math.ceil(rows / ROWS_PER_CHUNK)
        if blocks >= self.shards:
            return min(rows, shard * blocks // self.shards * ROWS_PER_CHUNK)
        row, start = shard * rows // self.shards, 0
        for place, size in enumerate(sizes):
            if row < start + size:
                together = self._together(place) * self._of_point
                return start + (row - start) // together * together
            start += size
        return rows
