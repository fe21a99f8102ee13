"""A small network trained by backprop and by numerical gradients side by side: is it the same path, and what did each
step cost? How far the paths part, beside what theory says of it, and whether a bad gradient still trains.

All start from the same parameters and see the same batches in the same order; only the gradient differs.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from experiments import columns
from experiments.study import (
    Frame,
    Lesson,
    Rows,
    Tables,
    column,
    frames,
    key,
    refuse_below,
    refuse_empty,
    refuse_repeated,
    refuse_unknown,
)
from experiments.words import percent

Floats = NDArray[np.float64]
Array = NDArray[np.floating[Any]]

PRECISIONS: Mapping[str, type[np.floating[Any]]] = {"float64": np.float64, "float32": np.float32}
BACKPROP = "backprop"
VANISHED, NOT_FINITE = "delta vanished", "loss not finite"
"""Why a path ends before its time."""
TEXTBOOK_DELTA = 1e-4
"""The step of a textbook's loop over weights."""
LINES = 7
"""Ways besides backprop whose losses are drawn; a constant without a derivation, as the next three are."""
NEAR = 0.1
"""A law holds where it is off by at most this part."""
APART = 0.01
"""Paths have parted where they are farther from one another than this part of the parameters."""
TRAINED = 0.1
"""A way trains where its loss ends above backprop's by at most this part of what backprop's loss fell by."""
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
        refuse_repeated(self, "delta", shown=said)
        refuse_repeated(self, "rate")
        for rate in self.rate:
            if not (math.isfinite(rate) and rate > 0.0):
                raise ValueError(f"rate={rate:g}: a learning rate is greater than 0; write one such as rate=0.1")
        self._refuse_counts()
        for network in self.network:
            refuse(self, network)

    def _refuse_counts(self) -> None:
        refuse_below(1, self, "steps", "samples", "held_out", "batch")
        refuse_below(0, self, "seed")
        if self.batch > self.samples:
            raise ValueError(
                f"batch={self.batch}: there are {self.samples} samples to take it from; write at most"
                f" batch={self.samples}, or more samples"
            )

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
        return self.method if self.method == BACKPROP else f"{self.method}, delta {said(self.delta)}"


def ways(config: Config) -> list[Way]:
    """The ways of a run: backprop in float64, with which all are compared, then those of each precision."""
    found = [Way("float64", BACKPROP)]
    for precision in config.precision:
        found.append(Way(precision, BACKPROP))
        found += [Way(precision, *pair) for pair in itertools.product(config.method, config.delta)]
    return list(dict.fromkeys(found))


def measure(config: Config) -> Iterator[Rows]:
    """Yield the path of one way at a time, with its time and, where it ends before its time, the reason."""
    for network, rate in itertools.product(config.network, config.rate):
        course, aside = course_of(config, network, rate)
        setting = {"network": network.name, "data": config.data.name, "rate": rate, "samples": config.samples}
        setting |= {"batch": config.batch, "seed": config.seed}
        for way in ways(config):
            yield from walked(course, aside, way, {**setting, "precision": way.precision, "way": way.name})


# Before the start


def refuse(config: Config, network: dk.Network) -> None:
    """Refuse what cannot be trained, or a delta that vanishes in every precision."""
    network.refuse_kinked_penalty()
    samples, _ = drawn(config, network)
    start = start_of(config, network)
    network.loss(start, samples)
    for method, delta in itertools.product(config.method, config.delta):
        vanished = [vanishes(start.astype(PRECISIONS[name]), method, delta) for name in config.precision]
        if all(np.any(one) for one in vanished):
            place = int(np.argmax(vanished[0]))
            raise ValueError(
                f"delta={said(delta)} vanishes against the parameter {network.name_of(place)} = {start[place]:g} of"
                f" the network {network.name} in {' and in '.join(config.precision)}; write a larger one"
            )


def vanishes(parameters: Any, method: str, delta: float) -> NDArray[np.bool_]:
    """Against which parameters a delta vanishes."""
    return np.asarray(dk.steps_vanish(dk.formula(method), parameters, np.asarray(delta, parameters.dtype)))


def start_of(config: Config, network: dk.Network) -> Array:
    """The parameters of the start, which float32 holds too: ways of both precisions begin at the same numbers."""
    return network.initial(seed=config.seed, dtype=np.float32).astype(np.float64)


def drawn(config: Config, network: dk.Network) -> tuple[dk.Samples, dk.Samples]:
    """The samples to learn from, and those held aside; float32 holds them too."""
    samples = network.draw(config.data, config.samples + config.held_out, seed=config.seed)
    samples = samples.astype(np.float32).astype(np.float64)
    return samples.take(slice(config.samples)), samples.take(slice(config.samples, None))


# A path


def course_of(config: Config, network: dk.Network, rate: float) -> tuple[dk.Course, dk.Samples]:
    """What all ways have in common, and the samples held aside."""
    samples, aside = drawn(config, network)
    random = np.random.default_rng(config.seed)
    choices = np.array([random.permutation(config.samples)[: config.batch] for _ in range(config.steps)])
    start = start_of(config, network)
    return dk.Course(network=network, start=start, samples=samples, choices=choices, rate=rate), aside


class Found(NamedTuple):
    """A gradient, what it cost, and what went wrong with it, if anything did."""

    gradient: Array
    evaluations: int
    multiply_adds: int
    message: str = ""
    cause: str = ""


def gradient(way: Way, network: dk.Network, parameters: Array, batch: dk.Samples) -> Found:
    """The gradient of a batch's mean loss by one of the ways."""
    if way.method == BACKPROP:
        return Found(network.backprop(parameters, batch), 1, len(batch) * network.backprop_multiply_adds)
    found = dk.brute_force(network, parameters, batch, delta=way.delta, formula=way.method)
    cause = VANISHED if np.any(found.vanished) else NOT_FINITE
    message = "" if np.all(np.isfinite(found.gradient)) else found.message
    return Found(found.gradient, found.evaluations, found.multiply_adds, message, cause)


class EndedError(Exception):
    """A path that ends before its time: the cause in a few words, and the reason in a sentence."""

    def __init__(self, cause: str, reason: str) -> None:
        super().__init__(reason)
        self.cause = cause


def walked(course: dk.Course, aside: dk.Samples, way: Way, which: Mapping[str, Any]) -> Iterator[Rows]:
    """The path of a way."""
    rows: list[dict[str, float]] = []
    try:
        with np.errstate(all="ignore"):
            walk(course, aside, way, rows)
    except (EndedError, dk.NotFiniteError) as error:
        cause = error.cause if isinstance(error, EndedError) else NOT_FINITE
        yield Ended(**which, step=len(rows) - 1, cause=cause, reason=str(error))
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    seconds = columns.pop("seconds")
    yield Table(**which, method=way.method, delta=way.delta, step=np.arange(len(rows)), **columns)
    if np.any(np.isfinite(seconds)):
        yield Times(**which, method=way.method, seconds=np.nanmedian(seconds))


def walk(course: dk.Course, aside: dk.Samples, way: Way, rows: list[dict[str, float]]) -> None:
    """Make all steps of a way, and append a row for the start and after every step."""
    network, path = course.network, dk.Walk(course, PRECISIONS[way.precision])
    evaluations, passes = 0, 0.0
    while True:
        row = state(path, aside) | {"error": math.nan, "evaluations": evaluations, "passes": passes}
        rows.append(row | {"seconds": math.nan})
        if path.made == course.steps:
            return
        batch = path.batch
        begun = time.perf_counter()
        found = gradient(way, network, path.parameters, batch)
        rows[-1]["seconds"] = time.perf_counter() - begun
        if found.message:
            raise EndedError(found.cause, found.message)
        rows[-1]["error"] = path.error(found.gradient)
        path.step(found.gradient)
        evaluations += found.evaluations
        passes += found.multiply_adds / (len(batch) * network.multiply_adds)


def state(path: dk.Walk, aside: dk.Samples) -> dict[str, float]:
    """How good the parameters are, and how far from those of backprop after as many steps."""
    network, at = path.course.network, path.doubles
    loss = network.loss(at, path.course.samples)
    right = np.argmax(network.forward(at, aside)[-1].a, axis=0) == aside.labels
    return {"loss": loss, "accuracy": float(np.mean(right)), **dataclasses.asdict(path.distances())}


def said(delta: float) -> str:
    """A delta as it is written in a configuration: 1e-5."""
    return np.format_float_scientific(float(f"{delta:g}"), trim="-", exp_digits=1) if delta < 0.01 else f"{delta:g}"


# What the whole run says


@dataclass(frozen=True, eq=False, kw_only=True)
class Path:
    """The path of a way as the tables have it."""

    case: str
    network: str
    precision: str
    way: str
    method: str
    delta: float
    columns: Mapping[str, NDArray[Any]]
    seconds: float
    ended: bool

    @property
    def named(self) -> str:
        """The way with its precision."""
        return f"{self.way}, {self.precision}"

    def __getitem__(self, column: str) -> NDArray[Any]:
        return self.columns[column]


def paths_of(tables: Tables) -> dict[str, list[Path]]:
    """The paths of every case, the one of backprop in float64 first; a path that several jobs made is there once."""
    keys, table = [*Setting.keys, *OfWay.keys], tables[Table]
    seconds = tables[Times].drop_duplicates(keys).set_index(keys)["seconds"].to_dict()
    ended = set(tables[Ended][keys].itertuples(index=False, name=None))
    differ = [name for name in Setting.keys if name != "network" and table[name].nunique() > 1]
    paths: dict[str, list[Path]] = {}
    for which, rows in table.drop_duplicates([*keys, "step"]).groupby(keys, sort=False):
        first = rows.iloc[0]
        case = ", ".join([first["network"], *(setting_text(name, first[name]) for name in differ)])
        path = Path(
            case=case,
            columns={name: rows.sort_values("step")[name].to_numpy() for name in Table.columns if name not in keys},
            seconds=seconds.get(which, math.nan),
            ended=which in ended,
            **{name: first[name] for name in ("network", "precision", "way", "method", "delta")},
        )
        paths.setdefault(case, []).append(path)
    return paths


def setting_text(name: str, value: Any) -> str:
    """A setting that differs."""
    return f"{name} {value}" if isinstance(value, str) else f"{name} {value:g}"


def conclude(tables: Tables) -> Iterator[Rows]:
    """Yield what the figures show, what a step costs, the summary and the lesson."""
    cases = paths_of(tables)
    method, strays = highest(cases), straying(cases)
    yield from losses(cases, strays)
    yield from growth(cases, method)
    yield from laws(cases, method)
    for case in cases:
        for path in complete(cases, case):
            way = f"{path.method}, {path.precision}"
            yield Ends(case=case, way=way, delta=path.delta, distance=path["distance"][-1])
    yield from price(cases, method)
    costs = list(costs_of(cases))
    yield from costs
    for case, paths in cases.items():
        yield from (summary(case, path) for path in paths)
    texts = {
        "losses": ("The loss of every way", of_losses(cases, strays)),
        "growth": ("How far the parameters stray from backprop's path", of_growth(cases, method)),
        "law": ("The distance beside two laws", of_laws(cases, method)),
        "ends": ("The distance at the end, over delta", of_ends(cases)),
        "price": ("What the loss costs", of_price(frames(costs).get(Costs, tables[Costs]))),
    }
    for figure, (title, text) in texts.items():
        yield Lesson(figure=figure, title=title, text=text)


def tell(tables: Tables) -> Iterator[str]:
    """Yield how training goes, how near the paths stay, where the law holds, whether bad gradients train, and costs."""
    cases = paths_of(tables)
    yield from of_training(cases)
    yield from of_nearest(cases)
    yield from of_law(cases)
    yield from of_bad(cases)
    yield from of_costs(tables[Costs])
    yield from of_ended(tables[Ended])


Cases = Mapping[str, Sequence[Path]]


def numerical(paths: Iterable[Path]) -> list[Path]:
    """The paths of formulas."""
    return [path for path in paths if path.method != BACKPROP]


def complete(cases: Cases, case: str) -> list[Path]:
    """The numerical paths of a case that have as many steps as backprop's, none cut short."""
    return [path for path in numerical(cases[case]) if not path.ended and math.isfinite(path["distance"][-1])]


def displayed(paths: Sequence[Path]) -> list[Path]:
    """The numerical paths in float64, or else in the other precision."""
    found = numerical(paths)
    return [path for path in found if path.precision == "float64"] or found


def highest(cases: Cases) -> str:
    """The formula of the highest order."""
    methods = dict.fromkeys(path.method for paths in cases.values() for path in numerical(paths))
    return max(methods, key=lambda name: dk.formula(name).order)


def settled(path: Path) -> float:
    """The median loss of the last tenth of the steps: at a large rate the loss of the last one alone is chance."""
    return float(np.median(path["loss"][-max(1, len(path["loss"]) // 10) :]))


def gain(paths: Sequence[Path]) -> float:
    """By what backprop's loss falls from the start to its last steps."""
    return float(paths[0]["loss"][0]) - settled(paths[0])


def deviation(path: Path, reference: Path) -> float:
    """The mean difference of the losses over the steps that both have."""
    steps = min(len(path["loss"]), len(reference["loss"]))
    return float(np.mean(np.abs(path["loss"][:steps] - reference["loss"][:steps])))


def straying(cases: Cases) -> list[str]:
    """The ways whose losses are farthest from backprop's in some case, in the order of the configuration."""
    worst: dict[str, float] = {}
    for paths in cases.values():
        for path in displayed(paths):
            if len(path["loss"]) > 1:
                stray = deviation(path, paths[0]) / (abs(gain(paths)) or 1.0)
                worst[path.way] = max(worst.get(path.way, 0.0), stray)
    chosen = sorted(worst, key=lambda way: -worst[way])[:LINES]
    return [way for way in worst if way in chosen]


# What the figures show


def losses(cases: Cases, strays: Sequence[str]) -> Iterator[Losses]:
    """The losses of backprop and of the ways that stray."""
    for case, paths in cases.items():
        for path in (paths[0], *(one for one in displayed(paths) if one.way in strays)):
            yield Losses(case=case, way=path.way, step=path["step"], loss=path["loss"])


def growth(cases: Cases, method: str) -> Iterator[Growth]:
    """The distances of a formula with every delta."""
    for case, paths in cases.items():
        for path in displayed(paths):
            if path.method == method and len(path["step"]) > 1:
                way = f"delta {said(path.delta)}"
                yield Growth(case=case, method=method, way=way, step=path["step"], distance=path["distance"])


def example(paths: Sequence[Path], method: str) -> Path | None:
    """The path of a formula with the delta nearest to a textbook's."""
    of_method = [path for path in displayed(paths) if path.method == method and len(path["step"]) > 1]
    return min(of_method, key=lambda path: abs(math.log(path.delta / TEXTBOOK_DELTA)), default=None)


def laws(cases: Cases, method: str) -> Iterator[Law]:
    """The distance of an example beside two laws."""
    for case, paths in cases.items():
        path = example(paths, method)
        if path is not None:
            for curve, name in ((OBSERVED, "distance"), (LAW, "predicted"), (SUM, "accumulated")):
                yield Law(case=case, way=path.way, curve=curve, step=path["step"], distance=path[name])


def price(cases: Cases, method: str) -> Iterator[Price]:
    """The losses over the work: of backprop, and of the formula's path with the delta nearest to a textbook's."""
    for case, paths in cases.items():
        priced = [(BACKPROP, paths[0], "passes")]
        path = example(paths, method)
        if path is not None:
            priced += [
                (f"{method}, incremental", path, "passes"),
                (f"{method}, a textbook's loop", path, "evaluations"),
            ]
        for way, one, work in priced:
            yield Price(case=case, way=way, passes=one[work], loss=one["loss"])


def costs_of(cases: Cases) -> Iterator[Costs]:
    """What a step costs by each method, of all its deltas."""
    for case, paths in cases.items():
        made = [path for path in paths if len(path["step"]) > 1]
        basis = {path.precision: path for path in reversed(made) if path.method == BACKPROP}
        for precision, method in dict.fromkeys((path.precision, path.method) for path in made):
            if precision not in basis:
                continue
            alike, of_method = basis[precision], [p for p in made if (p.precision, p.method) == (precision, method)]
            steps = sum(path["step"][-1] for path in of_method)
            evaluations = sum(path["evaluations"][-1] for path in of_method) / steps
            passes = sum(path["passes"][-1] for path in of_method) / steps
            one = alike["passes"][-1] / alike["step"][-1]
            seconds = float(np.median([path.seconds for path in of_method]))
            yield Costs(
                case=case, network=alike.network, precision=precision, method=method, evaluations=evaluations,
                passes=passes, work_ratio=passes / one, textbook_ratio=evaluations / one, seconds=seconds,
                time_ratio=seconds / alike.seconds,
            )  # fmt: skip


def summary(case: str, path: Path) -> Summary:
    """Where a path ends."""
    error = path["error"][np.isfinite(path["error"])]
    ends = {name: path[name][-1] for name in ("loss", "accuracy", "distance", "predicted", "accumulated")}
    return Summary(
        case=case, precision=path.precision, way=path.way, steps=path["step"][-1], **ends,
        error=np.median(error) if error.size else math.nan, worst=np.max(error) if error.size else math.nan,
    )  # fmt: skip


# In words


def of_losses(cases: Cases, strays: Sequence[str]) -> str:
    """Which ways are farthest from the loss of backprop."""
    others = {path.way for paths in cases.values() for path in displayed(paths)} - set(strays)
    shown = f"Drawn are backprop and the {len(strays)} ways whose losses are farthest from its loss in some panel"
    left = f"; the other {len(others)} lie closer to it." if others else ", which are all there are."
    worst = []
    for case in cases:
        whole = complete(cases, case)
        if whole:
            path = max(whole, key=lambda path: abs(path["loss"][-1] - cases[case][0]["loss"][-1]))
            ends = f"{path['loss'][-1]:.4g} instead of {cases[case][0]['loss'][-1]:.4g}"
            worst.append(f"{case}: {path.named} ends at {ends}")
    return f"{shown}{left} Farthest at the end: {'; '.join(worst)}." if worst else f"{shown}{left}"


def of_growth(cases: Cases, method: str) -> str:
    """From where to where the distances end."""
    told = []
    for case, paths in cases.items():
        own = [path for path in complete(cases, case) if path.method == method and path in displayed(paths)]
        if own:
            own.sort(key=lambda path: float(path["distance"][-1]))
            near, far = own[0], own[-1]
            told.append(
                f"{case}: from {near['distance'][-1]:.1e} (delta {said(near.delta)}) to {far['distance'][-1]:.1e}"
                f" (delta {said(far.delta)})"
            )
    ends = f" After the last step: {'; '.join(told)}." if told else ""
    return f"{method}, in parts of the size of backprop's parameters.{ends}"


def of_laws(cases: Cases, method: str) -> str:
    """What the two laws say, and by how much the distance grows beyond the sum."""
    told = [f"{case}: {stretch_text(cases[case])}" for case in cases if stretch(cases[case])]
    shown = next((path for path in (example(cases[case], method) for case in cases) if path), None)
    name = f"{shown.way}. " if shown else ""
    return (
        f"{name}Every step adds the rate times the error of its gradient to what parts the paths, and stretches or"
        " shrinks what is there already by the curvature of the loss: that is the law of first order. The sum of the"
        " errors alone leaves the curvature out: it bounds the distance as long as steps bring neighbouring paths"
        f" together. Where learning drives them apart, the distance grows beyond it. {'; '.join(told)}."
    )


def stretch(paths: Sequence[Path]) -> tuple[float, Path] | None:
    """The largest ratio of the distance to the sum of the errors, with its path."""
    ratios = []
    for path in displayed(paths):
        there = (path["accumulated"] > 0.0) & np.isfinite(path["distance"])
        if np.any(there):
            ratios.append((float(np.max(path["distance"][there] / path["accumulated"][there])), path))
    return max(ratios, key=lambda pair: pair[0], default=None)


def stretch_text(paths: Sequence[Path]) -> str:
    """The same in words."""
    found = stretch(paths)
    if found is None:
        return "no step was made"
    ratio, path = found
    if ratio <= 1.0 + NEAR:
        return f"the distance is at most {ratio:.2f} times the sum in all ways"
    return f"the distance grows to {ratio:.3g} times the sum ({path.way})"


def of_ends(cases: Cases) -> str:
    """Which delta ends closest."""
    told, alike = [], 0
    for case in cases:
        whole = complete(cases, case)
        for precision in dict.fromkeys(path.precision for path in whole):
            own = [path for path in whole if path.precision == precision]
            near = min(own, key=lambda path: float(path["distance"][-1]))
            exact = min(own, key=lambda path: median(path["error"]))
            alike += near is exact
            told.append(f"{case}, {precision}: {near.way}, {near['distance'][-1]:.1e}")
    if not told:
        return "No way made all steps."
    return (
        "A large delta errs by truncation, a small one by rounding. The way whose gradient errs least, at the median of"
        f" its steps, is also the one that ends closest to backprop in {alike} of {len(told)} cases. The closest are:"
        f" {'; '.join(told)}."
    )


def of_price(costs: Frame) -> str:
    """What a loss costs."""
    return (
        "A forward pass is the unit, in multiplications with additions. A textbook's loop makes one forward pass for"
        " every moved parameter; the incremental way computes only what a moved parameter changes."
        f" {' '.join(of_costs(costs))}"
    )


def of_training(cases: Cases) -> Iterator[str]:
    """How backprop trains."""
    for case, paths in cases.items():
        loss, accuracy, steps = (paths[0][name] for name in ("loss", "accuracy", "step"))
        if paths[0].ended:
            yield (
                f"{case}: the path of backprop ends after step {steps[-1]}, as its next loss is no finite number; a"
                f" smaller rate may help. Until there its loss goes from {loss[0]:.4g} to {loss[-1]:.4g}."
            )
            continue
        verb = "brings" if loss[-1] < loss[0] else "does not train: it takes"
        yield (
            f"{case}: backprop {verb} the loss from {loss[0]:.4g} to {loss[-1]:.4g} in {steps[-1]} steps, and the"
            f" share of right answers on the samples held aside from {percent(accuracy[0])} to"
            f" {percent(accuracy[-1])}."
        )


def of_nearest(cases: Cases) -> Iterator[str]:
    """How near the closest path stays, and how many part."""
    for case in cases:
        whole = complete(cases, case)
        if not whole:
            continue
        best = min(whole, key=lambda path: path["distance"][-1])
        apart = [path for path in whole if path["distance"][-1] > APART]
        exact = abs(best["loss"][-1] - cases[case][0]["loss"][-1])
        yield (
            f"{case}: the closest to backprop's path is {best.named}: after {best['step'][-1]} steps the parameters"
            f" differ by {best['distance'][-1]:.1e} of their size, the loss by {exact:.1e}. {len(apart)} of"
            f" {len(whole)} paths end farther than {percent(APART)} from it."
        )


def of_law(cases: Cases) -> Iterator[str]:
    """Where the law of first order holds, and what is at hand where it does not."""
    for case in cases:
        counts = [law_counts(path) for path in numerical(cases[case])]
        total, held, kinked, far = (sum(column) for column in zip(*counts, strict=True))
        if not total:
            continue
        reasons = (
            (kinked, "after some unit was open for a sample on one path and shut on the other"),
            (far, f"{'without that, ' if kinked else ''}where the paths are more than {percent(APART)} apart"),
            (total - held - kinked - far, "elsewhere"),
        )
        missed = "; ".join(f"{count} {where}" for count, where in reasons if count)
        yield (
            f"{case}: the law of first order tells the distance to within {percent(NEAR)} at {held} of {total} steps"
            f" of all ways{f', and misses it at {missed}' if missed else ''}."
        )


def law_counts(path: Path) -> list[int]:
    """Of the steps of a path: all, those where the law of first order holds, and those where it does not hold after a
    crossing of a kink, and without one where the paths are far apart.
    """
    there = (path["step"] > 0) & np.isfinite(path["distance"])
    held = there & (np.abs(path["predicted"] - path["distance"]) <= NEAR * path["distance"])
    kinked = there & ~held & (np.maximum.accumulate(path["crossed"]) > 0)
    far = there & ~held & ~kinked & (path["distance"] > APART)
    return [int(np.count_nonzero(rows)) for rows in (there, held, kinked, far)]


def of_bad(cases: Cases) -> Iterator[str]:
    """Whether a bad gradient still trains."""
    for case, paths in cases.items():
        fall, end = gain(paths), settled(paths[0])
        whole = complete(cases, case)
        if fall <= 0.0 or not whole:
            continue
        good = [path for path in whole if settled(path) <= end + TRAINED * fall]
        yield (
            f"{case}: {len(good)} of {len(whole)} paths that are not cut short train: in the last tenth of the steps"
            f" their median loss is at most {percent(TRAINED)} of what backprop gained above its own, {end:.4g}."
        )
        if good:
            bad = max(good, key=lambda path: median(path["error"]))
            yield (
                f"{case}: the worst gradient that trains is that of {bad.named}: it errs by"
                f" {percent(median(bad['error']))} at half of the steps or more, and gets to {settled(bad):.4g}."
            )
        failed = [path for path in whole if path not in good]
        if failed:
            named = "; ".join(f"{path.named}: {settled(path):.3g}{still_text(path)}" for path in failed)
            yield f"{case}: the others get to these losses: {named}."


def still_text(path: Path) -> str:
    """Since when the gradient of a path is 0, if it is so at its last two steps: its relative error is 1 to the bit."""
    moving = np.flatnonzero(path["error"][:-1] != 1.0)
    since = int(moving[-1]) + 1 if moving.size else 0
    return f" (from step {since} on its gradient is 0)" if since < len(path["error"]) - 2 else ""


def median(error: NDArray[Any]) -> float:
    """The median of the errors that are known."""
    seen = error[np.isfinite(error)]
    return float(np.median(seen)) if seen.size else math.nan


def of_costs(costs: Frame) -> Iterator[str]:
    """What a step costs by each formula, of one case of every network, in one precision."""
    formulas = costs[costs["method"] != BACKPROP]
    for _, rows in formulas.groupby("network", sort=False):
        case, precision = rows[["case", "precision"]].iloc[0]
        alike = rows[(rows["case"] == case) & (rows["precision"] == precision)]
        told = [
            f"{cost.method} asks for {cost.evaluations:.4g} forward passes of a batch, {cost.textbook_ratio:.3g} times"
            f" the work of backprop; made incrementally it is {cost.work_ratio:.3g} times that work, and took"
            f" {cost.time_ratio:.2g} times as long"
            for cost in alike.itertuples()
        ]
        yield f"{case}, {precision}: a step of {'. One of '.join(told)}."


def of_ended(ended: Frame) -> Iterator[str]:
    """The paths that end before their time: of each cause and precision, with the first reason in full."""
    for (cause, precision), rows in ended.groupby(["cause", "precision"], sort=False):
        first = rows.iloc[0]
        count = "1 path ends before its time" if len(rows) == 1 else f"{len(rows)} paths end before their time"
        yield (
            f"{precision}, {cause}: {count} ({'; '.join(rows['way'].unique())}). The first, {first['way']} of"
            f" {first['network']}, at step {first['step']}: {first['reason']}."
        )
