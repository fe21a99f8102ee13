"""Every entry point refuses what it cannot take in one line and in the same words, and says what f did."""

from __future__ import annotations

import datetime as dt
import math
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

import derivkit as dk
from derivkit import arguments
from derivkit.arguments import MAX_EXCEPTION, described
from derivkit.testing import METHODS

HUGE = 10**400
SINE = dk.Function.from_expression("sin(x)")
FIXED = {"formula": "central_2", "delta": 1e-3}


def first(v: Any) -> Any:
    """The first entry, for functions of many variables."""
    return np.ravel(v)[0]


NUMERICAL: dict[str, Callable[..., Any]] = {
    "derivatives": lambda f=np.sin, x=1.0, **k: dk.derivatives(f, x, **k)[1],
    "difference": lambda f=np.sin, x=1.0, delta=1e-3, **k: dk.difference(f, x, delta, **k),
    "sweep": lambda f=np.sin, x=1.0, delta=1e-3, **k: dk.sweep(f, x, delta, **{"formulas": ["central_4"]} | k),
    "gradient": lambda f=np.sin, x=1.0, **k: dk.gradient(f, x, **FIXED | k),
    "jacobian": lambda f=np.sin, x=1.0, **k: dk.jacobian(f, x, **FIXED | k),
    "hessian": lambda f=np.sin, x=1.0, **k: dk.hessian(f, x, **FIXED | k),
    "partial": lambda f=np.sin, x=1.0, **k: dk.partial(f, x, 0, **FIXED | k),
    "directional": lambda f=np.sin, x=1.0, **k: dk.directional(f, x, 1.0, **FIXED | k),
    **{name: lambda f=np.sin, x=1.0, method=method, **k: method(f, x, **k) for name, method in METHODS.items()},
    "Ledger": lambda f=np.sin, x=1.0, **k: dk.derivative(dk.Ledger(f), x, **k),
}
"""Entry points that take any function: with what is right, but for what a test puts in its place."""
TAKE_FORMULA = ("difference", "gradient", "jacobian", "hessian", "partial", "directional", "richardson")
TAKE_DELTA = (*TAKE_FORMULA, "sweep", *(name for name in METHODS if name not in {*TAKE_FORMULA, "derivative"}))
SEVERAL_STEPS = ("richardson", *(name for name in METHODS if name not in ("derivative", "complex_step")))
TAKE_DOMAIN = sorted(set(NUMERICAL) - {"difference", "sweep"})
OTHERS: dict[str, Callable[..., Any]] = {
    "dual": lambda f=np.sin, x=1.0, **k: dk.dual(f, x, **k),
    "secant": lambda f=np.sin, x=1.0: dk.secant(f, x, 2.0),
    "tangent": lambda f=np.sin, x=1.0, delta=1e-3: dk.tangent(f, x, delta),
    "Function": lambda f=np.sin, x=1.0, **k: dk.Function.from_callable(f, name="f", **k)(x),
}
KNOWN: dict[str, Callable[..., Any]] = {
    "exact": lambda x=1.0, **k: dk.exact("sin(x)", x, **k),
    "taylor": lambda x=1.0, order=3: dk.taylor("sin(x)", x, order),
    "derive": lambda x=1.0, **k: dk.derive("sin(x)", **k)(x),
    "accuracy": lambda x=1.0: dk.accuracy("sin(x)", x),
    "predict_error": lambda x=1.0, delta=1e-3, formulas=("central_2",): dk.predict_error(
        SINE, x, delta, formulas=formulas
    ),
    "predict_optimum": lambda x=1.0, formulas=("central_2",): dk.predict_optimum(SINE, x, formulas=formulas),
    "truncation_terms": lambda x=1.0, formulas=("central_2",): dk.truncation_terms(SINE, x, formulas=formulas, terms=2),
}
"""Entry points that need a formula, and so take no other function."""


def answer(call: Callable[[], Any], *words: str) -> str:
    """What is said: by a refusal of one line, or by the message of a result without a value."""
    try:
        found = call()
    except (ValueError, TypeError) as error:
        said = str(error)
    else:
        assert np.isnan(np.asarray(getattr(found, "value", getattr(found, "estimate", None)), dtype=float)).all()
        said = str(np.ravel(found.message)[0])
    assert said
    assert "\n" not in said
    assert len(said) < 2 * MAX_EXCEPTION
    for word in words:
        assert word in said
    return said


# What is no function


@pytest.mark.parametrize("entry", NUMERICAL | OTHERS)
@pytest.mark.parametrize(
    ("f", "door"),
    [
        (np.array([1.0, 4.0, 9.0]), "dk.from_samples(t, y) differentiates samples"),
        ([1.0, 4.0], "dk.from_samples(t, y) differentiates samples"),
        (pd.Series([1.0, 4.0]), "dk.from_samples(t, y) differentiates samples"),
        (None, "f must be callable, not None; write dk."),
        (HUGE, "f must be callable, not a whole number of 401 digits; write dk."),
    ],
)
def test_what_is_no_function_is_refused_with_a_call_that_works(entry: str, f: Any, door: str) -> None:
    answer(lambda: (NUMERICAL | OTHERS)[entry](f=f), "f must be callable, not ", door)


def numbers_of(result: Any) -> list[Any]:
    """A result, whatever it is, as numbers that are the same to the bit or not."""
    for name in ("value", "estimate", "slope", "derivatives"):
        result = getattr(result, name, result)
    return np.ravel(result).tolist()


@pytest.mark.parametrize("entry", sorted({*NUMERICAL, *OTHERS} - {"Function"}))
@pytest.mark.parametrize("f", ["2*t^3 + sin(t)", dk.parse("2*t^3 + sin(t)")], ids=["text", "expression"])
def test_a_formula_is_as_good_as_a_function(entry: str, f: Any) -> None:
    call = (NUMERICAL | OTHERS)[entry]
    assert numbers_of(call(f=f)) == numbers_of(call(f=lambda t: 2 * t**3 + np.sin(t)))


@pytest.mark.parametrize("entry", sorted({*NUMERICAL, *OTHERS} - {"Function"}))
def test_what_is_no_formula_is_refused_as_parse_refuses_it(entry: str) -> None:
    with pytest.raises(dk.ParseError, match=r"^'sin x' at column 1: sin is a function and needs brackets; write sin"):
        (NUMERICAL | OTHERS)[entry](f="sin x")


ONE_VARIABLE = sorted({*NUMERICAL, *OTHERS} - {"Function", "gradient", "jacobian", "hessian", "partial", "directional"})


@pytest.mark.parametrize("entry", ONE_VARIABLE)
def test_a_formula_of_two_variables_is_refused_where_one_is_wanted(entry: str) -> None:
    answer(lambda: (NUMERICAL | OTHERS)[entry](f="x*y"), "has the variables x, y", "dk.gradient and dk.partial")


def test_a_function_is_made_of_a_formula_by_its_own_name() -> None:
    answer(lambda: dk.Function.from_callable("sin(x)", name="f"), "write dk.Function.from_expression('sin(x)')")


@pytest.mark.parametrize("entry", NUMERICAL | OTHERS)
def test_the_call_that_is_proposed_works(entry: str) -> None:
    said = answer(lambda: (NUMERICAL | OTHERS)[entry](f=None))
    proposed = said.partition("write ")[2]
    scope = {"dk": dk, "math": math, "np": np, "f": first, "x": [1.0, 2.0], "direction": [1.0, 0.0]}
    assert eval(proposed, scope) is not None


@pytest.mark.parametrize("predict", [dk.predict_error, dk.predict_optimum, dk.truncation_terms])
@pytest.mark.parametrize("f", [np.sin, None])
def test_predictions_need_a_function_that_is_known(predict: Callable[..., Any], f: Any) -> None:
    more = {dk.predict_error: {"delta": 0.1}, dk.truncation_terms: {"terms": 2}}.get(predict, {})
    answer(
        lambda: predict(f, 1.0, formulas=["central_2"], **more),
        "f must be a formula such as 'sin(x)', or a dk.Function",
    )


# What f gives that is no number


def generator(x: Any) -> Iterator[Any]:
    yield x


def endless(x: Any) -> Any:
    return endless(x)


FAULTS: dict[str, tuple[Callable[..., Any], str]] = {
    "nothing": (lambda x: None, "f gives None; is a return missing?"),
    "text": (lambda x: str(first(x) ** 2), "f gives the text '"),
    "bytes": (lambda x: b"1.0", "f gives the text b'1.0'"),
    "text in an array": (lambda x: np.array(["1.0"], dtype=object), "f gives the text '1.0'"),
    "complex numbers": (lambda x: 1j * first(x), "f gives complex numbers"),
    "complex numbers of Python": (lambda x: np.array(1j * first(x), dtype=object), "f gives complex numbers"),
    "a mapping": (lambda x: {"a": 1.0}, "f gives {'a': 1.0}, of type dict"),
    "a generator": (generator, "f gives <generator object generator>, of type generator"),
    "a function": (lambda x: math.sin, "f gives <built-in function sin>"),
    "a date": (lambda x: np.datetime64("2020-01-01"), "f gives a date"),
    "a span of time": (lambda x: np.timedelta64(1, "D"), "f gives a span of time"),
    "a date of Python": (lambda x: dt.date(2020, 1, 1), "of type date"),
    "rows of different lengths": (lambda x: [[1.0], [1.0, 2.0]], "rows of different lengths"),
    "too large a number": (lambda x: HUGE, "f gives a whole number of 401 digits, beyond the range of float64"),
    "an error of its own": (lambda x: x.no_such_thing, "no_such_thing"),
    "too few arguments": (lambda x, y: x, "missing 1 required positional argument: 'y'"),
    "recursion": (endless, "RecursionError"),
}


@pytest.mark.parametrize("entry", NUMERICAL)
@pytest.mark.parametrize("fault", FAULTS)
def test_what_f_gives_or_raises_stands_in_the_words_of_every_entry_point(entry: str, fault: str) -> None:
    f, said = FAULTS[fault]
    answer(lambda: NUMERICAL[entry](f=f), said)


@pytest.mark.parametrize("entry", sorted(set(NUMERICAL) - {"derivative", "derivatives", "jacobian"}))
@pytest.mark.parametrize(("f", "many"), [(lambda x: [1.0, 2.0], "2"), (lambda x: np.zeros((2, 3)), "6")])
def test_several_numbers_where_one_is_wanted_are_counted(entry: str, f: Any, many: str) -> None:
    assert answer(lambda: NUMERICAL[entry](f=f)).count(f"f gives {many} ")


@pytest.mark.parametrize("entry", NUMERICAL)
def test_an_empty_result_is_no_number(entry: str) -> None:
    if entry != "jacobian":  # of a function of no values it has no rows
        answer(lambda: NUMERICAL[entry](f=lambda x: []), "f gives ")


@pytest.mark.parametrize("entry", NUMERICAL)
def test_words_of_megabytes_and_of_several_lines_are_cut_to_one(entry: str) -> None:
    def f(_: Any) -> Any:
        raise RuntimeError("beyond\nthe table\x1b[31m " * 100_000)

    said = answer(lambda: NUMERICAL[entry](f=f), "RuntimeError: beyond the table", "(2,200,000 characters)")
    assert said.isprintable()


def test_an_exception_whose_words_cannot_be_had_is_named_by_its_type() -> None:
    class SilentError(RuntimeError):
        def __str__(self) -> str:
            raise AttributeError

    assert described(SilentError()) == "SilentError"


def test_exceptions_of_a_domain_are_no_number_and_no_refusal() -> None:
    assert math.isnan(dk.difference(math.log, -1.0, 1e-3))
    assert math.isnan(dk.difference(lambda x: 1 / 0, 1.0, 1e-3))
    assert (
        "ValueError: math domain error, first at -1.001"
        in dk.sweep(math.log, -1.0, 1e-3, formulas=["central_2"]).message
    )


def test_one_value_is_enough_for_a_difference_to_have_words_no_more() -> None:
    table = {1.0: 2.0}
    assert math.isnan(dk.difference(lambda x: table[x], 1.0, 0.5, formula="forward_1"))


@pytest.mark.parametrize("entry", sorted(set(METHODS) - {"derivative"}))
def test_an_estimate_keeps_what_f_raised(entry: str) -> None:
    found = NUMERICAL[entry](f=lambda x: x.no_such_thing)
    assert "no_such_thing" in found.raised[0]
    assert "no_such_thing" in repr(found)


def test_a_truth_value_that_f_gives_is_0_or_1() -> None:
    assert dk.difference(lambda x: x > 1.0, 1.0, 0.25) == 2.0


# Points


MANY = ("gradient", "hessian", "jacobian", "partial", "directional")
"""Of many variables, which may be nested; at least one."""
WRONG_POINTS = {
    "nothing": None,
    "text": "1.0",
    "texts": ["1.0"],
    "bytes": b"1",
    "complex": 1j,
    "a truth value": True,
    "a mapping": {"a": 1.0},
    "a set": {1.0},
    "a function": math.sin,
    "an object": object(),
    "a date": np.datetime64("2020-01-01"),
    "rows of different lengths": [[1.0], [1.0, 2.0]],
}


@pytest.mark.parametrize("entry", NUMERICAL | OTHERS | KNOWN)
@pytest.mark.parametrize("x", WRONG_POINTS.values(), ids=WRONG_POINTS)
def test_a_point_is_a_real_number(entry: str, x: Any) -> None:
    if not (isinstance(x, dict) and entry in (*KNOWN, *MANY)):  # a mapping is a point by name, or holds the entries
        answer(lambda: (NUMERICAL | OTHERS | KNOWN)[entry](x=x), f"={arguments.shown(x)}: give a real number")


@pytest.mark.parametrize("entry", NUMERICAL | OTHERS | KNOWN)
@pytest.mark.parametrize("x", [HUGE, -(10**5000)], ids=["large", "larger"])
def test_a_number_beyond_float64_is_named_by_its_digits(entry: str, x: int) -> None:
    digits = {HUGE: "401", -(10**5000): "5001"}[x]
    said = f"is a whole number of {digits} digits, beyond the range of float64: its largest number is 1.8e308"
    answer(lambda: (NUMERICAL | OTHERS | KNOWN)[entry](x=x), said)


def test_large_whole_numbers_within_the_range_are_points() -> None:
    assert dk.derivative(lambda x: x * 2.0, 10**300).value == pytest.approx(2.0)
    assert dk.exact("x", 10**308).value == 1.0


@pytest.mark.parametrize("entry", sorted(set(NUMERICAL) - {"derivative", "derivatives", "Ledger", *MANY}))
def test_of_no_points_there_are_no_derivatives(entry: str) -> None:
    found = NUMERICAL[entry](x=[])
    assert np.size(getattr(found, "value", getattr(found, "estimate", found))) == 0


@pytest.mark.parametrize("entry", sorted(MANY))
@pytest.mark.parametrize("x", [[], {}, (), np.empty((0, 3)), {"a": []}], ids=str)
def test_of_no_variables_there_is_nothing_to_differentiate_by(entry: str, x: Any) -> None:
    answer(lambda: NUMERICAL[entry](x=x), "x has no entries, so there is nothing to differentiate by; give at least")


def test_a_function_of_no_points_has_no_values() -> None:
    for f in (SINE, dk.Function.from_callable(math.sin, name="sine"), dk.Ledger(math.sin)):
        assert f([]).shape == (0,)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: dk.Problem(SINE, (None,)), "points=(None,): give a real number"),
        (lambda: dk.Problem(SINE, 1.0), "points=1.0: write them in a row"),
        (lambda: dk.Problem(np.sin, (1.0,)), "function=<ufunc 'sin'>: write a dk.Function"),
        (lambda: dk.Function.from_expression(3), "a formula is a text"),
        (lambda: dk.observed_order([1.0, 2.0], [1.0]), "2 deltas need as many errors, not 1"),
        (lambda: dk.fit_error_law([1.0], None), "error=None: give a real number"),
        (lambda: dk.absolute_error("1", 2.0), "estimate='1': give a real number"),
        (lambda: dk.relative_error(HUGE, 2.0), "estimate is a whole number of 401 digits"),
        (lambda: dk.ulp_error(1.0, None), "exact=None: give a real number"),
        (lambda: dk.partial(np.sum, [1.0], 10**5000, **FIXED), "has no entry a whole number of 5001 digits"),
        (lambda: dk.directional(np.sum, [1.0], "a", **FIXED), "direction='a': give a real number"),
        (lambda: dk.richardson(np.sin, 1.0, ratio="2"), "ratio='2': give a real number"),
        (lambda: dk.derivative(np.sin, 1.0, side=10**5000), "side=a whole number of 5001 digits"),
        (lambda: dk.derivatives(np.sin, 1.0, [10**5000]), "order=a whole number of 5001 digits"),
    ],
)
def test_everything_else_is_checked_in_the_same_words(call: Any, said: str) -> None:
    answer(call, said)


def test_a_budget_or_a_ratio_of_any_size_is_one() -> None:
    assert dk.derivative(np.sin, 1.0, budget=HUGE).status == "ok"
    assert dk.richardson(np.sin, 1.0, ratio=1e300).status == "unresolved"


# Masks


MASKED = np.ma.array([1.0, 2.0], mask=[False, True])


@pytest.mark.parametrize("x", [MASKED, [1.0, np.ma.masked], np.ma.array([1, 2], mask=[False, True])], ids=str)
@pytest.mark.parametrize(
    "entry",
    ["derivative", "difference", "richardson", "ridders", "gsl_central", "complex_step", "Ledger", "sweep", "dual"],
)
def test_a_masked_point_has_no_derivative_and_leaves_the_others_theirs(entry: str, x: Any) -> None:
    found = (NUMERICAL | OTHERS)[entry](x=x)
    value = np.ravel(getattr(found, "value", getattr(found, "estimate", found)))
    if entry == "dual":
        value = found.derivative
    assert value[0] == pytest.approx(math.cos(1.0), rel=1e-6)
    assert math.isnan(value[1])


@pytest.mark.parametrize("entry", ["gradient", "jacobian", "hessian"])
def test_a_masked_entry_is_no_number_of_a_point(entry: str) -> None:
    answer(lambda: NUMERICAL[entry](x=MASKED), "x[1] is nan; the entries of x must be finite numbers")


@pytest.mark.parametrize("entry", NUMERICAL)
def test_a_masked_value_is_no_number(entry: str) -> None:
    if entry == "difference":
        assert math.isnan(dk.difference(np.ma.log, -1.0, 1e-3))
    else:
        answer(lambda: NUMERICAL[entry](f=np.ma.log, x=-1.0))


def test_masked_values_are_outside_of_where_f_is_defined() -> None:
    assert dk.derivative(np.ma.log, -1.0).status == "not_finite"
    assert dk.derivative(lambda x: (1.0 + np.ma.masked_less(x, 0.0)) ** 2, 0.0).status == "one_sided"
    found = dk.gradient(lambda x: np.ma.log(x).sum(), [-1.0, 1.0], formula="central_2", delta=1e-5)
    assert found.value[1] == pytest.approx(1.0)
    steep = dk.gradient(lambda x: np.ma.log(x)[0], [-1.0, 1.0], formula="central_2", delta=1e-5)
    assert steep.status.tolist() == ["not_finite", "not_finite"]


def test_without_the_filling_a_mask_would_be_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arguments, "unmasked", lambda value: value)
    assert dk.derivative(np.ma.log, -1.0).status != "not_finite"


# Steps, formulas, domains


@pytest.mark.parametrize("entry", TAKE_DELTA)
@pytest.mark.parametrize(
    ("delta", "said"),
    [
        (0.0, "delta must be a positive finite number, not 0.0"),
        (-1e-3, "delta must be a positive finite number, not -0.001"),
        (math.nan, "delta must be a positive finite number, not nan"),
        (math.inf, "delta must be a positive finite number, not inf"),
        ("1e-3", "delta='1e-3': give a real number"),
        (1j, "delta=1j: give a real number"),
        (True, "delta=True: give a real number"),
        (HUGE, "delta is a whole number of 401 digits"),
    ],
)
def test_a_step_is_a_positive_number(entry: str, delta: Any, said: str) -> None:
    answer(lambda: NUMERICAL[entry](delta=delta), said)


@pytest.mark.parametrize("entry", sorted(set(TAKE_DELTA) - {"sweep", "partial", "directional"}))
def test_steps_that_do_not_fit_the_points_are_refused_with_both_shapes(entry: str) -> None:
    said = "delta has shape (3,), and x (2,); give one number, or one for each x"
    answer(lambda: NUMERICAL[entry](x=[1.0, 2.0], delta=[0.1, 0.2, 0.3]), said)


@pytest.mark.parametrize("name", ["scale", "noise"])
@pytest.mark.parametrize(("value", "said"), [(HUGE, "is a whole number of 401 digits"), ("1", "='1': give a real")])
def test_a_hint_is_a_number(name: str, value: Any, said: str) -> None:
    answer(lambda: dk.derivative(np.sin, 1.0, **{name: value}), name + (" " if said.startswith("is") else "") + said)


@pytest.mark.parametrize("entry", TAKE_FORMULA)
@pytest.mark.parametrize("wrong", [2, 2.0, ["central_2"], HUGE])
def test_what_is_no_formula_is_refused(entry: str, wrong: Any) -> None:
    answer(lambda: NUMERICAL[entry](formula=wrong), f"formula={arguments.shown(wrong)}: write the name of a formula")


@pytest.mark.parametrize("entry", TAKE_FORMULA)
def test_a_formula_that_the_table_does_not_have_names_its_neighbours(entry: str) -> None:
    answer(lambda: NUMERICAL[entry](formula="centrl_2"), "no formula named 'centrl_2'; did you mean central_2")


@pytest.mark.parametrize("entry", ["sweep", "predict_error", "predict_optimum", "truncation_terms"])
@pytest.mark.parametrize("formulas", ["central_2", 2, dk.formula("central_2")])
def test_formulas_come_in_a_row(entry: str, formulas: Any) -> None:
    answer(lambda: (NUMERICAL | KNOWN)[entry](formulas=formulas), "write them in a row, such as ['central_2'")


@pytest.mark.parametrize("entry", TAKE_DOMAIN)
@pytest.mark.parametrize(
    "domain", [(), (0,), (0, 1, 2), 1.0, "ab", "01", (2.0, 0.0), (1.0, 1.0), (math.nan, 2.0), {0: 2}, (2, None, 3)]
)
def test_a_domain_has_two_ends_of_which_the_lower_is_first(entry: str, domain: Any) -> None:
    said = f"domain={arguments.shown(domain)}: write its two ends, the lower one first, such as (0, 1)"
    answer(lambda: NUMERICAL[entry](domain=domain), said)


@pytest.mark.parametrize("entry", TAKE_DOMAIN)
@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("0", "domain='0': give a real number"),
        (1j, "domain=1j: give"),
        (HUGE, "domain is a whole number of 401 digits"),
    ],
)
def test_an_end_of_a_domain_is_a_number_or_none(entry: str, end: Any, said: str) -> None:
    answer(lambda: NUMERICAL[entry](domain=(end, None)), said)


def ends_of(entry: str, domain: Any, x: float) -> tuple[float, float]:
    """The least and the largest point at which f is asked."""
    asked: list[float] = []

    def f(v: Any) -> Any:
        asked.extend(np.real(np.ravel(v)).tolist())
        return np.sin(v)

    NUMERICAL[entry](f=f, x=x, domain=domain)
    return min(asked), max(asked)


@pytest.mark.parametrize(
    "entry", sorted(set(TAKE_DOMAIN) - {"gradient", "jacobian", "hessian", "partial", "directional"})
)
@pytest.mark.parametrize("kind", [tuple, list, np.array])
def test_half_a_line_is_a_domain(entry: str, kind: Any) -> None:
    low, high = 1e-3, 1.0 - 1e-3
    assert ends_of(entry, kind((0, math.inf)), low)[0] >= 0.0
    assert ends_of(entry, kind((-math.inf, 1)), high)[1] <= 1.0
    if kind is not np.array:
        assert ends_of(entry, kind((0, None)), low)[0] >= 0.0
        assert ends_of(entry, kind((None, 1)), high)[1] <= 1.0
        assert ends_of(entry, kind((None, None)), low) == ends_of(entry, None, low)
        assert ends_of(entry, kind((np.float32(0.0), None)), low)[0] >= 0.0


@pytest.mark.parametrize("entry", ["gradient", "jacobian", "hessian", "directional", "partial"])
def test_half_a_line_is_a_domain_of_every_entry(entry: str) -> None:
    assert "lies outside the domain" in NUMERICAL[entry](x=1e-4, domain=(0, None)).message
    assert "lies outside the domain" in NUMERICAL[entry](x=0.9999, domain=(None, 1)).message
    assert np.ravel(NUMERICAL[entry](x=1e-4, domain=(None, None)).status).tolist() == ["ok"]


def test_a_function_may_live_on_half_a_line() -> None:
    root = dk.Function.from_expression("sqrt(x)", domain=(0, None))
    assert root.domain == (0.0, math.inf)
    assert pickle.loads(pickle.dumps(root.domain)) == root.domain
    assert dk.derivative(root, 0.0).status == "vertical"


@pytest.mark.parametrize("entry", TAKE_DOMAIN)
def test_a_domain_that_is_given_lies_within_that_of_the_function(entry: str) -> None:
    f = dk.Function.from_expression("sqrt(x)", domain=(0, 4))
    if entry in ("gradient", "jacobian", "hessian", "partial", "directional"):
        assert "lies outside the domain" in NUMERICAL[entry](f=f, x=3.9999, domain=(1, None)).message
    else:
        answer(lambda: NUMERICAL[entry](f=f, domain=(5, 6)), "domain=(5, 6): the function's own is [0, 4]")
        assert np.isfinite(NUMERICAL[entry](f=f, x=3.99, domain=(1, None)).value)


@pytest.mark.parametrize("entry", NUMERICAL)
@pytest.mark.parametrize("vectorized", ["yes", 1.5, 2])
def test_whether_f_takes_arrays_is_said_with_a_truth_value(entry: str, vectorized: Any) -> None:
    answer(lambda: NUMERICAL[entry](vectorized=vectorized), f"vectorized={vectorized!r}: write True or False")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda n: dk.derivative(np.sin, 1.0, n), "order="),
        (lambda n: dk.derivative(np.sin, 1.0, budget=n) if n != HUGE else dk.derivative(np.sin, 1.0, n), ""),
        (lambda n: dk.dual(np.sin, 1.0, n), "order="),
        (lambda n: dk.exact("x", 1.0, n), "order="),
        (lambda n: dk.taylor("x", 1.0, n), "order="),
        (lambda n: dk.derive("x", order=n), "order"),
        (lambda n: dk.stencil([-1, 0, 1], n), "derivative"),
        (lambda n: dk.richardson(np.sin, 1.0, levels=n), "levels="),
        (lambda n: dk.ridders(np.sin, 1.0, levels=n), "levels="),
    ],
)
@pytest.mark.parametrize("number", [1.5, "1", None, -1, True, [1], HUGE, 1j], ids=arguments.shown)
def test_orders_and_levels_are_whole_numbers_of_their_range(call: Any, said: str, number: Any) -> None:
    if said or number is not None:  # no budget is no bound
        answer(lambda: call(number), said)


@pytest.mark.parametrize(
    ("offsets", "said"),
    [
        ([HUGE, 0, 1], "offset is a whole number of 401 digits"),
        ("abc", "offsets='abc': write them in a row"),
        (3, "offsets=3: write them in a row"),
        (["1/2", 1], "offset='1/2': give a real number"),
        ([None, 1], "offset=None: give a real number"),
        ([1j, 0], "offset=1j: give a real number"),
        ([math.nan, 0], "an offset is a finite number, not nan"),
    ],
)
def test_offsets_are_numbers(offsets: Any, said: str) -> None:
    answer(lambda: dk.stencil(offsets), said)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: dk.slope((0, None), (1, 2)), "y of start=None: give a real number"),
        (lambda: dk.slope(1, 2), "start=1: write a point as (x, y)"),
        (lambda: dk.secant(math.sin, HUGE, 1.0), "x0 is a whole number of 401 digits"),
        (lambda: dk.tangent(math.sin, math.inf, 1.0), "x must be a finite number, not inf"),
        (lambda: dk.tangent(lambda x: None, 1.0, 1.0), "f gives None; is a return missing?, first at 1.0"),
        (
            lambda: dk.secant(lambda x: 1 / x, 0.0, 1.0),
            "f has no finite value at 0.0: ZeroDivisionError: ",
        ),
    ],
)
def test_lines_go_through_points_that_are_numbers(call: Any, said: str) -> None:
    answer(call, said)


# An f that keeps something between its calls


def warm_started() -> Callable[[Any], Any]:
    """A square root by Heron's rule that begins where it ended the last time."""
    last: Any = None

    def f(x: Any) -> Any:
        nonlocal last
        z = last or 1.0
        for _ in range(40):
            z = 0.5 * (z + x / z)
        last = z
        return z

    return f


SEVERAL_POINTS = {
    "derivative": 2.0,
    "derivatives": 2.0,
    "difference": [2.0, 3.0],
    "sweep": [2.0, 3.0],
    "richardson": 2.0,
    "ridders": [2.0, 3.0],
    "gsl_central": 2.0,
}


@pytest.mark.parametrize("entry", SEVERAL_POINTS)
def test_an_f_that_the_trial_with_an_array_spoils_is_told_of_the_way_out(entry: str) -> None:
    x = SEVERAL_POINTS[entry]
    answer(lambda: NUMERICAL[entry](f=warm_started(), x=x), "truth value of an array", "write vectorized=False")
    found = NUMERICAL[entry](f=warm_started(), x=x, vectorized=False)
    value = np.ravel(getattr(found, "value", getattr(found, "estimate", found)))[0]
    assert value == pytest.approx(0.5 / math.sqrt(2.0), rel=1e-4)


class Scalar:
    """A square that no array may come near."""

    def __init__(self) -> None:
        self.spoilt = False

    def __call__(self, x: Any) -> Any:
        self.spoilt |= isinstance(x, np.ndarray)
        if self.spoilt:
            raise RuntimeError("an array came near")
        return x * x


@pytest.mark.parametrize("x", [2.0, [2.0, 3.0]])
def test_a_complex_step_that_an_array_spoils_is_told_of_it_too(x: Any) -> None:
    answer(lambda: dk.complex_step(Scalar(), x), "an array came near", "write vectorized=False")
    found = dk.complex_step(Scalar(), x, vectorized=False)
    np.testing.assert_allclose(found.value, 2.0 * np.asarray(x))


def test_a_gradient_that_a_batch_spoils_is_told_of_it_too() -> None:
    def total(f: Any) -> Any:
        return lambda v: f(np.sum(v, axis=-1))

    answer(lambda: dk.gradient(total(warm_started()), [1.0, 2.0, 3.0, 4.0], **FIXED), "write vectorized=False")
    found = dk.gradient(total(warm_started()), [1.0, 2.0, 3.0, 4.0], vectorized=False, **FIXED)
    np.testing.assert_allclose(found.value, 0.5 / math.sqrt(10.0), rtol=1e-6)


def test_a_function_may_say_itself_that_it_takes_no_arrays() -> None:
    f = dk.Function.from_callable(warm_started(), name="root", vectorized=False)
    assert dk.derivative(f, 2.0).status == "ok"


@pytest.mark.parametrize("f", [math.sqrt, lambda x: math.log(x) if x > 2.0 else 1 / 0, lambda x, y: x])
def test_an_f_that_was_not_spoilt_is_not_told_so(f: Any) -> None:
    for x in (2.0, [2.5, 1.0], [1.0, 2.5], [-1.0, -2.0]):
        assert "vectorized" not in str(dk.derivative(f, x).message)
        assert "vectorized" not in dk.sweep(f, x, [0.1, 0.2], formulas=["central_2"]).message


# Values of float32


SHORT = {
    "a number of NumPy": lambda x: np.sin(np.float32(x)),
    "an array": lambda x: np.sin(np.asarray(x, dtype=np.float32)),
    "a number of Python": lambda x: float(np.sin(np.float32(x))),
    "an array of float64": lambda x: np.sin(np.asarray(x, dtype=np.float32)).astype(np.float64),
    "half precision": lambda x: np.sin(np.float16(x)),
}
LONG = {
    "a sine": np.sin,
    "a polynomial": lambda x: x * x,
    "itself": lambda x: x,
    "a constant": lambda x: 0.1 + 0.0 * x,
    "whole numbers": lambda x: np.floor(1e6 * x),
    "three decimals": lambda x: np.round(x, 3),
    "nothing": lambda x: np.nan * x,
}


@pytest.mark.parametrize("entry", sorted(set(NUMERICAL) - {"difference", "jacobian", "complex_step"}))
@pytest.mark.parametrize("x", [0.7, 1.0, 3.3])
def test_a_function_that_computes_in_float32_is_told_so_wherever_it_hides_it(entry: str, x: float) -> None:
    for name, f in SHORT.items():
        delta = {"delta": 1e-2} if entry in TAKE_DELTA and entry not in SEVERAL_STEPS else {}
        said = str(NUMERICAL[entry](f=f, x=x, **delta).message)
        many = entry in ("derivative", "derivatives", "Ledger", "ridders", "richardson")  # enough values to tell
        if many or name not in ("a number of Python", "an array of float64"):
            assert "float32" in said, name
    for f in LONG.values():
        assert "float32" not in str(NUMERICAL[entry](f=f, x=x).message)


def test_the_field_says_the_same() -> None:
    assert dk.derivative(SHORT["an array"], [0.7, 1.0]).float32.tolist() == [True, True]
    assert dk.derivative(np.sin, 0.7).float32 is False


# Large values


LARGE = 5e307
FIRST = {name: name for name in ("central_2", "central_4", "central_6", "central_8", "forward_4", "backward_8")}


@pytest.mark.parametrize("name", FIRST)
def test_formulas_whose_sum_is_beyond_the_range_have_their_value(name: str) -> None:
    truth = LARGE * math.cos(1.0)
    small = dk.difference(np.sin, 1.0, 1e-3, formula=name) / math.cos(1.0)
    assert dk.difference(lambda x: LARGE * np.sin(x), 1.0, 1e-3, formula=name) / truth == pytest.approx(small, rel=1e-9)
    swept = dk.sweep(lambda x: LARGE * np.sin(x), 1.0, [1e-3, 1e-20], formulas=[name]).estimate
    assert swept[0, 0] / truth == pytest.approx(small, rel=1e-9)
    assert math.isnan(swept[0, 1])  # a step that vanishes is none


@pytest.mark.parametrize("degree", [2, 3, 4])
def test_so_have_higher_derivatives(degree: int) -> None:
    truth = LARGE * [0.0, 0.0, -math.sin(1.0), -math.cos(1.0), math.sin(1.0)][degree]
    found = dk.difference(lambda x: LARGE * np.sin(x), 1.0, 1e-2, formula="central_4", derivative=degree)
    assert found == pytest.approx(truth, rel=1e-7)


@pytest.mark.parametrize("size", [5e307, 1.7e308])
@pytest.mark.parametrize("entry", ["richardson", "ridders", "gsl_central"])
def test_so_have_methods_made_of_them(entry: str, size: float) -> None:
    found = NUMERICAL[entry](f=lambda x: size * np.sin(x), x=0.9)
    assert found.value == pytest.approx(size * math.cos(0.9), rel=1e-9)
    assert math.isfinite(found.error)


def test_so_have_functions_of_many_variables() -> None:
    def f(v: Any) -> Any:
        return LARGE * np.sin(v[0]) * np.cos(v[1])

    sines = [[math.sin(t), math.cos(t)] for t in (1.0, 0.5)]
    slopes = [sines[0][1] * sines[1][1], -sines[0][0] * sines[1][0]]
    bends = [[-sines[0][0] * sines[1][1], -sines[0][1] * sines[1][0]]] * 2
    bends = [bends[0], bends[0][::-1]]
    at = {"x": [1.0, 0.5], "formula": "central_6", "delta": 1e-2}
    np.testing.assert_allclose(dk.gradient(f, **at).value / LARGE, slopes, rtol=1e-9)
    np.testing.assert_allclose(dk.jacobian(f, **at).value[0] / LARGE, slopes, rtol=1e-9)
    np.testing.assert_allclose(dk.hessian(f, **at).value / LARGE, bends, rtol=1e-7)
    assert dk.directional(f, direction=[1.0, 1.0], **at).value / LARGE == pytest.approx(sum(slopes), rel=1e-9)


def test_what_is_truly_beyond_the_range_has_no_value() -> None:
    assert math.isnan(dk.difference(lambda x: 1e308 * x, 1.0, 1e-3, formula="central_2") - 1e308) is False
    assert math.isnan(dk.difference(lambda x: 1e308 * np.sin(1e3 * x), 0.0, 1e-4, formula="central_4"))


# Words


def test_a_function_that_does_not_change_is_told_so_as_a_person_would() -> None:
    found = dk.derivative(lambda x: 0.0, 1.0)
    assert found.status == "below_resolution"
    assert found.message == (
        "f does not change over a distance of 0.05: the derivative is 0, as far as values can tell."
    )
    assert "4.9e-324" not in str(dk.derivative(np.zeros_like, [1.0, 2.0], 2).message)


@pytest.mark.parametrize("x", [5e12, 1e13, -1e13])
def test_where_floats_lie_too_far_apart_their_distance_is_named(x: float) -> None:
    found = dk.derivative(math.sin, x)
    assert found.status == "unresolved"
    assert found.spacing == np.spacing(abs(x))
    assert f"the spacing of floats at x, {found.spacing:.2g}" in found.message


def test_a_shown_value_is_one_line_of_bounded_length_and_the_same_in_every_run() -> None:
    class Unshown:
        def __repr__(self) -> str:
            raise RuntimeError

    assert arguments.shown(Unshown()) == "<Unshown instance>"
    for value in (np.eye(9), "a" * 999, [[1.0] * 99] * 99, object(), first, 10**5000, np.eye(2)):
        said = arguments.shown(value)
        assert len(said) <= arguments.MAX_SHOWN
        assert "\n" not in said
        assert "0x" not in said


# Containers


SERIES = pd.Series([3.0, 5.0], index=["a", "b"])


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64])
def test_a_function_of_a_series_is_given_one_with_its_labels(kind: Any) -> None:
    x = SERIES.astype(kind)
    for name in ("central_2", "forward_2"):
        at = {"formula": name, "delta": 0.125}
        found = dk.gradient(lambda s: s["a"] ** 2 * s["b"], x, **at)
        pd.testing.assert_series_equal(found.value, pd.Series([30.0, 9.0], index=["a", "b"]), rtol=1e-12)
        assert dk.partial(lambda s: s.a**2 * s.b, x, 1, **at).value == pytest.approx(9.0)
        assert dk.directional(lambda s: s.a**2 * s.b, x, [1.0, 2.0], **at).value == pytest.approx(48.0, abs=0.1)
    np.testing.assert_allclose(dk.jacobian(lambda s: s * s["a"], x, **at).value, [[6.0, 0.0], [5.0, 3.0]], rtol=1e-9)
    np.testing.assert_allclose(
        dk.hessian(lambda s: s["a"] ** 2 * s["b"], x, formula="central_2", delta=0.125).value, [[10.0, 6.0], [6.0, 0.0]]
    )


def test_a_function_of_a_frame_is_given_one() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    found = dk.gradient(lambda d: (d["a"] * d["b"]).sum(), frame, formula="central_2", delta=0.125)
    pd.testing.assert_frame_equal(found.value, pd.DataFrame({"a": [3.0, 4.0], "b": [1.0, 2.0]}))


def test_the_entries_of_a_container_are_those_asked_for_to_the_bit() -> None:
    asked: list[Any] = []
    x = pd.Series([-0.0, 0.1, 1e300, 5e-324])
    dk.gradient(lambda s: (asked.append(s), 0.0)[1], x, formula="forward_1", delta=[1.0, 1e-9, 1e290, 1.0])
    plain: list[Any] = []
    dk.gradient(lambda v: (plain.append(v), 0.0)[1], x.to_numpy(), formula="forward_1", delta=[1.0, 1e-9, 1e290, 1.0])
    singles = {v.tobytes() for v in plain if v.ndim == 1}
    assert {s.to_numpy().tobytes() for s in asked} == singles
    assert all(isinstance(s, pd.Series) for s in asked)


def test_a_container_that_would_round_the_points_is_not_used() -> None:
    class Narrow:
        """Computes in float32, whatever it is read as."""

        def __init__(self, values: Any) -> None:
            self.values = np.asarray(values, dtype=np.float32)

        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            return self.values.astype(dtype or np.float64)

        def __sub__(self, other: Any) -> Any:
            return Narrow(self.values - np.asarray(other))

        def __mul__(self, other: Any) -> Any:
            return Narrow(self.values * np.asarray(other))

        def __add__(self, other: Any) -> Any:
            return Narrow(self.values + np.asarray(other))

    found = dk.gradient(lambda v: np.sum(np.sin(v), axis=-1), Narrow([0.5, 0.25]), formula="central_2", delta=1e-6)
    np.testing.assert_allclose(found.value, np.cos([0.5, 0.25]), rtol=1e-9)


# Dual numbers


def of_another_library(x: Any) -> Any:
    if type(x).__module__.startswith("derivkit"):
        raise TypeError(f"sin(): argument 'input' (position 1) must be\nTensor, not {type(x).__name__}")
    return x


def test_a_function_of_another_library_is_refused_with_its_words_and_a_way_out() -> None:
    with pytest.raises(dk.DualError, match=r"must be Tensor.*write it with NumPy's functions, or use dk\.derivative"):
        dk.dual(of_another_library, 1.0)
    with pytest.raises(dk.DualError, match="keeps only the value"):
        dk.dual(dk.Ledger(np.sin), 1.0)
    with pytest.raises(TypeError, match=r"^of its own$"):
        dk.dual(lambda x: (_ for _ in ()).throw(TypeError("of its own")), 1.0)


@pytest.mark.parametrize(
    "text", ["x^2", "sin(x)*exp(x)", "erf(x) + gamma(x)", "log(x, 2)", "x^x", "pi*x", "3", "max(x, 2)"]
)
def test_a_function_with_an_expression_is_differentiated_by_its_rules(text: str) -> None:
    f = dk.Function.from_expression(text)
    found = dk.dual(f, [0.5, 1.5], order=2)
    for k, x in enumerate([0.5, 1.5]):
        for order in (1, 2):
            assert found.derivatives[order - 1][k] == pytest.approx(dk.exact(text, x, order).value, rel=1e-12)
    assert dk.dual(lambda x: f(x) ** 2, 1.5).derivative == pytest.approx(dk.exact(f"({text})^2", 1.5).value)


def test_a_function_without_an_expression_is_called() -> None:
    assert dk.dual(dk.Function.from_callable(np.sin, name="sine"), 1.0).derivative == math.cos(1.0)
    with pytest.raises(dk.DualError, match=r"np\.sin for math\.sin"):
        dk.dual(dk.Function.from_callable(math.sin, name="sine"), 1.0)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (dk.parse, "a formula is a text, such as 'x**2', not a whole number of 5001 digits"),
        (lambda n: dk.derive("x", order=n), "the order a whole number of 5001 digits is not"),
        (dk.derive("x^2"), "x is a whole number of 5001 digits"),
        (lambda n: dk.exact("w*x", {"w": 1.0, "x": n}, variable="w"), "x is a whole number of 5001 digits"),
        (lambda n: dk.exact("x", 1.0, variable=n), "variable=a whole number of 5001 digits: write the name"),
    ],
)
def test_formulas_name_a_number_of_many_digits_too(call: Any, said: str) -> None:
    answer(lambda: call(10**5000), said)
