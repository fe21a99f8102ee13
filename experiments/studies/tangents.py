"""Tangent lines: slope and intercept from two points of the graph beside the exact ones, how a secant turns into the
tangent and then falls apart, and what is seen on either side where there is no tangent.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from experiments import columns
from experiments.calls import LEAST_FOR_PICTURE, SPARE, Budgeted, for_derivative
from experiments.study import Frame, Rows, Tables, column, key, refuse_empty
from experiments.words import at_point, counted, listed, number, numbers, part_of

Array = NDArray[np.float64]

GOOD = float(np.sqrt(np.finfo(np.float64).eps))
"""The classical delta of a forward difference, in the scale of f: truncation and rounding are then alike."""
REACH, MARGIN = 0.75, 0.4
"""Half the width of a picture of one point, in the scale of f; space beside several, in their distance."""
SAMPLES = 401
PANELS = 6
"""Most deltas that are pictured."""
MAX_SLOPES = 12
"""Most slopes of a point that the findings list."""
PICTURES = PANELS + 2
"""Graphs of a point, of which none is twice the same: alone, with the others of its function, and for each delta."""
MAX_POINTS_LISTED = 12
"""Most points without a tangent that the findings list."""


# Tables


class Step(columns.Function, table=None):
    """A point with a second one."""

    x0: float = key("the point")
    delta: float = key("how far the second point is")


class Table(columns.Problem, columns.Point):
    """The line from every point to x + delta."""

    # That f is computed to twelve digits is a constant without a derivation.
    y: float = column("f(x)", moves={"relative": 1e-12})
    delta: float = key("how far the second point of the line is, to the right")
    slope: float = column("slope of the line through the two points", moves={"column": "rounding"})
    intercept: float = column("its intercept, y2 - slope x2", moves={"follows": ("slope", "y")})
    exact_slope: float = column("the derivative, proved to be the nearest double; of a black box that of dk.derivative")
    exact_intercept: float = column(
        "intercept of the exact tangent, f(x) - x f'(x) in float64", moves={"follows": ("y",)}
    )
    slope_error: float = column(
        "|slope - exact_slope|; none where it is below the bar of a derivative that was measured",
        between=("slope", "exact_slope"),
    )
    rounding: float = column(
        "how far rounding may take the slope; none where it is not known how f is computed", moves=columns.PREDICTION
    )
    status: str = column(
        "ok; no_exact: there is a line, but no derivative; step_vanished: x + delta is x in floating point;"
        " not_finite: f has no finite value at x or at x + delta, or that lies outside the domain; below_bar: the error"
        " is below the bar of the derivative that was measured"
    )


class Sides(columns.Point):
    """What is seen on either side of every point."""

    left: str = column(
        "what is seen to the left: slope; vertical: secants grow without bound, slower than 1 / delta; jump: they grow"
        " like 1 / delta; nothing: f has no value there; no value: it has values there, but none at the point"
    )
    left_slope: float = column("slope from the left, where there is one")
    left_error: float = column("how far that slope is believed to be off")
    right: str = column("what is seen to the right")
    right_slope: float = column("slope from the right, where there is one")
    right_error: float = column("how far that slope is believed to be off")
    smooth: bool = column("whether a derivative is known: an exact one, or of a black box one that was measured")
    agree: bool = column("whether both sides have one slope, so that nothing speaks against a derivative")
    seen: str = column("both sides in words")


class Curves(columns.Function, columns.Graph):
    """All tangents of a function in one picture."""


class Dots(columns.Function, columns.Graph):
    """Where they touch."""


class Beside(columns.Point, columns.Graph):
    """The numerical tangent, the exact one and a secant."""


class Approach(Step, columns.Graph):
    """The secants of one point, delta by delta."""


class ApproachDots(Step, columns.Graph):
    """The points that they go through."""


class Microscope(Step):
    """The same with the window as wide as delta."""

    line: str = column("f as computed, the secant or the exact tangent", axis="series")
    t: float = column("distance from x in units of delta", axis="x", label="(x - x0) / delta")
    y: float = column("f(x + t delta) - f(x), in units of delta", axis="y", label="(f(x) - f(x0)) / delta")


class Kinks(columns.Point, columns.Graph):
    """The half-lines of both sides where there is no tangent."""


class Summary(columns.Point):
    """One line for every point."""

    delta: float = column("the delta asked for that is nearest to the classical choice, sqrt(eps)")
    slope: float = column("numerical slope there; none where there is no derivative", good_to="rounding")
    intercept: float = column("numerical intercept there", good_to="rounding")
    exact_slope: float = column("exact slope", good_to="rounding")
    exact_intercept: float = column("exact intercept", good_to="rounding")
    rounding: float = column("how far rounding may take the slope; none where it is not known how f is computed")
    left_slope: float = column("where there is no derivative, the slope from the left, if there is one")
    right_slope: float = column("the same from the right")
    seen: str = column("what is seen on either side, where there is no exact tangent")


# What is measured


@dataclass(frozen=True, kw_only=True)
class Config(Budgeted):
    """What to draw tangents of: every function at its points, by secants to x + delta for every delta."""

    delta: tuple[float, ...] = (0.5, 1e-4, 1e-8)

    def __post_init__(self) -> None:
        refuse_empty(self, "function", "delta")
        if self.costly and self._samples(self.budget) < LEAST_FOR_PICTURE:
            least = next(more for more in itertools.count(self.budget) if self._samples(more) >= LEAST_FOR_PICTURE)
            raise ValueError(
                f"budget={self.budget}: too few calls of {self.costly[0].function.name} for "
                f"{counted(len(self.delta), 'delta')} and their pictures; write budget={least}"
            )

    def _samples(self, budget: int) -> int:
        """Points of a graph by what is left of the calls for a point: three derivatives, a secant for every delta."""
        return (budget - 3 * for_derivative(budget) - len(self.delta) - SPARE) // PICTURES

    def samples(self, f: dk.Function) -> int:
        """Points of a graph."""
        return self._samples(self.budget) if f.costly else SAMPLES

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        return sum(len(problem.points) for problem in self.function) * len(self.delta)


@dataclass(frozen=True)
class Place:
    """A function at a point."""

    f: dk.Function
    x: float
    samples: int = SAMPLES
    good: float = GOOD
    """The delta of the numerical tangent: of those asked for the nearest to the classical choice."""

    @cached_property
    def reference(self) -> tuple[float, float]:
        """The derivative and how far off it may be; NaN where there is none."""
        value, bar = self.f.reference(np.array(self.x))
        return float(value), float(bar)

    @property
    def smooth(self) -> bool:
        """Whether there is a derivative."""
        return not math.isnan(self.reference[0])

    @cached_property
    def sides(self) -> dk.Sides:
        """What is seen on either side."""
        return dk.sides(self.f, self.x)

    @property
    def y(self) -> float:
        """f there; NaN where it has no value."""
        return self.sides.value

    @property
    def scale(self) -> float:
        """The distance over which f changes its slope."""
        return self.sides.scale

    @property
    def exact(self) -> dk.Line:
        """The tangent, NaN where there is none."""
        slope = self.reference[0]
        return dk.Line(slope, self.y - slope * self.x)

    @property
    def tangent(self) -> str:
        """What it is called."""
        return "exact tangent" if self.f.expression is not None else "tangent by dk.derivative"

    @property
    def window(self) -> tuple[float, float]:
        """The abscissae of a picture."""
        return within(self.f, self.x - REACH * self.scale, self.x + REACH * self.scale)

    def secants(self, delta: Array) -> tuple[Array, Array, NDArray[np.str_]]:
        """Slopes, intercepts and statuses of the lines to x + delta."""
        end = self.x + delta
        with np.errstate(all="ignore"):
            y = self.f(end)
            slope = (y - self.y) / (end - self.x)
        lost = [end == self.x, ~(np.isfinite(y) & math.isfinite(self.y)), np.full(end.shape, not self.smooth)]
        slope = np.where(lost[0] | lost[1], np.nan, slope)
        lost.append(np.abs(slope - self.reference[0]) < self.reference[1])
        return slope, y - slope * end, np.select(lost, ["step_vanished", "not_finite", "no_exact", "below_bar"], "ok")

    def secant(self, delta: float) -> dk.Line:
        """One of them; NaN where there is none."""
        slope, intercept, _ = self.secants(np.array([delta]))
        return dk.Line(float(slope[0]), float(intercept[0]))


def within(f: dk.Function, low: float, high: float) -> tuple[float, float]:
    """The part of an interval that lies in the domain of f."""
    return max(low, f.domain[0]), min(high, f.domain[1])


def measure(config: Config) -> Iterator[Rows]:
    """Yield the lines of every point, what is seen there, and the pictures, function by function."""
    pictured = False
    for problem in config.function:
        f = problem.function.remembering
        places = [Place(f, x, config.samples(f), nearest_delta(config.delta)) for x in problem.points]
        for place in places:
            yield lines(place, np.array(config.delta))
            yield sides(place)
        yield from together(places)
        for place in places:
            yield from beside(place) if place.smooth or place.sides.agree else kinks(place)
        smooth = next((place for place in places if place.smooth and place.exact.slope), None)
        if smooth is not None and not pictured:
            pictured = True
            yield from approach(smooth, config.delta)


def nearest_delta(delta: Sequence[float]) -> float:
    """Of the deltas asked for the one nearest to the classical choice."""
    return min(delta, key=lambda step: abs(math.log(step / GOOD)))


def lines(place: Place, delta: Array) -> Table:
    """The secants of a point."""
    slope, intercept, status = place.secants(delta)
    error = dk.absolute_error(slope, place.exact.slope)
    (predicted,) = dk.predict_error(place.f, place.x, delta, formulas=[dk.formula("forward_1")])
    return Table(
        function=place.f.name, expression=place.f.text, x=place.x, y=place.y, delta=delta, slope=slope,
        intercept=intercept, exact_slope=place.exact.slope, exact_intercept=place.exact.intercept,
        slope_error=np.where(status == "below_bar", np.nan, error), rounding=predicted.rounding, status=status,
    )  # fmt: skip


# What is seen on either side


def sides(place: Place) -> Sides:
    """Both sides of a point."""
    seen = place.sides
    left, right = seen.left, seen.right
    return Sides(
        function=place.f.name, x=place.x, left=left.kind, left_slope=left.slope, left_error=left.error,
        right=right.kind, right_slope=right.slope, right_error=right.error, smooth=place.smooth,
        agree=seen.agree, seen=seen.message,
    )  # fmt: skip


# The pictures


def graph(place: Place, low: float, high: float) -> dict[str, object]:
    """The curve."""
    t = np.linspace(low, high, place.samples)
    return {"line": "f", "t": t, "y": place.f(t)}


def segment(name: str, line: dk.Line, low: float, high: float) -> dict[str, object]:
    """A straight line."""
    return {"line": name, "t": [low, high], "y": [line(low), line(high)]}


def together(places: Sequence[Place]) -> Iterator[Rows]:
    """All tangents of a function in one picture."""
    f = places[0].f
    first, last = min(place.x for place in places), max(place.x for place in places)
    margin = max(MARGIN * (last - first), REACH * min(place.scale for place in places))
    low, high = within(f, first - margin, last + margin)
    reach = 0.18 * (high - low)
    yield Curves(function=f.name, **graph(places[0], low, high))
    for place in places:
        line, name = place.secant(place.good), f"tangent at x = {place.x:.6g}"
        if (place.smooth or place.sides.agree) and math.isfinite(line.slope):
            yield Curves(function=f.name, **segment(name, line, place.x - reach, place.x + reach))
            yield Dots(function=f.name, line=name, t=place.x, y=place.y)


def beside(place: Place) -> Iterator[Rows]:
    """The numerical tangent, the exact one, and a secant whose delta is half of the window's half."""
    yield Beside(function=place.f.name, x=place.x, **graph(place, *place.window))
    lines = {
        "numerical tangent": place.secant(place.good),
        place.tangent: place.exact,
        "secant, a large delta": place.secant(0.5 * REACH * place.scale),
    }
    for name, line in lines.items():
        if math.isfinite(line.slope):
            yield Beside(function=place.f.name, x=place.x, **segment(name, line, *place.window))


def kinks(place: Place) -> Iterator[Rows]:
    """The curve, and from the point the half-lines that each side shows."""
    where = {"function": place.f.name, "x": place.x}
    if place.sides.left.kind == place.sides.right.kind == "nothing":
        return
    yield Kinks(**where, **graph(place, *place.window))
    for side, end in zip((place.sides.left, place.sides.right), place.window, strict=True):
        if side.kind == "slope":
            line = dk.Line(side.slope, place.y - side.slope * place.x)
            yield Kinks(**where, **segment(f"from the {side.name}", line, *sorted((place.x, end))))
        elif side.kind == "vertical":
            rise = math.copysign(1.0, side.slope) * (end - place.x)
            yield Kinks(**where, line=f"from the {side.name}", t=place.x, y=[place.y, place.y + rise])


def approach(place: Place, delta: Sequence[float]) -> Iterator[Rows]:
    """One point, one picture per delta: in a fixed window, and with the window as wide as delta."""
    t = np.linspace(-3.0, 3.0, place.samples)
    for step in few(sorted(set(delta), reverse=True)):
        secant = place.secant(step)
        if math.isnan(secant.slope):
            continue
        where = {"function": place.f.name, "x0": place.x, "delta": step}
        yield Approach(**where, **graph(place, *place.window))
        yield Microscope(**where, line="f", t=t, y=(place.f(place.x + t * step) - place.y) / step)
        for name, line in ((place.tangent, place.exact), ("secant", secant)):
            yield Approach(**where, **segment(name, line, *place.window))
            yield Microscope(**where, **segment(name, dk.Line(line.slope, 0.0), -3.0, 3.0))
        ends = np.array([place.x, place.x + step])
        yield ApproachDots(**where, line="secant", t=ends, y=place.f(ends))


def few(values: Sequence[float]) -> list[float]:
    """At most PANELS values, the first and the last among them."""
    count = min(PANELS, len(values))
    return [values[round(k * (len(values) - 1) / max(count - 1, 1))] for k in range(count)]


# What the whole run says


def conclude(tables: Tables) -> Iterator[Rows]:
    """Yield one tangent per point, or the slopes from both sides."""
    best = nearest_to_good(tables[Table]).merge(points_in(tables))
    smooth = best["smooth"]
    tangent = {name: best[name].where(smooth).to_numpy() for name in ("slope", "intercept")}
    sides = {name: best[name].where(~smooth).to_numpy() for name in ("left_slope", "right_slope")}
    yield Summary.of(best, **tangent, **sides, seen=best["seen"].where(~smooth, "").to_numpy())


def points_in(tables: Tables) -> Frame:
    """What is seen of every point, once where several jobs have it."""
    return tables[Sides].drop_duplicates(["function", "x"], keep="last")


def nearest_to_good(table: Frame) -> Frame:
    """For every point the row whose delta is nearest to GOOD, among those with a line if there are any."""
    far = np.abs(np.log(table["delta"] / GOOD)) + np.where(table["slope"].isna(), 1e3, 0.0)
    return table.loc[far.groupby([table["function"], table["x"]], sort=False).idxmin()]


def tell(tables: Tables) -> Iterator[str]:
    """Yield how near the slopes come, of one point how they do, and what is seen where there is no tangent."""
    points = points_in(tables)
    without = points[~points["smooth"]]
    for rows, what in (
        (without[~without["agree"]], "no derivative"),
        (without[without["agree"]], "the same slope on both sides, though no formula proves the derivative"),
    ):
        if len(rows):
            have = "has" if len(rows) == 1 else "have"
            yield f"{part_of(len(rows), len(points), 'point').capitalize()} {have} {what}."
    choice = f", nearest to the classical choice {number(GOOD)}," * (tables[Table]["delta"].nunique() > 1)
    yield from nearness(nearest_to_good(tables[Table]).dropna(subset="slope_error"), choice or ",")
    yield from of_the_first(tables[Table])
    for row in without.head(MAX_POINTS_LISTED).itertuples():
        yield f"{at_point(row.function, row.x)}: {row.seen}."
    if len(without) > MAX_POINTS_LISTED:
        more = counted(len(without) - MAX_POINTS_LISTED, "more point")
        yield f"The table sides has {more} without a known derivative."


def nearness(known: Frame, choice: str) -> Iterator[str]:
    """How near slopes with the delta nearest to the classical one come to the exact ones; `choice` tells why that."""
    if not len(known):
        return
    worst = known.loc[known["slope_error"].idxmax()]
    deltas = listed(list(dict.fromkeys(numbers(known["delta"], 3))))
    middle = f" by {number(known['slope_error'].median())} in the median and" if len(known) > 1 else ""
    yield (
        f"With delta = {deltas}{choice} slope and {true(known)} differ{middle} by "
        f"{number(worst.slope_error)}{' at worst' if middle else ''} ({at_point(worst.function, worst.x)}, where "
        f"the slope is {number(worst.exact_slope, 6)})."
    )


def of_the_first(table: Frame) -> Iterator[str]:
    """The first point with a tangent: how the slope comes near and goes away again."""
    sloped = table[table["exact_slope"] != 0.0].dropna(subset="slope_error")
    for (name, x), rows in list(sloped.groupby(["function", "x"], sort=False))[:1]:
        steps = rows.sort_values("delta", ascending=False, kind="stable")
        first = steps.head(MAX_SLOPES)
        each = zip(first["slope"], numbers(first["delta"], 3), strict=True)
        slopes = [f"{number(slope, 9)} at delta = {delta}" for slope, delta in each]
        exact = number(steps["exact_slope"].iloc[0], 9)
        yield f"{at_point(name, x)}: the {true(steps)} is {exact}, that of the secant {listed(slopes)}.{turn(steps)}"


def true(rows: Frame) -> str:
    """What slopes are compared with: the rounding of a black box is not known, and its slope is measured."""
    return "exact slope" if rows["rounding"].notna().any() else "slope by dk.derivative"


def turn(steps: Frame) -> str:
    """Where the slopes of a point, from the largest delta to the least, come nearest to the exact one."""
    if not steps["slope_error"].any():
        return " Every secant has the slope of the tangent." if len(steps) > 1 else ""
    best, error = dk.best_delta(steps["delta"], steps["slope_error"])
    ends = steps["delta"].iloc[0], steps["delta"].iloc[-1]
    if not (ends[1] < best < ends[0] and steps["slope_error"].iloc[-1] > error):
        return ""
    return (
        f" It comes nearest at delta = {number(best, 3)}: above, the secant is not yet the tangent; below, rounding "
        "takes over."
    )
