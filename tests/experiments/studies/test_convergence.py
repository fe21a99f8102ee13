"""The study of convergence: the observed order, and why a slope is off or missing, each reason provoked."""

from __future__ import annotations

import itertools
import math
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
