"""Kind `observed`: what was observed beside theory, one row per value of column ``label``.

``pairs`` is a list of [observed column, theory column, name]; ``beside`` says what stands in theory's place, such as a
goal, which may be kept by more than is missed. ``limits`` are the ends of the axis.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from experiments.figures.axes import place_ticks, round_ticks, tick_text
from experiments.figures.contract import Excerpt, Kind, Mask, Plan, Spec, floats
from experiments.figures.paper import GREY, LIGHT, NAME, entry, lay_out, looks_of, panels_across, short
from experiments.looks import method_of
from experiments.words import in_brackets, part_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

SPACE = 0.02
"""Beyond the ends of an axis, as a part of it: half a marker."""
ROWS = 16
"""Most rows of a panel; captions tell of cuts."""

THEORY: Mapping[str, Any] = {
    "color": "black",
    "marker": "|",
    "markersize": 11,
    "markeredgewidth": 2,
    "linestyle": "none",
}
SEEN: Mapping[str, Any] = {"markersize": 6, "linestyle": "none"}
SHAPES = ("o", "s", "^", "D")
"""A marker for every pair; the colour of a row is that of its method."""

Rows = Mapping[str, Sequence[tuple[float, float]]]
"""A panel of observed beside theory: for each label its pairs."""


class Away(NamedTuple):
    """An observed value beside theory: how far off, both, and of which pair, label and panel."""

    distance: float
    seen: float
    theory: float
    name: str
    label: str
    title: str


def _columns(spec: Spec) -> list[str]:
    for pair in spec["pairs"]:
        if isinstance(pair, str) or len(pair) != 3:
            raise ValueError(f"a figure's pairs hold {pair!r}; write [observed column, theory column, name]")
    limits = spec.get("limits")
    if limits is not None and not (len(limits) == 2 and limits[0] < limits[1]):
        raise ValueError(f"a figure's limits are {limits!r}; write two numbers, the smaller first")
    return [spec["label"], *(column for pair in spec["pairs"] for column in pair[:2])]


def _has(rows: DataFrame, spec: Spec) -> Mask:
    seen = [np.isfinite(floats(rows, pair[0])) for pair in spec["pairs"]]
    return np.asarray(np.logical_or.reduce(seen), dtype=np.bool_)


def _dots(excerpt: Excerpt) -> Rows:
    rows, spec = excerpt.rows, excerpt.spec
    columns = [(floats(rows, observed), floats(rows, theory)) for observed, theory, _ in spec["pairs"]]
    labels = map(str, rows[spec["label"]].to_numpy())
    return {name: [(float(a[i]), float(b[i])) for a, b in columns] for i, name in enumerate(labels)}


def _draw(plan: Plan, spec: Spec) -> Figure:
    names = [short(name, NAME) for name in plan.names]
    left = 0.3 + 0.075 * max(len(name) for name in names)
    height = max(1.1, 0.15 + len(names) * 0.17 * (1 + len(spec["pairs"])))
    texts = [f"{name}, observed" for _, _, name in spec["pairs"]]
    series = [entry(text, len(text), color=GREY, marker=_shape(place), **SEEN) for place, text in enumerate(texts)]
    theory = [entry(_beside(spec), len(_beside(spec)), **THEORY)]
    figure, axes = lay_out(plan, spec, series, theory, height=height, left=left, gap=0.3)
    limits = _dot_limits([panel.content for panel in plan.panels], spec)
    for place, (panel, ax) in enumerate(zip(plan.panels, axes, strict=True)):
        _draw_dots(ax, panel.content, plan.names, limits)
        place_ticks(ax, "y", range(len(names)), [""] * len(names) if place % panels_across(len(axes)) else names)
    return figure


def _shape(place: int) -> str:
    return SHAPES[place % len(SHAPES)]


def _beside(spec: Spec) -> str:
    return str(spec.get("beside", "theory"))


def _dot_limits(dots: Sequence[Rows], spec: Spec) -> tuple[float, float]:
    """Give all panels one scale; observed values that leave theory's range by over 3 sit at the edge."""
    if "limits" in spec:
        first, last = map(float, spec["limits"])
        return first - SPACE * (last - first), last + SPACE * (last - first)
    pairs = np.array([pair for rows in dots for row in rows.values() for pair in row])
    theory = pairs[np.isfinite(pairs[:, 1]), 1]
    low, high = (min(0.0, theory.min()), max(1.0, theory.max())) if theory.size else (0.0, 1.0)
    seen = np.clip(pairs[np.isfinite(pairs)], low - 3, high + 3)
    return min(low, *seen) - 0.3, max(high, *seen) + 0.3


def _draw_dots(ax: Axes, rows: Rows, names: Sequence[str], limits: tuple[float, float]) -> None:
    low, high = limits
    ax.set_xlim(low, high + 0.3 * (high - low))  # the right quarter of a panel is the column of numbers
    ax.set_ylim(len(names) - 0.5, -0.5)
    for row in range(1, len(names)):
        ax.axhline(row - 0.5, color=LIGHT, linewidth=0.6)
    ticks = round_ticks(low, high, 6)
    place_ticks(ax, "x", ticks, [tick_text(tick, ticks[1] - ticks[0]) for tick in ticks])
    ax.grid(visible=True, axis="x")
    ax.tick_params(axis="y", length=0)
    colours = {name: look["color"] if method_of(name) else GREY for name, look in looks_of(names).items()}
    for row, name in enumerate(names):
        pairs = rows.get(name, ())
        for place, pair in enumerate(pairs):
            height = row + (place - (len(pairs) - 1) / 2) * 0.4
            _draw_pair(ax, height, pair, look={"color": colours[name], "marker": _shape(place)}, limits=limits)


def _draw_pair(
    ax: Axes, height: float, pair: tuple[float, float], *, look: Mapping[str, Any], limits: tuple[float, float]
) -> None:
    seen, theory = pair
    low, high = limits
    at = min(max(seen, low), high)
    color = look["color"]
    ax.plot([theory], [height], **THEORY)
    ax.plot([theory, at], [height, height], color=color, linewidth=1.4)
    ax.plot([at], [height], zorder=4, **look, **SEEN)
    text = f"{seen:.2f}".replace("-", "\N{MINUS SIGN}") if math.isfinite(seen) else "none"
    ax.text(high + 0.27 * (high - low), height, text, ha="right", va="center", fontsize=8, color=color)


def _finding(plan: Plan, spec: Spec) -> list[str]:
    names = [name for _, _, name in spec["pairs"]]
    away = [
        Away(abs(seen - theory), seen, theory, name, label, panel.title)
        for panel in plan.panels
        for label, row in panel.content.items()
        for name, (seen, theory) in zip(names, row, strict=True)
        if math.isfinite(seen) and math.isfinite(theory)
    ]
    if not away:
        return []
    most, seen, theory, name, label, title = max(away)
    where = f"{name} of {label}{in_brackets(title)}"
    within, beside = math.ceil(100.0 * most) / 100.0, _beside(spec)
    if len(away) == 1:
        return [f"The {where} is {seen:.2f}, {beside} {theory:.2f}."]
    values = part_of(len(away), len(away), "value").capitalize()
    if not within:
        return [f"{values} are those of {beside}."]
    if "beside" in spec:
        return [_against(beside, away)]
    if f"{seen:.2f}" == f"{theory:.2f}":
        return [f"{values} lie within {within:.2f} of {beside}."]
    farthest = f"the farthest is {where}, {seen:.2f} against {theory:.2f}"
    return [f"{values} lie within {within:.2f} of {beside}; {farthest}."]


def _against(beside: str, away: Sequence[Away]) -> str:
    """How many values are above what was to be kept, and below, and the farthest on either side."""
    sides = {
        "above": [one for one in away if one.seen > one.theory],
        "at": [one for one in away if one.seen == one.theory],
        "below": [one for one in away if one.seen < one.theory],
    }
    parts = [
        f"{part_of(len(some), len(away), 'value')} {'is' if len(some) == 1 else 'are'} {side} the {beside}"
        f"{_farthest(some) if side != 'at' else ''}"
        for side, some in sides.items()
        if some
    ]
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


def _farthest(some: Sequence[Away]) -> str:
    """Which value is the farthest, or where the only one is."""
    one = max(some)
    who = f"{one.label} ({', '.join(filter(None, (one.name, one.title)))})"
    numbers = f"{one.seen:.2f} against {one.theory:.2f}"
    return f": {numbers} for {who}" if len(some) == 1 else f", the farthest for {who}: {numbers}"


def _description(plan: Plan, spec: Spec) -> str:
    del plan
    pairs = " and ".join(name for _, _, name in spec["pairs"])
    return f"{pairs}: what was observed (points, their numbers at the right) beside {_beside(spec)} (upright strokes)."


def _remarks(plan: Plan, spec: Spec) -> list[str]:
    del spec
    values = [seen for panel in plan.panels for row in panel.content.values() for seen, _ in row]
    missing = sum(not math.isfinite(value) for value in values)
    which = part_of(missing, len(values), "value")
    return [f"{which} could not be observed, for want of points, and say none."] if missing else []


KIND = Kind(
    required=("kind", "table", "label", "pairs"),
    optional=("panel", "panels", "xlabel", "beside", "limits"),
    names="label",
    called="rows",
    most=ROWS,
    gaps=True,
    columns=_columns,
    has=_has,
    content=_dots,
    draw=_draw,
    description=_description,
    finding=_finding,
    remarks=_remarks,
)
