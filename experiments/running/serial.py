"""Plain data as JSON: the same text, and the same hash, on every machine and in every version."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import numbers
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from experiments import files


def plain(value: object) -> object:
    """Return a value as JSON can hold it.

    Floats that are not finite become text, tuples lists, frozen dataclasses mappings of their fields, times
    ISO 8601 in UTC.
    """
    for kinds, convert in CONVERTERS:
        if isinstance(value, kinds):
            return convert(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} is not plain data: {value!r:.60}")


def _finite(value: float) -> float | str:
    value = float(value)
    return value if math.isfinite(value) else repr(value)


def _items(values: Sequence[object]) -> list[object]:
    """Convert what a list holds; the numbers of a long grid stay what they are."""
    return [value if type(value) is float and math.isfinite(value) else plain(value) for value in values]


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a record's keys are text, not {type(key).__name__}: {key!r:.60}")
    return key


def _utc(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone; use datetime.now(UTC)")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


# The first row that fits decides, so bool stands before the integers.
CONVERTERS: tuple[tuple[tuple[type, ...], Callable[[Any], object]], ...] = (
    ((bool, type(None)), lambda value: value),
    ((str,), str),
    ((Mapping,), lambda value: {_key(key): plain(item) for key, item in value.items()}),
    ((list, tuple), _items),
    ((numbers.Integral,), int),
    ((numbers.Real,), _finite),
    ((datetime,), _utc),
    ((os.PathLike,), os.fspath),
)


def configuration_hash(configuration: Mapping[str, object]) -> str:
    """Return the SHA-256 of a resolved configuration; the order of its keys does not enter.

    ``1`` and ``1.0`` are different configurations, and so are ``0.0`` and ``-0.0``; a list and a tuple of the
    same values are one.
    """
    text = json.dumps(plain(configuration), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def write_json(path: Path, content: object) -> None:
    """Write plain data as readable JSON; the file appears whole or not at all, and is on the disk when it does."""
    text = json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with files.replacing(path, durable=True) as file:
        # Bytes of the command line that are not UTF-8 become \udcXX, which is how JSON spells them.
        file.write(text.encode("utf-8", errors="backslashreplace"))
