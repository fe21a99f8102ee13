"""Gradients with planted mistakes: their sizes, their places, and that the rest is the gradient by backprop."""

from __future__ import annotations

import numpy as np
import pytest

import derivkit as dk
from derivkit.testing.plants import LARGE_NETWORK, PLANTS, correct_gradient, network_problem, plant, random_error


@pytest.mark.parametrize("kind", PLANTS)
@pytest.mark.parametrize("size", [1.0, 1e-3, 1e-8])
def test_the_error_of_a_plant_has_the_size_that_is_chosen(kind: str, size: float) -> None:
    planted = plant(kind, network_problem("relu", seed=1), seed=1, size=size)
    error = np.linalg.norm(planted.claimed - planted.true) / np.linalg.norm(planted.true)
    # the claim is rounded to eps, beside which the least size is 1e-8
    assert error == pytest.approx(size, rel=1e-6)
    assert planted.size == pytest.approx(size, rel=1e-12)


@pytest.mark.parametrize("kind", PLANTS)
def test_a_plant_is_the_same_for_the_same_seed_and_differs_from_the_truth(kind: str) -> None:
    first, again = (plant(kind, network_problem("tanh", seed=2), seed=5) for _ in range(2))
    assert np.array_equal(first.claimed, again.claimed)
    assert 0 < first.wrong.size <= first.true.size


@pytest.mark.parametrize("kind", ["correct", *PLANTS])
def test_the_truth_of_a_plant_is_the_gradient_of_its_loss(kind: str) -> None:
    on = network_problem("tanh", seed=3, sizes=(3, 4, 2), count=5)
    planted = correct_gradient(on) if kind == "correct" else plant(kind, on, seed=0)
    own, x = planted.problem, planted.problem.flat(planted.problem.x)
    direction = np.random.default_rng(0).standard_normal(x.size)
    slope = dk.derivative(lambda t: own.loss(own.unflat(x + t * direction)), 0.0)
    rounding = 8.0 * np.finfo(float).eps * float(np.abs(direction) @ np.abs(planted.true))
    assert abs(slope.value - direction @ planted.true) <= slope.error + rounding


def test_a_tree_and_its_flat_vector_are_the_same_parameters() -> None:
    on = network_problem("relu", seed=4)
    flat = on.flat(on.x)
    assert [name for name, _, _ in on.blocks] == [f"x['{name}']" for name in on.x]
    assert all(np.array_equal(on.unflat(flat)[name], array) for name, array in on.x.items())
    assert np.array_equal(on.vector(on.x), on.parameters)


def test_a_problem_with_kinks_has_a_sample_whose_sums_are_all_0() -> None:
    on = network_problem("relu", seed=0, has_kinks=True)
    layers = on.network.forward(on.parameters, on.samples)
    assert all(not layer.z[:, 0].any() for layer in layers)


def test_the_large_network_has_as_many_parameters_as_a_small_image_classifier() -> None:
    assert network_problem("relu", sizes=LARGE_NETWORK, count=2).parameters.size == 101_770


def test_a_random_error_is_in_every_entry() -> None:
    on = network_problem("tanh")
    for seed in (0, 1):
        assert random_error(on, seed=seed, size=0.05).wrong.size > 0.9 * on.parameters.size
