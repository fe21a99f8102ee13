r"""The gradient of a network by brute force: one parameter is moved at a time, and the loss is computed again.

Three ways give the same losses. The *naive* one is the textbook's loop: a full forward pass for every loss. The
*batched* one passes a stack of parameter vectors at once. The *incremental* one computes only what a moved weight can
change. Moving :math:`M_{ji}` of a layer by s moves its sum :math:`z_j` by :math:`s\,a_i` and no other sum; what unit j
hands on then moves by one number d, and every sum of the next layer by d times a weight, an update of rank one. Only
the layers after that are computed anew. Where a relu is shut before and after, nothing moves, and the loss is known.

None of them uses a derivative: they are a check of backprop that owes it nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from derivkit.arguments import positive
from derivkit.multivariate.kinks import crossings, weights_across_zero
from derivkit.multivariate.losses import LOSSES
from derivkit.multivariate.network import BUFFER, Layer, Network
from derivkit.multivariate.samples import Array, Samples
from derivkit.numerical.formulas import stencil_of
from derivkit.numerical.nodes import Nodes, combine
from derivkit.numerical.stencil import Stencil
from derivkit.types import Indices

Progress = Callable[[int, int], object]

STACK = 2**18
"""Numbers in a stack of parameter vectors, about what a processor's cache holds; found by measuring."""
RIPPLE = 2**16
"""Numbers of the widest layer that are computed at once, likewise."""
BLOCK = 256
"""Parameters of the naive loop between two reports of progress."""


@dataclass(frozen=True, eq=False, kw_only=True)
class BruteForce:
    """A gradient by brute force, and what it cost.

    Attributes
    ----------
    gradient : ndarray
        Shape ``(moved,)``, an entry for every parameter that was moved; NaN where delta vanished against it or a loss
        was no finite number.
    per_sample : ndarray or None
        The gradients of the samples, shape ``(samples, moved)``, where they were asked for.
    which : ndarray
        The parameters that were moved.
    loss : float
        The loss where nothing was moved.
    vanished : ndarray of bool
        Where delta vanished against the parameter, shape ``(moved,)``.
    kinks : ndarray of bool
        Where moving the parameter takes a unit across the kink of its activation, or a weight across 0 if there is a
        penalty l1; shape ``(moved,)``. The quotient there is a mean of two slopes, of which backprop gives one.
    kinks_per_sample : ndarray of bool or None
        The same of every sample, shape ``(samples, moved)``, where ``per_sample`` was asked for.
    evaluations : int
        Losses of all samples that the formula asked for.
    forward_passes : int
        Full forward passes of all samples that were made for them; every way begins with one where nothing is moved.
    multiply_adds : int
        Multiplications with additions in these, or in what was computed instead.
    message : str
        What went wrong, in sentences; empty where nothing did.

    Examples
    --------
    >>> network, samples = Network((1, 1), (), "mean_squared_error"), Samples([[2.0]], [[3.0]])
    >>> brute_force(network, np.ones(2), samples, delta=2.0**-10).gradient.tolist()
    [0.0, 0.0]
    """

    gradient: Array
    per_sample: Array | None
    which: Indices
    loss: float
    vanished: NDArray[np.bool_]
    kinks: NDArray[np.bool_]
    kinks_per_sample: NDArray[np.bool_] | None
    evaluations: int
    forward_passes: int
    multiply_adds: int
    message: str


@dataclass(frozen=True, eq=False)
class _Job:
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


@dataclass
class _Cost:
    forward_passes: int = 0
    multiply_adds: int = 0

    def passes(self, job: _Job, number: int) -> None:
        self.forward_passes += number
        self.multiply_adds += number * len(job.samples) * job.network.multiply_adds


Blocks = Iterator[tuple[slice, Array]]
"""Which of the parameters to be moved, and the losses: shape ``(samples, moves, parameters)``."""


def brute_force(  # noqa: PLR0913 -- what, where, by which formula, how, and what of it: none can be left out
    network: Network,
    parameters: Array,
    samples: Samples,
    *,
    delta: float,
    formula: str | Stencil = "central_2",
    way: str = "incremental",
    which: ArrayLike | None = None,
    per_sample: bool = False,
    progress: Progress | None = None,
) -> BruteForce:
    """The gradient of a network's loss by a difference formula in every parameter.

    Parameters
    ----------
    network : Network
        Its layers, activations and loss.
    parameters : ndarray
        Shape ``(count,)``; they are not changed.
    samples : Samples
        What the loss is the mean over.
    delta : float
        The step, positive.
    formula : str or Stencil
        Of the first derivative.
    way : str
        ``naive``, ``batched`` or ``incremental``; the losses are the same but for their last digits.
    which : array_like of int, optional
        The parameters to be moved, shape ``(moved,)``, in rising order; all of them by default.
    per_sample : bool
        Whether the gradient of every sample is wanted as well, which costs memory and no forward pass.
    progress : callable, optional
        Is told, from time to time, how many parameters are done and how many there are.

    Returns
    -------
    BruteForce

    Raises
    ------
    ValueError
        If an argument is none of these, or does not fit the network.
    NotFiniteError
        If the loss is no finite number where nothing is moved.

    Examples
    --------
    >>> from derivkit.multivariate.samples import generated
    >>> network = Network((4, 16, 3))
    >>> found = brute_force(network, network.initial(), generated(8, inputs=4, classes=3), delta=1e-5, way="naive")
    >>> found.evaluations, found.forward_passes
    (262, 263)
    """
    chosen = stencil_of(formula)
    if chosen.derivative != 1:
        raise ValueError(
            f"{chosen.name} is a formula of derivative {chosen.derivative}; a gradient needs one of the first"
        )
    if way not in WAYS:
        raise ValueError(f"no way named {way!r}; there are {', '.join(WAYS)}")
    if np.ndim(delta):
        raise ValueError(f"delta={delta}: all parameters are moved by one delta; write a number such as delta=1e-5")
    step = float(positive("delta", delta))
    index = _chosen(network, which)
    base = network.losses(parameters, samples)
    at: Any = parameters[index]
    delta_there: Any = np.asarray(step, at.dtype)  # in the type of the parameters, as the points are then too
    with np.errstate(all="ignore"):
        np.setbufsize(BUFFER)
        nodes = Nodes.of(chosen, at, delta_there)
        points, vanished, scale = np.array(nodes.points), nodes.vanished, nodes.scale
        asked = [k for k, offset in enumerate(chosen.offsets) if offset != 0]
        job, cost = _job(network, parameters, samples, index, points[asked]), _Cost()
        cost.passes(job, 1)
        gradient = np.empty(index.size, at.dtype)
        jacobian = np.empty((len(samples), index.size), at.dtype) if per_sample else None
        kinks, each = _kinks(job, per_sample=per_sample)
        for block, losses in WAYS[way](job, cost):
            values = _with_base(chosen, losses, base)
            gradient[block] = combine(chosen.coefficients[0], [_mean(value) for value in values], scale[block])
            if jacobian is not None:
                jacobian[:, block] = combine(chosen.coefficients[0], values, scale[block])
            if progress is not None:
                progress(block.stop, index.size)
    lost = vanished | ~np.isfinite(gradient)
    gradient[lost] = np.nan
    if jacobian is not None:
        jacobian[:, vanished] = np.nan
    return BruteForce(
        gradient=gradient,
        per_sample=jacobian,
        which=index,
        loss=float(np.mean(base)),
        vanished=vanished,
        kinks=kinks,
        kinks_per_sample=each,
        evaluations=len(asked) * index.size + (len(asked) < len(chosen.offsets)),
        forward_passes=cost.forward_passes,
        multiply_adds=cost.multiply_adds,
        message="; ".join(
            filter(None, (_message(network, at, index, vanished, lost, step), _across(network, index, kinks, step)))
        ),
    )


def moved_losses(
    network: Network,
    parameters: Array,
    samples: Samples,
    moved: Array,
    *,
    way: str = "incremental",
    which: ArrayLike | None = None,
) -> Array:
    """The losses of the samples with one parameter moved at a time.

    Parameters
    ----------
    network, parameters, samples, way, which
        As in `brute_force`.
    moved : ndarray
        Where each of the parameters is moved to; shape ``(moved,)``.

    Returns
    -------
    ndarray
        Shape ``(samples, moved)``.
    """
    index = _chosen(network, which)
    network.refuse(parameters, samples)
    found = np.empty((len(samples), index.size), parameters.dtype)
    with np.errstate(all="ignore"):
        np.setbufsize(BUFFER)
        job = _job(network, parameters, samples, index, np.asarray(moved, parameters.dtype)[None])
        for block, losses in WAYS[way](job, _Cost()):
            found[:, block] = losses[:, 0]
    return found


# The three ways


def _naive(job: _Job, cost: _Cost) -> Blocks:
    """One parameter is changed in place, the network passed, and the parameter put back, to the bit."""
    work = job.parameters.copy()
    for start in range(0, job.which.size, BLOCK):
        block = slice(start, min(start + BLOCK, job.which.size))
        losses = np.empty((len(job.samples), len(job.moved), block.stop - start), work.dtype)
        for n, k in enumerate(job.which[block]):
            kept = work[k]
            for m, value in enumerate(job.moved[:, start + n]):
                work[k] = value
                losses[:, m, n] = job.network.losses(work, job.samples, finite=False)
            work[k] = kept
        cost.passes(job, losses[0].size)
        yield block, losses


def stack_size(count: int, moves: int) -> int:
    """How many of a network's parameters are moved in one stack of the batched way.

    Parameters
    ----------
    count : int
        Parameters of the network.
    moves : int
        Moved losses of a parameter, 2 of the central difference.

    Returns
    -------
    int
        At least 1.

    Examples
    --------
    >>> stack_size(101_770, 2)
    1
    """
    return max(1, STACK // (moves * count))


def _batched(job: _Job, cost: _Cost) -> Blocks:
    """A stack of parameter vectors, in each of which one parameter is moved, passes the network at once."""
    moves, count = len(job.moved), job.network.count
    together = stack_size(count, moves)
    for start in range(0, job.which.size, together):
        block = slice(start, min(start + together, job.which.size))
        here = block.stop - start
        stack = np.tile(job.parameters, (moves, here, 1))
        stack[:, np.arange(here), job.which[block]] = job.moved[:, block]
        losses = job.network.losses(stack.reshape(moves * here, count), job.samples, finite=False)
        cost.passes(job, moves * here)
        yield block, losses.T.reshape(len(job.samples), moves, here)


def _incremental(job: _Job, cost: _Cost) -> Blocks:
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


WAYS: Mapping[str, Callable[[_Job, _Cost], Blocks]] = MappingProxyType(
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

    def samples(self, job: _Job, largest: Array) -> Indices:
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


def _unit_losses(job: _Job, move: _Move, changed: Indices, cost: _Cost) -> Array:
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


def _ripple(job: _Job, move: _Move, chunk: Indices) -> Array:
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


def _moved_penalty(job: _Job, block: slice) -> Array:
    """The penalty with one parameter moved, shape ``(moves, parameters)``."""
    network = job.network
    at = job.which[block]
    weighs = network.weighs[at]
    change = network.penalties(job.moved[:, block]) - network.penalties(job.parameters[at])
    return np.asarray(network.penalty(job.parameters) + np.where(weighs, change, 0.0), job.parameters.dtype)


# Putting it together


def _chosen(network: Network, which: ArrayLike | None) -> Indices:
    index = np.arange(network.count) if which is None else np.asarray(which, dtype=np.intp)
    if index.ndim != 1 or not index.size or np.any(np.diff(index) <= 0) or index[0] < 0 or index[-1] >= network.count:
        raise ValueError(f"which: one or more of the parameters 0 to {network.count - 1}, in rising order")
    return index


def _job(network: Network, parameters: Array, samples: Samples, which: Indices, moved: Array) -> _Job:
    layers = network.forward(parameters, samples)
    given = [np.ascontiguousarray(layer.given.T) for layer in layers]
    losses = LOSSES[network.objective].value(layers[-1].a, samples.targets)
    return _Job(network, parameters, samples, which, moved, layers, given, losses)


def _kinks(job: _Job, *, per_sample: bool) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None]:
    """Which of the parameters cross a kink, and, if that is wanted, for which samples."""
    penalty = weights_across_zero(job.network, job.parameters[job.which], job.which, job.moved)
    found, each = penalty.copy(), None
    if per_sample:
        each = np.repeat(penalty[None], len(job.samples), axis=0)
    for at, place, crossed in crossings(job.network, job.parameters, job.samples, job.layers, job.which, job.moved):
        found[place] |= crossed.any(axis=0)
        if each is not None:
            each[np.ix_(at, place)] |= crossed
    return found, each


def _with_base(formula: Stencil, losses: Array, base: Array) -> list[Array]:
    """The losses at every offset of the formula, those at 0 being known; each of shape ``(samples, parameters)``."""
    moved = iter(np.moveaxis(losses, 1, 0))
    return [next(moved) if offset != 0 else base[:, None] for offset in formula.offsets]


def _mean(losses: Array) -> Array:
    """The mean over the first axis, summed in pairs, so that it errs by few roundings."""
    total, count = losses, len(losses)
    while len(total) > 1:
        half = len(total) // 2
        paired = total[:half] + total[half : 2 * half]
        if len(total) % 2:
            paired[0] += total[-1]
        total = paired
    return np.asarray(total[0] / count)


def _across(network: Network, which: Indices, kinks: NDArray[np.bool_], delta: float) -> str:
    if not np.any(kinks):
        return ""
    first = network.name_of(int(which[int(np.argmax(kinks))]))
    return (
        f"delta={delta:g} crosses a kink with {np.count_nonzero(kinks)} of {which.size} parameters, the first {first}:"
        " the quotient is a mean of the slopes of both sides there, of which backprop gives one"
    )


def _message(
    network: Network, at: Array, which: Indices, vanished: NDArray[np.bool_], lost: NDArray[np.bool_], delta: float
) -> str:
    if np.any(vanished):
        place = int(np.argmax(vanished))
        least = float(np.spacing(np.max(np.abs(at))))
        return (
            f"delta={delta:g} vanishes against {np.count_nonzero(vanished)} of {at.size} parameters, the first"
            f" {network.name_of(int(which[place]))} = {at[place]:g}: NaN there; take at least {least:.1g} in {at.dtype}"
        )
    if np.any(lost):
        first = network.name_of(int(which[int(np.argmax(lost))]))
        return (
            f"a loss is no finite number where one of {np.count_nonzero(lost)} parameters is moved, the first {first}"
        )
    return ""
