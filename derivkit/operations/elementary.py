"""THE table of operations that an expression may use: value, rounding error and Taylor series of each in one row.

``value`` is the float64 function of NumPy arrays. ``running`` carries a pair (value, bound of its rounding error)
through the operation: running error analysis (Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed. 2002,
section 3.3), where an argument that is wrong by e moves a result by at most e times the largest slope within e.
``series`` is the operation on Taylor series (:mod:`derivkit.operations.dual`).
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.operations import special
from derivkit.operations.dual import Number, Series, Taylor

Array = NDArray[np.float64]
Bounded = tuple[Array, Array]

UNIT = 2.0**-53
"""Unit roundoff u: the five operations of IEEE 754 err by at most u |result|."""
SMALLEST = 2.0**-1074
"""The least positive float: what underflow may lose."""
ULPS = 2.0
"""Error assumed of an elementary function, in ulps. glibc's manual ("Known Maximum Errors in Math Functions") lists at
most 2 on x86-64 and AArch64 for the functions below, but 4 for cbrt; NumPy's own vector versions aim at about 1."""
ERF_ULPS = 5.0
"""The same of erf and erfc."""
GAMMA_ULPS = 10.0
"""The same of gamma, as Python's own source (mathmodule.c) has found it by random tests."""
MANY = range(2, 2**16)
"""Two arguments or more: above what a formula can hold."""


Ends = tuple[tuple[int, int, int], ...]
"""Where a function of its first argument has a vertical tangent, the sign of its slope there, and on which side of that
place it is defined: -1 below, 1 above, 0 on both."""


def _nowhere(*_: Any) -> Ends:
    return ()


@dataclass(frozen=True, slots=True)
class Elementary:
    """One operation: how many arguments it takes, what it is in each arithmetic, and where its tangent is vertical."""

    name: str
    arity: Sequence[int]
    value: Callable[..., Array]
    running: Callable[..., Bounded]
    series: Callable[..., Series]
    vertical: Callable[..., Ends] = _nowhere


def rounded(
    value: Array, inherited: Array | float, *, ulps: Array | float = 0.5, underflow: float = SMALLEST
) -> Bounded:
    """A result with the error that it inherits, that of its own rounding, and what underflow may lose."""
    return value, inherited + 2.0 * ulps * UNIT * np.abs(value) + underflow


def smooth(
    name: str,
    value: Callable[[Any], Array],
    slope: Callable[[Array, Array], Array],
    series: Callable[[Taylor, Series], Series],
    *,
    ulps: float = ULPS,
    underflow: float = SMALLEST,
    vertical: Ends = (),
) -> Elementary:
    """A row for a function of one argument; ``slope(a, e)`` bounds its derivative on [a - e, a + e]."""

    def running(argument: Bounded) -> Bounded:
        a, e = argument
        inherited = np.where(e == 0.0, 0.0, np.abs(slope(a, e)) * e)
        return rounded(value(a), inherited, ulps=ulps, underflow=underflow)

    return Elementary(name, (1,), value, running, series, lambda _: vertical)


def selection(
    name: str, value: Callable[..., Array], arity: Sequence[int], series: Callable[..., Series]
) -> Elementary:
    """A row for a function that picks one of its arguments or a bound of them, without rounding (abs, max)."""

    def running(*arguments: Bounded) -> Bounded:
        errors = [np.asarray(e) for _, e in arguments]
        return value(*(a for a, _ in arguments)), np.maximum.reduce(np.broadcast_arrays(*errors))

    return Elementary(name, arity, value, running, series)


def stepped(name: str, value: Callable[[Any], Array], jump: Callable[[Any, Any], Any]) -> Elementary:
    """A row for a piecewise constant function; ``jump(numbers, a)`` says where it is not continuous."""

    def running(argument: Bounded) -> Bounded:
        a, e = argument
        result = value(a)
        return result, np.where(e == 0.0, 0.0, np.abs(value(a + e) - value(a - e)))

    def series(t: Taylor, u: Series) -> Series:
        return t.step(getattr(t.numbers, name)(u[0]), u, tie=jump(t.numbers, u[0]))

    return Elementary(name, (1,), value, running, series)


def comparison(name: str, relation: Callable[[Any, Any], Any]) -> Elementary:
    """A row for a condition: 1 where it holds, 0 where it does not, NaN where a side is no number.

    Its running error is infinite where the errors of the sides leave the answer open.
    """

    def holds(a: Any, b: Any) -> Array:
        return np.where(np.isnan(a) | np.isnan(b), np.nan, np.where(relation(a, b), 1.0, 0.0))

    def running(a: Bounded, b: Bounded) -> Bounded:
        error = a[1] + b[1]
        is_open = (error > 0.0) & ~(np.abs(a[0] - b[0]) > error * (1.0 + 8.0 * UNIT))
        return holds(a[0], b[0]), np.where(is_open, np.inf, 0.0)

    def series(t: Taylor, u: Series, v: Series) -> Series:
        where, nan = t.numbers.where, t.numbers.nan
        unknown = (u[0] != u[0]) | (v[0] != v[0])  # NaN, in any arithmetic
        answer = where(unknown, nan, where(relation(u[0], v[0]), 1, 0))
        return t.step(answer, t.add(u, t.negate(v)), tie=u[0] == v[0])

    return Elementary(name, (2,), holds, running, series)


def _add(a: Bounded, b: Bounded) -> Bounded:
    return rounded(a[0] + b[0], a[1] + b[1], underflow=0.0)  # a sum of floats does not underflow


def _subtract(a: Bounded, b: Bounded) -> Bounded:
    return rounded(a[0] - b[0], a[1] + b[1], underflow=0.0)


def _multiply(a: Bounded, b: Bounded) -> Bounded:
    return rounded(a[0] * b[0], np.abs(a[0]) * b[1] + np.abs(b[0]) * a[1] + a[1] * b[1])


def _divide(a: Bounded, b: Bounded) -> Bounded:
    quotient = a[0] / b[0]
    margin = np.abs(b[0]) - b[1]
    inherited = np.where(margin > 0.0, (a[1] + np.abs(quotient) * b[1]) / margin, np.inf)
    return rounded(quotient, np.where((a[1] == 0.0) & (b[1] == 0.0), 0.0, inherited))


def raised(base: Any, exponent: Any) -> Array:
    """base ** exponent as Python writes it: an integral exponent is an integer, which NumPy squares exactly rounded."""
    wide = np.asarray(base, dtype=np.result_type(base, np.float64))
    if np.ndim(exponent) == 0 and float(exponent).is_integer() and abs(exponent) < 2.0**31:
        return np.asarray(wide ** int(exponent))
    return np.asarray(wide**exponent)


def _power(base: Bounded, exponent: Bounded) -> Bounded:
    """|d(a^b)| <= |b| a^(b-1) da + a^b |log a| db, with a at the end of [|a| - e, |a| + e] where it is largest."""
    (a, ea), (b, eb) = base, exponent
    result = raised(a, b)
    far = np.where(np.asarray(b) >= 1.0, np.abs(a) + ea, np.maximum(np.abs(a) - ea, 0.0))
    by_base = np.where(ea == 0.0, 0.0, np.abs(b) * (ea / far) * far**b)
    by_exponent = np.where((eb == 0.0) | (result == 0.0), 0.0, np.abs(result) * np.abs(np.log(np.abs(a))) * eb)
    correctly = np.ndim(b) == 0 and float(b) in (0.0, 1.0, 2.0)
    return rounded(result, by_base + by_exponent, ulps=0.5 if correctly else ULPS)


def _vertical_power(_: Any, exponent: Any) -> Ends:
    return ((0, 1, 1),) if (exponent > 0) is True and (exponent < 1) is True else ()


OPERATORS = (
    Elementary("add", (2,), np.add, _add, Taylor.add),
    Elementary("subtract", (2,), np.subtract, _subtract, lambda t, u, v: t.add(u, t.negate(v))),
    Elementary("multiply", (2,), np.multiply, _multiply, Taylor.multiply),
    Elementary("divide", (2,), np.divide, _divide, Taylor.divide),
    Elementary("power", (2,), raised, _power, Taylor.power, _vertical_power),
    Elementary("negate", (1,), np.negative, lambda a: (-a[0], a[1]), Taylor.negate),
)
COMPARISONS = (
    comparison("less", operator.lt),
    comparison("less_equal", operator.le),
    comparison("greater", operator.gt),
    comparison("greater_equal", operator.ge),
)
"""What stands as a condition, and nowhere else."""


def _sine(t: Taylor, u: Series) -> Series:
    return t.sine_cosine(u, t.numbers.sin(u[0]), t.numbers.cos(u[0]), -1)[0]


def _cosine(t: Taylor, u: Series) -> Series:
    return t.sine_cosine(u, t.numbers.sin(u[0]), t.numbers.cos(u[0]), -1)[1]


def _hyperbolic(t: Taylor, u: Series) -> tuple[Series, Series]:
    return t.sine_cosine(u, t.numbers.sinh(u[0]), t.numbers.cosh(u[0]), 1)


def _decaying(t: Taylor, u: Series, rate: int) -> tuple[Series, Series]:
    """E = exp(-rate |u|) and E / (1 + E)^2, a positive quotient without cancellation, however large u is."""
    decay = t.exp(t.scale(t.numbers.where(t.numbers.nonnegative(u[0]), -rate, rate), u))
    one_plus = t.add([1], decay)
    return decay, t.divide(decay, t.multiply(one_plus, one_plus))


def _sigmoid(t: Taylor, u: Series) -> Series:
    decay, slope = _decaying(t, u, 1)
    return t.integrate(t.numbers.where(t.numbers.nonnegative(u[0]), 1, decay[0]) / (1 + decay[0]), slope, u)


def _tanh(t: Taylor, u: Series) -> Series:
    return t.integrate(t.numbers.tanh(u[0]), t.scale(4, _decaying(t, u, 2)[1]), u)


def _softplus(t: Taylor, u: Series) -> Series:
    head = t.numbers.where(t.numbers.nonnegative(u[0]), u[0], 0 * u[0]) + t.numbers.log1p(_decaying(t, u[:1], 1)[0][0])
    return t.integrate(head, _sigmoid(t, u), u)


def _square_root(t: Taylor, u: Series) -> Series:
    return _rooted(t, u, 2, t.numbers.sqrt(u[0]))


def _rooted(t: Taylor, u: Series, root: int, y0: Number) -> Series:
    return t.fixed_power(u, (0 * y0 + 1) / root, y0)


def _inverse(name: str, derivative: Callable[[Taylor, Series], Series]) -> Callable[[Taylor, Series], Series]:
    """Series of a function whose derivative is an algebraic function of its argument."""
    return lambda t, u: t.integrate(getattr(t.numbers, name)(u[0]), derivative(t, u), u)


def _one_plus(t: Taylor, c: int, u: Series) -> Series:
    return t.add([1], t.scale(c, t.multiply(u, u)))


def _absolute(t: Taylor, u: Series) -> Series:
    zero = u[0] == 0
    return t.choose(u[0] > 0, u, t.negate(u), tie=zero)


def _log_base(u: Bounded, base: Bounded | None = None) -> Bounded:
    logarithm = LOG.running(u)
    return logarithm if base is None else _divide(logarithm, LOG.running(base))


def _near_zero(a: Array, e: Array) -> Array:
    """The point of [a - e, a + e] nearest to 0, in size."""
    return np.maximum(np.abs(a) - e, 0.0)


def _one_minus_square(a: Array, e: Array) -> Array:
    """A lower bound of 1 - t^2 on [a - e, a + e]."""
    return np.maximum(1.0 - (np.abs(a) + e) ** 2, 0.0)


def _stable_sigmoid(a: Any) -> Array:
    tail = np.exp(-np.abs(a))
    return np.asarray(np.where(np.asarray(a) >= 0.0, 1.0, tail) / (1.0 + tail))


def _signed(t: Taylor, u: Series) -> Number:
    return t.numbers.where(u[0] >= 0, 1, -1)


def _hyperbolic_secant(t: Taylor, u: Series) -> Series:
    """2 E / (1 + E^2), which does not overflow as 1 / cosh does."""
    decay = t.exp(t.scale(-_signed(t, u), u))
    return t.divide(t.scale(2, decay), t.add([1], t.multiply(decay, decay)))


def _hyperbolic_cosecant(t: Taylor, u: Series) -> Series:
    """2 E / (1 - E^2) with the sign of u."""
    sign = _signed(t, u)
    return t.divide(t.scale(2 * sign, t.exp(t.scale(-sign, u))), _vanishing(t, t.scale(-2 * sign, u)))


def _vanishing(t: Taylor, v: Series) -> Series:
    """1 - e^v without cancellation near 0."""
    return t.negate([t.numbers.expm1(v[0]), *t.exp(v)[1:]])


def _hyperbolic_cotangent(t: Taylor, u: Series) -> Series:
    csch = _hyperbolic_cosecant(t, u)
    return t.integrate(1 / t.numbers.tanh(u[0]), t.negate(t.multiply(csch, csch)), u)


def _inverse_cotangent(t: Taylor, u: Series) -> Series:
    """atan(1/u), which jumps at 0 from -pi/2 to pi/2."""
    zero = u[0] == 0
    head = t.numbers.atan(1 / t.numbers.where(zero, 1 + 0 * u[0], u[0]))
    half_turn = 2 * t.numbers.atan(1 + 0 * u[0])
    smoothly = t.integrate(t.numbers.where(zero, half_turn, head), t.divide([-1], _one_plus(t, 1, u)), u)
    t.branches.append(u[0] >= 0)
    # Another series that differs as soon as u moves: what a jump has instead of a derivative.
    return t.choose(True, smoothly, [smoothly[0], *u[1:]], tie=zero)  # noqa: FBT003 -- a condition like any other


def _error_function(t: Taylor, u: Series) -> Series:
    pi = 4 * t.numbers.atan(1 + 0 * u[0])
    density = t.scale(2 / t.numbers.sqrt(pi), t.exp(t.negate(t.multiply(u, u))))
    return t.integrate(t.numbers.erf(u[0]), density, u)


def _gelu(t: Taylor, u: Series) -> Series:
    shifted = t.add([1], _error_function(t, t.scale(1 / t.numbers.sqrt(2 + 0 * u[0]), u)))
    return t.multiply(t.scale(1 / (2 + 0 * u[0]), u), shifted)


def _polygamma(t: Taylor, n: Series, u: Series) -> Series:
    """Taylor's series of the function itself, with u put in for its argument by Horner's rule."""
    order = int(n[0])
    count = t.order if len(u) > 1 else 0
    result, moved = [t.numbers.polygamma(order + count, u[0])], [0, *u[1:]]
    for k in range(count - 1, -1, -1):
        inner = t.multiply(t.scale(1 / (k + 1 + 0 * u[0]), result), moved)
        result = [t.numbers.polygamma(order + k, u[0]) + inner[0], *inner[1:]]
    return result


def _gamma(t: Taylor, u: Series) -> Series:
    """y' = y psi(u) u': the exponential of the integral of psi."""
    logarithm = t.integrate(0 * u[0], _polygamma(t, [0], u), u)
    return t.riccati(t.numbers.gamma(u[0]), logarithm, 0, 1, 0)


def _stable_gelu(a: Any) -> Array:
    return np.asarray(0.5 * a * special.erfc(-np.asarray(a) * np.sqrt(0.5)))


def _gelu_running(argument: Bounded) -> Bounded:
    """gelu' = Phi(u) + u phi(u) <= 1.13; erfc at -t moves by about 2 t^2 times the relative error of t."""
    a, e = argument
    falling = np.where(a + e < 0.0, np.exp(-0.5 * _near_zero(a, e) ** 2) * (1.0 + 0.4 * (np.abs(a) + e)), 1.13)
    square = np.where(a < 0.0, np.minimum(a * a, 2000.0), 0.0)
    inherited = np.where(e == 0.0, 0.0, np.minimum(falling, 1.13) * e)
    return rounded(_stable_gelu(a), inherited, ulps=ERF_ULPS + 3.0 + 2.0 * square, underflow=64.0 * SMALLEST)


def _pole_between(a: Array, e: Array) -> Any:
    """Whether 0 or a negative whole number lies in [a - e, a + e]."""
    return (a - e <= 0.0) & (np.floor(np.minimum(a + e, 0.0)) >= np.ceil(a - e))


def _at_ends(size: Callable[[Array], Array], a: Array, e: Array) -> Array:
    """The largest size on [a - e, a + e] of a function that between its poles is convex or monotone."""
    with np.errstate(all="ignore"):
        largest = np.maximum(np.abs(size(a - e)), np.abs(size(a + e))) * (1.0 + 2.0**-20)
    return np.where(_pole_between(a, e), np.inf, largest)


def _polygamma_running(n: Bounded, argument: Bounded) -> Bounded:
    """The slope, a sum of powers that are convex between the poles, is largest at an end."""
    order, (a, e) = int(np.asarray(n[0])), argument
    value, size = special.sized_polygamma(order, a)
    # The sizes of the parts, not their sum: for an odd power they have different signs.
    slope = _at_ends(lambda x: special.sized_polygamma(order + 1, x)[1], a, e)
    inherited = np.where(e == 0.0, 0.0, slope * e)
    return value, inherited + special.polygamma_error(order) * UNIT * size + 64.0 * SMALLEST


def _gamma_slope(a: Array, e: Array) -> Array:
    """Gamma' is monotone between the poles: Gamma'' = Gamma (psi^2 + psi_1) keeps its sign there."""
    return _at_ends(lambda x: special.gamma(x) * (np.abs(special.digamma(x)) + 2.0**-40), a, e)


def _largest(t: Taylor, *arguments: Series) -> Series:
    return functools.reduce(lambda u, v: t.choose(u[0] > v[0], u, v, tie=u[0] == v[0]), arguments)


def _smallest(t: Taylor, *arguments: Series) -> Series:
    return functools.reduce(lambda u, v: t.choose(u[0] < v[0], u, v, tie=u[0] == v[0]), arguments)


def _exponentials(t: Taylor, arguments: Sequence[Series]) -> tuple[Number, list[Series], Series]:
    """The largest argument m, every e^(u - m), and their sum, which is at least 1."""
    top = functools.reduce(lambda a, b: t.numbers.where(a >= b, a, b), (u[0] for u in arguments))
    parts = [t.exp([u[0] - top, *u[1:]]) for u in arguments]
    return top, parts, functools.reduce(t.add, parts)


def _share(t: Taylor, *arguments: Series) -> Series:
    _, parts, whole = _exponentials(t, arguments)
    return t.divide(parts[0], whole)


def _logarithm_of_sum(t: Taylor, *arguments: Series) -> Series:
    top, _, whole = _exponentials(t, arguments)
    return t.add([top], t.log(whole))


def _stable_exponentials(arguments: Sequence[Any]) -> tuple[Any, list[Any], Any]:
    top = functools.reduce(np.maximum, arguments)
    parts = [np.exp(a - top) for a in arguments]
    return top, parts, functools.reduce(np.add, parts)


def _stable_share(*arguments: Any) -> Array:
    _, parts, whole = _stable_exponentials(arguments)
    return np.asarray(parts[0] / whole)


def _stable_logarithm(*arguments: Any) -> Array:
    top, _, whole = _stable_exponentials(arguments)
    return np.asarray(np.where(np.isinf(top), top, top + np.log(whole)))


def _moved(arguments: Sequence[Bounded]) -> tuple[Any, Any]:
    """The largest error of the arguments, and how much the differences a - m err: their own rounding, and theirs."""
    error = functools.reduce(np.maximum, (e for _, e in arguments))
    size = functools.reduce(np.maximum, (np.abs(a) for a, _ in arguments))
    return error, 2.0 * UNIT * size


def _share_running(*arguments: Bounded) -> Bounded:
    """p = e^(u1 - m) / sum: an error d of every u changes p by at most p (e^(2 d) - 1)."""
    error, own = _moved(arguments)
    value = _stable_share(*(a for a, _ in arguments))
    inherited = value * np.expm1(2.0 * (error + own))
    return rounded(value, np.minimum(inherited, 1.0), ulps=2.0 * ULPS + len(arguments), underflow=4.0 * SMALLEST)


def _logarithm_running(*arguments: Bounded) -> Bounded:
    """The slopes, the shares, are positive and sum to 1; the logarithm of the sum is at most log n."""
    error, own = _moved(arguments)
    value = _stable_logarithm(*(a for a, _ in arguments))
    rounding = (4.0 * ULPS + 2.0 * len(arguments)) * UNIT * (1.0 + np.log(len(arguments)))
    return rounded(value, error + own + rounding)


def _leaky(a: Any, slope: Any = None) -> Array:
    low = a / 100.0 if slope is None else slope * a
    return np.asarray(np.where(np.isnan(a) | (np.asarray(a) > 0.0), a, low))


def _leaky_running(argument: Bounded, slope: Bounded | None = None) -> Bounded:
    a, e = argument
    steep, steep_error = (0.01, 0.0) if slope is None else slope
    value = _leaky(a, None if slope is None else steep)
    inherited = np.maximum(1.0, np.abs(steep) + steep_error) * e + np.abs(a) * steep_error
    return rounded(value, np.where((e == 0.0) & (steep_error == 0.0), 0.0, inherited))


def _leaky_series(t: Taylor, u: Series, slope: Series | None = None) -> Series:
    low = t.divide(u, [100 + 0 * u[0]]) if slope is None else t.multiply(slope, u)
    return t.choose(u[0] > 0, u, low, tie=u[0] == 0)


def _branches(arguments: Sequence[Any]) -> tuple[list[tuple[Any, Any]], Any]:
    """Values with their conditions, and the value where none holds, None if there is none."""
    pairs = list(zip(arguments[0::2], arguments[1::2], strict=False))
    return pairs, arguments[-1] if len(arguments) % 2 else None


def _pieces(*arguments: Any) -> Array:
    pairs, otherwise = _branches(arguments)
    result: Any = np.nan if otherwise is None else otherwise
    for value, condition in reversed(pairs):
        result = np.where(np.isnan(condition), np.nan, np.where(condition != 0.0, value, result))
    return np.asarray(result)


def _pieces_running(*arguments: Bounded) -> Bounded:
    """Where a condition is open, the true value may be that of any piece."""
    pairs, otherwise = _branches(arguments)
    result: Any = (np.nan, 0.0) if otherwise is None else otherwise
    for (value, error), (condition, is_open) in reversed(pairs):
        chosen = _pieces(value, condition, result[0])
        either = np.maximum(np.abs(value - chosen) + error, np.abs(result[0] - chosen) + result[1])
        certain = np.where(condition != 0.0, error, result[1])
        result = chosen, np.where(is_open > 0.0, either, certain)
    bounded: Bounded = result
    return bounded


def _pieces_series(t: Taylor, *arguments: Series) -> Series:
    pairs, otherwise = _branches(arguments)
    where, nan = t.numbers.where, t.numbers.nan
    result: Series = [nan] if otherwise is None else otherwise
    for value, condition in reversed(pairs):
        holds = condition[0]
        # A condition changes at once, which shows as coefficients that are NaN.
        border = functools.reduce(operator.or_, (c != c for c in condition[1:]), False)  # noqa: PLR0124, FBT003 -- NaN
        # Two constants have no coefficients that could differ, unless one is written out.
        moving = [*value, 0 * value[0]] if len(value) == 1 < len(condition) else value
        chosen = t.choose(holds == 1, moving, result, tie=border)
        result = [where(holds != holds, nan, c) for c in chosen]  # noqa: PLR0124 -- NaN, in any arithmetic
    return result


def _root_beyond_one(a: Any) -> Any:
    """sqrt(a^2 - 1), which neither cancels nor overflows."""
    return np.sqrt(np.abs(a) - 1.0) * np.sqrt(np.abs(a) + 1.0)


def _inverse_secant(a: Any) -> Array:
    return np.asarray(np.arctan2(_root_beyond_one(a), np.sign(a)))


def _inverse_cosecant(a: Any) -> Array:
    return np.asarray(np.sign(a) * np.arctan2(1.0, _root_beyond_one(a)))


def _steep_beyond_one(a: Array, e: Array) -> Array:
    near = np.maximum(_near_zero(a, e), 1.0)
    return np.asarray(1.0 / (near * np.sqrt(near - 1.0) * np.sqrt(near + 1.0)))


def _stable_sech(a: Any) -> Array:
    decay = np.exp(-np.abs(a))
    return np.asarray(2.0 * decay / (1.0 + decay * decay))


def _stable_csch(a: Any) -> Array:
    size = np.abs(a)
    return np.asarray(np.copysign(2.0 * np.exp(-size) / -np.expm1(-2.0 * size), a))


_inverse_sine = _inverse("asin", lambda t, u: t.divide([1], _square_root(t, _one_plus(t, -1, u))))
_inverse_cosine = _inverse("acos", lambda t, u: t.divide([-1], _square_root(t, _one_plus(t, -1, u))))

LOG = smooth("log", np.log, lambda a, e: 1.0 / np.maximum(a - e, 0.0), Taylor.log)

FUNCTIONS = (
    smooth("exp", np.exp, lambda a, e: np.exp(a + e), Taylor.exp),
    smooth("expm1", np.expm1, lambda a, e: np.exp(a + e), lambda t, u: [t.numbers.expm1(u[0]), *Taylor.exp(t, u)[1:]]),
    Elementary(
        "log",
        (1, 2),
        lambda a, base=None: np.log(a) if base is None else np.log(a) / np.log(base),
        _log_base,
        lambda t, u, base=None: t.log(u) if base is None else t.divide(t.log(u), t.log(base)),
    ),
    smooth(
        "log1p",
        np.log1p,
        lambda a, e: 1.0 / np.maximum(1.0 + a - e, 0.0),
        _inverse("log1p", lambda t, u: t.divide([1], t.add([1], u))),
    ),
    smooth(
        "log2",
        np.log2,
        lambda a, e: 1.4426950408889634 / np.maximum(a - e, 0.0),
        lambda t, u: t.divide(t.log(u), [t.numbers.log(0 * u[0] + 2)]),
    ),
    smooth(
        "log10",
        np.log10,
        lambda a, e: 0.4342944819032518 / np.maximum(a - e, 0.0),
        lambda t, u: t.divide(t.log(u), [t.numbers.log(0 * u[0] + 10)]),
    ),
    smooth(
        "sqrt",
        np.sqrt,
        lambda a, e: 0.5 / np.sqrt(np.maximum(a - e, 0.0)),
        _square_root,
        ulps=0.5,
        vertical=((0, 1, 1),),
    ),
    smooth(
        "cbrt",
        np.cbrt,
        lambda a, e: 1.0 / (3.0 * np.cbrt(_near_zero(a, e)) ** 2),
        lambda t, u: _rooted(t, u, 3, t.numbers.cbrt(u[0])),
        ulps=4.0,
        vertical=((0, 1, 0),),
    ),
    smooth("sin", np.sin, lambda a, e: np.minimum(np.abs(np.cos(a)) + e, 1.0), _sine),
    smooth("cos", np.cos, lambda a, e: np.minimum(np.abs(np.sin(a)) + e, 1.0), _cosine),
    smooth(
        "tan",
        np.tan,
        lambda a, e: 1.0 / np.maximum(np.abs(np.cos(a)) - e, 0.0) ** 2,
        lambda t, u: t.riccati(t.numbers.tan(u[0]), u, 1, 0, 1),
    ),
    smooth(
        "sec",
        lambda a: 1.0 / np.cos(a),
        lambda a, e: 1.0 / np.maximum(np.abs(np.cos(a)) - e, 0.0) ** 2,
        lambda t, u: t.divide([1], _cosine(t, u)),
    ),
    smooth(
        "csc",
        lambda a: 1.0 / np.sin(a),
        lambda a, e: 1.0 / np.maximum(np.abs(np.sin(a)) - e, 0.0) ** 2,
        lambda t, u: t.divide([1], _sine(t, u)),
    ),
    smooth(
        "cot",
        lambda a: 1.0 / np.tan(a),
        lambda a, e: 1.0 / np.maximum(np.abs(np.sin(a)) - e, 0.0) ** 2,
        lambda t, u: t.divide(_cosine(t, u), _sine(t, u)),
    ),
    smooth(
        "asin",
        np.arcsin,
        lambda a, e: 1.0 / np.sqrt(_one_minus_square(a, e)),
        _inverse_sine,
        vertical=((-1, 1, 1), (1, 1, -1)),
    ),
    smooth(
        "acos",
        np.arccos,
        lambda a, e: 1.0 / np.sqrt(_one_minus_square(a, e)),
        _inverse_cosine,
        vertical=((-1, -1, 1), (1, -1, -1)),
    ),
    smooth(
        "atan",
        np.arctan,
        lambda a, e: 1.0 / (1.0 + _near_zero(a, e) ** 2),
        _inverse("atan", lambda t, u: t.divide([1], _one_plus(t, 1, u))),
    ),
    smooth("sinh", np.sinh, lambda a, e: np.cosh(np.abs(a) + e), lambda t, u: _hyperbolic(t, u)[0]),
    smooth("cosh", np.cosh, lambda a, e: np.sinh(np.abs(a) + e), lambda t, u: _hyperbolic(t, u)[1]),
    smooth(
        "tanh",
        np.tanh,
        lambda a, e: 1.0 / np.cosh(_near_zero(a, e)) ** 2,
        _tanh,
    ),
    smooth(
        "asinh",
        np.arcsinh,
        lambda a, e: 1.0 / np.hypot(1.0, _near_zero(a, e)),
        _inverse("asinh", lambda t, u: t.divide([1], _square_root(t, _one_plus(t, 1, u)))),
    ),
    smooth(
        "acosh",
        np.arccosh,
        lambda a, e: 1.0 / (np.sqrt(np.maximum(a - e, 1.0) - 1.0) * np.sqrt(np.maximum(a - e, 1.0) + 1.0)),
        # u^2 - 1 and not -(1 - u^2), which would be -0 at 1
        _inverse("acosh", lambda t, u: t.divide([1], _square_root(t, t.add([-1], t.multiply(u, u))))),
        vertical=((1, 1, 1),),
    ),
    smooth(
        "atanh",
        np.arctanh,
        lambda a, e: 1.0 / _one_minus_square(a, e),
        _inverse("atanh", lambda t, u: t.divide([1], _one_plus(t, -1, u))),
    ),
    smooth(
        "asec",
        _inverse_secant,
        _steep_beyond_one,
        lambda t, u: _inverse_cosine(t, t.divide([1], u)),
        ulps=4.0,
        vertical=((-1, 1, -1), (1, 1, 1)),
    ),
    smooth(
        "acsc",
        _inverse_cosecant,
        _steep_beyond_one,
        lambda t, u: _inverse_sine(t, t.divide([1], u)),
        ulps=4.0,
        vertical=((-1, -1, -1), (1, -1, 1)),
    ),
    smooth(
        "acot",
        lambda a: np.arctan(1.0 / (a + 0.0)),  # -0 + 0 is 0: the jump is on its left
        lambda a, e: np.where((np.abs(a) <= e) & (e > 0.0), np.inf, 1.0 / (1.0 + _near_zero(a, e) ** 2)),
        _inverse_cotangent,
        ulps=3.0,
    ),
    smooth(
        "sech",
        _stable_sech,
        lambda a, e: _stable_sech(_near_zero(a, e)),
        _hyperbolic_secant,
        ulps=4.0,
        underflow=4.0 * SMALLEST,
    ),
    smooth(
        "csch",
        _stable_csch,
        lambda a, e: _stable_csch(_near_zero(a, e)) / np.tanh(_near_zero(a, e)),
        _hyperbolic_cosecant,
        ulps=5.0,
        underflow=4.0 * SMALLEST,
    ),
    smooth(
        "coth",
        lambda a: 1.0 / np.tanh(a),
        lambda a, e: _stable_csch(_near_zero(a, e)) ** 2,
        _hyperbolic_cotangent,
        ulps=3.0,
    ),
    smooth(
        "erf",
        special.erf,
        lambda a, e: 1.1283791670955126 * np.exp(-(_near_zero(a, e) ** 2)),
        _error_function,
        ulps=ERF_ULPS,
    ),
    smooth("gamma", special.gamma, _gamma_slope, _gamma, ulps=GAMMA_ULPS),
    Elementary(
        "digamma",
        (1,),
        special.digamma,
        lambda a: _polygamma_running((np.asarray(0.0), np.asarray(0.0)), a),
        lambda t, u: _polygamma(t, [0], u),
    ),
    Elementary("polygamma", (2,), special.polygamma, _polygamma_running, _polygamma),
    Elementary("gelu", (1,), _stable_gelu, _gelu_running, _gelu),
    smooth("sigmoid", _stable_sigmoid, lambda a, e: _stable_sigmoid(-_near_zero(a, e)), _sigmoid),
    smooth(
        "softplus",
        lambda a: np.logaddexp(0.0, a),
        lambda a, e: _stable_sigmoid(a + e),
        _softplus,
    ),
    selection("abs", np.abs, (1,), _absolute),
    selection(
        "relu", lambda a: np.maximum(a, 0.0), (1,), lambda t, u: t.choose(u[0] > 0, u, [0 * u[0]], tie=u[0] == 0)
    ),
    Elementary("leaky_relu", (1, 2), _leaky, _leaky_running, _leaky_series),
    selection("max", lambda *arguments: functools.reduce(np.maximum, arguments), MANY, _largest),
    selection("min", lambda *arguments: functools.reduce(np.minimum, arguments), MANY, _smallest),
    Elementary("softmax", range(1, MANY.stop), _stable_share, _share_running, _share),
    Elementary("logsumexp", range(1, MANY.stop), _stable_logarithm, _logarithm_running, _logarithm_of_sum),
    Elementary("piecewise", MANY, _pieces, _pieces_running, _pieces_series),
    stepped("sign", np.sign, lambda numbers, a: a == 0),
    stepped("floor", np.floor, lambda numbers, a: numbers.floor(a) == a),
    stepped("heaviside", lambda a: np.heaviside(a, 0.5), lambda numbers, a: a == 0),
)

FLOATS = SimpleNamespace(
    **{name: getattr(np, name) for name in ("exp", "expm1", "log", "log1p", "sqrt", "cbrt", "sin", "cos", "tan")},
    **{name: getattr(np, name) for name in ("asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh")},
    **{name: getattr(np, name) for name in ("sign", "floor", "where", "nan", "inf")},
    heaviside=lambda a: np.heaviside(a, 0.5),
    nonnegative=lambda a: a >= 0,
    power=lambda a, b: a**b,
    erf=special.erf,
    gamma=special.gamma,
    polygamma=special.polygamma,
)
"""The numbers of Taylor series over floating-point arrays."""

ELEMENTARY = MappingProxyType({row.name: row for row in FUNCTIONS})
OPERATIONS = MappingProxyType({row.name: row for row in (*OPERATORS, *COMPARISONS, *FUNCTIONS)})
