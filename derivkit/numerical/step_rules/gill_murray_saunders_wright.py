"""The best step of a forward difference from a second derivative that is known to a tenth (FDCORE)."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from derivkit.numerical.estimate import NOT_FINITE, Estimate, Outcome
from derivkit.numerical.methods import method
from derivkit.numerical.status import Status
from derivkit.numerical.step_rules.engine import NO_VALUE, Abscissae, Choice, Pair, Point, Rule, Values, choose
from derivkit.types import EPS, Ends, FunctionLike

LEAST, MOST = 1e-3, 1e-1
"""The condition error of the second difference that is accepted; and the most of a first difference."""
FACTOR = 10.0
"""From one step to the next, and of the first over the step for a well scaled f (eta, omega and rho in the paper)."""
TRIALS = 6
"""Most steps (K in the paper)."""
CONSTANT: Outcome = (Status.UNRESOLVED, "f appears to be nearly constant: no step shows a first difference")
LINEAR: Outcome = (
    Status.UNRESOLVED,
    "f appears to be odd about x or nearly linear: no step shows a second difference",
)
GROWING: Outcome = (
    Status.UNRESOLVED,
    "the second derivative appears to grow as the step shrinks: no step shows it small enough",
)
APART: Outcome = (
    Status.UNRESOLVED,
    "the bar is more than half of the difference: f has no clear slope at x",
)
MESSAGE = "the larger of truncation plus rounding and the distance from the difference of second order"


@method("Gill, Murray, Saunders and Wright 1983, algorithm FD, after the implementations in Tomlab and NPSOL")
def gill_murray_saunders_wright(
    f: FunctionLike,
    x: ArrayLike,
    *,
    delta: ArrayLike | None = None,
    noise: ArrayLike | None = None,
    domain: Ends | None = None,
    vectorized: bool | None = None,
) -> Estimate:
    r"""The derivative of f at x by a one-sided difference, its step from a second difference (FDCORE).

    Parameters
    ----------
    f, x, noise, vectorized
        As in :func:`rule_of_thumb_forward`.
    delta : array_like, optional
        The first step of the second difference to try, in x's unit, one or of x's shape; ten times the best step of a
        well scaled f if not given.
    domain : tuple of float, optional
        The closed interval in which f may be evaluated, never left; None for an open end. Near an end, x and two
        points on its other side make the second difference.

    Returns
    -------
    Estimate
        Of x's shape, ``delta`` the step h. With :math:`\Phi` the second difference and e the error of a value,
        ``error`` is the larger of :math:`h|\Phi|/2 + 2e/h` and the distance from the difference of second order with
        the step of :math:`\Phi`. ``unresolved`` where the algorithm ends with an error: f nearly constant, nearly
        linear or odd about x, a second derivative that grows as the step shrinks, or a bar of more than half of the
        value.

    Raises
    ------
    ValueError
        If a step or noise is not positive and finite, or the domain is no interval.

    Notes
    -----
    Gill, Murray, Saunders and Wright, "Computing Forward-Difference Intervals for Numerical Optimization", *SIAM J.
    Sci. Stat. Comput.* 4(2):310-321, 1983. The paper could not be had: the algorithm is that of Gill, Murray and
    Wright, *Practical Optimization*, 1981, page 343, as Tomlab has it, and what is done near an end of the domain as in
    CHCORE, the version of FDCORE in the authors' NPSOL. There e is eps (1 + |f|), here eps |f| if nothing is known.

    With :math:`\bar h = 2(1 + |x|)\sqrt{e/(1 + |f|)}` the steps begin at :math:`10 \bar h`, and are multiplied or
    divided by 10, at most six, until the condition error :math:`4e / (h^2|\Phi|)` of the second difference is from
    0.001 to 0.1; if it jumps from below to above, the last step before counts. The best step is then
    :math:`2\sqrt{e/|\Phi|}`. A step at which f has no value counts as too large.

    Examples
    --------
    >>> import numpy as np
    >>> result = gill_murray_saunders_wright(np.exp, 1.0)
    >>> abs(result.value - np.e) <= result.error < 1e-6, result.evaluations
    (True, 4)
    >>> gill_murray_saunders_wright(lambda x: 3.0 * x, 1.0).message
    'f appears to be odd about x or nearly linear: no step shows a second difference'
    """
    return choose(
        _gill_murray_saunders_wright, f, x, example="gill_murray_saunders_wright", delta=delta, noise=noise,
        domain=domain, vectorized=vectorized, one_sided=True,
    )  # fmt: skip


@dataclass(frozen=True)
class _Trial:
    """Differences with one step: two of first order, one of second order for the slope, and one for the bend."""

    step: float
    slopes: tuple[float, float]
    slope: float
    bend: float
    error: float
    finite: bool

    @property
    def slope_error(self) -> float:
        """The larger condition error of the first differences; infinite where f has no value."""
        least = min(map(abs, self.slopes))
        return 2.0 * self.error / (self.step * least) if self.finite else np.inf

    @property
    def bend_error(self) -> float:
        """The condition error of the second difference; 0 where f has no value, since the step is too large."""
        return 4.0 * self.error / (self.step**2 * abs(self.bend)) if self.finite else 0.0


_Search = Generator[Abscissae, Values, _Trial | Outcome]


def _gill_murray_saunders_wright(point: Point) -> Rule:
    (f_x,) = yield (point.x,)
    if not np.isfinite(f_x):
        return NO_VALUE
    error = point.noise or EPS * (abs(f_x) or 1.0)
    scaled = 2.0 * (1.0 + abs(point.x)) * np.sqrt(error / (1.0 + abs(f_x)))
    step = point.first_step(FACTOR * scaled, room=0.5 * max(point.left, point.right))
    first = yield from _trial(point, f_x, step)
    found: _Trial | Outcome = first
    if first.bend_error > MOST:
        found = yield from _increased(point, f_x, first)
    elif first.bend_error < LEAST:
        found = yield from _decreased(point, f_x, first)
    return (yield from _difference(point, f_x, found)) if isinstance(found, _Trial) else found


def _increased(point: Point, f_x: float, trial: _Trial) -> _Search:
    """The first larger step whose second difference is good enough (FD3), or why there is none (FD6)."""
    visible = trial.slope_error <= MOST
    for _ in range(TRIALS):
        trial = yield from _trial(point, f_x, FACTOR * trial.step)
        if not trial.finite:
            break
        visible |= trial.slope_error <= MOST
        if trial.bend_error <= MOST:
            return trial
    return LINEAR if visible else CONSTANT


def _decreased(point: Point, f_x: float, trial: _Trial) -> _Search:
    """The first smaller step whose second difference is not too good (FD4), or why there is none (FD6)."""
    visible = trial.slope_error <= MOST
    for _ in range(TRIALS):
        before, trial = trial, (yield from _trial(point, f_x, trial.step / FACTOR))
        if trial.bend_error > MOST:
            return before if before.finite else LINEAR
        if trial.bend_error >= LEAST:
            return trial
        visible |= trial.slope_error <= MOST
    if not trial.finite:
        return NOT_FINITE
    return GROWING if visible else CONSTANT


def _trial(point: Point, f_x: float, step: float) -> Generator[Abscissae, Values, _Trial]:
    """The differences with a step: central where it fits to both sides, else one-sided."""
    x, side = point.x, point.side(step)
    if point.room >= step:
        left, right = x - step, x + step
        f_left, f_right = yield left, right
        slopes = ((f_right - f_x) / step, (f_x - f_left) / step)
        slope, bend = Pair(left, right, f_left, f_right).slope, (f_right - f_x - (f_x - f_left)) / step**2
        values = (f_left, f_right)
    else:
        f_one, f_two = yield x + side * step, x + side * 2.0 * step
        slopes = ((f_one - f_x) / (side * step), (f_two - f_x) / (side * 2.0 * step))
        slope, bend = 2.0 * slopes[0] - slopes[1], (f_two - f_one - (f_one - f_x)) / step**2
        values = (f_one, f_two)
    error = point.error_of(*([f_x] if f_x else values))
    return _Trial(step, slopes, slope, bend, error, bool(np.isfinite(values).all()))


def _difference(point: Point, f_x: float, trial: _Trial) -> Rule:
    """The difference with the best step."""
    x, error, bend = point.x, trial.error, abs(trial.bend)
    best = min(2.0 * np.sqrt(error / bend), max(point.left, point.right))
    beside = x + point.side(best) * best
    (f_beside,) = yield (beside,)
    pair = Pair(x, beside, f_x, f_beside)
    step = abs(beside - x)
    rounding = 2.0 * error / step
    truncation = max(0.5 * step * bend, abs(pair.slope - trial.slope) - rounding)
    if truncation + rounding > 0.5 * abs(pair.slope):
        return APART
    return Choice(step, pair.slope, truncation, rounding, pair.size, MESSAGE)
