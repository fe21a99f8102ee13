"""Which tool can be trusted, and what does it cost? Methods of this library, the step rules of the literature and other
tools at the same points, judged by the same truth: how often their bars hold, what they lose, what they cost.

Other tools run as their manuals say, each in a process of its own with a time limit: one that hangs or crashes loses
that call alone. What a tool says itself of its success is respected.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from derivkit.testing import (
    BREAKS,
    METHODS,
    VERDICTS,
    Answer,
    Bench,
    Family,
    Judged,
    Method,
    bench,
    claims,
    standing,
    unbeaten,
    verdict,
)
from experiments import columns
from experiments.columns import Category, table_of
from experiments.datafile import NO_ANSWER, AnswersFile
from experiments.peers.apart import AbsentError, Process, Replies, ToolError, facts_of, refuse_absent
from experiments.studies.leaderboard.sentences import (
    MOST_NAMED,
    OURS,
    PROMISED,
    REAL,
    REQUESTS,
    answers_half,
    can_be_trusted,
    interval,
    ours,
    priced,
    true_bars,
    unpriced,
    wrong,
)
from experiments.study import Frame, Rows, Tables, column, key, refuse_below, refuse_repeated, unknown
from experiments.words import counted, first_of, in_percent, listed, percent_reached

LIBRARY, RULE, WITH_BAR, WITHOUT_BAR = "this library", "step rule", "tool with a bar", "tool without a bar"
FRONTIER = "beaten by none"
TRUSTED_FRONTIER = f"{FRONTIER} that keeps {PROMISED:g} %"
FILE = "answers in a file"
"""How the source of answers begins that nobody can be asked for more, and what it stands for in `requests`."""
WORST = 10
"""So many of the worst answers of each; the main table has all by their `miss`."""
LOST = ("raised", "hung", "killed")
"""Statuses of calls that a tool did not finish."""
LEAST_NORMAL = float(np.finfo(np.float64).tiny)
"""An error below this is nothing to be ranked: no tool could have answered with another bar than 0."""

# Tables


KINDS = "a method of this library, a step rule of the literature, or another tool, with or without a bar"


class Tool(Rows, table=None):
    """Who is asked."""

    tool: str = key("who is asked")


class Kind(Rows, table=None):
    """What kind of tool it is."""

    kind: str = column(KINDS)


class Table(Tool, columns.Function, Category, columns.Judged):
    """Every claim beside the truth."""

    seconds: float = column("which the tool took, without those of f", measured=True)


class Tools(Tool, Kind):
    """The tools."""

    source: str = column("where its way is described")
    version: str = column("of an installed tool; empty for what is part of this library")
    requests: str = column("complex values of f, real ones alone, its formula, or a file; empty if not asked")
    limit: float = column("seconds that a call may take; none for what is part of this library")
    absent: str = column("why it was not asked, and what to do; empty if it was")


class Failures(Tool):
    """What became of the calls that a tool did not finish."""

    status: str = key("raised, hung or killed")
    message: str = key("what it raised, or how its process ended")
    calls: int = column("how many calls")


class Standings(Rows, table=None):
    """What the claims say together; a share of nothing is none."""

    ok_covered: float = column("share of the bars with the status ok that are true, half an ulp and slack granted")
    ok_covered_low: float = column("low end of the 95 % interval of this share, clustered by function")
    ok_covered_high: float = column("high end of it")
    loss: float = column("median loss of the answers")
    silent: int = column("points without a derivative that were answered with the status ok")
    missing: float = column("share of the points that ought to have a value and have none")
    evaluations: float = column("mean values of f for a point; none where a file does not say")
    points: int = column("how many different points")
    answers: int = column("finite values where a derivative exists")
    bars: int = column("those of them with a finite bar")
    ok: int = column("those of them with the status ok")
    covered: float = column("share of all bars that are true")
    covered_low: float = column("low end of the 95 % interval of this share, clustered by function")
    covered_high: float = column("high end of it")
    tightness: float = column("median tightness with the status ok")
    loss_90: float = column("90 % of the answers lose less than this")


class Categories(Tool, Kind, Category, Standings):
    """The standings by category."""


class Frontier(Kind):
    """What the answers lose, beside what they cost."""

    tool: str = key("who is asked, or who is beaten by none in both", axis="series")
    evaluations: float = key("mean values of f for a point", axis="x", label="values of f for a point")
    loss: float = column("median loss of the answers", axis="y", label="loss: error over what could be attained")
    trusted_loss: float = column("the same of a tool that can be trusted; none of another, and of a line")


class Coverage(Rows):
    """How many percent of the bars are true."""

    bars_of: str = key("what kind of tool it is")
    tool: str = key("who is asked", axis="label")
    ok_percent: float = column("percent of the bars with the status ok that are true")
    percent: float = column("percent of all bars that are true")
    promised: float = column("what is to be reached")


class Gallery(Tool, Kind):
    """What each says where derivatives break."""

    case: str = key("name of the case", axis="x")
    expression: str = column("the function")
    x: float = column("the point")
    truth: float = column("the derivative; none where none exists")
    value: float = column("what the tool says; none if it refuses", moves={"column": "bar"})
    bar: float = column("how far off it says that it may be; none if it says nothing of that", moves=columns.SEARCH)
    status: str = column("its status", moves={"follows": ("bar",)})
    verdict: str = column("what that is worth", moves={"follows": ("value", "bar")})


Verdicts = table_of(
    "Verdicts",
    "How many verdicts of each kind every tool has in the gallery.",
    {
        "tool": (str, key("who is asked")),
        **{name: (int, column(f"cases: {meaning}")) for name, meaning in VERDICTS.items()},
    },
    module=__name__,
)


class Worst(Tool, Kind, ranked=True):
    """The ten worst answers of each: values with the status ok where no derivative exists, then the others by the error
    over the bar, or without a bar over what could be attained.

    First stands the worst of every tool, then the second of every tool, and so on.
    """

    place: int = key("1 is the worst")
    function: str = column("name of the function in the population")
    x: float = column("the point")
    value: float = column("what the tool says", moves={"column": "error"})
    error: float = column("its bar", moves=columns.SEARCH)
    truth: float = column("the float nearest to the derivative; none where no derivative exists")
    off: float = column("by how much: infinite where no derivative exists, or where the bar is 0")


class Summary(Tool):
    """The standings in short, the best first: by true bars, silent and loss; who answers less than half comes later."""

    true_bars: str = column("share of the bars with the status ok that are true, with its 95 % interval by function")
    missing: float = column(
        "share of the points that ought to have a value and have none; above 0.5 a tool comes later"
    )
    tightness: float = column("median tightness with the status ok")
    loss: float = column("median loss of the answers")
    silent: int = column("points without a derivative that were answered with the status ok")
    evaluations: float = column("mean values of f for a point; none where a file does not say")
    seconds: float = column("median seconds for a point, without those of f", measured=True)
    kind: str = column(KINDS)


class Details(Tool, Kind, Standings):
    """The standings in full, in the order of the summary."""

    lost: int = column("calls that raised, hung or were killed")
    seconds: float = column("median seconds for a point, without those of f", measured=True)
    requests: str = column("complex values of f, real ones alone, its formula, or answers in a file")
    unbeaten: bool = column("whether none that requests real values alone, too, has both less loss and fewer of them")


# What is measured


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which tools to ask, at how many points of which functions."""

    population: tuple[Family, ...]
    estimator: tuple[Method, ...] = (METHODS[OURS],)
    files: tuple[AnswersFile, ...] = ()
    points: int = 6
    seed: int = 0

    def __post_init__(self) -> None:
        refuse_below(1, self, "points")
        refuse_repeated(self, "estimator", shown=lambda method: method.name)
        refuse_repeated(self, "files", shown=lambda file: Path(file.name).name)
        for file in self.files:
            refuse_strangers(file, self)
        if not self.files:
            refuse_absent([method.call for method in self.estimator])

    @property
    def rows(self) -> int:
        """Rows of the main table, if every tool is there."""
        points = sum(x.size for _, x in self.sites.values())
        return points * len((*self.estimator, *self.files))

    @cached_property
    def sites(self) -> dict[str, tuple[Family, NDArray[np.float64]]]:
        """The functions that have first derivatives to be asked for, by name, with their points."""
        families = [one for one in self.population if 1 in (one.derivatives or (1,))]
        return {one.name: (one, np.unique(one.drawn(self.points, seed=self.seed))) for one in families}


def refuse_strangers(file: AnswersFile, config: Config) -> None:
    """Refuse a file of answers with a point that is not of the population.

    Raises
    ------
    ValueError
        With the row, and how the points are written.
    """
    left = {(name, x) for name, (_, points) in config.sites.items() for x in points.tolist()}
    for row, place in enumerate(zip(file.function.tolist(), file.x.tolist(), strict=True), start=1):
        if place not in left:
            raise ValueError(
                f"answers={file.name}: row {row}, {place[0]} at x = {place[1]!r}, {_fault(*place, config)}; the "
                f"command population DIR, with the population of this one, points={config.points} and "
                f"seed={config.seed}, writes each point once"
            )
        left.remove(place)


def _fault(function: str, x: float, config: Config) -> str:
    """What is wrong with a point that is not left to be answered, and which ones are near."""
    if function not in config.sites:
        return unknown(function, config.sites, "point of this population")
    points = config.sites[function][1]
    if x in points:
        return "is there twice"
    near = points[np.argsort(np.abs(points - x), kind="stable")][:MOST_NAMED].tolist()
    return f"is no point of this population, which has {function} at {listed(list(map(repr, near)))}"


def of_file(file: AnswersFile) -> Method:
    """The answers in a file as a method, which knows them by the name of the function; a missing one is a refusal."""
    places = {place: row for row, place in enumerate(zip(file.function.tolist(), file.x.tolist(), strict=True))}
    table = {name: getattr(file, name) for name in ("value", "error", "evaluations", "status")}

    def call(f: dk.Function, x: NDArray[np.float64]) -> Replies:
        rows = [places.get((f.name, point)) for point in x.tolist()]
        missing = {"value": math.nan, "error": math.nan, "evaluations": 0, "status": NO_ANSWER}
        columns = {
            name: np.array([missing[name] if row is None else values[row] for row in rows])
            for name, values in table.items()
        }
        nothing = np.full(x.shape, math.nan)
        return Replies(**columns, message=columns["status"], seconds=nothing, total=int(columns["evaluations"].sum()))

    return Method(Path(file.name).name, call, f"{FILE}, {file.name}, SHA-256 {file.sha256}")


def is_from_file(method: Method) -> bool:
    """Whether a method is the answers in a file, which nobody can ask for more."""
    return method.source.startswith(FILE)


def measure(config: Config) -> Iterator[Rows]:
    """Yield what every tool says, one after the other."""
    benches = [bench(family, x) for family, x in config.sites.values()]
    methods, faults = (*config.estimator, *map(of_file, config.files)), []
    for method in methods:
        try:
            yield from asked(method, benches)
        except (AbsentError, ToolError) as error:
            faults.append(str(error))
            yield described(method, absent=str(error))
        finally:
            if isinstance(method.call, Process):
                method.call.close()
    if len(faults) == len(methods):
        raise ValueError("; ".join(faults))


def asked(method: Method, benches: Iterable[Bench]) -> Iterator[Rows]:
    """Yield what a tool says of the gallery and of all functions."""
    from_file = is_from_file(method)
    if not from_file:
        yield gallery(method)
    requested, failures = set[str](), Counter[tuple[str, str]]()
    for known in benches:
        answers = claims(method, known.family.function, known.x)
        yield Table(
            tool=method.name, function=known.family.name, **known.assess(answers).columns, seconds=answers.seconds
        )
        requested.add(answers.requested)
        failures.update(pair for pair in zip(answers.status, answers.message, strict=True) if pair[0] in LOST)
    for (status, message), calls in failures.items():
        yield Failures(tool=method.name, status=status, message=message, calls=calls)
    requests = FILE if from_file else next(one for one in REQUESTS if one in requested)
    yield described(method, requests=requests)


def gallery(method: Method) -> Gallery:
    """What a tool says where derivatives break."""
    answers = [Answer.of(method(case.function, np.array([case.x]))) for case in BREAKS.values()]
    return Gallery(
        tool=method.name, kind=kind_of(method), case=list(BREAKS),
        **{name: [getattr(case, name) for case in BREAKS.values()] for name in ("expression", "x", "truth")},
        **{name: [getattr(one, name) for one in answers] for name in ("value", "bar", "status")},
        verdict=[verdict(one, case.truth, case.size) for one, case in zip(answers, BREAKS.values(), strict=True)],
    )  # fmt: skip


def described(method: Method, *, requests: str = "", absent: str = "") -> Tools:
    """A tool, and whether it is there."""
    return Tools(
        tool=method.name, kind=kind_of(method), source=method.source, requests=requests, absent=absent,
        **facts_of(method.call),
    )  # fmt: skip


def kind_of(method: Method) -> str:
    """What kind of tool a method is."""
    if isinstance(method.call, Process):
        return WITH_BAR if method.call.tool.bar else WITHOUT_BAR
    if is_from_file(method):
        return WITH_BAR
    return RULE if "step_rules" in method.call.__module__ else LIBRARY


# What the whole run says


def conclude(tables: Tables) -> Iterator[Rows]:
    """Yield the standings by category, the frontier, coverage, the worst answers and the summary."""
    table, tools = distinct(tables), tables[Tools].drop_duplicates("tool").set_index("tool")
    kinds = tools["kind"].to_dict()
    by_category = [
        {"tool": tool, "kind": kinds[tool], "category": category, **asdict(standing(judged(some)))}
        for (tool, category), some in table.groupby(["tool", "category"], sort=False)
    ]
    summary = summarised(table, tools)
    if not by_category:
        return
    yield Categories.of(by_category)
    yield from frontiers(summary[priced(summary)])
    bars = summary[summary["bars"] > 0]
    yield Coverage.of(
        bars, bars_of=list(map(bars_of, bars["kind"])), promised=PROMISED,
        percent=list(map(in_percent, bars["covered"])), ok_percent=list(map(in_percent, bars["ok_covered"])),
    )  # fmt: skip
    counts = tables[Gallery].drop_duplicates(["tool", "case"]).value_counts(["tool", "verdict"])
    yield Verdicts.of(
        [{"tool": tool, **{name: counts.get((tool, name), 0) for name in VERDICTS}} for tool in summary["tool"]]
    )
    yield from worst(table.assign(kind=table["tool"].map(kinds)), summary["tool"])
    yield Summary.of(summary, true_bars=[in_short(row) for row in summary.itertuples()])
    yield Details.of(summary)


def frontiers(tools: Frame) -> Iterator[Frontier]:
    """Yield the loss and the cost of some tools, and for every kind among them the lines of those that none beats."""
    if not len(tools):
        return
    trusted, real = can_be_trusted(tools), tools["requests"] == REAL
    yield Frontier.of(tools, trusted_loss=tools["loss"].where(trusted))
    for name, some in ((TRUSTED_FRONTIER, tools[real & trusted]), (FRONTIER, tools[real])):
        line = frontier(some, tools.loc[real, "evaluations"].max())
        for kind in dict.fromkeys(tools["kind"]) if len(line) else ():
            yield Frontier.of(line, kind=kind, tool=name, trusted_loss=math.nan)


def frontier(tools: Frame, last: float) -> Frame:
    """Those of some tools that none of them beats in loss and in values of f; level to the last number of these."""
    import pandas as pd  # noqa: PLC0415 - only a run that concludes pays for it

    best = unbeaten(tools["evaluations"].to_numpy(), tools["loss"].to_numpy())
    line = tools[best].drop_duplicates("evaluations").sort_values("evaluations", kind="stable")
    return pd.concat([line, line[-1:].assign(evaluations=last)]).drop_duplicates("evaluations")


def in_short(row: Frame) -> str:
    """The bars with the status ok that are true."""
    if not row.ok:
        return ""
    return f"{percent_reached(row.ok_covered)} ({interval(row)})"


def distinct(tables: Tables) -> Frame:
    """The claims, each once: jobs may have a tool or a file in common."""
    return tables[Table].drop_duplicates(["tool", "function", "x"])


def bars_of(kind: str) -> str:
    """What the figure of the bars of a kind is called."""
    return f"bars of {kind}" if kind == LIBRARY else f"bars of a {kind}"


def judged(rows: Frame) -> Judged:
    """Rows of the main table, ready to be measured."""
    return Judged(**{one.name: rows[one.name].to_numpy() for one in fields(Judged)})


def summarised(table: Frame, tools: Frame) -> Frame:
    """The standings of all tools, the best first."""
    import pandas as pd  # noqa: PLC0415 - only a run that concludes pays for it

    rows = pd.DataFrame(
        [
            {
                "tool": tool, **tools.loc[tool, ["kind", "requests"]], **asdict(standing(judged(some))),
                "lost": int(some["status"].isin(LOST).sum()), "seconds": float(some["seconds"].median()),
            }
            for tool, some in table.groupby("tool", sort=False)
        ]
    )  # fmt: skip
    if rows.empty:
        return rows
    rows["evaluations"] = rows["evaluations"].where((rows["requests"] != FILE) | (rows["evaluations"] > 0.0))
    cost = np.where(rows["requests"] == REAL, rows["evaluations"], math.nan)
    rows["unbeaten"] = unbeaten(cost, rows["loss"].to_numpy())
    best_first = rows.assign(no_bar=rows["ok_covered"].isna(), few=~answers_half(rows), miss=-rows["ok_covered"])
    order = best_first.sort_values(["no_bar", "few", "miss", "silent", "loss"], kind="stable").index
    return rows.loc[order].reset_index(drop=True)


def worst(table: Frame, tools: Iterable[str]) -> Iterator[Worst]:
    """Yield the worst answers: of all tools, in their order, the worst before the second."""
    silent = table["truth"].isna() & (table["status"] == "ok")
    off = table["miss"].where(np.isfinite(table["error"]), table["loss"].where(np.isfinite(table["loss"])))
    off = off.where(np.isfinite(table["value"]) & (table["true_error"] >= LEAST_NORMAL)).mask(silent, math.inf)
    rows = table.assign(off=off, silent=silent).dropna(subset="off")
    rows = rows.sort_values(["silent", "off"], ascending=False, kind="stable")
    order = {tool: place for place, tool in enumerate(tools)}
    rows = rows.assign(place=rows.groupby("tool").cumcount() + 1, order=rows["tool"].map(order))
    rows = rows[rows["place"] <= WORST].sort_values(["place", "order"])
    if len(rows):
        yield Worst.of(rows)


def tell(tables: Tables) -> Iterator[str]:
    """Yield whether this library comes first, who answers too little, who is silent or wrong, was lost, is absent."""
    summary, tools, table = tables[Details], tables[Tools].drop_duplicates("tool"), distinct(tables)
    without = len(table.query("truth != truth")[["function", "x"]].drop_duplicates())
    if OURS in set(summary["tool"]) and (summary["kind"] != LIBRARY).any():
        yield from ours(summary, without)
    yield from true_bars(summary, table)
    few = summary[~answers_half(summary)].sort_values("missing", kind="stable", ascending=False)
    if len(few):
        asked = table[table["counts"]].assign(answered=np.isfinite(table["value"])).groupby("tool")["answered"]
        answered = [f"{tool} {asked.sum()[tool]:,} of {asked.size()[tool]:,}" for tool in few["tool"]]
        yield (
            "Fewer than half of the points that ought to have a value are answered, which puts a tool behind the "
            f"others and into no comparison of firsts: {first_of(answered, 2 * MOST_NAMED)}."
        )
    silent = summary[summary["silent"] > 0].sort_values("silent", kind="stable", ascending=False)
    if len(silent):
        most = first_of([f"{row.tool} {row.silent}" for row in silent.itertuples()], MOST_NAMED)
        points = counted(without, "point")
        never = list(summary.loc[summary["silent"] == 0, "tool"])
        others = f" None of these answers comes from {' or '.join(never)}." if never else ""
        yield f"Of {points} without a derivative, answered as if nothing were the matter: {most}.{others}"
    yield from wrong(tables[Gallery].drop_duplicates(["tool", "case"]), list(summary["tool"]))
    lost = summary[summary["lost"] > 0].sort_values("lost", kind="stable", ascending=False)
    if len(lost):
        names = first_of([f"{row.tool} {row.lost}" for row in lost.itertuples()], MOST_NAMED)
        yield f"Calls that raised an exception, took too long or ended with their process: {names}."
    yield from unpriced(summary)
    absent = tools[tools["absent"] != ""]
    if len(absent):
        yield f"Not measured: {'; '.join(absent['absent'])}."
