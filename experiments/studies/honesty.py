"""Is an error bar true? Methods that choose their own steps, asked at thousands of seeded points of a population of
functions and judged by the truth: coverage, tightness, loss, silence where no derivative exists, refusals, cost.

The attainable error A is that of the best difference formula at its best step, chosen knowing the truth
(:mod:`derivkit.testing.attainable`). Half an ulp is half a unit in the last place of the truth: what the nearest
float may be off by. What nobody can see from outside, such as the bias of a solver, is a family's slack.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from derivkit.grids import geomspace, logspace
from derivkit.testing import METHODS, Assessment, Claims, Family, Method, bench, claims, quantile, regular, share
from experiments.words import first_of, percent_reached

Columns = Mapping[str, Any]
Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Row = dict[str, Any]

METHOD: tuple[type, str] = (str, "the method")
ORDER: tuple[type, str] = (
    int,
    "order of the derivative; those above 1 are asked of regular functions, and near breaks where they are what breaks",
)
FUNCTION: tuple[type, str] = (str, "name of the function in the population")
CATEGORY: tuple[type, str] = (str, "what kind of function it is")
REGULAR: tuple[type, str] = (bool, "whether its category is one of REGULAR_CATEGORIES, and its values are undisturbed")

MEASURES: dict[str, tuple[type, str]] = {
    "points": (int, "how many different points"),
    "answers": (int, "points with a finite value and a finite bar, where a derivative exists"),
    "covered": (float, "share of the answers whose true error is within bar + half an ulp + slack"),
    "ok": (int, "answers with the status ok"),
    "ok_covered": (float, "share of these that are covered"),
    "ok_share": (float, "share of the points with a derivative that are settled: see the table"),
    "worst_miss": (float, "the largest miss of the answers with the status ok; above 1 the bar was too short"),
    "worst_flagged": (float, "the largest miss of the other answers"),
    "tightness": (float, "median tightness of the answers with the status ok"),
    "tightness_90": (float, "90 % of these are tighter than this"),
    "loss": (float, "median loss of the answers"),
    "loss_90": (float, "90 % of the answers lose less than this"),
    "missing": (float, "share of the points that ought to have an answer and have none: see the table"),
    "silent": (int, "points without a derivative that were answered with the status ok"),
    "right": (float, "share of the points whose status is one of those that the population allows"),
    "evaluations": (float, "mean evaluations of f for a point"),
}

TABLES: dict[str, dict[str, tuple[type, str]]] = {
    "table": {
        "method": METHOD,
        "derivative": ORDER,
        "function": FUNCTION,
        "category": CATEGORY,
        "regular": REGULAR,
        "x": (float, "the point, drawn from the seed; no point is there twice"),
        "value": (float, "what the method says"),
        "error": (float, "its bar; infinite where it refuses"),
        "status": (str, "its status"),
        "evaluations": (int, "values of f that it charges to the point"),
        "truth": (float, "the float nearest to the derivative; none where no derivative exists"),
        "truth_low": (float, "the derivative is truth + truth_low, to 31 digits"),
        "attainable": (float, "A: the error of the best difference formula at its best step, chosen knowing the truth"),
        "slack": (float, "what nobody can see from outside, in the unit of the derivative"),
        "true_error": (float, "|value - derivative|"),
        "covered": (bool, "whether true_error <= error + half an ulp of the truth + slack"),
        "miss": (float, "(true_error - half an ulp - slack) / error; above 1 the bar is too short"),
        "tightness": (float, "error / max(true_error, half an ulp, A)"),
        "loss": (float, "max(true_error, half an ulp) / max(A, half an ulp); none where A > 1e-3 |truth|"),
        "counts": (
            bool,
            "whether a missing answer counts: A < 0.1 |truth|, and f has six finite values on one side beyond 1024 ulp",
        ),
        "settled": (
            bool,
            "status ok; or below_resolution, |truth| <= error and A >= 1e-3 |truth|: a bound is all that could be said",
        ),
        "right": (bool, "whether the status is one of those that the population allows here"),
        "delta": (float, "the largest step that was used; none where the method does not say"),
        "noise": (float, "standard deviation of f's error as the method names it"),
        "deviation": (float, "the true one, about its mean, on the window from x - delta to x + delta"),
        "level": (float, "root mean square of f's error on it, its mean included"),
    },
    "population": {
        "function": FUNCTION,
        "text": (str, "what it computes"),
        "category": CATEGORY,
        "regular": REGULAR,
        "points": (int, "how many different points"),
        "allowed": (str, "the statuses that are right there"),
        "noise": (str, "what is done to its values"),
        "noise_level": (float, "and how strongly"),
        "slack": (float, "what nobody can see from outside, in the unit of the derivative"),
        "reason": (str, "why it is in the population"),
    },
    "evaluations": {
        "method": METHOD,
        "derivative": ORDER,
        "function": FUNCTION,
        "regular": REGULAR,
        "points": (int, "how many different points"),
        "counted": (int, "values of f as counted from outside"),
        "distinct": (int, "how many different points these were at"),
        "claimed": (int, "values of f as the method says"),
        "agree": (str, "yes; but for repeats, if it says the number of different points; or no"),
    },
    "functions": {"method": METHOD, "derivative": ORDER, "function": FUNCTION, "category": CATEGORY, **MEASURES},
    "categories": {"method": METHOD, "derivative": ORDER, "category": CATEGORY, **MEASURES},
    "misses": {
        "method": METHOD,
        "category": CATEGORY,
        "missed": (float, "answers that are not covered, in percent"),
        "ok_missed": (float, "answers with the status ok that are not covered, in percent"),
        "missed_goal": (float, "the goal for missed"),
        "ok_missed_goal": (float, "the goal for ok_missed"),
    },
    "statuses": {
        "method": METHOD,
        "function": FUNCTION,
        "category": CATEGORY,
        "allowed": (str, "the statuses that are right there"),
        "status": (str, "a status that was given"),
        "points": (int, "at how many points"),
        "right": (bool, "whether it is one of those allowed"),
    },
    "reliability": {
        "method": METHOD,
        "answers": (str, "those with the status ok, or all others"),
        "factor": (float, "a factor of the bar"),
        "beyond": (float, "share of the answers whose true error, half an ulp and slack apart, is above factor * bar"),
    },
    "scatter": {
        "method": METHOD,
        "answers": (str, "status of the answer; or where bar and true error are equal"),
        "true_error": (float, "max(true_error - slack, half an ulp) / |truth|"),
        "error": (float, "error / |truth|"),
    },
    "goals": {
        "method": METHOD,
        "measure": (str, "what is measured"),
        "unit": (str, "%, or x for a factor; else a number"),
        "bound": (str, "whether the goal is the most or the least that is allowed"),
        "goal": (float, "the goal"),
        "measured": (float, "what was measured; none where there was nothing to measure"),
        "cases": (int, "how many cases that is about"),
        "reached": (str, "yes, no, or not measured"),
    },
    "summary": {"method": METHOD, "derivative": ORDER, **MEASURES},
    "findings": {"finding": (str, "what the tables say, in a sentence")},
}

KEYS = ("method", "derivative", "function", "x")
"""What tells the rows of the table apart when runs are compared."""
ERRORS = {"true_error": ("value", "truth")}
"""A column that is proportional to the distance of two others, and moves when these do."""

TOLERANCES: Mapping[str, Mapping[str, object]] = {
    "x": {"relative": 2.0**-51},
    "value": {"column": "error"},
    **{key: {"follows": ()} for key in ("error", "evaluations", "delta", "noise", "deviation", "level", "attainable")},
    "truth": {"follows": ("x",)},
    "truth_low": {"follows": ()},
    "true_error": {"follows": ("value", "truth", "truth_low")},
    **{key: {"follows": ("true_error", "error", "attainable")} for key in ("covered", "miss", "tightness", "loss")},
    **{key: {"follows": ("error", "attainable")} for key in ("status", "counts", "settled", "right")},
}
"""By how much rounding may move a column when a run is repeated. Points are drawn by an exp, which is right to 2 ulp.
Two answers lie apart by no more than both their bars, which is what a bar says; how long it is, from which step it
comes, and with it the status, is the outcome of a search. The errors of f are its rounding itself. Some programs hold
constants as libm rounds them, such as cosh(1/16): another libm makes another function, with other low digits of truth.
"""

NEAR_BREAKS: Mapping[str, str] = MappingProxyType(
    {"near_break": "near breaks", "near_break_held_out": "near breaks, held out"}
)
"""Categories of points beside what breaks, by what the goals call them: they have goals of their own, of all orders."""
FACTORS = tuple(logspace(-3, 1.5, 46).tolist())
"""Factors of the bar in the table of reliability."""
DRAWN = 1200
"""Answers of a method in the scatter."""
LARGEST_DRAWN = 1e3
"""Answers that are farther off than so many times the truth are not drawn."""
YES, REPEATS, NO = "yes", "but for repeats", "no"
EQUAL = "bar = true error"
MANY = 200
"""Points that a function needs so that its coverage says something: 98 % of them are 4 misses."""
NAMED = 2.0
"""A level of noise is named if it is right within this factor."""
QUIET, LOUD = 1e-13, 1e-2
"""The levels of noise that the goals are about."""
SMOOTH_BIAS = ("relaxation", "table")
"""Disturbances that are smooth between their steps: their level is no noise that could be named."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to measure: methods at points of every function, higher derivatives at those of regular functions."""

    population: tuple[Family, ...]
    estimator: tuple[Method, ...] = (METHODS["derivative"],)
    derivatives: tuple[int, ...] = (1,)
    points: int = 6
    seed: int = 0

    def __post_init__(self) -> None:
        if 1 not in self.derivatives or not set(self.derivatives) <= {1, 2, 3, 4}:
            raise ValueError(f"derivatives={list(self.derivatives)}: 1, and as you like 2, 3 and 4 with it")
        if self.points < 1:
            raise ValueError(f"points={self.points}: at least 1 point of every function is needed")

    @property
    def rows(self) -> int:
        """Rows of the main table, at most."""
        return self.points * sum(
            sum(1 for order in _orders(family, self.derivatives) if order in method.orders)
            for family in self.population
            for method in self.estimator
        )


def _orders(family: Family, derivatives: Sequence[int]) -> tuple[int, ...]:
    return family.derivatives or tuple(order for order in derivatives if order == 1 or regular(family))


def run(config: Config) -> Iterator[tuple[str, Columns]]:
    """Yield the cases of one function at a time."""
    for family in config.population:
        x = np.unique(family.drawn(config.points, seed=config.seed))
        yield "population", _described(family, x)
        for order in _orders(family, config.derivatives):
            known = bench(family, x, order=order)
            place = {"derivative": order, "function": family.name, "regular": regular(family)}
            for method in config.estimator:
                if order in method.orders:
                    found = known.assess(claims(method, family.function, x, order=order))
                    own = {**place, "method": method.name}
                    yield "table", {**own, "category": family.category, **_assessed(found)}
                    yield "evaluations", {**own, **_counted(x, found.claims)}


def _assessed(found: Assessment) -> Columns:
    """The columns that compare what a method says with what is known."""
    said, known = found.claims, found.bench
    return {
        "x": known.x,
        "value": said.value,
        "error": said.error,
        "status": said.status.tolist(),
        "evaluations": said.evaluations,
        "truth": known.truth.high,
        "truth_low": known.truth.low,
        "attainable": known.best,
        "slack": known.family.slack,
        **{name: getattr(found, name) for name in ("true_error", "covered", "miss", "tightness", "loss")},
        **{name: getattr(found, name) for name in ("counts", "settled", "right")},
        "delta": said.delta,
        "noise": said.noise,
        "deviation": found.noise.deviation,
        "level": found.noise.level,
    }


def _counted(x: Array, said: Claims) -> Columns:
    agree = YES if said.counted == said.total else REPEATS if said.distinct == said.total else NO
    return {
        "points": np.array([x.size]),
        "counted": said.counted,
        "distinct": said.distinct,
        "claimed": said.total,
        "agree": agree,
    }


def _described(family: Family, x: Array) -> Columns:
    return {
        "function": [family.name],
        "text": family.function.text,
        "category": family.category,
        "regular": regular(family),
        "points": x.size,
        "allowed": ", ".join(family.statuses)
        + "; where it breaks: " * bool(family.at_break)
        + ", ".join(family.at_break),
        "noise": "" if family.noise is None else family.noise.kind,
        "noise_level": math.nan if family.noise is None else family.noise.level,
        "slack": family.slack,
        "reason": family.reason,
    }


# Measures of many cases


@dataclass(frozen=True)
class Cases:
    """Rows of the main table, as columns."""

    columns: Columns

    def __getitem__(self, name: str) -> NDArray[Any]:
        return cast("NDArray[Any]", self.columns[name])

    def where(self, mask: Mask) -> Cases:
        """Some of the rows."""
        return Cases({name: values[mask] for name, values in self.columns.items()})

    def of(self, **values: object) -> Cases:
        """The rows with these values in some columns."""
        return self.where(np.logical_and.reduce([self[name] == value for name, value in values.items()]))

    def split(self, *names: str) -> Iterator[tuple[tuple[Any, ...], Cases]]:
        """The rows of each combination of values of some columns, in the order of their first appearance."""
        keys = list(zip(*(self[name].tolist() for name in names), strict=True))
        place = {key: k for k, key in enumerate(dict.fromkeys(keys))}
        codes = np.array([place[key] for key in keys], dtype=np.intp)
        order = np.argsort(codes, kind="stable")
        ends = np.searchsorted(codes[order], np.arange(len(place) + 1))
        for key, start, end in zip(place, ends, ends[1:], strict=False):
            rows = order[start:end]
            yield key, Cases({name: values[rows] for name, values in self.columns.items()})

    @property
    def size(self) -> int:
        """How many rows."""
        return len(self["x"])

    @property
    def exists(self) -> Mask:
        """Where a derivative exists."""
        return np.asarray(np.isfinite(self["truth"]))

    @property
    def answered(self) -> Mask:
        """Where there is a value with a bar."""
        return np.asarray(np.isfinite(self["value"]) & np.isfinite(self["error"]))

    @property
    def answers(self) -> Cases:
        """The answers where a derivative exists."""
        return self.where(self.exists & self.answered)

    @property
    def ok(self) -> Cases:
        """The answers with the status ok where a derivative exists."""
        return self.where(self.exists & self.answered & (self["status"] == "ok"))

    @property
    def flagged(self) -> Cases:
        """The answers with another status."""
        return self.where(self.exists & self.answered & (self["status"] != "ok"))


def measured(cases: Cases) -> Row:
    """The columns MEASURES of some cases."""
    answers, ok, flagged = cases.answers, cases.ok, cases.flagged
    counting = cases.where(cases["counts"])
    nowhere = cases.where(~cases.exists)
    return {
        "points": cases.size,
        "answers": answers.size,
        "covered": share(answers["covered"]),
        "ok": ok.size,
        "ok_covered": share(ok["covered"]),
        "ok_share": share(cases["settled"][cases.exists]),
        "worst_miss": quantile(ok["miss"], 1.0),
        "worst_flagged": quantile(flagged["miss"], 1.0),
        "tightness": quantile(ok["tightness"], 0.5),
        "tightness_90": quantile(ok["tightness"], 0.9),
        "loss": quantile(answers["loss"], 0.5),
        "loss_90": quantile(answers["loss"], 0.9),
        "missing": share(~counting.answered),
        "silent": int(np.sum(nowhere["status"] == "ok")),
        "right": share(cases["right"]),
        "evaluations": float(np.mean(cases["evaluations"])) if cases.size else math.nan,
    }


# Goals


Measured = tuple[float, int]
"""What was measured, and over how many cases."""


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A measure of all cases of a method, and what it is to be.

    Attributes
    ----------
    measure, unit : str
        In words; ``%``, ``x`` or nothing.
    goal : float
    most : bool
        Whether it is the most that is allowed, or the least.
    of : callable
        Of the cases of one method, of all orders of the derivative.
    """

    measure: str
    unit: str
    goal: float
    most: bool
    of: Callable[[Cases], Measured]

    def judged(self, cases: Cases) -> Row:
        """The row of the table of goals."""
        value, count = self.of(cases)
        met = value <= self.goal if self.most else value >= self.goal
        return {
            "measure": self.measure,
            "unit": self.unit,
            "bound": "most" if self.most else "least",
            "goal": self.goal,
            "measured": value,
            "cases": count,
            "reached": "not measured" if math.isnan(value) else "yes" if met else "no",
        }


def _first(cases: Cases) -> Cases:
    return cases.where((cases["derivative"] == 1) & ~np.isin(cases["category"], list(NEAR_BREAKS)))


def _regular(cases: Cases, order: int = 1) -> Cases:
    return cases.where((cases["derivative"] == order) & cases["regular"])


def _nowhere(cases: Cases) -> Cases:
    return _first(cases).of(category="no_derivative")


def _edges(cases: Cases) -> Cases:
    return _first(cases).of(category="edge")


def _noisy(cases: Cases, *, smooth: bool = True) -> Cases:
    """Cases with noise of a level that the goals are about; without those whose error is smooth, if asked for."""
    first = _first(cases)
    known = (first["noise_level"] >= QUIET) & (first["noise_level"] <= LOUD)
    return first.where(known & (smooth | ~np.isin(first["disturbance"], SMOOTH_BIAS)))


def _near_breaks(category: str, words: str) -> Iterator[Goal]:
    """The goals of one half of the points near breaks."""
    yield Goal(
        measure=f"{words}: misses among answers with the status ok",
        unit="%",
        goal=0.3,
        most=True,
        of=lambda c: _percent(~c.of(category=category).ok["covered"]),
    )
    yield Goal(
        measure=f"{words}: misses among all answers",
        unit="%",
        goal=0.5,
        most=True,
        of=lambda c: _percent(~c.of(category=category).answers["covered"]),
    )
    yield Goal(
        measure=f"{words}: answered with the status ok where no derivative exists",
        unit="",
        goal=0.0,
        most=True,
        of=lambda c: _silent(c.of(category=category)),
    )
    yield Goal(
        measure=f"{words}: a right status where no derivative exists",
        unit="%",
        goal=95.0,
        most=False,
        of=lambda c: _percent(c.where((c["category"] == category) & ~c.exists)["right"]),
    )


def _percent(mask: NDArray[Any]) -> Measured:
    return 100.0 * share(mask), mask.size


def _quantile(part: float, column: str) -> Callable[[Cases], Measured]:
    def of(cases: Cases) -> Measured:
        return quantile(cases[column], part), int(np.sum(~np.isnan(cases[column])))

    return of


def _mean_evaluations(cases: Cases) -> Measured:
    return (float(np.mean(cases["evaluations"])) if cases.size else math.nan), cases.size


def _weakest_function(cases: Cases) -> Measured:
    """Coverage of the answers for the function with the least of it, in percent, among those with MANY points."""
    many = [group.answers["covered"] for _, group in _first(cases).split("function") if group.size >= MANY]
    found = [100.0 * share(one) for one in many if one.size]
    return (min(found) if found else math.nan), len(found)


def _right_by_function(cases: Cases) -> Measured:
    found = [share(group["right"]) for _, group in _nowhere(cases).split("function")]
    return (100.0 * float(np.mean(found)) if found else math.nan), len(found)


def _named(column: str) -> Callable[[Cases], Measured]:
    """Share of the points whose noise is named within a factor; of a method that never names any there is none."""

    def of(cases: Cases) -> Measured:
        noisy = _noisy(cases, smooth=False)
        if not np.any(np.isfinite(noisy["noise"])):
            return math.nan, 0
        with np.errstate(all="ignore"):
            ratio = noisy["noise"] / noisy[column]
        return _percent((ratio >= 1.0 / NAMED) & (ratio <= NAMED))

    return of


def _relative_error(cases: Cases) -> Measured:
    answers = cases.answers
    with np.errstate(all="ignore"):
        relative = answers["true_error"] / np.abs(answers["truth"])
    return quantile(relative, 0.5), int(np.sum(~np.isnan(relative)))


def _silent(cases: Cases) -> Measured:
    nowhere = cases.where(~cases.exists)
    return (float(np.sum(nowhere["status"] == "ok")) if nowhere.size else math.nan), nowhere.size


def _missing(cases: Cases) -> Measured:
    counting = _first(cases).where(_first(cases)["counts"])
    return _percent(~counting.answered)


GOALS: tuple[Goal, ...] = (
    Goal(measure="misses among answers with the status ok", unit="%", goal=0.15, most=True,
         of=lambda c: _percent(~_first(c).ok["covered"])),
    Goal(measure="misses among all answers", unit="%", goal=0.2, most=True,
         of=lambda c: _percent(~_first(c).answers["covered"])),
    Goal(measure=f"coverage of the weakest function with at least {MANY} points", unit="%", goal=98.0, most=False,
         of=_weakest_function),
    Goal(measure="worst miss with the status ok", unit="x", goal=3.0, most=True,
         of=lambda c: _quantile(1.0, "miss")(_first(c).ok)),
    Goal(measure="worst miss with another status", unit="x", goal=10.0, most=True,
         of=lambda c: _quantile(1.0, "miss")(_first(c).flagged)),
    Goal(measure="regular functions: ok, or a bound where more cannot be said", unit="%", goal=97.0, most=False,
         of=lambda c: _percent(_regular(c)["settled"])),
    Goal(measure="tightness of answers with the status ok, median", unit="x", goal=7.0, most=True,
         of=lambda c: _quantile(0.5, "tightness")(_first(c).ok)),
    Goal(measure="tightness of answers with the status ok, 90 %", unit="x", goal=30.0, most=True,
         of=lambda c: _quantile(0.9, "tightness")(_first(c).ok)),
    Goal(measure="regular functions: loss, median", unit="x", goal=1.3, most=True,
         of=lambda c: _quantile(0.5, "loss")(_regular(c).answers)),
    Goal(measure="regular functions: loss, 90 %", unit="x", goal=8.0, most=True,
         of=lambda c: _quantile(0.9, "loss")(_regular(c).answers)),
    Goal(measure="regular functions: mean evaluations", unit="", goal=16.0, most=True,
         of=lambda c: _mean_evaluations(_regular(c))),
    Goal(measure="no derivative: answered with the status ok", unit="", goal=0.0, most=True,
         of=lambda c: _silent(_first(c))),
    Goal(measure="no derivative: a right status", unit="%", goal=95.0, most=False,
         of=lambda c: _percent(_nowhere(c)["right"])),
    Goal(measure="no derivative: a right status, every function weighing the same", unit="%", goal=95.0, most=False,
         of=_right_by_function),
    Goal(measure="no answer where there could be one", unit="%", goal=0.05, most=True, of=_missing),
    Goal(measure=f"noise {QUIET:g} to {LOUD:g}: coverage", unit="%", goal=99.5, most=False,
         of=lambda c: _percent(_noisy(c).answers["covered"])),
    Goal(measure=f"noise {QUIET:g} to {LOUD:g}: level about its mean named within {NAMED:g}x", unit="%", goal=90.0,
         most=False, of=_named("deviation")),
    Goal(measure=f"noise {QUIET:g} to {LOUD:g}: level with its mean named within {NAMED:g}x", unit="%", goal=90.0,
         most=False, of=_named("level")),
    Goal(measure="second derivative of regular functions: coverage", unit="%", goal=99.0, most=False,
         of=lambda c: _percent(_regular(c, 2).answers["covered"])),
    Goal(measure="second derivative of regular functions: relative error, median", unit="", goal=1e-12, most=True,
         of=lambda c: _relative_error(_regular(c, 2))),
    Goal(measure="one-sided edges: coverage", unit="%", goal=99.0, most=False,
         of=lambda c: _percent(_edges(c).answers["covered"])),
    Goal(measure="one-sided edges: mean evaluations", unit="", goal=31.0, most=True,
         of=lambda c: _mean_evaluations(_edges(c))),
    *(goal for category, words in NEAR_BREAKS.items() for goal in _near_breaks(category, words)),
)  # fmt: skip
"""What a method that promises true bars is to reach."""
GOAL_OF = MappingProxyType({goal.measure: goal.goal for goal in GOALS})


# What the whole run says


def conclude(tables: Mapping[str, Columns]) -> Iterator[tuple[str, Columns]]:
    """Yield the measures by function and by category, statuses, reliability, goals, summary and findings."""
    cases = _with_noise(tables["table"], tables["population"])
    by_function = _grouped(cases, "method", "derivative", "function", "category")
    yield "functions", _columns(by_function, "functions")
    by_category = _grouped(cases, "method", "derivative", "category")
    yield "categories", _columns(by_category, "categories")
    near = cases.where(np.isin(cases["category"], list(NEAR_BREAKS)))
    rows = [*_grouped(_first(cases), "method", "category"), *_grouped(near, "method", "category")]
    misses = [_missed(row) for row in rows if row["answers"]]
    if misses:
        yield "misses", _columns(misses, "misses")
    yield "statuses", _columns(list(_statuses(cases)), "statuses")
    yield "reliability", _columns(list(_reliability(cases)), "reliability")
    scatter = list(_scatter(cases))
    if scatter:
        yield "scatter", _columns(scatter, "scatter")
    goals = [{"method": name, **goal.judged(own)} for (name,), own in cases.split("method") for goal in GOALS]
    yield "goals", _columns(goals, "goals")
    summary = _grouped(cases, "method", "derivative")
    yield "summary", _columns(summary, "summary")
    yield "findings", {"finding": list(_findings(cases, summary, goals, by_function, tables["evaluations"]))}


def _with_noise(table: Columns, population: Columns) -> Cases:
    """The cases, each with the noise of its function and the statuses allowed there."""
    kind = dict(zip(population["function"], population["noise"], strict=True))
    level = dict(zip(population["function"], population["noise_level"], strict=True))
    allowed = dict(zip(population["function"], population["allowed"], strict=True))
    names = table["function"].tolist()
    return Cases(
        {
            **table,
            "disturbance": np.array([kind[name] for name in names], dtype=object),
            "noise_level": np.array([level[name] for name in names]),
            "allowed": np.array([allowed[name] for name in names], dtype=object),
        }
    )


def _columns(rows: Sequence[Row], table: str) -> Columns:
    return {
        name: [row[name] for row in rows] if kind is str else np.array([row[name] for row in rows], dtype=kind)
        for name, (kind, _) in TABLES[table].items()
    }


def _grouped(cases: Cases, *names: str) -> list[Row]:
    return [{**dict(zip(names, key, strict=True)), **measured(group)} for key, group in cases.split(*names)]


def _missed(row: Row) -> Row:
    of = f"{NEAR_BREAKS[row['category']]}: " if row["category"] in NEAR_BREAKS else ""
    return {
        **row,
        "missed": 100.0 * (1.0 - row["covered"]),
        "ok_missed": 100.0 * (1.0 - row["ok_covered"]),
        "missed_goal": GOAL_OF[f"{of}misses among all answers"],
        "ok_missed_goal": GOAL_OF[f"{of}misses among answers with the status ok"],
    }


def _statuses(cases: Cases) -> Iterator[Row]:
    names = ("method", "function", "category", "allowed", "status", "right")
    for key, group in cases.where(cases["derivative"] == 1).split(*names):
        yield {**dict(zip(names, key, strict=True)), "points": group.size}


def _reliability(cases: Cases) -> Iterator[Row]:
    """How often the true error is beyond a factor of the bar, for every method and factor."""
    for (method,), own in _first(cases).split("method"):
        for name, group in (("ok", own.ok), ("any other status", own.flagged)):
            miss = np.sort(group["miss"])
            for factor in FACTORS if miss.size else ():
                beyond = miss.size - int(np.searchsorted(miss, factor, side="right"))
                yield {"method": method, "answers": name, "factor": factor, "beyond": beyond / miss.size}


def _scatter(cases: Cases) -> Iterator[Row]:
    """Some answers of every method, evenly chosen, and the line where bar and true error are equal."""
    for (method,), own in _first(cases).split("method"):
        answers = own.answers
        with np.errstate(all="ignore"):
            size = np.abs(answers["truth"])
            true = np.maximum(answers["true_error"] - answers["slack"], 0.5 * np.spacing(size)) / size
            bar = answers["error"] / size
            drawn = np.flatnonzero((np.maximum(true, bar) <= LARGEST_DRAWN) & (np.minimum(true, bar) > 0.0))
        for k in drawn[:: max(1, drawn.size // DRAWN)].tolist():
            yield {"method": method, "answers": answers["status"][k], "true_error": true[k], "error": bar[k]}
        if drawn.size:
            low, high = float(np.min(true[drawn])), float(np.max(true[drawn]))
            for place in geomspace(low, max(high, 10.0 * low), 150).tolist():
                yield {"method": method, "answers": EQUAL, "true_error": place, "error": place}


def _findings(
    cases: Cases, summary: Sequence[Row], goals: Sequence[Row], functions: Sequence[Row], evaluations: Columns
) -> Iterator[str]:
    """What is seen: at length for the first method, two sentences for each other."""
    first = [row for row in summary if row["derivative"] == 1]
    for row in first:
        own = cases.of(method=row["method"], derivative=1)
        if row is first[0]:
            yield _asked(own)
        yield _of_method(row)
        yield _of_goals([goal for goal in goals if goal["method"] == row["method"]], told=row is first[0])
        if row is first[0]:
            yield from _weakest([one for one in functions if one["method"] == row["method"] and one["derivative"] == 1])
            yield from _worst(own)
            yield from _unheard(own)
    yield from _agreement(evaluations)


def _agreement(evaluations: Columns) -> Iterator[str]:
    """Whether the methods say truly how often they evaluated f."""
    agree, asked = evaluations["agree"], int(np.sum(evaluations["counted"]))
    yield (
        f"{asked:,} values of f were counted from outside, in {len(agree)} calls; in {int(np.sum(agree == YES))} of "
        f"these the method says exactly as many."
    )
    for verdict, says in ((REPEATS, "as many different points, and asked some again"), (NO, "another number")):
        own = agree == verdict
        if np.any(own):
            yield (
                f"{_names(evaluations['method'][own])}: in {int(np.sum(own))} calls the method says {says}, "
                f"for instance for {evaluations['function'][own][0]}."
            )


def _asked(own: Cases) -> str:
    functions, exists = len(set(own["function"].tolist())), int(np.sum(own.exists))
    return (
        f"Every method is asked at {own.size:,} points of {functions} functions, at {exists:,} of which a derivative "
        "exists."
    )


def _of_method(row: Row) -> str:
    """How often a method answers, and is right."""
    nowhere = f"Where no derivative exists it says ok {row['silent']} times."
    if not row["answers"]:
        return f"{row['method']}: it gives no value with a bar. {nowhere}"
    of_ok = (
        f"{row['ok']:,} of them say ok, and of those {percent_reached(row['ok_covered'])}"
        if row["ok"]
        else "none says ok"
    )
    return (
        f"{row['method']}: it gives {row['answers']:,} values with a bar, and {percent_reached(row['covered'])} of the "
        f"bars are true; {of_ok}. {nowhere}"
    )


def _of_goals(goals: Sequence[Row], *, told: bool) -> str:
    """Which goals a method reaches, and, if it is to be told, how it misses the others."""
    known = [goal for goal in goals if goal["reached"] != "not measured"]
    missed = [goal for goal in known if goal["reached"] == "no"]
    reached = f"{len(known) - len(missed)} of the {len(known)} goals that could be measured are reached."
    listed = f" Missed: {'; '.join(map(_missed_goal, missed))}." if missed and told else ""
    return f"{goals[0]['method']}: {reached}{listed}"


def _missed_goal(goal: Row) -> str:
    unit = {"%": " %", "x": "x", "": ""}[goal["unit"]]
    return f"{goal['measure']} {goal['measured']:.3g}{unit}, at {goal['bound']} {goal['goal']:g}{unit}"


def _weakest(functions: Sequence[Row]) -> Iterator[str]:
    """The functions whose bars are least often true."""
    weak = sorted((row for row in functions if row["covered"] < 1.0), key=lambda row: row["covered"])
    if weak:
        told = ", ".join(
            f"{row['function']} ({percent_reached(row['covered'])} of {row['answers']})" for row in weak[:5]
        )
        whole = sum(row["answers"] > 0 and row["covered"] == 1.0 for row in functions)
        yield (
            f"{weak[0]['method']}: the bars are all true for {whole} functions, and not for {len(weak)}; "
            f"the weakest: {told}."
        )


def _worst(own: Cases) -> Iterator[str]:
    """The functions with the shortest bars for their error, among the answers with the status ok."""
    short = own.ok.where(own.ok["miss"] > 1.0)
    order = np.argsort(-short["miss"], kind="stable")
    names = dict.fromkeys(short["function"][order].tolist())
    told = []
    for name in list(names)[:5]:
        k = next(k for k in order if short["function"][k] == name)
        unseen = ", and no formula comes nearer than A" if short["attainable"][k] > short["error"][k] else ""
        told.append(
            f"{name} at x = {short['x'][k]:.10g} (true error {short['true_error'][k]:.1e}, bar "
            f"{short['error'][k]:.1e}, A {short['attainable'][k]:.1e}{unseen})"
        )
    if told:
        yield (
            f"{own['method'][0]}: {short.size} bars with the status ok are too short, half of them by a factor of "
            f"{quantile(short['miss'], 0.5):.2g} at most; the worst: {'; '.join(told)}."
        )


def _unheard(own: Cases) -> Iterator[str]:
    """Values where no derivative exists, and refusals where one does."""
    name = own["method"][0]
    nowhere = own.where(~own.exists)
    silent = nowhere.where(nowhere["status"] == "ok")
    flagged = nowhere.where(nowhere.answered & (nowhere["status"] != "ok"))
    if nowhere.size:
        yield (
            f"{name}: at {nowhere.size:,} points without a derivative it is silent, with a value that says ok, at "
            f"{silent.size}{_where(silent)}, and gives a value with another status at {flagged.size}{_where(flagged)}."
        )
    missing = own.where(own["counts"] & ~own.answered)
    if np.any(own["counts"]):
        yield (
            f"{name}: of {int(np.sum(own['counts'])):,} points at which it could answer it gives no answer at "
            f"{missing.size}{_where(missing)}; at {int(np.sum(missing['right']))} of these the population allows that."
        )


def _where(cases: Cases) -> str:
    return f" ({_names(cases['function'])})" if cases.size else ""


def _names(values: NDArray[Any], most: int = 5) -> str:
    """The most frequent of some names, as a text."""
    names, counts = np.unique(values.astype(str), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return first_of(names[order].tolist(), most)
