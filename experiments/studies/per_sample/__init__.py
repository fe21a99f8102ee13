"""Which samples drive a weight, and how far do the gradients of single samples lie from their mean?

The gradient of a network is the mean of the gradients of its samples; `dk.SampleGradients` says how they spread, and
what theory expects of the batches that are drawn from them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from experiments import columns
from experiments.studies.per_sample.sentences import SHOWN, Group, of_agreement, of_law, of_training, when
from experiments.study import Rows, Tables, column, key, lessons, refuse_below, refuse_empty
from experiments.words import number

Array = NDArray[np.floating[Any]]

MEAN, CANCELLED = CHOSEN = "largest mean", "most cancels"
REPLACED, KEPT_OUT = DRAWINGS = "with replacement", "without replacement"
LEAST, NO_SIGNAL = "least for its loss", "no signal"
DELTA = 1e-5
"""The step of brute force, near the best of the central difference in float64, eps^(1/3)."""
MAX_NUMBERS = 2**26
"""Of an array, half a gigabyte: of the samples' gradients, held about three times, of their products and of the
batches' shares. Without a derivation."""
PLACES = (np.arange(100) + 0.5) / 100
"""Shares at which the signal of a layer's parameters is told."""
GRID = 60
"""Points of a line of least norms."""
ROUNDED: Mapping[str, float] = {"relative": 1e-9}
"""By how much rounding may move a column when a run is repeated: a sum of 1e5 terms errs by at most 1e5 units of 1e-16
of the sum of their absolute values (Higham 2002, section 3.1). That this is at most a hundred times the sum itself, and
that training does not amplify it, is a constant without a derivation."""
PLACE, SHARE = "share of the samples up to this one", "share of samples"


# Tables


class Origin(columns.Network, table=None):
    """Whose samples they are."""

    data: str = key("where its samples come from")


class Stage(Origin, table=None):
    """When they are looked at."""

    steps: int = key("steps of gradient descent that were made before")


class Table(Stage):
    """The gradient of every sample."""

    sample: int = key("number of the sample")
    label: int = column("its label")
    loss: float = column("its loss", moves=ROUNDED)
    norm: float = column("2-norm of its gradient", moves=ROUNDED)
    unbuilt: float = column("the same from the norms of the layers, without building the gradient", moves=ROUNDED)
    least: float = column(
        "the least norm that this loss allows; none where the last activation is not the identity", moves=ROUNDED
    )
    cosine: float = column(
        "of the angle between its gradient and the mean; none where one of them is 0", moves={"absolute": 1e-9}
    )


class Agreement(Stage):
    """What backprop, norms that are not built and brute force say of the same gradients."""

    backprop: float = column("|mean of the samples' gradients - backprop| / |backprop|, 2-norms")
    unbuilt: float = column("largest difference between norms built and not built, over the largest norm")
    moved: int = column("parameters that brute force moved")
    jacobian: float = column("|brute force - samples' gradients| / |samples' gradients| over these, 2-norms")
    crossed: int = column("samples of a parameter at which a moved unit opens or shuts, left out of this")
    passes: int = column("forward passes of all samples that brute force made for the gradients of the samples")
    passes_of_mean: int = column("and for their mean alone")


class Followed(Stage, table=None):
    """Whose samples are looked at."""

    weight: str = key(
        "a weight and why it is followed: for its mean, or for what cancels in it, at first", axis="series"
    )


class Weights(Followed):
    """What the samples do to a weight."""

    mean: float = column("its gradient")
    size: float = column("mean of the samples' |gradient|")
    signal: float = column("|mean| / standard deviation over the samples")
    half: int = column("fewest samples that make half of the sum of |gradient|")
    against: float = column("share of the samples whose gradient has the opposite sign of the mean")
    silent: float = column("share of the samples whose gradient is exactly 0")
    label: int = column("the label whose samples make most of the sum of |gradient|")
    label_share: float = column("what they make of it")
    sample: int = column("the sample with the largest |gradient|")
    sample_label: int = column("its label")
    sample_loss: float = column("its loss")
    sample_share: float = column("what it makes of the sum of |gradient|")


class Contributions(Followed):
    """What every sample does to a weight."""

    sample: int = key("number of the sample")
    label: int = column("its label")
    loss: float = column("its loss")
    gradient: float = column("the gradient of its loss in the weight")
    pull: float = column(
        "gradient / mean |gradient|, positive where it has the sign of the mean", axis="y", label="pull / mean |pull|"
    )
    by_pull: float = column(f"{PLACE}, from the largest pull to the least", axis="x", label=SHARE)
    by_strength: float = column(f"{PLACE}, from the largest |pull| to the least", label=SHARE)
    together: float = column(
        "share of the sum of |gradient| that the samples up to this one make, by strength", label="share of |pull|"
    )


class Norms(Origin):
    """Losses and norms."""

    stage: str = key("the steps in words", axis="series")
    loss: float = column(
        "of a sample, the penalty left out; for the least norm, losses in equal ratios",
        axis="x", label="loss of a sample, without penalty",
    )  # fmt: skip
    norm: float = column(
        "2-norm of its gradient, or the least that the loss allows", axis="y", label="norm of the gradient"
    )


class Cosines(Origin):
    """Cosines in order."""

    stage: str = key("the steps in words", axis="series")
    place: float = column(f"{PLACE}, from the least cosine to the largest", axis="x", label=SHARE)
    cosine: float = column(
        "of the angle between the sample's gradient and the mean", axis="y", label="cosine to the mean"
    )


class Signal(Stage):
    """The parameters of a layer in the order of their signal."""

    layer: str = key("layer of the network; or what samples would show whose expected gradient is 0", axis="series")
    place: float = column("share of the layer's parameters with no more signal", axis="x", label="share of parameters")
    signal: float = column(
        "|mean| / standard deviation over the samples, of a parameter", axis="y", label="|mean| / standard deviation"
    )


class Layers(Stage):
    """The signal of a layer."""

    layer: str = key("layer of the network")
    parameters: int = column("its weights and biases")
    still: int = column("those in which all samples have one gradient, mostly 0; they are left out of what follows")
    median: float = column("median of |mean| / standard deviation")
    beyond: float = column("share of |mean| beyond two standard errors, 2 / sqrt(samples) standard deviations")


class Drawn(Stage, table=None):
    """How batches come about."""

    drawing: str = key("how a batch is drawn", axis="series")


class Noise(Drawn):
    """The errors of batches."""

    batch: int = key("samples of a batch", axis="x", label="samples in a batch")
    error: float = column(
        "root mean square of |batch's gradient - gradient| / |gradient| over the batches drawn",
        axis="y", label="relative error of the gradient",
    )  # fmt: skip
    predicted: float = column("the root of its expected square")
    prediction: str = column("what kind of prediction that is")
    deviation: float = column("(mean square - expected) / its standard error; none where the batches do not differ")


class Slopes(Drawn):
    """How the errors fall."""

    slope: float = column("of log error against log batch, the factor (N - B)/(N - 1) taken out; -1/2 by the law")
    uncertainty: float = column("standard error of the slope, from the spread of the batches")


class Summary(Stage):
    """All samples together."""

    samples: int = column("number of samples")
    loss: float = column("mean loss")
    gradient: float = column("norm of the mean gradient")
    norm: float = column("median norm of a sample's gradient")
    largest: float = column("largest norm of a sample's gradient")
    cosine: float = column("median cosine of a sample's gradient and the mean")
    away: float = column("share of the samples at more than 90 degrees to the mean")
    noise_scale: float = column("batch whose error is as large as the gradient, drawn with replacement")
    rank: float = column("rank correlation of loss and norm")
    half: int = column("fewest samples that make half of the sum of the norms")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Networks, samples, steps and batches: small here, real in the preset."""

    network: tuple[dk.Network, ...]
    data: dk.Data = field(default_factory=dk.Data)
    samples: int = 24
    steps: tuple[int, ...] = (0, 5)
    rate: float = 0.1
    weights: int = 1
    parameters: int = 6
    batches: tuple[int, ...] = (1, 2, 4, 8)
    draws: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        refuse_empty(self, "network", "steps", "batches")
        refuse_below(2, self, "samples", "draws")
        refuse_below(1, self, "weights", "parameters")
        refuse_below(0, self, "seed")
        if not (math.isfinite(self.rate) and self.rate > 0.0):
            raise ValueError(f"rate={self.rate:g}: must be a finite number above 0, such as 0.1")
        for name, values, least in (("steps", self.steps, 0), ("batches", self.batches, 1)):
            if min(values) < least or any(after <= before for before, after in itertools.pairwise(values)):
                raise ValueError(
                    f"{name}={list(values)}: must be whole numbers from {least}, each above the one before"
                )
        self._refuse_large()
        for network in self.network:
            self._refuse(network)

    def _refuse_large(self) -> None:
        if self.batches[-1] > self.samples:
            raise ValueError(
                f"batches={list(self.batches)}: a batch of {self.batches[-1]} is larger than samples={self.samples};"
                f" write batches of at most {self.samples}, or samples={self.batches[-1]}"
            )
        if self.samples * max(self.samples, self.draws) > MAX_NUMBERS:
            raise ValueError(
                f"samples={self.samples}, draws={self.draws}: samples times the larger of both is the size of a table"
                f" that is held; it must be at most {MAX_NUMBERS:,}"
            )

    def _refuse(self, network: dk.Network) -> None:
        numbers = self.samples * network.count
        if numbers > MAX_NUMBERS:
            raise ValueError(
                f"samples={self.samples}: the gradients of all samples of {network.name} would be {number(numbers)}"
                f" numbers, {number(8 * numbers / 1e9)} GB; take at most {MAX_NUMBERS // network.count}"
            )
        weights = int(np.count_nonzero(network.weighs))
        if len(CHOSEN) * self.weights > weights:
            raise ValueError(
                f"weights={self.weights}: twice as many are followed, and {network.name} has {weights} weights;"
                f" take at most {weights // len(CHOSEN)}"
            )
        network.draw(self.data, self.samples, seed=self.seed)

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        return len(self.network) * len(self.steps) * self.samples


# Measuring


def measure(config: Config) -> Iterator[Rows]:
    """Yield what the samples of one network show after one number of steps at a time."""
    for network in config.network:
        weights: dict[int, str] = {}
        losses: list[Array] = []
        for steps, spread in stages(config, network):
            where = {"network": network.name, "data": config.data.name, "steps": steps}
            weights = weights or followed(spread, config.weights)
            losses.append(spread.without_penalty)
            yield from samples_of(config, spread, weights, where)
        yield from least_line(config, network, np.concatenate(losses))


def stages(config: Config, network: dk.Network) -> Iterator[tuple[int, dk.SampleGradients]]:
    """Yield the gradients of the samples after each number of steps of plain gradient descent on all of them.

    Raises
    ------
    NotFiniteError
        If the steps lead to a loss that is no finite number.
    """
    samples = network.draw(config.data, config.samples, seed=config.seed).astype(np.float64)
    parameters, made = network.initial(seed=config.seed), 0
    for steps in config.steps:
        try:
            parameters = dk.descend(network, parameters, samples, rate=config.rate, steps=steps - made)
            spread = dk.sample_gradients(network, parameters, samples)
        except dk.NotFiniteError as error:
            raise dk.NotFiniteError(
                f"{network.name}, on the way to {steps} steps of rate={config.rate:g}: {error}; take a smaller rate"
            ) from error
        made = steps
        yield steps, spread


def samples_of(
    config: Config, spread: dk.SampleGradients, weights: Mapping[int, str], where: Mapping[str, Any]
) -> Iterator[Rows]:
    """All that the samples of one stage show."""
    yield Table(
        **where, sample=np.arange(len(spread.losses)), label=spread.samples.labels, loss=spread.losses,
        norm=spread.norms, unbuilt=spread.unbuilt_norms, cosine=spread.cosines,
        least=dk.least_norms(spread.network, spread.without_penalty),
    )  # fmt: skip
    order = np.random.default_rng(config.seed).permutation(spread.network.count)
    which = np.union1d(order[: config.parameters], list(weights))
    yield Agreement.of_result(spread.compared(which, DELTA), **where)
    for place, name in weights.items():
        yield from pulls(spread, place, {**where, "weight": name})
    yield from curves(spread, where)
    yield from signal(spread, where)
    yield from noise(config, spread, where)
    yield summary(spread, where)


# Which samples drive a weight


def followed(spread: dk.SampleGradients, count: int) -> dict[int, str]:
    """The weights that are followed, with their names and why."""
    chosen = zip(CHOSEN, spread.driven_weights(count), strict=True)
    return {int(place): f"{spread.network.name_of(int(place))}, {why}" for why, places in chosen for place in places}


def pulls(spread: dk.SampleGradients, place: int, where: Mapping[str, Any]) -> Iterator[Rows]:
    """What every sample does to a weight, and what they do together."""
    drawn, losses, labels = spread.pulls(place), spread.losses, spread.samples.labels
    yield Contributions.of_result(drawn, **where, sample=np.arange(len(losses)), label=labels, loss=losses)
    strongest = {"sample_label": labels[drawn.sample], "sample_loss": losses[drawn.sample]}
    yield Weights.of_result(drawn, **where, **strongest)


# The spread over samples and over parameters


def curves(spread: dk.SampleGradients, where: Mapping[str, Any]) -> Iterator[Rows]:
    """Norms over losses, and cosines in order."""
    stage = {"network": where["network"], "data": where["data"], "stage": when(where["steps"])}
    yield Norms(**stage, loss=spread.without_penalty, norm=spread.norms)
    cosines = np.sort(spread.cosines[np.isfinite(spread.cosines)])
    if cosines.size:
        yield Cosines(**stage, place=np.arange(1, cosines.size + 1) / cosines.size, cosine=cosines)


def least_line(config: Config, network: dk.Network, losses: Array) -> Iterator[Norms]:
    """The least norms that the losses of all stages allow."""
    positive = losses[losses > 0.0]
    if positive.size:
        loss = dk.geomspace(float(positive.min()), float(positive.max()), GRID)
        least = dk.least_norms(network, loss)
        yield Norms(network=network.name, data=config.data.name, stage=LEAST, loss=loss, norm=least)


def signal(spread: dk.SampleGradients, where: Mapping[str, Any]) -> Iterator[Rows]:
    """The signal of the parameters, layer by layer, and what is no signal."""
    count, of_all = len(spread.losses), spread.signal
    for layer, span in enumerate(spread.network.spans, start=1):
        every = of_all[slice(*span)]
        known = every[np.isfinite(every)]
        if known.size:
            yield Signal(**where, layer=f"layer {layer}", place=PLACES, signal=np.quantile(known, PLACES))
        yield Layers(
            **where, layer=f"layer {layer}", parameters=every.size, still=every.size - known.size,
            median=np.median(known) if known.size else math.nan,
            beyond=np.mean(known > 2.0 / math.sqrt(count)) if known.size else math.nan,
        )  # fmt: skip
    yield Signal(**where, layer=NO_SIGNAL, place=PLACES, signal=dk.signal_by_chance(PLACES, count))


def summary(spread: dk.SampleGradients, where: Mapping[str, Any]) -> Summary:
    """All samples together."""
    norms = spread.norms
    cosines = spread.cosines[np.isfinite(spread.cosines)]
    return Summary(
        **where, samples=norms.size, loss=np.mean(spread.losses), gradient=np.linalg.norm(spread.mean),
        norm=np.median(norms), largest=np.max(norms), cosine=np.median(cosines) if cosines.size else math.nan,
        away=np.mean(cosines < 0.0) if cosines.size else math.nan, noise_scale=spread.noise_scale,
        rank=dk.rank_correlation(spread.losses, norms), half=dk.fewest_for_half(norms),
    )  # fmt: skip


# Batches


def noise(config: Config, spread: dk.SampleGradients, where: Mapping[str, Any]) -> Iterator[Rows]:
    """The errors of batches beside the law, and how they fall with the size of the batch."""
    random = np.random.default_rng(config.seed)
    for drawing in DRAWINGS:
        drawn = spread.batch_noise(config.batches, config.draws, random, replace=drawing == REPLACED)
        yield Noise.of_result(drawn, **where, drawing=drawing, batch=config.batches, prediction="expected")
        yield Slopes.of_result(drawn, **where, drawing=drawing)


# What the whole run says


def conclude(tables: Tables) -> Iterator[Rows]:
    """Yield what is said before every figure."""
    groups = list(groups_of(tables))
    shown = {figure: [text for group in groups for text in words(group)] for figure, words in SHOWN.items()}
    yield from lessons(__path__[0], shown)


def tell(tables: Tables) -> Iterator[str]:
    """Yield how far the witnesses agree, how training goes, and whether batches keep the law."""
    for group in groups_of(tables):
        yield from of_agreement(group)
        yield from of_training(group)
        yield from of_law(group)


def groups_of(tables: Tables) -> Iterator[Group]:
    """Every network with every origin of its samples."""
    read: tuple[type[Rows], ...] = (Table, Agreement, Weights, Layers, Noise, Slopes, Summary)
    for network, data in tables[Table][["network", "data"]].drop_duplicates().itertuples(index=False):
        group = {
            str(rows.table): tables[rows][(tables[rows]["network"] == network) & (tables[rows]["data"] == data)]
            for rows in read
        }
        yield Group(f"{network}, {data}", group)
