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
from typing import Any

import numpy as np

import derivkit as dk
from derivkit.testing import (
    NO_DELTA_HELPS,
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
from experiments.calls import Budgeted
from experiments.study import Answers, Frame, Rows, Tables, column, key, refuse_empty, refuse_unknown
from experiments.words import at_point, counted, listed, number, numbers

MIN_DELTAS = 9
"""Least deltas of a sweep."""
AS_GOOD = 1.05
"""Errors up to so many times those of the best delta are as good."""
BEST = "as good as the best delta of the grid"
EXACT = (
    "{place}: every delta of the grid gives the exact derivative with every formula, so that none is to be preferred."
)
"""What is said where there is nothing to choose."""
MISSED = 10.0
"""What was expected is missed if the errors are larger by this factor."""
BESIDE = range(-18, 15, 2)
"""By how many rungs of the ladder the windows beside the chosen one are larger or smaller."""
COMPARED = {-10: "a window too small", 0: "the window chosen", 6: "a window too large"}
"""Of these windows the coefficients are pictured; what they are called."""
TOO_LARGE = "error bar, window too large"
"""What the bar is called of a window in which no noise shows, so that truncation has no bound."""
MAX_POINTS_IN_WORDS = 3
"""Most points of which the findings tell, the first of every function before a second."""
QUOTED = (1e-2, 1e-5, 1e-8)
"""Deltas at which quotients are quoted where no delta helps."""
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
                least = 2 * (self._calls_of_advice(f) + (MIN_DELTAS + 1) * self._points_of_a_delta)
                raise ValueError(
                    f"budget={self.budget}: too few calls of {f.name} for {MIN_DELTAS} deltas of these methods; write "
                    f"budget={least} or fewer methods"
                )

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
        return min(self.deltas, (self.budget // 2 - self._calls_of_advice(f)) // self._points_of_a_delta)

    @property
    def _points_of_a_delta(self) -> int:
        return len({offset for name in self.method for offset in dk.formula(name).offsets if offset})

    def _calls_of_advice(self, f: dk.Function) -> int:
        """Calls beside those of the sweep and of dk.derivatives."""
        return calls_of_recommendations([dk.formula(name) for name in self.method], self.precisions_of(f))


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


def around(table: Frame, answer: Any) -> Frame:
    """The rows of the point of an answer in all precisions: float16 holds it to three digits, or as 0 or infinity."""
    x = table["x"]
    near = ((x - answer.x).abs() <= 1e-3 * x.abs() + 1e-7) | ~np.isfinite(x)
    return table[(table["function"] == answer.function) & near]


def exact(swept: Frame) -> bool:
    """Whether no delta of the sweeps of a point makes any error."""
    errors = swept["error"].dropna()
    return len(errors) > 0 and not errors.any()


def of_point(table: Frame, answer: Any) -> Frame:
    """The rows of a table that are of the point of an answer."""
    return table[(table["function"] == answer.function) & (table["x"] == answer.x)]


def place_of(row: Any) -> str:
    """The point of a row, with the digits that its precision holds and that tell it from its neighbours."""
    return at_point(row.function, row.x, digits=min(np.finfo(getattr(row, "precision", "float64")).precision, 9))


def take(answer: Any, rows: Frame) -> str:
    """What to take at a point: with every formula in the finest precision, and with the best one in the others."""
    finest, *others = sorted(rows["precision"].unique(), key=lambda name: float(np.finfo(name).eps))
    where, rest = f"{place_of(answer)} in {finest}", "".join(briefly(answer, rows, name) for name in others)
    fine = rows[rows["precision"] == finest]
    usable = usable_in(fine)
    if not usable:
        return f"{where}: there is nothing to recommend, as {fine['note'].iloc[0]}.{rest}"
    best, *more = usable
    formulas = [f"{row.method} {number(row.delta)} (error {number(row.expected)})" for row in more]
    return (
        f"{where}: take delta = {number(best.delta)} with {best.method}. Expect an error of {number(best.expected)} "
        f"(truncation {number(best.truncation)}, rounding {number(best.rounding)}); measured {made(best)}."
        f"{lost_in(answer, best)}"
        + (f" For other formulas: {listed(formulas)}." if formulas else "")
        + "".join(f" {row.method} cannot be used: {row.note}." for row in fine[fine["delta"].isna()].itertuples())
        + rest
    )


def usable_in(rows: Frame) -> list[Any]:
    """The formulas of a precision that have a delta to take, that with the least expected error first."""
    return list(rows[np.isfinite(rows["delta"])].sort_values("expected", kind="stable").itertuples())


def briefly(answer: Any, rows: Frame, precision: str) -> str:
    """A further precision: its best formula."""
    of_type = rows[rows["precision"] == precision]
    for best in usable_in(of_type):
        return (
            f" In {precision} take {number(best.delta)} with {best.method}: expect {number(best.expected)}."
            f"{lost_in(answer, best)}"
        )
    return f" In {precision} there is nothing to recommend, as {of_type['note'].iloc[0]}."


def lost_in(answer: Any, best: Any) -> str:
    """What to say where the expected error is as large as the derivative."""
    lost = best.expected >= 0.1 * abs(answer.value) and answer.status != "below_resolution"
    value = number(answer.value, 3)
    return f" The derivative is {value}: in this type not one digit of it is right." if lost else ""


def made(row: Any) -> str:
    """The error made, and what the best of all deltas would give."""
    if math.isnan(row.measured):
        return f"no difference from dk.derivative above its own bar ({row.note})"
    if not math.isfinite(row.best_typical):
        return number(row.measured)
    if row.times_best < AS_GOOD:
        return f"{number(row.measured)}; typical is {number(row.typical)}, and no delta of the grid does better"
    best = f"the best delta of the grid, {number(row.best_delta)}, typically gives {number(row.best_typical)}"
    return f"{number(row.measured)}; typical is {number(row.typical)}, while {best}"


def needs_none(answer: Any) -> str:
    """What dk.derivative gives without a delta."""
    true = ""
    if math.isfinite(answer.error):
        held = "within" if answer.error <= answer.bar else "outside"
        true = f", and its true error, {number(answer.error)}, is {held} that" if answer.error else ", exactly right"
    if math.isnan(answer.exact):
        true = ". As no exact derivative is known, the errors above are differences from this value"
    status = "" if answer.status == "ok" else f" Its status is {answer.status}: {answer.said}"
    if answer.status == "below_resolution" and answer.exact == 0.0:
        status = (
            f" Its status is {answer.status}: values of f alone cannot tell 0 from slopes up to {number(answer.bar)}."
        )
    return (
        f"{place_of(answer)}: dk.derivative needs no delta. From {answer.evaluations} values of f it gives "
        f"{dk.with_bar(answer.value, answer.bar)}{true}.{status}"
    )


def window_chosen(answer: Any, windows: Frame, plateau: Frame) -> Iterator[str]:
    """How the window was chosen: what smaller and larger ones would have said, and where noise begins."""
    noise = plateau[(plateau["line"] == "noise") & plateau["window"].str.startswith(COMPARED[0])]
    if not len(noise):
        return
    resolved = windows[windows["quantity"] == "error bar"]
    smallest = resolved.loc[resolved["reach"].idxmin()]
    larger = windows[(windows["quantity"] == TOO_LARGE) & (windows["reach"] > answer.reach)]["reach"]
    # the noise of values near a zero of f may shrink faster than the distance from it
    divided = (
        f" Values up to {number(smallest['reach'])} alone would give an error bar of {number(smallest['error'])}, as "
        "noise is divided by that distance"
    ) * bool(smallest["error"] > answer.bar)
    endless = f"from {number(larger.min())} on no noise shows, and truncation has no bound" if len(larger) else ""
    yield (
        f"{place_of(answer)}: dk.derivative used values of f up to {number(answer.reach)} to either side of x. The "
        f"coefficients of the polynomial through them level off at degree {noise['degree'].min()}: that level, "
        f"{number(answer.noise)}, is the noise of f.{divided}"
        + (
            f"; {endless}."
            if divided and endless
            else f" {endless.capitalize()}."
            if endless
            else "."
            if divided
            else ""
        )
    )


def why_none(answer: Any, quotients: Frame) -> str:
    """Why no delta helps, with quotients as evidence."""
    seen = "; ".join(quoted(method, rows) for method, rows in quotients.groupby("method", sort=False))
    helpless = "can be recommended" if answer.status == "unresolved" else "helps"
    return (
        f"{place_of(answer)}: no delta {helpless}, and dk.derivative says why: {answer.said} "
        f"{NO_DELTA_HELPS[answer.status]} {seen}."
    )


def quoted(method: str, quotients: Frame) -> str:
    """Some quotients of a formula."""
    scale = quotients["delta"].max()
    rows = quotients.iloc[[dk.nearest(quotients["delta"], scale * goal) for goal in QUOTED]]
    values = ", ".join(f"{number(size, 3)}" if math.isfinite(size) else "none" for size in rows["size"])
    return f"{method} gives |slope| {values} at delta = {', '.join(numbers(rows['delta']))}"


def beside_best(ratio: float) -> str:
    """What a delta is worth whose typical error is so many times that of the best one."""
    return f"is {BEST}" if ratio < AS_GOOD else f"typically errs {number(ratio)} times as much as the best one"


def judged(advice: Frame) -> Iterator[str]:
    """How good the recommendations were, over all of them."""
    known = advice[np.isfinite(advice["times_best"])]
    if not len(known):
        return
    worst = known.loc[known["times_best"].idxmax()]
    which, median = f"{place_of(worst)}, {worst.method} in {worst.precision}", known["times_best"].median()
    if len(known) == 1:
        yield f"The recommended delta {beside_best(worst.times_best)} ({which})."
    elif worst.times_best < AS_GOOD:
        yield f"Each of the {len(known)} recommended deltas is {BEST}."
    else:
        yield (
            f"In the median of {len(known)} recommendations, the recommended delta {beside_best(median)}; the worst "
            f"one {beside_best(worst.times_best)} ({which}). Compared are the errors typical around a delta, not "
            "those measured at it, of which each is a matter of luck."
        )
    missed = known[known[["measured", "typical"]].min(axis=1, skipna=False) > MISSED * known["expected"]]
    if len(missed):
        first = missed.iloc[0]
        yield (
            f"The error is more than {number(MISSED)} times as large as expected in {len(missed)} of "
            f"{counted(len(known), 'case')} (first {place_of(first)}, {first.method} in {first.precision}): f does "
            "something there that the values taken of it do not show."
        )
    # a straight line has no best delta
    theory = known[np.isfinite(known["theory_delta"]) & (known["truncation"] > 0.01 * known["rounding"])]
    if len(theory):
        ratio, many = (theory["delta"] / theory["theory_delta"]).median(), ", in the median," if len(theory) > 1 else ""
        yield (
            f"In float64 the delta recommended from values of f alone is{many} {number(ratio)} times the one that "
            "theory derives from the expression; theory allows for the worst case of every rounding."
        )
