"""Series: the lines of a panel, thinned, with what is drawn beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from experiments.figures.contract import Excerpt, Floats, Spec, floats
from experiments.figures.selection import has_linear, has_log, panel_columns, rows_named

if TYPE_CHECKING:
    from pandas import DataFrame

POINTS = 2000
"""Most points of a line; captions tell of cuts."""
THINNED = f"Long lines are thinned to {POINTS} points, the least and the greatest of each stretch."

FEW = 5
"""A line of at most so many points is drawn as markers alone."""


PROMISES: Mapping[str, str] = {
    "proved": "a proved bound",
    "expected": "in the mean square",
    "estimated": "an estimate",
}
"""What may be said of a predicted error, and how a reader is told."""


@dataclass(frozen=True, kw_only=True)
class Points:
    """What is drawn beside a series: predicted values, or dots. On log axes y > 0, NaN is a gap."""

    x: Floats
    y: Floats
    promise: str = "estimated"
    """One of PROMISES: that which the column ``proved`` says of all rows."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line of a panel, sorted by x. NaN in y is a gap; on a log axis y >= 0."""

    name: str
    x: Floats
    y: Floats
    thinned: bool
    bound: Points | None = None
    marks: Points | None = None

    @property
    def finite(self) -> tuple[Floats, Floats]:
        """The x and y of its points, gaps left out."""
        present = np.isfinite(self.y)
        return self.x[present], self.y[present]


BESIDE: Mapping[str, tuple[str, ...]] = {"bound": ("table", "x", "y", "proved"), "marks": ("table", "x", "y")}
"""The keys that name a further table, each with the keys of its mapping."""
LABEL = "label"
"""The further key of marks: what the legend calls them."""


def line_columns(spec: Spec) -> list[str]:
    """Return the columns of the main table that lines are drawn from."""
    return [spec["series"], spec["x"], spec["y"]]


def further_columns(spec: Spec) -> list[tuple[str, list[str]]]:
    """Return the table that each key of BESIDE in the spec names, with its columns."""
    return [_beside_columns(spec, key) for key in BESIDE if key in spec]


def _beside_columns(spec: Spec, key: str) -> tuple[str, list[str]]:
    where = spec[key]
    if not isinstance(where, Mapping) or set(where) - ({LABEL} if key == "marks" else set()) != set(BESIDE[key]):
        raise ValueError(f"a figure's {key} is {where!r}; write a mapping of {', '.join(BESIDE[key])}")
    return where["table"], [*panel_columns(spec), spec["series"], *(where[part] for part in BESIDE[key][1:])]


def all_series(excerpt: Excerpt, *, log: bool) -> list[Series]:
    """Make the lines of a panel, of each of the names that it has, for logarithmic or linear axes."""
    spec = excerpt.spec
    beside = {key: _beside(excerpt, key) for key in BESIDE if key in spec}
    parts = {name: rows_named(excerpt.rows, spec["series"], name) for name in excerpt.names}
    return [series_of(part, spec, name, beside, log=log) for name, part in parts.items() if len(part)]


def _beside(excerpt: Excerpt, key: str) -> DataFrame:
    """Rows of the table that ``key`` names that belong to a panel, each once."""
    table, columns = _beside_columns(excerpt.spec, key)
    rows = excerpt.frames[table][list(dict.fromkeys(columns))]
    for column, value in zip(panel_columns(excerpt.spec), excerpt.key, strict=True):
        rows = rows[rows[column] == value]
    return rows.drop_duplicates()


def series_of(rows: DataFrame, spec: Spec, name: str, beside: Mapping[str, DataFrame], *, log: bool) -> Series:
    """Make one line from its rows and from the rows of each table beside them."""
    has = has_log if log else has_linear
    x = floats(rows, spec["x"])
    y = np.where(has(rows, spec), floats(rows, spec["y"]), np.nan)
    order = np.argsort(x, kind="stable")
    order = order[np.isfinite(x[order])]
    long = x.size > POINTS and spec.get("joined", True)  # of points alone the peaks are not all there is
    order = order[places_thinned(y[order])] if long else order
    least = 0.0 if log else -math.inf
    predicted = {
        key: _points(rows_named(part, spec["series"], name), spec[key], least=least) for key, part in beside.items()
    }
    return Series(name=name, x=x[order], y=y[order], thinned=long, **predicted)


def _points(rows: DataFrame, where: Mapping[str, str], *, least: float) -> Points | None:
    rows = rows.sort_values(where["x"], kind="stable")
    y = floats(rows, where["y"])
    there = np.isfinite(y) & (y > least)
    said = set(rows[where["proved"]]) if "proved" in where else set()
    promise = next((known for known in PROMISES if said == {known}), "estimated")
    return Points(x=floats(rows, where["x"]), y=np.where(there, y, np.nan), promise=promise) if there.any() else None


def places_thinned(y: Floats) -> NDArray[np.intp]:
    """Choose at most POINTS values by index: of each stretch the least and the greatest, its peaks."""
    if y.size <= POINTS:
        return np.arange(y.size)
    keep = []
    for stretch in np.array_split(np.arange(y.size), POINTS // 2):
        part = y[stretch]
        gap = np.isnan(part)
        keep += [stretch[np.argmin(np.where(gap, np.inf, part))], stretch[np.argmax(np.where(gap, -np.inf, part))]]
    return np.unique(keep)


def marked(y: Floats, stagger: float) -> list[int]:
    """Choose the points with a marker: about seven along the line, each without a neighbour to join, and the least."""
    there = np.isfinite(y)
    padded = np.concatenate([[False], there, [False]])
    alone = there & ~padded[:-2] & ~padded[2:]
    every = max(1, y.size // 7)
    alone[int(stagger * every) :: every] = True
    if there.any():
        alone[np.nanargmin(y)] = True
    return [int(place) for place in np.flatnonzero(alone)]
