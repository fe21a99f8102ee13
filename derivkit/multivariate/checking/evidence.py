"""What a gradient claims along directions beside what is measured there, and what that proves."""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from derivkit.behaviour import MIN_SHORT_VALUES, fits_float32, long_values
from derivkit.multivariate.checking.directions import Directions, scales_of
from derivkit.multivariate.checking.float32_slopes import CORNER_SHARE, Line
from derivkit.multivariate.checking.sizes import MARGIN, Law, chance_alone
from derivkit.multivariate.checking.slopes import (
    KINKED,
    SMOOTH,
    Calls,
    Slope,
    Window,
    examine_type,
    slope_along,
    slope_in,
    slope_shared,
    typical_size,
    window_of,
)
from derivkit.numerical.status import Status
from derivkit.types import EPS, EPS32, Array, Indices, Mask, Texts

GRADIENT_ROUNDINGS = 16.0
"""A correct gradient is away from the derivative by at most so many roundings of its own norm: a choice; those of
backprop in networks are 1 to 2."""
CLEAR_SHARE, CLEAR_FACTOR = 0.5, 3.0
"""An error is beyond doubt where half of the directions show it, by so many bars; else it is measured once more. A bar
fails in 2 of 1000 cases, each for reasons of its own."""
AGAIN, COMPARABLE = 0.7, 1.5
"""Part of the window at which it is measured once more, and how much larger the bar there may be to acquit a claim."""
BELOW = 6
"""Exponents from the window of an axis in float32 down to the least one of the others, a tenth; a choice."""
FINER = 2.0**-4
"""Part of the window at which a line of two scales is measured once more."""
NEARBY = 2.0**-12
"""Part of the size of x with which the search along the first direction begins. Found by measurement on relu networks
of 100 000 parameters; it makes windows the same at every scale of x."""
QUIET = 100.0
"""Noise so many times above the rounding of f is looked at from farther out; a choice: that of networks is 1 to 10."""
SHARP = 0.01
"""A slope that is known worse than to this part has no window for others; a choice."""
LEVEL = 0.3
"""Least bar as a part of the median of all directions; a choice, so that the others show about as small an error."""
KINK_SPREAD = 10.0
"""Where x lies on kinks, a claim is away from the mean of the two slopes by at most so many times half their
difference, the largest of all directions. Units with kinks at x add c v to the first and c|v| to the second, v normal;
c|v| has at least 1 - 2/pi = 0.36 of the variance of c v, and a quotient of mean squares with 8 degrees each is beyond
0.36 * 10^2 in 1 of 10^5 cases."""
HIDDEN = 5.0
"""The same for kinks that no direction shows, whose corners are known to their standard deviations at best. Found by
measurement: in 1000 networks with an all-zero sample 3.0 left one claim beyond its bar, 5.0 none."""
FAINT = 2.0
"""Disagreement of all directions by at most so many bars is none: less than `MARGIN`."""
CHANCE = 0.01
"""Share of entries whose bars may fail, one by one, by so little; a bar fails in 2 of 1000 cases."""
OTHERS = 3
"""Directions that agree, from which on one alone that disagrees is doubted: a choice."""
IMPLAUSIBLE = 1e-3
"""Probability below which no error of the gradient is believed to show in one direction alone; a bar fails as often."""

NEAR = 2.0**-20
"""Part of x by which a point lies beside it where it is looked whether f has a value at all; a choice."""
NOISY = 1e4
"""Noise so many times above rounding is no longer that of float64."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """Products of the claim with k directions, the slopes of the m values of f along them, and their bars.

    Attributes
    ----------
    claimed, measured, bars, left, right, noise, delta : ndarray, shape ``(k, m)``
    statuses : ndarray of str, shape ``(k, m)``
    known : Window, optional
        For other lines, where a search has measured it without a line of its own.
    """

    claimed: Array
    measured: Array
    bars: Array
    left: Array
    right: Array
    noise: Array
    delta: Array
    statuses: Texts
    known: Window | None = None

    @classmethod
    def nothing(cls, m: int) -> Evidence:
        """Of no directions."""
        empty = np.empty((0, m))
        names = ("claimed", "measured", "bars", "left", "right", "noise", "delta")
        fields: dict[str, Any] = dict.fromkeys(names, empty)
        return cls(**fields, statuses=empty.astype(str))

    @property
    def residuals(self) -> Array:
        """Claimed less measured."""
        return np.asarray(self.claimed - self.measured)

    @property
    def window(self) -> Window | None:
        """What the first smooth line tells of others."""
        if self.known:
            return self.known
        rows = (
            {name: getattr(self, name)[j] for name in ("statuses", "delta", "noise")} for j in range(len(self.bars))
        )
        return next((window for row in rows if (window := window_of(row))), None)

    @property
    def valued(self) -> Mask:
        """Directions along which every slope was measured, shape ``(k,)``."""
        return np.asarray((np.isfinite(self.measured) & np.isfinite(self.bars)).all(axis=1))

    @property
    def kinked(self) -> Mask:
        """Directions along which a kink at x itself was found, shape ``(k,)``."""
        return np.asarray((np.isin(self.statuses, KINKED) & np.isfinite(self.left + self.right)).any(axis=1))

    @property
    def beyond(self) -> Mask:
        """Where claim and measurement differ by more than the bar, shape ``(k, m)``."""
        with np.errstate(invalid="ignore"):
            return np.asarray(np.abs(self.residuals) > self.bars)

    @property
    def clear(self) -> bool:
        """Whether so many directions disagree by so much that none needs to be measured again."""
        strong = (self.beyond & (np.abs(self.residuals) > CLEAR_FACTOR * self.bars)).any(axis=1)
        return bool(np.count_nonzero(strong) >= max(2.0, CLEAR_SHARE * np.count_nonzero(self.valued)))

    def rows(self, place: slice) -> Evidence:
        """Of some directions."""
        arrays: dict[str, Any] = {name: getattr(self, name)[place] for name in self._arrays()}
        return replace(self, **arrays)

    def followed(self, other: Evidence) -> Evidence:
        """With that of further directions."""
        arrays: dict[str, Any] = {
            name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in self._arrays()
        }
        return replace(self, **arrays)

    @classmethod
    def _arrays(cls) -> list[str]:
        return [field.name for field in fields(cls) if field.name != "known"]

    def amended(self, j: int, **fields: Array) -> Evidence:
        """With other rows for a direction."""
        arrays: dict[str, Any] = {name: np.array(getattr(self, name)) for name in fields}
        for name, row in fields.items():
            arrays[name][j] = row
        return replace(self, **arrays)


def precision_of(claimed: Array) -> float:
    """The eps of the type in which a gradient was computed, float32 where all of its digits fit there.

    Examples
    --------
    >>> values = np.sin(np.arange(9.0))
    >>> precision_of(values) == EPS, precision_of(values.astype(np.float32).astype(float)) == EPS32
    (True, True)
    """
    return EPS32 if fits_float32(claimed) and long_values(claimed) >= MIN_SHORT_VALUES else EPS


def rounding_of(claimed: Array, direction: Array) -> Array:
    """How far rounding may move the products of a claim of shape ``(m, n)`` with a direction.

    NumPy sums blocks of 128 numbers in 8 columns, 16 + 3 additions one after the other, and the blocks in pairs; with
    the rounding of the product each term meets 20 + log2(n/128) roundings of eps/2. The gradient has its own.
    """
    additions = 20.0 + math.log2(max(1.0, claimed.shape[1] / 128.0))
    terms = np.abs(claimed * direction)
    own = GRADIENT_ROUNDINGS * precision_of(claimed) * np.sqrt(np.sum(terms**2, axis=1))
    return np.asarray(0.5 * additions * EPS * terms.sum(axis=1) + own)


class Witness:
    """Measures f at a point and compares: what a claim needs to be judged.

    Parameters
    ----------
    calls : Calls
    x, value : ndarray
        The point, shape ``(n,)``, and f there, shape ``(m,)``.
    claimed : ndarray, shape ``(m, n)``
        The derivatives in question.
    directions : Directions
    """

    def __init__(self, calls: Calls, x: Array, value: Array, claimed: Array, directions: Directions) -> None:
        self.calls, self.x, self.value, self.claimed, self.directions = calls, x, value, claimed, directions
        examine_type(calls, x, value)

    @property
    def size(self) -> int:
        """Derivatives in a row of the claim."""
        return int(self.claimed.shape[1])

    @property
    def float32(self) -> bool:
        """Whether slopes are those of a function that computes in float32."""
        return self.calls.float32

    def along(self, directions: Directions) -> Witness:
        """The same with other directions."""
        other = copy(self)
        other.directions = directions
        return other

    @property
    def norm(self) -> float:
        """Size of the claim, in the unit of the directions."""
        return float(np.linalg.norm(self.claimed * self.directions.unit))

    @property
    def asymmetry(self) -> float:
        """Size of what is wrong with the claim in itself: nothing but with that of a Hessian."""
        return 0.0

    @property
    def relative_unit(self) -> Array | float:
        """That of directions in which every array counts."""
        scales = scales_of(self.x, self.calls.structure.blocks, self.claimed)
        return 1.0 if scales is None else scales

    def hides(self, evidence: Evidence) -> bool:
        """Whether noise or kinks at x may hide a slope."""
        return self.noisy(evidence) or any(
            not directions.singly and evidence.rows(place).kinked.any() for place, directions in self.directions.parts
        )

    @property
    def blocks(self) -> list[tuple[str, Indices]]:
        """The columns of the claim by the arrays of x."""
        return [(name, np.arange(place.start, place.stop)) for name, place, _ in self.calls.structure.blocks]

    @property
    def noun(self) -> str:
        """What the claim is."""
        return "gradient" if len(self.value) == 1 else "Jacobian"

    def name(self, row: int, column: int) -> str:
        """What an entry is called: that of x, and of f where it gives several values."""
        name = self.calls.structure.name(column)
        return name if len(self.value) == 1 else f"f[{row}] by {name}"

    def slope(
        self,
        vector: Array,
        *,
        top: float | None = None,
        side: str | None = None,
        window: Window | None = None,
        past_kinks: bool = True,
    ) -> Slope:
        """Along a vector, of any length, in its unit, in a window that is known or by a search.

        ``top`` is the largest step with which this begins, in the unit of typical directions. Where kinks are no
        matter but that there are some, several values of f have no slopes there.
        """
        if window and (slope := self._in(window, vector)):
            return slope
        if side is None and (line := self._line(vector)):
            window = line.window()
            if top is not None:
                window = window._replace(top=min(window.top, line.exponent(top)))
            if slope := line.slope(window):
                return slope
        direction = vector / self.directions.length
        if side is None and len(self.value) > 1 and not self.float32:
            shared = slope_shared(self.calls, self.x, self.value, direction, top=top)
            if shared and (not past_kinks or np.isfinite(shared.value).all()):
                return shared
        return slope_along(self.calls, self.x, self.value, direction, top=top, side=side)

    def _line(self, vector: Array) -> Line | None:
        """A line of a function that computes in float32, else None."""
        if not self.float32:
            return None
        return Line(self.calls, self.x, self.value, vector / self.directions.length)

    def row(self, vector: Array, *, top: float | None = None, window: Window | None = None) -> dict[str, Array]:
        """The fields of `Evidence` along a direction, in a window that is known or by a search."""
        return self._fields(vector, self.slope(vector, top=top, window=window))

    def nearby(self, vector: Array, *, window: Window | None = None, past_kinks: bool = True) -> dict[str, Array]:
        """The same with a search that begins near x, where relu networks have fewer kinks.

        What looks like noise there may be a kink at x, which larger windows tell from it.
        """
        if self.float32:
            return self.row(vector, window=window)
        slope = self.slope(
            vector,
            top=NEARBY * float(np.linalg.norm(self.x / self._scales)) or None,
            window=window,
            past_kinks=past_kinks,
        )
        with np.errstate(invalid="ignore"):
            rounding = EPS * (np.abs(self.value) + np.abs(slope.value) * slope.delta)
            quiet = np.isfinite(slope.value) & (slope.noise <= QUIET * rounding)
        row = self._fields(vector, slope)
        if (np.all(quiet) and self._is_sharp(row)) or np.isin(slope.status, KINKED).any():
            return row
        return self.row(vector)

    @property
    def _scales(self) -> Array | float:
        """Of the entries of x."""
        return 1.0 if self.directions.scales is None else self.directions.scales

    def _is_sharp(self, row: dict[str, Array]) -> bool:
        """Whether the slopes along a direction are known well."""
        known = max(float(np.linalg.norm(row["measured"])), self.norm)
        return bool(np.linalg.norm(row["bars"]) <= SHARP * known)

    def _in(self, window: Window, vector: Array) -> Slope | None:
        if line := self._line(vector):
            # axes have each a noise of its own, as x is rounded too
            return line.slope(line.window(max(0, int(window.top) - BELOW)) if self.directions.singly else window)
        return slope_in(window, self.calls, self.x, self.value, vector / self.directions.length)

    def _fields(self, vector: Array, slope: Slope) -> dict[str, Array]:
        length = self.directions.length
        return {
            "claimed": np.sum(self.claimed * vector, axis=1),
            "measured": length * slope.value,
            "bars": length * slope.error + rounding_of(self.claimed, vector),
            "left": length * slope.left,
            "right": length * slope.right,
            "noise": slope.noise,
            "delta": slope.delta,
            "statuses": slope.status,
        }

    def undefined(self) -> str:
        """What f is or raises beside x where it has no value there, in words; empty where it has one."""
        size = np.where(self.x == 0.0, typical_size(self.x / self._scales), np.abs(self.x))
        value = self.calls(self.x + NEAR * size)
        if np.isfinite(value).all():
            return ""
        raised = self.calls.failures.raised
        return f"f raises {raised[-1].message}" if raised else f"f is {value[~np.isfinite(value)][0]}"

    def noisy(self, evidence: Evidence) -> bool:
        """Whether the values of f have noise far above the rounding of float64: of f, of x, and of its steps."""
        change = np.abs(evidence.measured) * evidence.delta / self.directions.length
        arguments = np.linalg.norm(self.claimed * self.directions.unit, axis=1) * np.linalg.norm(self.x / self._scales)
        largest = np.max(np.abs(self.value) + arguments + change, axis=-1, keepdims=True)  # one of f's values may be 0
        return bool(np.any((evidence.noise > NOISY * EPS * largest) & np.isin(evidence.statuses, SMOOTH)))

    def evidence(self, *, past_kinks: bool = True) -> Evidence:
        """Along all directions, or up to the first with a kink.

        The first line that is smooth gives the window of the others.
        """
        rows: list[dict[str, Array]] = []
        entries = slice(None) if self.directions.entries is None else self.directions.entries
        line = self._line(
            self.directions.vector(int(np.argmax(np.abs(self.x[entries]))) if self.directions.singly else 0)
        )
        window = known = line.window() if line else None
        for vector in self.directions:
            rows.append(self.nearby(vector, window=window, past_kinks=past_kinks))
            if not past_kinks and np.isin(rows[-1]["statuses"], KINKED).any():
                break
            if window is None and not self.directions.singly:
                window = window_of(rows[-1]) if self._is_sharp(rows[-1]) else None
        evidence = Evidence(**{name: np.array([row[name] for row in rows]) for name in rows[0]}, known=known)
        if window is None:
            return evidence
        evidence = self._in_window(evidence, window)
        return evidence if self.directions.singly else levelled(evidence)

    def _in_window(self, evidence: Evidence, window: Window) -> Evidence:
        """With lines of two scales, which were met before the window was known, measured there."""
        for j in np.flatnonzero((evidence.statuses == Status.MULTISCALE).any(axis=1)).tolist():
            vector = self.directions.vector(j)
            if slope := self._in(window, vector):
                evidence = evidence.amended(j, **self._fields(vector, slope))
        return evidence

    def searched(self, evidence: Evidence) -> Evidence:
        """With disagreement that rests on a window searched for kinks, which leave no clear one: see `FAINT`."""
        if evidence.clear:
            return evidence
        for j in np.flatnonzero(evidence.beyond.any(axis=1)).tolist():
            evidence = evidence.amended(j, **self.row(self.directions.vector(j)))
        return evidence

    def confirmed(self, evidence: Evidence) -> Evidence:
        """Doubtful disagreement measured once more: acquitted where the second answer holds the claim or contradicts
        the first.
        """
        if evidence.clear:
            return evidence
        for j in np.flatnonzero(evidence.beyond.any(axis=1) & ~evidence.kinked):  # kinks were measured by sides
            evidence = self._again(evidence, int(j))
        return evidence

    def _again(self, evidence: Evidence, j: int) -> Evidence:
        vector, (first, bar) = self.directions.vector(j), (evidence.measured[j], evidence.bars[j])
        where = evidence.beyond[j]
        for part in (AGAIN, FINER) if "multiscale" in evidence.statuses[j][where] else (AGAIN,):
            row = self.row(vector, top=part * float(evidence.delta[j][where].min()))
            second, wide = row["measured"], row["bars"]
            holds = (np.abs(row["claimed"] - second) <= wide) & (wide <= COMPARABLE * bar)
            if np.all(holds[where]):
                return evidence.amended(j, measured=np.where(where, second, first), bars=np.where(where, wide, bar))
            if np.any((np.abs(second - first) > bar + wide)[where]):
                return evidence.amended(j, bars=np.where(where, np.inf, bar))
        return evidence

    def between(self, evidence: Evidence) -> Evidence:
        """Kinks along axes: a claim between the slopes of the two sides is right, and is compared with the nearer one
        otherwise. Where there are kinks along some, one may hide behind a second scale along others.
        """
        uncertain = (evidence.statuses == Status.MULTISCALE).any(axis=1) & evidence.beyond.any(axis=1)
        for j in np.flatnonzero((evidence.kinked & ~evidence.valued) | (uncertain & evidence.kinked.any())):
            vector = self.directions.vector(int(j))
            left, right = (self.slope(vector, side=side) for side in ("left", "right"))
            low, high = np.minimum(left.value, right.value), np.maximum(left.value, right.value)
            bar = np.maximum(left.error, right.error) + rounding_of(self.claimed, vector)
            lost = ~np.isfinite(evidence.measured[j]) | (uncertain[j] & np.isfinite(low + high))
            measured = np.where(lost, np.clip(evidence.claimed[j], low, high), evidence.measured[j])
            evidence = evidence.amended(int(j), measured=measured, bars=np.where(lost, bar, evidence.bars[j]))
        return evidence


def levelled(evidence: Evidence) -> Evidence:
    """With no bar far below those of the other directions: if it were wrong, these could not tell."""
    finite = np.where(np.isfinite(evidence.bars), evidence.bars, np.nan)[evidence.valued]
    return replace(
        evidence, bars=np.maximum(evidence.bars, LEVEL * np.median(finite, axis=0)) if finite.size else evidence.bars
    )


def without_outlier(evidence: Evidence, law: Law) -> Evidence:
    """Without a direction that disagrees alone where its bar is more likely to be wrong than the claim.

    An error of a gradient shows in most directions. One that shows in one of them alone is smaller than `MARGIN` bars,
    which is not said to be noticed, or the others would have shown it, too. A line on which f has two scales proves
    nothing by itself, nor does faint disagreement of all, which a kink at x may cause that hides in the windows as
    noise: with any subgradient for the claim residuals were 1.7 bars at most.
    """
    if np.all(np.abs(evidence.residuals) <= FAINT * evidence.bars, where=evidence.valued[:, None]):
        return replace(evidence, bars=np.where(evidence.beyond, FAINT, 1.0) * evidence.bars)
    alone = evidence.beyond.any(axis=1)
    others = evidence.valued & ~alone
    if np.count_nonzero(alone) != 1 or np.count_nonzero(others) < OTHERS:
        return evidence
    j = int(np.argmax(alone))
    residuals, bars = np.abs(evidence.residuals), evidence.bars
    weak = bool(np.all(residuals[j] <= MARGIN * bars[j])) or Status.MULTISCALE in evidence.statuses[j]
    least = float(np.linalg.norm(np.maximum(residuals[j] - bars[j], 0.0)))
    most = np.linalg.norm(residuals[others] + bars[others], axis=1)
    if weak or chance_alone(least, most, law) < IMPLAUSIBLE:
        return evidence.amended(j, bars=np.full(bars.shape[1], np.inf))
    return evidence


def without_chance(evidence: Evidence) -> Evidence:
    """Without the faint disagreement of a few entries among many, since so many bars hold but for a few."""
    faint = evidence.beyond & (np.abs(evidence.residuals) <= FAINT * evidence.bars)
    if not 0 < np.count_nonzero(faint) <= CHANCE * faint.size:
        return evidence
    return replace(evidence, bars=np.where(faint, FAINT, 1.0) * evidence.bars)


def spread_by_kinks(evidence: Evidence) -> Evidence:
    """Kinks at x along random directions: the mean of the slopes of the sides, with a bar from the largest difference,
    which holds for all directions.
    """
    kinked = evidence.kinked
    if not kinked.any():
        return evidence
    middle, half = 0.5 * (evidence.left + evidence.right), 0.5 * np.abs(evidence.right - evidence.left)
    bars = KINK_SPREAD * math.sqrt(len(kinked) / np.count_nonzero(kinked)) * half[kinked].max(axis=0)
    where = kinked[:, None] & ~np.isfinite(evidence.measured)
    return replace(
        evidence,
        measured=np.where(where, middle, evidence.measured),
        bars=np.maximum(np.where(where, 0.0, evidence.bars), bars),
    )


def with_hidden_kinks(evidence: Evidence) -> Evidence:
    """In float32: with bars for kinks at x that no direction shows beyond the noise.

    Units with kinks at x add c v to the claim and c|v|, a corner, to what is measured, v normal, see `KINK_SPREAD`: the
    first is no larger than so many times the root mean square of all corners and of their standard deviations.
    """
    corners = 0.5 * np.abs(evidence.right - evidence.left)
    with np.errstate(invalid="ignore"):
        squares = corners**2 + (CORNER_SHARE * (evidence.bars - corners)) ** 2
    squares = squares[evidence.valued]
    if not squares.size or not np.isfinite(squares).all():
        return evidence
    hidden = HIDDEN * np.sqrt(squares.mean(axis=0))
    return replace(evidence, bars=evidence.bars - corners + np.maximum(corners, hidden))
