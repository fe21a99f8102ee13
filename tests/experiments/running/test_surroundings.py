"""What a function changes in its process: the next job, and the pipeline, find all as it was."""

from __future__ import annotations

import decimal
import locale
import logging
import os
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import quick

from experiments import messages, run, tables
from experiments.running import integrity, surroundings
from experiments.running.surroundings import STATES

CHANGES: dict[str, Callable[[], object]] = {
    "current directory": lambda: os.chdir("/"),
    "standard streams": lambda: setattr(sys, "stdout", sys.__stderr__),
    "floating-point errors": lambda: np.seterr(all="raise"),
    "printed arrays": lambda: np.set_printoptions(precision=1),
    "decimal arithmetic": lambda: setattr(decimal.getcontext(), "prec", 2),
    "locale": lambda: locale.setlocale(locale.LC_ALL, "C" if locale.setlocale(locale.LC_ALL) != "C" else "C.UTF-8"),
    "depth of recursion": lambda: sys.setrecursionlimit(5000),
    "signal handlers": lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    "what is logged": lambda: logging.disable(logging.CRITICAL),
}


def readings() -> dict[str, str]:
    return {name: repr(state.read()) for name, state in STATES.items()}


@pytest.mark.parametrize("name", STATES)
def test_what_is_changed_meanwhile_is_put_back(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    before, filters = readings(), list(warnings.filters)
    with surroundings.restored():
        CHANGES[name]()
        warnings.simplefilter("always")
        assert readings()[name] != before[name], "else nothing is tried here"
    assert (readings(), warnings.filters) == (before, filters)


def test_a_directory_that_was_removed_hinders_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with surroundings.restored():
        os.chdir(tmp_path)


def test_ctrl_c_waits_while_an_end_is_written_down():
    with surroundings.undisturbed():
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


# In a run

LOUD = """
import decimal, os, signal, sys, warnings
import numpy as np

def change():
    warnings.simplefilter("error")
    np.seterr(all="raise")
    os.chdir("/")
    sys.stdout = None
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    decimal.getcontext().prec = 2

WHEN_IMPORTED

def f(x):
    WHEN_CALLED
    return np.exp(x)
"""


@pytest.mark.parametrize("when", ["WHEN_IMPORTED", quick.slow("WHEN_CALLED")])
def test_jobs_do_not_feel_what_the_function_changed(
    when: str, place: Path, module_path: Path, capsys: pytest.CaptureFixture[str]
):
    text = LOUD.replace(when, "change()").replace("WHEN_IMPORTED", "").replace("WHEN_CALLED", "pass")
    (module_path / f"{when.lower()}.py").write_text(text)
    before = readings()
    words = ("x=1,2,700", "delta=1e-3", "method=central_2", "figures.formats=[svg]", "hydra.sweep.dir=here")
    assert run.main([*words, f"python={when.lower()}:f", "expression=exp(x)"]) == 0
    assert "report  here/report.html" in capsys.readouterr().out
    assert readings() == before
    table = tables.columns_of(place / "here/table.parquet")
    np.testing.assert_allclose(table["estimate"], np.exp([1.0, 2.0, 700.0]), rtol=1e-6)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_process_that_a_function_forked_holds_no_lock(tmp_path: Path):
    reads, writes = os.pipe()
    with integrity.held(tmp_path):
        child = os.fork()
        if child == 0:
            os.close(writes)
            os.read(reads, 1)  # until the parent says so
            os._exit(0)
    with integrity.held(tmp_path):
        pass
    os.close(writes)
    os.close(reads)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_process_that_returns_from_the_function_writes_nothing(place: Path, module_path: Path):
    text = "import os\n\ndone = []\n\ndef f(x):\n    done or done.append(os.fork())\n    return x * x\n"
    (module_path / "forking.py").write_text(text)
    words = ("python=forking:f", "expression=x*x", "x=1,2", "delta=1e-3", "method=central_2", "figures.draw=null")
    process = os.getpid()
    assert run.main([*words, "hydra.sweep.dir=here"]) == 0
    assert os.getpid() == process
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 1
    assert tables.columns_of(place / "here/table.parquet")["estimate"].size == 2


# What is said of an exception


class SilentError(ValueError):
    """An exception that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("a\n  b"), "ValueError: a b"),
        (ValueError(), "ValueError"),
        (SystemExit(3), "SystemExit: 3"),
        (SilentError(), "SilentError: its message cannot be read, as that raises RuntimeError"),
        (ValueError("1" * 5_000_000), f"ValueError: {'1' * 1000}... (5,000,000 characters)"),
        (ValueError(" " * 5_000_000), "ValueError: ... (5,000,000 characters)"),
    ],
    ids=["lines", "no words", "exit", "silent", "megabytes", "blanks"],
)
def test_an_exception_is_named_in_a_line_of_bounded_length(error: BaseException, line: str):
    assert messages.named(error) == line
