"""The data of the slider over delta, from the tables `secants`, `curves` and `turning` of a study that has them.

Numbers are only selected and written short: what they mean was computed by the study.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments import tables
from experiments.page.report import Slider

Columns = Mapping[str, NDArray[Any]]

CURVE = "f"
"""The line of the table `curves` that is the graph of the function."""
ROUNDED = ("left", "left_value", "right", "right_value", "through", "height")
"""Columns that are only places on the screen: ten digits will do."""
UNROUNDED = ("delta", "estimate", "error")
"""Columns whose numbers are shown to the last digit."""
TEXTS = ("larger", "status")
MIN_DELTAS = 2
"""Deltas without which nothing can be moved."""
MAX_PLACES = 8
"""Most functions with their points that the page holds: each takes some 20 to 50 kB."""


def read(paths: Mapping[str, Path]) -> Slider | None:
    """Return what the slider shows, or None where a study has no such tables or one delta only."""
    if not {"secants", "curves"} <= paths.keys():
        return None
    secants, curves = (tables.columns_of(paths[name]) for name in ("secants", "curves"))
    turnings = _turnings(tables.columns_of(paths["turning"])) if "turning" in paths else {}
    keys = list(_keys(secants, "function", "x"))
    turnings = {key: row for key, row in turnings.items() if key[:2] in keys[:MAX_PLACES]}
    places = [place for key in keys[:MAX_PLACES] if (place := _place(key, secants, curves, turnings))]
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


def _keys(columns: Columns, *names: str) -> Iterator[tuple[Any, ...]]:
    yield from dict.fromkeys(zip(*(columns[name].tolist() for name in names), strict=True))


def _place(key: tuple[Any, ...], secants: Columns, curves: Columns, turnings: Turning) -> dict[str, Any] | None:
    function, x = key
    curve = _rows(curves, function=function, x=x, line=CURVE)
    here = _rows(secants, function=function, x=x)
    methods = [
        _method(_rows(here, method=method), turnings.get((function, x, method)), turnings)
        for (method,) in _keys(here, "method")
    ]
    moved = [method for method in methods if len(method["delta"]) >= MIN_DELTAS]
    if not (moved and np.isfinite(curve["y"]).any()):
        return None
    t, first = np.unique(curve["t"], return_index=True)
    return {
        "name": f"{function} at x = {x:g}",
        "x": x,
        "height": _number(float(here["value"][0])),
        "t": [_number(value) for value in t.tolist()],
        "y": [_number(value) for value in curve["y"][first].tolist()],
        "methods": moved,
    }


def _rows(columns: Columns, **where: object) -> Columns:
    chosen = np.logical_and.reduce([columns[name] == value for name, value in where.items()])
    return {name: values[chosen] for name, values in columns.items()}


def _method(rows: Columns, turning: tuple[float, bool, str] | None, turnings: Turning) -> dict[str, Any]:
    # Jobs that differ in something else hold the same rows.
    _, first = np.unique(rows["delta"], return_index=True)
    best, rounding, _ = turning or (math.nan, False, "")
    sentences = list(turnings.values())
    return {
        "name": str(rows["method"][0]),
        "exact": _whole(float(rows["exact"][0])),
        "best": _whole(best),
        "rounding": bool(rounding),
        "sentence": sentences.index(turning) if turning else -1,
        **{name: [_number(value) for value in rows[name][first].tolist()] for name in ROUNDED},
        **{name: [_whole(value) for value in rows[name][first].tolist()] for name in UNROUNDED},
        **{name: [str(value) for value in rows[name][first]] for name in TEXTS},
    }


def _whole(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _number(value: float) -> float | None:
    return float(f"{value:.10g}") if math.isfinite(value) else None
