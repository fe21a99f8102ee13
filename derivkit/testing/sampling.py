"""Derivatives of measured data judged by signals: errors over the oracle's, intervals that hold, corners, and goals."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from derivkit.data.methods import Slopes, spline_slopes
from derivkit.testing.goals import Goal, Measured
from derivkit.testing.signals import Sampled, Signal
from derivkit.types import Array, Indices, Mask

BROKEN_MODEL = ("outliers", "heteroscedastic", "autocorrelated")
"""Kinds of noise that the model of `from_samples` knows nothing of."""
BESIDE = 1.5
"""Nearer than so many median gaps a sample lies beside a corner or a jump."""
PLACED = 4.0
"""A corner is found if one is named within so many median gaps. A choice."""
STRONG = 10.0
"""Standard deviations of the noise above which a corner is to be found."""


def beside_breaks(signal: Signal, sampled: Sampled) -> Mask:
    """The samples beside a corner or a jump."""
    spacing = float(np.median(np.diff(sampled.t)))
    near = [np.abs(sampled.t - t) <= BESIDE * spacing for t in signal.breaks]
    return np.asarray(np.any([np.isnan(sampled.slope), *near], axis=0))


def oracle(sampled: Sampled) -> float:
    """The least root mean square error of a cubic smoothing spline, chosen knowing the truth."""
    error = spline_slopes(sampled.t, sampled.y) - sampled.slope[:, None]
    return float(np.sqrt(np.nanmean(error**2, axis=0)).min())


def strengths(signal: Signal) -> Array:
    """How far beyond the noise breaks are: by a jump, or by a corner half way to the next break or to an end."""
    breaks = np.array(signal.breaks)
    bounds = np.array([signal.start, signal.end, *signal.breaks])
    apart = np.abs(breaks[:, None] - bounds)
    reach = 0.5 * np.where(apart > 0.0, apart, np.inf).min(axis=1, initial=math.inf)
    near = 1e-6 * (signal.end - signal.start)
    (before, left), (after, right) = signal.at(breaks - near), signal.at(breaks + near)
    size = np.where(np.isin(breaks, signal.jumps), np.abs(after - before), np.abs(right - left) * reach)
    with np.errstate(divide="ignore"):
        return np.asarray(size / signal.noise)


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """What came of a method on records of signals; arrays of shape ``(records,)``.

    Attributes
    ----------
    half, signal, kind : ndarray of str
        The set of signals, the signal, and its kind: see `derivkit.testing.signals.KINDS`.
    samples, noise, seed : ndarray
    rms, oracle : ndarray
        Root mean square error of the slope, and the least of a smoothing spline that knows the truth.
    away, at : ndarray of int
        Samples away from corners and jumps, and beside them.
    away_covered, at_covered : ndarray
        How many of these are within the interval, or are said to be at a corner; NaN of a method without an interval.
    strong, found, false : ndarray
        Corners and jumps far beyond the noise, how many of these are named, and how many are named where there is none;
        the last two are NaN of a method that names none.
    """

    half: NDArray[Any]
    signal: NDArray[Any]
    kind: NDArray[Any]
    samples: Indices
    noise: Array
    seed: Indices
    rms: Array
    oracle: Array
    away: Indices
    away_covered: Array
    at: Indices
    at_covered: Array
    strong: Indices
    found: Array
    false: Array

    def where(self, mask: Mask) -> Self:
        """The records for which a condition holds."""
        return type(self)(**{one.name: getattr(self, one.name)[mask] for one in fields(self)})

    @property
    def ratio(self) -> Array:
        """The error over the oracle's; NaN without noise, where nothing is to be smoothed."""
        with np.errstate(all="ignore"):
            return np.where(self.noise > 0.0, self.rms / self.oracle, np.nan)


def score(half: str, signal: Signal, seed: int, sampled: Sampled, slopes: Slopes) -> dict[str, Any]:
    """What came of a method on a record, as a row of `Scores` but for the oracle.

    Examples
    --------
    >>> ramp = Signal(name="ramp", kind="smooth", expression="2*t", start=0.0, end=1.0, samples=9, noise=0.0)
    >>> sampled = ramp.draw(0)
    >>> row = score("mine", ramp, 0, sampled, Slopes(value=np.full(9, 2.5), error=np.full(9, 1.0)))
    >>> row["rms"], row["away_covered"]
    (0.5, 9.0)
    """
    beside = beside_breaks(signal, sampled)
    miss = slopes.value - sampled.slope
    inside = np.full(miss.shape, np.nan)
    if slopes.error is not None:
        inside = (np.abs(miss) <= slopes.error).astype(float)
    told = inside if slopes.broken is None else np.where(slopes.broken, 1.0, inside)
    strong = np.array(signal.breaks)[strengths(signal) > STRONG] if signal.breaks else np.empty(0)
    return {
        "half": half, "signal": signal.name, "kind": signal.kind, "samples": sampled.t.size, "noise": signal.noise,
        "seed": seed, "rms": float(np.sqrt(np.nanmean(miss**2))) if np.isfinite(miss).any() else math.nan,
        "away": int(np.sum(~beside)), "away_covered": float(inside[~beside].sum()),
        "at": int(beside.sum()), "at_covered": float(told[beside].sum()) if beside.any() else _zero(slopes.error),
        "strong": strong.size, **_corners(signal, sampled, slopes, strong),
    }  # fmt: skip


def _zero(known: object) -> float:
    return math.nan if known is None else 0.0


def _corners(signal: Signal, sampled: Sampled, slopes: Slopes, strong: Array) -> dict[str, float]:
    """How many corners are named where there are some, and where there are none."""
    if slopes.broken is None:
        return {"found": math.nan, "false": math.nan}
    near = PLACED * float(np.median(np.diff(sampled.t)))
    named, breaks = np.array(slopes.corners), np.array(signal.breaks)
    apart = np.abs(named[:, None] - strong)
    far = np.abs(named[:, None] - breaks).min(axis=1, initial=math.inf) > near
    return {"found": float(np.sum(apart.min(axis=0, initial=math.inf) <= near)), "false": float(far.sum())}


# What is measured


def _in_half(name: str) -> Callable[[Scores], Scores]:
    return lambda scores: scores.where(scores.half == name)


def _smooth(scores: Scores) -> Scores:
    """Records of signals without a break, with noise that is alike and independent."""
    return scores.where((scores.at == 0) & ~np.isin(scores.kind, BROKEN_MODEL))


def _with_breaks(scores: Scores) -> Scores:
    return scores.where(scores.at > 0)


def _broken_model(scores: Scores) -> Scores:
    return scores.where(np.isin(scores.kind, BROKEN_MODEL))


def geometric_mean(ratio: Array) -> float:
    """The geometric mean of the ratios that are numbers."""
    known = ratio[np.isfinite(ratio) & (ratio > 0.0)]
    return float(np.exp(np.log(known).mean())) if known.size else math.nan


def _ratio(scores: Scores) -> Measured:
    return geometric_mean(scores.ratio), int(np.isfinite(scores.ratio).sum())


def _worst_ratio(scores: Scores) -> Measured:
    known = scores.ratio[np.isfinite(scores.ratio)]
    return (float(known.max()) if known.size else math.nan), known.size


def away_covered(scores: Scores) -> Array:
    """Share of the samples away from breaks that are covered, in percent, by record."""
    with np.errstate(all="ignore"):
        return np.asarray(100.0 * scores.away_covered / scores.away)


def _mean_covered(scores: Scores) -> Measured:
    return float(np.mean(away_covered(scores))) if scores.away.size else math.nan, scores.away.size


def _least_covered(scores: Scores) -> Measured:
    return float(np.min(away_covered(scores))) if scores.away.size else math.nan, scores.away.size


def _part(name: str, whole: str, times: float = 100.0) -> Callable[[Scores], Measured]:
    """A sum over another one, in percent."""

    def of(scores: Scores) -> Measured:
        count = int(getattr(scores, whole).sum())
        return times * float(getattr(scores, name).sum()) / count if count else math.nan, count

    return of


SAMPLED_GOALS: tuple[Goal[Scores], ...] = (
    Goal("five sets: error over the oracle's, geometric mean", "x", "most", 0.92, _in_half("five"), _ratio),
    Goal("five sets: error over the oracle's, worst record", "x", "most", 2.0, _in_half("five"), _worst_ratio),
    Goal("held out: error over the oracle's, geometric mean", "x", "most", 1.05, _in_half("held_out"), _ratio),
    Goal("smooth signals: mean coverage", "%", "least", 93.0, _smooth, _mean_covered),
    Goal("smooth signals: mean coverage, lest intervals are too wide", "%", "most", 99.0, _smooth, _mean_covered),
    Goal("smooth signals: worst coverage", "%", "least", 88.0, _smooth, _least_covered),
    Goal("with corners or jumps: coverage away from them", "%", "least", 92.0, _with_breaks,
         _part("away_covered", "away")),
    Goal("with corners or jumps: beside them covered, or said to be at one", "%", "least", 85.0, _with_breaks,
         _part("at_covered", "at")),
    Goal(f"corners and jumps above {STRONG:g} standard deviations: found", "%", "least", 90.0, _with_breaks,
         _part("found", "strong")),
    Goal("smooth signals: false corners for 1,000 samples", "", "most", 1.0, _smooth, _part("false", "away", 1000.0)),
    Goal("noise that breaks the model: worst coverage", "%", "least", 85.0, _broken_model, _least_covered),
)  # fmt: skip
"""What a method for measured data is to reach."""
