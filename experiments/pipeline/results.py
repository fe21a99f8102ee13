"""What a job writes, and what becomes of the jobs' files: gather, conclude, draw, report, record.

A job writes its tables, then ``job.json``; everything after it reads files, so that jobs may have run in
other processes or on another day.
"""

from __future__ import annotations

import json
import logging
import math
import os
import shlex
import shutil
import sys
import time
import traceback
import webbrowser
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from experiments.pipeline import check, figures, provenance, tables
from experiments.pipeline import report as html
from experiments.pipeline.check import Exit, Plain, study_of, study_part
from experiments.pipeline.settings import ConfigurationError, build, line_of, show
from experiments.pipeline.terminal import Progress, Terminal

MOST_CONCLUDED = 500_000
"""Most rows of the main table for which a study's ``conclude`` is called: it holds them in memory."""
MOST_READ = 500_000
"""Most rows of a table that a figure reads whole."""

DONE, FAILED, WAITING = "done", "failed", "waiting"
"""How a job stands."""
HEADS = {"summary": 48, "goals": 48}
HEAD, WHOLE = 12, 64
"""Rows of a table that the report shows: of these many, of the others few, of a short main table all."""
REPORTED_JOBS = 20
"""Jobs whose configuration the report shows."""
LINKED = (".parquet", ".csv", ".txt")
TOLD = ("findings", "notes", "lesson", "printed")
"""Tables of words, which the report tells elsewhere."""


def main_table(study: ModuleType) -> str:
    """Return the name of a study's main table, which is the first."""
    return str(next(iter(study.TABLES)))


# Before the first job


def refuse_figures(study: ModuleType, chosen: Mapping[str, Any]) -> None:
    """Refuse a format or a figure that cannot be drawn from the study's tables."""
    shapes = {name: (*columns, "job") for name, columns in study.TABLES.items()}
    if not isinstance(chosen, Mapping):
        raise ConfigurationError(
            f"figures={show(chosen)}: no settings; write figures.formats=[svg] or figures.draw=null"
        )
    draw = chosen.get("draw") or {}
    if not isinstance(draw, Mapping) or not all(isinstance(spec, Mapping | None) for spec in draw.values()):
        raise ConfigurationError(f"figures.draw={show(draw)}: no figures; write figures.draw=null for none")
    try:
        figures.check_formats(chosen["formats"])
        for spec in filter(None, draw.values()):
            figures.check(spec, shapes)
    except ValueError as error:
        raise ConfigurationError(line_of(error)) from error


def make(directory: Path, study: ModuleType, *, rows: int, jobs: int) -> None:
    """Make a run's directory, if nothing is in it yet and the disk has room for what will be.

    Parameters
    ----------
    directory
        The run's directory; it gets the directory of the jobs.
    study
        The runner, whose TABLES say how large a row is.
    rows, jobs
        Rows of the main table over all jobs, and number of jobs.
    """
    check.refuse_too_large(rows, tables.estimate_bytes(study.TABLES, rows, jobs=jobs), directory)
    try:
        if directory.exists() and any(directory.iterdir()):
            raise ConfigurationError(
                f"{directory} is not empty; give every run a directory of its own, hydra.sweep.dir=DIR"
            )
        (directory / "jobs").mkdir(parents=True)
    except OSError as error:
        raise ConfigurationError(
            f"cannot write in {directory}: {error.strerror}; set LAB_OUTPUTS to one that can be written"
        ) from error


# One job


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job: its number, where it writes, its overrides and its resolved configuration."""

    number: int
    directory: Path
    overrides: tuple[str, ...]
    configuration: Plain


PROGRESS: ContextVar[Progress | None] = ContextVar("progress", default=None)
"""Where a job tells how far it is: None in the workers of a launcher, which have no terminal."""


def perform(job: Job) -> None:
    """Run one job and write its tables, its log and, last, ``job.json``; what the study raises is written there."""
    started = time.perf_counter()
    records: Mapping[str, object] = {}
    error = None
    with _log(job.directory / "job.log") as log:
        log.info("job %d: %s", job.number, " ".join(job.overrides))
        try:
            records = _compute(job)
            log.info("done")
        except Exception as problem:  # noqa: BLE001 - whatever a study raises is the result of its job
            error = f"{type(problem).__name__}: {line_of(problem)}"
            log.error("failed\n%s", traceback.format_exc())  # noqa: TRY400 - on lines of its own
    record = provenance.job_record(
        number=job.number,
        overrides=job.overrides,
        configuration=job.configuration,
        status=FAILED if error else DONE,
        seconds=time.perf_counter() - started,
        error=error,
        tables=records,
    )
    provenance.write_json(job.directory / "job.json", record)


def _compute(job: Job) -> Mapping[str, object]:
    progress = PROGRESS.get()
    if progress is not None:
        progress.start(job.number + 1, " ".join(job.overrides).replace("\\", ""))  # as typed, without Hydra's escapes
    study = study_of(job.configuration)
    config = build(study, study_part(job.configuration))
    with tables.Writer(job.directory, study.TABLES, job=job.number) as writer:
        for name, columns in study.run(config):
            before = writer.rows.get(name, 0)
            writer.write(name, columns)
            if progress is not None and name == main_table(study):
                progress.advance(writer.rows[name] - before)
    return writer.records


@contextmanager
def _log(path: Path) -> Iterator[logging.Logger]:
    """Send what is logged and warned of meanwhile, by anybody, to a file."""
    root, handler = logging.getLogger(), logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    try:
        yield logging.getLogger("experiments")
    finally:
        logging.captureWarnings(capture=False)
        root.setLevel(level)
        root.removeHandler(handler)
        handler.close()


# All jobs


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run that has begun: what was asked, where it writes, and where its code comes from."""

    directory: Path
    experiment: str
    study: ModuleType
    figures: Mapping[str, Any]
    command: tuple[str, ...]
    overrides: tuple[str, ...]
    planned: tuple[Mapping[str, Any], ...]
    started: datetime
    source: Mapping[str, object]
    environment: Mapping[str, object]


def record(run: Run, *, tables: Mapping[str, object], status: int) -> None:
    """Write ``run.json``. Written before the first job too, it tells what was planned if the process dies."""
    content = provenance.run_record(
        experiment=run.experiment,
        command=run.command,
        overrides=run.overrides,
        jobs=jobs_of(run),
        tables=tables,
        seed=None,
        started=run.started,
        seconds=(datetime.now(UTC) - run.started).total_seconds(),
        status=status,
        source=run.source,
        environment=run.environment,
    )
    provenance.write_json(run.directory / "run.json", content)


def jobs_of(run: Run) -> list[dict[str, Any]]:
    """Return the record of every job: what it wrote itself, or that it is still waiting."""
    written = [path for path in run.directory.glob("jobs/*/job.json") if path.parent.name.isdecimal()]
    waiting = {number: _waiting(number, configuration) for number, configuration in enumerate(run.planned)}
    found = {int(path.parent.name): json.loads(path.read_text(encoding="utf-8")) for path in written}
    return [record for _, record in sorted({**waiting, **found}.items())]


def _waiting(number: int, configuration: Mapping[str, Any]) -> dict[str, Any]:
    return provenance.job_record(
        number=number, overrides=(), configuration=configuration, status=WAITING, seconds=0.0, error=None
    )


def gather(run: Run) -> dict[str, object]:
    """Join the tables of the jobs that are done, add what the study concludes; return a record of each."""
    done = [run.directory / "jobs" / str(job["number"]) for job in jobs_of(run) if job["status"] == DONE]
    records: dict[str, Any] = dict(tables.gather(done, run.directory))
    main = main_table(run.study)
    if main in records and hasattr(run.study, "conclude") and not _left_out(run, records):
        gathered = {name: tables.columns_of(run.directory / f"{name}.parquet") for name in records}
        with tables.Writer(run.directory, run.study.TABLES) as writer:
            for name, columns in run.study.conclude(gathered):
                writer.write(name, columns)
        records |= writer.records
    if main in records:
        tables.write_csv(run.directory / f"{main}.parquet")
    return records


def _left_out(run: Run, records: Mapping[str, Any]) -> list[str]:
    """Return what to say of a table that is too large to conclude from, or nothing."""
    main = records.get(main_table(run.study))
    if main is None or main.rows <= MOST_CONCLUDED:
        return []
    return [f"above {MOST_CONCLUDED:,} rows there is no summary and no finding; this table has {main.rows:,}"]


def _notes(run: Run, records: Mapping[str, Any]) -> list[str]:
    """Return what to say beside the results: the study's table `notes`, if it has one, and what is left out."""
    told = list(tables.columns_of(run.directory / "notes.parquet")["note"]) if "notes" in records else []
    return [*map(str, told), *_left_out(run, records)]


def draw(run: Run, records: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Draw the figures whose tables have values, from the files; return name, SVG and caption of each."""
    drawn = []
    for name, spec in (run.figures.get("draw") or {}).items():
        if spec is None:  # left out, as by figures.draw.error=null
            continue
        if figures.columns_needed(spec).keys() <= records.keys():
            frames, panels = _frames(run, spec, records)
            if not figures.empty(frames, spec):
                drawn.append((name, _draw(run, name, frames, spec), figures.caption(frames, spec, panels)))
    return drawn


def _frames(run: Run, spec: Mapping[str, Any], records: Mapping[str, Any]) -> tuple[dict[str, Any], int | None]:
    """Read what a figure shows; of a table above MOST_READ rows the panels shown only, with how many there are."""
    paths = {name: run.directory / f"{name}.parquet" for name in records}
    where, panels = {}, None
    columns = figures.panel_columns(spec)
    if records[spec["table"]].rows > MOST_READ and columns and not spec.get("where"):
        keys, panels = tables.distinct(paths[spec["table"]], columns, sys.maxsize)
        shown = [keys[place] for place in figures.choose(keys, spec)]
        where = {column: list(values) for column, values in zip(columns, zip(*shown, strict=True), strict=True)}
    needed = figures.columns_needed(spec).items()
    return {name: tables.read(paths[name], wanted, where) for name, wanted in needed}, panels


def _draw(run: Run, name: str, frames: Mapping[str, Any], spec: Mapping[str, Any]) -> str:
    """Save a figure in the formats of the run and return it as SVG."""
    figure, formats = figures.draw(frames, spec), run.figures["formats"]
    figures.save(figure, run.directory / "figures", name, formats)
    if "svg" in formats:
        return (run.directory / "figures" / f"{name}.svg").read_text(encoding="utf-8")
    with TemporaryDirectory() as elsewhere:
        (path,) = figures.save(figure, Path(elsewhere), name, ["svg"])
        return path.read_text(encoding="utf-8")


def report(run: Run, records: Mapping[str, Any], drawings: Sequence[tuple[str, str, str]]) -> Path:
    """Write ``report.html`` and return its path."""
    jobs = jobs_of(run)
    paths = {name: run.directory / f"{name}.parquet" for name in records}
    findings = tables.read(paths["findings"])["finding"].astype(str).tolist() if "findings" in paths else []
    shown = [name for name in ("summary", *run.study.TABLES) if name in paths and name not in TOLD]
    content = html.Content(
        title=run.experiment,
        command=shlex.join(run.command),
        study=run.experiment,
        question=" ".join((run.study.__doc__ or "").split("\n\n")[0].split()),
        findings=findings,
        figures=drawings,
        lesson=_lesson(paths),
        printed=printed(run, records),
        tables=[_head(name, paths[name], records[name].rows, run.study, len(jobs)) for name in dict.fromkeys(shown)],
        configuration=_configuration(run, jobs),
        record={"started": run.started.isoformat(timespec="seconds"), **run.source, **run.environment},
        notes=[_complaint(job) for job in jobs if job["status"] != DONE] + _notes(run, records),
        files=[(path.name, path.name) for path in sorted(run.directory.iterdir()) if path.suffix in LINKED],
    )
    path = run.directory / "report.html"
    html.write(path, content)
    return path


def printed(run: Run, records: Mapping[str, Any]) -> list[str]:
    """Return the lines that a study prints: the column `line` of its table `printed`, if it has one."""
    if "printed" not in records:
        return []
    return [str(line) for line in tables.columns_of(run.directory / "printed.parquet")["line"]]


def _lesson(paths: Mapping[str, Path]) -> dict[str, tuple[str, str]]:
    """For each figure that the table `lesson` names: its heading and what is said before it."""
    if "lesson" not in paths:
        return {}
    columns = tables.columns_of(paths["lesson"])
    told = zip(columns["figure"], columns["title"], columns["text"], strict=True)
    return {str(figure): (str(title), str(text)) for figure, title, text in told}


def _print(run: Run, records: Mapping[str, Any]) -> None:
    """Write what the study prints to ``printed.txt``, one line each."""
    lines = printed(run, records)
    if lines:
        part = run.directory / ".printed.txt.part"
        part.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        part.replace(run.directory / "printed.txt")


Head = tuple[str, str, list[str], list[str], list[list[str]], int]


def _head(name: str, path: Path, rows: int, study: ModuleType, jobs: int) -> Head:
    """Return the head of a table as text, without the number of the job where there is one job only."""
    shape = {column: text for column, (_, text) in tables.shape_of(path).items() if column != "job" or jobs > 1}
    main = name == main_table(study)
    frame = tables.head(path, WHOLE if main and rows <= WHOLE else HEADS.get(name, HEAD))[list(shape)]
    cells = [[_cell(value) for value in row] for row in frame.itertuples(index=False)]
    return name, "The main table." if main else "", list(shape), list(shape.values()), cells, rows


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return "" if value is None else str(value)


def _configuration(run: Run, jobs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    numbers = [str(job["number"]) for job in jobs[:REPORTED_JOBS]]
    paths = {f"job {number}": run.directory / "jobs" / number / "config.yaml" for number in numbers}
    return {name: path.read_text(encoding="utf-8") for name, path in paths.items() if path.is_file()}


# The end


def finish(run: Run, *, open_report: bool) -> Exit:
    """Gather, draw, report and record what the jobs wrote; say where it is and return the exit status."""
    terminal = Terminal()
    status = Exit.DONE
    for job in jobs_of(run):
        if job["status"] != DONE:
            status = Exit.FAILED
            terminal.error(_complaint(job))
    records: dict[str, Any] = {}
    page = None
    try:
        records = gather(run)
        _print(run, records)
        page = report(run, records, draw(run, records))
    except Exception as error:  # noqa: BLE001 - the jobs' own files are there, and status 3 says so
        status = Exit.UNGATHERED
        log = run.directory / "run.log"
        log.write_text(traceback.format_exc(), encoding="utf-8")
        terminal.error(f"the results could not be gathered: {type(error).__name__}: {line_of(error)}; see {near(log)}")
    record(run, tables=records, status=status)
    _tell(run, records, page)
    if open_report and page is not None:
        _open(page)
    return status


def discarded(run: Run) -> bool:
    """Remove the directory of a run of which no job began, and say whether it was so."""
    if any((run.directory / "jobs").iterdir()):
        return False
    shutil.rmtree(run.directory)
    return True


def _complaint(job: Mapping[str, Any]) -> str:
    return f"job {job['number']} {job['status']}: {job['error'] or 'it left no result'}"


def interrupt(run: Run) -> Exit:
    """Record what was done before the interrupt and say where it is kept."""
    record(run, tables={}, status=Exit.INTERRUPTED)
    jobs = jobs_of(run)
    done = sum(job["status"] == DONE for job in jobs)
    Terminal().note(f"interrupted: {done} of {len(jobs)} jobs are done and kept in {near(run.directory)}")
    return Exit.INTERRUPTED


def near(path: Path) -> str:
    """Return a path relative to the current directory when that is shorter."""
    return min(os.path.relpath(path), str(path), key=len)


def _tell(run: Run, records: Mapping[str, Any], page: Path | None) -> None:
    terminal = Terminal()
    terminal.printed(printed(run, records))
    if "summary" in records:
        columns = tables.columns_of(run.directory / "summary.parquet")
        terminal.summary({name: column.tolist() for name, column in columns.items()}, table="summary.parquet")
    for text in _notes(run, records):
        terminal.note(text)
    paths = [("report", page), ("table", run.directory / f"{main_table(run.study)}.parquet")]
    terminal.paths([(label, near(path)) for label, path in paths if path is not None and path.is_file()])


def _open(page: Path) -> None:
    opened = False
    with suppress(webbrowser.Error, OSError):
        opened = webbrowser.open(page.as_uri())
    if not opened:
        Terminal().note(f"no browser could be started; open {near(page)} yourself")
