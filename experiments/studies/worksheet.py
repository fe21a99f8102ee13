"""A sheet of tasks on derivatives with its key: functions to differentiate, slopes to estimate, a mistake to find.

Every answer is checked before it is written: derivatives step by step, slopes by trusted values of f, and of a wrong
derivative that a diagnosis names the one rule that was broken. The same seed gives the same sheet.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

import derivkit as dk
from derivkit.testing import wrong_answers
from experiments.study import NEW_SHEET, Printed, Rows, Tables, column, key, refuse_below, refuse_empty
from experiments.words import counted, number

FORMS = (
    "{a}*x^{m} + {b}*x^{n} - {c}",
    "x^{m}*{f}(x)",
    "{f}({a}*x + {b})",
    "{f}(x)/x^{n}",
    "{f}(x)*{g}(x)",
    "({a}*x + {b})^{m}",
    "{f}(x^{n} + {a})",
)
"""Formulas, by the rules that they need: powers, the product, the chain, the quotient, and these together."""
NUMBERS, POWERS = range(2, 7), range(2, 5)
POINTS, DELTAS, FORMULAS = (1.0, 2.0), (0.1, 0.01), ("forward_1", "central_2")
QUOTIENTS = {
    "forward_1": "(f({x:g} + {delta:g}) - f({x:g})) / {delta:g}",
    "central_2": "(f({x:g} + {delta:g}) - f({x:g} - {delta:g})) / {twice:g}",
}
DIGITS, LONG = 6, 10
"""Of a slope in the key, and of the values of f that it is made of: as a pocket calculator has them."""
SAME = 1e-9
"""Relative difference up to which an estimate in float64 is that of trusted values: it has six digits to spare."""
MAX_TASKS, MAX_TRIES = 20, 100
"""Most tasks of a kind, which fit a sheet; and draws after which nothing new is hoped for."""
DIFFERENTIATE, ESTIMATE, FIND = "differentiate", "estimate", "find the mistake"
HEADS = {
    DIFFERENTIATE: "Differentiate.",
    ESTIMATE: "Estimate the slope by the quotient, with six digits.",
    FIND: "This derivative is wrong. Which rule was broken, and what is right?",
}


# Tables


class Table(Rows):
    """A row for every task."""

    number: int = key("number of the task")
    kind: str = column("differentiate, estimate, or find the mistake")
    expression: str = column("f(x)")
    task: str = column("what is asked")
    answer: str = column("the answer")
    x: float = column("where a slope is estimated")
    delta: float = column("with which delta")
    estimate: float = column("the quotient there")
    exact: float = column("the trusted slope")
    error: float = column("|estimate - exact|")
    rule: str = column("the rule that was broken")
    check: str = column("how the answer was checked")


class Lines(Rows):
    """The key, line by line."""

    number: int = key("number of the task")
    line: str = column("a line of the key")


# What is asked


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task with its answer and the lines of the key."""

    kind: str
    expression: str
    task: str
    answer: str
    lines: tuple[str, ...]
    check: str
    x: float = math.nan
    delta: float = math.nan
    estimate: float = math.nan
    exact: float = math.nan
    error: float = math.nan
    rule: str = ""


@dataclass(frozen=True, kw_only=True)
class Config:
    """How many tasks of each kind, and from what they are drawn."""

    expression: tuple[str, ...] = ()
    operations: tuple[str, ...] = ("sin", "exp")
    tasks: int = 2
    slopes: int = 1
    mistakes: int = 1
    seed: int = 0
    level: str = "normal"

    def __post_init__(self) -> None:
        refuse_empty(self, "operations")
        refuse_below(0, self, "tasks", "slopes", "mistakes", "seed")
        for name in ("tasks", "slopes", "mistakes"):
            if getattr(self, name) > MAX_TASKS:
                raise ValueError(f"{name}={getattr(self, name)}: a sheet has at most {MAX_TASKS} of them")
        if not self.rows:
            raise ValueError("tasks=0, slopes=0, mistakes=0: a sheet without a task; write tasks=6")
        if self.level not in dk.Derivation.LEVELS:
            raise ValueError(f"level={self.level}: there are {', '.join(dk.Derivation.LEVELS)}")
        for name in self.operations:
            derived("operations", name, f"{name}(x)")
        for text in self.expression:
            derived("expression", text, text)
        _ = self.every_task

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        return self.tasks + self.slopes + self.mistakes

    @property
    def whole_run(self) -> tuple[object, ...]:
        """What all jobs of a run have in common: a sheet is one."""
        return (self.seed, self.expression, self.operations, self.rows, self.level)

    @cached_property
    def every_task(self) -> tuple[Task, ...]:
        """The tasks, in the order of the sheet."""
        draw = np.random.default_rng(self.seed)
        formulas = drawn(self, draw)
        asked = [(differentiate, self.tasks), (estimate, self.slopes), (find, self.mistakes)]
        return tuple(kind(next(formulas), self, draw) for kind, count in asked for _ in range(count))


def derived(name: str, value: str, text: str) -> dk.Derivation:
    """The derivation of a formula, each of its steps checked; refused under the key that it came from."""
    try:
        derivation = dk.derive(text)
    except (ValueError, dk.RefutedError) as error:
        raise ValueError(f"{name}={value}: {getattr(error, 'line', error)}") from error
    if derivation.verification.verdict != dk.Verdict.VERIFIED:
        raise ValueError(f"{name}={value}: not verified, {derivation.verification.verdict}; write another formula")
    if derivation.variable != "x":
        raise ValueError(f"{name}={value}: a sheet has functions of x; write x for {derivation.variable}")
    return derivation


def drawn(config: Config, draw: np.random.Generator) -> Iterator[str]:
    """Formulas, none twice: first those that were typed, then as many as one likes of FORMS, in turn."""
    yield from (known := list(dict.fromkeys(config.expression)))
    place, tries = int(draw.integers(len(FORMS))), 0
    while tries < MAX_TRIES:
        f, g = draw.choice(config.operations, 2)
        a, b, c = draw.choice(NUMBERS, 3, replace=False)
        n, m = sorted(draw.choice(POWERS, 2, replace=False))
        text = FORMS[place % len(FORMS)].format(f=f, g=g, a=a, b=b, c=c, m=m, n=n)
        tries += 1
        if text not in known:
            known.append(text)
            place, tries = place + 1, 0
            yield text
    raise ValueError(f"operations={list(config.operations)}: too few for so many tasks; write more, or tasks=3")


def as_written(text: str) -> str:
    """A formula as it stands on paper."""
    return dk.to_text(dk.parse(text))


def differentiate(text: str, config: Config, draw: np.random.Generator) -> Task:
    """A function to differentiate, with the lines of its derivation."""
    del draw  # the formula is all that is drawn
    derivation = derived("expression", text, text)
    *lines, check = derivation.text(config.level, "prime").splitlines()
    return Task(
        kind=DIFFERENTIATE, expression=text, task=f"f(x) = {as_written(text)}", lines=tuple(lines),
        answer=f"f'(x) = {dk.to_text(derivation.result)}", check=check,
    )  # fmt: skip


def estimate(text: str, config: Config, draw: np.random.Generator) -> Task:
    """A slope to estimate, from values of f that are trusted, beside the slope itself."""
    del config
    x, delta, name = float(draw.choice(POINTS)), float(draw.choice(DELTAS)), str(draw.choice(FORMULAS))
    formula = dk.formula(name)
    values = [dk.exact(text, x + offset * delta, order=0).value for offset in formula.offsets]
    exact, computed = dk.exact(text, x), dk.difference(dk.Function.from_expression(text), x, delta, formula=name)
    quotient = sum(float(weight) * value for weight, value in zip(formula.weights, values, strict=True)) / delta
    if not (math.isfinite(quotient) and math.isfinite(exact.value) and math.isclose(quotient, computed, rel_tol=SAME)):
        raise ValueError(f"expression={text}: its slope at x = {x:g} is no task; write a function that is smooth there")
    written = QUOTIENTS[name].format(x=x, delta=delta, twice=2 * delta)
    error = abs(quotient - exact.value)
    answer = (
        f"{number(quotient, DIGITS)}; the slope is {number(exact.value, DIGITS)}, which it misses by {number(error)}"
    )
    places = [f"{x + offset * delta:g}" for offset in formula.offsets]
    return Task(
        kind=ESTIMATE, expression=text, task=f"f(x) = {as_written(text)} at x = {x:g}: {written}", answer=answer,
        lines=tuple(f"f({t}) = {number(value, LONG)}" for t, value in zip(places, values, strict=True)),
        check="the quotient of trusted values, and the trusted slope",
        x=x, delta=delta, estimate=quotient, exact=exact.value, error=error,
    )  # fmt: skip


def find(text: str, config: Config, draw: np.random.Generator) -> Task:
    """A wrong derivative, with the derivation that marks the place."""
    wrong = list(wrong_answers(text))
    if not wrong:
        raise ValueError(f"expression={text}: no single mistake can be told from it; write a function of several rules")
    answer, diagnosis = wrong[draw.integers(len(wrong))]
    *lines, _ = diagnosis.text(config.level, "prime").splitlines()
    return Task(
        kind=FIND, expression=text, task=f"f(x) = {as_written(text)}, and somebody writes f'(x) = {dk.to_text(answer)}",
        answer=f"{diagnosis.rules[0]}; f'(x) = {dk.to_text(dk.derive(text).result)}", lines=tuple(lines),
        rule=diagnosis.rules[0], check="a diagnosis names this rule and no other",
    )  # fmt: skip


def measure(config: Config) -> Iterator[Rows]:
    """Yield the tasks and the lines of the key."""
    for place, task in enumerate(config.every_task, start=1):
        yield Table.of_result(task, number=place)
        yield Lines(number=place, line=list(task.lines))


# The sheet


def conclude(tables: Tables) -> Iterator[Rows]:
    """Yield the sheet: the tasks, and on a sheet of its own the key."""
    yield Printed(line=[*sheet(tables), NEW_SHEET, *answers(tables)])


def sheet(tables: Tables) -> Iterator[str]:
    """The tasks, with room below each."""
    yield "Tasks"
    for kind, rows in tables[Table].groupby("kind", sort=False):
        yield from ("", HEADS[kind], "")
        for row in rows.itertuples():
            yield from (f"{row.number:>2}. {row.task}", "", "")


def answers(tables: Tables) -> Iterator[str]:
    """The key: every task's lines."""
    yield "Key"
    lines = dict(list(tables[Lines].groupby("number")))
    for row in tables[Table].itertuples():
        yield from ("", f"{row.number:>2}. {row.answer}")
        yield from (f"    {line}" for line in lines[row.number]["line"])


def tell(tables: Tables) -> Iterator[str]:
    """Yield how the answers were checked, and how to print the sheet; no answer, as tasks stand below."""
    table = tables[Table]
    yield f"{counted(len(table), 'task')}, and on a sheet of their own the answers, each of which was checked."
    yield "On paper, this page is tasks and key alone, on sheets of their own, as is printed.txt; seed= gives others."
