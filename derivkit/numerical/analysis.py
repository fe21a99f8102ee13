r"""The analysis of windows of a step ladder: noise, truncation, scale.

The coefficients :math:`C_d` of the values on a window, by polynomials that are orthonormal on its nodes, tell apart
what is there: as far as f is resolved they fall with the degree d, and where only noise is left they stay level. That
plateau is the noise of f, measured. The degree n at which it begins ends the polynomial whose derivative at 0 is the
estimate,

.. math:: D = \sum_{d<n} C_d\,p_d'(0), \qquad \sigma_D^2 = \sigma^2 \sum_{d<n} p_d'(0)^2,

and the degrees after it tell what truncation may be left. How fast the coefficients fall tells at which size of the
window they would meet the noise at its last degrees but a few, which is the size at which it serves best.

Arrays have the nodes or degrees on their first axis and the points on their last.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from derivkit.numerical.arithmetic import ARRAYS, NUMBERS, Arithmetic
from derivkit.numerical.windows import Window, Windows
from derivkit.types import EPS, LEAST_FLOAT, LEAST_NORMAL, Array, Indices

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
SAFETY = 5.05
"""Standard deviations of the estimate in its error bar, where the plateau agrees with what was believed."""
SAFETY_SPARED = 3.9
"""The same where it has two coefficients more than SPARE: the degree after those of the estimate is noise then, and no
truncation is left. Measured: such bars are too short less often all the same."""
AGREES = 3.5
"""It agrees up to this factor; beyond, it is believed alone, with Student's quantile for so few coefficients."""
TAME = 1e-100
"""Values between this and its inverse can be squared as they are."""
FEW = 100
"""Points for which one call of NumPy is quicker than one for each degree; found by measurement."""
STRONG = 30.0
"""A window is resolved where a coefficient is so many times the noise."""
LOPSIDED = 4.0
"""What is symmetrical to x, such as a kink there, is so many times as large in the last even degrees as in the last odd
ones. Of noise this is rare."""
FALLS = 0.05
"""The square of the last even coefficient of a kink is more than this part of that before it. Measured: 0.1 to 0.9."""
ROUNDING = 8.0
"""A plateau up to so many times the floor is that of rounding, however the coefficients fall."""
FAR = 1e-9
"""Nodes that rounding moved by more than this part of the window are moved back to third order."""
CORRECTIONS = 5
"""So often are values corrected, each time by slopes of those corrected before. Found by measurement: within 1e-11 of
a pole three corrections left errors above the bar at one point in a hundred, five at none."""

STUDENT = np.array([
    math.inf, 265.26, 20.38, 9.60, 6.83, 5.66, 5.02, 4.63, 4.36, 4.17, 4.03, 3.92, 3.83, 3.76, 3.70, 3.64,
    3.60, 3.56, 3.53, 3.50, 3.47, 3.45, 3.43, 3.41, 3.39, 3.38,
])  # fmt: skip
"""Student's one-sided quantile of 99.88 %, by degrees of freedom."""
SAFETIES = np.full(STUDENT.size, SAFETY)
SAFETIES[SPARE + 2] = SAFETY_SPARED
"""Standard deviations of the estimate in its error bar, by the number of coefficients in the plateau."""
LAST = np.array([1, 4, 2, 5])[:, None]
"""The coefficients above the noise whose rate of fall is measured, counted from it: the first and third are a pair of
degrees, and so are the second and last."""
FEWEST = 5
"""With fewer above the noise there is no such rate."""


class Analysis(NamedTuple):
    """What a window tells; arrays over the points, or numbers of one.

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
        How fast the coefficients fall before the plateau, over how fast they fall on the whole; 0 where the plateau is
        symmetrical to x.
    slope : ndarray
        Of a chord of the window.
    flat, still : ndarray of bool
        Whether all values are the same; whether at least half of them are f(x), where that was asked.
    first, plateau : ndarray of int
        The degree at which the plateau begins, and how many coefficients it has.
    """

    value: Any
    error: Any
    noise: Any
    floor: Any
    scale: Any
    gain: Any
    resolved: Any
    white: Any
    stall: Any
    slope: Any
    flat: Any
    still: Any
    first: Any
    plateau: Any

    def take(self, which: Any) -> Analysis:
        """For some of the points."""
        fields: Any = (field[..., which] for field in self)
        return Analysis(*fields)


def concatenate(pieces: Sequence[Analysis]) -> Analysis:
    """Of all points, from those of some of them in turn."""
    fields: Any = (np.concatenate(field, axis=-1) for field in zip(*pieces, strict=True))
    return Analysis(*fields)


def analyse(  # noqa: PLR0913 -- the values and where they were taken, and what is wanted of them
    windows: Windows,
    values: Array,
    centre: Array,
    top: Array,
    *,
    moved: Array,
    orders: tuple[int, ...],
    target: float,
    hint: Array | None = None,
    still: bool = True,
) -> Analysis:
    """Noise, derivatives with their errors, and the best size, from the values on windows.

    Parameters
    ----------
    windows : Windows
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
    still : bool
        Whether values that are f(x) are to be counted.

    Returns
    -------
    Analysis
    """
    frozen = 2 * np.count_nonzero(values == centre, axis=0) >= len(values) if still else np.zeros(top.size, dtype=bool)
    size = np.maximum(np.maximum.reduce(np.abs(values)), np.abs(centre))
    unit = _unit(size)
    if unit is not None:
        values, centre, size = values * unit, centre * unit, size * unit
        hint = None if hint is None else hint * unit
    fit = _fit(windows, values - centre, moved / top, orders)
    floor = FLOOR * EPS * size + LEAST_FLOAT * (1.0 if unit is None else unit)
    if hint is not None:
        floor = np.maximum(floor, hint)
    fit = fit._replace(centre=centre, size=size, floor=floor)
    plateau = _plateau(fit.power, floor)
    seen = _judge(ARRAYS, windows, fit, plateau, top=top, orders=orders, target=target, still=frozen)
    if unit is not None:
        scaled = {name: getattr(seen, name) / unit for name in ("value", "error", "noise", "floor", "slope")}
        seen = seen._replace(**scaled)
    np.maximum(seen.error, LEAST_FLOAT, out=seen.error)
    return seen


def analyse_one(
    windows: Windows, values: Array, centre: float, top: float, *, moved: Array, target: float, hint: float
) -> Analysis | None:
    """The same for the first derivative at one point, in plain numbers; None where these leave the usual range.

    Parameters
    ----------
    windows, values, centre, top, moved, target
        As of `analyse`; n is 1.
    hint : float
        0 where nothing is known.
    """
    plain = [centre, *values.ravel().tolist()]
    size = max(map(abs, plain))
    if not (TAME < size < 1.0 / TAME and math.isfinite(sum(plain))):
        return None
    fit = _fit(windows, values - centre, moved / top, (1,))
    floor = max(FLOOR * EPS * size + LEAST_FLOAT, hint)
    first, count, rms = (field.item() for field in _plateau(fit.power, np.array([floor])))
    numbers = Fit(
        fit.power.ravel().tolist(), [fit.estimates[0].ravel().tolist()], fit.slope.item(), centre, size, floor
    )
    plateau = Plateau(first, count, rms)
    try:
        seen = _judge(NUMBERS, windows, numbers, plateau, top=top, orders=(1,), target=target, still=False)
    except (ArithmeticError, ValueError):
        return None
    return seen._replace(error=[max(seen.error[0], LEAST_FLOAT)])


def _judge(
    m: Arithmetic,
    windows: Windows,
    fit: Fit,
    plateau: Plateau,
    *,
    top: Any,
    orders: tuple[int, ...],
    target: float,
    still: Any,
) -> Analysis:
    """What the coefficients tell of every point."""
    power, floor, size = fit.power, fit.floor, fit.size
    strongest = m.strongest(power)
    noise = m.maximum(plateau.rms, floor)
    lost, white = _lost(m, power, plateau, strongest=strongest, noise=noise, floor=floor)
    bound = noise_bound(plateau.rms, plateau.count, (LEVEL / FLOOR) * floor, m)
    found = [_derivative(m, windows, fit, plateau.first, bound, top=top, place=k) for k in enumerate(orders)]
    scale, stall = _best_scale(m, fit, plateau.first, strongest=strongest, noise=noise, lost=lost, target=target)
    if windows.two_sided and m.some(symmetric := _symmetric(power, plateau, floor)):
        stall = m.where(symmetric, 0.0, stall)
    # a larger window has larger values, and with them more noise
    grown = scale * size / m.maximum(abs(fit.centre) + abs(fit.slope) * scale, size)
    return Analysis(
        value=m.rows([value for value, _ in found]),
        error=m.rows([error for _, error in found]),
        noise=noise,
        floor=floor,
        scale=scale,
        gain=m.where(scale > 1.0, m.maximum(grown, 1.0), scale),
        resolved=m.negated(lost),
        white=white,
        stall=stall,
        slope=fit.slope / top,
        flat=strongest == 0.0,
        still=still,
        first=plateau.first,
        plateau=plateau.count,
    )


def _unit(size: Array) -> Any:
    """By what values are multiplied, so that no square of them over- or underflows; None where none does.

    A power of 2, and 1 for the points that need none, whatever the others do.
    """
    tame = (size > TAME) & (size < 1.0 / TAME)
    if np.count_nonzero(tame) == size.size:
        return None
    return np.where(tame, 1.0, np.ldexp(1.0, -np.clip(np.frexp(size)[1], -1000, 1000)))


class Fit(NamedTuple):
    """The polynomials through the values less f(x) on windows, the step being 1.

    Attributes
    ----------
    power : ndarray, shape ``(m + 1, n)``
        The squares of their coefficients.
    estimates : list of ndarray, shape ``(m + 1, n)``
        The derivatives at 0 of those of every degree, by order, but for the slope.
    slope : ndarray, shape ``(n,)``
        That of a chord.
    centre, size, floor : ndarray, shape ``(n,)``
        f(x), the largest value, and what rounding alone accounts for.
    """

    power: Any
    estimates: list[Any]
    slope: Any
    centre: Any = None
    size: Any = None
    floor: Any = None


def _fit(windows: Windows, rise: Array, moved: Array, orders: tuple[int, ...]) -> Fit:
    """The slope is taken off first, so that where f is nearly straight no digits are lost in the sums."""
    rise = _moved_back(windows, rise, moved)
    slope = windows.chord(rise)
    coefficients = windows.coefficients(rise - slope * windows.table("nodes"))
    estimates = [_summed(coefficients * windows.table("at_zero", order)) for order in orders]
    coefficients[:2] += slope * windows.table("line")
    return Fit(coefficients * coefficients, estimates, slope)


def _derivative(
    m: Arithmetic, windows: Windows, fit: Fit, first: Any, bound: Any, *, top: Any, place: tuple[int, int]
) -> tuple[Any, Any]:
    """A derivative up to the degree at which noise begins, and how far off it may be."""
    row, order = place
    estimates = fit.estimates[row]
    degrees = m.column(_fits(len(estimates), order, windows.two_sided), first)
    estimate, other = m.at(estimates, degrees)
    doubt = m.maximum(bound * windows.gain(order, degrees[1]), abs(other - estimate))
    if order == 1:
        estimate = estimate + fit.slope
        doubt = doubt + 1.5 * EPS * abs(estimate)
    for _ in range(order):  # one at a time, as a power of the step may overflow
        estimate, doubt = estimate / top, doubt / top
    return estimate, doubt


@lru_cache(maxsize=64)
def _fits(degrees: int, order: int, two_sided: bool) -> Indices:  # noqa: FBT001 -- a key of the cache
    """By the degree at which noise begins, that of the fit, and that of a richer one that tells its truncation."""
    degree = np.maximum(np.arange(degrees + 1) - 1, order)
    return np.stack([degree, np.minimum(degree + (2 if two_sided else 1), degrees - 1)])


def _moved_back(windows: Windows, rise: Array, moved: Array) -> Array:
    """Values at the nodes as they were meant, from those where rounding put them.

    By Taylor's theorem f(c + o) = f(c) + o f'(c) + o^2 f''(c)/2 + o^3 f'''(c)/6, the derivatives being those of the
    values themselves. To first order this is enough unless x is so large, or so near to a pole, that the spacing of
    floats is a notable part of the window.
    """
    result = np.asarray(rise - moved * windows.slopes(rise))
    if max(moved.max(initial=0.0), -moved.min(initial=0.0)) > FAR:
        for window, run in windows.runs:
            _move_far(window, rise[:, run], moved[:, run], result[:, run])
    return result


def _move_far(window: Window, rise: Array, moved: Array, result: Array) -> None:
    """The same to third order where rounding moved nodes far; written into the result."""
    far = np.flatnonzero(np.abs(moved).max(axis=0) > FAR)
    for _ in range(CORRECTIONS):
        level, factor, change = result[:, far], moved[:, far], np.zeros((len(rise), far.size))
        for order in (1, 2, 3):
            level, at_zero = window.slopes @ level, window.slope_at_zero @ level
            change += factor * level
            level, factor = level - at_zero, factor * moved[:, far] / (order + 1)
        result[:, far] = rise[:, far] - change


def _summed(terms: Array) -> Array:
    """Running sums over the degrees, in a new array."""
    if terms.shape[1] < FEW:
        return np.add.accumulate(terms, axis=0)
    result = np.empty(terms.shape)
    total = result[0]
    total[:] = terms[0]
    for row, following in zip(terms[1:], result[1:], strict=True):
        total = np.add(total, row, out=following)
    return result


class Plateau(NamedTuple):
    """Where coefficients are level: the degree at which that begins, how many they are, and their root mean square."""

    first: Any
    count: Any
    rms: Any


def _plateau(power: Array, floor: Array) -> Plateau:
    """From the last degrees down, a coefficient joins as long as it is like those that joined, or like rounding."""
    degrees = len(power)
    tail = _summed(power[::-1])[::-1]
    limits, after = _joining(degrees)
    above = power[1:-SPARE] > np.maximum(limits * tail[2 : 1 - SPARE], 16.0 * floor * floor)
    first = np.maximum.reduce(above * after, initial=1).astype(np.intp)
    count = degrees - first
    return Plateau(first, count, np.sqrt(tail[first, np.arange(first.size)] / count))


@lru_cache(maxsize=64)
def _joining(degrees: int) -> tuple[Array, NDArray[np.int8]]:
    """From degree 1 up to those that are spared: what joins over the sum behind it, and the degree after it."""
    behind = np.arange(degrees - 2.0, SPARE - 1.0, -1.0)[:, None]
    return ABSORB**2 / behind, np.arange(2, degrees - SPARE + 1, dtype=np.int8)[:, None]


def _lost(m: Arithmetic, power: Any, plateau: Plateau, *, strongest: Any, noise: Any, floor: Any) -> tuple[Any, Any]:
    """Whether no plateau of noise was met, and whether next to nothing but noise is there."""
    noisy = plateau.rms > ROUNDING * floor
    if not m.some(noisy):
        return noisy, noisy
    falls = m.maximum(power[-1], power[-2]) < (DECAYS * plateau.rms) * (DECAYS * plateau.rms)
    lost = noisy & ((plateau.count <= SPARE) | (m.sqrt(strongest) < STRONG * noise) | falls)
    return lost, noisy & m.negated(falls) & (plateau.first <= SPARE) & (plateau.count > SPARE)


def _symmetric(power: Any, plateau: Plateau, floor: Any) -> Any:
    """Whether what looks like noise above rounding lies in the even degrees alone, where it hardly falls."""
    last, before, limit = power[-1], power[-3], STRONG * floor
    slow = (last > limit * limit) & (last < before) & (last > FALLS * before)
    return (plateau.count > SPARE) & slow & (last + before > LOPSIDED * LOPSIDED * (power[-2] + power[-4]))


def noise_bound(rms: Any, count: Any, level: Any, m: Arithmetic = ARRAYS) -> Any:
    """What the noise is hardly above: SAFETY times the plateau pooled with the level believed beforehand."""
    pooled = SAFETIES[count] * m.sqrt((LEVEL_WEIGHT * level * level + count * rms * rms) / (LEVEL_WEIGHT + count))
    beyond = rms > AGREES * level
    return m.where(beyond, m.maximum(pooled, STUDENT[count] * rms), pooled) if m.some(beyond) else pooled


def _best_scale(
    m: Arithmetic, fit: Fit, first: Any, *, strongest: Any, noise: Any, lost: Any, target: float
) -> tuple[Any, Any]:
    """By what factor a window should grow, so that its coefficients meet the noise at the target degree.

    A window s times as large has s^d times the coefficient of degree d. The coefficient at the target is extrapolated
    from the last ones above the noise, geometrically by their own rate of fall; pairs of degrees are taken since every
    other coefficient vanishes for even and odd functions. Logarithms are of squares.
    """
    end = first
    if m.some(lost):
        end, noise = m.where(lost, len(fit.power), first), m.where(lost, fit.floor, noise)
    degrees, spans = _last_degrees(len(fit.power))
    one, third, two, fourth = m.at(fit.power, m.column(degrees, end))
    least = m.maximum(noise * noise, LEAST_NORMAL)  # of f = 0 the square underflows
    powers = m.maximum(one, two), m.maximum(third, fourth), strongest
    near, far, all_ = (m.log(m.maximum(each, least)) for each in powers)
    log_noise = m.log(least)
    far_span, all_span, degree = m.column(spans, end)
    local, overall = (far - near) / far_span, (all_ - near) / all_span
    growth = log_noise - near + m.maximum(local, 0.5 * overall) * (target - degree)
    stall = local / m.maximum(overall, 1e-300)
    few = end < FEWEST
    if m.some(few):
        # too few coefficients for a rate of their own: from the strongest to the noise at the end
        growth = m.where(few, (all_ - log_noise) / m.maximum(end, 1) * (target - end), growth)
        stall = m.where(few, 1.0, stall)
    return m.exp(growth * (0.5 / target)), stall


@lru_cache(maxsize=64)
def _last_degrees(count: int) -> tuple[Indices, Array]:
    """By the degree at which noise begins, the LAST degrees before it, and how far they lie apart.

    The second has rows for how far the nearer pair lies from the other one and from degree 1, and for where it lies.
    """
    degrees = np.maximum(np.arange(count + 1) - LAST, 1)
    near, far = 0.5 * (degrees[:2] + degrees[2:])
    return degrees, np.stack([np.maximum(near - far, 1.0), np.maximum(near - 1.0, 1.0), near])
