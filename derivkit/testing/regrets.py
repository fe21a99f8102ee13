"""How much worse the error at a recommended delta is than that of the best of all deltas, which only a sweep knows.

Single rounding errors hit 0 by luck, and at points such as 1, where f and its slope are short binary numbers, whole
decades of deltas do. So errors are root mean squares over the half decade up to a delta, and the best is that of x or
of points near x, whichever is larger.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from derivkit import sweeps
from derivkit.errors import BELOW, root_mean_square
from derivkit.grids import geomspace
from derivkit.numerical.adaptive import derivative
from derivkit.numerical.rounded import extended
from derivkit.numerical.stencil import Stencil
from derivkit.predictions import predict_optimum
from derivkit.recommendation import MAX_DECADES, SAMPLES, Precision, Recommendation
from derivkit.types import Array, Codes

Point = tuple[float, float, float]
"""A point, the derivative to judge by there, and how far off that may be."""

STATUSES = (*sweeps.STATUSES[:4], "no_derivative", "below_bar")
"""Why there is no error: a point of the formula lies outside the domain; two coincide; f or the quotient is not finite;
no derivative is known; the distance from the trusted derivative is within the bar of that."""
OK, OUTSIDE, VANISHED, NOT_FINITE, NO_DERIVATIVE, BELOW_BAR = range(6)
NEARBY = (-0.37, -0.21, -0.083, 0.0, 0.119, 0.24, 0.41)
"""Points over which a typical error is taken, in units of the reach."""
MAX_DOUBT = 10.0
"""A point near x is left out if its derivative is less well known by this factor than the one at x."""
BEYOND = 8.0
"""How far a sweep goes, in units of the reach."""


@dataclass(frozen=True, kw_only=True)
class RoundedSweep:
    """Estimates of a formula in a precision and their errors; arrays over the deltas.

    Attributes
    ----------
    delta, estimate : ndarray
    error : ndarray
        Distance from the trusted derivative; NaN where there is none.
    status : ndarray of int
        Indices into STATUSES.
    """

    delta: Array
    estimate: Array
    error: Array
    status: Codes

    @property
    def counted(self) -> Array:
        """The errors, no estimate being worse than any."""
        return np.where(np.isnan(self.error), np.inf, self.error)


@dataclass(frozen=True, kw_only=True)
class Regret:
    """What a recommendation is worth.

    Attributes
    ----------
    measured : float
        The error at this very delta; NaN where it is below the bar of the trusted derivative.
    typical : float
        Root mean square error over the half decade up to it, at x or at points near x, whichever is larger.
    best_delta, best : float
        The delta with the least typical error, of the sweep and the recommended one, and that error.
    luckiest : float
        The least error of any single delta.
    ratio : float
        typical / best, no error counted as less than the precision can tell; 1 where no delta does better.
    below_bar : float
        The bar of the trusted derivative where the error is below it, else NaN.
    theory_delta, theory : float
        The best delta by what is known of the expression, and its error; NaN in any other type than float64, and where
        rounding does not grow below it.
    """

    measured: float
    typical: float
    best_delta: float
    best: float
    luckiest: float
    ratio: float
    below_bar: float
    theory_delta: float
    theory: float


def sweep_deltas(place: Precision, count: int) -> Array:
    """So many deltas, from the spacing of floats at x to beyond the reach."""
    around = place.survey
    if not around.inside:
        return geomspace(place.eps, 1.0, count)
    top = BEYOND * place.reach if around.resolved else max(1.0, abs(around.x))
    return geomspace(max(place.spacing, top / 10**MAX_DECADES), top, count)


def rounded_sweep(place: Precision, formula: Stencil, delta: Array, at: Point | None = None) -> RoundedSweep:
    """A formula in a precision at many deltas, and its distance from the trusted derivative, at x or at another point.

    Examples
    --------
    >>> from derivkit.numerical.formulas import formula
    >>> from derivkit.recommendation import in_precision
    >>> from derivkit.surveys import survey
    >>> place = in_precision(survey(math.exp, 0.0), "float64")
    >>> found = rounded_sweep(place, formula("forward_1"), np.array([1e-2, 1e-4]))
    >>> [f"{error:.1g}" for error in found.error]
    ['0.005', '5e-05']
    """
    x, trusted, bar = at or (place.survey.x, *place.survey.trusted)
    quotients = place.difference(formula, delta, x)
    estimate = extended(quotients.estimate)
    with np.errstate(all="ignore"):
        error = np.abs(estimate - np.longdouble(trusted)).astype(np.float64)
    reasons = [
        quotients.outside,
        quotients.vanished,
        ~np.isfinite(estimate),
        np.isnan(error),
        (error <= bar) & (bar > 0.0),
    ]
    status = sweeps.first_reason(*reasons)
    finite = ~np.isin(status, (OUTSIDE, VANISHED, NOT_FINITE))
    return RoundedSweep(
        delta=delta,
        estimate=np.where(finite, estimate.astype(np.float64), np.nan),
        error=np.where(status == OK, error, np.nan),
        status=status,
    )


def regret(place: Precision, recommendation: Recommendation, formula: Stencil, swept: RoundedSweep) -> Regret:
    """Compare the error at a recommended delta with the best of a sweep of the same formula.

    Somebody's own code is judged by the sweep alone, so that it is called no more often.

    Parameters
    ----------
    place : Precision
        The function around a point, as a floating-point type computes it.
    recommendation : Recommendation
        With a delta.
    formula : Stencil
        The formula of the recommendation.
    swept : RoundedSweep
        Its errors at many deltas.

    Returns
    -------
    Regret
    """
    delta = np.array([recommendation.delta])
    chosen = rounded_sweep(place, formula, delta)
    trusted, bar = place.survey.trusted
    if place.survey.f.costly:
        everywhere = _near(swept, chosen, bar)
    else:
        here, tried = [(place.survey.x, trusted, bar)], np.append(swept.delta, delta)
        everywhere = np.maximum(*(_typical(place, formula, tried, points) for points in (here, _nearby(place))))
    typical, best = float(everywhere[-1]), float(everywhere.min())
    # no quotient of this precision is better than half its last place, and no error is told below the bar
    floor = max(0.5 * place.eps * abs(trusted), bar, float(np.finfo(place.dtype).smallest_subnormal))
    with np.errstate(over="ignore"):
        ratio = np.maximum(np.float64(typical), floor) / max(best, floor)
    theory_delta, theory = _theory(place, formula)
    return Regret(
        measured=float(chosen.error[0]),
        typical=typical,
        best_delta=float(np.max(np.append(swept.delta, delta)[everywhere == best])),
        best=best,
        luckiest=float(np.nanmin(swept.error)) if np.any(~np.isnan(swept.error)) else math.nan,
        ratio=float(ratio),
        below_bar=bar if chosen.status[0] == BELOW_BAR else math.nan,
        theory_delta=theory_delta,
        theory=theory,
    )


def _theory(place: Precision, formula: Stencil) -> tuple[float, float]:
    """The best delta by what is known of the expression, and its error; NaN in any other type than float64."""
    if place.dtype != np.float64:
        return math.nan, math.nan
    (known,) = predict_optimum(place.survey.f, place.survey.x, formulas=[formula])
    return (float(known.delta), float(known.error)) if known.balanced else (math.nan, math.nan)


def _nearby(place: Precision) -> list[Point]:
    """Points around x that the precision holds, with the trusted derivative and its bar; x alone beside an end."""
    around = place.survey
    wide = max(float(around.first.delta), 2.0 * SAMPLES * place.spacing)
    if around.sides != (1, -1) or place.reach < wide:
        return [(around.x, *around.trusted)]
    with np.errstate(all="ignore"):
        x = np.unique((around.x + wide * np.array(NEARBY)).astype(place.dtype)).astype(np.float64)
    x = x[(x >= around.f.domain[0]) & (x <= around.f.domain[1])]
    if around.f.expression is not None:
        value, bar = around.f.exact_derivative(x), np.zeros(x.shape)
    else:
        measured = derivative(around.values, x, domain=around.f.domain)
        value, bar = measured.value, measured.error
    known = np.isfinite(value) & (bar <= MAX_DOUBT * around.trusted[1])
    return [(float(p), float(v), float(b)) for p, v, b in zip(x[known], value[known], bar[known], strict=True)]


def _typical(place: Precision, formula: Stencil, delta: Array, points: Sequence[Point]) -> Array:
    """Root mean square of the errors over the half decade up to every delta, at all of the points together.

    Errors that are too small to be told count as the bar, steps that leave the domain not at all.
    """
    wanted = (delta[:, None] * BELOW).ravel()
    parts = []
    for at in points:
        swept = rounded_sweep(place, formula, wanted, at)
        errors = np.where(swept.status == BELOW_BAR, at[2], swept.counted)
        parts.append(np.where(swept.status == OUTSIDE, np.nan, errors).reshape(delta.size, BELOW.size))
    errors = np.concatenate(parts, axis=1)
    usable = ~np.isnan(errors)
    return np.where(2 * usable.sum(axis=1) >= errors.shape[1], root_mean_square(errors), np.inf)


def _near(swept: RoundedSweep, chosen: RoundedSweep, bar: float) -> Array:
    """Root mean square of the errors of a sweep within half a decade of each of its deltas, of the chosen one last."""
    delta = np.append(swept.delta, chosen.delta)
    status = np.append(swept.status, chosen.status)
    errors = np.where(status == BELOW_BAR, bar, np.append(swept.counted, chosen.counted))
    near = (np.abs(np.log10(delta[:, None] / delta)) <= 0.5) & (status != OUTSIDE)
    with np.errstate(all="ignore"):
        return np.array([math.hypot(*errors[row]) / math.sqrt(row.sum()) if row.any() else math.inf for row in near])
