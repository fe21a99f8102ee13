"""Every operation with each number of arguments that it may have, through every entry point and study."""

from __future__ import annotations

import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import quick
from formulas import inside
from studies import gathered

import derivkit as dk
from derivkit.operations.elementary import COMPARISONS, OPERATIONS
from derivkit.trusted.bounds import LargestDerivatives
from experiments.studies import analytical_vs_numerical, convergence, delta_sweep, precision, tangents, which_delta

INFIX = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "^"}
FIRST = {
    **dict.fromkeys(("acosh", "asec", "acsc", "log"), "x + 1"),
    "polygamma": "2",
}
"""The first argument of those that take no x, or leave their domain beside it."""
MORE = ("x + 2", "x^2", "3*x + 1", "5")
SHOWN = 3
"""Counts tried of an operation that takes any number of arguments."""
POINT = 1.25
TRIED = (("x", POINT), ("x/3", POINT / 3), ("-x", -POINT), ("x + 1", POINT + 1))
"""Arguments with their values at `POINT`."""


def first(name: str) -> str:
    """The first argument: what the domain holds at `POINT`."""
    if name in FIRST:
        return FIRST[name]
    for text, u in TRIED:
        if inside(OPERATIONS[name].differentiable, u):
            return text
    raise ValueError(f"{name}: its domain holds no argument tried; add a line to FIRST in {Path(__file__).name}")


def formula(name: str, count: int) -> str:
    """A formula of x in which the operation has so many arguments."""
    arguments = [first(name), *MORE][:count]
    if name in INFIX:
        return f"({arguments[0]}){INFIX[name]}({arguments[1]})"
    if name == "negate":
        return f"-({arguments[0]})"
    if name == "piecewise":
        pairs = [f"({value}, x < {k + 1}.5)" for k, value in enumerate(arguments[0::2])][: count // 2]
        return f"piecewise({', '.join([*pairs, *([f'({arguments[-1]}, True)'] if count % 2 else [])])})"
    return f"{name}({', '.join(arguments)})"


FORMULAS = {
    f"{name}-{count}": formula(name, count)
    for name, row in OPERATIONS.items()
    if name not in {one.name for one in COMPARISONS}
    for count in tuple(row.arity)[:SHOWN]
} | {"log-base-2": "log(x, 2)", "log-base-x": "log(2, x + 1)", "log-base-e": "log(x, e)", "log-base-1/3": "log(x, 1/3)"}
STUDIES = {
    analytical_vs_numerical: {"lowest_exponent": -1, "per_decade": 1, "samples": 10},
    convergence: {},
    delta_sweep: {},
    precision: {"precision": ("float32",), "delta": (2.0**-4,)},
    tangents: {},
    which_delta: {"deltas": 9},
}
SLOW = {precision: {"log-2", "log-base-2", "leaky_relu-2", "softmax-3", "logsumexp-1", "polygamma-2", "max-4"}}
"""Of a study that takes a third of a second for every formula, those of several arguments."""
CENTRAL = (dk.formula("central_2"), dk.formula("forward_1"))


def test_every_count_of_arguments_is_tried() -> None:
    assert {"log-1", "log-2", "leaky_relu-2", "softmax-1", "logsumexp-3", "polygamma-2", "max-4"} <= set(FORMULAS)
    assert all(OPERATIONS[key.split("-")[0]] for key in FORMULAS)


@pytest.mark.parametrize("text", quick.part(FORMULAS.values()), ids=FORMULAS)
def test_an_operation_with_any_number_of_arguments_passes_every_entry_point(text: str) -> None:
    tree = dk.parse(text)
    assert dk.parse(str(dk.parse(str(tree)))).root == tree.root
    exact = dk.exact(tree, POINT)
    assert exact.status == "ok"
    derivation = dk.derive(tree)
    assert derivation.verification.verdict == "verified"
    assert derivation(POINT) == pytest.approx(exact.value, rel=1e-12)
    for level in ("full", "normal", "brief"):
        assert all((derivation.text(level=level), derivation.markdown(level=level), derivation.latex(level=level)))
    assert derivation.accuracy(POINT).trusted == pytest.approx(exact.value, rel=1e-12)
    assert dk.taylor(tree, POINT, 2)[1] == exact.value
    assert dk.accuracy(tree, POINT).lost < 3.0
    assert dk.diagnose(tree, derivation.result).right
    assert not dk.diagnose(tree, f"{derivation.result} + x").right
    f = dk.Function.from_expression(text)
    value = dk.exact(tree, POINT, 0).value
    assert f(POINT) == pytest.approx(value, rel=1e-12)
    for optimum, formula in zip(dk.predict_optimum(f, POINT, formulas=CENTRAL), CENTRAL, strict=True):
        estimate = dk.difference(f, POINT, float(optimum.delta), formula=formula)
        (predicted,) = dk.predict_error(f, POINT, optimum.delta, formulas=[formula])
        assert abs(float(estimate) - exact.value) <= predicted.total
    assert all(np.isfinite(terms).all() for terms in dk.truncation_terms(f, POINT, formulas=CENTRAL, terms=3))


@pytest.mark.slow
@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.__name__.split(".")[-1])
def test_every_operation_passes_a_study_that_predicts(study: ModuleType) -> None:
    names = SLOW.get(study, set(FORMULAS))
    problems = tuple(dk.Problem(dk.Function.from_expression(FORMULAS[name], name=name), (POINT,)) for name in names)
    tables = gathered(study, study.Config(function=problems, **STUDIES[study]))
    assert names <= {name for table in tables.values() for name in table.get("function", ())}


@pytest.mark.parametrize("base", ["2", "10", "1/3", "1.001", "1e-300", "1e300"])
def test_a_logarithm_to_a_base_is_bounded_as_the_quotient_of_logarithms(base: str) -> None:
    value = dk.exact(f"0*x + log({base})", 1.0, 0).value
    texts = ("log(x)", f"log(x, {base})")
    natural, based = (LargestDerivatives(dk.parse(text), np.array([1.25]), 4) for text in texts)
    assert based.proved
    for order in (1, 4):
        (of_log,), (size,) = (known.on(np.array([1.0]), np.array([1.5]), (order,)) for known in (natural, based))
        assert size[0] == pytest.approx(of_log[0] / abs(value), rel=1e-11)


def test_a_logarithm_to_the_base_1_has_no_closed_form() -> None:
    (best,) = dk.predict_optimum(dk.Function.from_expression("log(x, 1)"), 1.5, formulas=CENTRAL[:1])
    assert math.isnan(best.delta)
    assert not best.proved
