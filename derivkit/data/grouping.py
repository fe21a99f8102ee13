"""Long series made short: samples that are far closer than what can be told of the signal are averaged in groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from derivkit.data.models import models
from derivkit.data.series import standardised
from derivkit.types import Array, Mask

LONG = 400
"""Series of fewer samples are not grouped."""
WINDOWS, WIDTH = 6, 128
"""The bandwidth is measured in so many windows of so many samples each."""
ORDER = 2
"""Of the process that it is measured with."""
OCTAVE = 2
"""Bandwidths to an octave."""
KEPT = 8.0
"""Samples in a bandwidth that stay: an average over an eighth of it is the signal there to a hundredth of what noise
leaves unknown."""
FAR = 8.0
"""Robust standard deviations from the median of its group beyond which a sample is an outlier."""
FROM_MEDIAN = 1.4826
"""The standard deviation of normal noise over the median of its size."""


@dataclass(frozen=True)
class Grouped:
    """A series of averages, and what became of the samples.

    Attributes
    ----------
    t, y, variance : ndarray, shape ``(groups,)``
        The variance is over that of a single sample.
    outliers : ndarray of bool, shape ``(n,)``
    size : int
        Samples in a group.
    """

    t: Array
    y: Array
    variance: Array
    outliers: Mask
    size: int


def grouped(t: Array, y: Array, variance: Array) -> Grouped:
    """Averages over groups that are as large as the bandwidth allows."""
    result = Grouped(t, y, variance, np.zeros(t.size, dtype=bool), 1)
    while result.t.size > LONG:
        bandwidth = _shortest_bandwidth(result.t, result.y, result.variance)
        size = min(int(bandwidth / KEPT), result.t.size // LONG + 1)
        if size < 2:
            break
        result = _averaged(t, y, variance, result.size * size)
    return result


def _shortest_bandwidth(t: Array, y: Array, variance: Array) -> float:
    """The shortest of the bandwidths of some stretches of the record, in samples."""
    begins = np.linspace(0, t.size - WIDTH, WINDOWS).astype(np.intp)
    bandwidths = 2.0 ** (np.arange(OCTAVE * np.log2(WIDTH) + 1) / OCTAVE)
    orders = np.full(bandwidths.size, ORDER)
    best = []
    for begin in begins.tolist():
        part = slice(begin, begin + WIDTH)
        series, *_ = standardised(t[part], y[part], variance[part])
        best.append(float(bandwidths[models(series, orders, bandwidths).best]))
    return min(best)


def _averaged(t: Array, y: Array, variance: Array, size: int) -> Grouped:
    """Averages over so many samples, the last group having fewer."""
    starts = np.arange(0, t.size, size)
    whole = t.size // size * size
    middle = np.median(y[:whole].reshape(-1, size), axis=1)
    # between the groups on both sides the signal itself changes by so much
    beside = np.pad(middle, 1, mode="edge")
    changes = np.abs(beside[2:] - beside[:-2])
    middles, moved = (
        np.append(np.repeat(each, size), np.full(t.size - whole, last))
        for each, last in ((middle, np.median(y[-size:])), (changes, changes[-1]))
    )
    off = np.abs(y - middles)
    # where most values are equal, as those of few digits are, another by the least that there is is no outlier
    least = float(np.min(off, where=off > 0.0, initial=np.inf))
    outliers = off > FAR * max(FROM_MEDIAN * float(np.median(off)), least) + moved
    weight = np.where(outliers, 0.0, 1.0 / variance)
    total = np.add.reduceat(weight, starts)
    some = total > 0.0
    means = [np.add.reduceat(weight * each, starts)[some] / total[some] for each in (t, y)]
    return Grouped(means[0], means[1], 1.0 / total[some], outliers, size)
