"""What is published: an sdist with all that tests and pages need, and a wheel that runs in an empty environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = ("outputs", ".venv", "venv", "build", "dist", "*.egg-info", "__pycache__", ".*_cache", ".hypothesis")
BUILD = "import setuptools.build_meta as backend, sys; backend.build_sdist(sys.argv[1])"


@pytest.mark.slow
def test_the_sdist_is_whole_and_the_wheel_made_of_it_runs_in_an_empty_environment(tmp_path: Path) -> None:
    shutil.copytree(ROOT, tmp_path / "copy", ignore=shutil.ignore_patterns(".git", *LEFT_OUT), symlinks=True)
    constraints = str(ROOT / "constraints.txt")
    environment = {**os.environ, "PIP_CONSTRAINT": constraints, "LAB_OUTPUTS": str(tmp_path / "outputs")}
    environment.pop("PYTHONPATH", None)

    def python(name: str, *words: str, at: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        command = [str(tmp_path / name / "bin/python"), *words]
        return subprocess.run(command, cwd=at, env=environment, capture_output=True, text=True, check=False)

    for name in ("builder", "empty"):
        subprocess.run([sys.executable, "-m", "venv", str(tmp_path / name)], check=True)
    ready = python("builder", "-m", "pip", "install", "--quiet", "setuptools>=77", "wheel")
    if "No matching distribution" in ready.stderr:
        pytest.skip("there is no package index to install from")
    assert ready.returncode == 0, ready.stderr
    made = python("builder", "-c", BUILD, str(tmp_path), at=tmp_path / "copy")
    assert made.returncode == 0, made.stderr
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        held = {Path(*Path(name).parts[1:]).as_posix() for name in archive.getnames()}
    tracked = [path.relative_to(ROOT).as_posix() for path in (ROOT / "docs/pictures").iterdir()]
    tracked += [path.relative_to(ROOT).as_posix() for path in (ROOT / "conf").rglob("*.yaml")]
    wanted = {
        *tracked,
        "constraints.txt",
        "CHANGELOG.md",
        "CITATION.cff",
        "tests/yardstick.json",
        "LICENSE",
        "README.md",
    }
    assert wanted <= held

    done = python("builder", "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path / "wheels"), str(sdist))
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "wheels").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert not [name for name in archive.namelist() if name.startswith(("tests/", "docs/"))]
    done = python("empty", "-m", "pip", "install", "--quiet", str(wheel))
    assert done.returncode == 0, done.stderr
    assert python("empty", "-m", "pip", "check").returncode == 0
    script = str(tmp_path / "empty/bin/derivative-lab")
    for words in (["run", "delta=1e-4,1e-8"], ["run", "experiment=leaderboard", "population=edges", "points=1"]):
        done = python("empty", script, *words)
        assert done.returncode == 0, done.stderr
    for study in ("delta_sweep", "leaderboard"):
        assert list((tmp_path / "outputs").glob(f"{study}/*/*/report.html"))
