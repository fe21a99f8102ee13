"""Times of samples: numbers, dates or spans of time, and back again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from derivkit.arguments import as_array, numbers, shown
from derivkit.types import Array

NANOSECONDS = 1e9
"""To a second."""

WORDS = {"": "numbers", "M": "dates", "m": "spans of time"}
"""What times of a kind are called."""


@dataclass(frozen=True)
class Clock:
    """How the times of a record are counted.

    Attributes
    ----------
    kind : str
        ``"M"`` of dates, ``"m"`` of spans, and empty of numbers.
    origin : int
        Nanoseconds at which seconds are counted from: those of the first date, so that none of its digits are lost.
    """

    kind: str = ""
    origin: int = 0

    @property
    def unit(self) -> str:
        """``s``, or nothing where nobody knows."""
        return "s" if self.kind else ""

    def read(self, name: str, value: ArrayLike) -> Array:
        """Times as numbers, of any shape.

        Raises
        ------
        TypeError, ValueError
            If they are of another kind, or one of them is missing.
        """
        array = _as_dates(as_array(value))
        kind = array.dtype.kind if array.dtype.kind in "Mm" else ""
        if kind != self.kind:
            raise TypeError(f"{name}={shown(value)}: give both t and {name} as {WORDS[self.kind]}")
        times = (_nanoseconds(array) - self.origin) / NANOSECONDS if kind else numbers(name, value)
        missing = np.isnat(array) if kind else ~np.isfinite(times)
        if np.any(missing):
            place = np.unravel_index(int(np.argmax(missing)), missing.shape)
            what = f"{name}[{', '.join(map(str, place))}]" if place else name
            raise ValueError(f"{what} is {array[place]}: every sample needs a time; leave those without one out")
        return np.asarray(times)

    def write(self, seconds: float) -> Any:
        """A time as it was given."""
        if not self.kind:
            return seconds
        kind = "datetime64[ns]" if self.kind == "M" else "timedelta64[ns]"
        return np.array(self.origin + round(seconds * NANOSECONDS)).astype(kind)[()]


def clock_of(t: ArrayLike) -> Clock:
    """How these times are counted."""
    array = _as_dates(as_array(t))
    if array.dtype.kind not in "Mm":
        return Clock()
    known = _nanoseconds(array)[~np.isnat(array)]
    return Clock(array.dtype.kind, int(known.min()) if known.size else 0)


def _as_dates(array: NDArray[Any]) -> NDArray[Any]:
    """Dates as NumPy has them, where Python's or pandas' own are kept as objects; those of a zone in UTC."""
    if array.dtype.kind != "O" or not array.size or not all(hasattr(entry, "isoformat") for entry in array.flat):
        return array
    return np.array([_utc(moment) for moment in array.flat], dtype="datetime64[ns]").reshape(array.shape)


def _utc(moment: Any) -> Any:
    zone = getattr(moment, "tzinfo", None)
    return moment if zone is None else (moment - moment.utcoffset()).replace(tzinfo=None)


def _nanoseconds(array: NDArray[Any]) -> NDArray[np.int64]:
    return array.astype("datetime64[ns]" if array.dtype.kind == "M" else "timedelta64[ns]").astype(np.int64)
