"""The tables of a run as a Data Package of Frictionless, which people read in any language: ``datapackage.json``.

It follows version 1 of the standard; what it says of the columns is what the study says of them, and beside the tables
it says how a formula in one of them is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import derivkit as dk
from experiments.running import crate, record, serial
from experiments.running.check import study_of
from experiments.study import Rows

ANSWERS = (
    "A CSV file with the columns function, x, value and error, and as you like status and evaluations. What is not"
    " answered counts as missing. An answer is true if |value - truth - truth_low| is at most error + slack + half a"
    " unit in the last place of truth."
)
"""How the answers of a tool come back."""
NAME, JOB = "datapackage.json", "job"
TYPES: Mapping[type, str] = {str: "string", float: "number", int: "integer", bool: "boolean"}


def write(directory: Path) -> None:
    """Describe the tables of a run that is done, in its directory."""
    run = record.read(directory / record.RECORD)
    study = study_of(run.jobs[0].configuration)
    files = {name: directory / f"{name}.parquet" for name in study.tables}
    serial.write_json(
        directory / NAME,
        {
            "name": f"derivative-lab-{run.experiment}",
            "title": study.question,
            "description": f"Made by the derivative laboratory, {crate.version_of(run)}.",
            "created": serial.plain(run.started),
            "answers": ANSWERS,
            "grammar": asdict(dk.grammar()),
            "resources": [resource(study.tables[name], path) for name, path in files.items() if path.is_file()],
        },
    )


def resource(table: type[Rows], path: Path) -> dict[str, Any]:
    """A table."""
    columns = {**table.shape, JOB: (int, "number of the job")}
    fields = [{"name": name, "type": TYPES[kind], "description": meaning} for name, (kind, meaning) in columns.items()]
    return {
        "name": path.stem,
        "path": path.name,
        "description": table.__doc__,
        "format": "parquet",
        "mediatype": crate.FORMATS[path.suffix],
        "hash": f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}",
        "schema": {"fields": fields, "primaryKey": [*table.keys, JOB]},
    }
