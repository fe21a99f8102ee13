r"""How the gradients of single samples spread about their mean, which is the gradient of a network.

With :math:`g_i` the gradients of N samples and :math:`\sigma^2 = \frac{1}{N} \sum |g_i - g|^2` a batch of B of them
errs from the mean g by

.. math::

    E\,|g_B - g|^2 = \frac{\sigma^2}{B} \quad \text{or} \quad \frac{\sigma^2}{B} \cdot \frac{N - B}{N - 1},

as it draws with or without replacement (Cochran, *Sampling Techniques*, 1977, theorem 2.2, for every parameter, and
summed). :math:`\sigma^2 / |g|^2`, the batch whose error is as large as the gradient itself, is the noise scale of
McCandlish and others, *An empirical model of large-batch training*, 2018.

The loss of a sample bounds the norm of its gradient from below where the last activation is the identity, as the
slopes in the outputs are the gradient of the last biases. For the cross-entropy of K classes they are :math:`p_j` and,
at the label, :math:`-(1 - p)` with :math:`p = e^{-\ell}`; the K - 1 shares :math:`p_j` add up to 1 - p, and their
squares to :math:`(1 - p)^2 / (K - 1)` at least. For the mean of the squares of K errors :math:`r_j` the slopes are
:math:`2 r_j / K`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.multivariate.network import Network, NotFiniteError
from derivkit.multivariate.samples import Array, Samples


@dataclass(frozen=True, eq=False, kw_only=True)
class SampleGradients:
    """The gradients of the samples of a network, and how they spread.

    Attributes
    ----------
    network : Network
        Its layers, activations and loss.
    parameters : ndarray
        Where the network stands, shape ``(count,)``.
    samples : Samples
        What it is shown.
    losses : ndarray
        Of the samples, shape ``(samples,)``.
    gradients : ndarray
        Of the samples, shape ``(samples, count)``.

    Examples
    --------
    >>> network, samples = Network((1, 1), (), "mean_squared_error"), Samples([[1.0], [1.0]], [[1.0], [2.0]])
    >>> spread = sample_gradients(network, np.zeros(2), samples)
    >>> spread.mean.tolist(), spread.variance, spread.signal.tolist()
    ([-3.0, -3.0], 2.0, [3.0, 3.0])
    """

    network: Network
    parameters: Array
    samples: Samples
    losses: Array
    gradients: Array

    @cached_property
    def mean(self) -> Array:
        """The mean of the gradients, shape ``(count,)``."""
        return np.asarray(self.gradients.mean(axis=0))

    @cached_property
    def centred(self) -> Array:
        """The gradients less their mean, shape ``(samples, count)``."""
        return self.gradients - self.mean

    @cached_property
    def products(self) -> Array:
        """The inner products of the centred gradients, shape ``(samples, samples)``."""
        return np.asarray(self.centred @ self.centred.T)

    @property
    def without_penalty(self) -> Array:
        """The losses without the penalty; shape ``(samples,)``."""
        return np.asarray(np.maximum(self.losses - float(self.network.penalty(self.parameters)), 0.0))

    @property
    def norms(self) -> Array:
        """2-norms of the gradients; shape ``(samples,)``."""
        return np.asarray(np.sqrt(np.vecdot(self.gradients, self.gradients)))

    @property
    def unbuilt_norms(self) -> Array:
        """The same from the norms of the layers, without the gradients; shape ``(samples,)``."""
        # with a penalty a sum of three terms, which rounding may take below 0
        return np.sqrt(np.maximum(self.network.squared_norms(self.parameters, self.samples), 0.0))

    @property
    def cosines(self) -> Array:
        """Cosines of the angles between them and the mean, NaN where one of both is 0; shape ``(samples,)``."""
        return quotient(self.gradients @ self.mean, self.norms * float(np.linalg.norm(self.mean)))

    @property
    def variance(self) -> float:
        """Mean squared distance of the gradients from their mean."""
        return float(np.mean(np.vecdot(self.centred, self.centred)))

    @property
    def noise_scale(self) -> float:
        """The batch whose error is as large as the gradient, drawn with replacement; NaN of a gradient of 0."""
        return float(quotient(self.variance, np.sum(np.square(self.mean))))

    @property
    def signal(self) -> Array:
        """|mean| / standard deviation, of every parameter; NaN where all samples have one gradient."""
        spread = np.sqrt(np.mean(np.square(self.centred), axis=0))
        # The mean of equal numbers may be off by as many roundings: what spreads no more does not spread.
        spreads = spread > len(self.losses) * np.finfo(np.float64).eps * np.abs(self.mean)
        return quotient(np.abs(self.mean), np.where(spreads, spread, 0.0))

    def pulls(self, parameter: int) -> Array:
        """The samples' gradients in one `parameter`, shape ``(samples,)``, in units of their mean size.

        They are positive where they go with the mean.
        """
        gradient, mean = self.gradients[:, parameter], float(self.mean[parameter])
        total = float(np.sum(np.abs(gradient)))
        return np.asarray(gradient * (math.copysign(gradient.size, mean) / total if total else 0.0))

    def batch_factor(self, batch: int, *, replace: bool) -> float:
        """The expected squared error of the mean of a batch, over the variance.

        Parameters
        ----------
        batch : int
            Number of samples that are drawn.
        replace : bool
            Whether one may be drawn twice.
        """
        return batch_factor(len(self.losses), batch, replace=replace)

    def batch_errors(self, batch: int, draws: int, random: np.random.Generator, *, replace: bool) -> Array:
        """The squared errors of the mean gradients of batches that are drawn at random, of which none is built.

        Parameters
        ----------
        batch, draws : int
            Numbers of a batch, and of batches.
        random : numpy.random.Generator
            Draws the batches.
        replace : bool
            Whether a sample may be drawn twice.

        Returns
        -------
        ndarray
            Shape ``(draws,)``; exactly 0 for a batch of all, none of them twice.
        """
        count = len(self.losses)
        # The shares add up to 1: those of the mean are taken off, which changes nothing but the last digits.
        apart = drawn_shares(count, batch, draws, random, replace=replace) - 1.0 / count
        return np.asarray(np.maximum(np.vecdot(apart @ self.products, apart), 0.0))


def sample_gradients(network: Network, parameters: Array, samples: Samples) -> SampleGradients:
    """The gradients of the samples of a network where it stands.

    Parameters
    ----------
    network : Network
        Its layers, activations and loss.
    parameters : ndarray
        Shape ``(count,)``.
    samples : Samples
        What the loss is the mean over.

    Returns
    -------
    SampleGradients

    Raises
    ------
    ValueError
        If parameters and samples do not fit.
    NotFiniteError
        If a loss, or the square of the norm of a gradient, is no finite number.

    Examples
    --------
    >>> network, start = Network((4, 16, 3)), Network((4, 16, 3)).initial()
    >>> spread = sample_gradients(network, start, Samples([[1.0, 2.0, 3.0, 4.0]] * 2, [0, 0]))
    >>> spread.cosines.round(12).tolist(), spread.noise_scale
    ([1.0, 1.0], 0.0)
    """
    losses = network.losses(parameters, samples)
    gradients = network.per_sample_gradients(parameters, samples)
    with np.errstate(over="ignore"):
        squares = np.vecdot(gradients, gradients)
    if not np.all(np.isfinite(squares)):
        raise NotFiniteError("the square of the norm of a sample's gradient is no finite number")
    return SampleGradients(network=network, parameters=parameters, samples=samples, losses=losses, gradients=gradients)


# The least norm that a loss allows


def _least_of_cross_entropy(losses: Array, outputs: int) -> Array:
    return np.asarray(-np.expm1(-losses) * math.sqrt(outputs / max(outputs - 1, 1)))


def _least_of_squared_error(losses: Array, outputs: int) -> Array:
    return np.asarray(2.0 * np.sqrt(losses / outputs))


LEAST_NORMS: Mapping[str, Callable[[Array, int], Array]] = {
    "softmax_cross_entropy": _least_of_cross_entropy,
    "mean_squared_error": _least_of_squared_error,
}
"""The least norm of the slopes in the outputs, from losses and the number of outputs; for each loss."""


def least_norms(network: Network, losses: Array) -> Array:
    """The least norm of a sample's gradient that its loss allows.

    Parameters
    ----------
    network : Network
        Its layers, activations and loss.
    losses : ndarray
        Without the penalty, shape ``(n,)``.

    Returns
    -------
    ndarray
        Shape ``(n,)``; NaN if the last activation is not the identity.

    Examples
    --------
    >>> least_norms(Network((4, 3), (), "mean_squared_error"), np.array([0.75])).tolist()
    [1.0]
    """
    if network.activations[-1] != "identity":
        return np.full(losses.shape, np.nan)
    return LEAST_NORMS[network.objective](losses, network.sizes[-1])


# Batches


def batch_factor(count: int, batch: int, *, replace: bool) -> float:
    """The expected squared error of the mean of a batch, over the variance.

    Parameters
    ----------
    count, batch : int
        Numbers of all, and of the batch.
    replace : bool
        Whether one may be drawn twice.

    Examples
    --------
    >>> batch_factor(5, 4, replace=True), batch_factor(5, 4, replace=False)
    (0.25, 0.0625)
    """
    return 1.0 / batch * (1.0 if replace else (count - batch) / (count - 1))


def drawn_shares(count: int, batch: int, draws: int, random: np.random.Generator, *, replace: bool) -> Array:
    """The share that every one has in the mean of a batch drawn at random; shape ``(draws, count)``."""
    if replace:
        which = random.integers(count, size=(draws, batch))
    else:
        which = random.permuted(np.tile(np.arange(count), (draws, 1)), axis=1)[:, :batch]
    times = np.zeros((draws, count))
    np.add.at(times, (np.arange(draws)[:, None], which), 1.0)
    return times / batch


# Of numbers in general


def quotient(above: Any, below: Any) -> Array:
    """The quotient of numbers or arrays, NaN where it would be 0/0 or infinite.

    Parameters
    ----------
    above, below : array_like
        Of shapes that are broadcast.

    Returns
    -------
    ndarray
        Of the broadcast shape.

    Examples
    --------
    >>> quotient([1.0, 1.0], [4.0, 0.0]).tolist()
    [0.25, nan]
    """
    above, below = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    nowhere = np.full(np.broadcast(above, below).shape, np.nan)
    return np.asarray(np.divide(above, below, out=nowhere, where=below != 0.0))


def fewest_for_half(sizes: Array) -> int:
    """The fewest of the sizes, none of them negative, that make at least half of their sum.

    Parameters
    ----------
    sizes : ndarray
        Shape ``(n,)``.

    Returns
    -------
    int
        0 where the sum is 0.

    Examples
    --------
    >>> fewest_for_half(np.array([1.0, 5.0, 2.0, 1.0])), fewest_for_half(np.ones(4)), fewest_for_half(np.zeros(3))
    (1, 2, 0)
    """
    made = np.cumsum(np.sort(sizes)[::-1])
    return int(np.searchsorted(made, made[-1] / 2.0)) + 1 if made[-1] else 0


def rank_correlation(x: Array, y: Array) -> float:
    """Spearman's correlation of two arrays; NaN where all of one are equal.

    Spearman, *The proof and measurement of association between two things*, 1904.

    Parameters
    ----------
    x, y : ndarray
        Shape ``(n,)`` each.

    Returns
    -------
    float
        From -1 to 1.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 3.0])
    >>> round(rank_correlation(x, np.exp(x)), 12), round(rank_correlation(x, -x), 12)
    (1.0, -1.0)
    """
    ranks = [_ranks(values) for values in (x, y)]
    a, b = (rank - np.mean(rank) for rank in ranks)
    return float(quotient(a @ b, math.sqrt((a @ a) * (b @ b))))


def _ranks(values: Array) -> Array:
    """Ranks from 1, equal values sharing the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2.0)[place])


def log_slope(x: NDArray[Any], y: Array, doubt: Array) -> tuple[float, float]:
    """The slope of log y against log x by least squares, and its standard error.

    Parameters
    ----------
    x, y : ndarray
        Positive, shape ``(n,)``.
    doubt : ndarray
        Standard errors of log y, shape ``(n,)``.

    Returns
    -------
    tuple of float
        NaN with fewer than two points.

    Examples
    --------
    >>> slope, error = log_slope(np.array([1.0, 2.0, 4.0]), np.array([1.0, 0.5, 0.25]), np.zeros(3))
    >>> round(slope, 12), error
    (-1.0, 0.0)
    """
    if x.size < 2:
        return math.nan, math.nan
    away = np.log(x) - np.mean(np.log(x))
    weight = away / (away @ away)
    return float(weight @ np.log(y)), float(np.linalg.norm(weight * doubt))
