"""Many runs compared: ranked by what is known of them, and every row held against its original."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments import compare, tables
from experiments.comparison import configured, drawings, ranking
from experiments.comparison.differences import plan_of
from experiments.comparison.result import Comparison
from experiments.running.check import study_of
from experiments.studies import delta_sweep
from experiments.tables import joining

DAY = "delta_sweep/2026-01-02"
SHAPE = delta_sweep.Table.shape
DELTAS = (1e-2, 1e-4, 1e-6)
ORDER = {"forward_1": 1, "central_2": 2}


def law(method: str, delta: float) -> float:
    """An error that is known: truncation and rounding of a formula of that order."""
    return delta ** ORDER[method] + 1e-13 / delta


def store(
    outputs: Path, hour: int, *, function: str = "sin", method: str = "central_2", delta: Sequence[float] = DELTAS,
    factor: float = 1.0, record: Mapping[str, Any] | None = None, **configuration: Any,
) -> Path:  # fmt: skip
    """Store a run whose errors follow the law, up to a factor."""
    place = outputs / DAY / f"{hour:02}-00-00-000000-1"
    place.mkdir(parents=True)
    error = np.array([factor * law(method, one) for one in delta])
    blank = {name: "" if kind is str else kind(0) for name, (kind, _) in SHAPE.items()}
    columns = {**blank, "function": function, "x": 1.0, "method": method, "delta": np.array(delta), "exact": 1.0,
               "estimate": 1.0 + error, "error": error, "status": "ok"}  # fmt: skip
    with tables.Writer(place, {"table": SHAPE}) as writer:
        writer.write("table", columns)
    asked = {"runner": "delta_sweep", "function": {function: {"points": [1.0]}}, "method": {method: {}},
             "delta": list(delta), "derivative": 1, "x": None, "expression": None, **configuration}  # fmt: skip
    told = {
        "format": 2,
        "experiment": "delta_sweep",
        "overrides": [],
        "command": "python -m experiments.run",
        "started": f"2026-01-02T{hour:02}:00:00+00:00",
        "seconds": 1.0,
        "status": 0,
        "tables": {"table": {"rows": len(delta), "hash": writer.hashes["table"]}},
        "jobs": [{"number": 0, "status": "done", "error": None, "configuration": asked}],
        "source": {"commit": "c0ffee"},
        "environment": {"versions": {"numpy": "2.4"}},
        **(record or {}),
    }
    (place / "run.json").write_text(json.dumps(told), encoding="utf-8")
    return place


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LAB_OUTPUTS", raising=False)
    (tmp_path / "outputs").mkdir()
    return tmp_path / "outputs"


def six(outputs: Path) -> None:
    """Every function by every method, over one ladder of deltas."""
    for hour, (function, method) in enumerate((f, m) for f in ("exp", "sin", "tanh") for m in ORDER):
        store(outputs, hour, function=function, method=method, factor={"exp": 1.0, "sin": 2.0, "tanh": 4.0}[function])


def compared(outputs: Path) -> Path:
    (page,) = outputs.glob("compare/*/*/report.html")
    return page.parent


def table(outputs: Path, name: str) -> list[dict[str, str]]:
    with (compared(outputs) / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# What is found


def test_runs_are_ranked_with_the_keys_that_changed_and_no_other(outputs: Path, capsys: pytest.CaptureFixture[str]):
    six(outputs)
    assert compare.main(["study=delta_sweep"]) == 0
    found = table(outputs, "runs")
    assert [row["rank"] for row in found] == ["1", "2", "3", "4", "5", "6"]
    assert [(row["function"], row["method"]) for row in found[:3]] == [
        ("exp", "central_2"),
        ("sin", "central_2"),
        ("tanh", "central_2"),
    ]
    assert float(found[0]["best_error"]) == min(law("central_2", delta) for delta in DELTAS)
    assert not {"delta", "derivative", "x", "runner"} & set(found[0])
    assert "best_delta" in found[0]
    said = capsys.readouterr().out
    assert "6 runs of delta_sweep are compared; between them differ function (3 values), method (2 values)." in said
    assert "is that of 01-00-00 at function = exp, x = 1, method = central_2, delta = 0.0001" in said
    assert "depends most on method" in said
    page = (compared(outputs) / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") >= 3
    drawn = {path.name for path in (compared(outputs) / "figures").iterdir()}
    assert drawn == {f"{name}.{form}" for name in ("curves", "map", "parallel") for form in ("svg", "png")}


def test_up_to_four_runs_are_compared_with_the_first_and_five_are_many(outputs: Path):
    six(outputs)
    names = [f"{hour:02}-00-00" for hour in range(6)]
    assert compare.main(names[:4]) == 0
    assert not (compared(outputs) / "runs.csv").exists()
    (compared(outputs) / "report.html").unlink()
    assert compare.main(names[:5]) == 0
    assert len(table(outputs, "runs")) == 5


def test_a_planted_difference_is_found_with_its_original(outputs: Path, capsys: pytest.CaptureFixture[str]):
    for hour in range(6):
        store(outputs, hour, factor=1.5 if hour == 4 else 1.0, delta=DELTAS if hour else DELTAS[:2])
    assert compare.main(["study=delta_sweep", "--fail-on-change"]) == 1
    found = table(outputs, "differences")
    assert {(row["other_run"], row["first_run"], row["delta"]) for row in found} == {
        ("04-00-00", "00-00-00", "0.01"),
        ("04-00-00", "00-00-00", "0.0001"),
        ("04-00-00", "01-00-00", "1e-06"),
    }
    assert {row["error_ratio"] for row in found} == {"1.5"}
    assert {row["run"]: row["differing_rows"] for row in table(outputs, "runs")}["04-00-00"] == "3"
    said = capsys.readouterr().out
    assert "14 are in an earlier run too; 3 of these differ, in one run." in said
    assert "Most differs in 04-00-00: 3 of its 3 shared rows" in said


def test_equal_rows_are_said_to_be_equal(outputs: Path, capsys: pytest.CaptureFixture[str]):
    for hour in range(5):
        store(outputs, hour)
    assert compare.main(["study=delta_sweep", "--fail-on-change"]) == 0
    said = capsys.readouterr().out
    assert "all of them have one configuration" in said
    assert "Of the 15 rows 12 are in an earlier run too, with the same values in every one." in said
    assert not (compared(outputs) / "differences.csv").exists()


def test_rows_of_different_derivatives_are_never_the_same(outputs: Path, capsys: pytest.CaptureFixture[str]):
    for hour in range(6):
        store(outputs, hour, derivative=1 + hour % 2, factor=1.0 + hour % 2)
    assert compare.main(["study=delta_sweep", "--fail-on-change"]) == 0
    assert "12 are in an earlier run too, with the same values" in capsys.readouterr().out


def test_a_tolerance_excuses_an_ulp_of_many_runs_too(outputs: Path):
    for hour in range(5):
        store(outputs, hour, factor=1.0 + 2.0**-52 if hour == 3 else 1.0)
    assert compare.main(["study=delta_sweep", "--fail-on-change"]) == 1
    assert compare.main(["study=delta_sweep", "--fail-on-change", "--ulps", "1"]) == 0


def test_what_a_clock_measured_is_not_compared():
    speed = study_of({"runner": "speed"})
    plan = plan_of(speed, {name: one.type for name, one in speed.main.columns.items()})
    assert plan.measured
    assert not set(plan.measured) & set(plan.values)
    assert plan.error not in plan.measured


def test_a_second_call_writes_the_same_bytes(outputs: Path):
    six(outputs)
    for _ in range(2):
        assert compare.main(["study=delta_sweep"]) == 0
    one, other = sorted(outputs.glob("compare/*/*"))
    files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert len(files) == 9
    for path in files:
        assert (one / path).read_bytes() == (other / path).read_bytes(), path


# The choice


def test_unfinished_runs_are_left_out_of_a_choice_and_named(outputs: Path, capsys: pytest.CaptureFixture[str]):
    six(outputs)
    store(outputs, 7, record={"status": 130})
    assert compare.main(["study=delta_sweep"]) == 0
    assert len(table(outputs, "runs")) == 6
    page = re.sub(r"<[^>]*>", "", (compared(outputs) / "report.html").read_text(encoding="utf-8"))
    assert "Left out, as they are not finished: 07-00-00 (interrupted 1 of 1)." in page
    assert "07-00-00" in capsys.readouterr().err
    assert compare.main(["07-00-00", "study=delta_sweep"]) == 2
    assert "only whole runs are compared" in capsys.readouterr().err


def test_names_come_first_and_a_choice_adds_the_others(outputs: Path):
    six(outputs)
    assert compare.main(["05-00-00", "function=tanh"]) == 0
    (row, *_) = table(outputs, "differences")
    assert (row["first_run"], row["other_run"]) == ("05-00-00", "04-00-00")


WRONG: dict[str, tuple[tuple[str, ...], str]] = {
    "a typing error in a value": (("function=sinn",), "no run fits function=sinn; did you mean sin?"),
    "a typing error in a key": (("functoin=sin",), "no run here has the key 'functoin'; did you mean function?"),
    "the name of a study": (("delta_sweep",), "delta_sweep is no run; study=delta_sweep chooses all finished runs"),
    "one run": (("function=sin", "method=central_2"), "1 finished run fits, two are needed"),
    "two studies": (
        ("derivative=1",),
        "6 of delta_sweep, 1 of convergence fit; runs of one study are compared: add study!=convergence",
    ),
}


@pytest.mark.parametrize(("words", "answer"), WRONG.values(), ids=WRONG)
def test_a_choice_that_means_nothing_is_refused_in_one_line(
    outputs: Path, words: tuple[str, ...], answer: str, capsys: pytest.CaptureFixture[str]
):
    six(outputs)
    place = store(outputs, 8, function="other", record={"experiment": "convergence"})
    place.parent.mkdir(exist_ok=True)
    (outputs / "convergence/2026-01-02").mkdir(parents=True)
    place.rename(outputs / "convergence/2026-01-02/08-00-00-000000-1")
    assert compare.main(words) == 2
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert answer in line
    assert not (outputs / "compare").exists()


def test_too_many_rows_are_refused(outputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    six(outputs)
    monkeypatch.setattr(ranking, "MOST_ROWS", 17)
    assert compare.main(["study=delta_sweep"]) == 2
    assert "the 6 runs have 18 rows together; up to 17 are compared at once" in capsys.readouterr().err
    assert not (outputs / "compare").exists()


# The join


@given(data=st.data(), collide=st.booleans())
def test_the_original_of_a_row_is_that_of_a_dictionary(data: st.DataObject, collide: bool):  # noqa: FBT001 - hypothesis
    counts = data.draw(st.lists(st.integers(0, 6), min_size=1, max_size=5))
    keys = np.array(data.draw(st.lists(st.integers(0, 4), min_size=sum(counts), max_size=sum(counts))), dtype=np.int64)
    run = np.repeat(np.arange(len(counts)), counts)
    with pytest.MonkeyPatch.context() as patch:
        if collide:
            patch.setattr(joining, "mixed", lambda words: np.zeros_like(words[0]))
        found = joining.originals([keys], run)
    first: dict[tuple[int, int], int] = {}
    seen: dict[tuple[int, int], int] = {}
    expected = []
    for place, (key, of) in enumerate(zip(keys.tolist(), run.tolist(), strict=True)):
        occurrence = seen[key, of] = seen.get((key, of), -1) + 1
        expected.append(first.setdefault((key, occurrence), place))
    assert found.tolist() == expected


def test_the_best_of_a_run_is_its_smallest_positive_finite_error(tmp_path: Path):
    paths, values = [], ([3.0, 0.0, 2.0], [np.nan, np.inf], [], [0.0], [5e-324, -1.0])
    for k, error in enumerate(values):
        with tables.Writer(tmp_path, {f"t{k}": {"key": (float, ""), "error": (float, "")}}) as writer:
            writer.write(f"t{k}", {"key": np.arange(float(len(error))), "error": np.array(error, dtype=float)})
        paths.append(tmp_path / f"t{k}.parquet")
    words = tables.Encoding({"key": float, "error": float})
    found = ranking.joined(words, paths, [len(one) for one in values], ["key"], [""] * len(values))
    assert ranking.best(found, found.floats("error")).tolist() == [2, -1, -1, -1, 6]


@pytest.mark.parametrize("deltas", [[1e-4], DELTAS])
def test_where_a_run_is_best_is_a_column_only_if_its_keys_leave_it_open(outputs: Path, deltas: Sequence[float]):
    for hour, function in enumerate(["sin", "exp", "cos", "log", "tanh"]):
        store(outputs, hour, function=function, delta=[one * (1 + hour) for one in deltas])
    assert compare.main(["study=delta_sweep"]) == 0
    page = re.sub(r"<[^>]*>", "", (compared(outputs) / "report.html").read_text(encoding="utf-8"))
    assert ("best_delta" in page) == (len(deltas) > 1)


# What the runs were asked


def test_a_changed_key_is_told_by_its_values():
    def record(**configuration: Any) -> list[dict[str, Any]]:
        return [{"runner": "r", "figures": {"draw": None}, **configuration}]

    two = [
        record(function={"sin": {"points": [1.0]}}, delta=[1e-2], n=1, same=[1, 2]),
        record(function={"sin": {"points": [2.0]}, "exp": {"points": [3.0]}}, delta=[1e-2, 1e-3], n=1.0, same=[1, 2]),
    ]
    assert configured.changed(two) == {
        "function": [("sin",), ("sin", "exp")],
        "function.sin.points": [(1.0,), (2.0,)],
        "delta": [(1e-2,), (1e-2, 1e-3)],
        "n": [(1,), (1.0,)],
    }
    nested = record(grid=[[1, 2], {"a": 3}])
    assert configured.facts(nested) == {"grid": ("[1, 2]", '{"a": 3}')}
    typed = record(function={"sin": {}}, expression="1/x")
    assert "function" not in configured.facts(typed)


def test_the_share_of_a_key_is_epsilon_squared_of_the_logarithm():
    best = 10.0 ** np.array([0.0, 1.0, 0.0, 1.0, 4.0, 5.0, 4.0, 5.0])
    # Between the halves lie 4 decades: of the sum of squares 34 the groups leave 2, with 6 degrees of freedom of 7.
    expected = 1 - (2 / 6) / (34 / 7)
    found = ranking.shares({"half": [1, 1, 1, 1, 2, 2, 2, 2], "all": [1] * 8, "none": [None] * 8}, best)
    assert found == {"half": pytest.approx(expected, rel=1e-12)}


def test_a_key_that_tells_nothing_has_no_share_even_if_each_run_has_its_own_value():
    rng = np.random.default_rng(7)
    found = [
        ranking.shares({"own": list(range(60)), "coin": rng.integers(0, 2, 60).tolist()}, 10.0 ** rng.normal(size=60))
        for _ in range(200)
    ]
    # Without the cut at 0 the mean would be 0 and the standard deviation about sqrt(2 k) / n.
    assert all(np.mean([one[key] for one in found]) < 0.05 for key in ("own", "coin"))
    told = ranking.shares({"own": list(range(60))}, 10.0 ** np.arange(60.0))
    assert told["own"] > 0.9


# Figures


def cells(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Any]:
    """The frame of each figure by its name, as it is drawn."""
    kept: dict[str, Any] = {}
    original = drawings._saved

    def saved(found: Comparison, name: str, frames: Mapping[str, Any], spec: Mapping[str, Any], **others: Any) -> Any:
        kept[name] = (next(iter(frames.values())), spec)
        return original(found, name, frames, spec, **others)

    monkeypatch.setattr(drawings, "_saved", saved)
    assert compare.main(["study=delta_sweep"]) == 0
    return kept


def test_a_cell_of_the_map_is_the_smallest_error_of_its_keys(outputs: Path, monkeypatch: pytest.MonkeyPatch):
    six(outputs)
    frame, spec = cells(monkeypatch)["map"]
    assert {spec["x"], spec["y"]} == {"function", "method"}
    found = {(row["function"], row["method"]): row["error"] for row in frame.to_dict("records")}
    assert len(found) == 6
    for (function, method), error in found.items():
        factor = {"exp": 1.0, "sin": 2.0, "tanh": 4.0}[function]
        assert error == factor * min(law(method, delta) for delta in DELTAS)


def test_one_changed_key_makes_no_map(outputs: Path, monkeypatch: pytest.MonkeyPatch):
    for hour, delta in enumerate((1e-2, 1e-3, 1e-4, 1e-5, 1e-6)):
        store(outputs, hour, delta=[delta])
    found = cells(monkeypatch)
    assert set(found) == {"curves", "parallel"}
    frame, spec = found["parallel"]
    assert spec["axes"] == ["delta"]
    assert sorted(frame["delta"]) == [1e-6, 1e-5, 1e-4, 1e-3, 1e-2]
    assert "coloured by method" in (compared(outputs) / "report.html").read_text(encoding="utf-8")


def test_each_distinct_row_is_drawn_once(outputs: Path, monkeypatch: pytest.MonkeyPatch):
    for hour in range(7):
        store(outputs, hour)
    frame, _ = cells(monkeypatch)["curves"]
    assert len(frame) == len(DELTAS)


def test_runs_without_an_error_are_compared_without_figures(outputs: Path):
    for hour in range(5):
        store(outputs, hour, factor=math.nan, method=("central_2", "forward_1")[hour % 2])
    assert compare.main(["study=delta_sweep"]) == 0
    assert not (compared(outputs) / "figures").exists()
    assert {row["best_error"] for row in table(outputs, "runs")} == {""}
