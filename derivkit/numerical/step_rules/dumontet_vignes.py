"""The best step of a central difference from bounds of the third derivative (Dumontet and Vignes)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from derivkit.numerical.estimate import Estimate, Outcome
from derivkit.numerical.methods import method
from derivkit.numerical.status import Status
from derivkit.numerical.step_rules.engine import (
    NO_VALUE,
    Bracket,
    Choice,
    Point,
    Rule,
    Values,
    central,
    choose,
    largest,
)
from derivkit.types import Ends, FunctionLike

NEAR, FAR = 2.0, 15.0
"""Bounds of the ratio of the two bounds of f''', or of its inverse (eq. 33 and 34)."""
TRIALS = 53
"""Most steps k that are tried: by factors of 2 from |x| they reach the ends of its interval, |x| times 2 to the power
of -52 and 52 (eq. 26)."""
CONSTANT = 1.67
"""In h^3 = c e / |f'''|, where the least bound has 3: the mean error is least here (eq. 36)."""
UNSEEN: Outcome = (
    Status.UNRESOLVED,
    (
        "no step shows the third derivative to between a third and seven eighths: it is 0, or f is not smooth, or less "
        "exact than was reckoned with, so give its noise"
    ),
)
MESSAGE = "truncation by the larger bound of the third derivative, and rounding"


@method("Dumontet and Vignes 1977, eq. 24 to 36, after the implementation in numericalderivative")
def dumontet_vignes(
    f: FunctionLike,
    x: ArrayLike,
    *,
    delta: ArrayLike | None = None,
    noise: ArrayLike | None = None,
    domain: Ends | None = None,
    vectorized: bool | None = None,
) -> Estimate:
    r"""The derivative of f at x by a central difference, its step from bounds of the third derivative.

    Parameters
    ----------
    f, x, noise, vectorized
        As in :func:`rule_of_thumb_forward`.
    delta : array_like, optional
        The first step k of the third derivative to try, in x's unit, one or of x's shape; |x| if not given, 1 at 0.
    domain : tuple of float, optional
        The closed interval in which f may be evaluated, never left; None for an open end.

    Returns
    -------
    Estimate
        Of x's shape, ``delta`` the step h. ``error`` is h^2/6 times the larger bound of f''' plus rounding, the error
        of a value over h. ``unresolved`` where f''' is 0, or too small beside f to be seen.

    Raises
    ------
    ValueError
        If a step or noise is not positive and finite, or the domain is no interval.

    Notes
    -----
    Dumontet and Vignes, "Détermination du pas optimal dans le calcul des dérivées sur ordinateur", *RAIRO Analyse
    numérique* 11(1):13-25, 1977. The paper itself could not be had: its equations are those that Baudin's package
    numericalderivative cites, with the two signs that this corrects.

    The third derivative is :math:`(T_1 + T_2 + T_3 + T_4)/2k^3` with :math:`T = f(x+2k), -f(x-2k), -2f(x+k), 2f(x-k)`.
    With A the sum of the positive and B that of the negative ones, and r the relative error of a value, it lies between

    .. math:: \frac{1}{2k^3}\left(\frac{A}{1+r} + \frac{B}{1-r}\right), \qquad
              \frac{1}{2k^3}\left(\frac{A}{1-r} + \frac{B}{1+r}\right).

    k is too large where the ratio of the two is between 1/2 and 2, and too small where it is beyond 15, below 1/15 or
    negative, where its interval is bisected. From above that is halving, and so is k halved, or doubled, here, as long
    as one end of the interval is missing. k counts as too large where f has no value.

    Examples
    --------
    >>> import numpy as np
    >>> result = dumontet_vignes(np.exp, 1.0)
    >>> abs(result.value - np.e) <= result.error < 1e-9
    True
    >>> dumontet_vignes(lambda x: x**2, 1.0).status
    <Status.UNRESOLVED: 'unresolved'>
    """
    return choose(
        _dumontet_vignes, f, x, example="dumontet_vignes", delta=delta, noise=noise, domain=domain,
        vectorized=vectorized,
    )  # fmt: skip


def _dumontet_vignes(point: Point) -> Rule:
    x = point.x
    bracket = Bracket(point.first_step(point.scale, room=0.5 * point.room), 2.0)
    (f_x,) = yield (x,)
    if not np.isfinite(f_x):
        return NO_VALUE
    for _ in range(TRIALS):
        k = bracket.step
        values = yield x + 2.0 * k, x - 2.0 * k, x + k, x - k
        bounds = _bounds(values, k, point)
        ratio = bounds[1] / bounds[0]
        if 1.0 / FAR <= ratio <= 1.0 / NEAR or NEAR <= ratio <= FAR:
            break
        bracket = bracket.narrowed(larger=not 1.0 / NEAR < ratio < NEAR and bool(np.isfinite(values).all()))
        if bracket.closed:
            return UNSEEN
    else:
        return UNSEEN
    error = point.error_of(*([f_x] if f_x else values))
    third = abs(0.5 * (bounds[0] + bounds[1]))
    pair = yield from central(x, min(np.cbrt(CONSTANT * error / third), point.room))
    truncation = largest(*bounds) * pair.step**2 / 6.0
    return Choice(pair.step, pair.slope, truncation, point.error_of(pair.size) / pair.step, pair.size, MESSAGE)


def _bounds(values: Values, k: float, point: Point) -> tuple[float, float]:
    """The bounds of the third derivative."""
    terms = np.array([1.0, -1.0, -2.0, 2.0]) * values
    positive, negative = terms[terms > 0.0].sum(), terms[terms < 0.0].sum()
    relative = point.error_of(*values) / largest(*values)
    less, more = 1.0 - relative, 1.0 + relative
    return (positive / more + negative / less) / (2.0 * k**3), (positive / less + negative / more) / (2.0 * k**3)
