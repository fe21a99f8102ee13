"""What the gradient of a network costs by brute force and by backprop: time, forward passes, a model of the cost.

Naive and batched brute force are timed on some of the parameters and scaled by their forward passes, as all of them
would take minutes to hours; such times are marked. All ratios are of times of one run.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

import derivkit as dk
from experiments.study import Frame, Rows, Tables, column, key, lessons, refuse_below, refuse_empty, refuse_repeated
from experiments.timing import SECONDS_OF_REPEATS, Timing, settle_memory, with_repeats
from experiments.words import counted, duration, listed, number, part_of

FORWARD, INCREMENTAL, BACKPROP = "one forward pass", "incremental", "backprop"
WAYS = {
    "naive": "every parameter is moved by itself, and all samples pass the whole network",
    "batched": "many moved copies of the parameters pass the network at once",
    INCREMENTAL: "only what a moved parameter can change is computed again",
    BACKPROP: "no parameter is moved",
}
"""Ways with their meaning."""
PARTLY = ("naive", "batched")
"""Ways that are timed on a part of the parameters."""
WHOLE, PREDICTED = "measured", "predicted from a part"
BEYOND = "the cost model, far beyond its sizes"
MOVES = 2
"""Moved losses of a parameter: those of the central difference."""
DELTA = 1e-5
"""The step; the time does not depend on it."""
GROWTH = 0.1
"""By how much, as a part, twice the most samples must take longer by a fitted model, lest its time for far more samples
is told: below, what grows with them is lost in what does not; without a derivation."""
GOAL = 1.5
"""The factor that the cost model is to keep on sizes that it was not fitted to."""
SAMPLES_COMPARED = 32
"""The number of samples at which networks are compared, if it was measured."""


# Tables


class Way(Rows, table=None):
    """How a gradient comes about."""

    way: str = key("how: see WAYS; 'one forward pass' is the yardstick", axis="series")


class OfFamily(Way, table=None):
    """Whose gradient it is."""

    family: str = key("the network as configured")


class Case(OfFamily, table=None):
    """What is timed."""

    network: str = key("the sizes of its layers, hidden ones divided")
    parameters: int = column("its weights and biases")
    samples: int = key("samples over which the loss is averaged")


class Table(Case):
    """Every way with every network and every number of samples."""

    divided: int = column("by what the hidden layers were divided")
    seconds: float = column("time of the whole gradient, least of the repeats", measured=True)
    timed: int = column("parameters that were moved when it was timed; fewer than all: the time is predicted")
    basis: str = column("measured, or predicted from a part of the parameters")
    passes: float = column("the time in forward passes of all samples", measured=True)
    forward_passes: int = column("forward passes that were made, scaled likewise")
    multiply_adds: float = column("multiplications with additions, scaled likewise; of backprop not counted")


class Parameters(OfFamily):
    """Times against the number of parameters."""

    parameters: int = column("weights and biases", axis="x")
    seconds: float = column("time of the whole gradient", measured=True, axis="y", label="seconds of a gradient")
    passes: float = column("the time in forward passes of all samples", measured=True, label="time in forward passes")


class Samples(OfFamily):
    """Times against the number of samples."""

    samples: int = column("samples over which the loss is averaged", axis="x")
    seconds: float = column("time of the whole gradient", measured=True, axis="y", label="seconds of a gradient")


class Coefficients(Way):
    """The cost models."""

    term: str = column("what is counted")
    seconds: float = column("time of one of them by the fit; 0 where the fit has no use for it", measured=True)


class Model(Case):
    """The cost models beside the measured times."""

    seen: bool = column("whether the model was fitted to it")
    seconds: float = column("measured, or predicted from a part", measured=True)
    model_seconds: float = column("by the model", measured=True)
    factor: float = column("the greater of both over the smaller", measured=True)


class Unseen(Way):
    """How the models do on what they were not fitted to."""

    samples: int = column("samples", axis="x")
    factor: float = column(
        "the largest factor between model and measurement over the sizes that it has not seen",
        measured=True, axis="y", label="largest factor, model and measured",
    )  # fmt: skip


class Literal(Case):
    """The textbook taken literally."""

    way: str = key("how")
    forward_passes: float = column("forward passes of one sample")
    seconds: float = column("predicted", measured=True)
    basis: str = column("from what it is predicted")


class Predicted(Case):
    """The textbook's job by every way."""

    way: str = key("how; the first is the textbook taken literally")
    forward_passes: float = column("forward passes in full, of one sample in the textbook's way, else of all of them")
    seconds: float = column("predicted; NaN where the measured times tell too little, see GROWTH", measured=True)
    basis: str = column("from what it is predicted")


class Notes(Rows):
    """What was met where a gradient was computed."""

    note: str = key("a sentence")


class Summary(Rows):
    """The largest network of every family."""

    family: str = key("the network as configured")
    parameters: int = column("weights and biases")
    samples: int = column("samples")
    naive: float = column("naive brute force in seconds, predicted where a part was timed", measured=True)
    batched: float = column("batched brute force in seconds, likewise", measured=True)
    incremental: float = column("incremental brute force in seconds", measured=True)
    backprop: float = column("backprop in seconds", measured=True)
    over_naive: float = column("naive / incremental", measured=True)
    over_incremental: float = column("incremental / backprop", measured=True)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Networks and sizes: small here, real in the preset."""

    network: tuple[dk.Network, ...]
    data: dk.Data = field(default_factory=dk.Data)
    divide: tuple[int, ...] = (1, 2, 4)
    samples: tuple[int, ...] = (1, 2, 4)
    part: int = 8
    repeats: int = 2
    textbook_samples: int = 60_000
    confirm_hours: float = 1.0

    def __post_init__(self) -> None:
        refuse_empty(self, "network", "divide", "samples")
        refuse_below(1, self, "divide", "samples", "part", "repeats", "textbook_samples")
        refuse_repeated(self, "divide", "samples")
        if not (math.isfinite(self.confirm_hours) and self.confirm_hours > 0.0):
            raise ValueError(f"confirm_hours={self.confirm_hours:g}: must be a finite number of hours above 0")
        if self.data.samples is not None:
            for network in self.network:
                network.draw(self.data, max(self.samples))
        self._refuse_hours()

    def _refuse_hours(self) -> None:
        seconds = {
            (way, size, samples): with_repeats(nominal_seconds(way, size.network, samples, self.part), self.repeats)
            for size, samples in self.cases
            for way in WAYS
        }
        hours = sum(seconds.values()) / 3600.0
        if hours > self.confirm_hours:
            way, size, samples = max(seconds, key=seconds.__getitem__)
            raise ValueError(
                f"this job would take about {number(hours)} hours (predicted for an ordinary machine), the most of it"
                f" {way} brute force on {size.network.name} with {samples} samples; take a smaller part=, samples= or"
                f" network=, or allow it with confirm_hours={math.ceil(hours)}"
            )

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        """The networks that are measured, those of one family by their number of parameters."""
        divisors = sorted(self.divide, reverse=True)
        sizes = [Size(one.name, by, one.divided(by)) for one, by in itertools.product(self.network, divisors)]
        return tuple({(size.family, size.network.sizes): size for size in sizes}.values())

    @property
    def cases(self) -> tuple[tuple[Size, int], ...]:
        """Every network with every number of samples."""
        return tuple(itertools.product(self.sizes, self.samples))

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        return len(self.cases) * (len(WAYS) + 1)


class Size(NamedTuple):
    """A network of a family, its hidden layers divided."""

    family: str
    divided: int
    network: dk.Network


# Measuring


def measure(config: Config) -> Iterator[Rows]:
    """Yield the times of all ways for one network and one number of samples at a time, and the textbook's job."""
    settle_memory()
    cases = [(size, count, timings_of(config, size, count)) for size, count in config.cases]
    # What is quick is repeated in rounds, as what disturbs a machine lasts for seconds.
    quick = [
        timing
        for size, count, timings in cases
        for way, timing in timings.items()
        if config.repeats * nominal_seconds(way, size.network, count, config.part) <= SECONDS_OF_REPEATS
    ]
    for _ in range(config.repeats - 1):
        for timing in quick:
            timing.again()
    for size, count, timings in cases:
        for timing in timings.values():
            timing.finish(config.repeats)
        for way in timings:
            yield row_of(size, count, way, timings, config.part)
        result = timings[INCREMENTAL].result
        if result.at_kinks.any():
            yield Notes(note=f"{size.network.name}, {counted(count, 'sample')}: {result.message}")
    for family in dict.fromkeys(size.family for size in config.sizes):
        yield literal(config, max((s for s in config.sizes if s.family == family), key=lambda size: size.network.count))


def timings_of(config: Config, size: Size, count: int) -> dict[str, Timing]:
    """What is timed of one network and one number of samples, by way, the yardstick first."""
    network = size.network
    start = network.initial(), network.draw(config.data, count)
    timings = {FORWARD: Timing(functools.partial(network.losses, *start))}
    for way in WAYS:
        chosen = np.linspace(0, network.count - 1, moved_of(way, network, config.part)).round().astype(int)
        action = functools.partial(dk.brute_force, network, *start, delta=DELTA, way=way, which=chosen)
        timings[way] = Timing(functools.partial(network.backprop, *start) if way == BACKPROP else action)
    return timings


def row_of(size: Size, count: int, way: str, timings: Mapping[str, Timing], part: int) -> Table:
    """The time of one way, scaled to all parameters."""
    network, timing, moved = size.network, timings[way], moved_of(way, size.network, part)
    scale = (MOVES * network.count + 1) / (MOVES * moved + 1)
    seconds = timing.least * scale
    work = {FORWARD: (1, float(count * network.multiply_adds)), BACKPROP: (0, np.nan)}
    cost = work.get(way) or (round(timing.result.forward_passes * scale), timing.result.multiply_adds * scale)
    return Table(
        way=way, family=size.family, network=network.name, parameters=network.count, samples=count,
        divided=size.divided, seconds=seconds, timed=moved,
        basis=WHOLE if moved == network.count else PREDICTED, passes=seconds / timings[FORWARD].least,
        forward_passes=cost[0], multiply_adds=cost[1],
    )  # fmt: skip


def literal(config: Config, size: Size) -> Literal:
    """The textbook's job: one forward pass of one sample for every parameter and every sample."""
    network, samples = size.network, config.textbook_samples
    timing = Timing(functools.partial(network.losses, network.initial(), network.draw(config.data, 1)))
    for _ in range(config.repeats):
        timing.again()
    passes = float(network.count) * samples
    return Literal(
        way="sample by sample", family=size.family, network=network.name, parameters=network.count, samples=samples,
        forward_passes=passes, seconds=passes * timing.least, basis="one forward pass of one sample, measured",
    )  # fmt: skip


def moved_of(way: str, network: dk.Network, part: int) -> int:
    """How many parameters are moved when a way is timed: all, or a part in whole stacks."""
    if way not in PARTLY:
        return network.count
    together = dk.stack_size(network.count, MOVES) if way == "batched" else 1
    return min(network.count, together * math.ceil(part / together))


def nominal_seconds(way: str, network: dk.Network, samples: int, part: int) -> float:
    """Seconds of one repeat on an ordinary machine; what a job is refused by before it starts."""
    return dk.nominal_cost(way).seconds(network.sizes, samples) * moved_of(way, network, part) / network.count


# What the whole run says


def conclude(tables: Tables) -> Iterator[Rows]:
    """Yield what the figures show, the fitted models and how they do, the textbook's job, and what the figures say."""
    by_parameters, by_samples = against_parameters(tables[Table]), against_samples(tables[Table])
    for rows, shown in ((Parameters, by_parameters), (Samples, by_samples)):
        yield rows.of(shown, way=[labelled(row) for row in shown.itertuples()])
    models = fitted(tables[Table])
    for way, model in models.items():
        yield Coefficients(way=way, term=list(model.times), seconds=list(model.times.values()))
    judged = judge(tables[Table], models)
    yield Model.of(judged)
    unseen = judged[~judged["seen"]]
    if len(unseen):
        worst = unseen.groupby(["way", "samples"], sort=False)["factor"].max().clip(lower=1.0).reset_index()
        yield Unseen.of(worst)
        yield Unseen(way=f"the goal, {GOAL:g}", samples=np.unique(worst["samples"]), factor=GOAL)
    yield Predicted.of(tables[Literal])
    yield from by_models(tables, models)
    yield from summary(tables[Table])
    shown = {
        "parameters": of_parameters(by_parameters),
        "passes": of_passes(by_parameters),
        "samples": of_samples(by_samples),
        "model": of_model(judged),
    }
    yield from lessons(__file__, shown)


def middle(table: Frame) -> int:
    """The number of samples at which networks are compared: the usual one if it was measured, else the middle one."""
    counts = sorted(table["samples"].unique().tolist())
    return SAMPLES_COMPARED if SAMPLES_COMPARED in counts else int(counts[len(counts) // 2])


def against_parameters(table: Frame) -> Frame:
    """The ways at one number of samples."""
    return table[(table["way"] != FORWARD) & (table["samples"] == middle(table))]


def against_samples(table: Frame) -> Frame:
    """The ways of the largest network of every family."""
    largest = table.groupby("family")["parameters"].transform("max")
    return table[(table["way"] != FORWARD) & (table["parameters"] == largest)]


def largest_of(rows: Frame) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The family, and the row of every way, of the largest network of each family."""
    for family, networks in rows.groupby("family", sort=False):
        last = networks[networks["parameters"] == networks["parameters"].max()]
        yield str(family), {row.way: row for row in last.itertuples()}


def layers_of(network: str) -> tuple[int, ...]:
    """The sizes of the layers, from the name that says them."""
    return tuple(int(units) for units in network.split("-"))


def fitted(table: Frame) -> dict[str, dk.CostModel]:
    """The cost model of every way, fitted to every other size and every other number of samples."""
    models = {}
    for way, cases in table[fitted_to(table)].groupby("way", sort=False):
        models[str(way)] = dk.fit_cost(str(way), map(layers_of, cases["network"]), cases["samples"], cases["seconds"])
    return models


def fitted_to(table: Frame) -> Any:
    """Which rows the models are fitted to."""
    size = table.groupby("family")["parameters"].rank("dense")
    return (size % 2 == 1) & (table["samples"].rank(method="dense") % 2 == 1)


def judge(table: Frame, models: Mapping[str, dk.CostModel]) -> Frame:
    """The models beside the measured times, way by way."""
    judged = table.assign(seen=fitted_to(table), model_seconds=[
        models[row.way].seconds(layers_of(row.network), row.samples) for row in table.itertuples()
    ])  # fmt: skip
    ratio = judged["model_seconds"] / judged["seconds"]
    judged["factor"] = np.where(ratio > 0.0, np.maximum(ratio, 1.0 / ratio), np.inf)
    return judged.sort_values("way", key=lambda ways: ways.map(list(models).index), kind="stable")


def by_models(tables: Tables, models: Mapping[str, dk.CostModel]) -> Iterator[Predicted]:
    """The textbook's job by every way, by its model: for comparison with the textbook's own way."""
    most = int(tables[Table]["samples"].max())
    for row in tables[Literal].itertuples():
        for way in WAYS:
            time_of = functools.partial(models[way].seconds, layers_of(row.network))
            seconds = time_of(row.samples) if time_of(2 * most) >= (1.0 + GROWTH) * time_of(most) else math.nan
            yield Predicted(
                way=way, family=row.family, network=row.network, parameters=row.parameters, samples=row.samples,
                forward_passes=MOVES * row.parameters + 1.0 if way in PARTLY else 1.0, seconds=seconds, basis=BEYOND,
            )  # fmt: skip


def summary(table: Frame) -> Iterator[Summary]:
    """The times of every way, family by family, on the largest network."""
    for family, ways in largest_of(against_parameters(table)):
        seconds = {way: ways[way].seconds for way in WAYS}
        over = seconds["naive"] / seconds[INCREMENTAL], seconds[INCREMENTAL] / seconds[BACKPROP]
        yield Summary(
            family=family, parameters=ways[BACKPROP].parameters, samples=ways[BACKPROP].samples, **seconds,
            over_naive=over[0], over_incremental=over[1],
        )  # fmt: skip


# In words


def tell(tables: Tables) -> Iterator[str]:
    """Yield what incremental brute force saves, how the cost model does, and what the textbook's job would take."""
    yield from of_incremental(against_parameters(tables[Table]))
    yield from of_model(tables[Model])
    yield from of_literal(tables[Predicted])


def growth(rows: Frame, x: str, y: str) -> Iterator[str]:
    """By how much each way grows from the smallest x to the largest, family by family."""
    factors = []
    for family, cases in rows.groupby("family", sort=False):
        low, high = cases[x].min(), cases[x].max()
        if low < high:
            ends = [(way, times.set_index(x)[y]) for way, times in cases.groupby("way", sort=False)]
            grown = ", ".join(f"{way} {number(values[high] / values[low], 3)}" for way, values in ends)
            factors.append(f"{family}, {number(high / low, 3)} times the {x}: {grown}")
    if factors:
        yield f"It grows by these factors: {'; '.join(factors)}."


def of_parameters(rows: Frame) -> Iterator[str]:
    """The times of the largest networks."""
    yield f"With {rows['samples'].iloc[0]} samples."
    for family, ways in largest_of(rows):
        times = "; ".join(f"{way} {duration(row.seconds)}{mark(row)}" for way, row in ways.items())
        yield f"{family}, {ways[BACKPROP].parameters} parameters: {times}."
    yield from growth(rows, "parameters", "seconds")


def labelled(row: Any) -> str:
    """The way, marked where its time is predicted."""
    return str(row.way) if row.basis == WHOLE else f"{row.way} (predicted)"


def mark(row: Any) -> str:
    """From what a time is predicted, if it is."""
    return "" if row.basis == WHOLE else f", predicted from {row.timed} parameters"


def of_passes(rows: Frame) -> Iterator[str]:
    """The times in forward passes."""
    yield f"With {rows['samples'].iloc[0]} samples."
    for family, ways in largest_of(rows):
        passes = ", ".join(f"{way} {number(row.passes, 4)}" for way, row in ways.items())
        yield f"{family}: naive makes {ways['naive'].forward_passes} forward passes; in time: {passes}."
    yield from growth(rows, "parameters", "passes")


def of_samples(rows: Frame) -> Iterator[str]:
    """With how many samples a stack takes longer than a loop."""
    seconds = rows.pivot_table(values="seconds", index=["family", "samples"], columns="way", sort=False)
    slow = seconds[seconds["batched"] > seconds["naive"]].sort_index(level="samples").reset_index()
    slower = [
        f"{family} with {', '.join(map(str, slow.loc[slow['family'] == family, 'samples']))} samples"
        for family in rows["family"].unique()
        if family in slow["family"].to_numpy()
    ]
    yield f"Batched takes longer than naive on {'; '.join(slower)}." if slower else "Batched always beats naive."
    yield from growth(rows, "samples", "seconds")


def of_incremental(rows: Frame) -> Iterator[str]:
    """What the incremental way saves, and backprop beyond it."""
    for family, ways in largest_of(rows):
        naive, quick, back = (ways[way] for way in ("naive", INCREMENTAL, BACKPROP))
        yield (
            f"{family}, {back.parameters} parameters, {back.samples} samples: incremental brute force takes"
            f" {duration(quick.seconds)}, the time of {quick.passes:.0f} forward passes, where naive makes"
            f" {naive.forward_passes} ({duration(naive.seconds)}{mark(naive)}): {naive.seconds / quick.seconds:.0f}"
            f" times as fast. Backprop takes {duration(back.seconds)}, {number(back.passes)} forward passes: another"
            f" {quick.seconds / back.seconds:.0f} times as fast."
        )


def of_model(judged: Frame) -> Iterator[str]:
    """How the models do on what they were not fitted to."""
    unseen = judged[~judged["seen"]]
    if unseen.empty:
        return
    worst = unseen.loc[unseen["factor"].idxmax()]
    largest = unseen.groupby("way", sort=False)["factor"].max()
    yield (
        f"The cost model, fitted to {len(judged) - len(unseen)} of {len(judged)} times, is within a factor of {GOAL:g}"
        f" for {part_of(int((unseen['factor'] <= GOAL).sum()), len(unseen), 'time')} that it has not seen. Largest"
        " factors:"
        f" {', '.join(f'{way} {factor:.2f}' for way, factor in largest.items())}; the worst is {worst['way']} on"
        f" {worst['network']} with {worst['samples']} samples."
    )


def of_literal(rows: Frame) -> Iterator[str]:
    """What the textbook's job would take."""
    for family, ways in rows.groupby("family", sort=False):
        first, others = ways.iloc[0], ways.iloc[1:]
        known = np.isfinite(others["seconds"])
        times = ", ".join(f"{row.way} {duration(row.seconds)}" for row in others[known].itertuples())
        untold = listed(list(others["way"][~known]))
        why = (
            f" Nothing is predicted for {untold}, whose times hardly grow with the samples that were measured."
            if untold
            else ""
        )
        model = (
            f" By the cost model, used far beyond its sizes, all samples at once and central differences take: {times}."
            if times
            else ""
        )
        yield (
            f"Predicted, not measured: the textbook taken literally, one forward pass per parameter per sample, is"
            f" {number(first['forward_passes'], 3)} forward passes for {first['samples']} samples of {family}"
            f" ({first['network']}): {duration(first['seconds'])}.{model}{why}"
        )
