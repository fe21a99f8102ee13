"""Every row of the table of operations is whole, column by column, and a false column is noticed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

import mpmath
import numpy as np
import pytest
from formulas import inside

from derivkit.expressions.expression import parse
from derivkit.operations.dual import Taylor
from derivkit.operations.elementary import ELEMENTARY, FLOATS, IN_FLOATS, OPERATIONS, ROWS
from derivkit.operations.formulas import worked_out
from derivkit.operations.row import NOT_NEGATIVE, POSITIVE, SMALLEST, Elementary, at, by_slope, completed
from derivkit.symbolic.rules import FUNCTIONS as RULES
from derivkit.trusted.exact import exact
from derivkit.types import Array

X = np.arange(-4.0, 4.0, 1 / 16) + 1 / 37
"""Points at which nothing special happens."""
WHOLE = np.arange(-3.0, 4.0)


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
    return 1 in row.arity and row.name in ELEMENTARY


def away(row: Elementary) -> Array:
    """Points whose neighbours lie in the domain too, on the same side of what is not smooth, and are not steep."""
    x = points(row)
    beside = [inside(row.differentiable, x + d) & (np.sign(x + d) == np.sign(x)) for d in (-0.07, 0.07)]
    tame = np.abs(np.nan_to_num(row.value(x), nan=1e9)) < 30.0
    return x[np.logical_and.reduce([*beside, tame, np.floor(x - 0.07) == np.floor(x + 0.07)])]


# What each column must be


def named(row: Elementary) -> bool:
    return row.name.isidentifier()


def counted(row: Elementary) -> bool:
    return len(row.arity) > 0 and min(row.arity) >= 1


def valued(row: Elementary) -> bool:
    return not of_one(row) or bool(np.isfinite(row.value(X[inside(row.defined, X)])).all())


def error_is_bounded(row: Elementary) -> bool:
    if not of_one(row) or row.name in {"sign", "floor", "heaviside", "softmax", "logsumexp"}:
        return True
    x = points(row)[::5]
    value, bound = row.running((x, 0.0 * x))
    true = [exact(f"{row.name}(x)", float(point), 0) for point in x]
    return all(
        abs(v - one.value) <= b + one.error and b < 1e-11 * (1 + abs(one.value))
        for v, b, one in zip(value, np.broadcast_to(bound, x.shape), true, strict=True)
    )


def error_of_the_argument_counts(row: Elementary) -> bool:
    """A wider argument moves the value by no more than the bound, which is not a hundred times too wide."""
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
    "name": named,
    "arity": counted,
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
    "meeting": lambda row: row.meeting in {"", "kink", "border"},
    "vertical": vertical_where_it_says,
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
    "cost": lambda row: row.cost >= 0.0,
    "overhead": lambda row: row.overhead > 0.0,
    "guarded": lambda row: not row.guarded or row.cost > 0.0,
}
BROKEN: Mapping[str, tuple[str, Any]] = {
    "name": ("erf", "error function"),
    "arity": ("erf", ()),
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
    "meeting": ("abs", "corner"),
    "vertical": ("asin", at((1, 1, -1))),
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
    "cost": ("erf", -1.0),
    "overhead": ("erf", 0.0),
    "guarded": ("sin", True),
}
"""For every column a row in which it is false."""
COLUMNS = [column.name for column in fields(Elementary)]


def faults(row: Elementary) -> list[str]:
    """The columns of a row that are false."""
    with np.errstate(all="ignore"):
        return [column for column, check in CHECKS.items() if not check(row)]


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_row_is_whole(name: str) -> None:
    assert faults(OPERATIONS[name]) == []


@pytest.mark.parametrize("column", COLUMNS)
def test_a_false_column_is_noticed(column: str) -> None:
    name, wrong = BROKEN[column]
    rows = [replace(row, **{column: wrong}) if row.name == name else row for row in ROWS]
    table = completed(rows)
    assert column in faults(table[wrong if column == "name" else name])


def test_every_column_is_checked() -> None:
    assert list(CHECKS) == COLUMNS
    assert list(BROKEN) == COLUMNS


def test_what_follows_from_a_slope_is_there_for_a_row_that_states_no_more() -> None:
    row = Elementary("erf", (1,), FLOATS.erf, slope="2*exp(-u^2)/sqrt(pi)")
    found = completed([*(one for one in ROWS if one.name != "erf"), row])["erf"]
    assert found.running is not by_slope
    (head, slope) = found.series(Taylor(1, FLOATS), [0.5, 1.0])
    assert head == math.erf(0.5)
    assert slope == pytest.approx(float(mpmath.diff(mpmath.erf, 0.5)), rel=1e-15)
