"""The cost model of a gradient: what it counts, and its fit to times that were made up."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import derivkit as dk
from derivkit.multivariate import cost
from derivkit.multivariate.brute_force import WAYS

WIDE = (784, 128, 10)
EVERY = (*WAYS, "backprop", "one forward pass")
CASES = tuple(itertools.product([(64, units, 10) for units in (4, 16, 64)], (1, 8, 128)))


def made_up(way: str, times: dict[str, float]) -> list[float]:
    counted = (dk.count_work(way, *case) for case in CASES)
    return [sum(times.get(kind, 0.0) * pieces for kind, pieces in work.items()) for work in counted]


def fitted(way: str, seconds: list[float]) -> dk.CostModel:
    return dk.fit_cost(way, *zip(*CASES, strict=True), seconds)


def test_naive_brute_force_makes_two_passes_per_parameter_and_one() -> None:
    assert dk.count_work("naive", WIDE, 1)["passes"] == 2 * 101_770 + 1


def test_a_matrix_is_packed_for_several_samples_and_not_for_one() -> None:
    one, several = (dk.count_work("one forward pass", WIDE, samples) for samples in (1, 2))
    assert (one["parameters packed"], several["parameters packed"]) == (0, 101_770)
    assert one["parameters read"] == several["parameters read"] == 101_770


@pytest.mark.parametrize("way", EVERY)
def test_every_kind_of_work_has_a_nominal_time(way: str) -> None:
    assert set(dk.count_work(way, (4, 16, 3), 2)) <= set(cost.NOMINAL)
    assert dk.nominal_cost(way).seconds((4, 16, 3), 2) > 0.0


def test_a_way_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="no way named 'quick'; there are one forward pass, backprop, naive"):
        dk.count_work("quick", (4, 16, 3), 2)


@pytest.mark.parametrize("sizes", [(4, 16, 3), (5, 7, 6, 3), (3, 2)])
def test_the_work_of_the_incremental_way_is_what_it_counts_where_no_unit_is_shut(sizes: tuple[int, ...]) -> None:
    network = dk.Network(sizes, ("tanh",) if len(sizes) > 2 else ())
    samples = network.draw(dk.Data(), 6)
    found = dk.brute_force(network, network.initial(), samples, delta=1e-5)
    base = len(samples) * network.multiply_adds
    assert dk.count_work("incremental", sizes, 6)["multiply-adds"] == found.multiply_adds - base


def test_the_fit_finds_the_times_that_were_made_up_and_predicts_other_sizes() -> None:
    model = fitted("naive", made_up("naive", {"passes": 3e-5, "multiply-adds": 4e-11, "activations": 2e-9}))
    # All have two layers, and the other multiply-adds than 75 per activation go with the samples, as the outputs do and
    # the inputs: only sums can be known.
    assert model.times["passes"] + 2 * model.times["layers passed"] == pytest.approx(3e-5, rel=1e-6)
    together = 75 * model.times["multiply-adds"] + model.times["activations"]
    assert together == pytest.approx(75 * 4e-11 + 2e-9, rel=1e-6)
    work = dk.count_work("naive", (64, 32, 10), 32)
    seconds = 3e-5 * work["passes"] + 4e-11 * work["multiply-adds"] + 2e-9 * work["activations"]
    assert model.seconds((64, 32, 10), 32) == pytest.approx(seconds, rel=1e-9)


def test_no_time_of_a_fit_is_below_zero() -> None:
    matrix = np.array([[1.0, 1.0], [1.0, 2.0], [1.0, 4.0]]) / np.array([[3.0], [2.0], [1.0]])
    times = cost._not_negative(matrix)
    assert np.all(times >= 0.0)
    alone = matrix[:, 0] @ np.ones(3) / (matrix[:, 0] @ matrix[:, 0])
    assert times == pytest.approx([alone, 0.0])
