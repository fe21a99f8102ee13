"""The tables that the tests run over: a new row is tested by existing."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from derivkit.numerical.formulas import ROWS

ROOT = Path(__file__).resolve().parents[1]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "formula" in metafunc.fixturenames:
        metafunc.parametrize("formula", ROWS, ids=lambda row: f"{row.name}-d{row.derivative}")
    if "problem_name" in metafunc.fixturenames:
        metafunc.parametrize("problem_name", sorted(path.stem for path in (ROOT / "conf/function").glob("*.yaml")))


@pytest.fixture
def module_path(tmp_path: Path) -> Iterator[Path]:
    """A directory on the import path, for somebody's own modules."""
    sys.path.insert(0, str(tmp_path))
    importlib.invalidate_caches()
    yield tmp_path
    sys.path.remove(str(tmp_path))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty current directory, whose ``outputs`` receives the results."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LAB_OUTPUTS", raising=False)
    # main() sets it for the whole process, which here lives on.
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    yield tmp_path
    assert not [name for name in sys.path if name == str(tmp_path)]
