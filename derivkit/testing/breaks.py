"""Points where numerical derivatives break, with the truth and what is to be learnt; verdicts on answers there."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from derivkit.arguments import EVERYWHERE
from derivkit.expressions.expression import parse
from derivkit.function import Function
from derivkit.trusted.exact import exact
from derivkit.types import Domain

VERDICTS = {
    "right": "within its bar; without a bar, right to four digits",
    "right, bar too small": "right to four digits, but not within its bar",
    "right refusal": "there is no derivative, and it gives none",
    "needless refusal": "there is a derivative, but it gives none",
    "wrong but flagged": "a wrong value with a warning, or with a bar as large as itself",
    "silently wrong": "a wrong value, and nothing says so",
}
"""Verdicts with their meaning, the best first."""
FOUR_DIGITS = 1e-4
"""What even a method that says nothing of its error is expected to give. A choice."""
NO_WARNING = ("ok", "one_sided")
"""Statuses that are no warning."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a method says: value, bar (NaN if it says nothing of the error) and status."""

    value: float
    bar: float
    status: str

    @classmethod
    def of(cls, result: Any) -> Answer:
        """A result at one point, scalar or of shape ``(1,)``; a value or a bar that is not finite is none."""
        value, bar = (float(np.ravel(number)[0]) for number in (result.value, result.error))
        return cls(
            value=value if math.isfinite(value) else math.nan, bar=bar if math.isfinite(bar) else math.nan,
            status=str(np.ravel(result.status)[0]),
        )  # fmt: skip

    @property
    def flagged(self) -> bool:
        """Whether it says itself that it may be wrong: by its status, or by a bar as large as the value.

        A value of 0 with a tiny bar is no warning: it claims a slope next to 0.
        """
        large = math.isfinite(self.bar) and self.bar >= max(abs(self.value), FOUR_DIGITS)
        return large or self.status not in NO_WARNING


def verdict(answer: Answer, truth: float, size: float | None = None) -> str:
    """What an answer is worth beside the truth, which is NaN where there is no derivative.

    Four digits are counted of the truth, or of ``size``.
    """
    exists = math.isfinite(truth)
    if not math.isfinite(answer.value):
        return "needless refusal" if exists else "right refusal"
    off = abs(answer.value - truth)
    if off <= answer.bar:
        return "right"
    if off <= FOUR_DIGITS * (abs(truth) if size is None else size):
        return "right" if math.isnan(answer.bar) else "right, bar too small"
    return "wrong but flagged" if answer.flagged else "silently wrong"


@dataclass(frozen=True, kw_only=True)
class Break:
    """A function at a point, its derivative there, and what is to be learnt from it.

    Attributes
    ----------
    heading : str
    expression : str
        The function, or what a black box stands for.
    x : float
    why : str
        The lesson.
    derivative : str or None
        An expression of the derivative, one-sided where the domain ends; None where there is none.
    views : tuple of (float, bool)
        How far pictures reach to both sides, and whether a straight line is taken off, so that what is small beside the
        slope is seen.
    size : float, optional
        What four digits are counted of, if not of the derivative: where that is 0, or next to 0.
    box : str, optional
        A black box instead of the expression.
    domain : tuple of float
    """

    heading: str
    expression: str
    x: float
    why: str
    derivative: str | None = None
    views: tuple[tuple[float, bool], ...] = ((1.0, False),)
    size: float | None = None
    box: str | None = None
    domain: Domain = EVERYWHERE

    @property
    def function(self) -> Function:
        """The function as the methods are given it."""
        if self.box is not None:
            return Function.from_black_box(self.box, expression=self.expression)
        return Function.from_expression(self.expression, domain=self.domain)

    @property
    def truth(self) -> float:
        """The derivative; NaN where there is none."""
        return math.nan if self.derivative is None else float(exact(parse(self.derivative), self.x, 0).value)


def _break(row: Mapping[str, Any]) -> Break:
    """A row of the table beside this module, in which a text goes over several lines."""
    return Break(**{name: _tuples(value) for name, value in row.items()} | {"why": " ".join(row["why"].split())})


def _tuples(value: Any) -> Any:
    """A value of TOML, its lists as tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


ROWS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
BREAKS: Mapping[str, Break] = MappingProxyType({name: _break(row) for name, row in ROWS.items()})
"""Every case by its name."""
