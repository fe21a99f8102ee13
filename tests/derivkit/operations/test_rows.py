"""Every row of the table of operations is whole, column by column, and a false column is noticed."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

import mpmath
import numpy as np
import pytest
import quick
from flint import arb
from formulas import inside

from derivkit.expressions.expression import parse
from derivkit.operations.balls import Numbers
from derivkit.operations.completion import completed
from derivkit.operations.elementary import ELEMENTARY, FLOATS, IN_FLOATS, OPERATIONS, ROWS
from derivkit.operations.formulas import worked_out
from derivkit.operations.row import (
    ARB_FUNCTIONS,
    NOT_NEGATIVE,
    POSITIVE,
    SMALLEST,
    UNIT,
    Elementary,
    at,
    by_definition,
    by_slope,
)
from derivkit.operations.taylor import Taylor
from derivkit.symbolic.rules import FUNCTION_RULES as RULES
from derivkit.trusted.exact import Exact, exact
from derivkit.types import Array

X = np.arange(-4.0, 4.0, 1 / 16) + 1 / 37
"""Points at which nothing special happens."""
WHOLE = np.arange(-3.0, 4.0)
BESIDE = np.array([0.0, *(2.0**-k for k in (3, 8, 13, 20, 30, 40, 52, 100, 500, 1000, 1022, 1060, 1074))])
"""Distances from a place at which something happens: as far as a float can tell, and down to the least one."""
TAILS = np.array([10.0, 20.0, 30.0, 37.0, 40.0, 100.0, 170.0, 300.0, 355.0, 500.0, 700.0, 708.4, 709.0, 710.0, 711.0,
                  720.0, 740.0, 744.1, 745.0, 746.0, 800.0, 1e5, 1e10, 1e100, 1e154, 1e300])  # fmt: skip
"""Sizes of arguments at which exponentials, their squares and the squares of the arguments leave the range."""


def points(row: Elementary) -> Array:
    return X[inside(row.differentiable, X) & (row.name != "gamma" or np.abs(X) < 3)]


def slope_by_differences(f: Callable[[Any], Any], x: Array) -> Array:
    """A central difference of order 6: right to about 1e-9 of what the functions of the table are here."""
    h = 2.0**-10
    terms = ((1, 45.0), (2, -9.0), (3, 1.0))
    return np.asarray(sum(c * (f(x + k * h) - f(x - k * h)) for k, c in terms) / (60.0 * h))


def close(a: Any, b: Any, rtol: float = 1e-6) -> bool:
    return bool(np.allclose(a, b, rtol=rtol, atol=1e-9))


def of_one(row: Elementary) -> bool:
    return 1 in row.arity and not row.typed


def away(row: Elementary) -> Array:
    """Points whose neighbours lie in the domain too, on the same side of what is not smooth, and are not steep."""
    x = points(row)
    beside = [inside(row.differentiable, x + d) & (np.sign(x + d) == np.sign(x)) for d in (-0.07, 0.07)]
    tame = np.abs(np.nan_to_num(row.value(x), nan=1e9)) < 30.0
    return x[np.logical_and.reduce([*beside, tame, np.floor(x - 0.07) == np.floor(x + 0.07)])]


def borders(row: Elementary) -> list[float]:
    """Where the function changes its sign, or ceases to be finite: two floats next to one another, by bisection."""

    def kind(x: Any) -> Array:
        value = row.value(x)
        return np.asarray(np.nan_to_num(np.sign(value), nan=2.0) + 4.0 * np.isfinite(value))

    places: list[float] = []
    kinds = kind(X)
    for k in np.flatnonzero(kinds[1:] != kinds[:-1]):
        left, right = X[k], X[k + 1]
        while left < (middle := (left + right) / 2.0) < right and right - left > SMALLEST:
            left, right = (middle, right) if kind(middle) == kinds[k] else (left, middle)
        places += [left, right]
    return places


def hard(row: Elementary) -> Array:
    """Points close to zeros, poles and ends of the domain, to whole numbers and quarters of a period, and far out."""
    places = np.array([*borders(row), *WHOLE, *(k * np.pi / 2.0 for k in (-2, -1, 1, 2))])
    x = np.concatenate([TAILS, -TAILS, np.add.outer(places, np.concatenate([BESIDE, -BESIDE])).ravel()])
    x = np.unique(np.concatenate([x, X]))
    return x[inside(row.defined, x)]


def truth(row: Elementary) -> Callable[[float], Exact]:
    """Its values from balls; of a row that is not in the table those of its definition."""
    formula = row.name if row.name in OPERATIONS else re.sub(r"\bu\b", "x", row.definition)
    return functools.partial(_exact, f"{formula}(x)" if row.name in OPERATIONS else formula)


@functools.cache
def _exact(formula: str, x: float) -> Exact:
    return exact(formula, x, 0)


def bounded(value: float, bound: float, true: Exact) -> bool:
    """Whether the true value is within the bound; beyond the range of float64 there is an infinite one, or none."""
    if true.status == "ok":
        return abs(value - true.value) <= bound + true.error
    return bound == np.inf or not np.isfinite(value)


# What each column must be


def valued(row: Elementary) -> bool:
    return not of_one(row) or bool(np.isfinite(row.value(X[inside(row.defined, X)])).all())


def error_is_bounded(row: Elementary) -> bool:
    """Wherever it may be difficult; and where nothing special happens, the bound is no wider than needed."""
    if not of_one(row):
        return True
    x, true = hard(row), truth(row)
    value, bound = row.running((x, 0.0 * x))
    _, narrow = row.running((points(row), 0.0 * points(row)))
    return all(
        bounded(v, b, true(float(point))) for v, b, point in zip(value, np.broadcast_to(bound, x.shape), x, strict=True)
    ) and bool(np.all(narrow < 1e-11 * (1.0 + np.abs(row.value(points(row))))))


def error_of_the_argument_is_bounded(row: Elementary) -> bool:
    """The true value at either end of [a - e, a + e] is within the bound, however close to a border and however far."""
    if not of_one(row):
        return True
    x, true = hard(row), truth(row)
    for e in (2.0 * UNIT * np.abs(x), 2.0**-10 * np.abs(x), np.full_like(x, 0.25)):
        value, bound = row.running((x, e))
        for end in (x - e, x + e):
            # An end that rounding put further than e, or out of the domain, says nothing.
            says = (np.abs(end - x) <= e) & inside(row.defined, end)
            if not all(
                bounded(v, b, true(float(q))) for v, b, q in zip(value[says], bound[says], end[says], strict=True)
            ):
                return False
    return True


def error_of_the_argument_counts(row: Elementary) -> bool:
    """A wider argument moves the value by no more than the bound, which is not a hundred times too wide."""
    if not error_of_the_argument_is_bounded(row):
        return False
    if not of_one(row) or row.name in {"sign", "floor", "heaviside", "softmax"}:
        return True
    x, e = away(row), 0.05
    value, bound = row.running((x, np.full_like(x, e)))
    moved = [np.abs(row.value(x + d) - value) for d in np.linspace(-e, e, 9)]
    worst = np.max(moved, axis=0)
    return bool(np.all(worst <= bound + 1e-12) and np.quantile(bound / (worst + 1e-3), 0.25) < 4.0)


def series_is_that_of_the_value(row: Elementary) -> bool:
    if not of_one(row):
        return True
    x = away(row)
    head, *rest = row.series(Taylor(1, FLOATS), [x, 1.0])
    slope = np.broadcast_to(rest[0] if rest else 0.0, x.shape)
    return close(head, row.value(x)) and close(slope, slope_by_differences(row.value, x))


def slope_is_that_of_the_value(row: Elementary) -> bool:
    if not row.slope:
        return row.name not in ELEMENTARY or any(rule.operation == row.name for rule in RULES)
    x = away(row)
    return close(worked_out(row.slope, x, IN_FLOATS), slope_by_differences(row.value, x))


def domain_is_where_there_are_values(row: Elementary) -> bool:
    if not of_one(row):
        return True
    return bool(np.array_equal(np.isfinite(row.value(X)), inside(row.defined, X)))


def smooth_where_it_says(row: Elementary) -> bool:
    """At whole numbers that its rule includes, the slopes of both sides agree."""
    if not of_one(row):
        return True
    h = 1e-6
    x = WHOLE[inside(row.differentiable, WHOLE)]
    right, left = (row.value(x + h) - row.value(x)) / h, (row.value(x) - row.value(x - h)) / h
    return bool(np.allclose(right, left, rtol=1e-3, atol=1e-4))


def infinite_where_it_says(row: Elementary) -> bool:
    if not of_one(row) or row.name in {"gamma", "digamma"}:
        return True
    infinite = np.isinf(row.value(WHOLE))
    pole = row.pole(WHOLE) if row.pole else np.zeros(WHOLE.shape, dtype=bool)
    return bool(np.array_equal(infinite, pole))


def vertical_where_it_says(row: Elementary) -> bool:
    """Where quotients grow without end as their step shrinks, but not as those of a jump, its ends say so."""
    if not of_one(row):
        return True
    ends = {float(end): (sign, side) for end, sign, side in row.vertical(None)}
    for x in WHOLE:
        near, far = ([(row.value(x + d) - row.value(x)) / d for d in (h, -h)] for h in (2.0**-40, 2.0**-20))
        growth = [(a, abs(a / b)) for a, b in zip(near, far, strict=True) if np.isfinite(a) and b]
        steep = [float(np.sign(a)) for a, times in growth if 2.0**9 < times < 2.0**19]
        if (x in ends) != bool(steep) or (x in ends and set(steep) != {ends[x][0]}):
            return False
    return True


def sign_is_true(row: Elementary) -> bool:
    if not of_one(row) or callable(row.sign):
        return True
    x = points(row)
    always, at_positive = row.sign_of([0]), row.sign_of([POSITIVE])
    value = row.value(x)
    return (
        (always < NOT_NEGATIVE or bool((value >= 0).all()))
        and (always < POSITIVE or bool((value > 0).all()))
        and (at_positive < POSITIVE or bool((value[x > 0] > 0).all() or row.name in {"relu", "floor"}))
    )


def odd_where_it_says(row: Elementary) -> bool:
    return not of_one(row) or len(row.arity) > 1 or row.odd == close(row.value(-points(row)), -row.value(points(row)))


def definition_is_true(row: Elementary) -> bool:
    x = points(row)
    if row.definition == "polygamma(0, u)":
        return close(row.value(x), OPERATIONS["polygamma"].value(0.0, x))
    return not row.definition or close(worked_out(row.definition, x, IN_FLOATS), row.value(x))


def latex_has_the_arguments(row: Elementary) -> bool:
    for count, template in enumerate(row.latex, start=min(row.arity, default=1)):
        places = {int(sign) for sign in "123456789" if f"#{sign}" in template}
        if template.count("{") != template.count("}") or not places <= set(range(1, count + 1)):
            return False
    return True


def names_are_its_own(row: Elementary) -> bool:
    others = [
        name for one in OPERATIONS.values() if one.name != row.name for name in (one.name, *one.synonyms, *one.aliases)
    ]
    return not {*row.synonyms, *row.aliases} & {*others, row.name}


def signs_are_its_own(row: Elementary) -> bool:
    typed = [one.typed for one in OPERATIONS.values() if one.name != row.name and one.arity == row.arity]
    return not row.typed or row.typed not in typed


def written_once(row: Elementary) -> bool:
    written = [one.written for one in OPERATIONS.values() if one.name != row.name]
    return not row.written or row.written not in written


def ufuncs_are_it(row: Elementary) -> bool:
    if of_one(row):
        return all(close(ufunc(points(row)), row.value(points(row))) for ufunc in row.ufuncs)
    return all(close(ufunc(X, X[::-1]), row.value(X, X[::-1])) for ufunc in row.ufuncs)


KNOWN = {"u", "y", "slope", "slope_e", "slope_of_minus_u"}


def mistakes_are_wrong(row: Elementary) -> bool:
    x = points(row)
    for name, formula in row.mistakes:
        variables = set(parse(formula).variables)
        if not name or not variables <= KNOWN:
            return False
        if row.slope and variables <= {"u"}:
            written, right = (worked_out(one, x, IN_FLOATS) + 0 * x for one in (formula, row.slope))
            if np.allclose(written, right, equal_nan=True):
                return False
    return True


CHECKS: Mapping[str, Callable[[Elementary], bool]] = {
    "value": valued,
    "running": error_is_bounded,
    "series": series_is_that_of_the_value,
    "title": lambda row: bool(row.title) or row.name not in ELEMENTARY,
    "slope": slope_is_that_of_the_value,
    "steepest": error_of_the_argument_counts,
    "ulps": error_is_bounded,
    "underflow": lambda row: row.underflow >= SMALLEST,
    "domain": domain_is_where_there_are_values,
    "pole": infinite_where_it_says,
    "smooth": smooth_where_it_says,
    "vertical": vertical_where_it_says,
    "odd": odd_where_it_says,
    "sign": sign_is_true,
    "definition": definition_is_true,
    "typed": signs_are_its_own,
    "written": written_once,
    "latex": latex_has_the_arguments,
    "power_at_name": lambda row: not row.power_at_name or "#" not in "".join(row.latex),
    "synonyms": names_are_its_own,
    "aliases": names_are_its_own,
    "ufuncs": ufuncs_are_it,
    "mistakes": mistakes_are_wrong,
    "overhead": lambda row: row.overhead > 0.0,
    "guarded": lambda row: not row.guarded or row.cost > 0.0,
}
BROKEN: Mapping[str, tuple[str, Any]] = {
    "value": ("erf", lambda a: np.where(a > 3.0, np.nan, a)),
    "running": ("erf", lambda a: (FLOATS.erf(a[0]), 0.0 * a[0])),
    "series": ("erf", lambda t, u: [t.numbers.erf(u[0]), *t.exp(u)[1:]]),
    "title": ("erf", ""),
    "slope": ("erf", "exp(-u^2)/sqrt(pi)"),
    "steepest": ("tanh", "far from 0"),
    "ulps": ("erf", 0.0),
    "underflow": ("erf", 0.0),
    "domain": ("log1p", "u > -2"),
    "pole": ("log1p", lambda a: a == 1.0),
    "smooth": ("abs", "u > -9"),
    "vertical": ("asin", at((1, 1, -1))),
    "odd": ("erf", False),
    "sign": ("erf", "positive"),
    "definition": ("erfc", "1 + erf(u)"),
    "typed": ("multiply", "+"),
    "written": ("cbrt", "√"),
    "latex": ("erf", (r"\erf_{#2}",)),
    "power_at_name": ("exp", True),
    "synonyms": ("erf", ("gamma",)),
    "aliases": ("erf", ("erfc",)),
    "ufuncs": ("erf", (np.sin,)),
    "mistakes": ("erf", (("the slope in another form", "2/sqrt(pi)*exp(-u^2)"),)),
    "overhead": ("erf", 0.0),
    "guarded": ("sin", True),
}
"""For every column that may be false a row in which it is; the others can only be malformed."""
COLUMNS = [column.name for column in fields(Elementary)]


REMEDIES: Mapping[str, str] = {
    "value": "it is not finite in all of its domain; write the domain, or another formula",
    "running": "it does not bound the error of the value; write running=..., or a value without cancellation",
    "series": "its head is not the value, or its next coefficient not the slope; write series=by_definition",
    "title": "it is empty; write what the rule of differentiation is called",
    "slope": "it is not that of the value; write slope='...', a formula of u",
    "steepest": "the slope is not largest at {row.steepest!r}, or loses digits there; write another,"
    " or a callable bound such as `lambda a, e: np.exp(a + e)` where a has the error e",
    "ulps": "the value errs by more than {row.ulps}; write ulps=..., or a value without cancellation",
    "domain": "it is not where the value is finite; write domain='u > 0', for instance",
    "pole": "the value is infinite elsewhere; write pole=..., a function of the arguments",
    "smooth": "the slopes of both sides differ in it; write smooth='u ≠ 0', for instance",
    "odd": "the value does otherwise; write odd=True, or leave it out",
    "vertical": "quotients grow without end elsewhere; write vertical=at((place, sign, side))",
    "sign": "the value has another; leave it out, or write 'positive', 'not negative' or 'that of u'",
    "definition": "it has other values; write a formula of u in other operations",
    "synonyms": "one names another operation, too; leave it out",
    "aliases": "one names another operation, too; leave it out",
}
"""What a message says of a column beside its name."""


def faults(row: Elementary) -> list[str]:
    """The columns of a row that are false, and what to write there."""
    with np.errstate(all="ignore"):
        false = [column for column, check in CHECKS.items() if not check(row)]
    return [f"{column}: {REMEDIES[column].format(row=row)}" if column in REMEDIES else column for column in false]


def is_false(column: str, row: Elementary) -> bool:
    with np.errstate(all="ignore"):
        return not CHECKS[column](row)


@pytest.mark.parametrize("name", quick.part(OPERATIONS))
def test_a_row_is_whole(name: str) -> None:
    false = faults(OPERATIONS[name])
    assert not false, "\n".join(false)


@pytest.mark.parametrize("column", BROKEN)
def test_a_false_column_is_noticed(column: str) -> None:
    name, wrong = BROKEN[column]
    rows = [replace(row, **{column: wrong}) if row.name == name else row for row in ROWS]
    assert is_false(column, completed(rows)[name])


MALFORMED: Mapping[str, tuple[Any, str]] = {
    "name": ("error function", "'error function' cannot be typed; write letters, digits and _"),
    "arity": (1, "1 is no sequence of numbers of arguments; write (1,) for one argument"),
    "value": (None, "None cannot be called; write a function of the arguments"),
    "running": ("erf", "'erf' cannot be called; write a function of the arguments"),
    "series": (1.0, "1.0 cannot be called; write a function of the arguments"),
    "title": (None, "None is no text"),
    "slope": ("2*exq(-u^2)/sqrt(pi)", "'2*exq(-u^2)/sqrt(pi)' has no known operation 'exq'; did you mean exp?"),
    "steepest": (
        "near zero",
        ("'near zero' is none of 'near 0', 'far from 0', 'left', 'right', and no callable that bounds the slope, "
         "such as `lambda a, e: np.exp(a + e)` where a has the error e"),
    ),
    "ulps": ("5", "'5' is no number from 0 up"),
    "underflow": (-1.0, "-1.0 is no number from 0 up"),
    "domain": (
        "u>0", "'u>0' names no region; one is 'u > 0', 'abs(u) <= 1', 'sin(u) ≠ 0' or 'u is not an integer'"
    ),
    "pole": ("u = 0", "'u = 0' cannot be called; write a function of the arguments"),
    "smooth": ("size(u) > 1", "'size(u)' has no known operation 'size'; write it in operations of the table"),
    "meeting": ("corner", "'corner' is none of '', 'kink', 'border'"),
    "vertical": ((0, 1, 1), "(0, 1, 1) cannot be called; write a function of the arguments"),
    "odd": ("odd", "'odd' is neither True nor False"),
    "sign": (
        "negative",
        ("'negative' is none of '', 'positive', 'not negative', 'that of u', 'not negative, and that of u', "
        "and no callable from the signs of the arguments"),
    ),
    "definition": (
        "1 - erfc(v)", "'1 - erfc(v)' is no formula of u: it may hold whole numbers, pi, + - * / ^ and functions"
    ),
    "typed": (1, "1 is no text"),
    "written": (None, "None is no text"),
    "latex": (r"\erf", r"'\\erf' is no tuple of texts; write ('...',) for one"),
    "power_at_name": ("yes", "'yes' is neither True nor False"),
    "synonyms": ("Erf", "'Erf' is no tuple of texts; write ('...',) for one"),
    "aliases": (["Erf"], "['Erf'] is no tuple of texts; write ('...',) for one"),
    "ufuncs": (np.sin, "<ufunc 'sin'> is no tuple of universal functions; write (np.fabs,) for one"),
    "mistakes": (
        (("sign", "-slop"),), "'-slop' is no formula of u: it may hold whole numbers, pi, + - * / ^ and functions"
    ),
    "cost": (-1.0, "-1.0 is no number from 0 up"),
    "overhead": (None, "None is no number from 0 up"),
    "guarded": (1, "1 is neither True nor False"),
}  # fmt: skip
"""For every column a value of `erf` that cannot stand there, and what is said of it."""


@pytest.mark.parametrize("column", MALFORMED)
def test_what_cannot_stand_in_a_column_is_refused_in_one_line_that_names_the_row_and_the_column(column: str) -> None:
    wrong, fault = MALFORMED[column]
    row = replace(next(row for row in ROWS if row.name == "erf"), **{column: wrong})
    with pytest.raises(ValueError, match="^" + re.escape(f"row {row.name!r}, column {column}: {fault}") + "$"):
        with_row(row)


@pytest.mark.parametrize(
    ("column", "wrong", "fault"),
    [
        ("slope", "exp(u", "'exp(u' is no formula of u: it may hold whole numbers, pi, + - * / ^ and functions"),
        ("slope", "exp(u, 2)", "'exp(u, 2)' gives exp 2 arguments, which it does not take"),
        ("slope", "zzzz(u)", "'zzzz(u)' has no known operation 'zzzz'; write it in operations of the table"),
        ("slope", None, "None is no text with a formula of u"),
        ("arity", (), "() is no sequence of numbers of arguments; write (1,) for one argument"),
        ("domain", 1, "1 is no text that names a region"),
        ("domain", "u > pi",
         "'u > pi' names no region; one is 'u > 0', 'abs(u) <= 1', 'sin(u) ≠ 0' or 'u is not an integer'"),
        ("mistakes", ("sign", "-slope"), ("('sign', '-slope') is no tuple of pairs of texts; "
         "write (('what went wrong', 'formula of u'),) for one")),
    ],
)  # fmt: skip
def test_further_slips_in_a_column_are_refused_with_what_to_write(column: str, wrong: Any, fault: str) -> None:
    row = replace(next(row for row in ROWS if row.name == "erf"), **{column: wrong})
    with pytest.raises(ValueError, match="^" + re.escape(f"row 'erf', column {column}: {fault}") + "$"):
        with_row(row)


def with_row(row: Elementary) -> Elementary:
    """A row as the table would hold it."""
    return completed([*ROWS, row])[row.name]


def logit(a: Any) -> Array:
    return np.asarray(np.log(a / (1.0 - a)))


def logit_without_loss(a: Any) -> Array:
    return np.asarray(np.where(np.abs(a - 0.5) < 0.25, 2.0 * np.arctanh(2.0 * (a - 0.5)), np.log(a) - np.log1p(-a)))


def logit_slope(a: Array, e: Array) -> Array:
    ends = np.maximum(a - e, 0.0), np.minimum(a + e, 1.0)
    return np.asarray(np.maximum(*(1.0 / (u * (1.0 - u)) for u in ends)))


LOGIT = Elementary(
    "logit", (1,), logit, series=by_definition, title="logit", slope="1/(u*(1 - u))", steepest=logit_slope,
    domain="abs(2*u - 1) < 1", pole=lambda a: (a == 0.0) | (a == 1.0),
    definition="log(u/(1 - u))",
)  # fmt: skip
SILU = Elementary(
    "silu", (1,), lambda a: a * FLOATS.sigmoid(a), series=by_definition, title="silu",
    slope="sigmoid(u)*(1 + u*sigmoid(-u))", steepest=lambda a, e: np.full_like(a, 1.1), definition="u*sigmoid(u)",
)  # fmt: skip
"""Its slope is at most 1.0999."""
LEFT_OF_0 = Elementary(
    "left_of_0", (1,), lambda a: -np.log(-a), series=by_definition, title="logarithm", slope="-(1/u)", steepest="right",
    domain="u < 0", definition="-log(-u)",
)  # fmt: skip
"""Its domain ends on the right, where the slope is largest."""


@pytest.mark.parametrize(
    ("row", "point"), [(LOGIT, 0.5 + 1e-9), (SILU, -744.1)], ids=lambda one: getattr(one, "name", None)
)
def test_a_bound_that_is_false_near_a_zero_or_far_out_is_noticed(row: Elementary, point: float) -> None:
    whole = with_row(row)
    value, bound = whole.running((np.array([point]), np.zeros(1)))
    assert not bounded(value[0], bound[0], truth(row)(point)), "the bound is false there"
    assert {"running", "ulps"} <= {fault.split(":")[0] for fault in faults(whole)}


@pytest.mark.parametrize(
    "row",
    [
        replace(LOGIT, value=logit_without_loss, ulps=8.0),
        replace(SILU, ulps=4.0, underflow=1024.0 * SMALLEST),
        LEFT_OF_0,
    ],
    ids=lambda row: row.name,
)
def test_a_row_that_is_not_in_the_table_yet_is_whole_once_its_bounds_are_true(row: Elementary) -> None:
    assert faults(with_row(row)) == []


def test_a_fault_says_what_to_write() -> None:
    row = completed(replace(one, steepest="near 0") if one.name == "softplus" else one for one in ROWS)["softplus"]
    (fault,) = faults(row)
    assert fault.startswith("steepest: the slope is not largest at 'near 0', or loses digits there; write another, or")
    assert fault.endswith(" a callable bound such as `lambda a, e: np.exp(a + e)` where a has the error e")


NO_SERIES = "column series: Arb has no silu; write"


@pytest.mark.parametrize(
    ("columns", "lack"),
    [
        ({}, "column slope: it is missing; write slope='...', a formula of u, or both running=... and series=..."),
        (
            {"slope": SILU.slope},
            f"{NO_SERIES} definition='...' (a formula of u in other operations), series=by_definition",
        ),
        (
            {"slope": SILU.slope, "definition": "u*sigmoid(u)"},
            f"{NO_SERIES} definition='u*sigmoid(u)', series=by_definition",
        ),
        (
            {"slope": SILU.slope, "series": by_definition},
            (
                "column definition: it is missing; write definition='...', a formula of u in other operations, or "
                "series=..."
            ),
        ),
    ],
)
def test_a_row_that_leaves_out_what_the_rest_follows_from_is_refused(columns: dict[str, Any], lack: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(f"row 'silu', {lack}") + "$"):
        with_row(Elementary("silu", (1,), SILU.value, **columns))


PARTS = {
    "abs_lower", "abs_upper", "lower", "upper", "mid", "rad", "neg", "nonnegative_part", "agm", "backlund_s",
    "zeta_nzeros",
    "floor", "ceil", "sgn",
    "nan", "pi", "pos_inf", "neg_inf", "const_catalan", "const_e", "const_euler", "const_glaisher", "const_khinchin",
    "const_log10", "const_log2", "const_sqrt_pi",
}  # fmt: skip
"""What Arb has of a ball, or beside it, that is no smooth function of one number."""


def gives_a_ball(name: str) -> bool:
    try:
        return isinstance(getattr(arb("0.3"), name)(), arb)
    except (TypeError, ValueError):
        return False


def test_the_functions_that_balls_have_by_themselves_are_those_of_arb_and_the_cube_root() -> None:
    of_arb = {name for name in dir(arb) if not name.startswith("_") and gives_a_ball(name)}
    assert of_arb - PARTS | {"cbrt"} == ARB_FUNCTIONS
    assert {row.name for row in ROWS if row.series is by_slope} <= {*dir(Numbers)} & ARB_FUNCTIONS


def test_every_column_is_checked() -> None:
    assert list(CHECKS) == list(BROKEN)
    assert list(MALFORMED) == COLUMNS
    assert [column for column in COLUMNS if column in BROKEN] == list(BROKEN)
    assert {*COLUMNS} - {*BROKEN} == {"name", "arity", "meeting", "cost"}


def test_what_follows_from_a_slope_is_there_for_a_row_that_states_no_more() -> None:
    row = Elementary("erf", (1,), FLOATS.erf, slope="2*exp(-u^2)/sqrt(pi)")
    found = completed([*(one for one in ROWS if one.name != "erf"), row])["erf"]
    assert found.running is not by_slope
    (head, slope) = found.series(Taylor(1, FLOATS), [0.5, 1.0])
    assert head == math.erf(0.5)
    assert slope == pytest.approx(float(mpmath.diff(mpmath.erf, 0.5)), rel=1e-15)
