"""THE table of operations that an expression may use: all that the laboratory knows of each, in one row.

From a row follow the rule of differentiation and how it is printed, Taylor series, values to any number of digits,
bounds of rounding errors, signs and domains, the functions of NumPy that dual numbers go through, how it is typed and
set, and what is usually written instead of its derivative. A new row is all that a new operation takes.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np

from derivkit.operations import rounding, series, special
from derivkit.operations.completion import completed, in_floats
from derivkit.operations.rounding import near_zero
from derivkit.operations.row import (
    ANY,
    SMALLEST,
    UNIT,
    Bounded,
    Elementary,
    VerticalEnds,
    at,
    by_definition,
)
from derivkit.operations.taylor import Series, Taylor
from derivkit.types import Array

GAMMA_ULPS = 10.0
"""Error assumed of gamma, in ulps, as Python's own source (mathmodule.c) has found it by random tests."""
TWO_OR_MORE = range(2, 2**16)
"""Two arguments or more: above what a formula can hold."""
SIGN = ("sign of the derivative", "-slope")
"""The mistake that every function with a sign to be forgotten or invented shares."""


def selection(
    name: str, value: Callable[..., Array], arity: Sequence[int], taken: Callable[..., Series], **columns: Any
) -> Elementary:
    """A row for a function that picks one of its arguments or a bound of them, without rounding (abs, max)."""

    def running(*arguments: Bounded) -> Bounded:
        errors = [np.asarray(e) for _, e in arguments]
        return value(*(a for a, _ in arguments)), np.maximum.reduce(np.broadcast_arrays(*errors))

    return Elementary(name, arity, value, running, taken, meeting="kink", **columns)


def stepped(name: str, value: Callable[[Any], Array], jump: Callable[[Any, Any], Any], **columns: Any) -> Elementary:
    """A row for a piecewise constant function; ``jump(numbers, a)`` says where it is not continuous."""

    def running(argument: Bounded) -> Bounded:
        a, e = argument
        result = value(a)
        return result, np.where(e == 0.0, 0.0, np.abs(value(a + e) - value(a - e)))

    def steps(t: Taylor, u: Series) -> Series:
        return t.step(getattr(t.numbers, name)(u[0]), u, tie=jump(t.numbers, u[0]))

    mistakes = (("slope 1 instead of 0", "1"),)
    return Elementary(name, (1,), value, running, steps, title=name, slope="0", mistakes=mistakes, **columns)


def comparison(
    name: str, relation: Callable[[Any, Any], Any], *, typed: str, written: str = "", latex: str = ""
) -> Elementary:
    """A row for a condition: 1 where it holds, 0 where it does not, NaN where a side is no number.

    Its running error is infinite where the errors of the sides leave the answer open.
    """

    def holds(a: Any, b: Any) -> Array:
        return np.where(np.isnan(a) | np.isnan(b), np.nan, np.where(relation(a, b), 1.0, 0.0))

    def running(a: Bounded, b: Bounded) -> Bounded:
        error = a[1] + b[1]
        is_open = (error > 0.0) & ~(np.abs(a[0] - b[0]) > error * (1.0 + 8.0 * UNIT))
        return holds(a[0], b[0]), np.where(is_open, np.inf, 0.0)

    def answered(t: Taylor, u: Series, v: Series) -> Series:
        where, nan = t.numbers.where, t.numbers.nan
        unknown = (u[0] != u[0]) | (v[0] != v[0])  # NaN, in any arithmetic
        answer = where(unknown, nan, where(relation(u[0], v[0]), 1, 0))
        return t.step(answer, t.add(u, t.negate(v)), tie=u[0] == v[0])

    return Elementary(
        name, (2,), holds, running, answered, typed=typed, written=written or typed, latex=(latex or typed,)
    )


def _steep_from(size: Callable[[Any], Array]) -> Callable[[Array, Array], Array]:
    """A bound of 1/c^2 on [a - e, a + e], c being a sine or cosine that is ``size`` at a."""
    return lambda a, e: 1.0 / np.maximum(np.abs(size(a)) - e, 0.0) ** 2


def _reduced(ufunc: np.ufunc) -> Callable[..., Array]:
    return lambda *arguments: functools.reduce(ufunc, arguments)


def _vertical_power(_: Any, exponent: Any) -> VerticalEnds:
    return ((0, 1, 1),) if (exponent > 0) is True and (exponent < 1) is True else ()


OPERATORS = (
    Elementary(
        "add", (2,), np.add, rounding.add, Taylor.add, typed="+", sign=lambda signs: max(signs) if min(signs) else ANY
    ),
    Elementary(
        "subtract", (2,), np.subtract, rounding.subtract, lambda t, u, v: t.add(u, t.negate(v)), typed="-"
    ),
    Elementary("multiply", (2,), np.multiply, rounding.multiply, Taylor.multiply, typed="*", sign=min),
    Elementary(
        "divide", (2,), np.divide, rounding.divide, Taylor.divide, typed="/",
        pole=lambda a, b: b == 0.0, sign=lambda signs: signs[0] if signs[1] else ANY,
    ),
    Elementary(
        "power", (2,), rounding.raised, rounding.power, Taylor.power, typed="**", vertical=_vertical_power,
        pole=lambda a, b: (a == 0.0) & (b < 0.0),
    ),
    Elementary("negate", (1,), np.negative, lambda a: (-a[0], a[1]), Taylor.negate, typed="-"),
)  # fmt: skip
COMPARISONS = (
    comparison("less", operator.lt, typed="<"),
    comparison("less_equal", operator.le, typed="<=", written="≤", latex=r"\leq"),
    comparison("greater", operator.gt, typed=">"),
    comparison("greater_equal", operator.ge, typed=">=", written="≥", latex=r"\geq"),
)
"""What stands as a condition, and nowhere else."""

ONE = (1,)
EXPONENTIALS = (
    Elementary(
        "exp", ONE, np.exp, series=Taylor.exp, title="exponential", slope="exp(u)", steepest="right", sign="positive",
        latex=("e^{#1}",),
        mistakes=(("exponential treated as power", "u*exp(u - 1)"), ("exponent brought to the front", "u*exp(u)"),
                  ("sign of the derivative", "-exp(u)")),
    ),
    Elementary(
        "expm1", ONE, np.expm1, title="exponential", slope="exp(u)", steepest="right", sign="that of u",
        definition="exp(u) - 1",
    ),
    Elementary(
        "log", (1, 2), lambda a, base=None: np.log(a) if base is None else np.log(a) / np.log(base), rounding.log,
        lambda t, u, base=None: t.log(u) if base is None else t.divide(t.log(u), t.log(base)),
        title="logarithm", domain="u > 0", pole=lambda a, base=2.0: (a == 0.0) | (base == 1.0),
        synonyms=("ln",), latex=(r"\ln", r"\log_{#2}\left(#1\right)"),
        mistakes=(SIGN, ("derivative of 1/u instead of log(u)", "-1/u^2"), ("1/u inverted", "u"),
                  ("function and derivative multiplied", "y/u")),
    ),
    Elementary(
        "log1p", ONE, np.log1p, title="logarithm", slope="1/(1 + u)", steepest="left", domain="u > -1",
        sign="that of u",
        definition="log(1 + u)",
        mistakes=(SIGN, ("derivative of 1/u instead of log(u)", "-1/u^2"), ("the 1 forgotten", "1/u")),
    ),
    *(
        Elementary(
            name, ONE, value, series=by_definition, title="logarithm", slope=f"1/(u*log({base}))", steepest="left",
            domain="u > 0", definition=f"log(u)/log({base})", aliases=aliases,
            mistakes=(SIGN, ("derivative of 1/u instead of log(u)", "-1/u^2"), ("1/u inverted", "u"),
                      ("function and derivative multiplied", "y/u"), ("logarithm of the base forgotten", "1/u"),
                      ("logarithm of the base multiplied", "slope_e^2/slope")),
        )
        for name, value, base, aliases in (("log2", np.log2, 2, ("lb", "ld")), ("log10", np.log10, 10, ("lg",)))
    ),
    Elementary(
        "sqrt", ONE, np.sqrt, series=series.square_root, title="square root", slope="1/(2*sqrt(u))", steepest="left",
        ulps=0.5, domain="u >= 0", vertical=at((0, 1, 1)), sign="not negative, and that of u",
        written="√", latex=(r"\sqrt{#1}",),
        mistakes=(("the 1/2 of the root forgotten", "1/sqrt(u)"), ("root kept above", "sqrt(u)/2"),
                  ("2 multiplied instead of divided", "2/sqrt(u)"), ("sign of the derivative", "-1/(2*sqrt(u))"),
                  ("root of the denominator forgotten", "1/(2*u)"), ("quotient inverted", "2*sqrt(u)")),
    ),
    Elementary(
        "cbrt", ONE, np.cbrt, series=lambda t, u: series.root(t, u, 3, t.numbers.cbrt(u[0])), title="cube root",
        slope="1/(3*cbrt(u)^2)", odd=True, ulps=4.0, smooth="u ≠ 0", vertical=at((0, 1, 0)), sign="that of u",
        written="∛", latex=(r"\sqrt[3]{#1}",),
        mistakes=(("the 1/3 of the root forgotten", "1/cbrt(u)^2"),
                  ("square below the fraction bar forgotten", "1/(3*cbrt(u))"), ("root kept above", "cbrt(u)/3"),
                  ("power of the root kept above", "cbrt(u)^2/3"), ("treated as a square root", "1/(2*sqrt(u))")),
    ),
)  # fmt: skip
TRIGONOMETRIC = (
    Elementary(
        "sin", ONE, np.sin, series=series.sine, title="sine", slope="cos(u)", odd=True,
        steepest=lambda a, e: np.minimum(np.abs(np.cos(a)) + e, 1.0), latex=(r"\sin",), power_at_name=True,
        aliases=("sinus", "sen"), mistakes=(SIGN,),
    ),
    Elementary(
        "cos", ONE, np.cos, series=series.cosine, title="cosine", slope="-sin(u)",
        steepest=lambda a, e: np.minimum(np.abs(np.sin(a)) + e, 1.0), latex=(r"\cos",), power_at_name=True,
        aliases=("cosinus",), mistakes=(SIGN,),
    ),
    Elementary(
        "tan", ONE, np.tan, series=lambda t, u: t.riccati(t.numbers.tan(u[0]), u, 1, 0, 1), title="tangent",
        slope="1/cos(u)^2", odd=True, steepest=_steep_from(np.cos), domain="cos(u) ≠ 0", latex=(r"\tan",),
        power_at_name=True,
        aliases=("tg",),
        definition="sin(u)/cos(u)",
        mistakes=(SIGN, ("square forgotten", "1/cos(u)"), ("quotient of derivatives", "-cos(u)/sin(u)"),
                  ("derivative of the secant", "tan(u)/cos(u)"), ("confused with the cotangent", "1/sin(u)^2"),
                  ("square above the fraction bar", "cos(u)^2"), ("1 - tan^2 as of tanh", "1 - tan(u)^2"),
                  ("1 + tan^2, square forgotten", "1 + tan(u)")),
    ),
    Elementary(
        "sec", ONE, lambda a: 1.0 / np.cos(a), series=by_definition, title="secant", slope="sec(u)*tan(u)",
        steepest=_steep_from(np.cos), domain="cos(u) ≠ 0", definition="1/cos(u)", latex=(r"\sec",), power_at_name=True,
        mistakes=(SIGN, ("square of the tangent instead of a product", "tan(u)^2"), ("one factor lost", "tan(u)"),
                  ("square instead of a product", "sec(u)^2"), ("reciprocal of the derivative", "-1/sin(u)"),
                  ("confused with the cosecant", "-csc(u)*cot(u)")),
    ),
    Elementary(
        "csc", ONE, lambda a: 1.0 / np.sin(a), series=by_definition, title="cosecant", slope="-(csc(u)*cot(u))",
        odd=True,
        steepest=_steep_from(np.sin), domain="sin(u) ≠ 0", definition="1/sin(u)", latex=(r"\csc",), power_at_name=True,
        aliases=("cosec",),
        mistakes=(SIGN, ("square of the cotangent instead of a product", "-cot(u)^2"), ("one factor lost", "-cot(u)"),
                  ("square instead of a product", "-csc(u)^2"), ("reciprocal of the derivative", "1/cos(u)"),
                  ("confused with the secant", "sec(u)*tan(u)")),
    ),
    Elementary(
        "cot", ONE, lambda a: 1.0 / np.tan(a), series=by_definition, title="cotangent", slope="-(1/sin(u)^2)", odd=True,
        steepest=_steep_from(np.sin), domain="sin(u) ≠ 0", definition="cos(u)/sin(u)", latex=(r"\cot",),
        power_at_name=True, aliases=("ctg", "cotan"),
        mistakes=(SIGN, ("square forgotten", "-1/sin(u)"), ("confused with the tangent", "1/cos(u)^2"),
                  ("confused with the tangent, with the sign", "-1/cos(u)^2"),
                  ("square above the fraction bar", "-sin(u)^2"), ("derivative of the cosecant", "-cot(u)/sin(u)")),
    ),
    Elementary(
        "asin", ONE, np.arcsin, title="inverse sine", slope="1/sqrt(1 - u^2)", odd=True, steepest="far from 0",
        domain="abs(u) <= 1", vertical=at((-1, 1, 1), (1, 1, -1)), latex=(r"\arcsin",), synonyms=("arcsin",),
        mistakes=(SIGN, ("root forgotten", "1/(1 - u^2)"),
                  ("plus instead of minus below the root", "1/sqrt(1 + u^2)"),
                  ("inverse taken for the reciprocal", "-cos(u)/sin(u)^2"),
                  ("reciprocal of the derivative", "1/cos(u)"),
                  ("inverse of the derivative", "acos(u)"), ("square forgotten", "1/sqrt(1 - u)"),
                  ("confused with the inverse tangent", "1/(1 + u^2)"),
                  ("root above the fraction bar", "sqrt(1 - u^2)")),
    ),
    Elementary(
        "acos", ONE, np.arccos, title="inverse cosine", slope="-(1/sqrt(1 - u^2))", steepest="far from 0",
        domain="abs(u) <= 1", vertical=at((-1, -1, 1), (1, -1, -1)), sign="not negative", latex=(r"\arccos",),
        synonyms=("arccos",),
        definition="pi/2 - asin(u)",
        mistakes=(SIGN, ("root forgotten", "-1/(1 - u^2)"),
                  ("plus instead of minus below the root", "-1/sqrt(1 + u^2)"),
                  ("inverse taken for the reciprocal", "sin(u)/cos(u)^2"),
                  ("reciprocal of the derivative", "-1/sin(u)"),
                  ("inverse of the derivative", "-asin(u)"), ("square forgotten", "-1/sqrt(1 - u)"),
                  ("root above the fraction bar", "-sqrt(1 - u^2)")),
    ),
    Elementary(
        "atan", ONE, np.arctan, title="inverse tangent", slope="1/(1 + u^2)", odd=True, sign="that of u",
        latex=(r"\arctan",),
        synonyms=("arctan",), aliases=("arctg",),
        mistakes=(SIGN, ("minus instead of plus", "1/(1 - u^2)"), ("root that is not there", "1/sqrt(1 + u^2)"),
                  ("confused with the inverse sine", "1/sqrt(1 - u^2)"), ("square forgotten", "1/(1 + u)"),
                  ("inverse taken for the reciprocal", "-1/sin(u)^2"), ("the 1 forgotten", "1/u^2"),
                  ("reciprocal of the derivative", "cos(u)^2")),
    ),
)  # fmt: skip
HYPERBOLIC = (
    Elementary(
        "sinh", ONE, np.sinh, series=lambda t, u: series.hyperbolic(t, u)[0], title="hyperbolic sine",
        slope="cosh(u)", odd=True,
        steepest="far from 0", sign="that of u", latex=(r"\sinh",), power_at_name=True,
        definition="(exp(u) - 1/exp(u))/2",
        mistakes=(SIGN, ("derivative of the sine", "cos(u)")),
    ),
    Elementary(
        "cosh", ONE, np.cosh, series=lambda t, u: series.hyperbolic(t, u)[1], title="hyperbolic cosine",
        slope="sinh(u)", steepest="far from 0", sign="positive", latex=(r"\cosh",), power_at_name=True,
        definition="(exp(u) + 1/exp(u))/2",
        mistakes=(SIGN, ("derivative of the cosine", "-sin(u)")),
    ),
    # 1 - tanh(u)^2 is the same slope, and loses every digit from u = 20 on.
    Elementary(
        "tanh", ONE, np.tanh, series=series.tanh, title="hyperbolic tangent", slope="1/cosh(u)^2", odd=True,
        sign="that of u",
        latex=(r"\tanh",), power_at_name=True,
        definition="sinh(u)/cosh(u)",
        mistakes=(SIGN, ("square forgotten", "1/cosh(u)"), ("square forgotten", "1 - tanh(u)"),
                  ("plus instead of minus", "1 + tanh(u)^2"), ("quotient of derivatives", "cosh(u)/sinh(u)"),
                  ("derivative of the tangent", "1/cos(u)^2")),
    ),
    Elementary(
        "asinh", ONE, np.arcsinh, title="inverse hyperbolic sine", slope="1/sqrt(u^2 + 1)", odd=True,
        steepest=lambda a, e: 1.0 / np.hypot(1.0, near_zero(a, e)), sign="that of u", synonyms=("arcsinh",),
        aliases=("arsinh",),
        definition="log(u + sqrt(u^2 + 1))",
        mistakes=(SIGN, ("root forgotten", "1/(1 + u^2)"), ("minus instead of plus", "1/sqrt(1 - u^2)"),
                  ("sign below the root", "1/sqrt(u^2 - 1)")),
    ),
    Elementary(
        "acosh", ONE, np.arccosh, title="inverse hyperbolic cosine", slope="1/sqrt(u^2 - 1)",
        steepest=rounding.steep_right_of_one, domain="u >= 1", vertical=at((1, 1, 1)), synonyms=("arccosh",),
        aliases=("arcosh",),
        definition="log(u + sqrt(u^2 - 1))",
        mistakes=(SIGN, ("root forgotten", "1/(u^2 - 1)"), ("plus instead of minus", "1/sqrt(u^2 + 1)")),
    ),
    Elementary(
        "atanh", ONE, np.arctanh, title="inverse hyperbolic tangent", slope="1/(1 - u^2)", odd=True,
        steepest="far from 0",
        domain="abs(u) < 1", synonyms=("arctanh",), aliases=("artanh",),
        definition="log((1 + u)/(1 - u))/2",
        mistakes=(SIGN, ("plus instead of minus", "1/(1 + u^2)"), ("root that is not there", "1/sqrt(1 - u^2)")),
    ),
    Elementary(
        "asec", ONE, rounding.inverse_secant, series=by_definition, title="inverse secant",
        slope="1/(abs(u)*sqrt(u^2 - 1))", steepest=rounding.steep_beyond_one, ulps=4.0, domain="abs(u) >= 1",
        vertical=at((-1, 1, -1), (1, 1, 1)), sign="not negative", definition="acos(1/u)", synonyms=("arcsec",),
        mistakes=(SIGN,),
    ),
    Elementary(
        "acsc", ONE, rounding.inverse_cosecant, series=by_definition, title="inverse cosecant",
        slope="-(1/(abs(u)*sqrt(u^2 - 1)))", odd=True, steepest=rounding.steep_beyond_one, ulps=4.0,
        domain="abs(u) >= 1",
        vertical=at((-1, -1, -1), (1, -1, 1)), definition="asin(1/u)", synonyms=("arccsc",), mistakes=(SIGN,),
    ),
    Elementary(
        "acot", ONE, lambda a: np.arctan(1.0 / (a + 0.0)),  # -0 + 0 is 0: the jump is on its left
        series=series.inverse_cotangent, title="inverse cotangent", slope="-(1/(1 + u^2))", odd=True,
        steepest=lambda a, e: np.where((np.abs(a) <= e) & (e > 0.0), np.inf, 1.0 / (1.0 + near_zero(a, e) ** 2)),
        ulps=3.0, smooth="u ≠ 0", synonyms=("arccot",), aliases=("arcctg",),
        definition="atan(1/u)",
        mistakes=(SIGN, ("minus instead of plus", "-1/(1 - u^2)")),
    ),
    Elementary(
        "sech", ONE, rounding.sech, series=series.hyperbolic_secant, title="hyperbolic secant",
        slope="-(sech(u)*tanh(u))", steepest=lambda a, e: rounding.sech(near_zero(a, e)), ulps=4.0,
        underflow=4.0 * SMALLEST, sign="positive", power_at_name=True, definition="1/cosh(u)", mistakes=(SIGN,),
    ),
    Elementary(
        "csch", ONE, rounding.csch, series=series.hyperbolic_cosecant, title="hyperbolic cosecant",
        slope="-(csch(u)*coth(u))", odd=True, ulps=5.0, underflow=4.0 * SMALLEST, domain="u ≠ 0", power_at_name=True,
        definition="1/sinh(u)",
        mistakes=(SIGN,),
    ),
    Elementary(
        "coth", ONE, lambda a: 1.0 / np.tanh(a), series=series.hyperbolic_cotangent, title="hyperbolic cotangent",
        slope="-(1/sinh(u)^2)", odd=True, ulps=3.0, domain="u ≠ 0", latex=(r"\coth",), power_at_name=True,
        definition="cosh(u)/sinh(u)", mistakes=(SIGN,),
    ),
)  # fmt: skip
SPECIAL = (
    Elementary(
        "erf", ONE, special.erf, title="error function", slope="2*exp(-u^2)/sqrt(pi)", odd=True, ulps=rounding.ERF_ULPS,
        sign="that of u", cost=0.1,
        mistakes=(SIGN, ("factor 2/sqrt(pi) forgotten", "exp(-u^2)"),
                  ("minus in the exponent forgotten", "2*exp(u^2)/sqrt(pi)"), ("2 forgotten", "exp(-u^2)/sqrt(pi)")),
    ),
    Elementary(
        "erfc", ONE, special.erfc, title="complementary error function", slope="-2*exp(-u^2)/sqrt(pi)",
        ulps=rounding.ERF_ULPS, underflow=8.0 * SMALLEST, sign="positive", definition="1 - erf(u)", cost=0.1,
        mistakes=(SIGN, ("factor 2/sqrt(pi) forgotten", "-exp(-u^2)"),
                  ("factor 2/sqrt(pi) and sign forgotten", "exp(-u^2)"),
                  ("minus in the exponent forgotten", "-2*exp(u^2)/sqrt(pi)"), ("2 forgotten", "-exp(-u^2)/sqrt(pi)"),
                  ("the 1 of 1 - erf not dropped", "1 - 2*exp(-u^2)/sqrt(pi)")),
    ),
    Elementary(
        "gamma", ONE, special.gamma, series=series.gamma, title="gamma function", slope="gamma(u)*digamma(u)",
        steepest=rounding.gamma_slope, ulps=GAMMA_ULPS, domain="u is not 0, -1, -2, ...", latex=(r"\Gamma",),
        aliases=("tgamma",), mistakes=(("digamma forgotten", "gamma(u)"), ("digamma alone", "digamma(u)")), cost=0.1,
        guarded=True,
    ),
    Elementary(
        "digamma", ONE, special.digamma,
        lambda a: rounding.polygamma_running((np.asarray(0.0), np.asarray(0.0)), a),
        lambda t, u: series.polygamma(t, [0], u), title="digamma function", slope="polygamma(1, u)",
        domain="u is not 0, -1, -2, ...", latex=(r"\psi",), aliases=("psi",), cost=0.25, guarded=True,
        definition="polygamma(0, u)",
    ),
    Elementary(
        "polygamma", (2,), special.polygamma, rounding.polygamma_running, series.polygamma,
        title="polygamma function", domain="u is not 0, -1, -2, ...", latex=(r"\psi_{#1}\left(#2\right)",), cost=1.5,
        overhead=2e5,
    ),
)  # fmt: skip
NETWORKS = (
    Elementary(
        "gelu", ONE, rounding.gelu, rounding.gelu_running, by_definition, title="gelu",
        slope="(1 + erf(u/sqrt(2)))/2 + u*(exp(-(u^2/2))/sqrt(2*pi))", sign="that of u",
        definition="u/2*(1 + erf(u/sqrt(2)))",
        mistakes=(("only one term of the product rule", "(1 + erf(u/sqrt(2)))/2"),),
    ),
    # s(1 - s) is the same slope, and loses every digit where s is near 1.
    Elementary(
        "sigmoid", ONE, rounding.sigmoid, series=series.sigmoid, title="sigmoid", slope="sigmoid(u)*sigmoid(-u)",
        sign="positive", aliases=("logistic", "expit"),
        definition="exp(u)/(exp(u) + 1)",
        mistakes=(("plus instead of minus", "sigmoid(u)*(1 + sigmoid(u))"), ("one factor lost", "1 - sigmoid(u)"),
                  SIGN, ("exponential above the fraction bar forgotten", "sigmoid(u)^2")),
    ),
    Elementary(
        "softplus", ONE, lambda a: np.logaddexp(0.0, a), series=series.softplus, title="softplus", slope="sigmoid(u)",
        steepest="right", sign="positive",
        definition="log(1 + exp(u))",
        mistakes=(("sigmoid of the other side", "sigmoid(-u)"), SIGN, ("1/u of the logarithm forgotten", "exp(u)"),
                  ("inner derivative forgotten", "1/(1 + exp(u))")),
    ),
    selection(
        "abs", np.abs, ONE, series.absolute, title="absolute value", slope="sign(u)", smooth="u ≠ 0",
        sign="not negative, and that of u", latex=(r"\left|#1\right|",), synonyms=("Abs",),
        aliases=("fabs",), ufuncs=(np.fabs,), definition="u*sign(u)",
        mistakes=(("sides swapped", "-sign(u)"), ("sign forgotten", "1")),
    ),
    selection(
        "relu", lambda a: np.maximum(a, 0.0), ONE, lambda t, u: t.choose(u[0] > 0, u, [0 * u[0]], tie=u[0] == 0),
        title="relu", slope="heaviside(u)", smooth="u ≠ 0", sign="not negative, and that of u",
        definition="u*heaviside(u)",
        mistakes=(("sides swapped", "heaviside(-u)"), ("slope 1 on both sides", "1"), ("slope 0 on both sides", "0")),
    ),
    Elementary(
        "leaky_relu", (1, 2), rounding.leaky, rounding.leaky_running, series.leaky, title="leaky relu",
        smooth="u ≠ 0", meeting="kink", sign="that of u", aliases=("leakyrelu", "lrelu"),
        mistakes=(("sides swapped", "slope_of_minus_u"), ("slope 1 on both sides", "1"),
                  ("slope of the left side forgotten", "heaviside(u)")),
    ),
)  # fmt: skip
OF_SEVERAL = (
    *(
        selection(
            name, _reduced(ufunc), TWO_OR_MORE, taken, title=title, sign=sign, latex=(rf"\{name}",),
            synonyms=(name.capitalize(),), aliases=(ufunc.__name__,), ufuncs=(ufunc,),
            mistakes=(("sides swapped", "1 - slope"), ("slope 1 on both sides", "1"), ("slope 0 on both sides", "0")),
        )
        for name, ufunc, taken, title, sign in (
            ("max", np.maximum, series.largest, "maximum", max),
            ("min", np.minimum, series.smallest, "minimum", min),
        )
    ),
    Elementary(
        "softmax", range(1, TWO_OR_MORE.stop), rounding.share, rounding.share_running, series.share, title="softmax",
        sign="positive",
    ),
    Elementary(
        "logsumexp", range(1, TWO_OR_MORE.stop), rounding.logsumexp, rounding.logsumexp_running,
        series.logarithm_of_sum, title="log-sum-exp", aliases=("log_sum_exp", "lse"),
    ),
    Elementary(
        "piecewise", TWO_OR_MORE, rounding.pieces, rounding.pieces_running, series.pieces, title="piecewise",
        meeting="border", sign=lambda signs: min(signs[0::2]), synonyms=("Piecewise",), aliases=("cases",),
    ),
)  # fmt: skip
STEPS = (
    stepped(
        "sign", np.sign, lambda numbers, a: a == 0, odd=True, smooth="u ≠ 0", sign="that of u",
        aliases=("sgn", "signum"),
    ),
    stepped(
        "floor", np.floor, lambda numbers, a: numbers.floor(a) == a, smooth="u is not an integer",
        latex=(r"\left\lfloor #1\right\rfloor",),
    ),
    stepped(
        "heaviside", lambda a: np.heaviside(a, 0.5), lambda numbers, a: a == 0, smooth="u ≠ 0",
        sign="not negative, and that of u", synonyms=("Heaviside",),
        definition="(1 + sign(u))/2",
    ),
)  # fmt: skip

ROWS = (*OPERATORS, *COMPARISONS, *EXPONENTIALS, *TRIGONOMETRIC, *HYPERBOLIC, *SPECIAL, *NETWORKS, *OF_SEVERAL, *STEPS)
"""As they are stated above; `OPERATIONS` has what follows from them, too."""
OPERATIONS = completed(ROWS)
IN_FLOATS = in_floats(OPERATIONS)
"""What a formula of the table means in float64."""
ELEMENTARY = MappingProxyType({name: row for name, row in OPERATIONS.items() if not row.typed})
"""The operations that are typed as functions."""

FLOATS = SimpleNamespace(
    **{name: row.value for name, row in ELEMENTARY.items()},
    nonnegative=lambda a: a >= 0,
    power=lambda a, b: a**b,
    where=np.where,
    nan=np.nan,
    inf=np.inf,
)
"""The numbers of Taylor series over floating-point arrays."""
