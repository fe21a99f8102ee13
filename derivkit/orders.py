r"""The order of accuracy that a formula shows at a point, beside the one that it claims, and why they differ.

The error of a formula of order p is :math:`\sum_k c_k h^k` for k from p on, by Taylor's series, and rounding. On small
h its slope in logarithms is p; but the first coefficients may vanish at a point, the series may end, or rounding may
take over before the first term reigns. Which of these it is follows from the coefficients and the predicted rounding.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from derivkit.arguments import number, positive
from derivkit.function import Function, function_of
from derivkit.laws import observed_order
from derivkit.numerical.formulas import stencils_of
from derivkit.numerical.stencil import Stencil
from derivkit.predictions import truncation_terms
from derivkit.sweeps import ErrorSweep
from derivkit.trusted.exact import taylor
from derivkit.types import EPS, Array, FunctionLike, Indices, Mask

REASONS = {
    "odd cancellation": "f is symmetric about the point, so that every second term of Taylor's series vanishes",
    "vanishing derivative": "the derivative in the first term of the error is 0 at the point, or nearly",
    "exact formula": "Taylor's series has no further term: the formula is exact here and only rounding is left",
    "rounding reached": "rounding takes over before delta is small enough for the first term to reign",
    "not asymptotic": "the deltas asked for are too large for the first term to reign alone",
    "deltas too small": "the deltas asked for are too small for truncation to stand clear of rounding",
    "domain left": "the stencil leaves the domain before truncation stands clear of rounding",
    "not smooth": "a part of f is not smooth at the point, and its formula gives no derivative that the error needs",
    "no derivative": "f has no derivative that errors could be taken from",
    "no expression": "without an expression Taylor's series of f is not known, by which a slope is explained",
    "unexplained": "none of the above",
}
"""Reasons with their meaning."""

TOLERANCE = 0.1
"""A slope farther than this from the claimed order is off."""
CLEAR = 20.0
"""Truncation is seen where the error is this many times the predicted rounding, which then moves the slope between the
ends of the window by at most 2 / 20 / log 8 = 0.05."""
WINDOW = 4
"""Deltas that give the slope: the smallest that show truncation, which are nearest to the limit. Fewer give none. A
constant without a derivation."""
TERMS = 16
"""Terms of the truncation error that are looked at, from the claimed order on; a constant without a derivation."""
CUT = 0.01
"""Taylor's series is believed where its last two terms are smaller than this share of its largest."""


@dataclass(frozen=True, kw_only=True, eq=False)
class OrderExplanation:
    """The order of accuracy of a formula at a point, as claimed, as observed and as explained.

    Attributes
    ----------
    formula : str
        Its name.
    x : float
        The point.
    order : float
        The order that the formula claims.
    order_here : float
        The first power of delta whose coefficient is not 0 at x; NaN where Taylor's series ends.
    order_observed : float
        The slope of log error against log delta over the deltas where truncation is seen; NaN where these are too few.
    order_predicted : float
        The slope of Taylor's series over the same deltas; NaN where its terms do not suffice.
    verdict : str
        ``as claimed``, ``off`` or ``no slope``.
    reason : str
        Why the slope is not the claimed order, or why there is none: one of REASONS; empty if it is.
    message : str
        The same with the numbers that show it.
    deltas : int
        Deltas whose error is clearly truncation; the smallest of them give the slope.
    smallest_delta, largest_delta : float
        The ends of the slope.
    asymptotic_below : float
        Deltas below this show the first term's slope, by Taylor's coefficients.
    rounding_below : float
        Deltas below this are spoiled by rounding, as predicted.
    delta, error, expected : ndarray, shape ``(n,)``
        All deltas, rising; |estimate - exact|; the truncation of Taylor's series, where this describes it, plus the
        predicted rounding.

    Examples
    --------
    >>> delta = 2.0 ** np.arange(-20.0, 0.0)
    >>> (found,) = explain_order(Function.from_expression("sin(x)"), 1.0, delta, formulas=["central_2"])
    >>> found.order, round(found.order_observed, 2), found.verdict
    (2.0, 2.0, 'as claimed')
    """

    formula: str
    x: float
    order: float
    order_here: float
    order_observed: float
    order_predicted: float
    verdict: str
    reason: str
    message: str
    deltas: int
    smallest_delta: float
    largest_delta: float
    asymptotic_below: float
    rounding_below: float
    delta: Array = field(repr=False)
    error: Array = field(repr=False)
    expected: Array = field(repr=False)

    REASONS: ClassVar[Mapping[str, str]] = REASONS
    TERMS: ClassVar[int] = TERMS
    TOLERANCE: ClassVar[float] = TOLERANCE
    MIN_DELTAS: ClassVar[int] = WINDOW

    @property
    def deviation(self) -> float:
        """order_observed - order."""
        return self.order_observed - self.order


@dataclass(frozen=True, kw_only=True)
class ErrorCurve:
    """The errors of a formula at a point over delta, as measured, with the terms that theory predicts."""

    f: Function
    x: float
    formula: Stencil
    delta: Array
    error: Array
    rounding: Array
    outside: Mask
    terms: Array

    @property
    def powers(self) -> Array:
        """The powers of delta that belong to the terms."""
        return self.formula.order + np.arange(TERMS, dtype=np.float64)

    @property
    def degree(self) -> int:
        """The order of the derivative of f in the first term."""
        return self.formula.derivative + self.formula.order

    @cached_property
    def leading(self) -> int | None:
        """The place of the first term that is not 0, or None."""
        nonzero = np.flatnonzero(self.terms != 0.0)
        return int(nonzero[0]) if nonzero.size else None

    @property
    def clear(self) -> Mask:
        """Where the error is clearly truncation."""
        return np.asarray(self.error >= CLEAR * self.rounding) & (self.error > 0.0)

    @cached_property
    def window(self) -> Indices:
        """The places of the deltas that give the slope."""
        return np.flatnonzero(self.clear)[:WINDOW]

    @cached_property
    def slope(self) -> float:
        """The observed order; NaN where too few deltas show truncation."""
        if self.window.size < WINDOW:
            return math.nan
        return observed_order(self.delta[self.window], self.error[self.window])

    def series(self, delta: Array) -> Array:
        """The truncation error that the terms predict; NaN where the last of them is not small beside the largest."""
        with np.errstate(all="ignore"):
            terms = self.terms * delta[:, None] ** self.powers
            cut = np.max(np.abs(terms[:, -2:]), axis=1) > CUT * np.max(np.abs(terms), axis=1)
            return np.where(cut, np.nan, np.abs(np.sum(terms, axis=1)))

    @cached_property
    def predicted_slope(self) -> float:
        """The slope of Taylor's series over the window; NaN where it is not believed at each of its deltas."""
        delta = self.delta[self.window]
        series = self.series(delta)
        return math.nan if np.any(np.isnan(series)) else observed_order(delta, series)

    @cached_property
    def asymptotic_below(self) -> float:
        """The delta below which the slope of Taylor's series lies within TOLERANCE of its first term's power.

        With r_k the size of term k against the first, q, the slope is off by at most sum (k - q) r_k / (1 - sum r_k).
        That grows with delta, so two scans of its logarithm find where it reaches TOLERANCE. Infinity where there is
        one term only, NaN where there is none.
        """
        if self.leading is None or not np.all(np.isfinite(self.terms)):
            return math.nan
        rest = np.abs(self.terms[self.leading + 1 :]) / abs(self.terms[self.leading])
        ahead = np.arange(1, rest.size + 1)
        if not np.any(rest):
            return math.inf
        low, step = -1000.0, 10.0  # powers of two, first coarse and then fine
        for finer in (200.0, 1.0):
            exponents = low + step * np.arange(201)
            with np.errstate(all="ignore"):
                shares = np.where(rest > 0.0, rest * 2.0 ** (exponents[:, None] * ahead), 0.0)
                settled = np.sum(shares * (ahead + TOLERANCE), axis=1) <= TOLERANCE
            low = float(exponents[max(0, int(np.sum(settled)) - 1)])
            step /= finer
        return float(2.0**low)

    @cached_property
    def rounding_below(self) -> float:
        """The delta at which the first term is CLEAR times the predicted rounding.

        Their quotient grows like delta^(d + q), by which it is extrapolated from the nearest delta whose rounding is
        known.
        """
        if self.leading is None:
            return math.nan
        power = self.powers[self.leading]
        with np.errstate(all="ignore"):
            lead = np.abs(self.terms[self.leading]) * self.delta**power / (CLEAR * self.rounding)
            known = np.flatnonzero(np.isfinite(lead) & (lead > 0.0))
            if not known.size:
                return math.nan
            nearest = known[np.argmin(np.abs(np.log(lead[known])))]
            return float(self.delta[nearest] * lead[nearest] ** (-1.0 / (self.formula.derivative + power)))

    @property
    def explanation(self) -> OrderExplanation:
        """The order as claimed, observed and explained."""
        observed, window = self.slope, self.window
        missing = math.isnan(observed)
        verdict = "no slope" if missing else "off" if abs(observed - self.formula.order) > TOLERANCE else "as claimed"
        reason, why = ("", "") if verdict == "as claimed" else _reason(self)
        return OrderExplanation(
            formula=self.formula.name,
            x=self.x,
            order=float(self.formula.order),
            order_here=math.nan if self.leading is None else float(self.powers[self.leading]),
            order_observed=observed,
            order_predicted=math.nan if missing else self.predicted_slope,
            verdict=verdict,
            reason=reason,
            message=why,
            deltas=int(np.sum(self.clear)),
            smallest_delta=math.nan if missing else float(self.delta[window[0]]),
            largest_delta=math.nan if missing else float(self.delta[window[-1]]),
            asymptotic_below=self.asymptotic_below,
            rounding_below=self.rounding_below,
            delta=self.delta,
            error=self.error,
            expected=self.series(self.delta) + self.rounding,
        )


def measured_rounding(sweep: ErrorSweep) -> Array:
    """Rounding of a black box: the noise of its values in every formula, and the bar of its derivative."""
    x = sweep.x[0]
    noise = max(float(sweep.f.derivative(x, order=sweep.derivative).noise), EPS * abs(sweep.f(x)))
    gains = [sum(abs(float(weight)) for weight in entry.weights) for entry in sweep.formulas]
    return np.asarray(np.array(gains)[:, None] * noise / sweep.delta**sweep.derivative + sweep.reference[1][0])


def error_curves(sweep: ErrorSweep) -> list[ErrorCurve]:
    """The errors of every formula at the one point of a sweep, and what theory knows of them."""
    x = float(sweep.x[0])
    rounding = measured_rounding(sweep) if sweep.f.expression is None else sweep.rounding[0]
    terms = truncation_terms(sweep.f, x, formulas=sweep.formulas, terms=TERMS)
    return [
        ErrorCurve(
            f=sweep.f,
            x=x,
            formula=entry,
            delta=sweep.delta,
            error=sweep.error[0, k],
            rounding=rounding[k],
            outside=sweep.outside[0, k],
            terms=terms[k],
        )
        for k, entry in enumerate(sweep.formulas)
    ]


def explain_order(
    f: FunctionLike,
    x: float,
    delta: ArrayLike,
    *,
    formulas: Sequence[str | Stencil],
) -> tuple[OrderExplanation, ...]:
    """The observed order of every formula at x beside the claimed one, and why the two differ.

    Parameters
    ----------
    f : Function, formula or callable
        Without a formula errors are differences from `dk.derivative`, and a slope is observed but not explained.
    x : float
        The point.
    delta : array_like, shape ``(n,)``
        At least 4 different steps, in x's unit; best powers of two, with which x + delta is not rounded.
    formulas : sequence of str or Stencil
        All for one derivative; for the first if given by name.

    Returns
    -------
    tuple of OrderExplanation
        In the order of the formulas.

    Raises
    ------
    ValueError
        If there are fewer than 4 different deltas.

    Notes
    -----
    The slope is the median of the slopes of all pairs (Theil 1950, Sen 1968) of the smallest deltas at which the error
    stands clear of the predicted rounding.

    Examples
    --------
    >>> found, = explain_order("sin(x)", 0.0, 2.0 ** np.arange(-30, 0), formulas=["forward_1"])
    >>> round(found.order_observed, 1), found.verdict, found.reason
    (2.0, 'off', 'odd cancellation')
    """
    steps = np.unique(positive("delta", delta))
    if steps.size < WINDOW:
        raise ValueError(f"a slope needs at least {WINDOW} different deltas, not {steps.size}")
    sweep = ErrorSweep(function_of(f).remembering, np.array([number("x", x)]), steps, stencils_of(formulas))
    return tuple(curve.explanation for curve in error_curves(sweep))


# Reasons: the first that holds


def _reason(case: ErrorCurve) -> tuple[str, str]:
    """(reason, the same with numbers) of a slope that is not as claimed or is not there."""
    for look in (_black_box, _not_smooth, _exact_formula, _vanishing):
        reason = look(case)
        if reason:
            return reason
    return _out_of_range(case)


def _black_box(case: ErrorCurve) -> tuple[str, str] | None:
    if case.f.expression is not None:
        return None
    if np.all(np.isnan(case.error)):
        said = case.f.derivative(np.array(case.x), order=case.formula.derivative).message
        return "no derivative", str(said).rstrip(".")
    shown = f"{np.count_nonzero(case.clear)} of {case.delta.size} deltas have an error that stands clear of noise"
    return "no expression", f"{shown}; {WINDOW} are needed" if math.isnan(case.slope) else shown


def _not_smooth(case: ErrorCurve) -> tuple[str, str] | None:
    missing = np.flatnonzero(np.isnan(case.terms))
    if not missing.size:
        return None
    unknown = case.formula.derivative if np.all(np.isnan(case.error)) else case.degree + int(missing[0])
    return "not smooth", f"the formula of f gives no f^({unknown}) at x = {case.x:g}, where a part of it is not smooth"


def _exact_formula(case: ErrorCurve) -> tuple[str, str] | None:
    if case.leading is not None:
        return None
    why = (
        f"f^({case.degree}) and the {TERMS - 1} derivatives after it that the formula sees are 0: only rounding is left"
    )
    # Beyond another piece of f the rounding is not known, but it is less than that of the smallest delta.
    spoiled = case.delta[case.error > CLEAR * np.max(case.rounding, where=np.isfinite(case.rounding), initial=0.0)]
    if spoiled.size:
        why += f", until at delta = {spoiled[0]:.3g} the stencil meets another piece of f"
    return "exact formula", why


def _vanishing(case: ErrorCurve) -> tuple[str, str] | None:
    """The first term is 0, or so small that over the window another one is largest, and the slope is that one's."""
    if case.leading is None or math.isnan(case.slope):
        return None
    sizes = np.abs(case.terms) * case.delta[case.window][:, None] ** case.powers
    reigns = np.unique(np.argmax(sizes, axis=1))
    if reigns.size != 1 or reigns[0] == 0 or abs(case.slope - case.powers[reigns[0]]) > TOLERANCE:
        return None
    if case.terms[0] == 0.0:
        return _zero(case)
    share = float(np.max(sizes[:, 0] / sizes[:, reigns[0]]))
    if share > TOLERANCE:
        return None
    return "vanishing derivative", (
        f"f^({case.degree}) is so small that its term is at most {share:.1e} of the term of "
        f"delta^{case.powers[reigns[0]]:.0f}"
    )


def _zero(case: ErrorCurve) -> tuple[str, str]:
    """How to call it that the first term is exactly 0: a symmetry, or that derivative alone."""
    power = f"the error falls like delta^{case.powers[case.leading or 0]:.0f}"
    if case.f.expression is not None:
        series = taylor(case.f.expression, case.x, case.degree + TERMS)
        same = [n for n in range(1, len(series)) if n % 2 == case.degree % 2]
        if all(series[n] == 0.0 for n in same) and any(series[1:]):
            parity = "even" if case.degree % 2 == 0 else "odd"
            why = f"f^({case.degree}) = 0, as is every {parity} derivative at x = {case.x:g}: {power}"
            return "odd cancellation", why
    return "vanishing derivative", f"f^({case.degree}) = 0 at x = {case.x:g}: {power}"


def _out_of_range(case: ErrorCurve) -> tuple[str, str]:
    """Why too few deltas lie where the first term reigns and rounding does not."""
    upper, lower, need = case.asymptotic_below, case.rounding_below, 2.0**WINDOW
    outside = case.delta[case.outside]
    edge = float(outside[0]) if outside.size else math.inf
    first = case.powers[case.leading or 0]
    zero = _zero(case)[1] + "; " if case.terms[0] == 0.0 else ""
    ranges = f"{zero}the term of delta^{first:.0f} reigns below {upper:.1e}, rounding below {lower:.1e}"
    if abs(case.predicted_slope - case.slope) <= TOLERANCE:
        ranges += f"; over these deltas Taylor's series itself has the slope {case.predicted_slope:.2f}"
    if not lower * need <= upper:
        return "rounding reached", ranges
    if edge <= lower * need:
        return "domain left", f"{ranges}, and the stencil leaves the domain at delta = {edge:.1e}"
    if case.delta[-1] < lower * need:
        return "deltas too small", f"{ranges}; the largest delta asked for is {case.delta[-1]:.1e}"
    if case.delta[0] > upper / need:
        return "not asymptotic", f"{ranges}; the smallest delta asked for is {case.delta[0]:.1e}"
    return "unexplained", ranges
