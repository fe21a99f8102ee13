"""Kind `scene`: a drawing, element by element.

The rows of one value of column `order` are one `element` (line, guide, points, text or axes), in column `color`; its
``label`` stands in the legend, or at its point if it is a text; axes are two opposite corners.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from experiments.figures.axes import linear_axis
from experiments.figures.contract import Excerpt, Floats, Kind, Plan, Spec, floats
from experiments.figures.paper import entry, lay_out
from experiments.figures.selection import has_linear

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCENE: Mapping[str, Mapping[str, Any]] = {
    "line": {"linewidth": 1.8},
    "guide": {"linewidth": 1.2, "linestyle": (0, (4, 2))},
    "points": {"linestyle": "none", "marker": "o", "markersize": 6, "mec": "white", "mew": 0.6, "zorder": 5},
}
"""How each element of a scene is drawn that is a line of matplotlib's."""
TEXT, AXES = "text", "axes"
"""The elements of a scene that are none: a label at a point, and two opposite corners of the axes."""


@dataclass(frozen=True, kw_only=True)
class _Element:
    """One element of a scene."""

    kind: str
    label: str
    color: str
    x: Floats
    y: Floats


def _columns(spec: Spec) -> list[str]:
    return [spec["label"], spec["x"], spec["y"], "element", "color", "order"]


def _elements(excerpt: Excerpt) -> list[_Element]:
    spec = excerpt.spec
    elements = []
    for _, part in excerpt.rows.groupby("order", sort=True):
        kind, label, color = (str(part[column].iloc[0]) for column in ("element", spec["label"], "color"))
        if kind not in (*SCENE, TEXT, AXES):
            raise ValueError(f"a scene has no element {kind!r}; there are {', '.join((*SCENE, TEXT, AXES))}")
        x, y = floats(part, spec["x"]), floats(part, spec["y"])
        elements.append(_Element(kind=kind, label=label, color=color, x=x, y=y))
    return elements


def _draw(plan: Plan, spec: Spec) -> Figure:
    named = {one.label: one for one in plan.contents if one.kind in SCENE and one.label}
    entries = [entry(name, len(name), color=one.color, **SCENE[one.kind]) for name, one in named.items()]
    figure, axes = lay_out(plan, spec, entries, [])
    for panel, ax in zip(plan.panels, axes, strict=True):
        ax.grid(visible=True)
        corners = [one for one in panel.content if one.kind == AXES] or panel.content
        # Six, so that every whole number from -1 to 5 has its own.
        linear_axis(ax, "x", np.concatenate([one.x for one in corners]), 0.0, most=6)
        linear_axis(ax, "y", np.concatenate([one.y for one in corners]), 0.0, most=6)
        for one in panel.content:
            _draw_element(ax, one)
    return figure


def _draw_element(ax: Axes, one: _Element) -> None:
    if one.kind in SCENE:
        ax.plot(one.x, one.y, color=one.color, **{"zorder": 3, **SCENE[one.kind]})
    elif one.kind == TEXT:
        place: dict[str, Any] = {"xytext": (5, 4), "textcoords": "offset points", "zorder": 6, "annotation_clip": True}
        for x, y in zip(one.x, one.y, strict=True):
            ax.annotate(one.label, (x, y), color=one.color, parse_math=False, **place)


def _description(plan: Plan, spec: Spec) -> str:
    del spec  # the axes say what they show
    shown = dict.fromkeys(one.label for one in plan.contents if one.kind in SCENE and one.label)
    return f"Drawn: {'; '.join(shown)}." if shown else "A drawing."


KIND = Kind(
    required=("kind", "table", "x", "y", "label"),
    optional=("panel", "panels", "xlabel", "ylabel"),
    names="label",
    called="elements",
    most=sys.maxsize,
    columns=_columns,
    has=has_linear,
    content=_elements,
    draw=_draw,
    description=_description,
)
