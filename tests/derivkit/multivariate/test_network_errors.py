"""What a difference formula loses on the loss of a network: bounds of rounding that hold and are not much too wide."""

from __future__ import annotations

import numpy as np
import pytest

import derivkit as dk
from derivkit.multivariate.activations import ACTIVATIONS
from derivkit.multivariate.network_errors import STEEPEST, loss_rounding


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", "sigmoid"])
@pytest.mark.parametrize("objective", ["softmax_cross_entropy", "mean_squared_error"])
def test_the_rounding_of_a_loss_is_bounded_and_not_by_much_too_much(activation: str, objective: str) -> None:
    """In float32 it is the distance to float64, whose own rounding is 2^29 times smaller."""
    network = dk.Network((6, 20, 20, 4), (activation, activation, "identity"), objective, l2=1e-3)
    worst = 0.0
    for seed in range(20):
        samples = dk.generated(9, inputs=6, classes=4, seed=seed)
        samples = samples if objective == "softmax_cross_entropy" else samples.one_hot(4)
        low, few = network.initial(seed=seed, dtype=np.float32), samples.astype(np.float32)
        high, many = low.astype(np.float64), few.astype(np.float64)
        bound = loss_rounding(network, high, many, unit=2.0**-24)
        worst = max(worst, abs(float(network.loss(low, few)) - float(network.loss(high, many))) / bound)
    assert 1e-4 < worst < 1.0


def test_a_slope_that_is_steeper_than_is_said_would_be_found() -> None:
    z = np.linspace(-6.0, 6.0, 100_001)
    steepest = {name: np.max(np.abs(row.slope(z, row.value(z, np.empty_like(z))))) for name, row in ACTIVATIONS.items()}
    assert max(steepest.values()) <= STEEPEST < 1.01 * steepest["gelu"]
