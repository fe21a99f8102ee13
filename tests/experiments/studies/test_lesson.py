"""The chapter's lesson of another function: its slopes are true, its figures are all there, its words are of it."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from studies import gathered, rows

import derivkit as dk
from experiments import run
from experiments.studies import chapter
from experiments.studies.chapter import subject
from experiments.studies.chapter.subject import RETOLD, Subject

FUNCTIONS = {
    "x^3-x": (2.0, 1e-3),
    "log(x)*sin(3*x)": (0.3, 1e-4),
    "tan(x)": (1.5, 1e-4),
    "1/x": (-0.01, 1e-4),
    "5": (1.0, 0.5),
    "2*x": (1.0, 1e-4),
    "abs(x)": (0.5, 1e-4),
    "x^x": (2.0, 1e-2),
    "sqrt(x)": (1e-3, 1e-6),
    "x^2": (1e6, 1e-3),
    "exp(40*x)": (1.0, 1e-8),
    "sin(cos(exp(x)))*x^2/(1 + x^2)": (0.7, 1e-4),
}


def lesson(text: str) -> Subject:
    x, delta = FUNCTIONS[text]
    return Subject(function=dk.Function.from_expression(text), x=x, delta=delta)


def config(text: str, x: float, delta: float) -> chapter.Config:
    problem = dk.Problem(dk.Function.from_expression(text), (x,), "typed", "typed")
    return chapter.Config(subject=(problem,), delta=(delta,))


@pytest.mark.parametrize("text", FUNCTIONS)
def test_the_curve_is_one_piece_where_it_is_drawn(text: str) -> None:
    one = lesson(text)
    low, high = one.ends
    assert low <= one.x <= high
    assert low < high
    assert np.isfinite(one.values(np.linspace(low, high, 1001))).all()
    assert all(subject.SKETCHES[figure](one) for figure in subject.SKETCHED)


@pytest.mark.parametrize("text", FUNCTIONS)
def test_every_slope_is_that_of_its_two_points_beside_the_trusted_one(text: str) -> None:
    one = lesson(text)
    for row in (slope.values for slope in subject.slopes(one)):
        x, delta = float(str(row["x"])), float(str(row["delta"]))
        start, end = float(one.function(x)), float(one.function(x + delta))
        np.testing.assert_equal(row["slope"], (end - start) / ((x + delta) - x))
        np.testing.assert_equal(row["exact"], dk.exact(text, x).value)
        if row["shown"] != "none":
            # d digits of s 10^e with 10^d <= s 10^e / rounding < 10^(d + 1): half of the last is below 50 roundings.
            rounding = 2.0**-52 * max(abs(start), abs(end), abs(one.values(one.places)).max()) / abs(delta)
            cut = 0.5 * 10.0 ** (1 - subject.MOST_DIGITS) * abs(float(str(row["slope"])))
            assert abs(float(str(row["shown"])) - float(str(row["slope"]))) <= 50.0 * rounding + cut


def test_a_slope_has_the_digits_that_it_is_good_for() -> None:
    one = Subject(function=dk.Function.from_expression("2*x^2"), x=1.0, delta=1e-4)
    assert one.shown(one.numeric(1.0), one.delta) == "4.0002"


@pytest.mark.parametrize("text", FUNCTIONS)
def test_every_figure_has_its_words_and_none_is_left_open(text: str) -> None:
    told = {row.values["figure"]: f"{row.values['title']} {row.values['text']}" for row in subject.retold(lesson(text))}
    drawn = {*subject.SKETCHED, *(figure for figure, _ in subject.calculated(lesson(text))), *subject.MEASURED}
    assert told.keys() == drawn
    assert not [words for words in told.values() if re.search(r"[{}]|\bnan\b|\binf\b", words)]


@pytest.mark.parametrize("text", FUNCTIONS)
def test_the_rules_are_shown_once_each_on_a_part_of_the_function(text: str) -> None:
    *some, whole = subject.parts(lesson(text))
    assert str(whole.expression) == text
    assert len({one.roots[0].rule for one in some}) == len(some)
    pieces = {str(step.piece) for step in whole.roots[0].walk()}
    assert all(str(one.expression) in pieces for one in some)


@pytest.mark.parametrize("text", FUNCTIONS)
def test_the_words_before_a_calculation_are_those_beside_its_lines(text: str) -> None:
    one = lesson(text)
    told = {str(row.values["figure"]): str(row.values["text"]) for row in subject.retold(one)}
    for figure, derivation in subject.calculated(one)[:-1]:
        drawn = {line.reason for line in derivation.lines("full") if line.reason}
        assert set(told[figure].removeprefix("Line by line: ").removesuffix(".").split("; ")) == {
            part for reason in drawn for part in reason.split("; ")
        }


@pytest.mark.parametrize("text", FUNCTIONS)
def test_figures_that_the_rules_of_a_function_leave_out_are_named_before_the_gap(text: str) -> None:
    one = lesson(text)
    told = {str(row.values["figure"]): str(row.values["text"]) for row in subject.retold(one)}
    absent = [int(figure[-2:]) for figure in subject.CALCULATED if figure not in told]
    assert ("left out" in told["figure_09"]) == bool(absent)
    for number in absent[:1] + absent[-1:]:
        assert f" {number} " in told["figure_09"]


@pytest.mark.parametrize(
    ("text", "x", "says"),
    [
        ("x^3-x", 2.0, "; from 1e-16 on x + delta is x, and the result is 0"),
        ("exp(-x)", 0.0, "; from 1e-17 on f(x + delta) is f(x), and the result is 0"),
        ("sin(x)", 0.0, ""),
    ],
)
def test_from_which_delta_on_the_quotient_is_0_and_why(text: str, x: float, says: str) -> None:
    f = dk.Function.from_expression(text)
    assert subject.lost(Subject(function=f, x=x, delta=1e-3)) == says
    if says:
        start = float(says.split()[2])
        assert {float(f(x + delta)) - float(f(x)) for delta in (start, start / 10, 1e-300)} == {0.0}
        assert f(x + 10 * start) != f(x)


def test_a_straight_line_is_said_to_be_one() -> None:
    words = {text: dict(subject.of_curve(lesson(text))) for text in ("2*x", "5", "x^3-x")}
    assert [words[text]["coarse"].startswith("It is a straight line") for text in words] == [True, True, False]


@pytest.mark.parametrize(
    ("text", "x", "delta", "words"),
    [
        ("abs(x)", 0.0, 1e-3, r"x=0: |x| has no derivative there; choose another x"),
        ("sqrt(x)", 0.0, 1e-3, "x=0: √x has no derivative there"),
        ("log(x)", -2.0, 1e-3, "x=-2: log(x) has no values beside it"),
        ("x^2", 1.0, 1e-30, "delta=1e-30: x + delta is x; write a larger one"),
        ("log(1-x)", 0.5, 1.0, "delta=1: log(1 - x) has no value at x + delta; write a smaller one"),
    ],
)
def test_where_the_lesson_cannot_be_told_it_is_refused(text: str, x: float, delta: float, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        config(text, x, delta)


def test_the_numbers_of_straight_lines_stay_those_of_the_chapter() -> None:
    found = gathered(chapter, config("x^3-x", 2.0, 1e-3))
    assert set(found["table"]["id"]) == set(subject.IDS)
    assert found["table"]["equal"].all()
    assert rows(found["slopes"], figure="figure_08")["shown"].tolist() == ["11.006001"]
    assert found["printed"]["line"].tolist()[2] == "slope at 2, delta 0.001: 11.006001; by rules 11"
    assert sorted(set(found["lesson"]["figure"])) == sorted(
        {f"figure_{k:02d}" for k in range(1, 22)} - {"figure_12", "figure_13", "figure_14", "figure_15"}
    )
    assert "2x²" not in "".join(text for text in found["lesson"]["text"])
    assert any("comes out as 11.006001; by rules it is 11" in one for one in found["findings"]["finding"])


def test_what_is_measured_is_of_the_function() -> None:
    found = gathered(chapter, config("x^3-x", 2.0, 1e-3))["measured"]
    central = rows(found, figure="figure_18", quantity="central_2")
    # (2 + d)^3 - (2 - d)^3 = 24 d + 2 d^3: the central difference misses by d^2, exactly while 8 + d^3 has 53 bits.
    exact = central["at"] >= 2.0**-16
    np.testing.assert_array_equal(central["error"][exact], central["at"][exact] ** 2)
    assert math.isclose(rows(found, quantity="divided by delta", at=0.1)["error"][0], 0.61, rel_tol=1e-9)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("x=2",), "x=2: the study's own points are fixed; write 'expression=x^3-x' too"),
        (("delta=1e-3",), "delta=0.001: the chapter's own is fixed; write 'expression=x^3-x' too"),
        (("expression=x^2", "x=[1,2]"), "a lesson is about one function at one x with one delta"),
        (("expression=x^2", "x=1,2"), "its figures show what one job computes; write one value of each key"),
        (("expression=x*y",), "x*y has the variables x, y"),
        (("expression=2x",), "leave the sign out with implicit=True"),
    ],
)
def test_a_mistyped_value_is_answered_in_one_line(
    words: tuple[str, ...], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("LAB_OUTPUTS", str(tmp_path))
    assert run.main(["experiment=chapter", *words]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert line in said


@pytest.mark.slow
def test_a_page_tells_the_lesson(tmp_path: Path) -> None:
    words = ("expression=3x^2-x", "implicit=true", "x=2", "delta=1e-3", "samples=4", "features=2", "repeats=1")
    assert run.main(["experiment=chapter", *words, f"hydra.sweep.dir={tmp_path / 'run'}"]) == 0
    drawn = {path.stem for path in (tmp_path / "run/figures").glob("*.svg")}
    assert {"figure_01", "figure_08", "figure_16", "figure_21"} <= drawn
    assert drawn & set(RETOLD) >= set(subject.SKETCHED)
