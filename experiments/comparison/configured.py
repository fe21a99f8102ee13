"""What many runs were asked to do: the keys of their configurations that changed, with the values of each run."""

from __future__ import annotations

import json
import marshal
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from experiments.running.check import PIPELINE_KEYS

LISTED = 3
"""Values that a cell lists one by one."""

REPLACING = {"expression": "function", "python": "function"}
"""Keys that take the place of another when they have a value."""

Values = tuple[Any, ...]


def changed(runs: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, list[Values]]:
    """Return the keys that do not have the same values in all runs, with the values of each run.

    Of a group, such as ``function``, the names are the values. Only runs that have a key can disagree on it: that an
    older version did not know it, or that a run has no ``function.sin.points``, is no change.
    """
    varied = _varied([configuration for jobs in runs for configuration in jobs])
    told = [_gathered(jobs, varied) for jobs in runs]
    keys = dict.fromkeys(key for one in told for key in one)
    distinct = {key: {tuple(one[key]) for one in told if key in one} for key in keys}
    return {key: [_values(one.get(key, {})) for one in told] for key in keys if len(distinct[key]) > 1}


def _varied(configurations: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the keys that do not have one value in all of them: most have, and need no closer look."""
    found: dict[str, set[bytes]] = {}
    for configuration in configurations:
        for key in configuration.keys() - PIPELINE_KEYS:
            # Version 2 has no references: equal values of equal types are equal bytes.
            found.setdefault(key, set()).add(marshal.dumps(configuration[key], 2))
    return {key for key, values in found.items() if len(values) > 1}


def facts(jobs: Sequence[Mapping[str, Any]]) -> dict[str, Values]:
    """Return the values of every key of the configuration over the jobs of a run, each once."""
    every = {key for configuration in jobs for key in configuration}
    return {key: _values(values) for key, values in _gathered(jobs, every).items()}


Gathered = dict[tuple[type, Any], None]
"""The values of a key, each once: what equal ones have in common."""


def _values(gathered: Gathered) -> Values:
    return tuple(value for _, value in gathered)


def _gathered(jobs: Sequence[Mapping[str, Any]], keys: Collection[str]) -> dict[str, Gathered]:
    found: dict[str, Gathered] = {}
    for configuration in jobs:
        replaced = {other for key, other in REPLACING.items() if configuration.get(key) is not None}
        for key, value in configuration.items():
            if key in keys and key not in {*PIPELINE_KEYS, *replaced}:
                for name, one in _parts(key, value):
                    found.setdefault(name, {})[_same(one)] = None
    return found


def _parts(key: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, list):
        return [(key, one) for one in value] or [(key, ())]
    if not isinstance(value, dict):
        return [(key, value)]
    names = [(key, name) for name in value] if all(isinstance(one, dict) for one in value.values()) else []
    return [*names, *(part for name, one in value.items() for part in _parts(f"{key}.{name}", one))]


def _same(value: Any) -> tuple[type, Any]:
    """Return what equal values have in common: type and value, of a list or a mapping its text."""
    return type(value), value if isinstance(value, str | float | int | None) else json.dumps(value, sort_keys=True)


def shown(values: Values) -> str:
    """Return the values of a run as a cell tells them.

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
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value)
