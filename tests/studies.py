"""Studies run in memory, for their tests."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from experiments.study import frames, study_in

Tables = dict[str, dict[str, np.ndarray]]


def gathered(module: ModuleType, *configs: Any) -> Tables:
    """Every table that one or more jobs yield, whole, with what is concluded from them."""
    study = study_in(module)
    measured = plain(frames(rows for config in configs for rows in study.measure(config)))
    chunks = study.conclusions(measured)
    return {**measured, **plain(frames(study.tables[name](**columns) for name, columns in chunks))}


def plain(found: Any) -> Tables:
    """Frames as arrays, by the names of their tables."""
    return {str(table.table): {str(c): v.to_numpy() for c, v in frame.items()} for table, frame in found.items()}


def rows(table: dict[str, np.ndarray], **where: Any) -> dict[str, np.ndarray]:
    """Those rows of a table whose columns have these values."""
    chosen = np.all([table[name] == value for name, value in where.items()], axis=0)
    return {name: values[chosen] for name, values in table.items()}
