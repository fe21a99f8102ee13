"""The study of where derivatives break: its truths by a second way, every verdict, and what no method can see."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf
from studies import Tables, gathered

import derivkit as dk
from experiments import figures
from experiments.studies import where_it_breaks
from experiments.studies.where_it_breaks import CASES, NAMES, VERDICTS, Answer, Config, verdict

PRESET = Path(__file__).resolve().parents[3] / "conf/experiment/where_it_breaks.yaml"


def tables(*names: str) -> Tables:
    return gathered(where_it_breaks, Config(case=names))


@pytest.fixture(scope="module")
def everything() -> dict[str, dict[str, np.ndarray]]:
    """A run over all cases."""
    return tables(*CASES)


def verdict_on(found: dict[str, dict[str, np.ndarray]], case: str, method: str) -> str:
    (place,) = np.flatnonzero(found["matrix"]["case"] == case)
    return str(found["matrix"][method][place])


RULED = [name for name, case in CASES.items() if case.derivative is not None and name != "smooth_corner"]
"""The rules know no derivative where two pieces meet with the same slope."""


@pytest.mark.parametrize("name", RULED)
def test_the_truth_is_the_derivative_of_the_expression_by_the_rules(name: str) -> None:
    case = CASES[name]
    rules = dk.Function.from_expression(case.expression).exact_derivative(np.array(case.x))
    # the truth of the cancellation is the start of a series whose next term is below 1e-18 of it
    assert case.truth == pytest.approx(float(rules), rel=1e-12)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.derivative is None])
def test_where_no_derivative_is_claimed_the_quotients_of_the_two_sides_do_not_meet(name: str) -> None:
    case = CASES[name]
    f = case.function
    steps = 2.0 ** -np.arange(26.0, 34.0)
    sides = [(f(case.x + side * steps) - f(case.x)) / (side * steps) for side in (-1.0, 1.0)]
    with np.errstate(all="ignore"):
        apart, spread = np.abs(sides[0] - sides[1]), [np.ptp(side) for side in sides]
    missing = not np.all(np.isfinite(sides))
    noise = 4.0 * np.finfo(np.float64).eps * abs(f(case.x)) / steps[0]
    assert missing or np.all(apart > noise) or max(spread) > 0.5


def test_every_verdict_appears_and_is_counted(everything: Any) -> None:
    summary = everything["summary"]
    assert all(summary[kind].sum() > 0 for kind in VERDICTS)
    assert np.all(sum(summary[kind] for kind in VERDICTS) == len(CASES))
    assert summary["method"].tolist() == list(NAMES)


@pytest.mark.parametrize(
    ("value", "bar", "status", "truth", "expected"),
    [
        (1.0, 1e-9, "ok", 1.0 + 1e-10, "right"),
        (1.0, math.nan, "ok", 1.0 + 1e-5, "right"),
        (1.0, 1e-12, "ok", 1.0 + 1e-10, "right, bar too small"),
        (1.0, 1e-12, "ok", 2.0, "silently wrong"),
        (1.0, math.nan, "ok", 2.0, "silently wrong"),
        (1.0, 1e-12, "noisy", 2.0, "wrong but flagged"),
        (0.5, 0.6, "ok", 2.0, "wrong but flagged"),
        (0.0, 1e-16, "ok", math.nan, "silently wrong"),
        (1.0, 1e-12, "one_sided", math.nan, "silently wrong"),
        (math.nan, math.inf, "kink", math.nan, "right refusal"),
        (math.inf, math.nan, "vertical", math.nan, "right refusal"),
        (math.nan, math.inf, "unresolved", 1.0, "needless refusal"),
    ],
)
def test_an_answer_is_judged(value: float, bar: float, status: str, truth: float, expected: str) -> None:
    assert verdict(Answer(value=value, bar=bar, status=status), truth) == expected


def test_what_no_values_can_show_is_silently_wrong_for_all_who_ask_for_values(everything: Any) -> None:
    for case in where_it_breaks.UNSEEN:
        silent = {name for name in NAMES if verdict_on(everything, case, name) == "silently wrong"}
        assert silent == set(NAMES) - {"complex_step", where_it_breaks.ALONE}
        assert verdict_on(everything, case, where_it_breaks.ALONE) == "right"


def test_elsewhere_our_own_answer_is_never_silently_wrong(everything: Any) -> None:
    seen = [name for name in CASES if name not in where_it_breaks.UNSEEN]
    assert [name for name in seen if verdict_on(everything, name, where_it_breaks.OURS) == "silently wrong"] == []


def test_a_method_that_lies_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {**where_it_breaks.ASKED, where_it_breaks.OURS: lambda f, x: Answer(value=0.25, bar=1e-15, status="ok")}
    monkeypatch.setattr(where_it_breaks, "ASKED", asked)
    found = tables("smooth", "kink")
    assert {verdict_on(found, name, where_it_breaks.OURS) for name in ("smooth", "kink")} == {"silently wrong"}
    assert any("dk.derivative is silently wrong in smooth" in text for text in found["findings"]["finding"])


def test_the_figures_of_the_preset_are_the_cases_and_each_has_its_lesson(everything: Any) -> None:
    import pandas as pd  # noqa: PLC0415 -- a frame is what a figure takes

    preset: Any = OmegaConf.to_container(OmegaConf.load(PRESET))
    assert list(preset["figures"]["draw"]) == preset["case"] == list(CASES)
    assert everything["lesson"]["figure"].tolist() == list(CASES)
    frame = pd.DataFrame(everything["pictures"])
    for name, spec in preset["figures"]["draw"].items():
        assert len(figures.draw({"pictures": frame}, spec).axes) == len(CASES[name].views)


def test_a_lesson_tells_the_truth_and_every_method_once(everything: Any) -> None:
    for text in everything["lesson"]["text"]:
        assert "The truth: " in text
        assert all(text.count(f"{name} ") + text.count(f"{name};") + text.count(f"{name}.") for name in NAMES)


def test_the_number_of_rows_is_the_number_promised() -> None:
    assert len(tables("smooth", "edge")["table"]["case"]) == Config(case=("smooth", "edge")).rows == 2 * len(NAMES)


@pytest.mark.parametrize(
    ("case", "says"),
    [((), "case=[]: no case"), (("kinks",), "case=kinks: not known; there are "), (("kink", "kink"), "each once")],
)
def test_a_bad_configuration_is_refused_in_one_line(case: tuple[str, ...], says: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        Config(case=case)
    assert says in str(caught.value)
