"""What the tests of whole runs share: a process that finds this tree, and what lies in a run's directory."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]


def environment(**more: str) -> dict[str, str]:
    """The variables of a process in which `import experiments` finds this tree."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def python(*words: str, check: bool = False, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run this Python with some words, and keep what it says. Ten minutes are for one that hangs."""
    options = {"env": environment(), "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.run([sys.executable, *words], text=True, check=check, timeout=600, **options)


def record_of(directory: Path) -> dict[str, Any]:
    """The record of a run."""
    return dict(json.loads((directory / "run.json").read_text(encoding="utf-8")))


def only_run(outputs: Path = Path("outputs")) -> Path:
    """The directory of the one run below ``outputs``."""
    (record,) = outputs.rglob("run.json")
    return record.parent


def content(directory: Path) -> dict[str, bytes]:
    """What a run computed: every table and every figure, and what a search says of the best."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.suffix in (".parquet", ".csv", ".svg", ".yaml") and path.name != "multirun.yaml"
    }


def complaints(stderr: str) -> list[str]:
    """What was said beside the progress, of which a slow machine shows some lines."""
    return [line for line in stderr.splitlines() if not re.match(r"(job )?\d+ of \d+ ", line)]


def line_by_steps(path: str) -> list[list[float]]:
    """The places of a long line of a figure, which its SVG has by the steps between them."""
    steps = np.array(re.findall(r"-?(?:\d+\.?\d*|\.\d+)", path), dtype=float).reshape(-1, 2)
    return np.cumsum(steps, axis=0).tolist()
