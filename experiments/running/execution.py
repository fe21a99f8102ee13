"""One execution of a study: where it writes, what it runs, and its record."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from experiments.running.record import JobRecord, Record
from experiments.running.search import Search
from experiments.study import Study


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run that has begun: where it writes, what it runs, and its record, in which all jobs wait.

    Of a search the jobs are planned as its template. The record's ``files`` are those that an earlier end of the run
    wrote, its ``writing`` the names of those that an end of it writes. ``since`` is what a clock that nobody sets back
    said when this process took the run up. ``damaged`` says that the record on disk is not this one, but one that
    nobody can read.
    """

    directory: Path
    study: Study
    record: Record
    since: float = field(default_factory=time.monotonic)
    damaged: bool = False

    @property
    def planned(self) -> list[Mapping[str, Any]]:
        """The configuration of every planned job."""
        return [job.configuration for job in self.record.jobs]

    @property
    def figures(self) -> Mapping[str, Any]:
        """How the figures are drawn."""
        figures: Mapping[str, Any] = self.record.jobs[0].configuration["figures"]
        return figures

    @property
    def search(self) -> Search | None:
        """How the jobs are drawn, if they are."""
        search: Search | None = self.record.search
        return search

    def with_record(self, **changes: Any) -> Run:
        """Return the run with other entries in its record."""
        return replace(self, record=replace(self.record, **changes))

    def planned_so(self, job: JobRecord) -> bool:
        """Whether the configuration of a job is the one that was planned, or one that was drawn for it."""
        if self.search is not None:
            return self.search.has(job.configuration)
        return job.hash == self.record.jobs[job.number].hash
