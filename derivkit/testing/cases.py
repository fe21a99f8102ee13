"""Many claims beside the truth, and what they say together: coverage, tightness, loss, silence, refusals, cost."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from derivkit.types import Array, Mask

NAMED_WITHIN = 2.0
"""A level of noise is named if it is right within this factor."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparisons:
    """Claims of a method beside the truth; arrays of shape ``(n,)``.

    Attributes
    ----------
    function : ndarray of str
        The name of what is differentiated.
    value, error : ndarray
        The claim and its bar.
    status : ndarray of str
    evaluations : ndarray of int
        Of f, for the claim or for all with which it was made.
    truth, true_error : ndarray
        The float nearest to the derivative, NaN where none exists; |value - derivative|.
    covered : ndarray of bool
        Whether the bar covers the true error.
    """

    function: NDArray[Any]
    value: Array
    error: Array
    status: NDArray[Any]
    evaluations: NDArray[Any]
    truth: Array
    true_error: Array
    covered: Mask

    def __len__(self) -> int:
        return int(self.value.size)

    def where(self, mask: NDArray[Any]) -> Self:
        """The cases for which a condition holds."""
        return type(self)(**{one.name: getattr(self, one.name)[mask] for one in fields(self)})

    def by_function(self) -> Iterator[Self]:
        """The cases of every function, as they come."""
        _, first, number = np.unique(self.function.astype(str), return_index=True, return_inverse=True)
        for which in np.argsort(first):
            yield self.where(number == which)

    @property
    def exists(self) -> Mask:
        """Where a derivative exists."""
        return np.isfinite(self.truth)

    @property
    def answered(self) -> Mask:
        """Where there is a finite value with a finite bar."""
        return np.isfinite(self.value) & np.isfinite(self.error)

    @property
    def said_ok(self) -> Mask:
        """Where the status is ok."""
        return np.asarray(self.status == "ok", dtype=np.bool_)

    @property
    def answers(self) -> Self:
        """The answers where a derivative exists."""
        return self.where(self.exists & self.answered)

    @property
    def ok(self) -> Self:
        """Those of them with the status ok."""
        return self.where(self.exists & self.answered & self.said_ok)

    @property
    def flagged(self) -> Self:
        """Those with another status."""
        return self.where(self.exists & self.answered & ~self.said_ok)

    @property
    def silent(self) -> int:
        """How often the status is ok where no derivative exists."""
        return int(np.sum(~self.exists & self.said_ok))

    @property
    def mean_evaluations(self) -> float:
        """Mean evaluations of f for a point; NaN of nothing."""
        return float(np.mean(self.evaluations)) if len(self) else math.nan

    @property
    def excess(self) -> Array:
        """The true error, less what nobody can see."""
        return self.true_error

    @property
    def relative(self) -> tuple[Array, Array]:
        """True error, slack apart and at least half an ulp, and bar, both over |derivative|."""
        size = np.abs(self.truth)
        with np.errstate(all="ignore"):
            true = np.maximum(self.excess, 0.5 * np.spacing(size))
            return true / size, self.error / size


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged(Comparisons):
    """Claims of a method at points of functions of one variable, and what they are worth.

    Attributes
    ----------
    slack : ndarray
        What nobody can see.
    miss, tightness, loss, counts : ndarray
        As :class:`derivkit.testing.Assessment` explains them.
    """

    slack: Array
    miss: Array
    tightness: Array
    loss: Array
    counts: Mask

    @property
    def excess(self) -> Array:
        """The true error, less what nobody can see."""
        return self.true_error - self.slack


@dataclass(frozen=True, kw_only=True, eq=False)
class Cases(Judged):
    """Claims of a method at points of functions of one variable.

    Attributes
    ----------
    category : ndarray of str
        Of the family that the function belongs to.
    derivative : ndarray of int
        The order of the derivative.
    regular : ndarray of bool
        Whether the function is smooth at the scale of x and its values are undisturbed.
    disturbance : ndarray of str
        What is done to its values; empty for nothing.
    noise_level : ndarray
        How strongly; NaN for nothing.
    noise : ndarray
        Standard deviation of f's error as the method names it.
    deviation, level : ndarray
        The true one about its mean, and the root mean square with it.
    settled, right : ndarray
        As :class:`derivkit.testing.Assessment` explains them.
    """

    category: NDArray[Any]
    derivative: NDArray[Any]
    regular: Mask
    disturbance: NDArray[Any]
    noise_level: Array
    noise: Array
    deviation: Array
    level: Array
    settled: Mask
    right: Mask

    @property
    def measures(self) -> Measures:
        """What the cases say together."""
        answers, ok = self.answers, self.ok
        return Measures(
            points=len(self),
            answers=len(answers),
            covered=share(answers.covered),
            ok=len(ok),
            ok_covered=share(ok.covered),
            ok_share=share(self.settled[self.exists]),
            worst_miss=quantile(ok.miss, 1.0),
            worst_flagged=quantile(self.flagged.miss, 1.0),
            tightness=quantile(ok.tightness, 0.5),
            tightness_90=quantile(ok.tightness, 0.9),
            loss=quantile(answers.loss, 0.5),
            loss_90=quantile(answers.loss, 0.9),
            missing=share(~self.answered[self.counts]),
            silent=self.silent,
            right=share(self.right),
            evaluations=self.mean_evaluations,
        )


@dataclass(frozen=True, kw_only=True)
class Measures:
    """What many cases say together; a share or a quantile of nothing is NaN.

    Attributes
    ----------
    points, answers, ok : int
        All cases; those with a value and a bar where a derivative exists; those of them with the status ok.
    covered, ok_covered : float
        Share of the answers, and of those with the status ok, whose bar covers the true error.
    ok_share : float
        Share of the cases with a derivative that are settled.
    worst_miss, worst_flagged : float
        The largest miss with the status ok, and with another.
    tightness, tightness_90 : float
        Median and 90 % quantile with the status ok.
    loss, loss_90 : float
        The same of the loss of all answers.
    missing : float
        Share of the cases that ought to have an answer and have none.
    silent : int
        Cases without a derivative and with the status ok.
    right : float
        Share of the cases whose status is allowed.
    evaluations : float
        Mean evaluations of f.
    """

    points: int
    answers: int
    covered: float
    ok: int
    ok_covered: float
    ok_share: float
    worst_miss: float
    worst_flagged: float
    tightness: float
    tightness_90: float
    loss: float
    loss_90: float
    missing: float
    silent: int
    right: float
    evaluations: float


def share(mask: ArrayLike) -> float:
    """The share of True; NaN of nothing."""
    values = np.asarray(mask, dtype=np.bool_)
    return float(np.mean(values)) if values.size else math.nan


def quantile(values: ArrayLike, part: float) -> float:
    """A quantile of the values that are numbers, infinity being one; NaN of nothing.

    It is one of the values, the least that has at least this part of them not above it: nothing is interpolated
    between a number and infinity.

    Examples
    --------
    >>> quantile([1.0, 2.0, math.inf, math.nan], 0.5)
    2.0
    """
    numbers = np.asarray(values, dtype=np.float64)
    known = np.sort(numbers[~np.isnan(numbers)])
    return float(known[max(0, math.ceil(part * known.size) - 1)]) if known.size else math.nan


def share_beyond(values: ArrayLike, limits: Array) -> Array:
    """The share of some values that lie above each limit, shape of the limits; a NaN lies above all.

    Examples
    --------
    >>> share_beyond([1.0, 2.0, 3.0, math.inf], np.array([2.0, 9.0])).tolist()
    [0.5, 0.25]
    """
    rising = np.sort(np.asarray(values, dtype=np.float64))
    return np.asarray((rising.size - np.searchsorted(rising, limits, side="right")) / rising.size)


def named_within(named: Array, true: Array, factor: float = NAMED_WITHIN) -> Mask:
    """Where a level of noise is named right within a factor; nowhere where none is named.

    Examples
    --------
    >>> named_within(np.array([1.9, 0.4, math.nan]), np.ones(3)).tolist()
    [True, False, False]
    """
    with np.errstate(all="ignore"):
        ratio = named / true
        return np.asarray((ratio >= 1.0 / factor) & (ratio <= factor))
