"""Derivatives of any formulas by rules, line by line: what each step does, when it holds, and how it was checked."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import derivkit as dk
from experiments import columns
from experiments.study import Frame, Lesson, Printed, Rows, Tables, column, key, rows_of
from experiments.words import part_of

FIGURES = tuple(f"derivation_{k}" for k in range(1, 9))
"""The figures of the preset; formulas beyond them are told in words only."""
MAX_CONDITIONS = 5
"""Most conditions that the findings name."""


# Tables


class Which(Rows, table=None):
    """What is differentiated."""

    expression: str = key("the formula as typed")
    variable: str = key("with respect to what it is differentiated")


class Table(Which):
    """A row for every step."""

    derivative: int = key("1 for the first derivative, 2 for the derivative of that, ...")
    step: int = key("number of the step, from 1; what a step needs stands before it")
    rule: str = column("the rule that is applied")
    piece: str = column("what it acts on")
    result: str = column("the derivative of the piece")
    condition: str = column("what must hold for the rule to hold; empty if nothing must")


class Lines(Which):
    """A row for every line."""

    derivative: int = column("to which derivative the line leads; 0 for the formula itself")
    line: int = column("number of the line, from 0")
    formula: str = column("what stands right of the sign of equality")
    reason: str = column("what the next line does")


class Pieces(Which, columns.Piece):
    """The lines piece by piece."""


class Steps(columns.Figure, columns.Piece):
    """The pieces of those that are drawn."""


class Checks(Which):
    """A row for every formula."""

    derivative: int = column("how often it is differentiated")
    result: str = column("the derivative")
    steps: int = column("steps that lead to it, each checked")
    lines: int = column("lines that are written")
    operations: int = column("operations of the result, every part once")
    verification: str = column("verified, no real point found, or over the work limit")
    points: int = column("points at which every step was checked")
    at: str = column("these points")
    conditions: str = column("all that must hold for the derivative to hold")
    widest: int = column("letters of the longest line")


class Text(Which):
    """The derivations as plain text."""

    line: str = column("one line of the derivation as plain text")


class Summary(Rows):
    """One line for every formula."""

    expression: str = key("the formula as typed")
    derivative: str = column("the derivative")
    holds: str = column("where it holds; empty if everywhere where the formula has a value")
    steps: int = column("steps that lead to it")
    check: str = column("what the check of every step found")


# What is measured


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which formulas, with respect to what, how often; and how the lines are written."""

    expression: tuple[str, ...]
    variable: str = ""
    derivative: int = 1
    level: str = "normal"
    notation: str = "leibniz"

    def __post_init__(self) -> None:
        for name, known in (("level", dk.Derivation.LEVELS), ("notation", dk.Derivation.NOTATIONS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name}={getattr(self, name)}: there are {', '.join(known)}")
        for text in self.expression:
            derived(text, self.variable, self.derivative)

    @property
    def derivations(self) -> list[dk.Derivation]:
        """Every formula, derived."""
        return [derived(text, self.variable, self.derivative) for text in dict.fromkeys(self.expression)]

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        return sum(len(derivation.steps) for derivation in self.derivations)


@functools.lru_cache(maxsize=256)
def derived(text: str, variable: str, derivative: int) -> dk.Derivation:
    """Derive a formula once, whoever asks.

    Raises
    ------
    ValueError
        In one line, if the formula cannot be read or derived.
    """
    try:
        return dk.derive(text, variable or None, derivative)
    except (ValueError, dk.RefutedError) as error:
        raise ValueError(f"expression={text}: {getattr(error, 'line', error)}") from error


def measure(config: Config) -> Iterator[Rows]:
    """Yield the steps, the lines and the checks of one formula at a time."""
    for derivation in config.derivations:
        which = {"expression": str(derivation.expression), "variable": derivation.variable}
        lines = derivation.lines(config.level)
        formulas = [line.text(config.notation) for line in lines]
        yield Table(**which, **steps(derivation))
        yield Lines(
            **which, derivative=[line.order for line in lines], line=range(len(lines)), formula=formulas,
            reason=[line.reason for line in lines],
        )  # fmt: skip
        spans = derivation.spans(config.level, config.notation)
        yield Pieces(**which, **{name: [getattr(span, name) for span in spans] for name in columns.Piece.columns})
        yield Checks(**which, **check(derivation, formulas))
        yield Text(**which, line=derivation.text(config.level, config.notation).splitlines())


def steps(derivation: dk.Derivation) -> dict[str, object]:
    """The steps of a derivation."""
    numbered = [(k, step) for k, root in enumerate(derivation.roots, start=1) for step in root.walk()]
    return {
        "derivative": [k for k, _ in numbered],
        "step": range(1, len(numbered) + 1),
        "rule": [step.rule for _, step in numbered],
        "piece": [dk.to_text(step.piece) for _, step in numbered],
        "result": [dk.to_text(step.result) for _, step in numbered],
        "condition": [", ".join(map(dk.to_text, step.conditions)) for _, step in numbered],
    }


def check(derivation: dk.Derivation, formulas: Sequence[str]) -> dict[str, object]:
    """How a derivation was checked, and how long it is."""
    verification = derivation.verification
    points = [", ".join(f"{name} = {value:.6g}" for name, value in point.items()) for point in verification.points]
    return {
        "derivative": derivation.order,
        "result": dk.to_text(derivation.result),
        "steps": len(derivation.steps),
        "lines": len(formulas),
        "operations": derivation.result.operations,
        "verification": str(verification.verdict),
        "points": len(points),
        "at": "; ".join(points),
        "conditions": ", ".join(map(dk.to_text, derivation.conditions)),
        "widest": max(map(len, formulas)),
    }


# What the whole run says


def conclude(tables: Tables) -> Iterator[Rows]:
    """Yield the figures' steps, the lesson, what is printed and the summary."""
    checks = tables[Checks]
    shown = list(zip(FIGURES, drawable(checks).itertuples(), strict=False))
    for figure, row in shown:
        yield Steps.of(rows_of(tables[Pieces], row._asdict(), Which.columns), figure=figure)
    if shown:
        yield Lesson(
            figure=[figure for figure, _ in shown],
            title=[f"The derivative of {heading(row)}" for _, row in shown],
            text=[introduction(row) for _, row in shown],
        )
    texts = [list(rows_of(tables[Text], row._asdict(), Which.columns)["line"]) for row in checks.itertuples()]
    yield Printed(line=[line for place, text in enumerate(texts) for line in ([""] if place else []) + text])
    yield Summary(
        expression=checks["expression"], derivative=checks["result"], holds=checks["conditions"],
        steps=checks["steps"], check=checks["verification"],
    )  # fmt: skip


def drawable(checks: Frame) -> Frame:
    """Those that a figure can hold, as many as there are figures."""
    short = (checks["lines"] <= columns.MAX_LINES) & (checks["widest"] <= columns.MAX_LETTERS)
    return checks[short].head(len(FIGURES))


def heading(row: Any) -> str:
    """What is differentiated, in words."""
    times = {1: "", 2: ", twice", 3: ", three times"}.get(row.derivative, f", {row.derivative} times")
    return f"{row.expression} with respect to {row.variable}{times}"


def introduction(row: Any) -> str:
    """What stands above a figure: where the derivative holds, and how it was checked."""
    holds = f"It holds where {row.conditions}. " if row.conditions else ""
    if row.verification != dk.Verdict.VERIFIED:
        return f"{holds}It could not be checked: {row.verification}."
    return (
        f"{holds}Each of its {row.steps} steps was checked against a numerical derivative in raised precision, "
        f"at {row.at}."
    )


def tell(tables: Tables) -> Iterator[str]:
    """Yield what was verified, which rules were used, and what does not hold everywhere."""
    checks = tables[Checks]
    yield from verified(checks)
    rules = Counter(tables[Table]["rule"])
    yield f"Rules used: {', '.join(f'{rule} {count}' for rule, count in rules.most_common())}."
    for row in checks[(checks["result"] == "0") & (checks["steps"] == 1)].itertuples():
        yield f"{row.variable} does not occur in {row.expression}: the derivative is 0."
    yield from conditions_of(checks[checks["conditions"] != ""])
    shown = len(drawable(checks))
    if shown < len(checks):
        yield f"{shown} of {len(checks)} derivations are drawn; the others are too long, or more than {len(FIGURES)}."


def verified(checks: Frame) -> Iterator[str]:
    """How many derivations are verified, and which are not."""
    good = checks[checks["verification"] == dk.Verdict.VERIFIED]
    if len(good):
        fewest, most, steps = good["points"].min(), good["points"].max(), good["steps"].sum()
        which = part_of(len(good), len(checks), "derivation").capitalize()
        yield (
            f"{which} {'is' if len(good) == 1 else 'are'} verified: {part_of(steps, steps, 'step')} "
            f"{'agrees' if steps == 1 else 'agree'} with a numerical derivative in raised precision at "
            f"{f'{fewest} to {most}' if fewest < most else most} points."
        )
    for row in checks.drop(good.index).itertuples():
        yield f"{row.expression}: not verified, {row.verification}."


def conditions_of(checks: Frame) -> Iterator[str]:
    """Where derivatives hold that do not hold everywhere."""
    if len(checks):
        first = checks.head(MAX_CONDITIONS).itertuples()
        where = "; ".join(f"that of {row.expression} where {row.conditions}" for row in first)
        more = f"; the table checks has {len(checks) - MAX_CONDITIONS} more" if len(checks) > MAX_CONDITIONS else ""
        holds = "One derivative holds" if len(checks) == 1 else f"{len(checks)} derivatives hold"
        yield f"{holds} under a condition only: {where}{more}."
