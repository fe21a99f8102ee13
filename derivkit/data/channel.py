"""One channel of samples: in order of time, grouped where they are many, and solved piece by piece."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.arguments import counted
from derivkit.data.breaks import Explanation, explanations
from derivkit.data.grouping import Grouped, grouped
from derivkit.data.models import SPARE_SAMPLES, estimate, mixture
from derivkit.data.series import standardised
from derivkit.types import EPS, LEAST_FLOAT, Array, Indices, Mask

MIN_SAMPLES = 4
"""With fewer nothing can be said of the noise."""
SAME_TIME = 1e-6
"""Samples nearer than this part of a mean gap are taken at one time: slopes between them would be of noise alone."""
NORMAL = 1.959963984540054
"""The two-sided quantile of 95 % of the normal distribution."""
TAIL = 0.025
"""The chance that is left out on either side."""
NARROWER = 0.97
"""Intervals over those of the processes, which are rougher than most signals. Tuned on five.yaml and tuning.yaml of
conf/signals."""
EDGE = 0.5
"""Nearer than so many bandwidths to an end there are hardly samples on one of the sides. A choice."""
WIDE = 8.0
"""A gap is as wide as so many usual ones. A choice."""
CHUNK, OVERLAP = 1000, 100
"""Longer series are taken in pieces of so many samples, which overlap by so many on both sides: at a distance of twelve
bandwidths, to which samples are grouped, nothing is felt."""
KNOTS_IN_GAP = 16
"""Times in a gap at which the derivative is computed, beside those wanted, where samples are grouped."""


@dataclass(frozen=True)
class Corner:
    """Where the signal has a corner or a jump.

    Attributes
    ----------
    t : float or datetime64
    kind : str
        ``"corner"`` or ``"jump"``.
    left, right, left_error, right_error : float
        The derivatives on its two sides, and half of their intervals at 95 %, the corner being where it is likeliest.
    low, high : float or datetime64
        Between which it lies, at 95 %.
    channel : int
        Of the columns of y, 0 if there is one.

    Examples
    --------
    >>> from derivkit.data.sampled import from_samples
    >>> t = np.linspace(-1.0, 1.0, 41)
    >>> from_samples(t, np.abs(t)).corners[0].kind
    'corner'
    """

    t: Any
    kind: str
    left: float
    right: float
    left_error: float
    right_error: float
    low: Any
    high: Any
    channel: int = 0


@dataclass(frozen=True)
class Channel:
    """What came of one column of samples, at the times wanted; levels are the least and the most of its noise."""

    value: Array
    error: Array
    status: NDArray[np.str_]
    curve: Array
    curve_error: Array
    noise: float
    levels: tuple[float, float]
    scale: float
    step: float
    corners: tuple[Corner, ...]
    outliers: tuple[int, ...]
    averaged: int


@dataclass(frozen=True)
class Samples:
    """The samples of a channel in order, averaged where their times are the same.

    Attributes
    ----------
    t, y, variance : ndarray, shape ``(n,)``
    rows : ndarray of int
        Of the table, in order of time.
    first, count : ndarray of int, shape ``(n,)``
        Where among these those of each sample begin, and how many they are.
    period : float, optional
        After which all of them come again, and half of them have, on both sides.
    """

    t: Array
    y: Array
    variance: Array
    rows: Indices
    first: Indices
    count: Indices
    period: float | None = None

    @property
    def averaged(self) -> int:
        """How many rows were averaged with others."""
        return sum(count for _, count in {*zip(self.first.tolist(), self.count.tolist(), strict=True)} if count > 1)

    def rows_of(self, sample: int) -> list[int]:
        """The rows that a sample comes from."""
        first = int(self.first[sample])
        return [int(row) for row in self.rows[first : first + int(self.count[sample])]]


def in_order(t: Array, y: Array, order: int, period: float | None = None) -> Samples:
    """The samples of a column; where it has a period, of one, and half of one more on both sides."""
    known = np.flatnonzero(np.isfinite(y))
    times = t[known] if period is None else _folded(t[known], period)
    rising = np.argsort(times, kind="stable")
    known, times = known[rising], times[rising]
    first = _apart(times)
    fewest = max(MIN_SAMPLES, order + SPARE_SAMPLES)
    if first.size < fewest:
        where = counted(first.size, "different time") + ("" if period is None else " of the period")
        raise ValueError(
            f"y has samples at {where}; a derivative of order {order} with its error needs {fewest} at least"
        )
    count = np.diff(np.append(first, known.size))
    times, values = (np.add.reduceat(each, first) / count for each in (times, y[known]))
    samples = Samples(times, values, 1.0 / count, known, first, count)
    return samples if period is None else _repeated(samples, period)


def _folded(t: Array, period: float) -> Array:
    """Times within one period after the first; those that rounding alone keeps from the next begin it."""
    if not t.size:
        return t
    after = np.mod(t - t.min(), period)
    return np.asarray(t.min() + np.where(period - after > SAME_TIME * period / t.size, after, 0.0))


def _apart(t: Array) -> Indices:
    """Where among times that rise a new one begins: those of nearly no distance are one time."""
    if not t.size:
        return np.empty(0, dtype=np.intp)
    least = SAME_TIME * (t[-1] - t[0]) / t.size
    return np.flatnonzero(np.concatenate([[True], np.diff(t) > least]))


def _repeated(samples: Samples, period: float) -> Samples:
    """The samples of one period, and half of one more on both sides."""
    after = samples.t - samples.t[0]
    times = (after + np.array([[-period], [0.0], [period]])).ravel()
    keep = np.flatnonzero(np.abs(times - 0.5 * period) <= period)
    which = np.tile(np.arange(after.size), 3)[keep]
    changed = {name: getattr(samples, name)[which] for name in ("y", "variance", "first", "count")}
    return replace(samples, t=samples.t[0] + times[keep], period=period, **changed)


@dataclass(frozen=True)
class Piece:
    """What is known at times that rise.

    Attributes
    ----------
    t : ndarray, shape ``(m,)``
    table : ndarray, shape ``(6, m)``
        The derivative, half of its interval, the signal and half of its; how far the end of the samples is, in
        bandwidths; and 1, 2 beside a corner or a jump.
    noise, scale : float
    levels : tuple of float
        The least and the most of the noise, along the piece.
    corners : list of Corner
    outliers : list of int
        Of the samples of the piece.
    """

    t: Array
    table: Array
    noise: float
    levels: tuple[float, float]
    scale: float
    corners: list[Corner]
    outliers: list[int]


def solve(samples: Samples, order: int, wanted: Array, noise: float | None) -> Channel:
    """The derivative of a channel, piece by piece."""
    first, last = samples.t[0], samples.t[-1]
    at = wanted if samples.period is None else first + np.mod(wanted - first, samples.period)
    unit = float(np.ldexp(1.0, min(int(np.frexp(np.abs(samples.y).max())[1]), 1023)))  # so that no square overflows
    groups = grouped(samples.t, samples.y / unit, samples.variance)
    knots = np.unique(np.clip(at, first, last)) if groups.size == 1 else _knots(samples.t, groups.t)
    pieces = _pieces(groups, order, knots, None if noise is None else noise / unit)
    t = np.concatenate([piece.t for piece in pieces])
    *values, end, broken = (np.interp(at, t, row) for row in np.concatenate([piece.table for piece in pieces], axis=1))
    status = _statuses(samples, at, end, broken)
    lost = (status == "unresolved") | ~np.isfinite(values[0])
    status[lost] = "unresolved"
    value, error, curve, curve_error = (
        np.where(lost, none, unit * row) for row, none in zip(values, (np.nan, np.inf, np.nan, np.inf), strict=True)
    )
    corners = [
        _in_units(corner, unit)
        for piece in pieces
        for corner in piece.corners
        if samples.period is None or first <= corner.t < first + samples.period
    ]
    off = [*np.flatnonzero(groups.outliers), *(k for piece in pieces for k in piece.outliers if groups.size == 1)]
    return Channel(
        value,
        error,
        status,
        curve,
        curve_error,
        noise=unit * float(np.mean([piece.noise for piece in pieces])),
        levels=(unit * min(piece.levels[0] for piece in pieces), unit * max(piece.levels[1] for piece in pieces)),
        scale=min(float(np.mean([piece.scale for piece in pieces])), samples.period or float(last - first)),
        step=float(last - first) / (samples.t.size - 1),
        corners=tuple(corners),
        outliers=tuple(sorted({row for k in off for row in samples.rows_of(k)})),
        averaged=samples.averaged,
    )


def _in_units(corner: Corner, unit: float) -> Corner:
    """A corner whose derivatives are multiplied."""
    left, right, left_error, right_error = (
        float(unit * side) for side in (corner.left, corner.right, corner.left_error, corner.right_error)
    )
    return replace(corner, left=left, right=right, left_error=left_error, right_error=right_error)


def _statuses(samples: Samples, at: Array, end: Array, broken: Array) -> NDArray[np.str_]:
    """What there is to say of times; the later in the place of the earlier."""
    status = np.full(at.size, "ok", dtype="<U10")
    if samples.period is None:
        status[end < EDGE] = "edge"
    status[_in_gap(samples.t, at)] = "gap"
    status[broken > 0.5], status[broken > 1.5] = "corner", "jump"
    near = SAME_TIME * (samples.t[-1] - samples.t[0]) / samples.t.size
    status[(at < samples.t[0] - near) | (at > samples.t[-1] + near)] = "unresolved"
    return status


def _knots(t: Array, groups: Array) -> Array:
    """Where a derivative is computed that is interpolated elsewhere: at the groups, the ends, and in the gaps."""
    gaps = np.flatnonzero(np.diff(groups) > 2.0 * np.median(np.diff(groups)))
    between = [np.linspace(groups[k], groups[k + 1], KNOTS_IN_GAP + 1)[1:-1] for k in gaps]
    return np.unique(np.concatenate([t[[0, -1]], groups, *between]))


def _pieces(groups: Grouped, order: int, knots: Array, noise: float | None) -> list[Piece]:
    """What the pieces of a record tell at the knots that lie in each of them."""
    t = groups.t
    bounds = np.linspace(0, t.size, max(1, round(t.size / CHUNK)) + 1).astype(np.intp)
    # the knots of a piece lie between its own samples and the first of the next
    of_piece = np.searchsorted(t[bounds[1:-1]], knots, side="right")
    pieces = []
    for number, (start, end) in enumerate(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)):
        part, here = slice(max(start - OVERLAP, 0), min(end + OVERLAP, t.size)), knots[of_piece == number]
        if not here.size:
            continue
        piece = _piece(t[part], groups.y[part], groups.variance[part], order, here, noise)
        low, high = (-math.inf if start == 0 else t[start]), (math.inf if end == t.size else t[end])
        corners = [corner for corner in piece.corners if low <= corner.t < high]
        outliers = [part.start + k for k in piece.outliers if start <= part.start + k < end]
        pieces.append(replace(piece, corners=corners, outliers=outliers))
    return pieces


def _in_gap(t: Array, at: Array) -> Mask:
    """Which times lie where there are no samples for far longer than usual."""
    gaps = np.diff(t)
    wide = np.flatnonzero(gaps > WIDE * np.median(gaps))
    place = np.searchsorted(t, at, side="left") - 1
    return np.asarray(np.isin(place, wide) & (at > t[np.clip(place, 0, t.size - 1)]) & ~np.isin(at, t))


def _piece(t: Array, y: Array, variance: Array, order: int, at: Array, noise: float | None) -> Piece:
    """What the samples of a piece tell at times that rise."""
    series, spacing, spread = standardised(t, y, variance, noise)
    with np.errstate(all="ignore"):
        kinds = explanations(series)
        results = [_reading(kind, order, (at - t[0]) / spacing) for kind in kinds]
    chances = np.exp([kind.evidence - kinds[0].evidence for kind in kinds])
    chances /= chances.sum()
    means, variances = (
        np.stack(each, axis=1) for each in zip(*((one.mean, one.sd**2) for one in results), strict=True)
    )
    mean, sd = mixture(chances, means, variances)
    quantile, best = student(results[0].freedom), results[0]
    scale = np.array([[spread], [spread / spacing**order]])
    half = NARROWER * scale * quantile * sd
    # a value of the least float is not known better than to that
    curve, value = scale * mean + np.array([[float(y.mean())], [0.0]])
    curve_error, error = np.maximum(half, [[EPS * float(np.abs(y).max())], [EPS]] * np.maximum(scale, LEAST_FLOAT))
    units = series.t[-1] / best.bandwidth
    end = np.minimum(at - t[0], t[-1] - at) / (spacing * best.bandwidth) if units > 2.0 * EDGE else np.ones(at.size)
    table = np.stack([value, error, curve, curve_error, end, best.broken])
    corners = [
        replace(
            _in_units(one, scale[1, 0]),
            t=float(t[0] + spacing * one.t),
            low=float(t[0] + spacing * one.low),
            high=float(t[0] + spacing * one.high),
        )
        for one in best.corners
    ]
    noise, level = spread * best.sigma, np.sqrt(np.delete(kinds[0].series.variance / variance, kinds[0].outliers))
    levels = (noise * float(level.min()), noise * float(level.max()))
    return Piece(at, table, noise, levels, spacing * best.bandwidth, corners, kinds[0].outliers.tolist())


@dataclass(frozen=True)
class Reading:
    """What one explanation of a series says, in its units.

    Attributes
    ----------
    mean, sd : ndarray, shape ``(2, m)``
        Of the signal and of the derivative.
    broken : ndarray, shape ``(m,)``
        1 beside a corner, 2 beside a jump.
    """

    mean: Array
    sd: Array
    broken: Array
    corners: list[Corner]
    sigma: float
    bandwidth: float
    freedom: int


def _reading(kind: Explanation, order: int, at: Array) -> Reading:
    """What one explanation says at times."""
    result = estimate(kind.series, kind.models, order=order, wanted=at)
    mean, variance = (each[:, [0, order]].T.copy() for each in (result.mean, result.error**2))
    broken, corners, quantile = np.zeros(at.size), [], NARROWER * student(result.freedom)
    for place, (each, position) in enumerate(zip(kind.series.breaks, kind.positions, strict=True)):
        left, right = result.left[place, [0, order], None], result.right[place, [0, order], None]
        before = np.array([position.chances[position.times >= t].sum() for t in at])
        unsure = (before > TAIL) & (before < 1.0 - TAIL)
        mean[:, unsure] = (before * left + (1.0 - before) * right)[:, unsure]
        variance[:, unsure] += (before * (1.0 - before) * (right - left) ** 2)[:, unsure]
        low, high = position.quantile(TAIL), position.quantile(1.0 - TAIL)
        broken[(at >= low) & (at <= high)] = 1.0 if each.first else 2.0
        corners.append(
            Corner(
                each.t,
                "corner" if each.first else "jump",
                float(left[1, 0]),
                float(right[1, 0]),
                float(quantile * result.left_error[place, order]),
                float(quantile * result.right_error[place, order]),
                low,
                high,
            )
        )
    return Reading(mean, np.sqrt(variance), broken, corners, result.sigma, result.bandwidth, result.freedom)


def student(freedom: int) -> float:
    """Student's two-sided quantile of 95 %, by the expansion of Abramowitz & Stegun 26.7.5: to 1 % from 2 degrees on.

    Examples
    --------
    >>> round(student(10), 3), round(student(10**9), 3)
    (2.228, 1.96)
    """
    z = NORMAL
    terms = (
        (z**3 + z) / 4.0,
        (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / 96.0,
        (3.0 * z**7 + 19.0 * z**5 + 17.0 * z**3 - 15.0 * z) / 384.0,
        (79.0 * z**9 + 776.0 * z**7 + 1482.0 * z**5 - 1920.0 * z**3 - 945.0 * z) / 92160.0,
    )
    return z + sum(term / float(freedom) ** (k + 1) for k, term in enumerate(terms))
