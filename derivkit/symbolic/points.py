"""Points at which formulas are compared, and the arithmetics of values there: float64 and balls.

An unknown function stands for an exponential e^(r u), whose rate r differs from name to name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from derivkit.expressions.evaluation import Arithmetic, float_arithmetic
from derivkit.late import balls
from derivkit.operations.elementary import OPERATIONS
from derivkit.types import Array, Codes, Indices

Point = Mapping[str, float]

MARGIN = 1e-3
"""How far points stay from where a rule does not hold; a constant without a derivation."""
GOLDEN = (5.0**0.5 - 1.0) / 2.0
RANGES = ((0.05, 3.0), (-3.0, 3.0), (0.05, 1.0), (-1.0, 1.0), (1.0, 12.0), (-30.0, 30.0), (0.0, 300.0), (-3e3, 3e3))
"""Where points lie, in turns; constants without a derivation."""


def lattice_of(names: Sequence[str], count: int) -> dict[str, Array]:
    """Points that no formula was made for: golden-ratio sequences over ranges of several sizes.

    The numbers are multiples of 2^-30, so that they mean the same in every precision.
    """
    k = np.arange(count)
    low, high = (np.array(ends, dtype=np.float64)[k % len(RANGES)] for ends in zip(*RANGES, strict=True))
    shares = {name: (k + 1) * GOLDEN ** (1 / (place + 1)) % 1.0 for place, name in enumerate(names)}
    return {name: np.round((low + (high - low) * share) * 2.0**30) / 2.0**30 for name, share in shares.items()}


def one_on_every_side(sides: Array | Codes) -> Indices:
    """The first point on every side of the breakpoints, in order, from the signs at each, shape (k, n)."""
    return np.sort(np.unique(sides, axis=1, return_index=True)[1])


def shown_point(point: Point) -> str:
    """A point in words."""
    return ", ".join(f"{name} = {value:.6g}" for name, value in point.items())


def stand_in(function: tuple[str, int]) -> tuple[Fraction, int]:
    """The rate of the exponential that stands for an unknown function, and the order of its derivative."""
    name, order = function
    return Fraction(1 + sum(map(ord, name)) % 64, 128), order


def float_stand_in(function: tuple[str, int], u: Array) -> Array:
    """The values in float64 of what stands for an unknown function."""
    rate, order = stand_in(function)
    return np.asarray(float(rate) ** order * np.exp(float(rate) * u))


def floats_at(points: Mapping[str, Array]) -> Arithmetic:
    """The arithmetic of float64 at points."""
    return float_arithmetic(points, unknown=float_stand_in)


def balls_at(point: Point, numbers: Any) -> Arithmetic:
    """The arithmetic of balls at a point."""
    lifted = balls.lifted
    return balls_of(numbers, lambda name: lifted(point[name]))


def balls_of(numbers: Any, variable: Callable[[str], Any]) -> Arithmetic:
    """The arithmetic of balls, in which an operation is its Taylor series of order 0."""
    constants = balls.Charged(0, numbers)

    def unknown(function: tuple[str, int], u: Any) -> Any:
        rate, order = stand_in(function)
        return numbers.exp(u * rate) * rate**order

    return Arithmetic(
        number=numbers.lift,
        constant=numbers.lift,
        variable=variable,
        apply=lambda name, *arguments: OPERATIONS[name].series(constants, *([value] for value in arguments))[0],
        unknown=unknown,
    )
