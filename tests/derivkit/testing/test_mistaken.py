"""Wrong derivatives: each is wrong, and one rule alone explains it."""

from __future__ import annotations

import math

import pytest

import derivkit as dk
from derivkit.testing import wrong_answers

POINTS = (0.7, 1.3)


def value(text: str, x: float) -> float:
    return float(dk.Function.from_expression(text)(x))


@pytest.mark.parametrize("text", ["x*sin(x)", "(4*x + 6)^4", "exp(x)/x^2", "3*x^4 + 5*x^2 - 2", "x*sin(x)*exp(x)"])
def test_wrong_answers_are_each_named_by_one_rule_and_none_is_right(text: str) -> None:
    found = list(wrong_answers(text))
    assert len({diagnosis.rules for _, diagnosis in found}) >= 8
    right = str(dk.derive(text).result)
    for answer, diagnosis in found:
        assert len(diagnosis.rules) == 1
        assert any(not math.isclose(value(str(answer), x), value(right, x), rel_tol=1e-9) for x in POINTS)
