"""The own `derivkit` is told from an unrelated package of that name, and every command says its version."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
from omegaconf import OmegaConf

import derivkit as dk
import experiments
from experiments import run

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = ("run", "check", "compare", "runs", "rerun", "collect", "completion")
FOREIGN = '"""Provides all derivkit methods."""\n\nraise AssertionError("this is not to be executed")\n'
AGAIN = "install the laboratory again, pip install --force-reinstall --no-deps -e . in its clone\n"


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A directory of packages with the laboratory's two."""
    for package in ("derivkit", "experiments"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def python(*words: str, path: str) -> subprocess.CompletedProcess[str]:
    # Without `site`, as an editable install would have the laboratory's derivkit in reach; nothing else is needed.
    environment: Mapping[str, str] = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, "-S", *words], env=environment, cwd="/", capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unrelated_derivkit_installed_over_ours_is_said_in_one_line(command: str, installed: Path) -> None:
    foreign = installed / "derivkit/__init__.py"
    foreign.write_text(FOREIGN, encoding="utf-8")
    for words in (["--help"], ["--version"], []):
        done = python("-m", f"experiments.{command}", *words, path=str(installed))
        line = f"error: {foreign} is of an unrelated package of that name: pip uninstall derivkit, then {AGAIN}"
        assert (done.returncode, done.stdout, done.stderr) == (2, "", line)


def test_an_unrelated_derivkit_found_before_ours_is_said_in_one_line(installed: Path, tmp_path: Path) -> None:
    before = tmp_path / "before"
    (before / "derivkit").mkdir(parents=True)
    (before / "derivkit/__init__.py").write_text(FOREIGN, encoding="utf-8")
    done = python("-m", "experiments.run", path=f"{before}{os.pathsep}{installed}")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"{before}/derivkit/__init__.py is of an unrelated package" in done.stderr
    # A module is a namesake too.
    shutil.rmtree(before / "derivkit")
    (before / "derivkit.py").write_text(FOREIGN, encoding="utf-8")
    assert (
        "/derivkit.py is of an unrelated package"
        in python("-m", "experiments.run", path=f"{before}:{installed}").stderr
    )


@pytest.mark.parametrize("left", ["no __init__.py", "nothing"])
def test_what_the_uninstalled_namesake_took_along_is_said_in_one_line(left: str, installed: Path) -> None:
    (installed / "derivkit/__init__.py").unlink()
    if left == "nothing":
        shutil.rmtree(installed / "derivkit")
    done = python("-m", "experiments.run", "--help", path=str(installed))
    missing = "derivkit/__init__.py is missing, as after uninstalling an unrelated package of that name"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {missing}: {AGAIN}")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_where_nothing_was_installed_is_answered_in_one_line(command: str, installed: Path) -> None:
    done = python("-m", f"experiments.{command}", "--help", path=str(installed))
    way_out = "activate the laboratory's environment, or pip install -e ."
    line = f"error: Hydra is not installed for {sys.executable}; {way_out}\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line)


def test_whoever_imports_the_pipeline_gets_an_import_error(installed: Path) -> None:
    (installed / "derivkit/__init__.py").unlink()
    done = python("-c", "import experiments", path=str(installed))
    assert done.stderr.splitlines()[-1].startswith("ImportError: derivkit/__init__.py is missing")


def test_the_laboratorys_own_is_known(installed: Path) -> None:
    assert experiments.OURS in (ROOT / "derivkit/__init__.py").read_text(encoding="utf-8").splitlines()
    assert python("-c", "import experiments", path=str(installed)).returncode == 0


# The version


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_the_version_of_the_laboratory(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        importlib.import_module(f"experiments.{command}").main(["--version"])
    assert not left.value.code
    assert capsys.readouterr().out == f"derivative-lab {dk.__version__}\n"


def test_a_citation_names_the_version_and_the_licence_of_today() -> None:
    citation = OmegaConf.load(ROOT / "CITATION.cff")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (citation.version, citation.license) == (dk.__version__, project["license"])


def test_the_version_stands_in_one_place_and_needs_no_metadata(installed: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["name"] == dk.__distribution__
    assert "version" not in project["project"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "derivkit.__version__"}
    file = installed / "derivkit/__init__.py"
    file.write_text(file.read_text(encoding="utf-8").replace(dk.__version__, "7.6.5"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "experiments.compare", "--version"],
        env={**os.environ, "PYTHONPATH": str(installed)},
        cwd=installed,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "derivative-lab 7.6.5\n", "")


def test_hydras_own_version_is_recorded_and_not_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run.main(["function=sin", "--version"])
    assert "ydra" not in capsys.readouterr().out
