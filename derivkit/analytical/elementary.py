"""THE table of operations that an expression may use: value, rounding error and Taylor series of each in one row.

``value`` is the float64 function of NumPy arrays. ``running`` carries a pair (value, bound of its rounding error)
through the operation: running error analysis (Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed. 2002,
section 3.3), where an argument that is wrong by e moves a result by at most e times the largest slope within e.
``series`` is the operation on Taylor series (:mod:`derivkit.analytical.dual`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.analytical.dual import Number, Series, Taylor

Array = NDArray[np.float64]
Bounded = tuple[Array, Array]

UNIT = 2.0**-53
"""Unit roundoff u: the five operations of IEEE 754 err by at most u |result|."""
SMALLEST = 2.0**-1074
"""The least positive float: what underflow may lose."""
ULPS = 2.0
"""Error assumed of an elementary function, in ulps. glibc's manual ("Known Maximum Errors in Math Functions") lists at
most 2 on x86-64 and AArch64 for the functions below, but 4 for cbrt; NumPy's own vector versions aim at about 1."""


@dataclass(frozen=True, slots=True)
class Elementary:
    """One operation: how many arguments it takes, and what it is in each arithmetic."""

    name: str
    arity: tuple[int, ...]
    value: Callable[..., Array]
    running: Callable[..., Bounded]
    series: Callable[..., Series]


def rounded(value: Array, inherited: Array | float, *, ulps: float = 0.5, underflow: float = SMALLEST) -> Bounded:
    """A result with the error that it inherits, that of its own rounding, and what underflow may lose."""
    return value, inherited + 2.0 * ulps * UNIT * np.abs(value) + underflow


def smooth(
    name: str,
    value: Callable[[Any], Array],
    slope: Callable[[Array, Array], Array],
    series: Callable[[Taylor, Series], Series],
    *,
    ulps: float = ULPS,
) -> Elementary:
    """A row for a function of one argument; ``slope(a, e)`` bounds its derivative on [a - e, a + e]."""

    def running(argument: Bounded) -> Bounded:
        a, e = argument
        inherited = np.where(e == 0.0, 0.0, np.abs(slope(a, e)) * e)
        return rounded(value(a), inherited, ulps=ulps)

    return Elementary(name, (1,), value, running, series)


def selection(name: str, value: Callable[..., Array], arity: int, series: Callable[..., Series]) -> Elementary:
    """A row for a function that picks one of its arguments or a bound of them, without rounding (abs, max)."""

    def running(*arguments: Bounded) -> Bounded:
        errors = [np.asarray(e) for _, e in arguments]
        return value(*(a for a, _ in arguments)), np.maximum.reduce(np.broadcast_arrays(*errors))

    return Elementary(name, (arity,), value, running, series)


def stepped(name: str, value: Callable[[Any], Array], jump: Callable[[Any, Any], Any]) -> Elementary:
    """A row for a piecewise constant function; ``jump(numbers, a)`` says where it is not continuous."""

    def running(argument: Bounded) -> Bounded:
        a, e = argument
        result = value(a)
        return result, np.where(e == 0.0, 0.0, np.abs(value(a + e) - value(a - e)))

    def series(t: Taylor, u: Series) -> Series:
        return t.step(getattr(t.numbers, name)(u[0]), u, tie=jump(t.numbers, u[0]))

    return Elementary(name, (1,), value, running, series)


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


OPERATORS = (
    Elementary("add", (2,), np.add, _add, Taylor.add),
    Elementary("subtract", (2,), np.subtract, _subtract, lambda t, u, v: t.add(u, t.negate(v))),
    Elementary("multiply", (2,), np.multiply, _multiply, Taylor.multiply),
    Elementary("divide", (2,), np.divide, _divide, Taylor.divide),
    Elementary("power", (2,), raised, _power, Taylor.power),
    Elementary("negate", (1,), np.negative, lambda a: (-a[0], a[1]), Taylor.negate),
)


def _sine(t: Taylor, u: Series) -> Series:
    return t.sine_cosine(u, t.numbers.sin(u[0]), t.numbers.cos(u[0]), -1)[0]


def _cosine(t: Taylor, u: Series) -> Series:
    return t.sine_cosine(u, t.numbers.sin(u[0]), t.numbers.cos(u[0]), -1)[1]


def _hyperbolic(t: Taylor, u: Series) -> tuple[Series, Series]:
    return t.sine_cosine(u, t.numbers.sinh(u[0]), t.numbers.cosh(u[0]), 1)


def _decaying(t: Taylor, u: Series, rate: int) -> tuple[Series, Series]:
    """E = exp(-rate |u|) and E / (1 + E)^2, a positive quotient without cancellation, however large u is."""
    decay = t.exp(t.scale(t.numbers.where(u[0] >= 0, -rate, rate), u))
    one_plus = t.add([1], decay)
    return decay, t.divide(decay, t.multiply(one_plus, one_plus))


def _sigmoid(t: Taylor, u: Series) -> Series:
    decay, slope = _decaying(t, u, 1)
    return t.integrate(t.numbers.where(u[0] >= 0, 1, decay[0]) / (1 + decay[0]), slope, u)


def _tanh(t: Taylor, u: Series) -> Series:
    return t.integrate(t.numbers.tanh(u[0]), t.scale(4, _decaying(t, u, 2)[1]), u)


def _softplus(t: Taylor, u: Series) -> Series:
    head = t.numbers.where(u[0] >= 0, u[0], 0 * u[0]) + t.numbers.log1p(_decaying(t, u[:1], 1)[0][0])
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
    smooth("sqrt", np.sqrt, lambda a, e: 0.5 / np.sqrt(np.maximum(a - e, 0.0)), _square_root, ulps=0.5),
    smooth(
        "cbrt",
        np.cbrt,
        lambda a, e: 1.0 / (3.0 * np.cbrt(_near_zero(a, e)) ** 2),
        lambda t, u: _rooted(t, u, 3, t.numbers.cbrt(u[0])),
        ulps=4.0,
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
        _inverse("asin", lambda t, u: t.divide([1], _square_root(t, _one_plus(t, -1, u)))),
    ),
    smooth(
        "acos",
        np.arccos,
        lambda a, e: 1.0 / np.sqrt(_one_minus_square(a, e)),
        _inverse("acos", lambda t, u: t.divide([-1], _square_root(t, _one_plus(t, -1, u)))),
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
        _inverse("acosh", lambda t, u: t.divide([1], _square_root(t, t.negate(_one_plus(t, -1, u))))),
    ),
    smooth(
        "atanh",
        np.arctanh,
        lambda a, e: 1.0 / _one_minus_square(a, e),
        _inverse("atanh", lambda t, u: t.divide([1], _one_plus(t, -1, u))),
    ),
    smooth("sigmoid", _stable_sigmoid, lambda a, e: _stable_sigmoid(-_near_zero(a, e)), _sigmoid),
    smooth(
        "softplus",
        lambda a: np.logaddexp(0.0, a),
        lambda a, e: _stable_sigmoid(a + e),
        _softplus,
    ),
    selection("abs", np.abs, 1, _absolute),
    selection("relu", lambda a: np.maximum(a, 0.0), 1, lambda t, u: t.choose(u[0] > 0, u, [0 * u[0]], tie=u[0] == 0)),
    selection("max", np.maximum, 2, lambda t, u, v: t.choose(u[0] > v[0], u, v, tie=u[0] == v[0])),
    selection("min", np.minimum, 2, lambda t, u, v: t.choose(u[0] < v[0], u, v, tie=u[0] == v[0])),
    stepped("sign", np.sign, lambda numbers, a: a == 0),
    stepped("floor", np.floor, lambda numbers, a: numbers.floor(a) == a),
    stepped("heaviside", lambda a: np.heaviside(a, 0.5), lambda numbers, a: a == 0),
)

FLOATS = SimpleNamespace(
    **{name: getattr(np, name) for name in ("exp", "expm1", "log", "log1p", "sqrt", "cbrt", "sin", "cos", "tan")},
    **{name: getattr(np, name) for name in ("asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh")},
    **{name: getattr(np, name) for name in ("sign", "floor", "where", "nan")},
    heaviside=lambda a: np.heaviside(a, 0.5),
    power=lambda a, b: a**b,
)
"""The numbers of Taylor series over floating-point arrays."""

ELEMENTARY = MappingProxyType({row.name: row for row in FUNCTIONS})
OPERATIONS = MappingProxyType({row.name: row for row in (*OPERATORS, *FUNCTIONS)})
