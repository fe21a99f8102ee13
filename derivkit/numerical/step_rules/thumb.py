r"""The rules of thumb: a step that depends on x and the precision of floating point alone.

With an error :math:`e` of every value of f, a forward difference is off by at most :math:`h|f''|/2 + 2e/h`, a central
one by :math:`h^2|f'''|/6 + e/h`. The sums are least where

.. math:: h = 2\sqrt{e/|f''|}, \qquad h = \sqrt[3]{3e/|f'''|},

and there truncation is as large as rounding in the first, half as large in the second. If f is of the size of its
derivatives with respect to :math:`x/\max(1, |x|)`, the roots are near :math:`\sqrt{\epsilon}` and
:math:`\sqrt[3]{\epsilon}` times :math:`\max(1, |x|)`. That is an assumption about f and not a measurement: so are the
bars, which take truncation to be what it is at the best step.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from derivkit.numerical.estimate import VANISHED, Estimate
from derivkit.numerical.methods import method
from derivkit.numerical.step_rules.engine import NO_VALUE, Choice, Pair, Point, Rule, central, choose
from derivkit.types import EPS, Ends, FunctionLike

MESSAGE = "rounding, and the truncation that a difference has where its step is the best"


@method("Dennis and Schnabel 1983, algorithm A5.6.3")
def rule_of_thumb_forward(
    f: FunctionLike,
    x: ArrayLike,
    *,
    delta: ArrayLike | None = None,
    noise: ArrayLike | None = None,
    domain: Ends | None = None,
    vectorized: bool | None = None,
) -> Estimate:
    """The derivative of f at x by a one-sided difference with the step sqrt(eps) max(1, |x|).

    Parameters
    ----------
    f : callable or formula
        Of one number or of an array; values that are not finite, and exceptions, mean that it is not defined there.
    x : array_like
        Points, of any shape.
    delta : array_like, optional
        The step instead, in x's unit, one or of x's shape.
    noise : array_like, optional
        The absolute error of a value of f, one or of x's shape; eps times the largest |f| that is met, if not given.
    domain : tuple of float, optional
        The closed interval in which f may be evaluated, never left; None for an open end. Where the step does not fit
        to the right of x it is taken to the left.
    vectorized : bool, optional
        Whether f takes arrays, if known.

    Returns
    -------
    Estimate
        Of x's shape, ``delta`` the step. ``error`` is four errors of a value over the step: two for rounding, and two
        for truncation, which equals rounding at the best step. That this is the best step is assumed.

    Raises
    ------
    ValueError
        If a step or noise is not positive and finite, or the domain is no interval.

    Notes
    -----
    Dennis and Schnabel, *Numerical Methods for Unconstrained Optimization and Nonlinear Equations*, 1983, algorithm
    A5.6.3, page 322, with typical size 1. The book could not be had: IMSL's manual cites the algorithm.

    Examples
    --------
    >>> import numpy as np
    >>> result = rule_of_thumb_forward(np.exp, 0.0)
    >>> result.delta, abs(result.value - 1.0) <= result.error < 1e-7, result.evaluations
    (1.4901161193847656e-08, True, 2)
    """
    return choose(
        _forward, f, x, example="rule_of_thumb_forward", delta=delta, noise=noise, domain=domain,
        vectorized=vectorized, one_sided=True,
    )  # fmt: skip


@method("Dennis and Schnabel 1983, algorithm A5.6.4")
def rule_of_thumb_central(
    f: FunctionLike,
    x: ArrayLike,
    *,
    delta: ArrayLike | None = None,
    noise: ArrayLike | None = None,
    domain: Ends | None = None,
    vectorized: bool | None = None,
) -> Estimate:
    """The derivative of f at x by a central difference with the step cbrt(eps) max(1, |x|).

    Parameters
    ----------
    f, x, delta, noise, vectorized
        As in :func:`rule_of_thumb_forward`.
    domain : tuple of float, optional
        The closed interval in which f may be evaluated, never left; None for an open end. The step is shortened to it.

    Returns
    -------
    Estimate
        Of x's shape, ``delta`` the step. ``error`` is one and a half errors of a value over the step: one for rounding,
        and half of one for truncation, which is half of rounding at the best step. That this is the best step is
        assumed.

    Raises
    ------
    ValueError
        If a step or noise is not positive and finite, or the domain is no interval.

    Notes
    -----
    Dennis and Schnabel, *Numerical Methods for Unconstrained Optimization and Nonlinear Equations*, 1983, algorithm
    A5.6.4, with typical size 1. The book could not be had.

    Examples
    --------
    >>> import numpy as np
    >>> result = rule_of_thumb_central(np.exp, 0.0)
    >>> abs(result.value - 1.0) < 1e-10, result.evaluations
    (True, 2)
    """
    return choose(
        _central, f, x, example="rule_of_thumb_central", delta=delta, noise=noise, domain=domain, vectorized=vectorized
    )


def _forward(point: Point) -> Rule:
    step = point.first_step(np.sqrt(EPS) * max(1.0, abs(point.x)), room=max(point.left, point.right))
    x, beside = point.x, point.x + point.side(step) * step
    if beside == x:
        return VANISHED
    pair = Pair(x, beside, *(yield x, beside))
    if not np.isfinite(pair.f_first):
        return NO_VALUE
    step = abs(beside - x)
    rounding = 2.0 * point.error_of(pair.size) / step
    return Choice(step, pair.slope, rounding, rounding, pair.size, MESSAGE)


def _central(point: Point) -> Rule:
    step = point.first_step(np.cbrt(EPS) * max(1.0, abs(point.x)))
    if point.x - step == point.x or point.x + step == point.x:
        return VANISHED
    pair = yield from central(point.x, step)
    rounding = point.error_of(pair.size) / pair.step
    return Choice(pair.step, pair.slope, 0.5 * rounding, rounding, pair.size, MESSAGE)
