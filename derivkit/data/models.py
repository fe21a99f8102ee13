"""Models of a series: processes of several orders and bandwidths, what each predicts, and what they tell together.

They are weighed by how well each predicts every sample from all others (Yao et al., Bayesian Anal. 13, 2018): no number
is set by hand, and what is unknown of the model is part of the error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from derivkit.data.series import Places, Series, nodes, places
from derivkit.data.wiener import Filtered, Smoothed, run_backwards, run_forwards, smooth
from derivkit.types import EPS, Array, Indices

ORDERS = (1, 2, 3, 4)
"""Of the processes, whose expectations are splines of degrees 3, 5, 7 and 9. A choice: more add next to nothing."""
SPARE_SAMPLES = 3
"""An order needs so many samples more than itself: one more than its states, for the noise, and another."""
SHORTEST, LONGEST = 0.1, 3.0
"""Bandwidths reach from this part of a mean gap, where there is hardly any noise, to so many times the record, where
the function is hardly more than a polynomial."""
COARSE, FINE = 1.5, 3.0
"""Bandwidths to an octave: at first, and around the best."""
OCTAVES = 2.0
"""So far on both sides of the best bandwidth others are tried."""
NEGLIGIBLE = 1e-3
"""Models of less than this part of the largest weight are left out."""
SPARED = max(ORDERS) + 1
"""The first samples start a process of some order, and count in no comparison of orders."""
CHANGE = 0.5
"""Nats that roughness costs for every change of its logarithm by 1, up or down, as it is fitted to what it is judged
by. Tuned on conf/signals/tuning.yaml: with less, corners pass for stretches of roughness, with more, sharp peaks for
corners."""
PRIOR = 2.0
"""Degrees of freedom with which the roughness of a stretch is believed to be that of the record. A choice."""
STRETCH = 3.0
"""Bandwidths over which roughness is averaged. A choice."""
TRIANGLE = 1.25
"""Half the base of a triangle over the standard deviation of a bell of about that area."""
ROUNDS = 5
"""Roughness and what it is measured by depend on each other and are computed in turn; later rounds change little."""
STEEPEST = 12.0
"""Bound of the logarithm of roughness, so that a stretch without any movement has some."""
EVEN = 1.0
"""Where the logarithm of roughness varies by less there is one roughness."""


@dataclass(frozen=True)
class Models:
    """Models of a series.

    Attributes
    ----------
    orders, bandwidths : ndarray, shape ``(models,)``
    sigma : ndarray, shape ``(models,)``
        The standard deviation of the noise.
    evidence : ndarray, shape ``(models,)``
        Logarithm of the density of the samples but for the first few, less what changes of roughness cost.
    roughness : ndarray, shape ``(n, models)``, optional
        The logarithm of the roughness of the gap before every sample.
    """

    orders: Indices
    bandwidths: Array
    sigma: Array
    evidence: Array
    roughness: Array | None = None

    @property
    def best(self) -> int:
        """The most likely one."""
        return int(np.argmax(self.evidence))

    def take(self, which: Indices | slice) -> Models:
        """Some of them."""
        roughness = None if self.roughness is None else self.roughness[:, which]
        return Models(self.orders[which], self.bandwidths[which], self.sigma[which], self.evidence[which], roughness)


def judged(
    series: Series, orders: Indices, bandwidths: Array, filtered: Filtered, roughness: Array | None = None
) -> Models:
    """Models by what their innovations were."""
    sigma = np.maximum(np.sqrt(filtered.misfit / np.maximum(series.size - orders - 1, 1)), series.rounding)
    if series.noise is not None:
        sigma = np.full(bandwidths.size, series.noise)
    late = np.flatnonzero(filtered.samples)[SPARED:]
    spread = filtered.spread[late]
    misfit = np.maximum((filtered.innovation[late] ** 2 / spread).sum(axis=0), EPS**2)
    count = max(late.size, 1)
    fit = count * np.log(misfit / count) if series.noise is None else misfit / series.noise**2
    evidence = -0.5 * (np.log(spread).sum(axis=0) + fit)
    if roughness is not None:
        evidence = evidence - CHANGE * np.abs(np.diff(roughness, axis=0)).sum(axis=0)
    return Models(orders, bandwidths, sigma, np.nan_to_num(evidence, nan=-np.inf), roughness)


def models(series: Series, orders: Indices, bandwidths: Array, roughness: Array | None = None) -> Models:
    """Models of some orders and bandwidths."""
    given = nodes(series, places(series), orders, bandwidths, roughness)
    return judged(series, orders, bandwidths, run_forwards(given), roughness)


def candidates(series: Series) -> list[Models]:
    """The models that may have weight: around the best bandwidth of every order, with one roughness and with many."""
    orders = [q for q in ORDERS if q + SPARE_SAMPLES <= series.size]
    longest = LONGEST * series.size
    coarse = models(series, *grid(orders, between(SHORTEST, longest, COARSE)))
    best = _best_of_each(coarse, orders)
    nearby = 2.0 ** np.linspace(-OCTAVES, OCTAVES, int(2 * OCTAVES * FINE) + 1)
    which, around = np.repeat(orders, nearby.size), np.minimum(np.outer(best, nearby).ravel(), longest)
    even = models(series, which, around)
    roughness = changing_roughness(
        series, np.array(orders), np.clip(_best_of_each(even, orders), 1.0, series.size / STRETCH)
    )
    uneven = np.flatnonzero(np.ptp(roughness, axis=0) > EVEN)
    if not uneven.size:
        return [even]
    some = np.isin(which, np.array(orders)[uneven])
    column = np.searchsorted(orders, which[some])
    return [even, models(series, which[some], around[some], roughness[:, column])]


def likeliest(some: Sequence[Models]) -> Models:
    """Those among which is the most likely one."""
    return max(some, key=lambda each: float(each.evidence.max()))


def between(shortest: float, longest: float, per_octave: float) -> Array:
    """Bandwidths from one to another, so many to an octave and both ends."""
    octaves = float(np.log2(longest / shortest))
    return np.asarray(shortest * 2.0 ** np.linspace(0.0, octaves, int(per_octave * octaves) + 1))


def grid(orders: Sequence[int], bandwidths: Array) -> tuple[Indices, Array]:
    """Every order with every bandwidth."""
    return np.repeat(orders, bandwidths.size), np.tile(bandwidths, len(orders))


def _best_of_each(some: Models, orders: Sequence[int]) -> Array:
    """The best bandwidth of every order."""
    masked = [np.where(some.orders == q, some.evidence, -np.inf) for q in orders]
    return np.array([some.bandwidths[np.argmax(evidence)] for evidence in masked])


def changing_roughness(series: Series, orders: Indices, bandwidths: Array) -> Array:
    """The logarithm of the roughness before every sample, by how the samples pull at processes there.

    The score of the intensity of white noise in a gap is (force' Q force / sigma^2 - tr(information Q)) / 2. Over a
    stretch the first sum over the second is by how much its roughness is wrong.
    """
    at = places(series)
    roughness = np.zeros((series.size, orders.size))
    for _ in range(ROUNDS):
        given = nodes(series, at, orders, bandwidths, roughness)
        filtered = run_forwards(given)
        states = run_backwards(given, filtered)
        sigma = judged(series, orders, bandwidths, filtered).sigma
        force, noise = states.force[at.samples], filtered.noise[at.samples]
        pulled = np.einsum("nmi,nmij,nmj->nm", force, noise, force) / np.maximum(sigma, EPS) ** 2
        expected = np.einsum("nmij,nmji->nm", states.information[at.samples], noise)
        widths = STRETCH * bandwidths * np.exp(-np.median(roughness, axis=0) / (2 * orders + 1))
        for model, width in enumerate(widths.tolist()):
            sums = [over_stretch(series.t, each[:, model], TRIANGLE * width) + PRIOR for each in (pulled, expected)]
            roughness[:, model] += np.log(sums[0] / sums[1])
        roughness = np.clip(roughness - roughness.mean(axis=0), -STEEPEST, STEEPEST)
    return roughness


def over_stretch(t: Array, values: Array, width: float) -> Array:
    """Sums of values around every time, in O(n), weighted by a triangle that is 1 at the time itself."""
    first, last = np.searchsorted(t, t - width), np.searchsorted(t, t + width, side="right")
    for counts in (1.0, last - first):
        sums = np.concatenate([[0.0], np.cumsum(values)])
        values = (sums[last] - sums[first]) / counts
    return values


@dataclass(frozen=True)
class Estimate:
    """What the models of a series tell together.

    Attributes
    ----------
    mean, error : ndarray, shape ``(m, d)``
        The function and its derivatives at the times wanted, and their standard deviations.
    left, right, left_error, right_error : ndarray, shape ``(breaks, d)``
        The same on the two sides of every break.
    sigma, bandwidth : float
        The noise and the bandwidth, averaged by weight.
    freedom : int
        Degrees of freedom of the noise by the model that leaves the fewest, as any of them may be the right one.
    """

    mean: Array
    error: Array
    left: Array
    right: Array
    left_error: Array
    right_error: Array
    sigma: float
    bandwidth: float
    freedom: int


def estimate(series: Series, some: Sequence[Models], *, order: int, wanted: Array | None = None) -> Estimate:
    """The average of the models that have a derivative of some order, weighed by what each predicts of every sample."""
    at = places(series, wanted)
    some = [each.take(np.flatnonzero(each.orders >= order)) for each in some if each.orders.max() >= order]
    runs = [smooth(nodes(series, at, each.orders, each.bandwidths, each.roughness)) for each in some]
    weights = _weights([_scores(each, run, at) for each, run in zip(some, runs, strict=True)])
    values, variances = [], []
    for each, run in zip(some, runs, strict=True):
        scale = each.bandwidths[:, None] ** -np.arange(order + 1.0)
        values.append(run.mean[..., : order + 1] * scale)
        spread = np.diagonal(run.covariance, axis1=-2, axis2=-1)[..., : order + 1]
        variances.append(np.maximum(spread, 0.0) * (scale * each.sigma[:, None]) ** 2)
    mean, error = mixture(np.concatenate(weights), np.concatenate(values, axis=1), np.concatenate(variances, axis=1))
    here, flat = at.samples if wanted is None else at.wanted, np.concatenate(weights)
    return Estimate(
        mean[here],
        error[here],
        mean[at.left],
        mean[at.right],
        error[at.left],
        error[at.right],
        sigma=float(flat @ np.concatenate([each.sigma for each in some])),
        bandwidth=float(np.exp(flat @ np.log(np.concatenate([each.bandwidths for each in some])))),
        freedom=max(series.size - int(some[0].orders.max()) - 1, 1),
    )


def mixture(weights: Array, means: Array, variances: Array) -> tuple[Array, Array]:
    """The mean and the standard deviation of an average of distributions, which lie on the second axis.

    Of means that are far larger than their errors squares would lose these.
    """
    use = weights > 0.0
    weight, means, variances = weights[use], means[:, use], variances[:, use]
    mean = np.tensordot(weight, means, (0, 1))
    return mean, np.sqrt(np.tensordot(weight, variances + (means - mean[:, None]) ** 2, (0, 1)))


def _scores(some: Models, states: Smoothed, at: Places) -> Array:
    """Logarithms of the densities of every sample given all others, summed, shape ``(models,)``."""
    precision = states.precision[at.samples] / some.sigma**2
    residual = states.residual[at.samples] / some.sigma**2
    each = 0.5 * np.log(precision) - 0.5 * residual**2 / precision
    return np.asarray(np.nan_to_num(each.sum(axis=0), nan=-np.inf, posinf=-np.inf))


def _weights(scores: Sequence[Array]) -> list[Array]:
    """Weights that sum to 1, in groups as the scores."""
    every = np.concatenate(scores)
    share = np.exp(every - every.max())
    share = np.where(share < NEGLIGIBLE, 0.0, share)
    return np.split(share / share.sum(), np.cumsum([group.size for group in scores])[:-1])
