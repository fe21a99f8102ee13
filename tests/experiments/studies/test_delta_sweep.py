"""The study of the delta sweep: its rows against the core, its statuses, its summary and its findings."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from studies import plain

import derivkit as dk
from derivkit.grids import logspace
from experiments import answers, shards
from experiments.studies import delta_sweep
from experiments.study import frames, study_in

STUDY = study_in(delta_sweep)
EXP = dk.Function.from_expression("exp(x)", name="exp")


def problem(text: str, *points: float, **more: Any) -> dk.Problem:
    return dk.Problem(dk.Function.from_expression(text, **more), points)


def tables(*problems: dk.Problem, **config: Any) -> dict[str, dict[str, np.ndarray]]:
    return plain(frames(delta_sweep.measure(delta_sweep.Config(function=problems, **config))))


def conclusions(found: dict[str, dict[str, np.ndarray]]) -> dict[str, dict[str, np.ndarray]]:
    chunks = STUDY.conclusions(found)
    return plain(frames(STUDY.tables[name](**columns) for name, columns in chunks))


def concluded(*problems: dk.Problem, **config: Any) -> dict[str, dict[str, np.ndarray]]:
    return conclusions(tables(*problems, **config))


def test_rows_come_in_the_order_function_point_method_delta() -> None:
    table = tables(
        problem("exp(x)", 1.0, 2.0), problem("sin(x)", 0.5), method=("forward_1", "central_2"), delta=(0.1, 0.01)
    )["table"]
    keys = list(zip(table["expression"], table["x"], table["method"], table["delta"], strict=True))
    expected = [
        (text, x, method, delta)
        for text, points in (("exp(x)", (1.0, 2.0)), ("sin(x)", (0.5,)))
        for x in points
        for method in ("forward_1", "central_2")
        for delta in (0.1, 0.01)
    ]
    assert keys == expected


def test_the_deltas_of_one_point_are_cut_where_they_are_many_and_its_rows_are_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = {"method": ("forward_1", "central_2", "central_4"), "delta": logspace(-12, -1, 50).tolist()}
    problems = [problem("exp(x)", 1.0, 2.0), problem("sin(x)", 0.5)]
    whole = tables(*problems, **config)["table"]
    monkeypatch.setattr(shards, "ROWS_PER_CHUNK", 20)
    measured = STUDY.measurements(delta_sweep.Config(function=tuple(problems), **config))
    chunks = [columns for name, columns in measured if name == "table"]
    assert max(len(c["error"]) for c in chunks) == 18
    cut = tables(*problems, **config)["table"]
    order = [np.lexsort([one[key] for key in ("delta", "method", "x", "expression")]) for one in (whole, cut)]
    for name, values in whole.items():
        np.testing.assert_array_equal(cut[name][order[1]], values[order[0]])
    parts = [tables(*problems, **config, shards=7, shard=k)["table"] for k in range(7)]
    for name, values in cut.items():
        np.testing.assert_array_equal(np.concatenate([part[name] for part in parts if name in part]), values)


def test_the_number_of_rows_is_the_number_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "ROWS_PER_CHUNK", 7)
    config = delta_sweep.Config(function=(problem("exp(x)", *np.linspace(0, 1, 11)),), delta=(0.1, 0.01, 0.001))
    chunks = [columns for name, columns in STUDY.measurements(config) if name == "table"]
    assert len(chunks) > 5
    assert sum(len(columns["error"]) for columns in chunks) == config.rows


def test_the_size_of_the_chunks_does_not_change_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    problems = [problem("exp(sin(x))", *np.linspace(0, 3, 40).tolist())]
    delta = tuple(logspace(-12, 0, 13).tolist())
    whole = tables(*problems, delta=delta)["table"]
    monkeypatch.setattr(shards, "ROWS_PER_CHUNK", 100)
    cut = tables(*problems, delta=delta)["table"]
    for name, values in whole.items():
        np.testing.assert_array_equal(values, cut[name])


def test_a_row_says_what_the_core_says() -> None:
    table = tables(dk.Problem(EXP, (1.0,)), method=("central_4",), delta=(1e-2,), derivative=2)["table"]
    estimate = dk.difference(np.exp, 1.0, 1e-2, formula="central_4", derivative=2)
    (prediction,) = dk.predict_error(EXP, 1.0, 1e-2, formulas=[dk.formula("central_4", 2)])
    assert table["estimate"][0] == estimate
    assert table["exact"][0] == math.e
    assert table["error"][0] == abs(estimate - math.e)
    assert table["truncation"][0] == prediction.truncation
    assert table["rounding"][0] == prediction.rounding
    assert (table["bound"][0], table["status"][0], table["evaluations"][0]) == ("proved", "ok", 5)


def raising(v: float) -> float:
    if v > 1.0:
        raise RuntimeError
    return v


@pytest.mark.parametrize(
    ("function", "x", "delta", "status"),
    [
        (EXP, 1.0, 1e-3, "ok"),
        (EXP, 1.0, 1e-17, "step_vanished"),
        (dk.Function.from_expression("log(x)", domain=(0.5, 2.0)), 1.9, 0.2, "outside_domain"),
        (dk.Function.from_expression("log(x)"), 0.1, 0.2, "not_finite"),
        (dk.Function.from_callable(raising, name="raising", expression="x"), 1.0, 0.2, "not_finite"),
        (dk.Function.from_expression("abs(x)"), 0.0, 0.2, "no_exact"),
        (dk.Function.from_callable(abs, name="abs"), 0.0, 0.2, "no_exact"),
        (dk.Function.from_callable(math.sin, name="math:sin"), 1.0, 0.2, "ok"),
        (dk.Function.from_callable(lambda x: 2.0 * x, name="double"), 1.0, 0.25, "below_bar"),
    ],
)
def test_a_spoiled_row_says_why(function: dk.Function, x: float, delta: float, status: str) -> None:
    table = tables(dk.Problem(function, (x,)), method=("central_2",), delta=(delta, 1e-3))["table"]
    assert table["status"][0] == status
    assert math.isnan(table["error"][0]) == (status != "ok")
    assert math.isnan(table["estimate"][0]) == (status not in {"ok", "no_exact", "below_bar"})


def test_why_there_is_no_estimate_is_told_in_words() -> None:
    found = concluded(dk.Problem(EXP, (1.0,)), method=("central_2",), delta=(1e-17, 1e-18))["findings"]["finding"]
    assert any("two points of the formula are the same number (2 rows)." in text for text in found)
    assert not any("step_vanished" in text for text in found)


def test_the_summary_names_the_smallest_error_and_the_errors_asked_for() -> None:
    delta = (1e-2, 1e-5, 1e-9)
    found = concluded(dk.Problem(EXP, (1.0,)), method=("forward_1",), delta=delta)["summary"]
    errors = [abs(dk.difference(np.exp, 1.0, h, formula="forward_1") - math.e) for h in delta]
    assert found["best_delta"][0] == delta[int(np.argmin(errors))]
    assert found["typical_error"][0] == min(errors)
    estimates = ("2.731918655787", "2.71829542", "2.71828182")
    cells = zip(delta, estimates, errors, strict=True)
    assert found["estimates"][0] == ", ".join(f"{h:g}: {estimate} (error {e:.3g})" for h, estimate, e in cells)


def test_of_one_delta_none_is_best_and_no_error_is_typical() -> None:
    found = concluded(problem("x^3-x", 2.0), method=("forward_1", "central_2"), delta=(1e-4,))["summary"]
    assert np.isnan([found["best_delta"], found["typical_error"]]).all()
    told = [text.partition(" (error ")[0] for text in found["estimates"]]
    assert told == ["0.0001: 11.00060001", "0.0001: 11.00000001"]
    assert np.isfinite(found["predicted_delta"]).all()


@pytest.mark.parametrize(("text", "x", "told"), [("sin(x)", 0.0, False), ("x^2", 0.0, False), ("sin(x)", 1.0, True)])
def test_a_delta_below_which_rounding_does_not_grow_is_not_said_to_be_the_best(
    text: str, x: float, *, told: bool
) -> None:
    delta = tuple(logspace(-16, 0, 33).tolist())
    summary = concluded(problem(text, x), method=("forward_1", "central_2", "central_4"), delta=delta)["summary"]
    assert np.isfinite(summary["predicted_delta"]).tolist() == [told] * 3
    assert np.isfinite(summary["predicted_error"]).all()


@pytest.mark.parametrize("count", [17, 129, 2000])
@pytest.mark.parametrize(("text", "x"), [("sin(x)", 0.7), ("exp(x)", 1.0), ("tanh(x)", 0.7), ("log(x)", 2.3)])
def test_the_best_delta_lies_where_it_is_predicted_and_not_at_the_luckiest_zero_crossing(
    text: str, x: float, count: int
) -> None:
    delta = tuple(logspace(-16, 0, count).tolist())
    summary = concluded(problem(text, x), method=("forward_1", "central_2", "central_4"), delta=delta)["summary"]
    share = summary["best_delta"] / summary["predicted_delta"]
    assert np.all((share > 0.05) & (share < 20.0))
    assert np.all(summary["typical_error"] > 0.005 * summary["predicted_error"])


def test_a_lucky_hit_is_told_as_luck() -> None:
    rows = tables(problem("sin(x)", 0.7), method=("forward_1",), delta=tuple(logspace(-16, 0, 129).tolist()))
    hit = int(np.argmin(np.abs(rows["table"]["delta"] - 1e-12)))
    rows["table"]["error"] = np.where(np.arange(129) == hit, 1e-16, rows["table"]["error"])
    (finding,) = [f for f in conclusions(rows)["findings"]["finding"] if "came closest" in f]
    assert finding.startswith("sin(x) at x = 0.7: forward_1 came closest, with an error of 3.3e-09 at delta = 1e-08. ")
    assert " The error of 1e-16 of forward_1 at delta = 1e-12 is luck: " in finding
    assert " is typical there." in finding


@pytest.mark.parametrize(
    ("text", "x", "delta", "says"),
    [
        (
            "x^2",
            1.0,
            (2.0**-4, 2.0**-8),
            "central_2 and central_4 came equally close, with an error of exactly 0 at every delta",
        ),
        (
            "x^2",
            1.0,
            (2.0**-4,),
            "central_2 and central_4 came equally close, with an error of exactly 0 at delta = 0.062",
        ),
        ("x^2", 3.0, (1e-4, 1e-8), "central_2 came closest, with an error of exactly 0 at every delta"),
        ("exp(x)", 1.0, (1e-4, 1e-8), "central_4 came closest, with an error of 1.6e-12 at delta = 0.0001"),
    ],
)
def test_ties_are_told_as_ties(text: str, x: float, delta: tuple[float, ...], says: str) -> None:
    found = concluded(problem(text, x), method=("forward_1", "central_2", "central_4"), delta=delta)
    assert f": {says}." in found["findings"]["finding"][0]
    best = dict(zip(found["summary"]["method"], found["summary"]["best_delta"], strict=True))
    assert len(delta) == 1 or best["central_2"] == max(delta)


EVERY = tuple(logspace(-16, 0, 129).tolist())


@pytest.mark.parametrize(
    ("text", "x", "says"),
    [
        ("2*x^2", 1.0, "forward_1 came closest, with an error of exactly 0 at delta = 5.6e-09."),
        ("2*x^2", 1.0, "down to 1.3e-16 the error is exactly 0, though rounding up to 4 is allowed for"),
        ("2*x^2", 1.0, "By prediction the two balance near delta = 2.4e-08,"),
        ("sin(x)", 0.0, "By prediction the two never balance here: the least error, at most 1.4e-15,"),
        ("x^2", 0.0, "By prediction the two never balance here: the least error, at most 1e-20,"),
    ],
)
def test_what_rounding_does_not_do_is_not_told(text: str, x: float, says: str) -> None:
    findings = concluded(problem(text, x), method=("forward_1",), delta=EVERY)["findings"]["finding"]
    assert any(says in finding for finding in findings)
    assert not any("luck" in finding for finding in findings)


def test_a_prediction_that_explains_nothing_is_left_out() -> None:
    findings = concluded(problem("sqrt(x)", 1e-9), method=("forward_1",), delta=EVERY)["findings"]["finding"]
    (far,) = [finding for finding in findings if "with delta = 1: " in finding]
    assert far.endswith("No prediction holds for so long a step, over which a derivative of f grows too large.")
    assert any("Predicted are truncation " in finding for finding in findings)


def test_where_no_digit_is_right_that_is_said() -> None:
    for text, x, wrong in (("tanh(x)", 20.0, True), ("tanh(x)", 1.0, False), ("x^2", 0.0, False)):
        (finding, *_) = concluded(problem(text, x), method=("forward_1",), delta=EVERY)["findings"]["finding"]
        assert (": no digit is right." in finding) == wrong


def test_what_is_told_as_far_from_theory_differs_in_the_digits_shown() -> None:
    for text in ("exp(x)", "sin(x)", "x^3"):
        findings = concluded(problem(text, 1.0), method=("central_2", "central_4"), delta=EVERY)["findings"]["finding"]
        for finding in findings:
            for seen, theory in re.findall(r"from theory: (\S+) against (\S+) for", finding):
                assert seen != f"{float(theory):.2f}"


def bent(x: float) -> float:
    return math.sin(x) + abs(x - 0.5)


def test_without_a_derivative_the_summary_tells_estimates() -> None:
    unknown = dk.Problem(dk.Function.from_callable(bent, name="mine"), (0.5,))
    few = concluded(unknown, method=("forward_1",), delta=(1e-2, 1e-5))["summary"]["estimates"][0]
    found = [dk.difference(bent, 0.5, h, formula="forward_1") for h in (1e-2, 1e-5)]
    assert few == f"0.01: {found[0]:.9g}, 1e-05: {found[1]:.9g}"
    # Of a grid that at the delta nearest to eps^(1/2) and eps^(1/3), 1.5e-8 and 6.1e-6.
    grid = tuple(logspace(-12, -1, 12).tolist())
    many = concluded(unknown, method=("forward_1", "central_2"), delta=grid)["summary"]["estimates"]
    assert [cell.partition(": ")[0] for cell in many] == ["1e-08", "1e-05"]
    assert concluded(dk.Problem(EXP, (1.0,)), delta=grid)["summary"]["estimates"].tolist() == ["", ""]


def test_the_errors_of_a_black_box_show_the_v_and_are_told_to_be_below_the_bar() -> None:
    grid = tuple(logspace(-12, -1, 45).tolist())
    box = dk.Problem(dk.Function.from_callable(math.exp, name="mine"), (1.0,))
    rows = list(answers.answers(delta_sweep.Config(function=(box,), delta=grid), typed=True, named=False))
    config = {"method": ("forward_1", "central_4"), "delta": grid}
    black = conclusions({**tables(box, **config), **plain(frames(rows))})
    known = concluded(dk.Problem(EXP, (1.0,)), **config)
    assert black["summary"]["best_delta"][0] == known["summary"]["best_delta"][0]
    assert black["summary"]["typical_error"][1] <= 4.0 * known["summary"]["typical_error"][1]


def test_an_error_below_the_bar_is_told_to_be() -> None:
    config = delta_sweep.Config(
        function=(dk.Problem(dk.Function.from_callable(lambda x: 2.0 * x, name="double"), (1.0,)),), delta=(0.25, 0.5)
    )
    measured = [*delta_sweep.measure(config), *answers.answers(config, typed=True, named=False)]
    found = conclusions(plain(frames(measured)))
    assert found["summary"]["estimates"][0].startswith("0.25: 2 (error below ")
    assert any(", the bar of dk.derivative, at " in s for s in found["findings"]["finding"])


def test_what_f_raises_is_noted_with_its_words_its_first_point_and_how_often() -> None:
    def f(x: float) -> float:
        if x < 1.0:
            raise ValueError(f"no luck\nwith {x}")
        return 1.0 / (x - 1.0)

    mine = dk.Problem(dk.Function.from_callable(f, name="mine"), (1.0,))
    found = concluded(mine, method=("central_2", "forward_1"), delta=(0.5, 0.25))
    assert found["notes"]["note"].tolist() == [
        "mine raised ValueError: no luck with 0.5 at x = 0.5, and 1 more time",
        "mine raised ZeroDivisionError: float division by zero at x = 1.0",
    ]


@pytest.mark.parametrize(
    ("call", "note"),
    [
        (lambda x: [x, x**2], "mine raised TypeError: f gives 2 numbers where one is wanted; "),
        (lambda x: None, "mine raised TypeError: f gives None; is a return missing? at x = "),
        (lambda x: str(x), "mine raised TypeError: f gives the text '0.75'; "),  # noqa: PLW0108 -- of any argument
        (lambda x, y: x, "missing 1 required positional argument: 'y' at x = "),
    ],
)
def test_what_f_gives_that_is_no_number_is_noted_too(call: Any, note: str) -> None:
    mine = dk.Problem(dk.Function.from_callable(call, name="mine"), (1.0,))
    assert note in concluded(mine, method=("central_2",), delta=(0.25,))["notes"]["note"][0]


def test_nothing_is_noted_of_a_function_that_raises_nothing_or_only_refuses_arrays() -> None:
    for call in (math.exp, np.exp, lambda x: np.sqrt(x - 2.0)):
        found = tables(dk.Problem(dk.Function.from_callable(call, name="mine"), (1.0,)))
        assert "raised" not in found
        assert "notes" not in conclusions(found)


def test_the_law_is_fitted_to_a_grid_and_stands_beside_theory() -> None:
    delta = tuple(logspace(-16, 0, 65).tolist())
    law = concluded(dk.Problem(EXP, (1.0,)), method=("forward_1", "central_4"), delta=delta)["law"]
    assert law["order"].tolist() == [1.0, 4.0]
    np.testing.assert_allclose(law["order_observed"], [1.0, 4.0], atol=0.05)
    np.testing.assert_allclose(law["growth_observed"], [1.0, 1.0], atol=0.15)


def test_findings_say_which_part_of_the_error_reigns() -> None:
    findings = concluded(dk.Problem(EXP, (1.0,)), method=("forward_1",), delta=(1e-2, 1e-12))["findings"]["finding"]
    assert any("delta = 0.01" in s and "truncation rules" in s for s in findings)
    assert any("delta = 1e-12" in s and "rounding rules" in s for s in findings)
    assert any("By prediction the two balance near delta = 4.2e-08, where the error is at most" in s for s in findings)
    assert any("a proved bound of 2 errors; it is exceeded by none." in s for s in findings)


def test_a_broken_bound_is_not_passed_over_in_silence() -> None:
    found = tables(dk.Problem(EXP, (1.0,)), method=("forward_1",), delta=(1e-2,))
    found["table"]["error"] = found["table"]["truncation"] * 3
    sentences = conclusions(found)["findings"]["finding"]
    assert any("a proved bound of 1 error; it is exceeded by 1: f is not what" in s for s in sentences)


def test_where_no_derivative_exists_the_findings_say_so() -> None:
    sentences = concluded(problem("abs(x)", 0.0), delta=(1e-2,))["findings"]["finding"]
    assert any("there is no derivative, or none is known" in s for s in sentences)


def test_curves_show_the_first_point_of_every_function_before_a_second() -> None:
    curves = tables(problem("exp(x)", 1.0, 2.0), problem("sin(x)", 1.0, 2.0))["curves"]
    drawn = set(zip(curves["function"], curves["x"], strict=True))
    assert drawn == {("exp(x)", 1.0), ("sin(x)", 1.0), ("exp(x)", 2.0)}


def test_secants_go_through_the_point_and_its_neighbour() -> None:
    curves = tables(problem("x^2", 1.0), delta=(1.0, 0.5))["curves"]
    for delta in (1.0, 0.5):
        ends = curves["line"] == f"secant, delta = {delta:.3g}"
        (t0, t1), (y0, y1) = curves["t"][ends], curves["y"][ends]
        assert (y1 - y0) / (t1 - t0) == pytest.approx(2.0 + delta, rel=1e-12)
        assert y0 + (1.0 - t0) * (2.0 + delta) == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"method": ("central_5",)}, "no formula named 'central_5'"),
        ({"method": ()}, "at least one"),
        ({"derivative": 7}, "has no row for derivative 7"),
    ],
)
def test_a_config_that_cannot_run_is_refused(config: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        delta_sweep.Config(function=(problem("x", 1.0),), **config)


def test_the_line_of_a_formula_of_two_points_goes_through_both_and_has_the_estimated_slope() -> None:
    secants = tables(problem("exp(x)", 1.0), method=("forward_1", "central_2", "central_4"))["secants"]
    for method in ("forward_1", "central_2", "central_4"):
        rows = {name: values[secants["method"] == method] for name, values in secants.items()}
        far = (rows["status"] == "ok") & (rows["delta"] > 1e-3)
        ends = [rows[f"{side}_value"][far] for side in ("left", "right")]
        line = [
            rows["height"][far] + rows["estimate"][far] * (rows[side][far] - rows["through"][far])
            for side in ("left", "right")
        ]
        met = np.allclose(line, ends, rtol=1e-12, atol=0.0)
        assert met == (method != "central_4")
        if method == "central_4":
            assert np.all(rows["through"] == 1.0)
            assert np.all(rows["height"] == math.e)


def test_the_lines_of_the_sweep_of_129_have_its_errors_to_the_bit() -> None:
    grid = tuple(logspace(-16, 0, 129).tolist())
    found = tables(problem("sin(x)", 1.0), method=("forward_1",), delta=grid)
    for name in ("delta", "estimate", "error"):
        assert np.array_equal(found["secants"][name], found["table"][name], equal_nan=True)


def test_however_few_deltas_are_asked_for_the_lines_run_over_the_whole_ladder_but_of_a_black_box() -> None:
    assert np.unique(tables(problem("exp(x)", 1.0), delta=(1e-4,))["secants"]["delta"]).size == 129
    box = dk.Problem(dk.Function.from_callable(np.exp, name="box"), (1.0,))
    assert np.unique(tables(box, delta=(1e-4, 1e-2))["secants"]["delta"]).tolist() == [1e-4, 1e-2]
    assert "secants" not in tables(problem("exp(x)", 1.0), derivative=2)


def test_below_the_least_error_rounding_takes_over_and_the_sentence_says_so() -> None:
    turning = concluded(problem("exp(x)", 1.0), method=("forward_1",))["turning"]
    assert turning["rounding"].tolist() == [True]
    assert turning["smallest_delta_error"][0] > 1e3 * turning["error"][0]
    sentence = turning["sentence"][0]
    assert sentence.startswith("exp(x) at x = 1, forward_1: from delta = 1 to ")
    assert "Below that rounding takes over: at delta = " in sentence


def test_where_the_error_does_not_grow_back_the_sentence_does_not_say_so() -> None:
    turning = concluded(problem("x", 0.0), method=("central_2",))["turning"]
    assert turning["rounding"].tolist() == [False]
    assert "the error is exactly 0 with every delta." in turning["sentence"][0]


def test_a_line_without_an_estimate_says_why_in_words() -> None:
    secants = tables(problem("log(x)", 0.5, domain=(0.0, math.inf)), method=("central_2",), delta=(1.0,))["secants"]
    status = dict(zip(secants["delta"].tolist(), secants["status"].tolist(), strict=True))
    assert status[1.0] == "a point of the formula lies outside the domain of f"
    assert status[1e-16] == "ok"
