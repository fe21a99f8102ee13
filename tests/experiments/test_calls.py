"""Somebody's own code is called no more often than is allowed, and many calls are announced."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import quick

import derivkit as dk
from experiments import answers, calls
from experiments.running.settings import build
from experiments.shards import CALLED_TOGETHER
from experiments.studies import convergence, delta_sweep, tangents, which_delta
from experiments.study import study_in

GRID = [float(delta) for delta in dk.logspace(-16, 0, 129)]
POWERS = [2.0**-k for k in range(1, 31)]
FORMULAS = ["forward_1", "forward_2", "central_2", "central_4", "central_6", "central_8"]
STUDIES: list[tuple[ModuleType, dict[str, Any]]] = [
    (delta_sweep, {"delta": GRID, "method": {name: {"formula": name} for name in FORMULAS}}),
    (convergence, {"delta": POWERS, "method": {"central_2": {"formula": "central_2"}}}),
    (tangents, {"delta": [1.0, 0.3, 1e-3, 1e-8, 1e-15, 2.3e-16]}),
    (which_delta, {"method": {"central_4": {"formula": "central_4"}}, "deltas": 129}),
]
counter = 0


def counted(f: Callable[[float], float]) -> Callable[[float], float]:
    def g(x: float) -> float:
        global counter  # noqa: PLW0603 - a function of a module, as somebody's own is
        counter += 1
        return f(x)

    return g


smooth = counted(lambda x: math.exp(-x) * math.sin(3.0 * x))
corner = counted(lambda x: math.fabs(x - 1.0))
jump = counted(lambda x: math.floor(x) + 0.1 * x)
edge = counted(lambda x: math.sqrt(x - 1.0))
failing = counted(lambda x: 1.0 / 0.0)
ripple = counted(lambda x: math.sin(x) + 1e-6 * math.sin(1e9 * x))


@pytest.mark.parametrize(("points", "budget"), [(1, 250), (1, 400), (CALLED_TOGETHER + 1, 400)])
@pytest.mark.parametrize("name", quick.part(["smooth", "corner", "jump", "edge", "failing", "ripple"]))
@pytest.mark.parametrize(("module", "keys"), STUDIES, ids=[module.__name__ for module, _ in STUDIES])
def test_no_point_takes_more_calls_than_the_budget(
    module: ModuleType, keys: dict[str, Any], name: str, points: int, budget: int
) -> None:
    global counter  # noqa: PLW0603 - as above
    x = [1.0 + k / 7.0 for k in range(points)]
    study = study_in(module)
    plain = {**keys, "python": f"{__name__}:{name}", "x": x, "budget": budget}
    config = build(study, plain)
    counter = 0
    before = answers.answers(config, typed=True, named=False) if study.unanswered else ()
    list(study.measurements(config, before))
    assert counter <= sum(one.most for one in config.calls) <= budget * points


def test_deltas_that_are_left_out_are_said_with_the_budget_that_takes_them() -> None:
    box = (dk.Problem(dk.Function.from_callable(math.sin, name="mine:f"), (1.0,)),)
    config = delta_sweep.Config(function=box, delta=GRID, method=("central_4",))
    assert config.remark == (
        "mine:f is called at most 400 times for each point, with 65 of the 129 deltas; budget=748 takes all"
    )
    more = delta_sweep.Config(function=box, delta=GRID, method=("central_4",), budget=748)
    assert more.remark == ""
    assert len(more.deltas) == 129
    np.testing.assert_array_equal(config.deltas, GRID[::2])


def test_of_an_expression_nothing_is_left_out_and_nothing_announced() -> None:
    sine = (dk.Problem(dk.Function.from_expression("sin(x)"), (1.0,)),)
    config = delta_sweep.Config(function=sine, delta=GRID, budget=60)
    assert (config.remark, config.calls, config.delta_count) == ("", [], 129)


def test_many_calls_are_announced_with_the_time_that_they_take() -> None:
    box = dk.Problem(dk.Function.from_callable(math.sin, name="mine:f"), (1.0, 2.0, 3.0))
    (together,) = calls.total([calls.Calls(box, 800), calls.Calls(box, 700)])
    assert together.announcement.startswith("mine:f will be called at most 1,500 times; one call took ")


def test_a_budget_too_small_for_a_sweep_is_refused_with_one_that_is_not() -> None:
    box = (dk.Problem(dk.Function.from_callable(math.sin, name="mine:f"), (1.0,)),)
    with pytest.raises(
        ValueError, match=r"budget=50: too few calls of mine:f for 4 deltas .*; write budget=\d"
    ) as told:
        delta_sweep.Config(function=box, delta=GRID, method=("central_4",), budget=50)
    enough = int(str(told.value).rpartition("budget=")[2].split()[0])
    assert delta_sweep.Config(function=box, delta=GRID, method=("central_4",), budget=enough).delta_count == 4
