r"""The analysis of one window of a step ladder: noise, truncation, scale.

A ladder evaluates f at :math:`x \pm t` for steps t that fall by a fixed ratio. A *window* of it is fitted by
polynomials that are orthonormal on its nodes (Forsythe, *Generation and use of orthogonal polynomials for
data-fitting*, 1957), so that the coefficients :math:`C_d` of the values tell apart what is there: as far as f is
resolved they fall with the degree d, and where only noise is left they stay level. That plateau is the noise of f,
measured. The degree n at which it begins ends the polynomial whose derivative at 0 is the estimate,

.. math:: D = \sum_{d<n} C_d\,p_d'(0), \qquad \sigma_D^2 = \sigma^2 \sum_{d<n} p_d'(0)^2,

and the degrees after it tell what truncation may be left. How fast the coefficients fall tells at which size of the
window they would meet the noise at its last degrees but a few, which is the size at which it serves best.

The two sides of a window differ by one part in a million. The rounding of an inner argument, as in sin(cx), is nearly
opposite at x + t and x - t, so that it would pass for a slope; the twist makes it look like the noise that it is. The
ratio is no power of two for a like reason: with steps that halve, rounding errors follow a doubling map.

Arrays have the nodes on their first axis and the points on their last.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from derivkit.types import EPS, LEAST_FLOAT, LEAST_NORMAL, Array, Indices, Mask

Exponents = tuple[int, ...]


RATIO = math.sqrt(2.2)
"""Between neighbouring steps of the grid: t = top * RATIO^-k for whole numbers k, of which a ladder takes some."""
TWIST = 1.0 + 1e-6 / math.sqrt(2.0)
"""The steps to the left over those to the right: far above the spacing of floats, far below what a stencil notices."""
HIGHEST = 4
"""Highest order of a derivative."""

SPARE = 3
"""Degrees at the end of a window that are taken for noise until they show otherwise."""
ABSORB = 3.5
"""A coefficient joins the plateau if it is within so many standard deviations of it, as measured so far."""
DECAYS = 0.05
"""A plateau whose last two coefficients are below this part of it still falls, and is none."""
LEVEL = 0.2
"""Standard deviation of a value's rounding in units of eps times the largest value: what is believed beforehand, with
the weight of LEVEL_WEIGHT coefficients. A rounding error is uniform in half an ulp, 0.14 to 0.29 of eps."""
LEVEL_WEIGHT = 3.0
FLOOR = 0.35
"""Below this, in the same units, no plateau is told from rounding."""
SAFETY = 5.15
"""Standard deviations of the estimate in its error bar, where the plateau agrees with what was believed."""
SAFETY_FEW = 4.4
"""The same where the plateau has no more than SPARE coefficients, so that truncation is doubted as well."""
AGREES = 3.5
"""It agrees up to this factor; beyond, it is believed alone, with Student's quantile for so few coefficients."""
TAME = 1e-100
"""Values between this and its inverse can be squared as they are."""
FEW = 100
"""Points for which one call of NumPy is quicker than one for each degree; found by measurement."""
SMOOTH = 7
"""Degree of the polynomial that moves values to where the nodes were meant to be."""
FAR = 1e-9
"""Nodes that rounding moved by more than this part of the window are moved back to third order."""
CORRECTIONS = 5
"""So often are values corrected, each time by slopes of those corrected before. Found by measurement: within 1e-11 of
a pole three corrections left errors above the bar at one point in a hundred, five at none."""

STUDENT = (
    math.inf, 265.26, 20.38, 9.60, 6.83, 5.66, 5.02, 4.63, 4.36, 4.17, 4.03, 3.92, 3.83, 3.76, 3.70, 3.64,
    3.60, 3.56, 3.53, 3.50, 3.47, 3.45, 3.43, 3.41, 3.39, 3.38,
)  # fmt: skip
"""Student's one-sided quantile of 99.88 %, by degrees of freedom."""


@dataclass(frozen=True, eq=False)
class Window:
    """The nodes of a window and what their polynomials do; made by `window`.

    Attributes
    ----------
    nodes : ndarray, shape ``(m,)``
        In units of the largest step; 0, where f is known too, is none of them.
    basis : ndarray, shape ``(m + 1, m)``
        From values less that at 0 to coefficients.
    line : ndarray, shape ``(2,)``
        Coefficients of degree 0 and 1 of the straight line t.
    at_zero : ndarray, shape ``(HIGHEST + 1, m + 1)``
        Derivatives at 0 of the polynomial of every degree, by order.
    gains : ndarray, shape ``(HIGHEST + 1, m + 1)``
        Standard deviation of the derivative at 0 of the fit of every degree, for noise of 1.
    slopes : ndarray, shape ``(m, m)``
        From values less that at 0 to slopes at the nodes, by a polynomial of degree SMOOTH.
    slope_at_zero : ndarray, shape ``(m,)``
        The same at 0.
    chord : tuple of int
        The two nodes whose chord is taken off first.
    two_sided : bool
    """

    nodes: Array
    basis: Array
    line: Array
    at_zero: Array
    gains: Array
    slopes: Array
    slope_at_zero: Array
    chord: tuple[int, int]
    two_sided: bool


@lru_cache(maxsize=1024)
def window(exponents: Exponents, sides: tuple[int, ...]) -> Window:
    """The window of the steps RATIO^-k, for k in the exponents, on the sides 1 and -1, those of a side together.

    In the machine's long double, by Stieltjes' procedure with every polynomial made orthogonal twice.
    """
    wide = np.longdouble
    steps = np.array([wide(RATIO) ** -(k - min(exponents)) for k in exponents])
    nodes = np.concatenate([wide(0.0) * steps[:1], *(steps if side > 0 else -steps * wide(TWIST) for side in sides)])
    basis, slopes, at_zero = _orthogonal(nodes)
    low = min(len(nodes), SMOOTH + 1)
    order = np.argsort(nodes[1:])
    far = np.argmax(np.abs(nodes[1:]))
    two_sided = len(sides) == 2
    # of two sides the pair in the middle, whose slope suffers neither from noise nor from truncation most
    middle = len(exponents) // 2
    chord = (int(order[middle]), int(order[-1 - middle])) if two_sided else (int(far), int(far))
    return Window(
        nodes=nodes[1:].astype(float),
        basis=np.ascontiguousarray(basis[1:].T.astype(float)),
        line=(nodes @ basis)[:2].astype(float),
        at_zero=at_zero.astype(float),
        gains=np.sqrt(np.cumsum(at_zero**2, axis=1)).astype(float),
        slopes=(slopes[1:, :low] @ basis[1:, :low].T).astype(float),
        slope_at_zero=(basis[1:, :low] @ at_zero[1, :low]).astype(float),
        chord=chord,
        two_sided=two_sided,
    )


def _orthogonal(nodes: NDArray[np.longdouble]) -> tuple[NDArray[np.longdouble], ...]:
    """Orthogonal polynomials on the nodes: their values and slopes there, in columns, and their derivatives at 0."""
    wide, count = np.longdouble, len(nodes)
    basis, slopes = np.zeros((2, count, count), wide)
    at_zero = np.zeros((HIGHEST + 1, count), wide)
    basis[:, 0] = at_zero[0, 0] = 1 / np.sqrt(wide(count))
    for k in range(1, count):
        # t p(t), its slope p + t p', and its derivatives at 0, of which the j-th is j times the one before of p
        value, slope = nodes * basis[:, k - 1], basis[:, k - 1] + nodes * slopes[:, k - 1]
        derivatives = np.concatenate([[wide(0.0)], np.arange(1, HIGHEST + 1) * at_zero[:-1, k - 1]])
        for _ in range(2):
            share = basis[:, :k].T @ value
            value, slope, derivatives = (
                value - basis[:, :k] @ share,
                slope - slopes[:, :k] @ share,
                derivatives - at_zero[:, :k] @ share,
            )
        norm = np.sqrt(value @ value)
        basis[:, k], slopes[:, k], at_zero[:, k] = value / norm, slope / norm, derivatives / norm
    return basis, slopes, at_zero


class Analysis(NamedTuple):
    """What a window tells; arrays over the points.

    Attributes
    ----------
    value, error : ndarray, shape ``(orders, n)``
        Derivatives, and how far off they may be.
    noise : ndarray
        Standard deviation of the values of f on the window, as measured, and not below `floor`.
    floor : ndarray
        What rounding alone accounts for.
    scale : ndarray
        By what factor the window should be larger or smaller.
    gain : ndarray
        How much smaller the error would then be.
    resolved : ndarray of bool
        Whether a plateau of noise was met, so that the error bar means something.
    white : ndarray of bool
        Whether next to nothing but noise is there.
    stall : ndarray
        How fast the coefficients fall before the plateau, over how fast they fall on the whole.
    slope : ndarray
        Of a chord of the window.
    flat, still : ndarray of bool
        Whether all values are the same; whether at least half of them are f(x).
    first, plateau : ndarray of int
        The degree at which the plateau begins, and how many coefficients it has.
    """

    value: Array
    error: Array
    noise: Array
    floor: Array
    scale: Array
    gain: Array
    resolved: Mask
    white: Mask
    stall: Array
    slope: Array
    flat: Mask
    still: Mask
    first: Indices
    plateau: Indices

    def take(self, which: Any) -> Analysis:
        """For some of the points."""
        fields: Any = (field[..., which] for field in self)
        return Analysis(*fields)


def analyse(
    win: Window,
    values: Array,
    centre: Array,
    top: Array,
    *,
    moved: Array,
    orders: tuple[int, ...],
    target: float,
    hint: Array | None = None,
) -> Analysis:
    """Noise, derivatives with their errors, and the best size, from the values on a window.

    Parameters
    ----------
    win : Window
        Where the values were taken.
    values : ndarray, shape ``(m, n)``
        f at the nodes, finite.
    centre, top : ndarray, shape ``(n,)``
        f at 0, and the largest step, in x's unit.
    moved : ndarray, shape ``(m, n)``
        By how much rounding moved the nodes, in x's unit.
    orders : tuple of int
        Which derivatives.
    target : float
        The degree at which the noise is to be met.
    hint : ndarray, optional, shape ``(n,)``
        Standard deviation of the noise of f, if known.
    """
    count = len(values) + 1
    still = 2 * np.count_nonzero(values == centre, axis=0) >= len(values)
    size = np.maximum(np.maximum(values.max(axis=0), -values.min(axis=0)), np.abs(centre))
    unit: Any = 1.0
    if not (size.min(initial=1.0) > TAME and size.max(initial=1.0) < 1.0 / TAME):
        # no square may over- or underflow
        unit = np.ldexp(1.0, -np.clip(np.frexp(size)[1], -1000, 1000))
        values, centre, size = values * unit, centre * unit, size * unit
    rise = _moved_back(win, values - centre, moved / top)
    slope = _chord(win, rise)
    coefficients = win.basis @ (rise - slope * win.nodes[:, None])
    estimates = [_summed(coefficients * win.at_zero[order][:, None]) for order in orders]
    coefficients[:2] += slope * win.line[:, None]
    power = coefficients * coefficients
    floor = FLOOR * EPS * size + LEAST_FLOAT * unit
    if hint is not None:
        floor = np.maximum(floor, hint * unit)
    first, rms = _plateau(power, floor)
    plateau = count - first
    noise = np.maximum(rms, floor)
    bound = noise_bound(rms, plateau, (LEVEL / FLOOR) * floor)
    strongest = np.sqrt(power[1:].max(axis=0))
    falls = np.maximum(power[-1], power[-2]) < (DECAYS * rms) ** 2
    resolved = ~(((first >= count - SPARE) | (strongest < 30.0 * noise) | falls) & (rms > 8.0 * floor))
    white = ~falls & (first <= SPARE) & (plateau > SPARE) & (rms > 8.0 * floor)
    value, error = np.empty((2, len(orders), *top.shape))
    for place, order in enumerate(orders):
        estimate, doubt = _derivative(win, estimates[place], first, bound, order, slope)
        for _ in range(order):  # one at a time, as a power of the step may overflow
            estimate, doubt = estimate / top, doubt / top
        value[place], error[place] = estimate / unit, np.maximum(doubt / unit, LEAST_FLOAT)
    chord = slope / top / unit
    scale, stall = _best_scale(power, first, noise=np.where(resolved, noise, floor), resolved=resolved, target=target)
    # a larger window has larger values, and with them more noise
    grown = scale * size / np.maximum(np.abs(centre) + np.abs(slope) * scale, size)
    gain = np.where(scale > 1.0, np.maximum(grown, 1.0), scale)
    flat, noise, floor = strongest == 0.0, noise / unit, floor / unit
    return Analysis(
        value, error, noise, floor, scale, gain, resolved, white, stall, chord, flat, still, first, plateau
    )  # fmt: skip


def _chord(win: Window, rise: Array) -> Array:
    """The slope that is taken off first, so that where f is nearly straight no digits are lost in the sums."""
    i, j = win.chord
    return np.asarray(rise[j] / win.nodes[j] if i == j else (rise[j] - rise[i]) / (win.nodes[j] - win.nodes[i]))


def _derivative(
    win: Window, estimates: Array, first: Indices, bound: Array, order: int, slope: Array
) -> tuple[Array, Array]:
    """A derivative in units of the step, up to the degree at which noise begins, and how far off it may be."""
    points = np.arange(first.size)
    degree = np.maximum(first - 1, order)
    richer = np.minimum(degree + (2 if win.two_sided else 1), len(estimates) - 1)
    estimate, other = estimates[degree, points], estimates[richer, points]
    doubt = np.maximum(bound * win.gains[order][richer], np.abs(other - estimate))
    if order == 1:
        estimate = estimate + slope
        doubt = doubt + 1.5 * EPS * np.abs(estimate)
    return estimate, doubt


def _moved_back(win: Window, rise: Array, moved: Array) -> Array:
    """Values at the nodes as they were meant, from those where rounding put them.

    By Taylor's theorem f(c + o) = f(c) + o f'(c) + o^2 f''(c)/2 + o^3 f'''(c)/6, the derivatives being those of the
    values themselves. To first order this is enough unless x is so large, or so near to a pole, that the spacing of
    floats is a notable part of the window.
    """
    result = np.asarray(rise - moved * (win.slopes @ rise))
    if max(moved.max(initial=0.0), -moved.min(initial=0.0)) > FAR:
        far = np.flatnonzero(np.abs(moved).max(axis=0) > FAR)
        for _ in range(CORRECTIONS):
            level, factor, change = result[:, far], moved[:, far], np.zeros((len(rise), far.size))
            for order in (1, 2, 3):
                level, at_zero = win.slopes @ level, win.slope_at_zero @ level
                change += factor * level
                level, factor = level - at_zero, factor * moved[:, far] / (order + 1)
            result[:, far] = rise[:, far] - change
    return result


def _summed(terms: Array) -> Array:
    """Running sums over the degrees, in place."""
    if terms.shape[1] < FEW:
        return np.add.accumulate(terms, axis=0, out=terms)
    for degree in range(1, len(terms)):
        terms[degree] += terms[degree - 1]
    return terms


def _plateau(power: Array, floor: Array) -> tuple[Indices, Array]:
    """Where the plateau of noise begins, and its root mean square, from squared coefficients.

    From the last degrees down, a coefficient joins as long as it is like those that joined, or like rounding.
    """
    count = len(power)
    last = count - SPARE
    tail = _summed(power[::-1].copy())[::-1]
    behind = np.arange(count - 2.0, SPARE - 1.0, -1.0)[:, None]  # coefficients behind degree 1, 2, ...
    above = power[1:last] > np.maximum(ABSORB**2 / behind * tail[2 : last + 1], 16.0 * floor * floor)
    down = np.argmax(above[::-1], axis=0)
    points = np.arange(power.shape[1])
    first = np.where(above[last - 2 - down, points], last - down, 1)
    return first, np.sqrt(tail[first, points] / (count - first))


def noise_bound(rms: Array, count: Indices, level: Array) -> Array:
    """What the noise is hardly above: SAFETY times the plateau pooled with the level believed beforehand."""
    safety = np.where(count == SPARE, SAFETY_FEW, SAFETY)
    pooled = safety * np.sqrt((LEVEL_WEIGHT * level * level + count * rms * rms) / (LEVEL_WEIGHT + count))
    alone = np.take(STUDENT, count) * rms
    return np.where(rms <= AGREES * level, pooled, np.maximum(pooled, alone))


def _best_scale(power: Array, first: Indices, *, noise: Array, resolved: Mask, target: float) -> tuple[Array, Array]:
    """By what factor a window should grow, so that its coefficients meet the noise at the target degree.

    A window s times as large has s^d times the coefficient of degree d. The coefficient at the target is extrapolated
    from the last ones above the noise, geometrically by their own rate of fall; pairs of degrees are taken since every
    other coefficient vanishes for even and odd functions. Logarithms are of squares.
    """
    points = np.arange(first.size)
    end = np.where(resolved, first, len(power))
    last, before, third, fourth = (np.maximum(end - j, 1) for j in (1, 2, 4, 5))
    least = np.maximum(noise * noise, LEAST_NORMAL)  # of f = 0 the square underflows
    near = np.maximum(np.maximum(power[last, points], power[before, points]), least)
    far = np.maximum(np.maximum(power[third, points], power[fourth, points]), least)
    log_near, log_noise = np.log(near), np.log(least)
    log_strongest = np.log(np.maximum(power[1:].max(axis=0), least))
    near_degree, far_degree = 0.5 * (last + before), 0.5 * (third + fourth)
    overall = (log_strongest - log_near) / np.maximum(near_degree - 1.0, 1.0)
    local = (np.log(far) - log_near) / np.maximum(near_degree - far_degree, 1.0)
    known = log_noise - log_near + np.maximum(local, 0.5 * overall) * (target - near_degree)
    # too few coefficients for a rate of their own: from the strongest to the noise at the end
    few = (log_strongest - log_noise) / np.maximum(end, 1) * (target - end)
    scale = np.exp(np.where(end >= 5, known, few) * (0.5 / target))
    return scale, np.where(end >= 5, local / np.maximum(overall, 1e-300), 1.0)
