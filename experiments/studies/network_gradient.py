"""How good is the gradient of a network by difference formulas? Its error against backprop over delta, in float64 and
float32, and what the kinks of the activations do to it: which parameters meet one, and the error without them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from derivkit.errors import best_delta
from derivkit.multivariate.network import LOSSES
from experiments.words import percent

Columns = Mapping[str, Any]
Array = NDArray[np.floating[Any]]
Indices = NDArray[np.intp]

NETWORK: tuple[type, str] = (str, "name of the network")
SAMPLES: tuple[type, str] = (int, "samples of the batch whose mean loss is differentiated")
PRECISION: tuple[type, str] = (str, "float64 or float32, of parameters, samples and everything that is computed")
DELTA: tuple[type, str] = (float, "the step")

TABLES: dict[str, dict[str, tuple[type, str]]] = {
    "table": {
        "network": NETWORK,
        "precision": PRECISION,
        "samples": SAMPLES,
        "method": (str, "difference formula"),
        "delta": DELTA,
        "parameters": (int, "parameters that were moved, a seeded choice"),
        "vanished": (int, "parameters against which delta vanished"),
        "error": (
            float,
            "|numerical - float64 backprop| / |backprop|, 2-norms over them; none where delta vanished against one",
        ),
        "rounding": (float, "how far rounding may take the numerical gradient, over |backprop|: see loss_rounding"),
    },
    "backprop": {
        "network": NETWORK,
        "precision": PRECISION,
        "error": (float, "the same of backprop in this precision; 0 in float64 by definition"),
    },
    "kinks": {
        "network": NETWORK,
        "samples": SAMPLES,
        "delta": DELTA,
        "crossed": (
            float,
            "share of the parameters at which a unit is open at -delta or +delta and shut at 0, or back",
        ),
        "error": (float, "of central_2 in float64, as in the table"),
        "held": (float, "the same with every unit held open or shut as it is at 0: truncation and rounding alone"),
        "large": (int, "parameters with a relative error above 1e-4"),
        "large_crossed": (int, "of these, those that crossed a kink"),
        "by_kink": (int, "of these in turn, those whose error is at most 1e-4 as soon as the units are held"),
        "explained": (float, "large_crossed / large; none where large is 0"),
    },
    "crossings": {
        "network": NETWORK,
        "batch": (str, "samples of the batch"),
        "delta": DELTA,
        "crossed": (float, "share of the parameters that crossed a kink"),
    },
    "parts": {
        "network": NETWORK,
        "batch": (str, "samples of the batch"),
        "part": (str, "the network as it is, or its units held open or shut as they are at 0"),
        "delta": DELTA,
        "error": (float, "of central_2 in float64"),
    },
    "summary": {
        "network": NETWORK,
        "precision": PRECISION,
        "method": (str, "difference formula"),
        "best_delta": (float, "the step of the smallest error, of a typical one: no single hit of luck"),
        "theory_delta": (float, "eps^(1/(p + 1)) with p the order of the formula"),
        "error": (float, "the smallest error"),
        "textbook_error": (float, "that at delta = 1e-4, where it is among the deltas"),
        "backprop_error": (float, "that of backprop in this precision"),
    },
    "findings": {"finding": (str, "what the tables say, in a sentence")},
}

KEYS = ("network", "precision", "samples", "method", "delta")
"""What tells the rows of the table apart when runs are compared."""

TOLERANCES: Mapping[str, Mapping[str, object]] = {"error": {"column": "rounding"}, "rounding": {"relative": 0.01}}
"""By how much rounding may move a column when a run is repeated; one percent is far more than the rounding of a bound
of positive terms."""

PRECISIONS: Mapping[str, type[np.floating[Any]]] = {"float64": np.float64, "float32": np.float32}
TEXTBOOK_DELTA = 1e-4
"""The step of a textbook's loop over weights; kinks are asked after from there on."""
LARGE = 1e-4
"""A relative error that would matter to a check of gradients; a constant without a derivation."""
MANY = 32
"""Batches of fewer samples have so few crossings that shares of them say nothing; a constant without a derivation."""
AS_IS, HELD = PARTS = "as it is", "units held open or shut"
STEEPEST = 1.13
"""No activation is steeper: gelu at sqrt 2, all others have slopes up to 1."""
ELEMENTARY = 4.0
"""Units of rounding by which an activation errs: 2 ulp, as derivkit.operations.elementary assumes of its functions."""
STACK = 2**18
"""Numbers in a stack of parameter vectors, about what a processor's cache holds."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Networks, data, formulas and deltas: small here, real in the preset."""

    network: tuple[dk.Network, ...]
    method: tuple[str, ...] = ("forward_1", "central_2")
    data: dk.Data = field(default_factory=dk.Data)
    delta: tuple[float, ...] = (1e-6, 1e-4, 1e-2)
    precision: tuple[str, ...] = ("float64", "float32")
    samples: int = 8
    batches: tuple[int, ...] = (8,)
    parameters: int = 40
    seed: int = 0
    kinks_from: float = 1e-5

    def __post_init__(self) -> None:
        if not (self.network and self.method and self.delta and self.precision and self.batches):
            raise ValueError("at least one network, method, delta, precision and batch are needed")
        for name in self.method:
            dk.formula(name)
        for name in self.precision:
            if name not in PRECISIONS:
                raise ValueError(f"precision={name}: there are {', '.join(PRECISIONS)}")
        for name, values in (
            ("samples", (self.samples,)),
            ("parameters", (self.parameters,)),
            ("batches", self.batches),
        ):
            if min(values) < 1:
                raise ValueError(f"{name}={min(values)}: must be at least 1")
        if not self.kinks_from >= 0.0:
            raise ValueError(f"kinks_from={self.kinks_from:g}: must not be negative; 0 looks at every delta")
        if self.seed < 0:
            raise ValueError(f"seed={self.seed}: must not be negative")
        for network in self.network:
            _refuse(self, network)

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        return len(self.network) * len(self.precision) * len(self.method) * len(self.delta)


def run(config: Config) -> Iterator[tuple[str, Columns]]:
    """Yield the V curves of one network in one precision at a time, then what kinks do to central differences."""
    for network in config.network:
        for precision in config.precision:
            yield from _curves(config, network, precision)
    for network in config.network:
        if any(row.kinked for row in network.rows) and max(config.delta) >= config.kinks_from:
            for count in config.batches:
                yield from _kinks(config, network, count)


def _refuse(config: Config, network: dk.Network) -> None:
    if network.l1:
        raise ValueError(
            f"network {network.name}: the penalty l1={network.l1:g} has kinks of its own, which this study does"
            " not count; take l2"
        )
    for count in (config.samples, *config.batches):
        _batch(config, network, count)


def _batch(config: Config, network: dk.Network, count: int) -> dk.Samples:
    inputs, classes = network.sizes[0], network.sizes[-1]
    samples = config.data.draw(count, inputs=inputs, classes=classes, seed=config.seed)
    return samples if LOSSES[network.objective].labelled else samples.one_hot(classes)


def _chosen(config: Config, network: dk.Network) -> Indices:
    """A seeded choice of the parameters, in rising order."""
    order = np.random.default_rng(config.seed).permutation(network.count)
    return np.sort(order[: config.parameters])


def _norm(difference: Array, exact: Array) -> float:
    """The relative error in the 2-norm, computed in float64."""
    size = float(np.linalg.norm(exact))
    return float(np.linalg.norm(difference)) / size if size else math.nan


# The V curves


def _curves(config: Config, network: dk.Network, precision: str) -> Iterator[tuple[str, Columns]]:
    kind, which = PRECISIONS[precision], _chosen(config, network)
    parameters = network.initial(seed=config.seed, dtype=kind)
    samples = _batch(config, network, config.samples).astype(kind)
    exact = network.backprop(parameters.astype(np.float64), samples.astype(np.float64))[which]
    own = network.backprop(parameters, samples)[which]
    unit = float(np.finfo(kind).eps) / 2.0
    rounded = loss_rounding(network, parameters.astype(np.float64), samples.astype(np.float64), unit=unit)
    yield "backprop", {"network": network.name, "precision": precision, "error": np.array([_norm(own - exact, exact)])}
    for method in config.method:
        found = [
            dk.brute_force(network, parameters, samples, delta=delta, formula=method, which=which)
            for delta in config.delta
        ]
        yield (
            "table",
            {
                "network": network.name,
                "precision": precision,
                "samples": config.samples,
                "method": method,
                "delta": np.array(config.delta),
                "parameters": which.size,
                "vanished": np.array([np.count_nonzero(one.vanished) for one in found]),
                "error": np.array([_norm(one.gradient - exact, exact) for one in found]),
                "rounding": _rounding(rounded, dk.formula(method), np.array(config.delta), exact),
            },
        )


def loss_rounding(network: dk.Network, parameters: Array, samples: dk.Samples, *, unit: float) -> float:
    """How far rounding may take the mean loss from what exact arithmetic gives, to first order in the unit.

    Running error analysis (Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed. 2002, sections 3.1 and
    3.3): a sum of n products errs by at most n units of the sum of their absolute values, in whatever order it is made,
    and an error goes on through an activation or a loss by the slope there.

    Parameters
    ----------
    network, parameters, samples
        The network, in float64.
    unit
        Unit roundoff of the precision in question, half of its eps.

    Examples
    --------
    >>> tiny = dk.Network((4, 16, 3))
    >>> 1e-16 < loss_rounding(tiny, tiny.initial(), dk.generated(8, inputs=4, classes=3), unit=2.0**-53) < 1e-13
    True
    """
    layers = network.forward(parameters, samples)
    error = np.zeros_like(layers[0].given)
    for matrix, layer in zip(network.matrices(parameters), layers, strict=True):
        summed = np.abs(matrix) @ (error + matrix.shape[-1] * unit * np.abs(layer.given))
        handed = STEEPEST * summed + ELEMENTARY * unit * np.abs(layer.a)
        error = np.concatenate([handed, np.zeros_like(handed[:1])])  # the ones of the biases are exact
    outputs = layers[-1].a
    loss = LOSSES[network.objective]
    value, slope = loss.value(outputs, samples.targets), loss.slope(outputs, samples.targets, 1.0)
    # The outputs are subtracted from the largest, raised, summed and taken the logarithm of, or subtracted and squared.
    own = (len(outputs) + 3.0 * ELEMENTARY) * unit * (np.abs(value) + 2.0 * np.max(np.abs(outputs), axis=0) + 1.0)
    mean = float(np.mean(np.sum(np.abs(slope) * handed, axis=0) + own + value.size * unit * np.abs(value)))
    return mean + network.count * unit * float(network.penalty(parameters))


def _rounding(loss: float, formula: dk.Stencil, delta: Array, exact: Array) -> Array:
    """How far a rounding of every loss takes the gradient by a formula, relative in the 2-norm."""
    weights, divisor = formula.coefficients
    size = float(np.linalg.norm(exact))
    gain = float(np.sum(np.abs(weights))) / abs(float(divisor))
    return gain * loss / delta * math.sqrt(exact.size) / size if size else np.full(delta.shape, np.nan)


# Kinks


def _kinks(config: Config, network: dk.Network, count: int) -> Iterator[tuple[str, Columns]]:
    parameters, samples = network.initial(seed=config.seed), _batch(config, network, count)
    which = _chosen(config, network)
    exact = network.backprop(parameters, samples)[which]
    deltas = [delta for delta in config.delta if delta >= config.kinks_from]
    rows = [_kinks_at(network, parameters, samples, which, exact, delta) for delta in deltas]
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    delta = np.array(deltas)
    batch = "1 sample" if count == 1 else f"{count} samples"
    yield "kinks", {"network": network.name, "samples": count, "delta": delta, **columns}
    yield "crossings", {"network": network.name, "batch": batch, "delta": delta, "crossed": columns["crossed"]}
    for part, name in zip(PARTS, ("error", "held"), strict=True):
        yield (
            "parts",
            {"network": network.name, "batch": batch, "part": part, "delta": delta, "error": columns[name]},
        )


def _kinks_at(
    network: dk.Network, parameters: Array, samples: dk.Samples, which: Indices, exact: Array, delta: float
) -> dict[str, Any]:
    """What kinks do to the central difference with one delta."""
    found = dk.brute_force(network, parameters, samples, delta=delta, which=which)
    estimate, crossed = found.gradient, found.kinks
    held = held_difference(network, parameters, samples, which, delta)
    large = _relative(estimate, exact) > LARGE
    small_if_held = _relative(held, exact) <= LARGE
    total, among = np.count_nonzero(large), np.count_nonzero(large & crossed)
    return {
        "crossed": float(np.mean(crossed)),
        "error": _norm(estimate - exact, exact),
        "held": _norm(held - exact, exact),
        "large": total,
        "large_crossed": among,
        "by_kink": np.count_nonzero(large & crossed & small_if_held),
        "explained": among / total if total else math.nan,
    }


def _relative(estimate: Array, exact: Array) -> Array:
    """Of every parameter; 0 where the estimate is exact, infinite where anything else is told of a slope of 0."""
    error = np.abs(estimate - exact)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(error == 0.0, 0.0, error / np.abs(exact)))


def held_difference(network: dk.Network, parameters: Array, samples: dk.Samples, which: Indices, delta: float) -> Array:
    """The central difference without kinks: every unit with one keeps the slope that it has where nothing is moved."""
    layers = network.forward(parameters, samples)
    slopes = [row.slope(layer.z, layer.a) for row, layer in zip(network.rows, layers, strict=True)]
    held = np.empty(which.size)
    together = max(1, STACK // network.count)
    for start in range(0, which.size, together):
        chunk = slice(start, start + together)
        index = which[chunk]
        ends, losses = [], []
        for step in (delta, -delta):
            stack = np.tile(parameters, (index.size, 1))
            stack[np.arange(index.size), index] += step
            ends.append(stack[np.arange(index.size), index])
            given: Array = samples.with_one.T
            for matrix, row, slope in zip(network.matrices(stack), network.rows, slopes, strict=True):
                z = matrix @ given
                a = slope * z if row.kinked else row.value(z, np.empty_like(z))
                given = np.concatenate([a, np.ones_like(a[:, :1])], axis=1)
            outputs = np.moveaxis(a, (-2, -1), (0, 1))
            value = LOSSES[network.objective].value(outputs, samples.targets)
            losses.append(np.mean(value, axis=0) + network.penalty(stack))
        held[chunk] = (losses[0] - losses[1]) / (ends[0] - ends[1])
    return held


# What the whole run says


def conclude(tables: Mapping[str, Columns]) -> Iterator[tuple[str, Columns]]:
    """Yield the best deltas, and findings."""
    summary = _summary(tables["table"], tables["backprop"])
    yield "summary", summary
    sentences = list(_curves_said(summary))
    if "kinks" in tables:
        sentences += _kinks_said(tables["kinks"])
    yield "findings", {"finding": sentences}


def _groups(columns: Columns, *names: str) -> dict[tuple[Any, ...], NDArray[np.intp]]:
    """The rows of every distinct key, keys in the order of first appearance."""
    found: dict[tuple[Any, ...], list[int]] = {}
    for place, key in enumerate(zip(*(columns[name] for name in names), strict=True)):
        found.setdefault(key, []).append(place)
    return {key: np.array(rows) for key, rows in found.items()}


def _summary(table: Columns, backprop: Columns) -> Columns:
    known = {
        key: float(np.asarray(backprop["error"])[rows[0]])
        for key, rows in _groups(backprop, "network", "precision").items()
    }
    rows: list[tuple[Any, ...]] = []
    for (network, precision, method), at in _groups(table, "network", "precision", "method").items():
        delta, error = (np.asarray(table[name])[at] for name in ("delta", "error"))
        theory = float(np.finfo(PRECISIONS[str(precision)]).eps) ** (1.0 / (dk.formula(str(method)).order + 1))
        reached = best_delta(delta, error)
        taught = error[np.isclose(delta, TEXTBOOK_DELTA, rtol=1e-9, atol=0.0)]
        names = (str(network), str(precision), str(method))
        textbook = float(taught[0]) if taught.size else math.nan
        rows.append((*names, reached[0], theory, reached[1], textbook, known[network, precision]))
    columns = list(zip(*rows, strict=True))
    return {
        name: list(column) if kind is str else np.array(column)
        for (name, (kind, _)), column in zip(TABLES["summary"].items(), columns, strict=True)
    }


def _curves_said(summary: Columns) -> Iterator[str]:
    for (network, precision), at in _groups(summary, "network", "precision").items():
        said = []
        for k in at:
            if math.isnan(summary["error"][k]):
                continue
            order = dk.formula(str(summary["method"][k])).order
            said.append(
                f"{summary['method'][k]} errs by {summary['error'][k]:.1e} at delta {summary['best_delta'][k]:.1e} "
                f"(eps^(1/{order + 1}) = {summary['theory_delta'][k]:.1e}{_taught(summary['textbook_error'][k])})"
            )
        if not said:
            yield f"{network}, {precision}: every delta vanishes against a parameter; take larger ones."
            continue
        exact = float(summary["backprop_error"][at[0]])
        beside = f"; backprop in {precision} errs by {exact:.1e}" if exact else ""
        yield f"{network}, {precision}: at best {' and '.join(said)}{beside}."


def _taught(error: float) -> str:
    return "" if math.isnan(error) else f"; at {TEXTBOOK_DELTA:g} it errs by {error:.1e}"


def _kinks_said(kinks: Columns) -> Iterator[str]:
    for (network, samples), at in _groups(kinks, "network", "samples").items():
        own = {name: np.asarray(kinks[name])[at] for name in TABLES["kinks"] if name not in ("network", "samples")}
        place = f"{network}, {samples} {'sample' if samples == 1 else 'samples'}"
        met = own["crossed"] > 0
        if not np.any(met):
            yield f"{place}: no delta lets a parameter cross a kink."
            continue
        first = int(np.flatnonzero(met)[np.argmin(own["delta"][met])])
        most = int(np.argmax(own["crossed"]))
        yield (
            f"{place}: the smallest delta at which a parameter crosses a kink is {own['delta'][first]:.1e} "
            f"({percent(own['crossed'][first])} of them do); at {own['delta'][most]:.1e} "
            f"{percent(own['crossed'][most])} do."
        )
        yield from _damage(place, own)
        if samples >= MANY:
            yield from _explained(place, own)
    for (network,), at in _groups(kinks, "network").items():
        own = {name: np.asarray(kinks[name])[at] for name in TABLES["kinks"] if name != "network"}
        many = own["samples"] >= MANY
        if np.unique(own["samples"][many]).size > 1:
            yield from _explained(
                f"{network}, all batches of {MANY} samples or more", {name: own[name][many] for name in own}
            )


def _explained(place: str, own: Columns) -> Iterator[str]:
    """What share of the large errors crossings explain: where truncation leaves them alone, and with every delta."""
    asked = own["delta"] >= TEXTBOOK_DELTA
    alone = asked & (own["held"] <= LARGE)
    for rows, where in (
        (alone, f"where truncation alone errs by at most {LARGE:g}, delta from {TEXTBOOK_DELTA:g} to"),
        (asked, f"with every delta from {TEXTBOOK_DELTA:g} to"),
    ):
        large, crossed, by_kink = (int(np.sum(own[name][rows])) for name in ("large", "large_crossed", "by_kink"))
        if large:
            yield (
                f"{place}, {where} {np.max(own['delta'][rows]):.1e}: {large:,} relative errors are above {LARGE:g}; "
                f"{percent(crossed / large)} of them are at parameters that crossed a kink, and "
                f"{percent(by_kink / large)} fall to {LARGE:g} or less when the units are held as they are. "
                f"The other {large - by_kink:,} are above it without kinks too."
            )


def _damage(place: str, own: Columns) -> Iterator[str]:
    """Where kinks spoil the whole gradient most, in proportion."""
    there = own["held"] > 0
    ratio = np.where(there, own["error"] / np.where(there, own["held"], 1.0), 0.0)
    worst = int(np.argmax(ratio))
    if ratio[worst] > 2:
        yield (
            f"{place}: at delta {own['delta'][worst]:.1e} kinks make the error of the whole gradient "
            f"{own['error'][worst]:.1e} instead of {own['held'][worst]:.1e}."
        )
