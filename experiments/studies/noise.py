"""What noise does to a derivative, and whether it is noticed: float32 inside, seeded noise, quantised values, solvers
that stop early, noise with a mean. The level that is named, the bar and the true error stand beside what theory allows
(:mod:`derivkit.testing.noise_law`).
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
from derivkit.testing import (
    DISTURBANCES,
    METHODS,
    NAMED_WITHIN,
    SMOOTH,
    Family,
    Method,
    Site,
    allowed,
    claims,
    covered,
    named_within,
    perturbation,
    share,
    site_of,
)
from experiments.study import Frame, Rows, Tables, column, frames, key, refuse_below
from experiments.words import counted, number, numbers, percent_reached

Array = NDArray[np.float64]
Row = dict[str, Any]

LINES = {"true error": "true_error", "error bar": "error", "theory allows": "law", "nobody can see": "slack"}
"""The lines of a figure, with their columns in the table of levels."""
FITTED = ("true_error", "error", "law")
NAMES = {"as it is": "deviation", "as it is named": "noise"}

# Tables

LEVEL = column(
    "how strongly: half the width of uniform noise, the step of a grid, a tolerance",
    axis="x", label="level of the noise",
)  # fmt: skip
ANSWERS = column("points with a finite value and a finite bar")
COVERED = column("share of the answers that are covered")
OUTCOME = {"follows": ()}
"""The rule of what is the outcome of a search, or of f's rounding itself."""


class Kind(Rows, table=None):
    """A method and a kind of noise."""

    method: str = key("the method")
    kind: str = column("what is done to the values of f: see DISTURBANCES of derivkit.testing.population")


class Disturbed(Kind, table=None):
    """A function whose values are disturbed."""

    function: str = key("name of the function in the population")
    level: float = LEVEL


class Table(Disturbed):
    """A row for every point.

    How far rounding moves a column: points are drawn by an exp, which is right to 2 ulp. Two answers lie apart by no
    more than both their bars, which is what a bar says; how long it is, from which step it comes, and with it the
    status, is the outcome of a search. The errors of f are its rounding itself, and the law follows from them.
    """

    x: float = key("the point, drawn from the seed", moves={"relative": 2.0**-51})
    value: float = column("what the method says", moves={"column": "error"})
    error: float = column("its bar; infinite where it refuses", moves=OUTCOME)
    status: str = column("its status", moves={"follows": ("error",)})
    evaluations: int = column("values of f that it charges to the point", moves=OUTCOME)
    delta: float = column("the largest step that it used; none where it does not say", moves=OUTCOME)
    noise: float = column("standard deviation of f's error as it names it", moves=OUTCOME)
    deviation: float = column("the true one, about its mean, on the window from x - delta to x + delta", moves=OUTCOME)
    truth: float = column("the derivative of the function without noise", moves={"follows": ("x",)})
    slack: float = column("what nobody can see from outside, in the unit of the derivative")
    true_error: float = column("|value - truth|", moves={"follows": ("value", "truth")}, between=("value", "truth"))
    covered: bool = column(
        "whether true_error <= error + half an ulp of the truth + slack", moves={"follows": ("value", "error")}
    )
    law: float = column(
        "what theory allows at this noise; none where f's error is smooth, as of solvers and tables",
        moves=OUTCOME,
    )


class Functions(Disturbed):
    """A row for every function."""

    points: int = column("how many")
    answers: int = ANSWERS
    covered: float = COVERED
    statuses: str = column("how often which status was given")
    deviation: float = column("median of the true standard deviation of f's error on the window")
    noise: float = column("median of the one that is named")
    named: float = column("share of the points at which it is named within a factor of 2; none where it is smooth")
    delta: float = column("median of the largest step used")
    error: float = column("median bar")
    true_error: float = column("median true error")
    slack: float = column("what nobody can see from outside")
    law: float = column("median of what theory allows")
    evaluations: float = column("mean evaluations of f for a point")


class Levels(Kind):
    """A row for every level of the noise of one function of each kind."""

    function: str = key("the function whose values are disturbed: the first of its kind in the population")
    level: float = LEVEL
    answers: int = ANSWERS
    points: int = column("how many")
    covered: float = COVERED
    noticed: float = column("share of the answers with another status than ok")
    deviation: float = column("median of the true standard deviation of f's error on the window")
    noise: float = column("median of the one that is named")
    error: float = column("median bar")
    true_error: float = column("median true error", label="median true error")
    slack: float = column("what nobody can see from outside")
    law: float = column("median of what theory allows")


class Curves(Kind):
    """Errors over the level."""

    line: str = column(
        "true error, bar, what theory allows (medians over the points), or what nobody can see", axis="series"
    )
    level: float = LEVEL
    size: float = column("in the unit of the derivative", axis="y", label="in the unit of the derivative")


class Naming(Kind):
    """The noise over its level."""

    line: str = column("as it is, or as it is named; medians over the points", axis="series")
    level: float = LEVEL
    size: float = column("standard deviation of f's error", axis="y", label="standard deviation of f")


class Exponents(Kind):
    """The powers of the level that errors follow."""

    levels: int = column("levels at which at least half of the points are answered, and of which the slopes are")
    true_error: float = column("a in true error = c level^a, fitted to the medians")
    error: float = column("the same of the bar")
    law: float = column("the same of what theory allows; none where f's error is smooth")


class Summary(Kind):
    """One line for every kind of noise."""

    functions: int = column("how many")
    points: int = column("how many")
    answers: int = ANSWERS
    covered: float = COVERED
    named: float = column("share of the points at which its level is named within a factor of 2; none where smooth")
    error_to_law: float = column("median of bar / what theory allows")
    true_to_law: float = column("median of true error, slack apart / what theory allows")
    statuses: str = column("how often which status was given")


# What is measured


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
        refuse_below(1, self, "points")

    @property
    def rows(self) -> int:
        """Rows of the main table, at most."""
        return self.points * len(self.population) * len(self.estimator)


def measure(config: Config) -> Iterator[Rows]:
    """Yield the cases of one function at a time, and the levels of the first function of each kind."""
    first: set[str] = set()
    for family in config.population:
        site = site_of(family, np.unique(family.drawn(config.points, seed=config.seed)))
        for method in config.estimator:
            yield cases(method, family, site)
        kind = family.disturbance.kind
        if DISTURBANCES[kind].levelled and kind not in first:
            first.add(kind)
            at = [family.at_level(level) for level in sorted(config.levels)]
            rows = [cases(method, one, site) for method in config.estimator for one in at]
            yield Levels.of([measures(frames([some])[Table]) for some in rows])


def cases(method: Method, family: Family, site: Site) -> Table:
    """What a method says at the points of a function."""
    noise, claimed = family.disturbance, claims(method, family.function, site.x)
    return Table(
        method=method.name, kind=noise.kind, function=family.name, level=noise.level, x=site.x, value=claimed.value,
        error=claimed.error, status=claimed.status, evaluations=claimed.evaluations, delta=claimed.delta,
        noise=claimed.noise, deviation=perturbation(family, site.x, claimed.delta).deviation,
        truth=site.truth.high, slack=family.slack, true_error=site.truth.distance(claimed.value),
        covered=covered(claimed.value, claimed.error + family.slack, site.truth), law=allowed(family, site),
    )  # fmt: skip


# Measures


def answered(rows: Frame) -> Frame:
    """The cases with a finite value and a finite bar."""
    return rows[np.isfinite(rows["value"]) & np.isfinite(rows["error"])]


def measures(rows: Frame) -> Row:
    """What the cases of one method, kind, function and level say together."""
    answers = answered(rows)
    return {
        **{name: rows[name].iloc[0] for name in ("method", "kind", "function", "level", "slack")},
        "points": len(rows),
        "answers": len(answers),
        "covered": answers["covered"].mean(),
        "noticed": (answers["status"] != "ok").mean(),
        "statuses": counts(rows["status"]),
        "named": named(rows),
        **{name: rows[name].median() for name in ("deviation", "noise", "delta", "law")},
        **{name: answers[name].median() for name in ("error", "true_error")},
        "evaluations": rows["evaluations"].to_numpy().mean(),
    }


def named(rows: Frame) -> float:
    """Share of the points whose noise is named right; none of a method that never names any."""
    rough = rows[~rows["kind"].isin(SMOOTH)]
    if not np.isfinite(rows["noise"]).any():
        return math.nan
    return share(named_within(rough["noise"].to_numpy(), rough["deviation"].to_numpy()))


def words_of(rows: Frame) -> str:
    """What is done to the values of f in some rows, in words."""
    return DISTURBANCES[rows["kind"].iloc[0]].words


def counts(statuses: Frame) -> str:
    """How often which status was given."""
    return ", ".join(f"{status} {count}" for status, count in Counter(map(str, statuses)).most_common())


def summed_up(rows: Frame) -> Row:
    """What the cases of one method and kind say together."""
    answers = answered(rows)
    beyond = (answers["true_error"] - answers["slack"]).clip(lower=0.0)
    return {
        **{name: rows[name].iloc[0] for name in ("method", "kind")},
        "functions": rows["function"].nunique(),
        "points": len(rows),
        "answers": len(answers),
        "covered": answers["covered"].mean(),
        "named": named(rows),
        "error_to_law": (answers["error"] / answers["law"]).median(),
        "true_to_law": (beyond / answers["law"]).median(),
        "statuses": counts(rows["status"]),
    }


# What the whole run says


def conclude(tables: Tables) -> Iterator[Rows]:
    """Yield the measures by function and kind, and the curves over the levels with their slopes."""
    table, levels = tables[Table], tables[Levels]
    by_function = table.groupby(["method", "kind", "function"], sort=False)
    yield Functions.of([measures(rows) for _, rows in by_function])
    if len(levels):
        yield from drawn(levels, Curves, LINES)
        yield from drawn(levels, Naming, NAMES)
        yield Exponents.of([exponents(rows) for _, rows in levels.groupby(["method", "kind"], sort=False)])
    yield Summary.of([summed_up(rows) for _, rows in table.groupby(["method", "kind"], sort=False)])


def drawn(levels: Frame, table: type[Rows], lines: Mapping[str, str]) -> Iterator[Rows]:
    """The lines of a figure, those at least half of whose points are answered."""
    for line, name in lines.items():
        rows = half_answered(levels)
        rows = rows[rows[name] > 0.0]
        if len(rows):
            yield table.of(rows, line=line, size=rows[name])


def half_answered(levels: Frame) -> Frame:
    """The levels at which at least half of the points are answered."""
    return levels[levels["answers"] >= 0.5 * levels["points"]]


def exponents(levels: Frame) -> Row:
    """The powers of the level for one method and kind."""
    rows = half_answered(levels)
    slopes = {name: dk.observed_order(rows["level"], rows[name]) for name in FITTED}
    return {"method": levels["method"].iloc[0], "kind": levels["kind"].iloc[0], "levels": len(rows), **slopes}


def tell(tables: Tables) -> Iterator[str]:
    """Yield what is seen: at length for the first method, a sentence for each other."""
    table = tables[Table]
    for place, (method, rows) in enumerate(table.groupby("method", sort=False)):
        yield of_method(str(method), summed_up(rows))
        if not place:
            summary, powers, levels = (tables[one][tables[one]["method"] == method]
                                       for one in (Summary, Exponents, Levels))  # fmt: skip
            yield from of_kinds(summary)
            yield from of_slopes(powers)
            yield from of_levels([group for _, group in levels.groupby("kind", sort=False)])


def of_method(method: str, whole: Row) -> str:
    """How often the bars of a method are true, and how near to theory."""
    says = (
        f"{method}: at {counted(whole['points'], 'point')} of {counted(whole['functions'], 'disturbed function')} it "
        f"gives {counted(whole['answers'], 'value')} with a bar"
    )
    if not whole["answers"]:
        return f"{says}."
    says += f", of which {percent_reached(whole['covered'])} are true."
    if not math.isnan(whole["error_to_law"]):
        says += (
            f" Half of the true errors are below {number(whole['true_to_law'])} times what theory allows, half of the "
            f"bars below {number(whole['error_to_law'])} times."
        )
    if math.isnan(whole["named"]):
        return f"{says} It does not name the level of the noise."
    named = percent_reached(whole["named"])
    return f"{says} The level of the noise is named within a factor of {NAMED_WITHIN:g} at {named} of points."


def of_kinds(summary: Frame) -> Iterator[str]:
    """The kinds of noise whose bars are not all true, and those whose level is least often named."""
    weak = summary[summary["covered"] < 1.0].sort_values("covered", kind="stable")
    if len(weak):
        shares = (
            f"{DISTURBANCES[row.kind].words}: {percent_reached(row.covered)} of {row.answers}"
            for row in weak.itertuples()
        )
        yield f"Kinds of noise whose bars are not all true: {'; '.join(shares)}."
    unnamed = summary[summary["named"] < 0.9].sort_values("named", kind="stable")
    if len(unnamed):
        shares = (f"{DISTURBANCES[row.kind].words}: {percent_reached(row.named)}" for row in unnamed.itertuples())
        yield (
            f"Kinds of noise whose level is named within a factor of {NAMED_WITHIN:g} at less than 90 % of points:"
            f" {'; '.join(shares)}."
        )
    smooth = summary[summary["kind"].isin(SMOOTH) & (summary["answers"] > 0)]
    if len(smooth):
        statuses = "; ".join(f"{DISTURBANCES[row.kind].words}: {row.statuses}" for row in smooth.itertuples())
        yield (
            "Errors that are smooth where f is looked at cannot be seen from outside. Statuses given there: "
            f"{statuses}."
        )


def of_slopes(powers: Frame) -> Iterator[str]:
    """The powers of the level that errors follow."""
    known = [
        f"{DISTURBANCES[row.kind].words}: {row.true_error:.2f}, {row.error:.2f} and {row.law:.2f}"
        for row in powers.dropna(subset=list(FITTED)).itertuples()
    ]
    if known:
        yield (
            "Powers of the level that true error, bar and what theory allows follow, for one function of each kind: "
            f"{'; '.join(known)}."
        )


def of_levels(groups: Sequence[Frame]) -> Iterator[str]:
    """From which level on noise is noticed, and where there is no answer."""
    noticed = {words_of(rows): rows["level"][rows["noticed"] > 0.5] for rows in groups}
    unnoticed = [kind for kind, levels in noticed.items() if not len(levels)]
    if len(unnoticed) < len(noticed):
        least = "; ".join(f"{kind}: {number(levels.min())}" for kind, levels in noticed.items() if len(levels))
        yield f"The least level at which most answers have another status than ok: {least}."
    if unnoticed:
        yield f"At every level most answers say ok, or there are none: {'; '.join(unnoticed)}."
    for rows in groups:
        silent = rows[rows["answers"] < 0.5 * rows["points"]]
        if len(silent):
            kind, function = words_of(rows), rows["function"].iloc[0]
            yield (
                f"Fewer than half of the points are answered for {kind} ({function}) at the levels"
                f" {', '.join(numbers(silent['level']))}."
            )
