"""What a comparison of runs found, and where its files are being written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from experiments.comparison.configured import Lines, Values, configurations, environments, inputs
from experiments.comparison.differences import DIFFERENCES, Change, Plan
from experiments.comparison.ranking import Ranking
from experiments.running.runs import Stored


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Runs of one study beside one another.

    A few are compared with the first of them. Of many there is no first that the others vary: each row is compared with
    its original, that of the same keys in the first run that has it, and the runs are ranked by their best error.
    """

    runs: Sequence[Stored]
    names: Sequence[str]
    plan: Plan
    keys: Mapping[str, Sequence[Values]]
    """The keys of the configuration that say what is computed and that changed, with the values of each run."""
    changes: Sequence[Change]
    """What became of the rows of the runs: of a few of all but the first, of many of each."""
    ulps: int
    directory: Path
    ranking: Ranking | None = None
    """Of many runs alone."""

    @cached_property
    def configuration(self) -> Lines:
        """Every key of the configuration that is not the same in all runs."""
        return configurations(self.runs)

    @cached_property
    def environment(self) -> Lines:
        """What is not the same where the runs were made."""
        return environments(self.runs)

    @cached_property
    def inputs(self) -> Lines:
        """The files that were read and are not the same in all runs."""
        return inputs(self.runs)

    @property
    def study(self) -> str:
        """The name of the study that all of them ran."""
        return self.runs[0].study.name

    @property
    def differences(self) -> Path:
        """The table of the rows that differ."""
        return self.directory / f"{DIFFERENCES}.parquet"

    @property
    def different(self) -> bool:
        """Whether a joined value differs by more than the tolerance, or rows or columns appeared or vanished."""
        return any(change.any for change in self.changes)
