"""What is seen of a function on either side of a point: a slope, a vertical tangent, a jump, or no value."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from derivkit.arguments import number
from derivkit.function import Function, function_of
from derivkit.numerical.ledger import Ledger
from derivkit.numerical.result import Derivative
from derivkit.numerical.status import Status
from derivkit.types import FunctionLike

NEAR = 2.0**-14
"""Where f is looked at beside a point, in the scale of f: near enough for a limit, far above rounding."""
EIGHT_DIGITS = float(np.sqrt(np.finfo(np.float64).eps))
"""How far x + distance may be off, in the distance."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """What is seen of f on one side of a point.

    Attributes
    ----------
    name : {"left", "right"}
    kind : str
        ``slope``; ``vertical``: secants grow without bound, slower than 1 / delta; ``jump``: they grow like 1 / delta;
        ``nothing``: f has no value there; ``no value``: it has values there, but none at the point.
    slope, error : float
        The one-sided derivative and its bar; of a vertical tangent an infinite slope; NaN where there is none.
    value, distance : float
        f beside the point, and how far from it.
    exponent : float
        Of the distance, that f follows where its tangent is vertical; else NaN.

    Examples
    --------
    >>> sides(abs, 0.0).left.slope
    -1.0
    """

    name: str
    kind: str
    slope: float = math.nan
    error: float = math.nan
    value: float
    distance: float
    exponent: float = math.nan

    def sentence(self, y: float) -> str:
        """The side in words; `y` is f at the point, NaN where it has no value."""
        name = self.name
        if not math.isfinite(y):
            beside = f"{self.value:.4g} at a distance of {self.distance:.1e}"
            return f"none to the {name}" if self.kind == "nothing" else f"{beside} to the {name}"
        return {
            "slope": f"slope {self.rounded_slope} from the {name}",
            "vertical": f"from the {name} the slope grows like delta^{self.exponent - 1.0:.2f}, a vertical tangent",
            "jump": f"f jumps, lying {abs(self.value - y):.3g} {'lower' if self.value < y else 'higher'} to the {name}",
            "nothing": f"f has no value to the {name}",
        }[self.kind]

    @property
    def rounded_slope(self) -> str:
        """The slope in six digits; within its error of 0 it is 0."""
        return f"{0.0 if abs(self.slope) <= self.error else self.slope:.6g}"


@dataclass(frozen=True, kw_only=True)
class Sides:
    """Both sides of a point.

    Attributes
    ----------
    value : float
        f at the point; NaN where it has none.
    scale : float
        The distance over which f changes its slope; of a straight line, 1.
    exact : float
        The exact derivative; NaN where there is none, or none is known.
    derivative : Derivative or None
        The derivative from both sides together; None where f has no value at the point.
    left, right : Side
    message : str
        What is seen, in a sentence without a full stop.

    Examples
    --------
    >>> sides("max(x, 0)", 0.0).message
    'a kink, slope 0 from the left and 1 from the right'
    """

    value: float
    scale: float
    exact: float
    derivative: Derivative | None
    left: Side
    right: Side
    message: str

    @property
    def smooth(self) -> bool:
        """Whether there is an exact derivative."""
        return not math.isnan(self.exact)

    @property
    def agree(self) -> bool:
        """Whether both sides have one slope."""
        return _agree(self.derivative)


def sides(f: FunctionLike, x: float) -> Sides:
    """What is seen of f to the left and to the right of x, in numbers and in words.

    Parameters
    ----------
    f : Function, formula or callable
        A formula says besides whether there is an exact derivative.
    x : float
        The point.

    Returns
    -------
    Sides

    Raises
    ------
    TypeError, ValueError
        If x is not one number.

    Examples
    --------
    >>> sides("sqrt(x)", 0.0).message
    'f has no value to the left; from the right the slope grows like delta^-0.50, a vertical tangent'
    >>> sides("floor(x)", 1.0).message
    'f jumps, lying 1 lower to the left; slope 0 from the right'
    """
    place, function = number("x", x), function_of(f).remembering
    ledger = Ledger(function)
    value = float(ledger(place))
    scale, exact = function.length_scale(place), float(function.exact_derivative(np.array(place)))
    both = function.derivative(np.array(place)) if math.isfinite(value) else None
    left, right = (_side(function, place, name, scale, known=both is not None) for name in ("left", "right"))
    if both is None:
        raised = f" ({ledger.raised[0]})" if ledger.raised else ""
        message = f"f has no value at the point{raised}, and {left.sentence(value)}, {right.sentence(value)}"
    elif left.kind != "slope" or right.kind != "slope":
        message = f"{left.sentence(value)}; {right.sentence(value)}"
    else:
        message = _of_slopes(function, both, left, right, smooth=not math.isnan(exact))
    return Sides(value=value, scale=scale, exact=exact, derivative=both, left=left, right=right, message=message)


def _side(f: Function, x: float, name: str, scale: float, *, known: bool) -> Side:
    """One side; `known` says whether f has a value at x."""
    distance = NEAR * max(scale, np.spacing(abs(x)) / (EIGHT_DIGITS * NEAR))
    value = float(f(x + (distance if name == "right" else -distance)))
    if not (known and math.isfinite(value)):
        kind = "no value" if math.isfinite(value) else "nothing"
        return Side(name=name, kind=kind, value=value, distance=distance)
    one = f.derivative(np.array(x), side=name)
    if math.isfinite(one.value):
        return Side(name=name, kind="slope", slope=one.value, error=one.error, value=value, distance=distance)
    kind = "vertical" if one.status == Status.VERTICAL else "jump"
    return Side(name=name, kind=kind, slope=one.value, value=value, distance=distance, exponent=one.exponent)


def _of_slopes(f: Function, both: Derivative, left: Side, right: Side, *, smooth: bool) -> str:
    """Both sides in words where each has a slope."""
    if smooth:
        return "smooth"
    if not _agree(both):
        return f"a kink, slope {left.rounded_slope} from the left and {right.rounded_slope} from the right"
    known = "no exact derivative is known" if f.expression is None else "f is made of two pieces here"
    return f"both sides agree on the slope {right.rounded_slope}, but {known}"


def _agree(both: Derivative | None) -> bool:
    return both is not None and math.isfinite(both.value)
