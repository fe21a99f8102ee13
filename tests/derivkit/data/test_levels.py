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
