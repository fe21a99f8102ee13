"""Somebody's files, CSV or Parquet: columns of times and samples, or one line on what is wrong with them."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from experiments.datafile import NO_ANSWER, AnswersFile, DataFile
from experiments.messages import ConfigurationError, line_of, near, nearest, show

PARQUET = (".parquet", ".pq")
"""Ends of the names of files that are no text."""
SEPARATORS = ",;\t| "
"""Between the cells of a text file: that of these which its first line has most of, an earlier one before a later."""
ANSWERED = "function", "x", "value", "error"
"""The columns that a file of answers has."""
OF_TOOLS = ("not_ok", "refused", "raised", "hung", "killed")
"""Statuses that another tool may have beside those of this library."""
EXAMPLE = "data=run.csv t=time y=position"

Frame = Any


def of_keys(plain: Mapping[str, object]) -> DataFile | None:
    """Return what the keys data, t and y of a configuration choose of a file; None where there is no data.

    Raises
    ------
    ConfigurationError
        If there is no such file or column, or a cell is no number; with the names that there are, or the row.
    """
    data, t, y = (plain.get(key) for key in ("data", "t", "y"))
    if data is None:
        if t is not None or y is not None:
            raise ConfigurationError(f"t and y are columns of a file, and data names none; write {EXAMPLE}")
        return None
    if not isinstance(data, str):
        raise ConfigurationError(f"data={show(data)}: no path of a file; write {EXAMPLE}")
    frame, digest = _read(data)
    names = [str(name) for name in frame.columns]
    time = _column("t", t, names) if t is not None else names[0]
    chosen = _chosen(y, frame, names, time)
    times = _times(data, time, frame[time])
    return DataFile(
        name=data, sha256=digest, time=time, t=times, channels={one: _numbers(data, one, frame[one]) for one in chosen}
    )


def answers(plain: Mapping[str, object]) -> tuple[AnswersFile, ...]:
    """Return the answers in the files that the key answers of a configuration names.

    Raises
    ------
    ConfigurationError
        If there is no such file, a column is missing, or a cell is no number.
    """
    named = plain.get("answers") or ()
    return tuple(_answers(one) for one in ([named] if isinstance(named, str) else named))  # type: ignore[attr-defined]


def _answers(data: object) -> AnswersFile:
    """The answers in a file."""
    if not isinstance(data, str):
        raise ConfigurationError(f"answers={show(data)}: no path of a file; write answers=mine.csv")
    frame, digest = _read(data, key="answers")
    missing = [name for name in ANSWERED if name not in frame]
    if missing:
        raise ConfigurationError(
            f"answers={show(data)}: there is no column {missing[0]}; the columns are {', '.join(ANSWERED)}, and as you"
            " like status and evaluations"
        )
    numbers = {name: _numbers(data, name, frame[name], key="answers") for name in ANSWERED[1:]}
    negative = np.flatnonzero(numbers["error"] < 0.0)
    if negative.size:
        first = numbers["error"][negative[0]]
        raise ConfigurationError(
            f"answers={show(data)}: {_cell(frame, negative[0], 'error')} is {first:g}; write 0 or more, or nothing"
        )
    counted = _numbers(data, "evaluations", frame["evaluations"], key="answers") if "evaluations" in frame else None
    return AnswersFile(
        name=data, sha256=digest, function=frame["function"].astype(str).to_numpy(), **numbers,
        status=_statuses(data, frame, np.isfinite(numbers["value"])),
        evaluations=np.nan_to_num(np.zeros(len(frame)) if counted is None else counted).astype(np.int64),
    )  # fmt: skip


def _statuses(data: str, frame: Frame, there: NDArray[np.bool_]) -> NDArray[Any]:
    """The statuses of a file of answers, or where it does not say whether there is a value."""
    status = np.where(there, str(dk.Status.OK), NO_ANSWER).astype(object)
    if "status" not in frame:
        return status
    column = frame["status"]
    written = column.notna().to_numpy()
    status[written] = column[written].astype(str).str.strip()
    known = (*map(str, dk.Status), *OF_TOOLS, NO_ANSWER)
    strange = np.flatnonzero([one not in known for one in status])
    if strange.size:
        row = strange[0]
        raise ConfigurationError(
            f"answers={show(data)}: {_cell(frame, row, 'status')} is {show(status[row])!r};"
            f" the statuses are {', '.join(known)}"
        )
    return status


def _read(data: str, *, key: str = "data") -> tuple[Frame, str]:
    """The table in a file, and the hash of its content."""
    import pandas as pd  # noqa: PLC0415 - heavy, and a run without a file does not pay for it

    path = Path(data).expanduser()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{key}={show(data)}: {_unread(path, error)}") from error
    try:
        frame: Frame = _rows(pd.read_parquet(path)) if path.suffix.lower() in PARQUET else _parsed(path, content)
    except Exception as error:  # a file may be broken in any way
        raise ConfigurationError(f"{key}={show(data)}: neither a CSV nor a Parquet file: {line_of(error)}") from error
    frame.columns = [str(name).strip() for name in frame.columns]
    if not len(frame):
        raise ConfigurationError(f"{key}={show(data)}: there are no rows below the header")
    if frame.columns.has_duplicates:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise ConfigurationError(f"{key}={show(data)}: two columns are called {show(twice)!r}; rename one of them")
    return frame, hashlib.sha256(content).hexdigest()


def _unread(path: Path, error: OSError) -> str:
    """Why a file could not be read, with the tables beside it if it is not there."""
    if not isinstance(error, FileNotFoundError):
        return f"it cannot be read: {error.strerror or error}"
    folder = path.parent
    if not folder.is_dir():
        return f"there is no folder {near(folder)}"
    endings = (".csv", ".tsv", ".txt", *PARQUET)
    tables = [one.name for one in folder.iterdir() if one.suffix.lower() in endings]
    others = nearest(path.name, tables) if tables else f"no file there ends in {' or '.join(endings)}"
    return f"there is no such file in {near(folder.absolute())}; {others}"


def _parsed(path: Path, content: bytes) -> Frame:
    """The table in a text file; its columns are called 1, 2, ... where its first line is one of numbers."""
    import pandas as pd  # noqa: PLC0415 - as above

    text = content.decode("utf-8-sig", errors="replace")
    lines = (line.strip() for line in text.splitlines() if not line.startswith("#"))
    first = next((line for line in lines if line), "")
    separator = max(SEPARATORS, key=first.count)
    cells = next(csv.reader([first], delimiter=separator), [])
    bare = bool(cells) and all(_is_number(cell) for cell in cells)
    names = [str(k + 1) for k in range(len(cells))] if bare else None
    form: dict[str, Any] = {"sep": r"\s+"} if separator == " " else {"sep": separator, "skipinitialspace": True}
    header = None if bare else 0
    frame: Frame = pd.read_csv(path, comment="#", encoding="utf-8-sig", header=header, names=names, **form)
    filled = [k for k, line in enumerate(text.splitlines(), 1) if line.strip() and not line.startswith("#")]
    of_rows = filled if bare else filled[1:]
    # a cell in quotes may hold several lines, of which nobody knows here
    return frame.set_axis(pd.Index(of_rows, name="line")) if len(of_rows) == len(frame) else _rows(frame)


def _rows(frame: Frame) -> Frame:
    """A table whose rows are counted from 1."""
    import pandas as pd  # noqa: PLC0415 - as above

    return frame.set_axis(pd.RangeIndex(1, len(frame) + 1, name="row"))


def _cell(frame: Frame, row: int, column: str) -> str:
    """Where a cell stands: in a line of a text as an editor shows it, the header counted, or in a row of a table."""
    return f"{frame.index.name} {frame.index[row]} of column {column}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


# Columns


def _column(key: str, value: object, names: Sequence[str]) -> str:
    """The column that a name or a number, counted from 1, stands for."""
    text = str(value)
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ConfigurationError(f"{key}={show(value)}: no column; write its name or its number, {EXAMPLE}")
    if text in names:
        return text
    if isinstance(value, int):
        if not 1 <= value <= len(names):
            raise ConfigurationError(f"{key}={value}: there are columns 1 to {len(names)}: {', '.join(names[:12])}")
        return names[value - 1]
    raise ConfigurationError(f"{key}={show(value)}: no such column; the file has {_listed(names, text)}")


def _listed(names: Sequence[str], text: str) -> str:
    more = f", ... ({len(names)} in all)" if len(names) > 12 else ""
    close = nearest(text, names, otherwise=" ")
    return f"{', '.join(names[:12])}{more}{f'; {close}' if close.strip() else ''}"


def _chosen(y: object, frame: Frame, names: Sequence[str], time: str) -> list[str]:
    """The columns of samples: all others that hold numbers where none is named."""
    if y is None:
        numeric = [name for name in names if name != time and frame[name].dtype.kind in "iuf"]
        if not numeric:
            others = ", ".join(name for name in names if name != time) or "another column"
            raise ConfigurationError(
                f"no column beside {time} holds numbers alone; {_decimal_comma(frame) or f'write y=NAME of {others}'}"
            )
        return numeric
    chosen = [_column("y", one, names) for one in (y if isinstance(y, (list, tuple)) else [y])]
    if not chosen or len(set(chosen)) < len(chosen):
        raise ConfigurationError(f"y={show(y)}: write one column or several, each once")
    return chosen


def _decimal_comma(frame: Frame) -> str:
    """What to do where a cell is a number but for its decimal comma; nothing where none is."""
    cells = (str(cell) for name in frame for cell in frame[name].dropna().head(1))
    found = next((cell for cell in cells if cell.count(",") == 1 and _is_number(cell.replace(",", "."))), None)
    return "" if found is None else f"{found!r} has a decimal comma: write points, {found.replace(',', '.')!r}"


def _numbers(data: str, name: str, column: Frame, *, key: str = "data") -> NDArray[np.float64]:
    """A column as numbers; NaN where a cell is empty."""
    import pandas as pd  # noqa: PLC0415 - as above

    series: Frame = pd.to_numeric(column, errors="coerce")
    numbers = np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
    wrong = np.flatnonzero((np.isnan(numbers) & column.notna().to_numpy()) | np.isinf(numbers))
    if wrong.size:
        cell = str(show(column.iloc[wrong[0]]))
        way_out = _decimal_comma(column.iloc[wrong[:1]].to_frame()) or "write a finite number there, or nothing"
        raise ConfigurationError(f"{key}={show(data)}: {_cell(column, wrong[0], name)} is {cell!r}; {way_out}")
    return numbers


def _times(data: str, name: str, column: Frame) -> NDArray[Any]:
    """A column as times, numbers or dates; every row has one."""
    missing = np.flatnonzero(column.isna().to_numpy())
    if missing.size:
        raise ConfigurationError(
            f"data={show(data)}: {_cell(column, missing[0], name)} is empty; every sample needs a time"
        )
    if column.dtype.kind in "iufb" or _is_number(str(column.iloc[0])):
        return _numbers(data, name, column)
    return _dates(data, name, column)


def _dates(data: str, name: str, column: Frame) -> NDArray[Any]:
    """A column of dates; those of a zone in UTC."""
    import pandas as pd  # noqa: PLC0415 - as above

    dates: Frame = pd.to_datetime(column, errors="coerce", format="ISO8601", utc=True)
    wrong = np.flatnonzero(dates.isna().to_numpy())
    if wrong.size:
        cell = show(column.iloc[wrong[0]])
        way_out = _decimal_comma(column.iloc[wrong[:1]].to_frame()) or (
            "write a number or a date such as 2026-01-31 12:30:00"
        )
        raise ConfigurationError(f"data={show(data)}: {_cell(column, wrong[0], name)} is {cell!r}; {way_out}")
    return np.asarray(dates.dt.tz_localize(None).to_numpy(dtype="datetime64[ns]"))
