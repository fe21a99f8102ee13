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

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from derivkit.arguments import shown
from derivkit.behaviour import FLOAT32, Raised
from derivkit.multivariate.colouring import pattern_of
from derivkit.multivariate.curvatures import curvatures
from derivkit.multivariate.evaluation import OK, STATUSES, Differences, Estimates
from derivkit.multivariate.ladders import Ladders
from derivkit.multivariate.sparse import of_pattern
from derivkit.multivariate.structure import Structure, flattened
from derivkit.numerical.formulas import stencil_of
from derivkit.numerical.result import Derivative, sentence
from derivkit.numerical.status import Status
from derivkit.numerical.stencil import Stencil
from derivkit.types import Array, Box, Codes, Indices, Numbers, Texts

Form = Callable[[Numbers], Any]
"""From the derivatives, with one column for each entry, to what the user has of them."""
COLUMNS = ("value", "error", "status", "left", "right")


@dataclass(frozen=True, kw_only=True, eq=False)
class Gradient:
    """Derivatives of a function of many variables.

    Attributes
    ----------
    value : float, ndarray, or the structure of x
        The estimates; NaN where there is none. Where f has a kink it is still what the formula gives. Of a gradient in
        the structure of x, labelled as x is.
    error : float, ndarray, or the structure of x
        Bars of the errors, infinite where there is none. Of those of a formula with a fixed delta at least 99 of 100
        hold, see the notes.
    status : Status, ndarray of str, or the structure of x
        As of a `Derivative`. Of a formula with a fixed delta also ``outside_domain`` and ``step_vanished`` where there
        is no value, and ``unresolved`` where the points of half the delta give no number.
    left, right : float, ndarray, or the structure of x
        The slopes of the sides at a kink or a jump, where they exist; NaN elsewhere.
    evaluations : int
        Points at which f was evaluated, each once, and where there is no fixed delta the two calls by which it was
        found out whether f takes batches: as many as f was called.
    raised : tuple of Raised
        The exceptions of f at single points, one entry for each type.
    float32 : bool
        Whether f computes in float32 or in less, as its values show.
    structure : Structure
        Of x: ``structure.name(k)`` is how the entry of column k is written, ``structure.place(path)`` which column an
        entry has, and ``structure.shaped(row)`` makes of a row of a Jacobian what x is.
    detail : Derivative, optional
        What the search found along every entry: window, noise, digits, evaluations; None of a formula with a delta.

    Notes
    -----
    A bar of a formula with a fixed delta has two parts. The rounding is predicted from the values of f, four roundings
    for each, in float32 where f computes in that. The truncation is measured by half the delta (Richardson 1911), which
    costs the further points of the half formula, and for a central one f(x), where the slopes of the sides show a kink:
    4 n + 1 points for ``central_2``, 2 n + 1 for ``forward_1``. A formula of one side sees no kink at x, and one of a f
    whose features are smaller than half the delta is believed like any other.

    Examples
    --------
    >>> result = gradient(lambda p: abs(p[0]) + abs(p[1]), [0.0, 1.0])
    >>> result.status.tolist(), round(result.left[0].item(), 6), round(result.right[0].item(), 6)
    (['kink', 'ok'], -1.0, 1.0)
    >>> print(result.message)
    1 of 2 kink, the first x[0]: f has a kink: its slope is -1 on the left and 1 on the right.
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
    structure: Structure = field(repr=False)
    detail: Derivative | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """How the n entries of x are written, in the order of the columns of a Jacobian, such as ``x['W1'][3, 0]``."""
        return tuple(map(self.structure.name, range(self.structure.size)))

    @property
    def message(self) -> str:
        """What became of the estimates, in a sentence for each status, and which types of x were converted."""
        sentences = [self._of_delta()] if self.detail is None else _of_search(self, self.detail)
        return " ".join([*sentences, self.structure.remark]).rstrip()

    def _of_delta(self) -> str:
        """Of a formula with a fixed delta."""
        statuses = flattened(self.status).tolist()
        counts = {status: statuses.count(status) for status in REASONS}
        reasons = [
            f"{count} of {len(statuses)} {status}, as {REASONS[status]}" for status, count in counts.items() if count
        ]
        if counts[Status.NOT_FINITE] and self.raised:
            reasons.append(f"f raised {self.raised[0]}")
        known = f"{'; '.join(reasons)}." if reasons else ALL_OK
        return f"{known} {FLOAT32}" if self.float32 else known


ALL_OK = "every derivative has a value and a bar."


def _of_search(result: Gradient, detail: Derivative) -> list[str]:
    """The sentences of the statuses but ``ok``, each with the first entry that has it, or the one of a single entry."""
    statuses = np.asarray(detail.status)
    if isinstance(result.status, Status):
        return [sentence(detail, (0,) * statuses.ndim)]
    groups = [(status, np.argwhere(statuses == status)) for status in dict.fromkeys(statuses.ravel().tolist())]
    sentences = [
        f"{len(places)} of {statuses.size} {status}, the first {_entry(result.structure, detail, places[0])}: "
        f"{sentence(detail, tuple(places[0]))}"
        for status, places in groups
        if status != Status.OK
    ]
    return sentences or [f"{ALL_OK} {FLOAT32}" if result.float32 else ALL_OK]


def _entry(structure: Structure, detail: Derivative, place: Indices) -> str:
    """The name of an entry that is so far along the lines: of a Hessian both, of a Jacobian the value comes second."""
    if detail.order > 1:
        return " and ".join(map(structure.name, place))
    name = structure.name(int(place[0]))
    return f"value {place[1]} by {name}" if len(place) > 1 else name


REASONS = {
    Status.OUTSIDE_DOMAIN: "x or a point of the formula lies outside the domain",
    Status.STEP_VANISHED: "the step vanishes beside x",
    Status.NOT_FINITE: "f has no finite value at a point of the formula",
    Status.KINK: "the slopes of its sides differ, and do so at half the delta",
    Status.UNRESOLVED: "the points of half the delta, which tell the bar, give no number",
    Status.BELOW_RESOLUTION: "the bar reaches the value, which thus is a bound",
}


def gradient(  # noqa: PLR0913 -- what is differentiated where, and all that may be known beforehand
    f: Callable[..., Any],
    x: Any,
    *,
    formula: str | Stencil | None = None,
    delta: Any = None,
    domain: Box | None = None,
    scale: Any = None,
    noise: float | None = None,
    budget: int | None = None,
    vectorized: bool | None = None,
) -> Gradient:
    """The derivatives of f, which gives one number, in all entries of x, with their bars.

    Parameters
    ----------
    f : callable
        Of what x is. Of an array of float64 it may take batches, shape ``(k, *x.shape)``, and give k values; whether it
        does is found out. An exception, NaN, infinity or a mask means that it has no value there; a mask that f leaves
        out itself, as the sum of a masked array does, cannot be seen.
    x : array_like, series, or list, tuple or dict of these, nested
        The point. f is given the same nesting, series and frames with their labels, and arrays of float32 as such, so
        that it has no more digits; other numbers in float64. A list of numbers is a vector, and given as an array.
    formula : str or Stencil, optional
        A formula for the first derivative, of the table by name, or any stencil, instead of the search for a window.
    delta : float, or the structure of x, optional
        Its step, in x's unit, positive and finite; one for all, for each array or for each entry (broadcast to its
        shape).
    domain : (lower, upper), optional
        The closed interval of the entries, never left: two ends, each like delta, or None for one that is not there.
    scale : float, or the structure of x, optional
        Length scale of f along the entries, if known, in their unit; like delta.
    noise : float, optional
        Standard deviation of the error of f's values, if known, in the unit of f.
    budget : int, optional
        Most evaluations for an entry, f(x) among them. Entries that need more are reported as ``unresolved``.
    vectorized : bool, optional
        Whether f takes batches, if known.

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
    hints = {"scale": scale, "noise": noise, "budget": budget}
    if formula is None and delta is None:
        ladders = Ladders(f, x, "gradient", domain, vectorized=vectorized, scalar=True, **hints)
        return _with_bars(ladders, ladders.axes(np.arange(ladders.structure.size)), _like_x(ladders.structure))
    _refuse_hints(**hints)
    differences = Differences(f, x, "gradient", formula, delta, domain, vectorized=vectorized, scalar=True)
    return _result(differences, differences.first(np.arange(differences.x.size)), _like_x(differences.structure))


def partial(  # noqa: PLR0913 -- what is differentiated where, and all that may be known beforehand
    f: Callable[..., Any],
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
) -> Gradient:
    """The derivative of f, which gives one number, in one entry of x.

    Parameters
    ----------
    f, x, formula, delta, domain, scale, noise, budget, vectorized
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
    hints = {"scale": scale, "noise": noise, "budget": budget}
    if formula is None and delta is None:
        ladders = Ladders(f, x, "partial", domain, vectorized=vectorized, scalar=True, **hints)
        return _with_bars(ladders, ladders.axes(np.array([ladders.structure.place(index)])), _alone)
    _refuse_hints(**hints)
    differences = Differences(f, x, "partial", formula, delta, domain, vectorized=vectorized, scalar=True)
    chosen = np.array([differences.structure.place(index)])
    return _result(differences, differences.first(chosen), _alone)


def jacobian(  # noqa: PLR0913 -- what is differentiated where, and all that may be known beforehand
    f: Callable[..., Any],
    x: Any,
    *,
    formula: str | Stencil | None = None,
    delta: Any = None,
    domain: Box | None = None,
    scale: Any = None,
    noise: float | None = None,
    budget: int | None = None,
    vectorized: bool | None = None,
    sparsity: ArrayLike | None = None,
) -> Gradient:
    """The derivatives of all values of f in all entries of x.

    Parameters
    ----------
    f : callable
        As in :func:`gradient`, giving m numbers of any shape, or k times as many for a batch of k.
    x, formula, delta, domain, scale, budget, vectorized
        As in :func:`gradient`.
    noise : float, optional
        As there, the same for all values of f.
    sparsity : array_like of bool, shape ``(m, n)``, optional
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
    hints = {"scale": scale, "noise": noise, "budget": budget}
    if formula is None and delta is None:
        ladders = Ladders(f, x, "jacobian", domain, vectorized=vectorized, scalar=False, **hints)
        if sparsity is not None:
            return _with_bars(ladders, of_pattern(ladders, pattern_of(sparsity, ladders.structure.size)), _matrix)
        return _with_bars(ladders, ladders.axes(np.arange(ladders.structure.size)), _matrix)
    _refuse_hints(**hints)
    differences = Differences(f, x, "jacobian", formula, delta, domain, vectorized=vectorized, scalar=False)
    if sparsity is not None:
        return _result(differences, differences.sparse(pattern_of(sparsity, differences.x.size)), _matrix)
    return _result(differences, differences.first(np.arange(differences.x.size)), _matrix)


def directional(  # noqa: PLR0913 -- what is differentiated where, and all that may be known beforehand
    f: Callable[..., Any],
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
) -> Gradient:
    """The derivative of f(x + t direction) in t at 0, for an f that gives one number.

    Parameters
    ----------
    f, x, formula, domain, noise, budget, vectorized
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
    hints = {"scale": scale, "noise": noise, "budget": budget}
    if formula is None and delta is None:
        ladders = Ladders(f, x, "directional", domain, vectorized=vectorized, scalar=True, **hints)
        return _with_bars(ladders, ladders.direction(_direction(direction, ladders.structure)), _alone)
    _refuse_hints(**hints)
    differences = Differences(f, x, "directional", formula, delta, domain, vectorized=vectorized, scalar=True)
    towards = _direction(direction, differences.structure)
    return _result(differences, differences.along(towards), _alone)


def hessian(  # noqa: PLR0913 -- what is differentiated where, and all that may be known beforehand
    f: Callable[..., Any],
    x: Any,
    *,
    formula: str | None = None,
    delta: Any = None,
    domain: Box | None = None,
    scale: Any = None,
    noise: float | None = None,
    budget: int | None = None,
    vectorized: bool | None = None,
) -> Gradient:
    """The second derivatives of f, which gives one number, in all pairs of entries of x, with their bars.

    Without a formula, second derivatives are searched for along every axis, and along one diagonal of every pair, which
    gives the mixed one by polarization. With one, beside the diagonal the product of the formula for the first
    derivative with itself is taken, on the diagonal the formula of the same name for the second derivative.

    Parameters
    ----------
    f, x, delta, domain, scale, noise, vectorized
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
    hints = {"scale": scale, "noise": noise, "budget": budget}
    if formula is None and delta is None:
        ladders = Ladders(f, x, "hessian", domain, vectorized=vectorized, scalar=True, **hints)
        return _with_bars(ladders, curvatures(ladders), _matrix)
    _refuse_hints(**hints)
    differences = Differences(f, x, "hessian", formula, delta, domain, vectorized=vectorized, scalar=True)
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
