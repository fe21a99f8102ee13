"""What differs between joined rows: how the rows of a study are compared, and the table of those that changed.

A study says where it declares a column how its rows are compared: keys tell rows apart, and a column that is
proportional to the distance of two others is said to lie between them, so that a tolerance in ulps of an estimate is
one on the errors that follow from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments import tables
from experiments.comparison.tolerance import Pair, Rules
from experiments.comparison.values import ColumnChange, ulps_apart
from experiments.study import MAIN, Study

Places = NDArray[np.intp]

RUN, FIRST, CHANGE, COLUMNS, DISTANCE, RATIO = OWN = (
    "other_run", "first_run", "change", "changed_columns", "ulps_apart", "error_ratio",
)  # fmt: skip
"""Columns of the table of differences besides the study's own."""
OTHER = "_other"
DIFFERENCES = "differences"


Types = Mapping[str, type]
"""The types of the columns of a table."""


def shared(shapes: Sequence[Types]) -> dict[str, type]:
    """Return the columns that all tables have in one type."""
    return {name: kind for name, kind in shapes[0].items() if all(one.get(name) is kind for one in shapes)}


def type_name(types: Types, column: str) -> str:
    """Return what a column of a table holds, in a word."""
    return tables.KINDS[types[column]].name if column in types else "none"


def lost(first: Types, other: Types, *, between: str) -> tuple[str, ...]:
    """Return the columns that one of two tables lacks or has in another type, each with what it is in both."""
    odd = [column for column in {**first, **other} if first.get(column) is not other.get(column)]
    return tuple(f"{column}: {type_name(first, column)}{between}{type_name(other, column)}" for column in odd)


# What a study says


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How the rows of a study are compared: columns that both tables have in one type, and their roles."""

    columns: Mapping[str, type]
    keys: tuple[str, ...]
    errors: Mapping[str, tuple[str, str]]
    estimate: str | None
    """The column whose distance in ulps is told row by row."""
    error: str | None
    """The column whose ratio is told row by row."""
    measured: tuple[str, ...] = ()
    """Columns that a clock measured, which are never the same and not compared."""

    @property
    def values(self) -> list[str]:
        """The columns compared, in the order of the table."""
        return [name for name in self.columns if name not in self.keys]


def plan_of(study: Study, columns: Mapping[str, type]) -> Plan:
    """Return how the rows of a study are compared over the columns that all tables have in one type."""
    keys, measured = study.main.keys, study.measured.get(MAIN, ())
    columns = {name: kind for name, kind in columns.items() if name not in measured}
    floats = [name for name, kind in columns.items() if kind is float and name not in keys]
    errors = {name: pair for name, pair in study.main.pairs.items() if {name, *pair} <= columns.keys()}
    error = next(iter(errors), next(iter(floats), None))
    return Plan(
        columns=columns,
        keys=keys,
        errors=errors,
        estimate=errors[error][0] if error in errors else error,
        error=error,
        measured=measured,
    )


# What differs


@dataclass(kw_only=True)
class Change:
    """What became of the rows of a table of one run in another."""

    name: str
    first: str = ""
    """The run that it is compared with."""
    identical: bool = False
    rows: int = 0
    joined: int = 0
    moved: int = 0
    """Joined rows of which a value is not the same bits."""
    differing: int = 0
    """Joined rows of which a value differs by more than the tolerance."""
    appeared: int = 0
    vanished: int = 0
    lost: tuple[str, ...] = ()
    """Columns that one of the tables lacks or has in another type, each with what it is in both."""
    columns: dict[str, ColumnChange] = field(default_factory=dict)

    @property
    def any(self) -> bool:
        """Whether anything changed by more than the tolerance."""
        return self.broken or any(self.beyond.values())

    @property
    def broken(self) -> bool:
        """Whether rows or columns are not the same ones."""
        return bool(self.appeared or self.vanished or self.lost)

    @property
    def beyond(self) -> dict[str, int]:
        """By column, how many joined values differ by more than the tolerance."""
        return {name: column.beyond for name, column in self.columns.items() if column.beyond}


def tally(changes: Sequence[Change], whose: Places, pair: Pair) -> dict[str, Places]:
    """Count what became of pairs of rows.

    Parameters
    ----------
    changes
        What became of the rows of each run.
    whose
        For each pair the place of its run among them, rising.
    pair
        The rows.

    Returns
    -------
    dict
        For each column the places of the values beyond the tolerance.
    """
    moved = np.any(list(pair.moved.values()), axis=0) if pair.moved else np.zeros(whose.size, dtype=np.bool_)
    for change, joined, count in zip(changes, *_counts(len(changes), whose, whose[moved]), strict=True):
        change.joined += joined
        change.moved += count
    beyond = {}
    for name, mask in pair.moved.items():
        places = np.flatnonzero(mask)
        moves = pair.judged(name, places)
        beyond[name] = places[~moves.excused]
        ends = np.searchsorted(whose[places], np.arange(len(changes) + 1)).tolist()
        for change, start, end in zip(changes, ends[:-1], ends[1:], strict=True):
            if end > start:
                column = change.columns.setdefault(name, ColumnChange(name=name))
                column.count(moves.part(slice(start, end)))
    return {name: places for name, places in beyond.items() if places.size}


def _counts(most: int, *whose: Places) -> list[list[int]]:
    """Return how often each of `most` numbers is among some."""
    return [np.bincount(one, minlength=most).tolist() for one in whose]


class Differences:
    """Compares joined rows and stores those that differ in one table, for all runs."""

    def __init__(self, plan: Plan, encoding: tables.Encoding, writer: tables.Writer, *, ulps: int) -> None:
        self._plan, self._encoding, self._writer = plan, encoding, writer
        self._rules = Rules(keys=plan.keys, errors=plan.errors, ulps=ulps, follows=False)
        self._place = {name: k for k, name in enumerate(encoding.columns)}
        for book in encoding.books.values():
            book.code("")  # what stands where a row has no other

    def add(self, change: Change, rows: tables.Joined) -> None:
        """Count what differs from a run's first, and which rows one of them has alone, and store it."""
        none = np.zeros(rows.first.shape[1], dtype=np.intp)
        for name, places in self.add_pairs([change], none, rows, firsts=(none, [change.first])).items():
            change.columns[name].turns |= self._turns(name, rows, places)
        for what, alone in (("vanished", rows.vanished), ("appeared", rows.appeared)):
            setattr(change, what, getattr(change, what) + alone.shape[1])
        self._store("vanished", rows.vanished, None, run=change.name, first_run=change.first)
        self._store("appeared", None, rows.appeared, run=change.name, first_run=change.first)

    def add_pairs(
        self, changes: Sequence[Change], whose: Places, rows: tables.Joined, *, firsts: tuple[Places, Sequence[str]]
    ) -> dict[str, Places]:
        """Count what differs in pairs of rows, of the runs that `whose` says, store it, and return where by column.

        Parameters
        ----------
        changes, whose, rows
            As of `tally`.
        firsts
            The run that each pair's first row is of, as codes and names.
        """
        beyond = tally(changes, whose, Pair(self._encoding, rows, self._rules))
        labels, codes = self._named(beyond, whose.size)
        places = np.flatnonzero(codes)
        for change, (count,) in zip(changes, zip(*_counts(len(changes), whose[places]), strict=True), strict=True):
            change.differing += count
        self._store(
            "differs", rows.first[:, places], rows.other[:, places], (codes[places], labels),
            run=(whose[places], [change.name for change in changes]), first_run=(firsts[0][places], firsts[1]),
        )  # fmt: skip
        return beyond

    def _turns(self, name: str, rows: tables.Joined, places: Places) -> set[tuple[str, str]]:
        """Return what texts of a column were and have become, of many ways two; none of numbers."""
        if self._plan.columns[name] is not str:
            return set()
        words = [one[self._place[name], places] for one in (rows.first, rows.other)]
        labels = self._encoding.books[name].labels
        return {(labels[a], labels[b]) for a, b in np.unique(np.stack(words), axis=1)[:, :2].T.tolist()}

    @staticmethod
    def _named(differs: Mapping[str, Places], rows: int) -> tuple[list[str], NDArray[np.int32]]:
        """Return for each row the code of the names of its differing columns; 0 is none."""
        codes = np.zeros(rows, dtype=np.int64)
        for bit, places in enumerate(differs.values()):
            codes[places] |= 1 << bit
        sets, place = np.unique(np.append(0, codes), return_inverse=True)
        names = list(differs)
        labels = [", ".join(name for bit, name in enumerate(names) if one >> bit & 1) for one in sets.tolist()]
        return labels, place[1:].astype(np.int32)

    def _store(
        self,
        what: str,
        first: tables.Encoded | None,
        other: tables.Encoded | None,
        columns_changed: Any = "",
        *,
        run: Any,
        first_run: Any,
    ) -> None:
        shown = first if first is not None else other
        if shown is None or not shown.shape[1]:
            return
        columns: dict[str, Any] = {RUN: run, FIRST: first_run, CHANGE: what, COLUMNS: columns_changed}
        columns |= {name: self._encoding.decode(name, shown[self._place[name]]) for name in self._plan.keys}
        a, b = ({n: self._value(n, rows, shown.shape[1]) for n in self._plan.values} for rows in (first, other))
        columns |= {DISTANCE: np.full(shown.shape[1], np.nan), RATIO: np.full(shown.shape[1], np.nan)}
        if first is not None and other is not None and self._plan.error and self._plan.estimate:
            with np.errstate(all="ignore"):
                columns[RATIO] = b[self._plan.error] / a[self._plan.error]
            columns[DISTANCE] = ulps_apart(a[self._plan.estimate], b[self._plan.estimate])
        for name in self._plan.values:
            columns |= {name: a[name], f"{name}{OTHER}": b[name]}
        self._writer.write(DIFFERENCES, columns)

    def _value(self, name: str, rows: tables.Encoded | None, count: int) -> Any:
        """Return a column of a run, empty where the run has none of the rows; whole numbers as floats, for that."""
        kind = self._plan.columns[name]
        if rows is None:
            return "" if kind in (str, bool) else np.full(count, np.nan)
        values = self._encoding.decode(name, rows[self._place[name]])
        if kind is bool:
            return values.astype(np.int8), ("false", "true")
        return values if kind is str else values.astype(np.float64, copy=False)


def table_of(plan: Plan) -> dict[str, tuple[type, str]]:
    """Return the columns of the table of differences."""
    shape: dict[str, tuple[type, str]] = {
        RUN: (str, "the run that the first was compared with"),
        FIRST: (str, "the first: the run that others are compared with, or of many the first that has the row"),
        CHANGE: (str, "differs; vanished: only the first run has the row; appeared: only the other has it"),
        COLUMNS: (str, "the columns whose values differ by more than the tolerance"),
        **{name: (plan.columns[name], "what tells the row apart") for name in plan.keys},
        DISTANCE: (float, f"doubles from {plan.estimate} of the first run to that of the other"),
        RATIO: (float, f"{plan.error} of the other run over that of the first"),
    }
    for name in plan.values:
        kind = str if plan.columns[name] in (str, bool) else float
        shape |= {name: (kind, "in the first run"), f"{name}{OTHER}": (kind, "in the other run")}
    return shape


def judged(first: Path, other: Path, *, rules: Rules, columns: Mapping[str, type], scratch: Path) -> Change:
    """Compare two tables value by value, with flat memory.

    Parameters
    ----------
    first, other
        The table of the original run, and that of its repetition.
    rules
        How rows are joined, and how far values may move.
    columns
        The columns that are compared, with their types.
    scratch
        A directory for rows that must be put aside; it is left empty.
    """
    encoding = tables.Encoding(columns)
    change = Change(name=first.stem, rows=tables.footer(first).rows)
    for rows in tables.join(encoding, first, other, keys=rules.keys, scratch=scratch):
        pair, whose = Pair(encoding, rows, rules), np.zeros(rows.first.shape[1], dtype=np.intp)
        for name, places in tally([change], whose, pair).items():
            column = change.columns[name]
            column.first = column.first or pair.described(name, int(places[0]))
        change.appeared += rows.appeared.shape[1]
        change.vanished += rows.vanished.shape[1]
    return change
