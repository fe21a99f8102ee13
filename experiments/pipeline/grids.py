"""The grids of a configuration: those of ``derivkit.grids`` as the lists that a configuration holds."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from derivkit import grids
from derivkit.grids import Array, Number

MOST = 100_000

# A configuration is resolved several times on its way to a job. Typed: 9.0 is no number of points, though it equals 9.
_kept = lru_cache(maxsize=16, typed=True)


@_kept
def linspace(start: Number, stop: Number, count: int) -> list[float]:
    """Return ``count`` evenly spaced numbers from ``start`` to ``stop``, both included."""
    _refuse_long("linspace", count)
    return _listed(grids.linspace(start, stop, count))


@_kept
def logspace(start: Number, stop: Number, count: int) -> list[float]:
    """Return 10 to the power of ``count`` evenly spaced exponents from ``start`` to ``stop``."""
    _refuse_long("logspace", count)
    return _listed(grids.logspace(start, stop, count))


@_kept
def geomspace(start: Number, stop: Number, count: int) -> list[float]:
    """Return ``count`` numbers of constant ratio from ``start`` to ``stop``, both above 0 and included."""
    _refuse_long("geomspace", count)
    return _listed(grids.geomspace(start, stop, count))


@_kept
def powers_of_two(start: int, stop: int) -> list[float]:
    """Return 2 to the power of every whole number from ``start`` to ``stop``, both included."""
    return _listed(grids.powers_of_two(start, stop))


GRIDS: dict[str, Callable[..., list[float]]] = {
    "logspace": logspace,
    "linspace": linspace,
    "geomspace": geomspace,
    "powers_of_two": powers_of_two,
}


def _listed(values: Array) -> list[float]:
    found: list[float] = values.tolist()
    return found


def _refuse_long(name: str, count: int) -> None:
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST:
        raise ValueError(f"{name} of {count} numbers: the third argument is a whole number from 1 to {MOST}")
