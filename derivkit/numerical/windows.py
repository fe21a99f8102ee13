r"""Windows of a step ladder: where f is evaluated, and the orthonormal polynomials on these nodes.

A ladder evaluates f at :math:`x \pm t` for steps t that fall by a fixed ratio; a *window* is a run of them. Its values
are fitted by polynomials that are orthonormal on its nodes (Forsythe, *Generation and use of orthogonal polynomials for
data-fitting*, 1957). What these do does not depend on the values, and is tabulated once for every window.

The two sides of a window differ by one part in a million. The rounding of an inner argument, as in sin(cx), is nearly
opposite at x + t and x - t, so that it would pass for a slope; the twist makes it look like the noise that it is. The
ratio is no power of two for a like reason: with steps that halve, rounding errors follow a doubling map.

Arrays have the nodes or degrees on their first axis and the points on their last.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.types import Array, Indices

Exponents = tuple[int, ...]

RATIO = math.sqrt(2.2)
"""Between neighbouring steps of the grid: t = top * RATIO^-k for whole numbers k, of which a ladder takes some."""
TWIST = 1.0 + 1e-6 / math.sqrt(2.0)
"""The steps to the left over those to the right: far above the spacing of floats, far below what a stencil notices."""
HIGHEST = 4
"""Highest order of a derivative."""

SMOOTH = 7
"""Degree of the polynomial that moves values to where the nodes were meant to be."""


@dataclass(frozen=True, eq=False)
class Window:
    """The nodes of a window and what their polynomials do; made by `window`.

    Attributes
    ----------
    nodes : ndarray, shape ``(m,)``
        In units of the largest step; 0, where f is known too, is none of them.
    basis : ndarray, shape ``(m + 1, m)``
        From values less that at 0 to coefficients.
    line : ndarray, shape ``(2,)``
        Coefficients of degree 0 and 1 of the straight line t.
    at_zero : ndarray, shape ``(HIGHEST + 1, m + 1)``
        Derivatives at 0 of the polynomial of every degree, by order.
    gains : ndarray, shape ``(HIGHEST + 1, m + 1)``
        Standard deviation of the derivative at 0 of the fit of every degree, for noise of 1.
    slopes : ndarray, shape ``(m, m)``
        From values less that at 0 to slopes at the nodes, by a polynomial of degree SMOOTH.
    slope_at_zero : ndarray, shape ``(m,)``
        The same at 0.
    chord : tuple of int
        The two nodes whose chord is taken off first.
    two_sided : bool
    """

    nodes: Array
    basis: Array
    line: Array
    at_zero: Array
    gains: Array
    slopes: Array
    slope_at_zero: Array
    chord: tuple[int, int]
    two_sided: bool

    @cached_property
    def alone(self) -> Windows:
        """For all points."""
        return Windows((self,))

    @cached_property
    def span(self) -> float:
        """The length of the chord."""
        i, j = self.chord
        return float(self.nodes[j] if i == j else self.nodes[j] - self.nodes[i])


@lru_cache(maxsize=1024)
def window(exponents: Exponents, sides: tuple[int, ...]) -> Window:
    """The window of the steps RATIO^-k, for k in the exponents, on the sides 1 and -1, those of a side together.

    In the machine's long double, by Stieltjes' procedure with every polynomial made orthogonal twice.
    """
    wide = np.longdouble
    steps = np.array([wide(RATIO) ** -(k - min(exponents)) for k in exponents])
    nodes = np.concatenate([wide(0.0) * steps[:1], *(steps if side > 0 else -steps * wide(TWIST) for side in sides)])
    basis, slopes, at_zero = _orthogonal(nodes)
    low = min(len(nodes), SMOOTH + 1)
    order = np.argsort(nodes[1:])
    far = np.argmax(np.abs(nodes[1:]))
    two_sided = len(sides) == 2
    # of two sides the pair in the middle, whose slope suffers neither from noise nor from truncation most
    middle = len(exponents) // 2
    chord = (int(order[middle]), int(order[-1 - middle])) if two_sided else (int(far), int(far))
    return Window(
        nodes=nodes[1:].astype(float),
        basis=np.ascontiguousarray(basis[1:].T.astype(float)),
        line=(nodes @ basis)[:2].astype(float),
        at_zero=at_zero.astype(float),
        gains=np.sqrt(np.cumsum(at_zero**2, axis=1)).astype(float),
        slopes=(slopes[1:, :low] @ basis[1:, :low].T).astype(float),
        slope_at_zero=(basis[1:, :low] @ at_zero[1, :low]).astype(float),
        chord=chord,
        two_sided=two_sided,
    )


def _orthogonal(nodes: NDArray[np.longdouble]) -> tuple[NDArray[np.longdouble], ...]:
    """Orthogonal polynomials on the nodes: their values and slopes there, in columns, and their derivatives at 0."""
    wide, count = np.longdouble, len(nodes)
    basis, slopes = np.zeros((2, count, count), wide)
    at_zero = np.zeros((HIGHEST + 1, count), wide)
    basis[:, 0] = at_zero[0, 0] = 1 / np.sqrt(wide(count))
    for k in range(1, count):
        # t p(t), its slope p + t p', and its derivatives at 0, of which the j-th is j times the one before of p
        value, slope = nodes * basis[:, k - 1], basis[:, k - 1] + nodes * slopes[:, k - 1]
        derivatives = np.concatenate([[wide(0.0)], np.arange(1, HIGHEST + 1) * at_zero[:-1, k - 1]])
        for _ in range(2):
            share = basis[:, :k].T @ value
            value, slope, derivatives = (
                value - basis[:, :k] @ share,
                slope - slopes[:, :k] @ share,
                derivatives - at_zero[:, :k] @ share,
            )
        norm = np.sqrt(value @ value)
        basis[:, k], slopes[:, k], at_zero[:, k] = value / norm, slope / norm, derivatives / norm
    return basis, slopes, at_zero


class Windows:
    """Windows with as many nodes side by side, each for a run of the points.

    Parameters
    ----------
    windows : tuple of Window
        With the same number of sides.
    counts : sequence of int, optional
        How many points each of them has; one window may leave that open.
    """

    def __init__(self, windows: tuple[Window, ...], counts: Sequence[int] = ()) -> None:
        self._windows, self.two_sided = windows, windows[0].two_sided
        ends = list(itertools.accumulate(counts, initial=0))
        runs = itertools.starmap(slice, itertools.pairwise(ends)) if len(windows) > 1 else [slice(None)]
        self.runs: list[tuple[Window, slice]] = list(zip(windows, runs, strict=True))
        self._which = np.repeat(np.arange(len(windows)), counts) if len(windows) > 1 else None

    def within(self, block: slice) -> Windows:
        """Those of some of the points."""
        if self._which is None or block == slice(0, self._which.size):
            return self
        counts = np.bincount(self._which[block], minlength=len(self._windows)).tolist()
        there = [k for k, count in enumerate(counts) if count]
        return Windows(tuple(self._windows[k] for k in there), [counts[k] for k in there])

    def table(self, name: str, order: int | None = None) -> Array:
        """A table, of an order or of all, for every point in its column; where there is one window, in one column."""
        columns = _tables(self._windows, name, order)
        return columns if self._which is None else columns.take(self._which, axis=-1)

    def coefficients(self, values: Array) -> Array:
        """Coefficients of the polynomials, shape ``(m + 1, n)``, from values less that at 0, shape ``(m, n)``."""
        return self._product("basis", values)

    def slopes(self, values: Array) -> Array:
        """The slopes at the nodes."""
        return self._product("slopes", values)

    def _product(self, name: str, values: Array) -> Array:
        if self._which is None:
            return np.asarray(getattr(self._windows[0], name) @ values)
        result = np.empty((len(getattr(self._windows[0], name)), values.shape[1]))
        for window, run in self.runs:
            np.matmul(getattr(window, name), values[:, run], out=result[:, run])
        return result

    def chord(self, rise: Array) -> Array:
        """The slope of the chords, from values less that at 0."""
        i, j = (at if self._which is None else at[self._which] for at in _chords(self._windows))
        points = ... if self._which is None else np.arange(self._which.size)
        rises = rise[j, points] - rise[i, points] if self.two_sided else rise[j, points]
        return np.asarray(rises / self.table("span"))

    def gain(self, order: int, degree: Any) -> Any:
        """The standard deviation of a derivative at 0 by the fit of a degree, one for each point, for noise of 1."""
        gains = _tables(self._windows, "gains", order)
        return gains[degree, 0 if self._which is None else self._which]


@lru_cache(maxsize=1024)
def _tables(windows: tuple[Window, ...], name: str, order: int | None = None) -> Array:
    """The tables of some windows, of an order or of all, side by side on the last axis."""
    tables = [np.asarray(getattr(window, name)) for window in windows]
    return np.stack([table if order is None else table[order] for table in tables], axis=-1)


@lru_cache(maxsize=1024)
def _chords(windows: tuple[Window, ...]) -> tuple[Indices, Indices]:
    """Between which nodes the chords are."""
    i, j = np.array([window.chord for window in windows]).T
    return (i, j) if len(windows) > 1 else (i[0], j[0])
