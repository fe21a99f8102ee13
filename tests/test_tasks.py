"""Forty tasks of people who use the laboratory: the words that they type, and whether what they see answers them."""

from __future__ import annotations

import contextlib
import io
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from experiments import __main__ as laboratory

USERS = yaml.safe_load(Path(__file__).with_name("tasks.yaml").read_text(encoding="utf-8"))
TASKS = [(user, task) for user, has in USERS.items() for task in has["tasks"]]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory to type in, into which results are written; modules of other users are forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LAB_OUTPUTS", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "argv", ["derivative-lab"])
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def typed(words: str) -> int:
    """Do what somebody types, a program in Python or commands of a shell, and return the status of the last command."""
    if not words.startswith(("derivative-lab", "python")):
        Path("typed.py").write_text(words, encoding="utf-8")
        runpy.run_path("typed.py")
        return 0
    status = 0
    for line in words.splitlines():
        program, *rest = shlex.split(line)
        if program == "python":
            sys.stdout.write(subprocess.check_output([sys.executable, *rest], text=True))
            continue
        try:
            status = laboratory.main(rest)
        except SystemExit as left:  # --help
            status = int(left.code or 0)
    return status


def has(text: str, answer: str) -> bool:
    """Whether a text has an answer, wherever its lines are broken; ... stands for anything."""
    return re.search(".*".join(map(re.escape, answer.split("..."))), " ".join(text.split())) is not None


def test_there_are_eight_tasks_for_each_of_five_kinds_of_users():
    assert [len(has["tasks"]) for has in USERS.values()] == [8] * 5


@pytest.mark.slow
@pytest.mark.parametrize(("user", "task"), TASKS, ids=[f"{user} wants {task['wants'][:50]}" for user, task in TASKS])
def test_what_somebody_types_is_answered(user: str, task: dict[str, Any], place: Path):
    for name, text in USERS[user].get("files", {}).items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text, encoding="utf-8")
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    with contextlib.redirect_stdout(terminal), contextlib.redirect_stderr(terminal):
        status = typed(task["types"])
    printed = terminal.buffer.getvalue().decode()
    assert status == task.get("status", 0), printed
    assert [answer for answer in task["answer"] if not has(printed, answer)] == [], printed
    pages = "".join(page.read_text(encoding="utf-8") for page in place.rglob("report.html"))
    assert [text for text in task.get("page", []) if text not in pages] == []
