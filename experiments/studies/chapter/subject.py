"""The chapter's lesson told of another function: its chords, its tangents, its rules and what small deltas do to it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

import derivkit as dk
from experiments import columns
from experiments.studies.chapter.drawings import (
    GREEN,
    GREY,
    ORANGE,
    Element,
    Scene,
    Steps,
    curve,
    frame,
    straight,
)
from experiments.studies.chapter.measurements import BY_DELTA, Measured, central, too_small
from experiments.study import Frame, Rows, column, key, lessons
from experiments.words import listed

# The figures

SKETCHED = ("figure_02", "figure_03", "figure_04", "figure_05", "figure_06", "figure_08", "figure_09")
CALCULATED = tuple(f"figure_{number}" for number in range(10, 17))
MEASURED = ("figure_17", "figure_18")
RETOLD = (*SKETCHED, *CALCULATED, *MEASURED)
"""The figures that are of the function of the lesson; what the others show is of no function."""
IDS = ("A1", "A2", "A3", "Fig 1", "Fig 7")
"""The numbers of the chapter that stay: those of straight lines."""
TOLD = ("figure_08", "figure_16", *MEASURED)
"""Those of them of which the words are findings."""
FINE = 400
"""Pieces of a curve that is finely drawn."""
STEEPEST = 0.3
"""Share of the range of a curve that it may jump from one fine point to the next; beyond, a pole is seen. A choice."""
MARGIN, ASIDE = 0.15, 0.03
"""Room above and below a curve, and on its sides, as a share of its range; by eye."""
COLORS = ("black", GREEN, "red", "brown", "teal")
EPS = 2.0**-52
MOST_DIGITS = 9
"""Digits of a slope that a sentence or a legend has at most; a choice."""
TINY = [float(f"1e-{power}") for power in range(1, 330)]
"""Deltas down to 0, the first of them all that are measured."""
NAMED = (0.1, 1e-4, 1e-8, 1e-12, 1e-15)
"""Those of which the errors are said."""
OF_A_CURVE = {
    "coarse": "Joined by straight pieces, five points show the curve only coarsely, and there is no single answer.",
    "question": "The question has to name a place.",
    "worth": "values of a formula that is worth looking for",
}
OF_A_LINE = {
    "coarse": "It is a straight line: one number answers.",
    "question": "Along a straight line it is the same everywhere.",
    "worth": "the same everywhere",
}
"""What is said of the one and of the other."""
ROUNDED = 0.01
"""Largest share of the error that rounding may have where halving delta is said to divide it."""


class Retold(columns.Figure):
    """What is said before the figures of another function."""

    title: str = column("its heading")
    text: str = column("what it shows")


class Slopes(columns.Figure):
    """The slopes of the function."""

    x: float = key("where")
    delta: float = key("how far the second point is")
    slope: float = column("between the two points; none where the second has no value")
    shown: str = column("the same as text, with no digit that rounding may have made")
    exact: float = column("by rules; none where there is no derivative")
    error: float = column("their distance")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A function, the place of the lesson, and its delta."""

    function: dk.Function
    x: float
    delta: float

    def __post_init__(self) -> None:
        if not self.window:
            raise ValueError(f"x={self.x:.10g}: {self.name} has no values beside it; choose another x")
        if not math.isfinite(self.slope(self.x)):
            raise ValueError(f"x={self.x:.10g}: {self.name} has no derivative there; choose another x")
        if self.x + self.delta == self.x:
            raise ValueError(f"delta={self.delta:g}: x + delta is x; write a larger one")
        if not math.isfinite(self.numeric(self.x)):
            raise ValueError(f"delta={self.delta:g}: {self.name} has no value at x + delta; write a smaller one")

    @cached_property
    def derivation(self) -> dk.Derivation:
        """Its derivative by rules."""
        return dk.derive(str(self.function.text))

    @cached_property
    def name(self) -> str:
        """The function as people write it."""
        return dk.to_text(self.derivation.expression)

    @cached_property
    def is_line(self) -> bool:
        """Whether its derivative is a number."""
        return not self.derivation.result.variables

    def slope(self, x: float) -> float:
        """The trusted derivative; NaN where there is none."""
        return dk.exact(self.derivation.expression, x).value

    def numeric(self, x: float) -> float:
        """The slope between two points, delta apart; NaN where one of them has no value or they are one."""
        start, end = ((t, float(self.function(t))) for t in (x, x + self.delta))
        return dk.slope(start, end) if start[0] != end[0] and math.isfinite(start[1] + end[1]) else math.nan

    @cached_property
    def window(self) -> tuple[float, float] | None:
        """The longest interval about x, or beside it, in which the curve is one piece; None if there is none."""
        unit = max(1.0, abs(self.x) * EPS * 2.0**20)
        sizes = [unit * 2.0**-k for k in range(11)]
        sides = ((-2, 2), (0, 4), (-4, 0))
        about = ((self.x + left * size, self.x + right * size) for left, right in sides for size in sizes)
        return next((ends for ends in about if self._is_one_piece(*ends)), None)

    def _is_one_piece(self, low: float, high: float) -> bool:
        y = self.values(np.linspace(low, high, FINE + 1))
        return bool(np.isfinite(y).all() and np.abs(np.diff(y)).max() <= STEEPEST * max(np.ptp(y), np.spacing(y.max())))

    def values(self, t: Any) -> Any:
        """The function at an array of points."""
        return np.broadcast_to(self.function(np.asarray(t, dtype=np.float64)), np.shape(t))

    @property
    def places(self) -> list[float]:
        """Five places, evenly in the window."""
        return [float(t) for t in np.linspace(*self.ends, 5)]

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of the window."""
        assert self.window is not None  # noqa: S101 - refused otherwise
        return self.window

    @property
    def spacing(self) -> float:
        """The distance of two places."""
        return (self.ends[1] - self.ends[0]) / 4

    @property
    def far(self) -> float:
        """The delta of a chord that misleads: to the end of the window that is further away."""
        return max((end - self.x for end in reversed(self.ends)), key=abs)

    @property
    def near(self) -> float:
        """The delta of a better one."""
        return self.far / 8

    def shown(self, slope: float, delta: float) -> str:
        """A slope between two points, delta apart, with the digits that rounding leaves, but no more than are read."""
        if not math.isfinite(slope):
            return "none"
        y = np.abs(self.values(self.places)).max()
        left = abs(slope * delta) / (EPS * y) if y and slope else 1.0 / EPS
        return f"{slope:.{min(MOST_DIGITS, max(1, int(math.log10(max(left, 1.0)))))}g}"


# The figures


def sketches(subject: Subject) -> Iterator[Scene]:
    """Yield what the sketches show, in the order of drawing."""
    for figure in SKETCHED:
        for order, one in enumerate(SKETCHES[figure](subject)):
            yield Scene(figure=figure, order=order, **one._asdict())


def _box(subject: Subject) -> Element:
    low, high = subject.ends
    y = subject.values(np.linspace(low, high, FINE + 1))
    room, aside = MARGIN * float(np.ptp(y)) or 1.0, ASIDE * (high - low)
    return frame(low - aside, high + aside, float(y.min()) - room, float(y.max()) + room)


def _fine(subject: Subject) -> Element:
    return curve(subject.values, subject.name, np.linspace(*subject.ends, FINE + 1))


def _few(subject: Subject) -> list[Element]:
    return [_box(subject), curve(subject.values, f"{subject.name} at five places", subject.places)]


def _two_chords(subject: Subject) -> list[Element]:
    pairs = [(subject.places[k], subject.places[k + 1]) for k in (0, 3)]
    chords = [dk.secant(subject.function, *pair) for pair in pairs]
    lines = [
        straight(
            "line",
            color,
            f"from {low:.10g} to {high:.10g}, slope {chord.slope:.6g}",
            chord,
            (low - subject.spacing, high + subject.spacing),
        )
        for color, chord, (low, high) in zip((ORANGE, GREEN), chords, pairs, strict=True)
    ]
    points = [
        Element("points", color, "", pair, tuple(map(subject.function, pair)))
        for color, pair in zip((ORANGE, GREEN), pairs, strict=True)
    ]
    return [*_few(subject), *lines, *points]


def _chord(subject: Subject, delta: float) -> list[Element]:
    """The curve with a chord from x, its rise and run, and the tangent."""
    x = subject.x
    start, end = (float(subject.function(t)) for t in (x, x + delta))
    chord, slope = dk.secant(subject.function, x, x + delta), subject.slope(x)
    ends, name = subject.ends, f"chord from {x:.10g} to {x + delta:.10g}, slope {chord.slope:.6g}"
    return [
        _box(subject),
        _fine(subject),
        straight(
            "guide", GREEN, f"tangent at {x:.10g}, slope {slope:.6g}", dk.Line(slope, start - slope * x), subject.ends
        ),
        straight("line", ORANGE, name, chord, ends),
        Element("guide", GREY, "", (x, x + delta, x + delta), (start, start, end)),
        Element("points", "black", "", (x, x + delta), (start, end)),
    ]


def _tangent(subject: Subject, x: float, color: str) -> list[Element]:
    line, half = dk.tangent(subject.function, x, subject.delta), 0.9 * subject.spacing
    return [
        straight(
            "line",
            color,
            f"tangent at {x:.10g}, slope {subject.shown(line.slope, subject.delta)}",
            line,
            (x - half, x + half),
        ),
        Element("points", color, "", (x,), (float(subject.function(x)),)),
    ]


def _tangents(subject: Subject) -> Iterator[Element]:
    yield _box(subject)
    yield _fine(subject)
    for x, color in zip(subject.places, COLORS, strict=True):
        if math.isfinite(subject.numeric(x)):
            yield from _tangent(subject, x, color)


SKETCHES: dict[str, Callable[[Subject], Sequence[Element] | Iterator[Element]]] = {
    "figure_02": _few,
    "figure_03": _two_chords,
    "figure_04": lambda subject: _chord(subject, subject.far),
    "figure_05": lambda subject: _chord(subject, subject.near),
    "figure_06": lambda subject: [_box(subject), _fine(subject)],
    "figure_08": lambda subject: [_box(subject), _fine(subject), *_tangent(subject, subject.x, ORANGE)],
    "figure_09": _tangents,
}


# The rules


def parts(subject: Subject) -> list[dk.Derivation]:
    """One part of the function for each rule that is used, the simplest first, and then the whole."""
    whole = subject.derivation
    pieces = dict.fromkeys(str(step.piece) for step in whole.roots[0].walk())
    derived = [dk.derive(piece, whole.variable) for piece in pieces if piece != str(whole.roots[0].piece)]
    rules = {one.roots[0].rule: one for one in reversed(derived)}
    first = [one for one in derived if rules[one.roots[0].rule] is one]
    return [*[one for one in first if is_short(one)][: len(CALCULATED) - 1], whole]


def is_short(derivation: dk.Derivation) -> bool:
    """Whether a figure can hold all its lines."""
    lines = derivation.lines("full")
    return len(lines) <= columns.MAX_LINES and max(len(line.text()) for line in lines) <= columns.MAX_LETTERS


def calculations(subject: Subject) -> Iterator[Steps]:
    """Yield the pieces of the calculations: of each part in full, of the whole as far as a figure can hold it."""
    for figure, derivation in calculated(subject):
        level = next((one for one in ("full", "normal") if len(derivation.lines(one)) <= columns.MAX_LINES), "brief")
        for span in derivation.spans(level):
            yield Steps(figure=figure, **asdict(span))


def calculated(subject: Subject) -> list[tuple[str, dk.Derivation]]:
    """The figures of the rules, the last of the whole."""
    *some, whole = parts(subject)
    return [*zip(CALCULATED, some, strict=False), (CALCULATED[-1], whole)]


# What is measured


def results(subject: Subject) -> Iterator[Measured]:
    """Yield the slope at x for ever smaller deltas, of one side and of both."""
    exact = subject.slope(subject.x)
    yield from too_small(subject.function, subject.x, exact)
    yield from central(subject.function, subject.x, exact)


def slopes(subject: Subject) -> Iterator[Slopes]:
    """Yield every slope of the lesson, between two points and by rules."""
    for figure, delta in (("figure_04", subject.far), ("figure_05", subject.near)):
        chord = dk.secant(subject.function, subject.x, subject.x + delta)
        yield _slope(subject, figure, subject.x, delta, chord.slope)
    for figure, x in (("figure_08", subject.x), *(("figure_09", x) for x in subject.places)):
        yield _slope(subject, figure, x, subject.delta, subject.numeric(x))


def _slope(subject: Subject, figure: str, x: float, delta: float, numeric: float) -> Slopes:
    exact, shown = subject.slope(x), subject.shown(numeric, delta)
    return Slopes(figure=figure, x=x, delta=delta, slope=numeric, shown=shown, exact=exact, error=abs(numeric - exact))


def measure(subject: Subject) -> Iterator[Rows]:
    """Yield the slopes, the figures and the words of a function."""
    yield from slopes(subject)
    yield from sketches(subject)
    yield from calculations(subject)
    yield from results(subject)
    yield from retold(subject)


def printed(table: Frame) -> list[str]:
    """The slopes, line by line."""
    return [f"slope at {row.x:.10g}, delta {row.delta:g}: {row.shown}; by rules {row.exact:.15g}"
            for row in table.itertuples()]  # fmt: skip


# What is said


def retold(subject: Subject) -> Iterator[Retold]:
    """Yield what is said before the figures of the function: the text beside this module, with what was computed."""
    values = {**of_curve(subject), **of_slopes(subject), **of_deltas(subject), "gap": gap(subject)}
    for one in lessons(__file__, {}):
        figure, title, text = (str(one.values[name]) for name in ("figure", "title", "text"))
        yield Retold(figure=figure, title=title, text=text.format_map(values))
    for figure, derivation in calculated(subject)[:-1]:
        yield Retold(figure=figure, title=f"By rules: {dk.to_text(derivation.expression)}", text=reasons(derivation))


def of_curve(subject: Subject) -> dict[str, str]:
    """The function, the place, and how the curve runs."""
    changes = np.diff(subject.values(subject.places))
    return {
        "name": subject.name,
        "x": f"{subject.x:.10g}",
        "delta": f"{subject.delta:g}",
        "places": listed([f"{t:.10g}" for t in subject.places]),
        "spacing": f"{subject.spacing:.10g}",
        "changes": listed([f"{change:.6g}" for change in changes]),
        **(OF_A_LINE if subject.is_line else OF_A_CURVE),
        "result": dk.to_text(subject.derivation.result),
        "fine": str(FINE + 1),
        "pitch": f"{4 * subject.spacing / FINE:g}",
    }


def of_slopes(subject: Subject) -> dict[str, str]:
    """The slopes of chords, of two close points, and by rules."""
    places, slope = subject.places, subject.slope(subject.x)
    chords = {"first": places[:2], "last": places[3:], "far": [subject.x, subject.x + subject.far],
              "near": [subject.x, subject.x + subject.near]}  # fmt: skip
    slopes = {name: dk.secant(subject.function, *ends).slope for name, ends in chords.items()}
    known = [t for t in places if math.isfinite(subject.numeric(t)) and math.isfinite(subject.slope(t))]
    return {
        **{f"{name}_slope": f"{value:.6g}" for name, value in slopes.items()},
        **{f"{name}_error": f"{abs(value - slope):.2g}" for name, value in slopes.items()},
        **{name: f"{chords[name][0]:.10g} and {chords[name][1]:.10g}" for name in ("first", "last")},
        "far": f"{subject.far:.10g}",
        "near": f"{subject.near:.10g}",
        "slope": f"{slope:.8g}",
        "numeric": subject.shown(subject.numeric(subject.x), subject.delta),
        "numerics": listed([subject.shown(subject.numeric(t), subject.delta) for t in known]),
        "slopes": listed([f"{subject.slope(t):.8g}" for t in known]),
    }


def gap(subject: Subject) -> str:
    """Which numbers the figures of the rules leave out before the last, and why; nothing where they leave out none."""
    absent = [int(figure[-2:]) for figure in CALCULATED[len(calculated(subject)) - 1 : -1]]
    if not absent:
        return ""
    which = f"figure {absent[0]} is" if len(absent) == 1 else f"figures {absent[0]} to {absent[-1]} are"
    return f" Figures are numbered as in the chapter: {subject.name} takes fewer for its rules, and {which} left out."


def reasons(derivation: dk.Derivation) -> str:
    """What is done in the lines of a derivation, as its figure has them."""
    said = dict.fromkeys(line.reason for line in derivation.lines("full") if line.reason)
    return f"Line by line: {'; '.join(said)}."


def of_deltas(subject: Subject) -> dict[str, str]:
    """What small deltas do."""
    rows = list(results(subject))
    missed = errors(rows, BY_DELTA)
    known = [delta for delta in NAMED if delta in missed]
    return {
        "missed": listed([f"{missed[delta]:.2g} at delta = {delta:g}" for delta in known]),
        "lost": lost(subject),
        "both": compared(subject, errors(rows, "forward_1"), errors(rows, "central_2")),
    }


def lost(subject: Subject) -> str:
    """From which delta on the quotient is 0, and why; nothing where it is none of them, as for sin(x) at 0."""
    y = subject.function(subject.x)
    gone = list(itertools.takewhile(lambda delta: subject.function(subject.x + delta) == y, filter(None, TINY[::-1])))
    if not gone:
        return ""
    same = "x + delta is x" if subject.x + gone[-1] == subject.x else "f(x + delta) is f(x)"
    return f"; from {gone[-1]:g} on {same}, and the result is 0"


def errors(rows: Sequence[Measured], quantity: str) -> dict[float, float]:
    """The errors of a quantity that are known, by delta."""
    values = [row.values for row in rows if row.values["quantity"] == quantity]
    pairs = [(float(str(one["at"])), float(str(one["error"]))) for one in values]
    return {delta: error for delta, error in pairs if math.isfinite(error)}


def compared(subject: Subject, forward: dict[float, float], both: dict[float, float]) -> str:
    """How far one side and both sides miss at one delta, and what half of it does, where rounding does not matter."""
    delta, half = 2.0**-8, 2.0**-9
    if not {delta, half} <= forward.keys() & both.keys():
        return ""
    said = f"At delta = 1/256 they miss by {forward[delta]:.2g} and by {both[delta]:.2g}"
    rounding = EPS * abs(float(subject.function(subject.x))) / half
    if min(forward[half], both[half]) * ROUNDED <= rounding:
        return f"{said}."
    ratios = forward[delta] / forward[half], both[delta] / both[half]
    return f"{said}; half of this delta divides these errors by {ratios[0]:.2g} and by {ratios[1]:.2g}."
