"""How gradients of samples spread: the law of batches against all batches, ranks and slopes against their meaning."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import derivkit as dk
from derivkit.multivariate.batches import drawn_shares

RELU = dk.Network((4, 6, 3), name="relu")
ROUNDING = 1e-13
"""A few hundred roundings in float64, for sums of some tens of numbers near 1."""
FAR = 5.0
"""Standard errors that 1 of 1.7 million normal measurements exceeds; the seeds are fixed."""


@pytest.mark.parametrize("size", [1, 2, 5])
def test_half_is_the_least_number_of_a_choice_of_any_that_make_it(size: int) -> None:
    sizes = np.random.default_rng(size).exponential(size=size)
    chosen = [c for n in range(size + 1) for c in itertools.combinations(sizes, n) if sum(c) >= sizes.sum() / 2]
    assert dk.fewest_for_half(sizes) == len(chosen[0])


def batches_of(count: int, batch: int, *, replace: bool) -> np.ndarray:
    """Every batch that can be drawn, each as likely as another."""
    if replace:
        return np.array(list(itertools.product(range(count), repeat=batch)))
    return np.array(list(itertools.permutations(range(count), batch)))


@pytest.mark.parametrize("replace", [True, False])
@pytest.mark.parametrize("batch", [1, 2, 3, 5])
def test_the_law_is_the_mean_over_every_batch_that_can_be_drawn(batch: int, *, replace: bool) -> None:
    samples = RELU.draw(dk.Data(), 5)
    spread = dk.sample_gradients(RELU, RELU.initial(), samples)
    alone = np.array([RELU.backprop(RELU.initial(), samples.take([k])) for k in range(5)])
    errors = alone[batches_of(5, batch, replace=replace)].mean(axis=1) - alone.mean(axis=0)
    found = np.mean(np.sum(errors**2, axis=1))
    expected = spread.variance * spread.batch_factor(batch, replace=replace)
    assert expected == pytest.approx(found, rel=1e-12, abs=1e-28)


@pytest.mark.parametrize("replace", [True, False])
def test_a_batch_that_is_drawn_is_one_of_them_and_all_samples_have_their_share(*, replace: bool) -> None:
    shares = drawn_shares(6, 4, 20_000, np.random.default_rng(0), replace=replace)
    assert np.all(np.abs(shares.sum(axis=1) - 1) < ROUNDING)
    times = 4 * shares
    assert np.array_equal(times, np.round(times))
    assert times.max() == (4 if replace else 1)
    variance = 4 / 6 * (5 / 6) if replace else 4 / 6 * (2 / 6)
    assert np.all(np.abs(times.mean(axis=0) - 4 / 6) < FAR * math.sqrt(variance / 20_000))
    assert times.var() == pytest.approx(variance, rel=0.02)  # 120,000 numbers: its standard error is below 0.4 %


def test_the_slope_of_a_power_is_its_exponent_with_the_error_of_least_squares() -> None:
    x, doubt = np.array([1.0, 2, 4, 8]), np.full(4, 0.1)
    slope, uncertainty = dk.log_slope(x, 3 * x**-0.75, doubt)
    assert slope == pytest.approx(-0.75, abs=ROUNDING)
    # sigma / sqrt(sum of (log x - mean)^2), and log x is -1.5, -0.5, 0.5, 1.5 times log 2 about its mean
    assert uncertainty == pytest.approx(0.1 / math.sqrt(5) / math.log(2), rel=1e-12)
    random = np.random.default_rng(0)
    noisy = [dk.log_slope(x, x**-0.5 * np.exp(0.1 * random.standard_normal(4)), doubt)[0] for _ in range(4000)]
    assert np.std(noisy) == pytest.approx(uncertainty, rel=0.06)  # 5 standard errors, 1/sqrt(8000) each
    assert all(math.isnan(value) for value in dk.log_slope(x[:1], x[:1], doubt[:1]))


def test_ranks_alone_decide_the_rank_correlation_and_equal_values_share_theirs() -> None:
    random = np.random.default_rng(0)
    x, y = random.standard_normal((2, 50))
    assert dk.rank_correlation(x, y) == pytest.approx(dk.rank_correlation(np.exp(3 * x), y**3), abs=ROUNDING)
    assert dk.rank_correlation(x, x**3) == pytest.approx(1, abs=ROUNDING)
    # ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4, less their means: 4.5 / sqrt(4.5 * 5)
    tied = dk.rank_correlation(np.array([1.0, 2, 2, 9]), np.array([1.0, 2, 3, 4]))
    assert tied == pytest.approx(math.sqrt(0.9), rel=1e-12)
    assert math.isnan(dk.rank_correlation(np.ones(3), np.arange(3.0)))


def test_descent_goes_by_the_rate_times_the_gradient_and_leaves_its_start_as_it_was() -> None:
    samples, start = RELU.draw(dk.Data(), 9), RELU.initial()
    first = start - 0.1 * RELU.backprop(start, samples)
    assert np.array_equal(dk.descend(RELU, start, samples, rate=0.1, steps=1), first)
    again = first - 0.1 * RELU.backprop(first, samples)
    assert np.array_equal(dk.descend(RELU, start, samples, rate=0.1, steps=2), again)
    assert np.array_equal(start, RELU.initial())


@pytest.mark.parametrize("objective", ["softmax_cross_entropy", "mean_squared_error"])
def test_samples_that_are_drawn_are_as_the_loss_takes_them_with_the_labels_of_their_data(objective: str) -> None:
    network = dk.Network((4, 3), (), objective)
    samples = network.draw(dk.Data(), 7, seed=3)
    assert network.losses(network.initial(), samples).shape == (7,)
    assert samples.labels.tolist() == [k % 3 for k in range(7)]
    assert np.array_equal(samples.inputs, dk.generated(7, inputs=4, classes=3, seed=3).inputs)
