"""A sweep beside the truth: what is read off it is what the functions of the core say, and luck is told from skill."""

from __future__ import annotations

import math

import numpy as np
import pytest

import derivkit as dk

EXP = dk.Function.from_expression("exp(x)")
FORMULAS = tuple(map(dk.formula, ("forward_1", "central_4")))
SWEEP = dk.ErrorSweep(EXP, np.array([0.5, 1.0]), np.array([1e-1, 1e-4, 1e-20]), FORMULAS)


def test_errors_and_predictions_are_those_of_the_core_in_the_order_point_formula_delta() -> None:
    for k, x in enumerate(SWEEP.x):
        predictions = dk.predict_error(EXP, x, SWEEP.delta, formulas=FORMULAS)
        for j, entry in enumerate(FORMULAS):
            estimate = dk.difference(EXP, x, SWEEP.delta, formula=entry)
            np.testing.assert_array_equal(SWEEP.estimate[k, j], estimate)
            np.testing.assert_array_equal(SWEEP.error[k, j], np.abs(estimate - math.exp(x)))
            np.testing.assert_array_equal(SWEEP.truncation[k, j], predictions[j].truncation)
            np.testing.assert_array_equal(SWEEP.rounding[k, j], predictions[j].rounding)
    assert [SWEEP.STATUSES[code] for code in SWEEP.status[0, 0]] == ["ok", "ok", "step_vanished"]
    assert [SWEEP.PARTS[code] for code in SWEEP.larger[0, 0]] == ["truncation", "truncation", ""]


def test_a_part_of_a_sweep_has_the_bits_of_the_whole() -> None:
    part = SWEEP.part(slice(1, 2), slice(0, 2))
    for name in ("estimate", "error", "ulps", "rounding", "predicted", "status"):
        np.testing.assert_array_equal(getattr(part, name), getattr(SWEEP, name)[1:, :, :2])


def test_nothing_is_predicted_of_a_black_box_and_it_is_not_called_for_that() -> None:
    calls: list[int] = []

    def box(x: float) -> float:
        calls.append(1)
        return math.exp(x)

    f = dk.Function.from_callable(box, name="box")
    found = dk.ErrorSweep(f, np.array([1.0]), np.array([1e-4]), FORMULAS)
    assert [found.BOUNDS[code] for code in found.bound] == ["unknown", "unknown"]
    assert np.isnan(found.predicted).all()
    assert not calls


def test_errors_of_a_black_box_are_those_of_its_expression_but_for_those_below_the_bar() -> None:
    x, delta = np.array([0.5, 1.0]), dk.logspace(-12, -1, 45)
    known = dk.ErrorSweep(dk.Function.from_expression("exp(x)"), x, delta, FORMULAS)
    black = dk.ErrorSweep(dk.Function.from_callable(np.exp, name="exp"), x, delta, FORMULAS)
    bar = np.broadcast_to(black.reference[1], black.error.shape)
    assert np.all(bar < 1e-12)
    below = np.isnan(black.error)
    assert [black.STATUSES[code] for code in np.unique(black.status[below])] == ["below_bar"]
    assert np.all(known.error[below] <= 2.0 * bar[below])
    assert np.all(np.abs(known.error - black.error)[~below] <= bar[~below])
    assert np.isnan(black.ulps[below]).all()
    assert np.isnan(black.relative_error[below]).all()


def test_a_black_box_without_a_derivative_has_estimates_and_no_error() -> None:
    found = dk.ErrorSweep(dk.Function.from_callable(abs, name="abs"), np.array([0.0]), np.array([1e-4]), FORMULAS)
    assert {found.STATUSES[code] for code in found.status.ravel()} == {"no_exact"}
    assert np.isfinite(found.estimate).all()


def test_the_line_of_a_formula_goes_through_a_point_of_the_graph() -> None:
    lines = SWEEP.lines
    np.testing.assert_array_equal(lines.height, np.exp(lines.through))
    np.testing.assert_array_equal(lines.through[:, 1], np.broadcast_to(SWEEP.x[:, None], (2, 3)))
    np.testing.assert_array_equal(lines.right_value, np.exp(lines.right))


@pytest.mark.parametrize(
    ("delta", "error", "curve", "places"),
    [
        ([1e-3, 1e-2, 1e-1], [5.0, 1.0, 1.0], None, [2]),
        ([1e-3, 1e-2, 1e-1], [math.nan, math.nan, math.nan], None, []),
        ([1e-3, 1e-2, 1e-3, 1e-2], [2.0, 3.0, math.nan, 1.0], [1, 1, 0, 0], [3, 0]),
        ([1e-3, 1e-3], [1.0, 1.0], None, [0]),
        ([], [], None, []),
    ],
)
def test_of_equal_errors_that_of_the_largest_delta_is_the_least(
    delta: list[float], error: list[float], curve: list[int] | None, places: list[int]
) -> None:
    assert dk.least_errors(delta, error, curve=curve).tolist() == places


def test_an_error_far_below_its_truncation_is_typically_a_tenth_of_that_at_least() -> None:
    typical = dk.typical_error([1e-2, 1e-1], [1e-9, 1e-3], truncation=[1e-5, 1e-3])
    np.testing.assert_allclose(typical, [1e-6, 1e-3])
    assert math.isnan(dk.typical_error([1e-2], [math.nan], truncation=[1.0])[0])


def test_an_error_of_0_is_no_luck_where_those_at_smaller_deltas_are_0_too() -> None:
    typical = dk.typical_error([1e-4, 1e-8, 1e-12, 1e-15], [2e-4, 0.0, 0.0, 0.0], truncation=[2e-4, 2e-8, 2e-12, 2e-15])
    assert typical.tolist() == [2e-4, 0.0, 0.0, 0.1 * 2e-15]  # below the last nothing tells
    hits = dk.typical_error([1e-8, 1e-9, 1e-10, 1e-11], [0.0, 0.0, 0.0, 1e-6], truncation=[1e-9, 1e-10, 1e-11, 1e-12])
    assert np.all(hits > 0.0)  # zeros above an error are hits
