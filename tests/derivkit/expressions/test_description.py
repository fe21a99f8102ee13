"""What is said of formulas for other languages holds here: each sentence is taken at its word."""

from __future__ import annotations

import math

import numpy as np
import pytest

import derivkit as dk
from derivkit.expressions.evaluation import float_function
from derivkit.operations.elementary import ELEMENTARY

GRAMMAR = dk.grammar()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("-x^2", "-(x^2)"),
        ("2^3^x", "2^(3^x)"),
        ("2^-x", "2^(-x)"),
        ("5/x*3", "(5/x)*3"),
        ("5-x-3", "(5-x)-3"),
        ("-x*2", "(-x)*2"),
        ("2*x^3", "2*(x^3)"),
        ("-x+2", "(-x)+2"),
        ("x**2", "x^2"),
    ],
)
def test_operators_bind_as_they_are_said_to(written: str, read: str) -> None:
    x = np.array([0.3, 1.7, 2.5])
    assert np.array_equal(float_function(written)(x), float_function(read)(x))


@pytest.mark.parametrize("written", ["2x", "2 x", "x(2)", "sin x"])
def test_no_sign_of_multiplication_is_left_out_and_no_bracket(written: str) -> None:
    with pytest.raises(dk.ParseError):
        dk.parse(written)


def test_every_operation_constant_and_operator_is_described() -> None:
    assert list(GRAMMAR.functions) == list(ELEMENTARY)
    assert all(text and text != "where" for text in GRAMMAR.functions.values())
    assert {name: float(float_function(f"{name}*x")(np.array(1.0))) for name in GRAMMAR.constants} == {
        "pi": math.pi,
        "e": math.e,
    }
    signs = "".join(GRAMMAR.operators)
    assert all(sign in signs for sign in "+-*/^")


@pytest.mark.parametrize("name", [name for name, row in ELEMENTARY.items() if row.definition])
def test_a_function_is_what_its_definition_says(name: str) -> None:
    """The part of a description between the colon and the domain, computed as a formula of u."""
    formula = GRAMMAR.functions[name].partition(": ")[2].partition(", where ")[0]
    u = np.array([0.4, 1.7])
    value = float_function(f"{name}(u)")(u)
    assert np.isfinite(value).any()
    assert float_function(formula)(u) == pytest.approx(value, rel=1e-13, nan_ok=True)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("log(8, x)", 3.0),
        ("cbrt(-4*x)", -2.0),
        ("leaky_relu(-x, 0.5)", -1.0),
        ("leaky_relu(-x)", -0.02),
        ("max(1, x, 0)", 2.0),
        ("min(1, x, 0)", 0.0),
        ("softmax(x, 0)", math.exp(2) / (math.exp(2) + 1)),
        ("logsumexp(x, 0)", math.log(math.exp(2) + 1)),
        ("polygamma(1, x)", math.pi**2 / 6 - 1),
        ("piecewise((1, x<1), (x, True))", 2.0),
        ("sign(x-2)", 0.0),
        ("floor(-x/4)", -1.0),
    ],
)
def test_functions_without_a_definition_are_what_is_said_of_them(written: str, value: float) -> None:
    assert float(float_function(written)(np.array(2.0))) == pytest.approx(value, rel=1e-13)
    assert written.partition("(")[0] in GRAMMAR.functions
