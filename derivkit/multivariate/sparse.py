"""Sparse Jacobians by the search of `derivative`: columns that share no row move along one line.

Along the line of a group every value of f moves with one column at most, and has a window of its own there. A column
moves by what would be its first step alone, so that all of a group are at home in the same windows. Those near an end
of the box have groups of their own, as a line ends where its first column meets the box.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from derivkit.multivariate.colouring import colours, refuse_contradiction, refuse_other_rows, weights
from derivkit.multivariate.ladders import Ladders
from derivkit.multivariate.lines import Directions
from derivkit.numerical.chunks import digits_of
from derivkit.numerical.result import Derivative
from derivkit.numerical.scales import START
from derivkit.numerical.search import top_within, usual_top
from derivkit.numerical.state import Limits
from derivkit.numerical.status import Status
from derivkit.types import Array, Indices, Mask

FIELDS = ("value", "error", "status", "delta", "noise", "left", "right", "exponent", "evaluations", "denied", "float32")
"""What a column has from the line of its group."""


def of_pattern(ladders: Ladders, pattern: Mask) -> Derivative:
    """The derivatives of all values of f along all axes, shape ``(n, m)`` for a pattern of shape ``(m, n)``.

    Outside the pattern they are 0. A line along which all columns move is the check.

    Raises
    ------
    ValueError
        If f has not as many values as the pattern has rows, or changes by what the pattern does not allow.
    """
    moves, group = _groups(ladders, pattern)
    check = weights(moves.size) * moves
    shares = np.arange(group.max() + 1)[:, None] == group
    lines = Directions(ladders.around, np.vstack([check, shares * moves]))
    unknown = lines.centre.size == 1 and np.isnan(lines.centre[0])
    refuse_other_rows(None if unknown else lines.centre.size, len(pattern))
    along = lines.in_directions(ladders.searched(lines, 1.0 / (START * lines.unit)))
    along = replace(along, **{name: _of_rows(getattr(along, name), len(lines.origin), pattern) for name in FIELDS})
    result = _columns(along, 1 + group, moves, pattern.T, ladders.structure.flat)
    with np.errstate(all="ignore"):
        bar = along.error[0] + np.abs(check) @ result.error
        refuse_contradiction(along.value[0], check @ result.value, bar)
    return result


def _groups(ladders: Ladders, pattern: Mask) -> tuple[Array, Indices]:
    """By how much every column moves, away from an end of the box where x is there, and the number of its group."""
    x, lo, hi = ladders.structure.flat, ladders.around.lo, ladders.around.hi
    top = usual_top(x, ladders.scale)
    moves = top_within(x, Limits(lo, hi), top)
    at_end = np.minimum(x - lo, hi - x) < moves
    kinds = np.where(at_end, 2, np.where(moves < top, 1, 0))
    group = np.zeros(x.size, dtype=np.intp)
    count = 0
    for kind in np.unique(kinds):
        chosen = kinds == kind
        group[chosen] = count + colours(pattern[:, chosen])
        count = 1 + group.max()
    return np.where(at_end & (hi - x < x - lo), -moves, moves), group


def _of_rows(field: Any, lines: int, pattern: Mask) -> Any:
    """A field of all lines, with one value for each row also where f has none."""
    return np.broadcast_to(field, (lines, len(pattern)))


def _columns(along: Derivative, line: Indices, moves: Array, pattern: Mask, x: Array) -> Derivative:
    """The derivatives along axes from those along lines, in which they have moved."""
    by = moves[:, None]
    fields = {name: getattr(along, name)[line] for name in FIELDS}
    with np.errstate(all="ignore"):
        sides = np.where(by > 0.0, [fields["left"], fields["right"]], [fields["right"], fields["left"]]) / by
        value = np.where(pattern, fields["value"] / by, 0.0)
        error = np.where(pattern, fields["error"] / np.abs(by), 0.0)
    fields |= {
        "value": value,
        "error": error,
        "digits": digits_of(value, error),
        "status": np.where(pattern, fields["status"], Status.OK),
        "delta": fields["delta"] * np.abs(by),
        "left": np.where(pattern, sides[0], np.nan),
        "right": np.where(pattern, sides[1], np.nan),
        "spacing": np.broadcast_to(np.spacing(np.abs(x))[:, None], pattern.shape),
    }
    return replace(along, **fields)
