"""Kind `overlaid`: on logarithmic axes the lines of many runs on top of one another.

Column ``runs`` tells the runs apart, column ``series`` gives a line its colour. The least value of a panel has a ring.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.figures.axes import ends_around, log_axis, row_below
from experiments.figures.contract import Frames, Key, Kind, Plan, Spec
from experiments.figures.paper import GREY, dash_of, lay_out, look_of, short
from experiments.figures.selection import has_log
from experiments.figures.series import FEW, THINNED, Series, line_columns, series_of
from experiments.figures.words import lowest, tell_lowest

if TYPE_CHECKING:
    from pandas import DataFrame

PALE = 0.55
"""How much of its colour a line of many has: enough to be seen alone, and where several cross they darken."""
RING: Mapping[str, Any] = {
    "marker": "o",
    "markersize": 11,
    "markerfacecolor": "none",
    "markeredgewidth": 1.4,
    "linestyle": "none",
}


@dataclass(frozen=True, kw_only=True)
class _Lines:
    """The lines of a panel: the name of the colour of each, and how many runs they are of."""

    lines: Sequence[tuple[str, Series]]
    runs: int


def _columns(spec: Spec) -> list[str]:
    return [*line_columns(spec), spec["runs"]]


def _lines(rows: DataFrame, frames: Frames, spec: Spec, names: Sequence[str], panel: Key) -> _Lines:
    del frames, panel  # all is in the rows
    found = []
    for (name, _), part in rows.groupby([spec["series"], spec["runs"]], sort=False, observed=True):
        if str(name) in names:
            found.append((str(name), series_of(part, spec, str(name), {}, log=True)))
    return _Lines(lines=found, runs=len(set(rows[spec["runs"]])))


def _draw(plan: Plan, spec: Spec) -> Figure:
    looks = {name: look_of(place) | {"linestyle": dash_of(place)} for place, name in enumerate(plan.names)}
    every = [line for panel in plan.panels for _, line in panel.content.lines]
    few = all(line.x.size <= FEW for line in every)
    style: dict[str, Any] = {"markersize": 6, "linestyle": "none"} if few else {"linewidth": 1.6, "marker": "none"}
    entries = [(short(name, 40), Line2D([], [], **{**look, **style})) for name, look in looks.items()]
    ring = [("the smallest", Line2D([], [], markeredgecolor=GREY, **{**RING, "markersize": 8}))]
    figure, axes = lay_out(plan, spec, entries, ring)
    x = np.concatenate([line.x[np.isfinite(line.y)] for line in every])
    for panel, ax in zip(plan.panels, axes, strict=True):
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.grid(visible=True)
        y = np.concatenate([line.y[line.y > 0] for _, line in panel.content.lines])
        low, high = ends_around(y if y.size else np.ones(1))
        log_axis(ax, "x", *ends_around(x), zero=False)
        log_axis(ax, "y", low, high, zero=any((line.y == 0).any() for _, line in panel.content.lines))
        for name, line in panel.content.lines:
            y = np.where(line.y == 0, row_below(low, high, 0.085), line.y)
            alone: dict[str, Any] = {"linestyle": "none", "markersize": 4.5, "markeredgewidth": 0}
            shape = alone if line.x.size <= FEW else {"linewidth": 1.0, "marker": "none"}
            ax.plot(line.x, y, alpha=PALE, **{**looks[name], **shape})
        at, least = _least(panel.content.lines)
        ax.plot([at], [least], markeredgecolor="black", zorder=6, clip_on=False, **RING)
    return figure


def _least(lines: Sequence[tuple[str, Series]]) -> tuple[float, float]:
    """Return the point with the least positive value, none where all are 0."""
    x = np.concatenate([line.x for _, line in lines])
    y = np.concatenate([line.y for _, line in lines])
    place = int(np.argmin(np.where(y > 0, y, np.inf)))
    return (float(x[place]), float(y[place])) if y[place] > 0 else (np.nan, np.nan)


def _finding(plan: Plan, spec: Spec) -> list[str]:
    """Tell of the values with a ring: an exact 0 is a hit by chance, and has a row of its own."""
    positive = [
        (panel.title, [(name, line.x, np.where(line.y > 0, line.y, np.nan)) for name, line in panel.content.lines])
        for panel in plan.panels
    ]
    return tell_lowest([one for title, lines in positive if (one := lowest(title, lines))], plan, spec)


def _caption(plan: Plan, spec: Spec) -> list[str]:
    lines = [line for panel in plan.panels for _, line in panel.content.lines]
    says = [
        f"{spec['ylabel']} against {spec['xlabel']} of all runs on top of one another, coloured by {spec['series']}.",
        "A ring marks the smallest positive value of each panel.",
    ]
    if any(line.x.size <= FEW for line in lines):
        says.append(f"Runs with up to {FEW} points are dots, as a line between so few would tell a wrong law.")
    if any((line.y == 0).any() for line in lines):
        says.append("Values of exactly 0 lie on the row marked 0.")
    return says + [THINNED] * any(line.thinned for line in lines)


KIND = Kind(
    required=("kind", "table", "x", "y", "series", "runs"),
    optional=("panel", "panels", "xlabel", "ylabel"),
    columns=_columns,
    has=has_log,
    content=_lines,
    draw=_draw,
    finding=_finding,
    caption=_caption,
)
