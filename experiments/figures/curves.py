"""Kind `curves`: on linear axes one line per value of column ``series``.

The series CURVE is drawn strong, and on it the point in panel column POINT; ``marks`` is a mapping of table, x and y:
dots in the colour of their series, which the legend calls by its ``label``, if it has one.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from experiments.figures.axes import linear_axis
from experiments.figures.contract import Kind, Panel, Plan, Spec
from experiments.figures.paper import BROKEN, DASHES, entry, lay_out, looks_of
from experiments.figures.selection import has_linear, panel_columns
from experiments.figures.series import LABEL, THINNED, Series, all_series, further_columns, line_columns
from experiments.looks import is_reference
from experiments.words import listed, numbers, part_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CURVE, POINT = "f", "x"
"""The series that is the curve itself, and the panel column that holds the point on it."""

TOLD, MAX_SLOPES = 3, 6
"""Most panels whose slopes a caption tells, and most slopes that it tells."""
MAX_OF_PANEL = 3
"""Most slopes of a panel that are told one by one; of more the caption has the range."""

MARGIN = 0.05
"""Room beside the lines with dots, as a part of their reach."""
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
    dots = spec.get("marks", {}).get(LABEL, f"the point {POINT}" if based else "")
    explained = [entry(dots, **BASE)] if dots else []
    figure, axes = lay_out(plan, spec, entries, explained)
    for panel, ax in zip(plan.panels, axes, strict=True):
        _draw_linear(ax, panel.content, looks, panel.key[panel_columns(spec).index(POINT)] if based else None)
    return figure


def _looks(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The curve is black and wide, the others are ever narrower: those that coincide stay visible."""
    colours = {name: look["color"] for name, look in looks_of(names).items()}
    others = [name for name in names if name != CURVE and not is_reference(name)]
    looks = {
        name: {
            "color": colours[name],
            "linewidth": max(1.3, 2.0 - 0.25 * place),
            "linestyle": DASHES[place % len(DASHES)],
            "zorder": 4 + 0.1 * place,
        }
        for place, name in enumerate(others)
    }
    reference = {"color": "black", "linewidth": 1.2, "linestyle": BROKEN, "zorder": 5.5}
    curve = {"color": "black", "linewidth": 2.6, "zorder": 3}
    return {name: looks.get(name, curve if name == CURVE else reference) for name in names}


def _window(panel: Sequence[Series]) -> tuple[float, float]:
    """Where there are lines with dots, and a little beside them: the curve may go on far beyond."""
    reach = [values for one in panel if one.marks is not None for values in (one.x, one.marks.x)]
    low, high = (np.min(np.concatenate(reach)), np.max(np.concatenate(reach))) if reach else (-np.inf, np.inf)
    beside = MARGIN * (high - low) if np.isfinite(high - low) else 0.0
    return float(low - beside), float(high + beside)


def _draw_linear(ax: Axes, panel: Sequence[Series], looks: Mapping[str, Mapping[str, Any]], at: Any) -> None:
    for one in panel:
        ax.plot(one.x, one.y, **looks[one.name])
        if one.marks is not None:
            ax.plot(one.marks.x, one.marks.y, **BASE | {"color": looks[one.name]["color"]})
    curves = [one for one in panel if one.name == CURVE and np.isfinite(one.y).any()]
    x, y = (np.concatenate([getattr(one, name) for one in curves or panel]) for name in ("x", "y"))
    if curves and at is not None:
        ax.plot([at], [np.interp(at, x, y)], **BASE)
    low, high = _window(panel) if curves else (-np.inf, np.inf)
    near = (x >= low) & (x <= high) & np.isfinite(y)
    x, y = (x[near], y[near]) if near.any() else (x, y)
    ax.grid(visible=True)
    linear_axis(ax, "x", x, 0.0)
    linear_axis(ax, "y", y[np.isfinite(y)], 0.08)


def _finding(plan: Plan, spec: Spec) -> list[str]:
    del spec  # the slopes are those of the lines
    panels = [(panel.title, lines) for panel in plan.panels[:TOLD] if (lines := _straight(panel.content))]
    counts = itertools.accumulate(len(lines) if len(lines) <= MAX_OF_PANEL else 2 for _, lines in panels)
    return [_slopes(title, lines) for (title, lines), count in zip(panels, counts, strict=True) if count <= MAX_SLOPES]


def _straight(panel: Sequence[Series]) -> dict[str, float]:
    """The slopes of the straight lines that stand beside the curve, by their names; none where there is no curve."""
    if not any(one.name == CURVE for one in panel):
        return {}
    return {one.name: slope for one in panel if one.name != CURVE and (slope := _slope(one)) is not None}


def _slopes(title: str, lines: Mapping[str, float]) -> str:
    """The slopes of the lines of a panel; of many the least and the greatest."""
    slopes = _told_apart([*lines.values()])
    told = [f"{slope} ({name})" for slope, name in zip(slopes, lines, strict=True)]
    start = f"{title}: " if title else ""
    if len(slopes) > 1 and len(set(slopes)) == 1:
        return f"{start}{part_of(len(slopes), len(slopes), 'line')} have the slope {slopes[0]}."
    if len(slopes) > MAX_OF_PANEL:
        ends = (pick(range(len(slopes)), key=[*lines.values()].__getitem__) for pick in (min, max))
        return f"{start}the {len(slopes)} slopes lie between {listed([told[end] for end in ends])}."
    return f"{start}the slope{' is' if len(told) == 1 else 's are'} {listed(told)}."


def _told_apart(slopes: Sequence[float]) -> list[str]:
    """Slopes with as many digits as tell them apart, three to seven; three where seven do not.

    Nor may one that is rounded look exact, as 4 for 4.0002: up to seven digits it has one that was not dropped as 0.
    """
    told = {digits: numbers(slopes, digits) for digits in range(2, 8)}
    apart = [digits for digits in range(3, 8) if len(set(told[digits])) == len(set(slopes))]
    honest = (told[digits] for digits in apart if not _looks_exact(slopes, told[digits], told[digits - 1]))
    return next(honest, told[apart[0] if apart else 3])


def _looks_exact(slopes: Sequence[float], texts: Sequence[str], shorter: Sequence[str]) -> bool:
    """Whether a slope is written as with one digit less, though seven digits would show more."""
    each = zip(slopes, texts, shorter, strict=True)
    return any(text == less and not math.isclose(float(text), slope, rel_tol=1e-7) for slope, text, less in each)


def _slope(line: Series) -> float | None:
    """The slope of a line whose points lie on one straight line, to a millionth of its height; else None."""
    x, y = line.finite
    if x.size < 2 or x[0] == x[-1]:
        return None
    slope = float((y[-1] - y[0]) / (x[-1] - x[0]))
    straight = np.abs(y - y[0] - slope * (x - x[0])) <= 1e-6 * (np.abs(y).max() or 1.0)
    return slope if straight.all() else None


def _description(plan: Plan, spec: Spec) -> str:
    others = [name for name in plan.names if name != CURVE]
    curve = [f"the curve {CURVE} (black)"] if CURVE in plan.names else []
    shown = " and ".join([*curve, *([", ".join(others)] if others else [])])
    return f"{shown}: {spec['ylabel']} against {spec['xlabel']}."


def _remarks(plan: Plan, spec: Spec) -> list[str]:
    del spec
    says = ["Lines that coincide lie on one another, the narrower on top."] if _coincide(plan.panels) else []
    return says + [THINNED] * any(one.thinned for one in plan.contents)


def _coincide(panels: Sequence[Panel]) -> bool:
    """Whether two lines of a panel lie on one another wherever both are drawn: to a hundredth of its height, by eye."""
    for panel in panels:
        lines = [one.finite for one in panel.content]
        heights = np.concatenate([y for _, y in lines])
        near = 0.01 * np.ptp(heights) if heights.size else 0.0
        for (x, y), (other, level) in itertools.combinations(lines, 2):
            both = (x >= other.min()) & (x <= other.max()) if other.size else np.zeros(x.size, dtype=np.bool_)
            if both.any() and (np.abs(y - np.interp(x, other, level))[both] <= near).all():
                return True
    return False


KIND = Kind(
    required=("kind", "table", "x", "y", "series"),
    optional=("panel", "panels", "xlabel", "ylabel", "marks"),
    columns=line_columns,
    has=has_linear,
    content=functools.partial(all_series, log=False),
    further=further_columns,
    draw=_draw,
    description=_description,
    finding=_finding,
    remarks=_remarks,
)
