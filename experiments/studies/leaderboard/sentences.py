"""What the leaderboard tells, in sentences, and by what these compare tools."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from experiments.study import Frame
from experiments.words import counted, first_of, listed, number, percent_reached

OURS = "derivative"
"""The method whose place is told first."""
PROMISED = 95.0
"""Percent of the bars that are to be true. A choice: hardly any tool says what its bar promises."""
REQUESTS = COMPLEX, REAL, FORMULA = "complex", "real", "formula"
"""What a tool requests of f, the most first."""
MOST_NAMED = 5
"""Tools that a sentence names."""
WRONG = "silently wrong"
"""The verdict of the gallery that is the worst."""


def can_be_trusted(summary: Frame) -> Frame:
    """Which tools keep the promise, and answer at least half of the points that they ought to."""
    return (summary["ok_covered"] >= PROMISED / 100.0) & answers_half(summary)


def priced(summary: Frame) -> Frame:
    """Which tools have a loss and a cost in values of f, so that the figures of one against the other can show them."""
    return (summary["evaluations"] > 0.0) & np.isfinite(summary["loss"])


def answers_half(summary: Frame) -> Frame:
    """Which tools answer at least half of the points that they ought to, or are not measured in that."""
    return ~(summary["missing"] > 0.5)


def interval(row: Frame) -> str:
    """The interval of the share of the bars with the status ok that are true, in percent."""
    return f"{100.0 * row.ok_covered_low:.1f} to {100.0 * row.ok_covered_high:.1f}"


def true_bars(summary: Frame, table: Frame) -> Iterator[str]:
    """Yield whose bars are true, of those that answer half of the points and of the others apart, the best first."""
    ok = table[table["truth"].notna() & np.isfinite(table["error"]) & (table["status"] == "ok")]
    functions = ok.groupby("tool")["function"].nunique().to_dict()
    bars = summary[summary["ok"] > 0].sort_values("ok_covered", kind="stable", ascending=False)
    half = answers_half(bars)
    groups = {"": bars[half], "of tools that answer fewer than half of the points, ": bars[~half]}
    parts = []
    for which, some in groups.items():
        shares = [
            f"{row.tool} {percent_reached(row.ok_covered)} of {row.ok:,} at {counted(functions[row.tool], 'function')}"
            for row in some.itertuples()
        ]
        if shares:
            parts.append(f"{which}{first_of(shares, 2 * MOST_NAMED, separator='; ')}")
    if parts:
        yield (
            f"Bars that are true, of those with the status ok: {'; '.join(parts)}. Where all bars of a tool are true, "
            "or none, each function counts once in its interval."
        )


def wrong(gallery: Frame, tools: Iterable[str]) -> Iterator[str]:
    """Yield who is silently wrong in the gallery how often, and this library, which comes first, in which cases."""
    cases = {tool: list(gallery.query("tool == @tool and verdict == @WRONG")["case"]) for tool in tools}
    order = sorted((tool for tool, some in cases.items() if some), key=lambda tool: tool != OURS)
    parts = [f"{tool} {len(cases[tool])}{f' ({listed(cases[tool])})' if tool == OURS else ''}" for tool in order]
    if parts:
        yield (
            f"Silently wrong in the gallery, of {counted(gallery['case'].nunique(), 'case')}: "
            f"{first_of(parts, 2 * MOST_NAMED)}."
        )


def unpriced(summary: Frame) -> Iterator[str]:
    """Yield who is missing in the figures of loss against cost, and why."""
    evaluations = summary["evaluations"]
    reasons = {
        "no evaluations in the file": evaluations.isna(),
        "no value of f is asked for": evaluations == 0.0,
        "no loss is known": (evaluations > 0.0) & ~priced(summary),
    }
    parts = [
        f"{first_of(list(summary.loc[which, 'tool']), MOST_NAMED)} ({why})"
        for why, which in reasons.items()
        if which.any()
    ]
    if parts:
        yield f"Not in the figures of loss against cost: {'; '.join(parts)}."


def ours(summary: Frame, without: int) -> Iterator[str]:
    """Yield where dk.derivative stands in coverage, in silence at so many points, and in loss for its cost.

    Whoever answers fewer than half of the points is compared with nobody.
    """
    compared = summary[answers_half(summary)]
    if OURS not in set(compared["tool"]):
        return
    mine = compared[compared["tool"] == OURS].iloc[0]
    rest = compared[compared["tool"] != OURS]
    places = []
    if mine["ok"]:
        share = f"{percent_reached(mine['ok_covered'])} of its bars with the status ok are true, {interval(mine)}"
        places.append(_place("coverage", -rest["ok_covered"], -mine["ok_covered"], rest, share))
    if without:
        places.append(_place("silence", rest["silent"], mine["silent"], rest, _silence(int(mine["silent"]), without)))
    if mine["ok"] and not math.isnan(mine["loss"]):
        places.extend(_loss(mine, rest[(rest["requests"] == REAL) & (rest["ok"] > 0)]))
    first = f"dk.derivative is {'; '.join(places)}." if places else ""
    yield from filter(None, [f"{first}{_not_first(mine, rest)}".strip()])


def _silence(silent: int, without: int) -> str:
    """At how many points without a derivative the status is ok."""
    points = "none" if silent == 0 else f"{silent:,}"
    return f"it says ok at {points} of {counted(without, 'point')} where no derivative exists"


def _loss(mine: Frame, real: Frame) -> Iterator[str]:
    """Yield the place in loss for its cost, among the tools that ask for real values alone and have bars."""
    honest = real[can_be_trusted(real)]
    measured = f"median loss {number(mine['loss'])} with {mine['evaluations']:.1f} values of f"
    group = f"tools with bars that ask for real values alone, {PROMISED:g} % of whose bars are true"
    if len(honest):
        ahead = honest[(1.1 * honest["evaluations"] < mine["evaluations"]) | (honest["loss"] < mine["loss"])]
        yield f"{_first(list(ahead['tool']), [])} in loss for its cost among {group} ({measured})"
    elif len(real) and mine["ok_covered"] >= PROMISED / 100.0:
        doubt = "" if mine["ok_covered_low"] >= PROMISED / 100.0 else f"; its interval is {interval(mine)}"
        yield f"the only one of {len(real) + 1} {group} ({measured}{doubt})"


def _not_first(mine: Frame, rest: Frame) -> str:
    """In what others are ahead, whatever they ask for and whether their bars are true or not."""
    measures = {
        f"median loss ({number(mine['loss'])})": rest[rest["loss"] < mine["loss"]],
        f"values of f ({mine['evaluations']:.1f} for a point)": rest[rest["evaluations"] < mine["evaluations"]],
    }
    parts = [
        f"in {measure} {first_of(list(map(str, ahead['tool'])), MOST_NAMED)}"
        for measure, ahead in measures.items()
        if len(ahead)
    ]
    which = "with bars or without, that answer half of the points"
    return f" Of all tools, {which}, ahead of it are {'; '.join(parts)}." if parts else ""


def _place(measure: str, theirs: Frame, mine: float, rest: Frame, value: str) -> str:
    """The place in a measure of which less is better."""
    ahead, level = (list(rest.loc[which, "tool"]) for which in (theirs < mine, theirs == mine))
    return f"{_first(ahead, level)} in {measure} ({value})"


def _first(ahead: list[str], level: list[str]) -> str:
    """First, alone or not, or behind whom."""
    if ahead:
        return f"behind {listed(ahead)}"
    return f"first, level with {first_of(level, MOST_NAMED)}," if level else "first"
