"""Corners, jumps and outliers of a series: where its samples contradict a process without.

A shock of the state at a node would show up in how the samples pull there: force' information^-1 force is chi-squared
with as many degrees of freedom as the shock has components (de Jong & Penzer, J. Am. Stat. Assoc. 93, 1998). Shocks are
added where that is largest, for processes of several bandwidths each by itself, since a stiff one shows corners that a
lively one follows. What they gain must be worth the places that they might have had: the evidence of a break is the
average over all of these, so that one that may lie at many costs less than one that lies at a single one.

A bend is no corner. It is the same change of the slope, spread over a length as white noise of more intensity, and a
corner stays only where it is far likelier than a bend that reaches half way to the next break: otherwise breaks would
stand in for whatever is smooth, as the corners of a polygon do for a circle.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from derivkit.data.levels import COST, louder
from derivkit.data.models import Models, between, candidates, grid, judged, likeliest
from derivkit.data.series import Break, Series, nodes, places, shock
from derivkit.data.wiener import Smoothed, run_backwards, run_forwards
from derivkit.types import EPS, Array, Indices

ORDERS = (1, 2)
"""Of the processes that corners are looked for with: those of higher order bend around them."""
SHORTEST, LONGEST = 1.5, 2.0
"""Bandwidths are tried from so many mean gaps to so many times the record."""
OCTAVE = 1.5
"""So many to an octave."""
STRIKING = 5.0
"""Nats by which a place must be less likely than one among all, to be tried."""
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
SETS, HOPE = 3, 40.0
"""Of all sets of breaks that were found, so many are tried with models of all kinds, and none that is by more nats less
likely than no break: better places and a changing roughness seldom gain more. Tuned on conf/signals/tuning.yaml."""
LEVELS, ABOUT = 4, 0.3
"""What is believed of breaks beforehand is said in units of the noise, as it is without them at first; it is said anew,
so often at most, until the noise that they leave is that by this logarithm: a bad sample alone makes it many times
larger, and corners too small."""
REACH, STEPS = 8, 3
"""A break is placed in a gap that is no more than so many samples away, a corner at so many times in each of these."""
SURE, ZOOMS = 0.5, 15
"""Where one of the times is likelier than this, nearer ones are tried around it, so often at most: without noise a
corner is known to many digits."""
BEYOND = 2.0
"""A bend reaches no further than so many times the distance of an end, beyond which nothing is seen of it."""
RESOLVED = 4.0
"""Nats by which a corner is likelier than such a bend, or it is none. Tuned on random shapes beside conf/signals: of
waves and polygons corners mostly had more than 5, and those that stood in for peaks, steps and decays less than 3."""
OUTLIER = -1
"""Stands for the first component of a break where a sample is off, and not the function."""
KINDS = (1, 0, OUTLIER)
"""Corners, jumps and outliers."""
NONE = np.empty(0, dtype=np.intp)
"""No outliers."""
TINY, SOFT = 1e-300, 1e-6
"""What keeps the matrix of a shock from being singular."""


@dataclass(frozen=True)
class Position:
    """Where a break may be.

    Attributes
    ----------
    times, chances : ndarray, shape ``(k,)``
    widths : ndarray, shape ``(k,)``
        Of the part of the record that each of the times stands for.
    """

    times: Array
    chances: Array
    widths: Array

    @property
    def spread(self) -> float:
        """The logarithm of the length that it may lie in: the evidence of all places over that of the likeliest."""
        return float(np.log((self.chances * self.widths).sum() / self.chances.max()))

    def quantile(self, chance: float) -> float:
        """A time before which it lies with some chance, at the outer end of what stands for it."""
        k = int(np.searchsorted(np.cumsum(self.chances), min(chance, 1.0 - EPS)))
        return float(self.times[k] + math.copysign(0.5 * self.widths[k], chance - 0.5))


NOWHERE = Position(np.empty(0), np.empty(0), np.empty(0))
"""Of a break that has not been looked for yet."""


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
    positions : list of Position
        Of the breaks.
    """

    series: Series
    models: list[Models]
    outliers: Indices
    positions: Sequence[Position] = ()

    @property
    def evidence(self) -> float:
        """The largest of the models, less what the breaks cost."""
        count = len(self.series.breaks) + self.outliers.size
        spread = sum(position.spread for position in self.positions)
        return float(likeliest(self.models).evidence.max()) + spread - _cost(count, self.series.size)


def explanations(series: Series) -> list[Explanation]:
    """The series without breaks and with the best set of them, the likelier first, and alone if it is much likelier.

    Where its noise is louder in some parts than in others, breaks are looked for anew beside that.
    """
    plain = Explanation(series, candidates(series), NONE)
    results = _with_breaks(plain)
    changed = louder(series, plain.models)
    if changed is not None:
        others = _with_breaks(Explanation(*changed, NONE), results[0].series.breaks)
        if others[0].evidence - COST * math.log(series.size) > results[0].evidence:
            results = others
    return [one for one in results if one.evidence >= results[0].evidence - NEARLY]


def _with_breaks(plain: Explanation, known: tuple[Break, ...] = ()) -> list[Explanation]:
    """A series without breaks and with those that are likely, of which some may be known, the likelier first."""
    results = [plain]
    if plain.series.size >= FEWEST:
        series = replace(plain.series, level=_level(plain.models))
        sets = [_with(series, kinds) for kinds in _sets(series, _least(plain))]
        chosen = sorted(sets, key=lambda one: -one.evidence)[:1]
        if known:
            beside = replace(series, breaks=known)
            chosen.append(Explanation(beside, candidates(beside), NONE))
        results += map(_settled, chosen)
    return sorted(results, key=lambda one: -one.evidence)


def _least(plain: Explanation) -> float:
    """The evidence that a set of breaks before samples needs to be tried.

    Any will do where a bandwidth is less than a gap: without noise to speak of, all depends on the place in the gap.
    """
    best = likeliest(plain.models)
    return plain.evidence - HOPE if best.bandwidths[best.best] >= 1.0 else -math.inf


def _level(some: Sequence[Models]) -> float:
    """The noise by the most likely model."""
    best = likeliest(some)
    return float(best.sigma[best.best])


def _cost(count: int, size: int) -> float:
    return count * math.log(size)


def _with(series: Series, kinds: dict[int, int]) -> Explanation:
    """A series with breaks before some of its samples, and without others."""
    outliers = np.array([k for k, first in kinds.items() if first == OUTLIER], dtype=np.intp)
    # a shock at a sample bends the function there, and jumps somewhere in the gap before it
    times = {k: float(series.t[k] if first else 0.5 * (series.t[k - 1] + series.t[k])) for k, first in kinds.items()}
    breaks = tuple(Break(times[k], first) for k, first in sorted(kinds.items()) if first != OUTLIER)
    for _ in range(LEVELS):
        changed = replace(series.without(outliers), breaks=breaks)
        result = Explanation(changed, candidates(changed), outliers)
        level = _level(result.models)
        if abs(math.log(level / series.level)) < ABOUT:
            break
        series = replace(series, level=level)
    return result


def _sets(series: Series, least: float) -> list[dict[int, int]]:
    """The most likely sets of breaks: by sample, the first component that jumps before it."""
    results = _added_in_turn(series, *grid(ORDERS, between(SHORTEST, LONGEST * series.size, OCTAVE)))
    chosen: list[dict[int, int]] = []
    for evidence, kinds in sorted(results, key=lambda result: -result[0]):
        if kinds and kinds not in chosen and evidence >= least:
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

    The kinds are those of `KINDS`. Near the ends nothing tells a break from the beginning, but an outlier is one there.
    """
    table, ends = np.zeros((len(KINDS), *states.residual.shape)), max(ORDERS) + 1
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
        table[row, : ends + 1], table[row, -ends:] = 0.0, 0.0
    return np.nan_to_num(table)


def _shock_score(force: Array, information: Array) -> Array:
    """force' information^-1 force, chi-squared where there is no shock.

    The components are eliminated in turn. Where rounding has left less than nothing of what is known of one, it tells
    nothing.
    """
    known = np.diagonal(information, axis1=-2, axis2=-1)
    size = np.sqrt(np.where(known > TINY, known, np.inf))
    # in units in which its diagonal is 1, and a little more, as components that nothing tells apart are one
    left = np.clip(information / size[..., None] / size[..., None, :], -1.0, 1.0) + SOFT * np.eye(size.shape[-1])
    scaled, score = force / size, np.zeros(force.shape[:-1])
    for k in range(force.shape[-1]):
        pivot = np.maximum(left[..., k, k], SOFT)  # which it is no less than, but for rounding
        score += scaled[..., k] ** 2 / pivot
        share = left[..., k] / pivot[..., None]
        scaled = scaled - share * scaled[..., k, None]
        left = left - share[..., :, None] * left[..., k, None, :]
    return np.asarray(score)


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


# Which of them stay, and where between the samples


def _settled(some: Explanation) -> Explanation:
    """With its breaks where they are most likely, but for those that are not worth what they cost, or are bends.

    Where one goes, its neighbours have more room, and the others stay where they are until all that are left are worth
    it.
    """
    series, model = some.series, likeliest(some.models)
    positions: list[Position] = [NOWHERE] * len(series.breaks)
    moved = range(len(positions))
    while series.breaks:
        series, positions = _placed(series, model, positions, moved)
        worth = _worth(series, model, positions)
        if worth.min() >= 0.0:
            if len(moved) == len(positions):
                break
            moved = range(len(positions))
            continue
        place = int(np.argmin(worth))
        series, positions = _with_break(series, place), positions[:place] + positions[place + 1 :]
        moved = range(max(place - 1, 0), min(place + 1, len(positions)))
    return replace(some, series=series, models=candidates(series), positions=positions)


def _worth(series: Series, model: Models, positions: Sequence[Position]) -> Array:
    """By how many nats each break is likelier than none, and than a bend: the lesser of the two."""
    count = len(series.breaks)
    at, one = places(series), model.take(np.full(1 + 2 * count, model.best))
    given = nodes(series, at, one.orders, one.bandwidths, one.roughness)
    shocks, intensity = np.array(given.shocks), np.ones(given.gaps.shape)
    if given.intensity is not None:
        intensity *= given.intensity
    for place, node in enumerate(at.right.tolist()):
        without, bent = 1 + place, 1 + count + place
        intensity[:, bent] += _bend(series, place, at.t, one.bandwidths[0], int(one.orders[0])) * shocks[node, 0, 1]
        shocks[node, [without, bent]] = 0.0
    given = given._replace(shocks=shocks, intensity=intensity)
    evidence = judged(series, one.orders, one.bandwidths, run_forwards(given), one.roughness).evidence
    cost = _cost(1, series.size) - np.array([position.spread for position in positions])
    worth, sharp = np.split(evidence[0] - evidence[1:], 2)
    corner = np.array([each.first == 1 for each in series.breaks])
    return np.where(corner, np.minimum(worth - cost, sharp - RESOLVED), worth - cost)


def _bend(series: Series, place: int, t: Array, bandwidth: float, order: int) -> Array:
    """The intensity of white noise before every node that makes the slope vary by 1 over a bend instead of a break.

    Over a time w the slope of a process of order q varies by w^(2 q - 1) / ((2 q - 1) (q - 1)!^2).
    """
    centre, others = series.breaks[place].t, _with_break(series, place).breaks
    ends = (BEYOND * (centre - t[0]), BEYOND * (t[-1] - centre))
    half = min(*ends, *(0.5 * abs(other.t - centre) for other in others))
    before = np.concatenate([t[:1], t[:-1]])
    inside = np.clip(np.minimum(t, centre + half) - np.maximum(before, centre - half), 0.0, None)
    power = 2 * order - 1
    level = power * math.factorial(order - 1) ** 2 / (max(2.0 * half, EPS) / bandwidth) ** power
    return np.asarray(level * inside / np.maximum(t - before, EPS))


def _placed(
    series: Series, model: Models, positions: Sequence[Position], which: Iterable[int]
) -> tuple[Series, list[Position]]:
    """The series with some of its breaks where they are most likely, and how likely each is elsewhere."""
    placed = list(positions)
    for _ in range(2):  # the second time beside the others where they are
        for place in which:
            each, placed[place] = _position(series, place, model)
            series = _with_break(series, place, each)
    return series, placed


def _position(series: Series, place: int, model: Models) -> tuple[Break, Position]:
    """One of the breaks where it is most likely, and how likely it is elsewhere.

    A jump becomes a corner where that is the likelier: between samples without noise corners look like jumps at one.
    """
    each = series.breaks[place]
    edges = np.unique([*series.t, *(other.t for other in _with_break(series, place).breaks)])
    node = int(np.clip(np.searchsorted(edges, each.t), 1, edges.size - 1))
    first, last = max(node - REACH, 1), min(node + REACH, edges.size - 1) + 1
    low, gaps = edges[first - 1 : last - 1], np.diff(edges[first - 1 : last])
    times = (low[:, None] + gaps[:, None] * (np.arange(STEPS) + 0.5) / STEPS).ravel()
    corner = _zoomed(series, place, model, edges, times, np.repeat(gaps / STEPS, STEPS))
    if each.first:
        return corner[1:]
    times = low + 0.5 * gaps
    evidence = _evidence_of(series, place, each, times, model)
    jump = Position(times, _chances(evidence), gaps)
    if float(evidence.max()) + jump.spread >= corner[0] + corner[2].spread:
        return replace(each, t=float(times[np.argmax(evidence)])), jump
    return corner[1:]


def _zoomed(
    series: Series, place: int, model: Models, edges: Array, times: Array, widths: Array
) -> tuple[float, Break, Position]:
    """The largest evidence of a corner, where that is, and how likely it is elsewhere."""
    each = replace(series.breaks[place], first=1)
    for _ in range(ZOOMS):
        evidence = _evidence_of(series, place, each, times, model)
        chances, best = _chances(evidence), int(np.argmax(evidence))
        if chances[best] < SURE:
            break
        node = int(np.clip(np.searchsorted(edges, times[best]), 1, edges.size - 1))
        low, high = max(times[best] - widths[best], edges[node - 1]), min(times[best] + widths[best], edges[node])
        width = (high - low) / (2 * STEPS + 1)
        times, widths = low + width * (np.arange(2 * STEPS + 1) + 0.5), np.full(2 * STEPS + 1, width)
    return float(evidence.max()), replace(each, t=float(times[np.argmax(evidence)])), Position(times, chances, widths)


def _chances(evidence: Array) -> Array:
    chances = np.exp(evidence - evidence.max())
    return np.asarray(chances / chances.sum())


def _with_break(series: Series, place: int, *instead: Break) -> Series:
    """The series with another break in the place of one, or with none."""
    return replace(series, breaks=(*series.breaks[:place], *instead, *series.breaks[place + 1 :]))


def _evidence_of(series: Series, place: int, each: Break, times: Array, model: Models) -> Array:
    """The evidence of a break at each of some times, between which and the samples around there is no other break."""
    others, one = _with_break(series, place), model.take(np.full(times.size, model.best))
    _, first, which = np.unique(np.searchsorted(series.t, times), return_index=True, return_inverse=True)
    at = places(others, times[first])
    node, column = at.wanted[which], np.arange(times.size)
    t = np.repeat(at.t[:, None], times.size, axis=1)
    t[node, column] = times
    given = nodes(others, at, one.orders, one.bandwidths, one.roughness)
    shocks = np.zeros((*t.shape, int(one.orders.max()) + 1)) if given.shocks is None else np.array(given.shocks)
    shocks[node, column] = shock(series, each.first, one.orders, one.bandwidths)
    given = given._replace(gaps=np.diff(t, axis=0, prepend=t[:1]) / one.bandwidths, shocks=shocks)
    return judged(others, one.orders, one.bandwidths, run_forwards(given), one.roughness).evidence
