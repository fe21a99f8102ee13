"""Derivatives of any formulas by rules, line by line: what each step does, when it holds, and how it was checked."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from derivkit.symbolic.derivation import Derivation, derive
from derivkit.symbolic.notation import (
    LEVELS,
    NOTATIONS,
    Line,
    Style,
    as_text,
    condition_text,
    cut,
    function_name,
    lines_of,
    written,
)
from derivkit.symbolic.steps import steps_of
from derivkit.symbolic.verification import RefutedError, Verdict

Columns = Mapping[str, Any]

WHICH: dict[str, tuple[type, str]] = {
    "expression": (str, "the formula as typed"),
    "variable": (str, "with respect to what it is differentiated"),
}
PIECE: dict[str, tuple[type, str]] = {
    "line": (int, "number of the line, from 0"),
    "position": (int, "number of the piece in its line, from 0"),
    "text": (str, "the piece; of a fraction the numerator"),
    "below": (str, "the denominator of a fraction, else empty"),
    "raised": (bool, "whether it is an exponent"),
    "mark": (bool, "whether the next line acts on it, drawn in red"),
    "arrow": (int, "position of the piece to whose front an arc runs from here, or -1"),
    "note": (str, "on the first piece of a line: what the next line does"),
}

TABLES: dict[str, dict[str, tuple[type, str]]] = {
    "table": {
        **WHICH,
        "derivative": (int, "1 for the first derivative, 2 for the derivative of that, ..."),
        "step": (int, "number of the step, from 1; what a step needs stands before it"),
        "rule": (str, "the rule that is applied"),
        "piece": (str, "what it acts on"),
        "result": (str, "the derivative of the piece"),
        "condition": (str, "what must hold for the rule to hold; empty if nothing must"),
    },
    "lines": {
        **WHICH,
        "derivative": (int, "to which derivative the line leads; 0 for the formula itself"),
        "line": (int, "number of the line, from 0"),
        "formula": (str, "what stands right of the sign of equality"),
        "reason": (str, "what the next line does"),
    },
    "pieces": {**WHICH, **PIECE},
    "steps": {"figure": (str, "the figure"), **PIECE},
    "checks": {
        **WHICH,
        "derivative": (int, "how often it is differentiated"),
        "result": (str, "the derivative"),
        "steps": (int, "steps that lead to it, each checked"),
        "lines": (int, "lines that are written"),
        "operations": (int, "operations of the result, every part once"),
        "verification": (str, "verified, no real point found, or over the work limit"),
        "points": (int, "points at which every step was checked"),
        "at": (str, "these points"),
        "conditions": (str, "all that must hold for the derivative to hold"),
        "widest": (int, "letters of the longest line"),
    },
    "text": {**WHICH, "line": (str, "one line of the derivation as plain text")},
    "summary": {
        "expression": (str, "the formula as typed"),
        "derivative": (str, "the derivative"),
        "holds": (str, "where it holds; empty if everywhere where the formula has a value"),
        "steps": (int, "steps that lead to it"),
        "check": (str, "what the check of every step found"),
    },
    "printed": {"line": (str, "one line of a derivation")},
    "lesson": {
        "figure": (str, "the figure that follows"),
        "title": (str, "the formula"),
        "text": (str, "what is said before the figure"),
    },
    "findings": {"finding": (str, "what the tables say, in a sentence")},
}

KEYS = ("expression", "variable", "derivative", "step")
"""What tells the rows of the table apart when runs are compared."""

FIGURES = tuple(f"derivation_{k}" for k in range(1, 9))
"""The figures of the preset; formulas beyond them are told in words only."""
MOST_LINES, MOST_LETTERS = 40, 160
"""Longest derivation and longest line that are drawn: beyond, a figure could not be read; by eye."""
HOLDS = 5
"""Most conditions that the findings tell of."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which formulas, with respect to what, how often; and how the lines are written."""

    expression: tuple[str, ...]
    variable: str = ""
    derivative: int = 1
    level: str = "normal"
    notation: str = "leibniz"

    def __post_init__(self) -> None:
        for name, known in (("level", LEVELS), ("notation", NOTATIONS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name}={getattr(self, name)}: there are {', '.join(known)}")
        for text in self.expression:
            _derivation(text, self.variable, self.derivative)

    @property
    def derivations(self) -> list[Derivation]:
        """Every formula, derived."""
        return [_derivation(text, self.variable, self.derivative) for text in dict.fromkeys(self.expression)]

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        return sum(len(derivation.steps) for derivation in self.derivations)


@functools.lru_cache(maxsize=256)
def _derivation(text: str, variable: str, derivative: int) -> Derivation:
    """Derive a formula once, whoever asks.

    Raises
    ------
    ValueError
        In one line, if the formula cannot be read or derived.
    """
    try:
        return derive(text, variable or None, derivative)
    except (ValueError, RefutedError) as error:
        raise ValueError(f"expression={text}: {getattr(error, 'line', error)}") from error


def run(config: Config) -> Iterator[tuple[str, Columns]]:
    """Yield the steps, the lines and the checks of one formula at a time."""
    for derivation in config.derivations:
        which = {"expression": str(derivation.expression), "variable": derivation.variable}
        lines = lines_of(derivation, Style(level=config.level))
        written_lines = [written(line.tree, config.notation) for line in lines]
        yield "table", {**which, **_steps(derivation)}
        yield (
            "lines",
            {
                **which,
                "derivative": np.array([line.order for line in lines]),
                "line": np.arange(len(lines)),
                "formula": written_lines,
                "reason": [line.reason for line in lines],
            },
        )
        yield "pieces", {**which, **_pieces(derivation, lines, config.notation)}
        yield "checks", {**which, **_check(derivation, written_lines)}
        text = as_text(derivation, Style(level=config.level), config.notation)
        yield "text", {**which, "line": text.splitlines()}


def _steps(derivation: Derivation) -> Columns:
    steps = [(k, step) for k, root in enumerate(derivation.roots, start=1) for step in steps_of(root)]
    return {
        "derivative": np.array([k for k, _ in steps]),
        "step": np.arange(1, len(steps) + 1),
        "rule": [step.rule for _, step in steps],
        "piece": [written(step.piece.root) for _, step in steps],
        "result": [written(step.result.root) for _, step in steps],
        "condition": [", ".join(map(condition_text, step.conditions)) for _, step in steps],
    }


def _pieces(derivation: Derivation, lines: Sequence[Line], notation: str) -> Columns:
    name, variable = function_name(derivation), derivation.variable
    left = [f"{name}{k * chr(39)}({variable})" for k in range(derivation.order + 1)]
    pieces = cut(lines, left=left, notation=notation)
    return {
        column: [getattr(piece, column) for piece in pieces]
        if kind is str
        else np.array([getattr(piece, column) for piece in pieces], dtype=kind)
        for column, (kind, _) in PIECE.items()
    }


def _check(derivation: Derivation, lines: Sequence[str]) -> Columns:
    found = derivation.verification
    points = [", ".join(f"{name} = {value:.6g}" for name, value in point.items()) for point in found.points]
    return {
        "derivative": np.array([derivation.order]),
        "result": written(derivation.result.root),
        "steps": len(derivation.steps),
        "lines": len(lines),
        "operations": sum(bool(step.arguments) for step in derivation.result.program),
        "verification": str(found.verdict),
        "points": len(points),
        "at": "; ".join(points),
        "conditions": ", ".join(map(condition_text, derivation.conditions)),
        "widest": max(map(len, lines)),
    }


# The conclusion


def conclude(tables: Mapping[str, Columns]) -> Iterator[tuple[str, Columns]]:
    """Yield the figures' steps, the lesson, what is printed, the summary and what was found."""
    checks = list(_records(tables["checks"]))
    drawn = [one for one in checks if one["lines"] <= MOST_LINES and one["widest"] <= MOST_LETTERS][: len(FIGURES)]
    figures = dict(zip(FIGURES, drawn, strict=False))
    pieces = {name: np.asarray(column) for name, column in tables["pieces"].items()}
    for figure, one in figures.items():
        own = _own(pieces, one)
        yield (
            "steps",
            {
                "figure": figure,
                **{
                    name: own[name].tolist() if kind is str else own[name].astype(kind)
                    for name, (kind, _) in PIECE.items()
                },
            },
        )
    if figures:
        yield (
            "lesson",
            {
                "figure": list(figures),
                "title": [f"The derivative of {_called(one)}" for one in figures.values()],
                "text": [_told(one) for one in figures.values()],
            },
        )
    yield "printed", {"line": list(_printed(tables, checks))}
    yield (
        "summary",
        {
            "expression": [one["expression"] for one in checks],
            "derivative": [one["result"] for one in checks],
            "holds": [one["conditions"] for one in checks],
            "steps": np.array([one["steps"] for one in checks]),
            "check": [one["verification"] for one in checks],
        },
    )
    yield "findings", {"finding": list(_findings(tables["table"], checks, len(figures)))}


def _records(columns: Columns) -> Iterator[dict[str, Any]]:
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


def _own(columns: Mapping[str, Any], one: Mapping[str, Any]) -> dict[str, Any]:
    """The rows that belong to a derivation: of its formula and variable, and of its job where there are several."""
    keys = [name for name in (*WHICH, "job") if name in columns]
    at = np.logical_and.reduce([columns[name] == one[name] for name in keys])
    return {name: column[at] for name, column in columns.items()}


def _called(one: Mapping[str, Any]) -> str:
    times = {1: "", 2: ", twice", 3: ", three times"}.get(int(one["derivative"]), f", {one['derivative']} times")
    return f"{one['expression']} with respect to {one['variable']}{times}"


def _told(one: Mapping[str, Any]) -> str:
    """What stands above a figure: where the derivative holds, and how it was checked."""
    holds = f"It holds where {one['conditions']}. " if one["conditions"] else ""
    if one["verification"] != Verdict.VERIFIED:
        return f"{holds}It could not be checked: {one['verification']}."
    return (
        f"{holds}Each of its {one['steps']} steps was checked against a numerical derivative in raised precision, "
        f"at {one['at']}."
    )


def _printed(tables: Mapping[str, Columns], checks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    text = {name: np.asarray(column) for name, column in tables["text"].items()}
    for place, one in enumerate(checks):
        if place:
            yield ""
        yield from map(str, _own(text, one)["line"])


def _findings(table: Columns, checks: Sequence[Mapping[str, Any]], drawn: int) -> Iterator[str]:
    good = [one for one in checks if one["verification"] == Verdict.VERIFIED]
    steps = sum(int(one["steps"]) for one in good)
    if good:
        fewest, most = min(int(one["points"]) for one in good), max(int(one["points"]) for one in good)
        yield (
            f"{len(good)} of {len(checks)} derivations are verified: each of their {steps} steps agrees with a "
            f"numerical derivative in raised precision at {f'{fewest} to {most}' if fewest < most else most} points."
        )
    for one in checks:
        if one["verification"] != Verdict.VERIFIED:
            yield f"{one['expression']}: not verified, {one['verification']}."
    rules = Counter(map(str, table["rule"]))
    yield f"Rules used: {', '.join(f'{rule} {count}' for rule, count in rules.most_common())}."
    for one in checks:
        if one["result"] == "0" and one["steps"] == 1:
            yield f"{one['variable']} does not occur in {one['expression']}: the derivative is 0."
    held = [one for one in checks if one["conditions"]]
    if held:
        said = "; ".join(f"that of {one['expression']} where {one['conditions']}" for one in held[:HOLDS])
        more = f"; the table checks has {len(held) - HOLDS} more" if len(held) > HOLDS else ""
        yield f"Not everywhere do they hold: {said}{more}."
    if drawn < len(checks):
        yield f"{drawn} of {len(checks)} derivations are drawn; the others are too long, or more than {len(FIGURES)}."
