"""The derivative of findiff, whose operators act on the values on a grid that the user chooses."""

from __future__ import annotations

from typing import Any

import numpy as np

NODES, SPACING = 31, 1e-3
"""Of the grid, its spacing over max(1, |x|). A choice: its manual has grids of 30 to 100 nodes, of no certain width."""


def fourth_order(f: Any, x: float) -> tuple[Any, Any]:
    """Value and error at the middle of the grid, by its scheme of order 4 and a new operator, as a used one errs."""
    from findiff import Diff  # noqa: PLC0415 -- for those alone who compare

    spacing = SPACING * max(1.0, abs(x))
    values = f(x + spacing * (np.arange(NODES) - NODES // 2))
    estimate = Diff(0, spacing, acc=4).estimate_error(values)
    return estimate.derivative[NODES // 2], estimate.error[NODES // 2]
