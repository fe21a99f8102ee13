"""Populations of functions with points drawn from a seed, and what is true there: what an error bar is judged by."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from derivkit.analytical.evaluation import rounded_function
from derivkit.analytical.tree import Expression
from derivkit.analytical.truth import Truth, truth, truth_of_program
from derivkit.function import EVERYWHERE, Domain, Function, uniform_noise
from derivkit.programs import PROGRAMS, Program

Array = NDArray[np.float64]

VALUED = ("ok", "one_sided", "noisy", "multiscale", "below_resolution")
"""Statuses of a derivative that come with a value."""
VALUELESS = ("kink", "jump", "vertical", "not_finite", "unresolved")
"""Statuses that say why there is none."""
CATEGORIES = (
    *("entire", "singular", "scaled", "oscillation", "exponential", "special", "cancellation", "flat", "piecewise"),
    *("multiscale", "neural", "physics", "program", "polynomial", "no_derivative", "edge", "noisy"),
)


def _log_uniform(generator: np.random.Generator, low: float, high: float, count: int) -> Array:
    return np.exp(generator.uniform(math.log(low), math.log(high), count))


def _signed(generator: np.random.Generator, low: float, high: float, count: int) -> Array:
    return generator.choice((-1.0, 1.0), count) * _log_uniform(generator, low, high, count)


DISTRIBUTIONS: Mapping[str, Callable[[np.random.Generator, float, float, int], Array]] = MappingProxyType(
    {
        "uniform": lambda generator, low, high, count: generator.uniform(low, high, count),
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


def _noise(x: Array) -> Array:
    return uniform_noise(x).reshape(np.shape(x))


def _bell_noise(x: Array) -> Array:
    """Noise of variance 1/3 that is nearly normal: the sum of four uniform ones, over 2."""
    return 0.5 * (_noise(x) + _noise(1.0 - x) + _noise(3.0 * x) + _noise(0.5 - 7.0 * x))


DISTURBANCES: Mapping[str, Callable[[Values, float], Values]] = MappingProxyType(
    {
        "absolute": lambda f, level: lambda x: f(x) + level * _noise(x),
        "relative": lambda f, level: lambda x: f(x) * (1.0 + level * _noise(x)),
        "normal": lambda f, level: lambda x: f(x) + level * _bell_noise(x),
        "one_sided": lambda f, level: lambda x: f(x) + level * (1.0 + _noise(x)),
        "one_sided_relative": lambda f, level: lambda x: f(x) * (1.0 + level * (1.0 + _noise(x))),
        "quantised": lambda f, level: lambda x: level * np.round(f(x) / level),
        "rounded_argument": lambda f, level: lambda x: f(level * np.round(x / level)),
        "single_argument": lambda f, level: lambda x: f(np.asarray(x, dtype=np.float32).astype(np.float64)),
        "single_result": lambda f, level: lambda x: f(x).astype(np.float32).astype(np.float64),
        "table": _table,
    }
)
"""What is done to the values of f, and how strongly: noise in [-1, 1) times the level, a grid of that spacing, ..."""


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
        if self.kind != "single" and self.kind not in DISTURBANCES:
            raise ValueError(f"no noise of the kind {self.kind!r}; there are {', '.join((*DISTURBANCES, 'single'))}")
        if not 0.0 < self.level < math.inf:
            raise ValueError(f"noise {self.kind}: the level must be above 0, not {self.level!r}")

    def of(self, f: Values, expression: Expression | None) -> Values:
        """The disturbed function."""
        if self.kind != "single":
            return DISTURBANCES[self.kind](f, self.level)
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
    function : Function
        As a black box is given it, disturbed if there is noise.
    program : Program or None
        The code behind the function, where no expression says it.
    points : tuple of float
    draws : tuple of Draw
        From which further points come, from each as many.
    statuses : tuple of str
        The statuses of a derivative that are right at these points.
    noise : Disturbance or None
    derivative : Expression or None
        The derivative itself, where the rules cannot find it: one-sided at an end of the domain.
    slack : float
        What no method can see from outside, in the unit of the derivative: the bias of a solver, the slope of a table.
    reason : str
        Why it is in the population.

    Raises
    ------
    ValueError
        If there are no points, or if category or statuses are unknown.
    """

    name: str
    category: str
    function: Function
    program: Program | None = None
    points: tuple[float, ...] = ()
    draws: tuple[Draw, ...] = ()
    statuses: tuple[str, ...] = VALUED
    noise: Disturbance | None = None
    derivative: Expression | None = None
    slack: float = 0.0
    reason: str = ""

    def __post_init__(self) -> None:
        if not (self.points or self.draws):
            raise ValueError(f"{self.name}: points or draws are needed")
        if self.category not in CATEGORIES:
            raise ValueError(f"{self.name}: no category {self.category!r}; there are {', '.join(CATEGORIES)}")
        for status in self.statuses:
            if status not in VALUED + VALUELESS:
                raise ValueError(
                    f"{self.name}: no status {status!r}; there are {', '.join(VALUED)}, {', '.join(VALUELESS)}"
                )
        lo, hi = self.function.domain
        for point in self.points:
            if not lo <= point <= hi:
                raise ValueError(f"{self.name}: x = {point:g} lies outside the domain [{lo:g}, {hi:g}]")

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
        both = np.concatenate([np.array(self.points[:count], dtype=np.float64), mixed])
        return np.asarray(np.clip(both, *self.function.domain))

    def truth(self, x: ArrayLike, *, order: int = 1) -> Truth:
        """The derivative at every x to twice the digits of float64; NaN where none exists or none is known.

        That of the function without its noise.
        """
        if self.derivative is not None:
            return truth(self.derivative, x, order=order - 1)
        if self.program is not None:
            return truth_of_program(self.program.run, x, order=order)
        if self.function.expression is None:
            nothing = np.full(np.shape(x), np.nan)
            return Truth(nothing, nothing)
        return truth(self.function.expression, x, order=order)


def function_of(
    name: str,
    *,
    expression: str | None = None,
    program: str | None = None,
    domain: Domain | None = None,
    noise: Disturbance | None = None,
) -> tuple[Function, Program | None]:
    """The function of a family from its expression or the name of its program, and that program.

    Raises
    ------
    ValueError
        If it is not exactly one of both, or if there is no such program.
    """
    if (expression is None) == (program is None):
        raise ValueError("a family needs expression or program, and not both")
    if program is None:
        clean = Function.from_expression(str(expression), name=name, domain=domain)
        if noise is None:
            return clean, None
        call = noise.of(clean.call, clean.expression)
        text = f"{clean.text}, noise {noise.kind} {noise.level:g}"
        return (
            Function(
                name=name, text=text, call=call, expression=clean.expression, domain=clean.domain, vectorized=True
            ),
            None,
        )
    if program not in PROGRAMS:
        raise ValueError(f"no program named {program!r}; there are {', '.join(PROGRAMS)}")
    row = PROGRAMS[program]
    call = row if noise is None else noise.of(row, None)
    return Function(name=name, text=row.text, call=call, domain=domain or EVERYWHERE, vectorized=True), row


def spread(count: int, families: int) -> list[int]:
    """So many points over so many families: as equal as can be, the first ones one more.

    Examples
    --------
    >>> spread(7, 3)
    [3, 2, 2]
    """
    return [count // families + (k < count % families) for k in range(families)]
