"""Truths to twice the digits of float64, against mpmath's own functions and difference quotients at high precision."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import quick
from families import POPULATION

import derivkit as dk
from derivkit.expressions.evaluation import interpret
from derivkit.testing.population import Family
from derivkit.testing.programs import PROGRAMS
from derivkit.trusted.truth import Truth, as_computed, truth, truth_of_program

FILES = ("tuning", "held_out", "edges", "noisy", "near_breaks", "near_breaks_held_out")
WITNESS_DIGITS = 28
"""A truth has 34 digits, its pair of floats 31 at least; the difference quotients of mpmath more than that."""


ALL = [family for name in FILES for family in POPULATION[name]]
SMOOTH = [family for family in ALL if family.derivative is None]


def piecewise(*parts: Any) -> Any:
    pairs = zip(parts[0::2], parts[1::2], strict=False)
    return next((value for value, holds in pairs if holds), parts[-1])


OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "power": lambda a, b: a ** int(b) if b == int(b) else a**b,
    "negate": lambda a: -a,
    "less": lambda a, b: a < b,
    "less_equal": lambda a, b: a <= b,
    "greater": lambda a, b: a > b,
    "log1p": lambda a: mp.log(1 + a),
    "abs": abs,
    "cbrt": lambda a: mp.sign(a) * mp.cbrt(abs(a)),
    "heaviside": lambda a: mp.mpf(a > 0),
    "sigmoid": lambda a: 1 / (1 + mp.exp(-a)),
    "gelu": lambda a: a * (1 + mp.erf(a / mp.sqrt(2))) / 2,
    "relu": lambda a: max(a, mp.mpf(0)),
    "leaky_relu": lambda a: a if a > 0 else a / 100,
    "max": max,
    "min": min,
    "polygamma": lambda n, a: mp.psi(int(n), a),
    "softmax": lambda *a: mp.exp(a[0]) / mp.fsum(map(mp.exp, a)),
    "logsumexp": lambda *a: mp.log(mp.fsum(map(mp.exp, a))),
    "piecewise": piecewise,
}


class Functions:
    """mpmath as a namespace for programs."""

    sin, cos, exp, log = staticmethod(mp.sin), staticmethod(mp.cos), staticmethod(mp.exp), staticmethod(mp.log)
    sqrt, tanh, maximum = staticmethod(mp.sqrt), staticmethod(mp.tanh), max

    @staticmethod
    def searchsorted(knots: list[float], x: Any, side: str) -> int:
        assert x not in knots, side
        return sum(knot < x for knot in knots)

    @staticmethod
    def take(table: list[float], k: int) -> Any:
        return mp.mpf(table[k])

    @staticmethod
    def interp(x: Any, knots: list[float], values: list[float]) -> Any:
        k = Functions.searchsorted(knots, x, "left")
        (a, b), (u, v) = map(mp.mpf, knots[k - 1 : k + 1]), map(mp.mpf, values[k - 1 : k + 1])
        return u + (v - u) * (x - a) / (b - a)


def by_mpmath(expression: dk.Expression) -> Callable[[Any], Any]:
    """The expression with the constants that float64 gives it, in the arithmetic of mpmath."""
    return lambda x: interpret(
        expression,
        number=lambda value: mp.mpf(float(value)),
        constant=lambda name: mp.mpf(math.pi if name == "pi" else math.e),
        variable=lambda name: x,
        apply=lambda name, *arguments: OPERATIONS.get(name, getattr(mp, name, None))(*arguments),  # type: ignore[misc]
    )


def function_of(family: Family) -> tuple[Callable[[Any], Any], int]:
    """The mathematics of a family for mpmath, and how often it is differentiated already."""
    if family.derivative is not None:
        return by_mpmath(family.derivative), 1
    if family.expression is not None:
        return by_mpmath(family.expression), 0
    program = family.program
    assert program is not None
    return lambda x: program.run(x, Functions), 0


def far_from(found: Truth, f: Callable[[Any], Any], x: float, order: int) -> float:
    """The distance of a truth from mpmath's, relative to that."""
    with mp.workdps(60):
        point = mp.mpf(x)
        # A step far below every scale in use, and digits enough for what cancels.
        step = mp.mpf(2) ** -120 * (abs(point) if 0 < abs(point) < 1 else 1)
        with mp.workdps(60 + 40 * (order + 1) + 60):
            witness = mp.diff(f, point, order, h=step) if order else f(point)
        pair = mp.mpf(float(found.high)) + mp.mpf(float(found.low))
        # Among the least floats a pair has fewer digits: the spacing there is 2^-1074.
        apart = max(abs(pair - witness) - mp.mpf(2) ** -1074, 0)
        return float(apart / abs(witness)) if witness else float(apart)


@pytest.mark.parametrize("family", quick.part(ALL), ids=lambda family: family.name)
def test_a_truth_is_that_of_mpmath(family: Family) -> None:
    f, done = function_of(family)
    for x in family.drawn(len(family.points) + 2, seed=5)[-2:]:
        found = family.truth(x)
        assert far_from(found, f, float(x), 1 - done) < 10.0**-WITNESS_DIGITS


@pytest.mark.parametrize("family", SMOOTH[::7], ids=lambda family: family.name)
@pytest.mark.parametrize("order", [2, 3, 4])
def test_a_truth_of_higher_order_is_that_of_mpmath(family: Family, order: int) -> None:
    f, done = function_of(family)
    x = float(family.drawn(len(family.points) + 1, seed=6)[-1])
    found = family.truth(x, order=order)
    # A derivative that vanishes (of a line, of a kinked line) is found to be 0 by mpmath up to its rounding.
    assert float(found.high) == 0.0 or far_from(found, f, x, order - done) < 10.0**-WITNESS_DIGITS


def test_a_truth_that_is_wrong_in_the_twentieth_digit_is_caught() -> None:
    found = truth(dk.parse("exp(x)"), 1.0)
    wrong = Truth(found.high, found.low * (1.0 + 1e-4))
    assert far_from(found, mp.exp, 1.0, 1) < 10.0**-WITNESS_DIGITS < far_from(wrong, mp.exp, 1.0, 1)


def test_decimals_and_constants_are_the_floats_that_they_become() -> None:
    exactly = far_from(truth(dk.parse("cos(0.1*x)"), 1e10), lambda x: mp.cos(x / 10), 1e10, 1)
    as_float = far_from(truth(dk.parse("cos(0.1*x)"), 1e10), lambda x: mp.cos(mp.mpf(0.1) * x), 1e10, 1)
    assert as_float < 10.0**-WITNESS_DIGITS < 1e-9 < exactly
    assert str(as_computed(dk.parse("2*x^3"))) == "2*x**3"
    assert as_computed(dk.parse("sin(2*pi*x)")).program[1].value == math.pi


@pytest.mark.parametrize("x", [1.0, -3.0, 1e-200, 2.0**-1000])
def test_the_distance_is_right_far_below_an_ulp(x: float) -> None:
    found = truth(dk.parse("exp(sin(x))"), x, order=0)
    with mp.workdps(60):
        exact = abs(mp.mpf(float(found.high)) - mp.exp(mp.sin(mp.mpf(x))))
    distance = float(found.distance(found.high))
    assert distance == pytest.approx(float(exact), rel=1e-13, abs=1e-40)
    assert distance <= float(found.half_ulp)
    assert float(found.distance(np.nextafter(found.high, 9.0))) >= float(found.half_ulp)


@pytest.mark.parametrize("text", ["log(x)", "abs(x)", "1/x", "floor(x)"])
def test_where_there_is_no_derivative_there_is_no_truth(text: str) -> None:
    found = truth(dk.parse(text), [0.0])
    assert np.isnan(found.high[0])
    assert np.isnan(found.distance(0.0)[0])


def test_what_is_beyond_the_range_of_float64_is_no_truth() -> None:
    assert np.isnan(truth(dk.parse("exp(x)"), [800.0]).high[0])
    assert truth(dk.parse("exp(x)"), [-800.0]).high[0] == 0.0


def test_a_constant_has_the_derivative_0_at_every_precision() -> None:
    assert truth(dk.parse("sin(x)^2+cos(x)^2"), [0.7]).high[0] == pytest.approx(0.0, abs=1e-300)
    assert truth_of_program(lambda x, m: 0.0 * x + 1.0, [0.7]).high[0] == 0.0


@pytest.mark.parametrize("name", ["interp_11", "interp_3001", "relu_network", "deep_relu_network"])
def test_a_program_has_no_truth_exactly_where_it_has_a_kink(name: str) -> None:
    """Both slopes are exact beside the kink, and differ."""
    (family,) = (family for family in ALL if family.name == name)
    for x in family.points:
        beside = family.truth(np.nextafter(x, [-np.inf, np.inf]))
        assert np.isnan(family.truth([x]).high[0])
        assert beside.distance(beside.high[::-1]).min() > 1e-9


def test_outside_of_its_knots_a_table_is_constant() -> None:
    assert truth_of_program(lambda x, m: m.interp(x, [1.0, 2.0], [3.0, 5.0]), [0.5, 1.5, 2.5]).high.tolist() == [
        0,
        2,
        0,
    ]


def test_a_spline_has_two_derivatives_that_are_continuous_to_the_bit_and_a_third_that_is_not() -> None:
    knots = -3.5 + 0.25 * np.arange(29)
    run = PROGRAMS["spline_31"].run
    left, right = (lambda x, m, k=k: run(x + k * 2.0**-100, m) for k in (-1, 1))
    for order in (0, 1, 2):
        one, other = (truth_of_program(side, knots, order=order) for side in (left, right))
        assert np.all(np.abs((one.high - other.high) + (one.low - other.low)) < 2.0**-98)
    third = [truth_of_program(side, knots, order=3).high for side in (left, right)]
    assert np.mean(np.abs(third[0] - third[1]) > 1e-3) > 0.9


def y_of_cubic(x: Any) -> Any:
    return mp.findroot(lambda y: y**3 + y - x, x)


NAMES: dict[str, tuple[Callable[[Any], Any], float, float]] = {
    "bessel_j0": (lambda x: mp.besselj(0, x), 0.0, 15.0),
    "bessel_j5": (lambda x: mp.besselj(5, x), 0.0, 15.0),
    "bessel_i0": (lambda x: mp.besseli(0, x), 0.0, 10.0),
    "bessel_k0": (lambda x: mp.besselk(0, x), 0.5, 15.0),
    "airy_ai": (mp.airyai, -4.0, 3.0),
    "sine_integral": (mp.si, -15.0, 15.0),
    "dawson": (lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x), -4.0, 4.0),
    "fresnel_s": (lambda x: mp.fresnels(x * mp.sqrt(3 / mp.pi)) * mp.sqrt(mp.pi / 3), -4.0, 4.0),
    "debye": (lambda x: mp.quad(lambda t: t / mp.expm1(t), [0, x]) / x, 0.1, 20.0),
    "exponential_integral": (mp.e1, 1.0, 20.0),
    "lambert_w": (lambda x: mp.lambertw(x).real, -0.3, 10.0),
    "zeta": (mp.zeta, 1.1, 10.0),
    "elliptic_k": (mp.ellipk, -2.0, 0.95),
    "dilogarithm": (lambda x: mp.polylog(2, x).real, -0.5, 0.5),
    "kummer": (lambda x: mp.hyp1f1(0.5, 1.5, x), -6.0, 6.0),
    "tan_fraction": (mp.tan, -1.4, 1.4),
    "atan_fraction": (mp.atan, -2.0, 2.0),
    "chebyshev_20": (lambda x: mp.chebyt(20, x), -1.0, 1.0),
    "legendre_12": (lambda x: mp.legendre(12, x), -1.1, 1.1),
    "hermite_10": (lambda x: mp.hermite(10, x), -4.0, 4.0),
    "exp_series": (mp.exp, -5.0, 5.0),
    "heron": (mp.sqrt, 0.01, 1000.0),
    "cubic_solver": (y_of_cubic, -20.0, 20.0),
    "nested_roots": (lambda x: (1 + mp.sqrt(1 + 4 * x)) / 2, 0.5, 1000.0),
    "power_iteration": (lambda x: (3 + mp.sqrt(1 + 4 * x * x)) / 2, 0.5, 5.0),
    "annuity": (lambda x: 100 * (1 + x) ** 120 - ((1 + x) ** 120 - 1) / x, 0.001, 0.02),
    "falling": (lambda x: mp.sqrt(9.81 / x) * mp.tanh(5 * mp.sqrt(9.81 * x)), 0.001, 0.1),
    "growth": (lambda x: 1 / (1 + 9 * mp.exp(-3 * x)), 0.0, 3.0),
    "wilkinson_10": (lambda x: mp.fprod(x - k for k in range(1, 11)), 0.0, 11.0),
    "wilkinson_12": (lambda x: mp.fprod(x - k for k in range(1, 13)), 0.0, 6.0),
}
METHOD_ERRORS = {"falling": 1e-5, "growth": 1e-5, "nested_roots": 1e-9, "debye": 1e-9, "fresnel_s": 1e-9}
"""What the method itself is off by: the step of Runge and Kutta, the depth of the roots, the nodes of Gauss."""


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_program_computes_what_it_says(name: str) -> None:
    witness, low, high = NAMES[name]
    x = np.linspace(low, high, 7)
    expected = np.array([float(mp.re(witness(mp.mpf(float(v))))) for v in x])
    # Sums that cancel leave the rounding of their largest terms.
    size = max(1.0, float(np.max(np.abs(expected))))
    np.testing.assert_allclose(PROGRAMS[name](x), expected, rtol=0, atol=size * METHOD_ERRORS.get(name, 1e-11))


@pytest.mark.parametrize("name", sorted(set(PROGRAMS) - {"weierstrass"}))  # whose fastest waves are all rounding
def test_a_program_without_rounding_is_near_the_one_that_rounds(name: str) -> None:
    x = np.array([0.3125, 0.4375])
    found = truth_of_program(PROGRAMS[name].run, x, order=0)
    assert np.all(found.distance(PROGRAMS[name](x)) <= 1e-9 * np.maximum(np.abs(found.high), 1.0))
