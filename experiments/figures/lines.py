"""Kind `lines`: on logarithmic axes one line per value of column ``series``.

``bound`` is a mapping of table, x, y and proved: a thin line per series from that table, which the text column
``proved`` calls proved, expected or estimated; ``marks`` is a mapping of table, x and y: large hollow markers, which
the legend calls by its ``label``, if it has one. With ``joined: false`` the points of a series stay alone, as those of
a scatter do. With ``alike: true`` all panels, and the figures of other rows of the table, have the same axes.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.figures.axes import ends_around, log_axis, log_panel, row_below
from experiments.figures.contract import Floats, Kind, Mask, Plan, Spec
from experiments.figures.paper import GREY, Entry, entry, lay_out, looks_of, panel_size
from experiments.figures.selection import has_log
from experiments.figures.series import (
    BESIDE,
    FEW,
    LABEL,
    PROMISES,
    THINNED,
    Series,
    all_series,
    further_columns,
    line_columns,
    marked,
)
from experiments.looks import is_reference
from experiments.words import counted, listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REACH: Mapping[bool, tuple[int, int]] = {True: (16, 8), False: (2, 2)}
"""How many decades in x and in y beyond the data the axes go for what is predicted: far where all lines have FEW
points, as the prediction alone shows their law; else hardly, lest a wild prediction squeezes the data."""

MANY = 40
"""Points of a series above which they are drawn small, if they are not joined."""

CROWD, DOT = 200, 3.2
"""Points of a series above which one that lies on another is not drawn, and the size of those that are, in points of
print: a panel is divided into cells as wide, and of all points within a cell the first is drawn."""

MAX_COUNTS = 6
"""Most series whose points a caption counts one by one."""

OPTIMUM: Mapping[str, Any] = {"markersize": 9, "markerfacecolor": "white", "markeredgewidth": 1.6, "linestyle": "none"}
DOTTED: Mapping[str, Any] = {"linewidth": 0.8, "linestyle": (0, (1.5, 1.5))}
BOUND: Mapping[str, Mapping[str, Any]] = {
    "proved": {"linewidth": 0.8, "linestyle": "-"},
    "expected": DOTTED,
    "estimated": DOTTED,
}
DOTS: Mapping[str, Any] = {"linestyle": "none", "markeredgecolor": "white", "markeredgewidth": 0.6}
"""Between a few points of a V a straight line would tell a wrong law: they stay alone."""
LEVEL: Mapping[str, Any] = {"linewidth": 1.3}
"""What others are measured against is a line, however few its points."""


def _draw(plan: Plan, spec: Spec) -> Figure:
    panels: list[Sequence[Series]] = [panel.content for panel in plan.panels]
    looks = looks_of(plan.names)
    series: list[Series] = plan.contents
    joined = spec.get("joined", True)
    draw = _log_line if joined else functools.partial(_log_points, cells=_cells_across(plan))
    few = all(one.x.size <= FEW for one in series if not is_reference(one.name))
    lines = {one.name for one in series if joined and one.x.size > FEW}
    entries = [entry(name, **{**look, **_style(name, line=name in lines)}) for name, look in looks.items()]
    figure, axes = lay_out(plan, spec, entries, _explained(series, looks, spec))
    for panel, ax in zip(panels, axes, strict=True):
        together = plan.common or panel
        x, y = _held(together, REACH[few])
        log_panel(ax, [one.y for one in together], *ends_around(y))
        _draw_log(ax, panel, looks, ends_around(y), draw)
        log_axis(ax, "x", *ends_around(x), zero=False)
    return figure


def _style(name: str, *, line: bool) -> Mapping[str, Any]:
    """How the legend shows a series: as a line where it is one in some panel, as a point where it is none."""
    if is_reference(name):
        return LEVEL
    return {"markersize": 4.5, "linewidth": 1.4} if line else {"markersize": 7, **DOTS}


def _explained(series: Sequence[Series], looks: Mapping[str, Mapping[str, Any]], spec: Spec) -> list[Entry]:
    """What the legend says of the lines of what is predicted, and of markers, in their shape where they have one."""
    promises = [(f"predicted error ({PROMISES[promise]})", BOUND[promise]) for promise in _promises(series)]
    entries = [entry(name, len(name), color=GREY, **look) for name, look in promises]
    if any(one.marks is not None for one in series):
        shapes = {looks[one.name]["marker"] for one in series if one.marks is not None}
        shape = shapes.pop() if len(shapes) == 1 else "o"
        entries.append(entry(_optimum(spec), marker=shape, markeredgecolor=GREY, **OPTIMUM))
    return entries


def _optimum(spec: Spec) -> str:
    """What large hollow markers mark."""
    return str(spec["marks"].get(LABEL, "predicted optimum"))


def _promises(series: Iterable[Series]) -> list[str]:
    """What is said of all that is predicted, each once, in the order of PROMISES."""
    said = {one.bound.promise for one in series if one.bound is not None}
    return [promise for promise in PROMISES if promise in said]


def _held(panel: Sequence[Series], reach: tuple[int, int]) -> tuple[Floats, Floats]:
    """The x and the positive y that the axes must hold: the data, and what is predicted near them."""
    x, y = (np.concatenate([one.finite[axis] for one in panel]) for axis in (0, 1))
    y = y[y > 0]
    beside = [points for one in panel for points in (one.bound, one.marks) if points is not None]
    at, predicted = (np.concatenate([np.empty(0), *(getattr(p, name) for p in beside)]) for name in ("x", "y"))
    near = np.isfinite(predicted) & _within(at, x, reach[0]) & _within(predicted, y, reach[1])
    y = np.concatenate([y, predicted[near]])
    return np.concatenate([x, at[near]]), y if y.size else np.ones(1)


def _within(values: Floats, data: Floats, decades: int) -> Mask:
    if not data.size:
        return np.ones(values.shape, dtype=np.bool_)
    with np.errstate(over="ignore"):
        low, high = data.min() / 10.0**decades, data.max() * 10.0**decades
    return np.asarray((values >= low) & (values <= high))


def _draw_log(
    ax: Axes,
    panel: Sequence[Series],
    looks: Mapping[str, Mapping[str, Any]],
    ends: tuple[float, float],
    draw: Callable[[Axes, Series, Mapping[str, Any], float], None],
) -> None:
    low, high = ends
    if any((one.y == 0).any() for one in panel):
        ax.axhline(row_below(low, high, 0.03), color=GREY, linewidth=0.6, linestyle=(0, (1.5, 1.5)))
    for place, (one, depth) in enumerate(zip(panel, np.linspace(0.06, 0.11, len(panel)), strict=True)):
        look = looks[one.name]
        (_log_line if is_reference(one.name) else draw)(ax, one, look, place / len(panel))
        hits = one.x[one.y == 0]
        ax.plot(hits, np.full(hits.size, row_below(low, high, depth)), **{**look, "linestyle": "none", "markersize": 4})
        if one.bound is not None:
            ax.plot(one.bound.x, one.bound.y, color=look["color"], zorder=2, **BOUND[one.bound.promise])
        if one.marks is not None:
            ax.plot(one.marks.x, one.marks.y, marker=look["marker"], mec=look["color"], zorder=4, **OPTIMUM)


def _log_line(ax: Axes, one: Series, look: Mapping[str, Any], place: float) -> None:
    """Draw one series; ``place`` among the others, from 0 to 1, moves its markers and makes it peep out below them."""
    y = np.where(one.y > 0, one.y, np.nan)
    style = {"linewidth": 0.7 if one.thinned else 1.2, "markersize": 5 - 1.5 * place, "markevery": marked(y, place)}
    few = {**DOTS, "markersize": 8 - 2 * place}
    ax.plot(one.x, y, **{**look, **(LEVEL if is_reference(one.name) else few if one.x.size <= FEW else style)})


def _log_points(ax: Axes, one: Series, look: Mapping[str, Any], place: float, *, cells: int) -> None:
    """Draw the points of one series alone: few as large as in `_log_line`, many small and seen through."""
    crowd = {"linestyle": "none", "markersize": DOT, "markeredgewidth": 0, "alpha": 0.6}
    style = {**DOTS, "markersize": 8 - 2 * place} if one.x.size <= MANY else crowd
    shown = _apart(one, cells)
    ax.plot(one.x[shown], one.y[shown], **{**look, **style})


def _cells_across(plan: Plan) -> int:
    return int(panel_size(len(plan.panels))[0] * 72 / DOT)


def _apart(one: Series, cells: int) -> NDArray[np.intp]:
    """The places of the positive points of a series, or of those of a crowd that do not lie on an earlier one."""
    places = np.flatnonzero(one.y > 0)
    if one.x.size <= CROWD:
        return places
    cell = [_cells(np.log10(values[places]), cells) for values in (one.x, one.y)]
    return places[np.sort(np.unique(np.stack(cell), axis=1, return_index=True)[1])]


def _cells(values: Floats, count: int) -> Floats:
    width = float(np.ptp(values)) / count if values.size else 0.0
    return np.asarray(np.floor((values - values.min()) / width)) if width else np.zeros(values.size)


def _finding(plan: Plan, spec: Spec) -> list[str]:
    """Count the points of a scatter; what lines say is the study's to find."""
    if spec.get("joined", True):
        return []
    counts: Counter[str] = Counter()
    for line in _scattered(plan, spec):
        counts[line.name] += line.finite[1].size
    parts = [f"{count:,} {name}" for name, count in counts.items() if count]
    named = listed(parts)
    if len(parts) > MAX_COUNTS:
        rest = [count for count in counts.values() if count][MAX_COUNTS:]
        named = listed([*parts[:MAX_COUNTS], f"{sum(rest):,} of {len(rest)} more"])
    each = f": {named}" if 1 < len(parts) < counts.total() else ""
    return [f"{counted(counts.total(), 'point')}{each}."]


def _scattered(plan: Plan, spec: Spec) -> list[Series]:
    """The series whose points stay alone; a line that they are measured against is none of them."""
    return [] if spec.get("joined", True) else [one for one in plan.contents if not is_reference(one.name)]


def _description(plan: Plan, spec: Spec) -> str:
    del plan
    return f"{spec['ylabel']} against {spec['xlabel']} on logarithmic axes, for each {spec['series']}."


def _remarks(plan: Plan, spec: Spec) -> list[str]:
    series: list[Series] = plan.contents
    says = []
    scattered = _scattered(plan, spec)
    every, shown = (
        sum(int((one.y > 0).sum()) for one in scattered),
        sum(_apart(one, _cells_across(plan)).size for one in scattered),
    )
    if shown < every:
        says.append(f"Drawn are {shown:,} of {every:,} points: the others lie on them.")
    promised = [
        f"{'dotted' if BOUND[promise] is DOTTED else 'solid'} thin lines: the predicted error, {PROMISES[promise]}"
        for promise in _promises(series)
    ]
    if promised:
        says.append(f"{'; '.join(promised)}.")
    if any(one.marks is not None for one in series):
        says.append(f"Large hollow markers: the {_optimum(spec)}, where the axes reach it.")
    hits = sum(int((one.y == 0).sum()) for one in series)
    if hits:
        points, lie = ("One point", "lies") if hits == 1 else (f"{hits} points", "lie")
        says.append(f"{points} of exactly 0, which a logarithmic axis cannot hold, {lie} on the row marked 0.")
    return says + [THINNED] * any(one.thinned for one in series)


KIND = Kind(
    required=("kind", "table", "x", "y", "series"),
    optional=("panel", "panels", "xlabel", "ylabel", "joined", "alike", *BESIDE),
    columns=line_columns,
    has=has_log,
    content=functools.partial(all_series, log=True),
    further=further_columns,
    draw=_draw,
    description=_description,
    finding=_finding,
    remarks=_remarks,
)
