r"""Batches that are drawn from samples at random: how far the means of their gradients lie from that of all.

A batch of B of N samples errs by the variance over B, without replacement times :math:`(N - B)/(N - 1)`; see
:mod:`derivkit.multivariate.spread`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from derivkit.multivariate.samples import Array


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


@dataclass(frozen=True, eq=False, kw_only=True)
class BatchNoise:
    r"""The errors of batches that were drawn, beside the law.

    Attributes
    ----------
    error : ndarray
        Root mean square of \|batch's gradient - gradient\| / \|gradient\| over the batches of each size.
    predicted : ndarray
        The root of its expected square.
    deviation : ndarray
        (mean square - expected) / its standard error; NaN where the batches do not differ.
    slope : float
        Of log error against log batch, the factor (N - B)/(N - 1) taken out; -1/2 by the law.
    uncertainty : float
        Standard error of the slope, from the spread of the batches.

    Examples
    --------
    >>> from derivkit.multivariate.samples import Data
    >>> from derivkit.multivariate.network import Network
    >>> from derivkit.multivariate.spread import sample_gradients
    >>> network = Network((4, 3))
    >>> spread = sample_gradients(network, network.initial(), network.draw(Data(), 9))
    >>> noise = spread.batch_noise([1, 2, 4], 1000, np.random.default_rng(0), replace=True)
    >>> bool(abs(noise.slope + 0.5) < 4.0 * noise.uncertainty)
    True
    """

    error: Array
    predicted: Array
    deviation: Array
    slope: float
    uncertainty: float
