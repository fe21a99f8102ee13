"""A chapter on derivatives, from the slope of a line to the rules: its numbers, its figures, its claims measured."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import derivkit as dk
from experiments.studies.chapter import subject
from experiments.studies.chapter.drawings import DELTA, Scene, Steps, calculations, sketches, styles
from experiments.studies.chapter.measurements import FINDINGS, Measured, Timing, central, results, timings, too_small
from experiments.studies.chapter.numbers import Table, compare, facts, printed, stated
from experiments.studies.chapter.subject import RETOLD, Retold, Slopes, Subject
from experiments.study import Lesson, Printed, Rows, Tables, column, lessons, refuse_below
from experiments.words import part_of

__all__ = [
    "Config",
    "Measured",
    "Printed",
    "Retold",
    "Scene",
    "Slopes",
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
    """Sizes of what is timed, small here, real in the preset; and the function of the lesson, if not the chapter's."""

    subject: tuple[dk.Problem, ...] = ()
    delta: tuple[float, ...] = (DELTA,)
    samples: int = 16
    features: int = 4
    repeats: int = 1
    left_out: tuple[str, ...] = ("figure_14 ones", "figure_15 zeros", "figure_16 ones zeroth")
    """Matters of taste: a figure, and what its calculation leaves out of 1·u, terms that are 0, and x^0."""

    def __post_init__(self) -> None:
        styles(self.left_out)
        refuse_below(1, self, "samples", "features", "repeats")
        if not self.lesson and self.delta != (DELTA,):
            raise ValueError(f"delta={self.delta[0]:g}: the chapter's own is fixed; write 'expression=x^3-x' too")

    @cached_property
    def lesson(self) -> Subject | None:
        """The function that the lesson is about, if it is not that of the chapter."""
        if not self.subject:
            return None
        (problem, *others), (delta, *more) = self.subject, self.delta
        if others or more or len(problem.points) > 1:
            raise ValueError("a lesson is about one function at one x with one delta; write one of each")
        return Subject(function=problem.function, x=problem.points[0], delta=delta)

    @property
    def whole_run(self) -> tuple[object, ...]:
        """What all jobs of a run have in common: its figures are of one function at one place."""
        return (self.lesson.name, self.lesson.x, self.delta) if self.lesson else ()

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        return len(facts(styles(self.left_out), self.ids))

    @property
    def ids(self) -> Collection[str]:
        """Which numbers of the chapter are compared: all, or those that another function leaves."""
        return subject.IDS if self.lesson else stated()


def measure(config: Config) -> Iterator[Rows]:
    """Yield the numbers, the figures, and what was measured."""
    layouts = styles(config.left_out)
    yield compare(layouts, config.ids)
    if config.lesson:
        yield from subject.measure(config.lesson)
        yield from (scene for scene in sketches() if scene.values["figure"] not in RETOLD)
    else:
        yield from sketches()
        yield from calculations(layouts)
        yield from too_small()
        yield from central()
    yield from results(config.features, config.samples)
    yield from timings(config.features, config.samples, config.repeats)


def conclude(tables: Tables) -> Iterator[Rows]:
    """Yield the printed block, how many numbers are equal, and the words between the figures."""
    sentences = {figure: [sentence(tables)] for figure, sentence in findings(tables).items()}
    if len(tables[Retold]):
        yield Printed(line=subject.printed(tables[Slopes]))
        yield from (one for one in lessons(__path__[0], sentences) if one.values["figure"] not in RETOLD)
        yield Lesson.of(tables[Retold].drop_duplicates("figure", keep="last"))
        return
    yield Printed(line=printed())
    table = tables[Table]
    figures = table["id"].str.startswith("Fig")
    for part, rows in (("examples and notes", table[~figures]), ("figures", table[figures])):
        yield Summary(part=part, numbers=len(rows), equal=rows["equal"].sum())
    yield from lessons(__path__[0], sentences)


def findings(tables: Tables) -> Mapping[str, Callable[[Tables], str]]:
    """The sentences on what was measured: of another function those that are not on the chapter's."""
    own = len(tables[Retold]) > 0
    return {figure: sentence for figure, sentence in FINDINGS.items() if not (own and figure in RETOLD)}


def tell(tables: Tables) -> Iterator[str]:
    """Yield how many numbers are equal, or what is said of another function, and what was measured."""
    retold = tables[Retold].drop_duplicates("figure", keep="last")
    if len(retold):
        yield from retold["text"][retold["figure"].isin(subject.TOLD)]
    else:
        equal = tables[Table]["equal"]
        yield f"{part_of(int(equal.sum()), equal.size, 'number').capitalize()} of the chapter come out to the byte."
    yield from (sentence(tables) for sentence in findings(tables).values())
