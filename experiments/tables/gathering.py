"""The tables of many jobs as one table each: one file, or of many rows a folder of the jobs' own files.

Rows of small tables are written again into one file. Of large ones that would cost thirty times the processor time of
naming them: they become the parts of a folder, by hard links where the filesystem allows, so that they take no room
twice. pandas, pyarrow and Polars read either by its name, DuckDB a folder by ``table.parquet/*.parquet``. Whichever it
is, the content hash is that of the rows in their order.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from experiments.files import PART, put_in_place, remove
from experiments.tables import hashing
from experiments.tables.hashing import KINDS, TableRecord
from experiments.tables.parts import REMEMBERED, SUFFIX, Footer, chunks, footer_of, small_table, stated_hash
from experiments.tables.words import hash_of
from experiments.tables.writing import Stream

ONE_FILE = 1 << 21
"""Most rows of a table of many jobs that is written again as one file: that takes about a second."""


def gather(jobs: Sequence[Path], target: Path, held: Sequence[Collection[str]] | None = None) -> dict[str, TableRecord]:
    """Join the tables of the jobs, in the order given, into one per name.

    Parameters
    ----------
    jobs
        Directories of the jobs. A table that only some of them have is joined from those.
    target
        Directory that receives ``<table>.parquet``.
    held
        The names of the tables of each job, whatever else lies beside them; None for all that lie there.

    Returns
    -------
    dict
        Rows and content hash of every table, ``table`` first.
    """
    held = [{path.stem for path in Path(job).glob(f"*{SUFFIX}")} for job in jobs] if held is None else held
    records = {}
    for name in sorted(set().union(*held), key=lambda name: (name != "table", name)):
        parts = [Path(job) / f"{name}{SUFFIX}" for job, names in zip(jobs, held, strict=True) if name in names]
        rewritten = 1 < len(parts) <= REMEMBERED
        footers = [_footer(part, with_rows=rewritten) for part in parts]
        records[name] = _joined(footers, Path(target) / f"{name}{SUFFIX}")
    return records


def _footer(part: Path, *, with_rows: bool) -> Footer:
    """Return the footer of a file; with it the rows of a small one are read, which will be written again."""
    if with_rows:
        small_table(part)
    return footer_of(part)


def _joined(footers: Sequence[Footer], path: Path) -> TableRecord:
    _refuse_other_columns(footers)
    rows = sum(footer.rows for footer in footers)
    if len(footers) == 1:
        return _linked(footers[0], path)
    # A folder of small files is read slowly: of these one is written, however large it becomes.
    large = rows > ONE_FILE and rows >= len(footers) * hashing.GROUP
    return _folder(footers, path) if large else _rewritten(footers, path)


def _linked(footer: Footer, path: Path) -> TableRecord:
    record = TableRecord(footer.rows, stated_hash([footer]) or hash_of(footer.path))
    part = path.with_name(path.name + PART)
    remove(part)
    _link(footer.path, part)
    put_in_place(part, path)
    part.unlink(missing_ok=True)  # rename does nothing when both names are already one file
    return record


def _folder(footers: Sequence[Footer], path: Path) -> TableRecord:
    folder = path.with_name(path.name + PART)
    remove(folder)
    folder.mkdir()
    digits = len(str(len(footers)))
    try:
        for number, footer in enumerate(footers):
            _link(footer.path, folder / f"part-{number:0{digits}}{SUFFIX}")
        rows = sum(footer.rows for footer in footers)
        record = TableRecord(rows, stated_hash(footers) or hash_of(folder))
        put_in_place(folder, path)
    finally:
        remove(folder)
    return record


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # other filesystem, or one without links
        shutil.copyfile(source, target)


def _rewritten(footers: Sequence[Footer], path: Path) -> TableRecord:
    stream = Stream(path, footers[0].shape, footers[0].measured)
    try:
        for footer in footers:
            for chunk in chunks(footer.path):
                stream.write(chunk)
        record = stream.finish()
        stream.publish()
    except BaseException:
        stream.discard()
        raise
    return record


def _refuse_other_columns(footers: Sequence[Footer]) -> None:
    first = _described(footers[0])
    for footer in footers[1:]:
        if (other := _described(footer)) != first:
            odd = ", ".join(sorted(set(first) ^ set(other))) or "their order"
            raise ValueError(f"{footers[0].path} and {footer.path} do not have the same columns: see {odd}")


def _described(footer: Footer) -> list[str]:
    measured = footer.measured
    return [f"{name} {KINDS[kind].name}{' (measured)' * (name in measured)}" for name, kind in footer.types.items()]
