"""Taylor mode: the chain rule on numbers.

A truncated Taylor series is the list of its coefficients :math:`u_k = u^{(k)}(x)/k!`, trailing zeros left out: a
constant is ``[c]``, the variable ``[x, 1]``. Arithmetic on such lists carries all derivatives up to an order through
any formula at once, exactly up to the rounding of the numbers used (Griewank and Walther, *Evaluating Derivatives*,
2nd ed. 2008, chapter 13, table 13.2). A series of order 1 is a dual number.

The numbers may be floats, NumPy arrays or balls (:mod:`derivkit.operations.balls`): all functions of one number come
from the ``numbers`` given to :class:`Taylor`, a namespace with ``exp``, ``log``, ``sin`` and the like, ``floor`` and
``where``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

Number = Any  # float, ndarray or ball: duck-typed on purpose, the recurrences are the same
Series = list[Number]

LARGEST_PRODUCT = 2**20
"""Integer powers up to this are repeated products, 40 at most, which also hold where u is 0."""


@dataclass(frozen=True)
class Taylor:
    """Arithmetic of Taylor series truncated after ``order``, over the given numbers.

    Examples
    --------
    >>> import numpy
    >>> t = Taylor(2, numpy)
    >>> [float(c) for c in t.multiply([3.0, 1.0], [3.0, 1.0])]
    [9.0, 6.0, 1.0]
    """

    order: int
    numbers: Any
    branches: list[Number] = field(default_factory=list)
    """Filled with the branch that every piecewise operation took."""

    def add(self, u: Series, v: Series) -> Series:
        """u + v."""
        longer, shorter = (u, v) if len(u) >= len(v) else (v, u)
        return [a + b for a, b in zip(longer, shorter, strict=False)] + longer[len(shorter) :]

    def negate(self, u: Series) -> Series:
        """-u."""
        return [-a for a in u]

    def scale(self, c: Number, u: Series) -> Series:
        """c u for a number c."""
        return [c * a for a in u]

    def multiply(self, u: Series, v: Series) -> Series:
        """The Cauchy product."""
        length = min(self.order + 1, len(u) + len(v) - 1)
        return [convolution(u, v, k) for k in range(length)]

    def divide(self, u: Series, v: Series) -> Series:
        """u / v from v q = u."""
        if len(v) == 1:
            return [a / v[0] for a in u]
        q: Series = []
        for k in range(self.order + 1):
            known = sum(q[k - j] * v[j] for j in range(1, min(k, len(v) - 1) + 1))
            q.append(((u[k] if k < len(u) else 0) - known) / v[0])
        return q

    def integrate(self, y0: Number, w: Series, u: Series) -> Series:
        """The series y with y' = w u' and y(0) = y0: k y_k = sum_j j u_j w_(k-j)."""
        y, slope = [y0], derivative(u)
        if slope:
            y.extend(chain(slope, w, k) for k in range(1, self.order + 1))
        return y

    def riccati(self, y0: Number, u: Series, a: int, b: int, c: int) -> Series:
        """The series y with y' = (a + b y + c y^2) u' and y(0) = y0: exp, tan, tanh, the sigmoid."""
        y, slope = [y0], derivative(u)
        if not slope:
            return y
        w: Series = []
        for k in range(1, self.order + 1):
            linear = [y[k - 1] if b == 1 else b * y[k - 1]] if b else []
            w.append(total([*linear, *([c * convolution(y, y, k - 1)] if c else []), *([a] if a and k == 1 else [])]))
            y.append(chain(slope, w, k))
        return y

    def sine_cosine(self, u: Series, s0: Number, c0: Number, sign: int) -> tuple[Series, Series]:
        """S' = c u' and c' = sign s u': sine and cosine (sign -1), sinh and cosh (sign 1)."""
        s, c, slope = [s0], [c0], derivative(u)
        if not slope:
            return s, c
        for k in range(1, self.order + 1):
            s_k, c_k = chain(slope, c, k), sign * chain(slope, s, k)
            s.append(s_k)
            c.append(c_k)
        return s, c

    def exp(self, u: Series) -> Series:
        """e^u."""
        return self.riccati(self.numbers.exp(u[0]), u, 0, 1, 0)

    def log(self, u: Series) -> Series:
        """The natural logarithm of u."""
        return self.integrate(self.numbers.log(u[0]), self.divide([1], u), u)

    def power(self, u: Series, v: Series) -> Series:
        """u^v: repeated products for an integer, Euler's recurrence for a constant, else exp(v log u)."""
        if len(v) > 1:
            return self.exp(self.multiply(v, self.log(u)))
        exponent = v[0]
        if getattr(exponent, "ndim", 0):  # an array: of one number, as x^0 makes it, or of several
            first = exponent.flat[0] if exponent.size else 0
            if not (exponent == first).all():
                return self.fixed_power(u, exponent, self.numbers.power(u[0], exponent))
            exponent = first
        if abs(exponent) <= LARGEST_PRODUCT and exponent == int(exponent):
            product = self._integer_power(u, abs(int(exponent)))
            return product if exponent >= 0 else self.divide([1], product)
        return self.fixed_power(u, exponent, self.numbers.power(u[0], exponent))

    def fixed_power(self, u: Series, exponent: Number, y0: Number) -> Series:
        """u^a from u y' = a y u' (Euler): k u_0 y_k = sum_j (a j - (k - j)) u_j y_(k-j), with y0 = u_0^a given."""
        y = [y0]
        if len(u) == 1:
            return y
        for k in range(1, self.order + 1):
            terms = (((exponent * j) - (k - j)) * u[j] * y[k - j] for j in range(1, min(k, len(u) - 1) + 1))
            y.append(sum(terms) / (k * u[0]))
        if (infinite := getattr(self.numbers, "inf", None)) is not None:  # balls know of no infinity
            vertical = (u[0] == 0) & (exponent > 0) & (exponent < 1)
            y[1] = self.numbers.where(vertical, infinite * u[1], y[1])
        return y

    def _integer_power(self, u: Series, exponent: int) -> Series:
        result: Series = []
        square = u
        while exponent:
            if exponent & 1:
                result = self.multiply(result, square) if result else square
            exponent >>= 1
            if exponent:
                square = self.multiply(square, square)
        return result or [1 + 0 * u[0]]

    def choose(self, condition: Number, u: Series, v: Series, *, tie: Number) -> Series:
        """u where the condition holds, else v; where ``tie`` holds, no derivative from the first in which they
        differ.
        """
        self.branches.append(condition)
        length = self.order + 1 if max(len(u), len(v)) > 1 else 1
        a, b = (s + [0 * s[0]] * (length - len(s)) for s in (u, v))
        where = self.numbers.where
        chosen, apart = [where(condition, a[0], b[0])], a[0] != b[0]
        for p, q in zip(a[1:], b[1:], strict=True):
            apart = apart | (p != q)
            chosen.append(where(tie & apart, self.numbers.nan, where(condition, p, q)))
        return chosen

    def step(self, value: Number, u: Series, *, tie: Number) -> Series:
        """A piecewise constant function of u with that value; where ``tie`` holds, no derivative unless u is constant.

        A u whose coefficients vanish as far as they go may still move on, as -x^2 does from 0.
        """
        self.branches.append(value)
        moving = [self.numbers.nan] * (self.order if len(u) > 1 else 0)
        return self.choose(True, [value], [value, *moving], tie=tie)  # noqa: FBT003 -- a condition like any other


def convolution(u: Sequence[Number], v: Sequence[Number], k: int) -> Number:
    """Coefficient k of u v."""
    return total(u[j] * v[k - j] for j in range(max(0, k - len(v) + 1), min(k, len(u) - 1) + 1))


def derivative(u: Sequence[Number]) -> Series:
    """The coefficients of u'; none where u is constant."""
    return [j * a if j > 1 else a for j, a in enumerate(u) if j]


def chain(slope: Sequence[Number], w: Sequence[Number], k: int) -> Number:
    """Coefficient k of y where y' = w u', from the series of u'."""
    whole = convolution(slope, w, k - 1)
    return whole / k if k > 1 else whole


def total(terms: Iterable[Number]) -> Number:
    """Their sum; 0 of none. Unlike sum() it does not begin with 0 + the first, which for an array costs a pass."""
    rest = iter(terms)
    result = next(rest, 0)
    for term in rest:
        result = result + term
    return result
