"""Formulas of several variables in the place of functions of parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import derivkit as dk

PRODUCT = lambda x: x[0] ** 2 * x[1]  # noqa: E731 -- the function beside the formula x^2*y
POINT = [3.0, 5.0]
OF_A_VECTOR: dict[str, Callable[[Any], Any]] = {
    "gradient": lambda f: dk.gradient(f, POINT).value,
    "gradient by a formula": lambda f: dk.gradient(f, POINT, formula="central_2", delta=2.0**-10).value,
    "partial": lambda f: dk.partial(f, POINT, 1).value,
    "directional": lambda f: dk.directional(f, POINT, [1.0, 2.0]).value,
    "hessian": lambda f: dk.hessian(f, POINT).value,
    "jacobian": lambda f: dk.jacobian(f, POINT).value,
    "check": lambda f: dk.check_gradient(f, [30.0, 9.5], POINT).measured,
}


@pytest.mark.parametrize("entry", OF_A_VECTOR)
def test_a_formula_of_a_vector_is_as_good_as_a_function(entry: str) -> None:
    np.testing.assert_array_equal(OF_A_VECTOR[entry]("x^2*y"), OF_A_VECTOR[entry](PRODUCT))


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ({"v": 3.0, "m": 2.0}, {"v": 12.0, "m": 9.0}),
        (pd.Series({"v": 3.0, "m": 2.0}), {"v": 12.0, "m": 9.0}),
        ({"v": 3.0, "m": 2.0, "unused": 1.0}, {"v": 12.0, "m": 9.0, "unused": 0.0}),
    ],
    ids=["dict", "series", "more than the formula has"],
)
def test_variables_are_found_by_their_names(x: Any, expected: dict[str, float]) -> None:
    assert dict(dk.gradient("m*v^2", x).value) == pytest.approx(expected, abs=1e-10)


def test_several_formulas_are_a_function_of_several_values() -> None:
    assert dk.jacobian(["x*y", "x"], POINT).value == pytest.approx(np.array([[5.0, 3.0], [1.0, 0.0]]), abs=1e-10)
    assert dk.jacobian(("x^2", "x^3"), 2.0).value == pytest.approx(np.array([[4.0], [12.0]]), abs=1e-10)


@pytest.mark.parametrize(
    ("f", "claim", "x", "verdict"),
    [
        ("x^2*y", ["2*x*y", "x^2"], POINT, "agree"),
        ("x^2*y", ["2*x*y", "x"], POINT, "disagree"),
        ("x^2*y", {"x": "2*x*y", "y": dk.parse("x^2")}, {"x": 3.0, "y": 5.0}, "agree"),
        ("x^2*y", [30.0, "x^2"], POINT, "agree"),
        ("sin(x)", "cos(x)", 1.0, "agree"),
        ("3", "0", 1.0, "agree"),
        (PRODUCT, ["2*x1*x2", "x1^2"], POINT, "agree"),
    ],
)
def test_claims_may_be_formulas(f: Any, claim: Any, x: Any, verdict: str) -> None:
    assert dk.check_gradient(f, claim, x).verdict == verdict


def test_a_jacobian_may_be_claimed_by_formulas() -> None:
    assert dk.check_jacobian(["x*y", "x"], [["y", "x"], [1.0, 0.0]], POINT).verdict == "agree"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dk.gradient("y*x", POINT), r"variables y, x in this order.*write x by name, \{'y': 1\.0, 'x': 1\.0\}"),
        (lambda: dk.gradient("x*y", [1.0]), r"variables x, y, and x 1 entry; write x by name"),
        (lambda: dk.gradient("x*y", {"x": 1.0}), r"variables x, y, and x no y"),
        (lambda: dk.gradient("x^2", POINT), r"f gives 2 values where one is needed"),
        (lambda: dk.gradient("x y", POINT), r"'x y' at column 3: a multiplication sign is missing"),
        (lambda: dk.check_gradient("x*y", ["y", "z"], POINT), r"the claim has z, f only x, y"),
        (lambda: dk.gradient([1.0, 2.0], POINT), r"dk\.from_samples\(t, y\) differentiates samples"),
    ],
)
def test_a_formula_that_does_not_fit_the_point_is_refused_in_a_line(call: Callable[[], Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_numbers_at_the_end_of_names_tell_the_order_of_a_vector() -> None:
    assert dk.gradient("2*x10 + 3*x9 + x1", [1.0, 1.0, 1.0]).value == pytest.approx([1.0, 3.0, 2.0])
