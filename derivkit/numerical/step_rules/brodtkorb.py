"""Extrapolation of central differences by Richardson and Wynn, and the choice of the best (numdifftools)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from derivkit.numerical.estimate import NOT_FINITE, Estimate
from derivkit.numerical.extrapolation import CENTRAL, exponents, next_row
from derivkit.numerical.methods import method
from derivkit.numerical.step_rules.engine import Choice, Point, Rule, choose, largest
from derivkit.types import EPS, LEAST_NORMAL, Array, Ends, FunctionLike

FIRST = 2.0
"""The first step over log(e - 1 + |x|), or over 1 where that is less."""
STEPS = 15
RATIO = 2.0
TERMS = 2
"""Powers of the step that Richardson's extrapolation removes."""
ALMOST_STRAIGHT = 1e-4
"""Where three values hardly change in their differences Wynn's formula divides by next to nothing; the last counts."""
TENFOLD = 10.0
"""A derivative so many times larger or smaller than the median of all is an outlier; and what an ulp is taken for."""
SMALL = 1e-8
"""A median below this says nothing of the size of the derivative."""
QUARTILES = 1.5
"""An outlier lies so many distances of the quartiles beyond them."""
MESSAGE = "the distances of the three values that Wynn's formula was made of, with a penalty for outliers"


@method("Brodtkorb and D'Errico 2015, numdifftools; Wynn 1956")
def brodtkorb(
    f: FunctionLike,
    x: ArrayLike,
    *,
    delta: ArrayLike | None = None,
    domain: Ends | None = None,
    vectorized: bool | None = None,
) -> Estimate:
    r"""The derivative of f at x by the default of numdifftools: fifteen steps, extrapolated twice, and the best of all.

    Parameters
    ----------
    f, x, vectorized
        As in :func:`rule_of_thumb_forward`.
    delta : array_like, optional
        The first and largest step, in x's unit, one or of x's shape; 2 log(e - 1 + |x|) if not given, or 2 where that
        is less.
    domain : tuple of float, optional
        The closed interval in which f may be evaluated, never left; None for an open end.

    Returns
    -------
    Estimate
        Of x's shape, ``delta`` the step of the extrapolated value that was chosen. ``error`` is as published the sum
        of the distances between the three values in Wynn's formula and the result, plus the distance from the median
        where the value is an outlier. It is never less than eps times the largest |f| over the largest step that the
        value was made with.

    Raises
    ------
    ValueError
        If a step is not positive and finite, or the domain is no interval.

    Notes
    -----
    Brodtkorb and D'Errico, numdifftools, 2015: there is no paper, and this is what the default of version 0.11 does.
    Wynn, "On a device for computing the e_m(S_n) transformation", *MTAC* 10:91-96, 1956. Central differences with the
    steps :math:`h 2^{-k}`, k = 0 to 14; three at a time give one without the second and fourth power of the step; and
    three of these, :math:`e_0, e_1, e_2`, Wynn's

    .. math:: e_1 + \left(\frac{1}{e_2 - e_1} - \frac{1}{e_1 - e_0}\right)^{-1}.

    The one with the least error counts, the middle of those if there are several: a winner's curse. The first step
    depends on x alone and is about as large as |x|, so that f is often asked beyond where it is smooth.

    Examples
    --------
    >>> import numpy as np
    >>> result = brodtkorb(np.exp, 1.0)
    >>> abs(result.value - np.e) < 1e-12, result.delta, result.evaluations
    (True, 0.0078125, 30)
    """
    return choose(_brodtkorb, f, x, example="brodtkorb", delta=delta, domain=domain, vectorized=vectorized)


def _brodtkorb(point: Point) -> Rule:
    usual = FIRST * max(1.0, np.log(np.e - 1.0 + abs(point.x)))
    steps = point.first_step(usual) * RATIO ** -np.arange(float(STEPS))
    left, right = point.x - steps, point.x + steps
    f_left, f_right = np.array((yield [*left, *right])).reshape(2, -1)
    derivatives = _richardson((f_right - f_left) / (right - left))
    extrapolated, errors = _wynn(derivatives[:-2], derivatives[1:-1], derivatives[2:])
    errors = errors + _penalty(extrapolated)
    if not np.isfinite(errors).any():
        return NOT_FINITE
    least = np.flatnonzero(errors == np.nanmin(errors))
    best = int(least[least.size // 2])
    used = slice(best, best + 2 * TERMS + 1)
    size = largest(*f_left[used], *f_right[used])
    bar, reach = errors[best], steps[best]
    return Choice(steps[best + TERMS], extrapolated[best], bar, np.float64(0.0), size, MESSAGE, reach=reach)


def _richardson(differences: Array) -> Array:
    """Three differences at a time without the first powers of the step in their error."""
    powers, row = exponents(CENTRAL, TERMS), list[Array]()
    for k in range(TERMS + 1):
        row = next_row(row, differences[k : differences.size - TERMS + k], RATIO, powers)
    return row[-1]


def _wynn(e_0: Array, e_1: Array, e_2: Array) -> tuple[Array, Array]:
    """Wynn's formula for three values in a row, with the error that numdifftools puts on it."""
    later, earlier = (np.where(np.abs(d) < LEAST_NORMAL, LEAST_NORMAL, d) for d in (e_2 - e_1, e_1 - e_0))
    ulp_later = EPS * np.maximum(np.abs(e_2), np.abs(e_1))
    ulp_earlier = EPS * np.maximum(np.abs(e_1), np.abs(e_0))
    inverse = 1.0 / later - 1.0 / earlier
    apart = np.abs(e_1 - e_0), np.abs(e_2 - e_1)
    converged = (apart[0] <= ulp_earlier) | (apart[1] <= ulp_later) | (np.abs(inverse * e_1) <= ALMOST_STRAIGHT)
    result = np.where(converged, e_2, e_1 + 1.0 / inverse)
    return result, apart[0] + apart[1] + np.where(converged, TENFOLD * ulp_later, np.abs(result - e_2))


def _penalty(values: Array) -> Array:
    """The distance of every outlier from the median."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return np.zeros_like(values)
    low, median, high = np.percentile(finite, [25.0, 50.0, 75.0])
    reach, size = QUARTILES * (high - low), np.abs(values)
    alien = (size < abs(median) / TENFOLD) | (size > abs(median) * TENFOLD)
    outlier = (alien & (abs(median) > SMALL)) | (values < low - reach) | (values > high + reach)
    return np.where(outlier, np.abs(values - median), 0.0)
