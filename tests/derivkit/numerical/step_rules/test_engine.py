"""The engine that runs a rule for one point at many: rounds, charges, refusals, ends of the domain, and noise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from counted import Counted

import derivkit as dk
from derivkit.numerical.status import Status
from derivkit.numerical.step_rules.engine import Bracket, Choice, Point, Rule, central, choose
from derivkit.types import EPS

REASON = (Status.UNRESOLVED, "x is too small for me")


def patient(point: Point) -> Rule:
    """Halves a step as often as x says, and bars its error by nothing."""
    if point.x < 1.0:
        return REASON
    step = point.first_step(0.25)
    pair = yield from central(point.x, step)
    for _ in range(int(point.x)):
        pair = yield from central(point.x, 0.5 * pair.step)
    return Choice(pair.step, pair.slope, np.float64(0.0), np.float64(0.0), pair.size, "as told")


class Calls(Counted):
    """The lengths of what f was called with."""

    def __init__(self, f: Any) -> None:
        super().__init__(f)
        self.lengths: list[int] = []

    def __call__(self, x: Any) -> Any:
        self.lengths.append(np.size(x))
        return super().__call__(x)


def run(f: Any, x: Any, **keywords: Any) -> dk.Estimate:
    return choose(patient, f, x, example="patient", **keywords)


def test_all_points_are_asked_together_round_by_round() -> None:
    f = Calls(np.exp)
    found = run(f, [1.0, 2.5, 3.9])
    assert [length for length in f.lengths if length > 1] == [6, 6, 4, 2]
    assert found.evaluations.tolist() == [4, 6, 8]
    np.testing.assert_allclose(found.delta, [0.125, 0.0625, 0.03125])
    assert [run(np.exp, x).value for x in (1.0, 2.5, 3.9)] == pytest.approx(found.value.tolist(), rel=1e-13)


def test_a_refusal_keeps_its_reason_and_costs_nothing() -> None:
    found = run(np.exp, [0.5, 1.0])
    assert found.status.tolist() == ["unresolved", "ok"]
    assert found.message.tolist() == [REASON[1], "as told"]
    assert found.evaluations.tolist() == [0, 4]
    assert np.isnan(found.delta[0])


def test_a_bar_of_0_becomes_the_last_digit_over_the_step() -> None:
    found = run(np.exp, 1.0)
    assert found.error == EPS * math.exp(1.0 + found.delta) / found.delta
    assert run(lambda x: 0.0 * x, 1.0).error > 0.0


def test_points_without_room_are_not_asked() -> None:
    f = Calls(np.exp)
    found = run(f, [1.0, 2.0, math.nan, 5.0], domain=(1.0, 2.0))
    assert (set(found.status.tolist()), found.total, f.points) == ({"not_finite"}, 0, [])


def test_the_first_step_is_shortened_to_the_room_unless_it_is_given() -> None:
    assert run(np.exp, 1.5, domain=(1.4, None)).delta == pytest.approx(0.05)
    assert run(np.exp, 1.5, domain=(1.0, None), delta=0.125).delta == 0.0625


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: run(np.exp, 1.0, noise=0.0), "noise must be a positive finite number"),
        (lambda: run(np.exp, 1.0, delta=-1.0), "delta must be a positive finite number"),
        (lambda: run(np.exp, [1.0, 2.0], noise=[1.0, 1.0, 1.0]), "give one number, or one for each x"),
    ],
)
def test_hints_are_checked(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


def test_a_bracket_grows_or_shrinks_until_it_has_two_ends_and_then_is_halved() -> None:
    grown = Bracket(1.0, 4.0).narrowed(larger=True)
    assert (grown.step, grown.lower, grown.upper) == (4.0, 1.0, math.inf)
    shrunk = Bracket(1.0, 4.0).narrowed(larger=False)
    assert (shrunk.step, shrunk.lower, shrunk.upper) == (0.25, 0.0, 1.0)
    both = grown.narrowed(larger=False)
    assert (both.step, both.lower, both.upper) == (2.5, 1.0, 4.0)
    assert not both.closed
    assert Bracket(1.0, 4.0, 1.0, 1.0001).closed


# The rules themselves

ONE_SIDED = (dk.rule_of_thumb_forward, dk.gill_murray_saunders_wright, dk.shi_xie_xuan_nocedal_forward)
NOISY = (*ONE_SIDED, dk.rule_of_thumb_central, dk.curtis_reid, dk.dumontet_vignes, dk.shi_xie_xuan_nocedal_central)


@pytest.mark.parametrize("rule", ONE_SIDED, ids=lambda rule: rule.__name__)
def test_one_sided_rules_work_at_both_ends_of_a_domain(rule: Any) -> None:
    f = Counted(np.exp)
    found = rule(f, [0.0, 1.0], domain=(0.0, 1.0))
    assert found.status.tolist() == ["ok", "ok"]
    assert np.all(np.abs(found.value - np.exp([0.0, 1.0])) <= 1.5 * found.error)
    assert np.all(found.error < 1e-6)
    assert all(0.0 <= point <= 1.0 for point in f.counts)


@pytest.mark.parametrize("rule", NOISY, ids=lambda rule: rule.__name__)
def test_noise_that_is_known_makes_step_and_bar_larger_and_the_bar_covers_it(rule: Any) -> None:
    """Uniform noise of the size that is said: the bars are worst cases but for what the rules of thumb assume."""
    noise, draw = 1e-6, np.random.default_rng(3)

    def f(x: Any) -> Any:
        return np.exp(x) + draw.uniform(-noise, noise, np.shape(x))

    x = np.linspace(0.5, 1.5, 40)
    found, clean = rule(f, x, noise=noise), rule(np.exp, x)
    valued = np.isfinite(found.value)
    assert np.mean(valued) > 0.5
    assert np.all(found.error[valued] > clean.error[valued])
    if "thumb" not in rule.__name__:
        assert np.all(found.delta[valued] > clean.delta[valued])
    assert np.mean(np.abs(found.value - np.exp(x))[valued] <= found.error[valued]) > 0.9
