"""Selection: which rows, panels and names of the tables a figure shows, and what it leaves out."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from experiments.figures.contract import Excerpt, Frames, Key, Kind, Mask, Panel, Plan, Spec, floats
from experiments.figures.paper import PANELS, panel_size, short, title_width
from experiments.looks import is_reference
from experiments.messages import nearest
from experiments.words import first_of

if TYPE_CHECKING:
    from pandas import DataFrame


def panel_columns(spec: Spec) -> list[str]:
    """Return the columns whose distinct values make the panels."""
    panel = spec.get("panel") or []
    return [panel] if isinstance(panel, str) else list(panel)


def choose(keys: Sequence[Key], spec: Spec) -> list[int]:
    """Choose the panels shown from all, by place: the first of each function (or first column) before a second."""
    seen: Counter[object] = Counter()
    turns = []
    for key in keys:
        turns.append(seen[key[:1]])
        seen[key[:1]] += 1
    return sorted(range(len(keys)), key=turns.__getitem__)[: spec.get("panels") or PANELS]


def columns_read(kind: Kind, spec: Spec) -> dict[str, list[str]]:
    """Each table that a figure of ``kind`` draws from, with the columns that it reads; refuse keys that it has not."""
    for key in (key for key in spec if key not in kind.keys):
        raise ValueError(f"a figure of kind {spec['kind']!r} has no key {key!r}; {nearest(key, kind.keys)}")
    for key in (key for key in kind.required if key not in spec):
        raise ValueError(f"a figure of kind {spec['kind']!r} needs the key {key!r}")
    needed = {spec["table"]: [*panel_columns(spec), *kind.columns(spec), *_where(spec)]}
    for table, columns in kind.further(spec):
        needed[table] = [*needed.get(table, ()), *columns]
    return {table: list(dict.fromkeys(columns)) for table, columns in needed.items()}


def _where(spec: Spec) -> Mapping[str, Any]:
    """The rows that ``spec`` chooses: each column with the value that it must have."""
    where = spec.get("where", {})
    if not isinstance(where, Mapping):
        message = f"a figure's where is {where!r}; write a mapping of columns to values"
        raise ValueError(message)  # noqa: TRY004 - whatever is wrong in a configuration is one kind of error
    return where


def rows_of(frames: Frames, spec: Spec) -> DataFrame:
    """Return the rows of the spec's own table that it chooses."""
    rows = frames[spec["table"]]
    for column, value in _where(spec).items():
        rows = rows[rows[column] == value]
    return rows


def plan_of(kind: Kind, frames: Frames, spec: Spec) -> Plan:
    """Choose the panels and names that a figure shows, and make the content of each panel."""
    columns = panel_columns(spec)
    rows = rows_of(frames, spec)[columns_read(kind, spec)[spec["table"]]]
    there = kind.has(rows, spec)
    place: NDArray[Any] = np.zeros(len(rows), dtype=np.intp)
    keys: list[Key] = [()]
    if columns:
        place = rows.groupby(columns, sort=False, observed=True, dropna=False).ngroup().to_numpy()
        keys = list(rows[columns].drop_duplicates().itertuples(index=False, name=None))
    full = np.unique(place[there])
    shown = [full[k] for k in choose([keys[panel] for panel in full], spec)]
    width = panel_size(len(shown))[0] + 0.4  # lest a title runs into the next
    column, named = rows[spec[kind.names]], there | kind.gaps
    lists = [column[(place == panel) & named].drop_duplicates() for panel in shown]
    every = list(dict.fromkeys(map(str, itertools.chain(*lists))))
    most = [name for name in every if not is_reference(name)][: kind.most]
    names = [name for name in every if name in most or is_reference(name)]  # what others are measured against stays
    panels = []
    for panel in shown:
        # The same curve comes from each job of a sweep over something else.
        distinct = rows[place == panel].drop_duplicates()
        excerpt = Excerpt(rows=distinct, frames=frames, spec=spec, names=names, key=keys[panel])
        title = _fitted_title(columns, keys[panel], width)
        panels.append(Panel(key=keys[panel], title=title, content=kind.content(excerpt)))
    return Plan(
        panels=tuple(panels),
        available=full.size,
        empty=tuple(_title(columns, keys[panel], 60) for panel in np.setdiff1d(place, full)),
        names=tuple(names),
        names_available=len(every),
        common=_common(kind, frames, spec) if spec.get("alike") else None,
    )


def _common(kind: Kind, frames: Frames, spec: Spec) -> Any:
    """What all rows of the spec's table show, as if they were of one panel."""
    whole = {key: value for key, value in spec.items() if key not in ("panel", "where")}
    rows = frames[spec["table"]].drop_duplicates()
    names = list(dict.fromkeys(map(str, rows[spec[kind.names]])))
    return kind.content(Excerpt(rows=rows, frames=frames, spec=whole, names=names, key=()))


def _fitted_title(columns: Sequence[str], key: Key, width: float) -> str:
    """The whole title where it fits into so many inches, else one of so many letters, each 0.084 inch on average."""
    whole = _title(columns, key, sum(len(str(value)) for value in key) + 60)
    return whole if title_width(whole) <= width else _title(columns, key, int(width / 0.084))


def _title(columns: Sequence[str], key: Key, most: int) -> str:
    """Write texts as they stand and numbers as "at x = 1"; a long text gives way, so that the numbers stay."""
    texts = ", ".join(" ".join(value.split()) for value in key if isinstance(value, str))
    numbers = ", ".join(f"{n} = {v:g}" for n, v in zip(columns, key, strict=True) if not isinstance(v, str))
    joint = " at " if texts and numbers else ""
    return f"{short(texts, max(8, most - len(joint + numbers)))}{joint}{numbers}"


def rows_named(rows: DataFrame, column: str, name: str) -> DataFrame:
    """Return the rows with ``name`` in ``column``."""
    return rows[rows[column].astype(str) == name]


def has_linear(rows: DataFrame, spec: Spec) -> Mask:
    """Tell which rows have a point on linear axes."""
    return np.isfinite(floats(rows, spec["x"])) & np.isfinite(floats(rows, spec["y"]))


def has_log(rows: DataFrame, spec: Spec) -> Mask:
    """Tell which rows have a point on logarithmic axes, or an exact 0 on the row below them."""
    return has_linear(rows, spec) & (floats(rows, spec["x"]) > 0) & (floats(rows, spec["y"]) >= 0)


def say_left_out(kind: Kind, plan: Plan, spec: Spec, panels: int) -> list[str]:
    """Say which of ``panels`` panels and of the names are not shown."""
    says = []
    columns = panel_columns(spec)
    if panels > len(plan.panels):
        order = f", the first of each {columns[0]} before a second" if len(columns) > 1 else ""
        says.append(f"Shown are the first {len(plan.panels)} of {panels} panels{order}.")
    if plan.names_available > len(plan.names):
        counts = f"the first {len(plan.names)} of {plan.names_available}"
        says.append(f"Of each panel {counts} {kind.called} ({spec[kind.names]}) are shown.")
    if plan.empty:
        says.append(f"Left out, as there is nothing to draw: {first_of(plan.empty, 3, separator='; ')}.")
    return says
