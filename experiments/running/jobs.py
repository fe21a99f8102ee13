"""One job: what it writes, and how it stands.

A job writes its tables, then ``job.json``, which holds their checksums: whatever kills it in between leaves no result
rather than half of one. A job whose result is there is never computed again.
"""

from __future__ import annotations

import logging
import math
import os
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from experiments import answers, datafile, files, tables
from experiments.messages import named
from experiments.running import check, integrity, provenance, record, serial, surroundings
from experiments.running.check import Plain, study_of, study_part
from experiments.running.record import JobRecord, Status
from experiments.running.search import ERROR
from experiments.running.settings import build
from experiments.study import MAIN, Chunk, Rows, Study
from experiments.terminal.progress import Progress, Terminal

HINTS: Mapping[type[BaseException], str] = {
    SystemExit: " (the function called sys.exit; where it has no value, it should return nan or raise ValueError)",
}
"""What is added to what a function raised."""
MAX_TRACEBACK = 100_000
"""Most characters of a traceback that the log holds."""
TRUTHS = ("y", "yes", "n", "no", "true", "false", "on", "off")
"""Words that YAML takes for truth values."""


def as_typed(overrides: Sequence[str]) -> str:
    """Return the overrides of a job as they were typed, without Hydra's escapes."""
    return " ".join(overrides).replace("\\", "")


def read(directory: Path) -> JobRecord | None:
    """Return the record of a job, None when there is none that can be read."""
    try:
        return record.job_of(record.content_of(directory / "job.json"), int(directory.name))
    except record.DamagedError:
        return None


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job: its number, where it writes, its overrides and its resolved configuration."""

    number: int
    directory: Path
    overrides: tuple[str, ...]
    configuration: Plain

    @cached_property
    def hash(self) -> str:
        """The hash of its configuration."""
        return serial.configuration_hash(self.configuration)


PROGRESS: ContextVar[Progress | None] = ContextVar("progress", default=None)
"""Where a job tells how far it is: None in the workers of a launcher, which have no terminal."""


def perform(job: Job) -> None:
    """Run one job, unless its result is there, and write its tables, its log and, last, ``job.json``.

    What the study raises is written there. A worker that outlived its run may be at the same job: the second waits
    for the first, and finds the result.
    """
    job.directory.mkdir(parents=True, exist_ok=True)
    if _is_done(job):
        return
    with surroundings.restored(), _log(job) as log:
        if not _is_done(job):
            serial.write_json(job.directory / "job.json", _result(job, log).content)


def objective(job: Job) -> float:
    """Return what a search makes small: the largest error of the main table that a job wrote.

    Infinity where the job failed and where a row has no error, so that nobody wins by leaving the domain of f.
    """
    if not _is_done(job):
        return math.inf
    return tables.largest(job.directory / f"{MAIN}.parquet", ERROR)


def _is_done(job: Job) -> bool:
    """Whether the result of this very configuration is there; its checksums were looked at before the first job."""
    result = read(job.directory)
    return result is not None and (result.status, result.hash) == (Status.DONE, job.hash)


def _result(job: Job, log: logging.Logger) -> JobRecord:
    """Compute a job and return its record."""
    started = time.perf_counter()
    records: Mapping[str, Any] = {}
    inputs: Mapping[str, str] = {}
    error = None
    log.info("job %d: %s", job.number, " ".join(job.overrides))
    try:
        study = study_of(job.configuration)
        _clear(job.directory, study)
        with files.replacing(job.directory / "config.yaml") as file:
            file.write(_yaml(job.configuration).encode())
        config = build(study, study_part(job.configuration))
        inputs = datafile.digests_of(config)
        records = _compute(job, study, config)
        log.info("done")
    except KeyboardInterrupt:
        raise
    except BaseException as problem:  # noqa: BLE001 - whatever a study raises is the result of its job
        error = f"{named(problem)}{HINTS.get(type(problem), '')}"
        log.error("failed\n%s", _cut(traceback.format_exc()))  # noqa: TRY400 - on lines of its own
    written = [path for name in ("config.yaml", *map(_file_of, records)) if (path := job.directory / name).is_file()]
    return JobRecord(
        number=job.number,
        overrides=job.overrides,
        configuration=job.configuration,
        hash=job.hash,
        status=Status.FAILED if error else Status.DONE,
        seconds=time.perf_counter() - started,
        error=error,
        tables=records,
        inputs=inputs,
        files=integrity.digests(job.directory, written),
        environment=provenance.environment(),
    )


class _Dumper(getattr(yaml, "CDumper", yaml.Dumper)):  # type: ignore[misc]  # PyYAML may come without libyaml
    """libyaml's speed; a text that OmegaConf would read as a number or as a truth value is quoted, as it quotes it."""


def _represented(dumper: Any, text: str) -> yaml.ScalarNode:
    quoted = text.lower() in TRUTHS
    with suppress(ValueError):
        float(text)
        quoted = True
    node: yaml.ScalarNode = dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'" if quoted else None)
    return node


def _listed(dumper: Any, values: Sequence[Any]) -> yaml.SequenceNode:
    """A list of plain values in as few lines as it fits into: a grid would have a line for each."""
    flow = not any(isinstance(value, (Mapping, list, tuple)) for value in values)
    node: yaml.SequenceNode = dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=flow)
    return node


_Dumper.add_representer(str, _represented)
_Dumper.add_representer(list, _listed)


def _yaml(configuration: Mapping[str, Any]) -> str:
    """Return what ``OmegaConf`` reads as it was, twenty times as fast: no node is made for each entry of a grid."""
    return str(yaml.dump(configuration, Dumper=_Dumper, default_flow_style=False, allow_unicode=True, sort_keys=False))


def _cut(text: str) -> str:
    half = MAX_TRACEBACK // 2
    return text if len(text) <= MAX_TRACEBACK else f"{text[:half]}\n[...]\n{text[-half:]}"


def _file_of(table: str) -> str:
    return f"{table}.parquet"


def _clear(directory: Path, study: Study) -> None:
    """Remove what a process that died, or a damaged result, left of an earlier try."""
    for name in ("job.json", *map(_file_of, study.tables)):
        for path in (directory / name, directory / f"{name}{files.PART}"):
            path.unlink(missing_ok=True)


def _compute(job: Job, study: Study, config: Any) -> Mapping[str, Any]:
    progress = PROGRESS.get()
    if progress is not None:
        progress.start(job.number + 1, as_typed(job.overrides))
    whole = job.number // check.shards_of(job.configuration)  # the rows of all shards of a job are rows of that job
    with tables.Writer(job.directory, study.shapes, job=whole, measured=study.measured) as writer:
        for name, columns in _undivided(study.measurements(config, _answers(study, config, job))):
            before = writer.rows.get(name, 0)
            writer.write(name, columns)
            if progress is not None and name == MAIN:
                progress.advance(writer.rows[name] - before)
    return writer.records


def _answers(study: Study, config: Any, job: Job) -> Iterable[Rows]:
    """The plain answers of a job; of one that is cut into shards the first has them."""
    if not study.unanswered or job.configuration.get(check.SHARD):
        return ()
    typed = check.is_typed(job.configuration, job.overrides)
    return answers.answers(config, typed=typed, named=check.is_given("function", job.overrides))


def _undivided(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """Yield chunks in this process only: one that a function forked and let return would write to the same files."""
    process, rest = os.getpid(), iter(chunks)
    while True:
        try:
            chunk = next(rest, None)
        finally:
            if os.getpid() != process:
                os._exit(1)
        if chunk is None:
            return
        yield chunk


@contextmanager
def _log(job: Job) -> Iterator[logging.Logger]:
    """Send what is logged and warned of meanwhile, by anybody, to a file that no other process holds."""
    root = logging.getLogger()
    stream = (job.directory / "job.log").open("a", encoding="utf-8", errors="backslashreplace")
    if not integrity.taken(stream, wait=False):
        Terminal().note(f"job {job.number} is being computed by a worker of an earlier start; waiting until it ends")
        integrity.taken(stream, wait=True)
    handler = logging.StreamHandler(stream)
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
        stream.close()
