"""The record of a run, written and read in one place: ``run.json``, ``plan.json``, ``job.json``.

Whoever reads a record gets values of the types that are stated here, or one line that says what is wrong with it.
Anybody may have written the file: a path in it leads nowhere but into the run, a name is one that a file may have.
Only the standard library is needed: a thousand runs are listed in less time than the mathematics takes to be imported.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TypedDict

from experiments.files import fault_of_name, is_inside, text_of
from experiments.messages import ConfigurationError, line_of, show
from experiments.terminal.exits import Exit

RECORD, PLAN = "run.json", "plan.json"
"""What became of a run, and a second time what was planned."""
FORMAT = 2
"""Version of the layout of run.json and of the directory it lies in."""
FORMATS = (1, FORMAT)
"""Versions of the record that are read; the first has no checksums, no sizes and no best error."""
NEVER = datetime.min.replace(tzinfo=UTC)
SOURCE = {"commit": "commit", "diff": "uncommitted changes", "untracked": "untracked files"}
"""What a record says of the code, by what people call it."""
MAX_SECONDS = 1e10
"""Seconds that no run takes: three hundred years."""


class Status(StrEnum):
    """How a job or a run stands.

    A job waits, is done or failed when it has run, and is damaged when its files are not those that it wrote; what is
    not done is computed when the run is resumed, and waits until then. A run is running or was interrupted while some
    of its jobs wait, is done or failed when it has ended, and is damaged when its record cannot be read.
    """

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    DAMAGED = "damaged"


OF_JOBS = (Status.DONE, Status.FAILED, Status.WAITING, Status.DAMAGED)
"""How a job stands."""
OF_RUNS = (Status.DONE, Status.FAILED, Status.INTERRUPTED, Status.RUNNING, Status.DAMAGED)
"""How a run stands."""


class DamagedError(ConfigurationError):
    """A file that is no record, or of which something is missing or of another type."""


class Digest(TypedDict):
    """What a record says of a file."""

    bytes: int
    sha256: str


# Values


class _Fault(Exception):  # noqa: N818 - it never leaves this room
    """What is wrong with a value, as the end of a sentence that begins with its name."""


ABSENT = "is missing or of another type"


def _of(kind: type | tuple[type, ...], what: str) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if value is None:
            raise _Fault(ABSENT)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise _Fault(f"is of another type: {show(value)}, not {what}")
        return value

    return check


_text = _of(str, "a text")
_mapping = _of(dict, "a mapping")
_list = _of(list, "a list")
_whole = _of(int, "a whole number")
_real = _of((int, float), "a number")


def _count(value: Any) -> int:
    if _whole(value) < 0 or value > 1 << 62:
        raise _Fault(f"is {show(value)}, which counts nothing")
    return int(value)


def _number(value: Any) -> float:
    try:
        result = float(_real(value))
    except OverflowError:
        result = math.inf
    if not math.isfinite(result):
        raise _Fault(f"is {show(value)}, not a finite number")
    return result


def _seconds(value: Any) -> float:
    result = _number(value)
    if abs(result) > MAX_SECONDS:
        raise _Fault(f"is {show(value)}, longer than any run takes")
    return result


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(_text, _list(value)))


def _mappings(value: Any) -> tuple[Mapping[str, Any], ...]:
    return tuple(map(_mapping, _list(value)))


def _moment(value: Any) -> datetime:
    try:
        result = datetime.fromisoformat(_text(value))
        if result.tzinfo is None:
            raise _Fault(f"is {show(repr(value))}, which has no time zone")
        result.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _Fault(f"is {show(repr(value))}, which is no time") from error
    return result


def _experiment(value: Any) -> str:
    """Read the name of a study, by which directories are named: it may have parts, as a preset in a folder has."""
    fault = next(filter(None, map(fault_of_name, _text(value).split("/"))), None)
    if fault is not None:
        raise _Fault(f"is {show(value)}, and a directory is named so: it {fault}")
    return str(value)


def _directory(value: Any) -> str:
    if not Path(_text(value)).is_absolute():
        raise _Fault(f"is {show(value)}, not the whole path of a directory")
    return str(value)


def _status(value: Any) -> Status:
    if value not in OF_JOBS:
        raise _Fault(f"is {show(value)}, not one of {', '.join(OF_JOBS)}")
    return Status(value)


def _entries(value: Mapping[str, Any], check: Callable[[Any], Any]) -> dict[str, Any]:
    result = {}
    for name, one in value.items():
        try:
            result[name] = check(one)
        except _Fault as fault:
            raise _Fault(f"has an entry {show(name)} that {fault}") from fault
    return result


def _tables(value: Any) -> dict[str, Table]:
    for name in _mapping(value):
        fault = fault_of_name(name)
        if fault:
            raise _Fault(f"has a name {show(name)}, and a file is named so: it {fault}")
    return _entries(value, _table)


def _table(value: Any) -> Table:
    return Table(**_of_class(Table, value))


def _digests(value: Any) -> dict[str, Digest]:
    for name in _mapping(value):
        if not is_inside(name):
            raise _Fault(f"names {show(name)}, which is not in the directory")
    try:
        return _entries(value, _digest)
    except _Fault as fault:
        raise _Fault(f"are without bytes or sha256: it {fault}") from fault


def _digest(value: Any) -> Digest:
    result = _fields(value, {"bytes": _count, "sha256": _text}, needed=("bytes", "sha256"))
    return {"bytes": result["bytes"], "sha256": result["sha256"]}


def _hashes(value: Any) -> dict[str, str]:
    return _entries(_mapping(value), _text)


def _best(value: Any) -> Best:
    return Best(**_of_class(Best, value))


def _environment(value: Any) -> dict[str, Any]:
    _fields(value, {"versions": _mapping})
    return dict(value)


def _search(value: Any) -> dict[str, Any]:
    result = _fields(value, SEARCH, needed=tuple(SEARCH))
    if result["trials"] < 1 or not set(result["drawn"]) <= result["template"].keys():
        raise _Fault("draws keys that its template does not have")
    return result


def _fields(
    value: Any, checks: Mapping[str, Callable[[Any], Any]], needed: Collection[str] = (), none: Collection[str] = ()
) -> dict[str, Any]:
    """Return the entries of a mapping that there are checks for, read; those that may be null are left out if so."""
    missing = [key for key in needed if key not in value] if _mapping(value) else needed
    if missing:
        raise _Fault(f"has no {' and no '.join(missing)}")
    result = {}
    for key, check in checks.items():
        if key in value and not (value[key] is None and key in none):
            try:
                result[key] = check(value[key])
            except _Fault as fault:
                raise _Fault(f"has {key} that {fault}") from fault
    return result


SEARCH: Mapping[str, Callable[[Any], Any]] = {
    "trials": _count,
    "words": _texts,
    "space": _texts,
    "advice": _texts,
    "template": _mapping,
    "drawn": _texts,
    "sweeper": _mapping,
    "versions": _mapping,
}


# Entries


def _entry(read: Callable[[Any], Any], default: Any = MISSING, *, null: bool = False) -> Any:
    """Declare an entry: how it is read, what it is where there is none, and whether null says so too."""
    metadata = {"read": read, "null": null}
    if default == {}:
        return field(default_factory=dict, metadata=metadata)
    return field(default=default, metadata=metadata)


@functools.cache
def _readers(kind: type) -> dict[str, Callable[[Any], Any]]:
    return {entry.name: entry.metadata["read"] for entry in fields(kind) if "read" in entry.metadata}


@functools.cache
def _nullable(kind: type) -> frozenset[str]:
    return frozenset(entry.name for entry in fields(kind) if entry.metadata.get("null"))


def _of_class(kind: type, value: Any, needed: Collection[str] = ()) -> dict[str, Any]:
    return _fields(value, _readers(kind), needed, _nullable(kind))


@dataclass(frozen=True, kw_only=True)
class Table:
    """What a record says of a table: the number of its rows, and the hash of its content."""

    rows: int = _entry(_count, 0)
    hash: str | None = _entry(_text, None, null=True)


@dataclass(frozen=True, kw_only=True)
class Best:
    """The least error of a run: its column, its value, and the keys of its row."""

    column: str = _entry(_text, "error")
    value: float | None = _entry(_number, None, null=True)
    where: Mapping[str, Any] = _entry(_mapping, {}, null=True)


@dataclass(frozen=True, kw_only=True)
class JobRecord:
    """What a record says of a job, in the order in which it is written; what it does not tell is empty or None.

    ``overrides`` distinguish the job, ``configuration`` is resolved and enough to compute it again, ``error`` is one
    line, ``inputs`` are the SHA-256 of the files that it read, by their paths as they were written, and ``files`` those
    that hold the result. ``environment`` is that of the process which computed it, None in a
    run's record where that is as the run's.
    """

    number: int = _entry(_count)
    overrides: tuple[str, ...] = _entry(_texts, ())
    configuration: Mapping[str, Any] = _entry(_mapping)
    hash: str = _entry(_text, "")
    status: Status = _entry(_status)
    seconds: float = _entry(_seconds, 0.0, null=True)
    error: str | None = _entry(_text, None, null=True)
    tables: Mapping[str, Table] = _entry(_tables, {})
    inputs: Mapping[str, str] = _entry(_hashes, {}, null=True)
    files: Mapping[str, Digest] = _entry(_digests, {}, null=True)
    environment: Mapping[str, Any] | None = _entry(_environment, None, null=True)

    @property
    def content(self) -> dict[str, object]:
        """What ``job.json`` holds."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


@dataclass(frozen=True, kw_only=True)
class Record:
    """What the record of a run says, in the order in which it is written; what it does not tell is empty or None.

    ``command`` is the command line as typed and ``arguments`` its words, ``cwd`` the directory in which it was typed,
    ``host`` the machine. ``seconds`` are those since the run began or was resumed, ``status`` is an exit status.
    ``resumed`` says when it was taken up again, each time with the source and the environment of then; ``repeats`` of
    which run it is a repetition; ``search`` is as `experiments.running.search.Search` is made. ``writing`` names the
    files that were being written when the record was: what is there of them is the run's own, whole or half. ``keys``
    are those that the file has.
    """

    format: int = FORMAT
    experiment: str = _entry(_experiment, "")
    command: str = _entry(_text, "")
    arguments: tuple[str, ...] = _entry(_texts, ())
    overrides: tuple[str, ...] = _entry(_texts, ())
    started: datetime = _entry(_moment, NEVER)
    seconds: float | None = _entry(_seconds, None, null=True)
    status: int = _entry(_whole, Exit.DONE)
    seed: Any = None
    tables: Mapping[str, Table] = _entry(_tables, {})
    best: Best | None = _entry(_best, None, null=True)
    jobs: tuple[JobRecord, ...] = ()
    cwd: str = _entry(_directory, "", null=True)
    host: str = _entry(_text, "", null=True)
    source: Mapping[str, Any] = _entry(_mapping, {}, null=True)
    environment: Mapping[str, Any] = _entry(_environment, {}, null=True)
    resumed: tuple[Mapping[str, Any], ...] = _entry(_mappings, ())
    repeats: Mapping[str, Any] | None = _entry(_mapping, None, null=True)
    files: Mapping[str, Digest] = _entry(_digests, {}, null=True)
    search: Any = _entry(_search, None, null=True)
    writing: tuple[str, ...] = _entry(_texts, ())
    crate: Digest | None = _entry(_digest, None, null=True)
    keys: frozenset[str] = frozenset()

    @property
    def whole(self) -> bool:
        """Whether all jobs are done and gathered, even where the status tells that what was checked is wrong."""
        done = all(job.status == Status.DONE for job in self.jobs)
        return self.status == Exit.DONE or (self.status == Exit.FAILED and done and bool(self.tables))

    @property
    def content(self) -> dict[str, object]:
        """What ``run.json`` holds; files of jobs are listed with the run's."""
        content = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "keys"}
        content["jobs"] = [{key: one for key, one in job.content.items() if key != "files"} for job in self.jobs]
        return {key: value for key, value in content.items() if key not in OMITTED or value}


OMITTED = ("search", "writing", "crate")
"""What is left out of a file where there is nothing of it."""


# Files


def run_of(content: Any, path: Path, *, needed: Collection[str] = ()) -> Record:
    """Return the record that the content of a file is.

    Parameters
    ----------
    content
        What the file holds.
    path
        The file, for what is said of it.
    needed
        Keys without which it is of no use.

    Raises
    ------
    DamagedError
        If it is none: one line says of which file, what and why.
    """
    version = content.get("format") if isinstance(content, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise DamagedError(f"{path} is no record of this laboratory: it has no format")
    if version not in FORMATS:
        formats = " and ".join(map(str, FORMATS))
        raise ConfigurationError(f"{path} has format {show(version)}; this version reads format {formats}")
    try:
        _refuse_missing(content, needed)
        values = {key: _read(key, content[key], read) for key, read in _readers(Record).items() if _holds(content, key)}
        jobs = tuple(_job(one, place) for place, one in enumerate(_read("jobs", content.get("jobs", []), _list)))
    except _Fault as fault:
        raise DamagedError(f"{path} is damaged: {fault}") from fault
    return Record(keys=frozenset(content), format=version, jobs=jobs, seed=content.get("seed"), **values)


def refuse_lacking(record: Record, path: Path, needed: Collection[str]) -> None:
    """Refuse a record without keys that are needed."""
    try:
        _refuse_missing(dict.fromkeys(record.keys), needed)
    except _Fault as fault:
        raise DamagedError(f"{path} is damaged: {fault}") from fault


def _refuse_missing(content: Mapping[str, Any], needed: Collection[str]) -> None:
    for key in needed:
        if key not in content:
            raise _Fault(f"{key} {ABSENT}")


def _holds(content: Mapping[str, Any], key: str) -> bool:
    return key in content and not (content[key] is None and key in _nullable(Record))


def _read(name: str, value: Any, check: Callable[[Any], Any]) -> Any:
    try:
        return check(value)
    except _Fault as fault:
        raise _Fault(f"{name} {fault}") from fault


def _job(content: Any, place: int) -> JobRecord:
    try:
        result = _of_class(JobRecord, content, needed=("configuration", "status"))
    except _Fault as fault:
        raise _Fault(f"a job {fault} (job {place})") from fault
    return JobRecord(**{"number": place, **result})


def job_of(content: Any, number: int) -> JobRecord:
    """Return what the content of a ``job.json`` says of the job of that number."""
    needed = [key for key in _readers(JobRecord) if key != "seconds"]
    try:
        result = _of_class(JobRecord, content, needed)
    except _Fault as fault:
        raise DamagedError(f"job.json of job {number} {fault}") from fault
    return JobRecord(**{**result, "number": number})


def content_of(path: Path) -> Any:
    """Return what a JSON file holds; what is none is said in a line that begins with its name."""
    try:
        return json.loads(text_of(path))
    except OSError as error:
        raise DamagedError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"{path} is damaged: {line_of(error)}") from error


def read(path: Path, *, needed: Collection[str] = ()) -> Record:
    """Return the record in a file; see `run_of`."""
    return run_of(content_of(path), path, needed=needed)


def configurations(jobs: Sequence[JobRecord]) -> list[Mapping[str, Any]]:
    """Return the configuration of every job."""
    return [job.configuration for job in jobs]
