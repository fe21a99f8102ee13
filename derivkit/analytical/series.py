"""Programs run on Taylor series of Arb's balls: the derivatives of a loop, a quadrature or a solver, without rounding.

A program is Python code of a number x and of a namespace of functions. With floats and NumPy it rounds at every step;
with series of balls it does not, and its derivatives come out to as many digits as are asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from flint import arb, arb_series, ctx

from derivkit.analytical.balls import NAN, below, precision
from derivkit.analytical.exact import MOST_BITS, VANISHING

Program = Callable[[Any, Any], Any]


def _tanh(s: arb_series) -> arb_series:
    """Tanh by e^(2 s), for arguments that are not large."""
    square = arb_series.exp(2 * s)
    return (square - 1) / (square + 1)


FUNCTIONS = SimpleNamespace(
    sin=arb_series.sin,
    cos=arb_series.cos,
    exp=arb_series.exp,
    log=arb_series.log,
    sqrt=arb_series.sqrt,
    arctan=arb_series.atan,
    tanh=_tanh,
)
"""What a program may call, by the names that NumPy gives it."""


def coefficient(program: Program, x: float, order: int, *, digits: int) -> arb:
    """Taylor's coefficient f^(order)(x)/order! of a program, right to so many digits; NaN where that fails.

    Examples
    --------
    >>> float(coefficient(lambda x, m: m.exp(x) * x, 0.0, 3, digits=30))
    0.5
    """
    needed = math.ceil(digits * math.log2(10.0))
    bits = 2 * needed
    while bits <= MOST_BITS:
        with precision(bits), _terms(order + 1):
            found = arb_series(program(arb_series([arb(x), 1]), FUNCTIONS))[order]
            known = found.is_finite() and found.rel_accuracy_bits() >= needed
            if known or found.is_exact() or below(found, VANISHING):
                return found
        bits *= 2
    return NAN


@contextmanager
def _terms(count: int) -> Iterator[None]:
    """Series of so many terms inside a with statement."""
    before, ctx.cap = ctx.cap, count
    try:
        yield
    finally:
        ctx.cap = before
