"""Taylor coefficients of programs, to any number of digits: a loop, a quadrature or a solver run on series of balls.

A program is Python code of a number x and of a namespace of functions. With floats and NumPy it rounds at every step;
with series of balls it does not, and its derivatives come out to as many digits as are asked for. Where a program
branches it does so by ``maximum``, ``interp`` or ``searchsorted``: the branch is that of the constant term, and exactly
at the kink of the first two there is no derivative.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from flint import arb, arb_series, ctx

from derivkit.operations.balls import NAN, precision
from derivkit.operations.enclosures import below
from derivkit.trusted.exact import MAX_BITS, VANISHING

Program = Callable[[Any, Any], Any]


def _tanh(s: arb_series) -> arb_series:
    """Tanh by e^(2 s), for arguments that are not large."""
    square = arb_series.exp(2 * s)
    return (square - 1) / (square + 1)


def _constant(s: Any) -> arb:
    return s[0] if isinstance(s, arb_series) else arb(s)


def _nothing() -> arb_series:
    """A series of which no term is known."""
    return arb_series([NAN] * ctx.cap)


def _maximum(a: Any, b: Any) -> Any:
    """The larger of two series; NaN where it is not known which one it is."""
    difference = _constant(a) - _constant(b)
    return a if difference > 0 else b if difference < 0 else _nothing()


def _searchsorted(knots: Sequence[float], s: arb_series, side: str = "left") -> int:
    """How many knots lie below the constant term; with ``side="right"`` one that equals it counts as well."""
    return sum(bool(knot < s[0] or (side == "right" and knot == s[0])) for knot in map(arb, knots))


def _interp(s: arb_series, knots: Sequence[float], values: Sequence[float]) -> Any:
    """The line between the two knots beside the constant term; NaN at a knot."""
    k = _searchsorted(knots, s)
    if k < len(knots) and arb(knots[k]) == s[0]:
        return _nothing()
    if k in (0, len(knots)):
        return arb_series([arb(values[min(k, len(knots) - 1)])])
    (x0, x1), (y0, y1) = map(arb, knots[k - 1 : k + 1]), map(arb, values[k - 1 : k + 1])
    return y0 + (s - x0) * ((y1 - y0) / (x1 - x0))


NUMPY_FUNCTIONS = SimpleNamespace(
    sin=arb_series.sin,
    cos=arb_series.cos,
    exp=arb_series.exp,
    log=arb_series.log,
    sqrt=arb_series.sqrt,
    arctan=arb_series.atan,
    tanh=_tanh,
    maximum=_maximum,
    searchsorted=_searchsorted,
    interp=_interp,
    take=lambda table, k: table[k],
)
"""What a program may call, by the names that NumPy gives it."""


def coefficient(program: Program, x: float, order: int, *, digits: int) -> arb:
    """Taylor's coefficient f^(order)(x)/order! of a program, right to this many digits; NaN where that fails.

    Examples
    --------
    >>> float(coefficient(lambda x, m: m.exp(x) * x, 0.0, 3, digits=30))
    0.5
    """
    needed = math.ceil(digits * math.log2(10.0))
    bits = 2 * needed
    while bits <= MAX_BITS:
        with precision(bits), _terms(order + 1):
            result = arb_series(program(arb_series([arb(x), 1]), NUMPY_FUNCTIONS))[order]
            known = result.is_finite() and result.rel_accuracy_bits() >= needed
            if known or result.is_exact() or below(result, VANISHING):
                return result
        bits *= 2
    return NAN


@contextmanager
def _terms(count: int) -> Iterator[None]:
    """Series of this many terms inside a with statement."""
    before, ctx.cap = ctx.cap, count
    try:
        yield
    finally:
        ctx.cap = before
