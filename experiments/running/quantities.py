"""Numbers as a configuration writes them: digits, constants such as ``pi/2``, lists and grids of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import derivkit as dk
from experiments.messages import ConfigurationError, line_of, located, show
from experiments.running import grids

EXAMPLES = {"delta": "1e-4", "x": "pi/2"}


def number(where: str, value: object) -> float:
    """Return a finite float from a number or from the text of a constant such as ``pi/2``."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ConfigurationError(f"{where}={show(value)}: not a number; {_write(where)}")
    result = _constant(where, value) if isinstance(value, str) else _float(value)
    if not math.isfinite(result):
        raise ConfigurationError(f"{where}={show(value)}: not a finite number; {_write(where)}")
    return result


def numbers(where: str, value: object) -> tuple[float, ...]:
    """Return one or more finite floats from a number, a constant or a flat list of them."""
    entries = value if isinstance(value, (list, tuple)) else [value]
    if not entries:
        raise ConfigurationError(f"{where}=[]: the list is empty; {_write(where)}")
    if _grid(where, value) is not None:
        raise ConfigurationError(f"{where}={value}: a grid of {where} has up to {grids.LISTED} numbers; write fewer")
    for entry in entries:
        if isinstance(entry, (list, tuple)):
            raise ConfigurationError(f"{where}={show(value)}: a list within a list; write one list, {where}=[0.1,0.2]")
    return tuple(number(where, entry) for entry in entries)


def _write(where: str) -> str:
    return f"write a number or a constant, such as {where}={EXAMPLES.get(where, '1/3')}"


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _constant(where: str, text: str) -> float:
    if not text.strip():
        raise ConfigurationError(f"{where}= has no value; {_write(where)}")
    try:
        return float(text)
    except ValueError:
        pass
    if _is_list(text):
        raise ConfigurationError(
            f"{where}={show(text)}: one text, not several numbers; leave out the inner quotes, {where}={show(text)}"
        )
    try:
        return float(dk.constant(text))
    except ValueError as error:
        raise ConfigurationError(f"{where}={show(text)}: {line_of(error)}; {_write(where)}") from error


def _is_list(text: str) -> bool:
    """Whether a text holds several numbers between commas; two whole ones may be meant as a decimal comma."""
    parts = [part.strip() for part in text.split(",")]
    try:
        values = [float(part) for part in parts]
    except ValueError:
        return False
    return len(values) > 2 or (len(values) == 2 and not all(part.lstrip("+-").isdigit() for part in parts))


def deltas(plain: Mapping[str, object]) -> Sequence[float]:
    """Return the steps of a configuration: numbers greater than 0, or a grid of them."""
    grid = _grid("delta", plain["delta"])
    values = grid or numbers("delta", plain["delta"])
    for value in values if grid is None else grid.ends:
        if value <= 0:
            raise ConfigurationError(f"delta={value:g}: a step is greater than 0; write one such as delta=1e-4")
    return values


def _grid(where: str, value: object) -> grids.Grid | None:
    with located(where):
        return grids.described(value)
