"""What a comparison found, and the words and numbers in which page and terminal say it alike."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.pipeline.comparison.circumstances import Lines
from experiments.pipeline.comparison.differences import DIFFERENCES, Change, Plan
from experiments.pipeline.comparison.values import Column
from experiments.pipeline.runs import Stored


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a comparison found, and where its files are being written."""

    runs: Sequence[Stored]
    names: Sequence[str]
    plan: Plan
    changes: Sequence[Change]
    configuration: Lines
    environment: Lines
    ulps: int
    directory: Path

    @property
    def differences(self) -> Path:
        """The table of the rows that differ."""
        return self.directory / f"{DIFFERENCES}.parquet"


# In words


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
        return f" (by a factor of {one.least:.3g} to {one.greatest:.3g})"
    if one.name == result.plan.estimate:
        apart = "from a finite to no finite value" if math.isinf(one.furthest) else f"by up to {one.furthest:.3g} ulps"
        return f" ({apart.replace('to 1 ulps', 'to 1 ulp')})"
    return ""


def about_circumstances(result: Result) -> Iterator[str]:
    """Say what of the configuration and of the environment is not the same."""
    for what, lines in (("configuration", result.configuration), ("environment", result.environment)):
        names = ", ".join(name for name, _ in lines[:8]) + (f" and {len(lines) - 8} more" if len(lines) > 8 else "")
        yield f"In the {what} of the runs there differ: {names}." if lines else f"The {what} of the runs is the same."


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
