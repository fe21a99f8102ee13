"""Taylor series, values and running errors of every operation, against mpmath."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from formulas import inside
from hypothesis import given, settings
from hypothesis import strategies as st

import derivkit as dk
from derivkit.expressions.evaluation import float_function, running_error, taylor_series
from derivkit.operations.elementary import ELEMENTARY
from derivkit.operations.formulas import Meaning, worked_out
from derivkit.trusted.exact import high_precision_series

ORDER = 8
HIGH: dict[str, Callable[..., Any]] = {
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)),
    "abs": abs,
    "relu": lambda x: x if x > 0 else mpmath.mpf(0) * x,
    "max": max,
    "min": min,
    "heaviside": lambda x: mpmath.mpf(int(x > 0)),
    "log2": lambda x: mpmath.log(x) / mpmath.log(2),
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    "gelu": lambda x: x * mpmath.ncdf(x),
    "leaky_relu": lambda x: x if x > 0 else x / 100,
    "softmax": lambda x: mpmath.mpf(1) + 0 * x,
    "logsumexp": lambda x: +x,
}
"""Functions that mpmath lacks under their name, or continues into the complex plane."""
ONE_ARGUMENT = [row for row in ELEMENTARY.values() if 1 in row.arity]


def points_of(name: str) -> tuple[float, ...]:
    domain = ELEMENTARY[name].differentiable
    return tuple(x for x in (0.3, 1.3, -0.7, 2.7, -2.7, 0.6) if inside(domain, x))[:3]


def high_of(row: Any) -> Callable[..., Any]:
    """The operation in mpmath, which has not all of them; then what it is in others."""
    if row.name in HIGH or hasattr(mpmath, row.name):
        return HIGH.get(row.name) or getattr(mpmath, row.name)
    operators = {"add": operator.add, "subtract": operator.sub, "multiply": operator.mul, "divide": operator.truediv}
    known = {**operators, "power": operator.pow, "negate": operator.neg}

    def apply(name: str, *arguments: Any) -> Any:
        return known[name](*arguments) if name in known else high_of(ELEMENTARY[name])(*arguments)

    return lambda x: worked_out(row.definition, x, Meaning(number=mpmath.mpf, pi=lambda: +mpmath.pi, apply=apply))


@pytest.mark.parametrize("row", ONE_ARGUMENT, ids=lambda row: row.name)
def test_a_series_in_mpmath_is_mpmaths_own(row: Any) -> None:
    """mpmath differentiates by differences at raised precision: a witness that knows none of our recurrences."""
    high = high_of(row)
    for x in points_of(row.name):
        found = high_precision_series(dk.parse(f"{row.name}(x)"), x, ORDER, digits=60)
        with mpmath.workdps(60):
            expected = mpmath.taylor(high, mpmath.mpf(x), ORDER)
            for k in range(ORDER + 1):
                assert abs(mpmath.mpf(found[k]) - expected[k]) <= mpmath.mpf(10) ** -35 * (1 + abs(expected[k]))


@pytest.mark.parametrize("row", ONE_ARGUMENT, ids=lambda row: row.name)
def test_a_series_in_float64_is_the_one_in_mpmath(row: Any) -> None:
    x = np.array(points_of(row.name))
    found = taylor_series(dk.parse(f"{row.name}(x)"), x, ORDER)
    for j, point in enumerate(x):
        exact = [float(c) for c in high_precision_series(dk.parse(f"{row.name}(x)"), float(point), ORDER)]
        scale = max(map(abs, exact))
        np.testing.assert_allclose([c[j] for c in found], exact, rtol=1e-11, atol=1e-13 * scale)


@pytest.mark.parametrize(
    "text",
    [
        "x^5 - 3*x^2 + 1", "(x^2+1)^(-3)", "x^2.5", "x^x", "2^x", "(1+x^2)^x", "exp(sin(cos(x^2)))",
        "sqrt(x+sqrt(x+sqrt(x)))", "log(3*x+1, 10)", "max(x, x^2)", "min(x, 1-x)",
        "x*exp(-x^2/2)/(1+x)", "-(x-1)^3", "1/(3+x)/x", "x^0 + x^1",
        "log(x, x+2)", "pi*x^e", "abs(x^2-1)*sign(x)", "softplus(-x)+relu(x-1)", "(x-1)^20", "0.1*x", "e^x",
    ],
)  # fmt: skip
def test_a_series_of_a_composition_is_mpmaths_own(text: str) -> None:
    expression = dk.parse(text)
    x = 1.3
    found = high_precision_series(expression, x, 5, digits=80)
    with mpmath.workdps(80):
        value: Callable[[Any], Any] = lambda t: high_precision_series_at(expression, t)  # noqa: E731 -- a name for mpmath
        expected = mpmath.taylor(value, mpmath.mpf(x), 5)
        for k in range(6):
            assert abs(mpmath.mpf(found[k]) - expected[k]) <= mpmath.mpf(10) ** -25 * (1 + abs(expected[k]))


def high_precision_series_at(expression: dk.Expression, t: Any) -> Any:
    """f(t) for an mpmath number t, by Python's own evaluation of what was typed."""
    names: dict[str, Any] = {
        row.name: HIGH.get(row.name) or getattr(mpmath, row.name, None) for row in ELEMENTARY.values()
    }
    text = expression.text.replace("^", "**").replace("2.5", "(mpf(5)/2)").replace("0.1", "(mpf(1)/10)")
    with mpmath.workdps(80 * 8):
        return eval(text, {**names, "x": t, "pi": +mpmath.pi, "e": +mpmath.e, "mpf": mpmath.mpf})  # a literal above


@pytest.mark.parametrize("row", ONE_ARGUMENT, ids=lambda row: row.name)
def test_the_running_error_bounds_the_true_error(row: Any) -> None:
    """Arguments that are themselves rounded, close to and far from where the slope is steep."""
    generator = np.random.default_rng(1)
    spans = ((-20, 20), (0.001, 50), (1.01, 50), (-0.999, 0.999), (0.001, 0.999))
    fitting = (span for span in spans if inside(row.differentiable, np.linspace(*span, 999)).all())
    lo, hi = (-5, 5) if row.name == "gamma" else next(fitting)
    x = generator.uniform(lo, hi, 200)
    expression = dk.parse(f"{row.name}(0.1*x+0.9*x)")
    values, bounds = running_error(expression, x)
    for v, bound, point in zip(values, bounds, x, strict=True):
        true = dk.exact(expression, float(point), 0)
        assert abs(v - true.value) <= bound + true.error
    assert np.median(bounds) <= 1e-11 * np.median(1 + np.abs(values))


trees = st.recursive(
    st.sampled_from(["x", "2", "0.3", "pi", "7"]),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["+", "-", "*", "/"]), inner, inner).map(lambda t: f"({t[1]}{t[0]}{t[2]})"),
        st.tuples(st.sampled_from(["sin", "exp", "atan", "tanh", "abs", "sqrt", "sigmoid"]), inner).map(
            lambda t: f"{t[0]}({t[1]})"
        ),
        st.tuples(inner, st.sampled_from(["2", "3", "-1"])).map(lambda t: f"({t[0]})^({t[1]})"),
    ),
    max_leaves=8,
)


@settings(max_examples=3 * settings.default.max_examples // 2)
@given(trees, st.floats(-3, 3))
def test_the_running_error_bounds_the_true_error_of_any_expression(text: str, x: float) -> None:
    try:
        expression = dk.parse(text)
    except dk.ParseError:  # a division by the number 0
        return
    with np.errstate(all="ignore"):
        value, bound = running_error(expression, np.array([x]))
        assert np.array_equal(value, float_function(expression)(np.array([x])), equal_nan=True)
    true = dk.exact(expression, x, 0)
    if np.isfinite(value[0]) and np.isfinite(bound[0]) and true.status == "ok":
        assert abs(value[0] - true.value) <= bound[0] + true.error


def test_a_kink_has_a_value_but_no_derivative() -> None:
    for text in ("abs(x)", "relu(x)", "max(x, -x)", "min(x, 2*x)", "sign(x)", "floor(x)", "heaviside(x)"):
        value, *derivatives = taylor_series(dk.parse(text), np.array([0.0]), 3)
        assert np.isfinite(value[0]), text
        assert all(np.isnan(c[0]) for c in derivatives), text
    assert dk.exact("abs(0*x)", 0.0).value == 0.0


def test_a_constant_inside_a_kink_is_differentiated() -> None:
    assert dk.exact("abs(0*x)", 1.0).value == 0.0
    assert dk.exact("sign(3)*x", 1.0).value == 1.0


def test_a_division_by_a_constant_that_is_zero_gives_no_number() -> None:
    f = dk.Function.from_expression("x/(pi-pi)")
    assert np.isnan(f(np.array([0.0, 1.0]))).all()
    assert math.isnan(dk.exact("x/(pi-pi)", 1.0).value)


def test_floats_are_evaluated_as_typed() -> None:
    x = np.array([0.1, 1.7, 1e-4])
    expected = {"(1-cos(x))/x**2": (1 - np.cos(x)) / x**2, "2*x^2": 2 * x**2, "1/3*x": 1 / 3 * x, "x**3": x**3}
    for text, values in expected.items():
        assert np.array_equal(dk.Function.from_expression(text)(x), values), text


@pytest.mark.parametrize(
    ("text", "x", "order", "truth"),
    [
        ("2*x^2", 1.0, 1, 4.0),
        ("exp(x)", 1.0, 3, math.e),
        ("(1-cos(x))/x^2", 1e-4, 1, -8.333333327777778e-06),
        ("tanh(x)", 400.0, 1, 1.4e-347),
        ("(1-cos(x))/x^2", 1e-60, 1, -8.333333333333333e-62),
        ("tanh(x)", 120.0, 1, 2.3517130792981078e-104),
        ("sigmoid(x)", 300.0, 1, 5.148200222412013e-131),
        ("exp(x)-x", 1e-150, 1, 1e-150),
        ("(x+1)^3-x^3", 1e120, 1, 6e120),
        ("sin(x)/x", 1e-200, 2, -1 / 3),
        ("asinh(sinh(x))", 2.0, 4, 0.0),
        ("1/(cos(x)-1)", 1e-30, 1, 3.999999999999999e90),
        ("softplus(x)", 2e5, 1, 1.0),
        ("x^2000", 0.0, 1, 0.0),
        ("sin(x)^2+cos(x)^2", 0.7, 1, 0.0),
        ("7", 3.0, 1, 0.0),
        ("exp(-x^2)", 1100.0, 1, 0.0),
    ],
)
def test_trusted_values_are_right_where_float64_is_not(text: str, x: float, order: int, truth: float) -> None:
    assert dk.exact(text, x, order).value == truth


@pytest.mark.parametrize(
    ("text", "x"),
    [
        ("abs(x)", 0.0),
        ("log(x)", -1.0),
        ("1/x", 0.0),
        ("sqrt(x)", -1.0),
    ],
)
def test_where_there_is_no_derivative_none_is_given(text: str, x: float) -> None:
    found = dk.exact(text, x)
    assert math.isnan(found.value)
    assert found.error == math.inf
    assert found.status == "no_derivative"


@pytest.mark.parametrize(
    ("text", "x"),
    [
        ("exp(exp(exp(exp(x))))", 9.0),
        ("sin(exp(exp(x)))", 9.0),
        ("exp(x)", 710.0),
        ("1e400*x", 1.0),
    ],
)
def test_what_is_out_of_range_is_left_unresolved_at_once(text: str, x: float) -> None:
    found = dk.exact(text, x)
    assert (math.isnan(found.value), found.status) == (True, "unresolved")


@pytest.mark.parametrize(
    ("text", "value"),
    [("pi/2", math.pi / 2), ("1/3", 1 / 3), ("2**-8", 2**-8), ("-1e-3", -1e-3), ("sqrt(2)", math.sqrt(2))],
)
def test_a_constant_is_rounded_correctly(text: str, value: float) -> None:
    assert dk.constant(text) == value


@pytest.mark.parametrize(
    ("text", "says"), [("x/2", "has the variable x"), ("log(-1)", "no finite real value"), ("2x", "2\\*x")]
)
def test_what_is_no_constant_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        dk.constant(text)


@pytest.mark.parametrize(
    ("text", "x"),
    [
        ("cos(atan(x*x))", 1e200),  # inf * 0 on the way
        ("asinh(exp((x+1e6)-1e6))", 400.3),  # a slope whose square overflows
        ("acosh(exp((x+1e6)-1e6))", 400.3),
        ("((x^x)^100)^-2", 2.6022680974048846),  # a power that underflows on the way
        ("cbrt(x*x)", 1e-170),  # a product that underflows
        ("1e-320*x", 1.0),  # a constant below the normal numbers
        ("cbrt(x)", 0.16752663807598062),  # 2.8 ulp off in one C library
    ],
)
def test_the_running_error_holds_at_the_ends_of_the_range(text: str, x: float) -> None:
    value, bound = running_error(dk.parse(text), np.array([x]))
    true = dk.exact(text, x, 0)
    assert true.status != "ok" or abs(value[0] - true.value) <= bound[0] + true.error
    assert not np.isnan(bound[0])
