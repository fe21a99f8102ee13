"""Goals of methods, as tables and sentences of several studies have them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, TypeVar

from derivkit.testing import Goal
from experiments.study import Frame, Rows, column, key
from experiments.words import number, part_of

C = TypeVar("C")
UNITS = {"%": " %", "x": "x", "": ""}
"""How the units of measures follow a number."""


class Goals(Rows, table=None):
    """A goal of a method, and what was measured."""

    method: str = key("the method")
    measure: str = key("what is measured")
    unit: str = column("%, or x for a factor; else a number")
    bound: str = column("whether the goal is the most or the least that is allowed")
    goal: float = column("the goal")
    measured: float = column("what was measured; none where there was nothing to measure")
    cases: int = column("how many cases that is about")
    reached: str = column("yes, no, or not measured")


def judged(method: str, goals: Iterable[Goal[C]], cases: C) -> list[dict[str, Any]]:
    """The rows of the goals of a method, by what became of its cases."""
    return [
        {
            "method": method, "measure": goal.measure, "unit": goal.unit, "bound": goal.bound, "goal": goal.goal,
            **asdict(goal.judge(cases)),
        }
        for goal in goals
    ]  # fmt: skip


def of_goals(goals: Frame, *, whole: bool) -> str:
    """Which goals a method reaches, and, if it is told as a whole, how it misses the others."""
    known, failed = goals[goals["reached"] != "not measured"], goals[goals["reached"] == "no"]
    which = part_of(len(known) - len(failed), len(known), "goal")
    reached = f"it reaches {which} that could be measured."
    listed = f" Missed: {'; '.join(map(missed_goal, failed.itertuples()))}." if len(failed) and whole else ""
    return f"{goals['method'].iloc[0]}: {reached}{listed}"


def missed_goal(goal: Any) -> str:
    """A goal that was not reached."""
    unit = UNITS[goal.unit]
    measured = f"{number(goal.measured, 3)}{unit}" if math.isfinite(goal.measured) else "without bound"
    return f"{goal.measure} {measured}, at {goal.bound} {goal.goal:g}{unit}"
