"""A derivative with an error bar that is true, or the reason why there is none."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from derivkit.arguments import check_function, check_vectorized, points_of, positive, shown, spread
from derivkit.asker import Asker, domain_of
from derivkit.numerical.chunks import Collected, Searches, inverse
from derivkit.numerical.methods import method
from derivkit.numerical.result import Derivative
from derivkit.numerical.state import Limits
from derivkit.numerical.windows import HIGHEST
from derivkit.types import Array, Domain, Ends, FunctionLike, Indices

ACCURACIES = {"default": 8.0, "high": 2.0}
"""By how much the error may be larger than at the best window that was foreseen."""
SIDES = {None: 0, "left": -1, "right": 1}


@method("ours: step ladders whose plateau of noise is measured", orders=(1, 2, 3, 4))
def derivative(  # noqa: PLR0913 -- what is differentiated where, and all that somebody may know beforehand
    f: FunctionLike,
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
    executor: Any = None,
) -> Derivative:
    """The derivative of f at x, with an error bar that is true, or an honest refusal.

    Parameters
    ----------
    f : callable or formula
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
        Length scale of f at x, if known, in the unit of x: one number, or of x's shape.
    noise : array_like, optional
        Standard deviation of the error of f's values, if known, in the unit of f: one number, or of x's
        shape.
    vectorized : bool, optional
        Whether f takes arrays, if known.
    executor : object with map, optional
        Evaluates the points of a round at once, as ``concurrent.futures.ThreadPoolExecutor()`` does; the result is the
        same to the bit. Processes take functions of modules only. An f that takes arrays is given one instead.

    Returns
    -------
    Derivative
        Of x's shape; Python numbers for a scalar x.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid, or f gives more values at one point than at another.

    Notes
    -----
    The bar covers the true error in about 998 of 1000 cases with the status ``ok``, as measured over the population of
    functions that comes with the project. What no method can detect from values alone it covers only by luck: structure
    below the noise, a spike between the steps, the bias of code that is smooth but wrong.

    Examples
    --------
    >>> import math
    >>> result = derivative(math.sin, 1.0)
    >>> abs(result.value - math.cos(1.0)) <= result.error < 1e-13, result.status, result.evaluations
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
        executor=executor,
    )[order]


def derivatives(  # noqa: PLR0913 -- as derivative
    f: FunctionLike,
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
    executor: Any = None,
) -> dict[int, Derivative]:
    """Several derivatives from one shared set of evaluations, each with its own bar.

    Parameters
    ----------
    f, x, domain, side, accuracy, budget, scale, noise, vectorized, executor
        As in :func:`derivative`.
    orders : iterable of int
        The orders of the derivatives; the first one decides which steps are taken.

    Returns
    -------
    dict
        A Derivative for every order.

    Raises
    ------
    TypeError, ValueError
        As :func:`derivative`, and if an order is repeated or none is named.

    Examples
    --------
    >>> results = derivatives(lambda x: x**3, 2.0, (1, 2))
    >>> round(results[1].value, 9), round(results[2].value, 6), results[1].total == results[2].total
    (12.0, 12.0, True)
    """
    wanted = _orders(orders)
    check_function(f, "dk.derivative(math.sin, 1.0)")
    points = points_of(x)
    if points.size == 0:
        raise ValueError(f"x is empty (shape {points.shape}); give at least one point")
    _refuse(side=side, accuracy=accuracy, budget=budget)
    check_vectorized(vectorized)
    lo, hi = _domain(f, points, domain)
    hints = [_hint(name, value, points).ravel() for name, value in (("scale", scale), ("noise", noise))]
    ask = Asker(
        f,
        several=True,
        domain=(lo, hi),
        vectorized=vectorized,
        noise=0.0 if noise is None else float(hints[1].max()),
        executor=executor,
    )
    limits = Limits(lo, hi, side=SIDES[side], sacrifice=ACCURACIES[accuracy])
    searches = Searches(ask, wanted, limits, math.inf if budget is None else budget)
    distinct, place = _distinct(np.array([points.ravel(), *hints]))
    parts, order = searches.by_neighbours(distinct)
    collected = Collected(searches, parts, inverse(order)[place], points)
    del distinct, place, parts, order, hints  # as large together as what is handed back
    return {each: collected.derivative(each) for each in wanted}


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
    if np.count_nonzero(outside):
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
