"""Kind `overlaid`: on logarithmic axes the lines of many runs on top of one another.

Column ``runs`` tells the runs apart, column ``series`` gives a line its colour. The least value of a panel has a ring.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from experiments.figures.axes import ends_around, log_axis, log_panel
from experiments.figures.contract import Excerpt, Kind, Plan, Spec
from experiments.figures.paper import GREY, entry, lay_out, looks_of
from experiments.figures.selection import has_log
from experiments.figures.series import FEW, THINNED, Series, line_columns, series_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PALE = 0.55
"""How much of its colour a line of many has: enough to be seen alone, and where several cross they darken."""
RING: Mapping[str, Any] = {
    "marker": "o",
    "markersize": 11,
    "markerfacecolor": "none",
    "markeredgewidth": 1.4,
    "linestyle": "none",
}


def _columns(spec: Spec) -> list[str]:
    return [*line_columns(spec), spec["runs"]]


def _lines(excerpt: Excerpt) -> list[Series]:
    """The lines of all runs, each with the name of its colour."""
    spec = excerpt.spec
    parts = excerpt.rows.groupby([spec["series"], spec["runs"]], sort=False, observed=True)
    return [series_of(part, spec, str(name), {}, log=True) for (name, _), part in parts if str(name) in excerpt.names]


def _draw(plan: Plan, spec: Spec) -> Figure:
    looks = looks_of(plan.names)
    every: list[Series] = plan.contents
    few = all(line.x.size <= FEW for line in every)
    style: dict[str, Any] = {"markersize": 6, "linestyle": "none"} if few else {"linewidth": 1.6, "marker": "none"}
    entries = [entry(name, 40, **{**look, **style}) for name, look in looks.items()]
    ring = [entry("the smallest", markeredgecolor=GREY, **{**RING, "markersize": 8})]
    figure, axes = lay_out(plan, spec, entries, ring)
    x = np.concatenate([line.finite[0] for line in every])
    for panel, ax in zip(plan.panels, axes, strict=True):
        _draw_lines(ax, panel.content, looks)
        log_axis(ax, "x", *ends_around(x), zero=False)
        at, least = _least(panel.content)
        ax.plot([at], [least], markeredgecolor="black", zorder=6, clip_on=False, **RING)
    return figure


def _draw_lines(ax: Axes, lines: Sequence[Series], looks: Mapping[str, Mapping[str, Any]]) -> None:
    positive = np.concatenate([line.y[line.y > 0] for line in lines])
    heights = log_panel(ax, [line.y for line in lines], *ends_around(positive if positive.size else np.ones(1)))
    for line, y in zip(lines, heights, strict=True):
        alone: dict[str, Any] = {"linestyle": "none", "markersize": 4.5, "markeredgewidth": 0}
        shape = alone if line.x.size <= FEW else {"linewidth": 1.0, "marker": "none"}
        ax.plot(line.x, y, alpha=PALE, **{**looks[line.name], **shape})


def _least(lines: Sequence[Series]) -> tuple[float, float]:
    """Return the point with the least positive value, none where all are 0."""
    x, y = (np.concatenate([getattr(line, axis) for line in lines]) for axis in "xy")
    place = int(np.argmin(np.where(y > 0, y, np.inf)))
    return (float(x[place]), float(y[place])) if y[place] > 0 else (np.nan, np.nan)


def _description(plan: Plan, spec: Spec) -> str:
    del plan
    return f"{spec['ylabel']} against {spec['xlabel']} of all runs on top of one another, coloured by {spec['series']}."


def _remarks(plan: Plan, spec: Spec) -> list[str]:
    del spec
    lines: list[Series] = plan.contents
    says = ["A ring marks the smallest positive value of each panel; where rounding scatters the values, that is luck."]
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
    description=_description,
    remarks=_remarks,
)
