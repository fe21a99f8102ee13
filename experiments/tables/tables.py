"""Columns, Parquet files and frames: the only room that knows pandas and pyarrow.

A runner yields chunks of columns; `Writer` streams them to one Parquet file per table, `gather` joins the
files of the jobs, and the readers give back what figures, reports and `conclude` need. Rows are copied into
blocks of `GROUP` rows, and only whole blocks are hashed and stored. So memory stays flat however many rows
there are, and neither the file nor its hash depends on how the rows were cut into chunks.

The content hash of a table is the SHA-256 of its column names and types and of the digests of its blocks. A block's
digest is that of its columns' digests, over the little-endian bytes of the values in row order; text enters as int32
codes numbered by first appearance in the block, and the labels follow. A missing number is the one canonical NaN. The
file holds the digests of its blocks: files of whole blocks, as shards are, are joined as bytes, and neither decoded nor
hashed again. Times, paths, compression and
the version of pyarrow never enter: a study's ``MEASURED`` names for a table the columns that a clock or a memory
meter measured, or whose words tell such numbers. Of these only names and types are hashed, and of a table that
has no others not even how many rows it has. The file itself says which they are.
"""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import math
import os
import shutil
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial, reduce
from itertools import islice
from operator import and_
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self, TypeAlias, TypeGuard

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from derivkit.errors import typical_error
from experiments.files import replacing
from experiments.messages import ConfigurationError, line_of, near
from experiments.running import integrity, provenance
from experiments.running.record import Digest
from experiments.tables import splicing, spreadsheet

if TYPE_CHECKING:
    from types import TracebackType

    import pandas as pd

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Columns: TypeAlias = Mapping[str, object]
Shape: TypeAlias = Mapping[str, tuple[type, str]]
Coded: TypeAlias = tuple[Array, Sequence[str]]

GROUP = 1 << 17
"""Rows of a block, which is a row group of the file: about 14 MB for the sixteen columns of a sweep."""

CSV_ROWS = 100_000
"""The most rows a table may have to be written as text as well."""

READ_TOGETHER = 64
"""The most small tables that threads hold before they are joined: a constant without a derivation."""

SPREAD_GROUPS = 24
"""The most row groups that are read to show some rows of a file."""

# By default pyarrow holds a whole file in memory while it is read in batches: 750 MB instead of 40 MB for
# ten million rows, and three times slower.
READING: dict[str, Any] = {"pre_buffer": False, "page_checksum_verification": True}

HASH_KEY = b"content_sha256"
BLOCKS_KEY = b"content_blocks"
"""Stands before the digests of all blocks, in hexadecimal."""
DIGEST = 64
"""Characters of one."""
MEANING_KEY = b"meaning"
MEASURED_KEY = b"measured"
"""Stands in the metadata of a column whose values are outside the content hash."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How values of one Python type are kept: in memory, in the file and in the hash."""

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
    """The labels of one text column, numbered by first appearance in row order."""

    def __init__(self) -> None:
        self.labels: list[str] = []
        self._codes: dict[str, int] = {}

    def code(self, label: str) -> int:
        """Return the number of a label, giving it the next one when it is new."""
        found = self._codes.setdefault(label, len(self._codes))
        if found == len(self.labels):
            self.labels.append(label)
        return found

    def translate(self, codes: Array, labels: Sequence[str]) -> Array:
        """Return codes into `labels` as codes into this book, shape ``(n,)``, int32."""
        book = np.array([self._codes.get(label, -1) for label in labels], dtype="<i4")
        translated = book[codes]
        fresh = codes[translated < 0]
        if fresh.size:
            used, first = np.unique(fresh, return_index=True)
            for old in used[np.argsort(first)].tolist():
                book[old] = self.code(labels[old])
            translated = book[codes]
        return translated

    def encode(self, value: object) -> Array:
        """Return the codes of a checked text value, shape ``()`` or ``(n,)``, int32."""
        if isinstance(value, str):
            return np.array(self.code(value), dtype="<i4")
        if _is_coded(value):
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
        """Add a block: for each column an array of shape ``(n,)``, n being `GROUP` but for the last; text is coded."""
        digests = b"".join(self._digest(name, values[name]) for name in self._hashed)
        self.extend([hashlib.sha256(digests).hexdigest()], _length(next(iter(values.values()))) or 0)

    def extend(self, blocks: Sequence[str], rows: int) -> None:
        """Add blocks whose digests are known, of so many rows together."""
        if self._rows % GROUP:
            raise ValueError("after a block that is not whole comes no other")
        self._rows += rows
        self.blocks.extend(blocks if rows else ())

    def _digest(self, name: str, value: object) -> bytes:
        kind = KINDS[self._columns[name]]
        if not _is_coded(value):
            return hashlib.sha256(_canonical(np.asarray(value), kind).data).digest()
        codes, labels = _in_order(*value)
        content = hashlib.sha256(np.ascontiguousarray(codes, dtype=kind.dtype).data)
        content.update(json.dumps(labels).encode("ascii"))
        return content.digest()

    def hexdigest(self) -> str:
        """Return the hash of all rows so far."""
        columns = [
            [name, KINDS[kind].name] if name in self._hashed else [name, KINDS[kind].name, "measured"]
            for name, kind in self._columns.items()
        ]
        seen = {"rows": self._rows, "blocks": self.blocks} if self._hashed else "measured"
        content = json.dumps({"content": seen, "columns": columns}, separators=(",", ":"))
        return hashlib.sha256(content.encode("ascii")).hexdigest()


def _in_order(codes: Array, labels: Sequence[str]) -> tuple[Array, list[str]]:
    """Return text with the labels that it uses, numbered by first appearance."""
    found = pa.array(codes).dictionary_encode()
    return found.indices.to_numpy(), [labels[code] for code in found.dictionary.to_pylist()]


def _canonical(values: Array, kind: Kind) -> Array:
    """Return contiguous little-endian values with every NaN the same NaN."""
    values = np.ascontiguousarray(values, dtype=kind.dtype)
    missing = np.isnan(values) if kind.nullable else np.False_
    return np.where(missing, np.nan, values) if np.any(missing) else values


class _Stream:
    """One table on its way into one Parquet file.

    Two blocks take turns: while one is being filled, two threads hash and store the other (both release the
    interpreter's lock), so that a runner computes while its last rows are written.
    """

    def __init__(self, path: Path, columns: Shape, measured: Collection[str] = ()) -> None:
        self.path = path
        self.rows = 0
        self._part = path.with_name(path.name + ".part")
        self._kinds = {name: KINDS[kind] for name, (kind, _) in columns.items()}
        self._books = {name: CodeBook() for name, (kind, _) in columns.items() if kind is str}
        self._hash = ContentHash({name: kind for name, (kind, _) in columns.items()}, measured)
        self._schema = _schema(columns, measured)
        self._block = self._new_block()
        self._spare: dict[str, Array] = {}
        self._filled = 0
        self._running: list[Future[None]] = []
        self._pool = ThreadPoolExecutor(2)
        self._writer = _parquet_writer(self._part, self._schema)

    def _new_block(self) -> dict[str, Array]:
        # Pages that are never touched cost nothing: a table of ten rows does not pay for a block.
        return {name: np.empty(GROUP, dtype=kind.dtype) for name, kind in self._kinds.items()}

    def write(self, columns: Columns) -> None:
        """Append a chunk. It is checked whole before the first row of it is taken."""
        table = self.path.stem
        rows = _rows(table, columns, self._kinds)
        checked = {name: _checked(f"{table}.{name}", columns[name], kind) for name, kind in self._kinds.items()}
        if rows:  # the constants of no rows are no labels of this table
            self._append(checked, rows)

    def _append(self, checked: Columns, rows: int) -> None:
        values = {
            name: self._books[name].encode(value) if name in self._books else np.asarray(value)
            for name, value in checked.items()
        }
        start = 0
        while start < rows:
            count = min(rows - start, GROUP - self._filled)
            here, there = slice(self._filled, self._filled + count), slice(start, start + count)
            for name, value in values.items():
                self._block[name][here] = value[there] if value.ndim else value
            start += count
            self._filled += count
            if self._filled == GROUP:
                self._flush()
        self.rows += rows

    def _flush(self) -> None:
        self._settle()
        block = {name: values[: self._filled] for name, values in self._block.items()}
        coded = {
            name: (values, self._books[name].labels) if name in self._books else values
            for name, values in block.items()
        }
        work = (self._hash.update, self._store)
        if self._filled == GROUP:
            self._running = [self._pool.submit(part, coded) for part in work]
            self._block, self._spare = self._spare or self._new_block(), self._block
        else:  # the last rows of a table, which may be few: starting threads costs more than they save
            for part in work:
                part(coded)
        self._filled = 0

    def _settle(self) -> None:
        for job in self._running:
            job.result()
        self._running = []

    def _store(self, block: Mapping[str, Any]) -> None:
        arrays = [
            _text_array(*values) if name in self._books
            else pa.array(values, mask=np.isnan(values) if self._kinds[name].nullable else None)
            for name, values in block.items()
        ]  # fmt: skip
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema), row_group_size=GROUP)

    def finish(self) -> TableRecord:
        """Store what is left and close the file, which still has its provisional name."""
        if self._filled or not self.rows:  # some versions of pyarrow cannot read a file without a row group
            self._flush()
        self._settle()
        self._pool.shutdown()
        record = TableRecord(self.rows, self._hash.hexdigest())
        self._writer.add_key_value_metadata({HASH_KEY: record.hash, BLOCKS_KEY: "".join(self._hash.blocks)})
        self._writer.close()
        return record

    def publish(self) -> None:
        """Give the finished file its name."""
        self._part.replace(self.path)

    def discard(self) -> None:
        """Forget the table: nothing of it stays on disk."""
        self._pool.shutdown(cancel_futures=True)
        # A full disk has no room for the footer either, which must not hide what went wrong before.
        with suppress(OSError, ValueError, pa.ArrowException):
            self._writer.close()
        self._part.unlink(missing_ok=True)


def _schema(columns: Shape, measured: Collection[str]) -> pa.Schema:
    marks = {name: {MEASURED_KEY: b"yes"} for name in measured}
    return pa.schema([
        pa.field(name, KINDS[kind].arrow, nullable=KINDS[kind].nullable,
                 metadata={MEANING_KEY: meaning, **marks.get(name, {})})
        for name, (kind, meaning) in columns.items()
    ])  # fmt: skip


def _parquet_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    path.unlink(missing_ok=True)  # what a process that died has left; a link would be followed
    kinds = {kind.arrow: kind for kind in KINDS.values()}
    encodings = {field.name: kinds[field.type].encoding for field in schema}
    try:
        return pq.ParquetWriter(
            str(path),
            schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=[name for name, encoding in encodings.items() if encoding is None],
            column_encoding={name: encoding for name, encoding in encodings.items() if encoding},
            write_page_checksum=True,
        )
    except BaseException:
        path.unlink(missing_ok=True)  # it has begun to write
        raise


def _text_array(codes: Array, labels: Sequence[str]) -> pa.DictionaryArray:
    """Return text with the labels of these rows only, so that a row group does not depend on those before it."""
    local, here = _in_order(codes, labels)
    return pa.DictionaryArray.from_arrays(pa.array(local), pa.array(here, type=pa.string()), safe=False)


def _is_coded(value: object) -> TypeGuard[Coded]:
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], np.ndarray)


def _rows(table: str, columns: Columns, expected: Mapping[str, Kind]) -> int:
    """Return the number of rows of a chunk; its names and lengths must fit the table."""
    for name in columns:
        if name not in expected:
            raise ValueError(f"table {table!r} has no column {name!r}; its columns are {', '.join(expected)}")
    for name in expected:
        if name not in columns:
            raise ValueError(f"a chunk of table {table!r} lacks the column {name!r}")
    lengths = {name: length for name in expected if (length := _length(columns[name])) is not None}
    if not lengths:
        raise ValueError(f"a chunk of table {table!r} has constants only; give one column as an array")
    first, rows = next(iter(lengths.items()))
    for name, length in lengths.items():
        if length != rows:
            raise ValueError(f"a chunk of table {table!r} has {rows} rows in column {first!r} and {length} in {name!r}")
    return rows


def _length(value: object) -> int | None:
    """Return the length of an array, None for a constant."""
    if _is_coded(value):
        return value[0].size
    return len(value) if isinstance(value, (Sequence, np.ndarray)) and np.ndim(value) else None


def _checked(place: str, value: object, kind: Kind) -> object:
    """Return the value of one column, ready to be copied; `place` is what an error calls it."""
    if not kind.accepts:
        return _checked_text(place, value)
    values = np.asarray(value)
    if values.ndim > 1:
        raise ValueError(f"column {place} has an array of shape {values.shape}; a column has one dimension")
    if values.size == 0 and values.ndim == 1:
        return values.astype(kind.dtype)
    if values.dtype.kind not in kind.accepts or not np.can_cast(values.dtype, kind.dtype, "safe"):
        raise ValueError(f"column {place} holds {kind.name}, not {values.dtype} ({_shown(value)})")
    return values


def _checked_text(place: str, value: object) -> object:
    if _is_coded(value):
        codes, labels = value
        if codes.ndim != 1 or codes.dtype.kind not in "iu":
            raise ValueError(f"column {place} needs whole-number codes in one dimension, not {codes.dtype}")
        if codes.size and not 0 <= codes.min() <= codes.max() < len(labels):
            raise ValueError(f"column {place} has a code outside its {len(labels)} labels: {_shown(codes)}")
        _check_labels(place, labels)
        return value
    values = value.tolist() if isinstance(value, np.ndarray) else value
    if isinstance(values, str):
        _check_labels(place, [values])
        return str(values)
    if not isinstance(values, Sequence):
        raise ValueError(  # noqa: TRY004 - whatever is wrong with a chunk is one kind of error
            f"column {place} holds text, not {type(value).__name__} ({_shown(value)})"
        )
    _check_labels(place, values)
    return values


def _check_labels(place: str, labels: Sequence[str]) -> None:
    try:
        "".join(labels).encode()
    except (TypeError, UnicodeEncodeError) as problem:
        raise ValueError(f"column {place} holds text that can be stored as UTF-8: {problem}") from problem


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


class Writer:
    """Stream the tables of one job, or of one run, into Parquet files.

    Parameters
    ----------
    directory
        Where the files go; it must exist. A table that is never written to has no file.
    tables
        For each table its columns: name to (type, one line of meaning).
    job
        Number of the job, appended as the last column ``job``; None for tables of a whole run.
    measured
        For a table the columns whose values are outside its content hash.

    Notes
    -----
    Use it as a context manager. The files get their names when the block ends well; when it ends with an
    exception nothing of them is left. Text is meant to repeat: each distinct label is held in memory once.
    ``rows`` counts while writing; ``hashes`` is filled at the end.
    """

    def __init__(
        self,
        directory: Path,
        tables: Mapping[str, Shape],
        *,
        job: int | None = None,
        measured: Mapping[str, Collection[str]] = MappingProxyType({}),
    ) -> None:
        self._directory = Path(directory)
        self._job = {} if job is None else {"job": job}
        self._tables = {name: _with_job(name, columns, job) for name, columns in tables.items()}
        self._measured = _with_measured(tables, measured, self._job)
        self._streams: dict[str, _Stream] = {}
        self.records: dict[str, TableRecord] = {}

    @property
    def rows(self) -> dict[str, int]:
        """Rows written so far, by table."""
        return {name: stream.rows for name, stream in self._streams.items()}

    @property
    def hashes(self) -> dict[str, str]:
        """Content hashes of the finished tables, by table."""
        return {name: record.hash for name, record in self.records.items()}

    def write(self, name: str, columns: Columns) -> None:
        """Append a chunk of columns to the table `name`; at least one of them is an array."""
        if name not in self._tables:
            raise ValueError(f"no table named {name!r}; the tables are {', '.join(self._tables)}")
        if name not in self._streams:
            path = self._directory / f"{name}.parquet"
            self._streams[name] = _Stream(path, self._tables[name], self._measured[name])
        self._streams[name].write({**columns, **self._job})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                records = {name: stream.finish() for name, stream in self._streams.items()}
                for stream in self._streams.values():
                    stream.publish()
                self.records = records
        finally:
            if not self.records:
                for stream in self._streams.values():
                    stream.discard()


def _with_job(name: str, columns: Shape, job: int | None) -> Shape:
    if job is None:
        return columns
    if "job" in columns:
        raise ValueError(f"table {name!r} declares the column 'job', which the pipeline adds by itself")
    return {**columns, "job": (int, "number of the job within the run")}


def _with_measured(
    tables: Mapping[str, Shape], measured: Mapping[str, Collection[str]], job: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Return the measured columns of every table; where all are, so is how many rows each job has."""
    for name, columns in measured.items():
        if name not in tables:
            raise ValueError(f"no table named {name!r}; the tables are {', '.join(tables)}")
        for column in columns:
            if column not in tables[name]:
                raise ValueError(f"table {name!r} has no column {column!r} that could be measured")
    found = {name: tuple(measured.get(name, ())) for name in tables}
    return {name: (*own, *(job if len(own) == len(tables[name]) else ())) for name, own in found.items()}


def gather(jobs: Sequence[Path], target: Path, held: Sequence[Collection[str]] | None = None) -> dict[str, TableRecord]:
    """Join the tables of the jobs, in the order given, into one file per table.

    Parameters
    ----------
    jobs
        Directories of the jobs. A table that only some of them have is joined from those.
    target
        Directory that receives ``<table>.parquet``. A table of one job becomes a hard link where the
        filesystem allows it, a copy elsewhere.
    held
        The names of the tables of each job, whatever else lies beside them; None for all that lie there.

    Returns
    -------
    dict
        Rows and content hash of every table, ``table`` first.
    """
    held = [{path.stem for path in Path(job).glob("*.parquet")} for job in jobs] if held is None else held
    records = {}
    for name in sorted(set().union(*held), key=lambda name: (name != "table", name)):
        parts = [Path(job) / f"{name}.parquet" for job, own in zip(jobs, held, strict=True) if name in own]
        join = _link if len(parts) == 1 else _splice if _of_whole_blocks(parts) else _concatenate
        records[name] = join(parts, Path(target) / f"{name}.parquet")
    return records


def _link(parts: Sequence[Path], path: Path) -> TableRecord:
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    with _opened(parts[0]) as file:
        recorded = (file.metadata.metadata or {}).get(HASH_KEY)
        rows = file.metadata.num_rows
    record = TableRecord(rows, recorded.decode() if recorded else hash_of(parts[0]))
    try:
        os.link(parts[0], part)
    except OSError:  # other filesystem, or one without links
        shutil.copyfile(parts[0], part)
    part.replace(path)
    part.unlink(missing_ok=True)  # rename does nothing when both names are already one file
    return record


def _of_whole_blocks(parts: Sequence[Path]) -> bool:
    """Whether files of the same columns by the same writer hold whole blocks, all but the last, with their digests."""
    writers, whole = set(), True
    for part in parts:
        with _opened(part) as file:
            about = file.metadata
            digests = len((about.metadata or {}).get(BLOCKS_KEY, b"")) // DIGEST
            blocks = math.ceil(about.num_rows / GROUP)
            if not whole or not about.num_rows or not digests == about.num_row_groups == blocks:
                return False
            writers.add((file.schema_arrow.serialize().to_pybytes(), about.created_by))
            whole = about.num_rows % GROUP == 0
    return len(writers) == 1


def _splice(parts: Sequence[Path], path: Path) -> TableRecord:
    """Join files of whole blocks without reading their rows; the file is that of a `Writer`, to the byte."""
    content = ContentHash({name: kind for name, (kind, _) in shape_of(parts[0]).items()}, measured_in(parts[0]))
    rows = 0
    for part in parts:
        with _opened(part) as file:
            digests = file.metadata.metadata[BLOCKS_KEY].decode()
            content.extend([digests[k : k + DIGEST] for k in range(0, len(digests), DIGEST)], file.metadata.num_rows)
            rows += file.metadata.num_rows
    record = TableRecord(rows, content.hexdigest())
    unfinished = path.with_name(path.name + ".part")
    try:
        notes = {HASH_KEY: record.hash.encode(), BLOCKS_KEY: "".join(content.blocks).encode()}
        splicing.splice(parts, unfinished, notes)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return record


def _concatenate(parts: Sequence[Path], path: Path) -> TableRecord:
    columns, first = shape_of(parts[0]), _told(parts[0])
    for other in parts[1:]:
        if (found := _told(other)) != first:
            odd = ", ".join(sorted(set(first) ^ set(found))) or "their order"
            raise ValueError(f"{parts[0]} and {other} do not have the same columns: see {odd}")
    stream = _Stream(path, columns, measured_in(parts[0]))
    try:
        for part in parts:
            for chunk in _chunks(part):
                stream.write(chunk)
        record = stream.finish()
        stream.publish()
    except BaseException:
        stream.discard()
        raise
    return record


def _told(path: Path) -> list[str]:
    with _opened(path) as file:  # once: a run has as many files as jobs, and more
        schema = file.schema_arrow
    shape, measured = _shape(schema, path), _measured(schema)
    return [f"{name} {KINDS[kind].name}{' (measured)' * (name in measured)}" for name, (kind, _) in shape.items()]


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
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


def shape_of(path: Path) -> dict[str, tuple[type, str]]:
    """Return the columns of a table on disk, as a runner's TABLES would declare them."""
    with _opened(path) as file:
        return _shape(file.schema_arrow, path)


def _shape(schema: pa.Schema, path: Path) -> dict[str, tuple[type, str]]:
    meanings = [(field.metadata or {}).get(MEANING_KEY, b"").decode() for field in schema]
    return {name: (kind, meaning) for (name, kind), meaning in zip(_types(schema, path).items(), meanings, strict=True)}


def _types(schema: pa.Schema, path: Path) -> dict[str, type]:
    types = {kind.arrow: python for python, kind in KINDS.items()}
    for name, found in zip(schema.names, schema.types, strict=True):
        if found not in types:
            raise ValueError(f"{path} has a column {name!r} of the foreign type {found}")
    return {name: types[found] for name, found in zip(schema.names, schema.types, strict=True)}


def measured_in(path: Path) -> tuple[str, ...]:
    """Return the columns of a table on disk whose values are outside its content hash."""
    with _opened(path) as file:
        return _measured(file.schema_arrow)


def _measured(schema: pa.Schema) -> tuple[str, ...]:
    return tuple(field.name for field in schema if MEASURED_KEY in (field.metadata or {}))


def _chunks(path: Path, columns: Sequence[str] | None = None) -> Iterator[dict[str, object]]:
    """Yield the rows of a file in order, as chunks of columns of at most `GROUP` rows."""
    with _opened(path) as file:
        several = file.metadata.num_rows > GROUP  # for less, sharing the work out takes longer than the work
        for batch in file.iter_batches(batch_size=GROUP, columns=columns, use_threads=several):
            yield {name: _column(batch.column(name)) for name in batch.schema.names}


def recorded(path: Path) -> TableRecord:
    """Return rows and content hash as the file itself records them; the hash is recomputed where it does not."""
    return described(path)[0]


def described(path: Path) -> tuple[TableRecord, dict[str, type]]:
    """Return what `recorded` tells, and the types of the columns, from one look at the file."""
    with _opened(path) as file:
        found = (file.metadata.metadata or {}).get(HASH_KEY)
        rows, schema = file.metadata.num_rows, file.schema_arrow
    return TableRecord(rows, found.decode() if found else hash_of(path)), _types(schema, path)


def refuse_altered(path: Path, *, digest: Digest | None, content: str | None, old: bool = False) -> None:
    """Refuse a table that is not the one that a record tells of.

    What the file says of itself is believed if its bytes are those recorded; else its values are read and hashed.

    Parameters
    ----------
    path
        The table.
    digest
        Length and checksum of the file as recorded, None where there are none.
    content
        The content hash as recorded.
    old
        Whether that is of format 1, whose hash is computed no more: then the values are read, which shows damage, and
        the file is believed.
    """
    where = near(path)
    fault = "its record has no checksum" if digest is None else integrity.damage(path.parent, {path.name: digest})
    try:
        found = recorded(path).hash if fault is None else hash_of(path)
        found = recorded(path).hash if old and fault is not None else found
    except (ValueError, OSError, MemoryError) as problem:
        raise ConfigurationError(f"{where} is damaged: {line_of(problem)}; run its command again") from problem
    if found != content:
        raise ConfigurationError(f"{where} is not the table that run.json records; run its command again")


def several(paths: Sequence[Path], columns: Sequence[str]) -> Iterator[Columns]:
    """Yield some columns of small tables, the rows of one after those of the other, about `GROUP` rows at once.

    To convert a column costs the same for ten rows as for ten thousand: a thousand tables are joined before.
    """
    read: list[pa.Table] = []
    rows = 0
    with ThreadPoolExecutor(provenance.usable_processors()) as threads:
        for start in range(0, len(paths), READ_TOGETHER):
            for table in threads.map(partial(_whole, columns=columns), paths[start : start + READ_TOGETHER]):
                read.append(table)
                rows += len(table)
                if rows >= GROUP:
                    yield _joined(read)
                    read, rows = [], 0
    if read:
        yield _joined(read)


def _whole(path: Path, columns: Sequence[str]) -> pa.Table:
    with _opened(path) as file:
        return file.read(list(columns), use_threads=False).select(list(columns))


def _joined(tables: Sequence[pa.Table]) -> Columns:
    table = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    return {name: _column(table.column(name).combine_chunks()) for name in table.column_names}


class Words:
    """Tables as blocks of 64-bit words, one per value, so that equal values are equal words in every table.

    Parameters
    ----------
    columns
        Names and types of the columns read, in this order.

    Notes
    -----
    Text becomes its code in a `CodeBook` that all tables read through one `Words` share, every NaN the same NaN.
    """

    def __init__(self, columns: Mapping[str, type]) -> None:
        self.columns = dict(columns)
        self.books = {name: CodeBook() for name, kind in self.columns.items() if kind is str}

    def blocks(self, path: Path) -> Iterator[Array]:
        """Yield the rows of a table in order as arrays of shape ``(columns, n)``, of `GROUP` rows but for the last."""
        kept: list[Array] = []
        rows = 0
        for chunk in _ahead(_chunks(path, list(self.columns))):
            kept.append(self.words(chunk))
            rows += kept[-1].shape[1]
            if rows >= GROUP:
                whole = kept[0] if len(kept) == 1 else np.concatenate(kept, axis=1)
                yield whole[:, :GROUP]
                kept, rows = [whole[:, GROUP:]], rows - GROUP
        if rows:
            yield np.concatenate(kept, axis=1)

    def words(self, chunk: Columns) -> Array:
        """Return rows as words, shape ``(columns, n)``."""
        rows = next(length for value in chunk.values() if (length := _length(value)) is not None)
        words = np.empty((len(self.columns), rows), dtype=np.int64)
        for row, (name, kind) in zip(words, self.columns.items(), strict=True):
            value = (
                self.books[name].encode(chunk[name]) if kind is str else _canonical(_plain(chunk[name]), KINDS[kind])
            )
            row[:] = value.view(np.int64) if kind is float else value
        return words

    def values(self, name: str, words: Array) -> Any:
        """Return the words of one column as a column that a `Writer` takes."""
        kind = self.columns[name]
        if kind is str:
            return words.astype(np.int32), self.books[name].labels
        return words.view(np.float64) if kind is float else words.astype(KINDS[kind].dtype)


def _ahead(chunks: Iterator[dict[str, object]]) -> Iterator[dict[str, object]]:
    """Yield what `chunks` yields, each read by another thread while the one before is being used."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, chunks, None)
        while (chunk := coming.result()) is not None:
            coming = pool.submit(next, chunks, None)
            yield chunk


def frame_of(columns: Mapping[str, object]) -> pd.DataFrame:
    """Return columns as a frame; coded text, whose labels are each another, is categorical."""
    import pandas as pd  # noqa: PLC0415 - a run that is refused does not pay for it

    def column(value: object) -> object:
        if not _is_coded(value):
            return np.asarray(value)
        codes, labels = value
        return pd.Categorical.from_codes(codes, categories=pd.Index(labels))

    return pd.DataFrame({name: column(value) for name, value in columns.items()})


def _column(array: pa.Array) -> object:
    if isinstance(array, pa.DictionaryArray):
        return array.indices.to_numpy(zero_copy_only=False), tuple(array.dictionary.to_pylist())
    return array.to_numpy(zero_copy_only=False)


def hash_of(path: Path) -> str:
    """Recompute the content hash of a Parquet file from its rows."""
    words = Words({name: kind for name, (kind, _) in shape_of(path).items()})
    content = ContentHash(words.columns, measured_in(path))
    for block in words.blocks(path):
        content.update({name: words.values(name, row) for name, row in zip(words.columns, block, strict=True)})
    return content.hexdigest()


def read(path: Path, columns: Sequence[str] | None = None, where: Mapping[str, object] | None = None) -> pd.DataFrame:
    """Read a table, or a part of it, as a frame; text is categorical, a missing number is NaN.

    Parameters
    ----------
    path
        The Parquet file.
    columns
        Names of the columns wanted, in this order; None for all.
    where
        Column to a value, or to a list of values: only rows that have one of them are read. Row groups that
        cannot hold such a row are skipped.
    """
    _check_columns(path, [*(columns or ()), *(where or ())])
    filters = [
        (name, "in", value if isinstance(value, (list, tuple)) else [value]) for name, value in (where or {}).items()
    ]
    with _opened(path) as file:
        if filters:  # one thread: more of them read far ahead of the rows that pass
            table = pq.read_table(str(path), columns=columns, filters=filters, use_threads=False, **READING)
        else:
            table = file.read(columns)
    return table.to_pandas()  # type: ignore[no-any-return]  # pyarrow ships no types


def read_every(path: Path, columns: Sequence[str], where: Mapping[str, Sequence[object]], step: int) -> pd.DataFrame:
    """Read one in `step` of the rows that have, in each column of `where`, one of its values; block by block."""
    _check_columns(path, [*columns, *where])
    wanted = [pc.field(name).isin(list(values)) for name, values in where.items()]
    row = 0
    with _opened(path) as file:
        parts = [file.schema_arrow.empty_table().select(list(columns))]
        for batch in file.iter_batches(batch_size=GROUP, columns=list(dict.fromkeys([*columns, *where]))):
            block = pa.Table.from_batches([batch])
            block = block.filter(reduce(and_, wanted)) if wanted else block
            parts.append(block.take(np.arange(-row % step, block.num_rows, step)).select(list(columns)))
            row += block.num_rows
    return pa.concat_tables(parts).unify_dictionaries().to_pandas()  # type: ignore[no-any-return]


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    known = shape_of(path)
    for name in columns:
        if name not in known:
            raise ValueError(f"{path} has no column {name!r}; its columns are {', '.join(known)}")


def columns_of(path: Path) -> dict[str, Array]:
    """Read a whole table as arrays of shape ``(rows,)``.

    Floats are float64 with NaN where a number is missing, the others int64, bool, and objects for text.
    """
    parts: dict[str, list[Array]] = {
        name: [np.empty(0, dtype=object if kind is str else KINDS[kind].dtype)]
        for name, (kind, _) in shape_of(path).items()
    }
    for chunk in _chunks(path):
        for name, value in chunk.items():
            parts[name].append(_plain(value))
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}


def _plain(value: object) -> Array:
    if _is_coded(value):
        codes, labels = value
        return np.array(labels, dtype=object)[codes]
    return np.asarray(value)


def distinct(path: Path, columns: Sequence[str], limit: int) -> tuple[list[tuple[object, ...]], int]:
    """Return the first `limit` distinct values of some columns, in row order, and how many there are in all.

    The file is streamed; memory grows with the number of distinct values. A missing number is None.
    """
    import pandas as pd  # noqa: PLC0415 - a run that is refused does not pay for it

    _check_columns(path, columns)
    seen: dict[tuple[object, ...], None] = {}
    for chunk in _chunks(path, columns):
        # Text is compared by code, which is one to one within a chunk.
        values = {name: _comparable(value) for name, value in chunk.items()}
        starts = _starts(list(values.values()))
        frame = pd.DataFrame({name: value[starts] for name, value in values.items()})
        rows = starts[~frame.duplicated().to_numpy()]
        seen.update(dict.fromkeys(zip(*(_listed(chunk[name], rows) for name in columns), strict=True)))
    return list(islice(seen, limit)), len(seen)


def _starts(columns: Sequence[Array]) -> Array:
    """Return the rows that are not equal to the row before them."""
    starts = np.zeros(columns[0].size, dtype=bool)
    starts[:1] = True
    for values in columns:
        starts[1:] |= values[1:] != values[:-1]
    return np.flatnonzero(starts)


def _comparable(value: object) -> Array:
    return value[0] if _is_coded(value) else np.asarray(value)


def _listed(value: object, rows: Array | slice) -> list[object]:
    """Return some rows of a column as Python values, None for NaN."""
    if _is_coded(value):
        codes, labels = value
        return [labels[code] for code in codes[rows].tolist()]
    values = np.asarray(value)[rows]
    listed: list[Any] = values.tolist()
    return [None if math.isnan(item) else item for item in listed] if values.dtype.kind == "f" else listed


def least(path: Path, column: str, keys: Sequence[str]) -> tuple[float, dict[str, object]] | None:
    """Return the smallest positive finite value of a column and the `keys` of its first row; None without any."""
    best, row, first = math.inf, -1, 0
    for chunk in _chunks(path, [column]):
        values = np.asarray(chunk[column])
        usable = np.where((values > 0.0) & (values < best), values, np.inf)
        place = int(np.argmin(usable)) if usable.size else 0
        if usable.size and usable[place] < best:
            best, row = float(usable[place]), first + place
        first += values.size
    return None if row < 0 else (best, _row(path, row, keys))


WHOLE = 4 * GROUP
"""Rows of a table in which sweeps are followed from end to end."""
DELTA = "delta"
"""The key along which the errors of a sweep say how much of one is luck."""


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
    if DELTA not in keys or shape_of(path)[DELTA][0] is not float:
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
    return None if row < 0 else (found, _row(path, row, keys))


def _typical(path: Path, column: str, keys: Sequence[str], growth: int) -> Iterator[tuple[Array, Array]]:
    """Yield the typical errors and the deltas of a table, block by block."""
    types = {name: kind for name, (kind, _) in shape_of(path).items()}
    words = Words({name: types[name] for name in dict.fromkeys([column, DELTA, *keys])})
    blocks: Iterable[Array] = words.blocks(path)
    if 0 < recorded(path).rows <= WHOLE:  # of many jobs each may hold one delta of every sweep
        blocks = [np.concatenate(list(blocks), axis=1)]
    before: tuple[Array, Array] | None = None
    for block in blocks:
        pair = block if before is None else np.concatenate([before[1], block], axis=1)
        error, delta = pair[:2].view(np.float64)
        typical = typical_in(pair[2:], delta, error, growth)
        if before is not None:
            rows = before[0].size
            yield np.fmax(before[0], typical[:rows]), delta[:rows]  # each block is seen with both its neighbours
            typical = typical[rows:]
        before = typical, block
    if before is not None:
        yield before[0], before[1][1].view(np.float64)


def typical_in(keys: Array, delta: Array, error: Array, growth: int) -> Array:
    """Return the typical errors of sweeps over delta, of which the columns of a matrix of words tell rows apart."""
    return typical_error(delta, error, growth=growth, curve=_curves(keys))


def _curves(keys: Array) -> Array:
    """Number the columns of a matrix, equal ones alike."""
    if not keys.size:
        return np.zeros(keys.shape[1], dtype=np.intp)
    order = np.lexsort(keys)
    number = np.empty(order.size, dtype=np.intp)
    number[order] = np.cumsum(np.any(np.diff(keys[:, order], axis=1, prepend=keys[:, order[:1]]), axis=0))
    return number


def _row(path: Path, row: int, columns: Sequence[str]) -> dict[str, object]:
    """Return some columns of one row; of the file only its row group is read."""
    if not columns:  # read without any, a table has no rows
        return {}
    with _opened(path) as file:
        group = 0
        while row >= (size := file.metadata.row_group(group).num_rows):
            group, row = group + 1, row - size
        found: dict[str, object] = file.read_row_group(group, columns=list(columns)).slice(row, 1).to_pylist()[0]
    return {name: found[name] for name in columns}


def largest(path: Path, column: str) -> float:
    """Return the largest value of a column; infinity where a row has none, and of a table without rows."""
    found = (np.asarray(chunk[column]) for chunk in _chunks(path, [column]))
    return max((float(np.where(np.isnan(v), np.inf, v).max()) for v in found if v.size), default=math.inf)


def head(path: Path, n: int) -> pd.DataFrame:
    """Read the first `n` rows as a frame."""
    with _opened(path) as file:
        batches = list(islice(file.iter_batches(batch_size=n), 1)) if n > 0 else []
        return pa.Table.from_batches(batches, schema=file.schema_arrow).to_pandas()  # type: ignore[no-any-return]


def spread(path: Path, n: int) -> pd.DataFrame:
    """Read at most `n` rows as a frame, evenly from the first to the last.

    Of a file of many row groups these are rows of `SPREAD_GROUPS` of them, also taken evenly.
    """
    with _opened(path) as file:
        groups = np.arange(file.num_row_groups)
        if groups.size > SPREAD_GROUPS:
            groups = _evenly(groups.size, SPREAD_GROUPS)
        sizes = [file.metadata.row_group(int(group)).num_rows for group in groups]
        starts = np.cumsum([0, *sizes])
        wanted = _evenly(int(starts[-1]), n)
        parts = [file.schema_arrow.empty_table()]
        for group, start, size in zip(groups, starts[:-1], sizes, strict=True):
            rows = wanted[(wanted >= start) & (wanted < start + size)] - start
            if rows.size:
                parts.append(file.read_row_group(int(group)).take(rows))
    return pa.concat_tables(parts).unify_dictionaries().to_pandas()  # type: ignore[no-any-return]


def _evenly(count: int, n: int) -> Array:
    """At most `n` of the numbers below `count`, the first and the last among them."""
    return np.round(np.linspace(0, count - 1, min(n, count))).astype(np.int64)


def write_csv(path: Path) -> Path | None:
    """Write a table of at most `CSV_ROWS` rows as ``<name>.csv`` beside its Parquet file, else return None.

    Floats are written by ``repr``, so that reading them gives the same bits; a missing number is an empty
    field. A text that a spreadsheet would take for a formula has an apostrophe before it.
    """
    with _opened(path) as file:
        if file.metadata.num_rows > CSV_ROWS:
            return None
    target = path.with_suffix(".csv")
    with replacing(target) as file, io.TextIOWrapper(file, newline="", encoding="utf-8", write_through=True) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(shape_of(path))
        for chunk in _chunks(path):
            cells = (_listed(_safe(value), slice(None)) for value in chunk.values())
            writer.writerows(zip(*cells, strict=True))
    return target


def _safe(value: Any) -> Any:
    """Return a column for a spreadsheet: its texts are none that it would compute."""
    return (value[0], [spreadsheet.cell(label) for label in value[1]]) if _is_coded(value) else value


def estimate_bytes(tables: Mapping[str, Shape], rows: int, *, jobs: int = 1) -> int:
    """Return how many bytes a run may need on disk at most, for the check before it starts.

    Parameters
    ----------
    tables
        The runner's TABLES; the first is the main one, and the others are small beside it.
    rows
        Rows of the main table, over all jobs.
    jobs
        Number of jobs. With more than one the rows exist twice: in the jobs and gathered.
    """
    kinds = [*(kind for kind, _ in next(iter(tables.values())).values()), int]
    parquet = rows * sum(np.dtype(KINDS[kind].dtype).itemsize for kind in kinds) * (1 if jobs == 1 else 2)
    text = rows * len(kinds) * 26 if rows <= CSV_ROWS else 0  # the longest float64 has 24 characters
    return parquet + parquet // 32 + text + (jobs + 1) * len(tables) * 65536


def seconds_to_store(path: Path | str) -> float:
    """Return how long pyarrow alone takes to write the rows of a Parquet file again, reading them left out.

    The encodings are the file's own, the target a temporary file beside it; memory stays flat.
    """
    source = Path(path)
    target = source.with_suffix(".again")
    spent = 0.0
    try:
        with _opened(source) as file, _parquet_writer(target, file.schema_arrow) as writer:
            for batch in file.iter_batches(batch_size=GROUP):
                start = time.perf_counter()
                writer.write_batch(batch)
                spent += time.perf_counter() - start
    finally:
        target.unlink(missing_ok=True)
    return spent
