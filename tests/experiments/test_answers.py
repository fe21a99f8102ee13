"""The plain answer: the derivative with its bar, or why there is none, in one sentence before anything else."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

import derivkit as dk
from experiments import answers
from experiments.running import check


def told(f: Callable[[float], float], x: float, order: int = 1) -> str:
    rows = answers.answered(dk.Function.from_callable(f, name="mine:f"), np.array([x]), order)
    return str(rows.chunk["answer"][0])  # type: ignore[index]  # a chunk has arrays


def jump(x: float) -> float:
    return float(x > 1.0)


def failing(_: float) -> float:
    raise RuntimeError("no convergence")


def ending(x: float) -> float:
    return x * x + 0.0 * math.sqrt(1.0 - x)


@pytest.mark.parametrize(
    ("f", "x", "begins", "says"),
    [
        (math.sin, 1.0, "f'(1) = 0.54030230586", "f is smooth on both sides; step 0.11, 13 evaluations."),
        (lambda x: abs(x - 1.0), 1.0, "f'(1) does not exist", "slope is -1 on the left and 1 on the right"),
        (jump, 1.0, "f'(1) does not exist", "f jumps"),
        (jump, 1.0, "f'(1) does not exist", "its slope on the left is 0"),
        (math.sqrt, 0.0, "f'(0) is infinite", "f follows the power 0.5 of the distance"),
        (dk.Function.from_black_box("sin_noise").call, 0.7, "f'(0.7) = ", "f has noise of"),
        (failing, 1.0, "f'(1) is not known", "RuntimeError: no convergence"),
        (ending, 1.0, "f'(1) = 2.0000000", "f is known far enough on one side only"),
    ],
    ids=["smooth", "kink", "jump", "side of the jump", "vertical", "noise", "raised", "edge"],
)  # fmt: skip
def test_the_answer_begins_with_the_derivative_and_says_what_was_seen(
    f: Callable[[float], float], x: float, begins: str, says: str
) -> None:
    sentence = told(f, x)
    assert sentence.startswith(begins)
    assert says in sentence
    assert "(f = mine:f)" in sentence


def test_noise_that_is_random_is_told_to_be() -> None:
    draws = np.random.default_rng(0)
    sentence = told(lambda x: math.sin(x) + 1e-6 * draws.random(), 0.7)
    assert sentence.startswith("f'(0.7) = 0.7648")
    assert "far above rounding, and gives another value at a second call; step" in sentence


@pytest.mark.parametrize(("order", "begins"), [(2, "f''(1)"), (3, "f'''(1)"), (4, "f^(4)(1)")])
def test_the_answer_is_of_the_order_of_the_study(order: int, begins: str) -> None:
    assert told(math.exp, 1.0, order).startswith(f"{begins} = 2.718")


def test_an_expression_is_answered_beside_its_exact_derivative() -> None:
    rows = answers.answered(dk.Function.from_expression("x^2"), np.array([3.0])).chunk
    assert "exactly 6.0 (f = x^2)" in rows["answer"][0]  # type: ignore[index]  # a chunk has arrays
    assert abs(float(rows["value"][0]) - 6.0) <= float(rows["bar"][0])  # type: ignore[index]  # as above


@pytest.mark.parametrize(("text", "says"), [
    ("7", "exactly 0.0 (f = 7). The values of f agree with 0; "),
    ("x^2 + 1e-9", "exactly 0.0 (f = x^2 + 1e-9). The values of f agree with 0; "),
    ("1 + 1e-30*x", "exactly 1e-30 (f = 1 + 1e-30*x). It is too small to be told from 0; "),
])  # fmt: skip
def test_a_derivative_that_is_exactly_0_is_not_said_to_be_too_small(text: str, says: str) -> None:
    rows = answers.answered(dk.Function.from_expression(text), np.array([0.0])).chunk
    assert says in rows["answer"][0]  # type: ignore[index]  # a chunk has arrays


@pytest.mark.parametrize("f", [
    dk.Function.from_callable(lambda x: math.exp(-x) * math.sin(5.0 * x), name="mine:f", expression="exp(-x)*sin(4*x)"),
    dk.Function.from_expression("(exp(x)-exp(-x)-2*x)/x^2"),
], ids=["another function", "cancellation"])  # fmt: skip
def test_an_exact_derivative_outside_the_bar_is_told(f: dk.Function) -> None:
    rows = answers.answered(f, np.array([1.3, 5.182796468e-9])).chunk
    outside = np.abs(np.subtract(rows["value"], rows["exact"])) > rows["bar"]  # type: ignore[call-overload]  # arrays
    assert outside.any()
    assert [answers.OUTSIDE in sentence for sentence in rows["answer"]] == outside.tolist()  # type: ignore[union-attr]


@pytest.mark.parametrize("exponent", range(-300, 300, 37))
@pytest.mark.parametrize("digits", range(1, 17, 3))
def test_a_value_is_written_to_the_digit_at_which_its_bar_begins(exponent: int, digits: int) -> None:
    value = -1.2345678912345678 * 10.0**exponent
    bar = 3.21 * 10.0 ** (exponent - digits)
    written, given = map(float, dk.with_bar(value, bar).split(" ± "))
    assert abs(written - value) <= 0.51 * bar
    assert given == pytest.approx(bar, rel=0.02)


def test_points_of_several_jobs_are_told_once_and_of_many_the_first() -> None:
    sentences = [f"f'({k}) = 1" for k in range(9)]
    assert answers.in_words([*sentences, *sentences]) == [*sentences[:6], "The table answers has 3 more points."]


@pytest.mark.parametrize(
    ("configuration", "overrides", "typed"),
    [
        ({"python": "mine:f"}, [], True),
        ({"expression": "x^2"}, [], True),
        ({"x": 1.0}, ["x=1"], True),
        ({"x": 1.0}, [], False),
        ({}, ["delta=1", "function=sin"], False),
    ],
)
def test_a_function_or_a_point_that_somebody_wrote_is_typed(
    configuration: dict[str, object], overrides: list[str], typed: object
) -> None:
    assert check.is_typed(configuration, overrides) == typed


EXPRESSIONS = tuple(dk.Problem(dk.Function.from_expression(text), (0.0, 1.0)) for text in ("abs(x)", "exp(x)"))
BLACK_BOX = (dk.Problem(dk.Function.from_callable(math.exp, name="mine:f"), (0.0, 1.0)),)


@pytest.mark.parametrize(
    ("function", "typed", "named", "points"),
    [(EXPRESSIONS, 1, 0, 4), (EXPRESSIONS, 0, 1, 1), (EXPRESSIONS, 0, 0, 0), (BLACK_BOX, 0, 0, 2)],
    ids=["typed", "named", "preset", "black box"],
)
def test_all_that_was_typed_is_answered_and_of_named_functions_where_there_is_no_derivative(
    function: tuple[dk.Problem, ...], typed: int, named: int, points: int
) -> None:
    rows = list(answers.answers(SimpleNamespace(function=function), typed=bool(typed), named=bool(named)))
    assert sum(len(one.chunk["answer"]) for one in rows) == points  # type: ignore[arg-type]  # a chunk has arrays
