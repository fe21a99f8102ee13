"""Points at which formulas are compared, how they lie relative to conditions, and the arithmetics of values there.

An unknown function stands for an exponential e^(r u), whose rate r differs from name to name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from derivkit.expressions.evaluation import Arithmetic, float_arithmetic
from derivkit.late import balls
from derivkit.operations.elementary import OPERATIONS
from derivkit.symbolic.rules import Condition
from derivkit.types import Array, Codes, Indices, Mask, NamedPoint

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


@dataclass(frozen=True)
class Located:
    """How n points lie relative to k conditions, as float64 sees them; shape (k, n) each."""

    far: Mask
    """Where the condition holds, and is far from being broken."""
    holds: Mask
    """Where it does, or is of no account."""
    sides: Codes
    """On which side of its breakpoint a point lies: the sign of left - right."""


def located(conditions: Sequence[Condition], values: Iterable[Sequence[Any]], count: int) -> Located:
    """How `count` points lie relative to conditions, from the values of the nodes of each condition at them."""
    far, holds = (np.empty((len(conditions), count), dtype=np.bool_) for _ in range(2))
    sides = np.empty((len(conditions), count), dtype=np.int8)
    with np.errstate(all="ignore"):
        for k, (condition, (left, right, needed)) in enumerate(zip(conditions, values, strict=True)):
            far[k] = condition.margin(left, right, np.ones(count)) > MARGIN
            holds[k] = condition.margin(left, right, needed) > MARGIN
            sides[k] = np.nan_to_num(np.sign(left - right))
    return Located(far, holds, sides)


def one_on_every_side(sides: Codes) -> Indices:
    """The first point on every side of the breakpoints, in order, from the sides of each, shape (k, n)."""
    padded = np.vstack([np.zeros_like(sides, shape=(1, sides.shape[1])), sides])  # for k = 0
    return np.sort(np.unique(padded, axis=1, return_index=True)[1])


def shown_point(point: NamedPoint) -> str:
    """A point in words."""
    return ", ".join(f"{name} = {value:.6g}" for name, value in point.items())


def stand_in(function: tuple[str, int]) -> tuple[Fraction, int]:
    """The rate of the exponential that represents an unknown function, and the order of its derivative."""
    name, order = function
    return Fraction(1 + sum(map(ord, name)) % 64, 128), order


def float_stand_in(function: tuple[str, int], u: Array) -> Array:
    """The values in float64 of the exponential that represents an unknown function."""
    rate, order = stand_in(function)
    return np.asarray(float(rate) ** order * np.exp(float(rate) * u))


def floats_at(points: Mapping[str, Array]) -> Arithmetic:
    """The arithmetic of float64 at points."""
    return float_arithmetic(points, unknown=float_stand_in)


def balls_at(point: NamedPoint, numbers: Any) -> Arithmetic:
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
