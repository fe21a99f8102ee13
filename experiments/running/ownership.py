"""Which files of a run's directory are the laboratory's, so that nobody else's is replaced, removed or gathered.

A file is ours if the record of the run names it with the checksum that it has, or if the record says that it was being
written when the process ended. Whatever else has a name that we are about to use is kept under another one.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from experiments.files import PART, remove
from experiments.messages import ConfigurationError, near
from experiments.running import crate, integrity
from experiments.running.execution import Run
from experiments.running.record import PLAN
from experiments.running.run_figures import figures_of
from experiments.terminal.progress import Terminal

SWEEP, LOG = "multirun.yaml", "run.log"
"""What Hydra writes before the first job, and what is written when a launcher or the end of a run fails."""
FIGURES, JOBS, SUBMITTED = "figures", "jobs", ".submitit"
PAGES = ("report.html", "printed.txt", crate.NAME)
BEFORE = (PLAN, SWEEP, LOG)
"""What may be written before the end of a run."""
OF_A_JOB = ("config.yaml", "job.json", "job.log")
"""What every job writes besides its tables."""


def results_of(run: Run) -> list[str]:
    """Return the names of all that the end of a run may write, from its directory."""
    names = list(run.study.tables)
    figures = [f"{FIGURES}/{name}.{form}" for name in figures_of(run.figures) for form in run.figures["formats"]]
    return [*(f"{name}.parquet" for name in names), f"{names[0]}.csv", *PAGES, *figures]


def files_of(run: Run, jobs: Iterable[tuple[int, Collection[str]]]) -> Iterator[str]:
    """Yield the names of the laboratory's files that are there, but the record and the crate that tell of them.

    Parameters
    ----------
    run
        The run.
    jobs
        The number of every job, with the files that its own record names.
    """
    of_jobs = (f"{JOBS}/{number}/{name}" for number, files in jobs for name in dict.fromkeys((*OF_A_JOB, *files)))
    submitted = (run.directory / SUBMITTED).rglob("*")
    below = (path.relative_to(run.directory).as_posix() for path in submitted)
    for name in (*results_of(run), *BEFORE, *of_jobs, *below):
        if name != crate.NAME and not (run.directory / name).is_symlink():
            yield from integrity.names_in(run.directory, name)


def refuse_links(directory: Path) -> None:
    """Refuse a run's directory in which something would be written through a link, or into what is no file."""
    jobs = directory / JOBS
    places = [directory / integrity.LOCK, directory / SUBMITTED, jobs]
    if jobs.is_dir() and not jobs.is_symlink():
        numbered = [Path(one.path) for one in os.scandir(jobs) if one.name.isdecimal()]
        places += [*numbered, *(path / "job.log" for path in numbered if not path.is_symlink())]
    for path in places:
        if path.is_symlink():
            raise ConfigurationError(f"{near(path)} is a link; a run is written into its own directory: remove it")
        if path.name in (integrity.LOCK, "job.log") and path.exists() and not path.is_file():
            raise ConfigurationError(f"{near(path)} is no file; remove it")


def make_room(run: Run, names: Iterable[str]) -> None:
    """Keep what has one of these names and is not ours under another, and say so; remove what we have left half."""
    for name in names:
        for half in (False, True):
            path = run.directory / (name + PART * half)
            if not os.path.lexists(path):
                continue
            if not is_ours(run, name, half=half):
                _keep(path)
            elif half:
                remove(path)
    place = run.directory / FIGURES
    if os.path.lexists(place) and (place.is_symlink() or not place.is_dir()):
        _keep(place)


def is_ours(run: Run, name: str, *, half: bool = False) -> bool:
    """Tell whether the laboratory wrote what has that name: the record has its checksum, or says it was written."""
    path = run.directory / name
    if name in run.record.writing:
        return True
    return not half and not path.is_symlink() and integrity.fault_of(run.directory, name, run.record.files) is None


def _keep(path: Path) -> None:
    number = 1
    while os.path.lexists(other := path.with_name(f"{path.stem}.kept-{number}{path.suffix}")):
        number += 1
    path.rename(other)
    Terminal().note(f"{near(path)} is not what the laboratory wrote; it is kept as {other.name}")


def forget_tables(run: Run, tables: Collection[str]) -> None:
    """Remove the tables that an earlier end of the run wrote and that do not come again."""
    for table in run.study.tables:
        for name in (f"{table}.parquet", f"{table}.csv"):
            if table not in tables and is_ours(run, name):
                remove(run.directory / name)
