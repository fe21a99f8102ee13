"""Where a moved parameter takes a unit of a network across the kink of its activation, or a weight across that of l1.

A difference quotient over a kink is a mean of the slopes of its two sides, and backprop gives one of them. What can
move a sum is bounded first, so that only units near their kinks are looked at, for the samples where they are near.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from derivkit.multivariate.activations import STEEPEST
from derivkit.multivariate.network import Layer, Network
from derivkit.multivariate.samples import Array, Samples
from derivkit.multivariate.stacks import stacks
from derivkit.types import Indices, Mask


def crossings(
    network: Network, parameters: Array, samples: Samples, layers: Sequence[Layer], which: Indices, moved: Array
) -> Iterator[tuple[Indices, Indices, Mask]]:
    """Which parameters cross a kink, and for which samples.

    Parameters
    ----------
    network, parameters, samples
        The parameters as they are, shape ``(count,)``.
    layers : sequence of Layer
        What the network computes there.
    which : ndarray of int
        The parameters that are moved, one at a time, in rising order.
    moved : ndarray
        Where to, shape ``(moves, len(which))``.

    Yields
    ------
    tuple
        Samples, places in ``which``, and whether there is a unit that lies on one side of its kink before and on the
        other after a move, shape ``(samples, places)``; what is left out crosses nothing.

    Examples
    --------
    >>> network, samples = Network((1, 1, 1)), Samples([[1.0]], [0])
    >>> parameters = np.array([1.0, -1.0, 1.0, 0.5])  # the relu is given 1 - 1 = 0
    >>> layers, which = network.forward(parameters, samples), np.arange(4)
    >>> [(place.tolist(), flags.tolist()) for _, place, flags in crossings(
    ...     network, parameters, samples, layers, which, parameters + 1e-5 * np.array([[1.0], [-1.0]])
    ... )]
    [([0, 1], [[True, True]])]
    """
    shift = moved - parameters[which]
    near = _near(network, parameters, layers, float(np.max(np.abs(shift), initial=0.0)))
    for k, at in enumerate(near):
        for unit in np.flatnonzero(at.any(axis=1)).tolist():
            first = network.spans[k][0] + unit * (network.sizes[k] + 1)
            yield from _of_unit(layers[k], unit, first, which, shift, np.flatnonzero(at[unit]))
    deep = [k for k, at in enumerate(near) if k and at.any()]
    if deep:
        before = int(np.searchsorted(which, network.spans[deep[-1]][0]))
        close = np.flatnonzero(np.any([near[k].any(axis=0) for k in deep], axis=0))
        for place, crossed in _recomputed(network, parameters, samples.take(close), which[:before], moved[:, :before]):
            yield close, place, crossed


def weights_across_zero(network: Network, at: Array, which: Indices, moved: Array) -> Mask:
    """Which of the parameters leave or cross 0, where the penalty l1 has its kink; shape ``(len(which),)``."""
    crossed = np.any(np.sign(moved) != np.sign(at), axis=0)
    return np.asarray(crossed & network.weighs[which] & (network.l1 > 0.0))


def _near(network: Network, parameters: Array, layers: Sequence[Layer], step: float) -> list[Mask]:
    """Which sums one parameter that moves by the step could take across a kink; shapes ``(units, samples)``."""
    near, largest = [], np.zeros(layers[0].z.shape[1])
    for row, matrix, layer in zip(network.rows, network.matrices(parameters), layers, strict=True):
        directly = step * np.max(np.abs(layer.given), axis=0)
        passed_on = STEEPEST * np.sum(np.abs(matrix[:, :-1]), axis=1)[:, None] * largest
        reach = np.maximum(directly, passed_on)
        # the sums are rounded, too
        slack = 4.0 * float(np.finfo(matrix.dtype).eps) * np.abs(layer.z)
        near.append(np.abs(layer.z) <= reach + slack if row.kinked else np.zeros(layer.z.shape, dtype=bool))
        largest = np.max(reach, axis=0)
    return near


def _of_unit(
    layer: Layer, unit: int, first: int, which: Indices, shift: Array, samples: Indices
) -> Iterator[tuple[Indices, Indices, Mask]]:
    """The unit's own parameters, from the first on, move its sum by what it is given, times the shift."""
    low, high = np.searchsorted(which, (first, first + len(layer.given)))
    if low == high:
        return
    given, z = layer.given[np.ix_(which[low:high] - first, samples)].T, layer.z[unit, samples][:, None]
    after = z + given * shift[:, None, low:high]
    yield samples, np.arange(low, high), np.any((after > 0.0) != (z > 0.0), axis=0)


def _recomputed(
    network: Network, parameters: Array, samples: Samples, which: Indices, moved: Array
) -> Iterator[tuple[Indices, Mask]]:
    """What a parameter moves in the layers after its own is computed anew, for samples with a unit near its kink."""
    layers = network.forward(parameters, samples)
    for block, stack in stacks(parameters, which, moved):
        crossed = np.zeros((stack.shape[1], len(samples)), dtype=bool)
        for row, layer, base in zip(network.rows, network.forward(stack, samples), layers, strict=True):
            if row.kinked:
                crossed |= np.any((layer.z > 0.0) != (base.z > 0.0), axis=(0, 2))
        yield np.arange(block.start, block.stop), crossed.T
