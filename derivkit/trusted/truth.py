"""Truths to measure by: derivatives to twice the digits of float64, each as the sum of two floats.

An error below half a unit in the last place can only be measured against a number that has more places. The function
is the one that float64 is given: its decimals and constants are taken as the floats that they become, so that an error
of a method is not mixed with that of writing 0.1 in binary.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from derivkit.expressions.evaluation import FLOAT_CONSTANTS, nearest_float
from derivkit.expressions.tree import Expression, Instruction, tree_of
from derivkit.late import enclosures, program_series
from derivkit.trusted.exact import high_precision_series
from derivkit.types import Array

DIGITS = 34
"""Decimal digits to which a truth is known: two floats hold 31, and two more guard their rounding."""


@dataclass(frozen=True)
class Truth:
    """Numbers known to twice the digits of float64: high + low, high being the nearest float; NaN where there is none.

    Examples
    --------
    >>> tenth = Truth(np.array([0.1]), np.array([-5.551115123125783e-18]))
    >>> float(tenth.distance([0.1])[0])
    5.551115123125783e-18
    """

    high: Array
    low: Array

    def distance(self, value: ArrayLike) -> Array:
        """|value - truth|, right to the last digits also where it is far below an ulp; shape by broadcasting."""
        with np.errstate(all="ignore"):
            return cast("Array", np.abs((np.asarray(value, dtype=np.float64) - self.high) - self.low))

    @property
    def half_ulp(self) -> Array:
        """Half a unit in the last place of the truth: what the nearest float may be off by."""
        return 0.5 * np.spacing(np.abs(self.high))


def as_computed(expression: Expression) -> Expression:
    """The expression with its decimals and constants as the floats that they become.

    Examples
    --------
    >>> from derivkit.expressions.expression import parse
    >>> as_computed(parse("0.1*x")).program[0].value == Fraction(0.1)
    True
    """
    return Expression(tree_of(tuple(_rounded(step) for step in expression.program)))


def _rounded(step: Instruction) -> Instruction:
    if step.operation not in ("number", "constant"):
        return step
    exact = step.value if isinstance(step.value, Fraction) else None
    near = float(FLOAT_CONSTANTS[cast("str", step.value)]) if exact is None else nearest_float(exact)
    return replace(step, operation="number", value=Fraction(near)) if math.isfinite(near) else step


def truth(expression: Expression, x: ArrayLike, *, order: int = 1) -> Truth:
    """The derivative of an expression, as float64 reads it, at every x.

    Parameters
    ----------
    expression : Expression
        Of at most one variable.
    x : array_like
        Points, taken as the dyadic rationals that they are.
    order : int
        Order of the derivative; 0 gives the value of the function.

    Returns
    -------
    Truth
        Arrays of x's shape; NaN where the derivative does not exist, is not known, or is beyond the range of float64.

    Examples
    --------
    >>> from derivkit.expressions.expression import parse
    >>> found = truth(parse("exp(x)"), [1.0])
    >>> float(found.high[0]), float(found.low[0])
    (2.718281828459045, 1.4456468917292502e-16)
    """
    computed = as_computed(expression)
    return _truths(lambda point: high_precision_series(computed, point, order, digits=DIGITS)[order], x, order)


def truth_of_program(program: Callable[[Any, Any], Any], x: ArrayLike, *, order: int = 1) -> Truth:
    """The derivative of a program at every x: what it would give if it did not round.

    Parameters
    ----------
    program : callable
        Of a number and of a namespace with NumPy's ``sin``, ``exp`` and the like; see
        :mod:`derivkit.trusted.program_series`. Nothing in it may depend on how large x is.
    x : array_like
        Points.
    order : int
        Order of the derivative.

    Returns
    -------
    Truth
        As of :func:`truth`.

    Examples
    --------
    >>> float(truth_of_program(lambda x, m: m.exp(x * x), [1.0]).high[0])
    5.43656365691809
    """
    return _truths(lambda point: program_series.coefficient(program, point, order, digits=DIGITS), x, order)


def _truths(coefficient: Callable[[float], Any], x: ArrayLike, order: int) -> Truth:
    points = np.asarray(x, dtype=np.float64)
    pairs = [enclosures.pair(coefficient(v), math.factorial(order)) for v in points.ravel().tolist()]
    high, low = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
    return Truth(high.reshape(points.shape), low.reshape(points.shape))
