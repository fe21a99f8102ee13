"""The Taylor series of operations that do not follow from a formula of their slope.

They have several arguments, or pieces, or recurrences of their own, or would lose digits by their slope as it is
written: the series of tanh by 1/cosh(u)^2 overflows where that by e^(-2|u|) does not.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import Any

from derivkit.operations.taylor import Number, Series, Taylor


def sine(t: Taylor, u: Series) -> Series:
    """sin(u)."""
    return t.sine_cosine(u, t.numbers.sin(u[0]), t.numbers.cos(u[0]), -1)[0]


def cosine(t: Taylor, u: Series) -> Series:
    """cos(u)."""
    return t.sine_cosine(u, t.numbers.sin(u[0]), t.numbers.cos(u[0]), -1)[1]


def hyperbolic(t: Taylor, u: Series) -> tuple[Series, Series]:
    """sinh(u) and cosh(u)."""
    return t.sine_cosine(u, t.numbers.sinh(u[0]), t.numbers.cosh(u[0]), 1)


def _decaying(t: Taylor, u: Series, rate: int) -> tuple[Series, Series]:
    """E = exp(-rate |u|) and E / (1 + E)^2, a positive quotient without cancellation, however large u is."""
    decay = t.exp(t.scale(t.numbers.where(t.numbers.nonnegative(u[0]), -rate, rate), u))
    one_plus = t.add([1], decay)
    return decay, t.divide(decay, t.multiply(one_plus, one_plus))


def sigmoid(t: Taylor, u: Series) -> Series:
    """1/(1 + e^-u)."""
    decay, slope = _decaying(t, u, 1)
    return t.integrate(t.numbers.where(t.numbers.nonnegative(u[0]), 1, decay[0]) / (1 + decay[0]), slope, u)


def tanh(t: Taylor, u: Series) -> Series:
    """tanh(u), whose slope 4 E/(1 + E)^2 neither cancels nor overflows."""
    return t.integrate(t.numbers.tanh(u[0]), t.scale(4, _decaying(t, u, 2)[1]), u)


def softplus(t: Taylor, u: Series) -> Series:
    """log(1 + e^u)."""
    head = t.numbers.where(t.numbers.nonnegative(u[0]), u[0], 0 * u[0]) + t.numbers.log1p(_decaying(t, u[:1], 1)[0][0])
    return t.integrate(head, sigmoid(t, u), u)


def square_root(t: Taylor, u: Series) -> Series:
    """The square root of u."""
    return root(t, u, 2, t.numbers.sqrt(u[0]))


def root(t: Taylor, u: Series, root: int, y0: Number) -> Series:
    """A root of u, with its value given."""
    return t.fixed_power(u, (0 * y0 + 1) / root, y0)


def absolute(t: Taylor, u: Series) -> Series:
    """|u|."""
    zero = u[0] == 0
    return t.choose(u[0] > 0, u, t.negate(u), tie=zero)


def _signed(t: Taylor, u: Series) -> Number:
    return t.numbers.where(u[0] >= 0, 1, -1)


def hyperbolic_secant(t: Taylor, u: Series) -> Series:
    """2 E / (1 + E^2), which does not overflow as 1 / cosh does."""
    decay = t.exp(t.scale(-_signed(t, u), u))
    return t.divide(t.scale(2, decay), t.add([1], t.multiply(decay, decay)))


def hyperbolic_cosecant(t: Taylor, u: Series) -> Series:
    """2 E / (1 - E^2) with the sign of u."""
    sign = _signed(t, u)
    return t.divide(t.scale(2 * sign, t.exp(t.scale(-sign, u))), _vanishing(t, t.scale(-2 * sign, u)))


def _vanishing(t: Taylor, v: Series) -> Series:
    """1 - e^v without cancellation near 0."""
    return t.negate([t.numbers.expm1(v[0]), *t.exp(v)[1:]])


def hyperbolic_cotangent(t: Taylor, u: Series) -> Series:
    """coth(u)."""
    csch = hyperbolic_cosecant(t, u)
    return t.integrate(1 / t.numbers.tanh(u[0]), t.negate(t.multiply(csch, csch)), u)


def inverse_cotangent(t: Taylor, u: Series) -> Series:
    """atan(1/u), which jumps at 0 from -pi/2 to pi/2."""
    zero = u[0] == 0
    head = t.numbers.atan(1 / t.numbers.where(zero, 1 + 0 * u[0], u[0]))
    half_turn = 2 * t.numbers.atan(1 + 0 * u[0])
    smoothly = t.integrate(t.numbers.where(zero, half_turn, head), t.divide([-1], t.add([1], t.multiply(u, u))), u)
    t.branches.append(u[0] >= 0)
    # Another series that differs as soon as u moves: what a jump has instead of a derivative.
    return t.choose(True, smoothly, [smoothly[0], *u[1:]], tie=zero)  # noqa: FBT003 -- a condition like any other


def polygamma(t: Taylor, n: Series, u: Series) -> Series:
    """Taylor's series of the function itself, into which u is substituted by Horner's rule."""
    order = int(n[0])
    count = t.order if len(u) > 1 else 0
    result, moved = [t.numbers.polygamma(order + count, u[0])], [0, *u[1:]]
    for k in range(count - 1, -1, -1):
        inner = t.multiply(t.scale(1 / (k + 1 + 0 * u[0]), result), moved)
        result = [t.numbers.polygamma(order + k, u[0]) + inner[0], *inner[1:]]
    return result


def gamma(t: Taylor, u: Series) -> Series:
    """y' = y psi(u) u': the exponential of the integral of psi."""
    logarithm = t.integrate(0 * u[0], polygamma(t, [0], u), u)
    return t.riccati(t.numbers.gamma(u[0]), logarithm, 0, 1, 0)


def largest(t: Taylor, *arguments: Series) -> Series:
    """The largest argument."""
    return functools.reduce(lambda u, v: t.choose(u[0] > v[0], u, v, tie=u[0] == v[0]), arguments)


def smallest(t: Taylor, *arguments: Series) -> Series:
    """The smallest argument."""
    return functools.reduce(lambda u, v: t.choose(u[0] < v[0], u, v, tie=u[0] == v[0]), arguments)


def _exponentials(t: Taylor, arguments: Sequence[Series]) -> tuple[Number, list[Series], Series]:
    """The largest argument m, every e^(u - m), and their sum, which is at least 1."""
    top = functools.reduce(lambda a, b: t.numbers.where(a >= b, a, b), (u[0] for u in arguments))
    parts = [t.exp([u[0] - top, *u[1:]]) for u in arguments]
    return top, parts, functools.reduce(t.add, parts)


def share(t: Taylor, *arguments: Series) -> Series:
    """The first share of the softmax of all arguments."""
    _, parts, whole = _exponentials(t, arguments)
    return t.divide(parts[0], whole)


def logarithm_of_sum(t: Taylor, *arguments: Series) -> Series:
    """The logarithm of the sum of exponentials."""
    top, _, whole = _exponentials(t, arguments)
    return t.add([top], t.log(whole))


def leaky(t: Taylor, u: Series, slope: Series | None = None) -> Series:
    """u on the right, its slope times it on the left."""
    low = t.divide(u, [100 + 0 * u[0]]) if slope is None else t.multiply(slope, u)
    return t.choose(u[0] > 0, u, low, tie=u[0] == 0)


def branches(arguments: Sequence[Any]) -> tuple[list[tuple[Any, Any]], Any]:
    """Values with their conditions, and the value that holds otherwise, or None."""
    pairs = list(zip(arguments[0::2], arguments[1::2], strict=False))
    return pairs, arguments[-1] if len(arguments) % 2 else None


def pieces(t: Taylor, *arguments: Series) -> Series:
    """Values and conditions, alternating, the value that holds otherwise last."""
    pairs, otherwise = branches(arguments)
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
