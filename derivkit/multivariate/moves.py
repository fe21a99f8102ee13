"""The losses of a network with one parameter moved at a time, in three ways.

:mod:`derivkit.multivariate.brute_force` says what they have in common.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from derivkit.multivariate.losses import LOSSES
from derivkit.multivariate.network import Layer, Network
from derivkit.multivariate.samples import Array, Samples
from derivkit.multivariate.stacks import stacks
from derivkit.types import Indices

RIPPLE = 2**16
"""Numbers of the widest layer that are computed at once: as `STACK` of derivkit.multivariate.stacks, by measuring."""
BLOCK = 256
"""Parameters of the naive loop between two reports of progress."""


@dataclass(frozen=True, eq=False)
class Job:
    """What is to be computed: the losses with parameter ``which[n]`` alone moved to ``moved[k, n]``."""

    network: Network
    parameters: Array
    samples: Samples
    which: Indices
    moved: Array
    layers: list[Layer]
    """Where nothing is moved."""
    given: list[Array]
    """What each layer is given, a row for every sample."""
    losses: Array
    """Of the samples where nothing is moved, the penalty left out."""

    @classmethod
    def of(cls, network: Network, parameters: Array, samples: Samples, which: Indices, moved: Array) -> Job:
        """A job with what the network computes where nothing is moved."""
        layers = network.forward(parameters, samples)
        given = [np.ascontiguousarray(layer.given.T) for layer in layers]
        losses = LOSSES[network.objective].value(layers[-1].a, samples.targets)
        return cls(network, parameters, samples, which, moved, layers, given, losses)


@dataclass
class Cost:
    """The work that was done."""

    forward_passes: int = 0
    multiply_adds: int = 0

    def passes(self, job: Job, number: int) -> None:
        """Count so many forward passes of all samples."""
        self.forward_passes += number
        self.multiply_adds += number * len(job.samples) * job.network.multiply_adds


Blocks = Iterator[tuple[slice, Array]]
"""Which of the parameters to be moved, and the losses: shape ``(samples, moves, parameters)``."""


def _naive(job: Job, cost: Cost) -> Blocks:
    """One parameter is changed in place, the network passed, and the parameter put back, to the bit."""
    work = job.parameters.copy()
    for start in range(0, job.which.size, BLOCK):
        block = slice(start, min(start + BLOCK, job.which.size))
        losses = np.empty((len(job.samples), len(job.moved), block.stop - start), work.dtype)
        for n, k in enumerate(job.which[block]):
            before = work[k]
            for m, value in enumerate(job.moved[:, start + n]):
                work[k] = value
                losses[:, m, n] = job.network.losses(work, job.samples, finite=False)
            work[k] = before
        cost.passes(job, losses[0].size)
        yield block, losses


def _batched(job: Job, cost: Cost) -> Blocks:
    """A stack of parameter vectors, in each of which one parameter is moved, passes the network at once."""
    for block, stack in stacks(job.parameters, job.which, job.moved):
        vectors = stack.reshape(-1, job.network.count)
        losses = job.network.losses(vectors, job.samples, finite=False)
        cost.passes(job, len(vectors))
        yield block, losses.T.reshape(len(job.samples), *stack.shape[:2])


def _incremental(job: Job, cost: Cost) -> Blocks:
    """Unit by unit: all the parameters of a unit move the one sum that it has."""
    network = job.network
    for layer, (start, _) in enumerate(network.spans):
        row = network.sizes[layer] + 1
        largest = np.max(np.abs(job.given[layer]), axis=1)
        for unit in range(network.sizes[layer + 1]):
            first = start + unit * row
            low, high = np.searchsorted(job.which, (first, first + row))
            if low == high:
                continue
            block = slice(int(low), int(high))
            columns = slice(None) if high - low == row else job.which[block] - first
            move = _Move(layer, unit, columns, job.moved[:, block] - job.parameters[job.which[block]])
            losses = _unit_losses(job, move, move.samples(job, largest), cost)
            if network.l1 or network.l2:
                losses += _moved_penalty(job, block)
            yield block, losses


WAYS: Mapping[str, Callable[[Job, Cost], Blocks]] = MappingProxyType(
    {"naive": _naive, "batched": _batched, "incremental": _incremental}
)
"""THE table of ways."""


@dataclass(frozen=True, eq=False)
class _Move:
    """Parameters of one unit, moved by the shift one at a time; its shape is ``(moves, columns)``."""

    layer: int
    unit: int
    columns: slice | Indices
    shift: Array

    def samples(self, job: Job, largest: Array) -> Indices:
        """The samples whose losses may change: a relu that is shut, and that no number as large as the largest which
        its layer is given can open, leaves them as they are.
        """
        reach = job.layers[self.layer].z[self.unit] + largest * np.max(np.abs(self.shift))
        shut = (reach <= 0.0) & job.network.rows[self.layer].flat_below_zero
        return np.flatnonzero(~shut)

    def multiply_adds(self, network: Network) -> int:
        """Multiplications with additions for one sample: of the sum, of the layer after it, and of all after that."""
        after = self.layer + 2
        rank_one = network.sizes[after] if after <= network.depth else 0
        return self.shift.size * (1 + rank_one + sum(end - start for start, end in network.spans[after:]))

    def widest(self, network: Network) -> int:
        """The most units of a layer that is computed."""
        return max(network.sizes[min(self.layer + 2, network.depth) :])


def _unit_losses(job: Job, move: _Move, changed: Indices, cost: Cost) -> Array:
    """The losses with the parameters of one unit moved, the penalty left out; shape ``(samples, moves, columns)``."""
    losses = np.empty((len(job.samples), *move.shift.shape), move.shift.dtype)
    if changed.size < len(losses):
        losses[...] = job.losses[:, None, None]
    together = max(1, RIPPLE // (move.widest(job.network) * move.shift.size))
    for start in range(0, changed.size, together):
        chunk = changed[start : start + together]
        losses[chunk] = _ripple(job, move, chunk)
    cost.multiply_adds += changed.size * move.multiply_adds(job.network)
    return losses


def _ripple(job: Job, move: _Move, chunk: Indices) -> Array:
    """The losses of some samples; what moves them runs through the network with the units on the first axis."""
    network, k, unit = job.network, move.layer, move.unit
    layer = job.layers[k]
    z = job.given[k][chunk][:, None, move.columns] * move.shift
    z += layer.z[unit, chunk][:, None, None]
    a = network.rows[k].value(z, z).reshape(len(chunk), -1)
    if k == network.depth - 1:
        values = np.empty((network.sizes[-1], *a.shape), a.dtype)
        values[...] = layer.a[:, chunk][:, :, None]
        values[unit] = a
    else:
        matrices = network.matrices(job.parameters)
        # rank one: what the unit hands on moves by a - a0, and every sum after it by that times a weight
        a -= layer.a[unit, chunk][:, None]
        values = matrices[k + 1][:, unit][:, None, None] * a
        values += job.layers[k + 1].z[:, chunk][:, :, None]
        network.rows[k + 1].value(values, values)
        for matrix, row in zip(matrices[k + 2 :], network.rows[k + 2 :], strict=True):
            values = (matrix[:, :-1] @ values.reshape(len(values), -1)).reshape(-1, *a.shape)
            values += matrix[:, -1][:, None, None]
            row.value(values, values)
    return LOSSES[network.objective].value(values, job.samples.targets[chunk], values).reshape(z.shape)


def _moved_penalty(job: Job, block: slice) -> Array:
    """The penalty with one parameter moved, shape ``(moves, parameters)``."""
    network = job.network
    at = job.which[block]
    weighs = network.weighs[at]
    change = network.penalties(job.moved[:, block]) - network.penalties(job.parameters[at])
    return np.asarray(network.penalty(job.parameters) + np.where(weighs, change, 0.0), job.parameters.dtype)
