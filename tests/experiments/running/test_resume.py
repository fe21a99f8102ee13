"""Nothing lost: what was done is kept, found whole or found damaged, and a resumed run is the undisturbed one."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from laboratory import content, environment, python, record_of

from experiments import collect, messages, run, tables
from experiments.running import crate, integrity, jobs, record, recording, results, serial
from experiments.studies import delta_sweep
from experiments.study import Rows, study_in

ROOT = Path(__file__).resolve().parents[3]
SWEEP = ("function=sin", "method=central_2", "x=1,2,3", "figures.formats=[svg]", "delta=[1e-2,1e-4,1e-6]")
COMPUTE = delta_sweep.measure

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("place")]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that nothing happened to."""
    directory = tmp_path_factory.mktemp("undisturbed") / "run"
    python("-m", "experiments.run", *SWEEP, f"hydra.sweep.dir={directory}", check=True)
    return directory


@pytest.fixture
def whole(undisturbed: Path, place: Path) -> Path:
    """A whole run to damage."""
    shutil.copytree(undisturbed, place / "run")
    return place / "run"


def everything(directory: Path) -> dict[str, tuple[int, bytes]]:
    """Every file with its time, so that a file written again shows."""
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in directory.rglob("*") if path.is_file()}


def resume(words: list[str]) -> int:
    return run.main(["--resume", *words])


class Disturbed:
    """A study that raises at x = 2 as long as it is told to, and counts what it computes."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error
        self.computed: list[float] = []

    def __call__(self, config: delta_sweep.Config) -> Iterator[Rows]:
        (x,) = config.function[0].points
        if x == 2.0 and self.error is not None:
            raise self.error
        self.computed.append(x)
        yield from COMPUTE(config)


# A run that did not end


@pytest.mark.parametrize(
    ("error", "status", "again"),
    [(KeyboardInterrupt(), 130, [2.0, 3.0]), (RuntimeError("no luck"), 1, [2.0]), (MemoryError(), 1, [2.0])],
    ids=["interrupt", "failure", "memory"],
)
def test_a_resumed_run_computes_what_is_missing_and_is_the_undisturbed_one(
    error: BaseException,
    status: int,
    again: list[float],
    undisturbed: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
):
    study = Disturbed(error)
    monkeypatch.setattr(delta_sweep, "measure", study)
    assert run.main([*SWEEP, "hydra.sweep.dir=run"]) == status
    assert "python -m experiments.run --resume run" in capsys.readouterr().err
    kept = everything(Path("run/jobs/0"))
    study.error, study.computed = None, []
    assert run.main(["--resume", "run"]) == 0
    assert study.computed == again
    assert content(Path("run")) == content(undisturbed)
    assert everything(Path("run/jobs/0")) == kept
    record = record_of(Path("run"))
    assert (record["status"], [job["status"] for job in record["jobs"]]) == (0, ["done"] * 3)
    assert [set(one) for one in record["resumed"]] == [{"started", "source", "environment"}]


def test_a_run_may_be_resumed_as_often_as_one_likes(whole: Path, undisturbed: Path, monkeypatch: pytest.MonkeyPatch):
    study = Disturbed(None)
    monkeypatch.setattr(delta_sweep, "measure", study)
    for times in (1, 2):
        assert run.main(["--resume", str(whole)]) == 0
        assert len(record_of(whole)["resumed"]) == times
    assert study.computed == []
    assert content(whole) == content(undisturbed)


def test_a_failing_job_is_named_with_its_configuration_and_its_error(monkeypatch: pytest.MonkeyPatch, capsys: Any):
    monkeypatch.setattr(delta_sweep, "measure", Disturbed(RuntimeError("no\nluck")))
    assert run.main([*SWEEP, "hydra.sweep.dir=run"]) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert line.startswith("error: job 1 (function=sin method=central_2 x=2 ")
    assert line.endswith("failed: RuntimeError: no luck")


def test_of_many_jobs_without_a_result_the_first_are_named(monkeypatch: pytest.MonkeyPatch, capsys: Any):
    monkeypatch.setattr(jobs, "perform", lambda job: None)
    many = ",".join(map(str, range(1, 31)))
    assert run.main(["function=sin", "method=central_2", "delta=1e-4", f"x={many}", "figures.draw=null"]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert len(lines) == results.MAX_JOBS_NAMED + 1
    assert lines[-1] == "error: 20 more jobs have no result; run.json has them all"


def test_collect_gathers_what_is_there_and_names_what_is_missing(whole: Path, capsys: Any):
    (whole / "jobs/1/job.json").unlink()
    for name in ("table.parquet", "report.html"):
        (whole / name).unlink()
    assert collect.main([str(whole)]) == 1
    out, err = capsys.readouterr()
    assert "error: job 1 (function=sin method=central_2 x=2 " in err
    assert "waiting: it left no result" in err
    assert f"python -m experiments.run --resume {messages.near(whole)}" in err
    assert "report.html" in out
    assert set(tables.columns_of(whole / "table.parquet")["job"].tolist()) == {0, 2}
    assert record_of(whole)["status"] == 1


def test_collect_of_a_whole_run_gives_what_is_there_already(whole: Path, undisturbed: Path):
    assert collect.main([str(whole)]) == 0
    assert content(whole) == content(undisturbed)
    assert record_of(whole)["resumed"] == []


def test_a_table_that_no_job_has_any_more_does_not_stay(whole: Path):
    stray = whole / "raised.parquet"
    shutil.copy(whole / "optimum.parquet", stray)
    told = record_of(whole)
    told["files"][stray.name] = integrity.digest(stray)
    (whole / "run.json").write_text(json.dumps(told))
    assert collect.main([str(whole)]) == 0
    assert not stray.exists()
    assert not list(whole.glob("raised*"))


# Somebody's own files in the directory of a run

OWN = (
    "my_analysis.csv",
    "mine.parquet",
    "raised.csv",
    "download.part",
    "notes/summary.csv",
    "figures/mine.svg",
    "figures/notes.txt",
    "jobs/notes.txt",
    "jobs/1/mine.parquet",
    "jobs/1/mine.json",
    "jobs/1/half.part",
    "jobs/mine/table.parquet",
)


def put(directory: Path, names: Sequence[str]) -> dict[str, bytes]:
    for name in names:
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text(f"mine: {name}")
    return {name: f"mine: {name}".encode() for name in names}


@pytest.mark.parametrize("command", ["collect", "resume"])
def test_nobodys_files_are_lost_nor_taken_for_results(command: str, whole: Path, undisturbed: Path):
    mine = put(whole, OWN)
    (whole / "jobs/1/job.json").unlink()
    assert (collect.main([str(whole)]), resume([str(whole)]))[command == "resume"] == (command == "collect")
    assert {name: (whole / name).read_bytes() for name in mine} == mine
    assert not set(record_of(whole)["files"]) & {name for name in mine if name != "raised.csv"}
    assert "mine" not in (whole / "report.html").read_text(encoding="utf-8")
    assert resume([str(whole)]) == 0
    for name in mine:
        assert (whole / name).read_bytes() == mine[name]
        (whole / name).unlink()
    assert content(whole) == content(undisturbed)


TAKEN = ("table.csv", "table.parquet", "report.html", "figures/error.svg", "ro-crate-metadata.json", "multirun.yaml")


def test_a_file_that_has_the_name_of_a_result_is_kept_under_another(whole: Path, undisturbed: Path, capsys: Any):
    for name in TAKEN:
        (whole / name).unlink()  # the gathered table may be the job's by another name
    mine = put(whole, TAKEN)
    assert resume([str(whole)]) == 0
    err = capsys.readouterr().err
    for name, text in mine.items():
        path = whole / name
        other = path.with_name(f"{path.stem}.kept-1{path.suffix}")
        assert other.read_bytes() == text
        assert f"is not what the laboratory wrote; it is kept as {other.name}" in err
        other.unlink()
    assert content(whole) == content(undisturbed)


def test_a_file_put_where_a_lost_run_would_have_gathered_is_kept(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(delta_sweep, "measure", Disturbed(KeyboardInterrupt()))
    assert run.main([*SWEEP, "hydra.sweep.dir=lost"]) == 130
    put(Path("lost"), ["summary.parquet"])
    assert collect.main(["lost"]) == 1
    assert Path("lost/summary.kept-1.parquet").read_text() == "mine: summary.parquet"


def test_what_the_end_of_a_run_left_half_is_its_own(whole: Path, undisturbed: Path, monkeypatch: pytest.MonkeyPatch):
    def dies(*_: object) -> None:
        (whole / "summary.parquet.part").write_text("half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(results, "report", dies)
        (whole / "jobs/1/job.json").unlink()
        assert collect.main([str(whole)]) == 130
    assert resume([str(whole)]) == 0
    assert content(whole) == content(undisturbed)
    assert not list(whole.rglob("*kept*"))
    assert not list(whole.rglob("*.part"))


# Links and what is no file


@pytest.mark.parametrize("command", ["collect", "resume"])
@pytest.mark.parametrize("name", ["jobs/1", "jobs", ".lock", "jobs/1/job.log", ".submitit"])
def test_a_run_is_not_written_through_a_link(name: str, command: str, whole: Path, place: Path, capsys: Any):
    link = whole / name
    elsewhere = place / "elsewhere"
    if link.exists():
        link.rename(elsewhere)
    else:
        elsewhere.write_text("victim")
    link.symlink_to(elsewhere)
    before = everything(place)
    assert (resume if command == "resume" else collect.main)([str(whole)]) == 2
    assert f"{name} is a link" in refused(capsys)
    assert everything(place) == before


@pytest.mark.parametrize(
    "name", ["run.json.part", "plan.json.part", "report.html", "figures", "table.csv.part", "ro-crate-metadata.json"]
)
def test_a_link_of_a_name_that_is_written_is_replaced_or_kept(name: str, whole: Path, place: Path, undisturbed: Path):
    victim = place / "victim"
    victim.mkdir() if name == "figures" else victim.write_text("victim")
    if name == "figures":
        shutil.rmtree(whole / name)
    (whole / name).unlink(missing_ok=True)
    (whole / name).symlink_to(victim)
    before = everything(victim) if victim.is_dir() else victim.read_text()
    assert resume([str(whole)]) == 0
    assert (everything(victim) if victim.is_dir() else victim.read_text()) == before
    assert content(whole) == content(undisturbed)


@pytest.mark.parametrize("name", ["jobs/1/table.parquet", "jobs/1/job.json", "jobs/1/config.yaml", "report.html"])
def test_a_pipe_instead_of_a_file_hangs_nothing(name: str, whole: Path, undisturbed: Path):
    (whole / name).unlink()
    os.mkfifo(whole / name)
    assert collect.main([str(whole)]) == name.startswith("jobs")
    assert resume([str(whole)]) == 0
    for path in whole.rglob("*.kept-1*"):
        path.unlink()
    assert content(whole) == content(undisturbed)


@pytest.mark.parametrize("name", ["../../elsewhere", "/dev/zero", "/dev/stdin", "a/../table.parquet", ""])
def test_a_record_names_no_file_outside_its_job(name: str, whole: Path, capsys: Any):
    path = whole / "jobs/1/job.json"
    found = json.loads(path.read_text())
    found["files"][name] = {"bytes": 0, "sha256": ""}
    path.write_text(json.dumps(found))
    assert collect.main([str(whole)]) == 1
    assert "job 1 (" in capsys.readouterr().err


def test_a_device_by_a_results_name_is_damage(whole: Path, capsys: Any):
    (whole / "jobs/1/table.parquet").unlink()
    (whole / "jobs/1/table.parquet").symlink_to("/dev/zero")
    path = whole / "jobs/1/job.json"
    found = json.loads(path.read_text())
    found["files"]["table.parquet"]["bytes"] = 0
    path.write_text(json.dumps(found))
    assert collect.main([str(whole)]) == 1
    assert "table.parquet cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["/tmp/owned", "../owned", "a/b", "..", "a\nb", "\x1b[31m", "é" * 101])
def test_a_figure_is_named_as_a_file_can_be(name: str, place: Path, capsys: Any):
    (place / "experiment").mkdir()
    spec = {"kind": "lines", "table": "table", "x": "delta", "y": "error"}
    preset = {"defaults": ["delta_sweep", "_self_"], "figures": {"draw": {name: spec}}}
    text = f"# @package _global_\n{json.dumps(preset)}"
    (place / "experiment/mine.yaml").write_text(text, encoding="utf-8")
    before = everything(place)
    assert run.main(["--config-dir", str(place), "experiment=mine"]) == 2
    assert "a figure's file is named so" in refused(capsys)
    assert everything(place) == before


def test_a_run_that_died_before_its_first_job_is_started_in_its_directory(undisturbed: Path, capsys: Any):
    Path("run").mkdir()
    Path("run", integrity.LOCK).write_text("process 1 on nowhere\n")
    assert run.main(["--resume", "run"]) == 2
    assert "run has no run.json" in capsys.readouterr().err
    assert run.main([*SWEEP, "hydra.sweep.dir=run"]) == 0
    assert content(Path("run")) == content(undisturbed)


# Damage


def garbage(path: Path) -> None:
    path.write_bytes(b"garbage")


def flipped(path: Path) -> None:
    found = bytearray(path.read_bytes())
    found[len(found) // 2] ^= 1
    path.unlink()  # the gathered table may be the same file by another name
    path.write_bytes(found)


def longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def shorter(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def other_job(path: Path) -> None:
    shutil.copy(path.parents[1] / "2" / path.name, path)


DAMAGES: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "a bit": ("table.parquet", flipped, "table.parquet does not have the checksum"),
    "a byte more": ("table.parquet", longer, "bytes, not the"),
    "a byte less": ("curves.parquet", shorter, "curves.parquet has"),
    "no bytes": ("table.parquet", lambda path: path.write_bytes(b""), "table.parquet has 0 bytes"),
    "no file": ("table.parquet", Path.unlink, "table.parquet cannot be read: No such file"),
    "another job's table": ("table.parquet", other_job, "table.parquet "),
    "another configuration": ("config.yaml", longer, "config.yaml has"),
    "another job's record": ("job.json", other_job, "its configuration is not the one of this run"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_result_is_named_left_out_and_computed_again(
    name: str, whole: Path, undisturbed: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
):
    file, damage, says = DAMAGES[name]
    damage(whole / "jobs/1" / file)
    assert collect.main([str(whole)]) == 1
    err = capsys.readouterr().err
    assert "error: job 1 (" in err
    assert says in err
    assert set(tables.columns_of(whole / "table.parquet")["job"].tolist()) == {0, 2}
    study = Disturbed(None)
    monkeypatch.setattr(delta_sweep, "measure", study)
    assert run.main(["--resume", str(whole)]) == 0
    assert says in capsys.readouterr().err
    assert study.computed == [2.0]
    assert content(whole) == content(undisturbed)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"status": "done"}'], ids=["empty", "half", "list", "other"])
def test_a_record_of_a_job_that_cannot_be_read_is_no_result(text: str, whole: Path, undisturbed: Path, capsys: Any):
    (whole / "jobs/1/job.json").write_text(text)
    assert collect.main([str(whole)]) == 1
    assert "job 1 (" in capsys.readouterr().err
    assert run.main(["--resume", str(whole)]) == 0
    assert content(whole) == content(undisturbed)


def test_leftovers_of_a_killed_job_are_no_part_of_its_result(whole: Path, undisturbed: Path):
    (whole / "jobs/1/job.json").unlink()
    (whole / "jobs/1/table.parquet.part").write_text("half")
    shutil.copy(whole / "jobs/1/table.parquet", whole / "jobs/1/raised.parquet")
    assert run.main(["--resume", str(whole)]) == 0
    assert content(whole) == content(undisturbed)
    assert not list(whole.rglob("*.part"))


# A record that is damaged


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:2000])


def no_record(path: Path) -> None:
    path.unlink()


def other_plan(path: Path) -> None:
    path.write_text(path.read_text().replace("central_2", "forward_1"))


def no_zone(path: Path) -> None:
    path.write_text(path.read_text().replace("+00:00", ""))


@pytest.mark.parametrize("command", ["collect", "resume"])
@pytest.mark.parametrize("damage", [no_record, garbage, half, other_plan, no_zone], ids=lambda one: one.__name__)
def test_a_run_whose_record_is_damaged_is_recovered_from_its_jobs(
    damage: Callable[[Path], object], command: str, whole: Path, undisturbed: Path, capsys: Any
):
    told = record_of(whole)
    damage(whole / "run.json")
    damaged = (whole / "run.json").read_bytes() if (whole / "run.json").is_file() else None
    assert (resume if command == "resume" else collect.main)([str(whole)]) == 0
    assert "what was planned is taken from plan.json" in capsys.readouterr().err
    assert content(whole) == content(undisturbed)
    now = record_of(whole)
    same = ("experiment", "command", "arguments", "overrides", "started", "status", "tables", "best", "jobs", "cwd")
    assert {key: now[key] for key in same} == {key: told[key] for key in same}
    if damaged is not None:
        assert (whole / "run.kept-1.json").read_bytes() == damaged
    assert {path.name for path in whole.glob("*.kept-*")} <= {"run.kept-1.json", "ro-crate-metadata.kept-1.json"}


def test_the_plan_is_whole_before_the_first_job_and_outlives_it(monkeypatch: pytest.MonkeyPatch):
    seen = []

    def study(config: delta_sweep.Config) -> Iterator[Rows]:
        seen.append(record.read(Path("run/plan.json")))
        yield from COMPUTE(config)

    monkeypatch.setattr(delta_sweep, "measure", study)
    assert run.main([*SWEEP, "hydra.sweep.dir=run"]) == 0
    plan = record.read(Path("run/plan.json"))
    assert seen == [plan] * 3
    assert [job.configuration for job in plan.jobs] == [job["configuration"] for job in record_of(Path("run"))["jobs"]]


def test_a_damaged_plan_beside_a_whole_record_is_written_again(whole: Path):
    kept = record.read(whole / "plan.json")
    garbage(whole / "plan.json")
    assert collect.main([str(whole)]) == 0
    again = record.read(whole / "plan.json")
    assert [job.hash for job in again.jobs] == [job.hash for job in kept.jobs]
    assert (again.arguments, again.started, again.cwd) == (kept.arguments, kept.started, kept.cwd)
    assert (whole / "plan.kept-1.json").read_bytes() == b"garbage"


def test_without_record_and_plan_a_run_is_refused(whole: Path, capsys: Any):
    for name in ("run.json", "plan.json"):
        garbage(whole / name)
    before = everything(whole)
    assert collect.main([str(whole)]) == 2
    assert "plan.json is damaged" in refused(capsys)
    assert everything(whole) == before


def test_a_bad_byte_in_a_configuration_is_named_and_the_report_is_new(whole: Path, undisturbed: Path, capsys: Any):
    path = whole / "jobs/1/config.yaml"
    path.write_bytes(b"\xff" + path.read_bytes()[1:])
    (whole / "report.html").unlink()
    assert collect.main([str(whole)]) == 1
    assert "config.yaml does not have the checksum" in capsys.readouterr().err
    assert (whole / "report.html").is_file()
    assert resume([str(whole)]) == 0
    assert content(whole) == content(undisturbed)


# What is refused


def refused(capsys: Any) -> str:
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("error: ")
    return str(err)


@pytest.mark.parametrize("words", [["delta=1e-3"], ["--multirun"], ["--cfg", "job"]], ids=" ".join)
def test_other_words_beside_resume_are_refused(words: list[str], whole: Path, capsys: Any):
    before = everything(whole)
    assert run.main(["--resume", str(whole), *words]) == 2
    assert "leave the other words out" in refused(capsys)
    assert everything(whole) == before


def empty(place: Path) -> None:
    place.mkdir()


def foreign(place: Path) -> None:
    place.mkdir()
    (place / "run.json").write_text('{"name": "something else"}')
    (place / "notes.txt").write_text("mine")


def of_another_format(place: Path) -> None:
    place.mkdir()
    (place / "run.json").write_text(json.dumps({"format": record.FORMAT + 1}))


def half_a_table(place: Path) -> None:
    place.mkdir()
    (place / "table.parquet").write_bytes(b"PAR1 and no more")


def without_jobs(place: Path) -> None:
    place.mkdir()
    content = {"format": record.FORMAT, "experiment": "x", "tables": {}, "jobs": [], "environment": {}, "source": {}}
    (place / "run.json").write_text(json.dumps({**content, "status": 130}))


NONSENSE: dict[str, tuple[Callable[[Path], object], str]] = {
    "nothing": (lambda place: None, "no run named"),
    "a file": (lambda place: place.write_text("a file"), "is a file"),
    "empty": (empty, "has no run.json"),
    "foreign": (foreign, "is no record of this laboratory"),
    "another format": (of_another_format, f"has format {record.FORMAT + 1}"),
    "half a table": (half_a_table, "has no run.json"),
    "no jobs": (without_jobs, "its record plans no job"),
}


@pytest.mark.parametrize("command", [collect.main, resume])
@pytest.mark.parametrize("name", NONSENSE)
def test_a_directory_of_nonsense_is_one_line_and_nothing_is_written(
    name: str, command: Callable[[list[str]], int], place: Path, capsys: Any
):
    make, says = NONSENSE[name]
    make(place / "it")
    before = everything(place)
    assert command([str(place / "it")]) == 2
    assert says in refused(capsys)
    assert everything(place) == before


@pytest.mark.parametrize("words", [[], ["a", "b"], ["--no-such"]], ids=str)
def test_collect_wants_one_run(words: list[str], capsys: Any):
    assert collect.main(words) == 2
    assert "python -m experiments.collect --help" in refused(capsys)


def test_a_second_parent_is_refused(whole: Path, undisturbed: Path, capsys: Any):
    with integrity.held(whole):
        for command in (resume, collect.main):
            assert command([str(whole)]) == 2
            assert f"is in use by process {os.getpid()} on " in refused(capsys)
    assert run.main(["--resume", str(whole)]) == 0
    assert content(whole) == content(undisturbed)


def test_a_preset_that_was_changed_is_not_mixed_with_what_it_was(place: Path, capsys: Any):
    (place / "experiment").mkdir()
    preset = place / "experiment/mine.yaml"
    text = "# @package _global_\ndefaults: [delta_sweep, _self_]\ndelta: [{}]\n"
    preset.write_text(text.format("1e-3"))
    words = ["--config-dir", str(place), "experiment=mine", *SWEEP[:4], "hydra.sweep.dir=run"]
    assert run.main(words) == 0
    preset.write_text(text.format("1e-4"))
    before = everything(Path("run"))
    capsys.readouterr()
    assert run.main(["--resume", "run"]) == 2
    assert "delta of job 0 is not what it was when the run began" in refused(capsys)
    assert everything(Path("run")) == before


def test_a_module_of_ones_own_is_looked_for_where_it_was(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any):
    (place / "own.py").write_text("def f(x):\n    return x * x\n")
    assert run.main(["python=own:f", "delta=1e-3", "figures.draw=null", "hydra.sweep.dir=run"]) == 0
    (place / "elsewhere").mkdir()
    monkeypatch.chdir(place / "elsewhere")
    capsys.readouterr()
    assert run.main(["--resume", "../run"]) == 2
    assert f"the run was started in {place}; go there" in refused(capsys)
    monkeypatch.chdir(place)
    assert run.main(["--resume", "run"]) == 0


# Two at one job


def test_a_job_waits_for_the_worker_that_is_still_at_it(whole: Path):
    found = json.loads((whole / "jobs/1/job.json").read_text())
    job = jobs.Job(
        number=1,
        directory=whole / "jobs/1",
        overrides=(),
        configuration=found["configuration"],
    )
    kept = (job.directory / "job.json").read_bytes()
    (job.directory / "job.json").unlink()
    before = (job.directory / "table.parquet").stat().st_mtime_ns
    with (job.directory / "job.log").open("a") as log:
        assert integrity.taken(log, wait=True)
        second = threading.Thread(target=jobs.perform, args=(job,))
        second.start()
        second.join(0.3)
        assert second.is_alive()
        (job.directory / "job.json").write_bytes(kept)
    second.join(30)
    assert not second.is_alive()
    assert (job.directory / "table.parquet").stat().st_mtime_ns == before


# Full and read-only disks


def test_a_disk_that_fills_up_keeps_what_was_done(undisturbed: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any):
    full = OSError(errno.ENOSPC, "No space left on device")
    write, jobs = serial.write_json, iter(range(10))

    def failing(path: Path, content: object) -> None:
        if path.name == "job.json" and next(jobs) >= 1:
            raise full
        if path.name == "run.json" and (path.parent / "jobs/1").exists():
            raise full
        write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(serial, "write_json", failing)
        assert run.main([*SWEEP, "hydra.sweep.dir=run"]) == 3
    err = capsys.readouterr().err
    assert "No space left on device" in err
    assert "Traceback" not in err
    assert run.main(["--resume", "run"]) == 0
    assert content(Path("run")) == content(undisturbed)


DISK = """
mount -t tmpfs -o size=200k tmpfs disk
status=0
{python} too_small.py {sweep} hydra.sweep.dir=$PWD/disk/run || status=$?
mount -o remount,size=100m disk
mount -o remount,ro disk
{python} -m experiments.run --resume disk/run || echo "read-only: $?"
mount -o remount,rw disk
{python} -m experiments.run --resume disk/run
cp -r disk/run saved
echo "full: $status"
"""
TOO_SMALL = """
import sys
from experiments import run
from experiments.running import check
check.refuse_too_large = lambda *_: None  # which knows beforehand that this disk is too small
sys.exit(run.main(sys.argv[1:]))
"""
OWN_MOUNTS = ["unshare", "--user", "--map-root-user", "--mount"]


def may_mount() -> bool:
    tried = [*OWN_MOUNTS, "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    return (
        shutil.which("unshare") is not None and subprocess.run(tried, capture_output=True, check=False).returncode == 0
    )


@pytest.mark.skipif(not may_mount(), reason="no disks of one's own can be mounted here")
def test_a_real_full_disk_and_a_real_read_only_one(place: Path, undisturbed: Path):
    (place / "disk").mkdir()
    (place / "too_small.py").write_text(TOO_SMALL)
    words = " ".join(f"'{word}'" for word in SWEEP)
    done = subprocess.run(
        [*OWN_MOUNTS, "sh", "-ec", DISK.format(python=sys.executable, sweep=words)],
        capture_output=True, text=True, check=False, env=environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "No space left on device" in done.stderr
    assert "full: 3" in done.stdout
    assert "read-only: 2" in done.stdout
    assert "cannot write in " in done.stderr
    assert content(place / "saved") == content(undisturbed)


# The record


def test_the_record_has_the_checksum_of_every_file(undisturbed: Path):
    files = record_of(undisturbed)["files"]
    there = {path.relative_to(undisturbed).as_posix() for path in undisturbed.rglob("*") if path.is_file()}
    assert set(files) == there - {"run.json", crate.NAME, integrity.LOCK}
    assert integrity.damage(undisturbed, files) is None


def test_the_record_tells_the_smallest_error_and_where_it_is(undisturbed: Path):
    table = tables.read(undisturbed / "table.parquet")
    row = table.loc[table["error"].idxmin()]
    best = record_of(undisturbed)["best"]
    assert (best["column"], best["value"]) == ("error", row["error"])
    assert best["where"] == {key: row[key] for key in study_in(delta_sweep).main.keys}


def test_the_crate_is_read_by_rocrate(undisturbed: Path):
    rocrate = pytest.importorskip("rocrate.rocrate", reason="rocrate is not installed")
    recorded = record.read(undisturbed / "run.json")
    found = rocrate.ROCrate(undisturbed)
    (action,) = found.get_by_type("CreateAction")
    assert action["description"] == recorded.command
    assert action["instrument"]["name"] == "derivative-lab"
    assert {file.id for file in action["object"]} == {f"jobs/{n}/config.yaml" for n in range(3)}
    named = {entity["@id"]: entity for entity in crate.crate(recorded)["@graph"]}
    assert named["table.parquet"]["sha256"] == recorded.files["table.parquet"]["sha256"]
    assert action["endTime"] >= action["startTime"] == serial.plain(recorded.started)


def test_the_time_of_a_resumed_run_counts_from_when_it_was_taken_up(whole: Path):
    before = time.monotonic()
    found = recording.recorded(whole, record.read(whole / "run.json"))
    assert before <= found.since <= time.monotonic()


def test_a_run_is_not_resumed_with_another_file_than_it_began_with(place: Path, capsys: Any):
    """The jobs that are done have read the old one: their tables would be mixed with those of the new one."""
    file = place / "run.csv"
    file.write_text("t,y\n" + "".join(f"{k},{k * k}\n" for k in range(20)), encoding="utf-8")
    words = ("experiment=sampled", "data=run.csv", "order=1,2", "figures.draw=null", "hydra.sweep.dir=read")
    assert run.main([*words]) == 0
    (place / "read/jobs/1/job.json").unlink()
    file.write_text(file.read_text(encoding="utf-8") + "20,401\n", encoding="utf-8")
    assert resume(["read"]) == 2
    assert "run.csv is not what it was when job 0 read it" in capsys.readouterr().err
