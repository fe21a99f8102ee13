"""Many runs of one study compared: the keys that changed, the best error of each, and the rows that are not the same.

A few runs are compared row by row with the first. Of many there is no first that the others vary: a row is compared
with its original, that of the same keys in the first run that has it, and all rows of the runs are joined at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments import tables
from experiments.comparison import configured, effects
from experiments.comparison.circumstances import Lines, environments
from experiments.comparison.configured import Values
from experiments.comparison.differences import DIFFERENCES, Change, Differences, Plan, table_of
from experiments.comparison.joining import Joined
from experiments.comparison.rows import Rows, best, differing, joined, typical
from experiments.messages import ConfigurationError
from experiments.running.check import WHOLE_RUN, growth_of
from experiments.running.record import configurations
from experiments.running.runs import Stored

BESIDE = 4
"""Most runs that are compared row by row with the first; more are many."""
MOST_ROWS = 3_000_000
"""Most rows of all runs together: their columns are held in memory, about 130 bytes for each of a sweep's."""
RUNS = "runs"
OWN = ("rank", "run", "directory", "best_error", "rows", "shared_rows", "differing_rows", "changed_columns")
"""Columns of the table of the runs besides the changed keys."""
WHERE = "best_"
"""What stands before a key of the row with the best error."""


@dataclass(frozen=True, kw_only=True)
class Many:
    """What a comparison of many runs found, and where its files are being written."""

    runs: Sequence[Stored]
    names: Sequence[str]
    plan: Plan
    error: str | None
    """The column whose least value is a run's best."""
    keys: Mapping[str, Sequence[Values]]
    """The changed keys of the configuration, with the values of each run."""
    environment: Lines
    rows: Rows
    best: NDArray[np.float64]
    """The best error of each run, NaN where it has none. Shape ``(runs,)``."""
    where: Sequence[Mapping[str, Any]]
    """The keys of the row with the best error of each run."""
    changes: Sequence[Change]
    """What became of the rows of each run that an earlier one has too."""
    shares: Mapping[str, float]
    """Of how much of the spread of the best error each key tells."""
    directory: Path

    @property
    def ranked(self) -> list[int]:
        """The places of the runs, that of the least best error first, those without one last."""
        return [int(place) for place in np.argsort(self.best, kind="stable")]

    @property
    def differences(self) -> Path:
        """The table of the rows that differ from their originals."""
        return self.directory / f"{DIFFERENCES}.parquet"

    def value(self, key: str, place: int) -> Any:
        """Return the one value that a run has for a key: of several that of its best error, None if it is not known."""
        if key in self.where[place]:
            return self.where[place][key]
        values = self.keys[key][place]
        return values[0] if len(values) == 1 else None


def examined(
    runs: Sequence[Stored], names: Sequence[str], plan: Plan, counts: Sequence[int], directory: Path, *, ulps: int
) -> Many:
    """Join the rows of many runs, of each so many, write those that differ, and return what was found."""
    if sum(counts) > MOST_ROWS:
        raise ConfigurationError(
            f"the {len(runs)} runs have {sum(counts):,} rows together; up to {MOST_ROWS:,} are compared at once, or"
            f" {BESIDE} runs of any size"
        )
    keys = configured.changed([configurations(run.record.jobs) for run in runs])
    # Rows of different derivatives are no rows of one table, though nothing in them tells so.
    apart = [str([keys[key][place] for key in WHOLE_RUN if key in keys]) for place in range(len(runs))]
    rows = joined(tables.Words(plan.columns), [run.table for run in runs], counts, plan.keys, apart)
    floats = [name for name in plan.values if plan.columns[name] is float]
    error = next((name for name in ("error", *plan.errors) if name in floats), None)
    growths = [growth_of(run.record.jobs[0].configuration) for run in runs]
    errors = typical(rows, error, plan.keys, growths) if error else np.empty(0)
    places = best(rows, errors) if error else np.full(len(runs), -1)
    found = Many(
        runs=runs,
        names=names,
        plan=plan,
        error=error,
        keys=keys,
        environment=environments(runs),
        rows=rows,
        best=np.where(places < 0, np.nan, errors[places]) if error else np.full(len(runs), np.nan),
        where=_where(rows, plan, places),
        changes=_changes(rows, names, plan, directory, ulps=ulps),
        shares={},
        directory=directory,
    )
    told = {key: [found.value(key, place) for place in range(len(runs))] for key in found.keys}
    shares = effects.shares(told, found.best)
    return Many(**{**vars(found), "shares": shares})


def _where(rows: Rows, plan: Plan, places: NDArray[np.intp]) -> list[dict[str, Any]]:
    """Return the keys of a row for each run, none for a place below 0."""
    frame = tables.frame_of({key: rows.column(key, places.clip(0)) for key in plan.keys}) if rows.run.size else None
    if frame is None:
        return [{} for _ in places]
    found = zip(*(frame[key].tolist() for key in plan.keys), strict=True) if plan.keys else [()] * places.size
    return [
        dict(zip(plan.keys, values, strict=True)) if place >= 0 else {}
        for place, values in zip(places, found, strict=True)
    ]


def _changes(rows: Rows, names: Sequence[str], plan: Plan, directory: Path, *, ulps: int) -> list[Change]:
    """Compare the rows with their originals, and store those that differ."""
    run = rows.run
    shared = rows.original != np.arange(rows.original.size)
    counts = np.bincount(run[shared], minlength=len(names))
    changes = [Change(name=name, rows=0, joined=0) for name in names]
    odd = np.flatnonzero(differing(rows, plan.values))
    with tables.Writer(directory, {DIFFERENCES: table_of(plan)}) as writer:
        differences = Differences(plan, rows.words, writer, ulps=ulps)
        none = rows.all[:, :0]
        pairs = np.unique(np.stack([run[odd], run[rows.original[odd]]]), axis=1).T.tolist()
        for other, first in pairs:
            mine = odd[(run[odd] == other) & (run[rows.original[odd]] == first)]
            changes[other].first = names[first]
            theirs = rows.all[:, rows.original[mine]]
            differences.add(changes[other], Joined(first=theirs, other=rows.all[:, mine], vanished=none, appeared=none))
    for change, count, size in zip(changes, counts.tolist(), np.diff(rows.starts).tolist(), strict=True):
        change.joined, change.rows = count, size
    path = directory / f"{DIFFERENCES}.parquet"
    if path.is_file():
        tables.write_csv(path)
    return changes


# The table of the runs


def write_runs(found: Many, directories: Sequence[str]) -> None:
    """Write one row for each run, the least best error first."""
    order = found.ranked
    names = {key: f"key_{key}" if key in OWN else key for key in found.keys}
    keys = [key for key in found.plan.keys if len({str(one.get(key)) for one in found.where}) > 1]
    of = [found.changes[place] for place in order]
    columns: dict[str, Any] = {
        "rank": np.arange(1, len(order) + 1),
        "run": [found.names[place] for place in order],
        "best_error": found.best[order],
        **{names[key]: [configured.shown(found.keys[key][place]) for place in order] for key in found.keys},
        **{f"{WHERE}{key}": [_told(found.where[place].get(key)) for place in order] for key in keys},
        "rows": np.array([one.rows for one in of]),
        "shared_rows": np.array([one.joined for one in of]),
        "differing_rows": np.array([one.differing for one in of]),
        "changed_columns": [", ".join(name for name, one in one.columns.items() if one.beyond) for one in of],
        "directory": [directories[place] for place in order],
    }
    shape: dict[str, tuple[type, str]] = {
        "rank": (int, "by the best error, the least first"),
        "run": (str, "the run"),
        "best_error": (float, f"the least positive {found.error} of its rows, of sweeps the typical one: no luck"),
        **{names[key]: (str, "as configured") for key in found.keys},
        **{f"{WHERE}{key}": (str, f"{key} of the row with the best error") for key in keys},
        "rows": (int, "rows of its main table"),
        "shared_rows": (int, "of these, rows that an earlier run has too"),
        "differing_rows": (int, "of these, rows with another value than in the first run that has them"),
        "changed_columns": (str, "in which columns"),
        "directory": (str, "where it lies"),
    }
    with tables.Writer(found.directory, {RUNS: shape}) as writer:
        writer.write(RUNS, columns)
    tables.write_csv(found.directory / f"{RUNS}.parquet")


def _told(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)
