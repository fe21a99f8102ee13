"""Figures of saved tables: ``draw(frames, spec)`` gives a matplotlib Figure, ``save`` writes it.

A figure is a function of tables as read back from disk and of its spec, a plain mapping from the
configuration. ``KINDS`` lists the kinds of figure there are. Whatever a figure shows was computed by the
runner; here numbers are only selected, thinned and placed.

Speed shapes the code: ticks are fixed and labelled in plain text (10⁻⁴), margins are fixed in inches, no text
passes through mathtext (which also keeps a `$` in somebody's expression a `$`), and pyplot is never imported.
"""

from __future__ import annotations

import difflib
import functools
import itertools
import math
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import text_to_path
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from pandas import DataFrame

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]
    Frames = Mapping[str, DataFrame]

Spec = Mapping[str, Any]
Key = tuple[Any, ...]

FORMATS: Mapping[str, Mapping[str, Any]] = {
    "svg": {"metadata": {"Date": None, "Creator": None, "Format": None, "Type": None}},
    "png": {"metadata": {"Software": None}},
    "pdf": {"metadata": {"CreationDate": None, "Creator": None, "Producer": None}},
}
"""Each format with the arguments that keep clocks and version numbers out of the file."""

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito (2008), told apart by colour-blind readers; without the yellow, too pale on white."""

# Seven colours and eight markers have no common factor: 56 series before a pair of the two comes back.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
DASHES: tuple[Any, ...] = ("-", (0, (4, 2)), (0, (2.5, 1.5)), (0, (1.2, 1.2)))

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
    # Outlines, not <text>: superscripts differ from font to font, and a figure looks alike on every machine.
    "svg.fonttype": "path",
    "svg.hashsalt": "derivative-lab",
    "pdf.fonttype": 42,
    "savefig.dpi": 160,
}

PANELS = 3
SERIES = 12
ROWS = 16
POINTS = 2000
"""Most panels in a row (and in all, unless more are asked for), series in a panel, rows of a dot plot, points of a
line; captions tell of cuts."""
THINNED = f"Long lines are thinned to {POINTS} points, the least and the greatest of each stretch."

FEW = 5
"""A line of at most so many points is drawn as markers alone."""

REACH: Mapping[bool, tuple[int, int]] = {True: (16, 8), False: (2, 2)}
"""How many decades in x and in y beyond the data the axes go for what is predicted: far where all lines have FEW
points, as the prediction alone shows their law; else hardly, lest a wild prediction squeezes the data."""

CURVE, POINT = "f", "x"
"""In a figure of curves: the series that is the curve itself, and the panel column that holds the point on it."""


# What the caller sees


def draw(frames: Frames, spec: Spec) -> Figure:
    """Draw one figure of fixed margins; refuse with ValueError if ``empty(frames, spec)``.

    Parameters
    ----------
    frames
        For each table that ``columns_needed(spec)`` names a frame with at least the columns named there.
    spec
        What to draw; the keys of each kind stand in ``KINDS``.
    """
    spec = _given(spec)
    plan = _plan(frames, spec)
    if not plan.panels:
        raise ValueError(f"table {spec['table']!r} has no values for this figure")
    with mpl.rc_context(_rc()):
        return _kind(spec).draw(plan, spec)


def caption(frames: Frames, spec: Spec, panels: int | None = None) -> str:
    """Say in sentences what ``draw(frames, spec)`` shows, and what it leaves out.

    ``panels`` is how many panels the whole table has, if ``frames`` hold the rows of a few of them only.
    """
    spec = _given(spec)
    plan = _plan(frames, spec)
    says = [*_kind(spec).caption(plan, spec), *_say_left_out(plan, spec, panels or plan.available)]
    return " ".join(text[:1].upper() + text[1:] for text in says)


def empty(frames: Frames, spec: Spec) -> bool:
    """Tell whether every value is missing, so that there is nothing to draw."""
    spec = _given(spec)
    return not _kind(spec).has(_rows(frames, spec), spec).any()


def panel_columns(spec: Spec) -> list[str]:
    """Return the columns whose distinct values make the panels."""
    panel = spec.get("panel") or []
    return [panel] if isinstance(panel, str) else list(panel)


def choose(keys: Sequence[Key], spec: Spec) -> list[int]:
    """Choose the panels shown from all, by place: the first of each function (or first column) before a second."""
    seen: Counter[object] = Counter()
    turns = []
    for key in keys:
        turns.append(seen[key[:1]])
        seen[key[:1]] += 1
    return sorted(range(len(keys)), key=turns.__getitem__)[: spec.get("panels") or PANELS]


def save(figure: Figure, directory: Path, name: str, formats: Sequence[str]) -> list[Path]:
    """Write ``figure`` as ``directory/name.<format>`` for each format; files appear whole or not at all."""
    check_formats(formats)
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    with mpl.rc_context(_rc()), warnings.catch_warnings():
        # A name in a script that the font lacks is drawn as boxes; that is no reason to disturb a run.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        for form in formats:
            path = directory / f"{name}.{form}"
            part = directory / f".{path.name}.part"
            figure.savefig(part, format=form, **FORMATS[form])
            part.replace(path)
            paths.append(path)
    return paths


def check_formats(formats: Sequence[str]) -> None:
    """Raise ValueError, in one line, unless every format is one of ``FORMATS``."""
    if isinstance(formats, str):
        message = f"figure formats: {formats!r} is one text; write a list, such as [{formats}]"
        raise ValueError(message)  # noqa: TRY004 - whatever is wrong in a configuration is one kind of error
    for form in formats:
        if form not in FORMATS:
            raise ValueError(f"figure format {form!r} is not known; there are {', '.join(FORMATS)}")


def columns_needed(spec: Spec) -> dict[str, list[str]]:
    """Each table that ``spec`` draws from, with the columns that it reads; read only these from disk."""
    spec = _given(spec)
    kind = _kind(spec)
    keys = kind.required + kind.optional + ("where",)
    for key in (key for key in kind.required if key not in spec):
        raise ValueError(f"a figure of kind {spec['kind']!r} needs the key {key!r}")
    for key in (key for key in spec if key not in keys):
        near = difflib.get_close_matches(key, keys, n=1)
        says = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(keys)}"
        raise ValueError(f"a figure of kind {spec['kind']!r} has no key {key!r}; {says}")
    needed = {spec["table"]: [*panel_columns(spec), *kind.columns(spec), *_where(spec)]}
    for key in (key for key in BESIDE if key in spec):
        table, columns = _beside_columns(spec, key)
        needed[table] = [*needed.get(table, ()), *columns]
    return {table: list(dict.fromkeys(columns)) for table, columns in needed.items()}


def check(spec: Spec, tables: Mapping[str, Collection[str]]) -> None:
    """Raise ValueError, in one line, unless ``spec`` names a kind, its keys and columns of ``tables``."""
    for table, columns in columns_needed(spec).items():
        if table not in tables:
            raise ValueError(f"a figure draws from table {table!r}; there are {', '.join(tables)}")
        for column in columns:
            if column not in tables[table]:
                raise ValueError(f"a figure draws column {column!r}; {table} has {', '.join(tables[table])}")
    panels = _given(spec).get("panels", PANELS)
    if not (isinstance(panels, int) and panels > 0):
        raise ValueError(f"a figure has panels={panels!r}; write how many it shows at most, such as {PANELS}")


def _given(spec: Spec) -> Spec:
    """Leave out the keys that are null, as a command line takes a key away; label an axis by its column."""
    given = {key: value for key, value in spec.items() if value is not None}
    return given | {f"{axis}label": given.get(f"{axis}label", given[axis]) for axis in "xy" if axis in given}


def _kind(spec: Spec) -> Kind:
    name = str(spec.get("kind"))
    if name not in KINDS:
        raise ValueError(f"a figure of kind {name!r} is not known; there are {', '.join(KINDS)}")
    return KINDS[name]


def _where(spec: Spec) -> Mapping[str, Any]:
    """The rows that ``spec`` chooses: each column with the value that it must have."""
    where = spec.get("where", {})
    if not isinstance(where, Mapping):
        message = f"a figure's where is {where!r}; write a mapping of columns to values"
        raise ValueError(message)  # noqa: TRY004 - whatever is wrong in a configuration is one kind of error
    return where


def _rows(frames: Frames, spec: Spec) -> DataFrame:
    rows = frames[spec["table"]]
    for column, value in _where(spec).items():
        rows = rows[rows[column] == value]
    return rows


def _rc() -> Any:
    """All of matplotlib's own defaults and our style on top: somebody's matplotlibrc changes nothing here."""
    return {k: v for k, v in mpl.rcParamsDefault.items() if not k.startswith("backend")} | dict(STYLE)


# Which rows are drawn


@dataclass(frozen=True, kw_only=True)
class _Panel:
    """A panel with its content: the series of a figure of lines, the pairs of a dot plot."""

    key: Key
    title: str
    content: Any


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """The panels and names (series, or rows of a dot plot) that a figure shows, and what its caption tells of cuts."""

    panels: tuple[_Panel, ...]
    available: int
    empty: tuple[str, ...]
    names: tuple[str, ...]
    names_available: int


def _plan(frames: Frames, spec: Spec) -> _Plan:
    kind, columns = _kind(spec), panel_columns(spec)
    rows = _rows(frames, spec)[columns_needed(spec)[spec["table"]]]
    there = kind.has(rows, spec)
    place: NDArray[Any] = np.zeros(len(rows), dtype=np.intp)
    keys: list[Key] = [()]
    if columns:
        place = rows.groupby(columns, sort=False, observed=True, dropna=False).ngroup().to_numpy()
        keys = list(rows[columns].drop_duplicates().itertuples(index=False, name=None))
    full = np.unique(place[there])
    shown = [full[k] for k in choose([keys[panel] for panel in full], spec)]
    # Lest a title runs into the next: a letter is 0.084 inch on average.
    letters = int((_size(len(shown))[0] + 0.4) / 0.084)
    column, named = rows[spec[kind.names]], there | kind.gaps
    lists = [column[(place == panel) & named].drop_duplicates() for panel in shown]
    names = list(dict.fromkeys(map(str, itertools.chain(*lists))))
    panels = []
    for panel in shown:
        # The same curve comes from each job of a sweep over something else.
        own = rows[place == panel].drop_duplicates()
        content = kind.content(own, frames, spec, names[: kind.most], keys[panel])
        panels.append(_Panel(key=keys[panel], title=_title(columns, keys[panel], letters), content=content))
    return _Plan(
        panels=tuple(panels),
        available=full.size,
        empty=tuple(_title(columns, keys[panel], 60) for panel in np.setdiff1d(place, full)),
        names=tuple(names[: kind.most]),
        names_available=len(names),
    )


def _title(columns: Sequence[str], key: Key, most: int) -> str:
    """Write texts as they stand and numbers as "at x = 1"; a long text gives way, so that the numbers stay."""
    texts = ", ".join(" ".join(value.split()) for value in key if isinstance(value, str))
    numbers = ", ".join(f"{n} = {v:g}" for n, v in zip(columns, key, strict=True) if not isinstance(v, str))
    joint = " at " if texts and numbers else ""
    return f"{_short(texts, max(8, most - len(joint + numbers)))}{joint}{numbers}"


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _floats(rows: DataFrame, column: str) -> Floats:
    return rows[column].to_numpy(dtype=np.float64, na_value=np.nan)


def _named(rows: DataFrame, column: str, name: str) -> DataFrame:
    return rows[rows[column].astype(str) == name]


def _say_left_out(plan: _Plan, spec: Spec, panels: int) -> list[str]:
    says = []
    kind, columns = _kind(spec), panel_columns(spec)
    if panels > len(plan.panels):
        order = f", the first of each {columns[0]} before a second" if len(columns) > 1 else ""
        says.append(f"Shown are the first {len(plan.panels)} of {panels} panels{order}.")
    if plan.names_available > len(plan.names):
        counts = f"the first {len(plan.names)} of {plan.names_available}"
        says.append(f"Of each panel {counts} {kind.called} ({spec[kind.names]}) are shown.")
    if plan.empty:
        more = f" and {len(plan.empty) - 3} more" if len(plan.empty) > 3 else ""
        says.append(f"Left out, as there is nothing to draw: {'; '.join(plan.empty[:3])}{more}.")
    return says


# The sheet: panels of one size with fixed margins in inches, and a legend below them

Entry = tuple[str, Line2D]
LINE = 0.175
"""Height of a line of the legend in inches."""


def _size(panels: int) -> tuple[float, float]:
    """Width and height of a panel in inches: one alone may be larger."""
    return {1: (4.6, 2.9), 2: (3.5, 2.6)}.get(panels, (2.6, 2.4))


def _across(panels: int) -> int:
    """Panels in a row: all, or beyond PANELS as many in each of the fewest rows."""
    return math.ceil(panels / math.ceil(panels / PANELS))


def _sheet(
    plan: _Plan,
    spec: Spec,
    series: Sequence[Entry],
    explained: Sequence[Entry],
    *,
    height: float | None = None,
    left: float = 0.74,
    right: float = 0.2,
    gap: float = 0.55,
) -> tuple[Figure, list[Axes]]:
    """Lay out panels in rows and below them the legend: all in one line if it fits, else what explains marks apart."""
    panels = len(plan.panels)
    across = _across(panels)
    width, height = _size(panels)[0], height or _size(panels)[1]
    total = left + across * width + (across - 1) * gap + right
    entries = [*series, *explained]
    groups = [entries] if _width(entries) <= total else [list(series), list(explained)]
    groups = [group for group in groups if group]
    legends = [(group, _columns(group, total)) for group in groups]
    heights = [0.05 + LINE * math.ceil(len(group) / columns) for group, columns in legends]
    below = 0.56 + sum(heights)
    rows = math.ceil(panels / across)
    step = height + 0.34 + 0.46  # with the title above it and the labels below
    sheet = below + (rows - 1) * step + height + 0.34
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
        _legend(figure, group, columns, (below - 0.54 - sum(heights[:place])) / sheet)
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


def _ticks(axes: Axes, name: str, at: Sequence[float], labels: Sequence[str]) -> None:
    axis = axes.xaxis if name == "x" else axes.yaxis
    axis.set_major_locator(FixedLocator(list(at)))
    axis.set_major_formatter(FixedFormatter(list(labels)))
    axis.set_minor_locator(NullLocator())


RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def _power(exponent: float) -> float:
    """Ten to the power ``exponent``, or the nearest to it that a float can hold."""
    return float(10.0 ** min(max(exponent, -323.0), 308.25))


def _decades(values: Floats) -> tuple[int, int]:
    """The powers of ten that hold all positive ``values`` between them, at least one decade apart."""
    low, high = math.floor(np.log10(values.min()) + 1e-9), math.ceil(np.log10(values.max()) - 1e-9)
    return (low, high) if high > low else (low - 1, high + 1)


def _round_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """At most ``most`` round numbers (1, 2 or 5 times a power of ten apart) between ``low`` and ``high``."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(step * power for step in (1.0, 2.0, 5.0, 10.0) if step * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]


def _numbers(ticks: Sequence[float], step: float) -> list[str]:
    """Label ticks; where labels are too long for the margin, one stands as it is and the others tell how far off."""
    labels = [_number(tick, step) for tick in ticks]
    if max(map(len, labels)) <= 7:
        return labels
    base = min(range(len(ticks)), key=lambda place: len(labels[place]))
    away = [("+" if k > base else "\N{MINUS SIGN}") + _number(abs(k - base) * step, step) for k in range(len(ticks))]
    return [f"{ticks[base]:.6g}" if k == base else label for k, label in enumerate(away)]


def _number(value: float, step: float) -> str:
    """``value`` with the digits that tell it from its neighbour at a distance of ``step``."""
    size = max(abs(value), abs(step))
    if abs(step) >= 1.0 and size < 1e5:
        return f"{value:.0f}".replace("-", "\N{MINUS SIGN}")
    digits = max(1, math.floor(math.log10(size)) - math.floor(math.log10(abs(step))) + 1)
    if 1 <= size < 1e5:
        digits = max(digits, math.floor(math.log10(size)) + 1)  # 30, not 3e1
    text = f"{0.0 if abs(value) < abs(step) / 2 else value:.{digits}g}"
    return text.replace("e-0", "e-").replace("e+0", "e").replace("-", "\N{MINUS SIGN}")


# Lines, of kind `lines` (logarithmic) or `curves` (linear)


@dataclass(frozen=True, kw_only=True)
class _Points:
    """What is drawn beside a series: predicted values, or dots. On log axes y > 0, NaN is a gap."""

    x: Floats
    y: Floats
    proved: bool = False


@dataclass(frozen=True, kw_only=True)
class _Series:
    """One line of a panel, sorted by x. NaN in y is a gap; on a log axis y >= 0."""

    name: str
    x: Floats
    y: Floats
    thinned: bool
    bound: _Points | None = None
    marks: _Points | None = None


BESIDE: Mapping[str, tuple[str, ...]] = {"bound": ("table", "x", "y", "proved"), "marks": ("table", "x", "y")}
"""The keys that name a further table, each with the keys of its mapping."""


def _beside_columns(spec: Spec, key: str) -> tuple[str, list[str]]:
    where = spec[key]
    if not isinstance(where, Mapping) or set(where) != set(BESIDE[key]):
        raise ValueError(f"a figure's {key} is {where!r}; write a mapping of {', '.join(BESIDE[key])}")
    return where["table"], [*panel_columns(spec), spec["series"], *(where[part] for part in BESIDE[key][1:])]


def _line_columns(spec: Spec) -> list[str]:
    return [spec["series"], spec["x"], spec["y"]]


def _has_linear(rows: DataFrame, spec: Spec) -> Mask:
    return np.isfinite(_floats(rows, spec["x"])) & np.isfinite(_floats(rows, spec["y"]))


def _has_log(rows: DataFrame, spec: Spec) -> Mask:
    return _has_linear(rows, spec) & (_floats(rows, spec["x"]) > 0) & (_floats(rows, spec["y"]) >= 0)


def _lines(rows: DataFrame, frames: Frames, spec: Spec, names: Sequence[str], panel: Key) -> list[_Series]:
    beside = {key: _beside(frames, spec, key, panel) for key in BESIDE if key in spec}
    parts = {name: _named(rows, spec["series"], name) for name in names}
    return [_series(part, spec, name, beside) for name, part in parts.items() if len(part)]


def _beside(frames: Frames, spec: Spec, key: str, panel: Key) -> DataFrame:
    """Rows of the table that ``key`` names that belong to a panel, each once."""
    table, columns = _beside_columns(spec, key)
    rows = frames[table][list(dict.fromkeys(columns))]
    for column, value in zip(panel_columns(spec), panel, strict=True):
        rows = rows[rows[column] == value]
    return rows.drop_duplicates()


def _series(rows: DataFrame, spec: Spec, name: str, beside: Mapping[str, DataFrame]) -> _Series:
    x = _floats(rows, spec["x"])
    y = np.where(_kind(spec).has(rows, spec), _floats(rows, spec["y"]), np.nan)
    order = np.argsort(x, kind="stable")
    order = order[np.isfinite(x[order])]
    order = order[_thin(y[order])]
    least = 0.0 if _kind(spec).has is _has_log else -math.inf
    predicted = {
        key: _points(_named(part, spec["series"], name), spec[key], least=least) for key, part in beside.items()
    }
    return _Series(name=name, x=x[order], y=y[order], thinned=x.size > POINTS, **predicted)


def _points(rows: DataFrame, where: Mapping[str, str], *, least: float) -> _Points | None:
    rows = rows.sort_values(where["x"], kind="stable")
    y = _floats(rows, where["y"])
    there = np.isfinite(y) & (y > least)
    proved = "proved" in where and bool((rows[where["proved"]] == "proved").all())
    return _Points(x=_floats(rows, where["x"]), y=np.where(there, y, np.nan), proved=proved) if there.any() else None


def _thin(y: Floats) -> NDArray[np.intp]:
    """Choose at most POINTS values by index: of each stretch the least and the greatest, its peaks."""
    if y.size <= POINTS:
        return np.arange(y.size)
    keep = []
    for stretch in np.array_split(np.arange(y.size), POINTS // 2):
        part = y[stretch]
        gap = np.isnan(part)
        keep += [stretch[np.argmin(np.where(gap, np.inf, part))], stretch[np.argmax(np.where(gap, -np.inf, part))]]
    return np.unique(keep)


def _look(place: int) -> dict[str, Any]:
    return {"color": PALETTE[place % len(PALETTE)], "marker": MARKERS[place % len(MARKERS)]}


# Kind `lines`

OPTIMUM: Mapping[str, Any] = {"markersize": 9, "markerfacecolor": "white", "markeredgewidth": 1.6, "linestyle": "none"}
BOUND: Mapping[bool, Mapping[str, Any]] = {
    True: {"linewidth": 0.8, "linestyle": "-"},
    False: {"linewidth": 0.8, "linestyle": (0, (1.5, 1.5))},
}
PROMISE: Mapping[bool, str] = {True: "a proved bound", False: "an estimate"}
DOTS: Mapping[str, Any] = {"linestyle": "none", "markeredgecolor": "white", "markeredgewidth": 0.6}
"""Between a few points of a V a straight line would tell a wrong law: they stay alone."""


def _draw_lines(plan: _Plan, spec: Spec) -> Figure:
    panels = [panel.content for panel in plan.panels]
    looks = {name: _look(place) for place, name in enumerate(plan.names)}
    series = list(itertools.chain(*panels))
    few = all(one.x.size <= FEW for one in series)
    style = {"markersize": 7, **DOTS} if few else {"markersize": 4.5, "linewidth": 1.4}
    entries = [(_short(name, 32), Line2D([], [], **look, **style)) for name, look in looks.items()]
    figure, axes = _sheet(plan, spec, entries, _explained(series))
    held = [_held(panel, REACH[few]) for panel in panels]
    for panel, ax, (_, y) in zip(panels, axes, held, strict=True):
        _draw_log(ax, panel, looks, y)
    low, high = _decades(np.concatenate([x for x, _ in held]))
    for ax in axes:
        _log_axis(ax, "x", low, high, zero=False)
    return figure


def _explained(series: Sequence[_Series]) -> list[Entry]:
    entries = [
        (f"predicted error ({PROMISE[proved]})", Line2D([], [], color=GREY, **BOUND[proved]))
        for proved in _promises(series)
    ]
    if any(one.marks is not None for one in series):
        entries.append(("predicted optimum", Line2D([], [], marker="o", markeredgecolor=GREY, **OPTIMUM)))
    return entries


def _promises(series: Iterable[_Series]) -> list[bool]:
    """Whether what is predicted is proved: True, False or both, True first."""
    return sorted({one.bound.proved for one in series if one.bound is not None}, reverse=True)


def _held(panel: Sequence[_Series], reach: tuple[int, int]) -> tuple[Floats, Floats]:
    """The x and the positive y that the axes must hold: the data, and what is predicted near them."""
    there = [np.isfinite(one.y) for one in panel]
    x = np.concatenate([one.x[seen] for one, seen in zip(panel, there, strict=True)])
    y = np.concatenate([one.y[seen & (one.y > 0)] for one, seen in zip(panel, there, strict=True)])
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


def _draw_log(ax: Axes, panel: Sequence[_Series], looks: Mapping[str, Mapping[str, Any]], held: Floats) -> None:
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.grid(visible=True)
    low, high = _decades(held)
    zero = any((one.y == 0).any() for one in panel)
    _log_axis(ax, "y", low, high, zero=zero)
    if zero:
        ax.axhline(_row(low, high, 0.03), color=GREY, linewidth=0.6, linestyle=(0, (1.5, 1.5)))
    for place, (one, depth) in enumerate(zip(panel, np.linspace(0.06, 0.11, len(panel)), strict=True)):
        look = looks[one.name]
        _log_line(ax, one, look, place / len(panel))
        hits = one.x[one.y == 0]
        ax.plot(hits, np.full(hits.size, _row(low, high, depth)), linestyle="none", markersize=4, **look)
        if one.bound is not None:
            ax.plot(one.bound.x, one.bound.y, color=look["color"], zorder=2, **BOUND[one.bound.proved])
        if one.marks is not None:
            ax.plot(one.marks.x, one.marks.y, marker=look["marker"], mec=look["color"], zorder=4, **OPTIMUM)


def _log_line(ax: Axes, one: _Series, look: Mapping[str, Any], place: float) -> None:
    """Draw one series; ``place`` among the others, from 0 to 1, moves its markers and makes it peep out below them."""
    y = np.where(one.y > 0, one.y, np.nan)
    style = {"linewidth": 0.7 if one.thinned else 1.2, "markersize": 4, "markevery": _marked(y, place)}
    few = {**DOTS, "markersize": 8 - 2 * place}
    ax.plot(one.x, y, zorder=3, **look, **(few if one.x.size <= FEW else style))


def _marked(y: Floats, stagger: float) -> list[int]:
    """Choose the points with a marker: about seven along the line, and each without a neighbour to join."""
    there = np.isfinite(y)
    padded = np.concatenate([[False], there, [False]])
    alone = there & ~padded[:-2] & ~padded[2:]
    every = max(1, y.size // 7)
    alone[int(stagger * every) :: every] = True
    return [int(place) for place in np.flatnonzero(alone)]


def _row(low: int, high: int, depth: float) -> float:
    """The height that lies below the decade ``low`` by the part ``depth`` of the axis."""
    return _power(low - depth * (high - low))


def _log_axis(ax: Axes, name: str, low: int, high: int, *, zero: bool) -> None:
    """Set limits at decades and a little further, lest a marker is cut; add a row for 0 where needed."""
    # All multiples of a round step, seven of them at most.
    step = next(step for step in (1, 2, 4, 5, 10, 20, 50, 100, 200) if (high - low) // step <= 6)
    powers = [power for power in range(low, high + 1) if power % step == 0]
    at, labels = [_power(power) for power in powers], [f"10{str(power).translate(RAISED)}" for power in powers]
    if zero:
        at, labels = [_row(low, high, 0.085), *at], ["0", *labels]
    ends = (_row(low, high, 0.14 if zero else 0.03), _power(high + 0.03 * (high - low)))
    (ax.set_xlim if name == "x" else ax.set_ylim)(*ends)
    _ticks(ax, name, at, labels)


def _caption_lines(plan: _Plan, spec: Spec) -> list[str]:
    series = [one for panel in plan.panels for one in panel.content]
    says = [f"{spec['ylabel']} against {spec['xlabel']} on logarithmic axes, for each {spec['series']}."]
    styles = {True: "solid thin lines", False: "dotted thin lines"}
    promised = [f"{styles[proved]}: the predicted error, {PROMISE[proved]}" for proved in _promises(series)]
    if promised:
        says.append(f"{'; '.join(promised)}.")
    if any(one.marks is not None for one in series):
        says.append("Large hollow markers: the predicted optimum, where the axes reach it.")
    hits = sum(int((one.y == 0).sum()) for one in series)
    if hits:
        points, lie = ("One point", "lies") if hits == 1 else (f"{hits} points", "lie")
        says.append(f"{points} of exactly 0, which a logarithmic axis cannot hold, {lie} on the row marked 0.")
    return says + [THINNED] * any(one.thinned for one in series)


# Kind `curves`

BASE: dict[str, Any] = {
    "marker": "o",
    "markersize": 7,
    "color": "black",
    "linestyle": "none",
    "mec": "white",
    "zorder": 6,
}


def _draw_curves(plan: _Plan, spec: Spec) -> Figure:
    looks = _curve_looks(plan.names)
    entries = [(_short(name, 32), Line2D([], [], **look)) for name, look in looks.items()]
    based = CURVE in looks and POINT in panel_columns(spec)
    explained = [(f"the point {POINT}", Line2D([], [], **BASE))] if based else []
    figure, axes = _sheet(plan, spec, entries, explained)
    for panel, ax in zip(plan.panels, axes, strict=True):
        _draw_linear(ax, panel.content, looks, panel.key[panel_columns(spec).index(POINT)] if based else None)
    return figure


def _curve_looks(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The curve is black and wide, the others are ever narrower: those that coincide stay visible."""
    others = [name for name in names if name != CURVE]
    looks = {
        name: {
            "color": PALETTE[place % (len(PALETTE) - 1)],
            "linewidth": max(1.3, 2.0 - 0.25 * place),
            "linestyle": DASHES[place % len(DASHES)],
            "zorder": 4 + 0.1 * place,
        }
        for place, name in enumerate(others)
    }
    return {name: looks.get(name, {"color": "black", "linewidth": 2.6, "zorder": 3}) for name in names}


def _draw_linear(ax: Axes, panel: Sequence[_Series], looks: Mapping[str, Mapping[str, Any]], at: Any) -> None:
    for one in panel:
        ax.plot(one.x, one.y, **looks[one.name])
        if one.marks is not None:
            ax.plot(one.marks.x, one.marks.y, **BASE | {"color": looks[one.name]["color"]})
    curves = [one for one in panel if one.name == CURVE and np.isfinite(one.y).any()]
    x, y = (np.concatenate([getattr(one, name) for one in curves or panel]) for name in ("x", "y"))
    if curves and at is not None:
        ax.plot([at], [np.interp(at, x, y)], **BASE)
    ax.grid(visible=True)
    _linear_axis(ax, "x", x, 0.0)
    _linear_axis(ax, "y", y[np.isfinite(y)], 0.08)


def _linear_axis(ax: Axes, name: str, values: Floats, pad: float, most: int = 5) -> None:
    low, high = float(values.min()), float(values.max())
    space = pad * (high - low) if high > low else max(abs(high), 1.0) / 2
    low, high = low - space, high + space
    ticks = _round_ticks(low, high, most)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else high - low
    _ticks(ax, name, ticks, _numbers(ticks, step))
    (ax.set_xlim if name == "x" else ax.set_ylim)(low, high)


def _caption_curves(plan: _Plan, spec: Spec) -> list[str]:
    others = [name for name in plan.names if name != CURVE]
    curve = [f"the curve {CURVE} (black)"] if CURVE in plan.names else []
    shown = " and ".join([*curve, *([", ".join(others)] if others else [])])
    says = [f"{shown}: {spec['ylabel']} against {spec['xlabel']}."]
    if len(others) > 1:
        says.append("Lines that coincide lie on one another, the narrower on top.")
    return says + [THINNED] * any(one.thinned for panel in plan.panels for one in panel.content)


# Kind `observed`

THEORY: Mapping[str, Any] = {"marker": "|", "markersize": 11, "markeredgewidth": 2.2, "linestyle": "none"}
SEEN: Mapping[str, Any] = {"markersize": 6, "linestyle": "none"}

Rows = Mapping[str, Sequence[tuple[float, float]]]
"""A panel of observed beside theory: for each label its pairs."""


def _dot_columns(spec: Spec) -> list[str]:
    for pair in spec["pairs"]:
        if isinstance(pair, str) or len(pair) != 3:
            raise ValueError(f"a figure's pairs hold {pair!r}; write [observed column, theory column, name]")
    return [spec["label"], *(column for pair in spec["pairs"] for column in pair[:2])]


def _has_observed(rows: DataFrame, spec: Spec) -> Mask:
    seen = [np.isfinite(_floats(rows, pair[0])) for pair in spec["pairs"]]
    return np.asarray(np.logical_or.reduce(seen), dtype=np.bool_)


def _dots(rows: DataFrame, frames: Frames, spec: Spec, names: Sequence[str], panel: Key) -> Rows:
    del frames, names, panel  # all is in the rows
    columns = [(_floats(rows, observed), _floats(rows, theory)) for observed, theory, _ in spec["pairs"]]
    labels = map(str, rows[spec["label"]].to_numpy())
    return {name: [(float(a[i]), float(b[i])) for a, b in columns] for i, name in enumerate(labels)}


def _draw_observed(plan: _Plan, spec: Spec) -> Figure:
    names = [_short(name, 24) for name in plan.names]
    left = 0.3 + 0.075 * max(len(name) for name in names)
    height = max(1.1, 0.15 + len(names) * 0.17 * (1 + len(spec["pairs"])))
    handles = [Line2D([], [], **_look(place), **SEEN) for place in range(len(spec["pairs"]))]
    series = [(f"{pair[2]}, observed", handle) for pair, handle in zip(spec["pairs"], handles, strict=True)]
    theory = [("theory", Line2D([], [], color=GREY, **THEORY))]
    figure, axes = _sheet(plan, spec, series, theory, height=height, left=left, gap=0.3)
    limits = _dot_limits([panel.content for panel in plan.panels])
    for place, (panel, ax) in enumerate(zip(plan.panels, axes, strict=True)):
        _draw_dots(ax, panel.content, plan.names, limits)
        _ticks(ax, "y", range(len(names)), [""] * len(names) if place % _across(len(axes)) else names)
    return figure


def _dot_limits(dots: Sequence[Rows]) -> tuple[float, float]:
    """Give all panels one scale; observed values that leave theory's range by over 3 sit at the edge."""
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
    ticks = _round_ticks(low, high, 6)
    _ticks(ax, "x", ticks, [_number(tick, ticks[1] - ticks[0]) for tick in ticks])
    ax.grid(visible=True, axis="x")
    ax.tick_params(axis="y", length=0)
    for row, name in enumerate(names):
        pairs = rows.get(name, ())
        for place, pair in enumerate(pairs):
            height = row + (place - (len(pairs) - 1) / 2) * 0.4
            _draw_pair(ax, height, pair, look=_look(place), limits=limits)


def _draw_pair(
    ax: Axes, height: float, pair: tuple[float, float], *, look: Mapping[str, Any], limits: tuple[float, float]
) -> None:
    seen, theory = pair
    low, high = limits
    at = min(max(seen, low), high)
    color = look["color"]
    ax.plot([theory], [height], color=color, **THEORY)
    ax.plot([theory, at], [height, height], color=color, linewidth=1.4)
    ax.plot([at], [height], zorder=4, **look, **SEEN)
    text = f"{seen:.2f}".replace("-", "\N{MINUS SIGN}") if math.isfinite(seen) else "no fit"
    ax.text(high + 0.27 * (high - low), height, text, ha="right", va="center", fontsize=8, color=color)


def _caption_observed(plan: _Plan, spec: Spec) -> list[str]:
    pairs = " and ".join(name for _, _, name in spec["pairs"])
    says = [f"{pairs}: what was observed (points, their numbers at the right) beside theory (upright strokes)."]
    values = [seen for panel in plan.panels for row in panel.content.values() for seen, _ in row]
    missing = sum(not math.isfinite(value) for value in values)
    if missing:
        says.append(f"No fit: {missing} of {len(values)} values could not be observed, for want of points to fit.")
    return says


# Kind `scene`

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


def _scene_columns(spec: Spec) -> list[str]:
    return [spec["label"], spec["x"], spec["y"], "element", "color", "order"]


def _elements(rows: DataFrame, frames: Frames, spec: Spec, names: Sequence[str], panel: Key) -> list[_Element]:
    del frames, names, panel  # all is in the rows
    elements = []
    for _, part in rows.groupby("order", sort=True):
        kind, label, color = (str(part[column].iloc[0]) for column in ("element", spec["label"], "color"))
        if kind not in (*SCENE, TEXT, AXES):
            raise ValueError(f"a scene has no element {kind!r}; there are {', '.join((*SCENE, TEXT, AXES))}")
        x, y = _floats(part, spec["x"]), _floats(part, spec["y"])
        elements.append(_Element(kind=kind, label=label, color=color, x=x, y=y))
    return elements


def _draw_scene(plan: _Plan, spec: Spec) -> Figure:
    every = [one for panel in plan.panels for one in panel.content]
    named = {one.label: one for one in every if one.kind in SCENE and one.label}
    entries = [(name, Line2D([], [], color=one.color, **SCENE[one.kind])) for name, one in named.items()]
    figure, axes = _sheet(plan, spec, entries, [])
    for panel, ax in zip(plan.panels, axes, strict=True):
        ax.grid(visible=True)
        corners = [one for one in panel.content if one.kind == AXES] or panel.content
        # Six, so that every whole number from -1 to 5 has its own.
        _linear_axis(ax, "x", np.concatenate([one.x for one in corners]), 0.0, most=6)
        _linear_axis(ax, "y", np.concatenate([one.y for one in corners]), 0.0, most=6)
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


def _caption_scene(plan: _Plan, spec: Spec) -> list[str]:
    del spec  # the axes say what they show
    shown = [one for panel in plan.panels for one in panel.content if one.kind in SCENE and one.label]
    return [f"Drawn: {'; '.join(dict.fromkeys(one.label for one in shown))}."] if shown else []


# Kind `steps`: a calculation line by line, each line set piece by piece

SIZE = 17.0
"""Points of the letters of a calculation."""
SMALL, LIFT, NOTE = 0.68, 0.42, 0.58
"""Size of a raised piece and of a fraction's parts, how high a raised piece stands, size of a note; parts of SIZE."""
# Above and below the bar of a fraction, and from line to line: by eye, so that nothing touches.
ABOVE, BELOW, BAR_HEIGHT, STEP = 0.5, 0.48, 0.3, 2.35
SPACED, TIGHT = "=+-", "·"
GAPS = {**dict.fromkeys(SPACED, 0.32), **dict.fromkeys(TIGHT, 0.1)}
"""Room on both sides of a sign, as a part of SIZE."""
SIGNS = str.maketrans("-'", "\N{MINUS SIGN}\N{PRIME}")
RED = "#d0021b"
STEP_COLUMNS = ("line", "position", "text", "below", "raised", "mark", "arrow", "note")


@dataclass(frozen=True, kw_only=True)
class _Piece:
    """A piece of a line with its place: left end, width and height of its base line in points."""

    text: str
    below: str
    raised: bool
    color: str
    arrow: int
    left: float
    width: float

    @property
    def size(self) -> float:
        return SIZE * SMALL if self.raised or self.below else SIZE


def _step_columns(spec: Spec) -> list[str]:
    return list(dict.fromkeys((spec["line"], *STEP_COLUMNS)))


def _has_steps(rows: DataFrame, spec: Spec) -> Mask:
    return np.asarray(rows[spec["line"]].notna(), dtype=np.bool_)


@dataclass(frozen=True, kw_only=True)
class _Step:
    """A line of a calculation: its pieces, where its first sign of equality stands, and its note."""

    pieces: tuple[_Piece, ...]
    equality: float
    note: str

    @property
    def width(self) -> float:
        return self.pieces[-1].left + self.pieces[-1].width


def _steps(rows: DataFrame, frames: Frames, spec: Spec, names: Sequence[str], panel: Key) -> list[_Step]:
    del frames, names, panel  # all is in the rows
    return [_step(part.sort_values("position")) for _, part in rows.groupby(spec["line"], sort=True)]


def _step(rows: DataFrame) -> _Step:
    pieces: list[_Piece] = []
    left = 0.0
    for row in rows.to_dict("records"):
        text, below = (str(row[name]).translate(SIGNS) for name in ("text", "below"))
        small = SMALL if row["raised"] or below else 1.0
        gap = 0.0 if row["raised"] else SIZE * GAPS.get(row["text"], 0.06 if below else 0.02)
        piece = _Piece(
            text=text,
            below=below,
            raised=bool(row["raised"]),
            color=RED if row["mark"] else "black",
            arrow=int(row["arrow"]),
            left=left + gap,
            width=small * max(_advance(text), _advance(below)) + (0.25 * SIZE if below else 0.0),
        )
        pieces.append(piece)
        left += 2 * gap + piece.width
    equality = next((piece.left for piece in pieces if piece.text == "="), 0.0)
    return _Step(pieces=tuple(pieces), equality=equality, note=str(rows["note"].iloc[0]))


def _runs(text: str) -> list[tuple[str, bool]]:
    """Cut a text into runs of letters, which are slanted as in mathematics, and of all else."""
    return [("".join(run), slanted) for slanted, run in itertools.groupby(text, str.isalpha)]


def _font(slanted: bool) -> FontProperties:  # noqa: FBT001 - a key of a cache
    return FontProperties(family="DejaVu Serif" if slanted else "DejaVu Sans", style="italic" if slanted else "normal")


@functools.cache
def _advance(text: str) -> float:
    """Width of a text in points at SIZE, from the advance widths of its letters."""
    return sum(_extent(run, _font(slanted)) for run, slanted in _runs(text))


def _extent(text: str, font: FontProperties) -> float:
    # Between two bars, as the extent of a text alone leaves out the space beside its outermost letters.
    font = font.copy()
    font.set_size(SIZE)
    wide, bars = (text_to_path.get_text_width_height_descent(s, font, ismath=False)[0] for s in (f"|{text}|", "||"))
    return float(wide - bars)


def _draw_steps(plan: _Plan, spec: Spec) -> Figure:
    del spec  # a calculation has no axes to label
    (lines,) = [panel.content for panel in plan.panels[:1]]
    start = 14.0 + max(line.equality for line in lines)
    wide = max(start - line.equality + line.width for line in lines)
    notes = max((NOTE * _extent(line.note, FontProperties(family="DejaVu Sans")) for line in lines), default=0.0)
    width, height = max(wide + 30 + notes + 14, 330.0), SIZE * (STEP * len(lines) + 0.5)
    figure = Figure(figsize=(width / 72, height / 72))
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set_axis_off()
    ax.set_xlim(0, width)
    ax.set_ylim(0, height)
    for number, line in enumerate(lines):
        base = height - SIZE * (STEP * number + 1.75)
        for piece in line.pieces:
            _draw_piece(ax, piece, (start - line.equality + piece.left, base))
            if piece.arrow >= 0:
                target = line.pieces[piece.arrow]
                _draw_arc(ax, start - line.equality, piece, target, base)
        ax.text(wide + 30, base, line.note, fontsize=NOTE * SIZE, color=GREY, parse_math=False, va="baseline")
    return figure


def _draw_piece(ax: Axes, piece: _Piece, place: tuple[float, float]) -> None:
    x, base = place
    if not piece.below:
        _write(ax, piece.text, (x, base + LIFT * SIZE * piece.raised), size=piece.size, color=piece.color)
        return
    for text, rise in ((piece.text, ABOVE), (piece.below, -BELOW)):
        middle = x + (piece.width - SMALL * _advance(text)) / 2
        _write(ax, text, (middle, base + rise * SIZE), size=piece.size, color=piece.color)
    bar = base + BAR_HEIGHT * SIZE
    ends = [x + 0.06 * SIZE, x + piece.width - 0.06 * SIZE]
    ax.plot(ends, [bar, bar], color=piece.color, linewidth=1.0)


def _write(ax: Axes, text: str, place: tuple[float, float], *, size: float, color: str) -> None:
    """Write runs one behind another, from a point of the base line."""
    x, y = place
    for run, slanted in _runs(text):
        font = _font(slanted)
        ax.text(x, y, run, fontproperties=font, fontsize=size, color=color, parse_math=False, va="baseline")
        x += size / SIZE * _extent(run, font)


def _draw_arc(ax: Axes, shift: float, piece: _Piece, target: _Piece, base: float) -> None:
    """An arc from above a piece to the front of another."""
    start = (shift + piece.left + piece.width / 2, base + SIZE * (LIFT + 0.62))
    end = (shift + target.left - 0.04 * SIZE, base + 0.68 * SIZE)
    look = {"arrowstyle": "-|>", "color": RED, "linewidth": 1.1, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 8}
    ax.annotate("", end, start, arrowprops={**look, "connectionstyle": "arc3,rad=0.75"})


def _caption_steps(plan: _Plan, spec: Spec) -> list[str]:
    del spec
    pieces = [piece for panel in plan.panels[:1] for line in panel.content for piece in line.pieces]
    says = []
    if any(piece.color == RED for piece in pieces):
        says.append("Red: what the next line acts on.")
    if any(piece.arrow >= 0 for piece in pieces):
        says.append("The arrow: where a raised number goes.")
    return says or ["A calculation, line by line."]


# Kind `map`

COLOURS = "viridis_r"
"""Uniform to the eye and told apart by colour-blind readers (matplotlib, 2015): pale where a value is small."""
BLANKS = ("#ffffff", "#d9d9d9", "#a6a6a6")
"""White and greys, which the palette has none of, for cells without a value: one for each reason, by its name."""


@dataclass(frozen=True, kw_only=True)
class _Cells:
    """A panel of a map: cells by column and row, and the distinct values of x and y that these stand for."""

    x: Floats
    y: Floats
    value: Floats
    """Shape ``(y.size, x.size)``; NaN where there is none."""
    blank: NDArray[np.intp]
    """Same shape: the place of the reason among the figure's names, -1 for a cell that the table does not have."""


def _map_columns(spec: Spec) -> list[str]:
    limits = spec.get("limits")
    if limits is not None and not (len(limits) == 2 and 0 < limits[0] < limits[1]):
        raise ValueError(f"a figure's limits are {limits!r}; write two positive numbers, the smaller first")
    return [spec["x"], spec["y"], spec["value"], spec["instead"]]


def _has_cell(rows: DataFrame, spec: Spec) -> Mask:
    return np.isfinite(_floats(rows, spec["value"]))


def _cells(rows: DataFrame, frames: Frames, spec: Spec, names: Sequence[str], panel: Key) -> _Cells:
    del frames, panel  # all is in the rows
    x, column = np.unique(_floats(rows, spec["x"]), return_inverse=True)
    y, row = np.unique(_floats(rows, spec["y"]), return_inverse=True)
    value, blank = np.full((y.size, x.size), np.nan), np.full((y.size, x.size), -1)
    value[row, column] = _floats(rows, spec["value"])
    places = {name: place for place, name in enumerate(names)}
    blank[row, column] = [places.get(name, -1) for name in map(str, rows[spec["instead"]])]
    return _Cells(x=x, y=y, value=value, blank=blank)


def _reasons(plan: _Plan) -> list[int]:
    """The places, among the names, of the reasons that some cell without a value has."""
    blank = [panel.content.blank[np.isnan(panel.content.value)] for panel in plan.panels]
    return [int(place) for place in np.unique(np.concatenate(blank)) if place >= 0]


def _draw_map(plan: _Plan, spec: Spec) -> Figure:
    panels = [panel.content for panel in plan.panels]
    fill = dict(zip(sorted(_reasons(plan), key=plan.names.__getitem__), itertools.cycle(BLANKS), strict=False))
    square: dict[str, Any] = {"marker": "s", "markersize": 9, "markeredgecolor": GREY, "linestyle": "none"}
    entries = [(plan.names[place], Line2D([], [], markerfacecolor=colour, **square)) for place, colour in fill.items()]
    height = {1: 3.6, 2: 3.2}.get(len(panels), 2.6)
    figure, axes = _sheet(plan, spec, entries, [], height=height, right=1.05)
    low, high = _map_limits(panels, spec)
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
            places = _rungs(values)
            _ticks(ax, name, places, [_rung(values[place]) for place in places])
    _colour_bar(figure, axes[-1], spec, low, high)
    return figure


def _map_limits(panels: Sequence[_Cells], spec: Spec) -> tuple[float, float]:
    if "limits" in spec:
        low, high = map(float, spec["limits"])
        return low, high
    values = np.concatenate([one.value[np.isfinite(one.value) & (one.value > 0)] for one in panels])
    down, up = _decades(values if values.size else np.ones(1))
    return _power(down), _power(up)


def _rungs(values: Floats) -> list[int]:
    """The places of about seven values with a tick, in regular steps; powers of two by round exponents; 0 always."""
    positive = np.flatnonzero(values > 0)
    step = next(step for step in (1, 2, 4, 8, 16, 32, 64, 128, 2**20) if positive.size // step <= 8)
    exponents = np.log2(values[positive])
    count = exponents if (exponents == np.round(exponents)).all() else np.arange(positive.size)
    zero = np.flatnonzero(values == 0).tolist()
    free = max(zero, default=-2) + 2  # lest a label runs into that of 0
    return [*zero, *(place for place in positive[count % step == 0].tolist() if place >= free)]


def _rung(value: float) -> str:
    exponent = math.log2(value) if value > 0 else math.nan
    return f"2{str(int(exponent)).translate(RAISED)}" if exponent == round(exponent, 0) else f"{value:.3g}"


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
    _ticks(bar, "x", [], [])
    powers = range(math.ceil(down - 1e-9), math.floor(up + 1e-9) + 1)
    labels = [f"10{str(power).translate(RAISED)}" for power in powers]
    if "limits" in spec and labels:
        labels[0], labels[-1] = f"≤ {labels[0]}", f"≥ {labels[-1]}"
    _ticks(bar, "y", powers, labels)
    bar.yaxis.tick_right()
    bar.yaxis.set_label_coords(0.82 / 0.13, 0.5)
    bar.set_ylabel(spec.get("label", spec["value"]), parse_math=False)
    for spine in bar.spines.values():
        spine.set_visible(False)


def _caption_map(plan: _Plan, spec: Spec) -> list[str]:
    label = spec.get("label", spec["value"])
    says = [f"{label} by colour, for each {spec['xlabel']} (across) and {spec['ylabel']} (up): the paler the smaller."]
    reasons = [plan.names[place] for place in _reasons(plan)]
    if reasons:
        says.append(f"Cells without a value are grey or white: {'; '.join(reasons)}.")
    if "limits" in spec:
        says.append("Values beyond the ends of the scale have the colour of its end.")
    return says


# Kind `compared`

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
    curve: _Series
    ratio: _Series


def _compared_columns(spec: Spec) -> list[str]:
    return [*_line_columns(spec), spec["runs"], spec["ratio"]]


def _compared(rows: DataFrame, frames: Frames, spec: Spec, names: Sequence[str], panel: Key) -> list[_Beside]:
    del panel
    ratio = rows[spec["ratio"]].where(lambda values: np.isfinite(values) & (values > 0)).to_numpy()
    lower = rows.assign(**{spec["y"]: ratio})
    found = []
    for place, run in enumerate(map(str, frames[spec["table"]][spec["runs"]].drop_duplicates())):
        for name in names:
            parts = [_named(_named(one, spec["runs"], run), spec["series"], name) for one in (rows, lower)]
            if len(parts[0]):
                curve, ratios = (_series(part, spec, name, {}) for part in parts)
                found.append(_Beside(run=place, called=run, curve=curve, ratio=ratios))
    return found


def _draw_compared(plan: _Plan, spec: Spec) -> Figure:
    looks = {name: _look(place) for place, name in enumerate(plan.names)}
    entries = [(_short(name, 32), Line2D([], [], linewidth=2.4, color=look["color"])) for name, look in looks.items()]
    runs = sorted({(one.run, one.called) for panel in plan.panels for one in panel.content})
    told = [(_short(called, 32), Line2D([], [], color=GREY, **_of_run(place))) for place, called in runs]
    figure, upper = _sheet(plan, spec, entries, told, height=TALL)
    x = np.concatenate([one.curve.x[np.isfinite(one.curve.y)] for panel in plan.panels for one in panel.content])
    for place, (panel, ax) in enumerate(zip(plan.panels, upper, strict=True)):
        below = _split(figure, ax)
        below.set_ylabel("" if place else "ratio to the first")
        _draw_beside(ax, [(one.run, one.curve) for one in panel.content], looks, ())
        _draw_beside(below, [(one.run, one.ratio) for one in panel.content if one.run], looks, (1.0,))
        for one in (ax, below):
            _log_axis(one, "x", *_decades(x), zero=False)
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
    ax: Axes, lines: Sequence[tuple[int, _Series]], looks: Mapping[str, Mapping[str, Any]], level: Sequence[float]
) -> None:
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.grid(visible=True)
    positive = [one.y[np.isfinite(one.y) & (one.y > 0)] for _, one in lines]
    held = np.concatenate([np.asarray(level, dtype=np.float64), *positive])
    low, high = _decades(held if held.size else np.ones(1))
    zero = any((one.y == 0).any() for _, one in lines)
    _log_axis(ax, "y", low, high, zero=zero)
    for height in level:
        ax.axhline(height, color=GREY, linewidth=0.8)
    for run, one in lines:
        y = np.where(one.y == 0, _row(low, high, 0.085), one.y)
        color, style = looks[one.name]["color"], _of_run(run)
        ax.plot(one.x, y, color=color, zorder=3 + run, **style)
        alone = _marked(y, 0.0) if one.x.size > FEW else list(range(one.x.size))
        size = 9.0 if level == () and not run else 4.0
        ax.plot(one.x[alone], y[alone], linestyle="none", marker=looks[one.name]["marker"], markersize=size,
                color=color, alpha=style.get("alpha"), markeredgewidth=0, zorder=3 + run)  # fmt: skip


def _caption_compared(plan: _Plan, spec: Spec) -> list[str]:
    says = [
        f"{spec['ylabel']} against {spec['xlabel']} on logarithmic axes, for each {spec['series']}.",
        "Below it is the ratio to the first run, where that is positive and finite.",
        "The first run is wide and pale, the others are thin lines on top of it.",
    ]
    beside = [one for panel in plan.panels for one in panel.content]
    if any((one.curve.y == 0).any() for one in beside):
        says.append("Values of exactly 0 lie on the row marked 0; they have no ratio.")
    return says + [THINNED] * any(one.curve.thinned for one in beside)


# The kinds


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of figure: its keys, the columns and rows that it draws, its drawing and its caption.

    ``names`` is the key of the column whose values are told apart in a panel, of which ``most`` are shown, those
    without a value too if ``gaps``.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...]
    columns: Callable[[Spec], list[str]]
    has: Callable[[DataFrame, Spec], Mask]
    content: Callable[[DataFrame, Frames, Spec, Sequence[str], Key], Any]
    draw: Callable[[_Plan, Spec], Figure]
    caption: Callable[[_Plan, Spec], list[str]]
    names: str = "series"
    called: str = "lines"
    most: int = SERIES
    gaps: bool = False


KINDS: Mapping[str, Kind] = {
    "lines": Kind(
        required=("kind", "table", "x", "y", "series"),
        optional=("panel", "panels", "xlabel", "ylabel", *BESIDE),
        columns=_line_columns,
        has=_has_log,
        content=_lines,
        draw=_draw_lines,
        caption=_caption_lines,
    ),
    "curves": Kind(
        required=("kind", "table", "x", "y", "series"),
        optional=("panel", "panels", "xlabel", "ylabel", "marks"),
        columns=_line_columns,
        has=_has_linear,
        content=_lines,
        draw=_draw_curves,
        caption=_caption_curves,
    ),
    "observed": Kind(
        required=("kind", "table", "label", "pairs"),
        optional=("panel", "panels", "xlabel"),
        names="label",
        called="rows",
        most=ROWS,
        gaps=True,
        columns=_dot_columns,
        has=_has_observed,
        content=_dots,
        draw=_draw_observed,
        caption=_caption_observed,
    ),
    "scene": Kind(
        required=("kind", "table", "x", "y", "label"),
        optional=("panel", "panels", "xlabel", "ylabel"),
        names="label",
        called="elements",
        most=sys.maxsize,
        columns=_scene_columns,
        has=_has_linear,
        content=_elements,
        draw=_draw_scene,
        caption=_caption_scene,
    ),
    "steps": Kind(
        required=("kind", "table", "line"),
        optional=(),
        names="line",
        most=sys.maxsize,
        columns=_step_columns,
        has=_has_steps,
        content=_steps,
        draw=_draw_steps,
        caption=_caption_steps,
    ),
    "map": Kind(
        required=("kind", "table", "x", "y", "value", "instead"),
        optional=("panel", "panels", "xlabel", "ylabel", "label", "limits"),
        names="instead",
        called="reasons",
        gaps=True,
        columns=_map_columns,
        has=_has_cell,
        content=_cells,
        draw=_draw_map,
        caption=_caption_map,
    ),
    "compared": Kind(
        required=("kind", "table", "x", "y", "series", "runs", "ratio"),
        optional=("panel", "panels", "xlabel", "ylabel"),
        columns=_compared_columns,
        has=_has_log,
        content=_compared,
        draw=_draw_compared,
        caption=_caption_compared,
    ),
}
"""Every kind of figure by its name; each has one panel per distinct values of the columns ``panel``.

`lines`: on logarithmic axes one line per value of column ``series``. ``bound`` is a mapping of table, x, y and
proved: a thin line per series from that table, a bound where the text column ``proved`` says so; ``marks`` is a
mapping of table, x and y: large hollow markers.

`curves`: the same on linear axes; the series CURVE is drawn strong, and on it the point in panel column POINT;
``marks`` are dots in the colour of their series.

`observed`: one row per value of column ``label``; ``pairs`` is a list of [observed column, theory column, name].

`scene`: the rows of one value of column `order` are one `element` (line, guide, points, text or axes), in column
`color`; its ``label`` stands in the legend, or at its point if it is a text; axes are two opposite corners.

`steps`: a calculation; column ``line`` numbers its lines, which are aligned at their first sign of equality. Each
row is a piece at its `position`: its `text`, over `below` if it is a fraction, `raised` if it is an exponent, red if
it has a `mark`, with an arc to the front of the piece at position `arrow` unless that is -1. The `note` of a line's
first piece stands at the right.

`map`: a cell for each x and y, placed by rank, its colour column ``value`` on a logarithmic scale with the label
``label`` over ``limits``, or over all decades there are; a cell without a value is grey, and text column ``instead``
says why.

`compared`: lines of several runs, told apart by column ``runs``, and below each panel their ``ratio`` to the first's.

A figure of any kind may choose its rows by ``where``, a mapping of columns to the values that they must have.
"""
