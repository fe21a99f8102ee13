"""Studies from Python: the run of the command line, with values instead of words and objects instead of files."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from laboratory import content

import derivkit as dk
from experiments import lab, run
from experiments.messages import ConfigurationError
from experiments.running import spelling
from experiments.running.overrides import parsed

WITHOUT_FIGURES = {"figures": {"draw": None}, "method": ["central_2"]}

pytestmark = pytest.mark.usefixtures("place")


def square(x: float) -> float:
    return x * x


def test_a_study_that_is_called_is_the_study_that_is_typed() -> None:
    called = lab.run("delta_sweep", function="sin", delta=[1e-4, 1e-8], figures={"formats": ["svg"]})
    assert run.main(["function=sin", "delta=[1e-4,1e-8]", "figures.formats=[svg]"]) == 0
    typed = lab.open("latest")
    assert called.directory != typed.directory
    assert {name: data for name, data in content(called.directory).items() if "config" not in name} == {
        name: data for name, data in content(typed.directory).items() if "config" not in name
    }
    assert list(called.tables) == list(typed.tables)
    for name, table in called.tables.items():
        pd.testing.assert_frame_equal(table, typed.tables[name])
    assert called.tables["table"]["delta"].tolist()[:2] == [1e-4, 1e-8]
    assert called.findings == typed.findings
    assert called.findings
    assert called.page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert called.figures["error"]._repr_svg_().lstrip().startswith("<?xml")  # type: ignore[union-attr]  # it is an SVG
    assert called.findings[0] in called._repr_html_().replace("&lt;", "<").replace("&gt;", ">")
    assert "report " in called.output


def test_a_function_of_a_module_and_words_are_taken_too(capsys: pytest.CaptureFixture[str]) -> None:
    done = lab.run("delta_sweep", "delta=1e-2,1e-4", python=math.sin, x=np.array([1.0, 2.0]), **WITHOUT_FIGURES)
    assert len(done.record.jobs) == 2
    assert done.tables["table"]["x"].unique().tolist() == [1.0, 2.0]
    assert done.findings[0].startswith("f'(1) = 0.54030230586")
    assert len(set(done.findings)) == len(done.findings)
    assert done.failures == []
    assert capsys.readouterr().out == ""


def test_a_run_with_failures_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(*_: object) -> Any:
        raise RuntimeError("no luck today")

    monkeypatch.setattr("experiments.studies.delta_sweep.measure", broken)
    done = lab.run(function="sin", **WITHOUT_FIGURES)
    assert done.failures == ["job 0: RuntimeError: no luck today"]
    assert "0 of 1 jobs done" in repr(done)
    assert "no luck today" in done._repr_html_()
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: lab.run(functoin="sin"), "the study 'delta_sweep' has no key 'functoin'; did you mean function?"),
        (lambda: lab.run("delta_swep"), "no experiment named 'delta_swep'; did you mean delta_sweep?"),
        (lambda: lab.run(delta=-1.0), "delta=-1: a step is greater than 0; write one such as delta=1e-4"),
        (lambda: lab.run(expression="3*sin x"), "expression=3*sin x: '3*sin x' at column 3: sin is a function"),
        (lambda: lab.run(python=lambda x: x), "write def f(x): ... at the top of a module or a notebook, and python=f"),
        (lambda: lab.run("delta_sweep", "--cfg", "job"), "only a run is started here; leave its options out"),
        (lambda: lab.open("nothing"), "no run named 'nothing' below "),
    ],
)
def test_what_is_refused_in_a_line_is_raised_with_it(call: Callable[[], Any], line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        call()
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(Path("outputs").glob("*/*/*"))


def test_a_table_that_is_not_there_is_refused_by_the_names_of_those_that_are() -> None:
    tables = lab.Tables(Path(), ("table", "summary"))
    with pytest.raises(KeyError, match="no table 'sumary'; there are table, summary"):
        tables["sumary"]
    assert repr(tables) == "<Tables table, summary>"


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (1e-4, 1e-4),
        (-3, -3),
        (True, True),
        (None, None),
        ("sin", "sin"),
        ("pi/2", "pi/2"),
        ("x*sin(x), it's [1] \\", "x*sin(x), it's [1] \\"),
        ([1e-4, 1e-300], [1e-4, 1e-300]),
        (np.array([1.0, 0.5]), [1.0, 0.5]),
        (np.float64(0.1), 0.1),
        (("sin(x)", dk.parse("x^2")), ["sin(x)", "x^2"]),
        ({"draw": None, "formats": ["svg"]}, {"draw": None, "formats": ["svg"]}),
        (square, f"{__name__}:square"),
    ],
)
def test_a_value_of_python_is_read_back_as_it_is(value: Any, read: Any) -> None:
    assert parsed(spelling.word("key", value)).value() == read
