"""A table on disk: one Parquet file, or a folder of them whose rows follow one another in the order of their names.

What every file says of itself stands in its footer: its columns with their meanings, the rows of its row groups, the
digests of its blocks and its content hash.
"""

from __future__ import annotations

import errno
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from experiments.tables import hashing
from experiments.tables.hashing import (
    BLOCKS_KEY,
    DIGEST,
    HASH_KEY,
    KINDS,
    MEANING_KEY,
    MEASURED_KEY,
    ContentHash,
)

SUFFIX = ".parquet"
"""What the names of tables, and of the parts of one in its folder, end with."""

# By default pyarrow holds a whole file in memory while it is read in batches: 750 MB instead of 40 MB for
# ten million rows, and three times slower.
READING: dict[str, Any] = {"pre_buffer": False, "page_checksum_verification": True}

SMALL = 1 << 18
"""Bytes of a file up to which it is held in memory: a run of a few rows reads each of its tables several times."""


def parts_of(path: Path) -> list[Path]:
    """Return the files of a table in the order of their rows.

    Raises
    ------
    ValueError
        If it is a folder in which there are none.
    """
    if not path.is_dir():
        return [path]
    parts = sorted(path.glob(f"*{SUFFIX}"))
    if not parts:
        raise ValueError(f"{path} is damaged: a table that is a folder has its parts in it; remove it and gather again")
    return parts


@contextmanager
def opened(path: Path) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file; whatever shows that it is damaged becomes one `ValueError` with its name."""
    try:
        about = path.stat()
        if about.st_size <= SMALL:
            yield _small(path, about.st_ino, about.st_size, about.st_mtime_ns)
        else:
            with pq.ParquetFile(str(path), **READING) as file:
                yield file
    except (pa.ArrowException, OSError) as problem:
        if isinstance(problem, OSError) and problem.errno is not None and problem.errno != errno.EIO:
            raise
        reason = str(problem).splitlines()[0]
        raise ValueError(
            f"{path} is damaged or not a Parquet file ({reason}); remove it and run its job again"
        ) from problem


@lru_cache(maxsize=64)
def _small(path: Path, *_: int) -> pq.ParquetFile:
    """A small file in memory, read and its footer parsed once for as long as it is the same."""
    return pq.ParquetFile(pa.BufferReader(path.read_bytes()), **READING)


def batches(path: Path, columns: Sequence[str] | None = None, *, rows: int | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a table in order, at most `GROUP` or `rows` of them at once."""
    for part in parts_of(path):
        with opened(part) as file:
            large = file.metadata.num_rows > hashing.GROUP  # for less, sharing the work out takes longer than the work
            yield from file.iter_batches(batch_size=rows or hashing.GROUP, columns=columns, use_threads=large)


def chunks(path: Path, columns: Sequence[str] | None = None) -> Iterator[dict[str, object]]:
    """Yield the rows of a table in order, as chunks of columns of at most `GROUP` rows."""
    for batch in batches(path, columns):
        yield {name: column_of(batch.column(name)) for name in batch.schema.names}


def column_of(array: pa.Array) -> object:
    """Return a column as NumPy has it; text is coded.

    Raises
    ------
    ValueError
        If a text is none of those that the column lists, as in a damaged file, of which pyarrow takes it.
    """
    if isinstance(array, pa.DictionaryArray):
        codes, texts = array.indices.to_numpy(zero_copy_only=False), tuple(array.dictionary.to_pylist())
        if codes.size and codes.max() >= len(texts):
            raise ValueError(f"a column of text refers to text number {codes.max()} of {len(texts)}")
        return codes, texts
    return array.to_numpy(zero_copy_only=False)


# What the files say of themselves


@dataclass(frozen=True, kw_only=True)
class Part:
    """One Parquet file of a table, and what its footer says of it."""

    path: Path
    schema: pa.Schema
    groups: tuple[int, ...]
    """Rows of each row group."""
    notes: Mapping[bytes, bytes]

    @property
    def rows(self) -> int:
        """Rows of the file."""
        return sum(self.groups)

    @property
    def blocks(self) -> list[str]:
        """The digests of its blocks; none where its row groups are no blocks."""
        digests = self.notes.get(BLOCKS_KEY, b"").decode()
        blocks = [digests[k : k + DIGEST] for k in range(0, len(digests), DIGEST)]
        return blocks if len(blocks) == len(self.groups) == math.ceil(self.rows / hashing.GROUP) else []


@dataclass(frozen=True, kw_only=True)
class Footer:
    """What the files of a table say of it; their columns are those of the first."""

    parts: Sequence[Part]

    @property
    def schema(self) -> pa.Schema:
        """Its columns, as pyarrow has them."""
        return self.parts[0].schema

    @property
    def rows(self) -> int:
        """Rows of the table."""
        return sum(part.rows for part in self.parts)

    @property
    def groups(self) -> list[tuple[Path, int, int]]:
        """Its row groups in order: in which file, their number there, and how many rows they have."""
        return [(part.path, group, size) for part in self.parts for group, size in enumerate(part.groups)]

    @property
    def types(self) -> dict[str, type]:
        """The types of its columns."""
        types = {kind.arrow: python for python, kind in KINDS.items()}
        for name, arrow in zip(self.schema.names, self.schema.types, strict=True):
            if arrow not in types:
                raise ValueError(f"{self.parts[0].path} has a column {name!r} of the foreign type {arrow}")
        return {name: types[arrow] for name, arrow in zip(self.schema.names, self.schema.types, strict=True)}

    @property
    def shape(self) -> dict[str, tuple[type, str]]:
        """Type and meaning of its columns, as a study declares them."""
        meanings = {field.name: (field.metadata or {}).get(MEANING_KEY, b"").decode() for field in self.schema}
        return {name: (kind, meanings[name]) for name, kind in self.types.items()}

    @property
    def measured(self) -> tuple[str, ...]:
        """The columns whose values are outside its content hash."""
        return tuple(field.name for field in self.schema if MEASURED_KEY in (field.metadata or {}))

    @property
    def content_hash(self) -> str | None:
        """The content hash that the files state together; None where one of them does not state its part of it."""
        if len(self.parts) == 1:
            stated = self.parts[0].notes.get(HASH_KEY)
            return stated.decode() if stated else None
        content = ContentHash(self.types, self.measured)
        for place, part in enumerate(self.parts, start=1):
            if not part.blocks or (part.rows % hashing.GROUP and place < len(self.parts)):
                return None
            content.extend(part.blocks, part.rows)
        return content.hexdigest()


def footer(path: Path) -> Footer:
    """Return what the files of a table say of it; the footer of a file is read once for as long as it is the same.

    Raises
    ------
    ValueError
        If one is damaged, or has other columns than the first.
    """
    parts = [_part(file) for file in parts_of(path)]
    for part in parts[1:]:
        if not part.schema.equals(parts[0].schema):
            raise ValueError(f"{part.path} is damaged: its columns are not those of {parts[0].path.name}")
    return Footer(parts=parts)


def _part(path: Path) -> Part:
    about = path.stat()
    return _part_of(path, about.st_ino, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=256)
def _part_of(path: Path, *_: int) -> Part:
    with opened(path) as file:
        about = file.metadata
        groups = tuple(about.row_group(k).num_rows for k in range(about.num_row_groups))
        return Part(path=path, schema=file.schema_arrow, groups=groups, notes=about.metadata or {})
