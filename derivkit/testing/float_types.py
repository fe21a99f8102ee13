"""Floating-point types and what they make of a formula: the derivative at some points in any of them, and for float16
every number x against every power of two.

All arithmetic is really done in the type: x, delta, x + delta, every operation of f, the differences and the quotient
are rounded to it. NumPy computes + - * / of float16 in float32 and rounds once, which is the correctly rounded result;
elementary functions (exp, sin, powers) are computed in float64 and rounded once, see
:func:`derivkit.expressions.evaluation.rounded_function`.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from derivkit.expressions.evaluation import rounded_function, significand
from derivkit.expressions.tree import Expression
from derivkit.function import Function
from derivkit.numerical.rounded import Rounded, extended, inside, rounded_difference
from derivkit.numerical.stencil import Stencil
from derivkit.sweeps import ErrorSweep, first_reason
from derivkit.trusted.exact import exact, high_precision_series
from derivkit.types import Array, Codes

FLOAT_TYPES = ("float16", "bfloat16", "float32", "float64", "longdouble")
"""Every type that there may be."""
REGISTERED = {"bfloat16": "ml_dtypes"}
"""Types that NumPy learns from another package, which need not be installed."""
STATES = ("ok", "the step vanishes", "not finite", "no derivative in its range")
GOOD = 0.1
"""A derivative right to one digit: what an optimizer that only needs a direction can still use."""
HALF = np.dtype(np.float16)
FLOAT16_EXPONENTS = range(-24, 16)
"""Exponents of float16: 2^-24 is the least positive number, numbers of size 2^15 are the largest."""


@dataclass(frozen=True, kw_only=True)
class InType:
    """A function in a type, at points by formulas and deltas.

    Attributes
    ----------
    x : ndarray, shape ``(n,)``
        The points as the type holds them.
    exact : ndarray, shape ``(n,)``
        The derivative there, proved to be the nearest double.
    estimate, error : ndarray, shape ``(n, formulas, deltas)``
        The errors are measured from the derivative with twice the digits of a double.
    rounding : ndarray, of the same shape
        How far rounding may take the estimate: that in float64, in units of the type.
    status : ndarray of int, of the same shape
        Places in `ErrorSweep.STATUSES`.
    """

    x: Array
    exact: Array
    estimate: Array
    error: Array
    rounding: Array
    status: Codes


@dataclass(frozen=True, kw_only=True)
class HalfBlock:
    """What becomes of all float16 numbers of one size, by one formula; arrays over the deltas.

    Attributes
    ----------
    formula : str
    size : float
        2^e for all x with 2^e <= abs(x) < 2^(e + 1), of both signs; 0 for 0 and -0.
    delta : ndarray
        Every power of two that float16 has.
    numbers, count : int
        Numbers within the domain, and those of them whose derivative float16 can hold, other than as 0, which the
        rest is about.
    median, worst : ndarray
        Relative errors: no estimate is worse than any; none if half have none, or if there are no estimates.
    good, vanished, not_finite : ndarray
        Shares of x with an error of at most GOOD, at which two points coincide, and at which something overflows or
        the domain is left.
    state : ndarray of int
        Indices into STATES.
    """

    formula: str
    size: float
    delta: Array
    numbers: int
    count: int
    median: Array
    worst: Array
    good: Array
    vanished: Array
    not_finite: Array
    state: Codes


def refuse_inexpressible(f: Function) -> None:
    """Refuse a function that is no expression, which alone can be computed in another precision.

    Raises
    ------
    ValueError
        If it is a Python function or a black box.
    """
    if f.expression is None or f.text != str(f.expression):
        raise ValueError(
            f"{f.name}: only an expression can be computed in another precision, "
            "not a Python function or a black box; write 'expression=sin(x)'"
        )


@dataclass(frozen=True)
class FloatType:
    """A floating-point type and how finely it tells numbers apart; its numbers are NaN where it is not installed."""

    name: str

    @cached_property
    def dtype(self) -> np.dtype[Any] | None:
        """The type as NumPy knows it; None where the package that brings it is not installed."""
        if self.name not in REGISTERED:
            return np.dtype(self.name)
        try:
            registered: type = getattr(importlib.import_module(REGISTERED[self.name]), self.name)
        except ImportError:
            return None
        return np.dtype(registered)

    @property
    def installed(self) -> bool:
        """Whether NumPy knows it."""
        return self.dtype is not None

    @property
    def bits(self) -> float:
        """Significant bits."""
        return float(self._significand[0])

    @property
    def eps(self) -> float:
        """The distance from 1 to the next number."""
        return float(2.0 ** (1.0 - self.bits))

    @property
    def least(self) -> float:
        """The least positive number; NaN where a double cannot hold it."""
        exponent = self._significand[1]
        return 2.0**exponent if math.isnan(exponent) or exponent >= significand(np.dtype(np.float64))[1] else math.nan

    @property
    def missing(self) -> str:
        """Why it is left out; empty where it is not."""
        package = REGISTERED.get(self.name)
        return "" if self.installed else f"left out: the package {package}, which brings it, is not installed"

    @property
    def _significand(self) -> tuple[float, float]:
        return (math.nan, math.nan) if self.dtype is None else significand(self.dtype)


def theoretical_optimum(order: ArrayLike, eps: ArrayLike) -> tuple[Array, Array]:
    """The best delta, eps^(1 / (p + 1)), and its error, eps^(p / (p + 1)), of a formula of order p.

    Of the first derivative of a function of order 1 whose values are right to eps: there truncation and rounding are
    alike.

    Examples
    --------
    >>> theoretical_optimum([1, 3], 2.0**-32)[0].tolist()
    [1.52587890625e-05, 0.00390625]
    """
    p, unit = np.asarray(order, dtype=np.float64), np.asarray(eps, dtype=np.float64)
    return np.asarray(unit ** (1 / (p + 1))), np.asarray(unit ** (p / (p + 1)))


def in_type(sweep: ErrorSweep, kind: FloatType) -> InType:
    """A sweep with every operation in a floating-point type.

    Raises
    ------
    ValueError
        If the function is no expression.
    """
    refuse_inexpressible(sweep.f)
    expression, dtype = cast("Expression", sweep.f.expression), cast("np.dtype[Any]", kind.dtype)
    with np.errstate(over="ignore"):
        x, steps = sweep.x.astype(dtype), sweep.delta.astype(dtype)
    call = rounded_function(expression, dtype)
    rounded = [rounded_difference(call, x[:, None], steps, entry, sweep.f.domain) for entry in sweep.formulas]
    held = x.astype(np.float64)
    high, low = (part[:, None, None] for part in exact_of(expression, held))
    estimate = np.stack([extended(one.estimate) for one in rounded], axis=1)
    outside, vanished = (np.stack([getattr(one, name) for one in rounded], axis=1) for name in ("outside", "vanished"))
    unknown = np.broadcast_to(np.isnan(high), estimate.shape)
    status = first_reason(outside, vanished, ~np.isfinite(estimate), unknown)
    estimate = np.where(np.isin(status, (0, 4)), estimate, np.nan)  # without an exact value it still stands
    with np.errstate(over="ignore", invalid="ignore"):
        error = np.abs((estimate - high) - low)
    with np.errstate(all="ignore"):
        rounding = replace(sweep, x=held).rounding * 2.0 ** (53.0 - kind.bits)
    return InType(
        x=held, exact=high[:, 0, 0], estimate=estimate.astype(np.float64), error=error.astype(np.float64),
        rounding=rounding, status=status,
    )  # fmt: skip


def exact_of(expression: Expression, x: Array) -> tuple[Array, Array]:
    """The derivative at every x as a sum of two doubles, 106 bits; NaN where there is none."""
    high, low = np.full(x.shape, np.nan), np.zeros(x.shape)
    for k, point in enumerate(x.tolist()):
        if math.isfinite(point):
            known = exact(expression, point).value
            if math.isfinite(known):
                high[k] = known
                low[k] = float(high_precision_series(expression, point, 1)[1] - float(high[k]))
    return high, low


def half_map(f: Function, formulas: Sequence[Stencil], exponents: range) -> Iterator[HalfBlock]:
    """Every x of these binary exponents, in blocks of one exponent, against every power of two; then 0 and -0."""
    refuse_inexpressible(f)
    every = np.arange(2**16, dtype=np.uint16).view(HALF)
    magnitude = np.abs(every.astype(np.float64))
    # float16 has 63488 finite numbers: f of each of them is computed once, and then looked up by its bits.
    with np.errstate(all="ignore"):
        values = rounded_function(cast("Expression", f.expression), HALF)(every)
    steps = np.ldexp(np.ones(1), np.array(FLOAT16_EXPONENTS)).astype(HALF)
    sizes = [2.0**e for e in exponents] + [0.0] * (FLOAT16_EXPONENTS[0] in exponents)
    for size in sizes:
        x = every[(magnitude >= size) & (magnitude < 2 * size)] if size else every[magnitude == 0]
        x = x[inside(x, f.domain)]
        slope = f.exact_derivative(x.astype(np.float64))
        with np.errstate(over="ignore"):
            held = slope.astype(HALF)
        usable = np.isfinite(held) & (held != 0)
        for entry in formulas:
            rounded = rounded_difference(lambda a: values[a.view(np.uint16)], x[usable, None], steps, entry, f.domain)
            aggregated = aggregates(rounded, slope[usable, None]) if usable.any() else nothing(steps.size)
            yield HalfBlock(
                formula=entry.name, size=size, delta=steps.astype(np.float64), numbers=x.size,
                count=slope[usable].size, **aggregated,
            )  # fmt: skip


def nothing(deltas: int) -> dict[str, Any]:
    """The aggregates over no x at all."""
    names = ("median", "worst", "good", "vanished", "not_finite")
    return {**dict.fromkeys(names, np.full(deltas, np.nan)), "state": np.full(deltas, 3, dtype=np.int8)}


def aggregates(rounded: Rounded, slope: Array) -> dict[str, Any]:
    """Over all x, for each delta: shape (deltas,)."""
    estimate = rounded.estimate.astype(np.float64)
    lost = ~rounded.vanished & (rounded.outside | ~np.isfinite(estimate))
    missing = rounded.vanished | lost
    with np.errstate(all="ignore"):
        error = np.where(missing, np.inf, np.abs(estimate - slope) / np.abs(slope))
        median = np.median(error, axis=0)
    worst = np.max(np.where(missing, -1.0, error), axis=0)
    vanished, not_finite = rounded.vanished.mean(axis=0), lost.mean(axis=0)
    states = np.where(np.isfinite(median), 0, np.where(vanished >= not_finite, 1, 2))
    return {
        "median": np.where(np.isfinite(median), median, np.nan),
        "worst": np.where(worst < 0, np.nan, worst),
        "good": (error <= GOOD).mean(axis=0),
        "vanished": vanished,
        "not_finite": not_finite,
        "state": states.astype(np.int8),
    }
