"""Rows as 64-bit words, by which tables are joined, followed along a sweep, and hashed again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from experiments.tables import hashing
from experiments.tables.hashing import (
    KINDS,
    Array,
    CodeBook,
    Columns,
    ContentHash,
    TableRecord,
    canonical,
    in_order,
    is_coded,
    length,
    plain,
)
from experiments.tables.parquet import chunks, footer


class Encoding:
    """Tables as blocks of 64-bit words, one per value, so that equal values are equal words in every table.

    Parameters
    ----------
    columns
        Names and types of the columns read, in this order.

    Notes
    -----
    Text becomes its code in a `CodeBook` that all tables read through one `Encoding` share, every NaN the same NaN.
    """

    def __init__(self, columns: Mapping[str, type]) -> None:
        self.columns = dict(columns)
        self.books = {name: CodeBook() for name, kind in self.columns.items() if kind is str}

    def blocks(self, path: Path) -> Iterator[Array]:
        """Yield the rows of a table in order as arrays of shape ``(columns, n)``, of `GROUP` rows but for the last."""
        unfinished: list[Array] = []
        rows = 0
        coming = chunks(path, list(self.columns))
        # Of a table of one block nothing is read ahead, and a thread would take longer to start than to read it.
        for chunk in coming if footer(path).rows <= hashing.GROUP else _ahead(coming):
            unfinished.append(self.encode(chunk))
            rows += unfinished[-1].shape[1]
            if rows >= hashing.GROUP:
                whole = unfinished[0] if len(unfinished) == 1 else np.concatenate(unfinished, axis=1)
                rows -= hashing.GROUP
                unfinished = [whole[:, hashing.GROUP :].copy()] if rows else []  # a view would hold the whole block
                yield whole[:, : hashing.GROUP]
        if rows:
            yield np.concatenate(unfinished, axis=1)

    def encode(self, chunk: Columns) -> Array:
        """Return rows as words, shape ``(columns, n)``."""
        rows = next(size for value in chunk.values() if (size := length(value)) is not None)
        words = np.empty((len(self.columns), rows), dtype=np.int64)
        for row, (name, kind) in zip(words, self.columns.items(), strict=True):
            value = self.books[name].encode(chunk[name]) if kind is str else canonical(plain(chunk[name]), KINDS[kind])
            row[:] = value.view(np.int64) if kind is float else value
        return words

    def decode(self, name: str, words: Array) -> Any:
        """Return the words of one column as a column that a `Writer` takes."""
        kind = self.columns[name]
        if kind is str:
            return words.astype(np.int32), self.books[name].labels
        return words.view(np.float64) if kind is float else words.astype(KINDS[kind].dtype, copy=False)


def _ahead(coming: Iterator[dict[str, object]]) -> Iterator[dict[str, object]]:
    """Yield chunks, each read by another thread while the one before is being used."""
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(next, coming, None)
        while (chunk := following.result()) is not None:
            following = pool.submit(next, coming, None)
            yield chunk


def hash_of(path: Path) -> str:
    """Recompute the content hash of a table from its rows."""
    about = footer(path)
    encoding = Encoding(about.types)
    content = ContentHash(about.types, about.measured)
    for block in encoding.blocks(path):
        columns = ((name, encoding.decode(name, row)) for name, row in zip(encoding.columns, block, strict=True))
        content.update({name: in_order(*value) if is_coded(value) else value for name, value in columns})
    return content.hexdigest()


def recorded(path: Path) -> TableRecord:
    """Return rows and content hash as the files of a table state them; the hash is recomputed where they do not."""
    about = footer(path)
    return TableRecord(about.rows, about.content_hash or hash_of(path))
