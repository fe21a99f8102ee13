"""The step at which truncation, as a one-sided difference shows it, is a hundred times rounding (Curtis and Reid)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from derivkit.numerical.estimate import NOT_FINITE, Estimate
from derivkit.numerical.methods import method
from derivkit.numerical.step_rules.engine import NO_VALUE, Choice, Pair, Point, Rule, central, choose
from derivkit.types import EPS, Ends, FunctionLike

AIM, LEAST, MOST = 100.0, 10.0, 1000.0
"""Truncation over rounding: the aim, and the range that is accepted."""
RANGE = 1e3
"""How far the step may move from cbrt(eps) |x|; in the rule as pnd prints it."""
TRIALS = 20
"""Most steps that are tried; pnd's."""
MESSAGE = "the difference of the central and the forward formula, and rounding"


@method("Curtis and Reid 1974, after the implementation in pnd")
def curtis_reid(
    f: FunctionLike,
    x: ArrayLike,
    *,
    delta: ArrayLike | None = None,
    noise: ArrayLike | None = None,
    domain: Ends | None = None,
    vectorized: bool | None = None,
) -> Estimate:
    """The derivative of f at x by a central difference whose step balances truncation against rounding.

    Parameters
    ----------
    f, x, noise, vectorized
        As in :func:`rule_of_thumb_forward`.
    delta : array_like, optional
        The first step to try, in x's unit, one or of x's shape; cbrt(eps) |x| if not given, cbrt(eps) at 0.
    domain : tuple of float, optional
        The closed interval in which f may be evaluated, never left; None for an open end.

    Returns
    -------
    Estimate
        Of x's shape, ``delta`` the step. ``error`` is truncation plus rounding. Truncation is taken to be the distance
        of the central from the forward difference, which is the error of the latter, about h f''/2 and so far too
        much: that is why the rule aims at a hundred times rounding, eps |f(x)| / (2 h), and not at half of it. Where
        f''(x) = 0 the distance is h^2 f'''/6, and no more than the truth.

    Raises
    ------
    ValueError
        If a step or noise is not positive and finite, or the domain is no interval.

    Notes
    -----
    Curtis and Reid, "The choice of step lengths when using differences to approximate Jacobian matrices", *J. Inst.
    Maths. Applics.* 13:121-126, 1974. The paper could not be had: this is the rule as Kostyrka's package pnd for R and
    its vignette "Step-size-selection algorithm benchmark" describe it. With u = truncation / rounding the next step is
    h sqrt(100 / max(u, 1)), until u is from 10 to 1000 or the step stays at an end of its range, cbrt(eps) |x| times
    0.001 to 1000. A step at which f has no value is halved.

    Examples
    --------
    >>> import numpy as np
    >>> result = curtis_reid(np.exp, 1.0)
    >>> abs(result.value - np.e) <= result.error < 1e-6, result.evaluations
    (True, 5)
    """
    return choose(
        _curtis_reid, f, x, example="curtis_reid", delta=delta, noise=noise, domain=domain, vectorized=vectorized
    )


def _curtis_reid(point: Point) -> Rule:
    x, usual = point.x, np.cbrt(EPS) * point.scale
    shortest, longest = usual / RANGE, min(usual * RANGE, point.room)
    step = point.first_step(usual)
    (f_x,) = yield (x,)
    if not np.isfinite(f_x):
        return NO_VALUE
    for _ in range(TRIALS):
        pair = yield from central(x, step)
        if pair.finite:
            truncation = abs(pair.slope - Pair(x, pair.last, f_x, pair.f_last).slope)
            rounding = 0.5 * point.error_of(f_x or pair.size) / pair.step
            ratio = truncation / rounding
            before, step = step, np.clip(step * np.sqrt(AIM / max(ratio, 1.0)), shortest, longest)
            if LEAST <= ratio <= MOST or step == before:
                break
        else:
            longest = step = 0.5 * step
            if step < shortest:
                return NOT_FINITE
    return Choice(pair.step, pair.slope, truncation, rounding, pair.size, MESSAGE)
