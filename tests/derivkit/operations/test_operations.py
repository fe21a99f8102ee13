"""The table of operations where it has several arguments, and the special functions, against mpmath and SymPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np
import pytest
from formulas import CORPUS

import derivkit as dk
from derivkit.expressions.evaluation import float_function, named_function, running_error, taylor_series
from derivkit.expressions.expression import parse
from derivkit.expressions.tree import Operation, Unknown, Variable, program_of, text_of
from derivkit.operations import special
from derivkit.operations.elementary import COMPARISONS, ELEMENTARY, OPERATIONS, OPERATORS
from derivkit.trusted.exact import high_precision_series

ORDER = 6
DIGITS = 60


def shares(*exponents: Any) -> Any:
    return mpmath.exp(exponents[0]) / sum(map(mpmath.exp, exponents))


def log_sum(*exponents: Any) -> Any:
    return mpmath.log(sum(map(mpmath.exp, exponents)))


M = mpmath.mpf
SEVERAL: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "log": ("log(x + 3, x + 5)", lambda x: mpmath.log(x + 3) / mpmath.log(x + 5)),
    "max": ("max(x, 1 - x, x^2/3)", lambda x: max(x, 1 - x, x**2 / 3)),
    "min": ("min(x, 1 - x, x^2/3, 5)", lambda x: min(x, 1 - x, x**2 / 3, M(5) + 0 * x)),
    "softmax": ("softmax(x, x^2, 1)", lambda x: shares(x, x**2, M(1))),
    "logsumexp": ("logsumexp(x, -x^2, 1)", lambda x: log_sum(x, -(x**2), M(1))),
    "leaky_relu": ("leaky_relu(x - 1, x/4)", lambda x: x - 1 if x > 1 else x / 4 * (x - 1)),
    "polygamma": ("polygamma(2, x)", lambda x: mpmath.psi(2, x)),
    "piecewise": (
        "piecewise((x^2, x < -1), (sin(x), x <= 1), (exp(x), x > 2), (1/x, True))",
        lambda x: x**2 if x < -1 else mpmath.sin(x) if x <= 1 else mpmath.exp(x) if x > 2 else 1 / x,
    ),
}
"""A formula of one variable for every row with several arguments, and the same in mpmath."""
POINTS = (-2.3, -0.4, 0.3, 1.4, 2.6)


def test_every_row_with_several_arguments_has_its_formula() -> None:
    assert set(SEVERAL) == {name for name, row in ELEMENTARY.items() if len(row.arity) > 1 or 1 not in row.arity}


def test_the_table_has_every_operation_once() -> None:
    names = [row.name for row in (*OPERATORS, *COMPARISONS)]
    assert [*names, *ELEMENTARY] == list(OPERATIONS)


@pytest.mark.parametrize("name", SEVERAL)
def test_a_series_of_several_arguments_is_mpmaths_own(name: str) -> None:
    text, high = SEVERAL[name]
    for x in POINTS:
        found = high_precision_series(parse(text), x, ORDER, digits=DIGITS)
        in_floats = taylor_series(parse(text), np.array([x]), ORDER)
        with mpmath.workdps(DIGITS):
            expected = mpmath.taylor(high, M(x), ORDER)
            scale = max(map(abs, expected))
            for a, b, c in zip(found, expected, in_floats, strict=True):
                assert abs(M(a) - b) <= M(10) ** -30 * (1 + abs(b))
                assert abs(M(float(c[0])) - b) <= 1e-11 * abs(b) + 1e-13 * scale


@pytest.mark.parametrize("name", SEVERAL)
def test_the_running_error_of_several_arguments_bounds_the_true_error(name: str) -> None:
    text, high = SEVERAL[name]
    # An argument that is itself rounded.
    expression = parse(
        text.replace("x", "(0.1*x + 0.9*x)")
        .replace("e(0.1*x + 0.9*x)p", "exp")
        .replace("ma(0.1*x + 0.9*x)", "max")
        .replace("softma(0.1*x + 0.9*x)", "softmax")
    )
    x = np.random.default_rng(2).uniform(-2.9, 3, 200)
    values, bounds = running_error(expression, x)
    assert np.array_equal(values, float_function(expression)(x))
    with mpmath.workdps(50):
        for value, bound, point in zip(values, bounds, x, strict=True):
            assert abs(M(float(value)) - high(M(float(point)))) <= bound
    assert np.median(bounds) <= 1e-13 * np.median(1 + np.abs(values))


def test_an_argument_whose_error_is_left_out_is_caught() -> None:
    row = OPERATIONS["softmax"]
    x, e = np.array([3.0]), np.array([1e-6])
    _, bound = row.running((x, e), (x, 0 * e))
    assert bound[0] >= 0.25e-6
    assert bound[0] <= 2e-6


def test_a_condition_that_rounding_leaves_open_counts_both_pieces() -> None:
    expression = parse("piecewise((1, x < 0.1 + 0.7), (5, True))")
    values, bounds = running_error(expression, np.array([0.7999999999999999, 0.5]))
    assert values.tolist() == [5.0, 1.0], "the float just below 0.8 is not less than 0.1 + 0.7 in floats"
    assert bounds[0] >= 4.0
    assert bounds[1] == 0.0


def test_no_condition_that_holds_or_no_number_gives_no_number() -> None:
    f = float_function(parse("piecewise((1, x < 0), (2, x > 1))"))
    assert np.array_equal(f(np.array([-1.0, 0.5, 2.0, np.nan])), [1.0, np.nan, 2.0, np.nan], equal_nan=True)
    g = float_function(parse("piecewise((1, log(x) < 0), (2, True))"))
    with np.errstate(all="ignore"):
        assert np.isnan(g(np.array([-1.0])))[0], "log(-1) is no number, so the condition is open"


@pytest.mark.parametrize(
    ("text", "at", "derivatives"),
    [
        ("piecewise((x^2, x < 0), (x^3, True))", 0.0, (0.0, 0.0, math.nan)),
        ("piecewise((1, x < 0), (2, True))", 0.0, (2.0, math.nan)),
        ("piecewise((x, x <= 1), (2 - x, True))", 1.0, (1.0, math.nan)),
        ("piecewise((x^2, x < 1), (x^2, True))", 1.0, (1.0, 2.0, 2.0, 0.0)),
        ("piecewise((x^2, 2*0 < 1), (7, True))", 0.0, (0.0, 0.0, 2.0)),
        ("max(x, -x, 2*x)", 0.0, (0.0, math.nan)),
        ("max(x, 3, -x)", 0.0, (3.0, 0.0)),
        ("leaky_relu(x)", 0.0, (0.0, math.nan)),
        ("acot(x)", 0.0, (math.pi / 2, math.nan)),
        ("acot(x^2)", 0.0, (math.pi / 2, 0.0)),
    ],
)
def test_at_a_border_there_is_a_derivative_only_where_the_pieces_agree(
    text: str, at: float, derivatives: tuple[float, ...]
) -> None:
    series = taylor_series(parse(text), np.array([at]), len(derivatives) - 1)
    found = [float(c[0]) * math.factorial(k) for k, c in enumerate(series)]
    assert np.array_equal(found, derivatives, equal_nan=True)


@pytest.mark.parametrize("order", [0, 1, 2, 3, 7, 20, 60, 150])
def test_polygamma_errs_by_less_than_it_says(order: int) -> None:
    generator = np.random.default_rng(order)
    x = np.concatenate(
        [
            generator.uniform(-30, 30, 60),
            10.0 ** generator.uniform(-8, 5, 40),
            -(10.0 ** generator.uniform(-8, 1, 20)),
            [1.4616321449683623, 0.5, 1.0, 11.999, 12.0],
            [3e4, 1e15, 1e60, 1e100, 1e200, 1e300],
        ]
    )
    value, size = special.sized_polygamma(order, x)
    allowed = special.polygamma_error(order) * 2.0**-53 * size + 2.0**-1068
    with mpmath.workdps(40):
        for v, most, point in zip(value, allowed, x, strict=True):
            true = mpmath.psi(order, M(float(point)))
            if math.isfinite(v):
                assert abs(M(float(v)) - true) <= most
            else:
                assert abs(true) > 1e307


@pytest.mark.parametrize("name", ["acot", "acsc", "digamma"])
def test_a_slope_that_underflows_still_bounds_what_a_large_error_does(name: str) -> None:
    x, e = np.array([1e300]), np.array([1e297])
    with np.errstate(all="ignore"):
        value, bound = OPERATIONS[name].running((x, e))
        moved = OPERATIONS[name].value(np.array([x[0] - e[0], x[0] + e[0]]))
    assert np.abs(moved - value).max() <= bound[0]
    assert bound[0] <= 0.01


def test_gamma_and_its_relatives_have_no_value_at_the_poles() -> None:
    x = np.array([0.0, -0.0, -1.0, -7.0, -np.inf, np.nan])
    for values in (special.gamma(x), special.digamma(x), special.polygamma(1, x), special.polygamma(4, x)):
        assert np.isnan(values).all()
    assert special.gamma(np.array([171.7, np.inf])).tolist() == [math.inf, math.inf]
    assert special.polygamma(2, np.array([np.inf, 1e300])).tolist() == [0.0, 0.0]
    assert np.isnan(special.polygamma(1.5, 1.0))
    assert special.erf(np.array([[0.0, np.inf], [-np.inf, 1.0]])).tolist() == [[0.0, 1.0], [-1.0, math.erf(1.0)]]


@pytest.mark.parametrize(
    ("text", "x", "value"),
    [
        ("softmax(x, 0)", 1000.0, 1.0),
        ("softmax(-x, 0)", 1000.0, 0.0),
        ("logsumexp(x, x)", 1000.0, 1000.0 + math.log(2)),
        ("logsumexp(-x, -x)", 1000.0, -1000.0 + math.log(2)),
        ("gelu(x)", -30.0, -30.0 * 4.906713927148187e-198),
        ("sech(x)", 712.0, 2 * math.exp(-712.0)),
        ("csch(x)", 1e-300, 1e300),
        ("csch(x)", -720.0, -2 * math.exp(-720.0)),
        ("coth(x)", 800.0, 1.0),
        ("asec(x)", -1e200, math.pi / 2),
        ("acsc(x)", -1e200, -1e-200),
        ("leaky_relu(x)", -300.0, -3.0),
    ],
)
def test_values_far_out_neither_overflow_nor_cancel(text: str, x: float, value: float) -> None:
    assert float(float_function(parse(text))(np.array(x))) == pytest.approx(value, rel=1e-12)


KNOWN = [text for text in CORPUS if "f(" not in text]


@pytest.mark.parametrize("text", KNOWN)
def test_the_corpus_has_the_values_that_sympy_reads_in_it(text: str) -> None:
    import sympy  # noqa: PLC0415 -- the witness of this test alone

    theirs = sympy.sympify(text)
    f = named_function(parse(text))
    names = [str(name) for name in sorted(theirs.free_symbols, key=str)]
    assert sorted(parse(text).variables) == names
    seen = 0
    for shift in (0.37, 0.83, 1.71, 2.9):
        given = {name: shift + 0.21 * k for k, name in enumerate(names)}
        true = complex(theirs.subs({name: sympy.Float(value, 40) for name, value in given.items()}).evalf(30))
        if math.isfinite(true.real) and true.imag == 0.0:
            seen += 1
            assert f(given) == pytest.approx(true.real, rel=1e-11, abs=1e-13)
    assert seen >= 1


def test_every_expression_of_the_corpus_is_read_and_written_out() -> None:
    assert len(CORPUS) == 88
    for text in CORPUS:
        assert parse(text_of(parse(text).root)).root == parse(text).root


def test_synonyms_are_the_functions_they_stand_for() -> None:
    for typed, meant in {"ln(x)": "log(x)", "Abs(x)": "abs(x)", "arctan(x)": "atan(x)", "arccoth(x)": None}.items():
        if meant is None:
            with pytest.raises(dk.ParseError):
                parse(typed)
        else:
            assert parse(typed).root == parse(meant).root
    assert parse("Max(x, y, 1)").root == parse("max(x, y, 1)").root
    assert parse("Piecewise((x, x \N{LESS-THAN OR EQUAL TO} 1))").root == parse("piecewise((x, x <= 1))").root


# Unknown functions


def test_an_unknown_function_is_read_with_its_primes() -> None:
    x = Variable("x")
    assert parse("f(x)").root == Unknown("f", 0, x)
    assert parse("g1''(2*x)").root == Unknown("g1", 2, parse("2*x").root)
    assert parse("h\N{PRIME}(x)").root == parse("h'(x)").root
    assert parse("f(x)*f'(x)").root == Operation("multiply", (Unknown("f", 0, x), Unknown("f", 1, x)))
    assert parse("f*x").variables == ("f", "x")
    assert program_of(parse("f(x) + f(x)").root)[1].value == ("f", 0)


@pytest.mark.parametrize("build", [float_function, named_function])
def test_an_unknown_function_has_no_values(build: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match=r"x\*f\(x\) has the unknown function f: it has derivatives, but no values"):
        build(parse("x*f(x)"))
    with pytest.raises(ValueError, match="the unknown function f"):
        dk.Function.from_expression("f(x)")
    with pytest.raises(ValueError, match="the unknown function f, g: it has"):
        running_error(parse("f(x) + g'(x)"), np.array([1.0]))


# Several variables


def test_a_function_of_several_variables_is_called_by_name() -> None:
    f = named_function(parse("(relu(w*x + b) - y)^2"))
    x = np.linspace(-2, 2, 5)
    assert f(w=2, x=3, b=1, y=5) == 4.0
    assert isinstance(f(w=2, x=3, b=1, y=5), float)
    assert f({"w": 2, "x": 3}, b=1, y=5) == 4.0
    found = f(x=x, w=1.0, b=0.5, y=[[0.0], [1.0]])
    assert found.shape == (2, 5)
    assert np.array_equal(found, (np.maximum(x + 0.5, 0) - np.array([[0.0], [1.0]])) ** 2)
    found[0, 0] = 7.0  # an array of its own


def test_a_variable_that_is_missing_is_named_and_one_too_many_gives_the_shape() -> None:
    f = named_function(parse("w*x"))
    with pytest.raises(ValueError, match=r"w\*x needs a value of x: give it by name, as x=1.0"):
        f(w=1.0)
    assert f(w=1.0, x=2.0, b=np.zeros(3)).tolist() == [2.0, 2.0, 2.0]
    assert named_function(parse("7"))() == 7.0


def test_equal_parts_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    row = OPERATIONS["exp"]
    calls = []

    def counted(a: Any) -> Any:
        calls.append(1)
        return row.value(a)

    changed = {**OPERATIONS, "exp": replace(row, value=counted)}
    monkeypatch.setattr("derivkit.expressions.evaluation.OPERATIONS", changed)
    named_function(parse("exp(x*y)*sin(x*y) + exp(x*y)/(1 + exp(x*y))"))(x=1.0, y=2.0)
    assert len(calls) == 1


# Trees as text


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("((2*x))^2 - (x - (1 + y))", "(2*x)**2 - (x - (1 + y))"),
        ("(x*y)*z + x*(y*z)", "x*y*z + x*(y*z)"),
        ("(x^y)^z*x^(y^z)", "(x**y)**z*x**y**z"),
        ("(-x)^2 - (-(x^2))", "(-x)**2 - -x**2"),
        ("2^(-x)*(-y)", "2**(-x)*-y"),
        ("(x/y)/z - x/(y/z)", "x/y/z - x/(y/z)"),
        ("Piecewise((x**2,x<1),(2*x-1,True))", "piecewise((x**2, x < 1), (2*x - 1, True))"),
        ("max(x,(1-x))", "max(x, 1 - x)"),
        ("0.10 + 1e3 + 1.50e-9 + 2e22 + 0.00001", "0.1 + 1000 + 1.5e-9 + 2e22 + 0.00001"),
        ("1e400 + 1e-400 + .001e-400 + 1000e400 + 0", "1e400 + 1e-400 + .001e-400 + 1000e400 + 0"),
    ],
)
def test_a_tree_is_written_with_as_few_brackets_as_it_takes(typed: str, written: str) -> None:
    assert text_of(parse(typed).root) == written
    assert parse(written).root == parse(typed).root


def test_a_text_without_end_is_refused() -> None:
    node: Any = Variable("x")
    for _ in range(60):
        node = Operation("multiply", (node, node))
    with pytest.raises(ValueError, match="more than 1000000 characters"):
        text_of(node)
