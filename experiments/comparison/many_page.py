"""The page of many runs: what was found, the figures, and the runs ranked by their best error and by what differs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from experiments import tables
from experiments.comparison.configured import shown
from experiments.comparison.differences import DIFFERENCES
from experiments.comparison.many import RUNS, Many, write_runs
from experiments.comparison.many_figures import about_best, about_shares, at, drawn
from experiments.messages import near
from experiments.page import report
from experiments.words import first_of

HEAD, DIFFERENT = 1000, 40
"""Runs, and rows that differ, that the page shows."""
TOLD = 8
"""Names that a sentence lists."""


def sentences(found: Many) -> Iterator[str]:
    """Say what the runs have in common, which is the best, on what that depends, and which rows are not the same."""
    study = found.runs[0].study.name
    keys = [f"{key} ({len(set(values))} values)" for key, values in found.keys.items()]
    differ = f"between them differ {first_of(keys, TOLD)}" if keys else "all of them have one configuration"
    yield f"{len(found.runs)} runs of {study} are compared; {differ}."
    known = [place for place in found.ranked if not math.isnan(found.best[place])]
    if known:
        yield _about_best(found, known)
    if about_shares(found):
        yield about_shares(found)
    yield from _about_rows(found)
    lines = [f"{name} ({len(set(texts))} values)" for name, texts in found.environment if "untracked." not in name]
    if lines:
        yield f"In the environment of the runs there differ: {first_of(lines, TOLD)}."
    else:
        yield "The environment of the runs is the same: commit, versions, processor and threads."


def _about_best(found: Many, known: Sequence[int]) -> str:
    best, worst = known[0], known[-1]
    least = about_best(found).removesuffix(".")
    if len(known) == 1:
        return f"{least}; no other run tells one."
    if found.best[best] == found.best[worst]:
        return f"{least}; all runs have the same."
    return f"{least}; the largest best {found.error} is {found.best[worst]:.3g}, of {found.names[worst]}."


def _about_rows(found: Many) -> Iterator[str]:
    rows = sum(change.rows for change in found.changes)
    shared = sum(change.joined for change in found.changes)
    odd = sorted((change for change in found.changes if change.differing), key=lambda one: -one.differing)
    if not shared:
        yield f"No two of the {rows:,} rows of different runs have the same {', '.join(found.plan.keys)}."
    elif not odd:
        yield f"Of the {rows:,} rows {shared:,} are in an earlier run too, with the same values in every one."
    else:
        count = sum(change.differing for change in odd)
        runs = f"{len(odd)} runs" if len(odd) > 1 else "one run"
        yield f"Of the {rows:,} rows {shared:,} are in an earlier run too; {count:,} of these differ, in {runs}."
        columns = Counter({name: 0 for change in odd for name in change.columns})
        for change in odd:
            columns.update({name: one.beyond for name, one in change.columns.items()})
        told = ", ".join(f"{name} in {number:,}" for name, number in columns.most_common(TOLD) if number)
        yield f"By column: {told}."
        most = odd[0]
        of = f"{most.differing:,} of its {most.joined:,} shared rows"
        yield f"Most differs in {most.name}: {of}, compared with {most.first}."
    if found.plan.measured:
        yield f"Not compared, as a clock measured them: {', '.join(found.plan.measured)}."


def write(found: Many, notes: Sequence[str], command: str) -> None:
    """Write the table of the runs, the figures and ``report.html`` into the directory of a comparison."""
    write_runs(found, [near(run.directory) for run in found.runs])
    study = found.runs[0].study.name
    content = report.Content(
        title=f"{len(found.runs)} runs of {study} compared",
        command=command,
        study=study,
        question="What changed between these runs, which of them has the smallest error, and where do they disagree?",
        findings=list(sentences(found)),
        notes=notes,
        figures=drawn(found),
        tables=list(_tables(found)),
        record={
            "runs": len(found.runs),
            "first": near(found.runs[0].directory),
            "last": near(found.runs[-1].directory),
            "rows joined on": ", ".join(found.plan.keys),
        },
        files=[
            (path.name, path.name) for path in sorted(found.directory.iterdir()) if path.suffix in (".parquet", ".csv")
        ],
    )
    report.write(found.directory / "report.html", content)


def _tables(found: Many) -> Iterator[report.Table]:
    yield _ranked(found)
    odd = sorted((change for change in found.changes if change.differing), key=lambda one: -one.differing)
    if odd:
        heads = {
            "run": "the run",
            "compared with": "the first run that has the rows, of several the last",
            "shared rows": "rows that an earlier run has too",
            "differ": "of these, rows with another value",
            "in columns": "how many values differ, by column",
            "error ratio": f"the geometric mean of {found.plan.error} over that of the other",
        }
        rows = [
            [
                one.name,
                one.first,
                f"{one.joined}",
                f"{one.differing}",
                ", ".join(f"{name} {column.beyond}" for name, column in one.columns.items() if column.beyond),
                _number(one.columns[found.plan.error].mean) if found.plan.error in one.columns else "",
            ]
            for one in odd[:HEAD]
        ]
        yield report.Table(
            "what differs", "The runs by how many of their rows are not as in the first run that has them.",
            list(heads), list(heads.values()), rows, len(odd),
        )  # fmt: skip
    for_all = [(name, texts) for name, texts in found.environment if len(set(texts)) > 1]
    if for_all:
        rows = [
            [
                name,
                f"{len(set(texts))}",
                "; ".join(f"{text} ({count})" for text, count in Counter(texts).most_common(4)),
            ]
            for name, texts in for_all
        ]
        yield report.Table(
            "environment", "What is not the same where the runs were made.", ["key", "values", "the most frequent"],
            ["name", "how many different ones", "each with the number of its runs"], rows, len(rows),
        )  # fmt: skip
    if found.differences.is_file():
        yield _head(found, DIFFERENCES, "Rows that are not as in the first run that has them.", DIFFERENT)


def _told(found: Many, place: int) -> list[str]:
    """Return the changed keys that have only the value in a run that its best error has."""
    where = found.where[place]
    return [key for key, values in found.keys.items() if key in where and values[place] == (where[key],)]


def _ranked(found: Many) -> report.Table:
    constant = [key for key in found.plan.keys if not found.rows.varies(key)]
    heads = {
        "rank": "by the best error, the smallest first",
        "run": "the run",
        f"best {found.error}": f"the smallest positive {found.error} of its rows, of sweeps the typical one: no luck",
        **dict.fromkeys(found.keys, "as configured"),
        "best at": "the keys of the row with the best error, where no column of this table tells them",
        "rows": "rows of its main table",
        "shared": "of these, rows that an earlier run has too",
        "differ": "of these, rows with another value than in the first run that has them",
    }
    rows = [
        [
            str(rank),
            found.names[place],
            _number(float(found.best[place])),
            *(shown(values[place]) for values in found.keys.values()),
            at(found, place, left_out=[*constant, *_told(found, place)]),
            *map(str, (found.changes[place].rows, found.changes[place].joined, found.changes[place].differing)),
        ]
        for rank, place in enumerate(found.ranked[:HEAD], start=1)
    ]
    if not any(row[-4] for row in rows):  # each run has one row, or one value of every key
        del heads["best at"]
        rows = [[*row[:-4], *row[-3:]] for row in rows]
    meaning = (
        "One row for every run, the smallest best error first, with the keys that are not the same in all of them."
    )
    return report.Table(RUNS, meaning, list(heads), list(heads.values()), rows, len(found.runs))


def _head(found: Many, name: str, meaning: str, most: int) -> report.Table:
    path = found.directory / f"{name}.parquet"
    shape = {column: told for column, (_, told) in tables.shape_of(path).items()}
    frame = tables.head(path, most)[list(shape)]
    cells = [[_number(value) for value in row] for row in frame.itertuples(index=False)]
    return report.Table(name, meaning, list(shape), list(shape.values()), cells, tables.rows_of(path))


def _number(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4g}"
    return "" if value is None else str(value)
