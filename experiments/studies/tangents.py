"""Tangent lines: slope and intercept from two points of the graph beside the exact ones, how a secant turns into the
tangent and then falls apart, and what is seen on either side where there is no tangent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from derivkit.grids import powers_of_two

Columns = Mapping[str, Any]
Array = NDArray[np.float64]
Piece = tuple[str, Sequence[float] | Array, Sequence[float] | Array]

PLACE: dict[str, tuple[type, str]] = {"function": (str, "name of the function"), "x": (float, "the point")}
PICTURE: dict[str, tuple[type, str]] = {
    "function": (str, "name of the function"),
    "x0": (float, "the point"),
    "delta": (float, "how far the second point is"),
}
LINE: dict[str, tuple[type, str]] = {
    "line": (str, "f, or which line"),
    "t": (float, "abscissa"),
    "y": (float, "ordinate"),
}

TABLES: dict[str, dict[str, tuple[type, str]]] = {
    "table": {
        "function": (str, "name of the function"),
        "expression": (str, "what it computes"),
        "x": (float, "the point"),
        "y": (float, "f(x)"),
        "delta": (float, "how far the second point of the line is, to the right"),
        "slope": (float, "slope of the line through the two points"),
        "intercept": (float, "its intercept, y2 - slope x2"),
        "exact_slope": (float, "the derivative, proved to be the nearest double"),
        "exact_intercept": (float, "intercept of the exact tangent, f(x) - x f'(x) in float64"),
        "slope_error": (float, "|slope - exact_slope|"),
        "rounding": (float, "how far rounding may take the slope; none where it is not known how f is computed"),
        "status": (str, "ok, or why there is no line or no error: see STATUSES"),
    },
    "sides": {
        **PLACE,
        "left": (str, "what is seen to the left: see SIDES"),
        "left_slope": (float, "slope from the left, where there is one"),
        "left_error": (float, "how far that slope still moves when the step is halved, and its rounding"),
        "right": (str, "what is seen to the right"),
        "right_slope": (float, "slope from the right, where there is one"),
        "right_error": (float, "how far that slope still moves when the step is halved, and its rounding"),
        "smooth": (bool, "whether an exact derivative exists"),
        "seen": (str, "both sides in words"),
    },
    "curves": {"function": (str, "name of the function"), **LINE},
    "dots": {"function": (str, "name of the function"), **LINE},
    "beside": {**PLACE, **LINE},
    "approach": {**PICTURE, **LINE},
    "approach_dots": {**PICTURE, **LINE},
    "microscope": {
        **PICTURE,
        "line": (str, "f as computed, the secant or the exact tangent"),
        "t": (float, "distance from x in units of delta"),
        "y": (float, "f(x + t delta) - f(x), in units of delta"),
    },
    "kinks": {**PLACE, **LINE},
    "summary": {
        **PLACE,
        "delta": (float, "the delta asked for that is nearest to the classical choice, sqrt(eps) times the scale of f"),
        "slope": (float, "numerical slope there"),
        "intercept": (float, "numerical intercept there"),
        "exact_slope": (float, "exact slope"),
        "exact_intercept": (float, "exact intercept"),
        "seen": (str, "what is seen on either side, where there is no exact tangent"),
    },
    "findings": {"finding": (str, "what the tables say, in a sentence")},
}

KEYS = ("function", "x", "delta")
"""What tells the rows of the table apart when runs are compared."""
ERRORS = {"slope_error": ("slope", "exact_slope")}
"""A column that is proportional to the distance of two others, and moves when these do."""
TOLERANCES: Mapping[str, Mapping[str, object]] = {
    "y": {"relative": 1e-12},
    "slope": {"column": "rounding"},
    "rounding": {"relative": 0.01},
    "intercept": {"follows": ("slope", "y")},
    "exact_intercept": {"follows": ("y",)},
}
"""By how much rounding may move a column when a run is repeated. That f is computed to twelve digits is a constant
without a derivation; of derivatives in float64 one percent is believed (derivkit.trusted.bounds.DISAGREEMENT)."""

STATUSES = {
    "ok": "the line and its error",
    "no_exact": "the line; no exact derivative exists or is known",
    "step_vanished": "x + delta is x in floating point",
    "not_finite": "f has no finite value at x or at x + delta, or x + delta lies outside the domain",
}
"""Statuses with their meaning."""
SIDES = {
    "slope": "the slopes of ever shorter secants settle",
    "vertical": "they grow without bound, but slower than 1 / delta",
    "jump": "they grow like 1 / delta, as f jumps",
    "nothing": "f has no value there",
    "no value": "f has values there, but none at the point itself",
}
"""What may be seen on one side, with its meaning."""

LADDER = powers_of_two(-4, -14)
"""Steps of the one-sided secants, in the scale of f: small enough for a limit, far above rounding."""
JUMP, VERTICAL = 0.95, 0.05
"""Slopes that grow faster than delta^-0.95 come from a jump, than delta^-0.05 from a vertical tangent. Constants
without a derivation."""
SAME = 4.0
"""Slopes from both sides agree if they are this many times their errors apart; a constant without a derivation."""
GOOD = float(np.sqrt(np.finfo(np.float64).eps))
"""The classical delta of a forward difference, in the scale of f: truncation and rounding are then alike."""
REACH, MARGIN = 0.75, 0.4
"""Half the width of a picture of one point, in the scale of f; space beside several, in their distance."""
SAMPLES = 401
PANELS = 6
"""Most deltas that are pictured."""
TOLD = 12
"""Most points without a tangent that the findings tell of."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to draw tangents of: every function at its points, by secants to x + delta for every delta."""

    function: tuple[dk.Problem, ...]
    delta: tuple[float, ...] = (0.5, 1e-4, 1e-8)

    def __post_init__(self) -> None:
        if not (self.function and self.delta):
            raise ValueError("at least one function and one delta are needed")

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        return sum(len(problem.points) for problem in self.function) * len(self.delta)


@dataclass(frozen=True)
class Side:
    """What is seen of f on one side of a point.

    ``near`` is the value of f at the least distance at which there is one, for a jump its distance from f(x).
    """

    kind: str
    slope: float = math.nan
    error: float = math.nan
    growth: float = math.nan
    near: float = math.nan
    distance: float = math.nan


@dataclass(frozen=True)
class Place:
    """A function at a point: its value, its exact slope if there is one, and its two sides."""

    f: dk.Function
    x: float
    y: float
    exact: float
    left: Side
    right: Side
    raised: str = ""

    @property
    def scale(self) -> float:
        """The distance over which f changes its slope; of a straight line, 1."""
        return self.f.length_scale(self.x)

    @property
    def tangent(self) -> dk.Line | None:
        """The exact tangent."""
        return None if math.isnan(self.exact) else dk.Line(self.exact, self.y - self.exact * self.x)

    @property
    def touched(self) -> bool:
        """Whether there is a tangent: an exact one, or the same slope from both sides."""
        return self.tangent is not None or (
            self.left.kind == self.right.kind == "slope" and _agree(self.left, self.right)
        )

    @property
    def window(self) -> tuple[float, float]:
        """The abscissae of a picture."""
        lo, hi = self.f.domain
        return max(self.x - REACH * self.scale, lo), min(self.x + REACH * self.scale, hi)


def run(config: Config) -> Iterator[tuple[str, Columns]]:
    """Yield the tables of one job, function by function."""
    pictured = False
    for problem in config.function:
        places = [_place(problem.function, x) for x in problem.points]
        for place in places:
            yield "table", _rows(place, config.delta)
        yield "sides", _sides(places)
        yield from _pictures(places)
        smooth = next((place for place in places if place.tangent is not None and place.exact), None)
        if smooth is not None and not pictured:
            pictured = True
            yield from _approach(smooth, config.delta)


def _place(f: dk.Function, x: float) -> Place:
    exact = float(f.exact_derivative(np.array(x)))
    here = dk.Ledger(f)
    y = here(x)
    raised = str(here.raised[0]) if here.raised else ""
    return Place(f, x, y, exact, _side(f, x, -1), _side(f, x, 1), raised)


def _secant(place: Place, delta: float) -> tuple[dk.Line | None, str]:
    """The line to x + delta, and a status."""
    if place.x + delta == place.x:
        return None, "step_vanished"
    if not (math.isfinite(place.y) and math.isfinite(place.f(place.x + delta))):
        return None, "not_finite"
    return dk.tangent(place.f, place.x, delta), "ok" if place.tangent is not None else "no_exact"


def _rows(place: Place, delta: Sequence[float]) -> Columns:
    found = [_secant(place, step) for step in delta]
    exact = place.tangent or dk.Line(math.nan, math.nan)
    slope = np.array([line.slope if line else math.nan for line, _ in found])
    (predicted,) = dk.predict_error(place.f, place.x, np.array(delta), formulas=[dk.formula("forward_1")])
    return {
        "function": place.f.name,
        "expression": place.f.text,
        "x": place.x,
        "y": place.y,
        "delta": np.array(delta),
        "slope": slope,
        "intercept": np.array([line.intercept if line else math.nan for line, _ in found]),
        "exact_slope": exact.slope,
        "exact_intercept": exact.intercept,
        "slope_error": dk.absolute_error(slope, exact.slope),
        "rounding": predicted.rounding,
        "status": [status for _, status in found],
    }


# What is seen on either side


def _side(f: dk.Function, x: float, sign: int) -> Side:
    """Follow the slopes of ever shorter secants to one side."""
    value = f(x)
    # The shortest step must be so long that x + h is right to eight digits.
    h = LADDER * max(f.length_scale(x), np.spacing(abs(x)) / (GOOD * LADDER[-1]))
    near = f(x + sign * h)
    usable = np.isfinite(near)
    if not math.isfinite(value):
        last = int(np.flatnonzero(usable)[-1]) if np.any(usable) else -1
        return Side("no value", near=float(near[last]), distance=float(h[last])) if last >= 0 else Side("nothing")
    if np.sum(usable) < 3:
        return Side("nothing")
    h, near = h[usable], near[usable]
    slopes = (near - value) / (sign * h)
    growth = -dk.observed_order(h, np.abs(slopes))
    if growth > JUMP:
        return Side("jump", growth=growth, near=float(near[-1] - value))
    if growth > VERTICAL and math.isnan(float(f.exact_derivative(np.array(x)))):
        return Side("vertical", growth=growth, slope=math.copysign(math.inf, slopes[-1]))
    # Two slopes, the one of half the step counted twice, remove the first term of the error.
    limits = 2.0 * slopes[1:] - slopes[:-1]
    rounding = 8.0 * np.finfo(np.float64).eps * float(np.max(np.abs([value, near[-1]]))) / float(h[-1])
    return Side("slope", slope=float(limits[-1]), error=abs(float(limits[-1] - limits[-2])) + rounding)


def _agree(left: Side, right: Side) -> bool:
    return abs(left.slope - right.slope) <= SAME * (left.error + right.error)


def _seen(place: Place) -> str:
    """Both sides of a point in words."""
    left, right = place.left, place.right
    if not math.isfinite(place.y):
        said = f" ({place.raised})" if place.raised else ""
        return (
            f"f has no value at the point{said}, and {_beside_nothing('left', left)}, {_beside_nothing('right', right)}"
        )
    if left.kind == right.kind == "slope":
        if place.tangent is not None:
            return "smooth"
        if _agree(left, right):
            known = "no exact derivative is known" if place.f.expression is None else "f is made of two pieces here"
            return f"both sides agree on the slope {_number(right)}, but {known}"
        return f"a kink, slope {_number(left)} from the left and {_number(right)} from the right"
    return f"{_of_side('left', left)}; {_of_side('right', right)}"


def _beside_nothing(name: str, side: Side) -> str:
    if side.kind == "nothing":
        return f"none to the {name}"
    return f"{side.near:.4g} at a distance of {side.distance:.1e} to the {name}"


def _number(side: Side) -> str:
    """A slope in six digits; within its error of 0 it is 0."""
    return f"{0.0 if abs(side.slope) <= SAME * side.error else side.slope:.6g}"


def _of_side(name: str, side: Side) -> str:
    return {
        "slope": f"slope {_number(side)} from the {name}",
        "vertical": f"from the {name} the slope grows like delta^{-side.growth:.2f}, a vertical tangent",
        "jump": f"f jumps by {side.near:.3g} to the {name}",
        "nothing": f"f has no value to the {name}",
    }[side.kind]


def _sides(places: Sequence[Place]) -> Columns:
    return {
        "function": places[0].f.name,
        "x": np.array([place.x for place in places]),
        "smooth": np.array([place.tangent is not None for place in places]),
        "seen": [_seen(place) for place in places],
        **{
            name: [side.kind for side in sides]
            for name, sides in (("left", [p.left for p in places]), ("right", [p.right for p in places]))
        },
        **{
            f"{name}_{part}": np.array([getattr(getattr(place, name), part) for place in places])
            for name in ("left", "right")
            for part in ("slope", "error")
        },
    }


# The pictures


def _chunk(pieces: Iterable[Piece], **keys: object) -> Columns:
    """Lines in long form."""
    lines, t, y = zip(*pieces, strict=True)
    return {
        **keys,
        "line": [name for name, part in zip(lines, t, strict=True) for _ in part],
        "t": np.concatenate([np.asarray(part, dtype=np.float64) for part in t]),
        "y": np.concatenate([np.asarray(part, dtype=np.float64) for part in y]),
    }


def _graph(f: dk.Function, lo: float, hi: float) -> Piece:
    t = np.linspace(lo, hi, SAMPLES)
    return "f", t, f(t)


def _segment(name: str, line: dk.Line, lo: float, hi: float) -> Piece:
    return name, (lo, hi), (line(lo), line(hi))


def _pictures(places: Sequence[Place]) -> Iterator[tuple[str, Columns]]:
    """All tangents of a function in one picture; numerical beside exact; both sides where there is no tangent."""
    f = places[0].f
    first, last = min(place.x for place in places), max(place.x for place in places)
    margin = max(MARGIN * (last - first), REACH * min(place.scale for place in places))
    lo, hi = max(first - margin, f.domain[0]), min(last + margin, f.domain[1])
    pieces, dots = [_graph(f, lo, hi)], []
    reach = 0.18 * (hi - lo)
    for place in places:
        line, _ = _secant(place, GOOD * place.scale)
        if line is not None and place.touched:
            name = f"tangent at x = {place.x:.6g}"
            pieces.append(_segment(name, line, place.x - reach, place.x + reach))
            dots.append((name, (place.x,), (place.y,)))
    yield "curves", _chunk(pieces, function=f.name)
    if dots:
        yield "dots", _chunk(dots, function=f.name)
    for place in places:
        if place.tangent is not None:
            yield "beside", _chunk(_beside(place, place.tangent), function=f.name, x=place.x)
        else:
            yield "kinks", _chunk(_kinks(place), function=f.name, x=place.x)


def _beside(place: Place, tangent: dk.Line) -> Iterator[Piece]:
    """The numerical tangent, the exact one, and a secant whose delta is half of the window's half."""
    lo, hi = place.window
    yield _graph(place.f, lo, hi)
    numerical, _ = _secant(place, GOOD * place.scale)
    if numerical is not None:
        yield _segment("numerical tangent", numerical, lo, hi)
    yield _segment("exact tangent", tangent, lo, hi)
    secant, _ = _secant(place, 0.5 * REACH * place.scale)
    if secant is not None:
        yield _segment("secant, a large delta", secant, lo, hi)


def _kinks(place: Place) -> Iterator[Piece]:
    """The curve, and from the point the half-lines that each side shows."""
    lo, hi = place.window
    yield _graph(place.f, lo, hi)
    for name, side, end in (("from the left", place.left, lo), ("from the right", place.right, hi)):
        if side.kind == "slope":
            yield _segment(name, dk.Line(side.slope, place.y - side.slope * place.x), *sorted((place.x, end)))
        elif side.kind == "vertical":
            rise = math.copysign(1.0, side.slope) * (end - place.x)
            yield name, (place.x, place.x), (place.y, place.y + rise)


def _approach(place: Place, delta: Sequence[float]) -> Iterator[tuple[str, Columns]]:
    """One point, one picture per delta: in a fixed window, and with the window as wide as delta."""
    tangent = place.tangent
    if tangent is None:
        return
    for step in _few(sorted(set(delta), reverse=True)):
        line, _ = _secant(place, step)
        if line is None:
            continue
        keys = {"function": place.f.name, "x0": place.x, "delta": step}
        lo, hi = place.window
        pieces = [_graph(place.f, lo, hi), _segment("exact tangent", tangent, lo, hi), _segment("secant", line, lo, hi)]
        yield "approach", _chunk(pieces, **keys)
        other = place.x + step
        yield "approach_dots", _chunk([("secant", (place.x, other), (place.y, place.f(other)))], **keys)
        yield "microscope", _chunk(_enlarged(place, tangent, line, step), **keys)


def _enlarged(place: Place, tangent: dk.Line, line: dk.Line, delta: float) -> Iterator[Piece]:
    """The graph around x in units of delta: a curve, then a straight line, then the steps of rounding."""
    t = np.linspace(-3.0, 3.0, SAMPLES)
    yield "f", t, (place.f(place.x + t * delta) - place.y) / delta
    for name, slope in (("exact tangent", tangent.slope), ("secant", line.slope)):
        yield name, (-3.0, 3.0), (-3.0 * slope, 3.0 * slope)


def _few(values: Sequence[float]) -> list[float]:
    """At most PANELS values, the first and the last among them."""
    if len(values) <= PANELS:
        return list(values)
    return [values[round(k * (len(values) - 1) / (PANELS - 1))] for k in range(PANELS)]


# What the whole run says


def conclude(tables: Mapping[str, Columns]) -> Iterator[tuple[str, Columns]]:
    """Yield one tangent per point, and findings."""
    table, sides = tables["table"], tables["sides"]
    seen = {
        (str(f), float(x)): (str(text), bool(smooth))
        for f, x, text, smooth in zip(sides["function"], sides["x"], sides["seen"], sides["smooth"], strict=True)
    }
    rows = _nearest_to_good(table)
    yield (
        "summary",
        {
            **{name: table[name][rows] for name in TABLES["summary"] if name != "seen"},
            "seen": ["" if smooth else text for text, smooth in _looked_up(seen, table, rows)],
        },
    )
    yield "findings", {"finding": [*_compared(table, seen), *_apart(table), *_without(seen)]}


def _looked_up(
    seen: Mapping[tuple[str, float], tuple[str, bool]], table: Columns, rows: NDArray[np.intp]
) -> list[tuple[str, bool]]:
    return [seen[str(table["function"][k]), float(table["x"][k])] for k in rows]


def _groups(table: Columns) -> dict[tuple[str, float], NDArray[np.intp]]:
    found: dict[tuple[str, float], list[int]] = {}
    for k, key in enumerate(zip(table["function"], table["x"], strict=True)):
        found.setdefault((str(key[0]), float(key[1])), []).append(k)
    return {key: np.array(rows) for key, rows in found.items()}


def _nearest_to_good(table: Columns) -> NDArray[np.intp]:
    """For every point the row whose delta is nearest to GOOD, among those with a line if there are any."""
    chosen = []
    for rows in _groups(table).values():
        lines = rows[~np.isnan(table["slope"][rows])]
        candidates = lines if lines.size else rows
        chosen.append(candidates[np.argmin(np.abs(np.log(table["delta"][candidates] / GOOD)))])
    return np.array(chosen)


def _compared(table: Columns, seen: Mapping[tuple[str, float], tuple[str, bool]]) -> Iterator[str]:
    smooth = sum(is_smooth for _, is_smooth in seen.values())
    yield f"{smooth} of {len(seen)} points have an exact tangent; the others are told of below."
    rows = _nearest_to_good(table)
    off = table["slope_error"][rows]
    if np.any(~np.isnan(off)):
        worst = rows[int(np.nanargmax(off))]
        yield (
            f"With the delta nearest to {GOOD:.2g}, slope and exact slope differ by {np.nanmedian(off):.1e} in "
            f"the median and by {table['slope_error'][worst]:.1e} at worst ({table['function'][worst]} at "
            f"x = {table['x'][worst]:.6g}, whose slope is {table['exact_slope'][worst]:.6g})."
        )


def _apart(table: Columns) -> Iterator[str]:
    """The first point with an exact tangent: how the slope comes near and goes away again."""
    for (name, x), rows in _groups(table).items():
        known = rows[~np.isnan(table["slope_error"][rows])]
        if not known.size or table["exact_slope"][known[0]] == 0.0:
            continue
        known = known[np.argsort(-table["delta"][known], kind="stable")]
        best = int(np.argmin(table["slope_error"][known]))
        told = ", ".join(f"{table['slope'][k]:.9g} at delta = {table['delta'][k]:.2g}" for k in known[:12])
        yield (
            f"{name} at x = {x:.6g}, exact slope {table['exact_slope'][known[0]]:.9g}: the secant has the slope "
            f"{told}. The nearest is delta = {table['delta'][known[best]]:.2g}; above it the secant is not "
            "yet the tangent, below it rounding takes over."
        )
        return


def _without(seen: Mapping[tuple[str, float], tuple[str, bool]]) -> Iterator[str]:
    """The points without an exact tangent."""
    without = [(key, text) for key, (text, smooth) in seen.items() if not smooth]
    for (name, x), text in without[:TOLD]:
        yield f"{name} at x = {x:.6g}: {text}."
    if len(without) > TOLD:
        yield f"The table sides tells of {len(without) - TOLD} more points without an exact tangent."
