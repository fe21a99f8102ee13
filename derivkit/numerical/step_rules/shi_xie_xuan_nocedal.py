r"""A step at which a difference that shows truncation alone is a few errors of f (Shi, Xie, Xuan and Nocedal).

A formula D(h) minus the same with the step :math:`\alpha h` is free of the derivative: multiplied by h it is a sum of
values in which the first term of the truncation is left. Over its own noise that is the *ratio* r(h). For a forward
difference and :math:`\alpha = 4`, and for a central one and :math:`\alpha = 3`,

.. math:: r = \frac{|f(x+4h) - 4f(x+h) + 3f(x)|}{8e} \approx \frac{6h^2|f''|}{8e}, \qquad
          r = \frac{|f(x+3h) - 3f(x+h) + 3f(x-h) - f(x-3h)|}{8e} \approx \frac{8h^3|f'''|}{8e},

each off by at most 1 for the error e of every value. A step with :math:`1.5 \le r \le 6` is therefore from 0.41 to 1.53
times :math:`2\sqrt{e/|f''|}`, or from 0.55 to 1.33 times :math:`\sqrt[3]{3e/|f'''|}`, the best ones, and truncation is
at most :math:`8e(r+1)/12h`, or :math:`8e(r+1)/48h`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from derivkit.numerical.estimate import NOT_FINITE, Estimate, Outcome
from derivkit.numerical.methods import method
from derivkit.numerical.status import Status
from derivkit.numerical.step_rules.engine import NO_VALUE, Abscissae, Bracket, Choice, Pair, Point, Rule, Values, choose
from derivkit.types import Ends, FunctionLike

LEAST, MOST = 1.5, 6.0
"""The ratio that is accepted."""
TRIALS = 53
"""Most steps that are tried, as in numericalderivative; the paper has no limit."""
NOT_SEEN: Outcome = (
    Status.UNRESOLVED,
    (
        "no step shows a truncation of a few errors of f: the derivative behind it is 0, or f is not smooth, or less "
        "exact than was reckoned with, so give its noise"
    ),
)
MESSAGE = "truncation by the ratio that was accepted, and rounding"


@method("Shi, Xie, Xuan and Nocedal 2022, eq. 2.3 and algorithm 2.1, after the implementation in nlmixr2est")
def shi_xie_xuan_nocedal_forward(
    f: FunctionLike,
    x: ArrayLike,
    *,
    delta: ArrayLike | None = None,
    noise: ArrayLike | None = None,
    domain: Ends | None = None,
    vectorized: bool | None = None,
) -> Estimate:
    r"""The derivative of f at x by a one-sided difference, its step by bisection of a ratio of truncation to noise.

    Parameters
    ----------
    f, x, noise, vectorized
        As in :func:`rule_of_thumb_forward`.
    delta : array_like, optional
        The first step to try, in x's unit, one or of x's shape; 2 sqrt(e / 3) for the error e of f(x) if not given.
    domain : tuple of float, optional
        The closed interval in which f may be evaluated, never left; None for an open end. Where four steps do not fit
        to the right of x they are taken to the left.

    Returns
    -------
    Estimate
        Of x's shape, ``delta`` the step h. ``error`` is truncation, at most 8 e (r + 1) / (12 h) for the ratio r that
        was accepted, plus rounding, 2 e / h. ``unresolved`` where no ratio is accepted, as for linear functions.

    Raises
    ------
    ValueError
        If a step or noise is not positive and finite, or the domain is no interval.

    Notes
    -----
    Shi, Xie, Xuan and Nocedal, "Adaptive Finite-Difference Interval Estimation for Noisy Derivative-Free
    Optimization", *SIAM J. Sci. Comput.* 44(4):A2302-A2321, 2022, algorithm 2.1. The paper could not be had: its
    equations are those that Baudin's package numericalderivative cites, the first step and the factors those of
    nlmixr2est. The ratio :math:`|f(x+4h) - 4f(x+h) + 3f(x)| / 8e` is to be from 1.5 to 6. The step is multiplied or
    divided by 4 until there is one on either side, then the interval is bisected. A step at which f has no value counts
    as too large. Where rounding inside f is more than e, as of sin(100 x), the ratio may be above 6 at every step.

    Examples
    --------
    >>> import numpy as np
    >>> result = shi_xie_xuan_nocedal_forward(np.exp, 1.0)
    >>> abs(result.value - np.e) <= result.error < 1e-6
    True
    """
    return choose(
        _forward, f, x, example="shi_xie_xuan_nocedal_forward", delta=delta, noise=noise, domain=domain,
        vectorized=vectorized, one_sided=True,
    )  # fmt: skip


@method("Shi, Xie, Xuan and Nocedal 2022, algorithm 3.1, after the implementation in nlmixr2est")
def shi_xie_xuan_nocedal_central(
    f: FunctionLike,
    x: ArrayLike,
    *,
    delta: ArrayLike | None = None,
    noise: ArrayLike | None = None,
    domain: Ends | None = None,
    vectorized: bool | None = None,
) -> Estimate:
    r"""The derivative of f at x by a central difference, its step by bisection of a ratio of truncation to noise.

    Parameters
    ----------
    f, x, noise, vectorized
        As in :func:`rule_of_thumb_forward`.
    delta : array_like, optional
        The first step to try, in x's unit, one or of x's shape; cbrt(3 e) for the error e of f(x) if not given.
    domain : tuple of float, optional
        The closed interval in which f may be evaluated, never left; None for an open end.

    Returns
    -------
    Estimate
        Of x's shape, ``delta`` the step h. ``error`` is truncation, at most 8 e (r + 1) / (48 h) for the ratio r that
        was accepted, plus rounding, e / h. ``unresolved`` where no ratio is accepted, as for parabolas.

    Raises
    ------
    ValueError
        If a step or noise is not positive and finite, or the domain is no interval.

    Notes
    -----
    Shi, Xie, Xuan and Nocedal, "Adaptive Finite-Difference Interval Estimation for Noisy Derivative-Free
    Optimization", *SIAM J. Sci. Comput.* 44(4):A2302-A2321, 2022, algorithm 3.1 for the central difference, with the
    ratio :math:`|f(x+3h) - 3f(x+h) + 3f(x-h) - f(x-3h)| / 8e` from 1.5 to 6 and steps multiplied by 3. The paper could
    not be had: this is the rule as nlmixr2est has it.

    Examples
    --------
    >>> import numpy as np
    >>> result = shi_xie_xuan_nocedal_central(np.exp, 1.0)
    >>> abs(result.value - np.e) <= result.error < 1e-9
    True
    """
    return choose(
        _central, f, x, example="shi_xie_xuan_nocedal_central", delta=delta, noise=noise, domain=domain,
        vectorized=vectorized,
    )  # fmt: skip


@dataclass(frozen=True)
class _Trial:
    """A difference with one step, the sum in which truncation is left, and the error of a value of f."""

    pair: Pair
    shown: float
    error: float

    @property
    def ratio(self) -> float:
        """Truncation over noise, as the sum of 8 values shows it; infinite where f has no value."""
        ratio = abs(self.shown) / (8.0 * self.error)
        return ratio if np.isfinite(ratio) else np.inf


def _forward(point: Point) -> Rule:
    x = point.x
    (f_x,) = yield (x,)
    if not np.isfinite(f_x):
        return NO_VALUE
    first = point.first_step(2.0 * np.sqrt(point.error_of(f_x or 1.0) / 3.0), room=0.25 * max(point.left, point.right))
    side = point.side(4.0 * first)

    def trial(step: float) -> Generator[Abscissae, Values, _Trial]:
        near = x + side * step
        f_near, f_far = yield near, x + side * 4.0 * step
        shown = f_far - f_x - 4.0 * (f_near - f_x)
        return _Trial(Pair(x, near, f_x, f_near), shown, point.error_of(f_x, f_near, f_far))

    found = yield from _bisected(trial, first, factor=4.0)
    if not isinstance(found, _Trial):
        return found
    pair, step = found.pair, abs(found.pair.last - x)
    truncation = 8.0 * found.error * (found.ratio + 1.0) / (12.0 * step)
    return Choice(step, pair.slope, truncation, 2.0 * found.error / step, pair.size, MESSAGE)


def _central(point: Point) -> Rule:
    x = point.x
    (f_x,) = yield (x,)
    if not np.isfinite(f_x):
        return NO_VALUE

    def trial(step: float) -> Generator[Abscissae, Values, _Trial]:
        left, right = x - step, x + step
        values = yield left, right, x - 3.0 * step, x + 3.0 * step
        f_left, f_right, f_far_left, f_far_right = values
        shown = f_far_right - f_far_left - 3.0 * (f_right - f_left)
        return _Trial(Pair(left, right, f_left, f_right), shown, point.error_of(*values))

    first = point.first_step(np.cbrt(3.0 * point.error_of(f_x or 1.0)), room=point.room / 3.0)
    found = yield from _bisected(trial, first, factor=3.0)
    if not isinstance(found, _Trial):
        return found
    pair = found.pair
    truncation = 8.0 * found.error * (found.ratio + 1.0) / (48.0 * pair.step)
    return Choice(pair.step, pair.slope, truncation, found.error / pair.step, pair.size, MESSAGE)


def _bisected(
    trial: Callable[[float], Generator[Abscissae, Values, _Trial]], step: float, *, factor: float
) -> Generator[Abscissae, Values, _Trial | Outcome]:
    """The first trial whose ratio is accepted."""
    bracket = Bracket(step, factor)
    for _ in range(TRIALS):
        tried = yield from trial(bracket.step)
        if LEAST <= tried.ratio <= MOST:
            return tried
        bracket = bracket.narrowed(larger=tried.ratio < LEAST)
        if bracket.closed:
            break
    return NOT_SEEN if bracket.lower > 0.0 or np.isfinite(tried.shown) else NOT_FINITE
