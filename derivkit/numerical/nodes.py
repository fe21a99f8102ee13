"""A formula at points and steps: its nodes as rounded, the step really taken, and the sum of values that it takes."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, cast

import numpy as np

from derivkit.numerical.stencil import Stencil
from derivkit.types import EPS, Array, Domain, Indices, Mask, Numbers, Rational

UNIT = EPS / 2.0
"""The largest relative error of one rounding."""
SMALLER = 2.0**-64
"""Of the largest floats this share may be multiplied with any weight of a formula, and added up."""


@dataclass(frozen=True, eq=False)
class Nodes:
    """Where a formula evaluates f, in the floating-point type of the points and steps.

    Attributes
    ----------
    formula : Stencil
    x, delta : ndarray
        Points and steps of one floating-point type, of shapes that are broadcast.
    at : mapping of Rational to ndarray
        The float nearest to x + offset * delta (to two roundings) for each offset of the formula, and maybe others.

    Examples
    --------
    >>> from derivkit.numerical.formulas import formula
    >>> nodes = Nodes.of(formula("central_2"), np.array(1.0), np.array([0.5, 1e-20]))
    >>> [node.tolist() for node in nodes.points], nodes.step.tolist(), nodes.vanished.tolist()
    ([[0.5, 1.0], [1.5, 1.0]], [0.5, 0.0], [False, True])
    """

    formula: Stencil
    x: Numbers
    delta: Numbers
    at: Mapping[Rational, Numbers]

    @classmethod
    def of(cls, formula: Stencil, x: Numbers, delta: Numbers) -> Nodes:
        """The nodes of one formula."""
        return cls.shared([formula], x, delta)[0]

    @classmethod
    def at_offsets(cls, formula: Stencil, offsets: Iterable[Rational], x: Numbers, delta: Numbers) -> Nodes:
        """The nodes of one formula and further ones."""
        return cls(formula, x, delta, {offset: np.asarray(abscissa(x, offset, delta)) for offset in offsets})

    @classmethod
    def shared(cls, formulas: Sequence[Stencil], x: Numbers, delta: Numbers) -> list[Nodes]:
        """The nodes of several formulas, which share those that they have in common."""
        offsets = sorted({offset for entry in formulas for offset in entry.offsets})
        at = {offset: np.asarray(abscissa(x, offset, delta)) for offset in offsets}
        return [cls(entry, x, delta, at) for entry in formulas]

    def column(self, which: Indices) -> Nodes:
        """Of some points, in a column."""
        at = {offset: node[which, None] for offset, node in self.at.items()}
        return Nodes(self.formula, self.x[which, None], self.delta[which, None], at)

    @property
    def points(self) -> list[Numbers]:
        """The nodes in the order of the formula's offsets."""
        return [self.at[offset] for offset in self.formula.offsets]

    @property
    def distance(self) -> Numbers:
        """From the first node to the last, as rounded."""
        first, last = (self.at[self.formula.offsets[k]] for k in (0, -1))
        return last - first

    @property
    def step(self) -> Numbers:
        """The step really taken: the distance over the formula's span.

        Dividing by it removes the rounding of x + delta from the estimate to first order.
        """
        return np.asarray(self.distance / float(self.formula.span))

    @cached_property
    def scale(self) -> Numbers:
        """What the sum with integer weights is divided by: their denominator times the power of the step taken."""
        return divisor(self.formula, self.distance)

    @property
    def vanished(self) -> Mask:
        """Where two nodes (x itself among them) coincide as rounded."""
        return cast("Mask", np.logical_or.reduce([a == b for a, b in self.neighbours()]))

    def neighbours(self) -> Iterator[tuple[Numbers, Numbers]]:
        """The pairs of nodes beside one another, x itself among them."""
        offsets = sorted({*self.formula.offsets, 0})
        return itertools.pairwise([self.at[offset] if offset else self.x for offset in offsets])

    def outside(self, domain: Domain) -> Mask:
        """Where a node lies outside a domain; NaN is nowhere outside."""
        first, last = (self.at[self.formula.offsets[k]] for k in (0, -1))
        return np.asarray((first < domain[0]) | (last > domain[1]))

    def estimate(self, values: Sequence[Any]) -> Array:
        """The derivative from the values of f at the nodes, in the order of the offsets."""
        return quotient(self.formula, values, self.scale)


def abscissa(x: Numbers, offset: Rational, delta: Numbers) -> Numbers:
    """The float nearest to x + offset * delta (to two roundings)."""
    return x if offset == 0 else cast("Numbers", x + in_type(float(offset), delta) * delta)


def divisor(formula: Stencil, distance: Numbers) -> Numbers:
    """The scale of a formula whose outermost nodes are so far apart, with one constant for denominator / span^d."""
    power = distance if formula.derivative == 1 else distance**formula.derivative
    factor = float(formula.coefficients[1] / Fraction(formula.span) ** formula.derivative)
    return power if factor == 1.0 else cast("Numbers", in_type(factor, power) * power)


def in_type(value: float, like: Numbers) -> Any:
    """A constant in the floating-point type of an array; in float64 Python's own."""
    return value if like.dtype == np.float64 else np.asarray(value).astype(like.dtype)


def steps_vanish(formula: Stencil, x: Array, delta: Array) -> Mask:
    """Where two points of the formula (x itself among them) coincide as rounded.

    Parameters
    ----------
    formula : Stencil
        Whose points these are.
    x, delta : ndarray
        Points and steps of one type, of shapes that are broadcast.

    Returns
    -------
    ndarray of bool
        Of the shape of both.

    Examples
    --------
    >>> from derivkit.numerical.formulas import formula
    >>> steps_vanish(formula("forward_1"), np.array(1.0), np.array([1e-15, 1e-16])).tolist()
    [False, True]
    """
    return Nodes.of(formula, x, delta).vanished


# The sum


def combine(weights: Iterable[Any], values: Iterable[Any], scale: Any) -> Any:
    """The formula itself: sum of w f over the scale, added in order. Floats, arrays and Fractions alike."""
    pairs = zip(weights, values, strict=True)
    weight, value = next(pairs)
    total = weight * value
    for weight, value in pairs:
        total = total + value if weight == 1 else total + weight * value
    return total / scale


def quotient(formula: Stencil, values: Sequence[Any], scale: Any) -> Array:
    """The formula in floats and arrays, also where the sum of finite values is beyond their range."""
    return spared(lambda these: combine(formula.coefficients[0], these, scale), values, scale)


def spared(sum_of: Callable[[Sequence[Any]], Any], values: Sequence[Any], scale: Any) -> Array:
    """A weighted sum over a scale that is not 0; where it overflows, that of smaller values made large again.

    A power of two changes no digit of them.
    """
    result = np.asarray(sum_of(values))
    if np.isfinite(result).all():
        return result
    lost = functools.reduce(np.logical_and, map(np.isfinite, values), ~np.isfinite(result) & (scale != 0.0))
    if not lost.any():
        return result
    return np.where(lost, sum_of([SMALLER * np.asarray(row) for row in values]) / SMALLER, result)


# Its rounding


def rounding_of_sum(formula: Stencil, values: Sequence[Array], errors: Sequence[Array], scale: Array) -> Array:
    """Errors of the values, and of the sum: u times every partial sum and every product that is not exact.

    The scale takes d + 1 roundings, the quotient one, the comparison with the exact value (itself rounded) two more.
    """
    error: Array = np.zeros_like(scale)
    partial: Array = np.zeros_like(scale)
    coefficients, denominator = formula.coefficients
    for k, (weight, value, value_error) in enumerate(zip(coefficients, values, errors, strict=True)):
        product = weight * value
        partial = partial + product
        error = error + abs(weight) * value_error
        if k:
            error = error + UNIT * np.abs(partial)
        if abs(math.frexp(weight)[0]) != 0.5:  # no power of two; where the weights are rounded themselves, twice
            error = error + (1.0 if denominator == formula.denominator else 2.0) * UNIT * np.abs(product)
    return (error + (formula.derivative + 4) * UNIT * np.abs(partial)) / np.abs(scale)


def rounding_of_abscissae(nodes: Nodes) -> Array:
    """Sum of |w| times the distance of every node from where a formula with the step really taken has it."""
    step = nodes.step
    total: Array = np.zeros_like(step)
    for offset, weight, node in zip(nodes.formula.offsets, nodes.formula.coefficients[0], nodes.points, strict=True):
        away = float(offset) * step
        total = total + abs(weight) * (np.abs((node - nodes.x) - away) + 3.0 * UNIT * np.abs(away))
    return total
