"""Trusted values: Taylor series in mpmath, the digits doubled until two answers agree."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

from derivkit.analytical.evaluation import taylor_series
from derivkit.analytical.expression import Expression, parse

DIGITS = (50, 100, 200, 400, 800)
"""Working precisions, in decimal digits; an answer needs two of them to agree."""
AGREEMENT = 1e-25
"""Relative difference at which two precisions agree: nine digits more than a float64 holds."""
OUT_OF_RANGE = 2**20
"""Numbers beyond 2 to this power end as NaN; mpmath alone would go on for ever on exp(exp(exp(9)))."""
LARGEST_ANGLE = 2**12
"""Arguments of periodic functions beyond 2 to this power end as NaN: their reduction needs as many bits of pi."""


class ExactStatus(StrEnum):
    """What is known of a trusted value."""

    OK = "ok"
    NO_DERIVATIVE = "no_derivative"
    UNRESOLVED = "unresolved"


@dataclass(frozen=True)
class Exact:
    """A trusted value: the float64 nearest to it, a bound of the error of that float, and a status.

    ``no_derivative``: there is none at this point, or f is not defined there; ``unresolved``: no two precisions agreed.
    """

    value: float
    error: float
    status: ExactStatus


def exact(expression: Expression | str, x: float, order: int = 1) -> Exact:
    """The derivative of an expression of one variable at the float64 x, right to the last bit.

    Parameters
    ----------
    expression : Expression or str
        The function; its decimals are exact (0.1 is one tenth).
    x : float
        The point, taken as the dyadic rational that it is.
    order : int
        Order of the derivative; 0 gives the value of the function.

    Returns
    -------
    Exact
        ``value`` NaN and ``error`` inf where there is no trusted value.

    Examples
    --------
    >>> exact("2*x^2", 1.0)
    Exact(value=4.0, error=0.0, status=<ExactStatus.OK: 'ok'>)
    """
    tree = parse(expression) if isinstance(expression, str) else expression
    previous: Any = None
    for digits in DIGITS:
        numbers = _numbers(digits)
        series = high_precision_series(tree, x, order, digits=digits)
        value = series[order] * math.factorial(order)
        if not all(map(numbers.context.isfinite, series)):
            return Exact(math.nan, math.inf, ExactStatus.NO_DERIVATIVE)
        if previous is not None and _agree(previous, value):
            nearest = float(value)
            return Exact(nearest, float(abs(value - nearest)), ExactStatus.OK)
        previous = value
    return Exact(math.nan, math.inf, ExactStatus.UNRESOLVED)


def high_precision_series(expression: Expression, x: float, order: int, *, digits: int = 50) -> list[Any]:
    """Coefficients f^(k)(x)/k! for k = 0..order as mpmath numbers; NaN where a function has no real value."""
    numbers = _numbers(digits)
    context = numbers.context
    try:
        return taylor_series(expression, context.mpf(x), order, numbers=numbers, lift=numbers.lift)
    except (ZeroDivisionError, OverflowError, ValueError):
        return [context.nan] * (order + 1)


def _agree(a: Any, b: Any) -> bool:
    """Two precisions agree to more digits than a float64 holds, or both vanish against its least positive number."""
    return bool(abs(a - b) <= AGREEMENT * abs(b)) or bool(max(abs(a), abs(b)) < 2.0**-1074 / 4)


@functools.cache
def _numbers(digits: int) -> SimpleNamespace:
    """Real functions of mpmath at a fixed precision: NaN instead of complex values and beyond the range."""
    from mpmath.ctx_mp import MPContext  # noqa: PLC0415 -- `import derivkit` must not pay for mpmath

    context = MPContext()
    context.dps = digits

    def real(name: str) -> Any:
        function = getattr(context, name)

        def guarded(a: Any) -> Any:
            result = function(a)
            return result if isinstance(result, context.mpf) else context.nan

        return guarded

    def exponential(name: str) -> Any:
        function = getattr(context, name)
        return lambda a: function(a) if abs(a) < OUT_OF_RANGE else context.nan

    def periodic(name: str) -> Any:
        function = getattr(context, name)
        return lambda a: function(a) if abs(a) < context.ldexp(1, LARGEST_ANGLE) else context.nan

    def power(a: Any, b: Any) -> Any:
        if a and abs(b * context.mag(a)) > OUT_OF_RANGE:
            return context.nan
        result = context.power(a, b)
        return result if isinstance(result, context.mpf) else context.nan

    def lift(value: Fraction | str) -> Any:
        if isinstance(value, str):
            return +getattr(context, value)
        return context.mpf(value.numerator) / value.denominator

    return SimpleNamespace(
        context=context,
        lift=lift,
        power=power,
        nan=context.nan,
        floor=context.floor,
        sign=context.sign,
        heaviside=lambda a: (context.sign(a) + 1) / 2,
        cbrt=lambda a: context.sign(a) * context.cbrt(abs(a)),
        where=lambda condition, a, b: a if condition else b,
        **{name: exponential(name) for name in ("exp", "expm1", "sinh", "cosh", "tanh")},
        **{name: periodic(name) for name in ("sin", "cos", "tan")},
        **{name: real(name) for name in ("log", "log1p", "sqrt", "asin", "acos", "atan", "asinh", "acosh", "atanh")},
    )
