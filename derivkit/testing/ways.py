"""Every way to the derivative of a function that is given by an expression: by its formula, by dual numbers, and by
difference formulas at their predicted best delta; why one gives no error, and how many digits are correct.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from derivkit.automatic.dual import dual
from derivkit.automatic.refusals import DualError
from derivkit.errors import absolute_error, relative_error, ulp_error
from derivkit.expressions.evaluation import FLOAT_CONSTANTS, interpret, nearest_float
from derivkit.expressions.tree import Expression
from derivkit.function import Function
from derivkit.numerical.difference import difference
from derivkit.numerical.formulas import formula
from derivkit.numerical.nodes import abscissa, combine
from derivkit.numerical.stencil import Stencil
from derivkit.operations.elementary import OPERATIONS
from derivkit.predictions import predict_error, predict_optimum
from derivkit.symbolic.derivation import Derivation, derive
from derivkit.trusted.exact import exact
from derivkit.types import Array, Texts

Callables = dict[str, Callable[[Array], object]]

ANALYTICAL, DUAL = "analytical", "dual numbers"
DIGITS = 16.0
"""Decimal digits that a float64 holds, rounded up."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The derivative by every way beside the trusted one: shape ``(ways, points)`` each, but `exact` ``(points,)``.

    Attributes
    ----------
    delta : ndarray
        The best delta of a formula; NaN where a way has none.
    estimate, exact : ndarray
    error, relative_error, ulps, digits : ndarray
        NaN where the status is not ``ok``.
    rounding : ndarray
        How far rounding may take the estimate.
    status : ndarray of str
        ``ok``; ``no_derivative`` and ``answered``: there is none, and the way says so, or does not; ``refused``: there
        is one, and the way gives none; ``unresolved``: the trusted value is not known; ``not_numpy``: dual numbers
        go through NumPy's functions only.
    """

    delta: Array
    estimate: Array
    exact: Array
    error: Array
    relative_error: Array
    ulps: Array
    digits: Array
    rounding: Array
    status: Texts


@dataclass(frozen=True, kw_only=True)
class Ways:
    """A function at its points, and all ways to its derivative there."""

    f: Function
    x: Array
    derivation: Derivation
    formulas: tuple[Stencil, ...]
    delta: tuple[Array, ...]

    @property
    def methods(self) -> list[str]:
        """The names of all ways."""
        return [ANALYTICAL, DUAL, *(entry.name for entry in self.formulas)]

    def compare(self) -> Comparison:
        """Every way beside the trusted derivative, at all points."""
        exact, known = self.trusted
        gap = np.full(self.x.shape, np.nan)
        estimates = self.estimates()
        status = [np.full(gap.shape, "not_numpy") if one is None else statuses(one, exact, known) for one in estimates]
        estimate = np.array([gap if one is None else one for one in estimates])
        valid = np.where(np.array(status) == "ok", estimate, np.nan)
        relative = relative_error(valid, exact)
        return Comparison(
            delta=np.array([gap, gap, *self.delta]),
            estimate=estimate,
            exact=exact,
            error=absolute_error(valid, exact),
            relative_error=relative,
            ulps=ulp_error(valid, exact),
            digits=correct_digits(relative, valid, exact),
            rounding=np.array(self.roundings()),
            status=np.array(status),
        )

    def estimates(self) -> list[Array | None]:
        """The derivative by every way, shape of x each; None where a way cannot be gone."""
        results: list[Array | None] = [np.asarray(self.derivation(self.x)), self._dual(self.x)]
        for entry, delta in zip(self.formulas, self.delta, strict=True):
            usable = np.isfinite(delta)
            taken = difference(self.f, self.x, np.where(usable, delta, 1.0), formula=entry.name)
            results.append(np.where(usable, taken, np.nan))
        return results

    def roundings(self) -> list[Array]:
        """How far rounding may take the estimate by every way, shape of x each.

        Dual numbers multiply the same slopes as the rules, in another order, and are given the bound of the rules.
        """
        _, rules = Function.from_expression(self.derivation.result).predicted_value(self.x)
        results = [rules, rules]
        for entry, delta in zip(self.formulas, self.delta, strict=True):
            usable = np.isfinite(delta)
            (predicted,) = predict_error(self.f, self.x, np.where(usable, delta, 1.0), formulas=[entry])
            results.append(np.where(usable, predicted.rounding, np.nan))
        return results

    def _dual(self, x: Array) -> Array | None:
        try:
            return np.asarray(dual(as_numpy(self.f), x).derivative)
        except DualError:
            return None

    def callables(self, count: int) -> Callables:
        """Every way as plain work on so many points, without checks: what a loop over the points would call."""
        result = Function.from_expression(self.derivation.result).call
        spread = [np.resize(np.where(np.isfinite(delta), delta, 1.0), count) for delta in self.delta]
        plain = as_numpy(self.f)
        duals: Callables = {DUAL: lambda x: dual(plain, x)} if self._dual(self.x) is not None else {}
        return {
            ANALYTICAL: result,
            **duals,
            **{one.name: self._formula(one, delta) for one, delta in zip(self.formulas, spread, strict=True)},
        }

    def _formula(self, entry: Stencil, delta: Array) -> Callable[[Array], object]:
        weights, offsets, call = entry.coefficients[0], entry.offsets, self.f.call
        return lambda x: combine(weights, [call(abscissa(x, offset, delta)) for offset in offsets], delta)

    @cached_property
    def trusted(self) -> tuple[Array, Texts]:
        """The trusted derivatives, NaN where there is none, and the status of each: ``no_derivative``, ``ok``, ..."""
        known = [exact(expression_of(self.f), float(x)) for x in self.x]
        statuses = [str(one.status).replace("vertical", "no_derivative") for one in known]
        return np.array([one.value if math.isfinite(one.value) else math.nan for one in known]), np.array(statuses)


def ways_of(f: Function, x: Array, methods: Sequence[str]) -> Ways:
    """Derive f, and find the best delta of every formula at points, shape ``(n,)``."""
    formulas = tuple(map(formula, methods))
    delta = tuple(np.asarray(one.delta) for one in predict_optimum(f, x, formulas=formulas))
    return Ways(f=f, x=x, derivation=derive(expression_of(f)), formulas=formulas, delta=delta)


def expression_of(f: Function) -> Expression:
    """The expression of f, without which there is no analytical derivative."""
    if f.expression is None:
        raise ValueError(f"{f.name}: no expression is known")
    return f.expression


def as_numpy(f: Function) -> Callable[[Any], Any]:
    """f as somebody would write it with NumPy, so that dual numbers go through it; a black box as it is."""
    expression = expression_of(f)
    return f.call if f.text != str(expression) else written_with(expression, np.float64, in_numpy)


def written_with(
    expression: Expression, number: Callable[[float], Any], operation: Callable[[str], Callable[..., Any]]
) -> Callable[[Any], Any]:
    """An expression in one variable as somebody would write it with a library.

    Parameters
    ----------
    expression : Expression
        Of one variable.
    number : callable
        Makes the library's own number of a float.
    operation : callable
        What the library has for an operation, by the name that this one has here.

    Returns
    -------
    callable
        Of the library's own number or array.

    Examples
    --------
    >>> from derivkit.expressions.expression import parse
    >>> float(written_with(parse("2*x + atan(x)"), np.float64, in_numpy)(1.0)) == 2.0 + math.atan(1.0)
    True
    """
    return lambda x: interpret(
        expression,
        number=lambda value: number(nearest_float(value)),
        constant=lambda name: number(FLOAT_CONSTANTS[name]),
        variable=lambda name: x,
        apply=lambda name, *arguments: operation(name)(*arguments),
    )


def in_numpy(operation: str) -> Callable[..., Any]:
    """An operation as somebody would write it with NumPy."""
    return WRITTEN_OUT.get(operation) or OPERATIONS[operation].value


def numpy_name(operation: str) -> str:
    """What NumPy, and the libraries that are written like it, call an operation.

    Examples
    --------
    >>> numpy_name("atan"), numpy_name("erf")
    ('arctan', 'erf')
    """
    value = OPERATIONS[operation].value
    return value.__name__ if isinstance(value, np.ufunc) else operation


WRITTEN_OUT: Mapping[str, Callable[..., Any]] = {
    "power": operator.pow,
    "sigmoid": lambda u: 1.0 / (1.0 + np.exp(-u)),
    "softplus": lambda u: np.logaddexp(0.0, u),
}
"""How operations are written with NumPy that have no universal function of their own."""


def statuses(estimate: Array, truth: Array, known: Texts) -> Texts:
    """Why there is an error or none."""
    answers, exists = np.isfinite(estimate), np.isfinite(truth)
    absent = np.where(answers, "answered", "no_derivative")
    return np.where(
        exists, np.where(answers, "ok", "refused"), np.where(known == "no_derivative", absent, "unresolved")
    )


def correct_digits(relative: Array, estimate: Array, truth: Array) -> Array:
    """Correct digits; of an exact 0 all or none."""
    with np.errstate(divide="ignore"):
        digits = np.clip(-np.log10(relative), 0.0, DIGITS) + 0.0  # no -0
    zero = np.where(np.isnan(estimate), np.nan, np.where(estimate == 0.0, DIGITS, 0.0))
    return np.where(truth == 0.0, zero, digits)
