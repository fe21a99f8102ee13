"""``python -m experiments``: the commands, each in a line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import derivkit
from experiments import __main__ as listing

ROOT = Path(__file__).resolve().parents[3]


def test_every_command_is_listed_with_what_it_does(capsys: Any):
    assert listing.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    modules = {path.stem for path in (ROOT / "experiments").glob("[a-z]*.py") if "\ndef main(" in path.read_text()}
    assert {line.split()[2] for line in lines[:-1]} == {f"experiments.{name}" for name in modules}
    assert all(len(line.split()) > 4 for line in lines)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["compar"], "error: no command 'compar'; did you mean compare?"),
        (["run"], "error: commands are modules: write python -m experiments.run"),
        (["--sort"], "error: unrecognized arguments: --sort; see python -m experiments --help"),
    ],
)
def test_what_is_no_command_is_refused_in_one_line(words: list[str], line: str, capsys: Any):
    assert listing.main(words) == 2
    assert capsys.readouterr().err == f"{line}\n"


@pytest.mark.parametrize("module", ["experiments", "experiments.run"])
def test_the_version_is_that_of_the_laboratory(module: str):
    done = subprocess.run([sys.executable, "-m", module, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"{derivkit.__distribution__} {derivkit.__version__}\n"
