"""The study of honesty: its definitions by hand, and methods that lie, each caught in its own way."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from families import built
from studies import Tables, gathered, rows

import derivkit as dk
from derivkit.testing import ENTRY_GOALS, ENTRY_METHODS, GOALS, LANDSCAPES, EntryMethod, Method
from derivkit.testing.goals import MIN_POINTS
from experiments.studies import honesty as study
from experiments.studies.honesty import Config

SMOOTH = {
    "exp": {"category": "entire", "expression": "exp(x)", "draws": {"uniform": [-2, 2]}},
    "wave": {"category": "entire", "expression": "sin(3*x)", "draws": {"uniform": [-2, 2]}, "points": [0]},
}
KINK = {
    "kink": {"category": "no_derivative", "expression": "abs(x)", "points": [0], "statuses": ["kink", "unresolved"]}
}
NOISE = {
    "noise": {
        "category": "noisy",
        "expression": "sin(x)",
        "noise": {"absolute": 1e-6},
        "draws": {"uniform": [-2, 2]},
        "statuses": ["noisy", "below_resolution"],
    }
}


def tables(population: dict[str, Any], **config: Any) -> Tables:
    return gathered(study, Config(population=built(population), **config))


def goal(found: Tables, words: str) -> dict[str, Any]:
    near, measures = words.startswith("near breaks"), found["goals"]["measure"]
    (place,) = [k for k, text in enumerate(measures) if words in text and text.startswith("near breaks") == near]
    return {name: values[place] for name, values in found["goals"].items()}


def planted(call: Callable[..., Any], *orders: int) -> tuple[Method, ...]:
    """A method of one's own, as the only one of a study."""
    return (Method("planted", call, "a test", (1, *orders)),)


def said(f: Any, x: np.ndarray, **changes: Any) -> Any:
    """What dk.derivative says, with changes."""
    found = dk.derivative(f, x)
    fields = ("value", "error", "status", "evaluations", "total")
    return SimpleNamespace(**{**{name: getattr(found, name) for name in fields}, **changes})


# A run


def test_the_cases_hold_all_that_their_measures_come_from() -> None:
    found = tables({**SMOOTH, **NOISE}, points=12, derivatives=(1, 2))
    table = found["table"]
    with np.errstate(all="ignore"):
        error = np.abs((table["value"] - table["truth"]) - table["truth_low"])
        half_ulp = 0.5 * np.spacing(np.abs(table["truth"]))
        assert np.array_equal(table["true_error"], error)
        assert np.array_equal(table["covered"], error <= table["error"] + table["slack"] + half_ulp)
        floor = np.maximum(np.maximum(error, half_ulp), table["attainable"])
        assert np.array_equal(table["tightness"], table["error"] / floor)
    assert set(table["function"][table["derivative"] == 2]) == {"exp", "wave"}
    assert set(table["function"][table["derivative"] == 1]) == {"exp", "wave", "noise"}


def test_truths_are_those_of_the_function() -> None:
    table = tables(SMOOTH, points=9, derivatives=(1, 2))["table"]
    for order, function in ((1, np.exp), (2, np.exp)):
        own = (table["function"] == "exp") & (table["derivative"] == order)
        np.testing.assert_allclose(table["truth"][own], function(table["x"][own]), rtol=4e-16)
    own = (table["function"] == "wave") & (table["derivative"] == 2)
    np.testing.assert_allclose(table["truth"][own], -9.0 * np.sin(3.0 * table["x"][own]), rtol=1e-14, atol=0)


def test_points_come_from_the_seed_and_none_is_there_twice() -> None:
    rows = {"whole": {"category": "entire", "expression": "exp(x)", "draws": {"integers": [-2, 2]}}}
    one, same, other = (tables({**rows, **SMOOTH}, points=40, seed=seed)["table"]["x"].tolist() for seed in (1, 1, 2))
    assert one == same != other
    assert one[:5] == [-2.0, -1.0, 0.0, 1.0, 2.0]
    config = Config(population=built({**rows, **SMOOTH}), points=40)
    assert len(one) == 85 <= config.rows == 120


def test_smooth_functions_reach_the_goals_of_every_bar() -> None:
    found = tables({**SMOOTH, **KINK}, points=40)
    for words in ("misses among answers with the status ok", "misses among all answers", "status ok, median"):
        assert goal(found, words)["reached"] == "yes", words
    assert goal(found, "answered with the status ok")["measured"] == 0.0
    assert set(found["evaluations"]["agree"]) == {"yes"}
    assert "in all 3 calls the method says exactly as many" in found["findings"]["finding"][-1]


def test_the_level_of_noise_is_compared_with_what_was_put_in() -> None:
    found = tables(NOISE, points=40)
    table = found["table"]
    # The root of the variance of 64 uniform numbers is 1/sqrt(3) within 6 %, five times that at most.
    np.testing.assert_allclose(table["deviation"], 1e-6 / math.sqrt(3.0), rtol=0.3)
    assert goal(found, "level about its mean")["cases"] == 40


NEAR = {
    "cube": {
        "category": "near_break",
        "expression": "piecewise((exp(x), x < 0), (x^3+exp(x), True))",
        "around": [0],
        "points": [0],
        "draws": {"signed_log_uniform": [1e-2, 1]},
        "derivatives": [1, 3],
        "at_break": ["kink"],
    },
    "kink": {
        "category": "near_break_held_out",
        "expression": "abs(x)",
        "around": [0],
        "points": [0],
        "draws": {"signed_log_uniform": [1e-2, 1]},
        "at_break": ["kink"],
    },
}


def test_points_near_breaks_have_goals_of_their_own_for_each_half_and_move_no_other() -> None:
    alone, both = tables(SMOOTH, points=12), tables({**SMOOTH, **NEAR}, points=12)
    goals = [text for text in both["goals"]["measure"] if text.startswith("near breaks")]
    assert len(goals) == 8
    assert sum("held out" in text for text in goals) == 4
    others = [k for k, text in enumerate(both["goals"]["measure"]) if text not in goals]
    np.testing.assert_array_equal(alone["goals"]["measured"][others], both["goals"]["measured"][others])
    assert goal(alone, "worst miss with the status ok")["measured"] == alone["summary"]["worst_miss"][0]
    table = both["table"]
    assert sorted(set(table["derivative"][table["function"] == "cube"])) == [1, 3]
    assert goal(both, "near breaks, held out: misses among all answers")["cases"] == 11


def test_a_method_that_says_ok_everywhere_is_caught_near_breaks_in_either_half() -> None:
    def bold(f: Any, x: np.ndarray, **_: int) -> Any:
        return said(f, x, value=np.zeros(x.shape), error=np.full(x.shape, 1e-3), status=np.full(x.shape, "ok"))

    found = tables(NEAR, points=12, estimator=planted(bold, 3))
    for half in ("near breaks: ", "near breaks, held out: "):
        silent = goal(found, f"{half}answered with the status ok where no derivative exists")
        assert (silent["measured"], silent["cases"], silent["reached"]) == (1.0, 1, "no")
        assert goal(found, f"{half}a right status where no derivative exists")["measured"] == 0.0
        for words in ("misses among answers with the status ok", "misses among all answers"):
            assert goal(found, f"{half}{words}")["measured"] == 100.0
    rows = dict(zip(found["misses"]["category"], found["misses"]["missed_goal"], strict=True))
    assert rows == {"near_break": 0.5, "near_break_held_out": 0.5}


# Methods that lie


def test_a_bar_of_0_is_caught() -> None:
    method = planted(lambda f, x: said(f, x, error=np.zeros(x.shape), status=np.full(x.shape, "ok")))
    found = tables(SMOOTH, points=40, estimator=method)
    misses = goal(found, "misses among answers with the status ok")
    assert misses["reached"] == "no"
    assert misses["measured"] > 20.0
    assert goal(found, "worst miss with the status ok")["measured"] == math.inf
    assert goal(found, "worst miss with the status ok")["reached"] == "no"
    assert any(
        "Missed (first derivative without the points near breaks): misses among answers with the status ok" in text
        for text in found["findings"]["finding"]
    )


def test_a_bar_that_is_always_true_but_far_too_long_is_caught() -> None:
    method = planted(lambda f, x: said(f, x, error=np.full(x.shape, 1e6), status=np.full(x.shape, "ok")))
    found = tables(SMOOTH, points=40, estimator=method)
    assert goal(found, "misses among answers with the status ok")["reached"] == "yes"
    assert goal(found, "tightness of answers with the status ok, median")["reached"] == "no"


def test_a_bound_far_too_long_does_not_pass_for_ok() -> None:
    changes = {"error": 1e6, "status": "below_resolution"}
    method = planted(lambda f, x: said(f, x, **{name: np.full(x.shape, to) for name, to in changes.items()}))
    found = tables(SMOOTH, points=40, estimator=method)
    assert goal(found, "ok, or a bound")["reached"] == "no"


def test_a_silent_answer_is_caught() -> None:
    def silent(f: Any, x: np.ndarray) -> Any:
        slope = dk.difference(f, x, 1e-5, formula="central_2")
        return said(f, x, value=slope, error=np.full(x.shape, 1e-6), status=np.full(x.shape, "ok"))

    method = planted(silent)
    found = tables({**SMOOTH, **KINK}, estimator=method)
    row = goal(found, "answered with the status ok")
    assert (row["measured"], row["cases"], row["reached"]) == (1.0, 1, "no")
    assert goal(found, "a right status, every")["measured"] == 0.0
    assert any("it gives a value with the status ok at 1 (kink), and" in text for text in found["findings"]["finding"])


def test_a_method_that_refuses_is_caught() -> None:
    nothing = {"value": math.nan, "error": math.inf, "status": "unresolved"}
    method = planted(lambda f, x: said(f, x, **{name: np.full(x.shape, to) for name, to in nothing.items()}))
    found = tables(SMOOTH, points=10, estimator=method)
    assert goal(found, "no answer where there could be one")["measured"] == 100.0
    assert goal(found, "misses among all answers")["reached"] == "not measured"
    assert any("it answers at no point at which it could" in text for text in found["findings"]["finding"])


def test_a_refusal_where_f_cannot_be_seen_does_not_count() -> None:
    nothing = {"value": math.nan, "error": math.inf, "status": "unresolved"}
    method = planted(lambda f, x: said(f, x, **{name: np.full(x.shape, to) for name, to in nothing.items()}))
    speck = {"category": "edge", "expression": "exp(x)", "points": [1], "domain": [1, 1.0000000000002]}
    found = tables({**SMOOTH, "speck": speck}, points=2, estimator=method)
    assert found["table"]["counts"].tolist() == [True, True, True, True, False]


def test_evaluations_that_are_kept_secret_are_caught() -> None:
    method = planted(lambda f, x: said(f, x, total=7))
    found = tables(SMOOTH, estimator=method)
    assert set(found["evaluations"]["agree"]) == {"no"}
    assert "planted: in 2 calls the method says another number" in found["findings"]["finding"][-1]


def test_evaluations_that_are_repeated_are_told_from_those_kept_secret() -> None:
    def twice(f: Any, x: np.ndarray) -> Any:
        f(x)
        return dk.derivative(f, x)

    method = planted(twice)
    found = tables(SMOOTH, estimator=method)
    assert set(found["evaluations"]["agree"]) == {"but for repeats"}
    assert "as many different points, and evaluates some again" in found["findings"]["finding"][-1]


def test_a_level_of_noise_that_is_named_wrongly_is_caught() -> None:
    def wrong(f: Any, x: np.ndarray) -> Any:
        found = dk.derivative(f, x)
        return said(f, x, noise=3.0 * found.noise, delta=found.delta)

    method = planted(wrong)
    found = tables(NOISE, points=40, estimator=method)
    assert goal(found, "level about its mean")["measured"] < 50.0
    assert goal(tables(NOISE, points=40), "level about its mean")["measured"] > 50.0


# Goals


def test_every_goal_has_its_row_for_every_method() -> None:
    found = tables({**SMOOTH, **KINK, **NOISE}, derivatives=(1, 2))["goals"]
    assert found["measure"].tolist() == [one.measure for one in GOALS]
    assert len(set(found["measure"])) == len(GOALS)


def test_the_weakest_function_is_found_among_those_with_many_points() -> None:
    def short(f: Any, x: np.ndarray) -> Any:
        found = dk.derivative(f, x)
        return said(f, x, error=np.where(np.abs(x) < 0.02, 0.0, found.error))

    method = planted(short)
    found = tables(SMOOTH, points=MIN_POINTS, estimator=method)
    row = goal(found, "coverage of the weakest function")
    by_function = found["functions"]
    assert row["measured"] == pytest.approx(100.0 * by_function["covered"].min())
    assert row["cases"] == 2
    assert goal(tables(SMOOTH, points=20), "coverage of the weakest function")["reached"] == "not measured"


# Many variables


def entry_tables(monkeypatch: pytest.MonkeyPatch, *methods: EntryMethod) -> Tables:
    """Of three small functions, Rosenbrock's among them."""
    monkeypatch.setattr(study, "LANDSCAPES", LANDSCAPES[:2] + LANDSCAPES[5:6])
    monkeypatch.setattr(study, "ENTRY_METHODS", {method.name: method for method in methods})
    return tables(SMOOTH, points=3, landscapes=2)


def entry_goal(found: Tables, method: str, words: str) -> dict[str, Any]:
    goals = rows(found["goals"], method=method)
    (place,) = [k for k, text in enumerate(goals["measure"]) if words in text]
    return {name: values[place] for name, values in goals.items()}


@pytest.mark.parametrize("method", ENTRY_METHODS.values(), ids=list(ENTRY_METHODS))
def test_entries_of_many_variables_have_rows_and_goals_beside_those_of_one(
    monkeypatch: pytest.MonkeyPatch, method: EntryMethod
) -> None:
    found = entry_tables(monkeypatch, method)
    entries = found["entries"]
    assert len(entries["entry"]) == 2 * sum(len(method.entries(size)) for size in (2, 10, 2))
    error = np.abs(entries["value"] - entries["truth"])
    half_ulp = 0.5 * np.spacing(np.abs(entries["truth"]))
    assert np.array_equal(entries["covered"], error <= entries["error"] + half_ulp)
    goals = rows(found["goals"], method=method.name)
    assert goals["measure"].tolist() == [one.measure for one in ENTRY_GOALS[method.name]]
    assert entry_goal(found, method.name, "coverage")["reached"] == "yes"
    assert len(rows(found["goals"], method="derivative")["measure"]) == len(GOALS)
    assert set(found["evaluations"]["agree"]) == {"yes"}
    assert any(text.startswith(f"{method.name}, 3 functions of 2 to 10") for text in found["findings"]["finding"])
    assert set(found["scatter"]["method"]) == {"derivative", method.name}


def test_gradients_that_lie_cost_too_much_or_refuse_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def bold(f: Any, x: np.ndarray) -> Any:
        for _ in range(99):
            f(x)
        result = dk.gradient(f, x)
        return replace(result, error=1e-3 * np.abs(result.error), value=np.append(np.nan, result.value[1:]))

    found = entry_tables(monkeypatch, EntryMethod("gradient", 1, bold, ENTRY_METHODS["gradient"].truth))
    for words in ("coverage", "Rosenbrock", "weighing the same", "no answer"):
        assert entry_goal(found, "gradient", words)["reached"] == "no", words
    called = found["evaluations"]["counted"][found["evaluations"]["method"] == "gradient"]
    assert entry_goal(found, "gradient", "Rosenbrock")["measured"] == pytest.approx(called[1] / 20)
    assert "yes" not in rows(found["evaluations"], method="gradient")["agree"]


# What is drawn


def test_reliability_at_one_bar_is_the_share_of_misses() -> None:
    found = tables({**SMOOTH, **NOISE}, points=60)
    curve, summary = found["reliability"], found["summary"]
    (at,) = [k for k, factor in enumerate(study.FACTORS) if factor == 1.0]
    (beyond,) = curve["beyond"][(curve["answers"] == "ok") & (curve["factor"] == study.FACTORS[at])]
    assert beyond == pytest.approx(1.0 - summary["ok_covered"][0])
    assert all(np.diff(curve["beyond"][curve["answers"] == "ok"]) <= 0.0)


def test_one_bar_of_almost_nothing_does_not_squeeze_the_scatter() -> None:
    def tiny(f: Any, x: np.ndarray) -> Any:
        found = said(f, x)
        return said(f, x, error=np.where(np.arange(x.size) == 0, 1e-100, found.error))

    found = tables(SMOOTH, points=60, estimator=planted(tiny))
    assert found["table"]["error"].min() == 1e-100
    assert found["scatter"]["error"].min() >= study.LEAST_DRAWN


def test_the_scatter_has_the_line_where_bar_and_error_are_equal() -> None:
    scatter = tables(SMOOTH, points=60)["scatter"]
    line = scatter["answers"] == study.EQUAL
    assert np.array_equal(scatter["true_error"][line], scatter["error"][line])
    assert set(scatter["answers"][~line]) <= {"ok", "below_resolution"}
    assert np.all(scatter["true_error"] > 0.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"derivatives": (2,)}, r"derivatives=\[2\]: 1, and as you like"),
        ({"derivatives": (1, 5)}, r"derivatives=\[1, 5\]"),
        ({"points": 0}, "points=0: must be at least 1"),
        ({"landscapes": -1}, "landscapes=-1: must be at least 0"),
    ],
)
def test_what_cannot_be_measured_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config(population=built(SMOOTH), **changes)
