"""Kind `steps`: a calculation line by line, each line set piece by piece.

Column ``line`` numbers the lines, which are aligned at their first sign of equality. Each row is a piece at its
`position`: its `text`, over `below` if it is a fraction, `raised` if it is an exponent, red if it has a `mark`, with an
arc to the front of the piece at position `arrow` unless that is -1. The `note` of a line's first piece stands at the
right.
"""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from experiments.figures.contract import Excerpt, Kind, Mask, Plan, Spec
from experiments.figures.paper import GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

SIZE = 17.0
"""Points of the letters of a calculation."""
SMALL, LIFT, NOTE = 0.68, 0.42, 0.58
"""Size of a raised piece and of a fraction's parts, how high a raised piece stands, size of a note; parts of SIZE."""
# Above and below the bar of a fraction, and from line to line: by eye, so that nothing touches.
ABOVE, BELOW, BAR_HEIGHT, STEP = 0.5, 0.48, 0.3, 2.35
SPACED, TIGHT, FOLLOWED = ("=", "+", "-", ">", "<", "≥", "≤", "≠", "if"), "·", ",;"
GAPS = {**dict.fromkeys(SPACED, 0.32), **dict.fromkeys(TIGHT, 0.1)}
"""Room on both sides of a sign or a word, as a part of SIZE."""
WRONG = "≠"
"""The sign before a line that is what somebody wrote, instead of the next."""
LAST = "otherwise"
"""The word that ends the pieces of a function."""
OPENING = tuple("([{=,;·/")
"""Behind these a minus is the sign of what follows, and stands close to it."""
SIGNS = str.maketrans("-'", "\N{MINUS SIGN}\N{PRIME}")
RED = "#d0021b"
RISE = 0.5
"""How high an arc rises at most, as a part of SIZE; by eye."""
COLUMNS = ("line", "position", "text", "below", "raised", "mark", "arrow", "note")


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


def _columns(spec: Spec) -> list[str]:
    return list(dict.fromkeys((spec["line"], *COLUMNS)))


def _has(rows: DataFrame, spec: Spec) -> Mask:
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


def _steps(excerpt: Excerpt) -> list[_Step]:
    lines = excerpt.rows.groupby(excerpt.spec["line"], sort=True)
    return [_step(part.sort_values("position")) for _, part in lines]


def _step(rows: DataFrame) -> _Step:
    pieces: list[_Piece] = []
    left = 0.0
    for row in rows.to_dict("records"):
        text, below = (str(row[name]).translate(SIGNS) for name in ("text", "below"))
        small = SMALL if row["raised"] or below else 1.0
        before, after = (SIZE * gap for gap in _gaps(row, pieces[-1].text if pieces else ""))
        piece = _Piece(
            text=text,
            below=below,
            raised=bool(row["raised"]),
            color=RED if row["mark"] else "black",
            arrow=int(row["arrow"]),
            left=left + before,
            width=small * max(_advance(text), _advance(below)) + (0.25 * SIZE if below else 0.0),
        )
        pieces.append(piece)
        left += before + piece.width + after
    equality = next((piece.left for piece in pieces if piece.text in ("=", WRONG)), 0.0)
    return _Step(pieces=tuple(pieces), equality=equality, note=str(rows["note"].iloc[0]))


def _gaps(row: Mapping[Hashable, Any], before: str) -> tuple[float, float]:
    """Room on the left and on the right of a piece, as parts of SIZE."""
    if row["raised"]:
        return 0.0, 0.0
    if row["text"] in FOLLOWED:
        return 0.02, GAPS["="]
    if row["text"] == LAST:
        return GAPS["="], 0.02
    sign = row["text"] in ("+", "-") and (not before or before.endswith(OPENING))
    gap = 0.02 if sign else GAPS.get(row["text"], 0.06 if row["below"] else 0.02)
    return gap, gap


def _runs(text: str) -> list[tuple[str, bool]]:
    """Cut a text into runs of letters and of all else; single letters, and dx, are slanted as in mathematics."""
    runs = ["".join(run) for _, run in itertools.groupby(text, str.isalpha)]
    return [(run, run.isalpha() and (len(run) == 1 or (len(run) == 2 and run[0] == "d"))) for run in runs]


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


def _draw(plan: Plan, spec: Spec) -> Figure:
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
    # An arc rises by half its rad times its length: a long one must not reach into the line above.
    rad = min(0.75, 2 * RISE * SIZE / (start[0] - end[0]))
    ax.annotate("", end, start, arrowprops={**look, "connectionstyle": f"arc3,rad={rad:.3f}"})


def _description(plan: Plan, spec: Spec) -> str:
    del plan, spec
    return "A calculation, line by line."


def _remarks(plan: Plan, spec: Spec) -> list[str]:
    del spec
    pieces = [piece for panel in plan.panels[:1] for line in panel.content for piece in line.pieces]
    if any(line.pieces[0].text == WRONG for panel in plan.panels[:1] for line in panel.content):
        return [f"Red: what was done wrongly, and behind {WRONG} what was written; the next line is right."]
    says = ["Red: what the next line acts on."] if any(piece.color == RED for piece in pieces) else []
    return says + ["The arrow: where a raised number goes."] * any(piece.arrow >= 0 for piece in pieces)


KIND = Kind(
    required=("kind", "table", "line"),
    optional=(),
    names="line",
    most=sys.maxsize,
    columns=_columns,
    has=_has,
    content=_steps,
    draw=_draw,
    description=_description,
    remarks=_remarks,
)
