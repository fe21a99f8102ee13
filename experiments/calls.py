"""Calls of somebody's own code, which may take seconds each: how many a study makes at most, and how it keeps to that.

A study that takes functions has the key ``budget``, the most calls of such code for each point. A part of them is for
the derivative that errors are taken from, another for pictures, and the grid of deltas is as fine as the rest allows.
A small budget has no picture, and one delta if need be.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

import derivkit as dk
from experiments.study import refuse_empty
from experiments.words import counted, duration

BUDGET = 400
"""Calls for each point, where nobody says otherwise: a V of four formulas takes 360; a choice."""
MAX_UNANNOUNCED = 1000
"""Most calls that are made without being announced."""
LEAST_FOR_DERIVATIVE, FOR_DERIVATIVE = 13, 24
"""Calls that the derivative of a smooth f takes, and with which most others do."""
LEAST_FOR_PICTURE = 8
"""Least calls for a graph."""
LEAST_FOR_SWEEP = 17
"""Calls that a sweep has before a derivative has more than its least: f(x) and four deltas of four points. A choice."""
LEAST_SPARE, SPARE = 2, 8
"""Calls by which it is found out whether f takes arrays, and single values beside those of a grid."""


@dataclass(frozen=True)
class Calls:
    """How often somebody's own code is called at most, and where."""

    problem: dk.Problem
    most: int

    @property
    def announcement(self) -> str:
        """The number in a sentence, with the time that they take as long as one call that is timed here."""
        f, point = self.problem.function, self.problem.points[0]
        started = time.perf_counter()
        f(point)
        seconds = time.perf_counter() - started
        return (
            f"{f.name} will be called at most {self.most:,} times; one call took {duration(seconds)}: "
            f"at most {duration(self.most * seconds)}. Fewer points or budget=N, calls for each point, bound it"
        )


def total(calls: Iterable[Calls]) -> list[Calls]:
    """The calls of several jobs, together for each function."""
    together: dict[str, Calls] = {}
    for one in calls:
        before = together.get(one.problem.function.name)
        together[one.problem.function.name] = Calls(one.problem, one.most + (before.most if before else 0))
    return list(together.values())


def for_sweep(budget: int) -> int:
    """How many of the calls are for the values that formulas use."""
    ample = budget - max(budget // 5, FOR_DERIVATIVE) - max(budget // 10, LEAST_FOR_PICTURE) - SPARE
    return max(ample, min(LEAST_FOR_SWEEP, budget - LEAST_FOR_DERIVATIVE - LEAST_SPARE))


def for_derivative(budget: int) -> int:
    """How many are for the derivative that errors are taken from."""
    return max(budget // 5, min(FOR_DERIVATIVE, budget - for_sweep(budget) - LEAST_SPARE))


def for_picture(budget: int) -> int:
    """How many are for a graph of f: none where too few are left."""
    calls = max(budget // 10, LEAST_FOR_PICTURE)
    return calls if for_sweep(budget) + for_derivative(budget) + calls + LEAST_SPARE <= budget else 0


def points_beside(methods: Sequence[str], derivative: int = 1) -> int:
    """How many points beside x the formulas of some methods have together for one delta."""
    return len({offset for name in methods for offset in dk.formula(name, derivative).offsets if offset})


def too_few(budget: int, name: str, deltas: int, methods: Sequence[str], least: Callable[[Sequence[str]], int]) -> str:
    """Refuse a budget of calls of a function, with the least that is enough and whether fewer methods would do."""
    which = "these methods" if len(methods) > 1 else methods[0]
    fewer = " or fewer methods" if len(methods) > 1 and any(least([one]) <= budget for one in methods) else ""
    return (
        f"budget={budget}: too few calls of {name} for {counted(deltas, 'delta')} of {which}; write "
        f"budget={least(methods)}{fewer}"
    )


@dataclass(frozen=True, kw_only=True)
class Budgeted:
    """What every Config of a study has that takes functions, somebody's own code among them."""

    function: tuple[dk.Problem, ...]
    budget: int = BUDGET

    @property
    def costly(self) -> list[dk.Problem]:
        """The functions that are somebody's own code."""
        return [problem for problem in self.function if problem.function.costly]

    @property
    def calls_of_a_point(self) -> int:
        """Most calls for a point."""
        return self.budget

    @property
    def calls(self) -> list[Calls]:
        """Most calls of each function that is somebody's own code."""
        return [Calls(problem, self.calls_of_a_point * len(problem.points)) for problem in self.costly]

    @property
    def remark(self) -> str:
        """What is not computed as the calls do not allow it, in a sentence; nothing where all is."""
        return ""


@dataclass(frozen=True, kw_only=True)
class BudgetedSweep(Budgeted):
    """The same of a study that sweeps formulas over deltas."""

    method: tuple[str, ...] = ("forward_1", "central_2")
    delta: Sequence[float] = (1e-2, 1e-4)
    derivative: int = 1
    min_deltas: ClassVar[int] = 1
    """Fewest deltas that the study makes something of."""

    def __post_init__(self) -> None:
        refuse_empty(self, "function", "method", "delta")
        for name in self.method:
            dk.formula(name, self.derivative)
        least = min(len(self.delta), self.min_deltas)
        if self.costly and self._affordable < least:
            name = self.costly[0].function.name
            raise ValueError(too_few(self.budget, name, least, self.method, partial(self._budget_for, least)))

    @property
    def deltas(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The deltas that are swept: of somebody's own code every second, third and so on, as its calls allow.

        As many are left out before the first as behind the last: a single one is that in the middle.
        """
        delta = np.asarray(self.delta, dtype=np.float64)
        if not self.costly:
            return delta
        return delta[(delta.size - 1) % self._stride // 2 :: self._stride]

    @property
    def delta_count(self) -> int:
        """How many these are."""
        return math.ceil(len(self.delta) / self._stride) if self.costly else len(self.delta)

    @property
    def calls_of_a_point(self) -> int:
        """Most calls for a point: fewer than the budget where there are few deltas."""
        return min(self.budget, self.budget - for_sweep(self.budget) + self._calls_for(self.delta_count, self.method))

    @property
    def remark(self) -> str:
        """How many deltas are left out, if any."""
        count = self.delta_count
        if count == len(self.delta):
            return ""
        name, all_of_them = self.costly[0].function.name, self._budget_for(len(self.delta), self.method)
        return (
            f"{name} is called at most {self.budget:,} times for each point, with {count} of the {len(self.delta):,} "
            f"deltas; budget={all_of_them} takes all"
        )

    def _calls_for(self, deltas: int, methods: Sequence[str]) -> int:
        return 1 + deltas * points_beside(methods, self.derivative)

    @property
    def _affordable(self) -> int:
        return (for_sweep(self.budget) - 1) // points_beside(self.method, self.derivative)

    @property
    def _stride(self) -> int:
        return math.ceil(len(self.delta) / self._affordable)

    def _budget_for(self, deltas: int, methods: Sequence[str]) -> int:
        """The least budget that allows so many deltas of some methods."""
        calls = self._calls_for(deltas, methods)
        return next(budget for budget in range(calls, 4 * calls + 200) if for_sweep(budget) >= calls)
