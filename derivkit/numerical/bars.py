r"""The error bar of a formula with a fixed delta: its rounding predicted, its truncation measured by half the delta.

Of a formula of order p the truncation falls with :math:`h^p`, so that :math:`D(h) - D(h/2)` is the truncation of D(h)
times :math:`1 - 2^{-p}` where h is small (Richardson 1911). The points of half the delta lie between those of the whole
one, so that a domain which has these has those. A kink at x itself escapes, since there a symmetric formula errs by
the same for every delta. But the second difference :math:`f(x + h) - 2 f(x) + f(x - h)` of a smooth f falls with
:math:`h^2`, that of a kink with h, that of a jump and of noise not at all: what it is above that law is measured, too.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from derivkit.numerical.nodes import Nodes, quotient, rounding_of_abscissae, rounding_of_sum
from derivkit.numerical.stencil import Stencil
from derivkit.types import LEAST_FLOAT, Array, Mask, Numbers, Rational

SAFETY = 2.0
"""The bar has so much of the measured truncation. Measured: see the coverage in the tests."""
ROUNDINGS = 4.0
"""Of a value of f, in halves of an ulp: sums of some terms. Measured likewise."""
ABOVE_ROUNDING = 8.0
"""A second difference within so much of its rounding tells nothing of a kink."""
STEADY = 0.25
"""A side has a slope if that over twice the distance differs by no more than this part of the difference of sides."""


class Bar(NamedTuple):
    """How far off a formula may be, and what its points tell of a kink; arrays of the estimate's shape.

    Attributes
    ----------
    error : ndarray
        NaN or infinite where a value of f is not finite.
    kink : ndarray of bool
        Whether the sides have slopes that differ by more than the bar.
    left, right : ndarray
        The slopes of the sides there, NaN elsewhere.
    """

    error: Array
    kink: Mask
    left: Array
    right: Array

    @classmethod
    def smooth(cls, error: Array) -> Bar:
        """Without a kink."""
        nothing = np.full(error.shape, np.nan)
        return cls(np.maximum(error, LEAST_FLOAT), np.zeros(error.shape, dtype=bool), nothing, nothing)

    @property
    def transposed(self) -> Bar:
        """With its axes in the other order."""
        return Bar(self.error.T, self.kink.T, self.left.T, self.right.T)


@lru_cache(maxsize=256)
def halved(formula: Stencil) -> Stencil:
    """The same formula with half the step, in units of the whole one.

    Examples
    --------
    >>> from derivkit.numerical.formulas import formula
    >>> [str(s) for s in halved(formula("central_2")).offsets]
    ['-1/2', '1/2']
    """
    return Stencil(
        formula.name,
        tuple(Fraction(offset) / 2 for offset in formula.offsets),
        tuple(weight * 2**formula.derivative for weight in formula.weights),
        formula.derivative,
        formula.order,
        formula.source,
    )


@lru_cache(maxsize=256)
def offsets_of_bar(formula: Stencil) -> tuple[Rational, ...]:
    """Where f is evaluated for a formula and its bar: for a pair of sides x too.

    Examples
    --------
    >>> from derivkit.numerical.formulas import formula
    >>> [str(s) for s in offsets_of_bar(formula("central_2"))], [str(s) for s in offsets_of_bar(formula("forward_1"))]
    (['-1', '-1/2', '0', '1/2', '1'], ['0', '1/2', '1'])
    """
    points = {*formula.offsets, *halved(formula).offsets}
    return tuple(sorted(points | {0} if _pair(formula) else points))


@lru_cache(maxsize=256)
def _pair(formula: Stencil) -> Rational | None:
    """The least s such that f is known at both sides at the distances s and 2 s; None where there is none."""
    points = {*formula.offsets, *halved(formula).offsets}
    return min((s for s in points if s > 0 and {-s, 2 * s, -2 * s} <= points), default=None)


def bar_of(nodes: Nodes, values: Mapping[Rational, Array], *, unit: float, off: Numbers | float = 0.0) -> Bar:
    """The bar of a formula.

    Parameters
    ----------
    nodes : Nodes
        Of the formula, at all offsets of its bar.
    values : mapping of Rational to ndarray
        f there, of a shape that the nodes are broadcast to.
    unit : float
        Half the spacing of floats at 1 in the type in which f computes.
    off : ndarray or float
        By how much f itself rounds its argument, in the unit of x.

    Returns
    -------
    Bar
    """
    formula, half = nodes.formula, Nodes(halved(nodes.formula), nodes.x, nodes.delta, nodes.at)
    slope = _steepest(nodes, values)
    whole, less = (quotient(n.formula, [values[s] for s in n.formula.offsets], n.scale) for n in (nodes, half))
    rounding = _rounding(nodes, values, unit) + _abscissae(nodes, off) * slope
    bar = rounding + _truncation(formula, whole - less)
    sides = _pair(formula)
    if sides is None:
        return Bar.smooth(bar)
    return _with_sides(nodes, values, sides, bar, unit=unit, off=off)


def bar_of_products(
    formula: Stencil, products: Sequence[tuple[float, Array]], scale: Array, change: Array, *, unit: float
) -> Array:
    """The bar of a product of a formula with itself, from its weights and values, and its change at half the delta.

    Shapes are those of the estimates.
    """
    largest = sum(abs(weight) * np.abs(value) for weight, value in products) / np.abs(scale)
    return np.asarray((ROUNDINGS + len(products)) * unit * largest + _truncation(formula, change))


def _truncation(formula: Stencil, change: Array) -> Array:
    """From what half the delta changes."""
    return np.asarray(SAFETY * np.abs(change) / (1.0 - 0.5**formula.order))


def _rounding(nodes: Nodes, values: Mapping[Rational, Array], unit: float) -> Array:
    """Of the values and of their sum."""
    formula = nodes.formula
    chosen = [values[s] for s in formula.offsets]
    errors = [ROUNDINGS * unit * np.abs(value) for value in chosen]
    return rounding_of_sum(formula, chosen, errors, nodes.scale)


def _abscissae(nodes: Nodes, off: Numbers | float) -> Array:
    """How far the estimate moves with a slope of 1, as the nodes are not where the formula has them."""
    weights = sum(map(abs, nodes.formula.coefficients[0]))
    return (rounding_of_abscissae(nodes) + weights * off) / np.abs(nodes.scale)


def _steepest(nodes: Nodes, values: Mapping[Rational, Array]) -> Array:
    """The largest slope of the chords between neighbouring nodes."""
    offsets = sorted(values)
    return _largest((values[b] - values[a]) / (nodes.at[b] - nodes.at[a]) for a, b in itertools.pairwise(offsets))


def _largest(arrays: Iterable[Array]) -> Array:
    """The largest absolute values, NaN where one is; array by array, as there may be many of them."""
    return functools.reduce(np.maximum, map(np.abs, arrays))


def _with_sides(
    nodes: Nodes, values: Mapping[Rational, Array], s: Rational, bar: Array, *, unit: float, off: Any
) -> Bar:
    """The bar with what the second difference is above the law of a smooth f."""
    slopes = {t: (values[t] - values[0]) / (nodes.at[t] - nodes.x) for t in (-2 * s, -s, s, 2 * s)}
    step = (nodes.at[s] - nodes.at[-s]) / 2.0
    # in slopes a second difference is that of the sides times the step: of a smooth f twice that for twice the step
    near, far = slopes[s] - slopes[-s], slopes[2 * s] - slopes[-2 * s]
    rounding = 4.0 * (ROUNDINGS * unit * _largest(values.values()) + off * _largest(slopes.values())) / step
    above = np.maximum(np.abs(near - far / 2.0) - rounding, 0.0)
    steady = np.abs(slopes[s] - slopes[2 * s]) + np.abs(slopes[-s] - slopes[-2 * s]) < STEADY * np.abs(near)
    first = nodes.formula.derivative == 1  # a second derivative with a kink has no bar to compare with
    kink = steady & (np.abs(near) > np.maximum(ABOVE_ROUNDING * rounding, 2.0 * bar if first else 0.0))
    return Bar(
        np.maximum(bar + above if first else bar, LEAST_FLOAT),
        kink,
        np.where(kink, slopes[-s], np.nan),
        np.where(kink, slopes[s], np.nan),
    )
