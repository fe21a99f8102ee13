"""The attainable error against proved bounds and exact scalings; the measures of an error bar against arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import derivkit as dk
from derivkit.testing.attainability import (
    attainable,
    covered,
    formulas,
    least_smoothed,
    loss,
    miss_size,
    tightness,
)
from derivkit.trusted.truth import Truth, truth

Array = NDArray[np.float64]
X = np.array([-3.0, -0.7, 0.3, 1.0, 2.5, 9.0])
STEPS = np.ldexp(1.0, np.arange(-40, 3))


def best(text: str, x: Array, *, derivative: int = 1) -> tuple[Array, Truth]:
    f = dk.Function.from_expression(text)
    assert f.expression is not None
    known = truth(f.expression, x, order=derivative)
    return attainable(f, x, known, derivative=derivative), known


@pytest.mark.parametrize("derivative", [1, 2, 3, 4])
@pytest.mark.parametrize("text", ["exp(x)", "sin(x)"])
def test_what_is_attained_is_within_what_theory_promises(text: str, derivative: int) -> None:
    found, _ = best(text, X, derivative=derivative)
    f = dk.Function.from_expression(text)
    bounds = dk.predict_error(f, X[:, None], STEPS, formulas=formulas(derivative))
    assert all(bound.proved for bound in bounds)
    # Every error is within its bound, so every median of errors is within the median of the bounds.
    assert np.all(found <= least_smoothed(np.array([bound.total for bound in bounds])))


@pytest.mark.parametrize("derivative", [1, 2, 3, 4])
def test_nothing_is_attained_that_no_formula_attains(derivative: int) -> None:
    found, known = best("exp(x)*sin(3*x)", X, derivative=derivative)
    f = dk.Function.from_expression("exp(x)*sin(3*x)")
    steps = np.ldexp(1.0, np.arange(-60, 54))
    all_errors = [
        Truth(known.high[:, None], known.low[:, None]).distance(
            dk.difference(f, X[:, None], steps, formula=formula, derivative=derivative)
        )
        for formula in formulas(derivative)
    ]
    assert np.all(found >= np.nanmin(np.array(all_errors), axis=(0, -1)))


def test_it_is_near_the_rounding_error_of_the_best_step() -> None:
    # 6 pairs, S = sum |w| = 2.6: rounding u S |f| / h at h near 1 is 1e-16 to 1e-15 of f; A may win by luck, not much.
    found, known = best("exp(x)", np.random.default_rng(0).uniform(-3, 3, 300))
    assert 1e-16 < np.median(found / known.high) < 1e-14


def test_a_better_formula_does_not_make_it_worse_and_a_fifth_order_is_not_attained_by_lines() -> None:
    known = truth(dk.parse("exp(x)"), X)
    lines = [dk.stencil([0, 1]), dk.stencil([-1, 0])]
    f = dk.Function.from_expression("exp(x)")
    swept = dk.sweep(f, X, STEPS, formulas=lines)
    of_lines = least_smoothed(Truth(known.high[:, None], known.low[:, None]).distance(swept.estimate))
    found = attainable(f, X, known)
    assert np.all(found <= of_lines)
    # sqrt(eps) is the law of a forward difference; higher formulas are seven digits better.
    assert np.all(found < 1e-4 * of_lines)


@pytest.mark.parametrize("power", [-300, -40, 40, 300])
def test_scaling_by_a_power_of_two_scales_it_exactly(power: int) -> None:
    scale = 2.0**power
    known = truth(dk.parse("sin(x)"), X)
    plain = attainable(np.sin, X, known)
    stretched = attainable(lambda x: np.sin(x * scale), X / scale, Truth(known.high * scale, known.low * scale))
    np.testing.assert_array_equal(stretched, plain * scale)
    larger = attainable(lambda x: np.sin(x) * scale, X, Truth(known.high * scale, known.low * scale))
    np.testing.assert_array_equal(larger, plain * scale)


@pytest.mark.parametrize("text", ["sin(x)", "exp(100*x)", "sin(1000*x)", "1/(1+25*x^2)"])
def test_powers_of_two_are_no_lucky_steps_but_their_nodes_are_exact(text: str) -> None:
    f = dk.Function.from_expression(text)
    x = np.random.default_rng(2).uniform(1.0, 5.0, 100)
    known = truth(dk.parse(text), x)

    def typical(factor: float) -> float:
        found = dk.sweep(f, x, factor * np.ldexp(1.0, np.arange(-50, 20)), formulas=formulas(1))
        return float(np.median(least_smoothed(Truth(known.high[:, None], known.low[:, None]).distance(found.estimate))))

    # 237/256 has eight bits, so that x + 6 h is exact for all but the smallest steps, and doubles no rounding error.
    assert 0.5 < typical(237 / 256) / typical(1.0) < 2.0


def test_a_polynomial_of_low_degree_is_attained_to_the_last_bit() -> None:
    # With few bits in x and in the steps nothing is rounded at all.
    found, _ = best("3*x^2-x", np.array([-3.0, 0.25, 1.0, 2.5]))
    assert found.tolist() == [0.0] * 4


def test_at_the_end_of_a_domain_only_one_side_counts() -> None:
    inside = dk.Function.from_expression("sin(3*x)", domain=(0.0, 1.0))
    known = truth(dk.parse("sin(3*x)"), np.array([1.0]))
    backward = [formula for formula in formulas(1) if max(formula.offsets) == 0]
    swept = dk.sweep(inside, [1.0], np.ldexp(1.0, np.arange(-60, 10)), formulas=backward)
    expected = least_smoothed(Truth(known.high[:, None], known.low[:, None]).distance(swept.estimate))
    np.testing.assert_array_equal(attainable(inside, np.array([1.0]), known), expected)


def test_noise_of_a_hundred_millionth_costs_about_that() -> None:
    x = np.random.default_rng(1).uniform(-3, 3, 200)
    known = truth(dk.parse("sin(x)"), x)
    rough = np.median(attainable(dk.Function.from_black_box("sin_noise"), x, known))
    smooth = np.median(attainable(np.sin, x, known))
    # The scale of the sine is 1: a long formula divides noise of 1e-8, and rounding of 1e-16, by steps of about 1.
    assert 1e-10 < rough < 1e-6
    assert smooth < 1e-6 * rough


def test_without_a_truth_there_is_nothing_to_attain_and_without_values_it_is_infinite() -> None:
    nothing = Truth(np.array([math.nan]), np.array([math.nan]))
    assert np.isnan(attainable(np.sin, np.array([1.0]), nothing)[0])
    zero = Truth(np.zeros(1), np.zeros(1))
    assert attainable(lambda x: np.full_like(x, np.nan), np.array([1.0]), zero)[0] == math.inf


def test_a_lucky_hit_does_not_count_and_neither_do_two() -> None:
    errors = np.full((2, 1, 9), 5.0)
    errors[0, 0, 4] = 0.0
    assert least_smoothed(errors)[0] == 5.0
    errors[0, 0, 5] = 0.0
    assert least_smoothed(errors)[0] == 5.0
    errors[0, 0, 6] = 1.0
    assert least_smoothed(errors)[0] == 1.0


@given(st.lists(st.floats(0.0, 1e3) | st.just(math.nan), min_size=5, max_size=12))
def test_the_smoothing_is_the_running_median(errors: list[float]) -> None:
    known = [math.inf if math.isnan(e) else e for e in errors]
    medians = [sorted(known[k : k + 5])[2] for k in range(len(known) - 4)]
    assert least_smoothed(np.array([[errors]]))[0] == min(medians)


@pytest.mark.parametrize("derivative", [1, 2, 3, 4])
def test_the_formulas_are_central_on_3_to_13_nodes_and_one_sided_on_up_to_8(derivative: int) -> None:
    shapes = {(min(f.offsets), max(f.offsets)) for f in formulas(derivative)}
    least = 1 if derivative <= 2 else 2
    central = {(-m, m) for m in range(least, 7)}
    sides = {side for n in range(derivative, 8) for side in ((0, n), (-n, 0))}
    assert shapes == central | sides


# The measures

ONE = Truth(np.array(1.0), np.array(0.0))
ULP = 2.0**-52


def test_the_nearest_float_is_covered_without_a_bar_and_the_next_is_not() -> None:
    third = truth(dk.parse("x/3"), 0.0)
    assert covered(third.high, 0.0, third)
    assert not covered(np.nextafter(third.high, 1.0), 0.0, third)


def test_a_planted_error_is_caught_and_measured() -> None:
    value = 1.0 + 1e-6
    assert covered(value, 1.1e-6, ONE)
    assert not covered(value, 1e-7, ONE)
    assert float(miss_size(value, 1e-7, ONE)) == pytest.approx(10.0, rel=1e-8)
    assert not covered(math.nan, math.inf, ONE)
    assert not covered(value, math.nan, ONE)


@given(st.floats(0.5, 1.5), st.floats(1e-20, 1.0))
def test_a_claim_is_covered_unless_the_miss_is_larger_than_1(value: float, error: float) -> None:
    size = float(miss_size(value, error, ONE))
    assert bool(covered(value, error, ONE)) == (size <= 1.0) or size == pytest.approx(1.0, abs=1e-12)


def test_a_claim_is_tight_if_it_is_the_error_or_what_anybody_could_attain() -> None:
    assert float(tightness(1.0 + 1e-6, 1e-6, ONE, 1e-9)) == pytest.approx(1.0, rel=1e-8)
    assert float(tightness(1.0, 1e-9, ONE, 1e-9)) == 1.0
    assert float(tightness(1.0, ULP / 2, ONE, 0.0)) == 1.0
    assert float(tightness(1.0, 1e-7, ONE, 1e-9)) == pytest.approx(100.0)


def test_the_loss_is_1_for_the_attainable_error_and_says_nothing_where_there_is_none() -> None:
    assert float(loss(1.0 + 1e-9, ONE, 1e-9)) == pytest.approx(1.0, rel=1e-6)
    assert float(loss(1.0 + 1e-6, ONE, 1e-9)) == pytest.approx(1000.0, rel=1e-6)
    assert float(loss(1.0, ONE, 0.0)) == 1.0
    assert np.isnan(loss(1.0, ONE, 2e-3))
    assert np.isnan(loss(math.nan, ONE, 1e-9))


@pytest.mark.parametrize("measure", [tightness, loss])
def test_the_measures_keep_the_shape_of_their_arrays(measure: Callable[..., Array]) -> None:
    many = Truth(np.ones(3), np.zeros(3))
    arguments = (np.ones(3), np.ones(3), many, np.ones(3)) if measure is tightness else (np.ones(3), many, np.ones(3))
    assert measure(*arguments).shape == (3,)
