"""What becomes of the jobs' files: gather, conclude, draw, report, record.

Everything here reads files, so that jobs may have run in other processes or on another day. A job whose files are not
what it wrote is never gathered.
"""

from __future__ import annotations

import math
import os
import shlex
import shutil
import sys
import traceback
import webbrowser
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from experiments.pipeline import check, crate, figures, integrity, provenance, searched, slider, tables
from experiments.pipeline import report as html
from experiments.pipeline.check import Exit, study_of
from experiments.pipeline.jobs import DAMAGED, DONE, WAITING, Record, asked, main_table, measured_by, read
from experiments.pipeline.messages import ConfigurationError, line_of, show
from experiments.pipeline.search import ERROR, Search
from experiments.pipeline.terminal import Terminal

MOST_CONCLUDED = 500_000
"""Most rows of the main table for which a study's ``conclude`` is called: it holds them in memory."""
MOST_READ = 500_000
"""Most rows of a table that a figure reads whole."""

NAMED = 10
"""Most jobs that are named one by one when they have no result."""
SHOWN, OTHERS_SHOWN = 500, 60
"""Most rows that the report holds of a table: of the main one and of those in `OFTEN_READ`, and of the others."""
OFTEN_READ = ("summary", "goals")
REPORTED_JOBS = 20
"""Jobs whose configuration the report shows."""
LINKED = (".parquet", ".csv", ".txt")
TOLD = ("findings", "notes", "lesson", "printed", "turning")
"""Tables of words, which the report tells elsewhere."""


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


@contextmanager
def begun(run: Run, *, rows: int) -> Iterator[None]:
    """Make and hold a run's directory, if nothing is in it yet and the disk has room for what will be.

    What was planned is recorded before anything else is written, so that a run that dies can be resumed.

    Parameters
    ----------
    run
        The run; its directory gets the record, and then the directory of the jobs.
    rows
        Rows of the main table over all jobs.
    """
    directory, jobs = run.directory, len(run.planned)
    check.refuse_too_large(rows, tables.estimate_bytes(run.study.TABLES, rows, jobs=jobs), directory)
    with _writing(directory):
        _refuse_filled(directory)
        directory.mkdir(parents=True, exist_ok=True)
    with taken_up(run):
        yield


@contextmanager
def taken_up(run: Run) -> Iterator[None]:
    """Hold the directory of a run, whether it is new or not, and record what is planned in it."""
    with ExitStack() as stack:
        with _writing(run.directory):
            stack.enter_context(integrity.held(run.directory))
            if not (run.directory / "jobs").is_dir():
                _refuse_filled(run.directory)  # now that nobody else can fill it
            record(run, status=Exit.INTERRUPTED)
            (run.directory / "jobs").mkdir(exist_ok=True)
        yield


@contextmanager
def _writing(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"cannot write in {directory}: {error.strerror}; set LAB_OUTPUTS to one that can be written"
        ) from error


def _refuse_filled(directory: Path) -> None:
    """Refuse a directory that holds something; the lock of a run that never began is nothing."""
    if directory.exists() and any(path.name != integrity.LOCK for path in directory.iterdir()):
        raise ConfigurationError(
            f"{directory} is not empty; give every run a directory of its own, hydra.sweep.dir=DIR"
        )


# All jobs


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run that has begun: what was asked, where it writes, and where its code comes from.

    ``named`` are the overrides of every planned job, ``typed_in`` is the directory in which the command was typed,
    ``since`` the moment at which this process took the run up. Of a search the jobs are planned as its template.
    """

    directory: Path
    experiment: str
    study: ModuleType
    command: tuple[str, ...]
    overrides: tuple[str, ...]
    planned: tuple[Mapping[str, Any], ...]
    named: tuple[tuple[str, ...], ...]
    started: datetime
    typed_in: str
    source: Mapping[str, object]
    environment: Mapping[str, object]
    since: datetime
    resumed: tuple[Mapping[str, object], ...] = ()
    repeats: Mapping[str, object] | None = None
    search: Search | None = None

    @property
    def figures(self) -> Mapping[str, Any]:
        """How the figures are drawn."""
        figures: Mapping[str, Any] = self.planned[0]["figures"]
        return figures

    @cached_property
    def hashes(self) -> tuple[str, ...]:
        """The hash of every planned configuration."""
        return tuple(provenance.configuration_hash(configuration) for configuration in self.planned)

    def planned_so(self, job: Record) -> bool:
        """Whether the configuration of a job is the one that was planned, or one that was drawn for it."""
        if self.search is not None:
            return self.search.has(job["configuration"])
        return bool(job["hash"] == self.hashes[job["number"]])


def recorded(directory: Path, content: Mapping[str, Any]) -> Run:
    """Return a run that began earlier, from the content of its ``run.json``."""
    jobs, search = content["jobs"], content.get("search")
    if not jobs:
        raise ConfigurationError(f"{directory}: its record plans no job")
    if "cwd" not in content:
        raise ConfigurationError(f"{directory}: its record is of format 1, without checksums; write its command again")
    try:
        return Run(
            directory=directory,
            experiment=content["experiment"],
            study=study_of(jobs[0]["configuration"]),
            command=tuple(content["arguments"]),
            overrides=tuple(content["overrides"]),
            planned=tuple(search["template"] if search else job["configuration"] for job in jobs),
            named=tuple(tuple(search["words"] if search else job["overrides"]) for job in jobs),
            started=datetime.fromisoformat(content["started"]),
            typed_in=content["cwd"],
            source=content["source"],
            environment=content["environment"],
            since=datetime.now(UTC),
            resumed=tuple(content["resumed"]),
            repeats=content["repeats"],
            search=search and Search(**search),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(f"{directory}: run.json is no record of this laboratory: {line_of(error)}") from error


def record(run: Run, *, status: int, tables: Mapping[str, Any] | None = None, jobs: Sequence[Record] = ()) -> None:
    """Write ``run.json`` and, once the run has ended, the RO-Crate beside it.

    Written before the first job too, it tells what was planned if the process dies.
    """
    known = list(jobs) or jobs_of(run)
    content = provenance.run_record(
        experiment=run.experiment,
        command=run.command,
        overrides=run.overrides,
        jobs=[_entry(job, run) for job in known],
        tables=tables or {},
        files=_files(run.directory, known) if tables is not None else {},
        best=_best(run, tables or {}),
        seed=_seed(run),
        started=run.started,
        seconds=(datetime.now(UTC) - run.since).total_seconds(),
        status=status,
        directory=run.typed_in,
        source=run.source,
        environment=run.environment,
        resumed=run.resumed,
        repeats=run.repeats,
        search=run.search,
    )
    provenance.write_json(run.directory / "run.json", content)
    if tables is not None:
        provenance.write_json(run.directory / crate.NAME, crate.crate(content))


def _entry(job: Record, run: Run) -> Record:
    """Return what ``run.json`` says of a job: what was planned, and how that ended; files are listed with the run's."""
    entry = {key: value for key, value in job.items() if key != "files"}
    if job["number"] < len(run.planned) and run.search is None:
        entry |= {"configuration": run.planned[job["number"]], "hash": run.hashes[job["number"]]}
    if job["environment"] == provenance.plain(run.environment):
        entry["environment"] = None
    return entry


def _files(directory: Path, jobs: Sequence[Record]) -> dict[str, object]:
    """Return the digest of every file of a run, taken over from the jobs' own records where these were looked at."""
    known = {f"jobs/{job['number']}/{name}": one for job in jobs for name, one in job["files"].items()}
    outside = {"run.json", crate.NAME, integrity.LOCK}
    paths = {path.relative_to(directory).as_posix(): path for path in directory.rglob("*") if path.is_file()}
    return {name: known.get(name) or integrity.digest(paths[name]) for name in sorted(paths.keys() - outside)}


def _best(run: Run, records: Mapping[str, Any]) -> dict[str, object] | None:
    """Return the smallest error of the main table and where it is."""
    name = main_table(run.study)
    keys = [key for key in getattr(run.study, "KEYS", ()) if key in run.study.TABLES[name]]
    if name not in records or ERROR not in run.study.TABLES[name]:
        return None
    found = tables.least(run.directory / f"{name}.parquet", ERROR, keys)
    return None if found is None else {"column": ERROR, "value": found[0], "where": found[1]}


def _seed(run: Run) -> object:
    seeds = list(dict.fromkeys(job["seed"] for job in run.planned if isinstance(job.get("seed"), int)))
    return seeds[0] if len(seeds) == 1 else seeds or None


def jobs_of(run: Run) -> list[Record]:
    """Return the record of every job: what it wrote itself, or that it is still waiting."""
    found = {
        int(path.parent.name): content
        for path in run.directory.glob("jobs/*/job.json")
        if path.parent.name.isdecimal() and (content := read(path.parent)) is not None
    }
    waiting = {number: _waiting(run, number) for number in range(len(run.planned)) if number not in found}
    return [record for _, record in sorted({**waiting, **found}.items())]


def _waiting(run: Run, number: int) -> Record:
    return provenance.job_record(
        number=number,
        overrides=run.named[number],
        configuration=run.planned[number],
        status=WAITING,
        seconds=0.0,
        error="it left no result",
    )


def verified(run: Run) -> list[Record]:
    """Return the record of every job, a damaged one named as such: its files are not those that were written."""
    return [_verified(run, job) for job in jobs_of(run)]


def _verified(run: Run, job: Record) -> Record:
    number = job["number"]
    if job["status"] != DONE:
        return job
    of_this_run = number >= len(run.planned) or run.planned_so(job)
    found = "its configuration is not the one of this run" if not of_this_run else None
    found = found or integrity.damage(run.directory / "jobs" / str(number), job["files"])
    return job if found is None else {**job, "status": DAMAGED, "error": found}


def forget_damaged(run: Run) -> None:
    """Name the jobs whose results are damaged, and forget these, so that they are computed again."""
    for job in verified(run):
        if job["status"] == DAMAGED:
            Terminal().note(f"{_complaint(job)}; it is computed again")
            (run.directory / "jobs" / str(job["number"]) / "job.json").unlink()


def gather(run: Run, jobs: Sequence[Record]) -> dict[str, object]:
    """Join the tables of the jobs that are done, add what the study concludes; return a record of each."""
    done = [run.directory / "jobs" / str(job["number"]) for job in jobs if job["status"] == DONE]
    records: dict[str, Any] = dict(tables.gather(done, run.directory))
    main = main_table(run.study)
    if main in records and hasattr(run.study, "conclude") and not _left_out(run, records):
        gathered = {name: tables.columns_of(run.directory / f"{name}.parquet") for name in records}
        with tables.Writer(run.directory, run.study.TABLES, measured=measured_by(run.study)) as writer:
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


def _searched(run: Run, jobs: Sequence[Record], records: Mapping[str, Any]) -> list[str]:
    """Say what a search found; nothing of a run that is none, or of a table too large to conclude from."""
    if run.search is None or main_table(run.study) not in records or _left_out(run, records):
        return []
    gathered = {name: tables.columns_of(run.directory / f"{name}.parquet") for name in records}
    return searched.sentences(run.search, run.study, gathered, {job["number"]: job["overrides"] for job in jobs})


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


def report(
    run: Run, jobs: Sequence[Record], records: Mapping[str, Any], drawings: Sequence[tuple[str, str, str]]
) -> Path:
    """Write ``report.html`` and return its path."""
    paths = {name: run.directory / f"{name}.parquet" for name in records}
    findings = tables.read(paths["findings"])["finding"].astype(str).tolist() if "findings" in paths else []
    findings = [*_searched(run, jobs, records), *findings]
    shown = [name for name in ("summary", *run.study.TABLES) if name in paths and name not in TOLD]
    uncut = len(jobs) // check.shards_of(run.planned[0])
    content = html.Content(
        title=run.experiment,
        command=shlex.join(run.command),
        study=run.experiment,
        question=" ".join((run.study.__doc__ or "").split("\n\n")[0].split()),
        findings=findings,
        figures=drawings,
        lesson=_lesson(paths),
        printed=printed(run, records),
        tables=[_shown(name, paths[name], records[name].rows, run.study, uncut) for name in dict.fromkeys(shown)],
        configuration=_configuration(run, jobs),
        record={"started": run.started.isoformat(timespec="seconds"), **run.source, **run.environment},
        notes=[*_complaints(jobs), *_notes(run, records)],
        files=[(path.name, path.name) for path in sorted(run.directory.iterdir()) if path.suffix in LINKED],
        outcome=_outcome(jobs),
        well=all(job["status"] == DONE for job in jobs),
        facts=_facts(run, records, jobs),
        slider=slider.read(paths),
    )
    path = run.directory / "report.html"
    html.write(path, content)
    return path


def _outcome(jobs: Sequence[Mapping[str, Any]]) -> str:
    done = sum(job["status"] == DONE for job in jobs)
    if done == len(jobs):
        return "1 job done" if done == 1 else f"all {done} jobs done"
    return f"{done} of {len(jobs)} jobs done"


def _facts(run: Run, records: Mapping[str, Any], jobs: Sequence[Mapping[str, Any]]) -> list[str]:
    """What a reader asks first of a run: how many rows, how long, when. Times come from the record."""
    main = records.get(main_table(run.study))
    rows = [f"{main.rows:,} rows"] if main is not None else []
    seconds = sum(float(job["seconds"]) for job in jobs)
    return [*rows, f"computed in {seconds:.3g} s", f"{run.started:%Y-%m-%d %H:%M} UTC"]


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


def _shown(name: str, path: Path, rows: int, study: ModuleType, jobs: int) -> html.Table:
    """Return rows of a table as text, taken evenly, without the number of the job where there is one job only."""
    shape = {column: text for column, (_, text) in tables.shape_of(path).items() if column != "job" or jobs > 1}
    main = name == main_table(study)
    most = SHOWN if main or name in OFTEN_READ else OTHERS_SHOWN
    frame = tables.spread(path, most)[list(shape)]
    cells = [[_cell(value) for value in row] for row in frame.itertuples(index=False)]
    meaning = "The main table." if main else ""
    return html.Table(name, meaning, list(shape), list(shape.values()), cells, rows, spread=True)


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
    jobs = verified(run)
    complaints = _complaints(jobs)
    for text in complaints:
        terminal.error(text)
    status = Exit.FAILED if complaints else Exit.DONE
    records: dict[str, Any] = {}
    page = None
    try:
        records = gather(run, jobs)
        _forget_others(run, records)
        _print(run, records)
        page = report(run, jobs, records, draw(run, records))
        record(run, tables=records, jobs=jobs, status=status)
    except Exception as error:  # noqa: BLE001 - the jobs' own files are there, and status 3 says so
        status = Exit.UNGATHERED
        _ungathered(run, error)
    if status != Exit.DONE and run.repeats is None:
        terminal.note(f"what is done is kept; to do the rest: python -m experiments.run --resume {near(run.directory)}")
    _tell(run, jobs, records, page)
    if open_report and page is not None:
        _open(page)
    return status


def _forget_others(run: Run, records: Mapping[str, Any]) -> None:
    """Remove tables that an earlier end of the run gathered, when they do not come again, and what it left half."""
    for path in run.directory.iterdir():
        old = path.suffix in (".parquet", ".csv") and path.stem not in records
        if old or path.suffix == ".part":
            path.unlink()


def _ungathered(run: Run, error: Exception) -> None:
    """Say why the results could not be gathered, and write where it happened if the disk takes it."""
    log = run.directory / "run.log"
    where = ""
    with suppress(OSError):
        log.write_text(traceback.format_exc(), encoding="utf-8")
        where = f"; see {near(log)}"
    Terminal().error(f"the results could not be gathered: {type(error).__name__}: {line_of(error)}{where}")
    with suppress(OSError):
        record(run, status=Exit.UNGATHERED)


def tell_changes(run: Run) -> None:
    """Say what is not as it was when a run that is taken up again began."""
    now = run.resumed[-1]
    pairs = [(run.source, now["source"]), (run.environment, now["environment"])]
    changed = [
        key for before, after in pairs if isinstance(after, Mapping) for key in after if before.get(key) != after[key]
    ]
    if changed:
        Terminal().note(
            f"since the run began {', '.join(changed)} changed; what was computed then is kept, and might come out"
            " otherwise now"
        )


def discarded(run: Run) -> bool:
    """Remove the directory of a run of which no job began, and say whether it was so."""
    if run.resumed or any((run.directory / "jobs").iterdir()):
        return False
    shutil.rmtree(run.directory)
    return True


def _complaints(jobs: Sequence[Record]) -> list[str]:
    """Return a line for each job without a result, of many only the first."""
    without = [job for job in jobs if job["status"] != DONE]
    more = len(without) - NAMED
    rest = [f"{more} more jobs have no result; run.json has them all"] if more > 0 else []
    return [*(_complaint(job) for job in without[:NAMED]), *rest]


def _complaint(job: Mapping[str, Any]) -> str:
    words = asked(job["overrides"])
    label = f" ({show(words, 120)})" if words else ""
    return f"job {job['number']}{label} {job['status']}: {job['error']}"


def interrupt(run: Run) -> Exit:
    """Record what was done before the interrupt and say where it is kept."""
    with suppress(OSError):
        record(run, status=Exit.INTERRUPTED)
    jobs = jobs_of(run)
    done, place = sum(job["status"] == DONE for job in jobs), near(run.directory)
    on = f"; go on with: python -m experiments.run --resume {place}" if run.repeats is None else ""
    Terminal().note(f"interrupted: {done} of {len(jobs)} jobs are done and kept in {place}{on}")
    return Exit.INTERRUPTED


def fresh(place: Path, started: datetime) -> Path:
    """Return a directory below `place` that nothing else can have: its name tells the moment and the process."""
    now = started.astimezone()
    return place / f"{now:%Y-%m-%d}" / f"{now:%H-%M-%S-%f}-{os.getpid()}"


def near(path: Path) -> str:
    """Return a path relative to the current directory when that is shorter."""
    return min(os.path.relpath(path), str(path), key=len)


def _tell(run: Run, jobs: Sequence[Record], records: Mapping[str, Any], page: Path | None) -> None:
    terminal = Terminal()
    terminal.printed(printed(run, records))
    if "summary" in records:
        columns = tables.columns_of(run.directory / "summary.parquet")
        terminal.summary({name: column.tolist() for name, column in columns.items()}, table="summary.parquet")
    terminal.printed(_searched(run, jobs, records))
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
