"""How good is the gradient of a network by difference formulas? Its error against backprop over delta, in float64 and
float32, and what the kinks of the activations do to it: which parameters meet one, and the error without them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from experiments import columns
from experiments.study import Frame, Rows, Tables, column, key, refuse_below, refuse_empty, refuse_unknown
from experiments.words import counted, number, percent

Array = NDArray[np.floating[Any]]
Indices = NDArray[np.intp]

PRECISIONS = ("float64", "float32")
TEXTBOOK_DELTA = 1e-4
"""The step of a textbook's loop over weights; kinks are asked after from there on."""
LARGE = 1e-4
"""A relative error that would matter to a check of gradients; a constant without a derivation."""
MIN_BATCH = 32
"""Batches of fewer samples have so few crossings that shares of them say nothing; a constant without a derivation."""
AS_IS, HELD = "as it is", "units held open or shut"


# Tables


class Computed(columns.Network, table=None):
    """A network in a precision."""

    precision: str = key("float64 or float32, of parameters, samples and everything that is computed")


class Batch(columns.Network, table=None):
    """A network on some samples."""

    batch: str = key("samples of the batch")


class Table(Computed):
    """A row for every formula and delta."""

    samples: int = key("samples of the batch whose mean loss is differentiated")
    method: str = key("difference formula", axis="series")
    delta: float = key("the step", axis="x")
    parameters: int = column("parameters that were moved, a seeded choice")
    vanished: int = column("parameters against which delta vanished")
    error: float = column(
        "|numerical - float64 backprop| / |backprop|, 2-norms over them; none where delta vanished against one",
        moves={"column": "rounding"}, axis="y", label="relative error of the gradient",
    )  # fmt: skip
    # One percent is far more than the rounding of a bound of positive terms.
    rounding: float = column(
        "how far rounding may take the numerical gradient, over |backprop|: see loss_rounding",
        moves={"relative": 0.01},
    )  # fmt: skip


class Backprop(Computed):
    """Backprop itself."""

    error: float = column("the same of backprop in this precision; 0 in float64 by definition")


class Kinks(columns.Network):
    """What kinks do to central differences."""

    samples: int = key("samples of the batch whose mean loss is differentiated")
    delta: float = key("the step")
    crossed: float = column(
        "share of the parameters at which a unit is open at -delta or +delta and shut at 0, or back"
    )
    at_kinks: float = column("share of the parameters at which the unit stands exactly on its kink at 0")
    error: float = column("of central_2 in float64, as in the table")
    held: float = column("the same with every unit held open or shut as it is at 0: truncation and rounding alone")
    large: int = column("parameters with a relative error above 1e-4")
    large_crossed: int = column("of these, those that crossed a kink")
    by_kink: int = column("of these in turn, those whose error is at most 1e-4 as soon as the units are held")
    explained: float = column("large_crossed / large; none where large is 0")


class Crossings(Batch):
    """How many parameters cross a kink."""

    delta: float = key("the step", axis="x")
    crossed: float = column(
        "share of the parameters that crossed a kink", axis="y", label="share of parameters that cross a kink"
    )


class Parts(Batch):
    """The errors with kinks and without."""

    part: str = key("the network as it is, or its units held open or shut as they are at 0", axis="series")
    delta: float = key("the step", axis="x")
    error: float = column("of central_2 in float64", axis="y", label="relative error of the gradient")


class Summary(Computed):
    """One line for every formula."""

    method: str = key("difference formula")
    best_delta: float = column("the step of the smallest error, of a typical one: no single hit of luck")
    theory_delta: float = column("eps^(1/(p + 1)) with p the order of the formula")
    error: float = column("the smallest error")
    textbook_error: float = column("that at delta = 1e-4, where it is among the deltas")
    backprop_error: float = column("that of backprop in this precision")


# What is measured


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
        refuse_empty(self, "network", "method", "delta", "precision", "batches")
        for name in self.method:
            dk.formula(name)
        refuse_unknown(self, "precision", PRECISIONS)
        refuse_below(1, self, "samples", "parameters", "batches")
        if not self.kinks_from >= 0.0:
            raise ValueError(f"kinks_from={self.kinks_from:g}: must not be negative; 0 looks at every delta")
        refuse_below(0, self, "seed")
        for network in self.network:
            refuse(self, network)

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        return len(self.network) * len(self.precision) * len(self.method) * len(self.delta)


def measure(config: Config) -> Iterator[Rows]:
    """Yield the V curves of one network in one precision at a time, then what kinks do to central differences."""
    for network in config.network:
        for precision in config.precision:
            yield from errors(config, network, precision)
    for network in config.network:
        if network.kinked and max(config.delta) >= config.kinks_from:
            for count in config.batches:
                yield from kinks(config, network, count)


def refuse(config: Config, network: dk.Network) -> None:
    """Refuse a network with kinks that are not counted, and one that the data do not fit."""
    network.refuse_kinked_penalty()
    for count in (config.samples, *config.batches):
        batch_of(config, network, count)


def batch_of(config: Config, network: dk.Network, count: int) -> dk.Samples:
    """The samples whose mean loss is differentiated."""
    return network.draw(config.data, count, seed=config.seed)


def chosen(config: Config, network: dk.Network) -> Indices:
    """A seeded choice of the parameters, in rising order."""
    order = np.random.default_rng(config.seed).permutation(network.count)
    return np.sort(order[: config.parameters])


def errors(config: Config, network: dk.Network, precision: str) -> Iterator[Rows]:
    """The V curves of a network in a precision, and the error of backprop."""
    kind, which, delta = np.dtype(precision), chosen(config, network), np.array(config.delta)
    parameters = network.initial(seed=config.seed, dtype=kind)
    samples = batch_of(config, network, config.samples).astype(kind)
    doubles = parameters.astype(np.float64), samples.astype(np.float64)
    exact = network.backprop(*doubles)[which]
    loss = dk.loss_rounding(network, *doubles, unit=float(np.finfo(kind).eps) / 2.0)
    backprop = network.backprop(parameters, samples)[which]
    yield Backprop(network=network.name, precision=precision, error=dk.norm_ratio(backprop - exact, exact))
    for method in config.method:
        moved = [
            dk.brute_force(network, parameters, samples, delta=step, formula=method, which=which)
            for step in config.delta
        ]
        yield Table(
            network=network.name, precision=precision, samples=config.samples, method=method, delta=delta,
            parameters=which.size, vanished=[np.count_nonzero(one.vanished) for one in moved],
            error=[dk.norm_ratio(one.gradient - exact, exact) for one in moved],
            rounding=dk.gradient_rounding(loss, dk.formula(method), delta, exact),
        )  # fmt: skip


def kinks(config: Config, network: dk.Network, count: int) -> Iterator[Rows]:
    """What kinks do to the central differences of a batch."""
    parameters, samples = network.initial(seed=config.seed), batch_of(config, network, count)
    which = chosen(config, network)
    deltas = [delta for delta in config.delta if delta >= config.kinks_from]
    rows = [asdict(dk.kink_effect(network, parameters, samples, which, delta, large=LARGE)) for delta in deltas]
    yield Kinks.of(rows, network=network.name, samples=count)
    batch = {"network": network.name, "batch": counted(count, "sample")}
    yield Crossings.of(rows, **batch)
    yield Parts.of(rows, **batch, part=AS_IS)
    yield Parts.of(rows, **batch, part=HELD, error=[row["held"] for row in rows])


# What the whole run says


def conclude(tables: Tables) -> Iterator[Rows]:
    """Yield the best deltas."""
    backprop = tables[Backprop].groupby(["network", "precision"])["error"].first()
    for (network, precision, method), rows in tables[Table].groupby(["network", "precision", "method"], sort=False):
        reached = dk.best_delta(rows["delta"].to_numpy(), rows["error"].to_numpy())
        textbook = rows["error"][np.isclose(rows["delta"], TEXTBOOK_DELTA, rtol=1e-9, atol=0.0)]
        yield Summary(
            network=network, precision=precision, method=method, best_delta=reached[0],
            theory_delta=dk.classical_delta(dk.formula(method), 1.0, precision), error=reached[1],
            textbook_error=textbook.iloc[0] if len(textbook) else math.nan,
            backprop_error=backprop[network, precision],
        )  # fmt: skip


def tell(tables: Tables) -> Iterator[str]:
    """Yield how small the errors become, and what share of the large ones is due to kinks."""
    for (network, precision), rows in tables[Summary].groupby(["network", "precision"], sort=False):
        yield f"{network}, {precision}: {at_best(rows.dropna(subset='error'), precision)}"
    for (network, samples), rows in tables[Kinks].groupby(["network", "samples"], sort=False):
        yield from of_kinks(f"{network}, {counted(samples, 'sample')}", rows, many=samples >= MIN_BATCH)
    large = tables[Kinks][tables[Kinks]["samples"] >= MIN_BATCH]
    for network, rows in large.groupby("network", sort=False):
        if rows["samples"].nunique() > 1:
            yield from explained(f"{network}, all batches of {MIN_BATCH} samples or more", rows)


def at_best(rows: Frame, precision: str) -> str:
    """The smallest errors of a network in a precision, with their deltas."""
    errors = []
    for row in rows.itertuples():
        textbook = (
            "" if math.isnan(row.textbook_error) else f"; at {TEXTBOOK_DELTA:g} it errs by {number(row.textbook_error)}"
        )
        errors.append(
            f"{row.method} errs by {number(row.error)} at delta {number(row.best_delta)} (eps^(1/"
            f"{dk.formula(row.method).order + 1}) = {number(row.theory_delta)}{textbook})"
        )
    if not errors:
        return "every delta vanishes against a parameter; take larger ones."
    exact = rows["backprop_error"].iloc[0]
    beside = f"; backprop in {precision} errs by {number(exact)}" if exact else ""
    return f"at best {' and '.join(errors)}{beside}."


def of_kinks(place: str, rows: Frame, *, many: bool) -> Iterator[str]:
    """From which delta on parameters cross kinks, and what that does."""
    met = rows[rows["crossed"] > 0]
    if met.empty:
        yield f"{place}: no delta lets a parameter cross a kink."
        return
    first, most = met.loc[met["delta"].idxmin()], rows.loc[rows["crossed"].idxmax()]
    yield (
        f"{place}: the smallest delta at which a parameter crosses a kink is {number(first.delta)}, where "
        f"{percent(first.crossed)} of them do; at delta {number(most.delta)} it is {percent(most.crossed)}."
    )
    if rows["at_kinks"].max() > 0:
        yield (
            f"{place}: the network stands exactly on kinks, off which {percent(rows['at_kinks'].max())} of the "
            "parameters move it. The loss has two slopes there: the central difference is their mean with every delta, "
            "and backprop gives one of them, so that they differ and neither is wrong."
        )
    yield from damage(place, rows)
    if many:
        yield from explained(place, rows)


def explained(place: str, rows: Frame) -> Iterator[str]:
    """What share of the large errors crossings explain: where truncation leaves them alone, and with every delta."""
    every = rows[rows["delta"] >= TEXTBOOK_DELTA]
    alone = every[every["held"] <= LARGE]
    for some, where in (
        (alone, f"where truncation alone errs by at most {LARGE:g}, delta from {TEXTBOOK_DELTA:g} to"),
        (every, f"with every delta from {TEXTBOOK_DELTA:g} to"),
    ):
        large, crossed, by_kink = (int(some[name].sum()) for name in ("large", "large_crossed", "by_kink"))
        if large:
            yield (
                f"{place}, {where} {number(some['delta'].max())}: of {counted(large, 'relative error')} "
                f"above {LARGE:g}, {percent(crossed / large)} are at parameters that crossed a kink, and "
                f"{percent(by_kink / large)} fall to {LARGE:g} or less when the units are held as they are; "
                f"{large - by_kink or 'none'} stay above it without kinks too."
            )


def damage(place: str, rows: Frame) -> Iterator[str]:
    """Where kinks spoil the whole gradient most, in proportion."""
    ratio = (rows["error"] / rows["held"].where(rows["held"] > 0)).fillna(0.0)
    worst = rows.loc[ratio.idxmax()]
    if ratio.max() > 2:
        yield (
            f"{place}: at delta {number(worst.delta)} kinks make the error of the whole gradient "
            f"{number(worst.error)} instead of {number(worst.held)}."
        )
