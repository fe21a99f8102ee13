"""Studies that still say by constants what a column is (TABLES, KEYS, ERRORS, TOLERANCES, MEASURED) and yield dicts.

This module goes when the last of them is written as ``experiments.study`` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType, new_class
from typing import Any

from experiments.study import MAIN, Chunk, Rows, Study, Tables, column, key, study_of


def study_in(module: ModuleType) -> Study:
    """Return the study that a module holds, in whatever shape."""
    return _of_constants(module) if hasattr(module, "TABLES") else study_of(module)


def _of_constants(module: ModuleType) -> Study:
    tables = {name: _table(module, name) for name in module.TABLES}

    def rows(chunks: Iterable[Chunk]) -> Iterator[Rows]:
        return (tables[name](**columns) for name, columns in chunks)

    def conclude(gathered: Tables) -> Iterator[Rows]:
        return rows(module.conclude(gathered.columns))

    def advise(gathered: Tables, job: int) -> Iterable[str]:
        found: Iterable[str] = module.searched(gathered.columns, job)
        return found

    return Study(
        name=module.__name__.rpartition(".")[2],
        question=" ".join((module.__doc__ or "").split("\n\n")[0].split()),
        Config=module.Config,
        tables=tables,
        measure=lambda config: rows(module.run(config)),
        conclude=conclude if hasattr(module, "conclude") else None,
        advise=advise if hasattr(module, "searched") else None,
    )


def _table(module: ModuleType, name: str) -> type[Rows]:
    shape: Mapping[str, tuple[type, str]] = module.TABLES[name]
    texts = tuple(column for column, (kind, _) in shape.items() if kind is str)
    keys = getattr(module, "KEYS", texts) if name == MAIN else ()
    moves, errors = ({} if name != MAIN else getattr(module, what, {}) for what in ("TOLERANCES", "ERRORS"))
    measured = getattr(module, "MEASURED", {}).get(name, ())

    def declared(one: str, meaning: str) -> Any:
        if one in keys:
            return key(meaning, moves=moves.get(one))
        return column(meaning, moves=moves.get(one), between=errors.get(one), measured=one in measured)

    body = {one: declared(one, meaning) for one, (_, meaning) in shape.items()}
    annotations = {one: kind for one, (kind, _) in shape.items()}
    return new_class(name, (Rows,), {"table": name}, lambda own: own.update(body, __annotations__=annotations))
