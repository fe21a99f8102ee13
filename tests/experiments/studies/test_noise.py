"""The study of noise: its law against plain arithmetic and against noise that is drawn; methods that do not see it."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from families import built
from studies import Tables, gathered

import derivkit as dk
from derivkit.numerical.methods import Method
from derivkit.testing.attainability import formulas, least_smoothed
from derivkit.testing.noise_law import STEPS, Site, law, site_of
from derivkit.trusted.truth import Truth
from experiments.studies import noise as study
from experiments.studies.noise import Config

LEVELS = (1e-10, 1e-8, 1e-6, 1e-4)


def row(text: str, **noise: float) -> dict[str, Any]:
    return {"category": "noisy", "expression": text, "noise": noise, "draws": {"uniform": [-2, 2]}}


UNIFORM = {"uniform": row("sin(x)", absolute=1e-6)}


def tables(rows: dict[str, Any], **config: Any) -> Tables:
    return gathered(study, Config(population=built(rows), **config))


def planted(call: Callable[..., Any], *orders: int) -> tuple[Method, ...]:
    """A method of one's own, as the only one of a study."""
    return (Method("planted", call, "a test", (1, *orders)),)


def said(f: Any, x: np.ndarray, **changes: Any) -> Any:
    """What dk.derivative says, with changes."""
    found = dk.derivative(f, x)
    fields = ("value", "error", "status", "evaluations", "total", "noise", "delta")
    return SimpleNamespace(**{**{name: getattr(found, name) for name in fields}, **changes})


# The law


def site(text: str, x: np.ndarray) -> Site:
    (family,) = built({"probe": {**row(text, absolute=1e-6)}})
    return site_of(family, x)


def test_the_law_is_the_least_over_formulas_and_steps_of_what_both_errors_make() -> None:
    x, level = np.array([0.4, 1.3]), 1e-7
    expected = []
    for point in x.tolist():
        both = []
        for entry in formulas(1):
            for step in STEPS.tolist():
                nodes = np.array([float(s) for s in entry.offsets])
                weights = np.array([float(w) for w in entry.weights])
                off = abs(float(np.sum(weights * np.sin(point + nodes * step))) / step - math.cos(point))
                both.append(math.hypot(off, level * math.sqrt(float(np.sum(weights**2))) / step))
        expected.append(np.array(both).reshape(len(formulas(1)), 1, STEPS.size))
    by_hand = [float(least_smoothed(one)[0]) for one in expected]
    # Where both errors meet, rounding is to the noise as eps to the level.
    np.testing.assert_allclose(law(site("sin(x)", x).truncation, np.full(2, level)), by_hand, rtol=1e-6)


def test_the_law_is_the_scatter_of_the_best_formula_under_noise_that_is_drawn() -> None:
    """Of 400 drawings the root mean square is known to 1/sqrt(800) = 4 %; no formula beats the law, one meets it."""
    x, level = 0.7, 1e-6
    generator = np.random.default_rng(0)
    promised = float(law(site("sin(3*x)", np.array([x])).truncation, np.array([level]))[0])
    scatter = np.full((len(formulas(1)), 1, 12), np.inf)
    steps = 2.0 ** -np.arange(1.0, 13.0)
    for place, entry in enumerate(formulas(1)):
        nodes, weights = (np.array([float(v) for v in values]) for values in (entry.offsets, entry.weights))
        for k, step in enumerate(steps):
            values = np.sin(3.0 * (x + nodes * step)) + level * generator.standard_normal((400, nodes.size))
            error = values @ weights / step - 3.0 * math.cos(3.0 * x)
            scatter[place, 0, k] = math.sqrt(float(np.mean(error**2)))
    assert float(least_smoothed(scatter)[0]) == pytest.approx(promised, rel=0.15)


@pytest.mark.parametrize("factor", [2.0, 10.0])
def test_the_law_of_a_line_is_proportional_to_the_noise(factor: float) -> None:
    """A line has no truncation, so that the largest step is best and the noise enters as it is."""
    found = site("3*x+1", np.array([0.5])).truncation
    small, large = (float(law(found, np.array([level]))[0]) for level in (1e-3, factor * 1e-3))
    assert large / small == pytest.approx(factor, rel=1e-6)


def test_a_law_without_truncation_is_caught() -> None:
    x = np.array([0.4])
    right = law(site("exp(x)", x).truncation, np.array([1e-7]))
    assert law(0.0 * site("exp(x)", x).truncation, np.array([1e-7]))[0] < 1e-3 * right[0]


def test_truncation_is_that_of_the_function_without_noise() -> None:
    x = np.array([0.4])
    (family,) = built({"probe": row("exp(x)", absolute=1e-2)})
    found = site_of(family, x)
    assert isinstance(found.truth, Truth)
    assert found.truth.high[0] == pytest.approx(math.exp(0.4), rel=1e-15)
    assert float(np.nanmin(found.truncation)) < 1e-9


# A run


def test_the_level_of_noise_is_that_which_was_put_in() -> None:
    found = tables(UNIFORM, points=20, levels=LEVELS)
    assert found["levels"]["level"].tolist() == list(LEVELS)
    # A uniform number in [-1, 1) has the variance 1/3; of 64 the root is known to 6 %, of medians of 20 better.
    np.testing.assert_allclose(found["levels"]["deviation"], np.array(LEVELS) / math.sqrt(3.0), rtol=0.2)
    np.testing.assert_allclose(found["table"]["deviation"], 1e-6 / math.sqrt(3.0), rtol=0.3)


def test_bars_of_noisy_values_are_true_and_their_noise_is_named() -> None:
    found = tables(UNIFORM, points=30, levels=LEVELS)
    (summary,) = found["summary"]["covered"]
    assert summary >= 0.9
    assert found["functions"]["named"][0] > 0.6
    assert (found["levels"]["error"] > found["levels"]["true_error"]).all()


def test_errors_grow_with_the_level_as_the_law_does() -> None:
    found = tables(UNIFORM, points=30, levels=LEVELS)["exponents"]
    # p / (p + 1) lies between 1/2 (forward_1) and 1 (no truncation at all).
    for name in study.FITTED:
        assert 0.5 < found[name][0] < 1.0, name
    assert abs(found["true_error"][0] - found["law"][0]) < 0.15


def test_the_first_function_of_each_kind_is_looked_at_at_every_level() -> None:
    rows = {
        "one": row("sin(x)", absolute=1e-6),
        "two": row("cos(x)", absolute=1e-6),
        "three": row("sin(x)", quantised=1e-6),
        "single": row("sin(x)", single=6e-8),
    }
    found = tables(rows, points=3, levels=(1e-4, 1e-8))["levels"]
    assert found["function"].tolist() == ["one", "one", "three", "three"]
    assert found["level"].tolist() == [1e-8, 1e-4, 1e-8, 1e-4]


def test_what_nobody_can_see_grows_with_the_level() -> None:
    solver = {**row("2+cos(x)", relaxation=1e-6), "slack": 2e-6}
    found = tables({"solver": solver}, points=8, levels=(1e-8, 1e-3))
    assert found["levels"]["slack"].tolist() == pytest.approx([2e-8, 2e-3])
    assert (found["levels"]["true_error"] <= found["levels"]["slack"] + found["levels"]["error"]).all()
    assert np.isnan(found["table"]["law"]).all()
    assert np.isnan(found["summary"]["named"]).all()
    assert any("smooth where f is looked at" in text for text in found["findings"]["finding"])


def test_a_run_without_levels_that_can_be_asked_for_concludes_all_the_same() -> None:
    found = tables({"single": row("sin(x)", single=6e-8)}, points=4)
    assert "levels" not in found
    assert found["findings"]["finding"].size


# Methods that do not see noise


def test_a_method_that_takes_noise_for_rounding_is_caught() -> None:
    method = planted(lambda f, x: said(f, x, error=np.full(x.shape, 1e-13), status=np.full(x.shape, "ok")))
    found = tables(UNIFORM, points=20, levels=LEVELS, estimator=method)
    assert found["functions"]["covered"][0] == 0.0
    assert (found["levels"]["noticed"] == 0.0).all()
    told = " ".join(found["findings"]["finding"])
    assert "of which 0 % are true" in told
    assert "At every level most answers say ok" in told


def test_a_level_that_is_named_wrongly_is_caught() -> None:
    def wrong(f: Any, x: np.ndarray) -> Any:
        return said(f, x, noise=5.0 * dk.derivative(f, x).noise)

    method = planted(wrong)
    found = tables(UNIFORM, points=20, levels=LEVELS, estimator=method)
    assert found["functions"]["named"][0] < 0.2
    assert any("named within a factor of 2 at less than" in text for text in found["findings"]["finding"])


def test_a_method_that_refuses_has_no_line_and_is_told() -> None:
    nothing = {"value": math.nan, "error": math.inf, "status": "unresolved"}
    method = planted(lambda f, x: said(f, x, **{name: np.full(x.shape, to) for name, to in nothing.items()}))
    found = tables(UNIFORM, points=5, levels=LEVELS, estimator=method)
    assert "curves" not in found
    assert found["exponents"]["levels"].tolist() == [0]
    assert any(
        "Fewer than half of the points are answered for uniform noise" in t for t in found["findings"]["finding"]
    )


def test_a_method_that_names_no_noise_is_not_judged_by_it() -> None:
    method = planted(lambda f, x: said(f, x, noise=np.full(x.shape, np.nan)))
    found = tables(UNIFORM, points=5, estimator=method)
    assert np.isnan(found["summary"]["named"]).all()
    assert any("does not name the level" in text for text in found["findings"]["finding"])


@pytest.mark.parametrize(
    ("rows", "changes", "message"),
    [
        (UNIFORM, {"levels": (1e-8, 0.0)}, "levels=0: a level of noise is above 0"),
        (UNIFORM, {"points": 0}, "points=0: must be at least 1"),
        ({"exp": {"category": "entire", "expression": "exp(x)", "points": [1]}}, {}, "exp: this study is of noise"),
        (
            {"pure": {**row("0*x", absolute=1.0), "category": "no_derivative", "statuses": ["unresolved"]}},
            {},
            "pure: this study is of noise on derivatives",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(rows: dict[str, Any], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config(population=built(rows), **changes)
