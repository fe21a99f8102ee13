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
from matplotlib.lines import Line2D

from experiments.pipeline.figures.axes import linear_axis
from experiments.pipeline.figures.contract import Kind, Plan, Spec
from experiments.pipeline.figures.paper import DASHES, PALETTE, lay_out, short
from experiments.pipeline.figures.selection import has_linear, panel_columns
from experiments.pipeline.figures.series import THINNED, Series, all_series, further_columns, line_columns

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
    entries = [(short(name, 32), Line2D([], [], **look)) for name, look in looks.items()]
    based = CURVE in looks and POINT in panel_columns(spec)
    explained = [(f"the point {POINT}", Line2D([], [], **BASE))] if based else []
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


def _caption(plan: Plan, spec: Spec) -> list[str]:
    others = [name for name in plan.names if name != CURVE]
    curve = [f"the curve {CURVE} (black)"] if CURVE in plan.names else []
    shown = " and ".join([*curve, *([", ".join(others)] if others else [])])
    says = [f"{shown}: {spec['ylabel']} against {spec['xlabel']}."]
    if len(others) > 1:
        says.append("Lines that coincide lie on one another, the narrower on top.")
    return says + [THINNED] * any(one.thinned for panel in plan.panels for one in panel.content)


KIND = Kind(
    required=("kind", "table", "x", "y", "series"),
    optional=("panel", "panels", "xlabel", "ylabel", "marks"),
    columns=line_columns,
    has=has_linear,
    content=functools.partial(all_series, log=False),
    further=further_columns,
    draw=_draw,
    caption=_caption,
)
