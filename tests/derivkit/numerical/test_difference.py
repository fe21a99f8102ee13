"""Formulas applied to functions: bits, order, counting, shapes, and what happens when f or the step fails."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
from counted import Counted
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

import derivkit as dk
from derivkit.grids import geomspace, logspace
from derivkit.numerical.formulas import ROWS
from derivkit.numerical.nodes import combine
from derivkit.numerical.stencil import Stencil


def test_the_chapters_number_comes_out_to_the_bit() -> None:
    assert dk.difference(lambda x: 2 * x**2, 1, 0.0001, formula="forward_1") == 4.0001999999987845


def test_the_error_falls_with_the_claimed_order(formula: Stencil) -> None:
    """Steps that are powers of two, in 60 digits: what is left is truncation."""
    with mpmath.workdps(60):
        steps = [mpmath.mpf(2) ** -k for k in range(7, 13)]
        errors = []
        for h in steps:
            values = [mpmath.exp(1 + s * h) for s in formula.offsets]
            estimate = combine(
                [mpmath.mpf(w.numerator) / w.denominator for w in formula.weights], values, h**formula.derivative
            )
            errors.append(float(abs(estimate - mpmath.e)))
    assert dk.observed_order([float(h) for h in steps], errors) == pytest.approx(formula.order, abs=0.1)


def test_a_wrong_weight_is_seen_as_a_wrong_order() -> None:
    h = 2.0 ** -np.arange(3, 8)
    right = dk.formula("central_4")
    wrong = [w * (1.001 if k == 0 else 1.0) for k, w in enumerate(map(float, right.weights))]
    errors = [abs(combine(wrong, [math.exp(1 + float(s) * t) for s in right.offsets], t) - math.e) for t in h]
    assert dk.observed_order(h, errors) < 1.0


def test_the_central_difference_is_numpys_gradient() -> None:
    """NumPy's gradient, written by others, on a grid of powers of two."""
    x = np.arange(-8, 9) / 16.0
    inner = dk.difference(np.sin, x[1:-1], 1 / 16, formula="central_2")
    np.testing.assert_array_max_ulp(inner, np.gradient(np.sin(x), 1 / 16)[1:-1], maxulp=2)


def test_a_sweep_is_the_single_differences_to_the_bit() -> None:
    x, delta = np.array([0.3, 1.0, 2.7]), logspace(0, -17, 18)
    for derivative in (1, 2, 3, 4):
        names = [row.name for row in ROWS if row.derivative == derivative]
        found = dk.sweep(np.exp, x, delta, formulas=names, derivative=derivative)
        for k, name in enumerate(names):
            single = dk.difference(np.exp, x[:, None], delta, formula=name, derivative=derivative)
            np.testing.assert_array_equal(found.estimate[k], single)


def test_the_result_of_a_formula_does_not_depend_on_its_company() -> None:
    x, delta = np.linspace(0.1, 3.0, 40), geomspace(1e-9, 1e-1, 30)
    alone = dk.sweep(np.tan, x, delta, formulas=["forward_2"]).estimate[0]
    names = [row.name for row in ROWS if row.derivative == 1]
    np.testing.assert_array_equal(dk.sweep(np.tan, x, delta, formulas=names).estimate[names.index("forward_2")], alone)


def test_every_value_of_f_is_computed_once_and_counted() -> None:
    x, delta = np.array([0.3, 1.1]), np.array([1e-1, 1e-3])
    asked = Counted(np.exp)
    total = dk.sweep(asked, x, delta, formulas=["forward_1", "central_4", "backward_2"]).total
    probes = 2
    assert total == x.size * (1 + 4 * delta.size) == sum(asked.counts.values()) - probes
    assert len(asked.counts) == total


def test_a_plain_python_function_gives_what_the_vectorised_one_gives() -> None:
    x, delta = np.array([0.3, 1.1]), np.array([0.25, 0.125])
    plain = dk.sweep(math.sqrt, x, delta, formulas=["central_2"]).estimate
    np.testing.assert_array_max_ulp(plain, dk.sweep(np.sqrt, x, delta, formulas=["central_2"]).estimate, maxulp=8)


@pytest.mark.parametrize(
    "mixing",
    [lambda v: np.exp(v) / np.sum(np.exp(v)), lambda v: v / np.max(v), np.cumsum],
    ids=["softmax", "x/max", "cumsum"],
)
def test_a_function_that_mixes_its_entries_is_called_point_by_point(mixing: Any) -> None:
    x = np.array([0.3, 1.1, 2.0])
    one_by_one = [dk.difference(lambda v: float(mixing(np.array([v]))[0]), point, 0.125) for point in x.tolist()]
    wrapped = dk.difference(lambda v: mixing(v) if np.ndim(v) else float(mixing(np.array([v]))[0]), x, 0.125)
    assert wrapped.tolist() == one_by_one


def test_a_step_that_vanishes_gives_no_number() -> None:
    assert math.isnan(dk.difference(np.sin, 1.0, 1e-17, formula="forward_1"))
    found = dk.sweep(np.sin, [1.0, 0.0], [1e-17, 1e-3], formulas=["central_2", "forward_2"])
    assert found.vanished[:, 0, 0].all()
    assert not found.vanished[:, 1].any()
    assert not found.vanished[:, :, 1].any()


def test_points_that_coincide_in_part_count_as_vanished() -> None:
    """At x = 1 the step 1.2e-16 moves x + 2 delta but not x + delta."""
    found = dk.sweep(np.sin, [1.0], [1.1e-16], formulas=["forward_2"])
    assert found.vanished.all()
    assert np.isnan(found.estimate).all()


@pytest.mark.parametrize("failure", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_spoils_only_its_own_rows(failure: float) -> None:
    found = dk.sweep(lambda v: np.where(v > 1.05, failure, v**2), [0.5, 1.0], [0.125], formulas=["forward_1"])
    assert found.estimate[0, 0, 0] == 1.125
    assert math.isnan(found.estimate[0, 1, 0])


def test_an_exception_spoils_only_its_own_rows() -> None:
    def f(v: float) -> float:
        if v > 1.05:
            raise RuntimeError("the solver did not converge")
        return v * v

    found = dk.sweep(f, [0.5, 1.0], [0.125], formulas=["forward_1"])
    assert found.estimate[0, 0, 0] == 1.125
    assert math.isnan(found.estimate[0, 1, 0])


@pytest.mark.parametrize("stop", [KeyboardInterrupt, MemoryError])
def test_an_interrupt_passes_through(stop: type[BaseException]) -> None:
    def f(_: float) -> float:
        raise stop

    with pytest.raises(stop):
        dk.difference(f, 1.0, 0.5)


@given(array_shapes(min_dims=0, max_dims=3, max_side=4), array_shapes(min_dims=0, max_dims=2, max_side=3))
def test_shapes_are_those_of_x_and_delta(x_shape: tuple[int, ...], delta_shape: tuple[int, ...]) -> None:
    x, delta = np.full(x_shape, 0.7), np.full(delta_shape, 0.01)
    assert dk.sweep(np.sin, x, delta, formulas=["central_2", "forward_1"]).estimate.shape == (2, *x_shape, *delta_shape)
    single = dk.difference(np.sin, x, 0.01)
    assert np.shape(single) == x_shape
    assert isinstance(single, float) == (x_shape == ())


@given(st.floats(max_value=0.0) | st.just(math.nan) | st.just(math.inf))
def test_a_delta_that_is_no_positive_number_is_refused(delta: float) -> None:
    with pytest.raises(ValueError, match="delta must be a positive finite number"):
        dk.difference(np.sin, 1.0, delta)


def test_one_point_that_is_no_number_does_not_hide_that_another_step_vanished() -> None:
    found = dk.sweep(np.sin, [1.0, math.nan], [1e-16], formulas=["central_4"])
    assert found.vanished[0, 0, 0]
    assert math.isnan(found.estimate[0, 0, 0])


@pytest.mark.parametrize(("x", "delta", "derivative"), [(1e308, 1e308, 1), (1.0, 1e100, 4)])
def test_a_step_beyond_the_range_gives_no_number(x: float, delta: float, derivative: int) -> None:
    assert math.isnan(dk.difference(np.sin, x, delta, derivative=derivative, formula="forward_1"))
    assert math.isnan(dk.sweep(np.sin, x, delta, formulas=["forward_1"], derivative=derivative).estimate[0])


@pytest.mark.parametrize(
    "f",
    [lambda v: v.copy() ** 2, lambda v: [w**2 for w in v], lambda v: np.atleast_1d(v) ** 2],
    ids=["copy", "list", "1d"],
)
def test_a_function_that_takes_or_gives_arrays_alone_is_understood(f: Any) -> None:
    assert dk.difference(f, [1.0, 2.0], 0.5).tolist() == [2.0, 4.0]
    assert dk.difference(f, 1.0, 0.5) == 2.0


def test_a_function_that_works_in_place_does_not_move_the_points() -> None:
    def doubled(v: Any) -> Any:
        v *= 2
        return v

    x = np.array([1.0, 2.0])
    assert dk.difference(doubled, x, 0.5).tolist() == [2.0, 2.0]
    assert dk.sweep(doubled, x, 0.5, formulas=["central_2"]).x.tolist() == x.tolist() == [1.0, 2.0]


def test_offsets_given_as_decimals_make_a_formula_that_works() -> None:
    formula = dk.stencil([0, 0.1, 0.3, 0.7, 1.1])
    assert dk.difference(np.sin, 1.0, 1e-3, formula=formula) == pytest.approx(math.cos(1.0), rel=1e-11)
