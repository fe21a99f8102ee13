"""Differences of a function of many variables: along its axes, in a direction, and in pairs of axes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from derivkit.arguments import EVERYWHERE, check_vectorized, ends, positive
from derivkit.asker import Asker, calling_of, rows_of
from derivkit.multivariate.colouring import colours, refuse_contradiction, refuse_other_rows, weights
from derivkit.multivariate.formulas import function_at
from derivkit.multivariate.structure import Structure
from derivkit.numerical.bars import Bar, bar_of, bar_of_products, halved, offsets_of_bar
from derivkit.numerical.formulas import stencil_of
from derivkit.numerical.nodes import Nodes, combine, divisor, quotient, spared
from derivkit.numerical.status import Status
from derivkit.numerical.stencil import Stencil
from derivkit.types import EPS, EPS32, Array, Box, Codes, FunctionLike, Indices, Mask, Rational

CALLED_WITH = {"partial": "f, x, 0", "directional": "f, x, direction"}
"""Where that is more than the function and the point."""
STATUSES = (
    Status.OK, Status.OUTSIDE_DOMAIN, Status.STEP_VANISHED, Status.NOT_FINITE,
    Status.KINK, Status.UNRESOLVED, Status.BELOW_RESOLUTION,
)  # fmt: skip
"""What may become of a difference: the first that applies."""
OK, OUTSIDE, VANISHED, NOT_FINITE, KINK, UNRESOLVED, BELOW_RESOLUTION = range(7)


@dataclass(frozen=True)
class Axes:
    """A formula along every axis: its nodes and those of its bar, and what forbids it."""

    nodes: Nodes
    code: Codes

    @property
    def formula(self) -> Stencil:
        """Which it is."""
        return self.nodes.formula


class Estimates:
    """Estimates with their bars and codes, and the slopes of the sides at kinks; arrays of one shape."""

    def __init__(self, shape: tuple[int, ...], code: Codes) -> None:
        self.value, self.error = np.full(shape, np.nan), np.full(shape, np.inf)
        self.left = self.right = np.broadcast_to(np.nan, shape)
        self.code = np.array(np.broadcast_to(code, shape))

    def enter(self, place: Any, value: Array, bar: Bar) -> None:
        """Estimates where nothing forbids them.

        Those that are not finite become NaN, those without a bar have an infinite one, and their codes say so.
        """
        lost, unknown, bound = ~np.isfinite(value), ~np.isfinite(bar.error), bar.error >= np.abs(value)
        reasons = [lost, bar.kink, unknown, bound]
        self.code[place] = np.select(reasons, [NOT_FINITE, KINK, UNRESOLVED, BELOW_RESOLUTION], OK)
        self.value[place] = np.where(lost, np.nan, value)
        self.error[place] = np.where(lost | bar.kink | unknown, np.inf, bar.error)
        if bar.kink.any():
            self.left, self.right = np.array(self.left), np.array(self.right)
            self.left[place], self.right[place] = bar.left, bar.right

    def spread_kinks(self) -> None:
        """Of second derivatives: where f has a kink along an axis, none of this axis is known."""
        broken = self.code.diagonal() == KINK
        pairs = np.logical_or.outer(broken, broken) & np.isfinite(self.value)
        self.error[pairs], self.code[pairs] = np.inf, KINK


class Differences:
    """The differences of f around a point, with the steps, the box that is never left, and the values of f."""

    def __init__(  # noqa: PLR0913 -- f, and all that may be known of it
        self,
        f: FunctionLike | Sequence[FunctionLike],
        x: Any,
        what: str,
        formula: str | Stencil | None,
        delta: Any,
        domain: Box | None,
        *,
        vectorized: bool | None,
        executor: Any,
        scalar: bool,
    ) -> None:
        check_vectorized(vectorized)
        self.structure = Structure.of(x)
        example = f"dk.{what}({CALLED_WITH.get(what, 'f, x')}, formula='central_2', delta=1e-5)"
        f = function_at(f, self.structure, example)
        self.x = self.structure.flat
        self.delta = positive("delta", self.structure.each(1.0 if delta is None else delta, "delta"))
        self._box, self._scalar = box_of(f, domain, self.structure), scalar
        self.ask = Asker(
            f,
            shape=self.structure.shape,
            several=True,
            empty=True,
            domain=EVERYWHERE,  # points outside the box are never requested
            vectorized=vectorized,
            container=self.structure.container,
            executor=executor,
        )

        self.formula = _formula(what, formula, has_delta=delta is not None)

    def axes(self, formula: Stencil) -> Axes:
        """The formula along every axis."""
        with np.errstate(all="ignore"):
            nodes = self._nodes(formula, self.delta)
            first, *_, last = nodes.points
            outside = self._outside(self.x).any() | self._outside(first) | self._outside(last)
            beyond = ~np.isfinite([first, last, nodes.scale]).all(axis=0)
            return Axes(nodes, _code(outside, nodes.vanished, beyond))

    def _nodes(self, formula: Stencil, delta: Array) -> Nodes:
        """Those of a formula and of its bar, as f is given them."""
        nodes = Nodes.at_offsets(formula, offsets_of_bar(formula), self.x, delta)
        return replace(nodes, at={offset: self.structure.representable(node) for offset, node in nodes.at.items()})

    def _outside(self, entry: Array) -> Mask:
        lo, hi = self._box
        return (entry < lo) | (entry > hi)

    def first(self, chosen: Indices) -> Estimates:
        """Estimates along the chosen axes; shape ``(width, len(chosen))``."""
        axes = self.axes(self.formula)
        at, code = axes.nodes.at, axes.code[chosen]
        going = np.flatnonzero(code == OK)
        centre = self._at_x() if going.size and 0 in at else None
        self._meet(at, chosen[going])
        result = Estimates((self.ask.width or 1, chosen.size), code)
        for block in _blocks(going, self.ask, len(at)):
            values = self._on_axes(at, chosen[block], centre)
            nodes = axes.nodes.column(chosen[block])
            estimates, bar = self._estimated(nodes, values)
            if estimates.shape[1] != len(result.value):  # so far f had no value anywhere
                result = Estimates((estimates.shape[1], chosen.size), result.code[0])
            result.enter((slice(None), block), estimates.T, bar.transposed)
        return result

    def sparse(self, pattern: Mask) -> Estimates:
        """Estimates along all axes, of which those that share no row of the pattern are moved together.

        Outside the pattern the derivative is taken to be 0; one more direction, along which all move, is the check.
        """
        axes = self.axes(self.formula)
        at, going = axes.nodes.at, np.flatnonzero(axes.code == OK)
        result = Estimates(pattern.shape, axes.code)
        if going.size:
            group = colours(pattern[:, going])
            shares = np.vstack([group == k for k in range(group.max() + 1)] + [weights(going.size)]).astype(float)
            table = self._together(at, going, shares, rows=len(pattern))
            nodes = axes.nodes.column(going)
            values = {s: rows[group] for s, rows in table.items()}
            estimates, bar = self._estimated(nodes, values)
            result.enter((slice(None), going), estimates.T, bar.transposed)
        result.value[~pattern], result.error[~pattern], result.code[~pattern] = 0.0, 0.0, OK
        if going.size:
            self._refuse_contradiction(
                result, going, shares[-1] * self.delta[going], {s: v[-1] for s, v in table.items()}
            )
        return result

    def _together(
        self, at: Mapping[Rational, Array], going: Indices, shares: Array, *, rows: int
    ) -> dict[Rational, Array]:
        """Values at the offsets, shape ``(moves, rows)``, with every entry moved by its share of its step."""
        points = np.repeat(self.x[None], len(at) * len(shares), axis=0).reshape(len(at), len(shares), -1)
        for k, entry in enumerate(at.values()):
            whole, x = entry[going], self.x[going]
            points[k][:, going] = np.where(shares == 1.0, whole, x + shares * (whole - x))
        points = self.structure.representable(points)
        moves = [k for k, s in enumerate(at) if s]
        flat = points[moves].reshape(-1, self.x.size)
        values = self._values(np.broadcast_to(np.arange(self.x.size), flat.shape), flat)
        refuse_other_rows(self.ask.width, rows)
        values = np.broadcast_to(values, (len(flat), rows)).reshape(len(moves), len(shares), rows)
        table = dict(zip([s for s in at if s], values, strict=True))
        if 0 in at:
            table[0] = np.broadcast_to(self._at_x(), values.shape[1:])
        return table

    def _refuse_contradiction(
        self, result: Estimates, going: Indices, towards: Array, values: Mapping[Rational, Array]
    ) -> None:
        """Compare the derivatives along a direction with those that the entries give."""
        line = Nodes.at_offsets(self.formula, values, np.zeros(()), np.ones(()))
        with np.errstate(all="ignore"):
            measured = quotient(self.formula, [values[s] for s in self.formula.offsets], line.scale)
            slopes = result.value[:, going]
            # the entries of a point are rounded, each by itself
            off = (
                np.abs(slopes)
                @ np.abs(self.structure.eps[going] * self.x[going])
                * sum(map(abs, self.formula.coefficients[0]))
            )
            bar = bar_of(line, values, unit=self.unit).error + result.error[:, going] @ towards + off
        refuse_contradiction(measured, slopes @ towards, bar)

    def _estimated(self, nodes: Nodes, values: Mapping[Rational, Array]) -> tuple[Array, Bar]:
        """The estimates along axes from values at their nodes, and their bars."""
        formula = nodes.formula
        with np.errstate(all="ignore"):
            estimates = quotient(formula, [values[s] for s in formula.offsets], nodes.scale)
            return estimates, bar_of(nodes, values, unit=self.unit, off=self._off(nodes.x))

    @property
    def unit(self) -> float:
        """The largest relative error of one rounding in the type in which f computes."""
        return 0.5 * (EPS32 if self.ask.float32 else EPS)

    def _off(self, size: Array) -> Array | float:
        """By how much f rounds an argument of that size."""
        return 0.5 * EPS32 * np.abs(size) if self.ask.float32 else 0.0

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
        if self._scalar:
            refuse_several(self.ask)
        width = 1 if self.ask.width is None else self.ask.width
        full = [np.broadcast_to(rows_of(values), (len(values), width)) for values in rows]
        return full[0] if len(full) == 1 else np.concatenate([np.empty((0, width)), *full])

    def _points(self, index: Indices, entry: Array) -> Array:
        """Points with some entries replaced, all others the same to the bit."""
        points = np.repeat(self.x.reshape(1, -1), len(index), axis=0)
        np.put_along_axis(points, index, entry, axis=1)
        return points.reshape(-1, *self.structure.shape)

    def _on_axes(self, at: Mapping[Rational, Array], block: Indices, centre: Array | None) -> dict[Rational, Any]:
        """Values at the offsets along some axes, each of shape ``(len(block), width)``."""
        moves = [offset for offset in at if offset]
        entry = np.stack([at[offset][block] for offset in moves], axis=1)
        index = np.repeat(block, len(moves))
        values = self._values(index[:, None], entry.reshape(-1, 1)).reshape(block.size, len(moves), -1)
        at_offsets = {offset: values[:, k] for k, offset in enumerate(moves)}
        return at_offsets if centre is None else {**at_offsets, 0: np.broadcast_to(centre, values[:, 0].shape)}

    def along(self, direction: Array) -> Estimates:
        """The estimate along a direction d; shape ``()``.

        The step really taken is (last - first) . d / (d . d), which along an axis is the distance itself; d is divided
        by a power of two near its largest entry, so that its square neither overflows nor vanishes.
        """
        formula, offsets = self.formula, offsets_of_bar(self.formula)
        moving, counts = direction != 0.0, np.abs(direction) > EPS * np.max(np.abs(direction))
        with np.errstate(all="ignore"):
            nodes = self._nodes(formula, self.delta * direction)
            points = np.where(moving, [nodes.at[s] for s in offsets], self.x)
            size = np.ldexp(1.0, np.frexp(np.max(np.abs(direction)))[1] - 1)
            unit = direction / size
            square = np.sum(unit * unit)
            first, last = (points[offsets.index(formula.offsets[k])] for k in (0, -1))
            scale = divisor(formula, np.sum((last - first) * unit) / square / size)
            vanished = np.any(nodes.vanished & counts)
        outside = self._outside(np.vstack([self.x, first, last])).any()
        beyond = not (np.isfinite([first, last]).all() and np.isfinite(scale))
        result = Estimates((), _code(outside, vanished, beyond))
        if result.code == OK:
            column = self._values(np.broadcast_to(np.arange(self.x.size), points.shape), points)[:, 0]
            values = dict(zip(offsets, column, strict=True))
            with np.errstate(all="ignore"):
                distances = np.sum((points - self.x) * unit, axis=1) / square / size
                line = Nodes(formula, np.zeros(()), self.delta[:1], dict(zip(offsets, distances, strict=True)))
                value = quotient(formula, [values[s] for s in formula.offsets], scale)
                off = float(np.linalg.norm(self._off(self.x[moving])) / np.linalg.norm(direction))
                result.enter((), value, bar_of(line, values, unit=self.unit, off=off))
        return result

    def second(self, formula: Stencil) -> Estimates:
        """Second derivatives in all pairs, those on the diagonal by another formula; shape ``(n, n)``."""
        n, mixed, straight = self.x.size, self.axes(self.formula), self.axes(formula)
        code = _of_pairs(mixed.code)
        np.fill_diagonal(code, straight.code)
        axis = self._axis_values(mixed, straight)
        result = Estimates((n, n), code)
        self._straight(straight, axis, result)
        rows, columns = np.triu_indices(n, 1)
        going = np.flatnonzero(code[rows, columns] == OK)
        for block in _blocks(going, self.ask, 2 * len(mixed.formula.offsets) ** 2):
            i, j = rows[block], columns[block]
            value, bar = self._mixed(mixed, axis, i, j)
            result.enter((i, j), value, bar)
            result.enter((j, i), value, bar)
        result.spread_kinks()
        return result

    def _axis_values(self, mixed: Axes, straight: Axes) -> dict[Rational, Array]:
        """Values at every point with one entry moved that some second derivative needs; NaN at the others."""
        has_partner = np.count_nonzero(mixed.code == OK) > 1
        factors = {*mixed.formula.offsets, *halved(mixed.formula).offsets}
        paired = (mixed.code == OK) & has_partner & (0 in factors)
        at = {**straight.nodes.at, **{s: mixed.nodes.at[s] for s in factors}}
        moves = [s for s in at if s]
        along = straight.nodes.at
        needed = np.array([((straight.code == OK) & (s in along)) | (paired & (s in factors)) for s in moves])
        axes, which = np.nonzero(needed.T)
        axis = {s: np.full(self.x.size, np.nan) for s in at}
        if axes.size and 0 in at:
            axis[0] = np.broadcast_to(self._at_x(), self.x.shape)
        entry = np.stack([at[s] for s in moves])[which, axes]
        values = self._values(axes[:, None], entry[:, None])[:, 0]
        for k, s in enumerate(moves):
            axis[s][axes[which == k]] = values[which == k]
        return axis

    def _straight(self, axes: Axes, axis: Mapping[Rational, Array], result: Estimates) -> None:
        """The diagonal."""
        which = np.flatnonzero(axes.code == OK)
        nodes = axes.nodes.column(which)
        values = {s: axis[s][which, None] for s in nodes.at}
        estimates, bar = self._estimated(nodes, values)
        result.enter(
            (which, which), estimates[:, 0], Bar(bar.error[:, 0], bar.kink[:, 0], bar.left[:, 0], bar.right[:, 0])
        )

    def _mixed(self, axes: Axes, axis: Mapping[Rational, Array], i: Indices, j: Indices) -> tuple[Array, Bar]:
        """The product of the formula along i with that along j, and its bar."""
        at, factors = axes.nodes.at, (axes.formula, halved(axes.formula))
        pairs = [[(a, b) for a in factor.offsets for b in factor.offsets] for factor in factors]
        corners = [(a, b) for a, b in dict.fromkeys(pairs[0] + pairs[1]) if a and b]
        index = np.stack([i, j], axis=1).repeat(len(corners), axis=0)
        entry = np.stack([np.stack([at[a][i], at[b][j]], axis=1) for a, b in corners], axis=1)
        values = self._values(index, entry.reshape(-1, 2)).reshape(i.size, len(corners))
        known = {(a, b): axis[b][j] if a == 0 else axis[a][i] for a, b in pairs[0] + pairs[1] if not (a and b)}
        known |= {corner: values[:, k] for k, corner in enumerate(corners)}
        scales = [replace(axes.nodes, formula=factor).scale for factor in factors]
        with np.errstate(all="ignore"):
            whole, half = (
                _product(factor, [known[pair] for pair in chosen], scale[i] * scale[j])
                for factor, chosen, scale in zip(factors, pairs, scales, strict=True)
            )
            weights = np.outer(axes.formula.coefficients[0], axes.formula.coefficients[0]).ravel()
            terms = list(zip(weights, (known[pair] for pair in pairs[0]), strict=True))
            error = bar_of_products(axes.formula, terms, scales[0][i] * scales[0][j], whole - half, unit=self.unit)
        return whole, Bar.smooth(error)


def _product(formula: Stencil, values: Sequence[Any], scale: Array) -> Array:
    """The product of a formula with itself."""
    weights = formula.coefficients[0]

    def product(values: Sequence[Any]) -> Any:
        rows = [values[start : start + len(weights)] for start in range(0, len(values), len(weights))]
        return combine(weights, [combine(weights, row, 1.0) for row in rows], scale)

    return spared(product, values, scale)


def _formula(what: str, formula: str | Stencil | None, *, has_delta: bool) -> Stencil:
    """The formula, refused if there is none, no delta, or if it is for another derivative."""
    if formula is None or not has_delta:
        missing = "formula" if has_delta else "delta" if formula else "formula and a delta"
        raise ValueError(f"{what} needs a {missing}; write formula='central_2', delta=1e-5")
    chosen = stencil_of(formula)
    if chosen.derivative != 1:
        raise ValueError(f"{what} needs a formula for derivative 1; {chosen.name} is for {chosen.derivative}")
    return chosen


def refuse_several(ask: Asker) -> None:
    """Refuse an f that gives more than one number."""
    if ask.width not in (None, 1):
        raise ValueError(
            f"f gives {ask.width} values where one is needed; dk.jacobian takes functions of several values"
        )


def box_of(f: Callable[..., Any], domain: Box | None, structure: Structure) -> tuple[Array, Array]:
    """The ends for the entries of x in a row: those of the domain, within that of the function."""
    least, greatest = calling_of(f).domain
    lo, hi = ends(domain, structure.each)
    return np.maximum(lo, least), np.minimum(hi, greatest)


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
