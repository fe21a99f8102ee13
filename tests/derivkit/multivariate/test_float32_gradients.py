"""Gradients of functions that compute in float32 cost what others do, and their bars hold what float32 can give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import derivkit as dk
from derivkit.testing.gradients import LANDSCAPES, Landscape
from tests.quick import part

EPS32 = float(np.finfo(np.float32).eps)
CHEAP = [landscape for landscape in LANDSCAPES if landscape.size <= 20 and landscape.category != "scaled"]


@pytest.mark.parametrize("landscape", part(CHEAP, every=5), ids=lambda landscape: landscape.name)
def test_bars_hold_at_half_of_what_noise_costs_that_is_not_known(landscape: Landscape) -> None:
    x = landscape.drawn(1, seed=3)[0].astype(np.float32).astype(np.float64)
    truth = landscape.gradient(x)
    found = dk.gradient(lambda p: np.float32(landscape(p)), x)
    assert set(found.status.tolist()) <= {"ok", "below_resolution"}
    assert np.all(np.abs(found.value - truth.value) <= found.error + truth.error)
    assert found.evaluations <= 25 * x.size


def waves(p: np.ndarray) -> Any:
    """In the type of p."""
    return np.sum(np.sin(p) * np.exp(-p / 2))


WAYS: dict[str, tuple[Callable[..., Any], type]] = {
    "throughout": (waves, np.float32),
    "x is made so": (lambda p: waves(p.astype(np.float32)), np.float64),
    "and a Python float of it": (lambda p: float(waves(p.astype(np.float32))), np.float64),
    "at the end": (lambda p: np.float32(waves(p)), np.float64),
}


@pytest.mark.parametrize("way", WAYS)
def test_bars_are_those_of_float32_wherever_it_is(way: str) -> None:
    f, kind = WAYS[way]
    x = np.linspace(0.2, 2.0, 12).astype(np.float32)
    found = dk.gradient(f, x.astype(kind))
    wide = x.astype(np.float64)
    truth = np.exp(-wide / 2) * (np.cos(wide) - np.sin(wide) / 2)
    assert set(found.status.tolist()) == {"ok"}
    assert found.float32
    assert np.all(np.abs(found.value - truth) <= found.error)
    # of f = 4, 5 standard deviations of 0.35 eps at a gain of 5 over steps of 0.05 are 700 of eps
    assert EPS32 < np.median(found.error) < 1000 * EPS32
    assert found.evaluations <= 13 + 9 * 12


@pytest.mark.parametrize(
    ("f", "sides"),
    [
        (lambda p: np.abs(p[0] - np.float32(1.0)) + p[1] ** 2, (-1.0, 1.0)),
        (lambda p: np.maximum(p[0] - p[1], np.float32(0.0)) + p[1], (0.0, 1.0)),
    ],
    ids=["abs", "relu"],
)
def test_a_kink_has_its_slopes_and_is_never_ok(f: Callable[..., Any], sides: tuple[float, float]) -> None:
    found = dk.gradient(f, np.ones(2, dtype=np.float32))
    assert found.status[0] == "kink"
    assert found.left[0] == pytest.approx(sides[0], abs=1e-3)
    assert found.right[0] == pytest.approx(sides[1], abs=1e-3)
