"""``python -m experiments``: the commands, each in a line."""

from __future__ import annotations

import ast
import contextlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import derivkit
from experiments import __main__ as listing
from experiments import run
from experiments.terminal.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[3]


def test_every_command_is_listed_with_what_it_does(capsys: Any):
    assert listing.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    modules = {path.stem for path in (ROOT / "experiments").glob("[a-z]*.py") if "\ndef main(" in path.read_text()}
    assert {line.split()[2] for line in lines[:-1]} == {f"experiments.{name}" for name in modules}
    assert modules == set(COMMANDS)
    assert all(len(line.split()) > 4 for line in lines)


def test_a_command_is_the_same_behind_the_script_and_as_a_module(capsys: Any, monkeypatch: pytest.MonkeyPatch):
    assert (listing.main(["run", "functoin=sin"]), run.main(["functoin=sin"])) == (2, 2)
    first, second = capsys.readouterr().err.splitlines()
    assert first == second
    monkeypatch.setattr(sys, "argv", ["/usr/bin/derivative-lab"])
    listing.main([])
    assert capsys.readouterr().out.startswith("derivative-lab run ")


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_names_every_command_as_it_was_typed(name: str, capsys: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/derivative-lab"])
    with contextlib.suppress(SystemExit):
        listing.main([name, "--help"] if name else ["--help"])
    out = capsys.readouterr().out
    assert "derivative-lab" in out
    assert not re.search(r"python -m experiments|module of this package", out)


@pytest.mark.parametrize("words", [["runs"], ["compare"], ["compare", "latest", "latest~1"], ["runs", "nowhere=1"]])
def test_refusals_name_every_command_as_it_was_typed(
    words: list[str], tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/derivative-lab"])
    monkeypatch.setenv("LAB_OUTPUTS", str(tmp_path / "none"))
    assert listing.main(words) == 2
    assert "python -m" not in capsys.readouterr().err


def test_no_message_names_a_module_where_a_command_is_typed():
    """Whoever types the script is told of the script: messages ask `commands.program`, documentation is rewritten."""
    for path in (ROOT / "experiments").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documents = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and node not in documents]
        named = [node.value for node in texts if isinstance(node.value, str) and "python -m experiments." in node.value]
        assert path.name in ("commands.py", "speed.py") or named == [], path


@pytest.mark.parametrize("words", [["help"], ["--help"], ["help", "runs"], ["runs", "--help"], ["completion", "-h"]])
def test_help_is_there_however_it_is_wanted(words: list[str], capsys: Any):
    with pytest.raises(SystemExit) as left:
        listing.main(words)
    assert (left.value.code, capsys.readouterr().out[:24]) == (0, "usage: python -m experim")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["compar"], "error: no command 'compar'; did you mean compare?"),
        (["delta=1e-4"], "error: no command 'delta=1e-4'; write python -m experiments.run delta=1e-4"),
        (
            ["check"],
            (
                "error: a loss and its gradient are needed; write python -m experiments.check python=mymodule:loss "
                "gradient=mymodule:grad x=mymodule:start"
            ),
        ),
        (["tangents", "x=1"], "error: no command 'tangents'; write python -m experiments.run experiment=tangents x=1"),
        (
            ["derive", "x^2"],
            "error: no command 'derive'; there are check, collect, compare, completion, population, rerun, run, runs",
        ),
        (["--sort"], "error: unrecognized arguments: --sort; see python -m experiments --help"),
    ],
)
def test_what_is_no_command_is_refused_in_one_line(words: list[str], line: str, capsys: Any):
    assert listing.main(words) == 2
    assert capsys.readouterr().err == f"{line}\n"


@pytest.mark.parametrize(
    "words", [["experiments", "--version"], ["experiments", "version"], ["experiments.run", "--version"]]
)
def test_the_version_is_that_of_the_laboratory(words: list[str]):
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, check=True)
    assert done.stdout == f"{derivkit.__distribution__} {derivkit.__version__}\n"


LOSS = """
def loss(w):
    return w[0] ** 2 + w[0] * w[1]


def grad(w):
    return [2 * w[0] + w[1], w[0]]


def wrong(w):
    return [w[0] + w[1], w[0]]
"""


@pytest.mark.parametrize(("gradient", "status"), [("grad", 0), ("wrong", 1)])
def test_a_gradient_is_checked_in_one_command(
    gradient: str, status: int, tmp_path: Path, monkeypatch: Any, capsys: Any
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"my_{gradient}.py").write_text(LOSS)
    words = [f"python=my_{gradient}:loss", f"gradient=my_{gradient}:{gradient}", "x=[1,2]", "figures.draw=null"]
    assert listing.main(["check", *words]) == status
    assert ("error: disagree: " in capsys.readouterr().err) == bool(status)
