"""The page of a comparison: what was found, the figures, and the tables behind both."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments import tables
from experiments.comparison.configured import Lines, shown
from experiments.comparison.differences import Change
from experiments.comparison.drawings import OTHERS_DRAWN, Drawing, drawn
from experiments.comparison.ranking import RUNS, WHERE, Ranking
from experiments.comparison.result import Comparison
from experiments.comparison.sentences import findings, most_different
from experiments.comparison.values import ColumnChange
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


Columns = Mapping[str, tuple[str, Sequence[object]]]
"""The columns of a table, each with its meaning and its values."""


def _table(
    name: str, meaning: str, columns: Columns, *, total: int | None = None, digits: int | None = 6
) -> report.Table:
    """Return a table for the page; `total` are the rows that there are."""
    meanings, values = zip(*columns.values(), strict=True)
    rows = [[_cell(value, digits) for value in row] for row in zip(*values, strict=True)]
    return report.Table(name, meaning, list(columns), meanings, rows, len(rows) if total is None else total)


def _stored(
    path: Path,
    meaning: str,
    *,
    most: int = MAX_DIFFERENCES,
    digits: int | None = None,
    left_out: Collection[str] = (),
) -> report.Table:
    """Return the first rows of a table on disk for the page; its columns say what they mean."""
    about, frame = tables.footer(path), tables.head(path, most).astype(object)
    columns = {name: (said, frame[name].tolist()) for name, (_, said) in about.shape.items() if name not in left_out}
    return _table(path.stem, meaning, columns, total=about.rows, digits=digits)


def _cell(value: object, digits: int | None) -> str:
    """Return a value as text; a number with so many digits, or with those that read back as the same value."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.{digits}g}" if digits else str(value).removesuffix(".0")
    return "" if value is None else str(value)


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
    columns = {name.replace("_", " "): column for name, column in overview(comparison).items()}
    yield _table("overview", "One row for every run compared with the first.", columns)
    changed = [(change, one) for change in comparison.changes for one in change.columns.values()]
    if changed:
        yield _table("by column", "What changed in each column, over all joined rows.", _by_column(changed))
    keys = [(key, list(map(shown, values))) for key, values in comparison.keys.items()]
    others = [(key, texts) for key, texts in comparison.configuration if not _is_below(key, comparison.keys)]
    for name, lines in (("configuration", [*keys, *others]), ("environment", comparison.environment)):
        if lines:
            cells = [[key, *(show(text, LONGEST) for text in texts)] for key, texts in lines]
            meaning = f"What is not the same in the {name} of the runs; run.json has it in full."
            meanings = ["name", *(["as recorded"] * len(comparison.names))]
            yield report.Table(name, meaning, ["key", *comparison.names], meanings, cells, len(cells))
    if comparison.differences.is_file():
        yield _stored(comparison.differences, "The rows that differ, vanished or appeared.")


def _by_column(changed: Sequence[tuple[Change, ColumnChange]]) -> Columns:
    columns = [column for _, column in changed]
    return {
        "run": ("the run compared with the first", [change.name for change, _ in changed]),
        "column": ("the column", [one.name for one in columns]),
        "other bits": ("values that are not the same bits", [one.different for one in columns]),
        "beyond the tolerance": ("those that the tolerance does not excuse", [one.beyond for one in columns]),
        "ulps apart": ("the largest distance, in doubles", [one.furthest for one in columns]),
        "least ratio": ("the least ratio of the other to the first", [one.least for one in columns]),
        "mean ratio": ("the geometric mean of the ratios", [one.mean for one in columns]),
        "greatest ratio": ("the greatest ratio", [one.greatest for one in columns]),
    }


def overview(comparison: Comparison) -> Columns:
    """Return by column what it means and its values: for every other run how many rows changed and by how much."""
    changes, plan = comparison.changes, comparison.plan
    errors, estimates = (
        [change.columns.get(name or "", ColumnChange(name="")) for change in changes]
        for name in (plan.error, plan.estimate)
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


def _is_below(key: str, keys: Mapping[str, object]) -> bool:
    return any(key == one or key.startswith(f"{one}.") for one in keys)


# Many runs


def _tables_of_many(comparison: Comparison, ranking: Ranking) -> Iterator[report.Table]:
    runs = "One row for every run, the smallest best error first, with the keys that are not the same in all of them."
    known = [f"{WHERE}{key}" for key, values in ranking.keys.items() if all(len(one) == 1 for one in values)]
    path = comparison.directory / f"{RUNS}.parquet"
    yield _stored(path, runs, most=MAX_RUNS, digits=4, left_out=["directory", *known])
    different = most_different(comparison)
    if different:
        meaning = "The runs by how many of their rows are not as in the first run that has them."
        columns = _what_differs(different[:MAX_RUNS], ranking.error)
        yield _table("what differs", meaning, columns, total=len(different), digits=4)
    if comparison.environment:
        yield _table(
            "environment", "What is not the same where the runs were made.", _frequencies(comparison.environment)
        )
    if comparison.differences.is_file():
        yield _stored(comparison.differences, "Rows that are not as in the first run that has them.")


def _what_differs(changes: Sequence[Change], error: str | None) -> Columns:
    beyond = [", ".join(f"{name} {count}" for name, count in one.beyond.items()) for one in changes]
    ratios = [one.columns[error].mean if error in one.columns else math.nan for one in changes]
    return {
        "run": ("the run", [one.name for one in changes]),
        "compared with": ("the first run that has the rows, of several the last", [one.first for one in changes]),
        "shared rows": ("rows that an earlier run has too", [one.joined for one in changes]),
        "differ": ("of these, rows with another value", [one.differing for one in changes]),
        "in columns": ("how many values differ, by column", beyond),
        "error ratio": (f"the geometric mean of {error} over that of the other", ratios),
    }


def _frequencies(lines: Lines) -> Columns:
    counts = [Counter(texts) for _, texts in lines]
    frequent = ["; ".join(f"{text} ({n})" for text, n in count.most_common(MOST_FREQUENT)) for count in counts]
    return {
        "key": ("name", [name for name, _ in lines]),
        "values": ("how many different ones", [len(count) for count in counts]),
        "the most frequent": ("each with the number of its runs", frequent),
    }
