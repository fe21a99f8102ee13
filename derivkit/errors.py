r"""Errors of a numerical derivative: measured, predicted, and the law that a sweep obeys.

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
from derivkit.numerical.difference import abscissa, step_taken, steps_vanish, together
from derivkit.numerical.formulas import stencils_of
from derivkit.numerical.stencil import Stencil, moment
from derivkit.operations.elementary import UNIT
from derivkit.trusted.exact import taylor
from derivkit.types import Array, Rational

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


@dataclass(frozen=True)
class ErrorLaw:
    """E(delta) = a delta^order + b delta^-growth, fitted to a sweep; NaN for a branch that the sweep does not show.

    Attributes
    ----------
    order, growth : float
        Observed exponents: the order of accuracy, and how fast rounding grows (the order of the derivative, in theory).
    a, b : float
        Their factors.
    delta : float
        Where the law is least.
    points : int
        Errors that the fit used.
    note : str
        What the sweep does not show; empty if both branches were seen.
    """

    order: float
    growth: float
    a: float
    b: float
    delta: float
    points: int
    note: str


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


def typical_error(delta: ArrayLike, error: ArrayLike, *, growth: int = 1, curve: ArrayLike | None = None) -> Array:
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
    return found


def best_delta(delta: ArrayLike, error: ArrayLike, *, growth: int = 1) -> tuple[float, float]:
    """The delta of a sweep with the least typical error, and that error; among equals the largest.

    Examples
    --------
    >>> best_delta([1e-8, 1e-7, 1e-6, 1e-5], [4e-8, 1e-14, 1e-6, 1e-5])[0]
    1e-07
    """
    typical = typical_error(delta, error, growth=growth)
    if np.all(np.isnan(typical)):
        return math.nan, math.nan
    least = np.nanmin(typical)
    return float(np.max(np.asarray(delta, dtype=np.float64)[typical == least])), float(least)


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
    known: dict[Rational, tuple[Array, Array, Array]] = {}
    with np.errstate(all="ignore"):
        for offset in sorted({offset for entry in chosen for offset in entry.offsets}):
            at = np.asarray(abscissa(points, offset, steps))
            known[offset] = at, *f.predicted_value(at)
        found = [_predict(f, points, steps, entry, known) for entry in chosen]
    return [Prediction(p.truncation.reshape(shape), p.rounding.reshape(shape), p.proved) for p in found]


def _check_known(f: object) -> None:
    """Refuse what is no Function: nothing is known of an ordinary one."""
    if not isinstance(f, Function):
        raise TypeError(f"f must be a dk.Function, not {shown(f)}; write dk.Function.from_expression('sin(x)')")


def _predict(
    f: Function, x: Array, delta: Array, formula: Stencil, known: dict[Rational, tuple[Array, Array, Array]]
) -> Prediction:
    d, p = formula.derivative, formula.order
    first, last = (known[formula.offsets[k]][0] for k in (0, -1))
    step = step_taken(formula, first, last)
    lo, hi = np.broadcast_arrays(np.minimum(first, x), np.maximum(last, x))
    (largest, steepest), proved = f.largest_derivatives((d + p, 1), centre=x, lo=lo, hi=hi)
    truncation = float(formula.bound_constant) * step**p * largest
    scale = float(formula.coefficients[1]) * step**d
    rounding = (
        _rounding_of_sum(formula, known, scale) + _rounding_of_abscissae(formula, x, step, known) * steepest / scale
    )
    lost = steps_vanish(formula, x, delta)
    return Prediction(
        truncation=np.where(lost, np.nan, truncation),
        rounding=np.where(lost, np.nan, rounding),
        proved=proved,
    )


def _rounding_of_sum(formula: Stencil, known: dict[Rational, tuple[Array, Array, Array]], scale: Array) -> Array:
    """Errors of the values, and of the sum: u times every partial sum and every product that is not exact.

    The scale takes d + 1 roundings, the quotient one, the comparison with the exact value (itself rounded) two more.
    """
    error: Array = np.zeros_like(scale)
    partial: Array = np.zeros_like(scale)
    coefficients, divisor = formula.coefficients
    for k, (offset, weight) in enumerate(zip(formula.offsets, coefficients, strict=True)):
        _, value, value_error = known[offset]
        product = weight * value
        partial = partial + product
        error = error + abs(weight) * value_error
        if k:
            error = error + UNIT * np.abs(partial)
        if abs(math.frexp(weight)[0]) != 0.5:  # no power of two; where the weights are rounded themselves, twice
            error = error + (1.0 if divisor == formula.denominator else 2.0) * UNIT * np.abs(product)
    return (error + (formula.derivative + 4) * UNIT * np.abs(partial)) / np.abs(scale)


def _rounding_of_abscissae(
    formula: Stencil, x: Array, step: Array, known: dict[Rational, tuple[Array, Array, Array]]
) -> Array:
    """Sum of |w| times the distance of every abscissa from where a formula with the step really taken has it."""
    total: Array = np.zeros_like(step)
    for offset, weight in zip(formula.offsets, formula.coefficients[0], strict=True):
        away = float(offset) * step
        total = total + abs(weight) * (np.abs((known[offset][0] - x) - away) + 3.0 * UNIT * np.abs(away))
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
    lo, hi = f.domain
    best = []
    for entry, found in zip(chosen, predict_error(f, column, ladder, formulas=chosen), strict=True):
        first, last = (abscissa(column, entry.offsets[k], ladder) for k in (0, -1))
        # A wider interval holds the narrower one, so the truncation cannot fall; samples alone may miss a peak.
        total = np.fmax.accumulate(found.truncation, axis=-1) + found.rounding
        total = np.where(allowed & (first >= lo) & (last <= hi) & np.isfinite(total), total, np.inf)
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
    x : float
    formulas : sequence of str or Stencil
        For the first derivative if given by name.
    terms : int
        How many coefficients of each, zeros included.

    Returns
    -------
    list of ndarray, shape ``(terms,)``
        In the order of the formulas; NaN from the first derivative that does not exist, and throughout where nothing is
        known of f.

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


MOST_FITTED = 512
"""Points of a sweep that are fitted at most, spread evenly over it: the pairs of more take memory by their square and
add no digit, and between neighbours that are nearer the slope is that of their rounding. Some 30 to a decade."""


def _spread(delta: Array, error: Array) -> tuple[Array, Array]:
    """At most MOST_FITTED of some pairs, evenly from the least delta to the largest."""
    if delta.size <= MOST_FITTED:
        return delta, error
    places = np.round(np.linspace(0, delta.size - 1, MOST_FITTED)).astype(np.intp)
    chosen = np.argsort(delta, kind="stable")[places]
    return delta[chosen], error[chosen]


def observed_order(delta: ArrayLike, error: ArrayLike) -> float:
    """The slope of log error against log delta: the median of the slopes of all pairs (Theil 1950, Sen 1968).

    Of more than MOST_FITTED pairs so many are taken, evenly.

    Parameters
    ----------
    delta, error : array_like, shape ``(n,)``
        Pairs that are not positive and finite are left out.

    Returns
    -------
    float
        NaN if fewer than two different deltas are left.

    Examples
    --------
    >>> round(observed_order([0.5, 0.25, 0.125], [0.5, 0.125, 0.03125]), 12)
    2.0
    """
    steps, sizes = _pairs(delta, error)
    usable = np.isfinite(steps) & np.isfinite(sizes) & (steps > 0.0) & (sizes > 0.0)
    x, y = (np.log(v) for v in _spread(steps[usable], sizes[usable]))
    i, j = np.triu_indices(x.size, 1)
    i, j = i[x[i] != x[j]], j[x[i] != x[j]]
    if not i.size:
        return math.nan
    return float(np.median((y[j] - y[i]) / (x[j] - x[i])))


FEWEST = 4
"""Points that a branch needs before its slope is believed; a constant without a derivation."""
CLEAR = 10.0
"""The rounding branch begins where the error is this many times the least: its scatter hides what is left of
truncation."""
DECADE = 10.0
"""Width, as a ratio of deltas, that a rounding branch needs before its growth is believed."""
HUMP = 30.0
"""Medians of rounding errors do not exceed their own law by this factor; without a derivation."""
SMOOTH = 100.0
"""The truncation branch begins where the error is this many times the least, so that rounding moves it by a percent."""
SETTLED = 0.1
"""How far the exponent may move with the last term of the fit, and the logarithms lie from it, to be believed."""
STUCK = 3
"""An error that comes this often to the last bit is no rounding error: the estimate is stuck, usually at 0."""
BEND = 0.25
"""Share by which the local slope may leave the branch's slope before the branch is held to end; without a
derivation."""


def fit_error_law(delta: ArrayLike, error: ArrayLike) -> ErrorLaw:
    """Fit E = a delta^p + b delta^-q to the errors of a sweep at one point.

    Each branch is fitted in logarithms on the side of the V where it reigns. Rounding errors scatter over orders of
    magnitude and hit 0 by luck, so theirs is the median slope of all pairs. The truncation branch is smooth but
    curved, by the next terms of Taylor's series, which are fitted with it, up to where the local slope bends away and
    delta is no longer small for this function. A branch too short or too curved for its exponent to be known is not
    reported. Of more than MOST_FITTED errors so many are fitted, evenly.

    Parameters
    ----------
    delta, error : array_like, shape ``(n,)``
        In any order; errors that are 0, NaN or infinite are left out.

    Returns
    -------
    ErrorLaw

    Notes
    -----
    Where the truncation changes its sign within the sweep, E has a second valley, which is not always told from the V:
    measured over nine functions, random points and every third formula, one reported order in fifty is off by more than
    a quarter.

    Examples
    --------
    >>> h = 10.0 ** -np.arange(0, 16, 0.5)
    >>> law = fit_error_law(h, 3.0 * h**2 + 1e-16 / h)
    >>> round(law.order, 2), round(law.growth, 2)
    (2.0, 1.0)
    """
    h, e = _usable(delta, error)
    if h.size < 2 * FEWEST:
        return ErrorLaw(math.nan, math.nan, math.nan, math.nan, math.nan, int(h.size), "too few deltas for a fit")
    typical = _running_median(e)
    bottom = int(np.argmin(typical))
    start = _departure(typical[: bottom + 1][::-1], CLEAR * typical[bottom])  # single hits do not cut rounding short
    left = h[: bottom + 1][::-1][start:], e[: bottom + 1][::-1][start:]
    start = bottom + _departure(e[bottom:], SMOOTH * typical[bottom])
    right = _bent_off(h[start:], e[start:])
    p, a = _curved_power_law(*right)
    q, b = _power_law(*left)
    if not q < 0.0 or left[0][0] < DECADE * left[0][-1]:
        q, b = math.nan, math.nan
    # Truncation may cross 0 and leave a second valley; what lies left of it is then no rounding error alone.
    hump = not math.isnan(q) and bool(np.any(typical[:bottom] > HUMP * b * h[:bottom] ** q))
    if not p > 0.0 or hump:
        p, a = math.nan, math.nan
    missing = [name for name, value in (("truncation", p), ("rounding", q)) if math.isnan(value)]
    with np.errstate(all="ignore"):
        best = float(np.exp((np.log(-q * b) - np.log(p * a)) / (p - q)))
    note = f"no {' and no '.join(missing)} branch in this sweep" if missing else ""
    return ErrorLaw(p, -q, a, b, best, int(left[0].size + right[0].size), note)


def _pairs(delta: ArrayLike, error: ArrayLike) -> tuple[Array, Array]:
    """Deltas and errors in a row, as many of each."""
    steps, sizes = numbers("delta", delta).ravel(), numbers("error", error).ravel()
    if steps.shape != sizes.shape:
        raise ValueError(f"{steps.size} deltas need as many errors, not {sizes.size}")
    return steps, sizes


def _usable(delta: ArrayLike, error: ArrayLike) -> tuple[Array, Array]:
    """Deltas in order, each once, with their errors; without zeros, gaps and estimates that are stuck."""
    steps, sizes = _pairs(delta, error)
    known = np.isfinite(steps) & np.isfinite(sizes) & (steps > 0.0) & (sizes > 0.0)
    steps, sizes = _spread(steps[known], sizes[known])
    h, first = np.unique(steps, return_index=True)
    e = sizes[first]
    _, again, times = np.unique(e, return_inverse=True, return_counts=True)
    return h[times[again] < STUCK], e[times[again] < STUCK]


def _running_median(e: Array) -> Array:
    """Median of five neighbours: lucky hits do not count as the bottom of the V."""
    padded = np.pad(np.log(e), 2, mode="edge")
    return cast("Array", np.exp(np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=-1)))


def _departure(e: Array, level: float) -> int:
    """From where on one side of the V, walking outward, the error stays above the level."""
    below = np.nonzero(e < level)[0]
    return int(below[-1]) + 1 if below.size else 0


def _bent_off(h: Array, e: Array) -> tuple[Array, Array]:
    """The truncation branch up to where its local slope leaves that of its beginning."""
    if h.size < FEWEST:
        return h, e
    local = np.diff(np.log(e)) / np.diff(np.log(h))
    slope = np.median(local[: max(FEWEST, local.size // 3)])
    bent = np.nonzero(np.abs(local - slope) > BEND * abs(slope))[0]
    end = int(bent[0]) + 1 if bent.size else h.size
    return (h[:end], e[:end]) if end >= FEWEST else (h, e)


def _curved_power_law(h: Array, e: Array) -> tuple[float, float]:
    """(exponent, factor) of e = factor h^exponent exp(c t + c' t^2), with t = h or, for a symmetric formula, t = h^2.

    By least squares, t being whichever fits better. NaN where the branch is too short, or so curved that the exponent
    still moves when the last term is left out, or where the branch does not set out with that slope: then it comes
    from a valley in which the truncation crosses 0.
    """
    if h.size < FEWEST + 2:
        return math.nan, math.nan
    fits = []
    for t in (h / h[-1], (h / h[-1]) ** 2):
        design = np.stack([np.ones_like(h), np.log(h), t, t**2], axis=1)
        shorter, longer = (np.linalg.lstsq(design[:, :terms], np.log(e), rcond=None)[0] for terms in (3, 4))
        fits.append((float(np.linalg.norm(design @ longer - np.log(e))), shorter, longer))
    misfit, shorter, longer = min(fits, key=lambda fit: fit[0])
    first = np.median(np.diff(np.log(e[:FEWEST])) / np.diff(np.log(h[:FEWEST])))
    departs = abs(first - longer[1]) > SETTLED * (1.0 + abs(longer[1]))
    if abs(longer[1] - shorter[1]) > SETTLED or misfit > SETTLED * math.sqrt(h.size) or departs:
        return math.nan, math.nan
    return float(longer[1]), float(np.exp(longer[0]))


def _power_law(h: Array, e: Array) -> tuple[float, float]:
    """(exponent, factor) of e = factor h^exponent; NaN where a branch is too short."""
    if h.size < FEWEST:
        return math.nan, math.nan
    exponent = observed_order(h, e)
    return exponent, float(np.exp(np.median(np.log(e) - exponent * np.log(h))))
