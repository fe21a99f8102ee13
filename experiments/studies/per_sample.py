r"""Which samples drive a weight, and how far do the gradients of single samples lie from their mean?

The gradient of a network is the mean of the gradients :math:`g_i` of its N samples. With
:math:`\sigma^2 = \frac{1}{N} \sum |g_i - g|^2` a batch of B of them errs from the mean g by

.. math::

    E\,|g_B - g|^2 = \frac{\sigma^2}{B} \quad \text{or} \quad \frac{\sigma^2}{B} \cdot \frac{N - B}{N - 1},

as it draws with or without replacement (Cochran, *Sampling Techniques*, 1977, theorem 2.2, for every parameter, and
summed). :math:`\sigma^2 / |g|^2`, the batch whose error is as large as the gradient itself, is the noise scale of
McCandlish and others, *An empirical model of large-batch training*, 2018.

The loss of a sample bounds the norm of its gradient from below where the last activation is the identity, as the
slopes in the outputs are the gradient of the last biases. For the cross-entropy of K classes they are :math:`p_j` and,
at the label, :math:`-(1 - p)` with :math:`p = e^{-\ell}`; the K - 1 shares :math:`p_j` add up to 1 - p, and their
squares to :math:`(1 - p)^2 / (K - 1)` at least. For the mean of the squares of K errors :math:`r_j` the slopes are
:math:`2 r_j / K`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from derivkit.grids import geomspace
from derivkit.multivariate.network import LOSSES, NotFiniteError
from experiments.words import percent

Columns = Mapping[str, Any]
Array = NDArray[np.floating[Any]]

STAGE: dict[str, tuple[type, str]] = {
    "network": (str, "name of the network"),
    "data": (str, "where its samples come from"),
    "steps": (int, "steps of gradient descent that were made before"),
}
WHEN: tuple[type, str] = (str, "the steps in words")
WEIGHT: tuple[type, str] = (str, "a weight and why it is followed: for its mean, or for what cancels in it, at first")
PLACE = "share of the samples up to this one"

TABLES: dict[str, dict[str, tuple[type, str]]] = {
    "table": {
        **STAGE,
        "sample": (int, "number of the sample"),
        "label": (int, "its label"),
        "loss": (float, "its loss"),
        "norm": (float, "2-norm of its gradient"),
        "unbuilt": (float, "the same from the norms of the layers, without building the gradient"),
        "least": (float, "the least norm that this loss allows; none where the last activation is not the identity"),
        "cosine": (float, "of the angle between its gradient and the mean; none where one of them is 0"),
    },
    "agreement": {
        **STAGE,
        "backprop": (float, "|mean of the samples' gradients - backprop| / |backprop|, 2-norms"),
        "unbuilt": (float, "largest difference between norms built and not built, over the largest norm"),
        "moved": (int, "parameters that brute force moved"),
        "jacobian": (float, "|brute force - samples' gradients| / |samples' gradients| over these, 2-norms"),
        "crossed": (int, "samples of a parameter at which a moved unit opens or shuts, left out of this"),
        "passes": (int, "forward passes of all samples that brute force made for the gradients of the samples"),
        "passes_of_mean": (int, "and for their mean alone"),
    },
    "weights": {
        **STAGE,
        "weight": WEIGHT,
        "mean": (float, "its gradient"),
        "size": (float, "mean of the samples' |gradient|"),
        "signal": (float, "|mean| / standard deviation over the samples"),
        "half": (int, "fewest samples that make half of the sum of |gradient|"),
        "against": (float, "share of the samples whose gradient has the opposite sign of the mean"),
        "silent": (float, "share of the samples whose gradient is exactly 0"),
        "label": (int, "the label whose samples make most of the sum of |gradient|"),
        "label_share": (float, "what they make of it"),
        "sample": (int, "the sample with the largest |gradient|"),
        "sample_label": (int, "its label"),
        "sample_loss": (float, "its loss"),
        "sample_share": (float, "what it makes of the sum of |gradient|"),
    },
    "contributions": {
        **STAGE,
        "weight": WEIGHT,
        "sample": (int, "number of the sample"),
        "label": (int, "its label"),
        "loss": (float, "its loss"),
        "gradient": (float, "the gradient of its loss in the weight"),
        "pull": (float, "gradient / mean |gradient|, positive where it has the sign of the mean"),
        "by_pull": (float, f"{PLACE}, from the largest pull to the least"),
        "by_strength": (float, f"{PLACE}, from the largest |pull| to the least"),
        "together": (float, "share of the sum of |gradient| that the samples up to this one make, by strength"),
    },
    "norms": {
        "network": STAGE["network"],
        "data": STAGE["data"],
        "stage": WHEN,
        "loss": (float, "of a sample, the penalty left out; for the least norm, losses in equal ratios"),
        "norm": (float, "2-norm of its gradient, or the least that the loss allows"),
    },
    "cosines": {
        "network": STAGE["network"],
        "data": STAGE["data"],
        "stage": WHEN,
        "place": (float, f"{PLACE}, from the least cosine to the largest"),
        "cosine": (float, "of the angle between the sample's gradient and the mean"),
    },
    "signal": {
        **STAGE,
        "layer": (str, "layer of the network; or what samples would show whose expected gradient is 0"),
        "place": (float, "share of the layer's parameters with no more signal"),
        "signal": (float, "|mean| / standard deviation over the samples, of a parameter"),
    },
    "layers": {
        **STAGE,
        "layer": (str, "layer of the network"),
        "parameters": (int, "its weights and biases"),
        "still": (int, "those in which all samples have one gradient, mostly 0; they are left out of what follows"),
        "median": (float, "median of |mean| / standard deviation"),
        "beyond": (float, "share of |mean| beyond two standard errors, 2 / sqrt(samples) standard deviations"),
    },
    "noise": {
        **STAGE,
        "drawing": (str, "how a batch is drawn"),
        "batch": (int, "samples of a batch"),
        "error": (float, "root mean square of |batch's gradient - gradient| / |gradient| over the batches drawn"),
        "predicted": (float, "the root of its expected square"),
        "prediction": (str, "what kind of prediction that is"),
        "deviation": (float, "(mean square - expected) / its standard error; none where the batches do not differ"),
    },
    "slopes": {
        **STAGE,
        "drawing": (str, "how a batch is drawn"),
        "slope": (float, "of log error against log batch, the factor (N - B)/(N - 1) taken out; -1/2 by the law"),
        "uncertainty": (float, "standard error of the slope, from the spread of the batches"),
    },
    "summary": {
        **STAGE,
        "samples": (int, "number of samples"),
        "loss": (float, "mean loss"),
        "gradient": (float, "norm of the mean gradient"),
        "norm": (float, "median norm of a sample's gradient"),
        "largest": (float, "largest norm of a sample's gradient"),
        "cosine": (float, "median cosine of a sample's gradient and the mean"),
        "away": (float, "share of the samples at more than 90 degrees to the mean"),
        "noise_scale": (float, "batch whose error is as large as the gradient, drawn with replacement"),
        "rank": (float, "rank correlation of loss and norm"),
        "half": (int, "fewest samples that make half of the sum of the norms"),
    },
    "lesson": {
        "figure": (str, "the figure that follows"),
        "title": (str, "its heading"),
        "text": (str, "what it shows"),
    },
    "findings": {"finding": (str, "what the tables say, in a sentence")},
}

KEYS = ("network", "data", "steps", "sample")
"""What tells the rows of the table apart when runs are compared."""
TOLERANCES: Mapping[str, Mapping[str, object]] = {
    **{key: {"relative": 1e-9} for key in ("loss", "norm", "unbuilt", "least")},
    "cosine": {"absolute": 1e-9},
}
"""By how much rounding may move a column when a run is repeated: a sum of 1e5 terms errs by at most 1e5 units of 1e-16
of the sum of their absolute values (Higham 2002, section 3.1). That this is at most a hundred times the sum itself, and
that training does not amplify it, is a constant without a derivation."""

MEAN, CANCELLED = CHOSEN = "largest mean", "most cancels"
REPLACED, KEPT_OUT = DRAWINGS = "with replacement", "without replacement"
LEAST, NO_SIGNAL = "least for its loss", "no signal"
DELTA = 1e-5
"""The step of brute force, near the best of the central difference in float64, eps^(1/3)."""
MOST = 2**26
"""Most numbers of an array, half a gigabyte: of the samples' gradients, held about three times, of their products
and of the batches' shares. Without a derivation."""
PLACES = (np.arange(100) + 0.5) / 100
"""Shares at which the signal of a layer's parameters is told."""
GRID = 60
"""Points of a line of least norms."""
FAR = 3.0
"""Standard errors beyond which a measurement is said to be off the law: one in 370 is, by chance."""


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
        if not (self.network and self.steps and self.batches):
            raise ValueError("at least one network, one number of steps and one batch are needed")
        for name, least in (("samples", 2), ("weights", 1), ("parameters", 1), ("draws", 2), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name}={getattr(self, name)}: must be at least {least}")
        if not (math.isfinite(self.rate) and self.rate > 0.0):
            raise ValueError(f"rate={self.rate:g}: must be a finite number above 0, such as 0.1")
        for name, values, least in (("steps", self.steps, 0), ("batches", self.batches, 1)):
            if min(values) < least or any(after <= before for before, after in itertools.pairwise(values)):
                raise ValueError(
                    f"{name}={list(values)}: must be whole numbers from {least}, each above the one before"
                )
        if self.batches[-1] > self.samples:
            raise ValueError(
                f"batches={list(self.batches)}: a batch of {self.batches[-1]} is larger than samples={self.samples};"
                f" write batches of at most {self.samples}, or samples={self.batches[-1]}"
            )
        if self.samples * max(self.samples, self.draws) > MOST:
            raise ValueError(
                f"samples={self.samples}, draws={self.draws}: samples times the larger of both is the size of a table"
                f" that is held; it must be at most {MOST:,}"
            )
        for network in self.network:
            _refuse(self, network)

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        return len(self.network) * len(self.steps) * self.samples


@dataclass(frozen=True, eq=False, kw_only=True)
class Stage:
    """A network after some steps, with the gradients of its samples.

    Attributes
    ----------
    key : mapping
        The columns that name it.
    network, parameters, samples
        The network where it stands, and what it is shown.
    labels, losses : ndarray
        Of the samples, shape ``(samples,)``.
    gradients : ndarray
        Of the samples, shape ``(samples, count)``.
    mean : ndarray
        The mean of the gradients, shape ``(count,)``.
    centred : ndarray
        The gradients less their mean, shape ``(samples, count)``.
    """

    key: Mapping[str, Any]
    network: dk.Network
    parameters: Array
    samples: dk.Samples
    labels: NDArray[np.intp]
    losses: Array
    gradients: Array
    mean: Array
    centred: Array

    @property
    def bare(self) -> Array:
        """The losses without the penalty; shape ``(samples,)``."""
        return np.asarray(np.maximum(self.losses - float(self.network.penalty(self.parameters)), 0.0))

    @property
    def norms(self) -> Array:
        """Norms of the samples' gradients; shape ``(samples,)``."""
        return np.asarray(np.sqrt(np.vecdot(self.gradients, self.gradients)))

    @property
    def cosines(self) -> Array:
        """Cosines of the angles between them and the mean, NaN where one of both is 0; shape ``(samples,)``."""
        length = self.norms * float(np.linalg.norm(self.mean))
        return _ratio(self.gradients @ self.mean, length)

    @property
    def variance(self) -> float:
        """Mean squared distance of the samples' gradients from their mean."""
        return float(np.mean(np.vecdot(self.centred, self.centred)))


class Follow(NamedTuple):
    """A weight whose samples are looked at: its place among the parameters and what it is called."""

    place: int
    name: str


def run(config: Config) -> Iterator[tuple[str, Columns]]:
    """Yield what is seen of one network after one number of steps at a time."""
    for network in config.network:
        follow: list[Follow] = []
        losses: list[Array] = []
        for stage in stages(config, network):
            follow = follow or followed(stage, config.weights)
            losses.append(stage.bare)
            yield from _seen(config, stage, follow)
        yield from _least_line(config, network, np.concatenate(losses))


def _seen(config: Config, stage: Stage, follow: Sequence[Follow]) -> Iterator[tuple[str, Columns]]:
    random = np.random.default_rng(config.seed)
    yield "table", _table(stage)
    yield "agreement", _agreement(config, stage, follow)
    for weight in follow:
        yield from _pulls(stage, weight)
    yield from _curves(stage)
    yield from _signal(stage)
    yield from _noise(config, stage, random)
    yield "summary", _summary(stage)


# Samples and steps


def _refuse(config: Config, network: dk.Network) -> None:
    numbers = config.samples * network.count
    if numbers > MOST:
        raise ValueError(
            f"samples={config.samples}: the gradients of all samples of {network.name} would be {numbers:.2g} numbers,"
            f" {8 * numbers / 1e9:.2g} GB; take at most {MOST // network.count}"
        )
    weights = int(np.count_nonzero(network.weighs))
    if len(CHOSEN) * config.weights > weights:
        raise ValueError(
            f"weights={config.weights}: twice as many are followed, and {network.name} has {weights} weights;"
            f" take at most {weights // len(CHOSEN)}"
        )
    _drawn(config, network)


def _drawn(config: Config, network: dk.Network) -> tuple[dk.Samples, NDArray[np.intp]]:
    """Samples as the network's loss needs them, with their labels."""
    inputs, classes = network.sizes[0], network.sizes[-1]
    drawn = config.data.draw(config.samples, inputs=inputs, classes=classes, seed=config.seed)
    samples = drawn.astype(np.float64)
    return (samples if LOSSES[network.objective].labelled else samples.one_hot(classes)), drawn.targets


def stages(config: Config, network: dk.Network) -> Iterator[Stage]:
    """Yield the network after each number of steps of plain gradient descent on all its samples.

    Raises
    ------
    NotFiniteError
        If the steps lead to a loss that is no finite number.
    """
    samples, labels = _drawn(config, network)
    parameters, made = network.initial(seed=config.seed), 0
    for steps in config.steps:
        try:
            parameters = descended(network, parameters, samples, rate=config.rate, steps=steps - made)
            losses = network.losses(parameters, samples)
            gradients = network.per_sample_gradients(parameters, samples)
            _refuse_long(gradients)
        except NotFiniteError as error:
            raise NotFiniteError(
                f"{network.name}, on the way to {steps} steps of rate={config.rate:g}: {error}; take a smaller rate"
            ) from error
        made = steps
        mean = gradients.mean(axis=0)
        yield Stage(
            key={"network": network.name, "data": config.data.name, "steps": steps},
            network=network,
            parameters=parameters,
            samples=samples,
            labels=labels,
            losses=losses,
            gradients=gradients,
            mean=mean,
            centred=gradients - mean,
        )


def descended(network: dk.Network, parameters: Array, samples: dk.Samples, *, rate: float, steps: int) -> Array:
    """The parameters after steps of plain gradient descent on all samples."""
    for _ in range(steps):
        with np.errstate(over="ignore"):
            parameters = parameters - rate * network.backprop(parameters, samples)
    return parameters


def _refuse_long(gradients: Array) -> None:
    with np.errstate(over="ignore"):
        squares = np.vecdot(gradients, gradients)
    if not np.all(np.isfinite(squares)):
        raise NotFiniteError("the square of the norm of a sample's gradient is no finite number")


def _table(stage: Stage) -> Columns:
    unbuilt = stage.network.squared_norms(stage.parameters, stage.samples)
    return {
        **stage.key,
        "sample": np.arange(len(stage.losses)),
        "label": stage.labels,
        "loss": stage.losses,
        "norm": stage.norms,
        # with a penalty a sum of three terms, which rounding may take below 0
        "unbuilt": np.sqrt(np.maximum(unbuilt, 0.0)),
        "least": least_norms(stage.network, stage.bare),
        "cosine": stage.cosines,
    }


def _least_of_cross_entropy(losses: Array, outputs: int) -> Array:
    return np.asarray(-np.expm1(-losses) * math.sqrt(outputs / max(outputs - 1, 1)))


def _least_of_squared_error(losses: Array, outputs: int) -> Array:
    return np.asarray(2.0 * np.sqrt(losses / outputs))


LEAST_NORMS: Mapping[str, Callable[[Array, int], Array]] = {
    "softmax_cross_entropy": _least_of_cross_entropy,
    "mean_squared_error": _least_of_squared_error,
}
"""The least norm of the slopes in the outputs, from losses and the number of outputs; for each loss."""


def least_norms(network: dk.Network, losses: Array) -> Array:
    """The least norm of a sample's gradient that its loss allows.

    Parameters
    ----------
    network : Network
    losses : ndarray
        Without the penalty, shape ``(n,)``.

    Returns
    -------
    ndarray
        Shape ``(n,)``; NaN if the last activation is not the identity.
    """
    if network.activations[-1] != "identity":
        return np.full(losses.shape, np.nan)
    return LEAST_NORMS[network.objective](losses, network.sizes[-1])


# Agreement


def _agreement(config: Config, stage: Stage, follow: Sequence[Follow]) -> Columns:
    network, parameters, samples = stage.network, stage.parameters, stage.samples
    order = np.random.default_rng(config.seed).permutation(network.count)
    which = np.union1d(order[: config.parameters], [weight.place for weight in follow])
    each, mean = (
        dk.brute_force(network, parameters, samples, delta=DELTA, way="naive", which=which, per_sample=wanted)
        for wanted in (True, False)
    )
    crossed = each.kinks_per_sample
    assert each.per_sample is not None  # noqa: S101 -- it was asked for; this tells the type checker
    assert crossed is not None  # noqa: S101 -- likewise
    built = stage.gradients[:, which]
    exact = network.backprop(parameters, samples)
    unbuilt = np.sqrt(np.maximum(network.squared_norms(parameters, samples), 0.0))
    return {
        **stage.key,
        "backprop": np.array([_relative(stage.mean - exact, exact)]),
        "unbuilt": float(_ratio(np.max(np.abs(unbuilt - stage.norms)), np.max(stage.norms))),
        "moved": which.size,
        "jacobian": _relative((each.per_sample - built)[~crossed], built),
        "crossed": int(np.count_nonzero(crossed)),
        "passes": each.forward_passes,
        "passes_of_mean": mean.forward_passes,
    }


def _relative(difference: Array, exact: Array) -> float:
    return float(_ratio(np.linalg.norm(difference), np.linalg.norm(exact)))


def _ratio(above: Any, below: Any) -> Array:
    """The quotient, NaN where it would be 0/0 or infinite."""
    above, below = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    nowhere = np.full(np.broadcast(above, below).shape, np.nan)
    return np.asarray(np.divide(above, below, out=nowhere, where=below != 0.0))


# Which samples drive a weight


def followed(stage: Stage, count: int) -> list[Follow]:
    """The weights with the largest |mean gradient|, and of the others those in which most cancels.

    What cancels in a weight is the mean of |gradient| less |mean gradient|.
    """
    weights = np.flatnonzero(stage.network.weighs)
    mean = np.abs(stage.mean[weights])
    cancelled = np.mean(np.abs(stage.gradients), axis=0)[weights] - mean
    first = np.argsort(-mean, kind="stable")[:count]
    order = np.argsort(-cancelled, kind="stable")
    second = order[~np.isin(order, first)][:count]
    return [
        Follow(int(place), f"{stage.network.name_of(int(place))}, {why}")
        for why, chosen in zip(CHOSEN, (first, second), strict=True)
        for place in weights[chosen]
    ]


def _pulls(stage: Stage, weight: Follow) -> Iterator[tuple[str, Columns]]:
    gradient, mean = stage.gradients[:, weight.place], float(stage.mean[weight.place])
    strength = np.abs(gradient)
    total, count = float(np.sum(strength)), gradient.size
    pull = gradient * (math.copysign(count, mean) / total if total else 0.0)
    ranks = np.arange(1, count + 1) / count
    by_pull, by_strength, together = np.empty(count), np.empty(count), np.empty(count)
    by_pull[np.argsort(-pull, kind="stable")] = ranks
    order = np.argsort(-strength, kind="stable")
    by_strength[order] = ranks
    together[order] = np.cumsum(strength[order]) / (total or 1.0)
    yield (
        "contributions",
        {
            **stage.key,
            "weight": weight.name,
            "sample": np.arange(count),
            "label": stage.labels,
            "loss": stage.losses,
            "gradient": gradient,
            "pull": pull,
            "by_pull": by_pull,
            "by_strength": by_strength,
            "together": together,
        },
    )
    of_label = np.bincount(stage.labels, weights=strength)
    label, top = int(np.argmax(of_label)), int(order[0])
    yield (
        "weights",
        {
            **stage.key,
            "weight": weight.name,
            "mean": np.array([mean]),
            "size": total / count,
            "signal": float(_ratio(abs(mean), np.std(gradient))),
            "half": half_of(strength),
            "against": float(np.mean(pull < 0.0)),
            "silent": float(np.mean(gradient == 0.0)),
            "label": label,
            "label_share": float(_ratio(of_label[label], total)),
            "sample": top,
            "sample_label": int(stage.labels[top]),
            "sample_loss": float(stage.losses[top]),
            "sample_share": float(_ratio(strength[top], total)),
        },
    )


def half_of(sizes: Array) -> int:
    """The fewest of the sizes, none of them negative, that make at least half of their sum.

    Examples
    --------
    >>> half_of(np.array([1.0, 5.0, 2.0, 1.0])), half_of(np.ones(4)), half_of(np.zeros(3))
    (1, 2, 0)
    """
    made = np.cumsum(np.sort(sizes)[::-1])
    return int(np.searchsorted(made, made[-1] / 2.0)) + 1 if made[-1] else 0


# The spread over samples and over parameters


def _when(steps: int) -> str:
    return "at the start" if steps == 0 else f"after {steps} step{'s' if steps > 1 else ''}"


def _curves(stage: Stage) -> Iterator[tuple[str, Columns]]:
    where = {name: stage.key[name] for name in ("network", "data")}
    when = _when(stage.key["steps"])
    yield "norms", {**where, "stage": when, "loss": stage.bare, "norm": stage.norms}
    cosines = np.sort(stage.cosines[np.isfinite(stage.cosines)])
    if cosines.size:
        place = np.arange(1, cosines.size + 1) / cosines.size
        yield "cosines", {**where, "stage": when, "place": place, "cosine": cosines}


def _least_line(config: Config, network: dk.Network, losses: Array) -> Iterator[tuple[str, Columns]]:
    """The least norms that the losses of all stages allow."""
    positive = losses[losses > 0.0]
    if positive.size:
        loss = geomspace(float(positive.min()), float(positive.max()), GRID)
        where = {"network": network.name, "data": config.data.name, "stage": LEAST}
        yield "norms", {**where, "loss": loss, "norm": least_norms(network, loss)}


def _signal(stage: Stage) -> Iterator[tuple[str, Columns]]:
    count = len(stage.losses)
    spread = np.sqrt(np.mean(np.square(stage.centred), axis=0))
    # The mean of equal numbers may be off by as many roundings: what spreads no more does not spread.
    spreads = spread > count * np.finfo(np.float64).eps * np.abs(stage.mean)
    signal = _ratio(np.abs(stage.mean), np.where(spreads, spread, 0.0))
    for number, span in enumerate(stage.network.spans, start=1):
        layer = f"layer {number}"
        own = signal[slice(*span)]
        there = own[np.isfinite(own)]
        if there.size:
            found = np.quantile(there, PLACES)
            yield "signal", {**stage.key, "layer": layer, "place": PLACES, "signal": found}
        yield (
            "layers",
            {
                **stage.key,
                "layer": layer,
                "parameters": np.array([own.size]),
                "still": own.size - there.size,
                "median": float(np.median(there)) if there.size else math.nan,
                "beyond": float(np.mean(there > 2.0 / math.sqrt(count))) if there.size else math.nan,
            },
        )
    # |mean| of N numbers of expectation 0 and standard deviation 1, by the central limit theorem
    normal = np.array([NormalDist().inv_cdf((1.0 + place) / 2.0) for place in PLACES])
    yield "signal", {**stage.key, "layer": NO_SIGNAL, "place": PLACES, "signal": normal / math.sqrt(count)}


def _summary(stage: Stage) -> Columns:
    norms, cosines = stage.norms, stage.cosines
    turned = cosines[np.isfinite(cosines)]
    return {
        **stage.key,
        "samples": np.array([norms.size]),
        "loss": float(np.mean(stage.losses)),
        "gradient": float(np.linalg.norm(stage.mean)),
        "norm": float(np.median(norms)),
        "largest": float(np.max(norms)),
        "cosine": float(np.median(turned)) if turned.size else math.nan,
        "away": float(np.mean(turned < 0.0)) if turned.size else math.nan,
        "noise_scale": float(_ratio(stage.variance, np.sum(np.square(stage.mean)))),
        "rank": rank_correlation(stage.losses, norms),
        "half": half_of(norms),
    }


def rank_correlation(x: Array, y: Array) -> float:
    """Spearman's correlation of two arrays of shape ``(n,)``; NaN where all of one are equal.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 3.0])
    >>> round(rank_correlation(x, np.exp(x)), 12), round(rank_correlation(x, -x), 12)
    (1.0, -1.0)
    """
    ranks = [_ranks(values) for values in (x, y)]
    a, b = (rank - np.mean(rank) for rank in ranks)
    return float(_ratio(a @ b, math.sqrt((a @ a) * (b @ b))))


def _ranks(values: Array) -> Array:
    """Ranks from 1, equal values sharing the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2.0)[place])


# Batches


def expected_square(variance: float, count: int, batch: int, *, replace: bool) -> float:
    """The expected squared error of the mean of a batch.

    Parameters
    ----------
    variance : float
        Mean squared distance of what is averaged from its mean.
    count, batch : int
        Numbers of all, and of the batch.
    replace : bool
        Whether one may be drawn twice.

    Examples
    --------
    >>> expected_square(2.0, 5, 4, replace=True), expected_square(2.0, 5, 4, replace=False)
    (0.5, 0.125)
    """
    return variance / batch * (1.0 if replace else (count - batch) / (count - 1))


def drawn_shares(count: int, batch: int, draws: int, random: np.random.Generator, *, replace: bool) -> Array:
    """The share that every one has in the mean of a batch drawn at random; shape ``(draws, count)``."""
    if replace:
        which = random.integers(count, size=(draws, batch))
    else:
        which = random.permuted(np.tile(np.arange(count), (draws, 1)), axis=1)[:, :batch]
    times = np.zeros((draws, count))
    np.add.at(times, (np.arange(draws)[:, None], which), 1.0)
    return times / batch


def _noise(config: Config, stage: Stage, random: np.random.Generator) -> Iterator[tuple[str, Columns]]:
    size, batches = float(np.linalg.norm(stage.mean)), np.array(config.batches)
    products = stage.centred @ stage.centred.T
    for drawing in DRAWINGS:
        replace = drawing == REPLACED
        errors = [squared_errors(products, batch, config.draws, random, replace=replace) for batch in config.batches]
        square = np.array([np.mean(one) for one in errors])
        doubt = np.array([np.std(one, ddof=1) for one in errors]) / math.sqrt(config.draws)
        factor = np.array([expected_square(1.0, len(products), batch, replace=replace) for batch in config.batches])
        expected = stage.variance * factor
        differ = doubt > len(products) * np.finfo(np.float64).eps * expected
        yield (
            "noise",
            {
                **stage.key,
                "drawing": drawing,
                "batch": batches,
                "error": _ratio(np.sqrt(square), size),
                "predicted": _ratio(np.sqrt(expected), size),
                "prediction": "expected",
                "deviation": _ratio(square - expected, np.where(differ, doubt, 0.0)),
            },
        )
        left = (square > 0.0) & (factor > 0.0)
        x, y = batches[left], square[left]
        # the root halves the error of the logarithm
        slope, uncertainty = slope_of(x, np.sqrt(y / (factor[left] * x)), doubt[left] / (2.0 * y))
        yield "slopes", {**stage.key, "drawing": drawing, "slope": np.array([slope]), "uncertainty": uncertainty}


def squared_errors(products: Array, batch: int, draws: int, random: np.random.Generator, *, replace: bool) -> Array:
    """The squared errors of the means of batches, of which none is built.

    Parameters
    ----------
    products : ndarray
        The inner products of what is averaged, less its mean; shape ``(count, count)``.
    batch, draws : int
        Numbers of a batch, and of batches.
    random : numpy.random.Generator
    replace : bool
        Whether one may be drawn twice.

    Returns
    -------
    ndarray
        Shape ``(draws,)``; exactly 0 for a batch of all, none of them twice.
    """
    count = len(products)
    # The shares add up to 1: those of the mean are taken off, which changes nothing but the last digits.
    apart = drawn_shares(count, batch, draws, random, replace=replace) - 1.0 / count
    return np.asarray(np.maximum(np.vecdot(apart @ products, apart), 0.0))


def slope_of(x: NDArray[Any], y: Array, doubt: Array) -> tuple[float, float]:
    """The slope of log y against log x by least squares, and its standard error, from that of each log y.

    NaN with fewer than two points.
    """
    if x.size < 2:
        return math.nan, math.nan
    away = np.log(x) - np.mean(np.log(x))
    weight = away / (away @ away)
    return float(weight @ np.log(y)), float(np.linalg.norm(weight * doubt))


# What the whole run says


def conclude(tables: Mapping[str, Columns]) -> Iterator[tuple[str, Columns]]:
    """Yield what is said before every figure, and findings."""
    groups = _groups(tables)
    lesson = [
        (figure, title, " ".join([reading, *(text for own in groups.values() for text in tell(own))]))
        for figure, title, reading, tell in LESSON
    ]
    yield "lesson", dict(zip(TABLES["lesson"], map(list, zip(*lesson, strict=True)), strict=True))
    yield (
        "findings",
        {"finding": [text for own in groups.values() for tell in FINDINGS for text in tell(own)]},
    )


Row = Mapping[str, Any]


class Told(NamedTuple):
    """The rows of the tables that belong to one network and one origin of its samples."""

    who: str
    tables: Mapping[str, Sequence[Row]]


def _groups(tables: Mapping[str, Columns]) -> dict[tuple[str, str], Told]:
    found: dict[tuple[str, str], dict[str, list[Row]]] = {}
    for table in ("table", "agreement", "weights", "layers", "noise", "slopes", "summary"):
        columns = tables[table]
        for values in zip(*columns.values(), strict=True):
            row = dict(zip(columns, values, strict=True))
            found.setdefault((str(row["network"]), str(row["data"])), {}).setdefault(table, []).append(row)
    return {key: Told(f"{key[0]}, {key[1]}", own) for key, own in found.items()}


def _by(rows: Sequence[Row], name: str) -> dict[Any, list[Row]]:
    found: dict[Any, list[Row]] = {}
    for row in rows:
        found.setdefault(row[name], []).append(row)
    return found


def _through(rows: Sequence[Row], column: str, show: Callable[[Any], str] = str) -> str:
    """The values of a column at every stage: "a at the start, b after 10 steps"."""
    return ", ".join(f"{show(row[column])} {_when(int(row['steps']))}" for row in rows)


def _tell_pulls(own: Told) -> Iterator[str]:
    for weight, rows in _by(own.tables["weights"], "weight").items():
        last = rows[-1]
        silent = f"; {percent(last['silent'])} do not pull at all {_when(int(last['steps']))}" if last["silent"] else ""
        outvoted = any(row["against"] > 0.5 for row in rows)
        yield (
            f"{own.who}, {weight}: the share of samples that pull against the mean is"
            f" {_through(rows, 'against', percent)}{silent}."
            f"{' Where it is more than half, the fewer win as they pull harder.' if outvoted else ''}"
        )


def _tell_together(own: Told) -> Iterator[str]:
    count = own.tables["summary"][0]["samples"]
    for weight, rows in _by(own.tables["weights"], "weight").items():
        yield (
            f"{own.who}, {weight}: of {count} samples half of the pulling is done by {_through(rows, 'half')}."
            f"{_strongest(rows[0])}"
        )


def _strongest(row: Row) -> str:
    if not row["size"]:
        return ""
    return (
        f" {_when(int(row['steps'])).capitalize()} the samples of label {row['label']} do"
        f" {percent(row['label_share'])} of it, and the strongest alone, sample {row['sample']} with label"
        f" {row['sample_label']} and a loss of {row['sample_loss']:.2g}, {percent(row['sample_share'])}."
    )


def _tell_norms(own: Told) -> Iterator[str]:
    rows = own.tables["summary"]
    yield (
        f"{own.who}: the rank correlation of loss and norm is {_through(rows, 'rank', '{:.2f}'.format)}. Of"
        f" {rows[0]['samples']} samples half of the sum of the norms is made by {_through(rows, 'half')}."
    )
    ratios = [row["norm"] / row["least"] for row in own.tables["table"] if row["least"] > 0.0]
    if ratios:
        yield f"The norms are at least {min(ratios):.3g} times the least that the loss allows."


def _tell_cosines(own: Told) -> Iterator[str]:
    rows = own.tables["summary"]
    yield (
        f"{own.who}: the median cosine is {_through(rows, 'cosine', '{:.2f}'.format)}; the share of samples at more"
        f" than 90 degrees to the mean is {_through(rows, 'away', percent)}."
    )


def _tell_signal(own: Told) -> Iterator[str]:
    told = []
    for steps, rows in _by(own.tables["layers"], "steps").items():
        shares = ", ".join(f"{percent(row['beyond'])} in {row['layer']}" for row in rows)
        told.append(f"{shares} {_when(int(steps))}")
    yield f"{own.who}: the share of parameters beyond two standard errors is {'; '.join(told)}."


def _tell_noise(own: Told) -> Iterator[str]:
    for drawing, rows in _by(own.tables["slopes"], "drawing").items():
        known = [
            {**row, "slope": f"{row['slope']:.3f} ± {row['uncertainty']:.3f}"} for row in rows if row["slope"] < 0.0
        ]
        if known:
            yield f"{own.who}, {drawing}: the slope is {_through(known, 'slope')}."


def _tell_agreement(own: Told) -> Iterator[str]:
    rows = own.tables["agreement"]
    worst = {name: max(row[name] for row in rows) for name in ("backprop", "unbuilt", "jacobian")}
    crossed, last = sum(row["crossed"] for row in rows), rows[-1]
    apart = f", apart from {crossed} samples of a parameter at which a unit opens or shuts" if crossed else ""
    yield (
        f"{own.who}: the mean of the samples' gradients is backprop's to {worst['backprop']:.1e}, their norms are the"
        f" same to {worst['unbuilt']:.1e} without building them, and brute force finds the gradients of all samples in"
        f" {last['moved']} parameters to {worst['jacobian']:.1e}{apart}. It makes {last['passes']} forward passes for"
        f" them, and {last['passes_of_mean']} for their mean alone."
    )


def _tell_training(own: Told) -> Iterator[str]:
    rows = own.tables["summary"]
    yield (
        f"{own.who}: the loss is {_through(rows, 'loss', _number)}, and the norm of the gradient"
        f" {_through(rows, 'gradient', _number)}. The noise scale, the batch whose error is as large as the gradient"
        f" itself, is {_through(rows, 'noise_scale', _number)}."
    )


def _tell_law(own: Told) -> Iterator[str]:
    told = [row for row in own.tables["noise"] if math.isfinite(row["deviation"])]
    if told:
        far = max(told, key=lambda row: abs(row["deviation"]))
        beyond = sum(abs(row["deviation"]) > FAR for row in told)
        yield (
            f"{own.who}: of {len(told)} mean squared errors of batches {beyond} are more than {FAR:g} standard errors"
            f" off the law; the farthest, {abs(far['deviation']):.2g}, is that of batches of {far['batch']}"
            f" {far['drawing']} {_when(int(far['steps']))}."
        )


LESSON: Sequence[tuple[str, str, str, Callable[[Told], Iterator[str]]]] = (
    (
        "pulls",
        "Which samples drive a weight",
        (
            "The gradient of a weight is the mean of what its samples pull. The pulls are sorted, the mean of their"
            " sizes being 1: on the left are those that go with the mean, on the right those against it. The area"
            " above 0 less the area below is what is left for the step."
        ),
        _tell_pulls,
    ),
    (
        "together",
        "How few samples do most of the pulling",
        (
            "The same samples, the strongest first, whichever way they pull: how much of all pulling so many of them"
            " do. If all pulled alike, the line would be the diagonal."
        ),
        _tell_together,
    ),
    (
        "norms",
        "The loss of a sample and the norm of its gradient",
        (
            "A point for every sample. Below the points of the least norm there can be none. Those of the cross-entropy"
            " level off at large losses, as the slopes in the outputs do; those of the squared error grow as the root"
            " of the loss."
        ),
        _tell_norms,
    ),
    (
        "cosines",
        "How far the samples agree",
        (
            "The cosine of the angle between the gradient of a sample and their mean, sorted: 1 is the same"
            " direction, 0 is at right angles."
        ),
        _tell_cosines,
    ),
    (
        "signal",
        "In which parameters the samples agree",
        (
            "The mean of a parameter's gradient over its standard deviation, sorted within each layer. Samples whose"
            " expected gradient is 0 would show the line of no signal by chance; 4.6 % of them would be beyond two"
            " standard errors. At a minimum the mean of these samples is 0, and so is their signal."
        ),
        _tell_signal,
    ),
    (
        "noise",
        "The error of a batch against its size",
        (
            "Points: batches that were drawn. Thin lines: the law. Without replacement a batch of all samples has no"
            " error. The slopes are told with that taken out; the law says -1/2."
        ),
        _tell_noise,
    ),
)
"""THE table of what is said before a figure: its name and heading, how it is read, and what it shows."""

FINDINGS: Sequence[Callable[[Told], Iterator[str]]] = (_tell_agreement, _tell_training, _tell_law)


def _number(value: float) -> str:
    return f"{value:,.0f}" if 100.0 <= value < 1e6 else f"{value:.3g}"
