"""What a table is made of: the types of its columns, text as codes, and the hash of its content.

Rows are copied into blocks of `GROUP` rows, and only whole blocks are hashed and stored. So memory stays flat however
many rows there are, and neither a file nor its hash depends on how the rows were cut into chunks.

The content hash of a table is the SHA-256 of its column names and types and of the digests of its blocks. A block's
digest is that of its columns' digests, over the little-endian bytes of the values in row order; text enters as int32
codes numbered by first appearance in the block, and the labels follow. A missing number is the one canonical NaN. A
file holds the digests of its blocks, so that tables of whole blocks, as shards are, are hashed together without being
read again. Times, paths, compression and the version of pyarrow never enter: a study declares which columns a clock or
a memory meter measured, or whose words tell such numbers. Of these only names and types are
hashed, and of a table that has no others not even how many rows it has. The file itself says which they are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeGuard

import numpy as np
import pyarrow as pa

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Columns: TypeAlias = Mapping[str, object]
Coded: TypeAlias = tuple[Array, Sequence[str]]
"""Text as codes and the labels that they stand for."""

GROUP = 1 << 17
"""Rows of a block, which is a row group of the file: about 14 MB for the sixteen columns of a sweep."""

FRESH = 1 << 12
"""Rows in which new labels are looked for at once: those of a block mostly stand in its first rows."""

HASH_KEY = b"content_sha256"
BLOCKS_KEY = b"content_blocks"
"""Stands in the metadata of a file before the digests of all its blocks, in hexadecimal."""
DIGEST = 64
"""Characters of one."""
MEANING_KEY = b"meaning"
MEASURED_KEY = b"measured"
"""Stands in the metadata of a column whose values are outside the content hash."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How values of one Python type are held: in memory, in the file and in the hash."""

    name: str
    dtype: str
    accepts: str
    """Kinds of NumPy arrays that are taken as they are; text has its own way in."""
    arrow: pa.DataType
    encoding: str | None
    """Parquet encoding; None means a dictionary."""
    nullable: bool = False


# Noise does not compress, but the sign and exponent of its floats do once the bytes are split into streams:
# measured on a delta sweep this is as fast as plain pages and a sixth smaller, for repeated floats too.
KINDS: dict[type, Kind] = {
    str: Kind(name="text", dtype="<i4", accepts="",
              arrow=pa.dictionary(pa.int32(), pa.string()), encoding=None),
    float: Kind(name="float", dtype="<f8", accepts="fiu", arrow=pa.float64(),
                encoding="BYTE_STREAM_SPLIT", nullable=True),
    int: Kind(name="int", dtype="<i8", accepts="iu", arrow=pa.int64(), encoding="DELTA_BINARY_PACKED"),
    bool: Kind(name="bool", dtype="?", accepts="b", arrow=pa.bool_(), encoding="PLAIN"),
}  # fmt: skip


@dataclass(frozen=True)
class TableRecord:
    """What run.json says of one table."""

    rows: int
    hash: str


class CodeBook:
    """The labels of a text column, or of a block of one, numbered by first appearance in row order."""

    def __init__(self) -> None:
        self.labels: list[str] = []
        self._codes: dict[str, int] = {}

    def code(self, label: str) -> int:
        """Return the number of a label, giving it the next one when it is new."""
        code = self._codes.setdefault(label, len(self._codes))
        if code == len(self.labels):
            self.labels.append(label)
        return code

    def translate(self, codes: Array, labels: Sequence[str]) -> Array:
        """Return codes into `labels` as codes into this book, shape ``(n,)``, int32."""
        book = np.array([self._codes.get(label, -1) for label in labels], dtype="<i4")
        translated = np.take(book, codes)
        while (fresh := codes[translated < 0]).size:
            used, first = np.unique(fresh[:FRESH], return_index=True)
            for old in used[np.argsort(first)].tolist():
                book[old] = self.code(labels[old])
            translated = np.take(book, codes)
        return translated

    def encode(self, value: object) -> Array:
        """Return the codes of a checked text value, shape ``()`` or ``(n,)``, int32."""
        if isinstance(value, str):
            return np.array(self.code(value), dtype="<i4")
        if is_coded(value):
            return self.translate(*value)
        return np.array([self.code(label) for label in value], dtype="<i4")  # type: ignore[attr-defined]  # a list


class ContentHash:
    """The content hash of a table, fed block by block; the values of `measured` columns stay outside."""

    def __init__(self, columns: Mapping[str, type], measured: Collection[str] = ()) -> None:
        self._columns = dict(columns)
        self._hashed = [name for name in columns if name not in measured]
        self._rows = 0
        self.blocks: list[str] = []

    def update(self, values: Mapping[str, object]) -> None:
        """Add a block: for each column an array of shape ``(n,)``, n being `GROUP` but for the last.

        Text is coded, its labels being those of the block, numbered by first appearance.
        """
        digests = b"".join(self._digest(name, values[name]) for name in self._hashed)
        self.extend([hashlib.sha256(digests).hexdigest()], length(next(iter(values.values()))) or 0)

    def extend(self, blocks: Sequence[str], rows: int) -> None:
        """Add blocks whose digests are known, of so many rows together."""
        if self._rows % GROUP:
            raise ValueError("after a block that is not whole comes no other")
        self._rows += rows
        self.blocks.extend(blocks if rows else ())

    def _digest(self, name: str, value: object) -> bytes:
        kind = KINDS[self._columns[name]]
        if not is_coded(value):
            return hashlib.sha256(canonical(np.asarray(value), kind).data).digest()
        codes, labels = value
        content = hashlib.sha256(np.ascontiguousarray(codes, dtype=kind.dtype).data)
        content.update(json.dumps(labels).encode("ascii"))
        return content.digest()

    def hexdigest(self) -> str:
        """Return the hash of all rows so far."""
        columns = [
            [name, KINDS[kind].name] if name in self._hashed else [name, KINDS[kind].name, "measured"]
            for name, kind in self._columns.items()
        ]
        rows = {"rows": self._rows, "blocks": self.blocks} if self._hashed else "measured"
        content = json.dumps({"content": rows, "columns": columns}, separators=(",", ":"))
        return hashlib.sha256(content.encode("ascii")).hexdigest()


def is_coded(value: object) -> TypeGuard[Coded]:
    """Tell whether a value is a column of text as codes and labels."""
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], np.ndarray)


def in_order(codes: Array, labels: Sequence[str]) -> tuple[Array, list[str]]:
    """Return text with the labels that it uses, numbered by first appearance."""
    book = CodeBook()
    return book.translate(codes, labels), book.labels


def canonical(values: Array, kind: Kind) -> Array:
    """Return contiguous little-endian values with every NaN the same NaN."""
    values = np.ascontiguousarray(values, dtype=kind.dtype)
    missing = np.isnan(values) if kind.nullable else np.False_
    return np.where(missing, np.nan, values) if np.any(missing) else values


def length(value: object) -> int | None:
    """Return the length of an array, None for a constant."""
    if is_coded(value):
        return value[0].size
    return len(value) if isinstance(value, (Sequence, np.ndarray)) and np.ndim(value) else None


def excerpt(value: Any, rows: slice) -> Any:
    """Return some rows of a column; a constant stays what it is."""
    if length(value) is None:
        return value
    return (value[0][rows], value[1]) if is_coded(value) else value[rows]


def plain(value: object) -> Array:
    """Return a column as one array; text becomes objects."""
    if is_coded(value):
        codes, labels = value
        return np.array(labels, dtype=object)[codes]
    return np.asarray(value)
