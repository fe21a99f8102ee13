"""What claims are worth: measures of one claim by hand, and which functions are regular."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from families import built

from derivkit.testing import Assessment, Bench, Claims, Truth, quantile, regular, share

SMOOTH = {"category": "entire", "expression": "exp(x)", "draws": {"uniform": [-2, 2]}}


def assessed(truth: float, value: float, error: float, *, best: float, status: str = "ok", **more: Any) -> Assessment:
    """The measures of one claim, by hand."""
    one = np.ones(1)
    (family,) = built({"probe": {**SMOOTH, **more}})
    claim = Claims(
        value=value * one,
        error=error * one,
        status=np.array([status]),
        evaluations=np.array([9]),
        noise=np.nan * one,
        delta=np.nan * one,
        total=9,
        counted=9,
        distinct=9,
        seconds=np.nan * one,
        requested="real",
        message=np.array([""]),
    )
    known = Bench(family=family, x=one, truth=Truth(truth * one, 0.0 * one), best=best * one, visible=one > 0)
    return known.assess(claim)


def test_measures_of_a_bar_that_is_three_times_too_short() -> None:
    found = assessed(1.0, 1.0 + 3e-10, 1e-10, best=1e-12)
    assert not found.covered
    assert found.true_error == pytest.approx(3e-10, rel=1e-6)
    assert found.miss == pytest.approx(3.0, rel=1e-5)
    assert found.tightness == pytest.approx(1.0 / 3.0, rel=1e-6)
    assert found.loss == pytest.approx(300.0, rel=1e-6)


def test_half_an_ulp_is_granted_and_no_more() -> None:
    ulp = 2.0**-52
    assert assessed(1.0, 1.0 + ulp, 0.5 * ulp, best=0.0).covered
    assert not assessed(1.0, 1.0 + ulp, 0.49 * ulp, best=0.0).covered


def test_slack_is_granted_and_no_more() -> None:
    assert assessed(1.0, 1.02, 0.0125, best=0.0, slack=0.0078125).covered
    assert not assessed(1.0, 1.02, 0.0121, best=0.0, slack=0.0078125).covered
    assert assessed(1.0, 1.02, 0.0125, best=0.0, slack=0.0078125).miss < 1.0


def test_a_bar_is_measured_against_what_could_be_attained() -> None:
    found = assessed(1.0, 1.0, 1e-9, best=1e-10)
    assert (found.tightness, found.loss) == (pytest.approx(10.0), pytest.approx(2.0**-53 / 1e-10))


def test_a_loss_is_measured_where_three_digits_can_be_had() -> None:
    assert assessed(1.0, 1.1, 1.0, best=1e-3).loss == pytest.approx(100.0)
    assert math.isnan(assessed(1.0, 1.1, 1.0, best=1.1e-3).loss[0])


@pytest.mark.parametrize(
    ("status", "truth", "error", "best", "settled"),
    [
        ("ok", 1.0, 1e-9, 1e-10, True),
        ("noisy", 1.0, 1e-9, 1e-10, False),
        ("below_resolution", 0.0, 1e-9, 0.0, True),
        ("below_resolution", 1e-10, 1e-9, 1e-10, True),
        ("below_resolution", 2e-9, 1e-9, 1e-8, False),
        ("below_resolution", 1e-10, 1e-9, 1e-20, False),
    ],
)
def test_a_bound_settles_a_derivative_that_nobody_can_tell_from_0(
    status: str,
    truth: float,
    error: float,
    best: float,
    settled: bool,  # noqa: FBT001 -- the value that is expected
) -> None:
    assert assessed(truth, 0.0, error, best=best, status=status).settled == settled


def test_a_quantile_is_one_of_the_values_also_beside_infinity() -> None:
    values = np.array([np.nan, 1.0, 2.0, 3.0, np.inf])
    assert [quantile(values, part) for part in (0.25, 0.5, 0.51, 0.75, 0.9)] == [1.0, 2.0, 3.0, 3.0, math.inf]
    assert quantile(values[:4], 1.0) == 3.0
    assert math.isnan(quantile(np.array([np.nan]), 0.5))


def test_what_is_regular_is_smooth_at_the_scale_of_x_and_undisturbed() -> None:
    shape = {"expression": "exp(x)", "points": [1]}
    rows = {
        "a": {"category": "physics", **shape},
        "b": {"category": "oscillation", **shape},
        "c": {"category": "physics", "noise": {"absolute": 1e-9}, **shape},
    }
    assert [regular(family) for family in built(rows)] == [True, False, False]


def test_the_share_of_nothing_is_no_number() -> None:
    assert share([True, False, True, True]) == 0.75
    assert math.isnan(share([]))
