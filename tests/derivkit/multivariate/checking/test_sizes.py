"""Quantiles of chi-square, and the power of a check, against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from derivkit.multivariate.checking.sizes import MARGIN, chi_square_below, chi_square_quantile, detectable_size, size_of


@pytest.mark.parametrize("degrees", [1, 2, 3, 8, 40, 300])
@pytest.mark.parametrize("part", [0.001, 0.025, 0.5, 0.975, 0.9999])
def test_quantiles_are_those_of_scipy(degrees: int, part: float) -> None:
    stats = pytest.importorskip("scipy.stats")
    assert chi_square_quantile(part, degrees) == pytest.approx(stats.chi2.ppf(part, degrees), rel=1e-10)


def test_two_degrees_are_an_exponential_law() -> None:
    assert chi_square_below(3.0, 2) == pytest.approx(1.0 - math.exp(-1.5), rel=1e-14)


@pytest.mark.parametrize("rows", [1, 4])
def test_the_interval_holds_its_confidence_for_any_error(rows: int) -> None:
    random = np.random.default_rng(0)
    error = random.standard_normal((rows, 30))
    covered = 0
    for _ in range(1000):
        residuals = random.standard_normal((8, 30)) @ error.T
        _, (low, high) = size_of(residuals, np.zeros((8, rows)))
        covered += low <= np.linalg.norm(error) <= high
    assert covered >= 930  # 950 less three standard deviations


def test_an_error_of_the_detectable_size_is_within_all_margins_in_one_of_a_hundred_cases() -> None:
    bars = np.array([[1.0], [2.0], [0.5], [1.5]])
    products = detectable_size(bars) * np.random.default_rng(0).standard_normal((4, 100_000))
    missed = np.mean(np.all(np.abs(products) <= MARGIN * bars, axis=0))
    assert missed == pytest.approx(0.01, abs=0.001)


@pytest.mark.parametrize("bars", [np.empty((0, 1)), np.zeros((3, 1)), np.full((3, 1), np.inf)])
def test_without_bars_nothing_is_detectable(bars: np.ndarray) -> None:
    assert detectable_size(bars) == math.inf
