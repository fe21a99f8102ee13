"""The study of gradient checks: what it says of a gradient, and of mistakes that are planted."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from laboratory import python
from studies import gathered, rows

from experiments import compare, run
from experiments.messages import ConfigurationError
from experiments.running.listing import entries
from experiments.running.runs import load
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
short = np.ones(3)
nested = {"w": short}
nowhere = lambda x: float("nan")
twice = lambda x: np.r_[x, x]
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
    assert list(found["entries"]["place"][:2]) == ["x[3]", "direction 1"]
    assert list(found["entries"]["state"]) == ["disagrees"] * 9
    assert "random directions" in str(found["findings"]["finding"][2])
    assert list(found["suspects"]["entry"]) == ["x[3]"]
    assert str(found["findings"]["finding"][0]).startswith("disagree: x[3]")


def test_few_entries_are_compared_one_by_one_under_their_names_and_a_kink_is_no_disagreement() -> None:
    x = {"w": np.array([0.7, 1.2]), "c": 0.0}
    claim = {"w": np.array([1.4, -np.cos(1.2)]), "c": 0.3}
    found = gathered(
        study, Config(python=lambda x: x["w"][0] ** 2 + np.sin(x["w"][1]) + abs(x["c"]), gradient=claim, x=x)
    )
    assert list(found["entries"]["place"]) == ["x['w'][0]", "x['w'][1]", "x['c']"]
    assert list(found["entries"]["state"]) == ["agrees", "disagrees", "agrees"]
    assert list(found["entries"]["status"]) == ["ok", "ok", "kink"]
    assert found["entries"]["claimed"][1] < 0.0 < found["entries"]["measured"][1]
    assert list(found["printed"]["line"]) == [found["table"]["message"][0]]


def test_planted_mistakes_are_noticed_and_correct_gradients_agree() -> None:
    found = gathered(study, Config())
    planted = found["table"]["planted"] != "none"
    assert np.array_equal(found["table"]["verdict"] == "disagree", planted)
    assert np.array_equal(found["judged"]["named"], planted)
    assert list(found["kinds"]["planted"]) == ["factor", "entry"]
    ours = found["summary"]["tool"] == study.OURS
    assert list(found["summary"]["case"][ours]) == ["tanh", "relu", "relu at kinks"]
    assert not found["summary"]["false_alarms"][ours].any()
    assert list(found["summary"]["all_from"][ours][:2]) == [1e-2, 1e-2]


@pytest.mark.parametrize("kind", ["transposed", "layer", "missing"])
def test_a_mistake_of_an_array_is_named_as_the_parameters_keep_their_arrays(kind: str) -> None:
    found = gathered(study, Config(activations=("tanh",), kinds=(kind,), sizes=(1e-4,), correct=0))
    assert found["judged"]["named"].all()


def test_the_verdicts_of_other_tools_stand_beside_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def accepts(f: Any, claim: Any, x: Any) -> bool:
        return bool(np.isfinite(f(x) + f(x)) and np.linalg.norm(claim) < 1.0)

    monkeypatch.setattr(study.peers, "CHECKS", {"short": "takes what is short"})
    monkeypatch.setattr(study.peers, "installed", lambda name: name == "short")
    monkeypatch.setitem(sys.modules, "experiments.peers.short", SimpleNamespace(accepts=accepts))
    found = gathered(study, Config(activations=("tanh",), kinds=("factor",), sizes=(1e-2, 9.0)))
    assert set(found["peers"]["evaluations"]) == {2}
    theirs = rows(found["summary"], tool="takes what is short")
    assert [float(theirs[name][0]) for name in ("correct", "false_alarms", "noticed", "all_from")] == [2, 0, 50, 9.0]
    assert (
        "takes what is short: no correct gradient is rejected of 2 (tanh); planted mistakes noticed: tanh 50 %"
        in str(found["findings"]["finding"][1])
    )
    assert str(found["findings"]["finding"][-1]).endswith("of their checks: scipy.")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"gradient": None}, "gradient: missing for the check of a gradient; add gradient=mymodule:grad"),
        ({"x": None}, "x: missing for the check of a gradient; add x=mymodule:start"),
        ({"gradient": "layers:gradeint"}, "gradient=layers:gradeint: module 'layers' has no 'gradeint'; did you mean"),
        ({"gradient": "layers:word"}, "gradient=layers:word: neither a function nor an array but of type str"),
        ({"gradient": "layers"}, "gradient=layers: not module:attribute; write gradient=layers:f"),
        ({"gradient": 3}, "gradient=3: not a text; write one such as gradient=mymodule:grad"),
        ({"gradient": "layers:short"}, "gradient has shape (3,) and x has (40,); they must be the same"),
        ({"gradient": "layers:failing"}, "gradient: calling it at x failed: TypeError"),
        ({"gradient": "layers:nested"}, "gradient={'w': array"),
        ({"x": "layers:word"}, "x=layers:word: x='text': give a real number, or an array of them"),
        ({"x": "layers"}, "write a number or a constant, such as x=pi/2, or x=mymodule:start"),
        ({"python": 3}, "python=3: not a text; write one such as python=mymodule:loss"),
        ({"python": "layers:nowhere"}, "python: the loss is nan at x; give an x where it has a finite value"),
        ({"python": "layers:twice"}, "python: the loss gives 80 values at x; sum or average it to one number"),
        ({"python": "layers:failing"}, "python: calling it at x failed: TypeError"),
        ({**PLAIN, "fail": True}, "fail=true: for a gradient of your own; add python=mymodule:loss"),
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
    assert run.stdout.startswith("disagree: x[3]")
    assert run.stdout.count("disagree: x[3]") == 1
    assert "disagree: x[3]" in (tmp_path / "run/report.html").read_text(encoding="utf-8")


def test_the_checks_before_and_after_a_fix_are_joined_and_compare_says_what_became_of_the_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "layers_fixed.py").write_text(f"{MODULE}\nmended = np.cos\n")
    for name in ("gradient", "mended"):
        words = {"python": "layers_fixed:loss", "gradient": f"layers_fixed:{name}", "x": "layers_fixed:start"}
        assert run.main(["experiment=gradient_check", *map("=".join, words.items()), f"hydra.sweep.dir={name}"]) == 0
    capsys.readouterr()
    assert compare.main(["gradient", "mended"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "verdict in 1 (disagree → agree)" in said
    assert "kind in 1 (entry → none)" in said


def test_a_case_is_what_was_checked_and_the_name_of_the_gradient_a_plain_column() -> None:
    found = [gathered(study, Config(python=loss, gradient=np.cos, x=x))["table"] for x in (X, X[:2], 0.5)]
    assert [table["case"][0] for table in found] == [
        f"loss at x of 40 entries with norm {np.linalg.norm(X):.6g}", "loss at x = [-1, -0.948718]", "loss at x = 0.5",
    ]  # fmt: skip
    assert {table["gradient"][0] for table in found} == {"cos"}
    assert "gradient" not in study.Table.keys


def test_of_several_checks_the_verdict_says_what_was_checked() -> None:
    places = (X[:2], X[2:4])
    found = gathered(study, *(Config(python=loss, gradient=np.cos, x=x) for x in places))
    cases, messages = found["table"]["case"], found["table"]["message"]
    told = [f"{case}: {message}" for case, message in zip(cases, messages, strict=True)]
    assert found["findings"]["finding"].tolist()[: len(places)] == told
    assert len(set(told)) == len(places)
    seeds = gathered(study, *(Config(python=loss, gradient=np.cos, x=X, seed=seed) for seed in (0, 1)))
    assert [str(one)[:200].count(", seed ") for one in seeds["findings"]["finding"][:2]] == [1, 1]


def test_the_command_fails_if_it_is_told_to_and_the_gradient_disagrees(tmp_path: Path) -> None:
    (tmp_path / "layers.py").write_text(MODULE)
    words = ["experiment=gradient_check", "fail=true", *(f"{key}={value}" for key, value in NAMES.items())]
    run = python("-m", "experiments.run", "--quiet", *words, "hydra.sweep.dir=run", cwd=tmp_path)
    assert run.returncode == 1
    assert run.stderr.startswith("error: disagree: x[3]")
    assert "--resume" not in run.stderr
    assert load(tmp_path / "run").record.status == 1  # whole all the same: it is compared, and listed as done
    assert [entry.status for entry in entries(tmp_path, tmp_path)[0]] == ["done"]
    page = (tmp_path / "run/report.html").read_text(encoding="utf-8")
    assert "planted</th>" not in page
    assert page.index(">Suspects</h3>") < page.index(">Main table</h3>")
    assert "<li>1 row</li>" in page


def test_a_gradient_that_agrees_is_no_failure() -> None:
    right = gathered(study, Config(python=loss, gradient=np.cos, x=X, fail=True))
    assert "failed" not in right
    assert list(right["printed"]["line"]) == list(right["table"]["message"])
