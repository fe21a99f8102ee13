"""Populations of functions with points drawn from a seed, and what is true there: what an error bar is judged by."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from derivkit import grids
from derivkit.arguments import EVERYWHERE
from derivkit.expressions.evaluation import rounded_function
from derivkit.expressions.tree import Expression
from derivkit.function import Function, uniform_noise
from derivkit.numerical.status import VALUED, VALUELESS
from derivkit.testing.programs import Program
from derivkit.trusted.truth import Truth, truth, truth_of_program
from derivkit.types import Array, Domain

CATEGORIES = (
    *("entire", "singular", "scaled", "oscillation", "exponential", "special", "cancellation", "flat", "piecewise"),
    *("multiscale", "neural", "physics", "program", "polynomial", "no_derivative", "edge", "noisy"),
    *("near_break", "near_break_held_out"),
)


def _uniform(generator: np.random.Generator, low: float, high: float, count: int) -> Array:
    """As ``generator.uniform`` draws, whose last bit depends on how NumPy was compiled: rounded after each step."""
    return low + (high - low) * generator.random(count)


def _log_uniform(generator: np.random.Generator, low: float, high: float, count: int) -> Array:
    return grids.exp(_uniform(generator, grids.log(low), grids.log(high), count))


def _signed(generator: np.random.Generator, low: float, high: float, count: int) -> Array:
    return generator.choice((-1.0, 1.0), count) * _log_uniform(generator, low, high, count)


DISTRIBUTIONS: Mapping[str, Callable[[np.random.Generator, float, float, int], Array]] = MappingProxyType(
    {
        "uniform": _uniform,
        "log_uniform": _log_uniform,
        "signed_log_uniform": _signed,
        "powers_of_two": lambda generator, low, high, count: np.ldexp(
            1.0, generator.integers(int(low), int(high), count, endpoint=True)
        ),
        "integers": lambda generator, low, high, count: generator.integers(
            int(low), int(high), count, endpoint=True
        ).astype(np.float64),
    }
)
"""How points are drawn between two ends; of the powers of two the ends are exponents."""


@dataclass(frozen=True)
class Draw:
    """Points from one distribution between two ends.

    Raises
    ------
    ValueError
        If there is no such distribution, or if the ends do not suit it.

    Examples
    --------
    >>> Draw("powers_of_two", -1, -1)(np.random.default_rng(0), 2)
    array([0.5, 0.5])
    """

    distribution: str
    low: float
    high: float

    def __post_init__(self) -> None:
        if self.distribution not in DISTRIBUTIONS:
            raise ValueError(f"no distribution named {self.distribution!r}; there are {', '.join(DISTRIBUTIONS)}")
        if not self.low <= self.high:
            raise ValueError(f"{self.distribution} is drawn from [low, high], not from [{self.low:g}, {self.high:g}]")
        if "log" in self.distribution and not self.low > 0.0:
            raise ValueError(f"{self.distribution} needs ends above 0, not {self.low:g}")

    def __call__(self, generator: np.random.Generator, count: int) -> Array:
        """So many points, shape ``(count,)``."""
        return DISTRIBUTIONS[self.distribution](generator, self.low, self.high, count)


Values = Callable[[Array], Array]


def _table(f: Values, spacing: float) -> Values:
    """Linear interpolation between the multiples of the spacing."""

    def interpolated(x: Array) -> Array:
        below = np.floor(x / spacing)
        share = x / spacing - below
        return (1.0 - share) * f(below * spacing) + share * f((below + 1.0) * spacing)

    return interpolated


def _relaxation(f: Values, tolerance: float) -> Values:
    """A solver that comes from 0, halves its error in each step, and stops when that is below the tolerance."""

    def solved(x: Array) -> Array:
        target = f(x)
        with np.errstate(divide="ignore"):
            steps = np.maximum(0.0, np.ceil(np.log2(np.abs(target) / tolerance)))
        return np.where(target == 0.0, 0.0, target * (1.0 - np.exp2(-steps)))

    return solved


def _noise(x: Array) -> Array:
    return uniform_noise(x).reshape(np.shape(x))


def _bell_noise(x: Array) -> Array:
    """Noise of variance 1/3 that is nearly normal: the sum of four uniform ones, over 2."""
    return 0.5 * (_noise(x) + _noise(1.0 - x) + _noise(3.0 * x) + _noise(0.5 - 7.0 * x))


@dataclass(frozen=True)
class Kind:
    """What is done to the values of f.

    Attributes
    ----------
    words : str
    of : callable or None
        The disturbed function, of f and of how strongly; None where all of an expression is computed in another type.
    smooth : bool
        Whether it is smooth between its steps: then its level is no noise that could be named, and no law of
        independent errors holds.
    levelled : bool
        Whether every level can be asked for.
    """

    words: str
    of: Callable[[Values, float], Values] | None
    smooth: bool = False
    levelled: bool = True


DISTURBANCES: Mapping[str, Kind] = MappingProxyType(
    {
        "absolute": Kind("uniform noise", lambda f, level: lambda x: f(x) + level * _noise(x)),
        "relative": Kind(
            "uniform noise relative to the value", lambda f, level: lambda x: f(x) * (1.0 + level * _noise(x))
        ),
        "normal": Kind("nearly normal noise", lambda f, level: lambda x: f(x) + level * _bell_noise(x)),
        "one_sided": Kind("noise with a mean", lambda f, level: lambda x: f(x) + level * (1.0 + _noise(x))),
        "one_sided_relative": Kind(
            "noise with a mean, relative to the value",
            lambda f, level: lambda x: f(x) * (1.0 + level * (1.0 + _noise(x))),
        ),
        "quantised": Kind("quantised values", lambda f, level: lambda x: level * np.round(f(x) / level)),
        "rounded_argument": Kind("a rounded argument", lambda f, level: lambda x: f(level * np.round(x / level))),
        "single": Kind("float32 inside", None, levelled=False),
        "single_argument": Kind(
            "an argument in float32",
            lambda f, level: lambda x: f(np.asarray(x, dtype=np.float32).astype(np.float64)),
            levelled=False,
        ),
        "single_result": Kind(
            "a result in float32",
            lambda f, level: lambda x: f(x).astype(np.float32).astype(np.float64),
            levelled=False,
        ),
        "relaxation": Kind("a solver that stops at a tolerance", _relaxation, smooth=True),
        "table": Kind("a table with linear interpolation", _table, smooth=True, levelled=False),
    }
)
"""Every kind by its name; how strongly is noise in [-1, 1) times the level, a grid of that spacing, ..."""
SMOOTH = tuple(name for name, kind in DISTURBANCES.items() if kind.smooth)
"""Those that are smooth between their steps."""


@dataclass(frozen=True)
class Disturbance:
    """Noise of a known kind and level; ``single`` computes all of an expression in float32.

    Raises
    ------
    ValueError
        If there is no such kind, or if the level is not positive.
    """

    kind: str
    level: float

    def __post_init__(self) -> None:
        if self.kind not in DISTURBANCES:
            raise ValueError(f"no noise of the kind {self.kind!r}; there are {', '.join(DISTURBANCES)}")
        if not 0.0 < self.level < math.inf:
            raise ValueError(f"noise {self.kind}: the level must be above 0, not {self.level!r}")

    def of(self, f: Values, expression: Expression | None) -> Values:
        """The disturbed function."""
        disturbed = DISTURBANCES[self.kind].of
        if disturbed is not None:
            return disturbed(f, self.level)
        if expression is None:
            raise ValueError("noise single: only an expression can be computed in float32")
        narrow = rounded_function(expression, np.float32)
        return lambda x: narrow(np.asarray(x).astype(np.float32)).astype(np.float64)


@dataclass(frozen=True, kw_only=True)
class Family:
    """A function with the points at which it is differentiated, explicit and drawn, and what may be said of them.

    Attributes
    ----------
    name, category : str
    expression : Expression or None
    program : Program or None
        The function as code, where no expression says it.
    points : tuple of float
    draws : tuple of Draw
        From which further points come, from each as many.
    around : tuple of float
        Where f, its slope or its code breaks. If there are any, what is drawn are distances from these in turn; one
        that leaves the domain is taken to the other side.
    derivatives : tuple of int
        The orders of the derivative for which the function is there; none means the first one and, of regular
        functions, those that a study asks for.
    domain : tuple of float
    noise : Disturbance or None
        What is done to the values.
    derivative : Expression or None
        The derivative itself, where the rules cannot find it: one-sided at an end of the domain.
    statuses : tuple of str
        The statuses of a derivative that are right at these points.
    at_break : tuple of str
        Those that are right at points where no derivative exists, if there are both kinds of points.
    slack : float
        What no method can see from outside, in the unit of the derivative: the bias of a solver, the slope of a table.
    reason : str
        Why it is in the population.

    Raises
    ------
    ValueError
        If it is not exactly one of expression and program, if there are no points or one lies outside the domain, or
        if category or statuses are unknown.

    Examples
    --------
    >>> from derivkit.expressions.expression import parse
    >>> family = Family(name="exp", category="entire", expression=parse("exp(x)"), draws=(Draw("uniform", -1, 1),))
    >>> x = family.drawn(3, seed=0)
    >>> bool(np.all(family.truth(x).distance(np.exp(x)) < 1e-15))
    True
    """

    name: str
    category: str
    expression: Expression | None = None
    program: Program | None = None
    points: tuple[float, ...] = ()
    draws: tuple[Draw, ...] = ()
    around: tuple[float, ...] = ()
    derivatives: tuple[int, ...] = ()
    domain: Domain = EVERYWHERE
    noise: Disturbance | None = None
    derivative: Expression | None = None
    statuses: tuple[str, ...] = VALUED
    at_break: tuple[str, ...] = ()
    slack: float = 0.0
    reason: str = ""

    def __post_init__(self) -> None:
        if (self.expression is None) == (self.program is None):
            raise ValueError("a family needs expression or program, and not both")
        if not (self.points or self.draws):
            raise ValueError("a family needs points or draws")
        if self.category not in CATEGORIES:
            raise ValueError(f"no category {self.category!r}; there are {', '.join(CATEGORIES)}")
        for status in self.statuses + self.at_break:
            if status not in VALUED + VALUELESS:
                known = ", ".join(VALUED + VALUELESS)
                raise ValueError(f"no status {status!r}; there are {known}")
        lo, hi = self.function.domain
        for point in self.points + self.around:
            if not lo <= point <= hi:
                raise ValueError(f"x = {point:g} lies outside the domain [{lo:g}, {hi:g}]")

    @cached_property
    def function(self) -> Function:
        """The function as a method is given it: with its noise, and within its domain."""
        if self.expression is not None:
            clean = Function.from_expression(self.expression, name=self.name, domain=self.domain)
        else:
            code = cast("Program", self.program)
            clean = Function(name=self.name, text=code.text, call=code, domain=self.domain, vectorized=True)
        if self.noise is None:
            return clean
        text = f"{clean.text} with noise, {self.noise.kind} {self.noise.level:g}"
        return replace(clean, text=text, call=self.noise.of(clean.call, clean.expression))

    @property
    def disturbance(self) -> Disturbance:
        """The noise of a family that has some.

        Raises
        ------
        ValueError
            If it has none.
        """
        if self.noise is None:
            raise ValueError(f"{self.name} has no noise")
        return self.noise

    def at_level(self, level: float) -> Family:
        """The family with its noise at another level; what no method can see grows with it."""
        noise = self.disturbance
        return replace(self, noise=replace(noise, level=level), slack=self.slack * level / noise.level)

    @property
    def differentiable(self) -> bool:
        """Whether a derivative exists at the points, so that a value can be right."""
        return any(status in VALUED for status in self.statuses)

    def drawn(self, count: int, *, seed: int) -> Array:
        """Points, shape ``(count,)``: the explicit ones first, then from every draw as many; fewer without draws.

        They depend on the seed and on the family's name only, so that a new family leaves those of the others alone.
        Points drawn outside the domain are moved to its end.
        """
        missing = max(0, count - len(self.points))
        generator = np.random.default_rng([seed, zlib.crc32(self.name.encode())])
        columns = [draw(generator, -(-missing // len(self.draws))) for draw in self.draws]
        mixed = np.stack(columns, axis=-1).ravel()[:missing] if columns else np.empty(0)
        both = np.concatenate([np.array(self.points[:count], dtype=np.float64), self._placed(mixed)])
        return np.asarray(np.clip(both, *self.domain))

    def _placed(self, drawn: Array) -> Array:
        """What was drawn as points: distances from the breaks in turn, if there are any, within the domain."""
        if not self.around:
            return drawn
        breaks = np.resize(self.around, drawn.shape)
        low, high = self.domain
        inside = (breaks + drawn >= low) & (breaks + drawn <= high)
        return np.asarray(breaks + np.where(inside, drawn, -drawn))

    def right(self, status: ArrayLike, truth: Truth) -> NDArray[np.bool_]:
        """Whether each status is one of those that are right there: where a derivative exists, and where none does."""
        nowhere = self.at_break or self.statuses
        return np.where(np.isnan(truth.high), np.isin(status, nowhere), np.isin(status, self.statuses))

    def truth(self, x: ArrayLike, *, order: int = 1) -> Truth:
        """The derivative at every x to twice the digits of float64; NaN where none exists or none is known.

        That of the function without its noise, one-sided where the domain ends.
        """
        if not self.differentiable:
            nothing = np.full(np.shape(x), np.nan)
            return Truth(nothing, nothing)
        if self.derivative is not None:
            return truth(self.derivative, x, order=order - 1)
        if self.program is not None:
            return truth_of_program(self.program.run, x, order=order)
        return truth(cast("Expression", self.expression), x, order=order)
