"""Judges of derivatives of measured data: what they count is what a hand counts, and a false claim is caught."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from records import SIGNALS, away

from derivkit.data.methods import Slopes
from derivkit.testing.sampling import SAMPLED_GOALS, Scores, beside_breaks, score, strengths
from derivkit.testing.signals import Signal

HAT = Signal(
    name="hat", kind="corners", expression="1-abs(t-1)", start=0.0, end=2.0, samples=41, noise=0.01, corners=(1.0,)
)
BUMP = Signal(name="bump", kind="smooth", expression="exp(-t^2)", start=-2.0, end=2.0, samples=40, noise=0.1)


def scores(*rows: dict[str, Any]) -> Scores:
    names = {**rows[0], "oracle": 1.0}
    return Scores(**{name: np.array([row.get(name, 1.0) for row in rows]) for name in names})


def perfect(signal: Signal, **more: Any) -> dict[str, Any]:
    sampled = signal.draw(0)
    truth = np.nan_to_num(sampled.slope)
    slopes = Slopes(value=truth, error=np.full(truth.shape, 1e-9), **more)
    return score("five", signal, 0, sampled, slopes)


def test_the_truth_covers_all_that_has_a_slope() -> None:
    row = perfect(HAT)
    assert row["rms"] == 0.0
    assert (row["away"], row["away_covered"]) == (38, 38.0)
    assert (row["at"], row["at_covered"]) == (3, 2.0)


def test_a_sample_that_is_said_to_be_at_a_corner_counts_as_covered() -> None:
    broken = np.abs(HAT.draw(0).t - 1.0) < 0.01
    row = perfect(HAT, broken=broken, corners=(1.02,))
    assert row["at_covered"] == 3.0
    assert (row["strong"], row["found"], row["false"]) == (1, 1.0, 0.0)


@pytest.mark.parametrize(("corners", "found", "false"), [((), 0.0, 0.0), ((0.3,), 0.0, 1.0), ((0.99, 1.7), 1.0, 1.0)])
def test_corners_are_found_where_they_are_and_false_elsewhere(
    corners: tuple[float, ...], found: float, false: float
) -> None:
    row = perfect(HAT, broken=np.zeros(41, dtype=bool), corners=corners)
    assert (row["found"], row["false"]) == (found, false)


def test_a_method_without_an_interval_is_judged_by_its_error_alone() -> None:
    sampled = HAT.draw(0)
    row = score("five", HAT, 0, sampled, Slopes(value=np.zeros(41)))
    assert row["rms"] == 1.0
    assert all(math.isnan(row[name]) for name in ("away_covered", "at_covered", "found", "false"))


def test_the_strength_of_a_corner_is_how_far_it_leads_from_a_straight_line() -> None:
    assert strengths(HAT) == pytest.approx([2.0 * 0.5 / 0.01], rel=1e-4)
    step = Signal(name="step", kind="corners", expression="heaviside(t-1)", start=0.0, end=3.0, samples=9, noise=0.1,
                  jumps=(1.0,))  # fmt: skip
    assert strengths(step) == pytest.approx([10.0])


@pytest.mark.parametrize("signal", SIGNALS["tuning"][::5], ids=lambda signal: signal.name)
def test_samples_away_from_breaks_are_all_others(signal: Signal) -> None:
    sampled = signal.draw(0)
    assert (away(signal, sampled) == ~beside_breaks(signal, sampled)).all()


def test_goals_tell_a_method_that_is_right_from_one_that_is_not() -> None:
    sampled = BUMP.draw(0)
    wrong = score("five", BUMP, 0, sampled, Slopes(value=sampled.slope + 3.0, error=np.ones(40)))
    of = {goal.measure: goal for goal in SAMPLED_GOALS}
    ratio = of["five sets: error over the oracle's, geometric mean"]
    least = of["smooth signals: worst coverage"]
    assert (ratio.judge(scores(wrong)).reached, least.judge(scores(wrong)).reached) == ("no", "no")
    assert least.judge(scores(perfect(BUMP))).reached == "yes"
    assert ratio.judge(scores({**wrong, "rms": 0.5})).measured == pytest.approx(0.5)


def test_an_interval_that_covers_everything_is_no_good_either() -> None:
    most = next(goal for goal in SAMPLED_GOALS if goal.bound == "most" and goal.unit == "%")
    assert most.judge(scores(perfect(BUMP))).reached == "no"
