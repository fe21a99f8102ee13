"""The observed order of a formula, and why a slope is off or missing, each reason provoked."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import derivkit as dk
from derivkit import orders
from derivkit.orders import error_curves

POWERS = tuple(2.0**k for k in range(-30, 0))


def row(text: str, x: float, method: str, *, delta: tuple[float, ...] = POWERS, **more: Any) -> dk.OrderExplanation:
    (found,) = dk.explain_order(dk.Function.from_expression(text, **more), x, delta, formulas=[method])
    return found


@pytest.mark.parametrize(
    ("method", "order"), [("forward_1", 1), ("backward_2", 2), ("central_2", 2), ("forward_3", 3), ("central_4", 4)]
)
def test_a_smooth_function_shows_the_claimed_order(method: str, order: int) -> None:
    found = row("exp(x)", 1.0, method)
    assert (found.verdict, found.reason) == ("as claimed", "")
    assert found.order_observed == pytest.approx(order, abs=0.05)
    assert found.order_here == found.order == order


@pytest.mark.parametrize("derivative", [1, 2, 3, 4])
def test_the_order_does_not_depend_on_the_derivative(derivative: int) -> None:
    f, formulas = (
        dk.Function.from_expression("exp(3*x)"),
        [dk.formula(n, derivative) for n in ("forward_1", "central_2")],
    )
    found = dk.explain_order(f, 0.5, POWERS, formulas=formulas)
    assert [one.verdict for one in found] == ["as claimed"] * 2


def test_the_slope_is_taken_where_truncation_stands_clear_of_rounding() -> None:
    found = row("exp(x)", 1.0, "central_2")
    (prediction,) = dk.predict_error(
        dk.Function.from_expression("exp(x)"), 1.0, found.smallest_delta, formulas=[dk.formula("central_2")]
    )
    error = abs(dk.difference(np.exp, 1.0, found.smallest_delta, formula="central_2") - math.e)
    assert error >= orders.CLEAR * prediction.rounding
    assert found.largest_delta == 2.0 ** (orders.WINDOW - 1) * found.smallest_delta


def test_taylors_terms_give_the_error_of_the_formula() -> None:
    f = dk.Function.from_expression("sin(x)")
    for name in ("forward_1", "central_4", "backward_3"):
        (terms,) = dk.truncation_terms(f, 1.0, formulas=[dk.formula(name)], terms=12)
        powers = dk.formula(name).order + np.arange(12)
        error = dk.difference(np.sin, 1.0, 2.0**-4, formula=name) - math.cos(1.0)
        # Rounding: the values' eps times the noise gain over delta; the series' tail is far smaller.
        assert float(np.sum(terms * 2.0 ** (-4.0 * powers))) == pytest.approx(error, abs=2e-14)


def test_a_formula_at_a_point_of_odd_symmetry_gains_an_order() -> None:
    found = row("sin(x)", 0.0, "forward_1")
    assert (found.verdict, found.reason, found.order_here) == ("off", "odd cancellation", 2.0)
    assert found.order_observed == pytest.approx(2.0, abs=0.05)
    assert "f^(2) = 0, as is every even derivative" in found.message


def test_the_words_for_an_explanation_hold_no_arrays() -> None:
    assert "array(" not in repr(row("sin(x)", 1.0, "forward_1"))
    assert "TYPE_CHECKING" not in dir(dk)


def test_a_vanishing_derivative_without_symmetry_is_called_so() -> None:
    found = row("x + x^3 + x^4", 0.0, "forward_1")
    assert (found.verdict, found.reason) == ("off", "vanishing derivative")
    assert found.message.startswith("f^(2) = 0 at x = 0")


def test_a_derivative_that_only_almost_vanishes_is_said_with_its_share() -> None:
    found = row("x + x^3 + x^2/1000000000", 0.0, "forward_1")
    assert (found.verdict, found.reason, found.order_here) == ("off", "vanishing derivative", 1.0)
    assert found.order_observed == pytest.approx(2.0, abs=0.1)
    assert "so small" in found.message


def test_a_polynomial_that_the_formula_differentiates_exactly_has_no_slope() -> None:
    found = row("3*x^2 + 5*x", 0.7, "central_2")
    assert (found.verdict, found.reason) == ("no slope", "exact formula")
    assert math.isnan(found.order_observed)
    assert math.isnan(found.order_here)


def test_the_other_piece_of_a_function_that_is_straight_here_is_noticed() -> None:
    found = row("abs(x)", 0.3, "central_2")
    assert found.reason == "exact formula"
    assert "until at delta = 0.5 the stencil meets another piece" in found.message


@pytest.mark.parametrize("text", ["abs(x)", "x*abs(x)", "cbrt(x)", "floor(x)", "x^(5/2)", "abs(x)^3"])
def test_where_a_part_of_f_is_not_smooth_its_formula_is_blamed_and_no_derivative_denied(text: str) -> None:
    found = row(text, 0.0, "central_2")
    assert (found.verdict, found.reason) == ("no slope", "not smooth")
    assert "does not exist" not in found.message


def test_rounding_that_comes_first_is_proved_by_both_limits() -> None:
    found = row("exp(x)", 1.0, "forward_8")
    assert (found.verdict, found.reason) == ("off", "rounding reached")
    assert found.rounding_below * 2.0**orders.WINDOW > found.asymptotic_below
    assert found.order_observed == pytest.approx(found.order_predicted, abs=0.1)


def test_a_noisy_black_box_reaches_rounding_where_its_expression_does_not() -> None:
    noisy = dk.Function.from_black_box("sin_float32", expression="sin(x)")
    (found,) = dk.explain_order(noisy, 1.0, POWERS, formulas=["central_4"])
    assert found.reason == "rounding reached"
    assert row("sin(x)", 1.0, "central_4").verdict == "as claimed"


def test_deltas_that_are_all_too_large_are_said_to_be() -> None:
    assert row("sin(1000*x)", 1.0, "central_2", delta=(0.5, 0.25, 0.125, 0.0625)).reason == "not asymptotic"
    assert row("sin(1000*x)", 1.0, "central_2").verdict == "as claimed"


def test_deltas_that_are_all_too_small_are_said_to_be() -> None:
    found = row("exp(x)", 1.0, "central_4", delta=tuple(2.0**k for k in range(-30, -20)))
    assert (found.verdict, found.reason) == ("no slope", "deltas too small")


def test_a_domain_that_ends_too_early_is_named_with_the_delta_at_which_it_is_left() -> None:
    found = row("exp(x)", 1.0, "central_4", domain=(1.0 - 2.0**-8, 2.0))
    assert (found.verdict, found.reason) == ("no slope", "domain left")
    assert "leaves the domain at delta = 3.9e-03" in found.message


def test_the_order_of_a_black_box_is_observed_by_its_measured_derivative() -> None:
    black = dk.Function.from_callable(math.sin, name="math:sin")
    for found in dk.explain_order(black, 1.0, POWERS, formulas=["forward_1", "central_2", "central_4"]):
        assert found.verdict == "as claimed"
        assert math.isnan(found.order_predicted)


@pytest.mark.parametrize(
    ("f", "x", "says"), [(abs, 0.0, "f has a kink: its slope is -1"), (math.sqrt, 0.0, "vertical")]
)
def test_a_black_box_without_a_derivative_has_no_order_and_the_reason_is_what_was_seen(
    f: Callable[[float], float], x: float, says: str
) -> None:
    (found,) = dk.explain_order(f, x, POWERS, formulas=["central_2"])
    assert (found.verdict, found.reason) == ("no slope", "no derivative")
    assert says in found.message


def test_a_slope_of_a_black_box_that_is_off_is_not_explained() -> None:
    (found,) = dk.explain_order(math.sin, 0.0, POWERS, formulas=["forward_1"])
    assert (found.verdict, found.reason) == ("off", "no expression")


def test_an_error_that_theory_does_not_know_of_is_unexplained() -> None:
    """A case whose errors follow another law than its terms: no excuse may be made."""
    f = dk.Function.from_expression("exp(x)")
    (case,) = error_curves(dk.ErrorSweep(f, np.ones(1), np.array(POWERS), [dk.formula("central_2")]))
    wrong = replace(case, error=case.delta)
    assert case.explanation.verdict == "as claimed"
    found = wrong.explanation
    assert (found.verdict, found.reason) == ("off", "unexplained")


def test_the_asymptotic_range_is_where_the_series_has_the_slope_of_its_first_term() -> None:
    f = dk.Function.from_expression("exp(x)")
    (case,) = error_curves(dk.ErrorSweep(f, np.ones(1), np.array(POWERS), [dk.formula("forward_2")]))
    edge = case.asymptotic_below
    inside, outside = (np.array([share * edge, share * edge * 1.001]) for share in (0.5, 4.0))
    assert abs(dk.observed_order(inside, case.series(inside)) - 2.0) < orders.TOLERANCE
    assert abs(dk.observed_order(outside, case.series(outside)) - 2.0) > orders.TOLERANCE


def test_the_smallest_deltas_decide_whatever_their_order_and_too_few_are_refused() -> None:
    f = dk.Function.from_expression("exp(x)")
    (rising,), (falling,) = (dk.explain_order(f, 1.0, d, formulas=["central_2"]) for d in (POWERS, POWERS[::-1]))
    assert rising.order_observed == falling.order_observed
    with pytest.raises(ValueError, match="a slope needs at least 4 different deltas, not 2"):
        dk.explain_order(f, 1.0, [0.5, 0.25, 0.5], formulas=["central_2"])


def test_the_errors_of_an_explanation_are_those_of_the_formula_and_below_what_was_predicted() -> None:
    found = row("exp(x)", 1.0, "central_2")
    expected = np.abs(dk.difference(np.exp, 1.0, found.delta, formula="central_2") - math.e)
    np.testing.assert_array_equal(found.error, expected)
    assert np.all(found.error <= found.expected)
