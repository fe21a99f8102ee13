r"""Rules that look at truncation on a grid of steps (Mathur; Kostyrka).

The grid is all :math:`h = 2^j` from :math:`2^{-36}` to :math:`2^{24}` times 0.001 max(1, |x|). At each step a central
difference has the truncation :math:`h^2|f'''|/6`, where f''' is estimated by a formula of order 4 on the steps h, 2h
and 4h, or of order 2 on h and 2h where the former has no value. Over h it falls as :math:`h^2` where it is truncation,
and rises as 1/h where it is rounding: a V on logarithmic scales, beyond whose right branch the series does not hold.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from derivkit.numerical.estimate import NOT_FINITE, Estimate, Outcome
from derivkit.numerical.methods import method
from derivkit.numerical.nodes import combine
from derivkit.numerical.status import Status
from derivkit.numerical.stencil import Stencil, stencil
from derivkit.numerical.step_rules.engine import Abscissae, Choice, Pair, Point, Rule, Values, central, choose
from derivkit.types import EPS, Array, Ends, FunctionLike, Indices, Mask

MIDDLE = 1e-3
"""The middle of the grid over max(1, |x|), rounded to a power of 2."""
EXPONENTS = np.arange(-36, 25)
"""Of the steps over the middle."""
RUN = 5
"""Fewest steps in a row with the slope of truncation."""
ORDER = 2.0
"""The slope of truncation on logarithmic scales: the order of the central difference."""
TOLERANCE = 0.1
"""How far a slope may be off, relatively."""
THIRD = tuple(stencil(offsets, derivative=3) for offsets in ([-2, -1, 1, 2], [-4, -2, -1, 1, 2, 4]))
"""Formulas of order 2 and 4 for the third derivative."""

MATHUR_SHRINKS = float(np.cbrt((1.0 - 0.5**2) / (1.0 + 2.0)))
"""The best step over the smallest at which truncation is seen: 1 / t^(1/3), t = (1 + 1/s) / (1 - s^2), s = 1/2."""
KOSTYRKA_SHRINKS = 0.5 ** (1.0 / 3.0)
"""The best step over that of the kink: where truncation is half of rounding, as it is at the least sum."""
PLACES = 1.0 / 16.0
"""From one place of the kink that is tried to the next, in binary logarithms; a choice."""
LEAST_KNEE = EPS
"""Of the loss, where half of the residuals are 0."""
PLENTY = 128.0
"""The step where f(x) and truncation are 0, over cbrt(eps) |x|."""
NO_RUN: Outcome = (
    Status.UNRESOLVED,
    "truncation falls with the square of the step at no five steps in a row: f''' is 0 or lost in rounding",
)
MATHUR_MESSAGE = "truncation at the smallest step that shows it, carried to the step taken, and rounding"
KINK_MESSAGE = "truncation by the fitted right branch, and rounding, which is twice that at the best step"
BRANCH_MESSAGE = "truncation as estimated at the step, and rounding; there is no left branch"
SAFE_MESSAGE = "truncation as estimated at the step, and rounding; there is no right branch, so f''' counts as 1"


@method("Mathur 2012, after the implementation in pnd")
def mathur_autodx(
    f: FunctionLike,
    x: ArrayLike,
    *,
    delta: ArrayLike | None = None,
    noise: ArrayLike | None = None,
    domain: Ends | None = None,
    vectorized: bool | None = None,
) -> Estimate:
    """The derivative of f at x by a central difference, its step from where truncation is lost in rounding (AutoDX).

    Parameters
    ----------
    f, x, noise, vectorized
        As in :func:`rule_of_thumb_forward`.
    delta : array_like, optional
        The middle of the grid of steps, in x's unit, one or of x's shape; 0.001 max(1, |x|) if not given.
    domain : tuple of float, optional
        The closed interval in which f may be evaluated, never left; None for an open end.

    Returns
    -------
    Estimate
        Of x's shape, ``delta`` the step. ``error`` is truncation, h^2 |f'''| / 6 by the estimate at the smallest step
        that shows it, plus rounding, the error of a value over the step. ``unresolved`` where there are no five steps
        in a row at which truncation has the slope 2 within a tenth: where f''' is 0 above all.

    Raises
    ------
    ValueError
        If a step or noise is not positive and finite, or the domain is no interval.

    Notes
    -----
    Mathur, *An Analytical Approach to Computing Step Sizes for Finite-Difference Derivatives*, dissertation, University
    of Texas at Austin, 2012. It could not be had: this is the rule as Kostyrka's package pnd for R has it, which
    evaluates f on the whole grid at once. Of the first five or more steps in a row with the right slope the smallest is
    taken, and made smaller by 4^(-1/3). What pnd returns where there are none, a rough value, is left out.

    Examples
    --------
    >>> import numpy as np
    >>> result = mathur_autodx(np.exp, 1.0)
    >>> abs(result.value - np.e) <= result.error < 1e-9, result.evaluations
    (True, 124)
    """
    return choose(
        _mathur, f, x, example="mathur_autodx", delta=delta, noise=noise, domain=domain, vectorized=vectorized
    )


@method("Kostyrka 2025, after the implementation in pnd")
def kostyrka_kink(
    f: FunctionLike,
    x: ArrayLike,
    *,
    delta: ArrayLike | None = None,
    noise: ArrayLike | None = None,
    domain: Ends | None = None,
    vectorized: bool | None = None,
) -> Estimate:
    """The derivative of f at x by a central difference, its step from a V that is fitted to truncation and rounding.

    Parameters
    ----------
    f, x, delta, noise, domain, vectorized
        As in :func:`mathur_autodx`.

    Returns
    -------
    Estimate
        Of x's shape, ``delta`` the step. ``error`` is truncation, the right branch of the V at the step, plus rounding,
        which is twice as much at the best step. Where there is no right branch of five steps, the step of the grid
        is taken that would be best if f''' were 1, and ``error`` is the estimate of truncation there plus rounding.

    Raises
    ------
    ValueError
        If a step or noise is not positive and finite, or the domain is no interval.

    Notes
    -----
    Kostyrka, "Step size selection in numerical differences using a regression kink", University of Luxembourg,
    hdl 10993/64958, 2025. The paper could not be had: this is the rule as its author's package pnd for R (``step.K``)
    has it, with a grid of kinks in the place of BFGS, and with the difference evaluated at the step instead of
    interpolated between two of the grid. The V has the slopes -1 and 2; it is fitted to the logarithms of the estimates
    up to the end of the longest right branch, with a pseudo-Huber loss whose knee is the median residual.

    Examples
    --------
    >>> import numpy as np
    >>> result = kostyrka_kink(np.exp, 1.0)
    >>> abs(result.value - np.e) < 1e-10, result.evaluations
    (True, 124)
    """
    return choose(
        _kostyrka, f, x, example="kostyrka_kink", delta=delta, noise=noise, domain=domain, vectorized=vectorized
    )


@dataclass(frozen=True)
class _Grid:
    """Steps, the values of f to either side, and estimates of the truncation of a central difference."""

    x: float
    steps: Array
    left: Array
    right: Array
    truncation: Array

    @property
    def logarithms(self) -> tuple[Array, Array]:
        """Binary logarithms of the steps and of truncation, NaN where that is 0 or none."""
        shown = np.log2(self.truncation)
        return np.log2(self.steps), np.where(np.isfinite(shown), shown, np.nan)

    def choice(self, place: int, point: Point, message: str) -> Choice:
        """The difference with a step of the grid."""
        step = self.steps[place]
        pair = Pair(self.x - step, self.x + step, self.left[place], self.right[place])
        rounding = point.error_of(pair.size) / pair.step
        return Choice(pair.step, pair.slope, self.truncation[place], rounding, pair.size, message)


def _grid(point: Point) -> Generator[Abscissae, Values, _Grid]:
    """The values of f on the whole grid, in one request."""
    middle = np.exp2(np.round(np.log2(point.delta or MIDDLE * max(1.0, abs(point.x)))))
    steps = np.ldexp(middle, EXPONENTS)
    values = yield [*(point.x - steps), *(point.x + steps)]
    left, right = np.array(values).reshape(2, -1)
    coarse, fine = (_truncation(formula, right - left, steps) for formula in THIRD)
    return _Grid(point.x, steps, left, right, np.where(np.isfinite(fine) & (fine > 0.0), fine, coarse))


def _truncation(formula: Stencil, differences: Array, steps: Array) -> Array:
    """Truncation by an estimate of f''' from f(x + h) - f(x - h) at h, 2h, ...; NaN at steps that have no double.

    With whole numbers as weights it is 0, and not a rounding of it, where the differences are exactly linear.
    """
    weights = [float(w) for s, w in zip(formula.offsets, formula.numerators, strict=True) if s > 0]
    padded = np.concatenate([differences, np.full(len(weights) - 1, np.nan)])
    rows = [padded[k : k + steps.size] for k in range(len(weights))]
    result: Array = np.abs(combine(weights, rows, 6.0 * formula.denominator * steps))
    return result


# Mathur


def _mathur(point: Point) -> Rule:
    grid = yield from _grid(point)
    h, error = grid.logarithms
    slopes = np.diff(error, prepend=np.nan) / np.diff(h, prepend=np.nan)
    runs = [run for run in _runs(np.abs(slopes - ORDER) <= TOLERANCE * ORDER) if run.size >= RUN]
    if not runs:
        return NO_RUN if np.isfinite(grid.right - grid.left).any() else NOT_FINITE
    first = runs[0][0]
    pair = yield from central(point.x, MATHUR_SHRINKS * grid.steps[first])
    truncation = grid.truncation[first] * (pair.step / grid.steps[first]) ** 2
    return Choice(pair.step, pair.slope, truncation, point.error_of(pair.size) / pair.step, pair.size, MATHUR_MESSAGE)


def _runs(mask: Mask) -> list[Indices]:
    """The places that are next to one another."""
    places = np.flatnonzero(mask)
    return [run for run in np.split(places, np.flatnonzero(np.diff(places) > 1) + 1) if run.size]


# Kostyrka


def _kostyrka(point: Point) -> Rule:
    grid = yield from _grid(point)
    h, error = grid.logarithms
    branch = _right_branch(h, error)
    if branch.size < RUN:
        return _safe(grid, point)
    if branch[0] == 0:
        return grid.choice(int(np.round(np.quantile(branch, 0.25))), point, BRANCH_MESSAGE)
    part = np.arange(branch[-1] + 1)
    part = part[np.isfinite(error[part]) & ((part < branch[0]) | np.isin(part, branch))]
    kink, height = _fitted(h[part], error[part])
    pair = yield from central(point.x, KOSTYRKA_SHRINKS * np.exp2(kink))
    truncation = np.exp2(height) * KOSTYRKA_SHRINKS**ORDER
    return Choice(pair.step, pair.slope, truncation, ORDER * truncation, pair.size, KINK_MESSAGE)


def _right_branch(h: Array, error: Array) -> Indices:
    """The longest run of steps at which truncation has the right slope, which is the mean of those to both sides."""
    finite = np.flatnonzero(np.isfinite(error))
    if finite.size <= ORDER:
        return finite[:0]
    steep = np.diff(error[finite]) / np.diff(h[finite])
    slopes = np.full(h.size, np.nan)
    slopes[finite] = np.concatenate([steep[:1], 0.5 * (steep[:-1] + steep[1:]), steep[-1:]])
    valid = np.abs(slopes - ORDER) < TOLERANCE * ORDER
    # The mean of two slopes reaches over both neighbours; one that falls is none of the branch.
    wide = valid | np.append(valid[1:], False) | np.insert(valid[:-1], 0, False)
    places = np.flatnonzero(wide)
    if places.size:
        inner = places[1:-1]
        wide[inner[slopes[inner] < 0.0]] = False
    return max(_runs(wide), key=len, default=finite[:0])


def _fitted(h: Array, error: Array) -> tuple[float, float]:
    """The kink of the V that fits best: the logarithms of its step and height.

    Every place on a fine grid is tried, with the median distance from a V of height 0 as its height.
    """
    kinks = np.arange(h[0], h[-1] + PLACES, PLACES)
    away = h - kinks[:, None]
    residual = error - np.where(away < 0.0, -away, ORDER * away)
    heights = np.median(residual, axis=1)
    residual = np.abs(residual - heights[:, None])
    knee = np.maximum(np.median(residual, axis=1), LEAST_KNEE)[:, None]
    loss = np.mean(knee**2 * (np.sqrt(1.0 + (residual / knee) ** 2) - 1.0), axis=1)
    best = int(np.argmin(loss))
    return kinks[best], heights[best]


def _safe(grid: _Grid, point: Point) -> Choice | Outcome:
    """The step that is best where f''' is 1, or a large one where f is 0 at x."""
    finite = np.flatnonzero(np.isfinite(grid.right - grid.left))
    if not finite.size:
        return NOT_FINITE
    size = max(abs(grid.left[finite[0]]), abs(grid.right[finite[0]]))
    best = np.cbrt(3.0 * point.error_of(size)) if size > EPS else PLENTY * np.cbrt(EPS) * point.scale
    nearest = finite[np.argmin(np.abs(np.log2(grid.steps[finite] / best)))]
    choice = grid.choice(int(nearest), point, SAFE_MESSAGE)
    return choice if np.isfinite(choice.truncation) else NO_RUN
