"""A derivative with an error bar that is true, or the reason why there is none."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from derivkit.arguments import (
    check_function,
    check_vectorized,
    points_of,
    positive,
    shown,
    spread,
)
from derivkit.asker import Asker, domain_of
from derivkit.behaviour import FLOAT32
from derivkit.numerical.ladder import HIGHEST
from derivkit.numerical.ledger import Memory
from derivkit.numerical.methods import method
from derivkit.numerical.rounds import empty
from derivkit.numerical.search import Search, first_ladder
from derivkit.numerical.state import Limits
from derivkit.numerical.status import CODE, STATUSES, Status
from derivkit.types import Array, Codes, Domain, Ends, Indices, Mask

CHUNK = 4096
"""Points that are searched together, so that memory stays flat; found by measurement."""
STRIDE = 8
"""Of many points one of so many goes first, and tells its neighbours the size of its window."""
MANY = 64
"""So many points are many."""
ALIKE = 4.0
"""Two windows agree on their size up to this factor."""
ACCURACIES = {"default": 8.0, "high": 2.0}
"""By how much the error may be larger than at the best window that was foreseen."""
SIDES = {None: 0, "left": -1, "right": 1}
STATUS_TEXTS = np.array([str(status) for status in STATUSES])
TINIEST = float(np.finfo(np.float64).tiny)
"""Bars below the normal floats are those of values that do not change at all."""
LAST_VALUED = Status.MULTISCALE
"""Of the statuses up to this one every point has a value, before small values are told."""


@dataclass(frozen=True, kw_only=True)
class Derivative:
    """A derivative, how far off it may be, and why.

    For one number x all fields are plain numbers; for an array they are arrays of x's shape, with a further axis where
    f gives several numbers for each point.

    Attributes
    ----------
    value : float or ndarray
        NaN where there is none.
    error : float or ndarray
        Bar: the true error is below it in about 998 of 1000 cases with the status ``ok``; infinite where there is no
        value. It is never 0, as samples prove nothing.
    status : Status or ndarray of str
        See `Status`.
    digits : float or ndarray
        Decimal digits of the value that the bar vouches for.
    delta : float or ndarray
        Largest step of the window that was used, in x's unit.
    noise : float or ndarray
        Standard deviation of the values of f on it, as measured.
    left, right : float or ndarray
        Derivatives of the two sides where they differ, of the first of the requested orders; NaN elsewhere.
    exponent : float or ndarray
        Where the tangent is vertical, the power of the distance that f follows; NaN elsewhere.
    evaluations : int or ndarray
        Values of f charged to the point.
    float32 : bool or ndarray of bool
        Whether f computes in float32 or in less, as its values show.
    spacing : float or ndarray
        Distance of the floats beside x, below which no step can go.
    total : int
        Points at which f was evaluated, those of the probe whether it takes arrays apart.
    denied : bool or ndarray of bool
        Whether more evaluations were wanted than the budget allows.
    raised : tuple of str
        What f raised, by type, with the first point.
    order : int
        Of the derivative.

    Examples
    --------
    >>> found = derivative(abs, 0.0)
    >>> found.status, found.left, found.right
    (<Status.KINK: 'kink'>, -1.0, 1.0)
    """

    value: Any
    error: Any
    status: Any
    digits: Any
    delta: Any
    noise: Any
    left: Any
    right: Any
    exponent: Any
    evaluations: Any
    total: int
    denied: Any = False
    float32: Any = False
    spacing: Any = math.nan
    raised: tuple[str, ...] = ()
    order: int = 1

    @property
    def message(self) -> Any:
        """The reason of the status, in a sentence; an array of them for an array."""
        shape = np.shape(self.value)
        if not shape:
            return _sentence(self, ())
        found = np.empty(shape, dtype=object)
        for place in np.ndindex(shape):
            found[place] = _sentence(self, place)
        return found


@method("ours: step ladders whose plateau of noise is measured", orders=(1, 2, 3, 4))
def derivative(  # noqa: PLR0913 -- what is differentiated where, and all that somebody may know beforehand
    f: Callable[..., Any],
    x: ArrayLike,
    order: int = 1,
    *,
    domain: Ends | None = None,
    side: str | None = None,
    accuracy: str = "default",
    budget: int | None = None,
    scale: ArrayLike | None = None,
    noise: ArrayLike | None = None,
    vectorized: bool | None = None,
) -> Derivative:
    """The derivative of f at x, with an error bar that is true, or an honest refusal.

    Parameters
    ----------
    f : callable
        Of one number or of an array; for x of shape ``(n,)`` it gives ``(n,)`` or ``(n, m)``. An exception, NaN,
        infinity or a mask means that it has no value there.
    x : array_like
        Points, of any shape; NaN where they are masked.
    order : int
        Of the derivative, 1 to 4.
    domain : tuple of float, optional
        Closed interval that is never left, within that of a :class:`Function`; None for an end that is not there.
    side : str, optional
        ``left`` or ``right``: the derivative of that side alone.
    accuracy : str
        ``default``, or ``high`` for more evaluations and a smaller error.
    budget : int, optional
        Most evaluations at a point. Points that need more are reported as ``unresolved``.
    scale : array_like, optional
        Length scale of f at x, if known, in the unit of x: one number, or one for each x.
    noise : array_like, optional
        Standard deviation of the error of f's values, if known, in the unit of f: one number, or one for each x.
    vectorized : bool, optional
        Whether f takes arrays, if known.

    Returns
    -------
    Derivative

    Raises
    ------
    TypeError, ValueError
        If an argument is none of these, or f gives different numbers of values.

    Notes
    -----
    The bar covers the true error in about 998 of 1000 cases with the status ``ok``, as measured over the population of
    functions that comes with the project. What no method can detect from values alone it covers only by luck: structure
    below the noise, a spike between the steps, the bias of code that is smooth but wrong.

    Examples
    --------
    >>> import math
    >>> found = derivative(math.sin, 1.0)
    >>> abs(found.value - math.cos(1.0)) <= found.error < 1e-13, found.status, found.evaluations
    (True, <Status.OK: 'ok'>, 13)
    >>> derivative(abs, 0.0).status
    <Status.KINK: 'kink'>
    """
    return derivatives(
        f,
        x,
        (order,),
        domain=domain,
        side=side,
        accuracy=accuracy,
        budget=budget,
        scale=scale,
        noise=noise,
        vectorized=vectorized,
    )[order]


def derivatives(  # noqa: PLR0913 -- as derivative
    f: Callable[..., Any],
    x: ArrayLike,
    orders: Iterable[int] = (1, 2),
    *,
    domain: Ends | None = None,
    side: str | None = None,
    accuracy: str = "default",
    budget: int | None = None,
    scale: ArrayLike | None = None,
    noise: ArrayLike | None = None,
    vectorized: bool | None = None,
) -> dict[int, Derivative]:
    """Several derivatives from one shared set of evaluations, each with its own bar.

    Parameters
    ----------
    f, x, domain, side, accuracy, budget, scale, noise, vectorized
        As in `derivative`.
    orders : iterable of int
        Which; the first decides which steps are taken.

    Returns
    -------
    dict
        A Derivative for every order.

    Examples
    --------
    >>> found = derivatives(lambda x: x**3, 2.0, (1, 2))
    >>> round(found[1].value, 9), round(found[2].value, 6), found[1].total == found[2].total
    (12.0, 12.0, True)
    """
    wanted = _orders(orders)
    check_function(f, "dk.derivative(math.sin, 1.0)")
    at = points_of(x)
    if at.size == 0:
        raise ValueError(f"x is empty (shape {at.shape}); give at least one point")
    _refuse(side=side, accuracy=accuracy, budget=budget)
    check_vectorized(vectorized)
    ends = _domain(f, at, domain)
    limits = Limits(*ends, side=SIDES[side], sacrifice=ACCURACIES[accuracy])
    hints = np.array([_hint("scale", scale, at), _hint("noise", noise, at)])
    flat = np.concatenate([at.reshape(1, -1), hints.reshape(2, -1)])
    distinct, back = _distinct(flat)
    level = float(np.nan_to_num(hints[1]).max())
    ask = Asker(f, several=True, domain=ends, vectorized=vectorized, noise=level)
    most = math.inf if budget is None else budget

    def search(which: Indices, top: Array) -> list[_Part]:
        whole = np.concatenate([distinct[:, which], top[None]])
        return [
            _searched(ask, whole[:, start : start + CHUNK], wanted, limits, most)
            for start in range(0, which.size, CHUNK)
        ]

    parts, order = _by_neighbours(search, distinct.shape[1], alone=limits.side != 0)
    back = np.argsort(order)[back]
    width = max(part.width for part in parts)
    shape = at.shape + ((width,) if width else ())
    with np.errstate(all="ignore"):
        spacing = np.spacing(np.abs(at if not width else at[..., None]))
    return {
        order: _gathered(parts, wanted, order, shape=shape, back=back, ask=ask, spacing=spacing) for order in wanted
    }


def _by_neighbours(
    search: Callable[[Indices, Array], list[_Part]], count: int, *, alone: bool
) -> tuple[list[_Part], Indices]:
    """Search at points that rise, and the order in which that was done.

    Of many points some go first. Where two of these agree on the size of their windows, those between them begin with
    a window of that size instead of a look.
    """
    points = np.arange(count)
    if alone or count < MANY:
        return search(points, np.full(count, np.nan)), points
    first = np.zeros(count, dtype=bool)
    first[::STRIDE] = first[-1] = True
    pilots, rest = points[first], points[~first]
    parts = search(pilots, np.full(pilots.size, np.nan))
    steps = np.concatenate([part.step.reshape(-1, max(part.width, 1)).min(axis=1) for part in parts])
    fine = [(part.status == CODE[Status.OK]).reshape(-1, max(part.width, 1)).all(axis=1) for part in parts]
    after = rest // STRIDE + 1
    with np.errstate(all="ignore"):
        logs = np.log(np.where(np.concatenate(fine), steps, np.nan))
        low, high = logs[after - 1], logs[after]
        share = (rest - pilots[after - 1]) / (pilots[after] - pilots[after - 1])
        top = np.where(np.abs(high - low) < math.log(ALIKE), np.exp(low + share * (high - low)), np.nan)
    known = np.isfinite(top)
    for which in (known, ~known):
        parts += search(rest[which], top[which])
    return parts, np.concatenate([pilots, rest[known], rest[~known]])


class _Part(NamedTuple):
    """What is kept of a search that has ended."""

    value: Array
    error: Array
    status: NDArray[np.int8]
    step: Array
    noise: Array
    left: Array
    right: Array
    exponent: Array
    evaluations: NDArray[np.intp]
    denied: NDArray[np.bool_]
    width: int
    """0 where f gives one number, else how many."""


KEPT = ("value", "error", "status", "step", "noise", "left", "right", "exponent")
IN_UNITS_OF_F = ("value", "error", "noise", "left", "right")
HUGE, ROOM = 2.0**900, 2.0**-100
"""Where |f| is above the first at x or within the first look, the search sees f times the second, so that no sum or
difference of values overflows."""


def _searched(ask: Asker, points: Array, orders: tuple[int, ...], limits: Limits, budget: float) -> _Part:
    """Search at some points; ``points`` has rows for x, scale, noise and the largest step, NaN where it is unknown.

    The largest step is known at all points or at none.
    """
    x, scale, noise, known = points
    with np.errstate(all="ignore"):
        ladder, steps = first_ladder(x, limits, scale, known)
        around, moved = ladder.abscissas(steps)
        where = np.concatenate([x[None], around])
        affordable = len(where) <= budget
        values = ask(where.ravel()) if affordable else np.full(where.size, np.nan)
        width = values.shape[1] if values.ndim == 2 else 0
        values = values.reshape(*where.shape, max(width, 1))
        memory = Memory(ask, where, values, domain=(limits.lo, limits.hi), budget=budget)
        if not affordable:
            memory.evaluations[:], memory.denied[:] = 0, True
        if width:
            x, noise, moved = (np.repeat(array, width, axis=-1) for array in (x, noise, moved))
        flat = values.reshape(len(where), -1)
        unit = np.where(np.abs(np.where(np.isfinite(flat), flat, 0.0)).max(axis=0) > HUGE, ROOM, 1.0)
        flat = flat * unit
        search = Search(x, orders, limits, hint=noise * unit if np.any(noise > 0.0) else None)
        top = np.repeat(ladder.top, width) if width else ladder.top
        begun = empty(np.arange(x.size), x, flat[0], top, ladder.sides, first=True).joined(steps, flat[1:], moved)
        way = search.begin(begun)
        answers: list[Array] | None = None
        while True:
            try:
                requests = next(way) if answers is None else way.send(answers)
            except StopIteration:
                kept: dict[str, Any] = {name: getattr(search, name) for name in KEPT}
                kept |= {name: kept[name] / unit for name in IN_UNITS_OF_F}
                return _Part(**kept, evaluations=memory.evaluations, denied=memory.denied, width=width)
            answers = [
                values * unit[request.points] for values, request in zip(memory(requests), requests, strict=True)
            ]


def _gathered(
    parts: Sequence[_Part],
    orders: tuple[int, ...],
    order: int,
    *,
    shape: tuple[int, ...],
    back: Indices,
    ask: Asker,
    spacing: Array,
) -> Derivative:
    """The result of one order from the searches of all chunks."""
    width = max(part.width for part in parts)

    def whole(name: str, row: int | None = None) -> Any:
        found = [getattr(part, name) if row is None else getattr(part, name)[row] for part in parts]
        flat = found[0] if len(found) == 1 else np.concatenate(found)
        if not width:
            return flat[back].reshape(shape)
        table = flat[:, None] if name in ("evaluations", "denied") else flat.reshape(-1, width)
        return np.broadcast_to(table, (len(table), width))[back].reshape(shape)

    place, first = orders.index(order), orders[0]
    value, error, codes = whole("value", place), whole("error", place), whole("status")
    denied = whole("denied")
    if order > 1:  # what is infinite is the slope
        value = np.where(codes == CODE[Status.VERTICAL], np.nan, value)
    if order < first:  # a kink in a higher derivative says nothing of a lower one
        codes = np.where(codes == CODE[Status.KINK], CODE[Status.UNRESOLVED], codes)
    with np.errstate(all="ignore"):
        value, error, codes = _resolved(value, error, codes, denied)
        digits = np.where(np.isfinite(error), np.maximum(0.0, -np.log10(error / np.abs(value))), 0.0)
    broken = np.isin(codes, [CODE[Status.KINK], CODE[Status.JUMP]]) & (order == first)
    status = STATUS_TEXTS[codes.astype(np.intp)]
    arrays = {
        "value": value,
        "error": error,
        "digits": digits,
        "delta": whole("step"),
        "noise": whole("noise"),
        "left": np.where(broken, whole("left"), np.nan),
        "right": np.where(broken, whole("right"), np.nan),
        "exponent": np.where(codes == CODE[Status.VERTICAL], whole("exponent"), np.nan),
        "evaluations": whole("evaluations"),
        "denied": denied,
        "float32": np.broadcast_to(ask.float32, shape),
        "spacing": np.broadcast_to(spacing, shape),
    }
    of_f: dict[str, Any] = {"total": ask.total, "raised": tuple(map(str, ask.raised))}
    if not shape:
        plain = {name: array.item() for name, array in arrays.items()}
        return Derivative(**plain, status=Status(str(status)), order=order, **of_f)
    return Derivative(**arrays, status=status, order=order, **of_f)


def _resolved(value: Array, error: Array, codes: Codes, denied: Mask) -> tuple[Array, Array, Codes]:
    """Values, bars and statuses: unresolved where one of them is missing, a bound where the bar reaches the value."""
    codes = np.where(denied & np.isnan(value), CODE[Status.UNRESOLVED], codes)
    lost = ~(np.isfinite(value) & np.isfinite(error)) & (codes <= CODE[LAST_VALUED])
    value, error = np.where(lost, np.nan, value), np.where(lost, np.inf, error)
    codes = np.where(lost, CODE[Status.UNRESOLVED], codes)
    bound = np.isfinite(error) & (error >= np.abs(value))
    return value, error, np.where(bound, CODE[Status.BELOW_RESOLUTION], codes)


# What is refused, and said


def _orders(orders: Iterable[int]) -> tuple[int, ...]:
    if not isinstance(orders, Iterable):
        raise TypeError(f"orders={shown(orders)}: write them in a row, such as ({shown(orders)},)")
    wanted = tuple(orders)
    for order in wanted:
        if isinstance(order, bool) or not isinstance(order, (int, np.integer)) or not 1 <= order <= HIGHEST:
            raise ValueError(f"order={shown(order)}: a derivative has an order from 1 to {HIGHEST}")
    if not wanted or len(set(wanted)) < len(wanted):
        raise ValueError(f"orders={shown(list(wanted))}: name at least one, and none twice")
    return tuple(int(order) for order in wanted)


def _refuse(*, side: str | None, accuracy: str, budget: int | None) -> None:
    if not (side is None or isinstance(side, str)) or side not in SIDES:
        raise ValueError(f"side={shown(side)}: write 'left' or 'right', or leave it out for both")
    if not isinstance(accuracy, str) or accuracy not in ACCURACIES:
        raise ValueError(f"accuracy={shown(accuracy)}: there are {', '.join(ACCURACIES)}")
    if budget is not None and not (isinstance(budget, (int, np.integer)) and budget is not True and budget >= 1):
        raise ValueError(f"budget={shown(budget)}: write how many evaluations a point may have, a whole number above 0")


def _domain(f: Any, x: Array, domain: Ends | None) -> Domain:
    lo, hi = domain_of(f, domain)
    outside = (x < lo) | (x > hi)
    if np.any(outside):
        raise ValueError(f"x = {float(x[outside].flat[0])!r} lies outside the domain [{lo}, {hi}]")
    return lo, hi


def _hint(name: str, value: ArrayLike | None, x: Array) -> Array:
    return np.full(x.shape, np.nan) if value is None else np.array(spread(name, positive(name, value), x.shape))


def _distinct(points: Array) -> tuple[Array, Indices]:
    """The points without repetitions, and where each of them is; ``points`` has rows for x, scale and noise."""
    x = points[0]
    if x.size == 1 or np.all(x[1:] > x[:-1]):
        return points, np.arange(x.size)
    # no hint is like another, which NaN is not
    _, first, back = np.unique([x, *np.nan_to_num(points[1:])], axis=1, return_index=True, return_inverse=True)
    return points[:, first], back.ravel()


def _sentence(found: Derivative, place: tuple[int, ...]) -> str:
    """What was seen at one of the points."""

    def at(name: str) -> Any:
        entry = getattr(found, name)
        return entry[place] if np.shape(entry) else entry

    status = Status(str(at("status")))
    sentence = MESSAGES[status](at)
    if found.raised and status in UNEXPLAINED:
        sentence = f"{sentence.rstrip('.')}: {found.raised[0]}."
    return f"{sentence} {FLOAT32}" if at("float32") else sentence


def _bar(at: Callable[[str], Any]) -> str:
    return f"{at('value'):.6g} within {at('error'):.1e}"


def _sign(infinite: float) -> str:
    return "" if math.isnan(infinite) else f" ({infinite:+})"


ALMOST_ONE = 0.99
"""A power above this with a vertical tangent is that of x log(x), or not told from it."""
UNEXPLAINED = frozenset({Status.ONE_SIDED, Status.UNRESOLVED, Status.NOT_FINITE})
"""What may come from what f raised, which is then said."""
NAMES = {1: "slope", 2: "second derivative", 3: "third derivative", 4: "fourth derivative"}

MESSAGES: Mapping[Status, Callable[[Callable[[str], Any]], str]] = MappingProxyType(
    {
        Status.OK: lambda at: f"{_bar(at)}: f is smooth over a distance of {at('delta'):.2g} on both sides.",
        Status.ONE_SIDED: lambda at: f"{_bar(at)}: f is known on one side only.",
        Status.NOISY: lambda at: f"{_bar(at)}: the values of f have noise of {at('noise'):.1e}, far above rounding.",
        Status.MULTISCALE: lambda at: (
            f"{_bar(at)}, over a distance of {at('delta'):.2g}: over larger distances f has another slope."
        ),
        Status.BELOW_RESOLUTION: lambda at: (
            f"f does not change over a distance of {at('delta'):.2g}: the derivative is 0, as far as values can tell."
            if at("value") == 0.0 and at("error") < TINIEST
            else f"the derivative is within {at('error'):.1e} of {at('value'):.1g}: too small to be told from 0."
        ),
        Status.KINK: lambda at: (
            "f has a kink: a lower derivative differs between its sides."
            if math.isnan(at("left"))
            else f"f has a kink: its {NAMES[at('order')]} is {at('left'):.6g} on the left"
            f" and {at('right'):.6g} on the right."
        ),
        Status.JUMP: lambda at: "f jumps: its values do not come near f(x) on one side.",
        Status.VERTICAL: lambda at: (
            f"the tangent is vertical{_sign(at('value'))}: f follows the power {at('exponent'):.3g} of the distance"
            + (", times its logarithm." if at("exponent") > ALMOST_ONE else ".")
        ),
        Status.UNRESOLVED: lambda at: (
            "the budget of evaluations was used up before f was resolved."
            if at("denied")
            else f"f looks smooth at no scale down to the spacing of floats at x, {at('spacing'):.2g}: "
            "no step tells its slope."
        ),
        Status.NOT_FINITE: lambda at: "f has no finite value at x.",
    }
)
"""What each status says."""
