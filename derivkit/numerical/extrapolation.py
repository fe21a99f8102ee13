r"""Methods made from a method: the same formula at several steps, and what its error would be at step 0.

The error of a formula is a series in its step, :math:`D(h) = f' + c_1 h^{p_1} + c_2 h^{p_2} + \ldots`, whose exponents
are known from the formula's moments: all even ones for a central formula, all from the order on for a one-sided one.
Two steps whose ratio is r eliminate a term (Richardson, *Phil. Trans. A* 210:307-357, 1911; Richardson and Gaunt,
*Phil. Trans. A* 226:299-349, 1927), and repeated for one term after another this is the tableau

.. math:: T_{k,0} = D(h r^{-k}), \qquad T_{k,j} = T_{k,j-1} + \frac{T_{k,j-1} - T_{k-1,j-1}}{r^{p_j} - 1}

(Romberg, *Det Kongelige Norske Videnskabers Selskab Forhandlinger* 28:30-36, 1955, for integrals). It removes
truncation and magnifies rounding: no entry is better than the rounding of its smallest step.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from derivkit.arguments import number, whole
from derivkit.numerical.estimate import (
    AT_END,
    NOT_FINITE,
    VANISHED,
    Estimate,
    Task,
    at_least_rounding,
    first_steps,
)
from derivkit.numerical.formulas import formula as named
from derivkit.numerical.formulas import stencil_of
from derivkit.numerical.methods import method
from derivkit.numerical.nodes import Nodes, quotient, spared, steps_vanish
from derivkit.numerical.status import Status
from derivkit.numerical.stencil import Stencil, moment
from derivkit.types import EPS, LEAST_FLOAT, Array, Ends, FunctionLike, Indices, Rational

FIRST_STEP = 0.1
"""First step of Richardson's and Ridders' methods over |x|, or over 1 at 0. A choice: Ridders asks for a step over
which f changes visibly, and nothing is known of f."""
GSL_FIRST_STEP = 1e-3
"""First step of GSL's rule over |x|, or over 1 at 0. A choice: GSL leaves it to the caller."""
RIDDERS_RATIO = 1.4
"""From one step to the next (Ridders 1982)."""
RIDDERS_LEVELS = 10
"""Most steps of Ridders' method: the last is a twentieth of the first. A choice."""

MAX_LEVELS = 100
"""Levels of a tableau: with any ratio of use the last steps would vanish beside x long before."""
CENTRAL = named("central_2")


def exponents(formula: Stencil, count: int) -> tuple[int, ...]:
    """The powers of the step in a formula's error, the first ``count`` of them.

    Examples
    --------
    >>> exponents(named("central_4"), 3), exponents(named("forward_1"), 3)
    ((4, 6, 8), (1, 2, 3))
    """
    powers = itertools.count(formula.order)
    occurring = (p for p in powers if moment(formula.offsets, formula.weights, formula.derivative + p) != 0)
    return tuple(itertools.islice(occurring, count))


def next_row(above: Sequence[Any], first: Any, ratio: Any, powers: Sequence[int]) -> list[Any]:
    """The next row of the tableau from the row above and its first entry. Floats, arrays and Fractions alike."""
    row = [first]
    for entry, power in zip(above, powers, strict=False):
        row.append(row[-1] + (row[-1] - entry) / (ratio**power - 1))
    return row


def extrapolate(formula: str | Stencil, *, levels: int, ratio: Rational = 2) -> Stencil:
    """Richardson's extrapolation of a formula as one formula, whose step is the largest of the tableau.

    Like any other it can be swept, compared and predicted.

    Parameters
    ----------
    formula : str or Stencil
        For the first derivative if given by name.
    levels : int
        Number of steps, each the one before over the ratio.
    ratio : int or Fraction
        Of a step to the next, more than 1.

    Returns
    -------
    Stencil
        With exact weights; that its order is the exponent after the last one removed is checked like that of any
        formula.

    Raises
    ------
    ValueError
        If there is no such formula, or levels or ratio are out of range.

    Notes
    -----
    Richardson, *Phil. Trans. A* 210:307-357, 1911.

    Examples
    --------
    >>> result = extrapolate("central_2", levels=2)
    >>> [str(s) for s in result.offsets], [str(w) for w in result.weights], result.order
    (['-1', '-1/2', '1/2', '1'], ['1/6', '-4/3', '4/3', '-1/6'], 4)
    """
    base = stencil_of(formula)
    _tableau(levels, ratio, least=1)
    powers = exponents(base, levels)
    shrinks = [Fraction(ratio) ** k for k in range(levels)]
    weights: dict[Fraction, Fraction] = {}
    for offset in sorted({Fraction(s) / shrink for shrink in shrinks for s in base.offsets}):
        row: list[Fraction] = []
        for shrink in shrinks:
            at_step = dict(zip((Fraction(s) / shrink for s in base.offsets), base.weights, strict=True))
            row = next_row(row, at_step.get(offset, Fraction(0)) * shrink**base.derivative, Fraction(ratio), powers)
        weights[offset] = row[-1]
    used = {offset: weight for offset, weight in weights.items() if weight != 0}
    return Stencil(
        name=f"richardson({base.name}, levels={levels}, ratio={ratio})",
        offsets=tuple(used),
        weights=tuple(used.values()),
        derivative=base.derivative,
        order=powers[-1],
        source=f"Richardson 1911 on {base.source}",
    )


@method("Richardson 1911; Richardson and Gaunt 1927")
@np.errstate(all="ignore")
def richardson(
    f: FunctionLike,
    x: ArrayLike,
    *,
    formula: str | Stencil = "central_2",
    delta: ArrayLike | None = None,
    levels: int = 4,
    ratio: float = 2.0,
    domain: Ends | None = None,
    vectorized: bool | None = None,
) -> Estimate:
    """The derivative of f at x by Richardson's extrapolation of a formula.

    Parameters
    ----------
    f : callable or formula
        Of one number or of an array; values that are not finite, and exceptions, mean that it is not defined there.
    x : array_like
        Points, of any shape.
    formula : str or Stencil
        For the first derivative if given by name.
    delta : array_like, optional
        The largest step, in x's unit, one or of x's shape; 0.1 |x| if not given, 0.1 at 0, or what the domain leaves.
    levels : int
        Number of steps, at least 2.
    ratio : float
        Of a step to the next, more than 1.
    domain : tuple of float, optional
        The closed interval in which f may be evaluated, never left; None for an open end.
    vectorized : bool, optional
        Whether f takes arrays, if known.

    Returns
    -------
    Estimate
        Of x's shape. ``value`` is the last entry of the tableau. ``error`` is the distance to its neighbour in the row,
        which is one order less accurate: where truncation reigns the neighbour's error, and hence far too much; where
        rounding reigns a difference of two numbers that are wrong together, and no bound at all. It is never less than
        eps times the largest |f| over the largest step.

    Raises
    ------
    ValueError
        If there is no such formula, a step, level or ratio is out of range, or the domain is no interval.

    Notes
    -----
    Richardson, *Phil. Trans. A* 210:307-357, 1911; Richardson and Gaunt, *Phil. Trans. A* 226:299-349, 1927.

    Examples
    --------
    >>> import numpy as np
    >>> result = richardson(np.exp, 0.0)
    >>> abs(result.value - 1.0) < 1e-12, result.evaluations
    (True, 8)
    """
    base = stencil_of(formula)
    levels, ratio = _tableau(levels, ratio, least=2)
    task = Task(f, x, domain, vectorized=vectorized, example="dk.richardson(math.sin, 1.0)")
    first = _Steps(task, delta, share=FIRST_STEP, reach=base, smallest=ratio ** (1 - levels))
    powers = exponents(base, levels - 1)
    placed = [Nodes.of(base, task.x, first.delta / ratio**k) for k in range(levels)]
    points = np.concatenate([nodes.points for nodes in placed])
    values = task.real.values_for(points, task.all)
    row: list[Array] = []
    for nodes, samples in zip(placed, np.split(values, levels), strict=True):
        row = next_row(row, nodes.estimate(list(samples)), ratio, powers)
    largest = np.max(np.abs(values), axis=0)
    error = at_least_rounding(np.abs(row[-1] - row[-2]), largest, first.delta**base.derivative)
    return first.concluded(row[-1], error, "the last two entries of the tableau are the error apart")


@method("Ridders 1982")
@np.errstate(all="ignore")
def ridders(
    f: FunctionLike,
    x: ArrayLike,
    *,
    delta: ArrayLike | None = None,
    levels: int = RIDDERS_LEVELS,
    ratio: float = RIDDERS_RATIO,
    domain: Ends | None = None,
    vectorized: bool | None = None,
) -> Estimate:
    """The derivative of f at x by Ridders' method: the tableau of central differences grown until it gets worse.

    Parameters
    ----------
    f, x, ratio, domain, vectorized
        As in :func:`richardson`.
    delta : array_like, optional
        The first and largest step, as in :func:`richardson`; it should be one over which f changes visibly.
    levels : int
        Most steps, at least 2.

    Returns
    -------
    Estimate
        Of x's shape. ``value`` is the entry of the tableau whose larger distance from its two parents is least,
        ``error`` that distance, and never less than eps times the largest |f| over the largest step.

    Raises
    ------
    ValueError
        If a step, level or ratio is out of range, or the domain is no interval.

    Notes
    -----
    Ridders, *Advances in Engineering Software* 4(2):75-76, 1982. The method ends when a diagonal entry is farther from
    the diagonal entry before than twice the least distance. The error is the smallest of up to 45 differences of
    numbers that rounding has made nearly equal by chance: a winner's curse, which covers the true error in not much
    more than half of the cases even where f is smooth. It stays as published, to be compared with.

    Examples
    --------
    >>> import numpy as np
    >>> result = ridders(np.sin, [0.0, 1.0])
    >>> bool(np.all(np.abs(result.value - np.cos([0.0, 1.0])) < 1e-10)), result.status.tolist()
    (True, ['ok', 'ok'])
    """
    base = CENTRAL
    levels, ratio = _tableau(levels, ratio, least=2)
    task = Task(f, x, domain, vectorized=vectorized, example="dk.ridders(math.sin, 1.0)")
    steps = _Steps(task, delta, share=FIRST_STEP, reach=base, smallest=1.0)
    powers = exponents(base, levels - 1)
    best = _BestEntry(task.x.size)
    active, above = task.all, list[Array]()
    for k in range(levels):
        first, largest = steps.central(active, steps.delta[active] / ratio**k)
        if k == 0:
            floor = at_least_rounding(np.zeros_like(largest), largest, steps.delta)
        row = next_row(above, first, ratio, powers)
        best.choose(active, row, above)
        stays = np.isfinite(first)
        if above:
            stays &= np.abs(row[-1] - above[-1]) < 2.0 * best.error[active]
        active, above = active[stays], [entry[stays] for entry in row]
    message = "the entry of the tableau that is nearest to those it was made from"
    return steps.concluded(best.value, np.maximum(best.error, floor), message)


class _BestEntry:
    """Of every point the entry of the tableau so far whose larger distance from its two parents is least."""

    def __init__(self, points: int) -> None:
        self.value, self.error = np.full(points, np.nan), np.full(points, np.inf)

    def choose(self, owner: Indices, row: Sequence[Array], above: Sequence[Array]) -> None:
        """Compare with the entries of the next row, of the points ``owner``."""
        for entry, left, parent in zip(row[1:], row, above, strict=False):
            distance = np.maximum(np.abs(entry - left), np.abs(entry - parent))
            nearer = distance <= self.error[owner]
            self.value[owner[nearer]], self.error[owner[nearer]] = entry[nearer], distance[nearer]


@dataclass(frozen=True)
class _FivePoints:
    """GSL's rule at one step: the value, and the rounding and truncation that it reckons with."""

    value: Array
    rounding: Array
    truncation: Array

    @property
    def error(self) -> Array:
        return self.rounding + self.truncation


@method("GNU Scientific Library reference manual, Numerical Differentiation")
@np.errstate(all="ignore")
def gsl_central(
    f: FunctionLike,
    x: ArrayLike,
    *,
    delta: ArrayLike | None = None,
    domain: Ends | None = None,
    vectorized: bool | None = None,
) -> Estimate:
    """The derivative of f at x by the rule of the GNU Scientific Library's ``gsl_deriv_central``.

    Parameters
    ----------
    f, x, domain, vectorized
        As in :func:`richardson`.
    delta : array_like, optional
        The first step, in x's unit, one or of x's shape; 1e-3 |x| if not given, 1e-3 at 0, or what the domain leaves.

    Returns
    -------
    Estimate
        Of x's shape. ``error`` is truncation plus rounding: the distance of the rule with 5 points from the rule with
        3, which is the error of the latter; eps times the values used over the step; and eps |x| over the step times
        the slope, for the rounding of the points. Where truncation is the larger, a second step is tried, at which the
        two would be in balance, and taken if its error is less and its value within four errors of the first.

    Raises
    ------
    ValueError
        If a step is not positive and finite, or the domain is no interval.

    Notes
    -----
    GNU Scientific Library reference manual, chapter "Numerical Differentiation". The bar is honest where f is smooth
    over the step, and says nothing of noise in f other than rounding.

    Examples
    --------
    >>> import numpy as np
    >>> result = gsl_central(np.exp, 1.0)
    >>> abs(result.value - np.e) <= result.error <= 1e-9, result.evaluations
    (True, 8)
    """
    task = Task(f, x, domain, vectorized=vectorized, example="dk.gsl_central(math.sin, 1.0)")
    steps = _Steps(task, delta, share=GSL_FIRST_STEP, reach=CENTRAL, smallest=0.5)
    first = _five_points(task, task.all, steps.delta)
    value, error = first.value.copy(), first.error.copy()
    again = task.all[(first.rounding > 0.0) & (first.rounding < first.truncation)]
    if again.size:
        # Truncation grows with the square of the step, rounding falls with it: their sum is least here.
        better = steps.delta[again] * np.cbrt(first.rounding[again] / (2.0 * first.truncation[again]))
        second = _five_points(task, again, better)
        keep = (second.error < error[again]) & (np.abs(second.value - value[again]) < 4.0 * error[again])
        value[again[keep]], error[again[keep]] = second.value[keep], second.error[keep]
    return steps.concluded(value, np.maximum(error, LEAST_FLOAT), "truncation plus rounding")


def _five_points(task: Task, owner: Indices, step: Array) -> _FivePoints:
    """The rule on x +- h and x +- h/2: central differences at the two steps, one term extrapolated.

    Its weights are 8/6 for the inner points and 1/6 for the outer; the rule reckons with 2 and 1, rounded up.
    """
    x = task.x[owner]
    outer_left, inner_left, inner_right, outer_right = task.real.values_for(
        np.array([x - step, x - 0.5 * step, x + 0.5 * step, x + step]), owner
    )
    three = quotient(CENTRAL, [outer_left, outer_right], 2.0 * step)
    near = quotient(CENTRAL, [inner_left, inner_right], step)
    five = spared(lambda both: (4.0 * both[0] - both[1]) / 3.0, [near, three], 1.0)
    # Each is made small before it is added, as the sum of two large ones may be infinite.
    outer = EPS * np.abs(outer_right) + EPS * np.abs(outer_left)
    inner = EPS * np.abs(inner_right) + EPS * np.abs(inner_left)
    slope = np.maximum(np.abs(three), np.abs(five))
    return _FivePoints(
        value=five,
        rounding=(outer + 2.0 * inner) / step + EPS * slope * np.abs(x) / step,
        truncation=np.abs(five - three),
    )


class _Steps:
    """The first steps of a task, NaN where there can be none.

    Parameters
    ----------
    task : Task
    delta : array_like or None
        The steps if given.
    share : float
        Of |x|, for a step where none is given.
    reach : Stencil
        How far the method goes with the first step.
    smallest : float
        The last step that is certain to be taken, over the first.
    """

    def __init__(self, task: Task, delta: ArrayLike | None, *, share: float, reach: Stencil, smallest: float) -> None:
        self.task, self.x, self.all = task, task.x, task.all
        (lo, hi), (first, last) = task.domain, (float(reach.offsets[k]) for k in (0, -1))
        left, right = max(0.0, -first), max(0.0, last)
        steps = first_steps(task.points, delta, share=share, domain=task.domain, left=left, right=right).ravel()
        self._no_room = ~(np.isfinite(self.x) & (lo <= self.x) & (self.x <= hi) & (steps > 0.0))
        self._vanished = steps_vanish(reach, self.x, smallest * steps)
        self.delta = np.where(self._no_room | self._vanished, np.nan, steps)

    def central(self, owner: Indices, step: Array) -> tuple[Array, Array]:
        """The central difference of some points, divided by the step really taken, and the larger of the two |f|."""
        nodes = Nodes.of(CENTRAL, self.x[owner], step)
        values = self.task.real.values_for(np.array(nodes.points), owner)
        return nodes.estimate(list(values)), np.max(np.abs(values), axis=0)

    def concluded(self, value: Array, error: Array, message: str) -> Estimate:
        """The Estimate, with the first reason for which there is no value."""
        finite = np.isfinite(value) & np.isfinite(error)
        code = np.select([self._no_room, self._vanished, ~finite], [3, 2, 1], 0)
        outcomes = ((Status.OK, message), NOT_FINITE, VANISHED, AT_END)
        return self.task.estimate(value=value, error=error, code=code, outcomes=outcomes)


def _tableau(levels: int, ratio: Any, *, least: int) -> tuple[int, float]:
    """Levels and ratio, checked."""
    count, factor = whole("levels", levels, least, MAX_LEVELS), np.float64(number("ratio", ratio))
    if not 1.0 < factor < np.inf:
        raise ValueError(f"ratio must be more than 1 and finite, not {factor:g}: every step is the one before over it")
    return count, factor
