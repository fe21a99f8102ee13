"""Hessians without a delta: bars that hold, counts, kinks, noise, boxes, and scales that differ."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import derivkit as dk
from derivkit.testing.gradients import LANDSCAPES, Landscape
from tests.quick import slow

EPS = float(np.finfo(np.float64).eps)
QUICK = 4
"""Landscapes of more variables take seconds, most of them for the truth."""


class Calls:
    """Counts from outside how often f is called with one point, and where."""

    def __init__(self, f: Callable[[Any], Any]) -> None:
        self.f = f
        self.points: Counter[bytes] = Counter()

    def __call__(self, x: Any) -> Any:
        self.points[np.asarray(x).tobytes()] += 1
        return self.f(x)


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def its_hessian(x: Any) -> Any:
    ends, between = np.zeros(x.size), -400.0 * x[:-1]
    ends[:-1] += 1200.0 * x[:-1] ** 2 - 400.0 * x[1:] + 2.0
    ends[1:] += 200.0
    return np.diag(ends) + np.diag(between, 1) + np.diag(between, -1)


@pytest.mark.parametrize("seed", [*range(3), *map(slow, range(3, 40))])
def test_the_hessian_of_rosenbrock_costs_no_more_than_six_hundred_points(seed: int) -> None:
    x = np.random.default_rng(seed).uniform(-1.5, 1.5, 10)
    f, truth = Calls(rosenbrock), its_hessian(x)
    found = dk.hessian(f, x, vectorized=False)
    assert sum(f.points.values()) == found.evaluations <= 600
    assert max(f.points.values()) == 1
    assert np.abs(found.value - truth).max() <= 1e-10 * np.abs(truth).max()
    assert np.all(np.abs(found.value - truth) <= found.error)


@pytest.mark.parametrize(
    "landscape",
    [each if each.size <= QUICK else slow(each) for each in LANDSCAPES if each.size <= 12],
    ids=lambda landscape: landscape.name,
)
def test_bars_cover_the_errors_of_the_landscapes(landscape: Landscape) -> None:
    x = landscape.drawn(1, seed=3)[0]
    f, truth = Calls(landscape), landscape.hessian(x)
    found = dk.hessian(f, x)
    assert np.all(np.abs(found.value - truth.value) <= found.error + truth.error + EPS * np.abs(truth.value))
    assert np.isfinite(found.error).all()
    assert sum(f.points.values()) == found.evaluations


@settings(max_examples=20)
@given(st.integers(1, 6), st.integers(0, 2**31))
def test_it_is_symmetric_to_the_bit_and_right_for_any_quadratic_form(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    form, x = rng.normal(size=(n + 1, n)), rng.uniform(0.5, 1.5, n)
    found = dk.hessian(lambda v: float(np.sum((form @ v) ** 2)), x)
    for entries in (found.value, found.error, found.status):
        assert entries.shape == (n, n)
        np.testing.assert_array_equal(entries, entries.T)
    truth = 2.0 * form.T @ form
    assert np.all(np.abs(found.value - truth) <= found.error + 4.0 * n * EPS * np.abs(truth).max())
    assert found.error.max() < 1e-9 * np.abs(truth).max()


def test_one_variable_has_the_derivative_of_order_two_and_any_shape_is_in_a_row() -> None:
    alone = dk.hessian(lambda x: np.exp(x[0]), [0.5])
    assert alone.value.shape == (1, 1)
    assert abs(alone.value[0, 0] - np.exp(0.5)) <= alone.error[0, 0] < 1e-9
    assert dk.hessian(np.exp, 0.5).value.tolist() == alone.value.tolist()
    square = dk.hessian(lambda x: x[0, 0] * x[1, 1] ** 2, np.ones((2, 2)))
    truth = np.zeros((4, 4))
    truth[0, 3] = truth[3, 0] = truth[3, 3] = 2.0
    assert np.all(np.abs(square.value - truth) <= square.error)


def test_points_may_come_in_batches_that_are_counted_by_their_points() -> None:
    lengths = []

    def f(x: Any) -> Any:
        lengths.append(1 if np.ndim(x) == 1 else len(x))
        return np.sum(np.sin(x), axis=-1) * np.exp(x[..., 0])

    x = np.linspace(0.3, 2.0, 12)
    found = dk.hessian(f, x)
    assert sum(lengths) == found.evaluations
    assert len(lengths) < 40
    single = dk.hessian(f, x, vectorized=False)
    assert np.all(np.abs(found.value - single.value) <= found.error + single.error)


def test_where_f_has_a_kink_along_an_axis_nothing_of_the_axis_is_known() -> None:
    f = Calls(lambda p: abs(p[0]) + p[1] ** 2 * p[2])
    found = dk.hessian(f, [0.0, 1.0, 2.0])
    assert (found.status == "kink").tolist() == [[True, True, True], [True, False, False], [True, False, False]]
    assert np.isinf(found.error[0]).all()
    assert np.isnan(found.value[0]).all()
    truth = np.array([[4.0, 2.0], [2.0, 0.0]])
    assert np.all(np.abs(found.value[1:, 1:] - truth) <= found.error[1:, 1:])
    assert "5 of 9 kink, the first x[0] and x[0]: f has a kink" in found.message
    assert sum(f.points.values()) == found.evaluations
    bent = dk.hessian(lambda p: p[0] * abs(p[0]) + p[1], [0.0, 1.0])
    np.testing.assert_allclose([bent.left[0, 0], bent.right[0, 0]], [-2.0, 2.0], atol=1e-6)


def test_a_kink_between_two_axes_is_seen_on_their_diagonal() -> None:
    found = dk.hessian(lambda p: p[0] ** 2 + p[1] ** 2 + max(p[0] + p[1], 0.0) ** 1.5, [0.0, 0.0])
    assert "ok" not in found.status.tolist()


def test_noise_is_named_and_never_ok() -> None:
    def f(x: Any) -> float:
        return float(np.sum(np.sin(x)) + x[0] * x[1]) + 1e-8 * (zlib.crc32(x.tobytes()) / 2**31 - 1.0)

    x = np.linspace(0.3, 2.0, 3)
    truth = np.diag(-np.sin(x))
    truth[0, 1] = truth[1, 0] = 1.0
    found = dk.hessian(f, x)
    assert set(found.status.ravel().tolist()) <= {"noisy", "below_resolution"}
    assert np.all(np.abs(found.value - truth) <= found.error)
    known = dk.hessian(f, x, noise=5e-9)
    assert np.all(np.abs(known.value - truth) <= known.error)


@pytest.mark.parametrize("x", [(0.0, 1.0), (1.0, 1.0), (0.5, 0.0), (1e-3, 1.0 - 1e-3), (0.25, 0.5)])
def test_the_box_is_never_left_in_its_corners_least_of_all(x: tuple[float, float]) -> None:
    def f(p: Any) -> Any:
        assert np.all((p >= 0.0) & (p <= 1.0))
        return np.exp(p[0] + 2.0 * p[1])

    found = dk.hessian(f, x, domain=(0.0, 1.0))
    truth = f(np.array(x)) * np.array([[1.0, 2.0], [2.0, 4.0]])
    assert found.raised == ()
    assert np.all(np.abs(found.value - truth) <= found.error)
    assert np.all(found.error < 1e-3 * truth)


def test_variables_of_very_different_scale_have_their_entries() -> None:
    x, scale = np.array([1.0, 1e-6, 1e6]), np.array([1.0, 1e-6, 1e6])
    slopes = np.array([1.0, 2.0, -0.5]) / scale
    truth = np.outer(slopes, slopes) * np.exp(1.0 + 2.0 - 0.5)
    for hint in (None, scale):
        found = dk.hessian(lambda p: np.exp(p @ slopes), x, scale=hint)
        assert set(found.status.ravel().tolist()) == {"ok"}
        assert np.all(np.abs(found.value - truth) <= found.error)
        assert np.all(found.error < 1e-5 * np.abs(truth))


@pytest.mark.parametrize("offset", [1e2, 1e4, 1e6, 1e9])
def test_far_from_0_points_on_diagonals_are_not_rounded(offset: float) -> None:
    near = np.array([0.25, 0.75])
    slopes, bends = near + 1.0, np.eye(2)
    truth = np.exp(near @ near / 2.0 + near.sum()) * (np.outer(slopes, slopes) + bends)

    def f(p: Any) -> Any:
        z = p - offset
        return np.exp(z @ z / 2.0 + z.sum())

    found = dk.hessian(f, near + offset)
    assert set(found.status.ravel().tolist()) == {"ok"}
    assert np.all(np.abs(found.value - truth) <= found.error)
    assert np.all(found.error <= 1e-8 * truth)


def test_entries_of_float32_move_together_by_steps_that_float32_has() -> None:
    x = np.array([0.3, 0.7, 1.2], dtype=np.float32)
    a, b, c = x.astype(np.float64)
    truth = np.array(
        [
            [-np.sin(a) * np.exp(b), np.cos(a) * np.exp(b), 2.0 * c],
            [np.cos(a) * np.exp(b), np.sin(a) * np.exp(b), 0.0],
            [2.0 * c, 0.0, 2.0 * a],
        ]
    )
    found = dk.hessian(lambda p: np.sin(float(p[0])) * np.exp(float(p[1])) + float(p[2]) ** 2 * float(p[0]), x)
    assert set(found.status.ravel().tolist()) <= {"ok", "below_resolution"}
    assert np.all(np.abs(found.value - truth) <= found.error)
    assert np.all(found.error <= 1e-9)


def test_a_budget_is_kept_on_every_line() -> None:
    short = dk.hessian(lambda p: np.sin(p[0]) * p[1], [0.5, 0.5], budget=5)
    assert set(short.status.ravel().tolist()) == {"unresolved"}
    assert short.evaluations <= 3 * 5
    assert "budget" in short.message


def test_a_function_without_a_value_at_x_is_called_once() -> None:
    f = Calls(lambda x: np.nan)
    found = dk.hessian(f, [1.0, 2.0, 3.0])
    assert sum(f.points.values()) == found.evaluations == 1
    assert set(found.status.ravel().tolist()) == {"not_finite"}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda f: dk.hessian(f, []), r"x has no entries, so there is nothing to differentiate by"),
        (lambda f: dk.hessian(f, [[], []]), r"x has no entries"),
        (lambda f: dk.hessian(lambda v: v, [1.0, 2.0]), r"f gives 2 values where one is needed; dk\.jacobian"),
        (lambda f: dk.hessian(f, [1.0], formula="central_2", delta=0.1, scale=2.0), "scale=2.0 is for the search"),
        (lambda f: dk.hessian(f, [1.0, 2.0], scale=[1.0, 0.0]), "scale must be a positive finite number"),
        (lambda f: dk.hessian(f, [1.0, 2.0], domain=(1.5, 3.0)), r"x\[0\] = 1.0 lies outside the domain"),
    ],
)
def test_what_cannot_be_differentiated_is_refused_in_one_line(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words) as refusal:
        call(lambda v: float(np.sum(v)))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("power", [2.1, 2.5, 2.9, 3.5])
def test_at_an_edge_where_a_power_ends_the_bar_of_a_second_derivative_holds(power: float) -> None:
    with np.errstate(invalid="ignore"):
        found = dk.hessian(lambda p: np.sum(p**power), [0.0, 1.0])
        alone = dk.derivative(lambda t: t**power + 1.0, 0.0, order=2)
    for value, error in ((found.value[0, 0], found.error[0, 0]), (alone.value, alone.error)):
        assert np.isnan(value) or abs(value) <= error
