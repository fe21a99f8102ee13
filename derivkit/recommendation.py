r"""The delta to take for a formula, what error to expect there, and why, from values of f alone.

With step h the error of a formula of order p is about :math:`\sum_k |c_k| h^k` for k from p on, by Taylor's series,
plus :math:`S e_f / h^d` from values that are wrong by :math:`e_f`. The best h is where the sum is least (Gill, Murray,
Saunders and Wright, *Computing forward-difference intervals for numerical optimization*, SIAM J. Sci. Stat. Comput. 4,
1983). What they estimate from a few differences is measured here by a `survey`: the noise of the values, Taylor's
coefficients with their bars, and how far f is smooth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from derivkit.arguments import check_function, number, whole
from derivkit.expressions.evaluation import rounded_function
from derivkit.function import function_of
from derivkit.grids import geomspace
from derivkit.numerical.formulas import stencils_of
from derivkit.numerical.rounded import Rounded, extended, rounded_difference
from derivkit.numerical.stencil import Stencil, moment
from derivkit.presentation import Display
from derivkit.surveys import DEVIATIONS, MAX_DEGREE, Survey, survey
from derivkit.types import Array, FunctionLike, Numbers

PRECISIONS = ("float16", "float32", "float64")
"""The floating-point types for which a delta is recommended."""
DELTAS_PER_DECADE = 32
"""Deltas among which the best is looked for; what is recommended has two digits."""
MAX_DECADES = 18
"""Most decades below the largest step among which the best is looked for."""
SAMPLES = 64
"""Points at which the rounding of a precision is measured; they reach over at least as many floats to either side."""
TERMS = 4
"""Terms of the truncation that are reckoned with: the first may vanish."""
HALF_ULP = 0.29
"""Standard deviation of a rounding in units of the last place: 1 / sqrt(12)."""
GROWTH = np.cumprod(np.full(20, 1.5))
"""Factors by which f is followed beyond the window of float64, as long as it is the same polynomial."""
PROBES = 8
"""Values of f that find out whether it takes arrays, and its value at x."""
MIN_BUDGET = 2 * (PROBES + 2 * GROWTH.size + SAMPLES)
"""The derivatives may take half of a budget; the other half holds the probes, the reach and the noise."""

NO_DELTA_HELPS: Mapping[str, str] = {
    "kink": "A smaller delta does not mend that: a forward formula finds the slope of the right, a backward one that "
    "of the left, a central one their mean, which is the slope of neither:",
    "jump": "The smaller delta is, the steeper the line across the jump:",
    "vertical": "The quotients grow without end as delta falls:",
    "unresolved": "Without a scale on which f is smooth nothing tells a good delta from a bad one. Whether the "
    "quotients settle is for the reader to judge:",
    "not_finite": "There is no point of the graph to put a tangent to, whatever a central formula makes of its "
    "neighbours:",
}
"""What follows for every delta from each status without a derivative; quotients follow as evidence."""


def calls_of_recommendations(formulas: Sequence[Stencil], precisions: Sequence[str]) -> int:
    """Most values of f that recommendations take beside those of the derivatives: probes, reach, noise, each formula.

    Examples
    --------
    >>> from derivkit.numerical.formulas import formula
    >>> calls_of_recommendations([formula("central_2")], ["float64"])
    50
    """
    of_formulas = sum(1 for formula in formulas for offset in formula.offsets if offset)
    samples = SAMPLES if set(precisions) != {"float64"} else 0
    return PROBES + 2 * GROWTH.size + samples + of_formulas


@dataclass(frozen=True, kw_only=True)
class ExpectedError:
    """The two parts of the error to be expected, at every delta."""

    delta: Array
    truncation: Array
    rounding: Array

    @property
    def total(self) -> Array:
        """Truncation plus rounding."""
        return np.asarray(self.truncation + self.rounding)


@dataclass(frozen=True, kw_only=True, repr=False)
class Recommendation(Display):
    """The delta to take for a formula at a point.

    Attributes
    ----------
    formula : str
        Its name.
    dtype : str
        The floating-point type in which everything is computed.
    x : float
        The point as this type holds it.
    delta : float
        In x's unit, with two digits; NaN where no delta helps.
    truncation, rounding : float
        The parts of the error to be expected there, in the unit of the derivative.
    message : str
        Why this delta, or why none.

    Examples
    --------
    >>> (best,) = recommend_delta(np.exp, 0.0, formulas=["forward_1"])
    >>> best.delta, best.error < 1e-7
    (1.5e-08, True)
    """

    SHOWN: ClassVar[tuple[str, ...]] = ("formula", "dtype", "x", "delta", "error")
    DETAILS: ClassVar[tuple[str, ...]] = ("truncation", "rounding", "message")

    formula: str
    dtype: str
    x: float
    delta: float
    truncation: float
    rounding: float
    message: str

    @property
    def error(self) -> float:
        """The error to be expected: truncation plus rounding."""
        return self.truncation + self.rounding


@dataclass(frozen=True)
class Precision:
    """A function around a point as a floating-point type computes it; made by `in_precision`."""

    survey: Survey
    dtype: np.dtype[Any]

    @property
    def eps(self) -> float:
        """The distance from 1 to the next number of the type."""
        return float(np.finfo(self.dtype).eps)

    @property
    def spacing(self) -> float:
        """The distance from x to the next number of the type."""
        with np.errstate(all="ignore"):
            return float(np.spacing(np.abs(self.dtype.type(self.survey.x))))

    @cached_property
    def call(self) -> Callable[[Numbers], Numbers]:
        """f in the type: an expression with every operation rounded, anything else with its values rounded."""
        f = self.survey.f
        if f.expression is not None and f.text == str(f.expression):
            return _quiet(rounded_function(f.expression, self.dtype))
        values = self.survey.values
        return _quiet(lambda x: values(x.astype(np.float64)).astype(self.dtype))

    @cached_property
    def reach(self) -> float:
        """How far f follows the polynomial of the survey, as far as this type can tell."""
        around = self.survey
        window = reach = float(around.first.delta)
        for factor in GROWTH:
            t = factor * window * np.array(around.sides)
            off = around.values(around.x + t) - np.polynomial.polynomial.polyval(t, around.significant)
            if not np.all(np.abs(off) <= DEVIATIONS * self.noise):
                break
            reach = float(np.abs(t).max())
        return reach

    @cached_property
    def noise(self) -> float:
        """Standard deviation of the values of f: their own, and what this type adds, measured near x."""
        around, of_values = self.survey, float(self.survey.first.noise)
        if self.dtype == np.float64:
            return of_values
        half = max(float(around.first.delta), SAMPLES * self.spacing)
        lo, hi = max(around.x - half, around.f.domain[0]), min(around.x + half, around.f.domain[1])
        with np.errstate(all="ignore"):
            at = np.unique(np.linspace(lo, hi, SAMPLES).astype(self.dtype))
            off = self.call(at).astype(np.float64) - around.values(at.astype(np.float64))
        off = off[np.isfinite(off)]
        added = math.hypot(*off) / math.sqrt(off.size) if off.size else math.inf
        return math.hypot(of_values, added, HALF_ULP * self.eps * abs(around.coefficients[0][0]))

    @cached_property
    def hindrance(self) -> str:
        """Why nothing can be recommended for any formula; empty if something can."""
        around = self.survey
        if not around.inside:
            return "this precision does not hold the point"
        if str(around.derivatives[1].status) == "unresolved":
            return "no scale was found"
        if around.refused:
            return ": ".join(["no delta helps", str(around.first.status), *around.first.raised[:1]])
        if not around.resolved:
            return "dk.derivative found a bound of the derivative, but no window in which f is smooth"
        if not np.all(np.isfinite(self.call(np.array([around.x]).astype(self.dtype)))):
            return "this precision does not hold the value of f, or what is computed on the way to it"
        return ""

    def difference(self, formula: Stencil, delta: Array, x: float | None = None) -> Rounded:
        """A formula for the first derivative in the arithmetic of the type, at x or at another point.

        Deltas that the type rounds to 0 are vanished steps.
        """
        with np.errstate(all="ignore"):
            at, steps = np.array([self.survey.x if x is None else x]).astype(self.dtype), delta.astype(self.dtype)
            rounded = rounded_difference(self.call, at, steps, formula, self.survey.f.domain)
        return Rounded(estimate=rounded.estimate, vanished=rounded.vanished | (steps == 0), outside=rounded.outside)

    def expected_error(self, formula: Stencil, delta: Array) -> ExpectedError:
        """Truncation |c_p| h^p + |c_(p+1)| h^(p+1) + ... and rounding S e_f / h, from the measured scales.

        c_k is the formula's moment of order k + 1 times the Taylor coefficient of f as measured, its bar added, which
        is not more than would have been seen over the reach; S is the root of the sum of the squared weights, as errors
        of single values are independent. The values are rounded, so are the partial sums, the quotient, and all points
        but the two outermost, whose distance is known. Where the values grow over the step, so does the noise.
        """
        size, bars = np.abs(self.survey.significant), self.survey.coefficients[1]
        p, d = formula.order, formula.derivative
        orders = range(d + p, min(d + p + TERMS, MAX_DEGREE + 1))
        # over the reach nothing was seen above the noise but the polynomial
        doubt = [min(bars[n], 2.0 * DEVIATIONS * self.noise / self.reach**n) for n in orders]
        moments = [abs(float(moment(formula.offsets, formula.weights, n))) for n in orders]
        terms = [m * (size[n] + bar) for n, m, bar in zip(orders, moments, doubt, strict=True)]
        truncation = np.sum([c * delta ** (n - d) for n, c in zip(orders, terms, strict=True)], axis=0)
        return ExpectedError(delta=delta, truncation=truncation, rounding=self._rounding(formula, delta, size))

    def _rounding(self, formula: Stencil, delta: Array, size: Array) -> Array:
        around, unit, weights = self.survey, HALF_ULP * self.eps, np.array([float(w) for w in formula.weights])
        values = np.sum([size[n] * delta**n for n in range(MAX_DEGREE + 1)], axis=0)
        growth = np.maximum(1.0, values / around.largest) if around.largest > 0.0 else 1.0
        sums = np.cumsum(weights)[1:-1]
        points = (weights.size > 2) * unit * (abs(around.x) + delta) * size[1]
        parts = (
            np.linalg.norm(weights) * self.noise * growth,
            np.linalg.norm(sums) * unit * values,
            np.linalg.norm(weights) * points,
        )
        rounding = np.hypot.reduce([part / delta**formula.derivative for part in parts])
        return np.asarray(np.hypot(rounding, unit * size[1]))

    def recommend(self, formula: Stencil) -> Recommendation:
        """The delta with the least expected error, two digits of it, and what is expected there."""
        if self.hindrance:
            return self._nothing(formula, self.hindrance)
        delta = self._best(formula)
        if math.isnan(delta):
            return self._nothing(formula, "floats at x lie too far apart for any step over which f is smooth")
        tried = self.difference(formula, np.array([delta]))
        if tried.vanished[0] and not tried.outside[0]:
            return self._nothing(formula, "step vanished")
        if tried.outside[0] or not np.isfinite(extended(tried.estimate))[0]:
            side = "both sides" if min(formula.offsets) < 0 < max(formula.offsets) else "the other side"
            return self._nothing(formula, f"f has no values on {side} of x")
        expected = self.expected_error(formula, np.array([delta]))
        truncation, rounding = float(expected.truncation[0]), float(expected.rounding[0])
        why = (
            f"a larger delta has more truncation than {truncation:.1e}, a smaller one more rounding than "
            f"{rounding:.1e}: the values have noise of {self.noise:.1e}, and f is smooth as far as {self.reach:.2g}"
        )
        return Recommendation(
            formula=formula.name,
            dtype=self.dtype.name,
            x=self.survey.x,
            delta=delta,
            truncation=truncation,
            rounding=rounding,
            message=why,
        )

    def _best(self, formula: Stencil) -> float:
        """The delta with the least expected error among those with which the formula stays where f is smooth."""
        top = self.reach / max(abs(float(s)) for s in formula.offsets)
        lo, hi = self.survey.f.domain
        for side, room in ((-1.0, self.survey.x - lo), (1.0, hi - self.survey.x)):
            away = max(0.0, *(side * float(s) for s in formula.offsets))
            top = min(top, room / away) if away else top
        least = max(4.0 * self.spacing, top / 10**MAX_DECADES)
        if not least < top:
            return math.nan
        delta = geomspace(least, top, max(2, math.ceil(DELTAS_PER_DECADE * math.log10(top / least))))
        best = float(delta[int(np.argmin(self.expected_error(formula, delta).total))])
        short = float(f"{best:.1e}")
        return short if short <= top else best

    def _nothing(self, formula: Stencil, why: str) -> Recommendation:
        nothing = dict.fromkeys(("delta", "truncation", "rounding"), math.nan)
        return Recommendation(formula=formula.name, dtype=self.dtype.name, x=self.survey.x, message=why, **nothing)


def _quiet(f: Callable[[Numbers], Numbers]) -> Callable[[Numbers], Numbers]:
    def called(x: Numbers) -> Numbers:
        with np.errstate(all="ignore"):
            return f(x)

    return called


def rounded_point(x: float, dtype: DTypeLike) -> float:
    """x as a floating-point type holds it; infinite where it is too large for that."""
    with np.errstate(over="ignore"):
        return float(np.array(x).astype(dtype))


def in_precision(around: Survey, dtype: DTypeLike) -> Precision:
    """A survey in a floating-point type; anew where this holds another point for x."""
    x = rounded_point(around.x, dtype)
    here = around if x == around.x else survey(around.f, x, budget=around.budget)
    return Precision(here, np.dtype(dtype))


def classical_delta(formula: Stencil, x: float, dtype: DTypeLike = np.float64) -> float:
    """The delta eps^(1 / (p + d)) max(1, |x|), the choice where nothing is known of f but that it is of order 1.

    There the truncation h^p and the rounding eps / h^d of a formula of order p for the d-th derivative are alike
    (Press, Teukolsky, Vetterling and Flannery, *Numerical Recipes*, 1992, section 5.7).

    Parameters
    ----------
    formula : Stencil
        Its order and the order of its derivative count.
    x : float
        The point.
    dtype : dtype_like
        The type that f is computed in, whose eps counts.

    Returns
    -------
    float
        In the unit of x.

    Examples
    --------
    >>> from derivkit.numerical.formulas import formula
    >>> classical_delta(formula("forward_1"), 0.5)
    1.4901161193847656e-08
    """
    return float(float(np.finfo(dtype).eps) ** (1.0 / (formula.order + formula.derivative)) * max(1.0, abs(x)))


def recommend_delta(
    f: FunctionLike,
    x: float,
    *,
    formulas: Sequence[str | Stencil] = ("forward_1", "central_2"),
    dtype: DTypeLike = np.float64,
    budget: int = 400,
) -> tuple[Recommendation, ...]:
    """The delta to take for each formula at x, the error to expect there, and why.

    Only values of f decide, so that it serves somebody's own code as well as a formula. Whoever needs no delta of his
    own takes `derivative`, which is more accurate.

    Parameters
    ----------
    f : callable or formula
        Of one number or of an array, or a :class:`Function`, whose domain is never left.
    x : float
        Taken as ``dtype`` holds it.
    formulas : sequence of str or Stencil
        For the first derivative.
    dtype : dtype
        ``float16``, ``float32`` or ``float64``: in which the difference will be computed. A function from an expression
        is looked at with every operation rounded to it, any other with its values rounded.
    budget : int
        Most values of somebody's own code that are taken, the formulas' own at the recommended deltas apart.

    Returns
    -------
    tuple of Recommendation
        In the order of the formulas; ``delta`` is NaN where none helps (a kink, a jump, a vertical tangent, one side
        only) or none can be told, and ``message`` says why.

    Raises
    ------
    ValueError
        If a formula is not for the first derivative, the type is none of these, x lies outside the domain, or the
        budget is too small.

    Notes
    -----
    The expected error is that of independent roundings, and so typical, no bound: `predict_error` gives one where the
    expression is known. Structure that no value shows, as a ripple below the noise, is in neither.

    References
    ----------
    Gill, Murray, Saunders and Wright, "Computing forward-difference intervals for numerical optimization", SIAM J. Sci.
    Stat. Comput. 4 (1983).

    Examples
    --------
    >>> forward, central = recommend_delta(math.exp, 1.0)
    >>> 1e-9 < forward.delta < 1e-7, 1e-6 < central.delta < 1e-4, central.error < forward.error
    (True, True, True)
    >>> recommend_delta(abs, 0.0)[0].message
    'no delta helps: kink'
    """
    chosen, precision = stencils_of(formulas), np.dtype(dtype)
    if precision.name not in PRECISIONS:
        raise ValueError(f"dtype={precision.name}: not known; there are {', '.join(PRECISIONS)}")
    for other in (formula for formula in chosen if formula.derivative != 1):
        raise ValueError(f"{other.name} is for the derivative of order {other.derivative}; write one for the first")
    most = whole("budget", budget, MIN_BUDGET)
    check_function(f, "dk.recommend_delta(math.sin, 1.0)")
    function = function_of(f)
    lo, hi = function.domain
    point = number("x", x)
    if not (lo <= point <= hi and math.isfinite(point)):
        raise ValueError(f"x = {point:g}: no point of the domain [{lo:g}, {hi:g}]; write one that is")
    around = survey(function, rounded_point(point, precision), budget=most // 2 if function.costly else None)
    return tuple(Precision(around, precision).recommend(formula) for formula in chosen)
