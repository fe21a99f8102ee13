"""What a method that chooses its own steps starts from and returns: points with the values of f, and an Estimate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from derivkit.arguments import check_function, check_vectorized, points_of, positive, spread
from derivkit.asker import SPOILT, Asker, domain_of
from derivkit.behaviour import FLOAT32
from derivkit.numerical.status import Status
from derivkit.types import EPS, LEAST_FLOAT, Array, Domain, Ends, FunctionLike, Indices, Texts

Outcome = tuple[Status, str]
VANISHED: Outcome = (Status.UNRESOLVED, "the step vanishes beside x; give a larger delta")
NOT_FINITE: Outcome = (
    Status.NOT_FINITE,
    "f has no finite value at a point that the first step needs; give a smaller delta, or the domain",
)
AT_END: Outcome = (
    Status.NOT_FINITE,
    "x is no finite number, or lies where the domain leaves no room for a step; take a one-sided formula there",
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Estimate:
    """A derivative with the bar that its method puts on the error; of x's shape, or Python scalars for a scalar x.

    Attributes
    ----------
    value : float or ndarray
        The estimate; NaN where the status is not ``ok``.
    error : float or ndarray
        The method's bar of |value - derivative|; infinite where there is no value, NaN where the method has none. How
        far it can be trusted is stated by each method.
    status : Status or ndarray of str
        ``ok``, ``unresolved`` or ``not_finite``.
    evaluations : int or ndarray
        Values of f charged to each point; a value that two points share is charged to the first.
    message : str or ndarray of str
        The reason of the status, in a sentence.
    total : int
        Distinct points at which f was evaluated; that it takes arrays is proved at two of them, which count once.
    raised : tuple of str
        What f raised, by type, with the first point.
    delta : float or ndarray
        The step of a method that chooses one; NaN where there is no value, or the value is made from several steps.

    Examples
    --------
    >>> from derivkit.numerical.extrapolation import gsl_central
    >>> gsl_central(np.sqrt, 0.0, domain=(0, None)).status
    <Status.NOT_FINITE: 'not_finite'>
    """

    value: Any
    error: Any
    status: Any
    evaluations: Any
    message: Any
    total: int
    raised: tuple[str, ...] = ()
    delta: Any = np.nan


def first_steps(
    x: Array, delta: ArrayLike | None, *, share: float, domain: Domain, left: float = 1.0, right: float = 1.0
) -> Array:
    """The first step at every point: delta if there is one, else that share of |x|, or of 1 at 0, within the domain.

    Parameters
    ----------
    x : ndarray
        Points, of any shape.
    delta : array_like or None
        One, or of x's shape; such a step is not shortened.
    share : float
        Of |x|, where there is no delta.
    domain : tuple of float
        Where f may be evaluated.
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
    return np.maximum(error, np.maximum(EPS * largest / distance, LEAST_FLOAT))


class Task:
    """What a method that chooses its own steps is to differentiate: points in a row, and the values of f for them.

    Parameters
    ----------
    f : callable or formula
    x : array_like
        Points, of any shape.
    domain : tuple of float, optional
        Where f may be evaluated.
    vectorized : bool, optional
        Whether f takes arrays, where that is known.
    example : str
        A call of the method that works, for a message.
    noise : ndarray, optional
        How far two values of f at one point may differ by chance; the largest counts.

    Attributes
    ----------
    x : ndarray, shape ``(n,)``
    all : ndarray of int, shape ``(n,)``
        The points by number.
    domain : tuple of float
    real : Asker
        Which calls f for real numbers.
    """

    def __init__(
        self,
        f: FunctionLike,
        x: ArrayLike,
        domain: Ends | None,
        *,
        vectorized: bool | None,
        example: str,
        noise: Array | None = None,
    ) -> None:
        check_function(f, example)
        check_vectorized(vectorized)
        self.points = points_of(x)
        self.x, self.all = self.points.ravel(), np.arange(self.points.size)
        self.domain = domain_of(f, domain)
        self._f, self._vectorized, self._askers = f, vectorized, list[Asker]()
        self._noise = 0.0 if noise is None else float(np.max(noise, initial=0.0))
        self.real = self.asker()

    def asker(self, kind: type[np.generic] = np.float64) -> Asker:
        """What calls f for numbers of a kind; its points and exceptions are counted with those of the others."""
        ask = Asker(
            self._f,
            kind=kind,
            domain=self.domain,
            vectorized=self._vectorized,
            noise=self._noise,
            owners=self.points.size,
        )
        self._askers.append(ask)
        return ask

    @property
    def raised(self) -> tuple[str, ...]:
        """What f raised; first what came of a trial with an array that spoilt it."""
        words = [str(entry) for ask in self._askers for entry in ask.raised]
        return tuple(sorted(words, key=lambda text: SPOILT not in text))

    def estimate(
        self,
        *,
        value: Array,
        error: Array,
        code: Indices,
        outcomes: Sequence[Outcome],
        message: Texts | None = None,
        delta: Array | None = None,
    ) -> Estimate:
        """The Estimate of flat results.

        Parameters
        ----------
        value, error : ndarray, shape ``(n,)``
            Replaced where a point has no value.
        code : ndarray of int, shape ``(n,)``
            Which of the outcomes each point had.
        outcomes : sequence of (Status, str)
            What may come out; the first is the one with a value.
        message : ndarray of str, shape ``(n,)``, optional
            Instead of the outcomes' own.
        delta : ndarray, shape ``(n,)``, optional
            The steps, if the method chooses one for each point.
        """
        ok, raised = code == 0, self.raised
        text = np.array([words for _, words in outcomes], dtype=object)[code] if message is None else message
        if raised:
            lost = np.array([status is Status.NOT_FINITE for status, _ in outcomes])[code]
            text = np.where(lost, [f"{words}: {raised[0]}" for words in text], text)
        if self.real.float32:
            text = np.array([f"{words}; {FLOAT32.rstrip('.')}" for words in text])
        columns: dict[str, Any] = {
            "value": np.where(ok, value, np.nan),
            "error": np.where(ok, error, np.inf),
            "delta": np.where(ok, np.nan if delta is None else delta, np.nan),
            "status": np.array([str(status) for status, _ in outcomes])[code],
            "evaluations": sum(ask.charged for ask in self._askers),
            "message": text.astype(np.str_),
        }
        of_f: dict[str, Any] = {"total": sum(ask.total for ask in self._askers), "raised": raised}
        shape = self.points.shape
        if shape:
            return Estimate(**{name: column.reshape(shape) for name, column in columns.items()}, **of_f)
        scalars = {name: column[0].item() for name, column in columns.items()}
        return Estimate(**{**scalars, "status": Status(scalars["status"])}, **of_f)
