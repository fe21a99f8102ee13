"""Which errors of a claim would be noticed, in all of it and in every array."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from derivkit.multivariate.checking.directions import Directions
from derivkit.multivariate.checking.evidence import GRADIENT_ROUNDINGS, Evidence, Witness, precision_of
from derivkit.multivariate.checking.sizes import MARGIN, detectable_size, size_of
from derivkit.types import Array, Indices

Sized = tuple[float, tuple[float, float]]
"""A size and its interval."""


class Power(NamedTuple):
    """The size of the claim in an array, and of the least error that would be noticed there."""

    place: str
    norm: float
    detectable: float

    @property
    def is_blind(self) -> bool:
        """Whether a wrong sign or a missing gradient would not be noticed there."""
        return self.detectable >= self.norm


def detectable_of(witness: Witness, evidence: Evidence, columns: Indices | None = None) -> float:
    """The least size of an error that would be noticed: one by one surely, along random directions with 99 %.

    Parts of the claim that are checked by directions of their own add up; columns limit where the error is.
    """
    return math.hypot(
        *(_detectable(evidence.rows(place), directions, columns) for place, directions in witness.directions.parts)
    )


def _detectable(evidence: Evidence, directions: Directions, columns: Indices | None) -> float:
    if not len(evidence.bars):
        return math.inf
    entries = np.arange(directions.size) if directions.entries is None else directions.entries
    wanted = np.full(entries.size, fill_value=True) if columns is None else np.isin(entries, columns)
    if not wanted.any():
        return 0.0
    valued = evidence.valued & wanted if directions.singly else evidence.valued
    if not valued.any():
        return math.inf
    bars = evidence.bars[valued]
    return MARGIN * float(np.linalg.norm(bars)) if directions.singly else detectable_size(bars, directions.law)


def error_of(witness: Witness, evidence: Evidence) -> Sized:
    """The size of the error of the claim, and its interval."""
    sizes = [_error(evidence.rows(place), directions) for place, directions in witness.directions.parts]
    known = 0.0 if witness.directions.singly else witness.asymmetry
    ends = (math.hypot(known, *(interval[k] for _, interval in sizes)) for k in (0, 1))
    return math.hypot(known, *(size for size, _ in sizes)), (next(ends), next(ends))


def _error(evidence: Evidence, directions: Directions) -> Sized:
    valued = evidence.valued
    if not valued.any():
        return 0.0, (0.0, math.inf)
    residuals, bars = evidence.residuals[valued], evidence.bars[valued]
    return summed(np.abs(residuals), bars) if directions.singly else size_of(residuals, bars, directions.law)


def summed(errors: Array, bars: Array) -> Sized:
    """The size of an error whose entries are known."""
    least, most = np.maximum(errors - bars, 0.0), errors + bars
    return float(np.linalg.norm(errors)), (float(np.linalg.norm(least)), float(np.linalg.norm(most)))


def powers(witness: Witness, evidence: Evidence) -> list[Power]:
    """What would be noticed in all of the claim, and in each array whose claim is more than rounding of the others'."""
    whole = Power("", witness.norm, detectable_of(witness, evidence))
    if len(witness.blocks) == 1:
        return [whole]
    unit, relative = (np.broadcast_to(u, witness.size) for u in (witness.directions.unit, witness.relative_unit))
    rounding = GRADIENT_ROUNDINGS * precision_of(witness.claimed) * np.linalg.norm(witness.claimed * relative)
    parts = [
        Power(name, _norm(witness.claimed[:, k] * unit[k]), detectable_of(witness, evidence, k))
        for name, k in witness.blocks
        if _norm(witness.claimed[:, k] * relative[k]) > rounding
    ]
    return [whole, *parts]


def _norm(array: Array) -> float:
    return float(np.linalg.norm(array))


def blind(witness: Witness, evidence: Evidence) -> list[Power]:
    """Where an error as large as the claim would not be noticed; a claim of 0 shows no size with which to compare.

    A claim of 0 on kinks at x is blind, since any slope between those of the sides agrees.
    """
    whole, *parts = powers(witness, evidence)
    lost = whole.is_blind if whole.norm else bool(witness.hides(evidence) and whole.detectable)
    return [whole] if lost else [part for part in parts if part.is_blind]
