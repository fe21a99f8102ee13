"""Runs of one study compared: what was asked, where it ran, and every row of the main table."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from experiments import tables
from experiments.comparison import figure, many_page, page
from experiments.comparison.circumstances import configurations, environments
from experiments.comparison.configured import changed, shown
from experiments.comparison.differences import DIFFERENCES, Change, Differences, Plan, plan_of, table_of
from experiments.comparison.joining import join
from experiments.comparison.many import BESIDE, Many, examined
from experiments.comparison.result import Result, about_asked, about_best, overview, sentences
from experiments.messages import ConfigurationError, near, show
from experiments.running.record import Table
from experiments.running.record import configurations as configurations_of
from experiments.running.runs import Stored
from experiments.terminal.commands import fresh
from experiments.terminal.progress import Terminal

TOLD = 10
"""Runs, and changed keys of them, that the terminal shows of many."""


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
    contents, shapes = zip(*(_content(run) for run in runs), strict=True)
    shared = {name: kind for name, kind in shapes[0].items() if all(one.get(name) is kind for one in shapes)}
    plan = plan_of(runs[0].study, shared)
    _refuse_lost_keys(plan, runs, shapes)
    final = fresh(place, datetime.now(UTC))
    part = final.with_name(f".{final.name}.part")
    made = [path for path in part.parents if not path.exists()]
    part.mkdir(parents=True)
    try:
        if len(runs) > BESIDE:
            many = examined(runs, names_of(runs), plan, [one.rows for one in contents], part, ulps=ulps)
            many_page.write(many, notes, command)
        else:
            few = Result(
                runs=runs,
                names=names_of(runs),
                plan=plan,
                changes=_changes(runs, contents, shapes),
                asked=changed([configurations_of(run.record.jobs) for run in runs]),
                configuration=configurations(runs),
                environment=environments(runs),
                ulps=ulps,
                directory=part,
            )
            _join(few)
            page.write(few, figure.drawn(few), command, notes)
        part.replace(final)
    except BaseException:
        _forget(part, made)
        raise
    for note in notes:
        Terminal().note(note)
    if len(runs) > BESIDE:
        _tell_many(many, final)
        return any(one.differing for one in many.changes)
    _tell(few, final)
    return any(one.any for one in few.changes)


def _forget(part: Path, fresh: Sequence[Path]) -> None:
    """Remove what was written, and the directories made for it unless another comparison is in them."""
    shutil.rmtree(part)
    for directory in fresh:
        with suppress(OSError):
            directory.rmdir()


def names_of(runs: Sequence[Stored]) -> list[str]:
    """Return a name for each run, as short as tells them apart: the time, the directory, or the path."""
    paths = [run.directory for run in runs]
    names: list[str] = []
    for told in (lambda path: path.name[:8], lambda path: path.name, near):
        names = [told(path) for path in paths]
        if len(set(names)) == len(set(paths)):
            break
    return [name if names.count(name) == 1 else f"{name} ({k})" for k, name in enumerate(names, start=1)]


# What cannot be compared


def _refuse_other_studies(runs: Sequence[Stored]) -> None:
    studies = [run.study.name for run in runs]
    for run, study in zip(runs, studies, strict=True):
        if study != studies[0]:
            raise ConfigurationError(
                f"{near(runs[0].directory)} is a run of {studies[0]} and {near(run.directory)} one of {study};"
                " runs of one study are compared"
            )


def _content(run: Stored) -> tuple[Table, dict[str, type]]:
    """Return what a run's main table holds, which is the one that its record tells of, and its columns."""
    run.refuse_altered(run.table.stem)
    columns = {name: kind for name, kind in tables.types_of(run.table).items() if name != "job"}
    return run.record.tables[run.table.stem], columns


def _changes(runs: Sequence[Stored], contents: Sequence[Table], shapes: Sequence[Mapping[str, type]]) -> list[Change]:
    names = names_of(runs)
    changes = []
    for name, content, shape in list(zip(names, contents, shapes, strict=True))[1:]:
        same = content == contents[0]
        change = Change(
            name=name, first=names[0], identical=same, rows=content.rows, joined=content.rows if same else 0
        )
        odd = [column for column in {**shapes[0], **shape} if shapes[0].get(column) is not shape.get(column)]
        change.lost = tuple(f"{column}: {_type(shapes[0], column)} and {_type(shape, column)}" for column in odd)
        changes.append(change)
    return changes


def _type(shape: Mapping[str, type], column: str) -> str:
    return tables.KINDS[shape[column]].name if column in shape else "none"


def _refuse_lost_keys(plan: Plan, runs: Sequence[Stored], shapes: Sequence[Mapping[str, type]]) -> None:
    for key in plan.keys:
        if key not in plan.columns:
            kinds = [f"{near(run.directory)} {_type(shape, key)}" for run, shape in zip(runs, shapes, strict=True)]
            raise ConfigurationError(f"rows cannot be joined: column {key} is not of one type: {', '.join(kinds)}")


# What is done


def _join(result: Result) -> None:
    """Join the other runs with the first, one after the other, unless their tables are known to be equal."""
    with tables.Writer(result.directory, {DIFFERENCES: table_of(result.plan)}) as writer:
        for run, change in zip(result.runs[1:], result.changes, strict=True):
            if not change.identical:
                words = tables.Words(result.plan.columns)
                differences = Differences(result.plan, words, writer, ulps=result.ulps)
                keys = result.plan.keys
                paths = result.runs[0].table, run.table
                for rows in join(words, *paths, keys=keys, scratch=result.directory):
                    differences.add(change, rows)
    if result.differences.is_file():
        tables.write_csv(result.differences)


def _tell(result: Result, directory: Path) -> None:
    terminal = Terminal()
    terminal.summary(overview(result), table="report.html")
    terminal.line(about_asked(result))
    lines = result.environment
    told = "; ".join(f"{name} {' | '.join(show(text, 32) for text in texts)}" for name, texts in lines[:4])
    rest = [name for name, _ in lines[4:]]
    more = f"; also {', '.join(rest[:8])}{' and more' if len(rest) > 8 else ''}" if rest else ""
    terminal.line(f"environment: {told}{more}" if lines else "environment: the same")
    for sentence in filter(None, (about_best(result), *sentences(result))):
        terminal.line(sentence)
    _tell_paths(terminal, directory, (f"{DIFFERENCES}.csv", f"{DIFFERENCES}.parquet"))


def _tell_many(many: Many, directory: Path) -> None:
    terminal = Terminal()
    best = many.ranked[:TOLD]
    columns: dict[str, Sequence[object]] = {
        "run": [many.names[place] for place in best],
        f"best_{many.error}": [float(many.best[place]) for place in best],
        **{key: [shown(many.keys[key][place]) for place in best] for key in list(many.keys)[:TOLD]},
    }
    terminal.summary(columns, table="runs.csv")
    for sentence in many_page.sentences(many):
        terminal.line(sentence)
    _tell_paths(terminal, directory, ("runs.csv", f"{DIFFERENCES}.csv"))


def _tell_paths(terminal: Terminal, directory: Path, names: Sequence[str]) -> None:
    paths = [("report", "report.html"), *(("table", name) for name in names)]
    drawn = [("figure", path.relative_to(directory).as_posix()) for path in sorted(directory.glob("figures/*.png"))]
    shown_paths = [(label, directory / name) for label, name in [*paths, *drawn]]
    terminal.paths([(label, near(path)) for label, path in shown_paths if path.is_file()])
