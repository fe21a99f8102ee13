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
from functools import cached_property, lru_cache
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

REMEMBERED = 256
"""Files of which is remembered what was read."""
SMALL_BYTES, SMALL_ROWS = 1 << 16, 1 << 10
"""Most bytes and rows of a file whose rows are remembered: to open it takes longer than to read them."""
# By default pyarrow holds a whole file in memory while it is read in batches: 750 MB instead of 40 MB for
# ten million rows, and three times slower.
READING: dict[str, Any] = {"pre_buffer": False, "page_checksum_verification": True}


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
        with pq.ParquetFile(str(path), **READING) as file:
            yield file
    except (pa.ArrowException, OSError) as problem:
        if isinstance(problem, OSError) and problem.errno is not None and problem.errno != errno.EIO:
            raise
        reason = str(problem).splitlines()[0]
        raise ValueError(
            f"{path} is damaged or not a Parquet file ({reason}); remove it and run its job again"
        ) from problem


def batches(path: Path, columns: Sequence[str] | None = None, *, rows: int | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a table in order, at most `GROUP` or `rows` of them at once."""
    for part in parts_of(path):
        if (small := small_table(part)) is not None:
            yield from (small if columns is None else small.select(list(columns))).to_batches(rows or hashing.GROUP)
            continue
        with opened(part) as file:
            several = (
                file.metadata.num_rows > hashing.GROUP
            )  # for less, sharing the work out takes longer than the work
            yield from file.iter_batches(batch_size=rows or hashing.GROUP, columns=columns, use_threads=several)


def chunks(path: Path, columns: Sequence[str] | None = None) -> Iterator[dict[str, object]]:
    """Yield the rows of a table in order, as chunks of columns of at most `GROUP` rows."""
    for batch in batches(path, columns):
        yield {name: column_of(batch.column(name)) for name in batch.schema.names}


def column_of(array: pa.Array) -> object:
    """Return a column as NumPy has it; text is coded."""
    if isinstance(array, pa.DictionaryArray):
        return array.indices.to_numpy(zero_copy_only=False), tuple(array.dictionary.to_pylist())
    return array.to_numpy(zero_copy_only=False)


# What the files say of themselves


@dataclass(frozen=True, kw_only=True)
class Footer:
    """What a Parquet file says of itself."""

    path: Path
    schema: pa.Schema
    groups: tuple[int, ...]
    """Rows of each row group."""
    notes: Mapping[bytes, bytes]

    @property
    def rows(self) -> int:
        """Rows of the file."""
        return sum(self.groups)

    @cached_property
    def types(self) -> dict[str, type]:
        """The types of its columns."""
        types = {kind.arrow: python for python, kind in KINDS.items()}
        for name, arrow in zip(self.schema.names, self.schema.types, strict=True):
            if arrow not in types:
                raise ValueError(f"{self.path} has a column {name!r} of the foreign type {arrow}")
        return {name: types[arrow] for name, arrow in zip(self.schema.names, self.schema.types, strict=True)}

    @property
    def shape(self) -> dict[str, tuple[type, str]]:
        """Its columns, as a study's TABLES would declare them."""
        meanings = {field.name: (field.metadata or {}).get(MEANING_KEY, b"").decode() for field in self.schema}
        return {name: (kind, meanings[name]) for name, kind in self.types.items()}

    @property
    def measured(self) -> tuple[str, ...]:
        """The columns whose values are outside its content hash."""
        return tuple(field.name for field in self.schema if MEASURED_KEY in (field.metadata or {}))

    @property
    def blocks(self) -> list[str]:
        """The digests of its blocks; none where its row groups are no blocks."""
        digests = self.notes.get(BLOCKS_KEY, b"").decode()
        blocks = [digests[k : k + DIGEST] for k in range(0, len(digests), DIGEST)]
        return blocks if len(blocks) == len(self.groups) == math.ceil(self.rows / hashing.GROUP) else []


class _File:
    """What has been read of a Parquet file: its footer, and the rows of a small one, for which it is opened once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def footer(self) -> Footer:
        with opened(self._path) as file:
            return _footer_in(self._path, file)

    @cached_property
    def rows(self) -> pa.Table | None:
        with opened(self._path) as file:
            self.__dict__.setdefault("footer", _footer_in(self._path, file))
            return file.read(use_threads=False) if file.metadata.num_rows <= SMALL_ROWS else None


def _footer_in(path: Path, file: pq.ParquetFile) -> Footer:
    about = file.metadata
    groups = tuple(about.row_group(k).num_rows for k in range(about.num_row_groups))
    return Footer(path=path, schema=file.schema_arrow, groups=groups, notes=about.metadata or {})


@lru_cache(maxsize=REMEMBERED)
def _file_of(path: Path, *_: int) -> _File:
    return _File(path)


def _known_of(path: Path) -> tuple[_File, int]:
    """Return what is known of a file for as long as it is the same, and its size."""
    about = path.stat()
    return _file_of(path, about.st_ino, about.st_size, about.st_mtime_ns), about.st_size


def footer_of(path: Path) -> Footer:
    """Return the footer of a Parquet file, which is read once for as long as the file is the same."""
    return _known_of(path)[0].footer


def small_table(path: Path) -> pa.Table | None:
    """Return the rows of a small Parquet file, read once for as long as it is the same; None of a larger one."""
    file, size = _known_of(path)
    return file.rows if size <= SMALL_BYTES else None


def footers_of(path: Path) -> list[Footer]:
    """Read the footers of all files of a table."""
    return [footer_of(part) for part in parts_of(path)]


def stated_hash(footers: Sequence[Footer]) -> str | None:
    """Return the content hash that files state together; None where one of them does not state its part of it."""
    if len(footers) == 1:
        stated = footers[0].notes.get(HASH_KEY)
        return stated.decode() if stated else None
    content = ContentHash(footers[0].types, footers[0].measured)
    for place, footer in enumerate(footers, start=1):
        if not footer.blocks or (footer.rows % hashing.GROUP and place < len(footers)):
            return None
        content.extend(footer.blocks, footer.rows)
    return content.hexdigest()


def schema_of(path: Path) -> pa.Schema:
    """Return the columns of a table on disk, as pyarrow has them."""
    return footer_of(parts_of(path)[0]).schema


def shape_of(path: Path) -> dict[str, tuple[type, str]]:
    """Return the columns of a table on disk, as a study's TABLES would declare them."""
    return footer_of(parts_of(path)[0]).shape


def types_of(path: Path) -> dict[str, type]:
    """Return the types of the columns of a table on disk."""
    return footer_of(parts_of(path)[0]).types


def measured_in(path: Path) -> tuple[str, ...]:
    """Return the columns of a table on disk whose values are outside its content hash."""
    return footer_of(parts_of(path)[0]).measured


def rows_of(path: Path) -> int:
    """Return how many rows a table on disk has."""
    return sum(footer.rows for footer in footers_of(path))
