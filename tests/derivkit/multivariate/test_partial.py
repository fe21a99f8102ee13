"""Derivatives of functions of many variables: exactness, order, symmetry, counts, shapes, and how f may fail."""

from __future__ import annotations

import itertools
import math
import tracemalloc
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import derivkit as dk
from derivkit import asker
from derivkit.expressions.evaluation import named_function
from derivkit.numerical.formulas import FORMULAS

EPS = float(np.finfo(np.float64).eps)
POINT = np.array([0.5, -0.25, 0.75])
STEP = 0.25
"""Of few binary digits, so that the polynomials below are computed without rounding."""
NAMES = tuple(name for name, derivative in FORMULAS if derivative == 1)
SECOND = tuple(name for name in NAMES if (name, 2) in FORMULAS)
"""The names that a Hessian takes: it needs a formula of either derivative."""


class Asked:
    """Counts from outside how often every point is asked for, alone and in batches."""

    def __init__(self, f: Any, shape: tuple[int, ...]) -> None:
        self.f, self.shape = f, shape
        self.points: Counter[bytes] = Counter()
        self.batches = 0

    def __call__(self, x: Any) -> Any:
        array = np.array(x, dtype=np.float64)
        self.batches += array.shape != self.shape
        self.points.update(point.tobytes() for point in array.reshape(-1, *self.shape))
        return self.f(x)

    def seen(self) -> list[Any]:
        return [np.frombuffer(point).reshape(self.shape) for point in self.points]


def plain(f: Any, shape: tuple[int, ...]) -> Any:
    """f of single points alone."""

    def single(x: Any) -> Any:
        if np.shape(x) != shape:
            raise TypeError("one point, please")
        return f(x)

    return single


def powers(exponents: tuple[int, ...], x: Any) -> Any:
    return math.prod(x[..., k] ** e for k, e in enumerate(exponents))


def smooth(x: Any) -> Any:
    return np.exp(x[..., 0]) * np.sin(x[..., 1]) + np.cos(x[..., 0] * x[..., 2])


def smooth_gradient(x: Any) -> Any:
    a, b, c = x
    return np.array([np.exp(a) * np.sin(b) - c * np.sin(a * c), np.exp(a) * np.cos(b), -a * np.sin(a * c)])


def smooth_hessian(x: Any) -> Any:
    a, b, c = x
    ab, ac = np.exp(a) * np.cos(b), -np.sin(a * c) - a * c * np.cos(a * c)
    aa = np.exp(a) * np.sin(b) - c * c * np.cos(a * c)
    return np.array([[aa, ab, ac], [ab, -np.exp(a) * np.sin(b), 0.0], [ac, 0.0, -a * a * np.cos(a * c)]])


def slope_of(exponents: tuple[int, ...], wanted: tuple[int, ...]) -> Fraction:
    """A derivative of a monomial at POINT: wanted[k] times in entry k."""
    parts = zip(map(Fraction, POINT.tolist()), exponents, wanted, strict=True)
    return math.prod((math.perm(e, d) * x ** (e - d) if e >= d else Fraction(0)) for x, e, d in parts)


# Exactness and order


@pytest.mark.parametrize("name", NAMES)
def test_every_formula_is_exact_up_to_its_order_in_every_variable_and_misses_beyond_by_its_constant(name: str) -> None:
    formula = dk.formula(name)
    p = formula.order
    for exponents in itertools.product((0, 1, p), repeat=3):
        found = dk.gradient(lambda x, e=exponents: powers(e, x), POINT, formula=name, delta=STEP)
        wanted = [slope_of(exponents, tuple(np.eye(3, dtype=int)[k])) for k in range(3)]
        assert found.value.tolist() == [float(w) for w in wanted], exponents
        assert {*found.status.tolist()} <= {"ok", "below_resolution"}
    beyond = dk.gradient(lambda x: x[..., 1] * x[..., 2] ** (p + 1), POINT, formula=name, delta=STEP).value
    miss = formula.error_constant * math.factorial(p + 1) * Fraction(STEP) ** p * Fraction(POINT[1])
    assert beyond[2] == float(slope_of((0, 1, p + 1), (0, 0, 1)) + miss) != float(slope_of((0, 1, p + 1), (0, 0, 1)))


@pytest.mark.parametrize("name", [name for name in SECOND if dk.formula(name).order <= 4])
def test_the_hessian_is_exact_up_to_the_order_in_every_variable_and_misses_beyond(name: str) -> None:
    p = dk.formula(name).order
    units = np.eye(3, dtype=int)
    for exponents in itertools.product((0, 1, p), repeat=3):
        found = dk.hessian(lambda x, e=exponents: powers(e, x), POINT, formula=name, delta=STEP).value
        wanted = [[float(slope_of(exponents, tuple(a + b))) for b in units] for a in units]
        assert found.tolist() == wanted, exponents
    beyond = dk.hessian(lambda x: x[..., 1] * x[..., 2] ** (p + 1), POINT, formula=name, delta=STEP).value
    assert beyond[1, 2] != float(slope_of((0, 1, p + 1), (0, 1, 1)))
    straight = dk.formula(name, 2)
    miss = straight.error_constant * math.factorial(p + 2) * Fraction(STEP) ** p
    diagonal = dk.hessian(lambda x: x[..., 2] ** (p + 2), POINT, formula=name, delta=STEP).value[2, 2]
    assert diagonal == float(slope_of((0, 0, p + 2), (0, 0, 2)) + miss)


@pytest.mark.parametrize("name", [name for name in NAMES if dk.formula(name).order <= 4])
def test_the_error_falls_with_the_order_of_the_formula(name: str) -> None:
    steps = 2.0 ** -np.arange(6, 9)
    x, towards = np.array([1.0, 0.75, 0.5]), np.array([1.0, -0.5, 2.0])
    truths = {
        dk.gradient: smooth_gradient(x),
        dk.jacobian: smooth_gradient(x)[None],
        dk.directional: smooth_gradient(x) @ towards,
        **({dk.hessian: smooth_hessian(x)} if name in SECOND else {}),
    }
    for function, truth in truths.items():
        given = (x, towards) if function is dk.directional else (x,)
        found = [function(smooth, *given, formula=name, delta=h).value for h in steps.tolist()]
        errors = [float(np.max(np.abs(one - truth))) for one in found]
        if min(errors) < 1e-8:  # rounding has its say there
            continue
        assert dk.observed_order(steps, errors) == pytest.approx(dk.formula(name).order, abs=0.15), function.__name__


def test_a_quotient_by_delta_instead_of_the_step_taken_would_be_seen() -> None:
    x, h = np.array([0.3, 1e3, -7.7]), np.array([1e-9, 1e-6, 1e-3])
    assert dk.gradient(lambda v: v @ np.ones(3), np.zeros(3), formula="central_2", delta=h).value.tolist() == [1, 1, 1]
    for k in range(3):
        found = dk.gradient(lambda v, k=k: v[..., k], x, formula="central_2", delta=h).value
        assert found.tolist() == np.eye(3)[k].tolist()
        assert ((x[k] + h[k]) - (x[k] - h[k])) / (2 * h[k]) != 1.0


def test_the_partial_derivatives_are_those_that_the_rules_derive() -> None:
    """Within truncation, h^2/6 max|d^3f| (11 samples, and a tenth), and rounding: values of f to 8 ulp, over h."""
    h = 2.0**-14
    for text in ("x*y + sin(x*z)", "exp(x*y)/z", "log(x + y^2 + z^2)", "x^y*tanh(z)", "sqrt(x^2 + y^2 + z^2)"):
        expression = dk.parse(text)
        names, x = expression.variables, np.array([0.8, 1.3, 0.6])[: len(expression.variables)]
        call = as_call(expression)
        found = dk.gradient(call, x, formula="central_2", delta=h)
        for k, name in enumerate(names):
            around = {n: np.full(11, v) for n, v in zip(names, x, strict=True)}
            around[name] = x[k] + np.linspace(-h, h, 11)
            third = 1.1 * np.max(np.abs(dk.derive(expression, name, 3)(around)))
            largest = np.max(np.abs(call(np.stack(list(around.values()), axis=-1))))
            exact = float(dk.derive(expression, name)(dict(zip(names, x, strict=True))))
            assert abs(found.value[k] - exact) <= h * h / 6 * third + 8 * EPS * largest / h, (text, name)


def as_call(expression: Any) -> Any:
    """f of an array whose last axis holds the variables."""
    call = named_function(expression)
    return lambda x: call({name: x[..., k] for k, name in enumerate(expression.variables)})


def test_any_stencil_and_a_delta_for_each_entry_will_do() -> None:
    """Exact for a cubic, on offsets that no formula of the table has."""
    formula = dk.stencil([-2, -0.5, 0, 1])
    steps = np.array([0.25, 0.5, 0.125])
    found = dk.gradient(lambda v: np.sum(v**3, axis=-1), POINT, formula=formula, delta=steps)
    np.testing.assert_allclose(found.value, 3 * POINT**2, rtol=0, atol=64 * EPS)
    second = dk.hessian(lambda v: powers((1, 2, 1), v), POINT, formula="central_2", delta=steps).value
    a, b, c = POINT
    assert second.tolist() == [[0, 2 * b * c, b * b], [2 * b * c, 2 * a * c, 2 * a * b], [b * b, 2 * a * b, 0]]


# Symmetry, rotation, consistency


@pytest.mark.parametrize("name", ["forward_1", "central_2", "central_4", "backward_3"])
def test_the_hessian_is_symmetric_to_the_bit_and_does_not_know_the_names_of_the_variables(name: str) -> None:
    x, h = np.array([1.0, 0.75, 0.5]), 2.0**-8
    found = dk.hessian(smooth, x, formula=name, delta=h).value
    assert found.tolist() == found.T.tolist()
    turned = dk.hessian(lambda v: smooth(v[..., ::-1]), x[::-1], formula=name, delta=h).value[::-1, ::-1]
    weights = sum(abs(float(w)) for w in dk.formula(name).weights) ** 2
    diagonal = sum(abs(float(w)) for w in dk.formula(name, 2).weights)
    np.testing.assert_allclose(turned, found, rtol=0, atol=16 * EPS * 4 * max(weights, diagonal) / h**2)


def test_the_hessian_is_the_jacobian_of_the_gradient() -> None:
    x, h = np.array([1.0, 0.75, 0.5]), 2.0**-8

    def slopes(v: Any) -> Any:
        return dk.gradient(smooth, v, formula="central_4", delta=h).value

    twice = dk.jacobian(slopes, x, formula="central_4", delta=h).value
    found = dk.hessian(smooth, x, formula="central_4", delta=h).value
    off = ~np.eye(3, dtype=bool)
    rounding = 16 * EPS * 4 * sum(abs(float(w)) for w in dk.formula("central_4").weights) ** 2 / h**2
    np.testing.assert_allclose(twice[off], found[off], rtol=0, atol=rounding)


def test_a_partial_derivative_is_the_entry_of_the_gradient_and_the_direction_of_its_axis_to_the_bit() -> None:
    x = np.array([[1.1, 0.7], [0.3, -2.9]])

    def f(v: Any) -> Any:
        return np.sin(v[..., 0, 0] * v[..., 1, 1]) * np.exp(v[..., 0, 1]) - v[..., 1, 0] ** 3

    whole = dk.gradient(f, x, formula="central_4", delta=1e-3)
    for place, index in enumerate(np.ndindex(2, 2)):
        one = dk.partial(f, x, index, formula="central_4", delta=1e-3)
        axis = np.zeros((2, 2))
        axis[index] = 1.0
        assert one.value == dk.partial(f, x, place, formula="central_4", delta=1e-3).value == whole.value[index]
        assert one.value == dk.partial(f, x, place - 4, formula="central_4", delta=1e-3).value
        assert one.value == dk.partial(f, x, (index[0] - 2, index[1] - 2), formula="central_4", delta=1e-3).value
        assert one.value == dk.partial(f, x, (index[0], index[1] - 2), formula="central_4", delta=1e-3).value
        assert one.value == dk.directional(f, x, axis, formula="central_4", delta=1e-3).value
        assert (one.status, one.evaluations) == (dk.Status.OK, 7)


@given(st.floats(0.0, 2 * math.pi), st.floats(-2.0, 2.0), st.floats(-2.0, 2.0))
def test_a_rotated_function_has_the_rotated_gradient(angle: float, a: float, b: float) -> None:
    """For a quadratic form the central formula has no truncation: rounding of values below 60 and of points is left."""
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    x, h = np.array([a, b]), 2.0**-6

    def f(v: Any) -> Any:
        return 3 * v[0] ** 2 + v[0] * v[1] - 2 * v[1] ** 2 + v[1]

    exact = np.array([6 * a + b, a - 4 * b + 1])
    within = 16 * EPS * 60 / h
    for axis in turn.T:
        if 0.0 < np.min(np.abs(axis)) < 1e-12:  # the step may vanish against this entry
            continue
        assert dk.directional(f, x, axis, formula="central_2", delta=h).value == pytest.approx(exact @ axis, abs=within)
    rotated = dk.gradient(lambda v: f(turn @ v), turn.T @ x, formula="central_2", delta=h).value
    np.testing.assert_allclose(rotated, turn.T @ exact, rtol=0, atol=within)


@pytest.mark.parametrize("factor", [2.0, -4.0, 2.0**300, -(2.0**-300)])
def test_the_derivative_along_a_multiple_of_a_direction_is_that_multiple_to_the_bit(factor: float) -> None:
    x, towards, h = np.array([1.1, 0.7, 0.3]), np.array([0.1, -0.7, 2.9]), 1e-3
    once = dk.directional(smooth, x, towards, formula="central_2", delta=h).value
    again = dk.directional(smooth, x, factor * towards, formula="central_2", delta=h / abs(factor)).value
    assert again == factor * once


# Counting


def offsets_with_halves(name: str, derivative: int) -> set[Fraction]:
    """Those of a formula and of its half; a central one needs x besides, for the slopes of the sides."""
    offsets = [Fraction(s) for s in dk.formula(name, derivative).offsets]
    return {*offsets, *(s / 2 for s in offsets)} | ({Fraction(0)} if name.startswith("central") else set())


def expected_points(name: str, n: int, *, second: bool) -> int:
    if not second:
        offsets = offsets_with_halves(name, 1)
        return (0 in offsets) + n * sum(1 for s in offsets if s)
    factor = [Fraction(s) for s in dk.formula(name).offsets]
    corners = {(a * k, b * k) for a in factor for b in factor for k in (1, Fraction(1, 2))}
    axes = offsets_with_halves(name, 2) | ({a for a, b in corners if b == 0} if n > 1 else set())
    pairs = math.comb(n, 2) * sum(1 for a, b in corners if a and b)
    return (0 in axes) + n * sum(1 for s in axes if s) + pairs


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_no_point_is_asked_twice_and_an_outside_counter_agrees(name: str, n: int) -> None:
    x = np.linspace(0.3, 1.7, n)
    for function in (dk.gradient, dk.jacobian, *([dk.hessian] if name in SECOND else [])):
        for single in (True, False):
            asked = Asked(lambda v: np.sum(np.sin(v), axis=-1), x.shape)
            found = function(plain(asked, x.shape) if single else asked, x, formula=name, delta=2.0**-7)
            assert found.evaluations == len(asked.points) == expected_points(name, n, second=function is dk.hessian)
            assert asked.points.total() - found.evaluations <= 1 + (asked.batches > 0), "the probe"
            assert not (single and asked.batches)


def test_a_function_that_takes_batches_is_called_seldom_and_one_that_does_not_once_per_point() -> None:
    x = np.linspace(0.3, 1.7, 50)
    asked = Asked(lambda v: np.sum(np.sin(v), axis=-1), x.shape)
    assert dk.gradient(asked, x, formula="central_2", delta=1e-3).evaluations == 201
    assert (asked.batches, asked.points.total()) == (1, 203)
    again = Asked(asked.f, x.shape)
    assert dk.gradient(again, x, formula="forward_1", delta=1e-3).evaluations == 101
    assert (again.batches, again.points.total()) == (1, 103)
    wide = Asked(asked.f, (100,))
    assert dk.gradient(wide, np.linspace(0.3, 1.7, 100), formula="forward_1", delta=1e-3).evaluations == 201
    assert wide.batches == 1
    calls = []
    single = plain(lambda v: float(np.sum(np.sin(v))), x.shape)
    found = dk.gradient(lambda v: (calls.append(v), single(v))[1], x, formula="central_2", delta=1e-3)
    assert (found.evaluations, len(calls)) == (201, 203), "the batch, and one point again for a second answer"
    np.testing.assert_allclose(found.value, np.cos(x), rtol=0, atol=1e-6 / 6 + 4 * EPS * 50 / 1e-3)


@pytest.mark.parametrize("name", ["forward_2", "central_4"])
def test_entries_that_do_not_move_stay_the_same_to_the_bit(name: str) -> None:
    x = np.array([-0.0, 1 / 3, 5e-324, 1e300, 0.1])
    steps = np.array([1.0, 1e-3, 1.0, 1e290, 1e-3])
    for function, most in ((dk.gradient, 1), (dk.hessian, 2)):
        asked = Asked(lambda v: np.sum(np.tanh(v), axis=-1), x.shape)
        function(asked, x, formula=name, delta=steps)
        moved = [int(np.count_nonzero(point.view(np.int64) != x.view(np.int64))) for point in asked.seen()]
        assert max(moved) == most
    asked = Asked(lambda v: np.sum(np.tanh(v), axis=-1), x.shape)
    dk.directional(asked, x, [0.0, 1.0, 0.0, 0.0, -2.0], formula=name, delta=1e-3)
    assert all((p.view(np.int64) == x.view(np.int64))[[0, 2, 3]].all() for p in asked.seen())


# Who takes batches

MIXING = {
    "share of the first": lambda x: np.exp(x[..., 0]) / np.sum(np.exp(x)),
    "part of the largest": lambda x: x[..., 0] / np.max(x),
    "distance from the mean": lambda x: (x - np.mean(x))[..., 0],
    "sum of rows": lambda x: sum(v**2 for v in x),
    "product of rows": lambda x: x[0] * x[1] + x[1],
    "sum of the first so far": lambda x: np.cumsum(x[..., 0]),
    "largest of all": lambda x: np.full(x.shape[:-1], np.max(x)),
    "mean of rows": lambda x: np.mean(x, axis=0),
}


@pytest.mark.parametrize("name", MIXING)
@pytest.mark.parametrize("function", [dk.gradient, dk.hessian])
@pytest.mark.parametrize(
    "x", [[0.0, 0.0], [0.0, 0.0, 0.0], [0.5, 0.5, 0.5, 0.5], [0.3, 1.1, 2.0], [2.0, 1.1, 0.3, 0.5]], ids=str
)
def test_a_function_that_mixes_the_points_of_a_batch_is_called_point_by_point(
    name: str, function: Any, x: list[float]
) -> None:
    f, shape = MIXING[name], np.shape(x)
    for formula in ("forward_1", "central_2"):
        found = function(f, x, formula=formula, delta=0.125)
        alone = function(plain(f, shape), x, formula=formula, delta=0.125)
        np.testing.assert_array_equal(found.value, alone.value)
        assert found.evaluations == alone.evaluations


def test_without_the_proof_a_function_that_mixes_would_be_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    f, x = MIXING["part of the largest"], [0.3, 1.1, 2.0]
    right = dk.gradient(f, x, formula="central_2", delta=0.125).value
    monkeypatch.setattr(asker, "agree", lambda a, b: True)
    assert not np.array_equal(dk.gradient(f, x, formula="central_2", delta=0.125).value, right)


def test_a_component_without_values_does_not_hide_that_batches_are_taken() -> None:
    asked = Asked(lambda v: np.stack([v[..., 0], np.full(v.shape[:-1], np.nan)], axis=-1), (40,))
    found = dk.jacobian(asked, np.ones(40), formula="central_2", delta=0.5)
    assert (found.evaluations, asked.points.total(), asked.batches) == (161, 163, 1)
    assert found.status[:, 0].tolist() == ["ok", "not_finite"]


def test_one_value_among_failures_proves_nothing() -> None:
    ask = asker.Asker(lambda v: np.where(v[..., 0] > 1.0, np.min(v), np.nan), shape=(5,))
    points = np.zeros((4, 5))
    points[:, 0] = 0.5, 0.75, 2.0, 0.25
    np.testing.assert_array_equal(ask(points)[:, 0], [np.nan] * 2 + [0, np.nan])
    assert ask._vectorized is None


def test_batches_that_give_another_number_of_values_are_not_believed() -> None:
    def f(v: Any) -> Any:
        if v.ndim == 1 and v[0] == 0.5:
            raise ValueError
        return np.ones(3) if v.ndim == 1 else np.where(v[:, :1] == 0.5, math.nan, 1.0)

    found = dk.jacobian(f, np.ones(4), formula="central_2", delta=0.5)
    np.testing.assert_array_equal(found.value, [[math.nan, 0.0, 0.0, 0.0]] * 3)
    with pytest.raises(ValueError, match="f gives 2 values where one is needed"):
        dk.gradient(dk.Function.from_expression("sin(x)"), [1.0, 2.0], formula="central_2", delta=0.5)


def test_a_batch_that_fails_for_one_point_is_repeated_point_by_point() -> None:
    x = np.linspace(0.0, 1.0, 4)

    def f(v: Any) -> Any:
        if np.any(v > 1.05):
            raise ValueError("beyond the table")
        return np.sum(v**2, axis=-1)

    found = dk.gradient(f, x, formula="central_2", delta=0.125)
    assert found.status.tolist() == ["below_resolution", "ok", "ok", "not_finite"]
    assert [(r.message, r.count) for r in found.raised] == [("ValueError: beyond the table", 2)]
    assert found.raised[0].point.tolist() == [*x[:3].tolist(), 1.0625]
    np.testing.assert_allclose(found.value[:3], 2 * x[:3], rtol=0, atol=4 * EPS * 2 / 0.125)


def test_a_batch_takes_no_more_memory_than_its_bound() -> None:
    n, m = 1500, 200_000
    dk.gradient(lambda v: np.sum(v, axis=-1), np.ones(3), formula="central_2", delta=0.5)
    assert traced(lambda: dk.gradient(lambda v: np.sum(v, axis=-1), np.ones(n), formula="central_2", delta=0.5)) <= (
        4 * asker.BATCH_BYTES
    )
    x = np.ones(20)
    result = 8 * m * x.size

    def long(v: Any) -> Any:
        return np.repeat(np.sum(v, axis=-1)[..., None], m, axis=-1)

    # the estimates, their bars, the codes, and columns of the 13 points of the formula and of its half
    columns = 8 * m * 2 * 13 + 4 * asker.BATCH_BYTES
    assert traced(lambda: dk.jacobian(long, x, formula="central_8", delta=0.5)) <= 3 * result + columns


def traced(call: Any) -> int:
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("alone", [False, True])
def test_small_batches_give_what_large_ones_give(alone: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    x = np.linspace(0.2, 1.4, 7)

    def both(v: Any) -> Any:
        return np.stack([np.prod(np.sin(v), axis=-1), np.sum(v**3, axis=-1)], axis=-1)

    f, g = both, lambda v: both(v)[..., 0]
    if alone:
        f, g = plain(f, x.shape), plain(g, x.shape)

    def found() -> list[Any]:
        first = [dk.jacobian(f, x, formula=name, delta=1e-3) for name in ("forward_2", "central_2")]
        return [*first, dk.hessian(g, x, formula="central_2", delta=1e-3)]

    whole = found()
    for points in (1, 3, 7, 8, 20):
        monkeypatch.setattr(asker, "BATCH_BYTES", points * x.nbytes)
        for a, b in zip(whole, found(), strict=True):
            np.testing.assert_array_equal(a.value, b.value)
            assert a.evaluations == b.evaluations


def test_a_function_that_works_in_place_does_not_move_the_points() -> None:
    def f(v: Any) -> Any:
        v *= 2
        return np.sum(v**2, axis=-1)

    x = np.array([1.0, 2.0, 3.0, 4.0])
    assert dk.gradient(f, x, formula="central_2", delta=0.5).value.tolist() == (8 * x).tolist()
    assert x.tolist() == [1.0, 2.0, 3.0, 4.0]

    def g(v: Any) -> Any:
        v *= 2
        raise ValueError

    raised = dk.gradient(g, x, formula="central_2", delta=0.5).raised
    assert (raised[0].point.tolist(), raised[0].count) == ([1.0, 2.0, 3.0, 4.0], 17)


# Where there is no value


@pytest.mark.parametrize("failure", [math.nan, math.inf, "raise", 1j, "text", None])
def test_a_failure_spoils_only_the_entries_that_need_it(failure: Any) -> None:
    def f(v: Any) -> Any:
        if v.ndim != 1:
            raise TypeError
        if v[1] > 1.0:
            if failure == "raise":
                raise RuntimeError("no convergence")
            return failure
        return v[0] * v[1] + v[2]

    x = np.array([2.0, 1.0, 0.5])
    found = dk.gradient(f, x, formula="central_2", delta=0.125)
    assert (found.status == "not_finite").tolist() == [False, True, False]
    np.testing.assert_array_equal(found.value, [1.0, math.nan, 1.0])
    assert dk.partial(f, x, 1, formula="backward_1", delta=0.125).value == 2.0
    second = dk.hessian(f, x, formula="backward_1", delta=0.125)
    np.testing.assert_array_equal(second.value, [[0, 1, 0], [1, 0, 0], [0, 0, 0]])
    assert (dk.hessian(f, x, formula="central_2", delta=0.125).status == "not_finite").tolist() == [
        [False, True, False],
        [True, True, True],
        [False, True, False],
    ]


def test_without_a_value_at_x_no_forward_difference_has_one() -> None:
    found = dk.gradient(lambda v: 1 / np.sum(np.abs(v), axis=-1), np.zeros(3), formula="forward_1", delta=0.5)
    assert found.status.tolist() == ["not_finite"] * 3
    assert np.isnan(found.value).all()


def test_one_value_of_several_may_fail_alone() -> None:
    with np.errstate(all="ignore"):
        found = dk.jacobian(np.log, [1.0, 0.25], formula="central_2", delta=0.25)
    assert found.status.tolist() == [["ok", "below_resolution"], ["below_resolution", "not_finite"]]


def test_a_function_without_any_value_has_one_row_without_a_number() -> None:
    found = dk.jacobian(lambda v: 1 / 0, [1.0, 2.0], formula="forward_1", delta=0.5)
    assert found.status.tolist() == [["not_finite", "not_finite"]]
    assert found.raised[0].message == "ZeroDivisionError: division by zero"
    for nothing in (None, math.nan):
        rows = dk.jacobian(
            lambda v, n=nothing: n if v[0] < 1.0 else [v[0], v[1]], [1.0, 2.0], formula="central_2", delta=0.5
        )
        np.testing.assert_array_equal(rows.value, [[math.nan, 0.0], [math.nan, 1.0]])
    late = dk.jacobian(
        lambda v: [v[0], v[1], 1.0] if v[0] == 1.0 else 1 / 0, [1.0, 2.0], formula="forward_1", delta=0.5
    )
    np.testing.assert_array_equal(late.value, [[math.nan, 0.0], [math.nan, 1.0], [math.nan, 0.0]])


@pytest.mark.parametrize("stop", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("dimensions", [1, 2])
def test_an_interrupt_passes_through_alone_and_in_a_batch(stop: type[BaseException], dimensions: int) -> None:
    def f(v: Any) -> Any:
        if v.ndim == dimensions:
            raise stop
        return np.sum(v, axis=-1)

    with pytest.raises(stop):
        dk.gradient(f, np.ones(4), formula="central_2", delta=0.5)


@pytest.mark.parametrize(
    ("function", "name"),
    [*itertools.product((dk.gradient, dk.jacobian), NAMES), *itertools.product((dk.hessian,), SECOND)],
)
def test_the_domain_is_never_left(function: Any, name: str) -> None:
    x = np.array([0.0, 0.5, 1.0, 0.01])
    asked = Asked(lambda v: np.sum(np.sqrt(v * (1 - v)), axis=-1), x.shape)
    found = function(asked, x, formula=name, delta=2.0**-6, domain=(0.0, 1.0))
    points = np.array(asked.seen())
    assert points.size
    assert points.min() >= 0.0
    assert points.max() <= 1.0
    offsets = dk.formula(name).offsets
    ends = [x + float(s) * 2.0**-6 for s in (offsets[0], offsets[-1])]
    allowed = (ends[0] >= 0.0) & (ends[1] <= 1.0)
    if function is dk.gradient:
        assert ((found.status == "outside_domain") == ~allowed).all()
        assert np.isnan(found.value[~allowed]).all()
    if function is dk.hessian:
        pairs = np.logical_and.outer(allowed, allowed)
        straight = [x + float(s) * 2.0**-6 for s in dk.formula(name, 2).offsets]
        np.fill_diagonal(pairs, (straight[0] >= 0.0) & (straight[-1] <= 1.0))
        assert ((found.status == "outside_domain") == ~pairs).all()


def test_every_entry_may_have_a_domain_of_its_own_and_outside_nothing_is_asked() -> None:
    asked = Asked(lambda v: np.sum(v, axis=-1), (2,))
    found = dk.gradient(asked, [0.0, 0.0], formula="central_2", delta=0.5, domain=([-1.0, 0.0], [1.0, 1.0]))
    assert found.status.tolist() == ["ok", "outside_domain"]
    found = dk.gradient(asked, [0.0, 3.0], formula="central_2", delta=0.5, domain=(-2.0, 2.0))
    assert (found.status.tolist(), found.evaluations) == (["outside_domain"] * 2, 0)
    one = dk.directional(asked, [0.0, 0.9], [1.0, 1.0], formula="forward_1", delta=0.5, domain=(-1.0, 1.0))
    assert (one.status, one.evaluations) == (dk.Status.OUTSIDE_DOMAIN, 0)
    both = dk.gradient(asked, [0.0, 1e20], formula="central_2", delta=0.5, domain=(-1.0, 1.0))
    assert both.status.tolist() == ["outside_domain"] * 2, "the domain is the first reason"
    alone = dk.hessian(asked, [0.9], formula="forward_1", delta=0.08, domain=(0.0, 1.0))
    assert (alone.status.tolist(), alone.evaluations) == ([["outside_domain"]], 0)
    root = dk.Function.from_expression("sqrt(x)", domain=(0.0, 1.0))
    assert dk.gradient(root, 0.0, formula="central_2", delta=0.5).status is dk.Status.OUTSIDE_DOMAIN


def test_a_step_that_vanishes_against_an_entry_is_said_there_and_not_asked() -> None:
    x = np.array([1.0, 0.0, 1e20])
    found = dk.gradient(lambda v: np.sum(v, axis=-1), x, formula="central_2", delta=1e-17)
    assert found.status.tolist() == ["step_vanished", "below_resolution", "step_vanished"], "0.0 is not to be believed"
    assert found.evaluations == 5
    second = dk.hessian(lambda v: np.sum(v, axis=-1), x, formula="forward_1", delta=1e-17)
    assert second.status.tolist() == [
        ["step_vanished"] * 3,
        ["step_vanished", "below_resolution", "step_vanished"],
        ["step_vanished"] * 3,
    ]
    one = dk.directional(lambda v: v @ [1.0, 1.0, 1.0], x, [0.0, 1.0, 1.0], formula="central_2", delta=1e-3)
    assert (one.status, one.evaluations) == (dk.Status.STEP_VANISHED, 0)
    assert dk.directional(lambda v: v[1], x, [0.0, 1.0, 0.0], formula="central_2", delta=1e-3).value == 1.0


def test_a_step_beyond_the_range_gives_no_number_and_is_not_asked() -> None:
    found = dk.gradient(lambda v: v[0], [1e308, 0.0], formula="central_2", delta=1.5e308)
    assert found.status.tolist() == ["not_finite", "not_finite"]
    assert found.evaluations == 0
    one = dk.directional(lambda v: v[0], [1e308, 0.0], [1.0, 0.0], formula="central_2", delta=1.5e308)
    assert (one.status, one.evaluations) == (dk.Status.NOT_FINITE, 0)


# Bars


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[..., 1:] - x[..., :-1] ** 2) ** 2 + (1.0 - x[..., :-1]) ** 2, axis=-1)


def rosenbrock_gradient(x: Any) -> Any:
    rise = x[1:] - x[:-1] ** 2
    return np.append(-400.0 * x[:-1] * rise - 2.0 * (1.0 - x[:-1]), 0.0) + np.append(0.0, 200.0 * rise)


JUDGES = {
    "smooth": (smooth, smooth_gradient, 3),
    "rosenbrock": (rosenbrock, rosenbrock_gradient, 6),
    "logsumexp": (lambda x: np.log(np.sum(np.exp(x), axis=-1)), lambda x: np.exp(x) / np.sum(np.exp(x)), 5),
    "offset": (lambda x: 1e6 + np.sum(np.sin(3 * x), axis=-1), lambda x: 3 * np.cos(3 * x), 4),
    "norm": (lambda x: np.sqrt(np.sum(x * x, axis=-1) + 0.1), lambda x: x / np.sqrt(np.sum(x * x) + 0.1), 4),
}
DELTAS = 10.0 ** -np.arange(1, 10)


def test_bars_cover_the_error_of_every_formula_at_every_delta_but_for_one_in_a_hundred() -> None:
    covered, ratios = [], []
    for f, truth, n in JUDGES.values():
        for x in np.random.default_rng(7).normal(size=(4, n)):
            for name, delta in itertools.product(("forward_1", "backward_2", "central_2", "central_4"), DELTAS):
                found = dk.gradient(f, x, formula=name, delta=delta)
                error = np.abs(found.value - truth(x))
                covered += (error <= found.error + EPS * np.abs(found.value)).tolist()
                ratios += (found.error / np.maximum(error, EPS * np.abs(found.value))).tolist()
    assert np.mean(covered) >= 0.99
    # half of the deltas have mostly rounding, whose bar supposes that no error of four roundings cancels another
    assert np.median(ratios) < 16.0, "a bar that is too large tells nothing"


@pytest.mark.parametrize("name", ["forward_1", "central_2"])
def test_bars_of_a_hessian_cover_its_error(name: str) -> None:
    covered = []
    for x in np.random.default_rng(7).normal(size=(10, 3)):
        for delta in DELTAS[:6]:
            found = dk.hessian(smooth, x, formula=name, delta=delta)
            assert found.error.tolist() == found.error.T.tolist()
            covered += (np.abs(found.value - smooth_hessian(x)) <= found.error).ravel().tolist()
    assert np.mean(covered) >= 0.99


def test_where_scales_differ_the_rounding_of_the_largest_is_in_every_bar() -> None:
    found = dk.gradient(
        lambda x: math.sin(x[0]) + math.log(x[1]) + x[2] ** 2, [1.0, 1e-6, 1e6], formula="central_2", delta=1e-5
    )
    assert found.status.tolist() == ["below_resolution", "not_finite", "ok"]
    assert found.error[0] >= math.cos(1.0)
    assert abs(found.value[2] - 2e6) <= found.error[2]


@pytest.mark.parametrize("delta", [1e-1, 1e-3, 1e-5])
def test_a_function_in_float32_has_the_bars_of_float32(delta: float) -> None:
    x = np.array([1.0, 0.3, 2.0])
    found = dk.gradient(lambda v: np.sum(np.sin(v.astype(np.float32)), axis=-1), x, formula="central_2", delta=delta)
    assert found.float32
    assert (np.abs(found.value - np.cos(x)) <= found.error).all()
    assert (found.error > 2.0**-24 / delta).all()


KINKS = {
    "absolute": (abs, -1.0, 1.0),
    "relu": (lambda t: np.maximum(t, 0.0), 0.0, 1.0),
    "with a curve": (lambda t: np.exp(t) + np.maximum(t, 0.0), 1.0, 2.0),
}


@pytest.mark.parametrize("name", KINKS)
@pytest.mark.parametrize("central", ["central_2", "central_4", "central_8"])
@pytest.mark.parametrize("delta", [1e-2, 1e-4, 1e-6])
def test_a_kink_at_x_is_named_with_both_slopes(name: str, central: str, delta: float) -> None:
    bend, left, right = KINKS[name]

    def f(x: Any) -> Any:
        return bend(x[..., 0]) + np.sin(x[..., 1])

    found = dk.gradient(f, [0.0, 1.0], formula=central, delta=delta)
    assert found.status.tolist() == ["kink", "ok"]
    assert found.error[0] == math.inf
    assert (found.left[0], found.right[0]) == pytest.approx((left, right), abs=2 * delta + 1e-8)
    assert np.isnan([found.left[1], found.right[1]]).all()
    assert dk.hessian(f, [0.0, 1.0], formula=central, delta=max(delta, 1e-4)).status[0].tolist() == ["kink", "kink"]
    along = dk.directional(f, [0.0, 1.0], [1.0, 0.5], formula=central, delta=delta)
    assert (along.status, "kink" in along.message) == (dk.Status.KINK, True)
    assert along.right - along.left == pytest.approx(right - left, abs=4 * delta + 1e-8)


@given(st.floats(0.0, 1.2), st.sampled_from(["central_2", "central_4"]))
def test_a_kink_near_x_is_named_or_covered(share: float, name: str) -> None:
    found = dk.gradient(lambda x: np.sum(np.abs(x - share * 1e-3)), [0.0], formula=name, delta=1e-3)
    assert found.status[0] == "kink" or abs(found.value[0] + (share > 0.0)) <= found.error[0]


def test_a_value_whose_half_delta_gives_no_number_has_no_bar_and_says_so() -> None:
    found = dk.gradient(lambda x: math.nan if 0.0 < abs(x[0]) < 0.1 else x[0], [0.0], formula="forward_1", delta=0.125)
    assert (found.value.tolist(), found.status.tolist(), found.error.tolist()) == ([1.0], ["unresolved"], [math.inf])
    assert "half the delta" in found.message


# Shapes


@given(
    arrays(np.float64, array_shapes(min_dims=0, max_dims=3, max_side=3), elements=st.floats(-4.0, 4.0)),
    array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3),
    st.booleans(),
)
def test_results_have_the_shapes_that_are_promised(x: Any, values: tuple[int, ...], together: bool) -> None:  # noqa: FBT001
    axes = tuple(range(-x.ndim, 0))

    def one(v: Any) -> Any:
        return np.sum(np.sin(v), axis=axes)

    def several(v: Any) -> Any:
        total = one(v)
        return np.broadcast_to(np.reshape(total, (*np.shape(total), *(1,) * len(values))), (*np.shape(total), *values))

    f, g = (one, several) if together else (plain(one, x.shape), plain(several, x.shape))
    first = dk.gradient(f, x, formula="central_2", delta=0.25)
    assert np.shape(first.value) == np.shape(first.error) == np.shape(first.status) == x.shape
    assert isinstance(first.value, float) == isinstance(first.status, dk.Status) == (x.shape == ())
    assert (np.asarray(first.error) >= np.abs(np.asarray(first.value) - np.cos(x))).all()
    wide = dk.jacobian(g, x, formula="central_2", delta=0.25)
    assert wide.value.shape == wide.error.shape == wide.status.shape
    assert wide.value.shape == (math.prod(values), x.size)
    second = dk.hessian(f, x, formula="central_2", delta=0.25)
    assert second.value.shape == second.error.shape == second.status.shape == (x.size, x.size)
    np.testing.assert_array_equal(wide.value, np.broadcast_to(np.ravel(first.value), wide.value.shape))
    np.testing.assert_allclose(np.diag(second.value), -np.ravel(np.sin(x)), rtol=0, atol=0.25**2 / 12 + 1e-12)


def test_a_number_gives_numbers_and_functions_of_numbers_are_understood() -> None:
    for f in (math.sin, np.sin, lambda v: np.sin(np.atleast_1d(v)), dk.Function.from_expression("sin(x)")):
        found = dk.gradient(f, 0.5, formula="central_8", delta=2.0**-4)
        assert type(found.value) is float
        assert found.value == pytest.approx(math.cos(0.5), abs=1e-12)
        assert type(dk.partial(f, 0.5, (), formula="central_8", delta=2.0**-4).value) is float
        assert dk.directional(f, 0.5, 1.0, formula="central_8", delta=2.0**-4).value == found.value
    circle = dk.jacobian(lambda t: [math.cos(t), math.sin(t)], 0.5, formula="central_8", delta=2.0**-4)
    np.testing.assert_allclose(circle.value, [[-math.sin(0.5)], [math.cos(0.5)]], rtol=0, atol=1e-12)


# Refusals

ASK = {"formula": "central_2", "delta": 1e-3}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda f: dk.gradient(f, [1.0], delta=1.0), r"gradient needs a formula; write formula='central_2', delta="),
        (lambda f: dk.hessian(f, [1.0], delta=1.0), "hessian needs a formula; write formula='central_2'"),
        (lambda f: dk.jacobian(f, [1.0], formula="central_2"), "jacobian needs a delta; write"),
        (lambda f: dk.gradient(f, [1.0], formula="central_5", delta=1.0), "no formula named 'central_5'; did you mean"),
        (lambda f: dk.gradient(f, [1.0], formula=5, delta=1.0), "formula=5: write the name of a formula"),
        (lambda f: dk.gradient(f, [1.0], formula="central_2", delta=0.0), "delta must be a positive finite number"),
        (
            lambda f: dk.gradient(f, [1.0], formula="central_2", delta=[1.0, 2.0]),
            r"delta has shape \(2,\), and x \(1,\); give one number",
        ),
        (
            lambda f: dk.gradient(f, [1.0], formula=dk.formula("central_2", 2), delta=1.0),
            "derivative 1; central_2 is for 2",
        ),
        (lambda f: dk.gradient(f, [[1.0, math.nan]], **ASK), r"x\[0, 1\] is nan; the entries of x must be finite"),
        (lambda f: dk.gradient(f, math.inf, **ASK), "x is inf; the entries of x must be finite"),
        (lambda f: dk.gradient(f, [1j], **ASK), "x=.*: give a real number"),
        (lambda f: dk.gradient(lambda v: v, [1.0, 2.0], **ASK), r"f gives 2 values where one is needed; dk\.jacobian"),
        (lambda f: dk.hessian(lambda v: v, [1.0, 2.0], **ASK), r"f gives 2 values where one is needed; dk\.jacobian"),
        (
            lambda f: dk.jacobian(lambda v: v[: 1 + (v[0] > 1)], [1.0, 2.0], **ASK),
            r"f gives 2 numbers at x = \[1\.0005, 2\.0\], and 1 elsewhere",
        ),
        (lambda f: dk.gradient(f, [1.0], domain=(2.0, 2.0), **ASK), r"domain=\(2\.0, 2\.0\): write its two ends"),
        (lambda f: dk.gradient(f, [1.0], domain=(), **ASK), r"domain=\(\): write its two ends"),
        (lambda f: dk.gradient(f, [1.0], domain=2.0, **ASK), r"domain=2\.0: write its two ends"),
        (lambda f: dk.gradient(f, [1.0], domain=([0.0, 0.0], 1.0), **ASK), "an end of the domain has shape"),
        (lambda f: dk.partial(f, [1.0, 2.0], 2, **ASK), r"x of shape \(2,\) has no entry 2"),
        (lambda f: dk.partial(f, [1.0, 2.0], (0, 0), **ASK), r"x of shape \(2,\) has no entry \(0, 0\)"),
        (lambda f: dk.partial(f, [1.0, 2.0], 0.5, **ASK), "an index is an int or a tuple of ints, not 0.5"),
        (lambda f: dk.directional(f, [1.0], [1.0, 0.0], **ASK), r"direction has shape \(2,\) and x has \(1,\)"),
        (lambda f: dk.directional(f, [1.0], [0.0], **ASK), "finite entries, not all of them 0"),
        (lambda f: dk.directional(f, [1.0], [1.0], formula="central_2", delta=[1.0]), "one number, not an array"),
        (lambda f: dk.hessian(f, [1.0], formula=dk.stencil([-1, 1]), delta=1.0), "hessian needs the name of a formula"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_line(call: Any, words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words) as refusal:
        call(lambda v: float(np.sum(v)))
    assert "\n" not in str(refusal.value)
