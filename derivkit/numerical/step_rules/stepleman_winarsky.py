"""The step at which central differences cease to come nearer to one another (Stepleman and Winarsky)."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
from numpy.typing import ArrayLike

from derivkit.numerical.estimate import NOT_FINITE, Estimate, Outcome
from derivkit.numerical.methods import method
from derivkit.numerical.status import Status
from derivkit.numerical.step_rules.engine import NO_VALUE, Abscissae, Choice, Pair, Point, Rule, Values, central, choose
from derivkit.types import EPS, Ends, FunctionLike

RATIO = 4.0
"""Of a step to the next (beta in the paper)."""
MOST_LOST = float(np.log10(EPS ** (-1.0 / 3.0) / RATIO))
"""Most decimal digits that the first difference may lose (eq. 3.15)."""
SEARCHED = (1e-12, 1e8)
"""How far the first step is sought, over the usual one; in pnd's rule."""
TRIALS = 53
"""Most steps that are tried for the first, and after it."""
NO_START: Outcome = (
    Status.UNRESOLVED,
    "no step is found at which f changes by less than itself and by enough to begin with",
)
NO_END: Outcome = (
    Status.UNRESOLVED,
    "the differences of ever smaller steps do not cease to come nearer to one another",
)
MESSAGE = "truncation by the difference before, and rounding"


@method("Stepleman and Winarsky 1979, eq. 2.3 and 3.9 to 3.16, after the implementation in numericalderivative")
def stepleman_winarsky(
    f: FunctionLike,
    x: ArrayLike,
    *,
    delta: ArrayLike | None = None,
    noise: ArrayLike | None = None,
    domain: Ends | None = None,
    vectorized: bool | None = None,
) -> Estimate:
    r"""The derivative of f at x by central differences of steps that shrink until rounding shows.

    Parameters
    ----------
    f, x, noise, vectorized
        As in :func:`rule_of_thumb_forward`.
    delta : array_like, optional
        The first step to try, in x's unit, one or of x's shape; 4 cbrt(eps) |x| if not given, 4 cbrt(eps) at 0.
    domain : tuple of float, optional
        The closed interval in which f may be evaluated, never left; None for an open end.

    Returns
    -------
    Estimate
        Of x's shape, ``delta`` the step. ``error`` is truncation, a fifteenth of the distance from the difference
        before, whose truncation is 16 times as large, plus rounding, the error of a value over the step.
        ``unresolved`` where no first step loses few enough digits, or the differences go on to come nearer.

    Raises
    ------
    ValueError
        If a step or noise is not positive and finite, or the domain is no interval.

    Notes
    -----
    Stepleman and Winarsky, "Adaptive Numerical Differentiation", *Math. Comp.* 33:1257-1264, 1979. Of the paper only
    the first page could be had: the equations are those that Baudin's package numericalderivative cites, the way to a
    first step is pnd's.

    A first step is one at which the difference d(h) loses more than no digits and fewer than
    :math:`\log_{10}(\epsilon^{-1/3}/4)`, by :math:`N(h) = -\log_{10}|2 h d(h) / f(x)|`; where f(x) = 0 nothing is
    lost, and the usual one is taken. Then :math:`h_{i+1} = h_i / 4` for as long as :math:`|d(h_{i+1}) - d(h_i)|`
    does not grow, as theory says where truncation reigns, nor is 0.

    Examples
    --------
    >>> import numpy as np
    >>> result = stepleman_winarsky(np.exp, 1.0)
    >>> abs(result.value - np.e) <= result.error < 1e-9
    True
    """
    return choose(
        _stepleman_winarsky, f, x, example="stepleman_winarsky", delta=delta, noise=noise, domain=domain,
        vectorized=vectorized,
    )  # fmt: skip


def _stepleman_winarsky(point: Point) -> Rule:
    (f_x,) = yield (point.x,)
    if not np.isfinite(f_x):
        return NO_VALUE
    start = yield from _start(point, f_x)
    if not isinstance(start, Pair):
        return start
    pair, before = start, np.inf
    for _ in range(TRIALS):
        smaller = yield from central(point.x, pair.step / RATIO)
        difference = abs(smaller.slope - pair.slope)
        if not 0.0 < difference <= before:
            apart = before if np.isfinite(before) else RATIO**2 * difference
            rounding = point.error_of(pair.size) / pair.step
            return Choice(pair.step, pair.slope, apart / (RATIO**2 - 1.0), rounding, pair.size, MESSAGE)
        pair, before = smaller, difference
    return NO_END


def _start(point: Point, f_x: float) -> Generator[Abscissae, Values, Pair | Outcome]:
    """The first pair of points: at the usual step, or where the difference loses few digits."""
    usual = RATIO * np.cbrt(EPS) * point.scale
    step = point.first_step(usual)
    least, most = SEARCHED[0] * usual, min(SEARCHED[1] * usual, point.room)
    lower, upper = 0.0, np.inf
    pair = yield from central(point.x, step)
    for _ in range(TRIALS):
        lost = -np.log10(abs(2.0 * pair.step * pair.slope / f_x)) if pair.finite else -np.inf
        if pair.finite and (f_x == 0.0 or 0.0 < lost <= MOST_LOST):
            return pair
        if lost > 0.0:
            lower = step
            # The loss falls with the logarithm of the step; twice the step at which it is small enough.
            further = 2.0 * step * 10.0 ** (lost - MOST_LOST)
            step = min(further, most) if np.isinf(upper) else np.sqrt(lower) * np.sqrt(upper)
        else:
            upper = step
            step = np.sqrt(lower) * np.sqrt(upper) if lower else step / RATIO**2
        if step <= least or step == lower:
            break
        pair = yield from central(point.x, step)
    return NO_START if pair.finite else NOT_FINITE
