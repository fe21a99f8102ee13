"""In float32 correct gradients agree, also where noise hides kinks, and what is wrong by a per cent is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import derivkit as dk
from derivkit.multivariate.checking.float32_slopes import (
    CORNER,
    CORNER_GAIN,
    FREEDOM,
    POLYNOMIALS,
    SLOPE_GAIN,
    WINDOW,
    Line,
)
from derivkit.multivariate.checking.slopes import Calls
from derivkit.multivariate.structure import Structure
from derivkit.numerical.analysis import SAFETY, noise_bound

Tree = dict[str, np.ndarray]
NETWORKS = ("tanh", "relu", "relu at kinks")
ACTIVATIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "tanh": (np.tanh, lambda a: 1 - a * a),
    "relu": (lambda z: np.maximum(z, 0), lambda a: (a > 0).astype(a.dtype)),
}


def task(name: str, seed: int) -> tuple[Callable[[Tree], Any], Callable[[Tree], Tree], Tree]:
    """Loss, gradient and parameters of a network in float32; at kinks with biases of 0 and a sample of zeros."""
    random = np.random.default_rng(seed)
    (active, slope), at_kinks = ACTIVATIONS[name.split(maxsplit=1)[0]], name.endswith("kinks")
    inputs, targets = random.standard_normal((2, 20, 6)).astype(np.float32)
    inputs[3] *= not at_kinks
    first, second = random.standard_normal((2, 6, 20)) * 0.5
    x = {"W1": first, "b1": (not at_kinks) * 0.1 * random.standard_normal(20), "W2": second.T, "b2": np.zeros(6)}

    def loss(p: Tree) -> Any:
        return np.mean((active(inputs @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"] - targets) ** 2)

    def gradient(p: Tree) -> Tree:
        hidden = active(inputs @ p["W1"] + p["b1"])
        out = 2 * (hidden @ p["W2"] + p["b2"] - targets) / np.float32(targets.size)
        back = out @ p["W2"].T * slope(hidden)
        return {"W1": inputs.T @ back, "b1": back.sum(axis=0), "W2": hidden.T @ out, "b2": out.sum(axis=0)}

    return loss, gradient, {key: array.astype(np.float32) for key, array in x.items()}


def narrow(p: Tree) -> Tree:
    return {name: array.astype(np.float32) for name, array in p.items()}


def wide(p: Tree) -> Tree:
    return {name: array.astype(np.float64) for name, array in p.items()}


MODES: dict[str, Callable[..., tuple[Any, Any, Any]]] = {
    "throughout": lambda f, gradient, x: (f, gradient, x),
    "as a Python float": lambda f, gradient, x: (lambda p: float(f(p)), gradient, x),
    "inside": lambda f, gradient, x: (lambda p: float(f(narrow(p))), lambda p: gradient(narrow(p)), wide(x)),
    "at the end": lambda f, gradient, x: (lambda p: np.float32(f(wide(p))), lambda p: gradient(wide(p)), wide(x)),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", NETWORKS)
def test_correct_gradients_agree_wherever_it_is_float32(name: str, mode: str) -> None:
    for seed in range(4):
        check = dk.check_gradient(*MODES[mode](*task(name, seed)), seed=seed)
        assert check.verdict == "agree", check.message


@pytest.mark.parametrize(("name", "size"), [("tanh", 3e-3), ("relu", 0.1), ("relu at kinks", 0.3)])
def test_one_wrong_entry_is_seen(name: str, size: float) -> None:
    for seed in range(4):
        f, gradient, x = task(name, seed)
        norm = np.sqrt(sum(float(np.sum(array**2)) for array in gradient(x).values()))

        def wrong(p: Tree, gradient: Any = gradient, error: float = size * norm) -> Tree:
            g = gradient(p)
            g["W1"][2, 5] += np.float32(error)
            return dict(g)

        check = dk.check_gradient(f, wrong, x, seed=seed)
        assert check.verdict == "disagree", check.message
        assert check.suspects[0].name == "x['W1'][2, 5]"


def test_what_is_said_to_be_noticed_fits_float32() -> None:
    checks = [dk.check_gradient(*task("tanh", seed), seed=seed) for seed in range(5)]
    assert all(1e-5 < check.detectable / check.norm < 2e-3 for check in checks)


def test_it_costs_no_more_than_in_float64() -> None:
    f, gradient, x = task("tanh", 0)
    calls = []
    check = dk.check_gradient(lambda p: calls.append(p) or f(p), gradient, x)
    assert check.evaluations == len(calls) < 150


def test_an_array_at_kinks_agrees_as_far_as_they_may_hide() -> None:
    for seed in range(5):
        f, gradient, x = task("relu at kinks", seed)
        check = dk.check_gradient(f, gradient(x), x, seed=seed, locate=False)
        assert check.verdict in ("agree", "unresolved"), check.message


def test_a_claim_between_the_slopes_of_a_kink_agrees_and_others_do_not() -> None:
    def f(p: np.ndarray) -> Any:
        return np.abs(p[0]) + p[1] ** 2

    x = np.array([0.0, 1.5], dtype=np.float32)
    verdicts = [dk.check_gradient(f, [slope, 3.0], x).verdict for slope in (-1.0, 0.3, 1.0, 1.1, -1.2)]
    assert verdicts == ["agree", "agree", "agree", "disagree", "disagree"]


@pytest.mark.parametrize("place", np.linspace(0.0, 1.0, 21))
def test_one_kink_anywhere_in_a_window_is_within_the_bar(place: float) -> None:
    coefficients = WINDOW.basis @ (np.maximum(WINDOW.nodes - place, 0.0) - 0.5 * (place == 0.0) * WINDOW.nodes)
    slope = WINDOW.at_zero[1, :POLYNOMIALS] @ coefficients[:POLYNOMIALS]
    rest = coefficients[POLYNOMIALS:]
    corner = CORNER @ rest * CORNER_GAIN**2
    residual = np.linalg.norm(rest - CORNER * corner) / np.sqrt(FREEDOM)
    bound = float(noise_bound(np.array([residual]), np.array([FREEDOM]), np.array([residual]))[0])
    assert bound == pytest.approx(SAFETY * residual)
    assert abs(slope) <= SLOPE_GAIN * bound + abs(corner)


@pytest.mark.parametrize("scale", [1e-12, 1e-4, 1.0, 1e5])
def test_steps_follow_the_size_of_the_entries(scale: float) -> None:
    factor = np.float32(scale)

    def f(p: np.ndarray) -> Any:
        return np.exp(p[0] / factor) + np.sin(p[1] / factor)

    x = np.array([scale, 2.0 * scale], dtype=np.float32)
    exact = np.array([np.exp(1.0), np.cos(2.0)]) / scale
    assert dk.check_gradient(f, exact, x).verdict == "agree"
    assert dk.check_gradient(f, 1.01 * exact, x).verdict == "disagree"


def test_no_value_of_a_line_is_computed_twice() -> None:
    points: list[bytes] = []

    def f(p: np.ndarray) -> Any:
        points.append(p.tobytes())
        return np.sum(np.tanh(p).astype(np.float32))

    x = np.linspace(-1.0, 1.0, 50)
    calls = Calls(f, Structure.of(x))
    line = Line(calls, x, calls(x), np.ones(50) / 7.0)
    assert line.slope(line.window()) is not None
    assert len(points) == len(set(points)) == calls.total


@pytest.mark.parametrize("name", NETWORKS)
def test_float32_parameters_of_an_f_that_computes_in_float64_are_given_to_it_in_float64(name: str) -> None:
    for seed in range(2):
        f, gradient, x = task(name, seed)
        given: list[np.dtype[Any]] = []

        def of_wide_data(p: Tree, f: Any = f, given: Any = given) -> float:
            given.append(p["W1"].dtype)
            return float(f(wide(p)))

        def wrong(p: Tree, gradient: Any = gradient) -> Tree:
            return {**gradient(wide(p)), "b2": 1.0001 * gradient(wide(p))["b2"]}

        check = dk.check_gradient(of_wide_data, lambda p, gradient=gradient: gradient(wide(p)), x, seed=seed)
        assert (check.verdict, given[0], given[-1]) == ("agree", np.float32, np.float64)
        assert check.detectable < 1e-6 * check.norm
        assert "in float64, as f computes in that" in check.message
        assert dk.check_gradient(of_wide_data, wrong, x, seed=seed).verdict == "disagree"


@pytest.mark.parametrize("name", NETWORKS)
def test_a_last_operation_in_float64_does_not_make_float32_a_float64(name: str) -> None:
    f, gradient, x = task(name, 1)

    def tripled(p: Tree) -> Tree:
        return {key: 3.3 * array.astype(float) for key, array in gradient(p).items()}

    check = dk.check_gradient(lambda p: 3.3 * float(f(p)), tripled, x)
    assert check.verdict == "agree", check.message


@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_that_f_takes_in_float32_only_are_its_rounding(name: str) -> None:
    for seed in range(3):
        f, gradient, x = task(name, seed)

        def of_float32(p: Tree, f: Any = f) -> float:
            if p["W1"].dtype != np.float32:
                raise TypeError("expected float32")
            return float(f(wide(p)))

        check = dk.check_gradient(of_float32, lambda p, gradient=gradient: gradient(wide(p)), x, seed=seed)
        assert check.verdict == "agree", check.message
