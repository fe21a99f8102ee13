"""How a job or a run stands, in one word."""

from __future__ import annotations

from enum import StrEnum


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


JOB = (Status.DONE, Status.FAILED, Status.WAITING, Status.DAMAGED)
"""How a job stands."""
RUN = (Status.DONE, Status.FAILED, Status.INTERRUPTED, Status.RUNNING, Status.DAMAGED)
"""How a run stands."""
