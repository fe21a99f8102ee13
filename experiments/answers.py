"""The plain answer: the derivative at every point that somebody typed, with its bar, before any study of errors."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

import derivkit as dk
from experiments.messages import show
from experiments.study import Answers
from experiments.words import counted

MAX_POINTS = 100
"""Most points of a function that are answered beside a study."""
MAX_POINTS_IN_WORDS = 6
"""Most points of which a run tells the answer."""
MAX_LETTERS = 60
"""Of an expression so many letters stand in an answer."""
DERIVATIVES = {1: "f'", 2: "f''", 3: "f'''", 4: "f^(4)"}
SEEN: Mapping[str, str] = MappingProxyType(
    {
        "ok": "f is smooth on both sides",
        "one_sided": "f is known far enough on one side only",
        "noisy": "f has noise of {noise:.1e}, far above rounding{random}",
        "multiscale": "Over larger distances f has another slope",
        "below_resolution": "It is too small to be told from 0",
    }
)
"""The statuses of derivatives that have a value, in words."""
ZERO = "The values of f agree with 0"
"""What is said of a derivative that is 0 by the expression of f, and too small to be told from 0 by its values."""
OUTSIDE = (
    "The exact derivative of the expression is outside this bar: f as it is computed is another function here, by"
    " rounding or by its code."
)
"""What is added where the values of f tell of another derivative than its expression has."""
AGAIN = ", and gives another value at a second call"
"""What is added of noise that is random."""
REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "kink": "does not exist",
        "jump": "does not exist",
        "vertical": "is infinite",
        "unresolved": "is not resolved",
        "not_finite": "is not known",
    }
)
"""The others: what there is instead of a value."""


def answers(config: Any, *, typed: bool, named: bool) -> Iterator[Answers]:
    """Yield the derivatives of the functions of a study at its points, of the order that the study asks for.

    Parameters
    ----------
    config
        The Config of a study that takes functions.
    typed
        Whether a function or a point was typed: then all points are answered. Of black boxes they always are, since
        errors are judged by these derivatives.
    named
        Whether functions were chosen by name: then the points without a derivative are.
    """
    for problem in config.function:
        f = problem.function
        if typed or named or f.expression is None:
            rows = answered(f, np.array(problem.points[:MAX_POINTS]), getattr(config, "derivative", 1))
            yield from (rows,) if typed or f.expression is None else without_derivative(rows)


def without_derivative(rows: Answers) -> Iterator[Answers]:
    """Yield those of some rows that have no derivative."""
    columns = rows.chunk
    length = len(np.atleast_1d(columns["x"]))  # type: ignore[call-overload]  # a column of numbers
    for place in range(length):
        row = rows.excerpt(slice(place, place + 1))
        if row.values["status"][0] in REFUSED:  # type: ignore[index]  # a column of texts
            yield row


def answered(f: dk.Function, x: np.ndarray[Any, Any], order: int = 1) -> Answers:
    """The derivatives of a function at some points."""
    with np.errstate(all="ignore"):
        return of_derivative(f, x, f.derivative(x, order=order), f.exact_derivative(x, order=order))


def of_derivative(f: dk.Function, x: np.ndarray[Any, Any], derivative: dk.Derivative, exact: Any) -> Answers:
    """What was measured at some points, beside the exact derivatives there."""
    columns: dict[str, Any] = {
        "x": x, "value": derivative.value, "bar": derivative.error, "exact": exact,
        "error": np.where(np.isfinite(derivative.value), np.abs(derivative.value - exact), np.nan),
        "noise": derivative.noise, "reach": derivative.delta, "left": derivative.left, "right": derivative.right,
        "exponent": derivative.exponent, "evaluations": derivative.evaluations,
    }  # fmt: skip
    columns = {name: np.atleast_1d(values) for name, values in columns.items()}
    columns |= {"status": [str(status) for status in np.atleast_1d(derivative.status)]}
    columns |= {"said": np.atleast_1d(np.asarray(derivative.message, dtype=object)).tolist()}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    noisy = next((row for row in rows if row["status"] == "noisy"), None)
    random = AGAIN if noisy and f.costly and f.is_random(float(noisy["x"])) else ""
    sentences = [sentence(f.text, {**row, "random": random}, derivative.order) for row in rows]
    return Answers(function=f.name, expression=f.text, **columns, answer=sentences)


def sentence(text: str, row: Mapping[str, Any], order: int = 1) -> str:
    """The answer at a point: the derivative with its bar, what was seen of f, the step, and what it took.

    Parameters
    ----------
    text
        What f computes.
    row
        The columns of Answers by name, and what is added of noise.
    order
        Of the derivative.

    Examples
    --------
    >>> row = {"x": 1.3, "status": "ok", "value": 0.182509097749863, "bar": 3.6e-14, "exact": math.nan, "reach": 0.1}
    >>> sentence("mine:f", row | {"noise": 1e-17, "evaluations": 13, "random": ""})
    "f'(1.3) = 0.18250909774986 ± 3.6e-14 (f = mine:f). f is smooth on both sides; step 0.1, 13 evaluations."
    """
    derivative, which = f"{DERIVATIVES[order]}({float(row['x']):.9g})", f"(f = {show(text, MAX_LETTERS)})"
    took = counted(int(row["evaluations"]), "evaluation")
    if row["status"] not in SEEN:
        sides = "".join(f"; its slope on the {side} is {row[side]:.6g}" for side in sides_of_jump(row))
        seen = re.sub("^the ", "The ", row["said"].rstrip("."))
        return f"{derivative} {REFUSED[row['status']]} {which}. {seen}{sides}; {took}."
    exact = f", exactly {float(row['exact'])!r}" if math.isfinite(row["exact"]) else ""
    step = f"step {row['reach']:.2g}, " if math.isfinite(row["reach"]) else ""
    seen = ZERO if row["status"] == "below_resolution" and row["exact"] == 0.0 else SEEN[row["status"]].format(**row)
    wrong = f" {OUTSIDE}" if exact and not abs(row["value"] - row["exact"]) <= row["bar"] else ""
    return f"{derivative} = {dk.with_bar(row['value'], row['bar'])}{exact} {which}. {seen}; {step}{took}.{wrong}"


def sides_of_jump(row: Mapping[str, Any]) -> list[str]:
    """The sides of a jump that have a slope; of a kink the message has both."""
    return [side for side in ("left", "right") if row["status"] == "jump" and math.isfinite(row[side])]


def in_words(sentences: Sequence[str]) -> list[str]:
    """The answers that a run tells, each once: several jobs may have a point."""
    each = list(dict.fromkeys(sentences))
    more = len(each) - MAX_POINTS_IN_WORDS
    rest = [f"The table answers has {counted(more, 'more point')}."] if more > 0 else []
    return [*each[:MAX_POINTS_IN_WORDS], *rest]
