"""What a row of the table of operations is: the columns in which all that is known of an operation is stated.

``value`` is the float64 function of NumPy arrays. ``running`` carries a pair (value, bound of its rounding error)
through the operation: running error analysis (Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed. 2002,
section 3.3), where an argument that is wrong by e moves a result by at most e times the largest slope within e.
``series`` is the operation on Taylor series (:mod:`derivkit.operations.taylor`). Of a function of one argument the last
two follow from the formula of its slope (:mod:`derivkit.operations.completion`), unless the row has its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal, NoReturn

import numpy as np

from derivkit.operations.formulas import Region, region
from derivkit.operations.taylor import Series
from derivkit.types import Array

Bounded = tuple[Array, Array]

UNIT = 2.0**-53
"""Unit roundoff u: the five operations of IEEE 754 err by at most u |result|."""
SMALLEST = 2.0**-1074
"""The least positive float: what underflow may lose."""
LEAST_NORMAL = 2.0**-1022
"""What a slope may lose to underflow, or to an overflow on the way: 1/(1 + u^2) is 0 in float64 from u = 2^512 on."""
ULPS = 2.0
"""Error assumed of an elementary function, in ulps. glibc's manual ("Known Maximum Errors in Math Functions") lists at
most 2 on x86-64 and AArch64 for those of the table, but 4 for cbrt; NumPy's own vector versions aim at about 1."""

_ARB = """
sqrt rsqrt cbrt exp expm1 log log1p sin cos tan cot sec csc sin_pi cos_pi tan_pi cot_pi sinc sinc_pi asin acos atan
sinh cosh tanh coth sech csch asinh acosh atanh erf erfc erfi erfinv erfcinv fresnel_c fresnel_s ei si ci shi chi li
gamma rgamma lgamma digamma fac zeta lambertw airy_ai airy_bi
"""
ARB_FUNCTIONS = frozenset(_ARB.split())
"""Functions of one number that ball arithmetic has by itself, so that a row of that name may leave its series out."""

VerticalEnds = tuple[tuple[int, int, int], ...]
"""Where a function of its first argument has a vertical tangent, the sign of its slope there, and on which side of that
place it is defined: -1 below, 1 above, 0 on both."""
POSITIVE, NOT_NEGATIVE, ANY = 2, 1, 0
Sign = Literal["", "positive", "not negative", "that of u", "not negative, and that of u"]
"""What is known of the sign of a function; that of u: positive where u is, and not negative where u is not."""
Steepest = Literal["near 0", "far from 0", "left", "right"]
"""Which point of an interval."""
Meeting = Literal["", "kink", "border"]
SlopeBound = Callable[[Array, Array], Array]
"""From a and e to a bound of the size of the slope on [a - e, a + e]."""


def by_slope(*_: Any) -> NoReturn:
    """Stands in a row for what follows from its slope; `completed` puts that in."""
    raise TypeError("a row is used before it is completed by what follows from its slope")


def by_definition(*_: Any) -> NoReturn:
    """Stands in a row for the series of its definition; `completed` puts that in."""
    raise TypeError("a row is used before it is completed by the series of its definition")


def _nowhere(*_: Any) -> VerticalEnds:
    return ()


@dataclass(frozen=True)
class Elementary:
    """One operation: all that is known of it.

    Attributes
    ----------
    name : str
        As it is typed.
    arity : sequence of int
        How many arguments it may take.
    value, running, series : callable
        What it is in each arithmetic.
    title : str
        What its rule of differentiation is called.
    slope : str
        Its derivative, a formula of u; empty where there is no one such formula, and the rule is written out in
        :mod:`derivkit.symbolic.rules`.
    steepest : {"near 0", "far from 0", "left", "right"} or callable
        The point of an interval at which the slope is largest in size; a bound of the slope where there is no such
        point, or the formula would lose digits or overflow there.
    ulps : float
        Error of ``value`` in units in the last place.
    underflow : float
        What underflow may lose beyond them.
    domain : str
        Where it is defined, such as ``abs(u) <= 1``; empty if everywhere.
    pole : callable, optional
        Where float64 has infinity for what is not defined, from the arguments; elsewhere it has NaN.
    smooth : str
        Where it is differentiable; empty if inside its domain.
    meeting : {"", "kink", "border"}
        Where it is not smooth, whether two branches meet with equal values there, or perhaps not.
    vertical : callable
        From the arguments to the places of vertical tangents.
    odd : bool
        Whether its value changes its sign with the one argument.
    sign : str or callable
        What is known of its sign; of operations of several arguments, from the signs of these.
    definition : str
        What it is in other operations, a formula of u.
    typed, written : str
        The sign between its arguments as one types it; the one that a derivation writes, between or before them.
    latex : tuple of str
        How it is set, from one argument up: a name to be put before brackets, or ``#1`` and ``#2`` for the arguments;
        its name upright if there is none.
    power_at_name : bool
        Whether a power of it is set at its name.
    synonyms, aliases : tuple of str
        Other names that are read as it; names that are not, and for which it is proposed.
    ufuncs : tuple of ufunc
        NumPy's functions that it is, apart from ``value``.
    mistakes : tuple of (str, str)
        What is written instead of its slope: what went wrong, and the formula, in the names of
        :mod:`derivkit.symbolic.mistakes`.
    cost, overhead : float
        Nanoseconds that Arb takes per squared bit of precision, measured at 640 to 2^14 bits and rounded up, and those
        of a call at any precision; a cost of 0 stands for that of an exponential.
    guarded : bool
        Whether Arb takes longer the wider the argument is, unless it computes with the bits of that alone.
    """

    name: str
    arity: Sequence[int]
    value: Callable[..., Array]
    running: Callable[..., Bounded] = by_slope
    series: Callable[..., Series] = by_slope
    _: KW_ONLY
    title: str = ""
    slope: str = ""
    steepest: Steepest | SlopeBound = "near 0"
    ulps: float = ULPS
    underflow: float = SMALLEST
    domain: str = ""
    pole: Callable[..., Any] | None = None
    smooth: str = ""
    meeting: Meeting = ""
    vertical: Callable[..., VerticalEnds] = _nowhere
    odd: bool = False
    sign: Sign | Callable[[Sequence[int]], int] = ""
    definition: str = ""
    typed: str = ""
    written: str = ""
    latex: tuple[str, ...] = ()
    power_at_name: bool = False
    synonyms: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    ufuncs: tuple[np.ufunc, ...] = ()
    mistakes: tuple[tuple[str, str], ...] = ()
    cost: float = 0.0
    overhead: float = 2e4
    guarded: bool = False

    @property
    def defined(self) -> Region | None:
        """Where it is defined; None if everywhere."""
        return region(self.domain) if self.domain else None

    @property
    def differentiable(self) -> Region | None:
        """Where its rule holds; None if everywhere."""
        return region(self.smooth or self.domain).inside if self.smooth or self.domain else None

    def sign_of(self, signs: Sequence[int]) -> int:
        """Its sign wherever it is defined, POSITIVE, NOT_NEGATIVE or ANY, from those of its arguments."""
        if callable(self.sign):
            return self.sign(signs)
        follows = signs[0] if self.sign.endswith("that of u") and len(signs) == 1 else ANY
        always = POSITIVE if self.sign == "positive" else NOT_NEGATIVE if self.sign.startswith("not negative") else ANY
        return max(follows, always)


def at(*ends: tuple[int, int, int]) -> Callable[..., VerticalEnds]:
    """Vertical tangents at fixed places."""
    return lambda *_: ends
