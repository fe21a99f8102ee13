"""NumPy's universal functions as operations on Taylor series: which row of the table of operations each one is.

What NumPy has and the table has not (np.hypot, np.mod, np.logaddexp) is composed here of rows of the table.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from itertools import zip_longest
from types import MappingProxyType
from typing import Any

import numpy as np

from derivkit.operations.elementary import ELEMENTARY, OPERATIONS
from derivkit.operations.taylor import Number, Series, Taylor

Rule = Callable[..., Series]
"""From the arithmetic and the series of the arguments to the series of the result."""

LN2 = math.log(2.0)

UFUNCS_OF_ROWS: dict[np.ufunc, Rule] = {
    ufunc: row.series
    for row in OPERATIONS.values()
    for ufunc in (row.value, *row.ufuncs)
    if isinstance(ufunc, np.ufunc)
} | {np.log: OPERATIONS["log"].series}
"""Universal functions that are a row of the table."""


def select(condition: Any, u: Series, v: Series) -> Series:
    """u where the condition holds, else v, coefficient by coefficient."""
    return [np.where(condition, p, q) for p, q in zip_longest(u, v, fillvalue=0.0)]


def _subtract(t: Taylor, u: Series, v: Series) -> Series:
    return t.add(u, t.negate(v))


def power(t: Taylor, u: Series, v: Series) -> Series:
    """u^v, where v may be an array of different exponents: the table's power once for each."""
    if len(v) > 1:
        # y' = y (v log u)' from NumPy's own y, which is right to an ulp where exp(v log u) is not.
        return t.riccati(np.power(u[0], v[0]), t.multiply(v, t.log(u)), 0, 1, 0)
    if np.ndim(v[0]) == 0:
        return t.power(u, v)
    result: Series = [np.nan]
    for exponent in np.unique(v[0]):
        result = select(v[0] == exponent, t.power(u, [exponent]), result)
    return result


def _broken(t: Taylor, result: Series, u: Series, *, at: Any) -> Series:
    """The result, with a jump where ``at`` holds: no derivative there from the first coefficient in which u moves."""
    return t.choose(True, result, t.add(result, [0.0 * u[0], *u[1:]]), tie=at)  # noqa: FBT003 -- a condition like any other


def _heaviside(t: Taylor, u: Series, v: Series) -> Series:
    return _broken(t, select(u[0] == 0, v, [np.heaviside(u[0], v[0])]), u, at=u[0] == 0)


def _hypot(t: Taylor, u: Series, v: Series) -> Series:
    """sqrt(u^2 + v^2), both divided by the larger, so that no square overflows."""
    size = np.maximum(np.abs(u[0]), np.abs(v[0]))
    a, b = ([c / size for c in s] for s in (u, v))
    return t.scale(size, OPERATIONS["sqrt"].series(t, t.add(t.multiply(a, a), t.multiply(b, b))))


def _arctan2(t: Taylor, y: Series, x: Series) -> Series:
    """The angle: its derivative is (x y' - y x')/(x^2 + y^2), both divided by the larger; it jumps on y = 0 > x."""
    size = np.maximum(np.abs(y[0]), np.abs(x[0]))
    a, b = ([c / size for c in s] for s in (y, x))
    square = t.add(t.multiply(a, a), t.multiply(b, b))
    by_y = t.integrate(np.arctan2(y[0], x[0]), t.divide(b, square), a)
    angle = t.add(by_y, t.integrate(0.0 * size, t.negate(t.divide(a, square)), b))
    return _broken(t, angle, y, at=(y[0] == 0) & (x[0] < 0))


def _floor_quotient(t: Taylor, u: Series, v: Series) -> Series:
    return t.step(np.floor_divide(u[0], v[0]), t.divide(u, v), tie=np.mod(u[0], v[0]) == 0)


def _mod(t: Taylor, u: Series, v: Series) -> Series:
    return _subtract(t, u, t.multiply(v, _floor_quotient(t, u, v)))


def _fmod(t: Taylor, u: Series, v: Series) -> Series:
    """The remainder towards 0, which does not jump at u = 0."""
    rest = np.fmod(u[0], v[0])
    quotient = t.step(np.rint((u[0] - rest) / v[0]), t.divide(u, v), tie=(rest == 0) & (u[0] != 0))
    return _subtract(t, u, t.multiply(v, quotient))


def trunc(t: Taylor, u: Series) -> Series:
    """The whole part of u, towards 0; it does not jump at 0."""
    value = np.trunc(u[0])
    return t.step(value, u, tie=(value == u[0]) & (value != 0))


def rounded_to(t: Taylor, u: Series, decimals: int) -> Series:
    """u rounded to this many decimals; it jumps half-way between two of them."""
    shifted = u[0] * 10.0**decimals
    return t.step(np.round(u[0], decimals), u, tie=np.abs(shifted - np.rint(shifted)) == 0.5)


def _copysign(t: Taylor, u: Series, v: Series) -> Series:
    sign = t.step(np.copysign(1.0, v[0]), v, tie=v[0] == 0)
    return t.multiply(OPERATIONS["abs"].series(t, u), sign)


def _logaddexp(t: Taylor, u: Series, v: Series) -> Series:
    return t.add(v, OPERATIONS["softplus"].series(t, _subtract(t, u, v)))


def _logaddexp2(t: Taylor, u: Series, v: Series) -> Series:
    return t.scale(1.0 / LN2, _logaddexp(t, t.scale(LN2, u), t.scale(LN2, v)))


def _fmax(t: Taylor, u: Series, v: Series) -> Series:
    return t.choose((u[0] > v[0]) | np.isnan(v[0]), u, v, tie=u[0] == v[0])


def _fmin(t: Taylor, u: Series, v: Series) -> Series:
    return t.choose((u[0] < v[0]) | np.isnan(v[0]), u, v, tie=u[0] == v[0])


def sinc(t: Taylor, u: Series) -> Series:
    """sin(z)/z for z = pi u.

    Around a point a it is the quotient of two series, whose recurrence multiplies an error by k/a at step k; below
    a = n/e, for n derivatives, the power series of sin(z)/z is taken instead, whose terms are below e^a. So either
    loses at most n/(e log 10) digits, one in six derivatives.
    """
    z = t.scale(np.pi, u)
    near = np.abs(z[0]) < max(1.0, t.order / math.e)
    small, large = np.where(near, z[0], 0.0), np.where(near, 1.0, z[0])
    apart = t.divide(OPERATIONS["sin"].series(t, [large, 1.0]), [large, 1.0])
    # At |a| <= n/e the terms of the power series beyond m = n + 10 are below the rounding of their sum.
    outer = [
        np.where(near, sum(_sinc_term(small, m, k) for m in range((k + 1) // 2, t.order + 11)), apart[k])
        for k in range(t.order + 1)
    ]
    moving = [0.0, *z[1:]]
    result: Series = [outer[-1]]
    for coefficient in reversed(outer[:-1]):
        result = t.add([coefficient], t.multiply(result, moving))
    return result


def _sinc_term(a: Number, m: int, k: int) -> Number:
    """The k-th Taylor coefficient at a of (-1)^m z^2m/(2m+1)!; the integers may exceed float64, their quotient not."""
    return (-1) ** m * (math.comb(2 * m, k) / math.factorial(2 * m + 1)) * a ** (2 * m - k)


UFUNCS: MappingProxyType[np.ufunc, Rule] = MappingProxyType(
    {
        **UFUNCS_OF_ROWS,
        np.power: power,
        np.float_power: power,
        np.positive: lambda t, u: u,
        np.conjugate: lambda t, u: u,
        np.square: lambda t, u: t.multiply(u, u),
        np.reciprocal: lambda t, u: t.divide([1.0], u),
        np.exp2: lambda t, u: t.riccati(np.exp2(u[0]), t.scale(LN2, u), 0, 1, 0),
        np.logaddexp: _logaddexp,
        np.logaddexp2: _logaddexp2,
        np.hypot: _hypot,
        np.arctan2: _arctan2,
        np.degrees: lambda t, u: t.scale(180.0 / np.pi, u),
        np.rad2deg: lambda t, u: t.scale(180.0 / np.pi, u),
        np.radians: lambda t, u: t.scale(np.pi / 180.0, u),
        np.deg2rad: lambda t, u: t.scale(np.pi / 180.0, u),
        np.mod: _mod,
        np.fmod: _fmod,
        np.floor_divide: _floor_quotient,
        np.trunc: trunc,
        np.ceil: lambda t, u: t.step(np.ceil(u[0]), u, tie=np.ceil(u[0]) == u[0]),
        np.rint: lambda t, u: rounded_to(t, u, 0),
        np.heaviside: _heaviside,
        np.copysign: _copysign,
        np.fmax: _fmax,
        np.fmin: _fmin,
    }
)
"""THE table of universal functions: for each its rule on Taylor series."""
NAMED: Mapping[str, Rule] = {
    name: row.series for row in ELEMENTARY.values() for name in (row.name, *row.synonyms, *row.aliases)
}


def rule_of(ufunc: np.ufunc) -> Rule | None:
    """The rule of a universal function of NumPy or, where somebody has imported that, of SciPy's special functions."""
    special = sys.modules.get("scipy.special")
    name = ufunc.__name__
    if getattr(special, name, None) is ufunc and ufunc.nin == 1:
        return NAMED.get(name)
    return UFUNCS.get(ufunc)


COMPARISONS = frozenset({np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal})
TESTS = frozenset({np.isnan, np.isinf, np.isfinite})
"""Questions that the value alone answers, and that no point near it answers otherwise, infinities apart."""
