"""What the study of honesty tells, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np

from derivkit.testing import Cases, Comparisons, EntryCases, quantile
from experiments import goals
from experiments.study import Frame
from experiments.words import counted, first_of, number, part_of, percent_reached

YES, REPEATS, NO = "yes", "but for repeats", "no"
C = TypeVar("C", bound=Comparisons)


def cases_in(rows: Frame, kind: type[C]) -> C:
    """Rows of a table, ready to be measured."""
    return kind(**{one.name: rows[one.name].to_numpy() for one in fields(kind)})


def agreement(evaluations: Frame) -> Iterator[str]:
    """Whether the methods say truly how often they evaluated f."""
    agree = evaluations["agree"]
    yield (
        f"{counted(evaluations['counted'].sum(), 'value')} of f were counted from outside; in "
        f"{part_of(int((agree == YES).sum()), len(agree), 'call')} the method says exactly as many."
    )
    for verdict, says in ((REPEATS, "as many different points, and evaluates some again"), (NO, "another number")):
        calls = evaluations[agree == verdict]
        if len(calls):
            yield (
                f"{names(calls['method'])}: in {counted(len(calls), 'call')} the method says {says}, "
                f"for instance for {calls['function'].iloc[0]}."
            )


def of_method(row: Any) -> str:
    """How often a method answers, and is right."""
    silent = f"says ok {'once' if row.silent == 1 else f'{row.silent:,} times'}" if row.silent else "never says ok"
    nowhere = f"Where no derivative exists it {silent}."
    if not row.answers:
        return f"{row.method}: it gives no value with a bar. {nowhere}"
    of_ok = (
        f"{row.ok:,} of them say{'s' if row.ok == 1 else ''} ok, and of those {percent_reached(row.ok_covered)}"
        if row.ok
        else "none says ok"
    )
    return (
        f"{row.method}: it gives {counted(row.answers, 'value')} with a bar, and {percent_reached(row.covered)} of the "
        f"bars are true; {of_ok}. {nowhere}"
    )


def of_entries(method: str, rows: Frame) -> str:
    """How often the bars of gradients or Hessians are true."""
    cases = cases_in(rows, EntryCases)
    share = percent_reached(float(cases.answers.covered.mean()))
    return (
        f"{method}, {rows['function'].nunique()} functions of {cases.variables.min()} to {cases.variables.max()} "
        f"variables: of {len(cases):,} entries {len(cases.answers):,} have a value with a bar, and {share} of the "
        f"bars are true"
    )


def of_others(summary: Frame, reached: Frame) -> Iterator[str]:
    """The other methods, in one sentence: how often their bars are true, and which goals they reach."""
    each = [
        f"{row.method} ({percent_reached(row.covered)} of {counted(row.answers, 'bar')}, "
        f"{goals.count_reached(reached[reached['method'] == row.method])}, {row.silent:,} points)"
        for row in summary.itertuples()
        if row.answers
    ]
    if each:
        yield (
            "Of the other methods, how many bars are true, how many goals are reached, and at how many points without "
            f"a derivative they say ok: {', '.join(each)}."
        )


def weakest(functions: Frame) -> Iterator[str]:
    """The functions whose bars are least often true."""
    weak = functions[functions["covered"] < 1.0].sort_values("covered", kind="stable")
    if len(weak):
        five = [f"{row.function} ({percent_reached(row.covered)} of {row.answers})" for row in weak.head().itertuples()]
        yield (
            f"{weak['method'].iloc[0]}: some bars are too short for {part_of(len(weak), len(functions), 'function')}; "
            f"the weakest: {', '.join(five)}."
        )


def worst(method: str, rows: Frame) -> Iterator[str]:
    """The functions with the shortest bars for their error, among the answers with the status ok."""
    measured = cases_in(rows, Cases)
    short = rows[measured.exists & measured.answered & measured.said_ok & (measured.miss > 1.0)]
    if not len(short):
        return
    first = short.sort_values("miss", ascending=False, kind="stable").drop_duplicates("function").head()
    five = [
        f"{row.function} at x = {row.x:.10g} (true error {number(row.true_error)}, bar {number(row.error)}; formulas "
        f"attain {number(row.attainable)}{', which is more than the bar' if row.attainable > row.error else ''})"
        for row in first.itertuples()
    ]
    yield (
        f"{method}: {counted(len(short), 'bar')} with the status ok {'is' if len(short) == 1 else 'are'} too short, by "
        f"a median factor of {number(quantile(short['miss'], 0.5))}; the worst: {'; '.join(five)}."
    )


def silence(method: str, rows: Frame) -> Iterator[str]:
    """Values where no derivative exists, and refusals where one does."""
    measured = cases_in(rows, Cases)
    if not measured.exists.all():
        said_ok = rows[~measured.exists & measured.said_ok]
        odd = rows[~measured.exists & measured.answered & ~measured.said_ok]
        yield (
            f"{method}: of {counted((~measured.exists).sum(), 'point')} without a derivative, it gives a value with "
            f"the status ok at {len(said_ok) or 'none'}{where(said_ok)}, and a value with another status at "
            f"{len(odd) or 'none'}{where(odd)}."
        )
    if measured.counts.any():
        refused = rows[measured.counts & ~measured.answered]
        points = int(measured.counts.sum())
        answered = f"{method}: it answers at {part_of(points - len(refused), points, 'point')} at which it could"
        allowed = f"; of the others{where(refused)} the population allows {refused['right'].sum() or 'none'}"
        yield f"{answered}{allowed if len(refused) else ''}."


def where(cases: Frame) -> str:
    """The functions of some cases."""
    return f" ({names(cases['function'])})" if len(cases) else ""


def names(values: Frame) -> str:
    """The most frequent of some names, as a text."""
    unique, counts = np.unique(values.to_numpy().astype(str), return_counts=True)
    return first_of(unique[np.argsort(-counts, kind="stable")].tolist(), 5)
