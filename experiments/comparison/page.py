"""The page of a comparison: what was found, the figure, and the tables behind both."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from experiments import tables
from experiments.comparison.configured import shown
from experiments.comparison.differences import DIFFERENCES, Change
from experiments.comparison.figure import OTHERS_DRAWN
from experiments.comparison.result import Result, about_asked, about_best, about_environment, overview, sentences
from experiments.comparison.values import Column
from experiments.messages import near, show
from experiments.page import report

HEAD = 40
"""Differing rows that the page shows."""
LONGEST = 240
"""Letters of a configured value that the page shows."""
MEANINGS = (
    "the run compared with the first",
    "rows that both have",
    "joined rows within the tolerance",
    "joined rows beyond it",
    "rows that only the other has",
    "rows that only the first has",
    "the largest distance, in doubles",
    "the least ratio of the other to the first, where they differ",
    "the geometric mean of the ratios",
    "the greatest ratio",
)
COLUMN_HEADS = {
    "run": "the run compared with the first",
    "column": "the column",
    "other bits": "values that are not the same bits",
    "beyond the tolerance": "those that the tolerance does not excuse",
    "ulps apart": "the largest distance, in doubles",
    "least ratio": "the least ratio of the other to the first",
    "mean ratio": "the geometric mean of the ratios",
    "greatest ratio": "the greatest ratio",
}


def write(result: Result, drawings: Sequence[tuple[str, str, str]], command: str, notes: Sequence[str] = ()) -> None:
    """Write ``report.html`` into the directory of a comparison, whose other files are there."""
    first = result.runs[0]
    runs = ", ".join(near(run.directory) for run in result.runs)
    content = report.Content(
        title=f"{result.names[0]} compared with {', '.join(result.names[1:])}",
        command=command,
        study=first.study.name,
        question="What changed between these runs in what was asked, and what did it do to the error and to every row?",
        findings=[
            one
            for one in (about_asked(result), about_best(result), *sentences(result), about_environment(result))
            if one
        ],
        notes=[*notes, *_notes(result, drawings)],
        figures=drawings,
        tables=list(_tables(result)),
        record={"runs": runs, "rows joined on": ", ".join(result.plan.keys), "ulps": result.ulps},
        files=[
            (path.name, path.name) for path in sorted(result.directory.iterdir()) if path.suffix in (".parquet", ".csv")
        ],
    )
    report.write(result.directory / "report.html", content)


def _notes(result: Result, drawings: Sequence[tuple[str, str, str]]) -> list[str]:
    notes = []
    stored = tables.rows_of(result.differences) if result.differences.is_file() else 0
    if stored > tables.CSV_ROWS:
        where = result.differences.name
        notes.append(f"{stored:,} rows changed: {where} has them; above {tables.CSV_ROWS:,} no CSV is written.")
    if stored and not drawings:
        differ = any(change.differing for change in result.changes)
        why = "the study draws no lines over the keys of its rows" if differ else "no row that both runs have differs"
        notes.append(f"There is no figure: {why}.")
    if len(result.runs) > 1 + OTHERS_DRAWN and drawings:
        notes.append(f"The figure shows the first run and {OTHERS_DRAWN} others.")
    others = _other_tables(result)
    if others:
        notes.append(
            f"The rows of the main table are compared; these tables are not the same either: {', '.join(others)}."
        )
    return notes


def _other_tables(result: Result) -> list[str]:
    hashes = [{name: one.hash for name, one in run.record.tables.items()} for run in result.runs]
    names = dict.fromkeys(name for one in hashes for name in one if name != result.runs[0].table.stem)
    return [name for name in names if len({one.get(name) for one in hashes}) > 1]


def _tables(result: Result) -> Iterator[report.Table]:
    found = overview(result)
    rows = [[_cell(value) for value in row] for row in zip(*found.values(), strict=True)]
    told = [k for k in range(len(found)) if any(row[k] for row in rows)]  # no row differs: no distance, no ratio
    named, rows = [list(found)[k].replace("_", " ") for k in told], [[row[k] for k in told] for row in rows]
    meanings = [MEANINGS[k] for k in told]
    yield report.Table("overview", "One row for every run compared with the first.", named, meanings, rows, len(rows))
    columns = [_column_row(change, one) for change in result.changes for one in change.columns.values()]
    if columns:
        said = "What changed in each column, over all joined rows."
        heads = list(COLUMN_HEADS)
        yield report.Table("by column", said, heads, list(COLUMN_HEADS.values()), columns, len(columns))
    asked = [(key, list(map(shown, values))) for key, values in result.asked.items()]
    others = [(key, texts) for key, texts in result.configuration if not _is_told(key, result.asked)]
    for name, lines in (("configuration", [*asked, *others]), ("environment", result.environment)):
        cells = [[key, *(show(text, LONGEST) for text in texts)] for key, texts in lines]
        meaning = f"What is not the same in the {name} of the runs; run.json has it in full."
        if lines:
            yield report.Table(
                name,
                meaning,
                ["key", *result.names],
                ["name", *(["as recorded"] * len(result.names))],
                cells,
                len(cells),
            )
    if result.differences.is_file():
        frame = tables.head(result.differences, HEAD)
        shape = tables.shape_of(result.differences)
        frame = frame.astype(object).mask(frame.isna() | (frame == ""), None).dropna(axis="columns", how="all")
        cells = [[_exact(value) for value in row] for row in frame.itertuples(index=False)]
        total = tables.rows_of(result.differences)
        heads = list(map(str, frame))
        meanings = [shape[name][1] for name in heads]
        yield report.Table(DIFFERENCES, "The rows that differ, vanished or appeared.", heads, meanings, cells, total)


def _column_row(change: Change, one: Column) -> list[str]:
    numbers = (one.different, one.beyond, one.furthest, one.least, one.mean, one.greatest)
    return [change.name, one.name, *(_cell(number) for number in numbers)]


def _is_told(key: str, asked: Mapping[str, object]) -> bool:
    return any(key == one or key.startswith(f"{one}.") for one in asked)


def _exact(value: object) -> str:
    """Return the shortest text that reads back as the same value."""
    return "" if value is None else str(value).removesuffix(".0")


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return "" if value is None else str(value)
