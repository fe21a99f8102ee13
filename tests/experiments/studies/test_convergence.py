"""The study of convergence: the observed order, and why a slope is off or missing, each reason provoked."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf

import derivkit as dk
from derivkit.numerical.formulas import NAMES, ROWS
from experiments.studies import convergence
from experiments.studies.convergence import Config, Errors, Table
from experiments.study import Tables, frames

ROOT = Path(__file__).resolve().parents[3]
POWERS = tuple(2.0**k for k in range(-30, 0))


def problem(text: str, *points: float, **more: Any) -> dk.Problem:
    return dk.Problem(dk.Function.from_expression(text, **more), points)


def tables(*problems: dk.Problem, **config: Any) -> Tables:
    measured = Tables({})
    measured.update(frames(convergence.measure(Config(function=problems, **config))))
    return measured


def preset() -> Any:
    return OmegaConf.load(ROOT / "conf/experiment/convergence.yaml")


def test_the_preset_leaves_out_no_function_and_no_formula_of_the_project() -> None:
    """Somebody's own are added by one file, and no test asks for a second: so the project's are counted."""
    functions, methods = (next(iter(entry.values())) for entry in preset().defaults[:2])
    assert set(functions) <= {path.stem for path in (ROOT / "conf/function").glob("*.yaml")}
    assert set(methods) <= set(NAMES)
    assert len(functions) == len(set(functions)) >= 71
    assert len(methods) == len(set(methods)) >= 20


@pytest.mark.part
def test_every_slope_of_every_function_is_explained(problem_name: str) -> None:
    from experiments.running.settings import build  # noqa: PLC0415 -- only this test reads configurations

    plain = OmegaConf.to_container(OmegaConf.load(ROOT / f"conf/function/{problem_name}.yaml"))
    methods = {entry.name: {"formula": entry.name} for entry in ROWS if entry.derivative == 1}
    config = build(convergence, {"function": plain, "method": methods, "delta": list(POWERS)})
    table = tables(*config.function, method=config.method, delta=config.delta)[Table]
    assert len(table) == config.rows
    for row in table.itertuples():
        assert (row.reason == "") == (row.verdict == "as claimed") == (abs(row.deviation) <= convergence.TOLERANCE)
        assert row.reason in {"", *dk.OrderExplanation.REASONS} - {"unexplained"}, row
        assert bool(row.why) == bool(row.reason)


def test_what_the_whole_run_says_is_what_its_rows_say() -> None:
    measured = tables(problem("exp(x)", 1.0), problem("sin(x)", 0.0), delta=POWERS)
    concluded = frames(convergence.conclude(measured))
    assert concluded[convergence.Off]["reason"].tolist() == ["odd cancellation"]
    assert concluded[convergence.Summary]["as_claimed"].tolist() == [1, 2]
    assert concluded[convergence.Summary]["main_reason"].tolist() == ["odd cancellation (1)", ""]
    orders = concluded[convergence.Orders]
    assert orders["order_claimed"].tolist() == ["order 1", "order 2"]
    np.testing.assert_allclose(orders["order_observed"], [1.5, 2.0], atol=0.05)
    sentences = list(convergence.tell(measured))
    assert sentences[0].startswith("A case is a formula at a point: all 4 cases show a slope: 3 within 0.1 of the")
    assert any("1 slope off (odd cancellation)" in sentence for sentence in sentences)


def test_a_formula_of_ones_own_is_among_the_orders_beside_the_families() -> None:
    methods = ("skew_3[-1,0,1,2]", "mine[0,1]", "central_2")
    measured = tables(problem("exp(x)", 1.0), method=methods, delta=POWERS)
    orders = frames(convergence.conclude(measured))[convergence.Orders]
    assert orders["slopes"].sum() == len(methods)
    families = dict(zip(orders["order_claimed"], orders["family"], strict=True))
    assert families == {"order 1": "others", "order 2": "central", "order 3": "others"}


def test_the_errors_drawn_are_those_of_the_formulas() -> None:
    errors = tables(problem("exp(x)", 1.0), method=("central_2",), delta=POWERS)[Errors]
    expected = np.abs(dk.difference(np.exp, 1.0, np.array(POWERS), formula="central_2") - math.e)
    np.testing.assert_array_equal(errors["error"], expected)
    assert np.all(errors["error"] <= errors["predicted"])


def test_a_few_formulas_are_all_drawn_whatever_their_order() -> None:
    few = ("forward_3", "central_4", "forward_1", "backward_1")
    assert set(tables(problem("exp(x)", 1.0), method=few, delta=POWERS)[Errors]["method"]) == set(few)
    every = tables(problem("exp(x)", 1.0), method=NAMES, delta=POWERS)[Errors]["method"]
    assert len(set(every)) <= convergence.FEW < len(NAMES)


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
        Config(function=(problem("x", 1.0),), **config)
