"""Slope, secant and tangent: the geometry of a derivative."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from derivkit.arguments import check_function, number, shown
from derivkit.asker import Asker
from derivkit.types import FunctionLike, Point


@dataclass(frozen=True)
class Line:
    """The line y = slope * x + intercept; call it for y.

    Attributes
    ----------
    slope, intercept : float

    Examples
    --------
    >>> Line(slope=2.0, intercept=1.0)(3.0)
    7.0
    """

    slope: float
    intercept: float

    def __call__(self, x: float) -> float:
        """The y of the line.

        Parameters
        ----------
        x : float
            Where the line is read.

        Returns
        -------
        float
            slope times x, plus intercept.
        """
        return self.slope * x + self.intercept


def slope(start: Point, end: Point) -> float:
    """Rise over run between two points.

    Parameters
    ----------
    start, end : (float, float)
        x and y of two points with different x.

    Returns
    -------
    float

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


def secant(f: FunctionLike, x0: float, x1: float) -> Line:
    """The line through two points of the graph of f, its intercept taken from the second.

    Parameters
    ----------
    f : callable or formula
        Of one number or of an array.
    x0, x1 : float
        Two different numbers, in the domain of f.

    Returns
    -------
    Line

    Raises
    ------
    ValueError
        If x0 equals x1, or if f has no finite value at one of them; the message gives what f raised.
    TypeError
        If f gives what is no number.

    Examples
    --------
    >>> secant(lambda x: x**2, 1.0, 4.0)
    Line(slope=5.0, intercept=-4.0)
    """
    check_function(f, "dk.secant(math.sin, 1.0, 2.0)")
    start, end = ((x, _value(f, x)) for x in (_finite("x0", x0), _finite("x1", x1)))
    rise_over_run = slope(start, end)
    return Line(rise_over_run, end[1] - rise_over_run * end[0])


def tangent(f: FunctionLike, x: float, delta: float) -> Line:
    """The approximate tangent at x: the secant to x + delta.

    Parameters
    ----------
    f : callable or formula
        Of one number or of an array.
    x, delta : float
        The point, and the step in x's unit; negative to the left.

    Returns
    -------
    Line

    Raises
    ------
    ValueError
        If x + delta is x as rounded, or if f has no finite value at one of them.

    Examples
    --------
    >>> tangent(lambda x: 2 * x**2, 1.0, 0.0001).slope
    4.0001999999987845
    """
    check_function(f, "dk.tangent(math.sin, 1.0, 1e-4)")
    return secant(f, _finite("x", x), x + _finite("delta", delta))


def _value(f: FunctionLike, x: float) -> float:
    """f(x), refused with what f raised where it is no finite number."""
    ask = Asker(f)
    value = ask(np.array(float(x)))
    ask.refuse_no_function([value])
    if not np.isfinite(value):
        raised = f": {ask.raised[0].message}" if ask.raised else ""
        raise ValueError(f"f has no finite value at {x!r}{raised}")
    return float(value)


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
