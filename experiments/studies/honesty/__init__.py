"""Is an error bar true? Methods that choose their own steps, asked at thousands of seeded points of a population of
functions and judged by the truth: coverage, tightness, loss, silence where no derivative exists, refusals, cost.

The attainable error A is that of the best difference formula at its best step, chosen knowing the truth
(:mod:`derivkit.testing.attainability`). Half an ulp is half a unit in the last place of the truth: what the nearest
float may be off by. What nobody can see from outside, such as the bias of a solver, is a family's slack.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from derivkit.testing import (
    ENTRY_GOALS,
    ENTRY_METHODS,
    GOALS,
    LANDSCAPES,
    METHODS,
    NEAR_BREAKS,
    WITHOUT_NEAR_BREAKS,
    Assessment,
    Cases,
    Comparisons,
    EntryCases,
    EntryMethod,
    Family,
    Landscape,
    Method,
    bench,
    claims,
    entry_cases,
    regular,
    share_beyond,
)
from experiments import goals
from experiments.columns import SEARCH, VERDICT, Category, Judged
from experiments.studies.honesty.sentences import (
    NO,
    REPEATS,
    YES,
    agreement,
    cases_in,
    of_entries,
    of_method,
    of_others,
    silence,
    weakest,
    worst,
)
from experiments.study import Frame, Rows, Tables, column, key, refuse_below
from experiments.words import counted, part_of

FACTORS = dk.logspace(-3, 1.5, 46)
"""Factors of the bar in the table of reliability."""
DRAWN = 1200
"""Answers of a method in the scatter."""
LEAST_DRAWN, LARGEST_DRAWN = 1e-20, 1e3
"""Answers whose bar or true error is a smaller or a greater part of the truth are not drawn: a single one would squeeze
all others into a line."""
EQUAL = "bar = true error"

# Tables

ORDER = (
    "order of the derivative; those above 1 are asked of regular functions, and near breaks where they are what breaks"
)


class Claim(Rows, table=None):
    """A method, and the order of the derivative."""

    method: str = key("the method")
    derivative: int = key(ORDER)


class Claimed(Claim, table=None):
    """A method at a function."""

    function: str = key("name of the function in the population")


class Regular(Rows, table=None):
    """Whether it is regular."""

    regular: bool = column("whether its category is one of REGULAR_CATEGORIES, and its values are undisturbed")


class Measures(Rows, table=None):
    """Measures of many cases."""

    points: int = column("how many different points")
    answers: int = column("points with a finite value and a finite bar, where a derivative exists")
    covered: float = column("share of the answers whose true error is within bar + half an ulp + slack")
    ok: int = column("answers with the status ok")
    ok_covered: float = column("share of these that are covered")
    ok_share: float = column("share of the points with a derivative that are settled: see the table")
    worst_miss: float = column("the largest miss of the answers with the status ok; above 1 the bar was too short")
    worst_flagged: float = column("the largest miss of the other answers")
    tightness: float = column("median tightness of the answers with the status ok")
    tightness_90: float = column("90 % of these are tighter than this")
    loss: float = column("median loss of the answers")
    loss_90: float = column("90 % of the answers lose less than this")
    missing: float = column("share of the points that ought to have an answer and have none: see the table")
    silent: int = column("points without a derivative that were answered with the status ok")
    right: float = column("share of the points whose status is one of those that the population allows")
    evaluations: float = column("mean evaluations of f for a point")


class Table(Claimed, Category, Regular, Judged):
    """Every claim beside the truth."""

    settled: bool = column(
        "status ok; or below_resolution, |truth| <= error and A >= 1e-3 |truth|: a bound is all that could be said",
        moves=VERDICT,
    )
    right: bool = column("whether the status is one of those that the population allows here", moves=VERDICT)
    delta: float = column("the largest step that was used; none where the method does not say", moves=SEARCH)
    noise: float = column("standard deviation of f's error as the method names it", moves=SEARCH)
    deviation: float = column("the true one, about its mean, on the window from x - delta to x + delta", moves=SEARCH)
    level: float = column("root mean square of f's error on it, its mean included", moves=SEARCH)


class Population(Rows):
    """The functions."""

    function: str = key("name of the function in the population")
    text: str = column("what it computes")
    category: str = column("what kind of function it is")
    regular: bool = column("whether its category is one of REGULAR_CATEGORIES, and its values are undisturbed")
    points: int = column("how many different points")
    allowed: str = column("the statuses that are right there")
    noise: str = column("what is done to its values")
    noise_level: float = column("and how strongly")
    slack: float = column("what nobody can see from outside, in the unit of the derivative")
    reason: str = column("why it is in the population")


class Evaluations(Claimed, Regular):
    """How often f was evaluated."""

    points: int = column("how many different points")
    counted: int = column("values of f as counted from outside")
    distinct: int = column("how many different points these were at")
    claimed: int = column("values of f as the method says")
    agree: str = column("yes; but for repeats, if it says the number of different points; or no")


class Entries(Rows):
    """Every entry of gradients and Hessians of functions of many variables beside the truth."""

    method: str = key("the function of derivkit")
    function: str = key("name of the function")
    point: int = key("which of the points drawn from the seed, from 0")
    entry: str = key("the entry, by its indices from 0")
    category: str = column("what kind of function it is")
    variables: int = column("of the function")
    value: float = column("what the method says", moves={"column": "error"})
    error: float = column("its bar; infinite where it refuses", moves=SEARCH)
    status: str = column("its status", moves={"follows": ("error",)})
    truth: float = column("the float nearest to the derivative", moves={"relative": 2.0**-50})
    true_error: float = column("|value - truth|", between=("value", "truth"), moves={"follows": ("value", "truth")})
    covered: bool = column(
        "whether true_error <= error + half an ulp of the truth", moves={"follows": ("true_error", "error")}
    )
    largest: float = column("the largest |truth| of all entries", moves={"relative": 2.0**-50})
    evaluations: int = column("calls of f for all entries, counted from outside", moves=SEARCH)


class Functions(Claimed, Category, Measures):
    """The measures by function."""


class Categories(Claim, Category, Measures):
    """The measures by category."""


class Misses(Rows):
    """Bars that are too short, by category, beside the goals."""

    method: str = key("the method")
    category: str = key("what kind of function it is", axis="label")
    missed: float = column("answers that are not covered, in percent")
    ok_missed: float = column("answers with the status ok that are not covered, in percent")
    missed_goal: float = column("the goal for missed")
    ok_missed_goal: float = column("the goal for ok_missed")


class Statuses(Rows):
    """The statuses that every method gives."""

    method: str = key("the method")
    function: str = key("name of the function in the population")
    category: str = column("what kind of function it is")
    allowed: str = column("the statuses that are right there")
    status: str = key("a status that was given")
    points: int = column("at how many points")
    right: bool = column("whether it is one of those allowed")


class Reliability(Rows):
    """How often the true error is beyond a factor of the bar."""

    method: str = key("the method", axis="series")
    answers: str = key("those with the status ok, or all others")
    factor: float = key("a factor of the bar", axis="x", label="factor c")
    beyond: float = column(
        "share of the answers whose true error, half an ulp and slack apart, is above factor * bar",
        axis="y",
        label="share with a true error above c bars",
    )


class Scatter(Rows):
    """Some answers of every method, evenly chosen, and the line where bar and true error are equal."""

    method: str = key("the method")
    answers: str = column("status of the answer; or where bar and true error are equal", axis="series")
    true_error: float = column(
        "max(true_error - slack, half an ulp) / |truth|", axis="x", label="true error / |derivative|"
    )
    error: float = column("error / |truth|", axis="y", label="error bar / |derivative|")


class Goals(goals.Goals):
    """What a method that promises true bars is to reach."""


class Summary(Claim, Measures):
    """The measures by method."""


# What is measured


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to measure: methods at points of every function, higher derivatives at those of regular functions."""

    population: tuple[Family, ...]
    estimator: tuple[Method, ...] = (METHODS["derivative"],)
    derivatives: tuple[int, ...] = (1,)
    points: int = 6
    landscapes: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if 1 not in self.derivatives or not set(self.derivatives) <= {1, 2, 3, 4}:
            raise ValueError(f"derivatives={list(self.derivatives)}: 1, and as you like 2, 3 and 4 with it")
        refuse_below(1, self, "points")
        refuse_below(0, self, "landscapes")

    @property
    def rows(self) -> int:
        """Rows of the main table, at most."""
        return self.points * sum(
            sum(1 for order in orders_of(family, self.derivatives) if order in method.orders)
            for family in self.population
            for method in self.estimator
        )


def orders_of(family: Family, derivatives: Sequence[int]) -> tuple[int, ...]:
    """The orders of the derivative that are asked of a function."""
    return family.derivatives or tuple(order for order in derivatives if order == 1 or regular(family))


def measure(config: Config) -> Iterator[Rows]:
    """Yield the cases of one function at a time."""
    yield from points_of(config)
    for landscape in LANDSCAPES if config.landscapes else ():
        x = landscape.drawn(config.landscapes, seed=config.seed)
        for method in ENTRY_METHODS.values():
            yield from entries(method, landscape, x)


def points_of(config: Config) -> Iterator[Rows]:
    """Yield the cases of functions of one variable."""
    for family in config.population:
        x = np.unique(family.drawn(config.points, seed=config.seed))
        yield described(family, x.size)
        for order in orders_of(family, config.derivatives):
            known = bench(family, x, order=order)
            for method in config.estimator:
                if order in method.orders:
                    where = {"method": method.name, "derivative": order, "function": family.name}
                    yield from assessed(known.assess(claims(method, family.function, x, order=order)), where)


def assessed(assessment: Assessment, where: Mapping[str, Any]) -> Iterator[Rows]:
    """What a method says at the points of a function, beside what is known, and how often it evaluated f."""
    answers, known = assessment.claims, assessment.bench
    labels = {**where, "regular": regular(known.family)}
    yield Table(
        **labels, **assessment.columns, settled=assessment.settled, right=assessment.right, delta=answers.delta,
        noise=answers.noise, deviation=assessment.noise.deviation, level=assessment.noise.level,
    )  # fmt: skip
    yield Evaluations(
        **labels, points=known.x.size, counted=answers.counted, distinct=answers.distinct, claimed=answers.total,
        agree=agreed(answers.counted, answers.distinct, answers.total),
    )  # fmt: skip


def agreed(counted: int, distinct: int, claimed: int) -> str:
    """Whether a method says truly how often it evaluated f."""
    return YES if counted == claimed else REPEATS if distinct == claimed else NO


def entries(method: EntryMethod, landscape: Landscape, x: NDArray[np.floating[Any]]) -> Iterator[Rows]:
    """What a method says at points of a function of many variables, beside the truth, and how often f was called."""
    where = {"method": method.name, "function": landscape.name}
    accounts = []
    for point, place in enumerate(x):
        cases, account = entry_cases(method, landscape, place)
        accounts.append(astuple(account))
        yield Entries(
            **where, point=point, entry=method.entries(landscape.size), category=landscape.category,
            **{one.name: getattr(cases, one.name) for one in fields(cases) if one.name not in where},
        )  # fmt: skip
    counted, distinct, claimed = np.sum(accounts, axis=0).tolist()
    yield Evaluations(
        **where, derivative=method.order, regular=True, points=len(x), counted=counted, distinct=distinct,
        claimed=claimed, agree=agreed(counted, distinct, claimed),
    )  # fmt: skip


def described(family: Family, points: int) -> Population:
    """A function of the population."""
    noise = ("", math.nan) if family.noise is None else (family.noise.kind, family.noise.level)
    where = "; where it breaks: " if family.at_break else ""
    return Population(
        function=family.name, text=family.function.text, category=family.category, regular=regular(family),
        points=points, allowed=f"{', '.join(family.statuses)}{where}{', '.join(family.at_break)}", noise=noise[0],
        noise_level=noise[1], slack=family.slack, reason=family.reason,
    )  # fmt: skip


# What the whole run says


def joined(tables: Tables) -> Frame:
    """The cases, with the noise of the function."""
    population = tables[Population].drop_duplicates("function", keep="last").set_index("function")
    population = population[["noise", "noise_level", "allowed"]].rename(columns={"noise": "disturbance"})
    return tables[Table].join(population, on="function")


def grouped(rows: Frame, *names: str) -> Frame:
    """The measures of the cases of each combination of values of some columns."""
    import pandas as pd  # noqa: PLC0415 - only a run that concludes pays for it

    groups = rows.groupby([*names], sort=False)
    measured = [
        {**dict(zip(names, keys, strict=True)), **asdict(cases_in(group, Cases).measures)} for keys, group in groups
    ]
    return pd.DataFrame(measured, columns=[*names, *Measures.columns])


def conclude(tables: Tables) -> Iterator[Rows]:
    """Yield the measures by function and by category, statuses, reliability, goals and the summary."""
    rows = joined(tables)
    yield Functions.of(grouped(rows, "method", "derivative", "function", "category"))
    yield Categories.of(grouped(rows, "method", "derivative", "category"))
    near = rows["category"].isin(list(NEAR_BREAKS))
    first = rows[(rows["derivative"] == 1) & ~near]
    for some in (first, rows[near]):
        yield from map(missed, grouped(some, "method", "category").query("answers > 0").itertuples())
    names = ["method", "function", "category", "allowed", "status", "right"]
    yield Statuses.of(rows[rows["derivative"] == 1].groupby(names, sort=False).size().reset_index(name="points"))
    of_methods = {str(method): cases_in(some, Cases) for method, some in first.groupby("method", sort=False)}
    for method, cases in of_methods.items():
        for name, some in (("ok", cases.ok), ("any other status", cases.flagged)):
            if len(some):
                yield Reliability(method=method, answers=name, factor=FACTORS, beyond=share_beyond(some.miss, FACTORS))
    for method, cases in of_methods.items():
        yield from scatter(method, cases.answers)
    for method, some in rows.groupby("method", sort=False):
        yield Goals.of(goals.judged(str(method), GOALS, cases_in(some, Cases)))
    for method, some in tables[Entries].groupby("method", sort=False):
        found = cases_in(some, EntryCases)
        yield from scatter(method, found.answers)
        yield Goals.of(goals.judged(str(method), ENTRY_GOALS[method], found))
    yield Summary.of(grouped(rows, "method", "derivative"))


def missed(row: Any) -> Misses:
    """How many bars are too short, beside the goals."""
    goal_of = {goal.measure: goal.goal for goal in GOALS}
    points = NEAR_BREAKS.get(row.category, WITHOUT_NEAR_BREAKS)
    return Misses(
        method=row.method, category=row.category, missed=100.0 * (1.0 - row.covered),
        ok_missed=100.0 * (1.0 - row.ok_covered), missed_goal=goal_of[f"{points}: misses among all answers"],
        ok_missed_goal=goal_of[f"{points}: misses among answers with the status ok"],
    )  # fmt: skip


def scatter(method: str, answers: Comparisons) -> Iterator[Rows]:
    """Some answers of a method, evenly chosen, and the line where bar and true error are equal."""
    true, bar = answers.relative
    drawn = np.flatnonzero((np.maximum(true, bar) <= LARGEST_DRAWN) & (np.minimum(true, bar) >= LEAST_DRAWN))
    if not drawn.size:
        return
    some = drawn[:: max(1, drawn.size // DRAWN)]
    yield Scatter(method=method, answers=answers.status[some], true_error=true[some], error=bar[some])
    low, high = float(np.min(true[drawn])), float(np.max(true[drawn]))
    line = dk.geomspace(low, max(high, 10.0 * low), 150)
    yield Scatter(method=method, answers=EQUAL, true_error=line, error=line)


def tell(tables: Tables) -> Iterator[str]:
    """Yield what is seen: at length for the first method, and one sentence for all others."""
    rows, reached, functions = joined(tables), tables[Goals], tables[Functions]
    summary = tables[Summary].query("derivative == 1")
    for row in summary.head(1).itertuples():
        cases = rows[(rows["method"] == row.method) & (rows["derivative"] == 1)]
        yield (
            f"Every method is tried at {counted(len(cases), 'point')} of "
            f"{counted(cases['function'].nunique(), 'function')}; a derivative exists at "
            f"{part_of(int(cases_in(cases, Cases).exists.sum()), len(cases), 'point')}."
        )
        yield of_method(row)
        yield goals.of_goals(reached[reached["method"] == row.method])
        yield from weakest(functions[(functions["method"] == row.method) & (functions["derivative"] == 1)])
        yield from worst(row.method, cases)
        yield from silence(row.method, cases)
    yield from of_others(summary[1:], reached)
    for method, some in tables[Entries].groupby("method", sort=False):
        yield f"{of_entries(str(method), some)}; {goals.which_reached(reached[reached['method'] == method])}"
    yield from agreement(tables[Evaluations])
