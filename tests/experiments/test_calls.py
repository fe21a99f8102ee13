"""Somebody's own code is called no more often than is allowed, and many calls are announced."""

from __future__ import annotations

import itertools
import math
import re
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


@pytest.mark.parametrize("name", quick.part(["smooth", "corner", "jump", "edge", "failing", "ripple"]))
@pytest.mark.parametrize(("module", "keys"), STUDIES, ids=[module.__name__ for module, _ in STUDIES])
def test_a_budget_too_small_is_refused_with_the_least_that_is_enough_and_that_is_kept_to(
    module: ModuleType, keys: dict[str, Any], name: str
) -> None:
    global counter  # noqa: PLW0603 - as above
    study, plain = study_in(module), {**keys, "python": f"{__name__}:{name}", "x": 1.3}
    with pytest.raises(ValueError, match=r"budget=10: too few calls of .* for .*; write budget=\d") as told:
        build(study, {**plain, "budget": 10})
    least = int(re.findall(r"write budget=(\d+)", str(told.value))[0])
    with pytest.raises(ValueError, match=rf"; write budget={least}"):
        build(study, {**plain, "budget": least - 1})
    config = build(study, {**plain, "budget": least})
    counter = 0
    before = answers.answers(config, typed=True, named=False) if study.unanswered else ()
    assert list(study.measurements(config, before))
    assert counter <= least


@pytest.mark.parametrize(
    ("methods", "budget", "says"),
    [
        (("central_8",), 20, "for 1 delta of central_8; write budget=24"),
        (("forward_1", "central_8"), 20, "for 1 delta of these methods; write budget=24 or fewer methods"),
        (("forward_1", "central_2"), 10, "for 1 delta of these methods; write budget=18"),
    ],
)
def test_fewer_methods_are_proposed_only_where_one_alone_would_do(
    methods: tuple[str, ...], budget: int, says: str
) -> None:
    box = (dk.Problem(dk.Function.from_callable(math.sin, name="mine:f"), (1.0,)),)
    with pytest.raises(ValueError, match=f"{says}$"):
        delta_sweep.Config(function=box, delta=GRID, method=methods, budget=budget)


def test_a_small_budget_is_met_with_the_derivative_and_the_delta_in_the_middle() -> None:
    global counter  # noqa: PLW0603 - as above
    study = study_in(delta_sweep)
    config = build(study, {**STUDIES[0][1], "method": {"central_4": {"formula": "central_4"}}, "budget": 20,
                           "python": f"{__name__}:smooth", "x": 1.3})  # fmt: skip
    counter = 0
    (answer,) = answers.answers(config, typed=True, named=False)
    assert list(study.measurements(config, [answer]))
    assert counter <= 20
    assert config.deltas.tolist() == [1e-8]
    truth = math.exp(-1.3) * (3.0 * math.cos(3.9) - math.sin(3.9))
    assert abs(answer.values["value"][0] - truth) <= answer.values["bar"][0] < 1e-12


@pytest.mark.parametrize("part", [calls.for_sweep, calls.for_derivative, calls.for_picture])
def test_the_parts_of_a_budget_are_no_more_than_the_whole_and_grow_with_it(part: Callable[[int], int]) -> None:
    budgets = range(calls.LEAST_FOR_DERIVATIVE + calls.LEAST_SPARE, 2000)
    wholes = [calls.for_sweep(b) + calls.for_derivative(b) + calls.for_picture(b) + calls.LEAST_SPARE for b in budgets]
    assert all(whole <= budget for whole, budget in zip(wholes, budgets, strict=True))
    parts = [part(budget) for budget in budgets]
    assert all(more >= fewer - 1 for fewer, more in itertools.pairwise(parts))
