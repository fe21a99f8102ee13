"""A formula applied at fixed deltas; many formulas sharing their evaluations."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from derivkit.arguments import check_function, check_vectorized, points_of, positive
from derivkit.asker import Asker
from derivkit.evidence import FLOAT32, Raised
from derivkit.numerical.formulas import stencil_of, stencils_of
from derivkit.numerical.stencil import Stencil
from derivkit.types import Array, Mask, Rational

SMALLER = 2.0**-64
"""Of the largest floats this share may be multiplied with any weight of a formula, and added up."""
BLOCK = 2**15
"""Differences per block in a sweep: every array of a block stays in a core's cache; found by measurement."""


@dataclass(frozen=True)
class Sweep:
    """Estimates by every formula at every x and delta.

    Attributes
    ----------
    formulas : tuple of Stencil
    x, delta : ndarray
        The points and the deltas.
    estimate : ndarray, shape ``(len(formulas), *x.shape, *delta.shape)``
        NaN where a step vanished or a value of f is not finite.
    vanished : ndarray of bool, same shape
        True where two points of the formula coincide in floating point.
    total : int
        Number of points at which f was evaluated.
    raised : tuple of Raised
        The exceptions of f, one entry for each type; where they were raised there is no estimate.
    float32 : bool
        Whether f computes in float32 or in less, as its values show.

    Examples
    --------
    >>> sweep(np.square, 1.0, [0.5, 1e-20], formulas=["central_2"]).message
    '1 of 2 without a value: the step vanishes beside x.'
    """

    formulas: tuple[Stencil, ...]
    x: Array
    delta: Array
    estimate: Array
    vanished: Mask
    total: int
    raised: tuple[Raised, ...] = ()
    float32: bool = False

    @property
    def message(self) -> str:
        """What became of the estimates, in a sentence."""
        lost = np.isnan(self.estimate)
        count, vanished = np.count_nonzero(lost), np.count_nonzero(self.vanished)
        reasons = ["the step vanishes beside x"] if vanished else []
        if count > vanished:
            reasons.append("f has no finite value at a point of the formula")
            reasons[-1] += f": {self.raised[0]}" if self.raised else ""
        known = f"{count} of {lost.size} without a value: {'; '.join(reasons)}." if count else ALL_OK
        return f"{known} {FLOAT32}" if self.float32 else known


ALL_OK = "every derivative has a value; a formula with a fixed delta puts no bar on its error."


def combine(weights: Sequence[Any], values: Sequence[Any], scale: Any) -> Any:
    """The formula itself: sum of w f over the scale, added in order. Floats, arrays and Fractions alike."""
    total = weights[0] * values[0]
    for weight, value in zip(weights[1:], values[1:], strict=True):
        total = total + value if weight == 1 else total + weight * value
    return total / scale


def quotient(formula: Stencil, values: Sequence[Any], scale: Any) -> Array:
    """The formula in floats and arrays, also where the sum of finite values is beyond their range."""
    return spared(lambda these: combine(formula.coefficients[0], these, scale), values, scale)


def spared(sum_of: Callable[[Sequence[Any]], Any], values: Sequence[Any], scale: Any) -> Array:
    """A weighted sum over a scale that is not 0; where it overflows, that of smaller values made large again.

    A power of two changes no digit of them.
    """
    found = np.asarray(sum_of(values))
    if np.isfinite(found).all():
        return found
    lost = functools.reduce(np.logical_and, map(np.isfinite, values), ~np.isfinite(found) & (scale != 0.0))
    if not lost.any():
        return found
    return np.where(lost, sum_of([SMALLER * np.asarray(row) for row in values]) / SMALLER, found)


def abscissa(x: Array, offset: Rational, delta: Array) -> Array:
    """The float nearest to x + offset * delta (to two roundings)."""
    return x if offset == 0 else x + float(offset) * delta


def step_taken(formula: Stencil, first: Array, last: Array) -> Array:
    """The step really taken: the distance of the outermost points as rounded, over the formula's span; x's unit.

    Dividing by it removes the rounding of x + delta from the estimate to first order.
    """
    return (last - first) / float(formula.span)


def scale_of(formula: Stencil, first: Array, last: Array) -> Array:
    """What the sum with integer weights is divided by: denominator * step^d, with one constant for denominator /
    span^d.
    """
    distance = last - first
    power = distance if formula.derivative == 1 else distance**formula.derivative
    factor = float(formula.coefficients[1] / Fraction(formula.span) ** formula.derivative)
    return power if factor == 1.0 else factor * power


def steps_vanish(formula: Stencil, x: Array, delta: Array) -> Mask:
    """Where two points of the formula (x itself among them) coincide as rounded.

    Parameters
    ----------
    formula : Stencil
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
    offsets = sorted({*formula.offsets, 0})
    points = [abscissa(x, offset, delta) for offset in offsets]
    return cast("Mask", np.logical_or.reduce([a == b for a, b in itertools.pairwise(points)]))


def difference(
    f: Callable[..., Any],
    x: ArrayLike,
    delta: ArrayLike,
    *,
    formula: str | Stencil = "central_2",
    derivative: int = 1,
    vectorized: bool | None = None,
) -> Any:
    """The derivative of f at x by one formula with a fixed delta.

    Parameters
    ----------
    f : callable
        Of one number or of an array; values that are not finite, and exceptions, give NaN there.
    x : array_like
        Points; NaN where they are masked.
    delta : array_like
        Steps, in x's unit, positive and finite; broadcast against x.
    formula : str or Stencil
        A formula of the table by name, or any stencil.
    derivative : int
        Order of the derivative, for a formula given by name.
    vectorized : bool, optional
        Whether f takes arrays, if known.

    Returns
    -------
    float or ndarray
        Shape of broadcast(x, delta). The estimate is divided by the step really taken; NaN where it vanished.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of these, or if f gives no number anywhere and raises what no number could mend.

    Examples
    --------
    >>> difference(lambda x: 2 * x**2, 1.0, 1e-4, formula="forward_1")
    4.0001999999987845
    """
    points, steps = together(points_of(x), positive("delta", delta))
    chosen = stencil_of(formula, derivative)
    ask = _asker(f, vectorized, "dk.difference(math.sin, 1.0, 1e-4)")
    with np.errstate(all="ignore"):
        at = [np.asarray(abscissa(points, offset, steps)) for offset in chosen.offsets]
        scale = scale_of(chosen, at[0], at[-1])
        values = [ask(p) for p in at]
        ask.refuse_no_function(values)
        result = quotient(chosen, values, scale)
        lost = steps_vanish(chosen, points, steps) | ~np.isfinite(result) | ~np.isfinite(scale)
        result = np.where(lost, np.nan, result)
    return result if result.ndim else float(result)


def together(points: Array, steps: Array) -> Sequence[Array]:
    """Points and steps in their common shape."""
    try:
        return np.broadcast_arrays(points, steps)
    except ValueError:
        raise ValueError(
            f"delta has shape {steps.shape}, and x {points.shape}; give one number, or one for each x, "
            "or let dk.sweep take every delta at every x"
        ) from None


def _asker(f: Callable[..., Any], vectorized: bool | None, example: str) -> Asker:  # noqa: FBT001 -- handed on
    check_function(f, example)
    check_vectorized(vectorized)
    return Asker(f, vectorized=vectorized)


def sweep(
    f: Callable[..., Any],
    x: ArrayLike,
    delta: ArrayLike,
    *,
    formulas: Iterable[str | Stencil],
    derivative: int = 1,
    vectorized: bool | None = None,
) -> Sweep:
    """Every formula at every x and delta, each distinct value of f computed once.

    f(x) is evaluated once per point, every other abscissa once per point and delta, however many formulas use it.
    Memory beyond the result stays flat.

    Parameters
    ----------
    f : callable
        Of one number or of an array.
    x, delta : array_like
        Points and positive deltas; every combination is taken.
    formulas : iterable of str or Stencil
        Names from the table, or stencils.
    derivative : int
        Order of the derivative, for formulas given by name.
    vectorized : bool, optional
        Whether f takes arrays, if known.

    Returns
    -------
    Sweep

    Raises
    ------
    TypeError, ValueError
        If an argument is none of these.

    Examples
    --------
    >>> found = sweep(lambda x: x**3, [1.0, 2.0], [0.5], formulas=["forward_1", "central_4"])
    >>> found.estimate.shape, found.total
    ((2, 2, 1), 10)
    """
    points, steps = points_of(x), positive("delta", delta)
    chosen = stencils_of(formulas, derivative)
    ask = _asker(f, vectorized, "dk.sweep(math.sin, 1.0, [1e-4, 1e-8], formulas=['central_2'])")
    shape = (len(chosen), points.size, steps.size)
    estimate, vanished = np.empty(shape), np.zeros(shape, dtype=bool)
    flat_steps = steps.ravel()
    rows = max(1, BLOCK // max(1, steps.size))
    with np.errstate(all="ignore"):
        for start in range(0, points.size, rows):
            block = slice(start, start + rows)
            _sweep_block(ask, points.ravel()[block, None], flat_steps, chosen, estimate[:, block], vanished[:, block])
    final = (len(chosen), *points.shape, *steps.shape)
    of_f = (ask.total, ask.raised, ask.float32)
    return Sweep(chosen, points, steps, estimate.reshape(final), vanished.reshape(final), *of_f)


def _sweep_block(
    ask: Asker, x: Array, delta: Array, formulas: Sequence[Stencil], estimate: Array, vanished: Mask
) -> None:
    """One block of points, shape (n, 1), against all deltas, shape (m,): fills estimate and vanished, (formulas, n,
    m).
    """
    offsets = sorted({offset for entry in formulas for offset in entry.offsets})
    at = {offset: abscissa(x, offset, delta) for offset in offsets}
    values = {offset: ask(points) for offset, points in at.items()}
    for k, entry in enumerate(formulas):
        used = [values[offset] for offset in entry.offsets]
        scale = scale_of(entry, at[entry.offsets[0]], at[entry.offsets[-1]])
        estimate[k] = quotient(entry, used, scale)
        near = _columns_that_may_vanish(entry, x, delta)
        if near.size:
            vanished[k][:, near] = steps_vanish(entry, x, delta[near])
        # Sums are finite only if every entry is: one pass each, and the exact check only where it is needed.
        if near.size or not np.isfinite(estimate[k].sum() + scale.sum()):
            estimate[k][vanished[k] | ~np.isfinite(estimate[k]) | ~np.isfinite(scale)] = np.nan


def _columns_that_may_vanish(formula: Stencil, x: Array, delta: Array) -> NDArray[np.intp]:
    """Deltas so small that neighbouring points may coincide: gap * delta within four roundings of |x|."""
    offsets = sorted({*formula.offsets, 0})
    gap = min(float(b - a) for a, b in itertools.pairwise(offsets))
    largest = np.fmax.reduce(np.abs(x), axis=None, initial=0.0)
    return np.nonzero(gap * delta <= 4.0 * np.finfo(np.float64).eps * largest)[0]
