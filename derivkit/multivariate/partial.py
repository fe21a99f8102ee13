r"""Derivatives of a function of many variables by one formula with a fixed delta.

A partial derivative is a derivative along one axis: the formula moves one entry of x and leaves the others as they
are. For the Hessian the moves are made along two axes at once,

.. math:: \frac{\partial^2 f}{\partial x_i \partial x_j} \approx
    \frac{1}{h_i h_j} \sum_a \sum_b w_a w_b f(x + s_a h_i e_i + s_b h_j e_j) \qquad (i \ne j),

the product of the formula for the first derivative with itself (Abramowitz and Stegun, *Handbook of Mathematical
Functions*, 1964, section 25.3, print it for ``central_2``). It is as accurate as the formula: on a polynomial whose
degree in every variable is at most the order it is exact. The product would also give the diagonal, on points twice as
far out; there the table has formulas of their own for the second derivative (Fornberg 1988), which are used.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from derivkit.arguments import EVERYWHERE, check_function, check_vectorized, ends, numbers, positive, shown, spread
from derivkit.function import FLOAT32, Function, Raised
from derivkit.multivariate.evaluation import Sampler
from derivkit.numerical.difference import ALL_OK, abscissa, combine, quotient, scale_of, spared, steps_vanish
from derivkit.numerical.formulas import stencil_of
from derivkit.numerical.stencil import Stencil
from derivkit.types import Array, Box, Codes, Indices, Rational


class Status(StrEnum):
    """Whether there is a value, and if not, why; the first reason that applies."""

    OK = "ok"
    OUTSIDE_DOMAIN = "outside_domain"
    """x or a point of the formula lies outside the domain; f was not asked."""
    STEP_VANISHED = "step_vanished"
    """Two points of the formula coincide in floating point; f was not asked."""
    NOT_FINITE = "not_finite"
    """f raised or gave NaN or infinity at a point of the formula, or the step or the estimate is beyond the range."""


CALLED_WITH = {"partial": "f, x, 0", "directional": "f, x, direction"}
"""Where that is more than the function and the point."""
STATUSES = tuple(Status)
OK, OUTSIDE, VANISHED, NOT_FINITE = range(4)
EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, kw_only=True, eq=False)
class Gradient:
    """Derivatives of a function of many variables.

    Attributes
    ----------
    value : float or ndarray
        The estimates; NaN where there is none.
    error : float or ndarray
        Bars of the errors; NaN, since a formula with a fixed delta gives none.
    status : Status or ndarray of str
        ``ok``, or why there is no value: ``outside_domain``, ``step_vanished``, ``not_finite``.
    evaluations : int
        Points at which f was evaluated, each once; if f takes batches, two of them were asked singly too.
    raised : tuple of Raised
        The exceptions of f at single points, one entry for each type.
    float32 : bool
        Whether f computes in float32 or in less, as its values show.
    """

    value: Any
    error: Any
    status: Any
    evaluations: int
    raised: tuple[Raised, ...] = ()
    float32: bool = False

    @property
    def message(self) -> str:
        """What was seen, in a sentence."""
        statuses = np.ravel(self.status).tolist()
        reasons = [text for status, text in REASONS.items() if status in statuses]
        if Status.NOT_FINITE in statuses and self.raised:
            reasons[-1] += f": {self.raised[0]}"
        lost = len(statuses) - statuses.count(Status.OK)
        known = f"{lost} of {len(statuses)} without a value: {'; '.join(reasons)}." if lost else ALL_OK
        return f"{known} {FLOAT32}" if self.float32 else known


REASONS = {
    Status.OUTSIDE_DOMAIN: "x or a point of the formula lies outside the domain",
    Status.STEP_VANISHED: "the step vanishes beside x",
    Status.NOT_FINITE: "f has no finite value at a point of the formula",
}


@dataclass(frozen=True)
class _Axes:
    """A formula along every axis: the entries that it puts in, what its sums are divided by, and what forbids it."""

    formula: Stencil
    at: dict[Rational, Array]
    scale: Array
    code: Codes


def gradient(
    f: Callable[..., Any],
    x: ArrayLike,
    *,
    formula: str | Stencil | None = None,
    delta: ArrayLike | None = None,
    domain: Box | None = None,
    vectorized: bool | None = None,
) -> Gradient:
    """The derivatives of f, which gives one number, in all entries of x.

    Parameters
    ----------
    f : callable
        Of an array of x's shape, or of a number if x is one. It may take batches, shape ``(k, *x.shape)``, and give k
        values; whether it does is found out. An exception, NaN, infinity or a mask means that it has no value
        there; a mask that f leaves out itself, as the sum of a masked array does, cannot be seen.
    x : array_like
        The point, of any shape; f is given float64. A series or a frame is given to f as one, with its labels.
    formula : str or Stencil
        A formula for the first derivative: of the table by name, or any stencil.
    delta : array_like
        The step, in x's unit, positive and finite; one for all, or one for each entry (broadcast to x's shape).
    domain : (array_like, array_like), optional
        The closed interval of the entries, one for all or one for each, never left; None for an end that is not there.
    vectorized : bool, optional
        Whether f takes batches, by somebody who knows.

    Returns
    -------
    Gradient
        ``value``, ``error`` and ``status`` of x's shape. Each estimate is divided by the step really taken. No point is
        evaluated twice, f(x) once for all entries.

    Raises
    ------
    ValueError
        If there is no formula or no delta, if they or x or the domain are no such things, or if f gives more than one
        number.

    Examples
    --------
    >>> gradient(lambda x: x[0] ** 2 * x[1], [3.0, 5.0], formula="central_2", delta=0.125).value.tolist()
    [30.0, 9.0]
    """
    asked = _Asked(f, x, delta, domain, vectorized=vectorized, what="gradient", one=True)
    value, code = asked.first(asked.axes(asked.formula(formula)), np.arange(asked.x.size))
    return asked.result(value[0], code[0], asked.shape)


def partial(
    f: Callable[..., Any],
    x: ArrayLike,
    index: int | tuple[int, ...],
    *,
    formula: str | Stencil | None = None,
    delta: ArrayLike | None = None,
    domain: Box | None = None,
    vectorized: bool | None = None,
) -> Gradient:
    """The derivative of f, which gives one number, in one entry of x.

    Parameters
    ----------
    f, x, formula, delta, domain, vectorized
        As in :func:`gradient`.
    index : int or tuple of int
        Which entry: its place in ``x.ravel()``, or one index for each dimension of x; negative ones count from the end.

    Returns
    -------
    Gradient
        Of one number: the entry of the gradient, to the bit.

    Raises
    ------
    ValueError
        As :func:`gradient`, and if x has no such entry.
    TypeError
        If the index is no such thing.

    Examples
    --------
    >>> partial(lambda x: x[0] ** 2 * x[1], [3.0, 5.0], 1, formula="central_2", delta=0.125).value
    9.0
    """
    asked = _Asked(f, x, delta, domain, vectorized=vectorized, what="partial", one=True)
    chosen = np.array([_place(index, asked.shape)])
    value, code = asked.first(asked.axes(asked.formula(formula)), chosen)
    return asked.result(value[0], code[0], ())


def jacobian(
    f: Callable[..., Any],
    x: ArrayLike,
    *,
    formula: str | Stencil | None = None,
    delta: ArrayLike | None = None,
    domain: Box | None = None,
    vectorized: bool | None = None,
) -> Gradient:
    """The derivatives of all values of f in all entries of x.

    Parameters
    ----------
    f : callable
        As in :func:`gradient`, giving m numbers of any shape, or k times as many for a batch of k.
    x, formula, delta, domain, vectorized
        As in :func:`gradient`.

    Returns
    -------
    Gradient
        ``value``, ``error`` and ``status`` of shape ``(m, n)`` for n entries of x, also where m or n is 1, in the order
        of ``ravel()``. If f has no value anywhere, m is not known and taken to be 1.

    Raises
    ------
    ValueError
        As :func:`gradient`, and if f gives more numbers at one point than at another.

    Examples
    --------
    >>> jacobian(lambda x: [x[0] * x[1], x[0]], [3.0, 5.0], formula="central_2", delta=0.125).value.tolist()
    [[5.0, 3.0], [1.0, 0.0]]
    """
    asked = _Asked(f, x, delta, domain, vectorized=vectorized, what="jacobian", one=False)
    value, code = asked.first(asked.axes(asked.formula(formula)), np.arange(asked.x.size))
    return asked.result(value, code, value.shape)


def directional(
    f: Callable[..., Any],
    x: ArrayLike,
    direction: ArrayLike,
    *,
    formula: str | Stencil | None = None,
    delta: float | None = None,
    domain: Box | None = None,
    vectorized: bool | None = None,
) -> Gradient:
    """The derivative of f(x + t direction) in t at 0, for an f that gives one number.

    Parameters
    ----------
    f, x, formula, domain, vectorized
        As in :func:`gradient`.
    direction : array_like
        Of x's shape, of any length other than 0: twice the direction gives twice the derivative.
    delta : float
        The step in t, positive and finite.

    Returns
    -------
    Gradient
        Of one number. The points are rounded entry by entry and so lie beside the line; the step really taken is their
        distance along it. A step that vanishes against one entry that should move, by more than eps times the largest
        entry of the direction, is no step in this direction.

    Raises
    ------
    ValueError
        As :func:`gradient`, and if the direction is none.

    Examples
    --------
    >>> directional(lambda x: x[0] ** 2 * x[1], [3.0, 5.0], [1.0, 2.0], formula="central_2", delta=0.125).value
    48.03125
    """
    if delta is not None and np.ndim(delta):
        raise ValueError(f"the delta of a direction is one number, not an array of shape {np.shape(delta)}")
    asked = _Asked(f, x, delta, domain, vectorized=vectorized, what="directional", one=True)
    towards = _direction(direction, asked.shape)
    value, code = asked.along(asked.formula(formula), towards)
    return asked.result(value, code, ())


def hessian(
    f: Callable[..., Any],
    x: ArrayLike,
    *,
    formula: str | None = None,
    delta: ArrayLike | None = None,
    domain: Box | None = None,
    vectorized: bool | None = None,
) -> Gradient:
    """The second derivatives of f, which gives one number, in all pairs of entries of x.

    Beside the diagonal the product of the formula for the first derivative with itself, on the diagonal the formula of
    the same name for the second derivative.

    Parameters
    ----------
    f, x, delta, domain, vectorized
        As in :func:`gradient`.
    formula : str
        The name of a formula of the table.

    Returns
    -------
    Gradient
        ``value``, ``error`` and ``status`` of shape ``(n, n)`` for n entries of x, also where n is 1, in the order of
        ``ravel()``; symmetric to the bit. No point is evaluated twice, those on the axes once for all pairs.

    Raises
    ------
    ValueError
        As :func:`gradient`.
    TypeError
        If the formula is not given by its name.

    Examples
    --------
    >>> hessian(lambda x: x[0] ** 2 * x[1], [3.0, 5.0], formula="central_2", delta=0.125).value.tolist()
    [[10.0, 6.0], [6.0, 0.0]]
    """
    asked = _Asked(f, x, delta, domain, vectorized=vectorized, what="hessian", one=True)
    if isinstance(formula, Stencil):
        raise TypeError(
            "hessian needs the name of a formula, such as 'central_2', not a stencil: it takes the formulas of that "
            "name for derivatives 1 and 2"
        )
    value, code = asked.second(asked.axes(asked.formula(formula)), asked.axes(stencil_of(str(formula), 2)))
    return asked.result(value, code, value.shape)


class _Asked:
    """What was asked, checked: the point, the steps, the box that is never left, and how f is called."""

    def __init__(
        self,
        f: Callable[..., Any],
        x: ArrayLike,
        delta: ArrayLike | None,
        domain: Box | None,
        *,
        vectorized: bool | None,
        what: str,
        one: bool,
    ) -> None:
        check_function(f, f"dk.{what}({CALLED_WITH.get(what, 'f, x')}, formula='central_2', delta=1e-5)")
        check_vectorized(vectorized)
        point = _point(x)
        self.what, self.shape, self.x = what, point.shape, point.ravel()
        self._given = delta is not None
        self.delta = spread("delta", positive("delta", 1.0 if delta is None else delta), self.shape).ravel()
        own = f.domain if isinstance(f, Function) else EVERYWHERE
        lo, hi = (end.ravel() for end in ends(domain, self.shape))
        self._box = np.maximum(lo, own[0]), np.minimum(hi, own[1])
        self._sampler = Sampler(f, point, one=one, vectorized=vectorized, container=_container(x, point))

    def formula(self, formula: str | Stencil | None) -> Stencil:
        """The formula asked for; refused if there is none, no delta, or if it is for another derivative."""
        if formula is None or not self._given:
            missing = "formula" if self._given else "delta" if formula else "formula and a delta"
            raise ValueError(f"{self.what} needs a {missing}; write formula='central_2', delta=1e-5")
        chosen = stencil_of(formula)
        if chosen.derivative != 1:
            raise ValueError(f"{self.what} needs a formula for derivative 1; {chosen.name} is for {chosen.derivative}")
        return chosen

    def axes(self, formula: Stencil) -> _Axes:
        """The formula along every axis."""
        with np.errstate(all="ignore"):
            at = {offset: np.asarray(abscissa(self.x, offset, self.delta)) for offset in formula.offsets}
            first, last = at[formula.offsets[0]], at[formula.offsets[-1]]
            scale = scale_of(formula, first, last)
            vanished = steps_vanish(formula, self.x, self.delta)
        outside = self._outside(self.x).any() | self._outside(first) | self._outside(last)
        beyond = ~np.isfinite([first, last, scale]).all(axis=0)
        return _Axes(formula, at, scale, _code(outside, vanished, beyond))

    def _outside(self, entry: Array) -> NDArray[np.bool_]:
        lo, hi = self._box
        return (entry < lo) | (entry > hi)

    def first(self, axes: _Axes, chosen: Indices) -> tuple[Array, Codes]:
        """Estimates along the chosen axes, and their codes; shape ``(width, len(chosen))``."""
        code = axes.code[chosen]
        going = np.flatnonzero(code == OK)
        centre = self._sampler.at_x() if going.size and 0 in axes.at else None
        self._meet(axes.at, chosen[going])
        value = np.full((self._sampler.width or 1, chosen.size), np.nan)
        for block in _blocks(going, self._sampler, len(axes.at)):
            values = self._on_axes(axes.at, chosen[block], centre)
            with np.errstate(all="ignore"):
                found = quotient(axes.formula, values, axes.scale[chosen[block], None])
            if found.shape[1] != len(value):  # so far f had no value anywhere
                value = np.full((found.shape[1], chosen.size), np.nan)
            value[:, block] = found.T
        return _judged(value, np.broadcast_to(code, value.shape))

    def _meet(self, at: Mapping[Rational, Array], going: Indices) -> None:
        first = next(offset for offset in at if offset)
        if going.size:
            self._sampler.meet(going[:1], at[first][going[:1]])

    def _on_axes(self, at: Mapping[Rational, Array], block: Indices, centre: Array | None) -> list[Any]:
        """Values at the points of a formula along some axes, each of shape ``(len(block), width)``."""
        moves = [offset for offset in at if offset]
        entry = np.stack([at[offset][block] for offset in moves], axis=1)
        index = np.repeat(block, len(moves))
        values = self._sampler(index[:, None], entry.reshape(-1, 1)).reshape(block.size, len(moves), -1)
        found = {offset: values[:, k] for k, offset in enumerate(moves)}
        return [found[offset] if offset else centre for offset in at]

    def along(self, formula: Stencil, direction: Array) -> tuple[Array, Codes]:
        """The estimate along a direction d, and its code; both of shape ``()``.

        The step really taken is (last - first) . d / (d . d), which along an axis is the distance itself; d is divided
        by a power of two near its largest entry, so that its square neither overflows nor vanishes.
        """
        moving, counts = direction != 0.0, np.abs(direction) > EPS * np.max(np.abs(direction))
        with np.errstate(all="ignore"):
            steps = self.delta * direction
            points = np.array([np.where(moving, abscissa(self.x, s, steps), self.x) for s in formula.offsets])
            size = np.ldexp(1.0, np.frexp(np.max(np.abs(direction)))[1] - 1)
            unit = direction / size
            distance = np.sum((points[-1] - points[0]) * unit) / np.sum(unit * unit) / size
            scale = scale_of(formula, np.zeros(()), distance)
            vanished = np.any(steps_vanish(formula, self.x, steps) & counts)
        outside = self._outside(np.vstack([self.x, points])).any()
        beyond = not (np.isfinite(points).all() and np.isfinite(scale))
        code = _code(outside, vanished, beyond)
        value = np.full((), np.nan)
        if code == OK:
            values = self._sampler(np.broadcast_to(np.arange(self.x.size), points.shape), points)[:, 0]
            with np.errstate(all="ignore"):
                value = quotient(formula, list(values), scale)
        return _judged(value, code)

    def second(self, mixed: _Axes, straight: _Axes) -> tuple[Array, Codes]:
        """Second derivatives in all pairs, and their codes; both of shape ``(n, n)``."""
        n = self.x.size
        code = _of_pairs(mixed.code)
        np.fill_diagonal(code, straight.code)
        axis = self._axis_values(mixed, straight)
        with np.errstate(all="ignore"):
            diagonal = quotient(straight.formula, [axis[s] for s in straight.at], straight.scale)
        value = np.full((n, n), np.nan)
        np.fill_diagonal(value, np.where(straight.code == OK, diagonal, np.nan))
        rows, columns = np.triu_indices(n, 1)
        going = np.flatnonzero(code[rows, columns] == OK)
        for block in _blocks(going, self._sampler, len(mixed.at) ** 2):
            i, j = rows[block], columns[block]
            value[i, j] = value[j, i] = self._mixed(mixed, axis, i, j)
        return _judged(value, code)

    def _axis_values(self, mixed: _Axes, straight: _Axes) -> dict[Rational, Array]:
        """Values at every point with one entry moved that some second derivative needs; NaN at the others."""
        has_partner = np.count_nonzero(mixed.code == OK) > 1
        paired = (mixed.code == OK) & has_partner & (0 in mixed.at)
        at = straight.at | mixed.at
        moves = [s for s in at if s]
        needed = np.array([((straight.code == OK) & (s in straight.at)) | (paired & (s in mixed.at)) for s in moves])
        axes, which = np.nonzero(needed.T)
        axis = {s: np.full(self.x.size, np.nan) for s in at}
        if axes.size and 0 in at:
            axis[0] = np.broadcast_to(self._sampler.at_x(), self.x.shape)
        entry = np.stack([at[s] for s in moves])[which, axes]
        values = self._sampler(axes[:, None], entry[:, None])[:, 0]
        for k, s in enumerate(moves):
            axis[s][axes[which == k]] = values[which == k]
        return axis

    def _mixed(self, axes: _Axes, axis: Mapping[Rational, Array], i: Indices, j: Indices) -> Array:
        """The product of the formula along i with that along j."""
        corners = [(a, b) for a in axes.at for b in axes.at if a and b]
        index = np.stack([i, j], axis=1).repeat(len(corners), axis=0)
        entry = np.stack([np.stack([axes.at[a][i], axes.at[b][j]], axis=1) for a, b in corners], axis=1)
        values = self._sampler(index, entry.reshape(-1, 2)).reshape(i.size, len(corners))
        at = {(a, b): axis[b][j] if a == 0 else axis[a][i] for a in axes.at for b in axes.at}
        at.update({corner: values[:, k] for k, corner in enumerate(corners)})
        weights, scale = axes.formula.coefficients[0], axes.scale[i] * axes.scale[j]

        def product(values: Sequence[Any]) -> Any:
            rows = [values[start : start + len(weights)] for start in range(0, len(values), len(weights))]
            return combine(weights, [combine(weights, row, 1.0) for row in rows], scale)

        with np.errstate(all="ignore"):
            return spared(product, [at[a, b] for a in axes.at for b in axes.at], scale)

    def result(self, value: Array, code: Codes, shape: tuple[int, ...]) -> Gradient:
        """The result in the shape that was asked for, Python's own numbers for ``()``."""
        return Gradient(
            value=value.reshape(shape) if shape else value.item(),
            error=np.broadcast_to(np.nan, shape) if shape else math.nan,
            status=_texts(code.reshape(shape)) if shape else STATUSES[code.item()],
            evaluations=self._sampler.total,
            raised=self._sampler.raised,
            float32=self._sampler.float32,
        )


def _texts(code: Codes) -> NDArray[np.str_]:
    """The statuses as text; where all are ok one text stands for all, since 14 characters each outweigh the values."""
    texts = np.array([str(status) for status in STATUSES])
    return texts[code] if code.any() else np.broadcast_to(texts[OK], code.shape)


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
        kept = np.array_equal(np.asarray(again(trial)), trial)
    except Exception:  # noqa: BLE001 -- a container that cannot be added to is given to f as an array
        return None
    return again if kept else None


def _direction(direction: ArrayLike, shape: tuple[int, ...]) -> Array:
    towards = numbers("direction", direction)
    if towards.shape != shape:
        raise ValueError(f"the direction has shape {towards.shape} and x has {shape}; they must be the same")
    if not (np.isfinite(towards).all() and towards.any()):
        raise ValueError("a direction has finite entries, not all of them 0")
    return towards.ravel()


def _place(index: int | tuple[int, ...], shape: tuple[int, ...]) -> int:
    """The place in ``ravel()``; refused if there is no such entry."""
    lengths = shape if isinstance(index, tuple) else (math.prod(shape),)
    given = index if isinstance(index, tuple) else (index,)
    try:
        places = [operator.index(k) for k in given]
    except TypeError:
        raise TypeError(f"an index is an int or a tuple of ints, not {shown(index)}") from None
    if len(places) != len(lengths) or not all(-n <= k < n for k, n in zip(places, lengths, strict=True)):
        raise ValueError(f"x of shape {shape} has no entry {shown(index)}")
    place = 0
    for k, n in zip(places, lengths, strict=True):
        place = place * n + k % n
    return place


def _blocks(going: Indices, sampler: Sampler, each: int) -> Iterator[Indices]:
    """Derivatives whose points, so many for each, fill a batch together."""
    start = 0
    while start < going.size:
        stop = start + max(1, sampler.room // each)
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
