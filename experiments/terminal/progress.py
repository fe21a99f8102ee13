"""What a run says in the terminal: progress while it works, the summary table, paths, and errors in one line.

Where the output is a terminal, rich draws it; elsewhere (a file, a pipe, CI) there are plain lines without
escape codes. rich is imported when something is drawn with it: a run in a pipe does not pay for it.
"""

from __future__ import annotations

import itertools
import math
import os
import re
import shutil
import sys
import textwrap
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import zip_longest
from numbers import Real
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TextIO

from experiments.messages import printable
from experiments.words import digits_of, number, numbers

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

MAX_ROWS = 30
"""Most rows of a printed table."""

MAX_LABEL = 60
"""Letters of what sets a job apart above which it is cut."""

MIN_CELL = 16
"""Letters to which a cell is cut, before its column is left out of a narrow line."""

BETWEEN_ITEMS = re.compile(r"[;,] (?![^(\[{]*[)\]}])")
"""Where a list of several items is broken: not within brackets, as those of an expression."""

OPTIONAL = frozenset({"predicted_delta", "predicted_error"})
"""Columns that a narrow terminal goes without."""

SECONDS_BEFORE_LINES, SECONDS_BETWEEN_LINES = 2.0, 10.0
"""Seconds before the first plain line of progress, and between two of them."""

QUIET: ContextVar[bool] = ContextVar("quiet", default=False)
"""Whether only errors, warnings and paths are printed: no progress, no table, nothing that a study says."""

SECONDS_BEFORE_BAR = 0.5
"""Seconds before a bar appears on a terminal."""


@dataclass(frozen=True)
class Terminal:
    """Where a run speaks: results to ``out``, progress and errors to ``err``."""

    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    clock: Callable[[], float] = time.monotonic
    quiet: bool = field(default_factory=QUIET.get)

    @property
    def width(self) -> int | None:
        """Letters of a line of ``out``, None where it is no terminal."""
        return _width(self.out)

    def error(self, message: str) -> None:
        """Print ``message`` as one line to ``err``."""
        _print(self.err, f"error: {_clean(message)}")

    def errors(self, messages: Sequence[str]) -> None:
        """Print each of the messages as an error."""
        for message in messages:
            self.error(message)

    def note(self, message: str) -> None:
        """Print ``message`` as one line to ``err``: a warning or a hint."""
        _print(self.err, _clean(message))

    def line(self, message: str) -> None:
        """Print ``message`` as one line to ``out``: a result in words."""
        _print(self.out, _clean(message))

    def paths(self, paths: Sequence[tuple[str, str | Path]]) -> None:
        """Print each path behind its label, aligned, and never broken: a path is there to be copied."""
        width = max((len(label) for label, _ in paths), default=0)
        for label, path in paths:
            _print(self.out, f"{_clean(label):<{width}}  {_clean(str(path))}")

    def printed(self, lines: Sequence[str]) -> None:
        """Print lines as they stand: what a study prints is the study's own."""
        for line in () if self.quiet else lines:
            _print(self.out, line)

    def sentences(self, sentences: Sequence[str]) -> None:
        """Print sentences, each on lines of its own that fit into the terminal."""
        width = self.width
        for sentence in () if self.quiet else sentences:
            text = _clean(sentence)
            wrapped = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) if width else [text]
            self.printed(wrapped)

    def summary(
        self,
        columns: Mapping[str, Sequence[object]],
        *,
        table: str = "table.parquet",
        keys: Sequence[str] = (),
        good_to: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Print a short table: three digits, at most MAX_ROWS rows.

        Parameters
        ----------
        columns
            Values by column.
        table
            The file that has all rows.
        keys
            Columns that tell rows apart: a table too wide for the terminal goes on below, with these once more.
        good_to
            Columns whose values have as many digits as another column vouches for, which says how far they may be off
            and is not printed.
        """
        shown = _shown(columns, good_to)
        if not shown or self.quiet:
            return
        for part in _parts(_laid_out(shown, self.width), keys, self.width):
            self._table(part)
        more = len(next(iter(columns.values()))) - MAX_ROWS
        if more > 0:
            _print(self.out, f"... and {more} more rows in {table}")

    def listing(self, columns: Mapping[str, Sequence[str]], *, numbers: Sequence[str], spare: Sequence[str]) -> None:
        """Print all rows, one line each.

        Parameters
        ----------
        columns
            Text by column; one without any text is left out.
        numbers
            Columns that are set to the right.
        spare
            Columns that a narrow line goes without, the first before the second; the last of them is cut before that.
        """
        cells = {name: [_clean(value) for value in values] for name, values in columns.items() if any(values)}
        shown = _narrowed(cells, _width(self.out), spare)
        laid = [_Column(name=name, cells=values, number=name in numbers, spare=False) for name, values in shown.items()]
        self._table(laid)

    @contextmanager
    def progress(self, *, jobs: int, rows: int | None = None) -> Iterator[Progress]:
        """Show how far a run of ``jobs`` jobs is, which together yield ``rows`` rows (None: not known)."""
        shown = _Silence if self.quiet else _Bar if _is_terminal(self.err) else _Lines
        progress = shown(self, jobs, rows)
        try:
            yield progress
        finally:
            progress.close()

    def _table(self, columns: Sequence[_Column]) -> None:
        """Print columns, on a terminal with a bold heading."""
        height = max(column.heading.count("\n") for column in columns) + 1
        lines = list(_plain_table(columns))
        if _is_terminal(self.out):
            from rich.text import Text  # noqa: PLC0415 - only where a terminal is drawn on

            # Text, not str: in rich a str is markup, and an expression may hold brackets.
            heading = Text(_fit("\n".join(lines[:height]), self.out), style="bold")
            _console(self.out).print(heading, soft_wrap=True)
            lines = lines[height:]
        if lines:
            _print(self.out, "\n".join(lines))


class Progress(ABC):
    """How far a run is.

    Whoever computes says ``start`` at each job and ``advance`` at each chunk of rows; whoever watches other processes
    compute says ``finished``.
    """

    def __init__(self, terminal: Terminal, jobs: int, rows: int | None) -> None:
        self._terminal = terminal
        self._jobs, self._rows = jobs, rows
        self._job, self._done = 0, 0
        self._finished: int | None = None
        self._before = 0
        self._began = terminal.clock()

    def start(self, job: int, label: str = "") -> None:
        """Begin job ``job``, counted from 1; ``label`` is what sets it apart, such as its overrides."""
        self._job, self._label = job, _clean(label)
        self._show()

    def advance(self, rows: int) -> None:
        """``rows`` more rows are computed."""
        self._done += rows
        self._show()

    def finished(self, jobs: int) -> None:
        """So many jobs are done, in other processes; what is done at the first call was done before."""
        if self._finished is None:
            self._before = jobs
        self._finished = jobs
        self._show()

    @abstractmethod
    def close(self) -> None:
        """The work is over, whether it ended well or not."""

    _label = ""
    _closed = False
    """Whether it is over with another number of rows than was foreseen."""

    @abstractmethod
    def _show(self) -> None:
        """Tell how far the run is."""

    @property
    def _seconds(self) -> float:
        return self._terminal.clock() - self._began

    @property
    def _place(self) -> tuple[int, int]:
        """How far, and of how much: in rows where they are known, else in jobs."""
        if self._finished is not None:
            return self._finished, self._jobs
        return (self._done, self._rows) if self._rows else (max(0, self._job - 1), self._jobs)

    @property
    def _left(self) -> float | None:
        """Seconds that the rest takes if it goes on like this."""
        done, total = self._place
        since = done - self._before
        return self._seconds * (total - done) / since if since else None

    def _text(self) -> str:
        if self._finished is not None:
            return f"{self._finished} of {self._jobs} jobs"
        of = "" if self._rows is None or self._closed else f" of {self._rows}"
        rows = f"{self._done}{of} rows"
        label = f" ({self._label})" if self._label else ""
        return f"job {self._job} of {self._jobs}{_short(label)}: {rows}"


class _Lines(Progress):
    """Progress as plain lines: none for short work, then one in ten seconds."""

    _last: float | None = None

    def _show(self) -> None:
        now = self._seconds
        if now < SECONDS_BEFORE_LINES or (self._last is not None and now - self._last < SECONDS_BETWEEN_LINES):
            return
        self._last = now
        done, total = self._place
        part = f", {100 * done // total} %" if self._rows or self._finished is not None else ""
        left = "" if self._left is None else f", {_span(self._left)} left"
        _print(self._terminal.err, f"{self._text()}{part}, {now:.0f} s{left}")

    def close(self) -> None:
        self._closed = self._done != self._rows  # as of a tool that is not installed, no more rows come
        if self._last is not None:
            _print(self._terminal.err, f"{self._text()}, {self._seconds:.0f} s in all")


class _Silence(Progress):
    """Progress that nobody wants to see."""

    def _show(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class _Bar(Progress):
    """Progress as a bar of rich, which appears when the work lasts and leaves nothing behind."""

    _bar: RichProgress | None = None
    _task: TaskID | None = None

    def _show(self) -> None:
        if self._bar is None and self._seconds >= SECONDS_BEFORE_BAR:
            self._open()
        if self._bar is not None and self._task is not None:
            text = _fit(self._text(), self._terminal.err)
            completed, total = self._place
            self._bar.update(self._task, description=text, completed=completed, total=total)

    def _open(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415 - only where a terminal is drawn on

        columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=_console(self._terminal.err), transient=True)
        self._task = self._bar.add_task("")
        self._bar.start()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()


# Tables as text


@dataclass(frozen=True, kw_only=True)
class _Column:
    """A column as it is printed; heading and cells may have several lines."""

    name: str
    cells: Sequence[str]
    number: bool
    spare: bool

    @property
    def heading(self) -> str:
        return self.name.replace("_", "\n", 1).replace("_", " ")

    @cached_property
    def width(self) -> int:
        return max(len(line) for cell in (self.heading, *self.cells) for line in cell.split("\n"))


def _shown(columns: Mapping[str, Sequence[object]], good_to: Mapping[str, str]) -> list[_Column]:
    """The first rows as short text; a column that has nothing to say in them is left out."""
    shown = []
    for name in (name for name in columns if name not in good_to.values()):
        first, bars = (list(columns.get(one, ())[:MAX_ROWS]) for one in (name, good_to.get(name, "")))
        cells = _cells(first, 6 if name == "x" else 3, bars)
        numeric = all(isinstance(value, Real) or cell == "-" for value, cell in zip(first, cells, strict=True))
        if any(cell != "-" for cell in cells):
            shown.append(_Column(name=name, cells=cells, number=numeric, spare=name in OPTIONAL))
    return shown


def _cells(values: Sequence[object], digits: int, bars: Sequence[object]) -> list[str]:
    """The values of a column as text: numbers written in one way, or each with the digits that its bar vouches for."""
    floats = [value for value in values if isinstance(value, float) and not math.isnan(value)]
    good = [number(value, digits_of(value, bar)) for value, bar in zip(values, bars, strict=False)
            if isinstance(value, float) and isinstance(bar, float) and not math.isnan(value)]  # fmt: skip
    texts = iter(good or numbers(floats, digits))
    return [
        "-" if value is None or value == "" or value != value  # noqa: PLR0124 - nan
        else next(texts) if isinstance(value, float)
        else _clean(str(value))
        for value in values
    ]  # fmt: skip


def _span(seconds: float) -> str:
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def _short(text: str) -> str:
    return _cut(text, MAX_LABEL)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."


def _laid_out(columns: list[_Column], width: int | None) -> list[_Column]:
    """Fit columns to a line of ``width``: break lists at their ends, then leave out the spare columns."""
    most = math.inf if width is None else width + 2
    if _total(columns) <= most:
        return columns
    broken = [replace(one, cells=[BETWEEN_ITEMS.sub("\n", cell) for cell in one.cells]) for one in columns]
    return broken if _total(broken) <= most else [one for one in broken if not one.spare]


def _parts(columns: Sequence[_Column], keys: Sequence[str], width: int | None) -> Iterator[list[_Column]]:
    """Split columns into tables that fit into lines of ``width``, each with the keys; a text too long goes on below."""
    if width is None:
        yield list(columns)
        return
    part = head = [column for column in columns if column.name in keys and column.width <= MIN_CELL]
    for column in (column for column in columns if column not in head):
        if part != head and _total([*part, column]) > width + 2:
            yield _with_something(part, head)
            part = head
        part = [*part, column if column.number else _wrapped(column, max(MIN_CELL, width - _total(part)))]
    yield _with_something(part, head)


def _with_something(columns: Sequence[_Column], keys: Sequence[_Column]) -> list[_Column]:
    """A table without the rows in which nothing stands but keys."""
    others = [column.cells for column in columns if column not in keys]
    some = [any(cell != "-" for cell in row) for row in zip(*others, strict=True)]
    return [replace(one, cells=[*itertools.compress(one.cells, some)]) if some else one for one in columns]


def _wrapped(column: _Column, most: int) -> _Column:
    """A column of text in lines of at most so many letters."""
    lines = [[wrap for line in cell.split("\n") for wrap in textwrap.wrap(line, most)] for cell in column.cells]
    return replace(column, cells=["\n".join(cell) for cell in lines])


def _narrowed(cells: Mapping[str, Sequence[str]], width: int | None, spare: Sequence[str]) -> dict[str, Sequence[str]]:
    """Leave out spare columns, and cut the last of them, until a row fits into a line of `width`."""
    shown = dict(cells)
    for name in spare:
        excess = _wide(shown) - (width or _wide(shown))
        last = shown.get(spare[-1], ())
        room = max(map(len, last), default=0) - excess
        if excess <= 0:
            break
        if room >= MIN_CELL:
            shown[spare[-1]] = [_cut(text, room) for text in last]
            break
        shown.pop(name, None)
    return shown


def _wide(cells: Mapping[str, Sequence[str]]) -> int:
    return sum(max(map(len, (name, *values))) + 2 for name, values in cells.items()) - 2


def _total(columns: Sequence[_Column]) -> int:
    return sum(column.width + 2 for column in columns)


def _plain_table(columns: Sequence[_Column]) -> Iterator[str]:
    for row in (
        [column.heading for column in columns],
        *zip(*(column.cells for column in columns), strict=True),
    ):
        lines = zip_longest(*(cell.split("\n") for cell in row), fillvalue="")
        yield from ("  ".join(map(_aligned, line, columns)).rstrip() for line in lines)


def _aligned(cell: str, column: _Column) -> str:
    return cell.rjust(column.width) if column.number else cell.ljust(column.width)


# Streams


def _is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _width(stream: TextIO) -> int | None:
    """The letters of a line: those of the terminal, or what COLUMNS says; a pipe has none of its own."""
    asked = os.environ.get("COLUMNS", "").isdigit()
    return shutil.get_terminal_size().columns if asked or _is_terminal(stream) else None


def _console(stream: TextIO) -> Console:
    from rich.console import Console  # noqa: PLC0415 - only where a terminal is drawn on

    return Console(file=stream, highlight=False, markup=False, emoji=False)


def _clean(text: str) -> str:
    """``text`` in one line, without control characters: an expression cannot recolour somebody's terminal."""
    line = " ".join(text.split())
    return "".join(letter if letter.isprintable() else "?" for letter in line)


def _fit(text: str, stream: TextIO) -> str:
    """``text`` in the letters that ``stream`` can encode; the others become question marks."""
    encoding = stream.encoding or "ascii"
    return text.encode(encoding, "replace").decode(encoding)


def _print(stream: TextIO, line: str) -> None:
    stream.write(_fit(printable(line), stream) + "\n")
    stream.flush()
