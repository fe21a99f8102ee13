"""An expression evaluated in float64 or another precision, with its running rounding error, or as a Taylor series."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from derivkit.arguments import numbers
from derivkit.expressions.expression import expression_of
from derivkit.expressions.tree import Expression, Instruction
from derivkit.operations.elementary import FLOATS, OPERATIONS
from derivkit.operations.row import SMALLEST, UNIT, Bounded
from derivkit.operations.taylor import Series, Taylor
from derivkit.types import Array

FLOAT_CONSTANTS: Mapping[str, np.float64] = {"pi": np.float64(np.pi), "e": np.float64(np.e)}
"""As NumPy numbers, which divide by zero as IEEE 754 has it."""
DECIMALS: Mapping[str, Fraction] = {
    "pi": Fraction("3.14159265358979323846264338327950288419716939937510582097494459"),
    "e": Fraction("2.71828182845904523536028747135266249775724709369995957496696763"),
}
"""The same to 62 decimals, for types with more digits than float64; the longest in use has 34."""


def interpret(
    expression: Expression,
    *,
    number: Callable[[Fraction], Any],
    constant: Callable[[str], Any],
    variable: Callable[[str], Any],
    apply: Callable[..., Any],
) -> Any:
    """Walk the expression's program once and return its value, in any arithmetic."""
    refuse_unknown_functions(expression)
    arithmetic = Arithmetic(number=number, constant=constant, variable=variable, apply=apply)
    return walk(expression.program, arithmetic)[-1]


@dataclass(frozen=True, kw_only=True)
class Arithmetic:
    """What a step of a program is worth: numbers, constants and variables, and the operations on such values.

    ``unknown`` takes name and order of an unknown function's derivative, and its argument.
    """

    number: Callable[[Fraction], Any]
    constant: Callable[[str], Any]
    variable: Callable[[str], Any]
    apply: Callable[..., Any]
    unknown: Callable[[tuple[str, int], Any], Any] | None = None

    def value(self, step: Instruction, arguments: Sequence[Any]) -> Any:
        """The value of one step from those of its arguments."""
        match step.operation:
            case "number":
                return self.number(cast("Fraction", step.value))
            case "constant":
                return self.constant(cast("str", step.value))
            case "variable":
                return self.variable(cast("str", step.value))
            case "unknown" if self.unknown:
                return self.unknown(cast("tuple[str, int]", step.value), *arguments)
        return self.apply(step.operation, *arguments)


def walk(program: Sequence[Instruction], arithmetic: Arithmetic) -> list[Any]:
    """The values of all steps of a program: the one evaluation loop."""
    values: list[Any] = []
    for step in program:
        values.append(arithmetic.value(step, [values[k] for k in step.arguments]))
    return values


def float_arithmetic(
    variables: Mapping[str, Array], *, unknown: Callable[[tuple[str, int], Any], Any] | None = None
) -> Arithmetic:
    """The arithmetic of float64, warnings left to the caller."""
    return Arithmetic(
        number=_nearest,
        constant=FLOAT_CONSTANTS.__getitem__,
        variable=variables.__getitem__,
        apply=lambda name, *arguments: OPERATIONS[name].value(*arguments),
        unknown=unknown,
    )


def float_values(
    program: Sequence[Instruction],
    variables: Mapping[str, Array],
    *,
    unknown: Callable[[tuple[str, int], Any], Any] | None = None,
) -> list[Any]:
    """The values of all steps of a program in float64, warnings left to the caller."""
    return walk(program, float_arithmetic(variables, unknown=unknown))


def float_function(formula: Expression | str) -> Callable[[Array], Array]:
    """f as a function of float64 arrays, evaluated in the order that was typed.

    Every variable stands for the one argument; an expression of several variables has no such function, see
    `named_function`.

    Raises
    ------
    ParseError
        If a text is no formula.
    ValueError
        If the formula has more than one variable, or an unknown function.
    """
    expression = expression_of(formula)
    refuse_many_variables(expression)
    refuse_unknown_functions(expression)

    def evaluate(x: Array) -> Array:
        with np.errstate(all="ignore"):
            result = float_values(expression.program, dict.fromkeys(expression.variables, x))[-1]
        kind = np.complex128 if np.iscomplexobj(x) else np.float64
        return np.broadcast_to(np.asarray(result, dtype=kind), np.shape(x))

    return evaluate


def named_function(expression: Expression) -> Callable[..., Any]:
    """f as a function of its variables by name, in float64, equal parts computed once.

    Parameters
    ----------
    expression : Expression
        Of any number of variables.

    Returns
    -------
    callable
        Takes a mapping, keyword arguments or both: ``f({"x": x, "w": w})``, ``f(x=x, w=w)``. Values are broadcast
        against each other; the result has their common shape, and is a float where all of them are. Names that the
        expression does not have count for the shape only: a derivative may have lost them.

    Raises
    ------
    ValueError
        If the expression has an unknown function; the callable, if a variable has no value.

    Examples
    --------
    >>> from derivkit.expressions.expression import parse
    >>> named_function(parse("max(0, w*x + b)"))(x=[1.0, -4.0], w=2.0, b=0.5)
    array([2.5, 0. ])
    """
    refuse_unknown_functions(expression)
    variables = expression.variables

    def evaluate(values: Mapping[str, ArrayLike] = MappingProxyType({}), /, **named: ArrayLike) -> Any:
        arrays = named_values({**values, **named}, variables, expression)
        shape = np.broadcast_shapes(*(value.shape for value in arrays.values()))
        with np.errstate(all="ignore"):
            result = float_values(expression.program, arrays)[-1]
        return np.broadcast_to(np.asarray(result, dtype=np.float64), shape).copy() if shape else float(result)

    return evaluate


def named_values(values: Mapping[str, ArrayLike], required: Sequence[str], what: object) -> dict[str, Array]:
    """Values by name as float64 arrays; ValueError if one that is required is not there."""
    arrays = {name: numbers(name, value) for name, value in values.items()}
    missing = [name for name in required if name not in arrays]
    if missing:
        raise ValueError(f"{what} needs a value of {', '.join(missing)}: give it by name, as {missing[0]}=1.0")
    return arrays


def rounded_function(expression: Expression, dtype: DTypeLike) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """f as a function of arrays of any floating-point type, every operation rounded to that type.

    An operation of a type narrower than float64 is computed in float64 and rounded once. For + - * / and sqrt of
    float16, bfloat16 and float32 that is the correctly rounded result, since 53 >= 2p + 2 for their p bits (Figueroa,
    "When is double rounding innocuous?", ACM SIGNUM Newsletter 30, 1995). An elementary function (exp, sin, a power
    other than a square) and what stands in one row of the table of operations (sigmoid) are one operation: computed in
    float64, then rounded once to the type. Numbers and constants are rounded correctly. In types longer than float64,
    erf, gelu, gamma and its relatives have the digits of float64 only.

    Parameters
    ----------
    expression : Expression
        Of at most one variable.
    dtype : dtype
        float16, float32, float64, longdouble, or one that somebody registered with NumPy, such as bfloat16.

    Returns
    -------
    callable
        From arrays of ``dtype`` to arrays of ``dtype`` of the same shape.

    Raises
    ------
    ValueError
        If the expression has more than one variable, or an unknown function.

    Examples
    --------
    >>> from derivkit.expressions.expression import parse
    >>> f = rounded_function(parse("x^2 + 1"), np.float16)
    >>> f(np.array([0.03, 0.04], dtype=np.float16))
    array([1.001, 1.002], dtype=float16)
    """
    refuse_many_variables(expression)
    refuse_unknown_functions(expression)
    narrow = np.dtype(dtype)
    wide = _wide(narrow)

    def nearest(value: Fraction) -> NDArray[Any]:
        return nearest_in(value, narrow).astype(wide)

    def apply(name: str, *arguments: Any) -> Any:
        return np.asarray(OPERATIONS[name].value(*arguments)).astype(narrow).astype(wide)

    def evaluate(x: NDArray[Any]) -> NDArray[Any]:
        wider = np.asarray(x).astype(narrow).astype(wide)
        result = interpret(
            expression,
            number=nearest,
            constant=lambda name: nearest(DECIMALS[name]),
            variable=lambda name: wider,
            apply=apply,
        )
        return np.broadcast_to(np.asarray(result).astype(narrow), np.shape(x))

    return evaluate


def nearest_in(value: Fraction, dtype: DTypeLike) -> NDArray[Any]:
    """The number of a floating-point type nearest to a fraction, ties to even, shape ``()``; beyond its range infinite.

    Examples
    --------
    >>> float(nearest_in(Fraction(1, 10), np.float16))
    0.0999755859375
    """
    bits, lowest = significand(np.dtype(dtype))
    wide = _wide(np.dtype(dtype))
    if value == 0:
        return np.zeros((), dtype=dtype)
    # 2^size <= |value| < 2^(size + 1), from the lengths of numerator and denominator, then corrected by one.
    size = abs(value.numerator).bit_length() - value.denominator.bit_length()
    size -= abs(value) < Fraction(2) ** size
    exponent = max(size - bits + 1, lowest)
    whole = round(value / Fraction(2) ** exponent)  # Python rounds a tie of fractions to even
    with np.errstate(over="ignore"):
        high, low = (np.asarray(part).astype(wide) for part in divmod(whole, 2**53))
        return np.asarray(np.ldexp(np.ldexp(high, 53) + low, exponent).astype(dtype))


@functools.cache
def significand(dtype: np.dtype[Any] | type) -> tuple[int, int]:
    """(p, e): significant bits of a floating-point type, and the exponent of its least positive number 2^e.

    Asked of its arithmetic, so that it is known of types too that NumPy's finfo does not know.

    Examples
    --------
    >>> significand(np.float16), significand(np.float64)
    ((11, -24), (53, -1074))
    """
    one = np.ones((), dtype=dtype)
    half = (one / (one + one)).astype(dtype)
    bits, lowest = 1, 0
    step = half
    while (one + step).astype(dtype) > one:
        bits, step = bits + 1, (step * half).astype(dtype)
    least = one
    with np.errstate(under="ignore"):
        while (below := (least * half).astype(dtype)) > 0:
            lowest, least = lowest - 1, below
    return bits, lowest


def running_error(expression: Expression, x: Array) -> Bounded:
    """f(x) as float64 computes it, and a bound of its distance from the true f(x); both of x's shape.

    The bound covers the rounding of every operation and of every constant, x itself being exact.
    """

    def number(value: Fraction) -> tuple[float, float]:
        near = _nearest(value)
        if not np.isfinite(near):
            return near, np.inf
        off = abs(Fraction(float(near)) - value)
        return near, float(off) * (1.0 + 2.0 * UNIT) + SMALLEST if off else 0.0

    with np.errstate(all="ignore"):
        value, error = interpret(
            expression,
            number=number,
            constant=lambda name: (FLOAT_CONSTANTS[name], UNIT * FLOAT_CONSTANTS[name]),
            variable=lambda name: (x, 0.0),
            apply=lambda name, *arguments: OPERATIONS[name].running(*arguments),
        )
        # inf - inf and 0 * inf on the way: nothing is known of the error then.
        error = np.where(np.isnan(error) & np.isfinite(value), np.inf, error)
    shape = np.shape(x)
    return np.broadcast_to(np.asarray(value), shape), np.broadcast_to(error, shape)


def taylor_series(
    expression: Expression,
    x: Any,
    order: int,
    *,
    numbers: Any = FLOATS,
    lift: Callable[[Fraction | str], Any] | None = None,
    branches: list[Any] | None = None,
) -> Series:
    """The coefficients f^(k)(x)/k! for k = 0..order, zeros included.

    Parameters
    ----------
    expression : Expression
        Of at most one variable.
    x : float or ndarray
        The point of expansion, in the arithmetic of ``numbers``.
    order : int
        The highest derivative required.
    numbers : namespace
        The functions of one number, see :class:`derivkit.operations.taylor.Taylor`.
    lift : callable, optional
        Turns a Fraction or the name of a constant into a number; to float64 by default.
    branches : list, optional
        Filled with the branch that every piecewise operation took.
    """
    convert = lift or (lambda value: FLOAT_CONSTANTS[value] if isinstance(value, str) else _nearest(value))
    arithmetic = Taylor(order, numbers, [] if branches is None else branches)
    series: Series = interpret(
        expression,
        number=lambda value: [convert(value)],
        constant=lambda name: [convert(name)],
        variable=lambda name: [x, 1] if order else [x],
        apply=lambda name, *arguments: OPERATIONS[name].series(arithmetic, *arguments),
    )
    zero = 0 * x
    return [c + zero for c in series] + [zero] * (order + 1 - len(series))


def _wide(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type in which an operation is computed before it is rounded."""
    double = np.dtype(np.float64)
    return double if dtype.itemsize < double.itemsize else dtype


def refuse_many_variables(expression: Expression) -> None:
    """Raise ValueError if the expression has more than one variable."""
    if len(expression.variables) > 1:
        raise ValueError(
            f"{expression} has the variables {', '.join(expression.variables)}; a function of one variable is needed: "
            "dk.gradient and dk.partial take several"
        )


def refuse_unknown_functions(expression: Expression) -> None:
    """Raise ValueError if the expression has an unknown function."""
    if any(step.operation == "unknown" for step in expression.program):
        raise ValueError(_no_value(expression))


def _no_value(expression: Expression) -> str:
    names = dict.fromkeys(step.value[0] for step in expression.program if isinstance(step.value, tuple))
    return f"{expression} has the unknown function {', '.join(names)}: it has derivatives, but no values"


def nearest_float(value: Fraction) -> float:
    """The float nearest to a fraction; beyond the range infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _nearest(value: Fraction) -> np.float64:
    return np.float64(nearest_float(value))
