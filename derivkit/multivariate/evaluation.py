"""Differences of a function of many variables: along its axes, in a direction, and in pairs of axes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from derivkit.arguments import EVERYWHERE, check_function, check_vectorized, ends, numbers, positive, spread
from derivkit.asker import Asker, calling_of, rows_of
from derivkit.numerical.formulas import stencil_of
from derivkit.numerical.nodes import Nodes, combine, divisor, quotient, spared
from derivkit.numerical.status import Status
from derivkit.numerical.stencil import Stencil
from derivkit.types import EPS, Array, Box, Codes, Indices, Mask, Rational

CALLED_WITH = {"partial": "f, x, 0", "directional": "f, x, direction"}
"""Where that is more than the function and the point."""
STATUSES = (Status.OK, Status.OUTSIDE_DOMAIN, Status.STEP_VANISHED, Status.NOT_FINITE)
"""What may become of a difference: the first that applies."""
OK, OUTSIDE, VANISHED, NOT_FINITE = range(4)


@dataclass(frozen=True)
class Axes:
    """A formula along every axis: the entries that it puts in, what its sums are divided by, and what forbids it."""

    formula: Stencil
    at: Mapping[Rational, Array]
    scale: Array
    code: Codes


class Differences:
    """The differences of f around a point, with the steps, the box that is never left, and the values of f."""

    def __init__(
        self,
        f: Callable[..., Any],
        x: ArrayLike,
        what: str,
        formula: str | Stencil | None,
        delta: ArrayLike | None,
        domain: Box | None,
        *,
        vectorized: bool | None,
        scalar: bool,
    ) -> None:
        check_function(f, f"dk.{what}({CALLED_WITH.get(what, 'f, x')}, formula='central_2', delta=1e-5)")
        check_vectorized(vectorized)
        point = _point(x)
        self.shape, self.x = point.shape, point.ravel()
        self.delta = spread("delta", positive("delta", 1.0 if delta is None else delta), self.shape).ravel()
        least, greatest = calling_of(f).domain
        lo, hi = (end.ravel() for end in ends(domain, self.shape))
        self._box, self._scalar = (np.maximum(lo, least), np.minimum(hi, greatest)), scalar
        self.ask = Asker(
            f,
            shape=self.shape,
            several=True,
            empty=True,
            domain=EVERYWHERE,  # points outside the box are never requested
            vectorized=vectorized,
            container=_container(x, point),
        )

        self.formula = _formula(what, formula, has_delta=delta is not None)

    def axes(self, formula: Stencil) -> Axes:
        """The formula along every axis."""
        with np.errstate(all="ignore"):
            nodes = Nodes.of(formula, self.x, self.delta)
            first, *_, last = nodes.points
            outside = self._outside(self.x).any() | self._outside(first) | self._outside(last)
            beyond = ~np.isfinite([first, last, nodes.scale]).all(axis=0)
            return Axes(formula, nodes.at, nodes.scale, _code(outside, nodes.vanished, beyond))

    def _outside(self, entry: Array) -> Mask:
        lo, hi = self._box
        return (entry < lo) | (entry > hi)

    def first(self, chosen: Indices) -> tuple[Array, Codes]:
        """Estimates along the chosen axes, and their codes; shape ``(width, len(chosen))``."""
        axes = self.axes(self.formula)
        code = axes.code[chosen]
        going = np.flatnonzero(code == OK)
        centre = self._at_x() if going.size and 0 in axes.at else None
        self._meet(axes.at, chosen[going])
        value = np.full((self.ask.width or 1, chosen.size), np.nan)
        for block in _blocks(going, self.ask, len(axes.at)):
            values = self._on_axes(axes.at, chosen[block], centre)
            with np.errstate(all="ignore"):
                estimates = quotient(axes.formula, values, axes.scale[chosen[block], None])
            if estimates.shape[1] != len(value):  # so far f had no value anywhere
                value = np.full((estimates.shape[1], chosen.size), np.nan)
            value[:, block] = estimates.T
        return _judged(value, np.broadcast_to(code, value.shape))

    def _meet(self, at: Mapping[Rational, Array], going: Indices) -> None:
        first = next(offset for offset in at if offset)
        if going.size and not self._scalar:
            self.ask.meet(self._points(going[:1, None], at[first][going[:1], None])[0])

    def _at_x(self) -> Array:
        """f(x), shape ``(width,)``."""
        return np.asarray(self._values(np.empty((1, 0), dtype=np.intp), np.empty((1, 0)))[0])

    def _values(self, index: Indices, entry: Array) -> Array:
        """Values of f, shape ``(k, width)``, where entries of x at ``index``, shape ``(k, r)`` both, are replaced."""
        rows, start = [], 0
        while start < len(index):
            block = slice(start, start + self.ask.room)
            rows.append(self.ask(self._points(index[block], entry[block])))
            start += len(rows[-1])
        if self._scalar and self.ask.width not in (None, 1):
            raise ValueError(
                f"f gives {self.ask.width} values where one is needed; dk.jacobian takes functions of several values"
            )
        width = 1 if self.ask.width is None else self.ask.width
        full = [np.broadcast_to(rows_of(values), (len(values), width)) for values in rows]
        return full[0] if len(full) == 1 else np.concatenate([np.empty((0, width)), *full])

    def _points(self, index: Indices, entry: Array) -> Array:
        """Points with some entries replaced, all others the same to the bit."""
        points = np.repeat(self.x.reshape(1, -1), len(index), axis=0)
        np.put_along_axis(points, index, entry, axis=1)
        return points.reshape(-1, *self.shape)

    def _on_axes(self, at: Mapping[Rational, Array], block: Indices, centre: Array | None) -> list[Any]:
        """Values at the points of a formula along some axes, each of shape ``(len(block), width)``."""
        moves = [offset for offset in at if offset]
        entry = np.stack([at[offset][block] for offset in moves], axis=1)
        index = np.repeat(block, len(moves))
        values = self._values(index[:, None], entry.reshape(-1, 1)).reshape(block.size, len(moves), -1)
        at_offsets = {offset: values[:, k] for k, offset in enumerate(moves)}
        return [at_offsets[offset] if offset else centre for offset in at]

    def along(self, direction: Array) -> tuple[Array, Codes]:
        """The estimate along a direction d, and its code; both of shape ``()``.

        The step really taken is (last - first) . d / (d . d), which along an axis is the distance itself; d is divided
        by a power of two near its largest entry, so that its square neither overflows nor vanishes.
        """
        formula = self.formula
        moving, counts = direction != 0.0, np.abs(direction) > EPS * np.max(np.abs(direction))
        with np.errstate(all="ignore"):
            steps = self.delta * direction
            nodes = Nodes.of(formula, self.x, steps)
            points = np.where(moving, nodes.points, self.x)
            size = np.ldexp(1.0, np.frexp(np.max(np.abs(direction)))[1] - 1)
            unit = direction / size
            distance = np.sum((points[-1] - points[0]) * unit) / np.sum(unit * unit) / size
            scale = divisor(formula, distance)
            vanished = np.any(nodes.vanished & counts)
        outside = self._outside(np.vstack([self.x, points])).any()
        beyond = not (np.isfinite(points).all() and np.isfinite(scale))
        code = _code(outside, vanished, beyond)
        value = np.full((), np.nan)
        if code == OK:
            values = self._values(np.broadcast_to(np.arange(self.x.size), points.shape), points)[:, 0]
            with np.errstate(all="ignore"):
                value = quotient(formula, list(values), scale)
        return _judged(value, code)

    def second(self, formula: Stencil) -> tuple[Array, Codes]:
        """Second derivatives in all pairs, those on the diagonal by another formula, and codes; shape ``(n, n)``."""
        n, mixed, straight = self.x.size, self.axes(self.formula), self.axes(formula)
        code = _of_pairs(mixed.code)
        np.fill_diagonal(code, straight.code)
        axis = self._axis_values(mixed, straight)
        with np.errstate(all="ignore"):
            diagonal = quotient(straight.formula, [axis[s] for s in straight.at], straight.scale)
        value = np.full((n, n), np.nan)
        np.fill_diagonal(value, np.where(straight.code == OK, diagonal, np.nan))
        rows, columns = np.triu_indices(n, 1)
        going = np.flatnonzero(code[rows, columns] == OK)
        for block in _blocks(going, self.ask, len(mixed.at) ** 2):
            i, j = rows[block], columns[block]
            value[i, j] = value[j, i] = self._mixed(mixed, axis, i, j)
        return _judged(value, code)

    def _axis_values(self, mixed: Axes, straight: Axes) -> dict[Rational, Array]:
        """Values at every point with one entry moved that some second derivative needs; NaN at the others."""
        has_partner = np.count_nonzero(mixed.code == OK) > 1
        paired = (mixed.code == OK) & has_partner & (0 in mixed.at)
        at = {**straight.at, **mixed.at}
        moves = [s for s in at if s]
        needed = np.array([((straight.code == OK) & (s in straight.at)) | (paired & (s in mixed.at)) for s in moves])
        axes, which = np.nonzero(needed.T)
        axis = {s: np.full(self.x.size, np.nan) for s in at}
        if axes.size and 0 in at:
            axis[0] = np.broadcast_to(self._at_x(), self.x.shape)
        entry = np.stack([at[s] for s in moves])[which, axes]
        values = self._values(axes[:, None], entry[:, None])[:, 0]
        for k, s in enumerate(moves):
            axis[s][axes[which == k]] = values[which == k]
        return axis

    def _mixed(self, axes: Axes, axis: Mapping[Rational, Array], i: Indices, j: Indices) -> Array:
        """The product of the formula along i with that along j."""
        corners = [(a, b) for a in axes.at for b in axes.at if a and b]
        index = np.stack([i, j], axis=1).repeat(len(corners), axis=0)
        entry = np.stack([np.stack([axes.at[a][i], axes.at[b][j]], axis=1) for a, b in corners], axis=1)
        values = self._values(index, entry.reshape(-1, 2)).reshape(i.size, len(corners))
        at = {(a, b): axis[b][j] if a == 0 else axis[a][i] for a in axes.at for b in axes.at}
        at.update({corner: values[:, k] for k, corner in enumerate(corners)})
        weights, scale = axes.formula.coefficients[0], axes.scale[i] * axes.scale[j]

        def product(values: Sequence[Any]) -> Any:
            rows = [values[start : start + len(weights)] for start in range(0, len(values), len(weights))]
            return combine(weights, [combine(weights, row, 1.0) for row in rows], scale)

        with np.errstate(all="ignore"):
            return spared(product, [at[a, b] for a in axes.at for b in axes.at], scale)


def _formula(what: str, formula: str | Stencil | None, *, has_delta: bool) -> Stencil:
    """The formula, refused if there is none, no delta, or if it is for another derivative."""
    if formula is None or not has_delta:
        missing = "formula" if has_delta else "delta" if formula else "formula and a delta"
        raise ValueError(f"{what} needs a {missing}; write formula='central_2', delta=1e-5")
    chosen = stencil_of(formula)
    if chosen.derivative != 1:
        raise ValueError(f"{what} needs a formula for derivative 1; {chosen.name} is for {chosen.derivative}")
    return chosen


def _point(x: ArrayLike) -> Array:
    point = np.array(numbers("x", x))
    wrong = np.argwhere(~np.isfinite(point)).tolist()
    if wrong:
        where = f"x[{', '.join(map(str, wrong[0]))}]" if point.ndim else "x"
        raise ValueError(f"{where} is {point[tuple(wrong[0])]}; the entries of x must be finite numbers")
    return point


def _container(x: Any, point: Array) -> Callable[[Array], Any] | None:
    """What makes of an array such a container as x is, with its labels (a series, a frame).

    It adds the array to zeros that the container makes itself: -0.0, which changes no number, nor the sign of 0. None
    for arrays and lists, and for what does not keep every digit.
    """
    if isinstance(x, np.ndarray | np.generic) or not hasattr(x, "__array__"):
        return None

    def again(values: Array) -> Any:
        return (x - x) * -0.0 + values

    try:
        trial = np.nextafter(point, np.inf)
        exact = np.array_equal(np.asarray(again(trial)), trial)
    except Exception:  # noqa: BLE001 -- a container that cannot be added to is given to f as an array
        return None
    return again if exact else None


def _blocks(going: Indices, ask: Asker, each: int) -> Iterator[Indices]:
    """Derivatives whose points, so many for each, fill a batch together."""
    start = 0
    while start < going.size:
        stop = start + max(1, ask.room // each)
        yield going[start:stop]
        start = stop


def _code(outside: Any, vanished: Any, beyond: Any) -> Codes:
    """The first reason that applies."""
    return np.select([outside, vanished, beyond], [OUTSIDE, VANISHED, NOT_FINITE], OK).astype(np.int8)


def _of_pairs(code: Codes) -> Codes:
    """The first reason that applies to one of a pair."""
    rank = np.where(code == OK, len(STATUSES), code)
    pairs = np.minimum.outer(rank, rank)
    return np.where(pairs == len(STATUSES), OK, pairs).astype(np.int8)


def _judged(value: Array, code: Codes) -> tuple[Array, Codes]:
    """Estimates that are not finite become NaN, and their code says so."""
    lost = ~np.isfinite(value)
    return np.where(lost, np.nan, value), np.where(lost & (code == OK), np.int8(NOT_FINITE), code)
