"""The page of a comparison: what was found, the figures, and the tables behind both."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments import tables
from experiments.comparison.configured import shown
from experiments.comparison.differences import DIFFERENCES
from experiments.comparison.drawings import OTHERS_DRAWN, Drawing, drawn
from experiments.comparison.ranking import RUNS, Ranking
from experiments.comparison.result import Comparison
from experiments.comparison.sentences import findings, most_different, where_best
from experiments.comparison.values import Column
from experiments.messages import near, show
from experiments.page import report

MAX_DIFFERENCES, MAX_RUNS = 40, 1000
"""Rows that differ, and runs, that the page shows."""
LONGEST = 240
"""Letters of a configured value that the page shows."""
MOST_FREQUENT = 4
"""Values of a fact of the environment that the page shows of many runs."""


def write(comparison: Comparison, command: str, notes: Sequence[str]) -> None:
    """Draw the figures and write ``report.html`` into the directory of a comparison, whose other files are there."""
    drawings, ranking = drawn(comparison), comparison.ranking
    files = [path.name for path in sorted(comparison.directory.iterdir()) if path.suffix in (".parquet", ".csv")]
    content = report.Content(
        command=command,
        study=comparison.study,
        findings=list(findings(comparison)),
        notes=[*notes, *(_notes(comparison, drawings) if ranking is None else ())],
        figures=drawings,
        files=[(name, name) for name in files],
        **(_of_few(comparison) if ranking is None else _of_many(comparison, ranking)),
    )
    report.write(comparison.directory / "report.html", content)


def _of_few(comparison: Comparison) -> dict[str, Any]:
    """Return what the page of a few runs says of itself, and its tables."""
    return {
        "title": f"{comparison.names[0]} compared with {', '.join(comparison.names[1:])}",
        "question": "What changed between these runs in what was asked, and what did it do to the error and to every"
        " row?",
        "tables": list(_tables(comparison)),
        "record": {
            "runs": ", ".join(near(run.directory) for run in comparison.runs),
            "rows joined on": ", ".join(comparison.plan.keys),
            "ulps": comparison.ulps,
        },
    }


def _of_many(comparison: Comparison, ranking: Ranking) -> dict[str, Any]:
    """Return what the page of many runs says of itself, and its tables."""
    runs = comparison.runs
    return {
        "title": f"{len(runs)} runs of {comparison.study} compared",
        "question": "What changed between these runs, which of them has the smallest error, and where do they"
        " disagree?",
        "tables": list(_tables_of_many(comparison, ranking)),
        "record": {
            "runs": len(runs),
            "first": near(runs[0].directory),
            "last": near(runs[-1].directory),
            "rows joined on": ", ".join(comparison.plan.keys),
        },
    }


def _table(
    name: str, meaning: str, heads: Mapping[str, str], rows: Sequence[Sequence[str]], total: int | None = None
) -> report.Table:
    """Return a table for the page; `heads` are its columns with their meanings, `total` the rows that there are."""
    return report.Table(name, meaning, list(heads), list(heads.values()), rows, len(rows) if total is None else total)


def _cell(value: object, digits: int = 6) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.{digits}g}"
    return "" if value is None else str(value)


def _exact(value: object) -> str:
    """Return the shortest text that reads back as the same value."""
    return "" if value is None else str(value).removesuffix(".0")


# A few runs


def _notes(comparison: Comparison, drawings: Sequence[Drawing]) -> Iterator[str]:
    path = comparison.differences
    stored = tables.footer(path).rows if path.is_file() else 0
    if stored > tables.CSV_ROWS:
        yield f"{stored:,} rows changed: {path.name} has them; above {tables.CSV_ROWS:,} no CSV is written."
    if stored and not drawings:
        differ = any(change.differing for change in comparison.changes)
        why = "the study draws no lines over the keys of its rows" if differ else "no row that both runs have differs"
        yield f"There is no figure: {why}."
    if len(comparison.runs) > 1 + OTHERS_DRAWN and drawings:
        yield f"The figure shows the first run and {OTHERS_DRAWN} others."
    others = _other_tables(comparison)
    if others:
        yield f"The rows of the main table are compared; these tables are not the same either: {', '.join(others)}."


def _other_tables(comparison: Comparison) -> list[str]:
    hashes = [{name: one.hash for name, one in run.record.tables.items()} for run in comparison.runs]
    names = dict.fromkeys(name for one in hashes for name in one if name != comparison.runs[0].table.stem)
    return [name for name in names if len({one.get(name) for one in hashes}) > 1]


def _tables(comparison: Comparison) -> Iterator[report.Table]:
    yield _overview(comparison)
    columns = [
        [
            change.name,
            one.name,
            *map(_cell, (one.different, one.beyond, one.furthest, one.least, one.mean, one.greatest)),
        ]
        for change in comparison.changes
        for one in change.columns.values()
    ]
    if columns:
        heads = {
            "run": "the run compared with the first",
            "column": "the column",
            "other bits": "values that are not the same bits",
            "beyond the tolerance": "those that the tolerance does not excuse",
            "ulps apart": "the largest distance, in doubles",
            "least ratio": "the least ratio of the other to the first",
            "mean ratio": "the geometric mean of the ratios",
            "greatest ratio": "the greatest ratio",
        }
        yield _table("by column", "What changed in each column, over all joined rows.", heads, columns)
    keys = [(key, list(map(shown, values))) for key, values in comparison.keys.items()]
    others = [(key, texts) for key, texts in comparison.configuration if not _is_below(key, comparison.keys)]
    for name, lines in (("configuration", [*keys, *others]), ("environment", comparison.environment)):
        if lines:
            cells = [[key, *(show(text, LONGEST) for text in texts)] for key, texts in lines]
            meaning = f"What is not the same in the {name} of the runs; run.json has it in full."
            meanings = ["name", *(["as recorded"] * len(comparison.names))]
            yield report.Table(name, meaning, ["key", *comparison.names], meanings, cells, len(cells))
    if comparison.differences.is_file():
        yield _differences(comparison)


def overview(comparison: Comparison) -> dict[str, tuple[str, list[object]]]:
    """Return by column what it means and its values: for every other run how many rows changed and by how much."""
    changes, plan = comparison.changes, comparison.plan
    errors, estimates = (
        [change.columns.get(name or "", Column(name="")) for change in changes] for name in (plan.error, plan.estimate)
    )
    return {
        "compared": ("the run compared with the first", [one.name for one in changes]),
        "joined": ("rows that both have", [one.joined for one in changes]),
        "equal": ("joined rows within the tolerance", [one.joined - one.differing for one in changes]),
        "differ": ("joined rows beyond it", [one.differing for one in changes]),
        "appeared": ("rows that only the other has", [one.appeared for one in changes]),
        "vanished": ("rows that only the first has", [one.vanished for one in changes]),
        f"{plan.estimate}_ulps apart": ("the largest distance, in doubles", [one.furthest for one in estimates]),
        f"{plan.error}_least ratio": (
            "the least ratio of the other to the first, where they differ", [one.least for one in errors]),
        f"{plan.error}_mean ratio": ("the geometric mean of the ratios", [one.mean for one in errors]),
        f"{plan.error}_greatest ratio": ("the greatest ratio", [one.greatest for one in errors]),
    }  # fmt: skip


def _overview(comparison: Comparison) -> report.Table:
    columns = {
        name.replace("_", " "): (meaning, list(map(_cell, values)))
        for name, (meaning, values) in overview(comparison).items()
    }
    columns = {name: column for name, column in columns.items() if any(column[1])}  # no row differs: no ratio
    rows = list(zip(*(cells for _, cells in columns.values()), strict=True))
    heads = {name: meaning for name, (meaning, _) in columns.items()}
    return _table("overview", "One row for every run compared with the first.", heads, rows)


def _is_below(key: str, keys: Mapping[str, object]) -> bool:
    return any(key == one or key.startswith(f"{one}.") for one in keys)


def _differences(comparison: Comparison) -> report.Table:
    path = comparison.differences
    frame = tables.head(path, MAX_DIFFERENCES)
    frame = frame.astype(object).mask(frame.isna() | (frame == ""), None).dropna(axis="columns", how="all")
    cells = [[_exact(value) for value in row] for row in frame.itertuples(index=False)]
    shape = tables.footer(path).shape
    heads = {str(name): shape[str(name)][1] for name in frame}
    return _table(DIFFERENCES, "The rows that differ, vanished or appeared.", heads, cells, tables.footer(path).rows)


# Many runs


def _tables_of_many(comparison: Comparison, ranking: Ranking) -> Iterator[report.Table]:
    yield _ranked(comparison, ranking)
    if most_different(comparison):
        yield _different(comparison)
    if comparison.environment:
        rows = [
            [
                name,
                f"{len(set(texts))}",
                "; ".join(f"{text} ({count})" for text, count in Counter(texts).most_common(MOST_FREQUENT)),
            ]
            for name, texts in comparison.environment
        ]
        heads = {
            "key": "name",
            "values": "how many different ones",
            "the most frequent": "each with the number of its runs",
        }
        yield _table("environment", "What is not the same where the runs were made.", heads, rows)
    path = comparison.differences
    if path.is_file():
        heads = {column: meaning for column, (_, meaning) in tables.footer(path).shape.items()}
        frame = tables.head(path, MAX_DIFFERENCES)
        rows = [[_cell(value, 4) for value in row] for row in frame.itertuples(index=False)]
        meaning = "Rows that are not as in the first run that has them."
        yield _table(DIFFERENCES, meaning, heads, rows, tables.footer(path).rows)


def _different(comparison: Comparison) -> report.Table:
    different, error = most_different(comparison), comparison.plan.error
    heads = {
        "run": "the run",
        "compared with": "the first run that has the rows, of several the last",
        "shared rows": "rows that an earlier run has too",
        "differ": "of these, rows with another value",
        "in columns": "how many values differ, by column",
        "error ratio": f"the geometric mean of {error} over that of the other",
    }
    rows = [
        [
            one.name,
            one.first,
            f"{one.joined}",
            f"{one.differing}",
            ", ".join(f"{name} {count}" for name, count in one.beyond.items()),
            _cell(one.columns[error].mean, 4) if error in one.columns else "",
        ]
        for one in different[:MAX_RUNS]
    ]
    meaning = "The runs by how many of their rows are not as in the first run that has them."
    return _table("what differs", meaning, heads, rows, len(different))


def _ranked(comparison: Comparison, ranking: Ranking) -> report.Table:
    constant, error = [key for key in comparison.plan.keys if not ranking.rows.varies(key)], ranking.error
    heads = {
        "rank": "by the best error, the smallest first",
        "run": "the run",
        f"best {error}": f"the smallest positive {error} of its rows, of sweeps the typical one: no luck",
        **dict.fromkeys(ranking.keys, "as configured"),
        "best at": "the keys of the row with the best error, where no column of this table tells them",
        "rows": "rows of its main table",
        "shared": "of these, rows that an earlier run has too",
        "differ": "of these, rows with another value than in the first run that has them",
    }
    rows = [
        [
            str(rank),
            comparison.names[place],
            _cell(float(ranking.best[place]), 4),
            *(shown(values[place]) for values in ranking.keys.values()),
            where_best(ranking, place, left_out=[*constant, *_in_columns(ranking, place)]),
            *map(str, (change.rows, change.joined, change.differing)),
        ]
        for rank, place in enumerate(ranking.order[:MAX_RUNS], start=1)
        for change in [comparison.changes[place]]
    ]
    if not any(row[-4] for row in rows):  # each run has one row, or one value of every key
        del heads["best at"]
        rows = [[*row[:-4], *row[-3:]] for row in rows]
    meaning = (
        "One row for every run, the smallest best error first, with the keys that are not the same in all of them."
    )
    return _table(RUNS, meaning, heads, rows, len(comparison.runs))


def _in_columns(ranking: Ranking, place: int) -> list[str]:
    """Return the changed keys that have only the value in a run that its best error has."""
    where = ranking.where[place]
    return [key for key, values in ranking.keys.items() if key in where and values[place] == (where[key],)]
