"""Runs of one study compared: what was asked, where it ran, and every row of the main table.

A study may say by two constants how its rows are compared. ``KEYS`` names the columns that tell rows apart,
its text columns where it does not. ``ERRORS`` maps a column that is proportional to the distance of two others
to these two: a tolerance in ulps of an estimate is one on the errors that follow from it.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.pipeline import figures, tables
from experiments.pipeline import report as html
from experiments.pipeline.joining import Joined, Words, join, match
from experiments.pipeline.results import near
from experiments.pipeline.runs import Stored
from experiments.pipeline.settings import ConfigurationError, show
from experiments.pipeline.terminal import Terminal

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

HEAD = 40
"""Differing rows that the page shows."""
LONGEST = 240
"""Letters of a configured value that the page shows."""
MOST_DRAWN = 500_000
"""Most rows of a run that a figure is drawn from."""
OTHERS_DRAWN = 3
"""Most runs drawn beside the first."""
OWN_ULPS = 4
"""By how many of its own ulps an error may move besides: of each of two runs the difference and the quotient are
rounded once, by half an ulp, which is two; the scale is known to as much again."""

RUN, CHANGE, COLUMNS, DISTANCE, RATIO = OWN = ("other_run", "change", "changed_columns", "ulps_apart", "error_ratio")
"""Columns of the table of differences besides the study's own."""
OTHER = "_other"
DIFFERENCES = "differences"


# What a study says


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How the rows of a study are compared: columns that both tables have in one type, and their roles."""

    columns: Mapping[str, type]
    keys: tuple[str, ...]
    errors: Mapping[str, tuple[str, str]]
    estimate: str | None
    """The column whose distance in ulps is told row by row."""
    error: str | None
    """The column whose ratio is told row by row."""

    @property
    def values(self) -> list[str]:
        """The columns compared, in the order of the table."""
        return [name for name in self.columns if name not in self.keys]


def keys_of(study: ModuleType, columns: Mapping[str, type]) -> tuple[str, ...]:
    """Return the columns that tell the rows of a study's main table apart."""
    texts = tuple(name for name, kind in columns.items() if kind is str)
    return tuple(getattr(study, "KEYS", texts))


def _plan(study: ModuleType, columns: Mapping[str, type]) -> Plan:
    keys = keys_of(study, columns)
    floats = [name for name, kind in columns.items() if kind is float and name not in keys]
    errors = {name: pair for name, pair in getattr(study, "ERRORS", {}).items() if {name, *pair} <= columns.keys()}
    error = next(iter(errors), next(iter(floats), None))
    return Plan(
        columns=columns,
        keys=keys,
        errors=errors,
        estimate=errors[error][0] if error in errors else error,
        error=error,
    )


# Configuration and environment

Lines = list[tuple[str, list[str]]]
"""A name and what each run has for it."""


def configurations(runs: Sequence[Stored]) -> Lines:
    """Return the configuration keys that are not the same in all runs; of several jobs each distinct value once."""
    return _differing([_over_jobs([job["configuration"] for job in run.record["jobs"]]) for run in runs])


def environments(runs: Sequence[Stored]) -> Lines:
    """Return what differs of commit, versions, processor and threads."""
    facts = []
    for run in runs:
        every = {**run.record["source"], **run.record["environment"]}
        facts.append({key: _text(value) for key, value in _flat(every).items()})
    return [(name, _without_common(texts)) for name, texts in _differing(facts)]


def _over_jobs(jobs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    found: dict[str, dict[str, None]] = {}
    for job in jobs:
        for key, value in _flat(job).items():
            found.setdefault(key, {})[_text(value)] = None
    return {key: "; ".join(texts) for key, texts in found.items()}


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, item in value.items():
        inner = isinstance(item, dict) and bool(item)
        flat |= _flat(item, f"{prefix}{key}.") if inner else {f"{prefix}{key}": item}
    return flat


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _differing(facts: Sequence[Mapping[str, str]]) -> Lines:
    names = dict.fromkeys(name for one in facts for name in one)
    lines = [(name, [one.get(name, "-") for one in facts]) for name in names]
    return [(name, texts) for name, texts in lines if len(set(texts)) > 1]


def _without_common(texts: Sequence[str]) -> list[str]:
    """Of lists, such as a processor's features, leave what not all of them have."""
    try:
        lists = [json.loads(text) for text in texts]
    except ValueError:
        return list(texts)
    if not all(isinstance(one, list) and all(isinstance(item, str) for item in one) for one in lists):
        return list(texts)
    common = set(lists[0]).intersection(*lists[1:])
    return [", ".join(item for item in one if item not in common) or "none but the common ones" for one in lists]


# Values


def ulps_apart(a: Floats, b: Floats) -> Floats:
    """Return how many doubles lie from `a` to `b`, the last one counted; infinite where one alone is finite.

    Examples
    --------
    >>> ulps_apart(np.array([1.0, 0.0, 1.0]), np.array([1.0 + 2.0**-52, -5e-324, np.nan]))
    array([ 1.,  1., inf])
    """
    ranks = [_rank(values) for values in (a, b)]
    # The difference of two int64 is right modulo 2^64, and as an unsigned number it always fits.
    apart = np.maximum(*ranks).view(np.uint64) - np.minimum(*ranks).view(np.uint64)
    equal = (a == b) | (np.isnan(a) & np.isnan(b))
    return np.where(equal, 0.0, np.where(np.isfinite(a) & np.isfinite(b), apart.astype(np.float64), np.inf))


def _rank(values: Floats) -> Words:
    bits = np.ascontiguousarray(values).view(np.int64)
    return np.where(bits < 0, np.iinfo(np.int64).min - bits, bits)


def _allowance(plan: Plan, name: str, a: Mapping[str, Floats], b: Mapping[str, Floats], ulps: int) -> Floats:
    """Return by how much an error may move when what it is the distance of moves by `ulps`."""
    pair = plan.errors[name]
    with np.errstate(all="ignore"):
        apart = [np.abs(run[pair[0]] - run[pair[1]]) for run in (a, b)]
        larger = apart[0] >= apart[1]
        values, distance = np.where(larger, a[name], b[name]), np.where(larger, *apart)
        scale = np.abs(values / distance)
        moved = sum(np.spacing(np.maximum(np.abs(a[part]), np.abs(b[part]))) for part in pair)
        allowed: Floats = np.where(distance > 0, ulps * moved * scale, 0.0) + OWN_ULPS * np.spacing(np.abs(values))
        return allowed


@dataclass(kw_only=True)
class Column:
    """What changed in one column, over all joined rows."""

    name: str
    different: int = 0
    """Values that are not the same bits."""
    beyond: int = 0
    """Those of them that the tolerance does not excuse."""
    furthest: float = math.nan
    least: float = math.nan
    greatest: float = math.nan
    logs: float = 0.0
    ratios: int = 0

    def add(self, apart: Floats, ratio: Floats) -> None:
        """Count the distances and the ratios of values that are different."""
        finite = ratio[np.isfinite(ratio) & (ratio > 0)]
        self.furthest = float(np.fmax(self.furthest, apart.max(initial=0.0)))
        if finite.size:
            self.least = float(np.fmin(self.least, finite.min()))
            self.greatest = float(np.fmax(self.greatest, finite.max()))
            self.logs += float(np.log(finite).sum())
            self.ratios += finite.size

    @property
    def mean(self) -> float:
        """The geometric mean of the ratios."""
        return math.exp(self.logs / self.ratios) if self.ratios else math.nan


@dataclass(kw_only=True)
class Change:
    """What became of the rows of the first run in another."""

    name: str
    identical: bool = False
    rows: int = 0
    joined: int = 0
    differing: int = 0
    appeared: int = 0
    vanished: int = 0
    lost: tuple[str, ...] = ()
    """Columns that one of the tables lacks or has in another type, each with what it is in both."""
    columns: dict[str, Column] = field(default_factory=dict)

    @property
    def any(self) -> bool:
        """Whether anything changed by more than the tolerance."""
        return bool(self.differing or self.appeared or self.vanished or self.lost)


class Differences:
    """Compares joined rows and stores those that differ in one table, for all runs."""

    def __init__(self, plan: Plan, words: tables.Words, writer: tables.Writer, *, ulps: int) -> None:
        self._plan, self._words, self._writer, self._ulps = plan, words, writer, ulps
        self._place = {name: k for k, name in enumerate(words.columns)}
        for book in words.books.values():
            book.code("")  # what stands where a row has no other

    def add(self, change: Change, rows: Joined) -> None:
        """Count what differs and store it."""
        change.joined += rows.first.shape[1]
        change.appeared += rows.appeared.shape[1]
        change.vanished += rows.vanished.shape[1]
        differs = self._differing(change, rows.first, rows.other)
        labels, codes = self._named(differs, rows.first.shape[1])
        there = np.flatnonzero(codes)
        change.differing += there.size
        self._store(change, "differs", rows.first[:, there], rows.other[:, there], (codes[there], labels))
        self._store(change, "vanished", rows.vanished, None, None)
        self._store(change, "appeared", None, rows.appeared, None)

    def _differing(self, change: Change, first: Words, other: Words) -> dict[str, NDArray[np.intp]]:
        """Return for each column the places of the values that differ by more than the tolerance."""
        found = {}
        for name in self._plan.values:
            k = self._place[name]
            places = np.flatnonzero(first[k] != other[k])
            if places.size:
                column = change.columns.setdefault(name, Column(name=name))
                column.different += places.size
                if self._plan.columns[name] is float:
                    places = self._beyond(column, first[:, places], other[:, places], places)
                column.beyond += places.size
                found[name] = places
        return found

    def _beyond(self, column: Column, first: Words, other: Words, places: NDArray[np.intp]) -> NDArray[np.intp]:
        pair = self._plan.errors.get(column.name, ())
        a, b = ({n: rows[self._place[n]].view(np.float64) for n in (column.name, *pair)} for rows in (first, other))
        x, y = a[column.name], b[column.name]
        apart = ulps_apart(x, y)
        with np.errstate(all="ignore"):
            column.add(apart, y / x)
            excused: Mask = apart <= self._ulps
            if pair and self._ulps:
                allowed = _allowance(self._plan, column.name, a, b, self._ulps)
                excused |= np.isfinite(allowed) & (np.abs(x - y) <= allowed)
        return places[~excused]

    @staticmethod
    def _named(differs: Mapping[str, NDArray[np.intp]], rows: int) -> tuple[list[str], NDArray[np.int32]]:
        """Return for each row the code of the names of its differing columns; 0 is none."""
        codes = np.zeros(rows, dtype=np.int64)
        for bit, places in enumerate(differs.values()):
            codes[places] |= 1 << bit
        sets, place = np.unique(np.append(0, codes), return_inverse=True)
        names = list(differs)
        labels = [", ".join(name for bit, name in enumerate(names) if one >> bit & 1) for one in sets.tolist()]
        return labels, place[1:].astype(np.int32)

    def _store(self, change: Change, what: str, first: Words | None, other: Words | None, named: Any) -> None:
        shown = first if first is not None else other
        if shown is None or not shown.shape[1]:
            return
        columns: dict[str, Any] = {RUN: change.name, CHANGE: what, COLUMNS: named or ""}
        columns |= {name: self._words.values(name, shown[self._place[name]]) for name in self._plan.keys}
        a, b = ({n: self._value(n, rows, shown.shape[1]) for n in self._plan.values} for rows in (first, other))
        columns |= {DISTANCE: np.full(shown.shape[1], np.nan), RATIO: np.full(shown.shape[1], np.nan)}
        if first is not None and other is not None and self._plan.error and self._plan.estimate:
            with np.errstate(all="ignore"):
                columns[RATIO] = b[self._plan.error] / a[self._plan.error]
            columns[DISTANCE] = ulps_apart(a[self._plan.estimate], b[self._plan.estimate])
        for name in self._plan.values:
            columns |= {name: a[name], f"{name}{OTHER}": b[name]}
        self._writer.write(DIFFERENCES, columns)

    def _value(self, name: str, rows: Words | None, count: int) -> Any:
        """Return a column of a run, empty where the run has none of the rows; whole numbers as floats, for that."""
        kind = self._plan.columns[name]
        if rows is None:
            return "" if kind in (str, bool) else np.full(count, np.nan)
        values = self._words.values(name, rows[self._place[name]])
        if kind is bool:
            return values.astype(np.int8), ("false", "true")
        return values if kind is str else values.astype(np.float64, copy=False)


def _shape(plan: Plan) -> dict[str, tuple[type, str]]:
    """Return the columns of the table of differences."""
    shape: dict[str, tuple[type, str]] = {
        RUN: (str, "the run that the first was compared with"),
        CHANGE: (str, "differs; vanished: only the first run has the row; appeared: only the other has it"),
        COLUMNS: (str, "the columns whose values differ by more than the tolerance"),
        **{name: (plan.columns[name], "what tells the row apart") for name in plan.keys},
        DISTANCE: (float, f"doubles from {plan.estimate} of the first run to that of the other"),
        RATIO: (float, f"{plan.error} of the other run over that of the first"),
    }
    for name in plan.values:
        kind = str if plan.columns[name] in (str, bool) else float
        shape |= {name: (kind, "in the first run"), f"{name}{OTHER}": (kind, "in the other run")}
    return shape


# The comparison


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a comparison found, and where its files are being written."""

    runs: Sequence[Stored]
    names: Sequence[str]
    plan: Plan
    changes: Sequence[Change]
    configuration: Lines
    environment: Lines
    ulps: int
    directory: Path

    @property
    def differences(self) -> Path:
        """The table of the rows that differ."""
        return self.directory / f"{DIFFERENCES}.parquet"


def compare(runs: Sequence[Stored], place: Path, *, ulps: int = 0, command: str = "") -> bool:
    """Compare runs with the first of them, write tables, figure and page, and say in the terminal what was found.

    Parameters
    ----------
    runs
        Whole runs of one study.
    place
        Directory of all comparisons; this one gets ``<date>/<time>-<pid>`` in it, once all is written.
    ulps
        Units in the last place by which numbers may differ.
    command
        The command line, for the page.

    Returns
    -------
    bool
        Whether a joined value differs by more than the tolerance, or rows or columns appeared or vanished.

    Raises
    ------
    ConfigurationError
        If the runs cannot be compared; nothing is written then, and nothing stays after any other error.
    """
    _refuse_other_studies(runs)
    shapes = [_columns(run) for run in runs]
    changes = _changes(runs, shapes)
    shared = {name: kind for name, kind in shapes[0].items() if all(one.get(name) is kind for one in shapes)}
    plan = _plan(runs[0].study, shared)
    _refuse_lost_keys(plan, runs, shapes)
    now = datetime.now(UTC).astimezone()
    final = place / f"{now:%Y-%m-%d}" / f"{now:%H-%M-%S-%f}-{os.getpid()}"
    part = final.with_name(f".{final.name}.part")
    result = Result(
        runs=runs,
        names=names_of(runs),
        plan=plan,
        changes=changes,
        configuration=configurations(runs),
        environment=environments(runs),
        ulps=ulps,
        directory=part,
    )
    fresh = [path for path in part.parents if not path.exists()]
    part.mkdir(parents=True)
    try:
        _join(result)
        _report(result, _drawn(result), command)
        part.replace(final)
    except BaseException:
        _forget(part, fresh)
        raise
    _tell(result, final)
    return any(change.any for change in changes)


def _forget(part: Path, fresh: Sequence[Path]) -> None:
    """Remove what was written, and the directories made for it unless another comparison is in them."""
    shutil.rmtree(part)
    for directory in fresh:
        with suppress(OSError):
            directory.rmdir()


def names_of(runs: Sequence[Stored]) -> list[str]:
    """Return a name for each run, as short as tells them apart: the time, the directory, or the path."""
    paths = [run.directory for run in runs]
    choices = ([path.name[:8] for path in paths], [path.name for path in paths], [near(path) for path in paths])
    names = next((one for one in choices if len(set(one)) == len(set(paths))), choices[-1])
    return [name if names.count(name) == 1 else f"{name} ({k})" for k, name in enumerate(names, start=1)]


def _refuse_other_studies(runs: Sequence[Stored]) -> None:
    studies = [run.study.__name__.rpartition(".")[2] for run in runs]
    for run, study in zip(runs, studies, strict=True):
        if study != studies[0]:
            raise ConfigurationError(
                f"{near(runs[0].directory)} is a run of {studies[0]} and {near(run.directory)} one of {study};"
                " runs of one study are compared"
            )


def _columns(run: Stored) -> dict[str, type]:
    """Return the columns of a run's main table, which is the one that its record tells of."""
    content = tables.recorded(run.table)
    if content.hash != run.record["tables"][run.table.stem].get("hash"):
        raise ConfigurationError(f"{near(run.table)} is not the table that run.json records; run its command again")
    return {name: kind for name, (kind, _) in tables.shape_of(run.table).items() if name != "job"}


def _changes(runs: Sequence[Stored], shapes: Sequence[Mapping[str, type]]) -> list[Change]:
    contents = [tables.recorded(run.table) for run in runs]
    names = names_of(runs)
    changes = []
    for name, content, shape in list(zip(names, contents, shapes, strict=True))[1:]:
        same = content == contents[0]
        change = Change(name=name, identical=same, rows=content.rows, joined=content.rows if same else 0)
        odd = [column for column in {**shapes[0], **shape} if shapes[0].get(column) is not shape.get(column)]
        change.lost = tuple(f"{column}: {_type(shapes[0], column)} and {_type(shape, column)}" for column in odd)
        changes.append(change)
    return changes


def _type(shape: Mapping[str, type], column: str) -> str:
    return tables.KINDS[shape[column]].name if column in shape else "none"


def _refuse_lost_keys(plan: Plan, runs: Sequence[Stored], shapes: Sequence[Mapping[str, type]]) -> None:
    for key in plan.keys:
        if key not in plan.columns:
            kinds = [f"{near(run.directory)} {_type(shape, key)}" for run, shape in zip(runs, shapes, strict=True)]
            raise ConfigurationError(f"rows cannot be joined: column {key} is not of one type: {', '.join(kinds)}")


def _join(result: Result) -> None:
    """Join the other runs with the first, one after the other, unless their tables are known to be equal."""
    with tables.Writer(result.directory, {DIFFERENCES: _shape(result.plan)}) as writer:
        for run, change in zip(result.runs[1:], result.changes, strict=True):
            if not change.identical:
                words = tables.Words(result.plan.columns)
                differences = Differences(result.plan, words, writer, ulps=result.ulps)
                keys = result.plan.keys
                paths = result.runs[0].table, run.table
                for rows in join(words, *paths, keys=keys, scratch=result.directory):
                    differences.add(change, rows)
    if result.differences.is_file():
        tables.write_csv(result.differences)


# The figure


def _drawn(result: Result) -> list[tuple[str, str, str]]:
    """Draw the curves of the first figure of lines that the keys can hold, where rows changed, and their ratio."""
    spec = _spec(result)
    if spec is None or not result.differences.is_file():
        return []
    panel = figures.panel_columns(spec)
    changed = tables.head(result.differences, tables.GROUP)
    keys = list(changed[panel].drop_duplicates().itertuples(index=False, name=None))
    shown = [keys[place] for place in figures.choose(keys, spec)]
    frames = {"curves": _frame(result, spec, shown)}
    if figures.empty(frames, spec):
        return []
    figure = figures.draw(frames, spec)
    paths = figures.save(figure, result.directory / "figures", "compared", ["svg", "png"])
    return [("compared", paths[0].read_text(encoding="utf-8"), figures.caption(frames, spec, len(keys)))]


def _spec(result: Result) -> dict[str, Any] | None:
    """Return what to draw, from the configuration of the first run."""
    plan = result.plan
    chosen = result.runs[0].record["jobs"][0]["configuration"].get("figures") or {}
    for spec in (chosen.get("draw") or {}).values():
        if spec.get("kind") != "lines" or spec.get("table") != result.runs[0].table.stem:
            continue
        if {*figures.panel_columns(spec), spec["series"], spec["x"]} <= set(plan.keys) and spec["y"] in plan.values:
            kept = {
                key: spec[key] for key in ("x", "y", "series", "panel", "panels", "xlabel", "ylabel") if key in spec
            }
            return {"kind": "compared", "table": "curves", "runs": "compared_run", "ratio": "compared_ratio", **kept}
    return None


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


# What is said


def _sentences(result: Result) -> Iterator[str]:
    for change in result.changes:
        first, other = result.names[0], change.name
        if change.identical:
            yield f"{other} is {first} to the bit: the {change.rows:,} rows of their tables have one content hash."
            continue
        if not change.any:
            excused = f" within {result.ulps} {'ulp' if result.ulps == 1 else 'ulps'}" if result.ulps else ""
            yield f"{other} has the rows of {first}, {change.joined:,} of them, and all values are equal{excused}."
        if change.differing:
            rows = f"{change.differing:,} of {change.joined:,} joined rows"
            yield f"{rows} of {other} differ from {first}: {_where(result, change)}."
        for word, count in (("appeared", change.appeared), ("vanished", change.vanished)):
            if count:
                yield f"{count:,} {'row' if count == 1 else 'rows'} {word} in {other}."
        if change.lost:
            yield f"Columns of {first} and of {other} that could not be compared: {'; '.join(change.lost)}."


def _circumstances(result: Result) -> Iterator[str]:
    for what, lines in (("configuration", result.configuration), ("environment", result.environment)):
        names = ", ".join(name for name, _ in lines[:8]) + (f" and {len(lines) - 8} more" if len(lines) > 8 else "")
        yield f"In the {what} of the runs there differ: {names}." if lines else f"The {what} of the runs is the same."


def _where(result: Result, change: Change) -> str:
    return ", ".join(
        f"{one.name} in {one.beyond:,}{_how_far(result, one)}" for one in change.columns.values() if one.beyond
    )


def _how_far(result: Result, one: Column) -> str:
    if one.name == result.plan.error and one.ratios:
        return f" (by a factor of {one.least:.3g} to {one.greatest:.3g})"
    if one.name == result.plan.estimate:
        apart = "from a finite to no finite value" if math.isinf(one.furthest) else f"by up to {one.furthest:.3g} ulps"
        return f" ({apart.replace('to 1 ulps', 'to 1 ulp')})"
    return ""


def _overview(result: Result) -> dict[str, list[Any]]:
    error = result.plan.error
    rows = []
    for change in result.changes:
        of_error = change.columns.get(error or "", Column(name=""))
        of_estimate = change.columns.get(result.plan.estimate or "", Column(name=""))
        equal = change.joined - change.differing
        counts = [change.joined, equal, change.differing, change.appeared, change.vanished]
        rows.append([change.name, *counts, of_estimate.furthest, of_error.least, of_error.mean, of_error.greatest])
    names = ("compared", "joined", "equal", "differ", "appeared", "vanished", f"{result.plan.estimate}_ulps apart",
             f"{error}_least ratio", f"{error}_mean ratio", f"{error}_greatest ratio")  # fmt: skip
    return {name: list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}


MEANINGS = (
    "the run compared with the first",
    "rows that both have",
    "joined rows within the tolerance",
    "joined rows beyond it",
    "rows that only the other has",
    "rows that only the first has",
    "the largest distance, in doubles",
    "the least ratio of the other to the first, where they differ",
    "the geometric mean of the ratios",
    "the greatest ratio",
)


def _report(result: Result, drawings: Sequence[tuple[str, str, str]], command: str) -> None:
    first = result.runs[0]
    runs = ", ".join(near(run.directory) for run in result.runs)
    content = html.Content(
        title=f"{result.names[0]} compared with {', '.join(result.names[1:])}",
        command=command,
        study=first.study.__name__.rpartition(".")[2],
        question="What changed between these runs: in what was asked, where it ran, and in every row?",
        findings=[*_sentences(result), *_circumstances(result)],
        notes=_notes(result, drawings),
        figures=drawings,
        tables=list(_tables(result)),
        record={"runs": runs, "rows joined on": ", ".join(result.plan.keys), "ulps": result.ulps},
        files=[
            (path.name, path.name) for path in sorted(result.directory.iterdir()) if path.suffix in (".parquet", ".csv")
        ],
    )
    html.write(result.directory / "report.html", content)


def _notes(result: Result, drawings: Sequence[tuple[str, str, str]]) -> list[str]:
    notes = []
    stored = tables.recorded(result.differences).rows if result.differences.is_file() else 0
    if stored > tables.CSV_ROWS:
        where = result.differences.name
        notes.append(f"{stored:,} rows changed: {where} has them; above {tables.CSV_ROWS:,} no CSV is written.")
    if stored and not drawings:
        notes.append("There is no figure: the study draws no lines over the keys of its rows.")
    if len(result.runs) > 1 + OTHERS_DRAWN and drawings:
        notes.append(f"The figure shows the first run and {OTHERS_DRAWN} others.")
    others = _other_tables(result)
    if others:
        notes.append(
            f"The rows of the main table are compared; these tables are not the same either: {', '.join(others)}."
        )
    return notes


def _other_tables(result: Result) -> list[str]:
    hashes = [{name: one.get("hash") for name, one in run.record["tables"].items()} for run in result.runs]
    names = dict.fromkeys(name for one in hashes for name in one if name != result.runs[0].table.stem)
    return [name for name in names if len({one.get(name) for one in hashes}) > 1]


def _tables(result: Result) -> Iterator[html.Table]:
    overview = _overview(result)
    rows = [[_cell(value) for value in row] for row in zip(*overview.values(), strict=True)]
    named = [name.replace("_", " ") for name in overview]
    yield html.Table("overview", "One row for every run compared with the first.", named, MEANINGS, rows, len(rows))
    columns = [_column_row(change, one) for change in result.changes for one in change.columns.values()]
    if columns:
        said = "What changed in each column, over all joined rows."
        heads = list(COLUMN_HEADS)
        yield html.Table("by column", said, heads, list(COLUMN_HEADS.values()), columns, len(columns))
    for name, lines in (("configuration", result.configuration), ("environment", result.environment)):
        cells = [[key, *(show(text, LONGEST) for text in texts)] for key, texts in lines]
        meaning = f"What is not the same in the {name} of the runs; run.json has it in full."
        if lines:
            yield html.Table(
                name,
                meaning,
                ["key", *result.names],
                ["name", *(["as recorded"] * len(result.names))],
                cells,
                len(cells),
            )
    if result.differences.is_file():
        frame = tables.head(result.differences, HEAD)
        shape = tables.shape_of(result.differences)
        cells = [[_cell(value, 17) for value in row] for row in frame.itertuples(index=False)]
        total = tables.recorded(result.differences).rows
        meanings = [meaning for _, meaning in shape.values()]
        yield html.Table(
            DIFFERENCES, "The rows that differ, vanished or appeared.", list(shape), meanings, cells, total
        )


COLUMN_HEADS = {
    "run": "the run compared with the first",
    "column": "the column",
    "other bits": "values that are not the same bits",
    "beyond the tolerance": "those that the tolerance does not excuse",
    "ulps apart": "the largest distance, in doubles",
    "least ratio": "the least ratio of the other to the first",
    "mean ratio": "the geometric mean of the ratios",
    "greatest ratio": "the greatest ratio",
}


def _column_row(change: Change, one: Column) -> list[str]:
    numbers = (one.different, one.beyond, one.furthest, one.least, one.mean, one.greatest)
    return [change.name, one.name, *(_cell(number) for number in numbers)]


def _cell(value: object, digits: int = 6) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.{digits}g}"
    return "" if value is None else str(value)


def _tell(result: Result, directory: Path) -> None:
    terminal = Terminal()
    terminal.summary(_overview(result), table="report.html")
    for what, lines in (("configuration", result.configuration), ("environment", result.environment)):
        told = "; ".join(f"{name} {' | '.join(show(text, 32) for text in texts)}" for name, texts in lines[:4])
        rest = [name for name, _ in lines[4:]]
        more = f"; also {', '.join(rest[:8])}{' and more' if len(rest) > 8 else ''}" if rest else ""
        terminal.line(f"{what}: {told}{more}" if lines else f"{what}: the same")
    for sentence in _sentences(result):
        terminal.line(sentence)
    paths = [
        ("report", "report.html"),
        ("table", f"{DIFFERENCES}.csv"),
        ("table", f"{DIFFERENCES}.parquet"),
        ("figure", "figures/compared.png"),
    ]
    terminal.paths([(label, near(directory / name)) for label, name in paths if (directory / name).is_file()])
