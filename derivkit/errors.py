r"""Errors of a numerical derivative: measured, and predicted.

The error of a formula with step h has two parts (Fornberg 1988; Gill, Murray and Wright, *Practical Optimization*,
1981, section 8.6). *Truncation*, from stopping Taylor's series: at most :math:`|C| h^p \max|f^{(d+p)}|`. *Rounding*,
from values of f that are wrong by :math:`e_i` and abscissae that are off by :math:`\eta_i`, both divided by the step:
:math:`h^{-d} \sum_i |w_i| (e_i + |\eta_i| \max|f'|)`. One falls with the step, the other grows: the V of every sweep.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import ArrayLike

from derivkit.arguments import numbers, points_of, positive, shown, whole
from derivkit.function import Function
from derivkit.grids import decade, logspace
from derivkit.numerical.difference import together
from derivkit.numerical.formulas import stencils_of
from derivkit.numerical.nodes import Nodes
from derivkit.numerical.stencil import Stencil, moment
from derivkit.operations.row import UNIT
from derivkit.trusted.exact import taylor
from derivkit.types import Array, Indices, Mask

LADDER = logspace(-20, 2, 177)
"""Deltas among which the best is predicted, times the decade of the length scale: 1e-20 to 100, eight per decade."""
REACH = 4.0
"""How far the ladder goes, in length scales of f: beyond, Taylor's theorem says nothing useful."""


@dataclass(frozen=True)
class Prediction:
    """The two parts of the error, predicted without calling f.

    Attributes
    ----------
    truncation, rounding : ndarray
        Shape of broadcast(x, delta); NaN where the step vanishes or nothing is known of f.
    proved : bool
        True if the truncation uses a maximum known in closed form: then error <= truncation + rounding.
    """

    truncation: Array
    rounding: Array
    proved: bool

    @property
    def total(self) -> Array:
        """Truncation plus rounding."""
        return self.truncation + self.rounding


@dataclass(frozen=True)
class Optimum:
    """The delta at which the predicted error is least, and that error, at every x; NaN where nothing is known of f."""

    delta: Array
    error: Array
    proved: bool


def absolute_error(estimate: ArrayLike, exact: ArrayLike) -> Array:
    """|estimate - exact|."""
    return cast("Array", np.abs(numbers("estimate", estimate) - numbers("exact", exact)))


def relative_error(estimate: ArrayLike, exact: ArrayLike) -> Array:
    """|estimate - exact| / |exact|; NaN where exact is 0, since nothing is relative to 0.

    Examples
    --------
    >>> float(relative_error(4.5, 4.0))
    0.125
    """
    size = np.abs(numbers("exact", exact))
    with np.errstate(all="ignore"):
        return np.where(size > 0.0, absolute_error(estimate, exact) / size, np.nan)


def norm_ratio(difference: ArrayLike, exact: ArrayLike) -> float:
    """|difference| / |exact| in 2-norms, computed in float64; NaN where exact is 0.

    Parameters
    ----------
    difference, exact : array_like
        Vectors; what is compared may be a part of the exact one.

    Examples
    --------
    >>> norm_ratio([0.3, 0.4], [3.0, 4.0])
    0.1
    """
    size = float(np.linalg.norm(exact))
    return float(np.linalg.norm(difference)) / size if size else math.nan


def ulp_error(estimate: ArrayLike, exact: ArrayLike) -> Array:
    """The error in units in the last place of the exact value; NaN where exact is 0.

    Examples
    --------
    >>> float(ulp_error(1.0 + 2.0**-50, 1.0))
    4.0
    """
    size = np.abs(numbers("exact", exact))
    with np.errstate(all="ignore"):
        return np.where(size > 0.0, absolute_error(estimate, exact) / np.spacing(size), np.nan)


BELOW = logspace(-0.5, 0, 9)
"""Deltas over which a typical error is taken, times the one in question: single errors hit 0 by luck."""
ABOVE = logspace(0, 0.25, 5)[1:]
STEEPEST = 8
"""Nor may an error be less than those at slightly larger deltas leave, however fast truncation falls: no formula is of
a higher order. That tells luck at the least deltas of a sweep, which have no others below."""
NEXT = 2
"""So many of the next smaller deltas of a sweep count, however far away: none may lie within the half decade."""
APART = 1e-6
"""Decades by which rounding may move two deltas that are equal."""
LUCK = 0.1
"""Below this part of the errors around it, an error is called good luck: a constant without a derivation."""


def root_mean_square(errors: Array) -> Array:
    """Of every row, NaN left out; infinite where one is. No square over- or underflows.

    Examples
    --------
    >>> root_mean_square(np.array([[3e-200, np.nan, 4e-200]])).tolist()
    [3.5355339059327375e-200]
    """
    usable = ~np.isnan(errors)
    errors = np.where(usable, errors, 0.0)
    largest = np.max(errors, axis=1)
    with np.errstate(all="ignore"):
        shares = np.sum((errors / largest[:, None]) ** 2, axis=1) / np.sum(usable, axis=1)
        return np.asarray(np.where((largest > 0.0) & np.isfinite(largest), largest * np.sqrt(shares), largest))


def is_luck(error: float, around: float) -> bool:
    """Whether an error is good luck, as it is less than a tenth of those around it.

    Parameters
    ----------
    error, around : float
        The error in question, and what is typical of those around it.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_luck(1e-16, 1e-12), is_luck(1e-16, 5e-16)
    (True, False)
    """
    return bool(error < LUCK * around)


def distinguishable(error: ArrayLike, exact: ArrayLike) -> Array:
    """An error, and at least half a unit in the last place of the exact value: below that all estimates are equal.

    Parameters
    ----------
    error, exact : array_like
        Broadcast against each other.

    Returns
    -------
    ndarray
        NaN where either is.

    Examples
    --------
    >>> distinguishable([0.0, 1e-3], 1.0).tolist()
    [1.1102230246251565e-16, 0.001]
    """
    with np.errstate(all="ignore"):
        return np.asarray(np.maximum(error, 0.5 * np.spacing(np.abs(numbers("exact", exact)))))


def typical_error(
    delta: ArrayLike,
    error: ArrayLike,
    *,
    growth: int = 1,
    curve: ArrayLike | None = None,
    truncation: ArrayLike | None = None,
) -> Array:
    """The error that is typical of every delta of a sweep: at least the one made, and more where that is luck.

    Rounding errors scatter and hit 0, so that the least error of a sweep is one of these hits. But they grow towards
    smaller deltas by a law, delta^-growth, so that the errors there tell how large rounding is here. Taken is the root
    mean square of those over the half decade up to a delta, and at the two next smaller ones, each carried along that
    law; and no less than the errors just above leave. Of a sweep of two deltas there is nothing to tell luck by.

    Parameters
    ----------
    delta, error : array_like, shape ``(n,)``
        In any order; an error that is NaN is left out.
    growth : int
        The order of the derivative.
    curve : array_like of int, optional, shape ``(n,)``
        Which sweep each belongs to, where there are several.
    truncation : array_like, optional, shape ``(n,)``
        What is predicted of it: an error that is less than a tenth owes that to a rounding error of the other sign.

    Returns
    -------
    ndarray, shape ``(n,)``
        NaN where the error is.

    Examples
    --------
    >>> [f"{error:.2g}" for error in typical_error([1e-8, 1e-7, 1e-6], [4e-8, 4e-9, 1e-14])]
    ['4e-08', '4e-09', '3.3e-10']
    """
    h, e = (np.asarray(v, dtype=np.float64) for v in (delta, error))
    number = np.zeros(h.size, dtype=np.intp) if curve is None else np.unique(curve, return_inverse=True)[1]
    order = np.lexsort((h, number))
    h, e, number = h[order], e[order], number[order]
    with np.errstate(all="ignore"):
        # No two deltas lie 1000 decades apart, so that one search finds the neighbours within every sweep.
        place = np.log10(h) + 1000.0 * number
    here = np.arange(h.size)
    square, count, lowest = np.zeros(h.size), np.zeros(h.size), here + 1
    within = (np.searchsorted(place, place + np.log10(share) + APART, side="right") - 1 for share in BELOW[::-1])
    for other in itertools.chain(within, (here - k for k in range(1, NEXT + 1))):
        there = np.maximum(other, 0)
        with np.errstate(all="ignore"):
            ratio = h[there] / h
            carried = e[there] * np.prod([ratio] * growth, axis=0)
        seen = (other >= 0) & (other < lowest) & (number[there] == number) & np.isfinite(carried)
        square, count, lowest = np.where(seen, np.hypot(square, carried), square), count + seen, np.fmin(lowest, other)
    typical = np.fmax(e, square / np.sqrt(np.maximum(count, 1)))
    for share in ABOVE:
        other = np.searchsorted(place, place + np.log10(share) + APART, side="right") - 1
        with np.errstate(all="ignore"):
            carried = e[other] * np.prod([h / h[other]] * STEEPEST, axis=0)
        typical = np.where((number[other] == number) & (carried > typical), carried, typical)
    found = np.empty(h.size)
    found[order] = np.where(np.isnan(e), np.nan, typical)
    if truncation is None:
        return found
    return np.where(np.isnan(found), np.nan, np.fmax(found, LUCK * np.asarray(truncation, dtype=np.float64)))


def least_errors(delta: ArrayLike, error: ArrayLike, *, curve: ArrayLike | None = None) -> Indices:
    """The place of the least error of every sweep; among equals that of the largest delta, which needs least luck.

    Parameters
    ----------
    delta, error : array_like, shape ``(n,)``
    curve : array_like of int, optional, shape ``(n,)``
        Which sweep each belongs to, where there are several.

    Returns
    -------
    ndarray of int
        In the order of the sweeps' numbers; a sweep of which every error is NaN is left out.

    Examples
    --------
    >>> least_errors([1e-8, 1e-6, 1e-4, 1e-2], [3e-9, 2e-9, 2e-9, 5e-2]).tolist()
    [2]
    """
    steps, sizes = (np.asarray(values, dtype=np.float64) for values in (delta, error))
    number = np.zeros(steps.size, dtype=np.intp) if curve is None else np.asarray(curve)
    order = np.lexsort((-steps, sizes, number))
    order = order[~np.isnan(sizes[order])]
    first = np.diff(number[order], prepend=number[order[:1]] - 1) != 0
    return np.asarray(order[first])


def best_delta(delta: ArrayLike, error: ArrayLike, *, growth: int = 1) -> tuple[float, float]:
    """The delta of a sweep with the least typical error, and that error; among equals the largest.

    Examples
    --------
    >>> best_delta([1e-8, 1e-7, 1e-6, 1e-5], [4e-8, 1e-14, 1e-6, 1e-5])[0]
    1e-07
    """
    typical = typical_error(delta, error, growth=growth)
    for place in least_errors(delta, typical):
        return float(np.asarray(delta, dtype=np.float64)[place]), float(typical[place])
    return math.nan, math.nan


def leaves_domain(f: Function, x: ArrayLike, delta: ArrayLike, formula: Stencil) -> Mask:
    """Whether a point of a formula lies outside the domain of f, for every x and delta (broadcast).

    Examples
    --------
    >>> from derivkit.numerical.formulas import formula
    >>> root = Function.from_expression("sqrt(x)", domain=(0.0, 9.0))
    >>> leaves_domain(root, 1.0, [0.5, 2.0], formula("central_2")).tolist()
    [False, True]
    """
    points, steps = np.asarray(x, dtype=np.float64), np.asarray(delta, dtype=np.float64)
    return Nodes.of(formula, points, steps).outside(f.domain)


def predict_error(
    f: Function, x: ArrayLike, delta: ArrayLike, *, formulas: Sequence[str | Stencil]
) -> list[Prediction]:
    """Truncation and rounding of every formula at every x and delta (broadcast), from what is known of f.

    The step in the truncation is the step really taken, which differs from delta where x + delta is rounded.

    Parameters
    ----------
    f : Function
    x, delta : array_like
        Broadcast against each other, delta in x's unit.
    formulas : sequence of str or Stencil
        For the first derivative if given by name.

    Returns
    -------
    list of Prediction
        In the order of the formulas.

    Examples
    --------
    >>> from derivkit.numerical.formulas import formula
    >>> found, = predict_error(Function.from_expression("x^2"), 1.0, 2.0**-10, formulas=[formula("forward_1")])
    >>> round(float(found.truncation), 12), found.proved
    (0.0009765625, True)
    """
    _check_known(f)
    chosen = stencils_of(formulas)
    given = points_of(x), positive("delta", delta)
    shape = together(*given)[0].shape
    points, steps = (np.array(v, ndmin=max(1, len(shape))) for v in given)
    with np.errstate(all="ignore"):
        placed = Nodes.shared(chosen, points, steps)
        values = {offset: f.predicted_value(node) for offset, node in placed[0].at.items()} if placed else {}
        parts = [_predict(f, nodes, [values[offset] for offset in nodes.formula.offsets]) for nodes in placed]
    return [Prediction(p.truncation.reshape(shape), p.rounding.reshape(shape), p.proved) for p in parts]


def _check_known(f: object) -> None:
    """Refuse what is no Function: nothing is known of an ordinary one."""
    if not isinstance(f, Function):
        raise TypeError(f"f must be a dk.Function, not {shown(f)}; write dk.Function.from_expression('sin(x)')")


def _predict(f: Function, nodes: Nodes, values: Sequence[tuple[Array, Array]]) -> Prediction:
    """Both parts for one formula, from the values of f at its nodes and the bounds of their errors."""
    formula, step = nodes.formula, nodes.step
    d, p = formula.derivative, formula.order
    first, *_, last = nodes.points
    lo, hi = np.broadcast_arrays(np.minimum(first, nodes.x), np.maximum(last, nodes.x))
    (largest, steepest), proved = f.largest_derivatives((d + p, 1), centre=nodes.x, lo=lo, hi=hi)
    truncation = float(formula.bound_constant) * step**p * largest
    scale = float(formula.coefficients[1]) * step**d
    rounding = _rounding_of_sum(formula, values, scale) + _rounding_of_abscissae(nodes) * steepest / scale
    lost = nodes.vanished
    return Prediction(
        truncation=np.where(lost, np.nan, truncation), rounding=np.where(lost, np.nan, rounding), proved=proved
    )


def _rounding_of_sum(formula: Stencil, values: Sequence[tuple[Array, Array]], scale: Array) -> Array:
    """Errors of the values, and of the sum: u times every partial sum and every product that is not exact.

    The scale takes d + 1 roundings, the quotient one, the comparison with the exact value (itself rounded) two more.
    """
    error: Array = np.zeros_like(scale)
    partial: Array = np.zeros_like(scale)
    coefficients, denominator = formula.coefficients
    for k, (weight, (value, value_error)) in enumerate(zip(coefficients, values, strict=True)):
        product = weight * value
        partial = partial + product
        error = error + abs(weight) * value_error
        if k:
            error = error + UNIT * np.abs(partial)
        if abs(math.frexp(weight)[0]) != 0.5:  # no power of two; where the weights are rounded themselves, twice
            error = error + (1.0 if denominator == formula.denominator else 2.0) * UNIT * np.abs(product)
    return (error + (formula.derivative + 4) * UNIT * np.abs(partial)) / np.abs(scale)


def _rounding_of_abscissae(nodes: Nodes) -> Array:
    """Sum of |w| times the distance of every node from where a formula with the step really taken has it."""
    step = nodes.step
    total: Array = np.zeros_like(step)
    for offset, weight, node in zip(nodes.formula.offsets, nodes.formula.coefficients[0], nodes.points, strict=True):
        away = float(offset) * step
        total = total + abs(weight) * (np.abs((node - nodes.x) - away) + 3.0 * UNIT * np.abs(away))
    return total


def predict_optimum(f: Function, x: ArrayLike, *, formulas: Sequence[str | Stencil]) -> list[Optimum]:
    """The delta of the ladder at which every formula's predicted error is least, at every x.

    Deltas whose stencil leaves the domain, or at which the prediction is not finite, are passed over. Among equals the
    largest is taken.

    Parameters
    ----------
    f : Function
    x : array_like, shape ``(n,)`` or a number
    formulas : sequence of str or Stencil
        For the first derivative if given by name.

    Returns
    -------
    list of Optimum
        In the order of the formulas; arrays of x's shape, NaN where nothing is known of f.

    Examples
    --------
    >>> from derivkit.numerical.formulas import formula
    >>> best, = predict_optimum(Function.from_expression("exp(x)"), 1.0, formulas=[formula("forward_1")])
    >>> bool(1e-9 < best.delta < 1e-6)
    True
    """
    _check_known(f)
    points, chosen = points_of(x), stencils_of(formulas)
    column = points.reshape(-1, 1)
    scale = np.array([f.length_scale(float(v)) for v in points.ravel()]).reshape(-1, 1)
    ladder = decade(scale) * LADDER
    allowed = (4.0 * np.spacing(np.abs(column)) < ladder) & (ladder <= REACH * scale)
    best = []
    for entry, found in zip(chosen, predict_error(f, column, ladder, formulas=chosen), strict=True):
        # A wider interval holds the narrower one, so the truncation cannot fall; samples alone may miss a peak.
        total = np.fmax.accumulate(found.truncation, axis=-1) + found.rounding
        total = np.where(allowed & ~leaves_domain(f, column, ladder, entry) & np.isfinite(total), total, np.inf)
        index = (LADDER.size - 1 - np.argmin(total[:, ::-1], axis=-1))[:, None]
        delta, error = (np.take_along_axis(values, index, axis=-1)[:, 0] for values in (ladder, total))
        known = np.isfinite(error)
        delta, error = (np.where(known, values, np.nan).reshape(points.shape)[()] for values in (delta, error))
        best.append(Optimum(delta, error, found.proved))
    return best


def truncation_terms(f: Function, x: float, *, formulas: Sequence[str | Stencil], terms: int) -> list[Array]:
    """Coefficients c_k of every formula's truncation error sum_k c_k delta^k at x, for k from its order on.

    By Taylor's series, c_k = M_(d+k) f^(d+k)(x) / (d+k)! with the formula's moments M. The first that is not 0 gives
    the order that the formula has at this point, which is more than it claims where a derivative vanishes.

    Parameters
    ----------
    f : Function
        With an expression of one variable, or a black box, of which nothing is known.
    x : float
        The point, in the unit of f's argument.
    formulas : sequence of str or Stencil
        A name stands for the formula of the first derivative.
    terms : int
        Number of coefficients of each formula, zeros included; at least 1.

    Returns
    -------
    list of ndarray, shape ``(terms,)``
        In the order of the formulas; NaN from the first derivative that does not exist, and throughout where nothing is
        known of f.

    Raises
    ------
    ValueError
        If there is no formula of a name, or ``terms`` is below 1.

    Examples
    --------
    >>> from derivkit.numerical.formulas import formula
    >>> f = Function.from_expression("x^3")
    >>> [c.tolist() for c in truncation_terms(f, 1.0, formulas=[formula("forward_1")], terms=3)]
    [[3.0, 1.0, 0.0]]
    """
    _check_known(f)
    chosen, count = stencils_of(formulas), whole("terms", terms, 1)
    if f.expression is None:
        return [np.full(count, np.nan) for _ in chosen]
    series = taylor(f.expression, x, max(entry.derivative + entry.order for entry in chosen) + count - 1)
    return [_truncation_terms(series, entry, count) for entry in chosen]


def _truncation_terms(series: Sequence[float], formula: Stencil, terms: int) -> Array:
    first = formula.derivative + formula.order
    moments = [float(moment(formula.offsets, formula.weights, n)) for n in range(first, first + terms)]
    # Where a derivative does not exist Taylor's theorem ends, whatever the moment: 0 times NaN is NaN.
    return np.asarray(np.array(moments) * np.array(series[first : first + terms]))
