"""Many runs of one study: their rows joined at once, the best error of each, and on which keys that depends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments import tables
from experiments.comparison.configured import Values
from experiments.comparison.differences import Plan
from experiments.messages import ConfigurationError
from experiments.running.check import WHOLE_RUN, growth_of
from experiments.running.runs import Stored

BESIDE = 4
"""Most runs that are compared row by row with the first; more are many."""
MOST_ROWS = 3_000_000
"""Most rows of all runs together: their columns are held in memory, about 130 bytes for each of a sweep's."""
RUNS = "runs"
OWN = ("rank", "run", "directory", "best_error", "rows", "shared_rows", "differing_rows", "changed_columns")
"""Columns of the table of the runs besides the changed keys."""
WHERE = "best_"
"""What stands before a key of the row with the best error."""
BINS = 6
"""Groups of equal size into which the runs are put by a number that has a value of its own in most of them."""
FEWEST = 6
"""Runs below which nothing is said of shares: the groups would be of one or two."""

Places = NDArray[np.intp]
Floats = NDArray[np.float64]


# The rows of all runs


@dataclass(frozen=True, kw_only=True)
class RowPool:
    """The rows of many runs, those of a run together and in its order."""

    encoding: tables.Encoding
    all: tables.Encoded
    """Shape ``(columns, n)``."""
    starts: Places
    """Where the rows of each run begin, and where the last end."""
    original: Places
    """For each row the place of its original, its own if no earlier run has it. Shape ``(n,)``."""

    @property
    def run(self) -> Places:
        """The run of each row."""
        return np.repeat(np.arange(self.starts.size - 1), np.diff(self.starts))

    def words_of(self, name: str) -> tables.Encoded:
        """Return a column as words."""
        words: tables.Encoded = self.all[list(self.encoding.columns).index(name)]
        return words

    def floats(self, name: str) -> Floats:
        """Return a column of floats."""
        values: Floats = self.words_of(name).view(np.float64)
        return values

    def column(self, name: str, places: Any = slice(None)) -> Any:
        """Return some rows of a column as a table takes them."""
        return self.encoding.decode(name, self.words_of(name)[places])

    def differing(self, columns: Sequence[str]) -> NDArray[np.bool_]:
        """Tell which rows have another value than their original in one of some columns. Shape ``(n,)``."""
        differs = np.zeros(self.original.size, dtype=np.bool_)
        for name in columns:
            values = self.words_of(name)
            differs |= values != values[self.original]
        return differs


def rows_of(runs: Sequence[Stored], plan: Plan, keys: Mapping[str, Sequence[Values]]) -> RowPool:
    """Read the rows of many runs and find each one's original.

    Parameters
    ----------
    runs, plan
        The runs, and how their rows are compared.
    keys
        The changed keys of their configurations. Rows of different derivatives are no rows of one table, though
        nothing in them says so.
    """
    counts = [run.record.tables[run.table.stem].rows for run in runs]
    if sum(counts) > MOST_ROWS:
        raise ConfigurationError(
            f"the {len(runs)} runs have {sum(counts):,} rows together; up to {MOST_ROWS:,} are compared at once, or"
            f" {BESIDE} runs of any size"
        )
    apart = [str([keys[key][place] for key in WHOLE_RUN if key in keys]) for place in range(len(runs))]
    return joined(tables.Encoding(plan.columns), [run.table for run in runs], counts, plan.keys, apart)


def joined(
    encoding: tables.Encoding, paths: Sequence[Path], counts: Sequence[int], keys: Sequence[str], apart: Sequence[str]
) -> RowPool:
    """Read the tables of runs, of so many rows each, and join them on `keys`, by their place without any.

    Rows of runs with different words `apart` are never the same.
    """
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.intp)
    rows = np.empty((len(encoding.columns), starts[-1]), dtype=np.int64)
    start = 0
    for columns in tables.several(paths, list(encoding.columns)):
        block = encoding.encode(columns)
        rows[:, start : start + block.shape[1]] = block
        start += block.shape[1]
    run = np.repeat(np.arange(len(counts)), counts)
    word = np.unique(np.array(apart, dtype=np.str_), return_inverse=True)[1].astype(np.int64)
    places = [list(encoding.columns).index(key) for key in keys]
    original = tables.originals([word[run], *(tables.normal(rows[k]) for k in places)], run)
    return RowPool(encoding=encoding, all=rows, starts=starts, original=original)


def typical(rows: RowPool, error: str, keys: Sequence[str], growths: Sequence[int]) -> Floats:
    """Return the errors as they are typical of the sweeps over delta that the rows of each run belong to.

    Parameters
    ----------
    rows, error, keys
        The rows, their column of errors, and the columns that tell those of a run apart.
    growths
        Of each run, the order of the derivative.
    """
    values = rows.floats(error)
    if tables.DELTA not in keys or rows.encoding.columns[tables.DELTA] is not float:
        return values
    columns = list(rows.encoding.columns)
    delta, others = rows.floats(tables.DELTA), [columns.index(key) for key in keys if key != tables.DELTA]
    beside = {name: rows.floats(name) for name in tables.BESIDE if rows.encoding.columns.get(name) is float}
    errors = values.copy()
    for start, end, growth in zip(rows.starts[:-1], rows.starts[1:], growths, strict=True):
        of_run = slice(int(start), int(end))
        more = {name: column[of_run] for name, column in beside.items()}
        errors[of_run] = tables.typical_in(rows.all[others, of_run], delta[of_run], values[of_run], growth, more)
    return errors


def best(rows: RowPool, values: Floats) -> Places:
    """Return for each run the place of the smallest positive finite value of its rows, -1 where it has none."""
    usable = np.where(np.isfinite(values) & (values > 0), values, np.inf)
    places = []
    for start, end in zip(rows.starts[:-1], rows.starts[1:], strict=True):
        place = int(start + np.argmin(usable[start:end])) if end > start else -1
        places.append(place if place >= 0 and np.isfinite(usable[place]) else -1)
    return np.array(places, dtype=np.intp)


# The runs by their best error


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """The rows of many runs, the best error of each, and on what it depends."""

    rows: RowPool
    error: str | None
    """The column whose least value is a run's best."""
    best: Floats
    """The best error of each run, NaN where it has none. Shape ``(runs,)``."""
    where: Sequence[Mapping[str, Any]]
    """The keys of the row with the best error of each run."""
    keys: Mapping[str, Sequence[Values]]
    """The changed keys of the configuration, with the values of each run."""

    @property
    def order(self) -> list[int]:
        """The places of the runs, that of the least best error first, those without one last."""
        return [int(place) for place in np.argsort(self.best, kind="stable")]

    @property
    def known(self) -> list[int]:
        """The places of the runs that have a best error, in the same order."""
        return [place for place in self.order if np.isfinite(self.best[place])]

    @cached_property
    def shares(self) -> dict[str, float]:
        """Of how much of the spread of the best error each key tells."""
        return shares(
            {key: [self.value(key, place) for place in range(self.best.size)] for key in self.keys}, self.best
        )

    def value(self, key: str, place: int) -> Any:
        """Return the one value that a run has for a key: of several that of its best error, None if it is not known."""
        if key in self.where[place]:
            return self.where[place][key]
        values = self.keys[key][place]
        return values[0] if len(values) == 1 else None


def ranking_of(runs: Sequence[Stored], rows: RowPool, plan: Plan, keys: Mapping[str, Sequence[Values]]) -> Ranking:
    """Find the best error of each run."""
    floats = [name for name in plan.values if plan.columns[name] is float]
    error = next((name for name in ("error", *plan.errors) if name in floats), None)
    if error is None:
        places, values = np.full(len(runs), -1), np.full(len(runs), np.nan)
    else:
        growths = [growth_of(run.record.jobs[0].configuration) for run in runs]
        errors = typical(rows, error, plan.keys, growths)
        places = best(rows, errors)
        values = np.where(places < 0, np.nan, errors[places] if errors.size else np.nan)
    return Ranking(rows=rows, error=error, best=values, where=_where(rows, plan, places), keys=keys)


def _where(rows: RowPool, plan: Plan, places: Places) -> list[dict[str, Any]]:
    """Return the keys of a row for each run, none for a place below 0."""
    if not rows.run.size or not plan.keys:
        return [{} for _ in places]
    frame = tables.frame_of({key: rows.column(key, places.clip(0)) for key in plan.keys})
    values = zip(*(frame[key].tolist() for key in plan.keys), strict=True)
    return [
        dict(zip(plan.keys, row, strict=True)) if place >= 0 else {} for place, row in zip(places, values, strict=True)
    ]


def shares(keys: Mapping[str, Sequence[Any]], best: Floats) -> dict[str, float]:
    """Return for each key of how much of the variance of log10(best error) its values tell, the most first.

    This is epsilon squared (Kelley 1935): the part of the variance that lies between the groups of equal values,
    less what as many groups would have by chance. It is at most 1, and about 0 for a key that tells nothing.

    Parameters
    ----------
    keys
        The values of each run, None where it has none or several.
    best
        The best errors, shape ``(runs,)``; those that are not known are left out.

    Examples
    --------
    >>> found = shares({"a": [1, 1, 1, 2, 2, 2], "b": [1, 2, 1, 2, 1, 2]}, 10.0 ** np.array([0, 0, 0, -3, -3, -3]))
    >>> {key: round(share, 6) for key, share in found.items()}
    {'a': 1.0, 'b': 0.0}
    """
    by_key = {}
    for key, values in keys.items():
        usable = np.array([value is not None for value in values]) & np.isfinite(best)
        group = _groups([value for value, is_usable in zip(values, usable, strict=True) if is_usable])
        share = _share(group, best[usable])
        if share is not None:
            by_key[key] = share
    return dict(sorted(by_key.items(), key=lambda item: -item[1]))


def _groups(values: Sequence[Any]) -> NDArray[np.intp]:
    """Number the groups of equal values; of numbers that are hardly ever equal, groups of neighbours."""
    if all(isinstance(value, int | float) for value in values):
        distinct, group = np.unique(np.array(values, dtype=np.float64), return_inverse=True)
        return group if 2 * distinct.size <= len(values) else group * BINS // distinct.size
    return np.unique(np.array([str(value) for value in values]), return_inverse=True)[1]


def _share(group: NDArray[np.intp], best: Floats) -> float | None:
    count = np.bincount(group) if group.size else np.empty(0)
    groups = int((count > 0).sum())
    if best.size < FEWEST or not 1 < groups < best.size:
        return None
    y = np.log10(best)
    total = float(((y - y.mean()) ** 2).sum())
    if not total:
        return None
    mean = np.bincount(group, weights=y) / np.maximum(count, 1)
    within = float(((y - mean[group]) ** 2).sum())
    return max(0.0, 1.0 - within / (best.size - groups) / (total / (best.size - 1)))
