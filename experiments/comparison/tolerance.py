"""By how much a value may move when a run is repeated, by theory, and which values moved by more.

Two runs of one configuration do the same operations in the same order. What may differ is how these are rounded:
another NumPy, another instruction set, another BLAS or libm. So a tolerance is a bound of rounding, and it is never
taken from what happened. A study states it where it declares a column of its main table, in one of these ways:

``{"column": "rounding"}``
    Another column of the row bounds how far rounding takes the value from what exact arithmetic would give. Each run
    keeps its own bound, so that the two values lie apart by no more than both bounds together.
``{"relative": 1e-12}``, ``{"absolute": 0.05}``
    The accuracy that each of the two values has: they lie apart by at most twice that.
``{"follows": ("value", "bar")}``
    It is decided from these columns, and may be anything where one of them moved.
``{"follows": ()}``
    It is decided by a search that turns on the last bit of values that no table holds. Where the arithmetic is another
    one it may be anything; where it is the same, the search must come out the same.

A column that is said to lie between two others moves as far as these do. Text, whole numbers and truth
values without a rule may not move. Every other number may move by `ULPS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from experiments import tables
from experiments.comparison.values import OWN_ULPS, Floats, ulps_apart
from experiments.study import ABSOLUTE, COLUMN, FOLLOWS, RELATIVE, Rows, Rule

Mask: TypeAlias = NDArray[np.bool_]

ULPS = 4
"""Ulps by which a number without a rule may move: those of one elementary function, which derivkit assumes to be right
to 2 ulp (derivkit.operations.elementary.ULPS, where the source stands), so that two versions of it agree to 4. A value
that takes more than one of them needs a rule of its own."""
JOB = "job"


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How the rows of one table are joined and how far each value may move."""

    keys: tuple[str, ...] = ()
    """What tells rows apart; without any, rows are joined by their place."""
    tolerances: Mapping[str, Rule] = field(default_factory=dict)
    errors: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    ulps: int = ULPS

    def of(self, name: str) -> str:
        """Say in words how far a column may move."""
        if name in self.errors:
            return f"what follows from {' and '.join(self.errors[name])}"
        if name not in self.tolerances:
            return f"{self.ulps} ulps"
        way, bound = _way(self.tolerances[name])
        if way == FOLLOWS:
            return f"what follows from {' and '.join(bound)}" if bound else "what a search finds"
        article = "an" if way == ABSOLUTE else "a"
        return f"what {bound} allows" if way == COLUMN else f"{article} {way} error of {bound:g} in each run"


def _way(rule: Rule) -> tuple[Any, Any]:
    """Return in which way a rule bounds, and by what."""
    ((way, bound),) = rule.items()
    return way, bound


def rules_of(table: type[Rows], columns: Mapping[str, type], *, arithmetic: bool, ulps: int = ULPS) -> Rules:
    """Return the rules of a main table over the columns that both runs have.

    A key that has a tolerance of its own is compared like a value.

    Parameters
    ----------
    table
        What is declared of its columns.
    columns
        The columns that both runs have, with their types.
    arithmetic
        Whether it is known that the two runs may have rounded otherwise.
    ulps
        Ulps by which a number without a rule may move.
    """
    stated = table.rules
    tolerances = {name: rule for name, rule in stated.items() if arithmetic or _way(rule) != (FOLLOWS, ())}
    own = {name: kind for name, kind in columns.items() if name != JOB}
    errors = {name: pair for name, pair in table.pairs.items() if {name, *pair} <= own.keys()}
    keys = [name for name in table.keys if name not in stated]
    return Rules(
        keys=(*keys, *([JOB] if JOB in columns else [])),
        tolerances={name: rule for name, rule in tolerances.items() if name in own},
        errors={name: pair for name, pair in errors.items() if name not in tolerances},
        ulps=ulps,
    )


@dataclass(kw_only=True)
class Moved:
    """What became of one column, over all joined rows."""

    name: str
    values: int = 0
    """Values that are not the same bits."""
    ulps: float = 0.0
    """How far the farthest of them moved."""
    share: float = 0.0
    """The largest part of what was allowed that was used."""
    beyond: int = 0
    """Values that moved by more than is allowed."""
    first: str = ""
    """The first of these: where, and what it is in both runs."""


@dataclass(kw_only=True)
class Judgement:
    """What became of one table."""

    name: str
    rows: int
    identical: bool = False
    moved: int = 0
    """Rows in which a value moved."""
    vanished: int = 0
    appeared: int = 0
    changed: tuple[str, ...] = ()
    """Columns that one of the tables lacks or has in another type, or the whole table where one run lacks it."""
    columns: dict[str, Moved] = field(default_factory=dict)

    @property
    def broken(self) -> bool:
        """Whether rows or columns are not the same ones."""
        return bool(self.vanished or self.appeared or self.changed)

    @property
    def beyond(self) -> bool:
        """Whether anything moved by more than is allowed."""
        return self.broken or any(column.beyond for column in self.columns.values())


def judged(first: Path, other: Path, *, rules: Rules, columns: Mapping[str, type], scratch: Path) -> Judgement:
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
    words = tables.Words(columns)
    judgement = Judgement(name=first.stem, rows=tables.rows_of(first))
    for rows in tables.join(words, first, other, keys=rules.keys, scratch=scratch):
        judgement.vanished += rows.vanished.shape[1]
        judgement.appeared += rows.appeared.shape[1]
        _add(judgement, _Pair(words, rows, rules))
    return judgement


def _add(judgement: Judgement, pair: _Pair) -> None:
    judgement.moved += int(np.count_nonzero(np.any(list(pair.moved.values()), axis=0))) if pair.moved else 0
    for name, places in pair.places():
        column = judgement.columns.setdefault(name, Moved(name=name))
        column.values += places.size
        excused, apart, share = pair.excused(name, places)
        column.ulps = max(column.ulps, apart)
        column.share = max(column.share, share)
        late = places[~excused]
        if late.size and not column.beyond:
            column.first = pair.told(name, int(late[0]))
        column.beyond += late.size


class _Pair:
    """Some joined rows of two tables."""

    def __init__(self, words: tables.Words, rows: tables.Joined, rules: Rules) -> None:
        self._words, self._rows, self._rules = words, rows, rules
        self._place = {name: k for k, name in enumerate(words.columns)}
        values = [name for name in words.columns if name not in rules.keys]
        self.moved = {name: rows.first[self._place[name]] != rows.other[self._place[name]] for name in values}

    def places(self) -> Iterator[tuple[str, NDArray[np.intp]]]:
        """Yield every column in which something moved, with the places."""
        for name, mask in self.moved.items():
            places = np.flatnonzero(mask)
            if places.size:
                yield name, places

    def excused(self, name: str, places: NDArray[np.intp]) -> tuple[Mask, float, float]:
        """Return which values theory excuses, by how many ulps the farthest moved, and how much of a bound was used."""
        number = self._words.columns[name] is float
        x, y = (self._floats(name, run, places) for run in (0, 1)) if number else (np.empty(0), np.empty(0))
        apart = ulps_apart(x, y)
        farthest = float(np.max(apart, initial=0.0))
        way, bound = _way(self._rules.tolerances[name]) if name in self._rules.tolerances else ("", ())
        if way == FOLLOWS:
            causes = [self.moved[cause][places] for cause in bound] or [np.ones(places.size, dtype=np.bool_)]
            return np.any(causes, axis=0), farthest, 0.0
        if not number:
            return np.zeros(places.size, dtype=np.bool_), farthest, 0.0
        near = apart <= self._rules.ulps
        with np.errstate(all="ignore"):
            allowed = self._allowed(name, way, bound, places)
            share = np.abs(x - y) / allowed
        inside = np.isfinite(allowed) & (np.abs(x - y) <= allowed)
        return near | inside, farthest, float(np.max(share[inside & ~near], initial=0.0))

    def _allowed(self, name: str, way: str, bound: Any, places: NDArray[np.intp]) -> Floats:
        """Return by how much each value may move; NaN where nothing but ulps is allowed."""
        x, y = (self._floats(name, run, places) for run in (0, 1))
        if way == COLUMN:
            both: Floats = self._floats(bound, 0, places) + self._floats(bound, 1, places)
            return both
        if way == ABSOLUTE:
            return np.full(places.size, 2.0 * bound)
        if way == RELATIVE:
            share: Floats = 2.0 * bound * np.maximum(np.abs(x), np.abs(y))
            return share
        if name not in self._rules.errors:
            return np.full(places.size, np.nan)
        (a, b), (c, d) = ([self._floats(part, run, places) for part in self._rules.errors[name]] for run in (0, 1))
        larger = np.abs(a - b) >= np.abs(c - d)
        scale = np.where(larger, x, y) / np.where(larger, np.abs(a - b), np.abs(c - d))
        own: Floats = OWN_ULPS * np.spacing(np.maximum(np.abs(x), np.abs(y)))
        allowed: Floats = np.where(np.isfinite(scale), np.abs(scale) * (np.abs(a - c) + np.abs(b - d)), 0.0) + own
        return allowed

    def _floats(self, name: str, run: int, places: NDArray[np.intp]) -> Floats:
        words = (self._rows.first, self._rows.other)[run]
        return np.ascontiguousarray(words[self._place[name], places]).view(np.float64)

    def told(self, name: str, place: int) -> str:
        """Say where a value stands, and what it is in both runs."""
        before, after = (self._value(name, rows, place) for rows in (self._rows.first, self._rows.other))
        named = (key for key in self._rules.keys if key != JOB)
        where = ", ".join(f"{key} {self._value(key, self._rows.first, place)}" for key in named)
        return f"{before} and now {after}{f' at {where}' if where else ''}"

    def _value(self, name: str, words: NDArray[np.int64], place: int) -> object:
        (value,) = tables.frame_of({name: self._words.values(name, words[self._place[name], place : place + 1])})[name]
        return repr(float(value)) if self._words.columns[name] is float else value
