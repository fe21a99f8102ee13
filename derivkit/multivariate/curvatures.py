r"""Second derivatives of a function of many variables, each by the search of `derivative` along a line.

Along an axis the second derivative is an entry of the diagonal. Along the direction
:math:`u = s_i e_i + s_j e_j` of a pair it is

.. math:: u^T H u = s_i^2 H_{ii} + 2 s_i s_j H_{ij} + s_j^2 H_{jj},

so that one line more gives the entry of the pair (polarization). With the windows of the axes for the lengths of
:math:`s_i` and :math:`s_j`, f is smooth over the moves of both, and none of the three terms outweighs the others where
f is scaled well. Their bars are added.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from derivkit.multivariate.ladders import Ladders, Pace
from derivkit.multivariate.lines import Directions, short
from derivkit.numerical.chunks import CHUNK_POINTS, STATUS_TEXTS, Collected, Searches, digits_of, resolved
from derivkit.numerical.result import Derivative
from derivkit.numerical.scales import first_top
from derivkit.numerical.state import TARGET_HIGHER, Limits, Start
from derivkit.numerical.status import CODE, STATUSES, Status
from derivkit.types import EPS, Array, Indices

CURVATURES = Pace(Start(window=(0, 1, 2, 4), target=7.5, sacrifice=300.0), tighter=0.1, usual=TARGET_HIGHER)
"""Of second derivatives: a higher degree than for slopes, as they lose more to rounding. This and the next were found
by measurement over 14 functions."""
FEW_VALUES = 1 + 2 * len(CURVATURES.start.window)
"""Values of such a window."""
FULL_TO_FEW = 0.3
"""Its size as a part of that of a window of thirteen, as the pilot has, which meets the noise some two degrees later:
about 1e-16 to the power of 1/7.5 - 1/10. If one axis had a much larger one, its pairs would cost more."""
PAIRED = 0.7
"""The largest step of a pair as a part of those of its axes, as both entries move at once."""
GRAVEST = (
    Status.NOT_FINITE, Status.JUMP, Status.KINK, Status.VERTICAL, Status.UNRESOLVED,
    Status.NOISY, Status.MULTISCALE, Status.ONE_SIDED, Status.OK,
)  # fmt: skip
"""An entry has the first of these that one of its three lines has."""
RANKS = np.array([GRAVEST.index(status if status in GRAVEST else Status.OK) for status in STATUSES])
"""The places among these of all statuses; a bound is as good as any value."""
CODES = np.array([CODE[status] for status in GRAVEST])
"""Their codes."""
FILLS = {
    "value": np.nan, "error": np.inf, "delta": np.nan, "left": np.nan, "right": np.nan, "exponent": np.nan,
    "evaluations": 0, "denied": False,
}  # fmt: skip
"""What a pair has that is not searched."""


class Pairs(NamedTuple):
    """Pairs of variables, and by how much each of the two moves.

    Attributes
    ----------
    i, j : ndarray of int, shape ``(k,)``
        The variables.
    first, second : ndarray, shape ``(k,)``
        Their moves; the second may be negative.
    """

    i: Indices
    j: Indices
    first: Array
    second: Array


def curvatures(ladders: Ladders) -> Derivative:
    """All second derivatives, shape ``(n, n)``.

    Values, bars and statuses are symmetric to the bit. Evaluations are those of the pair's own line, and delta is by
    how much the first of the two variables moves there. Where an axis has no second derivative, none of its pairs has.
    """
    straight = ladders.axes(np.arange(ladders.structure.size), order=2, pace=CURVATURES)
    fields = _diagonal(straight)
    with np.errstate(all="ignore"):
        for pairs in _blocks(_pairs(ladders, straight)):
            _enter(fields, straight, pairs, _together(ladders, straight, pairs))
        value, error, codes = resolved(fields["value"], fields["error"], fields["status"], fields["denied"])
    final = {"value": value, "error": error, "digits": digits_of(value, error), "status": STATUS_TEXTS[codes]}
    raised = tuple(map(str, ladders.raised))
    return replace(straight, **(fields | final), total=ladders.lines.total, raised=raised)


def _pairs(ladders: Ladders, straight: Derivative) -> Pairs:
    """The pairs of axes along which there is a second derivative."""
    known = np.flatnonzero(np.isfinite(straight.value) & np.isfinite(straight.error))
    x = ladders.structure.flat
    window = np.where(straight.delta > 0.0, straight.delta, first_top(x))
    size = short(np.where(straight.evaluations > FEW_VALUES, FULL_TO_FEW * window, window))
    i, j = known[np.array(np.triu_indices(known.size, 1))]
    up, down = (np.minimum(np.abs(end - x) / size, 1.0) for end in (ladders.lines.hi, ladders.lines.lo))

    def room(ahead: Array, behind: Array) -> Array:
        return np.asarray(np.maximum(np.minimum(up[i], ahead[j]), np.minimum(down[i], behind[j])))

    # in a corner of the box only one of the two diagonals lies inside
    return Pairs(i, j, size[i], np.where(room(down, up) > room(up, down), -size[j], size[j]))


def _blocks(pairs: Pairs) -> Iterator[Pairs]:
    """So many pairs at a time as are searched together."""
    for start in range(0, pairs.i.size, CHUNK_POINTS):
        block = slice(start, start + CHUNK_POINTS)
        yield Pairs(pairs.i[block], pairs.j[block], pairs.first[block], pairs.second[block])


def _together(ladders: Ladders, straight: Derivative, pairs: Pairs) -> Derivative:
    """Second derivatives along the directions of pairs, in their lengths."""
    each = np.arange(pairs.i.size)
    directions = np.zeros((each.size, straight.value.size))
    directions[each, pairs.i], directions[each, pairs.j] = pairs.first, pairs.second
    lines = Directions.sharing(ladders.lines, directions)
    searches = Searches(
        lines, (2,), Limits(lines.lo, lines.hi, start=CURVATURES.start, narrow=lines.narrow), ladders.budget
    )
    noise = np.fmax(straight.noise[pairs.i], straight.noise[pairs.j])
    rows = np.array([lines.origin, np.full(each.size, np.nan), noise])
    parts = searches.at_places(rows, each, PAIRED / lines.unit)
    return lines.in_directions(Collected(searches, parts, each, lines.origin).derivative(2))


def _diagonal(straight: Derivative) -> dict[str, Any]:
    """The tables with the axes on their diagonals, and what these say of the pairs; statuses are codes."""
    n, ranks = straight.value.size, RANKS[_codes(straight)]
    tables = {name: np.full((n, n), fill) for name, fill in FILLS.items()}
    for name, table in tables.items():
        np.fill_diagonal(table, getattr(straight, name))
    return tables | {
        "status": CODES[np.minimum.outer(ranks, ranks)],
        "noise": np.fmax.outer(straight.noise, straight.noise),
        "float32": np.broadcast_to(straight.float32, (n, n)),
        "spacing": np.repeat(straight.spacing[:, None], n, axis=1),
    }


def _enter(fields: dict[str, Any], straight: Derivative, pairs: Pairs, paired: Derivative) -> None:
    """Enter the pairs, each twice."""
    i, j, first, second = pairs
    shares, twice = (0.5 * first / second, 0.5 * second / first), 2.0 * first * second
    terms = paired.value / twice, shares[0] * straight.value[i], shares[1] * straight.value[j]
    bars = np.abs([paired.error / twice, shares[0] * straight.error[i], shares[1] * straight.error[j]])
    entries = {
        "value": terms[0] - terms[1] - terms[2],
        "error": bars.sum(axis=0) + EPS * np.abs(terms).sum(axis=0),  # three terms are rounded, and their sum
        "status": CODES[np.minimum(RANKS[fields["status"][i, j]], RANKS[_codes(paired)])],
        "noise": paired.noise,
        "evaluations": paired.evaluations,
        "denied": paired.denied | straight.denied[i] | straight.denied[j],
    }
    for name, entry in entries.items():
        fields[name][i, j] = fields[name][j, i] = entry
    fields["delta"][i, j], fields["delta"][j, i] = paired.delta * first, paired.delta * np.abs(second)


def _codes(result: Derivative) -> Indices:
    return np.array([CODE[status] for status in result.status.tolist()], dtype=np.intp)
