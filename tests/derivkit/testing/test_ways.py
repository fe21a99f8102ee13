"""Every way to a derivative: why one gives no error, how many digits are correct, and functions written with NumPy."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

import derivkit as dk
from derivkit.testing import as_numpy, correct_digits, statuses

CONF = Path(__file__).resolve().parents[3] / "conf"


@pytest.mark.parametrize(
    ("estimate", "exact", "known", "status"),
    [
        (1.0, 1.0, "ok", "ok"),
        (math.nan, 1.0, "ok", "refused"),
        (1.0, math.nan, "no_derivative", "answered"),
        (math.nan, math.nan, "no_derivative", "no_derivative"),
        (1.0, math.nan, "unresolved", "unresolved"),
    ],
)
def test_a_row_without_an_error_says_why(estimate: float, exact: float, known: str, status: str) -> None:
    found = statuses(np.array([estimate]), np.array([exact]), np.array([known]))
    assert found.tolist() == [status]


def test_a_derivative_of_zero_has_all_digits_or_none() -> None:
    digits = correct_digits(np.array([math.nan] * 3), np.array([0.0, 1e-9, math.nan]), np.zeros(3))
    assert digits[:2].tolist() == [16.0, 0.0]
    assert math.isnan(digits[2])


@pytest.mark.parametrize("name", ["logistic", "softplus", "log_loss", "power_20", "self_power", "quintic"])
def test_a_function_written_with_numpy_is_the_function(name: str) -> None:
    (spec,) = OmegaConf.load(CONF / f"function/{name}.yaml").values()
    f = dk.Function.from_expression(spec["expression"])
    x = np.array([0.3, 0.7, 1.9])
    np.testing.assert_allclose(as_numpy(f)(x), f(x), rtol=1e-14)
