"""The launchers of Hydra: what each needs, how far its workers are, and what becomes of them when one dies.

A launcher gives up when the first of its workers has died, or when somebody presses Ctrl-C, while the others go on.
Nothing is gathered before these have ended.
"""

from __future__ import annotations

import importlib.util
import os
import select
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Protocol

from experiments.messages import ConfigurationError

SECONDS_BETWEEN_LOOKS = 0.5
"""Seconds between two looks at the jobs."""
PARENT = "LAB_PARENT"
"""The variable by which a worker knows the process of its run."""


class End(Protocol):
    """How a worker is awaited."""

    def __call__(self, folder: Path, name: str, *, stop: bool) -> None:
        """Wait until it has ended, of which submitit's folder and the name are given; stop it before, when asked."""


@dataclass(frozen=True, kw_only=True)
class Launcher:
    """What is to be known of a launcher of Hydra, by its name in the group ``hydra/launcher``."""

    extra: str | None = None
    """The extra of this package that installs it."""
    program: str | None = None
    """What it needs on the PATH."""
    together: bool = False
    """Whether it starts all its jobs at once, however many there are."""
    end: End | None = None
    """How a worker is awaited that it has left to itself."""
    here: bool = False
    """Whether its workers are processes of this machine, which end when the run does, however that ends."""


def _end_process(folder: Path, name: str, *, stop: bool) -> None:
    """Await a process that submitit has started here; one that is no child of this process is nobody's business."""
    del folder
    process = int(name)
    with suppress(ChildProcessError):
        if stop and os.waitpid(process, os.WNOHANG) == (0, 0):
            os.kill(process, signal.SIGINT)
        os.waitpid(process, 0)


def _end_task(folder: Path, name: str, *, stop: bool) -> None:
    """Await a job that SLURM has, or take it back."""
    from submitit import SlurmJob  # noqa: PLC0415 - only who has submitted something has it

    submitted: SlurmJob[object] = SlurmJob(folder=folder, job_id=name)
    if stop:
        submitted.cancel(check=False)
    else:
        submitted.wait()


LAUNCHERS = {
    "basic": Launcher(),
    "joblib": Launcher(extra="parallel", here=True),
    "submitit_local": Launcher(extra="slurm", together=True, end=_end_process, here=True),
    "submitit_slurm": Launcher(extra="slurm", program="sbatch", end=_end_task),
    "ray": Launcher(extra="ray"),
}


def named(name: str) -> Launcher:
    """Return what is known of a launcher; of somebody's own, nothing."""
    return LAUNCHERS.get(name, Launcher())


def refuse_missing(name: str, target: str) -> None:
    """Refuse a launcher that cannot work here.

    Parameters
    ----------
    name
        Its name in the group ``hydra/launcher``.
    target
        Its class, with the module that holds it.

    Raises
    ------
    ConfigurationError
        If its package is not installed or the program that it needs is not there.
    """
    launcher = named(name)
    if launcher.extra:
        refuse_uninstalled(f"hydra/launcher={name}", target, launcher.extra)
    if launcher.program and shutil.which(launcher.program) is None:
        raise ConfigurationError(
            f"hydra/launcher={name} needs {launcher.program}, which is not on this machine; start the run where it is,"
            " or write hydra/launcher=joblib to use the cores of this machine"
        )


def refuse_uninstalled(word: str, target: str, extra: str) -> None:
    """Refuse a plugin that is not there: the word that asks for it, its class, and the extra that installs it."""
    if not _importable(target.rpartition(".")[0]):
        raise ConfigurationError(f"{word} is not installed; pip install 'derivative-lab[{extra}]'")


def _importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


# How far the workers are


class Watch:
    """The jobs of a run that are done, as their directories show.

    A job is looked at until its record is there: one listing, and one question for each job that has begun.
    """

    def __init__(self, directory: Path) -> None:
        self._jobs = directory / "jobs"
        self._done: set[str] = set()

    def done(self) -> int:
        """Return how many jobs have left a record."""
        with suppress(OSError), os.scandir(self._jobs) as entries:  # a shared disk may be away for a moment
            begun = {entry.name for entry in entries}
            self._done |= {name for name in begun - self._done if (self._jobs / name / "job.json").exists()}
        return len(self._done)


@contextmanager
def watched(directory: Path, tell: Callable[[int], None]) -> Iterator[None]:
    """Meanwhile, tell twice a second how many jobs of the run in ``directory`` are done, and once more at the end."""
    watch, over = Watch(directory), Event()

    def look() -> None:
        tell(watch.done())
        while not over.wait(SECONDS_BETWEEN_LOOKS):
            tell(watch.done())
        tell(watch.done())

    thread = Thread(target=look, name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


# When the run dies


@contextmanager
def attended(name: str) -> Iterator[None]:
    """Tell the workers on this machine which process they belong to."""
    before = os.environ.get(PARENT)
    if named(name).here:
        os.environ[PARENT] = str(os.getpid())
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(PARENT, None)
        else:
            os.environ[PARENT] = before


def leave_with_the_run() -> None:
    """End this process, if it is a worker, when the process of its run has: even that killed leaves nobody behind."""
    parent = os.environ.get(PARENT, "")
    if os.name == "posix" and parent.isdecimal() and int(parent) != os.getpid():
        Thread(target=_leave_after, args=(int(parent), os.getppid()), name="leave", daemon=True).start()


def _leave_after(process: int, above: int) -> None:
    """Wait until a process has ended, then leave at once: what a job has not finished is computed again."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        pass
    except (AttributeError, OSError):  # a kernel that knows no such descriptors
        while _lives(process) and (above != process or os.getppid() == above):
            time.sleep(SECONDS_BETWEEN_LOOKS)
    else:
        select.select([descriptor], [], [])
    os._exit(1)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it lives, and is somebody else's
        return True
    return True


# When a worker dies


@contextmanager
def settled(name: str, directory: Path) -> Iterator[None]:
    """Do not leave before the workers have ended: wait for them after an error, stop them after Ctrl-C."""
    end, folder = named(name).end, directory / ".submitit"
    before = _submitted(folder)

    def finish(*, stop: bool) -> None:
        for worker in sorted(_submitted(folder) - before):
            if end is not None:
                end(folder / "%j", worker, stop=stop)

    try:
        try:
            yield
        except Exception:
            finish(stop=False)
            raise
    except KeyboardInterrupt:
        finish(stop=True)
        raise


def _submitted(folder: Path) -> set[str]:
    """Return the names of the workers that submitit has started: each has a folder with what it was given."""
    return {path.parent.name for path in folder.glob("*/*_submitted.pkl")}
