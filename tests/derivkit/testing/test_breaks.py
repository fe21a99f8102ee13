"""The points where derivatives break: their truths by a second way, and every verdict."""

from __future__ import annotations

import math

import numpy as np
import pytest

import derivkit as dk
from derivkit.testing import BREAKS, Answer, verdict

RULED = [name for name, case in BREAKS.items() if case.derivative is not None and name != "smooth_corner"]
"""The rules know no derivative where two pieces meet with the same slope."""


@pytest.mark.parametrize("name", RULED)
def test_the_truth_is_the_derivative_of_the_expression_by_the_rules(name: str) -> None:
    case = BREAKS[name]
    rules = dk.Function.from_expression(case.expression).exact_derivative(np.array(case.x))
    # the truth of the cancellation is the start of a series whose next term is below 1e-18 of it
    assert case.truth == pytest.approx(float(rules), rel=1e-12)


@pytest.mark.parametrize("name", [name for name, case in BREAKS.items() if case.derivative is None])
def test_where_no_derivative_is_claimed_the_quotients_of_the_two_sides_do_not_meet(name: str) -> None:
    case = BREAKS[name]
    f = case.function
    steps = 2.0 ** -np.arange(26.0, 34.0)
    sides = [(f(case.x + side * steps) - f(case.x)) / (side * steps) for side in (-1.0, 1.0)]
    with np.errstate(all="ignore"):
        apart, spread = np.abs(sides[0] - sides[1]), [np.ptp(side) for side in sides]
    missing = not np.all(np.isfinite(sides))
    noise = 4.0 * np.finfo(np.float64).eps * abs(f(case.x)) / steps[0]
    assert missing or np.all(apart > noise) or max(spread) > 0.5


@pytest.mark.parametrize(
    ("value", "bar", "status", "truth", "expected"),
    [
        (1.0, 1e-9, "ok", 1.0 + 1e-10, "right"),
        (1.0, math.nan, "ok", 1.0 + 1e-5, "right"),
        (1.0, 1e-12, "ok", 1.0 + 1e-10, "right, bar too small"),
        (1.0, 1e-12, "ok", 2.0, "silently wrong"),
        (1.0, math.nan, "ok", 2.0, "silently wrong"),
        (1.0, 1e-12, "noisy", 2.0, "wrong but flagged"),
        (0.5, 0.6, "ok", 2.0, "wrong but flagged"),
        (0.0, 1e-16, "ok", math.nan, "silently wrong"),
        (1.0, 1e-12, "one_sided", math.nan, "silently wrong"),
        (math.nan, math.inf, "kink", math.nan, "right refusal"),
        (math.inf, math.nan, "vertical", math.nan, "right refusal"),
        (math.nan, math.inf, "unresolved", 1.0, "needless refusal"),
    ],
)
def test_an_answer_is_judged(value: float, bar: float, status: str, truth: float, expected: str) -> None:
    assert verdict(Answer(value=value, bar=bar, status=status), truth) == expected
