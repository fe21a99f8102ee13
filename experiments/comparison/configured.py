"""What runs were asked to do and where they ran: the facts of their configurations and environments that differ."""

from __future__ import annotations

import json
import marshal
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from experiments.running.check import PIPELINE_KEYS, SHARD
from experiments.running.record import SOURCE
from experiments.running.record import configurations as configurations_of
from experiments.words import counted, listed

if TYPE_CHECKING:
    from experiments.running.runs import Stored

LISTED = 3
"""Values that a cell lists one by one."""

DIGITS = 12
"""Of a SHA-256 so many digits are shown."""
REPLACING = {"expression": "function", "python": "function"}
"""Keys that take the place of another when they have a value."""

Values = tuple[Any, ...]
Lines = list[tuple[str, list[str]]]
"""A name and what each run has for it."""


# The keys that say what is computed


def changed(runs: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, list[Values]]:
    """Return the keys that do not have the same values in all runs, with the values of each run.

    Of a group, such as ``function``, the names are the values. Only runs that have a key can disagree on it: that an
    older version did not know it, or that a run has no ``function.sin.points``, is no change.
    """
    varied = _varied([configuration for jobs in runs for configuration in jobs])
    gathered = [_gathered(jobs, varied) for jobs in runs]
    keys = dict.fromkeys(key for one in gathered for key in one)
    distinct = {key: {tuple(one[key]) for one in gathered if key in one} for key in keys}
    return {key: [_values(one.get(key, {})) for one in gathered] for key in keys if len(distinct[key]) > 1}


def _varied(configurations: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the keys that do not have one value in all of them: most have, and need no closer look."""
    values: dict[str, set[bytes]] = {}
    for configuration in configurations:
        for key in configuration.keys() - PIPELINE_KEYS:
            # Version 2 has no references: equal values of equal types are equal bytes.
            values.setdefault(key, set()).add(marshal.dumps(configuration[key], 2))
    return {key for key, distinct in values.items() if len(distinct) > 1}


def facts(jobs: Sequence[Mapping[str, Any]]) -> dict[str, Values]:
    """Return the values of every key of the configuration over the jobs of a run, each once."""
    every = {key for configuration in jobs for key in configuration}
    return {key: _values(values) for key, values in _gathered(jobs, every).items()}


Gathered = dict[tuple[type, Any], None]
"""The values of a key, each once: what equal ones have in common."""


def _values(gathered: Gathered) -> Values:
    return tuple(value for _, value in gathered)


def _gathered(jobs: Sequence[Mapping[str, Any]], keys: Collection[str]) -> dict[str, Gathered]:
    gathered: dict[str, Gathered] = {}
    for configuration in jobs:
        replaced = {other for key, other in REPLACING.items() if configuration.get(key) is not None}
        for key, value in configuration.items():
            if key in keys and key not in {*PIPELINE_KEYS, *replaced}:
                for name, part in _parts(key, value):
                    gathered.setdefault(name, {})[_identity(part)] = None
    return gathered


def _parts(key: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, list):
        return [(key, one) for one in value] or [(key, ())]
    if not isinstance(value, dict):
        return [(key, value)]
    names = [(key, name) for name in value] if all(isinstance(one, dict) for one in value.values()) else []
    return [*names, *(part for name, one in value.items() for part in _parts(f"{key}.{name}", one))]


def _identity(value: Any) -> tuple[type, Any]:
    """Return what equal values have in common: type and value, of a list or a mapping its text."""
    return type(value), value if isinstance(value, str | float | int | None) else json.dumps(value, sort_keys=True)


def shown(values: Values) -> str:
    """Return the values of a run as a cell shows them.

    Examples
    --------
    >>> shown((1e-4,)), shown(("sin", "exp")), shown(tuple(10.0**-k for k in range(9))), shown(())
    ('0.0001', 'sin, exp', '9 from 1e-08 to 1', '-')
    """
    if len(values) <= LISTED:
        return ", ".join(map(_plain, values)) or "-"
    if all(isinstance(value, int | float) for value in values):
        return f"{len(values)} from {_plain(min(values))} to {_plain(max(values))}"
    return f"{', '.join(map(_plain, values[: LISTED - 1]))} and {len(values) - LISTED + 1} more"


def _plain(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else _text(value)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# Whole configurations and environments, line by line


def configurations(runs: Sequence[Stored]) -> Lines:
    """Return the configuration keys that are not the same in all runs; of several jobs each distinct value once."""
    return _differing([_over_jobs(configurations_of(run.record.jobs)) for run in runs])


def environments(runs: Sequence[Stored]) -> Lines:
    """Return what differs of commit, versions, processor and threads."""
    flat = [{**_code(run.record.source), **_flat(run.record.environment)} for run in runs]
    return [(name, _without_common(texts)) for name, texts in _differing(flat)]


def _code(source: Mapping[str, Any]) -> dict[str, str]:
    """Say of the state of the code which commit it is of, and what it has beside that; of digests the beginning."""
    diff, files = source.get("diff"), source.get("untracked")
    texts = {
        "commit": source.get("commit") or f"unknown, {source.get('reason')}",
        "diff": f"SHA-256 {diff[:DIGITS]}" if diff else "none",
        "untracked": f"{counted(files['count'], 'file')}, SHA-256 {files['hash'][:DIGITS]}" if files else "none",
    }
    return {words: texts[key] for key, words in SOURCE.items()}


def inputs(runs: Sequence[Stored]) -> Lines:
    """Return the files that runs read under one path with another content, and the beginnings of their SHA-256."""
    by_run: list[dict[str, dict[str, None]]] = [{} for _ in runs]
    for run, digests in zip(runs, by_run, strict=True):
        for name, digest in (pair for job in run.record.jobs for pair in job.inputs.items()):
            digests.setdefault(name, {})[digest[:DIGITS]] = None
    names = dict.fromkeys(name for digests in by_run for name in digests)
    lines = [(name, [", ".join(digests[name]) for digests in by_run if name in digests]) for name in names]
    return [(name, texts) for name, texts in lines if len(set(texts)) > 1]


def about_inputs(lines: Lines) -> str:
    """Say which files changed."""
    changed = [f"{name} changed (SHA-256 {' → '.join(dict.fromkeys(digests))})" for name, digests in lines]
    return f"of the files that were read, {listed(changed)}"


def _over_jobs(jobs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    texts: dict[str, dict[str, None]] = {}
    for job in jobs:
        for key, value in _flat(job).items():
            if key != SHARD:  # which tells the pieces of one job apart
                texts.setdefault(key, {})[_text(value)] = None
    return {key: "; ".join(distinct) for key, distinct in texts.items()}


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, item in value.items():
        inner = isinstance(item, dict) and bool(item)
        flat |= _flat(item, f"{prefix}{key}.") if inner else {f"{prefix}{key}": item}
    return flat


def _differing(runs: Sequence[Mapping[str, Any]]) -> Lines:
    names = dict.fromkeys(name for flat in runs for name in flat)
    values = {name: [flat.get(name, "-") for flat in runs] for name in names}
    lines = [(name, list(map(_text, of))) for name, of in values.items() if of.count(of[0]) < len(of)]
    return [(name, texts) for name, texts in lines if len(set(texts)) > 1]


def _without_common(texts: Sequence[str]) -> list[str]:
    """Of lists, such as a processor's features, leave what not all of them have."""
    try:
        lists = [json.loads(text) for text in texts]
    except ValueError:
        return list(texts)
    if not all(isinstance(one, list) and all(isinstance(item, str) for item in one) for one in lists):
        return list(texts)
    common = set(lists[0]).intersection(*lists[1:])
    return [", ".join(item for item in one if item not in common) or "none but the common ones" for one in lists]
