"""The largest derivatives on intervals by samples: what is computed once, or not at all, changes no bit of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import derivkit as dk
from derivkit.trusted import bounds
from derivkit.trusted.bounds import LargestDerivatives

CANCELLING = (
    "(1-cos(x))/x^2",
    "(exp(x)-1-x)/x^2",
    "sqrt(1+x^2)-x+sin(x)/x",
    "(x+1e10)*tan(x)-1e10*tan(x)",
    "sin(1e6*x)*tanh(x)",
)
"""float64 loses digits of these, at 1e-7 all of them."""
BEYOND = ("tanh(x) + x*1e-200*1e-200*1e300*1e100", "tanh(x) + (1e200*x)*1e200/1e300/1e100", "1e-40*sin(x)/cosh(x)")
"""Numbers on the way leave the range of float64, or of float32 alone."""
SMOOTH = ("exp(sin(x))", "tanh(x)", "log(1+exp(x))", "gamma(x)", "x^x", "x*(1+erf(x/sqrt(2)))/2", "abs(x)*sin(x)")
POINTS = np.array([1e-7, 0.3, 1.0, 2.5])[:, None]
WIDTHS = np.array([1e-9, 1e-2, 0.1, 0.25])
ORDERS = (1, 3, 9)


def largest(text: str, orders: tuple[int, ...] = ORDERS, highest: int = 9) -> np.ndarray:
    derivatives = LargestDerivatives(dk.parse(text), POINTS, highest)
    with np.errstate(all="ignore"):
        return np.array(derivatives.on(POINTS - WIDTHS, POINTS + WIDTHS, orders))


def unconfirmed(*given: Any) -> np.ndarray:
    """A look at float32 that confirms nothing."""
    return np.ones(given[-1].shape, dtype=bool)


@pytest.mark.parametrize("text", [*CANCELLING, *BEYOND, *SMOOTH])
def test_what_float32_confirms_the_longer_double_confirms(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = largest(text)
    monkeypatch.setattr(bounds, "_unlike_float32", unconfirmed)
    np.testing.assert_array_equal(quick, largest(text))


@pytest.mark.parametrize("text", ["exp(sin(x))", "tanh(x)", "log(1+exp(x))", "x*sigmoid(x)"])
def test_float32_confirms_most_samples_of_a_smooth_function(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = []
    check = bounds._doubtful
    monkeypatch.setattr(bounds, "_doubtful", lambda *given: (looked_at.append(given[2].size), check(*given))[1])
    largest(text)
    assert sum(looked_at) < 40


@pytest.mark.parametrize("text", [*CANCELLING, *SMOOTH])
def test_one_series_at_the_centre_serves_all_orders(text: str) -> None:
    for order in ORDERS:
        np.testing.assert_array_equal(largest(text, (order, 1)), largest(text, (order, 1), highest=order))


def test_blocks_of_intervals_give_what_all_at_once_give(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = largest("exp(sin(x))")
    monkeypatch.setattr(bounds, "INTERVALS", 3)
    np.testing.assert_array_equal(whole, largest("exp(sin(x))"))
