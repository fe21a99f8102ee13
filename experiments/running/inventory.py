"""A list of runs as it is given out: a table in the terminal, JSON or CSV for scripts, and an export to MLflow."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from experiments import spreadsheet
from experiments.messages import readable
from experiments.running.listing import Entry, unfinished
from experiments.running.record import Status
from experiments.terminal.progress import Terminal
from experiments.words import number

OPTIONAL = ("size", "age", "study", "best error", "overrides")
"""Columns that a narrow terminal goes without, the first of them first."""
SPANS = ((60, "s"), (60, "min"), (24, "h"), (7, "d"), (52, "w"))
"""Units of an age, each with how many of it are one of the next."""


def write_table(shown: Sequence[Entry], available: int, terminal: Terminal) -> None:
    """Print a line for each run, and how many were left out."""
    now = datetime.now(UTC)
    columns = {
        "run": [entry.name for entry in shown],
        "study": [entry.study for entry in shown],
        "overrides": [" ".join(entry.overrides) for entry in shown],
        "status": [entry.status for entry in shown],
        "best error": ["" if entry.best is None else number(entry.best) for entry in shown],
        "size": ["" if entry.size is None else readable(entry.size) for entry in shown],
        "age": [_age(entry, now) for entry in shown],
    }
    terminal.listing(columns, numbers=("best error", "size", "age"), spare=OPTIONAL)
    if len(shown) < available:
        terminal.note(f"{len(shown)} of {available} runs")


def _age(entry: Entry, now: datetime) -> str:
    if entry.started is None:
        return ""
    count = max(0.0, (now - entry.started).total_seconds())
    for size, unit in SPANS:
        if count < size:
            return f"{count:.0f} {unit}"
        count /= size
    return f"{count:.1f} years"


def _record(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "study": entry.study,
        "overrides": entry.overrides,
        "status": entry.status,
        "jobs": len(entry.jobs),
        "done": entry.done,
        "best": entry.best,
        "where": entry.where,
        "bytes": entry.size,
        "started": entry.started.isoformat() if entry.started else None,
        "seconds": entry.seconds,
        "commit": entry.commit or None,
        "host": entry.host or None,
        "directory": str(entry.directory),
        "problem": entry.problem,
    }


def write_json(shown: Sequence[Entry], available: int, terminal: Terminal) -> None:
    """Print a list of objects."""
    del available
    terminal.printed([json.dumps([_record(entry) for entry in shown], indent=1)])


def write_csv(shown: Sequence[Entry], available: int, terminal: Terminal) -> None:
    """Print a table with commas."""
    del available
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    rows = [_record(entry) for entry in shown]
    writer.writerow(rows[0])
    writer.writerows([spreadsheet.cell(_field(value)) for value in row.values()] for row in rows)
    terminal.printed(text.getvalue().splitlines())


def _field(value: object) -> object:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return " ".join(f"{key}={part}" for key, part in value.items()) if isinstance(value, dict) else value


def export(shown: Sequence[Entry], uri: str, terminal: Terminal, *, files: bool) -> None:
    """Hand the finished runs to MLflow, and name the others."""
    from experiments.running import tracking  # noqa: PLC0415 - a list does not pay for it

    finished = [entry for entry in shown if entry.state == Status.DONE]
    done = tracking.export(finished, uri, files=files)
    known = f"; {done.known} were there already" if done.known else ""
    terminal.line(f"exported {done.fresh} of {len(finished)} finished runs to {uri}{known}")
    if left_out := unfinished(shown):
        terminal.note(left_out)
