"""Near the end of a domain: windows that it cuts short, and those with one side that take their place."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import quick
from counted import Counted

import derivkit as dk

EXPRESSIONS = ("exp(x)", "cos(x)", "log(1+x)", "sqrt(1+x)", "x^3", "1/(1+x)", "sin(x)", "1+x^2*sqrt(x)")
DISTANCES = tuple(10.0**-k for k in range(1, 13))
End = Callable[[float], tuple[float, tuple[float | None, float | None]]]
ENDS: dict[str, End] = {
    "on the left, at 0": lambda away: (away, (0.0, None)),
    "on the left, at 1": lambda away: (1.0 + away, (1.0, None)),
    "on the right": lambda away: (1.0 - away, (None, 1.0)),
    "on both sides": lambda away: (away, (0.0, 2.0 * away)),
    "on both sides, one far": lambda away: (away, (0.0, 1.0)),
}
"""By where the domain ends: a point at some distance from that, and the domain."""


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("expression", quick.part(EXPRESSIONS, every=3))
def test_bars_hold_near_the_end_of_a_domain(expression: str, end: End, order: int) -> None:
    f = dk.Function.from_expression(expression)
    for away in DISTANCES:
        x, domain = end(away)
        found, truth = dk.derivative(f, x, order=order, domain=domain), dk.exact(expression, x, order)
        if math.isfinite(found.error):
            assert abs(found.value - float(truth.value)) <= found.error, (away, found)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("expression", ["exp(x)", "sqrt(1+x)", "1/(1+x)", "log(1+x)"])
def test_an_end_beside_the_point_costs_few_digits(expression: str, order: int) -> None:
    f = dk.Function.from_expression(expression)
    for away in DISTANCES:
        found = dk.derivative(f, away, order=order, domain=(0.0, None))
        sided = dk.derivative(f, away, order=order, domain=(0.0, None), side="right")
        assert found.error <= 20.0 * sided.error or sided.error > 0.01 * abs(sided.value), (away, found)


def test_the_window_has_two_sides_where_these_tell_more() -> None:
    found = dk.derivative(np.sin, 1e-9, domain=(0.0, None))
    assert found.status == "ok"
    assert found.error < 0.1 * dk.derivative(np.sin, 1e-9, domain=(0.0, None), side="right").error


def test_far_from_the_end_nothing_changes() -> None:
    for x in (0.5, 1.0, 30.0):
        for order in (1, 2, 3):
            free, bounded = (dk.derivative(np.exp, x, order=order, domain=ends) for ends in (None, (-40.0, 100.0)))
            assert (free.value, free.error, free.evaluations) == (bounded.value, bounded.error, bounded.evaluations)


def test_values_beside_an_end_are_few() -> None:
    counts = []
    for x in DISTANCES:
        counted = Counted(np.exp)
        found = dk.derivative(counted, x, domain=(0.0, None), vectorized=True)
        assert found.total == len(set(counted.points))
        counts.append(found.total)
    assert np.mean(counts) <= 25.0


@pytest.mark.parametrize("side", [None, "right"])
def test_a_short_domain_is_used_whole_at_its_end(side: str | None) -> None:
    found = dk.derivative(np.exp, 0.0, domain=(0.0, 1e-3), side=side)
    assert found.status == "one_sided"
    assert abs(found.value - 1.0) <= found.error < 1e-9


def test_an_end_that_only_nan_shows_is_one_too() -> None:
    found = dk.derivative(lambda x: np.where(x >= 0.0, np.exp(x), np.nan), 1e-9, order=2)
    assert abs(found.value - 1.0) <= found.error < 1e-6


def test_of_several_numbers_at_a_point_each_has_its_window() -> None:
    found = dk.derivative(
        lambda x: np.stack([np.exp(x), np.sin(x)], axis=-1), np.array([1e-9, 0.5]), domain=(0.0, None)
    )
    assert found.status[0].tolist() == ["one_sided", "ok"]
    truth = np.stack([np.exp([1e-9, 0.5]), np.cos([1e-9, 0.5])], axis=-1)
    assert np.all(np.abs(found.value - truth) <= found.error)
    assert np.all(found.error < 1e-11)


def test_entries_of_a_gradient_may_lie_beside_the_ends_of_their_domains() -> None:
    x, weights = np.array([1e-9, 0.5, 1.0 - 1e-9, 1e-5, 2.0]), np.arange(1.0, 6.0)
    found = dk.gradient(
        lambda x: float(np.exp(x) @ weights), x, domain=(np.zeros(5), np.array([9.0, 9.0, 1.0, 9.0, 9.0]))
    )
    assert np.all(np.abs(found.value - weights * np.exp(x)) <= found.error)
    assert np.all(found.error <= 1e-8 * np.abs(found.value))
