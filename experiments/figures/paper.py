"""Paper and ink: sizes, colours and markers, the sheet with its panels and legend.

Speed shapes the code: margins are fixed in inches, no text passes through mathtext (which also keeps a `$` in
somebody's expression a `$`), and pyplot is never imported.
"""

from __future__ import annotations

import functools
import math
import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.lines import Line2D

from experiments import looks
from experiments.figures.contract import Plan, Spec

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DASHES: tuple[Any, ...] = ("-", (0, (4, 2)), (0, (2.5, 1.5)), (0, (1.2, 1.2)))
BROKEN: Any = (0, (5, 2.5))
"""The dash of what others are measured against: drawn above them, it lets them be seen."""
MEASURES: tuple[Any, ...] = (BROKEN, (0, (1.2, 1.8)))
"""The dashes of the first of them in a figure, and of a second."""
NAME = 34
"""Letters of a name beside a row, or in a legend, above which it is cut."""

GREY, LIGHT = "#5f6368", "#dddddd"
STYLE: Mapping[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.edgecolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10.0,
    "axes.axisbelow": True,
    "grid.color": LIGHT,
    "grid.linewidth": 0.6,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": "black",
    "ytick.labelcolor": "black",
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text: it can be found, copied and read aloud
    "svg.hashsalt": "derivative-lab",
    "pdf.fonttype": 42,
    "savefig.dpi": 160,
}

PANELS = 3
"""Most panels in a row."""

Entry = tuple[str, Line2D]
LINE = 0.175
"""Height of a line of the legend in inches."""


def rc() -> Any:
    """All of matplotlib's own defaults and our style on top: somebody's matplotlibrc changes nothing here."""
    return {k: v for k, v in mpl.rcParamsDefault.items() if not k.startswith("backend")} | dict(STYLE)


@contextmanager
def inked() -> Iterator[None]:
    """Draw in our style. A letter that the font lacks is a box, which is no reason to disturb a run."""
    with mpl.rc_context(rc()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def looks_of(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the colour, the marker and the dash of every series; black ones lie above the others."""
    return {name: _look(look) for name, look in looks.looks_of(names).items()}


def _look(look: looks.Look) -> dict[str, Any]:
    black = look.colour == looks.BLACK
    dashes = MEASURES if black else DASHES
    dash = dashes[look.before % len(dashes)]
    return {"color": look.colour, "marker": look.marker or "none", "linestyle": dash, "zorder": 3.5 if black else 3}


def entry(name: str, most: int = NAME, **look: Any) -> Entry:
    """Return an entry of the legend: a name, cut if it has over ``most`` letters, and how a line of it looks."""
    return short(name, most), Line2D([], [], **look)


def short(text: str, most: int) -> str:
    """Cut a text of over ``most`` letters, with an ellipsis."""
    return text if len(text) <= most else text[: most - 1] + "…"


@functools.cache
def _title_font() -> Any:
    return get_font(findfont(FontProperties(family=STYLE["font.family"])))


def title_width(text: str) -> float:
    """Width of a panel's title in inches."""
    font = _title_font()
    font.set_size(STYLE["axes.titlesize"], 72.0)
    font.set_text(text)
    return float(font.get_width_height()[0]) / 64.0 / 72.0  # FreeType counts in 64ths of a point


def folded(text: str, width: float) -> str:
    """A text in lines of at most so many inches, as long as may be; a word that is longer is cut."""
    lines = (textwrap.wrap(text, letters) for letters in range(max(len(text), 1), 0, -1))
    fitting = (some for some in lines if max(map(title_width, some), default=0.0) <= width)
    return "\n".join(next(fitting, [text]))


def panel_size(panels: int) -> tuple[float, float]:
    """Width and height of a panel in inches: one alone may be larger."""
    return {1: (4.6, 2.9), 2: (3.5, 2.6)}.get(panels, (2.6, 2.4))


def panels_across(panels: int) -> int:
    """Panels in a row: all, or beyond PANELS as many in each of the fewest rows."""
    return math.ceil(panels / math.ceil(panels / PANELS))


def lay_out(
    plan: Plan,
    spec: Spec,
    series: Sequence[Entry],
    explained: Sequence[Entry],
    *,
    height: float | None = None,
    left: float = 0.74,
    right: float = 0.2,
    gap: float = 0.55,
) -> tuple[Figure, list[Axes]]:
    """Lay out panels in rows and below them the legend: all in one line if it fits, else what explains marks apart.

    There is room below the panels for as many lines as the spec's ``xlabel`` has.
    """
    panels = len(plan.panels)
    across = panels_across(panels)
    width, height = panel_size(panels)[0], height or panel_size(panels)[1]
    total = left + across * width + (across - 1) * gap + right
    entries = [*series, *explained]
    groups = [entries] if _width(entries) <= total else [list(series), list(explained)]
    groups = [group for group in groups if group]
    legends = [(group, _columns(group, total)) for group in groups]
    heights = [0.05 + LINE * math.ceil(len(group) / columns) for group, columns in legends]
    labels = 0.56 + LINE * spec.get("xlabel", "").count("\n")
    below = labels + sum(heights)
    rows = math.ceil(panels / across)
    step = height + 0.34 + labels - 0.1  # with the title above it and the labels below
    sheet = below + (rows - 1) * step + height + (0.34 if any(panel.title for panel in plan.panels) else 0.14)
    figure = Figure(figsize=(total, sheet))
    axes = [
        figure.add_axes((x / total, y / sheet, width / total, height / sheet))
        for place in range(panels)
        for x, y in [(left + place % across * (width + gap), below + (rows - 1 - place // across) * step)]
    ]
    for panel, ax in zip(plan.panels, axes, strict=True):
        ax.set_autoscale_on(False)
        ax.set_title(panel.title, loc="left", y=1.0, pad=7, parse_math=False)
        ax.set_xlabel(spec.get("xlabel", ""), parse_math=False)
        # Places are given: to find them, matplotlib would measure every tick label, a third of the drawing time.
        ax.xaxis.set_label_coords(0.5, -0.27 / height)
        ax.yaxis.set_label_coords(-0.52 / width, 0.5)
    for ax in axes[::across]:
        ax.set_ylabel(spec.get("ylabel", ""), parse_math=False)
    for place, (group, columns) in enumerate(legends):
        _legend(figure, group, columns, (below - labels + 0.02 - sum(heights[:place])) / sheet)
    return figure, axes


def _width(entries: Sequence[Entry]) -> float:
    # 0.075 inch is the mean width of a 9 point letter of DejaVu Sans, 0.68 inch the handle and its spaces.
    return sum(0.68 + 0.075 * len(label) for label, _ in entries)


def _columns(entries: Sequence[Entry], width: float) -> int:
    if _width(entries) <= width:
        return len(entries)
    return max(1, int(width / max(_width([one]) for one in entries)))


def _legend(figure: Figure, entries: Sequence[Entry], columns: int, top: float) -> None:
    legend = figure.legend(
        [handle for _, handle in entries],
        ["legend"] * len(entries),
        loc="upper center",
        bbox_to_anchor=(0.5, top),
        ncols=columns,
        handlelength=2.6,
        columnspacing=1.8,
        borderaxespad=0,
        borderpad=0.2,
        labelspacing=0.35,
    )
    # Labels come by hand: matplotlib would hide one with a leading underscore and read `$` as mathematics.
    for text, (label, _) in zip(legend.get_texts(), entries, strict=True):
        text.set_parse_math(False)
        text.set_text(label)
