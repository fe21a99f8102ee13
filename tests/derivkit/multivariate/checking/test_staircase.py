"""A layer that rounds to few digits makes a staircase of f: a right gradient is not judged, a wrong one is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import derivkit as dk
from derivkit.types import Array
from tests.quick import part

Tree = dict[str, Array]


def bfloat16(values: Array) -> Array:
    bits = values.astype(np.float32).view(np.uint32)
    return ((bits + 0x8000) & 0xFFFF0000).view(np.float32).astype(float)


ROUNDED: dict[str, Callable[[Array], Array]] = {
    "float32": lambda h: h.astype(np.float32).astype(float),
    "float16": lambda h: h.astype(np.float16).astype(float),
    "bfloat16": bfloat16,
    "128 levels": lambda h: np.round(h * 128.0) / 128.0,
}


def task(name: str, seed: int) -> tuple[Callable[[Tree], float], Callable[[Tree], Tree], Tree]:
    """A network whose hidden layer is rounded, and its gradient as if it were not."""
    random, rounded = np.random.default_rng(seed), ROUNDED[name]
    inputs, targets = random.normal(size=(16, 5)), random.normal(size=(16, 3))

    def loss(p: Tree) -> float:
        return float(np.mean((rounded(np.tanh(inputs @ p["W"] + p["b"])) @ p["V"] - targets) ** 2))

    def gradient(p: Tree) -> Tree:
        hidden = np.tanh(inputs @ p["W"] + p["b"])
        out = 2.0 * (rounded(hidden) @ p["V"] - targets) / targets.size
        back = out @ p["V"].T * (1.0 - hidden**2)
        return {"W": inputs.T @ back, "b": back.sum(axis=0), "V": rounded(hidden).T @ out}

    x = {"W": random.normal(size=(5, 8)), "b": 0.1 * random.normal(size=8), "V": random.normal(size=(8, 3))}
    return loss, gradient, x


@pytest.mark.parametrize("name", part(ROUNDED, every=2))
def test_a_right_gradient_of_rounded_layers_does_not_disagree(name: str) -> None:
    for seed in range(2):
        check = dk.check_gradient(*task(name, seed), seed=seed)
        assert check.verdict != "disagree", check.message


@pytest.mark.parametrize("name", ["float16", "bfloat16", "128 levels"])
def test_what_is_unresolved_for_steps_says_so(name: str) -> None:
    messages = [dk.check_gradient(*task(name, seed), seed=seed).message for seed in range(4)]
    assert any("f moves in steps" in message for message in messages)


@pytest.mark.parametrize("name", part(ROUNDED))
@pytest.mark.parametrize("factor", [2.0, 0.0])
def test_a_wrong_gradient_of_rounded_layers_is_not_taken_for_steps(name: str, factor: float) -> None:
    for seed in range(2):
        f, gradient, x = task(name, seed)

        def wrong(p: Any, gradient: Any = gradient) -> Tree:
            return {key: factor * array for key, array in gradient(p).items()}

        check = dk.check_gradient(f, wrong, x, seed=seed)
        assert "f moves in steps" not in check.message
        assert check.verdict != "agree"
