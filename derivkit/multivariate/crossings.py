"""Where a moved parameter takes a unit of a network across the kink of its activation, or a weight across that of l1.

A difference quotient over a kink is a mean of the slopes of its two sides, and backprop gives one of them. A smaller
step helps where the kink lies beside the sum, and none where the sum is on the kink: there the loss has two slopes.
What can move a sum is bounded first, so that only units near their kinks are looked at, for the samples where they are
near.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from derivkit.multivariate.activations import STEEPEST
from derivkit.multivariate.network import Layer, Network
from derivkit.multivariate.samples import Array, Samples
from derivkit.multivariate.stacks import stacks
from derivkit.types import Indices, Mask


class Crossing(NamedTuple):
    """Where parameters take units across their kinks.

    Attributes
    ----------
    samples : ndarray of int
    places : ndarray of int
        Places in ``which``.
    crossed : ndarray of bool, shape ``(samples, places)``
        Whether there is a unit that lies on one side of its kink before and on the other after a move.
    at_kink : ndarray of bool, shape ``(samples, places)``
        Whether one of these units lies on its kink before, so that it leaves it with every step.
    """

    samples: Indices
    places: Indices
    crossed: Mask
    at_kink: Mask


def crossings(
    network: Network, parameters: Array, samples: Samples, layers: Sequence[Layer], which: Indices, moved: Array
) -> Iterator[Crossing]:
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
    Crossing
        What is left out crosses nothing.

    Examples
    --------
    >>> network, samples = Network((1, 1, 1)), Samples([[1.0]], [0])
    >>> parameters = np.array([1.0, -1.0, 1.0, 0.5])  # the relu is given 1 - 1 = 0
    >>> layers, which = network.forward(parameters, samples), np.arange(4)
    >>> [(one.places.tolist(), one.crossed.tolist(), one.at_kink.tolist()) for one in crossings(
    ...     network, parameters, samples, layers, which, parameters + 1e-5 * np.array([[1.0], [-1.0]])
    ... )]
    [([0, 1], [[True, True]], [[True, True]])]
    """
    shift = moved - parameters[which]
    near = _near(network, parameters, layers, float(np.max(np.abs(shift), initial=0.0)))
    at_kink = [_at_kink(matrix, layer) for matrix, layer in zip(network.matrices(parameters), layers, strict=True)]
    for k, at in enumerate(near):
        for unit in np.flatnonzero(at.any(axis=1)).tolist():
            first = network.spans[k][0] + unit * (network.sizes[k] + 1)
            close = np.flatnonzero(at[unit])
            yield from _of_unit(layers[k], unit, first, which, shift, samples=close, at_kink=at_kink[k][unit, close])
    deep = [k for k, at in enumerate(near) if k and at.any()]
    if deep:
        before = int(np.searchsorted(which, network.spans[deep[-1]][0]))
        close = np.flatnonzero(np.any([near[k].any(axis=0) for k in deep], axis=0))
        close_by = [one[:, close] for one in at_kink]
        for place, *flags in _recomputed(
            network, parameters, samples.take(close), close_by, which[:before], moved[:, :before]
        ):
            yield Crossing(close, place, *flags)


def weights_across_zero(network: Network, at: Array, which: Indices, moved: Array) -> Mask:
    """Which of the parameters leave or cross 0, where the penalty l1 has its kink; shape ``(len(which),)``."""
    crossed = np.any(np.sign(moved) != np.sign(at), axis=0)
    return np.asarray(crossed & network.weighs[which] & (network.l1 > 0.0))


def _at_kink(matrix: Array, layer: Layer) -> Mask:
    """Which sums are 0 but for their rounding, shape ``(units, samples)``."""
    rounding = 4.0 * float(np.finfo(matrix.dtype).eps) * (np.abs(matrix) @ np.abs(layer.given))
    return np.asarray(np.abs(layer.z) <= rounding)


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
    layer: Layer, unit: int, first: int, which: Indices, shift: Array, *, samples: Indices, at_kink: Mask
) -> Iterator[Crossing]:
    """The unit's own parameters, from the first on, move its sum by what it is given, times the shift."""
    low, high = np.searchsorted(which, (first, first + len(layer.given)))
    if low == high:
        return
    given, z = layer.given[np.ix_(which[low:high] - first, samples)].T, layer.z[unit, samples][:, None]
    after = z + given * shift[:, None, low:high]
    crossed = np.any((after > 0.0) != (z > 0.0), axis=0)
    yield Crossing(samples, np.arange(low, high), crossed, crossed & at_kink[:, None])


def _recomputed(
    network: Network, parameters: Array, samples: Samples, at_kink: Sequence[Mask], which: Indices, moved: Array
) -> Iterator[tuple[Indices, Mask, Mask]]:
    """What a parameter moves in the layers after its own is computed anew, for samples with a unit near its kink."""
    layers = network.forward(parameters, samples)
    for block, stack in stacks(parameters, which, moved):
        crossed, left = (np.zeros((stack.shape[1], len(samples)), dtype=bool) for _ in range(2))
        for row, layer, base, on in zip(network.rows, network.forward(stack, samples), layers, at_kink, strict=True):
            if row.kinked:
                changed = np.any((layer.z > 0.0) != (base.z > 0.0), axis=0)
                crossed |= np.any(changed, axis=1)
                left |= np.any(changed & on, axis=1)
        yield np.arange(block.start, block.stop), crossed.T, left.T
