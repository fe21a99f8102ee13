"""A chapter on derivatives, from the slope of a line to the rules: its numbers, its figures, its claims measured."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from experiments import columns
from experiments.study import Frame, Rows, Tables, column, key, lessons, refuse_below
from experiments.timing import least_seconds

Floats = NDArray[np.floating[Any]]

DELTA = 0.0001
"""The chapter's step."""
FINE = 200
"""Points of the curve below a tangent: by eye, no corner is seen."""
OUTPUTS, BATCH = 4, 16
"""Outputs of the small layer, and samples over which its loss is averaged where parameters are counted."""


# Tables


class Table(Rows):
    """Every number of the chapter."""

    id: str = key("where in the chapter: an example A1 to A11, a note N1 or N2, or a figure")
    quantity: str = key("what is computed")
    expected: str = column("what the chapter says, as text")
    computed: str = column("what the lab computes, as text")
    equal: bool = column("whether the two texts are the same to the byte")


class Panel(columns.Figure, table=None):
    """A panel of a figure."""

    panel: str = column("title of the panel; empty where there is only one")


class Scene(Panel, columns.Element):
    """What figures 1 to 9 and 19 show."""

    t: float = column("abscissa", axis="x", label="x")
    y: float = column("ordinate", axis="y")


class Steps(columns.Figure, columns.Piece):
    """The calculations of figures 10 to 16."""


class Measured(columns.Figure):
    """What the chapter says loosely."""

    quantity: str = column("what was computed", axis="series")
    variable: str = column("on what it depends")
    at: float = column("the value of that variable", axis="x", label="delta")
    result: float = column("the result; none where it does not exist")
    error: float = column(
        "its distance from the exact value; none where there is no exact value", axis="y", label="absolute error"
    )


class Timing(columns.Figure):
    """How long it takes."""

    way: str = column("how it was computed", axis="series")
    variable: str = column("on what the time depends")
    at: int = column("the value of that variable", axis="x")
    passes: int = column("forward passes; the analytical gradient has one backward pass besides")
    seconds: float = column("least time of the repeats", measured=True, axis="y")


class Printed(Rows):
    """What the chapter's last program prints."""

    line: str = column("one line of what the chapter's last program prints")


class Summary(Rows):
    """How many numbers are the same."""

    part: str = column("examples, notes and figures of the chapter")
    numbers: int = column("how many were compared")
    equal: int = column("how many are the same to the byte")


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
        refuse_below(1, self, "samples", "features", "repeats")

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        return len(facts(styles(self.left_out)))


def measure(config: Config) -> Iterator[Rows]:
    """Yield the chapter's numbers, its figures, and what was measured."""
    chosen = styles(config.left_out)
    yield compared(facts(chosen))
    for figure, elements in {**SCENES, "figure_19": corners()}.items():
        yield from scene(figure, elements)
    for figure in CALCULATIONS:
        yield from steps(figure, chosen[figure])
    yield from itertools.chain(too_small(), central(), corner_slopes(), agreement(config))
    yield from itertools.chain(batched(config), brute_force(config))


def conclude(tables: Tables) -> Iterator[Rows]:
    """Yield the printed block, how many numbers are equal, and the words between the figures."""
    yield Printed(line=printed())
    table = tables[Table]
    figures = table["id"].str.startswith("Fig")
    for part, chosen in (("examples and notes", ~figures), ("figures", figures)):
        yield Summary(part=part, numbers=chosen.sum(), equal=table["equal"][chosen].sum())
    yield from lessons(__file__, {figure: [told(tables)] for figure, told in FINDINGS.items()})


def tell(tables: Tables) -> Iterator[str]:
    """Yield how many numbers are equal, and what was measured."""
    equal = tables[Table]["equal"]
    yield f"{equal.sum()} of {equal.size} numbers of the chapter come out to the byte."
    yield from (sentence(tables) for sentence in FINDINGS.values())


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
Computed = Iterator[tuple[str, str]]
"""Id, computed text."""


@functools.cache
def stated() -> Mapping[str, list[tuple[str, str]]]:
    """For each id of the chapter its quantities and what it says of them, from the text beside this module."""
    text = Path(__file__).with_name("chapter_numbers.txt").read_text(encoding="utf-8")
    found: dict[str, list[tuple[str, str]]] = {}
    for line in text.splitlines():
        where, quantity, said = line.split(" | ")
        found.setdefault(where, []).append((quantity, said))
    return found


def facts(chosen: Styles) -> list[Fact]:
    """Every number of the chapter, as it stands there and as it comes out here."""
    left = {where: iter(rows) for where, rows in stated().items()}
    computed = itertools.chain(_slopes(), _approximations(), _tangents(), _loop(), _rules(chosen))
    return [(where, *next(left[where]), text) for where, text in computed]


def compared(rows: Sequence[Fact]) -> Table:
    """The numbers beside those of the chapter."""
    ids, quantities, expected, computed = (list(texts) for texts in zip(*rows, strict=True))
    equal = [text == other for text, other in zip(expected, computed, strict=True)]
    return Table(id=ids, quantity=quantities, expected=expected, computed=computed, equal=equal)


def _slopes() -> Computed:
    x = np.array(range(5))
    lines, parabola = double(x), double_square(x)
    yield "A1", str(x)
    yield "A1", str(lines)
    yield "Fig 1", _points("figure_01", "2x")
    yield "A2", str(dk.slope((x[0], lines[0]), (x[1], lines[1])))
    yield "A3", repr((2 - 0) / (1 - 0))
    yield "A4", str(x)
    yield "A4", str(parabola)
    yield "Fig 2", _points("figure_02", "2x²")
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
    yield "Fig 4", _line(dk.secant(square, 1, 4))
    yield "Fig 5", _line(dk.secant(square, 1, 1.5))
    x = np.arange(0, 5, 0.001)
    y = double_square(x)
    yield "A8", f"{x.size}, {float(x[-1])!r}, {float(y[-1])!r}"
    yield "Fig 6", _axes("figure_06")


def _tangents() -> Computed:
    lines = [zip(one.t, one.y, strict=True) for one in SCENES["figure_07"] if one.kind == "line"]
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


def _rules(chosen: Styles) -> Computed:
    for figure, text in CALCULATIONS.items():
        name = f"Fig {figure.removeprefix('figure_')}"
        _, said = stated()[name][0]
        yield name, _as_said(said, figure, chosen[figure])
        yield name, _derivatives(text)
    yield "Fig 12", ", ".join(f"{dk.exact(f'{m}*x', 1.0).value:g}" for m in ("(-1)", "3", "0.5"))
    for name, figure in (("N1", "figure_10"), ("N2", "figure_14")):
        yield name, spelt(NOTES[figure][0])
    yield "N2", ", ".join(f"{dk.exact('3*x^2', x).value + dk.exact('5*x', x).value:g}" for x in map(float, range(5)))


def _as_said(said: str, figure: str, style: dk.Style) -> str:
    """The last lines in the chapter's spelling, in which 1x and 1·x are one thing; in ours where the trees differ."""
    left, _, wanted = said.rpartition(LEFT)
    spellings = wanted.split(" = ")
    lines = calculation(figure).lines(style)[-len(spellings) :]
    same = [one if line.spells(one) else line.text() for one, line in zip(spellings, lines, strict=True)]
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


def scene(figure: str, elements: Sequence[Element]) -> Iterator[Scene]:
    """The elements of a figure."""
    for order, one in enumerate(elements):
        yield Scene(
            figure=figure, panel=one.panel, order=order, element=one.kind, color=one.color, label=one.label,
            t=list(one.t), y=list(one.y),
        )  # fmt: skip


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
Styles = Mapping[str, dk.Style]
TASTES = ("ones", "zeros", "zeroth")


def styles(left_out: Sequence[str]) -> dict[str, dk.Style]:
    """How the lines of each calculation are laid out; ValueError for a figure or a taste that there is not.

    Examples
    --------
    >>> styles(["figure_15 zeros"])["figure_15"].zeros
    False
    """
    found = {figure: dk.Style(level="full") for figure in CALCULATIONS}
    for one in left_out:
        figure, *tastes = one.split() or [""]
        wrong = [taste for taste in tastes if taste not in TASTES]
        if figure not in found or wrong or not tastes:
            rule = f"a figure from figure_10 to figure_16, then what it leaves out of {', '.join(TASTES)}"
            raise ValueError(f"left_out={one!r}: write {rule}, such as 'figure_14 ones'")
        shown = {taste: taste not in tastes for taste in TASTES}
        found[figure] = dk.Style(level="full", **shown)
    return found


LEFT = "f'(x) = "
NOTES: Mapping[str, tuple[str, str]] = {
    "figure_10": ("f'(x) = d//dx f(x) = df//dx (x) = df(x)//dx", "four ways to write it"),
    "figure_14": ("d//dx [ f(x) + g(x) ] = d//dx f(x) + d//dx g(x) = f'(x) + g'(x)", "the sum rule"),
}
"""What the chapter notes beside a calculation, drawn below it; `d//dx` is a fraction, blanks are between the pieces."""


@functools.cache
def calculation(figure: str) -> dk.Derivation:
    """A calculation, out of the derivation engine."""
    return dk.derive(CALCULATIONS[figure])


def spelt(line: str) -> str:
    """A note as text.

    Examples
    --------
    >>> spelt("d//dx [ f(x) + g(x) ] = f'(x) + g'(x)")
    "d/dx [f(x)+g(x)] = f'(x)+g'(x)"
    """
    pieces = (" = " if one == "=" else one.replace("//", "/") + " " * ("//" in one) for one in line.split())
    return "".join(pieces).replace(" (", "(").replace("  ", " ").rstrip()


def steps(figure: str, style: dk.Style) -> Iterator[Steps]:
    """The pieces of a calculation, and what the chapter notes below it."""
    spans = calculation(figure).spans(style)
    for span in spans:
        yield Steps(figure=figure, **dataclasses.asdict(span))
    line, note = NOTES.get(figure, ("", ""))
    for place, word in enumerate(line.split()):
        text, _, below = word.partition("//")
        yield Steps(
            figure=figure, line=spans[-1].line + 1, position=place, text=text, below=below, raised=False, mark=False,
            arrow=-1, note="" if place else note,
        )  # fmt: skip


# What the chapter says loosely, measured

CORNERS: Mapping[str, Callable[[Any], Any]] = {"abs": np.abs, "relu": lambda x: np.maximum(x, 0.0)}
SIDES = (("chord from the left", (-1, 0)), ("chord to the right", (0, 1)), ("chord across", (-1, 1)))
BY_DELTA, BY_STEP = "divided by delta", "divided by x2 − x1"
ONE_BY_ONE, AT_ONCE = "one forward pass per sample", "one forward pass for all"
ANALYTICAL = "analytical gradient"


def measured(figure: str, quantity: str, at: float, result: float, exact: float = np.nan) -> Measured:
    """A result that depends on delta."""
    error = abs(result - exact)
    return Measured(figure=figure, quantity=quantity, variable="delta", at=at, result=result, error=error)


def too_small() -> Iterator[Measured]:
    """The slope of 2x^2 at 1 for ever smaller deltas, divided by delta and by the step really taken."""
    for power in range(1, 18):
        delta = float(f"1e-{power}")
        rise, step = double_square(1 + delta) - 2, (1 + delta) - 1
        for way, run in ((BY_DELTA, delta), (BY_STEP, step)):
            yield measured("figure_17", way, delta, rise / run if run else np.nan, 4)


def central() -> Iterator[Measured]:
    """The forward and the central difference of 2x^2 at 1, for deltas that are powers of two, hence exact."""
    for delta in (2.0**-power for power in range(1, 21)):
        for name in ("forward_1", "central_2"):
            yield measured("figure_18", name, delta, float(dk.difference(double_square, 1.0, delta, formula=name)), 4)


def corner_slopes() -> Iterator[Measured]:
    """The slopes of the chords of abs and relu at 0; there is no exact value, hence no error."""
    for name, f in CORNERS.items():
        for way, (left, right) in SIDES:
            for delta in (1.0, 1e-4, 1e-8, 1e-16):
                slope = dk.secant(f, left * delta, right * delta).slope
                yield measured("figure_19", f"{name}: {way}", delta, slope)


# A layer of `features` inputs and OUTPUTS outputs, with the mean square of its outputs' distance from a target


@dataclass(frozen=True)
class Layer:
    """A network of one linear layer, with fixed random weights and samples, which are there singly too."""

    features: int
    count: int

    @cached_property
    def network(self) -> dk.Network:
        """The layer with its loss."""
        return dk.Network((self.features, OUTPUTS), (), "mean_squared_error")

    @cached_property
    def parameters(self) -> Floats:
        """Its weights and biases."""
        return self.network.initial(seed=self.features)

    @cached_property
    def samples(self) -> dk.Samples:
        """The samples."""
        draw = np.random.default_rng(self.count)
        inputs = draw.normal(size=(self.count, self.features))
        return dk.Samples(inputs, draw.normal(size=(self.count, OUTPUTS)))

    @cached_property
    def singles(self) -> list[dk.Samples]:
        """The same one by one."""
        return [self.samples.take([k]) for k in range(self.count)]

    def outputs(self, samples: dk.Samples) -> Floats:
        """What the layer makes of samples; shape ``(OUTPUTS, samples)``."""
        return self.network.forward(self.parameters, samples)[-1].a

    def one_by_one(self) -> Floats:
        """The outputs of all samples, by a pass for each of them."""
        return np.concatenate([self.outputs(sample) for sample in self.singles], axis=1)

    def moved(self, samples: dk.Samples) -> dk.BruteForce:
        """The gradient by brute force, as the chapter's loop does it: each parameter is moved by DELTA and back."""
        return dk.brute_force(self.network, self.parameters, samples, delta=DELTA, formula="forward_1", way="naive")


def whole_batch(layer: Layer) -> tuple[Floats, int]:
    """The gradient by brute force, and the forward passes that it takes."""
    found = layer.moved(layer.samples)
    return found.gradient, found.forward_passes


def sample_by_sample(layer: Layer) -> tuple[Floats, int]:
    """The same for every sample apart, then the mean."""
    found = [layer.moved(sample) for sample in layer.singles]
    return np.mean([one.gradient for one in found], axis=0), sum(one.forward_passes for one in found)


def analytical(layer: Layer) -> tuple[Floats, int]:
    """The gradient from the rules."""
    return layer.network.backprop(layer.parameters, layer.samples), 1


GRADIENTS: Mapping[str, Callable[[Layer], tuple[Floats, int]]] = {
    "brute force, sample by sample": sample_by_sample,
    "brute force, whole batch": whole_batch,
    ANALYTICAL: analytical,
}


def agreement(config: Config) -> Iterator[Measured]:
    """How far the ways to one result lie apart: they must compute the same thing before their times are compared."""
    layer = Layer(config.features, config.samples)
    apart = float(np.max(np.abs(layer.outputs(layer.samples) - layer.one_by_one())))
    yield Measured(
        figure="figure_20", quantity="outputs, one by one and at once", variable="samples", at=config.samples,
        result=apart, error=np.nan,
    )  # fmt: skip
    layer = Layer(config.features, BATCH)
    exact, _ = GRADIENTS[ANALYTICAL](layer)
    for way, gradient in GRADIENTS.items():
        found, _ = gradient(layer)
        yield Measured(
            figure="figure_21", quantity=f"gradient, {way}", variable="parameters", at=layer.network.count,
            result=found[0], error=np.max(np.abs(found - exact)),
        )  # fmt: skip


def batched(config: Config) -> Iterator[Timing]:
    """Time forward passes, sample by sample and all at once, for 1, 2, 4, ... samples."""
    for count in growing(config.samples):
        layer = Layer(config.features, count)
        at_once = functools.partial(layer.outputs, layer.samples)
        actions: dict[str, Callable[[], Floats]] = {ONE_BY_ONE: layer.one_by_one, AT_ONCE: at_once}
        for (way, action), passes in zip(actions.items(), (count, 1), strict=True):
            seconds = least_seconds(config.repeats, action)
            yield Timing(figure="figure_20", way=way, variable="samples", at=count, passes=passes, seconds=seconds)


def brute_force(config: Config) -> Iterator[Timing]:
    """Time gradients of ever larger layers."""
    for features in growing(config.features):
        layer = Layer(features, BATCH)
        for way, gradient in GRADIENTS.items():
            _, passes = gradient(layer)
            seconds = least_seconds(config.repeats, functools.partial(gradient, layer))
            yield Timing(
                figure="figure_21", way=way, variable="parameters", at=layer.network.count, passes=passes,
                seconds=seconds,
            )  # fmt: skip


def growing(most: int) -> list[int]:
    """Return 1, 2, 4, ... up to ``most``."""
    return [2**k for k in range(most.bit_length())]


# The findings: each in a sentence, from what was measured


def results_of(tables: Tables, quantity: str) -> Frame:
    """Result and error of a quantity over what it depends on; of several jobs the last."""
    rows = tables[Measured]
    return rows[rows["quantity"] == quantity].drop_duplicates("at", keep="last").set_index("at")


def largest_of(tables: Tables, figure: str) -> tuple[int, Frame]:
    """The largest size that was timed for a figure, and the times there by way."""
    rows = tables[Timing][tables[Timing]["figure"] == figure]
    last = rows["at"].max()
    return int(last), rows[rows["at"] == last].drop_duplicates("way", keep="last").set_index("way")


def of_too_small(tables: Tables) -> str:
    """What small deltas do."""
    by_delta, by_step = (results_of(tables, way) for way in (BY_DELTA, BY_STEP))
    errors = by_delta["error"]
    exact = by_step.index[by_step["error"] == 0.0]
    return (
        f"Delta is never rounded to 0 here, yet divided by delta the error grows from {errors.min():.1e} at delta = "
        f"{errors.idxmin():.0e}, the best, to {errors[1e-15]:.2g} at 1e-15, and from "
        f"{by_delta.index[by_delta['result'] == 0.0].max():.0e} on 1 + delta is 1 and the result 0. Divided by the "
        f"step really taken, the result is exactly 4 from {exact.max():.0e} to {exact.min():.0e}: what is rounded is "
        "x + delta, not f."
    )


def of_central(tables: Tables) -> str:
    """Where the 2 in 4.0002 comes from."""
    forward, both = (results_of(tables, name)["error"] for name in ("forward_1", "central_2"))
    ratios = forward / forward.index
    most = "" if ratios.nunique() == 1 else f" to {ratios.max():g} times delta"
    return (
        f"The forward difference of 2x² misses by {ratios.min():g} times delta{most}, the central difference is exact "
        f"at {(both == 0.0).sum()} of {len(both)} deltas: the 2 in 4.0002 comes from the choice of the formula alone."
    )


def of_corners(tables: Tables) -> str:
    """The slopes of the sides."""
    said = []
    for name in CORNERS:
        slopes = [sorted(set(results_of(tables, f"{name}: {way}")["result"])) for way, _ in SIDES]
        left, right, across = (" or ".join(f"{slope:g}" for slope in found) for found in slopes)
        said.append(f"for {name} {left} from the left, {right} to the right and {across} across")
    return (
        f"The slope of a chord at the corner is {'; '.join(said)}, for every delta from 1 to 1e-16: no delta decides."
    )


def of_batch(tables: Tables) -> str:
    """What one pass for all samples saves."""
    last, times = largest_of(tables, "figure_20")
    rows = tables[Measured]
    ratio = times.loc[ONE_BY_ONE, "seconds"] / times.loc[AT_ONCE, "seconds"]
    return (
        f"For {last} samples one pass for all took 1/{ratio:.0f} of the time of {last} passes, and the outputs differ "
        f"by {rows['result'][rows['figure'] == 'figure_20'].max():.0e} at most: a loop over the samples is not needed."
    )


def of_brute_force(tables: Tables) -> str:
    """What brute force costs."""
    last, times = largest_of(tables, "figure_21")
    each, whole, rules = (times.loc[way] for way in GRADIENTS)
    return (
        f"With {last} parameters and {BATCH} samples brute force takes {each['passes']} forward passes sample by "
        f"sample and {whole['passes']} on the whole batch, {each['seconds'] / rules['seconds']:.0f} and "
        f"{whole['seconds'] / rules['seconds']:.0f} times the analytical gradient's time. Measured on this machine "
        "for this small layer; how real networks fare is another study."
    )


FINDINGS: Mapping[str, Callable[[Tables], str]] = {
    "figure_17": of_too_small,
    "figure_18": of_central,
    "figure_19": of_corners,
    "figure_20": of_batch,
    "figure_21": of_brute_force,
}
