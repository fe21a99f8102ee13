"""The study of derivations: what is printed, drawn and told of a formula, and how a mistyped one is answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from omegaconf import OmegaConf

import derivkit as dk
from derivkit.symbolic.notation import read
from derivkit.symbolic.verification import RefutedError
from experiments import run
from experiments import tables as files
from experiments.running.run_figures import figures_of
from experiments.studies import derivations
from experiments.studies.derivations import Config
from experiments.study import Frame, Tables, frames

ROOT = Path(__file__).resolve().parents[3]


def tables(*expressions: str, **config: Any) -> dict[str, Frame]:
    """The frame of every table that a run yields, by its name."""
    found = frames(derivations.measure(Config(expression=expressions, **config)))
    return {str(table.table): frame for table, frame in found.items()}


def gathered(*jobs: dict[str, Frame]) -> Tables:
    """Tables as a study gets them of several jobs."""
    parts = {name: [one[name].assign(job=number) for number, one in enumerate(jobs)] for name in jobs[0]}
    whole = {name: pd.concat(found, ignore_index=True) for name, found in parts.items()}
    return Tables({name: {str(c): v.to_numpy() for c, v in frame.items()} for name, frame in whole.items()})


def concluded(*expressions: str, **config: Any) -> dict[str, Frame]:
    found = frames(derivations.conclude(gathered(tables(*expressions, **config))))
    return {str(table.table): frame for table, frame in found.items()}


def findings(*expressions: str, **config: Any) -> list[str]:
    return list(derivations.tell(gathered(tables(*expressions, **config))))


def test_the_steps_are_those_of_the_rules_each_with_what_it_acts_on() -> None:
    table = tables("x*sin(x)")["table"]
    assert table["rule"].tolist() == ["identity", "sine", "product"]
    assert table["piece"].tolist() == ["x", "sin(x)", "x·sin(x)"]
    assert table["result"].tolist() == ["1", "cos(x)", "sin(x) + x·cos(x)"]
    assert table["step"].tolist() == [1, 2, 3]


def test_the_number_of_rows_is_the_number_promised_and_a_formula_typed_twice_is_derived_once() -> None:
    config = Config(expression=("x*sin(x)", "x^2", "x*sin(x)"))
    assert len(tables("x*sin(x)", "x^2", "x*sin(x)")["table"]["step"]) == config.rows == 4


@pytest.mark.parametrize("notation", ["leibniz", "prime"])
@pytest.mark.parametrize("level", ["full", "normal", "brief"])
def test_every_line_can_be_read_back_and_the_last_is_the_derivative(level: str, notation: str) -> None:
    found = tables("sin(x)/x", "(3*x-1)^10", level=level, notation=notation)
    for text in found["lines"]["formula"]:
        read(str(text))
    last = [
        found["lines"]["formula"][found["lines"]["expression"] == one].iloc[-1] for one in found["checks"]["expression"]
    ]
    assert last == found["checks"]["result"].tolist()


def test_a_second_derivative_shows_the_first() -> None:
    found = tables("x^3", derivative=2)
    assert sorted(set(found["lines"]["derivative"].tolist())) == [0, 1, 2]
    assert found["checks"]["result"].tolist() == ["6x"]
    assert "3x^2" in found["lines"]["formula"].tolist()


def test_a_loss_is_differentiated_for_the_weight_asked_for() -> None:
    found = tables("(w*x + b - y)^2", variable="w")["checks"]
    assert found["result"].tolist() == ["2x·(w·x + b - y)"]
    assert all(name in found["at"][0] for name in ("w = ", "x = ", "b = ", "y = "))


def test_the_figures_hold_what_the_lines_say_piece_by_piece() -> None:
    found = concluded("3*x^2", "x*sin(x)")["steps"]
    assert found["figure"].unique().tolist() == ["derivation_1", "derivation_2"]
    first = found[found["figure"] == "derivation_1"]
    assert set(first["text"][first["arrow"] >= 0]) == {"2"}
    assert "".join(first["text"][first["line"] == first["line"].max()]) == "=6x"
    assert first["mark"].any()


def test_the_same_formula_from_two_jobs_is_drawn_twice_and_never_mixed() -> None:
    one = tables("x^2")
    (alone, both) = (frames(derivations.conclude(gathered(*jobs)))[derivations.Steps] for jobs in ([one], [one, one]))
    assert [part.tolist() for _, part in both.groupby("figure")["text"]] == [alone["text"].tolist()] * 2


def test_what_is_printed_is_every_derivation_with_a_blank_line_between() -> None:
    printed = concluded("x^2", "log(x)")["printed"]["line"].tolist()
    assert printed.count("") == 1
    assert printed[0].replace(" ", "") == "f(x)=x^2"
    assert "It holds where x > 0." in printed
    assert printed[-1] == "Check of every step: verified."


def test_the_lesson_tells_where_a_derivative_holds_and_how_it_was_checked() -> None:
    lesson = concluded("log(x)")["lesson"]
    assert lesson["title"].tolist() == ["The derivative of log(x) with respect to x"]
    assert lesson["text"][0].startswith("It holds where x > 0. Each of its 1 steps was checked")


def test_the_findings_count_what_was_verified_and_name_what_was_not() -> None:
    said = findings("x*sin(x)", "log(-x^2-1)")
    assert said[0].startswith("1 of 2 derivations is verified: all 3 steps agree")
    assert "log(-x^2-1): not verified, no real point found." in said


def test_a_variable_that_does_not_occur_is_told() -> None:
    assert "y does not occur in x^2: the derivative is 0." in findings("x^2", variable="y")


def test_what_is_too_long_or_too_much_to_draw_is_told_in_words_only() -> None:
    many = [f"x^{k}" for k in range(2, 12)]
    assert concluded(*many)["steps"]["figure"].nunique() == len(derivations.FIGURES)
    assert findings(*many)[-1].startswith("8 of 10 derivations are drawn")
    long = " + ".join(f"sin({k}*x)" for k in range(1, 40))
    assert "steps" not in concluded(long)
    assert findings(long)[-1].startswith("0 of 1 derivations are drawn")


def test_the_preset_has_the_figures_that_the_study_fills() -> None:
    preset: Any = OmegaConf.to_container(OmegaConf.load(ROOT / "conf/experiment/derivations.yaml"), resolve=False)
    requested = figures_of(preset["figures"])
    assert tuple(requested) == derivations.FIGURES
    assert [spec["where"]["figure"] for spec in requested.values()] == list(derivations.FIGURES)


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_OUTPUTS", str(tmp_path))
    return tmp_path


def test_what_a_learner_types_first_prints_the_lines_and_leaves_a_page(
    outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(["experiment=derivations", "expression=x*sin(x)", "figures.formats=[svg]"]) == 0
    said = capsys.readouterr().out
    assert "(d/dx x)·sin(x) + x·d/dx sin(x)" in said
    assert "verified" in said
    (page,) = outputs.glob("*/*/*/report.html")
    assert "The derivative of x*sin(x) with respect to x" in page.read_text(encoding="utf-8")
    assert [path.name for path in page.parent.glob("figures/*")] == ["derivation_1.svg"]
    assert files.columns_of(page.parent / "table.parquet")["rule"].tolist() == ["identity", "sine", "product"]


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("expression=2x", "error: expression=2x: '2x' at column 2: a multiplication sign is missing; write 2*x, or"),
        ("expression=sinn(x)", "error: expression=sinn(x): 'sinn(x)' at column 1: unknown function 'sinn'; did you"),
        ("expression=a*b", "error: expression=a*b: a*b has the variables a, b; say which: variable='a'"),
        ("variable=x+1", "'x+1' is no variable; write a name such as 'x'"),
        ("level=long", "error: level=long: there are full, normal, brief"),
        ("notation=lagrange", "error: notation=lagrange: there are prime, leibniz"),
        ("derivative=5", "error: derivative=5: the order is 1, 2, 3 or 4; write derivative=2"),
    ],
)
def test_a_mistyped_value_is_answered_in_one_line(
    typed: str, answer: str, outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(["experiment=derivations", typed]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert answer in line
    assert not list(outputs.iterdir())


def test_a_refuted_step_is_an_error_that_names_the_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    def refute(*_: object) -> None:
        raise RefutedError("the rule 'sine' says that ...")

    monkeypatch.setattr(dk, "derive", refute)
    with pytest.raises(ValueError, match=r"expression=sin\(7\*x\): the rule 'sine' says"):
        Config(expression=("sin(7*x)",))
