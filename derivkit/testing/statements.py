"""What a method says of a derivative at many points, with the evaluations counted from outside, ready to be judged."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from derivkit.asker import Asker
from derivkit.function import Function
from derivkit.numerical.methods import Method
from derivkit.testing.population import Family
from derivkit.types import Array, Mask, Numbers, Texts

NEAREST = 1024.0
"""Floats that lie nearer to x than so many units in its last place say little of a derivative."""
ENOUGH = 6
"""So many finite values on one side are enough for a derivative."""
DISTANCES = np.ldexp(NEAREST, 2 * np.arange(20))
"""Where f is looked at beside x, in units in the last place of x."""
SAMPLES = 64
"""Places of a window at which a perturbation is measured, so that its level is known to about a tenth."""
GOLDEN = 0.5 * (5.0**0.5 - 1.0)


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What a method says, in arrays of shape ``(n,)``, one entry for each point.

    Attributes
    ----------
    value, error : ndarray
        The derivative and its bar.
    status : ndarray of str
    evaluations : ndarray of int
        Values of f that the method charges to the point.
    noise, delta : ndarray
        Standard deviation of f's error, and the largest step that was used; NaN where the method does not say.
    total : int
        Values of f that the method says it took.
    counted : int
        Values of f that it did take.
    distinct : int
        How many different points these were at.
    seconds : ndarray
        Which the method took for the point, without those of f; of a method that is asked for all points together, as
        many for each.
    requested : str
        Of f: ``complex`` values, ``real`` ones alone, or none, but the ``formula``.
    message : ndarray of str
        Why the status is what it is; empty where the method does not say.
    """

    value: Array
    error: Array
    status: NDArray[np.str_]
    evaluations: NDArray[np.int64]
    noise: Array
    delta: Array
    total: int
    counted: int
    distinct: int
    seconds: Array
    requested: str
    message: Texts

    @property
    def answered(self) -> Mask:
        """Where there is a finite value with a finite bar."""
        return np.isfinite(self.value) & np.isfinite(self.error)


class Counter:
    """A function that remembers where it is asked; a point counts as often as it is asked, also where f raises.

    Of a function of several variables the calls count, each with a point as its argument.

    Examples
    --------
    >>> f = Counter(np.sin)
    >>> f(np.array([0.0, 1.0])), f(1.0)
    (array([0.        , 0.84147098]), np.float64(0.8414709848078965))
    >>> f.counted, f.distinct, f.calls, f.arguments
    (3, 2, 2, 2)
    """

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call, self.seconds = call, 0.0
        self._asked: list[NDArray[Any]] = []

    def __call__(self, x: Any) -> Any:
        """f(x), counted and timed."""
        self._asked.append(np.array(x).ravel())
        begin = time.perf_counter()
        try:
            return self._call(x)
        finally:
            self.seconds += time.perf_counter() - begin

    @property
    def counted(self) -> int:
        """At how many points it was asked."""
        return sum(points.size for points in self._asked)

    @property
    def distinct(self) -> int:
        """How many of these are different."""
        return int(np.unique(np.concatenate(self._asked)).size) if self._asked else 0

    @property
    def requested(self) -> str:
        """Which values: complex ones, real ones alone, or none: then what was differentiated is the formula."""
        kinds = {np.iscomplexobj(points) for points in self._asked}
        return "complex" if True in kinds else "real" if kinds else "formula"

    @property
    def calls(self) -> int:
        """How often it was called."""
        return len(self._asked)

    @property
    def arguments(self) -> int:
        """With how many different arguments."""
        return len({points.tobytes() for points in self._asked})


def claims(method: Method, f: Function, x: Array, *, order: int = 1) -> Claims:
    """Ask a method for the derivatives of f at some points.

    Parameters
    ----------
    method : Method
        One that puts a bar on its error.
    f : Function
        The function.
    x : ndarray, shape ``(n,)``
        The points.
    order : int
        Of the derivative, one of those that the method knows.

    Returns
    -------
    Claims

    Examples
    --------
    >>> from derivkit.numerical.methods import METHODS
    >>> found = claims(METHODS["derivative"], Function.from_expression("exp(x)"), np.array([0.0, 1.0]))
    >>> found.answered.tolist(), found.counted == found.total
    ([True, True], True)
    """
    counter = Counter(f.call)
    counted = replace(f, call=counter)
    begin = time.perf_counter()
    result = method(counted, x) if order == 1 else method(counted, x, order=order)
    nothing = np.full(x.shape, np.nan)
    together = np.full(x.shape, (time.perf_counter() - begin - counter.seconds) / max(1, x.size))
    return Claims(
        value=np.asarray(result.value, dtype=np.float64),
        error=np.asarray(result.error, dtype=np.float64),
        status=np.asarray(result.status, dtype=np.str_),
        evaluations=np.asarray(result.evaluations, dtype=np.int64),
        noise=np.asarray(getattr(result, "noise", nothing), dtype=np.float64),
        delta=np.asarray(getattr(result, "delta", nothing), dtype=np.float64),
        total=result.total,
        counted=counter.counted,
        distinct=counter.distinct,
        seconds=np.asarray(getattr(result, "seconds", together), dtype=np.float64),
        requested=counter.requested,
        message=np.broadcast_to(np.asarray(getattr(result, "message", ""), dtype=np.str_), x.shape),
    )


def values_of(f: Function) -> Callable[[Numbers], Numbers]:
    """What gives values of f for numbers, real or complex: none outside its domain, where it is NaN.

    Examples
    --------
    >>> values = values_of(Function.from_expression("sqrt(x)"))
    >>> values(np.array([4.0, -4.0])).tolist(), values(np.array([-4.0 + 0.0j])).tolist()
    ([2.0, nan], [2j])
    """
    asker = cache(lambda kind: Asker(f, kind=kind))
    return lambda points: asker(np.complex128 if np.iscomplexobj(points) else np.float64)(points)


def seen(f: Function, x: ArrayLike) -> Mask:
    """Whether f has ENOUGH finite values on one side of x, none nearer than NEAREST units in its last place.

    Examples
    --------
    >>> seen(Function.from_expression("sqrt(x)"), [1.0, 0.0, -1.0]).tolist()
    [True, True, False]
    """
    points = np.asarray(x, dtype=np.float64)
    away = np.spacing(np.abs(points))[:, None] * DISTANCES
    with np.errstate(all="ignore"):
        finite = [np.isfinite(f(points[:, None] + side * away)).sum(axis=1) for side in (1.0, -1.0)]
    return np.asarray(np.maximum(*finite) >= ENOUGH)


@dataclass(frozen=True, kw_only=True)
class Perturbation:
    """How far the values of f are off around some points, shape ``(n,)``; NaN where there is no window.

    Attributes
    ----------
    deviation : ndarray
        Standard deviation, that is the root mean square about the mean: a constant that is added cannot be seen.
    level : ndarray
        Root mean square, the mean included.
    """

    deviation: Array
    level: Array


def perturbation(family: Family, x: ArrayLike, reach: ArrayLike) -> Perturbation:
    """What the noise of a family does to its values on the windows from x - reach to x + reach, within the domain.

    NaN where there is no window, no noise, or no derivative.

    Examples
    --------
    >>> from derivkit.expressions.expression import parse
    >>> from derivkit.testing.population import Disturbance
    >>> family = Family(
    ...     name="sin", category="noisy", expression=parse("sin(x)"), points=(1.0,), noise=Disturbance("absolute", 1e-6)
    ... )
    >>> 0.5e-6 < float(perturbation(family, [1.0], [0.1]).level[0]) < 0.65e-6
    True
    """
    points, width = np.asarray(x, dtype=np.float64), np.asarray(reach, dtype=np.float64)
    deviation, level = np.full((2, *points.shape), np.nan)
    window = np.isfinite(width)
    if family.noise is not None and family.differentiable and np.any(window):
        deviation[window], level[window] = _perturbation(family, points[window], width[window])
    return Perturbation(deviation=deviation, level=level)


def _perturbation(family: Family, points: Array, width: Array) -> tuple[Array, Array]:
    """Deviation and level on windows of finite width."""
    places = 2.0 * (GOLDEN * np.arange(1, SAMPLES + 1) % 1.0) - 1.0
    at = points[:, None] + width[:, None] * places
    clean = replace(family, noise=None).function
    away = family.function(at) - clean(at)
    finite = np.isfinite(away)
    count = np.where(finite.any(axis=1), finite.sum(axis=1), np.nan)
    off = np.where(finite, away, 0.0)
    mean = off.sum(axis=1) / count
    square = np.where(finite, (away - mean[:, None]) ** 2, 0.0).sum(axis=1) / count
    return np.sqrt(square), np.sqrt((off**2).sum(axis=1) / count)
