"""The level of noise along a record: where it changes and nothing says so, loud parts pass for breaks of a signal.

What the samples beside it leave unexplained of each is averaged over parts of the record, by logarithms, since a few
samples beside a break move these little. Levels that change are another model of the same samples, and are believed
where they are far likelier than one level.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from derivkit.data.models import Models, candidates, likeliest, over_stretch
from derivkit.data.series import Series, nodes, places
from derivkit.data.wiener import smooth
from derivkit.types import Array

STRETCHES = 8
"""Parts of a record that may each have a level. A choice."""
COST = 0.5 * STRETCHES
"""What levels cost, times the logarithm of the number of samples (Schwarz, Ann. Stat. 6, 1978)."""
FEWEST = 16
"""Samples of a part, at least."""
EVEN = 1.0
"""Where the logarithm of the variance varies by less there is one level."""
LEAST = 1e-300
"""Stands for what is left of a sample where that is 0."""


def louder(series: Series, some: list[Models]) -> tuple[Series, list[Models]] | None:
    """The series with the level of its noise everywhere, and models of it; None where one level is as likely.

    Where a bandwidth is less than a gap there is hardly any noise, and where rounding is all of it, it is even.
    """
    best = likeliest(some)
    known = series.noise is not None or best.sigma[best.best] <= series.rounding
    if known or series.size < FEWEST or best.bandwidths[best.best] < 1.0:
        return None
    levels = _levels(series, best)
    if np.ptp(np.log(levels)) < EVEN:
        return None
    changed = replace(series, variance=series.variance * levels)
    others = candidates(changed)
    gain = float(likeliest(others).evidence.max() - best.evidence.max())
    return (changed, others) if gain > COST * math.log(series.size) else None


def _levels(series: Series, some: Models) -> Array:
    """The variance of the noise at every sample over that of all, by the likeliest model."""
    one = some.take(np.array([some.best]))
    states = smooth(nodes(series, places(series), one.orders, one.bandwidths, one.roughness))
    left = np.log(np.maximum(states.residual[:, 0] ** 2 / states.precision[:, 0], LEAST))
    every, width = np.arange(float(series.size)), max(series.size / STRETCHES, float(FEWEST))
    sums, counts = (over_stretch(every, each, width) for each in (left, np.ones(series.size)))
    levels = np.exp(sums / counts - (sums / counts).max())
    return np.asarray(levels / levels.mean())
