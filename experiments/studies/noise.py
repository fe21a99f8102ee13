"""What noise does to a derivative, and whether it is noticed: float32 inside, seeded noise, quantised values, solvers
that stop early, noise with a mean. The level that is named, the bar and the true error stand beside what theory allows.

The law: a formula with the weights w at the step h, on values whose errors are independent with standard deviation s,
has the root mean square error sqrt(T(h)^2 + s^2 sum(w^2) / h^2), T being its error on the function without noise. What
theory allows is the least of these over steps and the formulas of :mod:`derivkit.testing.attainable`, to somebody
who knows T. It falls like s^(p/(p+1)) for one formula of order p, and with a power just below 1 for all of them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from derivkit.numerical.methods import METHODS, Method
from derivkit.testing.attainable import covered, formulas, least_smoothed
from derivkit.testing.claims import Claims, claims, perturbation
from derivkit.testing.population import Disturbance, Family
from derivkit.trusted.truth import Truth
from experiments.words import percent_reached

Columns = Mapping[str, Any]
Array = NDArray[np.float64]
Row = dict[str, Any]

METHOD: tuple[type, str] = (str, "the method")
KIND: tuple[type, str] = (str, "what is done to the values of f: see DISTURBANCES of derivkit.testing.population")
FUNCTION: tuple[type, str] = (str, "name of the function in the population")
LEVEL: tuple[type, str] = (float, "how strongly: half the width of uniform noise, the step of a grid, a tolerance")

TABLES: dict[str, dict[str, tuple[type, str]]] = {
    "table": {
        "method": METHOD,
        "kind": KIND,
        "function": FUNCTION,
        "level": LEVEL,
        "x": (float, "the point, drawn from the seed"),
        "value": (float, "what the method says"),
        "error": (float, "its bar; infinite where it refuses"),
        "status": (str, "its status"),
        "evaluations": (int, "values of f that it charges to the point"),
        "delta": (float, "the largest step that it used; none where it does not say"),
        "noise": (float, "standard deviation of f's error as it names it"),
        "deviation": (float, "the true one, about its mean, on the window from x - delta to x + delta"),
        "truth": (float, "the derivative of the function without noise"),
        "slack": (float, "what nobody can see from outside, in the unit of the derivative"),
        "true_error": (float, "|value - truth|"),
        "covered": (bool, "whether true_error <= error + half an ulp of the truth + slack"),
        "law": (float, "what theory allows at this noise; none where f's error is smooth, as of solvers and tables"),
    },
    "functions": {
        "method": METHOD,
        "kind": KIND,
        "function": FUNCTION,
        "level": LEVEL,
        "points": (int, "how many"),
        "answers": (int, "points with a finite value and a finite bar"),
        "covered": (float, "share of the answers that are covered"),
        "statuses": (str, "how often which status was given"),
        "deviation": (float, "median of the true standard deviation of f's error on the window"),
        "noise": (float, "median of the one that is named"),
        "named": (float, "share of the points at which it is named within a factor of 2; none where it is smooth"),
        "delta": (float, "median of the largest step used"),
        "error": (float, "median bar"),
        "true_error": (float, "median true error"),
        "slack": (float, "what nobody can see from outside"),
        "law": (float, "median of what theory allows"),
        "evaluations": (float, "mean evaluations of f for a point"),
    },
    "levels": {
        "method": METHOD,
        "kind": KIND,
        "function": (str, "the function whose values are disturbed: the first of its kind in the population"),
        "level": LEVEL,
        "answers": (int, "points with a finite value and a finite bar"),
        "points": (int, "how many"),
        "covered": (float, "share of the answers that are covered"),
        "noticed": (float, "share of the answers with another status than ok"),
        "deviation": (float, "median of the true standard deviation of f's error on the window"),
        "noise": (float, "median of the one that is named"),
        "error": (float, "median bar"),
        "true_error": (float, "median true error"),
        "slack": (float, "what nobody can see from outside"),
        "law": (float, "median of what theory allows"),
    },
    "curves": {
        "method": METHOD,
        "kind": KIND,
        "line": (str, "true error, bar, what theory allows (medians over the points), or what nobody can see"),
        "level": LEVEL,
        "size": (float, "in the unit of the derivative"),
    },
    "naming": {
        "method": METHOD,
        "kind": KIND,
        "line": (str, "as it is, or as it is named; medians over the points"),
        "level": LEVEL,
        "size": (float, "standard deviation of f's error"),
    },
    "exponents": {
        "method": METHOD,
        "kind": KIND,
        "levels": (int, "levels at which at least half of the points are answered, and of which the slopes are"),
        "true_error": (float, "a in true error = c level^a, fitted to the medians"),
        "error": (float, "the same of the bar"),
        "law": (float, "the same of what theory allows; none where f's error is smooth"),
    },
    "summary": {
        "method": METHOD,
        "kind": KIND,
        "functions": (int, "how many"),
        "points": (int, "how many"),
        "answers": (int, "points with a finite value and a finite bar"),
        "covered": (float, "share of the answers that are covered"),
        "named": (float, "share of the points at which its level is named within a factor of 2; none where smooth"),
        "error_to_law": (float, "median of bar / what theory allows"),
        "true_to_law": (float, "median of true error, slack apart / what theory allows"),
        "statuses": (str, "how often which status was given"),
    },
    "findings": {"finding": (str, "what the tables say, in a sentence")},
}

KEYS = ("method", "function", "x")
"""What tells the rows of the table apart when runs are compared."""
ERRORS = {"true_error": ("value", "truth")}
"""A column that is proportional to the distance of two others, and moves when these do."""

TOLERANCES: Mapping[str, Mapping[str, object]] = {
    "x": {"relative": 2.0**-51},
    "value": {"column": "error"},
    **{key: {"follows": ()} for key in ("error", "evaluations", "delta", "noise", "deviation", "law")},
    "truth": {"follows": ("x",)},
    "true_error": {"follows": ("value", "truth")},
    "covered": {"follows": ("value", "error")},
    "status": {"follows": ("error",)},
}
"""By how much rounding may move a column when a run is repeated. Points are drawn by an exp, which is right to 2 ulp.
Two answers lie apart by no more than both their bars, which is what a bar says; how long it is, from which step it
comes, and with it the status, is the outcome of a search. The errors of f are its rounding itself, and the law follows
from them."""

SMOOTH = ("relaxation", "table")
"""Disturbances that are smooth between their steps, so that no law of independent errors holds."""
LEVELLED = (
    *("absolute", "relative", "normal", "one_sided", "one_sided_relative", "quantised", "rounded_argument"),
    "relaxation",
)
"""Disturbances of which every level can be asked for."""
NAMED = 2.0
"""A level of noise is named if it is right within this factor."""
REACH = 0.01
"""Half the width of the window on which the noise for the law is measured, over max(|x|, 1). A choice: of noise of one
level any window would do."""
STEPS = np.ldexp(1.0, np.arange(-40, 12))
"""Steps among which the law takes the best."""
LINES = {"true error": "true_error", "error bar": "error", "theory allows": "law", "nobody can see": "slack"}
"""The lines of a figure, with their columns in the table of levels."""
FITTED = ("true_error", "error", "law")
NAMES = {"as it is": "deviation", "as it is named": "noise"}
IN_WORDS = {
    "absolute": "uniform noise",
    "relative": "uniform noise relative to the value",
    "normal": "nearly normal noise",
    "one_sided": "noise with a mean",
    "one_sided_relative": "noise with a mean, relative to the value",
    "quantised": "quantised values",
    "rounded_argument": "a rounded argument",
    "single": "float32 inside",
    "single_argument": "an argument in float32",
    "single_result": "a result in float32",
    "relaxation": "a solver that stops at a tolerance",
    "table": "a table with linear interpolation",
}
"""Every disturbance for the findings."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to measure: methods at points of disturbed functions, and the first function of each kind at every level."""

    population: tuple[Family, ...]
    estimator: tuple[Method, ...] = (METHODS["derivative"],)
    levels: tuple[float, ...] = (1e-8, 1e-4)
    points: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        for family in self.population:
            if family.noise is None or not family.differentiable:
                raise ValueError(f"{family.name}: this study is of noise on derivatives; write population=noisy")
        for level in self.levels:
            if not level > 0.0:
                raise ValueError(f"levels={level:g}: a level of noise is above 0; write one such as 1e-8")
        if self.points < 1:
            raise ValueError(f"points={self.points}: at least 1 point of every function is needed")

    @property
    def rows(self) -> int:
        """Rows of the main table, at most."""
        return self.points * len(self.population) * len(self.estimator)


def run(config: Config) -> Iterator[tuple[str, Columns]]:
    """Yield the cases of one function at a time, and the levels of the first function of each kind."""
    first: set[str] = set()
    for family in config.population:
        site = _site(family, np.unique(family.drawn(config.points, seed=config.seed)))
        for method in config.estimator:
            yield "table", _cases(method, family, site)
        kind = _noise(family).kind
        if kind in LEVELLED and kind not in first:
            first.add(kind)
            at_levels = _at_levels(family, config.levels)
            rows = [_measured(_rows(_cases(method, at, site))) for method in config.estimator for at in at_levels]
            yield "levels", _columns(rows, "levels")


def _noise(family: Family) -> Disturbance:
    if family.noise is None:
        raise ValueError(f"{family.name} has no noise")
    return family.noise


def _at_levels(family: Family, levels: Sequence[float]) -> list[Family]:
    """The family with its noise at every level; what nobody can see grows with it."""
    noise = _noise(family)
    return [
        replace(family, noise=replace(noise, level=level), slack=family.slack * level / noise.level)
        for level in sorted(levels)
    ]


# The law


@dataclass(frozen=True, kw_only=True)
class Site:
    """Points of a function, what is true there, and what every formula is off by without noise."""

    x: Array
    truth: Truth
    truncation: Array
    """Shape ``(formulas, n, steps)``."""


def _site(family: Family, x: Array) -> Site:
    clean = replace(family, noise=None).function
    truth = family.truth(x)
    estimates = dk.sweep(clean, x, STEPS, formulas=formulas(1)).estimate
    column = Truth(truth.high[:, None], truth.low[:, None])
    return Site(x=x, truth=truth, truncation=column.distance(estimates))


def law(truncation: Array, deviation: Array) -> Array:
    """The least root mean square error over formulas and steps, smoothed over steps as A is.

    Parameters
    ----------
    truncation : ndarray, shape ``(formulas, n, STEPS.size)``
        What each formula is off by at each step, without noise.
    deviation : ndarray, shape ``(n,)``
        Standard deviation of the errors of the values, which are independent.
    """
    gains = np.array([math.sqrt(sum(float(w) ** 2 for w in entry.weights)) for entry in formulas(1)])
    noise = gains[:, None, None] * deviation[:, None] / STEPS
    return least_smoothed(np.hypot(truncation, noise))


def _allowed(family: Family, site: Site) -> Array:
    """What theory allows at every point; NaN where no law holds."""
    if _noise(family).kind in SMOOTH:
        return np.full(site.x.shape, np.nan)
    reach = REACH * np.maximum(np.abs(site.x), 1.0)
    return law(site.truncation, perturbation(family, site.x, reach).deviation)


# Cases


def _cases(method: Method, family: Family, site: Site) -> Columns:
    noise = _noise(family)
    said = claims(method, family.function, site.x)
    return {
        "method": method.name,
        "kind": noise.kind,
        "function": family.name,
        "level": noise.level,
        "x": site.x,
        "value": said.value,
        "error": said.error,
        "status": said.status.tolist(),
        "evaluations": said.evaluations,
        "delta": said.delta,
        "noise": said.noise,
        "deviation": _deviation(family, site.x, said),
        "truth": site.truth.high,
        "slack": family.slack,
        "true_error": site.truth.distance(said.value),
        "covered": covered(said.value, said.error + family.slack, site.truth),
        "law": _allowed(family, site),
    }


def _deviation(family: Family, x: Array, said: Claims) -> Array:
    """The true deviation on the windows that a method used; NaN where it does not say."""
    found, window = np.full(x.shape, np.nan), np.isfinite(said.delta)
    if np.any(window):
        found[window] = perturbation(family, x[window], said.delta[window]).deviation
    return found


def _rows(columns: Columns) -> Columns:
    """The same with every constant as an array."""
    size = len(columns["x"])
    return {
        name: np.full(size, value) if isinstance(value, str) or np.ndim(value) == 0 else np.asarray(value)
        for name, value in columns.items()
    }


# Measures


def _measured(cases: Columns) -> Row:
    """What the cases of one method, kind, function and level say together."""
    answered = np.isfinite(cases["value"]) & np.isfinite(cases["error"])
    return {
        **{name: cases[name][0] for name in ("method", "kind", "function", "level")},
        "points": answered.size,
        "answers": int(np.sum(answered)),
        "covered": _share(cases["covered"][answered]),
        "noticed": _share(cases["status"][answered] != "ok"),
        "statuses": _counts(cases["status"]),
        "deviation": _median(cases["deviation"]),
        "noise": _median(cases["noise"]),
        "named": _named(cases),
        "delta": _median(cases["delta"]),
        "error": _median(cases["error"][answered]),
        "true_error": _median(cases["true_error"][answered]),
        "slack": float(cases["slack"][0]),
        "law": _median(cases["law"]),
        "evaluations": float(np.mean(cases["evaluations"])),
    }


def _beyond_slack(cases: Columns) -> Array:
    return np.asarray(np.maximum(cases["true_error"] - cases["slack"], 0.0))


def _named(cases: Columns) -> float:
    """Share of the points whose noise is named within NAMED; none of a method that never names any."""
    if not np.any(np.isfinite(cases["noise"])):
        return math.nan
    rough = ~np.isin(cases["kind"], SMOOTH)
    with np.errstate(all="ignore"):
        ratio = cases["noise"][rough] / cases["deviation"][rough]
    return _share((ratio >= 1.0 / NAMED) & (ratio <= NAMED))


def _share(mask: NDArray[Any]) -> float:
    return float(np.mean(mask)) if mask.size else math.nan


def _median(values: Array) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else math.nan


def _counts(statuses: NDArray[Any]) -> str:
    return ", ".join(f"{status} {count}" for status, count in Counter(statuses.tolist()).most_common())


def _columns(rows: Sequence[Row], table: str) -> Columns:
    return {
        name: [str(row[name]) for row in rows] if kind is str else np.array([row[name] for row in rows], dtype=kind)
        for name, (kind, _) in TABLES[table].items()
    }


def _groups(table: Columns, *names: str) -> Iterator[tuple[tuple[Any, ...], Columns]]:
    """The rows of each combination of values of some columns, in the order of their first appearance."""
    keys = list(zip(*(table[name].tolist() for name in names), strict=True))
    for key in dict.fromkeys(keys):
        own = np.array([other == key for other in keys])
        yield key, {name: values[own] for name, values in table.items()}


# What the whole run says


def conclude(tables: Mapping[str, Columns]) -> Iterator[tuple[str, Columns]]:
    """Yield the measures by function and kind, the curves over the levels with their slopes, and findings."""
    table, levels = tables["table"], tables.get("levels")
    functions = [_measured(group) for _, group in _groups(table, "method", "kind", "function")]
    yield "functions", _columns(functions, "functions")
    exponents: list[Row] = []
    if levels is not None:
        yield from _drawn(levels, "curves", LINES)
        yield from _drawn(levels, "naming", NAMES)
        exponents = [_exponents(group) for _, group in _groups(levels, "method", "kind")]
        yield "exponents", _columns(exponents, "exponents")
    summary = [_summary(group) for _, group in _groups(table, "method", "kind")]
    yield "summary", _columns(summary, "summary")
    yield "findings", {"finding": list(_findings(table, summary, exponents, levels))}


def _drawn(levels: Columns, table: str, lines: Mapping[str, str]) -> Iterator[tuple[str, Columns]]:
    """The lines of a figure, those at least half of whose points are answered."""
    half = levels["answers"] >= 0.5 * levels["points"]
    for line, column in lines.items():
        own = half & (levels[column] > 0.0)
        if np.any(own):
            named = {name: levels[name][own].tolist() for name in ("method", "kind")}
            yield table, {**named, "line": line, "level": levels["level"][own], "size": levels[column][own]}


def _exponents(levels: Columns) -> Row:
    half = levels["answers"] >= 0.5 * levels["points"]
    slopes = {name: _slope(levels["level"][half], levels[name][half]) for name in FITTED}
    return {"method": levels["method"][0], "kind": levels["kind"][0], "levels": int(np.sum(half)), **slopes}


def _slope(level: Array, size: Array) -> float:
    there = np.isfinite(size) & (size > 0.0)
    return dk.observed_order(level[there], size[there]) if np.sum(there) > 1 else math.nan


def _summary(cases: Columns) -> Row:
    answered = np.isfinite(cases["value"]) & np.isfinite(cases["error"])
    with np.errstate(all="ignore"):
        bar, error = cases["error"] / cases["law"], _beyond_slack(cases) / cases["law"]
    return {
        "method": cases["method"][0],
        "kind": cases["kind"][0],
        "functions": len(set(cases["function"].tolist())),
        "points": answered.size,
        "answers": int(np.sum(answered)),
        "covered": _share(cases["covered"][answered]),
        "named": _named(cases),
        "error_to_law": _median(bar[answered]),
        "true_to_law": _median(error[answered]),
        "statuses": _counts(cases["status"]),
    }


def _findings(
    table: Columns, summary: Sequence[Row], exponents: Sequence[Row], levels: Columns | None
) -> Iterator[str]:
    """What is seen: at length for the first method, a sentence for each other."""
    for (method,), own in _groups(table, "method"):
        yield _of_method(str(method), own)
        if method == table["method"][0]:
            yield from _of_kinds([row for row in summary if row["method"] == method])
            yield from _of_slopes([row for row in exponents if row["method"] == method])
            yield from _of_levels([group for (name, _), group in _by_kind(levels) if name == method])


def _by_kind(levels: Columns | None) -> Iterator[tuple[tuple[Any, ...], Columns]]:
    return _groups(levels, "method", "kind") if levels is not None else iter(())


def _of_method(method: str, cases: Columns) -> str:
    whole = _summary(cases)
    says = (
        f"{method}: at {whole['points']:,} points of {whole['functions']} disturbed functions it gives "
        f"{whole['answers']:,} values with a bar"
    )
    if not whole["answers"]:
        return f"{says}."
    says += f", of which {percent_reached(whole['covered'])} are true."
    if not math.isnan(whole["error_to_law"]):
        says += (
            f" Half of the true errors are below {whole['true_to_law']:.2g} times what theory allows, half of the bars "
            f"below {whole['error_to_law']:.2g} times."
        )
    if math.isnan(whole["named"]):
        return f"{says} It does not name the level of the noise."
    named = percent_reached(whole["named"])
    return f"{says} The level of the noise is named within a factor of {NAMED:g} at {named} of points."


def _of_kinds(summary: Sequence[Row]) -> Iterator[str]:
    """The kinds of noise whose bars are not all true, and those whose level is least often named."""
    weak = sorted((row for row in summary if row["covered"] < 1.0), key=lambda row: row["covered"])
    if weak:
        told = "; ".join(
            f"{IN_WORDS[row['kind']]}: {percent_reached(row['covered'])} of {row['answers']}" for row in weak
        )
        yield f"Kinds of noise whose bars are not all true: {told}."
    unnamed = sorted((row for row in summary if row["named"] < 0.9), key=lambda row: row["named"])
    if unnamed:
        told = "; ".join(f"{IN_WORDS[row['kind']]}: {percent_reached(row['named'])}" for row in unnamed)
        yield f"Kinds of noise whose level is named within a factor of {NAMED:g} at less than 90 % of points: {told}."
    smooth = [row for row in summary if row["kind"] in SMOOTH and row["answers"]]
    if smooth:
        told = "; ".join(f"{IN_WORDS[row['kind']]}: {row['statuses']}" for row in smooth)
        yield f"Errors that are smooth where f is looked at cannot be seen from outside. Statuses given there: {told}."


def _of_slopes(exponents: Sequence[Row]) -> Iterator[str]:
    told = [
        f"{IN_WORDS[row['kind']]}: {row['true_error']:.2f}, {row['error']:.2f} and {row['law']:.2f}"
        for row in exponents
        if not any(math.isnan(row[name]) for name in FITTED)
    ]
    if told:
        yield (
            "Powers of the level that true error, bar and what theory allows follow, for one function of each kind: "
            f"{'; '.join(told)}."
        )


def _of_levels(groups: Sequence[Columns]) -> Iterator[str]:
    """From which level on noise is noticed, and where there is no answer."""
    noticed = {IN_WORDS[own["kind"][0]]: own["level"][own["noticed"] > 0.5] for own in groups}
    unnoticed = [kind for kind, levels in noticed.items() if not levels.size]
    if len(unnoticed) < len(noticed):
        told = "; ".join(f"{kind}: {np.min(levels):.0e}" for kind, levels in noticed.items() if levels.size)
        yield f"The least level at which most answers have another status than ok: {told}."
    if unnoticed:
        yield f"At every level most answers say ok, or there are none: {'; '.join(unnoticed)}."
    for own in groups:
        silent = own["level"][own["answers"] < 0.5 * own["points"]]
        if silent.size:
            yield (
                f"Fewer than half of the points are answered for {IN_WORDS[own['kind'][0]]} ({own['function'][0]}) at "
                f"the levels {', '.join(f'{level:.0e}' for level in silent)}."
            )
