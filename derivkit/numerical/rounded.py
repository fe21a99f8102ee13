"""A formula in the arithmetic of a floating-point type: every number and every operation rounded to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from derivkit.arguments import EVERYWHERE
from derivkit.numerical.nodes import Nodes, combine, in_type
from derivkit.numerical.stencil import Stencil
from derivkit.types import Domain, Mask, Numbers


@dataclass(frozen=True, kw_only=True)
class Rounded:
    """Estimates in the arithmetic of their type, and why some are none; all of one shape.

    Attributes
    ----------
    estimate : ndarray
    vanished : ndarray of bool
        Where two points of the formula coincide in this type.
    outside : ndarray of bool
        Where a point lies outside the domain.
    """

    estimate: Numbers
    vanished: Mask
    outside: Mask


def rounded_difference(
    f: Callable[[Numbers], Numbers], x: Numbers, delta: Numbers, formula: Stencil, domain: Domain = EVERYWHERE
) -> Rounded:
    """A formula at every x and delta, every number and every operation in their type.

    Parameters
    ----------
    f : callable
        From arrays of the type to arrays of the type, of the same shape.
    x, delta : ndarray
        Of one floating-point type; broadcast.
    formula : Stencil
        For the first derivative.
    domain : tuple of float
        Its ends are not rounded to the type.

    Returns
    -------
    Rounded
        The estimates are divided by the step really taken.

    Examples
    --------
    >>> x, delta = np.float16([1.0]), np.float16([0.25])
    >>> from derivkit.numerical.formulas import formula
    >>> rounded_difference(np.square, x, delta, formula("forward_1")).estimate
    array([2.25], dtype=float16)
    """
    with np.errstate(all="ignore"):
        nodes = Nodes.of(formula, x, delta)
        weights = [in_type(weight, x) for weight in formula.coefficients[0]]
        estimate = combine(weights, map(f, nodes.points), nodes.scale)
        pairs = list(nodes.neighbours())
        coincide = [np.broadcast_to((a == b) & np.isfinite(a), estimate.shape) for a, b in pairs]
        ends = inside(pairs[0][0], domain) & inside(pairs[-1][1], domain)
    return Rounded(
        estimate=estimate,
        vanished=np.logical_or.reduce(coincide),
        outside=np.broadcast_to(~ends, estimate.shape),
    )


def inside(x: Numbers, domain: Domain) -> Mask:
    """Where x lies in the domain, whose ends are not rounded to the type of x; NaN is nowhere outside."""
    if domain == EVERYWHERE:
        return np.ones(x.shape, dtype=np.bool_)
    wide = extended(x)
    return np.asarray(~((wide < domain[0]) | (wide > domain[1])))


def extended(values: Numbers) -> NDArray[np.longdouble]:
    """Exactly the same numbers as longdouble."""
    narrow = values.dtype.itemsize < 8
    return np.asarray(values.astype(np.float64) if narrow else values).astype(np.longdouble)
