"""Kind `compared`: lines of several runs, and below each panel their ratio to the first run's.

Column ``runs`` tells the runs apart, column ``series`` the lines of a run; column ``ratio`` holds the ratios.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from experiments.figures.axes import decades_around, log_axis, log_panel
from experiments.figures.contract import Excerpt, Kind, Plan, Spec
from experiments.figures.paper import DASHES, GREY, entry, lay_out, looks_of
from experiments.figures.selection import has_log, rows_named
from experiments.figures.series import FEW, THINNED, Series, line_columns, marked, series_of
from experiments.words import in_brackets, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BASIS: Mapping[str, Any] = {"linewidth": 4.0, "alpha": 0.35, "solid_capstyle": "butt"}
"""The first run lies wide and pale below the others, so that lines which coincide are seen to."""
AGAINST: Sequence[Mapping[str, Any]] = tuple({"linewidth": 1.2, "linestyle": dash} for dash in DASHES)
TALL, UPPER, BETWEEN = 4.2, 0.6, 0.08
"""Height of a panel in inches, and the parts of it that the curves and the gap above the ratios take."""


@dataclass(frozen=True, kw_only=True)
class _Beside:
    """A series of one run: its place among the runs and its name, its values, and their ratio to the first run's."""

    run: int
    called: str
    curve: Series
    ratio: Series


def _columns(spec: Spec) -> list[str]:
    return [*line_columns(spec), spec["runs"], spec["ratio"]]


def _compared(excerpt: Excerpt) -> list[_Beside]:
    rows, spec = excerpt.rows, excerpt.spec
    ratio = rows[spec["ratio"]].where(lambda values: np.isfinite(values) & (values > 0)).to_numpy()
    lower = rows.assign(**{spec["y"]: ratio})
    beside = []
    for place, run in enumerate(map(str, excerpt.frames[spec["table"]][spec["runs"]].drop_duplicates())):
        for name in excerpt.names:
            parts = [rows_named(rows_named(one, spec["runs"], run), spec["series"], name) for one in (rows, lower)]
            if len(parts[0]):
                curve, ratios = (series_of(part, spec, name, {}, log=True) for part in parts)
                beside.append(_Beside(run=place, called=run, curve=curve, ratio=ratios))
    return beside


def _draw(plan: Plan, spec: Spec) -> Figure:
    looks = looks_of(plan.names)
    entries = [entry(name, **{**look, "linewidth": 2.4, "markersize": 7}) for name, look in looks.items()]
    runs = sorted({(one.run, one.called) for one in plan.contents})
    explained = [entry(called, color=GREY, **_of_run(place)) for place, called in runs]
    figure, upper = lay_out(plan, spec, entries, explained, height=TALL)
    x = np.concatenate([one.curve.finite[0] for one in plan.contents])
    for place, (panel, ax) in enumerate(zip(plan.panels, upper, strict=True)):
        below = _split(figure, ax)
        below.set_ylabel("" if place else "ratio to the first")
        _draw_beside(ax, [(one.run, one.curve) for one in panel.content], looks, ())
        _draw_beside(below, [(one.run, one.ratio) for one in panel.content if one.run], looks, (1.0,))
        for one in (ax, below):
            log_axis(one, "x", *decades_around(x), zero=False)
        ax.tick_params(axis="x", labelbottom=False)
    return figure


def _of_run(place: int) -> Mapping[str, Any]:
    return AGAINST[(place - 1) % len(AGAINST)] if place else BASIS


def _split(figure: Figure, ax: Axes) -> Axes:
    """Give the lower part of a panel to axes of their own, with the label of x."""
    left, bottom, width, height = ax.get_position().bounds
    part = 1.0 - UPPER - BETWEEN
    below = figure.add_axes((left, bottom, width, part * height))
    below.set_autoscale_on(False)
    ax.set_position((left, bottom + (1 - UPPER) * height, width, UPPER * height))
    below.set_xlabel(ax.get_xlabel(), parse_math=False)
    ax.set_xlabel("")
    below.xaxis.set_label_coords(0.5, -0.27 / (TALL * part))
    below.yaxis.set_label_coords(ax.yaxis.label.get_position()[0], 0.5)
    return below


def _draw_beside(
    ax: Axes, lines: Sequence[tuple[int, Series]], looks: Mapping[str, Mapping[str, Any]], level: Sequence[float]
) -> None:
    positive = [one.y[np.isfinite(one.y) & (one.y > 0)] for _, one in lines]
    held = np.concatenate([np.asarray(level, dtype=np.float64), *positive])
    heights = log_panel(ax, [one.y for _, one in lines], *decades_around(held if held.size else np.ones(1)))
    for height in level:
        ax.axhline(height, color=GREY, linewidth=0.8)
    for (run, one), y in zip(lines, heights, strict=True):
        color, style = looks[one.name]["color"], _of_run(run)
        ax.plot(one.x, y, color=color, zorder=3 + run, **style)
        alone = marked(y, 0.0) if one.x.size > FEW else list(range(one.x.size))
        size = 9.0 if level == () and not run else 4.0
        ax.plot(one.x[alone], y[alone], linestyle="none", marker=looks[one.name]["marker"], markersize=size,
                color=color, alpha=style.get("alpha"), markeredgewidth=0, zorder=3 + run)  # fmt: skip


def _finding(plan: Plan, spec: Spec) -> list[str]:
    ratios = [
        (float(value), float(x), f"{one.curve.name} of {one.called}{in_brackets(panel.title)}")
        for panel in plan.panels
        for one in panel.content
        if one.run
        for x, value in zip(one.ratio.x, one.ratio.y, strict=True)
        if np.isfinite(value)
    ]
    if not ratios:
        return []
    least, most = (pick(ratios, key=lambda ratio: ratio[0]) for pick in (min, max))
    ends = [f"{number(value, 3)} ({where}, {spec['xlabel']} = {number(x, 3)})" for value, x, where in (least, most)]
    if least[0] == most[0]:
        return [f"Every ratio to the first run is {number(least[0], 3)}."]
    return [f"The ratio to the first run runs from {ends[0]} to {ends[1]}."]


def _description(plan: Plan, spec: Spec) -> str:
    del plan
    return (
        f"{spec['ylabel']} against {spec['xlabel']} on logarithmic axes, for each {spec['series']}; below it the ratio "
        "to the first run, where that is positive and finite."
    )


def _remarks(plan: Plan, spec: Spec) -> list[str]:
    del spec
    says = ["The first run is wide and pale, the others are thin lines on top of it."]
    if any((one.curve.y == 0).any() for one in plan.contents):
        says.append("Values of exactly 0 lie on the row marked 0; they have no ratio.")
    return says + [THINNED] * any(one.curve.thinned for one in plan.contents)


KIND = Kind(
    required=("kind", "table", "x", "y", "series", "runs", "ratio"),
    optional=("panel", "panels", "xlabel", "ylabel"),
    columns=_columns,
    has=has_log,
    content=_compared,
    draw=_draw,
    description=_description,
    finding=_finding,
    remarks=_remarks,
)
