"""Names of the types that many modules share, and the limits of float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Numbers = NDArray[Any]
"""An array of whichever type is looked at."""
Mask = NDArray[np.bool_]
Indices = NDArray[np.intp]
Codes = NDArray[np.int8]
"""Statuses as numbers."""
Texts = NDArray[np.str_]

Rational = int | Fraction
Point = tuple[float, float]
"""x and y."""
NamedPoint = Mapping[str, float]
"""The values of variables by their names."""
Domain = tuple[float, float]
"""The closed interval in which f may be evaluated."""
Ends = tuple[float | None, float | None] | Array
"""A domain as it is written: None for an end that is not there."""
Box = tuple[ArrayLike | None, ArrayLike | None]
"""A domain of many variables: two ends for all, or for each."""


class Formula(Protocol):
    """What is known of a formula where none is read."""

    @property
    def program(self) -> tuple[Any, ...]:
        """Its steps, flat."""


FunctionLike = Callable[..., Any] | Formula | str
"""What stands for a function: a callable, or a formula."""

EPS = float(np.finfo(np.float64).eps)
"""The distance from 1 to the next larger float."""
EPS32 = float(np.finfo(np.float32).eps)
"""That in float32."""
LEAST_NORMAL = float(np.finfo(np.float64).tiny)
"""Below this floats lose digits, and at last become 0."""
LEAST_FLOAT = float(np.finfo(np.float64).smallest_subnormal)
"""The least float greater than 0."""
