"""The grids of a configuration: those of ``derivkit``, as lists where these are short and by their names else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

import derivkit as dk

Array = NDArray[np.float64]
# OmegaConf 2.4 holds the arguments of a resolver to the annotations, and takes 0 for an int.
Number: TypeAlias = int | float

MOST = 10_000_000
LISTED = 100_000
"""Most numbers that a configuration lists, each some hundred bytes; a longer grid stays its own description."""
NAMED: dict[str, Callable[[Number, Number, int], Array]] = {
    "logspace": dk.logspace,
    "linspace": dk.linspace,
    "geomspace": dk.geomspace,
}
WRITTEN = re.compile(rf"\s*({'|'.join(NAMED)})\(([^(),]+),([^(),]+),\s*(\d+)\s*\)\s*")

# A configuration is resolved several times on its way to a job. Typed: 9.0 is no number of points, though it equals 9.
_cached = lru_cache(maxsize=16, typed=True)


@dataclass(frozen=True)
class Grid(Sequence[float]):
    """A grid by its name and ends: the numbers are computed when they are asked for, eight bytes each."""

    name: str
    start: Number
    stop: Number
    size: int

    @cached_property
    def values(self) -> Array:
        """All numbers."""
        return NAMED[self.name](self.start, self.stop, self.size)

    @property
    def ends(self) -> tuple[float, float]:
        """The first number and the last."""
        first, last = (NAMED[self.name](end, end, 1) for end in (self.start, self.stop))
        return float(first[0]), float(last[0])

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[float]:
        return map(float, self.values)

    @overload
    def __getitem__(self, index: int) -> float: ...
    @overload
    def __getitem__(self, index: slice) -> list[float]: ...
    def __getitem__(self, index: int | slice) -> float | list[float]:
        result: float | list[float] = self.values[index].tolist()
        return result

    def __array__(self, dtype: Any = None, *, copy: bool | None = None) -> Array:
        return np.array(self.values, dtype=dtype) if copy or dtype not in (None, np.float64) else self.values

    def __str__(self) -> str:
        return f"{self.name}({self.start},{self.stop},{self.size})"


def described(value: object) -> Grid | None:
    """Return the grid that a text such as ``logspace(-12,-1,1000000)`` describes; None where it describes none."""
    match = WRITTEN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    try:
        start, stop = (int(end) if re.fullmatch(r"\s*[+-]?\d+\s*", end) else float(end) for end in match.group(2, 3))
    except ValueError:
        return None
    _refuse_long(match[1], int(match[4]))
    return Grid(match[1], start, stop, int(match[4]))


@_cached
def linspace(start: Number, stop: Number, count: int) -> list[float] | str:
    """Return ``count`` evenly spaced numbers from ``start`` to ``stop``, both included."""
    return _listed(Grid("linspace", start, stop, count))


@_cached
def logspace(start: Number, stop: Number, count: int) -> list[float] | str:
    """Return 10 to the power of ``count`` evenly spaced exponents from ``start`` to ``stop``."""
    return _listed(Grid("logspace", start, stop, count))


@_cached
def geomspace(start: Number, stop: Number, count: int) -> list[float] | str:
    """Return ``count`` numbers of constant ratio from ``start`` to ``stop``, both above 0 and included."""
    return _listed(Grid("geomspace", start, stop, count))


@_cached
def powers_of_two(start: int, stop: int) -> list[float]:
    """Return 2 to the power of every whole number from ``start`` to ``stop``, both included."""
    result: list[float] = dk.powers_of_two(start, stop).tolist()
    return result


GRIDS: dict[str, Callable[..., list[float] | str]] = {
    "logspace": logspace,
    "linspace": linspace,
    "geomspace": geomspace,
    "powers_of_two": powers_of_two,
}


def _listed(grid: Grid) -> list[float] | str:
    """Return the numbers of a short grid, and the description of a long one, whose ends are looked at."""
    _refuse_long(grid.name, grid.size)
    if grid.size <= LISTED:
        return grid[:]
    NAMED[grid.name](grid.start, grid.stop, 2)
    return str(grid)


def _refuse_long(name: str, count: int) -> None:
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST:
        raise ValueError(f"{name} of {count} numbers: the third argument is a whole number from 1 to {MOST}")
