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

DIGITS = (50, 100, 200, 400, 800, 1600, 3200)
"""Working precisions, in decimal digits; an answer needs two of them to agree."""
BITS_PER_DIGIT = math.log2(10.0)
AGREEMENT = 1e-25
"""Relative difference at which two precisions agree: nine digits more than a float64 holds."""
VANISHING = 1600
"""Digits at which a number that vanishes is believed to be 0: five times the decimal exponents of float64."""
GUARD_BITS = 64
"""Bits beyond the span of the intermediate numbers that a precision must have."""
OUT_OF_RANGE = 2**20
"""Numbers beyond 2 to this power are refused; mpmath alone would go on for ever on exp(exp(exp(9)))."""
LARGEST_ANGLE = 2**12
"""Arguments of periodic functions beyond 2 to this power are refused: their reduction needs as many bits of pi."""


class OutOfRangeError(ArithmeticError):
    """A number beyond what this module evaluates."""


class ExactStatus(StrEnum):
    """What is known of a trusted value."""

    OK = "ok"
    NO_DERIVATIVE = "no_derivative"
    UNRESOLVED = "unresolved"


@dataclass(frozen=True)
class Exact:
    """A trusted value: the float64 nearest to it, the error of that float, and a status.

    ``no_derivative``: f is not defined there, or has no derivative that the rules can see (that of x*abs(x) at 0 they
    do not). ``unresolved``: no two precisions agreed, or a number on the way or the value itself is out of range.
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
    failures, needed = 0, 0.0
    for digits in DIGITS:
        if digits * BITS_PER_DIGIT < needed:
            continue
        try:
            series, needed = _traced_series(tree, x, order, digits=digits)
        except OutOfRangeError:
            break
        if not all(map(_numbers(digits).context.isfinite, series)):
            previous, failures = None, failures + 1
            if failures == 2:
                return Exact(math.nan, math.inf, ExactStatus.NO_DERIVATIVE)
            continue
        value = series[order] * math.factorial(order)
        if previous is not None and _agree(previous, value, digits=digits, spanned=digits * BITS_PER_DIGIT >= needed):
            nearest = float(value)
            if math.isfinite(nearest):
                return Exact(nearest, float(abs(value - nearest)), ExactStatus.OK)
            break
        previous = value
    return Exact(math.nan, math.inf, ExactStatus.UNRESOLVED)


def taylor(expression: Expression | str, x: float, order: int) -> tuple[float, ...]:
    """Taylor's coefficients f^(k)(x)/k! for k = 0..order, each from a trusted derivative.

    Parameters
    ----------
    expression : Expression or str
        The function, of one variable.
    x : float
        The point, taken as the dyadic rational that it is.
    order : int
        The last coefficient.

    Returns
    -------
    tuple of float
        NaN from the first coefficient that does not exist.

    Examples
    --------
    >>> taylor("x^2 + sin(x)", 0.0, 4)
    (0.0, 1.0, 1.0, -0.16666666666666666, 0.0)
    """
    tree = parse(expression) if isinstance(expression, str) else expression
    coefficients: list[float] = []
    for k in range(order + 1):
        found = exact(tree, x, k).value
        if math.isnan(found):
            break
        coefficients.append(found / math.factorial(k))
    return (*coefficients, *[math.nan] * (order + 1 - len(coefficients)))


def high_precision_series(expression: Expression, x: float, order: int, *, digits: int = 50) -> list[Any]:
    """Coefficients f^(k)(x)/k! for k = 0..order as mpmath numbers; NaN where a function has no real value."""
    try:
        return _traced_series(expression, x, order, digits=digits)[0]
    except OutOfRangeError:
        return [_numbers(digits).context.nan] * (order + 1)


def _traced_series(expression: Expression, x: float, order: int, *, digits: int) -> tuple[list[Any], float]:
    """The series, and the bits that it needs.

    Two precisions that both absorb a small number entirely (1 + 1e-200) agree on a wrong answer. So the precision
    must span the binary exponents of all numbers on the way, once for every order, since a division may lose the span
    at each.
    """
    numbers = _numbers(digits)
    context = numbers.context
    trace: list[list[Any]] = []
    try:
        series = taylor_series(expression, context.mpf(x), order, numbers=numbers, lift=numbers.lift, trace=trace)
    except (ZeroDivisionError, OverflowError, ValueError):
        return [context.nan] * (order + 1), 0.0
    sizes = [context.mag(c) for entry in trace for c in entry if c and context.isfinite(c)]
    span = float(max(sizes, default=0) - min(sizes, default=0))
    return series, (order + 1) * span + GUARD_BITS


def _agree(a: Any, b: Any, *, digits: int, spanned: bool) -> bool:
    """Two precisions agree to more digits than a float64 holds, where the precision spans all numbers on the way.

    What cancels to nothing leaves noise that no precision spans; it counts as 0 once it stays below a quarter of the
    least positive float64 at VANISHING digits.
    """
    if spanned and abs(a - b) <= AGREEMENT * abs(b):
        return True
    return digits >= VANISHING and bool(max(abs(a), abs(b)) < b.context.ldexp(1, -1076))


@functools.cache
def _numbers(digits: int) -> SimpleNamespace:
    """Real functions of mpmath at a fixed precision: NaN instead of complex values, OutOfRangeError beyond the
    range.
    """
    from mpmath.ctx_mp import MPContext  # noqa: PLC0415 -- `import derivkit` must not pay for mpmath

    context = MPContext()
    context.dps = digits

    def real(name: str) -> Any:
        function = getattr(context, name)

        def guarded(a: Any) -> Any:
            result = function(a)
            return result if isinstance(result, context.mpf) else context.nan

        return guarded

    def bounded(name: str, largest: Any) -> Any:
        function = getattr(context, name)

        def guarded(a: Any) -> Any:
            if abs(a) > largest:
                raise OutOfRangeError
            return function(a)

        return guarded

    def power(a: Any, b: Any) -> Any:
        if a and abs(b * context.mag(a)) > OUT_OF_RANGE:
            raise OutOfRangeError
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
        **{name: bounded(name, OUT_OF_RANGE) for name in ("exp", "expm1", "sinh", "cosh", "tanh")},
        **{name: bounded(name, context.ldexp(1, LARGEST_ANGLE)) for name in ("sin", "cos", "tan")},
        **{name: real(name) for name in ("log", "log1p", "sqrt", "asin", "acos", "atan", "asinh", "acosh", "atanh")},
    )
