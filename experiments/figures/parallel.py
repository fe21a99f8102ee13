"""Kind `parallel`: parallel coordinates (Inselberg 1985), one line per row through an upright axis for each key.

``axes`` lists the columns of the keys, numbers or texts; the last axis is column ``value``, logarithmic, with the label
``label``. Column ``series`` names the lines. The darker a line, the smaller its value.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from experiments.figures.axes import decades, decades_around, power_text, round_ticks, tick_texts
from experiments.figures.contract import Excerpt, Floats, Kind, Mask, Plan, Spec, floats
from experiments.figures.paper import GREY, lay_out, short
from experiments.words import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame, Series

COLOURS, DARK, PALE = "viridis", 0.0, 0.85
"""The palest end is left out: it is hardly seen as a line on white."""
SPREAD = 0.5
"""The part of the room between two texts over which the lines through one of them are fanned out."""
TALL = 3.4
WIDE = 1.5
"""Inches from axis to axis; a panel is as wide as they need."""
RIGHT = 0.6
"""Inches beside the last axis, whose labels stand on that side."""
NAMES = 0.45
"""Inches above the axes, for their names."""
MANY = 60
"""Lines above which they are drawn thin."""


@dataclass(frozen=True, kw_only=True)
class _Axis:
    """An upright axis: where its lines pass, from 0 to 1, and its ticks."""

    name: str
    at: Floats
    ticks: Sequence[tuple[float, str]]
    fanned: bool = False


@dataclass(frozen=True, kw_only=True)
class _Lines:
    axes: Sequence[_Axis]
    shade: Floats
    """How dark each line is: 0 for the least value. Shape ``(lines,)``."""
    ends: tuple[str, str]
    """The least value and the greatest, each with the keys that its line passes."""


def _columns(spec: Spec) -> list[str]:
    return [spec["series"], *spec["axes"], spec["value"]]


def _has(rows: DataFrame, spec: Spec) -> Mask:
    value = floats(rows, spec["value"])
    return np.isfinite(value) & (value > 0)


def _content(excerpt: Excerpt) -> _Lines:
    spec = excerpt.spec
    rows = excerpt.rows[_has(excerpt.rows, spec)]
    value = floats(rows, spec["value"])
    rank = np.argsort(np.argsort(value, kind="stable"), kind="stable") / max(1, value.size - 1)
    axes = [_axis(rows[name], rank) for name in spec["axes"]]
    last = _logarithmic(spec["label"], value)
    ends = [_told(rows.iloc[int(place)], spec) for place in (np.argmin(value), np.argmax(value))]
    return _Lines(axes=[*axes, last], shade=last.at, ends=(ends[0], ends[1]))


def _told(row: Series[Any], spec: Spec) -> str:
    keys = (f"{name} {number(row[name], 3) if isinstance(row[name], float) else row[name]}" for name in spec["axes"])
    return f"{number(float(row[spec['value']]))} ({', '.join(keys)})"


def _axis(column: Series[Any], rank: Floats) -> _Axis:
    name = str(column.name)
    if column.dtype.kind not in "fiu":
        return _texts(name, [str(value) for value in column], rank)
    values = column.to_numpy(dtype=np.float64)
    if values.min() > 0 and values.max() > 50 * values.min():
        return _logarithmic(name, values)
    distinct = np.unique(values)
    low, high = float(distinct[0]), float(distinct[-1])
    if distinct.size <= 6:
        ticks = distinct.tolist()
        labels = [f"{tick:.4g}" for tick in ticks]
    else:
        ticks = [tick for tick in round_ticks(low, high) if low <= tick <= high]
        labels = list(tick_texts(ticks, ticks[1] - ticks[0] if len(ticks) > 1 else 1.0))
    width = (high - low) or 1.0
    places = [(tick - low) / width for tick in ticks]
    return _Axis(name=name, at=(values - low) / width, ticks=list(zip(places, labels, strict=True)))


def _logarithmic(name: str, values: Floats) -> _Axis:
    low, high = decades_around(values)
    ticks = [((power - low) / (high - low), power_text(power)) for power in decades(low, high, most=8)]
    return _Axis(name=name, at=(np.log10(values) - low) / (high - low), ticks=ticks)


def _texts(name: str, texts: Sequence[str], rank: Floats) -> _Axis:
    """Place texts by the alphabet, from the top; the lines through one are fanned out by the rank of their values."""
    distinct = sorted(set(texts), reverse=True)
    room = 1.0 / max(1, len(distinct))
    place = {text: (k + 0.5) * room for k, text in enumerate(distinct)}
    at = np.array([place[text] for text in texts]) + SPREAD * room * (rank - 0.5)
    every = max(1, len(distinct) // 24)
    return _Axis(name=name, at=at, ticks=[(place[text], short(text, 18)) for text in distinct[::every]], fanned=True)


def _draw(plan: Plan, spec: Spec) -> Figure:
    (panel,) = plan.panels[:1]
    axes: Sequence[_Axis] = panel.content.axes
    labels = max(len(label) for _, label in axes[0].ticks)
    figure, (ax, *_) = lay_out(plan, spec, [], [], height=TALL, left=0.3 + 0.075 * labels, right=RIGHT)
    width = WIDE * (len(axes) - 1)
    figure.set_size_inches(0.3 + 0.075 * labels + width + RIGHT, 0.25 + TALL + NAMES)
    total, sheet = figure.get_figwidth(), figure.get_figheight()
    ax.set_position(((0.3 + 0.075 * labels) / total, 0.25 / sheet, width / total, TALL / sheet))
    ax.set_xlim(0, len(axes) - 1)
    ax.set_ylim(-0.02, 1.02)
    for side in ("left", "right", "top", "bottom"):
        ax.spines[side].set_visible(False)
    ax.set_xticks([])
    ax.set_yticks([])
    _lines(ax, axes, panel.content.shade)
    for place, axis in enumerate(axes):
        outward, tip = (1, "left") if place == len(axes) - 1 else (-1, "right")
        ax.axvline(place, color=GREY, linewidth=0.9, zorder=4, clip_on=False)
        ax.text(place, 1.05, axis.name, ha="center", va="bottom", parse_math=False, fontweight="bold", clip_on=False)
        for at, label in axis.ticks:
            back = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6}
            ax.text(place + 0.04 * outward, at, label, ha=tip, va="center", fontsize=8.5, parse_math=False, bbox=back,
                    zorder=5, clip_on=False)  # fmt: skip
            ax.plot([place + 0.02 * outward, place], [at, at], color=GREY, linewidth=0.9, zorder=4, clip_on=False)
    return figure


def _lines(ax: Axes, axes: Sequence[_Axis], shade: Floats) -> None:
    places = np.arange(len(axes), dtype=np.float64)
    points = np.stack([axis.at for axis in axes], axis=1)
    order = np.argsort(-shade, kind="stable")  # the smallest on top
    segments = [np.column_stack([places, points[line]]) for line in order]
    colours = mpl.colormaps[COLOURS](DARK + (PALE - DARK) * shade[order])
    thin = {"linewidths": 0.6, "alpha": 0.6} if shade.size > MANY else {"linewidths": 1.1, "alpha": 0.85}
    ax.add_collection(LineCollection(segments, colors=colours, zorder=3, **thin), autolim=False)


def _finding(plan: Plan, spec: Spec) -> list[str]:
    if not plan.panels:
        return []
    least, most = plan.panels[0].content.ends
    return [f"The least {spec['label']} is {least}, the greatest {most}."]


def _description(plan: Plan, spec: Spec) -> str:
    label, lines = spec["label"], plan.panels[0].content.shade.size if plan.panels else 0
    which = f"Each of the {lines} lines is one" if lines > 1 else "The line is the only"
    return f"{which} {spec['series']}: it meets each axis at its value and ends at its {label}, the darker the smaller."


def _remarks(plan: Plan, spec: Spec) -> list[str]:
    del spec
    fanned = any(axis.fanned for panel in plan.panels for axis in panel.content.axes)
    return ["Lines through one text are spread by their order, the smaller the lower."] if fanned else []


KIND = Kind(
    required=("kind", "table", "series", "axes", "value"),
    optional=("label",),
    called="lines",
    most=sys.maxsize,
    columns=_columns,
    has=_has,
    content=_content,
    draw=_draw,
    description=_description,
    finding=_finding,
    remarks=_remarks,
)
