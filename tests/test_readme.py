"""Every command and every line of code in the README does what it says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import derivkit as dk
from derivkit.numerical.formulas import row
from experiments import compare, run

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^python -m experiments\.run.*$|(?<=&& )python -m experiments\.run.*$", README, re.MULTILINE)
COMPARISONS = re.findall(r"^python -m experiments\.compare.*$", README, re.MULTILINE)
REFUSED = re.findall(r"^\$ python -m experiments\.run (.*)\n(error: .*)$", README, re.MULTILINE)
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_OUTPUTS", str(tmp_path))
    monkeypatch.setattr("webbrowser.open", lambda *_: True)
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_runs_and_leaves_a_report(command: str, outputs: Path) -> None:
    assert run.main(shlex.split(command, comments=True)[3:]) == 0
    assert len(list(outputs.glob("*/*/*/report.html"))) == 1


def test_there_are_ten_things_to_do_and_the_main_command() -> None:
    assert len(COMMANDS) == 11


def test_the_last_two_runs_are_compared_as_written(outputs: Path) -> None:
    assert len(COMPARISONS) == 2
    for delta in ("1e-4", "[1e-4,1e-8]"):
        assert run.main([f"delta={delta}", "function=sin", "figures.formats=[svg]"]) == 0
    statuses = [compare.main(shlex.split(command, comments=True)[3:]) for command in COMPARISONS]
    assert statuses == [0, 1]
    assert len(list(outputs.glob("compare/*/*/report.html"))) == 2


@pytest.mark.parametrize(("arguments", "answer"), REFUSED)
def test_a_wrong_value_is_answered_as_printed(arguments: str, answer: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(shlex.split(arguments)) == 2
    assert capsys.readouterr().err.strip() == answer


def test_the_lines_of_the_core_give_what_their_comments_say() -> None:
    (code,) = [text for kind, text in BLOCKS if kind == "python" and "import derivkit" in text]
    names: dict[str, object] = {}
    exec(code, names)  # the README's own lines
    assert dk.difference(lambda x: 2 * x**2, 1.0, 1e-4, formula="forward_1") == 4.0001999999987845
    assert dk.exact("(1-cos(x))/x^2", 1e-4).value == -8.333333327777778e-06
    assert [str(w) for w in dk.stencil([-2, 0, 1], derivative=1).weights] == ["-1/6", "-1/2", "2/3"]
    (best,) = dk.predict_optimum(names["f"], 1.0, formulas=[dk.formula("central_4")])  # type: ignore[arg-type]
    assert (f"{best.delta:.2g}", best.error < 2e-12) == ("0.0013", True)


def test_the_formula_to_add_can_be_built() -> None:
    (code,) = [text for kind, text in BLOCKS if kind == "python" and text.startswith("row(")]
    assert eval(code.rstrip().rstrip(","), {"row": row}).order == 3  # the README's own line


def test_the_function_to_add_runs_from_a_directory_of_ones_own(tmp_path: Path) -> None:
    (text,) = [text for kind, text in BLOCKS if kind == "yaml" and "my_wave" in text]
    (tmp_path / "mine/function").mkdir(parents=True)
    (tmp_path / "mine/function/my_wave.yaml").write_text(text, encoding="utf-8")
    assert run.main(["--config-dir", str(tmp_path / "mine"), "function=my_wave", "delta=1e-3"]) == 0
