"""The population: every row keeps its rules, draws are reproducible, halves share nothing, reasons are true."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import quick
import yaml
from families import CONF, FILES, POPULATION, built, rows
from hypothesis import given
from hypothesis import strategies as st

import derivkit as dk
from derivkit.expressions.evaluation import float_values
from derivkit.expressions.tree import tree_of
from derivkit.operations.elementary import OPERATIONS
from derivkit.testing.population import CATEGORIES, DISTURBANCES, VALUED, VALUELESS, Disturbance, Draw, Family
from derivkit.testing.programs import PROGRAMS
from experiments.messages import ConfigurationError

EVERY = [family for families in POPULATION.values() for family in families]
HALVES = [*POPULATION["tuning"], *POPULATION["held_out"]]
NEAR_BREAKS = [*POPULATION["near_breaks"], *POPULATION["near_breaks_held_out"]]


def test_every_file_of_the_group_is_known() -> None:
    assert {path.stem for path in CONF.glob("*.yaml")} == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_plain_yaml_gives_the_same_rows(name: str) -> None:
    assert yaml.safe_load((CONF / f"{name}.yaml").read_text(encoding="utf-8")) == rows(name)


def test_no_name_is_there_twice() -> None:
    keys = [key for name in FILES for key in re.findall(r"^(\w+):", (CONF / f"{name}.yaml").read_text(), re.MULTILINE)]
    assert [key for key, times in Counter(keys).items() if times > 1] == []
    assert len(keys) == len(EVERY)


def test_every_row_says_why_it_is_there() -> None:
    assert [family.name for family in EVERY if not re.fullmatch(r"\S[^\n]{12,}\.", family.reason)] == []


def test_the_halves_are_large_and_have_the_same_categories() -> None:
    assert len(HALVES) >= 232
    counts = [Counter(family.category for family in POPULATION[name]) for name in ("tuning", "held_out")]
    assert (
        set(counts[0])
        == set(counts[1])
        == set(CATEGORIES) - {*("no_derivative", "edge", "noisy", "near_break", "near_break_held_out")}
    )
    for category, times in counts[0].items():
        assert times >= 5
        assert counts[1][category] >= 5


def test_beside_breaks_the_halves_are_large_and_their_points_are_near() -> None:
    """At distances from 1e-12 to 0.1 as a rule, on both sides where f has two, in every decade."""
    counts = [len(POPULATION[name]) for name in ("near_breaks", "near_breaks_held_out")]
    assert min(counts) >= 30
    for family in NEAR_BREAKS:
        x = np.unique(family.drawn(200, seed=0))
        drawn = np.setdiff1d(x, family.points)
        away = drawn[:, None] - np.array(family.around)
        nearest = np.take_along_axis(away, np.argmin(np.abs(away), axis=1)[:, None], axis=1)[:, 0]
        (draw,) = family.draws
        assert x.size > 195
        assert np.all(np.abs(nearest) <= draw.high * (1.0 + 1e-9))
        assert np.histogram(np.log10(np.abs(nearest)), bins=4, range=np.log10([draw.low, draw.high]))[0].min() > 15
        if draw.distribution.startswith("signed"):
            assert 0.3 < np.mean(nearest > 0.0) < 0.7


@pytest.mark.parametrize("family", NEAR_BREAKS, ids=lambda family: family.name)
def test_beside_a_break_the_truth_is_known_and_at_it_there_is_none(family: Family) -> None:
    """A derivative of an order below that which breaks exists at the break itself, too."""
    x = np.unique(family.drawn(40, seed=1))
    orders = family.derivatives or (1,)
    nowhere = [np.isnan(family.truth(x, order=order).high) for order in orders]
    for none in nowhere:
        assert not np.any(none & ~np.isin(x, family.points))
    assert np.all(nowhere[-1] == np.isin(x, family.points))
    assert bool(family.points) == bool(family.at_break)
    assert set(family.at_break) <= set(VALUELESS)
    assert set(family.statuses) <= {*VALUED, "unresolved"}


def test_a_status_is_right_where_a_derivative_exists_or_where_none_does() -> None:
    family = next(family for family in NEAR_BREAKS if family.name == "relu_plus_exp")
    known = family.truth([1.0, 1.0, 1.5, 1.5])
    assert family.right(["kink", "ok", "kink", "ok"], known).tolist() == [True, False, False, True]


def test_a_distance_that_leaves_the_domain_is_taken_to_the_other_side() -> None:
    row = {"category": "near_break", "expression": "asin(x)", "around": [1, -1], "domain": [-1, 1]}
    (family,) = built({"probe": {**row, "draws": {"signed_log_uniform": [1e-3, 0.1]}}})
    x = family.drawn(60, seed=0)
    assert np.all((np.abs(x) < 1.0) & (np.abs(x) >= 0.9 - 1e-12))


def test_many_functions_have_as_many_points_as_are_asked_for() -> None:
    assert sum(family.drawn(200, seed=0).size == 200 for family in EVERY) >= 200
    assert sum(family.drawn(200, seed=0).size for family in EVERY) >= 20_000


# Twins


def skeleton(family: Family) -> Any:
    """The function without its numbers: what differs in them alone is a twin."""
    if family.expression is None:
        assert family.program is not None
        return family.program.text
    return tuple(
        replace(step, value=None) if step.operation == "number" else step for step in family.expression.program
    )


def twins(first: tuple[Family, ...], second: tuple[Family, ...]) -> list[str]:
    known = {skeleton(family) for family in first}
    return [family.name for family in second if skeleton(family) in known]


def test_no_function_of_the_held_out_half_is_a_twin_of_one_of_the_tuning_half() -> None:
    assert twins(POPULATION["tuning"], POPULATION["held_out"]) == []
    assert twins(POPULATION["near_breaks"], POPULATION["near_breaks_held_out"]) == []


def test_a_twin_with_other_numbers_is_found() -> None:
    one, other, third = built(
        {
            name: {"category": "entire", "expression": text, "points": [1]}
            for name, text in (("a", "sin(10*x)"), ("b", "sin(20 * x)"), ("c", "cos(10*x)"))
        }
    )
    assert twins((one,), (other, third)) == ["b"]


# Points and truths


@pytest.mark.parametrize("family", quick.part(EVERY), ids=lambda family: family.name)
def test_points_are_reproducible_and_lie_in_the_domain(family: Family) -> None:
    points = family.drawn(60, seed=3)
    assert np.array_equal(points, family.drawn(60, seed=3))
    low, high = family.domain
    assert np.all((points >= low) & (points <= high))
    assert points[: len(family.points)].tolist() == list(family.points)
    if family.draws:
        assert points.size == 60
        assert not np.array_equal(points, family.drawn(60, seed=4))


def test_the_points_of_a_family_do_not_depend_on_the_others() -> None:
    alone = built({"exp": rows("tuning")["exp"]})[0]
    assert np.array_equal(alone.drawn(30, seed=1), POPULATION["tuning"][0].drawn(30, seed=1))


@pytest.mark.parametrize("family", quick.part(f for f in EVERY if f.differentiable), ids=lambda family: family.name)
def test_where_a_derivative_exists_its_truth_is_known(family: Family) -> None:
    x = family.drawn(12, seed=2)
    x = x[~np.isin(x, family.points)] if family.at_break else x
    known = family.truth(x)
    assert np.all(np.isfinite(known.high))
    assert np.all(np.abs(known.low) <= known.half_ulp)
    assert np.all(np.isfinite(family.function(x)))


@pytest.mark.parametrize("family", POPULATION["no_derivative"], ids=lambda family: family.name)
def test_where_no_derivative_exists_there_is_no_truth_and_no_value_is_right(family: Family) -> None:
    assert set(family.statuses) <= set(VALUELESS)
    assert np.all(np.isnan(family.truth(family.drawn(3, seed=2)).high))


@pytest.mark.parametrize("family", quick.part(HALVES), ids=lambda family: family.name)
def test_the_constants_of_an_expression_are_exact(family: Family) -> None:
    """A part without x is computed by float64 without rounding, so that the truth is that of the function computed."""
    if family.expression is None:
        return
    program = family.expression.program
    moving = []
    for k, step in enumerate(program):
        moving.append(step.operation == "variable" or any(moving[i] for i in step.arguments))
        if step.operation in OPERATIONS and not moving[k]:
            part = dk.Expression(tree_of(program[: k + 1]))
            assert dk.exact(part, 0.0, 0).value == float(float_values(part.program, {})[-1])
            assert step.operation in ("negate", "divide", "multiply", "add", "power")


# Why a point has no derivative


def quotients(family: Family, x: float, *, first: float) -> tuple[np.ndarray, np.ndarray]:
    """One-sided difference quotients at 6 steps from 2^-first on, each a sixteenth of the one before."""
    h = max(abs(x), 1.0) * 2.0 ** -np.arange(first, first + 24.0, 4.0)
    f = family.function
    return (f(x + h) - f(x)) / h, (f(x) - f(x - h)) / h


def is_kink(family: Family, x: float) -> bool:
    """Whether the two slopes settle, and differ."""
    right, left = quotients(family, x, first=8.0)
    gap = np.abs(right - left)
    return bool(gap[-1] > 0.0 and abs(gap[-1] - gap[-2]) < 0.05 * gap[-1])


def is_jump(family: Family, x: float) -> bool:
    """Whether a quotient grows as fast as the step shrinks, by 16; the steps are too small for the slope to count."""
    sides = quotients(family, x, first=24.0)
    growth = [abs(side[-1] / side[-2]) for side in sides if np.isfinite(side[-2]) and side[-2]]
    return any(14.0 < g < 18.0 for g in growth)


def is_vertical(family: Family, x: float) -> bool:
    """Whether all quotients grow, but more slowly."""
    growth = np.concatenate([np.abs(side[1:] / side[:-1]) for side in quotients(family, x, first=8.0)])
    known = growth[np.isfinite(growth)]
    return bool(known.size and np.all((known > 1.1) & (known < 15.0)))


def is_not_finite(family: Family, x: float) -> bool:
    """Whether f has no finite value at x."""
    return bool(np.isnan(family.function(x)))


SEEN = {"kink": is_kink, "jump": is_jump, "vertical": is_vertical, "not_finite": is_not_finite}


def seen(family: Family) -> bool:
    """Whether at every point one of the statuses can be seen to be true."""
    kinds = [SEEN[status] for status in family.at_break or family.statuses if status in SEEN]
    return all(any(kind(family, x) for kind in kinds) for x in family.drawn(4, seed=0).tolist())


@pytest.mark.parametrize(
    "family",
    [
        *(family for family in POPULATION["no_derivative"] if family.statuses[0] in SEEN),
        *(replace(family, draws=()) for family in NEAR_BREAKS if family.at_break and not family.derivatives),
    ],
    ids=lambda family: family.name,
)
def test_what_is_said_of_a_point_without_a_derivative_is_seen(family: Family) -> None:
    assert seen(family)


@pytest.mark.parametrize("status", sorted(SEEN))
@pytest.mark.parametrize("text", ["exp(x)", "x^2*abs(x)", "sin(3*x)/2"])
def test_at_a_smooth_point_no_such_thing_is_seen(status: str, text: str) -> None:
    (family,) = built(
        {"probe": {"category": "no_derivative", "expression": text, "points": [0, 1], "statuses": [status]}}
    )
    assert not SEEN[status](family, 0.0)
    assert not SEEN[status](family, 1.0)


@pytest.mark.parametrize("family", POPULATION["edges"], ids=lambda family: family.name)
def test_at_an_edge_at_least_one_side_is_defined_and_has_the_slope_of_the_truth(family: Family) -> None:
    for x in family.points:
        known = family.truth(x)
        h = 1e-7 * min(1.0, family.domain[1] - family.domain[0])
        sides = [(family.function(x + s) - family.function(x)) / s for s in (h, -h)]
        errors = [abs(side - float(known.high)) for side in sides if np.isfinite(side)]
        assert errors
        assert min(errors) < 1e-2 * max(1.0, abs(float(known.high)))


# Noise


@pytest.mark.parametrize("family", POPULATION["noisy"], ids=lambda family: family.name)
def test_noise_is_what_it_says_and_does_not_vanish(family: Family) -> None:
    assert family.noise is not None
    x = family.drawn(300, seed=0)
    clean = replace(family, noise=None).function(x)
    away = np.abs(family.function(x) - clean)
    level = family.noise.level
    slope = np.max(np.abs(family.truth(x).high))
    size = np.max(np.abs(clean))
    rounding = 16.0 * np.spacing(size)
    # float32 rounds argument, result and what is between; 32 of its units are enough for five operations.
    bounds = {
        "relative": level * np.abs(clean),
        "one_sided": 2.0 * level,
        "one_sided_relative": 2.0 * level * np.abs(clean),
        "normal": 2.0 * level,
        "quantised": level / 2.0,
        "rounded_argument": level * slope * 1.1,
        "single_argument": level * np.max(np.abs(x)) * slope * 1.1,
        "single_result": level * size,
        "single": 32.0 * level * (size + slope * np.max(np.abs(x))),
        "table": level * family.slack,
    }
    assert np.all(away <= bounds.get(family.noise.kind, level) + rounding)
    assert np.median(away) > 0.0


@pytest.mark.parametrize("kind", sorted(DISTURBANCES))
def test_noise_is_a_function_of_x(kind: str) -> None:
    f = Disturbance(kind, 0.125).of(np.sin, dk.parse("sin(x)"))
    x = np.linspace(0.3, 2.9, 40)
    assert np.array_equal(f(x), f(x[::-1])[::-1])
    assert float(f(x[7])) == f(x)[7]


def test_normal_noise_has_the_variance_of_uniform_noise_and_no_mean() -> None:
    x = np.random.default_rng(0).uniform(0.0, 1.0, 100_000)
    noise = Disturbance("normal", 1.0).of(np.zeros_like, None)(x)
    assert abs(np.mean(noise)) < 5.0 / np.sqrt(3 * x.size)
    assert np.mean(noise**2) == pytest.approx(1 / 3, rel=0.02)
    assert np.mean(noise**4) > 1.2 * np.mean(Disturbance("absolute", 1.0).of(np.zeros_like, None)(x) ** 4)


# What is refused


GOOD: dict[str, Any] = {"category": "entire", "expression": "sin(x)", "draws": {"uniform": [0, 1]}, "points": ["pi/2"]}


def test_a_row_becomes_a_family() -> None:
    (family,) = built({"probe": {**GOOD, "noise": {"relative": 1e-8}, "statuses": ["noisy"], "slack": 0.5}})
    assert family.points == (np.pi / 2,)
    assert family.draws == (Draw("uniform", 0.0, 1.0),)
    assert (family.noise, family.statuses, family.slack) == (Disturbance("relative", 1e-8), ("noisy",), 0.5)
    assert family.function.text == "sin(x) with noise, relative 1e-08"
    assert built({"probe": GOOD})[0].statuses == VALUED


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"expresion": "x"}, "unknown key 'expresion'; did you mean expression"),
        ({"expression": "sin x"}, "sin"),
        ({"expression": "x*y"}, "variables x, y"),
        ({"program": "kepler"}, "expression or program, and not both"),
        ({"expression": None}, "expression=null: not a text"),
        ({"at_break": ["fine"]}, "no status 'fine'; there are ok"),
        ({"derivatives": [5]}, r"write orders from 1 to 4, derivatives: \[1, 2\]"),
        ({"around": [7], "domain": [0, 2]}, r"x = 7 lies outside the domain"),
        ({"category": "smooth"}, "no category 'smooth'; there are entire"),
        ({"category": 3}, "category=3: not a text"),
        ({"statuses": ["fine"]}, "no status 'fine'; there are ok"),
        ({"draws": {"normal": [0, 1]}}, "no distribution named 'normal'; there are uniform"),
        ({"draws": {"uniform": [1, 0]}}, r"from \[low, high\], not from \[1, 0\]"),
        ({"draws": {"uniform": [1]}}, r"write two ends, uniform: \[0, 1\]"),
        ({"draws": {"log_uniform": [0, 1]}}, "ends above 0"),
        ({"draws": [0, 1]}, r"draws: \{uniform: \[0, 1\]\}"),
        ({"draws": {}, "points": []}, "points=.*empty"),
        ({"domain": [0, 1]}, r"x = 1.5708 lies outside the domain \[0, 1\]"),
        ({"domain": [1, 0]}, "smaller end first"),
        ({"noise": {"brown": 1}}, "no noise of the kind 'brown'; there are absolute"),
        ({"noise": {"absolute": 0}}, "level must be above 0, not 0.0"),
        ({"noise": 1e-8}, r"noise: \{relative: 1e-8\}"),
        ({"derivative": "cos("}, "population 'probe'"),
    ],
)
def test_a_row_that_cannot_be_is_refused_in_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        built({"probe": {**GOOD, **changes}})
    assert str(caught.value).startswith("population 'probe': ")
    assert "\n" not in str(caught.value)


def test_an_unknown_program_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(ConfigurationError, match="no program named 'keppler'; there are bessel_j0"):
        built({"probe": {"category": "program", "program": "keppler", "points": [1]}})


def test_points_or_draws_are_needed_and_float32_needs_an_expression() -> None:
    with pytest.raises(ConfigurationError, match="needs points or draws"):
        built({"probe": {"category": "entire", "expression": "x"}})
    with pytest.raises(ConfigurationError, match="only an expression can be computed in float32"):
        built({"probe": {"category": "noisy", "program": "kepler", "points": [1], "noise": {"single": 6e-8}}})


def test_an_empty_population_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no population is selected; write population=tuning"):
        built({})


@given(st.sampled_from(["uniform", "log_uniform", "signed_log_uniform"]), st.floats(1e-9, 1.0), st.floats(1.0, 1e9))
def test_what_is_drawn_lies_between_the_ends(how: str, low: float, high: float) -> None:
    found = np.abs(Draw(how, low, high)(np.random.default_rng(0), 50))
    assert np.all((found >= low * (1 - 1e-12)) & (found <= high * (1 + 1e-12)))


def test_powers_of_two_and_integers_are_such() -> None:
    generator = np.random.default_rng(0)
    powers = Draw("powers_of_two", -30, 30)(generator, 200)
    assert np.all(np.frexp(powers)[0] == 0.5)
    assert {powers.min(), powers.max()} <= {2.0**k for k in range(-30, 31)}
    assert np.all(Draw("integers", -5, 5)(generator, 200) % 1.0 == 0.0)


def test_every_program_is_in_the_population() -> None:
    used = {family.program.text for family in EVERY if family.program is not None}
    assert used == {program.text for program in PROGRAMS.values()}
