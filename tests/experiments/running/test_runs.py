"""Runs listed: by the names that find them, chosen by words, and never hidden by one damaged record."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from laboratory import python

from experiments import runs as command
from experiments.messages import ConfigurationError
from experiments.running import filters, listing, runs

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)


def record(**changes: Any) -> dict[str, Any]:
    """A record of a whole run of sin by central_2."""
    configuration = {
        "runner": "delta_sweep",
        "function": {"sin": {"expression": "sin(x)"}},
        "method": {"central_2": {"formula": "central_2"}},
        "delta": [1e-4, 1e-8],
        "derivative": 1,
        "x": None,
    }
    return {
        "format": 2,
        "experiment": "delta_sweep",
        "overrides": ["figures.draw=null", "experiment=delta_sweep", "function=sin"],
        "started": "2026-01-09T12:00:00+00:00",
        "seconds": 2.5,
        "status": 0,
        "tables": {"table": {"rows": 2, "hash": "0"}},
        "best": {"column": "error", "value": 2e-11, "where": {"function": "sin", "delta": 1e-4}},
        "jobs": [{"number": 0, "status": "done", "configuration": configuration}],
        "files": {
            "table.parquet": {"bytes": 4000, "sha256": "a"},
            "jobs/0/table.parquet": {"bytes": 4000, "sha256": "a"},
            "report.html": {"bytes": 96000, "sha256": "b"},
        },
        "source": {"commit": "92d2b23"},
        "host": "node7",
        **changes,
    }


def jobs(*statuses: str, **configuration: Any) -> list[dict[str, Any]]:
    (job,) = record()["jobs"]
    own = {**job["configuration"], **configuration}
    return [{"number": k, "status": status, "configuration": own} for k, status in enumerate(statuses)]


def put(outputs: Path, name: str, **changes: Any) -> Path:
    place = outputs / name
    place.mkdir(parents=True)
    (place / "run.json").write_text(json.dumps(record(**changes)), encoding="utf-8")
    return place


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results of an empty current directory; no command may leave anything in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LAB_OUTPUTS", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)
    (tmp_path / "outputs").mkdir()
    return tmp_path / "outputs"


def several(outputs: Path) -> None:
    put(outputs, "delta_sweep/2026-01-09/12-00-00-000000-1")
    put(
        outputs,
        "delta_sweep/2026-01-09/12-00-00-500000-2",
        started="2026-01-09T12:00:00.5+00:00",
        overrides=["function=tanh", "delta=1e-3,1e-5"],
        jobs=jobs("done", "failed", function={"tanh": {}}, delta=[1e-3]),
        status=1,
        best={"column": "error", "value": 3e-9, "where": {}},
    )
    put(
        outputs,
        "convergence/2026-01-10/09-30-00-000000-3",
        experiment="convergence",
        started="2026-01-10T09:30:00+00:00",
        overrides=["derivative=2"],
        jobs=jobs(*["done"] * 3, *["waiting"] * 2, runner="convergence", derivative=2, seed=True),
        status=130,
        best=None,
    )


def names(outputs: Path, *words: str) -> list[str]:
    listed, _ = listing.entries(outputs, outputs)
    return [one.name for one in filters.chosen(listed, words, NOW)]


FIRST, SECOND, THIRD = "12-00-00-000000-1", "12-00-00-500000-2", "09-30-00"


# What is told


def test_the_newest_run_comes_first_and_each_is_told_in_a_line(outputs: Path, capsys: pytest.CaptureFixture[str]):
    several(outputs)
    assert command.main([]) == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading.split() == ["run", "study", "overrides", "status", "best", "error", "size", "age"]
    assert [line.split()[:2] for line in lines] == [
        [THIRD, "convergence"],
        [SECOND, "delta_sweep"],
        [FIRST, "delta_sweep"],
    ]
    assert "interrupted 3 of 5" in lines[0]
    assert " ".join(lines[1].split()[2:7]) == "function=tanh delta=1e-3,1e-5 failed 1 of"
    assert "function=sin figures.draw=null" in lines[2]
    assert "2e-11  100 kB" in lines[2]


def test_a_run_is_found_by_the_name_that_it_is_listed_with(outputs: Path):
    several(outputs)
    put(outputs, "speed/2026-01-09/12-00-00-500000-2")
    put(outputs, "speed/2026-01-08/12-00-00-500000-2")
    put(outputs, "speed/2026-01-07/mine")
    put(outputs, "odd/run")
    listed, _ = listing.entries(outputs, outputs)
    assert len(listed) == 7
    assert len({one.name for one in listed}) == 7
    for one in listed:
        assert runs.find(one.name, outputs) == one.directory


def test_a_directory_elsewhere_is_listed_with_names_that_are_paths(outputs: Path):
    place = put(outputs.parent / "mine", "a")
    listed, _ = listing.entries(outputs.parent / "mine", outputs)
    assert [one.name for one in listed] == ["mine/a"]
    assert runs.find("mine/a", outputs) == place
    assert command.main(["mine"]) == 0
    assert command.main(["mine/a"]) == 0


STATES: dict[str, tuple[dict[str, Any], str]] = {
    "done": ({}, "done"),
    "a failed job": ({"status": 1, "jobs": jobs("done", "failed")}, "failed 1 of 2"),
    "lost, and gathered since": ({"status": 1, "jobs": jobs("done", "waiting")}, "interrupted 1 of 2"),
    "lost and failed": ({"status": 1, "jobs": jobs("done", "waiting", "failed")}, "failed 2 of 3"),
    "not gathered": ({"status": 3}, "failed 0 of 1"),
    "interrupted": ({"status": 130, "jobs": jobs("done", "waiting", "waiting")}, "interrupted 1 of 3"),
    "killed": ({"status": 130, "jobs": jobs("waiting", "waiting")}, "interrupted 0 of 2"),
}


@pytest.mark.parametrize(("changes", "status"), STATES.values(), ids=STATES)
def test_a_run_stands_as_its_record_says(outputs: Path, changes: dict[str, Any], status: str):
    put(outputs, "delta_sweep/2026-01-09/12-00-00-000000-1", **changes)
    ((one,), _) = listing.entries(outputs, outputs)
    assert one.status == status


def test_what_a_killed_run_had_done_is_counted_and_one_whose_lock_is_held_is_running(outputs: Path):
    place = put(outputs, "a/2026-01-09/run", status=130, jobs=jobs("waiting", "waiting", "waiting"))
    (place / "jobs/0").mkdir(parents=True)
    (place / "jobs/0/job.json").write_text("{}")
    with (place / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        ((one,), _) = listing.entries(outputs, outputs)
        assert one.status == "running 1 of 3"
    ((one,), _) = listing.entries(outputs, outputs)
    assert one.status == "interrupted 1 of 3"


def test_the_first_format_is_listed_with_what_it_has(outputs: Path, capsys: pytest.CaptureFixture[str]):
    old = record(format=1)
    for key in ("files", "best", "host"):
        del old[key]
    place = put(outputs, "delta_sweep/2026-01-09/12-00-00-000000-1")
    (place / "run.json").write_text(json.dumps(old))
    assert command.main([]) == 0
    heading, line = capsys.readouterr().out.splitlines()
    assert heading.split() == ["run", "study", "overrides", "status", "age"]
    assert line.split()[-3] == "done"


# Words


CHOICES: dict[str, tuple[str, ...]] = {
    "delta_sweep": (SECOND, FIRST),
    "TANH": (SECOND,),
    "interrupted": (THIRD,),
    "study=delta_*": (SECOND, FIRST),
    "experiment=convergence": (THIRD,),
    "status=failed,interrupted": (THIRD, SECOND),
    "status!=done": (THIRD, SECOND),
    "function=sin": (THIRD, FIRST),
    "function=[sin,tanh]": (THIRD, SECOND, FIRST),
    "function!=sin": (SECOND,),
    "derivative=2": (THIRD,),
    "derivative=2.0": (THIRD,),
    "delta=0.0001": (THIRD, FIRST),
    "delta<1e-6": (THIRD, FIRST),
    "delta>=1e-3": (SECOND,),
    "x=null": (THIRD, SECOND, FIRST),
    "seed=true": (THIRD,),
    "best<1e-10": (FIRST,),
    "best=3e-9": (SECOND,),
    "size>=100kB": (THIRD, SECOND, FIRST),
    "since=3h": (THIRD,),
    "since=2026-01-01": (THIRD, SECOND, FIRST),
    "before=3h": (SECOND, FIRST),
    "age>1d": (),
    "age>=24h": (FIRST,),
    "jobs=2": (SECOND,),
    "commit=92d*": (THIRD, SECOND, FIRST),
    "host=node7": (THIRD, SECOND, FIRST),
    "seconds>2": (SECOND, FIRST),
}


@pytest.mark.parametrize("word", CHOICES)
def test_a_word_chooses_the_runs_that_it_describes(outputs: Path, word: str):
    several(outputs)
    if CHOICES[word]:
        assert names(outputs, word) == list(CHOICES[word])
    else:
        with pytest.raises(filters.NothingFitsError):
            names(outputs, word)


def test_all_words_must_fit(outputs: Path):
    several(outputs)
    assert names(outputs, "delta_sweep", "function=sin") == [FIRST]
    with pytest.raises(filters.NothingFitsError, match=r"at once: convergence fits 1, function=tanh fits 1"):
        names(outputs, "convergence", "function=tanh")


@pytest.mark.parametrize("replaced", [{"expression": "2*x^2"}, {"python": "mymodule:f"}])
def test_a_run_of_something_typed_is_none_of_the_functions_beside_it(outputs: Path, replaced: dict[str, str]):
    several(outputs)
    put(outputs, "delta_sweep/2026-01-11/12-00-00-000000-4", jobs=jobs("done", **replaced))
    assert names(outputs, "delta_sweep", "function=sin") == [FIRST]


REFUSED: dict[str, tuple[int, str]] = {
    "funtion=sin": (2, "no run here has the key 'funtion'; did you mean function?"),
    "function=sinn": (1, "no run fits function=sinn; did you mean sin?"),
    "study=speed": (1, "no run fits study=speed; there are convergence, delta_sweep"),
    "delta_swep": (1, "no run fits delta_swep; did you mean delta_sweep"),
    "qqq": (1, "no run fits qqq; a word is of a study, a name, a state or what was typed, such as "),
    "status=fialed": (1, "no run fits status=fialed; did you mean failed?"),
    "best<1e-30": (1, "no run fits best<1e-30; best goes from 2e-11 to 3e-09"),
    "before=2020-01-01": (1, "before goes from 2026-01-09 12:00"),
    "best": (2, "best: nothing is asked of it; write 'best<1e-10'; a shell takes < and > unless quoted"),
    "since=2": (2, "since=2: '2' is no value for since; write for example since=2d"),
    "delta<abc": (2, "delta<abc: 'abc' is no value for delta; after < write a number"),
    "./elsewhere": (2, "no directory ./elsewhere"),
    "--sort=size,": (2, "invalid choice: 'size,'"),
    "-n0": (2, "'0' is no number of runs; write 1, 2 or more"),
    "--jsn": (2, "unrecognized arguments: --jsn"),
}


@pytest.mark.parametrize(("word", "answer"), REFUSED.items(), ids=REFUSED)
def test_a_wrong_word_gets_one_line_with_the_nearest_right_one(
    outputs: Path, word: str, answer: tuple[int, str], capsys: pytest.CaptureFixture[str]
):
    several(outputs)
    status, text = answer
    assert command.main([word]) == status
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert line.startswith("error: ")
    assert text in line
    assert said.out == ""


# Ways to list


def test_runs_are_sorted_turned_and_cut(outputs: Path, capsys: pytest.CaptureFixture[str]):
    several(outputs)

    def listed(*words: str) -> list[str]:
        assert command.main(words) == 0
        return [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]

    assert listed("--sort", "best") == [FIRST, SECOND, THIRD]
    assert listed("--sort", "best", "--reverse", "-n", "2") == [THIRD, SECOND]
    assert listed("delta_sweep", "--sort", "jobs", "function=tanh") == [SECOND]
    assert listed("--sort", "study", "-n1") == [THIRD]


def test_scripts_get_json_and_csv_of_the_same_runs(outputs: Path, capsys: pytest.CaptureFixture[str]):
    several(outputs)
    assert command.main(["--json"]) == 0
    objects = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in objects] == [THIRD, SECOND, FIRST]
    assert objects[2]["where"] == {"function": "sin", "delta": 1e-4}
    assert (objects[2]["bytes"], objects[2]["best"], objects[0]["best"]) == (100_000, 2e-11, None)
    assert command.main(["--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["directory"] for row in rows] == [one["directory"] for one in objects]
    assert rows[2]["where"] == "function=sin delta=0.0001"
    assert rows[0]["best"] == ""


def test_a_narrow_line_cuts_what_was_asked_and_then_goes_without_columns(
    outputs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    several(outputs)
    whole = None
    for width in (100, 80, 60, 46):
        monkeypatch.setenv("COLUMNS", str(width))
        assert command.main([]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= width
        assert all(
            status in text for status, text in zip(("interrupted 3", "failed 1", "done"), lines[1:], strict=True)
        )
        columns = len(lines[0].split())
        assert whole is None or columns <= whole
        whole = columns


def test_a_list_imports_nothing_heavy(outputs: Path):
    several(outputs)
    code = (
        "import sys; from experiments import runs; assert runs.main([]) == 0;"
        "print([m for m in ('numpy', 'derivkit', 'pandas', 'pyarrow', 'rich', 'hydra') if m in sys.modules])"
    )
    done = python("-c", code, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


# Nonsense


def unreadable(place: Path) -> None:
    (place / "run.json").unlink()
    (place / "run.json").mkdir()


def half(place: Path) -> None:
    (place / "run.json").unlink()
    (place / "jobs").mkdir()


def content(text: str) -> Callable[[Path], object]:
    return lambda place: (place / "run.json").write_text(text)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a record that is a directory": (unreadable, "run.json cannot be read: Is a directory"),
    "no record, but jobs": (half, "has no run.json: the run is half-written"),
    "half a record": (content('{"format": 2, '), "run.json is damaged: Expecting property name"),
    "no text": (lambda place: (place / "run.json").write_bytes(b"\xff\xfe\x00"), "run.json is damaged"),
    "deep": (content("[" * 100_000), "run.json is damaged"),
    "foreign": (content('[{"name": "another tool"}]'), "is no record of this laboratory: it has no format"),
    "a later version": (content(json.dumps(record(format=99))), "has format 99; this version reads format 1 and 2"),
    "no jobs": (content(json.dumps(record(jobs=None))), "run.json is damaged: jobs is missing or of another type"),
    "odd jobs": (content(json.dumps(record(jobs=[{}]))), "run.json is damaged: a job has no configuration"),
    "no time": (content(json.dumps(record(started="noon"))), "started is 'noon', which is no time"),
    "odd best": (content(json.dumps(record(best=[1]))), "run.json is damaged: best is of another type"),
    "odd files": (content(json.dumps(record(files={"a": 1}))), "run.json is damaged: files are without bytes"),
}


@pytest.mark.parametrize(("damage", "answer"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_record_is_named_and_hides_no_other(
    outputs: Path, damage: Callable[[Path], object], answer: str, capsys: pytest.CaptureFixture[str]
):
    several(outputs)
    damage(put(outputs, "delta_sweep/2026-01-08/10-00-00-000000-9"))
    for words in ([], ["--sort", "size"], ["--json"]):
        assert command.main(words) == 0
        said = capsys.readouterr()
        assert answer in said.err
        assert all(name in said.out for name in (FIRST, SECOND, THIRD, "10-00-00"))
    assert command.main(["status=damaged"]) == 0
    assert command.main(["status=done"]) == 0
    assert "10-00-00" not in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize(("damage", "answer"), DAMAGES.values(), ids=DAMAGES)
def test_nothing_but_damaged_records_is_nonsense(
    outputs: Path, damage: Callable[[Path], object], answer: str, capsys: pytest.CaptureFixture[str]
):
    damage(put(outputs, "delta_sweep/2026-01-08/10-00-00-000000-9"))
    before = sorted(outputs.parent.rglob("*"))
    assert command.main([]) == 2
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert answer in line
    assert said.out == ""
    assert sorted(outputs.parent.rglob("*")) == before


def test_a_directory_without_runs_is_said_to_have_none(outputs: Path, capsys: pytest.CaptureFixture[str]):
    (outputs / "a/b/c/d").mkdir(parents=True)
    (outputs / "a/run.txt").write_text("foreign")
    (outputs / "a/table.parquet").write_bytes(b"PAR1")
    before = sorted(outputs.rglob("*"))
    assert command.main([]) == 2
    assert f"there are no runs below {outputs}" in capsys.readouterr().err
    assert sorted(outputs.rglob("*")) == before
    assert command.main(["outputs/a", "outputs/a/b"]) == 2
    assert "name one to look below" in capsys.readouterr().err


def test_no_results_at_all_are_said_to_be_none(outputs: Path, capsys: pytest.CaptureFixture[str]):
    outputs.rmdir()
    assert command.main([]) == 2
    assert "python -m experiments.run makes one" in capsys.readouterr().err
    assert not outputs.exists()


def test_links_in_a_ring_end(outputs: Path):
    several(outputs)
    (outputs / "ring").symlink_to(outputs)
    (outputs / "self").symlink_to("self")
    (outputs / "delta_sweep/up").symlink_to("..")
    listed, refused = listing.entries(outputs, outputs)
    assert [one.name for one in listed] == [THIRD, SECOND, FIRST]
    assert refused == []


def test_a_directory_that_cannot_be_read_is_named(
    outputs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    several(outputs)
    scandir = os.scandir

    def refusing(path: Path) -> Any:
        if Path(path).name == "convergence":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(listing.os, "scandir", refusing)
    assert command.main([]) == 0
    said = capsys.readouterr()
    assert f"{outputs}/convergence cannot be read: Permission denied" in said.err
    assert FIRST in said.out
    assert command.main(["outputs/convergence"]) == 2
    assert "Permission denied" in capsys.readouterr().err


def test_a_word_that_is_no_condition_is_told_apart_from_one():
    assert [filters.is_filter(word) for word in ("function=sin", "best<1", "latest~1", "a/b", "=1")] == [
        True, True, False, False, False,
    ]  # fmt: skip
    with pytest.raises(ConfigurationError):
        filters.conditions(["since=x"], NOW)
    assert filters.conditions(["  "], NOW) == []
    assert NOW - timedelta(days=7) == filters.FIELDS["since"].read("1w", NOW)  # type: ignore[misc]
