"""A chapter on derivatives, from the slope of a line to the rules: its numbers, its figures, its claims measured."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from derivkit.symbolic.derivation import derive
from derivkit.symbolic.notation import Line, Style, cut, lines_of, read, written

Columns = Mapping[str, Any]
Floats = NDArray[np.float64]

TABLES: dict[str, dict[str, tuple[type, str]]] = {
    "table": {
        "id": (str, "where in the chapter: an example A1 to A11, a note N1 or N2, or a figure"),
        "quantity": (str, "what is computed"),
        "expected": (str, "what the chapter says, as text"),
        "computed": (str, "what the lab computes, as text"),
        "equal": (bool, "whether the two texts are the same to the byte"),
    },
    "scene": {
        "figure": (str, "the figure"),
        "panel": (str, "title of the panel; empty where there is only one"),
        "order": (int, "number of the element, in the order of drawing"),
        "element": (str, "line, guide (dashed), points, text, or axes (two opposite corners)"),
        "color": (str, "its color"),
        "label": (str, "its name in the legend, or the text itself"),
        "t": (float, "abscissa"),
        "y": (float, "ordinate"),
    },
    "steps": {
        "figure": (str, "the figure"),
        "line": (int, "number of the line of the calculation, from 0"),
        "position": (int, "number of the piece in its line, from 0"),
        "text": (str, "the piece; of a fraction the numerator"),
        "below": (str, "the denominator of a fraction, else empty"),
        "raised": (bool, "whether it is an exponent"),
        "mark": (bool, "whether it is what the next line acts on, drawn in red"),
        "arrow": (int, "position of the piece to whose front an arc runs from here, or -1"),
        "note": (str, "on the first piece of a line: which rule is used"),
    },
    "measured": {
        "figure": (str, "the figure that shows it"),
        "quantity": (str, "what was computed"),
        "variable": (str, "on what it depends"),
        "at": (float, "the value of that variable"),
        "result": (float, "the result; none where it does not exist"),
        "error": (float, "its distance from the exact value; none where there is no exact value"),
    },
    "timing": {
        "figure": (str, "the figure that shows it"),
        "way": (str, "how it was computed"),
        "variable": (str, "on what the time depends"),
        "at": (int, "the value of that variable"),
        "passes": (int, "forward passes; the analytical gradient has one backward pass besides"),
        "seconds": (float, "least time of the repeats"),
    },
    "printed": {"line": (str, "one line of what the chapter's last program prints")},
    "lesson": {
        "figure": (str, "the figure that follows"),
        "title": (str, "heading"),
        "text": (str, "what is said before the figure"),
    },
    "findings": {"finding": (str, "one sentence")},
    "summary": {
        "part": (str, "examples, notes and figures of the chapter"),
        "numbers": (int, "how many were compared"),
        "equal": (int, "how many are the same to the byte"),
    },
}

MEASURED = {"timing": ("seconds",), "lesson": ("text",), "findings": ("finding",)}
"""What a clock measured, or words that tell it: no part of what must come out again."""
KEYS = ("id", "quantity")
"""What tells the rows of the table apart when runs are compared."""

DELTA = 0.0001
"""The chapter's step."""
FINE = 200
"""Points of the curve below a tangent: by eye, no corner is seen."""
OUTPUTS, BATCH = 4, 16
"""Outputs of the small layer, and samples over which its loss is averaged where parameters are counted."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Sizes of what is timed: small here, real in the preset. The chapter's own numbers are fixed."""

    samples: int = 16
    features: int = 4
    repeats: int = 1
    left_out: tuple[str, ...] = ("figure_14 ones", "figure_15 zeros", "figure_16 ones zeroth")
    """Matters of taste: a figure, and what its calculation leaves out of 1·u, terms that are 0, and x^0."""

    def __post_init__(self) -> None:
        styles(self.left_out)
        for name in ("samples", "features", "repeats"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: must be at least 1")

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        return len(facts(styles(self.left_out)))


def run(config: Config) -> Iterator[tuple[str, Columns]]:
    """Yield the chapter's numbers, its figures, and what was measured."""
    chosen = styles(config.left_out)
    yield "table", _compared(facts(chosen))
    yield "scene", _scene_columns({**SCENES, "figure_19": corners()})
    yield "steps", _step_columns(CALCULATIONS, chosen)
    yield "measured", _transposed("measured", [*too_small(), *central(), *corner_slopes(), *agreement(config)])
    yield "timing", _transposed("timing", [*batched(config), *brute_force(config)])


def conclude(tables: Mapping[str, Columns]) -> Iterator[tuple[str, Columns]]:
    """Yield the printed block, how many numbers are equal, what was found, and the words between the figures."""
    ids, equal = (np.asarray(tables["table"][name]) for name in ("id", "equal"))
    figures = np.array([str(one).startswith("Fig") for one in ids])
    parts = {"examples and notes": ~figures, "figures": figures}
    found = {name: tell(_rows(tables, "measured"), _rows(tables, "timing")) for name, tell in FINDINGS.items()}
    told = [(name, title, f"{text} {found.get(name, '')}".strip()) for name, (title, text) in LESSON.items()]
    yield "printed", {"line": printed()}
    yield (
        "summary",
        {
            "part": list(parts),
            "numbers": np.array([int(chosen.sum()) for chosen in parts.values()]),
            "equal": np.array([int(equal[chosen].sum()) for chosen in parts.values()]),
        },
    )
    first = f"{int(equal.sum())} of {equal.size} numbers of the chapter come out to the byte."
    yield "findings", {"finding": [first, *found.values()]}
    yield "lesson", _transposed("lesson", told)


def _rows(tables: Mapping[str, Columns], name: str) -> list[tuple[Any, ...]]:
    return list(zip(*(tables[name][column] for column in TABLES[name]), strict=True))


def _transposed(table: str, rows: Sequence[tuple[Any, ...]]) -> Columns:
    columns = zip(*rows, strict=True)
    shape = TABLES[table].items()
    return {
        name: list(values) if kind is str else np.array(values, dtype=kind)
        for (name, (kind, _)), values in zip(shape, columns, strict=True)
    }


# The chapter's functions


def double(x: Any) -> Any:
    """2x, for numbers and arrays."""
    return 2 * x


def square(x: Any) -> Any:
    """x squared, for numbers and arrays."""
    return x**2


def double_square(x: Any) -> Any:
    """2 x squared, for numbers and arrays."""
    return 2 * x**2


def tangent_points(x: float) -> list[tuple[float, float]]:
    """Three points of the approximate tangent of 2x^2 at x: a little before, at, and a little after x."""
    line = dk.tangent(double_square, x, DELTA)
    return [(t, line(t)) for t in (x - 0.9, x, x + 0.9)]


def printed() -> list[str]:
    """The lines that the chapter's loop over five points prints, as Python's own numbers print.

    Examples
    --------
    >>> printed()[2:4]
    ['(1, 2) (1.0001, 2.00040002)', 'Approximate derivative for f(x) where x = 1 is 4.0001999999987845']
    """
    lines = []
    for x in range(5):
        near = x + DELTA
        start, end = (x, double_square(x)), (near, double_square(near))
        lines.append(f"{start} {end}")
        lines.append(f"Approximate derivative for f(x) where x = {x} is {dk.slope(start, end)}")
    return lines


# The numbers: what the chapter says, and what is computed here

Fact = tuple[str, str, str, str]
"""Id, quantity, expected text, computed text."""

BLOCK = (
    "(0, 0) (0.0001, 2e-08)",
    "Approximate derivative for f(x) where x = 0 is 0.00019999999999999998",
    "(1, 2) (1.0001, 2.00040002)",
    "Approximate derivative for f(x) where x = 1 is 4.0001999999987845",
    "(2, 8) (2.0001, 8.000800020000002)",
    "Approximate derivative for f(x) where x = 2 is 8.000199999998785",
    "(3, 18) (3.0001, 18.001200020000002)",
    "Approximate derivative for f(x) where x = 3 is 12.000199999998785",
    "(4, 32) (4.0001, 32.00160002)",
    "Approximate derivative for f(x) where x = 4 is 16.000200000016548",
)
INTERCEPTS = ("0.0", "-2.0001999999987845", "-8.00039999999757", "-18.000599999996357", "-32.00080000006619")
TANGENTS = (
    "-0.00018, 0, 0.00018",
    "-1.60018, 2, 5.60018",
    "0.79982, 8, 15.20018",
    "7.19982, 18, 28.80018",
    "17.59982, 32, 46.40018",
)
RULES: Mapping[str, tuple[str, str]] = {
    "figure_10": ("f'(x) = d/dx 1 = 0", "0, 0, 0, 0, 0"),
    "figure_11": ("d/dx x = d/dx x^1 = 1·x^(1-1) = 1·x^0 = 1", "1, 1, 1, 1, 1"),
    "figure_12": ("2·d/dx x^1 = 2·1·x^(1-1) = 2·1·x^0 = 2", "2, 2, 2, 2, 2"),
    "figure_13": ("3·d/dx x^2 = 3·2x^(2-1) = 3·2x^1 = 6x", "0, 6, 12, 18, 24"),
    "figure_14": (
        "d/dx 3x^2+d/dx 5x^1 = 3·d/dx x^2+5·d/dx x^1 = 3·2x^(2-1)+5·1x^(1-1) = 3·2x^1+5·x^0 = 6x+5",
        "5, 11, 17, 23, 29",
    ),
    "figure_15": ("5·5x^(5-1)+4·3x^(3-1)-0 = 5·5x^4+4·3x^2 = 25x^4+12x^2", "0, 37, 448, 2133, 6592"),
    "figure_16": (
        "3x^(3-1)+2·2x^(2-1)-5·1x^(1-1)+0 = 3x^2+2·2x^1-5·1+0 = 3x^2+4x-5",
        "-5, 2, 15, 34, 59",
    ),
}
"""For each figure of a calculation: the chapter's lines, and the derivative at 0, 1, 2, 3 and 4."""


def facts(chosen: Styles) -> list[Fact]:
    """Every number of the chapter, as it stands there and as it comes out here."""
    return [*_slopes(), *_approximations(), *_tangents(), *_loop(), *_rules(chosen)]


def _compared(rows: Sequence[Fact]) -> Columns:
    ids, quantities, expected, computed = (list(column) for column in zip(*rows, strict=True))
    equal = np.array([one == other for one, other in zip(expected, computed, strict=True)])
    return {"id": ids, "quantity": quantities, "expected": expected, "computed": computed, "equal": equal}


def _slopes() -> Iterator[Fact]:
    x = np.array(range(5))
    lines, parabola = double(x), double_square(x)
    yield "A1", "five inputs x", "[0 1 2 3 4]", str(x)
    yield "A1", "2x there", "[0 2 4 6 8]", str(lines)
    yield "Fig 1", "points of the line 2x", "(0, 0) (1, 2) (2, 4) (3, 6) (4, 8)", _points("figure_01", "2x")
    yield "A2", "slope of 2x from the first two points", "2.0", str(dk.slope((x[0], lines[0]), (x[1], lines[1])))
    yield "A3", "the same by hand, (2-0)/(1-0)", "2.0", repr((2 - 0) / (1 - 0))
    yield "A4", "five inputs x", "[0 1 2 3 4]", str(x)
    yield "A4", "2x^2 there", "[ 0  2  8 18 32]", str(parabola)
    yield "Fig 2", "points of the polyline", "(0, 0) (1, 2) (2, 8) (3, 18) (4, 32)", _points("figure_02", "2x²")
    pairs = [dk.slope((x[k], parabola[k]), (x[k + 1], parabola[k + 1])) for k in range(4)]
    yield "A5", "slope of 2x^2 from the first pair", "2.0", str(pairs[0])
    yield "A6", "slope of 2x^2 from (2, 8) and (3, 18)", "10.0", str(pairs[2])
    yield "A6", "slopes of all four pairs", "2, 6, 10, 14", ", ".join(f"{slope:g}" for slope in pairs)
    for at, name, line in ((0, "2x", "slope 2, intercept 0"), (2, "10x-12", "slope 10, intercept -12")):
        chord = dk.secant(double_square, at, at + 1)
        yield "Fig 3", f"chord {name}", line, f"slope {chord.slope:g}, intercept {chord.intercept:g}"


def _approximations() -> Iterator[Fact]:
    rise = double_square(1 + DELTA) - double_square(1)
    yield "A7", "slope of 2x^2 from 1 to 1 + delta", "4.0001999999987845", repr(rise / ((1 + DELTA) - 1))
    yield "A7'", "the same divided by delta itself", "4.000199999998344", repr(rise / DELTA)
    large, small = dk.secant(square, 1, 4), dk.secant(square, 1, 1.5)
    yield "Fig 4", "chord of x^2, delta 3", "slope 5.0, intercept -4.0", _line(large)
    yield "Fig 5", "chord of x^2, delta 0.5", "slope 2.5, intercept -1.5", _line(small)
    x = np.arange(0, 5, 0.001)
    y = double_square(x)
    yield (
        "A8",
        "points, last x and last y of the fine curve",
        "5000, 4.999, 49.98000199999999",
        (f"{x.size}, {float(x[-1])!r}, {float(y[-1])!r}"),
    )
    yield "Fig 6", "axes", "0 to 5, 0 to 50", _axes("figure_06")


def _tangents() -> Iterator[Fact]:
    lines = [zip(one.t, one.y, strict=True) for one in SCENES["figure_07"] if one.kind == "line"]
    chords = [dk.secant(dict(line).__getitem__, -3.0, 3.0) for line in lines]
    intercepts = ", ".join(f"{chord.intercept:g}" for chord in chords)
    yield "Fig 7", "intercepts b of the lines x + b", "2, 1, 0, -1, -2", intercepts
    slope, near = dk.tangent(double_square, 2, DELTA).slope, 2 + DELTA
    yield "A9", "b = y2 - m x2 for the tangent at 2", INTERCEPTS[2], repr(double_square(near) - slope * near)
    for where in ("A10", "Fig 8"):
        yield (
            where,
            "tangent at 2, drawn at 1.1, 2 and 2.9",
            "0.79982, 8.0, 15.20018",
            ", ".join(repr(round(y, 5)) for _, y in tangent_points(2)),
        )


def _loop() -> Iterator[Fact]:
    for number, (expected, line) in enumerate(zip(BLOCK, printed(), strict=True), start=1):
        yield "A11", f"printed line {number}", expected, line
    for x, expected in enumerate(INTERCEPTS):
        yield "A11", f"intercept of the tangent at {x}", expected, repr(dk.tangent(double_square, x, DELTA).intercept)
    for x, expected in enumerate(TANGENTS):
        yield (
            "Fig 9",
            f"tangent at {x}, drawn at {x} - 0.9, {x} and {x} + 0.9",
            expected,
            ", ".join(f"{y:.7g}" for _, y in tangent_points(x)),
        )


def _rules(chosen: Styles) -> Iterator[Fact]:
    for figure, (said, derivatives) in RULES.items():
        name, text = f"Fig {figure.removeprefix('figure_')}", CALCULATIONS[figure]
        yield name, "lines of the calculation, as trees", said, _as_said(said, calculation(figure, chosen[figure]))
        yield name, f"derivative of {text} at 0, 1, 2, 3, 4", derivatives, _derivatives(text)
    yield (
        "Fig 12",
        "derivative of m x for m = -1, 3, 0.5",
        "-1, 3, 0.5",
        ", ".join(f"{dk.exact(f'{m}*x', 1.0).value:g}" for m in ("(-1)", "3", "0.5")),
    )
    for name, figure, notation in (
        ("N1", "figure_10", "f'(x) = d/dx f(x) = df/dx(x) = df(x)/dx"),
        ("N2", "figure_14", "d/dx [f(x)+g(x)] = d/dx f(x)+d/dx g(x) = f'(x)+g'(x)"),
    ):
        yield name, "the same thing written in several ways", notation, spelt(NOTES[figure][0])
    yield (
        "N2",
        "derivative of 3*x^2 plus that of 5*x at 0, 1, 2, 3, 4",
        "5, 11, 17, 23, 29",
        ", ".join(f"{dk.exact('3*x^2', x).value + dk.exact('5*x', x).value:g}" for x in map(float, range(5))),
    )


def _as_said(said: str, lines: Sequence[Line]) -> str:
    """The last lines in the chapter's spelling, in which 1x and 1·x are one thing; in ours where the trees differ."""
    left, _, wanted = said.rpartition(LEFT)
    spellings = wanted.split(" = ")
    found = [line.tree for line in lines][-len(spellings) :]
    same = [one if read(one) == tree else written(tree) for one, tree in zip(spellings, found, strict=True)]
    return f"{left}{LEFT if LEFT in said else ''}{' = '.join(same)}"


def _points(figure: str, label: str) -> str:
    (found,) = [one for one in SCENES[figure] if one.label == label]
    return " ".join(f"({t:g}, {y:g})" for t, y in zip(found.t, found.y, strict=True))


def _axes(figure: str) -> str:
    (found,) = [one for one in SCENES[figure] if one.kind == "axes"]
    return ", ".join(f"{low:g} to {high:g}" for low, high in (found.t, found.y))


def _line(line: dk.Line) -> str:
    return f"slope {line.slope!r}, intercept {line.intercept!r}"


def _derivatives(text: str) -> str:
    return ", ".join(f"{dk.exact(text, float(x)).value:g}" for x in range(5))


# The scenes: what figures 1 to 9 and 19 show


@dataclass(frozen=True)
class Element:
    """One element of a scene: its kind as in the table `scene`, color, label, and points."""

    kind: str
    color: str
    label: str
    t: Sequence[float]
    y: Sequence[float]
    panel: str = ""


BLUE, ORANGE, GREY = "tab:blue", "tab:orange", "dimgrey"


def _frame(low: float, high: float, bottom: float, top: float, panel: str = "") -> Element:
    return Element("axes", GREY, "", (low, high), (bottom, top), panel)


def _curve(f: Callable[[Any], Any], label: str, t: Any) -> Element:
    at = np.asarray(t, dtype=np.float64)
    return Element("line", BLUE, label, at.tolist(), f(at).tolist())


def _straight(kind: str, color: str, label: str, line: dk.Line, low: float, high: float) -> Element:
    return Element(kind, color, label, (low, high), (line(low), line(high)))


def _fine(f: Callable[[Any], Any], label: str) -> Element:
    return _curve(f, label, np.linspace(0, 5, FINE))


def _closer(delta: float, *texts: Element) -> list[Element]:
    """x^2 with its chord from 1 to 1 + delta, the rise and the run of the chord, and the tangent."""
    end = 1 + delta
    chord = dk.secant(square, 1, end)
    return [
        _frame(-1, 5, 0, 25),
        _curve(square, "x²", np.linspace(-1, 5, 121)),
        _straight("guide", "tab:green", "tangent at 1, slope 2", dk.Line(2.0, -1.0), -1, 5),
        _straight("line", ORANGE, f"chord from 1 to {end:g}, slope {chord.slope:g}", chord, -1, 5),
        Element("guide", GREY, "", (1, end, end), (1, 1, square(end))),
        Element("points", "black", "", (1, end), (1, square(end))),
        *texts,
    ]


def _tangent_at(x: float, color: str) -> list[Element]:
    t, y = zip(*tangent_points(x), strict=True)
    slope = dk.tangent(double_square, x, DELTA).slope
    line = Element("line", color, f"tangent at {x:g}, slope {slope:.4f}", t, y)
    return [line, Element("points", color, "", (x,), (double_square(x),))]


INTEGERS, WHOLE = np.arange(5), np.arange(-1, 6)
SCENES: Mapping[str, Sequence[Element]] = {
    "figure_01": [_frame(0, 4, 0, 8), _curve(double, "2x", INTEGERS)],
    "figure_02": [_frame(0, 4, 0, 32), _curve(double_square, "2x²", INTEGERS)],
    "figure_03": [
        _frame(-1, 5, 0, 50),
        _curve(double_square, "2x² at whole numbers", WHOLE),
        _straight("line", ORANGE, "y = 2x, slope 2", dk.secant(double_square, 0, 1), -1, 2),
        _straight("line", "tab:green", "y = 10x − 12, slope 10", dk.secant(double_square, 2, 3), 1, 4),
        Element("points", ORANGE, "", (0, 1), (0, 2)),
        Element("points", "tab:green", "", (2, 3), (8, 18)),
    ],
    "figure_04": _closer(
        3.0,
        Element("text", GREY, "Δx = 3", (2.6,), (1,)),
        Element("text", GREY, "Δy = 15", (4,), (3.5,)),
    ),
    "figure_05": _closer(0.5, Element("text", GREY, "Δx = 0.5, Δy = 1.25", (1.5,), (0,))),
    "figure_06": [_frame(0, 5, 0, 50), _curve(double_square, "2x², 5000 points", np.arange(0, 5, 0.001))],
    "figure_07": [
        _frame(-3, 3, -5, 5),
        *(
            Element("line", color, f"b = {b:g}".replace("-", "−"), (-3, 3), (-3 + b, 3 + b))
            for b, color in ((2, "cyan"), (1, "teal"), (0, "red"), (-1, "green"), (-2, "brown"))
        ),
    ],
    "figure_08": [
        _frame(0, 5, 0, 50),
        _fine(double_square, "2x²"),
        *_tangent_at(2, ORANGE),
    ],
    "figure_09": [
        _frame(-1, 5, -5, 50),
        _fine(double_square, "2x²"),
        *itertools.chain(*(_tangent_at(x, color) for x, color in enumerate("kgrbc"))),
    ],
}


def corners() -> list[Element]:
    """The chords of abs and relu from 0 to either side, and across."""
    elements = []
    for name, f in CORNERS.items():
        at = np.array([-1.0, 0.0, 1.0])
        function = Element("line", "silver", "the function", at.tolist(), f(at).tolist(), name)
        elements += [_frame(-1, 1, -0.5, 1.2, name), function]
        for color, (way, (left, right)) in zip(("tab:red", "tab:blue", "tab:purple"), SIDES, strict=True):
            line = dk.secant(f, left * 0.5, right * 0.5)
            ends = (left * 0.9, right * 0.9)
            elements.append(Element("guide", color, way, ends, tuple(line(t) for t in ends), name))
        elements.append(Element("points", "black", "", (0,), (0,), name))
    return elements


def _scene_columns(scenes: Mapping[str, Sequence[Element]]) -> Columns:
    rows = [
        (figure, one.panel, order, one.kind, one.color, one.label, t, y)
        for figure, elements in scenes.items()
        for order, one in enumerate(elements)
        for t, y in zip(one.t, one.y, strict=True)
    ]
    return _transposed("scene", rows)


# The calculations of figures 10 to 16: derived, and laid out as the chapter does it

CALCULATIONS: Mapping[str, str] = {
    "figure_10": "1",
    "figure_11": "x",
    "figure_12": "2*x",
    "figure_13": "3*x^2",
    "figure_14": "3*x^2+5*x",
    "figure_15": "5*x^5+4*x^3-5",
    "figure_16": "x^3+2*x^2-5*x+7",
}
"""For each figure the function that is differentiated in it."""
Styles = Mapping[str, Style]
TASTES = ("ones", "zeros", "zeroth")


def styles(left_out: Sequence[str]) -> dict[str, Style]:
    """How the lines of each calculation are laid out; ValueError for a figure or a taste that there is not.

    Examples
    --------
    >>> styles(["figure_15 zeros"])["figure_15"].zeros
    False
    """
    found = {figure: Style(level="full") for figure in CALCULATIONS}
    for one in left_out:
        figure, *tastes = one.split() or [""]
        wrong = [taste for taste in tastes if taste not in TASTES]
        if figure not in found or wrong or not tastes:
            rule = f"a figure from figure_10 to figure_16, then what it leaves out of {', '.join(TASTES)}"
            raise ValueError(f"left_out={one!r}: write {rule}, such as 'figure_14 ones'")
        shown = {taste: taste not in tastes for taste in TASTES}
        found[figure] = Style(level="full", **shown)
    return found


LEFT = "f'(x) = "
NOTES: Mapping[str, tuple[str, str]] = {
    "figure_10": ("f'(x) = d//dx f(x) = df//dx (x) = df(x)//dx", "four ways to write it"),
    "figure_14": ("d//dx [ f(x) + g(x) ] = d//dx f(x) + d//dx g(x) = f'(x) + g'(x)", "the sum rule"),
}
"""What the chapter notes beside a calculation, drawn below it; `d//dx` is a fraction, blanks are between the pieces."""


@functools.cache
def calculation(figure: str, style: Style) -> tuple[Line, ...]:
    """The lines of a calculation, out of the derivation engine."""
    return lines_of(derive(CALCULATIONS[figure]), style)


def spelt(line: str) -> str:
    """A note as text.

    Examples
    --------
    >>> spelt("d//dx [ f(x) + g(x) ] = f'(x) + g'(x)")
    "d/dx [f(x)+g(x)] = f'(x)+g'(x)"
    """
    pieces = (" = " if one == "=" else one.replace("//", "/") + " " * ("//" in one) for one in line.split())
    return "".join(pieces).replace(" (", "(").replace("  ", " ").rstrip()


def _step_columns(figures: Iterable[str], chosen: Styles) -> Columns:
    rows: list[tuple[Any, ...]] = []
    for figure in figures:
        lines = calculation(figure, chosen[figure])
        rows += [(figure, *dataclasses.astuple(piece)) for piece in cut(lines, left=("f(x)", "f'(x)"))]
        line, note = NOTES.get(figure, ("", ""))
        for place, piece in enumerate(line.split()):
            text, _, below = piece.partition("//")
            rows.append((figure, len(lines), place, text, below, False, False, -1, "" if place else note))
    return _transposed("steps", rows)


# What the chapter says loosely, measured

Measured = tuple[str, str, str, float, float, float]
Timed = tuple[str, str, str, int, int, float]

CORNERS: Mapping[str, Callable[[Any], Any]] = {"abs": np.abs, "relu": lambda x: np.maximum(x, 0.0)}
SIDES = (("chord from the left", (-1, 0)), ("chord to the right", (0, 1)), ("chord across", (-1, 1)))
BY_DELTA, BY_STEP = "divided by delta", "divided by x2 − x1"


def too_small() -> list[Measured]:
    """The slope of 2x^2 at 1 for ever smaller deltas, divided by delta and by the step really taken."""
    rows = []
    for power in range(1, 18):
        delta = float(f"1e-{power}")
        rise, step = double_square(1 + delta) - 2, (1 + delta) - 1
        for way, run in ((BY_DELTA, delta), (BY_STEP, step)):
            result = rise / run if run else np.nan
            rows.append(("figure_17", way, "delta", delta, result, abs(result - 4)))
    return rows


def central() -> list[Measured]:
    """The forward and the central difference of 2x^2 at 1, for deltas that are powers of two, hence exact."""
    rows = []
    for delta in (2.0**-power for power in range(1, 21)):
        for name in ("forward_1", "central_2"):
            result = float(dk.difference(double_square, 1.0, delta, formula=name))
            rows.append(("figure_18", name, "delta", delta, result, abs(result - 4)))
    return rows


def corner_slopes() -> list[Measured]:
    """The slopes of the chords of abs and relu at 0; there is no exact value, hence no error."""
    return [
        ("figure_19", f"{name}: {way}", "delta", delta, dk.secant(f, left * delta, right * delta).slope, np.nan)
        for name, f in CORNERS.items()
        for way, (left, right) in SIDES
        for delta in (1.0, 1e-4, 1e-8, 1e-16)
    ]


# A layer of `features` inputs and OUTPUTS outputs, with the mean square of its outputs' distance from a target


@dataclass(frozen=True)
class Layer:
    """A linear layer: weights of shape ``(features, OUTPUTS)``, biases of shape ``(OUTPUTS,)``."""

    weights: Floats
    biases: Floats

    @property
    def parameters(self) -> int:
        """How many weights and biases there are."""
        return self.weights.size + self.biases.size


def layer(features: int) -> Layer:
    """A layer with fixed random weights."""
    draw = np.random.default_rng(features)
    return Layer(draw.normal(size=(features, OUTPUTS)), draw.normal(size=OUTPUTS))


def forward(one: Layer, x: Floats) -> Floats:
    """The outputs, shape ``(n, OUTPUTS)`` for samples of shape ``(n, features)``."""
    return x @ one.weights + one.biases


def loss(one: Layer, x: Floats, target: Floats) -> float:
    """The mean square of outputs minus target."""
    return float(np.mean((forward(one, x) - target) ** 2))


def analytical(one: Layer, x: Floats, target: Floats) -> Floats:
    """The gradient of the loss from the rules: weights, then biases; shape ``(parameters,)``."""
    push = 2 * (forward(one, x) - target) / target.size
    return np.concatenate([(x.T @ push).ravel(), push.sum(axis=0)])


def nudged(one: Layer, x: Floats, target: Floats) -> Floats:
    """The gradient by brute force: each parameter moved by DELTA, a forward pass, and moved back."""
    before = loss(one, x, target)
    gradient = []
    for values in (one.weights.ravel(), one.biases):
        for place, kept in enumerate(values.tolist()):
            values[place] = kept + DELTA
            gradient.append((loss(one, x, target) - before) / (values[place] - kept))
            values[place] = kept
    return np.array(gradient)


def nudged_per_sample(one: Layer, x: Floats, target: Floats) -> Floats:
    """The same for every sample apart, then the mean."""
    each = [nudged(one, x[k : k + 1], target[k : k + 1]) for k in range(len(x))]
    return np.asarray(np.mean(each, axis=0), dtype=np.float64)


def _samples(count: int, features: int) -> tuple[Floats, Floats]:
    draw = np.random.default_rng(count)
    return draw.normal(size=(count, features)), draw.normal(size=(count, OUTPUTS))


GRADIENTS: Mapping[str, Callable[[Layer, Floats, Floats], Floats]] = {
    "brute force, sample by sample": nudged_per_sample,
    "brute force, whole batch": nudged,
    "analytical gradient": analytical,
}
PASSES: Mapping[str, Callable[[int], int]] = {
    "brute force, sample by sample": lambda parameters: (parameters + 1) * BATCH,
    "brute force, whole batch": lambda parameters: parameters + 1,
    "analytical gradient": lambda _: 1,
}
ONE_BY_ONE, AT_ONCE = "one forward pass per sample", "one forward pass for all"


def agreement(config: Config) -> list[Measured]:
    """How far the ways to one result lie apart: they must compute the same thing before their times are compared."""
    one = layer(config.features)
    x, _ = _samples(config.samples, config.features)
    apart = float(np.max(np.abs(forward(one, x) - _one_by_one(one, x))))
    rows: list[Measured] = [("figure_20", "outputs, one by one and at once", "samples", config.samples, apart, np.nan)]
    x, target = _samples(BATCH, config.features)
    exact = analytical(one, x, target)
    for way, gradient in GRADIENTS.items():
        found = gradient(one, x, target)
        error = float(np.max(np.abs(found - exact)))
        rows.append(("figure_21", f"gradient, {way}", "parameters", one.parameters, float(found[0]), error))
    return rows


def batched(config: Config) -> Iterator[Timed]:
    """Time forward passes, sample by sample and all at once, for 1, 2, 4, ... samples."""
    one = layer(config.features)
    for count in _growing(config.samples):
        x, _ = _samples(count, config.features)
        yield "figure_20", ONE_BY_ONE, "samples", count, count, _least(config.repeats, _one_by_one, one, x)
        yield "figure_20", AT_ONCE, "samples", count, 1, _least(config.repeats, forward, one, x)


def brute_force(config: Config) -> Iterator[Timed]:
    """Time gradients of ever larger layers."""
    for features in _growing(config.features):
        one = layer(features)
        x, target = _samples(BATCH, features)
        for way, gradient in GRADIENTS.items():
            seconds = _least(config.repeats, gradient, one, x, target)
            yield "figure_21", way, "parameters", one.parameters, PASSES[way](one.parameters), seconds


def _one_by_one(one: Layer, x: Floats) -> Floats:
    return np.concatenate([forward(one, row[None]) for row in x])


def _growing(most: int) -> list[int]:
    """Return 1, 2, 4, ... up to ``most``."""
    return [2**k for k in range(most.bit_length())]


def _least(repeats: int, work: Callable[..., object], *given: object) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work(*given)
        times.append(time.perf_counter() - start)
    return min(times)


# The findings: each in a sentence, from what was measured


def _of(rows: Sequence[Measured], quantity: str) -> dict[float, tuple[float, float]]:
    return {row[3]: (row[4], row[5]) for row in rows if row[1] == quantity}


def _tell_too_small(measured: Sequence[Measured], timing: Sequence[Timed]) -> str:
    del timing
    errors = {at: error for at, (_, error) in _of(measured, BY_DELTA).items()}
    best = min(errors, key=errors.__getitem__)
    exact = [at for at, (_, error) in _of(measured, BY_STEP).items() if error == 0]
    lost = max(at for at, (result, _) in _of(measured, BY_DELTA).items() if result == 0)
    return (
        f"Delta is never rounded to 0 here, yet divided by delta the error grows from {errors[best]:.1e} at delta = "
        f"{best:.0e}, the best, to {errors[1e-15]:.2g} at 1e-15, and from {lost:.0e} on 1 + delta is 1 and the "
        f"result 0. Divided by the step really taken, the result is exactly 4 from {max(exact):.0e} to "
        f"{min(exact):.0e}: what is rounded is x + delta, not f."
    )


def _tell_central(measured: Sequence[Measured], timing: Sequence[Timed]) -> str:
    del timing
    errors = {name: _of(measured, name) for name in ("forward_1", "central_2")}
    ratios = {error / at for at, (_, error) in errors["forward_1"].items()}
    exact = sum(error == 0 for _, error in errors["central_2"].values())
    return (
        f"The forward difference of 2x² misses by {min(ratios):g} times delta"
        f"{'' if len(ratios) == 1 else f' to {max(ratios):g} times delta'}, the central difference is exact at "
        f"{exact} of {len(errors['central_2'])} deltas: the 2 in 4.0002 comes from the choice of the formula alone."
    )


def _tell_corners(measured: Sequence[Measured], timing: Sequence[Timed]) -> str:
    del timing
    said = []
    for name in CORNERS:
        slopes = [sorted({result for result, _ in _of(measured, f"{name}: {way}").values()}) for way, _ in SIDES]
        left, right, across = (" or ".join(f"{slope:g}" for slope in found) for found in slopes)
        said.append(f"for {name} {left} from the left, {right} to the right and {across} across")
    said_all = "; ".join(said)
    return f"The slope of a chord at the corner is {said_all}, for every delta from 1 to 1e-16: no delta decides."


def _tell_batch(measured: Sequence[Measured], timing: Sequence[Timed]) -> str:
    last = max(row[3] for row in timing if row[0] == "figure_20")
    seconds = {row[1]: row[5] for row in timing if row[0] == "figure_20" and row[3] == last}
    apart = max(row[4] for row in measured if row[0] == "figure_20")
    return (
        f"For {last} samples one pass for all took 1/{seconds[ONE_BY_ONE] / seconds[AT_ONCE]:.0f} of the time of "
        f"{last} passes, and the outputs differ by {apart:.0e} at most: a loop over the samples is not needed."
    )


def _tell_brute_force(measured: Sequence[Measured], timing: Sequence[Timed]) -> str:
    del measured
    last = max(row[3] for row in timing if row[0] == "figure_21")
    rows = {row[1]: row for row in timing if row[0] == "figure_21" and row[3] == last}
    each, whole, rules = (rows[way] for way in GRADIENTS)
    return (
        f"With {last} parameters and {BATCH} samples brute force takes {each[4]} forward passes sample by sample and "
        f"{whole[4]} on the whole batch, {each[5] / rules[5]:.0f} and {whole[5] / rules[5]:.0f} times the analytical "
        f"gradient's time. Measured on this machine for this small layer; how real networks fare is another study."
    )


FINDINGS: Mapping[str, Callable[[Sequence[Measured], Sequence[Timed]], str]] = {
    "figure_17": _tell_too_small,
    "figure_18": _tell_central,
    "figure_19": _tell_corners,
    "figure_20": _tell_batch,
    "figure_21": _tell_brute_force,
}


# The words: for each figure a heading and what is said before it

LESSON: Mapping[str, tuple[str, str]] = {
    "figure_01": (
        "How strongly does x act on y?",
        (
            "Training a network means asking of each weight: if it moves a little, how much does the loss move? "
            "Begin with the simplest case. For y = 2x, every step of 1 to the right lifts y by 2, wherever the "
            "step begins."
        ),
    ),
    "figure_02": (
        "A curve has no single answer",
        (
            "For y = 2x² the rise of one step is 2, then 6, then 10, then 14. Joined by straight pieces, five "
            "points show the bend only coarsely."
        ),
    ),
    "figure_03": (
        "Two points, one slope; other points, another",
        (
            "The slope between two points is rise over run. Between 0 and 1 the curve climbs by 2, between 2 and "
            "3 by 10. The question has to name a place."
        ),
    ),
    "figure_04": (
        "Points far apart mislead",
        (
            "To find the slope of x² at 1, take a second point at a distance delta. With delta = 3 the chord "
            "climbs by 5 for each step, although the curve at 1 climbs by 2 only."
        ),
    ),
    "figure_05": (
        "Points close together do better",
        (
            "With delta = 0.5 the chord has the slope 2.5. For this curve the slope is always 2 + delta, so what "
            "is wrong is delta itself, and shrinking delta shrinks it."
        ),
    ),
    "figure_06": (
        "The curve, finely drawn",
        (
            "Drawn from 5000 points, 0.001 apart, 2x² looks like the smooth curve that it is, on which a "
            "tangent can be laid."
        ),
    ),
    "figure_07": (
        "The slope alone does not place a line",
        (
            "All lines y = x + b climb equally; b says how high they cross the vertical axis. If the slope m and "
            "one point are known, b = y − m x follows."
        ),
    ),
    "figure_08": (
        "A tangent from two close points",
        (
            "With delta = 0.0001 the slope of 2x² at 2 comes out as 8.0002. With b from the second point, the "
            "line lies so close to the true tangent that no picture shows the difference."
        ),
    ),
    "figure_09": (
        "The slope at five places",
        (
            "The same at 0, 1, 2, 3 and 4. The slopes are nearly 0, 4, 8, 12 and 16, each too large by 0.0002: "
            "they follow 4x, and that is a formula worth looking for."
        ),
    ),
    "figure_10": (
        "Rules instead of steps: a constant",
        (
            "A rule gives the slope everywhere at once, and exactly. The first: what never changes has the slope "
            "0. The prime and the fraction d/dx are two ways to write the same derivative."
        ),
    ),
    "figure_11": (
        "The power rule, on x itself",
        (
            "Take the exponent, put it in front as a factor, and lower the exponent by one. For x, which is x to "
            "the power 1, a plain 1 remains: y changes exactly as x does."
        ),
    ),
    "figure_12": (
        "A constant factor waits outside",
        (
            "The factor 2 is set aside while the rule works on x, and multiplies the result. Any line m x through "
            "the origin has the slope m in this way."
        ),
    ),
    "figure_13": (
        "A square",
        ("Here the exponent 2 goes to the front, and one x remains: 3x² has the slope 6x, which depends on the place."),
    ),
    "figure_14": (
        "A sum, part by part",
        "The derivative of a sum is the sum of the derivatives. Nothing new is needed for each part.",
    ),
    "figure_15": (
        "All rules together",
        (
            "Two powers and a constant. The constant −5 moves the whole curve down, but it does not tilt it, so "
            "it leaves no trace."
        ),
    ),
    "figure_16": (
        "One more, with four parts",
        ("The last line is all that must be computed at a point: no second evaluation, no delta, nothing to choose."),
    ),
    "figure_17": (
        "Measured: how small is too small?",
        ("One might fear that a tiny delta is rounded to 0. Trouble begins long before, and it has another cause."),
    ),
    "figure_18": (
        "Measured: where the 2 in 4.0002 comes from",
        (
            "The forward difference looks to one side. A difference that looks equally far to both sides, (f(x + "
            "delta) − f(x − delta)) / (2 delta), costs one more evaluation. The deltas here are powers of two, so "
            "that nothing is rounded."
        ),
    ),
    "figure_19": (
        "Measured: what two close points see at a corner",
        ("abs and relu have a corner at 0. Points infinitely close do not help: it matters on which side they lie."),
    ),
    "figure_20": (
        "Measured: all samples in one pass",
        (
            "The loss is needed for every sample, but not one sample after another: a matrix product serves them "
            "all at once."
        ),
    ),
    "figure_21": (
        "Measured: what brute force costs",
        (
            "Without rules, every parameter must be moved by itself, with a forward pass each time, and again for "
            "every sample."
        ),
    ),
}
