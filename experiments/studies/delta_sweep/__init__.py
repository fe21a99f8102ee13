"""The error of difference formulas against delta: measured, predicted and explained, for every function, point and
method.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

import derivkit as dk
from experiments import calls, columns
from experiments.shards import Call, Cut
from experiments.studies.delta_sweep.sentences import (
    FEW,
    beside_prediction,
    bounds_held,
    luck,
    observed,
    reasons,
    result,
    turned,
    winners,
)
from experiments.studies.delta_sweep.sweeps import SWEEP, best_of, with_typical
from experiments.study import Answers, Frame, Rows, Tables, column, key
from experiments.words import at_point, counted, number

CURVES = 3
"""Points per job whose curves are kept for the figure."""
OPTIMA = 100
"""Points per function whose best delta is predicted."""
LAWS = 500
"""Sweeps per run to which the error law is fitted."""
CURVE_SAMPLES = 201
SHOWN = 20_000
"""Of more deltas so many are looked at for the pictures, spread evenly."""

# Tables


class Sweep(columns.Point, columns.Formula, table=None):
    """A formula at a point."""


class Table(columns.Problem, columns.Point, columns.Step):
    """Every formula at every point with every delta."""

    estimate: float = columns.ESTIMATE
    exact: float = column("the derivative, proved to be the nearest double; of a black box that of dk.derivative")
    error: float = column(
        "|estimate - exact|; none where it is below the bar of a derivative that was measured",
        between=("estimate", "exact"), axis="y", label="absolute error",
    )  # fmt: skip
    relative_error: float = column("error / |exact|", between=("estimate", "exact"))
    ulps: float = column(
        "error in units in the last place of exact", between=("estimate", "exact"), label="error in ulps"
    )
    truncation: float = column("predicted: |C| step^p max|f^(d+p)| over the stencil", moves=columns.PREDICTION)
    rounding: float = column(
        "predicted: rounding of the values of f, of their sum and of the abscissae", moves=columns.PREDICTION
    )
    bound: str = column(
        "proved: the maximum in truncation is known in closed form; estimated: the largest of 9 samples"
    )
    evaluations: int = column("values of f that the formula uses")
    status: str = columns.STATUS


class Raised(columns.Function):
    """What somebody's own function raised."""

    message: str = key("the exception that it raised: its type and its words at the first point")
    at: float = column("the first point at which it did")
    times: int = column("how often it raised an exception of this type")


class Optimum(Sweep):
    """The best delta by prediction."""

    derivative: int = column("order of the derivative")
    order: int = column("order of accuracy of the formula")
    delta: float = column("the delta with the least predicted error")
    error: float = column("the predicted error there")
    bound: str = column("proved or estimated, as in table")
    balanced: bool = column("whether rounding grows below it; else nearly every smaller delta is as good")


class Prediction(Sweep):
    """The V that theory predicts."""

    delta: float = key("a step size from a ladder of eight per decade")
    error: float = column("truncation + rounding predicted there")
    bound: str = column("proved or estimated, as in table")


class Curves(columns.Point, columns.Graph):
    """The graph of f and secants."""

    line: str = key("f, or the secant to x + delta", axis="series")


class Secants(columns.Point):
    """The line with the estimated slope for every delta of a ladder."""

    value: float = column("f there")
    method: str = key("the difference formula")
    delta: float = key("a step size")
    left: float = column("the outermost point on the left that the formula uses")
    left_value: float = column("f there")
    right: float = column("the outermost point on the right")
    right_value: float = column("f there")
    through: float = column("a point of the line with the estimated slope: left, of a formula of two points; else x")
    height: float = column("the height of the line there")
    estimate: float = column("the numerical derivative, which is the slope of the line")
    exact: float = column("the derivative, which is the slope of the tangent")
    error: float = column("|estimate - exact|")
    larger: str = column(
        "the larger part of the predicted error, truncation or rounding; empty where none is predicted"
    )
    status: str = column("ok, or in words why there is no error")


class Turning(Sweep):
    """Where the error of these lines is least, and what becomes of it below."""

    delta: float = column("where the error in secants is typically least")
    error: float = column("the error that is typical there")
    smallest_delta: float = column("the least delta with an error")
    smallest_delta_error: float = column("the error there")
    rounding: bool = column("whether the error grows back there, and rounding is the larger part of what is predicted")
    sentence: str = column("the same in a sentence")


class Law(Sweep, columns.Exponents):
    """The law that the errors of a sweep obey."""

    method: str = key("the difference formula", axis="label")
    a: float = column("factor of the truncation")
    b: float = column("factor of the rounding")
    delta: float = column("where the fitted law is least")
    points: int = column("errors that the fit used")
    note: str = column("what the sweep does not show")


class Summary(Sweep):
    """One line for every sweep."""

    best_delta: float = column(
        "the delta with the least typical error, of equals the largest: no single hit of luck; none of one delta alone"
    )
    typical_error: float = column("the error that is typical there")
    predicted_delta: float = column("the delta predicted to be the best; none where rounding does not grow below it")
    predicted_error: float = column("the least error predicted")
    estimates: str = column(
        "estimate and error at every delta, where these are few; without an error the estimate at the classical delta"
    )


class Notes(Rows):
    """What went wrong."""

    note: str = column("what went wrong, in a sentence")


# What is measured


@dataclass(frozen=True, kw_only=True)
class Config(calls.BudgetedSweep):
    """What to compute: every function at its points, by every method, with every delta."""

    shards: int = 1
    shard: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.cut

    @property
    def cut(self) -> Cut:
        """The grid and the shard of it."""
        return Cut(
            points=tuple(len(problem.points) for problem in self.function),
            vectorized=tuple(bool(problem.function.vectorized) for problem in self.function),
            methods=len(self.method), deltas=self.delta_count, shards=self.shards, shard=self.shard,
        )  # fmt: skip

    @property
    def rows(self) -> int:
        """Rows of the main table that this shard has."""
        return self.cut.rows


def measure(config: Config) -> Iterator[Rows]:
    """Yield the tables of one job, or of one shard of it, chunk by chunk."""
    formulas = [dk.formula(name, config.derivative) for name in config.method]
    delta, pictured = config.deltas, pictured_points(config.function)
    for index, rows in config.cut.parts:
        whole = dk.ErrorSweep(config.function[index].function, np.array(config.function[index].points), delta, formulas)
        for call in config.cut.calls(index, rows):
            yield from errors_of(whole.part(call.points, call.deltas), call)
        points = config.cut.points_in(rows)
        if points.start < min(points.stop, OPTIMA):
            yield optima(whole.part(slice(points.start, min(points.stop, OPTIMA)), slice(None)))
        for _, x in sorted((rank, x) for rank, which, x in pictured if which == index and rank in points):
            one = dk.ErrorSweep(whole.f.remembering, np.array([x]), dk.thinned(delta, SHOWN), formulas)
            yield from pictures(one, calls.for_picture(config.budget) if whole.f.costly else CURVE_SAMPLES)


def pictured_points(problems: Sequence[dk.Problem]) -> list[tuple[int, int, float]]:
    """(rank of the point, index of the function, point) of the few to draw: first points of all come first."""
    ranked = [(rank, index, x) for index, p in enumerate(problems) for rank, x in enumerate(p.points[:CURVES])]
    return sorted(ranked)[:CURVES]


def errors_of(part: dk.ErrorSweep, call: Call) -> Iterator[Rows]:
    """Rows of some points, in the order point, method, delta, and what f raised in a call that the shard begins."""
    measured = ("estimate", "exact", "error", "relative_error", "ulps", "truncation", "rounding")
    yield Table(
        function=part.f.name, expression=part.f.text, x=part.x[:, None, None], method=part.names, delta=part.delta,
        **{name: getattr(part, name) for name in measured}, bound=(part.bound[:, None], part.BOUNDS),
        evaluations=part.evaluations[:, None], status=(part.status, part.STATUSES),
    ).excerpt(call.rows)  # fmt: skip
    if part.sweep.raised and call.begins:
        messages, where, times = zip(*((one.message, one.point, one.count) for one in part.sweep.raised), strict=True)
        yield Raised(function=part.f.name, message=messages, at=where, times=times)


def optima(part: dk.ErrorSweep) -> Optimum:
    """The best delta at every point by prediction."""
    best = part.optima
    return Optimum(
        function=part.f.name, x=part.x[:, None], method=[entry.name for entry in part.formulas],
        derivative=part.derivative, order=[entry.order for entry in part.formulas],
        delta=np.stack([one.delta for one in best], axis=1), error=np.stack([one.error for one in best], axis=1),
        bound=(dk.bounds_known(part.f, best), part.BOUNDS), balanced=np.stack([one.balanced for one in best], axis=1),
    )  # fmt: skip


def pictures(requested: dk.ErrorSweep, samples: int) -> Iterator[Rows]:
    """Of a point the V that theory predicts, the graph with some secants, and the lines with the estimated slopes.

    The V and the lines run over a ladder of deltas, however few are asked for. Jobs that differ in delta alone share
    its rungs, so that their rows coincide. A black box may be slow: of that, only the deltas asked for.
    """
    f, x = requested.f, float(requested.x[0])
    ladder = dk.delta_ladder(requested.delta.max())
    v = replace(requested, delta=ladder[ladder >= 4.0 * np.spacing(abs(x))])
    yield Prediction(
        function=f.name, x=x, method=v.names, delta=v.delta, error=v.predicted[0],
        bound=(v.bound[:, None], v.BOUNDS),
    )  # fmt: skip
    if samples:
        yield from curves(requested, samples)
    if requested.derivative == 1:
        few = dk.thinned(np.unique(requested.delta), ladder.size)
        yield secants(replace(requested, delta=few if f.expression is None else ladder))


def secants(lines: dk.ErrorSweep) -> Secants:
    """The line with the estimated slope for every delta."""
    return Secants(
        function=lines.f.name, x=lines.x[0], method=lines.names, delta=lines.delta, **vars(lines.lines),
        estimate=lines.estimate, exact=lines.exact, error=lines.error, larger=(lines.larger, lines.PARTS),
        status=(lines.status, lines.REASONS),
    )  # fmt: skip


def curves(requested: dk.ErrorSweep, samples: int) -> Iterator[Curves]:
    """The graph of f around x, and the secants from x to x + delta for a few of the deltas."""
    f, x = requested.f, float(requested.x[0])
    reach = 0.75 * f.length_scale(x)
    ends = np.array([max(x - reach, f.domain[0]), min(x + reach, f.domain[1])])
    t = np.linspace(ends[0], ends[1], samples)
    yield Curves(function=f.name, x=x, line="f", t=t, y=f(t))
    for step in dk.deltas_to_draw(requested.delta[x + requested.delta > x], reach):
        if np.isfinite(f(x)) and np.isfinite(f(x + step)):
            line = dk.secant(f, x, x + step)
            yield Curves(function=f.name, x=x, line=f"secant, delta = {step:.3g}", t=ends, y=[*map(line, ends)])


# What the whole run says


def conclude(tables: Tables) -> Iterator[Rows]:
    """Yield a summary, the fitted error laws, and what somebody's own function raised."""
    best = optimum_of(tables)
    yield summary(swept(tables), best)
    yield from laws(swept(tables), best)
    if len(tables[Secants]):
        yield turning(with_typical(tables[Secants], growth=1))
    yield from exceptions(tables[Raised])


def optimum_of(tables: Tables) -> Frame:
    """The predicted optimum of every sweep, by its function, x and method."""
    return tables[Optimum].drop_duplicates(SWEEP, keep="last").set_index(SWEEP)


def swept(tables: Tables) -> Frame:
    """The main table with its typical errors, which are computed once for all that is concluded and told."""
    if "counted" not in tables[Table]:
        growth = int(tables[Optimum]["derivative"].iloc[0]) if len(tables[Optimum]) else 1
        tables[Table] = with_typical(with_bars(tables[Table], tables[Answers]), growth=growth)
    return tables[Table]


def with_bars(table: Frame, answers: Frame) -> Frame:
    """A table with the bar below which errors are, where they are below that of a derivative that was measured."""
    bars = answers.drop_duplicates(["function", "x"]).set_index(["function", "x"])["bar"]
    known = table[["function", "x"]].join(bars, on=["function", "x"])["bar"]
    return table.assign(bar=known.where(table["status"] == "below_bar"))


def summary(table: Frame, optimum: Frame) -> Summary:
    """One line for every sweep."""
    sweeps, words = table[SWEEP].drop_duplicates(), in_words(table, optimum).to_dict()
    several = table.groupby(SWEEP, sort=False)["delta"].transform("nunique") > 1
    best = best_of(table[several]).set_index(SWEEP)[["delta", "typical"]]
    predicted = optimum[["error"]].assign(delta=optimum["delta"].where(optimum["balanced"].astype(bool)))
    frame = sweeps.join(best, on=SWEEP).join(predicted.add_prefix("predicted_"), on=SWEEP)
    return Summary.of(
        frame.rename(columns={"delta": "best_delta", "typical": "typical_error"}),
        estimates=[words.get(where, "") for where in sweeps.itertuples(index=False, name=None)],
    )


def in_words(table: Frame, optimum: Frame) -> Frame:
    """Of every sweep with few deltas its errors in words; of one without errors the estimate at the classical delta."""
    sweeps = table.groupby(SWEEP, sort=False)
    few_deltas = sweeps["delta"].transform("nunique") <= FEW
    shown = [table[few_deltas]]
    for where, rows in table[~few_deltas & (sweeps["exact"].transform("count") == 0)].groupby(SWEEP, sort=False):
        if where in optimum.index:
            classical = dk.classical_delta(dk.formula(where[2], int(optimum.loc[where, "derivative"])), where[1])
            shown.append(rows.iloc[[dk.nearest(rows["delta"], classical)]])
    words = [rows[SWEEP].assign(estimates=[f"{number(row.delta, 3)}: {result(row)}" for row in rows.itertuples()])
             for rows in shown]  # fmt: skip
    import pandas as pd  # noqa: PLC0415 - only a run that concludes pays for it

    return pd.concat(words).groupby(SWEEP, sort=False)["estimates"].agg(", ".join)


def laws(table: Frame, optimum: Frame) -> Iterator[Law]:
    """The law of the errors of the first sweeps, beside theory."""
    theory = optimum[["order", "derivative"]].astype(float)
    for where, rows in itertools.islice(table.groupby(SWEEP, sort=False), LAWS):
        law = dk.fit_error_law(rows["delta"].to_numpy(), rows["error"].to_numpy())
        order, growth = theory.loc[where] if where in theory.index else (math.nan, math.nan)
        yield Law(
            **dict(zip(SWEEP, where, strict=True)), order=order, order_observed=law.order, growth=growth,
            growth_observed=law.growth, a=law.a, b=law.b, delta=law.delta, points=law.points, note=law.note,
        )  # fmt: skip


def turning(secants: Frame) -> Turning:
    """For every line that the slider moves, where its error is least and what becomes of it below."""
    best, rows = best_of(secants).set_index(SWEEP), []
    for where, line in secants.dropna(subset="error").groupby(SWEEP, sort=False):
        least, last, first = best.loc[where], line.loc[line["delta"].idxmin()], line.loc[line["delta"].idxmax()]
        middle, end = (least["delta"], least["typical"]), (last["delta"], last["error"])
        rounding = bool(end[1] > middle[1] and last["larger"] == "rounding")
        sentence = "the error is exactly 0 with every delta."
        if line["error"].any():
            sentence = turned((first["delta"], first["error"]), middle, end, rounding=rounding)
        rows.append((*where, *middle, *end, rounding, f"{at_point(*where[:2])}, {where[2]}: {sentence}"))
    return Turning(**{name: [row[k] for row in rows] for k, name in enumerate(Turning.columns)})


def exceptions(raised: Frame) -> Iterator[Notes]:
    """What somebody's own function raised, told once for each function and type, and where it began."""
    kinds = raised["message"].str.split(":").str[0]
    for (function, _), rows in raised.groupby(["function", kinds], sort=False):
        first, more = rows.iloc[0], int(rows["times"].sum()) - 1
        again = f", and {counted(more, 'more time')}" if more else ""
        yield Notes(note=f"{function} raised {first['message']} at x = {float(first['at'])!r}{again}")


def tell(tables: Tables) -> Iterator[str]:
    """Yield which method comes closest, what its error is made of, and whether theory holds."""
    table = swept(tables)
    yield from winners(table)
    yield from reasons(table, optimum_of(tables))
    yield from observed(tables[Law])
    yield from bounds_held(table)


# What a search found


def advise(tables: Tables, job: int) -> Iterator[str]:
    """Yield how the best job of a search stands beside what is predicted for the same functions and points."""
    table, optimum = tables[Table], optimum_of(tables)
    for where, trials in itertools.islice(table[table["job"] == job].groupby(SWEEP, sort=False), CURVES):
        row = max(trials.itertuples(), key=lambda one: float(one.error))
        others = table[(table[SWEEP] == list(where)).all(axis=1)].drop(index=row.Index)
        yield beside_prediction(row, optimum) + luck(row, others)
