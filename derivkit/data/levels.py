"""The level of noise along a record: where it changes and nothing says so, loud parts pass for breaks of a signal.

What the samples beside it leave unexplained of each is averaged over parts of the record, by logarithms, since a few
samples beside a break move these little. Levels that change are another model of the same samples, and are believed
where they are far likelier than one level. What is left with these is averaged again: levels that change by decades, as
those of noise in proportion to a signal that decays, are not known at once, and at the ends a mean lags behind them.
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
ROUNDS = 4
"""So often at most levels are measured, while that makes the samples likelier."""
LEAST = 1e-300
"""Stands for what is left of a sample where that is 0."""


def louder(series: Series, some: list[Models]) -> tuple[Series, list[Models]] | None:
    """The series with the level of its noise everywhere, and models of it; None where one level is as likely.

    Where rounding is all of the noise, it is even.
    """
    best = likeliest(some)
    if series.noise is not None or best.sigma[best.best] <= series.rounding or series.size < FEWEST:
        return None
    now, result = (series, some), None
    least = float(best.evidence.max()) + COST * math.log(series.size)
    for _ in range(ROUNDS):
        levels = _levels(now[0], likeliest(now[1]))
        if np.ptp(np.log(levels)) < EVEN:
            break
        changed = replace(series, variance=now[0].variance * levels)
        now = changed, candidates(changed)
        evidence = float(likeliest(now[1]).evidence.max())
        if evidence <= least:
            break
        result, least = now, evidence
    return result


def _levels(series: Series, some: Models) -> Array:
    """The variance of the noise at every sample over that which the series has there, by the likeliest model.

    One of a bandwidth of less than a gap goes through the samples and leaves nothing of them.
    """
    one = some.take(np.array([np.argmax(np.where(some.bandwidths >= 1.0, some.evidence, -np.inf))]))
    states = smooth(nodes(series, places(series), one.orders, one.bandwidths, one.roughness))
    left = np.log(np.maximum(states.residual[:, 0] ** 2 / states.precision[:, 0], LEAST))
    every, width = np.arange(float(series.size)), max(series.size / STRETCHES, float(FEWEST))
    sums, counts = (over_stretch(every, each, width) for each in (left, np.ones(series.size)))
    levels = np.exp(sums / counts - (sums / counts).max())
    return np.asarray(levels / levels.mean())
