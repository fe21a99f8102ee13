"""How far two values lie apart, and what changed in a column of values."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def ulps_apart(a: Floats, b: Floats) -> Floats:
    """Return how many doubles lie from `a` to `b`, the last one counted; infinite where one alone is finite.

    Examples
    --------
    >>> ulps_apart(np.array([1.0, 0.0, 1.0]), np.array([1.0 + 2.0**-52, -5e-324, np.nan]))
    array([ 1.,  1., inf])
    """
    ranks = [_rank(values) for values in (a, b)]
    # The difference of two int64 is right modulo 2^64, and as an unsigned number it always fits.
    apart = np.maximum(*ranks).view(np.uint64) - np.minimum(*ranks).view(np.uint64)
    equal = (a == b) | (np.isnan(a) & np.isnan(b))
    return np.where(equal, 0.0, np.where(np.isfinite(a) & np.isfinite(b), apart.astype(np.float64), np.inf))


def _rank(values: Floats) -> NDArray[np.int64]:
    bits = np.ascontiguousarray(values).view(np.int64)
    return np.where(bits < 0, np.iinfo(np.int64).min - bits, bits)


@dataclass(frozen=True, kw_only=True)
class Moves:
    """Values of a column that are not the same bits, each beside the other; all arrays of shape ``(n,)``."""

    excused: NDArray[np.bool_]
    """Whether the tolerance allows it."""
    apart: Floats | None = None
    """How many ulps lie between the two; None of what is no number, as below."""
    ratio: Floats | None = None
    share: Floats | None = None
    """The part of what was allowed beyond ulps that was used."""

    def part(self, values: slice) -> Moves:
        """Return some of them."""
        apart, ratio, share = (None if one is None else one[values] for one in (self.apart, self.ratio, self.share))
        return Moves(excused=self.excused[values], apart=apart, ratio=ratio, share=share)


@dataclass(kw_only=True)
class ColumnChange:
    """What changed in one column, over all joined rows."""

    name: str
    different: int = 0
    """Values that are not the same bits."""
    beyond: int = 0
    """Those of them that the tolerance does not excuse."""
    furthest: float = math.nan
    """By how many ulps the farthest of them moved; NaN where they are no numbers."""
    share: float = 0.0
    """The largest part of what was allowed beyond ulps that was used."""
    first: str = ""
    """The first value beyond the tolerance: what it is in both runs, and where."""
    turns: set[tuple[str, str]] = field(default_factory=set)
    """What its texts were and have become, beyond the tolerance, of few runs; where there are many, some."""
    least: float = math.nan
    greatest: float = math.nan
    logs: float = 0.0
    ratios: int = 0

    def count(self, moves: Moves) -> None:
        """Count values that are different."""
        self.different += moves.excused.size
        self.beyond += int(np.count_nonzero(~moves.excused))
        if moves.share is not None:
            self.share = max(self.share, float(moves.share.max(initial=0.0)))
        if moves.apart is not None and moves.ratio is not None:
            self._measure(moves.apart, moves.ratio)

    def _measure(self, apart: Floats, ratio: Floats) -> None:
        finite = ratio[np.isfinite(ratio) & (ratio > 0)]
        self.furthest = float(np.fmax(self.furthest, apart.max(initial=0.0)))
        if finite.size:
            self.least = float(np.fmin(self.least, finite.min()))
            self.greatest = float(np.fmax(self.greatest, finite.max()))
            self.logs += float(np.log(finite).sum())
            self.ratios += finite.size

    @property
    def mean(self) -> float:
        """The geometric mean of the ratios."""
        return math.exp(self.logs / self.ratios) if self.ratios else math.nan
