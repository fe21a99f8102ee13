r"""Derivatives of a function of many variables: by the search of `derivative`, or by a formula with a fixed delta.

A partial derivative is a derivative along one axis: one entry of x moves and the others stay as they are. For
the Hessian the moves are made along two axes at once,

.. math:: \frac{\partial^2 f}{\partial x_i \partial x_j} \approx
    \frac{1}{h_i h_j} \sum_a \sum_b w_a w_b f(x + s_a h_i e_i + s_b h_j e_j) \qquad (i \ne j),

the product of the formula for the first derivative with itself (Abramowitz and Stegun, *Handbook of Mathematical
Functions*, 1964, section 25.3, print it for ``central_2``). It is as accurate as the formula: on a polynomial whose
degree in every variable is at most the order it is exact. The product would also give the diagonal, on points twice as
far out; there the table has formulas of their own for the second derivative (Fornberg 1988), which are used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from derivkit.arguments import shown
from derivkit.multivariate.colouring import pattern_of
from derivkit.multivariate.curvatures import curvatures
from derivkit.multivariate.evaluation import OK, STATUSES, Differences, Estimates
from derivkit.multivariate.ladders import Ladders
from derivkit.multivariate.result import Gradient
from derivkit.multivariate.sparse import of_pattern
from derivkit.multivariate.structure import Structure
from derivkit.numerical.formulas import stencil_of
from derivkit.numerical.result import Derivative
from derivkit.numerical.status import Status
from derivkit.numerical.stencil import Stencil
from derivkit.types import Array, Box, Codes, FunctionLike, Numbers, Texts

Form = Callable[[Numbers], Any]
"""From the derivatives, with one column for each entry, to what the user has of them."""
COLUMNS = ("value", "error", "status", "left", "right")


def gradient(  # noqa: PLR0913 -- what is differentiated where, and all that may be known beforehand
    f: FunctionLike,
    x: Any,
    *,
    formula: str | Stencil | None = None,
    delta: Any = None,
    domain: Box | None = None,
    scale: Any = None,
    noise: float | None = None,
    budget: int | None = None,
    vectorized: bool | None = None,
    executor: Any = None,
) -> Gradient:
    """The derivatives of f, which gives one number, in all entries of x, with their bars.

    Parameters
    ----------
    f : callable or formula
        Of what x is; the variables of a formula are keys of x, or the entries of a vector. Of an array of float64 a
        callable may take batches, shape ``(k, *x.shape)``, and give k values; whether it does is found out. An
        exception, NaN, infinity or a mask means that it has no value there; a mask that f leaves out itself, as the sum
        of a masked array does, cannot be seen.
    x : array_like, series, or list, tuple or dict of these, nested
        The point. f is given the same nesting, series and frames with their labels, and arrays of float32 as such, so
        that it has no more digits; other numbers in float64. A list of numbers is a vector, and given as an array.
    formula : str or Stencil, optional
        A formula for the first derivative, of the table by name, or any stencil, instead of the search for a window.
    delta : float, or the structure of x, optional
        Its step, in x's unit, positive and finite; one for all, for each array or for each entry (broadcast to its
        shape).
    domain : (lower, upper), optional
        The closed interval of the entries, never left: two ends, each like delta, None where there is none.
    scale : float, or the structure of x, optional
        Length scale of f along the entries, if known, in their unit; like delta.
    noise : float, optional
        Standard deviation of the error of f's values, if known, in the unit of f.
    budget : int, optional
        Most evaluations for an entry, f(x) among them. Entries that need more are reported as ``unresolved``.
    vectorized : bool, optional
        Whether f takes batches, if known.
    executor : object with map, optional
        Evaluates the points of a round at once, as ``concurrent.futures.ThreadPoolExecutor()`` does; the result is the
        same to the bit. Processes take functions of modules only. An f that takes batches is given one instead.

    Returns
    -------
    Gradient
        ``value``, ``error``, ``status``, ``left`` and ``right`` in the structure of x. No point is evaluated twice,
        f(x) once for all entries.

    Raises
    ------
    ValueError
        If there is a formula without a delta or a delta without a formula, if an argument is no such thing, if x lies
        outside the domain, or if f gives more than one number.

    Examples
    --------
    >>> result = gradient(lambda x: x[0] ** 2 * x[1], [3.0, 5.0])
    >>> bool(np.all(abs(result.value - [30.0, 9.0]) <= result.error)), bool(np.all(result.error < 1e-10))
    (True, True)
    >>> gradient(lambda x: x[0] ** 2 * x[1], [3.0, 5.0], formula="central_2", delta=0.125).value.tolist()
    [30.0, 9.0]
    >>> result = gradient(lambda p: p["mass"] * np.sum(p["v"] ** 2), {"mass": 2.0, "v": np.array([3.0, 4.0])})
    >>> result.value["v"].round(9).tolist(), result.status["mass"], result.names
    ([12.0, 16.0], 'ok', ("x['mass']", "x['v'][0]", "x['v'][1]"))
    """
    hints: dict[str, Any] = {"scale": scale, "noise": noise, "budget": budget}
    calling = {"vectorized": vectorized, "executor": executor, "scalar": True}
    if formula is None and delta is None:
        ladders = Ladders(f, x, "gradient", domain, **calling, **hints)
        return _with_bars(ladders, ladders.axes(np.arange(ladders.structure.size)), _like_x(ladders.structure))
    _refuse_hints(**hints)
    differences = Differences(f, x, "gradient", formula, delta, domain, **calling)
    return _result(differences, differences.first(np.arange(differences.x.size)), _like_x(differences.structure))


def partial(  # noqa: PLR0913 -- what is differentiated where, and all that may be known beforehand
    f: FunctionLike,
    x: Any,
    index: Any,
    *,
    formula: str | Stencil | None = None,
    delta: Any = None,
    domain: Box | None = None,
    scale: Any = None,
    noise: float | None = None,
    budget: int | None = None,
    vectorized: bool | None = None,
    executor: Any = None,
) -> Gradient:
    """The derivative of f, which gives one number, in one entry of x.

    Parameters
    ----------
    f, x, formula, delta, domain, scale, noise, budget, vectorized, executor
        As in :func:`gradient`.
    index : int, tuple or label
        Which entry: its place, from the end where negative; or one index for each dimension of x; or its label or path,
        such as ``("W1", 3, 0)`` for ``x["W1"][3, 0]``.

    Returns
    -------
    Gradient
        Of one number: the entry of the gradient, with a fixed delta to the bit. Without one the gradient begins with
        what its first entry showed, and has fewer evaluations.

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
    hints: dict[str, Any] = {"scale": scale, "noise": noise, "budget": budget}
    calling = {"vectorized": vectorized, "executor": executor, "scalar": True}
    if formula is None and delta is None:
        ladders = Ladders(f, x, "partial", domain, **calling, **hints)
        return _with_bars(ladders, ladders.axes(np.array([ladders.structure.place(index)])), _alone)
    _refuse_hints(**hints)
    differences = Differences(f, x, "partial", formula, delta, domain, **calling)
    chosen = np.array([differences.structure.place(index)])
    return _result(differences, differences.first(chosen), _alone)


def jacobian(  # noqa: PLR0913 -- what is differentiated where, and all that may be known beforehand
    f: FunctionLike | Sequence[FunctionLike],
    x: Any,
    *,
    formula: str | Stencil | None = None,
    delta: Any = None,
    domain: Box | None = None,
    scale: Any = None,
    noise: float | None = None,
    budget: int | None = None,
    vectorized: bool | None = None,
    executor: Any = None,
    sparsity: ArrayLike | None = None,
) -> Gradient:
    """The derivatives of all values of f in all entries of x.

    Parameters
    ----------
    f : callable, formula, or sequence of formulas
        As in :func:`gradient`, giving m numbers of any shape, or k times as many for a batch of k.
    x, formula, delta, domain, scale, budget, vectorized, executor
        As in :func:`gradient`.
    noise : float, optional
        As there, the same for all values of f.
    sparsity : array_like or sparse matrix of bool or of 0 and 1, shape ``(m, n)``, optional
        Where the Jacobian may differ from 0. Entries that share no row are then moved together (Curtis, Powell and Reid
        1974), so that a band costs what its width is, however many entries x has; where f has no value at such a point,
        it is missing for all of them. Outside the pattern value and error are 0, as it is believed; one more direction
        checks it, in which no single wrong entry goes unnoticed unless its effect is within four bars.

    Returns
    -------
    Gradient
        ``value``, ``error`` and ``status`` of shape ``(m, n)`` for n entries of x, also where m or n is 1, in the order
        of ``names``. Every value of f has a window of its own, out of the same evaluations. If f has no value
        anywhere, m is not known and taken to be 1.

    Raises
    ------
    ValueError
        As :func:`gradient`, if f gives more numbers at one point than at another, and if it contradicts the pattern.

    Examples
    --------
    >>> jacobian(lambda x: [x[0] * x[1], x[0]], [3.0, 5.0], formula="central_2", delta=0.125).value.tolist()
    [[5.0, 3.0], [1.0, 0.0]]
    """
    hints: dict[str, Any] = {"scale": scale, "noise": noise, "budget": budget}
    calling = {"vectorized": vectorized, "executor": executor, "scalar": False}
    if formula is None and delta is None:
        ladders = Ladders(f, x, "jacobian", domain, **calling, **hints)
        if sparsity is not None:
            return _with_bars(ladders, of_pattern(ladders, pattern_of(sparsity, ladders.structure.size)), _matrix)
        return _with_bars(ladders, ladders.axes(np.arange(ladders.structure.size)), _matrix)
    _refuse_hints(**hints)
    differences = Differences(f, x, "jacobian", formula, delta, domain, **calling)
    if sparsity is not None:
        return _result(differences, differences.sparse(pattern_of(sparsity, differences.x.size)), _matrix)
    return _result(differences, differences.first(np.arange(differences.x.size)), _matrix)


def directional(  # noqa: PLR0913 -- what is differentiated where, and all that may be known beforehand
    f: FunctionLike,
    x: Any,
    direction: Any,
    *,
    formula: str | Stencil | None = None,
    delta: float | None = None,
    domain: Box | None = None,
    scale: float | None = None,
    noise: float | None = None,
    budget: int | None = None,
    vectorized: bool | None = None,
    executor: Any = None,
) -> Gradient:
    """The derivative of f(x + t direction) in t at 0, for an f that gives one number.

    Parameters
    ----------
    f, x, formula, domain, noise, budget, vectorized, executor
        As in :func:`gradient`.
    direction : array_like, or the structure of x
        Of any length other than 0: twice the direction gives twice the derivative.
    delta : float, optional
        The step in t of the formula, positive and finite.
    scale : float, optional
        Length scale of f in t, if known.

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
    >>> result = directional(lambda x: x[0] ** 2 * x[1], [3.0, 5.0], [1.0, 2.0])
    >>> abs(result.value - 48.0) <= result.error < 1e-10, result.status
    (True, <Status.OK: 'ok'>)
    >>> directional(lambda x: x[0] ** 2 * x[1], [3.0, 5.0], [1.0, 2.0], formula="central_2", delta=0.125).value
    48.03125
    """
    if delta is not None and np.ndim(delta):
        raise ValueError(f"the delta of a direction is one number, not an array of shape {np.shape(delta)}")
    hints: dict[str, Any] = {"scale": scale, "noise": noise, "budget": budget}
    calling = {"vectorized": vectorized, "executor": executor, "scalar": True}
    if formula is None and delta is None:
        ladders = Ladders(f, x, "directional", domain, **calling, **hints)
        return _with_bars(ladders, ladders.direction(_direction(direction, ladders.structure)), _alone)
    _refuse_hints(**hints)
    differences = Differences(f, x, "directional", formula, delta, domain, **calling)
    towards = _direction(direction, differences.structure)
    return _result(differences, differences.along(towards), _alone)


def hessian(  # noqa: PLR0913 -- what is differentiated where, and all that may be known beforehand
    f: FunctionLike,
    x: Any,
    *,
    formula: str | None = None,
    delta: Any = None,
    domain: Box | None = None,
    scale: Any = None,
    noise: float | None = None,
    budget: int | None = None,
    vectorized: bool | None = None,
    executor: Any = None,
) -> Gradient:
    """The second derivatives of f, which gives one number, in all pairs of entries of x, with their bars.

    Without a formula, second derivatives are searched for along every axis, and along one diagonal of every pair, which
    gives the mixed one by polarization. With one, beside the diagonal the product of the formula for the first
    derivative with itself is taken, on the diagonal the formula of the same name for the second derivative.

    Parameters
    ----------
    f, x, delta, domain, scale, noise, vectorized, executor
        As in :func:`gradient`.
    formula : str, optional
        The name of a formula of the table.
    budget : int, optional
        Most evaluations for an entry on or above the diagonal, f(x) among them.

    Returns
    -------
    Gradient
        ``value``, ``error`` and ``status`` of shape ``(n, n)`` for n entries of x, also where n is 1, in the order of
        ``names``; symmetric to the bit. No point is evaluated twice, f(x) once for all entries, and of a formula the
        points on the axes once for all pairs. An entry is as good as the worst of the lines that it comes from, those
        of its two axes and its own: where f has a kink along an axis, none of the axis is known.

    Raises
    ------
    ValueError
        As :func:`gradient`.
    TypeError
        If the formula is not given by its name.

    Notes
    -----
    A kink that passes through x between the axes and the diagonals that are searched, as that of ``max(x[0]*x[1], 0)``
    at 0 does, is not seen.

    Examples
    --------
    >>> result = hessian(lambda x: x[0] ** 2 * x[1], [3.0, 5.0])
    >>> bool(np.all(abs(result.value - [[10.0, 6.0], [6.0, 0.0]]) <= result.error)), bool(np.all(result.error < 1e-10))
    (True, True)
    >>> hessian(lambda x: x[0] ** 2 * x[1], [3.0, 5.0], formula="central_2", delta=0.125).value.tolist()
    [[10.0, 6.0], [6.0, 0.0]]
    """
    hints: dict[str, Any] = {"scale": scale, "noise": noise, "budget": budget}
    calling = {"vectorized": vectorized, "executor": executor, "scalar": True}
    if formula is None and delta is None:
        ladders = Ladders(f, x, "hessian", domain, **calling, **hints)
        return _with_bars(ladders, curvatures(ladders), _matrix)
    _refuse_hints(**hints)
    differences = Differences(f, x, "hessian", formula, delta, domain, **calling)
    if isinstance(formula, Stencil):
        raise TypeError(
            "hessian needs the name of a formula, such as 'central_2', not a stencil: it takes the formulas of that "
            "name for derivatives 1 and 2"
        )
    return _result(differences, differences.second(stencil_of(str(formula), 2)), _matrix)


def _refuse_hints(**hints: object) -> None:
    """Refuse what only the search takes beside a formula and a delta."""
    for name, hint in hints.items():
        if hint is not None:
            raise ValueError(
                f"{name}={shown(hint)} is for the search of a window; leave out formula and delta, or this"
            )


def _with_bars(ladders: Ladders, found: Derivative, form: Form) -> Gradient:
    """The result of a search, whose derivatives have one column for each entry."""
    columns = {name: getattr(found, name).T for name in COLUMNS}
    return Gradient(
        **_formed(columns, form),
        evaluations=found.total,
        raised=ladders.raised,
        float32=ladders.float32,
        detail=found,
        structure=ladders.structure,
    )


def _result(differences: Differences, estimates: Estimates, form: Form) -> Gradient:
    """The result of a formula with a fixed delta."""
    ask = differences.ask
    columns = {name: getattr(estimates, name) for name in COLUMNS if name != "status"}
    return Gradient(
        **_formed({**columns, "status": _texts(estimates.code)}, form),
        evaluations=ask.total,
        raised=ask.raised,
        float32=ask.float32,
        structure=differences.structure,
    )


def _formed(columns: Mapping[str, Numbers], form: Form) -> dict[str, Any]:
    """Columns in their form; the status of one number is no mere text."""
    formed = {name: form(column) for name, column in columns.items()}
    return {**formed, "status": Status(formed["status"])} if isinstance(formed["status"], str) else formed


def _like_x(structure: Structure) -> Form:
    """In the structure of x."""
    return lambda column: structure.shaped(column.ravel())


def _alone(column: Numbers) -> Any:
    """One number."""
    return column.item()


def _matrix(column: Numbers) -> Numbers:
    """A row for each value of f."""
    return column


def _texts(code: Codes) -> Texts:
    """The statuses as text; where all are ok one text stands for all, since 14 characters each outweigh the values."""
    texts = np.array([str(status) for status in STATUSES])
    return texts[code] if code.any() else np.broadcast_to(texts[OK], code.shape)


def _direction(direction: Any, structure: Structure) -> Array:
    towards = structure.like(direction, "direction")
    if not (np.isfinite(towards).all() and towards.any()):
        raise ValueError("a direction has finite entries, not all of them 0")
    return towards
