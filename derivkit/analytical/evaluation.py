"""An expression evaluated in float64, with its running rounding error, or as a Taylor series."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from derivkit.analytical.dual import Series, Taylor
from derivkit.analytical.elementary import FLOATS, OPERATIONS, SMALLEST, UNIT, Array, Bounded
from derivkit.analytical.expression import Expression

CONSTANTS: Mapping[str, np.float64] = {"pi": np.float64(np.pi), "e": np.float64(np.e)}
"""As NumPy numbers, which divide by zero as IEEE 754 has it."""


def interpret(
    expression: Expression,
    *,
    number: Callable[[Fraction], Any],
    constant: Callable[[str], Any],
    variable: Callable[[str], Any],
    apply: Callable[..., Any],
) -> Any:
    """Walk the expression's program once: the one evaluation loop, for any arithmetic."""
    leaves: dict[str, Callable[[Any], Any]] = {"number": number, "constant": constant, "variable": variable}
    values: list[Any] = []
    for step in expression.program:
        if step.operation in leaves:
            values.append(leaves[step.operation](step.value))
        else:
            values.append(apply(step.operation, *(values[k] for k in step.arguments)))
    return values[-1]


def float_function(expression: Expression) -> Callable[[Array], Array]:
    """f as a function of float64 arrays, evaluated in the order that was typed.

    Every variable stands for the one argument; an expression of several variables has no such function.

    Raises
    ------
    ValueError
        If the expression has more than one variable.
    """
    if len(expression.variables) > 1:
        raise ValueError(
            f"{expression} has the variables {', '.join(expression.variables)}; a function of one variable is needed"
        )

    def evaluate(x: Array) -> Array:
        result = interpret(
            expression,
            number=_nearest,
            constant=CONSTANTS.__getitem__,
            variable=lambda name: x,
            apply=lambda name, *arguments: OPERATIONS[name].value(*arguments),
        )
        return np.broadcast_to(np.asarray(result, dtype=np.float64), np.shape(x))

    return evaluate


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
            constant=lambda name: (CONSTANTS[name], UNIT * CONSTANTS[name]),
            variable=lambda name: (x, np.zeros_like(x)),
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
    trace: list[Series] | None = None,
) -> Series:
    """The coefficients f^(k)(x)/k! for k = 0..order, zeros included.

    Parameters
    ----------
    expression : Expression
        Of at most one variable.
    x : float, ndarray or mpf
        The point of expansion, in the arithmetic of ``numbers``.
    order : int
        The highest derivative wanted.
    numbers : namespace
        The functions of one number, see :class:`derivkit.analytical.dual.Taylor`.
    lift : callable, optional
        Turns a Fraction or the name of a constant into a number; float64 if not given.
    branches : list, optional
        Filled with the branch that every piecewise operation took.
    trace : list, optional
        Filled with the series of every operation and of every leaf.
    """

    def seen(series: Series) -> Series:
        if trace is not None:
            trace.append(series)
        return series

    convert = lift or (lambda value: CONSTANTS[value] if isinstance(value, str) else _nearest(value))
    arithmetic = Taylor(order, numbers, [] if branches is None else branches)
    series: Series = interpret(
        expression,
        number=lambda value: seen([convert(value)]),
        constant=lambda name: seen([convert(name)]),
        variable=lambda name: seen([x, 1] if order else [x]),
        apply=lambda name, *arguments: seen(OPERATIONS[name].series(arithmetic, *arguments)),
    )
    return [c + 0 * x for c in series] + [0 * x] * (order + 1 - len(series))


def _nearest(value: Fraction) -> np.float64:
    try:
        return np.float64(value)
    except OverflowError:
        return np.float64(np.inf if value > 0 else -np.inf)
