"""Runs killed at random moments and resumed: each is the undisturbed one, byte for byte.

In CI a few kills are made for every launcher. ``LAB_KILLS=100 python -m pytest -s`` with the path of this file makes
a hundred for each and prints one line for every kill; ``LAB_KILLS_SEED`` draws other moments.
"""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from laboratory import content, environment
from processes import workers

ROOT = Path(__file__).resolve().parents[3]
KILLS = int(os.environ.get("LAB_KILLS", "3"))
SEED = int(os.environ.get("LAB_KILLS_SEED", "0"))
LAUNCHERS = {"basic": None, "joblib": "hydra_plugins.hydra_joblib_launcher", "submitit_local": "submitit"}
"""Launchers that run on one machine, and the module without which they cannot."""
SWEEP = (
    "python=slow:f",
    "expression=x*x",
    "method=central_2",
    "x=1,2,3,4",
    "delta=[1e-2,1e-4]",
    "figures.formats=[svg]",
)
SLOW = "import time\n\ndef f(x):\n    time.sleep(0.02)\n    return x * x\n"
"""So slow that most moments lie within a job."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked up in /proc"),
]


def start(place: Path, *words: str) -> subprocess.Popen[bytes]:
    """Start the command; what it says goes to a file, as workers that outlive it would hold a pipe open."""
    variables = environment()
    variables.pop("LAB_OUTPUTS", None)
    with (place / "said.txt").open("ab") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "experiments.run", *words],
            cwd=place, env=variables, stdout=said, stderr=said, start_new_session=True,
        )  # fmt: skip


def ran(place: Path, *words: str) -> None:
    """Run the command to its end, which must be a good one."""
    (place / "said.txt").unlink(missing_ok=True)
    status = start(place, *words).wait(timeout=300)
    said = (place / "said.txt").read_text(encoding="utf-8")
    assert status == 0, said
    assert "Traceback" not in said


def kill(process: subprocess.Popen[bytes], drawn: random.Random) -> str:
    """Kill the parent or one of its workers, and say which."""
    below = workers(process.pid)
    if below and drawn.random() < 0.5:
        try:
            os.kill(drawn.choice(below), signal.SIGKILL)
        except ProcessLookupError:
            return "a worker that had ended"
        return "a worker"
    process.kill()
    return "the parent"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    place = tmp_path_factory.mktemp("undisturbed")
    (place / "slow.py").write_text(SLOW)
    ran(place, *SWEEP, "hydra.sweep.dir=run")
    return content(place / "run")


@pytest.fixture(scope="module", params=LAUNCHERS)
def launched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[tuple[str, ...], float]:
    """The words of a launcher, and the seconds that an undisturbed run takes with it."""
    needed = LAUNCHERS[request.param]
    if needed is not None and importlib.util.find_spec(needed) is None:
        pytest.skip(f"{needed} is not installed")
    words = SWEEP if needed is None else (*SWEEP, f"hydra/launcher={request.param}")
    place = tmp_path_factory.mktemp("timed")
    (place / "slow.py").write_text(SLOW)
    began = time.monotonic()
    ran(place, *words, "hydra.sweep.dir=run")
    return words, time.monotonic() - began


@pytest.mark.parametrize("attempt", range(KILLS))
def test_a_killed_run_is_resumed_to_the_byte(
    attempt: int, launched: tuple[tuple[str, ...], float], undisturbed: dict[str, bytes], tmp_path: Path
):
    words, seconds = launched
    drawn = random.Random(f"{SEED} {attempt} {words[-1]}")
    (tmp_path / "slow.py").write_text(SLOW)
    moment = drawn.uniform(0.0, seconds)
    process = start(tmp_path, *words, "hydra.sweep.dir=run")
    time.sleep(moment)
    what = kill(process, drawn)
    process.wait(timeout=300)
    done = len(list((tmp_path / "run").glob("jobs/*/job.json")))
    resumed = (tmp_path / "run/run.json").is_file()
    said = f"{words[-1]}: {what} killed after {moment:.2f} of {seconds:.2f} s, {done} jobs done, resumed: {resumed}"
    print(f"\n{said}")  # noqa: T201 - the report of a hundred kills
    ran(tmp_path, *(("--resume", "run") if resumed else (*words, "hydra.sweep.dir=run")))
    assert content(tmp_path / "run") == undisturbed
    shutil.rmtree(tmp_path)


def test_a_result_that_is_not_the_undisturbed_one_is_seen(undisturbed: dict[str, bytes], tmp_path: Path):
    (tmp_path / "slow.py").write_text(SLOW)
    ran(tmp_path, *SWEEP[:3], "x=1,2,3,5", *SWEEP[4:], "hydra.sweep.dir=run")
    found = content(tmp_path / "run")
    assert found.keys() == undisturbed.keys()
    assert found["jobs/0/table.parquet"] == undisturbed["jobs/0/table.parquet"]
    assert found["table.parquet"] != undisturbed["table.parquet"]
