"""The study of which delta: its advice against theory, the error made there, and what it refuses to advise."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import quick

import derivkit as dk
from experiments.studies import which_delta as study
from experiments.studies.which_delta import Advice, Answers, Config, Plateau, Table, Windows
from experiments.studies.which_delta.sentences import beside_best
from experiments.study import Tables, frames

PROOF = ("forward_1", "central_2", "central_4")
PRECISIONS = ("float16", "float32", "float64")


def problem(text: str, *points: float, **more: Any) -> dk.Problem:
    return dk.Problem(dk.Function.from_expression(text, **more), points)


def tables(*problems: dk.Problem, **config: Any) -> Tables:
    """What a run computes and concludes."""
    gathered = Tables({})
    gathered.update(frames(study.measure(Config(function=problems, **{"deltas": 25, **config}))))
    gathered.update(frames(study.conclude(gathered)))
    return gathered


def findings(*problems: dk.Problem, **config: Any) -> list[str]:
    return list(study.tell(tables(*problems, **config)))


@pytest.mark.parametrize("text", ["exp(x)", "sin(x)", "log(x)", "1/x", "tanh(x)", "x^3 - x"])
def test_the_regret_is_what_theory_allows(text: str) -> None:
    """As E(c h*) / E(h*) = (c^p + p / c) / (1 + p), a delta too large by a factor of 3 loses less than 3^p."""
    advice = tables(problem(text, 1.3), method=PROOF, precision=PRECISIONS)[Advice]
    orders = np.array([dk.formula(name).order for name in advice["method"]])
    assert np.all(np.isfinite(advice["times_best"]))
    assert np.all(advice["times_best"] <= 3.0**orders)
    assert np.median(advice["times_best"]) < 2.0


def test_the_error_that_is_expected_is_made() -> None:
    """The typical error lies between a tenth of what was expected and three times of it, for every smooth function."""
    problems = [problem(text, 1.3) for text in ("exp(x)", "sin(x)", "log(x)", "tanh(x)")]
    advice = tables(*problems, method=PROOF, precision=PRECISIONS)[Advice]
    ratio = advice["typical"] / advice["expected"]
    assert np.all(ratio < 3.0)
    assert np.all(ratio > 0.1)


def test_noise_of_the_function_itself_decides_in_every_precision_that_is_finer() -> None:
    f = dk.Function.from_black_box("sin_noise", expression="sin(x)")
    advice = tables(dk.Problem(f, (1.3,)), method=("central_2",), precision=PRECISIONS)[Advice]
    by_type = dict(zip(advice["precision"], advice["delta"], strict=True))
    # noise of 1e-8 / sqrt(3) |sin| in float64; in float16 its own rounding is 10^5 times as large
    third = math.cbrt(3.0 * 1e-8 / math.sqrt(6.0) * abs(math.sin(1.3) / math.cos(1.3)))
    assert third / 2 < by_type["float64"] < 2 * third
    assert by_type["float64"] < by_type["float16"]


def test_of_a_function_that_is_code_errors_below_the_bar_are_not_claimed() -> None:
    found = tables(dk.Problem(dk.Function.from_callable(math.exp, name="math:exp"), (1.0,)), deltas=129, method=PROOF)
    table, answers = found[Table], found[Answers]
    assert np.all(table["trusted"][table["precision"] == "float64"] == answers["value"][0])
    assert math.isnan(answers["exact"][0])
    claimed = table["error"][table["precision"] == "float64"]
    assert np.nanmin(claimed) > answers["bar"][0]
    truth = np.abs(table["estimate"] - math.e)[table["precision"] == "float64"]
    known = ~np.isnan(claimed)
    assert np.all(np.abs(truth - claimed)[known] <= answers["bar"][0] + 1e-15)


@pytest.mark.parametrize(
    ("text", "x", "status", "says"),
    [
        ("abs(x)", 0.0, "kink", "the slope of neither"),
        ("floor(x)", 1.0, "jump", "the steeper the line across the jump"),
        ("cbrt(x)", 0.0, "vertical", "grow without end"),
        ("log(x)", 0.0, "not_finite", "no point of the graph"),
    ],
)
def test_where_no_delta_helps_that_is_said_and_why(text: str, x: float, status: str, says: str) -> None:
    found = tables(problem(text, x))
    assert found[Answers]["status"].tolist() == [status]
    assert np.all(np.isnan(found[Advice]["delta"]))
    (sentence,) = study.tell(found)
    assert "no delta helps" in sentence
    assert says in sentence
    assert "take" not in sentence


def test_what_f_raised_is_why_no_delta_helps() -> None:
    mine = dk.Problem(dk.Function.from_callable(lambda x, y: x, name="mine"), (1.0,))
    for note in tables(mine)[Advice]["note"]:
        assert str(note).startswith("no delta helps: not_finite: TypeError: ")
        assert "missing 1 required positional argument: 'y'" in str(note)


def test_a_precision_that_does_not_hold_the_point_says_so() -> None:
    found = tables(problem("sin(x)", 1e6), precision=("float16", "float64"))
    advice = found[Advice]
    half = advice["precision"] == "float16"
    assert np.all(np.isnan(advice["delta"][half]))
    assert set(advice["note"][half]) == {"this precision does not hold the point"}
    assert np.all(np.isfinite(advice["delta"][~half]))


def test_at_the_end_of_the_domain_a_central_formula_is_not_recommended() -> None:
    asked: list[float] = []

    def f(v: float) -> float:
        asked.append(float(v))
        return math.exp(v)

    function = dk.Function.from_callable(f, name="exp", domain=(0.0, 2.0))
    advice = tables(dk.Problem(function, (0.0,)), precision=("float64",))[Advice]
    usable = dict(zip(advice["method"], np.isfinite(advice["delta"]), strict=True))
    assert usable == {"forward_1": True, "central_2": False}
    assert min(asked) >= 0.0


def test_the_window_that_was_used_is_shown_with_its_plateau() -> None:
    found = tables(problem("exp(x)", 1.0))
    windows, plateau = found[Windows], found[Plateau]
    resolved = windows["quantity"] == "error bar"
    made = windows["quantity"] == "true error"
    for reach in windows["reach"][resolved]:
        error, bar = windows["error"][made & (windows["reach"] == reach)], windows["error"][windows["reach"] == reach]
        assert np.all(error <= bar.iloc[0])
    used = plateau["window"].str.startswith("the window chosen") & (plateau["line"] == "noise")
    answers = found[Answers]
    level = math.log10(float(answers["noise"][0]) / math.e)
    assert np.all(plateau["size"][used] < level + math.log10(8.0))


def test_the_number_of_rows_is_the_number_promised_even_where_nothing_can_be_had() -> None:
    problems = (problem("sin(x)", 1e6, 1.0), problem("abs(x)", 0.0))
    config = Config(function=problems, method=PROOF, precision=PRECISIONS, deltas=11)
    found = tables(*problems, method=PROOF, precision=PRECISIONS, deltas=11)
    assert len(found[Table]["delta"]) == config.rows == 3 * 3 * 3 * 11


def test_the_answer_is_said_in_words() -> None:
    sentences = findings(problem("exp(x)", 1.0), method=("central_2",), precision=("float64",), deltas=65)
    assert sentences[0].startswith("exp(x) at x = 1 in float64: take delta = ")
    assert "with central_2. Expect an error of " in sentences[0]
    assert sentences[1].startswith("exp(x) at x = 1: dk.derivative needs no delta. From 13 values of f it gives 2.718")
    assert re.search(r", and its true error, \S+, is within that\.", sentences[1])
    assert re.match(
        r"The recommended delta (is as good as the best delta of the grid|typically errs \S+ times as much as the best "
        r"one) \(",
        sentences[3],
    )


def test_what_errs_as_much_as_the_best_delta_is_not_said_to_err_1_times_as_much() -> None:
    assert [beside_best(ratio) for ratio in (3.2, 1.02)] == [
        "typically errs 3.2 times as much as the best one",
        "is as good as the best delta of the grid",
    ]


@pytest.mark.parametrize(
    ("text", "x"), [("sin(x)", 1.0), ("x^2", 0.0), ("x^3", 0.0), ("sin(x)", 0.0), ("5", 1.0), ("exp(x)", 1.0)]
)
def test_no_recommendation_is_better_than_the_best_and_the_table_shows_what_is_compared(text: str, x: float) -> None:
    found = tables(problem(text, x), method=PROOF, precision=PRECISIONS, deltas=65)
    advice = found[Advice].dropna(subset="times_best")
    assert np.all(advice["times_best"] >= 1.0)
    told = advice["best_typical"] > [np.finfo(name).eps for name in advice["precision"]]
    np.testing.assert_allclose(
        advice["times_best"][told], (advice["typical"] / advice["best_typical"])[told], rtol=1e-12
    )
    assert {"typical", "best_typical", "times_best"} <= set(found[study.Summary].columns)
    for sentence in study.tell(found):
        assert not re.search(r"\b0\.\d+ times as much", sentence)
        for times in re.findall(r"([\d.e+]+) times the one that theory", sentence):
            assert 0.01 < float(times) < 100.0


@pytest.mark.parametrize("text", ["5", "0*x"])
def test_where_every_delta_is_exactly_right_that_is_all_that_is_said(text: str) -> None:
    sentences = findings(problem(text, 1.0), method=PROOF, precision=PRECISIONS)
    assert sentences[0] == (
        f"{text} at x = 1: every delta of the grid gives the exact derivative with every formula, so that none is to "
        "be preferred."
    )
    assert not any("take delta" in sentence or "the noise of f" in sentence for sentence in sentences)
    assert not any("too small to be told from 0" in sentence for sentence in sentences)


@pytest.mark.parametrize(("text", "x"), [("x^2", 0.0), ("x^3", 0.0), ("sin(x)", 1.0), ("exp(x)", 1.0)])
def test_a_small_window_is_said_to_suffer_from_noise_only_where_its_bar_is_larger(text: str, x: float) -> None:
    found = tables(problem(text, x), precision=("float64",))
    for sentence in study.tell(found):
        for bar in re.findall(r"alone would give an error bar of ([\d.e-]+[\d])", sentence):
            assert float(bar) > found[Answers]["bar"][0]
        assert ".." not in sentence
        assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"function": ()}, "function=[]: at least one is needed"),
        ({"method": ("central_5",)}, "no formula named 'central_5'"),
        ({"precision": ("float8",)}, "precision=float8: there are float16, float32, float64"),
        ({"deltas": 3}, "deltas=3: a sweep needs at least 9; write deltas=129"),
    ],
)
def test_a_bad_configuration_is_refused_in_one_line(config: Any, says: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        Config(**{"function": (problem("x", 1.0),), **config})
    assert says in str(caught.value)


def test_values_of_any_size_are_served_and_those_that_a_precision_does_not_hold_are_told() -> None:
    for text in ("1e300*exp(x)", "1e-300*exp(x)"):
        advice = tables(problem(text, 1.0), method=("central_2",), precision=("float32", "float64"))[Advice]
        plain = tables(problem("exp(x)", 1.0), method=("central_2",), precision=("float64",))[Advice]
        assert advice["delta"][1] == pytest.approx(plain["delta"][0], rel=0.5)
        assert advice["times_best"][1] < 3.0
        assert math.isnan(advice["delta"][0]) or advice["expected"][0] > 0.5 * 1e-300 * math.e


def test_what_no_value_on_the_ladder_shows_is_seen_as_a_missed_expectation() -> None:
    ripple = problem("sin(x)+sin(10000000000*x)/10000000000000", 1.0)
    assert any("as large as expected in" in sentence for sentence in findings(ripple, precision=("float64",)))
    assert not any("as large as expected in" in sentence for sentence in findings(problem("sin(x)", 1.0)))


# Functions whose calls may be dear


class Dear:
    """A function that counts the values it is asked for."""

    def __init__(self, f: Callable[[Any], Any]) -> None:
        self.f, self.values = f, 0

    def __call__(self, x: Any) -> Any:
        self.values += np.size(x)
        return self.f(x)


def dear(f: Callable[[Any], Any], *points: float) -> tuple[Dear, dk.Problem]:
    counted = Dear(f)
    return counted, dk.Problem(dk.Function.from_callable(counted, name="box"), points)


BOXES: dict[str, tuple[Callable[[Any], Any], float]] = {
    "smooth": (math.sin, 1.0),
    "of arrays": (np.exp, 0.3),
    "kink": (abs, 0.0),
    "jump": (math.floor, 1.0),
    "vertical": (math.sqrt, 0.0),
    "constant": (lambda _: 1.0, 0.3),
    "noisy": (lambda x: math.sin(x) + 1e-6 * math.sin(1e9 * x), 1.0),
    "without a scale": (lambda x: hash(x) % 1000 / 1000.0, 0.3),
    "fails": (lambda x: math.log(x - 1.0), 0.3),
    "of all its arguments": (lambda x: x / np.sum(np.exp(x)), 0.3),
}


@pytest.mark.parametrize("precision", [(), PRECISIONS], ids=["as it comes", "all precisions"])
@pytest.mark.parametrize("name", quick.part(BOXES))
def test_a_black_box_is_called_no_more_often_than_is_said_before(name: str, precision: tuple[str, ...]) -> None:
    f, x = BOXES[name]
    counted, box = dear(f, x)
    config = Config(function=(box,), method=PROOF, precision=precision, deltas=129)
    found = tables(*config.function, method=config.method, precision=config.precision, deltas=config.deltas)
    assert 12 < counted.values <= config.calls[0].most == 400 * max(1, len(precision))
    assert set(found[Table]["precision"]) == {"float64", *precision}
    assert len(found[Table]["x"]) == config.rows
    assert list(study.tell(found))


def test_the_advice_for_a_black_box_is_that_for_the_same_expression() -> None:
    _, box = dear(math.exp, 1.3)
    mine, known = (
        tables(one, method=PROOF, precision=("float64",), deltas=129)[Advice] for one in (box, problem("exp(x)", 1.3))
    )
    np.testing.assert_allclose(mine["delta"], known["delta"], rtol=0.25)
    assert np.all(mine["times_best"] < 3.0 ** np.array([1, 2, 4]))
    assert np.all(mine["measured"][:2] < 3.0 * mine["expected"][:2])


def test_more_calls_make_a_finer_sweep_and_too_few_are_refused_with_the_number_that_is_enough() -> None:
    counted, box = dear(math.exp, 1.3)
    many, few = (Config(function=(box,), method=PROOF, deltas=129, budget=calls) for calls in (2000, 200))
    assert many.deltas_of(box.function) == 129 > few.deltas_of(box.function) >= 9
    with pytest.raises(ValueError, match=r"budget=100: too few calls of box .*; write budget=\d+$") as told:
        Config(function=(box,), method=PROOF, budget=100)
    enough = int(re.findall(r"write budget=(\d+)", str(told.value))[0])
    tables(box, method=PROOF, budget=enough, deltas=41)
    assert counted.values <= enough


def test_expressions_and_the_functions_of_the_lab_are_swept_as_finely_as_ever_in_all_precisions() -> None:
    f = dk.Function.from_black_box("sin_noise", expression="sin(x)")
    config = Config(function=(problem("exp(x)", 1.0), dk.Problem(f, (1.0,))), deltas=129)
    assert config.calls == []
    assert config.rows == 2 * 2 * 3 * 129
