"""Figures: what is drawn is what the table holds, captions say what is not, a second drawing is the same."""

from __future__ import annotations

import hashlib
import itertools
import math
import os
import re
from pathlib import Path
from types import SimpleNamespace

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest
from laboratory import ROOT, environment, line_by_steps, python
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from omegaconf import OmegaConf

import derivkit as dk
from derivkit.grids import logspace
from experiments import figures, formats, tables
from experiments.figures.axes import ends_around, log_axis, tick_text
from experiments.figures.contract import SERIES
from experiments.figures.drawing import KINDS
from experiments.figures.map import BLANKS
from experiments.figures.paper import GREY, looks_of
from experiments.figures.series import POINTS
from experiments.figures.steps import RED, SIZE
from experiments.running import run_figures
from experiments.running.check import study_of
from experiments.running.run_figures import figures_of

# Real V curves, computed here with numpy alone: function -> expression, f, x, and the derivatives of f at x.
FUNCTIONS = {
    "exp": ("exp(x)", np.exp, 1.0, [math.e] * 5),
    "sin": ("sin(x)", np.sin, 1.0, [math.cos(1), -math.sin(1), -math.cos(1), math.sin(1), math.cos(1)]),
    "parabola": ("2*x^2", lambda x: 2 * x * x, 1.0, [4.0, 4.0, 0.0, 0.0, 0.0]),
}
# Method -> offsets, weights, order, error constant.
METHODS = {
    "forward_1": ((0, 1), (-1.0, 1.0), 1, 1 / 2),
    "central_2": ((-1, 1), (-1 / 2, 1 / 2), 2, 1 / 6),
    "central_4": ((-2, -1, 1, 2), (1 / 12, -2 / 3, 2 / 3, -1 / 12), 4, 1 / 30),
}
EPS = float(np.finfo(float).eps)
GRID = logspace(-16, 0, 129)


LADDER = logspace(-15, 0, 121)


def sweep(deltas, functions=FUNCTIONS, *, methods=METHODS, job=0, bound="proved"):
    """The rows of a delta sweep."""
    rows = []
    for (name, (text, f, x, exact)), (
        method,
        (offsets, weights, order, constant),
    ), delta in itertools.product(functions.items(), methods.items(), map(float, deltas)):
        estimate = sum(w * f(x + k * delta) for k, w in zip(offsets, weights, strict=True)) / delta
        error = abs(estimate - exact[0])
        truncation = constant * delta**order * abs(exact[order])
        rounding = 2 * EPS * sum(map(abs, weights)) * abs(f(x)) / delta
        ulps = error / np.spacing(abs(exact[0]))
        rows.append((name, text, x, method, delta, error, ulps, truncation, rounding, bound, job))
    columns = "function expression x method delta error ulps truncation rounding bound job"
    frame = pd.DataFrame(rows, columns=columns.split())
    texts = ["function", "expression", "method", "bound"]
    return frame.astype(dict.fromkeys(texts, "category"))


def prediction(functions=FUNCTIONS, *, bound="proved"):
    """The error predicted on a ladder of deltas, for every function and method."""
    rows = sweep(LADDER, functions, bound=bound)
    return rows.assign(error=rows["truncation"] + rows["rounding"])[
        ["function", "x", "method", "delta", "error", "bound"]
    ]


def optimum(functions=FUNCTIONS):
    """The predicted best delta of each function and method, null where there is no truncation error."""
    rows = []
    for (name, (_, f, x, exact)), (method, (_, weights, p, constant)) in itertools.product(
        functions.items(), METHODS.items()
    ):
        a, b = constant * abs(exact[p]), 2 * EPS * sum(map(abs, weights)) * abs(f(x))
        delta = (b / (p * a)) ** (1 / (p + 1)) if a else math.nan
        rows.append((name, x, method, delta, a * delta**p + b / delta))
    return pd.DataFrame(rows, columns=["function", "x", "method", "delta", "error"])


def error_frames(table, functions=FUNCTIONS, *, bound="proved"):
    """All that the figure of the error reads."""
    return {"table": table, "prediction": prediction(functions, bound=bound), "optimum": optimum(functions)}


def curves(deltas):
    """Each function as a line "f" and its secants by their two ends."""
    rows = []
    for name, (_, f, x, _) in FUNCTIONS.items():
        t = np.linspace(x - 1.5, x + 1.5, 101)
        rows += [(name, x, "f", at, f(at)) for at in t]
        for delta in deltas:
            slope = (f(x + delta) - f(x)) / delta
            rows += [(name, x, f"secant {delta:g}", at, f(x) + slope * (at - x)) for at in t[[0, -1]]]
    return pd.DataFrame(rows, columns=["function", "x", "line", "t", "y"])


def noise():
    """A function that is constant but for its ninth digit."""
    frame = curves([1.0])
    return frame.assign(y=0.5 + 1e-8 * np.sin(frame["y"]))


def law(*, observed=True):
    """Observed beside theory, 0.03 away; the parabola's central formulas have no order to be seen."""
    rows = []
    for name, (method, (_, _, order, _)) in itertools.product(FUNCTIONS, METHODS.items()):
        seen = order + 0.03 if observed and not (name == "parabola" and order > 1) else math.nan
        rows.append((name, 1.0, method, order, seen, 1, 0.97 if observed else math.nan))
    columns = "function x method order order_observed growth growth_observed"
    return pd.DataFrame(rows, columns=columns.split())


def cells():
    """Two maps of eight by five cells with an x per row at 0; what lies above the diagonal has no value."""
    rows = []
    for method, (column, x), (row, y) in itertools.product(
        ("forward_1", "central_2"), enumerate(2.0 ** np.arange(-8, 0)), enumerate([0.0, *2.0 ** np.arange(-2, 2)])
    ):
        lost = row > column
        value = 10.0 ** (row - column) * (2 if method == "forward_1" else 1)
        state = ("vanished" if row < 3 else "not finite") if lost else "ok"
        rows.append((method, x, y, math.nan if lost else value, state))
    return pd.DataFrame(rows, columns=["method", "delta", "size", "median", "state"])


ERROR = {
    "kind": "lines",
    "table": "table",
    "x": "delta",
    "y": "error",
    "panel": ["function", "x"],
    "series": "method",
    "bound": {"table": "prediction", "x": "delta", "y": "error", "proved": "bound"},
    "marks": {"table": "optimum", "x": "delta", "y": "error"},
    "ylabel": "absolute error",
}
ULPS = {
    "kind": "lines",
    "table": "table",
    "x": "delta",
    "y": "ulps",
    "panel": ["function", "x"],
    "series": "method",
}
CURVES = {
    "kind": "curves",
    "table": "curves",
    "x": "t",
    "y": "y",
    "panel": ["function", "x"],
    "series": "line",
}
LAW = {
    "kind": "observed",
    "table": "law",
    "label": "method",
    "panel": ["function", "x"],
    "pairs": [["order_observed", "order", "order p"], ["growth_observed", "growth", "growth q"]],
}
MAP = {
    "kind": "map",
    "table": "map",
    "x": "delta",
    "y": "size",
    "value": "median",
    "instead": "state",
    "panel": "method",
    "limits": [1e-4, 1],
    "label": "median error",
}
FOREST = {
    "kind": "forest",
    "table": "entries",
    "label": "place",
    "measured": "measured",
    "bar": "bar",
    "claimed": "claimed",
    "state": "state",
    "status": "status",
}
BANDS = {
    "kind": "bands",
    "table": "bands",
    "x": "t",
    "y": "y",
    "half": "half",
    "series": "line",
    "dots": ["samples"],
    "strokes": ["corner"],
}
MANY = {f"f{k}": (f"exp({k})*exp(x)/x^{k}", np.exp, 1.0, [math.e] * 5) for k in range(1, 13)}
CROWD = {f"method_{k}": METHODS["forward_1"] for k in range(20)}


def black_box():
    """A callable without an exact derivative beside a known function: its errors are null."""
    frame = sweep(GRID, {"box": FUNCTIONS["sin"], "exp": FUNCTIONS["exp"]})
    frame.loc[frame["function"] == "box", ["error", "ulps"]] = math.nan
    return frame


FEW_DELTAS = [1e-4, 1e-8]


def entries(*claims):
    """Rows of a claim, a measured value and its bar, and what was met."""
    rows = [(f"x[{k}]", *claim) for k, claim in enumerate(claims)]
    frame = pd.DataFrame(rows, columns=["place", "claimed", "measured", "bar", "status"])
    away = (frame["claimed"] - frame["measured"]).abs()
    states = np.where(frame["measured"].isna(), "not measured", np.where(away > frame["bar"], "disagrees", "agrees"))
    return frame.assign(state=states)


CLAIMS = [
    (1.0, 1.0, 1e-12, "ok"),
    (-0.5, 0.5, 1e-12, "ok"),
    (0.3, 0.31, 0.1, "kink"),
    (2.0, math.nan, math.inf, "noisy"),
]


def scene():
    """A curve over two panels with a chord, its points, a text and fixed axes; the elements out of order."""
    rows = [("other", "", 0, "line", "red", "elsewhere", t, 9.0) for t in (0.0, 1.0)]
    for panel, height in (("low", 1.0), ("high", 3.0)):
        rows += [("one", panel, 5, "text", "black", "$a_1", 0.5, 0.5)]
        rows += [("one", panel, 1, "line", "tab:blue", "curve", t, height * t * t) for t in np.linspace(0, 1, 5)]
        rows += [("one", panel, 2, "guide", "c", "chord", t, height * t) for t in (0.0, 1.0)]
        rows += [("one", panel, 3, "points", "k", "", t, height * t) for t in (0.0, 1.0)]
        rows += [("one", panel, 0, "axes", "k", "", t, y) for t, y in ((-1.0, -2.0), (2.0, 4.0))]
    return pd.DataFrame(rows, columns=["figure", "panel", "order", "element", "color", "label", "t", "y"])


def steps():
    """Two lines of a calculation: d/dx x^2, of which the exponent goes to the front of x, and 2x."""
    rows = [
        ("one", 0, 0, "f'(x)", "", False, False, -1, "a note $with a_sign"),
        ("one", 0, 1, "=", "", False, False, -1, ""),
        ("one", 0, 2, "d", "dx", False, False, -1, ""),
        ("one", 0, 3, "x", "", False, False, -1, ""),
        ("one", 0, 4, "2", "", True, True, 3, ""),
        ("one", 1, 0, "=", "", False, False, -1, "another"),
        ("one", 1, 1, "2", "", False, False, -1, ""),
        ("one", 1, 2, "x", "", False, False, -1, ""),
        ("other", 0, 0, "elsewhere", "", False, False, -1, ""),
    ]
    columns = ["figure", "line", "position", "text", "below", "raised", "mark", "arrow", "note"]
    return pd.DataFrame(rows, columns=columns)


SCENE = {
    "kind": "scene",
    "table": "scene",
    "where": {"figure": "one"},
    "panel": ["panel"],
    "label": "label",
    "x": "t",
    "y": "y",
}
STEPS = {"kind": "steps", "table": "steps", "where": {"figure": "one"}, "line": "line"}


def named_cells():
    """The cells of one method, their rows named in an order that is not that of the table."""
    frame = cells().query("method == 'central_2'")
    return frame.assign(name=frame["size"].map({0.0: "e", 0.25: "d", 0.5: "c", 1.0: "b", 2.0: "a"}))


COMPARED = {**ULPS, "kind": "compared", "y": "error", "runs": "run", "ratio": "ratio"}


def bands():
    """A line with a band that is wide at one place, wild differences, samples, and a corner."""
    t = np.linspace(0.0, 1.0, 11)
    half = np.where(t == 0.5, 50.0, 0.1)
    parts = {"wild": (t, 1e3 * (-1.0) ** np.arange(11), np.nan), "mine": (t, t, half), "samples": (t, t + 0.01, np.nan)}
    lines = [pd.DataFrame({"line": name, "t": x, "y": y, "half": h}) for name, (x, y, h) in parts.items()]
    return pd.concat([*lines, pd.DataFrame({"line": ["corner"], "t": [0.3], "y": [0.3], "half": [np.nan]})])


def two_runs():
    """A sweep, and once more with errors twice as large."""
    frame = sweep(GRID)
    return pd.concat([frame.assign(run="a", ratio=np.nan), frame.assign(run="b", ratio=2.0, error=2 * frame["error"])])


OVERLAID = {**ULPS, "kind": "overlaid", "y": "error", "runs": "run"}
PARALLEL = {"kind": "parallel", "table": "runs", "series": "run", "axes": ["method", "delta", "order"], "value": "best"}


def many_runs(count=5, deltas=GRID):
    """A sweep with errors once, twice, ... so large."""
    frame = sweep(deltas)
    return pd.concat([frame.assign(run=f"r{k}", error=k * frame["error"]) for k in range(1, count + 1)])


def ranked_runs():
    """Runs with a text, a number over decades, a small number and a best error, in no order of it."""
    rows = [("central_2", 1e-2, 2, 1e-4), ("forward_1", 1e-8, 1, 1e-8), ("central_2", 1e-5, 2, 1e-10),
            ("forward_1", 1e-4, 1, 1e-5), ("central_4", 1e-3, 4, 1e-12)]  # fmt: skip
    return pd.DataFrame(rows, columns=["method", "delta", "order", "best"]).assign(run=[f"r{k}" for k in range(5)])


SAMPLES = {
    "scene": lambda: ({"scene": scene()}, SCENE),
    "steps": lambda: ({"steps": steps()}, STEPS),
    "error of 129 deltas": lambda: (error_frames(sweep(GRID)), ERROR),
    "error of two jobs": lambda: (error_frames(pd.concat([sweep([1e-4]), sweep([1e-8], job=1)])), ERROR),
    "error of one delta": lambda: (error_frames(sweep([1e-4])), ERROR),
    "error of one function": lambda: (error_frames(sweep(GRID, {"exp": FUNCTIONS["exp"]})), ERROR),
    "error of twelve functions": lambda: (error_frames(sweep(GRID, MANY), MANY, bound="estimated"), ERROR),
    "error of a black box": lambda: (error_frames(black_box()), ERROR),
    "ulps": lambda: ({"table": sweep(GRID)}, ULPS),
    "ulps as points": lambda: ({"table": sweep(GRID)}, {**ULPS, "joined": False}),
    "ulps of twenty methods": lambda: ({"table": sweep(GRID, {"sin": FUNCTIONS["sin"]}, methods=CROWD)}, ULPS),
    "curves": lambda: ({"curves": curves([1.0, 0.1])}, CURVES),
    "curves of many secants": lambda: ({"curves": curves([1.0, 0.5, 0.1, 0.05, 1e-2, 1e-4])}, CURVES),
    "curves of noise": lambda: ({"curves": noise()}, CURVES),
    "law": lambda: ({"law": law()}, LAW),
    "map": lambda: ({"map": cells()}, MAP),
    "map of one panel": lambda: ({"map": cells().query("method == 'central_2'")}, {**MAP, "limits": None}),
    "law of one function": lambda: ({"law": law().query("function == 'sin'")}, LAW),
    "bands": lambda: ({"bands": bands()}, BANDS),
    "two runs": lambda: ({"table": two_runs()}, COMPARED),
    "five runs": lambda: ({"table": many_runs()}, OVERLAID),
    "five runs of few deltas": lambda: ({"table": many_runs(deltas=[1e-2, 1e-4])}, OVERLAID),
    "runs in parallel": lambda: ({"runs": ranked_runs()}, PARALLEL),
    "forest": lambda: ({"entries": entries(*CLAIMS)}, FOREST),
    "forest of many sizes": lambda: (
        {"entries": entries(*CLAIMS, (1e-9, 1e-9, 1e-15, "ok"), (-4e4, -4e4, 1e-5, "ok"))},
        FOREST,
    ),
    "map of texts": lambda: ({"map": named_cells()}, {**MAP, "y": "name", "panel": None}),
}


@pytest.fixture(params=SAMPLES, ids=str)
def sample(request):
    return SAMPLES[request.param]()


def lines_of(ax, *, marker_only=False):
    """The lines with data: (x, y) arrays with their artist."""
    lines = [line for line in ax.lines if len(line.get_xdata()) > 0]
    return [line for line in lines if (line.get_linestyle() == "None") == marker_only]


def line_with(ax, x):
    """The lines or markers at exactly the abscissae ``x``, filled as a series is: no prediction, no exact hit."""
    return [
        line
        for line in ax.lines
        if len(line.get_xdata()) == len(x)
        and np.array_equal(line.get_xdata(), x)
        and line.get_marker() not in ("", "None")
        and line.get_markerfacecolor() != "white"
        and line.get_zorder() == 3
    ]


# What is drawn


def test_each_panel_draws_the_errors_of_its_own_function_and_method():
    frame = sweep(GRID)
    figure = figures.draw(error_frames(frame), ERROR)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["exp at x = 1", "sin at x = 1", "parabola at x = 1"]
    for ax, function in zip(figure.axes, FUNCTIONS, strict=True):
        drawn = line_with(ax, GRID)
        assert len(drawn) == len(METHODS)
        for line, method in zip(drawn, METHODS, strict=True):
            rows = frame[(frame["function"] == function) & (frame["method"] == method)]
            positive = rows["error"].where(rows["error"] > 0)
            np.testing.assert_array_equal(line.get_ydata(), positive)


def predicted_in(ax):
    """The thin lines of the prediction."""
    thin = [line for line in lines_of(ax) if line.get_marker() == "None" and line.get_linewidth() < 1]
    return [line for line in thin if len(line.get_xdata()) > 2]


@pytest.mark.parametrize("deltas", [[1e-4], FEW_DELTAS, GRID], ids=["one", "two", "grid"])
def test_each_panel_draws_the_prediction_of_its_own_function_and_of_each_method(deltas):
    expected = prediction()
    for ax, function in zip(figures.draw(error_frames(sweep(deltas)), ERROR).axes, FUNCTIONS, strict=True):
        lines = predicted_in(ax)
        assert len(lines) == len(METHODS)
        for line, series, method in zip(lines, line_with(ax, np.sort(deltas)), METHODS, strict=True):
            own = expected[(expected["function"] == function) & (expected["method"] == method)]
            np.testing.assert_array_equal(line.get_xdata(), own["delta"])
            np.testing.assert_array_equal(line.get_ydata(), own["error"])
            assert line.get_color() == series.get_color()


def test_a_prediction_told_twice_and_out_of_order_is_drawn_once(tmp_path):
    frames = error_frames(sweep(FEW_DELTAS))
    told = frames["prediction"]
    twice = {**frames, "prediction": pd.concat([told.iloc[::-1], told.assign(job=1)])}
    once, again = (
        figures.save(figures.draw(some, ERROR), tmp_path, name, ["svg"])[0].read_bytes()
        for name, some in (("once", frames), ("again", twice))
    )
    assert once == again


def test_a_missing_prediction_is_a_gap():
    frames = error_frames(sweep(FEW_DELTAS, {"exp": FUNCTIONS["exp"]}))
    frames["prediction"].loc[frames["prediction"]["delta"] > 0.5, "error"] = math.nan
    (ax,) = figures.draw(frames, ERROR).axes
    gaps = [int(np.isnan(line.get_ydata()).sum()) for line in predicted_in(ax)]
    assert gaps == [int((LADDER > 0.5).sum())] * len(METHODS)


def test_of_a_function_of_which_nothing_is_predicted_only_the_errors_are_drawn():
    frames = error_frames(sweep(FEW_DELTAS, {"exp": FUNCTIONS["exp"]}))
    nothing = {
        "prediction": frames["prediction"].assign(error=math.nan, bound="unknown"),
        "optimum": frames["optimum"].assign(delta=math.nan, error=math.nan),
    }
    for some in (nothing, {name: frame.iloc[:0] for name, frame in nothing.items()}):
        figure = figures.draw({**frames, **some}, ERROR)
        assert [line for line in figure.axes[0].lines if len(line.get_xdata())] == line_with(
            figure.axes[0], np.sort(FEW_DELTAS)
        )
        assert [text.get_text() for text in figure.legends[0].get_texts()] == list(METHODS)
        assert "predicted" not in figures.caption({**frames, **some}, ERROR)


def test_only_a_proved_prediction_is_called_a_bound_and_is_solid():
    texts, styles = {}, {}
    for status in ("proved", "estimated", "expected", "hoped for"):
        frames = error_frames(sweep(GRID, {"exp": FUNCTIONS["exp"]}), bound=status)
        figure = figures.draw(frames, ERROR)
        legends = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
        texts[status] = " ".join([*legends, figures.caption(frames, ERROR)])
        styles[status] = {line.get_linestyle() for line in predicted_in(figure.axes[0])}
    assert styles == {"proved": {"-"}, "estimated": {"--"}, "expected": {"--"}, "hoped for": {"--"}}
    assert "olid thin lines: the predicted error, a proved bound." in texts["proved"]
    assert "estimate" not in texts["proved"]
    assert "bound" not in texts["estimated"]
    assert "predicted error (in the mean square)" in texts["expected"]
    assert "estimate" not in texts["expected"]
    assert texts["hoped for"] == texts["estimated"]
    assert "otted thin lines: the predicted error, an estimate." in texts["estimated"]


def test_a_predicted_optimum_stands_in_its_own_panel_and_nowhere_else():
    marks = optimum()
    for ax, function in zip(figures.draw(error_frames(sweep(GRID)), ERROR).axes, FUNCTIONS, strict=True):
        hollow = [line for line in lines_of(ax, marker_only=True) if line.get_markerfacecolor() == "white"]
        drawn = {(line.get_xdata()[0], line.get_ydata()[0]) for line in hollow}
        own = marks[(marks["function"] == function) & marks["delta"].notna()]
        assert drawn == set(zip(own["delta"], own["error"], strict=True))


def legend_of(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_marks_of_one_shape_have_that_shape_in_the_legend():
    frames = error_frames(sweep(GRID, {"exp": FUNCTIONS["exp"]}))
    for method in ("forward_1", "central_2"):
        figure = figures.draw(frames, {**ERROR, "where": {"method": method}})
        drawn = {line.get_marker() for ax in figure.axes for line in ax.lines if line.get_markerfacecolor() == "white"}
        shown = {
            handle.get_marker()
            for legend in figure.legends
            for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True)
            if text.get_text() == "predicted optimum"
        }
        assert shown == drawn
        assert len(shown) == 1


def test_marks_are_called_in_the_legend_as_the_figure_says():
    frames = error_frames(sweep(GRID, {"exp": FUNCTIONS["exp"]}))
    named = {**ERROR, "marks": {**ERROR["marks"], "label": "recommended delta"}}
    for spec, name in ((ERROR, "predicted optimum"), (named, "recommended delta")):
        assert name in legend_of(figures.draw(frames, spec))
        assert f"Large hollow markers: the {name}, where" in figures.caption(frames, spec)
    graphs = {"curves": curves([1.0, 0.1])}
    dots = {"table": "curves", "x": "t", "y": "y"}
    for spec, name in (
        (CURVES, "the point x"),
        ({**CURVES, "marks": dots}, "the point x"),
        ({**CURVES, "marks": {**dots, "label": "where f was evaluated"}}, "where f was evaluated"),
    ):
        assert legend_of(figures.draw(graphs, spec))[-1] == name


@pytest.mark.parametrize("deltas", [[1e-4], FEW_DELTAS], ids=["one", "two"])
def test_the_axes_hold_the_whole_predicted_v_of_a_few_points(deltas):
    expected = prediction()
    for ax, function in zip(figures.draw(error_frames(sweep(deltas)), ERROR).axes, FUNCTIONS, strict=True):
        own = expected[expected["function"] == function]
        for (low, high), column in ((ax.get_xlim(), "delta"), (ax.get_ylim(), "error")):
            assert low < own[column].min()
            assert own[column].max() < high


@pytest.mark.parametrize(("deltas", "reach"), [(FEW_DELTAS, 8), (GRID, 2)], ids=["two", "grid"])
def test_a_wild_prediction_leaves_the_axes_and_does_not_squeeze_the_errors(deltas, reach):
    frames = error_frames(sweep(deltas, {"exp": FUNCTIONS["exp"]}))
    errors = frames["table"]["error"]
    told = frames["prediction"]
    wild = told.assign(error=told["error"].where(told["delta"] < 1e-3, told["error"] * 1e100))
    for some in ({"prediction": wild}, {"optimum": frames["optimum"].assign(error=1e-60, delta=1e-60)}):
        (ax,) = figures.draw({**frames, **some}, ERROR).axes
        low, high = ax.get_ylim()
        assert errors[errors > 0].min() / 10.0 ** (reach + 2) < low
        assert high < errors.max() * 10.0 ** (reach + 2)
        assert ax.get_xlim()[0] > 1e-18


def test_a_long_line_over_a_short_range_is_not_squeezed_by_its_prediction():
    frames = error_frames(sweep(logspace(-6, -4, 50), {"exp": FUNCTIONS["exp"]}))
    (ax,) = figures.draw(frames, ERROR).axes
    low, high = np.log10(ax.get_xlim())
    assert -8.3 < low < -6 < -4 < high < -1.7


def test_rows_out_of_order_and_rows_told_twice_draw_the_same_figure(tmp_path):
    frame = sweep(GRID)
    twice = pd.concat([frame, frame.assign(job=1)])
    parts = [
        twice[(twice["function"] == function) & (twice["method"] == method)].iloc[::-1]
        for function, method in itertools.product(FUNCTIONS, METHODS)
    ]
    once, again = (
        figures.save(figures.draw(error_frames(rows), ERROR), tmp_path, name, ["svg"])[0].read_bytes()
        for name, rows in (("once", frame), ("again", pd.concat(parts)))
    )
    assert once == again


def test_a_null_is_a_gap_in_the_line():
    frame = sweep(GRID, {"exp": FUNCTIONS["exp"]})
    hole = (frame["method"] == "central_2") & (frame["delta"] == GRID[100])
    frame.loc[hole, "error"] = math.nan
    (ax,) = figures.draw(error_frames(frame), ERROR).axes
    gaps = [int(np.isnan(line.get_ydata()).sum()) for line in line_with(ax, GRID)]
    assert gaps == [0, 1, 0]


def test_errors_of_exactly_zero_stand_on_a_row_below_the_axis_and_are_counted():
    frame = sweep([0.25, 0.5, 1e-3], {"parabola": FUNCTIONS["parabola"]}, methods={"central_2": METHODS["central_2"]})
    zeros = frame.loc[frame["error"] == 0, "delta"]
    assert len(zeros) == 2
    (ax,) = figures.draw({"table": frame}, ULPS).axes
    ticks = dict(zip([text.get_text() for text in ax.get_yticklabels()], ax.get_yticks(), strict=True))
    row = [line for line in lines_of(ax, marker_only=True) if set(line.get_xdata()) == set(zeros)]
    assert len(row) == 1
    assert ax.get_ylim()[0] < row[0].get_ydata()[0] < frame.loc[frame["error"] > 0, "ulps"].min()
    assert ticks["0"] == pytest.approx(row[0].get_ydata()[0], rel=1)
    assert "2 points of exactly 0" in figures.caption({"table": frame}, ULPS)


def test_a_table_of_nothing_but_exact_hits_is_drawn():
    frame = sweep([0.25, 0.5], {"parabola": FUNCTIONS["parabola"]}, methods={"central_2": METHODS["central_2"]})
    assert (frame["error"] == 0).all()
    assert "2 points of exactly 0" in figures.caption({"table": frame}, ULPS)
    assert len(figures.draw({"table": frame}, ULPS).axes) == 1


@pytest.mark.parametrize("deltas", [[1e-4], FEW_DELTAS], ids=["one", "two"])
def test_a_few_points_are_markers_alone_as_a_straight_line_would_tell_a_wrong_law(deltas):
    for frames, spec in ((error_frames(sweep(deltas)), ERROR), ({"table": sweep(deltas)}, ULPS)):
        figure = figures.draw(frames, spec)
        for ax in figure.axes:
            drawn = line_with(ax, np.sort(deltas))
            assert len(drawn) == len(METHODS)
            assert {line.get_linestyle() for line in drawn} == {"None"}
            assert {line.get_markevery() for line in drawn} == {None}
        assert {line.get_linestyle() for line in figure.legends[0].get_lines()[: len(METHODS)]} == {"None"}


@pytest.mark.parametrize("points", [FEW_DELTAS, GRID], ids=["few", "many"])
def test_points_that_are_not_to_be_joined_stay_alone(points):
    frames = error_frames(sweep(points))
    joined = figures.draw(frames, ERROR)
    alone = figures.draw(frames, {**ERROR, "joined": False})
    styles = {line.get_linestyle() for ax in joined.axes for line in line_with(ax, np.sort(points))}
    assert (styles == {"None"}) == (points is FEW_DELTAS)
    for before, ax in zip(joined.axes, alone.axes, strict=True):
        drawn = line_with(ax, np.sort(points))
        assert {line.get_linestyle() for line in drawn} == {"None"}
        assert {line.get_markevery() for line in drawn} == {None}
        assert len(predicted_in(ax)) == len(predicted_in(before))
    assert {line.get_linestyle() for line in alone.legends[0].get_lines()[: len(METHODS)]} == {"None"}


def test_the_legend_shows_a_line_for_what_is_a_line_and_a_point_for_what_is_none():
    table = sweep(GRID, {"exp": FUNCTIONS["exp"]})
    first, *others = METHODS
    few = table.query("method == @first").iloc[:3]
    figure = figures.draw({"table": pd.concat([few, table[table["method"].isin(others)]])}, ULPS)
    lines = [line for legend in figure.legends for line in legend.get_lines()]
    drawn = {name: line.get_linestyle() for name, line in zip(legend_of(figure), lines, strict=True)}
    assert drawn.pop(first) == "None"
    assert "None" not in drawn.values()


SCATTER = {**ULPS, "joined": False, "caption": "Each point is an answer."}


def crowd(count, seed=0):
    """So many points of a method, log-normal in both directions, and a line that they are measured against."""
    delta, ulps = np.exp(np.random.default_rng(seed).normal(size=(2, count)))
    points = pd.DataFrame({"function": "exp", "x": 1.0, "method": "forward_1", "delta": delta, "ulps": ulps})
    ends = np.array([delta.min(), delta.max()])
    line = pd.DataFrame({"function": "exp", "x": 1.0, "method": "bar = true error", "delta": ends, "ulps": ends})
    return {"table": pd.concat([points, line])}


def test_of_a_crowd_no_point_is_drawn_twice_and_none_goes_whose_place_would_be_empty():
    frames = crowd(20_000)
    (ax,) = figures.draw(frames, SCATTER).axes
    x, y = next(
        line.get_xydata() for line in ax.get_lines() if line.get_linestyle() == "None" and line.get_xydata().size
    ).T
    assert x.size < 6_000
    rows = frames["table"].query("method == 'forward_1'")
    width, height = (np.ptp(np.log10(rows[name])) / 100 for name in ("delta", "ulps"))
    for delta, ulps in rows[["delta", "ulps"]].sample(500, random_state=1).to_numpy():
        near = (np.abs(np.log10(x / delta)) <= width) & (np.abs(np.log10(y / ulps)) <= height)
        assert near.any()
    caption = figures.caption(frames, SCATTER)
    assert "20,000 points." in caption
    assert f"Drawn are {x.size:,} of 20,000 points: the others lie on them." in caption


def test_a_few_points_are_all_drawn_and_a_line_is_none_of_them():
    frames = crowd(150)
    caption = figures.caption(frames, SCATTER)
    assert "150 points." in caption
    assert "Drawn are" not in caption
    assert "bar = true error" not in caption


def test_a_crowd_of_points_is_light(tmp_path):
    for count in (500, 20_000):
        figure = figures.draw(crowd(count), SCATTER)
        (path,) = figures.save(figure, tmp_path, f"crowd_{count}", ["svg"])
        text = path.read_text(encoding="utf-8")
        assert len(text) < 20_000 + 10 * drawn_points(figure)
        assert len(re.findall(r"<use [^>]*/>", text)) < 40  # the markers of the ticks and of the legend


def drawn_points(figure):
    """How many markers of lines a figure has."""
    return sum(
        line.get_xydata().shape[0] for ax in figure.axes for line in ax.get_lines() if line.get_linestyle() == "None"
    )


def test_a_crowd_and_a_long_line_are_where_they_were_drawn(tmp_path):
    """Steps between rounded places add up to the places, and every point of a crowd has its marker."""
    figure = figures.draw({"table": sweep(GRID, FUNCTIONS)}, {**ULPS, "joined": False})
    joined = figures.draw({"table": sweep(GRID, FUNCTIONS)}, ULPS)
    for one, marks in ((figure, "marker-mid"), (joined, "stroke-linecap: square")):
        (path,) = figures.save(one, tmp_path, "steps", ["svg"])
        drawn = [
            np.array(line_by_steps(part))
            for part in re.findall(rf'<path d="(m[^"]*)"[^>]*{marks}', path.read_text(encoding="utf-8"))
        ]
        height = one.get_figheight() * 72.0
        lines = [
            ax.transData.transform(line.get_xydata())
            for ax in one.axes
            for line in ax.get_lines()
            if line.get_xydata().shape[0] > len(GRID) / 2
        ]
        assert len(drawn) >= len(METHODS)
        every = np.concatenate(lines) * 72.0 / one.dpi
        every[:, 1] = height - every[:, 1]
        for part in drawn:
            for place in part:
                assert np.nanmin(np.abs(every - place).max(axis=1)) < 0.06


def test_errors_that_nearly_coincide_show_each_of_their_markers():
    frame = sweep(FEW_DELTAS, {"exp": FUNCTIONS["exp"]}).assign(ulps=1e8)
    (ax,) = figures.draw({"table": frame}, ULPS).axes
    sizes = [line.get_markersize() for line in line_with(ax, np.sort(FEW_DELTAS))]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(METHODS)


def test_a_point_without_neighbours_has_a_marker_as_no_line_shows_it():
    frame = sweep(GRID, {"exp": FUNCTIONS["exp"]}, methods={"forward_1": METHODS["forward_1"]})
    alone = 77
    frame.loc[[alone - 1, alone + 1], "ulps"] = math.nan
    (ax,) = figures.draw({"table": frame}, ULPS).axes
    (line,) = line_with(ax, GRID)
    assert alone in line.get_markevery()
    assert len(line.get_markevery()) < len(GRID) / 8


def test_a_long_line_is_thinned_without_losing_its_peaks():
    deltas = logspace(-16, 0, 20_001)
    frame = sweep(deltas, {"exp": FUNCTIONS["exp"]}, methods={"central_2": METHODS["central_2"]})
    frame["ulps"] = frame["ulps"] + 1
    frame.loc[[7_777, 12_345], "ulps"] = 1e40, 1e-40
    (ax,) = figures.draw({"table": frame}, ULPS).axes
    y = max((line.get_ydata() for line in lines_of(ax)), key=len)
    assert len(y) <= POINTS
    assert {1e40, 1e-40} <= set(y)
    assert f"thinned to {POINTS} points" in figures.caption({"table": frame}, ULPS)


@pytest.mark.parametrize("scale", [1e-306, 1e-290, 1e-30, 1.0, 1e30, 1e290, 1e307], ids=str)
def test_the_axes_hold_every_point_at_any_scale(scale):
    frame = sweep(GRID, {"exp": FUNCTIONS["exp"]})
    frame["error"] *= scale
    (ax,) = figures.draw({"table": frame}, {**ULPS, "y": "error"}).axes
    low, high = ax.get_ylim()
    assert low < frame["error"].min()
    assert frame["error"].max() < high
    assert 2 <= len(ax.get_yticks()) <= 8


def test_errors_over_the_whole_range_of_floats_are_drawn():
    frame = sweep(GRID, {"exp": FUNCTIONS["exp"]})
    frame.loc[[3, 5, 7], "error"] = 1e-307, 1.7e308, 0.0
    (ax,) = figures.draw(error_frames(frame), ERROR).axes
    assert ax.get_ylim()[0] <= 1e-307
    assert ax.get_ylim()[1] >= 1e308
    assert 2 <= len(ax.get_yticks()) <= 8


def test_tick_labels_are_plain_text_with_raised_powers():
    ax = figures.draw(error_frames(sweep(GRID)), ERROR).axes[0]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["10⁻¹⁶", "10⁻¹²", "10⁻⁸", "10⁻⁴", "10⁰"]


def test_the_curve_is_wider_than_its_secants_and_the_point_lies_on_it():
    for ax, (_, f, x, _) in zip(
        figures.draw({"curves": curves([1.0, 0.1])}, CURVES).axes, FUNCTIONS.values(), strict=True
    ):
        widths = {len(line.get_xdata()): [] for line in lines_of(ax)}
        for line in lines_of(ax):
            widths[len(line.get_xdata())].append(line.get_linewidth())
        assert sorted(widths) == [2, 101]
        assert max(widths[2]) < min(widths[101])
        (point,) = lines_of(ax, marker_only=True)
        assert point.get_xdata()[0] == x
        assert point.get_ydata()[0] == pytest.approx(f(x), rel=1e-12)


def test_the_curve_sets_the_height_of_a_linear_panel_not_a_steep_secant():
    frame = curves([1.0])
    frame.loc[frame["line"] != "f", "y"] *= 1e6
    for ax, function in zip(figures.draw({"curves": frame}, CURVES).axes, FUNCTIONS, strict=True):
        curve = frame.loc[(frame["line"] == "f") & (frame["function"] == function), "y"]
        assert np.ptp(ax.get_ylim()) < 1.5 * np.ptp(curve)


def test_the_axes_hold_a_band_unless_it_is_far_wider_than_its_line_and_no_wild_line():
    (ax,) = figures.draw({"bands": bands()}, BANDS).axes
    assert ax.get_ylim() == pytest.approx((-1.0 - 0.18, 2.0 + 0.18))
    assert "11 values beyond the axes." in figures.caption({"bands": bands()}, BANDS)
    (band,) = ax.collections
    edge = band.get_paths()[0].vertices
    assert {-0.1, 0.1} <= {round(float(y), 9) for x, y in edge if x == 0.0}


def test_strokes_stand_upright_and_dots_are_not_joined():
    (ax,) = figures.draw({"bands": bands()}, BANDS).axes
    (stroke,) = [line for line in ax.lines if len(set(line.get_xdata())) == 1]
    assert list(stroke.get_xdata()) == [0.3, 0.3]
    (dots,) = lines_of(ax, marker_only=True)
    assert len(dots.get_xdata()) == 11


def test_observed_points_stand_at_their_values_beside_strokes_of_theory():
    rows = law().query("function == 'exp'")
    (ax,) = figures.draw({"law": rows}, LAW).axes
    dots = lines_of(ax, marker_only=True)
    strokes = sorted(float(line.get_xdata()[0]) for line in dots if line.get_marker() == "|")
    points = sorted(float(line.get_xdata()[0]) for line in dots if line.get_marker() != "|")
    assert strokes == sorted([*rows["order"], *rows["growth"]])
    assert points == sorted([*rows["order_observed"], *rows["growth_observed"]])
    assert {"1.03", "2.03", "4.03", "0.97"} == {text.get_text() for text in ax.texts}


def test_an_absurd_observed_value_keeps_its_number_and_does_not_squeeze_the_others():
    rows = law().query("function == 'exp'").copy()
    rows.loc[rows["method"] == "central_4", "order_observed"] = 1234.0
    (ax,) = figures.draw({"law": rows}, LAW).axes
    assert ax.get_xlim()[1] < 15
    assert "1234.00" in {text.get_text() for text in ax.texts}


def test_limits_are_the_ends_of_the_axis_and_nothing_between_them_is_moved():
    rows = law().query("function == 'exp'").assign(order=95.0, order_observed=[99.8, 3.0, 100.0])
    (ax,) = figures.draw({"law": rows}, {**LAW, "limits": [0, 100]}).axes
    assert {0.0, 100.0} <= set(ax.get_xticks())
    points = [float(line.get_xdata()[0]) for line in lines_of(ax, marker_only=True) if line.get_marker() != "|"]
    assert {99.8, 3.0, 100.0} <= set(points)
    with pytest.raises(ValueError, match="the smaller first"):
        figures.check({**LAW, "limits": [100, 0]}, {"law": list(rows)})


def test_what_is_to_be_kept_is_counted_on_either_side_and_not_called_near():
    rows = law().query("function == 'exp'").assign(order=95.0, order_observed=[99.8, 28.5, 95.0])
    caption = figures.caption({"law": rows}, {**LAW, "pairs": LAW["pairs"][:1], "beside": "promise"})
    assert "1 of 3 values is above the promise" in caption
    assert "1 of 3 values is at the promise" in caption
    assert re.search(r"1 of 3 values is below the promise: 28\.50 against 95\.00 for \w+ \(order p", caption)
    assert "within" not in caption


def test_a_name_beside_a_row_is_whole():
    name = "shi_xie_xuan_nocedal_forward"
    (ax,) = figures.draw(
        {"law": law().query("function == 'exp' and method == 'forward_1'").assign(method=name)}, LAW
    ).axes
    assert [label.get_text() for label in ax.get_yticklabels()] == [name]


def test_figures_that_are_alike_have_the_axes_of_all_rows():
    frames = {"table": sweep(GRID, FUNCTIONS)}
    frames["table"].loc[frames["table"]["function"] == "exp", "ulps"] *= 1e6
    ends = []
    for name in FUNCTIONS:
        spec = {**ULPS, "alike": True, "where": {"function": name}}
        (ax,) = figures.draw(frames, spec).axes
        ends.append((ax.get_xlim(), ax.get_ylim()))
    panels = figures.draw(frames, {**ULPS, "alike": True, "panel": "function"}).axes
    assert {*ends, *((ax.get_xlim(), ax.get_ylim()) for ax in panels)} == {ends[0]}
    assert len({ax.get_ylim() for ax in figures.draw(frames, {**ULPS, "panel": "function"}).axes}) > 1


def test_lines_that_others_are_measured_against_are_not_among_those_cut():
    names = [f"mine_{number}" for number in range(SERIES + 3)] + ["the goal"]
    one = sweep(GRID, {"exp": FUNCTIONS["exp"]}, methods={"forward_1": METHODS["forward_1"]})
    frame = pd.concat([one.assign(method=name) for name in names])
    labels = [text.get_text() for legend in figures.draw({"table": frame}, ULPS).legends for text in legend.get_texts()]
    assert labels[: SERIES + 1] == [*names[:SERIES], "the goal"]


def test_a_forest_has_signed_values_at_the_left_and_distances_in_bars_at_the_right():
    left, right = figures.draw({"entries": entries(*CLAIMS)}, FOREST).axes
    for ax, places in ((left, {"X": [-0.5], "o": [0.3, 1.0, 2.0]}), (right, {"X": [1e12], "o": [0.1]})):
        for marker, expected in places.items():
            marks = [float(one.get_xdata()[0]) for one in ax.lines if one.get_marker() == marker]
            assert sorted(marks)[-len(expected) :] == pytest.approx(expected)
    strokes = [float(one.get_xdata()[0]) for one in left.lines if one.get_marker() == "|"]
    assert strokes == pytest.approx([1.0, 0.5, 0.31, math.nan], nan_ok=True)
    assert [label.get_text() for label in left.get_yticklabels()] == ["x[0]", "x[1]", "x[2]", "x[3]"]
    assert [text.get_text() for text in right.texts] == ["", "", "kink", "noisy"]


@pytest.mark.parametrize("panels", [1, 2, 3])
def test_the_numbers_of_the_distances_of_a_forest_stand_apart(panels):
    frames = [entries(*CLAIMS).assign(case=f"case {k}") for k in range(panels)]
    figure = figures.draw({"entries": pd.concat(frames)}, {**FOREST, "panel": "case", "panels": 3})
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    for ax in figure.axes:
        boxes = [label.get_window_extent(canvas.get_renderer()) for label in ax.get_xticklabels() if label.get_text()]
        assert all(one.x1 + 3.0 < other.x0 for one, other in itertools.pairwise(boxes))


@pytest.mark.parametrize("label", ["value", "a word, then another and " + "W" * 40, "x"])
@pytest.mark.parametrize("panels", [1, 2, 3, 4])
def test_the_labels_below_a_forest_overlap_nothing(panels, label):
    frames = [entries(*CLAIMS).assign(case=f"case {k}") for k in range(panels)]
    spec = {**FOREST, "panel": "case", "panels": 4, "xlabel": label}
    figure = figures.draw({"entries": pd.concat(frames)}, spec)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    texts = [*(ax.xaxis.label for ax in figure.axes), *(ax.title for ax in figure.axes), *figure.legends]
    boxes = [text.get_window_extent(canvas.get_renderer()) for text in texts]
    for one, other in itertools.combinations([box for box in boxes if box.width > 1.0], 2):
        assert not one.overlaps(other)


def test_the_rows_of_a_forest_stand_at_one_height_in_all_panels():
    frames = [entries(*CLAIMS).assign(case="one"), entries(*CLAIMS[1:]).assign(case="two", place=["x[3]", "v", "x[0]"])]
    axes = figures.draw({"entries": pd.concat(frames)}, {**FOREST, "panel": "case"}).axes
    assert [label.get_text() for label in axes[0].get_yticklabels()] == ["x[0]", "x[1]", "x[2]", "x[3]", "v"]
    assert [float(one.get_ydata()[0]) for one in axes[1].lines if one.get_marker() == "|"] == [3.0, 4.0, 0.0]


def test_the_caption_of_a_forest_names_the_rows_that_disagree():
    assert found({"entries": entries(*CLAIMS)}, FOREST).endswith("1 of 4 rows disagrees: x[1] by -1 (1e+12 bars).")
    assert found({"entries": entries(CLAIMS[0])}, FOREST).endswith("No row disagrees.")
    assert "A word behind a row says what was met there: kink, noisy." in figures.caption(
        {"entries": entries(*CLAIMS)}, FOREST
    )


# What is left out, and that it is said


def test_the_caption_says_which_panels_of_many_are_shown():
    frames = error_frames(sweep(GRID, MANY), MANY)
    assert len(figures.draw(frames, ERROR).axes) == 3
    order = "the first of each function before a second."
    assert f"Shown are the first 3 of 12 panels, {order}" in figures.caption(frames, ERROR)
    assert "first" not in figures.caption(error_frames(sweep(GRID)), ERROR)
    assert f"the first 2 of 12 panels, {order}" in figures.caption(frames, {**ERROR, "panels": 2})
    assert "the first 3 of 12 panels." in figures.caption(frames, {**ERROR, "panel": "function"})


def test_the_caption_of_a_few_panels_read_of_a_large_table_says_how_many_it_has():
    frames = error_frames(sweep(GRID))
    assert "the first 3 of 4000 panels" in figures.caption(frames, ERROR, 4000)
    assert "panels" not in figures.caption(frames, ERROR, 3)


def test_the_panels_chosen_from_all_are_those_drawn():
    frame = pd.concat([sweep([0.1]).assign(x=x) for x in (1.0, 2.0)]).sort_values("function", kind="stable")
    assert figures.panel_columns(ULPS) == ["function", "x"]
    keys = list(frame[["function", "x"]].drop_duplicates().itertuples(index=False, name=None))
    chosen = [keys[place] for place in figures.choose(keys, {**ULPS, "panels": 4})]
    titles = [f"{function} at x = {x:g}" for function, x in chosen]
    assert titles == ["exp at x = 1", "parabola at x = 1", "sin at x = 1", "exp at x = 2"]
    axes = figures.draw({"table": frame}, {**ULPS, "panels": 4}).axes
    assert titles == [ax.get_title(loc="left") for ax in axes]


def test_each_function_is_shown_before_a_second_point_of_any():
    frame = sweep([0.1, 0.01])
    elsewhere = [frame.assign(x=x) for x in (1.0, 2.0, 3.0)]
    points = pd.concat(elsewhere).sort_values("function", kind="stable")
    shown = {**ULPS, "panels": 4}
    titles = [ax.get_title(loc="left") for ax in figures.draw({"table": points}, shown).axes]
    assert titles == ["exp at x = 1", "parabola at x = 1", "sin at x = 1", "exp at x = 2"]
    assert "the first 4 of 9 panels, the first of each function before a second." in figures.caption(
        {"table": points}, shown
    )


def test_a_figure_without_panel_columns_is_one_panel_of_all_rows():
    spec = {**ULPS, "panel": []}
    (ax,) = figures.draw({"table": sweep(GRID, {"exp": FUNCTIONS["exp"]})}, spec).axes
    assert not ax.get_title(loc="left")
    assert len(line_with(ax, GRID)) == len(METHODS)


def test_the_caption_says_which_lines_of_many_are_shown():
    frame = sweep(GRID, {"sin": FUNCTIONS["sin"]}, methods=CROWD)
    (ax,) = figures.draw({"table": frame}, ULPS).axes
    assert len(line_with(ax, GRID)) == SERIES
    assert f"the first {SERIES} of 20 lines" in figures.caption({"table": frame}, ULPS)


def test_a_line_that_is_only_in_panels_left_out_is_not_in_the_legend():
    rare = sweep(GRID, {"f12": MANY["f12"]}, methods={"rare": METHODS["forward_1"]})
    figure = figures.draw(error_frames(pd.concat([sweep(GRID, MANY), rare])), ERROR)
    assert "rare" not in {text.get_text() for legend in figure.legends for text in legend.get_texts()}


def test_a_function_without_values_still_shows_its_secants():
    frame = curves([1.0]).query("function == 'exp'").copy()
    frame.loc[frame["line"] == "f", "y"] = math.nan
    assert len(figures.draw({"curves": frame}, CURVES).axes) == 1


def test_a_key_that_is_null_is_a_key_that_is_absent():
    frames = error_frames(sweep(GRID))
    plain = {key: value for key, value in ERROR.items() if key not in {"marks", "bound"}}
    without = {**ERROR, "marks": None, "bound": None}
    assert figures.columns_needed(without) == figures.columns_needed(plain)
    assert figures.caption(frames, without) == figures.caption(frames, plain)
    both = [figures.draw(frames, spec).axes[0].lines for spec in (without, plain)]
    assert len(both[0]) == len(both[1])


def test_a_panel_without_values_gives_its_place_to_the_next_and_is_named():
    frame = black_box()
    figure = figures.draw(error_frames(frame), ERROR)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["exp at x = 1"]
    assert "Left out, as there is nothing to draw: box at x = 1." in figures.caption(error_frames(frame), ERROR)


def test_a_figure_of_nothing_but_missing_values_is_empty_and_not_drawn():
    frame = black_box().query("function == 'box'")
    cases = [(error_frames(rows), ERROR) for rows in (frame, frame.iloc[:0])]
    cases += [({"law": rows}, LAW) for rows in (law(observed=False), law().iloc[:0])]
    for frames, spec in cases:
        assert figures.empty(frames, spec)
        with pytest.raises(ValueError, match=r"has no values for this figure$"):
            figures.draw(frames, spec)


def test_a_figure_with_a_value_is_not_empty(sample):
    assert not figures.empty(*sample)
    assert figures.caption(*sample)


def test_a_panel_without_an_observed_value_is_left_out_and_named_a_row_without_one_is_shown():
    rows = law()
    rows.loc[rows["function"] == "sin", ["order_observed", "growth_observed"]] = math.nan
    rows.loc[rows["method"] == "central_2", ["order_observed", "growth_observed"]] = math.nan
    figure = figures.draw({"law": rows}, LAW)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["exp at x = 1", "parabola at x = 1"]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == list(METHODS)
    assert "nothing to draw: sin at x = 1." in figures.caption({"law": rows}, LAW)


@pytest.mark.parametrize(("more", "word"), [({}, "theory"), ({"beside": "goal"}, "goal")])
def test_what_stands_in_theorys_place_is_named_in_legend_and_caption(more: dict[str, str], word: str):
    spec = LAW | more
    assert f"beside {word} (upright strokes)" in figures.caption({"law": law()}, spec)
    figure = figures.draw({"law": law()}, spec)
    texts = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert word in texts
    assert len({"theory", "goal"} & set(texts)) == 1


def test_the_caption_counts_what_could_not_be_observed():
    assert "2 of 18 values could not be observed" in figures.caption({"law": law()}, LAW)
    assert "could not be observed" not in figures.caption({"law": law().query("function == 'exp'")}, LAW)


# Scenes and calculations


def test_a_scene_draws_the_elements_of_its_figure_in_their_panels_and_colours():
    figure = figures.draw({"scene": scene()}, SCENE)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["low", "high"]
    for ax, height in zip(figure.axes, (1.0, 3.0), strict=True):
        curve, chord, points = ax.lines
        np.testing.assert_array_equal(curve.get_ydata(), height * np.linspace(0, 1, 5) ** 2)
        assert (curve.get_color(), chord.get_color(), points.get_color()) == ("tab:blue", "c", "k")
        assert (chord.get_linestyle(), points.get_linestyle()) == ("--", "None")
        assert (ax.get_xlim(), ax.get_ylim()) == ((-1.0, 2.0), (-2.0, 4.0))
        assert [text.get_text() for text in ax.texts] == ["$a_1"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["curve", "chord"]


def test_a_scene_with_an_element_that_is_not_known_is_refused():
    frame = scene().replace({"element": {"guide": "arrow"}})
    with pytest.raises(ValueError, match="a scene has no element 'arrow'; there are line, guide, points, text, axes"):
        figures.draw({"scene": frame}, SCENE)


def test_the_lines_of_a_calculation_stand_below_each_other_at_their_signs_of_equality():
    (ax,) = figures.draw({"steps": steps()}, STEPS).axes
    signs = [text.get_position() for text in ax.texts if text.get_text() == "="]
    assert len(signs) == 2
    assert signs[0][0] == pytest.approx(signs[1][0])
    assert signs[0][1] > signs[1][1]


def test_the_pieces_of_a_line_do_not_overlap_and_an_exponent_is_raised_small_and_red():
    figure = figures.draw({"steps": steps()}, STEPS)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    (ax,) = figure.axes
    top = max(text.get_position()[1] for text in ax.texts if text.get_text() == "=")
    row = [
        text for text in ax.texts if abs(text.get_position()[1] - top) < 12 and text.get_text() not in ("d", "dx", "")
    ]
    boxes = sorted((text.get_window_extent(canvas.get_renderer()) for text in row), key=lambda box: box.x0)
    assert all(one.x1 < other.x0 + 1.5 for one, other in itertools.pairwise(boxes))
    (raised,) = [text for text in row if text.get_text() == "2"]
    assert raised.get_color() == RED
    assert raised.get_position()[1] > top
    assert raised.get_fontsize() < SIZE
    assert {text.get_color() for text in row if text is not raised} == {"black", GREY}


def pieces_of(*texts):
    """A calculation of one line, of plain pieces."""
    rows = [("one", 0, place, text, "", False, False, -1, "") for place, text in enumerate(texts)]
    return pd.DataFrame(rows, columns=steps().columns)


def drawn_at(*texts):
    (ax,) = figures.draw({"steps": pieces_of(*texts)}, STEPS).axes
    return {text.get_text(): text.get_position()[0] for text in ax.texts if text.get_text()}


def test_a_sign_stands_close_to_what_it_belongs_to_and_apart_from_what_it_joins():
    sign, joint = drawn_at("=", "-", "x"), drawn_at("y", "-", "x")
    (minus,) = set(sign) - {"=", "x"}
    assert sign["x"] - sign[minus] < joint["x"] - joint[minus] - 0.2 * SIZE


def test_words_and_names_of_functions_stand_upright_and_apart_variables_slanted():
    (ax,) = figures.draw({"steps": pieces_of("sin(", "x", ")", "if", "x", "dx")}, STEPS).axes
    slanted = {text.get_text(): text.get_fontstyle() == "italic" for text in ax.texts if text.get_text()}
    assert (slanted["sin"], slanted["if"], slanted["x"], slanted["dx"]) == (False, False, True, True)
    near, apart = drawn_at("a", "b"), drawn_at("a", "if", "b")
    assert apart["if"] - apart["a"] > near["b"] - near["a"] + 0.2 * SIZE


def test_the_arc_runs_from_the_exponent_to_the_front_of_its_x():
    (ax,) = figures.draw({"steps": steps()}, STEPS).axes
    (arc,) = [text for text in ax.texts if hasattr(text, "xyann") and text.arrow_patch is not None]
    x = min((text for text in ax.texts if text.get_text() == "x"), key=lambda text: -text.get_position()[1])
    front = [text.get_position()[0] for text in ax.texts if text.get_text() == "x"]
    exponent = next(text for text in ax.texts if text.get_color() == RED and text.get_text() == "2")
    assert x.get_position()[0] in front
    assert arc.xyann[0] > exponent.get_position()[0]
    assert any(0 < at - arc.xy[0] < 2 for at in front)
    assert arc.arrow_patch.get_edgecolor() == pytest.approx(matplotlib.colors.to_rgba(RED))


def test_a_long_arc_stays_below_the_line_above():
    inside = [("one", 1, place, "w", "", False, False, -1, "") for place in range(2, 40)]
    ends = [("one", 1, 1, "(", "", False, False, -1, ""), ("one", 1, 40, "2", "", True, True, 1, "")]
    frame = pd.concat([steps()[:6], pd.DataFrame([*ends, *inside], columns=steps().columns)])
    figure = figures.draw({"steps": frame}, STEPS)
    FigureCanvasAgg(figure).draw()
    (ax,) = figure.axes
    arcs = [text.arrow_patch for text in ax.texts if getattr(text, "arrow_patch", None) is not None]
    tops = [ax.transData.inverted().transform(arc.get_path().vertices)[:, 1].max() for arc in arcs]
    lines = sorted({text.get_position()[1] for text in ax.texts if text.get_text() == "="})
    assert min(tops) < lines[1] - 0.3 * SIZE


def test_only_the_rows_that_where_chooses_are_drawn_and_told():
    frames = {"curves": curves([1.0])}
    chosen = {**CURVES, "where": {"function": "sin"}}
    assert len(figures.draw(frames, chosen).axes) == 1
    assert "panels" not in figures.caption(frames, chosen)
    assert figures.empty(frames, {**CURVES, "where": {"function": "nobody"}})


# Maps


def pictures(frame, **spec):
    """The colours drawn in each panel, shape (rows, columns, 4)."""
    figure = figures.draw({"map": frame}, {**MAP, **spec})
    return [ax.images[0].get_array() for ax in figure.axes[:-1]], figure


def test_each_cell_has_the_colour_of_its_own_value_in_its_own_place():
    frame = cells().sample(frac=1, random_state=0)
    drawn, figure = pictures(frame)
    bar = figure.axes[-1].images[0].get_array()[:, 0]
    for picture, ax in zip(drawn, figure.axes, strict=False):
        own = cells()[cells()["method"] == ax.get_title(loc="left")]
        for x, y, value in zip(own["delta"], own["size"], own["median"], strict=True):
            column = round(math.log2(x)) + 8
            row = 0 if y == 0 else round(math.log2(y)) + 3
            if not math.isnan(value):
                shade = round(255 * min(max((math.log10(value) + 4) / 4, 0), 1))
                np.testing.assert_allclose(picture[row, column], bar[shade], atol=0.02)


def test_the_scale_goes_from_pale_to_dark_through_shades_that_grow_evenly_darker():
    _, figure = pictures(cells())
    bar = figure.axes[-1].images[0].get_array()[:, 0, :3]
    linear = np.where(bar <= 0.04045, bar / 12.92, ((bar + 0.055) / 1.055) ** 2.4)
    light = linear @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(light) < 0).all()
    assert light[0] > 0.6
    assert light[-1] < 0.05


def test_a_cell_without_a_value_has_the_grey_of_its_reason_which_the_legend_names():
    drawn, figure = pictures(cells())
    legend = figure.legends[0]
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["not finite", "vanished"]
    greys = [handle.get_markerfacecolor() for handle in legend.get_lines()]
    assert greys == list(BLANKS[:2])
    for (row, column), name in {(1, 0): "vanished", (2, 1): "vanished", (4, 0): "not finite"}.items():
        red, green, blue, _ = drawn[0][row, column]
        assert red == green == blue == int(greys[names.index(name)][1:3], 16) / 255
    assert "grey or white: " in figures.caption({"map": cells()}, MAP)


def test_a_cell_that_the_table_does_not_have_is_white_and_in_no_legend():
    frame = cells().query("not (delta == 0.5 and size == 2)")
    drawn, figure = pictures(frame[frame["median"].notna()])
    assert not figure.legends
    assert drawn[0][4, 7].tolist() == [1, 1, 1, 1]


def test_the_ticks_of_a_map_are_powers_of_two_and_the_scale_says_where_it_ends():
    _, figure = pictures(cells())
    left, _, bar = figure.axes
    assert [text.get_text() for text in left.get_xticklabels()] == [f"2⁻{k}" for k in "⁸⁷⁶⁵⁴³²¹"]
    assert [text.get_text() for text in left.get_yticklabels()] == ["0", "2⁻¹", "2⁰", "2¹"]
    assert list(left.get_yticks()) == [0, 2, 3, 4]
    ends = [text.get_text() for text in bar.get_yticklabels()]
    assert (ends[0], ends[-1], len(ends)) == ("≤ 10⁻⁴", "≥ 10⁰", 5)
    without = pictures(cells(), limits=None)[1].axes[-1].get_yticklabels()
    assert not any(sign in text.get_text() for text in without for sign in "≤≥")


def test_values_of_no_power_of_two_are_told_as_they_are():
    _, figure = pictures(cells().assign(delta=cells()["delta"] * 3))
    assert figure.axes[0].get_xticklabels()[0].get_text() == "0.0117"


def test_texts_stand_beside_the_cells_of_their_rows():
    figure = figures.draw({"map": named_cells()}, {**MAP, "y": "name", "panel": None})
    ax = figure.axes[0]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b", "c", "d", "e"]
    picture = ax.images[0].get_array()
    by_number = figures.draw({"map": named_cells()}, {**MAP, "panel": None}).axes[0].images[0].get_array()
    np.testing.assert_array_equal(picture, by_number[::-1])


def test_the_whole_numbers_beside_a_map_are_written_as_they_are():
    orders = cells().assign(size=lambda frame: frame["size"].map({0.0: 1, 0.25: 2, 0.5: 4, 1.0: 8, 2.0: 16}))
    _, figure = pictures(orders)
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["1", "2", "4", "8", "16"]
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == [f"2⁻{k}" for k in "⁸⁷⁶⁵⁴³²¹"]


def test_a_long_text_beside_a_map_lies_on_the_sheet():
    frame = named_cells().assign(name=named_cells()["name"] * 40)
    figure = figures.draw({"map": frame}, {**MAP, "y": "name", "panel": None})
    figure.canvas.draw()
    ax = figure.axes[0]
    label, *ticks = [text.get_window_extent() for text in (ax.yaxis.label, *ax.get_yticklabels())]
    assert label.x0 >= 0
    assert all(tick.x0 > label.x1 for tick in ticks)


def test_each_run_is_a_line_of_its_own_and_a_ring_marks_the_least_error():
    frame = many_runs()
    figure = figures.draw({"table": frame}, OVERLAID)
    first = figure.axes[0]
    own = frame[(frame["function"] == "exp") & (frame["x"] == FUNCTIONS["exp"][2])]
    drawn = [line.get_ydata() for line in first.lines if len(line.get_xdata()) == len(GRID)]
    for (_, _), part in own.groupby(["method", "run"]):
        expected = part.sort_values("delta")["error"].to_numpy()
        expected = expected[expected > 0]
        assert any(np.isin(expected, y).all() for y in drawn)
    assert len(drawn) == 5 * frame["method"].nunique()
    (ring,) = [line for line in first.lines if line.get_markerfacecolor() == "none"]
    least = own[own["error"] > 0].sort_values("error").iloc[0]
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == (least["delta"], least["error"])


def test_a_line_passes_each_axis_at_its_value():
    frame = ranked_runs()
    figure = figures.draw({"runs": frame}, PARALLEL)
    (lines,) = figure.axes[0].collections
    order = frame["best"].to_numpy().argsort()[::-1]  # the smallest is drawn last, on top
    at = np.array([segment[:, 1] for segment in lines.get_segments()])
    delta, best = (np.log10(frame[name].to_numpy()[order]) for name in ("delta", "best"))
    np.testing.assert_allclose(at[:, 1], (delta - delta.min()) / np.ptp(delta), atol=1e-12)
    np.testing.assert_allclose(at[:, 2], (frame["order"].to_numpy()[order] - 1) / 3, atol=1e-12)
    np.testing.assert_allclose(at[:, 3], (best - best.min()) / np.ptp(best), atol=1e-12)
    texts = frame["method"].to_numpy()[order]
    bands = [at[texts == name, 0] for name in ("forward_1", "central_4", "central_2")]  # from below by the alphabet
    assert all(one.max() < other.min() for one, other in itertools.pairwise(bands))
    darkness = lines.get_colors()[:, :3].sum(axis=1)
    assert (np.diff(darkness) < 0).all()


@pytest.mark.parametrize("limits", [[1], [1, 1], [0, 1], [2, 1]])
def test_limits_that_are_no_two_rising_positive_numbers_are_refused(limits):
    with pytest.raises(ValueError, match="write two positive numbers, the smaller first"):
        figures.check({**MAP, "limits": limits}, TABLES)


def test_a_tick_at_twenty_is_written_as_twenty():
    assert [tick_text(value, 10.0) for value in (-20.0, 0.0, 10.0)] == ["−20", "0", "10"]


# How it looks


def test_nothing_is_cut_off_and_no_legend_or_title_covers_anything(sample):
    figure = figures.draw(*sample)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    panels = [ax.get_tightbbox(renderer) for ax in figure.axes]
    legends = [legend.get_window_extent(renderer) for legend in figure.legends]
    sheet = figure.bbox
    for box in (*panels, *legends):
        assert sheet.x0 - 1 <= box.x0 < box.x1 <= sheet.x1 + 1
        assert sheet.y0 - 1 <= box.y0 < box.y1 <= sheet.y1 + 1
    for one, other in itertools.combinations([*panels, *legends], 2):
        overlap = min(one.x1, other.x1) - max(one.x0, other.x0), min(one.y1, other.y1) - max(one.y0, other.y0)
        assert min(overlap) < 1.5


def test_series_differ_in_colour_and_marker_together():
    looks = list(looks_of(list(map(str, range(SERIES)))).values())
    assert len({(look["color"], look["marker"]) for look in looks}) == SERIES
    for one, other in itertools.pairwise(looks):
        assert one["color"] != other["color"]
        assert one["marker"] != other["marker"]


def faults_of_looks(lines):
    """The pairs of lines of one colour that share a marker or a dash."""
    pairs = itertools.combinations(((line.get_color(), line.get_marker(), line.get_linestyle()) for line in lines), 2)
    return [(one, other) for one, other in pairs if one[0] == other[0] and any(map(str.__eq__, one[1:], other[1:]))]


@pytest.mark.parametrize("shown", [["central_2"], ["central_4", "central_2"], list(METHODS)], ids=len)
def test_a_method_has_one_colour_and_one_marker_whatever_stands_beside_it(shown):
    frame = pd.concat([sweep(GRID, {"sin": FUNCTIONS["sin"]}, methods={name: METHODS[name]}) for name in shown])
    lines = line_with(figures.draw({"table": frame}, ULPS).axes[0], GRID)
    line = lines[shown.index("central_2")]
    assert (line.get_color(), line.get_marker()) == ("#D55E00", "s")


def test_what_others_are_measured_against_is_a_black_line_above_them_without_markers():
    frame = sweep(GRID, {"sin": FUNCTIONS["sin"]}, methods={"central_2": METHODS["central_2"]})
    ax = figures.draw({"table": pd.concat([frame, frame.assign(method="theory allows")])}, ULPS).axes[0]
    measured, theory = (line for line in ax.lines if np.array_equal(line.get_xdata(), GRID))
    assert (theory.get_color(), theory.get_marker()) == ("#000000", "none")
    assert theory.get_zorder() > measured.get_zorder()


def test_the_best_point_of_every_line_has_a_marker():
    figure = figures.draw({"table": sweep(GRID)}, ULPS)
    for ax in figure.axes:
        for line in line_with(ax, GRID):
            assert np.nanargmin(line.get_ydata()) in line.get_markevery()


def test_lines_of_one_colour_differ_in_marker_and_dash_and_the_legend_shows_both():
    frame = sweep(GRID, {"sin": FUNCTIONS["sin"]}, methods=CROWD)
    figure = figures.draw({"table": frame}, ULPS)
    drawn, legend = line_with(figure.axes[0], GRID), figure.legends[0].get_lines()
    assert len(drawn) == len(legend) == SERIES
    assert len({line.get_color() for line in drawn}) < SERIES
    assert faults_of_looks(drawn) == faults_of_looks(legend) == []
    assert [line.get_linestyle() for line in drawn] == [line.get_linestyle() for line in legend]
    drawn[7].set_linestyle(drawn[0].get_linestyle())
    assert len(faults_of_looks(drawn)) == 1


def test_series_of_two_runs_that_share_a_colour_have_their_own_markers_in_the_legend():
    frame = sweep(GRID, {"sin": FUNCTIONS["sin"]}, methods=CROWD)
    runs = pd.concat([frame.assign(run=run, ratio=1.0) for run in "ab"])
    legends = figures.draw({"table": runs}, COMPARED).legends
    lines = [line for legend in legends for line in legend.get_lines()][:SERIES]
    assert len({(line.get_color(), line.get_marker()) for line in lines}) == SERIES


def test_a_name_is_text_even_if_it_looks_like_mathematics_or_is_hidden_by_matplotlib(tmp_path):
    frame = sweep(GRID, {"$\\frac{x}$": FUNCTIONS["exp"]}, methods={"_$x_1": METHODS["forward_1"]})
    figure = figures.draw({"table": frame}, {**ULPS, "panel": "function", "ylabel": "$\\y"})
    figures.save(figure, tmp_path, "names", ["svg", "png"])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["_$x_1"]
    assert figure.axes[0].get_title(loc="left") == "$\\frac{x}$"


def test_a_title_that_fits_is_not_cut():
    names = ["regression, generated", "digits_relu, generated", "W" * 22]
    frame = pd.DataFrame({"n": names, "w": 1.0, "steps": 100, "x": 0.1, "y": 0.1})
    spec = {"kind": "lines", "table": "table", "panel": ["n", "steps"], "series": "w", "x": "x", "y": "y"}
    figure = figures.draw({"table": frame}, spec)
    FigureCanvasAgg(figure).draw()
    titles = [next(t for t in ax.findobj(Text) if t.get_text() == ax.get_title(loc="left")) for ax in figure.axes]
    assert [text.get_text() for text in titles[:2]] == [f"{name} at steps = 100" for name in names[:2]]
    assert titles[2].get_text().endswith("… at steps = 100")
    for one, other in itertools.pairwise(titles):
        assert one.get_window_extent().x1 < other.get_window_extent().x0


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ((1.0, 1.8), (1, 2)),
        ((1.0, 2.85), (1, 5)),
        ((85.0, 325.0), (50, 500)),
        ((0.44, 2.2), (0.2, 5)),
        ((1.0, 10.0), (1, 10)),
        ((1.0, 11.0), (1, 11)),
        ((3e-9, 3e-9), (1e-9, 1e-8)),
        ((2e-9, 5e-9), (1e-9, 1e-8)),
        ((2e-9, 5e-6), (2e-9, 5e-6)),
        ((1e-300, 1e300), (1e-300, 1e300)),
    ],
)
def test_an_axis_ends_at_its_values_and_within_a_decade_at_the_nearest_round_numbers(values, ends):
    assert 10.0 ** np.array(ends_around(np.array(values))) == pytest.approx(ends)


def test_ticks_of_an_axis_within_a_decade_are_plain_numbers_or_powers_of_ten():
    said = {}
    for low, high in ((1.0, 2.85), (2e-9, 1.4e-8)):
        figure = Figure()
        ax = figure.add_axes((0.2, 0.2, 0.7, 0.7))
        ax.set_yscale("log")
        log_axis(ax, "y", *ends_around(np.array([low, high])), zero=False)
        labels = [text.get_text() for text in ax.get_yticklabels()]
        said[low] = dict(zip(labels, ax.get_yticks(), strict=True))
    assert said[1.0] == pytest.approx({"1": 1, "2": 2, "5": 5})
    assert said[2e-9] == pytest.approx({"10⁻⁹": 1e-9, "10⁻⁸": 1e-8, "10⁻⁷": 1e-7}, rel=1e-6, abs=0)


def test_a_long_expression_gives_way_and_the_point_stays_in_the_title():
    frame = sweep(GRID, {"exp(x)" + "+0*x" * 100: FUNCTIONS["exp"]})
    title = figures.draw({"table": frame}, ULPS).axes[0].get_title(loc="left")
    assert title.startswith("exp(x)+0*x")
    assert title.endswith("… at x = 1")


def test_a_long_number_at_a_tick_is_told_by_how_far_it_is_from_another():
    ax = figures.draw({"curves": noise()}, CURVES).axes[0]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["−1e−8", "−5e−9", "0.5", "+5e−9", "+1e−8"]
    np.testing.assert_allclose(ax.get_yticks() - 0.5, [-1e-8, -5e-9, 0, 5e-9, 1e-8], atol=1e-16)


# Specs


@pytest.mark.parametrize(
    "name", ["error of 129 deltas", "ulps", "curves", "law", "scene", "steps", "map", "five runs", "runs in parallel"]
)
def test_exactly_the_columns_that_are_named_are_read(name):
    frames, spec = SAMPLES[name]()
    own = {table: frames[table][columns] for table, columns in figures.columns_needed(spec).items()}
    figures.draw(own, spec)
    figures.caption(own, spec)
    for table, frame in own.items():
        for column in frame:
            with pytest.raises(KeyError, match=str(column)):
                figures.draw({**own, table: frame.drop(columns=column)}, spec)


def test_every_kind_of_the_project_is_drawn_by_some_sample():
    """Somebody's own is added without one: so the project's are counted."""
    sampled = {spec["kind"] for _, spec in (make() for make in SAMPLES.values())}
    assert sampled <= set(KINDS)
    assert len(sampled) >= 10


TABLES = {
    "table": list(sweep([0.1])),
    "prediction": list(prediction()),
    "optimum": list(optimum()),
    "curves": list(curves([0.1])),
    "law": list(law()),
    "scene": list(scene()),
    "steps": list(steps()),
    "map": list(cells()),
}
SPECS = {"error": ERROR, "ulps": ULPS, "curves": CURVES, "law": LAW, "scene": SCENE, "steps": STEPS, "map": MAP}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_spec_whose_columns_exist_is_accepted_and_each_column_missing_is_named(spec):
    figures.check(spec, TABLES)
    for table, columns in figures.columns_needed(spec).items():
        for column in columns:
            with pytest.raises(ValueError, match=f"^a figure draws column '{column}'; {table} has [^\n]*$"):
                figures.check(spec, {**TABLES, table: [c for c in columns if c != column]})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": "pie"}, "'pie' is not known; there are "),
        ({"kind": "line"}, "'line' is not known; did you mean lines"),
        ({"serie": "method"}, "no key 'serie'; did you mean series"),
        ({"table": "tabel"}, "no table 'tabel'; did you mean table?"),
        ({"bound": ["truncation", "rounding"]}, "bound is ['truncation', 'rounding']; write a mapping of table, x, y"),
        ({"marks": {"table": "optimum", "x": "delta"}}, "write a mapping of table, x, y"),
        ({"panels": "all"}, "panels is 'all'; write how many"),
        ({"panels": 0}, "panels is 0; write how many"),
        ({"where": "sin"}, "where is 'sin'; write a mapping of columns"),
        ({"where": {"sort": 1}}, "draws column 'sort'; table has"),
    ],
)
def test_a_wrong_spec_is_refused_in_one_line(change, says):
    with pytest.raises(ValueError, match=r"^[^\n]*$") as refusal:
        figures.check({**ULPS, **change}, TABLES)
    assert says in str(refusal.value)


def test_a_spec_without_a_key_it_needs_is_refused():
    with pytest.raises(ValueError, match="needs the key 'series'"):
        figures.columns_needed({key: value for key, value in ULPS.items() if key != "series"})


# The figures of the delta sweep


def studied(directory, texts, *, method=("forward_1", "central_2"), **config):
    """Write the tables of a small delta sweep; return the run as the drawing needs it, and the tables' records."""
    problems = tuple(dk.Problem(dk.Function.from_expression(text), points) for text, points in texts.items())
    study = study_of({"runner": "delta_sweep"})
    with tables.Writer(directory, study.shapes, job=0) as writer:
        for name, columns in study.measurements(study.Config(function=problems, method=method, **config)):
            writer.write(name, columns)
    preset = OmegaConf.load(ROOT / "conf/experiment/delta_sweep.yaml")
    chosen = {"formats": ["svg"], "draw": OmegaConf.to_container(preset.figures.draw)}
    return SimpleNamespace(directory=directory, figures=chosen, study=study), writer.records


def test_the_prediction_of_a_sweep_is_truncation_plus_rounding_at_the_points_pictured(tmp_path):
    ladder = tuple(logspace(-16, 0, 129))
    studied(tmp_path, {"exp(x)": (1.0, 2.0), "log(x)": (0.01, 0.02)}, delta=ladder)
    told = tables.read(tmp_path / "prediction.parquet")
    assert list(told[["function", "x"]].drop_duplicates().itertuples(index=False, name=None)) == [
        ("exp(x)", 1.0),
        ("exp(x)", 2.0),
        ("log(x)", 0.01),
    ]
    both = told.merge(tables.read(tmp_path / "table.parquet"), on=["function", "x", "method", "delta"])
    assert len(both) == len(told)
    total = both["truncation"] + both["rounding"]
    known = (both["status"] != "outside_domain") & np.isfinite(total)
    assert 0.9 < known.mean() < 1.0
    np.testing.assert_array_equal(both["error_x"], total.where(known))
    assert (both["bound_x"] == both["bound_y"]).all()
    assert told["delta"].min() >= 4 * np.spacing(0.01)


def test_jobs_that_differ_in_delta_alone_predict_the_same_rows(tmp_path):
    found = []
    for delta in (1e-4, 1e-8, 40.0):
        (tmp_path / f"{delta}").mkdir()
        studied(tmp_path / f"{delta}", {"exp(x)": (1.0,)}, delta=(delta,))
        found.append(tables.read(tmp_path / f"{delta}" / "prediction.parquet"))
    pd.testing.assert_frame_equal(found[0], found[1])
    assert found[2]["delta"].max() >= 40.0
    assert len(found[0].merge(found[2])) == len(found[0])


def test_a_figure_without_values_is_not_drawn_and_leaves_no_file(tmp_path):
    run, records = studied(tmp_path, {"abs(x)": (0.0,)}, delta=(1e-2,))
    assert [one.name for one in run_figures.draw(run, figures_of(run.figures), records)[0]] == ["secants"]
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["secants.svg"]


def test_a_large_table_gives_the_same_figures_from_the_panels_shown_alone(tmp_path, monkeypatch):
    points = tuple(np.linspace(1.0, 2.0, 60))
    run, records = studied(tmp_path, {"exp(x)": points, "sin(x)": points}, delta=(1e-2, 1e-4, 1e-8))
    whole, _ = run_figures.draw(run, figures_of(run.figures), records)
    # the table has more rows than this, the panels of any table that are shown have fewer
    monkeypatch.setattr(run_figures, "MAX_ROWS_READ", 650)
    assert records["curves"].rows < 650 < records["table"].rows
    read, rows = tables.read, {}
    monkeypatch.setattr(tables, "read", lambda *told: rows.setdefault((told[0].stem, *told[1]), read(*told)))
    part, _ = run_figures.draw(run, figures_of(run.figures), records)
    assert [one[:2] for one in part] == [one[:2] for one in whole]
    captions = ({one.caption for one in some if one.name != "secants"} for some in (part, whole))
    assert next(captions) == next(captions)
    assert "Shown are the first 3 of 120 panels" in part[0][2]
    read_of_table = [len(frame) for (name, *_), frame in rows.items() if name == "table"]
    assert len(read_of_table) == 2
    assert max(read_of_table) < records["table"].rows / 5


# Files


def test_a_format_that_is_not_known_is_refused_before_a_file_is_written(tmp_path):
    figure = figures.draw({"law": law()}, LAW)
    with pytest.raises(ValueError, match=r"'bmp' is not known; there are svg, png, pdf$"):
        figures.save(figure, tmp_path / "figures", "law", ["svg", "bmp"])
    with pytest.raises(ValueError, match=r"write a list, such as \[svg\]"):
        formats.check_formats("svg")
    assert not (tmp_path / "figures").exists()


def test_each_format_is_written_whole_and_nothing_else(tmp_path):
    paths = figures.save(figures.draw({"law": law()}, LAW), tmp_path, "law", ["svg", "png", "pdf"])
    assert [path.name for path in paths] == ["law.svg", "law.png", "law.pdf"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["law.pdf", "law.png", "law.svg"]
    starts = [path.read_bytes()[:5] for path in paths]
    assert starts == [b"<?xml", b"\x89PNG\r", b"%PDF-"]


DRAW_ALL = """
import sys, hashlib
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import test_figures as t
from experiments import figures
for name in ("error of 129 deltas", "error of two jobs", "curves", "law", "map"):
    figure = figures.draw(*t.SAMPLES[name]())
    for path in figures.save(figure, Path(sys.argv[1]), name, ["svg", "png", "pdf"]):
        print(path.name, hashlib.sha256(path.read_bytes()).hexdigest())
assert "matplotlib.pyplot" not in sys.modules
"""


@pytest.mark.slow
def test_a_second_process_writes_the_same_bytes_even_with_a_matplotlibrc_of_its_own(tmp_path):
    answers = []
    (tmp_path / "rc").mkdir()
    (tmp_path / "rc" / "matplotlibrc").write_text(
        "lines.linewidth: 9\nfont.size: 30\ntext.usetex: True\nsavefig.dpi: 10\n"
    )
    for seed, rc in (("1", {}), ("2", {"MATPLOTLIBRC": str(tmp_path / "rc")})):
        env = environment(**rc, PYTHONHASHSEED=seed, PYTHONPATH=os.pathsep.join([str(ROOT), str(ROOT / "tests")]))
        done = python("-c", DRAW_ALL, str(tmp_path / seed), str(Path(__file__).parent), check=True, env=env)
        answers.append(done.stdout)
    assert len(answers[0].splitlines()) == 15
    assert answers[0] == answers[1]


def test_two_figures_that_differ_have_different_bytes(tmp_path):
    """The test above would also pass for a program that draws nothing."""
    frame = sweep(GRID)
    shifted = frame.assign(error=frame["error"] * 1.2)
    hashes = {
        hashlib.sha256(
            figures.save(figures.draw(error_frames(rows), ERROR), tmp_path, "f", ["svg"])[0].read_bytes()
        ).digest()
        for rows in (frame, shifted)
    }
    assert len(hashes) == 2


def found(frames, spec):
    """How a figure is read, and what its data say."""
    return figures.caption(frames, spec).split("\n\n")[0]


def test_the_caption_of_scattered_points_counts_them():
    spec = {**ULPS, "joined": False, "ylabel": "error"}
    rows = sweep([1e-2, 1e-4], {"exp": FUNCTIONS["exp"]}, methods={"forward_1": METHODS["forward_1"]})
    assert found({"table": rows}, spec).endswith(" 2 points.")


def test_the_caption_tells_the_slopes_of_the_secants():
    text = found({"curves": curves([1.0, 0.1])}, CURVES)
    slopes = [(math.exp(1 + h) - math.e) / h for h in (1.0, 0.1)]
    assert f"exp at x = 1: the slopes are {slopes[0]:.3g} (secant 1) and {slopes[1]:.3g} (secant 0.1)." in text


def test_a_bent_line_has_no_slope():
    frame = curves([1.0])
    frame = frame[frame["line"] == "f"]
    both = pd.concat([frame, frame.assign(line="bent", y=frame["y"] + 1)])
    assert "slope" not in found({"curves": both}, CURVES)


def test_a_caption_tells_few_slopes_and_of_many_lines_their_range():
    def graph(point, slopes):
        lines = [("f", [0.0, 1.0, 2.0]), *((f"tangent {k}", [0.0, slope, 2 * slope]) for k, slope in enumerate(slopes))]
        return [pd.DataFrame({"function": "f", "x": point, "line": n, "t": [0.0, 1.0, 2.0], "y": y}) for n, y in lines]

    panels = [*graph(0.0, [3.0, 1.5, 9.0, 2.0]), *graph(1.0, [1.0, 2.0]), *graph(2.0, [4.0, 5.0, 6.0])]
    text = found({"curves": pd.concat(panels)}, CURVES)
    assert "x = 0: the 4 slopes lie between 1.5 (tangent 1) and 9 (tangent 2)." in text
    assert "x = 1: the slopes are 1 (tangent 0) and 2 (tangent 1)." in text
    assert "x = 2" not in text


def test_slopes_have_the_digits_that_tell_them_apart():
    line = pd.DataFrame({"t": [0.0, 1.0], "function": "f", "x": 0.5})
    lines = [
        line.assign(line=name, y=[0.0, slope]) for name, slope in (("f", 1.0), ("secant", 2.0002), ("tangent", 2.0))
    ]
    assert "the slopes are 2.0002 (secant) and 2 (tangent)." in found({"curves": pd.concat(lines)}, CURVES)


def test_a_caption_says_first_how_somebody_wrote_that_the_figure_is_read(sample):
    frames, spec = sample
    written = figures.caption(frames, {**spec, "caption": "look here."})
    assert written.startswith("Look here.")
    described, *rest = figures.caption(frames, spec).split("\n\n")
    assert written.split("\n\n")[1:] == rest
    assert described.endswith(written.split("\n\n")[0].removeprefix("Look here."))
    assert described[0].isupper()
    assert described.endswith(".")


def test_lines_alone_have_no_best_of_which_a_caption_could_tell():
    text = figures.caption(error_frames(sweep(GRID)), ERROR)
    assert not re.search("least|lowest|smallest|best", text)


def test_the_caption_tells_the_farthest_from_theory():
    rows = law()
    rows.loc[0, "order_observed"] = rows.loc[0, "order"] + 0.5
    assert "lie within 0.50 of theory; the farthest is " in found({"law": rows}, LAW)
    assert "1.50 against 1.00" in found({"law": rows}, LAW)


def test_the_caption_of_compared_runs_tells_the_ends_of_the_ratio():
    assert "atio to the first run" in found({"table": two_runs()}, COMPARED)


def test_the_caption_of_parallel_coordinates_tells_the_ends_and_their_keys():
    frame = pd.DataFrame({"run": ["a", "b", "c"], "delta": [0.1, 0.2, 0.3], "error": [2e-3, 1e-9, 0.5]})
    spec = {"kind": "parallel", "table": "t", "series": "run", "axes": ["delta"], "value": "error", "label": "error"}
    assert found({"t": frame}, spec).endswith("The least error is 1e-09 (delta 0.2), the greatest 0.5 (delta 0.3).")


def test_a_scatter_of_many_series_counts_the_points_of_those_that_it_does_not_name():
    names = [name for k, name in enumerate("abcdeghi", start=1) for _ in range(k)]
    frame = pd.DataFrame({"who": names, "x": np.arange(1.0, 37.0), "y": np.arange(1.0, 37.0)})
    spec = {"kind": "lines", "table": "table", "x": "x", "y": "y", "series": "who", "joined": False, "caption": "C."}
    said = figures.caption({"table": frame}, spec)
    assert said.startswith("C. 36 points: 1 a, 2 b, 3 c, 4 d, 5 e, 6 g and 15 of 2 more.")
