"""Which delta is best for this function? The scales of f as the ladder of dk.derivative measures them, the delta that
follows from them for every formula and precision, and the error really made there beside the best of all deltas.

Nothing is asked of f but values: its noise, its higher derivatives and how far it is smooth come from the ladder. A
known expression is used to judge what was recommended, never to recommend.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import derivkit as dk
from derivkit.testing import (
    PRECISIONS,
    STATUSES,
    VALUELESS,
    Precision,
    RoundedSweep,
    calls_of_recommendations,
    in_precision,
    regret,
    rounded_sweep,
    sweep_deltas,
)
from experiments import columns
from experiments.answers import of_derivative
from experiments.calls import Budgeted, points_beside, too_few
from experiments.studies.which_delta.sentences import (
    COMPARED,
    EXACT,
    TOO_LARGE,
    around,
    exact,
    judged,
    needs_none,
    of_point,
    place_of,
    take,
    why_none,
    window_chosen,
)
from experiments.study import Answers, Frame, Rows, Tables, column, key, refuse_empty, refuse_unknown
from experiments.words import counted, number

MIN_DELTAS = 9
"""Least deltas of a sweep."""
BESIDE = range(-18, 15, 2)
"""By how many rungs of the ladder the windows beside the chosen one are larger or smaller."""
MAX_POINTS_IN_WORDS = 3
"""Most points of which the findings tell, the first of every function before a second."""
MARGIN, GRAPH = 1.3, 401
"""Half the width of a picture, in units of the window that was used; and its points."""
GRID = 12
"""Quotients per decade that are pictured there."""

ANSWERS = True

# Tables


class Point(columns.Function, table=None):
    """Where a function is looked at."""

    x: float = key("the point as the precision holds it")


class Curve(Point, columns.Precision, columns.Formula, table=None):
    """A formula there, in a precision."""


class Table(Curve, columns.Step):
    """The sweep that judges the recommendations."""

    estimate: float = column("the numerical derivative, divided by the step really taken")
    trusted: float = column("the derivative: exact where an expression is known, else that of dk.derivative")
    error: float = column(
        "|estimate - trusted|; none where it is below the bar of trusted", between=("estimate", "trusted"), axis="y",
        label="absolute error",
    )  # fmt: skip
    status: str = columns.STATUS


class Scales(Point):
    """Derivatives as the values of f tell them."""

    order: int = key("order of the derivative")
    measured: float = column("that derivative from the values of the ladder alone")
    bar: float = column("how far off it may be")
    exact: float = column("the same from the expression, where one is known")


class Advice(Curve):
    """The recommendations, and what they are worth."""

    delta: float = column("the delta to take, from the measured scales; none where no delta helps")
    truncation: float = column("its part of the error to be expected there")
    rounding: float = column("the other part")
    expected: float = column("truncation + rounding")
    measured: float = column("the error made at this very delta")
    typical: float = column(
        "root mean square error over the half decade up to it, at x or at points near x, whichever is larger"
    )
    best_delta: float = column("the delta with the least typical error, of the sweep and the recommended one")
    best_typical: float = column("the typical error of that one")
    luckiest: float = column("the least error at x of any single delta")
    times_best: float = column(
        "typical / best_typical, no error counted as less than this precision can tell; 1 where no delta does better"
    )
    theory_delta: float = column(
        "in float64, the best delta by what is known of the expression; none where rounding does not grow below it"
    )
    theory: float = column("the error that is proved or estimated there")
    note: str = column("why there is no recommendation, or no error")


class Expected(Curve):
    """The error to be expected at every delta."""

    delta: float = key("a step size")
    error: float = column("truncation + rounding expected there")
    bound: str = column("estimated: from measured scales")


class Law(Curve, columns.Exponents):
    """The law of the errors of every sweep."""

    delta: float = column("where the fitted law is least")
    points: int = column("errors that the fit used")
    note: str = column("what the sweep does not show")


class Steps(Point):
    """The values of f that dk.derivative took."""

    turn: int = column("which of the calls of f, from 1")
    t: float = key("a point at which f was evaluated")
    distance: float = column("its distance from x, negative to the left")
    y: float = column("f there")
    used: bool = column("whether it lies in the window that was used")


class Curves(Point, columns.Graph):
    """The graph around every point."""

    line: str = key("f, or the tangent by dk.derivative", axis="series")


class Dots(Point):
    """The values of f that were taken in it."""

    line: str = key("f")
    t: float = key("a point at which f was evaluated")
    y: float = column("f there")


class Windows(Point):
    """What smaller and larger windows of the ladder would have told."""

    reach: float = key("largest step of the window", axis="x", label="largest step of the window")
    quantity: str = key(
        "its error bar, that of one too large for f to be resolved, the true error, or the error bar of the one chosen",
        axis="series",
    )
    error: float = column("how much", axis="y", label="error of the derivative")


class Plateau(Point):
    """The coefficients of some windows, by degree."""

    window: str = key("which window, by its size")
    line: str = key("what the coefficient tells of: f, or noise; or how large noise is", axis="series")
    degree: int = key("degree of the polynomial", axis="x", label="degree of the polynomial")
    size: float = column("log10 of |coefficient| / largest |f|", axis="y", label="log10 of |coefficient| / |f|")
    pictured: bool = column("whether the figure shows it: the first point with a derivative")


class Quotients(Point):
    """What the formulas say where no delta helps."""

    method: str = key("the difference formula, in float64", axis="series")
    delta: float = key("the step size", axis="x")
    size: float = column("|estimate|", axis="y", label="|difference quotient|")


class Summary(Curve):
    """One line for every recommendation."""

    delta: float = column("the delta to take")
    expected: float = column("the error to be expected there")
    measured: float = column("the error made there")
    typical: float = column("the error that is typical around it, of which measured is one draw")
    best_typical: float = column("the error that is typical around the best of all deltas")
    times_best: float = column("typical / best typical; 1 where no delta does better")
    note: str = column("why there is no recommendation, or no error")


# What is measured


@dataclass(frozen=True, kw_only=True)
class Config(Budgeted):
    """Which functions at which points, for which formulas and precisions, and how finely their errors are swept."""

    method: tuple[str, ...] = ("forward_1", "central_2")
    precision: tuple[str, ...] = ()
    deltas: int = 41

    def __post_init__(self) -> None:
        refuse_empty(self, "function", "method")
        refuse_unknown(self, "precision", PRECISIONS)
        for name in self.method:
            dk.formula(name)
        if self.deltas < MIN_DELTAS:
            raise ValueError(f"deltas={self.deltas}: a sweep needs at least {MIN_DELTAS}; write deltas=129")
        for f in (problem.function for problem in self.function):
            if self.deltas_of(f) < MIN_DELTAS:
                raise ValueError(too_few(self.budget, f.name, MIN_DELTAS, self.method, partial(self._budget_for, f)))

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        curves = [(one, len(one.points) * len(self.precisions_of(one.function))) for one in self.function]
        return sum(count * len(self.method) * self.deltas_of(one.function) for one, count in curves)

    @property
    def calls_of_a_point(self) -> int:
        """Most calls for a point, in all precisions together."""
        return self.budget * len(self.precision or PRECISIONS[-1:])

    def precisions_of(self, f: dk.Function) -> tuple[str, ...]:
        """In which precisions a function is computed: costly code in float64 unless others are requested."""
        return self.precision or (PRECISIONS[-1:] if f.costly else PRECISIONS)

    def deltas_of(self, f: dk.Function) -> int:
        """How many deltas the sweep of a function has: that of costly code as many as its calls allow."""
        if not f.costly:
            return self.deltas
        # half of the calls are for dk.derivatives
        left = self.budget // 2 - self._calls_of_advice(f, self.method)
        return min(self.deltas, left // points_beside(self.method))

    def _calls_of_advice(self, f: dk.Function, methods: Sequence[str]) -> int:
        """Calls beside those of the sweep and of dk.derivatives."""
        return calls_of_recommendations([dk.formula(name) for name in methods], self.precisions_of(f))

    def _budget_for(self, f: dk.Function, methods: Sequence[str]) -> int:
        """The least budget that allows the fewest deltas of some methods."""
        return 2 * (self._calls_of_advice(f, methods) + MIN_DELTAS * points_beside(methods))


def measure(config: Config) -> Iterator[Rows]:
    """Yield what every point shows and what is recommended there, point by point."""
    formulas = [dk.formula(name) for name in config.method]
    first = True
    for problem in config.function:
        f, deltas = problem.function, config.deltas_of(problem.function)
        for x in problem.points:
            survey = dk.survey(f, x, budget=config.budget // 2 if f.costly else None)
            yield from surveyed(survey, pictured=first and not survey.refused)
            first &= survey.refused
            if survey.refused:
                yield quotients(survey, formulas, deltas)
            for name in config.precisions_of(f):
                yield from advised(in_precision(survey, name), formulas, deltas)


def surveyed(survey: dk.Survey, *, pictured: bool) -> Iterator[Rows]:
    """What dk.derivative answers, where it took values of f, and what its window tells."""
    answer, samples, where = survey.first, survey.samples, {"function": survey.f.name, "x": survey.x}
    yield of_derivative(survey.f, np.array([survey.x]), answer, survey.exact)
    yield Steps(
        **where, turn=samples.call + 1, t=survey.x + samples.distance, distance=samples.distance, y=samples.value,
        used=survey.used,
    )  # fmt: skip
    yield from picture(survey)
    if not survey.resolved:
        return
    yield Scales(**where, **vars(survey.scales))
    if not survey.f.costly and str(answer.status) != "one_sided" and survey.sides == (1, -1):
        yield from windows(survey, pictured=pictured)


def picture(survey: dk.Survey) -> Iterator[Rows]:
    """The graph around x with the values that were taken in it, and the tangent."""
    where, graph = {"function": survey.f.name, "x": survey.x}, survey.excerpt(MARGIN, GRAPH)
    yield Curves(**where, line="f", t=graph.t, y=graph.y)
    if math.isfinite(survey.first.value):
        yield Curves(**where, line="tangent by dk.derivative", t=graph.ends, y=graph.tangent)
    yield Dots(**where, line="f", t=graph.sampled, y=graph.sampled_y)


def windows(survey: dk.Survey, *, pictured: bool) -> Iterator[Rows]:
    """Windows smaller and larger than the chosen one: what each would have answered, and three of them in full."""
    where = {"function": survey.f.name, "x": survey.x}
    trusted, bar = survey.trusted
    for window in survey.windows(sorted({*BESIDE, *COMPARED})):
        quantity = "error bar" if window.resolved else TOO_LARGE
        yield Windows(**where, reach=window.reach, quantity=quantity, error=window.error)
        if abs(window.value - trusted) > bar:
            yield Windows(**where, reach=window.reach, quantity="true error", error=abs(window.value - trusted))
        if window.exponent in COMPARED:
            name = f"{COMPARED[window.exponent]}, {number(window.reach)}"
            for line, degrees, sizes in plateau(window):
                yield Plateau(**where, window=name, line=line, degree=degrees, size=sizes, pictured=pictured)
    last = {"reach": float(survey.first.delta), "error": float(survey.first.error)}
    yield Windows(**where, quantity="error bar of the window chosen", **last)


def plateau(window: dk.WindowResult) -> Iterator[tuple[str, Any, Any]]:
    """Coefficients by degree, those of f and those of noise as two lines; where no plateau was met, one."""
    size = window.sizes
    degrees = np.arange(1, size.size)
    first = window.plateau if window.resolved else size.size
    signal, noise = degrees[degrees <= first], degrees[degrees >= first]
    yield "coefficients of f", signal, size[signal]
    yield "noise", noise, size[noise]
    if window.resolved:
        yield "level of the noise", degrees[[0, -1]], window.noise_size


# What follows from it


def advised(place: Precision, formulas: Sequence[dk.Stencil], deltas: int) -> Iterator[Rows]:
    """The sweep, the recommendation, what was expected and the law of the errors, for every formula."""
    survey = place.survey
    where = {"function": survey.f.name, "x": survey.x, "precision": place.dtype.name}
    delta = sweep_deltas(place, deltas)
    for formula in formulas:
        labels = {**where, "method": formula.name}
        swept = rounded_sweep(place, formula, delta)
        yield Table(
            **labels, delta=delta, estimate=swept.estimate, trusted=survey.trusted[0], error=swept.error,
            status=(swept.status, STATUSES),
        )  # fmt: skip
        yield advice(labels, place, formula, swept)
        if place.hindrance:
            continue
        wanted = place.expected_error(formula, delta[delta >= 4.0 * place.spacing])
        yield Expected(**labels, delta=wanted.delta, error=wanted.total, bound="estimated")
        law = dk.fit_error_law(swept.delta, swept.error)
        yield Law(
            **labels, order=float(formula.order), order_observed=law.order, growth=float(formula.derivative),
            growth_observed=law.growth, delta=law.delta, points=law.points, note=law.note,
        )  # fmt: skip


def advice(where: Mapping[str, Any], place: Precision, formula: dk.Stencil, swept: RoundedSweep) -> Advice:
    """The recommendation for a formula, and what it is worth."""
    chosen = place.recommend(formula)
    if math.isnan(chosen.delta):
        numbers = [name for name, one in Advice.columns.items() if one.type is float and not one.key]
        return Advice(**where, **dict.fromkeys(numbers, math.nan), note=chosen.message)
    worth = regret(place, chosen, formula, swept)
    return Advice(
        **where, delta=chosen.delta, truncation=chosen.truncation, rounding=chosen.rounding, expected=chosen.error,
        measured=worth.measured, typical=worth.typical, best_delta=worth.best_delta, best_typical=worth.best,
        luckiest=worth.luckiest, times_best=worth.ratio, theory_delta=worth.theory_delta, theory=worth.theory,
        note="" if math.isnan(worth.below_bar) else f"errors below {number(worth.below_bar)} cannot be told",
    )  # fmt: skip


def quotients(survey: dk.Survey, formulas: Sequence[dk.Stencil], deltas: int) -> Quotients:
    """Where no delta helps: what the formulas say at every delta, in float64; of costly code at those of the sweep."""
    fine = max(1.0, abs(survey.x)) * dk.logspace(-12, 0, 12 * GRID + 1)
    delta = sweep_deltas(in_precision(survey, np.float64), deltas) if survey.f.costly else fine
    return Quotients(
        function=survey.f.name, x=survey.x, method=[[formula.name] for formula in formulas], delta=delta,
        size=np.abs(dk.sweep(survey.values, survey.x, delta, formulas=formulas).estimate),
    )  # fmt: skip


# What the whole run says


def conclude(tables: Tables) -> Iterator[Rows]:
    """Yield one line for every recommendation."""
    yield Summary.of(recommendations(tables))


def recommendations(tables: Tables) -> Frame:
    """Every recommendation once: jobs may share points."""
    return tables[Advice].drop_duplicates(["function", "x", "precision", "method"])


def tell(tables: Tables) -> Iterator[str]:
    """Yield which delta to take at the first points, how a window was chosen, and how good the advice is."""
    answers, advice = tables[Answers].drop_duplicates(["function", "x"]), recommendations(tables)
    rank = answers.groupby("function").cumcount()
    shown = answers.loc[rank.sort_values(kind="stable").index].head(MAX_POINTS_IN_WORDS)
    for answer in shown.itertuples():
        if answer.status in VALUELESS:
            yield why_none(answer, of_point(tables[Quotients], answer))
            continue
        if exact(around(tables[Table], answer)):
            yield EXACT.format(place=place_of(answer))
        else:
            yield take(answer, around(advice, answer))
        yield needs_none(answer)
    chosen = (
        window_chosen(one, of_point(tables[Windows], one), of_point(tables[Plateau], one))
        for one in shown.itertuples()
        if not exact(around(tables[Table], one))
    )
    yield from itertools.islice(itertools.chain.from_iterable(chosen), 1)
    if len(answers) > len(shown):
        yield f"The tables answers and advice have {counted(len(answers) - len(shown), 'more point')}."
    yield from judged(advice)
