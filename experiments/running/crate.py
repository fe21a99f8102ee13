"""The record of a run as an RO-Crate, which other people's tools read: ``ro-crate-metadata.json``.

It follows RO-Crate 1.1 and the profile Process Run Crate 0.5: one action, made by one software, from the jobs'
configurations to the files of the run. It says nothing that ``run.json`` does not say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, unquote

from experiments.messages import ConfigurationError
from experiments.running import serial
from experiments.running.record import Digest, Record, content_of

NAME = "ro-crate-metadata.json"
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
FORMATS = {
    ".parquet": "application/vnd.apache.parquet",
    ".csv": "text/csv",
    ".json": "application/json",
    ".yaml": "application/yaml",
    ".html": "text/html",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".pdf": "application/pdf",
    ".txt": "text/plain",
    ".log": "text/plain",
}
CONFIGURATION = "config.yaml"
"""The file of a job that says what to compute; all others are results."""

Entity = dict[str, Any]


def crate(record: Record) -> dict[str, object]:
    """Return the content of ``ro-crate-metadata.json`` for the record of a run that has ended."""
    return {"@context": "https://w3id.org/ro/crate/1.1/context", "@graph": list(_entities(record))}


def _entities(record: Record) -> Iterator[Entity]:
    files = list(_files(record.files))
    ended = record.started.astimezone(UTC) + timedelta(seconds=record.seconds or 0.0)
    yield {
        "@id": NAME,
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
    }
    yield {
        "@id": "./",
        "@type": "Dataset",
        "name": f"{record.experiment}, {serial.plain(record.started)}",
        "description": f"A run of the derivative laboratory: {record.command}",
        "datePublished": ended.isoformat(),
        "license": "None is stated; the results belong to whoever ran the study.",
        "conformsTo": {"@id": PROFILE},
        "hasPart": [{"@id": file["@id"]} for file in files],
        "mentions": {"@id": "#run"},
    }
    yield {"@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"}
    yield {
        "@id": "#laboratory",
        "@type": "SoftwareApplication",
        "name": "derivative-lab",
        "softwareVersion": version_of(record),
        "softwareRequirements": [f"{name} {version}" for name, version in _required(record)],
    }
    yield _action(record, files, ended)
    yield from files


def _action(record: Record, files: list[Entity], ended: datetime) -> Entity:
    status = "Completed" if record.whole else "Failed"
    inputs = [{"@id": file["@id"]} for file in files if file["name"] == CONFIGURATION]
    action = {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"Run of the study {record.experiment}",
        "description": record.command,
        "instrument": {"@id": "#laboratory"},
        "object": inputs,
        "result": [{"@id": file["@id"]} for file in files if file["name"] != CONFIGURATION],
        "startTime": serial.plain(record.started),
        "endTime": ended.isoformat(),
        "actionStatus": {"@id": f"http://schema.org/{status}ActionStatus"},
    }
    errors = [f"job {job.number}: {job.error}" for job in record.jobs if job.error]
    return {**action, "error": "; ".join(errors)} if errors else action


def _files(digests: Mapping[str, Mapping[str, Any]]) -> Iterator[Entity]:
    for path, digest in digests.items():
        name = PurePosixPath(path)
        entity = {
            "@id": quote(path),
            "@type": "File",
            "name": name.name,
            "contentSize": str(digest["bytes"]),
            "sha256": digest["sha256"],
        }
        yield {**entity, "encodingFormat": FORMATS[name.suffix]} if name.suffix in FORMATS else entity


def version_of(record: Record) -> str:
    """Return the version of the laboratory that made a run."""
    version = (record.environment.get("versions") or {}).get("derivative-lab") or "unknown"
    commit = record.source.get("commit")
    return f"{version}, commit {commit}" if commit else str(version)


def _required(record: Record) -> Iterator[tuple[str, str]]:
    yield "Python", str(record.environment.get("python"))
    versions = record.environment.get("versions") or {}
    yield from ((name, str(version)) for name, version in versions.items() if version)


# Read back


def files_in(path: Path) -> dict[str, Digest]:
    """Return the files of a run that its crate tells of, none where there is no crate that can be read."""
    try:
        content = content_of(path)
        described = [one for one in content["@graph"] if one["@type"] == "File"]
        return {
            unquote(one["@id"]): {"bytes": int(one["contentSize"]), "sha256": str(one["sha256"])} for one in described
        }
    except (ConfigurationError, LookupError, TypeError, ValueError):
        return {}
