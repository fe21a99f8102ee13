"""What float64 makes of a formula, beside the trusted value: the digits that it loses."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from derivkit.expressions.evaluation import named_function
from derivkit.expressions.expression import expression_of
from derivkit.expressions.tree import Expression, Node
from derivkit.operations.row import UNIT
from derivkit.trusted.exact import ExactStatus, exact, point_of
from derivkit.types import NamedPoint

MAX_LOST = 16.0
"""Decimal digits that a float64 holds, rounded up: more cannot be lost."""
SUSPICIOUS = 1e-10
"""Relative error above which a value is flagged: about six of the sixteen digits; a constant without a derivation."""


@dataclass(frozen=True)
class Accuracy:
    """A value as float64 computes it, and what it should be.

    Attributes
    ----------
    value : float
        Computed in float64, operation by operation, in the order of the formula.
    trusted : float
        The float64 nearest to the true value; NaN where there is none, or where it is not known.
    lower, upper : float
        What the true value lies between; NaN where there is none.
    error : float
        Relative error of ``value``: 0 where both are equal, inf where only the trusted one is 0 or the value is no
        finite number, NaN where there is no trusted value.
    lost : float
        Decimal digits lost, from 0 to 16; NaN where there is no trusted value.
    flagged : bool
        True if the relative error is above 1e-10; where nothing is trusted, if a value is given where there is none
        or outside of the enclosure.
    status : ExactStatus
        Of the trusted value.

    Examples
    --------
    >>> print(accuracy("(exp(x) - 1)/x", 1e-12))
    1.000088900582341 in float64, 1.0000000000005 in truth: 11.9 digits lost
    """

    value: float
    trusted: float
    lower: float
    upper: float
    error: float
    lost: float
    flagged: bool
    status: ExactStatus

    def __str__(self) -> str:
        if self.status is not ExactStatus.OK:
            return f"{self.value!r} in float64, {self.status.replace('_', ' ')}"
        return f"{self.value!r} in float64, {self.trusted!r} in truth: {self.lost:g} digits lost"


def accuracy(formula: Expression | Node | str, x: float | NamedPoint) -> Accuracy:
    """Compare a formula in float64, such as that of a derivative, with its trusted value.

    Parameters
    ----------
    formula : Expression, Node or str
        Evaluated as it stands.
    x : float or mapping of str to float
        The point; by name where there are several variables.

    Returns
    -------
    Accuracy
        Both values, the relative error, and the decimal digits lost.

    Raises
    ------
    ParseError
        If a text is no formula.
    ValueError
        If a variable has no value.

    Examples
    --------
    >>> from derivkit.expressions.expression import parse
    >>> found = accuracy(parse("(1-cos(x))/x^2"), 1e-8)
    >>> found.value, found.trusted, found.lost, found.flagged
    (0.0, 0.5, 15.95, True)
    """
    tree = expression_of(formula)
    trusted = exact(tree, x, 0)
    point, _ = point_of(tree, x, 0, None)
    value = named_function(tree)(point)
    error = _relative(value, trusted.value)
    if trusted.status is ExactStatus.OK:
        flagged = error > SUSPICIOUS
    elif trusted.status is ExactStatus.NO_DERIVATIVE:
        flagged = not math.isnan(value)
    else:
        flagged = not trusted.lower <= value <= trusted.upper
    lost = round(min(MAX_LOST, max(0.0, math.log10(error / UNIT))), 2) if error > 0.0 else error
    return Accuracy(value, trusted.value, trusted.lower, trusted.upper, error, lost, flagged, trusted.status)


def _relative(value: float, trusted: float) -> float:
    if math.isnan(trusted):
        return math.nan
    if value == trusted:
        return 0.0
    if not math.isfinite(value) or trusted == 0.0:
        return math.inf
    with np.errstate(all="ignore"):
        difference = np.float64(value) - np.float64(trusted)
        if np.isinf(difference):  # of two huge numbers of opposite sign
            return abs(value / trusted - 1.0)
        return float(np.abs(difference) / np.abs(np.float64(trusted)))
