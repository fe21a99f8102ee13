"""The notebooks of docs: small, without outputs, and each runs from its first cell to its last."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from laboratory import environment

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = {path.stem: path for path in sorted((ROOT / "docs/notebooks").glob("*.ipynb"))}
MAX_BYTES = 10_000
SHOWN = {
    "1-from-secant-to-tangent": (
        "Line(slope=4.0001999999987845",
        ">0.54026</td>",
        "25x<sup>4</sup> + 12x<sup>2</sup>",
        "4.000000000000000(4)",
        "status='kink', left=-1, right=1",
    ),
    "2-which-delta": ("forward_1  delta 4.7e-09  error 9e-08", "-7.68963188791823(13)", "In float32 take "),
    "3-check-my-gradient": (
        "verdict='agree'",
        "the claim is 200 times the true gradient: look for a sum in the place of a mean",
        "x[7] claims -0.1453031242, measured -0.1453041242",
        "the claim is -1 times the true gradient: look for a sign",
        "'x': 'kink', 'y': 'ok'",
    ),
    "4-derive-and-diagnose": (
        "2x·sin(3x) + 3x<sup>2</sup>·cos(3x)",
        "needs 1 - x**2 > 0, where 1 - x**2 is 0.0 at x = 1.0",
        "x*cos(x)  a rule is broken: one term of the product rule lost",
        "right, in another form",
    ),
    "5-a-study-of-my-own": ("status='multiscale'", "1 of 1 jobs done", "experiment=coarse --config-dir=presets"),
}
"""What is to be read in the outputs of each."""


def cells(name: str) -> list[dict[str, Any]]:
    return list(json.loads(NOTEBOOKS[name].read_text(encoding="utf-8"))["cells"])


def test_every_notebook_is_tried() -> None:
    assert list(NOTEBOOKS) == list(SHOWN)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_small_and_its_outputs_are_not_stored(name: str) -> None:
    assert NOTEBOOKS[name].stat().st_size < MAX_BYTES
    for cell in cells(name):
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None
        if cell["cell_type"] == "code":
            compile("".join(cell["source"]), name, "exec")
    assert re.match(r"# \w", "".join(cells(name)[0]["source"]))


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_to_its_end_and_shows_what_it_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    for variable, value in environment().items():
        monkeypatch.setenv(variable, value)
    notebook = nbformat.read(NOTEBOOKS[name], as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = json.dumps([cell.outputs for cell in notebook.cells if "outputs" in cell], ensure_ascii=False)
    for text in SHOWN[name]:
        assert json.dumps(text, ensure_ascii=False)[1:-1] in outputs
