"""What a comparison found, and the words and numbers in which page and terminal say it alike."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.comparison.circumstances import Lines
from experiments.comparison.configured import Values, shown
from experiments.comparison.differences import DIFFERENCES, Change, Plan
from experiments.comparison.values import Column
from experiments.messages import show
from experiments.running.runs import Stored

TOLD = 8
"""Names that a sentence lists."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a comparison found, and where its files are being written."""

    runs: Sequence[Stored]
    names: Sequence[str]
    plan: Plan
    changes: Sequence[Change]
    asked: Mapping[str, Sequence[Values]]
    """The keys of the configuration that say what is computed and that changed, with the values of each run."""
    configuration: Lines
    environment: Lines
    ulps: int
    directory: Path

    @property
    def differences(self) -> Path:
        """The table of the rows that differ."""
        return self.directory / f"{DIFFERENCES}.parquet"


# In words


def about_asked(result: Result) -> str:
    """Say what the runs were asked to do otherwise."""
    if result.asked:
        keys = [f"{key} {' → '.join(show(shown(one), 60) for one in of)}" for key, of in result.asked.items()]
        more = f"; and {len(keys) - TOLD} keys more" if len(keys) > TOLD else ""
        return f"What was asked differs: {'; '.join(keys[:TOLD])}{more}."
    if result.configuration:
        return f"What was computed is the same; the configuration differs in {_names(result.configuration)}."
    return "What was asked is the same."


def about_best(result: Result) -> str:
    """Say which smallest error each run has and where; nothing if one of them does not tell."""
    found = [
        run.record.best for run in result.runs if run.record.best is not None and run.record.best.value is not None
    ]
    if len(found) < len(result.runs) or len({one.column for one in found}) > 1:
        return ""
    smallest = f"The smallest {found[0].column} is"
    at = [", ".join(f"{key} = {_plain(value)}" for key, value in one.where.items()) for one in found]
    values = [f"{one.value:.3g}" for one in found]
    if all(one == found[0] for one in found):
        return f"{smallest} {values[0]} in every run, at {at[0]}."
    told = [f"{value} in {name} ({where})" for value, name, where in zip(values, result.names, at, strict=True)]
    return f"{smallest} {', '.join(told[:-1])} and {told[-1]}."


def _plain(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def sentences(result: Result) -> Iterator[str]:
    """Say of every other run what became of the rows of the first."""
    for change in result.changes:
        first, other = result.names[0], change.name
        if change.identical:
            yield f"{other} is {first} to the bit: the {change.rows:,} rows of their tables have one content hash."
            continue
        excused = f" within {result.ulps} {'ulp' if result.ulps == 1 else 'ulps'}" if result.ulps else ""
        if not change.any:
            yield f"{other} has the rows of {first}, {change.joined:,} of them, and all values are equal{excused}."
        if change.appeared and change.vanished and not change.joined:
            alone = f"{change.appeared:,} are in {other} alone and {change.vanished:,} in {first} alone"
            keys = ", ".join(result.plan.keys)
            yield f"No row of {other} has the same {keys} as one of {first}, so none are compared: {alone}."
            continue
        if change.differing:
            rows = f"{change.differing:,} of {change.joined:,} joined rows"
            yield f"{rows} of {other} differ from {first}: {_where(result, change)}."
        elif change.any and change.joined:
            yield f"The values of the {change.joined:,} joined rows are equal{excused}."
        for word, count in (("appeared", change.appeared), ("vanished", change.vanished)):
            if count:
                yield f"{count:,} {'row' if count == 1 else 'rows'} {word} in {other}."
        if change.lost:
            yield f"Columns of {first} and of {other} that could not be compared: {'; '.join(change.lost)}."


def _where(result: Result, change: Change) -> str:
    return ", ".join(
        f"{one.name} in {one.beyond:,}{_how_far(result, one)}" for one in change.columns.values() if one.beyond
    )


def _how_far(result: Result, one: Column) -> str:
    if one.name == result.plan.error and one.ratios:
        several = f" to {one.greatest:.3g}, in the geometric mean {one.mean:.3g}" if one.greatest > one.least else ""
        return f" (by a factor of {one.least:.3g}{several})"
    if one.name == result.plan.estimate:
        apart = "from a finite to no finite value" if math.isinf(one.furthest) else f"by up to {one.furthest:.3g} ulps"
        return f" ({apart.replace('to 1 ulps', 'to 1 ulp')})"
    return ""


def about_environment(result: Result) -> str:
    """Say what is not the same where the runs were made."""
    if not result.environment:
        return "The environment of the runs is the same."
    return f"In the environment of the runs there differ: {_names(result.environment)}."


def _names(lines: Lines) -> str:
    more = f" and {len(lines) - TOLD} more" if len(lines) > TOLD else ""
    return ", ".join(name for name, _ in lines[:TOLD]) + more


# In numbers


def overview(result: Result) -> dict[str, list[Any]]:
    """Return one row for every other run: how many rows changed and by how much."""
    error = result.plan.error
    rows = []
    for change in result.changes:
        of_error = change.columns.get(error or "", Column(name=""))
        of_estimate = change.columns.get(result.plan.estimate or "", Column(name=""))
        equal = change.joined - change.differing
        counts = [change.joined, equal, change.differing, change.appeared, change.vanished]
        rows.append([change.name, *counts, of_estimate.furthest, of_error.least, of_error.mean, of_error.greatest])
    names = ("compared", "joined", "equal", "differ", "appeared", "vanished", f"{result.plan.estimate}_ulps apart",
             f"{error}_least ratio", f"{error}_mean ratio", f"{error}_greatest ratio")  # fmt: skip
    return {name: list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}
