"""Values in float64 and running errors of operations that do not follow from a formula of their slope."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from derivkit.operations import special
from derivkit.operations.row import LEAST_NORMAL, SMALLEST, ULPS, UNIT, Bounded
from derivkit.operations.series import branches
from derivkit.types import Array

ERF_ULPS = 5.0
"""Error assumed of erf and erfc, in ulps."""


def near_zero(a: Array, e: Array) -> Array:
    """The point of [a - e, a + e] nearest to 0, in size."""
    return np.maximum(np.abs(a) - e, 0.0)


def inherited(slope: Array, e: Array) -> Array:
    """What an error e of the argument adds to that of the result, by a slope worked out in float64."""
    return np.where(e == 0.0, 0.0, (np.abs(slope) + LEAST_NORMAL) * e)


def rounded(
    value: Array, from_arguments: Array | float, *, ulps: Array | float = 0.5, underflow: float = SMALLEST
) -> Bounded:
    """A result with the error that it inherits, that of its own rounding, and what underflow may lose."""
    return value, from_arguments + 2.0 * ulps * UNIT * np.abs(value) + underflow


def add(a: Bounded, b: Bounded) -> Bounded:
    """a + b."""
    return rounded(a[0] + b[0], a[1] + b[1], underflow=0.0)  # a sum of floats does not underflow


def subtract(a: Bounded, b: Bounded) -> Bounded:
    """a - b."""
    return rounded(a[0] - b[0], a[1] + b[1], underflow=0.0)


def multiply(a: Bounded, b: Bounded) -> Bounded:
    """a b."""
    return rounded(a[0] * b[0], np.abs(a[0]) * b[1] + np.abs(b[0]) * a[1] + a[1] * b[1])


def divide(a: Bounded, b: Bounded) -> Bounded:
    """a / b."""
    quotient = a[0] / b[0]
    margin = np.abs(b[0]) - b[1]
    moved = np.where(margin > 0.0, (a[1] + np.abs(quotient) * b[1]) / margin, np.inf)
    return rounded(quotient, np.where((a[1] == 0.0) & (b[1] == 0.0), 0.0, moved))


def log(u: Bounded, base: Bounded | None = None) -> Bounded:
    """The logarithm, or the quotient of two."""
    if base is not None:
        return divide(log(u), log(base))
    a, e = u
    return rounded(np.log(a), np.where(e == 0.0, 0.0, 1.0 / np.maximum(a - e, 0.0) * e), ulps=ULPS)


def raised(base: Any, exponent: Any) -> Array:
    """base ** exponent as Python writes it: an integral exponent is an integer, which NumPy squares exactly rounded."""
    wide = np.asarray(base, dtype=np.result_type(base, np.float64))
    if np.ndim(exponent) == 0 and float(exponent).is_integer() and abs(exponent) < 2.0**31:
        return np.asarray(wide ** int(exponent))
    return np.asarray(wide**exponent)


def power(base: Bounded, exponent: Bounded) -> Bounded:
    """|d(a^b)| <= |b| a^(b-1) da + a^b |log a| db, with a at the end of [|a| - e, |a| + e] where it is largest."""
    (a, ea), (b, eb) = base, exponent
    result = raised(a, b)
    far = np.where(np.asarray(b) >= 1.0, np.abs(a) + ea, np.maximum(np.abs(a) - ea, 0.0))
    by_base = np.where(ea == 0.0, 0.0, np.abs(b) * (ea / far) * far**b)
    by_exponent = np.where((eb == 0.0) | (result == 0.0), 0.0, np.abs(result) * np.abs(np.log(np.abs(a))) * eb)
    correctly = np.ndim(b) == 0 and float(b) in (0.0, 1.0, 2.0)
    return rounded(result, by_base + by_exponent, ulps=0.5 if correctly else ULPS)


def sigmoid(a: Any) -> Array:
    """1/(1 + e^-a), without overflow."""
    tail = np.exp(-np.abs(a))
    return np.asarray(np.where(np.asarray(a) >= 0.0, 1.0, tail) / (1.0 + tail))


def sech(a: Any) -> Array:
    """1/cosh(a), without overflow."""
    decay = np.exp(-np.abs(a))
    return np.asarray(2.0 * decay / (1.0 + decay * decay))


def csch(a: Any) -> Array:
    """1/sinh(a), without overflow."""
    size = np.abs(a)
    return np.asarray(np.copysign(2.0 * np.exp(-size) / -np.expm1(-2.0 * size), a))


def gelu(a: Any) -> Array:
    """a Phi(a), without cancellation far on the left."""
    return np.asarray(0.5 * a * special.erfc(-np.asarray(a) * np.sqrt(0.5)))


def gelu_running(argument: Bounded) -> Bounded:
    """gelu' = Phi(u) + u phi(u) <= 1.13; erfc at -t moves by about 2 t^2 times the relative error of t."""
    a, e = argument
    falling = np.where(a + e < 0.0, np.exp(-0.5 * near_zero(a, e) ** 2) * (1.0 + 0.4 * (np.abs(a) + e)), 1.13)
    square = np.where(a < 0.0, np.minimum(a * a, 2000.0), 0.0)
    slope = np.minimum(falling, 1.13)
    return rounded(gelu(a), inherited(slope, e), ulps=ERF_ULPS + 3.0 + 2.0 * square, underflow=64.0 * SMALLEST)


def _pole_between(a: Array, e: Array) -> Any:
    """Whether 0 or a negative whole number lies in [a - e, a + e]."""
    return (a - e <= 0.0) & (np.floor(np.minimum(a + e, 0.0)) >= np.ceil(a - e))


def _at_ends(size: Callable[[Array], Array], a: Array, e: Array) -> Array:
    """The largest size on [a - e, a + e] of a function that between its poles is convex or monotone."""
    with np.errstate(all="ignore"):
        largest = np.maximum(np.abs(size(a - e)), np.abs(size(a + e))) * (1.0 + 2.0**-20)
    return np.where(_pole_between(a, e), np.inf, largest)


def polygamma_running(n: Bounded, argument: Bounded) -> Bounded:
    """The slope, a sum of powers that are convex between the poles, is largest at an end."""
    order, (a, e) = int(np.asarray(n[0])), argument
    value, size = special.sized_polygamma(order, a)
    # The sizes of the parts, not their sum: for an odd power they have different signs.
    slope = _at_ends(lambda x: special.sized_polygamma(order + 1, x)[1], a, e)
    return value, inherited(slope, e) + special.polygamma_error(order) * UNIT * size + 64.0 * SMALLEST


def gamma_slope(a: Array, e: Array) -> Array:
    """Gamma' is monotone between the poles: Gamma'' = Gamma (psi^2 + psi_1) keeps its sign there."""
    return _at_ends(lambda x: special.gamma(x) * (np.abs(special.digamma(x)) + 2.0**-40), a, e)


def _exponentials(arguments: Sequence[Any]) -> tuple[Any, list[Any], Any]:
    top = functools.reduce(np.maximum, arguments)
    parts = [np.exp(a - top) for a in arguments]
    return top, parts, functools.reduce(np.add, parts)


def share(*arguments: Any) -> Array:
    """The first share of the softmax of all arguments, without overflow."""
    _, parts, whole = _exponentials(arguments)
    return np.asarray(parts[0] / whole)


def logsumexp(*arguments: Any) -> Array:
    """The logarithm of the sum of exponentials, without overflow."""
    top, _, whole = _exponentials(arguments)
    return np.asarray(np.where(np.isinf(top), top, top + np.log(whole)))


def _moved(arguments: Sequence[Bounded]) -> tuple[Any, Any]:
    """The largest error of the arguments, and how much the differences a - m err: their own rounding, and theirs."""
    error = functools.reduce(np.maximum, (e for _, e in arguments))
    size = functools.reduce(np.maximum, (np.abs(a) for a, _ in arguments))
    return error, 2.0 * UNIT * size


def share_running(*arguments: Bounded) -> Bounded:
    """p = e^(u1 - m) / sum: an error d of every u changes p by at most p (e^(2 d) - 1)."""
    error, rounding_of_differences = _moved(arguments)
    value = share(*(a for a, _ in arguments))
    moved = value * np.expm1(2.0 * (error + rounding_of_differences))
    return rounded(value, np.minimum(moved, 1.0), ulps=2.0 * ULPS + len(arguments), underflow=4.0 * SMALLEST)


def logsumexp_running(*arguments: Bounded) -> Bounded:
    """The slopes, the shares, are positive and sum to 1; the logarithm of the sum is at most log n."""
    error, rounding_of_differences = _moved(arguments)
    value = logsumexp(*(a for a, _ in arguments))
    rounding = (4.0 * ULPS + 2.0 * len(arguments)) * UNIT * (1.0 + np.log(len(arguments)))
    return rounded(value, error + rounding_of_differences + rounding)


def leaky(a: Any, slope: Any = None) -> Array:
    """a on the right, slope times a on the left; the slope is 1/100 by default."""
    low = a / 100.0 if slope is None else slope * a
    return np.asarray(np.where(np.isnan(a) | (np.asarray(a) > 0.0), a, low))


def leaky_running(argument: Bounded, slope: Bounded | None = None) -> Bounded:
    """Either branch has its own slope; that of the left may have an error."""
    a, e = argument
    steep, steep_error = (0.01, 0.0) if slope is None else slope
    value = leaky(a, None if slope is None else steep)
    moved = np.maximum(1.0, np.abs(steep) + steep_error) * e + np.abs(a) * steep_error
    return rounded(value, np.where((e == 0.0) & (steep_error == 0.0), 0.0, moved))


def pieces(*arguments: Any) -> Array:
    """Values and conditions, alternating, the value that holds otherwise last."""
    pairs, otherwise = branches(arguments)
    result: Any = np.nan if otherwise is None else otherwise
    for value, condition in reversed(pairs):
        result = np.where(np.isnan(condition), np.nan, np.where(condition != 0.0, value, result))
    return np.asarray(result)


def pieces_running(*arguments: Bounded) -> Bounded:
    """Where a condition is open, the true value may be that of any piece."""
    pairs, otherwise = branches(arguments)
    result: Any = (np.nan, 0.0) if otherwise is None else otherwise
    for (value, error), (condition, is_open) in reversed(pairs):
        chosen = pieces(value, condition, result[0])
        either = np.maximum(np.abs(value - chosen) + error, np.abs(result[0] - chosen) + result[1])
        certain = np.where(condition != 0.0, error, result[1])
        result = chosen, np.where(is_open > 0.0, either, certain)
    bounded: Bounded = result
    return bounded


def _root_beyond_one(a: Any) -> Any:
    """sqrt(a^2 - 1), which neither cancels nor overflows."""
    return np.sqrt(np.abs(a) - 1.0) * np.sqrt(np.abs(a) + 1.0)


def inverse_secant(a: Any) -> Array:
    """acos(1/a), right near 1 and far out."""
    return np.asarray(np.arctan2(_root_beyond_one(a), np.sign(a)))


def inverse_cosecant(a: Any) -> Array:
    """asin(1/a), right near 1 and far out."""
    return np.asarray(np.sign(a) * np.arctan2(1.0, _root_beyond_one(a)))


def steep_right_of_one(a: Array, e: Array) -> Array:
    """The slope of acosh at the left end: 1/sqrt(t^2 - 1), without cancellation."""
    left = np.maximum(a - e, 1.0)
    return np.asarray(1.0 / _root_beyond_one(left))


def steep_beyond_one(a: Array, e: Array) -> Array:
    """The slope of the inverse secant at the point nearest to 1: 1/(t sqrt(t^2 - 1)), without cancellation."""
    near = np.maximum(near_zero(a, e), 1.0)
    return np.asarray(1.0 / (near * np.sqrt(near - 1.0) * np.sqrt(near + 1.0)))
