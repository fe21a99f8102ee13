"""What the chapter says loosely, measured: figures 17 to 21, and a sentence for each."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from experiments import columns
from experiments.studies.chapter.drawings import CORNERS, DELTA, SIDES, double_square
from experiments.study import Frame, Tables, column
from experiments.timing import least_seconds
from experiments.words import number, part_of

Floats = NDArray[np.floating[Any]]
Action = Callable[[], Floats]

OUTPUTS, BATCH = 4, 16
"""Outputs of the small layer, and samples over which its loss is averaged where parameters are counted."""
BY_DELTA, BY_STEP = "divided by delta", "divided by x2 − x1"
ONE_BY_ONE, AT_ONCE = "one forward pass per sample", "one forward pass for all"
EACH_SAMPLE, WHOLE_BATCH, ANALYTICAL = (
    "brute force, sample by sample",
    "brute force, whole batch",
    "analytical gradient",
)


class Measured(columns.Figure):
    """What the chapter says loosely."""

    quantity: str = column("what was computed", axis="series")
    variable: str = column("on what it depends")
    at: float = column("the value of that variable", axis="x", label="delta")
    result: float = column("the result; none where it does not exist")
    error: float = column(
        "its distance from the exact value; none where there is no exact value", axis="y", label="absolute error"
    )


class Timing(columns.Figure):
    """How long it takes."""

    way: str = column("how it was computed", axis="series")
    variable: str = column("on what the time depends")
    at: int = column("the value of that variable", axis="x")
    passes: int = column("forward passes; the analytical gradient has one backward pass besides")
    seconds: float = column("least time of the repeats", measured=True, axis="y")


def results(features: int, samples: int) -> Iterator[Measured]:
    """Yield the slopes at corners, and how far the ways to outputs and gradients of a layer lie apart."""
    yield from itertools.chain(corner_slopes(), agreement(features, samples))


# Slopes that depend on delta


def slope(figure: str, quantity: str, delta: float, result: float, exact: float = np.nan) -> Measured:
    """A slope by some delta."""
    error = abs(result - exact)
    return Measured(figure=figure, quantity=quantity, variable="delta", at=delta, result=result, error=error)


def too_small(f: Callable[[float], float] = double_square, x: float = 1.0, exact: float = 4.0) -> Iterator[Measured]:
    """The slope of f at x, of 2x^2 at 1, for ever smaller deltas, divided by delta and by the step really taken."""
    for power in range(1, 18):
        delta = float(f"1e-{power}")
        rise, step = f(x + delta) - f(x), (x + delta) - x
        for way, run in ((BY_DELTA, delta), (BY_STEP, step)):
            yield slope("figure_17", way, delta, rise / run if run else np.nan, exact)


def central(f: Callable[[float], float] = double_square, x: float = 1.0, exact: float = 4.0) -> Iterator[Measured]:
    """The forward and the central difference of f at x, for deltas that are powers of two: 1 + delta is not rounded."""
    for delta in (2.0**-power for power in range(1, 21)):
        for name in ("forward_1", "central_2"):
            yield slope("figure_18", name, delta, float(dk.difference(f, x, delta, formula=name)), exact)


def corner_slopes() -> Iterator[Measured]:
    """The slopes of the chords of abs and relu at 0; there is no exact value, hence no error."""
    for name, f in CORNERS.items():
        for way, (left, right) in SIDES:
            for delta in (1.0, 1e-4, 1e-8, 1e-16):
                chord = dk.secant(f, left * delta, right * delta)
                yield slope("figure_19", f"{name}: {way}", delta, chord.slope)


# A layer of `features` inputs and OUTPUTS outputs, with the mean square of its outputs' distance from a target


@dataclass(frozen=True)
class Layer:
    """A network of one linear layer, with fixed random weights and samples, which are there singly too."""

    features: int
    count: int

    @cached_property
    def network(self) -> dk.Network:
        """The layer with its loss."""
        return dk.Network((self.features, OUTPUTS), (), "mean_squared_error")

    @cached_property
    def parameters(self) -> Floats:
        """Its weights and biases."""
        return self.network.initial(seed=self.features)

    @cached_property
    def samples(self) -> dk.Samples:
        """The samples."""
        draw = np.random.default_rng(self.count)
        inputs = draw.normal(size=(self.count, self.features))
        return dk.Samples(inputs, draw.normal(size=(self.count, OUTPUTS)))

    @cached_property
    def singles(self) -> list[dk.Samples]:
        """The same one by one."""
        return [self.samples.take([k]) for k in range(self.count)]

    def outputs(self, samples: dk.Samples) -> Floats:
        """What the layer makes of samples; shape ``(OUTPUTS, samples)``."""
        return self.network.forward(self.parameters, samples)[-1].a

    def at_once(self) -> Floats:
        """The outputs of all samples, by one pass."""
        return self.outputs(self.samples)

    def one_by_one(self) -> Floats:
        """The outputs of all samples, by a pass for each of them."""
        return np.concatenate([self.outputs(sample) for sample in self.singles], axis=1)

    def brute_force(self, *batches: dk.Samples) -> tuple[Floats, int]:
        """The gradient as the chapter's loop has it, every parameter moved by DELTA and back, and the forward passes.

        Of several batches it is the mean.
        """
        results = [
            dk.brute_force(self.network, self.parameters, batch, delta=DELTA, formula="forward_1", way="naive")
            for batch in batches
        ]
        return np.mean([one.gradient for one in results], axis=0), sum(one.forward_passes for one in results)

    def analytical(self) -> tuple[Floats, int]:
        """The gradient from the rules, which takes one forward pass."""
        return self.network.backprop(self.parameters, self.samples), 1


GRADIENTS: Mapping[str, Callable[[Layer], tuple[Floats, int]]] = {
    EACH_SAMPLE: lambda layer: layer.brute_force(*layer.singles),
    WHOLE_BATCH: lambda layer: layer.brute_force(layer.samples),
    ANALYTICAL: Layer.analytical,
}
"""Gradients of a layer, each with the forward passes that it takes."""


def agreement(features: int, samples: int) -> Iterator[Measured]:
    """How far the ways to one result lie apart: they must compute the same thing before their times are compared."""
    layer = Layer(features, samples)
    yield Measured(
        figure="figure_20", quantity="outputs, one by one and at once", variable="samples", at=samples,
        result=np.max(np.abs(layer.at_once() - layer.one_by_one())), error=np.nan,
    )  # fmt: skip
    layer = Layer(features, BATCH)
    exact, _ = GRADIENTS[ANALYTICAL](layer)
    for way, gradient in GRADIENTS.items():
        result, _ = gradient(layer)
        yield Measured(
            figure="figure_21", quantity=f"gradient, {way}", variable="parameters", at=layer.network.count,
            result=result[0], error=np.max(np.abs(result - exact)),
        )  # fmt: skip


def timings(features: int, samples: int, repeats: int) -> Iterator[Timing]:
    """Yield times of forward passes for 1, 2, 4, ... samples, and of gradients of layers of 1, 2, 4, ... features."""
    for count in growing(samples):
        layer = Layer(features, count)
        passes: Mapping[str, tuple[Action, int]] = {ONE_BY_ONE: (layer.one_by_one, count), AT_ONCE: (layer.at_once, 1)}
        for way, (action, needed) in passes.items():
            seconds = least_seconds(repeats, action)
            yield Timing(figure="figure_20", way=way, variable="samples", at=count, passes=needed, seconds=seconds)
    for layer in (Layer(inputs, BATCH) for inputs in growing(features)):
        for way, gradient in GRADIENTS.items():
            _, number = gradient(layer)
            seconds = least_seconds(repeats, functools.partial(gradient, layer))
            yield Timing(
                figure="figure_21", way=way, variable="parameters", at=layer.network.count, passes=number,
                seconds=seconds,
            )  # fmt: skip


def growing(most: int) -> list[int]:
    """Return 1, 2, 4, ... up to ``most``."""
    return [2**k for k in range(most.bit_length())]


# The findings: each in a sentence, from what was measured


def results_of(tables: Tables, quantity: str) -> Frame:
    """Result and error of a quantity over what it depends on; of several jobs the last."""
    rows = tables[Measured]
    return rows[rows["quantity"] == quantity].drop_duplicates("at", keep="last").set_index("at")


def largest_of(tables: Tables, figure: str) -> tuple[int, Frame]:
    """The largest size that was timed for a figure, and the times there by way."""
    rows = tables[Timing][tables[Timing]["figure"] == figure]
    last = rows["at"].max()
    return int(last), rows[rows["at"] == last].drop_duplicates("way", keep="last").set_index("way")


def of_too_small(tables: Tables) -> str:
    """What small deltas do."""
    by_delta, by_step = (results_of(tables, way) for way in (BY_DELTA, BY_STEP))
    errors = by_delta["error"]
    exact, gone = by_step.index[by_step["error"] == 0.0], by_delta.index[by_delta["result"] == 0.0].max()
    return (
        f"Delta is never rounded to 0 here, yet divided by delta the error grows from {number(errors.min())} at "
        f"delta = {number(errors.idxmin())}, the best, to {number(errors[1e-15])} at 1e-15, and from "
        f"{number(gone)} on 1 + delta is 1 and the result 0. Divided by the step really taken, the result is exactly 4 "
        f"from {number(exact.max())} to {number(exact.min())}: what is rounded is x + delta, not f."
    )


def of_central(tables: Tables) -> str:
    """Where the 2 in 4.0002 comes from."""
    forward, both = (results_of(tables, name)["error"] for name in ("forward_1", "central_2"))
    ratios = forward / forward.index
    most = "" if ratios.nunique() == 1 else f" to {ratios.max():g} times delta"
    return (
        f"The forward difference of 2x² misses by {ratios.min():g} times delta{most}, the central difference is exact "
        f"at {part_of(int((both == 0.0).sum()), len(both), 'delta')}: the 2 in 4.0002 comes from this formula and "
        "delta."
    )


def of_corners(tables: Tables) -> str:
    """The slopes of the sides."""
    corners = []
    for name in CORNERS:
        sides = [sorted(set(results_of(tables, f"{name}: {way}")["result"])) for way, _ in SIDES]
        left, right, across = (" or ".join(f"{slope:g}" for slope in slopes) for slopes in sides)
        corners.append(f"for {name} {left} from the left, {right} to the right and {across} across")
    return (
        f"The slope of a chord at the corner is {'; '.join(corners)}, for every delta from 1 to 1e-16: no delta "
        "decides."
    )


def of_batch(tables: Tables) -> str:
    """What one pass for all samples saves."""
    last, times = largest_of(tables, "figure_20")
    rows = tables[Measured]
    apart = number(rows["result"][rows["figure"] == "figure_20"].max())
    ratio = times.loc[ONE_BY_ONE, "seconds"] / times.loc[AT_ONCE, "seconds"]
    return (
        f"For {last} samples one pass for all took 1/{ratio:.0f} of the time of {last} passes, and the outputs differ "
        f"by {apart} at most: a loop over the samples is not needed."
    )


def of_brute_force(tables: Tables) -> str:
    """What brute force costs."""
    last, times = largest_of(tables, "figure_21")
    each, whole, rules = (times.loc[way] for way in GRADIENTS)
    return (
        f"With {last} parameters and {BATCH} samples brute force takes {each['passes']} forward passes sample by "
        f"sample and {whole['passes']} on the whole batch, {each['seconds'] / rules['seconds']:.0f} and "
        f"{whole['seconds'] / rules['seconds']:.0f} times the analytical gradient's time. Measured on this machine "
        "for this small layer; how real networks fare is another study."
    )


FINDINGS: Mapping[str, Callable[[Tables], str]] = {
    "figure_17": of_too_small,
    "figure_18": of_central,
    "figure_19": of_corners,
    "figure_20": of_batch,
    "figure_21": of_brute_force,
}
