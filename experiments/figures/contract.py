"""What a kind of figure is, and what passes between it and the code that all kinds share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pandas import DataFrame

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Frames = Mapping[str, "DataFrame"]
Spec = Mapping[str, Any]
Key = tuple[Any, ...]

SERIES = 12
"""Most series in a panel; captions tell of cuts."""


@dataclass(frozen=True, kw_only=True)
class Excerpt:
    """What a panel is made of: its rows, each once, and beside them the tables, the spec and the names shown."""

    rows: DataFrame
    frames: Frames
    spec: Spec
    names: Sequence[str]
    key: Key
    """The values of the panel's columns."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A panel with its content, of whatever type its kind has: series, pairs, cells."""

    key: Key
    title: str
    content: Any


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The panels and names (series, or rows of a dot plot) that a figure shows, and what its caption tells of cuts."""

    panels: tuple[Panel, ...]
    available: int
    empty: tuple[str, ...]
    names: tuple[str, ...]
    names_available: int
    common: Any = None
    """With the key ``alike`` what all rows of the table show in one panel, whatever the figure chooses of them."""

    @property
    def contents(self) -> list[Any]:
        """What all panels show, one after the other, where a panel shows a list."""
        return [one for panel in self.panels for one in panel.content]


def floats(rows: DataFrame, column: str) -> Floats:
    """Return a column as floats, NaN where it is null."""
    return rows[column].to_numpy(dtype=np.float64, na_value=np.nan)


def nothing_further(spec: Spec) -> list[tuple[str, list[str]]]:
    """Return no further tables: the figure draws from one alone."""
    del spec
    return []


def nothing_found(plan: Plan, spec: Spec) -> list[str]:
    """Return no sentences: a picture need not say more than how it is read."""
    del plan, spec
    return []


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of figure: its keys, the columns and rows that it draws, its drawing, and what its caption says.

    ``names`` is the key of the column whose values are told apart in a panel, of which ``most`` are shown, those
    without a value too if ``gaps``. ``columns`` are those of the spec's own table; ``further`` names more tables with
    their columns. ``has`` tells which rows have something to draw, ``content`` makes what a panel shows of its rows.
    ``description`` says how to read a figure for which nobody wrote it, ``finding`` what its data say, and ``remarks``
    what else a reader must know: marks, points at the edge, gaps.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...]
    columns: Callable[[Spec], list[str]]
    further: Callable[[Spec], list[tuple[str, list[str]]]] = nothing_further
    has: Callable[[DataFrame, Spec], Mask]
    content: Callable[[Excerpt], Any]
    draw: Callable[[Plan, Spec], Figure]
    description: Callable[[Plan, Spec], str]
    finding: Callable[[Plan, Spec], list[str]] = nothing_found
    remarks: Callable[[Plan, Spec], list[str]] = nothing_found
    names: str = "series"
    called: str = "lines"
    most: int = SERIES
    gaps: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that a figure of this kind may have."""
        return (*self.required, *self.optional, "where", "title", "caption", "rows")
