"""Under what circumstances runs were made: the facts of their configuration and environment that differ."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.running.check import SHARD
from experiments.running.record import configurations as configurations_of
from experiments.running.runs import Stored

Lines = list[tuple[str, list[str]]]
"""A name and what each run has for it."""


def configurations(runs: Sequence[Stored]) -> Lines:
    """Return the configuration keys that are not the same in all runs; of several jobs each distinct value once."""
    return _differing([_over_jobs(configurations_of(run.record.jobs)) for run in runs])


def environments(runs: Sequence[Stored]) -> Lines:
    """Return what differs of commit, versions, processor and threads."""
    facts = [_flat({**run.record.source, **run.record.environment}) for run in runs]
    return [(name, _without_common(texts)) for name, texts in _differing(facts)]


def _over_jobs(jobs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    found: dict[str, dict[str, None]] = {}
    for job in jobs:
        for key, value in _flat(job).items():
            if key != SHARD:  # which tells the pieces of one job apart
                found.setdefault(key, {})[_text(value)] = None
    return {key: "; ".join(texts) for key, texts in found.items()}


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, item in value.items():
        inner = isinstance(item, dict) and bool(item)
        flat |= _flat(item, f"{prefix}{key}.") if inner else {f"{prefix}{key}": item}
    return flat


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _differing(facts: Sequence[Mapping[str, Any]]) -> Lines:
    names = dict.fromkeys(name for one in facts for name in one)
    values = {name: [one.get(name, "-") for one in facts] for name in names}
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
