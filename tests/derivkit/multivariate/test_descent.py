"""Descents beside one another: the curvature, crossings of kinks, and the law of first order where it is exact."""

from __future__ import annotations

import math

import numpy as np
import pytest

import derivkit as dk

RELU, TANH = (dk.Network((4, 8, 3), (name,), name=name) for name in ("relu", "tanh"))
LINEAR = dk.Network((3, 2), (), "mean_squared_error", name="linear")
"""Its loss is of second degree in the parameters: the law of first order is exact."""


def course(network: dk.Network, *, rate: float, steps: int = 6, batch: int = 5) -> dk.Course:
    random = np.random.default_rng(0)
    choices = np.array([random.permutation(9)[:batch] for _ in range(steps)])
    samples = network.draw(dk.Data(), 9)
    return dk.Course(network=network, start=network.initial(), samples=samples, choices=choices, rate=rate)


def test_a_crossing_is_a_unit_that_is_open_for_a_sample_at_one_place_alone() -> None:
    samples, one = RELU.draw(dk.Data(), 20), RELU.initial()
    other = one + 0.3 * np.random.default_rng(1).standard_normal(RELU.count)
    signs = [[RELU.forward(at, samples.take([n]))[0].z > 0 for n in range(20)] for at in (one, other)]
    expected = sum(int(np.sum(a != b)) for a, b in zip(*signs, strict=True))
    assert dk.sides_changed(RELU, one, other, samples) == expected > 0
    assert dk.sides_changed(RELU, one, one, samples) == 0


def test_the_curvature_is_that_of_second_differences_of_the_loss() -> None:
    samples, at = TANH.draw(dk.Data(), 10), TANH.initial()
    along = np.random.default_rng(0).standard_normal(TANH.count)
    step = 1e-3
    losses = [TANH.loss(at + k * step * along, samples) for k in (-2, -1, 0, 1, 2)]
    expected = np.array([-1, 16, -30, 16, -1]) @ losses / (12 * step**2)
    assert along @ dk.hessian_product(TANH, at, samples, along) == pytest.approx(expected, rel=1e-4)
    assert not np.any(dk.hessian_product(TANH, at, samples, np.zeros(TANH.count)))


def test_the_law_is_the_distance_where_the_loss_is_of_second_degree() -> None:
    walk, wrong = dk.Walk(course(LINEAR, rate=0.1)), np.linspace(-0.1, 0.1, LINEAR.count)
    for _ in range(6):
        assert walk.error(walk.exact + wrong) == pytest.approx(
            np.linalg.norm(wrong) / np.linalg.norm(walk.exact), rel=1e-12
        )
        walk.step(walk.exact + wrong)
    found = walk.distances()
    assert found.predicted == pytest.approx(found.distance, rel=1e-5)  # hessian_product is good to some 1e-6
    reference = walk.course.reference[-1]
    assert found.accumulated == pytest.approx(6 * 0.1 * np.linalg.norm(wrong) / np.linalg.norm(reference), rel=1e-9)


def test_a_walk_by_backprop_in_float64_is_the_path_itself_and_one_in_float32_strays_by_its_rounding() -> None:
    for dtype, most in ((np.float64, 0.0), (np.float32, 1e-5)):
        walk = dk.Walk(course(TANH, rate=0.5), dtype)
        for _ in range(6):
            assert walk.batch.dtype == dtype
            walk.step(TANH.backprop(walk.parameters, walk.batch))
        assert walk.distances().distance <= most


def test_a_path_of_backprop_ends_where_its_loss_is_no_number_and_distances_are_unknown_from_there_on() -> None:
    wild = course(LINEAR, rate=1e200)
    assert len(wild.reference) == 1
    walk = dk.Walk(wild)
    walk.step(np.zeros(LINEAR.count))
    assert math.isnan(walk.distances().distance)
    assert math.isnan(walk.distances().predicted)


def test_backprop_costs_two_products_for_every_weight_but_those_of_the_first_layer() -> None:
    # z = M (a, 1) and the products of slopes and inputs, of 5 x 8 and 9 x 3; back through the 8 x 3 weights of layer 2
    assert TANH.backprop_multiply_adds == 2 * (40 + 27) + 24


@pytest.mark.parametrize(
    ("error", "since"), [([0.5, 1.0, 0.7, 1.0, 1.0], 3), ([1.0, 1.0], 0), ([1.0, 0.7], -1), ([0.7, 1.0], -1)]
)
def test_a_gradient_is_0_from_the_step_on_from_which_it_errs_by_all_of_itself(error: list[float], since: int) -> None:
    assert dk.TrainingPath(columns={"error": np.array([*error, np.nan])}).still_since == since


def test_the_steps_at_which_the_law_fails_are_counted_by_their_cause() -> None:
    columns = {
        "loss": np.ones(6),
        "distance": np.array([0.0, 1e-3, 1e-3, 0.5, 1e-3, np.nan]),
        "predicted": np.array([0.0, 1e-3, 2e-3, 0.1, 2e-3, np.nan]),
        "crossed": np.array([0, 0, 0, 0, 1, 0]),
    }
    assert dk.TrainingPath(columns=columns).judge_law(near=0.1, apart=0.01) == (4, 1, 1, 1)
