"""THE table of activations: what a layer does to its sums, with the slope of it.

An activation is an operation of :mod:`derivkit.operations.elementary`, from which its rules and its kink come; value
and slope do too, unless the row has quicker ones that write into an array that is there or use the value that is known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from derivkit.multivariate.samples import Array
from derivkit.operations.elementary import IN_FLOATS, OPERATIONS
from derivkit.operations.formulas import worked_out
from derivkit.operations.special import erfc
from derivkit.symbolic.rules import RULES, Rule

LEAK = 0.01
"""Slope of the leaky relu on the left, the one of the analytical engine."""


@dataclass(frozen=True, kw_only=True)
class Activation:
    """What a layer does to its sums, with the slope of it.

    Attributes
    ----------
    name : str
        Its name, which is that of the operation in the analytical engine; the identity is none.
    value : callable
        From z, and where to write it, which may be z itself.
    slope : callable
        From z and the value there.
    scale : float
        Variance of the weights' start times the number of inputs: 2 where half of the sums are cut off (He and others,
        *Delving deep into rectifiers*, 2015), else 1.
    steepest : float
        No slope is larger in size.
    flat_below_zero : bool
        Whether the value is 0 for every z <= 0.
    """

    name: str
    value: Callable[[Array, Array], Array]
    slope: Callable[[Array, Array], Any]
    scale: float = 1.0
    steepest: float = 1.0
    flat_below_zero: bool = False

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules of the analytical engine that give the slope; none for the identity."""
        return RULES.get(self.name, ())

    @property
    def kinked(self) -> bool:
        """Whether the slope jumps at 0."""
        return bool(self.rules) and OPERATIONS[self.name].meeting == "kink"


def of_operation(name: str, *, scale: float = 1.0, steepest: float = 1.0) -> Activation:
    """A row for an operation whose value and slope are taken as its own row has them.

    Examples
    --------
    >>> row, z = of_operation("softplus"), np.array([-1.0, 1.0])
    >>> row.slope(z, row.value(z, np.empty(2))).round(3)
    array([0.269, 0.731])
    """

    def value(z: Array, out: Array) -> Array:
        np.copyto(out, OPERATIONS[name].value(z), casting="same_kind")
        return out

    def slope(z: Array, _: Array) -> Array:
        return np.asarray(worked_out(OPERATIONS[name].slope, z, IN_FLOATS), dtype=z.dtype)

    return Activation(name=name, value=value, slope=slope, scale=scale, steepest=steepest)


def _identity(z: Array, out: Array) -> Array:
    np.copyto(out, z)
    return out


def _leaky(z: Array, out: Array) -> Array:
    return np.asarray(np.maximum(z, LEAK * z, out=out))


def _sigmoid(z: Array, out: Array) -> Array:
    # e^-|z| cannot overflow; sigmoid(z) is 1/(1 + e^-|z|) on the right and e^-|z|/(1 + e^-|z|) on the left.
    small = np.exp(-np.abs(z))
    return np.divide(np.where(z < 0.0, small, np.ones_like(small)), 1.0 + small, out=out)


def _normal_distribution(z: Array) -> Array:
    return (0.5 * erfc(-z * math.sqrt(0.5))).astype(z.dtype, copy=False)


def _normal_density(z: Array) -> Array:
    return np.asarray(np.exp(-0.5 * z * z) * (1.0 / math.sqrt(2.0 * math.pi)))


ROWS = (
    Activation(name="identity", value=_identity, slope=lambda z, a: np.ones_like(z)),
    Activation(
        name="relu", value=lambda z, out: np.maximum(z, 0.0, out=out), slope=lambda z, a: z > 0.0, scale=2.0,
        flat_below_zero=True,
    ),
    Activation(
        name="leaky_relu", value=_leaky, slope=lambda z, a: np.where(z > 0.0, 1.0, LEAK).astype(z.dtype), scale=2.0
    ),
    # (1 - a)(1 + a) is 1/cosh(z)^2 from the value that is known; where a rounds to 1 it is 0.
    Activation(
        name="tanh", value=lambda z, out: np.tanh(z, out=out), slope=lambda z, a: (1.0 - a) * (1.0 + a)
    ),
    # likewise a (1 - a) for sigmoid(z) sigmoid(-z)
    Activation(name="sigmoid", value=_sigmoid, slope=lambda z, a: a * (1.0 - a)),
    Activation(
        name="gelu", value=lambda z, out: np.multiply(z, _normal_distribution(z), out=out),
        slope=lambda z, a: _normal_distribution(z) + z * _normal_density(z), scale=2.0, steepest=1.13,
    ),
)  # fmt: skip
ACTIVATIONS: Mapping[str, Activation] = MappingProxyType({row.name: row for row in ROWS})
STEEPEST = max(row.steepest for row in ROWS)
"""No activation is steeper."""
