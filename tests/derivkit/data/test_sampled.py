"""Derivatives of samples: intervals that hold, breaks that are found, and what must not change a result."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import quick
from hypothesis import given, settings
from hypothesis import strategies as st
from records import SIGNALS, away, covered

import derivkit as dk
from derivkit.data import channel, models
from derivkit.data.channel import student
from derivkit.data.grouping import _averaged
from derivkit.data.series import Series
from derivkit.testing.sampling import BROKEN_MODEL
from derivkit.testing.signals import Signal
from derivkit.types import Array

EVERY = [signal for signals in SIGNALS.values() for signal in signals if signal.samples <= 1000]
LEAST_COVERED = 0.85
"""Of the worst record: of 60 samples with intervals at 95 % and neighbours alike, 88 % less two standard deviations."""

LEAST_OF_PIECES = 0.6
"""Straight pieces between corners have one slope each: of six at 95 %, two are missed by chance in 3 of 100 records."""


def wave(count: int = 60, noise: float = 0.05) -> tuple[Array, Array]:
    t = np.linspace(0.0, 6.0, count)
    return t, np.sin(t) + noise * np.random.default_rng(0).standard_normal(count)


@pytest.mark.parametrize("signal", quick.part(EVERY, every=16), ids=lambda signal: signal.name)
def test_intervals_hold_away_from_breaks(signal: Signal) -> None:
    sampled = signal.draw(11)
    result = dk.from_samples(sampled.t, sampled.y)
    least = LEAST_OF_PIECES if signal.breaks else LEAST_COVERED
    assert np.mean(covered(sampled, result)[away(signal, sampled)]) >= least


@pytest.mark.slow
@pytest.mark.parametrize("half", ["tuning", "held_out"])
def test_intervals_hold_at_95_percent_and_are_not_wide_for_nothing(half: str) -> None:
    rates, kinds = (
        [],
        [signal for signal in SIGNALS[half] if signal.kind not in BROKEN_MODEL and signal.samples <= 1000],
    )
    for signal in kinds:
        sampled = signal.draw(12)
        rates.append(np.mean(covered(sampled, dk.from_samples(sampled.t, sampled.y))[away(signal, sampled)]))
    assert 0.93 <= np.mean(rates) <= 0.995
    halved = [signal for signal in kinds if signal.noise > 1e-3][::4]
    narrow = []
    for signal in halved:
        sampled = signal.draw(12)
        result = dk.from_samples(sampled.t, sampled.y)
        narrow.append(np.mean(covered(sampled, replace(result, error=0.25 * result.error))[away(signal, sampled)]))
    assert np.mean(narrow) < 0.8  # a quarter of the interval is no interval


def test_the_coverage_tells_an_interval_that_is_too_narrow() -> None:
    """What the tests above look at is no quantity that is always large."""
    signal = next(signal for signal in EVERY if signal.name == "bell")
    sampled = signal.draw(3)
    result = dk.from_samples(sampled.t, sampled.y)
    assert np.mean(covered(sampled, replace(result, error=0.1 * result.error))) < LEAST_COVERED


@pytest.mark.parametrize("name", ["hat", "step_on_wave"])
def test_breaks_are_found_and_placed(name: str) -> None:
    signal = next(signal for signal in EVERY if signal.name == name)
    sampled = signal.draw(5)
    result = dk.from_samples(sampled.t, sampled.y)
    assert [corner.kind for corner in result.corners] == ["corner"] * len(signal.corners) + ["jump"] * len(signal.jumps)
    for corner, t in zip(result.corners, signal.breaks, strict=True):
        assert corner.low <= t <= corner.high or abs(corner.t - t) <= 2.0 * np.median(np.diff(sampled.t))
        assert f"a {corner.kind} at {dk.with_bar(corner.t, 0.5 * (corner.high - corner.low))}" in result.message


def test_the_slopes_beside_a_corner_have_intervals_that_hold() -> None:
    t, hits = np.linspace(0.0, 2.0, 80), []
    for seed in range(12):
        y = np.abs(t - 1.0) + 0.5 * t**2 + 0.03 * np.random.default_rng(seed).standard_normal(80)
        for corner in dk.from_samples(t, y).corners:
            hits += [abs(corner.left) <= corner.left_error, abs(corner.right - 2.0) <= corner.right_error]
            assert max(corner.left_error, corner.right_error) < 1.0
    assert len(hits) >= 20
    assert np.mean(hits) >= LEAST_COVERED


@pytest.mark.slow
def test_a_smooth_signal_has_hardly_a_corner() -> None:
    smooth = [signal for signal in SIGNALS["tuning"] if signal.kind == "smooth" and signal.samples <= 1000]
    drawn = [signal.draw(7) for signal in smooth]
    corners = sum(len(dk.from_samples(each.t, each.y).corners) for each in drawn)
    assert corners <= 1e-3 * sum(each.t.size for each in drawn) + 1.0


def test_outliers_are_named_by_their_rows() -> None:
    t, y = wave(100)
    y[[20, 61]] += [2.0, -3.0]
    assert dk.from_samples(t, y).outliers == (20, 61)
    both = dk.from_samples(t, np.stack([np.cos(t), y], axis=1))
    assert both.outliers == ((20, 1), (61, 1))


@pytest.mark.parametrize("row", [0, 1, 3, -3, -1])
def test_outliers_next_to_the_ends_are_named_too(row: int) -> None:
    t, y = wave(100)
    y[row] += 3.0
    result = dk.from_samples(t, y)
    assert result.outliers == (row % 100,)
    assert np.mean(np.abs(result.value - np.cos(t)) <= result.error) >= LEAST_COVERED


def test_white_noise_has_no_slope_that_would_be_told_from_0() -> None:
    for seed in range(3):
        result = dk.from_samples(np.arange(100.0), np.random.default_rng(seed).standard_normal(100))
        assert np.mean(np.abs(result.value) <= result.error) >= LEAST_COVERED


@pytest.mark.parametrize("count", quick.part([4, 5, 6, 7]))
def test_few_samples_have_wide_intervals_that_hold(count: int) -> None:
    hits = []
    for seed in range(40):
        generator = np.random.default_rng(seed)
        t = np.sort(generator.uniform(0.0, 2.0, count))
        result = dk.from_samples(t, np.sin(t) + 0.1 * generator.standard_normal(count))
        hits.append(np.abs(result.value - np.cos(t)) <= result.error)
    assert np.mean(hits) >= LEAST_COVERED


def test_without_noise_it_is_interpolation() -> None:
    t = np.linspace(0.0, 6.0, 60)
    result = dk.from_samples(t, np.sin(t), at=np.linspace(0.5, 5.5, 200))
    error = np.abs(result.value - np.cos(np.linspace(0.5, 5.5, 200)))
    assert np.mean(error <= result.error) >= LEAST_COVERED
    assert error.max() < 1e-6


@pytest.mark.parametrize("order", [1, 2, 3])
def test_higher_orders_have_their_intervals(order: int) -> None:
    t, y = wave(150, 0.02)
    result = dk.from_samples(t, y, order)
    truth = [np.cos(t), -np.sin(t), -np.cos(t)][order - 1]
    assert np.mean(np.abs(result.value - truth) <= result.error) >= LEAST_COVERED


@pytest.mark.parametrize("order", quick.part([2, 3]))
@pytest.mark.parametrize("count", [11, 20, 50])
def test_higher_orders_of_whatever_the_samples_make_likely(count: int, order: int) -> None:
    """Of few samples of a wave whose roughness seems to change, only low orders have a changing one."""
    t = np.linspace(0.0, 6.0, count)
    for seed in range(3):
        result = dk.from_samples(t, np.sin(3.0 * t) + 0.01 * np.random.default_rng(seed).standard_normal(count), order)
        assert np.isfinite(result.value).all()


@settings(max_examples=4)
@given(st.floats(-1e3, 1e3), st.floats(0.1, 10.0), st.floats(-1e3, 1e3), st.floats(0.1, 10.0))
def test_units_and_origins_are_nobodys_business(shift: float, stretch: float, lift: float, gain: float) -> None:
    t, y = wave(40)
    plain, moved = dk.from_samples(t, y), dk.from_samples(stretch * t + shift, gain * y + lift)
    # times and values near 1000 are rounded to 1e-13, of which grouping by likelihood makes no more than this
    assert moved.value * stretch / gain == pytest.approx(plain.value, abs=1e-5 * plain.error.max())
    assert moved.error * stretch / gain == pytest.approx(plain.error, rel=1e-4)


def test_neither_order_nor_direction_matters() -> None:
    t, y = wave()
    plain, order = dk.from_samples(t, y), np.random.default_rng(1).permutation(t.size)
    mixed, back = dk.from_samples(t[order], y[order]), dk.from_samples(-t, y)
    assert np.array_equal(mixed.value, plain.value[order])
    assert back.value == pytest.approx(-plain.value, abs=0.05 * plain.error.max())


def test_channels_are_what_they_are_alone() -> None:
    t, y = wave()
    both = dk.from_samples(t, np.stack([y, -2.0 * y], axis=1), at=[1.0, 2.0])
    assert both.value.shape == both.status.shape == (2, 2)
    assert both.value[:, 0].tolist() == dk.from_samples(t, y, at=[1.0, 2.0]).value.tolist()
    assert both.noise.shape == (2,)


def test_one_time_gives_numbers() -> None:
    t, y = wave()
    one = dk.from_samples(t, y, at=3.0)
    assert isinstance(one.value, float)
    assert isinstance(one.error, float)
    assert one.status == "ok"


def test_samples_of_the_same_time_are_averaged_and_that_is_said() -> None:
    t, y = wave(40)
    result = dk.from_samples(np.repeat(t, 2), np.repeat(y, 2) + np.tile([0.1, -0.1], 40))
    assert "80 samples averaged with others of the same time" in result.message
    assert result.curve[::2] == pytest.approx(dk.from_samples(t, y).curve, abs=0.1)


def test_gaps_and_what_lies_beyond_are_told() -> None:
    t, y = wave(100)
    y[(t > 2.0) & (t < 3.5)] = np.nan
    result = dk.from_samples(t, y, at=[-1.0, 1.0, 2.7, 7.0])
    assert result.status.tolist() == ["unresolved", "ok", "gap", "unresolved"]
    assert np.isnan(result.value[[0, 3]]).all()
    assert np.isinf(result.error[[0, 3]]).all()
    assert result.error[2] > 1.2 * result.error[1]


def test_a_period_has_no_edges() -> None:
    t = np.linspace(0.0, 2.0 * np.pi, 80, endpoint=False)
    y = np.sin(t) + 0.05 * np.random.default_rng(0).standard_normal(80)
    result = dk.from_samples(t, y, period=2.0 * np.pi, at=[0.0, 2.0 * np.pi, 4.0 * np.pi])
    assert result.value == pytest.approx(result.value[0])
    assert abs(result.value[0] - 1.0) <= result.error[0]
    assert result.error[0] < 0.5 * dk.from_samples(t, y, at=0.0).error


DAYS = [dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=k) for k in range(40)]


@pytest.mark.parametrize(
    "dates",
    [
        DAYS,
        pd.Series(DAYS),
        pd.DatetimeIndex(DAYS),
        np.array([day.replace(tzinfo=None) for day in DAYS], "datetime64[s]"),
        [day.isoformat() for day in DAYS],
    ],
    ids=["datetime", "series", "index", "numpy", "text"],
)
def test_dates_are_seconds_and_that_is_said(dates: Any) -> None:
    y = np.abs(np.arange(40.0) - 20.0)
    result = dk.from_samples(dates, y + 0.01 * np.random.default_rng(0).standard_normal(40))
    assert result.unit == "s"
    assert "the derivative is per s" in result.message
    assert result.value[5] * 86400.0 == pytest.approx(-1.0, abs=0.1)
    assert abs(result.corners[0].t - np.datetime64("2026-01-21")) < np.timedelta64(1, "D")


@pytest.mark.parametrize(
    "at",
    [
        DAYS[5],
        np.datetime64("2026-01-06"),
        "2026-01-06",
        "2026-01-06T01:00+01:00",
        pd.Timestamp(DAYS[5]),
    ],
    ids=str,
)
def test_a_date_at_which_it_is_wanted_may_be_written_in_any_way(at: Any) -> None:
    y = np.sin(0.2 * np.arange(40.0)) + 0.01 * np.random.default_rng(0).standard_normal(40)
    assert dk.from_samples(DAYS, y, at=at).value == pytest.approx(dk.from_samples(DAYS, y).value[5], rel=1e-6)


def test_the_date_of_a_corner_has_the_digits_that_its_interval_allows() -> None:
    y = np.abs(np.arange(40.0) - 20.3)
    noise = np.random.default_rng(0).standard_normal(40)
    for level, form in (
        (0.3, r"a corner at 2026-01-2\dT\d\d:00 ± [\d.]+ h:"),
        (1e-6, r"T07:1[12]:\d\d(\.\d+)? ± [\d.]+ m?s:"),
    ):
        assert re.search(form, dk.from_samples(DAYS, y + level * noise).message)
    spans = np.arange(40).astype("timedelta64[D]")
    assert re.search(r"a corner at 1\.75\d*e\+06 ± [\d.e+]+ s:", dk.from_samples(spans, y + 0.01 * noise).message)


@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_values_of_any_size_have_derivatives(size: float) -> None:
    t, y = wave(40)
    assert dk.from_samples(t, size * y).value / size == pytest.approx(dk.from_samples(t, y).value, rel=1e-6)


T, Y = wave(10)
WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: dk.from_samples(T, Y[:9]), r"t has 10 times and y the shape \(9,\): give as many rows of y"),
    (lambda: dk.from_samples(T[:3], Y[:3]), "y has samples at 3 different times; .* needs 4 at least"),
    (lambda: dk.from_samples(np.ones(10), Y), "y has samples at 1 different time;"),
    (lambda: dk.from_samples([], []), "y has samples at 0 different times;"),
    (lambda: dk.from_samples(T, np.full(10, np.nan)), "y has samples at 0 different times;"),
    (lambda: dk.from_samples(T[:4], Y[:4], 2), "of order 2 with its error needs 5 at least"),
    (lambda: dk.from_samples(T, np.where(T > 3, np.inf, Y)), r"y\[5\] is inf: write NaN where there is no sample"),
    (lambda: dk.from_samples(np.where(T > 3, np.nan, T), Y), r"t\[5\] is nan: every sample needs a time"),
    (lambda: dk.from_samples(T, ["a"] * 10), "y=.*: give a real number, or an array of them"),
    (lambda: dk.from_samples(T, Y, 4), "order=4: write a whole number from 1 to 3"),
    (lambda: dk.from_samples(T, Y, noise=-1), r"noise must be a positive finite number, not -1\.0"),
    (lambda: dk.from_samples(T, Y, noise=[0.1] * 10), r"noise has the shape \(10,\): give one number"),  # type: ignore[arg-type]
    (lambda: dk.from_samples(T, Y, at="2026-01-01"), "give both t and at as numbers"),
    (lambda: dk.from_samples(DAYS, np.ones(40), at="noon"), "at='noon': neither a number nor a date; write a date as"),
    (lambda: dk.from_samples(T, Y, period=0), r"period must be a positive finite number, not 0\.0"),
    (lambda: dk.from_samples(np.ones((5, 2)), Y), r"t has the shape \(5, 2\)"),
    (lambda: dk.from_samples(T, Y, at=np.array(["2026-01-01"], "datetime64[D]")), "give both t and at as numbers"),
    (lambda: dk.from_samples(np.array(["NaT"] * 10, "datetime64[D]"), Y), r"t\[0\] is NaT: every sample needs a time"),
]


@pytest.mark.parametrize(("call", "words"), WRONG, ids=[words for _, words in WRONG])
def test_bad_input_gets_one_clear_line(call: Callable[[], Any], words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words) as raised:
        call()
    assert "\n" not in str(raised.value)


def test_a_long_record_is_grouped_and_its_interval_holds() -> None:
    t = np.linspace(0.0, 20.0, 8000)
    y = np.sin(t) + 0.1 * np.random.default_rng(0).standard_normal(t.size)
    y[777] = 9.0
    result = dk.from_samples(t, y)
    assert np.mean(np.abs(result.value - np.cos(t)) <= result.error) >= LEAST_COVERED
    assert 777 in result.outliers
    assert result.noise == pytest.approx(0.1, rel=0.1)


@pytest.mark.slow
def test_pieces_of_a_long_record_fit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    t = np.linspace(0.0, 40.0, 800)
    y = np.sin(t) + 0.05 * np.random.default_rng(0).standard_normal(t.size)
    whole = dk.from_samples(t, y)
    monkeypatch.setattr(channel, "CHUNK", 200)
    parts = dk.from_samples(t, y)
    assert np.abs(parts.value - whole.value).max() <= whole.error.max()


def test_no_changing_roughness_is_seen_where_there_is_none() -> None:
    """Without the cost of its changes a roughness that wanders would be the likelier model of pure noise."""
    _, y = wave(80)
    series = Series(np.arange(80.0), (y - y.mean()) / y.std(), np.ones(80))
    with np.errstate(all="ignore"):
        even, *uneven = models.candidates(series)
    assert all(each.evidence.max() <= even.evidence.max() + 3.0 for each in uneven)


@pytest.mark.parametrize(("freedom", "quantile"), [(2, 4.303), (3, 3.182), (5, 2.571), (30, 2.042), (1000, 1.962)])
def test_student(freedom: int, quantile: float) -> None:
    assert student(freedom) == pytest.approx(quantile, rel=0.02)


def test_a_derivative_of_samples_is_a_table() -> None:
    t = np.linspace(0.0, 3.0, 40)
    one = dk.from_samples(t, np.sin(t))
    assert list(one.columns) == ["t", "value", "error", "status", "curve", "curve_error"]
    frame = one.frame()
    assert len(frame) == 40
    np.testing.assert_array_equal(frame["value"], one.value)
    two = dk.from_samples(t, np.stack([np.sin(t), np.cos(t)], axis=-1), at=[1.0, 2.0]).frame()
    assert two["t"].tolist() == [1.0, 1.0, 2.0, 2.0]
    assert two["channel"].tolist() == [0, 1, 0, 1]
    assert np.abs(two["value"] - np.array([np.cos(1), -np.sin(1), np.cos(2), -np.sin(2)])).max() < 1e-3
    assert len(dk.from_samples(t, np.sin(t), at=1.0).frame()) == 1


COEFFICIENTS = ([1.0], [2.0, 1.0], [1.0, -2.0, 3.0], [0.5, 1.0, -1.0, 0.5])
"""Of polynomials, by degree."""


@pytest.mark.parametrize("count", [4, 5, 8, 16, 17, 50, *quick.part([120, 333, 500], every=3)])
@pytest.mark.parametrize("coefficients", COEFFICIENTS, ids=lambda coefficients: f"degree_{len(coefficients) - 1}")
def test_an_exact_polynomial_has_its_slope_and_no_breaks(coefficients: list[float], count: int) -> None:
    generator = np.random.default_rng(count)
    for t in (np.linspace(0.0, 1.0, count), np.sort(generator.uniform(0.0, 1.0, count))):
        lift, gain = generator.choice([0.0, 1e6, -3.0]), generator.choice([1.0, 1e-3, 1e5])
        result = dk.from_samples(t, lift + gain * np.polyval(coefficients, t))
        slope = gain * np.polyval(np.polyder(np.poly1d(coefficients)), t)
        assert result.corners == ()
        assert result.outliers == ()
        assert np.mean(np.abs(result.value - slope) <= result.error) >= 0.75
        # rounding is divided by a step, and among random ones are steps far less than the mean
        if count >= 16 and np.ptp(np.diff(t)) < 1e-6:
            assert result.error.max() <= 1e-9 * count**2 * (gain + abs(lift))


@settings(max_examples=12)
@given(
    st.integers(4, 60), st.integers(0, 3), st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.sampled_from([0.1, 0.3, 0.7])
)
def test_nothing_exact_is_singular(count: int, degree: int, lift: float, gain: float, period: float) -> None:
    """Lines, parabolas, steps of few values, and what comes again after a period that steps divide."""
    t = np.linspace(0.0, 1.0, count)
    y = lift + gain * np.polyval(COEFFICIENTS[degree], t)
    for values in (y, np.round(4.0 * (y - lift) / gain)):
        assert np.isfinite(dk.from_samples(t, values).value).all()
        if np.unique(np.round(np.mod(t, period), 9)).size >= 6:
            assert np.isfinite(dk.from_samples(t, values, period=period).value).all()


@pytest.mark.parametrize("size", [2, 8])
def test_groups_of_few_digits_or_of_uneven_steps_have_no_outliers(size: int) -> None:
    generator = np.random.default_rng(0)
    even, uneven, ones = np.linspace(0.0, 6.0, 800), np.sort(generator.uniform(0.0, 6.0, 800)), np.ones(800)
    for t, y in ((even, np.round(np.sin(even) + 0.02 * generator.standard_normal(800), 1)), (uneven, uneven**2)):
        assert not _averaged(t, y, ones, size).outliers.any()
        assert _averaged(t, np.where(np.arange(800) == 300, 90.0, y), ones, size).outliers[300]


def test_samples_of_one_phase_are_averaged_and_that_is_said() -> None:
    t = 0.1 * np.arange(60)
    signs = np.repeat([1.0, -1.0], 30)
    result = dk.from_samples(t, np.sin(2.0 * np.pi * t / 3.0) + 0.01 * signs, period=3.0)
    assert "60 samples averaged with others of the same time" in result.message
    assert result.value == pytest.approx(2.0 * np.pi / 3.0 * np.cos(2.0 * np.pi * t / 3.0), abs=1e-3)
    with pytest.raises(ValueError, match=r"y has samples at 3 different times of the period; .* needs 4 at least"):
        dk.from_samples(t, np.sin(t), period=0.3)


@pytest.mark.parametrize("lift", [1e3, 1e6])
def test_an_interval_is_not_lost_beside_a_large_value(lift: float) -> None:
    """As the root of the difference of two squares it would be known to 1e-8 of the value at best."""
    t = np.linspace(0.0, 1.0, 40)
    noise = 1e-10 * np.random.default_rng(0).standard_normal(40)
    result = dk.from_samples(t, lift * t + lift * noise)
    assert np.mean(np.abs(result.value - lift) <= result.error) >= LEAST_COVERED
    assert result.error.max() < 1e-8 * lift


def test_the_message_says_no_length_that_is_less_than_a_step_or_more_than_the_record() -> None:
    t = 0.1 * np.arange(100)
    through = dk.from_samples(t, np.sin(t))
    assert "with nothing to average: the curve goes through the samples" in through.message
    straight = dk.from_samples(t, t + 0.1 * np.random.default_rng(0).standard_normal(100))
    assert straight.scale <= 9.9
    assert f"averaged over lengths of about {straight.scale:.2g}" in straight.message
    both = dk.from_samples(t, np.stack([np.sin(t), t + 0.1 * np.random.default_rng(0).standard_normal(100)], axis=1))
    assert "averaged over lengths of about less than a step, " in both.message
