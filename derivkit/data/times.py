"""Times of samples: numbers, dates or spans of time, and back again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from derivkit.arguments import as_array, numbers, shown
from derivkit.types import Array

NANOSECONDS = 1e9
"""To a second."""

UNITS = (
    *(("D", "days", 86_400_000_000_000), ("m", "h", 3_600_000_000_000), ("m", "min", 60_000_000_000)),
    *(("s", "s", 1_000_000_000), ("ms", "ms", 1_000_000), ("us", "µs", 1000), ("ns", "ns", 1)),
)
"""What dates are rounded to, in nanoseconds: to what NumPy writes them, as an hour without its minutes is not known for
one, and what people call it."""
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
        array = _as_dates(name, as_array(value))
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
    array = _as_dates("t", as_array(t))
    if array.dtype.kind not in "Mm":
        return Clock()
    known = _nanoseconds(array)[~np.isnat(array)]
    return Clock(array.dtype.kind, int(known.min()) if known.size else 0)


def with_span(moment: np.datetime64, bar: np.timedelta64) -> str:
    """A date to the unit in which its bar is at least 1, and the bar in two digits of that.

    Examples
    --------
    >>> with_span(np.datetime64("2026-01-21T00:14:33.123456789"), np.timedelta64(1500, "s"))
    '2026-01-21T00:15 ± 25 min'
    """
    nanoseconds = int(bar.astype("timedelta64[ns]").astype(np.int64))
    for code, name, size in UNITS:
        if nanoseconds >= size:
            count = int(moment.astype("datetime64[ns]").astype(np.int64))
            rounded = np.datetime64((count + size // 2) // size * size, "ns")
            return f"{rounded.astype(f'datetime64[{code}]')} ± {nanoseconds / size:.2g} {name}"
    return str(moment)


def _as_dates(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Dates as NumPy has them, where they are texts, or Python's or pandas' own; those of a zone in UTC."""
    if array.dtype.kind == "U" or (
        array.dtype.kind == "O" and array.size and all(isinstance(e, str) for e in array.flat)
    ):
        return np.array([_read(name, str(text)) for text in array.flat], "datetime64[ns]").reshape(array.shape)
    if array.dtype.kind != "O" or not array.size or not all(hasattr(entry, "isoformat") for entry in array.flat):
        return array
    return np.array([_utc(moment) for moment in array.flat], dtype="datetime64[ns]").reshape(array.shape)


def _read(name: str, text: str) -> Any:
    """The date that a text is."""
    try:
        moment = _utc(datetime.fromisoformat(text.strip()))
    except ValueError:
        raise ValueError(f"{name}={text!r}: neither a number nor a date; write a date as 2026-01-31T12:30") from None
    return moment


def _utc(moment: Any) -> Any:
    zone = getattr(moment, "tzinfo", None)
    return moment if zone is None else (moment - moment.utcoffset()).replace(tzinfo=None)


def _nanoseconds(array: NDArray[Any]) -> NDArray[np.int64]:
    return array.astype("datetime64[ns]" if array.dtype.kind == "M" else "timedelta64[ns]").astype(np.int64)
