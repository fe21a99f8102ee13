"""Numbers as a configuration writes them: digits, constants such as ``pi/2``, lists and grids of them.

A grid is one of derivkit's, as a list where it is short and by its name else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from experiments.messages import ConfigurationError, line_of, located, show

Array = NDArray[np.float64]
# OmegaConf 2.4 holds the arguments of a resolver to the annotations, and takes 0 for an int.
Number: TypeAlias = int | float

MAX_NUMBERS = 10_000_000
MAX_LISTED = 100_000
"""Most numbers that a configuration lists, each some hundred bytes; a longer grid stays its own description."""
NAMED: dict[str, Callable[[Number, Number, int], Array]] = {
    "logspace": dk.logspace,
    "linspace": dk.linspace,
    "geomspace": dk.geomspace,
}
EXAMPLES = {"delta": "1e-4", "x": "pi/2", "domain": "[0,pi/2]"}
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


# By their names they reach the workers of a launcher.


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
    if grid.size <= MAX_LISTED:
        return grid[:]
    NAMED[grid.name](grid.start, grid.stop, 2)
    return str(grid)


def _refuse_long(name: str, count: int) -> None:
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MAX_NUMBERS:
        raise ValueError(f"{name} of {count} numbers: the third argument is a whole number from 1 to {MAX_NUMBERS}")


# Numbers


def number(where: str, value: object) -> float:
    """Return a finite float from a number or from the text of a constant such as ``pi/2``."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ConfigurationError(f"{where}={show(value)}: not a number; {_write(where)}")
    result = _constant(where, value) if isinstance(value, str) else _float(value)
    if not math.isfinite(result):
        raise ConfigurationError(f"{where}={show(value)}: not a finite number; {_write(where)}")
    return result


def numbers(where: str, value: object) -> tuple[float, ...]:
    """Return one or more finite floats from a number, a constant or a flat list of them."""
    entries = value if isinstance(value, (list, tuple)) else [value]
    if not entries:
        raise ConfigurationError(f"{where}=[]: the list is empty; {_write(where)}")
    if _grid(where, value) is not None:
        raise ConfigurationError(f"{where}={value}: a grid of {where} has up to {MAX_LISTED} numbers; write fewer")
    for entry in entries:
        if isinstance(entry, (list, tuple)):
            raise ConfigurationError(f"{where}={show(value)}: a list within a list; write one list, {where}=[0.1,0.2]")
    return tuple(number(where, entry) for entry in entries)


def _write(where: str) -> str:
    return f"write a number or a constant, such as {where}={EXAMPLES.get(where, '1/3')}"


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _constant(where: str, text: str) -> float:
    if not text.strip():
        raise ConfigurationError(f"{where}= has no value; {_write(where)}")
    try:
        return float(text)
    except ValueError:
        pass
    if _is_list(text):
        raise ConfigurationError(
            f"{where}={show(text)}: one text, not several numbers; leave out the inner quotes, {where}={show(text)}"
        )
    try:
        return float(dk.constant(text))
    except ValueError as error:
        raise ConfigurationError(f"{where}={show(text)}: {line_of(error)}; {_write(where)}") from error


def _is_list(text: str) -> bool:
    """Whether a text holds several numbers between commas; two whole ones may be meant as a decimal comma."""
    parts = [part.strip() for part in text.split(",")]
    try:
        values = [float(part) for part in parts]
    except ValueError:
        return False
    return len(values) > 2 or (len(values) == 2 and not all(part.lstrip("+-").isdigit() for part in parts))


def deltas(plain: Mapping[str, object]) -> Sequence[float]:
    """Return the steps of a configuration: numbers greater than 0, or a grid of them."""
    grid = _grid("delta", plain["delta"])
    values = grid or numbers("delta", plain["delta"])
    for value in values if grid is None else grid.ends:
        if value <= 0:
            point = "" if value else ", or delta=0.0001 with a decimal point: a comma separates two deltas"
            raise ConfigurationError(f"delta={value:g}: a step is greater than 0; write one such as delta=1e-4{point}")
    return values


def _grid(where: str, value: object) -> Grid | None:
    with located(where):
        return described(value)
