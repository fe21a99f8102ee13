"""How far two values lie apart, what a tolerance in ulps excuses, and what changed in a column of values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

OWN_ULPS = 4
"""By how many of its own ulps an error may move besides: of each of two runs the difference and the quotient are
rounded once, by half an ulp, which is two; the scale is known to as much again."""


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


def allowance(name: str, pair: tuple[str, str], a: Mapping[str, Floats], b: Mapping[str, Floats], ulps: int) -> Floats:
    """Return by how much an error may move when what it is the distance of moves by `ulps`."""
    with np.errstate(all="ignore"):
        apart = [np.abs(run[pair[0]] - run[pair[1]]) for run in (a, b)]
        larger = apart[0] >= apart[1]
        values, distance = np.where(larger, a[name], b[name]), np.where(larger, *apart)
        scale = np.abs(values / distance)
        moved = sum(np.spacing(np.maximum(np.abs(a[part]), np.abs(b[part]))) for part in pair)
        allowed: Floats = np.where(distance > 0, ulps * moved * scale, 0.0) + OWN_ULPS * np.spacing(np.abs(values))
        return allowed


@dataclass(kw_only=True)
class Column:
    """What changed in one column, over all joined rows."""

    name: str
    different: int = 0
    """Values that are not the same bits."""
    beyond: int = 0
    """Those of them that the tolerance does not excuse."""
    furthest: float = math.nan
    least: float = math.nan
    greatest: float = math.nan
    logs: float = 0.0
    ratios: int = 0

    def add(self, apart: Floats, ratio: Floats) -> None:
        """Count the distances and the ratios of values that are different."""
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
