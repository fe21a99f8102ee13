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

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from experiments import tables
from experiments.comparison.values import Floats, Moves, ulps_apart
from experiments.study import ABSOLUTE, COLUMN, FOLLOWS, RELATIVE, Rows, Rule

Mask: TypeAlias = NDArray[np.bool_]

ULPS = 4
"""Ulps by which a number without a rule may move: those of one elementary function, which derivkit assumes to be right
to 2 ulp (derivkit.operations.elementary.ULPS, where the source stands), so that two versions of it agree to 4. A value
that takes more than one of them needs a rule of its own."""
OWN_ULPS = 4
"""By how many of its own ulps an error may move besides: of each of two runs the difference and the quotient are
rounded once, by half an ulp, which is two; the scale is known to as much again."""
JOB = "job"


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How the rows of one table are joined and how far each value may move."""

    keys: tuple[str, ...] = ()
    """What tells rows apart; without any, rows are joined by their place."""
    tolerances: Mapping[str, Rule] = field(default_factory=dict)
    errors: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Columns that are proportional to the distance of two others."""
    ulps: int = ULPS
    follows: bool = True
    """Whether an error may move as far as the columns did that it is the distance of; else as far as `ulps` of them."""

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


class Pair:
    """Some joined rows of two tables, judged by rules."""

    def __init__(self, encoding: tables.Encoding, rows: tables.Joined, rules: Rules) -> None:
        self._encoding, self.rows, self._rules = encoding, rows, rules
        self._place = {name: k for k, name in enumerate(encoding.columns)}
        values = [name for name in encoding.columns if name not in rules.keys]
        self.moved = {name: rows.first[self._place[name]] != rows.other[self._place[name]] for name in values}

    def judged(self, name: str, places: NDArray[np.intp]) -> Moves:
        """Judge the values of a column that moved, by their places."""
        way, bound = _way(self._rules.tolerances[name]) if name in self._rules.tolerances else ("", ())
        causes = [self.moved[cause][places] for cause in bound] if way == FOLLOWS else []
        followed = np.any(causes, axis=0) if causes else np.full(places.size, way == FOLLOWS)
        if self._encoding.columns[name] is not float:
            return Moves(excused=followed)
        x, y = (self._floats(name, run, places) for run in (0, 1))
        apart = ulps_apart(x, y)
        with np.errstate(all="ignore"):
            ratio = y / x
            if way == FOLLOWS:
                return Moves(excused=followed, apart=apart, ratio=ratio)
            near = apart <= self._rules.ulps
            allowed = self._allowed(name, way, bound, places)
            inside = np.isfinite(allowed) & (np.abs(x - y) <= allowed)
            share = np.where(inside & ~near, np.abs(x - y) / allowed, 0.0)
        return Moves(excused=near | inside, apart=apart, ratio=ratio, share=share)

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
        if name not in self._rules.errors or not (self._rules.follows or self._rules.ulps):
            return np.full(places.size, np.nan)
        return self._allowed_error(x, y, name, places)

    def _allowed_error(self, x: Floats, y: Floats, name: str, places: NDArray[np.intp]) -> Floats:
        """Return by how much an error may move with the two columns that it is the distance of."""
        (a, b), (c, d) = ([self._floats(part, run, places) for part in self._rules.errors[name]] for run in (0, 1))
        larger = np.abs(a - b) >= np.abs(c - d)
        scale = np.abs(np.where(larger, x, y) / np.where(larger, np.abs(a - b), np.abs(c - d)))
        if self._rules.follows:
            moved = np.abs(a - c) + np.abs(b - d)
        else:
            spacings = [np.spacing(np.maximum(np.abs(before), np.abs(after))) for before, after in ((a, c), (b, d))]
            moved = self._rules.ulps * (spacings[0] + spacings[1])
        own = OWN_ULPS * np.spacing(np.maximum(np.abs(x), np.abs(y)))
        allowed: Floats = np.where(np.isfinite(scale), scale * moved, 0.0) + own
        return allowed

    def _floats(self, name: str, run: int, places: NDArray[np.intp]) -> Floats:
        words = (self.rows.first, self.rows.other)[run]
        return np.ascontiguousarray(words[self._place[name], places]).view(np.float64)

    def described(self, name: str, place: int) -> str:
        """Say where a value stands, and what it is in both runs."""
        before, after = (self._value(name, rows, place) for rows in (self.rows.first, self.rows.other))
        named = (key for key in self._rules.keys if key != JOB)
        where = ", ".join(f"{key} {self._value(key, self.rows.first, place)}" for key in named)
        return f"{before} and now {after}{f' at {where}' if where else ''}"

    def _value(self, name: str, words: NDArray[np.int64], place: int) -> object:
        values = self._encoding.decode(name, words[self._place[name], place : place + 1])
        if self._encoding.columns[name] is str:
            (code,), labels = values
            return labels[code]
        return values.item()
