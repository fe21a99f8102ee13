"""A series of samples in units of its own, with its breaks, and the nodes at which models of it are run."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from derivkit.data.wiener import Nodes
from derivkit.types import EPS, Array, Indices

BREAK_LENGTH = 5.0
"""What is believed of a break beforehand: the k-th derivative changes by k! times the range of the values over the k-th
power of a length, the geometric mean of so many mean gaps and of the record. A choice: a shorter one constrains as
little, and charges every break for changes that hardly any has."""


@dataclass(frozen=True)
class Break:
    """A time at which the function, or its slope, jumps.

    Attributes
    ----------
    t : float
    first : int
        Of the derivatives that jump, the first: 0 of a jump, 1 of a corner.
    """

    t: float
    first: int


@dataclass(frozen=True)
class Series:
    """Samples: times in mean gaps from the first one, values centred and divided by their spread.

    Attributes
    ----------
    t, y : ndarray, shape ``(n,)``
        The times rise.
    variance : ndarray, shape ``(n,)``
        Of the noise of a sample over that of all.
    noise : float or None
        The standard deviation of the noise, where it is known.
    level : float
        About that, for what is believed of breaks and outliers.
    rounding : float
        How far values are off by rounding alone.
    breaks : tuple of Break
    """

    t: Array
    y: Array
    variance: Array
    noise: float | None = None
    level: float = 1.0
    rounding: float = EPS
    breaks: tuple[Break, ...] = ()

    @property
    def size(self) -> int:
        """The number of samples."""
        return self.t.size

    @property
    def contrast(self) -> float:
        """The range of the values over the noise."""
        return float(np.ptp(self.y)) / self.level

    def without(self, outliers: Indices) -> Series:
        """Some of the samples are outliers, and may lie anywhere in the range."""
        variance = self.variance.copy()
        variance[outliers] = self.contrast**2
        return replace(self, variance=variance)


def standardised(t: Array, y: Array, variance: Array, noise: float | None = None) -> tuple[Series, float, float]:
    """Samples as a series, and its units: a mean gap, and the spread of the values."""
    spacing, spread = float(t[-1] - t[0]) / (t.size - 1), float(np.std(y)) or 1.0
    rounding = EPS * float(np.abs(y).max()) / spread or EPS
    relative = None if noise is None else max(noise / spread, rounding)
    series = Series((t - t[0]) / spacing, (y - y.mean()) / spread, variance, relative, rounding=rounding)
    return series, spacing, spread


@dataclass(frozen=True)
class Places:
    """The nodes of a series: its samples, the two sides of its breaks, and times that are wanted.

    Attributes
    ----------
    t, y, variance : ndarray, shape ``(m,)``
        In order of time; y is NaN where there is no sample.
    samples, wanted, left, right : ndarray of int
        Where among them the samples, the times wanted, and the sides of the breaks are.
    """

    t: Array
    y: Array
    variance: Array
    samples: Indices
    wanted: Indices
    left: Indices
    right: Indices


def places(series: Series, wanted: Array | None = None) -> Places:
    """The nodes of a series; a break comes after samples of the same time."""
    wanted = np.empty(0) if wanted is None else wanted
    breaks = np.array([each.t for each in series.breaks])
    t = np.concatenate([series.t, wanted, breaks, breaks])
    y, variance = np.full(t.size, np.nan), np.ones(t.size)
    y[: series.size], variance[: series.size] = series.y, series.variance
    order = np.argsort(t, kind="stable")
    where = np.empty(t.size, dtype=np.intp)
    where[order] = np.arange(t.size)
    parts = np.split(where, np.cumsum([series.size, wanted.size, breaks.size]))
    return Places(t[order], y[order], variance[order], *parts)


def nodes(series: Series, at: Places, orders: Indices, bandwidths: Array, roughness: Array | None = None) -> Nodes:
    """What processes are run on: of some orders and bandwidths, and with a logarithm of roughness before every sample,
    shape ``(n, models)``.
    """
    shocks = intensity = None
    if series.breaks:
        shocks = np.zeros((at.t.size, orders.size, int(orders.max()) + 1))
        for node, each in zip(at.right, series.breaks, strict=True):
            shocks[node] = shock(series, each.first, orders, bandwidths)
    if roughness is not None:  # a part of a gap is as rough as the gap
        intensity = np.exp(roughness[np.minimum(np.searchsorted(series.t, at.t), series.size - 1)])
    gaps = np.diff(at.t, prepend=at.t[0])[:, None] / bandwidths
    return Nodes(orders, gaps, at.y, np.broadcast_to(at.variance[:, None], gaps.shape), intensity, shocks)


def shock(series: Series, first: int, orders: Indices, bandwidths: Array) -> Array:
    """Variances of what a break adds to states, shape ``(models, d)``."""
    component = np.arange(int(orders.max()) + 1)
    length = math.sqrt(BREAK_LENGTH * series.size)
    sizes = [series.contrast * math.factorial(k) * (bandwidths / length) ** k for k in component]
    jumps = (component >= first) & (component <= orders[:, None])
    return np.where(jumps, np.stack(sizes, axis=1) ** 2, 0.0)
