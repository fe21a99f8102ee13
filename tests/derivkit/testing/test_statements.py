"""What methods claim, counted from outside; where f can be seen; and how far noise is off on a window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import derivkit as dk
from derivkit.numerical.methods import METHODS, Method
from derivkit.testing.population import Disturbance, Family
from derivkit.testing.statements import ENOUGH, NEAREST, Counter, claims, perturbation, seen

X = np.array([0.3, 1.0, 2.0])


def family(text: str, kind: str, level: float, **more: Any) -> Family:
    return Family(
        name="probe",
        category="noisy",
        expression=dk.parse(text),
        points=(1.0,),
        noise=Disturbance(kind, level),
        **more,
    )


def test_evaluations_are_counted_where_f_is_called() -> None:
    counter = Counter(np.sin)
    assert counter(np.zeros((2, 3))).shape == (2, 3)
    assert counter(1.0) == np.sin(1.0)
    assert (counter.counted, counter.distinct) == (7, 2)


def test_claims_are_those_of_the_method_and_the_count_that_of_f() -> None:
    f = dk.Function.from_expression("exp(x)")
    said, found = claims(METHODS["derivative"], f, X), dk.derivative(f, X)
    for name in ("value", "error", "status", "evaluations", "noise", "delta", "total"):
        assert np.array_equal(getattr(said, name), getattr(found, name)), name
    assert said.counted == said.total == said.evaluations.sum()
    assert said.answered.all()


def test_a_method_that_asks_in_secret_is_found_out() -> None:
    def secret(f: Any, x: Any) -> Any:
        f(x)
        return dk.derivative(f, x)

    said = claims(Method("secret", secret, "a test"), dk.Function.from_expression("exp(x)"), X)
    assert said.counted == said.total + X.size
    assert said.distinct == said.total


def test_the_order_is_handed_on_to_a_method_that_knows_it() -> None:
    f = dk.Function.from_expression("exp(3*x)")
    assert np.array_equal(claims(METHODS["derivative"], f, X, order=2).value, dk.derivative(f, X, 2).value)


@pytest.mark.parametrize(("text", "expected"), [("exp(x)", True), ("sqrt(x-1)", True), ("sqrt(0-x)", False)])
def test_one_side_is_enough_to_be_seen(text: str, expected: bool) -> None:  # noqa: FBT001 -- the value that is expected
    assert seen(dk.Function.from_expression(text), [1.0]).tolist() == [expected]


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_finite_values_next_to_x_are_not_enough(sign: float) -> None:
    """In units of the last place: f ends before the nearest place that counts, or at the last of those it takes."""
    ends = sorted([1.0, 1.0 + sign * 0.99 * NEAREST * 2.0**-52])
    assert not seen(dk.Function.from_expression("exp(x)", domain=(ends[0], ends[1])), [1.0])[0]
    ends = sorted([1.0, 1.0 + sign * NEAREST * 4.0**ENOUGH * 2.0**-52])
    assert seen(dk.Function.from_expression("exp(x)", domain=(ends[0], ends[1])), [1.0])[0]


# The variance of a uniform number in [-1, 1) is 1/3. Of 64 values its root is known to 64^-1/2 sqrt(0.2) = 6 %.


@pytest.mark.parametrize(("kind", "size"), [("absolute", 1.0), ("normal", 1.0), ("relative", 5.0)])
def test_the_level_of_noise_without_a_mean_is_its_deviation(kind: str, size: float) -> None:
    found = perturbation(family("0*x+5", kind, 1e-6), X, np.full(3, 0.25))
    assert found.deviation == pytest.approx(size * 1e-6 / np.sqrt(3.0), rel=0.3)
    assert found.level == pytest.approx(size * 1e-6 / np.sqrt(3.0), rel=0.3)


def test_the_mean_of_noise_is_in_its_level_and_not_in_its_deviation() -> None:
    found = perturbation(family("sin(x)", "one_sided", 1e-6), X, np.full(3, 0.25))
    assert found.deviation == pytest.approx(1e-6 / np.sqrt(3.0), rel=0.3)
    assert found.level == pytest.approx(1e-6 * np.sqrt(4.0 / 3.0), rel=0.15)


def test_quantised_values_are_off_by_a_uniform_part_of_the_step() -> None:
    found = perturbation(family("x", "quantised", 1e-3), X, np.full(3, 0.25))
    assert found.deviation == pytest.approx(1e-3 / np.sqrt(12.0), rel=0.3)


def test_noise_is_measured_within_the_domain_alone() -> None:
    half = family("x", "absolute", 1e-6, domain=(1.0, 9.0))
    found = perturbation(half, [1.0], [0.25])
    assert found.deviation == pytest.approx(1e-6 / np.sqrt(3.0), rel=0.4)
    assert np.isnan(perturbation(half, [-3.0], [0.25]).level)[0]
