"""Kind `bands`: on linear axes one line per value of column ``series``, in the band that column ``half`` is half of.

``dots`` names the series that are points and no lines, ``strokes`` those that are upright strokes at their x. The axes
hold the lines with bands, as far as the bands are not far wider than these; what lies beyond is cut.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from experiments.figures.axes import linear_axis
from experiments.figures.contract import Excerpt, Floats, Kind, Plan, Spec, floats
from experiments.figures.paper import BROKEN, GREY, entry, lay_out, looks_of
from experiments.figures.selection import has_linear, rows_named
from experiments.figures.series import POINTS, THINNED, places_thinned
from experiments.looks import is_reference
from experiments.words import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FAR = 1.0
"""So many ranges of the lines with bands beyond them, points and bands are cut."""
DOTS: Mapping[str, Any] = {"linestyle": "none", "markersize": 2.6, "markeredgewidth": 0, "alpha": 0.7}
STROKE: Mapping[str, Any] = {"color": GREY, "linewidth": 0.9, "linestyle": (0, (1.5, 1.5)), "zorder": 2.5}
STRONG, BEHIND = 1.8, 0.8
"""Widths of a line with a band, and of one without."""
SPACE = 0.06
"""Above and below what the axis holds, as a part of it."""


@dataclass(frozen=True, kw_only=True)
class Band:
    """A line, or points: ``half`` is half of its band, NaN without one."""

    name: str
    x: Floats
    y: Floats
    half: Floats
    thinned: bool

    @property
    def banded(self) -> bool:
        """Whether it has a band."""
        return bool(np.isfinite(self.half).any())


def _held(bands: Sequence[Band]) -> Floats:
    """The heights that an axis holds: those of the lines with bands, and of bands that are not far wider."""
    strong = [one for one in bands if one.banded] or bands
    y = np.concatenate([one.y[np.isfinite(one.y)] for one in strong])
    low, high = float(y.min()), float(y.max())
    room = FAR * (high - low)
    every = np.concatenate([y, *(one.y + sign * one.half for one in strong for sign in (-1.0, 1.0) if one.banded)])
    return np.asarray(np.clip(every[np.isfinite(every)], low - room, high + room))


def _content(excerpt: Excerpt) -> list[Band]:
    spec = excerpt.spec
    parts = {name: rows_named(excerpt.rows, spec["series"], name) for name in excerpt.names}
    return [_band(part, spec, name) for name, part in parts.items() if len(part)]


def _band(rows: Any, spec: Spec, name: str) -> Band:
    x, y, half = (floats(rows, spec[key]) for key in ("x", "y", "half"))
    order = np.argsort(x, kind="stable")
    order = order[places_thinned(y[order])]
    return Band(name=name, x=x[order], y=y[order], half=half[order], thinned=x.size > POINTS)


def _draw(plan: Plan, spec: Spec) -> Figure:
    looks = {name: _look(name, look, spec) for name, look in looks_of(plan.names).items()}
    figure, axes = lay_out(plan, spec, [entry(name, **look) for name, look in looks.items()], [])
    for panel, ax in zip(plan.panels, axes, strict=True):
        _draw_panel(ax, panel.content, looks, spec.get("strokes", ()))
    return figure


def _look(name: str, look: Mapping[str, Any], spec: Spec) -> dict[str, Any]:
    """Points are dots, references broken lines above all others, and lines have no markers."""
    if name in spec.get("strokes", ()):
        return dict(STROKE)
    if name in spec.get("dots", ()):
        return {**look, **DOTS, "zorder": 2}
    if is_reference(name):
        return {"color": look["color"], "linewidth": 1.1, "linestyle": BROKEN, "zorder": 5}
    return {"color": look["color"], "linewidth": BEHIND, "zorder": 2}


def _draw_panel(ax: Axes, bands: Sequence[Band], looks: Mapping[str, dict[str, Any]], strokes: Collection[str]) -> None:
    for one in bands:
        look = looks[one.name]
        if one.name in strokes:
            for x in one.x:
                ax.axvline(x, **look)
            continue
        ax.plot(one.x, one.y, **(look | {"linewidth": STRONG, "zorder": 4} if one.banded else look))
        if one.banded:
            ax.fill_between(one.x, one.y - one.half, one.y + one.half, color=look["color"], alpha=0.22, lw=0, zorder=3)
    ax.grid(visible=True)
    linear_axis(ax, "x", np.concatenate([one.x for one in bands]), 0.01)
    linear_axis(ax, "y", _held(bands), SPACE)


def _description(plan: Plan, spec: Spec) -> str:
    return f"{', '.join(plan.names)}: {spec['ylabel']} against {spec['xlabel']}, with the band of what it may be."


def _remarks(plan: Plan, spec: Spec) -> list[str]:
    del spec
    beyond = sum(_beyond(one, _held(panel.content)) for panel in plan.panels for one in panel.content)
    says = [f"{counted(beyond, 'value')} beyond the axes."] if beyond else []
    return says + [THINNED] * any(one.thinned for one in plan.contents)


def _beyond(one: Band, held: Floats) -> int:
    """How many of its values lie beyond the ends of the axis, and the space beside them."""
    space = SPACE * float(np.ptp(held))
    return int(np.sum((one.y < held.min() - space) | (one.y > held.max() + space)))


def _columns(spec: Spec) -> list[str]:
    return [spec["series"], spec["x"], spec["y"], spec["half"]]


KIND = Kind(
    required=("kind", "table", "x", "y", "half", "series"),
    optional=("panel", "panels", "xlabel", "ylabel", "dots", "strokes"),
    columns=_columns,
    has=has_linear,
    content=_content,
    draw=_draw,
    description=_description,
    remarks=_remarks,
)
