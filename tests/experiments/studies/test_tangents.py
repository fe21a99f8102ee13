"""The study of tangents: slope and intercept against the chapter's own arithmetic, and what is seen on either side."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

import derivkit as dk
from experiments import figures
from experiments.studies import tangents
from experiments.study import Frame, Rows, Tables, frames

EXP = dk.Function.from_expression("exp(x)", name="exp")


def problem(text: str, *points: float, **more: Any) -> dk.Problem:
    return dk.Problem(dk.Function.from_expression(text, **more), points)


def frames_of(*problems: dk.Problem, **config: Any) -> dict[type[Rows], Frame]:
    """The frame of every table that a run yields."""
    return frames(tangents.measure(tangents.Config(function=problems, **config)))


def tables(*problems: dk.Problem, **config: Any) -> dict[str, Frame]:
    """The same by the names of the tables."""
    return {str(table.table): frame for table, frame in frames_of(*problems, **config).items()}


def test_the_tangents_of_the_chapter_are_reproduced_to_the_bit() -> None:
    table = tables(problem("2*x^2", 0.0, 1.0, 2.0, 3.0, 4.0), delta=(0.0001,))["table"]
    assert table["slope"].tolist() == [
        0.00019999999999999998,
        4.0001999999987845,
        8.000199999998785,
        12.000199999998785,
        16.000200000016548,
    ]
    assert table["intercept"].tolist() == [
        0.0,
        -2.0001999999987845,
        -8.00039999999757,
        -18.000599999996357,
        -32.00080000006619,
    ]
    assert table["exact_slope"].tolist() == [0.0, 4.0, 8.0, 12.0, 16.0]
    assert table["exact_intercept"].tolist() == [0.0, -2.0, -8.0, -18.0, -32.0]
    assert table["slope_error"].tolist() == np.abs(table["slope"] - table["exact_slope"]).tolist()


def test_the_number_of_rows_is_the_number_promised() -> None:
    problems = (problem("exp(x)", 0.0, 1.0, 2.0), problem("sin(x)", 1.0))
    config = tangents.Config(function=problems, delta=(0.1, 0.01))
    assert len(tables(*problems, delta=(0.1, 0.01))["table"]["slope"]) == config.rows == 8


@pytest.mark.parametrize(
    ("function", "x", "delta", "status"),
    [
        (EXP, 1.0, 0.1, "ok"),
        (EXP, 1.0, 1e-17, "step_vanished"),
        (dk.Function.from_expression("sqrt(x)", domain=(0.0, 1.0)), 1.0, 0.1, "not_finite"),
        (dk.Function.from_expression("log(x)"), 0.0, 0.1, "not_finite"),
        (dk.Function.from_expression("abs(x)"), 0.0, 0.1, "no_exact"),
        (dk.Function.from_callable(math.exp, name="math:exp"), 1.0, 0.1, "ok"),
        (dk.Function.from_callable(lambda x: 2.0 * x, name="double"), 1.0, 0.25, "below_bar"),
        (dk.Function.from_callable(abs, name="abs"), 0.0, 0.1, "no_exact"),
    ],
)
def test_a_row_without_a_line_or_an_error_says_why(function: dk.Function, x: float, delta: float, status: str) -> None:
    table = tables(dk.Problem(function, (x,)), delta=(delta,))["table"]
    assert table["status"][0] == status
    assert math.isnan(table["slope"][0]) == (status in {"step_vanished", "not_finite"})
    assert math.isnan(table["slope_error"][0]) == (status != "ok")


def test_the_table_of_sides_holds_what_the_library_sees() -> None:
    (row,) = tables(problem("relu(x)", 0.0))["sides"].itertuples()
    sides = dk.sides(dk.Function.from_expression("relu(x)"), 0.0)
    assert (row.left_slope, row.right_slope, row.right_error) == (0.0, 1.0, sides.right.error)
    assert (row.left, row.smooth, row.seen) == ("slope", False, sides.message)


def test_the_lines_drawn_touch_the_curve_at_their_points() -> None:
    found = tables(problem("exp(x)", 0.0, 1.0))
    dots, curves = found["dots"], found["curves"]
    assert dots["line"].tolist() == ["tangent at x = 0", "tangent at x = 1"]
    for name, x in (("tangent at x = 0", 0.0), ("tangent at x = 1", 1.0)):
        (t0, t1), (y0, y1) = curves["t"][curves["line"] == name], curves["y"][curves["line"] == name]
        assert (y1 - y0) / (t1 - t0) == pytest.approx(math.exp(x), rel=1e-7)
        assert y0 + (x - t0) * math.exp(x) == pytest.approx(math.exp(x), rel=1e-7)


def test_where_there_is_no_tangent_none_is_drawn_but_both_sides_are() -> None:
    found = tables(problem("abs(x)", 0.0))
    assert set(found["curves"]["line"]) == {"f"}
    assert set(found["kinks"]["line"]) == {"f", "from the left", "from the right"}
    assert "dots" not in found
    assert "approach" not in found


def test_outside_the_domain_nothing_is_drawn() -> None:
    assert "kinks" not in tables(problem("log(x)", -1.0))


def test_the_tangents_drawn_are_those_of_the_table() -> None:
    found = tables(problem("2*x^2", 1.0), delta=(1e-4, 0.5))
    for table, line in (("curves", "tangent at x = 1"), ("beside", "numerical tangent")):
        drawn = found[table][found[table]["line"] == line]
        assert np.ptp(drawn["y"]) / np.ptp(drawn["t"]) == pytest.approx(4.0002, rel=1e-9)
    _, findings = concluded(problem("2*x^2", 1.0), delta=(1e-4, 0.5))
    assert findings[0].startswith(
        "With delta = 0.0001, nearest to the classical choice 1.5e-08, slope and exact slope "
    )


def test_the_small_multiples_show_the_secant_of_every_delta_and_skip_those_that_vanish() -> None:
    found = tables(dk.Problem(EXP, (1.0,)), delta=(1.0, 1e-8, 2.3e-16, 1e-17))
    approach = found["approach"]
    assert list(dict.fromkeys(approach["delta"])) == [1.0, 1e-8, 2.3e-16]
    slopes = {}
    for delta in (1.0, 1e-8, 2.3e-16):
        part = (approach["delta"] == delta) & (approach["line"] == "secant")
        (t0, t1), (y0, y1) = approach["t"][part], approach["y"][part]
        slopes[delta] = (y1 - y0) / (t1 - t0)
        assert slopes[delta] == pytest.approx(dk.tangent(EXP, 1.0, delta).slope, rel=1e-12)
    assert abs(slopes[1e-8] - math.e) < 1e-7
    assert abs(slopes[2.3e-16] - math.e) > 1.0


def test_of_many_deltas_the_first_and_the_last_are_among_those_drawn() -> None:
    delta = tuple((2.0 ** -np.arange(20)).tolist())
    drawn = list(dict.fromkeys(tables(dk.Problem(EXP, (1.0,)), delta=delta)["approach"]["delta"]))
    assert len(drawn) == tangents.PANELS
    assert (drawn[0], drawn[-1]) == (delta[0], delta[-1])


def test_under_the_microscope_the_curve_ends_as_steps_of_one_rounding() -> None:
    found = tables(dk.Problem(EXP, (1.0,)), delta=(1e-3, 2.3e-16))["microscope"]
    few = (found["delta"] == 2.3e-16) & (found["line"] == "f")
    many = (found["delta"] == 1e-3) & (found["line"] == "f")
    steps = np.unique(found["y"][few]) * 2.3e-16 / np.spacing(math.e)
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-9)
    assert steps.size < 20 < np.unique(found["y"][many]).size


def concluded(*problems: dk.Problem, **config: Any) -> tuple[Frame, list[str]]:
    found = Tables({})
    found.update(frames_of(*problems, **config))
    return frames(tangents.conclude(found))[tangents.Summary], list(tangents.tell(found))


def test_the_summary_takes_the_delta_nearest_to_the_classical_choice() -> None:
    summary, _ = concluded(problem("exp(x)", 1.0, 2.0), problem("abs(x)", 0.0), delta=(0.1, 1e-8, 1e-15))
    assert summary["delta"].tolist() == [1e-8] * 3
    assert summary["seen"].tolist() == ["", "", "a kink, slope -1 from the left and 1 from the right"]
    assert summary["left_slope"].tolist()[2] == -1.0
    assert summary["right_slope"].tolist()[2] == 1.0
    assert summary["slope"].isna().tolist() == [False, False, True], "a secant to the right is no tangent"
    assert summary["left_slope"].isna().tolist() == summary["right_slope"].isna().tolist() == [True, True, False]


def test_a_point_that_two_jobs_have_is_summed_up_once() -> None:
    job = frames_of(problem("exp(x)", 1.0), delta=(0.1, 1e-8))
    both = Tables({})
    both.update({table: pd.concat([frame, frame], ignore_index=True) for table, frame in job.items()})
    (summary,) = frames(tangents.conclude(both)).values()
    assert summary["delta"].tolist() == [1e-8]


def test_the_findings_tell_where_the_secant_is_nearest_and_name_every_kink() -> None:
    _, sentences = concluded(problem("exp(x)", 1.0), problem("abs(x)", 0.0), delta=(0.1, 1e-8, 1e-15))
    assert sentences[0] == "1 of 2 points has no derivative."
    assert any("It comes nearest at delta = 1e-08: above" in sentence for sentence in sentences)
    assert sentences[-1] == "abs(x) at x = 0: a kink, slope -1 from the left and 1 from the right."


def test_of_one_delta_it_is_not_told_why_that_one_was_taken() -> None:
    _, sentences = concluded(problem("2*x^2", 1.0), delta=(1e-4,))
    assert sentences[0].startswith("With delta = 0.0001, slope and exact slope differ by 0.0002 (")


def test_where_both_sides_agree_on_a_slope_a_point_is_not_said_to_have_none() -> None:
    place = problem("x*abs(x)", 0.0), problem("abs(x)", 0.0)
    _, sentences = concluded(*place, delta=(0.1, 1e-8))
    assert sentences[:2] == [
        "1 of 2 points has no derivative.",
        "1 of 2 points has the same slope on both sides, though no formula proves the derivative.",
    ]
    assert set(tables(*place)["kinks"]["function"]) == {"abs(x)"}


def test_of_very_many_kinks_the_findings_tell_how_many_are_left_out() -> None:
    points = np.arange(float(tangents.MAX_POINTS_LISTED + 3))
    _, sentences = concluded(problem("floor(x)", *points))
    assert sentences[-1] == "The table sides has 3 more points without a known derivative."


@pytest.mark.parametrize("config", [{"delta": ()}, {"function": ()}])
def test_a_config_without_anything_to_do_is_refused(config: Any) -> None:
    with pytest.raises(ValueError, match="at least one"):
        tangents.Config(**{"function": (problem("x", 1.0),), **config})


def test_six_panels_stand_in_two_rows_of_three() -> None:
    rows = [(delta, "f", t, t * delta) for delta in range(1, 7) for t in (0.0, 1.0)]
    frame = pd.DataFrame(rows, columns=["delta", "line", "t", "y"])
    dots = pd.DataFrame({"delta": [1], "line": ["f"], "t": [0.5], "y": [-0.5]})
    spec = {"kind": "curves", "table": "a", "panel": "delta", "panels": 6, "series": "line", "x": "t", "y": "y"}
    figure = figures.draw({"a": frame, "dots": dots}, {**spec, "marks": {"table": "dots", "x": "t", "y": "y"}})
    corners = [ax.get_position().bounds[:2] for ax in figure.axes]
    assert len({round(x, 9) for x, _ in corners}) == 3
    assert [round(y, 9) for _, y in corners[:3]] == [round(corners[0][1], 9)] * 3
    assert corners[0][1] > corners[3][1]
    drawn = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert [(line.get_xdata().tolist(), line.get_ydata().tolist()) for line in drawn] == [([0.5], [-0.5])]
