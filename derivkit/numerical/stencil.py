r"""The stencil: a difference formula as a frozen value that cannot be built wrong.

A formula with offsets :math:`s_i` and weights :math:`w_i` estimates the derivative of order *d* by

.. math:: D = h^{-d} \sum_i w_i f(x + s_i h).

Taylor's theorem turns every value into a sum over derivatives at x,

.. math:: D = \sum_k \frac{m_k}{k!} h^{k-d} f^{(k)}(x), \qquad m_k = \sum_i w_i s_i^k,

so that D is the derivative plus something of order p exactly when the *moments* obey
:math:`m_k = d!\,\delta_{kd}` for all :math:`k < d + p`, and of no higher order when :math:`m_{d+p} \ne 0`. What is left
begins with :math:`C h^p f^{(d+p)}(x)` where :math:`C = m_{d+p}/(d+p)!`. The remainder in full is an integral over the
formula's Peano kernel K (Davis, *Interpolation and Approximation*, 1963, theorem 3.7.1),

.. math:: D - f^{(d)}(x) = h^p \int K(t) f^{(d+p)}(x + t h)\,dt, \qquad \int K = C,

hence :math:`|D - f^{(d)}| \le \int|K| \; h^p \max|f^{(d+p)}|`, which is :math:`|C| h^p \max|f^{(d+p)}|` where K keeps
its sign.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import ClassVar

from derivkit.arguments import number, shown, whole
from derivkit.presentation import Display
from derivkit.types import Rational


@dataclass(frozen=True, repr=False)
class Stencil(Display):
    """A difference formula, checked against its moment conditions when it is built.

    Parameters
    ----------
    name : str
        What the formula is called in tables and configurations.
    offsets : tuple of int or Fraction
        Where f is evaluated, in units of the step, strictly increasing.
    weights : tuple of Fraction
        The weight of each value, none of them zero.
    derivative : int
        Order of the derivative that is estimated.
    order : int
        Order of accuracy that the source claims; the moments are its check.
    source : str
        Where the formula is printed.

    Raises
    ------
    ValueError
        If the formula does not have the claimed order, with the moment found and the moment needed.

    Examples
    --------
    >>> Stencil("central_2", (-1, 1), (Fraction(-1, 2), Fraction(1, 2)), 1, 2, "textbook").error_constant
    Fraction(1, 6)
    """

    SHOWN: ClassVar[tuple[str, ...]] = ("name", "derivative", "order", "offsets", "weights")
    DETAILS: ClassVar[tuple[str, ...]] = ("error_constant", "source")

    name: str
    offsets: tuple[Rational, ...]
    weights: tuple[Fraction, ...]
    derivative: int
    order: int
    source: str

    def __post_init__(self) -> None:
        if len(self.offsets) != len(self.weights):
            raise ValueError(f"{self.name}: {len(self.offsets)} offsets need as many weights, not {len(self.weights)}")
        if list(self.offsets) != sorted(set(self.offsets)):
            raise ValueError(f"{self.name}: offsets must increase strictly, not {self.offsets}")
        if not self.source:
            raise ValueError(f"{self.name}: a formula needs its source")
        order = accuracy_order(self.offsets, self.weights, derivative=self.derivative)
        if order != self.order:
            raise ValueError(
                f"{self.name}: {self.source} claims order {self.order}, its moments give {order}; write order={order}"
            )

    @property
    def evaluations(self) -> int:
        """Number of values of f that one estimate needs."""
        return len(self.offsets)

    @property
    def span(self) -> Rational:
        """Distance between the outermost points, in units of the step."""
        return self.offsets[-1] - self.offsets[0]

    @property
    def error_constant(self) -> Fraction:
        """C in the leading error C h^p f^(d+p)(x)."""
        degree = self.derivative + self.order
        return moment(self.offsets, self.weights, degree) / math.factorial(degree)

    @cached_property
    def denominator(self) -> int:
        """Least common denominator of the weights."""
        return math.lcm(*(w.denominator for w in self.weights))

    @cached_property
    def numerators(self) -> tuple[int, ...]:
        """The weights over their common denominator."""
        return tuple(int(w * self.denominator) for w in self.weights)

    @cached_property
    def coefficients(self) -> tuple[tuple[float, ...], Fraction]:
        """Floats to multiply the values with, and what the sum is divided by, beside step^d.

        The numerators over the denominator where floats hold these exactly, else the weights, each rounded once.
        """
        if max(map(abs, self.numerators)) <= 2**53:
            return tuple(map(float, self.numerators)), Fraction(self.denominator)
        return tuple(map(float, self.weights)), Fraction(1)

    @cached_property
    def bound_constant(self) -> Fraction:
        """A constant B >= integral of |K| with |D - f^(d)| <= B h^p max|f^(d+p)|; equal to |C| where K keeps its sign.

        K is a polynomial between neighbouring breakpoints. There the mean of its Bernstein coefficients is its mean,
        and the mean of their absolute values bounds the mean of its absolute value (Farouki, CAGD 29:379-419, 2012).
        """
        total = Fraction(0)
        breaks = sorted({Fraction(0), *map(Fraction, self.offsets)})
        for left, right in itertools.pairwise(breaks):
            coefficients = _bernstein(self._kernel(left, right))
            total += (right - left) * sum(map(abs, coefficients)) / len(coefficients)
        return total

    def _kernel(self, left: Fraction, right: Fraction) -> list[Fraction]:
        """Taylor coefficients of K on [left, right] in s, where t = left + s (right - left).

        From Taylor's formula with integral remainder at the leftmost point,
        K(t) = sum_i w_i (s_i - t)_+^(n-1) / (n-1)! - (0 - t)_+^(n-1-d) / (n-1-d)!  with n = d + p.
        """
        degree = self.derivative + self.order - 1
        terms = [(weight, Fraction(offset), degree) for offset, weight in zip(self.offsets, self.weights, strict=True)]
        terms.append((Fraction(-1), Fraction(0), degree - self.derivative))
        coefficients = [Fraction(0)] * (degree + 1)
        for weight, offset, power in terms:
            if offset < right:
                continue
            for k in range(power + 1):
                binomial = math.comb(power, k) * (offset - left) ** (power - k) * (left - right) ** k
                coefficients[k] += weight * binomial / math.factorial(power)
        return coefficients


def moment(offsets: Sequence[Rational], weights: Sequence[Fraction], degree: int) -> Fraction:
    """Sum of w s^degree over a formula, exactly."""
    return sum((w * s**degree for s, w in zip(offsets, weights, strict=True)), Fraction(0))


def accuracy_order(offsets: Sequence[Rational], weights: Sequence[Fraction], *, derivative: int) -> int:
    """Order of accuracy that the moments give.

    Raises
    ------
    ValueError
        If the formula does not estimate that derivative at all.
    """
    scale = math.lcm(*(w.denominator for w in weights))
    terms: list[Rational] = [w.numerator * (scale // w.denominator) for w in weights]
    for degree in range(derivative + 1):
        needed = math.factorial(derivative) * scale if degree == derivative else 0
        if sum(terms) != needed:
            raise ValueError(
                f"these weights do not give derivative {derivative}: "
                f"moment {degree} is {Fraction(sum(terms)) / scale}, it must be {Fraction(needed, scale)}"
            )
        terms = [term * s for s, term in zip(offsets, terms, strict=True)]
    degree = derivative + 1
    while sum(terms) == 0:
        terms = [term * s for s, term in zip(offsets, terms, strict=True)]
        degree += 1
    return degree - derivative


def stencil(offsets: Iterable[Rational | float], derivative: int = 1, *, name: str = "", source: str = "") -> Stencil:
    """The most accurate formula on the given offsets, its weights found exactly.

    The weights are the derivatives at 0 of the Lagrange polynomials of the offsets; points whose weight is zero are
    dropped.

    Parameters
    ----------
    offsets : iterable of int, Fraction or float
        Where f may be evaluated, in units of the step; floats are taken for the rationals that they are.
    derivative : int
        Order of the derivative, at least 1.
    name, source : str, optional
        How the formula is called and where it comes from.

    Returns
    -------
    Stencil

    Raises
    ------
    ValueError
        If an offset is repeated or not finite, or if there are too few offsets for the derivative.

    Examples
    --------
    >>> formula = stencil([-2, 0, 1])
    >>> [str(w) for w in formula.weights], formula.order
    (['-1/6', '-1/2', '2/3'], 2)
    """
    if isinstance(offsets, str | bytes) or not isinstance(offsets, Iterable):
        raise TypeError(f"offsets={shown(offsets)}: write them in a row, such as [-1, 0, 1]")
    points = sorted(_rational(offset) for offset in offsets)
    derivative = whole("derivative", derivative, 1)
    if len(set(map(float, points))) != len(points):
        raise ValueError(f"offsets must differ from each other; got {[str(p) for p in points]}")
    if len(points) <= derivative:
        raise ValueError(
            f"derivative {shown(derivative)} needs at least {shown(derivative + 1)} offsets, not {len(points)}"
        )
    chosen, weights = lagrange_weights(points, derivative=derivative)
    return Stencil(
        name=name or f"stencil({', '.join(map(str, points))})",
        offsets=chosen,
        weights=weights,
        derivative=derivative,
        order=accuracy_order(chosen, weights, derivative=derivative),
        source=source or "Lagrange interpolation on the given offsets",
    )


def lagrange_weights(
    offsets: Sequence[Rational], *, derivative: int
) -> tuple[tuple[Rational, ...], tuple[Fraction, ...]]:
    """The offsets whose weight is not zero, and the weights: d-th derivatives at 0 of the Lagrange polynomials.

    The product of all (t - s_j) is divided by one factor at a time (Horner), which leaves the numerator of l_i; its
    value at s_i is the denominator, and d! times its coefficient of t^d the derivative.
    """
    product: list[Rational] = [1]
    for s in offsets:
        product = [a - s * b for a, b in zip([0, *product], [*product, 0], strict=True)]
    weights: dict[Rational, Fraction] = {}
    for s in offsets:
        quotient: list[Rational] = [0] * len(offsets)
        carry: Rational = 0
        for k in range(len(offsets) - 1, -1, -1):
            carry = product[k + 1] + s * carry
            quotient[k] = carry
        value = sum(c * s**k for k, c in enumerate(quotient))
        if quotient[derivative]:
            weights[s] = Fraction(math.factorial(derivative) * quotient[derivative]) / value
    return tuple(weights), tuple(weights.values())


def _rational(offset: Rational | float) -> Rational:
    if not math.isfinite(number("offset", offset)):
        raise ValueError(f"an offset is a finite number, not {offset}")
    exact = Fraction(offset)
    return int(exact) if exact.denominator == 1 else exact


def _bernstein(coefficients: Sequence[Fraction]) -> list[Fraction]:
    """Bernstein coefficients on [0, 1] of a polynomial given by its powers of s."""
    n = len(coefficients) - 1
    return [
        sum((Fraction(math.comb(j, k), math.comb(n, k)) * coefficients[k] for k in range(j + 1)), Fraction(0))
        for j in range(n + 1)
    ]
