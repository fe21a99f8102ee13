"""Derivatives of few variables beside a claim, one by one, each with its own bar: by the search of gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from derivkit.multivariate.checking.evidence import Evidence, Witness, rounding_of
from derivkit.multivariate.checking.hessians import HessianWitness
from derivkit.multivariate.curvatures import curvatures
from derivkit.multivariate.ladders import Ladders

FIELDS = {"measured": "value", "left": "left", "right": "right"}
"""Slopes of an `Evidence`, and their names in a `Derivative`."""


def of_all_entries(witness: Witness) -> Evidence:
    """The entries of the claim that are checked one by one, in the order of its columns."""
    ladders, directions = _ladders(witness), witness.directions
    entries = np.arange(witness.size) if directions.entries is None else directions.entries
    found = curvatures(ladders) if isinstance(witness, HessianWitness) else ladders.axes(entries)
    witness.calls.total += ladders.lines.total
    unit = np.broadcast_to(directions.unit, witness.size)[entries, None]

    def table(field: Any) -> Any:
        return np.reshape(field, (len(entries), len(witness.value)))

    rounding = np.array([rounding_of(witness.claimed, vector) for vector in directions])
    return Evidence(
        claimed=witness.claimed.T[entries] * unit,
        bars=table(found.error) * unit + rounding,
        statuses=table(found.status),
        noise=table(found.noise),
        delta=table(found.delta) / unit,
        **{ours: table(getattr(found, theirs)) * unit for ours, theirs in FIELDS.items()},
    )


def _ladders(witness: Witness) -> Ladders:
    """The search around the point of the check."""
    calls = witness.calls
    return Ladders(
        calls.f,
        calls.structure.restore(witness.x),
        f"check_{witness.noun.lower()}",
        None,
        vectorized=False,
        executor=calls.executor,
        scalar=len(witness.value) == 1,
        scale=None,
        noise=None,
        budget=None,
    )
