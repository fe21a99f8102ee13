"""The study of analytical against numerical derivatives: its errors against a witness, its times, what it finds."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf
from studies import Tables, gathered

import derivkit as dk
from experiments.studies import analytical_vs_numerical as study
from experiments.studies.analytical_vs_numerical import ANALYTICAL, DUAL, Config

CONF = Path(__file__).resolve().parents[3] / "conf"


def problem(text: str, *points: float) -> dk.Problem:
    return dk.Problem(dk.Function.from_expression(text), points)


def tables(*problems: dk.Problem, **config: Any) -> Tables:
    """Every table of a run, whole."""
    return gathered(study, Config(function=problems, **{"samples": 10, **config}))


def rows_of(found: dict[str, np.ndarray], method: str) -> dict[str, np.ndarray]:
    return {name: column[found["method"] == method] for name, column in found.items()}


def test_the_number_of_rows_is_the_number_promised() -> None:
    problems = (problem("exp(x)", 0.0, 1.0), problem("sin(x)", 1.0))
    assert len(tables(*problems)["table"]["x"]) == Config(function=problems).rows == 12


@pytest.mark.parametrize(
    ("text", "derivative"), [("exp(x)", math.exp), ("sin(x)", math.cos), ("x^3", lambda x: 3 * x**2)]
)
def test_every_way_comes_near_the_derivative_and_the_rules_come_nearest(text: str, derivative: Any) -> None:
    found = tables(problem(text, 0.7, 1.3))["table"]
    for method, digits in ((ANALYTICAL, 15.0), (DUAL, 15.0), ("forward_1", 7.0), ("central_2", 9.0)):
        own = rows_of(found, method)
        assert own["estimate"] == pytest.approx([derivative(x) for x in (0.7, 1.3)], rel=10.0**-digits)
        assert own["status"].tolist() == ["ok", "ok"]
        np.testing.assert_allclose(own["digits"], np.minimum(-np.log10(np.maximum(own["relative_error"], 1e-16)), 16.0))


def test_without_truncation_the_error_is_rounding_and_within_its_bound() -> None:
    """Where a formula cancels too: the exact value, itself rounded, is the witness."""
    texts = ("exp(x)", "sin(x)/x", "exp(-x^2/2)", "(1-cos(x))/x^2", "log(x)-log(x+1)", "x^x", "tanh(x)*sqrt(x)")
    found = tables(*(problem(text, 1e-3, 0.3, 1.7, 40.0) for text in texts))["table"]
    for method in (ANALYTICAL, DUAL):
        own = rows_of(found, method)
        there = own["status"] == "ok"
        assert np.count_nonzero(there) >= 20
        bound = own["rounding"] + 0.5 * np.spacing(np.abs(own["exact"]))
        assert np.all(own["error"][there] <= bound[there])
    formulas = rows_of(found, "central_2")
    delta, central = formulas["delta"][1], dk.formula("central_2")
    (wide,) = dk.predict_error(dk.Function.from_expression("exp(x)"), 0.3, delta, formulas=[central])
    assert formulas["rounding"][1] == wide.rounding


def test_an_analytical_derivative_that_cancels_is_found_out() -> None:
    found = tables(problem("(1-cos(x))/x^2", 1e-4), problem("exp(x)", 1.0))
    losses = found["losses"]
    assert losses["function"].tolist() == ["(1-cos(x))/x^2"]
    assert losses["digits"].tolist() == [0.0]
    assert losses["derivative"][0].endswith("/x**4")
    first, second = found["findings"]["finding"][:2]
    assert "it is right to 2 ulp at 1 of 2 points, and its relative error is above 1e-10 at 1 of 2 points" in first
    assert "(1-cos(x))/x^2 at 0.0001" in second


def test_where_nothing_is_lost_the_findings_claim_no_loss() -> None:
    said = tables(problem("exp(x)", 1.0), cancelling=("sin(x)",))["findings"]["finding"].tolist()
    assert "Exact, within rounding: it is right to 2 ulp at the one point" in said[0]
    assert not any("loses" in sentence for sentence in said)


def test_every_status_has_its_meaning() -> None:
    box = dk.Problem(dk.Function.from_black_box("sin_float32", expression="sin(x)"), (1.0,))
    found = tables(box, problem("abs(x)", 0.0, 1.0))["table"]
    assert {"ok", "no_derivative", "not_numpy"} <= set(found["status"]) <= set(study.STATUSES)


def test_where_there_is_no_derivative_no_way_gives_one() -> None:
    found = tables(problem("abs(x)", 0.0, 1.0))["table"]
    assert found["status"][found["x"] == 0.0].tolist() == ["no_derivative"] * 4
    assert np.isnan(found["error"][found["x"] == 0.0]).all()


def test_a_black_box_goes_its_own_way_and_dual_numbers_say_that_they_cannot() -> None:
    box = dk.Problem(dk.Function.from_black_box("sin_float32", expression="sin(x)"), (1.0,))
    found = tables(box)["table"]
    assert rows_of(found, DUAL)["status"].tolist() == ["not_numpy"]
    assert rows_of(found, ANALYTICAL)["ulps"][0] <= 2.0
    assert rows_of(found, "central_2")["relative_error"][0] > 1e-7


def test_a_time_is_a_ratio_to_f_and_grows_with_the_evaluations() -> None:
    cost = tables(problem("exp(sin(exp(x)))", 1.0), samples=20_000, repeats=5, method=("central_2", "central_8"))[
        "cost"
    ]
    ratio = dict(zip(cost["method"].tolist(), cost["ratio"].tolist(), strict=True))
    assert cost["evaluations"].tolist() == [0, 1, 2, 8]
    assert 1.2 < ratio["central_2"] < ratio["central_8"] / 2
    assert ratio["central_8"] > 6.0


def test_the_ranks_fall_and_the_picture_holds_every_method_once() -> None:
    found = tables(problem("exp(x)", 0.0, 0.5, 1.0), problem("1/x", 0.3, 2.0))
    ranked, methods = found["ranked"], [ANALYTICAL, DUAL, "forward_1", "central_2"]
    assert list(dict.fromkeys(ranked["method"])) == methods
    assert all(np.all(np.diff(rows_of(ranked, method)["digits"]) <= 0.0) for method in methods)
    assert [label for label in found["picture"]["label"] if label] == methods


def test_the_findings_answer_both_questions_and_tell_where_a_formula_cancels() -> None:
    said = tables(problem("exp(x)", 1.0), cancelling=("(1-cos(x))/x^2",), per_decade=1)["findings"]["finding"].tolist()
    assert [sentence[:18] for sentence in said[:2]] == ["Is the analytical ", "Is it much quicker"]
    (swept,) = [sentence for sentence in said if sentence.startswith("(1-cos(x))/x^2, swept over 5 points")]
    assert "between x = 0.0001 and 0.01" in swept or "between x = 0.0001 and 0.001" in swept


def plain(path: Path) -> Any:
    return OmegaConf.to_container(OmegaConf.load(path))


def test_the_preset_has_every_function_of_the_project_with_an_expression() -> None:
    """Somebody's own are added by one file, and no test asks for a second: so the project's are counted."""
    preset = plain(CONF / "experiment/analytical_vs_numerical.yaml")
    (listed,) = [
        entry["/function"] for entry in preset["defaults"] if not isinstance(entry, str) and "/function" in entry
    ]
    specs = {path.stem: plain(path)[path.stem] for path in (CONF / "function").glob("*.yaml")}
    assert set(listed) <= {name for name, spec in specs.items() if "expression" in spec}
    assert len(listed) == len(set(listed)) >= 71


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"function": ()}, r"function=\[\]: at least one"),
        ({"method": ()}, r"method=\[\]: at least one"),
        ({"samples": 0}, "samples=0: must be at least 1"),
        ({"lowest_exponent": 0}, "the lower first"),
        ({"cancelling": ("2x",)}, "a multiplication sign is missing"),
    ],
)
def test_a_wrong_value_is_refused(config: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Config(**{"function": (problem("x", 1.0),), **config})


def test_a_callable_without_expression_is_refused() -> None:
    with pytest.raises(ValueError, match="math:exp: no expression is known"):
        Config(function=(dk.Problem(dk.Function.from_callable(math.exp, name="math:exp"), (1.0,)),))


def test_where_no_point_has_a_derivative_nothing_is_pictured_and_that_is_said() -> None:
    found = tables(problem("abs(x)", 0.0), method=("forward_1",))
    assert "picture" not in found
    assert any("there is no derivative" in sentence for sentence in found["findings"]["finding"])
