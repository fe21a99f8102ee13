"""Predicted errors against measured ones, over all functions and formulas; the law of a sweep on seeded populations."""

from __future__ import annotations

import math
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import quick
from omegaconf import OmegaConf

import derivkit as dk
from derivkit.errors import best_delta, typical_error
from derivkit.grids import logspace
from derivkit.laws import fit_error_law
from derivkit.numerical.formulas import DERIVATIVES, ROWS
from derivkit.trusted.bounds import LargestDerivatives, decompose
from derivkit.trusted.exact import high_precision_series
from experiments.running.settings import CONVERTERS

CONF = Path(__file__).resolve().parents[2] / "conf/function"


def largest(text: str, order: int, lo: np.ndarray, hi: np.ndarray) -> tuple[np.ndarray, bool]:
    derivatives = LargestDerivatives(dk.parse(text), 0.5 * (lo + hi), order)
    return derivatives.on(lo, hi, (order,))[0], derivatives.proved


DECADES = np.concatenate([logspace(-16, 0, 33), 2.0 ** np.arange(-50.0, 0.0, 7.0)])
FAMILIES = ("forward_1", "forward_3", "backward_2", "central_2", "central_4", "central_8")


def problem_of(name: str) -> dk.Problem:
    plain: Any = OmegaConf.to_container(OmegaConf.load(CONF / f"{name}.yaml"))
    return CONVERTERS["function"]({"function": plain})[0]  # type: ignore[index]


def measured(problem: dk.Problem, formulas: list[dk.Stencil], delta: np.ndarray) -> np.ndarray:
    """Absolute errors, shape (formulas, points, deltas)."""
    x = np.array(problem.points)
    exact = problem.function.exact_derivative(x, order=formulas[0].derivative)
    return dk.absolute_error(dk.sweep(problem.function, x, delta, formulas=formulas).estimate, exact[:, None])


@pytest.mark.part
def test_the_error_is_below_truncation_plus_rounding_where_that_is_proved(problem_name: str) -> None:
    """All 80 formulas over 16 decades of delta."""
    problem = problem_of(problem_name)
    f = problem.function
    if f.expression is None or decompose(f.expression) is None:
        return
    for derivative in DERIVATIVES:
        formulas = [row for row in ROWS if row.derivative == derivative]
        error = measured(problem, formulas, DECADES)
        predicted = dk.predict_error(f, np.array(problem.points)[:, None], DECADES, formulas=formulas)
        for k, prediction in enumerate(predicted):
            assert prediction.proved
            assert not np.any(error[k] > prediction.total), (formulas[k].name, derivative)


@pytest.mark.part
def test_the_error_at_the_predicted_best_delta_is_within_100_times_the_prediction(problem_name: str) -> None:
    problem = problem_of(problem_name)
    f = problem.function
    for derivative in DERIVATIVES:
        formulas = [dk.formula(name, derivative) for name in FAMILIES]
        exact = f.exact_derivative(np.array(problem.points), order=derivative)
        for x, truth in zip(problem.points, exact, strict=True):
            if math.isnan(truth):
                continue
            for formula, best in zip(formulas, dk.predict_optimum(f, x, formulas=formulas), strict=True):
                error = abs(dk.difference(f, x, best.delta, formula=formula) - truth)
                assert error <= 100 * best.error, (x, formula.name, derivative)


def test_a_bound_for_another_function_is_caught() -> None:
    """The same comparison fails when f is not the function that the bound is for."""
    formulas = [dk.formula("central_2")]
    other = dk.Function.from_expression("exp(1.001*x)")
    x = np.array([1.0])
    error = dk.absolute_error(dk.sweep(other, x, DECADES, formulas=formulas).estimate, np.exp(1.0))
    (prediction,) = dk.predict_error(dk.Function.from_expression("exp(x)"), x[:, None], DECADES, formulas=formulas)
    assert np.any(error[0] > prediction.total)


def test_the_proved_bound_of_exp_is_tight() -> None:
    """Where truncation reigns the bound is reached to a percent at first order; it is a bound, not a wish."""
    f, delta = dk.Function.from_expression("exp(x)"), logspace(-6, -3, 13)
    error = dk.absolute_error(dk.difference(f, 1.0, delta, formula="forward_1"), math.e)
    (prediction,) = dk.predict_error(f, 1.0, delta, formulas=[dk.formula("forward_1")])
    assert np.all(error >= 0.99 * prediction.truncation - prediction.rounding)


CLOSED = [
    "exp(x)", "3*exp(-2*x+1)", "sin(x)", "cos(3*x)-1", "sinh(x)", "cosh(x/2)", "log(2*x+7)", "sqrt(x+7)", "1/(x+7)",
    "(x+7)^(-3)", "(x-1)^7", "(x^2-3)*(2*x+1)", "x^5-3*x", "(x+7)^2.5", "sin(x)/3+x^2", "((x-1)^2+1)*(x-2)", "7", "x",
]  # fmt: skip


@pytest.mark.parametrize("text", quick.part(CLOSED))
def test_a_closed_form_is_never_below_the_largest_derivative(text: str) -> None:
    generator = np.random.default_rng(3)
    lo = generator.uniform(-3, 3, 12)
    hi = lo + 10.0 ** generator.uniform(-4, 0.5, 12)
    expression = dk.parse(text)
    for order in (0, 1, 2, 3, 6):
        size, proved = largest(text, order, lo, hi)
        assert proved
        for k in range(lo.size):
            samples = [
                high_precision_series(expression, x, order)[order] for x in np.linspace(lo[k], hi[k], 33).tolist()
            ]
            highest = max(float(abs(c)) for c in samples) * math.factorial(order)
            assert highest <= size[k] * (1 + 1e-12)


@pytest.mark.parametrize("text", ["tan(x)", "exp(x^2)", "x*log(x)", "abs(x)", "sin(x)*cos(x)", "exp(pi*x)", "x^x"])
def test_what_has_no_closed_form_is_not_called_proved(text: str) -> None:
    one = np.array([1.0])
    assert not largest(text, 2, one - 0.1, one + 0.1)[1]


def test_samples_see_the_far_end_of_an_interval() -> None:
    one = np.array([1.0])
    size, _ = largest("exp(x^2)", 1, one, one + 1)
    assert size[0] == pytest.approx(4 * math.exp(4), rel=1e-12)


def test_samples_on_both_sides_of_a_kink_are_infinite() -> None:
    one = np.array([1.0])
    assert largest("abs(x)", 2, one - 3, one + 3)[0][0] == math.inf
    assert largest("abs(x)", 2, one - 0.5, one + 3)[0][0] == 0.0


@pytest.mark.parametrize("width", [1e-7, 1e-3, 3.0])
def test_samples_are_right_where_float64_loses_every_digit(width: float) -> None:
    """(1-cos x)/x^2 near 0: the third derivative in float64 is noise; near 0 the true one is x/60 to first order."""
    x = np.array([1e-4])
    size, _ = largest("(1-cos(x))/x^2", 3, x - width / 2, x + width / 2)
    samples = [
        high_precision_series(dk.parse("(1-cos(x))/x^2"), v, 3)[3]
        for v in np.linspace(x - width / 2, x + width / 2, 9).ravel()
    ]
    assert size[0] == pytest.approx(6 * max(float(abs(c)) for c in samples), rel=1e-6)


@pytest.mark.parametrize(
    ("p", "q", "a", "b"),
    [
        (1, 1, 1.0, 1e-16),
        (2, 1, 0.3, 1e-16),
        (4, 1, 0.1, 3e-16),
        (2, 2, 0.1, 1e-16),
        (8, 1, 1e-2, 1e-16),
        (4, 4, 1.0, 1e-14),
    ],
)
def test_the_law_is_recovered_from_noisy_sweeps(p: int, q: int, a: float, b: float) -> None:
    """200 seeded sweeps whose rounding part scatters as rounding does, with lucky hits down to a thousandth."""
    generator = np.random.default_rng(5)
    delta = logspace(-16, 0, 129)
    laws = []
    for _ in range(200):
        rounding = b * delta ** -float(q) * np.abs(generator.uniform(-1, 1, delta.size))
        laws.append(fit_error_law(delta, a * delta**p + rounding))
    orders, growths = np.array([law.order for law in laws]), np.array([law.growth for law in laws])
    assert np.mean(np.abs(orders - p) <= 0.1) >= 0.99
    assert np.mean(np.abs(growths - q) <= 0.1) >= 0.95


@pytest.mark.parametrize(
    "name", ["forward_1", "forward_2", "forward_4", "backward_3", "central_2", "central_4", "central_6", "central_8"]
)
def test_the_law_of_a_real_sweep_has_the_exponents_of_theory(name: str) -> None:
    delta = logspace(-16, 0, 129)
    for text in ("exp(x)", "sin(x)", "log(x)"):
        f, x = dk.Function.from_expression(text), 1.3
        error = dk.absolute_error(dk.difference(f, x, delta, formula=name), f.exact_derivative(np.array(x)))
        law = dk.fit_error_law(delta, error)
        assert law.order == pytest.approx(dk.formula(name).order, abs=0.1), text
        assert law.growth == pytest.approx(1.0, abs=0.15), text


def test_a_false_order_is_seen() -> None:
    delta = logspace(-16, 0, 129)
    law = fit_error_law(delta, 0.3 * delta**1.7 + 1e-16 / delta)
    assert abs(law.order - 2) > 0.2


@pytest.mark.parametrize(
    ("error", "note"),
    [
        (lambda h: 1e-16 / h, "no truncation branch"),
        (lambda h: h**2, "no rounding branch"),
        (lambda h: 0 * h, "too few deltas"),
        (lambda h: np.full_like(h, np.nan), "too few deltas"),
    ],
)
def test_a_branch_that_is_not_there_is_not_invented(error: Any, note: str) -> None:
    delta = logspace(-10, 0, 41)
    assert note in fit_error_law(delta, error(delta)).note


def test_nothing_is_relative_to_zero() -> None:
    assert math.isnan(float(dk.relative_error(1e-3, 0.0)))
    assert math.isnan(float(dk.ulp_error(1e-3, 0.0)))


def test_one_ulp_is_one_ulp() -> None:
    x = np.array([1.0, math.pi, 1e-300, 5e-324, -7.5])
    assert dk.ulp_error(np.nextafter(x, np.inf), x).tolist()[:4] == [1.0] * 4
    assert dk.ulp_error(np.nextafter(x, -np.inf), x).tolist()[4] == 1.0


def test_of_a_callable_without_an_expression_nothing_is_predicted() -> None:
    f = dk.Function.from_callable(math.sin, name="math:sin")
    (prediction,) = dk.predict_error(f, 1.0, 1e-3, formulas=[dk.formula("central_2")])
    assert np.isnan(prediction.total)
    assert math.isnan(dk.predict_optimum(f, 1.0, formulas=[dk.formula("central_2")])[0].delta)


@pytest.mark.parametrize(
    ("text", "x", "delta", "name", "derivative"),
    [
        ("sqrt(1e30*x)", 1.0, 1e-3, "central_8", 4),
        ("1/(1e30*x+1)", 1.0, 1e-3, "central_8", 4),
        ("exp(1e40*x)", 1e-40, 1e-42, "forward_1", 1),
        ("x^2", 3e-160, 1e-162, "forward_1", 1),
        ("exp(2*x)/2", -370.0, 1e-3, "central_2", 1),
        ("(x-1)^2", 1.0, 0.25, "central_4", 1),
        ("(x-1)^2+exp(x)", 1.0, 0.25, "central_4", 1),
        ("1000.1*x-1000+1/(1000.1*x-1000)", 1.0, 1e-5, "central_2", 1),
    ],
)
def test_bounds_hold_where_their_factors_leave_the_range(
    text: str, x: float, delta: float, name: str, derivative: int
) -> None:
    f, formula = dk.Function.from_expression(text), dk.formula(name, derivative)
    (prediction,) = dk.predict_error(f, x, delta, formulas=[formula])
    error = abs(dk.difference(f, x, delta, formula=formula) - f.exact_derivative(np.array(x), order=derivative))
    assert prediction.proved
    assert error <= prediction.total < math.inf


def test_a_coefficient_beyond_the_range_gives_an_infinite_bound_and_no_crash() -> None:
    for text in ("1e308*x^4", "(1e80*x)^4", "1e400*x"):
        (prediction,) = dk.predict_error(
            dk.Function.from_expression(text), 1.0, 1e-3, formulas=[dk.formula("central_2")]
        )
        assert not prediction.total < math.inf


@pytest.mark.parametrize("x", [0.0, 1e-8, 1e-3])
def test_the_best_delta_near_a_stationary_point_is_that_of_the_function(x: float) -> None:
    (best,) = dk.predict_optimum(dk.Function.from_expression("cos(x)"), x, formulas=[dk.formula("central_4", 2)])
    assert best.error < 1e-9


def test_the_best_delta_follows_the_size_of_the_point() -> None:
    f = dk.Function.from_expression("log(x)")
    for x in (1e-30, 1.5, 1e30):
        (best,) = dk.predict_optimum(f, x, formulas=[dk.formula("central_2")])
        assert best.error < 1e-8 / x
    assert dk.predict_optimum(f, np.zeros(0), formulas=[dk.formula("central_2")])[0].delta.shape == (0,)


def test_a_negative_delta_is_refused_by_the_prediction_too() -> None:
    with pytest.raises(ValueError, match=r"delta must be a positive finite number, not -0\.1"):
        dk.predict_error(dk.Function.from_expression("x"), 1.0, -0.1, formulas=[dk.formula("central_2")])


def test_the_shape_of_a_prediction_is_that_of_the_broadcast() -> None:
    f, formulas = dk.Function.from_expression("exp(sin(x))"), [dk.formula("forward_2")]
    for x, delta in (((), ()), ((3,), ()), ((3, 1), (4,)), ((), (2, 2)), ((0,), ())):
        (found,) = dk.predict_error(f, np.full(x, 0.7), np.full(delta, 0.01), formulas=formulas)
        assert found.truncation.shape == found.rounding.shape == np.broadcast_shapes(x, delta)


@pytest.mark.parametrize("count", [513, 20_000, 100_001])
@pytest.mark.parametrize("name", ["forward_1", "central_2", "central_4"])
@pytest.mark.parametrize(("text", "x"), [("exp(x)", 1.0), ("1/(1+25*x^2)", 0.3)])
def test_a_dense_sweep_shows_the_law_that_a_few_deltas_show(text: str, x: float, name: str, count: int) -> None:
    f, formula, delta = dk.Function.from_expression(text), dk.formula(name), logspace(-16, 0, count)
    error = np.abs(dk.sweep(f, x, delta, formulas=[formula]).estimate.ravel() - f.exact_derivative(x))
    law = fit_error_law(delta, error)
    assert law.order == pytest.approx(formula.order, abs=0.05)
    assert law.growth == pytest.approx(1.0, abs=0.1)


def test_a_hit_of_rounding_on_the_exact_value_does_not_cut_its_branch_short() -> None:
    delta = logspace(-16, 0, 129)
    error = delta + 1e-16 / delta * np.random.default_rng(0).uniform(0.1, 1.9, 129)
    error[12] = 1e-12
    law = fit_error_law(delta, error)
    assert law.growth == pytest.approx(1.0, abs=0.1)
    assert law.points > 80


def test_a_slope_of_many_points_takes_no_more_memory_than_the_points() -> None:
    delta = logspace(-8, 0, 200_000)
    error = 3.0 * delta**2
    tracemalloc.start()
    assert dk.observed_order(delta, error) == pytest.approx(2.0, abs=1e-12)
    assert fit_error_law(delta, error + 1e-16 / delta).order == pytest.approx(2.0, abs=1e-2)
    assert tracemalloc.get_traced_memory()[1] < 20 * delta.nbytes
    tracemalloc.stop()


# What is typical of a sweep


def scattered(generator: np.random.Generator, delta: np.ndarray, order: int, growth: int) -> np.ndarray:
    """Truncation and the rounding errors of a sweep, of which every twentieth hits the exact value where they rule.

    The first does not: below the least delta there is nothing to tell luck by.
    """
    rounding = 1e-16 / delta**growth * generator.uniform(-2.0, 2.0, delta.size)
    rules = (delta > delta[0]) & (delta < 1e-16 ** (1 / (order + growth)))
    return np.where(rules & (generator.uniform(size=delta.size) < 0.05), 0.0, np.abs(delta**order + rounding))


@pytest.mark.parametrize("count", [17, 129, 5000])
@pytest.mark.parametrize(("order", "growth"), [(1, 1), (2, 1), (4, 1), (2, 2), (4, 3)])
def test_the_best_delta_of_a_sweep_is_where_truncation_meets_rounding_and_not_where_one_hits(
    order: int, growth: int, count: int
) -> None:
    delta = logspace(-16, 0, count)
    balance = 1e-16 ** (1 / (order + growth))
    for seed in range(20):
        error = scattered(np.random.default_rng(seed), delta, order, growth)
        best, typical = best_delta(delta, error, growth=growth)
        assert 0.02 < best / balance < 20.0
        assert 0.02 < typical / balance**order < 20.0


def test_the_typical_error_is_at_least_the_one_made_and_the_same_where_errors_follow_their_laws() -> None:
    delta = logspace(-16, 0, 129)
    error = scattered(np.random.default_rng(0), delta, 2, 1)
    assert np.all(typical_error(delta, error) >= error)
    smooth = delta**2 + 1e-16 / delta
    np.testing.assert_allclose(typical_error(delta, smooth), smooth, rtol=1e-15)
    assert typical_error(delta, np.where(delta == 1e-8, 0.0, smooth))[64] == pytest.approx(smooth[64], rel=0.2)


def test_of_two_deltas_and_of_one_the_errors_stand_as_they_are() -> None:
    assert typical_error([1e-4, 1e-8], [1e-9, 1e-8]).tolist() == [1e-9, 1e-8]
    assert best_delta([1e-4], [1e-9]) == (1e-4, 1e-9)
    assert np.isnan(best_delta([1e-4, 1e-8], [np.nan, np.nan])).all()
    assert best_delta([1e-4, 1e-8], [np.nan, 1e-3]) == (1e-8, 1e-3)
    assert typical_error([], []).size == 0


def test_of_deltas_that_are_equally_good_the_largest_is_the_best() -> None:
    assert best_delta(logspace(-8, -1, 8), np.zeros(8)) == (0.1, 0.0)


def test_sweeps_in_one_table_do_not_tell_of_each_other_and_their_order_does_not_matter() -> None:
    generator = np.random.default_rng(1)
    delta = logspace(-16, 0, 129)
    errors = [scattered(generator, delta, 2, 1) for _ in range(5)]
    alone = np.concatenate([typical_error(delta, error) for error in errors])
    shuffled = generator.permutation(alone.size)
    curve = np.repeat(np.array([7, -3, 0, 10**9, 2]), delta.size)
    together = typical_error(np.tile(delta, 5)[shuffled], np.concatenate(errors)[shuffled], curve=curve[shuffled])
    np.testing.assert_array_equal(together, alone[shuffled])


@pytest.mark.parametrize("limit", [0.0, 1e-12, 1e-9, 1.0, math.inf])
def test_errors_up_to_a_limit_are_typical_as_without_it_and_larger_ones_stand_as_they_are(limit: float) -> None:
    generator = np.random.default_rng(2)
    delta, curve = np.tile(logspace(-16, 0, 129), 5), np.repeat(np.arange(5), 129)
    error = np.concatenate([scattered(generator, delta[:129], order, 1) for order in (1, 2, 2, 4, 8)])
    error[::17] = np.nan
    full = typical_error(delta, error, curve=curve)
    limited = typical_error(delta, error, curve=curve, limit=limit)
    np.testing.assert_array_equal(limited, np.where(error <= limit, full, error))
