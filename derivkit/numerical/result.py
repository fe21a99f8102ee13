"""A derivative with its error bar as it is handed back, and the sentence that says why it has its status."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from derivkit.behaviour import FLOAT32
from derivkit.numerical.status import Status
from derivkit.presentation import DisplayWithBar
from derivkit.types import LEAST_NORMAL


@dataclass(frozen=True, kw_only=True, repr=False)
class Derivative(DisplayWithBar):
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
    >>> import derivkit as dk
    >>> result = dk.derivative(abs, 0.0)
    >>> result.status, result.left, result.right
    (<Status.KINK: 'kink'>, -1.0, 1.0)
    """

    SHOWN: ClassVar[tuple[str, ...]] = (
        *("value", "error", "status", "left", "right", "exponent", "delta", "evaluations", "cause"),
    )
    DETAILS: ClassVar[tuple[str, ...]] = ("noise", "message")

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
    def cause(self) -> tuple[str, ...]:
        """What f raised, where a status is not explained without it: a value that is as it should be has no cause."""
        return self.raised if UNEXPLAINED & set(np.ravel(self.status).tolist()) else ()

    @property
    def message(self) -> Any:
        """The reason of the status, in a sentence; an array of them for an array."""
        shape = np.shape(self.value)
        if not shape:
            return sentence(self, ())
        sentences = np.empty(shape, dtype=object)
        for place in np.ndindex(shape):
            sentences[place] = sentence(self, place)
        return sentences


def sentence(result: Derivative, place: tuple[int, ...]) -> str:
    """The reason of the status at one of the points."""

    def at(name: str) -> Any:
        entry = getattr(result, name)
        return entry[place] if np.shape(entry) else entry

    status = Status(str(at("status")))
    text = MESSAGES[status](at)
    if result.raised and status in UNEXPLAINED:
        text = f"{text.rstrip('.')}: {result.raised[0]}."
    return f"{text} {FLOAT32}" if at("float32") else text


def _bar(at: Callable[[str], Any]) -> str:
    return f"{at('value'):.6g} within {at('error'):.1e}"


def _sign(infinite: float) -> str:
    return "" if math.isnan(infinite) else f" ({infinite:+})"


ALMOST_ONE = 0.99
"""A power above this with a vertical tangent is that of x log(x), or not told from it."""
UNEXPLAINED = frozenset({Status.ONE_SIDED, Status.UNRESOLVED, Status.NOT_FINITE})
"""Statuses whose reason may be what f raised, which their sentence then quotes."""
NAMES = {1: "slope", 2: "second derivative", 3: "third derivative", 4: "fourth derivative"}

MESSAGES: Mapping[Status, Callable[[Callable[[str], Any]], str]] = MappingProxyType(
    {
        Status.OK: lambda at: f"{_bar(at)}: f is smooth over a distance of {at('delta'):.2g} on both sides.",
        Status.ONE_SIDED: lambda at: f"{_bar(at)}: f is known far enough on one side only.",
        Status.NOISY: lambda at: f"{_bar(at)}: the values of f have noise of {at('noise'):.1e}, far above rounding.",
        Status.MULTISCALE: lambda at: (
            f"{_bar(at)}, over a distance of {at('delta'):.2g}: over larger distances f has another slope."
        ),
        Status.BELOW_RESOLUTION: lambda at: (
            f"f does not change over a distance of {at('delta'):.2g}: the derivative is 0, as far as values can tell."
            if at("value") == 0.0 and at("error") < LEAST_NORMAL
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
            "the budget of evaluations was used up before f was resolved; about 13 are enough where f is smooth."
            if at("denied")
            else f"f looks smooth at no scale down to the spacing of floats at x, {at('spacing'):.2g}: "
            "no step tells its slope."
        ),
        Status.NOT_FINITE: lambda at: "f has no finite value at x.",
    }
)
"""The sentence of every status, from the fields of the result at a point."""
