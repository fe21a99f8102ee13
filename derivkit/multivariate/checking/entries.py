"""Derivatives of few variables beside a claim, one by one, each with its own bar: by the search of gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from derivkit.multivariate.checking.evidence import Evidence, Witness, rounding_of
from derivkit.multivariate.checking.hessians import HessianWitness
from derivkit.multivariate.curvatures import curvatures
from derivkit.multivariate.ladders import Ladders

FIELDS = {"measured": "value", "left": "left", "right": "right", "noise": "noise", "delta": "delta"}
"""What stands in an `Evidence` under another name than in a `Derivative`."""


def of_all_entries(witness: Witness) -> Evidence:
    """All entries of the claim, in the order of its columns."""
    ladders = _ladders(witness)
    is_hessian = isinstance(witness, HessianWitness)
    found = curvatures(ladders) if is_hessian else ladders.axes(np.arange(witness.x.size))
    witness.calls.total += ladders.lines.total

    def table(field: Any) -> Any:
        return np.reshape(field, (witness.size, len(witness.value)))

    rounding = np.array([rounding_of(witness.claimed, vector) for vector in witness.directions])
    return Evidence(
        claimed=witness.claimed.T,
        bars=table(found.error) + rounding,
        statuses=table(found.status),
        **{ours: table(getattr(found, theirs)) for ours, theirs in FIELDS.items()},
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
