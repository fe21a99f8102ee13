"""Corners, jumps and outliers of a series: where its samples contradict a process without.

A shock of the state at a node would show up in how the samples pull there: force' information^-1 force is chi-squared
with as many degrees of freedom as the shock has components (de Jong & Penzer, J. Am. Stat. Assoc. 93, 1998). Shocks are
added where that is largest, for processes of several bandwidths each by itself, since a stiff one shows corners that a
lively one follows. What they gain must be worth the places that they might have had.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from derivkit.data.models import Models, between, candidates, grid, judged
from derivkit.data.series import Break, Series, nodes, places, shock
from derivkit.data.wiener import Smoothed, run_backwards, run_forwards
from derivkit.types import Array, Indices

ORDERS = (1, 2)
"""Of the processes that corners are looked for with: those of higher order bend around them."""
SHORTEST, LONGEST = 1.5, 2.0
"""Bandwidths are tried from so many mean gaps to so many times the record."""
OCTAVE = 1.5
"""So many to an octave."""
STRIKING = 5.0
"""Nats by which a place must be less likely than one among all, to be tried."""
PRICE = 1.0
"""Nats that a break costs beyond the logarithm of the number of places that it might have had. A choice."""
AT_ONCE = 5
"""So many are added in one round, if they lie apart."""
APART = 2.0
"""Bandwidths, and two samples at least, between those that are added in one round."""
ROUNDS = 8
CROWDED = 8
"""One sample in so many may be a break; with more, it is the model that is wrong."""
FEWEST = 16
"""Samples below which no break is looked for."""
NEARLY = 6.0
"""Nats below which another explanation is averaged in."""
SETS = 3
"""Of all sets of breaks that were found, so many are tried with models of all kinds."""
REACH, STEPS = 3, 4
"""A corner is placed in a gap that is no more than so many samples away, at so many times in each of these."""
SURE, ZOOMS = 0.5, 12
"""Where one of the times is likelier than this, nearer ones are tried around it, so often at most: without noise a
corner is known to many digits."""
OUTLIER = -1
"""Stands for the first component of a break where a sample is off, and not the function."""
KINDS = (1, 0, OUTLIER)
"""Corners, jumps and outliers."""
TINY, SOFT = 1e-300, 1e-6
"""What keeps the matrix of a shock from being singular."""


@dataclass(frozen=True)
class Explanation:
    """A series with breaks or without, and how likely it is.

    Attributes
    ----------
    series : Series
        With the breaks, and without the outliers.
    models : list of Models
    outliers : ndarray of int
        The samples that are none of the function's.
    evidence : float
        The largest of the models, less what the breaks cost.
    """

    series: Series
    models: list[Models]
    outliers: Indices
    evidence: float


def explanations(series: Series) -> list[Explanation]:
    """The series without breaks and with the best set of them, the likelier first, and alone if it is much likelier."""
    plain = candidates(series)
    series = replace(series, level=_level(plain))
    results = [Explanation(series, plain, np.empty(0, dtype=np.intp), _largest(plain))]
    if series.size >= FEWEST:
        results += sorted((_with(series, kinds) for kinds in _sets(series)), key=lambda one: -one.evidence)[:1]
    results.sort(key=lambda one: -one.evidence)
    return [one for one in results if one.evidence >= results[0].evidence - NEARLY]


def _largest(some: Sequence[Models]) -> float:
    return max(float(each.evidence.max()) for each in some)


def _level(some: Sequence[Models]) -> float:
    """The noise by the most likely model."""
    best = max(some, key=lambda each: float(each.evidence.max()))
    return float(best.sigma[best.best])


def _cost(count: int, size: int) -> float:
    return count * (math.log(size) + PRICE)


def _with(series: Series, kinds: dict[int, int]) -> Explanation:
    """A series with breaks before some of its samples, and without others."""
    outliers = np.array([k for k, first in kinds.items() if first == OUTLIER], dtype=np.intp)
    # a shock at a sample bends the function there, and jumps somewhere in the gap before it
    times = {k: float(series.t[k] if first else 0.5 * (series.t[k - 1] + series.t[k])) for k, first in kinds.items()}
    breaks = tuple(Break(times[k], first) for k, first in sorted(kinds.items()) if first != OUTLIER)
    changed = replace(series.without(outliers), breaks=breaks)
    some = candidates(changed)
    # by models of one roughness: what a changing one adds is no witness of breaks
    return Explanation(changed, some, outliers, _largest(some[:1]) - _cost(len(kinds), series.size))


def _sets(series: Series) -> list[dict[int, int]]:
    """The most likely sets of breaks: by sample, the first component that jumps before it."""
    results = _added_in_turn(series, *grid(ORDERS, between(SHORTEST, LONGEST * series.size, OCTAVE)))
    chosen: list[dict[int, int]] = []
    for _, kinds in sorted(results, key=lambda result: -result[0]):
        if kinds and kinds not in chosen:
            chosen.append(kinds)
    return chosen[:SETS]


def _added_in_turn(series: Series, orders: Indices, bandwidths: Array) -> list[tuple[float, dict[int, int]]]:
    """For every model by itself the best set of breaks that was met on the way, and its evidence."""
    kinds: list[dict[int, int]] = [{} for _ in bandwidths]
    best: list[tuple[float, dict[int, int]]] = [(-math.inf, {}) for _ in bandwidths]
    variance = np.ones((series.size, bandwidths.size))
    shocks = np.zeros((series.size, bandwidths.size, max(ORDERS) + 1))
    live, at = np.arange(bandwidths.size), places(series)
    for _ in range(ROUNDS):
        given = nodes(series, at, orders[live], bandwidths[live])
        d = int(orders[live].max()) + 1
        given = given._replace(variance=variance[:, live], shocks=shocks[:, live, :d])
        filtered = run_forwards(given)
        judgement = judged(series, orders[live], bandwidths[live], filtered)
        unlikely = _unlikely(run_backwards(given, filtered), judgement)
        following = []
        for model, k in enumerate(live.tolist()):
            evidence = float(judgement.evidence[model]) - _cost(len(kinds[k]), series.size)
            best[k] = max(best[k], (evidence, dict(kinds[k])), key=lambda pair: pair[0])
            new = _least_likely(unlikely[..., model], kinds[k], APART * float(bandwidths[k]))
            kinds[k] |= new
            level = replace(series, level=float(judgement.sigma[model]))
            for node, first in new.items():
                if first == OUTLIER:
                    variance[node, k] = level.contrast**2
                else:
                    jump = shock(level, first, orders[k : k + 1], bandwidths[k : k + 1])[0]
                    shocks[node, k, : jump.size] = jump
            if new and len(kinds[k]) <= series.size // CROWDED:
                following.append(k)
        live = np.array(following, dtype=np.intp)
        if not live.size:
            break
    return best


def _unlikely(states: Smoothed, some: Models) -> Array:
    """Logarithms of how likely what is seen at a sample is without a break of a kind, shape ``(kinds, n, models)``.

    The kinds are those of `KINDS`. Near the ends nothing tells a break from the beginning.
    """
    table = np.zeros((len(KINDS), *states.residual.shape))
    for row, first in enumerate(KINDS):
        if first == OUTLIER:
            table[row] = _log_survival(states.residual**2 / states.precision / some.sigma**2, 1)
            continue
        for q in np.unique(some.orders).tolist():
            which = some.orders == q
            score = _shock_score(
                states.force[:, which, first : q + 1], states.information[:, which, first : q + 1, first : q + 1]
            )
            table[row][:, which] = _log_survival(score / some.sigma[which] ** 2, q + 1 - first)
    ends = max(ORDERS) + 1
    table[:, : ends + 1], table[:, -ends:] = 0.0, 0.0
    return np.nan_to_num(table)


def _shock_score(force: Array, information: Array) -> Array:
    """force' information^-1 force, chi-squared where there is no shock."""
    size = np.sqrt(np.maximum(np.diagonal(information, axis1=-2, axis2=-1), TINY))
    # in units in which its diagonal is 1, and a little more, as components that nothing tells apart are one
    correlation = information / size[..., None] / size[..., None, :] + SOFT * np.eye(size.shape[-1])
    scaled = force / size
    return np.asarray((scaled * np.linalg.solve(correlation, scaled[..., None])[..., 0]).sum(axis=-1))


def _log_survival(score: Array, freedom: int) -> Array:
    """The logarithm of the chance of a larger chi-squared, by its first term (Abramowitz & Stegun 26.4.12)."""
    half = 0.5 * np.maximum(score, 2.0)
    return np.minimum(0.0, -half + (0.5 * freedom - 1.0) * np.log(half) - math.lgamma(0.5 * freedom))


def _least_likely(unlikely: Array, known: Iterable[int], apart: float) -> dict[int, int]:
    """The samples at which a break of some kind is most striking, apart from each other and from those known."""
    table, result = unlikely.copy(), {}
    for place in known:
        table[:, max(place - 1, 0) : place + 2] = 0.0
    span = max(2, int(apart))
    for _ in range(AT_ONCE):
        kind, node = map(int, np.unravel_index(np.argmin(table), table.shape))
        if table[kind, node] > -math.log(table.shape[1]) - STRIKING:
            break
        result[node] = KINDS[kind]
        table[:, max(node - span, 0) : node + span + 1] = 0.0
    return result


# Where between the samples


@dataclass(frozen=True)
class Position:
    """Where a corner may be.

    Attributes
    ----------
    times, chances : ndarray, shape ``(k,)``
    """

    times: Array
    chances: Array


def refine(series: Series, some: Sequence[Models]) -> tuple[Series, list[Position]]:
    """The series with its breaks where they are most likely, and how likely they are elsewhere.

    A jump becomes a corner where that is the likelier: between samples without noise corners look like jumps at one.
    """
    likeliest = max(some, key=lambda each: float(each.evidence.max()))
    positions: list[Position] = []
    for _ in range(2):  # the second time beside the others where they are
        positions = []
        for place in range(len(series.breaks)):
            series, position = _position(series, place, likeliest)
            positions.append(position)
    return series, positions


def _position(series: Series, place: int, likeliest: Models) -> tuple[Series, Position]:
    """The series with one of its breaks where it is most likely, and how likely it is elsewhere."""
    each = series.breaks[place]
    node = int(np.clip(np.searchsorted(series.t, each.t), 1, series.size - 1))
    reach = REACH if each.first else 0
    gaps = range(max(node - reach, 1), min(node + reach, series.size - 1) + 1)
    corner = replace(each, first=1)
    grids = [series.t[k - 1] + (series.t[k] - series.t[k - 1]) * (np.arange(STEPS) + 0.5) / STEPS for k in gaps]
    evidence = np.concatenate([_evidence_of(series, place, corner, grid, likeliest) for grid in grids])
    times = np.concatenate(grids)
    if each.first == 0:
        midway = np.array([each.t])
        if _evidence_of(series, place, each, midway, likeliest)[0] >= evidence.max():
            return series, Position(midway, np.ones(1))
    width = float(np.diff(times).max())
    for _ in range(ZOOMS):
        best, chances = float(times[np.argmax(evidence)]), _chances(evidence)
        if chances.max() < SURE:
            break
        node = int(np.searchsorted(series.t, best))
        low, high = max(best - width, series.t[node - 1]), min(best + width, series.t[node])
        times, width = np.linspace(low, high, 2 * STEPS + 1), width / STEPS
        evidence = _evidence_of(series, place, corner, times, likeliest)
    moved = replace(corner, t=float(times[np.argmax(evidence)]))
    return _with_break(series, place, moved), Position(times, _chances(evidence))


def _chances(evidence: Array) -> Array:
    chances = np.exp(evidence - evidence.max())
    return np.asarray(chances / chances.sum())


def _with_break(series: Series, place: int, each: Break) -> Series:
    return replace(series, breaks=(*series.breaks[:place], each, *series.breaks[place + 1 :]))


def _evidence_of(series: Series, place: int, each: Break, times: Array, likeliest: Models) -> Array:
    """The evidence of a break at each of some times, all between the same two samples."""
    moved = _with_break(series, place, replace(each, t=float(times[times.size // 2])))
    at, one = places(moved), likeliest.take(np.full(times.size, likeliest.best))
    t = np.repeat(at.t[:, None], times.size, axis=1)
    t[[at.left[place], at.right[place]]] = times
    given = nodes(moved, at, one.orders, one.bandwidths, one.roughness)
    given = given._replace(gaps=np.diff(t, axis=0, prepend=t[:1]) / one.bandwidths)
    return judged(moved, one.orders, one.bandwidths, run_forwards(given), one.roughness).evidence
