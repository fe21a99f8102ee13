"""Every method of the table: what it returns, what it costs, where it asks, and what it says where there is nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from counted import Counted
from hypothesis import given
from hypothesis import strategies as st

import derivkit as dk
from derivkit.testing import METHODS, Method, claims

POINTS = np.random.default_rng(20).uniform(0.5, 5.0, 200)
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
DIGITS = 1e-6
"""What is left of a derivative's digits by the least accurate rule, a one-sided difference."""


@every_method
@pytest.mark.parametrize("f", [lambda x: 0.0 * x, lambda x: 3.0 * x, lambda x: x * x], ids=["0", "3x", "x^2"])
def test_no_method_claims_an_error_of_zero(method: Method, f: Any) -> None:
    found = method(f, [0.0, 1.0, 2.0])
    assert np.all(found.error > 0.0)


@pytest.mark.parametrize(
    ("method", "shape"),
    # dk.derivative refuses an empty x
    [
        pytest.param(method, shape, id=f"{name}-{shape}")
        for name, method in METHODS.items()
        for shape in [(), (1,), (3,), (2, 3), (0,)]
        if (name, shape) != ("derivative", (0,))
    ],
)
def test_shapes_are_those_of_x(method: Method, shape: tuple[int, ...]) -> None:
    found = method(np.exp, np.full(shape, 0.7) + 0.1 * np.arange(math.prod(shape)).reshape(shape))
    columns = (found.value, found.error, found.status, found.evaluations, found.message, found.delta)
    for column in columns:
        assert np.shape(column) == shape
    if not shape:
        kinds = (float, float, str, int, str, float)
        assert all(isinstance(column, kind) for column, kind in zip(columns, kinds, strict=True))


def lorentz(x: Any) -> Any:
    """A function of whose arithmetic every operation is rounded alike for a number and for an array."""
    return 1.0 / (1.0 + x * x)


@every_method
def test_one_point_alone_gives_what_it_gives_in_company(method: Method) -> None:
    found = method(lorentz, POINTS[:5])
    alone = [method(lorentz, float(x)).value for x in POINTS[:5]]
    np.testing.assert_array_max_ulp(found.value, np.array(alone), maxulp=4096)


@pytest.mark.parametrize("name", ["derivative", "complex_step", "richardson", "ridders", "gsl_central"])
def test_so_it_does_where_an_array_is_rounded_in_another_way(name: str) -> None:
    """Methods whose answers are smooth in the values: a rule of steps may take another step after another rounding."""
    found = METHODS[name](np.exp, POINTS[:5])
    alone = [METHODS[name](np.exp, float(x)).value for x in POINTS[:5]]
    np.testing.assert_array_max_ulp(found.value, np.array(alone), maxulp=4096)


@every_method
@pytest.mark.parametrize("stop", [KeyboardInterrupt, MemoryError])
def test_an_interrupt_passes_through(method: Method, stop: type[BaseException]) -> None:
    def f(_: float) -> float:
        raise stop

    with pytest.raises(stop):
        method(f, 1.0)


def test_every_method_of_the_table_is_public_under_its_name() -> None:
    assert {"derivative", "ridders"} <= set(METHODS)
    assert all(name == row.name and getattr(dk, name) is row.call for name, row in METHODS.items())


SMOOTH: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "exp": (np.exp, np.exp),
    "parabola": (lambda x: x * x - 3.0 * x + 7.0, lambda x: 2.0 * x - 3.0),
    "line": (lambda x: 3.0 * x + 1.0, lambda x: 3.0 + 0.0 * x),
    "cubic": (lambda x: x * x * (x + 1.0), lambda x: x * (3.0 * x + 2.0)),
}


@every_method
@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_functions_are_answered_to_half_of_the_digits_or_not_at_all(method: Method, name: str) -> None:
    f, slope = SMOOTH[name]
    found, exact = method(f, POINTS), slope(POINTS)
    valued = np.isfinite(found.value)
    assert np.all(np.abs(found.value - exact)[valued] <= DIGITS * (np.abs(f(POINTS)) + np.abs(exact))[valued])
    refused = {str(message) for message in np.asarray(found.message)[~valued]}
    assert all(refused)
    if name == "exp":
        assert np.mean(valued) > 0.9


@every_method
@given(x=st.floats(0.0, 1.0), end=st.floats(1.0, 1.5))
def test_the_domain_is_never_left(method: Method, x: float, end: float) -> None:
    asked = Counted(lambda t: np.sqrt(t) + np.sqrt(end - t))
    found = method(asked, x, domain=(0.0, end))
    assert all(0.0 <= np.real(point) <= end for point in asked.counts)
    own = dk.Function.from_callable(asked, name="f", domain=(0.0, end))
    np.testing.assert_equal(method(own, x).value, found.value)
    assert all(0.0 <= np.real(point) <= end for point in asked.counts)


@every_method
def test_what_it_says_it_evaluated_is_what_a_counter_saw(method: Method) -> None:
    f = dk.Function.from_callable(np.sinh, name="sinh", vectorized=False)
    found = claims(method, f, np.array([0.3, 1.1, 4.0]))
    assert found.counted == found.total == found.distinct == int(found.evaluations.sum())


def only_at(x: float) -> Callable[[Any], Any]:
    return lambda t: np.where(t == x, 1.0, np.nan)


def division(_: Any) -> float:
    raise ZeroDivisionError("no number here")


NOTHING: dict[str, Callable[[Any], Any]] = {
    "nan": lambda x: np.nan * x,
    "inf": lambda x: np.inf + 0.0 * x,
    "raises": division,
    "a point alone": only_at(1.0),
}


@every_method
@pytest.mark.parametrize("name", NOTHING)
def test_where_f_has_no_values_there_is_no_value_and_a_reason(method: Method, name: str) -> None:
    for x in (1.0, [1.0, 1.0, 1.0]):
        found = method(NOTHING[name], x)
        assert np.isnan(found.value).all()
        assert np.isinf(found.error).all()
        assert set(np.ravel(found.status).tolist()) <= {"not_finite", "unresolved"}
        assert all(np.ravel(found.message).tolist())
        if name == "raises":
            assert "ZeroDivisionError" in str(found.message)


@every_method
def test_of_a_constant_the_slope_is_within_the_bar_or_refused(method: Method) -> None:
    found = method(lambda x: 3.0 + 0.0 * x, POINTS[:5])
    valued = np.isfinite(found.value)
    assert np.all(np.abs(found.value[valued]) <= found.error[valued])
    assert all(np.asarray(found.message)[~valued].tolist())


@every_method
@pytest.mark.parametrize("x", [1.7e308, -1.7e308, 1e-300, 1e-308, 5e-324, 0.0, math.inf, math.nan])
@pytest.mark.parametrize("f", [np.sin, np.exp, np.sqrt, lambda x: x**2], ids=["sin", "exp", "sqrt", "square"])
def test_no_point_is_so_far_out_that_a_method_warns(method: Method, f: Callable[[Any], Any], x: float) -> None:
    found = method(f, x)
    assert found.status in dk.Status
    assert math.isfinite(x) or math.isnan(found.value)


@every_method
def test_the_step_is_positive_where_there_is_one(method: Method) -> None:
    found = method(np.log, [-1.0, 0.5, 2.0])
    assert np.isnan(found.delta[0])
    assert np.all(np.isnan(found.delta) | (found.delta > 0.0))
