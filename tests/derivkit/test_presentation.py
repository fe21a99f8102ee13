"""Results as they show themselves: in a line, as a number with its bar, and in a notebook."""

from __future__ import annotations

import math
import sys
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import derivkit as dk
from derivkit.presentation import measured, trusted_digits, with_bar

LINES = {
    "smooth": (
        lambda: dk.derivative(math.sin, 1.3),
        r"Derivative(value=0.26749882862459, error=1.1e-14, status='ok', ",
    ),
    "kink": (lambda: dk.derivative(abs, 0.0), "Derivative(status='kink', left=-1, right=1, evaluations="),
    "vertical": (lambda: dk.derivative(math.sqrt, 0.0), "Derivative(value=inf, status='vertical', exponent=0.5, "),
    "points": (lambda: dk.derivative("x^2", [0.5, 1.0]), "Derivative(value=[1., 2.], error=["),
    "formula": (
        lambda: dk.formula("central_2"),
        "Stencil(name='central_2', derivative=1, order=2, offsets=(-1, 1), weights=(-1/2, 1/2))",
    ),
    "sweep": (
        lambda: dk.sweep("x^2", 1.0, [0.5], formulas=["central_2"]),
        "Sweep(names=('central_2',), x=1., delta=[0.5], estimate=[[2.]], total=2)",
    ),
    "diagnosis": (
        lambda: dk.diagnose("x*sin(x)", "cos(x)"),
        "Diagnosis(verdict='a rule is broken', rules=('product rule as product of derivatives',), place=x*sin(x), ",
    ),
    "recommendation": (
        lambda: dk.recommend_delta("sin(x)", 1.0)[0],
        "Recommendation(formula='forward_1', dtype='float64', x=1, delta=1.5e-08, error=1.3e-08)",
    ),
    "function": (
        lambda: dk.Function.from_expression("sqrt(x)", domain=(0.0, 4.0)),
        "Function(name='sqrt(x)', expression=sqrt(x), domain=(0, 4))",
    ),
    "nothing recommended": (
        lambda: dk.recommend_delta("abs(x)", 0.0)[0],
        "Recommendation(formula='forward_1', dtype='float64', x=0)",
    ),
    "check": (lambda: dk.check_gradient("x^2", "2*x", 1.0), "GradientCheck(verdict='agree', error="),
}
RESULTS = {
    "Derivative": lambda: dk.derivative(abs, [0.0, 1.0]),
    "Derivation": lambda: dk.derive("x*sin(x)^2"),
    "Diagnosis": lambda: dk.diagnose("x*sin(x)", "cos(x)"),
    "Gradient": lambda: dk.gradient("x^2*y", [3.0, 5.0]),
    "Hessian": lambda: dk.hessian("x^2*y", [3.0, 5.0]),
    "GradientCheck": lambda: dk.check_gradient("x^2*y", ["2*x*y", "x"], [3.0, 5.0]),
    "Stencil": lambda: dk.formula("central_4"),
    "Sweep": lambda: dk.sweep("sin(x)", 1.0, [1e-4, 1e-8], formulas=["forward_1"]),
    "Expression": lambda: dk.parse("piecewise((x^2, x < 1), (x_1, True))"),
}


@pytest.mark.parametrize("name", LINES)
def test_a_result_is_a_line_that_leaves_out_what_is_absent(name: str) -> None:
    result, line = LINES[name][0](), LINES[name][1]
    assert repr(result).startswith(line)
    assert "nan" not in repr(result)
    assert len(repr(result)) < 250


def lost(_: Any) -> Any:
    raise RuntimeError("no convergence")


@pytest.mark.parametrize(
    "result",
    [
        lambda: dk.derivative(lost, 1.0),
        lambda: dk.derivatives(lost, 1.0)[2],
        lambda: dk.gradient(lost, [1.0, 2.0]),
        lambda: dk.jacobian(lost, [1.0, 2.0]),
        lambda: dk.hessian(lost, [1.0, 2.0]),
        lambda: dk.partial(lost, [1.0, 2.0], 0),
        lambda: dk.sweep(lost, 1.0, [0.5], formulas=["central_2"]),
        lambda: dk.richardson(lost, 1.0),
    ],
)
def test_what_f_raised_is_in_the_line_of_a_result(result: Any) -> None:
    assert "RuntimeError: no convergence" in repr(result())


def test_numbers_in_lines_and_tables_are_as_good_as_their_bars() -> None:
    found = dk.derivative(math.sin, 1.3)
    assert f">{with_bar(found.value, found.error)}</td>" in found._repr_html_()
    assert ">error</td>" not in found._repr_html_()


@given(value=st.floats(-1e300, 1e300), error=st.floats(1e-300, 1e300))
def test_the_digits_of_a_value_say_no_less_than_its_bar(value: float, error: float) -> None:
    """What is cut off is at most half a unit of the first digit of the bar, or of the 17th of the value."""
    assert abs(float(trusted_digits(value, error)) - value) <= max(error, 2e-16 * abs(value))


# As the package `uncertainties` 3.2.3 writes them
FORMATS = [
    (0.182509097749861, 3.6e-14, "S", "0.18250909774986(4)"),
    (0.182509097749861, 3.6e-14, ".3g", "0.183+/-0.000"),
    (0.182509097749861, 3.6e-14, ".2uS", "0.182509097749861(36)"),
    (0.182509097749861, 3.6e-14, "P", "0.18250909774986±0.00000000000004"),
    (0.182509097749861, 3.6e-14, "e", "(1.8250909774986+/-0.0000000000004)e-01"),
    (1234.5, 12.0, ".3g", "(1.23+/-0.01)e+03"),
    (1234.5, 12.0, ".1uS", "1.23(1)e+03"),
    (1234.5, 12.0, ".3f", "1234.500+/-12.000"),
    (0.0, 1e-9, "P", "(0.0±1.0)×10⁻⁹"),
    (1e-30, 2e-33, "L", r"\left(1.0000 \pm 0.0020\right) \times 10^{-30}"),
    (1e20, 3e5, "S", "1.0000000000000000(30)e+20"),
    (0.1, 0.96, "S", "0.1(1.0)"),
    (0.1, 0.96, ".2u", "0.10+/-0.96"),
    (0.540302305868137, 9.7e-15, "L", r"0.540302305868137 \pm 0.000000000000010"),
    (1.23e-7, 4.5e-12, "L", r"\left(1.23000 \pm 0.00005\right) \times 10^{-7}"),
    (-0.0005895771368306654, 9.496294930407903e-08, "S", "-0.00058958(9)"),
    (6530669982.3652525, 0.0009963662983104842, ".2u", "6530669982.3653+/-0.0010"),
    (-999734364.5264608, 5.595664790428245e-09, ".3g", "(-1.00+/-0.00)e+09"),
    (math.inf, math.nan, "L", r"\infty \pm \mathrm{nan}"),
    (math.nan, math.inf, "S", "nan(inf)"),
]


@pytest.mark.parametrize(("value", "error", "spec", "text"), FORMATS)
def test_formats_are_those_of_uncertainties(value: float, error: float, spec: str, text: str) -> None:
    assert measured(value, error, spec) == text


def test_a_derivative_is_a_number() -> None:
    found = dk.derivative("x^2", 1.5)
    assert float(found) == found.value
    assert f"{found:.3g}" == "3.00+/-0.00"
    assert f"{found}" == str(found) == repr(found)
    assert float(dk.partial("x*y", [2.0, 3.0], 0)) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("result", "spec", "message"),
    [
        (lambda: dk.derivative("x^2", 1.0), ".3x", r"no format '\.3x' of a value with its bar; write such as"),
        (lambda: dk.derivative("x^2", [1.0, 2.0]), ".3g", r"'\.3g' is of one value with its bar, and there are 2"),
    ],
)
def test_a_format_that_is_none_is_refused(result: Any, spec: str, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        format(result(), spec)


class Balance(HTMLParser):
    """Which elements are open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:  # noqa: ARG002 -- its own
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", RESULTS)
def test_a_notebook_shows_every_result_in_three_languages(name: str) -> None:
    result = RESULTS[name]()
    html, markdown, latex = result._repr_html_(), result._repr_markdown_(), result._repr_latex_()
    balance = Balance()
    balance.feed(html)
    assert balance.open == []
    assert not {"nan", "None", "Expression"} & set(html.replace("<", " ").replace(">", " ").split())
    assert latex.startswith("$")
    assert latex.endswith("$")
    assert latex.count("{") - latex.count(r"\{") == latex.count("}") - latex.count(r"\}")
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert len({line.replace(r"\|", "").count("|") for line in rows}) <= 1


def test_a_matrix_has_a_row_for_each_of_its_rows() -> None:
    assert list(dk.jacobian(["x*y", "x"], [3.0, 5.0], formula="central_2", delta=2.0**-10).rows())[:3] == [
        ("", "x[0]", "x[1]"),
        ("[0]", (5.0, pytest.approx(0.0, abs=1e-10)), (3.0, pytest.approx(0.0, abs=1e-10))),
        ("[1]", (1.0, pytest.approx(0.0, abs=1e-10)), (0.0, pytest.approx(0.0, abs=1e-10))),
    ]


def test_of_many_entries_the_first_are_shown() -> None:
    text = dk.gradient(lambda x: np.sum(np.sin(x)), np.linspace(0.0, 1.0, 100))._repr_html_()
    assert text.count("<tr>") == 12 + 1 + 2
    assert "... and 88 more" in text


def test_what_html_and_markdown_take_for_signs_is_escaped() -> None:
    found = dk.derivative(lambda x: [][int(x)] if x > 1 else x, 1.0)
    assert dk.parse("piecewise((x, x < 1), (x^2, True))")._repr_html_() == "{x if x &lt; 1; x<sup>2</sup> otherwise}"
    assert r"central\_2" in dk.formula("central_2")._repr_markdown_()
    assert "<lambda>" not in found._repr_html_()


def test_a_sweep_is_a_frame() -> None:
    sweep = dk.sweep("sin(x)", [1.0, 2.0], [1e-4, 1e-20], formulas=["forward_1", "central_2"])
    frame = sweep.frame()
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == ["formula", "x", "delta", "estimate", "vanished"]
    for row in frame.itertuples():
        k, i, j = (
            list(values).index(value)
            for values, value in ((sweep.names, row.formula), (sweep.x, row.x), (sweep.delta, row.delta))
        )
        assert np.array_equal(sweep.estimate[k, i, j], row.estimate, equal_nan=True)
        assert sweep.vanished[k, i, j] == row.vanished


def test_a_frame_without_pandas_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"a frame needs pandas: pip install pandas, or take \.columns"):
        dk.sweep("x", 1.0, [0.5], formulas=["forward_1"]).frame()


def test_a_derivation_has_its_lines_and_reasons() -> None:
    text = dk.derive("x^2*sin(x)")._repr_html_()
    assert "= 2x·sin(x) + x<sup>2</sup>·cos(x)" in text
    assert "product: (u v)' = u' v + u v'" in text
    assert "$`" not in dk.derive("x^2")._repr_markdown_()
