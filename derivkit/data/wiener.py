r"""The smoother: samples of an integrated Wiener process with noise, and what they tell of its derivatives.

A function whose derivative of order q + 1 is white noise is the smoothest-looking one that no more is known of than how
rough it is: its expectation, given samples, is the smoothing spline of degree 2q + 1 (Wahba, J. R. Stat. Soc. B 40,
1978). Its state, f and q derivatives, is a Markov process,

.. math:: x_{k+1} = \Phi(t_{k+1} - t_k)\,x_k + \eta_k, \qquad y_k = f(t_k) + \varepsilon_k,

so that a pass forwards (Kalman, 1960) and one backwards (Bryson & Frazier, 1963) tell the state at every time in O(n).
Nothing is supposed of the state at the beginning: the first q + 1 samples fix it (Ansley & Kohn, Ann. Stat. 13, 1985).

Time is measured in bandwidths h and values in standard deviations of the noise. In these units the white noise has
intensity 1, and a bandwidth is the length over which noise and roughness are in balance. Arrays have nodes first and
models, each with an order and a bandwidth, second; states of a lower order than the highest end in zeros.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from derivkit.types import Array, Indices, Mask

LEAST_PRECISION = 1e-12
"""Of what all other samples tell of one, in units of its noise: rounding may leave less than nothing."""


class Nodes(NamedTuple):
    """Where models are sampled.

    Attributes
    ----------
    orders : ndarray of int, shape ``(models,)``
    gaps : ndarray, shape ``(n, models)``
        Times from the node before, in bandwidths.
    values : ndarray, shape ``(n,)``
        NaN where there is no sample.
    variance : ndarray, shape ``(n, models)``
        Of the noise there, over that of all.
    intensity : ndarray, shape ``(n, models)``, optional
        Of the white noise before a node, over that of all.
    shocks : ndarray, shape ``(n, models, d)``, optional
        Variances of what is added to the state at a node: the slope at a corner, all of it at a jump.
    """

    orders: Indices
    gaps: Array
    values: Array
    variance: Array
    intensity: Array | None = None
    shocks: Array | None = None


class Start(NamedTuple):
    """The states at the first nodes of the models of one order, given the first samples.

    Attributes
    ----------
    models : ndarray of int
    mean, covariance, cross : ndarray, shapes ``(m, models, d)`` and ``(m, models, d, d)``
        Of the states at the first m nodes, and their covariances with the last of these.
    """

    models: Indices
    mean: Array
    covariance: Array
    cross: Array

    @property
    def last(self) -> int:
        """The last of these nodes."""
        return len(self.mean) - 1


class Filtered(NamedTuple):
    """What the samples up to every node tell.

    Attributes
    ----------
    mean, covariance : ndarray, shapes ``(n, models, d)`` and ``(n, models, d, d)``
        Of the state given the samples up to the node.
    gain : ndarray, shape ``(n, models, d)``
    innovation, spread : ndarray, shape ``(n, models)``
        A sample less what was expected of it, and the variance of that; 0 and 1 where there is none.
    starts : list of Start
    motion, noise : ndarray, shape ``(n, models, d, d)``
        The matrices Phi, and the covariances of what white noise adds.
    samples : ndarray of bool, shape ``(n,)``
        Which nodes have one.
    """

    mean: Array
    covariance: Array
    gain: Array
    innovation: Array
    spread: Array
    starts: list[Start]
    motion: Array
    noise: Array
    samples: Mask

    @property
    def misfit(self) -> Array:
        """The sum of squares of the innovations in their standard deviations, shape ``(models,)``."""
        return np.asarray((self.innovation**2 / self.spread).sum(axis=0))


class Smoothed(NamedTuple):
    """What all samples tell.

    Attributes
    ----------
    mean, covariance : ndarray, shapes ``(n, models, d)`` and ``(n, models, d, d)``
        Of the state.
    residual, precision : ndarray, shape ``(n, models)``
        A sample less what all others tell, over the variance of that, and one over this variance (de Jong, Biometrika
        75, 1988): 0 and 1 where there is none.
    force, information : ndarray, shapes ``(n, models, d)`` and ``(n, models, d, d)``
        How the samples from a node on pull at its state, and the variance of that: what a shock there would show up in.
    """

    mean: Array
    covariance: Array
    residual: Array
    precision: Array
    force: Array
    information: Array


def motion(gaps: Array, orders: Indices) -> tuple[Array, Array]:
    """The matrices Phi of gaps, and the covariances of what white noise adds in these, shape ``(n, models, d, d)``.

    Examples
    --------
    >>> phi, noise = motion(np.array([[2.0]]), np.array([1]))
    >>> phi[0, 0].tolist(), noise[0, 0].round(3).tolist()
    ([[1.0, 2.0], [0.0, 1.0]], [[2.667, 2.0], [2.0, 2.0]])
    """
    d = int(orders.max()) + 1
    phi, noise = np.zeros((2, *gaps.shape, d, d))
    powers = [np.ones_like(gaps)]
    for _ in range(2 * d - 1):
        powers.append(powers[-1] * gaps)
    for q in np.unique(orders).tolist():
        which = orders == q
        for i in range(q + 1):
            for j in range(q + 1):
                a, b = q - i, q - j
                scale = (a + b + 1) * math.factorial(a) * math.factorial(b)
                noise[:, which, i, j] = powers[a + b + 1][:, which] / scale
                if j >= i:
                    phi[:, which, i, j] = powers[j - i][:, which] / math.factorial(j - i)
    return phi, noise


def run_forwards(nodes: Nodes) -> Filtered:
    """What the samples up to every node tell of the states there.

    Raises
    ------
    ValueError
        If there are fewer samples than the states have components.
    """
    n, models = nodes.gaps.shape
    samples = np.isfinite(nodes.values)
    phi, noise = motion(nodes.gaps, nodes.orders)
    if nodes.intensity is not None:
        noise *= nodes.intensity[..., None, None]
    d = phi.shape[-1]
    total = noise
    if nodes.shocks is not None:
        total = noise.copy()
        total[..., np.arange(d), np.arange(d)] += nodes.shocks
    starts = [_start(nodes, phi, total, samples, q) for q in np.unique(nodes.orders).tolist()]
    mean, covariance = np.zeros((n, models, d)), np.zeros((n, models, d, d))
    gain, innovation, spread = np.zeros((n, models, d)), np.zeros((n, models)), np.ones((n, models))
    x, p = mean[0], covariance[0]
    turned, begun = phi.swapaxes(-1, -2), max(start.last for start in starts)
    for k in range(n):
        x, p = (phi[k] @ x[..., None])[..., 0], phi[k] @ p @ turned[k] + total[k]
        if samples[k]:
            row, variance = p[:, 0, :], nodes.variance[k]
            spread[k], innovation[k] = row[:, 0] + variance, nodes.values[k] - x[:, 0]
            gain[k] = row / spread[k][:, None]
            x = x + gain[k] * innovation[k][:, None]
            p = p - gain[k][:, :, None] * row[:, None, :]
            p = 0.5 * (p + p.swapaxes(-1, -2))
            # what is known of f itself is the variance of the sample at most, which differences of p would lose
            p[:, 0, :] = p[:, :, 0] = gain[k] * variance[:, None]
        for start in starts if k <= begun else ():
            if k <= start.last:
                x[start.models], p[start.models] = start.mean[k], start.covariance[k]
                gain[k, start.models], innovation[k, start.models], spread[k, start.models] = 0.0, 0.0, 1.0
        mean[k], covariance[k] = x, p
    return Filtered(mean, covariance, gain, innovation, spread, starts, phi, noise, samples)


def _start(nodes: Nodes, phi: Array, total: Array, samples: Mask, q: int) -> Start:
    """The states at the first nodes given as many samples as these have components.

    The state c at the first node is unknown: x_i = T_i c + sum_j W_ij eta_j. The samples solve for it, and what is left
    of x_i are parts of the eta and of the noise.
    """
    d, size = q + 1, phi.shape[-1]
    which = np.flatnonzero(samples)[:d]
    if which.size < d:
        raise ValueError(f"a process of order {q} needs {d} samples, not {which.size}")
    count, models = int(which[-1]) + 1, np.flatnonzero(nodes.orders == q)
    phi, total = phi[:count, models, :d, :d], total[:count, models, :d, :d]
    unit = np.broadcast_to(np.eye(d), (models.size, d, d))
    reach, parts = [unit], [np.zeros((count, models.size, d, d))]
    for i in range(1, count):
        reach.append(phi[i] @ reach[-1])
        row = phi[i] @ parts[-1]
        row[i] = unit
        parts.append(row)
    solve = np.linalg.inv(np.stack([reach[i][:, 0, :] for i in which], axis=1))
    start = solve @ nodes.values[which]
    of_samples = np.stack([parts[i][:, :, 0, :] for i in which], axis=2)
    of_noise = [reached @ solve for reached in reach]
    of_shocks = [part - by_noise @ of_samples for part, by_noise in zip(parts, of_noise, strict=True)]
    variance = nodes.variance[which][:, models].T[:, None, :]
    mean, covariance, cross = np.zeros((count, models.size, size)), *np.zeros((2, count, models.size, size, size))
    for i in range(count):
        mean[i, :, :d] = (reach[i] @ start[..., None])[..., 0]
        for k, result in ((i, covariance), (count - 1, cross)):
            noise = (of_noise[i] * variance) @ of_noise[k].swapaxes(-1, -2)
            shocks = of_shocks[i][1:] @ total[1:] @ of_shocks[k][1:].swapaxes(-1, -2)
            result[i, :, :d, :d] = noise + shocks.sum(axis=0)
    return Start(models, mean, covariance, cross)


def run_backwards(nodes: Nodes, filtered: Filtered) -> Smoothed:
    """What all samples tell of the states."""
    n, models, d = filtered.mean.shape
    mean, covariance = np.empty((n, models, d)), np.empty((n, models, d, d))
    residual, precision = np.zeros((n, models)), np.ones((n, models))
    force, information = np.zeros((n, models, d)), np.zeros((n, models, d, d))
    pull, weight = np.zeros((models, d)), np.zeros((models, d, d))
    samples, turned = np.isfinite(nodes.values), filtered.motion.swapaxes(-1, -2)
    ended, begun = [], {start.last for start in filtered.starts}
    for k in range(n - 1, -1, -1):
        if k in begun:
            ended += [(start, pull[start.models], weight[start.models]) for start in filtered.starts if k == start.last]
        p = filtered.covariance[k]
        mean[k], covariance[k] = filtered.mean[k] + (p @ pull[..., None])[..., 0], p - p @ weight @ p
        if samples[k]:
            gain = filtered.gain[k]
            weighted = (weight @ gain[..., None])[..., 0]
            residual[k] = filtered.innovation[k] / filtered.spread[k] - (gain * pull).sum(axis=1)
            precision[k] = 1.0 / filtered.spread[k] + (gain * weighted).sum(axis=1)
            pull, weight = pull.copy(), weight.copy()
            pull[:, 0] += residual[k]
            weight[:, 0, :] -= weighted
            weight[:, :, 0] -= weighted
            weight[:, 0, 0] += precision[k]
        force[k], information[k] = pull, weight
        pull, weight = (turned[k] @ pull[..., None])[..., 0], turned[k] @ weight @ filtered.motion[k]
    for start, pull, weight in ended:  # at the first nodes nothing was filtered
        first, which = slice(start.last + 1), start.models
        mean[first, which] = start.mean + (start.cross @ pull[..., None])[..., 0]
        covariance[first, which] = start.covariance - start.cross @ weight @ start.cross.swapaxes(-1, -2)
        force[first, which], information[first, which] = 0.0, 0.0
        here = samples[first, None]
        variance = nodes.variance[first, which]
        residual[first, which] = np.where(here, (nodes.values[first, None] - mean[first, which, 0]) / variance, 0.0)
        known = np.maximum(1.0 - covariance[first, which, 0, 0] / variance, LEAST_PRECISION) / variance
        precision[first, which] = np.where(here, known, 1.0)
    return Smoothed(mean, covariance, residual, precision, force, information)


def smooth(nodes: Nodes) -> Smoothed:
    """What all samples tell of the states, rounded as little at the beginning as at the end.

    Where nearly nothing was known, differences of covariances lose all digits: so the first half of the record is taken
    from a run through its mirror image.
    """
    there = run_backwards(nodes, run_forwards(nodes))
    image = mirrored(nodes)
    back = run_backwards(image, run_forwards(image))
    half = len(nodes.values) // 2
    sign = (-1.0) ** np.arange(there.mean.shape[-1])
    one = np.ones(1)
    signs = (sign, sign * sign[:, None], one, one, sign, sign * sign[:, None])
    fields = zip(there, back, signs, strict=True)
    return Smoothed(*(np.concatenate([b[: -half - 1 : -1] * sign, a[half:]]) for a, b, sign in fields))


def mirrored(nodes: Nodes) -> Nodes:
    """The same in the opposite direction: what belongs to the gap before a node belongs to the one after it."""

    def turned(array: Array | None) -> Array | None:
        return None if array is None else np.concatenate([array[:1], array[:0:-1]])

    gaps = np.concatenate([nodes.gaps[:1], nodes.gaps[:0:-1]])
    return Nodes(
        nodes.orders, gaps, nodes.values[::-1], nodes.variance[::-1], turned(nodes.intensity), turned(nodes.shocks)
    )
