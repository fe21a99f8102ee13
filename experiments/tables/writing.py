"""Rows on their way into Parquet files, which appear whole or not at all.

A study yields chunks of columns; `Writer` checks them and streams them to one Parquet file per table.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from experiments.files import PART, put_in_place
from experiments.study import Shape
from experiments.tables import hashing
from experiments.tables.hashing import (
    BLOCKS_KEY,
    HASH_KEY,
    KINDS,
    MEANING_KEY,
    MEASURED_KEY,
    Array,
    CodeBook,
    Columns,
    ContentHash,
    Kind,
    TableRecord,
    excerpt,
    is_coded,
    length,
)
from experiments.tables.parquet import batches, footer
from experiments.tables.reading import CSV_ROWS

if TYPE_CHECKING:
    from types import TracebackType


class Stream:
    """One table on its way into one Parquet file: `write` it, `finish` it and `publish` it, or `discard` it.

    Two blocks take turns: while one is being filled, another thread hashes and stores the other, which releases the
    interpreter's lock, so that a study computes while its last rows are written. One such thread is enough, and two
    would take the caches from one another. Text is numbered within a block, as its hash and its row group have it.
    """

    def __init__(self, path: Path, columns: Shape, measured: Collection[str] = ()) -> None:
        self.path = path
        self.rows = 0
        self._part = path.with_name(path.name + PART)
        self._kinds = {name: KINDS[kind] for name, (kind, _) in columns.items()}
        self._hash = ContentHash({name: kind for name, (kind, _) in columns.items()}, measured)
        self._schema = _schema(columns, measured)
        self._block, self._books = self._new_block(), self._new_books()
        self._spare: dict[str, Array] = {}
        self._filled = 0
        self._running: Future[None] | None = None
        self._pool = ThreadPoolExecutor(1)
        self._writer = _parquet_writer(self._part, self._schema)

    def _new_block(self) -> dict[str, Array]:
        # Pages that are never touched cost nothing: a table of ten rows does not pay for a block.
        return {name: np.empty(hashing.GROUP, dtype=kind.dtype) for name, kind in self._kinds.items()}

    def _new_books(self) -> dict[str, CodeBook]:
        return {name: CodeBook() for name, kind in self._kinds.items() if kind is KINDS[str]}

    def write(self, columns: Columns) -> None:
        """Append a chunk. It is checked whole before the first row of it is taken."""
        table = self.path.stem
        rows = _rows(table, columns, self._kinds)
        checked = {name: _checked(f"{table}.{name}", columns[name], kind) for name, kind in self._kinds.items()}
        if rows:  # the constants of no rows are no labels of this table
            self._append(checked, rows)

    def _append(self, checked: Columns, rows: int) -> None:
        start = 0
        while start < rows:
            count = min(rows - start, hashing.GROUP - self._filled)
            here, there = slice(self._filled, self._filled + count), slice(start, start + count)
            for name, value in checked.items():
                piece = excerpt(value, there)
                self._block[name][here] = self._books[name].encode(piece) if name in self._books else piece
            start += count
            self._filled += count
            if self._filled == hashing.GROUP:
                self._flush()
        self.rows += rows

    def _flush(self) -> None:
        self._settle()
        block = {
            name: (values[: self._filled], self._books[name].labels) if name in self._books else values[: self._filled]
            for name, values in self._block.items()
        }
        if self._filled == hashing.GROUP:
            self._running = self._pool.submit(self._store, block)
            self._block, self._spare = self._spare or self._new_block(), self._block
            self._books = self._new_books()
        else:  # the last rows of a table, which may be few: starting a thread costs more than it saves
            self._store(block)
        self._filled = 0

    def _settle(self) -> None:
        if self._running is not None:
            self._running.result()
        self._running = None

    def _store(self, block: Columns) -> None:
        """Hash and store a block."""
        self._hash.update(block)
        arrays = [_text_array(*values) if is_coded(values) else _number_array(values) for values in block.values()]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema), row_group_size=hashing.GROUP)

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
        put_in_place(self._part, self.path)

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
    # Measured on a delta sweep: level -1 and whole blocks take a sixth less time than level 1 and pyarrow's batches of
    # 1024 values, and as many bytes.
    try:
        return pq.ParquetWriter(
            str(path),
            schema,
            compression="zstd",
            compression_level=-1,
            write_batch_size=hashing.GROUP,
            use_dictionary=[name for name, encoding in encodings.items() if encoding is None],
            column_encoding={name: encoding for name, encoding in encodings.items() if encoding},
            write_page_checksum=True,
        )
    except BaseException:
        path.unlink(missing_ok=True)  # it has begun to write
        raise


def _text_array(codes: Array, labels: Sequence[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(labels, type=pa.string()), safe=False)


def _number_array(values: Any) -> pa.Array:
    missing = np.isnan(values) if values.dtype.kind == "f" else np.False_
    return pa.array(values, mask=missing if np.any(missing) else None)


def _rows(table: str, columns: Columns, expected: Mapping[str, Kind]) -> int:
    """Return the number of rows of a chunk; its names and lengths must fit the table."""
    for name in columns:
        if name not in expected:
            raise ValueError(f"table {table!r} has no column {name!r}; its columns are {', '.join(expected)}")
    for name in expected:
        if name not in columns:
            raise ValueError(f"a chunk of table {table!r} lacks the column {name!r}")
    lengths = {name: size for name in expected if (size := length(columns[name])) is not None}
    if not lengths:
        raise ValueError(f"a chunk of table {table!r} has constants only; give one column as an array")
    first, rows = next(iter(lengths.items()))
    for name, size in lengths.items():
        if size != rows:
            raise ValueError(f"a chunk of table {table!r} has {rows} rows in column {first!r} and {size} in {name!r}")
    return rows


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
    if is_coded(value):
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
        self._streams: dict[str, Stream] = {}
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
            self._streams[name] = Stream(path, self._tables[name], self._measured[name])
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


def estimate_bytes(tables: Mapping[str, Shape], rows: int, *, jobs: int = 1) -> int:
    """Return how many bytes a run may need on disk at most, for the check before it starts.

    Parameters
    ----------
    tables
        The tables of the study; the first is the main one, and the others are small beside it.
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
    """Return how long pyarrow alone takes to write the rows of a table again, reading them left out.

    The encodings are the file's own, the target a temporary file beside it; memory stays flat.
    """
    source = Path(path)
    target = source.with_suffix(".again")
    spent = 0.0
    try:
        with _parquet_writer(target, footer(source).schema) as writer:
            for batch in batches(source):
                start = time.perf_counter()
                writer.write_batch(batch)
                spent += time.perf_counter() - start
    finally:
        target.unlink(missing_ok=True)
    return spent
