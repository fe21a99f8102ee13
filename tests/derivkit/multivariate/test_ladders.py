"""Derivatives of many variables without a delta: bars that hold, kinks, boxes, hints, sizes, and counts."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import derivkit as dk
from tests.quick import part

INF = float("inf")
ROUNDING = 4.0 * float(np.finfo(np.float64).eps)
"""Of a truth that is itself computed by a complex step."""


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def mixed(x: Any) -> Any:
    return np.sin(x[0]) * np.exp(x[1]) + np.sum(np.cos(x[1:] * x[:-1])) + np.sum(x**3)


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "rosenbrock": rosenbrock,
    "mixed": mixed,
    "logsumexp": lambda x: np.log(np.sum(np.exp(x))),
    "trigonometric": lambda x: np.sum(np.sin(3.0 * x) * np.cos(x[::-1])),
    "fast": lambda x: np.sum(np.sin(50.0 * x)),
    "offset": lambda x: 1e6 + np.sum(np.exp(0.3 * x)),
    "rational": lambda x: np.sum(1.0 / (1.0 + x * x)),
    "unequal": lambda x: np.sin(1e4 * x[0]) + x[1] * 1e-3 + np.sum(np.exp(x[2:])),
}


class Calls:
    """Counts from outside how often f is called, and at which points."""

    def __init__(self, f: Callable[[Any], Any]) -> None:
        self.f, self.number = f, 0
        self.points: Counter[bytes] = Counter()

    def __call__(self, x: Any) -> Any:
        if np.ndim(x) > 1:
            self.number += 1
            raise TypeError("one point, please")
        self.number += 1
        self.points[np.asarray(x).tobytes()] += 1
        return self.f(x)


def slopes(f: Callable[[Any], Any], x: Any) -> Any:
    """The gradient by the complex step, which has no truncation here."""
    return np.array([f(x + 1e-40j * unit).imag / 1e-40 for unit in np.eye(x.size)])


def size(f: Callable[[Any], Any], x: Any) -> Any:
    return ROUNDING * np.max(np.abs(slopes(f, x)))


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("n", [2, 5, 12])
def test_the_bars_of_gradients_and_of_directions_hold(name: str, n: int) -> None:
    rng = np.random.default_rng([n, len(name)])
    f, x, towards = FUNCTIONS[name], rng.normal(size=n), rng.normal(size=n)
    truth = slopes(f, x)
    found = dk.gradient(f, x)
    assert set(found.status.tolist()) <= {"ok", "below_resolution"}
    assert np.all(np.abs(found.value - truth) <= found.error + size(f, x))
    along = dk.directional(f, x, towards)
    assert abs(along.value - truth @ towards) <= along.error + size(f, x) * np.abs(towards).sum()
    assert along.error < 1e-7 * np.abs(truth).max()


@pytest.mark.parametrize("n", [1, 3, 7, 8, 20])
def test_f_is_called_as_often_as_is_said_and_no_point_twice_but_that_of_the_trial(n: int) -> None:
    f = Calls(lambda x: np.sum(np.sin(x)))
    found = dk.gradient(f, np.linspace(0.3, 2.0, n))
    assert f.number == found.evaluations
    repeated = [count for count in f.points.values() if count > 1]
    assert repeated == ([2] if n >= 8 else [])


def test_a_batch_is_counted_by_its_points_and_two_single_calls() -> None:
    asked = []

    def f(x: Any) -> Any:
        asked.append(1 if np.ndim(x) == 1 else len(x))
        return np.sum(np.sin(x), axis=-1)

    found = dk.gradient(f, np.linspace(0.3, 2.0, 20))
    assert sum(asked) == found.evaluations
    assert len(asked) < 30


def test_the_window_of_one_entry_serves_the_others_of_rosenbrock() -> None:
    found = dk.gradient(rosenbrock, np.linspace(0.5, 1.5, 10))
    assert found.evaluations <= 90
    assert np.median(found.error) < 1e-11 * np.abs(found.value).max()


def test_a_kink_has_both_slopes_and_the_other_entry_its_value() -> None:
    found = dk.gradient(lambda p: abs(p[0]) + abs(p[1]), [0.0, 1.0])
    assert found.status.tolist() == ["kink", "ok"]
    np.testing.assert_allclose([found.left[0], found.right[0]], [-1.0, 1.0], atol=1e-6)
    assert abs(found.value[1] - 1.0) <= found.error[1]
    assert found.error[0] == INF
    assert "x[0]" in found.message
    assert "-1 on the left and 1 on the right" in found.message
    along = dk.directional(lambda p: abs(p[0]) + abs(p[1]), [0.0, 1.0], [2.0, 0.0])
    assert along.status == "kink"
    np.testing.assert_allclose([along.left, along.right], [-2.0, 2.0], atol=1e-6)


@pytest.mark.parametrize("seed", [0, 107, 151, 156, 195, 206, 256, 294])
def test_a_kink_where_f_is_as_small_as_its_rounding_is_none_the_less_a_kink(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 16))
    x, k = rng.normal(size=n), int(rng.integers(n))
    x[k] = 0.0
    f = Calls(lambda p: np.sum(np.sin(p)) + abs(p[k]))
    for found, total in ((dk.gradient(f, x), n), (dk.jacobian(lambda p: [f.f(p), p[0]], x), 2 * n)):
        status = found.status.ravel()[:n]
        assert status[k] == "kink"
        assert "kink" not in np.delete(status, k).tolist()
        assert found.status.size == total
        np.testing.assert_allclose([found.left.flat[k], found.right.flat[k]], [0.0, 2.0], atol=1e-6)
        assert found.error.flat[k] == INF
    assert f.number == dk.gradient(f.f, x).evaluations


@pytest.mark.parametrize("seed", [21, 30, 132])
def test_a_kink_of_one_value_is_none_the_less_a_kink_where_its_bar_reaches_the_slope(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 9))
    x, k = rng.normal(size=n), int(rng.integers(n))
    w, a = 10.0 ** rng.uniform(-2.0, 3.0), 10.0 ** rng.uniform(-8.0, 8.0)
    x[k] = 0.0

    def f(p: Any) -> Any:
        values = [np.sum(np.sin(p)), a * np.sum(np.exp(p)), np.sum(np.sin(w * p)), np.sum(np.sin(p)) + abs(p[k])]
        return np.array([*values, p[0] * p[1], np.sum(np.cos(p)) + (p[1] > x[1] + 1e-3) * 1e-3])

    assert dk.jacobian(f, x).status[3, k] == "kink"


def test_entries_of_very_different_size_are_right_to_their_bars() -> None:
    x = np.array([1.0, 1e-6, 1e6])
    found = dk.gradient(lambda p: np.sin(p[0]) + np.log(p[1]) + p[2] ** 2, x)
    truth = np.array([np.cos(1.0), 1e6, 2e6])
    assert np.all(np.abs(found.value - truth) <= found.error)
    assert found.status.tolist() == ["ok", "ok", "ok"]
    # rounding of p[2] ** 2 is 1e-4, and sin has a scale of 1
    assert found.error[0] < 0.01


def test_noise_is_named_and_never_ok() -> None:
    def f(x: Any) -> float:
        return float(np.sum(np.sin(x))) + 1e-8 * (zlib.crc32(x.tobytes()) / 2**31 - 1.0)

    x = np.linspace(0.3, 2.0, 4)
    found = dk.gradient(f, x)
    assert set(found.status.tolist()) == {"noisy"}
    assert np.all(np.abs(found.value - np.cos(x)) <= found.error)


def test_an_f_in_float32_says_so_and_its_bars_hold() -> None:
    x = np.linspace(0.1, 1.0, 10)
    found = dk.gradient(lambda p: np.sum(np.sin(p.astype(np.float32))), x)
    assert np.all(np.abs(found.value - np.cos(x)) <= found.error)
    assert found.float32
    assert set(found.status.tolist()) == {"ok"}
    assert "float32" in found.message


def test_every_value_of_a_jacobian_has_a_scale_of_its_own() -> None:
    found = dk.jacobian(lambda p: [np.sin(p[0]), 1e-12 * np.exp(p[1]), 1e12 * p[0] * p[1]], [1.0, 2.0])
    truth = np.array([[np.cos(1.0), 0.0], [0.0, 1e-12 * np.exp(2.0)], [2e12, 1e12]])
    assert found.value.shape == (3, 2)
    assert np.all(np.abs(found.value - truth) <= found.error)
    assert np.all(found.error < 1e-10 * np.abs(truth).max(axis=1, keepdims=True))


def test_relu_weights_have_bars_or_kinks() -> None:
    rng = np.random.default_rng(3)
    inputs, weights = rng.normal(size=(16, 4)), rng.normal(size=36)

    def loss(w: Any) -> Any:
        hidden = np.maximum(inputs @ w[:24].reshape(4, 6), 0.0)
        return np.mean(np.logaddexp(0.0, hidden @ w[24:].reshape(6, 2)))

    def backward(w: Any) -> Any:
        first, last = w[:24].reshape(4, 6), w[24:].reshape(6, 2)
        before = inputs @ first
        out = np.maximum(before, 0.0) @ last
        slope = 1.0 / (1.0 + np.exp(-out)) / out.size
        return np.concatenate(
            [(inputs.T @ (slope @ last.T * (before > 0.0))).ravel(), (np.maximum(before, 0.0).T @ slope).ravel()]
        )

    found = dk.gradient(loss, weights)
    truth = backward(weights)
    assert np.all(np.abs(found.value - truth) <= found.error + ROUNDING * np.abs(truth).max())
    assert np.median(found.error) < 1e-11


def test_the_box_is_never_left() -> None:
    lo, hi = np.array([0.0, 1.0, -INF, 0.0]), np.array([1.0, INF, 0.5, 1.0])

    def f(x: Any) -> Any:
        assert np.all((x >= lo) & (x <= hi))
        return np.sum(np.exp(x))

    x = np.array([1e-3, 1.0, 0.5, 0.5])
    found = dk.gradient(f, x, domain=(lo, hi), vectorized=False)
    assert found.raised == ()
    assert found.status.tolist() == ["one_sided", "one_sided", "one_sided", "ok"]
    assert np.all(np.abs(found.value - np.exp(x)) <= found.error)
    along = dk.directional(f, [0.5, 1.5, 0.25, 0.5], [1.0, -1.0, 2.0, 1.0], domain=(lo, hi), vectorized=False)
    assert along.raised == ()
    assert along.status == "ok"


def test_a_point_outside_the_box_is_refused_by_its_entry() -> None:
    with pytest.raises(ValueError, match=r"x\[1\] = -1.0 lies outside the domain \[0, 1\]"):
        dk.gradient(np.sum, [0.5, -1.0], domain=(0.0, 1.0))


def test_a_budget_is_kept_and_a_scale_is_used() -> None:
    x = np.full(4, 1e-5)
    short = dk.gradient(lambda p: np.sum(np.sin(p)), x, budget=5)
    assert set(short.status.tolist()) == {"unresolved"}
    assert short.evaluations <= 20
    assert "budget" in short.message
    known = dk.gradient(lambda p: np.sum(np.sin(1e5 * p)), x, scale=1e-5)
    assert set(known.status.tolist()) == {"ok"}
    assert known.evaluations <= 60


def test_what_only_a_search_takes_is_refused_beside_a_formula() -> None:
    with pytest.raises(ValueError, match="budget=5 is for the search"):
        dk.gradient(np.sum, [1.0], formula="central_2", delta=0.1, budget=5)
    with pytest.raises(ValueError, match="needs a delta"):
        dk.gradient(np.sum, [1.0], formula="central_2")


def test_a_function_without_a_value_at_x_is_called_once() -> None:
    f = Calls(lambda x: np.nan)
    found = dk.gradient(f, [1.0, 2.0])
    assert f.number == found.evaluations == 1
    assert set(found.status.tolist()) == {"not_finite"}


def test_the_same_call_gives_the_same_bits_in_any_shape() -> None:
    x = np.random.default_rng(1).normal(size=(3, 4))
    one, again = (dk.gradient(lambda p: np.sum(np.sin(p) * np.exp(p[::-1])), x) for _ in range(2))
    assert one.value.tobytes() == again.value.tobytes()
    assert one.error.tobytes() == again.error.tobytes()
    assert one.value.shape == one.status.shape == one.left.shape == (3, 4)


@pytest.mark.parametrize("towards", [(1.0, 0.0), (1.0, -1.0), (3.0, 0.5)])
def test_far_from_0_a_direction_of_few_digits_is_as_exact_as_an_axis(towards: tuple[float, float]) -> None:
    x = np.array([0.3, 1.5]) + 1e6
    found = dk.directional(lambda p: np.sin(p[0] - 1e6) * np.exp(p[1] - 1e6), x, towards)
    a, b = x - 1e6
    truth = np.exp(b) * (np.cos(a) * towards[0] + np.sin(a) * towards[1])
    assert abs(found.value - truth) <= found.error <= 1e-11


def test_twice_the_direction_is_twice_the_derivative_and_a_part_is_an_entry() -> None:
    x, v = np.array([0.3, 1.5, -2.0]), np.array([1.0, -0.5, 2.0])
    once, twice = dk.directional(mixed, x, v), dk.directional(mixed, x, 2.0 * v)
    assert twice.value == 2.0 * once.value
    assert twice.error == 2.0 * once.error
    part = dk.partial(mixed, x, 1)
    assert abs(part.value - slopes(mixed, x)[1]) <= part.error
    assert "smooth" in part.message


def in_noise(level: float) -> Callable[[Any], Any]:
    rng = np.random.default_rng(3)
    return lambda x: np.sum(np.sin(x)) + level * rng.normal()


FAR_ABOVE_ROUNDING: dict[str, tuple[Callable[[], Callable[[Any], Any]], float | None]] = {
    "noise of 1e-2": (lambda: in_noise(1e-2), 1e-2),
    "noise of 1e-4": (lambda: in_noise(1e-4), 1e-4),
    "noise of 1e-7": (lambda: in_noise(1e-7), 1e-7),
    "noise of 1e-10": (lambda: in_noise(1e-10), 1e-10),
    "an offset": (lambda: lambda x: 1e10 + np.sum(np.sin(x)), None),
}


@pytest.mark.parametrize("case", FAR_ABOVE_ROUNDING)
def test_in_noise_that_is_known_and_beside_an_offset_entries_are_known_as_well_as_alone(case: str) -> None:
    make, noise = FAR_ABOVE_ROUNDING[case]
    x = np.linspace(0.1, 2.0, 6)
    found = dk.gradient(make(), x, noise=noise)
    alone = [dk.partial(make(), x, k, noise=noise) for k in range(x.size)]
    assert np.all(np.abs(found.value - np.cos(x)) <= found.error)
    assert np.median(found.error / [one.error for one in alone]) < 4.0
    assert found.evaluations <= sum(one.evaluations for one in alone)


def test_an_entry_beside_one_far_larger_is_known_as_well_as_alone() -> None:
    x = np.array([1e8, 1e-8, 1.0])
    found = dk.gradient(lambda p: np.sum(p**2), x)
    assert np.all(np.abs(found.value - 2.0 * x) <= found.error)
    assert found.error[2] < 3.0 * dk.partial(lambda p: np.sum(p**2), x, 2).error


def test_jacobians_and_hessians_in_known_noise_begin_with_steps_that_suit_it() -> None:
    x, rng = np.linspace(0.1, 2.0, 6), np.random.default_rng(0)
    slopes = dk.jacobian(lambda p: np.sin(p) + 1e-3 * rng.normal(size=p.size), x, noise=1e-3)
    assert np.all(np.abs(slopes.value - np.diag(np.cos(x))) <= slopes.error)
    assert np.max(slopes.error) < 1.0
    bends = dk.hessian(in_noise(1e-6), x, noise=1e-6)
    assert np.all(np.abs(bends.value + np.diag(np.sin(x))) <= bends.error)
    assert np.max(bends.error) < 0.2


def bfloat16(values: Any) -> Any:
    bits = np.float32(values).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32).astype(float)


ROUNDED: dict[str, Callable[[Any], Any]] = {
    "float32": lambda h: h.astype(np.float32).astype(float),
    "float16": lambda h: h.astype(np.float16).astype(float),
    "bfloat16": bfloat16,
    "multiples of 1/128": lambda h: np.round(128.0 * h) / 128.0,
}


@pytest.mark.parametrize("rounded", part(ROUNDED))
def test_bars_along_directions_hold_where_hidden_layers_are_rounded(rounded: str) -> None:
    for seed in range(16):
        rng = np.random.default_rng(seed)
        data, target = rng.normal(size=(8, 5)), rng.normal(size=8)
        w, b, v = rng.normal(size=(5, 6)) / 2.0, rng.normal(size=6) / 3.0, rng.normal(size=6)

        def loss(p: Any, data: Any = data, target: Any = target) -> Any:
            hidden = ROUNDED[rounded](np.tanh(data @ p[:30].reshape(5, 6) + p[30:36]))
            return np.mean((hidden @ p[36:] - target) ** 2)

        hidden = np.tanh(data @ w + b)
        errors = 2.0 * (hidden @ v - target) / 8.0
        back = np.outer(errors, v) * (1.0 - hidden * hidden)
        slopes = np.concatenate([(data.T @ back).ravel(), back.sum(axis=0), hidden.T @ errors])
        for k in range(2):
            towards = np.random.default_rng([seed, k]).normal(size=slopes.size)
            found = dk.directional(loss, np.concatenate([w.ravel(), b, v]), towards)
            assert abs(found.value - slopes @ towards) <= found.error


def test_a_message_says_how_large_a_budget_is_enough_and_that_noise_can_be_given() -> None:
    x = np.linspace(0.1, 2.0, 6)
    assert "about 13 are enough" in dk.gradient(lambda p: np.sum(np.sin(p)), x, budget=5).message
    found = dk.gradient(in_noise(1e-2), x)
    assert "unresolved" in found.status.tolist()
    assert "noise=" in found.message
