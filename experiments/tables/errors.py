"""The smallest and the largest error of a table, where luck makes none small."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
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


def least(path: Path, column: str, keys: Sequence[str]) -> tuple[float, dict[str, object]] | None:
    """Return the smallest positive finite value of a column and the `keys` of its first row; None without any."""
    best, row, first = math.inf, -1, 0
    for chunk in chunks(path, [column]):
        values = np.asarray(chunk[column])
        usable = np.where((values > 0.0) & (values < best), values, np.inf)
        place = int(np.argmin(usable)) if usable.size else 0
        if usable.size and usable[place] < best:
            best, row = float(usable[place]), first + place
        first += values.size
    return None if row < 0 else (best, row_at(path, row, keys))


def best(path: Path, column: str, keys: Sequence[str], *, growth: int = 1) -> tuple[float, dict[str, object]] | None:
    """Return the smallest positive finite error of a table, where luck makes none small, and the `keys` of its row.

    Of a table of sweeps that is the least typical error, the largest delta of equals; of another the least. Rows of a
    large table are looked at beside those of the block before and after.

    Parameters
    ----------
    path, column, keys
        The table, its column of errors, and the columns that tell its rows apart.
    growth
        The order of the derivative, by which rounding grows.
    """
    if DELTA not in keys or footer(path).types[DELTA] is not float:
        return least(path, column, keys)
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
    encoding = Encoding({name: about.types[name] for name in dict.fromkeys([column, DELTA, *keys])})
    blocks: Iterable[Array] = encoding.blocks(path)
    if 0 < about.rows <= WHOLE:  # of many jobs each may hold one delta of every sweep
        blocks = [np.concatenate(list(blocks), axis=1)]
    before: tuple[Array, Array] | None = None
    limit = math.inf
    for block in blocks:
        pair = block if before is None else np.concatenate([before[1], block], axis=1)
        error, delta = pair[:2].view(np.float64)
        typical = typical_in(pair[2:], delta, error, growth, limit)
        if before is not None:
            rows = before[0].size
            both = np.fmax(before[0], typical[:rows])  # each block is seen with both its neighbours
            limit = min(limit, float(np.min(both, where=both > 0.0, initial=math.inf)))
            yield both, delta[:rows]
            typical = typical[rows:]
        before = typical, block
    if before is not None:
        yield before[0], before[1][1].view(np.float64)


def typical_in(keys: Array, delta: Array, error: Array, growth: int, limit: float = math.inf) -> Array:
    """Return the typical errors of sweeps over delta, of which the columns of a matrix of words tell rows apart."""
    return dk.typical_error(delta, error, growth=growth, curve=_curves(keys), limit=limit)


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
