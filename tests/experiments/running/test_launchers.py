"""The launchers: the same bytes from every one of them, and what becomes of a run when one of its workers dies."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import cluster
import pytest
from laboratory import complaints, only_run, python
from processes import workers

import experiments
from experiments import run, tables
from experiments.running import integrity, launchers, provenance

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.slow
WORDS = ("python=probe:f", "expression=sin(x)", "method=central_2", "delta=1e-3", "figures.draw=null")
PROBE = '''\
import json, os, signal, time
from pathlib import Path
import numpy as np

PARENT = os.environ.setdefault("PARENT", str(os.getpid()))


def f(x):
    """sin, which writes down where it is computed, and in a worker dies at 50 or lasts at 100."""
    if os.environ["PARENT"] != str(os.getpid()):
        asked = np.ravel(x)[0]
        if 49 < asked < 51:
            while "WAIT" in os.environ and not list(Path("outputs").rglob("jobs/0/job.json")):
                time.sleep(0.1)
            os.kill(os.getpid(), signal.SIGKILL)
        if 99 < asked < 101:
            Path("began").touch()
            time.sleep(float(os.environ.get("LAST", 0)))
    seen = Path(f"seen-{os.getpid()}.json")
    if not seen.exists():
        import experiments
        from experiments.running import provenance
        told = provenance.environment()
        seen.write_text(json.dumps({"code": experiments.__file__, "threads": told["blas"]["threads"],
                                    "worker": os.environ["PARENT"] != str(os.getpid())}))
    return np.sin(x)
'''


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current directory with a function of one's own, and a cluster."""
    enter(tmp_path, monkeypatch)
    return tmp_path


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of two jobs in this very process's order: one after the other, without a worker."""
    directory = tmp_path_factory.mktemp("basic")
    with pytest.MonkeyPatch.context() as patch:
        enter(directory, patch)
        done = command("x=1,2", "hydra.sweep.dir=here")
    assert (done.returncode, complaints(done.stderr)) == (0, [])
    return directory / "here"


def enter(directory: Path, patch: pytest.MonkeyPatch) -> None:
    (directory / "probe.py").write_text(PROBE)
    patch.chdir(directory)
    patch.setenv("PATH", cluster.installed(directory / "bin"))
    patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]))
    for name in ("LAB_OUTPUTS", "HYDRA_FULL_ERROR", "OMP_NUM_THREADS", *experiments.THREADS):
        patch.delenv(name, raising=False)


def command(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return python("-m", "experiments.run", *WORDS, *words, env={**os.environ, **environment})


def statuses(directory: Path) -> list[str]:
    jobs: list[dict[str, Any]] = json.loads((directory / "run.json").read_text())["jobs"]
    return [job["status"] for job in jobs]


def needed(launcher: str) -> None:
    plugin = {"joblib": "joblib", "ray": "ray"}.get(launcher, "submitit")
    if importlib.util.find_spec("hydra_plugins") is None or not launchers._importable(
        f"hydra_plugins.hydra_{plugin}_launcher"
    ):
        pytest.skip(f"the launcher {launcher} is not installed")


PARALLEL = ("joblib", "submitit_local", "submitit_slurm", "ray")


@pytest.mark.parametrize("launcher", PARALLEL)
def test_two_jobs_have_the_same_bytes_under_every_launcher(launcher: str, place: Path, undisturbed: Path):
    needed(launcher)
    done = command("x=1,2", "hydra.sweep.dir=there", f"hydra/launcher={launcher}")
    assert (done.returncode, complaints(done.stderr)) == (0, [])
    for table in ("table.parquet", "prediction.parquet", "summary.parquet"):
        assert (place / "there" / table).read_bytes() == (undisturbed / table).read_bytes()
    workers = [json.loads(path.read_text()) for path in place.glob("seen-*")]
    computing = [worker for worker in workers if worker["worker"]]
    assert computing
    assert [worker["threads"] for worker in computing] == [1] * len(computing)
    assert {worker["code"] for worker in computing} == {str(ROOT / "experiments/__init__.py")}
    # Those that start all jobs at once get them in batches.
    at_once = provenance.usable_processors() if launchers.LAUNCHERS[launcher].together else "null"
    assert f"max_batch_size: {at_once}\n" in (place / "there/multirun.yaml").read_text()


@pytest.mark.usefixtures("place")
def test_a_worker_computes_in_one_thread_though_nobody_told_it_to():
    code = (
        "import pickle; pickle.loads(b'cexperiments.running.launching\\nTask\\n.')\n"
        "from experiments.running import provenance; print(provenance.environment()['blas']['threads'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


@pytest.mark.parametrize("launcher", PARALLEL)
def test_a_launcher_that_is_not_installed_is_named_with_what_installs_it(
    launcher: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(launchers, "_importable", lambda module: False)
    assert run.main([f"hydra/launcher={launcher}", "delta=1e-4,1e-8"]) == 2
    extra = launchers.LAUNCHERS[launcher].extra
    expected = f"error: hydra/launcher={launcher} is not installed; pip install 'derivative-lab[{extra}]'\n"
    assert capsys.readouterr().err == expected
    assert not list(tmp_path.iterdir())


def test_a_machine_without_slurm_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    needed("submitit_slurm")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run.main(["hydra/launcher=submitit_slurm"]) == 2
    assert "needs sbatch, which is not on this machine" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_launcher_that_nobody_has_is_refused(capsys: pytest.CaptureFixture[str]):
    assert run.main(["hydra/launcher=jobli"]) == 2
    assert "no hydra/launcher named 'jobli'; did you mean joblib?" in capsys.readouterr().err


# A worker that dies, and Ctrl-C

DEATHS = {
    # launcher: the points of the three jobs, and the jobs that are done in the end
    "joblib": ("1,50,1", [0]),  # loky stops all workers when one has died
    "submitit_local": ("50,1,100", [1, 2]),
    "submitit_slurm": ("50,1,100", [1, 2]),
}


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("launcher", DEATHS)
def test_what_others_computed_is_gathered_when_a_worker_is_killed(launcher: str):
    needed(launcher)
    points, done = DEATHS[launcher]
    more = {"WAIT": "1"} if launcher == "joblib" else {"LAST": "3"}
    asked = "hydra.launcher.n_jobs=2" if launcher == "joblib" else "hydra.sweeper.max_batch_size=3"
    ended = command(f"x={points}", f"hydra/launcher={launcher}", asked, **more)
    said = complaints(ended.stderr)
    directory = only_run()
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert said[0].startswith("the launcher gave up: ")
    assert "Traceback" in (directory / "run.log").read_text()
    found = [number for number, status in enumerate(statuses(directory)) if status == "done"]
    assert set(done) <= set(found)
    gathered = tables.columns_of(directory / "table.parquet")
    assert sorted(set(gathered["job"].tolist())) == found
    missing = next(number for number in range(3) if number not in found)
    assert any(re.match(rf"error: job {missing}\b", line) for line in said)


@pytest.mark.parametrize("launcher", ["joblib", "submitit_local", "submitit_slurm"])
def test_ctrl_c_stops_the_workers_too(launcher: str, place: Path):
    needed(launcher)
    words = [*WORDS, "x=1,100", f"hydra/launcher={launcher}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "experiments.run", *words],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "LAST": "600"},
        start_new_session=True,
    )
    try:
        until(lambda: (place / "began").exists() and list(place.glob("outputs/*/*/*/jobs/0/job.json")))
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=600)
    finally:
        process.kill()
    assert process.returncode == 130
    # The processes of these two share the terminal, and may tell it themselves.
    assert launcher in ("submitit_local", "joblib") or "Traceback" not in said
    assert "interrupted: 1 of 2 jobs are done" in said
    until(lambda: not alive(only_run().name))
    if launcher == "submitit_slurm":
        states = cluster.queue(place / "bin").values()
        assert "CANCELLED" in states
        assert not {"PENDING", "RUNNING"} & set(states)


@pytest.mark.parametrize("launcher", ["joblib", "submitit_local"])
def test_no_worker_outlives_a_parent_that_was_killed(launcher: str, place: Path):
    needed(launcher)
    words = [*WORDS, "x=100,1", f"hydra/launcher={launcher}", "hydra.sweep.dir=here"]
    process = subprocess.Popen(
        [sys.executable, "-m", "experiments.run", *words],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "LAST": "600"},
        start_new_session=True,
    )
    try:
        until((place / "began").exists)
        below = workers(process.pid)
        assert below
    finally:
        process.kill()
    until(lambda: not [one for one in below if running(one)], seconds=60.0)
    assert process.wait(timeout=600) == -signal.SIGKILL
    assert run.main(["--resume", "here"]) == 0
    assert statuses(place / "here") == ["done", "done"]


def running(process: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_only_a_worker_leaves_with_its_run(monkeypatch: pytest.MonkeyPatch):
    threads = threading.active_count()
    monkeypatch.delenv(launchers.PARENT, raising=False)
    with launchers.attended("basic"):
        assert launchers.PARENT not in os.environ
        launchers.leave_with_the_run()
    with launchers.attended("joblib"):
        launchers.leave_with_the_run()  # which is this very process
        with launchers.attended("joblib"):
            pass
        assert os.environ[launchers.PARENT] == str(os.getpid())
    assert launchers.PARENT not in os.environ
    assert threading.active_count() == threads


@pytest.mark.parametrize("descriptors", [True, False])
def test_a_process_ends_when_the_one_it_follows_has(tmp_path: Path, *, descriptors: bool):
    code = (
        "import os, sys, time; from experiments.running import launchers\n"
        f"{'' if descriptors else 'os.pidfd_open = None; del os.pidfd_open'}\n"
        "launchers.leave_with_the_run(); open('follows', 'w').close(); time.sleep(120)\n"
    )
    with subprocess.Popen(["sleep", "100"]) as followed:
        environment = {**os.environ, launchers.PARENT: str(followed.pid)}
        with subprocess.Popen([sys.executable, "-c", code], env=environment, cwd=tmp_path) as follower:
            until((tmp_path / "follows").exists)
            assert follower.poll() is None
            followed.kill()
            followed.wait()
            assert follower.wait(timeout=600) == 1


@pytest.mark.usefixtures("place")
def test_a_wait_for_a_worker_that_still_has_a_job_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert run.main([*WORDS, "x=1", "hydra.sweep.dir=here"]) == 0
    Path("here/jobs/0/job.json").unlink()
    with Path("here/jobs/0/job.log").open("a") as log:
        taken = integrity.taken
        assert taken(log, wait=False)

        def worker_ends(file: Any, *, wait: bool) -> bool:
            if wait:
                log.close()
            return taken(file, wait=wait)

        monkeypatch.setattr(integrity, "taken", worker_ends)
        assert run.main(["--resume", "here"]) == 0
    assert "job 0 is being computed by a worker of an earlier start; waiting until it ends" in capsys.readouterr().err


def until(true: Any, seconds: float = 600.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def alive(word: str) -> list[str]:
    """Processes whose command line has a word."""
    found = subprocess.run(["pgrep", "-f", word], capture_output=True, text=True, check=False)
    return found.stdout.split()


# How far the workers are


def test_jobs_that_have_left_a_record_are_counted(tmp_path: Path):
    watch = launchers.Watch(tmp_path)
    assert watch.done() == 0
    for number in range(3):
        (tmp_path / "jobs" / str(number)).mkdir(parents=True)
    assert watch.done() == 0
    (tmp_path / "jobs/1/job.json").touch()
    assert watch.done() == 1
    (tmp_path / "jobs/1/job.json").unlink()  # a record that was seen is not asked for again
    assert watch.done() == 1


def test_what_is_watched_is_told_at_the_end_too(tmp_path: Path):
    told: list[int] = []
    with launchers.watched(tmp_path, told.append):
        (tmp_path / "jobs/0").mkdir(parents=True)
        (tmp_path / "jobs/0/job.json").touch()
    assert told[-1] == 1
