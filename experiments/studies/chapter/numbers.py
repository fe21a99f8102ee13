"""The numbers of the chapter: what it says of each, and what is computed here."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

import derivkit as dk
from experiments.studies.chapter.drawings import (
    CALCULATIONS,
    DELTA,
    NOTES,
    SKETCHES,
    Element,
    Styles,
    calculation,
    double,
    double_square,
    spelt,
    square,
    tangent_points,
)
from experiments.study import Rows, column, key

LEFT = "f'(x) = "
"""What the chapter writes before some of its results."""
Fact = tuple[str, str, str, str]
"""Id, quantity, what the chapter says of it, what is computed here."""
Computed = Iterator[tuple[str, str]]
"""Id, and what is computed here."""


class Table(Rows):
    """Every number of the chapter."""

    id: str = key("where in the chapter: an example A1 to A11, a note N1 or N2, or a figure")
    quantity: str = key("what is computed")
    expected: str = column("what the chapter says, as text")
    computed: str = column("what the lab computes, as text")
    equal: bool = column("whether the two texts are the same to the byte")


def compare(layouts: Styles, only: Collection[str]) -> Table:
    """The numbers of some ids beside those of the chapter."""
    ids, quantities, expected, computed = (list(texts) for texts in zip(*facts(layouts, only), strict=True))
    equal = [text == other for text, other in zip(expected, computed, strict=True)]
    return Table(id=ids, quantity=quantities, expected=expected, computed=computed, equal=equal)


def facts(layouts: Styles, only: Collection[str]) -> list[Fact]:
    """The numbers of some ids of the chapter, as they stand there and as they come out here."""
    left = {where: iter(rows) for where, rows in stated().items()}
    computed = itertools.chain(_slopes(), _approximations(), _tangents(), _loop(), _rules(layouts))
    return [(where, *next(left[where]), text) for where, text in computed if where in only]


@functools.cache
def stated() -> Mapping[str, Sequence[tuple[str, str]]]:
    """For each id of the chapter its quantities and what it says of them, from the text beside this module."""
    statements: dict[str, list[tuple[str, str]]] = {}
    for line in Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines():
        where, quantity, text = line.split(" | ")
        statements.setdefault(where, []).append((quantity, text))
    return statements


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


def _slopes() -> Computed:
    x = np.array(range(5))
    lines, parabola = double(x), double_square(x)
    yield "A1", str(x)
    yield "A1", str(lines)
    yield "Fig 1", _points("figure_01")
    yield "A2", str(dk.slope((x[0], lines[0]), (x[1], lines[1])))
    yield "A3", repr((2 - 0) / (1 - 0))
    yield "A4", str(x)
    yield "A4", str(parabola)
    yield "Fig 2", _points("figure_02")
    pairs = [dk.slope((x[k], parabola[k]), (x[k + 1], parabola[k + 1])) for k in range(4)]
    yield "A5", str(pairs[0])
    yield "A6", str(pairs[2])
    yield "A6", ", ".join(f"{slope:g}" for slope in pairs)
    for at in (0, 2):
        chord = dk.secant(double_square, at, at + 1)
        yield "Fig 3", f"slope {chord.slope:g}, intercept {chord.intercept:g}"


def _approximations() -> Computed:
    rise = double_square(1 + DELTA) - double_square(1)
    yield "A7", repr(rise / ((1 + DELTA) - 1))
    yield "A7'", repr(rise / DELTA)
    for name, end in (("Fig 4", 4), ("Fig 5", 1.5)):
        chord = dk.secant(square, 1, end)
        yield name, f"slope {chord.slope!r}, intercept {chord.intercept!r}"
    x = np.arange(0, 5, 0.001)
    y = double_square(x)
    yield "A8", f"{x.size}, {float(x[-1])!r}, {float(y[-1])!r}"
    (axes,) = _elements("figure_06", "axes")
    yield "Fig 6", ", ".join(f"{low:g} to {high:g}" for low, high in (axes.t, axes.y))


def _tangents() -> Computed:
    lines = [zip(one.t, one.y, strict=True) for one in _elements("figure_07", "line")]
    chords = [dk.secant(dict(line).__getitem__, -3.0, 3.0) for line in lines]
    yield "Fig 7", ", ".join(f"{chord.intercept:g}" for chord in chords)
    slope, near = dk.tangent(double_square, 2, DELTA).slope, 2 + DELTA
    yield "A9", repr(double_square(near) - slope * near)
    for where in ("A10", "Fig 8"):
        yield where, ", ".join(repr(round(y, 5)) for _, y in tangent_points(2))


def _loop() -> Computed:
    for line in printed():
        yield "A11", line
    for x in range(5):
        yield "A11", repr(dk.tangent(double_square, x, DELTA).intercept)
    for x in range(5):
        yield "Fig 9", ", ".join(f"{y:.7g}" for _, y in tangent_points(x))


def _rules(layouts: Styles) -> Computed:
    x = [float(k) for k in range(5)]
    for figure, text in CALCULATIONS.items():
        name = f"Fig {figure.removeprefix('figure_')}"
        yield name, _lines(figure, layouts[figure], stated()[name][0][1])
        yield name, ", ".join(f"{dk.exact(text, at).value:g}" for at in x)
    yield "Fig 12", ", ".join(f"{dk.exact(f'{m}*x', 1.0).value:g}" for m in ("(-1)", "3", "0.5"))
    for name, figure in (("N1", "figure_10"), ("N2", "figure_14")):
        yield name, spelt(NOTES[figure][0])
    yield "N2", ", ".join(f"{dk.exact('3*x^2', at).value + dk.exact('5*x', at).value:g}" for at in x)


def _lines(figure: str, style: dk.Style, text: str) -> str:
    """The last lines in the chapter's spelling, in which 1x and 1·x are one thing; in ours where the trees differ."""
    left, _, right = text.rpartition(LEFT)
    spellings = right.split(" = ")
    lines = calculation(figure).lines(style)[-len(spellings) :]
    same = [one if line.spells(one) else line.text() for one, line in zip(spellings, lines, strict=True)]
    return f"{left}{LEFT if LEFT in text else ''}{' = '.join(same)}"


def _elements(figure: str, kind: str) -> list[Element]:
    return [one for one in SKETCHES[figure] if one.element == kind]


def _points(figure: str) -> str:
    """The points of the only curve of a figure."""
    (curve,) = _elements(figure, "line")
    return " ".join(f"({t:g}, {y:g})" for t, y in zip(curve.t, curve.y, strict=True))
