"""The leaderboard: standings by hand, tools that lie, hang or are not there, and the sentence on our own place."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import quick
from families import built
from studies import Tables, gathered

from derivkit.testing import BREAKS, METHODS, VERDICTS, Method
from experiments.peers.apart import Estimator, Tool
from experiments.studies import leaderboard as study
from experiments.studies.leaderboard import Config

POPULATION = {
    "exp": {"category": "entire", "expression": "exp(x)", "draws": {"uniform": [-2, 2]}},
    "wave": {"category": "entire", "expression": "sin(3*x)", "draws": {"uniform": [-2, 2]}},
    "kink": {"category": "no_derivative", "expression": "abs(x)", "points": [0], "statuses": ["kink", "unresolved"]},
}
TOOLS = """
import time
central = lambda f, x: ((f(x + 1e-5) - f(x - 1e-5)) / 2e-5, 1e-8)
hangs = lambda f, x: time.sleep(60) if x < 0 else central(f, x)
raises = lambda f, x: 1 / 0
raises_later = lambda f, x: central(f, x) if x > 0 else 1 / 0
needs = lambda f, x: __import__("a_tool_that_nobody_has")
constant = lambda f, x: (1.0, 1e-8)
def alone(f, x):
    return (f(x + 1e-5) - f(x - 1e-5)) / 2e-5, float("nan")
"""


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Method]:
    (tmp_path / "board_tools.py").write_text(TOOLS)
    monkeypatch.chdir(tmp_path)

    def described(name: str) -> Method:
        row = Tool(name=name, call=f"board_tools:{name}", source="a test", install="board-tools", seconds=0.5)
        return Method(name, Estimator(row), "a test")

    return described


def tables(*methods: Method, points: int = 5, population: Any = None) -> Tables:
    return gathered(study, Config(population=built(population or POPULATION), estimator=methods, points=points))


def row(found: Tables, table: str, tool: str) -> dict[str, Any]:
    place = list(found[table]["tool"]).index(tool)
    return {name: values[place] for name, values in found[table].items()}


def lying(off: float, bar: float, status: str = "ok") -> Method:
    """The derivative of exp and of nothing else, off by a part, under a bar of its own."""

    def call(_: Any, x: np.ndarray) -> Any:
        value = np.exp(x) * (1.0 + off)
        return SimpleNamespace(
            value=value, error=np.full(x.shape, bar), status=np.full(x.shape, status),
            evaluations=np.full(x.shape, 2), total=2 * x.size,
        )  # fmt: skip

    return Method("lying", call, "a test")


def test_the_standings_are_those_of_the_rows() -> None:
    found = tables(METHODS["derivative"], METHODS["ridders"])
    table = {name: np.asarray(values) for name, values in found["table"].items()}
    for name in ("derivative", "ridders"):
        mine, said = table["tool"] == name, row(found, "details", name)
        exists = mine & np.isfinite(table["truth"])
        ok = exists & np.isfinite(table["error"]) & (table["status"] == "ok")
        assert said["points"] == mine.sum() == 11
        assert said["ok"] == ok.sum()
        assert said["ok_covered"] == pytest.approx(table["covered"][ok].mean())
        assert said["ok_covered_low"] <= said["ok_covered"] <= said["ok_covered_high"]
        assert said["evaluations"] == pytest.approx(table["evaluations"][mine].mean())
        assert said["silent"] == (mine & ~np.isfinite(table["truth"]) & (table["status"] == "ok")).sum()
    assert row(found, "details", "derivative")["silent"] == 0
    assert row(found, "details", "ridders")["silent"] == 1


@pytest.mark.parametrize(
    ("off", "bar", "covered", "loss_above"), [(1e-6, 1.0, 1.0, 1e5), (1e-6, 1e-9, 0.0, 1e5), (0.0, 1e-9, 1.0, 0.0)]
)
def test_a_bar_that_is_too_short_and_a_value_that_is_off_are_seen(
    off: float, bar: float, covered: float, loss_above: float
) -> None:
    found = tables(lying(off, bar), population={"exp": POPULATION["exp"]})
    said = row(found, "details", "lying")
    assert said["ok_covered"] == covered
    assert said["loss"] > loss_above
    assert (found["worst"]["off"][0] > 1.0) == (covered < 1.0)


def test_a_value_without_a_derivative_is_the_worst_of_answers() -> None:
    found = tables(lying(0.0, 1.0), population={"kink": POPULATION["kink"]})
    assert row(found, "details", "lying")["silent"] == 1
    assert math.isinf(found["worst"]["off"][0])
    flagged = tables(lying(0.0, 1.0, "noisy"), population={"kink": POPULATION["kink"]})
    assert row(flagged, "details", "lying")["silent"] == 0


def test_every_tool_is_asked_in_the_gallery_and_gets_a_verdict_for_every_case() -> None:
    found = tables(METHODS["derivative"], points=1)
    assert list(found["gallery"]["case"]) == list(BREAKS)
    assert sum(row(found, "verdicts", "derivative")[name] for name in VERDICTS) == len(BREAKS)


def test_another_tool_is_measured_like_our_own_and_a_hang_costs_that_call_alone(
    tool: Callable[[str], Method],
) -> None:
    found = tables(METHODS["derivative"], tool("hangs"), population={"exp": POPULATION["exp"]})
    table = {name: np.asarray(values) for name, values in found["table"].items()}
    mine = table["tool"] == "hangs"
    assert set(table["status"][mine & (table["x"] < 0)]) == {"hung"}
    assert set(table["status"][mine & (table["x"] > 0)]) == {"ok"}
    assert row(found, "details", "hangs")["lost"] == (mine & (table["x"] < 0)).sum() > 0
    assert row(found, "tools", "hangs")["kind"] == "tool with a bar"
    assert any("took too long" in text and "hangs" in text for text in found["findings"]["finding"])


def test_a_tool_that_is_not_installed_is_named_and_the_others_are_measured(tool: Callable[[str], Method]) -> None:
    found = tables(METHODS["ridders"], tool("needs"))
    assert set(found["table"]["tool"]) == {"ridders"}
    assert "pip install board-tools" in row(found, "tools", "needs")["absent"]
    assert found["findings"]["finding"][-1].startswith("Not measured: needs is not installed")


def test_a_run_of_absent_tools_alone_is_refused_in_a_line(tool: Callable[[str], Method]) -> None:
    with pytest.raises(ValueError, match=r"^needs is not installed .*; pip install board-tools$"):
        tables(tool("needs"))


def test_our_place_is_told_first_also_where_it_is_not_the_first(tool: Callable[[str], Method]) -> None:
    found = tables(METHODS["derivative"], tool("central"))
    first = found["findings"]["finding"][0]
    assert first.startswith("dk.derivative is first, level with central, in coverage (100 % of its bars")
    assert "first in silence (it says ok at none of 1 point where no derivative exists)" in first


BOARD = pd.DataFrame(
    {
        "tool": ["derivative", "perfect"], "kind": ["this library", "tool with a bar"], "ok_covered": [0.96, 1.0],
        "ok_covered_low": [0.951, 0.9], "ok_covered_high": [0.99, 1.0], "silent": [2, 0], "loss": [2.0, 0.5],
        "evaluations": [20.0, 2.0], "ok": 9, "missing": 0.0, "requests": "real",
    }
)  # fmt: skip
"""A board on which another tool is ahead in everything."""


def test_whoever_is_ahead_is_named_unless_it_answers_less_than_half() -> None:
    (said,) = study.ours(BOARD, 5)
    assert said.count("behind perfect in") == 3
    assert "silence" not in next(study.ours(BOARD, 0))
    (said,) = study.ours(BOARD.assign(missing=[0.0, 0.9]), 5)
    assert said.startswith("dk.derivative is first in coverage")
    assert "perfect" not in said
    assert list(study.ours(BOARD.assign(missing=[0.9, 0.0]), 5)) == []


def test_a_tie_is_a_tie() -> None:
    (said,) = study.ours(BOARD.assign(ok_covered=0.97, silent=0), 5)
    assert said.count("first, level with perfect, in") == 2


@pytest.mark.parametrize(("low", "doubted"), [(0.951, False), (0.7, True)])
def test_only_tools_with_bars_that_are_compared_are_counted_and_a_wide_interval_is_said(
    low: float,
    doubted: bool,  # noqa: FBT001 - a case of the table
) -> None:
    poor = BOARD.assign(ok_covered=[0.96, 0.5], ok_covered_low=[low, 0.4])
    without = poor.iloc[1:].assign(tool="without", ok=0, ok_covered=math.nan)
    (said,) = study.ours(pd.concat([poor, without], ignore_index=True), 0)
    assert "the only one of 2 tools with bars" in said
    assert ("its interval is 70.0 to 99.0" in said) == doubted


def test_a_tool_that_answers_hardly_anything_does_not_come_first() -> None:
    def call(f: Any, x: np.ndarray) -> Any:
        value = np.where(np.arange(x.size) == 0, f.exact_derivative(x), np.nan)
        return SimpleNamespace(
            value=value, error=np.abs(value) * 1e-9, status=np.full(x.shape, "ok"), evaluations=np.ones(x.size), total=1
        )

    found = tables(Method("lazy", call, "a test"), METHODS["ridders"], points=8, population={"exp": POPULATION["exp"]})
    assert list(found["summary"]["tool"]) == list(found["details"]["tool"]) == ["ridders", "lazy"]
    assert row(found, "details", "lazy")["ok_covered"] == 1.0


def test_a_tool_that_fails_at_its_start_costs_the_others_nothing(tool: Callable[[str], Method]) -> None:
    found = tables(METHODS["ridders"], tool("nothing"), tool("raises"))
    assert set(found["table"]["tool"]) == {"ridders"}
    assert "board_tools has no 'nothing'" in row(found, "tools", "nothing")["absent"]
    assert "raises ZeroDivisionError for exp at 1" in row(found, "tools", "raises")["absent"]


def test_what_a_tool_raised_is_told(tool: Callable[[str], Method]) -> None:
    found = tables(tool("raises_later"), population={"exp": POPULATION["exp"]})
    failures = found["failures"]
    assert set(failures["status"]) == {"raised"}
    assert failures["message"][0] == "ZeroDivisionError: division by zero"
    assert sum(failures["calls"]) == row(found, "details", "raises_later")["lost"] > 0


def test_where_nothing_but_0_is_attainable_nothing_is_lost() -> None:
    flat = {"flat": {"category": "entire", "expression": "x^2", "points": [0]}}
    found = tables(METHODS["ridders"], METHODS["gsl_central"], population={**flat, "exp": POPULATION["exp"]})
    assert np.isfinite(found["details"]["loss_90"]).all()


def test_a_run_twice_gives_the_same_rows_but_for_seconds() -> None:
    one, two = (tables(METHODS["derivative"], METHODS["gsl_central"])["table"] for _ in range(2))
    for name in one:
        if name != "seconds":
            np.testing.assert_array_equal(one[name], two[name])


def test_functions_that_are_about_higher_derivatives_are_left_out() -> None:
    higher = {**POPULATION["exp"], "derivatives": [2], "category": "near_break", "around": [0]}
    found = tables(METHODS["ridders"], population={"exp": POPULATION["exp"], "higher": higher})
    assert set(found["table"]["function"]) == {"exp"}


THUMB = "rule_of_thumb_central"


def test_the_frontier_of_the_trusted_is_told_apart_from_that_of_all() -> None:
    """A rule of thumb is cheap and on the frontier of all; of the trusted it is not, and a line is level to its end."""
    found = tables(METHODS["derivative"], METHODS["ridders"], METHODS[THUMB])
    frontier, details = pd.DataFrame(found["frontier"]), pd.DataFrame(found["details"]).set_index("tool")
    trusted = details[study.can_be_trusted(details)]
    assert "derivative" in trusted.index
    assert THUMB not in trusted.index
    marked = frontier[frontier["trusted_loss"].notna()]
    assert set(marked["tool"]) == set(trusted.index)
    for name, some in ((study.TRUSTED_FRONTIER, trusted), (study.FRONTIER, details)):
        line = frontier[frontier["tool"] == name].drop_duplicates("evaluations")
        assert line["evaluations"].max() == details["evaluations"].max()
        assert (np.diff(line["loss"]) <= 0.0).all()
        for row in some.itertuples():
            below = line[line["evaluations"] <= row.evaluations]
            assert len(below)
            assert below["loss"].min() <= row.loss
    cheapest = frontier[frontier["tool"] == study.FRONTIER]["evaluations"].min()
    assert cheapest == details.loc[THUMB, "evaluations"]


def test_the_first_finding_says_who_is_ahead_in_what() -> None:
    (first, *_) = tables(METHODS["derivative"], METHODS[THUMB])["findings"]["finding"]
    assert first.startswith("dk.derivative is ")
    assert "values of f" in first
    assert re.search(rf"ahead of it are .*in values of f \([\d.]+ for a point\) {THUMB}\.$", first)


def test_the_worst_answers_are_ranked_over_all_tools() -> None:
    found = tables(lying(1e-6, 1e-9), population={"exp": POPULATION["exp"], "kink": POPULATION["kink"]}, points=12)
    worst, tools = pd.DataFrame(found["worst"]), list(found["summary"]["tool"])
    for tool, rows in worst.groupby("tool"):
        assert rows["place"].tolist() == list(range(1, len(rows) + 1)), tool
        assert rows["off"].is_monotonic_decreasing
    assert worst["place"].is_monotonic_increasing
    assert worst["place"].max() == study.WORST
    assert worst.loc[worst["place"] == 1, "tool"].tolist() == [tool for tool in tools if tool in set(worst["tool"])]


NOTHING = {"kink": POPULATION["kink"]}
NOISY = {**POPULATION["exp"], "noise": {"relative": 1e-3}}


@pytest.mark.parametrize("population", quick.part([POPULATION, NOTHING, {"exp": POPULATION["exp"]}, {"noisy": NOISY}]))
@pytest.mark.parametrize("other", quick.part(["ridders", "central", "alone"], every=2))
def test_every_population_has_a_board_whichever_tools_are_asked(
    population: Any, other: str, tool: Callable[[str], Method]
) -> None:
    """Also where nobody has a bar with the status ok, a loss, or a value."""
    others = {"ridders": METHODS["ridders"], "central": tool("central"), "alone": tool("alone")}
    found = tables(METHODS["derivative"], others[other], points=1, population=population)
    assert set(found["summary"]["tool"]) == {"derivative", other}
    assert "nan" not in " ".join(found["findings"]["finding"])


def test_who_answers_less_than_half_is_named_with_how_much_and_no_good_share_is_hidden_behind_a_bad_one() -> None:
    def call(f: Any, x: np.ndarray) -> Any:
        value = np.where(np.arange(x.size) == 0, f.exact_derivative(x), np.nan)
        return SimpleNamespace(
            value=value, error=np.abs(value) * 1e-9, status=np.where(np.isfinite(value), "ok", "refused"),
            evaluations=np.ones(x.size), total=1,
        )  # fmt: skip

    found = tables(Method("lazy", call, "a test"), METHODS["ridders"], points=8, population={"exp": POPULATION["exp"]})
    said = " ".join(found["findings"]["finding"])
    assert "of tools that answer fewer than half of the points, lazy 100 % of 1 at 1 function" in said
    assert "no comparison of firsts: lazy 1 of 8." in said


def test_a_tool_without_a_cost_or_a_loss_is_in_no_figure_of_both_and_the_reason_is_said(
    tool: Callable[[str], Method],
) -> None:
    found = tables(METHODS["ridders"], tool("constant"), population={"exp": POPULATION["exp"]})
    assert "constant" not in found["frontier"]["tool"]
    assert set(found["frontier"]["kind"]) == {"this library"}
    assert any(text.endswith("cost: constant (no value of f is asked for).") for text in found["findings"]["finding"])


def test_who_is_silently_wrong_in_the_gallery_is_said_and_we_with_the_cases() -> None:
    found = tables(METHODS["derivative"], METHODS["ridders"], points=1)
    cases = [
        case
        for case, tool, verdict in zip(*(found["gallery"][name] for name in ("case", "tool", "verdict")), strict=True)
        if (tool, verdict) == ("derivative", "silently wrong")
    ]
    (said,) = (text for text in found["findings"]["finding"] if text.startswith("Silently wrong in the gallery"))
    assert f"derivative {len(cases)} (" in said
    assert all(case in said for case in cases)


def test_a_value_where_no_derivative_exists_is_worse_than_any_error_and_one_of_less_than_a_float_is_none() -> None:
    tiny = {"category": "entire", "expression": "1e-320*x", "points": [1]}
    found = tables(lying(1e-6, 0.0), population={"exp": POPULATION["exp"], "kink": POPULATION["kink"]})
    assert found["worst"]["function"][0] == "kink"
    assert np.isinf(found["worst"]["off"]).all()

    def zero(_: Any, x: np.ndarray) -> Any:
        nothing = np.zeros(x.shape)
        return SimpleNamespace(
            value=nothing, error=nothing, status=np.full(x.shape, "ok"), evaluations=nothing + 1, total=x.size
        )

    found = tables(Method("zero", zero, "a test"), population={"tiny": tiny, "exp": POPULATION["exp"]})
    assert "tiny" not in found["worst"]["function"]


def test_tools_none_of_which_is_there_are_refused_before_anything_runs(tool: Callable[[str], Method]) -> None:
    population = built(POPULATION)
    with pytest.raises(ValueError, match=r"^needs is not installed .*; pip install board-tools$"):
        Config(population=population, estimator=(tool("needs"),))
    Config(population=population, estimator=(tool("needs"), METHODS["ridders"]))
