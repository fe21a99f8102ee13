"""Breaks of a series: what one is worth, where it lies, and what only looks like one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import quick

import derivkit as dk
from derivkit.data.breaks import NOWHERE, Position, _evidence_of, _placed, _worth
from derivkit.data.models import Models, models
from derivkit.data.series import Break, Series, standardised
from derivkit.types import Array


def series(y: Array, *breaks: Break) -> Series:
    t = np.arange(y.size, dtype=float)
    return replace(standardised(t, y, np.ones(y.size))[0], level=0.05, breaks=breaks)


def roof(count: int = 120, noise: float = 0.5) -> Array:
    k = np.arange(count)
    return np.abs(k - 60.3) + noise * np.random.default_rng(1).standard_normal(count)


def stiff(sampled: Series) -> Models:
    return models(sampled, np.array([1]), np.array([40.0]))


TIMES = np.array([57.5, 59.25, 60.25, 60.75, 64.5])


@pytest.mark.parametrize("others", [(), (Break(30.4, 1),), (Break(58.5, 0), Break(90.5, 1))], ids=len)
@pytest.mark.parametrize("first", [0, 1])
def test_a_break_that_is_tried_at_many_places_has_the_evidence_that_it_has_there(
    first: int, others: tuple[Break, ...]
) -> None:
    sampled = series(roof(), Break(60.0, first), *others)
    some = stiff(sampled)
    together = _evidence_of(sampled, 0, sampled.breaks[0], TIMES, some)
    for t, evidence in zip(TIMES.tolist(), together.tolist(), strict=True):
        there = replace(sampled, breaks=(Break(t, first), *others))
        assert evidence == pytest.approx(stiff(there).evidence[0], abs=1e-6)


def test_a_corner_is_placed_between_the_samples_and_is_worth_more_than_a_bend() -> None:
    sampled = series(roof(), Break(62.0, 1))
    placed, positions = _placed(sampled, stiff(sampled), [NOWHERE], [0])
    low, high = (positions[0].quantile(chance) for chance in (0.025, 0.975))
    assert low <= 60.3 <= high
    assert high - low < 1.5
    assert _worth(placed, stiff(placed), positions)[0] > 5.0


@pytest.mark.parametrize("width", [2.0, 8.0])
def test_a_bend_is_worth_less_than_a_corner(width: float) -> None:
    """Of a hyperbola the corner is the likelier the narrower it is."""
    k = np.arange(120)
    noise = 0.5 * np.random.default_rng(1).standard_normal(120)
    worth = []
    for rounded in (width, 4.0 * width):
        sampled = series(np.hypot(k - 60.3, rounded) + noise, Break(60.0, 1))
        placed, positions = _placed(sampled, stiff(sampled), [NOWHERE], [0])
        worth.append(_worth(placed, stiff(placed), positions)[0])
    assert worth[1] < worth[0]


def test_a_place_that_is_well_known_costs_more_than_one_of_many() -> None:
    wide, narrow = (Position(np.arange(8.0), np.full(8, 0.125), np.full(8, width)) for width in (1.0, 0.01))
    assert wide.spread == pytest.approx(np.log(8.0))
    assert narrow.spread == pytest.approx(np.log(0.08))
    assert (wide.quantile(0.025), wide.quantile(0.975)) == (-0.5, 7.5)


def test_corners_are_found_where_roughness_changes_too() -> None:
    t = np.linspace(0.0, 8.0, 200)
    y = np.maximum(np.sin(1.4 * t), -0.3) + 0.01 * np.random.default_rng(2).standard_normal(200)
    rise = np.arcsin(0.3)
    truth = np.array([np.pi + rise, 2.0 * np.pi - rise, 3.0 * np.pi + rise]) / 1.4
    result = dk.from_samples(t, y)
    assert [corner.kind for corner in result.corners] == ["corner"] * 3
    assert [corner.t for corner in result.corners] == pytest.approx(truth, abs=0.08)


@pytest.mark.parametrize("seed", quick.part(range(3)))
def test_a_decay_of_two_rates_is_no_polygon(seed: int) -> None:
    t = np.linspace(0.0, 8.0, 300)
    y = np.exp(-4.0 * t) + 0.6 * np.exp(-0.4 * t) + 0.01 * np.random.default_rng(seed).standard_normal(300)
    assert not dk.from_samples(t, y).corners


def test_without_noise_a_corner_between_two_samples_is_a_corner() -> None:
    t = np.linspace(0.0, 3.0, 100)
    result = dk.from_samples(t, np.abs(t - 1.2345))
    assert [corner.kind for corner in result.corners] == ["corner"]
    assert result.corners[0].t == pytest.approx(1.2345, abs=1e-3)


def ball(count: int) -> tuple[Array, Array, Array]:
    """Times, heights and speeds of a ball that falls from 1.5 and bounces with four fifths of its speed."""
    t = np.linspace(0.0, 1.3, count)
    speed = np.sqrt(2.0 * 9.81 * 1.5)
    after = t - speed / 9.81
    height = np.where(after < 0.0, 1.5 - 4.905 * t**2, 0.8 * speed * after - 4.905 * after**2)
    return t, height, np.where(after < 0.0, -9.81 * t, 0.8 * speed - 9.81 * after)


@pytest.mark.parametrize("seed", quick.part(range(3)))
@pytest.mark.parametrize("count", [25, 33, 45, 60])
def test_a_bounce_between_few_samples_is_a_corner(count: int, seed: int) -> None:
    t, height, _ = ball(count)
    result = dk.from_samples(t, height + 0.01 * np.random.default_rng(seed).standard_normal(count))
    assert [corner.kind for corner in result.corners] == ["corner"]
    assert result.corners[0].t == pytest.approx(0.553, abs=0.01)


@pytest.mark.parametrize(("count", "off"), [(33, 3), (45, 2), (45, 3), (60, 3)])
@pytest.mark.parametrize("size", quick.part([0.3, 0.6]))
def test_a_bad_sample_hides_no_bounce_beside_it(count: int, off: int, size: float) -> None:
    t, height, speed = ball(count)
    y = height + 0.01 * np.random.default_rng(0).standard_normal(count)
    bad = int(np.argmin(height)) + off
    y[bad] += size
    result = dk.from_samples(t, y)
    assert bad in result.outliers
    assert [corner.kind for corner in result.corners] == ["corner"]
    away = np.abs(t - 0.553) > 2.0 * (t[1] - t[0])
    assert np.max(np.abs(result.value - speed)[away]) < 0.4
