"""Signals that are sampled with noise, and what their derivatives are: what a method for measured data is judged by."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType

import numpy as np

from derivkit.expressions.evaluation import float_function
from derivkit.expressions.expression import parse
from derivkit.symbolic.derivation import derive
from derivkit.types import Array

KINDS = (
    *("smooth", "scales", "chirp", "spectrum", "trajectory", "corners", "plateaus"),
    *("quantised", "outliers", "heteroscedastic", "autocorrelated"),
)
"""What a signal tries of a method; those of the second row break what it assumes of noise."""
SOLVER_STEP = 1e-3
"""Largest step of the fourth-order solver, over the time scale of 1 that all systems below have: errors of 1e-10."""
JITTER = 0.4
"""Times that jitter lie within this part of a spacing beside equal ones, so that their order stays."""
CLUSTERS = 5
"""Around so many centres lie times that are clustered."""
GAP = (0.4, 0.55)
"""Of the record this part has no samples where it has a gap."""
OUTLYING = (8.0, 25.0)
"""Outliers lie between so many standard deviations of the noise off the signal."""


@dataclass(frozen=True)
class System:
    """A differential equation of first order, of which one component is seen.

    Attributes
    ----------
    slope : callable
        Of the state, shape ``(k,)``.
    start : tuple of float
    component : int
    run_in : float
        Time that passes before the record begins.
    """

    slope: Callable[[Array], Array]
    start: tuple[float, ...]
    component: int = 0
    run_in: float = 0.0


SYSTEMS: Mapping[str, System] = MappingProxyType(
    {
        "lorenz": System(
            lambda s: np.array([10.0 * (s[1] - s[0]), s[0] * (28.0 - s[2]) - s[1], s[0] * s[1] - 8.0 / 3.0 * s[2]]),
            (1.0, 1.0, 1.0),
            run_in=20.0,
        ),
        "pendulum": System(lambda s: np.array([s[1], -4.0 * np.sin(s[0])]), (2.5, 0.0)),
        "epidemic": System(
            lambda s: np.array([-0.4 * s[0] * s[1], 0.4 * s[0] * s[1] - 0.1 * s[1]]), (0.999, 0.001), component=1
        ),
        "van_der_pol": System(lambda s: np.array([s[1], 2.0 * (1.0 - s[0] ** 2) * s[1] - s[0]]), (2.0, 0.0)),
        "lotka_volterra": System(
            lambda s: np.array([s[0] * (1.0 - 0.5 * s[1]), s[1] * (0.4 * s[0] - 0.8)]), (4.0, 2.0)
        ),
    }
)
"""Trajectories that signals may follow, by name."""


def _even(_: np.random.Generator, count: int) -> Array:
    return np.linspace(0.0, 1.0, count)


def _random(generator: np.random.Generator, count: int) -> Array:
    return np.sort(generator.random(count))


def _jittered(generator: np.random.Generator, count: int) -> Array:
    return np.sort((np.arange(count) + 0.5 + JITTER * (2.0 * generator.random(count) - 1.0)) / count)


def _clustered(generator: np.random.Generator, count: int) -> Array:
    """Half of the times are random, and half lie around centres."""
    centres = generator.random(CLUSTERS)[generator.integers(0, CLUSTERS, count // 2)]
    near = np.clip(centres + 0.02 * generator.standard_normal(count // 2), 0.0, 1.0)
    return np.sort(np.concatenate([near, generator.random(count - count // 2)]))


def _gap(_: np.random.Generator, count: int) -> Array:
    start, end = GAP
    share = np.linspace(0.0, 1.0 - (end - start), count)
    return np.where(share < start, share, share + (end - start))


TIMES: Mapping[str, Callable[[np.random.Generator, int], Array]] = MappingProxyType(
    {"even": _even, "random": _random, "jittered": _jittered, "clustered": _clustered, "gap": _gap}
)
"""How samples lie in time, from 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """Samples of a signal.

    Attributes
    ----------
    t, y : ndarray, shape ``(n,)``
    value, slope : ndarray, shape ``(n,)``
        The signal without noise, and its derivative: NaN at a corner.
    """

    t: Array
    y: Array
    value: Array
    slope: Array

    @property
    def spread(self) -> float:
        """The standard deviation of the signal about its mean."""
        return float(np.std(self.value))


@dataclass(frozen=True, kw_only=True)
class Signal:
    """A function of time, and how it is sampled.

    Attributes
    ----------
    name, kind : str
        See `KINDS`.
    expression, trajectory : str
        The function: of t, or the name of one of `SYSTEMS`.
    start, end : float
    samples : int
    times : str
        See `TIMES`.
    noise : float
        Standard deviation.
    growth : float
        How many times larger it is at the end of the record than at its start.
    correlation : float
        Of the noise of neighbouring samples.
    outliers : float
        Which part of the samples lies far off.
    quantum : float
        What the samples are rounded to multiples of; 0 where they are not.
    corners, jumps : tuple of float
        Where the slope, or the signal itself, jumps.

    Raises
    ------
    ValueError
        If there is no such kind, trajectory or way to lie in time, or not exactly one function.

    Examples
    --------
    >>> wave = Signal(name="wave", kind="smooth", expression="sin(t)", start=0.0, end=1.0, samples=3, noise=0.0)
    >>> wave.draw(0).y.round(3).tolist()
    [0.0, 0.479, 0.841]
    """

    name: str
    kind: str
    expression: str = ""
    trajectory: str = ""
    start: float
    end: float
    samples: int
    times: str = "even"
    noise: float
    growth: float = 1.0
    correlation: float = 0.0
    outliers: float = 0.0
    quantum: float = 0.0
    corners: tuple[float, ...] = ()
    jumps: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for field, table in (("kind", KINDS), ("times", TIMES)):
            if getattr(self, field) not in table:
                raise ValueError(f"{self.name}: no {field} {getattr(self, field)!r}; there are {', '.join(table)}")
        if bool(self.expression) == bool(self.trajectory):
            raise ValueError(f"{self.name}: a signal has an expression of t or a trajectory, one of the two")
        if self.trajectory and self.trajectory not in SYSTEMS:
            raise ValueError(f"{self.name}: no trajectory {self.trajectory!r}; there are {', '.join(SYSTEMS)}")
        object.__setattr__(self, "corners", tuple(self.corners))
        object.__setattr__(self, "jumps", tuple(self.jumps))

    @property
    def breaks(self) -> tuple[float, ...]:
        """Where the slope has no value."""
        return (*self.corners, *self.jumps)

    @cached_property
    def _of_time(self) -> Callable[[Array], tuple[Array, Array]]:
        """The signal and its slope at times."""
        if self.trajectory:
            return lambda t: _trajectory(self.trajectory, tuple(t.tolist()))
        value, slope = float_function(parse(self.expression)), derive(self.expression, variable="t")
        return lambda t: (np.asarray(value(t)), np.asarray(slope(t=t)))

    def at(self, t: Array) -> tuple[Array, Array]:
        """The signal without noise, and its slope, at times that rise, shape ``(n,)``."""
        return self._of_time(t)

    def draw(self, seed: int) -> Sampled:
        """Samples with noise."""
        generator = np.random.default_rng(seed)
        t = self.start + (self.end - self.start) * TIMES[self.times](generator, self.samples)
        value, slope = self.at(t)
        y = value + self._noise(generator, t)
        if self.quantum:
            y = self.quantum * np.round(y / self.quantum)
        return Sampled(t=t, y=y, value=value, slope=slope)

    def _noise(self, generator: np.random.Generator, t: Array) -> Array:
        noise = generator.standard_normal(t.size)
        for k in range(1, t.size if self.correlation else 0):
            noise[k] = self.correlation * noise[k - 1] + math.sqrt(1.0 - self.correlation**2) * noise[k]
        off = generator.random(t.size) < self.outliers
        far = generator.uniform(*OUTLYING, t.size) * generator.choice((-1.0, 1.0), t.size)
        level = self.noise * self.growth ** ((t - self.start) / (self.end - self.start))
        return np.asarray(level * np.where(off, far, noise))


@lru_cache(maxsize=16)
def _trajectory(name: str, times: tuple[float, ...]) -> tuple[Array, Array]:
    """A component of a system at times, and its slope, by the classical method of Runge and Kutta (1901)."""
    system, now = SYSTEMS[name], -SYSTEMS[name].run_in
    state, states = np.array(system.start), []
    for time in times:
        steps = math.ceil((time - now) / SOLVER_STEP - 1e-9)
        for _ in range(steps):
            state = _step(system.slope, state, (time - now) / steps)
        now = time
        states.append(state)
    slopes = [system.slope(state)[system.component] for state in states]
    return np.array(states)[:, system.component], np.array(slopes)


def _step(slope: Callable[[Array], Array], state: Array, step: float) -> Array:
    first = slope(state)
    second = slope(state + 0.5 * step * first)
    third = slope(state + 0.5 * step * second)
    fourth = slope(state + step * third)
    return np.asarray(state + step / 6.0 * (first + 2.0 * second + 2.0 * third + fourth))
