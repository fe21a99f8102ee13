"""The figures that a configuration requests: one by one, or one for every case."""

from __future__ import annotations

from typing import Any

import pytest

from experiments import figures
from experiments.messages import ConfigurationError
from experiments.running.requested import figures_of
from experiments.study import Rows, column, key

CURVES = {"kind": "curves", "table": "pictures", "panel": "view"}


def test_a_block_with_cases_is_one_figure_for_each_of_them() -> None:
    draw = {"first": CURVES, "cases": {**CURVES, "where": {"size": 1}, "each": {"case": ["kink", "jump"]}}}
    assert figures_of({"draw": draw}) == {
        "first": CURVES,
        "kink": {**CURVES, "where": {"size": 1, "case": "kink"}},
        "jump": {**CURVES, "where": {"size": 1, "case": "jump"}},
    }


def test_a_figure_that_is_null_is_left_out_be_it_one_of_many_cases() -> None:
    draw = {"first": None, "cases": {**CURVES, "each": {"case": ["kink", "jump"]}}, "kink": None}
    assert list(figures_of({"draw": draw})) == ["jump"]
    assert figures_of({"draw": None}) == {}


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        ({"cases": {**CURVES, "each": "case"}}, "figures.draw.cases.each=case: no cases; write a column"),
        ({"cases": {**CURVES, "each": {"case": "kink"}}}, "no cases; write a column and its values"),
        ({"cases": {**CURVES, "each": {"case": ["a"], "view": ["b"]}}}, "no cases; write a column and its values"),
        ({"cases": {**CURVES, "each": {"case": ["a/b"]}}}, "figures.draw.a/b: a figure's file is named so"),
    ],
)
def test_cases_that_are_none_are_refused_in_one_line(draw: Any, says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        figures_of({"draw": draw})
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


class Pictures(Rows):
    view: str = key("a panel")
    line: str = column("a line", axis="series")
    t: float = column("abscissa", axis="x", label="distance from x")
    y: float = column("ordinate", axis="y")


def test_what_a_figure_does_not_say_is_taken_from_the_columns_of_its_table() -> None:
    spec = figures.completed(CURVES, {"pictures": Pictures})
    assert spec == {**CURVES, "series": "line", "x": "t", "y": "y", "xlabel": "distance from x"}
    figures.check(spec, {"pictures": list(Pictures.columns)})
    assert figures.completed({**CURVES, "x": "y", "xlabel": "height"}, {"pictures": Pictures})["x"] == "y"


def test_a_figure_takes_no_column_that_its_kind_does_not_draw() -> None:
    spec = {"kind": "steps", "table": "pictures", "line": "line"}
    assert figures.completed(spec, {"pictures": Pictures}) == spec
