"""What a precision costs: the same deltas in float16, bfloat16, float32, float64 and longdouble beside eps^(1/2) and
eps^(1/3), and for float16 every x that there is against every power of two: the whole dilemma of a delta.

All arithmetic is really done in the precision: x, delta, x + delta, every operation of f, the differences and the
quotient are rounded to it. NumPy computes + - * / of float16 in float32 and rounds once, which is the correctly rounded
result; elementary functions (exp, sin, powers) are computed in float64 and rounded once, see
:func:`derivkit.expressions.evaluation.rounded_function`.
"""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from derivkit.expressions.evaluation import rounded_function, significand
from derivkit.numerical.rounded import Rounded, extended, inside, rounded_difference
from derivkit.trusted.exact import high_precision_series
from experiments.words import percent

Columns = Mapping[str, Any]
Array = NDArray[np.float64]

TABLES: dict[str, dict[str, tuple[type, str]]] = {
    "table": {
        "function": (str, "name of the function"),
        "expression": (str, "what it computes"),
        "x": (float, "the point as this precision holds it"),
        "precision": (str, "the floating-point type in which everything is computed"),
        "method": (str, "the difference formula"),
        "delta": (float, "the step size asked for"),
        "estimate": (float, "the numerical derivative, divided by the step really taken"),
        "exact": (float, "the derivative at x, proved to be the nearest double"),
        "error": (float, "|estimate - derivative|, the derivative with twice the digits of a double"),
        "rounding": (float, "how far rounding may take the estimate: that in float64, in units of this precision"),
        "status": (str, "ok, or why there is no error: see STATUSES"),
    },
    "types": {
        "precision": (str, "the floating-point type"),
        "bits": (float, "significant bits; none for a type that is not there"),
        "eps": (float, "the distance from 1 to the next number, 2^(1 - bits)"),
        "least": (float, "the least positive number; none where a double cannot hold it"),
        "note": (str, "why a type is left out"),
    },
    "map": {
        "function": (str, "name of the function"),
        "method": (str, "the difference formula, in float16"),
        "size": (float, "2^e for all x with 2^e <= |x| < 2^(e + 1), of both signs; 0 for 0 and -0"),
        "delta": (float, "the step, a power of two"),
        "numbers": (int, "float16 numbers x of this size within the domain"),
        "count": (int, "those whose derivative float16 can hold, other than as 0: all else is about these"),
        "median": (
            float,
            "median relative error over these x, no estimate being worse than any; none if half have none",
        ),
        "worst": (float, "the largest relative error among the estimates that there are"),
        "good": (float, "share of x with a relative error of at most GOOD"),
        "vanished": (float, "share of x at which two points of the formula coincide"),
        "not_finite": (float, "share of x at which the domain is left, or a point, a value or the quotient overflows"),
        "state": (str, "ok, or what happens most where there is no median"),
    },
    "typical": {
        "function": (str, "name of the function"),
        "method": (str, "the difference formula"),
        "precision": (str, "the floating-point type"),
        "delta": (float, "the step size"),
        "median": (float, "median error over the points, no estimate being worse than any; none if half have none"),
        "worst": (float, "the largest error over the points"),
    },
    "optimum": {
        "function": (str, "name of the function"),
        "method": (str, "the difference formula"),
        "precision": (str, "the floating-point type"),
        "eps": (float, "its eps"),
        "delta": (float, "the delta with the smallest median error"),
        "theory_delta": (float, "eps^(1 / (p + 1)) for a formula of order p"),
        "error": (float, "the median error there"),
        "theory_error": (float, "eps^(p / (p + 1))"),
    },
    "exponents": {
        "function": (str, "name of the function"),
        "method": (str, "the difference formula"),
        "precisions": (int, "how many precisions the fit has"),
        "delta_observed": (float, "a in best delta = c eps^a, fitted over the precisions"),
        "delta_theory": (float, "1 / (p + 1)"),
        "error_observed": (float, "b in smallest error = c eps^b"),
        "error_theory": (float, "p / (p + 1)"),
    },
    "shares": {
        "function": (str, "name of the function"),
        "method": (str, "the difference formula, in float16"),
        "outcome": (str, "what becomes of an x: see OUTCOMES"),
        "exponent": (float, "log2 of delta"),
        "share": (float, "share of all x that are counted in the map"),
    },
    "summary": {
        "function": (str, "name of the function"),
        "method": (str, "the difference formula"),
        "precision": (str, "the floating-point type"),
        "eps": (float, "its eps"),
        "best_delta": (float, "the delta with the smallest median error"),
        "theory_delta": (float, "eps^(1 / (p + 1)): eps^(1/2) for forward_1, eps^(1/3) for central_2"),
        "smallest_error": (float, "the median error there"),
        "theory_error": (float, "eps^(p / (p + 1))"),
    },
    "findings": {"finding": (str, "what the tables say, in a sentence")},
}

KEYS = ("function", "x", "precision", "method", "delta")
"""What tells the rows of the table apart when runs are compared."""
ERRORS = {"error": ("estimate", "exact")}
"""A column that is proportional to the distance of two others, and moves when these do."""
TOLERANCES: Mapping[str, Mapping[str, object]] = {"estimate": {"column": "rounding"}, "rounding": {"relative": 0.01}}
"""By how much rounding may move a column when a run is repeated. Of derivatives in float64 one percent is believed
(derivkit.trusted.bounds.DISAGREEMENT)."""

PRECISIONS = ("float16", "bfloat16", "float32", "float64", "longdouble")
REGISTERED = {"bfloat16": "ml_dtypes"}
"""Types that NumPy learns from another package, which need not be installed."""
STATUSES = ("ok", "outside_domain", "step_vanished", "not_finite", "no_exact")
STATES = ("ok", "the step vanishes", "not finite", "no derivative in its range")
OUTCOMES = ("error at most 10 %", "error above 10 %", "the step vanishes", "not finite")
GOOD = 0.1
"""A derivative right to one digit: what an optimizer that only needs a direction can still use."""
HALF = np.dtype(np.float16)
LOWEST, HIGHEST = -24, 15
"""Exponents of float16: 2^-24 is the least positive number, numbers of size 2^15 are the largest."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to compute: the sweep in every precision, and the map of float16 for x of these binary exponents."""

    function: tuple[dk.Problem, ...]
    method: tuple[str, ...] = ("forward_1", "central_2")
    delta: tuple[float, ...] = (2.0**-4, 2.0**-8, 2.0**-12)
    precision: tuple[str, ...] = ("float16", "float32", "float64")
    lowest_exponent: int = -1
    highest_exponent: int = 0

    def __post_init__(self) -> None:
        if not (self.function and self.method and self.delta and self.precision):
            raise ValueError("at least one function, one method, one delta and one precision are needed")
        for name in self.method:
            dk.formula(name)
        for name in self.precision:
            if name not in PRECISIONS:
                raise ValueError(f"precision={name}: not known; there are {', '.join(PRECISIONS)}")
        low, high = self.lowest_exponent, self.highest_exponent
        if not LOWEST <= low <= high <= HIGHEST:
            raise ValueError(
                f"lowest_exponent={low}, highest_exponent={high}: those of float16 go from {LOWEST} to {HIGHEST}"
            )
        for problem in self.function:
            _expression(problem.function)

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        points = sum(len(problem.points) for problem in self.function)
        return points * len(self.method) * len(self.delta) * len(_types(self.precision))


def run(config: Config) -> Iterator[tuple[str, Columns]]:
    """Yield the tables of one job, chunk by chunk."""
    types = _types(config.precision)
    yield "types", _known(config.precision)
    formulas = [dk.formula(name) for name in config.method]
    for problem in config.function:
        for name, dtype in types.items():
            yield "table", _rows(problem, name, dtype, np.array(config.delta), formulas)
        yield from _maps(problem.function, formulas, range(config.lowest_exponent, config.highest_exponent + 1))


def _expression(f: dk.Function) -> dk.Expression:
    if f.expression is None or f.text != str(f.expression):
        raise ValueError(
            f"{f.name}: only an expression can be computed in another precision, "
            "not a Python function or a black box; write 'expression=sin(x)'"
        )
    return f.expression


@functools.cache
def type_of(precision: str) -> np.dtype[Any] | None:
    """The NumPy type of a precision; None where the package that brings it is not installed."""
    if precision not in REGISTERED:
        return np.dtype(precision)
    try:
        registered: type = getattr(importlib.import_module(REGISTERED[precision]), precision)
    except ImportError:
        return None
    return np.dtype(registered)


def _types(precisions: Sequence[str]) -> dict[str, np.dtype[Any]]:
    return {name: dtype for name in precisions if (dtype := type_of(name)) is not None}


def _known(precisions: Sequence[str]) -> Columns:
    types = _types(precisions)
    known = [significand(types[name]) if name in types else (math.nan, math.nan) for name in precisions]
    return {
        "precision": list(precisions),
        "bits": np.array([float(bits) for bits, _ in known]),
        "eps": np.array([2.0 ** (1 - bits) for bits, _ in known]),
        "least": np.array([2.0**e if math.isnan(e) or e >= -1074 else math.nan for _, e in known]),
        "note": [
            "" if name in types else f"left out: the package {REGISTERED[name]}, which brings it, is not installed"
            for name in precisions
        ],
    }


# A formula in one precision


def _rows(
    problem: dk.Problem, name: str, dtype: np.dtype[Any], delta: Array, formulas: Sequence[dk.Stencil]
) -> Columns:
    """All rows of one function in one precision, in the order point, method, delta."""
    f, expression = problem.function, _expression(problem.function)
    with np.errstate(over="ignore"):
        x, steps = np.array(problem.points).astype(dtype), delta.astype(dtype)
    call = rounded_function(expression, dtype)
    found = [rounded_difference(call, x[:, None], steps, entry, f.domain) for entry in formulas]
    points = x.astype(np.float64)
    high, low = (part[:, None, None] for part in _exact(expression, points))
    estimate = np.stack([extended(one.estimate) for one in found], axis=1)
    missing = [
        np.stack([one.outside for one in found], axis=1),
        np.stack([one.vanished for one in found], axis=1),
        ~np.isfinite(estimate),
        np.isnan(high) & np.ones(estimate.shape, dtype=np.bool_),
    ]
    status = np.select(missing, [np.int8(k) for k in (1, 2, 3, 4)], default=np.int8(0))
    estimate = np.where(np.isin(status, (0, 4)), estimate, np.nan)  # without an exact value it still stands
    with np.errstate(over="ignore", invalid="ignore"):
        error = np.abs((estimate - high) - low)
    with np.errstate(all="ignore"):
        predicted = dk.predict_error(f, points[:, None], delta, formulas=formulas)
        rounding = np.stack([one.rounding for one in predicted], axis=1) * 2.0 ** (53.0 - significand(dtype)[0])
    shape = estimate.shape
    columns = {
        "x": points[:, None, None],
        "delta": delta,
        "estimate": estimate.astype(np.float64),
        "exact": high,
        "error": error.astype(np.float64),
        "rounding": rounding,
    }
    methods = np.broadcast_to(np.arange(len(formulas), dtype=np.int16)[:, None], shape).ravel()
    return {
        "function": f.name,
        "expression": f.text,
        "precision": name,
        "method": (methods, tuple(entry.name for entry in formulas)),
        "status": (status.ravel(), STATUSES),
        **{column: np.broadcast_to(values, shape).ravel() for column, values in columns.items()},
    }


def _exact(expression: dk.Expression, x: Array) -> tuple[Array, Array]:
    """The derivative at every x as a sum of two doubles, 106 bits; NaN where there is none."""
    high, low = np.full(x.shape, np.nan), np.zeros(x.shape)
    for k, point in enumerate(x.tolist()):
        if math.isfinite(point):
            known = dk.exact(expression, point).value
            if math.isfinite(known):
                high[k] = known
                low[k] = float(high_precision_series(expression, point, 1)[1] - float(high[k]))
    return high, low


# The map of float16


def _maps(f: dk.Function, formulas: Sequence[dk.Stencil], exponents: range) -> Iterator[tuple[str, Columns]]:
    """Every x of these binary exponents, in blocks of one exponent, against every power of two; then 0 and -0."""
    every = np.arange(2**16, dtype=np.uint16).view(HALF)
    magnitude = np.abs(every.astype(np.float64))
    # float16 has 63488 finite numbers: f of each of them is computed once, and then looked up by its bits.
    with np.errstate(all="ignore"):
        values = rounded_function(_expression(f), HALF)(every)
    steps = np.ldexp(np.ones(1), np.arange(LOWEST, HIGHEST + 1)).astype(HALF)
    sizes = [2.0**e for e in exponents] + [0.0] * (LOWEST in exponents)
    for size in sizes:
        x = every[(magnitude >= size) & (magnitude < 2 * size)] if size else every[magnitude == 0]
        x = x[inside(x, f.domain)]
        exact = f.exact_derivative(x.astype(np.float64))
        with np.errstate(over="ignore"):
            held = exact.astype(HALF)
        usable = np.isfinite(held) & (held != 0)
        for entry in formulas:
            found = rounded_difference(lambda a: values[a.view(np.uint16)], x[usable, None], steps, entry, f.domain)
            yield (
                "map",
                {
                    "function": f.name,
                    "method": entry.name,
                    "size": size,
                    "delta": steps.astype(np.float64),
                    "numbers": x.size,
                    "count": exact[usable].size,
                    **(_aggregates(found, exact[usable, None]) if usable.any() else _nothing(steps.size)),
                },
            )


def _nothing(deltas: int) -> Columns:
    """The aggregates over no x at all."""
    names = ("median", "worst", "good", "vanished", "not_finite")
    return {**dict.fromkeys(names, np.nan), "state": (np.full(deltas, 3, dtype=np.int8), STATES)}


def _aggregates(found: Rounded, exact: Array) -> Columns:
    """Over all x, for each delta: shape (deltas,)."""
    estimate = found.estimate.astype(np.float64)
    lost = ~found.vanished & (found.outside | ~np.isfinite(estimate))
    missing = found.vanished | lost
    with np.errstate(all="ignore"):
        error = np.where(missing, np.inf, np.abs(estimate - exact) / np.abs(exact))
        median = np.median(error, axis=0)
    worst = np.max(np.where(missing, -1.0, error), axis=0)
    vanished, not_finite = found.vanished.mean(axis=0), lost.mean(axis=0)
    states = np.where(np.isfinite(median), 0, np.where(vanished >= not_finite, 1, 2))
    return {
        "median": np.where(np.isfinite(median), median, np.nan),
        "worst": np.where(worst < 0, np.nan, worst),
        "good": (error <= GOOD).mean(axis=0),
        "vanished": vanished,
        "not_finite": not_finite,
        "state": (states.astype(np.int8), STATES),
    }


# What the whole run says


def conclude(tables: Mapping[str, Columns]) -> Iterator[tuple[str, Columns]]:
    """Yield the typical errors, the best deltas, their exponents over the precisions, the shares, and findings."""
    table = tables["table"]
    eps = {str(name): float(e) for name, e in zip(tables["types"]["precision"], tables["types"]["eps"], strict=True)}
    typical = _typical(table)
    yield "typical", typical
    optimum = _optimum(typical, eps)
    yield "optimum", optimum
    exponents = _exponents(optimum)
    yield "exponents", exponents
    names = {"best_delta": "delta", "smallest_error": "error"}
    yield "summary", {name: optimum[names.get(name, name)] for name in TABLES["summary"]}
    sentences = [*_laws(optimum, exponents), *_notes(tables["types"])]
    if "map" in tables:
        found = _once(tables["map"], "function", "method", "size", "delta")
        counted = {name: values[found["count"] > 0] for name, values in found.items()}
        shares = _shares(counted)
        yield "shares", shares
        sentences += [*_extents(found), *_dilemmas(counted, shares)]
    yield "findings", {"finding": sentences}


Groups = dict[tuple[Any, ...], NDArray[np.intp]]


def _grouped(columns: Columns, *names: str) -> Groups:
    """The rows of every distinct key, keys in the order of first appearance."""
    codes = np.zeros(len(columns[names[0]]), dtype=np.int64)
    for name in names:
        _, inverse = np.unique(np.asarray(columns[name]), return_inverse=True)
        codes = codes * (int(inverse.max(initial=0)) + 1) + inverse
    order = np.argsort(codes, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1) if codes.size else []
    return {tuple(columns[name][rows[0]] for name in names): rows for rows in sorted(parts, key=lambda r: int(r[0]))}


def _once(columns: Columns, *names: str) -> Columns:
    """The first row of every distinct key: each job of a sweep over something else gives the same map."""
    first = [rows[0] for rows in _grouped(columns, *names).values()]
    return {name: np.asarray(values)[first] for name, values in columns.items()}


def _named(groups: Groups, names: Sequence[str]) -> dict[str, Any]:
    keys = list(zip(*groups, strict=True)) if groups else [()] * len(names)
    return {
        name: np.array(key, dtype=np.float64) if name in ("delta", "size") else [str(value) for value in key]
        for name, key in zip(names, keys, strict=True)
    }


def _typical(table: Columns) -> Columns:
    names = ("function", "method", "precision", "delta")
    groups = _grouped(table, *names)
    error = np.asarray(table["error"])
    with np.errstate(invalid="ignore"):
        medians = [np.median(np.where(np.isnan(error[rows]), np.inf, error[rows])) for rows in groups.values()]
    return {
        **_named(groups, names),
        "median": np.array([m if math.isfinite(m) else math.nan for m in medians]),
        "worst": np.array([_largest(error[rows]) for rows in groups.values()]),
    }


def _largest(values: Array) -> float:
    there = values[~np.isnan(values)]
    return float(there.max()) if there.size else math.nan


def _optimum(typical: Columns, eps: Mapping[str, float]) -> Columns:
    names = ("function", "method", "precision")
    groups = _grouped(typical, *names)
    best = np.array([_best(typical["delta"][rows], typical["median"][rows]) for rows in groups.values()])
    orders = np.array([float(dk.formula(str(method)).order) for _, method, _ in groups])
    fine = np.array([eps[str(precision)] for _, _, precision in groups])
    return {
        **_named(groups, names),
        "eps": fine,
        "delta": best[:, 0],
        "theory_delta": fine ** (1 / (orders + 1)),
        "error": best[:, 1],
        "theory_error": fine ** (orders / (orders + 1)),
    }


def _best(delta: Array, median: Array) -> tuple[float, float]:
    """(delta, error) of the smallest error; among equals, the largest delta, which needs the least luck."""
    if np.all(np.isnan(median)):
        return math.nan, math.nan
    least = float(np.nanmin(median))
    return float(np.max(delta[median == least])), least


def _exponents(optimum: Columns) -> Columns:
    names = ("function", "method")
    groups = _grouped(optimum, *names)
    orders = np.array([float(dk.formula(str(method)).order) for _, method in groups])
    fits = {
        name: [_slope(optimum["eps"][rows], optimum[name][rows]) for rows in groups.values()]
        for name in ("delta", "error")
    }
    return {
        **_named(groups, names),
        "precisions": np.array([np.unique(optimum["eps"][rows]).size for rows in groups.values()]),
        "delta_observed": np.array(fits["delta"]),
        "delta_theory": 1 / (orders + 1),
        "error_observed": np.array(fits["error"]),
        "error_theory": orders / (orders + 1),
    }


def _slope(eps: Array, values: Array) -> float:
    """The exponent a in values = c eps^a by least squares of the logarithms; NaN with fewer than two points."""
    there = np.isfinite(values) & (values > 0)
    if np.unique(eps[there]).size < 2:
        return math.nan
    across, up = np.log(eps[there]), np.log(values[there])
    across -= across.mean()
    return float(across @ (up - up.mean()) / (across @ across))


def _shares(found: Columns) -> Columns:
    """What becomes of all x of a map, for each delta."""
    names = ("function", "method", "delta")
    groups = _grouped(found, *names)
    rows: dict[str, list[Any]] = {name: [] for name in TABLES["shares"]}
    for (function, method, delta), at in groups.items():
        good, vanished, lost = (
            float(np.average(found[name][at], weights=found["count"][at]))
            for name in ("good", "vanished", "not_finite")
        )
        wrong = max(0.0, round(1 - good - vanished - lost, 12))  # a multiple of 1/63488, and no trace of rounding
        for outcome, share in zip(OUTCOMES, (good, wrong, vanished, lost), strict=True):
            for name, value in zip(TABLES["shares"], (function, method, outcome, math.log2(delta), share), strict=True):
                rows[name].append(value)
    texts = ("function", "method", "outcome")
    return {name: list(map(str, rows[name])) if name in texts else np.array(rows[name]) for name in rows}


def _laws(optimum: Columns, exponents: Columns) -> Iterator[str]:
    groups = _grouped(optimum, "function", "method")
    for k, ((function, method), rows) in enumerate(groups.items()):
        order = dk.formula(str(method)).order
        reached = ", ".join(
            f"{optimum['error'][row]:.1e} in {optimum['precision'][row]} (delta {optimum['delta'][row]:.1e}, "
            f"eps^(1/{order + 1}) = {optimum['theory_delta'][row]:.1e})"
            for row in rows
            if not math.isnan(optimum["error"][row])
        )
        if reached:
            yield f"{function}, {method}: at best the median error is {reached}."
        observed = [exponents[f"{name}_observed"][k] for name in ("delta", "error")]
        if not math.isnan(sum(observed)):
            theory = [exponents[f"{name}_theory"][k] for name in ("delta", "error")]
            yield (
                f"{function}, {method}: over {exponents['precisions'][k]} precisions the best delta goes as "
                f"eps^{observed[0]:.2f} (theory {theory[0]:.2f}) and the smallest error as eps^{observed[1]:.2f} "
                f"(theory {theory[1]:.2f})."
            )


def _notes(types: Columns) -> Iterator[str]:
    for precision, note in dict(zip(types["precision"], types["note"], strict=True)).items():
        if note:
            yield f"{precision} is {note}."


def _extents(found: Columns) -> Iterator[str]:
    """Of each function: how many numbers its map is about."""
    own = _once(found, "function", "size")
    for (function,), rows in _grouped(own, "function").items():
        numbers, count = (int(own[name][rows].sum()) for name in ("numbers", "count"))
        yield f"float16, {function}: of {numbers:,} numbers x, {count:,} have a derivative that float16 can hold."


def _dilemmas(found: Columns, shares: Columns) -> Iterator[str]:
    """For each map: how much of it is lost on either side, the one delta that serves most, and where none does."""
    for (function, method), rows in _grouped(found, "function", "method").items():
        own = (np.asarray(shares["function"]) == function) & (np.asarray(shares["method"]) == method)
        outcome, exponent, share = (np.asarray(shares[name])[own] for name in ("outcome", "exponent", "share"))
        part = {
            name: dict(zip(exponent[outcome == name].tolist(), share[outcome == name], strict=True))
            for name in OUTCOMES
        }
        good, wrong, gone, _ = (part[name] for name in OUTCOMES)
        best = max(good, key=lambda e: (good[e], e))
        place = f"float16, {function}, {method}"
        yield (
            f"{place}: of all pairs of an x and a delta {percent(sum(gone.values()) / len(gone))} have a step that "
            f"vanishes, and {percent(sum(good.values()) / len(good))} an error of at most {percent(GOOD)}. The one "
            f"delta that serves most is 2^{best:.0f}: it does so for {percent(good[best])} of all x."
        )
        poor = [e for e in good if good[e] < good[best] / 2]
        small, large = (
            max((e for e in poor if e < best), default=None),
            min((e for e in poor if e > best), default=None),
        )
        if small is not None and large is not None:
            yield (
                f"{place}: 2^{small:.0f} is too small, as the step vanishes beside {percent(gone[small])} of all x "
                f"and {percent(wrong[small])} have an error above {percent(GOOD)}; 2^{large:.0f} is too large, where "
                f"{percent(gone[large])} vanish, but {percent(wrong[large])} have an error above {percent(GOOD)}."
            )
        part_of = {name: np.asarray(found[name])[rows] for name in ("size", "good")}
        served = {float(size): float(part_of["good"][at].max()) for (size,), at in _grouped(part_of, "size").items()}
        hopeless = [size for size, most in served.items() if most < 0.5 and size]
        if hopeless:
            sizes = _runs([round(math.log2(size)) for size in hopeless])
            yield f"{place}: no delta at all serves half of the x of size {sizes}."


def _runs(exponents: Sequence[int]) -> str:
    """Neighbouring exponents as ranges: 2^3, 2^6 to 2^15."""
    ordered = sorted(exponents)
    starts = [e for e in ordered if e - 1 not in ordered]
    ends = [e for e in ordered if e + 1 not in ordered]
    return ", ".join(f"2^{a}" if a == b else f"2^{a} to 2^{b}" for a, b in zip(starts, ends, strict=True))
