"""What a difference formula loses on the loss of a network: to rounding, and to the kinks of its activations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.errors import norm_ratio
from derivkit.multivariate.activations import STEEPEST
from derivkit.multivariate.brute_force import brute_force
from derivkit.multivariate.losses import LOSSES
from derivkit.multivariate.network import Network
from derivkit.multivariate.samples import Samples
from derivkit.multivariate.stacks import stacks
from derivkit.numerical.stencil import Stencil
from derivkit.types import Indices

Array = NDArray[np.floating[Any]]

ELEMENTARY = 4.0
"""Units of rounding by which an activation errs: 2 ulp, as derivkit.operations.elementary assumes of its functions."""


def loss_rounding(network: Network, parameters: Array, samples: Samples, *, unit: float) -> float:
    """How far rounding may take the mean loss from what exact arithmetic gives, to first order in the unit.

    Running error analysis (Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed. 2002, sections 3.1 and
    3.3): a sum of n products errs by at most n units of the sum of their absolute values, in whatever order it is made,
    and an error goes on through an activation or a loss by the slope there.

    Parameters
    ----------
    network : Network
        Its layers, activations and loss.
    parameters : ndarray
        Shape ``(count,)``, of float64.
    samples : Samples
        Of float64.
    unit : float
        Unit roundoff of the precision in question, half of its eps.

    Returns
    -------
    float
        A bound of first order, in the unit of the loss.

    Examples
    --------
    >>> from derivkit.multivariate.samples import generated
    >>> tiny = Network((4, 16, 3))
    >>> 1e-16 < loss_rounding(tiny, tiny.initial(), generated(8, inputs=4, classes=3), unit=2.0**-53) < 1e-13
    True
    """
    layers = network.forward(parameters, samples)
    error = np.zeros_like(layers[0].given)
    for matrix, layer in zip(network.matrices(parameters), layers, strict=True):
        summed = np.abs(matrix) @ (error + matrix.shape[-1] * unit * np.abs(layer.given))
        handed = STEEPEST * summed + ELEMENTARY * unit * np.abs(layer.a)
        error = np.concatenate([handed, np.zeros_like(handed[:1])])  # the ones of the biases are exact
    outputs = layers[-1].a
    loss = LOSSES[network.objective]
    value, slope = loss.value(outputs, samples.targets), loss.slope(outputs, samples.targets, 1.0)
    # The outputs are subtracted from the largest, raised, summed and taken the logarithm of, or subtracted and squared.
    in_loss = (len(outputs) + 3.0 * ELEMENTARY) * unit * (np.abs(value) + 2.0 * np.max(np.abs(outputs), axis=0) + 1.0)
    mean = float(np.mean(np.sum(np.abs(slope) * handed, axis=0) + in_loss + value.size * unit * np.abs(value)))
    return mean + network.count * unit * float(network.penalty(parameters))


def gradient_rounding(loss: float, formula: Stencil, delta: Array, exact: Array) -> Array:
    """How far a rounding of every loss takes the gradient by a formula, relative in the 2-norm.

    Parameters
    ----------
    loss : float
        How far rounding may take a loss; see `loss_rounding`.
    formula : Stencil
        Of the first derivative.
    delta : ndarray
        Steps, of any shape.
    exact : ndarray
        The exact gradient in the parameters that are moved, shape ``(moved,)``.

    Returns
    -------
    ndarray
        In the shape of ``delta``; NaN where the exact gradient is 0.

    Examples
    --------
    >>> from derivkit.numerical.formulas import formula
    >>> gradient_rounding(1e-16, formula("forward_1"), np.array([1e-8]), np.array([2.0])).tolist()
    [1e-08]
    """
    weights, divisor = formula.coefficients
    size = float(np.linalg.norm(exact))
    gain = float(np.sum(np.abs(weights))) / abs(float(divisor))
    return gain * loss / delta * math.sqrt(exact.size) / size if size else np.full(delta.shape, np.nan)


def held_difference(network: Network, parameters: Array, samples: Samples, which: Indices, delta: float) -> Array:
    """The central difference without kinks: every unit with one keeps the slope that it has where nothing is moved.

    Parameters
    ----------
    network : Network
        Its layers, activations and loss.
    parameters : ndarray
        Shape ``(count,)``, of float64.
    samples : Samples
        Of float64.
    which : ndarray of int
        The parameters that are moved, one at a time, shape ``(moved,)``.
    delta : float
        The step.

    Returns
    -------
    ndarray
        Shape ``(moved,)``.

    Examples
    --------
    >>> network, at = Network((1, 1, 1), (), "mean_squared_error"), np.array([1.0, 0.0, 1.0, 0.0])
    >>> samples = Samples([[1e-3]], [[1.0]])  # moving the bias by 0.01 shuts the unit, which is held open here
    >>> held_difference(network, at, samples, np.array([1]), 1e-2).round(9).tolist()
    [-1.998]
    """
    layers = network.forward(parameters, samples)
    slopes = [row.slope(layer.z, layer.a) for row, layer in zip(network.rows, layers, strict=True)]
    held = np.empty(which.size)
    ends = parameters[which] + np.array([[delta], [-delta]])
    for block, stack in stacks(parameters, which, ends):
        given: Array = samples.with_one.T
        for matrix, row, slope in zip(network.matrices(stack), network.rows, slopes, strict=True):
            z = matrix @ given
            a = slope * z if row.kinked else row.value(z, np.empty_like(z))
            given = np.concatenate([a, np.ones_like(a[..., :1, :])], axis=-2)
        outputs = np.moveaxis(a, (-2, -1), (0, 1))
        value = LOSSES[network.objective].value(outputs, samples.targets)
        losses = np.mean(value, axis=0) + network.penalty(stack)
        held[block] = (losses[0] - losses[1]) / (ends[0, block] - ends[1, block])
    return held


@dataclass(frozen=True, kw_only=True)
class KinkEffect:
    """What the kinks of activations do to the central differences of a network with one delta.

    Attributes
    ----------
    delta : float
        The step.
    crossed : float
        Share of the parameters at which a unit is open at -delta or +delta and shut at 0, or back.
    at_kinks : float
        Share of those at which the unit stands exactly on its kink, so that no delta is small enough.
    error, held : float
        |numerical - backprop| / |backprop|, 2-norms, and the same with every unit held open or shut as it is at 0:
        truncation and rounding alone.
    large, large_crossed, by_kink : int
        Parameters whose relative error is large; of these, those that crossed a kink; of these in turn, those whose
        error is not large as soon as the units are held.
    explained : float
        large_crossed / large; NaN where large is 0.

    Examples
    --------
    >>> network, at = Network((1, 1, 1), (), "mean_squared_error"), np.array([1.0, 0.0, 1.0, 0.0])
    >>> effect = kink_effect(network, at, Samples([[1e-3]], [[1.0]]), np.array([1]), 1e-2, large=1e-4)
    >>> effect.crossed, effect.by_kink, effect.held < 1e-9 < effect.error
    (1.0, 1, True)
    """

    delta: float
    crossed: float
    at_kinks: float
    error: float
    held: float
    large: int
    large_crossed: int
    by_kink: int
    explained: float


def kink_effect(
    network: Network, parameters: NDArray[Any], samples: Samples, which: Indices, delta: float, *, large: float
) -> KinkEffect:
    """What kinks do to the central differences of a network with one delta.

    Parameters
    ----------
    network : Network
        Its layers, activations and loss.
    parameters : ndarray
        Shape ``(count,)``, of float64.
    samples : Samples
        Of float64.
    which : ndarray of int
        The parameters that are moved, in rising order; shape ``(moved,)``.
    delta : float
        The step.
    large : float
        A relative error of a parameter above this is large.

    Returns
    -------
    KinkEffect

    Examples
    --------
    >>> from derivkit.multivariate.samples import generated
    >>> smooth = Network((4, 16, 3), ("tanh",))
    >>> samples = generated(8, inputs=4, classes=3)
    >>> kink_effect(smooth, smooth.initial(), samples, np.arange(9), 1e-4, large=1e-4).crossed
    0.0
    """
    exact = network.backprop(parameters, samples)[which]
    moved = brute_force(network, parameters, samples, delta=delta, which=which)
    held = held_difference(network, parameters, samples, which, delta)
    wrong = _relative(moved.gradient, exact) > large
    total, among = int(np.count_nonzero(wrong)), int(np.count_nonzero(wrong & moved.kinks))
    return KinkEffect(
        delta=delta,
        crossed=float(np.mean(moved.kinks)),
        at_kinks=float(np.mean(moved.at_kinks)),
        error=norm_ratio(moved.gradient - exact, exact),
        held=norm_ratio(held - exact, exact),
        large=total,
        large_crossed=among,
        by_kink=int(np.count_nonzero(wrong & moved.kinks & (_relative(held, exact) <= large))),
        explained=among / total if total else math.nan,
    )


def _relative(estimate: NDArray[Any], exact: NDArray[Any]) -> NDArray[Any]:
    """Errors of every parameter; 0 where the estimate is exact, infinite for anything else beside a slope of 0."""
    error = np.abs(estimate - exact)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(error == 0.0, 0.0, error / np.abs(exact)))
