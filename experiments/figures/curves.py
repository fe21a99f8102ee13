"""Kind `curves`: on linear axes one line per value of column ``series``.

The series CURVE is drawn strong, and on it the point in panel column POINT; ``marks`` is a mapping of table, x and y:
dots in the colour of their series.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from experiments.figures.axes import linear_axis
from experiments.figures.contract import Kind, Plan, Spec
from experiments.figures.findings import TOLD, number, tell_range
from experiments.figures.paper import DASHES, PALETTE, entry, lay_out
from experiments.figures.selection import has_linear, panel_columns
from experiments.figures.series import THINNED, Series, all_series, further_columns, line_columns
from experiments.words import listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CURVE, POINT = "f", "x"
"""The series that is the curve itself, and the panel column that holds the point on it."""

BASE: dict[str, Any] = {
    "marker": "o",
    "markersize": 7,
    "color": "black",
    "linestyle": "none",
    "mec": "white",
    "zorder": 6,
}


def _draw(plan: Plan, spec: Spec) -> Figure:
    looks = _looks(plan.names)
    entries = [entry(name, **look) for name, look in looks.items()]
    based = CURVE in looks and POINT in panel_columns(spec)
    explained = [entry(f"the point {POINT}", **BASE)] if based else []
    figure, axes = lay_out(plan, spec, entries, explained)
    for panel, ax in zip(plan.panels, axes, strict=True):
        _draw_linear(ax, panel.content, looks, panel.key[panel_columns(spec).index(POINT)] if based else None)
    return figure


def _looks(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The curve is black and wide, the others are ever narrower: those that coincide stay visible."""
    others = [name for name in names if name != CURVE]
    looks = {
        name: {
            "color": PALETTE[place % (len(PALETTE) - 1)],
            "linewidth": max(1.3, 2.0 - 0.25 * place),
            "linestyle": DASHES[place % len(DASHES)],
            "zorder": 4 + 0.1 * place,
        }
        for place, name in enumerate(others)
    }
    return {name: looks.get(name, {"color": "black", "linewidth": 2.6, "zorder": 3}) for name in names}


def _draw_linear(ax: Axes, panel: Sequence[Series], looks: Mapping[str, Mapping[str, Any]], at: Any) -> None:
    for one in panel:
        ax.plot(one.x, one.y, **looks[one.name])
        if one.marks is not None:
            ax.plot(one.marks.x, one.marks.y, **BASE | {"color": looks[one.name]["color"]})
    curves = [one for one in panel if one.name == CURVE and np.isfinite(one.y).any()]
    x, y = (np.concatenate([getattr(one, name) for one in curves or panel]) for name in ("x", "y"))
    if curves and at is not None:
        ax.plot([at], [np.interp(at, x, y)], **BASE)
    ax.grid(visible=True)
    linear_axis(ax, "x", x, 0.0)
    linear_axis(ax, "y", y[np.isfinite(y)], 0.08)


def _finding(plan: Plan, spec: Spec) -> list[str]:
    panels = plan.panels[:TOLD]
    slopes = [_slopes(panel.title, panel.content) for panel in panels]
    if all(slopes):
        return slopes
    return [tell_range(panel, spec) for panel in panels]


def _slopes(title: str, panel: Sequence[Series]) -> str:
    """The slopes of the straight lines that stand beside the curve."""
    if not any(one.name == CURVE for one in panel):
        return ""
    told = [
        f"{number(slope)} ({one.name})" for one in panel if one.name != CURVE and (slope := _slope(one)) is not None
    ]
    if not told:
        return ""
    start = f"{title}: " if title else ""
    return f"{start}the slope is {listed(told)}." if len(told) == 1 else f"{start}the slopes are {listed(told)}."


def _slope(line: Series) -> float | None:
    """The slope of a line whose points lie on one straight line, to a millionth of its height; else None."""
    x, y = line.finite
    if x.size < 2 or x[0] == x[-1]:
        return None
    slope = float((y[-1] - y[0]) / (x[-1] - x[0]))
    straight = np.abs(y - y[0] - slope * (x - x[0])) <= 1e-6 * (np.abs(y).max() or 1.0)
    return slope if straight.all() else None


def _caption(plan: Plan, spec: Spec) -> list[str]:
    others = [name for name in plan.names if name != CURVE]
    curve = [f"the curve {CURVE} (black)"] if CURVE in plan.names else []
    shown = " and ".join([*curve, *([", ".join(others)] if others else [])])
    says = [f"{shown}: {spec['ylabel']} against {spec['xlabel']}."]
    if len(others) > 1:
        says.append("Lines that coincide lie on one another, the narrower on top.")
    return says + [THINNED] * any(one.thinned for one in plan.contents)


KIND = Kind(
    required=("kind", "table", "x", "y", "series"),
    optional=("panel", "panels", "xlabel", "ylabel", "marks"),
    columns=line_columns,
    has=has_linear,
    content=functools.partial(all_series, log=False),
    further=further_columns,
    draw=_draw,
    finding=_finding,
    caption=_caption,
)
