"""What a method that promises true bars is to reach: a row for every goal, and what is measured beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from derivkit.testing.cases import NAMED_WITHIN, Cases, Comparisons, named_within, quantile, share
from derivkit.testing.entries import EntryCases
from derivkit.testing.population import SMOOTH
from derivkit.types import Array

NEAR_BREAKS: Mapping[str, str] = MappingProxyType(
    {"near_break": "near breaks", "near_break_held_out": "near breaks, held out"}
)
"""Categories of points beside what breaks, by what the goals call them: they have goals of their own, of all orders."""
WITHOUT_NEAR_BREAKS = "first derivative without the points near breaks"
"""What the goals call all other points, of which they judge the first derivative."""
MIN_POINTS = 200
"""Points that a function needs so that its coverage says something: 98 % of them are 4 misses."""
QUIET, LOUD = 1e-13, 1e-2
"""The levels of noise that the goals are about."""

Measured = tuple[float, int]
"""What was measured, and over how many cases."""
C = TypeVar("C")


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A measure beside its goal: NaN of no cases; whether it is reached, ``yes``, ``no`` or ``not measured``."""

    measured: float
    cases: int
    reached: str


@dataclass(frozen=True)
class Goal(Generic[C]):
    """A measure of the cases of a method, and what it is to be.

    Attributes
    ----------
    measure, unit : str
        In words; ``%``, ``x`` for a factor, or nothing.
    bound : str
        Whether the goal is the ``most`` or the ``least`` that is allowed.
    goal : float
    cases : callable
        Which of the cases of a method, of all orders of the derivative, it is about.
    of : callable
        What is measured of these.
    """

    measure: str
    unit: str
    bound: str
    goal: float
    cases: Callable[[C], C]
    of: Callable[[C], Measured]

    def judge(self, cases: C) -> Judgement:
        """What the cases of a method say of this goal."""
        value, count = self.of(self.cases(cases))
        met = value <= self.goal if self.bound == "most" else value >= self.goal
        reached = "not measured" if math.isnan(value) else "yes" if met else "no"
        return Judgement(measured=value, cases=count, reached=reached)


# Which cases


def first(cases: Cases) -> Cases:
    """First derivatives, but for those near breaks."""
    return cases.where((cases.derivative == 1) & ~np.isin(cases.category, list(NEAR_BREAKS)))


def category(name: str) -> Callable[[Cases], Cases]:
    """Cases of a category of functions, of all orders of the derivative."""
    return lambda cases: cases.where(cases.category == name)


def regular(cases: Cases, order: int = 1) -> Cases:
    """Derivatives of regular functions."""
    return cases.where((cases.derivative == order) & cases.regular)


def second(cases: Cases) -> Cases:
    """Second derivatives of regular functions."""
    return regular(cases, 2)


def nowhere(cases: Cases) -> Cases:
    """First derivatives of functions that have none."""
    return category("no_derivative")(first(cases))


def edge(cases: Cases) -> Cases:
    """First derivatives where the domain ends."""
    return category("edge")(first(cases))


def noisy(cases: Cases) -> Cases:
    """First derivatives with noise of a level that the goals are about."""
    some = first(cases)
    return some.where((some.noise_level >= QUIET) & (some.noise_level <= LOUD))


def every(cases: C) -> C:
    """All cases."""
    return cases


def rosenbrock(cases: EntryCases) -> EntryCases:
    """Those of Rosenbrock's function of ten variables."""
    return cases.where(cases.function == "rosenbrock_10")


# What is measured of them


def percent_of(mask: ArrayLike) -> Measured:
    """A share in percent."""
    return 100.0 * share(mask), np.size(mask)


def quantile_of(part: float, values: Callable[[C], Array]) -> Callable[[C], Measured]:
    """A quantile of the values that are numbers."""

    def of(cases: C) -> Measured:
        numbers = values(cases)
        return quantile(numbers, part), int(np.sum(~np.isnan(numbers)))

    return of


def missed_ok(cases: Cases) -> Measured:
    """Answers with the status ok whose bar is too short."""
    return percent_of(~cases.ok.covered)


def missed(cases: Cases) -> Measured:
    """Answers whose bar is too short."""
    return percent_of(~cases.answers.covered)


def covered(cases: Comparisons) -> Measured:
    """Answers whose bar is true."""
    return percent_of(cases.answers.covered)


def settled(cases: Cases) -> Measured:
    """Cases that are settled."""
    return percent_of(cases.settled)


def right(cases: Cases) -> Measured:
    """Cases whose status is allowed."""
    return percent_of(cases.right)


def right_where_none_exists(cases: Cases) -> Measured:
    """The same of the points without a derivative."""
    return percent_of(cases.right[~cases.exists])


def right_by_function(cases: Cases) -> Measured:
    """Share of right statuses, every function weighing the same, in percent."""
    shares = [share(some.right) for some in cases.by_function()]
    return (100.0 * float(np.mean(shares)) if shares else math.nan), len(shares)


def worst_unbiased_miss(cases: Cases) -> Measured:
    """The largest miss with the status ok, but where the bar is below what the best formula at its best step errs by.

    There the values of f are smooth and wrong, as those of sqrt(1 - x^2) beside 1. The true error is so many bars as
    the miss says, and so many of the attainable errors as the loss says.
    """
    miss = np.where(cases.ok.loss < cases.ok.miss, np.nan, cases.ok.miss)
    return quantile(miss, 1.0), int(np.sum(~np.isnan(miss)))


def weakest_function(cases: Cases) -> Measured:
    """Coverage of the answers for the function with the least of it, in percent, among those with points enough."""
    many = (some.answers for some in cases.by_function() if len(some) >= MIN_POINTS)
    shares = [100.0 * share(answers.covered) for answers in many if len(answers)]
    return (min(shares) if shares else math.nan), len(shares)


def silent(cases: Cases) -> Measured:
    """Points with the status ok where no derivative exists."""
    count = int(np.sum(~cases.exists))
    return (float(cases.silent) if count else math.nan), count


def unanswered(cases: Cases) -> Measured:
    """Points that ought to have an answer and have none."""
    return percent_of(~cases.answered[cases.counts])


def evaluations(cases: Comparisons) -> Measured:
    """Mean evaluations of f."""
    return cases.mean_evaluations, len(cases)


def named(true: Callable[[Cases], Array]) -> Callable[[Cases], Measured]:
    """Points whose noise is named right; of a method that never names any there is none.

    Disturbances that are smooth between their steps have no level that could be named.
    """

    def of(cases: Cases) -> Measured:
        rough = cases.where(~np.isin(cases.disturbance, SMOOTH))
        if not np.isfinite(rough.noise).any():
            return math.nan, 0
        return percent_of(named_within(rough.noise, true(rough)))

    return of


def evaluations_by_function(cases: EntryCases) -> Measured:
    """Mean evaluations of f for each of its variables, every function weighing the same."""
    means = [float(np.mean(some.evaluations / some.variables)) for some in cases.by_function()]
    return (float(np.mean(means)) if means else math.nan), len(means)


def refused(cases: EntryCases) -> Measured:
    """Entries without a value and a bar."""
    return percent_of(~cases.answered)


def _tightness(cases: Cases) -> Array:
    return cases.ok.tightness


def _loss(cases: Cases) -> Array:
    return cases.answers.loss


def _relative_error(cases: Cases) -> Array:
    answers = cases.answers
    with np.errstate(all="ignore"):
        return np.asarray(answers.true_error / np.abs(answers.truth))


# The goals


def _first(measure: str, unit: str, bound: str, goal: float, of: Callable[[Cases], Measured]) -> Goal[Cases]:
    """A goal of first derivatives, but for those near breaks."""
    return Goal(f"{WITHOUT_NEAR_BREAKS}: {measure}", unit, bound, goal, first, of)


def _near_breaks(name: str, words: str) -> tuple[Goal[Cases], ...]:
    """The goals of one half of the points near breaks."""
    half = category(name)
    return (
        Goal(f"{words}: misses among answers with the status ok", "%", "most", 0.3, half, missed_ok),
        Goal(f"{words}: misses among all answers", "%", "most", 0.5, half, missed),
        Goal(f"{words}: answered with the status ok where no derivative exists", "", "most", 0.0, half, silent),
        Goal(f"{words}: a right status where no derivative exists", "%", "least", 95.0, half, right_where_none_exists),
    )


_NOISE, _NAMED = f"noise {QUIET:g} to {LOUD:g}", f"named within {NAMED_WITHIN:g}x"
GOALS: tuple[Goal[Cases], ...] = (
    _first("misses among answers with the status ok", "%", "most", 0.15, missed_ok),
    _first("misses among all answers", "%", "most", 0.2, missed),
    _first(f"coverage of the weakest function with at least {MIN_POINTS} points", "%", "least", 98.0,
         weakest_function),
    _first("worst miss with the status ok", "x", "most", 3.0, quantile_of(1.0, lambda c: c.ok.miss)),
    _first("biases of f apart: worst miss of answers that are ok", "x", "most", 3.0, worst_unbiased_miss),
    _first("worst miss with another status", "x", "most", 10.0, quantile_of(1.0, lambda c: c.flagged.miss)),
    Goal("regular functions: ok, or a bound where more cannot be said", "%", "least", 97.0, regular, settled),
    _first("tightness of answers with the status ok, median", "x", "most", 7.0, quantile_of(0.5, _tightness)),
    _first("tightness of answers with the status ok, 90 %", "x", "most", 30.0, quantile_of(0.9, _tightness)),
    Goal("regular functions: loss, median", "x", "most", 1.3, regular, quantile_of(0.5, _loss)),
    Goal("regular functions: loss, 90 %", "x", "most", 8.0, regular, quantile_of(0.9, _loss)),
    Goal("regular functions: mean evaluations", "", "most", 16.0, regular, evaluations),
    _first("answered with the status ok where no derivative exists", "", "most", 0.0, silent),
    Goal("no derivative: a right status", "%", "least", 95.0, nowhere, right),
    Goal("no derivative: a right status, every function weighing the same", "%", "least", 95.0, nowhere,
         right_by_function),
    _first("no answer where there could be one", "%", "most", 0.05, unanswered),
    Goal(f"{_NOISE}: coverage", "%", "least", 99.5, noisy, covered),
    Goal(f"{_NOISE}: level about its mean {_NAMED}", "%", "least", 90.0, noisy, named(lambda c: c.deviation)),
    Goal(f"{_NOISE}: level with its mean {_NAMED}", "%", "least", 90.0, noisy, named(lambda c: c.level)),
    Goal("second derivative of regular functions: coverage", "%", "least", 99.0, second, covered),
    Goal("second derivative of regular functions: relative error, median", "", "most", 1e-12, second,
          quantile_of(0.5, _relative_error)),
    Goal("one-sided edges: coverage", "%", "least", 99.0, edge, covered),
    Goal("one-sided edges: mean evaluations", "", "most", 31.0, edge, evaluations),
    *(goal for name, words in NEAR_BREAKS.items() for goal in _near_breaks(name, words)),
)  # fmt: skip
"""What a method that promises true bars is to reach."""
ENTRY_GOALS: Mapping[str, tuple[Goal[EntryCases], ...]] = MappingProxyType({
    "gradient": (
        Goal("evaluations for each variable, Rosenbrock's function of 10", "", "most", 9.0, rosenbrock,
             evaluations_by_function),
        Goal("evaluations for each variable, every function weighing the same", "", "most", 12.5, every,
             evaluations_by_function),
        Goal("coverage", "%", "least", 99.5, every, covered),
        Goal("no answer where there could be one", "%", "most", 0.05, every, refused),
        Goal("bar over |derivative|, median", "", "most", 1e-11, every, quantile_of(0.5, lambda c: c.relative_bar)),
    ),
    "hessian": (
        Goal("evaluations, Rosenbrock's function of 10", "", "most", 600.0, rosenbrock, evaluations),
        Goal("error over the largest entry, Rosenbrock's function of 10", "", "most", 1e-10, rosenbrock,
             quantile_of(1.0, lambda c: c.error_in_all)),
        Goal("coverage", "%", "least", 99.0, every, covered),
        Goal("no answer where there could be one", "%", "most", 0.05, every, refused),
    ),
})  # fmt: skip
"""What gradients and Hessians are to reach, by the name of the function that gives them."""
