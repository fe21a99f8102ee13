"""A recorded run executed again, job by job, in a directory of its own.

What is executed is the resolved configuration in the record: nothing is composed, so that a preset that was changed
meanwhile changes nothing here. The original is only read.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from experiments.comparison.verdict import Verdict, findings, sentences
from experiments.messages import ConfigurationError, near
from experiments.running import check, jobs, record, recording, results, runs, trust
from experiments.running.execution import Run
from experiments.running.runs import Stored
from experiments.terminal import commands
from experiments.terminal.exits import Exit
from experiments.terminal.progress import Terminal


def repeat(original: Stored, outputs: Path, *, ulps: int, command: tuple[str, ...]) -> Exit:
    """Execute a run again, compare what came out, and say what was found.

    Parameters
    ----------
    original
        A whole run.
    outputs
        The directory of all results, below which the repetition gets a directory like any run.
    ulps
        Units in the last place by which numbers without a bound may move.
    command
        The words of the command line, for the record.

    Returns
    -------
    Exit
        DONE for a result that is identical or within tolerance, FAILED for one that is different.

    Raises
    ------
    ConfigurationError
        If the run cannot be executed again; nothing is written then.
    """
    for note in _verified(original):
        Terminal().note(note)
    run, rows = _planned(original, outputs, command)
    results.refuse_figures(run.study, run.figures)
    with recording.begun(run, rows=rows):
        try:
            _perform(run, rows)
            status = results.finish(run, open_report=False)
            if record.read(run.directory / record.RECORD).whole:
                return _judge(original, run, ulps=ulps)
        except KeyboardInterrupt:
            return results.interrupt(run)
        if status is Exit.INTERRUPTED:
            return status
        Terminal().line(f"{Verdict.DIFFERENT}: the original was whole, and this run is not")
        return Exit.FAILED


def _verified(original: Stored) -> Iterator[str]:
    """Refuse a run with other tables than its record tells of: nothing could be said of their repetition.

    Yields
    ------
    str
        What is wrong with the file of a table whose values are the recorded ones.
    """
    if original.record.format != record.FORMAT:
        raise ConfigurationError(
            f"{near(original.directory)} has format {original.record.format}, whose hashes are of another kind;"
            f" run its command again: {original.record.command}"
        )
    for name in original.record.tables:
        path = original.directory / f"{name}.parquet"
        if not path.exists():
            raise ConfigurationError(f"{near(path)} is missing; run its command again: {original.record.command}")
        note = original.verify(name)
        if note:
            yield note


def _planned(original: Stored, outputs: Path, command: tuple[str, ...]) -> tuple[Run, int]:
    """Return the run that repeats another, and the number of rows it will have."""
    started = datetime.now(UTC)
    planned = [job.configuration for job in original.record.jobs]
    named = [f"python={name}" for one in planned for name in trust.modules_in(one)]
    named += [f"{key}={one[key]}" for one in planned for key in check.FILES if isinstance(one.get(key), str)]
    check.refuse_elsewhere(named, original.record.cwd, to="repeat")
    trust.tell_modules(original.directory, original.record.host, planned)
    try:
        configs = check.configs_of(original.study, planned)
    except ConfigurationError as error:
        why = "again" if _is_of_a_file(error) else "by this version"
        raise ConfigurationError(f"{near(original.directory)} cannot be run {why}: {error}") from error
    run = recording.new(
        commands.fresh(outputs / original.record.experiment, started),
        original.study,
        planned=planned,
        named=[job.overrides for job in original.record.jobs],
        command=command,
        experiment=original.record.experiment,
        overrides=original.record.overrides,
        started=started,
        cwd=original.record.cwd,
        repeats={
            "directory": str(original.directory),
            "hashes": {name: table.hash for name, table in original.record.tables.items()},
        },
    )
    return run, sum(config.rows for config in configs)


def _is_of_a_file(error: BaseException | None) -> bool:
    """Whether a file that could not be read is behind an error, and no version."""
    return error is not None and (isinstance(error, OSError) or _is_of_a_file(error.__cause__))


def _perform(run: Run, rows: int) -> None:
    with Terminal().progress(jobs=len(run.record.jobs), rows=rows) as progress:
        token = jobs.PROGRESS.set(progress)
        try:
            for planned in run.record.jobs:
                job = jobs.Job(
                    number=planned.number,
                    directory=run.directory / "jobs" / str(planned.number),
                    overrides=planned.overrides,
                    configuration=dict(planned.configuration),
                )
                jobs.perform(job)
        finally:
            jobs.PROGRESS.reset(token)


def _judge(original: Stored, run: Run, *, ulps: int) -> Exit:
    """Say what became of the run, and add the verdict to the record of its repetition."""
    other = runs.load(run.directory)
    found = findings(original, other, ulps=ulps)
    told = {**(run.record.repeats or {}), "verdict": str(found.verdict), "told": list(sentences(found))}
    recording.write(run.with_record(repeats=told), gathered=other.record.tables, status=other.record.status)
    terminal = Terminal()
    for line in sentences(found):
        terminal.line(line)
    terminal.paths([("original", near(original.directory)), ("repeated", near(run.directory))])
    return Exit.FAILED if found.verdict is Verdict.DIFFERENT else Exit.DONE
