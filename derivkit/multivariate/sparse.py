"""Sparse Jacobians by the search of `derivative`: columns that share no row move along one line.

Along the line of a group every value of f moves with one column at most, and has a window of its own there. A column
moves by what would be its first step alone, so that all of a group are at home in the same windows. Those near an end
of the box have groups of their own, as a line ends where its first column meets the box.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from derivkit.multivariate.colouring import colours, refuse_contradiction, refuse_other_rows, weights
from derivkit.multivariate.ladders import Ladders
from derivkit.multivariate.lines import Directions, short
from derivkit.numerical.chunks import digits_of
from derivkit.numerical.result import Derivative
from derivkit.numerical.scales import START
from derivkit.numerical.search import top_within, usual_top
from derivkit.numerical.state import Limits
from derivkit.numerical.status import Status
from derivkit.types import Array, Indices, Mask

OUTSIDE: Mapping[str, Any] = MappingProxyType({
    "value": 0.0, "error": 0.0, "status": Status.OK, "digits": 0.0, "delta": np.nan, "noise": np.nan, "left": np.nan,
    "right": np.nan, "exponent": np.nan, "evaluations": 0, "denied": False, "spacing": np.nan,
})  # fmt: skip
"""What an entry outside the pattern has: the derivative is taken to be 0, and nothing was measured."""
OF_LINES = ("value", "error", "status", "delta", "noise", "left", "right", "exponent", "evaluations", "denied")
"""What an entry of the pattern has from the line of its group."""


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
    shape = len(lines.origin), len(pattern)  # where f has no value there is one column for all rows
    rows: dict[str, Any] = {name: np.broadcast_to(getattr(along, name), shape) for name in OF_LINES}
    along = replace(along, **rows)
    column, row = np.nonzero(pattern.T)
    entries = _entries(along, (1 + group[column], row), moves[column], ladders.structure.flat[column])
    tables: dict[str, Any] = {"float32": np.broadcast_to(ladders.float32, pattern.T.shape)}
    for name, fill in OUTSIDE.items():
        tables[name] = np.full(pattern.T.shape, fill, getattr(along, name).dtype)
        tables[name][column, row] = entries[name]
    result = replace(along, **tables)
    with np.errstate(all="ignore"):
        bar = along.error[0] + np.abs(check) @ result.error
        refuse_contradiction(along.value[0], check @ result.value, bar)
    return result


def _groups(ladders: Ladders, pattern: Mask) -> tuple[Array, Indices]:
    """By how much every column moves, away from an end of the box where x is there, and the number of its group."""
    x, lo, hi = ladders.structure.flat, ladders.around.lo, ladders.around.hi
    top = usual_top(x, ladders.scale)
    moves = short(top_within(x, Limits(lo, hi), top))
    at_end = np.minimum(x - lo, hi - x) < moves
    kinds = np.where(at_end, 2, np.where(moves < 0.9 * top, 1, 0))
    group = np.zeros(x.size, dtype=np.intp)
    count = 0
    for kind in np.unique(kinds):
        chosen = kinds == kind
        group[chosen] = count + colours(pattern[:, chosen])
        count = 1 + group.max()
    return np.where(at_end & (hi - x < x - lo), -moves, moves), group


def _entries(along: Derivative, place: tuple[Indices, Indices], by: Array, x: Array) -> dict[str, Any]:
    """The derivatives along axes from those at places among the lines, in which they have moved; shape ``(k,)``."""
    fields = {name: getattr(along, name)[place] for name in OF_LINES}
    left, right = np.where(by > 0.0, [fields["left"], fields["right"]], [fields["right"], fields["left"]]) / by
    with np.errstate(all="ignore"):
        value, error = fields["value"] / by, fields["error"] / np.abs(by)
    return fields | {
        "value": value,
        "error": error,
        "digits": digits_of(value, error),
        "delta": fields["delta"] * np.abs(by),
        "left": left,
        "right": right,
        "spacing": np.spacing(np.abs(x)),
    }
