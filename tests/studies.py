"""Studies run in memory, for their tests."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

Tables = dict[str, dict[str, np.ndarray]]


def gathered(study: ModuleType, *configs: Any) -> Tables:
    """Every table that one or more jobs yield, whole, with what is concluded from them."""
    parts: dict[str, list[dict[str, np.ndarray]]] = {}

    def add(name: str, columns: Mapping[str, Any]) -> None:
        assert sorted(columns) == sorted(study.TABLES[name]), name
        plain = {c: np.array(v[1])[v[0]] if isinstance(v, tuple) else v for c, v in columns.items()}
        count = max(len(v) for v in plain.values() if not isinstance(v, str) and np.ndim(v))
        full = {c: np.array([v] * count if isinstance(v, str) or not np.ndim(v) else v) for c, v in plain.items()}
        assert {len(v) for v in full.values()} == {count}
        parts.setdefault(name, []).append({c: v.astype(object) if v.dtype.kind == "U" else v for c, v in full.items()})

    def whole() -> Tables:
        return {n: {c: np.concatenate([p[c] for p in found]) for c in found[0]} for n, found in parts.items()}

    for config in configs:
        for name, columns in study.run(config):
            add(name, columns)
    for name, columns in study.conclude(whole()):
        add(name, columns)
    return whole()


def rows(table: dict[str, np.ndarray], **where: Any) -> dict[str, np.ndarray]:
    """Those rows of a table whose columns have these values."""
    chosen = np.all([table[name] == value for name, value in where.items()], axis=0)
    return {name: values[chosen] for name, values in table.items()}
