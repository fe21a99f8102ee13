"""Kind `forest`: one row per value of column ``label``, a claimed value beside a measured one with its error bar.

Columns ``measured``, ``bar`` and ``claimed`` are the numbers, ``state`` says in a word how they compare (DISAGREES or
another), ``status`` what became of the measurement. At the left are the signed values, at the right the distance
between the two in error bars.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from experiments.figures.axes import decades_around, linear_axis, log_axis, place_ticks, power_text, row_below, ten_to
from experiments.figures.contract import Excerpt, Floats, Kind, Mask, Plan, Spec, floats
from experiments.figures.paper import GREY, LIGHT, NAME, entry, folded, lay_out, panel_size, panels_across, short
from experiments.looks import BLACK, BLUE, VERMILLION
from experiments.words import counted, first_of, in_brackets, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

ROWS = 40
"""Most rows of a panel; captions tell of cuts."""
NEAR = 100.0
"""Values of which the largest is so many times the smallest stand on a linear axis; else on one of powers of ten."""
DECADES = 6
"""Powers of ten that an axis of signed values shows on either side; smaller values stand near 0."""
DISAGREES, NAMED = "disagrees", 3
"""The state that is told and drawn in red, and how many rows a finding names."""
OK = "ok"
"""The status of a measurement that needs no word."""
LEFT, BETWEEN = 0.56, 0.09
"""Parts of a panel's width that the values and the gap to the distances take."""
FEW = 2
"""So many decades, and one, have a label on the narrow axis of distances."""
MINUS = {-1: "\N{MINUS SIGN}", 1: ""}
MEASURED: Mapping[str, Any] = {"color": BLACK, "marker": "|", "markersize": 11, "markeredgewidth": 2.0}
CLAIMED: Mapping[bool, Mapping[str, Any]] = {
    False: {"color": BLUE, "marker": "o", "markersize": 5, "linestyle": "none"},
    True: {"color": VERMILLION, "marker": "X", "markersize": 7.5, "linestyle": "none"},
}


@dataclass(frozen=True, kw_only=True)
class _Row:
    """A row: its name and its place, counted from the top and the same in all panels, what is measured and claimed, and
    in words how they compare and how it was measured.
    """

    name: str
    place: int
    measured: float
    bar: float
    claimed: float
    state: str
    status: str

    @property
    def wrong(self) -> bool:
        return self.state == DISAGREES

    @property
    def word(self) -> str:
        """What was met, or that nothing was measured; empty where all went well."""
        if self.status != OK:
            return self.status
        return self.state if np.isnan(self.distance) else ""

    @property
    def distance(self) -> float:
        """In error bars; NaN where nothing was measured."""
        away = abs(self.claimed - self.measured)
        return away / self.bar if self.bar > 0.0 and np.isfinite(self.bar) else np.nan


def _columns(spec: Spec) -> list[str]:
    return [spec[name] for name in ("label", "measured", "bar", "claimed", "state", "status")]


def _has(rows: DataFrame, spec: Spec) -> Mask:
    return np.isfinite(floats(rows, spec["measured"])) | np.isfinite(floats(rows, spec["claimed"]))


def _rows(excerpt: Excerpt) -> list[_Row]:
    rows, spec = excerpt.rows, excerpt.spec
    numbers = {name: floats(rows, spec[name]) for name in ("measured", "bar", "claimed")}
    texts = {name: list(map(str, rows[spec[name]])) for name in ("label", "state", "status")}
    places = {name: place for place, name in enumerate(excerpt.names)}
    rows_of_texts = zip(texts["label"], texts["state"], texts["status"], strict=True)
    return [
        _Row(
            name=name,
            place=places[name],
            state=state,
            status=status,
            **{column: float(values[k]) for column, values in numbers.items()},
        )
        for k, (name, state, status) in enumerate(rows_of_texts)
        if name in places
    ]


def _draw(plan: Plan, spec: Spec) -> Figure:
    names = [short(name, NAME) for name in plan.names]
    explained = [entry("measured, with its error bar", **MEASURED)]
    series = [entry(f"claimed, {state}", **CLAIMED[state == DISAGREES]) for state in _states(plan.contents)]
    beside = 0.07 * max(len(row.word) for row in plan.contents)
    claims, distances = _labels(spec, panel_size(len(plan.panels))[0])
    figure, axes = lay_out(
        plan,
        {**spec, "xlabel": claims},
        series,
        explained,
        height=max(1.1, 0.3 + 0.24 * len(names)),
        left=0.3 + 0.075 * max(map(len, names)),
        right=0.2 + beside,
        gap=0.55 + beside,
    )
    for place, (panel, left) in enumerate(zip(plan.panels, axes, strict=True)):
        right = _split(figure, left)
        for ax in (left, right):
            _lines(ax, len(names))
        _draw_values(left, panel.content)
        _draw_distances(right, panel.content)
        first = place % panels_across(len(axes)) == 0
        place_ticks(left, "y", range(len(names)), names if first else [""] * len(names))
        right.set_xlabel(distances, parse_math=False)
    return figure


def _labels(spec: Spec, width: float) -> tuple[str, str]:
    """The labels below the values and below the distances of a panel, in lines, the first in no fewer."""
    claims = folded(f"{spec.get('xlabel', 'value')}, claimed and measured", LEFT * width)
    distances = folded("distance in error bars", (1.0 - LEFT) * width)
    return claims + "\n" * (distances.count("\n") - claims.count("\n")), distances


def _states(rows: Sequence[_Row]) -> list[str]:
    """The states that there are, what is wrong last."""
    return sorted({row.state for row in rows}, key=lambda state: (state == DISAGREES, state))


def _split(figure: Figure, ax: Axes) -> Axes:
    """Give the right part of a panel to axes of their own."""
    left, bottom, width, height = ax.get_position().bounds
    start = LEFT + BETWEEN
    right = figure.add_axes((left + start * width, bottom, (1.0 - start) * width, height))
    right.set_autoscale_on(False)
    ax.set_position((left, bottom, LEFT * width, height))
    right.xaxis.set_label_coords(0.5, ax.xaxis.label.get_position()[1])
    return right


def _lines(ax: Axes, count: int) -> None:
    """A line between any two of the rows, the first of which is on top."""
    ax.set_ylim(count - 0.5, -0.5)
    place_ticks(ax, "y", [], [])
    ax.tick_params(axis="y", length=0)
    ax.grid(visible=True, axis="x")
    for row in range(1, count):
        ax.axhline(row - 0.5, color=LIGHT, linewidth=0.6)


def _draw_values(ax: Axes, rows: Sequence[_Row]) -> None:
    values = np.array([[row.measured, row.claimed] for row in rows])
    _value_axis(ax, values[np.isfinite(values)])
    for row in rows:
        if np.isfinite(row.bar):
            ends = [row.measured - row.bar, row.measured + row.bar]
            ax.plot(ends, [row.place, row.place], color=BLACK, linewidth=1.6)
        ax.plot([row.measured], [row.place], **MEASURED)
        ax.plot([row.claimed], [row.place], zorder=4, **CLAIMED[row.wrong])


def _value_axis(ax: Axes, values: Floats) -> None:
    """A linear axis, or one of powers of ten on either side of 0 where sizes differ much."""
    sizes = np.abs(values[values != 0.0])
    if not sizes.size or sizes.max() <= NEAR * sizes.min():
        linear_axis(ax, "x", np.append(values, 0.0), 0.08, most=4)
        return
    low, high = decades_around(sizes)
    low = max(low, high - DECADES)
    ax.set_xscale("symlog", linthresh=ten_to(low), linscale=0.6)
    signs = [sign for sign in (-1, 1) if (sign * values > 0).any()]
    ends = {sign: ten_to(high + 0.06 * (high - low)) if sign in signs else 0.3 * ten_to(low) for sign in (-1, 1)}
    ax.set_xlim(-ends[-1], ends[1])
    powers = range(high, low, -max(1, (high - low) // 2))
    ticks = [(sign * ten_to(power), MINUS[sign] + power_text(power)) for sign in signs for power in powers]
    at, labels = zip(*sorted([*ticks, (0.0, "0")]), strict=True)
    place_ticks(ax, "x", at, labels)


def _draw_distances(ax: Axes, rows: Sequence[_Row]) -> None:
    distances = np.array([row.distance for row in rows])
    positive = distances[np.isfinite(distances) & (distances > 0.0)]
    low, high = decades_around(np.append(positive, [0.1, 10.0]))
    ax.set_xscale("log")
    log_axis(ax, "x", low, high, zero=bool((distances == 0.0).any()), most=FEW)
    ax.axvline(1.0, color=GREY, linewidth=1.2)
    none = row_below(low, high, 0.085)
    for row in rows:
        if np.isfinite(row.distance):
            ax.plot([row.distance or none], [row.place], zorder=4, **CLAIMED[row.wrong])
        ax.text(1.02, row.place, row.word, transform=ax.get_yaxis_transform(), va="center", fontsize=8, color=GREY,
                parse_math=False)  # fmt: skip


def _finding(plan: Plan, spec: Spec) -> list[str]:
    del spec
    return [_told(panel.content, in_brackets(panel.title) if len(plan.panels) > 1 else "") for panel in plan.panels]


def _told(rows: Sequence[_Row], where: str) -> str:
    wrong = [row for row in rows if row.wrong]
    if not wrong:
        return f"No row disagrees{where}."
    told = [f"{row.name} by {number(row.claimed - row.measured, 3)} ({number(row.distance, 3)} bars)" for row in wrong]
    verb = "disagrees" if len(wrong) == 1 else "disagree"
    return f"{len(wrong)} of {counted(len(rows), 'row')} {verb}{where}: {first_of(told, NAMED)}."


def _description(plan: Plan, spec: Spec) -> str:
    del plan, spec
    return (
        "Each row compares a claim (mark) with what was measured (upright stroke). Left are the values with their "
        "signs; a mark that hides its stroke agrees to the eye, which proves nothing. Right is how far the two are "
        "apart, in error bars of the measurement: left of the line at 1 they agree, right of it they disagree."
    )


def _remarks(plan: Plan, spec: Spec) -> list[str]:
    del spec
    words = sorted({row.word for row in plan.contents} - {""})
    return [f"A word behind a row says what was met there: {', '.join(words)}."] if words else []


KIND = Kind(
    required=("kind", "table", "label", "measured", "bar", "claimed", "state", "status"),
    optional=("panel", "panels", "xlabel"),
    names="label",
    called="rows",
    most=ROWS,
    gaps=True,
    columns=_columns,
    has=_has,
    content=_rows,
    draw=_draw,
    description=_description,
    finding=_finding,
    remarks=_remarks,
)
