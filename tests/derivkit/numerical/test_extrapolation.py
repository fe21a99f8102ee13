"""Richardson, Ridders and GSL's rule: the tableau in rationals, counts, the domain, and what their bars are worth."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from counted import Counted
from hypothesis import given
from hypothesis import strategies as st

import derivkit as dk
from derivkit.numerical.extrapolation import RIDDERS_LEVELS, RIDDERS_RATIO, exponents, extrapolate, next_row
from derivkit.numerical.methods import METHODS, Method
from derivkit.numerical.nodes import combine
from derivkit.numerical.stencil import Stencil

REAL = ("richardson", "ridders", "gsl_central")
SMOOTH: tuple[tuple[Callable[..., Any], Callable[..., Any]], ...] = (
    (np.exp, np.exp),
    (np.sin, np.cos),
    (np.log, lambda x: 1 / x),
    (np.sqrt, lambda x: 0.5 / np.sqrt(x)),
    (np.arctan, lambda x: 1 / (1 + x * x)),
    (lambda x: x * np.exp(-x), lambda x: (1 - x) * np.exp(-x)),
)
POINTS = np.random.default_rng(20).uniform(0.5, 5.0, 200)


def covered(name: str) -> float:
    """The share of seeded points of smooth functions at which the bar covers the error, 2 ulp of slack."""
    within = []
    for f, slope in SMOOTH:
        found, exact = METHODS[name](f, POINTS), slope(POINTS)
        within.append(np.abs(found.value - exact) <= found.error + 2 * np.spacing(np.abs(exact)))
    return float(np.mean(within))


def tableau(formula: Stencil, x: Fraction, h: Fraction, levels: int, f: Callable[[Fraction], Fraction]) -> Fraction:
    """The last entry of the tableau in rational arithmetic."""
    row: list[Any] = []
    for k in range(levels):
        step = h / 2**k
        first = combine(formula.weights, [f(x + s * step) for s in formula.offsets], step**formula.derivative)
        row = next_row(row, first, 2, exponents(formula, levels))
    return Fraction(row[-1])


def test_the_tableau_and_the_one_formula_that_it_amounts_to_are_equal_in_rationals(formula: Stencil) -> None:
    x, h = Fraction(9), Fraction(1, 7)
    one = extrapolate(formula, levels=3)
    whole = combine(one.weights, [1 / (x + s * h) for s in one.offsets], h**formula.derivative)
    assert whole == tableau(formula, x, h, 3, lambda t: 1 / t)


def test_every_level_removes_one_power_of_the_step(formula: Stencil) -> None:
    gain = 2 if formula.name.startswith("central") else 1
    assert [extrapolate(formula, levels=k).order for k in (1, 2, 3)] == [formula.order + gain * k for k in range(3)]


def observed(powers: tuple[int, ...]) -> float:
    """The order of a tableau of three central differences that removes these powers, on steps of powers of two."""
    with mpmath.workdps(60):
        steps, errors = [mpmath.mpf(2) ** -k for k in range(4, 10)], []
        for h in steps:
            row: list[Any] = []
            for k in range(3):
                t = h / 2**k
                row = next_row(row, (mpmath.exp(1 + t) - mpmath.exp(1 - t)) / (2 * t), 2, powers)
            errors.append(float(abs(row[-1] - mpmath.e)))
    return dk.observed_order([float(h) for h in steps], errors)


def test_the_error_falls_with_the_order_of_the_tableau() -> None:
    assert observed((2, 4)) == pytest.approx(6, abs=0.1)


def test_a_tableau_that_removes_the_wrong_powers_is_seen_as_a_wrong_order() -> None:
    """Removing the first power, which is not there, leaves the fourth in."""
    assert observed((1, 2)) == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize("name", ["central_2", "central_4", "forward_1"])
def test_richardson_is_its_rational_tableau_up_to_rounding(name: str) -> None:
    """The bound: one rounding of each value of f, and four for the sums, by the weights over the step."""
    found = dk.richardson(lambda x: 1 / x, 2.0, formula=name, delta=0.25, levels=3)
    one = extrapolate(name, levels=3)
    exact = tableau(dk.formula(name), Fraction(2), Fraction(1, 4), 3, lambda t: 1 / t)
    size = sum(abs(float(w)) / (2.0 + float(s) / 4) for s, w in zip(one.offsets, one.weights, strict=True)) / 0.25
    assert abs(Fraction(found.value) - exact) <= 5 * 2.0**-53 * size
    before = tableau(dk.formula(name), Fraction(2), Fraction(1, 8), 2, lambda t: 1 / t)
    assert found.error == pytest.approx(abs(float(exact - before)), rel=1e-6)


@pytest.mark.parametrize("degree", range(9))
def test_richardson_is_exact_on_polynomials_below_its_order(degree: int) -> None:
    """Order 8 at the default: what is left is rounding, of values below 1.5^8 on a step of 1/16 with weights below
    17."""
    found = dk.richardson(lambda x: x**degree, 1.0, delta=0.5)
    assert abs(found.value - degree) <= 17 * 1.5**8 * 2.0**-52 / 0.0625


def test_a_formula_for_the_second_derivative_is_extrapolated_too() -> None:
    found = dk.richardson(np.exp, [0.0, 1.0], formula=dk.formula("central_2", 2), delta=0.25)
    np.testing.assert_allclose(found.value, np.exp([0.0, 1.0]), rtol=1e-10)


def test_ridders_takes_the_entry_nearest_to_its_parents() -> None:
    """The whole tableau again, in rationals, from the values of f that were used."""
    found = dk.ridders(np.exp, 1.0, delta=0.5)
    rows: list[list[Any]] = []
    for k in range(found.evaluations // 2):
        h = 0.5 / RIDDERS_RATIO**k
        left, right = Fraction(1.0 - h), Fraction(1.0 + h)
        first = (Fraction(float(np.exp(1.0 + h))) - Fraction(float(np.exp(1.0 - h)))) / (right - left)
        rows.append(next_row(rows[-1] if rows else [], first, RIDDERS_RATIO, exponents(dk.formula("central_2"), k)))
    apart = {
        max(abs(rows[k][j] - rows[k][j - 1]), abs(rows[k][j] - rows[k - 1][j - 1])): rows[k][j]
        for k in range(1, len(rows))
        for j in range(1, k + 1)
    }
    assert found.value == pytest.approx(float(apart[min(apart)]), rel=1e-14)
    assert found.evaluations <= 2 * RIDDERS_LEVELS


def test_the_bar_of_ridders_covers_far_less_than_a_bar_should() -> None:
    """A known defect of the method as published: it takes the smallest of many differences."""
    assert covered("ridders") < 0.75


def test_the_bar_of_gsl_covers_smooth_functions() -> None:
    assert covered("gsl_central") > 0.99


def test_the_bar_of_gsl_is_within_a_million_errors() -> None:
    """GSL's own test of its bar, from the other side."""
    found = dk.gsl_central(np.exp, POINTS)
    error = np.abs(found.value - np.exp(POINTS))
    assert np.median(found.error / np.maximum(error, np.spacing(np.exp(POINTS)))) < 1e6
    assert np.all(found.error < 1e-8 * np.exp(POINTS))


def test_gsl_takes_a_second_step_where_truncation_reigns_and_only_there() -> None:
    found = dk.gsl_central(np.exp, [1.0, 1.0, 2.0], delta=[0.1, 1e-7, 0.1])
    assert found.evaluations.tolist() == [8, 4, 8]
    first = dk.gsl_central(np.exp, 1.0, delta=1e-7)
    assert first.value == found.value[1]


@pytest.mark.parametrize("name", REAL)
def test_no_point_is_asked_twice_and_every_point_is_counted(name: str) -> None:
    asked = Counted(np.exp)
    found = METHODS[name](asked, [0.3, 1.1, 1.1])
    probes = 2
    assert found.total == len(asked.counts) == sum(asked.counts.values()) - probes == int(np.sum(found.evaluations))
    assert found.evaluations[2] == 0, "what two points share is charged to the first"


def test_steps_that_share_points_share_their_values() -> None:
    asked = Counted(np.exp)
    assert dk.richardson(asked, 1.0, formula="central_4", delta=0.5).evaluations == 10 == len(asked.counts)


@pytest.mark.parametrize("name", REAL)
@given(x=st.floats(0.0, 1.0), end=st.floats(1.0, 1.5))
def test_the_domain_is_never_left(name: str, x: float, end: float) -> None:
    asked = Counted(lambda t: np.sqrt(t) + np.sqrt(end - t))
    found = METHODS[name](asked, x, domain=(0.0, end))
    assert all(0.0 <= point <= end for point in asked.counts)
    if x in (0.0, end):
        assert (found.status, found.total) == ("not_finite", 0)
    own = dk.Function.from_callable(asked, name="f", domain=(0.0, end))
    np.testing.assert_equal(METHODS[name](own, x).value, found.value)
    assert all(0.0 <= point <= end for point in asked.counts)


def test_at_the_end_of_a_domain_a_one_sided_formula_is_extrapolated() -> None:
    asked = Counted(np.exp)
    found = dk.richardson(asked, [0.0, 1.0], formula="forward_2", domain=(0.0, 1.0))
    assert found.status.tolist() == ["ok", "not_finite"]
    assert abs(found.value[0] - 1.0) <= found.error[0] < 1e-3
    assert all(0.0 <= point <= 1.0 for point in asked.counts)


@pytest.mark.parametrize("name", REAL)
def test_where_f_is_not_finite_there_is_no_value(name: str) -> None:
    found = METHODS[name](np.log, [-1.0, 2.0, math.nan, math.inf])
    assert found.status.tolist() == ["not_finite", "ok", "not_finite", "not_finite"]
    assert np.isnan(found.value[[0, 2, 3]]).all()
    assert np.isinf(found.error[[0, 2, 3]]).all()
    assert METHODS[name](math.log, -1.0).status == "not_finite"
    assert METHODS[name](math.log, 2.0).value == pytest.approx(0.5, rel=1e-9)


@pytest.mark.parametrize("name", REAL)
def test_a_step_that_vanishes_is_no_answer_and_costs_nothing(name: str) -> None:
    asked = Counted(np.sin)
    found = METHODS[name](asked, 1.0, delta=1e-17)
    assert (found.status, found.total, found.evaluations) == ("unresolved", 0, 0)
    assert "give a larger delta" in found.message
    assert not asked.counts


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: dk.richardson(np.sin, 1.0, levels=1), "levels=1: write a whole number from 2 to 100"),
        (lambda: dk.ridders(np.sin, 1.0, ratio=1.0), "ratio must be more than 1 and finite, not 1"),
        (lambda: dk.richardson(np.sin, 1.0, formula="central_3"), "no formula named 'central_3'"),
        (lambda: dk.ridders(np.sin, 1.0, delta=0.0), "delta must be a positive finite number"),
        (lambda: dk.gsl_central(np.sin, [1.0, 2.0], delta=[0.1, 0.1, 0.1]), "give one number, or one for each x"),
        (lambda: dk.gsl_central(np.sin, 1.0, domain=(1.0, 1.0)), "write its two ends, the lower one first"),
        (lambda: Method("nameless", dk.ridders, ""), "needs its source"),
    ],
)
def test_what_cannot_be_is_refused_with_the_rule(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_an_extrapolated_formula_is_swept_and_predicted_like_any_other(levels: int) -> None:
    f = dk.Function.from_expression("exp(x)")
    formula = dk.extrapolate("central_2", levels=levels)
    delta = 2.0 ** -np.arange(1, 20)
    error = np.abs(dk.sweep(f, 1.0, delta, formulas=[formula]).estimate[0] - np.e)
    (prediction,) = dk.predict_error(f, 1.0, delta, formulas=[formula])
    assert prediction.proved
    assert np.all(error <= prediction.total)


@pytest.mark.parametrize("x", [1.7e308, -1.7e308, 1e-300])
@pytest.mark.parametrize("rule", [dk.ridders, dk.richardson, dk.gsl_central])
def test_no_point_is_so_far_out_that_a_method_warns(rule: Callable[..., Any], x: float) -> None:
    assert rule(np.sin, x).status in dk.Status
