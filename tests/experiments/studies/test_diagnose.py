"""The study of answers: one or those of a class, what each did wrong, and that no line of a file is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf
from studies import gathered

from experiments import run
from experiments import tables as files
from experiments.running.run_figures import figures_of
from experiments.studies import diagnose
from experiments.studies.diagnose import MAX_ANSWERS, UNREADABLE, Config

ROOT = Path(__file__).resolve().parents[3]
SQUARE = "expression=x^2"
PRODUCT = "product rule as product of derivatives"
CLASS = """\
name,answer
Anna,cos(x)
Ben,sin(x) + x*cos(x)

"Doe, Jane",sin(x)
Emil;"1*cos(x)"
Fay: x*cos(x)
Gus,sin x
Hoa,2*t
Ida,
log(x, 2)
Nina\tsin(x)*(1 + x/tan(x))
,cos(x)
# corrected on Monday
#12,cos(x)
"""
ENTRIES = [
    (2, "Anna", "cos(x)"),
    (3, "Ben", "sin(x) + x*cos(x)"),
    (5, "Doe, Jane", "sin(x)"),
    (6, "Emil", "1*cos(x)"),
    (7, "Fay", "x*cos(x)"),
    (8, "Gus", "sin x"),
    (9, "Hoa", "2*t"),
    (10, "Ida", ""),
    (11, "line 11", "log(x, 2)"),
    (12, "Nina", "sin(x)*(1 + x/tan(x))"),
    (13, "line 13", "cos(x)"),
    (15, "#12", "cos(x)"),
]


@pytest.fixture
def of_class(tmp_path: Path) -> Config:
    """The answers of a class, with lines that cannot be read."""
    (tmp_path / "class.csv").write_text("\ufeff" + CLASS, encoding="utf-8")
    return config("x*sin(x)", answers=str(tmp_path / "class.csv"))


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_OUTPUTS", str(tmp_path / "outputs"))
    return tmp_path / "outputs"


def config(expression: str, *answer: str, **more: Any) -> Config:
    return Config(expression=(expression,), answer=answer, **more)


def findings(config: Config) -> list[str]:
    return gathered(diagnose, config)["findings"]["finding"].tolist()


# One answer


def test_the_verdict_the_rule_and_the_right_step_are_said_of_one_answer() -> None:
    tables = gathered(diagnose, config("x*sin(x)", "cos(x)"))
    (table,) = [{name: values[0] for name, values in tables["table"].items()}]
    assert (table["verdict"], table["rule"], table["place"]) == ("a rule is broken", PRODUCT, "x·sin(x)")
    assert (table["written"], table["corrected"]) == ("cos(x)", "(x·sin(x))' = sin(x) + x·cos(x)")
    assert tables["findings"]["finding"].tolist() == [
        f"cos(x) is wrong: {PRODUCT} at x·sin(x). The right step is (x·sin(x))' = sin(x) + x·cos(x)."
    ]
    assert any(line.split("≠")[-1].split() == ["cos(x)", *PRODUCT.split()] for line in tables["printed"]["line"])


@pytest.mark.parametrize(
    ("expression", "answer", "words"),
    [
        ("x*sin(x)", "sin(x) + x*cos(x)", " is right."),
        ("sin(x)^2", "sin(2*x)", " is right, in another form."),
        ("sin(3*x)", "3*cos(3*x) + 1", "is wrong: no single mistake of a known kind. The derivative is 3·cos(3x)."),
        ("x^3 + x^2", "3*x^3 + 2*x^2", "power not lowered at x^3 and x^2."),
        ("sin(3*x)", "cos(3*x)", "Another mistake that gives this answer: constant factor dropped."),
    ],
)
def test_the_first_finding_is_the_verdict(expression: str, answer: str, words: str) -> None:
    assert words in findings(config(expression, answer))[0]


def test_the_wrong_place_is_marked_in_the_drawing_and_nothing_else() -> None:
    steps = gathered(diagnose, config("x^2 + x*sin(x)", "2*x + cos(x)"))["steps"]
    wrong = steps["line"][steps["text"] == "≠"]
    assert wrong.size == 1
    assert set(steps["line"][steps["mark"]]) == {wrong[0] - 1, wrong[0]}


def test_a_right_answer_is_drawn_with_its_derivation() -> None:
    tables = gathered(diagnose, config("x^2", "2*x"))
    assert tables["lesson"]["text"].tolist() == ["2*x is right."]
    assert "≠" not in tables["steps"]["text"]


def test_without_a_function_and_an_answer_the_study_shows_an_example() -> None:
    assert findings(Config())[0].startswith("cos(x) is wrong: product rule as product of derivatives at x·sin(x).")


@pytest.mark.parametrize(
    "left", ["f'(x) = ", "y' =", "dy/dx=", "d/dx f(x) = ", "", "g\N{RIGHT SINGLE QUOTATION MARK}(t)="]
)
def test_an_answer_may_have_the_left_side_of_its_equation(left: str) -> None:
    assert findings(config("x^2", f"{left}2*x"))[0].endswith(" is right.")


# A class


def test_every_line_of_a_file_is_an_answer(of_class: Config) -> None:
    assert [tuple(entry) for entry in of_class.entries] == ENTRIES
    table = gathered(diagnose, of_class)["table"]
    assert table["name"].size == of_class.rows == len(ENTRIES)
    assert table["name"][table["verdict"] == UNREADABLE].tolist() == ["Gus", "Hoa", "Ida"]


def test_lines_that_cannot_be_read_are_named_one_by_one(of_class: Config) -> None:
    found = findings(of_class)
    assert found[0] == "2 of 9 answers are right, 1 of them in another form; 3 more answers cannot be read."
    assert "Line 8, Gus: 'sin x' at column 1: sin is a function and needs brackets; write sin(x)." in found
    assert "Line 9, Hoa: the answer has t, the function does not; write the answer with x only." in found
    assert "Line 10, Ida: there is no answer." in found


def test_mistakes_are_counted_with_whose_they_are(of_class: Config) -> None:
    tables = gathered(diagnose, of_class)
    counted = dict(zip(tables["mistakes"]["mistake"], tables["mistakes"]["answers"], strict=True))
    assert counted[PRODUCT] == 4
    assert sum(counted.values()) == (~tables["table"]["right"]).sum()
    assert tables["mistakes"]["names"][tables["mistakes"]["mistake"] == PRODUCT].tolist() == [
        "Anna; Emil; line 13; #12"
    ]
    titles = tables["lesson"]["title"].tolist()
    assert titles[0] == f"{PRODUCT.capitalize()}: 4 of 12"
    assert len(set(titles)) == len(titles)
    assert any(title.endswith(", sin(x): 1 of 12") for title in titles)


def test_answers_with_one_mistake_at_one_place_share_a_figure_if_they_are_one(of_class: Config) -> None:
    tables = gathered(diagnose, of_class)
    assert tables["lesson"]["text"][0].startswith("Anna, Emil, line 13 and #12: cos(x) and 1*cos(x). The right step is")
    lost = [text for text in tables["lesson"]["text"] if text.startswith(("Doe, Jane: sin(x).", "Fay: x*cos(x)."))]
    assert len(lost) == 2


def test_signs_may_be_left_out_in_a_file_too(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Ann: 6x\nBob: 3x^2\nCem: 1/2x\n")
    found = gathered(diagnose, config("3*x^2", answers=str(tmp_path / "a.txt")))["table"]
    assert found["verdict"].tolist() == ["right", "a rule is broken", UNREADABLE]


@pytest.mark.parametrize(
    ("answer", "verdict", "note"),
    [
        ("y=6x", "right", ""),
        ("f(x) = 6x", "right", ""),
        ("Ann;6x, I think", UNREADABLE, "an answer is one formula alone"),
        ("6t", UNREADABLE, "the answer has t, the function does not; write the answer with x only"),
    ],
)
def test_a_line_as_pupils_write_it_is_read_or_refused_as_an_answer(
    answer: str, verdict: str, note: str, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text(f"{answer}\n")
    table = gathered(diagnose, config("3*x^2", answers=str(tmp_path / "a.txt")))["table"]
    assert table["verdict"].tolist() == [verdict]
    assert str(table["note"][0]).endswith(note)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"Anna,\xe4", "byte 6 is no UTF-8; save the file as UTF-8"),
        (b"", "no line has an answer; write lines such as Anna,2*x"),
        (b"name,answer\n", "no line has an answer"),
        (b"A,x\n" * (MAX_ANSWERS + 1), "a file has at most 1,000 lines; write several files"),
    ],
)
def test_a_file_that_is_none_is_refused_in_one_line(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(ValueError, match="answers=") as error:
        config("x^2", answers=str(tmp_path / "a.csv"))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


# The run


def test_the_figures_of_the_preset_are_those_of_the_study() -> None:
    preset: Any = OmegaConf.to_container(OmegaConf.load(ROOT / "conf/experiment/diagnose.yaml"), resolve=False)
    assert tuple(figures_of(preset["figures"])) == diagnose.FIGURES


def test_a_page_has_a_class(of_class: Config, outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("experiment=diagnose", "expression=x*sin(x)", f"answers={of_class.answers}", "figures.formats=[svg]")
    assert run.main([*words]) == 0
    (page,) = outputs.glob("*/*/*/report.html")
    assert len([*page.parent.glob("figures/*.svg")]) == 4
    assert files.columns_of(page.parent / "table.parquet")["name"].size == len(ENTRIES)
    assert "cannot be read" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            (SQUARE, "answer=2x", "implicit=false"),
            "answer=2x: '2x' at column 2: a multiplication sign is missing; write 2*x, or leave the",
        ),
        ((SQUARE, "answer=2*t"), "answer=2*t: the answer has t, the function does not"),
        ((SQUARE,), "a function and an answer are compared; write 'answer=cos(x)' or answers=class.csv too"),
        (("answer=2*x",), "a function and an answer are compared; write 'expression=x*sin(x)' too"),
        ((SQUARE, "answers=nobody.csv"), "answers=nobody.csv: No such file or directory"),
        (("expression=['x','x^2']", "answer=2"), "the answers are of one function; write one formula"),
        (("level=long",), "no level named 'long'; there are full, normal, brief"),
    ],
)
def test_a_mistyped_value_is_answered_in_one_line(
    words: tuple[str, ...], line: str, outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(["experiment=diagnose", *words]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert line in said
    assert not outputs.exists()
