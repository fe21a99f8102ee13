"""Runs on disk: found by their names or by filters, read from their records, and refused when they are no whole run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from experiments.files import opened
from experiments.messages import ConfigurationError, line_of, near, nearest
from experiments.running import integrity
from experiments.running.check import study_of
from experiments.running.filters import chosen, is_filter, runner
from experiments.running.listing import Entry, entries, named_moment, unfinished, way_out
from experiments.running.record import FORMATS, PLAN, RECORD, DamagedError, Record, Status, read, refuse_lacking
from experiments.study import MAIN, Study
from experiments.terminal import commands
from experiments.words import first_of

LATEST = re.compile(r"(?:(?P<experiment>[^/~]+)/)?latest(?:~(?P<back>\d+))?")
STARTED = re.compile(rb'"started":\s*"([^"]+)"')
"""The line of a record that says when the run began: within a text of JSON no line begins."""
HEAD = 1 << 16
"""Bytes of a record in which that line is looked for."""
MAX_LISTED = 4
"""Most candidates that one line lists."""
NEEDED = ("experiment", "tables", "jobs", "environment", "source", "status")
"""What a record must hold to be that of a whole run."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A whole run on disk: its directory, its record and the study that it ran."""

    directory: Path
    record: Record
    study: Study

    @cached_property
    def table(self) -> Path:
        """The main table."""
        return self.directory / f"{MAIN}.parquet"

    def verify(self, name: str) -> str | None:
        """Refuse the run if a table has other values than its record tells of.

        Returns
        -------
        str
            A sentence on a file that has the recorded values and is yet not the one that was written: a byte that
            holds no value was changed, or the table was written again. None where nothing is known to be wrong.
        """
        from experiments import tables  # noqa: PLC0415 - heavy, and a refusal does not pay for it

        path = self.directory / f"{name}.parquet"
        content = self.record.tables[name].hash
        fault = integrity.fault_of(self.directory, path.name, self.record.files)
        try:
            # What files say of themselves is believed if their bytes are those recorded; else their values are hashed.
            # The hash of format 1 is computed no more: the values are read, which shows damage, and the file believed.
            computed = tables.hash_of(path) if fault else content
            if fault is None or self.record.format == min(FORMATS):
                computed = tables.footer(path).content_hash or computed
        except (ValueError, OSError, MemoryError) as problem:
            raise ConfigurationError(f"{near(path)} is damaged: {line_of(problem)}; run its command again") from problem
        if computed != content:
            raise ConfigurationError(f"{near(path)} is not the table that run.json records; run its command again")
        if fault is None or not integrity.below(path.name, self.record.files):
            return None
        return f"{near(path)} is not as it was written, though its values are: {fault}."


# By name


def find(name: str, outputs: Path) -> Path:
    """Return the directory of the one run that a name means.

    Parameters
    ----------
    name
        A path; the last parts of one below `outputs`, of which the very last may be cut short; ``latest``,
        ``latest~N`` for the Nth before it, or either behind the name of an experiment and a slash.
    outputs
        The directory of all results.
    """
    if name and Path(name).is_dir():
        return Path(name).absolute()
    if name and Path(name).exists():
        raise ConfigurationError(f"{name} is a file; name the directory of the run")
    known = _known(outputs)
    latest = LATEST.fullmatch(name)
    if latest:
        return _latest(name, known, latest["experiment"], int(latest["back"] or 0), outputs)
    fitting = _matching(name, known, outputs)
    if len(fitting) > 1:
        raise ConfigurationError(
            f"{name} may mean {len(fitting)} runs: {_listed(fitting, outputs)}; write more of the name"
        )
    if not fitting:
        newest = f"the latest are {_listed(known[::-1], outputs)}" if known else "there are no runs"
        instead = nearest(name, ["latest"] if known else [], otherwise=newest)
        raise ConfigurationError(f"no run named {name!r} below {outputs}; {instead}")
    return fitting[0]


def _known(outputs: Path) -> list[Path]:
    """Return the directories of all runs, the oldest first; their names tell when they began."""
    directories = (path.parent for path in outputs.glob("*/*/*/run.json"))
    return sorted(directories, key=lambda path: (path.parts[-2:], path.parts))


def _latest(name: str, known: Sequence[Path], experiment: str | None, back: int, outputs: Path) -> Path:
    fitting = sorted((path for path in known if experiment in (None, path.parts[-3])), key=_began)
    if back >= len(fitting):
        of = f" of {experiment}" if experiment else ""
        raise ConfigurationError(f"no run {name}: there are {len(fitting)} runs{of} below {outputs}")
    return fitting[-1 - back]


def _began(directory: Path) -> tuple[datetime, tuple[str, ...]]:
    """Return when a run began.

    The line of the record is near its beginning: the rest may be as large as the run, and is not read. Where it cannot
    be had, the name is taken as it is.
    """
    moment = named_moment(directory)
    with suppress(OSError, ValueError), opened(directory / RECORD) as file:
        match = STARTED.search(file.read(HEAD))
        recorded = datetime.fromisoformat(match[1].decode()) if match else moment
        moment = recorded if recorded.tzinfo else moment
    return moment, directory.parts


def _matching(name: str, known: Sequence[Path], outputs: Path) -> list[Path]:
    parts = tuple(part for part in name.split("/") if part)
    if not parts:
        return []
    tails = {path: path.relative_to(outputs).parts[-len(parts) :] for path in known}
    exact = [path for path, tail in tails.items() if tail == parts]
    begun = [path for path, tail in tails.items() if tail[:-1] == parts[:-1] and tail[-1].startswith(parts[-1])]
    return exact or begun


def _listed(paths: Sequence[Path], outputs: Path) -> str:
    return first_of([path.relative_to(outputs).as_posix() for path in paths], MAX_LISTED)


# By several words


def several(words: Sequence[str], outputs: Path) -> tuple[list[Stored], list[str]]:
    """Return at least two runs, those that are named before those that fit, and which of these were left out.

    Raises
    ------
    ConfigurationError
        If there are fewer, if a name means none, or if those that fit are of several studies.
    """
    filters = [word for word in words if is_filter(word) and not Path(word).exists()]
    named = [load(_directory(word, outputs)) for word in words if word not in filters]
    if filters:
        return _with_fitting(named, filters, outputs)
    if len(named) < 2:
        count = f"one run only, {words[0]}" if named else "no run"
        compare = commands.program("compare")
        raise ConfigurationError(f"{count}; name at least two, such as: {compare} latest~1 latest")
    return named, []


def _with_fitting(named: Sequence[Stored], filters: Sequence[str], outputs: Path) -> tuple[list[Stored], list[str]]:
    listed, _ = entries(outputs, outputs)
    if not listed:
        raise ConfigurationError(f"there are no runs below {outputs}")
    known = {run.directory for run in named}
    fitting = [entry for entry in chosen(listed, filters) if entry.directory not in known][::-1]
    finished = [entry for entry in fitting if entry.state == Status.DONE]
    _refuse_studies(finished)
    every = [*named, *(stored(entry.directory, entry.record) for entry in finished if entry.record)]
    left_out = unfinished(fitting)
    if len(every) < 2:
        raise ConfigurationError(
            f"{' '.join(filters)}: {len(every) or 'no'} finished run fits, two are needed{left_out and f'; {left_out}'}"
        )
    return every, [f"{left_out[0].upper()}{left_out[1:]}."] if left_out else []


def _directory(name: str, outputs: Path) -> Path:
    try:
        return find(name, outputs)
    except ConfigurationError as error:
        if name and (outputs / name).is_dir():
            raise ConfigurationError(f"{name} is no run; study={name} chooses all finished runs of it") from error
        raise


def _refuse_studies(runs: Sequence[Entry]) -> None:
    counts = Counter(entry.study for entry in runs)
    if len(counts) > 1:
        several_studies = ", ".join(f"{count} of {study}" for study, count in counts.items())
        first, *others = counts
        words = [f"study={first}"]
        if any(runner(entry) == first for entry in runs if entry.study != first):  # study= chooses these as well
            words = [f"study!={other}" for other in others]
        raise ConfigurationError(f"{several_studies} fit; runs of one study are compared: add {' '.join(words)}")


# From its record


def load(directory: Path, *, purpose: str = "compared") -> Stored:
    """Read the record of a run, and refuse one that is foreign, of another format or not whole.

    `purpose` says what is done with whole runs only.
    """
    path = directory / RECORD
    refuse_missing(directory, planned=False)
    try:
        return stored(directory, read(path), purpose=purpose)
    except DamagedError as error:
        raise DamagedError(f"{line_of(error)}{way_out(directory)}") from error


def stored(directory: Path, record: Record, *, purpose: str = "compared") -> Stored:
    """Return the run of a record that has been read; what is refused is said as `load` says it."""
    refuse_lacking(record, directory / RECORD, NEEDED)
    resume = f"{commands.program('run')} --resume {directory}"
    whole = f"only whole runs are {purpose}; {resume} computes what is missing"
    for job in record.jobs:
        if job.status != Status.DONE:
            why = f": {job.error}" if job.error else ""
            raise ConfigurationError(f"{directory}: job {job.number} {job.status}{why}; {whole}")
    if not (record.whole and record.jobs):
        raise ConfigurationError(f"{directory}: the run ended with status {record.status}; {whole}")
    try:
        study = study_of(record.jobs[0].configuration)
    except ConfigurationError as error:
        raise ConfigurationError(f"{directory}: {error}") from error
    run = Stored(directory=directory, record=record, study=study)
    if run.table.stem not in record.tables or not run.table.exists():
        raise ConfigurationError(f"{directory}: {run.table.name} is missing; run its command again: {record.command}")
    return run


def refuse_missing(directory: Path, *, planned: bool = True) -> None:
    """Refuse a directory without a record; what was planned is as good as one if that is said."""
    if not any((directory / name).exists() for name in (RECORD, PLAN)[: 1 + planned]):
        half = (directory / "jobs").is_dir()
        why = f"the run is half-written{way_out(directory)}" if half else "it is not the directory of a run"
        raise ConfigurationError(f"{directory} has no run.json: {why}")
