"""The record of a run: what was planned, how every job stands, and that one process at a time writes it.

What is planned is recorded before the first job, so that a run that dies can be resumed; a job's own record lies in its
directory, and what became of all of them stands in ``run.json`` and in the RO-Crate beside it.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from experiments import tables
from experiments.messages import ConfigurationError, line_of, near, show
from experiments.running import check, crate, integrity, ownership, provenance, record
from experiments.running.check import Exit, study_of
from experiments.running.jobs import asked, read
from experiments.running.record import DAMAGED, DONE, PLAN, RECORD, WAITING, Digest, JobRecord, Record
from experiments.running.search import ERROR, Search
from experiments.study import MAIN, Study
from experiments.terminal.progress import Terminal

NEEDED = ("experiment", "status", "tables", "environment", "source")
"""What every record has."""
PLANNED = ("arguments", "overrides", "started", "cwd")
"""What a run needs besides to be taken up again."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run that has begun: what was asked, where it writes, and where its code comes from.

    ``named`` are the overrides of every planned job, ``typed_in`` is the directory in which the command was typed,
    ``since`` what a clock that nobody sets back said when this process took the run up. Of a search the jobs are
    planned as its template. ``files`` are those that an earlier end of the run wrote, ``writing`` the names of those
    that an end of it writes. ``damaged`` says that the record on disk is not
    this one, but one that nobody can read.
    """

    directory: Path
    experiment: str
    study: Study
    command: tuple[str, ...]
    overrides: tuple[str, ...]
    planned: tuple[Mapping[str, Any], ...]
    named: tuple[tuple[str, ...], ...]
    started: datetime
    typed_in: str
    source: Mapping[str, object]
    environment: Mapping[str, object]
    since: float = field(default_factory=time.monotonic)
    resumed: tuple[Mapping[str, object], ...] = ()
    repeats: Mapping[str, object] | None = None
    search: Search | None = None
    files: Mapping[str, Digest] = field(default_factory=dict)
    writing: tuple[str, ...] = ()
    damaged: bool = False
    host: str = field(default_factory=platform.node)

    @property
    def figures(self) -> Mapping[str, Any]:
        """How the figures are drawn."""
        figures: Mapping[str, Any] = self.planned[0]["figures"]
        return figures

    @cached_property
    def hashes(self) -> tuple[str, ...]:
        """The hash of every planned configuration."""
        return tuple(provenance.configuration_hash(configuration) for configuration in self.planned)

    def planned_so(self, job: JobRecord) -> bool:
        """Whether the configuration of a job is the one that was planned, or one that was drawn for it."""
        if self.search is not None:
            return self.search.has(job.configuration)
        return job.hash == self.hashes[job.number]


def found(directory: Path) -> Run:
    """Return a run that began earlier: from its record, or from what was planned where that record is damaged."""
    try:
        return recorded(directory, record.read(directory / RECORD))
    except record.DamagedError as fault:
        if not (directory / PLAN).is_file():
            raise
        run = recorded(directory, record.read(directory / PLAN))
        Terminal().note(f"{line_of(fault)}; what was planned is taken from {PLAN}, and what was done from the jobs")
        files = crate.files_in(directory / crate.NAME)
        return replace(run, files=files, writing=ownership.BEFORE, damaged=True)


def recorded(directory: Path, content: Record) -> Run:
    """Return a run that began earlier, as its record tells of it."""
    jobs, search = content.jobs, content.search
    record.refuse_lacking(content, directory / RECORD, NEEDED)
    if not jobs:
        raise ConfigurationError(f"{directory}: its record plans no job")
    if content.format != provenance.FORMAT:
        raise ConfigurationError(f"{directory}: its record is of format 1, without checksums; write its command again")
    record.refuse_lacking(content, directory / RECORD, PLANNED)
    _refuse_altered(jobs, directory)
    return Run(
        directory=directory,
        experiment=content.experiment,
        study=study_of(jobs[0].configuration),
        command=content.arguments,
        overrides=content.overrides,
        planned=tuple(search["template"] if search else job.configuration for job in jobs),
        named=tuple(search["words"] if search else job.overrides for job in jobs),
        started=content.started,
        typed_in=content.cwd,
        source=content.source,
        environment=content.environment,
        resumed=content.resumed,
        repeats=content.repeats,
        search=None if search is None else Search(**search),
        files={**content.files, **({crate.NAME: content.crate} if content.crate else {})},
        writing=content.writing,
        host=content.host,
    )


def _refuse_altered(jobs: Sequence[JobRecord], directory: Path) -> None:
    """Refuse a plan in which a job is not the one whose hash is recorded, or whose jobs are not numbered in order."""
    for place, job in enumerate(jobs):
        if job.number != place:
            raise record.DamagedError(f"{directory / RECORD} is damaged: job {place} has the number {job.number}")
        if job.hash and provenance.configuration_hash(job.configuration) != job.hash:
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
    directory, jobs = run.directory, len(run.planned)
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
    if run.resumed or any((run.directory / "jobs").iterdir()):
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
    waiting = {number: _waiting(run, number) for number in range(len(run.planned)) if number not in written}
    return [job for _, job in sorted({**waiting, **written}.items())]


def _waiting(run: Run, number: int) -> JobRecord:
    return JobRecord(
        number=number,
        overrides=run.named[number],
        configuration=run.planned[number],
        hash=run.hashes[number],
        status=WAITING,
        error="it left no result",
    )


def verified(run: Run) -> list[JobRecord]:
    """Return the record of every job, a damaged one named as such: its files are not those that were written."""
    with ThreadPoolExecutor(provenance.usable_processors()) as threads:
        return list(threads.map(partial(_verified, run), jobs_of(run)))


def _verified(run: Run, job: JobRecord) -> JobRecord:
    number = job.number
    if job.status != DONE:
        return job
    of_this_run = number >= len(run.planned) or run.planned_so(job)
    fault = "its configuration is not the one of this run" if not of_this_run else None
    fault = fault or integrity.damage(run.directory / "jobs" / str(number), job.files)
    return job if fault is None else replace(job, status=DAMAGED, error=fault)


def forget_damaged(run: Run) -> None:
    """Name the jobs whose results are damaged, and forget these, so that they are computed again."""
    for job in verified(run):
        if job.status == DAMAGED:
            Terminal().note(f"{complaint(job)}; it is computed again")
            (run.directory / "jobs" / str(job.number) / "job.json").unlink()


def complaint(job: JobRecord) -> str:
    """Return the line that names a job without a result, with its overrides and its error."""
    words = asked(job.overrides)
    label = f" ({show(words, 120)})" if words else ""
    return f"job {job.number}{label} {job.status}: {job.error}"


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


# What is written down


def write(run: Run, *, status: int, found: Mapping[str, Any] | None = None, jobs: Sequence[JobRecord] = ()) -> None:
    """Write ``run.json`` and, once the run has ended, the RO-Crate beside it.

    Written before the first job too, it tells what was planned if the process dies.
    """
    known = list(jobs) or jobs_of(run)
    content = _content(run, known, status=status, found=found)
    if found is not None:
        about = run.directory / crate.NAME
        provenance.write_json(about, crate.crate(content))
        content["crate"] = integrity.digest(about)
    provenance.write_json(run.directory / RECORD, content)


def _write_plan(run: Run) -> None:
    """Write down a second time what was planned: a run whose record is damaged is recovered from it and its jobs."""
    planned = replace(run, resumed=(), files={}, writing=())
    waiting = [_waiting(run, number) for number in range(len(run.planned))]
    content = _content(planned, waiting, status=Exit.INTERRUPTED)
    provenance.write_json(run.directory / PLAN, {**content, "seconds": 0.0})


def _content(
    run: Run, jobs: Sequence[JobRecord], *, status: int, found: Mapping[str, Any] | None = None
) -> dict[str, object]:
    """Return what ``run.json`` says."""
    over = found is not None
    return provenance.run_record(
        experiment=run.experiment,
        command=run.command,
        overrides=run.overrides,
        jobs=[_entry(job, run) for job in jobs],
        tables=found or {},
        files=_files(run, jobs) if over else {name: one for name, one in run.files.items() if name != crate.NAME},
        best=_best(run, found or {}),
        seed=_seed(run),
        started=run.started,
        seconds=time.monotonic() - run.since,
        status=status,
        directory=run.typed_in,
        source=run.source,
        environment=run.environment,
        resumed=run.resumed,
        repeats=run.repeats,
        search=run.search,
        writing=() if over else (*ownership.BEFORE, *run.writing),
        host=run.host,
    )


def _entry(job: JobRecord, run: Run) -> dict[str, Any]:
    """Return what ``run.json`` says of a job: what was planned, and how that ended; files are listed with the run's."""
    entry = record.entry_of(job)
    if job.number < len(run.planned) and run.search is None:
        entry |= {"configuration": run.planned[job.number], "hash": run.hashes[job.number]}
    if job.environment == provenance.plain(run.environment):
        entry["environment"] = None
    return entry


def _files(run: Run, jobs: Sequence[JobRecord]) -> dict[str, object]:
    """Return the digest of every file of ours, taken over from the jobs' own records where these were looked at."""
    known = {f"jobs/{job.number}/{name}": one for job in jobs for name, one in job.files.items()}
    names = ownership.files_of(run, ((job.number, job.files) for job in jobs))
    return {name: known.get(name) or integrity.digest(run.directory / name) for name in sorted(names)}


def _best(run: Run, records: Mapping[str, Any]) -> dict[str, object] | None:
    """Return the smallest error of the main table that is no luck, and where it is."""
    if MAIN not in records or ERROR not in run.study.main.columns:
        return None
    growth = check.growth_of(run.planned[0])
    found = tables.best(run.directory / f"{MAIN}.parquet", ERROR, run.study.main.keys, growth=growth)
    return None if found is None else {"column": ERROR, "value": found[0], "where": found[1]}


def _seed(run: Run) -> object:
    seeds = list(dict.fromkeys(job["seed"] for job in run.planned if isinstance(job.get("seed"), int)))
    return seeds[0] if len(seeds) == 1 else seeds or None
