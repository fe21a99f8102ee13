"""A small network trained by backprop and by numerical gradients side by side: is it the same path, and what did each
step cost? How far the paths part, beside what theory says of it, and whether a bad gradient still trains.

All start from the same parameters and see the same batches in the same order; only the gradient differs.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from experiments import columns
from experiments.studies.training.paths import BACKPROP, Paths, examples_of, highest, paths_of, steps_of, straying
from experiments.studies.training.sentences import (
    delta_text,
    of_bad,
    of_costs,
    of_ended,
    of_ends,
    of_growth,
    of_law,
    of_laws,
    of_losses,
    of_nearest,
    of_training,
)
from experiments.study import (
    Frame,
    Rows,
    Tables,
    column,
    frames,
    key,
    lessons,
    refuse_below,
    refuse_empty,
    refuse_repeated,
    refuse_unknown,
)

Array = NDArray[np.floating[Any]]

PRECISIONS = ("float64", "float32")
MAX_CASES_TOLD = 4
"""Most cases of which the findings tell how backprop trains; of the first alone they tell more."""
OBSERVED, LAW, SUM = "measured", "law of first order", "rate × sum of errors"


# Tables


class Setting(columns.Network, table=None):
    """What all ways have in common."""

    data: str = key("where samples come from")
    rate: float = key("learning rate: a step goes by the rate times the gradient")
    samples: int = key("samples that are learned from")
    batch: int = key("samples of a step")
    seed: int = key("of the start, the samples and the batches")


class OfWay(Rows, table=None):
    """How a gradient comes about."""

    precision: str = key("float64 or float32, of the parameters, the samples and the gradient")
    way: str = key("how the gradient comes about: backprop, or a formula with its delta")


class Case(Rows, table=None):
    """Which panel of a figure."""

    case: str = key("the network, with those settings that differ within the run")


STEP, LOSS = "steps made; 0 is the start", "mean loss of all samples that are learned from, computed in float64"
METHOD, FORMULA = "backprop, or the difference formula", "the difference formula of the highest order"
DISTANCE = (
    "|parameters - those of float64 backprop after as many steps| / |the latter|, 2-norms; none where that path ended"
)


class Table(Setting, OfWay):
    """Every way at every step."""

    method: str = column(METHOD)
    delta: float = column("the step of the formula; none of backprop")
    step: int = key(STEP)
    loss: float = column(LOSS)
    accuracy: float = column("share of the samples held aside whose label has the largest output")
    distance: float = column(DISTANCE)
    predicted: float = column("the distance by the law of first order, from the errors of the steps made")
    accumulated: float = column("the rate times the sum of the 2-norms of these errors, over the same |parameters|")
    crossed: int = column(
        "pairs of a unit with a kink and a sample that lie on other sides of the kink than on backprop's path"
    )
    error: float = column(
        "|gradient - float64 backprop at the same place| / |the latter|; none after the last step, as none is made"
    )
    evaluations: int = column("losses of a batch that were asked for until here: a textbook's forward passes")
    passes: float = column(
        "multiplications with additions that these gradients were made with, in those of a forward pass of a batch"
    )


class Times(Setting, OfWay):
    """How long a gradient takes."""

    method: str = column(METHOD)
    seconds: float = column("median time of a gradient", measured=True)


class Ended(Setting, OfWay):
    """The paths that end before their time."""

    step: int = column("steps made when the path ended before its time")
    cause: str = column("in two or three words")
    reason: str = column("in a sentence")


class Losses(Case):
    """The losses of some ways."""

    way: str = column("backprop, and those whose loss is farthest from its loss", axis="series")
    step: int = column(STEP, axis="x")
    loss: float = column(LOSS, axis="y")


class Growth(Case):
    """How the distance grows."""

    method: str = column(FORMULA)
    way: str = column("its delta", axis="series")
    step: int = column(STEP, axis="x")
    distance: float = column(DISTANCE, axis="y", label="distance from backprop's path")


class Law(Case):
    """The distance beside two laws."""

    way: str = column("the formula of the highest order, with the delta nearest to a textbook's")
    curve: str = column("measured, or one of the two laws", axis="series")
    step: int = column(STEP, axis="x")
    distance: float = column(
        "from backprop's path, over the norm of backprop's parameters", axis="y", label="distance from backprop's path"
    )


class Ends(Case):
    """The distance over delta."""

    way: str = column("difference formula and precision", axis="series")
    delta: float = column("the step", axis="x")
    distance: float = column(
        "after the last step; no row where the path ended before it", axis="y", label="distance at the end"
    )


class Price(Case):
    """The loss over the work."""

    way: str = column("how the gradient comes about, and how its losses are computed", axis="series")
    passes: float = column(
        "multiplications with additions until here, in forward passes of a batch",
        axis="x", label="work in forward passes of a batch",
    )  # fmt: skip
    loss: float = column(LOSS, axis="y")


class Costs(Case):
    """What a step costs."""

    network: str = column("name of the network")
    precision: str = column("float64 or float32, of the parameters, the samples and the gradient")
    method: str = column(METHOD)
    evaluations: float = column("losses of a batch that a step asks for: a textbook's forward passes")
    passes: float = column("multiplications with additions of a step as made here, in forward passes of a batch")
    work_ratio: float = column("those of a step over backprop's")
    textbook_ratio: float = column("those of the textbook's forward passes over backprop's")
    seconds: float = column("median time of a gradient, of all deltas", measured=True)
    time_ratio: float = column("that time over backprop's in the same precision, or in float64", measured=True)


class Summary(Case, OfWay):
    """Where every way ends."""

    steps: int = column("steps made")
    loss: float = column("at the end")
    accuracy: float = column("at the end, on the samples held aside")
    error: float = column("median relative error of the gradient")
    worst: float = column("largest relative error of the gradient")
    distance: float = column("from backprop's path at the end")
    predicted: float = column("by the law of first order")
    accumulated: float = column("by the sum of the errors alone")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Networks, data, formulas and steps: small here, real in the preset."""

    network: tuple[dk.Network, ...]
    method: tuple[str, ...] = ("forward_1", "central_2")
    data: dk.Data = field(default_factory=dk.Data)
    delta: tuple[float, ...] = (1e-5, 1e-1)
    precision: tuple[str, ...] = ("float64",)
    samples: int = 12
    held_out: int = 12
    batch: int = 6
    steps: int = 5
    rate: tuple[float, ...] = (0.5,)
    seed: int = 0

    def __post_init__(self) -> None:
        refuse_empty(self, "network", "method", "delta", "precision", "rate")
        refuse_unknown(self, "precision", PRECISIONS)
        refuse_repeated(self, "delta", shown=delta_text)
        refuse_repeated(self, "rate")
        refuse_below(1, self, "steps", "samples", "held_out", "batch")
        refuse_below(0, self, "seed")
        for network, rate in itertools.product(self.network, self.rate):
            refuse(self, network, rate)

    @property
    def rows(self) -> int:
        """Rows of the main table, if no path ends before its time."""
        return len(self.network) * len(self.rate) * len(ways(self)) * (self.steps + 1)


class Way(NamedTuple):
    """How a gradient comes about: by backprop, or by a formula with a delta; and in which precision."""

    precision: str
    method: str
    delta: float = math.nan

    @property
    def name(self) -> str:
        """What it is called in tables."""
        return self.method if self.method == BACKPROP else f"{self.method}, delta {delta_text(self.delta)}"


def ways(config: Config) -> list[Way]:
    """The ways of a run: backprop in float64, with which all are compared, then those of each precision."""
    every = [Way("float64", BACKPROP)]
    for precision in config.precision:
        every.append(Way(precision, BACKPROP))
        every += [Way(precision, *pair) for pair in itertools.product(config.method, config.delta)]
    return list(dict.fromkeys(every))


def measure(config: Config) -> Iterator[Rows]:
    """Yield the path of one way at a time, with its time and, where it ends before its time, the reason."""
    for network, rate in itertools.product(config.network, config.rate):
        course = course_of(config, network, rate)
        setting = {"network": network.name, "data": config.data.name, "rate": rate, "samples": config.samples}
        setting |= {"batch": config.batch, "seed": config.seed}
        for way in ways(config):
            yield from trained(course, way, {**setting, "precision": way.precision, "way": way.name})


def course_of(config: Config, network: dk.Network, rate: float) -> dk.Course:
    """What all ways have in common."""
    sizes = {name: getattr(config, name) for name in ("samples", "held_out", "batch", "steps", "seed")}
    return dk.draw_course(network, config.data, rate=rate, **sizes)


def refuse(config: Config, network: dk.Network, rate: float) -> None:
    """Refuse what cannot be trained, or a delta that vanishes in every precision."""
    network.refuse_kinked_penalty()
    course = course_of(config, network, rate)
    network.loss(course.start, course.samples)
    for method, delta in itertools.product(config.method, config.delta):
        course.refuse_vanishing(method, delta, config.precision)


def gradient(way: Way, network: dk.Network, parameters: Array, batch: dk.Samples) -> dk.StepGradient:
    """The gradient of a batch's mean loss by one of the ways."""
    formula = None if way.method == BACKPROP else way.method
    return dk.step_gradient(network, parameters, batch, formula=formula, delta=way.delta)


def trained(course: dk.Course, way: Way, which: Mapping[str, Any]) -> Iterator[Rows]:
    """The path of a way."""
    seconds: list[float] = []

    def timed(parameters: Array, batch: dk.Samples) -> dk.StepGradient:
        start = time.perf_counter()
        result = gradient(way, course.network, parameters, batch)
        seconds.append(time.perf_counter() - start)
        return result

    path = dk.train(course, timed, way.precision)
    steps = np.arange(len(path.columns["loss"]))
    if path.message:
        yield Ended(**which, step=steps[-1], cause=path.cause, reason=path.message)
    yield Table(**which, method=way.method, delta=way.delta, step=steps, **path.columns)
    if seconds:
        yield Times(**which, method=way.method, seconds=np.median(seconds))


# What the whole run says


def paths_in(tables: Tables) -> Paths:
    """The paths of a run."""
    return paths_of(tables[Table], tables[Times], tables[Ended], setting=Setting.keys, way=OfWay.keys)


def conclude(tables: Tables) -> Iterator[Rows]:
    """Yield what the figures show, what a step costs, the summary and the lesson."""
    paths = paths_in(tables)
    steps, ends = paths
    method, strays, complete = highest(ends), straying(paths), ends[ends["complete"]]
    examples = examples_of(ends, method)
    first = ~ends.duplicated("case")
    yield Losses.of(steps_of(paths, first | (ends["displayed"] & ends["way"].isin(strays))))
    grown = steps_of(paths, ends["displayed"] & (ends["method"] == method) & (ends["step"] > 0))
    yield Growth.of(grown, way=("delta " + grown["delta"].map(delta_text)).to_numpy())
    for number in examples:
        path = steps[steps["path"] == number]
        for curve, name in ((OBSERVED, "distance"), (LAW, "predicted"), (SUM, "accumulated")):
            yield Law.of(path, curve=curve, distance=path[name].to_numpy())
    yield Ends.of(complete, way=(complete["method"] + ", " + complete["precision"]).to_numpy())
    for number in ends.index[first | ends.index.isin(examples)]:
        yield from price(steps[steps["path"] == number])
    costs = frames(costs_of(ends)).get(Costs, tables[Costs])
    yield Costs.of(costs)
    yield Summary.of(ends, steps=ends["step"].to_numpy())
    yield from lessons(__path__[0], {
        "losses": of_losses(ends, strays),
        "growth": of_growth(ends, method),
        "law": of_laws(ends, examples),
        "ends": of_ends(complete),
        "price": of_costs(costs),
    })  # fmt: skip


def tell(tables: Tables) -> Iterator[str]:
    """Yield how training goes; of the first case how near the paths stay, whether bad gradients train, and costs."""
    ends = paths_in(tables).ends
    cases = list(ends.groupby("case", sort=False))
    for case, paths in cases[:MAX_CASES_TOLD]:
        yield from (f"{case}: {sentence}" for sentence in of_training(paths))
    for tell_of in (of_nearest, of_law, of_bad):
        for case, paths in cases[:1]:
            yield from (f"{case}: {sentence}" for sentence in tell_of(paths))
    yield from itertools.islice(of_costs(tables[Costs]), 1)
    yield from of_ended(tables[Ended])
    if len(cases) > 1:
        yield f"The tables summary and ended have the paths of all {len(cases)} cases, and the lesson compares them."


# What the figures show


def price(path: Frame) -> Iterator[Price]:
    """The loss of a path over the work: as it was made, and by a textbook's loop."""
    method = path["method"].iloc[0]
    if method == BACKPROP:
        yield Price.of(path, way=BACKPROP)
        return
    yield Price.of(path, way=f"{method}, incremental")
    yield Price.of(path, way=f"{method}, a textbook's loop", passes=path["evaluations"].to_numpy())


def costs_of(ends: Frame) -> Iterator[Costs]:
    """What a step costs by each method, of all its deltas."""
    made = ends[ends["step"] > 0]
    basis = made[~made["numerical"]].drop_duplicates(["case", "precision"]).set_index(["case", "precision"])
    for (case, precision, method), paths in made.groupby(["case", "precision", "method"], sort=False):
        if (case, precision) not in basis.index:
            continue
        backprop = basis.loc[(case, precision)]
        evaluations, passes = (sum(paths[name]) / sum(paths["step"]) for name in ("evaluations", "passes"))
        once, seconds = backprop["passes"] / backprop["step"], paths["seconds"].median()
        yield Costs(
            case=case, network=backprop["network"], precision=precision, method=method, evaluations=evaluations,
            passes=passes, work_ratio=passes / once, textbook_ratio=evaluations / once, seconds=seconds,
            time_ratio=seconds / backprop["seconds"],
        )  # fmt: skip
