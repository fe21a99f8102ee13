"""Kind `map`: a cell for each x and y, placed by rank, texts by the alphabet.

Its colour is column ``value`` on a logarithmic scale with the label ``label`` over ``limits``, or over all decades
there are; a cell without a value is grey, and text column ``instead`` says why.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.figures.axes import decades_around, place_ticks, power_text, ten_to
from experiments.figures.contract import Excerpt, Floats, Kind, Mask, Plan, Spec, floats
from experiments.figures.paper import GREY, STYLE, entry, lay_out, short, title_width
from experiments.words import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

COLOURS = "viridis_r"
"""Uniform to the eye and told apart by colour-blind readers (matplotlib, 2015): pale where a value is small."""
BLANKS = ("#ffffff", "#d9d9d9", "#a6a6a6")
"""White and greys, which the palette has none of, for cells without a value: one for each reason, by its name."""
WHOLE = frozenset(range(10))
"""Exponents of the powers of two that are whole numbers of at most three digits."""
MOST = 20
"""Letters of a text beside the axis above which it is cut."""

Rungs = NDArray[Any]
"""The distinct values of an axis: floats, or texts."""


@dataclass(frozen=True, kw_only=True)
class _Cells:
    """A panel of a map: cells by column and row, and the distinct values of x and y that these stand for."""

    x: Rungs
    y: Rungs
    value: Floats
    """Shape ``(y.size, x.size)``; NaN where there is none."""
    blank: NDArray[np.intp]
    """Same shape: the place of the reason among the figure's names, -1 for a cell that the table does not have."""


def _columns(spec: Spec) -> list[str]:
    limits = spec.get("limits")
    if limits is not None and not (len(limits) == 2 and 0 < limits[0] < limits[1]):
        raise ValueError(f"a figure's limits are {limits!r}; write two positive numbers, the smaller first")
    return [spec["x"], spec["y"], spec["value"], spec["instead"]]


def _has(rows: DataFrame, spec: Spec) -> Mask:
    return np.isfinite(floats(rows, spec["value"]))


def _cells(excerpt: Excerpt) -> _Cells:
    rows, spec = excerpt.rows, excerpt.spec
    x, column = np.unique(_values(rows, spec["x"]), return_inverse=True)
    y, row = np.unique(_values(rows, spec["y"]), return_inverse=True)
    value, blank = np.full((y.size, x.size), np.nan), np.full((y.size, x.size), -1)
    value[row, column] = floats(rows, spec["value"])
    places = {name: place for place, name in enumerate(excerpt.names)}
    blank[row, column] = [places.get(name, -1) for name in map(str, rows[spec["instead"]])]
    return _Cells(x=x, y=y, value=value, blank=blank)


def _values(rows: DataFrame, column: str) -> Rungs:
    return floats(rows, column) if rows[column].dtype.kind in "fiu" else rows[column].to_numpy(dtype=np.str_)


def _reasons(plan: Plan) -> list[int]:
    """The places, among the names, of the reasons that some cell without a value has."""
    blank = [panel.content.blank[np.isnan(panel.content.value)] for panel in plan.panels]
    return [int(place) for place in np.unique(np.concatenate(blank)) if place >= 0]


def _draw(plan: Plan, spec: Spec) -> Figure:
    panels = [panel.content for panel in plan.panels]
    fill = dict(zip(sorted(_reasons(plan), key=plan.names.__getitem__), itertools.cycle(BLANKS), strict=False))
    square: dict[str, Any] = {"marker": "s", "markersize": 9, "markeredgecolor": GREY, "linestyle": "none"}
    texts = [(plan.names[place], colour) for place, colour in fill.items()]
    entries = [entry(text, len(text), markerfacecolor=colour, **square) for text, colour in texts]
    height = {1: 3.6, 2: 3.2}.get(len(panels), 2.6)
    left = max(0.74, 0.42 + max(_widest(one.y) for one in panels))
    figure, axes = lay_out(plan, spec, entries, [], height=height, right=1.05, left=left)
    low, high = _limits(panels, spec)
    shades = mpl.colormaps[COLOURS]
    for one, ax in zip(panels, axes, strict=True):
        with np.errstate(divide="ignore"):
            depth = np.log10(one.value / low) / np.log10(high / low)
        picture = shades(np.nan_to_num(np.clip(depth, 0.0, 1.0)))
        picture[np.isnan(one.value)] = mpl.colors.to_rgba("#ffffff")
        for place, colour in fill.items():
            picture[np.isnan(one.value) & (one.blank == place)] = mpl.colors.to_rgba(colour)
        ax.imshow(picture, origin="lower", aspect="auto", interpolation="none")
        ax.set_xlim(-0.5, one.x.size - 0.5)
        ax.set_ylim(-0.5, one.y.size - 0.5)
        for name, values in (("x", one.x), ("y", one.y)):
            places = list(range(values.size)) if _texts(values) else _rungs(values)
            place_ticks(ax, name, places, [_label(value, values) for value in values[places].tolist()])
        width = ax.get_position().width * figure.get_figwidth()
        ax.yaxis.set_label_coords(-(left - 0.22) / width, 0.5)
    _colour_bar(figure, axes[-1], spec, low, high)
    return figure


def _limits(panels: Sequence[_Cells], spec: Spec) -> tuple[float, float]:
    if "limits" in spec:
        low, high = map(float, spec["limits"])
        return low, high
    values = np.concatenate([one.value[np.isfinite(one.value) & (one.value > 0)] for one in panels])
    down, up = decades_around(values if values.size else np.ones(1))
    return ten_to(down), ten_to(up)


def _texts(values: Rungs) -> bool:
    return values.dtype.kind == "U"


def _widest(values: Rungs) -> float:
    """Inches of the widest text beside the axis, 0 for numbers."""
    sizes = STYLE["ytick.labelsize"] / STYLE["axes.titlesize"]
    return max(sizes * title_width(short(value, MOST)) for value in values.tolist()) if _texts(values) else 0.0


def _label(value: Any, among: Rungs) -> str:
    return short(value, MOST) if isinstance(value, str) else _rung(value, binary=_binary(among))


def _binary(values: Rungs) -> bool:
    """Tell whether all positive values are powers of two, of which a tick tells the exponent.

    A few whole numbers, such as the orders 1 and 2 of a derivative, are written as they are.
    """
    exponents = np.log2(values[values > 0])
    return bool((exponents == np.round(exponents)).all() and not set(exponents) <= WHOLE)


def _rungs(values: Floats) -> list[int]:
    """The places of about seven values with a tick, in regular steps; powers of two by round exponents; 0 always."""
    positive = np.flatnonzero(values > 0)
    step = next(step for step in (1, 2, 4, 8, 16, 32, 64, 128, 2**20) if positive.size // step <= 8)
    count = np.log2(values[positive]) if _binary(values) else np.arange(positive.size)
    zero = np.flatnonzero(values == 0).tolist()
    free = max(zero, default=-2) + 2  # lest a label runs into that of 0
    return [*zero, *(place for place in positive[count % step == 0].tolist() if place >= free)]


def _rung(value: float, *, binary: bool) -> str:
    return power_text(int(math.log2(value)), base=2) if binary and value > 0 else f"{value:.3g}"


def _colour_bar(figure: Figure, beside: Axes, spec: Spec, low: float, high: float) -> None:
    """A bar to the right of the last panel, its ends marked where values may lie beyond them."""
    place, width = beside.get_position(), figure.get_figwidth()
    bar = figure.add_axes((place.x1 + 0.14 / width, place.y0, 0.13 / width, place.height))
    bar.set_autoscale_on(False)
    shades = mpl.colormaps[COLOURS](np.linspace(0.0, 1.0, 256))[:, None]
    down, up = math.log10(low), math.log10(high)
    bar.imshow(shades, origin="lower", aspect="auto", interpolation="none", extent=(0.0, 1.0, down, up))
    bar.set_xlim(0.0, 1.0)
    bar.set_ylim(down, up)
    place_ticks(bar, "x", [], [])
    powers = range(math.ceil(down - 1e-9), math.floor(up + 1e-9) + 1)
    labels = list(map(power_text, powers))
    if "limits" in spec and labels:
        labels[0], labels[-1] = f"≤ {labels[0]}", f"≥ {labels[-1]}"
    place_ticks(bar, "y", powers, labels)
    bar.yaxis.tick_right()
    bar.yaxis.set_label_coords(0.82 / 0.13, 0.5)
    bar.set_ylabel(spec["label"], parse_math=False)
    for spine in bar.spines.values():
        spine.set_visible(False)


def _description(plan: Plan, spec: Spec) -> str:
    del plan
    label = spec["label"]
    return f"{label} by colour, for each {spec['xlabel']} (across) and {spec['ylabel']} (up): the paler the smaller."


def _remarks(plan: Plan, spec: Spec) -> list[str]:
    says = []
    values = np.concatenate([panel.content.value.ravel() for panel in plan.panels])
    blank = int(np.isnan(values).sum())
    if blank:
        reasons = [plan.names[place] for place in _reasons(plan)]
        why = f", grey or white: {'; '.join(reasons)}" if reasons else ""
        says.append(f"{blank:,} of {counted(values.size, 'cell')} {'has' if blank == 1 else 'have'} no value{why}.")
    if "limits" in spec:
        says.append("Values beyond the ends of the scale have the colour of its end.")
    return says


KIND = Kind(
    required=("kind", "table", "x", "y", "value", "instead"),
    optional=("panel", "panels", "xlabel", "ylabel", "label", "limits"),
    names="instead",
    called="reasons",
    gaps=True,
    columns=_columns,
    has=_has,
    content=_cells,
    draw=_draw,
    description=_description,
    remarks=_remarks,
)
