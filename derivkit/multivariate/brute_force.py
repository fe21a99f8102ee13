r"""The gradient of a network by brute force: one parameter is moved at a time, and the loss is computed again.

Three ways give the same losses. The *naive* one is the textbook's loop: a full forward pass for every loss. The
*batched* one passes a stack of parameter vectors at once. The *incremental* one computes only what a moved weight can
change. Moving :math:`M_{ji}` of a layer by s moves its sum :math:`z_j` by :math:`s\,a_i` and no other sum; what unit j
hands on then moves by one number d, and every sum of the next layer by d times a weight, an update of rank one. Only
the layers after that are computed anew. Where a relu is shut before and after, nothing moves, and the loss is known.

None of them uses a derivative: they are a check of backprop that owes it nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from derivkit.arguments import positive
from derivkit.multivariate.crossings import crossings, weights_across_zero
from derivkit.multivariate.moves import WAYS, Blocks, Cost, Job
from derivkit.multivariate.network import BUFFER, Network
from derivkit.multivariate.samples import Array, Samples
from derivkit.numerical.formulas import stencil_of
from derivkit.numerical.nodes import Nodes, combine
from derivkit.numerical.stencil import Stencil
from derivkit.types import Indices, Mask

Progress = Callable[[int, int], object]


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
    at_kinks : ndarray of bool
        Where, of these, the unit stands exactly on its kink, or the weight is 0: there the loss has two slopes, and no
        delta is small enough.
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
    at_kinks: NDArray[np.bool_]
    kinks_per_sample: NDArray[np.bool_] | None
    evaluations: int
    forward_passes: int
    multiply_adds: int
    message: str


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
    stencil, step = _stencil(formula), _step(delta)
    if way not in WAYS:
        raise ValueError(f"no way named {way!r}; there are {', '.join(WAYS)}")
    index = _chosen(network, which)
    base = network.losses(parameters, samples)
    at: Any = parameters[index]
    delta_there: Any = np.asarray(step, at.dtype)  # in the type of the parameters, as the points are then too
    with np.errstate(all="ignore"):
        np.setbufsize(BUFFER)
        nodes = Nodes.of(stencil, at, delta_there)
        moved = [point for offset, point in zip(stencil.offsets, nodes.points, strict=True) if offset != 0]
        job, cost = Job.of(network, parameters, samples, index, np.array(moved)), Cost()
        cost.passes(job, 1)
        kinks, at_kinks, each = _kinks(job, per_sample=per_sample)
        losses = _reported(WAYS[way](job, cost), progress, index.size)
        gradient, jacobian = _quotients(nodes, losses, base, per_sample=per_sample)
    vanished = nodes.vanished
    lost = vanished | ~np.isfinite(gradient)
    gradient[lost] = np.nan
    messages = (
        _message(network, at, index, vanished, lost, step),
        _standing(network, index, at_kinks, stencil),
        _across(network, index, kinks & ~at_kinks, step),
    )
    return BruteForce(
        gradient=gradient,
        per_sample=jacobian,
        which=index,
        loss=float(np.mean(base)),
        vanished=vanished,
        kinks=kinks,
        at_kinks=at_kinks,
        kinks_per_sample=each,
        evaluations=len(moved) * index.size + (len(moved) < len(stencil.offsets)),
        forward_passes=cost.forward_passes,
        multiply_adds=cost.multiply_adds,
        message="; ".join(filter(None, messages)),
    )


def _stencil(formula: str | Stencil) -> Stencil:
    stencil = stencil_of(formula)
    if stencil.derivative != 1:
        raise ValueError(
            f"{stencil.name} is a formula of derivative {stencil.derivative}; a gradient needs one of the first"
        )
    return stencil


def _step(delta: float) -> float:
    if np.ndim(delta):
        raise ValueError(f"delta={delta}: all parameters are moved by one delta; write a number such as delta=1e-5")
    return float(positive("delta", delta))


def _chosen(network: Network, which: ArrayLike | None) -> Indices:
    index = np.arange(network.count) if which is None else np.asarray(which, dtype=np.intp)
    if index.ndim != 1 or not index.size or np.any(np.diff(index) <= 0) or index[0] < 0 or index[-1] >= network.count:
        raise ValueError(f"which: one or more of the parameters 0 to {network.count - 1}, in rising order")
    return index


def _kinks(job: Job, *, per_sample: bool) -> tuple[Mask, Mask, Mask | None]:
    """Which of the parameters cross a kink, which of these leave it, and, if that is wanted, for which samples."""
    at = job.parameters[job.which]
    penalty = weights_across_zero(job.network, at, job.which, job.moved)
    crossed, at_kinks, each = penalty.copy(), penalty & (at == 0.0), None
    if per_sample:
        each = np.repeat(penalty[None], len(job.samples), axis=0)
    for one in crossings(job.network, job.parameters, job.samples, job.layers, job.which, job.moved):
        crossed[one.places] |= one.crossed.any(axis=0)
        at_kinks[one.places] |= one.at_kink.any(axis=0)
        if each is not None:
            each[np.ix_(one.samples, one.places)] |= one.crossed
    return crossed, at_kinks, each


def _reported(blocks: Blocks, progress: Progress | None, count: int) -> Blocks:
    """The same blocks; after each is told how many parameters are done."""
    for block, losses in blocks:
        yield block, losses
        if progress is not None:
            progress(block.stop, count)


def _quotients(nodes: Nodes, blocks: Blocks, base: Array, *, per_sample: bool) -> tuple[Array, Array | None]:
    """The gradient of the mean loss, and, if that is wanted, of every sample's loss where no step vanished."""
    scale, weights = nodes.scale, nodes.formula.coefficients[0]
    gradient = np.empty(scale.shape, scale.dtype)
    jacobian = np.empty((len(base), scale.size), scale.dtype) if per_sample else None
    for block, losses in blocks:
        values = _with_base(nodes.formula, losses, base)
        gradient[block] = combine(weights, [_mean(value) for value in values], scale[block])
        if jacobian is not None:
            jacobian[:, block] = combine(weights, values, scale[block])
    if jacobian is not None:
        jacobian[:, nodes.vanished] = np.nan
    return gradient, jacobian


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


def _standing(network: Network, which: Indices, at_kinks: Mask, stencil: Stencil) -> str:
    if not np.any(at_kinks):
        return ""
    first = network.name_of(int(which[int(np.argmax(at_kinks))]))
    quotient = (
        "the quotient is a mean of them with every delta, and backprop gives one"
        if min(stencil.offsets) < 0 < max(stencil.offsets)
        else "the quotient is one of them, and backprop may give the other"
    )
    return (
        f"the network stands exactly on a kink, which {np.count_nonzero(at_kinks)} of {which.size} parameters move it"
        f" off, the first {first}: the loss has two slopes there, {quotient}; neither is wrong"
    )


def _across(network: Network, which: Indices, kinks: NDArray[np.bool_], delta: float) -> str:
    if not np.any(kinks):
        return ""
    first = network.name_of(int(which[int(np.argmax(kinks))]))
    return (
        f"delta={delta:g} crosses a kink with {np.count_nonzero(kinks)} of {which.size} parameters, the first {first}:"
        " the quotient is a mean of the slopes of both sides there, of which backprop gives one; take a smaller delta"
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
