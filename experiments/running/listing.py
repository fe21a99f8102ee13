"""Runs listed: found below a directory, read from their records alone, and told in a few words each.

A record that is damaged, foreign or of a later version hides no other run; it is listed as what it is. Only the
standard library is needed: a thousand runs are listed in less time than the mathematics takes to be imported.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from experiments.messages import ConfigurationError, line_of
from experiments.running.integrity import is_held
from experiments.running.record import NEVER, PLAN, RECORD, DamagedError, JobRecord, Record, Status, read
from experiments.terminal.commands import program
from experiments.terminal.exits import Exit
from experiments.words import first_of

JOBS = "jobs"
DEPTH = 3
"""Directories from that of all results down to a run: study, day and run."""
NEEDED = ("experiment", "overrides", "started", "status", "jobs", "tables")
"""What a record must hold to be listed."""
LATEST = "latest"
"""The link in the directory of all results that leads to the run that ended last."""
MAX_NAMED = 6
"""Runs that a message names at most."""
CLOCK = 8
"""Letters of a run's name that tell the time of day: 10-11-51."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A run as it is listed. What a record does not tell is empty or None; of a damaged one that is everything."""

    directory: Path
    name: str
    """By which `runs.find` finds it: the time of day where that is the only one, else more of its path."""
    place: str
    """Its path below the directory that was listed."""
    problem: str | None
    """Why the record cannot be used, None if it can."""
    record: Record | None
    state: Status
    done: int
    """Jobs that have ended well."""

    @property
    def study(self) -> str:
        """The name of the experiment."""
        return self.record.experiment if self.record else ""

    @property
    def jobs(self) -> Sequence[JobRecord]:
        """The records of the jobs."""
        return self.record.jobs if self.record else ()

    @property
    def overrides(self) -> list[str]:
        """What was overridden, the study's own keys first, without the name of the study."""
        words = [word for word in (self.record.overrides if self.record else ()) if not word.startswith("experiment=")]
        return sorted(words, key=lambda word: word.startswith(("figures.", "hydra.")))

    @property
    def status(self) -> str:
        """The state, and of how many jobs it is true where that is not all of them."""
        if self.state == Status.DAMAGED:
            return "damaged record"
        counted = {
            Status.FAILED: len(self.jobs) - self.done,
            Status.INTERRUPTED: self.done,
            Status.RUNNING: self.done,
        }.get(self.state)
        return self.state if counted is None else f"{self.state} {counted} of {len(self.jobs)}"

    @property
    def best(self) -> float | None:
        """The least typical error of its sweeps over delta."""
        return self.record.best.value if self.record and self.record.best else None

    @property
    def where(self) -> Mapping[str, Any]:
        """The keys of the row with that error."""
        return self.record.best.where if self.record and self.record.best else {}

    @property
    def size(self) -> int | None:
        """Bytes of its files; two names of one content are one file."""
        files = self.record.files if self.record else {}
        return sum({digest["sha256"]: digest["bytes"] for digest in files.values()}.values()) if files else None

    @property
    def started(self) -> datetime | None:
        """When it began."""
        return self.record.started if self.record else None

    @property
    def seconds(self) -> float | None:
        """How long it took, None while it has not ended."""
        return self.record.seconds if self.record and self.state in (Status.DONE, Status.FAILED) else None

    @property
    def commit(self) -> str:
        """The commit of the code."""
        return str((self.record.source if self.record else {}).get("commit") or "")

    @property
    def host(self) -> str:
        """The name of the machine."""
        return self.record.host if self.record else ""


def entries(root: Path, outputs: Path) -> tuple[list[Entry], list[str]]:
    """Return the runs below a directory, the newest first, and what could not be read, in a sentence each.

    Parameters
    ----------
    root
        The directory listed: that of all results, any below it, or one that holds runs by other names.
    outputs
        The directory of all results, below which a run is found by its name.
    """
    refused: list[str] = []
    paths = list(_below(root, DEPTH, set(), refused))
    names = _names(paths, outputs)
    listed = [_entry(path, name, root) for path, name in zip(paths, names, strict=True)]
    return sorted(listed, key=_begun, reverse=True), refused


def _begun(entry: Entry) -> tuple[datetime, str]:
    return entry.started or named_moment(entry.directory), entry.place


def named_moment(directory: Path) -> datetime:
    """Return when a run began as its directory is named: up to the time zone, in which a clock on the wall hung."""
    try:
        return datetime.strptime("/".join(directory.parts[-2:])[:19], "%Y-%m-%d/%H-%M-%S").replace(tzinfo=UTC)
    except ValueError:
        return NEVER


def unfinished(listed: Sequence[Entry]) -> str:
    """Say which runs are left out since they are not finished, or nothing."""
    names = [f"{entry.name} ({entry.status})" for entry in listed if entry.state != Status.DONE]
    return f"left out, as they are not finished: {first_of(names, MAX_NAMED)}" if names else ""


# On disk


def _below(directory: Path, depth: int, visited: set[tuple[int, int]], refused: list[str]) -> Iterator[Path]:
    """Yield the runs in a directory and `depth` levels below it; what lies in a run is no run."""
    try:
        about = directory.stat()
        if (about.st_dev, about.st_ino) in visited:  # a link to where we have been
            return
        visited.add((about.st_dev, about.st_ino))
        with os.scandir(directory) as scan:
            inside = sorted(scan, key=lambda inner: inner.name)
    except OSError as problem:
        refused.append(f"{directory} cannot be read: {problem.strerror}")
        return
    names = {inner.name for inner in inside}
    if RECORD in names or (JOBS in names and not depth):
        yield directory
    elif depth:
        for inner in inside:
            if not inner.name.startswith(".") and _is_directory(inner) and not _is_latest(inner):
                yield from _below(Path(inner.path), depth - 1, visited, refused)


def _is_latest(inner: os.DirEntry[str]) -> bool:
    return inner.name == LATEST and inner.is_symlink()


def _is_directory(inner: os.DirEntry[str]) -> bool:
    try:
        return inner.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _names(paths: Sequence[Path], outputs: Path) -> list[str]:
    """Return a name for each run, as short as tells it from all others."""
    tails = [_tail(path, outputs) for path in paths]
    choices = [_choices(tail) for tail in tails if tail]
    counts = Counter(name for names in choices for name in set(names))
    unique = iter([next((name for name in names if counts[name] == 1), names[-1]) for names in choices])
    return [next(unique) if tail else os.path.relpath(path) for tail, path in zip(tails, paths, strict=True)]


def _tail(path: Path, outputs: Path) -> tuple[str, ...]:
    """Return the parts below the directory of all results, none for a run that is not found by them."""
    parts = path.relative_to(outputs).parts if path.is_relative_to(outputs) else ()
    return parts if len(parts) == DEPTH else ()


def _choices(tail: Sequence[str]) -> list[str]:
    return [tail[-1][:CLOCK], tail[-1], "/".join(tail[-2:]), "/".join(tail)]


# From the record


def _entry(directory: Path, name: str, root: Path) -> Entry:
    record, problem = _read(directory)
    state, done = _state(directory, record)
    place = directory.relative_to(root).as_posix()
    return Entry(directory=directory, name=name, place=place, problem=problem, record=record, state=state, done=done)


def _read(directory: Path) -> tuple[Record | None, str | None]:
    """Return the record of a run, or None and why it cannot be used."""
    path = directory / RECORD
    if not path.exists():
        return None, f"{directory} has no {RECORD}: the run is half-written{way_out(directory)}"
    try:
        return read(path, needed=NEEDED), None
    except DamagedError as error:
        return None, f"{line_of(error)}{way_out(directory)}"
    except ConfigurationError as error:
        return None, line_of(error)


def way_out(directory: Path) -> str:
    """Say what recovers a run whose record is damaged, where what was planned is there a second time."""
    return f"; {program('collect')} {directory} recovers it" if (directory / PLAN).is_file() else ""


def _state(directory: Path, record: Record | None) -> tuple[Status, int]:
    """Return how a run stands and how many of its jobs are done."""
    if record is None:
        return Status.DAMAGED, 0
    done = sum(job.status == Status.DONE for job in record.jobs)
    if record.whole:
        return Status.DONE, done
    waiting = sum(job.status == Status.WAITING for job in record.jobs)
    lost = (
        record.status == Exit.FAILED and 0 < waiting == len(record.jobs) - done
    )  # gathered since, and none has failed
    if record.status != Exit.INTERRUPTED and not lost:
        return Status.FAILED, done
    if waiting == len(record.jobs):  # nobody came to write down what has been done
        done = sum(1 for _ in directory.glob(f"{JOBS}/*/job.json"))
    return (Status.RUNNING if is_held(directory) else Status.INTERRUPTED), done
