"""The tables that the tests run over, where a new row is tested by existing; what the quick part leaves out."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import quick
from hypothesis import HealthCheck, settings

from derivkit.numerical.formulas import ROWS

ROOT = Path(__file__).resolve().parents[1]

# How long an example takes says something of the machine and what else it does, nothing of the code.
settings.register_profile("whole", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", settings.get_profile("whole"), max_examples=25)
settings.load_profile("whole")


def pytest_configure(config: pytest.Config) -> None:
    """Leave out what is slow where neither paths nor marks are given, and tell the parallel processes so."""
    if config.args_source is not pytest.Config.ArgsSource.ARGS and not config.option.markexpr:
        config.option.markexpr = "not slow"
        config.option.hypothesis_profile = "quick"
    if config.option.hypothesis_profile:
        settings.load_profile(config.option.hypothesis_profile)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say so where tests are left out: parallel processes do not."""
    return (
        "what is slow is left out, and three of four examples of a property; python -m pytest tests runs all"
        if config.option.hypothesis_profile == "quick"
        else ""
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "formula" in metafunc.fixturenames:
        metafunc.parametrize("formula", ROWS, ids=lambda row: f"{row.name}-d{row.derivative}")
    if "problem_name" in metafunc.fixturenames:
        names = sorted(path.stem for path in (ROOT / "conf/function").glob("*.yaml"))
        in_part = metafunc.definition.get_closest_marker("part")
        metafunc.parametrize("problem_name", quick.part(names) if in_part else names)


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
