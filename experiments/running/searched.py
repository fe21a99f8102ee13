"""What a search found, in words: which of its jobs was the best, and what its study says of that."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from experiments.running.jobs import as_typed
from experiments.running.search import ERROR, Search
from experiments.study import MAIN, Study, Tables
from experiments.words import number

Columns = Mapping[str, Mapping[str, Any]]


def objectives(tables: Columns) -> dict[int, float]:
    """Return the largest error of every job; infinity where a row has none."""
    main = tables[MAIN]
    job = np.asarray(main["job"])
    error = np.where(np.isnan(main[ERROR]), np.inf, main[ERROR])
    numbers, place = np.unique(job, return_inverse=True)
    largest = np.full(numbers.size, -np.inf)
    np.maximum.at(largest, place, error)
    return dict(zip(numbers.tolist(), largest.tolist(), strict=True))


def sentences(search: Search, study: Study, tables: Columns, named: Mapping[int, Sequence[str]]) -> list[str]:
    """Say which job of a search was the best, and what its study says of that.

    Parameters
    ----------
    search, study
        The search, and what it ran.
    tables
        The gathered tables, with the column ``job``.
    named
        The overrides of every job.
    """
    objective = objectives(tables)
    if not objective:
        return []
    of_all = f" of {search.trials}" if len(objective) < search.trials else ""
    trials = f"{len(objective)}{of_all} trials were drawn from {' and '.join(search.space)}"
    best = min(objective, key=lambda number: objective[number])
    if math.isinf(objective[best]):
        none = f"{trials}; none is the best, as none has an error in every row of its table"
        return [f"{none}: leave out functions and points without an exact derivative, or take a smaller interval."]
    keys = {line.partition("=")[0] for line in search.space}
    drawn = as_typed([word for word in named[best] if word.partition("=")[0] in keys])
    small = _made_small(study, tables[MAIN], best)
    best_of_all = f"{trials}; the best is trial {best}, {drawn}: {small} is {number(objective[best])}."
    return [best_of_all, *(study.advise(Tables(tables), best) if study.advise else ())]


def _made_small(study: Study, main: Mapping[str, Any], job: int) -> str:
    """What was made small, in words: the error of the one row of a job, or the largest over what its rows differ in."""
    rows = np.asarray(main["job"]) == job
    meaning = study.main.columns[ERROR].meaning.partition(";")[0]  # after which it says where there is none
    counts = {key: len(set(np.asarray(main[key])[rows].tolist())) for key in study.main.keys}
    over = " and ".join(f"{count} values of {key}" for key, count in counts.items() if count > 1)
    largest = f"largest error over {over or f'{int(rows.sum())} rows'}"
    return f"the {largest if rows.sum() > 1 else ERROR} ({meaning})"
