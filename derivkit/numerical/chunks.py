"""Searches at many points: chunk by chunk, so that memory stays flat, and their results put together again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from derivkit.numerical.ladder import FLOOR
from derivkit.numerical.ledger import Caller, Memory
from derivkit.numerical.result import Derivative
from derivkit.numerical.rounds import advanced, empty
from derivkit.numerical.search import Search, first_ladder
from derivkit.numerical.state import Limits
from derivkit.numerical.status import CODE, STATUSES, Status
from derivkit.types import EPS, Array, Codes, Indices, Mask

CHUNK_POINTS = 4096
"""Points that are searched together; found by measurement."""
PILOT_STRIDE = 8
"""Of many points one of so many goes first, and tells its neighbours the size of its window."""
POINTS_FOR_PILOTS = 64
"""From so many points on some go first."""
ALIKE = 4.0
"""Two windows agree on their size up to this factor."""
STATUS_TEXTS = np.array([str(status) for status in STATUSES])
LAST_VALUED = Status.MULTISCALE
"""Of the statuses up to this one every point has a value, before small values are set apart."""
COPIED = ("value", "error", "status", "step", "noise", "left", "right", "exponent")
IN_UNITS_OF_F = ("value", "error", "noise", "left", "right")
HUGE, ROOM = 2.0**900, 2.0**-100
"""Where |f| is above the first at x or within the first look, the search sees f times the second, so that no sum or
difference of values overflows."""


class ChunkResult(NamedTuple):
    """What a search at a chunk of points ended with."""

    value: Array
    error: Array
    status: NDArray[np.int8]
    step: Array
    noise: Array
    left: Array
    right: Array
    exponent: Array
    evaluations: NDArray[np.intp]
    denied: NDArray[np.bool_]
    width: int
    """0 where f gives one number, else how many."""


@dataclass(frozen=True)
class Searches:
    """Derivatives of one f that are searched for, within limits and a budget of evaluations for each point."""

    ask: Caller
    orders: tuple[int, ...]
    limits: Limits
    budget: float

    def by_neighbours(self, points: Array) -> tuple[list[ChunkResult], Indices]:
        """Search at points that rise, with rows for x, scale and noise, and the order in which that was done.

        Of many points some go first. Where two of these agree on the size of their windows, those between them begin
        with a window of that size instead of a look.
        """
        every = np.arange(points.shape[1])
        if self.limits.side or every.size < POINTS_FOR_PILOTS:
            return self.at_places(points, every), every
        first = np.zeros(every.size, dtype=bool)
        first[::PILOT_STRIDE] = first[-1] = True
        pilots, rest = every[first], every[~first]
        parts = self.at_places(points[:, pilots], pilots)
        top = _sizes_between(parts, pilots, rest)
        known = np.isfinite(top)
        for which in (known, ~known):
            parts += self.at_places(points[:, rest[which]], rest[which], top[which])
        return parts, np.concatenate([pilots, rest[known], rest[~known]])

    def at_places(self, points: Array, places: Indices, top: Array | None = None) -> list[ChunkResult]:
        """Search chunk by chunk at points that lie at places.

        Parameters
        ----------
        points : ndarray, shape ``(3, n)``
            Rows for x, scale and noise.
        places : ndarray of int, shape ``(n,)``
            By which f is called, and the limits of a point are found.
        top : ndarray, shape ``(n,)``, optional
            The largest steps of the windows to begin with, of every point or of none: NaN.

        Returns
        -------
        list of ChunkResult
        """
        count = points.shape[1]
        rows = np.concatenate([points, np.full((1, count), np.nan) if top is None else top[None]])
        chunks = [slice(start, start + CHUNK_POINTS) for start in range(0, count, CHUNK_POINTS)]
        return [self._chunk(rows[:, chunk], places[chunk]) for chunk in chunks]

    def _chunk(self, points: Array, places: Indices) -> ChunkResult:
        """Search at some points with rows for x, scale, noise and the largest step."""
        x, scale, noise, known_top = points
        limits = self.limits.take(places)
        with np.errstate(all="ignore"):
            ladder, steps = first_ladder(x, limits, scale, known_top)
            around, moved = ladder.abscissas(steps)
            memory, values = self._first_look(places, np.concatenate([x[None], around]), limits)
            width, top, narrow = values.shape[2] if values.ndim == 3 else 0, ladder.top, ladder.narrow
            if width:
                narrow = None if narrow is None else np.repeat(narrow, width)
                x, noise, moved, top = (np.repeat(array, width, axis=-1) for array in (x, noise, moved, top))
            flat = values.reshape(len(values), -1)
            unit = np.where(np.abs(np.where(np.isfinite(flat), flat, 0.0)).max(axis=0) > HUGE, ROOM, 1.0)
            flat, noise = flat * unit, self._noise(noise, flat) * unit
            limits = limits._replace(float32=self.ask.precision > EPS)
            search = Search(x, self.orders, limits, hint=noise if np.any(noise > 0.0) else None)
            begun = empty(np.arange(x.size), x, flat[0], top, ladder.sides, first=True, narrow=narrow)
            way, answers = search.begin(begun.joined(steps, flat[1:], moved)), None
            while requests := advanced(way, answers):
                answers = [
                    values * unit[request.points]
                    for values, request in zip(memory(requests[0]), requests[0], strict=True)
                ]
            copied: dict[str, Any] = {name: getattr(search, name) for name in COPIED}
            copied |= {name: copied[name] / unit for name in IN_UNITS_OF_F}
        return ChunkResult(**copied, evaluations=memory.evaluations, denied=memory.denied, width=width)

    def _noise(self, noise: Array, values: Array) -> Array:
        """The noise that is known, which in another type than float64 is its rounding at least."""
        if self.ask.precision == EPS:
            return noise
        size = np.abs(np.where(np.isfinite(values), values, 0.0)).max(axis=0)
        return np.asarray(np.fmax(noise, FLOOR * self.ask.precision * size))

    def _first_look(self, places: Indices, x: Array, limits: Limits) -> tuple[Memory, Array]:
        """The values at abscissae, shape ``(k, n)``, with a further axis where f gives several numbers; NaN if the
        budget does not allow them.
        """
        affordable = len(x) <= self.budget
        values = self.ask.at(places, x) if affordable else np.full(x.shape, np.nan)
        table = values if values.ndim == 3 else values[..., None]
        memory = Memory(self.ask, places, x, table, limits=limits, budget=self.budget)
        if not affordable:
            memory.evaluations[:], memory.denied[:] = 0, True
        return memory, values


def _sizes_between(parts: Sequence[ChunkResult], pilots: Indices, rest: Indices) -> Array:
    """The size of the windows of points between pilots that agree on it; NaN elsewhere."""
    steps = np.concatenate([part.step.reshape(-1, max(part.width, 1)).min(axis=1) for part in parts])
    fine = [(part.status == CODE[Status.OK]).reshape(-1, max(part.width, 1)).all(axis=1) for part in parts]
    after = rest // PILOT_STRIDE + 1
    with np.errstate(all="ignore"):
        logs = np.log(np.where(np.concatenate(fine), steps, np.nan))
        low, high = logs[after - 1], logs[after]
        share = (rest - pilots[after - 1]) / (pilots[after] - pilots[after - 1])
        return np.where(np.abs(high - low) < math.log(ALIKE), np.exp(low + share * (high - low)), np.nan)


class Collected:
    """The results of all chunks in the shape of x, with a further axis where f gives several numbers.

    Parameters
    ----------
    searches : Searches
        Whose results these are.
    parts : sequence of ChunkResult
        In the order of the searches.
    place : ndarray of int, shape ``(x.size,)``
        Where among them each of x is.
    x : ndarray
        The points, of any shape.
    """

    def __init__(self, searches: Searches, parts: Sequence[ChunkResult], place: Indices, x: Array) -> None:
        self._ask, self._orders = searches.ask, searches.orders
        self._parts, self._place = parts, place
        self._width = max(part.width for part in parts)
        self._shape = x.shape + ((self._width,) if self._width else ())
        with np.errstate(all="ignore"):
            self._spacing = np.spacing(np.abs(x if not self._width else x[..., None]))

    def derivative(self, order: int) -> Derivative:
        """The result of one order."""
        value, error, codes = self._of_order(order)
        broken = np.isin(codes, [CODE[Status.KINK], CODE[Status.JUMP]]) & (order == self._orders[0])
        arrays = {
            "value": value,
            "error": error,
            "digits": digits_of(value, error),
            "delta": self._array("step"),
            "noise": self._array("noise"),
            "left": np.where(broken, self._array("left"), np.nan),
            "right": np.where(broken, self._array("right"), np.nan),
            "exponent": np.where(codes == CODE[Status.VERTICAL], self._array("exponent"), np.nan),
            "evaluations": self._array("evaluations"),
            "denied": self._array("denied"),
            "float32": np.broadcast_to(self._ask.float32, self._shape),
            "spacing": np.broadcast_to(self._spacing, self._shape),
        }
        status: Any = STATUS_TEXTS[codes.astype(np.intp)]
        fields: dict[str, Any] = arrays
        if not self._shape:
            fields, status = {name: array.item() for name, array in arrays.items()}, Status(str(status))
        raised = tuple(map(str, self._ask.raised))
        return Derivative(**fields, status=status, order=order, total=self._ask.total, raised=raised)

    def _of_order(self, order: int) -> tuple[Array, Array, Codes]:
        """Values, bars and statuses of an order."""
        row = self._orders.index(order)
        value, error, codes = self._array("value", row), self._array("error", row), self._array("status")
        if order > 1:  # what is infinite is the slope
            value = np.where(codes == CODE[Status.VERTICAL], np.nan, value)
        if order < self._orders[0]:  # a kink in a higher derivative says nothing of a lower one
            codes = np.where(codes == CODE[Status.KINK], CODE[Status.UNRESOLVED], codes)
        return resolved(value, error, codes, self._array("denied"))

    def _array(self, name: str, row: int | None = None) -> Any:
        """A field of all parts, or a row of it, in the shape of the result."""
        fields = (getattr(part, name) for part in self._parts)
        columns = [field if row is None else field[row] for field in fields]
        flat = columns[0] if len(columns) == 1 else np.concatenate(columns)
        if not self._width:
            return flat[self._place].reshape(self._shape)
        table = flat[:, None] if name in ("evaluations", "denied") else flat.reshape(-1, self._width)
        return np.broadcast_to(table, (len(table), self._width))[self._place].reshape(self._shape)


def digits_of(value: Array, error: Array) -> Array:
    """Decimal digits of values that their bars vouch for."""
    with np.errstate(all="ignore"):
        return np.where(np.isfinite(error), np.maximum(0.0, -np.log10(error / np.abs(value))), 0.0)


def resolved(value: Array, error: Array, codes: Codes, denied: Mask) -> tuple[Array, Array, Codes]:
    """Values, bars and statuses: unresolved where one of them is missing, a bound where the bar reaches the value."""
    codes = np.where(denied & np.isnan(value), CODE[Status.UNRESOLVED], codes)
    lost = ~(np.isfinite(value) & np.isfinite(error)) & (codes <= CODE[LAST_VALUED])
    value, error = np.where(lost, np.nan, value), np.where(lost, np.inf, error)
    codes = np.where(lost, CODE[Status.UNRESOLVED], codes)
    bound = np.isfinite(error) & (error >= np.abs(value))
    return value, error, np.where(bound, CODE[Status.BELOW_RESOLUTION], codes)
