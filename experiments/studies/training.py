"""A small network trained by backprop and by numerical gradients side by side: is it the same path, and what did each
step cost? How far the paths part, beside what theory says of it, and whether a bad gradient still trains.

All start from the same parameters and see the same batches in the same order; only the gradient differs.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from experiments import columns
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
from experiments.words import percent

Array = NDArray[np.floating[Any]]

PRECISIONS: Mapping[str, type[np.floating[Any]]] = {"float64": np.float64, "float32": np.float32}
BACKPROP = "backprop"
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


def delta_text(delta: float) -> str:
    """A delta as it is written in a configuration: 1e-5."""
    return np.format_float_scientific(float(f"{delta:g}"), trim="-", exp_digits=1) if delta < 0.01 else f"{delta:g}"


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
    found = [Way("float64", BACKPROP)]
    for precision in config.precision:
        found.append(Way(precision, BACKPROP))
        found += [Way(precision, *pair) for pair in itertools.product(config.method, config.delta)]
    return list(dict.fromkeys(found))


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

    path = dk.train(course, timed, PRECISIONS[way.precision])
    steps = np.arange(len(path.columns["loss"]))
    if path.message:
        yield Ended(**which, step=steps[-1], cause=path.cause, reason=path.message)
    yield Table(**which, method=way.method, delta=way.delta, step=steps, **path.columns)
    if seconds:
        yield Times(**which, method=way.method, seconds=np.median(seconds))


# What the whole run says


class Paths(NamedTuple):
    """The paths of a run, each of them once, those of a case together and the one of backprop in float64 first."""

    steps: Frame
    """The main table with the case, and the number of the path."""
    ends: Frame
    """What is known of every path as a whole, see `whole`, by its number."""


def paths_of(tables: Tables) -> Paths:
    """The paths of a run; what several jobs made is there once."""
    import pandas as pd  # noqa: PLC0415 - only a run that concludes pays for it

    keys = [*Setting.keys, *OfWay.keys]
    steps = tables[Table].drop_duplicates([*keys, "step"])
    steps = steps.assign(case=cases_of(steps), path=steps.groupby(keys, sort=False).ngroup())
    order = steps.groupby("case", sort=False).ngroup()
    steps = steps.assign(order=order).sort_values(["order", "path", "step"], ignore_index=True)
    ends = pd.DataFrame([whole(path) for _, path in steps.groupby("path", sort=False)])
    ends = ends.merge(tables[Times][[*keys, "seconds"]].drop_duplicates(keys), how="left", on=keys)
    ended = tables[Ended][keys].drop_duplicates().assign(ended=True)
    cut_short = ends[keys].merge(ended, how="left", on=keys)["ended"].eq(other=True)
    numerical = ends["method"] != BACKPROP
    double = numerical & (ends["precision"] == "float64")
    ends = ends.assign(
        cut_short=cut_short,
        numerical=numerical,
        complete=numerical & ~cut_short & np.isfinite(ends["distance"]),
        displayed=double | (numerical & ~double.groupby(ends["case"]).transform("any")),
        named=ends["way"] + ", " + ends["precision"],
    )
    return Paths(steps, ends.set_index("path"))


def cases_of(steps: Frame) -> Frame:
    """The network, with those settings that differ within the run."""
    case = steps["network"]
    for name in Setting.keys[1:]:
        if len(steps[name].unique()) > 1:
            values = steps[name].map(lambda value: value if isinstance(value, str) else f"{value:g}")
            case = case + f", {name} " + values
    return case


def whole(path: Frame) -> dict[str, Any]:
    """What a path is as a whole: its last row, where it began, and what it was like on the way."""
    trained = dk.TrainingPath(columns={name: values.to_numpy() for name, values in path.items()})
    errors = trained.errors
    return {
        **path.iloc[-1],
        **{f"first_{name}": path[name].iloc[0] for name in ("loss", "accuracy")},
        **{name: getattr(trained, name) for name in ("settled", "gain", "stretch", "still_since")},
        "error": np.median(errors) if errors.size else math.nan,
        "worst": np.max(errors) if errors.size else math.nan,
        **trained.judge_law(near=NEAR, apart=APART)._asdict(),
    }


def conclude(tables: Tables) -> Iterator[Rows]:
    """Yield what the figures show, what a step costs, the summary and the lesson."""
    paths = paths_of(tables)
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
    yield from lessons(__file__, {
        "losses": of_losses(ends, strays),
        "growth": of_growth(ends, method),
        "law": of_laws(ends, examples),
        "ends": of_ends(complete),
        "price": of_costs(costs),
    })  # fmt: skip


def tell(tables: Tables) -> Iterator[str]:
    """Yield how training goes, how near the paths stay, where the law holds, whether bad gradients train, and costs."""
    ends = paths_of(tables).ends
    for tell_of in (of_training, of_nearest, of_law, of_bad):
        for case, paths in ends.groupby("case", sort=False):
            yield from (f"{case}: {sentence}" for sentence in tell_of(paths))
    yield from of_costs(tables[Costs])
    yield from of_ended(tables[Ended])


def steps_of(paths: Paths, chosen: Frame) -> Frame:
    """The steps of those paths that are chosen."""
    return paths.steps[paths.steps["path"].isin(paths.ends.index[chosen])]


def highest(ends: Frame) -> str:
    """The formula of the highest order."""
    return str(max(ends["method"][ends["numerical"]].unique(), key=lambda name: dk.formula(name).order))


def examples_of(ends: Frame, method: str) -> list[int]:
    """For each case the number of the path of a formula with the delta nearest to a textbook's."""
    made = ends[ends["displayed"] & (ends["method"] == method) & (ends["step"] > 0)]
    return list(np.abs(np.log(made["delta"] / TEXTBOOK_DELTA)).groupby(made["case"], sort=False).idxmin())


def straying(paths: Paths) -> list[str]:
    """The ways whose losses are farthest from backprop's in some case, in the order of the configuration."""
    steps, ends = paths
    first = ends[~ends.duplicated("case")]
    reference = steps[steps["path"].isin(first.index)].set_index(["case", "step"])["loss"].rename("reference")
    shown = steps_of(paths, ends["displayed"] & (ends["step"] > 0)).join(reference, on=["case", "step"])
    apart = (shown["loss"] - shown["reference"]).abs().groupby([shown["case"], shown["way"]], sort=False).mean()
    gain = first.set_index("case")["gain"].abs()
    worst = apart.div(gain.where(gain > 0.0, 1.0), level="case").groupby("way", sort=False).max()
    return [way for way in worst.index if way in worst.nlargest(LINES).index]


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


# In words: of the paths as wholes, all of them or those of one case, backprop in float64 being the first of a case


def of_losses(ends: Frame, strays: Sequence[str]) -> Iterator[str]:
    """Which ways are farthest from the loss of backprop."""
    others = set(ends["way"][ends["displayed"]]) - set(strays)
    left = f"; the other {len(others)} lie closer to it." if others else ", which are all there are."
    yield f"Drawn are backprop and the {len(strays)} ways whose losses are farthest from its loss in some panel{left}"
    worst = []
    for case, paths in ends.groupby("case", sort=False):
        backprop, complete = paths["loss"].iloc[0], paths[paths["complete"]]
        if len(complete):
            path = complete.loc[(complete["loss"] - backprop).abs().idxmax()]
            worst.append(f"{case}: {path['named']} ends at {path['loss']:.4g} instead of {backprop:.4g}")
    if worst:
        yield f"Farthest at the end: {'; '.join(worst)}."


def of_growth(ends: Frame, method: str) -> Iterator[str]:
    """From where to where the distances end."""
    rows = ends[ends["complete"] & ends["displayed"] & (ends["method"] == method)]
    ranges = []
    for case, paths in rows.groupby("case", sort=False):
        ordered = paths.sort_values("distance", kind="stable")
        low, high = (
            f"{path.distance:.1e} (delta {delta_text(path.delta)})" for path in ordered.iloc[[0, -1]].itertuples()
        )
        ranges.append(f"{case}: from {low} to {high}")
    yield f"Drawn is {method}."
    if ranges:
        yield f"After the last step: {'; '.join(ranges)}."


def of_laws(ends: Frame, examples: Sequence[int]) -> Iterator[str]:
    """By how much the distance grows beyond the sum of the errors."""
    if examples:
        yield f"Drawn is {ends.loc[examples[0], 'way']}."
    stretched = ends[ends["displayed"] & np.isfinite(ends["stretch"])]
    texts = []
    for case, paths in stretched.groupby("case", sort=False):
        path = paths.loc[paths["stretch"].idxmax()]
        beyond = path["stretch"] > 1.0 + NEAR
        texts.append(
            f"{case}: the distance grows to {path['stretch']:.3g} times the sum ({path['way']})" if beyond
            else f"{case}: the distance is at most {path['stretch']:.2f} times the sum in all ways"
        )  # fmt: skip
    if texts:
        yield f"{'; '.join(texts)}."


def of_ends(complete: Frame) -> Iterator[str]:
    """Which delta ends closest."""
    closest, alike = [], 0
    for (case, precision), paths in complete.groupby(["case", "precision"], sort=False):
        near = paths["distance"].idxmin()
        alike += near == paths["error"].idxmin()
        closest.append(f"{case}, {precision}: {paths['way'][near]}, {paths['distance'][near]:.1e}")
    if not closest:
        yield "No way made all steps."
        return
    yield (
        "The way whose gradient errs least, at the median of its steps, is also the one that ends closest to backprop"
        f" in {alike} of {len(closest)} cases. The closest are: {'; '.join(closest)}."
    )


def of_training(paths: Frame) -> Iterator[str]:
    """How backprop trains."""
    first = paths.iloc[0]
    if first["cut_short"]:
        yield (
            f"the path of backprop ends after step {first['step']}, as its next loss is no finite number; a smaller"
            f" rate may help. Until there its loss goes from {first['first_loss']:.4g} to {first['loss']:.4g}."
        )
        return
    verb = "brings" if first["loss"] < first["first_loss"] else "does not train: it takes"
    yield (
        f"backprop {verb} the loss from {first['first_loss']:.4g} to {first['loss']:.4g} in {first['step']} steps, and"
        f" the share of right answers on the samples held aside from {percent(first['first_accuracy'])} to"
        f" {percent(first['accuracy'])}."
    )


def of_nearest(paths: Frame) -> Iterator[str]:
    """How near the closest path stays, and how many part."""
    complete = paths[paths["complete"]]
    if len(complete):
        best = complete.loc[complete["distance"].idxmin()]
        yield (
            f"the closest to backprop's path is {best['named']}: after {best['step']} steps the parameters differ by"
            f" {best['distance']:.1e} of their size, the loss by {abs(best['loss'] - paths['loss'].iloc[0]):.1e}."
            f" {(complete['distance'] > APART).sum()} of {len(complete)} paths end farther than {percent(APART)} from"
            " it."
        )


def of_law(paths: Frame) -> Iterator[str]:
    """Where the law of first order holds, and what is at hand where it does not."""
    total, held, kinked, far = paths.loc[paths["numerical"], ["judged", "held", "kinked", "far"]].sum()
    if total:
        reasons = (
            (kinked, "after some unit was open for a sample on one path and shut on the other"),
            (far, f"{'without that, ' if kinked else ''}where the paths are more than {percent(APART)} apart"),
            (total - held - kinked - far, "elsewhere"),
        )
        missed = "; ".join(f"{count} {where}" for count, where in reasons if count)
        yield (
            f"the law of first order tells the distance to within {percent(NEAR)} at {held} of {total} steps of all"
            f" ways{f', and misses it at {missed}' if missed else ''}."
        )


def of_bad(paths: Frame) -> Iterator[str]:
    """Whether a bad gradient still trains."""
    first, complete = paths.iloc[0], paths[paths["complete"]]
    if first["gain"] <= 0.0 or complete.empty:
        return
    trains = complete["settled"] <= first["settled"] + TRAINED * first["gain"]
    good, failed = complete[trains], complete[~trains]
    yield (
        f"{len(good)} of {len(complete)} paths that are not cut short train: in the last tenth of the steps their"
        f" median loss is at most {percent(TRAINED)} of what backprop gained above its own, {first['settled']:.4g}."
    )
    if len(good):
        bad = good.loc[good["error"].idxmax()]
        yield (
            f"the worst gradient that trains is that of {bad['named']}: it errs by {percent(bad['error'])} at half of"
            f" the steps or more, and gets to {bad['settled']:.4g}."
        )
    if len(failed):
        losses = [
            f"{path.named}: {path.settled:.3g}"
            f"{f' (from step {path.still_since} on its gradient is 0)' if path.still_since >= 0 else ''}"
            for path in failed.itertuples()
        ]
        yield f"the others get to these losses: {'; '.join(losses)}."


def of_costs(costs: Frame) -> Iterator[str]:
    """What a step costs by each formula, of one case of every network, in one precision."""
    formulas = costs[costs["method"] != BACKPROP]
    for _, rows in formulas.groupby("network", sort=False):
        case, precision = rows[["case", "precision"]].iloc[0]
        alike = rows[(rows["case"] == case) & (rows["precision"] == precision)]
        prices = [
            f"{cost.method} asks for {cost.evaluations:.4g} forward passes of a batch, {cost.textbook_ratio:.3g} times"
            f" the work of backprop; made incrementally it is {cost.work_ratio:.3g} times that work, and took"
            f" {cost.time_ratio:.2g} times as long"
            for cost in alike.itertuples()
        ]
        yield f"{case}, {precision}: a step of {'. One of '.join(prices)}."


def of_ended(ended: Frame) -> Iterator[str]:
    """The paths that end before their time: of each cause and precision, with the first reason in full."""
    for (cause, precision), rows in ended.groupby(["cause", "precision"], sort=False):
        first = rows.iloc[0]
        count = "1 path ends before its time" if len(rows) == 1 else f"{len(rows)} paths end before their time"
        yield (
            f"{precision}, {cause}: {count} ({'; '.join(rows['way'].unique())}). The first, {first['way']} of"
            f" {first['network']}, at step {first['step']}: {first['reason']}."
        )
