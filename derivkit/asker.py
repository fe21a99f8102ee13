"""The one way to call f: it counts points, remembers values, refuses what is not a function, and records exceptions."""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from derivkit.arguments import EVERYWHERE, NotRealError, as_array, as_float64, counted, interval, shown
from derivkit.behaviour import Failures, Mantissas, Raised, agree
from derivkit.executor import AT_LEAST, Outcome, check_executor, outcomes
from derivkit.late import evaluation
from derivkit.types import EPS, Array, Domain, Ends, Indices, Mask, Numbers

NOISE_DEVIATIONS = 10.0
"""Two values of a noisy f at one point differ by at most so many times its standard deviation."""
MIN_NUMBERS, MIN_POINTS = 2, 3
"""Fewest points of one variable, and of several, that are worth the calls by which an f is probed; a choice."""
BATCH_BYTES = 2**20
"""The points of a batch take at most this, and so do their values; found by measurement, for 10 to 2000 entries."""
TRIES = 4
"""At so many points in a row an f that fails for a number is given an array of one instead; a choice."""
SPOILT = (
    "; f gave a number before it was tried with an array, and none after: if it keeps something between its calls, "
    "write vectorized=False"
)
NO_NUMBER = "TypeError: f gives "
"""How the message of an error begins that f did not raise: its result is not a number."""
SCALARS = (float, complex)
SEVERAL = "dk.derivative and dk.jacobian differentiate functions of several values"
REMEDIES = {
    "None": "; is a return missing?",
    "complex": "; differentiate its parts, lambda x: f(x).real and lambda x: f(x).imag",
    "the text": "; float(...) makes a number of it",
    "a torch tensor": "; write loss.item() or loss.detach().numpy(), or take dk.torch_function(loss, parameters)",
    "": ", where a number is wanted",
}
"""What to write instead of what f gives."""


class Calling(NamedTuple):
    """How an f is called: the callable, where, whether it takes arrays, and who calls it in its turn."""

    call: Callable[..., Any]
    domain: Domain = EVERYWHERE
    vectorized: bool | None = None
    inner: Asker | None = None


class SelfDescribing(ABC):
    """A callable that states itself how it is called."""

    @abstractmethod
    def calling(self) -> Calling:
        """The callable, its domain, and whether it takes arrays."""


def calling_of(f: Any) -> Calling:
    """How f is called; a formula of one variable stands for its function.

    Raises
    ------
    ParseError
        If f is a text that is no formula.
    ValueError
        If a formula has more than one variable.
    """
    if isinstance(f, SelfDescribing):
        return f.calling()
    return Calling(f) if callable(f) else Calling(evaluation.float_function(f), vectorized=True)


def domain_of(f: Any, domain: Ends | None) -> Domain:
    """Where f may be evaluated: the requested interval, within that of the function.

    Raises
    ------
    ValueError
        If that is no interval.
    """
    return interval(domain, calling_of(f).domain)


class Asker:
    """Calls f, whatever it is, counts the points, and remembers the values that are requested for points.

    f may take arrays of points or not. A result of the right shape does not show that it does, since it may mix its
    entries (softmax): at the first call with several points f(array) must equal f(one point) to 4 ulp at two of them,
    of which one is requested before the array; else f is called point by point, and once more at one of them, where it
    must give the same answer: to the bit, or within its noise where that is known, or to 4 ulp for points of several
    entries, whose sums threads may round in another order. An array of points counts as understood only if its length
    is none of the lengths of a point, so that no other axis can be mistaken for it.

    An exception, a value that is no number, NaN, infinity or a mask means that f has no value there, and gives NaN;
    KeyboardInterrupt and MemoryError pass. f may not write to an array of points, and has its own copy of a single one.

    Parameters
    ----------
    f : callable or formula
        Of a point, or of points of shape ``(k, *shape)``.
    shape : tuple of int
        Of one point: ``()`` for a number.
    kind : type
        Of the points and values: float64 or complex128.
    several : bool
        Whether f may give several numbers for each point, then as many for all.
    empty : bool
        Whether it may also give none.
    domain : tuple of float, optional
        Where f may be evaluated, that of a :class:`SelfDescribing` f by default; of complex points the real part
        counts.
    vectorized : bool, optional
        Whether f takes arrays, where that is known.
    noise : float
        Standard deviation of the values of f, where that is known.
    owners : int
        Number of points to which requested values are charged.
    container : callable, optional
        Makes of a point what f is given instead, such as a series with its labels.
    executor : object, optional
        Whose ``map`` evaluates single points of a round, but for those by which f is probed.

    Attributes
    ----------
    total : int
        Points at which f was evaluated, those of the probe apart: two of an f that takes arrays, else one.
    trials : int
        Calls beside these by which it was found out whether f takes arrays; an array that f does not take is one.
    charged : ndarray of int, shape ``(owners,)``
        Values of f charged to each point.
    width : int or None
        How many numbers f gives for a point, once that is known.
    """

    def __init__(  # noqa: PLR0913 -- f, and all that may be known of it
        self,
        f: Any,
        *,
        shape: tuple[int, ...] = (),
        kind: type[np.generic] = np.float64,
        several: bool = False,
        empty: bool = False,
        domain: Domain | None = None,
        vectorized: bool | None = None,
        noise: float = 0.0,
        owners: int = 0,
        container: Callable[[Array], Any] | None = None,
        executor: Any = None,
    ) -> None:
        check_executor(executor)
        calling = calling_of(f)
        self._call, self._inner = calling.call, calling.inner
        self._domain = calling.domain if domain is None else domain
        self._vectorized = calling.vectorized if vectorized is None else vectorized
        if container is not None:
            self._vectorized = False
        self._shape, self._noise, self._container = shape, noise, container
        self._several, self._empty = several, empty
        self._executor = None if self._inner else executor  # which counts itself, and must do so here
        self._complex = kind is np.complex128
        self._nothing = complex(math.nan, math.nan) if self._complex else math.nan
        self.failures, self._mantissas, self._narrow = Failures(), Mantissas(), False
        self._first: Any = None
        self._tries = TRIES
        self.trials = 0
        self._points = self._values = np.empty(0, dtype=kind)
        self.total, self.charged = 0, np.zeros(owners, dtype=np.int64)
        self.width: int | None = None

    @property
    def float32(self) -> bool:
        """Whether f computes in float32, or in less, as its values show."""
        return self._narrow or self._mantissas.float32 or (self._inner is not None and self._inner.float32)

    anywhere = True
    """f of one number is the same for all points that are searched."""
    precision = EPS
    """What a search in one variable relies on: what is above it is measured as noise."""

    @property
    def raised(self) -> tuple[Raised, ...]:
        """What f raised at single points, by type, in the order of first appearance."""
        return self.failures.raised + (self._inner.raised if self._inner else ())

    @property
    def room(self) -> int:
        """Points that are requested together: as many as `BATCH_BYTES` hold; 1 until the size of values is known."""
        if self.width is None and self._vectorized is False:
            return 1
        least = 1 if self._executor is None else AT_LEAST
        return max(least, BATCH_BYTES // (8 * max(1, math.prod(self._shape), self.width or 0)))

    def refuse_no_function(self, values: Sequence[Array]) -> None:
        """Raise TypeError if f gave no number at all, and raised more than what a value out of range explains."""
        grave = self.failures.grave or (self._inner is not None and self._inner.failures.grave)
        if (grave or self.failures.remark) and not any(np.isfinite(row).any() for row in values):
            first = str(self.raised[0])
            raise TypeError(first.removeprefix("TypeError: ") if first.startswith(NO_NUMBER) else f"f raises {first}")

    # Values

    def __call__(self, x: Numbers) -> Numbers:
        """Values of f, NaN where it has none.

        Parameters
        ----------
        x : ndarray
            Numbers in an array of any shape, or points of shape ``(k, *shape)``.

        Returns
        -------
        ndarray
            Of x's shape for numbers, with one axis more where f gives several; for points ``(k, width)``.

        Raises
        ------
        ValueError
            If f gives more numbers here than there, or two answers for one point.
        """
        if self._domain != EVERYWHERE:
            inside = _inside(x, self._domain)
            if not np.all(inside):
                return self._inside_alone(x, inside)
        if x.size == 0:
            return np.empty(x.shape)
        points = x.view() if self._shape else x.reshape(-1)
        points.flags.writeable = False  # an f that works in place must not move our points
        self.total += len(points)
        with np.errstate(all="ignore"):
            values = self._complex_values_at(points) if self._complex else self._values_at(points)
        if not self._complex:
            self._mantissas.examine(points, values)
        if self._shape:
            return rows_of(values)
        return values if x.ndim == 1 else values.reshape(x.shape + values.shape[1:])

    def at(self, places: Indices, x: Numbers) -> Numbers:  # noqa: ARG002 -- f of one number is the same everywhere
        """The values at abscissae, wherever they are wanted: f of one number is the same for all places."""
        return self(x)

    def _inside_alone(self, x: Numbers, inside: Mask) -> Numbers:
        """The values where f may be evaluated, NaN elsewhere."""
        known = self(x[inside])
        values = np.full((*x.shape, *known.shape[1:]), self._nothing)
        values[inside] = known
        return values

    def values_for(self, x: Numbers, owner: Indices) -> Numbers:
        """Values of f for some points, each computed once, however often it is requested.

        Parameters
        ----------
        x : ndarray, shape ``(k, n)``
            Numbers, whose columns belong to the points ``owner``; outside the domain the value is NaN.
        owner : ndarray of int, shape ``(n,)``
            To whom the values are charged; one that two points share is charged to the first.

        Returns
        -------
        ndarray, shape ``(k, n)``
        """
        requested, first, where = np.unique(x, return_index=True, return_inverse=True)
        place, known = self._places(requested)
        new = np.isfinite(requested) & ~known
        if self._domain != EVERYWHERE:
            new &= _inside(requested, self._domain)
        if np.any(new):
            np.add.at(self.charged, owner[first[new] % owner.size], 1)
            points = np.concatenate([self._points, requested[new]])
            order = np.argsort(points)
            self._values = np.concatenate([self._values, self(requested[new])])[order]
            self._points = points[order]
            place, known = self._places(requested)
        values = np.full(requested.shape, np.nan, dtype=self._values.dtype)
        values[known] = self._values[place[known]]
        return values[where].reshape(x.shape)

    def _places(self, requested: Numbers) -> tuple[Indices, Mask]:
        """Where among the remembered points those of a request are, and whether they are there."""
        if not self._points.size:
            return np.zeros(requested.shape, dtype=np.intp), np.zeros(requested.shape, dtype=bool)
        place = np.minimum(np.searchsorted(self._points, requested), self._points.size - 1)
        return place, self._points[place] == requested

    def meet(self, point: Array) -> None:
        """Evaluate the first of the points to come, where that tells how many numbers f gives and is needed anyway."""
        if self.width is None and self._vectorized is None:
            with np.errstate(all="ignore"):
                self._first = self._single(point)
            if np.isfinite(self._first).any():
                self.width = np.size(self._first)

    # Arrays of points

    def _complex_values_at(self, points: Numbers) -> Numbers:
        """The values at complex points; one whose imaginary part f discards has none."""
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            return self._values_at(points)

    def _values_at(self, points: Numbers) -> Numbers:
        first, self._first = self._first, None
        if self._vectorized is None and len(points) >= (MIN_POINTS if self._shape else MIN_NUMBERS):
            length = next((k for k in range(len(points), MIN_POINTS - 1, -1) if k not in self._shape), 0)
            if length == len(points) or not self._shape:
                return self._probed(points, first)
            if length:
                return self._in_two(points, length, first)
        values = self._batch(points) if self._vectorized else None
        if values is None:
            return self._one_by_one(points, first)
        self.width = values.size // len(points)
        return values

    def _in_two(self, points: Numbers, length: int, first: Any) -> Numbers:
        """The values at points whose number is a length of a point, in parts whose numbers are not."""
        parts = [self._probed(points[:length], first), self._values_at(points[length:])]
        rows = [rows_of(part) for part in parts]
        return np.concatenate([np.broadcast_to(row, (len(row), self.width or 1)) for row in rows])

    def _probed(self, points: Numbers, first: Any) -> Numbers:
        """The values at points by which it shows whether f takes arrays."""
        before = self._single(self._point(points, 0), probe=True) if first is None else first
        values = self._batch(points)
        self.trials += values is None
        if values is not None and self._proves(points, values, before):
            return values if self.width is not None else values.reshape(len(points), -1)[:, 0]
        self._vectorized = False
        values = self._one_by_one(points, first)
        rows = rows_of(values)
        later = rows[0] if first is None else self._single(self._point(points, 0), probe=True)
        self._refuse_two_answers(points, rows, np.ravel(before), np.ravel(later))
        return values

    def _batch(self, points: Numbers) -> Numbers | None:
        """All values by one call, or None where that fails."""
        result = self._result(points, [])
        if result is None or isinstance(result, SCALARS) or result.ndim == 0 or len(result) != len(points):
            return None
        if result.ndim > 1 and not (self._several and (result.size or self._empty)):
            return None
        values = result if result.ndim == 1 else rows_of(result)
        if self.width not in (None, 1 if values.ndim == 1 else values.shape[1]):
            return None
        finite = np.isfinite(values)
        return values if finite.all() else np.where(finite, values, self._nothing)

    def _proves(self, points: Numbers, values: Numbers, before: Any) -> bool:
        """Whether two rows of a batch are those of single calls; remembered if both have a value."""
        rows = rows_of(values)
        count, *probes = _unlike(rows)
        for k in probes:
            single = before if k == 0 else self._single(self._point(points, k), probe=True)
            if not _matches(single, rows[k]):
                return False
        if count or not rows.size:
            self.width = rows.shape[1]
        self._vectorized = True if count > 1 else None
        return True

    def _refuse_two_answers(self, points: Numbers, rows: Numbers, before: Numbers, later: Numbers) -> None:
        """Compare two values at the first point, or, where there was none before, at the first with a value."""
        k = 0
        if np.isfinite(before).all() and not np.isfinite(later).all():
            self.failures.remark = SPOILT
            return
        if not np.isfinite(before).all():
            valued = np.flatnonzero(np.isfinite(rows).all(axis=1))
            if not valued.size:
                return
            k = int(valued[0])
            before, later = np.ravel(self._single(self._point(points, k), probe=True)), rows[k]
        if before.shape != later.shape or not self._is_same_answer(later, before):
            raise ValueError(self._two_answers(points[k].real.tolist(), later, before))

    def _is_same_answer(self, once: Numbers, again: Numbers) -> bool:
        near = (once == again) | (np.abs(once - again) <= NOISE_DEVIATIONS * self._noise)
        return bool(np.all(near)) or (bool(self._shape) and agree(once, again))

    def _two_answers(self, point: float | list[float], once: Numbers, again: Numbers) -> str:
        both = f"f gives two answers for x = {shown(point)}: {shown(once.tolist())} and {shown(again.tolist())}"
        if self._noise:
            return f"{both}, farther apart than noise={self._noise!r} explains; write its standard deviation"
        return (
            f"{both}; let it depend on x alone, and fix the seed where it draws random numbers, or write their "
            "standard deviation, noise=..., in dk.derivative; vectorized=False is for an f that takes no arrays and "
            "keeps something between its calls"
        )

    # Single points

    def _point(self, points: Numbers, k: int) -> Any:
        return points[k] if self._shape else points[k].item()

    def _one_by_one(self, points: Numbers, first: Any = None) -> Numbers:
        known = [] if first is None else [first]
        rest = points[len(known) :]
        singles = known + self._singles(rest if self._shape else rest.tolist())
        if self.width in (None, 1) and all(isinstance(single, SCALARS) for single in singles):
            values = np.array(singles)
            finite = np.isfinite(values)
            self.width = 1 if finite.any() else self.width
        else:
            values = self._rows(points, singles)
            finite = np.isfinite(values)
        return values if finite.all() else np.where(finite, values, self._nothing)

    def _singles(self, points: Numbers | list[Any]) -> list[Any]:
        if self._executor is None:
            one = self._single if self._shape or self._container is not None else self._number
            return [one(point) for point in points]
        arguments = [next(self._arguments(point)) for point in points]
        calls = outcomes(self._executor, self._call, arguments)
        return [self._single(point, call) for point, call in zip(points, calls, strict=True)]

    def _number(self, point: float) -> Any:
        """f of a number, at once where that gives a float."""
        try:
            value = self._call(point)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 -- whatever somebody's f raises means that it is not defined there
            return self._single(point, Outcome(error=error))
        if type(value) is not float:
            return self._single(point, Outcome(value))
        self._tries = 0
        return value

    def _rows(self, points: Numbers, singles: Sequence[Any]) -> Numbers:
        """Values of several numbers each, shape ``(k, width)``; where f has no value, it has none of its numbers."""
        if self.width is None:
            self.width = max(np.size(single) for single in singles if np.ndim(single) or np.isfinite(single))
        values = np.full((len(singles), self.width), self._nothing)
        for row, (single, point) in enumerate(zip(singles, points, strict=True)):
            if np.size(single) == self.width:
                values[row] = single
            elif np.all(np.isfinite(single)):
                here = f"f gives {counted(np.size(single), 'number')} at x = {shown(point.tolist())}"
                raise ValueError(f"{here}, and {self.width} elsewhere; give as many")
        return values

    def _single(self, point: Any, call: Callable[[Any], Any] | None = None, *, probe: bool = False) -> Any:
        """f of one point, which for a number may have to be an array of one; a probe counts no exceptions.

        The call is what f did there already, if it did.
        """
        errors: list[Exception] = []
        value: Any = self._nothing
        self.trials += probe
        for argument in self._arguments(point):
            result = self._result(argument, errors, call)
            call = None
            if result is None:
                continue
            if isinstance(result, SCALARS):
                value, self._tries = result, 0 if argument is point else TRIES
                break
            if result.size == 1 or (self._several and (result.size or self._empty)):
                value = result.item() if result.size == 1 else result.reshape(-1)
                self._tries = 0 if argument is point else TRIES
                break
            errors.append(TypeError(f"f gives {result.size or 'no'} numbers where one is wanted; {SEVERAL}"))
        # 1/x raises for the number 0, and gives infinity for an array of it.
        if errors and not probe and not np.all(np.isfinite(value)):
            self.failures.note(errors[0], point.copy() if self._shape else float(point.real))
        return value

    def _arguments(self, point: Any) -> Iterator[Any]:
        """What f is given for one point, the next where it fails: an array, unless a number has sufficed."""
        if self._container is not None:
            yield self._container(np.array(point))
        elif self._shape:
            yield point.copy()
        else:
            yield point
            if self._tries > 0:
                self._tries -= 1
                yield np.array([point])

    def _result(self, argument: Any, errors: list[Exception], call: Callable[[Any], Any] | None = None) -> Any:
        """f of the argument: a float, a complex number or an array, or None where it fails."""
        fault: Exception
        try:
            result = (call or self._call)(argument)
            if isinstance(result, float) or (self._complex and isinstance(result, complex)):
                return result
            return self._as_numbers(as_array(result))
        except MemoryError:
            raise
        except NotRealError as error:
            remedy = next(remedy for start, remedy in REMEDIES.items() if str(error).startswith(start))
            fault = TypeError(f"f gives {error}{remedy}")
        except Exception as error:  # noqa: BLE001 -- whatever somebody's f raises means that it is not defined there
            fault = error
        errors.append(fault)
        return None

    def _as_numbers(self, result: Numbers) -> Numbers:
        if self._complex:  # objects may be complex numbers of another library
            return (result if result.dtype.kind in "cO" else as_float64(result)).astype(np.complex128, copy=False)
        self._narrow |= result.dtype.kind == "f" and result.dtype.itemsize < np.float64().itemsize
        return as_float64(result)


def rows_of(values: Numbers) -> Numbers:
    """Values in rows, one for each point."""
    return values.reshape(len(values), values.size // len(values))


def _unlike(rows: Numbers) -> tuple[int, int, int]:
    """How many rows have a value, the first of them, and the one that differs most from it.

    A running sum may come back to its start. If fewer than two have a value, the first and the last row.
    """
    totals = (
        rows[:, 0] if rows.shape[1] == 1 else np.where(np.isfinite(rows).any(axis=1), np.nansum(rows, axis=1), np.nan)
    )
    finite = np.isfinite(totals)
    count = int(np.count_nonzero(finite))
    if count < 2:
        return count, 0, len(rows) - 1
    first = int(np.argmax(finite))
    far = totals - totals[first]
    far = np.abs(far, out=far if far.dtype == np.float64 else None)
    last = int(np.argmax(far if count == len(rows) else np.where(finite, far, -1.0)))
    return count, first, last if far[last] else len(rows) - 1 - int(np.argmax(finite[::-1]))


def _matches(single: Any, row: Numbers) -> bool:
    """Whether a row of a batch is what f gave for the point alone; one NaN stands for all numbers."""
    if isinstance(single, float) and row.size == 1 and row.dtype == np.float64:
        value = float(row[0])
        return agree(single, value) if math.isfinite(single) else math.isnan(value)
    alone = np.ravel(single)
    finite = np.isfinite(alone)
    if not finite.any():
        return bool(np.isnan(row).all())
    return alone.size == row.size and agree(alone if finite.all() else np.where(finite, alone, math.nan), row)


def _inside(x: Numbers, domain: Domain) -> Mask:
    return np.asarray((domain[0] <= x.real) & (x.real <= domain[1]))
