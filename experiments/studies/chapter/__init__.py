"""A chapter on derivatives, from the slope of a line to the rules: its numbers, its figures, its claims measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from experiments.studies.chapter.drawings import Scene, Steps, calculations, sketches, styles
from experiments.studies.chapter.measurements import FINDINGS, Measured, Timing, results, timings
from experiments.studies.chapter.numbers import Table, compare, facts, printed
from experiments.study import Printed, Rows, Tables, column, lessons, refuse_below

__all__ = [
    "Config",
    "Measured",
    "Printed",
    "Scene",
    "Steps",
    "Summary",
    "Table",
    "Timing",
    "conclude",
    "measure",
    "tell",
]


class Summary(Rows):
    """How many numbers are the same."""

    part: str = column("examples, notes and figures of the chapter")
    numbers: int = column("how many were compared")
    equal: int = column("how many are the same to the byte")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Sizes of what is timed: small here, real in the preset. The chapter's own numbers are fixed."""

    samples: int = 16
    features: int = 4
    repeats: int = 1
    left_out: tuple[str, ...] = ("figure_14 ones", "figure_15 zeros", "figure_16 ones zeroth")
    """Matters of taste: a figure, and what its calculation leaves out of 1·u, terms that are 0, and x^0."""

    def __post_init__(self) -> None:
        styles(self.left_out)
        refuse_below(1, self, "samples", "features", "repeats")

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        return len(facts(styles(self.left_out)))


def measure(config: Config) -> Iterator[Rows]:
    """Yield the chapter's numbers, its figures, and what was measured."""
    layouts = styles(config.left_out)
    yield compare(layouts)
    yield from sketches()
    yield from calculations(layouts)
    yield from results(config.features, config.samples)
    yield from timings(config.features, config.samples, config.repeats)


def conclude(tables: Tables) -> Iterator[Rows]:
    """Yield the printed block, how many numbers are equal, and the words between the figures."""
    yield Printed(line=printed())
    table = tables[Table]
    figures = table["id"].str.startswith("Fig")
    for part, rows in (("examples and notes", table[~figures]), ("figures", table[figures])):
        yield Summary(part=part, numbers=len(rows), equal=rows["equal"].sum())
    yield from lessons(__path__[0], {figure: [sentence(tables)] for figure, sentence in FINDINGS.items()})


def tell(tables: Tables) -> Iterator[str]:
    """Yield how many numbers are equal, and what was measured."""
    equal = tables[Table]["equal"]
    yield f"{equal.sum()} of {equal.size} numbers of the chapter come out to the byte."
    yield from (sentence(tables) for sentence in FINDINGS.values())
