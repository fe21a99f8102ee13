"""What a comparison found, in the words in which page and terminal say it alike."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping

from experiments import tables
from experiments.comparison.configured import Lines, about_inputs, shown
from experiments.comparison.differences import Change
from experiments.comparison.ranking import Ranking
from experiments.comparison.result import Comparison
from experiments.comparison.values import ColumnChange
from experiments.messages import show
from experiments.words import counted, first_of

MAX_NAMES = 8
"""Names that a sentence lists."""
MAX_LETTERS = 24
"""Letters of a text up to which a sentence has what it was and what it has become."""
LEAST_SHARE = 0.05
"""Part of the spread of the best error below which a key is not named."""


def findings(comparison: Comparison) -> Iterator[str]:
    """Yield what was found, the environment last."""
    if comparison.ranking is None:
        yield about_request(comparison)
        yield from filter(None, [about_files(comparison), about_least(comparison)])
        yield from about_changes(comparison)
        yield about_environment(comparison)
    else:
        yield from about_many(comparison, comparison.ranking)


# Of a few runs


def about_request(comparison: Comparison) -> str:
    """Say what the runs were asked to do otherwise."""
    if comparison.keys:
        keys = [f"{key} {' → '.join(show(shown(one), 60) for one in of)}" for key, of in comparison.keys.items()]
        more = f"; and {len(keys) - MAX_NAMES} keys more" if len(keys) > MAX_NAMES else ""
        return f"What was asked differs: {'; '.join(keys[:MAX_NAMES])}{more}."
    if comparison.configuration:
        return f"What was computed is the same; the configuration differs in {_names(comparison.configuration)}."
    return "What was asked is the same."


def about_files(comparison: Comparison) -> str:
    """Say which files have another content than in another run; nothing if none has."""
    sentence = about_inputs(comparison.inputs)
    return f"{sentence[0].upper()}{sentence[1:]}." if comparison.inputs else ""


def about_least(comparison: Comparison) -> str:
    """Say which smallest error each run has and where; nothing if one of them does not record it."""
    least = [run.record.best for run in comparison.runs if run.record.best and run.record.best.value is not None]
    if len(least) < len(comparison.runs) or len({one.column for one in least}) > 1:
        return ""
    smallest = f"The least typical {least[0].column} is"
    where = [_at(one.where) for one in least]
    values = [f"{one.value:.3g}" for one in least]
    if all(one == least[0] for one in least):
        return f"{smallest} {values[0]} in every run, at {where[0]}."
    places = [f"{value} in {name} ({at})" for value, name, at in zip(values, comparison.names, where, strict=True)]
    return f"{smallest} {', '.join(places[:-1])} and {places[-1]}."


def _plain(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def about_changes(comparison: Comparison) -> Iterator[str]:
    """Say of every other run what became of the rows of the first."""
    for change in comparison.changes:
        yield from _about_change(comparison, change)


def _about_change(comparison: Comparison, change: Change) -> Iterator[str]:
    first, other, ulps = change.first, change.name, comparison.ulps
    if change.identical:
        rows = f"their tables, of {counted(change.rows, 'row')} each, have the same content hash"
        yield f"{other} computed what {first} did, to the bit: {rows}."
        return
    excused = f" within {ulps} {'ulp' if ulps == 1 else 'ulps'}" if ulps else ""
    if not change.any:
        yield f"{other} has the rows of {first}, {change.joined:,} of them, and all values are equal{excused}."
    if change.appeared and change.vanished and not change.joined:
        alone = f"{change.appeared:,} are in {other} alone and {change.vanished:,} in {first} alone"
        keys = ", ".join(comparison.plan.keys)
        yield f"No row of {other} has the same {keys} as one of {first}, so none are compared: {alone}."
        return
    if change.differing:
        rows = f"{change.differing:,} of {change.joined:,} joined rows"
        columns = [
            f"{name} in {count:,}{_how_far(comparison, change.columns[name])}" for name, count in change.beyond.items()
        ]
        yield f"{rows} of {other} differ from {first}: {', '.join(columns)}."
    elif change.any and change.joined:
        yield f"The values of the {change.joined:,} joined rows are equal{excused}."
    for word, count in (("appeared", change.appeared), ("vanished", change.vanished)):
        if count:
            yield f"{count:,} {'row' if count == 1 else 'rows'} {word} in {other}."
    if change.lost:
        yield f"Columns of {first} and of {other} that could not be compared: {'; '.join(change.lost)}."


def _how_far(comparison: Comparison, column: ColumnChange) -> str:
    if len(column.turns) == 1 and max(map(len, *column.turns)) <= MAX_LETTERS:
        return f" ({' → '.join(show(text) or 'none' for text in next(iter(column.turns)))})"
    if column.name == comparison.plan.error and column.ratios:
        several = f" to {column.greatest:.3g}, in the geometric mean {column.mean:.3g}"
        return f" (by a factor of {column.least:.3g}{several if column.greatest > column.least else ''})"
    if column.name == comparison.plan.estimate:
        if math.isinf(column.furthest):
            return " (from a finite to no finite value)"
        return f" (by up to {column.furthest:.3g} {'ulp' if column.furthest == 1.0 else 'ulps'})"
    return ""


def about_environment(comparison: Comparison) -> str:
    """Say what is not the same where the runs were made; of many runs, how many different values there are."""
    lines = comparison.environment
    names = [name for name, _ in lines]
    if comparison.ranking is not None:
        names = [f"{name} ({len(set(texts))} values)" for name, texts in lines]
    if names:
        return f"In the environment of the runs there differ: {first_of(names, MAX_NAMES)}."
    return "The environment of the runs is the same: commit, versions, processor and threads."


def _names(lines: Lines) -> str:
    return first_of([name for name, _ in lines], MAX_NAMES)


# Of many runs


def about_many(comparison: Comparison, ranking: Ranking) -> Iterator[str]:
    """Say what the runs have in common, which is the best, on what that depends, and which rows are not the same."""
    keys = [f"{key} ({len(set(values))} values)" for key, values in comparison.keys.items()]
    differ = f"between them differ {first_of(keys, MAX_NAMES)}" if keys else "all of them have one configuration"
    yield f"{len(comparison.runs)} runs of {comparison.study} are compared; {differ}."
    if ranking.known:
        yield _about_best(comparison, ranking)
    yield from filter(None, [about_files(comparison), about_shares(ranking)])
    yield from _about_rows(comparison)
    yield about_environment(comparison)


def _about_best(comparison: Comparison, ranking: Ranking) -> str:
    first, last = ranking.known[0], ranking.known[-1]
    name, at = comparison.names[first], _at(ranking.where[first])
    smallest = "least typical {}" if tables.DELTA in ranking.where[first] else "smallest {} above 0"
    least = f"The {smallest.format(ranking.error)}, {ranking.best[first]:.3g}, is that of {name} at {at}"
    if first == last:
        return f"{least}; no other run tells one."
    if ranking.best[first] == ranking.best[last]:
        return f"{least}; all runs have the same."
    return f"{least}; the largest best {ranking.error} is {ranking.best[last]:.3g}, of {comparison.names[last]}."


def _at(where: Mapping[str, object]) -> str:
    """Say at which keys an error is the best; those without a value are left out."""
    return ", ".join(f"{key} = {_plain(value)}" for key, value in where.items() if value not in {None, ""})


def about_shares(ranking: Ranking) -> str:
    """Say on which of the changed keys the best error depends most."""
    shares = [(key, f"{100 * share:.0f} %") for key, share in ranking.shares.items() if share >= LEAST_SHARE]
    if not shares:
        return ""
    (key, share), *others = shares
    more = " and ".join(f"{other} for {part}" for other, part in others[:2])
    most = f"The best {ranking.error} depends most on {key}, which accounts for {share} of its spread in decades"
    return f"{most}; {more}." if more else f"{most}."


def _about_rows(comparison: Comparison) -> Iterator[str]:
    changes = comparison.changes
    rows, shared = sum(change.rows for change in changes), sum(change.joined for change in changes)
    different = most_different(comparison)
    if not shared:
        yield f"No two of the {rows:,} rows of different runs have the same {', '.join(comparison.plan.keys)}."
    elif not different:
        yield f"Of the {rows:,} rows {shared:,} are in an earlier run too, with the same values in every one."
    else:
        count = sum(change.differing for change in different)
        runs = f"{len(different)} runs" if len(different) > 1 else "one run"
        yield f"Of the {rows:,} rows {shared:,} are in an earlier run too; {count:,} of these differ, in {runs}."
        columns: Counter[str] = Counter()
        for change in different:
            columns.update(change.beyond)
        yield f"By column: {', '.join(f'{name} in {number:,}' for name, number in columns.most_common(MAX_NAMES))}."
        most = different[0]
        of = f"{most.differing:,} of its {most.joined:,} shared rows"
        yield f"Most differs in {most.name}: {of}, compared with {most.first}."
    if comparison.plan.measured:
        yield f"Not compared, as a clock measured them: {', '.join(comparison.plan.measured)}."


def most_different(comparison: Comparison) -> list[Change]:
    """Return the changes in which rows differ, those with the most such rows first."""
    return sorted((change for change in comparison.changes if change.differing), key=lambda one: -one.differing)
