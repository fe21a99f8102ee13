"""Every axis of a relu network, one by one: a right gradient agrees at all, and wrong ones disagree where they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import derivkit as dk
from derivkit.testing import NetworkProblem, network_problem
from derivkit.types import Array

SIZES = (4, 7, 5)
"""A network of 75 parameters."""
SINGLY = 19
"""Directions, of which four times as many axes are checked one by one."""
Tree = dict[str, Array]


def by_a_thousandth(gradient: Tree, _: NetworkProblem) -> None:
    gradient["b2"] *= 1.001


def by_a_millionth(gradient: Tree, _: NetworkProblem) -> None:
    gradient["W1"][2, 3] += 1e-6


def by_a_mask(gradient: Tree, problem: NetworkProblem) -> None:
    """Backprop through a unit of the hidden layer that is taken for shut, as where `>` is written for `<`."""
    unit = int(np.argmax(np.linalg.norm(problem.gradient(problem.x)["W1"], axis=1)))
    gradient["W1"][unit], gradient["b1"][unit] = 0.0, 0.0


def checked(problem: NetworkProblem, gradient: Tree) -> dk.GradientCheck:
    return dk.check_gradient(problem.loss, gradient, problem.x, directions=SINGLY)


@pytest.mark.parametrize("has_kinks", [False, True], ids=["smooth", "at kinks"])
def test_a_right_gradient_of_a_relu_network_agrees_along_every_axis(has_kinks: bool) -> None:  # noqa: FBT001
    problem = network_problem("relu", seed=0, sizes=SIZES, has_kinks=has_kinks)
    check = checked(problem, problem.gradient(problem.x))
    assert check.claimed.shape == (75, 1)
    assert check.verdict == "agree"
    assert np.median(check.bars) < 1e-11
    assert ("kink" in check.statuses) == has_kinks


@pytest.mark.parametrize("spoil", [by_a_thousandth, by_a_millionth, by_a_mask])
def test_a_planted_bug_is_seen_in_exactly_the_entries_that_are_wrong(
    spoil: Callable[[Tree, NetworkProblem], None],
) -> None:
    problem = network_problem("relu", seed=1, sizes=SIZES)
    right, wrong = problem.gradient(problem.x), problem.gradient(problem.x)
    spoil(wrong, problem)
    check = checked(problem, wrong)
    assert check.verdict == "disagree"
    beyond = np.abs(check.claimed - check.measured) > check.bars
    assert np.array_equal(beyond.ravel(), problem.flat(right) != problem.flat(wrong))


def test_one_bar_of_hundreds_that_fails_by_little_is_no_mistake() -> None:
    x = np.linspace(-0.1, 0.1, 30)
    for seed in range(8):
        matrix = np.random.default_rng(seed).normal(size=(30, 30))

        def jacobian(x: Any, matrix: Any = matrix) -> Any:
            return (1.0 - np.tanh(matrix @ x) ** 2)[:, None] * matrix

        check = dk.check_jacobian(lambda x, matrix=matrix: np.tanh(matrix @ x), jacobian, x)
        assert check.verdict == "agree", check.message
        wrong = jacobian(x)
        wrong[7, 3] += 1e-9
        assert dk.check_jacobian(lambda x, matrix=matrix: np.tanh(matrix @ x), wrong, x).verdict == "disagree"
