"""The observed order of every formula, as a slope on deltas that are powers of two, beside the order that it claims;
where the two differ, the reason, computed from Taylor's series and the predicted rounding.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import derivkit as dk

Columns = Mapping[str, Any]
Array = NDArray[np.float64]
Row = dict[str, Any]

ORDERS: dict[str, tuple[type, str]] = {
    "function": (str, "name of the function"),
    "x": (float, "the point"),
    "method": (str, "the difference formula"),
    "order": (float, "the order of accuracy that the formula claims"),
    "order_here": (float, "the first power of delta whose coefficient is not 0 at x; none where Taylor's series ends"),
    "order_observed": (float, "the slope of log error against log delta over the deltas where truncation is seen"),
    "order_predicted": (float, "the slope of Taylor's series over the same deltas, where its terms suffice"),
}
WHY: dict[str, tuple[type, str]] = {
    "reason": (str, "why the slope is not the claimed order, or why there is none: see REASONS; empty if it is"),
    "why": (str, "the same with the numbers that show it"),
}

TABLES: dict[str, dict[str, tuple[type, str]]] = {
    "table": {
        **ORDERS,
        "deviation": (float, "order_observed - order"),
        "verdict": (str, "as claimed, off, or no slope"),
        **WHY,
        "deltas": (int, "deltas whose error is clearly truncation; the smallest of them give the slope"),
        "smallest_delta": (float, "the smallest delta of the slope"),
        "largest_delta": (float, "the largest delta of the slope"),
        "asymptotic_below": (float, "deltas below this show the first term's slope, by Taylor's coefficients"),
        "rounding_below": (float, "deltas below this are spoiled by rounding, as predicted"),
    },
    "errors": {
        "function": (str, "name of the function"),
        "x": (float, "the point"),
        "method": (str, "the difference formula"),
        "delta": (float, "the step size"),
        "error": (float, "|estimate - exact|"),
        "predicted": (float, "the truncation of Taylor's series, where this describes it, plus the predicted rounding"),
        "bound": (str, "estimated, as the series is cut off"),
    },
    "off": {**ORDERS, **WHY},
    "orders": {
        "family": (str, "forward, backward or central"),
        "order_claimed": (str, "the claimed order as a text"),
        "order": (float, "the claimed order"),
        "order_observed": (float, "the median of the observed orders over all functions and points"),
        "slopes": (int, "how many slopes were observed"),
    },
    "summary": {
        "method": (str, "the difference formula"),
        "order": (float, "the order of accuracy that it claims"),
        "median_observed": (float, "the median of the observed orders"),
        "as_claimed": (int, "slopes within 0.1 of the claimed order"),
        "off": (int, "slopes farther away"),
        "no_slope": (int, "functions and points that show no slope"),
        "main_reason": (str, "the most frequent reason of what is off or has no slope"),
    },
    "findings": {"finding": (str, "what the tables say, in a sentence")},
}

KEYS = ("function", "x", "method")
"""What tells the rows of the table apart when runs are compared."""

TOLERANCES: Mapping[str, Mapping[str, object]] = {
    **{key: {"absolute": 0.05} for key in ("order_observed", "deviation")},
    **{key: {"follows": ("order_observed",)} for key in ("verdict", "reason", "why")},
}
"""By how much rounding may move a column when a run is repeated: a slope by what CLEAR says."""

REASONS = {
    "odd cancellation": "f is symmetric about the point, so that every second term of Taylor's series vanishes",
    "vanishing derivative": "the derivative in the first term of the error is 0 at the point, or nearly",
    "exact formula": "Taylor's series has no further term: the formula is exact here and only rounding is left",
    "rounding reached": "rounding takes over before delta is small enough for the first term to reign",
    "not asymptotic": "the deltas asked for are too large for the first term to reign alone",
    "deltas too small": "the deltas asked for are too small for truncation to stand clear of rounding",
    "domain left": "the stencil leaves the domain before truncation stands clear of rounding",
    "kink": "a derivative that the error needs does not exist at the point",
    "no exact value": "no expression is known, so there is no error",
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
PICTURED = 3
"""Points per job whose errors are kept for the figure."""
FAMILIES = ("forward", "backward", "central")


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to compute: every function at its points, by every method, on deltas that are powers of two."""

    function: tuple[dk.Problem, ...]
    method: tuple[str, ...] = ("forward_1", "central_2")
    delta: tuple[float, ...] = tuple(2.0**-k for k in range(1, 31))
    derivative: int = 1

    def __post_init__(self) -> None:
        if not (self.function and self.method):
            raise ValueError("at least one function and one method are needed")
        if len(set(self.delta)) < WINDOW:
            raise ValueError(f"a slope needs at least {WINDOW} different deltas; write delta=${{powers_of_two:-30,-1}}")
        for step in self.delta:
            if math.frexp(step)[0] != 0.5:
                raise ValueError(
                    f"delta={step:g}: not a power of two, so that x + delta would be rounded; "
                    "write delta=${powers_of_two:-30,-1}"
                )
        for name in self.method:
            dk.formula(name, self.derivative)

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        return sum(len(problem.points) for problem in self.function) * len(self.method)


def run(config: Config) -> Iterator[tuple[str, Columns]]:
    """Yield the rows of one function at a time, and the errors of the first points."""
    formulas = [dk.formula(name, config.derivative) for name in config.method]
    delta = np.unique(config.delta)
    for index, problem in enumerate(config.function):
        cases = [case for x in problem.points for case in _cases(problem.function, x, delta, formulas)]
        yield "table", _columns([_row(case) for case in cases], "table")
        if index < PICTURED:
            drawn = [case for case in cases if case.x == problem.points[0]]
            yield "errors", _errors(_fan(drawn))


@dataclass(frozen=True, kw_only=True)
class Case:
    """A formula at a point: the errors measured, and what theory knows of them."""

    f: dk.Function
    x: float
    formula: dk.Stencil
    delta: Array
    error: Array
    rounding: Array
    outside: NDArray[np.bool_]
    terms: Array

    @property
    def powers(self) -> Array:
        """The powers of delta that belong to the terms."""
        return self.formula.order + np.arange(TERMS, dtype=np.float64)

    @property
    def leading(self) -> int | None:
        """The place of the first term that is not 0, or None."""
        found = np.flatnonzero(self.terms != 0.0)
        return int(found[0]) if found.size else None

    @property
    def clear(self) -> NDArray[np.bool_]:
        """Where the error is clearly truncation."""
        return np.asarray(self.error >= CLEAR * self.rounding) & (self.error > 0.0)

    def series(self, delta: Array) -> Array:
        """The truncation error that the terms predict; NaN where the last of them is not small beside the largest."""
        with np.errstate(all="ignore"):
            terms = self.terms * delta[:, None] ** self.powers
            cut = np.max(np.abs(terms[:, -2:]), axis=1) > CUT * np.max(np.abs(terms), axis=1)
            return np.where(cut, np.nan, np.abs(np.sum(terms, axis=1)))


def _cases(f: dk.Function, x: float, delta: Array, formulas: Sequence[dk.Stencil]) -> list[Case]:
    exact = float(f.exact_derivative(np.array(x), order=formulas[0].derivative))
    estimates = dk.sweep(f, [x], delta, formulas=formulas).estimate[:, 0]
    predictions = dk.predict_error(f, x, delta, formulas=formulas)
    terms = dk.truncation_terms(f, x, formulas=formulas, terms=TERMS)
    lo, hi = f.domain
    return [
        Case(
            f=f,
            x=x,
            formula=entry,
            delta=delta,
            error=dk.absolute_error(estimates[k], exact),
            rounding=predictions[k].rounding,
            outside=(x + float(entry.offsets[0]) * delta < lo) | (x + float(entry.offsets[-1]) * delta > hi),
            terms=terms[k],
        )
        for k, entry in enumerate(formulas)
    ]


def _row(case: Case) -> Row:
    """Everything said of one formula at one point."""
    window = np.flatnonzero(case.clear)[:WINDOW]
    delta = case.delta[window]
    enough = delta.size >= WINDOW
    observed = dk.observed_order(delta, case.error[window]) if enough else math.nan
    predicted = _order_predicted(case, delta) if enough else math.nan
    deviation = observed - case.formula.order
    verdict = "no slope" if math.isnan(observed) else "off" if abs(deviation) > TOLERANCE else "as claimed"
    upper, lower = _asymptotic_below(case), _rounding_below(case)
    reason, why = ("", "") if verdict == "as claimed" else _explain(case, observed, window, upper, lower)
    return {
        "function": case.f.name,
        "x": case.x,
        "method": case.formula.name,
        "order": float(case.formula.order),
        "order_here": math.nan if case.leading is None else case.powers[case.leading],
        "order_observed": observed,
        "order_predicted": predicted,
        "deviation": deviation,
        "verdict": verdict,
        "reason": reason,
        "why": why,
        "deltas": int(np.sum(case.clear)),
        "smallest_delta": delta[0] if enough else math.nan,
        "largest_delta": delta[-1] if enough else math.nan,
        "asymptotic_below": upper,
        "rounding_below": lower,
    }


def _order_predicted(case: Case, delta: Array) -> float:
    """The slope of Taylor's series over some deltas; NaN where it is not believed at each of them."""
    series = case.series(delta)
    return math.nan if np.any(np.isnan(series)) else dk.observed_order(delta, series)


def _asymptotic_below(case: Case) -> float:
    """The delta below which the slope of Taylor's series lies within TOLERANCE of its first term's power.

    With r_k the size of term k against the first, q, the slope is off by at most sum (k - q) r_k / (1 - sum r_k). That
    grows with delta, so two scans of its logarithm find where it reaches TOLERANCE. Infinity where there is
    one term only, NaN where there is none.
    """
    if case.leading is None or not np.all(np.isfinite(case.terms)):
        return math.nan
    rest = np.abs(case.terms[case.leading + 1 :]) / abs(case.terms[case.leading])
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


def _rounding_below(case: Case) -> float:
    """The delta at which the first term is CLEAR times the predicted rounding.

    Their quotient grows like delta^(d + q), by which it is extrapolated from the nearest delta whose rounding is known.
    """
    if case.leading is None:
        return math.nan
    power = case.powers[case.leading]
    with np.errstate(all="ignore"):
        lead = np.abs(case.terms[case.leading]) * case.delta**power / (CLEAR * case.rounding)
        known = np.flatnonzero(np.isfinite(lead) & (lead > 0.0))
        if not known.size:
            return math.nan
        nearest = known[np.argmin(np.abs(np.log(lead[known])))]
        return float(case.delta[nearest] * lead[nearest] ** (-1.0 / (case.formula.derivative + power)))


def _explain(case: Case, observed: float, window: NDArray[np.intp], upper: float, lower: float) -> tuple[str, str]:
    """(reason, the same with numbers) of a slope that is not as claimed or is not there; the first that holds."""
    for look in (_no_exact_value, _kink, _exact_formula, _vanishing):
        found = look(case, observed, window)
        if found:
            return found
    return _out_of_range(case, observed, window, upper, lower)


def _no_exact_value(case: Case, observed: float, window: NDArray[np.intp]) -> tuple[str, str] | None:
    del observed, window
    if case.f.expression is not None:
        return None
    return "no exact value", "no expression is known for it, so that no error can be measured"


def _kink(case: Case, observed: float, window: NDArray[np.intp]) -> tuple[str, str] | None:
    del observed, window
    missing = np.flatnonzero(np.isnan(case.terms))
    if not missing.size:
        return None
    if np.all(np.isnan(case.error)) and case.f.expression is not None:
        return "kink", f"f^({case.formula.derivative}) does not exist at x = {case.x:g}"
    degree = case.formula.derivative + case.formula.order + int(missing[0])
    return "kink", f"f^({degree}), which the error needs, does not exist at x = {case.x:g}"


def _exact_formula(case: Case, observed: float, window: NDArray[np.intp]) -> tuple[str, str] | None:
    del observed, window
    if case.leading is not None:
        return None
    degree = case.formula.derivative + case.formula.order
    why = f"f^({degree}) and the {TERMS - 1} derivatives after it that the formula sees are 0: only rounding is left"
    # Beyond another piece of f the rounding is not known, but it is less than that of the smallest delta.
    spoiled = case.delta[case.error > CLEAR * np.max(case.rounding, where=np.isfinite(case.rounding), initial=0.0)]
    if spoiled.size:
        why += f", until at delta = {spoiled[0]:.3g} the stencil meets another piece of f"
    return "exact formula", why


def _vanishing(case: Case, observed: float, window: NDArray[np.intp]) -> tuple[str, str] | None:
    """The first term is 0, or so small that over the window another one is largest, and the slope is that one's."""
    if case.leading is None or math.isnan(observed):
        return None
    sizes = np.abs(case.terms) * case.delta[window][:, None] ** case.powers
    reigns = np.unique(np.argmax(sizes, axis=1))
    if reigns.size != 1 or reigns[0] == 0 or abs(observed - case.powers[reigns[0]]) > TOLERANCE:
        return None
    degree = case.formula.derivative + case.formula.order
    if case.terms[0] != 0.0:
        share = float(np.max(sizes[:, 0] / sizes[:, reigns[0]]))
        if share > TOLERANCE:
            return None
        return "vanishing derivative", (
            f"f^({degree}) is so small that its term is at most {share:.1e} of the term of "
            f"delta^{case.powers[reigns[0]]:.0f}"
        )
    return _zero(case, degree)


def _zero(case: Case, degree: int) -> tuple[str, str]:
    """How to call it that the first term is exactly 0: a symmetry, or that derivative alone."""
    power = f"the error falls like delta^{case.powers[case.leading or 0]:.0f}"
    if case.f.expression is not None:
        series = dk.taylor(case.f.expression, case.x, degree + TERMS)
        same = [n for n in range(1, len(series)) if n % 2 == degree % 2]
        if all(series[n] == 0.0 for n in same) and any(series[1:]):
            parity = "even" if degree % 2 == 0 else "odd"
            return "odd cancellation", f"f^({degree}) = 0, as is every {parity} derivative at x = {case.x:g}: {power}"
    return "vanishing derivative", f"f^({degree}) = 0 at x = {case.x:g}: {power}"


def _out_of_range(case: Case, observed: float, window: NDArray[np.intp], upper: float, lower: float) -> tuple[str, str]:
    """Why too few deltas lie where the first term reigns and rounding does not."""
    need = 2.0**WINDOW
    outside = case.delta[case.outside]
    edge = float(outside[0]) if outside.size else math.inf
    first = case.powers[case.leading or 0]
    zero = _zero(case, case.formula.derivative + case.formula.order)[1] + "; " if case.terms[0] == 0.0 else ""
    says = f"{zero}the term of delta^{first:.0f} reigns below {upper:.1e}, rounding below {lower:.1e}"
    slope = _order_predicted(case, case.delta[window])
    if abs(slope - observed) <= TOLERANCE:
        says += f"; over these deltas Taylor's series itself has the slope {slope:.2f}"
    if not lower * need <= upper:
        return "rounding reached", says
    if edge <= lower * need:
        return "domain left", f"{says}, and the stencil leaves the domain at delta = {edge:.1e}"
    if case.delta[-1] < lower * need:
        return "deltas too small", f"{says}; the largest delta asked for is {case.delta[-1]:.1e}"
    if case.delta[0] > upper / need:
        return "not asymptotic", f"{says}; the smallest delta asked for is {case.delta[0]:.1e}"
    return "unexplained", says


def _columns(rows: Sequence[Row], table: str) -> Columns:
    return {
        name: [row[name] for row in rows] if kind is str else np.array([row[name] for row in rows], dtype=kind)
        for name, (kind, _) in TABLES[table].items()
    }


def _fan(cases: Sequence[Case]) -> list[Case]:
    """The first formula of order 1 and of every even order: a fan of slopes that can still be told apart."""
    first: dict[int, Case] = {}
    for case in cases:
        first.setdefault(case.formula.order, case)
    return [first[order] for order in sorted(first) if order == 1 or order % 2 == 0] or list(cases)


def _errors(cases: Sequence[Case]) -> Columns:
    rows = [
        {
            "function": case.f.name,
            "x": case.x,
            "method": case.formula.name,
            "delta": step,
            "error": error,
            "predicted": predicted,
            "bound": "estimated",
        }
        for case in cases
        for step, error, predicted in zip(case.delta, case.error, case.series(case.delta) + case.rounding, strict=True)
    ]
    return _columns(rows, "errors")


# What the whole run says


def conclude(tables: Mapping[str, Columns]) -> Iterator[tuple[str, Columns]]:
    """Yield what is off and why, the orders over all functions, the summary per formula, and findings."""
    rows = _distinct(tables["table"])
    yield "off", _columns([row for row in rows if row["verdict"] != "as claimed"], "off")
    yield "orders", _columns(_orders(rows), "orders")
    yield (
        "summary",
        _columns([_summary(method, rows) for method in dict.fromkeys(r["method"] for r in rows)], "summary"),
    )
    yield "findings", {"finding": list(_findings(rows))}


def _distinct(table: Columns) -> list[Row]:
    names = list(TABLES["table"])
    return [dict(zip(names, values, strict=True)) for values in zip(*(table[name] for name in names), strict=True)]


def _median(values: Sequence[float]) -> float:
    seen = [value for value in values if not math.isnan(value)]
    return float(np.median(seen)) if seen else math.nan


def _orders(rows: Sequence[Row]) -> list[Row]:
    found = []
    for family in FAMILIES:
        own = [row for row in rows if row["method"].startswith(family)]
        for order in sorted({row["order"] for row in own}):
            seen = [row["order_observed"] for row in own if row["order"] == order]
            found.append(
                {
                    "family": family,
                    "order_claimed": f"order {order:.0f}",
                    "order": order,
                    "order_observed": _median(seen),
                    "slopes": sum(not math.isnan(value) for value in seen),
                }
            )
    return found


def _summary(method: str, rows: Sequence[Row]) -> Row:
    own = [row for row in rows if row["method"] == method]
    verdicts = Counter(row["verdict"] for row in own)
    reasons = Counter(row["reason"] for row in own if row["reason"]).most_common(1)
    return {
        "method": method,
        "order": own[0]["order"],
        "median_observed": _median([row["order_observed"] for row in own]),
        "as_claimed": verdicts["as claimed"],
        "off": verdicts["off"],
        "no_slope": verdicts["no slope"],
        "main_reason": f"{reasons[0][0]} ({reasons[0][1]})" if reasons else "",
    }


def _findings(rows: Sequence[Row]) -> Iterator[str]:
    verdicts = Counter(row["verdict"] for row in rows)
    seen = verdicts["as claimed"] + verdicts["off"]
    yield (
        f"{seen} of {len(rows)} formulas at a point show a slope; {verdicts['as claimed']} lie within {TOLERANCE} of "
        f"the claimed order, {verdicts['off']} do not."
    )
    off = [row for row in rows if row["verdict"] == "off"]
    told = sum(abs(row["order_observed"] - row["order_predicted"]) <= TOLERANCE for row in off)
    if off:
        known = sum(not math.isnan(row["order_predicted"]) for row in off)
        yield (
            f"Of the {len(off)} slopes that are off, {known} lie where {TERMS} terms of Taylor's series suffice; for "
            f"{told} of these the series has the same slope, within {TOLERANCE}."
        )
    yield from _by_order(rows)
    for verdict in ("off", "no slope"):
        for reason, count in Counter(row["reason"] for row in rows if row["verdict"] == verdict).most_common():
            row = next(row for row in rows if row["verdict"] == verdict and row["reason"] == reason)
            slope = f" (slope {row['order_observed']:.2f} instead of {row['order']:.0f})" if verdict == "off" else ""
            yield (
                f"{count} {verdict}: {reason}, {REASONS[reason]}. For example {row['method']} for {row['function']} at "
                f"x = {row['x']:.6g}{slope}: {row['why']}."
            )


def _by_order(rows: Sequence[Row]) -> Iterator[str]:
    """How the share of slopes as claimed falls with the order, as high orders leave no room above rounding."""
    shares = []
    for order in sorted({row["order"] for row in rows}):
        seen = [row["verdict"] for row in rows if row["order"] == order and row["verdict"] != "no slope"]
        if seen:
            shares.append(f"{order:.0f}: {seen.count('as claimed') / len(seen):.0%} of {len(seen)}")
    if len(shares) > 1:
        yield f"Slopes as claimed, by claimed order: {', '.join(shares)}."
