"""What a method that chooses its own steps works with and answers: values of f, each computed once, and an Estimate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from derivkit.arguments import EVERYWHERE, interval, positive, spread
from derivkit.function import FLOAT32, Function, Raised
from derivkit.numerical.status import Status
from derivkit.types import Array, Domain, Ends, Indices

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
    raised : tuple of str
        What f raised, by type, with the first point.
    """

    value: Any
    error: Any
    status: Any
    evaluations: Any
    message: Any
    total: int
    raised: tuple[str, ...] = ()


class Evaluates(Protocol):
    """Calls f on an array of points, and counts them."""

    total: int

    @property
    def raised(self) -> tuple[Raised, ...]:
        """What f raised, one entry for each type."""

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

    @property
    def raised(self) -> tuple[str, ...]:
        """What f raised, one sentence for each type."""
        return tuple(map(str, self._evaluate.raised))

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


def domain_of(f: Callable[..., Any], domain: Ends | None) -> Domain:
    """Where f may be evaluated: the interval given, within the Function's own.

    Raises
    ------
    ValueError
        If that is no interval.
    """
    return interval(domain, f.domain if isinstance(f, Function) else EVERYWHERE)


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
        return spread("delta", positive("delta", delta), x.shape)
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


def at_least_rounding(error: Array, largest: Array, distance: Array) -> Array:
    """The error, or eps times the largest |f| over the step where that is more: samples never prove an error of 0.

    Shapes are those of the error; the distance is the step to the power of the derivative.
    """
    return np.maximum(error, np.maximum(EPS * largest / distance, LEAST))


Outcome = tuple[Status, str]


@dataclass(frozen=True, kw_only=True, eq=False)
class Account:
    """What asking f took, and what it showed.

    Attributes
    ----------
    charged : ndarray of int, shape ``(n,)``
        Values of f charged to each point.
    total : int
        How many there were.
    raised : tuple of str
        What f raised; the message of a point without a finite value says it.
    float32 : bool
        Whether f computes in float32, which every message then says.
    """

    charged: NDArray[np.int64]
    total: int
    raised: tuple[str, ...]
    float32: bool


def answer(
    shape: tuple[int, ...],
    *,
    value: Array,
    error: Array,
    code: NDArray[np.intp],
    outcomes: Sequence[Outcome],
    account: Account,
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
    account : Account
    message : ndarray of str, shape ``(n,)``, optional
        Instead of the outcomes' own.
    """
    found = code == 0
    said = np.array([text for _, text in outcomes], dtype=object)[code] if message is None else message
    if account.raised:
        lost = np.array([status is Status.NOT_FINITE for status, _ in outcomes])[code]
        said = np.where(lost, [f"{text}: {account.raised[0]}" for text in said], said)
    if account.float32:
        said = np.array([f"{text}; {FLOAT32.rstrip('.')}" for text in said])
    columns: dict[str, Any] = {
        "value": np.where(found, value, np.nan),
        "error": np.where(found, error, np.inf),
        "status": np.array([str(status) for status, _ in outcomes])[code],
        "evaluations": account.charged,
        "message": said.astype(np.str_),
    }
    of_f: dict[str, Any] = {"total": account.total, "raised": account.raised}
    if shape:
        return Estimate(**{name: column.reshape(shape) for name, column in columns.items()}, **of_f)
    scalars = {name: column[0].item() for name, column in columns.items()}
    return Estimate(**{**scalars, "status": Status(scalars["status"])}, **of_f)
