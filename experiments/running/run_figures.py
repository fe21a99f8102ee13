"""The figures of a run: which ones a configuration requests, and how they are drawn from the tables on disk.

One block of a configuration draws one figure, or with ``each`` one for every case.
"""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from experiments.files import fault_of_name
from experiments.messages import ConfigurationError, located, show
from experiments.page.report import Drawing, Table
from experiments.running.check import study_of
from experiments.running.execution import Run
from experiments.study import Study

Spec = Mapping[str, Any]
DIGITS_BESIDE = 4
"""Digits of a number in the small table beside a figure."""
MAX_REPEATED = 300
"""Most letters of how a figure is read that are said again under the next figure of the kind."""
MAX_ROWS_READ = 500_000
"""Most rows of a table that a figure reads whole."""


def figures_of(chosen: object) -> dict[str, Spec]:
    """Return what to draw for every figure, from the part ``figures`` of a configuration.

    ``each: {case: [kink, jump]}`` stands for the figures `kink` and `jump`, of the rows that have these in column
    `case`; a block of the name of a case, `kink: {panels: 2}`, changes that one. A figure that is null is left out.

    Raises
    ------
    ConfigurationError
        With one line, if there is something else than figures, or a name that no file can have.
    """
    if not isinstance(chosen, Mapping):
        raise ConfigurationError(
            f"figures={show(chosen)}: no settings; write figures.formats=[svg] or figures.draw=null"
        )
    draw = chosen.get("draw") or {}
    if not isinstance(draw, Mapping):
        raise ConfigurationError(f"figures.draw={show(draw)}: no figures; write figures.draw=null for none")
    requested: dict[str, Spec] = {}
    blocks: dict[str, str] = {}
    for name, spec in draw.items():
        if not isinstance(spec, Mapping | None):
            raise ConfigurationError(
                f"figures.draw.{name}={show(spec)}: no figure; write figures.draw.{name}=null to leave it out"
            )
        for case, written in _cases(str(name), spec or {}):
            fault = fault_of_name(case)
            if fault:
                raise ConfigurationError(f"figures.draw.{show(case)}: a figure's file is named so, and this {fault}")
            if case != name and blocks.setdefault(case, name) != name:
                raise ConfigurationError(
                    f"figures.draw.{name}.each: {blocks[case]} draws a figure {show(case)} too; two have one name"
                )
            requested[case] = _changed(requested.get(case, {}), written)
    return {name: spec for name, spec in requested.items() if spec and draw.get(name, spec) is not None}


def with_keys(configuration: Mapping[str, Any], chosen: object) -> Mapping[str, Any]:
    """Return a configuration with every key of its figures that a command line may change.

    These are all that a kind of figure knows, and every column by which it may choose rows: a preset need not hold what
    the columns of a table say, and of a figure that is a case of ``each`` it holds no block.

    Parameters
    ----------
    configuration
        What was composed.
    chosen
        Its part ``figures``, resolved.

    Raises
    ------
    ConfigurationError
        As of ``figures_of``.
    """
    from experiments import figures  # noqa: PLC0415 - matplotlib, and only who changes a figure pays for it

    requested = figures_of(chosen)
    part = chosen if isinstance(chosen, Mapping) else {}
    draw = {**(part.get("draw") or {}), **requested}
    keys = dict.fromkeys((*figures.KEYS, "each"))
    columns = {column: None for shape in study_of(configuration).shapes.values() for column in shape}
    known = {
        name: {**keys, **spec, "where": {**columns, **(spec.get("where") or {})}} if isinstance(spec, Mapping) else spec
        for name, spec in draw.items()
    }
    return {**configuration, "figures": {**part, "draw": known}}


def _changed(spec: Spec, changes: Spec) -> Spec:
    """Return a mapping with others of its values, those of mappings within it too."""
    changed = dict(spec)
    for key, value in changes.items():
        before = spec.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            changed[key] = _changed(before, value)
        else:
            changed[key] = value
    return changed


def _cases(name: str, spec: Spec) -> Iterator[tuple[str, Spec]]:
    """The figures that a block stands for."""
    each = spec.get("each")
    if each is None:
        yield name, spec
        return
    values = list(each.values()) if isinstance(each, Mapping) else []
    if len(values) != 1 or not isinstance(values[0], list) or not values[0]:
        raise ConfigurationError(
            f"figures.draw.{name}.each={show(each)}: no cases; write a column and its values, each: {{case: [a, b]}}"
        )
    ((column, values),) = each.items()
    rest = {key: value for key, value in spec.items() if key != "each"}
    for value in values:
        yield str(value), {**rest, "where": {**(spec.get("where") or {}), column: value}}


# Drawn


def refuse(study: Study, requested: Mapping[str, Spec]) -> None:
    """Raise ValueError, in one line, for a figure that cannot be drawn from the study's tables."""
    from experiments import figures  # noqa: PLC0415 - matplotlib, and only who draws pays for it

    shapes = {name: (*columns, "job") for name, columns in study.shapes.items()}
    for name, spec in requested.items():
        with located(f"figures.draw.{name}"):
            figures.check(figures.completed(spec, study.tables), shapes)


def tables_of(run: Run) -> set[str]:
    """Return the tables that the figures of a run are drawn from."""
    requested = figures_of(run.figures)
    if not requested:
        return set()
    from experiments import figures  # noqa: PLC0415 - as above

    specs = [figures.completed(brief, run.study.tables) for brief in requested.values()]
    return {table for spec in specs for table in figures.columns_needed(spec)}


def draw(run: Run, requested: Mapping[str, Spec], records: Mapping[str, Any]) -> tuple[list[Drawing], list[str]]:
    """Draw the figures whose tables have values, from the files.

    Returns
    -------
    list, list
        The figures; a sentence on each that has values and is not drawn.
    """
    from experiments import figures, tables  # noqa: PLC0415 - as above

    drawn: list[Drawing] = []
    undrawn: list[str] = []
    explained: dict[str, str] = {}
    distinct = functools.cache(tables.distinct)  # figures of one table mostly have the same panels
    for name, brief in requested.items():
        spec = figures.completed(brief, run.study.tables)
        if figures.columns_needed(spec).keys() <= records.keys():
            frames, panels = _frames(run, spec, records, distinct)
            if not figures.empty(frames, spec):
                svg, caption = (
                    _draw(run, name, frames, spec),
                    figures.caption(frames, said_once(spec, name, explained), panels),
                )
                drawn.append(Drawing(name, svg, caption, spec.get("title", ""), _rows_beside(run, spec)))
            elif why := figures.undrawn(frames, spec):
                undrawn.append(f"figure {name} is not drawn: {why}; figures.draw.{name}.kind=curves has linear axes")
    return drawn, undrawn


def said_once(spec: Spec, name: str, explained: dict[str, str]) -> Spec:
    """Return a figure whose caption, if it is long and an earlier figure has it, refers to that one."""
    text = str(spec.get("caption") or "")
    first = explained.setdefault(text, name)
    if first == name or len(text) <= MAX_REPEATED:
        return spec
    return {**spec, "caption": f"This figure is read like that of {first} above."}


def _rows_beside(run: Run, spec: Spec) -> Table | None:
    """Return the rows that stand beside a figure on the page, if its spec names some."""
    from experiments import tables  # noqa: PLC0415 - as above

    if "rows" not in spec:
        return None
    name, columns = str(spec["rows"]["table"]), list(spec["rows"]["columns"])
    where = {column: [value] for column, value in spec.get("where", {}).items()}
    path = run.directory / f"{name}.parquet"
    frame = tables.read(path, [*columns, *where], where)[columns].drop_duplicates()
    cells = [[cell(value, DIGITS_BESIDE) for value in row] for row in frame.itertuples(index=False)]
    meanings = [run.study.shapes[name][column][1] for column in columns]
    return Table(name, "", columns, meanings, cells, len(cells))


def cell(value: object, digits: int = 6) -> str:
    """Return a value of a table as the page shows it."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.{digits}g}"
    return "" if value is None else str(value)


def _frames(
    run: Run, spec: Spec, records: Mapping[str, Any], distinct: Callable[..., tuple[Sequence[Any], int]]
) -> tuple[dict[str, Any], int | None]:
    """Read what a figure shows; of a table above MAX_ROWS_READ rows the panels shown only, with how many there are.

    Where these have more rows than that, one in so many is read.
    """
    from experiments import figures, tables  # noqa: PLC0415 - as above

    paths = {name: run.directory / f"{name}.parquet" for name in records}
    where: dict[str, list[object]] = {}
    panels, shown = None, 1
    columns = figures.panel_columns(spec)
    if records[spec["table"]].rows > MAX_ROWS_READ and columns and not spec.get("where"):
        keys, panels = distinct(paths[spec["table"]], tuple(columns), sys.maxsize)
        chosen = [keys[place] for place in figures.choose(keys, spec)]
        shown = len(chosen)
        where = {column: list(values) for column, values in zip(columns, zip(*chosen, strict=True), strict=True)}
    step = max(1, -(-records[spec["table"]].rows * shown // ((panels or 1) * MAX_ROWS_READ)))
    needed = figures.columns_needed(spec)
    frames = {name: tables.read(paths[name], wanted, where) for name, wanted in needed.items() if name != spec["table"]}
    main, wanted = paths[spec["table"]], needed[spec["table"]]
    frames[spec["table"]] = (
        tables.read(main, wanted, where) if step == 1 else tables.read_every(main, wanted, where, step)
    )
    return frames, panels


def _draw(run: Run, name: str, frames: Mapping[str, Any], spec: Mapping[str, Any]) -> str:
    """Save a figure in the formats of the run and return it as SVG."""
    from experiments import figures  # noqa: PLC0415 - as above

    figure, formats = figures.draw(frames, spec), run.figures["formats"]
    figures.save(figure, run.directory / "figures", name, formats)
    if "svg" in formats:
        return (run.directory / "figures" / f"{name}.svg").read_text(encoding="utf-8")
    with TemporaryDirectory() as elsewhere:
        (path,) = figures.save(figure, Path(elsewhere), name, ["svg"])
        return path.read_text(encoding="utf-8")
