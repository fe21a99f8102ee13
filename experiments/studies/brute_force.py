"""What the gradient of a network costs by brute force and by backprop: time, forward passes, a model of the cost.

Naive and batched brute force are timed on some of the parameters and scaled by their forward passes, as all of them
would take minutes to hours; such times are marked. All ratios are of times of one run.
"""

from __future__ import annotations

import functools
import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from derivkit.multivariate.brute_force import RIPPLE, STACK
from derivkit.multivariate.network import LOSSES

Columns = Mapping[str, Any]
Floats = NDArray[np.float64]

WAY = (str, "how: see WAYS; 'one forward pass' is the yardstick")
SIZE: dict[str, tuple[type, str]] = {
    "family": (str, "the network as configured"),
    "network": (str, "the sizes of its layers, hidden ones divided"),
    "parameters": (int, "its weights and biases"),
    "samples": (int, "samples over which the loss is averaged"),
}

TABLES: dict[str, dict[str, tuple[type, str]]] = {
    "table": {
        "way": WAY,
        **SIZE,
        "divided": (int, "by what the hidden layers were divided"),
        "seconds": (float, "time of the whole gradient, least of the repeats"),
        "timed": (int, "parameters that were moved when it was timed; fewer than all: the time is predicted"),
        "basis": (str, "measured, or predicted from a part of the parameters"),
        "passes": (float, "the time in forward passes of all samples"),
        "forward_passes": (int, "forward passes that were made, scaled likewise"),
        "multiply_adds": (float, "multiplications with additions, scaled likewise; of backprop not counted"),
    },
    "parameters": {
        "way": WAY,
        "family": (str, "the network as configured"),
        "parameters": (int, "weights and biases"),
        "seconds": (float, "time of the whole gradient"),
        "passes": (float, "the time in forward passes of all samples"),
    },
    "samples": {
        "way": WAY,
        "family": (str, "the network as configured"),
        "samples": (int, "samples over which the loss is averaged"),
        "seconds": (float, "time of the whole gradient"),
    },
    "coefficients": {
        "way": WAY,
        "term": (str, "what is counted"),
        "seconds": (float, "time of one of them by the fit; 0 where the fit has no use for it"),
    },
    "model": {
        "way": WAY,
        **SIZE,
        "seen": (bool, "whether the model was fitted to it"),
        "seconds": (float, "measured, or predicted from a part"),
        "model_seconds": (float, "by the model"),
        "factor": (float, "the greater of both over the smaller"),
    },
    "unseen": {
        "way": WAY,
        "samples": (int, "samples"),
        "factor": (float, "the largest factor between model and measurement over the sizes that it has not seen"),
    },
    "literal": {
        "way": (str, "how"),
        **SIZE,
        "forward_passes": (float, "forward passes of one sample"),
        "seconds": (float, "predicted"),
        "basis": (str, "from what it is predicted"),
    },
    "predicted": {
        "way": (str, "how; the first is the textbook taken literally"),
        **SIZE,
        "forward_passes": (float, "forward passes in full, of one sample in the textbook's way, else of all of them"),
        "seconds": (float, "predicted; NaN where the measured times tell too little, see GROWTH"),
        "basis": (str, "from what it is predicted"),
    },
    "summary": {
        "family": (str, "the network as configured"),
        "parameters": (int, "weights and biases"),
        "samples": (int, "samples"),
        "naive": (float, "naive brute force in seconds, predicted where a part was timed"),
        "batched": (float, "batched brute force in seconds, likewise"),
        "incremental": (float, "incremental brute force in seconds"),
        "backprop": (float, "backprop in seconds"),
        "over_naive": (float, "naive / incremental"),
        "over_incremental": (float, "incremental / backprop"),
    },
    "lesson": {
        "figure": (str, "the figure that follows"),
        "title": (str, "its heading"),
        "text": (str, "what it shows"),
    },
    "findings": {"finding": (str, "what the tables say, in a sentence")},
}

MEASURED = {
    "table": ("seconds", "passes"),
    "parameters": ("seconds", "passes"),
    "samples": ("seconds",),
    "coefficients": ("seconds",),
    "model": ("seconds", "model_seconds", "factor"),
    "unseen": ("factor",),
    "literal": ("seconds",),
    "predicted": ("seconds",),
    "summary": ("naive", "batched", "incremental", "backprop", "over_naive", "over_incremental"),
    "lesson": ("text",),
    "findings": ("finding",),
}
"""What a clock measured, or words that tell it: no part of what must come out again."""
KEYS = ("way", "family", "network", "samples")
"""What tells the rows of the table apart when runs are compared."""

FORWARD, BACKPROP = "one forward pass", "backprop"
WAYS = {
    "naive": "every parameter is moved by itself, and all samples pass the whole network",
    "batched": "many moved copies of the parameters pass the network at once",
    "incremental": "only what a moved parameter can change is computed again",
    BACKPROP: "no parameter is moved",
}
"""Ways with their meaning."""
PARTLY = ("naive", "batched")
"""Ways that are timed on a part of the parameters."""
WHOLE, PREDICTED = "measured", "predicted from a part"
MOVES = 2
"""Moved losses of a parameter: those of the central difference."""
DELTA = 1e-5
"""The step; the time does not depend on it."""
ENOUGH = 1.0
"""Seconds of repeats after which no further repeat is made; without a derivation, as the next five are."""
LEAST = 0.02
"""Seconds that a repeat takes at least, in which a quick action is made again and again: what disturbs it lasts for
milliseconds."""
KEPT = 31 * 2**17
"""Numbers of an array of 31 MB, about the largest up to which glibc raises what it keeps."""
NOMINAL: Mapping[str, float] = {
    "stacks": 1e-4,
    "passes": 3e-5,
    "layers passed": 5e-6,
    "multiply-adds": 6e-11,
    "activations": 2e-9,
    "outputs in the loss": 1.5e-8,
    "inputs read": 3e-10,
    "parameters read": 3e-10,
    "parameters packed": 5e-10,
    "units": 1e-4,
    "calls": 1e-4,
}
"""Seconds of the terms of the cost model, whatever the way, on the machine for which a job is predicted before it
starts: a processor of 2021, whose times were rounded up."""
GROWTH = 0.1
"""By how much, as a part, twice the most samples must take longer by a fitted model, lest its time for far more samples
is told: below, what grows with them is lost in what does not; without a derivation."""
GOAL = 1.5
"""The factor that the cost model is to keep on sizes that it has not seen."""


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
        if not (self.network and self.divide and self.samples):
            raise ValueError("at least one network, one divisor and one number of samples are needed")
        for name in ("divide", "samples", "part", "repeats", "textbook_samples"):
            value = getattr(self, name)
            for one in value if isinstance(value, tuple) else (value,):
                if one < 1:
                    raise ValueError(f"{name}={one}: must be at least 1")
        for name in ("divide", "samples"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise ValueError(f"{name}={list(getattr(self, name))}: one of them is there twice")
        if not (math.isfinite(self.confirm_hours) and self.confirm_hours > 0.0):
            raise ValueError(f"confirm_hours={self.confirm_hours:g}: must be a finite number of hours above 0")
        if self.data.samples is not None:
            for network in self.network:
                self.data.draw(max(self.samples), inputs=network.sizes[0], classes=network.sizes[-1])
        self._refuse_hours()

    def _refuse_hours(self) -> None:
        each = {
            (way, size.network.name, samples): _with_repeats(
                nominal_seconds(way, size.network, samples, self.part), self
            )
            for size, samples in self.cases
            for way in WAYS
        }
        hours = sum(each.values()) / 3600.0
        if hours > self.confirm_hours:
            way, name, samples = max(each, key=lambda key: each[key])
            raise ValueError(
                f"this job would take about {hours:.2g} hours (predicted for an ordinary machine), the most of it"
                f" {way} brute force on {name} with {samples} samples; take a smaller part=, samples= or network=,"
                f" or allow it with confirm_hours={math.ceil(hours)}"
            )

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        """The networks that are measured, those of one family by their number of parameters."""
        found: dict[tuple[str, tuple[int, ...]], Size] = {}
        for network in self.network:
            for divisor in sorted(self.divide, reverse=True):
                hidden = (max(1, units // divisor) for units in network.sizes[1:-1])
                sizes = (network.sizes[0], *hidden, network.sizes[-1])
                smaller = dk.Network(sizes, network.activations, network.objective, network.l1, network.l2)
                found[network.name, sizes] = Size(network.name, divisor, smaller)
        return tuple(found.values())

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


def run(config: Config) -> Iterator[tuple[str, Columns]]:
    """Yield the times of all ways for one network and one number of samples at a time, and the textbook's job."""
    settle_memory()
    cases = [(size, count, _timings(config, size, count)) for size, count in config.cases]
    # What is quick is repeated in rounds, as what disturbs a machine lasts for seconds.
    quick = [
        timing
        for size, count, timings in cases
        for way, timing in timings.items()
        if config.repeats * nominal_seconds(way, size.network, count, config.part) <= ENOUGH
    ]
    for _ in range(config.repeats - 1):
        for timing in quick:
            timing.again()
    for size, count, timings in cases:
        for timing in timings.values():
            timing.finish(config.repeats)
        yield "table", _transposed("table", _rows(size, count, timings))
    for family in dict.fromkeys(size.family for size in config.sizes):
        largest = max((size for size in config.sizes if size.family == family), key=lambda size: size.network.count)
        yield "literal", _transposed("literal", _literal(config, largest))


def conclude(tables: Mapping[str, Columns]) -> Iterator[tuple[str, Columns]]:
    """Yield what the figures show, the fitted model and how it does on sizes it has not seen, and what was found."""
    rows = list(_records(tables["table"]))
    middle = _middle(rows)
    largest = {family: max(row["parameters"] for row in own) for family, own in _by(rows, "family").items()}
    shown = [row for row in rows if row["way"] != FORWARD]
    by_parameters = [row for row in shown if row["samples"] == middle]
    by_samples = [row for row in shown if row["parameters"] == largest[row["family"]]]
    for table, chosen in (("parameters", by_parameters), ("samples", by_samples)):
        yield table, _chosen(table, [{**row, "way": _labelled(row)} for row in chosen])
    coefficients, model = fitted(rows)
    yield "coefficients", _transposed("coefficients", coefficients)
    yield "model", _transposed("model", model)
    records = list(_records(_transposed("model", model)))
    unseen = _worst_unseen(records)
    if unseen:
        yield "unseen", _transposed("unseen", unseen)
    literal = [*_records(tables["literal"]), *_literal_by_model(rows, list(_records(tables["literal"])), coefficients)]
    yield "predicted", _chosen("predicted", literal)
    yield "summary", _transposed("summary", _summary(rows, largest, middle))
    lesson = [
        ("parameters", "Time against the number of parameters", _tell_parameters(by_parameters)),
        ("passes", "The same in forward passes", _tell_passes(by_parameters)),
        ("samples", "Time against the number of samples", _tell_samples(by_samples)),
        *([("model", "The cost model on sizes it has not seen", _tell_model(records))] if unseen else []),
    ]
    yield "lesson", _transposed("lesson", lesson)
    findings = [*_tell_incremental(rows, largest, middle), *([_tell_model(records)] if unseen else [])]
    yield "findings", {"finding": [*findings, *_tell_literal(literal)]}


# Measuring


@dataclass
class Timing:
    """An action and its least time so far, by the clock on the wall.

    The processor's own clock would leave out what other programs take, but on a virtual machine it gave, now and then,
    times too short to be true, and the least of many times finds them.
    """

    action: Callable[[], Any]
    moved: int
    """Parameters that it moves."""
    least: float = math.inf
    spent: float = 0.0
    done: int = 0
    result: Any = None

    def once(self) -> None:
        """Do it once."""
        start = time.perf_counter()
        self.result = self.action()
        seconds = time.perf_counter() - start
        self.least, self.spent, self.done = min(self.least, seconds), self.spent + seconds, self.done + 1

    def again(self) -> None:
        """Do it for one repeat, a quick action again and again."""
        enough = self.spent + LEAST
        while self.spent < enough:
            self.once()

    def finish(self, repeats: int) -> None:
        """Do the last repeat, and those that were not done before."""
        self.again()
        while self.done < repeats and self.spent < ENOUGH:
            self.once()


def _timings(config: Config, size: Size, count: int) -> dict[str, Timing]:
    """What is timed of one network and one number of samples, by way, the yardstick first."""
    network = size.network
    given = network.initial(), _drawn(config, network, count)
    found = {FORWARD: Timing(functools.partial(network.losses, *given), network.count)}
    for way in WAYS:
        moved = moved_of(way, network, config.part)
        chosen = np.linspace(0, network.count - 1, moved).round().astype(int)
        action = functools.partial(dk.brute_force, network, *given, delta=DELTA, way=way, which=chosen)
        found[way] = Timing(functools.partial(network.backprop, *given) if way == BACKPROP else action, moved)
    return found


def _rows(size: Size, count: int, timings: Mapping[str, Timing]) -> Iterator[tuple[object, ...]]:
    network, forward = size.network, timings[FORWARD].least
    counted = {FORWARD: (1, float(count * network.multiply_adds)), BACKPROP: (0, np.nan)}
    for way, timing in timings.items():
        scale = (MOVES * network.count + 1) / (MOVES * timing.moved + 1)
        seconds = timing.least * scale
        basis = WHOLE if timing.moved == network.count else PREDICTED
        which = size.family, network.name, network.count, count, size.divided
        cost = counted.get(way) or (round(timing.result.forward_passes * scale), timing.result.multiply_adds * scale)
        yield way, *which, seconds, timing.moved, basis, seconds / forward, *cost


def settle_memory() -> None:
    """Free a large array, after which glibc keeps what is freed (mallopt(3), M_MMAP_THRESHOLD).

    Without it the arrays of a small network are given back to the system and asked for again at every call, which can
    take longer than what is computed in them, and the time of a network depends on those that were timed before it.
    """
    np.empty(KEPT)


def _literal(config: Config, size: Size) -> Iterator[tuple[object, ...]]:
    """The textbook's job: one forward pass of one sample for every parameter and every sample."""
    network, samples = size.network, config.textbook_samples
    one, parameters = _drawn(config, network, 1), network.initial()
    timing = Timing(functools.partial(network.losses, parameters, one), network.count)
    for _ in range(config.repeats):
        timing.again()
    seconds = timing.least
    passes = float(network.count) * samples
    which = (size.family, network.name, network.count, samples)
    yield "sample by sample", *which, passes, passes * seconds, "one forward pass of one sample, measured"


def _drawn(config: Config, network: dk.Network, count: int) -> dk.Samples:
    samples = config.data.draw(count, inputs=network.sizes[0], classes=network.sizes[-1])
    return samples if LOSSES[network.objective].labelled else samples.one_hot(network.sizes[-1])


def moved_of(way: str, network: dk.Network, part: int) -> int:
    """How many parameters are moved when a way is timed: all, or a part in whole stacks."""
    if way not in PARTLY:
        return network.count
    together = _together(network.count) if way == "batched" else 1
    return min(network.count, together * math.ceil(part / together))


def _together(count: int) -> int:
    """Parameters of a stack of the batched way."""
    return max(1, STACK // (MOVES * count))


def nominal_seconds(way: str, network: dk.Network, samples: int, part: int) -> float:
    """Seconds of one repeat on the nominal machine; what a job is refused by before it starts."""
    whole = sum(NOMINAL[name] * count for name, count in terms(way, network.sizes, samples).items())
    if way == BACKPROP:
        return 3.0 * whole  # two products more
    return whole * moved_of(way, network, part) / network.count


def _with_repeats(seconds: float, config: Config) -> float:
    return max(seconds, min(config.repeats * max(seconds, LEAST), ENOUGH + seconds))


# The cost model


def terms(way: str, sizes: Sequence[int], samples: int) -> dict[str, float]:
    """What a way does, counted from the sizes alone: the time is a sum of these, each by a time of its own.

    Parameters
    ----------
    way : str
        One of WAYS, or one forward pass.
    sizes : sequence of int
        Of the network's layers.
    samples : int
        Number of samples.

    Returns
    -------
    dict of str to float
        Counts by name.
    """
    layers = [(units * (before + 1), units) for before, units in itertools.pairwise(sizes)]
    count, hidden = sum(parameters for parameters, _ in layers), sum(sizes[1:-1])
    one = {
        "passes": 1.0,
        "layers passed": float(len(layers)),
        "multiply-adds": float(samples * count),
        "activations": float(samples * hidden),
        "outputs in the loss": float(samples * sizes[-1]),
        "inputs read": float(samples * sizes[0]),
        "parameters read": float(count),
        # BLAS copies a matrix into blocks before it multiplies it, but not where it multiplies a single vector.
        "parameters packed": float(count * (samples > 1)),
    }
    if way in (FORWARD, BACKPROP):
        return one
    if way == "incremental":
        return _terms_of_incremental(layers, sizes, samples)
    made = float(MOVES * count + 1)
    found = {name: made * value for name, value in one.items()}
    return found if way == "naive" else {"stacks": float(math.ceil(count / _together(count))), **found}


def _terms_of_incremental(layers: Sequence[tuple[int, int]], sizes: Sequence[int], samples: int) -> dict[str, float]:
    """Every relu is taken as open: the share of those that are not goes into the fitted times."""
    found = dict.fromkeys(("units", "calls", "multiply-adds", "activations", "outputs in the loss"), 0.0)
    for k, (parameters, units) in enumerate(layers):
        after = sizes[k + 2] if k + 2 < len(sizes) else 0
        later = sum(inner for inner, _ in layers[k + 2 :])
        widest = max(sizes[min(k + 2, len(sizes) - 1) :])
        together = max(1, RIPPLE // (widest * MOVES * (parameters // units)))
        moved = MOVES * samples * parameters
        found["units"] += units
        found["calls"] += units * math.ceil(samples / together)
        found["multiply-adds"] += moved * (1 + after + later)
        found["activations"] += moved * (1 + sum(sizes[k + 2 : -1]))
        # a power of e for each, which takes several times as long as a relu
        found["outputs in the loss"] += moved * sizes[-1]
    return found


def fitted(
    rows: Sequence[Mapping[str, Any]],
) -> tuple[list[tuple[str, str, float]], list[tuple[object, ...]]]:
    """The cost model of every way, fitted to every other size and every other number of samples, and its predictions.

    Parameters
    ----------
    rows : sequence of mapping
        Of the main table.

    Returns
    -------
    tuple of list
        Rows of the tables ``coefficients`` and ``model``.
    """
    counts = sorted({int(row["samples"]) for row in rows})
    places = {
        (family, parameters): place
        for family, own in _by(rows, "family").items()
        for place, parameters in enumerate(sorted({int(row["parameters"]) for row in own}))
    }
    coefficients: list[tuple[str, str, float]] = []
    model: list[tuple[object, ...]] = []
    for way, own in _by(rows, "way").items():
        counted = [terms(way, _sizes(row), int(row["samples"])) for row in own]
        matrix = np.array([list(one.values()) for one in counted])
        seconds = np.array([row["seconds"] for row in own])
        seen = np.array(
            [counts.index(row["samples"]) % 2 == 0 and places[row["family"], row["parameters"]] % 2 == 0 for row in own]
        )
        times = not_negative(matrix[seen] / seconds[seen, None])
        coefficients += [(way, name, float(value)) for name, value in zip(counted[0], times, strict=True)]
        for row, fit, predicted in zip(own, seen, matrix @ times, strict=True):
            factor = max(predicted / row["seconds"], row["seconds"] / predicted) if predicted > 0.0 else np.inf
            model.append((way, *(row[name] for name in SIZE), bool(fit), row["seconds"], predicted, factor))
    return coefficients, model


def not_negative(matrix: Floats) -> Floats:
    """The least squares solution of ``matrix @ times = 1`` with no time below 0, by trying every set of terms."""
    best, found = math.inf, np.zeros(matrix.shape[1])
    present = np.flatnonzero(np.any(matrix > 0.0, axis=0)).tolist()
    for number in range(1, len(present) + 1):
        for chosen in itertools.combinations(present, number):
            part = matrix[:, chosen]
            scale = np.max(part, axis=0)
            times = np.linalg.lstsq(part / scale, np.ones(len(part)), rcond=None)[0] / scale
            residual = float(np.sum((part @ times - 1.0) ** 2))
            if np.all(times >= 0.0) and residual < best:
                best, found = residual, np.zeros(matrix.shape[1])
                found[list(chosen)] = times
    return found


def _literal_by_model(
    rows: Sequence[Mapping[str, Any]],
    literal: Sequence[Mapping[str, Any]],
    coefficients: Sequence[tuple[str, str, float]],
) -> Iterator[dict[str, Any]]:
    """The textbook's job by every way, by the cost model: for comparison with the textbook's own way."""
    most = max(int(row["samples"]) for row in rows)
    for row in literal:
        for way in WAYS:
            time_of = {name: seconds for known, name, seconds in coefficients if known == way}
            once, twice, asked = (
                sum(time_of[name] * value for name, value in terms(way, _sizes(row), samples).items())
                for samples in (most, 2 * most, int(row["samples"]))
            )
            seconds = asked if twice >= (1.0 + GROWTH) * once else math.nan
            passes = MOVES * row["parameters"] + 1.0 if way in PARTLY else 1.0
            basis = "the cost model, far beyond its sizes"
            yield {**row, "way": way, "forward_passes": passes, "seconds": seconds, "basis": basis}


def _worst_unseen(model: Sequence[Mapping[str, Any]]) -> list[tuple[object, ...]]:
    worst: dict[tuple[str, int], float] = {}
    for row in model:
        if not row["seen"]:
            key = str(row["way"]), int(row["samples"])
            worst[key] = max(worst.get(key, 1.0), float(row["factor"]))
    found: list[tuple[object, ...]] = [(way, samples, factor) for (way, samples), factor in worst.items()]
    ends = sorted({samples for _, samples in worst})
    return [*found, *((f"the goal, {GOAL:g}", samples, GOAL) for samples in ends)]


# What was found


def _middle(rows: Sequence[Mapping[str, Any]]) -> int:
    """The number of samples at which networks are compared: 32 if it was measured, else the middle one."""
    counts = sorted({int(row["samples"]) for row in rows})
    return 32 if 32 in counts else counts[len(counts) // 2]


def _summary(
    rows: Sequence[Mapping[str, Any]], largest: Mapping[str, int], middle: int
) -> Iterator[tuple[object, ...]]:
    for family, parameters in largest.items():
        at = _at(rows, family, parameters, middle)
        seconds = {way: float(at[way]["seconds"]) for way in WAYS}
        naive, _, incremental, back = seconds.values()
        yield family, parameters, middle, *seconds.values(), naive / incremental, incremental / back


def _at(rows: Sequence[Mapping[str, Any]], family: str, parameters: int, samples: int) -> dict[str, Mapping[str, Any]]:
    key = (family, parameters, samples)
    return {row["way"]: row for row in rows if (row["family"], row["parameters"], row["samples"]) == key}


def _slopes(rows: Sequence[Mapping[str, Any]], x: str, y: str) -> str:
    """By how much each way grows from the smallest x to the largest, family by family."""
    said = []
    for family, own in _by(rows, "family").items():
        grown = []
        low, high = min(row[x] for row in own), max(row[x] for row in own)
        if low == high:
            continue
        for way, each in _by(own, "way").items():
            ends = {row[x]: float(row[y]) for row in each}
            grown.append(f"{way} {ends[high] / ends[low]:.3g}")
        said.append(f"{family}, {high / low:.3g} times the {x}: {', '.join(grown)}")
    return f" It grows by these factors: {'; '.join(said)}." if said else ""


def _tell_parameters(rows: Sequence[Mapping[str, Any]]) -> str:
    said = []
    for family, own in _by(rows, "family").items():
        at = _at(own, family, max(row["parameters"] for row in own), own[0]["samples"])
        named = "; ".join(f"{way} {_duration(row['seconds'])}{_mark(row)}" for way, row in at.items())
        said.append(f"{family}, {at[BACKPROP]['parameters']} parameters: {named}")
    return f"With {rows[0]['samples']} samples. {'. '.join(said)}.{_slopes(rows, 'parameters', 'seconds')}"


def _labelled(row: Mapping[str, Any]) -> str:
    return str(row["way"]) if row["basis"] == WHOLE else f"{row['way']} (predicted)"


def _mark(row: Mapping[str, Any]) -> str:
    return "" if row["basis"] == WHOLE else f", predicted from {row['timed']} parameters"


def _tell_passes(rows: Sequence[Mapping[str, Any]]) -> str:
    said = []
    for family, own in _by(rows, "family").items():
        at = _at(own, family, max(row["parameters"] for row in own), own[0]["samples"])
        named = ", ".join(f"{way} {row['passes']:.4g}" for way, row in at.items())
        said.append(f"{family}: naive makes {at['naive']['forward_passes']} forward passes; in time: {named}")
    return (
        f"The time over that of one forward pass of the same {rows[0]['samples']} samples. {'. '.join(said)}."
        f"{_slopes(rows, 'parameters', 'passes')}"
    )


def _tell_samples(rows: Sequence[Mapping[str, Any]]) -> str:
    slower = []
    for family, own in _by(rows, "family").items():
        counts = []
        for samples in sorted({row["samples"] for row in own}):
            at = _at(own, family, own[0]["parameters"], samples)
            if at["batched"]["seconds"] > at["naive"]["seconds"]:
                counts.append(str(samples))
        if counts:
            slower.append(f"{family} with {', '.join(counts)} samples")
    batched = f"Batched takes longer than naive on {'; '.join(slower)}." if slower else "Batched always beats naive."
    return f"{batched}{_slopes(rows, 'samples', 'seconds')}"


def _tell_incremental(rows: Sequence[Mapping[str, Any]], largest: Mapping[str, int], middle: int) -> Iterator[str]:
    for family, parameters in largest.items():
        at = _at(rows, family, parameters, middle)
        naive, quick, back = (at[way] for way in ("naive", "incremental", BACKPROP))
        yield (
            f"{family}, {parameters} parameters, {middle} samples: incremental brute force takes"
            f" {_duration(quick['seconds'])}, the time of {quick['passes']:.0f} forward passes, where naive makes"
            f" {naive['forward_passes']} ({_duration(naive['seconds'])}{_mark(naive)}):"
            f" {naive['seconds'] / quick['seconds']:.0f}"
            f" times as fast. Backprop takes {_duration(back['seconds'])}, {back['passes']:.2g} forward passes: another"
            f" {quick['seconds'] / back['seconds']:.0f} times as fast."
        )


def _tell_model(model: Sequence[Mapping[str, Any]]) -> str:
    unseen = [row for row in model if not row["seen"]]
    worst = max(unseen, key=lambda row: row["factor"])
    within = sum(row["factor"] <= GOAL for row in unseen)
    each = ", ".join(f"{way} {max(row['factor'] for row in own):.2f}" for way, own in _by(unseen, "way").items())
    return (
        f"The cost model, fitted to {len(model) - len(unseen)} of {len(model)} times, keeps within a factor of"
        f" {GOAL:g} in {within} of the {len(unseen)} that it has not seen. Largest factors: {each}; the worst is"
        f" {worst['way']} on {worst['network']} with {worst['samples']} samples."
    )


def _tell_literal(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for family, own in _by(rows, "family").items():
        first, *others = own
        told = [row for row in others if math.isfinite(row["seconds"])]
        named = ", ".join(f"{row['way']} {_duration(row['seconds'])}" for row in told) or "no way can be told"
        untold = ", ".join(row["way"] for row in others if not math.isfinite(row["seconds"]))
        why = f" Not told, as their times hardly grow with the samples that were measured: {untold}." if untold else ""
        yield (
            f"Predicted, not measured: the textbook taken literally, one forward pass per parameter per sample, is"
            f" {first['forward_passes']:.3g} forward passes for {first['samples']} samples of {family}"
            f" ({first['network']}): {_duration(first['seconds'])}. By the cost model, used far beyond its sizes, all"
            f" samples at once and central differences take: {named}.{why}"
        )


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2.0 * length:
            return f"{seconds / length:.3g} {unit}"
    if seconds >= 1.0:
        return f"{seconds:.3g} s"
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} µs"


# Tables


def _sizes(row: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(int(units) for units in str(row["network"]).split("-"))


def _by(rows: Sequence[Mapping[str, Any]], name: str) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(str(row[name]), []).append(row)
    return found


def _records(columns: Columns) -> Iterator[dict[str, Any]]:
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


def _chosen(table: str, rows: Sequence[Mapping[str, Any]]) -> Columns:
    return _transposed(table, [tuple(row[name] for name in TABLES[table]) for row in rows])


def _transposed(table: str, rows: Any) -> Columns:
    shape = TABLES[table].items()
    columns = zip(*rows, strict=True)
    return {
        name: list(values) if kind is str else np.array(values, dtype=kind)
        for (name, (kind, _)), values in zip(shape, columns, strict=True)
    }
