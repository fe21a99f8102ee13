"""The figures of a run, drawn from its tables as they are on disk."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from experiments import figures, tables
from experiments.running.execution import Run
from experiments.running.requested import Spec
from experiments.study import Study

MOST_READ = 500_000
"""Most rows of a table that a figure reads whole."""


def refuse(study: Study, requested: Mapping[str, Spec]) -> None:
    """Raise ValueError, in one line, for a figure that cannot be drawn from the study's tables."""
    shapes = {name: (*columns, "job") for name, columns in study.shapes.items()}
    for spec in requested.values():
        figures.check(figures.completed(spec, study.tables), shapes)


def draw(run: Run, requested: Mapping[str, Spec], records: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Draw the figures whose tables have values, from the files; return name, SVG and caption of each."""
    drawn = []
    for name, brief in requested.items():
        spec = figures.completed(brief, run.study.tables)
        if figures.columns_needed(spec).keys() <= records.keys():
            frames, panels = _frames(run, spec, records)
            if not figures.empty(frames, spec):
                drawn.append((name, _draw(run, name, frames, spec), figures.caption(frames, spec, panels)))
    return drawn


def _frames(run: Run, spec: Mapping[str, Any], records: Mapping[str, Any]) -> tuple[dict[str, Any], int | None]:
    """Read what a figure shows; of a table above MOST_READ rows the panels shown only, with how many there are.

    Where these have more rows than that, one in so many is read.
    """
    paths = {name: run.directory / f"{name}.parquet" for name in records}
    where: dict[str, list[object]] = {}
    panels, shown = None, 1
    columns = figures.panel_columns(spec)
    if records[spec["table"]].rows > MOST_READ and columns and not spec.get("where"):
        keys, panels = tables.distinct(paths[spec["table"]], columns, sys.maxsize)
        chosen = [keys[place] for place in figures.choose(keys, spec)]
        shown = len(chosen)
        where = {column: list(values) for column, values in zip(columns, zip(*chosen, strict=True), strict=True)}
    step = max(1, -(-records[spec["table"]].rows * shown // ((panels or 1) * MOST_READ)))
    needed = figures.columns_needed(spec)
    frames = {name: tables.read(paths[name], wanted, where) for name, wanted in needed.items() if name != spec["table"]}
    main, wanted = paths[spec["table"]], needed[spec["table"]]
    frames[spec["table"]] = (
        tables.read(main, wanted, where) if step == 1 else tables.read_every(main, wanted, where, step)
    )
    return frames, panels


def _draw(run: Run, name: str, frames: Mapping[str, Any], spec: Mapping[str, Any]) -> str:
    """Save a figure in the formats of the run and return it as SVG."""
    figure, formats = figures.draw(frames, spec), run.figures["formats"]
    figures.save(figure, run.directory / "figures", name, formats)
    if "svg" in formats:
        return (run.directory / "figures" / f"{name}.svg").read_text(encoding="utf-8")
    with TemporaryDirectory() as elsewhere:
        (path,) = figures.save(figure, Path(elsewhere), name, ["svg"])
        return path.read_text(encoding="utf-8")
