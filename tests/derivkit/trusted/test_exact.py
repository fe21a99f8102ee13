"""Trusted values against mpmath at 2000 digits, on points chosen to be hard; refusals, enclosures, bounds of work."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import quick
from hypothesis import given
from hypothesis import strategies as st

import derivkit as dk
from derivkit.expressions.tree import Operation, Variable
from derivkit.operations import balls, enclosures
from derivkit.operations.balls import SENSELESS, UNDECIDED, UNDEFINED, Ball, Numbers, lifted
from derivkit.trusted import exact
from derivkit.trusted.accuracy import accuracy
from derivkit.trusted.exact import ExactStatus, high_precision_series

DIGITS = 2000
Witness = Callable[[Any], Any]


def one(_: Any) -> Any:
    return mp.mpf(1)


def sech2(x: Any) -> Any:
    return mp.sech(x) ** 2


HARD: list[tuple[str, float, int, Witness]] = [
    # What cancels entirely in any precision that one would try first.
    ("1-tanh(x)^2", 300.0, 0, sech2),
    ("1-tanh(x)^2", 300.0, 1, lambda x: -2 * mp.tanh(x) * mp.sech(x) ** 2),
    ("1-tanh(x)^2", 350.0, 0, sech2),
    ("tanh(x)", 400.0, 1, sech2),
    ("tanh(x)", 372.5, 1, sech2),  # a subnormal
    ("tanh(x)", 20.0, 1, sech2),
    ("tanh(x)", 20.0, 2, lambda x: -2 * mp.tanh(x) * mp.sech(x) ** 2),
    ("(1-cos(x))/x^2", 1e-4, 0, lambda x: (1 - mp.cos(x)) / x**2),
    ("(1-cos(x))/x^2", 1e-4, 1, lambda x: mp.sin(x) / x**2 - 2 * (1 - mp.cos(x)) / x**3),
    ("(1-cos(x))/x^2", 1e-60, 0, lambda x: (1 - mp.cos(x)) / x**2),
    ("(1-cos(x))/x^2", 1e-60, 1, lambda x: mp.sin(x) / x**2 - 2 * (1 - mp.cos(x)) / x**3),
    ("(1-cos(x))/x^2", 1e-160, 1, lambda x: mp.sin(x) / x**2 - 2 * (1 - mp.cos(x)) / x**3),
    ("(exp(x)-1)/x", 1e-8, 0, lambda x: mp.expm1(x) / x),
    ("(exp(x)-1)/x", 1e-8, 1, lambda x: (x * mp.exp(x) - mp.expm1(x)) / x**2),
    ("(exp(x)-1)/x", 1e-200, 1, lambda x: (x * mp.exp(x) - (mp.exp(x) - 1)) / x**2),
    ("sin(x)/x", 1e-200, 2, lambda x: -mp.sin(x) / x - 2 * mp.cos(x) / x**2 + 2 * mp.sin(x) / x**3),
    ("(x-sin(x))/x^3", 1e-50, 0, lambda x: (x - mp.sin(x)) / x**3),
    ("(x-sin(x))/x^3", 1e-30, 1, lambda x: (1 - mp.cos(x)) / x**3 - 3 * (x - mp.sin(x)) / x**4),
    ("sqrt(x+1)-sqrt(x)", 1e300, 0, lambda x: 1 / (mp.sqrt(x + 1) + mp.sqrt(x))),
    ("sqrt(x+1)-sqrt(x)", 1e100, 1, lambda x: 1 / (2 * mp.sqrt(x + 1)) - 1 / (2 * mp.sqrt(x))),
    ("log(x)-log(x+1)", 1e200, 1, lambda x: 1 / (x * (x + 1))),
    ("x^2-(x+1)*(x-1)", 1e150, 0, one),
    ("1/(cos(x)-1)", 1e-30, 1, lambda x: mp.sin(x) / (mp.cos(x) - 1) ** 2),
    ("exp(x)-x", 1e-150, 1, mp.expm1),
    ("exp(x)-1-x", 1e-100, 0, lambda x: mp.exp(x) - 1 - x),
    ("(x+1)^3-x^3", 1e120, 1, lambda x: 6 * x + 3),
    ("(x+1e-300)^(1e6)", 1.0, 1, lambda x: mp.mpf(10) ** 6 * (x + mp.mpf(10) ** -300) ** 999999),
    ("atan(x)-pi/2", 1e30, 0, lambda x: -mp.atan(1 / x)),
    ("asinh(x)-log(2*x)", 1e20, 0, lambda x: mp.asinh(x) - mp.log(2 * x)),
    ("(x-1)^8", 1.0000001, 1, lambda x: 8 * (x - 1) ** 7),
    ("x^8-8*x^7+28*x^6-56*x^5+70*x^4-56*x^3+28*x^2-8*x+1", 1.0000001, 1, lambda x: 8 * (x - 1) ** 7),
    # Losses of machine learning.
    ("-log(1-1/(1+exp(-x)))", 30.0, 0, lambda x: mp.log(1 + mp.exp(x))),
    ("-log(1-1/(1+exp(-x)))", 37.0, 1, lambda x: 1 / (1 + mp.exp(-x))),
    ("-log(1-sigmoid(x))", 37.0, 1, lambda x: 1 / (1 + mp.exp(-x))),
    ("-log(1-sigmoid(x))", 300.0, 1, lambda x: 1 / (1 + mp.exp(-x))),
    ("-log(sigmoid(x))", 700.0, 0, lambda x: mp.log1p(mp.exp(-x))),
    ("softplus(x)", 800.0, 0, lambda x: mp.log(1 + mp.exp(x))),
    ("softplus(x)", -740.0, 1, lambda x: 1 / (1 + mp.exp(-x))),
    ("sigmoid(x)", 300.0, 1, lambda x: mp.exp(-x) / (1 + mp.exp(-x)) ** 2),
    ("sigmoid(x)", -40.0, 3, lambda x: mp.diff(lambda t: 1 / (1 + mp.exp(-t)), x, 3)),
    ("log(exp(x)+exp(-x))", 355.0, 2, sech2),
    ("sigmoid(sin(pi*x))", 1.0, 1, lambda x: -mp.pi / 4),  # a zero that no precision proves
    # Large arguments.
    ("sin(x)", 1e300, 1, mp.cos),
    ("tan(x)", 1e22, 1, lambda x: 1 + mp.tan(x) ** 2),
    ("sin(1/x)", 1e-200, 0, lambda x: mp.sin(1 / x)),
    ("sin(exp(x))", 700.0, 1, lambda x: mp.exp(x) * mp.cos(mp.exp(x))),
    ("tan(x)", 1.5707963267948966, 3, lambda x: 2 * (1 + mp.tan(x) ** 2) * (1 + 3 * mp.tan(x) ** 2)),
    ("x^x^x^x", 2.0, 0, lambda x: mp.mpf(65536)),
    ("log(log(log(exp(exp(exp(x))))))", 3.0, 1, one),
    # Subnormal results, rounded once, and zeros.
    ("exp(x)", -744.5, 1, mp.exp),
    ("exp(x)", -740.3, 4, mp.exp),
    ("exp(x)", -745.13, 1, mp.exp),
    ("exp(x)", -745.2, 1, mp.exp),
    ("x^2", 2.2e-162, 0, lambda x: x * x),
    ("x^3/7", 3.3e-108, 0, lambda x: x**3 / 7),
    ("2^(-1000)*2^(-75)*x", 1.0, 1, lambda x: mp.mpf(0)),  # half of the least positive float: a tie, to even
    ("2^(-1000)*2^(-75)*x^2", 1.0000000000000002, 0, lambda x: mp.mpf(2) ** -1075 * x**2),
    ("3*2^(-1000)*2^(-75)*x", 1.0, 1, lambda x: 3 * mp.mpf(2) ** -1075),
    ("exp(-x^2)", 1100.0, 1, lambda x: mp.mpf(0)),
    ("1/x", 1.7e308, 1, lambda x: -1 / x**2),
    ("sin(x)^2+cos(x)^2", 0.7, 1, lambda x: mp.mpf(0)),
    ("asinh(sinh(x))", 2.0, 4, lambda x: mp.mpf(0)),
    # Ties between two floats, and a hair beside them.
    ("x+2^(-53)", 1.0, 0, lambda x: 1 + mp.mpf(2) ** -53),
    ("x+3*2^(-53)", 1.0, 0, lambda x: 1 + 3 * mp.mpf(2) ** -53),
    ("x+2^(-53)+1e-300", 1.0, 0, lambda x: 1 + mp.mpf(2) ** -53 + mp.mpf(10) ** -300),
    ("x+2^(-53)-1e-300", 1.0, 0, lambda x: 1 + mp.mpf(2) ** -53 - mp.mpf(10) ** -300),
    ("x+2^(-53)+exp(-700)", 1.0, 0, lambda x: 1 + mp.mpf(2) ** -53 + mp.exp(-700)),
    ("x+2^(-53)-exp(-700)", 1.0, 0, lambda x: 1 + mp.mpf(2) ** -53 - mp.exp(-700)),
    ("sqrt(x)^2*(1+2^(-53))", 4.0, 1, lambda x: 1 + mp.mpf(2) ** -53),
    ("x^(1/2)+2^(-52)", 4.0, 0, lambda x: 2 + mp.mpf(2) ** -52),
    ("cbrt(x)*(2+2^(-52))", 27.0, 0, lambda x: 3 * (2 + mp.mpf(2) ** -52)),
    ("cos(x)", 1e-8, 0, mp.cos),  # 1 - 5e-17, near the middle below 1
    ("cos(x)", 1.0536712127723509e-08, 0, mp.cos),  # the middle below 1 itself, to 1e-17
    ("x*(1+x)", 2.0**-53, 1, lambda x: 1 + 2 * x),
    ("exp(x)", 2.0**-53, 0, mp.exp),  # the middle above 1, and 2^-107
    ("exp(x)", -(2.0**-54), 0, mp.exp),
    ("sqrt(x)", 0.9999999999999999, 0, mp.sqrt),
    ("log(x)", 1.0000000000000002, 0, mp.log),
    # Where branches meet.
    ("abs(x)*x", -1e-300, 1, lambda x: -2 * x),
    ("max(x, x^2)", 0.9999999999999999, 1, one),
    ("max(x, x^2)", 1.0000000000000002, 1, lambda x: 2 * x),
    ("relu(x-0.1)", 0.1, 1, one),  # the float 0.1 is above one tenth
    ("relu(x-0.3)", 0.3, 1, lambda x: mp.mpf(0)),  # the float 0.3 is below three tenths
    ("floor(10*x)", 0.3, 0, lambda x: mp.mpf(2)),
    ("max(0.1*x, x/10)", 0.3, 1, lambda x: mp.mpf(1) / 10),  # one number, typed twice: no kink
    ("x^0.1*x^0.9", 5.0, 1, one),
    ("(-x)^(3*(1/3))", 2.0, 1, lambda x: -one(x)),
]  # fmt: skip


def rounded(value: Any) -> float:
    """The float nearest to a number of mpmath, rounded once by Python's division of integers."""
    sign, mantissa, exponent, _ = value._mpf_
    whole = (-1) ** sign * int(mantissa)
    return whole * 2**exponent / 1 if exponent >= 0 else whole / 2**-exponent


def fraction(value: Any) -> Fraction:
    sign, mantissa, exponent, _ = value._mpf_
    return (-1) ** sign * int(mantissa) * Fraction(2) ** exponent


@pytest.mark.parametrize(("text", "x", "order", "truth"), HARD, ids=[f"{t}@{x}:{k}" for t, x, k, _ in HARD])
def test_a_trusted_value_is_right_to_the_last_bit_at_a_hard_point(
    text: str, x: float, order: int, truth: Witness
) -> None:
    with mp.workdps(DIGITS):
        true = truth(mp.mpf(x)) + mp.mpf(0)
        expected = rounded(true)
        off = abs(fraction(true) - Fraction(expected))
    found = dk.exact(text, x, order)
    assert (found.value, found.status) == (expected, "ok")
    slack = Fraction(10) ** -1900  # of the witness
    assert off <= Fraction(found.error) + slack
    assert Fraction(found.lower) - slack <= fraction(true) <= Fraction(found.upper) + slack
    assert found.upper <= math.nextafter(math.nextafter(found.lower, math.inf), math.inf)


def test_there_are_enough_hard_points() -> None:
    assert len({(text, x, order) for text, x, order, _ in HARD}) >= 60


@pytest.mark.parametrize("text", ["1-tanh(x)^2", "tanh(x)^2", "x-x"])
def test_a_witness_of_another_function_is_told_apart(text: str) -> None:
    with mp.workdps(DIGITS):
        assert dk.exact(text, 300.0, 0).value != rounded(sech2(mp.mpf(301)))


@pytest.mark.parametrize(
    ("text", "x", "order"),
    [
        ("abs(x)", 0.0, 1), ("relu(x)", 0.0, 1), ("max(x, x^2)", 1.0, 1), ("min(x, 1-x)", 0.5, 1), ("sign(x)", 0.0, 1),
        ("floor(x)", 3.0, 1), ("floor(0.1*x)", 20.0, 1), ("log(x)", -1.0, 0), ("log(x)", -1.0, 1), ("log(x)", 0.0, 0),
        ("0*log(x)", -1.0, 1), ("max(log(x), 3)", -1.0, 0), ("sqrt(x)", -1e-300, 0), ("sqrt(x^2)", 0.0, 1),
        ("asin(x)", 1.0000000000000002, 0), ("atanh(x)", 1.0, 1), ("acosh(x)", 0.5, 1), ("atanh(x)", 1.0, 0),
        ("1/x", 0.0, 0), ("1/(x^2-4)", 2.0, 1), ("1/(10*x-3*(x/0.3))", 0.3, 0), ("x^-2", 0.0, 1), ("x^0.5", -2.0, 0),
        ("x^x", 0.0, 1), ("log1p(x)", -1.0, 0), ("x", math.nan, 1), ("x", math.inf, 0), ("log(-exp(x))", 1.0, 1),
        ("sqrt(x)/exp(-1e9*x)", -1.0, 1),
    ],
)  # fmt: skip
def test_where_it_is_proved_that_there_is_no_derivative_that_is_said(text: str, x: float, order: int) -> None:
    found = dk.exact(text, x, order)
    assert found.status == "no_derivative"
    assert math.isnan(found.value)
    assert math.isnan(found.lower)
    assert found.error == math.inf


@pytest.mark.parametrize(
    ("text", "x", "order"),
    [
        ("1/sin(pi*x)", 1.0, 1),  # a pole that no precision proves
        ("abs(sin(pi*x))", 1.0, 1),  # a kink
        ("floor(sin(x)^2+cos(x)^2)", 0.5, 0),  # a jump
        ("log(pi-pi+0*x)", 1.0, 0),
        ("x^(sin(1)^2+cos(1)^2)", -2.0, 0),
        ("exp(x)", 710.0, 1),
        ("exp(exp(exp(exp(x))))", 9.0, 1),
        ("x^x^x^x", 9.0, 1),
    ],
)
def test_what_cannot_be_decided_is_unresolved_within_its_enclosure(text: str, x: float, order: int) -> None:
    found = dk.exact(text, x, order)
    assert (found.status, math.isnan(found.value), found.error) == ("unresolved", True, math.inf)
    assert found.lower <= found.upper


def test_an_enclosure_says_what_is_known() -> None:
    beyond = dk.exact("exp(x)", 710.0, 1)
    assert (beyond.lower, beyond.upper) == (sys.float_info.max, math.inf)
    jump = dk.exact("heaviside(sin(pi*x))", 1.0, 0)
    assert jump.status == "unresolved"
    assert (jump.lower, jump.upper) == pytest.approx((0.0, 1.0), abs=1e-8)
    assert jump.lower <= 0.0
    assert jump.upper >= 1.0
    continuous = dk.exact("abs(sin(pi*x))", 1.0, 0)
    assert (continuous.status, continuous.value) == ("ok", 0.0)
    far = dk.exact("cos(exp(exp(exp(x))))", 10.0, 0)
    assert far.status == "unresolved"
    assert far.lower >= -1.000001
    assert far.upper <= 1.000001


SLOW = [
    ("exp(exp(exp(9)))*x", 1.0, 1),
    ("sin(x)", 1e300, 1),
    ("x^x^x^x", 9.0, 1),
    ("(x+1e-300)^(1e6)", 1.0, 1),
    ("sin(" * 55 + "x" + ")" * 55 + "/(pi-pi)", 1.0, 4),
    ("cosh(" * 50 + "x" + ")" * 50, 3.0, 1),
    ("(" * 50 + "x+1e-300" + ")^1000000+x" * 50, 1.5, 30),
    ("(" * 55 + "x" + ")^999999" * 55, 1.5, 4),
    ("+".join(f"exp(x*{k}/7)*sin(pi*{k}*x)" for k in range(1, 40)) + "+1/sin(pi*x)", 1.0, 4),
    ("exp(sin(x))", 1.0, 1000),
    ("exp(sin(x))", 1.0, 100_000),
    ("x", 1.0, 10**12),
]


@pytest.mark.parametrize(("text", "x", "order"), quick.part(SLOW, every=3))
def test_the_work_is_bounded_on_anything(text: str, x: float, order: int) -> None:
    """A second of the processor is charged at most; here it is 60, as no machine is so much slower."""
    start = time.process_time()
    dk.exact(text, x, order)
    assert time.process_time() - start < 60.0


def test_the_work_spent_is_counted_and_not_timed() -> None:
    numbers = Numbers(1000.0)
    with pytest.raises(balls.ExhaustedError):
        numbers.spend(1001.0)
    assert dk.exact("exp(sin(x))", 1.0, 100_000) == exact._UNRESOLVED


# Several variables


def test_a_partial_derivative_is_taken_for_the_variable_that_moves() -> None:
    point = {"w": 2.0, "x": 3.0, "b": -1.0, "y": 4.0}
    for variable, slope in (("w", 6.0), ("b", 2.0), ("y", -2.0), ("x", 4.0)):
        assert dk.exact("(relu(w*x+b)-y)^2", point, variable=variable).value == slope
    assert dk.exact("(relu(w*x+b)-y)^2", point, 2, variable="w").value == 18.0
    assert dk.exact("(relu(w*x+b)-y)^2", point, 0).value == 1.0
    assert dk.taylor("w*x^2", {"w": 2.0, "x": 1.0}, 2, variable="x") == (2.0, 4.0, 2.0)


def test_the_derivative_for_a_variable_that_does_not_occur_is_0() -> None:
    assert dk.exact("x^2", {"x": 3.0}, variable="z") == exact.Exact(0.0, 0.0, ExactStatus.OK, 0.0, 0.0)
    assert dk.exact("7", {}, 1).value == 0.0


def test_a_mapping_with_one_variable_is_the_same_as_a_number() -> None:
    assert dk.exact("sin(t)", {"t": 0.5}, 3) == dk.exact("sin(t)", 0.5, 3)


@pytest.mark.parametrize(
    ("arguments", "options", "says"),
    [
        (("w*x", 1.0), {}, "has the variables w, x; give the point by name"),
        (("w*x", {"w": 1.0}), {"variable": "w"}, "no value is given for the variable x"),
        (("w*x", {"w": 1.0, "x": 2.0}), {}, "say which one moves"),
        (("x", 1.0), {"variable": "t"}, "no value is given for the variable x"),
        (("x", 1.0, -1), {}, "order=-1: write a whole number from 0 to 10+"),
    ],
)
def test_a_point_that_is_not_enough_is_refused(arguments: tuple[Any, ...], options: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        dk.exact(*arguments, **options)


# Series


@pytest.mark.parametrize("text", ["exp(x)/(1+x^2)", "sin(x)^3", "x^5-3*x", "tanh(x)*abs(x)", "log(x)", "1/3*x^2"])
def test_a_coefficient_is_the_derivative_over_the_factorial_rounded_once(text: str) -> None:
    with mp.workdps(60):
        for k, c in enumerate(dk.taylor(text, 0.7, 6)):
            derivative = dk.exact(text, 0.7, k)
            assert abs(c * math.factorial(k) - derivative.value) <= 2 * math.ulp(derivative.value)


def test_coefficients_end_where_the_derivatives_do() -> None:
    np.testing.assert_equal(dk.taylor("abs(x)+x^2", 0.0, 3), (0.0, math.nan, math.nan, math.nan))
    np.testing.assert_equal(dk.taylor("log(x)", -1.0, 2), (math.nan,) * 3)


def test_a_taylor_expansion_is_one_series(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    original = exact._series
    monkeypatch.setattr(exact, "_series", lambda *a: calls.append(1) or original(*a))
    dk.taylor("exp(x)*sin(x)", 0.3, 12)
    assert len(calls) <= 2, "a second precision at most, where a single coefficient asks for it"


def test_a_series_has_the_digits_asked_for() -> None:
    text, x = "1-tanh(x)^2", 300.0
    (found,) = high_precision_series(dk.parse(text), x, 0, digits=100)
    with mp.workdps(DIGITS):
        assert abs(mp.mpf(found) / sech2(mp.mpf(x)) - 1) < mp.mpf(10) ** -100


def test_a_number_far_beyond_float64_is_infinite_and_not_0() -> None:
    (huge,) = high_precision_series(dk.parse("-exp(exp(x))"), 60.0, 0)
    assert float(huge) == -math.inf
    exp = Numbers(1e9).exp
    with balls.precision(64):
        assert math.isnan(enclosures.middle(exp(exp(lifted(60)))))  # from 0 to e^(1e26), as far as 64 bits know
    with balls.precision(256):
        assert enclosures.middle(exp(exp(lifted(60)))) == math.inf
    assert enclosures.middle(lifted(Fraction(1, 4))) == 0.25
    assert math.isnan(enclosures.middle(UNDEFINED))


# Numbers


def test_what_is_in_doubt_is_neither_true_nor_false() -> None:
    pi = Numbers(1e9).lift("pi")
    zero = pi - Numbers(1e9).lift("pi")
    for doubt in (zero > 0, zero == 0, zero != 0, zero <= 0):
        assert doubt is UNDECIDED
        with pytest.raises(balls.UndecidedError):
            bool(doubt)
    assert (pi > 3) is True
    assert (pi == 3) is False
    assert (pi == pi) is True  # noqa: PLR0124 -- one object is one number
    assert (UNDEFINED > 0) is SENSELESS
    assert not SENSELESS


def test_doubts_are_joined_as_kleene_does() -> None:
    assert (UNDECIDED & False, False & UNDECIDED) == (False, False)
    assert (UNDECIDED | True, True | UNDECIDED) == (True, True)
    assert (UNDECIDED & True) is UNDECIDED
    assert (False | UNDECIDED) is UNDECIDED
    assert (UNDECIDED & SENSELESS, SENSELESS & UNDECIDED) == (UNDECIDED, UNDECIDED)
    assert (UNDECIDED | SENSELESS, SENSELESS | UNDECIDED) == (SENSELESS, SENSELESS)
    assert (~UNDECIDED) is UNDECIDED


def test_a_choice_in_doubt_holds_both() -> None:
    hull = balls.where(UNDECIDED, lifted(1), lifted(3)).number
    assert hull.contains(1)
    assert hull.contains(3)
    assert not balls.is_finite(balls.where(UNDECIDED, lifted(1), UNDEFINED).number)
    assert balls.where(SENSELESS, lifted(1), lifted(2)) is UNDEFINED


@given(
    st.lists(st.sampled_from("+-*/"), min_size=1, max_size=6),
    st.lists(st.fractions(max_denominator=50), min_size=7, max_size=7),
)
def test_rationals_stay_exact_and_balls_enclose_them(signs: list[str], values: list[Fraction]) -> None:
    exactly = values[0]
    found, enclosed = lifted(values[0]), Ball(balls.as_arb(lifted(values[0]).number))
    for sign, value in zip(signs, values[1:], strict=False):
        if sign == "/" and value == 0:
            assert found / lifted(value) is UNDEFINED
            continue
        apply = {
            "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b
        }[sign]  # fmt: skip
        exactly, found, enclosed = (apply(a, b) for a, b in ((exactly, value), (found, value), (enclosed, value)))
    assert (found == exactly) is True
    lower, upper = (fraction(mp.mpf(end)) for end in (enclosed.number.lower(), enclosed.number.upper()))
    assert lower <= exactly <= upper


@pytest.mark.parametrize("name", ["erf", "gamma", "digamma"])
@pytest.mark.parametrize("x", [0.3, -2.7, 1e-5, 40.25])
def test_the_special_functions_are_those_of_mpmath(name: str, x: float) -> None:
    with mp.workdps(60), balls.precision(128):
        found = getattr(Numbers(1e9), name)(lifted(x)).number
        true = fraction(getattr(mp, name)(mp.mpf(x)))
        assert abs(fraction(mp.mpf(found.mid())) - true) <= Fraction(2) ** -100 * max(abs(true), 1)


@pytest.mark.parametrize("n", [0, 1, 2, 7])
@pytest.mark.parametrize("x", [0.3, 1.0, 40.25, -2.7])
def test_the_polygamma_function_is_that_of_mpmath(n: int, x: float) -> None:
    with mp.workdps(60), balls.precision(192):
        found = Numbers(1e9).polygamma(lifted(n), lifted(x)).number
        # For negative arguments mpmath's own is wrong (1.3), so the derivative of its digamma it is.
        true = mp.diff(mp.digamma, mp.mpf(x), n) if n else mp.digamma(mp.mpf(x))
        assert abs(fraction(mp.mpf(found.mid())) - fraction(true)) <= Fraction(10) ** -25 * abs(fraction(true))


def test_the_special_functions_are_not_defined_at_their_poles() -> None:
    numbers = Numbers(1e9)
    for pole in (0, -1, -20):
        for value in (numbers.gamma(lifted(pole)), numbers.digamma(lifted(pole)), numbers.polygamma(2, lifted(pole))):
            assert value is UNDEFINED
    assert (numbers.gamma(lifted(5)) == 24) is True


def test_trusted_values_cost_python_flint_only_when_asked_for() -> None:
    code = (
        "import sys, derivkit; print('flint' in sys.modules); derivkit.exact('x', 1.0); print('flint' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_the_precision_of_others_is_left_alone() -> None:
    from flint import ctx  # noqa: PLC0415 -- only here

    before = ctx.prec
    dk.exact("1/sin(pi*x)", 1.0)
    assert ctx.prec == before


# Accuracy


@pytest.mark.parametrize(
    ("text", "x", "lost"),
    [
        ("sin(x)/x^2-2*(1-cos(x))/x^3", 1e-4, 16.0),
        ("(exp(x)-1)/x", 1e-8, 8.0),
        ("1-tanh(x)^2", 20.0, 16.0),
        ("log(1+exp(x))", 800.0, 16.0),
        ("x^8-8*x^7+28*x^6-56*x^5+70*x^4-56*x^3+28*x^2-8*x+1", 1.01, 16.0),
    ],
)
def test_lost_digits_are_counted_and_flagged(text: str, x: float, lost: float) -> None:
    found = accuracy(dk.parse(text), x)
    assert found.flagged
    assert found.lost == pytest.approx(lost, abs=0.8)
    assert found.trusted == dk.exact(text, x, 0).value


def test_the_classic_is_wrong_by_630_percent() -> None:
    found = accuracy(dk.parse("sin(x)/x^2-2*(1-cos(x))/x^3"), 1e-4)
    assert (found.trusted, round(found.error, 1)) == (-8.333333327777778e-06, 6.3)


@pytest.mark.parametrize(("text", "x"), [("2*x^2", 3.0), ("sin(x)", 1.0), ("1/(1+exp(-x))", 2.0), ("x-x", 2.0)])
def test_what_is_right_is_not_flagged(text: str, x: float) -> None:
    found = accuracy(dk.parse(text), x)
    assert not found.flagged
    assert found.lost < 0.6


def test_a_value_where_there_is_none_is_flagged() -> None:
    assert accuracy(dk.parse("1/x"), 0.0).flagged  # inf
    assert not accuracy(dk.parse("log(x)"), -1.0).flagged  # NaN, and rightly so
    assert math.isnan(accuracy(dk.parse("log(x)"), -1.0).lost)
    assert not accuracy(dk.parse("exp(x)"), 710.0).flagged  # inf: within the enclosure


def test_the_accuracy_of_a_tree_of_several_variables_is_known() -> None:
    tree = Operation("subtract", (Variable("a"), Variable("b")))
    found = accuracy(tree, {"a": 1e16, "b": 1.0})
    assert (found.value, found.trusted, found.lost) == (1e16 - 1, 1e16 - 1, 0.0)
    assert accuracy(dk.parse("(a+1)-a"), {"a": 1e16}).lost == 15.95


# What Arb cannot take


@pytest.mark.parametrize("exponent", [2**70, -(2**70), 2**40, -(2**62), 100, -5000])
@pytest.mark.parametrize("radius", [None, -40, 3])
def test_a_ball_of_any_size_is_made_an_integer_or_left_undecided(exponent: int, radius: int | None) -> None:
    ball = balls.arb((3, exponent))
    if radius is not None:
        ball += balls.arb(0, balls.arb((1, exponent + radius)))
    if exponent > 0:
        with pytest.raises(balls.UndecidedError):
            int(Ball(ball))
    else:
        assert int(Ball(ball)) == 0


@pytest.mark.parametrize("value", [2.4, -2.4, 2.6, -2.6, 3.0, 0.0, 2.0**63])
def test_the_integer_of_a_ball_is_the_one_it_holds(value: float) -> None:
    assert int(Ball(balls.arb(value))) == round(value)
    held = Ball(balls.arb(value, 0.45))
    assert int(held) == round(value)


@pytest.mark.parametrize(("text", "x"), [("floor(exp(x))", 60.0), ("floor(exp(x))", 300.0), ("floor(x*exp(x))", 50.0)])
def test_a_step_that_is_not_decided_at_first_is_flat_when_it_is(text: str, x: float) -> None:
    assert dk.exact(text, x) == dk.Exact(0.0, 0.0, ExactStatus.OK, 0.0, 0.0)


def test_the_bits_of_an_argument_bound_those_that_a_slow_function_is_computed_with() -> None:
    with balls.precision(2**13):
        wide = Ball(balls.arb(3.5, 1e-3))
        numbers = Numbers(1e12).at(2**13)
        for found in (numbers.gamma(wide), numbers.digamma(wide), numbers.polygamma(1, wide)):
            assert found.number.is_finite()
            assert found.number.rel_accuracy_bits() > 5
