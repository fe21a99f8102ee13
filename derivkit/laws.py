"""The law that the errors of a sweep obey: E = a delta^p + b delta^-q, fitted without being told p or q."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import ArrayLike

from derivkit.arguments import numbers
from derivkit.types import Array

MOST_FITTED = 512
"""Points of a sweep that are fitted at most, spread evenly over it: the pairs of more take memory by their square and
add no digit, and between neighbours that are nearer the slope is that of their rounding. Some 30 to a decade."""


def _spread(delta: Array, error: Array) -> tuple[Array, Array]:
    """At most MOST_FITTED of some pairs, evenly from the least delta to the largest."""
    if delta.size <= MOST_FITTED:
        return delta, error
    places = np.round(np.linspace(0, delta.size - 1, MOST_FITTED)).astype(np.intp)
    chosen = np.argsort(delta, kind="stable")[places]
    return delta[chosen], error[chosen]


@dataclass(frozen=True)
class ErrorLaw:
    """E(delta) = a delta^order + b delta^-growth, fitted to a sweep; NaN for a branch that the sweep does not show.

    Attributes
    ----------
    order, growth : float
        Observed exponents: the order of accuracy, and how fast rounding grows (the order of the derivative, in theory).
    a, b : float
        Their factors.
    delta : float
        Where the law is least.
    points : int
        Errors that the fit used.
    note : str
        What the sweep does not show; empty if both branches were seen.

    Examples
    --------
    >>> delta = 10.0 ** np.arange(-12.0, 0.1, 0.5)
    >>> law = fit_error_law(delta, delta**2 + 1e-16 / delta)
    >>> round(law.order, 1), round(law.growth, 1)
    (2.0, 1.0)
    """

    order: float
    growth: float
    a: float
    b: float
    delta: float
    points: int
    note: str


def observed_order(delta: ArrayLike, error: ArrayLike) -> float:
    """The slope of log error against log delta: the median of the slopes of all pairs (Theil 1950, Sen 1968).

    Of more than MOST_FITTED pairs so many are taken, evenly.

    Parameters
    ----------
    delta, error : array_like, shape ``(n,)``
        Pairs that are not positive and finite are left out.

    Returns
    -------
    float
        NaN if fewer than two different deltas are left.

    Examples
    --------
    >>> round(observed_order([0.5, 0.25, 0.125], [0.5, 0.125, 0.03125]), 12)
    2.0
    """
    steps, sizes = _pairs(delta, error)
    usable = np.isfinite(steps) & np.isfinite(sizes) & (steps > 0.0) & (sizes > 0.0)
    x, y = (np.log(v) for v in _spread(steps[usable], sizes[usable]))
    i, j = np.triu_indices(x.size, 1)
    i, j = i[x[i] != x[j]], j[x[i] != x[j]]
    if not i.size:
        return math.nan
    return float(np.median((y[j] - y[i]) / (x[j] - x[i])))


def fitted_exponent(x: ArrayLike, y: ArrayLike) -> float:
    """The exponent a in y = c x^a, by least squares of the logarithms.

    Parameters
    ----------
    x, y : array_like, shape ``(n,)``
        Pairs of which y is not positive and finite are left out.

    Returns
    -------
    float
        NaN if fewer than two different x are left.

    Examples
    --------
    >>> round(fitted_exponent([1.0, 2.0, 4.0], [3.0, 12.0, 48.0]), 12)
    2.0
    """
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    known = np.isfinite(ys) & (ys > 0)
    if np.unique(xs[known]).size < 2:
        return math.nan
    across, up = np.log(xs[known]), np.log(ys[known])
    across -= across.mean()
    return float(across @ (up - up.mean()) / (across @ across))


FEWEST = 4
"""Points that a branch needs before its slope is believed; a constant without a derivation."""
CLEAR = 10.0
"""The rounding branch begins where the error is this many times the least: its scatter hides what is left of
truncation."""
DECADE = 10.0
"""Width, as a ratio of deltas, that a rounding branch needs before its growth is believed."""
HUMP = 30.0
"""Medians of rounding errors do not exceed their own law by this factor; without a derivation."""
SMOOTH = 100.0
"""The truncation branch begins where the error is this many times the least, so that rounding moves it by a percent."""
SETTLED = 0.1
"""How far the exponent may move with the last term of the fit, and the logarithms lie from it, to be believed."""
STUCK = 3
"""An error that comes this often to the last bit is no rounding error: the estimate is stuck, usually at 0."""
BEND = 0.25
"""Share by which the local slope may leave the branch's slope before the branch is held to end; without a
derivation."""


def fit_error_law(delta: ArrayLike, error: ArrayLike) -> ErrorLaw:
    """Fit E = a delta^p + b delta^-q to the errors of a sweep at one point.

    Each branch is fitted in logarithms on the side of the V where it reigns. Rounding errors scatter over orders of
    magnitude and hit 0 by luck, so theirs is the median slope of all pairs. The truncation branch is smooth but
    curved, by the next terms of Taylor's series, which are fitted with it, up to where the local slope bends away and
    delta is no longer small for this function. A branch too short or too curved for its exponent to be known is not
    reported. Of more than MOST_FITTED errors so many are fitted, evenly.

    Parameters
    ----------
    delta, error : array_like, shape ``(n,)``
        In any order; errors that are 0, NaN or infinite are left out.

    Returns
    -------
    ErrorLaw

    Notes
    -----
    Where the truncation changes its sign within the sweep, E has a second valley, which is not always told from the V:
    measured over nine functions, random points and every third formula, one reported order in fifty is off by more than
    a quarter.

    Examples
    --------
    >>> h = 10.0 ** -np.arange(0, 16, 0.5)
    >>> law = fit_error_law(h, 3.0 * h**2 + 1e-16 / h)
    >>> round(law.order, 2), round(law.growth, 2)
    (2.0, 1.0)
    """
    h, e = _usable(delta, error)
    if h.size < 2 * FEWEST:
        return ErrorLaw(math.nan, math.nan, math.nan, math.nan, math.nan, int(h.size), "too few deltas for a fit")
    typical = _running_median(e)
    bottom = int(np.argmin(typical))
    start = _departure(typical[: bottom + 1][::-1], CLEAR * typical[bottom])  # single hits do not cut rounding short
    left = h[: bottom + 1][::-1][start:], e[: bottom + 1][::-1][start:]
    start = bottom + _departure(e[bottom:], SMOOTH * typical[bottom])
    right = _bent_off(h[start:], e[start:])
    p, a = _curved_power_law(*right)
    q, b = _power_law(*left)
    if not q < 0.0 or left[0][0] < DECADE * left[0][-1]:
        q, b = math.nan, math.nan
    # Truncation may cross 0 and leave a second valley; what lies left of it is then no rounding error alone.
    hump = not math.isnan(q) and bool(np.any(typical[:bottom] > HUMP * b * h[:bottom] ** q))
    if not p > 0.0 or hump:
        p, a = math.nan, math.nan
    missing = [name for name, value in (("truncation", p), ("rounding", q)) if math.isnan(value)]
    with np.errstate(all="ignore"):
        best = float(np.exp((np.log(-q * b) - np.log(p * a)) / (p - q)))
    note = f"no {' and no '.join(missing)} branch in this sweep" if missing else ""
    return ErrorLaw(p, -q, a, b, best, int(left[0].size + right[0].size), note)


def _pairs(delta: ArrayLike, error: ArrayLike) -> tuple[Array, Array]:
    """Deltas and errors in a row, as many of each."""
    steps, sizes = numbers("delta", delta).ravel(), numbers("error", error).ravel()
    if steps.shape != sizes.shape:
        raise ValueError(f"{steps.size} deltas need as many errors, not {sizes.size}")
    return steps, sizes


def _usable(delta: ArrayLike, error: ArrayLike) -> tuple[Array, Array]:
    """Deltas in order, each once, with their errors; without zeros, gaps and estimates that are stuck."""
    steps, sizes = _pairs(delta, error)
    known = np.isfinite(steps) & np.isfinite(sizes) & (steps > 0.0) & (sizes > 0.0)
    steps, sizes = _spread(steps[known], sizes[known])
    h, first = np.unique(steps, return_index=True)
    e = sizes[first]
    _, again, times = np.unique(e, return_inverse=True, return_counts=True)
    return h[times[again] < STUCK], e[times[again] < STUCK]


def _running_median(e: Array) -> Array:
    """Median of five neighbours: lucky hits do not count as the bottom of the V."""
    padded = np.pad(np.log(e), 2, mode="edge")
    return cast("Array", np.exp(np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=-1)))


def _departure(e: Array, level: float) -> int:
    """From where on one side of the V, walking outward, the error stays above the level."""
    below = np.nonzero(e < level)[0]
    return int(below[-1]) + 1 if below.size else 0


def _bent_off(h: Array, e: Array) -> tuple[Array, Array]:
    """The truncation branch up to where its local slope leaves that of its beginning."""
    if h.size < FEWEST:
        return h, e
    local = np.diff(np.log(e)) / np.diff(np.log(h))
    slope = np.median(local[: max(FEWEST, local.size // 3)])
    bent = np.nonzero(np.abs(local - slope) > BEND * abs(slope))[0]
    end = int(bent[0]) + 1 if bent.size else h.size
    return (h[:end], e[:end]) if end >= FEWEST else (h, e)


def _curved_power_law(h: Array, e: Array) -> tuple[float, float]:
    """(exponent, factor) of e = factor h^exponent exp(c t + c' t^2), with t = h or, for a symmetric formula, t = h^2.

    By least squares, t being whichever fits better. NaN where the branch is too short, or so curved that the exponent
    still moves when the last term is left out, or where the branch does not set out with that slope: then it comes
    from a valley in which the truncation crosses 0.
    """
    if h.size < FEWEST + 2:
        return math.nan, math.nan
    fits = []
    for t in (h / h[-1], (h / h[-1]) ** 2):
        design = np.stack([np.ones_like(h), np.log(h), t, t**2], axis=1)
        shorter, longer = (np.linalg.lstsq(design[:, :terms], np.log(e), rcond=None)[0] for terms in (3, 4))
        fits.append((float(np.linalg.norm(design @ longer - np.log(e))), shorter, longer))
    misfit, shorter, longer = min(fits, key=lambda fit: fit[0])
    first = np.median(np.diff(np.log(e[:FEWEST])) / np.diff(np.log(h[:FEWEST])))
    departs = abs(first - longer[1]) > SETTLED * (1.0 + abs(longer[1]))
    if abs(longer[1] - shorter[1]) > SETTLED or misfit > SETTLED * math.sqrt(h.size) or departs:
        return math.nan, math.nan
    return float(longer[1]), float(np.exp(longer[0]))


def _power_law(h: Array, e: Array) -> tuple[float, float]:
    """(exponent, factor) of e = factor h^exponent; NaN where a branch is too short."""
    if h.size < FEWEST:
        return math.nan, math.nan
    exponent = observed_order(h, e)
    return exponent, float(np.exp(np.median(np.log(e) - exponent * np.log(h))))
