"""The study of gradient checks: what it says of a gradient, and of mistakes that are planted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from laboratory import python
from studies import gathered

from experiments.messages import ConfigurationError
from experiments.running.settings import build
from experiments.studies import gradient_check as study
from experiments.studies.gradient_check import Config

X = np.linspace(-1.0, 1.0, 40)
PLAIN: dict[str, Any] = {"python": None, "gradient": None, "x": None}
MODULE = """
import numpy as np
word = "text"
loss = lambda x: float(np.sum(np.sin(x)))
gradient = lambda x: np.cos(x) + 1e-6 * (np.arange(x.size) == 3)
start = lambda: np.linspace(-1.0, 1.0, 40)
failing = lambda: 1 / 0
"""
NAMES = {"python": "layers:loss", "gradient": "layers:gradient", "x": "layers:start"}


def loss(x: Any) -> float:
    return float(np.sum(np.sin(x)))


def test_a_correct_gradient_agrees_and_a_wrong_entry_is_a_suspect() -> None:
    wrong = np.cos(X)
    wrong[3] += 1e-6
    right = gathered(study, Config(python=loss, gradient=np.cos, x=X))
    found = gathered(study, Config(python=loss, gradient=wrong, x=X))
    assert right["table"]["verdict"] == ["agree"]
    assert set(right["entries"]["state"]) == {"agrees"}
    assert list(found["suspects"]["entry"]) == ["x[3]"]
    assert str(found["findings"]["finding"][0]).startswith("disagree: x[3]")


def test_planted_mistakes_are_noticed_and_correct_gradients_agree() -> None:
    found = gathered(study, Config())
    verdicts = found["table"]["verdict"]
    assert np.array_equal(verdicts == "disagree", found["table"]["planted"] != "none")
    assert np.all(found["table"]["named"] == (found["table"]["planted"] != "none"))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"gradient": None}, "gradient: missing for the check of a gradient; add gradient=mymodule:grad"),
        ({"x": None}, "x: missing for the check of a gradient; add x=mymodule:start"),
        ({"gradient": "layers:gradeint"}, "gradient=layers:gradeint: module 'layers' has no 'gradeint'; did you mean"),
        ({"gradient": "layers:word"}, "gradient=layers:word: neither a function nor an array but of type str"),
        ({"gradient": "layers"}, "gradient=layers: not module:attribute; write gradient=layers:f"),
        ({"x": "layers:failing"}, "x=layers:failing: calling it without arguments failed: ZeroDivisionError"),
    ],
)
def test_a_wrong_key_is_answered_with_what_to_write(
    changes: dict[str, Any], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "layers.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError, match=re.escape(line)):
        build(study, {**PLAIN, **NAMES, **changes})


def test_the_command_answers_for_a_module_of_the_current_directory(tmp_path: Path) -> None:
    (tmp_path / "layers.py").write_text(MODULE)
    words = [f"{key}={value}" for key, value in NAMES.items()]
    run = python("-m", "experiments.run", "experiment=gradient_check", *words, "hydra.sweep.dir=run", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "disagree: x[3]" in (tmp_path / "run/report.html").read_text(encoding="utf-8")
