"""Noise whose level changes along a record: no break of the signal, and told apart from one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import quick

import derivkit as dk
from derivkit.data.levels import louder
from derivkit.data.models import candidates
from derivkit.data.series import standardised
from derivkit.types import Array

T = np.linspace(0.0, 8.0, 240)
LEVELS: dict[str, Callable[[Array, Array], Array]] = {
    "proportional to the signal": lambda _, y: 0.1 * np.abs(y),
    "louder and louder": lambda t, _: 0.03 * 10.0 ** (t / 8.0),
    "fading": lambda t, _: 0.3 * 0.08 ** (t / 8.0),
    "a loud quarter": lambda t, _: np.where((t > 3.0) & (t < 5.0), 0.25, 0.04),
}
"""The standard deviation of the noise by time and signal."""


def noise(seed: int) -> Array:
    return np.random.default_rng(seed).standard_normal(T.size)


@pytest.mark.parametrize("seed", quick.part(range(3), every=3))
@pytest.mark.parametrize("level", quick.part(LEVELS.values(), every=2), ids=LEVELS)
def test_loud_parts_are_no_breaks(level: Callable[[Array, Array], Array], seed: int) -> None:
    signal, slope = 1.5 + np.sin(T), np.cos(T)
    result = dk.from_samples(T, signal + level(T, signal) * noise(seed))
    assert result.corners == ()
    assert np.mean(np.abs(result.value - slope) <= result.error) >= 0.85


def test_intervals_are_wide_where_it_is_loud() -> None:
    result = dk.from_samples(T, np.sin(T) + LEVELS["louder and louder"](T, T) * noise(1))
    assert "the noise changes along the record, from 0.0" in result.message
    calm, loud = (np.median(result.error[part]) for part in (slice(20, 80), slice(160, 220)))
    assert loud > 2.0 * calm


def losses(count: int, seed: int) -> tuple[Array, Array]:
    """A decay to nothing or to a floor with noise of 4 percent, and its slope."""
    generator = np.random.default_rng((count, seed))
    t, rate = np.arange(float(count)), generator.uniform(2.0, 9.0) / count
    decay = 2.3 * np.exp(-rate * t)
    return (decay + 0.2 * (seed % 2)) * (1.0 + 0.04 * generator.standard_normal(count)), -rate * decay


@pytest.mark.parametrize("counts", quick.part([[50, 100], [200, 300]]))
def test_a_loss_that_decays_with_noise_in_proportion_has_no_breaks_and_intervals_that_hold(
    counts: list[int],
) -> None:
    """At most one break per 1000 points, and two standard deviations of a number of that size."""
    drawn = [losses(count, seed) for count in counts for seed in range(6)]
    found = [(slope, dk.from_samples(np.arange(float(y.size)), y)) for y, slope in drawn]
    allowed = 1e-3 * sum(slope.size for slope, _ in found)
    assert sum(len(result.corners) for _, result in found) <= allowed + 2.0 * np.sqrt(allowed)
    assert np.mean([np.mean(np.abs(result.value - slope) <= result.error) for slope, result in found]) >= 0.9


def test_at_the_ends_levels_go_on_as_they_change() -> None:
    true = 0.3 * np.exp(-0.6 * T)
    series, *_ = standardised(T, np.sin(T) + true * noise(5), np.ones(T.size))
    changed = louder(series, candidates(series))
    assert changed is not None
    found = np.sqrt(changed[0].variance / changed[0].variance[T.size // 2])
    assert np.max(np.abs(np.log(found * true[T.size // 2] / true))) < np.log(2.0)


def test_a_jump_is_found_in_noise_that_grows() -> None:
    signal = np.sin(T) + (T > 2.5)
    result = dk.from_samples(T, signal + LEVELS["louder and louder"](T, signal) * noise(0))
    assert [corner.kind for corner in result.corners] == ["jump"]
    assert result.corners[0].low <= 2.5 <= result.corners[0].high


@pytest.mark.parametrize("known", [None, 0.1])
def test_noise_of_one_level_stays_so(known: float | None) -> None:
    series, *_ = standardised(T, np.sin(T) + 0.1 * noise(3), np.ones(T.size), known)
    assert louder(series, candidates(series)) is None
    assert "the noise changes" not in dk.from_samples(T, np.sin(T) + 0.1 * noise(3), noise=known).message


@pytest.mark.parametrize("count", [240, 500])
def test_rounding_is_no_noise_that_changes(count: int) -> None:
    t = np.linspace(0.0, 1.0, count)
    assert "changes" not in dk.from_samples(t, 2.0 * t + 1.0).message
