"""Slopes of f along lines through a point, measured with error bars."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from derivkit.arguments import NotRealError, as_array, as_float64, shown
from derivkit.multivariate.checking.parameters import Parameters
from derivkit.numerical.adaptive import derivative
from derivkit.numerical.scales import START
from derivkit.types import Array, Texts

KINKED = ("kink", "jump")
SAME_ANSWER = 2.0**-17
"""Two values of f at one point differ by at most this part where only the order of a float32 sum changes between calls,
64 times its eps: a choice. Dropout changes far more."""


class Calls:
    """A function of parameters, called with their flat vector; every call is counted.

    Attributes
    ----------
    total : int
        Calls of f.
    """

    def __init__(self, f: Callable[..., Any], structure: Parameters) -> None:
        self._f, self.structure, self.total = f, structure, 0

    def __call__(self, flat: Array) -> Array:
        """All numbers of f there, shape ``(m,)``."""
        self.total += 1
        return as_float64(as_array(self._f(self.structure.restore(flat)))).ravel()


def value_at(calls: Calls, x: Array, *, scalar: bool) -> Array:
    """f(x), refused where no derivative can be measured."""
    example = "give the loss as one number"
    try:
        value = calls(x)
    except NotRealError as error:
        raise TypeError(f"f gives {error}; {example}") from None
    if scalar and value.size != 1:
        door = "sum or average it, or write dk.check_jacobian"
        raise ValueError(f"f gives {value.size} values where a loss is one number; {door}")
    if not np.isfinite(value).all():
        wrong = float(value[~np.isfinite(value)][0])
        raise ValueError(f"f is {wrong} at x, so that it has no derivative there; start from an x with a finite value")
    return value


def refuse_two_answers(calls: Calls, x: Array, value: Array) -> None:
    """Call f(x) again: a value that differs by more than rounding says that f depends on more than x."""
    again = calls(x)
    if again.shape == value.shape and np.all(np.abs(again - value) <= SAME_ANSWER * np.abs(value)):
        return
    both = f"{shown(value.tolist() if value.size > 1 else value.item())} and {shown(again.tolist())}"
    raise ValueError(
        f"f gives two answers at x, {both}: switch off what draws random numbers, such as dropout, or what is changed "
        "by a call (model.eval() in torch), or fix the seed inside f"
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Slope:
    """Derivatives of the m values of f along a line, as of :class:`Derivative`; shape ``(m,)`` each."""

    value: Array
    error: Array
    status: Texts
    left: Array
    right: Array
    noise: Array
    delta: Array


def slope_along(
    calls: Calls, x: Array, value: Array, direction: Array, *, top: float | None = None, side: str | None = None
) -> Slope:
    """The derivative of t -> f(x + t direction) at 0.

    Parameters
    ----------
    calls, x, value
        The function, a point, and f there.
    direction : ndarray
        Shape ``(n,)``.
    top : float, optional
        Largest step of the first look, in t.
    side : str, optional
        ``left`` or ``right`` for the derivative of that side alone.
    """

    def line(t: float) -> Array:
        return value if t == 0.0 else calls(x + t * direction)

    scale = None if top is None else top / START
    result = derivative(line, np.zeros(1), vectorized=False, scale=scale, side=side)
    fields = ("value", "error", "status", "left", "right", "noise", "delta")
    return Slope(**{name: np.broadcast_to(getattr(result, name).reshape(-1), value.shape) for name in fields})
