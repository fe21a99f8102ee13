"""What the chapter draws: sketches (figures 1 to 9, and 19 of what it says of corners), and calculations (10 to 16).

Calculations are derived by rules, and laid out as the chapter does it.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

import derivkit as dk
from experiments import columns
from experiments.study import column

DELTA = 0.0001
"""The chapter's step."""
FINE = np.linspace(0, 5, 200)
"""Points of the curve below a tangent: by eye, no corner is seen."""
BLUE, ORANGE, GREEN, GREY = "tab:blue", "tab:orange", "tab:green", "dimgrey"


class Panel(columns.Figure, table=None):
    """A panel of a figure."""

    panel: str = column("title of the panel; empty where there is only one")


class Scene(Panel, columns.Element):
    """What the sketches show."""

    t: float = column("abscissa", axis="x", label="x")
    y: float = column("ordinate", axis="y")


class Steps(columns.Figure, columns.Piece):
    """The calculations of figures 10 to 16."""


# The chapter's functions and lines


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


CORNERS: Mapping[str, Callable[[Any], Any]] = {"abs": np.abs, "relu": lambda x: np.maximum(x, 0.0)}
SIDES = (("chord from the left", (-1, 0)), ("chord to the right", (0, 1)), ("chord across", (-1, 1)))


# What is drawn


class Element(NamedTuple):
    """An element of a sketch: the columns of `Scene` but figure and order."""

    element: str
    color: str
    label: str
    t: Sequence[float]
    y: Sequence[float]
    panel: str = ""


def frame(low: float, high: float, bottom: float, top: float, panel: str = "") -> Element:
    """The axes, by two opposite corners."""
    return Element("axes", GREY, "", (low, high), (bottom, top), panel)


def curve(f: Callable[[Any], Any], label: str, t: Any) -> Element:
    """A function at some points, joined."""
    at = np.asarray(t, dtype=np.float64)
    return Element("line", BLUE, label, at.tolist(), f(at).tolist())


def straight(kind: str, color: str, label: str, line: dk.Line, ends: tuple[float, float], panel: str = "") -> Element:
    """A line between two abscissae."""
    return Element(kind, color, label, ends, tuple(map(line, ends)), panel)


def _text(text: str, x: float, y: float) -> Element:
    return Element("text", GREY, text, (x,), (y,))


def _closer(delta: float, *texts: Element) -> list[Element]:
    """x^2 with its chord from 1 to 1 + delta, the rise and the run of the chord, and the tangent."""
    end = 1 + delta
    chord = dk.secant(square, 1, end)
    return [
        frame(-1, 5, 0, 25),
        curve(square, "x²", np.linspace(-1, 5, 121)),
        straight("guide", GREEN, "tangent at 1, slope 2", dk.Line(2.0, -1.0), (-1, 5)),
        straight("line", ORANGE, f"chord from 1 to {end:g}, slope {chord.slope:g}", chord, (-1, 5)),
        Element("guide", GREY, "", (1, end, end), (1, 1, square(end))),
        Element("points", "black", "", (1, end), (1, square(end))),
        *texts,
    ]


def _tangent_at(x: float, color: str) -> list[Element]:
    t, y = zip(*tangent_points(x), strict=True)
    slope = dk.tangent(double_square, x, DELTA).slope
    line = Element("line", color, f"tangent at {x:g}, slope {slope:.4f}", t, y)
    return [line, Element("points", color, "", (x,), (double_square(x),))]


def _corner(name: str, f: Callable[[Any], Any]) -> Iterator[Element]:
    """The chords of a function with a corner at 0 from there to either side, and across."""
    at = np.array([-1.0, 0.0, 1.0])
    yield frame(-1, 1, -0.5, 1.2, name)
    yield Element("line", "silver", "the function", at.tolist(), f(at).tolist(), name)
    for color, (way, (left, right)) in zip(("tab:red", "tab:blue", "tab:purple"), SIDES, strict=True):
        chord = dk.secant(f, left * 0.5, right * 0.5)
        yield straight("guide", color, way, chord, (left * 0.9, right * 0.9), name)
    yield Element("points", "black", "", (0,), (0,), name)


SKETCHES: Mapping[str, Sequence[Element]] = {
    "figure_01": [frame(0, 4, 0, 8), curve(double, "2x", np.arange(5))],
    "figure_02": [frame(0, 4, 0, 32), curve(double_square, "2x²", np.arange(5))],
    "figure_03": [
        frame(-1, 5, 0, 50),
        curve(double_square, "2x² at whole numbers", np.arange(-1, 6)),
        straight("line", ORANGE, "y = 2x, slope 2", dk.secant(double_square, 0, 1), (-1, 2)),
        straight("line", GREEN, "y = 10x − 12, slope 10", dk.secant(double_square, 2, 3), (1, 4)),
        Element("points", ORANGE, "", (0, 1), (0, 2)),
        Element("points", GREEN, "", (2, 3), (8, 18)),
    ],
    "figure_04": _closer(3.0, _text("Δx = 3", 2.6, 1), _text("Δy = 15", 4, 3.5)),
    "figure_05": _closer(0.5, _text("Δx = 0.5, Δy = 1.25", 1.5, 0)),
    "figure_06": [frame(0, 5, 0, 50), curve(double_square, "2x², 5000 points", np.arange(0, 5, 0.001))],
    "figure_07": [
        frame(-3, 3, -5, 5),
        *(
            straight("line", color, f"b = {b:g}".replace("-", "−"), dk.Line(1, b), (-3, 3))
            for b, color in ((2, "cyan"), (1, "teal"), (0, "red"), (-1, "green"), (-2, "brown"))
        ),
    ],
    "figure_08": [frame(0, 5, 0, 50), curve(double_square, "2x²", FINE), *_tangent_at(2, ORANGE)],
    "figure_09": [
        frame(-1, 5, -5, 50),
        curve(double_square, "2x²", FINE),
        *itertools.chain(*(_tangent_at(x, color) for x, color in enumerate("kgrbc"))),
    ],
    "figure_19": list(itertools.chain(*(_corner(name, f) for name, f in CORNERS.items()))),
}


def sketches() -> Iterator[Scene]:
    """Yield the elements of every sketch, in the order of drawing."""
    for figure, elements in SKETCHES.items():
        for order, one in enumerate(elements):
            yield Scene(figure=figure, order=order, **one._asdict())


# The calculations

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
NOTES: Mapping[str, tuple[str, str]] = {
    "figure_10": ("f'(x) = d//dx f(x) = df//dx (x) = df(x)//dx", "four ways to write it"),
    "figure_14": ("d//dx [ f(x) + g(x) ] = d//dx f(x) + d//dx g(x) = f'(x) + g'(x)", "the sum rule"),
}
"""What the chapter notes beside a calculation, drawn below it; `d//dx` is a fraction, blanks are between the pieces."""
TASTES = ("ones", "zeros", "zeroth")
Styles = Mapping[str, dk.Style]


def styles(left_out: Sequence[str]) -> Styles:
    """How the lines of each calculation are laid out; ValueError for a figure or a taste that there is not.

    Examples
    --------
    >>> styles(["figure_15 zeros"])["figure_15"].zeros
    False
    """
    layouts = {figure: dk.Style(level="full") for figure in CALCULATIONS}
    for one in left_out:
        figure, *tastes = one.split() or [""]
        if figure not in layouts or not tastes or not set(tastes) <= set(TASTES):
            rule = f"a figure from figure_10 to figure_16, then what it leaves out of {', '.join(TASTES)}"
            raise ValueError(f"left_out={one!r}: write {rule}, such as 'figure_14 ones'")
        layouts[figure] = dk.Style(level="full", **{taste: taste not in tastes for taste in TASTES})
    return layouts


@functools.cache
def calculation(figure: str) -> dk.Derivation:
    """A calculation, out of the derivation engine."""
    return dk.derive(CALCULATIONS[figure])


def calculations(layouts: Styles) -> Iterator[Steps]:
    """Yield the pieces of every calculation, and what the chapter notes below it."""
    for figure, style in layouts.items():
        spans = calculation(figure).spans(style)
        for span in spans:
            yield Steps(figure=figure, **dataclasses.asdict(span))
        line, note = NOTES.get(figure, ("", ""))
        for position, word in enumerate(line.split()):
            text, _, below = word.partition("//")
            yield Steps(
                figure=figure, line=spans[-1].line + 1, position=position, text=text, below=below, raised=False,
                mark=False, arrow=-1, note="" if position else note,
            )  # fmt: skip


def spelt(line: str) -> str:
    """A note as text.

    Examples
    --------
    >>> spelt("d//dx [ f(x) + g(x) ] = f'(x) + g'(x)")
    "d/dx [f(x)+g(x)] = f'(x)+g'(x)"
    """
    pieces = (" = " if one == "=" else one.replace("//", "/") + " " * ("//" in one) for one in line.split())
    return "".join(pieces).replace(" (", "(").replace("  ", " ").rstrip()
