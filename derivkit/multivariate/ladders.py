"""Derivatives along lines through a point of many variables, each by the search of `derivative`, as one search.

One line goes first. Its window, as a part of the step with which a search begins there, and the noise of f on it are
what the others begin with, and are checked there: where that window is not resolved the usual search goes on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from derivkit.arguments import check_vectorized, number, positive, whole
from derivkit.behaviour import Raised
from derivkit.multivariate.evaluation import CALLED_WITH, box_of
from derivkit.multivariate.formulas import function_at
from derivkit.multivariate.lines import Axes, Directions, Lines, Surroundings
from derivkit.multivariate.structure import Structure
from derivkit.numerical.chunks import ChunkResult, Collected, Searches, inverse
from derivkit.numerical.result import Derivative
from derivkit.numerical.scales import LOOK, VAGUE
from derivkit.numerical.search import SMALL, usual_top
from derivkit.numerical.state import SUSPECT, TARGET, Limits, Start
from derivkit.numerical.status import CODE, Status
from derivkit.types import EPS, Array, Box, FunctionLike, Indices, Mask

FIRST_VALUES = 1 + 2 * len(LOOK)
"""Without which no line is begun."""
PILOTS = 3
"""Lines that are tried for one that is resolved; after so many the others are searched like these."""
START = Start(window=(0, 1, 2, 4), target=6.0, sacrifice=1000.0)
"""How the lines after the pilot begin: with eight values, at a lower degree and with more tolerance than other windows,
since a second one would double the evaluations. A pilot that others follow is as tolerant. This and the next were found
by measurement over 50 functions: 9.3 evaluations for each variable, bars of 2e-12 of the derivative in the median. With
a tolerance of 100 and two and a half times the step it was 10.4 and 1e-12; with six values 8.2 and 1e-10, but 19 for
polynomials of degree 4, which six values do not resolve."""
TIGHTER = 0.02
"""Their largest step as a part of the pilot's: with fewer values a window meets the noise at a lower degree."""


class Pace(NamedTuple):
    """How the lines after the pilot begin.

    Attributes
    ----------
    start : Start
        The window.
    tighter : float
        Its largest step as a part of the pilot's.
    usual : float
        Degree at which the pilot's meets the noise.
    """

    start: Start
    tighter: float
    usual: float

    def tighter_at(self, noise: float) -> float:
        """The same where f has noise, as a part of how it varies, far above rounding: in float32, or beside an offset.

        A step meets noise at a degree where it is its root. The measured part is for noise that is next to nothing.
        """
        if noise < SUSPECT * EPS:
            return self.tighter
        return float(min(noise, 1.0) ** (1.0 / self.start.target - 1.0 / self.usual))


SLOPES = Pace(START, TIGHTER, TARGET)
"""Of first derivatives."""


class Ladders:
    """The search for derivatives of f around a point, with the box that is never left and what somebody may know.

    Parameters
    ----------
    f, x, domain, vectorized, executor, scale, noise, budget
        As in `gradient`.
    what : str
        The public function, for messages.
    scalar : bool
        Whether f must give one number.

    Attributes
    ----------
    structure : Structure
        Of x.
    around : Surroundings
        f around it, within the box.
    lines : Lines
        Those that were searched, whose asker counts every point.
    budget : float
        Most values for a line.
    """

    def __init__(  # noqa: PLR0913 -- f, and all that may be known of it
        self,
        f: FunctionLike | Sequence[FunctionLike],
        x: Any,
        what: str,
        domain: Box | None,
        *,
        vectorized: bool | None,
        executor: Any,
        scalar: bool,
        scale: Any,
        noise: Any,
        budget: Any,
    ) -> None:
        check_vectorized(vectorized)
        self.structure = Structure.of(x)
        f = function_at(f, self.structure, f"dk.{what}({CALLED_WITH.get(what, 'f, x')})")
        lo, hi = box_of(f, domain, self.structure)
        _refuse_outside(self.structure, lo, hi)
        self._scale = scale
        self._noise = math.nan if noise is None else number("noise", positive("noise", noise))
        self.budget = math.inf if budget is None else whole("budget", budget, 1)
        self.around = Surroundings(
            f, self.structure, lo, hi, scalar, vectorized, float(np.nan_to_num(self._noise)), executor
        )
        self.lines: Lines

    @property
    def scale(self) -> Array:
        """Length scales of f along the entries, shape ``(x.size,)``; NaN where unknown."""
        if self._scale is None:
            return np.full(self.structure.size, np.nan)
        return positive("scale", self.structure.each(self._scale, "scale"))

    @property
    def raised(self) -> tuple[Raised, ...]:
        """What f raised, one entry for each type."""
        return self.lines.raised

    @property
    def float32(self) -> bool:
        """Whether f computes in float32, or in less."""
        return self.lines.float32

    def axes(self, chosen: Indices, *, order: int = 1, pace: Pace = SLOPES) -> Derivative:
        """Along the axes of some entries; shape ``(n,)``, with a further axis where f may give several numbers."""
        return self.searched(Axes(self.around, chosen), self.scale[chosen], order=order, pace=pace)

    def direction(self, towards: Array) -> Derivative:
        """Along one direction, in its own length; shape ``(1,)``."""
        lines = Directions(self.around, towards[None])
        scale = math.nan if self._scale is None else number("scale", positive("scale", self._scale))
        return lines.in_directions(self.searched(lines, scale / lines.unit))

    def searched(self, lines: Lines, scale: Array, *, order: int = 1, pace: Pace = SLOPES) -> Derivative:
        """Along lines, in units of their abscissae, of which the scale of f may be known; one of them goes first."""
        self.lines = lines
        if self.budget >= FIRST_VALUES:
            _ = lines.centre  # whose type tells the noise
        noise = np.full(lines.origin.size, self._noise)
        limits = Limits(
            lines.lo, lines.hi, common=not self.around.scalar, narrow=lines.narrow, many=self.structure.size > 1
        )
        searches = Searches(lines, (order,), limits, self.budget)
        rows = np.array([lines.origin, scale, noise])
        parts, turns = by_pilots(searches, lines, rows, pace)
        result = Collected(searches, parts, inverse(turns), lines.origin).derivative(order)
        return result if order > 1 else with_kinks(result, searches, rows)


def _refuse_outside(structure: Structure, lo: Array, hi: Array) -> None:
    x = structure.flat
    outside = np.flatnonzero((x < lo) | (x > hi))
    if outside.size:
        k = int(outside[0])
        raise ValueError(f"{structure.name(k)} = {x[k].item()!r} lies outside the domain [{lo[k]:g}, {hi[k]:g}]")


def by_pilots(searches: Searches, lines: Lines, rows: Array, pace: Pace) -> tuple[list[ChunkResult], Indices]:
    """Search along lines with rows for x, scale and noise, and the order in which that was done."""
    every = np.arange(rows.shape[1])
    tops = usual_top(rows[0], rows[1])
    parts: list[ChunkResult] = []
    pilots: list[int] = []
    share = math.nan
    tolerant = searches.limits._replace(sacrifice=pace.start.sacrifice)
    first = replace(searches, limits=tolerant) if every.size > 1 else searches
    for pilot in _candidates(every.size):
        pilots.append(pilot)
        parts += first.at_places(rows[:, [pilot]], every[[pilot]])
        share = _window_of(parts[-1], float(tops[pilot])) / float(tops[pilot])
        if math.isfinite(share):
            break
    rest = np.setdiff1d(every, pilots)
    if math.isfinite(share):
        limits = searches.limits._replace(start=pace.start)
        known = rows[:, rest]
        known[2] = np.where(np.isnan(known[2]), _noise_of(parts[-1]), known[2])
        tighter = pace.tighter_at(max(lines.precision, _relative_noise(parts[-1], searches.orders[0], lines.centre)))
        size = tighter * share * tops[rest]
        cut = limits.take(rest).room(rows[0, rest]).min(axis=0) < size  # by the domain, so that it tells too little
        parts += replace(searches, limits=limits).at_places(known[:, ~cut], rest[~cut], size[~cut])
        turns, rest = [*pilots, *rest[~cut]], rest[cut]
    else:
        turns = pilots
    parts += searches.at_places(rows[:, rest], rest)
    return parts, np.array([*turns, *rest], dtype=np.intp)


def _candidates(lines: int) -> list[int]:
    """Which lines may go first: the middle one, then those halfway to the ends."""
    return list(dict.fromkeys([lines // 2, lines // 4, 3 * lines // 4]))[:PILOTS]


def _window_of(part: ChunkResult, top: float) -> float:
    """The largest step of the pilot's window, of the least one where f gives several numbers; NaN if none is ok."""
    known = (part.status == CODE[Status.OK]) & ~_hides_kink(part.value[0], part.error[0], part.step, top)
    return float(part.step[known].min()) if known.any() else math.nan


def _noise_of(part: ChunkResult) -> float:
    """The noise of f on it; NaN where f gives several numbers, each with a noise of its own."""
    return math.nan if part.width else float(part.noise[0])


def _relative_noise(part: ChunkResult, order: int, centre: Array) -> float:
    """The noise of f as a part of what its derivative adds to it over the pilot's window; the least of several.

    Where next to nothing is known of the derivative it is a part of f(x).
    """
    known = part.status == CODE[Status.OK]
    value, error, noise = np.abs(part.value[0, known]), part.error[0, known], part.noise[known]
    with np.errstate(all="ignore"):
        variation = np.where(error < VAGUE * value, value * part.step[known] ** order, np.abs(centre[known]))
        relative = np.where(variation > 0.0, noise / variation, 0.0)
    return float(relative.min())


def _hides_kink(value: Array, error: Array, step: Array, top: Any) -> Mask:
    """Whether next to nothing is known, out of a window far below a first look: a kink in noise looks like that."""
    return np.asarray((error > VAGUE * np.abs(value)) & (SMALL * step < top))


def with_kinks(result: Derivative, searches: Searches, rows: Array) -> Derivative:
    """First derivatives along lines, those refused that hide a kink: where each side has a slope of its own.

    Near a kink at which f is about as small as the rounding within it, windows shrink until the slope is that of noise.

    Parameters
    ----------
    result : Derivative
        Of every line.
    searches : Searches
        By which it was found.
    rows : ndarray, shape ``(3, n)``
        Origins, scales and noise of the lines.
    """
    top = usual_top(rows[0], rows[1]).reshape(-1, *[1] * (result.value.ndim - 1))
    valued = np.isin(result.status, [str(Status.OK), str(Status.BELOW_RESOLUTION)])
    doubtful = valued & _hides_kink(result.value, result.error, result.delta, top)
    which = np.flatnonzero(doubtful.reshape(len(doubtful), -1).any(axis=1))
    if not which.size:
        return result
    left, right = (_side_of(result, searches, rows, which, side) for side in (-1, 1))
    kink = doubtful[which] & (np.abs(right.value - left.value) > left.error + right.error)
    fields = {name: getattr(result, name).copy() for name in ("value", "error", "digits", "left", "right", "status")}
    changes = {"value": math.nan, "error": math.inf, "digits": 0.0, "left": left.value, "right": right.value}
    for name, change in {**changes, "status": str(Status.KINK)}.items():
        fields[name][which] = np.where(kink, change, fields[name][which])
    evaluations = result.evaluations.copy()
    evaluations[which] += left.evaluations + right.evaluations
    return replace(result, **fields, evaluations=evaluations, total=searches.ask.total)


def _side_of(result: Derivative, searches: Searches, rows: Array, which: Indices, side: int) -> Derivative:
    """The derivatives of one side along some lines, from half of what is left of the budget."""
    budget = 0.5 * (searches.budget - float(result.evaluations[which].max()))
    one_side = replace(searches, limits=searches.limits._replace(side=side), budget=budget)
    parts = one_side.at_places(rows[:, which], which)
    return Collected(one_side, parts, np.arange(which.size), rows[0, which]).derivative(1)
