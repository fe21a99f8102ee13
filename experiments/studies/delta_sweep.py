"""The error of difference formulas against delta: measured, predicted and explained, for every function, point and
method.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from derivkit.errors import typical_error
from derivkit.grids import decade, logspace
from experiments.words import listed

Columns = Mapping[str, Any]
Array = NDArray[np.float64]

TABLES: dict[str, dict[str, tuple[type, str]]] = {
    "table": {
        "function": (str, "name of the function"),
        "expression": (str, "what it computes"),
        "x": (float, "the point"),
        "method": (str, "the difference formula"),
        "delta": (float, "the step size asked for"),
        "estimate": (float, "the numerical derivative, divided by the step really taken"),
        "exact": (float, "the derivative, proved to be the nearest double"),
        "error": (float, "|estimate - exact|"),
        "relative_error": (float, "error / |exact|"),
        "ulps": (float, "error in units in the last place of exact"),
        "truncation": (float, "predicted: |C| step^p max|f^(d+p)| over the stencil"),
        "rounding": (float, "predicted: rounding of the values of f, of their sum and of the abscissae"),
        "bound": (
            str,
            "proved: the maximum in truncation is known in closed form; estimated: the largest of 9 samples",
        ),
        "evaluations": (int, "values of f that the formula uses"),
        "status": (str, "ok, or why there is no error: see STATUSES"),
    },
    "raised": {
        "function": (str, "name of the function"),
        "message": (str, "the exception that it raised: its type and its words at the first point"),
        "at": (float, "the first point at which it did"),
        "times": (int, "how often it raised an exception of this type"),
    },
    "optimum": {
        "function": (str, "name of the function"),
        "x": (float, "the point"),
        "method": (str, "the difference formula"),
        "derivative": (int, "order of the derivative"),
        "order": (int, "order of accuracy of the formula"),
        "delta": (float, "the delta with the least predicted error"),
        "error": (float, "the predicted error there"),
        "bound": (str, "proved or estimated, as in table"),
    },
    "prediction": {
        "function": (str, "name of the function"),
        "x": (float, "the point"),
        "method": (str, "the difference formula"),
        "delta": (float, "a step size from a ladder of eight per decade"),
        "error": (float, "truncation + rounding predicted there"),
        "bound": (str, "proved or estimated, as in table"),
    },
    "curves": {
        "function": (str, "name of the function"),
        "x": (float, "the point"),
        "line": (str, "f, or the secant to x + delta"),
        "t": (float, "abscissa"),
        "y": (float, "ordinate"),
    },
    "secants": {
        "function": (str, "name of the function"),
        "x": (float, "the point"),
        "value": (float, "f there"),
        "method": (str, "the difference formula"),
        "delta": (float, "a step size"),
        "left": (float, "the outermost point on the left that the formula uses"),
        "left_value": (float, "f there"),
        "right": (float, "the outermost point on the right"),
        "right_value": (float, "f there"),
        "through": (float, "a point of the line with the estimated slope: left, of a formula of two points; else x"),
        "height": (float, "the height of the line there"),
        "estimate": (float, "the numerical derivative, which is the slope of the line"),
        "exact": (float, "the derivative, which is the slope of the tangent"),
        "error": (float, "|estimate - exact|"),
        "larger": (
            str,
            "the larger part of the predicted error, truncation or rounding; empty where none is predicted",
        ),
        "status": (str, "ok, or in words why there is no error"),
    },
    "turning": {
        "function": (str, "name of the function"),
        "x": (float, "the point"),
        "method": (str, "the difference formula"),
        "delta": (float, "where the error in secants is typically least"),
        "error": (float, "the error that is typical there"),
        "smallest_delta": (float, "the least delta with an error"),
        "smallest_delta_error": (float, "the error there"),
        "rounding": (bool, "whether the error grows back there, and rounding is the larger part of what is predicted"),
        "sentence": (str, "the same in a sentence"),
    },
    "law": {
        "function": (str, "name of the function"),
        "x": (float, "the point"),
        "method": (str, "the difference formula"),
        "order": (float, "order of accuracy in theory"),
        "order_observed": (float, "p in error = a delta^p + b delta^-q, fitted to the sweep"),
        "growth": (float, "growth of rounding in theory: the order of the derivative"),
        "growth_observed": (float, "q in the same fit"),
        "a": (float, "factor of the truncation"),
        "b": (float, "factor of the rounding"),
        "delta": (float, "where the fitted law is least"),
        "points": (int, "errors that the fit used"),
        "note": (str, "what the sweep does not show"),
    },
    "summary": {
        "function": (str, "name of the function"),
        "x": (float, "the point"),
        "method": (str, "the difference formula"),
        "best_delta": (float, "the delta with the least typical error, of equals the largest: no single hit of luck"),
        "typical_error": (float, "the error that is typical there"),
        "predicted_delta": (float, "the delta predicted to be the best"),
        "predicted_error": (float, "the error predicted there"),
        "asked": (str, "error at every delta asked for, where these are few; where none is known, the estimate"),
    },
    "findings": {"finding": (str, "what the tables say, in a sentence")},
    "notes": {"note": (str, "what went wrong, in a sentence")},
}

KEYS = ("function", "x", "method", "delta")
"""What tells the rows of the table apart when runs are compared."""
ERRORS = dict.fromkeys(("error", "relative_error", "ulps"), ("estimate", "exact"))
"""Columns that are proportional to the distance of two others, and move when these do."""

TOLERANCES = {"estimate": {"column": "rounding"}, "truncation": {"relative": 0.01}, "rounding": {"relative": 0.01}}
"""By how much rounding may move a column when a run is repeated. Of derivatives in float64 one percent is believed
(derivkit.trusted.bounds.DISAGREEMENT)."""
STATUSES = ("ok", "outside_domain", "step_vanished", "not_finite", "no_exact")
"""Why a row has no error: a point of the stencil lies outside the declared domain; two points coincide in floating
point; f raised or gave NaN or infinity at one of them; no exact derivative exists or is known there (the estimate
stands)."""
IN_WORDS = (
    "ok",
    "a point of the formula lies outside the domain of f",
    "delta is so small that two points of the formula are the same number",
    "f is not finite at a point of the formula",
    "no exact derivative is known or exists",
)
"""STATUSES as a reader is told them beside a line with the estimated slope."""
PARTS = ("", "truncation", "rounding")
BOUNDS = ("proved", "estimated", "unknown")

ROWS_PER_CHUNK = 2**17
"""Also the rows of a block of the file, so that shards cut between blocks are joined without being read."""
CURVES = 3
"""Points per job whose curves are kept for the figure."""
RUNGS = 8
"""Deltas per decade at which the error of a pictured point is predicted."""
OPTIMA = 100
"""Points per function whose best delta is predicted."""
LAWS = 500
"""Sweeps per run to which the error law is fitted."""
FEW = 4
"""Up to so many deltas are listed one by one."""
CURVE_SAMPLES = 201
SHOWN = 20_000
"""Of more deltas so many are looked at for the pictures, spread evenly."""
LUCK = 0.1
"""Below this part of the errors around it, an error is called good luck: a constant without a derivation."""
NEAR = 0.5
"""Decades within which the deltas of these lie: by eye, few enough for rounding to be alike."""
ASKED_TOGETHER = 16
"""Points at which somebody's own function is asked in one call: what it gives may depend on what it is asked with, so
that shards are cut between such calls; a constant without a derivation."""
MOST_SHARDS = 10_000


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to compute: every function at its points, by every method, with every delta."""

    function: tuple[dk.Problem, ...]
    method: tuple[str, ...] = ("forward_1", "central_2")
    delta: Sequence[float] = (1e-2, 1e-4)
    derivative: int = 1
    shards: int = 1
    shard: int = 0

    def __post_init__(self) -> None:
        if not (self.function and self.method and self.delta):
            raise ValueError("at least one function, one method and one delta are needed")
        for name in self.method:
            dk.formula(name, self.derivative)
        if not 1 <= self.shards <= MOST_SHARDS:
            raise ValueError(f"shards={self.shards}: from 1 to {MOST_SHARDS}; write one such as shards=8")
        if not 0 <= self.shard < self.shards:
            raise ValueError(f"shard={self.shard}: from 0 to {self.shards - 1}, as there are shards={self.shards}")

    @property
    def rows(self) -> int:
        """Rows of the main table that this shard has."""
        first, last = self.piece
        return last - first

    @property
    def piece(self) -> tuple[int, int]:
        """The rows of the whole table that this shard has: from the first to before the last."""
        return self._cut(self.shard), self._cut(self.shard + 1)

    @property
    def rows_of_point(self) -> int:
        """Rows of the main table at one point."""
        return len(self.method) * len(self.delta)

    def asked_together(self, f: dk.Function) -> int:
        """Points at which f must be asked in one call for its values not to depend on the cut into shards."""
        return 1 if f.vectorized else min(ASKED_TOGETHER, self.chunk)

    @property
    def chunk(self) -> int:
        """Points that are computed at once."""
        return max(1, ROWS_PER_CHUNK // self.rows_of_point)

    @property
    def blocks(self) -> list[slice]:
        """Deltas that are computed at once: all, but where those of one point make more rows than are."""
        width = max(1, ROWS_PER_CHUNK // len(self.method))
        if self.rows_of_point <= ROWS_PER_CHUNK:
            width = len(self.delta)
        return [slice(k, k + width) for k in range(0, len(self.delta), width)]

    def _cut(self, shard: int) -> int:
        """The row at which a shard begins: between blocks of the file where there are enough, else between points."""
        sizes = [len(problem.points) * self.rows_of_point for problem in self.function]
        rows = sum(sizes)
        blocks = math.ceil(rows / ROWS_PER_CHUNK)
        if blocks >= self.shards:
            return min(rows, shard * blocks // self.shards * ROWS_PER_CHUNK)
        row, start = shard * rows // self.shards, 0
        for problem, size in zip(self.function, sizes, strict=True):
            if row < start + size:
                together = self.asked_together(problem.function) * self.rows_of_point
                return start + (row - start) // together * together
            start += size
        return rows


def run(config: Config) -> Iterator[tuple[str, Columns]]:
    """Yield the tables of one job, or of one shard of it, chunk by chunk."""
    formulas = [dk.formula(name, config.derivative) for name in config.method]
    delta = np.asarray(config.delta, dtype=np.float64)
    shown = delta[np.round(np.linspace(0, delta.size - 1, min(delta.size, SHOWN))).astype(np.intp)]
    pictured = _pictured(config.function)
    first, last = config.piece
    for index, problem in enumerate(config.function):
        points = np.array(problem.points)
        rows = range(max(first, 0), min(last, points.size * config.rows_of_point))
        first, last = first - points.size * config.rows_of_point, last - points.size * config.rows_of_point
        if not rows:
            continue
        yield from _piece(config, problem.function, points, delta, formulas, rows)
        # A point belongs to the shard that has its first row.
        own = slice(*(-(-row // config.rows_of_point) for row in (rows.start, rows.stop)))
        if (best := points[:OPTIMA][own]).size:
            yield "optimum", _optima(problem.function, best, formulas)
        for _, x in sorted((rank, x) for rank, which, x in pictured if which == index and own.start <= rank < own.stop):
            yield "prediction", _prediction(problem.function, x, shown, formulas)
            yield "curves", _curves(problem.function, x, shown)
            if config.derivative == 1:
                yield "secants", _secants(problem.function, x, shown, formulas)


def _piece(
    config: Config, f: dk.Function, points: Array, delta: Array, formulas: Sequence[dk.Stencil], rows: range
) -> Iterator[tuple[str, Columns]]:
    """Some rows of one function, counted from its first, and the exceptions that f raised in calls that begin there."""
    each, together = config.rows_of_point, config.asked_together(f)
    size = config.chunk if f.vectorized else together
    start = rows.start // each // together * together
    for place, block in itertools.product(range(start, -(-rows.stop // each), size), config.blocks):
        at, part = points[place : place + size], delta[block]
        first = place * each + block.start * len(formulas)
        if first >= rows.stop or first + at.size * part.size * len(formulas) <= rows.start:
            continue
        kept = slice(max(rows.start - first, 0), rows.stop - first)
        for name, columns in _rows(f, at, part, formulas):
            if name == "table":
                yield name, {column: _kept(value, kept) for column, value in columns.items()}
            elif first >= rows.start:
                yield name, columns


def _kept(value: Any, rows: slice) -> Any:
    """Some rows of a column: of an array, of coded text, or of a constant."""
    if isinstance(value, tuple):
        return value[0][rows], value[1]
    return value if isinstance(value, str) else value[rows]


def _pictured(problems: Sequence[dk.Problem]) -> list[tuple[int, int, float]]:
    """(rank of the point, index of the function, point) of the few to draw: first points of all come first."""
    ranked = [(rank, index, x) for index, p in enumerate(problems) for rank, x in enumerate(p.points[:CURVES])]
    return sorted(ranked)[:CURVES]


def _rows(f: dk.Function, x: Array, delta: Array, formulas: Sequence[dk.Stencil]) -> Iterator[tuple[str, Columns]]:
    """All rows of some points, in the order point, method, delta, and the exceptions that f raised there."""
    shape = (x.size, len(formulas), delta.size)
    sweep = dk.sweep(f, x, delta, formulas=formulas)
    predictions = dk.predict_error(f, x[:, None], delta, formulas=formulas)
    estimate = np.swapaxes(sweep.estimate, 0, 1)
    exact = np.broadcast_to(f.exact_derivative(x, order=formulas[0].derivative)[:, None, None], shape)
    bounds = [_bound(f, proved=p.proved) for p in predictions]
    columns = {
        "x": np.broadcast_to(x[:, None, None], shape),
        "delta": np.broadcast_to(delta, shape),
        "estimate": estimate,
        "exact": exact,
        "error": dk.absolute_error(estimate, exact),
        "relative_error": dk.relative_error(estimate, exact),
        "ulps": dk.ulp_error(estimate, exact),
        "truncation": np.stack([p.truncation for p in predictions], axis=1),
        "rounding": np.stack([p.rounding for p in predictions], axis=1),
        "evaluations": np.broadcast_to(np.array([[entry.evaluations] for entry in formulas]), shape),
    }
    codes: dict[str, tuple[NDArray[Any], tuple[str, ...]]] = {
        "method": (np.arange(len(formulas), dtype=np.int16)[:, None], tuple(entry.name for entry in formulas)),
        "bound": (np.array(bounds, dtype=np.int8)[:, None], BOUNDS),
        "status": (_statuses(f, x, delta, formulas, sweep, exact), STATUSES),
    }
    rows = {
        "function": f.name,
        "expression": f.text,
        **{name: values.ravel() for name, values in columns.items()},
        **{name: (np.broadcast_to(values, shape).ravel(), labels) for name, (values, labels) in codes.items()},
    }
    yield "table", rows
    if sweep.raised:
        yield (
            "raised",
            {
                "function": f.name,
                "message": [one.message for one in sweep.raised],
                "at": np.array([one.point for one in sweep.raised]),
                "times": np.array([one.count for one in sweep.raised]),
            },
        )


def _statuses(
    f: dk.Function, x: Array, delta: Array, formulas: Sequence[dk.Stencil], sweep: dk.Sweep, exact: Array
) -> NDArray[np.int8]:
    outside = [_outside(f, x[:, None], delta, entry) for entry in formulas]
    estimate, vanished = np.swapaxes(sweep.estimate, 0, 1), np.swapaxes(sweep.vanished, 0, 1)
    conditions = [np.stack(outside, axis=1), vanished, np.isnan(estimate), np.isnan(exact)]
    return np.select(conditions, [np.int8(k) for k in (1, 2, 3, 4)], default=np.int8(0))


def _outside(f: dk.Function, x: Array | float, delta: Array, entry: dk.Stencil) -> NDArray[np.bool_]:
    """Where the stencil leaves the domain of f."""
    lo, hi = f.domain
    return (x + float(entry.offsets[0]) * delta < lo) | (x + float(entry.offsets[-1]) * delta > hi)


def _optima(f: dk.Function, points: Array, formulas: Sequence[dk.Stencil]) -> Columns:
    best = dk.predict_optimum(f, points, formulas=formulas)
    bounds = [BOUNDS[_bound(f, proved=found.proved)] for found in best]
    return {
        "function": f.name,
        "x": np.repeat(points, len(formulas)),
        "method": [entry.name for entry in formulas] * points.size,
        "derivative": formulas[0].derivative,
        "order": np.tile([entry.order for entry in formulas], points.size),
        "delta": np.stack([found.delta for found in best], axis=1).ravel(),
        "error": np.stack([found.error for found in best], axis=1).ravel(),
        "bound": bounds * points.size,
    }


def _bound(f: dk.Function, *, proved: bool) -> int:
    """Index into BOUNDS."""
    return 2 if f.expression is None else 0 if proved else 1


def _prediction(f: dk.Function, x: float, delta: Array, formulas: Sequence[dk.Stencil]) -> Columns:
    """The V that theory predicts, from 1e-16 to 1 or to the largest delta, however few deltas are asked for.

    Jobs that differ in delta alone share the rungs of one ladder, so that their rows coincide.
    """
    ladder = _ladder(delta)
    ladder = ladder[ladder >= 4.0 * np.spacing(abs(x))]
    found = dk.predict_error(f, x, ladder, formulas=formulas)
    totals = [
        np.where(_outside(f, x, ladder, entry) | ~np.isfinite(p.total), np.nan, p.total)
        for entry, p in zip(formulas, found, strict=True)
    ]
    return {
        "function": f.name,
        "x": x,
        "method": (np.repeat(np.arange(len(formulas), dtype=np.int16), ladder.size), tuple(e.name for e in formulas)),
        "delta": np.tile(ladder, len(formulas)),
        "error": np.concatenate(totals),
        "bound": (np.repeat(np.array([_bound(f, proved=p.proved) for p in found], np.int8), ladder.size), BOUNDS),
    }


def _ladder(delta: Array) -> Array:
    """Eight deltas per decade from 1e-16 to 1, or to the decade of the largest that is asked for."""
    top = max(0, math.ceil(RUNGS * math.log10(delta.max())))
    return logspace(-16, top / RUNGS, 16 * RUNGS + top + 1)


def _secants(f: dk.Function, x: float, delta: Array, formulas: Sequence[dk.Stencil]) -> Columns:
    """The line with the estimated slope for every delta of the ladder, however few are asked for.

    A black box may be slow: of that, only the deltas asked for, and of many some.
    """
    ladder = _ladder(delta)
    if f.expression is None:
        asked = np.unique(delta)
        ladder = asked[np.round(np.linspace(0, asked.size - 1, min(asked.size, ladder.size))).astype(np.intp)]
    shape = (len(formulas), ladder.size)
    found = dk.sweep(f, x, ladder, formulas=formulas)
    predicted = dk.predict_error(f, x, ladder, formulas=formulas)
    truncation, rounding = (np.stack([getattr(p, part) for p in predicted]) for part in ("truncation", "rounding"))
    estimate = found.estimate.reshape(shape)
    exact = f.exact_derivative(np.array([x]))[0]
    left, right = (np.stack([x + float(e.offsets[end]) * ladder for e in formulas]) for end in (0, -1))
    left_value, right_value = np.asarray(f(left)), np.asarray(f(right))
    value = f(x)
    two = np.array([[e.evaluations == 2] for e in formulas])
    outside = np.stack([_outside(f, x, ladder, entry) for entry in formulas])
    conditions = [outside, found.vanished.reshape(shape), np.isnan(estimate), np.full(shape, np.isnan(exact))]
    columns = {
        "delta": np.broadcast_to(ladder, shape),
        "left": left,
        "left_value": left_value,
        "right": right,
        "right_value": right_value,
        "through": np.where(two, left, x),
        "height": np.where(two, left_value, value),
        "estimate": estimate,
        "error": dk.absolute_error(estimate, np.full(shape, exact)),
    }
    codes: dict[str, tuple[NDArray[Any], tuple[str, ...]]] = {
        "method": (np.arange(len(formulas), dtype=np.int16)[:, None], tuple(entry.name for entry in formulas)),
        "larger": (np.select([truncation >= rounding, rounding > truncation], [1, 2], 0).astype(np.int8), PARTS),
        "status": (np.select(conditions, [1, 2, 3, 4], 0).astype(np.int8), IN_WORDS),
    }
    return {
        "function": f.name,
        "x": x,
        "value": value,
        "exact": exact,
        **{name: values.ravel() for name, values in columns.items()},
        **{name: (np.broadcast_to(values, shape).ravel(), labels) for name, (values, labels) in codes.items()},
    }


def _curves(f: dk.Function, x: float, delta: Array) -> Columns:
    """The graph of f around x, and the secants from x to x + delta for a few of the deltas."""
    reach = 0.75 * f.length_scale(x)
    lo, hi = max(x - reach, f.domain[0]), min(x + reach, f.domain[1])
    t = [np.linspace(lo, hi, CURVE_SAMPLES)]
    y = [f(t[0])]
    labels = ["f"] * CURVE_SAMPLES
    for step in _few(delta, x, reach):
        if not np.isfinite(f(x)) or not np.isfinite(f(x + step)):
            continue
        line = dk.secant(f, x, x + step)
        t.append(np.array([lo, hi]))
        y.append(np.array([line(lo), line(hi)]))
        labels.extend([f"secant, delta = {step:.3g}"] * 2)
    return {"function": f.name, "x": x, "line": labels, "t": np.concatenate(t), "y": np.concatenate(y)}


def _few(delta: Array, x: float, reach: float) -> list[float]:
    """The deltas worth a secant: all where they are few, else those nearest to 1, 0.3 and 0.1 of its scale."""
    moving = np.unique(delta[x + delta > x])
    if moving.size <= FEW:
        return [float(step) for step in moving[::-1]]
    scale = float(decade(reach))
    wanted = [scale, 0.3 * scale, 0.1 * scale]
    nearest = [float(moving[np.argmin(np.abs(np.log(moving / goal)))]) for goal in wanted]
    return list(dict.fromkeys(nearest))


def conclude(tables: Mapping[str, Columns]) -> Iterator[tuple[str, Columns]]:
    """Yield what the whole run says: a summary, the fitted error laws, and findings in words."""
    optima = _by_key(tables["optimum"])
    sweeps = list(_sweeps(tables["table"]))
    table = _with_typical(tables["table"], sweeps, growth=next((int(o["derivative"]) for o in optima.values()), 1))
    yield "summary", _summary(table, sweeps, optima)
    laws = _laws(table, sweeps[:LAWS], optima)
    yield "law", laws
    if "secants" in tables:
        yield "turning", _turning(tables["secants"])
    yield "findings", {"finding": _findings(table, sweeps, optima, laws)}
    if "raised" in tables:
        yield "notes", {"note": _exceptions(tables["raised"])}


Key = tuple[str, float, str]


def _by_key(optima: Columns) -> dict[Key, dict[str, Any]]:
    keys = zip(optima["function"], optima["x"], optima["method"], strict=True)
    return {
        (str(f), float(x), str(method)): {name: optima[name][k] for name in ("order", "derivative", "delta", "error")}
        for k, (f, x, method) in enumerate(keys)
    }


def _sweeps(table: Columns) -> Iterator[tuple[Key, NDArray[np.intp]]]:
    """The rows of every (function, x, method), in the order of first appearance."""
    names = [np.asarray(table[name]) for name in ("function", "x", "method")]
    breaks = np.flatnonzero(np.logical_or.reduce([values[1:] != values[:-1] for values in names])) + 1
    found: dict[Key, list[NDArray[np.intp]]] = {}
    for start, stop in itertools.pairwise([0, *breaks.tolist(), names[0].size]):
        key = str(names[0][start]), float(names[1][start]), str(names[2][start])
        found.setdefault(key, []).append(np.arange(start, stop))
    for key, parts in found.items():
        yield key, np.concatenate(parts)


def _with_typical(table: Columns, sweeps: Sequence[tuple[Key, NDArray[np.intp]]], *, growth: int) -> Columns:
    """The table with the errors that no luck has made small, and with what counts of them.

    An error far below its own truncation owes that to a rounding error of the other sign. No estimate is told from the
    exact value below half a unit in its last place: there all are equal.
    """
    curve = np.empty(len(table["delta"]), dtype=np.intp)
    for number, (_, rows) in enumerate(sweeps):
        curve[rows] = number
    typical = typical_error(table["delta"], table["error"], growth=growth, curve=curve)
    if "truncation" in table:
        typical = np.where(np.isnan(typical), np.nan, np.fmax(typical, LUCK * table["truncation"]))
    with np.errstate(all="ignore"):
        return {**table, "typical": typical, "counted": np.maximum(typical, 0.5 * np.spacing(np.abs(table["exact"])))}


def _best(table: Columns, rows: NDArray[np.intp]) -> int | None:
    """The row of the least typical error; among equals that of the largest delta, which needs the least luck."""
    known = rows[~np.isnan(table["counted"][rows])]
    if not known.size:
        return None
    ties = known[table["counted"][known] == table["counted"][known].min()]
    return int(ties[np.argmax(table["delta"][ties])])


def _at(table: Columns, row: int | None) -> tuple[float, float]:
    """(delta, typical error) of a row."""
    return (np.nan, np.nan) if row is None else (float(table["delta"][row]), float(table["typical"][row]))


def _summary(table: Columns, sweeps: Sequence[tuple[Key, NDArray[np.intp]]], optima: Mapping[Key, Any]) -> Columns:
    keys = [key for key, _ in sweeps]
    best = np.array([_at(table, _best(table, rows)) for _, rows in sweeps])
    predicted = [optima.get(key, {"delta": np.nan, "error": np.nan}) for key in keys]
    return {
        "function": [key[0] for key in keys],
        "x": np.array([key[1] for key in keys]),
        "method": [key[2] for key in keys],
        "best_delta": best[:, 0],
        "typical_error": best[:, 1],
        "predicted_delta": np.array([float(p["delta"]) for p in predicted]),
        "predicted_error": np.array([float(p["error"]) for p in predicted]),
        "asked": [_asked(table, rows, optima.get(key)) for key, rows in sweeps],
    }


def _turning(secants: Columns) -> Columns:
    """For every line that the slider moves, where its error is least and what becomes of it below."""
    told: dict[str, list[Any]] = {name: [] for name in TABLES["turning"]}
    sweeps = list(_sweeps(secants))
    secants = _with_typical(secants, sweeps, growth=1)
    for key, rows in sweeps:
        best, error = _at(secants, _best(secants, rows))
        known = rows[~np.isnan(secants["error"][rows])]
        if not known.size:
            continue
        last, first = (known[pick(secants["delta"][known])] for pick in (np.argmin, np.argmax))
        smallest, there = float(secants["delta"][last]), float(secants["error"][last])
        rounding = bool(there > error and str(secants["larger"][last]) == "rounding")
        start = float(secants["delta"][first]), float(secants["error"][first])
        sentence = _turned(start, (best, error), (smallest, there), rounding=rounding)
        row = (*key, best, error, smallest, there, rounding, f"{_place(key)}, {key[2]}: {sentence}")
        for name, value in zip(told, row, strict=True):
            told[name].append(value)
    return told


def _turned(start: tuple[float, float], best: tuple[float, float], end: tuple[float, float], *, rounding: bool) -> str:
    """Say how the error goes from the largest delta to the least, each a pair of delta and error."""
    least = f"the least error is {best[1]:.2g}, at delta = {best[0]:.2g}"
    if best[0] < start[0] and best[1] < start[1]:
        least = f"from delta = {start[0]:.2g} to {best[0]:.2g} the error falls from {start[1]:.2g} to {best[1]:.2g}"
    if end[1] <= best[1]:
        return f"{least}; it does not grow back down to delta = {end[0]:.2g}."
    times = f", {end[1] / best[1]:.2g} times the least" if best[1] > 0 else ""
    why = "rounding takes over" if rounding else "it grows back"
    return f"{least}. Below that {why}: at delta = {end[0]:.2g} the error is {end[1]:.2g}{times}."


def _asked(table: Columns, rows: NDArray[np.intp], optimum: Mapping[str, Any] | None) -> str:
    if np.unique(table["delta"][rows]).size > FEW:
        if optimum is None or np.any(~np.isnan(table["exact"][rows])):
            return ""
        rows = rows[[_nearest_to_classical(table, rows, optimum)]]
    return ", ".join(f"{table['delta'][k]:.0e}: {_told(table, k)}" for k in rows)


def _nearest_to_classical(table: Columns, rows: NDArray[np.intp], optimum: Mapping[str, Any]) -> int:
    """Which row has the delta nearest to eps^(1/(p+d)) times the size of x, the choice where nothing is known of f."""
    exponent = 1.0 / (float(optimum["order"]) + float(optimum["derivative"]))
    goal = np.finfo(np.float64).eps ** exponent * max(1.0, abs(float(table["x"][rows[0]])))
    return int(np.argmin(np.abs(np.log(table["delta"][rows] / goal))))


def _told(table: Columns, row: Any) -> str:
    error, status = table["error"][row], str(table["status"][row])
    if np.isnan(error):
        return f"estimate {table['estimate'][row]:.9g}" if status == "no_exact" else status
    return f"{error:.2e}"


def _laws(table: Columns, sweeps: Sequence[tuple[Key, NDArray[np.intp]]], optima: Mapping[Key, Any]) -> Columns:
    fits = [dk.fit_error_law(table["delta"][rows], table["error"][rows]) for _, rows in sweeps]
    theory = [optima.get(key, {"order": np.nan, "derivative": np.nan}) for key, _ in sweeps]
    return {
        "function": [key[0] for key, _ in sweeps],
        "x": np.array([key[1] for key, _ in sweeps]),
        "method": [key[2] for key, _ in sweeps],
        "order": np.array([float(t["order"]) for t in theory]),
        "order_observed": np.array([law.order for law in fits]),
        "growth": np.array([float(t["derivative"]) for t in theory]),
        "growth_observed": np.array([law.growth for law in fits]),
        "a": np.array([law.a for law in fits]),
        "b": np.array([law.b for law in fits]),
        "delta": np.array([law.delta for law in fits]),
        "points": np.array([law.points for law in fits]),
        "note": [law.note for law in fits],
    }


def _findings(
    table: Columns, sweeps: Sequence[tuple[Key, NDArray[np.intp]]], optima: Mapping[Key, Any], laws: Columns
) -> list[str]:
    sentences = [*_winners(table, sweeps), *_reasons(table, sweeps, optima), *_observed(laws), *_bounds_held(table)]
    return [sentence for sentence in sentences if sentence]


def _exceptions(raised: Columns) -> list[str]:
    """What somebody's own function raised, told once for each function and type, and where it began."""
    found: dict[tuple[str, str], tuple[str, float, int]] = {}
    for name, message, at, times in zip(*(raised[column] for column in TABLES["raised"]), strict=True):
        key = str(name), str(message).partition(":")[0]
        first, where, count = found.get(key, (str(message), float(at), 0))
        found[key] = first, where, count + int(times)
    return [
        f"{name} raised {message} at x = {at!r}{_again(count - 1)}" for (name, _), (message, at, count) in found.items()
    ]


def _again(times: int) -> str:
    return f", and {times} more time{'s' if times > 1 else ''}" if times else ""


def _place(key: Key) -> str:
    return f"{key[0]} at x = {key[1]:.6g}"


def _winners(table: Columns, sweeps: Sequence[tuple[Key, NDArray[np.intp]]]) -> Iterator[str]:
    """For a few functions and points, the first points of all before a second: which method and delta came closest."""
    places = list(dict.fromkeys(key[:2] for key, _ in sweeps))
    seen = [sum(earlier[0] == place[0] for earlier in places[:k]) for k, place in enumerate(places)]
    for _, place in sorted(zip(seen, places, strict=True), key=lambda ranked: ranked[0])[:CURVES]:
        own = {key[2]: rows for key, rows in sweeps if key[:2] == place}
        best = {method: row for method, rows in own.items() if (row := _best(table, rows)) is not None}
        where = _place((*place, ""))
        if not best:
            yield f"{where}: no error can be stated, since {_why_none(table, sweeps, place)}."
            continue
        least = min(float(table["counted"][row]) for row in best.values())
        closest = {method: row for method, row in best.items() if table["counted"][row] == least}
        yield f"{where}: {_closest(table, closest, own)}.{_lucky(table, own, least)}"


def _closest(table: Columns, closest: Mapping[str, int], own: Mapping[str, NDArray[np.intp]]) -> str:
    """Which methods have the least typical error, each with its delta; ties are told as such."""
    error = max(float(table["typical"][row]) for row in closest.values())
    size = f"{error:.1e}" if error else "exactly 0"
    came = f"{listed(list(closest))} came {'equally close' if len(closest) > 1 else 'closest'}, with an error of {size}"
    if all(own[method].size > 1 and np.all(table["error"][own[method]] == error) for method in closest):
        return f"{came} at every delta"
    deltas = dict.fromkeys(f"{table['delta'][row]:.1e}" for row in closest.values())
    return f"{came} at delta = {listed(list(deltas))}"


def _lucky(table: Columns, own: Mapping[str, NDArray[np.intp]], least: float) -> str:
    """The least error of all, where it is far below that of the best and its delta is typically worse than that."""
    rows = np.concatenate(list(own.values()))
    rows = rows[~np.isnan(table["error"][rows])]
    row = rows[np.argmin(table["error"][rows])]
    error, typical = float(table["error"][row]), float(table["typical"][row])
    if not error < LUCK * least < LUCK * typical:
        return ""
    size = f"{error:.1e}" if error else "exactly 0"
    return (
        f" The error of {size} of {table['method'][row]} at delta = {table['delta'][row]:.1e} is luck: {typical:.1e} is"
        " typical there."
    )


def _why_none(table: Columns, sweeps: Sequence[tuple[Key, NDArray[np.intp]]], place: tuple[str, float]) -> str:
    rows = np.concatenate([rows for key, rows in sweeps if key[:2] == place])
    if np.all(np.isnan(table["exact"][rows])):
        return "no exact derivative is known or exists"
    status, counts = np.unique(np.asarray(table["status"])[rows], return_counts=True)
    return f"there is no estimate: {', '.join(f'{n} rows {s}' for s, n in zip(status, counts, strict=True))}"


# What a search found


def searched(tables: Mapping[str, Columns], job: int) -> Iterator[str]:
    """Yield how the best job of a search stands beside what is predicted for the same functions and points.

    Parameters
    ----------
    tables
        The gathered tables of all its jobs, with the column ``job``.
    job
        The number of the best of them.
    """
    table = tables["table"]
    optima = _by_key(tables["optimum"])
    sweeps = dict(_sweeps(table))
    best = np.asarray(table["job"]) == job
    for key in [key for key, rows in sweeps.items() if np.any(best[rows])][:CURVES]:
        rows = sweeps[key]
        row = max(rows[best[rows]], key=lambda k: float(table["error"][k]))
        yield _beside_prediction(table, row, key, optima) + _luck(table, row, rows)


def _beside_prediction(table: Columns, row: Any, key: Key, optima: Mapping[Key, Any]) -> str:
    """Compare what was found at a point with the best that is predicted there, of all methods and of the same one."""
    delta, error = float(table["delta"][row]), float(table["error"][row])
    found = f"{_place(key)}: {key[2]} with delta = {delta:.2g} has an error of {error:.2g}"
    there = {method: best for (f, x, method), best in optima.items() if (f, x) == key[:2] and best["error"] > 0}
    if key[2] not in there:
        return f"{found}; nothing is predicted there."
    method, best = min(there.items(), key=lambda entry: float(entry[1]["error"]))
    told = (
        f"{found}, {error / best['error']:.2g} times the least that is predicted for the methods drawn: at most"
        f" {best['error']:.2g}, for {method} with delta = {best['delta']:.2g}"
    )
    if method == key[2]:
        return f"{told}; the delta found is {delta / best['delta']:.2g} times that."
    own = there[key[2]]
    return (
        f"{told}. {key[2]} itself is predicted to be best with delta = {own['delta']:.2g}, at most {own['error']:.2g};"
        f" the delta found is {delta / own['delta']:.2g} times that."
    )


def _luck(table: Columns, row: Any, rows: NDArray[np.intp]) -> str:
    """Say so where the error found is far below those of trials near it that rounding makes wrong too.

    Rounding goes with 1 / delta^d, so that within NEAR decades the delta alone explains a few times, not 1 / LUCK.
    """
    delta, error = table["delta"][rows], table["error"][rows]
    near = (rows != row) & (np.abs(np.log10(delta / table["delta"][row])) < NEAR) & ~np.isnan(error)
    others = error[near & (table["rounding"][rows] >= table["truncation"][rows])]
    if others.size < 2 or not float(table["error"][row]) < LUCK * np.median(others):
        return ""
    return (
        f" The error is good luck: the {others.size} other trials of {table['method'][row]} with a delta less than"
        f" {10**NEAR:.0f} times as large or as small, where rounding rules, have errors from {others.min():.2g} to"
        f" {others.max():.2g}, and up to {table['truncation'][row] + table['rounding'][row]:.2g} is predicted for it."
    )


def _reasons(
    table: Columns, sweeps: Sequence[tuple[Key, NDArray[np.intp]]], optima: Mapping[Key, Any]
) -> Iterator[str]:
    """For the first sweep, what the error is made of: at every delta where these are few, else at both ends."""
    key, rows = sweeps[0]
    rows = rows[~np.isnan(table["truncation"][rows] + table["rounding"][rows] + table["error"][rows])]
    rows = rows[np.argsort(-table["delta"][rows], kind="stable")]
    for k in rows if rows.size <= FEW else rows[[0, -1]]:
        truncation, rounding, error = table["truncation"][k], table["rounding"][k], table["error"][k]
        larger = "truncation" if truncation > rounding else "rounding"
        yield (
            f"{_place(key)}, {key[2]} with delta = {table['delta'][k]:.3g}: the error is {error:.1e}; of what was "
            f"predicted, truncation {truncation:.1e} and rounding {rounding:.1e}, {larger} is the larger part."
        )
    best = optima.get(key)
    if rows.size and best is not None and not np.isnan(best["delta"]):
        least = f"an error of at most {best['error']:.1e}"
        yield f"The two balance, by prediction, near delta = {best['delta']:.1e}, with {least}."


def _observed(laws: Columns) -> Iterator[str]:
    """Observed exponents against theory, over all sweeps that show both."""
    for name, observed, theory in (
        ("order of accuracy", laws["order_observed"], laws["order"]),
        ("growth of the rounding error", laws["growth_observed"], laws["growth"]),
    ):
        apart = np.abs(np.asarray(observed) - np.asarray(theory))
        seen = ~np.isnan(apart)
        if np.any(seen):
            worst = int(np.nanargmax(apart))
            yield (
                f"The {name} was observed in {int(seen.sum())} of {seen.size} sweeps; it lies within "
                f"{np.nanmax(apart):.2f} of theory, the farthest being {laws['method'][worst]} for "
                f"{laws['function'][worst]} "
                f"({observed[worst]:.2f} against {theory[worst]:.0f})."
            )


def _bounds_held(table: Columns) -> Iterator[str]:
    """Whether every proved bound held, and how many rows were spoiled."""
    proved = (np.asarray(table["bound"]) == "proved") & ~np.isnan(table["error"])
    if np.any(proved):
        total = table["truncation"][proved] + table["rounding"][proved]
        broken = int(np.sum(table["error"][proved] > total))
        count = int(proved.sum())
        yield (
            f"All {count} errors with a proved bound lie below truncation + rounding."
            if not broken
            else f"{broken} of {count} errors with a proved bound exceed truncation + rounding: "
            "f is not what its expression says."
        )
    status, counts = np.unique(np.asarray(table["status"]), return_counts=True)
    spoiled = [f"{n} {s}" for s, n in zip(status, counts, strict=True) if s != "ok"]
    if spoiled:
        yield f"Rows without an error: {', '.join(spoiled)}."
