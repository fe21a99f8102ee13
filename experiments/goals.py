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


def of_goals(goals: Frame) -> str:
    """Which goals a method reaches, and how it misses the others."""
    return f"{goals['method'].iloc[0]}: {which_reached(goals)}"


def which_reached(goals: Frame) -> str:
    """The same without its name; together stands what is missed at the points that a measure names before its colon."""
    missed: dict[str, list[str]] = {}
    for goal in goals[goals["reached"] == "no"].itertuples():
        points, _, measure = str(goal.measure).rpartition(": ")
        missed.setdefault(points, []).append(f"{measure} {beside_goal(goal)}")
    listed = [f" Missed{f' ({points})' if points else ''}: {'; '.join(each)}." for points, each in missed.items()]
    return f"it reaches {count_reached(goals)} that could be measured.{''.join(listed)}"


def count_reached(goals: Frame) -> str:
    """How many goals a method reaches, of those that could be measured."""
    known = goals[goals["reached"] != "not measured"]
    return part_of(int((known["reached"] == "yes").sum()), len(known), "goal")


def beside_goal(goal: Any) -> str:
    """What was measured, beside the goal."""
    unit = UNITS[goal.unit]
    measured = f"{number(goal.measured, 3)}{unit}" if math.isfinite(goal.measured) else "without bound"
    return f"{measured}, at {goal.bound} {goal.goal:g}{unit}"
