"""What a method that chooses its own steps works with and answers: values of f, each computed once, and an Estimate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from derivkit.function import EVERYWHERE, Array, Domain, Function
from derivkit.numerical.difference import check_delta
from derivkit.numerical.status import Status

Indices = NDArray[np.intp]
EPS = float(np.finfo(np.float64).eps)
LEAST = float(np.finfo(np.float64).smallest_subnormal)


@dataclass(frozen=True, kw_only=True, eq=False)
class Estimate:
    """A derivative with the bar that its method puts on the error; of x's shape, or Python scalars for a scalar x.

    Attributes
    ----------
    value : float or ndarray
        The estimate; NaN where the status is not ``ok``.
    error : float or ndarray
        What the method says of |value - derivative|; infinite where there is no value, NaN where the method says
        nothing. How far it can be trusted is said by each method.
    status : Status or ndarray of str
        ``ok``, ``unresolved`` or ``not_finite``.
    evaluations : int or ndarray
        Values of f charged to each point; a value that two points share is charged to the first.
    message : str or ndarray of str
        What was seen, in a sentence.
    total : int
        Distinct points at which f was evaluated. An f that takes arrays is asked two of them again, to see that it
        does.
    """

    value: Any
    error: Any
    status: Any
    evaluations: Any
    message: Any
    total: int


class Evaluates(Protocol):
    """Calls f on an array of points, and counts them."""

    total: int

    def __call__(self, x: Any, /) -> Any:
        """f of every point, shape of x."""


class Values:
    """The values of f at the abscissae of some points: each computed once, none outside the domain.

    Parameters
    ----------
    evaluate : Evaluates
        f, as an Evaluator or what is called like one.
    size : int
        Number of points to which values are charged.
    domain : tuple of float
        The closed interval in which f may be evaluated; of complex abscissae the real part counts.
    kind : type
        Of the abscissae and values: float64 or complex128.
    """

    def __init__(self, evaluate: Evaluates, size: int, domain: Domain, *, kind: type[np.generic] = np.float64) -> None:
        self.domain = domain
        self.charged = np.zeros(size, dtype=np.int64)
        self._evaluate = evaluate
        self._at: NDArray[Any] = np.empty(0, dtype=kind)
        self._found: NDArray[Any] = np.empty(0, dtype=kind)

    @property
    def total(self) -> int:
        """Distinct points at which f was evaluated."""
        return self._evaluate.total

    def __call__(self, at: NDArray[Any], owner: Indices) -> NDArray[Any]:
        """f at the abscissae, shape ``(k, n)``, whose columns belong to the points ``owner``; NaN where it may not be
        asked.
        """
        lo, hi = self.domain
        asked, first, where = np.unique(at, return_index=True, return_inverse=True)
        fresh = np.isfinite(asked) & (lo <= asked.real) & (asked.real <= hi) & ~np.isin(asked, self._at)
        if np.any(fresh):
            np.add.at(self.charged, owner[first[fresh] % owner.size], 1)
            points = np.concatenate([self._at, asked[fresh]])
            found = np.concatenate([self._found, self._evaluate(asked[fresh])])
            order = np.argsort(points)
            self._at, self._found = points[order], found[order]
        values = np.full(asked.shape, np.nan, dtype=self._found.dtype)
        known = np.isin(asked, self._at)
        values[known] = self._found[np.searchsorted(self._at, asked[known])]
        return values[where].reshape(at.shape)


def domain_of(f: Callable[..., Any], domain: Domain | None) -> Domain:
    """Where f may be evaluated: the interval given, within the Function's own.

    Raises
    ------
    ValueError
        If that is no interval.
    """
    lo, hi = EVERYWHERE if domain is None else (float(domain[0]), float(domain[1]))
    own_lo, own_hi = f.domain if isinstance(f, Function) else EVERYWHERE
    if not max(lo, own_lo) < min(hi, own_hi):
        raise ValueError(
            f"a domain is (lo, hi) with lo < hi, not ({lo:g}, {hi:g})"
            + ("" if (own_lo, own_hi) == EVERYWHERE else f"; the function's own is ({own_lo:g}, {own_hi:g})")
        )
    return max(lo, own_lo), min(hi, own_hi)


def first_steps(
    x: Array, delta: ArrayLike | None, *, share: float, domain: Domain, left: float = 1.0, right: float = 1.0
) -> Array:
    """The first step at every point: the one given, else that share of |x|, or of 1 at 0, within the domain.

    Parameters
    ----------
    x : ndarray
    delta : array_like or None
        One, or one for each point; a step that is given is not shortened.
    share : float
    domain : tuple of float
    left, right : float
        How far the method reaches to either side, in steps.

    Returns
    -------
    ndarray
        Of x's shape; 0 at an end of the domain beyond which the method would reach.

    Raises
    ------
    ValueError
        If a step is no positive finite number, or the steps do not fit x.
    """
    if delta is not None:
        steps = check_delta(delta)
        if steps.ndim > x.ndim or any(a not in (1, b) for a, b in zip(steps.shape[::-1], x.shape[::-1], strict=False)):
            raise ValueError(
                f"delta has the shape {steps.shape} and x {x.shape}; give one delta, or one for each point"
            )
        return np.broadcast_to(steps, x.shape)
    lo, hi = domain
    with np.errstate(all="ignore"):
        # Four roundings short of the end, so that x + delta as rounded is not beyond it.
        room = np.minimum(
            (x - lo) / left if left else np.inf,
            (hi - x) / right if right else np.inf,
        ) * (1.0 - 4.0 * EPS)
        return np.where(
            np.isfinite(x), np.maximum(np.minimum(share * np.where(x == 0.0, 1.0, np.abs(x)), room), 0.0), np.nan
        )


def spread_steps(x: Array, delta: ArrayLike) -> Array:
    """The steps given, one or one for each point, in x's shape.

    Raises
    ------
    ValueError
        If one is no positive finite number, or they do not fit x.
    """
    steps = check_delta(delta)
    if steps.shape not in ((), x.shape):
        raise ValueError(f"delta has the shape {steps.shape} and x {x.shape}; give one delta, or one for each point")
    return np.broadcast_to(steps, x.shape)


def at_least_rounding(error: Array, largest: Array, distance: Array) -> Array:
    """The error, or eps times the largest |f| over the step where that is more: samples never prove an error of 0.

    Shapes are those of the error; the distance is the step to the power of the derivative.
    """
    return np.maximum(error, np.maximum(EPS * largest / distance, LEAST))


Outcome = tuple[Status, str]


def answer(
    shape: tuple[int, ...],
    *,
    value: Array,
    error: Array,
    code: NDArray[np.intp],
    outcomes: Sequence[Outcome],
    charged: NDArray[np.int64],
    total: int,
    message: NDArray[np.str_] | None = None,
) -> Estimate:
    """The Estimate of flat results.

    Parameters
    ----------
    shape : tuple of int
        Of x.
    value, error : ndarray, shape ``(n,)``
    code : ndarray of int, shape ``(n,)``
        Which of the outcomes each point had.
    outcomes : sequence of (Status, str)
        What can be seen; the first is the one with a value.
    charged : ndarray of int, shape ``(n,)``
        Values of f charged to each point.
    total : int
        How many there were.
    message : ndarray of str, shape ``(n,)``, optional
        Instead of the outcomes' own.
    """
    found = code == 0
    said = np.array([text for _, text in outcomes])[code] if message is None else message
    columns = {
        "value": np.where(found, value, np.nan),
        "error": np.where(found, error, np.inf),
        "status": np.array([str(status) for status, _ in outcomes])[code],
        "evaluations": charged,
        "message": said,
    }
    if shape:
        return Estimate(**{name: column.reshape(shape) for name, column in columns.items()}, total=total)
    scalars = {name: column[0].item() for name, column in columns.items()}
    return Estimate(**{**scalars, "status": Status(scalars["status"])}, total=total)
