"""The data of the slider over delta, from the tables `secants`, `curves` and `turning` of a study that has them.

Numbers are only selected and written short: what they mean was computed by the study. Beside a derivative that was
measured, with a bar, stand estimates of as many digits as the bar vouches for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from experiments import tables
from experiments.looks import looks_of
from experiments.page.report import Slider

Columns = Mapping[str, NDArray[Any]]

CURVE = "f"
"""The line of the table `curves` that is the graph of the function."""
ACROSS, UP = ("left", "right", "through"), ("left_value", "right_value", "height")
"""Columns that are only places on the screen, in x and in y."""
PARTS = 10_000
"""Into so many parts of the picture a place is told apart: its widest side has fewer pixels."""
SHORT, DIGITS = ("delta", "error"), 6
"""Columns of which three digits are shown, and how many arrive."""
ALL_DIGITS = 17
"""Of an estimate beside an exact derivative: each of them is right or seen to be wrong."""
TEXTS = ("larger", "status")
MIN_DELTAS = 2
"""Deltas without which nothing can be moved."""
MAX_PLACES = 8
"""Most functions with their points that the page holds: each takes some 10 to 30 kB."""


def read(paths: Mapping[str, Path]) -> Slider | None:
    """Return what the slider shows, or None where a study has no such tables or one delta only."""
    if not {"secants", "curves"} <= paths.keys():
        return None
    secants, curves = (tables.columns_of(paths[name]) for name in ("secants", "curves"))
    turnings = _turnings(tables.columns_of(paths["turning"])) if "turning" in paths else {}
    bars = _bars(tables.columns_of(paths["answers"])) if "answers" in paths else {}
    keys = list(_keys(secants, "function", "x"))
    turnings = {key: row for key, row in turnings.items() if key[:2] in keys[:MAX_PLACES]}
    places = [place for key in keys[:MAX_PLACES] if (place := _place(key, secants, curves, turnings, bars))]
    if not places:
        return None
    left_out = f"Here are the first {MAX_PLACES} of {len(keys)} functions and points." if len(keys) > MAX_PLACES else ""
    return Slider(places, [sentence for _, _, sentence in turnings.values()], left_out)


Key = tuple[str, float]
Turning = dict[tuple[str, float, str], tuple[float, bool, str]]


def _turnings(turning: Columns) -> Turning:
    """For each function, point and method: the best delta, whether rounding takes over below it, and a sentence."""
    names = ("function", "x", "method", "delta", "rounding", "sentence")
    rows = zip(*(turning[name].tolist() for name in names), strict=True)
    return {(function, x, method): (delta, rounding, text) for function, x, method, delta, rounding, text in rows}


def _bars(answers: Columns) -> dict[tuple[str, float], float]:
    """The bars of the derivatives that were measured, by function and point; the others are exact."""
    rows = zip(*(answers[name].tolist() for name in ("function", "x", "bar", "exact")), strict=True)
    return {(function, x): bar for function, x, bar, exact in rows if math.isnan(exact) and math.isfinite(bar)}


def _keys(columns: Columns, *names: str) -> Iterator[tuple[Any, ...]]:
    yield from dict.fromkeys(zip(*(columns[name].tolist() for name in names), strict=True))


def _place(
    key: tuple[Any, ...], secants: Columns, curves: Columns, turnings: Turning, bars: Mapping[Key, float]
) -> dict[str, Any] | None:
    function, x = key
    curve = _rows(curves, function=function, x=x, line=CURVE)
    here = _rows(secants, function=function, x=x)
    methods = [
        _method(_rows(here, method=method), turnings.get((function, x, method)), turnings, bars.get((function, x)))
        for (method,) in _keys(here, "method")
    ]
    moved = [method for method in methods if len(method["delta"]) >= MIN_DELTAS]
    looks = looks_of([method["name"] for method in moved])
    # without a tangent there is nothing that the secant comes near to
    if not (moved and np.isfinite(curve["y"]).any() and np.isfinite(here["exact"]).any()):
        return None
    t, first = np.unique(curve["t"], return_index=True)
    across, up = _places(t), _places(curve["y"])
    places = {**dict.fromkeys(ACROSS, across), **dict.fromkeys(UP, up)}
    return {
        "name": f"{function} at x = {x:g}",
        "x": x,
        "height": _number(float(here["value"][0])),
        "t": across(t),
        "y": up(curve["y"][first]),
        "methods": [
            method | {"colour": looks[method["name"]].colour} | {name: of(method[name]) for name, of in places.items()}
            for method in moved
        ],
    }


def _places(picture: NDArray[np.float64]) -> Callable[[NDArray[np.float64]], list[float | None]]:
    """Return what rounds places to a part of the picture that is as wide as these values reach."""
    width = float(np.ptp(picture[np.isfinite(picture)])) or 1.0
    decimals = math.ceil(math.log10(PARTS / width))
    return lambda values: [_number(round(value, decimals)) for value in values.tolist()]


def _rows(columns: Columns, **where: object) -> Columns:
    chosen = np.logical_and.reduce([columns[name] == value for name, value in where.items()])
    return {name: values[chosen] for name, values in columns.items()}


def _method(
    rows: Columns, turning: tuple[float, bool, str] | None, turnings: Turning, bar: float | None
) -> dict[str, Any]:
    # Jobs that differ in something else hold the same rows.
    _, first = np.unique(rows["delta"], return_index=True)
    best, rounding, _ = turning or (math.nan, False, "")
    sentences = list(turnings.values())
    texts = {name: rows[name][first].tolist() for name in TEXTS}
    known = list(dict.fromkeys(text for column in texts.values() for text in column))
    exact = float(rows["exact"][0])
    measured = "" if bar is None else dk.with_bar(exact, bar)
    digits = sum(map(str.isdigit, measured.split("e")[0].split(" ")[0].lstrip("-0."))) if measured else ALL_DIGITS
    return {
        "name": str(rows["method"][0]),
        "exact": _number(exact),
        "measured": measured,
        "best": _short(best),
        "rounding": bool(rounding),
        "sentence": sentences.index(turning) if turning else -1,
        **{name: rows[name][first] for name in (*ACROSS, *UP)},
        **{name: [_short(value) for value in rows[name][first].tolist()] for name in SHORT},
        "estimate": [_number(float(f"{value:.{digits}g}")) for value in rows["estimate"][first].tolist()],
        "texts": known,
        **{name: [known.index(text) for text in column] for name, column in texts.items()},
    }


def _short(value: float) -> float | None:
    """A delta or an error: equal ones arrive as equal numbers."""
    return _number(float(f"{value:.{DIGITS}g}"))


def _number(value: float) -> float | None:
    """A number as JSON has it: null where there is none, and without a point where it is a whole one."""
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() and abs(value) < 1e15 else value
