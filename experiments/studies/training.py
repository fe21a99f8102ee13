"""A small network trained by backprop and by numerical gradients side by side: is it the same path, and what did each
step cost? How far the paths part, beside what theory says of it, and whether a bad gradient still trains.

All start from the same parameters and see the same batches in the same order; only the gradient differs.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from derivkit.multivariate.network import LOSSES, NotFiniteError
from derivkit.numerical.difference import steps_vanish
from experiments.words import percent

Columns = Mapping[str, Any]
Floats = NDArray[np.float64]
Array = NDArray[np.floating[Any]]

SETTING: dict[str, tuple[type, str]] = {
    "network": (str, "name of the network"),
    "data": (str, "where samples come from"),
    "rate": (float, "learning rate: a step goes by the rate times the gradient"),
    "samples": (int, "samples that are learned from"),
    "batch": (int, "samples of a step"),
    "seed": (int, "of the start, the samples and the batches"),
}
WAY: dict[str, tuple[type, str]] = {
    "precision": (str, "float64 or float32, of the parameters, the samples and the gradient"),
    "way": (str, "how the gradient comes about: backprop, or a formula with its delta"),
}
CASE: tuple[type, str] = (str, "the network, with those settings that differ within the run")
STEP: tuple[type, str] = (int, "steps made; 0 is the start")
LOSS: tuple[type, str] = (float, "mean loss of all samples that are learned from, computed in float64")
DISTANCE: tuple[type, str] = (
    float,
    "|parameters - those of float64 backprop after as many steps| / |the latter|, 2-norms; none where that path ended",
)

TABLES: dict[str, dict[str, tuple[type, str]]] = {
    "table": {
        **SETTING,
        **WAY,
        "method": (str, "backprop, or the difference formula"),
        "delta": (float, "the step of the formula; none of backprop"),
        "step": STEP,
        "loss": LOSS,
        "accuracy": (float, "share of the samples held aside whose label has the largest output"),
        "distance": DISTANCE,
        "predicted": (float, "the distance by the law of first order, from the errors of the steps made"),
        "accumulated": (float, "the rate times the sum of the 2-norms of these errors, over the same |parameters|"),
        "crossed": (
            int,
            "pairs of a unit with a kink and a sample that lie on other sides of the kink than on backprop's path",
        ),
        "error": (
            float,
            "|gradient - float64 backprop at the same place| / |the latter|; none after the last step, as none is made",
        ),
        "evaluations": (int, "losses of a batch that were asked for until here: a textbook's forward passes"),
        "passes": (
            float,
            "multiplications with additions that these gradients were made with, in those of a forward pass of a batch",
        ),
    },
    "times": {
        **SETTING,
        **WAY,
        "method": (str, "backprop, or the difference formula"),
        "seconds": (float, "median time of a gradient"),
    },
    "ended": {
        **SETTING,
        **WAY,
        "step": (int, "steps made when the path ended before its time"),
        "cause": (str, "in two or three words"),
        "reason": (str, "in a sentence"),
    },
    "losses": {
        "case": CASE,
        "way": (str, "backprop, and those whose loss is farthest from its loss"),
        "step": STEP,
        "loss": LOSS,
    },
    "growth": {
        "case": CASE,
        "method": (str, "the difference formula of the highest order"),
        "way": (str, "its delta"),
        "step": STEP,
        "distance": DISTANCE,
    },
    "law": {
        "case": CASE,
        "way": (str, "the formula of the highest order, with the delta nearest to a textbook's"),
        "curve": (str, "measured, or one of the two laws"),
        "step": STEP,
        "distance": (float, "from backprop's path, over the norm of backprop's parameters"),
    },
    "ends": {
        "case": CASE,
        "way": (str, "difference formula and precision"),
        "delta": (float, "the step"),
        "distance": (float, "after the last step; no row where the path ended before it"),
    },
    "price": {
        "case": CASE,
        "way": (str, "how the gradient comes about, and how its losses are computed"),
        "passes": (float, "multiplications with additions until here, in forward passes of a batch"),
        "loss": LOSS,
    },
    "costs": {
        "case": CASE,
        "network": SETTING["network"],
        "precision": WAY["precision"],
        "method": (str, "backprop, or the difference formula"),
        "evaluations": (float, "losses of a batch that a step asks for: a textbook's forward passes"),
        "passes": (float, "multiplications with additions of a step as made here, in forward passes of a batch"),
        "work_ratio": (float, "those of a step over backprop's"),
        "textbook_ratio": (float, "those of the textbook's forward passes over backprop's"),
        "seconds": (float, "median time of a gradient, of all deltas"),
        "time_ratio": (float, "that time over backprop's in the same precision, or in float64"),
    },
    "summary": {
        "case": CASE,
        **WAY,
        "steps": (int, "steps made"),
        "loss": (float, "at the end"),
        "accuracy": (float, "at the end, on the samples held aside"),
        "error": (float, "median relative error of the gradient"),
        "worst": (float, "largest relative error of the gradient"),
        "distance": (float, "from backprop's path at the end"),
        "predicted": (float, "by the law of first order"),
        "accumulated": (float, "by the sum of the errors alone"),
    },
    "lesson": {
        "figure": (str, "the figure that follows"),
        "title": (str, "its heading"),
        "text": (str, "what it shows"),
    },
    "findings": {"finding": (str, "what the tables say, in a sentence")},
}

MEASURED = {
    "times": ("seconds",),
    "costs": ("seconds", "time_ratio"),
    "lesson": ("text",),
    "findings": ("finding",),
}
"""What a clock measured, or words that tell it: no part of what must come out again."""
KEYS = (*SETTING, *WAY, "step")
"""What tells the rows of the table apart when runs are compared."""

PRECISIONS: Mapping[str, type[np.floating[Any]]] = {"float64": np.float64, "float32": np.float32}
BACKPROP = "backprop"
VANISHED, NOT_FINITE = "delta vanished", "loss not finite"
"""Why a path ends before its time."""
PROBE = 1e-10
"""Length of the shift that the curvature is probed with, as a part of the parameters; see `curved`."""
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
        for name in ("network", "method", "delta", "precision", "rate"):
            if not getattr(self, name):
                raise ValueError(f"{name}=[]: at least one is needed")
        for name in self.precision:
            if name not in PRECISIONS:
                raise ValueError(f"precision={name}: there are {', '.join(PRECISIONS)}")
        for rate in self.rate:
            if not (math.isfinite(rate) and rate > 0.0):
                raise ValueError(f"rate={rate:g}: a learning rate is greater than 0; write one such as rate=0.1")
        self._refuse_counts()
        for name, values in (("delta", [said(delta) for delta in self.delta]), ("rate", self.rate)):
            if len(set(values)) < len(values):
                raise ValueError(f"{name}={list(getattr(self, name))}: one of them is there twice")
        for network in self.network:
            _refuse(self, network)

    def _refuse_counts(self) -> None:
        for name in ("steps", "samples", "held_out", "batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: must be at least 1")
        if self.batch > self.samples:
            raise ValueError(
                f"batch={self.batch}: there are {self.samples} samples to take it from; write at most"
                f" batch={self.samples}, or more samples"
            )
        if self.seed < 0:
            raise ValueError(f"seed={self.seed}: must not be negative")

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


def run(config: Config) -> Iterator[tuple[str, Columns]]:
    """Yield the path of one way at a time, with its time and, where it ends before its time, the reason."""
    for network, rate in itertools.product(config.network, config.rate):
        course = _course(config, network, rate)
        for way in ways(config):
            yield from _walked(course, way)


# Before the start


def _refuse(config: Config, network: dk.Network) -> None:
    if network.l1:
        raise ValueError(
            f"network {network.name}: the penalty l1={network.l1:g} has kinks of its own, which this study does"
            " not count; take l2"
        )
    samples, _, _ = _drawn(config, network)
    start = _start(config, network)
    network.loss(start, samples)
    for method, delta in itertools.product(config.method, config.delta):
        vanished = [_vanished(start.astype(PRECISIONS[name]), method, delta) for name in config.precision]
        if all(np.any(one) for one in vanished):
            place = int(np.argmax(vanished[0]))
            raise ValueError(
                f"delta={said(delta)} vanishes against the parameter {network.name_of(place)} = {start[place]:g} of"
                f" the network {network.name} in {' and in '.join(config.precision)}; write a larger one"
            )


def _vanished(parameters: Any, method: str, delta: float) -> NDArray[np.bool_]:
    return np.asarray(steps_vanish(dk.formula(method), parameters, np.asarray(delta, parameters.dtype)))


def _start(config: Config, network: dk.Network) -> Floats:
    """The parameters of the start, which float32 holds too: ways of both precisions begin at the same numbers."""
    return network.initial(seed=config.seed, dtype=np.float32).astype(np.float64)


def _drawn(config: Config, network: dk.Network) -> tuple[dk.Samples, dk.Samples, NDArray[Any]]:
    """The samples to learn from, those held aside, and the labels of the latter; float32 holds them too."""
    inputs, classes = network.sizes[0], network.sizes[-1]
    count = config.samples + config.held_out
    drawn = config.data.draw(count, inputs=inputs, classes=classes, seed=config.seed)
    fit = drawn if LOSSES[network.objective].labelled else drawn.one_hot(classes)
    fit = fit.astype(np.float32).astype(np.float64)
    aside = slice(config.samples, None)
    return fit.take(slice(config.samples)), fit.take(aside), drawn.targets[aside]


# A path


@dataclass(frozen=True, eq=False, kw_only=True)
class Course:
    """What all ways have in common: a network, its samples and batches, and the path of backprop in float64."""

    config: Config
    network: dk.Network
    rate: float
    start: Floats
    samples: dk.Samples
    aside: dk.Samples
    labels: NDArray[Any]
    choices: NDArray[np.intp]
    """The samples of every step; shape ``(steps, batch)``."""
    reference: list[Floats] = field(default_factory=list)
    """The parameters of backprop in float64 after every step, as far as its loss is finite."""

    def batch(self, step: int) -> dk.Samples:
        """The samples of a step."""
        return self.samples if self.config.batch == len(self.samples) else self.samples.take(self.choices[step])

    @property
    def setting(self) -> dict[str, Any]:
        """The columns that say which course it is."""
        config = self.config
        values = self.network.name, config.data.name, self.rate, config.samples, config.batch, config.seed
        return dict(zip(SETTING, values, strict=True))


def _course(config: Config, network: dk.Network, rate: float) -> Course:
    samples, aside, labels = _drawn(config, network)
    random = np.random.default_rng(config.seed)
    choices = np.array([random.permutation(config.samples)[: config.batch] for _ in range(config.steps)])
    start = _start(config, network)
    course = Course(
        config=config,
        network=network,
        rate=rate,
        start=start,
        samples=samples,
        aside=aside,
        labels=labels,
        choices=choices,
    )
    course.reference.extend(_backprop_path(course))
    return course


def _backprop_path(course: Course) -> Iterator[Floats]:
    parameters = course.start
    try:
        for step in range(course.config.steps):
            yield parameters
            with np.errstate(all="ignore"):
                parameters = parameters - course.rate * course.network.backprop(parameters, course.batch(step))
            course.network.loss(parameters, course.samples)
        yield parameters
    except NotFiniteError:
        return


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
        return Found(network.backprop(parameters, batch), 1, len(batch) * backprop_multiply_adds(network))
    found = dk.brute_force(network, parameters, batch, delta=way.delta, formula=way.method)
    cause = VANISHED if np.any(found.vanished) else NOT_FINITE
    message = "" if np.all(np.isfinite(found.gradient)) else found.message
    return Found(found.gradient, found.evaluations, found.multiply_adds, message, cause)


def backprop_multiply_adds(network: dk.Network) -> int:
    """Multiplications with additions of a gradient of one sample by backprop.

    Those of the forward pass; as many again, as every parameter's slope is a product; and one for every weight of all
    layers but the first, through which the slopes go back.
    """
    back = sum(before * units for before, units in itertools.pairwise(network.sizes[1:]))
    return 2 * network.multiply_adds + back


class EndedError(Exception):
    """A path that ends before its time: the cause in a few words, and the reason in a sentence."""

    def __init__(self, cause: str, reason: str) -> None:
        super().__init__(reason)
        self.cause = cause


def _walked(course: Course, way: Way) -> Iterator[tuple[str, Columns]]:
    rows: list[dict[str, float]] = []
    which = {**course.setting, "precision": way.precision, "way": way.name}
    try:
        with np.errstate(all="ignore"):
            _walk(course, way, rows)
    except (EndedError, NotFiniteError) as error:
        cause = error.cause if isinstance(error, EndedError) else NOT_FINITE
        yield "ended", {**which, "step": np.array([len(rows) - 1]), "cause": cause, "reason": str(error)}
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    seconds = columns.pop("seconds")
    step = np.arange(len(rows))
    yield "table", {**which, "method": way.method, "delta": way.delta, "step": step, **columns}
    if np.any(np.isfinite(seconds)):
        yield "times", {**which, "method": way.method, "seconds": np.array([float(np.nanmedian(seconds))])}


def _walk(course: Course, way: Way, rows: list[dict[str, float]]) -> None:
    r"""Make all steps of a way, and append a row for the start and after every step.

    The step really taken, the rounding of the new parameters included, is the rate times a gradient that errs by
    :math:`e_k`. With :math:`d_k` the way from the parameters of backprop to these and H the Hessian of the batch's
    loss, :math:`d_{k+1} = d_k - r\,(g(\theta_k + d_k) - g(\theta_k)) - r e_k = (I - r H) d_k - r e_k + O(d_k^2)`.
    """
    network, kind = course.network, PRECISIONS[way.precision]
    parameters: Array = course.start.astype(kind)
    law, total, evaluations, passes = np.zeros(network.count), 0.0, 0, 0.0
    for step in range(course.config.steps + 1):
        at = parameters.astype(np.float64)
        row = _state(course, at, step, law, total)
        row |= {"error": math.nan, "evaluations": evaluations, "passes": passes, "seconds": math.nan}
        rows.append(row)
        if step == course.config.steps:
            return
        batch = course.batch(step)
        own = batch.astype(kind)
        begun = time.perf_counter()
        found = gradient(way, network, parameters, own)
        row["seconds"] = time.perf_counter() - begun
        if found.message:
            raise EndedError(found.cause, found.message)
        exact = network.backprop(at, batch)
        row["error"] = _ratio(found.gradient - exact, exact)
        parameters = parameters - kind(course.rate) * found.gradient
        wrong = (at - parameters.astype(np.float64)) / course.rate - exact
        if step < len(course.reference):
            law = law - course.rate * (curved(network, course.reference[step], batch, law) + wrong)
        total += course.rate * float(np.linalg.norm(wrong))
        evaluations += found.evaluations
        passes += found.multiply_adds / (len(batch) * network.multiply_adds)


def _state(course: Course, at: Floats, step: int, law: Floats, total: float) -> dict[str, float]:
    """How good the parameters are, and how far from those of backprop after as many steps."""
    network = course.network
    loss = network.loss(at, course.samples)
    right = np.argmax(network.forward(at, course.aside)[-1].a, axis=0) == course.labels
    state = {"loss": loss, "accuracy": float(np.mean(right))}
    if step >= len(course.reference):
        return {**state, "distance": math.nan, "predicted": math.nan, "accumulated": math.nan, "crossed": 0}
    there = course.reference[step]
    size = float(np.linalg.norm(there))
    return {
        **state,
        "distance": float(np.linalg.norm(at - there)) / size,
        "predicted": float(np.linalg.norm(law)) / size,
        "accumulated": total / size,
        "crossed": _crossed(network, at, there, course.samples),
    }


def curved(network: dk.Network, at: Floats, batch: dk.Samples, direction: Floats) -> Floats:
    """The Hessian of a batch's loss times a direction, by a central difference of backprop.

    The shift is so small that hardly ever a kink lies within it: a gradient that jumps by J would be taken for a
    curvature of J over the shift. Rounding errs by eps / PROBE, some 1e-6 of the gradient, and truncation by far less.
    """
    length = float(np.linalg.norm(direction))
    if length == 0.0 or not math.isfinite(length):
        return direction
    shift = direction * (PROBE * float(np.linalg.norm(at)) / length)
    ends = [network.backprop(at + sign * shift, batch) for sign in (1.0, -1.0)]
    return np.asarray((ends[0] - ends[1]) * (length / (2.0 * PROBE * float(np.linalg.norm(at)))))


def _crossed(network: dk.Network, one: Floats, other: Floats, samples: dk.Samples) -> int:
    """Pairs of a unit and a sample that lie on different sides of a kink at two places."""
    if not any(row.kinked for row in network.rows):
        return 0
    layers = [network.forward(at, samples) for at in (one, other)]
    return sum(
        int(np.count_nonzero((here.z > 0.0) != (there.z > 0.0)))
        for here, there, row in zip(*layers, network.rows, strict=True)
        if row.kinked
    )


def _ratio(error: Array, exact: Array) -> float:
    size = float(np.linalg.norm(exact))
    return float(np.linalg.norm(error)) / size if size else math.nan


def said(delta: float) -> str:
    """A delta as it is written in a configuration: 1e-5."""
    return np.format_float_scientific(delta, precision=5, trim="-", exp_digits=1) if delta < 0.01 else f"{delta:g}"


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


def paths_of(tables: Mapping[str, Columns]) -> dict[str, list[Path]]:
    """The paths of every case, the one of backprop in float64 first; a path that several jobs made is there once."""
    table = tables["table"]
    keys = (*SETTING, *WAY)
    seconds, ended = ({key: rows[0] for key, rows in _rows(tables.get(name, {}), keys)} for name in ("times", "ended"))
    differ = [name for name in SETTING if name != "network" and len(set(np.asarray(table[name]).tolist())) > 1]
    found: dict[str, list[Path]] = {}
    for key, rows in _rows(table, keys):
        setting = dict(zip(keys, key, strict=True))
        case = ", ".join([setting["network"], *(_setting_said(name, setting[name]) for name in differ)])
        _, first = np.unique(np.asarray(table["step"])[rows], return_index=True)
        own = rows[first]
        path = Path(
            case=case,
            network=setting["network"],
            precision=setting["precision"],
            way=setting["way"],
            method=str(table["method"][own[0]]),
            delta=float(table["delta"][own[0]]),
            columns={name: np.asarray(table[name])[own] for name in TABLES["table"] if name not in keys},
            seconds=float(tables["times"]["seconds"][seconds[key]]) if key in seconds else math.nan,
            ended=key in ended,
        )
        found.setdefault(case, []).append(path)
    return found


def _setting_said(name: str, value: Any) -> str:
    return f"{name} {value}" if isinstance(value, str) else f"{name} {value:g}"


def _rows(columns: Columns, keys: Sequence[str]) -> Iterator[tuple[tuple[Any, ...], NDArray[np.intp]]]:
    """The rows of every distinct key, keys in the order of first appearance."""
    if not columns:
        return
    found: dict[tuple[Any, ...], list[int]] = {}
    for place, key in enumerate(zip(*(columns[name] for name in keys), strict=True)):
        found.setdefault(key, []).append(place)
    for key, rows in found.items():
        yield key, np.array(rows)


def conclude(tables: Mapping[str, Columns]) -> Iterator[tuple[str, Columns]]:
    """Yield what the figures show, what a step costs, the summary, the lesson and what was found."""
    cases = paths_of(tables)
    method = _highest(cases)
    strays = _straying(cases)
    costs = list(_costs(cases))
    yield from _filled("losses", _losses(cases, strays))
    yield from _filled("growth", _growth(cases, method))
    yield from _filled("law", _laws(cases, method))
    yield from _filled("ends", _ends(cases))
    yield from _filled("price", _price(cases, method))
    yield from _filled("costs", costs)
    yield from _filled("summary", _summary(cases))
    lesson = [
        ("losses", "The loss of every way", _tell_losses(cases, strays)),
        ("growth", "How far the parameters stray from backprop's path", _tell_growth(cases, method)),
        ("law", "The distance beside two laws", _tell_laws(cases, method)),
        ("ends", "The distance at the end, over delta", _tell_ends(cases)),
        ("price", "What the loss costs", _tell_price(costs)),
    ]
    yield from _filled("lesson", lesson)
    findings = [
        *_found_trained(cases),
        *_found_same(cases),
        *_found_law(cases),
        *_found_bad(cases),
        *_found_costs(costs),
        *_found_ended(tables.get("ended", {})),
    ]
    yield "findings", {"finding": findings}


Cases = Mapping[str, Sequence[Path]]


def _numerical(paths: Iterable[Path]) -> list[Path]:
    return [path for path in paths if path.method != BACKPROP]


def _whole(cases: Cases, case: str) -> list[Path]:
    """The numerical paths of a case that have as many steps as backprop's, none cut short."""
    return [path for path in _numerical(cases[case]) if not path.ended and math.isfinite(path["distance"][-1])]


def _shown(paths: Sequence[Path]) -> list[Path]:
    """The numerical paths in float64, or else in the other precision."""
    found = _numerical(paths)
    return [path for path in found if path.precision == "float64"] or found


def _highest(cases: Cases) -> str:
    """The formula of the highest order."""
    methods = dict.fromkeys(path.method for paths in cases.values() for path in _numerical(paths))
    return max(methods, key=lambda name: dk.formula(name).order)


def _settled(path: Path) -> float:
    """The median loss of the last tenth of the steps: at a large rate the loss of the last one alone is chance."""
    return float(np.median(path["loss"][-max(1, len(path["loss"]) // 10) :]))


def _fall(paths: Sequence[Path]) -> float:
    """By what backprop's loss falls from the start to its last steps."""
    return float(paths[0]["loss"][0]) - _settled(paths[0])


def _stray(path: Path, reference: Path) -> float:
    """The mean difference of the losses over the steps that both have."""
    steps = min(len(path["loss"]), len(reference["loss"]))
    return float(np.mean(np.abs(path["loss"][:steps] - reference["loss"][:steps])))


def _straying(cases: Cases) -> list[str]:
    """The ways whose losses are farthest from backprop's in some case, in the order of the configuration."""
    worst: dict[str, float] = {}
    for paths in cases.values():
        for path in _shown(paths):
            if len(path["loss"]) > 1:
                stray = _stray(path, paths[0]) / (abs(_fall(paths)) or 1.0)
                worst[path.way] = max(worst.get(path.way, 0.0), stray)
    chosen = sorted(worst, key=lambda way: -worst[way])[:LINES]
    return [way for way in worst if way in chosen]


# What the figures show

Rows = Iterator[tuple[object, ...]]


def _losses(cases: Cases, strays: Sequence[str]) -> Rows:
    for case, paths in cases.items():
        for path in (paths[0], *(one for one in _shown(paths) if one.way in strays)):
            for step, loss in zip(path["step"], path["loss"], strict=True):
                yield case, path.way, step, loss


def _growth(cases: Cases, method: str) -> Rows:
    for case, paths in cases.items():
        for path in _shown(paths):
            if path.method == method and len(path["step"]) > 1:
                for step, distance in zip(path["step"], path["distance"], strict=True):
                    yield case, method, f"delta {said(path.delta)}", step, distance


def _example(paths: Sequence[Path], method: str) -> Path | None:
    """The path of a formula with the delta nearest to a textbook's."""
    own = [path for path in _shown(paths) if path.method == method and len(path["step"]) > 1]
    return min(own, key=lambda path: abs(math.log(path.delta / TEXTBOOK_DELTA)), default=None)


def _laws(cases: Cases, method: str) -> Rows:
    for case, paths in cases.items():
        path = _example(paths, method)
        if path is not None:
            for curve, column in ((OBSERVED, "distance"), (LAW, "predicted"), (SUM, "accumulated")):
                for step, distance in zip(path["step"], path[column], strict=True):
                    yield case, path.way, curve, step, distance


def _ends(cases: Cases) -> Rows:
    for case in cases:
        for path in _whole(cases, case):
            yield case, f"{path.method}, {path.precision}", path.delta, path["distance"][-1]


def _price(cases: Cases, method: str) -> Rows:
    """The losses over the work: of backprop, and of the formula's path with the delta nearest to a textbook's."""
    for case, paths in cases.items():
        shown = [(BACKPROP, paths[0], "passes")]
        path = _example(paths, method)
        if path is not None:
            shown += [(f"{method}, incremental", path, "passes"), (f"{method}, a textbook's loop", path, "evaluations")]
        for way, one, work in shown:
            for cost, loss in zip(one[work], one["loss"], strict=True):
                yield case, way, cost, loss


class Cost(NamedTuple):
    """What a step costs: a row of the table of this name."""

    case: str
    network: str
    precision: str
    method: str
    evaluations: float
    passes: float
    work_ratio: float
    textbook_ratio: float
    seconds: float
    time_ratio: float


def _costs(cases: Cases) -> Iterator[Cost]:
    """What a step costs by each method, of all its deltas."""
    for case, paths in cases.items():
        made = [path for path in paths if len(path["step"]) > 1]
        basis = [path for path in made if path.method == BACKPROP]
        for precision, method in dict.fromkeys((path.precision, path.method) for path in made):
            own = [path for path in made if (path.precision, path.method) == (precision, method)]
            steps = sum(path["step"][-1] for path in own)
            evaluations, passes = (sum(path[name][-1] for path in own) / steps for name in ("evaluations", "passes"))
            alike = next((path for path in basis if path.precision == precision), None)
            if alike is None:
                continue
            one = alike["passes"][-1] / alike["step"][-1]
            seconds = float(np.median([path.seconds for path in own]))
            ratios = passes / one, evaluations / one
            yield Cost(
                case, alike.network, precision, method, evaluations, passes, *ratios, seconds, seconds / alike.seconds
            )


def _summary(cases: Cases) -> Rows:
    for case, paths in cases.items():
        for path in paths:
            error = path["error"][np.isfinite(path["error"])]
            errors = (float(np.median(error)), float(np.max(error))) if error.size else (math.nan, math.nan)
            ends = [path[name][-1] for name in ("distance", "predicted", "accumulated")]
            which = case, path.precision, path.way, path["step"][-1], path["loss"][-1], path["accuracy"][-1]
            yield *which, *errors, *ends


# In words


def _tell_losses(cases: Cases, strays: Sequence[str]) -> str:
    others = {path.way for paths in cases.values() for path in _shown(paths)} - set(strays)
    shown = f"Drawn are backprop and the {len(strays)} ways whose losses are farthest from its loss in some panel"
    left = f"; the other {len(others)} lie closer to it." if others else ", which are all there are."
    worst = []
    for case in cases:
        whole = _whole(cases, case)
        if whole:
            path = max(whole, key=lambda path: abs(path["loss"][-1] - cases[case][0]["loss"][-1]))
            ends = f"{path['loss'][-1]:.4g} instead of {cases[case][0]['loss'][-1]:.4g}"
            worst.append(f"{case}: {path.named} ends at {ends}")
    return f"{shown}{left} Farthest at the end: {'; '.join(worst)}." if worst else f"{shown}{left}"


def _tell_growth(cases: Cases, method: str) -> str:
    told = []
    for case, paths in cases.items():
        own = [path for path in _whole(cases, case) if path.method == method and path in _shown(paths)]
        if own:
            own.sort(key=lambda path: float(path["distance"][-1]))
            near, far = own[0], own[-1]
            told.append(
                f"{case}: from {near['distance'][-1]:.1e} (delta {said(near.delta)}) to {far['distance'][-1]:.1e}"
                f" (delta {said(far.delta)})"
            )
    ends = f" After the last step: {'; '.join(told)}." if told else ""
    return f"{method}, in parts of the size of backprop's parameters.{ends}"


def _tell_laws(cases: Cases, method: str) -> str:
    told = [f"{case}: {_stretch_said(cases[case])}" for case in cases if _stretch(cases[case])]
    shown = next((path for path in (_example(cases[case], method) for case in cases) if path), None)
    name = f"{shown.way}. " if shown else ""
    return (
        f"{name}Every step adds the rate times the error of its gradient to what parts the paths, and stretches or"
        " shrinks what is there already by the curvature of the loss: that is the law of first order. The sum of the"
        " errors alone leaves the curvature out: it bounds the distance as long as steps bring neighbouring paths"
        f" together. Where learning drives them apart, the distance grows beyond it. {'; '.join(told)}."
    )


def _stretch(paths: Sequence[Path]) -> tuple[float, Path] | None:
    """The largest ratio of the distance to the sum of the errors, with its path."""
    ratios = []
    for path in _shown(paths):
        there = (path["accumulated"] > 0.0) & np.isfinite(path["distance"])
        if np.any(there):
            ratios.append((float(np.max(path["distance"][there] / path["accumulated"][there])), path))
    return max(ratios, key=lambda pair: pair[0], default=None)


def _stretch_said(paths: Sequence[Path]) -> str:
    found = _stretch(paths)
    if found is None:
        return "no step was made"
    ratio, path = found
    if ratio <= 1.0 + NEAR:
        return f"the distance is at most {ratio:.2f} times the sum in all ways"
    return f"the distance grows to {ratio:.3g} times the sum ({path.way})"


def _tell_ends(cases: Cases) -> str:
    told, alike = [], 0
    for case in cases:
        whole = _whole(cases, case)
        for precision in dict.fromkeys(path.precision for path in whole):
            own = [path for path in whole if path.precision == precision]
            near = min(own, key=lambda path: float(path["distance"][-1]))
            exact = min(own, key=lambda path: _median(path["error"]))
            alike += near is exact
            told.append(f"{case}, {precision}: {near.way}, {near['distance'][-1]:.1e}")
    if not told:
        return "No way made all steps."
    return (
        "A large delta errs by truncation, a small one by rounding. The way whose gradient errs least, at the median of"
        f" its steps, is also the one that ends closest to backprop in {alike} of {len(told)} cases. The closest are:"
        f" {'; '.join(told)}."
    )


def _tell_price(costs: Sequence[Cost]) -> str:
    return (
        "A forward pass is the unit, in multiplications with additions. A textbook's loop makes one forward pass for"
        " every moved parameter; the incremental way computes only what a moved parameter changes."
        f" {' '.join(_found_costs(costs))}"
    )


def _found_trained(cases: Cases) -> Iterator[str]:
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


def _found_same(cases: Cases) -> Iterator[str]:
    for case in cases:
        whole = _whole(cases, case)
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


def _found_law(cases: Cases) -> Iterator[str]:
    """Where the law of first order holds, and what is at hand where it does not."""
    for case in cases:
        counts = [_law_counts(path) for path in _numerical(cases[case])]
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


def _law_counts(path: Path) -> list[int]:
    """Of the steps of a path: all, those where the law of first order holds, and those where it does not hold after a
    crossing of a kink, and without one where the paths are far apart.
    """
    there = (path["step"] > 0) & np.isfinite(path["distance"])
    held = there & (np.abs(path["predicted"] - path["distance"]) <= NEAR * path["distance"])
    kinked = there & ~held & (np.maximum.accumulate(path["crossed"]) > 0)
    far = there & ~held & ~kinked & (path["distance"] > APART)
    return [int(np.count_nonzero(rows)) for rows in (there, held, kinked, far)]


def _found_bad(cases: Cases) -> Iterator[str]:
    """Whether a bad gradient still trains."""
    for case, paths in cases.items():
        fall, end = _fall(paths), _settled(paths[0])
        whole = _whole(cases, case)
        if fall <= 0.0 or not whole:
            continue
        good = [path for path in whole if _settled(path) <= end + TRAINED * fall]
        yield (
            f"{case}: {len(good)} of {len(whole)} paths that are not cut short train: in the last tenth of the steps"
            f" their median loss is at most {percent(TRAINED)} of what backprop gained above its own, {end:.4g}."
        )
        if good:
            bad = max(good, key=lambda path: _median(path["error"]))
            yield (
                f"{case}: the worst gradient that trains is that of {bad.named}: it errs by"
                f" {percent(_median(bad['error']))} at half of the steps or more, and gets to {_settled(bad):.4g}."
            )
        failed = [path for path in whole if path not in good]
        if failed:
            named = "; ".join(f"{path.named}: {_settled(path):.3g}{_still_said(path)}" for path in failed)
            yield f"{case}: the others get to these losses: {named}."


def _still_said(path: Path) -> str:
    """Since when the gradient of a path is 0, if it is so at its last two steps: its relative error is 1 to the bit."""
    moving = np.flatnonzero(path["error"][:-1] != 1.0)
    since = int(moving[-1]) + 1 if moving.size else 0
    return f" (from step {since} on its gradient is 0)" if since < len(path["error"]) - 2 else ""


def _median(error: NDArray[Any]) -> float:
    seen = error[np.isfinite(error)]
    return float(np.median(seen)) if seen.size else math.nan


def _found_costs(costs: Sequence[Cost]) -> Iterator[str]:
    """What a step costs by each formula, of one case of every network, in one precision."""
    first: dict[str, tuple[str, str]] = {}
    for cost in costs:
        if cost.method != BACKPROP:
            first.setdefault(cost.network, (cost.case, cost.precision))
    for case, precision in first.values():
        own = [cost for cost in costs if (cost.case, cost.precision) == (case, precision) and cost.method != BACKPROP]
        told = [
            f"{cost.method} asks for {cost.evaluations:.4g} forward passes of a batch, {cost.textbook_ratio:.3g} times"
            f" the work of backprop; made incrementally it is {cost.work_ratio:.3g} times that work, and took"
            f" {cost.time_ratio:.2g} times as long"
            for cost in own
        ]
        yield f"{case}, {precision}: a step of {'. One of '.join(told)}."


def _found_ended(ended: Columns) -> Iterator[str]:
    """The paths that end before their time: of each cause and precision, with the first reason in full."""
    for (cause, precision), rows in _rows(ended, ("cause", "precision")):
        named = dict.fromkeys(str(ended["way"][k]) for k in rows)
        first = rows[0]
        count = "1 path ends before its time" if len(rows) == 1 else f"{len(rows)} paths end before their time"
        yield (
            f"{precision}, {cause}: {count} ({'; '.join(named)}). The first, {ended['way'][first]} of"
            f" {ended['network'][first]}, at step {ended['step'][first]}: {ended['reason'][first]}."
        )


def _filled(table: str, rows: Iterable[tuple[object, ...]]) -> Iterator[tuple[str, Columns]]:
    """A table of these rows, if there are any."""
    found = list(rows)
    if found:
        columns = zip(*found, strict=True)
        yield (
            table,
            {
                name: list(values) if kind is str else np.array(values, dtype=kind)
                for (name, (kind, _)), values in zip(TABLES[table].items(), columns, strict=True)
            },
        )
