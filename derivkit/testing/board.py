"""Many methods beside one another: how often their bars hold, what they lose and cost, and who is beaten by nobody."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from derivkit.data.channel import NORMAL
from derivkit.testing.cases import Judged, quantile, share
from derivkit.types import Array, Mask


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What the claims of one method say together; NaN of nothing.

    Attributes
    ----------
    points, answers, bars, ok : int
        All points; where a derivative exists the finite values, those of them with a finite bar, and those of these
        with the status ok.
    covered, ok_covered : float
        Share of the bars that are true, of all and with the status ok.
    covered_low, covered_high, ok_covered_low, ok_covered_high : float
        Intervals of 95 % of these, clustered by function; see `clustered_interval`.
    tightness : float
        Median with the status ok.
    loss, loss_90 : float
        Median and 90 % quantile over the answers, without those where nothing is attainable but exactly 0.
    missing : float
        Share of the points that ought to have a value and have none.
    silent : int
        Points without a derivative that were answered with the status ok.
    evaluations : float
        Mean values of f for a point.
    """

    points: int
    answers: int
    bars: int
    covered: float
    covered_low: float
    covered_high: float
    ok: int
    ok_covered: float
    ok_covered_low: float
    ok_covered_high: float
    tightness: float
    loss: float
    loss_90: float
    missing: float
    silent: int
    evaluations: float


def standing(cases: Judged) -> Standing:
    """What the claims of a method say together."""
    values, bars, ok = cases.where(cases.exists & np.isfinite(cases.value)), cases.answers, cases.ok
    loss = np.where(np.isinf(values.loss), math.nan, values.loss)
    covered_low, covered_high = clustered_interval(bars.covered, bars.function)
    ok_low, ok_high = clustered_interval(ok.covered, ok.function)
    return Standing(
        points=len(cases),
        answers=len(values),
        bars=len(bars),
        covered=share(bars.covered),
        covered_low=covered_low,
        covered_high=covered_high,
        ok=len(ok),
        ok_covered=share(ok.covered),
        ok_covered_low=ok_low,
        ok_covered_high=ok_high,
        tightness=quantile(ok.tightness, 0.5),
        loss=quantile(loss, 0.5),
        loss_90=quantile(loss, 0.9),
        missing=share(~np.isfinite(cases.value[cases.counts])),
        silent=cases.silent,
        evaluations=cases.mean_evaluations,
    )


def clustered_interval(hits: ArrayLike, clusters: NDArray[np.str_]) -> tuple[float, float]:
    r"""The interval of 95 % of a share whose cases come in clusters, such as points of one function.

    The variance of the share p over all cases is that of a ratio of sums over the F clusters,

    .. math:: v = \frac{F}{F-1} \frac{\sum_f (k_f - p n_f)^2}{(\sum_f n_f)^2}

    (Cochran, *Sampling Techniques*, 1977, equation 6.13), and p (1 - p) / v independent cases would say as much (Kish,
    *Survey Sampling*, 1965, section 8.2), for which Wilson's interval is taken (*JASA* 22:209-212, 1927). Where all
    cases agree nothing is known of v, and every cluster counts as a single case.

    Parameters
    ----------
    hits : array_like of bool, shape ``(n,)``
        The cases.
    clusters : ndarray of str, shape ``(n,)``
        To which each case belongs.

    Returns
    -------
    (float, float)
        NaN of nothing.

    Examples
    --------
    >>> clusters = np.repeat(["a", "b", "c", "d"], 10)
    >>> low, high = clustered_interval([True] * 40, clusters)
    >>> round(low, 2), high
    (0.51, 1.0)
    """
    cases = np.asarray(hits, dtype=np.float64)
    if not cases.size:
        return math.nan, math.nan
    _, number = np.unique(clusters.astype(str), return_inverse=True)
    sizes = np.bincount(number)
    p, count = float(np.mean(cases)), sizes.size
    excess = np.bincount(number, weights=cases) - p * sizes
    variance = float(np.sum(excess**2)) * count / max(1, count - 1) / cases.size**2
    worth = min(cases.size, p * (1.0 - p) / variance) if variance > 0.0 else count
    squared = NORMAL**2 / worth
    centre = (p + 0.5 * squared) / (1.0 + squared)
    half = math.sqrt(squared * (p * (1.0 - p) + 0.25 * squared)) / (1.0 + squared)
    return max(0.0, centre - half), min(1.0, centre + half)


def unbeaten(cost: Array, loss: Array) -> Mask:
    """Which of several, by cost and loss, none beats in both; shape ``(n,)``, and what is NaN is beaten.

    Examples
    --------
    >>> unbeaten(np.array([1.0, 2.0, 3.0, 2.0]), np.array([9.0, 5.0, 6.0, math.nan])).tolist()
    [True, True, False, False]
    """
    known = np.isfinite(cost) & np.isfinite(loss)
    no_dearer, no_worse = cost[None, :] <= cost[:, None], loss[None, :] <= loss[:, None]
    better = (cost[None, :] < cost[:, None]) | (loss[None, :] < loss[:, None])
    return np.asarray(known & ~np.any(known & no_dearer & no_worse & better, axis=1))
