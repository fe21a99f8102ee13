"""The record of a run says where its numbers come from, in plain data that is complete and stable."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laboratory import python

from experiments import THREADS
from experiments.running import provenance, record, serial
from experiments.running.record import Status
from experiments.terminal.exits import Exit

ROOT = Path(__file__).resolve().parents[3]

SEVERAL = pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one processor has one thread anyway")
NEEDS_GIT = pytest.mark.skipif(shutil.which("git") is None, reason="Git is not installed")


# the environment


def test_the_environment_names_what_the_bits_depend_on():
    found = provenance.environment()
    assert found["python"] == platform.python_version()
    assert found["versions"]["numpy"] == np.__version__
    assert found["cpus_usable"] >= 1
    assert found["blas"]["name"]
    assert found["blas"]["threads"] is None or found["blas"]["threads"] >= 1
    assert found["cpu_features"] == sorted(found["cpu_features"])
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def in_a_new_process(first="pass", **variables):
    script = "import json; from experiments.running.provenance import environment as e; print(json.dumps(e()))"
    kept = {name: value for name, value in os.environ.items() if name not in (*THREADS, "OMP_NUM_THREADS")}
    env = {**kept, "PYTHONPATH": str(ROOT), **variables}
    return json.loads(python("-c", f"{first}; {script}", check=True, cwd=ROOT, env=env).stdout)


def test_the_variables_that_change_bits_are_recorded():
    found = in_a_new_process(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    assert found["variables"]["OMP_NUM_THREADS"] == "1"
    assert found["variables"]["OPENBLAS_NUM_THREADS"] == "1"
    assert found["blas"]["threads"] in {None, 1}


def test_blas_has_one_thread_where_nobody_asked_for_more():
    found = in_a_new_process()
    assert {found["variables"][name] for name in THREADS} == {"1"}
    assert found["variables"]["OMP_NUM_THREADS"] is None
    assert found["blas"]["threads"] in {None, 1}


@SEVERAL
@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"])
def test_who_asks_for_threads_has_them(name):
    found = in_a_new_process(**{name: "2"})
    assert {key for key, value in found["variables"].items() if value and key.endswith("_NUM_THREADS")} == {name}
    assert found["blas"]["threads"] in {None, 2}


@SEVERAL
def test_the_record_says_what_blas_does_where_the_variables_came_too_late():
    early, late = (in_a_new_process(first)["blas"]["threads"] for first in ("pass", "import numpy"))
    assert (early, late) == (None, None) or early == 1 < late


def test_features_that_are_switched_off_are_not_listed():
    dispatched = np._core._multiarray_umath.__cpu_dispatch__
    before = in_a_new_process(NPY_DISABLE_CPU_FEATURES="")["cpu_features"]
    switchable = [name for name in dispatched if name in before]
    if not switchable:
        pytest.skip("NumPy has no loops of their own for features of this processor")
    after = in_a_new_process(NPY_DISABLE_CPU_FEATURES=" ".join(switchable))["cpu_features"]
    assert not set(switchable) & set(after)


def test_a_missing_distribution_is_null(monkeypatch):
    monkeypatch.setattr(provenance, "DISTRIBUTIONS", ("numpy", "no-such-distribution"))
    assert provenance.environment()["versions"] == {"numpy": np.__version__, "no-such-distribution": None}


# the source


def git(directory, *arguments):
    subprocess.run(
        ["git", "-C", directory, "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments],
        check=True, capture_output=True,
    )  # fmt: skip


@pytest.fixture
def checkout(tmp_path):
    directory = tmp_path / "checkout with a space"
    directory.mkdir()
    git(directory, "init", "-q")
    (directory / "a.py").write_text("a = 1\n")
    (directory / ".gitignore").write_text("ignored\n")
    git(directory, "add", "-A")
    git(directory, "commit", "-q", "-m", "first")
    return directory


@NEEDS_GIT
def test_a_clean_checkout_is_its_commit(checkout):
    (checkout / "ignored").write_text("anything")
    head = subprocess.check_output(["git", "-C", checkout, "rev-parse", "HEAD"], text=True)
    assert provenance.source(checkout) == {
        "commit": head.strip(), "dirty": False, "diff": None, "untracked": None, "reason": None,
    }  # fmt: skip


@NEEDS_GIT
def test_every_change_of_the_code_shows(checkout):
    states = [provenance.source(checkout)]
    (checkout / "a.py").write_text("a = 2\n")
    states.append(provenance.source(checkout))
    git(checkout, "add", "-A")
    assert provenance.source(checkout) == states[-1]
    (checkout / "a.py").write_text("a = 3\n")
    states.append(provenance.source(checkout))
    (checkout / "new name\n.py").write_text("b = 1\n")
    states.append(provenance.source(checkout))
    (checkout / "new name\n.py").write_text("b = 2\n")
    states.append(provenance.source(checkout))
    (checkout / "new name\n.py").rename(checkout / "other.py")
    states.append(provenance.source(checkout))
    (checkout / "a.py").unlink()
    states.append(provenance.source(checkout))
    assert len({json.dumps(state) for state in states}) == 7
    assert all(state["dirty"] for state in states[1:])
    assert [state["untracked"] and state["untracked"]["files"] for state in states[3:6]] == [
        ["new name\n.py"], ["new name\n.py"], ["other.py"],
    ]  # fmt: skip


@NEEDS_GIT
def test_a_large_untracked_file_counts_by_its_size(checkout, monkeypatch):
    monkeypatch.setattr(provenance, "LARGEST_HASHED", 3)
    hashes = []
    for content in ("abcd", "efgh", "abcde"):
        (checkout / "data").write_text(content)
        found = provenance.source(checkout)
        assert found["dirty"]
        hashes.append(found["untracked"]["hash"])
    assert hashes[0] == hashes[1] != hashes[2]


@NEEDS_GIT
def test_looking_leaves_the_checkout_as_it_was(checkout):
    os.utime(checkout / "a.py", (1, 1))  # an index that Git would like to refresh
    before = (checkout / ".git" / "index").read_bytes()
    provenance.source(checkout)
    assert (checkout / ".git" / "index").read_bytes() == before


@NEEDS_GIT
def test_a_git_hook_does_not_mislead(checkout, tmp_path, monkeypatch):
    expected = provenance.source(checkout)
    git(tmp_path, "init", "-q", "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    assert provenance.source(checkout) == expected


def test_without_a_commit_the_reason_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setenv("PATH", os.environ["PATH"])
    found = provenance.source(tmp_path)
    assert found["commit"] is None
    assert "not a git repository" in found["reason"]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.source(tmp_path)["reason"] == "Git is not installed"


@NEEDS_GIT
def test_a_checkout_around_the_code_is_not_its_commit(checkout):
    (checkout / "venv").mkdir()
    assert provenance.source(checkout / "venv")["commit"] is None
    assert "root of a Git checkout" in provenance.source(checkout / "venv")["reason"]


@NEEDS_GIT
def test_a_checkout_without_a_commit_says_so(tmp_path):
    git(tmp_path, "init", "-q")
    assert provenance.source(tmp_path)["reason"] == "the Git checkout has no commit yet"


# plain data and hashes

SCALARS = [st.none(), st.booleans(), st.integers(), st.floats(), st.text('aé∞ \n"', max_size=4)]
PLAIN = st.recursive(
    st.one_of(SCALARS),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text("abc", max_size=3), inner)),
    max_leaves=12,
)


@given(st.dictionaries(st.text("abcd", max_size=3), PLAIN, max_size=5))
def test_a_configuration_read_back_from_json_has_its_hash(configuration):
    text = json.dumps(serial.plain(configuration), allow_nan=False)
    assert serial.configuration_hash(json.loads(text)) == serial.configuration_hash(configuration)


def test_the_order_of_keys_does_not_enter_the_hash():
    one = {"x": [1.0], "delta": {"b": 1, "a": 2}}
    two = {"delta": {"a": 2, "b": 1}, "x": (1.0,)}
    assert serial.configuration_hash(one) == serial.configuration_hash(two)


def test_configurations_that_differ_have_different_hashes():
    different = [
        {"x": 1}, {"x": 1.0}, {"x": np.nextafter(1.0, 2.0)}, {"x": "1"}, {"x": True}, {"x": None}, {"x": [1]},
        {"x": [[1]]}, {"x": 0.0}, {"x": -0.0}, {"x": math.inf}, {"x": -math.inf}, {"x": math.nan}, {"y": 1},
        {"x": {"y": 1}}, {"x": [1, 2]}, {"x": [2, 1]}, {},
    ]  # fmt: skip
    assert len({serial.configuration_hash(item) for item in different}) == len(different)


def test_the_hash_of_a_configuration_is_the_one_of_its_definition():
    # sha256sum of {"delta":[1e-08,"inf"],"function":"sin"}
    expected = "9daa8ef84099eef027bc25a18aeda5f0c60024a998da77d188a3d2a3d35ed7b1"
    assert serial.configuration_hash({"function": "sin", "delta": [1e-8, math.inf]}) == expected


def test_numbers_of_numpy_are_plain_numbers():
    values = {"f": np.float64(0.1), "i": np.int32(3), "g": np.float32(0.5), "n": np.float64("nan")}
    assert serial.plain(values) == {"f": 0.1, "i": 3, "g": 0.5, "n": "nan"}


@dataclasses.dataclass(frozen=True)
class Record:
    """What the pipeline keeps of a table."""

    rows: int
    hash: str


def test_records_times_and_paths_are_plain():
    moment = datetime(2024, 5, 6, 7, 8, 9, tzinfo=timezone(timedelta(hours=2)))
    assert serial.plain([Record(3, "ab"), moment, Path("a/b")]) == [
        {"rows": 3, "hash": "ab"}, "2024-05-06T05:08:09.000000+00:00", str(Path("a/b")),
    ]  # fmt: skip


@pytest.mark.parametrize("value", [{1, 2}, np.ones(2), object(), b"a", 1j, {1: 2}, Record])
def test_what_is_not_plain_is_refused(value):
    with pytest.raises(TypeError, match=r"plain data|keys are text"):
        serial.plain({"x": value})


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="no time zone"):
        serial.plain(datetime(2024, 5, 6))  # noqa: DTZ001  # the missing zone is what is tested


# files


def test_json_is_readable_and_ends_its_last_line(tmp_path):
    path = tmp_path / "run.json"
    serial.write_json(path, {"b": [1e-8, math.nan, -0.0], "a": "10⁻⁴"})
    text = path.read_text(encoding="utf-8")
    assert text == '{\n  "b": [\n    1e-08,\n    "nan",\n    -0.0\n  ],\n  "a": "10⁻⁴"\n}\n'


def test_a_command_line_that_is_not_text_can_be_recorded(tmp_path):
    path = tmp_path / "run.json"
    serial.write_json(path, {"command": "x=\udcff"})
    assert json.loads(path.read_text(encoding="utf-8")) == {"command": "x=\udcff"}


def test_a_record_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "run.json"
    serial.write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        serial.write_json(path, {"a": object()})

    def fail(*_):
        raise OSError(28, "no space left")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="no space left"):
        serial.write_json(path, {"a": 2})
    assert json.loads(path.read_text()) == {"a": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["run.json"]


# the record


def a_job(number, **changes):
    configuration = {"delta": [10.0**-number], "function": {"sin": {"expression": "sin(x)"}}}
    job = {
        "number": number, "overrides": (f"delta=1e-{number}",), "configuration": configuration,
        "hash": serial.configuration_hash(configuration), "status": Status.DONE, "seconds": 0.1,
        "tables": {"table": Record(8, "ab" * 32)}, "files": {"table.parquet": {"bytes": 3, "sha256": "ef" * 32}},
    }  # fmt: skip
    return record.JobRecord(**{**job, **changes})


def a_run(**changes):
    run = {
        "experiment": "delta_sweep", "command": "python -m experiments.run 'expression=sin(x)' delta=1e-4,1e-8",
        "arguments": ("python", "-m", "experiments.run", "expression=sin(x)", "delta=1e-4,1e-8"),
        "overrides": ("expression='sin(x)'", "delta=1e-4,1e-8"),
        "jobs": (a_job(0), a_job(1, status=Status.FAILED, error="f raised", tables={})),
        "tables": {"table": Record(8, "cd" * 32)}, "cwd": "/home/me", "host": "here",
        "seed": 0, "started": datetime(2024, 5, 6, tzinfo=UTC), "seconds": 1.5, "status": Exit.FAILED,
        "source": {"commit": None, "reason": "none"}, "environment": {"python": "3.12"},
    }  # fmt: skip
    return record.Record(**{**run, **changes})


def test_a_run_can_be_repeated_from_its_record(tmp_path):
    path = tmp_path / "run.json"
    serial.write_json(path, a_run().content)
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["format"] == 2
    assert written["overrides"] == ["expression='sin(x)'", "delta=1e-4,1e-8"]
    assert [job["number"] for job in written["jobs"]] == [0, 1]
    assert [job["status"] for job in written["jobs"]] == ["done", "failed"]
    assert written["jobs"][1]["error"] == "f raised"
    assert written["jobs"][0]["tables"] == {"table": {"rows": 8, "hash": "ab" * 32}}
    assert written["tables"] == {"table": {"rows": 8, "hash": "cd" * 32}}
    assert written["started"] == "2024-05-06T00:00:00.000000+00:00"
    for job in written["jobs"]:
        assert job["hash"] == serial.configuration_hash(job["configuration"])
        assert job["configuration"]["delta"] == [10.0 ** -job["number"]]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"best": record.Best(value=1e-9, where={"x": 1.0}), "seed": [1, 2], "repeats": {"directory": "a"}},
        {"search": {"trials": 1, "words": [], "space": [], "advice": [], "template": {}, "drawn": [], "sweeper": {},
                    "versions": {}}, "writing": ("plan.json",), "crate": {"bytes": 1, "sha256": "ab"}},
    ],
)  # fmt: skip
def test_what_is_written_of_a_run_is_what_is_read_of_it(changes, tmp_path):
    path = tmp_path / "run.json"
    serial.write_json(path, a_run(**changes).content)
    read = record.read(path)
    assert set(json.loads(path.read_text(encoding="utf-8"))) == read.keys
    serial.write_json(tmp_path / "again.json", read.content)
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()


def test_what_is_written_of_a_job_is_what_is_read_of_it(tmp_path):
    serial.write_json(tmp_path / "job.json", a_job(3).content)
    read = record.job_of(record.content_of(tmp_path / "job.json"), 3)
    serial.write_json(tmp_path / "again.json", read.content)
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "job.json").read_bytes()


def test_importing_the_room_loads_nothing_but_the_standard_library():
    rooms = "experiments.running.provenance, experiments.running.record"
    script = f"import sys, {rooms}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = python("-c", script, check=True, cwd=ROOT)
    assert not set(done.stdout.split()) & {"numpy", "pandas", "pyarrow", "omegaconf", "hydra"}
