"""The rows of tables joined on their keys: of two with flat memory however many there are, of many all at once.

Runs of one configuration have their rows in one order, so the tables are read block by block in lockstep, and
a row whose keys are those of the row beside it is joined at once. All others are dealt into partitions on disk
by a hash of their keys and joined partition by partition. Rows of equal keys are joined in their order: the
first with the first, the second with the second.

Of many tables a row's original is the row of the same keys, and of the same place among those of these keys, of the
first table that has one.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from experiments.messages import ConfigurationError, readable
from experiments.tables.encoding import Encoding
from experiments.tables.parquet import footer

Encoded = NDArray[np.int64]
"""Rows as 64-bit words, shape ``(columns, n)``."""
Places = NDArray[np.intp]

PART_ROWS = 1 << 17
"""Rows of a partition of one table, about: 17 MB for sixteen columns."""
MOST_PARTS = 200
"""Most partitions: each is two open files, of which a process may often have 1024. Above 26 million rows they grow."""


@dataclass(frozen=True, kw_only=True)
class Joined:
    """Some rows of the join: pairs of rows of equal keys, and rows whose keys only one table has."""

    first: Encoded
    other: Encoded
    vanished: Encoded
    appeared: Encoded


def join(encoding: Encoding, first: Path, other: Path, *, keys: Sequence[str], scratch: Path) -> Iterator[Joined]:
    """Yield every row of two tables once, as part of a pair or alone.

    Parameters
    ----------
    encoding
        How the columns of both are read.
    first, other
        The two tables.
    keys
        Columns that together tell rows apart; without any, rows are joined by their place.
    scratch
        Directory for what must be put aside, 8 bytes for each value of it; it is left empty.

    Raises
    ------
    ConfigurationError
        If the disk has no room for what must be put aside; nothing has been put there then.
    """
    places = [list(encoding.columns).index(key) for key in keys]
    rows = [footer(path).rows for path in (first, other)]
    none = np.empty((len(encoding.columns), 0), dtype=np.int64)
    unread, room = sum(rows), False
    with TemporaryDirectory(dir=scratch) as directory, contextlib.ExitStack() as stack:
        parts = min(MOST_PARTS, -(-max(rows) // PART_ROWS))
        aside = [stack.enter_context(_Aside(Path(directory) / name, places, parts)) for name in ("first", "other")]
        for a, b, beside in _lockstep(encoding, first, other, places):
            if not room and 2 * beside.size < a.shape[1] + b.shape[1]:
                _refuse_without_room(encoding, first, other, keys, scratch, unread)
                room = True
            unread -= a.shape[1] + b.shape[1]
            yield Joined(first=_taken(a, beside), other=_taken(b, beside), vanished=none, appeared=none)
            for one, rest in zip(aside, (a, b), strict=True):
                one.add(np.delete(rest, beside, axis=1) if beside.size else rest)
        for part in range(parts):
            left, right = (one.read(part, len(encoding.columns)) for one in aside)
            yield _of_part(left, right, places)


def _lockstep(
    encoding: Encoding, first: Path, other: Path, places: Sequence[int]
) -> Iterator[tuple[Encoded, Encoded, Places]]:
    """Yield the blocks of two tables side by side, with the places at which both have a row of the same keys."""
    none = np.empty((len(encoding.columns), 0), dtype=np.int64)
    for a, b in zip_longest(encoding.blocks(first), encoding.blocks(other), fillvalue=none):
        common = min(a.shape[1], b.shape[1])
        same = np.all([normal(a[k, :common]) == normal(b[k, :common]) for k in places], axis=0) if places else True
        yield a, b, np.flatnonzero(np.broadcast_to(same, common))


def _refuse_without_room(
    encoding: Encoding, first: Path, other: Path, keys: Sequence[str], scratch: Path, most: int
) -> None:
    """Refuse to put rows aside that the disk cannot hold. Only if `most` of them did not fit are they counted."""
    free, size = shutil.disk_usage(scratch).free, 8 * len(encoding.columns)
    if size * most <= free:
        return
    alone = Encoding({key: encoding.columns[key] for key in keys or list(encoding.columns)[:1]})
    blocks = _lockstep(alone, first, other, range(len(keys)))
    needed = size * sum(a.shape[1] + b.shape[1] - 2 * beside.size for a, b, beside in blocks)
    if needed > free:
        raise ConfigurationError(
            f"rows in another order are sorted on disk, which takes {readable(needed)}, and {readable(free)} are free;"
            " set LAB_OUTPUTS to a larger disk and name the runs by their paths"
        )


def _taken(rows: Encoded, places: Places) -> Encoded:
    return rows if places.size == rows.shape[1] else rows[:, places]


def normal(words: Encoded) -> Encoded:
    """Return key words such that -0.0 is 0.0; no other word of a column of keys is the least int64."""
    return np.where(words == np.iinfo(np.int64).min, 0, words)


def match(first: Encoded, other: Encoded, keys: Sequence[int]) -> tuple[Places, Places]:
    """Return the places of the rows of `first` and of `other` that are pairs, in the order of `first`."""
    sizes = [first.shape[1], other.shape[1]]
    both = [np.concatenate([normal(first[k]), normal(other[k])]) for k in keys]
    original = originals(both, np.repeat([0, 1], sizes))[sizes[0] :]
    right = np.flatnonzero(original < sizes[0])
    order = np.argsort(original[right], kind="stable")
    return original[right][order], right[order]


def originals(keys: Sequence[Encoded], table: Places) -> Places:
    """Return for each row the first place of the same keys, and of the same occurrence within its table.

    Parameters
    ----------
    keys
        The columns that tell rows apart, of all tables one after the other, each of shape ``(n,)``.
    table
        The number of the table of each row, rising. Shape ``(n,)``.
    """
    total = table.size
    if not total:
        return np.arange(0)
    hashed = mixed(keys) if keys else np.zeros(total, dtype=np.int64)
    order = np.argsort(hashed, kind="stable")
    if _collide(keys, hashed[order], order):
        order = np.lexsort([*keys[::-1]])  # two keys of one hash: sort by the keys themselves
    group = _numbered([key[order] for key in keys], total)
    block = _numbered([group, table[order]], total)
    occurrence = np.arange(total) - np.searchsorted(block, block)
    label = group * total + occurrence
    again = np.argsort(label, kind="stable")
    fresh = _numbered([label[again]], total)
    original = np.empty(total, dtype=np.intp)
    original[order[again]] = order[again][np.searchsorted(fresh, fresh)]
    return original


def _numbered(keys: Sequence[NDArray[Any]], total: int) -> NDArray[np.int64]:
    """Number the stretches of equal keys."""
    fresh = np.zeros(total, dtype=np.bool_)
    for key in keys:
        fresh[1:] |= key[1:] != key[:-1]
    return np.cumsum(fresh)


def _collide(keys: Sequence[Encoded], hashed: Encoded, order: Places) -> bool:
    same = hashed[1:] == hashed[:-1]
    return any(bool((key[order][1:] != key[order][:-1])[same].any()) for key in keys)


def mixed(keys: Sequence[Encoded]) -> Encoded:
    """Return one word per row of keys: a multiplicative hash, with the odd constant of Steele et al. (2014)."""
    mixed = np.zeros(keys[0].shape, dtype=np.uint64)
    for key in keys:
        mixed = (mixed ^ key.view(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed.view(np.int64)


class _Aside:
    """Rows of one table dealt into files by a hash of their keys, each file in the order of the table."""

    def __init__(self, directory: Path, keys: Sequence[int], parts: int) -> None:
        directory.mkdir()
        self._paths = [directory / str(part) for part in range(parts)]
        self._keys = keys
        self._files = contextlib.ExitStack()
        self._open: list[IO[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def add(self, rows: Encoded) -> None:
        """Deal rows, shape ``(columns, n)``."""
        if not rows.shape[1]:
            return
        if not self._open:
            self._open = [self._files.enter_context(path.open("wb")) for path in self._paths]
        part = np.zeros(rows.shape[1], dtype=np.uint8)
        if self._keys:
            hashed = mixed([normal(rows[k]) for k in self._keys]).view(np.uint64)
            part = (hashed >> np.uint64(32)) % np.uint64(len(self._open))  # the upper bits are the better mixed ones
        order = np.argsort(part.astype(np.uint8), kind="stable")
        ends = np.searchsorted(part[order], np.arange(len(self._open) + 1))
        dealt = np.ascontiguousarray(rows.T[order])
        for file, start, end in zip(self._open, ends[:-1], ends[1:], strict=True):
            file.write(dealt[start:end].data)

    def read(self, part: int, columns: int) -> Encoded:
        """Return the rows of a partition and forget them."""
        if not self._open:
            return np.empty((columns, 0), dtype=np.int64)
        self._open[part].close()
        rows = np.fromfile(self._paths[part], dtype=np.int64).reshape(-1, columns)
        self._paths[part].unlink()
        return np.ascontiguousarray(rows.T)


def _of_part(first: Encoded, other: Encoded, keys: Sequence[int]) -> Joined:
    """Join two partitions of equal hashes."""
    left, right = match(first, other, keys)
    return Joined(
        first=first[:, left],
        other=other[:, right],
        vanished=np.delete(first, left, axis=1),
        appeared=np.delete(other, right, axis=1),
    )
