"""A rule for one point, run at many: what all the points request of f in a round is asked of it in one call.

A rule is a generator. It yields the abscissae that it wants, is sent the values of f there, and returns the step that
it chose, or the reason why it chose none. Its numbers are floats of NumPy, of which a division by 0 gives infinity.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from derivkit.arguments import positive, spread
from derivkit.asker import Asker
from derivkit.numerical.estimate import AT_END, NOT_FINITE, Estimate, Outcome, Task, at_least_rounding
from derivkit.numerical.formulas import formula as named
from derivkit.numerical.nodes import quotient
from derivkit.numerical.status import Status
from derivkit.types import EPS, LEAST_FLOAT, Ends, FunctionLike

Abscissae = Sequence[float]
Values = Sequence[float]

OUTCOMES: tuple[Outcome, ...] = ((Status.OK, ""), (Status.UNRESOLVED, ""), (Status.NOT_FINITE, ""))
CODES = {status: code for code, (status, _) in enumerate(OUTCOMES)}
CLOSED = 1.0 + 1e-3
"""The ratio of two steps that are as good as one; a choice."""
NO_VALUE: Outcome = (Status.NOT_FINITE, "f has no finite value at x")


@dataclass(frozen=True)
class Point:
    """Where a rule differentiates, and what is known beforehand.

    Attributes
    ----------
    x : float
    left, right : float
        How far the domain reaches to either side, four roundings short of its ends.
    delta : float or None
        The first step to try, if somebody gave it.
    noise : float or None
        The absolute error of a value of f, if somebody knows it.
    """

    x: float
    left: float
    right: float
    delta: float | None
    noise: float | None

    @property
    def scale(self) -> float:
        """|x|, or 1 at 0: what relative steps are relative to."""
        return abs(self.x) or np.float64(1.0)

    @property
    def room(self) -> float:
        """How far the domain reaches to both sides."""
        return min(self.left, self.right)

    def side(self, step: float) -> float:
        """1, or -1 where a step does not fit to the right and the left has more room."""
        return np.float64(1.0 if self.right >= min(self.left, step) else -1.0)

    def first_step(self, usual: float, *, room: float | None = None) -> float:
        """The given step, or else the usual one, shortened to the room; that to both sides by default."""
        return np.float64(self.delta or min(usual, self.room if room is None else room))

    def error_of(self, *values: float) -> float:
        """The absolute error of a value of f: the noise, or else eps times the largest of some values."""
        return self.noise or max(EPS * largest(*values), np.float64(LEAST_FLOAT))


@dataclass(frozen=True)
class Choice:
    """The step that a rule chose.

    Attributes
    ----------
    step : float
    value : float
        The difference with that step.
    truncation, rounding : float
        The two parts of its error as the rule estimates them; their sum is the bar.
    size : float
        The largest |f| among the values of the difference.
    message : str
        How the bar was found.
    reach : float or None
        The largest step that the value was made with, if not this one.
    """

    step: float
    value: float
    truncation: float
    rounding: float
    size: float
    message: str
    reach: float | None = None


Conclusion = Choice | Outcome
Rule = Generator[Abscissae, Values, Conclusion]


@dataclass(frozen=True)
class Pair:
    """Two points and the values of f there, the left one first where they lie on either side of x."""

    first: float
    last: float
    f_first: float
    f_last: float

    @property
    def step(self) -> float:
        """Half of the distance, as rounded: the step really taken, where x is in the middle."""
        return 0.5 * (self.last - self.first)

    @cached_property
    def slope(self) -> float:
        """The difference over the distance really taken."""
        return np.float64(quotient(CENTRAL, [self.f_first, self.f_last], self.last - self.first))

    @property
    def size(self) -> float:
        """The larger |f|."""
        return largest(self.f_first, self.f_last)

    @property
    def finite(self) -> bool:
        """Whether f has a value at both."""
        return bool(np.isfinite(self.f_first) and np.isfinite(self.f_last))


@dataclass(frozen=True)
class Bracket:
    """A step to try, between one that was too small and one that was too large.

    Attributes
    ----------
    step : float
    factor : float
        By which the step is multiplied or divided as long as one of the two is missing.
    lower, upper : float
        The two, 0 and infinity where they are missing.
    """

    step: float
    factor: float
    lower: float = 0.0
    upper: float = np.inf

    @property
    def closed(self) -> bool:
        """Whether there is next to nothing between the two."""
        return self.upper < CLOSED * self.lower

    def narrowed(self, *, larger: bool) -> Bracket:
        """What is left where the step must be larger, or smaller; its middle is next, where there are both ends."""
        lower, upper = (self.step, self.upper) if larger else (self.lower, self.step)
        grown, shrunk = self.factor * lower, upper / self.factor if lower == 0.0 else 0.5 * (lower + upper)
        return Bracket(grown if np.isinf(upper) else shrunk, self.factor, lower, upper)


CENTRAL = named("central_2")


def central(x: float, step: float) -> Generator[Abscissae, Values, Pair]:
    """The points x - step and x + step, with their values."""
    left, right = x - step, x + step
    f_left, f_right = yield left, right
    return Pair(left, right, f_left, f_right)


def largest(*values: float) -> float:
    """The largest |value|, those that are not finite left out."""
    return np.max(np.abs(values), initial=0.0, where=np.isfinite(values))  # type: ignore[no-any-return]


@np.errstate(all="ignore")
def choose(  # noqa: PLR0913 -- the arguments of the rules, which are public
    rule: Callable[[Point], Rule],
    f: FunctionLike,
    x: ArrayLike,
    *,
    example: str,
    delta: ArrayLike | None = None,
    noise: ArrayLike | None = None,
    domain: Ends | None = None,
    vectorized: bool | None = None,
    one_sided: bool = False,
) -> Estimate:
    """Run a rule at all points, and make an Estimate of what it chose.

    Parameters
    ----------
    rule : callable
        Of a Point.
    f, x, delta, noise, domain, vectorized
        As the public function of the rule has them.
    example : str
        The name of that function, for a message.
    one_sided : bool
        Whether room on one side of x is enough.
    """
    known = None if noise is None else positive("noise", noise)
    task = Task(f, x, domain, vectorized=vectorized, noise=known, example=f"dk.{example}(math.sin, 1.0)")
    lo, hi = task.domain
    left, right = ((distance * (1.0 - 4.0 * EPS)) for distance in (task.x - lo, hi - task.x))
    reach = np.maximum(left, right) if one_sided else np.minimum(left, right)
    inside = np.isfinite(task.x) & (lo <= task.x) & (task.x <= hi) & (reach > 0.0)
    points = map(Point, task.x, left, right, _hints("delta", delta, task), _hints("noise", noise, task))
    rules = {k: rule(point) for k, point in enumerate(points) if inside[k]}
    conclusions = concluded(rules, task.real)
    return _estimate(task, [conclusions.get(k, AT_END) for k in range(task.x.size)])


def _hints(name: str, value: ArrayLike | None, task: Task) -> Sequence[float | None]:
    """One number for each point, None where somebody gave none."""
    if value is None:
        return [None] * task.x.size
    return list(spread(name, positive(name, value), task.points.shape).ravel())


def concluded(rules: Mapping[int, Rule], ask: Asker) -> dict[int, Conclusion]:
    """Run rules to their ends, in rounds; what a point requests is charged to the number that its rule has."""
    conclusions: dict[int, Conclusion] = {}
    requests: dict[int, Abscissae] = {}

    def resume(number: int, values: Values | None) -> None:
        try:
            requests[number] = next(rules[number]) if values is None else rules[number].send(values)
        except StopIteration as end:
            conclusions[number] = end.value

    for number in rules:
        resume(number, None)
    while requests:
        answers = answered(requests, ask)
        requests.clear()
        for number, values in answers.items():
            resume(number, values)
    return conclusions


def answered(requests: Mapping[int, Abscissae], ask: Asker) -> dict[int, Values]:
    """The values of f for the requests of many points, in one call."""
    table = np.full((max(map(len, requests.values())), len(requests)), np.nan)
    for column, abscissae in enumerate(requests.values()):
        table[: len(abscissae), column] = abscissae
    values = ask.values_for(table, np.array(list(requests)))
    return {
        number: list(values[: len(abscissae), column]) for column, (number, abscissae) in enumerate(requests.items())
    }


def _estimate(task: Task, conclusions: Sequence[Conclusion]) -> Estimate:
    """The Estimate of what became of the points, in their order."""
    step, value, error, size, reach = np.array(list(map(_numbers, conclusions))).reshape(-1, 5).T
    bar = at_least_rounding(error, size, reach)
    outcomes = list(map(_outcome, conclusions, np.isfinite(value) & np.isfinite(bar)))
    return task.estimate(
        value=value,
        error=bar,
        delta=step,
        code=np.array([CODES[status] for status, _ in outcomes], dtype=np.intp),
        outcomes=OUTCOMES,
        message=np.array([message for _, message in outcomes], dtype=np.object_),
    )


def _numbers(one: Conclusion) -> tuple[float, float, float, float, float]:
    if isinstance(one, Choice):
        return one.step, one.value, one.truncation + one.rounding, one.size, one.reach or one.step
    return np.nan, np.nan, np.nan, np.nan, np.nan


def _outcome(one: Conclusion, valued: bool) -> Outcome:  # noqa: FBT001 -- mapped over two rows
    if isinstance(one, Choice):
        return (Status.OK, one.message) if valued else NOT_FINITE
    return one
