"""No value of f is computed twice: within a search, and between runs by a ledger that can replay them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from derivkit.arguments import check_function, numbers
from derivkit.asker import Asker, Calling, SelfDescribing, calling_of
from derivkit.behaviour import Raised
from derivkit.numerical.rounds import Request
from derivkit.numerical.state import Limits
from derivkit.types import Array, FunctionLike, Indices, Mask


class Caller(Protocol):
    """Calls f at an abscissa of a place: the point itself of a function of one number, a line of many variables."""

    @property
    def anywhere(self) -> bool:
        """Whether f is the same at all places, so that these need not be given."""

    @property
    def float32(self) -> bool:
        """Whether f computes in float32, or in less."""

    @property
    def precision(self) -> float:
        """The eps of the values of f, as far as a search may rely on it."""

    @property
    def raised(self) -> tuple[Raised, ...]:
        """What f raised, one entry for each type."""

    @property
    def total(self) -> int:
        """Points at which f was evaluated."""

    def at(self, places: Indices, x: Array) -> Array:
        """The values at abscissae, to whose shape the places are broadcast; a further axis where f gives several."""


class Memory:
    """The values of f that a search has requested for its points, each computed once.

    Parameters
    ----------
    ask : Caller
    places : ndarray of int, shape ``(n,)``
        The places of the points, by which f is called.
    x : ndarray, shape ``(k, n)``
        Abscissae at which f was evaluated so far, of which every column belongs to a point.
    values : ndarray, shape ``(k, n, width)``
        All the numbers that f gave there.
    limits : Limits
        Of the points: where f is evaluated; it has no value elsewhere.
    budget : float
        Most values for a point.

    Attributes
    ----------
    evaluations : ndarray of int, shape ``(n,)``
        Values computed for each point.
    denied : ndarray of bool, shape ``(n,)``
        Where a value was requested beyond the budget.
    fresh : bool
        Whether nothing was requested beyond the first values.
    """

    def __init__(self, ask: Caller, places: Indices, x: Array, values: Array, *, limits: Limits, budget: float) -> None:
        self._ask, self._places, self._limits, self._budget = ask, places, limits, budget
        self._bounded = limits.bounded
        self._x, self._values = x, values
        self._used = np.full(x.shape[1], len(x))
        self.fresh = True
        self._later: list[tuple[Indices, Array, Array]] = []
        self.evaluations = self._counted(x, np.arange(x.shape[1]))
        self.denied = np.zeros(x.shape[1], dtype=bool)

    def __call__(self, requests: Sequence[Request]) -> list[Array]:
        """The values for some requests, shape ``(k, n)`` each, by one call of f.

        Where f gives several numbers at a point, the requests count their points through all of these.
        """
        width, self.fresh = self._values.shape[2], False
        if width == 1 and self._budget == math.inf and all(request.new for request in requests):
            return self._all_new(requests)
        points = [np.divmod(request.points, width) for request in requests]
        self._enter(np.concatenate([at for at, _ in points]))
        slots = [self._slots(at, request.x) for request, (at, _) in zip(requests, points, strict=True)]
        missing = [
            np.array([np.broadcast_to(at, slot.shape)[slot < 0], request.x[slot < 0]])
            for request, (at, _), slot in zip(requests, points, slots, strict=True)
        ]
        unique, which = np.unique(np.concatenate(missing, axis=1), axis=1, return_inverse=True)
        computed = self._compute(unique[0].astype(np.intp), unique[1])[which.ravel()]
        parts = np.split(computed, np.cumsum([pairs.shape[1] for pairs in missing])[:-1])
        return [
            self._recalled(at, component, slot, new)
            for (at, component), slot, new in zip(points, slots, parts, strict=True)
        ]

    def _recalled(self, at: Indices, component: Indices, slot: Indices, new: Array) -> Array:
        """One number of f at some places, of which those without a slot are new."""
        values = self._values[slot, at]
        values[slot < 0] = new
        return np.take_along_axis(values, np.broadcast_to(component, slot.shape)[..., None], axis=2)[..., 0]

    def _all_new(self, requests: Sequence[Request]) -> list[Array]:
        """Nothing is looked up, and what was requested is put down for later: few points come back."""
        computed = self._ask.at(*self._together(requests)).ravel()
        answers, start = [], 0
        for request in requests:
            values = computed[start : start + request.x.size].reshape(request.x.shape)
            start += request.x.size
            self._later.append((request.points, request.x, values))
            self.evaluations[request.points] += self._counted(request.x, request.points)
            answers.append(values)
        return answers

    def _together(self, requests: Sequence[Request]) -> tuple[Indices, Array]:
        """Places and abscissae of some requests."""
        if len(requests) == 1:
            return self._places[requests[0].points], requests[0].x
        if self._ask.anywhere:
            return self._places[:0], np.concatenate([request.x.ravel() for request in requests])
        places = [np.tile(self._places[request.points], len(request.x)) for request in requests]
        return np.concatenate(places), np.concatenate([request.x.ravel() for request in requests])

    def _enter(self, points: Indices) -> None:
        """Put in place what was put down for these points."""
        back = np.zeros(self._used.size, dtype=bool)
        back[points] = True
        rest = []
        for at, x, values in self._later:
            due = back[at]
            if due.any():
                chosen = at[due]
                first = self._used[chosen]
                self._reserve(int(first.max()) + len(x))
                for row in range(len(x)):
                    self._x[first + row, chosen] = x[row, due]
                    self._values[first + row, chosen, 0] = values[row, due]
                self._used[chosen] += len(x)
            if not due.all():
                rest.append((at[~due], x[:, ~due], values[:, ~due]))
        self._later = rest

    def _slots(self, at: Indices, x: Array) -> Indices:
        """Where values are stored, -1 where they are not known."""
        known = self._x[:, at]
        same = [known == wanted for wanted in x]
        return np.array([np.where(row.any(axis=0), np.argmax(row, axis=0), -1) for row in same])

    def _compute(self, at: Indices, x: Array) -> Array:
        """All numbers at some places, those of a point together, shape ``(k, width)``."""
        inside = self._inside(x, at)
        cost = np.bincount(at[inside], minlength=len(self.evaluations))
        denied = (self.evaluations + cost > self._budget) & (cost > 0)
        self.denied |= denied
        go = ~denied[at]
        values = np.full((x.size, self._values.shape[2]), np.nan)
        if go.any():
            values[go] = self._ask.at(self._places[at[go]], x[go]).reshape(np.count_nonzero(go), -1)
        at, computed = at[go], values[go]
        slot = self._used[at] + np.arange(at.size) - np.searchsorted(at, at)
        self._reserve(int(slot.max(initial=0)) + 1)
        self._x[slot, at], self._values[slot, at] = x[go], computed
        self._used += np.bincount(at, minlength=self._used.size)
        self.evaluations += np.where(denied, 0, cost)
        return values

    def _counted(self, x: Array, points: Indices) -> Any:
        """Of the rows of x those within the domain, for every column."""
        return self._inside(x, points).sum(axis=0) if self._bounded else np.full(x.shape[1], len(x))

    def _inside(self, x: Array, points: Indices) -> Mask:
        limits = self._limits.take(points)
        return np.asarray((x >= limits.lo) & (x <= limits.hi))

    def _reserve(self, slots: int) -> None:
        more = slots - len(self._x)
        if more > 0:
            shape = (max(more, len(self._x)), *self._values.shape[1:])
            self._x = np.concatenate([self._x, np.full(shape[:2], np.nan)])
            self._values = np.concatenate([self._values, np.full(shape, np.nan)])


class Ledger(SelfDescribing):
    """A function that remembers: no value of f is computed twice, and all of them can be replayed without f.

    Parameters
    ----------
    f : callable or formula
        Of one number or of an array.

    Attributes
    ----------
    total : int
        Values of f that were computed.
    asker : Asker
        Which calls f, and knows what f raised.

    Examples
    --------
    >>> from derivkit.numerical.adaptive import derivative
    >>> ledger = Ledger(math.sin)
    >>> first = derivative(ledger, 1.0)
    >>> again = derivative(ledger.replay(), 1.0)
    >>> again.value == first.value, again.error == first.error, ledger.total == first.total
    (True, True, True)
    """

    def __init__(self, f: FunctionLike) -> None:
        check_function(f, "dk.Ledger(math.sin)")
        self.asker = Asker(f)
        self.domain = calling_of(f).domain
        self._known: dict[float, float] = {}

    @property
    def total(self) -> int:
        """Values of f that were computed."""
        return self.asker.total

    @property
    def raised(self) -> tuple[Raised, ...]:
        """What f raised, one entry for each type."""
        return self.asker.raised

    def calling(self) -> Calling:
        """The ledger itself, where its function may be evaluated."""
        return Calling(self, self.domain, inner=self.asker)

    def __call__(self, x: Any) -> Any:
        """f(x), shape of x: from memory where it was computed before."""
        points = numbers("x", x)
        new = [point for point in dict.fromkeys(points.ravel().tolist()) if point not in self._known]
        if new:
            self._known.update(zip(new, self.asker(np.array(new)).tolist(), strict=True))
        return _values_in(self._known, points)

    def replay(self) -> Callable[[Any], Any]:
        """The same function from memory alone.

        Returns
        -------
        callable
            It raises LookupError for a point at which f was not evaluated.
        """
        known = dict(self._known)

        def remembered(x: Any) -> Any:
            points = numbers("x", x)
            unknown = [point for point in points.ravel().tolist() if point not in known]
            if unknown:
                raise LookupError(f"f was not evaluated at {unknown[0]!r}; a replay knows {len(known)} points")
            return _values_in(known, points)

        return remembered


def _values_in(known: Mapping[float, float], points: Array) -> Any:
    """What is remembered of these points; of NaN, which is like nothing, NaN."""
    values = np.array([known.get(point, math.nan) for point in points.ravel().tolist()]).reshape(points.shape)
    return values if values.ndim else float(values)
