"""A formula applied at fixed deltas; many formulas sharing their evaluations."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from derivkit.arguments import check_function, check_vectorized, points_of, positive
from derivkit.asker import Asker
from derivkit.behaviour import FLOAT32, Raised
from derivkit.numerical.formulas import stencil_of, stencils_of
from derivkit.numerical.nodes import Nodes, steps_vanish
from derivkit.numerical.stencil import Stencil
from derivkit.presentation import TableDisplay
from derivkit.types import EPS, Array, FunctionLike, Mask

BLOCK_DIFFERENCES = 2**15
"""Differences per block in a sweep: every array of a block stays in a core's cache; found by measurement."""


@dataclass(frozen=True, repr=False)
class Sweep(TableDisplay):
    """Estimates by every formula at every x and delta.

    Attributes
    ----------
    formulas : tuple of Stencil
    x, delta : ndarray
        The points and the deltas, of the shapes that were passed.
    estimate : ndarray, shape ``(len(formulas), *x.shape, *delta.shape)``
        NaN where a step vanished or a value of f is not finite.
    vanished : ndarray of bool, same shape
        True where two points of the formula coincide in floating point.
    total : int
        Number of points at which f was evaluated.
    raised : tuple of Raised
        The exceptions of f, one entry for each type; where they were raised there is no estimate.
    float32 : bool
        Whether f computes in float32 or in less, as its values show.

    Examples
    --------
    >>> sweep(np.square, 1.0, [0.5, 1e-20], formulas=["central_2"]).message
    '1 of 2 without a value: the step vanishes beside x.'
    """

    SHOWN: ClassVar[tuple[str, ...]] = ("names", "x", "delta", "estimate", "total", "raised")

    formulas: tuple[Stencil, ...]
    x: Array
    delta: Array
    estimate: Array
    vanished: Mask
    total: int
    raised: tuple[Raised, ...] = ()
    float32: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the formulas."""
        return tuple(formula.name for formula in self.formulas)

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """The estimates as columns of a table: a row for every formula, x and delta."""
        x, delta = np.meshgrid(self.x.ravel(), self.delta.ravel(), indexing="ij")
        names = np.repeat(np.array(self.names), x.size)
        points = {"x": np.tile(x.ravel(), len(self.formulas)), "delta": np.tile(delta.ravel(), len(self.formulas))}
        return {"formula": names, **points, "estimate": self.estimate.ravel(), "vanished": self.vanished.ravel()}

    @property
    def message(self) -> str:
        """What became of the estimates, in a sentence."""
        lost = np.isnan(self.estimate)
        count, vanished = np.count_nonzero(lost), np.count_nonzero(self.vanished)
        reasons = ["the step vanishes beside x"] if vanished else []
        if count > vanished:
            reasons.append("f has no finite value at a point of the formula")
            reasons[-1] += f": {self.raised[0]}" if self.raised else ""
        known = f"{count} of {lost.size} without a value: {'; '.join(reasons)}." if count else ALL_OK
        return f"{known} {FLOAT32}" if self.float32 else known


ALL_OK = "every derivative has a value; a formula with a fixed delta puts no bar on its error."


def difference(
    f: FunctionLike,
    x: ArrayLike,
    delta: ArrayLike,
    *,
    formula: str | Stencil = "central_2",
    derivative: int = 1,
    vectorized: bool | None = None,
) -> Any:
    """The derivative of f at x by one formula with a fixed delta.

    Parameters
    ----------
    f : callable or formula
        Of one number or of an array; values that are not finite, and exceptions, give NaN there.
    x : array_like
        Points, of any shape; NaN where they are masked.
    delta : array_like
        Steps, in x's unit, positive and finite, of a shape that is broadcast against x's.
    formula : str or Stencil
        A formula of the table by name, or any stencil.
    derivative : int
        Order of the derivative, for a formula given by name.
    vectorized : bool, optional
        Whether f takes arrays, if known.

    Returns
    -------
    float or ndarray
        Shape of broadcast(x, delta). The estimate is divided by the step really taken; NaN where it vanished.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid, or f gives no number at any point and raises more than arithmetic errors.

    Notes
    -----
    Fornberg, *Mathematics of Computation* 51:699-706, 1988, prints the formulas.

    Examples
    --------
    >>> difference(lambda x: 2 * x**2, 1.0, 1e-4, formula="forward_1")
    4.0001999999987845
    """
    points, steps = broadcast_steps(points_of(x), positive("delta", delta))
    chosen = stencil_of(formula, derivative)
    ask = _asker(f, vectorized, "dk.difference(math.sin, 1.0, 1e-4)")
    with np.errstate(all="ignore"):
        nodes = Nodes.of(chosen, points, steps)
        values = [ask(node) for node in nodes.points]
        ask.refuse_no_function(values)
        result = nodes.estimate(values)
        lost = nodes.vanished | ~np.isfinite(result) | ~np.isfinite(nodes.scale)
        result = np.where(lost, np.nan, result)
    return result if result.ndim else float(result)


def broadcast_steps(points: Array, steps: Array) -> Sequence[Array]:
    """Points and steps in their common shape."""
    try:
        return np.broadcast_arrays(points, steps)
    except ValueError:
        raise ValueError(
            f"delta has shape {steps.shape}, and x {points.shape}; give one number, or one for each x, "
            "or let dk.sweep take every delta at every x"
        ) from None


def _asker(f: FunctionLike, vectorized: bool | None, example: str) -> Asker:  # noqa: FBT001 -- handed on
    check_function(f, example)
    check_vectorized(vectorized)
    return Asker(f, vectorized=vectorized)


def sweep(
    f: FunctionLike,
    x: ArrayLike,
    delta: ArrayLike,
    *,
    formulas: Iterable[str | Stencil],
    derivative: int = 1,
    vectorized: bool | None = None,
) -> Sweep:
    """Every formula at every x and delta, each distinct value of f computed once.

    f(x) is evaluated once per point, every other abscissa once per point and delta, however many formulas use it.
    Memory beyond the result stays flat.

    Parameters
    ----------
    f : callable or formula
        Of one number or of an array.
    x, delta : array_like
        Points and positive deltas, each of any shape; every combination is taken.
    formulas : iterable of str or Stencil
        Names from the table, or stencils.
    derivative : int
        Order of the derivative, for formulas given by name.
    vectorized : bool, optional
        Whether f takes arrays, if known.

    Returns
    -------
    Sweep

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid.

    Examples
    --------
    >>> result = sweep(lambda x: x**3, [1.0, 2.0], [0.5], formulas=["forward_1", "central_4"])
    >>> result.estimate.shape, result.total
    ((2, 2, 1), 10)
    """
    points, steps = points_of(x), positive("delta", delta)
    chosen = stencils_of(formulas, derivative)
    ask = _asker(f, vectorized, "dk.sweep(math.sin, 1.0, [1e-4, 1e-8], formulas=['central_2'])")
    shape = (len(chosen), points.size, steps.size)
    estimate, vanished = np.empty(shape), np.zeros(shape, dtype=bool)
    flat_steps = steps.ravel()
    rows = max(1, BLOCK_DIFFERENCES // max(1, steps.size))
    with np.errstate(all="ignore"):
        for start in range(0, points.size, rows):
            block = slice(start, start + rows)
            _sweep_block(ask, points.ravel()[block, None], flat_steps, chosen, estimate[:, block], vanished[:, block])
    final = (len(chosen), *points.shape, *steps.shape)
    of_f = (ask.total, ask.raised, ask.float32)
    return Sweep(chosen, points, steps, estimate.reshape(final), vanished.reshape(final), *of_f)


def _sweep_block(
    ask: Asker, x: Array, delta: Array, formulas: Sequence[Stencil], estimate: Array, vanished: Mask
) -> None:
    """One block of points, shape (n, 1), against all deltas, shape (m,): fills estimate and vanished, (formulas, n,
    m).
    """
    placed = Nodes.shared(formulas, x, delta)
    values = {offset: ask(node) for offset, node in placed[0].at.items()} if placed else {}
    for k, nodes in enumerate(placed):
        estimate[k] = nodes.estimate([values[offset] for offset in nodes.formula.offsets])
        near = _columns_that_may_vanish(nodes.formula, x, delta)
        if near.size:
            vanished[k][:, near] = steps_vanish(nodes.formula, x, delta[near])
        # Sums are finite only if every entry is: one pass each, and the exact check only where it is needed.
        if near.size or not np.isfinite(estimate[k].sum() + nodes.scale.sum()):
            estimate[k][vanished[k] | ~np.isfinite(estimate[k]) | ~np.isfinite(nodes.scale)] = np.nan


def _columns_that_may_vanish(formula: Stencil, x: Array, delta: Array) -> NDArray[np.intp]:
    """Deltas so small that neighbouring points may coincide: gap * delta within four roundings of |x|."""
    offsets = sorted({*formula.offsets, 0})
    gap = min(float(b - a) for a, b in itertools.pairwise(offsets))
    largest = np.fmax.reduce(np.abs(x), axis=None, initial=0.0)
    return np.nonzero(gap * delta <= 4.0 * EPS * largest)[0]
