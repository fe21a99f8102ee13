"""The laboratory from Python: a study is run with values instead of words, and its results are objects.

``lab.run("delta_sweep", function="sin", delta=[1e-4, 1e-8])`` runs what the command line runs, in a directory of its
own, and what is refused there in a line is raised here with the same line.
"""

from __future__ import annotations

import html
import io
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments import tables
from experiments.messages import near
from experiments.running import record, runs
from experiments.running.record import RECORD, Record
from experiments.running.spelling import word
from experiments.terminal import commands
from experiments.terminal.exits import Exit

if TYPE_CHECKING:
    import pandas as pd  # noqa: TID251 - the type alone: what is read comes from tables

SENTENCES = (("answers", "answer"), ("findings", "finding"))
"""Tables of sentences, and the columns that hold them."""


@dataclass(frozen=True, repr=False)
class Figure:
    """A figure of a run, which a notebook shows.

    Attributes
    ----------
    path : Path
        Its file.
    """

    path: Path

    def __repr__(self) -> str:
        return f"<Figure {near(self.path)}>"

    def _repr_svg_(self) -> str | None:
        return self.path.read_text(encoding="utf-8") if self.path.suffix == ".svg" else None

    def _repr_png_(self) -> bytes | None:
        return self.path.read_bytes() if self.path.suffix == ".png" else None


@dataclass(frozen=True, repr=False)
class Tables(Mapping[str, "pd.DataFrame"]):
    """The tables of a run by their names, each read when it is wanted."""

    directory: Path
    names: tuple[str, ...]

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self.names:
            raise KeyError(f"no table {name!r}; there are {', '.join(self.names)}")
        return tables.read(self.directory / f"{name}.parquet")

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"<Tables {', '.join(self.names)}>"


@dataclass(frozen=True, repr=False)
class Run:
    """A run of a study, read from its directory.

    Attributes
    ----------
    directory : Path
        Where all of it lies.
    output : str
        What the command line would have printed; empty for a run that was opened.
    """

    directory: Path
    output: str = ""

    @cached_property
    def record(self) -> Record:
        """What `run.json` holds: command, configuration, versions, hashes."""
        return record.read(self.directory / RECORD)

    @property
    def failures(self) -> list[str]:
        """What the jobs without a result say of it."""
        return [f"job {job.number}: {job.error or job.status}" for job in self.record.jobs if job.status != "done"]

    @property
    def tables(self) -> Tables:
        """The tables by name, the main one as ``table``."""
        return Tables(self.directory, tuple(self.record.tables))

    @property
    def figures(self) -> dict[str, Figure]:
        """The figures by name, in the first of the formats in which they were drawn."""
        names = [Path(name) for name in self.record.files or () if name.startswith("figures/")]
        drawn = {path.stem: path for ending in (".png", ".svg") for path in names if path.suffix == ending}
        return {name: Figure(self.directory / path) for name, path in drawn.items()}

    @property
    def findings(self) -> list[str]:
        """The plain answers and what the study found, in sentences."""
        present = [(table, column) for table, column in SENTENCES if table in self.tables]
        return list(dict.fromkeys(str(text) for table, column in present for text in self.tables[table][column]))

    @property
    def page(self) -> Path:
        """The report, a page that needs nothing else."""
        return self.directory / "report.html"

    def __repr__(self) -> str:
        done = sum(job.status == "done" for job in self.record.jobs)
        return f"<Run {self.record.experiment}: {done} of {len(self.record.jobs)} jobs done, {near(self.directory)}>"

    def _repr_html_(self) -> str:
        sentences = [*self.failures, *self.findings]
        listed = "".join(f"<li>{html.escape(sentence, quote=False)}</li>" for sentence in sentences)
        link = f'<a href="{html.escape(near(self.page))}" target="_blank">{html.escape(near(self.page))}</a>'
        return f"<p>{html.escape(repr(self), quote=False)}</p><ul>{listed}</ul><p>{link}</p>"


def run(experiment: str = "delta_sweep", /, *words: str, **keys: Any) -> Run:
    """Run a study, or a preset of one, and return its results.

    Parameters
    ----------
    experiment : str
        The name of a file of ``conf/experiment``, or of one of yours.
    *words : str
        Words as on the command line, such as ``"hydra/launcher=joblib"``, or ``"delta=1e-4,1e-8"`` for one job each.
    **keys : object
        Keys of the study with values of Python: numbers, texts, lists, arrays, mappings; a function for ``python=``.

    Returns
    -------
    Run
        Also where jobs failed, whose ``failures`` say why.

    Raises
    ------
    ConfigurationError
        With the line of the command line; nothing was written.
    RuntimeError
        If the results could not be gathered.
    KeyboardInterrupt
        After what was done is kept, as on the command line.
    """
    from experiments.running import starting  # noqa: PLC0415 - Hydra, without which a run is opened

    typed = [f"experiment={experiment}", *words, *(word(key, value) for key, value in keys.items())]
    with redirect_stdout(io.StringIO()) as output:
        directory, status = starting.execute(typed)
    if status == Exit.INTERRUPTED:
        raise KeyboardInterrupt
    if status == Exit.UNGATHERED:
        raise RuntimeError(f"the results of {near(directory)} could not be gathered")
    return Run(directory, output.getvalue())


def open(name: str | Path) -> Run:  # noqa: A001 - as of a file
    """Read the results of a run that is there.

    Parameters
    ----------
    name : str or Path
        Its directory, the last parts of one below the outputs, or ``latest``, ``latest~1``.

    Returns
    -------
    Run

    Raises
    ------
    ConfigurationError
        If there is no such run.
    """
    directory = runs.find(str(name), commands.outputs())
    runs.refuse_missing(directory, planned=False)
    return Run(directory)
