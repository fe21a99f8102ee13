"""On which functions are derivatives judged? Points, trusted derivatives and what could be attained there, for tools in
any language to be judged by.

A tool that reads no formula takes the values of f beside every point instead. Its answers come back as a file, for
``experiment=leaderboard answers=mine.csv``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from derivkit.testing import Bench, Family, bench, regular
from experiments import columns
from experiments.columns import SEARCH
from experiments.study import Rows, column, key, refuse_below

RATIO, LARGEST, NODES = 1.5, 0.25, 80
"""The distances of the values that are given beside x: the largest over max(1, |x|), and so many, each the one before
over the ratio, down to 5e-15. A choice."""


class Table(columns.Function):
    """The points, with the derivative."""

    x: float = key("the point, drawn from the seed; no point is there twice", moves={"relative": 2.0**-51})
    truth: float = column(
        "the float nearest to the derivative; none where no derivative exists", moves={"follows": ("x",)}
    )
    truth_low: float = column("the derivative is truth + truth_low, to 31 digits", moves=SEARCH)
    attainable: float = column(
        "the error of the best difference formula at its best step, chosen knowing the truth", moves=SEARCH
    )
    slack: float = column("what nobody can see from outside, in the unit of the derivative")
    counts: bool = column(
        "whether a missing answer counts: somebody could answer, and f shows enough", moves={"follows": ("attainable",)}
    )


class Functions(columns.Function, columns.Category):
    """The functions."""

    expression: str = column("what f computes, where that is a formula; else empty, and values are given")
    regular: bool = column("whether f is smooth at the scale of x, and its values are undisturbed")
    lower: float = column("where the domain of f begins; beside it f has no value where its formula has no real one")
    upper: float = column("where it ends")
    allowed: str = column("the statuses that are right where a derivative exists")
    allowed_elsewhere: str = column("those that are right where none exists, if they differ")
    noise: str = column("what is done to the values of f")
    noise_level: float = column("and how strongly")
    reason: str = column("why it is in the population")


class Values(columns.Function):
    """Values of f beside every point, where no formula gives them."""

    x: float = key("the point", moves={"relative": 2.0**-51})
    t: float = key("where f is evaluated", moves={"relative": 2.0**-51})
    value: float = column("f(t)", moves=SEARCH)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which functions, and how many points of each."""

    population: tuple[Family, ...]
    points: int = 6
    seed: int = 0

    def __post_init__(self) -> None:
        refuse_below(1, self, "points")

    @property
    def rows(self) -> int:
        """Rows of the main table, at most."""
        return self.points * len(self.population)


def measure(config: Config) -> Iterator[Rows]:
    """Yield what is known of one function at a time."""
    for family in config.population:
        if 1 in (family.derivatives or (1,)):
            known = bench(family, np.unique(family.drawn(config.points, seed=config.seed)))
            yield Table(
                function=family.name, x=known.x, truth=known.truth.high, truth_low=known.truth.low,
                attainable=known.best, slack=family.slack, counts=known.counts,
            )  # fmt: skip
            yield described(family)
            if not plain(family):
                yield values(known)


def plain(family: Family) -> bool:
    """Whether a formula gives the values of f."""
    return family.expression is not None and family.noise is None


def described(family: Family) -> Functions:
    """A function."""
    noise = family.noise
    return Functions(
        function=family.name, category=family.category, expression=str(family.expression) if plain(family) else "",
        regular=regular(family), lower=family.function.domain[0], upper=family.function.domain[1],
        allowed=", ".join(family.statuses), allowed_elsewhere=", ".join(family.at_break),
        noise="" if noise is None else noise.kind, noise_level=np.nan if noise is None else noise.level,
        reason=family.reason,
    )  # fmt: skip


def values(known: Bench) -> Values:
    """The values of a function beside its points, at distances that fall geometrically, within its domain."""
    largest = LARGEST * np.maximum(1.0, np.abs(known.x))
    away = largest[:, None] * RATIO ** -np.arange(float(NODES))
    t = np.unique(np.concatenate([known.x[:, None] - away, known.x[:, None], known.x[:, None] + away], axis=1), axis=1)
    lower, upper = known.family.function.domain
    inside = (t >= lower) & (t <= upper)
    x = np.broadcast_to(known.x[:, None], t.shape)[inside]
    return Values(function=known.family.name, x=x, t=t[inside], value=known.family.function(t[inside]))
