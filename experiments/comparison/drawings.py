"""The figures of a comparison: error curves of a few runs and their ratio; of many runs curves, a map, and all keys.

What is drawn of a run is its first figure of lines over the keys of its rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments import figures, tables
from experiments.comparison.configured import shown
from experiments.comparison.differences import CHANGE, Plan
from experiments.comparison.ranking import Ranking
from experiments.comparison.result import Comparison
from experiments.comparison.sentences import about_shares
from experiments.messages import ConfigurationError
from experiments.running.run_figures import figures_of
from experiments.running.runs import Stored
from experiments.running.settings import FIELD_KEYS

KEPT = ("x", "y", "series", "panel", "panels", "xlabel", "ylabel")
"""What the figure of a comparison takes over from one of a run."""
MOST_DRAWN = 500_000
"""Most rows of a run that a figure is drawn from."""
OTHERS_DRAWN = 3
"""Most runs drawn beside the first."""
MOST_LINES = 120
"""Runs whose curves are drawn: more make a figure of many megabytes in which no line is seen."""
MOST_AXES = 6
"""Changed keys that parallel coordinates have an axis for: those that tell most of the best error."""
TEXTS, NUMBERS = 24, 200
"""Most different texts and numbers on an axis of a map."""
FEW_VALUES = 4
"""Values of a changed key up to which it gives the curves a colour."""
NONE = "no error is known"

Drawing = tuple[str, str, str, str]
"""The name of a figure, its SVG, its caption and its title."""
TITLES: Mapping[str, str] = {
    "compared": "The runs on top of one another",
    "curves": "The curves of all runs",
    "map": "The best error by two keys",
    "parallel": "The best error by all keys",
}


def drawn(comparison: Comparison) -> list[Drawing]:
    """Draw what can be drawn of the runs, and save it."""
    ranking = comparison.ranking
    if ranking is None:
        return list(_compared(comparison))
    if ranking.error is None or not ranking.known:
        return []
    return [*_curves(comparison, ranking), *_map(comparison, ranking), *_parallel(comparison, ranking)]


def _saved(
    comparison: Comparison,
    name: str,
    frames: Mapping[str, Any],
    spec: Mapping[str, Any],
    *,
    before: str = "",
    panels: int | None = None,
) -> Iterator[Drawing]:
    """Save a figure that shows something; `before` stands before its caption."""
    if not figures.empty(frames, spec):
        paths = figures.save(figures.draw(frames, spec), comparison.directory / "figures", name, ["svg", "png"])
        caption = figures.caption(frames, spec, panels)
        yield name, paths[0].read_text(encoding="utf-8"), f"{before} {caption}".strip(), TITLES[name]


# A few runs


def _compared(comparison: Comparison) -> Iterator[Drawing]:
    """Draw the curves of the panels in which rows changed, and their ratio to those of the first run.

    Runs without a row in common have no ratio: the curves of each are drawn in colours of their own.
    """
    lines = lines_of(comparison.runs[0], comparison.plan)
    if lines is None or not comparison.differences.is_file():
        return
    spec = {"kind": "compared", "table": "curves", "runs": "compared_run", "ratio": "compared_ratio", **lines}
    panel = figures.panel_columns(spec)
    rows = tables.head(comparison.differences, tables.GROUP)
    joined = any(change.joined for change in comparison.changes)
    if joined:
        rows = rows[rows[CHANGE] == "differs"]  # of a row that one run has alone there is no ratio
    if rows.empty:
        return
    keys = list(rows[panel].drop_duplicates().itertuples(index=False, name=None))
    frame = _frame(comparison, spec, [keys[place] for place in figures.choose(keys, spec)])
    if not joined:
        spec = {key: value for key, value in spec.items() if key != "ratio"} | {"kind": "overlaid"}
        _name_apart(frame, spec)
    yield from _saved(comparison, "compared", {"curves": frame}, spec, panels=len(keys))


def lines_of(run: Stored, plan: Plan) -> dict[str, Any] | None:
    """Return what a run's first figure of lines over its keys shows, None without such a figure that can be drawn."""
    requested: dict[str, Mapping[str, Any]] = {}
    with suppress(ConfigurationError):  # what cannot be drawn was said by the run
        requested = figures_of(run.record.jobs[0].configuration.get("figures"))
    for brief in requested.values():
        if brief.get("kind") != "lines" or brief.get("table") != run.table.stem:
            continue
        try:
            spec = figures.completed(brief, run.study.tables)
            figures.check(spec, {name: (*columns, "job") for name, columns in run.study.shapes.items()})
            over = {*figures.panel_columns(spec), spec["series"], spec["x"]}
        except (ValueError, TypeError, LookupError):
            continue
        if over <= set(plan.keys) and spec["y"] in plan.values:
            return {key: spec[key] for key in KEPT if spec.get(key) is not None}
    return None


def _name_apart(frame: Any, spec: dict[str, Any]) -> None:
    """Give the lines of each run names, and so colours, of their own."""
    series, runs = spec["series"], spec["runs"]
    frame[series] = [f"{name} of {run}" for name, run in zip(frame[series], frame[runs], strict=True)]
    spec["series"] = f"{series} and run"
    frame[spec["series"]] = frame.pop(series)


def _frame(comparison: Comparison, spec: Mapping[str, Any], shown: Sequence[tuple[Any, ...]]) -> Any:
    """Return the rows of the panels shown, of every run, with their ratio to those of the first."""
    plan, y = comparison.plan, spec["y"]
    encoding = tables.Encoding({name: plan.columns[name] for name in (*plan.keys, y)})
    panel = figures.panel_columns(spec)
    picked = [_picked(encoding, run.table, panel, shown) for run in comparison.runs[: 1 + OTHERS_DRAWN]]
    parts: dict[str, list[Any]] = {name: [] for name in (*plan.keys, y, spec["runs"], spec["ratio"])}
    for name, rows in zip(comparison.names, picked, strict=False):
        left, right = tables.match(picked[0], rows, range(len(plan.keys)))
        ratio = np.full(rows.shape[1], np.nan)
        with np.errstate(all="ignore"):
            ratio[right] = rows[-1, right].view(np.float64) / picked[0][-1, left].view(np.float64)
        columns = {column: encoding.decode(column, line) for column, line in zip(encoding.columns, rows, strict=True)}
        columns |= {spec["runs"]: (np.zeros(ratio.size, dtype=np.int8), (name,)), spec["ratio"]: ratio}
        for column, values in tables.frame_of(columns).items():
            parts[str(column)].append(values.to_numpy())
    return tables.frame_of({name: np.concatenate(arrays) for name, arrays in parts.items()})


def _picked(
    encoding: tables.Encoding, path: Path, panel: Sequence[str], shown: Sequence[tuple[Any, ...]]
) -> tables.Encoded:
    """Return the rows that belong to a panel shown, the first MOST_DRAWN of them."""
    places = [list(encoding.columns).index(name) for name in panel]
    kept, rows = [np.empty((len(encoding.columns), 0), dtype=np.int64)], 0
    for block in encoding.blocks(path):
        wanted = [[_word(encoding, name, value) for name, value in zip(panel, key, strict=True)] for key in shown]
        inside = np.zeros(block.shape[1], dtype=np.bool_)
        for key in wanted:
            inside |= np.all([block[k] == word for k, word in zip(places, key, strict=True)], axis=0)
        kept.append(block[:, inside])
        rows += kept[-1].shape[1]
        if rows > MOST_DRAWN:
            break
    return np.concatenate(kept, axis=1)[:, :MOST_DRAWN]


def _word(encoding: tables.Encoding, name: str, value: Any) -> int:
    if name in encoding.books:
        return encoding.books[name].code(str(value))
    return int(np.array([value], dtype=np.float64).view(np.int64)[0]) if encoding.columns[name] is float else int(value)


# Many runs: error curves


def _curves(comparison: Comparison, ranking: Ranking) -> Iterator[Drawing]:
    spec = _lines_of_the_study(comparison, ranking)
    if spec is None:
        return
    rows, plan, run = ranking.rows, comparison.plan, ranking.rows.run
    # Each distinct row once: what a later run has just so is already there.
    places = np.flatnonzero(np.isin(run, ranking.order[:MOST_LINES]) & (rows.original == np.arange(run.size)))
    needed = dict.fromkeys([*figures.panel_columns(spec), spec["series"], spec["x"], spec["y"]])
    frame = tables.frame_of({name: rows.column(name, places) for name in needed})
    frame["run"] = np.array(comparison.names, dtype=object)[run[places]]
    of_rows = {*plan.keys, *(key for field, keys in FIELD_KEYS.items() if field in plan.keys for key in keys)}
    extra = [key for key in ranking.keys if key not in of_rows and _has_few_values(ranking, key)][:2]
    if extra:
        labels = [
            ", ".join(f"{key} = {shown(ranking.keys[key][place])}" for key in extra)
            for place in range(len(comparison.names))
        ]
        lines = [f"{name}, {labels[k]}" for name, k in zip(frame[spec["series"]], run[places], strict=True)]
        spec |= {"series": " and ".join([spec["series"], *extra])}
        frame[spec["series"]] = lines
    part = f"Drawn from the {MOST_LINES} runs with the smallest best error."
    before = part if len(comparison.runs) > MOST_LINES else ""
    yield from _saved(comparison, "curves", {"curves": _smallest_first(frame, spec)}, spec, before=before)


def _smallest_first(frame: Any, spec: Mapping[str, Any]) -> Any:
    """Return the rows of a figure so that the panels with the smallest errors are the first ones."""
    panel = figures.panel_columns(spec)
    if not panel:
        return frame
    y = frame[spec["y"]].where(frame[spec["y"]] > 0)
    least = y.groupby([frame[name] for name in panel], observed=True, dropna=False).transform("min")
    return frame.iloc[np.argsort(least.to_numpy(), kind="stable")]


def _lines_of_the_study(comparison: Comparison, ranking: Ranking) -> dict[str, Any] | None:
    """Return what to draw: the first figure of lines over the keys that a run was configured with."""
    lines = next(filter(None, (lines_of(run, comparison.plan) for run in comparison.runs)), None)
    lines = lines or _lines_of_the_keys(comparison.plan, ranking)
    return None if lines is None else {"kind": "overlaid", "table": "curves", "runs": "run", **lines}


def _lines_of_the_keys(plan: Plan, ranking: Ranking) -> dict[str, Any] | None:
    """Return lines over the last key that is a number, a colour for the last text, a panel for all other keys."""
    numbers = [key for key in plan.keys if plan.columns[key] is float and (ranking.rows.floats(key) > 0).any()]
    texts = [key for key in plan.keys if plan.columns[key] is str]
    if not numbers or not texts:
        return None
    x, series = numbers[-1], texts[-1]
    return {"x": x, "y": ranking.error, "series": series, "panel": [key for key in plan.keys if key not in (x, series)]}


def _has_few_values(ranking: Ranking, key: str) -> bool:
    return 1 < len({shown(values) for values in ranking.keys[key]}) <= FEW_VALUES


# Many runs: the best error over two keys


def _map(comparison: Comparison, ranking: Ranking) -> Iterator[Drawing]:
    columns: dict[str, Any] = {}
    for key in dict.fromkeys((*ranking.shares, *ranking.keys)):
        values = _values(comparison.plan, ranking, key)
        if 1 < values.nunique() <= (TEXTS if _is_text(values) else NUMBERS):
            columns[key] = values
        if len(columns) == 2:
            break
    else:
        return
    across, up = sorted(columns, key=lambda key: (_is_text(columns[key]), -columns[key].nunique()))
    error = ranking.rows.floats(str(ranking.error))
    frame = tables.frame_of({"error": np.where(np.isfinite(error) & (error > 0), error, np.nan)})
    frame[across], frame[up] = columns[across], columns[up]
    frame = frame[frame[across].notna() & frame[up].notna()]
    cells = frame.groupby([across, up], observed=True, dropna=False)["error"].min().reset_index()
    cells["instead"] = NONE
    spec = {"kind": "map", "table": "cells", "x": across, "y": up, "value": "error", "instead": "instead",
            "label": f"best {ranking.error} of a cell"}  # fmt: skip
    yield from _saved(comparison, "map", {"cells": cells}, spec)


def _values(plan: Plan, ranking: Ranking, key: str) -> Any:
    """Return a key's value for each row, as a column of a frame: its own if it has one, else that of its run."""
    column: Any
    if key in plan.keys and key in plan.columns:
        column = ranking.rows.column(key)
    else:
        per_run = [values[0] if len(values) == 1 else None for values in ranking.keys[key]]
        if all(value is None or isinstance(value, int | float) for value in per_run):
            column = np.array([np.nan if value is None else float(value) for value in per_run])[ranking.rows.run]
        else:
            texts = [None if value is None else shown((value,)) for value in per_run]
            labels = list(dict.fromkeys(text for text in texts if text is not None))
            codes = np.array([-1 if text is None else labels.index(text) for text in texts])
            column = codes[ranking.rows.run], labels
    return tables.frame_of({key: column})[key]


def _is_text(values: Any) -> bool:
    return bool(values.dtype.kind not in "fiu")


# Many runs: all changed keys


def _parallel(comparison: Comparison, ranking: Ranking) -> Iterator[Drawing]:
    places = ranking.known
    values = {
        key: [ranking.value(key, place) for place in places] for key in dict.fromkeys((*ranking.shares, *ranking.keys))
    }
    keys = [key for key, of in values.items() if None not in of and len(set(of)) > 1][:MOST_AXES]
    if not keys:
        return
    frame = tables.frame_of({**{key: _uniform(values[key]) for key in keys}, "best": ranking.best[places]})
    frame["run"] = [comparison.names[place] for place in places]
    spec = {"kind": "parallel", "table": "runs", "series": "run", "axes": keys, "value": "best",
            "label": f"best {ranking.error}"}  # fmt: skip
    yield from _saved(comparison, "parallel", {"runs": frame}, spec, before=about_shares(ranking))


def _uniform(values: Sequence[Any]) -> NDArray[Any]:
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return np.array(values, dtype=np.float64)
    return np.array([shown((value,)) for value in values], dtype=object)
