"""The record of a run: what was planned, how every job stands, and that one process at a time writes it.

What is planned is recorded before the first job, so that a run that dies can be resumed; a job's own record lies in its
directory, and what became of all of them stands in ``run.json`` and in the RO-Crate beside it.
"""

from __future__ import annotations

import platform
import shlex
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from experiments import files, tables
from experiments.messages import ConfigurationError, line_of, near, show
from experiments.running import check, crate, integrity, ownership, provenance, record, serial
from experiments.running.check import study_of
from experiments.running.execution import Run
from experiments.running.jobs import as_typed, read
from experiments.running.record import PLAN, RECORD, SOURCE, Digest, JobRecord, Record, Status
from experiments.running.search import ERROR, Search
from experiments.study import MAIN, Study
from experiments.terminal.exits import Exit
from experiments.terminal.progress import Terminal

CODE = Path(__file__).resolve().parents[2]
"""The root of the project: the directory that holds the packages."""
NEEDED = ("experiment", "status", "tables", "environment", "source")
"""What every record has."""
PLANNED = ("arguments", "overrides", "started", "cwd")
"""What a run needs besides to be taken up again."""


def new(
    directory: Path,
    study: Study,
    *,
    planned: Sequence[Mapping[str, Any]],
    named: Sequence[Sequence[str]],
    command: Sequence[str],
    **record: Any,
) -> Run:
    """Return a run that begins now, with this code and in this environment.

    Parameters
    ----------
    directory, study
        Where it writes, and what it runs.
    planned, named
        The configuration and the overrides of every job.
    command
        The words of the command line as typed, the interpreter included.
    record
        What else its record says: the experiment, all overrides, the directory in which the command was typed.
    """
    hashes = {id(plain): serial.configuration_hash(plain) for plain in planned}
    jobs = (
        _waiting(number, words, plain, hashes[id(plain)])
        for number, (words, plain) in enumerate(zip(named, planned, strict=True))
    )
    begun = Record(
        command=shlex.join(command),
        arguments=tuple(command),
        jobs=tuple(jobs),
        host=platform.node(),
        source=provenance.source(CODE),
        environment=provenance.environment(),
        seed=_seed(planned),
        **record,
    )
    return Run(directory=directory, study=study, record=begun)


def resumed(run: Run) -> Run:
    """Return a run that is taken up again now, with the code and in the environment of now."""
    now = {"started": datetime.now(UTC), "source": provenance.source(CODE), "environment": provenance.environment()}
    return run.with_record(resumed=(*run.record.resumed, now))


def _waiting(
    number: int, overrides: Sequence[str], configuration: Mapping[str, Any], configuration_hash: str
) -> JobRecord:
    """Return a job as it stands before it has run."""
    return JobRecord(
        number=number,
        overrides=tuple(overrides),
        configuration=configuration,
        hash=configuration_hash,
        status=Status.WAITING,
        error="it left no result",
    )


def reopened(directory: Path) -> Run:
    """Return a run that began earlier: from its record, or from what was planned where that record is damaged."""
    try:
        return recorded(directory, record.read(directory / RECORD))
    except record.DamagedError as fault:
        if not (directory / PLAN).is_file():
            raise
        run = recorded(directory, record.read(directory / PLAN))
        Terminal().note(f"{line_of(fault)}; what was planned is taken from {PLAN}, and what was done from the jobs")
        digests = crate.files_in(directory / crate.NAME)
        return replace(run.with_record(files=digests, writing=ownership.BEFORE), damaged=True)


def recorded(directory: Path, content: Record) -> Run:
    """Return a run that began earlier, as its record tells of it."""
    record.refuse_lacking(content, directory / RECORD, NEEDED)
    if not content.jobs:
        raise ConfigurationError(f"{directory}: its record plans no job")
    if content.format != record.FORMAT:
        raise ConfigurationError(f"{directory}: its record is of format 1, without checksums; write its command again")
    record.refuse_lacking(content, directory / RECORD, PLANNED)
    _refuse_altered(content.jobs, directory)
    search = None if content.search is None else Search(**content.search)
    jobs = [_waiting(job.number, job.overrides, job.configuration, job.hash) for job in content.jobs]
    if search is not None:
        template, named = search.template, tuple(search.words)
        hashed = serial.configuration_hash(template)
        jobs = [replace(job, configuration=template, overrides=named, hash=hashed) for job in jobs]
    digests = {**content.files, **({crate.NAME: content.crate} if content.crate else {})}
    planned = replace(content, jobs=tuple(jobs), search=search, files=digests, crate=None)
    return Run(directory=directory, study=study_of(content.jobs[0].configuration), record=planned)


def _refuse_altered(jobs: Sequence[JobRecord], directory: Path) -> None:
    """Refuse a plan in which a job is not the one whose hash is recorded, or whose jobs are not numbered in order."""
    for place, job in enumerate(jobs):
        if job.number != place:
            raise record.DamagedError(f"{directory / RECORD} is damaged: job {place} has the number {job.number}")
        if job.hash and serial.configuration_hash(job.configuration) != job.hash:
            raise record.DamagedError(
                f"{directory / RECORD} is damaged: the configuration of job {place} is not the one that was planned"
            )
        if not isinstance(job.configuration.get("figures"), dict):
            raise record.DamagedError(f"{directory / RECORD} is damaged: job {place} says of no figures")


# The directory


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
    directory, jobs = run.directory, len(run.record.jobs)
    check.refuse_too_large(rows, tables.estimate_bytes(run.study.shapes, rows, jobs=jobs), directory)
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
            ownership.refuse_links(run.directory)
            stack.enter_context(integrity.held(run.directory))
            if not (run.directory / "jobs").is_dir():
                _refuse_filled(run.directory)  # now that nobody else can fill it
            ownership.make_room(run, [*ownership.BEFORE, *([RECORD] if run.damaged else [])])
            (run.directory / ownership.SWEEP).unlink(missing_ok=True)  # Hydra writes into what it finds
            _write_plan(run)
            write(run, status=Exit.INTERRUPTED)
            (run.directory / "jobs").mkdir(exist_ok=True)
        try:
            yield
        except KeyboardInterrupt:  # while the end of an interrupted run was written
            raise KeyboardInterrupt(f"interrupted: what is done is kept in {near(run.directory)}") from None


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


def discarded(run: Run) -> bool:
    """Remove what was written of a run of which no job began, and say whether it was so."""
    if run.record.resumed or any((run.directory / "jobs").iterdir()):
        return False
    (run.directory / "jobs").rmdir()
    for name in (RECORD, PLAN, ownership.SWEEP, integrity.LOCK):
        (run.directory / name).unlink(missing_ok=True)
    with suppress(OSError):  # somebody has put something there meanwhile
        run.directory.rmdir()
    return True


# How every job stands


def jobs_of(run: Run) -> list[JobRecord]:
    """Return the record of every job: what it wrote itself, or that it is still waiting."""
    written = {
        int(path.parent.name): content
        for path in run.directory.glob("jobs/*/job.json")
        if path.parent.name.isdecimal() and (content := read(path.parent)) is not None
    }
    return [job for _, job in sorted({**dict(enumerate(run.record.jobs)), **written}.items())]


def verified(run: Run) -> list[JobRecord]:
    """Return the record of every job, a damaged one named as such: its files are not those that were written."""
    with ThreadPoolExecutor(provenance.usable_processors()) as threads:
        return list(threads.map(partial(_verified, run), jobs_of(run)))


def _verified(run: Run, job: JobRecord) -> JobRecord:
    number = job.number
    if job.status != Status.DONE:
        return job
    of_this_run = number >= len(run.record.jobs) or run.planned_so(job)
    fault = "its configuration is not the one of this run" if not of_this_run else None
    fault = fault or integrity.damage(run.directory / "jobs" / str(number), job.files)
    return job if fault is None else replace(job, status=Status.DAMAGED, error=fault)


def forget_damaged(run: Run) -> None:
    """Name the jobs whose results are damaged, and forget these, so that they are computed again."""
    for job in verified(run):
        if job.status == Status.DAMAGED:
            Terminal().note(f"{complaint(job)}; it is computed again")
            (run.directory / "jobs" / str(job.number) / "job.json").unlink()


def complaint(job: JobRecord) -> str:
    """Return the line that names a job without a result, with its overrides and its error."""
    words = as_typed(job.overrides)
    label = f" ({show(words, 120)})" if words else ""
    return f"job {job.number}{label} {job.status}: {job.error}"


def tell_changes(run: Run) -> None:
    """Say what is not as it was when a run that is taken up again began."""
    now = run.record.resumed[-1]
    source, environment = now["source"] or {}, now["environment"] or {}
    changed = [words for key, words in SOURCE.items() if run.record.source.get(key) != source.get(key)]
    changed += [key for key in environment if run.record.environment.get(key) != environment[key]]
    if changed:
        Terminal().note(
            f"since the run began {', '.join(changed)} changed; what was computed then is kept, and might come out"
            " otherwise now"
        )


# What is written down


def log_error(run: Run, error: BaseException) -> str:
    """Write down where an error happened, if the disk takes it, and return the clause that names the file."""
    log = run.directory / ownership.LOG
    with suppress(OSError):
        with files.replacing(log) as file:
            file.write("".join(traceback.format_exception(error)).encode(errors="backslashreplace"))
        return f"; see {near(log)}"
    return ""


def write(run: Run, *, status: int, gathered: Mapping[str, Any] | None = None, jobs: Sequence[JobRecord] = ()) -> None:
    """Write ``run.json`` and, once the run has ended, the RO-Crate beside it.

    Written before the first job too, it tells what was planned if the process dies.
    """
    content = _content(run, list(jobs) or jobs_of(run), status=status, gathered=gathered)
    if gathered is not None:
        about = run.directory / crate.NAME
        serial.write_json(about, crate.crate(content))
        content = replace(content, crate=integrity.digest(about))
    serial.write_json(run.directory / RECORD, content.content)


def _write_plan(run: Run) -> None:
    """Write down a second time what was planned: a run whose record is damaged is recovered from it and its jobs."""
    planned = run.with_record(resumed=(), files={}, writing=())
    content = _content(planned, run.record.jobs, status=Exit.INTERRUPTED)
    serial.write_json(run.directory / PLAN, replace(content, seconds=0.0).content)


def _content(run: Run, jobs: Sequence[JobRecord], *, status: int, gathered: Mapping[str, Any] | None = None) -> Record:
    """Return the record of a run as it stands; once it has ended, of its tables and of all its files."""
    entries = tuple(_entry(job, run) for job in jobs)
    stands = replace(run.record, jobs=entries, status=int(status), seconds=time.monotonic() - run.since)
    if gathered is None:
        writing = (*ownership.BEFORE, *run.record.writing)
        digests = {name: digest for name, digest in run.record.files.items() if name != crate.NAME}
        return replace(stands, tables={}, best=None, writing=writing, files=digests)
    return replace(stands, tables=gathered, best=_best(run, gathered), writing=(), files=_files(run, jobs))


def _entry(job: JobRecord, run: Run) -> JobRecord:
    """Return what ``run.json`` says of a job: what was planned, and how that ended."""
    if job.number < len(run.record.jobs) and run.search is None:
        planned = run.record.jobs[job.number]
        job = replace(job, configuration=planned.configuration, hash=planned.hash)
    return replace(job, environment=None) if job.environment == serial.plain(run.record.environment) else job


def _files(run: Run, jobs: Sequence[JobRecord]) -> dict[str, Digest]:
    """Return the digest of every file of ours, taken over from the jobs' own records where these were looked at."""
    known = {f"jobs/{job.number}/{name}": digest for job in jobs for name, digest in job.files.items()}
    names = ownership.files_of(run, ((job.number, job.files) for job in jobs))
    return {name: known.get(name) or integrity.digest(run.directory / name) for name in sorted(names)}


def _best(run: Run, records: Mapping[str, Any]) -> record.Best | None:
    """Return the least typical error of the main table, if it has sweeps over delta, and where it is."""
    if MAIN not in records or ERROR not in run.study.main.columns:
        return None
    growth = check.growth_of(run.planned[0])
    best = tables.best(run.directory / f"{MAIN}.parquet", ERROR, run.study.main.keys, growth=growth)
    return None if best is None else record.Best(column=ERROR, value=best[0], where=best[1])


def _seed(planned: Sequence[Mapping[str, Any]]) -> object:
    """Return the seed of a run, a list where its jobs have several, None when nothing is drawn."""
    seeds = list(dict.fromkeys(job["seed"] for job in planned if isinstance(job.get("seed"), int)))
    return seeds[0] if len(seeds) == 1 else seeds or None
