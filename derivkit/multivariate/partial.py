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
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from derivkit.arguments import numbers, shown
from derivkit.behaviour import FLOAT32, Raised
from derivkit.multivariate.colouring import pattern_of
from derivkit.multivariate.evaluation import OK, STATUSES, Differences, Estimates
from derivkit.numerical.formulas import stencil_of
from derivkit.numerical.status import Status
from derivkit.numerical.stencil import Stencil
from derivkit.types import Array, Box, Codes, Texts


@dataclass(frozen=True, kw_only=True, eq=False)
class Gradient:
    """Derivatives of a function of many variables.

    Attributes
    ----------
    value : float or ndarray
        The estimates; NaN where there is none. Where f has a kink it is still what the formula gives.
    error : float or ndarray
        Bars of the errors, of which at least 99 of 100 hold; infinite where there is none. See the notes.
    status : Status or ndarray of str
        ``ok``; ``below_resolution``, the bar is at least as large as the value; why there is no bar: ``kink``,
        ``unresolved``, the points of half the delta give no number; or why there is no value: ``outside_domain``,
        ``step_vanished``, ``not_finite``.
    left, right : float or ndarray
        The slopes of the sides at a kink; NaN elsewhere.
    evaluations : int
        Points at which f was evaluated, each once; if f takes batches, two of them were asked singly too.
    raised : tuple of Raised
        The exceptions of f at single points, one entry for each type.
    float32 : bool
        Whether f computes in float32 or in less, as its values show.

    Notes
    -----
    A bar has two parts. The rounding is predicted from the values of f, four roundings for each, in float32 where f
    computes in that. The truncation is measured by half the delta (Richardson 1911), which costs the further points of
    the half formula, and for a central one f(x), where the slopes of the sides show a kink: 4 n + 1 points for
    ``central_2``, 2 n + 1 for ``forward_1``. A formula of one side sees no kink at x, and one of a f whose features
    are smaller than half the delta is believed like any other.

    Examples
    --------
    >>> result = gradient(lambda x: abs(x[0]) + x[1] ** 2, [0.0, 1.0], formula="central_2", delta=2.0**-13)
    >>> result.status.tolist(), result.left[0].item(), result.right[0].item(), bool(result.error[1] < 1e-10)
    (['kink', 'ok'], -1.0, 1.0, True)
    """

    value: Any
    error: Any
    status: Any
    left: Any
    right: Any
    evaluations: int
    raised: tuple[Raised, ...] = ()
    float32: bool = False

    @property
    def message(self) -> str:
        """What became of the estimates, in a sentence."""
        statuses = np.ravel(self.status).tolist()
        counts = {status: statuses.count(status) for status in REASONS}
        reasons = [
            f"{count} of {len(statuses)} {status}, as {REASONS[status]}" for status, count in counts.items() if count
        ]
        if counts[Status.NOT_FINITE] and self.raised:
            reasons.append(f"f raised {self.raised[0]}")
        known = f"{'; '.join(reasons)}." if reasons else ALL_OK
        return f"{known} {FLOAT32}" if self.float32 else known


ALL_OK = "every derivative has a value and a bar."
REASONS = {
    Status.OUTSIDE_DOMAIN: "x or a point of the formula lies outside the domain",
    Status.STEP_VANISHED: "the step vanishes beside x",
    Status.NOT_FINITE: "f has no finite value at a point of the formula",
    Status.KINK: "the slopes of its sides differ, and do so at half the delta",
    Status.UNRESOLVED: "the points of half the delta, which tell the bar, give no number",
    Status.BELOW_RESOLUTION: "the bar reaches the value, which thus is a bound",
}


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
        Whether f takes batches, if known.

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
    differences = Differences(f, x, "gradient", formula, delta, domain, vectorized=vectorized, scalar=True)
    return _result(differences, differences.first(np.arange(differences.x.size)), differences.shape)


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
    differences = Differences(f, x, "partial", formula, delta, domain, vectorized=vectorized, scalar=True)
    chosen = np.array([_place(index, differences.shape)])
    return _result(differences, differences.first(chosen), ())


def jacobian(
    f: Callable[..., Any],
    x: ArrayLike,
    *,
    formula: str | Stencil | None = None,
    delta: ArrayLike | None = None,
    domain: Box | None = None,
    vectorized: bool | None = None,
    sparsity: ArrayLike | None = None,
) -> Gradient:
    """The derivatives of all values of f in all entries of x.

    Parameters
    ----------
    f : callable
        As in :func:`gradient`, giving m numbers of any shape, or k times as many for a batch of k.
    x, formula, delta, domain, vectorized
        As in :func:`gradient`.
    sparsity : array_like of bool, shape ``(m, n)``, optional
        Where the Jacobian may differ from 0. Entries that share no row are then moved together (Curtis, Powell and Reid
        1974), so that a band costs what its width is, however many entries x has. Outside the pattern value and error
        are 0, as it is believed; one more direction checks it, in which no single wrong entry goes unnoticed unless its
        effect is within four bars.

    Returns
    -------
    Gradient
        ``value``, ``error`` and ``status`` of shape ``(m, n)`` for n entries of x, also where m or n is 1, in the order
        of ``ravel()``. If f has no value anywhere, m is not known and taken to be 1.

    Raises
    ------
    ValueError
        As :func:`gradient`, if f gives more numbers at one point than at another, and if it contradicts the pattern.

    Examples
    --------
    >>> jacobian(lambda x: [x[0] * x[1], x[0]], [3.0, 5.0], formula="central_2", delta=0.125).value.tolist()
    [[5.0, 3.0], [1.0, 0.0]]
    """
    differences = Differences(f, x, "jacobian", formula, delta, domain, vectorized=vectorized, scalar=False)
    if sparsity is not None:
        return _result(differences, differences.sparse(pattern_of(sparsity, differences.x.size)))
    return _result(differences, differences.first(np.arange(differences.x.size)))


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
    differences = Differences(f, x, "directional", formula, delta, domain, vectorized=vectorized, scalar=True)
    towards = _direction(direction, differences.shape)
    return _result(differences, differences.along(towards), ())


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
    differences = Differences(f, x, "hessian", formula, delta, domain, vectorized=vectorized, scalar=True)
    if isinstance(formula, Stencil):
        raise TypeError(
            "hessian needs the name of a formula, such as 'central_2', not a stencil: it takes the formulas of that "
            "name for derivatives 1 and 2"
        )
    return _result(differences, differences.second(stencil_of(str(formula), 2)))


def _result(differences: Differences, estimates: Estimates, shape: tuple[int, ...] | None = None) -> Gradient:
    """The result in a shape, that of the estimates by default; Python's own numbers for ``()``."""
    ask = differences.ask
    shape = estimates.value.shape if shape is None else shape
    columns = {name: getattr(estimates, name).reshape(shape) for name in ("value", "error", "left", "right")}
    code = estimates.code.reshape(shape)
    return Gradient(
        **(columns if shape else {name: column.item() for name, column in columns.items()}),
        status=_texts(code) if shape else STATUSES[code.item()],
        evaluations=ask.total,
        raised=ask.raised,
        float32=ask.float32,
    )


def _texts(code: Codes) -> Texts:
    """The statuses as text; where all are ok one text stands for all, since 14 characters each outweigh the values."""
    texts = np.array([str(status) for status in STATUSES])
    return texts[code] if code.any() else np.broadcast_to(texts[OK], code.shape)


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
