"""The rows of many runs joined on their keys in one sort: what each run has, and which rows others have too.

A row's original is the row of the same keys of the first run that has one. Rows of equal keys within a run are
told apart by their order, as where two runs are joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments import tables
from experiments.comparison.joining import mixed, normal

Words = NDArray[np.int64]
Places = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The rows of many runs, those of a run together and in its order."""

    words: tables.Words
    all: Words
    """Shape ``(columns, n)``."""
    starts: Places
    """Where the rows of each run begin, and where the last end."""
    original: Places
    """For each row the place of its original, its own if there is no earlier one. Shape ``(n,)``."""

    @property
    def run(self) -> Places:
        """The run of each row."""
        return np.repeat(np.arange(self.starts.size - 1), np.diff(self.starts))

    def varies(self, name: str) -> bool:
        """Tell whether a column has several values."""
        values = self.all[list(self.words.columns).index(name)]
        return bool((values != values[:1]).any())

    def floats(self, name: str) -> NDArray[np.float64]:
        """Return a column of floats."""
        values: NDArray[np.float64] = self.all[list(self.words.columns).index(name)].view(np.float64)
        return values

    def column(self, name: str, places: Any = slice(None)) -> Any:
        """Return some rows of a column as a table takes them."""
        return self.words.values(name, self.all[list(self.words.columns).index(name)][places])


def joined(
    words: tables.Words, paths: Sequence[Path], counts: Sequence[int], keys: Sequence[str], apart: Sequence[str]
) -> Rows:
    """Read the tables of many runs and find each row's original.

    Parameters
    ----------
    words
        How their columns are read.
    paths, counts
        The tables, and how many rows each has.
    keys
        Columns that together tell rows apart; without any, rows are joined by their place.
    apart
        A word for each run: rows of runs with different words are never the same.
    """
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.intp)
    rows = np.empty((len(words.columns), starts[-1]), dtype=np.int64)
    start = 0
    for columns in tables.several(paths, list(words.columns)):
        block = words.words(columns)
        rows[:, start : start + block.shape[1]] = block
        start += block.shape[1]
    places = [list(words.columns).index(key) for key in keys]
    run = np.repeat(np.arange(len(counts)), counts)
    word = np.unique(np.array(apart, dtype=np.str_), return_inverse=True)[1].astype(np.int64)
    original = _originals([word[run], *(normal(rows[k]) for k in places)], run)
    return Rows(words=words, all=rows, starts=starts, original=original)


def _originals(keys: Sequence[Words], run: Places) -> Places:
    """Return the first place of the same keys, and of the same occurrence within its run."""
    total = run.size
    place = np.arange(total)
    if not total:
        return place
    hashed = mixed(keys)
    order = np.argsort(hashed, kind="stable")
    if _collide(keys, hashed[order], order):
        order = np.lexsort([*keys[::-1]])  # two keys of one hash: sort by the keys themselves
    group = _numbered([key[order] for key in keys], total)
    block = _numbered([group, run[order]], total)
    occurrence = place - np.searchsorted(block, block)
    label = group * total + occurrence
    again = np.argsort(label, kind="stable")
    fresh = _numbered([label[again]], total)
    first = order[again][np.searchsorted(fresh, fresh)]
    found = np.empty(total, dtype=np.intp)
    found[order[again]] = first
    return found


def _numbered(keys: Sequence[NDArray[Any]], total: int) -> NDArray[np.int64]:
    """Number the stretches of equal keys."""
    fresh = np.zeros(total, dtype=np.bool_)
    for key in keys:
        fresh[1:] |= key[1:] != key[:-1]
    return np.cumsum(fresh)


def _collide(keys: Sequence[Words], hashed: Words, order: Places) -> bool:
    same = hashed[1:] == hashed[:-1]
    return any(bool((key[order][1:] != key[order][:-1])[same].any()) for key in keys)


def differing(rows: Rows, columns: Sequence[str]) -> NDArray[np.bool_]:
    """Tell which rows have another value than their original in one of some columns. Shape ``(n,)``."""
    found = np.zeros(rows.original.size, dtype=np.bool_)
    for name in columns:
        values = rows.all[list(rows.words.columns).index(name)]
        found |= values != values[rows.original]
    return found


def typical(rows: Rows, error: str, keys: Sequence[str], growths: Sequence[int]) -> NDArray[np.float64]:
    """Return the errors as they are typical of the sweeps over delta that the rows of each run belong to.

    Parameters
    ----------
    rows, error, keys
        The rows, their column of errors, and the columns that tell those of a run apart.
    growths
        Of each run, the order of the derivative.
    """
    values = rows.floats(error)
    columns = list(rows.words.columns)
    if tables.DELTA not in keys or rows.words.columns[tables.DELTA] is not float:
        return values
    delta, others = rows.floats(tables.DELTA), [columns.index(key) for key in keys if key != tables.DELTA]
    found = values.copy()
    for start, end, growth in zip(rows.starts[:-1], rows.starts[1:], growths, strict=True):
        own = slice(int(start), int(end))
        found[own] = tables.typical_in(rows.all[others, own], delta[own], values[own], growth)
    return found


def best(rows: Rows, values: NDArray[np.float64]) -> Places:
    """Return for each run the place of the smallest positive finite value of its rows, -1 where it has none."""
    held = np.where(np.isfinite(values) & (values > 0), values, np.inf)
    found = []
    for start, end in zip(rows.starts[:-1], rows.starts[1:], strict=True):
        place = int(start + np.argmin(held[start:end])) if end > start else -1
        found.append(place if place >= 0 and np.isfinite(held[place]) else -1)
    return np.array(found, dtype=np.intp)
