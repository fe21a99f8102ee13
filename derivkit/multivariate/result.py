"""Derivatives of a function of many variables as the user has them, and what their messages say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from derivkit.behaviour import FLOAT32, Raised
from derivkit.multivariate.structure import Structure, flattened
from derivkit.numerical.result import Derivative, sentence
from derivkit.numerical.status import Status
from derivkit.presentation import MAX_ENTRIES, Bar, DisplayWithBar, Row, first_rows
from derivkit.types import Indices

REPR_ENTRIES = 60
"""Entries of an array up to which its text has all of them; a choice."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Gradient(DisplayWithBar):
    """Derivatives of a function of many variables.

    Attributes
    ----------
    value : float, ndarray, or the structure of x
        The estimates; NaN where there is none. Where f has a kink it is still what the formula gives. Of a gradient in
        the structure of x, labelled as x is.
    error : float, ndarray, or the structure of x
        Bars of the errors, infinite where there is none. Of those of a formula with a fixed delta at least 99 of 100
        hold, see the notes.
    status : Status, ndarray of str, or the structure of x
        As of a `Derivative`. Of a formula with a fixed delta also ``outside_domain`` and ``step_vanished`` where there
        is no value, and ``unresolved`` where the points of half the delta give no number.
    left, right : float, ndarray, or the structure of x
        The slopes of the sides at a kink or a jump, where they exist; NaN elsewhere.
    evaluations : int
        Points at which f was evaluated, each once, and where there is no fixed delta the two calls by which it was
        found out whether f takes batches: as many as f was called.
    raised : tuple of Raised
        The exceptions of f at single points, one entry for each type.
    float32 : bool
        Whether f computes in float32 or in less, as its values show.
    structure : Structure
        Of x: ``structure.name(k)`` is how the entry of column k is written, ``structure.place(path)`` which column an
        entry has, and ``structure.shaped(row)`` makes of a row of a Jacobian what x is.
    detail : Derivative, optional
        What the search found along every entry: window, noise, digits, evaluations; None of a formula with a delta.

    Notes
    -----
    A bar of a formula with a fixed delta has two parts. The rounding is predicted from the values of f, four roundings
    for each, in float32 where f computes in that. The truncation is measured by half the delta (Richardson 1911), which
    costs the further points of the half formula, and for a central one f(x), where the slopes of the sides show a kink:
    4 n + 1 points for ``central_2``, 2 n + 1 for ``forward_1``. A formula of one side sees no kink at x, and one of a f
    whose features are smaller than half the delta is believed like any other.

    Examples
    --------
    >>> from derivkit.multivariate.partial import gradient
    >>> result = gradient(lambda p: abs(p[0]) + abs(p[1]), [0.0, 1.0])
    >>> result.status.tolist(), round(result.left[0].item(), 6), round(result.right[0].item(), 6)
    (['kink', 'ok'], -1.0, 1.0)
    >>> print(result.message)
    1 of 2 kink, the first x[0]: f has a kink: its slope is -1 on the left and 1 on the right.
    >>> result = gradient(lambda x: abs(x[0]) + x[1] ** 2, [0.0, 1.0], formula="central_2", delta=2.0**-13)
    >>> result.status.tolist(), result.left[0].item(), result.right[0].item(), bool(result.error[1] < 1e-10)
    (['kink', 'ok'], -1.0, 1.0, True)
    """

    SHOWN: ClassVar[tuple[str, ...]] = ("value", "error", "status", "evaluations", "raised")
    DETAILS: ClassVar[tuple[str, ...]] = ("message",)

    value: Any
    error: Any
    status: Any
    left: Any
    right: Any
    evaluations: int
    raised: tuple[Raised, ...] = ()
    float32: bool = False
    structure: Structure
    detail: Derivative | None = None

    def __repr__(self) -> str:
        """Value, error, status, what it cost and what f raised, at a size that can be read; its attributes have all."""
        with np.printoptions(threshold=REPR_ENTRIES, edgeitems=3, precision=6, linewidth=105):
            shown = {name: repr(getattr(self, name)) for name in ("value", "error", "status", "evaluations")}
            lines = [f"{name:>11}: {text}" for name, text in shown.items()]
        lines += [f"     raised: {entry}" for entry in self.raised]
        return "\n".join(line.replace("\n", f"\n{' ' * 13}") for line in lines)

    def rows(self) -> Iterator[Row]:
        """What a notebook shows: every entry with its bar and its status, of a matrix its rows; then the rest."""
        values, errors, statuses = (flattened(part) for part in (self.value, self.error, self.status))
        bars = list(map(Bar, values.tolist(), errors.tolist()))
        if values.size == self.structure.size:
            yield from first_rows(zip(self.names, bars, statuses.tolist(), strict=True))
        else:
            n = self.structure.size
            yield "", *self.names[:MAX_ENTRIES]
            yield from first_rows(
                (f"[{k}]", *bars[k * n : k * n + min(n, MAX_ENTRIES)]) for k in range(values.size // n)
            )
        yield "evaluations", self.evaluations
        yield "message", self.message

    @property
    def names(self) -> tuple[str, ...]:
        """How the n entries of x are written, in the order of the columns of a Jacobian, such as ``x['W1'][3, 0]``."""
        return tuple(map(self.structure.name, range(self.structure.size)))

    @property
    def message(self) -> str:
        """What became of the estimates, in a sentence for each status, and in which types f was given x."""
        sentences = [self._of_delta()] if self.detail is None else _of_search(self, self.detail)
        precision = self.structure.precision if self.float32 else ""
        return " ".join(filter(None, [*sentences, self.structure.remark, precision]))

    def _of_delta(self) -> str:
        """Of a formula with a fixed delta."""
        statuses = flattened(self.status).tolist()
        counts = {status: statuses.count(status) for status in REASONS}
        reasons = [
            f"{count} of {len(statuses)} {status}, as {REASONS[status]}" for status, count in counts.items() if count
        ]
        if counts[Status.NOT_FINITE] and self.raised:
            reasons.append(f"f raised {self.raised[0]}")
        known = f"{'; '.join(reasons)}." if reasons else ALL_OK
        return f"{known} {FLOAT32}" if self.float32 else known


ALL_OK = "every derivative has a value and a bar."
IN_NOISE = "If f has noise, give its standard deviation as noise=, none too small."


def _of_search(result: Gradient, detail: Derivative) -> list[str]:
    """The sentences of the statuses but ``ok``, each with the first entry that has it, or the one of a single entry."""
    statuses = np.asarray(detail.status)
    lost = bool(np.any((statuses == Status.UNRESOLVED) & ~np.asarray(detail.denied)))
    hint = [IN_NOISE] if lost else []
    if isinstance(result.status, Status):
        return [sentence(detail, (0,) * statuses.ndim), *hint]
    groups = [(status, np.argwhere(statuses == status)) for status in dict.fromkeys(statuses.ravel().tolist())]
    sentences = [
        f"{len(places)} of {statuses.size} {status}, the first {_entry(result.structure, detail, places[0])}: "
        f"{sentence(detail, tuple(places[0]))}"
        for status, places in groups
        if status != Status.OK
    ]
    return sentences + hint or [f"{ALL_OK} {FLOAT32}" if result.float32 else ALL_OK]


def _entry(structure: Structure, detail: Derivative, place: Indices) -> str:
    """The name of an entry that is so far along the lines: of a Hessian both, of a Jacobian the value comes second."""
    if detail.order > 1:
        return " and ".join(map(structure.name, place))
    name = structure.name(int(place[0]))
    return f"value {place[1]} by {name}" if len(place) > 1 else name


REASONS = {
    Status.OUTSIDE_DOMAIN: "x or a point of the formula lies outside the domain",
    Status.STEP_VANISHED: "the step vanishes beside x",
    Status.NOT_FINITE: "f has no finite value at a point of the formula",
    Status.KINK: "the slopes of its sides differ, and do so at half the delta",
    Status.UNRESOLVED: "the points of half the delta, which tell the bar, give no number",
    Status.BELOW_RESOLUTION: "the bar reaches the value, which thus is a bound",
}
