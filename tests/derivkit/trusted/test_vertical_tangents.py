"""Infinite and undefined slopes: one convention of dual numbers, trusted values, derivations and dk.derivative."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import derivkit as dk
from derivkit.automatic.dual import expression_at
from derivkit.operations.elementary import OPERATIONS
from derivkit.trusted import vertical_tangents

INF, NAN = math.inf, math.nan

ENDS: dict[str, dict[float, float]] = {
    "sqrt(x)": {0.0: INF, -1.0: NAN},
    "-sqrt(x)": {0.0: -INF},
    "sqrt(-x)": {0.0: -INF},
    "sqrt(1-x^2)": {1.0: -INF, -1.0: INF},
    "cbrt(x)": {0.0: INF},
    "cbrt(2-x)": {2.0: -INF},
    "x^0.5": {0.0: INF},
    "x^(1/3)": {0.0: INF},
    "(1-x)^0.25": {1.0: -INF},
    "asin(x)": {1.0: INF, -1.0: INF, 1.5: NAN},
    "acos(x)": {1.0: -INF, -1.0: -INF, -1.5: NAN},
    "acosh(x)": {1.0: INF, 0.5: NAN},
    "acosh(x*x)": {1.0: INF, -1.0: -INF},
    "asec(x)": {1.0: INF, -1.0: INF, 0.0: NAN},
    "acsc(x)": {1.0: -INF, -1.0: -INF},
    "atanh(x)": {1.0: NAN, -1.0: NAN},
    "log(x)": {0.0: NAN, -1.0: NAN},
    "log1p(x)": {-1.0: NAN},
    "log2(x)": {0.0: NAN},
    "log10(x)": {0.0: NAN},
    "log(x, 3)": {0.0: NAN},
    "1/x": {0.0: NAN},
    "x^-0.5": {0.0: NAN},
    "gamma(x)": {0.0: NAN, -1.0: NAN},
    "digamma(x)": {0.0: NAN},
    "coth(x)": {0.0: NAN},
    "acot(x)": {0.0: NAN},
    # of both sides, or of what is around it
    "abs(x)": {0.0: NAN},
    "relu(x)": {0.0: NAN},
    "sign(x)": {0.0: NAN},
    "floor(x)": {1.0: NAN},
    "sqrt(abs(x))": {0.0: NAN},
    "sqrt(x^2)": {0.0: NAN},
    "cbrt(x)^2": {0.0: NAN},
    "sqrt(sin(x))": {0.0: INF},
    "exp(sqrt(x))": {0.0: INF},
    "log(2-sqrt(x))": {0.0: -INF},
    "3*sqrt(x)+cbrt(x)-x": {0.0: INF},
    "(x-2)*sqrt(x)": {0.0: -INF},
    "sqrt(x)/(x-1)": {0.0: -INF},
    "2^cbrt(x)": {0.0: INF},
    "sqrt(sqrt(x))": {0.0: INF},
    "cbrt(-sqrt(x))": {0.0: -INF},
    "asin(1-sqrt(x))": {0.0: -INF},
    "(acosh(x))^0.75": {1.0: INF},
}
"""Slopes at the ends of domains and where two sides meet, by hand."""
CASES = [(text, x, slope) for text, points in ENDS.items() for x, slope in points.items()]


def by_dual(text: str, x: float) -> float:
    return float(dk.dual(lambda v: expression_at(dk.parse(text), v), x).derivative)


def by_exact(text: str, x: float) -> float:
    return dk.exact(text, x).value


def by_derivation(text: str, x: float) -> float:
    return float(dk.derive(text)(x))


def by_derivative(text: str, x: float) -> float:
    return float(dk.derivative(dk.Function.from_expression(text), x).value)


WAYS: dict[str, Callable[[str, float], float]] = {
    "dual": by_dual, "exact": by_exact, "derive": by_derivation, "derivative": by_derivative,
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("text", "x", "slope"), CASES)
def test_a_vertical_tangent_of_one_sign_is_infinite_and_no_slope_is_nan_whoever_is_asked(
    text: str, x: float, slope: float, way: str
) -> None:
    np.testing.assert_equal(WAYS[way](text, x), slope)


def test_every_operation_that_is_vertical_somewhere_is_in_the_table() -> None:
    names = {name for name, row in OPERATIONS.items() if name != "power" and row.vertical(None)}
    assert names == {"sqrt", "cbrt", "asin", "acos", "acosh", "asec", "acsc"}
    for name in names:
        f = dk.Function.from_expression(f"{name}(x)")
        for end, sign, side in OPERATIONS[name].vertical(None):
            assert ENDS[f"{name}(x)"][float(end)] == sign * INF
            beside = np.isfinite(f(np.array([end - 1e-3, end + 1e-3]))).tolist()
            assert beside == [side <= 0, side >= 0]


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [
        (np.arccosh, 1.0, INF),
        (lambda v: np.arccosh(v * v), -1.0, -INF),
        (np.sqrt, 0.0, INF),
        (np.sqrt, -0.0, INF),
        (np.cbrt, 0.0, INF),
        (np.arcsin, -1.0, INF),
        (np.arccos, 1.0, -INF),
        (np.arctanh, 1.0, NAN),
        (np.log, 0.0, NAN),
        (lambda v: v**0.5, 0.0, INF),
        (lambda v: np.power(v, 0.25), 0.0, INF),
        (lambda v: np.float_power(v, 0.9), 0.0, INF),
        (lambda v: np.hypot(v, 0.0), 0.0, NAN),
        (lambda v: np.sqrt(np.abs(v)), 0.0, NAN),
        (lambda v: np.sqrt(v * v), 0.0, NAN),
    ],
)
def test_numpy_functions_keep_the_convention(f: Callable[[Any], Any], x: float, slope: float) -> None:
    np.testing.assert_equal(dk.dual(f, x).derivative, slope)
    np.testing.assert_equal(dk.dual(f, [x, 0.5]).derivative[0], slope)


def test_beyond_an_infinite_derivative_there_is_none() -> None:
    np.testing.assert_equal(dk.dual(np.sqrt, 0.0, 3).derivatives, (INF, NAN, NAN))
    assert dk.dual(np.sqrt, np.array([0.0, 1.0]), 2).derivatives[1].tolist()[1] == -0.25
    assert math.isnan(dk.exact("sqrt(x)", 0.0, 2).value)
    assert math.isnan(dk.derive("sqrt(x)", order=2)(0.0))


def test_a_trusted_infinity_says_so_and_is_no_exact_derivative_to_measure_by() -> None:
    found = dk.exact("acosh(x)", 1.0)
    assert (found.value, found.status, found.lower, found.upper) == (INF, "vertical", INF, INF)
    assert math.isnan(found.error)
    assert str(found) == "inf (a vertical tangent)"
    assert np.isnan(dk.Function.from_expression("acosh(x)").exact_derivative(np.array([1.0])))[0]


@pytest.mark.parametrize(
    "text", ["sqrt(x)*x", "sqrt(x)-2*sqrt(x)", "sqrt(x)+abs(x)", "acos(x+1)*sqrt(-x)", "sqrt(x)/x"]
)
def test_what_the_rules_cannot_tell_is_nan(text: str) -> None:
    for way in ("dual", "exact", "derive"):
        assert math.isnan(WAYS[way](text, 0.0)), way


@pytest.mark.parametrize(
    ("text", "x"),
    [
        ("sqrt(-sqrt(x))", 0.0),
        ("sqrt(-sqrt(-x))", 0.0),
        ("sqrt(x)-sqrt(-x)", 0.0),
        ("asin(1+sqrt(x))", 0.0),
        ("(acosh(-x)*x)^0.75", -1.0),
    ],
)
def test_a_function_that_is_defined_at_the_point_alone_has_no_slope(text: str, x: float) -> None:
    assert dk.exact(text, x, 0).status == "ok"
    assert dk.exact(text, x).status == "no_derivative"
    assert math.isnan(dk.derive(text)(x))


@pytest.mark.parametrize(("text", "x"), [("cos(asec(x))", 1.0), ("sin(asin(x))", 1.0), ("sin(acos(x))^2", -1.0)])
def test_rounding_times_infinity_is_not_taken_for_infinity(text: str, x: float) -> None:
    """The true slopes are finite: what stands before the infinity is 0, and not 6e-17 as in float64."""
    assert math.isnan(dk.derive(text)(x))
    assert math.isnan(dk.exact(text, x).value)


def test_of_several_variables_the_one_that_moves_decides() -> None:
    assert dk.exact("y*sqrt(x)", {"x": 0.0, "y": -2.0}, variable="x").value == -INF
    assert dk.exact("y*sqrt(x)", {"x": 0.0, "y": -2.0}, variable="y").value == 0.0
    assert math.isnan(dk.exact("y*sqrt(x)", {"x": 0.0, "y": 0.0}, variable="x").value)
    slope = dk.derive("y*sqrt(x)", "x")
    np.testing.assert_equal(
        slope(x=np.array([0.0, 0.0, 0.0, 4.0]), y=np.array([1.0, -1.0, 0.0, 8.0])), [INF, -INF, NAN, 2]
    )


def test_a_sign_that_is_not_proved_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Break the proof: a guess would take 0 times infinity for infinity."""
    assert math.isnan(dk.exact("sqrt(x)*sin(x)", 0.0).value)
    monkeypatch.setattr(vertical_tangents, "_sign", lambda ball: 1)
    assert dk.exact("sqrt(x)*sin(x)", 0.0).value == INF


@pytest.mark.parametrize("text", ["acos(-3)", "sigmoid(atanh(1))", "acos(-3) + x"])
def test_a_constant_that_is_no_number_is_none_at_every_point(text: str) -> None:
    np.testing.assert_array_equal(dk.derive(text)(np.array([1.0, 2.0])), [np.nan, np.nan])
    assert math.isnan(dk.derive(text)(1.0))
