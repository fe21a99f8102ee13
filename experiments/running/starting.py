"""A run from its command line to its exit status: it is started or taken up again, or its configuration is shown."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from hydra._internal.utils import _run_hydra, get_args_parser  # hydra.main reads sys.argv, and leaves

from experiments.messages import ConfigurationError, line_of, nearest, show
from experiments.running import catalog, check, composition, manual, overrides, planning, runs, search, trust
from experiments.running.hydra_errors import refused_in_a_line
from experiments.running.planning import Plan
from experiments.running.spelling import quoted
from experiments.terminal import commands, streams
from experiments.terminal.exits import Exit
from experiments.terminal.progress import QUIET, Terminal

if TYPE_CHECKING:
    from experiments.running.execution import Run

NAME = "run"
COMMAND = commands.line(NAME, ())


def start(words: Sequence[str]) -> int:
    """Do what the words of a command line ask for, and return the exit status.

    Raises
    ------
    ConfigurationError
        If it cannot be done: nothing has been written then.
    KeyboardInterrupt
        If Ctrl-C was pressed before the first job.
    """
    with _read(words) as args:
        return _dispatch(args, words)


def execute(words: Sequence[str]) -> tuple[Path, int]:
    """Run what the words of a command line ask for, and return the directory of the run and its exit status.

    Raises
    ------
    ConfigurationError
        If it cannot be done, or the words ask for something else than a run.
    """
    with _read(words) as args:
        if args.resume is not None or args.help or args.hydra_help or args.info or args.cfg:
            raise ConfigurationError(f"{' '.join(words)}: only a run is started here; leave its options out")
        with composition.opened(args) as loader:
            return _run(args, planning.plan(args, composition.command(loader, args)), words)


@contextmanager
def _read(words: Sequence[str]) -> Iterator[argparse.Namespace]:
    """Read a command line; whatever is wrong with it is refused in a line meanwhile."""
    # Hydra then raises its errors instead of printing them and leaving.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    with refused_in_a_line():
        composition.prepare()
        args = arguments(words)
        token = QUIET.set(args.quiet)
        try:
            yield args
        finally:
            QUIET.reset(token)


def _dispatch(args: argparse.Namespace, words: Sequence[str]) -> int:
    if args.resume is not None:
        return _resume(args)
    if args.help:
        return _help(args)
    return _show(args) if args.hydra_help or args.info else _plan(args, words)


def _plan(args: argparse.Namespace, words: Sequence[str]) -> int:
    """Plan what the command line asks for, and run it, or show its configuration."""
    with composition.opened(args) as loader:
        plan = planning.plan(args, composition.command(loader, args))
        if not args.cfg:
            return _run(args, plan, words)[1]
    return _print(args)


# The command line


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """Read a command line: the options that are ours and Hydra's, and the overrides as they are."""
    # Intermixed: an option between two overrides is no reason to refuse the second.
    args = parser().parse_intermixed_args([quoted(word) for word in words])
    if args.experimental_rerun is not None:
        raise ConfigurationError("--experimental-rerun is not offered; run the command that run.json holds again")
    if args.shell_completion:
        raise ConfigurationError(f"-sc completes nothing here; {commands.program('completion')} --help says what does")
    if args.config_path is not None and "://" not in args.config_path:
        args.config_path = str(Path(args.config_path).resolve())
    return args


def parser() -> argparse.ArgumentParser:
    """Return what reads the options, Hydra's and ours."""
    # Hydra's own --version gives way to ours.
    reader = argparse.ArgumentParser(add_help=False, conflict_handler="resolve", parents=[get_args_parser()])
    reader.add_argument("--version", action=commands.Version)
    reader.add_argument("--open", action="store_true", help="Open the report in a browser")
    reader.add_argument("--quiet", "-q", action="store_true", help="Print errors and where the results are, no more")
    reader.add_argument(
        trust.OPTION, action="store_true", help="Let presets name code to be run: you trust whoever wrote them"
    )
    reader.add_argument(
        "--resume", metavar="RUN", help="Go on with a run that was interrupted, or in which jobs failed"
    )

    def refuse(message: str) -> NoReturn:
        hint = _option(message.split()[2], reader) if message.startswith("unrecognized") else ""
        raise ConfigurationError(f"{message}{hint}")

    reader.error = refuse  # type: ignore[method-assign]  # argparse would print its usage and leave
    return reader


def _option(word: str, reader: argparse.ArgumentParser) -> str:
    """Say what an option may be that there is not: a key, which has no dashes, or another option."""
    name, _, value = word.lstrip("-").partition("=")
    key = catalog.OTHER_NAMES.get(name, name)
    if key != name or key in catalog.every_key():
        return f"; {key} is a key, and has no dashes: write {key}={show(value) or 'VALUE'}"
    flags = re.findall(r"--[a-z][a-z-]+", reader.format_usage())
    return f"; {nearest(word, flags, otherwise=f'{commands.program(NAME)} --help tells them')}"


# What is shown


def _help(args: argparse.Namespace) -> int:
    """Print the help of the study that is named; nothing is composed for that."""
    named = [word.partition("=")[2] for word in args.overrides if word.startswith("experiment=")]
    study, places = (named or [catalog.STUDY])[-1], catalog.places(args.config_dir, args.config_path)
    check.refuse_unknown_names("experiment", study, catalog.options("experiment", places))
    terminal = Terminal()
    terminal.printed(list(manual.of_study(study, places, run=commands.program(NAME), width=terminal.width)))
    return streams.written(Exit.DONE)


def _show(args: argparse.Namespace) -> int:
    """Let Hydra print what an option asks for, of a configuration that is refused as that of a run would be."""
    with composition.opened(args) as loader:
        composition.command(loader, args)
    return _print(args)


def _print(args: argparse.Namespace) -> int:
    """Let Hydra print what the options ask for."""
    status = 0
    args.overrides = [overrides.forced(word) for word in args.overrides]
    try:
        _run_hydra(
            args=args,
            args_parser=get_args_parser(),
            task_function=_nothing,
            config_path=str(catalog.CONF),
            config_name="config",
        )
    except SystemExit as left:  # some options of Hydra leave so; a text means that it is no good end
        status = left.code if isinstance(left.code, int) else int(left.code is not None)
    except (ValueError, AssertionError) as error:
        raise ConfigurationError(line_of(error)) from error
    return streams.written(status)


def _nothing(_: object) -> None:
    """Do nothing: what is printed runs no job."""


# The run


def _run(args: argparse.Namespace, plan: Plan, words: Sequence[str]) -> tuple[Path, int]:
    """Run what was planned in a directory of its own, and return that and the exit status."""
    with commands.uncollected():
        from experiments.running import recording, results  # noqa: PLC0415 - heavy, and a refused run goes without

    started, place = datetime.now(UTC), plan.place
    results.refuse_figures(plan.study, plan.jobs[0]["figures"])
    run = recording.new(
        commands.fresh(place / plan.experiment, started) if place == commands.outputs() else place,
        plan.study,
        planned=plan.jobs,
        named=plan.named,
        command=(*COMMAND, *words),
        experiment=plan.experiment,
        overrides=tuple(args.overrides),
        started=started,
        cwd=str(Path.cwd()),
        search=plan.search,
    )
    with recording.begun(run, rows=plan.rows):
        return run.directory, _compute(plan, run, open_report=args.open)


def _resume(args: argparse.Namespace) -> int:
    """Replay the recorded command line as a whole into its directory: jobs that are done return at once."""
    from experiments.running import recording  # noqa: PLC0415 - as in _run

    if args.overrides or args.multirun or args.run or args.cfg:
        raise ConfigurationError(
            f"--resume {show(args.resume)} goes on with what was asked then; leave the other words out"
        )
    directory = runs.find(args.resume, commands.outputs())
    runs.refuse_missing(directory)
    before = recording.reopened(directory)
    typed = before.record.arguments[len(COMMAND) :]
    if before.record.arguments[: len(COMMAND)] != COMMAND:
        raise ConfigurationError(f"{directory} was not made by experiments.run; run again: {before.record.command}")
    check.refuse_elsewhere(typed, before.record.cwd, to="resume")
    replay = arguments(typed)
    replay.allow_targets = args.allow_targets  # a record is no word of whoever resumes it
    trust.tell_modules(directory, before.record.host, before.planned)
    with composition.opened(replay) as loader:
        plan = planning.plan(replay, composition.command(loader, replay))
        return _go_on(plan, before, open_report=args.open or replay.open)


def _go_on(plan: Plan, before: Run, *, open_report: bool) -> int:
    """Compute what is missing of a run, if what is planned now is what was planned then."""
    from experiments.running import recording  # noqa: PLC0415 - as in _run

    if before.search is not None and plan.search is not None:
        search.refuse_changed(before.search, plan.search)
    check.refuse_changed(before.planned, plan.jobs)
    check.refuse_changed_inputs(before.study, recording.jobs_of(before))
    run = recording.resumed(before)
    with recording.taken_up(run):
        recording.tell_changes(run)
        recording.forget_damaged(run)
        return _compute(plan, run, open_report=open_report)


def _compute(plan: Plan, run: Run, *, open_report: bool) -> int:
    """Run the jobs in a directory that is held, and see to their results."""
    from experiments.running import launching, results  # noqa: PLC0415 - as in _run

    try:
        launching.launch(plan, run)
        return results.finish(run, open_report=open_report)
    except KeyboardInterrupt:
        return results.interrupt(run)
