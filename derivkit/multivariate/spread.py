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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np

from derivkit.errors import norm_ratio
from derivkit.multivariate.batches import BatchNoise, batch_factor, drawn_shares
from derivkit.multivariate.brute_force import brute_force
from derivkit.multivariate.network import Network, NotFiniteError
from derivkit.multivariate.pulls import Pulls
from derivkit.multivariate.samples import Array, Samples
from derivkit.multivariate.statistics import log_slope, quotient
from derivkit.types import Indices


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

    def pulls(self, parameter: int) -> Pulls:
        """What the samples do to the parameter number `parameter`."""
        gradient, mean = self.gradients[:, parameter], float(self.mean[parameter])
        return Pulls(gradient=gradient, mean=mean, labels=self.samples.labels)

    def driven_weights(self, count: int) -> tuple[Indices, Indices]:
        """The weights whose mean gradient is largest in size, and of the others those in which most cancels.

        What cancels in a weight is the mean of the sizes of the samples' gradients less the size of their mean.

        Parameters
        ----------
        count : int
            How many of each.

        Returns
        -------
        tuple of ndarray
            Numbers of parameters, shapes ``(count,)``.
        """
        weights = np.flatnonzero(self.network.weighs)
        mean = np.abs(self.mean[weights])
        cancelled = np.mean(np.abs(self.gradients), axis=0)[weights] - mean
        largest = np.argsort(-mean, kind="stable")[:count]
        order = np.argsort(-cancelled, kind="stable")
        return weights[largest], weights[order[~np.isin(order, largest)][:count]]

    def compared(self, which: Indices, delta: float) -> Agreement:
        """The gradients beside those of backprop and of brute force.

        Parameters
        ----------
        which : ndarray of int
            The parameters that brute force moves, in rising order; shape ``(moved,)``.
        delta : float
            Its step.

        Returns
        -------
        Agreement
        """
        network, at, samples = self.network, self.parameters, self.samples
        moved, mean = (
            brute_force(network, at, samples, delta=delta, way="naive", which=which, per_sample=wanted)
            for wanted in (True, False)
        )
        crossed, built = np.asarray(moved.kinks_per_sample), self.gradients[:, which]
        exact = network.backprop(at, samples)
        return Agreement(
            backprop=norm_ratio(self.mean - exact, exact),
            unbuilt=float(quotient(np.max(np.abs(self.unbuilt_norms - self.norms)), np.max(self.norms))),
            moved=which.size,
            jacobian=norm_ratio((np.asarray(moved.per_sample) - built)[~crossed], built),
            crossed=int(np.count_nonzero(crossed)),
            passes=moved.forward_passes,
            passes_of_mean=mean.forward_passes,
        )

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

    def batch_noise(
        self, batches: Sequence[int], draws: int, random: np.random.Generator, *, replace: bool
    ) -> BatchNoise:
        """The errors of batches of several sizes, beside the law.

        Parameters
        ----------
        batches : sequence of int
            The sizes, in rising order.
        draws : int
            Batches of each size.
        random : numpy.random.Generator
            Draws them, those of one size after those of another.
        replace : bool
            Whether a sample may be drawn twice.

        Returns
        -------
        BatchNoise
            Arrays of shape ``(len(batches),)``.
        """
        size, sizes = float(np.linalg.norm(self.mean)), np.array(batches)
        errors = [self.batch_errors(batch, draws, random, replace=replace) for batch in batches]
        square = np.array([np.mean(of_size) for of_size in errors])
        doubt = np.array([np.std(of_size, ddof=1) for of_size in errors]) / math.sqrt(draws)
        factor = np.array([self.batch_factor(batch, replace=replace) for batch in batches])
        expected = self.variance * factor
        differ = doubt > len(self.losses) * np.finfo(np.float64).eps * expected
        left = (square > 0.0) & (factor > 0.0)
        x, y = sizes[left], square[left]
        # the root halves the error of the logarithm
        slope, uncertainty = log_slope(x, np.sqrt(y / (factor[left] * x)), doubt[left] / (2.0 * y))
        return BatchNoise(
            error=quotient(np.sqrt(square), size),
            predicted=quotient(np.sqrt(expected), size),
            deviation=quotient(square - expected, np.where(differ, doubt, 0.0)),
            slope=slope,
            uncertainty=uncertainty,
        )


@dataclass(frozen=True, kw_only=True)
class Agreement:
    r"""What backprop, norms that are not built and brute force say of the gradients of samples.

    Attributes
    ----------
    backprop : float
        \|mean of the samples' gradients - backprop\| / \|backprop\|, 2-norms.
    unbuilt : float
        Largest difference between norms built and not built, over the largest norm.
    moved : int
        Parameters that brute force moved.
    jacobian : float
        \|brute force - samples' gradients\| / \|samples' gradients\| over these, 2-norms.
    crossed : int
        Samples of a parameter at which a moved unit opens or shuts, left out of this.
    passes, passes_of_mean : int
        Forward passes of all samples that brute force made for the gradients of the samples, and for their mean alone.

    Examples
    --------
    >>> from derivkit.multivariate.samples import Data
    >>> network = Network((4, 3))
    >>> spread = sample_gradients(network, network.initial(), network.draw(Data(), 9))
    >>> agreement = spread.compared(np.arange(5), 1e-5)
    >>> agreement.jacobian < 1e-8, agreement.passes
    (True, 11)
    """

    backprop: float
    unbuilt: float
    moved: int
    jacobian: float
    crossed: int
    passes: int
    passes_of_mean: int


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


def signal_by_chance(shares: Array, count: int) -> Array:
    """The signal that samples show of parameters whose expected gradient is 0.

    The size of the mean of numbers of expectation 0 and standard deviation 1, by the central limit theorem.

    Parameters
    ----------
    shares : ndarray
        Of the parameters with no more signal, between 0 and 1; shape ``(n,)``.
    count : int
        Number of samples.

    Returns
    -------
    ndarray
        Shape ``(n,)``.

    Examples
    --------
    >>> signal_by_chance(np.array([0.5, 0.9545]), 100).round(4).tolist()
    [0.0674, 0.2]
    """
    normal = np.array([NormalDist().inv_cdf((1.0 + share) / 2.0) for share in shares])
    return np.asarray(normal / math.sqrt(count))
