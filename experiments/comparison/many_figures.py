"""The figures of many runs: their error curves, the best error over two changed keys, and over all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments import figures, tables
from experiments.comparison.configured import shown
from experiments.comparison.figure import lines_of
from experiments.comparison.many import Many
from experiments.running.settings import FIELD_KEYS

MOST_LINES = 120
"""Runs whose curves are drawn: more make a figure of many megabytes in which no line is seen."""
MOST_TOLD = 6
"""Changed keys that parallel coordinates have an axis for: those that tell most of the best error."""
TEXTS, NUMBERS = 24, 200
"""Most different texts and numbers on an axis of a map."""
FEW_VALUES = 4
"""Values of a changed key up to which it gives the curves a colour."""
NONE = "no error is known"

Drawing = tuple[str, str, str]


def drawn(found: Many) -> list[Drawing]:
    """Draw what can be drawn of the runs; return name, SVG and caption of each figure."""
    if found.error is None or not np.isfinite(found.best).any():
        return []
    return [*_curves(found), *_map(found), *_parallel(found)]


def _saved(
    found: Many, name: str, frames: Mapping[str, Any], spec: Mapping[str, Any], says: str = ""
) -> Iterator[Drawing]:
    if not figures.empty(frames, spec):
        paths = figures.save(figures.draw(frames, spec), found.directory / "figures", name, ["svg", "png"])
        caption = figures.caption(frames, spec)
        yield name, paths[0].read_text(encoding="utf-8"), f"{says} {caption}".strip()


# Error curves


def _curves(found: Many) -> Iterator[Drawing]:
    spec = _lines_of_the_study(found)
    if spec is None:
        return
    shown_runs = found.ranked[:MOST_LINES]
    rows = found.rows
    run = rows.run
    # Each distinct row once: what a later run has just so is already there.
    own = np.flatnonzero(np.isin(run, shown_runs) & (rows.original == np.arange(run.size)))
    needed = dict.fromkeys([*figures.panel_columns(spec), spec["series"], spec["x"], spec["y"]])
    frame = tables.frame_of({name: rows.column(name, own) for name in needed})
    frame["run"] = np.array(found.names, dtype=object)[run[own]]
    told = {key for field, keys in FIELD_KEYS.items() if field in found.plan.keys for key in keys}
    extra = [key for key in found.keys if key not in {*found.plan.keys, *told} and _few(found, key)][:2]
    if extra:
        labels = [", ".join(f"{key} = {shown(found.keys[key][k])}" for key in extra) for k in range(len(found.names))]
        lines = [f"{name}, {labels[k]}" for name, k in zip(frame[spec["series"]], run[own], strict=True)]
        spec |= {"series": " and ".join([spec["series"], *extra])}
        frame[spec["series"]] = lines
    panel = figures.panel_columns(spec)
    if panel:  # the panels with the smallest errors are the first ones
        y = frame[spec["y"]].where(frame[spec["y"]] > 0)
        least = y.groupby([frame[name] for name in panel], observed=True, dropna=False).transform("min")
        frame = frame.iloc[np.argsort(least.to_numpy(), kind="stable")]
    says = ""
    if len(found.runs) > MOST_LINES:
        says = f"Drawn from the {MOST_LINES} runs with the smallest best error."
    yield from _saved(found, "curves", {"curves": frame}, spec, says)


def _lines_of_the_study(found: Many) -> dict[str, Any] | None:
    """Return what to draw: the first figure of lines over the keys that a run was configured with."""
    kept = next(filter(None, (lines_of(run, found.plan) for run in found.runs)), None)
    return _lines_of_the_keys(found) if kept is None else {"kind": "overlaid", "table": "curves", "runs": "run", **kept}


def _lines_of_the_keys(found: Many) -> dict[str, Any] | None:
    """Return lines over the last key that is a number, a colour for the last text, a panel for all other keys."""
    kinds = found.plan.columns
    numbers = [key for key in found.plan.keys if kinds[key] is float and (found.rows.floats(key) > 0).any()]
    texts = [key for key in found.plan.keys if kinds[key] is str]
    if not numbers or not texts:
        return None
    x, series = numbers[-1], texts[-1]
    panel = [key for key in found.plan.keys if key not in (x, series)]
    return {"kind": "overlaid", "table": "curves", "runs": "run", "x": x, "y": found.error, "series": series,
            "panel": panel}  # fmt: skip


def _few(found: Many, key: str) -> bool:
    return 1 < len({shown(values) for values in found.keys[key]}) <= FEW_VALUES


def about_best(found: Many) -> str:
    """Say which run has the smallest error, and where."""
    place = found.ranked[0]
    return (
        f"The smallest {found.error}, {found.best[place]:.3g}, is that of {found.names[place]} at {at(found, place)}."
    )


def at(found: Many, place: int, *, left_out: Collection[str] = ()) -> str:
    """Say at which keys a run has its best error."""
    where = [(key, value) for key, value in found.where[place].items() if key not in left_out]
    return ", ".join(f"{key} = {value:.4g}" if isinstance(value, float) else f"{key} = {value}" for key, value in where)


# The best error over two keys


def _map(found: Many) -> Iterator[Drawing]:
    columns: dict[str, Any] = {}
    for key in dict.fromkeys((*found.shares, *found.keys)):
        values = _values(found, key)
        if 1 < values.nunique() <= (TEXTS if _is_text(values) else NUMBERS):
            columns[key] = values
        if len(columns) == 2:
            break
    else:
        return
    across, up = sorted(columns, key=lambda key: (_is_text(columns[key]), -columns[key].nunique()))
    error = found.rows.floats(str(found.error))
    frame = tables.frame_of({"error": np.where(np.isfinite(error) & (error > 0), error, np.nan)})
    frame[across], frame[up] = columns[across], columns[up]
    frame = frame[frame[across].notna() & frame[up].notna()]
    cells = frame.groupby([across, up], observed=True, dropna=False)["error"].min().reset_index()
    cells["instead"] = NONE
    spec = {"kind": "map", "table": "cells", "x": across, "y": up, "value": "error", "instead": "instead",
            "label": f"best {found.error} of a cell"}  # fmt: skip
    yield from _saved(found, "map", {"cells": cells}, spec)


def _values(found: Many, key: str) -> Any:
    """Return a key's value for each row, as a column of a frame: its own if it has one, else that of its run."""
    column: Any
    if key in found.plan.keys and key in found.plan.columns:
        column = found.rows.column(key)
    else:
        per_run = [values[0] if len(values) == 1 else None for values in found.keys[key]]
        if all(value is None or isinstance(value, int | float) for value in per_run):
            column = np.array([np.nan if value is None else float(value) for value in per_run])[found.rows.run]
        else:
            texts = [None if value is None else shown((value,)) for value in per_run]
            labels = list(dict.fromkeys(text for text in texts if text is not None))
            codes = np.array([-1 if text is None else labels.index(text) for text in texts])
            column = codes[found.rows.run], labels
    return tables.frame_of({key: column})[key]


def _is_text(values: Any) -> bool:
    return bool(values.dtype.kind not in "fiu")


# All changed keys


def _parallel(found: Many) -> Iterator[Drawing]:
    there = [place for place in found.ranked if np.isfinite(found.best[place])]
    keys = [key for key in (*found.shares, *found.keys) if all(found.value(key, k) is not None for k in there)]
    keys = [key for key in dict.fromkeys(keys) if len({found.value(key, k) for k in there}) > 1][:MOST_TOLD]
    if not keys:
        return
    columns = {key: _uniform([found.value(key, k) for k in there]) for key in keys}
    frame = tables.frame_of({**columns, "best": found.best[there]})
    frame["run"] = [found.names[k] for k in there]
    spec = {"kind": "parallel", "table": "runs", "series": "run", "axes": keys, "value": "best",
            "label": f"best {found.error}"}  # fmt: skip
    yield from _saved(found, "parallel", {"runs": frame}, spec, about_shares(found))


def _uniform(values: Sequence[Any]) -> NDArray[Any]:
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return np.array(values, dtype=np.float64)
    return np.array([shown((value,)) for value in values], dtype=object)


def about_shares(found: Many) -> str:
    """Say on which of the changed keys the best error depends most."""
    told = [(key, share) for key, share in found.shares.items() if share >= 0.05]
    if not told:
        return ""
    key, share = told[0]
    more = " and ".join(f"{other} for {100 * part:.0f} %" for other, part in told[1:3])
    least = (
        f"The best {found.error} depends most on {key}, which accounts for {100 * share:.0f} % of its spread in decades"
    )
    return f"{least}; {more}." if more else f"{least}."
