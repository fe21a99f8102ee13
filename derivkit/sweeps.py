"""A sweep beside the truth: errors of formulas at points and deltas, what is predicted of them, why one is missing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from derivkit.errors import absolute_error, relative_error, ulp_error
from derivkit.function import Function
from derivkit.grids import decade, logspace
from derivkit.numerical.difference import Sweep, sweep
from derivkit.numerical.stencil import Stencil
from derivkit.predictions import Optimum, Prediction, leaves_domain, predict_error, predict_optimum
from derivkit.types import Array, Codes, Mask

REASONS = MappingProxyType(
    {
        "ok": "ok",
        "outside_domain": "a point of the formula lies outside the domain of f",
        "step_vanished": "delta is so small that two points of the formula are the same number",
        "not_finite": "f is not finite at a point of the formula",
        "no_exact": "there is no derivative, or none is known",
        "below_bar": "the error is below the bar of the derivative that was measured",
    }
)
"""Why there is no error, by its status, in words; where none is known or exists, the estimate stands."""
STATUSES = tuple(REASONS)
BOUNDS = ("proved", "estimated", "unknown")
"""How the largest derivative in a predicted truncation is known: in closed form, from samples, or not at all."""
PARTS = ("", "truncation", "rounding")
"""The larger part of a predicted error; none where nothing is predicted."""
MANY = 4
"""Of more deltas than these, some are drawn."""
PER_DECADE = 8
"""Deltas per decade of a ladder."""


def first_reason(*reasons: Mask) -> Codes:
    """The number of the first reason that holds, from 1, and 0 where none does.

    Examples
    --------
    >>> first_reason(np.array([False, True, False]), np.array([True, True, False])).tolist()
    [2, 1, 0]
    """
    return np.select(list(reasons), [np.int8(k) for k in range(1, len(reasons) + 1)], default=np.int8(0))


def delta_ladder(largest: float) -> Array:
    """Eight deltas per decade from 1e-16 to 1, or to the decade of the largest delta where that is above 1.

    Parameters
    ----------
    largest : float
        A delta that the ladder has to reach, positive.

    Returns
    -------
    ndarray
        Shape ``(n,)``, rising.

    Examples
    --------
    >>> delta_ladder(1e-4).size, float(delta_ladder(20.0)[-1]) >= 20.0
    (129, True)
    """
    top = max(0, math.ceil(PER_DECADE * math.log10(largest)))
    return logspace(-16, top / PER_DECADE, 16 * PER_DECADE + top + 1)


def thinned(values: Array, count: int) -> Array:
    """At most so many of some values, spread evenly from the first to the last.

    Parameters
    ----------
    values : ndarray
        Shape ``(n,)``.
    count : int
        How many at most.

    Returns
    -------
    ndarray
        Shape ``(min(n, count),)``.

    Examples
    --------
    >>> thinned(np.arange(9), 3).tolist()
    [0, 4, 8]
    """
    return np.asarray(values[np.round(np.linspace(0, values.size - 1, min(values.size, count))).astype(np.intp)])


def nearest(values: ArrayLike, goal: float) -> int:
    """The place of the positive value whose ratio to a goal is nearest to 1.

    Parameters
    ----------
    values : array_like
        Positive, shape ``(n,)``.
    goal : float
        Positive.

    Returns
    -------
    int
        From 0.

    Examples
    --------
    >>> nearest([1e-8, 1e-5, 1e-2], 3e-5)
    1
    """
    return int(np.argmin(np.abs(np.log(np.asarray(values, dtype=np.float64) / goal))))


def deltas_to_draw(delta: ArrayLike, scale: float) -> list[float]:
    """Deltas that are worth a secant, the largest first: all where they are few, else those nearest to three sizes.

    Parameters
    ----------
    delta : array_like, shape ``(n,)``
        Step sizes.
    scale : float
        The decade of it, 0.3 and 0.1 of that are looked for.

    Returns
    -------
    list of float

    Examples
    --------
    >>> deltas_to_draw([0.1, 0.01], 1.0), deltas_to_draw([1.0, 0.5, 0.3, 0.2, 0.1, 0.05], 1.0)
    ([0.1, 0.01], [1.0, 0.3, 0.1])
    """
    steps = np.unique(np.asarray(delta, dtype=np.float64))
    if steps.size <= MANY:
        return [float(step) for step in steps[::-1]]
    goals = (factor * float(decade(scale)) for factor in (1.0, 0.3, 0.1))
    return list(dict.fromkeys(float(steps[nearest(steps, goal)]) for goal in goals))


@dataclass(frozen=True, eq=False)
class ErrorSweep:
    """Formulas at points and deltas beside the truth; nothing is computed before it is read.

    Arrays have the shape ``(n, formulas, m)`` for n points and m deltas, if nothing else is said.

    Parameters
    ----------
    f : Function
    x : ndarray, shape ``(n,)``
    delta : ndarray, shape ``(m,)``
        In x's unit, positive.
    formulas : sequence of Stencil
        All for one derivative.

    Examples
    --------
    >>> from derivkit.numerical.formulas import formula
    >>> square = Function.from_expression("x^2")
    >>> found = ErrorSweep(square, np.array([1.0]), np.array([0.5, 1e-20]), (formula("forward_1"),))
    >>> found.error.tolist(), [STATUSES[code] for code in found.status[0, 0]]
    ([[[0.5, nan]]], ['ok', 'step_vanished'])
    """

    f: Function
    x: Array
    delta: Array
    formulas: Sequence[Stencil]

    STATUSES: ClassVar[tuple[str, ...]] = STATUSES
    REASONS: ClassVar[tuple[str, ...]] = tuple(REASONS.values())
    BOUNDS: ClassVar[tuple[str, ...]] = BOUNDS
    PARTS: ClassVar[tuple[str, ...]] = PARTS

    @property
    def names(self) -> tuple[NDArray[np.int16], tuple[str, ...]]:
        """The names of the formulas: their numbers, shape ``(formulas, 1)``, and the names by number."""
        return np.arange(len(self.formulas), dtype=np.int16)[:, None], tuple(entry.name for entry in self.formulas)

    @property
    def derivative(self) -> int:
        """The order of the derivative."""
        return self.formulas[0].derivative

    def part(self, points: slice, deltas: slice) -> Self:
        """The same of some of the points and deltas: the slices `points` and `deltas` of them."""
        return replace(self, x=self.x[points], delta=self.delta[deltas])

    @cached_property
    def sweep(self) -> Sweep:
        """The estimates as `dk.sweep` gives them, and what f raised: here f is called."""
        return sweep(self.f, self.x, self.delta, formulas=self.formulas)

    @property
    def estimate(self) -> Array:
        """The numerical derivative, divided by the step really taken."""
        return np.swapaxes(self.sweep.estimate, 0, 1)

    @cached_property
    def reference(self) -> tuple[Array, Array]:
        """The derivative by which errors are judged and how far off it may be, shape ``(n, 1, 1)`` each.

        Where an expression is known it is proved to be the nearest double, and its bar 0; of a black box it is that of
        `dk.derivative`. NaN where none exists or is known.
        """
        value, bar = self.f.reference(self.x, order=self.derivative)
        return value[:, None, None], bar[:, None, None]

    @property
    def slope(self) -> Array:
        """The derivative alone."""
        return self.reference[0]

    @property
    def exact(self) -> Array:
        """The same for every formula and delta."""
        return np.broadcast_to(self.slope, (self.x.size, len(self.formulas), self.delta.size))

    @cached_property
    def error(self) -> Array:
        """|estimate - exact|; NaN where that is below the bar of a derivative that was measured."""
        error = absolute_error(self.estimate, self.slope)
        return np.where(error < self.reference[1], np.nan, error)

    @property
    def relative_error(self) -> Array:
        """The error over |exact|."""
        return np.where(np.isnan(self.error), np.nan, relative_error(self.estimate, self.slope))

    @property
    def ulps(self) -> Array:
        """The error in units in the last place of the exact value."""
        return np.where(np.isnan(self.error), np.nan, ulp_error(self.estimate, self.slope))

    @cached_property
    def outside(self) -> Mask:
        """Where a point of the formula lies outside the domain of f."""
        return np.stack([leaves_domain(self.f, self.x[:, None], self.delta, entry) for entry in self.formulas], axis=1)

    @property
    def status(self) -> Codes:
        """Why there is no error, as places in STATUSES."""
        vanished = np.swapaxes(self.sweep.vanished, 0, 1)
        unknown, below = np.isnan(self.slope), np.isnan(self.error)
        return first_reason(self.outside, vanished, np.isnan(self.estimate), unknown, below)

    @cached_property
    def predictions(self) -> list[Prediction]:
        """Both parts of the error for each formula, without calling f."""
        return predict_error(self.f, self.x[:, None], self.delta, formulas=self.formulas)

    @cached_property
    def truncation(self) -> Array:
        """What is predicted of the error from stopping Taylor's series."""
        return np.stack([one.truncation for one in self.predictions], axis=1)

    @cached_property
    def rounding(self) -> Array:
        """What is predicted of the error from rounding."""
        return np.stack([one.rounding for one in self.predictions], axis=1)

    @property
    def predicted(self) -> Array:
        """Truncation plus rounding; NaN outside the domain and where it is not finite."""
        total = self.truncation + self.rounding
        return np.where(self.outside | ~np.isfinite(total), np.nan, total)

    @property
    def larger(self) -> Codes:
        """Which part is the larger one, as places in PARTS."""
        return first_reason(self.truncation >= self.rounding, self.rounding > self.truncation)

    @property
    def bound(self) -> Codes:
        """How the truncation of each formula is known, as places in BOUNDS, shape ``(formulas,)``."""
        return bounds_known(self.f, self.predictions)

    @property
    def evaluations(self) -> NDArray[np.int64]:
        """Values of f that each formula uses, shape ``(formulas,)``."""
        return np.array([entry.evaluations for entry in self.formulas])

    @property
    def optima(self) -> list[Optimum]:
        """The best delta of each formula by prediction, at every x."""
        return predict_optimum(self.f, self.x, formulas=self.formulas)

    @property
    def lines(self) -> SlopeLines:
        """The lines with the estimated slopes; f is called at the outermost points of every formula."""
        x = self.x[:, None]
        left, right = (
            np.stack([x + float(entry.offsets[end]) * self.delta for entry in self.formulas], axis=1) for end in (0, -1)
        )
        value, two = np.asarray(self.f(self.x))[:, None, None], self.evaluations[:, None] == 2
        left_value, right_value = np.asarray(self.f(left)), np.asarray(self.f(right))
        return SlopeLines(
            value=value,
            left=left,
            left_value=left_value,
            right=right,
            right_value=right_value,
            through=np.where(two, left, x[:, None]),
            height=np.where(two, left_value, value),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class SlopeLines:
    """Lines with the estimated slope, for every point, formula and delta.

    Attributes
    ----------
    value : ndarray
        f at x.
    left, left_value, right, right_value : ndarray
        The outermost points that the formula uses, and f there.
    through, height : ndarray
        A point of the line: the left one, of a formula of two points; else x.

    Examples
    --------
    >>> from derivkit.numerical.formulas import formula
    >>> square = Function.from_expression("x^2")
    >>> lines = ErrorSweep(square, np.array([1.0]), np.array([0.5]), (formula("central_2"),)).lines
    >>> float(lines.left[0, 0, 0]), float(lines.right_value[0, 0, 0])
    (0.5, 2.25)
    """

    value: Array
    left: Array
    left_value: Array
    right: Array
    right_value: Array
    through: Array
    height: Array


def bounds_known(f: Function, found: Sequence[Prediction | Optimum]) -> Codes:
    """How what is predicted for f is known, as places in BOUNDS: of a black box nothing is.

    Parameters
    ----------
    f : Function
        What the predictions are for.
    found : sequence of Prediction or Optimum
        n of them.

    Returns
    -------
    ndarray of int8
        Shape ``(n,)``.

    Examples
    --------
    >>> from derivkit.numerical.formulas import formula
    >>> sine = Function.from_expression("sin(x)")
    >>> bounds_known(sine, predict_optimum(sine, 1.0, formulas=[formula("central_2")])).tolist()
    [0]
    """
    codes = [2 if f.expression is None else 0 if one.proved else 1 for one in found]
    return np.array(codes, dtype=np.int8)
