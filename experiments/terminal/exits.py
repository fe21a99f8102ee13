"""With which status a command ends."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit statuses of a command."""

    DONE = 0
    FAILED = 1
    """A job failed, a comparison found changes that were to be found, or no run fits."""
    WRONG = 2
    """What was typed cannot be done, and nothing was written; or what was to be printed could not be."""
    UNGATHERED = 3
    """The jobs' results could not be gathered."""
    INTERRUPTED = 130
    """Ctrl-C, as shells count it."""
