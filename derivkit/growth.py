"""By which law a count grows: a polynomial that it obeys exactly, else a power or an exponential that it is near."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

DEGREE = 4
"""The highest degree of a polynomial that is looked for."""
UPPER = 4
"""Laws are read off n from a quarter of the greatest on; a constant without a derivation."""


@dataclass(frozen=True, kw_only=True)
class GrowthLaw:
    """How a count grows with n.

    Attributes
    ----------
    exponent, growth : float
        The slope of log count against log n, and the factor per step of n, both between the two greatest n.
    degree : int, optional
        Of the polynomial in n that all greater counts obey exactly; None where there is none.
    text : str
        That polynomial, else the power or the exponential that the counts are near; empty where they are fewer than 3.

    Examples
    --------
    >>> law = fit_growth_law([1, 2, 3, 4, 5, 6, 7, 8], [n * n for n in range(1, 9)])
    >>> law.degree, law.text
    (2, 'n^2')
    """

    exponent: float
    growth: float
    degree: int | None
    text: str


def fit_growth_law(n: Sequence[int], count: Sequence[float]) -> GrowthLaw:
    """The law by which a count grows, read off its greater n: those from a quarter of the greatest on.

    Parameters
    ----------
    n : sequence of int
        Sizes, such as depths or numbers of layers.
    count : sequence of int or float
        What was counted for each.

    Returns
    -------
    GrowthLaw

    Examples
    --------
    >>> fit_growth_law([1, 2, 3, 4, 5, 6], [1, 3, 7, 13, 21, 31]).text
    'n^2 - n + 1'
    >>> fit_growth_law([3, 4, 5, 6], [8, 16, 32, 64]).text
    'like 2^n'
    """
    exact = ((size, Fraction(c)) for size, c in zip(n, count, strict=True))
    pairs = sorted((size, c) for size, c in exact if size >= max(n) / UPPER and c)  # counts of 0 obey no law
    if len(pairs) < 3:
        return GrowthLaw(exponent=math.nan, growth=math.nan, degree=None, text="")
    sizes, logs = np.array([size for size, _ in pairs], dtype=np.float64), np.log([float(c) for _, c in pairs])
    powers, rates = np.diff(logs) / np.diff(np.log(sizes)), np.diff(logs) / np.diff(sizes)
    coefficients = _polynomial(pairs)
    if coefficients:
        text = _spelt(coefficients)
    elif np.ptp(rates) * abs(powers[-1]) < np.ptp(powers) * abs(rates[-1]):
        text = f"like {math.exp(rates[-1]):.3g}^n"
    else:
        text = f"like n^{powers[-1]:.2f}"
    return GrowthLaw(
        exponent=float(powers[-1]),
        growth=math.exp(rates[-1]),
        degree=len(coefficients) - 1 if coefficients else None,
        text=text,
    )


def _polynomial(pairs: Sequence[tuple[int, Fraction]]) -> list[Fraction]:
    """Coefficients, the constant first, of the polynomial of least degree through all; none if it proves nothing.

    Newton's divided differences; a polynomial of degree d through d + 1 points proves nothing.
    """
    places = [n for n, _ in pairs]
    column = [value for _, value in pairs]
    newton: list[Fraction] = []
    while any(column) and len(newton) <= DEGREE:
        newton.append(column[0])
        span = len(newton)
        column = [(b - a) / (places[k + span] - places[k]) for k, (a, b) in enumerate(itertools.pairwise(column))]
    if any(column) or not column:
        return []
    result = [Fraction(0)]
    for k in reversed(range(len(newton))):  # Horner: result (n - places[k]) + newton[k]
        shifted = [Fraction(0), *result]
        result = [a - places[k] * b for a, b in zip(shifted, [*result, Fraction(0)], strict=True)]
        result[0] += newton[k]
    return result[: len(newton)]


def _spelt(coefficients: Sequence[Fraction]) -> str:
    """A polynomial in n as text."""
    text = ""
    for power, c in reversed(list(enumerate(coefficients))):
        if c:
            name = ("", "n", f"n^{power}")[min(power, 2)]
            size = "" if abs(c) == 1 and power else str(abs(c))
            joint = (" - " if c < 0 else " + ") if text else "-" * (c < 0)
            text += f"{joint}{size}{' ' * bool(size and name)}{name}"
    return text or "0"
