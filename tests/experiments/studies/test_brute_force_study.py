"""The study of brute force: what it counts, its model against times made up, its refusal before a job of hours."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from studies import gathered

import derivkit as dk
from experiments.run import main
from experiments.studies import brute_force as study
from experiments.studies.brute_force import Config, moved_of
from experiments.study import Frame, Rows, Tables, frames

TINY = dk.Network((4, 16, 3), name="tiny")
WIDE = dk.Network((784, 128, 10), name="wide")


@pytest.fixture(scope="module")
def tables() -> dict[str, dict[str, np.ndarray]]:
    """Every table that a small run yields, whole."""
    return gathered(study, Config(network=(TINY,), divide=(1, 2, 4)))


def of(table: dict[str, np.ndarray], **chosen: object) -> dict[str, np.ndarray]:
    rows = np.all([table[name] == value for name, value in chosen.items()], axis=0)
    return {name: column[rows] for name, column in table.items()}


def test_the_number_of_rows_is_the_number_promised(tables: Any) -> None:
    assert len(tables["table"]["way"]) == Config(network=(TINY,)).rows == 3 * 3 * 5
    assert sorted(set(tables["table"]["network"])) == ["4-16-3", "4-4-3", "4-8-3"]


def test_a_network_that_stands_on_a_kink_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dk.Network, "draw", lambda *_: dk.Samples(np.zeros((1, 4)), [0]))
    found = gathered(study, Config(network=(TINY,), divide=(1,), samples=(1,)))
    (note,) = found["notes"]["note"]
    assert str(note).startswith("4-16-3, 1 sample: the network stands exactly on a kink, which 16 of 131 parameters")


def test_naive_makes_two_forward_passes_per_parameter_and_one(tables: Any) -> None:
    for way in ("naive", "batched"):
        rows = of(tables["table"], way=way)
        assert np.array_equal(rows["forward_passes"], 2 * rows["parameters"] + 1)
        assert np.array_equal(rows["multiply_adds"], rows["forward_passes"] * rows["samples"] * rows["parameters"])
    assert np.all(of(tables["table"], way="incremental")["forward_passes"] == 1)


def test_a_time_from_a_part_is_marked_as_predicted_and_one_of_all_is_not(tables: Any) -> None:
    table = tables["table"]
    assert np.array_equal(table["timed"] < table["parameters"], table["basis"] == study.PREDICTED)
    assert set(of(table, way="naive")["timed"]) == {8}
    assert set(of(table, way="batched")["basis"]) == {study.WHOLE}  # one stack holds all parameters of so small ones
    assert set(tables["parameters"]["way"]) == {"naive (predicted)", "batched", "incremental", "backprop"}


def test_passes_are_the_time_over_that_of_one_forward_pass(tables: Any) -> None:
    table = tables["table"]
    for network, samples in itertools.product(set(table["network"]), (1, 2, 4)):
        rows = of(table, network=network, samples=samples)
        (one,) = rows["seconds"][rows["way"] == study.FORWARD]
        assert rows["passes"] == pytest.approx(rows["seconds"] / one, rel=1e-14)


def test_the_textbook_makes_one_pass_per_parameter_per_sample(tables: Any) -> None:
    literal = tables["literal"]
    assert literal["forward_passes"].tolist() == [131 * 60_000.0]
    said = list(tables["findings"]["finding"])
    assert said[-1].startswith("Predicted, not measured: the textbook taken literally")
    assert "is 7.86e+06 forward passes for 60000 samples of tiny (4-16-3)" in said[-1]


def test_a_time_that_hardly_grows_with_the_samples_is_not_told_for_far_more_of_them() -> None:
    """Naive takes a constant time and one that goes with the samples, incremental the latter alone."""
    literal = {"family": "made up", "network": "64-64-10", "parameters": 4810, "samples": 60_000}
    literal |= {"way": "sample by sample", "forward_passes": 4810 * 6e4, "seconds": 1.0, "basis": "one pass"}
    said = {}
    for seconds in (4e-11, 4e-14):
        times = {"passes": 3e-5, "multiply-adds": seconds}
        made = concluded(pd.concat([made_up(way, times) for way in study.WAYS], ignore_index=True), literal)
        (said[seconds],) = study.of_literal(made[study.Predicted])
    naive = 9621 * (3e-5 + 60_000 * 4810 * 4e-11)
    assert f"naive {naive:.3g} s," in said[4e-11]
    assert "Nothing is predicted" not in said[4e-11]
    # 128 samples, the most: their products take 128 * 4810 * 4e-14 = 2.5e-8 s, lost in 3e-5 s.
    assert "central differences take: incremental" in said[4e-14]
    untold = "Nothing is predicted for naive, batched and backprop, whose times hardly grow with the samples"
    assert said[4e-14].endswith(f"{untold} that were measured.")


def test_the_time_of_a_part_is_its_share_of_the_nominal_time() -> None:
    whole, part = (study.nominal_seconds("naive", WIDE, 32, moved) for moved in (101_770, 1000))
    assert part == pytest.approx(whole * 1000 / 101_770)
    assert study.nominal_seconds("backprop", WIDE, 32, 1) < part < study.nominal_seconds("naive", WIDE, 128, 1000)


def test_whole_stacks_are_timed_of_the_batched_way() -> None:
    middling = dk.Network((64, 128, 64, 10))
    together = dk.stack_size(middling.count, study.MOVES)
    assert together == 7
    assert [moved_of(way, middling, 100) for way in ("naive", "batched", "incremental")] == [100, 105, middling.count]


def made_up(way: str, times: dict[str, float]) -> Frame:
    """Rows of the main table with the times of a model."""
    rows = []
    for units, samples in itertools.product((4, 8, 16, 32, 64), (1, 4, 8, 32, 128)):
        network = dk.Network((64, units, 10))
        work = dk.count_work(way, network.sizes, samples)
        seconds = sum(times.get(kind, 0.0) * pieces for kind, pieces in work.items())
        rows.append((way, "made up", network.name, network.count, samples, 1, seconds, network.count, study.WHOLE))
    frame = pd.DataFrame(rows, columns=list(study.Table.columns)[: len(rows[0])])
    return frame.assign(passes=frame["seconds"] / 3e-5, forward_passes=1, multiply_adds=0.0)


def concluded(table: Frame, literal: dict[str, Any]) -> dict[type[Rows], Frame]:
    made = Tables({})
    made.update({study.Table: table, study.Literal: pd.DataFrame([literal])})
    return frames(study.conclude(made))


def test_every_other_size_and_every_other_number_of_samples_is_fitted_and_the_model_judged_on_the_others() -> None:
    table = made_up("naive", {"passes": 3e-5, "multiply-adds": 4e-11, "activations": 2e-9})
    models = study.fitted(table)
    judged = study.judge(table, models)
    assert judged["seen"].sum() == 3 * 3
    assert judged["factor"].max() == pytest.approx(1.0, abs=1e-9)


def test_a_size_that_was_not_fitted_does_not_move_the_model() -> None:
    table = made_up("backprop", {"passes": 3e-5, "multiply-adds": 4e-11})
    before = study.fitted(table)
    spoilt = int(np.argmin(study.fitted_to(table)))
    table.loc[spoilt, "seconds"] *= 10.0
    assert study.fitted(table) == before
    assert study.judge(table, before).loc[spoilt, "factor"] == pytest.approx(10.0, rel=1e-9)


def test_findings_hold_no_number_that_is_not_one(tables: Any) -> None:
    said = [*tables["findings"]["finding"], *tables["lesson"]["text"]]
    assert tables["lesson"]["figure"].tolist() == ["parameters", "passes", "samples", "model"]
    assert not any(word in sentence.split() for sentence in said for word in ("nan", "inf"))
    assert "has not seen" in said[1]


def test_one_size_alone_claims_no_growth_and_no_unseen_size() -> None:
    config = Config(network=(dk.Network((3, 2)),), divide=(1,), samples=(2,), repeats=1)
    found = gathered(study, config)
    assert "unseen" not in found
    assert not any("grows" in text for text in found["lesson"]["text"])


def test_a_network_of_values_is_measured_too() -> None:
    network = dk.Network((4, 5, 3), ("gelu",), "mean_squared_error", l2=1e-3)
    config = Config(network=(network,), divide=(1,), samples=(2,), repeats=1)
    assert np.all(gathered(study, config)["table"]["seconds"] > 0.0)


def test_a_job_of_hours_is_refused_with_the_prediction_and_the_key_that_allows_it() -> None:
    sizes = {"network": (WIDE,), "divide": (1,), "samples": (4096,), "part": 101_770}
    with pytest.raises(ValueError, match=r"would take about [\d.]+ hours .* confirm_hours=(\d+)$") as refused:
        Config(**sizes)
    hours = float(str(refused.value).rpartition("=")[2])
    assert Config(**sizes, confirm_hours=hours).confirm_hours == hours


def test_the_command_refuses_such_a_job_in_one_line_and_starts_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_OUTPUTS", str(tmp_path))
    assert main(["experiment=brute_force", "network=[wide]", "part=101770", "samples=[4096]"]) == 2
    said = capsys.readouterr()
    assert "confirm_hours=" in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"network": ()}, r"network=\[\]: at least one is needed"),
        ({"samples": (0,)}, "samples=0: must be at least 1"),
        ({"divide": (1, 0)}, "divide=0: must be at least 1"),
        ({"samples": (2, 2)}, r"samples=\[2, 2\]: one of them is there twice"),
        ({"part": 0}, "part=0: must be at least 1"),
        ({"confirm_hours": 0.0}, "confirm_hours=0: must be a finite number of hours above 0"),
        ({"confirm_hours": float("nan")}, "confirm_hours=nan: must be"),
    ],
)
def test_a_wrong_size_is_refused(config: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Config(**({"network": (TINY,)} | config))


def test_data_that_do_not_fit_the_network_are_refused_before_the_start() -> None:
    data = dk.Data("own", dk.generated(10, inputs=5, classes=3))
    with pytest.raises(ValueError, match="the data own have 5 inputs, and layer 1 of the network takes 4"):
        Config(network=(TINY,), data=data)
