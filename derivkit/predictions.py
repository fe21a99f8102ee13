r"""Errors of a numerical derivative as predicted, without calling f.

The error of a formula with step h has two parts (Fornberg 1988; Gill, Murray and Wright, *Practical Optimization*,
1981, section 8.6). *Truncation*, from stopping Taylor's series: at most :math:`|C| h^p \max|f^{(d+p)}|`. *Rounding*,
from values of f that are wrong by :math:`e_i` and abscissae that are off by :math:`\eta_i`, both divided by the step:
:math:`h^{-d} \sum_i |w_i| (e_i + |\eta_i| \max|f'|)`. One falls with the step, the other grows: the V of every sweep.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from derivkit.arguments import is_formula, points_of, positive, shown, whole
from derivkit.asker import domain_of
from derivkit.expressions.tree import Expression
from derivkit.function import Function, function_of
from derivkit.grids import decade, logspace
from derivkit.numerical.difference import broadcast_steps
from derivkit.numerical.formulas import stencils_of
from derivkit.numerical.nodes import Nodes, rounding_of_abscissae, rounding_of_sum
from derivkit.numerical.stencil import Stencil, moment
from derivkit.trusted.bounds import LargestDerivatives
from derivkit.trusted.exact import taylor
from derivkit.types import Array, Mask

LADDER = logspace(-20, 2, 177)
"""Deltas among which the best is predicted, times the decade of the length scale: 1e-20 to 100, eight per decade."""
DECADE, GROWS = 8, 2.0
"""Rungs of a decade, and how many times rounding is larger at its lower end where it grows: by its law 10^d times."""
REACH = 4.0
"""How far the ladder goes, in length scales of f: beyond, Taylor's theorem says nothing useful."""


@dataclass(frozen=True)
class Prediction:
    """The two parts of the error, predicted without calling f.

    Attributes
    ----------
    truncation, rounding : ndarray
        Shape of broadcast(x, delta); NaN where the step vanishes or nothing is known of f.
    proved : bool
        True if the truncation uses a maximum known in closed form: then error <= truncation + rounding.

    Examples
    --------
    >>> [round(float(part.total), 12) for part in predict_error("x^2", 0.0, 0.5, formulas=["forward_1"])]
    [0.5]
    """

    truncation: Array
    rounding: Array
    proved: bool

    @property
    def total(self) -> Array:
        """Truncation plus rounding."""
        return self.truncation + self.rounding


@dataclass(frozen=True)
class Optimum:
    """The delta at which the predicted error is least, and that error, at every x; NaN where nothing is known of f.

    Attributes
    ----------
    delta, error : ndarray
        Shape of x.
    proved : bool
        Whether the error is a bound, as that of a `Prediction`.
    balanced : ndarray of bool
        Whether rounding grows below that delta, of x's shape. At a zero of f it may shrink with f, and then nearly
        every small delta is as good as this one.

    Examples
    --------
    >>> predict_optimum("x^2", 1.0, formulas=["central_2"])[0].proved
    True
    >>> [bool(predict_optimum("sin(x)", x, formulas=["central_2"])[0].balanced) for x in (0.0, 1.0)]
    [False, True]
    """

    delta: Array
    error: Array
    proved: bool
    balanced: Mask


def leaves_domain(f: Function, x: ArrayLike, delta: ArrayLike, formula: Stencil) -> Mask:
    """Whether a point of a formula lies outside the domain of f, for every x and delta.

    Parameters
    ----------
    f : Function
        Whose domain counts.
    x, delta : array_like
        Points and steps, of shapes that are broadcast.
    formula : Stencil
        Its outermost points count, not x itself.

    Returns
    -------
    ndarray of bool
        Of the shape of both.

    Examples
    --------
    >>> from derivkit.numerical.formulas import formula
    >>> root = Function.from_expression("sqrt(x)", domain=(0.0, 9.0))
    >>> leaves_domain(root, 1.0, [0.5, 2.0], formula("central_2")).tolist()
    [False, True]
    """
    points, steps = np.asarray(x, dtype=np.float64), np.asarray(delta, dtype=np.float64)
    ends = formula.offsets[0], formula.offsets[-1]
    return Nodes.at_offsets(formula, ends, points, steps).outside(domain_of(f, None))


def predict_error(
    f: Function | Expression | str, x: ArrayLike, delta: ArrayLike, *, formulas: Sequence[str | Stencil]
) -> list[Prediction]:
    """Truncation and rounding of every formula at every x and delta (broadcast), from what is known of f.

    The step in the truncation is the step really taken, which differs from delta where x + delta is rounded.

    Parameters
    ----------
    f : Function or formula
        Of a Function without an expression nothing is known.
    x, delta : array_like
        Points and positive steps in x's unit, of shapes that are broadcast.
    formulas : sequence of str or Stencil
        For the first derivative if given by name.

    Returns
    -------
    list of Prediction
        In the order of the formulas.

    Raises
    ------
    TypeError
        If f is neither: nothing is known of an ordinary callable.
    ValueError
        If a step is not positive, or there is no formula of a name.

    Notes
    -----
    Truncation by the Peano kernel of the formula (Davis, *Interpolation and Approximation*, 1963); rounding after Gill,
    Murray and Wright, *Practical Optimization*, 1981, section 8.6.

    Examples
    --------
    >>> result, = predict_error("x^2", 1.0, 2.0**-10, formulas=["forward_1"])
    >>> round(float(result.truncation), 12), result.proved
    (0.0009765625, True)
    """
    f, chosen = _known(f), stencils_of(formulas)
    arguments = points_of(x), positive("delta", delta)
    shape = broadcast_steps(*arguments)[0].shape
    if f.expression is None or not chosen:
        nothing = np.full(shape, np.nan)
        return [Prediction(nothing, nothing, proved=False)] * len(chosen)
    points, steps = (np.array(v, ndmin=max(1, len(shape))) for v in arguments)
    highest = max(entry.derivative + entry.order for entry in chosen)
    largest = LargestDerivatives(f.expression, points, highest)
    with np.errstate(all="ignore"):
        placed = Nodes.shared(chosen, points, steps)
        values = {offset: f.predicted_value(node) for offset, node in placed[0].at.items()}
        parts = [_predict(nodes, [values[offset] for offset in nodes.formula.offsets], largest) for nodes in placed]
    return [Prediction(p.truncation.reshape(shape), p.rounding.reshape(shape), p.proved) for p in parts]


def _known(f: Function | Expression | str) -> Function:
    """The function; refused if it is neither a Function nor a formula: nothing is known of an ordinary callable."""
    if not (isinstance(f, Function) or is_formula(f)):
        raise TypeError(f"f must be a formula such as 'sin(x)', or a dk.Function, not {shown(f)}")
    return function_of(f)


def _predict(nodes: Nodes, values: Sequence[tuple[Array, Array]], derivatives: LargestDerivatives) -> Prediction:
    """Both parts for one formula, from f at its nodes with the bounds of its errors, and the derivatives of f."""
    formula, step = nodes.formula, nodes.step
    d, p = formula.derivative, formula.order
    first, *_, last = nodes.points
    lo, hi = np.broadcast_arrays(np.minimum(first, nodes.x), np.maximum(last, nodes.x))
    largest, steepest = derivatives.on(lo, hi, (d + p, 1))
    truncation = float(formula.bound_constant) * step**p * largest
    scale = float(formula.coefficients[1]) * step**d
    estimates, errors = zip(*values, strict=True)
    rounding = rounding_of_sum(formula, estimates, errors, scale) + rounding_of_abscissae(nodes) * steepest / scale
    lost = nodes.vanished
    return Prediction(
        truncation=np.where(lost, np.nan, truncation),
        rounding=np.where(lost, np.nan, rounding),
        proved=derivatives.proved,
    )


def predict_optimum(
    f: Function | Expression | str, x: ArrayLike, *, formulas: Sequence[str | Stencil]
) -> list[Optimum]:
    """The delta of the ladder at which every formula's predicted error is least, at every x.

    Deltas whose stencil leaves the domain, or at which the prediction is not finite, are passed over. Among equals the
    largest is taken.

    Parameters
    ----------
    f : Function or formula
        Of a Function without an expression nothing is known.
    x : array_like
        Points, of any shape.
    formulas : sequence of str or Stencil
        For the first derivative if given by name.

    Returns
    -------
    list of Optimum
        In the order of the formulas; arrays of x's shape, NaN where nothing is known of f.

    Raises
    ------
    TypeError
        If f is neither.
    ValueError
        If there is no formula of a name.

    Examples
    --------
    >>> best, = predict_optimum("exp(x)", 1.0, formulas=["forward_1"])
    >>> bool(1e-9 < best.delta < 1e-6)
    True
    """
    f = _known(f)
    points, chosen = points_of(x), stencils_of(formulas)
    column = points.reshape(-1, 1)
    scale = np.array([f.length_scale(float(v)) for v in points.ravel()]).reshape(-1, 1)
    ladder = decade(scale) * LADDER
    allowed = (4.0 * np.spacing(np.abs(column)) < ladder) & (ladder <= REACH * scale)
    predictions = predict_error(f, column, ladder, formulas=chosen)
    return [
        _least(ladder, prediction, allowed & ~leaves_domain(f, column, ladder, entry), points.shape)
        for entry, prediction in zip(chosen, predictions, strict=True)
    ]


def _least(ladder: Array, prediction: Prediction, allowed: Mask, shape: tuple[int, ...]) -> Optimum:
    """The largest delta of the least total error in every row of a ladder, in the shape of the points."""
    # A wider interval holds the narrower one, so the truncation cannot fall; samples alone may miss a peak.
    total = np.fmax.accumulate(prediction.truncation, axis=-1) + prediction.rounding
    total = np.where(allowed & np.isfinite(total), total, np.inf)
    index = (LADDER.size - 1 - np.argmin(total[:, ::-1], axis=-1))[:, None]
    delta, error = (np.take_along_axis(values, index, axis=-1)[:, 0] for values in (ladder, total))
    known = np.isfinite(error)
    delta, error = (np.where(known, values, np.nan).reshape(shape)[()] for values in (delta, error))
    below = np.maximum(index - DECADE, 0)
    here, lower = (np.take_along_axis(prediction.rounding, place, axis=-1)[:, 0] for place in (index, below))
    return Optimum(delta, error, prediction.proved, (known & ~(lower <= GROWS * here)).reshape(shape)[()])


def truncation_terms(
    f: Function | Expression | str, x: float, *, formulas: Sequence[str | Stencil], terms: int
) -> list[Array]:
    """Coefficients c_k of every formula's truncation error sum_k c_k delta^k at x, for k from its order on.

    By Taylor's series, c_k = M_(d+k) f^(d+k)(x) / (d+k)! with the formula's moments M. The first that is not 0 gives
    the order that the formula has at this point, which is more than it claims where a derivative vanishes.

    Parameters
    ----------
    f : Function or formula
        Of a Function without an expression nothing is known.
    x : float
        The point, in the unit of f's argument.
    formulas : sequence of str or Stencil
        A name stands for the formula of the first derivative.
    terms : int
        Number of coefficients of each formula, zeros included; at least 1.

    Returns
    -------
    list of ndarray, shape ``(terms,)``
        In the order of the formulas; NaN from the first derivative that does not exist, and throughout where nothing is
        known of f.

    Raises
    ------
    ValueError
        If there is no formula of a name, or ``terms`` is below 1.

    Examples
    --------
    >>> [c.tolist() for c in truncation_terms("x^3", 1.0, formulas=["forward_1"], terms=3)]
    [[3.0, 1.0, 0.0]]
    """
    f = _known(f)
    chosen, count = stencils_of(formulas), whole("terms", terms, 1)
    if f.expression is None:
        return [np.full(count, np.nan) for _ in chosen]
    series = taylor(f.expression, x, max(entry.derivative + entry.order for entry in chosen) + count - 1)
    return [_truncation_terms(series, entry, count) for entry in chosen]


def _truncation_terms(series: Sequence[float], formula: Stencil, terms: int) -> Array:
    first = formula.derivative + formula.order
    moments = [float(moment(formula.offsets, formula.weights, n)) for n in range(first, first + terms)]
    # Where a derivative does not exist Taylor's theorem ends, whatever the moment: 0 times NaN is NaN.
    return np.asarray(np.array(moments) * np.array(series[first : first + terms]))
