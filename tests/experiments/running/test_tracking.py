"""Runs handed to MLflow: what it reads back is what the runs were, and nothing is there twice."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from laboratory import python

from experiments import run, tables
from experiments import runs as command
from experiments.messages import ConfigurationError
from experiments.running import listing, tracking

ROOT = Path(__file__).resolve().parents[3]
here = importlib.util.find_spec("mlflow") is not None
WORDS = ["function=sin", "method=[forward_1,central_2]", "figures.draw=null"]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of sin, the second of two jobs."""
    place = tmp_path_factory.mktemp("outputs")
    for name, delta in (("a", "1e-4"), ("b", "1e-3,1e-5")):
        # In a process of its own where there is MLflow, with which may come plugins of Hydra that warn when imported.
        words = [*WORDS, f"delta={delta}", f"hydra.sweep.dir={place}/delta_sweep/2026-01-02/{name}"]
        if here:
            python("-m", "experiments.run", *words, check=True)
        else:
            assert run.main(words) == 0
    return place


def entry(outputs: Path, name: str) -> listing.Entry:
    listed, _ = listing.entries(outputs, outputs)
    return next(one for one in listed if one.directory.name == name)


def read_back(database: Path) -> dict[str, Any]:
    import mlflow  # noqa: PLC0415 - where it is installed

    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{database}")
    experiment = client.get_experiment_by_name("delta_sweep")
    return {one.info.run_name: one for one in client.search_runs([experiment.experiment_id])}


@pytest.mark.skipif(not here, reason="MLflow is not installed: pip install 'derivative-lab[mlflow]'")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the libraries of MLflow
def test_two_runs_are_exported_once_and_read_back_with_mlflow(
    outputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("LAB_OUTPUTS", str(outputs))
    monkeypatch.chdir(tmp_path)
    database = tmp_path / "runs.db"
    for said in ("exported 2 of 2 finished runs", "exported 0 of 2 finished runs"):
        assert command.main(["--mlflow", "runs.db", "--files"]) == 0
        assert said in capsys.readouterr().out
    found = read_back(database)
    assert sorted(found) == ["a", "b"]
    record = json.loads((outputs / "delta_sweep/2026-01-02/b/run.json").read_text())
    one = found["b"]
    assert one.info.status == "FINISHED"
    assert one.data.params["delta"] == "0.001, 1e-05"
    assert one.data.params["method"] == "forward_1, central_2"
    assert one.data.tags["lab.hash.table"] == record["tables"]["table"]["hash"]
    assert one.data.metrics["rows"] == record["tables"]["table"]["rows"]
    summary = tables.columns_of(outputs / "delta_sweep/2026-01-02/b/summary.parquet")
    (row,) = ((summary["method"] == "central_2") & (summary["x"] == 1.0)).nonzero()[0]
    assert one.data.metrics["typical_error/sin x 1 central_2"] == summary["typical_error"][row]
    assert list(tmp_path.glob("mlflow-files/delta_sweep/*/artifacts/report.html"))
    changed = outputs / "delta_sweep/2026-01-02/a/run.json"
    changed.write_text(changed.read_text() + "\n")
    assert command.main(["--mlflow", f"sqlite:///{database}"]) == 0
    assert "exported 1 of 2 finished runs" in capsys.readouterr().out
    assert sorted(read_back(database)) == ["a", "b"]


@pytest.mark.slow
def test_what_was_asked_and_found_is_told(outputs: Path):
    one = entry(outputs, "b")
    asked = tracking.parameters(one)
    assert asked["delta"] == "0.001, 1e-05"
    assert asked["function"] == "sin"
    assert "delta=1e-3,1e-5" in asked["overrides"]
    numbers = tracking.metrics(one)
    assert numbers["jobs"] == 2.0
    assert all(isinstance(value, float) for value in numbers.values())
    assert tracking.tags(one)["lab.study"] == "delta_sweep"


@pytest.mark.parametrize("uri", ["runs", "./mlruns", "file:///tmp/mlruns", ""])
def test_a_store_that_mlflow_refuses_is_refused_in_one_line(
    outputs: Path, uri: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(tracking.ConfigurationError, match=r"write a file such as runs\.db"):
        tracking.export([entry(outputs, "a")], uri)
    monkeypatch.setenv("LAB_OUTPUTS", str(outputs))
    assert command.main(["--mlflow", uri]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_without_mlflow_one_line_says_how_to_get_it(
    outputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    monkeypatch.setenv("LAB_OUTPUTS", str(outputs))
    assert command.main(["--mlflow", "runs.db"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("install it: pip install 'derivative-lab[mlflow]'")


def test_names_have_only_the_letters_that_mlflow_allows():
    assert tracking._name("smallest_error/x^2 = 1") == "smallest_error/x_2 _ 1"
    assert len(tracking._name("x" * 1000)) == 250


def test_a_run_of_which_a_file_was_changed_is_not_exported(outputs: Path, tmp_path: Path):
    shutil.copytree(outputs, tmp_path / "copy")
    one = entry(tmp_path / "copy", "a")
    tracking._refuse_altered(one)
    (one.directory / "report.html").write_text("changed")
    with pytest.raises(ConfigurationError, match=r"report\.html has 7 bytes, not the"):
        tracking._refuse_altered(one)
