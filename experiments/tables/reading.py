"""Tables read back, whole or in part, as frames, arrays and text.

What is read serves figures, reports and ``conclude``; memory stays flat where rows are streamed.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial, reduce
from itertools import islice
from operator import and_
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from experiments import spreadsheet
from experiments.files import replacing
from experiments.tables import hashing
from experiments.tables.hashing import Array, Columns, is_coded, plain
from experiments.tables.parquet import READING, batches, chunks, column_of, footer, opened, parts_of

if TYPE_CHECKING:
    import pandas as pd

CSV_ROWS = 100_000
"""The most rows a table may have to be written as text as well."""

READ_TOGETHER = 64
"""The most small tables that threads hold before they are joined: a constant without a derivation."""

SPREAD_GROUPS = 24
"""The most row groups that are read to show some rows of a table."""


def several(paths: Sequence[Path], columns: Sequence[str]) -> Iterator[Columns]:
    """Yield some columns of small tables, the rows of one after those of the other, about `GROUP` rows at once.

    To convert a column costs the same for ten rows as for ten thousand: a thousand tables are joined before.
    """
    read: list[pa.Table] = []
    rows = 0
    with ThreadPoolExecutor(pa.cpu_count()) as threads:
        for start in range(0, len(paths), READ_TOGETHER):
            for table in threads.map(partial(_whole, columns=columns), paths[start : start + READ_TOGETHER]):
                read.append(table)
                rows += len(table)
                if rows >= hashing.GROUP:
                    yield _joined(read)
                    read, rows = [], 0
    if read:
        yield _joined(read)


def _whole(path: Path, columns: Sequence[str]) -> pa.Table:
    with opened(path) as file:
        return file.read(list(columns), use_threads=False).select(list(columns))


def _joined(tables: Sequence[pa.Table]) -> Columns:
    table = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    return {name: column_of(table.column(name).combine_chunks()) for name in table.column_names}


def frame_of(columns: Mapping[str, object]) -> pd.DataFrame:
    """Return columns as a frame; coded text, whose labels are each another, is categorical."""
    import pandas as pd  # noqa: PLC0415 - a run that is refused does not pay for it

    def column(value: object) -> object:
        if not is_coded(value):
            return np.asarray(value)
        codes, labels = value
        return pd.Categorical.from_codes(codes, categories=pd.Index(labels))

    return pd.DataFrame({name: column(value) for name, value in columns.items()})


def read(path: Path, columns: Sequence[str] | None = None, where: Mapping[str, object] | None = None) -> pd.DataFrame:
    """Read a table, or a part of it, as a frame; text is categorical, a missing number is NaN.

    Parameters
    ----------
    path
        The table.
    columns
        Names of the columns wanted, in this order; None for all.
    where
        Column to a value, or to a list of values: only rows that have one of them are read. Row groups that
        cannot hold such a row are skipped.
    """
    filters = [
        (name, "in", value if isinstance(value, (list, tuple)) else [value]) for name, value in (where or {}).items()
    ]
    return _frame([_read(part, columns, filters) for part in parts_of(path)])


def _read(
    part: Path, columns: Sequence[str] | None = None, filters: Sequence[tuple[str, str, object]] = ()
) -> pa.Table:
    with opened(part) as file:
        _refuse_unknown(part, file.schema_arrow, [*(columns or ()), *(name for name, _, _ in filters)])
        if filters and file.metadata.num_rows > hashing.GROUP:
            # One thread: more of them read far ahead of the rows that pass.
            return pq.read_table(str(part), columns=columns, filters=filters, use_threads=False, **READING)
        if filters:
            rows = file.read().filter(pq.filters_to_expression(list(filters)))
            return rows.select(list(columns)) if columns else rows
        return file.read(columns)


def _frame(tables: Sequence[pa.Table]) -> pd.DataFrame:
    """Return the rows of some tables, one after the other."""
    return pa.concat_tables(tables).unify_dictionaries().to_pandas()  # type: ignore[no-any-return]  # no types there


def read_every(path: Path, columns: Sequence[str], where: Mapping[str, Sequence[object]], step: int) -> pd.DataFrame:
    """Read one in `step` of the rows that have, in each column of `where`, one of its values; block by block."""
    schema = footer(path).schema
    _refuse_unknown(path, schema, [*columns, *where])
    wanted = [pc.field(name).isin(list(values)) for name, values in where.items()]
    row = 0
    blocks = [schema.empty_table().select(list(columns))]
    for batch in batches(path, list(dict.fromkeys([*columns, *where]))):
        block = pa.Table.from_batches([batch])
        block = block.filter(reduce(and_, wanted)) if wanted else block
        blocks.append(block.take(np.arange(-row % step, block.num_rows, step)).select(list(columns)))
        row += block.num_rows
    return _frame(blocks)


def _refuse_unknown(path: Path, schema: pa.Schema, columns: Sequence[str]) -> None:
    for name in columns:
        if name not in schema.names:
            raise ValueError(f"{path} has no column {name!r}; its columns are {', '.join(schema.names)}")


def columns_of(path: Path) -> dict[str, Array]:
    """Read a whole table as arrays of shape ``(rows,)``.

    Floats are float64 with NaN where a number is missing, the others int64, bool, and objects for text.
    """
    whole = _joined([_read(part) for part in parts_of(path)])
    return {name: np.array(plain(value)) for name, value in whole.items()}  # which may be written into


def distinct(path: Path, columns: Sequence[str], limit: int) -> tuple[list[tuple[object, ...]], int]:
    """Return the first `limit` distinct values of some columns, in row order, and how many there are in all.

    The table is streamed; memory grows with the number of distinct values. A missing number is None.
    """
    import pandas as pd  # noqa: PLC0415 - a run that is refused does not pay for it

    _refuse_unknown(path, footer(path).schema, columns)
    keys: dict[tuple[object, ...], None] = {}
    for chunk in chunks(path, columns):
        # Text is compared by code, which is one to one within a chunk.
        values = {name: _comparable(value) for name, value in chunk.items()}
        starts = _starts(list(values.values()))
        frame = pd.DataFrame({name: value[starts] for name, value in values.items()})
        rows = starts[~frame.duplicated().to_numpy()]
        keys.update(dict.fromkeys(zip(*(_listed(chunk[name], rows) for name in columns), strict=True)))
    return list(islice(keys, limit)), len(keys)


def _starts(columns: Sequence[Array]) -> Array:
    """Return the rows that are not equal to the row before them."""
    starts = np.zeros(columns[0].size, dtype=bool)
    starts[:1] = True
    for values in columns:
        starts[1:] |= values[1:] != values[:-1]
    return np.flatnonzero(starts)


def _comparable(value: object) -> Array:
    return value[0] if is_coded(value) else np.asarray(value)


def _listed(value: object, rows: Array | slice) -> list[object]:
    """Return some rows of a column as Python values, None for NaN."""
    if is_coded(value):
        codes, labels = value
        return [labels[code] for code in codes[rows].tolist()]
    values = np.asarray(value)[rows]
    listed: list[Any] = values.tolist()
    return [None if math.isnan(item) else item for item in listed] if values.dtype.kind == "f" else listed


def head(path: Path, n: int) -> pd.DataFrame:
    """Read the first `n` rows as a frame."""
    first, rows = [footer(path).schema.empty_table()], 0
    for batch in batches(path, rows=n) if n > 0 else ():
        first.append(pa.Table.from_batches([batch.slice(0, n - rows)]))
        rows += len(batch)
        if rows >= n:
            break
    return _frame(first)


def spread(path: Path, n: int) -> pd.DataFrame:
    """Read at most `n` rows as a frame, evenly from the first to the last.

    Of a table of many row groups these are rows of `SPREAD_GROUPS` of them, also taken evenly.
    """
    about = footer(path)
    groups = about.groups
    if len(groups) > SPREAD_GROUPS:
        groups = [groups[place] for place in _evenly(len(groups), SPREAD_GROUPS)]
    starts = np.cumsum([0, *(size for _, _, size in groups)])
    wanted = _evenly(int(starts[-1]), n)
    blocks = [about.schema.empty_table()]
    for (part, group, size), start in zip(groups, starts[:-1], strict=True):
        rows = wanted[(wanted >= start) & (wanted < start + size)] - start
        if rows.size:
            with opened(part) as file:
                blocks.append(file.read_row_group(group).take(rows))
    return _frame(blocks)


def row_at(path: Path, row: int, columns: Sequence[str]) -> dict[str, object]:
    """Return some columns of one row; of the table only its row group is read."""
    if not columns:  # read without any, a table has no rows
        return {}
    for part, group, size in footer(path).groups:
        if row < size:
            with opened(part) as file:
                values: dict[str, object] = (
                    file.read_row_group(group, columns=list(columns)).slice(row, 1).to_pylist()[0]
                )
            return {name: values[name] for name in columns}
        row -= size
    raise IndexError(f"{path} has no such row")


def _evenly(count: int, n: int) -> Array:
    """At most `n` of the numbers below `count`, the first and the last among them."""
    return np.round(np.linspace(0, count - 1, min(n, count))).astype(np.int64)


def write_csv(path: Path) -> Path | None:
    """Write a table of at most `CSV_ROWS` rows as ``<name>.csv`` beside its Parquet file, else return None.

    Floats are written by ``repr``, so that reading them gives the same bits; a missing number is an empty
    field. A text that a spreadsheet would take for a formula has an apostrophe before it.
    """
    about = footer(path)
    if about.rows > CSV_ROWS:
        return None
    target = path.with_suffix(".csv")
    with replacing(target) as file, io.TextIOWrapper(file, newline="", encoding="utf-8", write_through=True) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(about.types)
        for chunk in chunks(path):
            cells = (_listed(_safe(value), slice(None)) for value in chunk.values())
            writer.writerows(zip(*cells, strict=True))
    return target


def _safe(value: Any) -> Any:
    """Return a column for a spreadsheet: its texts are none that it would compute."""
    return (value[0], [spreadsheet.cell(label) for label in value[1]]) if is_coded(value) else value
