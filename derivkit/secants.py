"""Slope, secant and tangent: the geometry of a derivative."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from derivkit.arguments import check_function, number, shown
from derivkit.types import Point


@dataclass(frozen=True)
class Line:
    """The line y = slope * x + intercept; call it for y.

    Examples
    --------
    >>> Line(slope=2.0, intercept=1.0)(3.0)
    7.0
    """

    slope: float
    intercept: float

    def __call__(self, x: float) -> float:
        """y at x."""
        return self.slope * x + self.intercept


def slope(start: Point, end: Point) -> float:
    """Rise over run between two points.

    Raises
    ------
    ValueError
        If both points have the same x.

    Examples
    --------
    >>> slope((0, 0), (1, 2))
    2.0
    """
    (x0, y0), (x1, y1) = _coordinates("start", start), _coordinates("end", end)
    if x0 == x1:
        raise ValueError(f"a slope needs two points with different x; both have x = {x0}")
    return (y1 - y0) / (x1 - x0)


def secant(f: Callable[[float], float], x0: float, x1: float) -> Line:
    """The line through two points of the graph of f, its intercept taken from the second.

    Raises
    ------
    ValueError
        If x0 equals x1.

    Examples
    --------
    >>> secant(lambda x: x**2, 1.0, 4.0)
    Line(slope=5.0, intercept=-4.0)
    """
    check_function(f, "dk.secant(math.sin, 1.0, 2.0)")
    for name, x in (("x0", x0), ("x1", x1)):
        _finite(name, x)
    with np.errstate(all="ignore"):
        y0, y1 = f(x0), f(x1)
    rise_over_run = slope((x0, _finite(f"f({x0!r})", y0)), (x1, _finite(f"f({x1!r})", y1)))
    return Line(rise_over_run, y1 - rise_over_run * x1)


def tangent(f: Callable[[float], float], x: float, delta: float) -> Line:
    """The approximate tangent at x: the secant to x + delta.

    Examples
    --------
    >>> tangent(lambda x: 2 * x**2, 1.0, 0.0001).slope
    4.0001999999987845
    """
    check_function(f, "dk.tangent(math.sin, 1.0, 1e-4)")
    return secant(f, _finite("x", x), x + _finite("delta", delta))


def _coordinates(name: str, point: Any) -> Point:
    if not isinstance(point, tuple | list | np.ndarray) or len(point) != 2:
        raise ValueError(f"{name}={shown(point)}: write a point as (x, y)")
    x, y = point
    return _finite(f"x of {name}", x), _finite(f"y of {name}", y)


def _finite(name: str, value: Any) -> Any:
    """The value as it is, if it is one finite number."""
    if not math.isfinite(number(name, value)):
        raise ValueError(f"{name} must be a finite number, not {value}")
    return value
