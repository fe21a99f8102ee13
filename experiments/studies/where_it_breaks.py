"""Where numerical derivatives break: kinks, jumps, ends of domains, waves between the steps, spikes and noise, and what
each method says there beside the truth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import derivkit as dk
from derivkit.testing import BREAKS, METHODS, VERDICTS, Answer, Break, verdict
from experiments.columns import table_of
from experiments.study import Frame, Lesson, Rows, Tables, column, key, refuse_repeated, refuse_unknown
from experiments.words import counted, listed

OURS = "dk.derivative"
TEXTBOOK = ("forward_1", "central_2", "central_4")
"""Formulas with the delta that textbooks give where nothing is known of f."""
ALONE = "complex_step alone"
"""The complex step without the probe that this library puts before it."""
SAMPLES = 801
DRAWN = ("central_2", "ridders")
"""Whose slopes are drawn beside that of dk.derivative."""
INVISIBLE = ("ripple", "spike")
"""The cases of which a method that takes values alone cannot know."""

# Who answers


def textbook(name: str) -> Callable[[dk.Function, float], Answer]:
    """A formula with the delta of the textbooks."""

    def answer(f: dk.Function, x: float) -> Answer:
        value = float(dk.difference(f, x, dk.classical_delta(dk.formula(name), x), formula=name))
        known = math.isfinite(value)
        return Answer(value=value if known else math.nan, bar=math.nan, status="ok" if known else "not_finite")

    return answer


def classical(name: str, **keywords: Any) -> Callable[[dk.Function, float], Answer]:
    """A method that puts a bar on its error."""
    return lambda f, x: Answer.of(METHODS[name](f, x, **keywords))


ANSWERS: Mapping[str, Callable[[dk.Function, float], Answer]] = {
    OURS: lambda f, x: Answer.of(dk.derivative(f, x)),
    **{name: textbook(name) for name in TEXTBOOK},
    **{name: classical(name) for name in ("richardson", "ridders", "gsl_central", "complex_step")},
    ALONE: classical("complex_step", probe=False),
}
"""Every method by its name."""
NAMES = tuple(ANSWERS)

# Tables


class Table(Rows):
    """What every method says of every case.

    Two answers lie apart by no more than both their bars, which is what a bar says; how long it is, and with it the
    status, is the outcome of a search. A fixed formula has no bar and may move by a few ulps only.
    """

    case: str = key("name of the case")
    x: float = column("the point")
    method: str = key("who answers")
    value: float = column("its answer; none if it refuses", moves={"column": "bar"})
    bar: float = column("how far off it says that it may be; none if it says nothing of that", moves={"follows": ()})
    truth: float = column("the derivative, one-sided where the domain ends; none where none exists")
    error: float = column("|value - truth|", between=("value", "truth"))
    status: str = column("its status; of a fixed formula ok, or not_finite", moves={"follows": ("bar",)})
    verdict: str = column("what that is worth: see VERDICTS", moves={"follows": ("value", "bar", "error")})


class Cases(Rows):
    """The cases."""

    case: str = key("name of the case")
    expression: str = column("the function")
    x: float = column("the point")
    truth: float = column("the derivative; none where none exists")
    said: str = column("what dk.derivative says")
    why: str = column("what is to be seen here")


class Pictures(Rows):
    """The graph around every point, and slopes."""

    case: str = key("name of the case")
    view: str = key("how far the picture reaches")
    line: str = column("f, or whose slope", axis="series")
    t: float = column("distance from the point", axis="x", label="distance from x")
    y: float = column("f(x + t) - f(x), less a straight line where the view says so", axis="y", label="f - f(x)")


Matrix = table_of(
    "Matrix",
    "The verdicts by case and method.",
    {
        "case": (str, key("name of the case")),
        **{name: (str, column(f"the verdict on {name}")) for name in NAMES},
    },
    module=__name__,
)
Summary = table_of(
    "Summary",
    "How many verdicts of each kind every method has.",
    {
        "method": (str, key("who answers")),
        **{name: (int, column(f"cases: {meaning}")) for name, meaning in VERDICTS.items()},
    },
    module=__name__,
)


# What is measured


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which cases to look at."""

    case: tuple[str, ...] = ("smooth", "kink", "ripple")

    def __post_init__(self) -> None:
        if not self.case:
            raise ValueError(f"case=[]: no case is named; there are {', '.join(BREAKS)}")
        refuse_unknown(self, "case", BREAKS)
        refuse_repeated(self, "case")

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        return len(self.case) * len(NAMES)


def measure(config: Config) -> Iterator[Rows]:
    """Yield what everybody says, case by case, and the pictures."""
    for name in config.case:
        case = BREAKS[name]
        f, truth, derivative = case.function, case.truth, dk.derivative(case.function, case.x)
        yield answers_to(name, case)
        yield Cases(case=name, expression=f.text, x=case.x, truth=truth, said=str(derivative.message), why=case.why)
        for half, straightened in case.views:
            yield from picture(name, case, derivative, half, straightened=straightened)


def answers_to(name: str, case: Break) -> Table:
    """What every method says of a case."""
    f, truth = case.function, case.truth
    answers = [answer(f, case.x) for answer in ANSWERS.values()]
    value, bar = (np.array([getattr(one, field) for one in answers]) for field in ("value", "bar"))
    return Table(
        case=name, x=case.x, method=list(ANSWERS), value=value, bar=np.where(np.isfinite(value), bar, np.nan),
        truth=truth, error=np.abs(value - truth),
        status=[one.status for one in answers], verdict=[verdict(one, truth, case.size) for one in answers],
    )  # fmt: skip


def picture(name: str, case: Break, derivative: dk.Derivative, half: float, *, straightened: bool) -> Iterator[Rows]:
    """The graph around x, and the slopes that dk.derivative and two others claim; distances from (x, f(x))."""
    f, x = case.function, case.x
    lo, hi = max(x - half, case.domain[0]) - x, min(x + half, case.domain[1]) - x
    at = x + np.linspace(lo, hi, SAMPLES)
    y, centre = f(at), f(x)
    base = centre if math.isfinite(centre) else 0.0
    slope = (y[-1] - y[0]) / (at[-1] - at[0]) if straightened else 0.0
    graph = y - base - slope * (at - x)
    knees = np.array([lo, 0.0, hi])
    where = {"case": name, "view": f"{half:g} to both sides{', less a line' if straightened else ''}"}
    yield Pictures(**where, line="f", t=at - x, y=graph)
    if math.isinf(derivative.value):
        yield Pictures(**where, line=OURS, t=0.0, y=[np.nanmin(graph), np.nanmax(graph)])
    elif str(derivative.status) == "kink":
        sides = np.array([derivative.left, 0.0, derivative.right])
        yield Pictures(**where, line=OURS, t=knees, y=(sides - slope) * knees)
    claims = {OURS: derivative.value, **{other: ANSWERS[other](f, x).value for other in DRAWN}}
    for line, value in claims.items():
        if math.isfinite(value) and math.isfinite(centre):
            yield Pictures(**where, line=line, t=knees, y=(value - slope) * knees)


# What the whole run says


def conclude(tables: Tables) -> Iterator[Rows]:
    """Yield the verdicts by case and by method, and a lesson for every case."""
    table, cases = distinct(tables)
    verdicts = table.pivot_table("verdict", "case", "method", aggfunc="first").loc[cases["case"], list(NAMES)]
    yield Matrix(case=cases["case"].to_numpy(), **{name: verdicts[name].to_numpy() for name in NAMES})
    yield Summary(method=list(NAMES), **{kind: [(verdicts[name] == kind).sum() for name in NAMES] for kind in VERDICTS})
    for case in cases.itertuples():
        yield Lesson(
            figure=case.case, title=f"{BREAKS[case.case].heading}: {case.expression} at x = {case.x:g}",
            text=lesson(case),
        )  # fmt: skip


def distinct(tables: Tables) -> tuple[Frame, Frame]:
    """Answers and cases, each once: jobs may share cases."""
    return tables[Table].drop_duplicates(["case", "method"]), tables[Cases].drop_duplicates("case")


def lesson(case: Any) -> str:
    """Why the case is there, the truth, and what dk.derivative says of it."""
    truth = f"The derivative is {case.truth:.9g}." if math.isfinite(case.truth) else "There is no derivative."
    return f"{case.why} {truth} {OURS}: {case.said}"


PHRASES: Mapping[str, str] = {
    "silently wrong": "is silently wrong",
    "wrong but flagged": "is wrong but says that something is odd",
    "needless refusal": "gives nothing though there is a derivative",
    "right, bar too small": "is right to four digits with a bar that is too small",
}
"""What is said of a verdict on our own answer that is not as it should be."""


def tell(tables: Tables) -> Iterator[str]:
    """Yield who is silently wrong, what is wrong with our own answer, and whose bars hold."""
    table, cases = distinct(tables)
    silent = ", ".join(f"{name} {n}" for name, n in counts(table, table["verdict"] == "silently wrong").items())
    yield (
        f"Silently wrong among {counted(len(cases), 'case')}: {silent}. That is the count to look at: a wrong number "
        "that nothing warns of."
    )
    yield from wrong_answers_of_ours(table[table["method"] == OURS])
    yield from invisible(table)
    none = table["truth"].isna()
    if none.any():
        values = counts(table, none & np.isfinite(table["value"]))
        from_methods = listed([f"{name} in {counted(n, 'case')}" for name, n in values.items() if n])
        yield (
            f"Where there is no derivative ({table.loc[none, 'case'].nunique()} of {counted(len(cases), 'case')}) a "
            f"number still comes from {from_methods or 'nobody'}."
        )
    yield bars_held(table)


def wrong_answers_of_ours(answers: Frame) -> Iterator[str]:
    """In which cases our own answer is not as it should be, verdict by verdict."""
    for kind, phrase in PHRASES.items():
        rows = answers[answers["verdict"] == kind]
        if len(rows):
            yield f"{OURS} {phrase} in {', '.join(map(where, rows.itertuples()))}."


def invisible(table: Frame) -> Iterator[str]:
    """Who is right in the cases of which values cannot tell."""
    for case, rows in table[table["case"].isin(INVISIBLE)].groupby("case", sort=False):
        wise = rows.loc[rows["verdict"] == "right", "method"]
        answer = f"right: {', '.join(wise)}, which evaluates the code at x itself" if len(wise) else "nobody is right"
        yield (
            f"{BREAKS[case].heading} ({case}): {answer}. Values of f at the steps do not hold what would be needed; no "
            "method that asks for values alone can see it, and this is why none may be trusted blindly."
        )


def bars_held(table: Frame) -> str:
    """Of how many answers with a bar the truth is within it."""
    barred = np.isfinite(table["bar"]) & np.isfinite(table["value"]) & (table["method"] != ALONE)
    held, bars = counts(table, barred & (table["error"] <= table["bar"])), counts(table, barred)
    parts = [f"{name} {held[name]} of {n}" if held[name] < n else f"{name} all {n}" if n > 1 else f"{name} its one"
             for name, n in bars.items() if n]  # fmt: skip
    return (
        "A bar holds if the truth is within it; where there is no derivative none does. Bars that hold: "
        f"{listed(parts) or 'none'}."
    )


def counts(table: Frame, mask: Frame) -> dict[str, int]:
    """How many rows of every method a mask has."""
    return {name: int((mask & (table["method"] == name)).sum()) for name in NAMES}


def where(row: Any) -> str:
    """A case with our own answer and the truth."""
    value = f"{row.value:.6g}, status {row.status}" if math.isfinite(row.value) else f"status {row.status}"
    truth = f"the derivative is {row.truth:.6g}" if math.isfinite(row.truth) else "there is no derivative"
    return f"{row.case} ({value}; {truth})"
