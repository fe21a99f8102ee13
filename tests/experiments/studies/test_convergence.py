"""The study of convergence: the observed order, and why a slope is off or missing, each reason provoked."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf

import derivkit as dk
from derivkit.numerical.formulas import NAMES, ROWS
from experiments.studies import convergence

ROOT = Path(__file__).resolve().parents[3]
POWERS = tuple(2.0**k for k in range(-30, 0))


def problem(text: str, *points: float, **more: Any) -> dk.Problem:
    return dk.Problem(dk.Function.from_expression(text, **more), points)


def rows(*problems: dk.Problem, **config: Any) -> list[dict[str, Any]]:
    chunks = convergence.run(convergence.Config(function=problems, **config))
    return [row for name, columns in chunks if name == "table" for row in convergence._distinct(columns)]


def row(text: str, x: float, method: str, *, delta: tuple[float, ...] = POWERS, **more: Any) -> dict[str, Any]:
    (found,) = rows(problem(text, x, **more), method=(method,), delta=delta)
    return found


@pytest.mark.parametrize(
    ("method", "order"), [("forward_1", 1), ("backward_2", 2), ("central_2", 2), ("forward_3", 3), ("central_4", 4)]
)
def test_a_smooth_function_shows_the_claimed_order(method: str, order: int) -> None:
    found = row("exp(x)", 1.0, method)
    assert (found["verdict"], found["reason"]) == ("as claimed", "")
    assert found["order_observed"] == pytest.approx(order, abs=0.05)
    assert found["order_here"] == found["order"] == order


@pytest.mark.parametrize("derivative", [1, 2, 3, 4])
def test_the_order_does_not_depend_on_the_derivative(derivative: int) -> None:
    found = rows(problem("exp(3*x)", 0.5), method=("forward_1", "central_2"), derivative=derivative)
    assert [r["verdict"] for r in found] == ["as claimed"] * 2


def test_the_slope_is_taken_where_truncation_stands_clear_of_rounding() -> None:
    found = row("exp(x)", 1.0, "central_2")
    (prediction,) = dk.predict_error(
        dk.Function.from_expression("exp(x)"), 1.0, found["smallest_delta"], formulas=[dk.formula("central_2")]
    )
    error = abs(dk.difference(np.exp, 1.0, found["smallest_delta"], formula="central_2") - math.e)
    assert error >= convergence.CLEAR * prediction.rounding
    assert found["largest_delta"] == 2.0 ** (convergence.WINDOW - 1) * found["smallest_delta"]


def test_taylors_terms_give_the_error_of_the_formula() -> None:
    f = dk.Function.from_expression("sin(x)")
    for name in ("forward_1", "central_4", "backward_3"):
        (terms,) = dk.truncation_terms(f, 1.0, formulas=[dk.formula(name)], terms=12)
        powers = dk.formula(name).order + np.arange(12)
        error = dk.difference(np.sin, 1.0, 2.0**-4, formula=name) - math.cos(1.0)
        # Rounding: the values' eps times the noise gain over delta; the series' tail is far smaller.
        assert float(np.sum(terms * 2.0 ** (-4.0 * powers))) == pytest.approx(error, abs=2e-14)


def test_a_formula_at_a_point_of_odd_symmetry_gains_an_order() -> None:
    found = row("sin(x)", 0.0, "forward_1")
    assert (found["verdict"], found["reason"], found["order_here"]) == ("off", "odd cancellation", 2.0)
    assert found["order_observed"] == pytest.approx(2.0, abs=0.05)
    assert "f^(2) = 0, as is every even derivative" in found["why"]


def test_a_vanishing_derivative_without_symmetry_is_called_so() -> None:
    found = row("x + x^3 + x^4", 0.0, "forward_1")
    assert (found["verdict"], found["reason"]) == ("off", "vanishing derivative")
    assert found["why"].startswith("f^(2) = 0 at x = 0")


def test_a_derivative_that_only_almost_vanishes_is_said_with_its_share() -> None:
    found = row("x + x^3 + x^2/1000000000", 0.0, "forward_1")
    assert (found["verdict"], found["reason"], found["order_here"]) == ("off", "vanishing derivative", 1.0)
    assert found["order_observed"] == pytest.approx(2.0, abs=0.1)
    assert "so small" in found["why"]


def test_a_polynomial_that_the_formula_differentiates_exactly_has_no_slope() -> None:
    found = row("3*x^2 + 5*x", 0.7, "central_2")
    assert (found["verdict"], found["reason"]) == ("no slope", "exact formula")
    assert math.isnan(found["order_observed"])
    assert math.isnan(found["order_here"])


def test_the_other_piece_of_a_function_that_is_straight_here_is_noticed() -> None:
    found = row("abs(x)", 0.3, "central_2")
    assert found["reason"] == "exact formula"
    assert "until at delta = 0.5 the stencil meets another piece" in found["why"]


@pytest.mark.parametrize("text", ["abs(x)", "x*abs(x)", "cbrt(x)", "floor(x)"])
def test_a_kink_is_a_kink(text: str) -> None:
    found = row(text, 0.0, "central_2")
    assert (found["verdict"], found["reason"]) == ("no slope", "kink")


def test_rounding_that_comes_first_is_proved_by_both_limits() -> None:
    found = row("exp(x)", 1.0, "forward_8")
    assert (found["verdict"], found["reason"]) == ("off", "rounding reached")
    assert found["rounding_below"] * 2.0**convergence.WINDOW > found["asymptotic_below"]
    assert found["order_observed"] == pytest.approx(found["order_predicted"], abs=0.1)


def test_a_noisy_black_box_reaches_rounding_where_its_expression_does_not() -> None:
    noisy = dk.Problem(dk.Function.from_black_box("sin_float32", expression="sin(x)"), (1.0,))
    (found,) = rows(noisy, method=("central_4",), delta=POWERS)
    assert found["reason"] == "rounding reached"
    assert row("sin(x)", 1.0, "central_4")["verdict"] == "as claimed"


def test_deltas_that_are_all_too_large_are_said_to_be() -> None:
    assert row("sin(1000*x)", 1.0, "central_2", delta=(0.5, 0.25, 0.125, 0.0625))["reason"] == "not asymptotic"
    assert row("sin(1000*x)", 1.0, "central_2")["verdict"] == "as claimed"


def test_deltas_that_are_all_too_small_are_said_to_be() -> None:
    found = row("exp(x)", 1.0, "central_4", delta=tuple(2.0**k for k in range(-30, -20)))
    assert (found["verdict"], found["reason"]) == ("no slope", "deltas too small")


def test_a_domain_that_ends_too_early_is_named_with_the_delta_at_which_it_is_left() -> None:
    found = row("exp(x)", 1.0, "central_4", domain=(1.0 - 2.0**-8, 2.0))
    assert (found["verdict"], found["reason"]) == ("no slope", "domain left")
    assert "leaves the domain at delta = 3.9e-03" in found["why"]


def test_without_an_expression_there_is_no_order() -> None:
    black = dk.Problem(dk.Function.from_callable(math.sin, name="math:sin"), (1.0,))
    (found,) = rows(black, method=("central_2",))
    assert (found["verdict"], found["reason"]) == ("no slope", "no exact value")


def test_an_error_that_theory_does_not_know_of_is_unexplained() -> None:
    """A case whose errors follow another law than its terms: the study must not find an excuse."""
    f = dk.Function.from_expression("exp(x)")
    (case,) = convergence._cases(f, 1.0, np.array(POWERS), [dk.formula("central_2")])
    wrong = replace(case, error=case.delta)
    assert convergence._row(case)["verdict"] == "as claimed"
    found = convergence._row(wrong)
    assert (found["verdict"], found["reason"]) == ("off", "unexplained")


def test_the_asymptotic_range_is_where_the_series_has_the_slope_of_its_first_term() -> None:
    f = dk.Function.from_expression("exp(x)")
    (case,) = convergence._cases(f, 1.0, np.array(POWERS), [dk.formula("forward_2")])
    edge = convergence._asymptotic_below(case)
    inside, outside = (np.array([share * edge, share * edge * 1.001]) for share in (0.5, 4.0))
    assert abs(dk.observed_order(inside, case.series(inside)) - 2.0) < convergence.TOLERANCE
    assert abs(dk.observed_order(outside, case.series(outside)) - 2.0) > convergence.TOLERANCE


def preset() -> Any:
    return OmegaConf.load(ROOT / "conf/experiment/convergence.yaml")


def test_the_preset_leaves_out_no_function_and_no_formula_of_the_project() -> None:
    """Somebody's own are added by one file, and no test asks for a second: so the project's are counted."""
    functions, methods = (next(iter(entry.values())) for entry in preset().defaults[:2])
    assert set(functions) <= {path.stem for path in (ROOT / "conf/function").glob("*.yaml")}
    assert set(methods) <= set(NAMES)
    assert len(functions) == len(set(functions)) >= 71
    assert len(methods) == len(set(methods)) >= 20


def test_every_slope_of_every_function_is_explained(problem_name: str) -> None:
    from experiments.running.settings import build  # noqa: PLC0415 -- only this test reads configurations

    plain = OmegaConf.to_container(OmegaConf.load(ROOT / f"conf/function/{problem_name}.yaml"))
    methods = {entry.name: {"formula": entry.name} for entry in ROWS if entry.derivative == 1}
    config = build(convergence, {"function": plain, "method": methods, "delta": list(POWERS)})
    found = [r for name, columns in convergence.run(config) if name == "table" for r in convergence._distinct(columns)]
    assert len(found) == config.rows
    for r in found:
        assert (r["reason"] == "") == (r["verdict"] == "as claimed") == (abs(r["deviation"]) <= convergence.TOLERANCE)
        assert r["reason"] in {"", *convergence.REASONS} - {"unexplained"}, r
        assert bool(r["why"]) == bool(r["reason"])


def test_what_the_whole_run_says_is_what_its_rows_say() -> None:
    config = convergence.Config(
        function=(problem("exp(x)", 1.0), problem("sin(x)", 0.0)), method=("forward_1", "central_2"), delta=POWERS
    )
    (first, second) = (columns for name, columns in convergence.run(config) if name == "table")
    table = {name: list(itertools.chain(first[name], second[name])) for name in first}
    found = dict(convergence.conclude({"table": table}))
    assert found["off"]["reason"] == ["odd cancellation"]
    assert found["summary"]["as_claimed"].tolist() == [1, 2]
    assert found["summary"]["main_reason"] == ["odd cancellation (1)", ""]
    assert found["orders"]["order_claimed"] == ["order 1", "order 2"]
    np.testing.assert_allclose(found["orders"]["order_observed"], [1.5, 2.0], atol=0.05)
    sentences = found["findings"]["finding"]
    assert sentences[0].startswith("4 of 4 formulas at a point show a slope; 3 lie within 0.1")
    assert any("1 off: odd cancellation" in sentence for sentence in sentences)


def test_the_errors_drawn_are_those_of_the_formulas() -> None:
    config = convergence.Config(function=(problem("exp(x)", 1.0),), method=("central_2",), delta=POWERS)
    (errors,) = (columns for name, columns in convergence.run(config) if name == "errors")
    expected = np.abs(dk.difference(np.exp, 1.0, np.array(POWERS), formula="central_2") - math.e)
    np.testing.assert_array_equal(errors["error"], expected)
    assert np.all(errors["error"] <= errors["predicted"])


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"delta": (0.5, 0.25, 0.125)}, "at least 4 different deltas"),
        ({"delta": (0.5, 0.25, 0.125, 0.1)}, "delta=0.1: not a power of two"),
        ({"method": ("central_5",)}, "no formula named 'central_5'"),
        ({"method": ()}, "at least one"),
    ],
)
def test_a_config_that_cannot_run_is_refused(config: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        convergence.Config(function=(problem("x", 1.0),), **config)
