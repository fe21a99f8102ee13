"""Functions of all kinds: expressions, callables, black boxes; domains, lines."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import derivkit as dk
from derivkit.asker import Asker
from derivkit.function import BLACK_BOXES, uniform_noise


def test_a_domain_is_never_left() -> None:
    asked: list[float] = []

    def f(v: float) -> float:
        asked.extend(np.ravel(v).tolist())
        return math.sqrt(v)

    function = dk.Function.from_callable(f, name="root", domain=(0.0, 2.0))
    found = dk.sweep(function, [0.0, 0.5, 2.0], [0.3, 1e-3], formulas=["central_4", "forward_1"])
    assert min(asked) >= 0.0
    assert max(asked) <= 2.0
    assert np.isnan(found.estimate[0, 0]).all()
    assert np.isfinite(found.estimate[1, 1]).all()


def test_points_outside_the_domain_are_not_counted() -> None:
    evaluate = Asker(dk.Function.from_expression("sqrt(x)", domain=(0.0, 1.0)))
    values = evaluate(np.array([-1.0, 0.25, 4.0]))
    assert values[1] == 0.5
    assert np.isnan(values[[0, 2]]).all()
    assert evaluate.total == 1


def test_a_point_outside_the_domain_is_refused_with_function_point_and_domain() -> None:
    with pytest.raises(ValueError, match=r"x = -1 lies outside the domain \[0, 12\] of root"):
        dk.Problem(dk.Function.from_expression("sqrt(x)", name="root", domain=(0, 12)), (0.5, -1.0))


@pytest.mark.parametrize("domain", [(1.0, 1.0), (2.0, 1.0), (math.nan, 1.0)])
def test_a_domain_without_an_inside_is_refused(domain: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="write its two ends, the lower one first"):
        dk.Function.from_expression("x", domain=domain)


def test_a_function_of_two_variables_is_refused() -> None:
    with pytest.raises(ValueError, match="has the variables w, b; a function of one variable is needed"):
        dk.Function.from_expression("w*b")


def test_any_name_of_the_variable_will_do() -> None:
    assert dk.Function.from_expression("t^2+t")(3.0) == 12.0


@pytest.mark.parametrize("name", sorted(BLACK_BOXES))
def test_a_black_box_stays_within_its_stated_distance_of_the_mathematics(name: str) -> None:
    box = BLACK_BOXES[name]
    truth = {"sqrt_bisection": np.sqrt}.get(name, np.sin)
    x = np.random.default_rng(2).uniform(0.1, 9.0, 5000)
    distance = np.abs(box.call(x) - truth(x))
    assert np.all(distance <= box.value_error(x) + 4 * np.spacing(1.0))
    assert np.max(distance) > 1e-9, "a black box that is as good as its expression teaches nothing"


@pytest.mark.parametrize("name", sorted(BLACK_BOXES))
def test_a_black_box_gives_one_answer_for_one_point(name: str) -> None:
    x = np.linspace(0.3, 2.0, 50)
    box = dk.Function.from_black_box(name)
    assert np.array_equal(box(x), box(x[::-1])[::-1])
    assert box(float(x[7])) == box(x)[7]


def test_the_noise_is_uniform_and_without_a_trend() -> None:
    noise = uniform_noise(np.linspace(1.0, 2.0, 100_000))
    assert abs(np.mean(noise)) < 5 / math.sqrt(3 * noise.size)
    assert np.mean(noise**2) == pytest.approx(1 / 3, rel=0.02)
    assert abs(np.mean(noise[1:] * noise[:-1])) < 0.01


def test_an_unknown_black_box_is_named() -> None:
    with pytest.raises(ValueError, match="no black box named 'nosuch'; there are sin_float32"):
        dk.Function.from_black_box("nosuch")


@pytest.mark.parametrize(
    ("f", "x", "value"),
    [
        (math.sin, 0.5, math.sin(0.5)),
        (lambda v: 1, 0.5, 1.0),
        (complex, 0.5, math.nan),
        (lambda v: "text", 0.5, math.nan),
        (lambda v: [v, v], 0.5, math.nan),
        (lambda v: math.log(-v), 0.5, math.nan),
    ],
)
def test_whatever_f_gives_becomes_a_number_or_nan(f: Any, x: float, value: float) -> None:
    np.testing.assert_equal(dk.Function.from_callable(f, name="f")(x), value)
    np.testing.assert_equal(dk.Function.from_callable(f, name="f")(np.array([x, x])), [value, value])


def test_the_length_scale_is_the_scale_of_the_function() -> None:
    for text, scale in (("exp(x)", 1.0), ("sin(1000*x)", 1e-3), ("exp(-x/1e6)", 1e6), ("1/(x-1)", 1e-3)):
        found = dk.Function.from_expression(text).length_scale(1.001)
        assert scale / 4 <= found <= 4 * scale, text
    assert dk.Function.from_expression("2*x").length_scale(3.0) == 1.0


def test_a_line_goes_through_its_points() -> None:
    line = dk.secant(lambda v: 2 * v**2, 1.0, 3.0)
    assert (line.slope, line.intercept) == (8.0, -6.0)
    assert [line(1.0), line(3.0)] == [2.0, 18.0]


def test_the_tangent_of_the_chapter_comes_out_to_the_bit() -> None:
    line = dk.tangent(lambda v: 2 * v**2, 2, 0.0001)
    assert line.slope == 8.000199999998785
    assert line.intercept == -8.00039999999757


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_the_slope_of_a_line_is_its_slope(x0: float, x1: float) -> None:
    if x0 == x1:
        with pytest.raises(ValueError, match="different x"):
            dk.slope((x0, 0.0), (x1, 1.0))
    else:
        assert dk.slope((x0, 2 * x0), (x1, 2 * x1)) == pytest.approx(2.0, rel=1e-9)


def test_the_solver_ends_where_its_tolerance_is_below_the_spacing_of_floats() -> None:
    assert dk.Function.from_black_box("sqrt_bisection")(1e20) == pytest.approx(1e10)


def test_a_table_says_nothing_beyond_its_ends() -> None:
    assert BLACK_BOXES["sin_table"].value_error(np.array([25.0]))[0] == math.inf


@pytest.mark.parametrize(
    "entry",
    [
        lambda f: dk.survey(f, 1.0).first.value,
        lambda f: dk.sides(f, 1.0).left.slope,
        lambda f: dk.recommend_delta(f, 1.0)[0].delta,
        lambda f: dk.explain_order(f, 1.0, 2.0 ** np.arange(-20, 0), formulas=["forward_1"])[0].order_observed,
        lambda f: dk.predict_error(f, 1.0, 0.1, formulas=["central_2"])[0].truncation,
        lambda f: dk.predict_optimum(f, 1.0, formulas=["central_2"])[0].delta,
        lambda f: dk.truncation_terms(f, 1.0, formulas=["central_2"], terms=2)[0].tolist(),
    ],
    ids=["survey", "sides", "recommend_delta", "explain_order", "predict_error", "predict_optimum", "truncation_terms"],
)
@pytest.mark.parametrize("f", ["x*exp(x)", dk.parse("x*exp(x)")], ids=["text", "expression"])
def test_what_is_known_of_a_formula_is_what_is_known_of_its_function(entry: Any, f: Any) -> None:
    assert entry(f) == entry(dk.Function.from_expression("x*exp(x)"))
