"""Goals of a method that promises true bars: measures of a few cases by hand, and a miss is reported as one."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from derivkit.testing import ENTRY_GOALS, GOALS, NEAR_BREAKS, WITHOUT_NEAR_BREAKS, Cases, EntryCases, Goal

FIRST = WITHOUT_NEAR_BREAKS
GOAL_OF = {one.measure: one for one in GOALS}


def cases(count: int, **changes: Any) -> Cases:
    """Perfect answers of regular functions, but for what is said otherwise."""
    perfect = {
        "function": "f", "category": "entire", "derivative": 1, "regular": True, "disturbance": "",
        "noise_level": math.nan, "value": 1.0, "error": 1e-15, "status": "ok", "evaluations": 10, "noise": 1e-16,
        "deviation": 1e-16, "level": 1e-16, "truth": 1.0, "slack": 0.0, "true_error": 0.0, "covered": True,
        "miss": 0.0, "tightness": 1.0, "loss": 1.0, "counts": True, "settled": True, "right": True,
    }  # fmt: skip
    return Cases(**{name: np.broadcast_to(np.array(value), count) for name, value in (perfect | changes).items()})


@pytest.mark.parametrize("one", GOALS, ids=lambda one: one.measure)
def test_a_goal_that_is_missed_is_reported_as_missed(one: Goal) -> None:
    away = 1e-9 if one.bound == "most" else -1e-9
    for value, reached in (
        (one.goal + away, "no"), (one.goal, "yes"), (one.goal - away, "yes"), (math.nan, "not measured")
    ):  # fmt: skip
        judgement = replace(one, of=lambda _, value=value: (value, 1)).judge(cases(1))
        assert judgement.reached == reached
        assert (judgement.measured == value) == (not math.isnan(value))


def test_every_goal_says_which_points_it_counts() -> None:
    some = cases(4, category=["entire", "near_break"] * 2, derivative=[1, 1, 2, 2], regular=[True, False] * 2)
    for goal in GOALS:
        points = goal.measure.rpartition(": ")[0]
        assert points, goal.measure
        counted = goal.cases(some)
        assert ("near_break" in counted.category) == (points == NEAR_BREAKS["near_break"]), goal.measure
        assert 2 not in counted.derivative or "first derivative" not in points, goal.measure


@pytest.mark.parametrize(
    ("words", "changes", "measured"),
    [
        (f"{FIRST}: misses among all answers", {"covered": [True, False, True, True]}, 25.0),
        (f"{FIRST}: misses among answers with the status ok", {"covered": False, "status": "noisy"}, math.nan),
        (f"{FIRST}: worst miss with another status",
         {"miss": [0.1, 7.0, 2.0, 0.5], "status": ["ok", "ok", "noisy", "noisy"]}, 2.0),
        (f"{FIRST}: biases of f apart: worst miss of answers that are ok",
         {"miss": [0.1, 7.0, 2.0, 9.0], "loss": [1.0, 3.0, 2.0, math.nan]}, 9.0),
        (f"{FIRST}: answered with the status ok where no derivative exists",
         {"truth": [math.nan, math.nan, 1.0, 1.0]}, 2.0),
        (f"{FIRST}: no answer where there could be one", {"error": [math.inf, 1.0, 1.0, 1.0]}, 25.0),
        ("no derivative: a right status, every function weighing the same",
         {"category": "no_derivative", "function": ["f", "f", "f", "g"], "right": [True, True, False, False]},
         100.0 / 3.0),
        ("near breaks: misses among all answers",
         {"category": "near_break", "derivative": [1, 2, 3, 4], "covered": [True, False, False, True]}, 50.0),
        ("noise 1e-13 to 0.01: level about its mean named within 2x",
         {"noise_level": [1e-8, 1e-8, 1e-1, 1e-8], "noise": [1.9e-16, 2.1e-16, 1e-16, 1e-16]}, 200.0 / 3.0),
        ("second derivative of regular functions: relative error, median",
         {"derivative": 2, "true_error": [1.0, 2.0, 3.0, 4.0], "truth": 2.0}, 1.0),
    ],
)  # fmt: skip
def test_what_a_goal_measures_is_what_it_says(words: str, changes: dict[str, Any], measured: float) -> None:
    judgement = GOAL_OF[words].judge(cases(4, **changes))
    assert judgement.measured == pytest.approx(measured, nan_ok=True)


def test_perfect_answers_reach_every_goal_that_can_be_measured() -> None:
    reached = {one.judge(cases(400)).reached for one in GOALS}
    assert reached == {"yes", "not measured"}
    assert cases(3).measures.ok_covered == 1.0
    assert math.isnan(cases(0).measures.covered)


def entry_cases(count: int, **changes: Any) -> EntryCases:
    """Perfect entries of Rosenbrock's gradient of ten variables, but for what is said otherwise."""
    perfect = {
        "function": "rosenbrock_10", "variables": 10, "value": 1.0, "error": 1e-15, "status": "ok", "evaluations": 80,
        "truth": 1.0, "true_error": 0.0, "covered": True, "largest": 1.0,
    }  # fmt: skip
    return EntryCases(**{name: np.broadcast_to(np.array(value), count) for name, value in (perfect | changes).items()})


@pytest.mark.parametrize(
    ("method", "words", "changes", "measured"),
    [
        ("gradient", "evaluations for each variable, every function weighing the same",
         {"function": ["f", "f", "f", "g"], "variables": [2, 2, 2, 4], "evaluations": [20, 22, 24, 80]}, 15.5),
        ("gradient", "evaluations for each variable, Rosenbrock's function of 10",
         {"function": ["rosenbrock_10", "f", "f", "f"], "evaluations": [91, 1, 1, 1]}, 9.1),
        ("gradient", "coverage", {"covered": [True, False, False, True], "value": [1.0, 1.0, math.nan, 1.0]},
         200.0 / 3.0),
        ("gradient", "no answer where there could be one", {"error": [1.0, math.inf, 1.0, 1.0]}, 25.0),
        ("gradient", "bar over |derivative|, median", {"error": [1.0, 2.0, 3.0, 4.0], "truth": [2.0, 2.0, -2.0, 0.0]},
         1.0),
        ("hessian", "error over the largest entry, Rosenbrock's function of 10",
         {"true_error": [1.0, 3.0, 2.0, 9.0], "largest": 2.0, "function": ["rosenbrock_10"] * 3 + ["f"]}, 1.5),
        ("hessian", "evaluations, Rosenbrock's function of 10", {"evaluations": [500, 501, 502, 503]}, 501.5),
    ],
)  # fmt: skip
def test_what_a_goal_of_many_variables_measures_is_what_it_says(
    method: str, words: str, changes: dict[str, Any], measured: float
) -> None:
    goal = {one.measure: one for one in ENTRY_GOALS[method]}[words]
    assert goal.judge(entry_cases(4, **changes)).measured == pytest.approx(measured)


@pytest.mark.parametrize("method", ENTRY_GOALS)
def test_perfect_entries_reach_every_goal_of_many_variables(method: str) -> None:
    assert {one.judge(entry_cases(4)).reached for one in ENTRY_GOALS[method]} == {"yes"}
