"""The smallest and the largest error of a table, where luck makes none small."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

import derivkit as dk
from experiments.tables import hashing
from experiments.tables.encoding import Encoding
from experiments.tables.hashing import Array
from experiments.tables.parquet import chunks, footer
from experiments.tables.reading import row_at

WHOLE = 4 * hashing.GROUP
"""Rows of a table in which sweeps are followed from end to end."""
DELTA = "delta"
"""The key along which the errors of a sweep say how much of one is luck."""
BESIDE = ("truncation", "exact")
"""Columns that tell more of it, where a table has them: what is predicted, and the value whose ulp is told apart."""


def best(path: Path, column: str, keys: Sequence[str], *, growth: int = 1) -> tuple[float, dict[str, object]] | None:
    """Return the least typical error of a table of sweeps over delta and the `keys` of its row, the largest of equals.

    None of a table without sweeps: the least of many errors is luck. Rows of a large table are looked at beside those
    of the block before and after.

    Parameters
    ----------
    path, column, keys
        The table, its column of errors, and the columns that tell its rows apart.
    growth
        The order of the derivative, by which rounding grows.
    """
    if DELTA not in keys or footer(path).types[DELTA] is not float:
        return None
    found, row, first, last = math.inf, -1, 0, -math.inf
    for values, delta in _typical(path, column, keys, growth):
        usable = np.where(values > 0.0, values, np.inf)
        size = float(usable.min(initial=np.inf))
        ties = np.flatnonzero(usable == size)
        if ties.size and size < np.inf:
            place = int(ties[np.argmax(delta[ties])])
            if size < found or (size == found and delta[place] > last):
                found, row, last = size, first + place, float(delta[place])
        first += values.size
    return None if row < 0 else (found, row_at(path, row, keys))


def _typical(path: Path, column: str, keys: Sequence[str], growth: int) -> Iterator[tuple[Array, Array]]:
    """Yield the typical errors and the deltas of a table, block by block; errors above one that is typical as they are.

    As a typical error is no less than the one made, the least is among the others.
    """
    about = footer(path)
    beside = [name for name in BESIDE if about.types.get(name) is float]
    encoding = Encoding({name: about.types[name] for name in dict.fromkeys([*beside, column, DELTA, *keys])})
    blocks: Iterable[Array] = encoding.blocks(path)
    if 0 < about.rows <= WHOLE:  # of many jobs each may hold one delta of every sweep
        blocks = [np.concatenate(list(blocks), axis=1)]
    before: tuple[Array, Array] | None = None
    limit = math.inf
    for block in blocks:
        pair = block if before is None else np.concatenate([before[1], block], axis=1)
        *more, error, delta = pair[: len(beside) + 2].view(np.float64)
        known = dict(zip(beside, more, strict=True))
        typical = typical_in(pair[len(beside) + 2 :], delta, error, growth, known, limit)
        if before is not None:
            rows = before[0].size
            both = np.fmax(before[0], typical[:rows])  # each block is seen with both its neighbours
            limit = min(limit, float(np.min(both, where=both > 0.0, initial=math.inf)))
            yield both, delta[:rows]
            typical = typical[rows:]
        before = typical, block
    if before is not None:
        yield before[0], before[1][len(beside) + 1].view(np.float64)


def typical_in(
    keys: Array,
    delta: Array,
    error: Array,
    growth: int,
    beside: Mapping[str, Array],
    limit: float = math.inf,
) -> Array:
    """Return the typical errors of sweeps over delta, of which the columns of a matrix of words tell rows apart.

    Where the columns `beside` them hold the exact values, errors below half an ulp of these are equal.
    """
    typical = dk.typical_error(
        delta, error, growth=growth, curve=_curves(keys), truncation=beside.get("truncation"), limit=limit
    )
    return dk.distinguishable(typical, beside["exact"]) if "exact" in beside else typical


def _curves(keys: Array) -> Array:
    """Number the columns of a matrix, equal ones alike; rows of a sweep mostly follow one another."""
    new = _new(keys)
    first = keys[:, new]
    order = np.lexsort(first) if len(keys) else np.zeros(0)
    number = np.empty(order.size, dtype=np.intp)
    number[order] = np.cumsum(_new(first[:, order]))
    return np.asarray(number[np.cumsum(new) - 1])


def _new(keys: Array) -> Array:
    """Tell where a column of a matrix is not the one before."""
    new = np.ones(keys.shape[1], dtype=bool)
    new[1:] = np.any(keys[:, 1:] != keys[:, :-1], axis=0)
    return new


def largest(path: Path, column: str) -> float:
    """Return the largest value of a column; infinity where a row has none, and of a table without rows."""
    found = (np.asarray(chunk[column]) for chunk in chunks(path, [column]))
    return max((float(np.where(np.isnan(v), np.inf, v).max()) for v in found if v.size), default=math.inf)
