"""The recommended delta against the optimum of theory, the errors really made, and what it refuses to recommend."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import derivkit as dk
from derivkit.recommendation import MIN_BUDGET, Precision, in_precision
from derivkit.testing.regrets import Regret, regret, rounded_sweep, sweep_deltas

PROOF = ("forward_1", "central_2", "central_4")
PRECISIONS = ("float16", "float32", "float64")


def place_of(f: Callable[..., Any], x: float, precision: str = "float64") -> Precision:
    return in_precision(dk.survey(f, x), precision)


def worth(f: Callable[..., Any], x: float, method: str, precision: str = "float64", *, factor: float = 1.0) -> Regret:
    """What the recommendation, or the same times a factor, is worth beside the best of 25 deltas."""
    place, formula = place_of(f, x, precision), dk.formula(method)
    chosen = place.recommend(formula)
    swept = rounded_sweep(place, formula, sweep_deltas(place, 25))
    return regret(place, replace(chosen, delta=factor * chosen.delta), formula, swept)


def theory(formula: dk.Stencil, derivative: float, noise: float) -> tuple[float, float]:
    """The delta with the least error and that error, in closed form, for truncation a h^p and rounding b / h."""
    p = formula.order
    a, b = (
        abs(float(formula.error_constant) * derivative),
        noise * float(np.linalg.norm([float(w) for w in formula.weights])),
    )
    h = (b / (p * a)) ** (1.0 / (p + 1))
    return h, (1.0 + 1.0 / p) * b / h


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("method", PROOF)
@pytest.mark.parametrize("text", ["exp(x)", "sin(x)"])
def test_what_is_recommended_is_the_optimum_of_theory_for_the_noise_of_the_precision(
    text: str, method: str, precision: str
) -> None:
    """A value is rounded by 0.29 eps in the mean, and a program of a few operations by up to 8 times that."""
    formula, f = dk.formula(method), dk.Function.from_expression(text)
    derivative = math.factorial(formula.order + 1) * dk.taylor(dk.parse(text), 1.0, formula.order + 1)[-1]
    unit = float(np.finfo(precision).eps) * abs(float(f(1.0)))
    low, high = (theory(formula, derivative, share * unit) for share in (0.29, 8 * 0.29))
    (found,) = dk.recommend_delta(f, 1.0, formulas=[method], dtype=precision)
    # higher terms of the truncation make the optimum a little smaller
    assert 0.8 * low[0] <= found.delta <= high[0]
    assert low[1] / 2 <= found.error <= 2 * high[1]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("method", PROOF)
@pytest.mark.parametrize("text", ["exp(x)", "log(x)", "1/x", "tanh(x)", "x^3 - x"])
def test_the_error_is_that_of_the_best_delta_within_what_theory_allows(text: str, method: str, precision: str) -> None:
    """As E(c h*) / E(h*) = (c^p + p / c) / (1 + p), a delta too large by a factor of 3 loses less than 3^p."""
    found = worth(dk.Function.from_expression(text), 1.3, method, precision)
    assert found.ratio <= 3.0 ** dk.formula(method).order


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("method", PROOF)
@pytest.mark.parametrize("text", ["exp(x)", "sin(x)", "tanh(x)"])
def test_the_expected_error_is_made(text: str, method: str, precision: str) -> None:
    f = dk.Function.from_expression(text)
    (found,) = dk.recommend_delta(f, 1.3, formulas=[method], dtype=precision)
    assert 0.1 < worth(f, 1.3, method, precision).typical / found.error < 3.0


@pytest.mark.parametrize("factor", [1e-3, 1e2])
def test_another_delta_than_the_recommended_has_a_large_regret(factor: float) -> None:
    assert worth(dk.Function.from_expression("exp(x)"), 1.3, "central_2", factor=factor).ratio > 100.0


def test_noise_of_the_function_itself_decides_in_every_precision_that_is_finer() -> None:
    f = dk.Function.from_black_box("sin_noise", expression="sin(x)")
    (fine,), (coarse,) = (dk.recommend_delta(f, 1.3, formulas=["central_2"], dtype=t) for t in ("float64", "float16"))
    # noise of 1e-8 / sqrt(3) |sin| in float64; in float16 its own rounding is 10^5 times as large
    third = math.cbrt(3.0 * 1e-8 / math.sqrt(6.0) * abs(math.sin(1.3) / math.cos(1.3)))
    assert third / 2 < fine.delta < 2 * third
    assert fine.delta < coarse.delta


def test_the_recommendation_for_plain_python_is_that_for_the_same_expression() -> None:
    plain, known = (
        dk.recommend_delta(f, 1.3, formulas=PROOF) for f in (math.exp, dk.Function.from_expression("exp(x)"))
    )
    assert [one.delta for one in plain] == pytest.approx([one.delta for one in known], rel=0.25)


@pytest.mark.parametrize(
    ("f", "x", "why"),
    [
        (abs, 0.0, "no delta helps: kink"),
        (math.floor, 1.0, "no delta helps: jump"),
        (np.cbrt, 0.0, "no delta helps: vertical"),
        (lambda x: hash(x) % 1000 / 1000.0, 0.3, "no scale was found"),
    ],
)
def test_where_no_delta_helps_none_is_recommended_and_the_message_says_why(
    f: Callable[..., Any], x: float, why: str
) -> None:
    for found in dk.recommend_delta(f, x, formulas=PROOF):
        assert math.isnan(found.delta)
        assert math.isnan(found.error)
        assert found.message.startswith(why)


def test_at_the_end_of_the_domain_a_central_formula_is_not_recommended_and_the_domain_is_never_left() -> None:
    points: list[float] = []

    def f(v: float) -> float:
        points.append(float(v))
        return math.exp(v)

    forward, central = dk.recommend_delta(dk.Function.from_callable(f, name="exp", domain=(0.0, 2.0)), 0.0)
    assert forward.delta > 0.0
    assert math.isnan(central.delta)
    assert min(points) >= 0.0


def test_a_function_that_has_values_on_one_side_only_has_no_central_delta() -> None:
    forward, central = dk.recommend_delta(lambda x: math.exp(x) if x >= 1.0 else math.nan, 1.0)
    assert forward.delta > 0.0
    assert central.message == "f has no values on both sides of x"


def test_a_type_that_does_not_hold_the_point_or_the_value_says_so() -> None:
    f = dk.Function.from_expression("1e300*exp(x)")
    (no_value,) = dk.recommend_delta(f, 1.0, formulas=["central_2"], dtype="float32")
    (no_point,) = dk.recommend_delta(np.sin, 1e6, formulas=["central_2"], dtype="float16")
    assert no_value.message.startswith("this precision does not hold the value of f")
    assert no_point.message == "this precision does not hold the point"


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("f", [math.sin, np.exp, math.floor, lambda x: math.sin(x) + 1e-6 * math.sin(1e9 * x)])
@pytest.mark.parametrize("budget", [MIN_BUDGET, 400])
def test_code_that_may_be_costly_is_called_no_more_often_than_the_budget(
    f: Callable[[float], float], precision: str, budget: int
) -> None:
    values = 0

    def counted(x: Any) -> Any:
        nonlocal values
        values += np.size(x)
        return f(x)

    dk.recommend_delta(counted, 0.3, formulas=PROOF, dtype=precision, budget=budget)
    own = sum(1 for name in PROOF for offset in dk.formula(name).offsets if offset)
    assert 12 < values <= budget + own


def test_the_message_names_the_two_parts_that_balance() -> None:
    (found,) = dk.recommend_delta(math.exp, 1.0, formulas=["central_2"])
    assert f"more truncation than {found.truncation:.1e}" in found.message
    assert f"more rounding than {found.rounding:.1e}" in found.message


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"formulas": ["central_5"]}, "no formula named 'central_5'"),
        ({"formulas": [dk.formula("central_2", 2)]}, "central_2 is for the derivative of order 2"),
        ({"dtype": "int32"}, "dtype=int32: not known; there are float16, float32, float64"),
        ({"budget": 10}, "budget=10: write a whole number from"),
        ({"x": math.nan}, "no point of the domain"),
        ({"f": dk.Function.from_expression("sqrt(x)", domain=(0.0, 1.0)), "x": 2.0}, r"the domain \[0, 1\]"),
    ],
)
def test_what_cannot_be_recommended_is_refused_in_one_line(changes: dict[str, Any], says: str) -> None:
    words = {"f": math.exp, "x": 1.0, **changes}
    with pytest.raises(ValueError, match=says):
        dk.recommend_delta(words.pop("f"), words.pop("x"), **words)


# The survey


@pytest.mark.parametrize("text", ["exp(x)", "sin(3*x)", "1/(1+x^2)"])
def test_taylors_coefficients_lie_within_their_bars(text: str) -> None:
    size, bars = dk.survey(dk.Function.from_expression(text), 0.4).coefficients
    exact = np.array(dk.taylor(dk.parse(text), 0.4, size.size - 1))
    assert np.all(np.abs(size - exact) <= bars + 1e-12 * np.abs(exact))


def test_every_bar_of_a_window_with_a_plateau_holds_and_the_used_one_is_among_them() -> None:
    found = dk.survey(dk.Function.from_expression("exp(x)"), 1.0)
    windows = {window.exponent: window for window in found.windows(range(-18, 15, 2))}
    assert windows[0].reach == found.first.delta
    for window in windows.values():
        assert not window.resolved or abs(window.value - math.e) <= window.error
    assert not windows[14].resolved


def test_samples_are_the_values_that_f_was_asked_for_each_once() -> None:
    points: list[float] = []

    def f(v: float) -> float:
        points.append(float(v))
        return math.sin(v)

    samples = dk.survey(f, 0.3).samples
    np.testing.assert_array_equal(np.sort(0.3 + samples.distance), np.unique(points)[np.unique(points) != 0.3])
    np.testing.assert_array_equal(samples.value, [math.sin(x) for x in 0.3 + samples.distance])
    assert np.all(np.diff(samples.call) >= 0)
