r"""Which entry of a gradient is wrong, from its products with random directions alone.

If only entry k is wrong, by e, the residuals are :math:`d_j = e V_{jk}`: proportional to column k of the directions.
Of n columns of 8 entries a false one is as near as the angle :math:`\delta` by chance with a probability of about
:math:`n \delta^7 / 7`, so that 8 residuals with few per cent of noise single out one column of 100 000. The candidates
are verified by their partial derivatives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from derivkit.multivariate.checking.corrections import slices_name
from derivkit.multivariate.checking.evidence import CLEAR_FACTOR, Evidence, Witness, rounding_of
from derivkit.multivariate.checking.mistakes import Mistake, mistake, of_region
from derivkit.multivariate.checking.regions import Measure, Region
from derivkit.multivariate.checking.result import Suspect
from derivkit.multivariate.checking.slopes import Window
from derivkit.multivariate.structure import Block
from derivkit.types import Array, Indices, Mask

CANDIDATES = 3
"""Columns that are verified before the residuals are taken for those of several wrong entries."""
MOST_SUSPECTS = 8
MOST_NUMBERS = 2**25
"""Of all directions together, up to which they are held at once to name the kind of a mistake: 256 MB; a choice."""
CALLS_TO_SEARCH = 500
"""Calls of f after which no further part of a gradient is looked at; a choice."""
LONE = 0.3
"""Part of the squared residuals that a column may leave: entries of like size are not told apart by this means."""
LEVEL = 0.01
"""Bars below this part of the residuals say no more of the place: rounding of the claims' products is as large."""


@dataclass(frozen=True, kw_only=True)
class Location:
    """Entries that were measured, and what they leave unexplained.

    Attributes
    ----------
    suspects : tuple of Suspect
        Wrong ones, the largest error first.
    rest : ndarray, shape ``(k, m)``
        Residuals of all other entries.
    complete : bool
        Whether these are within their bars: nothing else is wrong.
    """

    suspects: tuple[Suspect, ...]
    rest: Array
    complete: bool


def locate(witness: Witness, evidence: Evidence) -> Location:
    """Wrong entries one by one, the largest first, as long as each is confirmed by its partial derivative."""
    used = evidence.valued
    rest, bars = evidence.residuals[used], evidence.bars[used]
    places = np.flatnonzero(used)
    window = None if witness.float32 else evidence.window
    suspects: list[Suspect] = []
    while len(suspects) < MOST_SUSPECTS and beyond(rest, bars).any():
        row = int(np.argmax(np.linalg.norm(rest / bars, axis=0)))
        known = {suspect.index for suspect in suspects}
        for column in candidates(witness, places, rest[:, row], bars[:, row]):
            suspect = measured_entry(witness, row, column, window)
            if suspect is not None and suspect.index not in known:
                break
        else:
            break
        suspects.append(suspect)
        rest = rest.copy()
        entry = np.array([witness.directions.vector(int(j))[column] for j in places])
        rest[:, row] -= (suspect.claimed - suspect.numeric) * entry
        bars = bars.copy()
        bars[:, row] += suspect.error * np.abs(entry)
    return Location(suspects=ranked(suspects), rest=rest, complete=not beyond(rest, bars).any())


def beyond(rest: Array, bars: Array) -> Mask:
    """Where residuals are beyond their bars."""
    return np.asarray(np.abs(rest) > bars)


def candidates(witness: Witness, places: Indices, residuals: Array, bars: Array) -> list[int]:
    """Columns of the directions that the residuals resemble most, the best first."""
    weights = 1.0 / (bars**2 + np.mean((LEVEL * residuals) ** 2))
    products, squares = np.zeros(witness.size), np.zeros(witness.size)
    for j, residual, weight in zip(places, residuals, weights, strict=True):
        vector = witness.directions.vector(int(j))
        products += weight * residual * vector
        squares += weight * vector**2
    likeness = products**2 / squares / np.sum(weights * residuals**2)
    best = np.argpartition(-likeness, min(CANDIDATES, likeness.size - 1))[:CANDIDATES]
    return [int(column) for column in best[np.argsort(-likeness[best])] if likeness[column] > 1.0 - LONE]


def measured_entry(witness: Witness, row: int, column: int, window: Window | None = None) -> Suspect | None:
    """An entry whose partial derivative is measured; None where it is right, or has none.

    A window that is known serves where it shows an error of several bars, as it does where a direction showed it.
    """
    if window and _bars_off(suspect := entry(witness, row, column, window)) > CLEAR_FACTOR:
        return suspect
    suspect = entry(witness, row, column)
    return suspect if _bars_off(suspect) > 1.0 else None


def _bars_off(suspect: Suspect) -> float:
    return abs(suspect.claimed - suspect.numeric) / suspect.error


def entry(witness: Witness, row: int, column: int, window: Window | None = None) -> Suspect:
    """An entry beside its partial derivative; at a kink beside the nearest value between the slopes of its sides."""
    axis = np.eye(1, witness.size, column)[0]
    unit = float(np.broadcast_to(witness.directions.unit, witness.size)[column])
    slope = witness.slope(unit * axis * witness.directions.length, window=window)
    claimed, value, error = float(witness.claimed[row, column]), slope.value[row] / unit, slope.error[row] / unit
    low, high = sorted((slope.left[row] / unit, slope.right[row] / unit))
    if np.isfinite(low + high) and not np.isfinite(value):
        value, error = float(np.clip(claimed, low, high)), 0.01 * (high - low)
        if not np.isfinite(claimed):
            value, error = 0.5 * (low + high), 0.5 * (high - low)
    return Suspect(
        index=row * witness.size + column,
        name=witness.name(row, column),
        claimed=claimed,
        numeric=value,
        error=error + float(np.nan_to_num(rounding_of(witness.claimed[row : row + 1], axis)[0])),
    )


def whole_array(witness: Witness, suspects: tuple[Suspect, ...]) -> Mistake | None:
    """The kind of mistake where the wrong entries are all of an array, and no others."""
    wrong, is_gradient = {suspect.index for suspect in suspects}, witness.claimed.size == witness.x.size
    for name, place, _ in witness.calls.structure.blocks if is_gradient and len(suspects) > 1 else ():
        if wrong == set(range(place.start, place.stop)):
            is_zero = not np.any(witness.claimed[0, place])
            return of_region(Region(kind="missing" if is_zero else "layer", place=name, claims_zero=is_zero))
    return None


def named_by(witness: Witness, evidence: Evidence, *, search: bool = False) -> Mistake | None:
    """The kind of mistake; of a gradient with further measurements, if they are wanted.

    Where all entries were measured one by one, every further measurement is known from them.
    """
    directions = witness.directions
    if directions.count * len(witness.value) * witness.claimed.size > MOST_NUMBERS:
        return None
    if witness.claimed.size != witness.x.size:
        return None if search or not evidence.valued.all() else _of_matrix(witness, evidence)

    singly = directions.singly and evidence.valued.all()
    window, last = evidence.window, witness.calls.total + CALLS_TO_SEARCH

    def measure(vectors: Array) -> tuple[Array, Array]:
        residuals, bars = np.full((2, len(vectors)), np.nan)
        for j, vector in enumerate(vectors * directions.unit):
            if witness.calls.total < last:
                row = witness.row(vector, window=window)
                residuals[j], bars[j] = row["claimed"][0] - row["measured"][0], row["bars"][0]
        return residuals, bars

    return mistake(
        witness.claimed[0],
        witness.x,
        witness.calls.structure.blocks,
        directions=np.array(list(directions)),
        residuals=evidence.residuals[:, 0],
        bars=evidence.bars[:, 0],
        measure=_summed(evidence) if singly else measure if search else None,
    )


def _of_matrix(witness: Witness, evidence: Evidence) -> Mistake | None:
    """The kind of mistake in a Jacobian or a Hessian, as in a gradient by a matrix: every direction sees one row.

    One wrong entry is left to the search for entries, and so is a part that is truly 0.
    """
    rows, vectors = np.eye(len(witness.value)), np.array(list(witness.directions))
    side, size = witness.x.size, witness.claimed.size
    block = (f"the {witness.noun}", slice(0, size), (size // side, side))
    named = mistake(
        witness.claimed.ravel(),
        np.zeros(size),
        (block,),
        directions=np.einsum("ab,kn->kabn", rows, vectors).reshape(-1, size),
        residuals=evidence.residuals.ravel(),
        bars=evidence.bars.ravel(),
        noun=witness.noun,
    )
    if named is not None:
        return None if named.entries or named.factor in (math.inf, -math.inf) else named
    return _rows_of_zeros(witness, evidence, block)


def _rows_of_zeros(witness: Witness, evidence: Evidence, block: Block) -> Mistake | None:
    """Where the only wrong rows of a Jacobian are some that are 0 in the claim."""
    rows = np.flatnonzero((evidence.beyond & evidence.valued[:, None]).any(axis=0))
    if len(witness.value) == 1 or not rows.size or np.any(witness.claimed[rows]) or not np.any(witness.claimed):
        return None
    return of_region(Region(kind="mask", place=slices_name(block, 0, rows.tolist()), claims_zero=True))


def _summed(evidence: Evidence) -> Measure:
    """Residuals and bars of any direction, from those of all axes."""
    errors, bars = evidence.residuals[:, 0], evidence.bars[:, 0]
    return lambda vectors: (vectors @ errors, np.abs(vectors) @ bars)


def single(witness: Witness, evidence: Evidence) -> Location:
    """The wrong entries where the directions are the axes."""
    where = evidence.beyond & evidence.valued[:, None]
    suspects = [
        Suspect(
            index=int(row) * witness.size + int(column),
            name=witness.name(int(row), int(column)),
            claimed=float(evidence.claimed[column, row]),
            numeric=float(evidence.measured[column, row]),
            error=float(evidence.bars[column, row]),
        )
        for column, row in np.argwhere(where)
    ]
    return Location(suspects=ranked(suspects), rest=np.where(where, 0.0, evidence.residuals), complete=True)


def ranked(suspects: list[Suspect]) -> tuple[Suspect, ...]:
    """The largest error first, at most 8."""
    return tuple(sorted(suspects, key=lambda s: -abs(s.claimed - s.numeric)))[:MOST_SUSPECTS]
