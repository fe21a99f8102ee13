"""The verdict on a repetition: identical, within tolerance, or different, with what differs and where it ran."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from experiments import tables
from experiments.comparison.configured import Lines, about_inputs, environments, inputs
from experiments.comparison.differences import Change, judged, lost, shared
from experiments.comparison.tolerance import JOB, ULPS, Rules, rules_of
from experiments.comparison.values import ColumnChange
from experiments.messages import show
from experiments.running.record import SOURCE, Table
from experiments.running.runs import Stored

ARITHMETIC = (
    *("python", "implementation", "machine", "libc", "cpu", "cpu_features", "blas", "variables"),
    *("versions.numpy", "versions.python-flint"),
)
"""The facts of an environment on which the rounding of a result depends."""
CODE = (*SOURCE.values(), "versions.derivative-lab")
"""The facts of a source on which everything depends."""


SHOWN = 8
"""Most facts of the environment that are told with their values."""


class Verdict(StrEnum):
    """What is said of a repetition."""

    IDENTICAL = "identical"
    TOLERATED = "within tolerance"
    DIFFERENT = "different"


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What a repetition found, table by table."""

    rules: Rules
    """Those of the main table."""
    main: Change
    computed: tuple[Change, ...]
    """The other tables that the jobs wrote."""
    concluded: tuple[Change, ...]
    """The tables that were concluded from those."""
    environment: Lines
    inputs: Lines = field(default_factory=list)
    """The files that were read and are not what they were."""
    measured: bool = False
    """Whether some columns are left out, as a clock measured them."""

    @property
    def tables(self) -> tuple[Change, ...]:
        """All tables, the main one first."""
        return (self.main, *self.computed, *self.concluded)

    @property
    def arithmetic(self) -> bool:
        """Whether something is known by which results may be rounded otherwise."""
        return _any_of(self.environment, ARITHMETIC)

    @property
    def code(self) -> bool:
        """Whether the code is known to be another one."""
        return _any_of(self.environment, CODE)

    @property
    def verdict(self) -> Verdict:
        """The main table is judged by theory.

        What else the jobs computed has no stated bounds, and what was concluded is a fit, a least value or a sentence
        that may turn on the last bit. Where another arithmetic explains that they moved, they are told and not judged.
        Where nothing does, what moved by more than a few ulps is different.
        """
        if all(table.identical for table in self.tables):
            return Verdict.IDENTICAL
        others = (*self.computed, *self.concluded)
        if self.main.any or any(table.broken for table in self.computed) or any(t.lost for t in others):
            return Verdict.DIFFERENT
        followed = self.arithmetic or not self.main.identical
        return Verdict.TOLERATED if followed or not any(table.any for table in others) else Verdict.DIFFERENT


def _any_of(environment: Lines, facts: Sequence[str]) -> bool:
    return any(name == fact or name.startswith(f"{fact}.") for name, _ in environment for fact in facts)


def findings(first: Stored, other: Stored, *, ulps: int = ULPS) -> Findings:
    """Compare every table of a run with that of its repetition."""
    environment = _environments(first, other)
    shape = {name: one.type for name, one in first.study.main.columns.items()}
    rules = rules_of(first.study.main, {**shape, JOB: int}, arithmetic=_any_of(environment, ARITHMETIC), ulps=ulps)
    by_jobs = dict.fromkeys(name for job in first.record.jobs for name in job.tables)
    names = dict.fromkeys([*first.record.tables, *other.record.tables])
    names.pop(first.table.stem, None)
    plain = Rules(ulps=ulps)
    return Findings(
        rules=rules,
        main=_judged(first, other, first.table.stem, rules),
        computed=tuple(_judged(first, other, name, plain) for name in names if name in by_jobs),
        concluded=tuple(_judged(first, other, name, plain) for name in names if name not in by_jobs),
        environment=environment,
        inputs=inputs([first, other]),
        measured=bool(first.study.measured),
    )


def _environments(first: Stored, other: Stored) -> Lines:
    """Return in what the environments of a run, those of jobs that were computed elsewhere included, are other ones."""
    every = [job.environment or first.record.environment for job in first.record.jobs]
    found: dict[str, tuple[dict[str, None], str]] = {}
    for one in [one for k, one in enumerate(every) if one not in every[:k]]:
        there = replace(first, record=replace(first.record, environment=one))
        for name, (before, after) in environments([there, other]):
            found.setdefault(name, ({}, after))[0][before] = None
    return [(name, ["; ".join(before), after]) for name, (before, after) in found.items()]


def _judged(first: Stored, other: Stored, name: str, rules: Rules) -> Change:
    records = [run.record.tables.get(name, Table()) for run in (first, other)]
    if records[0].hash == records[1].hash:
        return Change(name=name, rows=records[0].rows, identical=True)
    if None in (records[0].hash, records[1].hash):
        lacking = "the original" if records[0].hash is None else "the repetition"
        return Change(name=name, rows=records[0].rows, lost=(f"{lacking} has no such table",))
    paths = [run.directory / f"{name}.parquet" for run in (first, other)]
    shapes = [_columns(path) for path in paths]
    columns, changed = shared(shapes), lost(*shapes, between=", now ")
    if set(rules.keys) - columns.keys():
        return Change(name=name, rows=records[0].rows, lost=changed)
    change = judged(*paths, rules=rules, columns=columns, scratch=other.directory)
    change.lost = changed
    return change


def _columns(path: Path) -> dict[str, type]:
    about = tables.footer(path)
    return {name: kind for name, kind in about.types.items() if name not in about.measured}


# What is said


def sentences(found: Findings) -> Iterator[str]:
    """Yield what was found, line by line, the verdict first; of tables of changed files no more than how many rows."""
    yield f"{found.verdict}: {_headline(found)}"
    if found.inputs:
        yield about_inputs(found.inputs)
    for table in found.tables:
        if not table.identical:
            yield from itertools.islice(_of_table(table, found), 1 if found.inputs else None)
    told = [f"{name} {' | '.join(show(text, 40) for text in texts)}" for name, texts in _ranked(found.environment)]
    more = f"; also {', '.join(name for name, _ in _ranked(found.environment)[SHOWN:])}" if told[SHOWN:] else ""
    yield f"environment: {'; '.join(told[:SHOWN]) or 'nothing that is recorded differs'}{more}"
    if not found.inputs and found.verdict is not Verdict.IDENTICAL and not found.arithmetic:
        why = "the code is another one" if found.code else "nothing that is recorded explains it"
        yield f"what arithmetic depends on is the same, and yet values moved: {why}"


def _ranked(environment: Lines) -> Lines:
    """Return what differs, first that on which arithmetic depends, then the code."""
    return sorted(environment, key=lambda line: (not _any_of([line], ARITHMETIC), not _any_of([line], CODE)))


def _headline(found: Findings) -> str:
    moved = [table.name for table in found.tables if not table.identical]
    if found.verdict is Verdict.IDENTICAL:
        but = ", but for what a clock measured" if found.measured else ""
        return f"all {len(found.tables)} tables came out again to the last bit{but}"
    if found.verdict is Verdict.DIFFERENT:
        return f"{', '.join(moved)} did not come out again"
    if found.main.identical:
        return f"{found.main.name} came out again to the last bit, {', '.join(moved)} did not"
    return f"values of {found.main.name} moved by no more than rounding may move them"


def _of_table(table: Change, found: Findings) -> Iterator[str]:
    counts = ((table.vanished, "vanished"), (table.appeared, "appeared"))
    gone = [f"{count} rows {what}" for count, what in counts if count]
    moved = [f"{table.moved} of {table.rows} rows moved"] if table.moved else []
    yield f"{table.name}: {', '.join([*table.lost, *gone, *moved])}{_unjudged(table, found)}"
    rules = found.rules if table is found.main else Rules(ulps=found.rules.ulps)
    for column in table.columns.values():
        yield f"{table.name}.{column.name}: {_of_column(column, rules)}"


def _unjudged(table: Change, found: Findings) -> str:
    if table is found.main or found.verdict is Verdict.DIFFERENT or not table.any:
        return ""
    if table in found.concluded:
        return "; it is concluded from the tables of the jobs, and follows them unjudged"
    return "; no bound is stated for it: told, not judged"


def _of_column(column: ColumnChange, rules: Rules) -> str:
    far = f", by up to {column.furthest:.3g} ulps" if column.furthest > 0 else ""
    share = f", at most {column.share:.2g} of {rules.of(column.name)}" if column.share else ""
    more = f", {column.beyond} by more than {rules.of(column.name)}" if column.furthest > 0 else ""
    late = f"{more}: {column.first}" if column.beyond else ""
    return f"{column.different} value{'s' if column.different > 1 else ''}{far}{share}{late}"
