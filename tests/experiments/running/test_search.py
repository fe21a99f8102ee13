"""A search draws its jobs: what it may draw from, what it makes small, and that it is resumed to the byte."""

from __future__ import annotations

import importlib.util
import json
import math
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from laboratory import content, environment, python, record_of

from experiments import collect, rerun, run, tables
from experiments.running import launchers, search, searched
from experiments.running.check import study_of
from experiments.studies import delta_sweep
from experiments.study import Rows, Tables
from experiments.words import number as written

ROOT = Path(__file__).resolve().parents[3]
LOG = "delta=tag(log,interval(1e-14,1e-1))"
TRIALS = 8
SPACE = ("hydra/sweeper=optuna", LOG, "method=forward_1,central_4", "function=sin", "x=1")
WORDS = (
    *(*SPACE, f"hydra.sweeper.n_trials={TRIALS}", "hydra.sweeper.sampler.n_startup_trials=3"),
    *("figures.formats=[svg]", "figures.draw.law=null", "figures.draw.ulps=null", "figures.draw.secants=null"),
)
COMPUTE = delta_sweep.measure

needs_optuna = pytest.mark.skipif(
    importlib.util.find_spec("optuna") is None or not launchers._importable("hydra_plugins.hydra_optuna_sweeper"),
    reason="hydra-optuna-sweeper is not installed",
)

pytestmark = pytest.mark.usefixtures("place")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The search that nothing happened to."""
    directory = tmp_path_factory.mktemp("undisturbed") / "run"
    done = command(*WORDS, f"hydra.sweep.dir={directory}")
    said = [line for line in done.stderr.splitlines() if not line.startswith("job ")]
    assert (done.returncode, [line for line in said if "Warning" in line or "[I " in line]) == (0, [])
    return directory


@pytest.fixture
def whole(undisturbed: Path, place: Path) -> Path:
    shutil.copytree(undisturbed, place / "run")
    return place / "run"


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return python("-W", "default", "-m", "experiments.run", *words)


class Disturbed:
    """A study that raises in one of its jobs as long as it is told to, and counts those it computes."""

    def __init__(self, error: BaseException | None, at: int) -> None:
        self.error, self.at = error, at
        self.computed = 0

    def __call__(self, config: delta_sweep.Config) -> Iterator[Rows]:
        if self.computed == self.at and self.error is not None:
            error, self.error = self.error, None
            raise error
        self.computed += 1
        yield from COMPUTE(config)


# What is made small


def test_the_objective_is_the_largest_error_and_a_row_without_one_is_the_worst(tmp_path: Path):
    errors = {0: [1e-3, 2e-3], 1: [0.0, 0.0], 2: [1e-9, math.nan]}
    columns = {"error": np.array([e for found in errors.values() for e in found]), "job": np.repeat([0, 1, 2], 2)}
    found = searched.objectives({"table": columns})
    assert found == {0: 2e-3, 1: 0.0, 2: math.inf}
    for job, values in errors.items():  # the file of the job alone is the other witness
        (tmp_path / str(job)).mkdir()
        with tables.Writer(tmp_path / str(job), {"table": {"error": (float, "it")}}) as writer:
            writer.write("table", {"error": np.array(values)})
        assert tables.largest(tmp_path / str(job) / "table.parquet", "error") == found[job]


def test_a_table_without_rows_has_no_error(tmp_path: Path):
    with tables.Writer(tmp_path, {"table": {"error": (float, "it")}}) as writer:
        writer.write("table", {"error": np.empty(0)})
    assert tables.largest(tmp_path / "table.parquet", "error") == math.inf


@needs_optuna
def test_what_is_told_of_the_best_is_what_the_sweeper_found_and_the_prediction_says(undisturbed: Path):
    found = yaml.safe_load((undisturbed / "optimization_results.yaml").read_text())
    gathered = {path.stem: tables.columns_of(path) for path in undisturbed.glob("*.parquet")}
    objectives = searched.objectives(gathered)
    best = min(objectives, key=lambda job: objectives[job])
    assert (objectives[best], len(objectives)) == (found["best_value"], TRIALS)
    jobs = record_of(undisturbed)["jobs"]
    assert jobs[best]["overrides"][:2] == [f"{key}={found['best_params'][key]}" for key in ("delta", "method")]
    known = search.Search(**record_of(undisturbed)["search"])
    told = searched.sentences(
        known, study_of({"runner": "delta_sweep"}), gathered, {job["number"]: job["overrides"] for job in jobs}
    )
    assert f"the best is trial {best}, delta={found['best_params']['delta']} method=" in told[0]
    assert told[0].startswith(f"{TRIALS} trials were drawn from {LOG} and method=forward_1,central_4; ")
    assert told[0].endswith(f": the error (|estimate - exact|) is {found['best_value']:.2g}.")
    optimum = gathered["optimum"]
    least = int(np.argmin(optimum["error"]))
    assert f"at most {optimum['error'][least]:.2g}, for {optimum['method'][least]} with delta" in told[1]
    times = written(found["best_value"] / optimum["error"][least])
    assert f"{times} times the least that is predicted for" in told[1]
    page = (undisturbed / "report.html").read_text()
    assert f"the best is trial {best}" in page


@needs_optuna
def test_every_trial_is_recorded_with_its_overrides_and_lies_in_the_space(undisturbed: Path):
    record = record_of(undisturbed)
    assert [job["number"] for job in record["jobs"]] == list(range(TRIALS))
    known = search.Search(**record["search"])
    for job in record["jobs"]:
        delta, method = job["configuration"]["delta"], list(job["configuration"]["method"])
        assert job["overrides"][:2] == [f"delta={delta}", f"method={method[0]}"]
        assert 1e-14 <= delta <= 1e-1
        assert method[0] in ("forward_1", "central_4")
        assert known.has(job["configuration"])
        assert not known.has({**job["configuration"], "derivative": 2})
    assert len({job["hash"] for job in record["jobs"]}) == TRIALS


@needs_optuna
@pytest.mark.parametrize(("function", "x"), [("absolute", 0), ("log", 0.01)])
def test_jobs_without_an_error_do_not_end_the_search(function: str, x: float, capsys: Any):
    words = ("delta=tag(log,interval(1e-3,1e1))", f"function={function}", f"x={x}", "method=central_2,central_4")
    assert run.main(["hydra/sweeper=optuna", *words, "hydra.sweeper.n_trials=6", "figures.draw=null"]) == 0
    said = capsys.readouterr().out
    assert ("none has an error in every row" in said) == (function == "absolute")


# What the study says of it


def columns(**more: Any) -> dict[str, Any]:
    rows = len(more["error"])
    same = {"function": "sin", "x": 1.0, "method": "central_2"}
    plain = {name: np.array([value] * rows, dtype=object if name != "x" else float) for name, value in same.items()}
    return {**plain, "job": np.arange(rows), **{name: np.asarray(values) for name, values in more.items()}}


OPTIMUM = columns(delta=[1e-5], error=[1e-11], order=[2], derivative=[1])


@pytest.mark.parametrize("error", [5e-12, 1e-14])
def test_an_error_far_below_those_around_it_is_called_good_luck(error: float):
    """Of the others, one lies far away, and one is wrong for its truncation."""
    parts = {"truncation": [1e-12, 1e-12, 1e-12, 1e-4, 8e-10], "rounding": [9e-12] * 5}
    table = columns(delta=[1e-5, 2e-5, 0.5e-5, 1e-2, 3e-5], error=[error, 3e-12, 4e-12, 1e-4, 7e-10], **parts)
    (told,) = delta_sweep.advise(Tables({"table": table, "optimum": OPTIMUM}), 0)
    assert told.startswith(f"sin at x = 1: central_2 with delta = 1e-05 has an error of {error:.2g}, ")
    assert "the delta found is 1 times that." in told
    for words in ("good luck", "the 2 other trials", "from 3e-12 to 4e-12"):
        assert (words in told) == (error < 1e-12)


def test_where_nothing_is_predicted_nothing_is_compared():
    unknown = {**OPTIMUM, "error": np.array([math.nan])}
    table = columns(delta=[1e-5], error=[1e-12], truncation=[math.nan], rounding=[math.nan])
    (told,) = delta_sweep.advise(Tables({"table": table, "optimum": unknown}), 0)
    assert told.endswith("nothing is predicted there.")


# Replayed


@needs_optuna
def test_the_same_search_draws_the_same_and_another_seed_draws_others(undisturbed: Path):
    assert run.main([*WORDS, "hydra.sweep.dir=again"]) == 0
    assert content(Path("again")) == content(undisturbed)
    assert run.main([*WORDS, "hydra.sweeper.sampler.seed=1", "hydra.sweep.dir=other"]) == 0
    hashes = [{job["hash"] for job in record_of(Path(name))["jobs"]} for name in ("again", "other")]
    assert not hashes[0] & hashes[1]


@needs_optuna
@pytest.mark.parametrize("at", [0, 4, TRIALS - 1])
@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt(), 130), (RuntimeError("no luck"), 1)], ids=["interrupt", "failure"]
)
def test_a_resumed_search_is_the_undisturbed_one(
    error: BaseException, status: int, at: int, undisturbed: Path, monkeypatch: pytest.MonkeyPatch
):
    study = Disturbed(error, at)
    monkeypatch.setattr(delta_sweep, "measure", study)
    assert run.main([*WORDS, "hydra.sweep.dir=run"]) == status
    before = record_of(Path("run"))
    assert len(before["jobs"]) == TRIALS
    if status == 130:  # what was not drawn yet is recorded as what it is drawn from
        assert before["jobs"][-1]["configuration"]["delta"] == LOG
        assert LOG in before["jobs"][-1]["overrides"]
        study.computed = 0
    assert run.main(["--resume", "run"]) == 0
    assert content(Path("run")) == content(undisturbed)
    if status == 130:
        assert study.computed == TRIALS - at
    found, expected = (record_of(one)["search"] for one in (Path("run"), undisturbed))
    assert {**found, "words": None} == {**expected, "words": None}


@needs_optuna
def test_a_damaged_trial_is_computed_again_and_a_foreign_one_is_found(whole: Path, undisturbed: Path, capsys: Any):
    (whole / "jobs/2/table.parquet").unlink()
    (whole / "jobs/2/table.parquet").write_bytes(b"garbage")
    told = json.loads((whole / "jobs/5/job.json").read_text())
    (whole / "jobs/5/job.json").write_text(
        json.dumps({**told, "configuration": {**told["configuration"], "derivative": 2}})
    )
    assert collect.main([str(whole)]) == 1
    out, said = capsys.readouterr()
    assert "job 2 " in said
    assert "its configuration is not the one of this run" in said
    assert f"{TRIALS - 2} of {TRIALS} trials were drawn" in out
    assert run.main(["--resume", str(whole)]) == 0
    assert content(whole) == content(undisturbed)


@needs_optuna
def test_a_killed_search_is_resumed_to_the_byte(undisturbed: Path, place: Path):
    process = subprocess.Popen(
        [sys.executable, "-m", "experiments.run", *WORDS, "hydra.sweep.dir=run"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(),
    )  # fmt: skip
    end = time.monotonic() + 200
    while not (place / "run/jobs/3/job.json").exists():
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (place / "run/optimization_results.yaml").exists()
    assert run.main(["--resume", "run"]) == 0
    assert content(place / "run") == content(undisturbed)


@needs_optuna
def test_trials_of_workers_are_drawn_in_batches_and_resumed_to_the_byte(place: Path):
    if not launchers._importable("hydra_plugins.hydra_joblib_launcher.joblib_launcher"):
        pytest.skip("joblib is not installed")
    words = (*WORDS, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweeper.n_jobs=3")
    done = command(*words, f"hydra.sweep.dir={place / 'one'}")
    assert (done.returncode, "Warning" in done.stderr) == (0, False), done.stderr
    shutil.copytree(place / "one", place / "two")
    for number in (1, 4, 7):
        (place / f"two/jobs/{number}/job.json").unlink()
    assert command("--resume", str(place / "two")).returncode == 0
    assert content(place / "one") == content(place / "two")


@needs_optuna
def test_a_search_that_would_draw_others_now_is_not_resumed(whole: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any):
    monkeypatch.setattr(search, "versions", lambda: {"optuna": "9.9.9"})
    assert run.main(["--resume", str(whole)]) == 2
    assert "the search began with versions" in capsys.readouterr().err
    monkeypatch.undo()
    record = record_of(whole)
    record["search"]["sweeper"]["sampler"]["n_ei_candidates"] = 25  # a preset that was changed since
    (whole / "run.json").write_text(json.dumps(record))
    assert run.main(["--resume", str(whole)]) == 2
    assert "the search began with sweeper" in capsys.readouterr().err


@needs_optuna
def test_a_search_is_repeated_as_the_jobs_that_it_drew(whole: Path, capsys: Any):
    assert rerun.main([str(whole)]) == 0
    assert "identical" in capsys.readouterr().out


def test_the_record_of_a_grid_tells_of_no_search():
    assert run.main(["delta=1e-4,1e-5", "function=sin", "x=1", "figures.draw=null", "hydra.sweep.dir=run"]) == 0
    assert "search" not in record_of(Path("run"))


@needs_optuna
def test_the_preset_searches_and_what_is_typed_replaces_its_space():
    words = ("experiment=best_delta", "method=central_2", "hydra.sweeper.n_trials=3", "figures.draw=null")
    assert run.main([*words, "hydra.sweep.dir=run"]) == 0
    known = record_of(Path("run"))["search"]
    assert (known["space"], known["trials"]) == ([LOG], 3)


# What cannot be searched

REFUSED = {
    (): "has nothing to search",
    (LOG, "hydra.sweeper.n_trials=0"): "n_trials=0: a whole number from 1",
    (LOG, "hydra.sweeper.n_trials=1.5"): "n_trials=1.5: a whole number from 1",
    (LOG, "hydra.sweeper.n_trials=1000000000"): "n_trials=1000000000: a whole number from 1",
    (LOG, "hydra.sweeper.n_jobs=4"): "write hydra/launcher=joblib too",
    (LOG, "hydra.sweeper.sampler.seed=null"): "write hydra.sweeper.sampler.seed=0",
    (LOG, "hydra/sweeper/sampler=random"): "write hydra.sweeper.sampler.seed=0",
    (LOG, "hydra/sweeper/sampler=grid"): "write hydra/sweeper/sampler=tpe",
    (LOG, "hydra.sweeper.direction=maximize"): "hydra.sweeper.direction=maximize: ",
    (LOG, "hydra.sweeper.storage=sqlite:///x.db"): "hydra.sweeper.storage=sqlite:///x.db: ",
    (LOG, "shards=4"): "write shards=1",
    (LOG, "hydra.mode=RUN"): "hydra.mode=RUN runs one job; write one value, delta=1e-14, or a list, delta=[1e-14,0.1]",
    (LOG, "function=sin,exp"): "write a list, function=[A,B]",
    (LOG, "x=interval(0,1)"): "easiest to differentiate",
    (LOG, "experiment=tangents"): "has no column 'error'",
    (LOG, "method=central_2,central_3"): "no method named 'central_3'",
    (LOG, "derivative=1,2"): "the whole run has one derivative",
    ("delta=interval(1e-1,1e-3)",): "from the lesser number to the larger",
    ("delta=interval(1e-3,inf)",): "from the lesser number to the larger",
    ("delta=tag(log,interval(0,1))",): "both ends are above 0",
    ("delta=interval(-1,1)",): "a step is greater than 0",
    ("delta=1e-4,-1",): "a step is greater than 0",  # not the first of the values
    ("delta=range(1,4)",): "would draw the end of a range too",
    ("delta=null,1e-4",): "cannot draw null",
    ("delta=interval(1e-3)",): "an interval has two numbers",
}


@needs_optuna
@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_what_cannot_be_searched_is_refused_in_one_line(words: tuple[str, ...], place: Path, capsys: Any):
    assert run.main(["hydra/sweeper=optuna", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert REFUSED[words] in line
    assert not list(place.iterdir())


@needs_optuna
def test_workers_of_which_one_has_work_are_refused(capsys: Any):
    if not launchers._importable("hydra_plugins.hydra_joblib_launcher.joblib_launcher"):
        pytest.skip("joblib is not installed")
    assert run.main([*SPACE, "hydra/launcher=joblib"]) == 2
    assert "write hydra.sweeper.n_jobs=N too" in capsys.readouterr().err


@needs_optuna
def test_an_interval_of_many_decades_without_a_logarithm_is_remarked(capsys: Any):
    words = ("hydra/sweeper=optuna", "function=sin", "hydra.sweeper.n_trials=1", "figures.draw=null")
    assert run.main([*words, "delta=interval(1e-9,1e-1)"]) == 0
    assert "write 'delta=tag(log,interval(1e-09,0.1))'" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("hydra/sweeper=optuna", LOG), ("experiment=best_delta",)], ids=["typed", "preset"])
def test_a_sweeper_that_is_not_installed_is_named_with_what_installs_it(
    words: tuple[str, ...], place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
):
    monkeypatch.setattr(launchers, "_importable", lambda module: False)
    assert run.main([*words]) == 2
    expected = "error: hydra/sweeper=optuna is not installed; pip install 'derivative-lab[optuna]'\n"
    assert capsys.readouterr().err == expected
    assert not list(place.iterdir())


def test_an_interval_without_a_search_names_the_sweeper(capsys: Any):
    assert run.main([LOG]) == 2
    assert "or search it with hydra/sweeper=optuna" in capsys.readouterr().err
