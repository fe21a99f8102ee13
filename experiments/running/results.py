"""What becomes of the jobs' files: gather, conclude, draw, report.

Everything here reads files, so that jobs may have run in other processes or on another day. A job whose files are not
what it wrote is never gathered.
"""

from __future__ import annotations

import os
import webbrowser
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from experiments import answers, files, tables
from experiments.formats import check_formats
from experiments.messages import ConfigurationError, line_of, named, near, show
from experiments.page import report as html
from experiments.page import slider
from experiments.running import check, listing, ownership, recording, run_figures, searched, surroundings
from experiments.running.execution import Run
from experiments.running.record import JobRecord, Status
from experiments.study import MAIN, NEW_SHEET, Rows, Study
from experiments.terminal import commands
from experiments.terminal.exits import Exit
from experiments.terminal.progress import Terminal
from experiments.words import counted

MAX_ROWS_CONCLUDED = 500_000
"""Most rows of the main table for which a study's ``conclude`` is called: it holds them in memory."""

MAX_JOBS_NAMED = 10
"""Most jobs that are named one by one when they have no result."""
MAX_ROWS_SHOWN, MAX_ROWS_OF_OTHERS = 120, 60
"""Most rows that the report holds of a table: of the main one and of those in `SHOWN_AT_LENGTH`, and of the others."""
MAX_CELLS_SHOWN = 2_000
"""Most cells of a table that the report holds, each of some 16 bytes: a broad table has fewer rows there."""
SHOWN_AT_LENGTH = ("summary", "goals")
MAX_ROWS_UNFOLDED, MAX_COLUMNS_UNFOLDED = 40, 16
"""Rows above which a table that is not in `SHOWN_AT_LENGTH` is folded: about a page; and columns, of all but the main
one."""
MAX_FINDINGS_PRINTED = 3
"""Most findings that are printed in the terminal; the report has all of them."""
MAX_JOBS_REPORTED = 20
"""Jobs whose configuration the report shows."""
SHOWN_FIRST = ("summary", "suspects", "mistakes")
"""Tables that the report shows before the main one."""
LINKED = (".parquet", ".csv", ".txt")
TABLES_OF_WORDS = ("findings", "notes", "lesson", "printed", "failed", "turning")
"""Tables of words, which the report tells elsewhere."""


# Before the first job


def refuse_figures(study: Study, chosen: Mapping[str, Any]) -> None:
    """Refuse a title that is none, a format, or a figure that cannot be drawn from the study's tables."""
    requested, title = run_figures.figures_of(chosen), chosen.get("title")
    if not isinstance(title, str | None):
        raise ConfigurationError(f"figures.title={show(title)}: no text; write figures.title='My sweep'")
    try:
        check_formats(chosen.get("formats"))
        if requested:
            run_figures.refuse(study, requested)
    except ValueError as error:
        raise ConfigurationError(line_of(error)) from error


# All jobs


def gather(run: Run, jobs: Sequence[JobRecord]) -> dict[str, object]:
    """Join the tables of the jobs that are done, add what the study concludes; return a record of each."""
    done = [job for job in jobs if job.status == Status.DONE]
    held = [[name.removesuffix(".parquet") for name in job.files if name.endswith(".parquet")] for job in done]
    places = [run.directory / "jobs" / str(job.number) for job in done]
    records: dict[str, Any] = dict(tables.gather(places, run.directory, held))
    if MAIN in records and run.study.concludes and not _left_out(records):
        gathered = {name: tables.columns_of(run.directory / f"{name}.parquet") for name in records}
        with tables.Writer(run.directory, run.study.shapes, measured=run.study.measured) as writer:
            for name, columns in run.study.conclusions(gathered):
                writer.write(name, columns)
        records |= writer.records
    if MAIN in records:
        tables.write_csv(run.directory / f"{MAIN}.parquet")
    return records


def _left_out(records: Mapping[str, Any]) -> list[str]:
    """Return what to say of a table that is too large to conclude from, or nothing."""
    rows = _rows_of(records)
    if rows <= MAX_ROWS_CONCLUDED:
        return []
    return [f"above {MAX_ROWS_CONCLUDED:,} rows there is no summary and no finding; this table has {rows:,}"]


def _rows_of(records: Mapping[str, Any]) -> int:
    """Return how many rows the main table has, 0 where it is not there."""
    main = records.get(MAIN)
    return 0 if main is None else int(main.rows)


def _notes(run: Run, records: Mapping[str, Any]) -> list[str]:
    """Return what to say beside the results: the study's table `notes`, if it has one, and what is left out."""
    return [*_texts(run, records, "notes", "note"), *_left_out(records)]


def _texts(run: Run, records: Mapping[str, Any], table: str, column: str) -> list[str]:
    """Return a column of text, nothing where the study has no such table."""
    if table not in records:
        return []
    return [str(text) for text in tables.columns_of(run.directory / f"{table}.parquet")[column]]


def _answers(run: Run, records: Mapping[str, Any]) -> list[str]:
    """Return the plain answers: the derivatives of what was typed."""
    return answers.in_words(_texts(run, records, "answers", "answer"))


def _searched(run: Run, jobs: Sequence[JobRecord], records: Mapping[str, Any]) -> list[str]:
    """Say what a search found; nothing of a run that is none, or of a table too large to conclude from."""
    if run.search is None or MAIN not in records or _left_out(records):
        return []
    gathered = {name: tables.columns_of(run.directory / f"{name}.parquet") for name in records}
    return searched.sentences(run.search, run.study, gathered, {job.number: job.overrides for job in jobs})


def _drawings(run: Run, records: Mapping[str, Any]) -> tuple[list[html.Drawing], list[str]]:
    """Draw the figures that are requested, and say which are not drawn although they have values."""
    requested = run_figures.figures_of(run.figures)
    return run_figures.draw(run, requested, records) if requested else ([], [])


def report(
    run: Run,
    jobs: Sequence[JobRecord],
    records: Mapping[str, Any],
    drawings: Sequence[html.Drawing],
    undrawn: Sequence[str],
) -> Path:
    """Write ``report.html`` and return its path."""
    paths = {name: run.directory / f"{name}.parquet" for name in records}
    shown = [name for name in (*SHOWN_FIRST, *run.study.tables) if name in paths and name not in TABLES_OF_WORDS]
    uncut = len(jobs) // check.shards_of(run.planned[0])
    drawn = run_figures.tables_of(run)
    findings = [
        *_answers(run, records),
        *_searched(run, jobs, records),
        *_texts(run, records, "findings", "finding"),
    ]
    content = html.Content(
        title=run.figures.get("title") or html.words_of(run.record.experiment),
        command=run.record.command,
        study=run.record.experiment,
        question=run.study.question,
        findings=findings,
        figures=drawings,
        lesson=_lesson(paths),
        printed=[line for line in printed(run, records) if line not in findings],
        tables=[
            _shown(run.study.tables[name], paths[name], records[name].rows, uncut, drawn=name in drawn)
            for name in dict.fromkeys(shown)
        ],
        configuration=_configuration(run, jobs),
        record={
            "started": run.record.started.isoformat(timespec="seconds"),
            **run.record.source,
            **run.record.environment,
        },
        notes=[*_complaints(jobs), *_notes(run, records), *undrawn],
        files=[(name, name) for name in _linked(run)],
        outcome=_outcome(jobs),
        well=all(job.status == Status.DONE for job in jobs),
        facts=_facts(run, records, jobs),
        slider=slider.read(paths),
    )
    path = run.directory / "report.html"
    html.write(path, content)
    return path


def _linked(run: Run) -> list[str]:
    """Return the names of the tables and texts beside the report."""
    names = (name for name in ownership.results_of(run) if name.endswith(LINKED) and "/" not in name)
    return sorted(name for name in names if (run.directory / name).exists())


def _outcome(jobs: Sequence[JobRecord]) -> str:
    done = sum(job.status == Status.DONE for job in jobs)
    if done == len(jobs):
        return "1 job done" if done == 1 else f"all {done} jobs done"
    return f"{done} of {len(jobs)} jobs done"


def _facts(run: Run, records: Mapping[str, Any], jobs: Sequence[JobRecord]) -> list[str]:
    """What a reader asks first of a run: how many rows, how long, when. Times come from the record."""
    main = records.get(MAIN)
    rows = [counted(main.rows, "row")] if main is not None else []
    seconds = sum(job.seconds for job in jobs)
    return [*rows, f"computed in {seconds:.3g} s", f"{run.record.started:%Y-%m-%d %H:%M} UTC"]


def printed(run: Run, records: Mapping[str, Any]) -> list[str]:
    """Return the lines that a study prints: the column `line` of its table `printed`, if it has one."""
    return _texts(run, records, "printed", "line")


def _lesson(paths: Mapping[str, Path]) -> dict[str, tuple[str, str]]:
    """For each figure that the table `lesson` names: its heading and what is said before it."""
    if "lesson" not in paths:
        return {}
    columns = tables.columns_of(paths["lesson"])
    words = zip(columns["figure"], columns["title"], columns["text"], strict=True)
    return {str(figure): (str(title), str(text)) for figure, title, text in words}


def _print(run: Run, records: Mapping[str, Any]) -> None:
    """Write what the study prints to ``printed.txt``, one line each."""
    lines = printed(run, records)
    if lines:
        with files.replacing(run.directory / "printed.txt") as file:
            file.write("".join(f"{line}\n" for line in lines).encode())


def _shown(table: type[Rows], path: Path, rows: int, jobs: int, *, drawn: bool) -> html.Table:
    """Return rows of a table as text, the first or taken evenly; one that figures draw is folded, and so is a long one.

    The number of the job is left out where there is one job only.
    """
    name = str(table.table)
    long = name in SHOWN_AT_LENGTH
    most = MAX_ROWS_SHOWN if long or name == MAIN else MAX_ROWS_OF_OTHERS
    some = tables.head if table.ranked else tables.spread
    frame = some(path, min(most, MAX_CELLS_SHOWN // len(table.columns)))
    shape = {column: text for column, (_, text) in tables.footer(path).shape.items() if column != "job" or jobs > 1}
    frame = frame[list(shape)]
    return html.Table(
        name="main table" if name == MAIN else name,
        meaning=" ".join((table.__doc__ or "").split("\n\n")[0].split()),
        columns=list(shape),
        meanings=list(shape.values()),
        rows=[[run_figures.cell(value) for value in row] for row in frame.itertuples(index=False)],
        total=rows,
        spread=not table.ranked,
        folded=not long and (drawn or rows > MAX_ROWS_UNFOLDED or (name != MAIN and len(shape) > MAX_COLUMNS_UNFOLDED)),
    )


def _configuration(run: Run, jobs: Sequence[JobRecord]) -> dict[str, str]:
    numbers = [str(job.number) for job in jobs[:MAX_JOBS_REPORTED] if job.status != Status.DAMAGED]
    texts = {f"job {number}": _text(run.directory / "jobs" / number / "config.yaml") for number in numbers}
    return {name: text for name, text in texts.items() if text is not None}


def _text(path: Path) -> str | None:
    """Return the text of a file that nobody has looked at, None where it cannot be read."""
    try:
        return files.text_of(path)
    except (OSError, ValueError):
        return None


# The end


def collect(directory: Path, *, open_report: bool) -> Exit:
    """Gather what a run left that was interrupted or lost its parent, as `finish` does."""
    run = recording.reopened(directory)
    with recording.taken_up(run):
        return finish(run, open_report=open_report)


def finish(run: Run, *, open_report: bool) -> Exit:
    """Gather, draw, report and record what the jobs wrote; say where it is and return the exit status."""
    terminal = Terminal()
    jobs = recording.verified(run)
    complaints = _complaints(jobs)
    terminal.errors(complaints)
    status = Exit.FAILED if complaints else Exit.DONE
    records: dict[str, Any] = {}
    page = None
    try:
        run = _entitled(run, jobs)
        records = gather(run, jobs)
        failed = _texts(run, records, "failed", "line")
        terminal.errors(failed)
        status = Exit.FAILED if failed else status
        if (rows := _rows_of(records)) > MAX_ROWS_CONCLUDED:
            terminal.note(f"now the figures and the record of {rows:,} rows, which may take minutes")
        ownership.forget_tables(run, records)
        _print(run, records)
        drawings, undrawn = _drawings(run, records)
        for text in undrawn:
            terminal.note(text)
        page = report(run, jobs, records, drawings, undrawn)
        recording.write(run, gathered=records, jobs=jobs, status=status)
    except KeyboardInterrupt:
        return interrupt(run)
    except Exception as error:  # noqa: BLE001 - the jobs' own files are there, and status 3 says so
        status = Exit.UNGATHERED
        _ungathered(run, error)
    if (complaints or status == Exit.UNGATHERED) and run.record.repeats is None:
        terminal.note(f"what is done is kept; to do the rest: {_resume(run)}")
    _link(run)
    _tell(run, jobs, records, page)
    if open_report and page is not None:
        _open(page)
    return status


def _entitled(run: Run, jobs: Sequence[JobRecord]) -> Run:
    """Return the run whose record says which names its end may write, now that nobody else's files have them."""
    names = ownership.results_of(run)
    ownership.make_room(run, names)
    entitled = run.with_record(writing=tuple(names))
    recording.write(entitled, status=Exit.INTERRUPTED, jobs=jobs)
    return entitled


def _ungathered(run: Run, error: Exception) -> None:
    """Say why the results could not be gathered."""
    Terminal().error(f"the results could not be gathered: {named(error)}{recording.log_error(run, error)}")
    with suppress(OSError):
        recording.write(run, status=Exit.UNGATHERED)


def _complaints(jobs: Sequence[JobRecord]) -> list[str]:
    """Return a line for each job without a result, of many only the first."""
    without = [job for job in jobs if job.status != Status.DONE]
    more = len(without) - MAX_JOBS_NAMED
    rest = [f"{more} more jobs have no result; run.json has them all"] if more > 0 else []
    return [*(recording.complaint(job) for job in without[:MAX_JOBS_NAMED]), *rest]


def interrupt(run: Run) -> Exit:
    """Record what was done before the interrupt and say where it is kept; a further Ctrl-C waits for that."""
    with surroundings.undisturbed():
        with suppress(OSError):
            recording.write(run, status=Exit.INTERRUPTED)
        jobs = recording.jobs_of(run)
        done = sum(job.status == Status.DONE for job in jobs)
        on = f"; go on with: {_resume(run)}" if run.record.repeats is None else ""
        Terminal().note(f"interrupted: {done} of {len(jobs)} jobs are done and kept in {near(run.directory)}{on}")
    return Exit.INTERRUPTED


def _resume(run: Run) -> str:
    """Return the command that computes what is missing."""
    return f"{commands.program('run')} --resume {near(run.directory)}"


def _tell(run: Run, jobs: Sequence[JobRecord], records: Mapping[str, Any], page: Path | None) -> None:
    terminal = Terminal()
    terminal.sentences(_answers(run, records))
    lines = printed(run, records)
    terminal.printed(["" if line == NEW_SHEET else line for line in lines])
    if "summary" in records:
        _summarise(run, terminal, several=len(jobs) > 1)
    before = {*lines, *_texts(run, records, "failed", "line")}
    told = [*_searched(run, jobs, records), *_texts(run, records, "findings", "finding")]
    findings = [sentence for sentence in told if sentence not in before]
    more = len(findings) - MAX_FINDINGS_PRINTED
    terminal.sentences(findings[:MAX_FINDINGS_PRINTED])
    terminal.sentences([f"The report has {counted(more, 'more finding')}."] if more > 0 and page else [])
    for text in _notes(run, records):
        terminal.note(text)
    paths = [("report", page), ("table", run.directory / f"{MAIN}.parquet")]
    terminal.paths([(label, near(path)) for label, path in paths if path is not None and path.exists()])


def _summarise(run: Run, terminal: Terminal, *, several: bool) -> None:
    """Print the summary of a run."""
    table = run.study.tables["summary"]
    columns = tables.columns_of(run.directory / "summary.parquet")
    terminal.summary(
        {name: column.tolist() for name, column in columns.items() if several or name != "job"},
        table="summary.parquet",
        keys=table.keys,
        good_to={name: one.good_to for name, one in table.columns.items() if one.good_to},
    )


def _link(run: Run) -> None:
    """Let `latest` in the directory of all results lead to this run; where there can be no links there is none."""
    outputs = commands.outputs()
    link, aside = outputs / listing.LATEST, outputs / f".{listing.LATEST}-{os.getpid()}"
    if outputs not in run.directory.parents or (link.exists() and not link.is_symlink()):
        return
    with suppress(OSError):
        aside.symlink_to(run.directory.relative_to(outputs), target_is_directory=True)
        aside.replace(link)


def _open(page: Path) -> None:
    opened = False
    with suppress(webbrowser.Error, OSError):
        opened = webbrowser.open(page.as_uri())
    if not opened:
        Terminal().note(f"no browser could be started; open {near(page)} yourself")
