"""Fifty functions of 2 to 50 variables with points drawn from a seed, to judge bars of gradients and Hessians by.

Every function is an expression, so that its partial derivatives are known from ball arithmetic, right to the last bit.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from derivkit.expressions.algebra import total
from derivkit.expressions.evaluation import named_function
from derivkit.expressions.expression import parse
from derivkit.expressions.tree import Expression, Variable
from derivkit.symbolic.differentiation import differentiate
from derivkit.trusted.exact import Exact, exact
from derivkit.trusted.truth import as_computed
from derivkit.types import Array


@dataclass(frozen=True, kw_only=True)
class Partials:
    """Partial derivatives with the largest error that each may have, two arrays of one shape.

    Attributes
    ----------
    value : ndarray
        The floats nearest to the derivatives; NaN where there is none.
    error : ndarray
        How far these are off at most.
    """

    value: Array
    error: Array


@dataclass(frozen=True)
class Landscape:
    """A smooth function of several variables, and the box from which its points are drawn.

    Attributes
    ----------
    name, category : str
    size : int
        How many variables there are; they are called x0, x1 and so on.
    write : callable
        The terms of the formula as texts, of the size.
    low, high : float
        The ends of the box, in units of the scales.
    scales : tuple of float
        Of the variables in turn.

    Examples
    --------
    >>> bowl = Landscape("bowl", "polynomial", 2, lambda n: ("x0^2", "3*x1^2"))
    >>> bowl(np.array([1.0, 2.0])), bowl.gradient(np.array([1.0, 2.0])).value.tolist()
    (13.0, [2.0, 12.0])
    >>> bowl.hessian(np.array([1.0, 2.0])).value.tolist()
    [[2.0, 0.0], [0.0, 6.0]]
    """

    name: str
    category: str
    size: int
    write: Callable[[int], Sequence[str]] = field(repr=False)
    low: float = -1.5
    high: float = 1.5
    scales: tuple[float, ...] = (1.0,)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The variables in the order of the entries of x."""
        return tuple(f"x{k}" for k in range(self.size))

    @cached_property
    def expression(self) -> Expression:
        """The formula, its decimals as the floats that they become."""
        return as_computed(Expression(total([parse(term).root for term in self.write(self.size)])))

    def __call__(self, x: Array) -> float:
        """The value at a point of shape ``(size,)``."""
        return float(self._call(self._named(x)))

    def drawn(self, count: int, *, seed: int) -> Array:
        """Points, shape ``(count, size)``; they depend on the seed and on the name only."""
        generator = np.random.default_rng([seed, zlib.crc32(self.name.encode())])
        places = self.low + (self.high - self.low) * generator.random((count, self.size))
        return np.asarray(places * np.resize(self.scales, self.size))

    def gradient(self, x: Array) -> Partials:
        """The first derivatives at a point, shape ``(size,)``."""
        return _partials([self._partial(self.expression, name, x) for name in self.names], (self.size,))

    def hessian(self, x: Array) -> Partials:
        """The second derivatives at a point, shape ``(size, size)``: those above the diagonal are those below it."""
        entries: list[list[Any]] = [[None] * self.size for _ in self.names]
        for i, slope in enumerate(self._slopes):
            for j in range(i, self.size):
                entries[i][j] = entries[j][i] = self._partial(slope, self.names[j], x)
        return _partials([entry for row in entries for entry in row], (self.size, self.size))

    @cached_property
    def _call(self) -> Callable[..., Any]:
        return named_function(self.expression)

    @cached_property
    def _slopes(self) -> tuple[Expression, ...]:
        root = self.expression.root
        return tuple(differentiate(root, Variable(name)).result for name in self.names)

    def _partial(self, formula: Expression, name: str, x: Array) -> Exact:
        if name not in formula.variables:
            return exact("0", 0.0)
        return exact(formula, self._named(x), variable=name)

    def _named(self, x: Array) -> dict[str, float]:
        return dict(zip(self.names, np.asarray(x).tolist(), strict=True))


def _partials(entries: list[Exact], shape: tuple[int, ...]) -> Partials:
    value, error = np.array([(entry.value, entry.error) for entry in entries], dtype=np.float64).T
    return Partials(value=value.reshape(shape), error=error.reshape(shape))


# How formulas are written


Terms = Callable[[int], tuple[str, ...]]


def _total(term: str, step: int = 1, past: int = 0) -> Terms:
    """A term for every variable: a, b, c and d in braces are four in turn, k is the place from 1."""
    return lambda size: tuple(_term(term, first, size) for first in range(0, size - past, step))


def _term(term: str, first: int, size: int) -> str:
    names = {letter: f"x{(first + offset) % size}" for offset, letter in enumerate("abcd")}
    return term.format(**names, k=first + 1, w=f"({_weight(first, 1)})")


def _inside(outer: str, *inner: Terms, join: str = " + ") -> Terms:
    """One term, a formula of sums, which stand in braces by their place; n is the size."""
    return lambda size: (outer.format(*(f"({join.join(terms(size))})" for terms in inner), n=size),)


def _product(term: str) -> Terms:
    return _inside("{}", _total(f"({term})"), join="*")


def _fixed(*terms: str) -> Terms:
    return lambda size: terms


def _weight(row: int, column: int) -> float:
    """Some number in (-1, 1), a multiple of 1/64 and never 0."""
    return ((37 * row + 23 * column + 11 * row * column) % 62 - 30.5) / 32.0


def _each(term: str, count: int) -> Terms:
    """A term for every one of so many weighted sums u of all variables."""

    def write(size: int) -> tuple[str, ...]:
        sums = ("+".join(f"({_weight(row, column)})*x{column}" for column in range(size)) for row in range(count))
        return tuple(term.format(u=f"({u})", w=f"({_weight(row, 9)})", t=row / 8.0) for row, u in enumerate(sums))

    return write


def _data(term: str, count: int) -> Terms:
    """A term for every one of so many data (t, y)."""
    return lambda size: tuple(term.format(t=(k + 0.5) / count, y=1.0 + _weight(k, 3)) for k in range(count))


def _chebyquad(size: int) -> tuple[str, ...]:
    """The squares of the mean of T_k(2 x - 1) less its integral, k = 1 to 4 (Fletcher, 1965)."""
    degrees = ("{s}", "2*{s}^2 - 1", "4*{s}^3 - 3*{s}", "8*{s}^4 - 8*{s}^2 + 1")
    means = (
        "(" + " + ".join(degree.format(s=f"(2*x{k} - 1)") for k in range(size)) + f")/{size}" for degree in degrees
    )
    return tuple(f"({mean} + {part})^2" for mean, part in zip(means, ("0", "1/3", "0", "1/15"), strict=True))


_SQUARES, _EXPONENTIALS = _total("{a}^2"), _total("exp({a})")
_ARM = ("(cos(x0) + cos(x0+x1) + cos(x0+x1+x2) - 1)^2", "(sin(x0) + sin(x0+x1) + sin(x0+x1+x2) - 2)^2")
_DISTANCES = _total("sqrt(({a} - {b})^2 + ({c} - {d})^2 + 0.25)", 2)

LANDSCAPES: tuple[Landscape, ...] = (
    Landscape("rosenbrock_2", "classic", 2, _total("100*({b} - {a}^2)^2 + (1 - {a})^2", past=1)),
    Landscape("rosenbrock_10", "classic", 10, _total("100*({b} - {a}^2)^2 + (1 - {a})^2", past=1)),
    Landscape("rosenbrock_50", "classic", 50, _total("100*({b} - {a}^2)^2 + (1 - {a})^2", past=1)),
    Landscape("powell_4", "classic", 4, _total("({a}+10*{b})^2 + 5*({c}-{d})^2 + ({b}-2*{c})^4 + 10*({a}-{d})^4", 4)),
    Landscape("powell_16", "classic", 16, _total("({a}+10*{b})^2 + 5*({c}-{d})^2 + ({b}-2*{c})^4 + 10*({a}-{d})^4", 4)),
    Landscape("beale", "classic", 2, _fixed("(1.5-x0+x0*x1)^2", "(2.25-x0+x0*x1^2)^2", "(2.625-x0+x0*x1^3)^2")),
    Landscape("wood", "classic", 4, _fixed(
        "100*(x0^2-x1)^2 + (x0-1)^2 + (x2-1)^2 + 90*(x2^2-x3)^2 + 10.1*((x1-1)^2 + (x3-1)^2) + 19.8*(x1-1)*(x3-1)")),
    Landscape("himmelblau", "classic", 2, _fixed("(x0^2 + x1 - 11)^2 + (x0 + x1^2 - 7)^2"), -5.0, 5.0),
    Landscape("brown", "classic", 6, _total("({a}^2)^({b}^2 + 1) + ({b}^2)^({a}^2 + 1)", past=1), 0.25, 1.5),
    Landscape("chebyquad", "classic", 8, _chebyquad, 0.0, 1.0),
    Landscape("styblinski_tang", "polynomial", 12, _total("({a}^4 - 16*{a}^2 + 5*{a})/2"), -4.0, 4.0),
    Landscape("dixon_price", "polynomial", 20, _total("{k}*(2*{b}^2 - {a})^2", past=1)),
    Landscape("cubic_chain", "polynomial", 30, _total("{a}^3/3 - {a}*{b}")),
    Landscape("quadratic", "polynomial", 15, _each("{u}^2", 15)),
    Landscape("chaos", "polynomial", 6, _each("1 + {w}*{u} + ({u}^2 - 1)/2 + ({u}^3 - 3*{u})/6", 6)),
    Landscape("log_sum_exp_3", "exponential", 3, _inside("log({})", _EXPONENTIALS), -4.0, 4.0),
    Landscape("log_sum_exp_12", "exponential", 12, _inside("log({})", _EXPONENTIALS), -4.0, 4.0),
    Landscape("softplus", "exponential", 20, _total("log(1 + exp({k}*{a}/4))")),
    Landscape("bells", "exponential", 7, _total("exp(-{a}^2) + {a}*exp(-{b}^2)")),
    Landscape("exp_of_sine", "exponential", 5, _total("exp(sin(2*{a}))")),
    Landscape("entropy", "exponential", 10, _total("{a}*log({a})"), 0.05, 1.0),
    Landscape("trigonometric", "oscillation", 6, _total("sin(3*{a})*cos({b})")),
    Landscape("waves_200", "oscillation", 4, _total("sin(200*{a})")),
    Landscape("chirp", "oscillation", 5, _total("sin(5*{a}^2 + {b})")),
    Landscape("griewank", "oscillation", 5,
              _inside("1 + {}/4000 - {}", _SQUARES, _product("cos({a}/sqrt({k}))")), -10.0, 10.0),
    Landscape("rastrigin", "oscillation", 10, _total("{a}^2 - 10*cos(2*pi*{a})"), -3.0, 3.0),
    Landscape("ackley", "oscillation", 4, _inside(
        "-20*exp(-0.2*sqrt({}/{n})) - exp({}/{n})", _SQUARES, _total("cos(2*pi*{a})")), 0.5, 3.0),
    Landscape("robot_arm", "oscillation", 3, _fixed(*_ARM), -3.0, 3.0),
    Landscape("levy", "oscillation", 8, _total("sin(pi*{a})^2*(1 + ({b} - 1)^2)/4"), -2.0, 2.0),
    Landscape("product", "product", 7, _product("1 + {a}/8")),
    Landscape("product_of_tanh", "product", 5, _product("2 + tanh({a})")),
    Landscape("geometric_mean", "product", 9, _inside("exp({}/{n})", _total("log({a})")), 0.1, 3.0),
    Landscape("norm", "distance", 9, _inside("sqrt({})", _SQUARES), 0.1, 2.0),
    Landscape("smooth_norm", "distance", 25, _inside("sqrt({} + 0.125)", _SQUARES)),
    Landscape("distances", "distance", 12, _DISTANCES),
    Landscape("lennard_jones", "distance", 5, _total("({a} + {b})^-12 - ({a} + {b})^-6"), 0.4, 1.0),
    Landscape("rational", "rational", 6, _total("1/(1 + {a}^2) + {a}/(2 + {b}^2)")),
    Landscape("ratio", "rational", 8, _inside("{}/(1 + {})", _total("{w}*{a}"), _SQUARES)),
    Landscape("resistors", "rational", 10, _inside("1/{}", _total("1/{a}")), 0.2, 5.0),
    Landscape("normal_likelihood", "statistics", 2, _data("(({y}-x0)/exp(x1))^2/2 + x1", 15)),
    Landscape("gamma_likelihood", "statistics", 2,
              _data("log(gamma(x0)) + x0*log(x1) - (x0-1)*log({y}+1) + ({y}+1)/x1", 6), 0.5, 4.0),
    Landscape("decay_fit", "statistics", 3, _data("(x0*exp(-x1*{t}) + x2 - {y})^2", 12)),
    Landscape("logistic_regression", "statistics", 10, _each("log(1 + exp({u})) - {t}*{u}/4", 16)),
    Landscape("mixture", "statistics", 4, _data("-log(exp(-({y}-x0)^2/2 - x2) + exp(-({y}-x1)^2/2 - x3))", 8)),
    Landscape("moments", "statistics", 8, _inside("{}/({}/{n} + 1)^1.5", _total("{a}^3"), _SQUARES)),
    Landscape("network_tanh", "network", 8, _each("{w}*tanh({u})", 10)),
    Landscape("network_of_parameters", "network", 9, _data(
        "(x0*tanh(x1*{t} + x2) + x3*tanh(x4*{t} + x5) + x6*tanh(x7*{t} + x8) - {y})^2", 5)),
    Landscape("mixed_scales", "scaled", 3, _fixed("sin(1e8*x0) + exp(x1) + (x2*1e-5)^3"), 0.2, 1.5, (1e-8, 1.0, 1e5)),
    Landscape("sizes_apart", "scaled", 3, _fixed("sin(x0) + log(x1) + x2^2"), 0.5, 1.5, (1.0, 1e-6, 1e6)),
    Landscape("offset", "scaled", 5, _inside("1e6 + {}", _total("exp(0.3*{a})"))),
)  # fmt: skip
"""The fifty functions."""
