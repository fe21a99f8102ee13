"""Losses of networks: their value and their slope, with the outputs on the first axis and the samples on the second."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.multivariate.samples import Array
from derivkit.symbolic.rules import RULES, Rule


@dataclass(frozen=True)
class Loss:
    """The loss of a sample as a function of the outputs.

    Attributes
    ----------
    name : str
        Its name.
    rules : tuple of Rule
        The rules of the analytical engine that give the slope.
    value : callable
        From outputs of shape ``(outputs, samples, ...)``, the targets, and where to compute, which may be the outputs
        themselves; of shape ``(samples, ...)``.
    slope : callable
        The slope in every output times a weight, from outputs of shape ``(outputs, samples)``, the targets and the
        weight; of the same shape.
    labelled : bool
        Whether the targets are labels, else values.
    """

    name: str
    rules: tuple[Rule, ...]
    value: Callable[..., Array]
    slope: Callable[[Array, NDArray[Any], float], Array]
    labelled: bool


def _cross_entropy(outputs: Array, labels: NDArray[Any], scratch: Array | None = None) -> Array:
    """log Σ e^u_j - u_label, with the largest u taken out of both, so that no power overflows."""
    shifted = np.subtract(outputs, np.maximum.reduce(outputs, axis=0), out=scratch)
    chosen = shifted[labels, np.arange(len(labels))]
    return np.asarray(np.log(np.add.reduce(np.exp(shifted, out=shifted), axis=0)) - chosen)


def _cross_entropy_slope(outputs: Array, labels: NDArray[Any], weight: float) -> Array:
    """The softmax of the outputs, less 1 at the label."""
    shares: Array = outputs - np.maximum.reduce(outputs, axis=0)
    np.exp(shares, out=shares)
    shares *= weight / np.add.reduce(shares, axis=0)
    shares[labels, np.arange(len(labels))] -= weight
    return shares


def _squared_error(outputs: Array, values: NDArray[Any], scratch: Array | None = None) -> Array:
    distance = np.subtract(outputs, values.T.reshape(*values.T.shape, *(1,) * (outputs.ndim - 2)), out=scratch)
    return np.asarray(np.add.reduce(np.square(distance, out=distance), axis=0) / len(outputs))


def _squared_error_slope(outputs: Array, values: NDArray[Any], weight: float) -> Array:
    return np.asarray((outputs - values.T) * (2.0 * weight / len(outputs)))


LOSSES: Mapping[str, Loss] = MappingProxyType(
    {
        row.name: row
        for row in (
            Loss(
                "softmax_cross_entropy",
                (*RULES["logsumexp"], *RULES["subtract"]),
                _cross_entropy,
                _cross_entropy_slope,
                labelled=True,
            ),
            Loss(
                "mean_squared_error",
                tuple(rule for rule in RULES["power"] if rule.name == "power"),
                _squared_error,
                _squared_error_slope,
                labelled=False,
            ),
        )
    }
)
"""THE table of losses."""
