"""Values of a function of many variables near one point, in batches where the function takes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from derivkit.function import SPOILT, Caller, Failures, Function, Mantissas, Raised, agree
from derivkit.types import Array, Indices

BATCH_BYTES = 2**20
"""The points of a batch take at most this, and so do their values; found by measurement, for 10 to 2000 entries."""
FEWEST = 3
"""Points that are worth the calls by which f is found out; a constant without a derivation."""


class Sampler:
    """Calls f at points that differ from x in some entries, and counts the points.

    f takes one point of x's shape; or batches too, shape ``(k, *x.shape)``, and gives k values, or k times as many as
    for one point. Shape alone does not prove the latter. A batch counts as understood if its length is none of x's
    lengths, so that no other axis can be mistaken for it, and if two of its values are those of single calls to 4 ulp,
    which they are not where f mixes the points of a batch. An f that is not understood is called point by point, and
    so is one that fails for a whole batch.

    An exception, a complex number, NaN or infinity means that f has no value there, and gives NaN; KeyboardInterrupt
    and MemoryError pass. Every call has its own copy of the point, or may not write to it.

    Parameters
    ----------
    f : callable
    x : ndarray
        The point, of any shape.
    one : bool
        Whether f must give one value; else it may give any number of them, the same at every point.
    vectorized : bool, optional
        Whether f takes batches, by somebody who knows.
    container : callable, optional
        Makes of an array of x's shape what f is given instead: a series with its labels.

    Attributes
    ----------
    width : int or None
        How many values f gives, once known.
    total : int
        Points at which f was evaluated, the two single calls that prove a batch apart.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        x: Array,
        *,
        one: bool,
        vectorized: bool | None = None,
        container: Callable[[Array], Any] | None = None,
    ) -> None:
        self._call = Caller(f.call if isinstance(f, Function) else f)
        known = f.vectorized if isinstance(f, Function) and vectorized is None else vectorized
        self._takes_batches = known if container is None else False
        self._container = container
        self._x = x
        self._failures = Failures()
        self._one = one
        self._met: Array | None = None
        self._mantissas = Mantissas()
        self.width = 1 if one else None
        self.total = 0

    @property
    def raised(self) -> tuple[Raised, ...]:
        """What f raised at single points, by type, in the order of first appearance."""
        return self._failures.raised

    @property
    def float32(self) -> bool:
        """Whether f computes in float32, or in less, as its values show."""
        return self._call.narrow or self._mantissas.float32

    @property
    def room(self) -> int:
        """Points in a batch; 1 where x, or what f gives, is as large as the bound."""
        return max(1, BATCH_BYTES // (8 * max(1, self._x.size, self.width or 0)))

    def __call__(self, index: Indices, entry: Array) -> Array:
        """Values of f at x with the entries of ``x.ravel()`` at ``index`` replaced, all others the same to the bit.

        Parameters
        ----------
        index, entry : ndarray, shape ``(k, r)``

        Returns
        -------
        ndarray, shape ``(k, width)``
            NaN where f has no value; one column while it has had none anywhere.

        Raises
        ------
        ValueError
            If f gives more or fewer values than at other points.
        """
        self.total += len(index)
        blocks, start = [], 0
        while start < len(index):
            rows = slice(start, start + self._length(len(index) - start))
            known = {} if self._met is None else {0: self._met}
            self._met = None
            points = self._points(index[rows], entry[rows])
            blocks.append(self._values(points, known))
            self._mantissas.see(points, blocks[-1])
            start = rows.stop
        return self._stacked(blocks)

    def meet(self, index: Indices, entry: Array) -> None:
        """Ask for the first of the points to come, shape ``(r,)``, so that the width and with it the room is known."""
        if self.width is None and self._takes_batches is not True:
            self._met = self._single(self._points(index[None], entry[None])[0])

    def at_x(self) -> Array:
        """f(x), shape ``(width,)``."""
        return cast("Array", self(np.empty((1, 0), dtype=np.intp), np.empty((1, 0)))[0])

    def _points(self, index: Indices, entry: Array) -> Array:
        points = np.repeat(self._x.reshape(1, -1), len(index), axis=0)
        np.put_along_axis(points, index, entry, axis=1)
        return points.reshape(-1, *self._x.shape)

    def _length(self, left: int) -> int:
        """How many points to take next: while f is not understood, no length of x if that can be helped."""
        most = min(left, self.room)
        if self._takes_batches is None:
            return next((k for k in range(most, FEWEST - 1, -1) if k not in self._x.shape), most)
        return most

    def _values(self, points: Array, known: dict[int, Array]) -> Array:
        tried = False
        if self._takes_batches is None and len(points) >= FEWEST and len(points) not in self._x.shape:
            # one point before the batch: an f that keeps something between its calls may be spoilt by it
            if 0 not in known:
                known[0] = self._single(points[0])
            found = self._batch(points)
            self._takes_batches = found is not None and self._proved(points, found, known)
            tried = not self._takes_batches
        else:
            found = self._batch(points) if self._takes_batches else None
        if found is not None and self._takes_batches:
            self.width = found.shape[1]
            return found
        singles = [known[k] if k in known else self._single(point) for k, point in enumerate(points)]
        if tried and self._is_spoilt(points[0], singles):
            self._failures.remark = SPOILT
        values = np.empty((len(points), self._columns))
        for row, single in zip(values, singles, strict=True):
            row[:] = single
        return values

    def _is_spoilt(self, first: Array, singles: Sequence[Array]) -> bool:
        """Whether f had a value at the first point before it was given a batch, and has none there afterwards."""
        alive, *rest = (np.isfinite(single).any() for single in singles)
        return bool(alive) and not any(rest) and not np.isfinite(self._single(first, probe=True)).any()

    def _batch(self, points: Array) -> Array | None:
        """All values by one call, or None where that fails."""
        guarded = points.view()
        guarded.flags.writeable = False  # an f that works in place must not move our points
        result = self._call(guarded)
        if result is None or result.ndim == 0 or len(result) != len(points):
            return None
        values = result.reshape(len(points), -1)
        return None if self.width not in (None, values.shape[1]) else _finite(values)

    def _proved(self, points: Array, found: Array, known: dict[int, Array]) -> bool | None:
        """Whether two rows are those of single calls; None where fewer than two have a value.

        The first row, and the one that differs most from it: a running sum over the batch comes back to its start.
        """
        rows = np.flatnonzero(np.isfinite(found).any(axis=1))
        if rows.size < 2:
            return None
        totals = np.nansum(found[rows], axis=1)
        far = np.abs(totals - totals[0])
        probes = int(rows[0]), int(rows[np.argmax(far) if far.any() else -1])
        for k in probes:
            if k not in known:
                known[k] = self._single(points[k])
        return all(len(known[k]) == found.shape[1] and agree(known[k], found[k]) for k in probes)

    def _single(self, point: Array, *, probe: bool = False) -> Array:
        """f at one point, which for a number may have to be given as an array of one; a probe counts no exceptions."""
        errors: list[Exception] = []
        if self._container is not None:
            arguments: tuple[Any, ...] = (self._container(point.copy()),)
        else:
            arguments = (point.copy(),) if point.ndim else (float(point), point.reshape(1).copy())
        for argument in arguments:
            value = self._call(argument, errors)
            if value is not None and (value.size != 1 or np.isfinite(value).all()):
                self._check(value.size)
                return _finite(value.ravel())
        if errors and not probe:
            self._failures.note(errors[0], point.copy() if point.ndim else float(point))
        return np.array([np.nan])

    def _check(self, size: int) -> None:
        if self.width is None:
            self.width = size
        elif size != self.width:
            raise ValueError(
                f"f gives {size} values where one is needed; dk.jacobian takes functions of several values"
                if self._one
                else f"f gives {self.width} values at one point and {size} at another; it must give as many everywhere"
            )

    @property
    def _columns(self) -> int:
        return 1 if self.width is None else self.width

    def _stacked(self, blocks: Sequence[Array]) -> Array:
        """Blocks of rows in one array; those of one column, from where f had no value, spread to all columns."""
        full = [np.broadcast_to(block, (len(block), self._columns)) for block in blocks]
        return full[0] if len(full) == 1 else np.concatenate([np.empty((0, self._columns)), *full])


def _finite(values: Array) -> Array:
    return np.where(np.isfinite(values), values, np.nan)
