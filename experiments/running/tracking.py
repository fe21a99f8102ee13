"""Finished runs handed to MLflow, the only room that imports it: parameters, metrics, tags and, if wanted, files.

Export reads what a run left on disk, so a run never waits for a server. MLflow knows an exported run by two tags: when
and where it was made, and the checksum of its record. The second is written last: what was exported whole is left
alone the next time, and what was not, or has changed since, is exported anew.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from experiments.comparison.configured import facts, shown
from experiments.messages import ConfigurationError, line_of
from experiments.running import integrity
from experiments.running.listing import Entry
from experiments.running.record import RECORD, configurations

SCHEMES = ("sqlite", "http", "https", "postgresql", "mysql", "mssql")
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}
"""Set unless the user has: nothing is told to others, and a server that is not there is given up in seconds."""
MADE_TAG, RECORD_TAG = "lab.made", "lab.record"
"""The two tags by which an exported run is known."""
MAX_NAME, MAX_VALUE = 250, 500
"""Letters that every version of MLflow keeps of a name and of a value."""
BATCH = 100
"""Parameters, metrics or tags that MLflow takes at once."""
MAX_ROWS_OF_SUMMARY = 64
"""Rows of a summary whose numbers become metrics."""
TEXTS = ("estimates", "asked")
"""Texts of a summary that do not tell its rows apart; the second is what runs of earlier versions call the first."""
FILES = ("report.html", "table.parquet", "run.json")
"""What is uploaded if files are wanted, besides the figures."""


class Exported(NamedTuple):
    """How many runs were exported now, and how many had been before."""

    fresh: int
    known: int


def export(runs: Sequence[Entry], uri: str, *, files: bool = False) -> Exported:
    """Hand finished runs to MLflow, each once however often this is called; an experiment there is a study here.

    Parameters
    ----------
    runs
        Finished runs.
    uri
        ``sqlite:///runs.db``, the path of such a file, or the address of a server.
    files
        Whether report, table, record and figures are uploaded too.

    Raises
    ------
    ConfigurationError
        If MLflow is not installed, does not answer or refuses.
    """
    store = _store(uri)
    with _mlflow() as client_of:
        client = client_of(store)
        fresh = 0
        for study in dict.fromkeys(entry.study for entry in runs):
            experiment = _experiment(client, study, store)
            known = _known(client, experiment)
            for entry in (entry for entry in runs if entry.study == study):
                record = hashlib.sha256((entry.directory / RECORD).read_bytes()).hexdigest()
                old, whole = known.get(_made(entry), (None, None))
                if whole != record:
                    _refuse_altered(entry)
                    if old is not None:
                        client.delete_run(old)
                    _export(client, experiment, entry, record, files=files)
                    fresh += 1
    return Exported(fresh=fresh, known=len(runs) - fresh)


def _refuse_altered(entry: Entry) -> None:
    """Refuse a run of which something that is exported is not as it was recorded."""
    files = entry.record.files if entry.record else {}
    recorded = [digests for name in ("summary.parquet", *FILES) if (digests := integrity.below(name, files))]
    fault = next(filter(None, (integrity.damage(entry.directory, digests) for digests in recorded)), None)
    if fault:
        raise ConfigurationError(f"{entry.name}: {fault}; leave it out, or run its command again")


def _store(uri: str) -> str:
    scheme, separator, _ = uri.partition("://")
    if separator and scheme.partition("+")[0] in SCHEMES:
        return uri
    if uri.endswith(".db") and not separator:
        return f"sqlite:///{Path(uri).absolute()}"
    raise ConfigurationError(f"--mlflow {uri}: write a file such as runs.db, sqlite:///runs.db, or a server's address")


@contextmanager
def _mlflow() -> Iterator[Any]:
    """Give what makes a client, and turn whatever MLflow raises meanwhile into one line."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of MLflow's own libraries; this room raises none
        try:
            import mlflow  # noqa: PLC0415 - seconds, and only who exports pays for them
            from mlflow.exceptions import MlflowException  # noqa: PLC0415
        except ImportError as error:
            missing = f"MLflow cannot be imported ({line_of(error)})"
            raise ConfigurationError(f"{missing}; install it: pip install 'derivative-lab[mlflow]'") from error
        for name in ("alembic", "mlflow"):
            logging.getLogger(name).setLevel(logging.WARNING)  # it tells every table that it makes
        try:
            yield lambda uri: mlflow.MlflowClient(tracking_uri=uri)
        except MlflowException as error:
            raise ConfigurationError(f"MLflow refuses: {line_of(error)[:200]}") from error


def _experiment(client: Any, study: str, store: str) -> str:
    experiment = client.get_experiment_by_name(study)
    if experiment is not None:
        return str(experiment.experiment_id)
    # Without a server MLflow would put files where the command happens to be typed.
    file = store.removeprefix("sqlite:///")
    place = None if file == store else (Path(file).absolute().parent / "mlflow-files" / study).as_uri()
    return str(client.create_experiment(study, artifact_location=place))


def _known(client: Any, experiment: str) -> dict[str, tuple[str, str | None]]:
    """Return the runs of ours that MLflow has, by when and where they were made: its name for it, and the record."""
    known: dict[str, tuple[str, str | None]] = {}
    page = None
    while True:
        runs = client.search_runs([experiment], max_results=1000, page_token=page)
        tagged = ((run.info.run_id, run.data.tags) for run in runs)
        known |= {tags[MADE_TAG]: (name, tags.get(RECORD_TAG)) for name, tags in tagged if MADE_TAG in tags}
        page = runs.token
        if not page:
            return known


def _made(entry: Entry) -> str:
    return f"{entry.started.isoformat() if entry.started else ''} {entry.host}".strip()


def _export(client: Any, experiment: str, entry: Entry, record: str, *, files: bool) -> None:
    from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415 - as above

    started = entry.started
    begun = int(started.timestamp() * 1000) if started else 0
    ended = begun + int(1000 * (entry.seconds or 0.0))
    made = {MADE_TAG: _made(entry)}
    run = client.create_run(experiment, start_time=begun, run_name=entry.directory.name, tags=made).info.run_id
    values = [Param(_name(key), text[:MAX_VALUE]) for key, text in parameters(entry).items()]
    numbers = [Metric(_name(key), value, ended, 0) for key, value in metrics(entry).items()]
    for start in range(0, max(len(values), len(numbers)), BATCH):
        part = slice(start, start + BATCH)
        client.log_batch(run, metrics=numbers[part], params=values[part])
    client.log_batch(run, tags=[RunTag(_name(key), text[:MAX_VALUE]) for key, text in tags(entry).items()])
    if files:
        for name in FILES:
            if (entry.directory / name).exists():  # a folder too, which goes up by its name
                client.log_artifact(run, str(entry.directory / name))
        if (entry.directory / "figures").is_dir():
            client.log_artifacts(run, str(entry.directory / "figures"), "figures")
    client.set_terminated(run, end_time=ended)
    client.set_tag(run, RECORD_TAG, record)


def _name(text: str) -> str:
    """Return a name with the letters that MLflow allows."""
    return re.sub(r"[^\w\-. :/]", "_", text)[:MAX_NAME]


# What is told of a run


def parameters(entry: Entry) -> dict[str, str]:
    """Return what was asked: the overrides as typed, and every key of the configuration with its values."""
    return {
        "overrides": " ".join(entry.overrides),
        **{key: shown(values) for key, values in facts(configurations(entry.jobs)).items()},
    }


def metrics(entry: Entry) -> dict[str, float]:
    """Return the best error, the time and the sizes of a run, and the numbers of its summary."""
    main = next(iter(entry.record.tables.values()), None) if entry.record else None
    numbers: dict[str, float | None] = {
        "best_error": entry.best,
        "seconds": entry.seconds,
        "jobs": float(len(entry.jobs)),
        "rows": main.rows if main else None,
        "bytes": entry.size,
        **_summary(entry.directory / "summary.parquet"),
    }
    return {key: float(value) for key, value in numbers.items() if value is not None and math.isfinite(value)}


def _summary(path: Path) -> dict[str, float]:
    """Return the numbers of a summary, by column and by what tells its row: its texts and its x."""
    if not path.is_file():
        return {}
    from experiments import tables  # noqa: PLC0415 - only where there is a summary

    frame = tables.head(path, MAX_ROWS_OF_SUMMARY)
    shape = tables.footer(path).shape
    keys = [name for name, (kind, _) in shape.items() if (kind is str and name not in TEXTS) or name == "x"]
    found: dict[str, float] = {}
    for row in frame.to_dict("records"):
        called = " ".join(f"x {row[key]:g}" if key == "x" else str(row[key]) for key in keys)
        found |= {
            f"{name}/{called}": float(row[name])
            for name, (kind, _) in shape.items()
            if kind in (int, float) and name not in (*keys, "job")
        }
    return found


def tags(entry: Entry) -> dict[str, str]:
    """Return where a run comes from: study, commit, command, machine, directory, and the hashes of its tables."""
    tables = entry.record.tables if entry.record else {}
    recorded = {
        "lab.study": entry.study,
        "lab.command": entry.record.command if entry.record else "",
        "lab.directory": str(entry.directory),
        "lab.best_at": " ".join(f"{key}={value}" for key, value in entry.where.items()),
        "lab.host": entry.host,
        "mlflow.source.git.commit": entry.commit,
        **{f"lab.hash.{name}": str(table.hash) for name, table in tables.items()},
    }
    return {key: text for key, text in recorded.items() if text}
