"""Whether f is a staircase, as where a layer rounds to float16: within a step its slopes are not those across steps."""

from __future__ import annotations

import numpy as np

from derivkit.multivariate.checking.evidence import Evidence, Witness
from derivkit.multivariate.checking.hessians import HessianWitness
from derivkit.multivariate.checking.slopes import typical_size

PROBES = (2.0**-4, 2.0**-5)
"""Steps of the secants, as parts of the size of x: across many steps of float16, bfloat16 or a grid, and two of them,
since what curvature adds to a secant is four times as much in the first; a choice."""
TOLERANCE = 0.25
"""How near the claim a secant is, as a part of the distance from the claim to the measured slope; a choice."""
DIRECTIONS = 3
"""Directions that are tried, those that disagree by most: a choice."""


def is_staircase(witness: Witness, evidence: Evidence) -> bool:
    """Whether secants across steps have the claim for slope where smaller windows do not.

    Where f is smooth a wrong claim is as far from the secants as it is from the slope. The first direction in which it
    is ends the trial, after two calls of f.
    """
    if isinstance(witness, HessianWitness):
        return False
    error = np.where(evidence.beyond, np.abs(evidence.residuals), 0.0).max(axis=1)
    wrong = [j for j in np.argsort(-error)[:DIRECTIONS].tolist() if error[j] > 0.0]
    return bool(wrong) and all(_is_claimed_across(witness, evidence, j, part) for j in wrong for part in PROBES)


def _is_claimed_across(witness: Witness, evidence: Evidence, j: int, part: float) -> bool:
    """Whether that is so along one direction, for one length of the secant."""
    vector, where = witness.directions.vector(j), evidence.beyond[j]
    relative = vector / witness.relative_unit
    moved = np.count_nonzero(vector)
    size = typical_size(witness.x / witness.relative_unit)
    step = part * size * float(np.sqrt(moved) / np.linalg.norm(relative)) * vector
    after, before = witness.calls(witness.x + step), witness.calls(witness.x - step)
    with np.errstate(all="ignore"):
        secant = (after - before) / (2.0 * np.linalg.norm(step) / np.linalg.norm(vector))
        off, error = np.abs(evidence.claimed[j] - secant), np.abs(evidence.residuals[j])
    return bool(np.all((off <= TOLERANCE * error)[where]))
