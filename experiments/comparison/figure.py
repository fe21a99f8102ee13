"""The figure of a comparison: error curves of the runs on top of one another, their ratio below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from experiments import figures, tables
from experiments.comparison.differences import CHANGE, Plan
from experiments.comparison.joining import Words, match
from experiments.comparison.result import Result
from experiments.messages import ConfigurationError
from experiments.running.requested import figures_of
from experiments.running.runs import Stored

KEPT = ("x", "y", "series", "panel", "panels", "xlabel", "ylabel")
"""What the figure of a comparison takes over from one of a run."""

MOST_DRAWN = 500_000
"""Most rows of a run that a figure is drawn from."""
OTHERS_DRAWN = 3
"""Most runs drawn beside the first."""


def drawn(result: Result) -> list[tuple[str, str, str]]:
    """Draw the curves of the first figure of lines that the keys can hold, where rows changed, and their ratio.

    Runs without a row in common have no ratio: the curves of each are drawn in colours of their own.
    """
    spec = _spec(result)
    if spec is None or not result.differences.is_file():
        return []
    panel = figures.panel_columns(spec)
    changed = tables.head(result.differences, tables.GROUP)
    joined = any(change.joined for change in result.changes)
    if joined:
        changed = changed[changed[CHANGE] == "differs"]  # of a row that one run has alone there is no ratio
    if changed.empty:
        return []
    keys = list(changed[panel].drop_duplicates().itertuples(index=False, name=None))
    shown = [keys[place] for place in figures.choose(keys, spec)]
    frames = {"curves": _frame(result, spec, shown)}
    if not joined:
        spec = {key: value for key, value in spec.items() if key != "ratio"} | {"kind": "overlaid"}
        _tell_apart(frames["curves"], spec)
    if figures.empty(frames, spec):
        return []
    figure = figures.draw(frames, spec)
    paths = figures.save(figure, result.directory / "figures", "compared", ["svg", "png"])
    return [("compared", paths[0].read_text(encoding="utf-8"), figures.caption(frames, spec, len(keys)))]


def _spec(result: Result) -> dict[str, Any] | None:
    """Return what to draw, from the configuration of the first run."""
    kept = lines_of(result.runs[0], result.plan)
    more = {"kind": "compared", "table": "curves", "runs": "compared_run", "ratio": "compared_ratio"}
    return None if kept is None else {**more, **kept}


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


def _tell_apart(frame: Any, spec: dict[str, Any]) -> None:
    """Give the lines of each run names, and so colours, of their own."""
    series, runs = spec["series"], spec["runs"]
    frame[series] = [f"{name} of {run}" for name, run in zip(frame[series], frame[runs], strict=True)]
    spec["series"] = f"{series} and run"
    frame[spec["series"]] = frame.pop(series)


def _frame(result: Result, spec: Mapping[str, Any], shown: Sequence[tuple[Any, ...]]) -> Any:
    """Return the rows of the panels shown, of every run, with their ratio to those of the first."""
    plan, y = result.plan, spec["y"]
    words = tables.Words({name: plan.columns[name] for name in (*plan.keys, y)})
    panel = figures.panel_columns(spec)
    picked = [_picked(words, run.table, panel, shown) for run in result.runs[: 1 + OTHERS_DRAWN]]
    parts: dict[str, list[Any]] = {name: [] for name in (*plan.keys, y, spec["runs"], spec["ratio"])}
    for name, rows in zip(result.names, picked, strict=False):
        left, right = match(picked[0], rows, range(len(plan.keys)))
        ratio = np.full(rows.shape[1], np.nan)
        with np.errstate(all="ignore"):
            ratio[right] = rows[-1, right].view(np.float64) / picked[0][-1, left].view(np.float64)
        columns = {column: words.values(column, line) for column, line in zip(words.columns, rows, strict=True)}
        columns |= {spec["runs"]: (np.zeros(ratio.size, dtype=np.int8), (name,)), spec["ratio"]: ratio}
        for column, values in tables.frame_of(columns).items():
            parts[str(column)].append(values.to_numpy())
    return tables.frame_of({name: np.concatenate(arrays) for name, arrays in parts.items()})


def _picked(words: tables.Words, path: Path, panel: Sequence[str], shown: Sequence[tuple[Any, ...]]) -> Words:
    """Return the rows that belong to a panel shown, the first MOST_DRAWN of them."""
    places = [list(words.columns).index(name) for name in panel]
    kept, rows = [np.empty((len(words.columns), 0), dtype=np.int64)], 0
    for block in words.blocks(path):
        wanted = [[_word(words, name, value) for name, value in zip(panel, key, strict=True)] for key in shown]
        inside = np.zeros(block.shape[1], dtype=np.bool_)
        for key in wanted:
            inside |= np.all([block[k] == word for k, word in zip(places, key, strict=True)], axis=0)
        kept.append(block[:, inside])
        rows += kept[-1].shape[1]
        if rows > MOST_DRAWN:
            break
    return np.concatenate(kept, axis=1)[:, :MOST_DRAWN]


def _word(words: tables.Words, name: str, value: Any) -> int:
    if name in words.books:
        return words.books[name].code(str(value))
    return int(np.array([value], dtype=np.float64).view(np.int64)[0]) if words.columns[name] is float else int(value)
