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
from experiments.tables.encoding import recorded
from experiments.tables.hashing import KINDS, TableRecord
from experiments.tables.parquet import SUFFIX, Footer, chunks, footer
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
        records[name] = _joined([footer(part) for part in parts], Path(target) / f"{name}{SUFFIX}")
    return records


def _joined(footers: Sequence[Footer], path: Path) -> TableRecord:
    _refuse_other_columns(footers)
    whole = Footer(parts=[part for one in footers for part in one.parts])
    if len(whole.parts) == 1:
        return _linked(whole, path)
    # A folder of small files is read slowly: of these one is written, however large it becomes.
    large = whole.rows > ONE_FILE and whole.rows >= len(whole.parts) * hashing.GROUP
    return _folder(whole, path) if large else _rewritten(whole, path)


def _linked(table: Footer, path: Path) -> TableRecord:
    record = recorded(table.parts[0].path)
    provisional = path.with_name(path.name + PART)
    remove(provisional)
    _link(table.parts[0].path, provisional)
    put_in_place(provisional, path)
    provisional.unlink(missing_ok=True)  # rename does nothing when both names are already one file
    return record


def _folder(table: Footer, path: Path) -> TableRecord:
    folder = path.with_name(path.name + PART)
    remove(folder)
    folder.mkdir()
    digits = len(str(len(table.parts)))
    try:
        for number, part in enumerate(table.parts):
            _link(part.path, folder / f"part-{number:0{digits}}{SUFFIX}")
        record = recorded(folder)
        put_in_place(folder, path)
    finally:
        remove(folder)
    return record


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # other filesystem, or one without links
        shutil.copyfile(source, target)


def _rewritten(table: Footer, path: Path) -> TableRecord:
    stream = Stream(path, table.shape, table.measured)
    try:
        for part in table.parts:
            for chunk in chunks(part.path):
                stream.write(chunk)
        record = stream.finish()
        stream.publish()
    except BaseException:
        stream.discard()
        raise
    return record


def _refuse_other_columns(footers: Sequence[Footer]) -> None:
    first = _described(footers[0])
    for one in footers[1:]:
        if (other := _described(one)) != first:
            odd = ", ".join(sorted(set(first) ^ set(other))) or "their order"
            raise ValueError(
                f"{footers[0].parts[0].path} and {one.parts[0].path} do not have the same columns: see {odd}"
            )


def _described(table: Footer) -> list[str]:
    measured = table.measured
    return [f"{name} {KINDS[kind].name}{' (measured)' * (name in measured)}" for name, kind in table.types.items()]
