"""A function that remembers: nothing is asked twice, and a replay needs no function."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from counted import Counted
from hypothesis import given
from hypothesis import strategies as st

import derivkit as dk
from derivkit.function import BLACK_BOXES
from derivkit.numerical.adaptive import derivative


def same(first: dk.Derivative, second: dk.Derivative) -> bool:
    """Whether two answers are equal to the bit in all but what f raised."""
    return all(
        np.array_equal(np.asarray(getattr(first, name)), np.asarray(getattr(second, name)), equal_nan=name != "status")
        for name in (field.name for field in dataclasses.fields(first))
        if name != "raised"
    )


FUNCTIONS = {
    "smooth": np.sin,
    "plain": math.sin,
    "kink": np.abs,
    "noise": BLACK_BOXES["sin_noise"].call,
    "end": np.sqrt,
}


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.parametrize("x", [0.0, 1.0, [0.0, 0.5, 1.0]])
def test_a_replay_gives_the_same_to_the_bit_without_f(f: Any, x: Any) -> None:
    counted = Counted(f)
    ledger = dk.Ledger(counted)
    first = derivative(ledger, x)
    asked = len(counted.points)
    again = derivative(ledger.replay(), x)
    assert same(first, again)
    assert len(counted.points) == asked
    assert same(first, derivative(ledger, x))
    assert len(counted.points) == asked, "nor is f asked by the ledger itself"
    assert ledger.total == first.total


def test_the_ledger_changes_nothing() -> None:
    for f in FUNCTIONS.values():
        assert same(derivative(f, [0.3, 1.0]), derivative(dk.Ledger(f), [0.3, 1.0]))


def test_another_answer_would_be_seen() -> None:
    first = derivative(np.sin, 1.0)
    assert same(first, first)
    assert not same(first, dataclasses.replace(first, error=math.nextafter(first.error, 1.0)))
    assert not same(first, derivative(np.sin, 1.1))


def test_a_point_that_was_never_asked_is_named() -> None:
    ledger = dk.Ledger(np.sin)
    ledger([0.5, 0.75])
    replay = ledger.replay()
    assert replay(0.5) == np.sin(0.5)
    with pytest.raises(LookupError, match=r"not evaluated at 0\.25; a replay knows 2 points"):
        replay(0.25)
    with pytest.raises(LookupError, match=r"not evaluated at 0\.25"):
        replay(np.array([0.5, 0.25]))


def test_what_is_asked_after_a_replay_was_made_is_not_in_it() -> None:
    ledger = dk.Ledger(np.sin)
    ledger(0.5)
    replay = ledger.replay()
    ledger(0.25)
    with pytest.raises(LookupError):
        replay(0.25)
    assert ledger.replay()(0.25) == np.sin(0.25)


def test_runs_with_other_settings_share_what_they_have_in_common() -> None:
    counted = Counted(np.sin)
    ledger = dk.Ledger(counted)
    alone = [derivative(np.sin, 1.0, accuracy=accuracy).total for accuracy in ("default", "high")]
    for accuracy in ("default", "high"):
        derivative(ledger, 1.0, accuracy=accuracy)
    assert max(alone) <= ledger.total < sum(alone)
    assert len(set(counted.points)) == ledger.total


def test_a_ledger_keeps_the_domain_of_its_function() -> None:
    ledger = dk.Ledger(dk.Function.from_expression("sqrt(x)", domain=(0.0, 1.0)))
    found = derivative(ledger, 1.0)
    assert found.status == "one_sided"
    assert abs(found.value - 0.5) <= found.error
    assert ledger.total == found.total
    with pytest.raises(ValueError, match="outside the domain"):
        derivative(ledger, 2.0)


def test_no_value_is_remembered_too() -> None:
    def f(v: Any) -> float:
        counted.append(float(np.ravel(v)[0]))
        return math.log(v)

    counted: list[float] = []
    ledger = dk.Ledger(f)
    assert math.isnan(ledger(-1.0))
    calls = len(counted)
    assert math.isnan(ledger(-1.0))
    assert len(counted) == calls


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, -2.0, 3.25]), min_size=1, max_size=30))
def test_a_value_is_asked_once_and_given_in_the_shape_of_x(points: list[float]) -> None:
    ledger = dk.Ledger(np.sin)
    np.testing.assert_array_equal(ledger(points), np.sin(points))
    for point in points:
        found = ledger(point)
        assert isinstance(found, float)
        assert found == np.sin(point)
    assert ledger(np.reshape(points, (1, -1))).shape == (1, len(points))
    assert ledger.total == len(set(points))
