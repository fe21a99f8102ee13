"""Drawing: from tables as read back from disk and a spec to a matplotlib Figure and its caption."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from experiments.figures.contract import Frames, Kind, Spec, floats
from experiments.figures.paper import PANELS, inked
from experiments.figures.selection import columns_read, has_linear, has_log, plan_of, rows_of, say_left_out
from experiments.messages import nearest
from experiments.study import Rows


def kinds_in(folder: Iterable[str], package: str) -> dict[str, Kind]:
    """Return the kinds of figure that the modules of a folder hold, each by the name of its module."""
    names = [module.name for module in pkgutil.iter_modules(folder)]
    modules = {name: importlib.import_module(f"{package}.{name}") for name in names}
    return {name: module.KIND for name, module in modules.items() if hasattr(module, "KIND")}


KINDS: Mapping[str, Kind] = kinds_in([str(Path(__file__).parent)], __package__)
"""Every kind of figure; the module of each says what its keys mean.

Each has one panel per distinct values of the columns ``panel``, may choose its rows by ``where``, a mapping of
columns to the values that they must have, and has a ``title`` and a ``caption``: a sentence that says how to read it.
On a page ``rows``, a mapping of table and columns, stand beside it: those of its ``where``.
"""
KEYS: tuple[str, ...] = tuple(dict.fromkeys(key for kind in KINDS.values() for key in kind.keys))
"""Every key that some kind of figure knows."""


def completed(spec: Spec, tables: Mapping[str, type[Rows]]) -> Spec:
    """Return ``spec`` with what it leaves to the columns of its table: which of them it draws, and labels of axes.

    A spec of a kind that is not known is completed by nothing; ``check`` refuses it.

    Parameters
    ----------
    spec
        What to draw, as a configuration says it.
    tables
        The tables of the study, by name.
    """
    written = _written(spec)
    kind, table = KINDS.get(str(written.get("kind"))), tables.get(str(written.get("table")))
    columns = table.columns if kind and table else {}
    drawn = {one.axis: name for name, one in columns.items() if kind and one.axis in kind.required}
    chosen = {**drawn, **written}
    shown = [(label, columns[str(chosen[key])]) for key, label in LABELS.items() if str(chosen.get(key)) in columns]
    return {**{label: one.label for label, one in shown if kind and label in kind.keys and one.label}, **chosen}


def draw(frames: Frames, spec: Spec) -> Figure:
    """Draw one figure of fixed margins; refuse with ValueError if ``empty(frames, spec)``.

    Parameters
    ----------
    frames
        For each table that ``columns_needed(spec)`` names a frame with at least the columns named there.
    spec
        What to draw; the keys of each kind stand in its module.
    """
    spec = _labelled(spec)
    kind = _kind(spec)
    with inked():
        plan = plan_of(kind, frames, spec)
    if not plan.panels:
        raise ValueError(f"table {spec['table']!r} has no values for this figure")
    with inked():
        return kind.draw(plan, spec)


def caption(frames: Frames, spec: Spec, panels: int | None = None) -> str:
    """Say how to read ``draw(frames, spec)`` and what its data say; below an empty line its marks and what is left out.

    How to read it says the ``caption`` of the spec, or else its kind. ``panels`` is how many panels the whole table
    has, if ``frames`` hold the rows of a few of them only.
    """
    spec = _labelled(spec)
    kind = _kind(spec)
    with inked():
        plan = plan_of(kind, frames, spec)
    found = [_sentence(spec.get("caption") or kind.description(plan, spec)), *kind.finding(plan, spec)]
    remarks = [*kind.remarks(plan, spec), *say_left_out(kind, plan, spec, panels or plan.available)]
    return "\n\n".join(" ".join(part) for part in (found, [*map(_sentence, remarks)]) if part)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def empty(frames: Frames, spec: Spec) -> bool:
    """Tell whether every value is missing, so that there is nothing to draw."""
    spec = _labelled(spec)
    return not _kind(spec).has(rows_of(frames, spec), spec).any()


def undrawn(frames: Frames, spec: Spec) -> str | None:
    """Say why a figure is empty though its rows have values: its axes are logarithmic; None where they have none."""
    spec = _labelled(spec)
    rows = rows_of(frames, spec)
    if _kind(spec).has is not has_log or not has_linear(rows, spec).any():
        return None
    column = spec["y"] if (floats(rows, spec["x"]) > 0).any() else spec["x"]
    return f"{column} has no positive value where both axes are logarithmic"


def columns_needed(spec: Spec) -> dict[str, list[str]]:
    """Each table that ``spec`` draws from, with the columns that it reads; read only these from disk."""
    spec = _labelled(spec)
    return columns_read(_kind(spec), spec)


def check(spec: Spec, tables: Mapping[str, Collection[str]]) -> None:
    """Raise ValueError, in one line, unless ``spec`` names a kind, its keys and columns of ``tables``."""
    _refuse_types(_labelled(spec))
    _kind(spec)
    _refuse_table(spec.get("table"), tables)  # first, as what it leaves to its table is lacking without it
    beside = {spec["rows"]["table"]: [*spec.get("where", {}), *spec["rows"]["columns"]]} if "rows" in spec else {}
    for table, columns in (*columns_needed(spec).items(), *beside.items()):
        _refuse_table(table, tables)
        for column in columns:
            if column not in tables[table]:
                raise ValueError(f"a figure draws column {column!r}; {table} has {', '.join(tables[table])}")


def _refuse_table(table: str | None, tables: Collection[str]) -> None:
    if table is not None and table not in tables:
        raise ValueError(f"no table {table!r}; {nearest(table, tables)}")


LABELS: Mapping[str, str] = {"x": "xlabel", "y": "ylabel", "value": "label"}
"""The keys that name the column of an axis, or of a colour, each with the key of its label."""


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value.isprintable()


def _are_names(value: object) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_name, value))


def _are_pairs(value: object) -> bool:
    return isinstance(value, list | tuple) and all(_are_names(pair) and len(pair) == 3 for pair in value)


def _are_named(value: object) -> bool:
    return isinstance(value, Mapping) and all(map(_is_name, value.values()))


def _is_excerpt(value: object) -> bool:
    return isinstance(value, Mapping) and {*value} == {"table", "columns"} and _are_names(value["columns"])


def _are_numbers(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(end, int | float) for end in value)


FORMS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "panel": (
        lambda value: _is_name(value) or _are_names(value),
        "a column or a list of columns, panel: [function, x]",
    ),
    "panels": (
        lambda value: isinstance(value, int) and not isinstance(value, bool) and value > 0,
        f"how many it shows at most, such as {PANELS}",
    ),
    "where": (lambda value: isinstance(value, Mapping), "a mapping of columns to values, where: {kind: absolute}"),
    **dict.fromkeys(("joined", "alike"), (lambda value: isinstance(value, bool), "true or false")),
    "axes": (_are_names, "a list of columns"),
    "dots": (_are_names, "a list of series, dots: [samples]"),
    "strokes": (_are_names, "a list of series, strokes: [a corner]"),
    "pairs": (_are_pairs, "a list of what was observed, what is expected and a name, [[order, expected, order]]"),
    "bound": (_are_named, "a mapping of table, x, y, proved"),
    "marks": (_are_named, "a mapping of table, x, y"),
    "rows": (_is_excerpt, "a mapping of table, columns, rows: {table: table, columns: [method, value]}"),
    "limits": (_are_numbers, "two numbers, the smaller first, such as [1e-3, 1]"),
}
"""Of what form the values of some keys are, and what to write; all others are texts in one line."""


def _refuse_types(spec: Spec) -> None:
    for key, value in spec.items():
        fits, wanted = FORMS.get(key, (_is_name, "a text in one line"))
        if not fits(value):
            raise ValueError(f"a figure's {key} is {value!r:.60}; write {wanted}")


def _written(spec: Spec) -> dict[str, Any]:
    """Leave out the keys that are null, as a command line takes a key away."""
    return {key: value for key, value in spec.items() if value is not None}


def _labelled(spec: Spec) -> Spec:
    """Leave out the keys that are null; label an axis by its column where it has no label."""
    written = _written(spec)
    return {**{LABELS[key]: value for key, value in written.items() if key in LABELS}, **written}


def _kind(spec: Spec) -> Kind:
    name = str(spec.get("kind"))
    if name not in KINDS:
        raise ValueError(f"a figure of kind {name!r} is not known; {nearest(name, KINDS)}")
    return KINDS[name]
