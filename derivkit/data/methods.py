"""THE table of methods for measured data: each gives a derivative of first order at the samples, some with an interval.

Samples rise in time. What people do stands beside `from_samples`, and the smoothers that it averages, each alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from derivkit.data.channel import in_order, student
from derivkit.data.models import LONGEST, ORDERS, SHORTEST, between, estimate, models
from derivkit.data.sampled import from_samples
from derivkit.data.series import Series, nodes, places, standardised
from derivkit.data.wiener import smooth
from derivkit.types import EPS, Array, Indices, Mask

PER_OCTAVE = 4
"""Bandwidths to an octave among which one smoother chooses."""
GROWTH = 1.4
"""From one window of a local polynomial to the next: of windows more alike the best are equally good."""
NARROWEST = 5
"""Samples in a window: two more than a quadratic has numbers."""


@dataclass(frozen=True, kw_only=True)
class Slopes:
    """What a method says of samples.

    Attributes
    ----------
    value : ndarray, shape ``(n,)``
    error : ndarray, shape ``(n,)``, optional
        Half of the interval at 95 %, of methods that give one.
    broken : ndarray of bool, shape ``(n,)``, optional
        Where the method says that there is a corner or a jump.
    corners : tuple of float
        Where these are.
    status, message : str
        ``ok``, or in a word and in a sentence why there is no value.
    seconds : float
        Which the method took, if it says so; else NaN.
    """

    value: Array
    error: Array | None = None
    broken: Mask | None = None
    corners: tuple[float, ...] = ()
    status: str = "ok"
    message: str = ""
    seconds: float = math.nan


@dataclass(frozen=True)
class SampledMethod:
    """A method that gives derivatives of samples.

    Attributes
    ----------
    name : str
    call : callable
        Of times that rise, and samples, both of shape ``(n,)``.
    source : str
    claim : str
        What it promises.
    """

    name: str
    call: Callable[[Array, Array], Slopes]
    source: str
    claim: str


def _averaged(t: Array, y: Array) -> Slopes:
    result = from_samples(t, y)
    broken = np.isin(result.status, ("corner", "jump"))
    return Slopes(value=result.value, error=result.error, broken=broken, corners=tuple(one.t for one in result.corners))


def _gradient(t: Array, y: Array) -> Slopes:
    with np.errstate(all="ignore"):
        return Slopes(value=np.gradient(y, t))


def _standard(t: Array, y: Array) -> tuple[Series, float, Indices]:
    """Samples in mean gaps and in their spread, averaged where their times are the same.

    A slope is to be multiplied by the second, and to be repeated as often as the third says.
    """
    samples = in_order(t, y, 1)
    series, spacing, spread = standardised(samples.t, samples.y, samples.variance)
    return series, spread / spacing, samples.count


def bandwidths(count: int) -> Array:
    """Those that one smoother chooses from, in mean gaps of so many samples."""
    return between(SHORTEST, LONGEST * count, PER_OCTAVE)


def spline_slopes(t: Array, y: Array) -> Array:
    """The slopes of cubic smoothing splines, from rough to smooth.

    Parameters
    ----------
    t, y : ndarray, shape ``(n,)``
        Samples, the times of which rise.

    Returns
    -------
    ndarray, shape ``(n, bandwidths)``

    References
    ----------
    Wahba (1978), J. R. Stat. Soc. B 40, 364: they are the means of integrated Wiener processes.

    Examples
    --------
    >>> t = np.linspace(0.0, 6.0, 50)
    >>> slopes = spline_slopes(t, np.sin(t))
    >>> bool(abs(slopes - np.cos(t)[:, None]).max(axis=0).min() < 0.05)
    True
    """
    series, unit, count = _standard(t, y)
    widths = bandwidths(series.size)
    at = places(series)
    states = smooth(nodes(series, at, np.ones(widths.size, dtype=np.intp), widths))
    return np.repeat(unit * states.mean[at.samples, :, 1] / widths, count, axis=0)


def _of_order(order: int) -> Callable[[Array, Array], Slopes]:
    """A smoother of one order and the likeliest bandwidth."""

    def call(t: Array, y: Array) -> Slopes:
        series, unit, count = _standard(t, y)
        widths = bandwidths(series.size)
        every = models(series, np.full(widths.size, order), widths)
        result = estimate(series, [every.take(slice(every.best, every.best + 1))], order=1)
        error = student(result.freedom) * result.error[:, 1]
        return Slopes(value=np.repeat(unit * result.mean[:, 1], count), error=np.repeat(unit * error, count))

    return call


def _local_quadratic(t: Array, y: Array) -> Slopes:
    """Parabolas through the nearest samples, of the window that best predicts each sample from the others."""
    samples = in_order(t, y, 1)
    t, y = samples.t, samples.y
    count = int(np.log(t.size / NARROWEST) / np.log(GROWTH)) + 1 if t.size > NARROWEST else 1
    sizes = np.unique(np.minimum(NARROWEST * GROWTH ** np.arange(count), t.size).astype(int))
    fits = [_parabolas(t, y, int(size)) for size in sizes]
    return Slopes(value=np.repeat(min(fits, key=lambda fit: fit[1])[0], samples.count))


def _parabolas(t: Array, y: Array, size: int) -> tuple[Array, float]:
    """Slopes of parabolas through windows of so many samples, and the mean square by which they miss what is left out.

    The weights are tricubes; 1 / (1 - l) turns a residual into that of the fit without its sample, l being the weight
    that the sample has in its own value.
    """
    first = np.clip(np.arange(t.size) - size // 2, 0, max(t.size - size, 0))
    which = first[:, None] + np.arange(min(size, t.size))
    away = t[which] - t[:, None]
    reach = 1.01 * np.abs(away).max(axis=1)
    u = away / reach[:, None]
    weight = (1.0 - np.abs(u) ** 3) ** 3
    powers = u[..., None] ** np.arange(3)
    normal = np.einsum("nk,nki,nkj->nij", weight, powers, powers)
    inverse = np.linalg.pinv(normal)
    fit = np.einsum("nij,nk,nkj,nk->ni", inverse, weight, powers, y[which])
    left_out = (y - fit[:, 0]) / np.maximum(1.0 - inverse[:, 0, 0], EPS)
    return fit[:, 1] / reach, float(np.mean(left_out**2))


SAMPLED_METHODS: Mapping[str, SampledMethod] = MappingProxyType({
    one.name: one
    for one in (
        SampledMethod("from_samples", _averaged, "dk.from_samples",
                      "an interval at 95 %, corners and jumps, any noise and spacing"),
        *(SampledMethod(f"smoother_{q}", _of_order(q), "Wahba 1978; Ansley & Kohn 1985",
                        f"an interval at 95 % where the {q + 1}. derivative is white noise, without corners")
          for q in ORDERS),
        SampledMethod("local_quadratic", _local_quadratic, "Cleveland 1979; Fan & Gijbels 1996",
                      "the window that predicts best, for a signal of one scale"),
        SampledMethod("np.gradient", _gradient, "numpy.gradient; Fornberg 1988",
                      "of second order without noise; noise is divided by the step"),
    )
})  # fmt: skip
"""The methods by name."""
