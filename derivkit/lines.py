"""Slope, secant and tangent: the geometry of a derivative."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Point = tuple[float, float]


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
    (x0, y0), (x1, y1) = start, end
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
    y0, y1 = f(x0), f(x1)
    rise_over_run = slope((x0, y0), (x1, y1))
    return Line(rise_over_run, y1 - rise_over_run * x1)


def tangent(f: Callable[[float], float], x: float, delta: float) -> Line:
    """The approximate tangent at x: the secant to x + delta.

    Examples
    --------
    >>> tangent(lambda x: 2 * x**2, 1.0, 0.0001).slope
    4.0001999999987845
    """
    return secant(f, x, x + delta)
