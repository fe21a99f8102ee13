"""Automatic differentiation of ordinary NumPy functions: dual numbers and Taylor mode, the chain rule on numbers.

f is called with a number that carries its Taylor series along (:mod:`derivkit.operations.taylor`). NumPy hands every
universal function and every routine that meets such a number over to it, so that f itself stays as it is. What would
lose the series on the way (``float(x)``, ``np.asarray(x)``, ``math.sin``) is refused, never answered.

A comparison answers for the point itself, and so follows one branch of f. Where the two sides are equal, the branch may
hold at that point alone (``1 if x == 0 else np.sin(x)/x``) and says nothing of a derivative. There f is called twice
more, for the points just above and just below x, the first coefficient in which the sides differ deciding who is
larger; the derivative is what both agree on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from derivkit.arguments import check_function, points_of, whole
from derivkit.automatic.numbers import DualNumber, Trace
from derivkit.automatic.routines import NUMPY
from derivkit.expressions.evaluation import FLOAT_CONSTANTS, interpret, refuse_many_variables
from derivkit.expressions.expression import expression_of
from derivkit.expressions.tree import Expression
from derivkit.operations.elementary import OPERATIONS
from derivkit.types import Array, Formula, FunctionLike

MAX_ORDER = 170
"""The largest factorial in float64 is 170!."""
EXTRA_COEFFICIENTS = 4
"""Coefficients beyond the requested order by which a comparison of equal numbers is decided: enough for x^4 > 0; a
constant without a derivation."""
AGREEMENT = 2.0**-44
"""Relative difference at which two sides count as one, for the rounding on the way: 512 units; a constant without a
derivation. A smaller kink is not seen."""


@dataclass(frozen=True)
class Dual:
    """The value of f and its derivatives, from one call of f where no comparison meets equal sides.

    Attributes
    ----------
    value : float or ndarray
        f(x), of x's shape, as NumPy computes it in float64.
    derivatives : tuple of float or ndarray
        f', f'', ... up to the order requested, shape ``(order,) + x.shape``; a tuple for a scalar x. +-inf where the
        tangent is vertical with one sign (np.sqrt at 0, np.arccosh at 1) or the slope beyond the range of float64, and
        NaN from the next order on; NaN where a derivative does not exist, or where the rules cannot see it (that of
        x*abs(x) at 0 they do not). So do `exact`, `derive` and `derivative`.
    evaluations : int
        How often f was called: once, and twice more where a comparison met equal sides.

    Examples
    --------
    >>> dual(lambda x: x if x >= 0 else -x, 0.0)
    Dual(value=0.0, derivatives=(nan,), evaluations=3)
    """

    value: Any
    derivatives: Any
    evaluations: int

    @property
    def derivative(self) -> Any:
        """The derivative of the highest order requested, of x's shape."""
        return self.derivatives[-1]


def dual(f: FunctionLike, x: ArrayLike, order: int = 1) -> Dual:
    """Value and derivatives of an ordinary NumPy function at every x, exact up to the rounding of f's own steps.

    Taylor mode (A. Griewank and A. Walther, *Evaluating Derivatives*, 2nd ed. 2008, chapter 13): f is called with
    numbers that carry their Taylor series along.

    Parameters
    ----------
    f : callable or formula
        Of one argument, point by point: operators, NumPy's universal functions, np.where, np.select, np.piecewise,
        np.clip, np.sum and the like over axes that hold no points of x; for a scalar x also ``if`` and ``while``.
        Arrays and numbers that it holds broadcast against x.
    x : array_like
        The points, any shape, taken as float64: float32 and integers are converted, and f then computes in float64.
    order : int
        Highest order of derivative, 1 to 170: all of them come at once.

    Returns
    -------
    Dual
        ``value``, ``derivatives`` and ``evaluations``; Python numbers for a scalar x.

    Raises
    ------
    DualError
        A TypeError: a step of f would lose the derivative, or mixes the points of x.
    ValueError
        If the order is not from 1 to 170.
    TypeError
        If f is not callable, or x is not made of real numbers.

    Notes
    -----
    What is differentiated is the program. Where f loses digits its derivative does too ((1-cos(x))/x**2 near 0, or
    sin(arcsin(x)) at 1, where 6e-17 times infinity is infinite, which 0 times infinity would not be), and an
    f that finds its value by comparisons alone (bisection) is piecewise constant and has the derivative 0.

    Examples
    --------
    >>> import numpy as np
    >>> dual(lambda x: 5 * x**5 + 4 * x**3 - 5, 1.0)
    Dual(value=4.0, derivatives=(37.0,), evaluations=1)
    >>> dual(lambda x: np.where(x > 0, x**2, -x), np.array([3.0, -1.0])).derivative
    array([ 6., -1.])
    >>> dual(np.exp, 0.0, order=4).derivatives
    (1.0, 1.0, 1.0, 1.0)
    >>> dual(lambda x: x if x > 0 else -x, 0.0).derivatives
    (nan,)
    """
    check_function(f, "dk.dual(np.sin, 1.0)")
    order = whole("order", order, 1, MAX_ORDER)
    points = points_of(x)
    with np.errstate(all="ignore"):
        coefficients, evaluations = _expansion(f if callable(f) else _of_formula(f), points, order)
        derivatives = _until_infinite([c * float(math.factorial(k)) for k, c in enumerate(coefficients)][1:])
        defined = np.isfinite(coefficients[0])
        if not np.all(defined):
            derivatives = [np.where(defined, c, np.nan) for c in derivatives]
    if points.ndim == 0:
        return Dual(float(coefficients[0]), tuple(float(c) for c in derivatives), evaluations)
    return Dual(coefficients[0], np.stack(derivatives), evaluations)


def _until_infinite(derivatives: list[Any]) -> list[Any]:
    """The derivatives up to the first that is infinite, NaN behind it."""
    cut, beyond = [], False
    for value in derivatives:
        cut.append(np.where(beyond, np.nan, value))
        beyond = beyond | np.isinf(value)
    return cut


def _expansion(f: Callable[[Any], Any], x: Array, order: int) -> tuple[list[Any], int]:
    """Taylor's coefficients of f at every x, and the calls of f that they took."""
    trace = Trace(x, order, NUMPY)
    coefficients = trace.call(f)
    if not np.any(trace.tied):
        return coefficients, 1
    sides = [Trace(x, order + EXTRA_COEFFICIENTS, NUMPY, side) for side in (1, -1)]
    right, left = (side.call(f)[: order + 1] for side in sides)
    agreed = ~(sides[0].undecided | sides[1].undecided) & _close(coefficients[0], right[0])
    joined = [coefficients[0]]
    for k, (a, b) in enumerate(zip(right, left, strict=True)):
        agreed = agreed & _close(a, b)
        if k:
            joined.append(np.where(trace.tied, np.where(agreed, a, np.nan), coefficients[k]))
    return joined, 3


def _close(a: Any, b: Any) -> Any:
    return (a == b) | (np.abs(a - b) <= AGREEMENT * np.maximum(np.abs(a), np.abs(b)))


def carries_series(x: object) -> bool:
    """Whether x is a number of dk.dual."""
    return isinstance(x, DualNumber)


def _of_formula(formula: Formula | str) -> Callable[[Any], Any]:
    """The function of one variable that a formula stands for, at numbers that carry their series."""
    expression = expression_of(formula)
    refuse_many_variables(expression)
    return lambda x: expression_at(expression, x)


def expression_at(expression: Expression, x: Any) -> Any:
    """An expression of one variable at a number of dk.dual, by the rules of its operations."""

    def apply(name: str, *arguments: Any) -> Any:
        if any(map(carries_series, arguments)):
            return x.run.combine(name, OPERATIONS[name].series, arguments)
        return OPERATIONS[name].value(*arguments)

    return interpret(
        expression, number=np.float64, constant=FLOAT_CONSTANTS.__getitem__, variable=lambda name: x, apply=apply
    )
