"""What is seen on either side of a point: slopes, kinks, jumps, vertical tangents and no values, in words."""

from __future__ import annotations

import math
from typing import Any

import pytest

import derivkit as dk


def seen(text: str, x: float, **more: Any) -> str:
    return dk.sides(dk.Function.from_expression(text, **more), x).message


@pytest.mark.parametrize(
    ("text", "x", "says"),
    [
        ("exp(x)", 1.0, "smooth"),
        ("abs(x)", 0.0, "a kink, slope -1 from the left and 1 from the right"),
        ("relu(x)", 0.0, "a kink, slope 0 from the left and 1 from the right"),
        ("max(x, 0.01*x)", 0.0, "a kink, slope 0.01 from the left and 1 from the right"),
        ("max(x^2, 2-x)", 1.0, "a kink, slope -1 from the left and 2 from the right"),
        ("x*abs(x)", 0.0, "both sides agree on the slope 0, but f is made of two pieces here"),
        ("floor(x)", 1.0, "f jumps, lying 1 lower to the left; slope 0 from the right"),
        ("sqrt(x)", 0.0, "f has no value to the left; from the right the slope grows like delta^-0.50"),
        ("cbrt(x)", 0.0, "from the left the slope grows like delta^-0.67, a vertical tangent; from the right"),
        ("1/x", 0.0, "f has no value at the point, and -1.638e+04 at a distance of 6.1e-05 to the left"),
        ("log(x)", -1.0, "f has no value at the point, and none to the left, none to the right"),
    ],
)
def test_both_sides_of_a_point_are_told(text: str, x: float, says: str) -> None:
    assert seen(text, x).startswith(says)


def test_at_the_end_of_the_domain_the_side_within_is_told_and_the_other_never_evaluated() -> None:
    asked: list[float] = []

    def f(v: float) -> float:
        asked.append(float(v))
        return v * v

    function = dk.Function.from_callable(f, name="square", domain=(0.0, 1.0))
    assert dk.sides(function, 1.0).message == "slope 2 from the left; f has no value to the right"
    assert max(asked) <= 1.0


def test_the_side_of_a_callable_without_expression_is_measured() -> None:
    assert dk.sides(math.fabs, 0.0).message == "a kink, slope -1 from the left and 1 from the right"
    assert dk.sides(math.exp, 1.0).message == "both sides agree on the slope 2.71828, but no exact derivative is known"


@pytest.mark.parametrize(("text", "x"), [("exp(x)", 1.0), ("sin(1000*x)", 1.0), ("sin(x)", 1e6), ("1/x", 1e-3)])
def test_the_error_of_a_side_covers_what_it_says(text: str, x: float) -> None:
    found = dk.sides(dk.Function.from_expression(text), x)
    for side in (found.left, found.right):
        assert abs(side.slope - found.exact) <= side.error


def test_a_gentle_kink_is_not_taken_for_rounding() -> None:
    assert seen("x + abs(x)/1000000", 0.0).startswith("a kink, slope 0.999999 from the left and 1 from the right")


def test_why_f_has_no_value_at_a_point_is_said_in_its_own_words() -> None:
    assert dk.sides(lambda x: [x, x], 1.0).message.startswith(
        "f has no value at the point (TypeError: f gives 2 numbers where one is wanted"
    )
