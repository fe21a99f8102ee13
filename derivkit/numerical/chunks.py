"""Searches at many points: chunk by chunk, so that memory stays flat, and their results put together again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from derivkit.numerical import single
from derivkit.numerical.analysis import FLOOR
from derivkit.numerical.ladder import Ladder, empty
from derivkit.numerical.ledger import Caller, Memory
from derivkit.numerical.result import Derivative
from derivkit.numerical.rounds import advance
from derivkit.numerical.scales import LOOK
from derivkit.numerical.search import first_ladder, search
from derivkit.numerical.state import UNITLESS, Answers, Limits, State
from derivkit.numerical.status import CODE, STATUSES, Status
from derivkit.types import EPS, Array, Codes, Indices, Mask

CHUNK_POINTS = 8192
"""Points that are searched together; found by measurement."""
PILOT_STRIDE = 8
"""Of many points one of so many goes first, and tells its neighbours the size of its window."""
POINTS_FOR_PILOTS = 64
"""From so many points on some go first."""
ALIKE = 4.0
"""Two windows agree on their size up to this factor."""
SHARED = ("evaluations", "denied", "float32", "spacing")
"""What all numbers that f gives at a point have in common."""
STATUS_TEXTS = np.array([str(status) for status in STATUSES])
LAST_VALUED = Status.MULTISCALE
"""Of the statuses up to this one every point has a value, before small values are set apart."""
BROKEN = np.isin(STATUSES, [Status.KINK, Status.JUMP])
"""By code, whether the sides may have slopes of their own."""
HUGE, ROOM = 2.0**900, 2.0**-100
"""Where |f| is above the first at x or within the first look, the search sees f times the second, so that no sum or
difference of values overflows."""


class ChunkResult(NamedTuple):
    """What a search at a chunk of points ended with.

    Attributes
    ----------
    answers : ndarray, shape ``(rows, n)``
        The table of `Answers`.
    status : ndarray of int8, shape ``(n,)``
    evaluations, denied : ndarray of int or bool, shape ``(n / width,)``
    width : int
        0 where f gives one number, else how many.
    """

    answers: Array
    status: NDArray[np.int8]
    evaluations: NDArray[np.intp]
    denied: NDArray[np.bool_]
    width: int

    def spread(self, width: int) -> ChunkResult:
        """For as many numbers at a point as f gave elsewhere, where the budget allowed no value that tells."""
        if self.width == width:
            return self
        answers, status = np.repeat(self.answers, width, axis=-1), np.repeat(self.status, width)
        return self._replace(answers=answers, status=status, width=width)

    @property
    def value(self) -> Array:
        """The derivatives, shape ``(orders, n)``."""
        return np.asarray(Answers.of(self.answers).value)

    @property
    def error(self) -> Array:
        """Their bars, shape ``(orders, n)``."""
        return np.asarray(Answers.of(self.answers).error)

    @property
    def noise(self) -> Array:
        """The noise of f on the windows."""
        return np.asarray(Answers.of(self.answers).noise)

    @property
    def step(self) -> Array:
        """The largest steps of the windows."""
        return np.asarray(Answers.of(self.answers).step)


class FirstLook(NamedTuple):
    """What a search at some points begins with.

    Attributes
    ----------
    ladder : Ladder
        With the first values, in units in which no sum of them overflows.
    memory : Memory
    limits : Limits
    noise, unit : ndarray, shape ``(n,)``
        The noise that is known, NaN elsewhere; by what values are multiplied, None where by nothing.
    width : int
        0 where f gives one number, else how many.
    """

    ladder: Ladder
    memory: Memory
    limits: Limits
    noise: Array
    unit: Array | None
    width: int


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
        with np.errstate(all="ignore"):
            start = self._begin(points, places)
            answers, status = self._alone(start) or self._by_search(start)
        return ChunkResult(answers, status, start.memory.evaluations, start.memory.denied, start.width)

    def _begin(self, points: Array, places: Indices) -> FirstLook:
        """The first values, of all numbers that f gives."""
        x, scale, noise, known_top = points
        limits = self.limits.take(places)
        ladder, steps = first_ladder(x, limits, scale, known_top)
        around, moved = ladder.abscissas(steps)
        memory, values = self._memory(places, np.concatenate([x[None], around]), limits)
        width, top, narrow = values.shape[2] if values.ndim == 3 else 0, ladder.top, ladder.narrow
        if width:
            narrow = None if narrow is None else np.repeat(narrow, width)
            limits = limits.take(np.repeat(np.arange(x.size), width))
            x, noise, moved, top = (np.repeat(array, width, axis=-1) for array in (x, noise, moved, top))
        values = values.reshape(len(values), -1)
        noise, unit = self._noise(noise, values), _unit(values)
        if unit is not None:
            values, noise = values * unit, noise * unit
        if self.ask.precision > EPS:
            limits = limits._replace(float32=True)
        ladder = empty(np.arange(x.size), x, values[0], top, ladder.sides, first=True, narrow=narrow)
        return FirstLook(ladder.with_values(steps, values[1:], moved), memory, limits, noise, unit, width)

    def _alone(self, start: FirstLook) -> tuple[Array, Codes] | None:
        """What is found at a single point without a search; None where that takes one."""
        ladder, limits = start.ladder, start.limits
        if ladder.x.size > 1 or ladder.exponents != LOOK or self.orders != (1,):
            return None
        if limits.side or limits.float32 or start.unit is not None:
            return None
        hint = float(start.noise[0])
        found = single.slope(ladder, start.memory, sacrifice=limits.sacrifice, hint=0.0 if math.isnan(hint) else hint)
        if found is None:
            return None
        row = Answers(found.value, found.error, found.noise, np.nan, np.nan, found.step, np.nan)
        return np.array(row)[:, None], np.array([CODE[Status.OK]])

    def _by_search(self, start: FirstLook) -> tuple[Array, Codes]:
        """What a search finds."""
        ladder, noise, unit = start.ladder, start.noise, start.unit
        hint = noise if np.count_nonzero(noise > 0.0) else None
        state = State(ladder.x.size, self.orders, start.limits, hint=hint)
        way, answers = search(state, replace(ladder, first=start.memory.fresh)), None
        while requests := advance(way, answers, []):
            answers = start.memory(requests[0])
            if unit is not None:
                answers = [values * unit[request.points] for values, request in zip(answers, requests[0], strict=True)]
        found = state.answers.copy()
        if unit is not None:
            found[:-UNITLESS] /= unit
        return found, state.status

    def _noise(self, noise: Array, values: Array) -> Array:
        """The noise that is known, which in another type than float64 is its rounding at least."""
        if self.ask.precision == EPS:
            return noise
        size = np.abs(np.where(np.isfinite(values), values, 0.0)).max(axis=0)
        return np.asarray(np.fmax(noise, FLOOR * self.ask.precision * size))

    def _memory(self, places: Indices, x: Array, limits: Limits) -> tuple[Memory, Array]:
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


def _unit(values: Array) -> Array | None:
    """By what the values of every point are multiplied, so that no sum of them overflows; none where none would."""
    if np.abs(values).max(initial=0.0) <= HUGE:
        return None
    finite = np.where(np.isfinite(values), values, 0.0)
    return np.where(np.abs(finite).max(axis=0) > HUGE, ROOM, 1.0)


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
        self._place, width = place, max(part.width for part in parts)
        self._shape = (*x.shape, width) if width else x.shape
        parts = [part.spread(width) for part in parts]
        rows = [self._placed([part.answers[row] for part in parts], width) for row in range(len(parts[0].answers))]
        self._answers = Answers.of(rows)
        self._codes = self._placed([part.status for part in parts], width)
        self._evaluations = self._placed([part.evaluations for part in parts], min(width, 1))
        self._denied = self._placed([part.denied for part in parts], min(width, 1))
        with np.errstate(all="ignore"):
            self._spacing = np.spacing(np.abs(x[..., None] if width else x))

    def derivative(self, order: int) -> Derivative:
        """The result of one order."""
        value, error, codes = self._of_order(order)
        broken = BROKEN[codes] & (order == self._orders[0])
        arrays = {
            "value": value,
            "error": error,
            "digits": digits_of(value, error),
            "delta": self._answers.step.copy(),
            "noise": self._answers.noise.copy(),
            "left": np.where(broken, self._answers.left, np.nan),
            "right": np.where(broken, self._answers.right, np.nan),
            "exponent": np.where(codes == CODE[Status.VERTICAL], self._answers.exponent, np.nan),
            "evaluations": self._evaluations,
            "denied": self._denied,
            "float32": np.bool_(self._ask.float32),
            "spacing": self._spacing,
        }
        fields: dict[str, Any]
        status: Any
        if self._shape:
            whole = {name: np.array(np.broadcast_to(arrays[name], self._shape)) for name in SHARED}
            fields, status = arrays | whole, STATUS_TEXTS[codes]
        else:
            fields, status = {name: array.item() for name, array in arrays.items()}, STATUSES[codes]
        raised = tuple(map(str, self._ask.raised))
        return Derivative(**fields, status=status, order=order, total=self._ask.total, raised=raised)

    def _of_order(self, order: int) -> tuple[Array, Array, Codes]:
        """Values, bars and statuses of an order."""
        row = self._orders.index(order)
        value, error, codes = self._answers.value[row], self._answers.error[row], self._codes
        if order > 1:  # what is infinite is the slope
            value = np.where(codes == CODE[Status.VERTICAL], np.nan, value)
        if order < self._orders[0]:  # a kink in a higher derivative says nothing of a lower one
            codes = np.where(codes == CODE[Status.KINK], CODE[Status.UNRESOLVED], codes)
        return resolved(value, error, codes, self._denied)

    def _placed(self, columns: list[Any], width: int) -> Any:
        """What the parts have, in the shape of the result; of one number for every point on an axis of its own."""
        flat = columns[0] if len(columns) == 1 else np.concatenate(columns)
        if width:
            flat = flat.reshape(-1, width)
        return flat[self._place].reshape(self._shape[: len(self._shape) - bool(width)] + flat.shape[1:])


def inverse(order: Indices) -> Indices:
    """Where each of the numbers from 0 stands in an order of them.

    Examples
    --------
    >>> inverse(np.array([2, 0, 1]))
    array([1, 2, 0])
    """
    places = np.empty_like(order)
    places[order] = np.arange(order.size)
    return places


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
