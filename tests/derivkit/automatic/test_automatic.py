"""Automatic differentiation: right to the last digits that f leaves, and refused wherever the derivative is lost."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from omegaconf import OmegaConf

import derivkit as dk
from derivkit.function import BLACK_BOXES
from derivkit.operations import ufuncs
from derivkit.operations.elementary import FLOATS
from derivkit.operations.ufuncs import COMPARISONS, TESTS, UFUNCS

ROOT = Path(__file__).resolve().parents[3]
ROUNDING = 1e-13
"""Relative error of some dozens of operations, half a unit each, none of which cancels."""

SPELLING = {
    **vars(FLOATS),
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
}
"""Every function of the table as it computes with NumPy, but the one that users write otherwise."""
LOSES = {
    "cosine_quotient": "1 - cos(x) cancels",
    "exp_quotient": "exp(x) - 1 cancels",
    "flat_root_expanded": "the powers cancel",
    "baudin_sxxn3": "4x^3 + 6x cancels 10",
    "stationary": "the derivative is a rounding of x away from 0",
    "hidden_ripple": "the angle 7e9 is rounded",
    "two_frequencies": "the angle 7e5 is rounded",
    "two_scales": "the angle 700 is rounded",
    "log_loss": "1 - sigmoid(x) cancels",
}
"""Functions whose own steps lose digits in float64, and so their derivative's."""


def spelt(expression: str) -> Callable[[Any], Any]:
    """The expression as somebody writes it with NumPy."""
    return lambda x: eval(expression, SPELLING, {"x": x})


def relative(found: float, exact: float) -> float:
    if math.isnan(found) or math.isnan(exact):
        return 0.0 if math.isnan(found) and math.isnan(exact) else math.inf
    if found == exact:  # infinite, too
        return 0.0
    return abs(found - exact) / abs(exact) if exact else abs(found)


@pytest.mark.part
@pytest.mark.parametrize("order", [1, 2])
def test_the_derivative_is_the_trusted_one_on_every_function(problem_name: str, order: int) -> None:
    entry = OmegaConf.to_container(OmegaConf.load(ROOT / f"conf/function/{problem_name}.yaml"))[problem_name]
    points = [dk.constant(str(point)) for point in entry["points"]]
    found = dk.dual(spelt(entry["expression"]), points, order).derivative
    exact = [dk.exact(entry["expression"], x, order).value for x in points]
    worst = max(relative(a, b) for a, b in zip(found.tolist(), exact, strict=True))
    assert worst <= ROUNDING or problem_name in LOSES
    # And a name stands there with reason.
    assert worst > ROUNDING or order == 2 or problem_name not in LOSES


WITNESSES: dict[np.ufunc, list[tuple[Callable[[Any], Any], str, list[float]]]] = {
    np.add: [(lambda x: np.add(x, np.exp(x)), "x+exp(x)", [0.3, -2.0])],
    np.subtract: [(lambda x: np.subtract(2.0, x * x), "2-x^2", [0.3, -2.0])],
    np.multiply: [(lambda x: np.multiply(x, np.sin(x)), "x*sin(x)", [0.3, -2.0])],
    np.divide: [(lambda x: 1 / x, "1/x", [0.3, -2.0]), (lambda x: x / np.exp(x), "x/exp(x)", [0.3])],
    np.negative: [(lambda x: -(x**3), "-x^3", [0.3])],
    np.power: [
        (lambda x: x**5, "x^5", [0.3, 0.0, -2.0]),
        (lambda x: x**-2, "x^-2", [0.3, -2.0]),
        (lambda x: x**2.5, "x^(5/2)", [0.3, 2.0]),
        (lambda x: 2**x, "2^x", [0.3, -2.0]),
        (lambda x: x**x, "x^x", [0.3, 2.0]),
        (lambda x: np.power(x, 3), "x^3", [0.3]),
    ],
    np.float_power: [(lambda x: np.float_power(x, 3), "x^3", [0.3, -2.0])],
    np.positive: [(lambda x: +x, "x", [0.3])],
    np.conjugate: [(lambda x: np.conjugate(x) * x, "x^2", [0.3])],
    np.square: [(np.square, "x^2", [0.3, -2.0])],
    np.reciprocal: [(np.reciprocal, "1/x", [0.3, -2.0])],
    np.exp: [(np.exp, "exp(x)", [0.3, -2.0])],
    np.exp2: [(np.exp2, "2^x", [0.3, -2.0, 1000.5])],
    np.expm1: [(np.expm1, "expm1(x)", [1e-9, 0.3])],
    np.log: [(np.log, "log(x)", [0.3, 2.0])],
    np.log2: [(np.log2, "log2(x)", [0.3, 2.0])],
    np.log10: [(np.log10, "log10(x)", [0.3, 2.0])],
    np.log1p: [(np.log1p, "log1p(x)", [1e-9, 2.0])],
    np.sqrt: [(np.sqrt, "sqrt(x)", [0.3, 2.0])],
    np.cbrt: [(np.cbrt, "cbrt(x)", [0.3, -2.0])],
    np.sin: [(np.sin, "sin(x)", [0.3, -2.0])],
    np.cos: [(np.cos, "cos(x)", [0.3, -2.0])],
    np.tan: [(np.tan, "tan(x)", [0.3, -1.0])],
    np.arcsin: [(np.arcsin, "asin(x)", [0.3, -0.5])],
    np.arccos: [(np.arccos, "acos(x)", [0.3, -0.5])],
    np.arctan: [(np.arctan, "atan(x)", [0.3, -2.0])],
    np.sinh: [(np.sinh, "sinh(x)", [0.3, -2.0])],
    np.cosh: [(np.cosh, "cosh(x)", [0.3, -2.0])],
    np.tanh: [(np.tanh, "tanh(x)", [0.3, 20.0])],
    np.arcsinh: [(np.arcsinh, "asinh(x)", [0.3, -2.0])],
    np.arccosh: [(np.arccosh, "acosh(x)", [1.3, 4.0])],
    np.arctanh: [(np.arctanh, "atanh(x)", [0.3, -0.5])],
    np.absolute: [(lambda x: abs(x) * x, "x*abs(x)", [0.3, -2.0]), (np.absolute, "abs(x)", [0.0])],
    np.fabs: [(np.fabs, "abs(x)", [0.3, 0.0, -2.0])],
    np.maximum: [(lambda x: np.maximum(x, x * x), "max(x, x^2)", [0.3, 1.0, 2.0])],
    np.minimum: [(lambda x: np.minimum(x, x * x), "min(x, x^2)", [0.3, 1.0, 2.0])],
    np.fmax: [
        (lambda x: np.fmax(x, x * x), "max(x, x^2)", [0.3, 1.0, 2.0]),
        (lambda x: np.fmax(math.nan, x), "x", [2.0]),
    ],
    np.fmin: [
        (lambda x: np.fmin(x, x * x), "min(x, x^2)", [0.3, 1.0, 2.0]),
        (lambda x: np.fmin(x, math.nan), "x", [2.0]),
    ],
    np.sign: [(lambda x: x * np.sign(x), "x*sign(x)", [0.3, -2.0, 0.0])],
    np.floor: [(lambda x: x * np.floor(x), "x*floor(x)", [0.3, -2.0])],
    np.ceil: [(lambda x: x * np.ceil(x), "-x*floor(-x)", [0.3, -2.0])],
    np.rint: [(lambda x: x * np.rint(x), "x*floor(x+1/2)", [0.3, -2.2, 0.5, 1.5])],
    np.trunc: [(lambda x: x * np.trunc(x), "x*sign(x)*floor(abs(x))", [0.3, -2.2, 1.0])],
    np.heaviside: [(lambda x: x * np.heaviside(x, 0.5), "x*heaviside(x)", [0.3, -2.0, 0.0])],
    np.copysign: [(lambda x: np.copysign(3 + x, x), "(3+x)*sign(x)", [0.3, -2.0])],
    np.logaddexp: [(lambda x: np.logaddexp(x, 2 * x), "log(exp(x)+exp(2*x))", [0.3, -2.0])],
    np.logaddexp2: [(lambda x: np.logaddexp2(1.0, x), "log(2+2^x)/log(2)", [0.3, -2.0])],
    np.hypot: [
        (lambda x: np.hypot(x, 2), "sqrt(x^2+4)", [0.3, 0.0, -2.0]),
        (lambda x: np.hypot(np.exp(x) * 1e200, np.exp(x) * 1e200), "exp(x)*sqrt(2)*1e200", [0.3]),
        (lambda x: np.hypot(x, 0), "abs(x)", [0.0, 0.3]),
    ],
    np.arctan2: [
        (lambda x: np.arctan2(x, 1 + x), "atan(x/(1+x))", [0.3, 2.0]),
        (lambda x: np.arctan2(1.0, x), "pi/2-atan(x)", [0.3, -2.0, 0.0]),
        (lambda x: np.arctan2(0.0, x), "pi+0*x", [-2.0]),
        (lambda x: np.arctan2(x, -1.0), "pi*sign(x)-atan(x)", [0.3, -2.0, 0.0]),
    ],
    np.degrees: [(np.degrees, "180*x/pi", [0.3])],
    np.rad2deg: [(np.rad2deg, "180*x/pi", [0.3])],
    np.radians: [(np.radians, "pi*x/180", [0.3])],
    np.deg2rad: [(np.deg2rad, "pi*x/180", [0.3])],
    np.mod: [
        (lambda x: (x % 0.25) ** 2, "(x-floor(4*x)/4)^2", [0.3, -2.1, 0.5]),
        (lambda x: 5 % x, "5-x*floor(5/x)", [0.3, 1.7]),
    ],
    np.fmod: [(lambda x: np.fmod(x, 0.25), "x-sign(x)*floor(4*abs(x))/4", [0.3, -2.1, 0.5])],
    np.floor_divide: [(lambda x: x * (x // 0.25), "x*floor(4*x)", [0.3, -2.1, 0.5])],
}
"""For every universal function: it as used, and the expression from which the trusted derivatives come."""


def test_every_universal_function_of_the_table_has_a_witness() -> None:
    assert set(WITNESSES) == set(UFUNCS)


def misses(ufunc: np.ufunc, order: int) -> list[str]:
    """Where Taylor mode of that order departs from the trusted derivatives, all orders compared."""
    return [
        f"{text} at {x}, derivative {k}: {got}, not {true}"
        for f, text, points in WITNESSES[ufunc]
        for x in points
        for k, got in enumerate(dk.dual(f, x, order).derivatives, 1)
        if relative(got, true := dk.exact(text, x, k).value) > ROUNDING
    ]


@pytest.mark.parametrize("ufunc", WITNESSES, ids=lambda u: u.__name__)
def test_taylor_mode_gives_six_trusted_derivatives_through_every_universal_function(ufunc: np.ufunc) -> None:
    assert misses(ufunc, 6) == []


@pytest.mark.parametrize("ufunc", WITNESSES, ids=lambda u: u.__name__)
def test_the_value_is_that_of_numpy_to_the_bit(ufunc: np.ufunc) -> None:
    for f, _, points in WITNESSES[ufunc]:
        x = np.array(points)
        assert np.array_equal(dk.dual(f, x).value, f(x), equal_nan=True)


def test_a_broken_rule_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    for ufunc in (np.hypot, np.arctan2, np.mod, np.exp2, np.logaddexp, np.sin):
        rule = UFUNCS[ufunc]

        def broken(t: Any, *u: Any, rule: Any = rule) -> Any:
            result = rule(t, *u)
            return [result[0], *(1.001 * c for c in result[1:])]

        monkeypatch.setattr(ufuncs, "UFUNCS", MappingProxyType({**UFUNCS, ufunc: broken}))
        assert misses(ufunc, 2)


@pytest.mark.parametrize("order", range(1, 7))
def test_taylor_mode_is_taylors_series(order: int) -> None:
    text = "exp(sin(x))/(1+x^2)"
    expected = dk.taylor(text, 0.7, order)
    found = dk.dual(spelt(text.replace("^", "**")), 0.7, order)
    assert len(found.derivatives) == order
    for k, derivative in enumerate((found.value, *found.derivatives)):
        assert derivative / math.factorial(k) == pytest.approx(expected[k], rel=ROUNDING)


@pytest.mark.parametrize("z", [0.0, 1e-12, 1e-4, 0.1, 0.31, 0.32, 0.7, 0.71, 1.1, 2.6, 30.3])
def test_sinc_is_right_where_its_quotient_is_not(z: float) -> None:
    found = dk.dual(np.sinc, z, 6).derivatives
    for k, got in enumerate(found, 1):
        # At 0 from the power series: (-1)^(k/2) pi^k/(k+1) for even k, else 0.
        at_zero = (-1) ** (k // 2) * math.pi**k / (k + 1) if k % 2 == 0 else 0.0
        true = dk.exact("sin(pi*x)/(pi*x)", z, k).value if z else at_zero
        # Its derivatives are below pi^k/(k+1); the value of pi z is rounded, which sin sees as an angle.
        assert abs(got - true) <= 1e-14 * max(1.0, z) * 10 * math.pi**k / (k + 1)


@given(arrays(np.float64, array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4), elements=st.floats(-3, 3)))
def test_the_shape_is_that_of_x_and_each_point_is_its_own(x: np.ndarray) -> None:
    def f(v: Any) -> Any:
        return np.exp(-v * v) * np.sin(3 * v) + v**3

    found = dk.dual(f, x, 3)
    assert np.shape(found.value) == x.shape
    assert np.shape(found.derivatives) == (3, *x.shape)
    assert np.shape(found.derivative) == x.shape
    for index in np.ndindex(x.shape):
        alone = dk.dual(f, float(x[index]), 3).derivatives
        assert all(relative(float(np.asarray(found.derivatives)[k][index]), alone[k]) <= ROUNDING for k in range(3))


def test_a_scalar_gives_python_numbers_and_an_array_of_one_an_array() -> None:
    found = dk.dual(np.sin, 1, 2)
    assert [type(v) for v in (found.value, *found.derivatives, found.derivative)] == [float] * 4
    assert dk.dual(np.sin, [1.0]).derivative.shape == (1,)
    with pytest.raises(FrozenInstanceError):
        found.value = 0.0  # type: ignore[misc]


def test_float32_and_integers_are_taken_as_float64() -> None:
    x = np.array([0.1, 0.7], dtype=np.float32)
    found = dk.dual(lambda v: v**3, x)
    assert found.derivative.dtype == np.float64
    assert np.array_equal(found.derivative, 3 * x.astype(np.float64) ** 2)
    assert dk.dual(lambda v: v**3, [1, 2]).derivative.tolist() == [3.0, 12.0]


def test_constants_and_arrays_broadcast_against_x() -> None:
    x = np.array([0.5, 2.0, 3.0])
    w = np.array([1.0, -2.0, 0.25])
    assert dk.dual(lambda v: w * v**2 + np.float32(1), x).derivative.tolist() == (2 * w * x).tolist()
    assert dk.dual(lambda v: v ** np.array([1, 2, 3]), x).derivative.tolist() == [1.0, 4.0, 27.0]
    assert dk.dual(lambda v: np.array([2, 2, 2]) * v, x).derivative.tolist() == [2.0] * 3
    assert dk.dual(lambda v: 5, x).derivative.tolist() == [0.0] * 3
    assert dk.dual(lambda v: True, 1.0).derivative == 0.0


def test_axes_without_points_may_be_summed_and_those_with_points_not() -> None:
    x = np.array([0.5, 2.0, -1.0])
    k = np.arange(1, 5)
    expected = np.sum(k * x[:, None] ** (k - 1), axis=1)
    for f in (
        lambda v: np.sum(v[:, None] ** k, axis=-1),
        lambda v: (v[..., None] ** k).sum(axis=1),
        lambda v: np.add.reduce(v[None] ** k[:, None]),
        lambda v: np.sum(np.stack([v, v**2, v**3, v**4]), axis=0),
        lambda v: np.sum(np.stack([v, v**2, v**3, v**4], axis=1), axis=1),
        lambda v: np.sum(np.stack([v, v**2, v**3, v**4], axis=-1), axis=-1),
        lambda v: 4 * np.mean(np.expand_dims(v, 1) ** k, axis=1),
        lambda v: np.transpose(np.expand_dims(v, 1) ** k).sum(axis=0),
        lambda v: np.polyval([1, 1, 1, 1, 0], v),
        lambda v: sum(v**n for n in range(1, 5)),
    ):
        np.testing.assert_allclose(dk.dual(f, x).derivative, expected, rtol=ROUNDING)
    np.testing.assert_allclose(dk.dual(lambda v: np.prod(v[:, None] + k, axis=1), 0 * x).derivative, [50.0] * 3)
    assert dk.dual(lambda v: np.max(np.stack([v, v**2]), axis=0), x).derivative.tolist() == [1.0, 4.0, -2.0]
    assert dk.dual(lambda v: np.min(np.stack([v, v**2]), axis=0), x).derivative.tolist() == [1.0, 1.0, 1.0]
    # One point has nothing to mix with.
    assert dk.dual(lambda v: np.sum(v * k), 2.0).derivative == 10.0
    assert dk.dual(lambda v: (v * k)[k > 2].reshape(2, 1).ravel().sum(), 2.0).derivative == 7.0


def test_where_select_piecewise_and_clip_are_differentiated() -> None:
    x = np.array([-2.0, -0.5, 0.5, 3.0])
    assert dk.dual(lambda v: np.where(v < 0, -v, v**2), x).derivative.tolist() == [-1.0, -1.0, 1.0, 6.0]
    assert dk.dual(lambda v: np.select([v < -1, v < 1], [v**2, 7 * v], 9.0), x).derivative.tolist() == [
        -4.0,
        7.0,
        7.0,
        0.0,
    ]
    cases = [lambda v: v**2, 3.0, lambda v: -v]
    assert dk.dual(lambda v: np.piecewise(v, [v < -1, v > 1], cases), x).derivative.tolist() == [-4.0, -1.0, -1.0, 0.0]
    assert dk.dual(lambda v: np.piecewise(v, [v < -1, v > 1], cases), x).value.tolist() == [4.0, 0.5, -0.5, 3.0]
    assert dk.dual(lambda v: np.clip(v, -1, 1), x).derivative.tolist() == [0.0, 1.0, 1.0, 0.0]
    assert dk.dual(lambda v: (v > 0) * v**2, x).derivative.tolist() == [0.0, 0.0, 1.0, 6.0]
    assert dk.dual(lambda v: np.where(np.logical_and(v > 0, v), v**2, 0), x).derivative.tolist() == [0.0, 0.0, 1.0, 6.0]


def test_python_code_with_branches_and_loops_is_differentiated_for_a_scalar() -> None:
    def root(a: Any) -> Any:
        y = 1.0
        while abs(y * y - a) > 1e-12:
            y = (y + a / y) / 2
        return y

    assert dk.dual(root, 2.0, 2).derivatives == pytest.approx((0.5 / math.sqrt(2), -0.25 / 2**1.5), rel=1e-9)
    assert dk.dual(lambda v: max(v, 0) + min(v, 5) + round(v) + divmod(v, 2)[1], 1.3).derivative == 3.0
    with pytest.raises(ValueError, match="ambiguous"):
        dk.dual(lambda v: v if v > 0 else -v, [1.0, 2.0])


# f, x, the derivative, and why
SIDES: list[tuple[Callable[[Any], Any], float, float, str]] = [
    (lambda v: 1.0 if v == 1 else v, 1.0, 1.0, "the branch at the point alone gives 0"),
    (lambda v: 4.0 if v == 2 else v**2, 2.0, 4.0, "the same"),
    (lambda v: 0.0 if v == 0 else v**3, 0.0, 0.0, "both sides agree"),
    (lambda v: 1.0 if v == 0 else v, 0.0, math.nan, "a jump"),
    (lambda v: v if v > 0 else -v, 0.0, math.nan, "a kink"),
    (lambda v: max(v, 0), 0.0, math.nan, "a kink"),
    (lambda v: v**2 if v > 0 else -(v**2), 0.0, 0.0, "one derivative"),
    (lambda v: v if v**3 > 0 else -v, 0.0, math.nan, "decided by the third coefficient"),
    (lambda v: v if v**9 > 0 else -v, 0.0, math.nan, "undecided"),
    (lambda v: 7 * v if v * v >= 0 else -v, 0.0, 7.0, "never below"),
    (lambda v: math.nan if v != v else v**2, 1.0, 2.0, "a number equals itself"),  # noqa: PLR0124 -- the idiom
    (lambda v: (v > 0) * v, 0.0, math.nan, "a kink"),
    (lambda v: np.where(v <= 1, v**2, 2 * v - 1), 1.0, 2.0, "smooth where the pieces meet"),
    (lambda v: np.where(abs(v) <= 0.1, v * v / 2, 0.1 * (abs(v) - 0.05)), 0.1, 0.1, "Huber's loss"),
    (lambda v: np.where(v > 0, v + 1, v), 0.0, math.nan, "a jump between equal slopes"),
    (lambda v: np.copysign(v, v), 0.0, math.nan, "a kink of the table itself"),
    (lambda v: v if np.floor(v) > 1 else -v, 2.0, math.nan, "the floor jumps there, though nothing is equal"),
    (lambda v: v if v % 2 < 1 else -v, 2.0, math.nan, "the remainder jumps"),
    (lambda v: v if v // 1 == 2 else -v, 2.5, 1.0, "equal floors stay equal, and so does the branch itself"),
    (lambda v: v if round(v) % 2 == 0 else -v, 2.2, 1.0, "the same holds of the rest itself"),
    (lambda v: np.where(np.abs(v) <= 1, v * v, 2 * np.abs(v) - 1), 0.5, 1.0, "the inside itself"),
    (lambda v: np.where(np.abs(v) <= 1, v * v, 2 * np.abs(v) - 1), 0.0, 0.0, "a kink is no jump: the branch itself"),
    (lambda v: np.signbit(v) * v, 0.0, math.nan, "a kink"),
]


@pytest.mark.parametrize(("f", "x", "derivative", "why"), SIDES)
def test_where_a_comparison_meets_equal_sides_both_are_asked(
    f: Callable[[Any], Any], x: float, derivative: float, why: str
) -> None:
    found = dk.dual(f, x)
    assert relative(found.derivative, derivative) <= ROUNDING, why
    assert found.value == f(x)
    assert found.evaluations == (1 if "itself" in why else 3)


def test_a_side_on_which_f_fails_has_no_derivative() -> None:
    def f(v: Any) -> Any:
        if v < 0:
            raise ValueError("below 0")
        return v

    assert math.isnan(dk.dual(f, 0.0).derivative)
    assert dk.dual(f, 1.0).derivative == 1.0
    with pytest.raises(ValueError, match="below 0"):
        dk.dual(f, -1.0)


def test_only_the_points_with_a_tie_are_asked_from_both_sides() -> None:
    found = dk.dual(lambda v: np.where(v > 0, v**2, -v), np.array([[-1.0, 0.0], [2.0, 3.0]]))
    assert np.array_equal(found.derivative, [[-1.0, math.nan], [4.0, 6.0]], equal_nan=True)
    swapped = dk.dual(lambda v: np.where(v.T > 0, v.T**2, -v.T).T, np.array([[-1.0, 0.0], [2.0, 3.0]]))
    assert np.array_equal(swapped.derivative, found.derivative, equal_nan=True)


def test_evaluations_are_the_calls_of_f() -> None:
    calls: list[int] = []

    def f(v: Any) -> Any:
        calls.append(1)
        return np.where(v > 0, v, 0)

    assert dk.dual(f, [1.0, 2.0]).evaluations == len(calls) == 1
    assert dk.dual(f, [1.0, 0.0]).evaluations == len(calls) - 1 == 3


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (np.log, -1.0),
        (lambda v: 1 / v, 0.0),
        (np.exp, 1000.0),
        (np.sqrt, 0.0),
        (np.arcsin, 1.0),
        (abs, 0.0),
        (lambda v: np.sign(v * v), 0.0),
        (lambda v: np.floor(-v * v), 0.0),
    ],
)
def test_there_is_no_number_where_there_is_no_derivative(f: Callable[[Any], Any], x: float) -> None:
    assert not math.isfinite(dk.dual(f, x).derivative)


def _into_a_plain_array(v: Any) -> Any:
    out = np.zeros_like(v)
    out[:] = v
    return out


def _masked(v: Any) -> Any:
    out = v.copy()
    out[out < 0] = 0
    return out


def _in_place(v: Any) -> Any:
    out = np.zeros_like(v)
    out += v
    return out


def _caught(v: Any) -> Any:
    try:
        return float(v)
    except TypeError:
        return 1.0


def _nested(v: Any) -> Any:
    return dk.dual(lambda u: u * v, 2.0).derivative


def _through_a_view(v: Any) -> Any:
    row = v[None]
    v += 1
    return row[0] * v


X = np.array([0.5, 1.0])

# f, x, and a part of the error
# The texts of the lambdas are quoted by the errors, so that they are not shortened.
REFUSED: list[tuple[Callable[[Any], Any], Any, str]] = [
    (lambda v: math.sin(v), 1.0, r"float\(\) in `math.sin\(v\)`; .*np.sin for math.sin"),  # noqa: PLW0108 -- its text is quoted
    (lambda v: float(v) * 2, 1.0, r"float\(\)"),
    (lambda v: int(v) * 2, 1.0, r"int\(\)"),
    (lambda v: complex(v), 1.0, r"complex\(\)"),  # noqa: PLW0108 -- the same
    (lambda v: [1.0, 2.0][v], 1.0, "an index"),
    (lambda v: "%f" % v, 1.0, r"float\(\)"),  # noqa: UP031 -- so it may be written
    (lambda v: float(f"{v:.3f}"), 1.0, "could not convert"),
    (lambda v: np.float64(v), 1.0, "np.float64|plain array"),  # noqa: PLW0108 -- the same
    (lambda v: np.asarray(v) ** 2, X, "a plain array is asked for in `np.asarray"),
    (lambda v: np.array(v, dtype=float) ** 2, X, "a plain array"),
    (lambda v: np.array([v, 2 * v]).sum(), 1.0, r"use np.stack for np.array\(\["),
    (np.vectorize(math.sin), X, "a plain array"),
    (lambda v: v.astype(np.float32), X, r"astype\(float32\)"),
    (lambda v: v.astype(int), X, r"astype\(int64\)"),
    (lambda v: v.item(), 1.0, r"\.item"),
    (lambda v: v.tolist(), X, r"\.tolist"),
    (lambda v: v.view(np.uint64), X, r"\.view"),
    (_into_a_plain_array, X, r"np.where for out\[...\]"),
    (_masked, X, "an assignment to a part of an array"),
    (_in_place, X, "np.add writes into an array in `out \\+= v`"),
    (lambda v: np.add(v, 1, out=np.zeros(2)), X, "np.add writes"),
    (lambda v: np.add(v, 1, where=[True, False]), X, r"np.add with \['where'\]"),
    (lambda v: np.add.accumulate(v), X, "np.add.accumulate"),  # noqa: PLW0108 -- the same
    (lambda v: np.linalg.norm(v), X, "np.linalg.norm"),  # noqa: PLW0108 -- the same
    (lambda v: v @ v, X, "np.matmul"),
    (lambda v: np.dot(v, v), X, "np.dot"),
    (np.cumsum, X, "np.cumsum"),
    (np.sort, X, "np.sort"),
    (np.std, X, "np.std"),
    (np.spacing, X, "np.spacing"),
    (np.frexp, X, "np.frexp"),
    (np.frompyfunc(math.sin, 1, 1), X, "sin"),
    (lambda v: np.interp(v, [0, 1], [0, 1]), X, "np.interp"),
    (lambda v: np.sum(v, dtype=np.float32, axis=0), X, "np.sum: .*dtype"),
    (lambda v: v / np.max(v), X, "np.max over the points of x"),
    (lambda v: v / v.sum(), X, "np.sum over the points of x"),
    (lambda v: np.add.reduce(v) * v, X, "np.sum over the points of x"),
    (lambda v: v[0] * v, X, "a choice of some points of x"),
    (lambda v: v[::-1] * v, X, "a choice of some points of x"),
    (lambda v: v[v > 0], X, "a choice of some points of x"),
    (lambda v: sum(u for u in v), X, "a choice of some points of x"),
    (lambda v: v[:, None] * v, X, "broadcasts the points of x against each other"),
    (lambda v: v + v.T, np.ones((2, 2)), "broadcasts the points of x against each other"),
    (lambda v: v.T, np.ones((2, 2)), "one value for each point"),
    (lambda v: v.reshape(4), np.ones((2, 2)), "reshape"),
    (lambda v: v[:, None] * X, X, r"f returned shape \(2, 2\) for x of shape \(2,\)"),
    (lambda v: np.zeros(3), X, r"f returned shape \(3,\) for x of shape \(2,\)"),
    (lambda v: [v, v], X, "use np.stack"),
    (lambda v: None, X, "the result of f meets None"),
    (lambda v: "text", X, "the result of f meets 'text'"),
    (lambda v: 1j * v, X, "only real numbers"),
    (lambda v: v * 10**400, 1.0, "only real numbers"),
    (functools.cache(lambda v: v), 1.0, "hash"),
    (_caught, 2.0, r"float\(\)"),
    (_nested, 3.0, "order=2 instead of nesting"),
    (_through_a_view, X, "an in-place operation on an array with views"),
    (lambda v: dk.dual(np.sin, v).derivative, 1.0, "a plain array"),
]


@pytest.mark.parametrize(("f", "x", "said"), REFUSED)
def test_what_would_lose_the_derivative_is_refused(f: Callable[[Any], Any], x: Any, said: str) -> None:
    error: type[Exception] = ValueError if "convert" in said else dk.DualError
    with pytest.raises(error, match=said) as info:
        dk.dual(f, x)
    assert "\n" not in str(info.value)


@pytest.mark.parametrize("name", sorted(set(BLACK_BOXES) - {"sqrt_bisection"}))
def test_a_black_box_is_refused(name: str) -> None:
    with pytest.raises(dk.DualError):
        dk.dual(BLACK_BOXES[name].call, X)


@pytest.mark.parametrize("order", [0, -1, 171])
def test_an_order_without_meaning_is_refused(order: int) -> None:
    with pytest.raises(ValueError, match=f"order={order}: write a whole number from 1 to 170"):
        dk.dual(np.sin, 1.0, order)


@pytest.mark.parametrize("x", [1j, "1", None, [True], dk])
def test_points_that_are_no_real_numbers_are_refused(x: Any) -> None:
    with pytest.raises(TypeError, match=r"x=.*: give a real number, or an array of them"):
        dk.dual(np.sin, x)


def test_in_place_operations_do_what_numpy_does() -> None:
    def f(v: Any) -> Any:
        same = v
        same += 1
        return v * same

    assert dk.dual(f, 1.0).derivative == 3.0  # a float does not change under its other names
    assert dk.dual(f, [1.0, 2.0]).derivative.tolist() == [4.0, 6.0]  # an array does
    assert dk.dual(f, [1.0, 2.0]).value.tolist() == f(np.array([1.0, 2.0])).tolist()


def test_what_keeps_the_number_is_let_through() -> None:
    for f in (
        copy.copy,
        copy.deepcopy,
        np.copy,
        lambda v: v.astype(float),
        lambda v: v.real + v.imag,
        lambda v: np.atleast_1d(v),  # noqa: PLW0108 -- a shape that f adds
        lambda v: v.clip(0, 9).round(0) + v - np.rint(v),
        lambda v: v * np.ones_like(v) + np.zeros(np.shape(v)),
        lambda v: v if np.isfinite(v).all() else 0.0,
        lambda v: np.modf(v)[0] + np.modf(v)[1],
        lambda v: v.reshape(v.shape).ravel()[0] if np.ndim(v) == 0 else v,
    ):
        assert dk.dual(f, 1.3).derivative == 1.0
        assert dk.dual(f, [1.3, 2.2]).derivative.tolist() == [1.0, 1.0]


def test_questions_of_the_value_have_plain_answers() -> None:
    answers: list[Any] = []

    def f(v: Any) -> Any:
        answers.extend(question(v) for question in TESTS)
        answers.extend(question(v, 2.0) for question in COMPARISONS)
        return v

    dk.dual(f, X)
    assert all(type(a) is np.ndarray and a.dtype == bool for a in answers)


@pytest.mark.parametrize("name", ["erf", "erfc", "gamma", "psi", "expit", "log1p", "cbrt"])
def test_special_functions_of_scipy_are_differentiated_where_they_are_in_the_table(name: str) -> None:
    f = getattr(pytest.importorskip("scipy.special"), name)
    found = dk.dual(f, np.array([0.7, 1.5]))
    assert np.array_equal(found.value, f([0.7, 1.5]))
    np.testing.assert_allclose(found.derivative, dk.derivative(f, np.array([0.7, 1.5])).value, rtol=1e-10)


def test_a_special_function_that_is_in_no_row_is_refused() -> None:
    special = pytest.importorskip("scipy.special")
    with pytest.raises(dk.DualError, match="cannot differentiate this: gammaln"):
        dk.dual(special.gammaln, 1.0)
