"""Runs of one study compared: what was asked, where it ran, and every row of the main table."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from experiments import tables
from experiments.comparison import page
from experiments.comparison.configured import Values, changed, shown
from experiments.comparison.differences import (
    DIFFERENCES,
    Change,
    Differences,
    Plan,
    Types,
    lost,
    plan_of,
    shared,
    table_of,
    type_name,
)
from experiments.comparison.ranking import BESIDE, OWN, RUNS, WHERE, Ranking, RowPool, ranking_of, rows_of
from experiments.comparison.result import Comparison
from experiments.comparison.sentences import about_changes, about_files, about_least, about_many, about_request
from experiments.messages import ConfigurationError, near, show
from experiments.running.record import Table, configurations
from experiments.running.runs import Stored
from experiments.terminal.commands import fresh
from experiments.terminal.progress import Terminal

MAX_SHOWN = 10
"""Runs, and changed keys of them, that the terminal shows of many."""
FACTS, MORE_FACTS = 4, 8
"""Facts of the environment that the terminal shows with their values, and that it names besides."""

Shapes = Sequence[Types]
"""The columns of the main table of every run, without the number of the job."""


def compare(
    runs: Sequence[Stored], place: Path, *, ulps: int = 0, command: str = "", notes: Sequence[str] = ()
) -> bool:
    """Compare runs, write tables, figures and page, and say in the terminal what was found.

    A few are compared with the first of them. Of many, more than BESIDE, each row is compared with that of the first
    run that has it, and the runs are ranked by their best error.

    Parameters
    ----------
    runs
        Whole runs of one study.
    place
        Directory of all comparisons; this one gets ``<date>/<time>-<pid>`` in it, once all is written.
    ulps
        Units in the last place by which numbers may differ.
    command
        The command line, for the page.
    notes
        What to say beside the result, such as which runs were left out.

    Returns
    -------
    bool
        Whether a joined value differs by more than the tolerance, or, of a few runs, rows or columns appeared or
        vanished.

    Raises
    ------
    ConfigurationError
        If the runs cannot be compared; nothing is written then, and nothing stays after any other error.
    """
    _refuse_other_studies(runs)
    notes = [*notes, *filter(None, (run.verify(run.table.stem) for run in runs))]
    shapes = [_shape(run) for run in runs]
    plan = plan_of(runs[0].study, shared(shapes))
    _refuse_lost_keys(plan, runs, shapes)
    with _new_directory(place) as (directory, final):
        compared = _ranked if len(runs) > BESIDE else _beside_the_first
        comparison = compared(runs, shapes, plan, directory, ulps=ulps)
        page.write(comparison, command, notes)
    for note in notes:
        Terminal().note(note)
    _show(comparison, final)
    return comparison.different


@contextmanager
def _new_directory(place: Path) -> Iterator[tuple[Path, Path]]:
    """Give a directory to write into, and the name that it gets once all is written; after an error nothing stays."""
    final = fresh(place, datetime.now(UTC))
    part = final.with_name(f".{final.name}.part")
    made = [path for path in part.parents if not path.exists()]
    part.mkdir(parents=True)
    try:
        yield part, final
        part.replace(final)
    except BaseException:
        shutil.rmtree(part)
        for directory in made:
            with suppress(OSError):  # another comparison is in it
                directory.rmdir()
        raise


def names_of(runs: Sequence[Stored]) -> list[str]:
    """Return a name for each run, as short as tells them apart: the time, the directory, or the path."""
    paths = [run.directory for run in runs]
    names: list[str] = []
    for name_of in (lambda path: path.name[:8], lambda path: path.name, near):
        names = [name_of(path) for path in paths]
        if len(set(names)) == len(set(paths)):
            break
    return [name if names.count(name) == 1 else f"{name} ({k})" for k, name in enumerate(names, start=1)]


# What cannot be compared


def _refuse_other_studies(runs: Sequence[Stored]) -> None:
    for run in runs:
        if run.study.name != runs[0].study.name:
            raise ConfigurationError(
                f"{near(runs[0].directory)} is a run of {runs[0].study.name} and {near(run.directory)} one of"
                f" {run.study.name}; runs of one study are compared"
            )


def _shape(run: Stored) -> dict[str, type]:
    """Return the columns of a run's main table, without the number of the job."""
    return {name: kind for name, kind in tables.footer(run.table).types.items() if name != "job"}


def _refuse_lost_keys(plan: Plan, runs: Sequence[Stored], shapes: Shapes) -> None:
    for key in plan.keys:
        if key not in plan.columns:
            kinds = [f"{near(run.directory)} {type_name(shape, key)}" for run, shape in zip(runs, shapes, strict=True)]
            raise ConfigurationError(f"rows cannot be joined: column {key} is not of one type: {', '.join(kinds)}")


# A few runs


def _beside_the_first(runs: Sequence[Stored], shapes: Shapes, plan: Plan, directory: Path, *, ulps: int) -> Comparison:
    """Join the other runs with the first, one after the other, unless their tables are known to be equal."""
    names = names_of(runs)
    changes = [_change(names, runs, shapes, place) for place in range(1, len(runs))]
    with tables.Writer(directory, {DIFFERENCES: table_of(plan)}) as writer:
        for run, change in zip(runs[1:], changes, strict=True):
            if not change.identical:
                encoding = tables.Encoding(plan.columns)
                differences = Differences(plan, encoding, writer, ulps=ulps)
                for rows in tables.join(encoding, runs[0].table, run.table, keys=plan.keys, scratch=directory):
                    differences.add(change, rows)
    return _written(
        Comparison(
            runs=runs,
            names=names,
            plan=plan,
            keys=_changed_keys(runs),
            changes=changes,
            ulps=ulps,
            directory=directory,
        )
    )


def _changed_keys(runs: Sequence[Stored]) -> Mapping[str, Sequence[Values]]:
    return changed([configurations(run.record.jobs) for run in runs])


def _written(comparison: Comparison) -> Comparison:
    """Write the rows that differ as text too, if there are any."""
    if comparison.differences.is_file():
        tables.write_csv(comparison.differences)
    return comparison


def _change(names: Sequence[str], runs: Sequence[Stored], shapes: Shapes, place: int) -> Change:
    """Return what the records tell of a run beside the first: whether its table is equal, and its columns."""
    first, other = _recorded(runs[0]), _recorded(runs[place])
    same = first == other
    return Change(
        name=names[place],
        first=names[0],
        identical=same,
        rows=other.rows,
        joined=other.rows if same else 0,
        lost=lost(shapes[0], shapes[place], between=" and "),
    )


def _recorded(run: Stored) -> Table:
    return run.record.tables[run.table.stem]


# Many runs


def _ranked(runs: Sequence[Stored], _: Shapes, plan: Plan, directory: Path, *, ulps: int) -> Comparison:
    """Join the rows of all runs at once, store those that differ from their originals, and rank the runs."""
    names = names_of(runs)
    keys = _changed_keys(runs)
    rows = rows_of(runs, plan, keys)
    ranking = ranking_of(runs, rows, plan, keys)
    changes = _changes_of_many(rows, names, plan, directory, ulps=ulps)
    comparison = Comparison(
        runs=runs, names=names, plan=plan, keys=keys, changes=changes, ulps=ulps, directory=directory, ranking=ranking
    )
    _write_runs(comparison, ranking)
    return _written(comparison)


def _changes_of_many(rows: RowPool, names: Sequence[str], plan: Plan, directory: Path, *, ulps: int) -> list[Change]:
    run = rows.run
    again = rows.original != np.arange(rows.original.size)
    joined = np.bincount(run[again], minlength=len(names)).tolist()
    sizes = np.diff(rows.starts).tolist()
    changes = [Change(name=name, rows=size) for name, size in zip(names, sizes, strict=True)]
    odd = np.flatnonzero(rows.differing(plan.values))
    odd = odd[np.lexsort((run[rows.original[odd]], run[odd]))]
    none = rows.all[:, :0]
    with tables.Writer(directory, {DIFFERENCES: table_of(plan)}) as writer:
        differences = Differences(plan, rows.encoding, writer, ulps=ulps)
        for start in range(0, odd.size, tables.GROUP):
            others = odd[start : start + tables.GROUP]
            firsts = rows.original[others]
            pair = tables.Joined(first=rows.all[:, firsts], other=rows.all[:, others], vanished=none, appeared=none)
            differences.add_pairs(changes, run[others], pair, firsts=(run[firsts], names))
    for other, first in np.unique(np.stack([run[odd], run[rows.original[odd]]]), axis=1).T.tolist():
        changes[other].first = names[first]
    for change, count in zip(changes, joined, strict=True):
        change.joined = count  # rows that are equal were not looked at one by one
    return changes


# The terminal


def _show(comparison: Comparison, directory: Path) -> None:
    """Show in the terminal what was found, and where its files are."""
    terminal = Terminal()
    ranking = comparison.ranking
    if ranking is None:
        columns = {name: values for name, (_, values) in page.overview(comparison).items()}
        terminal.summary(columns, table="report.html")
        lines = [about_request(comparison), about_files(comparison), _environment(comparison), about_least(comparison)]
        lines += about_changes(comparison)
        names = (f"{DIFFERENCES}.csv", f"{DIFFERENCES}.parquet")
    else:
        terminal.summary(_best_runs(comparison, ranking), table=f"{RUNS}.csv")
        lines = list(about_many(comparison, ranking))
        names = (f"{RUNS}.csv", f"{DIFFERENCES}.csv")
    for line in filter(None, lines):
        terminal.line(line)
    files = [("report", "report.html"), *(("table", name) for name in names)]
    files += [("figure", path.relative_to(directory).as_posix()) for path in sorted(directory.glob("figures/*.png"))]
    terminal.paths([(label, near(directory / name)) for label, name in files if (directory / name).is_file()])


def _environment(comparison: Comparison) -> str:
    lines = comparison.environment
    if not lines:
        return "environment: the same"
    facts = "; ".join(f"{name} {' | '.join(show(text, 32) for text in texts)}" for name, texts in lines[:FACTS])
    others = [name for name, _ in lines[FACTS:]]
    more = ", ".join(others[:MORE_FACTS]) + (" and more" if len(others) > MORE_FACTS else "")
    return f"environment: {facts}; also {more}" if others else f"environment: {facts}"


def _best_runs(comparison: Comparison, ranking: Ranking) -> dict[str, Sequence[object]]:
    best = ranking.order[:MAX_SHOWN]
    return {
        "run": [comparison.names[place] for place in best],
        f"best_{ranking.error}": [float(ranking.best[place]) for place in best],
        **{key: [shown(values[place]) for place in best] for key, values in list(ranking.keys.items())[:MAX_SHOWN]},
    }


# The table of the runs


def _write_runs(comparison: Comparison, ranking: Ranking) -> None:
    """Write one row for each run, the least best error first."""
    order, where, changes = ranking.order, ranking.where, comparison.changes
    columns: dict[str, tuple[type, str, Any]] = {
        "rank": (int, "by the best error, the least first", np.arange(1, len(order) + 1)),
        "run": (str, "the run", [comparison.names[place] for place in order]),
        "best_error": (
            float, f"the least typical {ranking.error} of its sweeps over delta; without sweeps the least above 0",
            ranking.best[order],
        ),
    }  # fmt: skip
    for key, values in ranking.keys.items():
        name = f"key_{key}" if key in OWN else key
        columns[name] = (str, "as configured", [shown(values[place]) for place in order])
    for key in comparison.plan.keys:
        if len({str(one.get(key)) for one in where}) > 1:
            texts = [_text(where[place].get(key)) for place in order]
            columns[f"{WHERE}{key}"] = (str, f"{key} of the row with the best error", texts)
    rows, again, differing = (
        np.array([getattr(changes[place], count) for place in order]) for count in ("rows", "joined", "differing")
    )
    columns |= {
        "rows": (int, "rows of its main table", rows),
        "shared_rows": (int, "of these, rows that an earlier run has too", again),
        "differing_rows": (int, "of these, rows with another value than in the first run that has them", differing),
        "changed_columns": (str, "in which columns", [", ".join(changes[place].beyond) for place in order]),
        "directory": (str, "where it lies", [near(comparison.runs[place].directory) for place in order]),
    }
    shape = {name: (kind, meaning) for name, (kind, meaning, _) in columns.items()}
    with tables.Writer(comparison.directory, {RUNS: shape}) as writer:
        writer.write(RUNS, {name: values for name, (_, _, values) in columns.items()})
    tables.write_csv(comparison.directory / f"{RUNS}.parquet")


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)
