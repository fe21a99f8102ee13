"""Which kind of mistake a gradient has: every planted kind is named with its factor, and a random error never."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from derivkit.multivariate.checking.mistakes import KINDS, LUCK, Mistake, luck, mistake
from derivkit.multivariate.structure import Block
from derivkit.testing.plants import (
    PLANTS,
    NetworkProblem,
    Plant,
    correct_gradient,
    network_problem,
    plant,
    random_error,
)
from derivkit.types import Array

BAR = 1e-11
"""Of a measured slope, in units of the gradient's norm; those of check_gradient are of this size."""
BLOCKS: tuple[Block, ...] = (
    ("W", slice(0, 12), (3, 4)),
    ("b", slice(12, 15), (3,)),
    ("V", slice(15, 31), (4, 4)),
    ("U", slice(31, 47), (4, 4)),
)
N = 47


class Bench:
    """Measures as check_gradient does, but with slopes that are known: each is off by less than its bar."""

    def __init__(self, true: Array, claimed: Array, *, bar: float = BAR, seed: int = 0, k: int = 8) -> None:
        self.true, self.claimed, self.bar, self.measured = true, claimed, bar * float(np.linalg.norm(true)), 0
        self._random = np.random.default_rng([seed, 7])
        self.directions = self._random.standard_normal((k, true.size))

    def measure(self, directions: Array) -> tuple[Array, Array]:
        self.measured += len(directions)
        rounding = 8.0 * np.finfo(float).eps * np.abs(directions) @ np.abs(self.claimed)
        bars = self.bar * np.exp(self._random.standard_normal(len(directions))) + rounding
        return directions @ (self.claimed - self.true) + self._random.uniform(-0.5, 0.5, len(directions)) * bars, bars

    def mistake(self, blocks: tuple[Block, ...], x: Array, *, more: bool = True) -> Mistake | None:
        residuals, bars = self.measure(self.directions)
        return mistake(
            self.claimed,
            x,
            blocks,
            directions=self.directions,
            residuals=residuals,
            bars=bars,
            measure=self.measure if more else None,
        )


def named(planted: Plant, *, seed: int = 0, bar: float = BAR) -> Mistake | None:
    on = planted.problem
    return Bench(planted.true, planted.claimed, bar=bar, seed=seed).mistake(on.blocks, on.flat(on.x))


def of_error(change: Callable[[Array, Array], Any], *, seed: int = 0, **options: Any) -> Mistake | None:
    """The mistake of a random gradient of the arrays above, after a change in place of the claim."""
    random = np.random.default_rng(seed)
    true, x = random.standard_normal((2, N))
    claimed = true.copy()
    change(claimed, x)
    return Bench(true, claimed, seed=seed, **options).mistake(BLOCKS, x)


def small(activation: str, seed: int) -> NetworkProblem:
    return network_problem(activation, seed=seed)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("kind", PLANTS)
def test_every_planted_kind_is_named_with_its_factor(kind: str, activation: str, seed: int) -> None:
    planted = plant(kind, small(activation, seed), seed=seed)
    result = named(planted, seed=seed)
    assert result is not None
    assert result.kind in planted.names
    assert result.kind in KINDS
    if planted.factor is not None:
        assert result.factor == pytest.approx(planted.factor, rel=1e-8)
        assert result.interval is not None
        assert result.interval[0] <= planted.factor <= result.interval[1]


@pytest.mark.parametrize("size", [1e-2, 1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize("kind", ["factor", "layer", "term", "entry"])
def test_a_kind_of_any_size_is_named_while_it_is_far_above_the_bars(kind: str, size: float) -> None:
    planted = plant(kind, small("tanh", 5), seed=5, size=size)
    result = named(planted, bar=1e-3 * size)
    assert result is not None
    assert result.kind in planted.names


@pytest.mark.parametrize("more", [False, True])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_a_random_error_is_not_named(activation: str, *, more: bool) -> None:
    for seed in range(60):
        on = small(activation, seed % 10)
        planted = random_error(on, seed=seed, size=0.05 + 0.01 * seed)
        bench = Bench(planted.true, planted.claimed, seed=seed)
        result = bench.mistake(on.blocks, on.flat(on.x), more=more)
        assert result is None or not result.kind


def test_a_correct_gradient_has_no_mistake_and_needs_no_more_directions() -> None:
    planted = correct_gradient(small("relu", 1))
    bench = Bench(planted.true, planted.claimed)
    assert bench.mistake(planted.problem.blocks, planted.problem.flat(planted.problem.x)) is None
    assert bench.measured == 8


def test_an_error_just_above_its_bars_is_not_named() -> None:
    for seed in range(30):
        assert named(plant("entry", small("tanh", 0), seed=seed, size=1e-4), bar=1e-4, seed=seed) is None


def multiplied(place: slice, factor: float) -> Callable[[Array, Array], None]:
    def change(claimed: Array, _: Array) -> None:
        claimed[place] *= factor

    return change


@pytest.mark.parametrize(
    ("factor", "kind", "words"),
    [
        (2.0, "factor", "2 times"),
        (0.5, "factor", "1/2 times"),
        (32.0, "factor", "look for a sum in the place of a mean (32 may be the number of samples)"),
        (1 / 32, "factor", "look for a mean in the place of a sum (32 may be the number of samples)"),
        (3.0, "factor", "the length of an axis of W"),
        (47.0, "factor", "the number of parameters"),
        (-1.0, "sign", "look for a sign"),
        (-2.0, "factor", "-2 times"),
        (1.001, "factor", "1.001 times"),
        (1.0 + 1e-6, "factor", "1.000001 times"),
    ],
)
def test_a_factor_is_named_with_its_likely_reason(factor: float, kind: str, words: str) -> None:
    result = of_error(multiplied(slice(0, N), factor))
    assert result is not None
    assert (result.kind, result.place) == (kind, "")
    assert result.factor == pytest.approx(factor, rel=1e-9)
    assert words in result.sentence


@pytest.mark.parametrize("factor", [2.0, math.pi, 1.0 / 7.0, -1.0])
def test_only_whole_numbers_and_their_inverses_are_exact(factor: float) -> None:
    result = of_error(multiplied(slice(0, N), factor))
    assert result is not None
    assert (result.factor == factor) == (factor != math.pi)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (slice(0, 12), "W"),
        (slice(12, 15), "b"),
        (slice(0, 15), "W and b"),
        (slice(0, 31), "W to V"),
        (slice(12, 47), "b to U"),
    ],
)
def test_arrays_that_are_multiplied_are_named(place: slice, name: str) -> None:
    result = of_error(multiplied(place, 5.0))
    assert result is not None
    assert (result.kind, result.place, result.factor) == ("layer", name, 5.0)


def test_every_vector_or_matrix_multiplied_is_named_as_that() -> None:
    def change(claimed: Array, _: Array) -> None:
        claimed[:12] *= 10.0
        claimed[15:] *= 10.0

    result = of_error(change)
    assert result is not None
    assert (result.place, result.factor) == ("every matrix", 10.0)


def in_shape(block: int, change: Callable[[Array], Array]) -> Callable[[Array, Array], None]:
    _, place, shape = BLOCKS[block]

    def changed(claimed: Array, _: Array) -> None:
        claimed[place] = change(claimed[place].reshape(shape)).ravel()

    return changed


def swapped(claimed: Array, _: Array) -> None:
    claimed[15:47] = np.roll(claimed[15:47], 16)


def all_transposed(claimed: Array, _: Array) -> None:
    for block in (0, 2, 3):
        in_shape(block, np.transpose)(claimed, _)


@pytest.mark.parametrize(
    ("change", "kind", "place"),
    [
        (in_shape(0, np.transpose), "transposed", "W"),
        (in_shape(2, np.transpose), "transposed", "V"),
        (all_transposed, "transposed", "every matrix"),
        (in_shape(2, lambda m: np.roll(m, 1, axis=1)), "order", "V (shifted by 1 along axis 1)"),
        (in_shape(0, lambda m: np.roll(m, -1, axis=0)), "order", "W (shifted by -1 along axis 0)"),
        (in_shape(1, lambda m: m[::-1]), "order", "b (reversed along axis 0)"),
        (swapped, "order", "V and U (swapped)"),
        (in_shape(0, lambda m: m * [[1.0], [2.0], [1.0]]), "mask", "row 1 of W"),
        (in_shape(0, lambda m: m * [1.0, 2.0, 1.0, 1.0]), "mask", "column 1 of W"),
        (in_shape(2, lambda m: m * [0.0, 1.0, 1.0, 0.0]), "mask", "columns 0 and 3 of V"),
        (in_shape(1, lambda m: 0.0 * m), "missing", "b"),
        (in_shape(3, lambda m: m + np.cos(np.arange(16.0)).reshape(4, 4)), "layer", "U"),
    ],
)
def test_arrays_in_another_order_or_masked_are_named(change: Any, kind: str, place: str) -> None:
    result = of_error(change)
    assert result is not None
    assert (result.kind, result.place) == (kind, place)


def test_a_unit_is_named_with_its_bias() -> None:
    def change(claimed: Array, _: Array) -> None:
        claimed[4:8], claimed[13] = 0.0, 0.0

    result = of_error(change)
    assert result is not None
    assert (result.kind, result.place, result.factor) == ("mask", "row 1 of W with b", 0.0)


def test_the_entry_is_named_with_what_was_measured_there() -> None:
    def change(claimed: Array, _: Array) -> None:
        claimed[22] += 0.25

    result = of_error(change)
    assert result is not None
    assert (result.kind, result.place, result.entries) == ("entry", "V[1, 3]", (22,))


@pytest.mark.parametrize(
    ("slope", "words"),
    [
        (lambda x: 0.02 * x, "0.02 times x, which is the gradient of a penalty 0.01 sum x^2"),
        (lambda x: 0.03 * np.sign(x), "0.03 times sign(x), which is the gradient of a penalty 0.03 sum |x|"),
    ],
)
def test_a_penalty_that_is_missing_is_named_with_its_weight(slope: Callable[[Array], Array], words: str) -> None:
    def change(claimed: Array, x: Array) -> None:
        claimed -= slope(x)

    result = of_error(change)
    assert result is not None
    assert result.kind == "term"
    assert f"lacks {words}" in result.sentence


@pytest.mark.parametrize("kind", ["factor", "sign", "transposed", "order", "layer", "mask", "term"])
def test_a_kind_beside_one_wrong_entry_is_not_named_as_either(kind: str) -> None:
    planted, second = plant(kind, small("tanh", 2), seed=2), plant("entry", small("tanh", 2), seed=9)
    both = planted.claimed + (second.claimed - second.true)
    on = planted.problem
    result = Bench(planted.true, both).mistake(on.blocks, on.flat(on.x))
    assert result is None or (result.kind in {"", "layer", "mask"} and result.factor is None)


KERNEL = np.random.default_rng(0).standard_normal((2, 3, 3, 3))


@pytest.mark.parametrize(
    ("claimed", "kind", "place"),
    [
        (KERNEL[..., ::-1, ::-1], "order", "K (reversed along axes 2 and 3)"),
        (KERNEL.swapaxes(2, 3), "transposed", "K (axes 2 and 3)"),
        (KERNEL.swapaxes(1, 3), "transposed", "K (axes 1 and 3)"),
        (0.1 * KERNEL / np.linalg.norm(KERNEL), "factor", ""),
    ],
    ids=["flipped", "last axes", "other axes", "clipped"],
)
def test_what_is_done_to_kernels_is_named(claimed: Array, kind: str, place: str) -> None:
    result = Bench(KERNEL.ravel(), claimed.ravel()).mistake((("K", slice(0, 54), KERNEL.shape),), np.ones(54))
    assert result is not None
    assert (result.kind, result.place) == (kind, place)
    assert ("clipping" in result.sentence) == (kind == "factor")


def test_axes_as_directions_serve_as_well() -> None:
    random = np.random.default_rng(0)
    true = random.standard_normal(6)
    blocks: tuple[Block, ...] = (("x", slice(0, 6), (6,)),)

    def kind(claimed: Array) -> str:
        result = mistake(
            claimed, np.ones(6), blocks, directions=np.eye(6), residuals=claimed - true, bars=np.full(6, 1e-12)
        )
        return result.kind if result else ""

    assert kind(2.0 * true) == "factor"
    assert kind(true + 0.3 * np.eye(6)[2]) == "entry"
    assert kind(true + random.standard_normal(6)) == ""


def test_directions_without_a_value_are_left_out() -> None:
    planted = plant("sign", small("tanh", 3), seed=3)
    directions = np.random.default_rng(1).standard_normal((8, planted.true.size))
    residuals, bars = directions @ (planted.claimed - planted.true), np.full(8, 1e-11)
    residuals[2], bars[5] = np.nan, np.inf
    on = planted.problem
    result = mistake(planted.claimed, on.flat(on.x), on.blocks, directions=directions, residuals=residuals, bars=bars)
    assert result is not None
    assert result.kind == "sign"


def test_parts_that_cannot_be_measured_name_nothing() -> None:
    planted = plant("missing", small("tanh", 3), seed=3)
    bench, on = Bench(planted.true, planted.claimed), planted.problem
    residuals, bars = bench.measure(bench.directions)
    result = mistake(
        planted.claimed,
        on.flat(on.x),
        on.blocks,
        directions=bench.directions,
        residuals=residuals,
        bars=bars,
        measure=lambda v: (np.full(len(v), np.nan), np.full(len(v), np.inf)),
    )
    assert result is None


def test_the_search_for_wrong_arrays_stays_within_its_budget() -> None:
    for seed in range(20):
        planted = plant(("mask", "slope", "missing")[seed % 3], small("relu", seed), seed=seed)
        bench, on = Bench(planted.true, planted.claimed, seed=seed), planted.problem
        bench.mistake(on.blocks, on.flat(on.x))
        assert bench.measured <= 8 + 24


@pytest.mark.parametrize(("k", "share"), [(2, 0.1), (3, 0.1), (8, 0.5), (8, 0.7)])
def test_luck_bounds_the_share_of_random_residuals_that_lie_along_a_line(k: int, share: float) -> None:
    # bars b and residuals of root mean square s admit sin(angle)^2 <= b^2/s^2 = share^2
    random = np.random.default_rng(0).standard_normal((k, 200_000))
    off = 1.0 - random[0] ** 2 / np.sum(random**2, axis=0)
    measured = float(np.mean(off <= share**2))
    bound = luck(np.ones(k), np.full(k, share))
    # three standard deviations of the share counted; the bound is sharp to the factor 1/sqrt(1 - t)
    spread = 3.0 * math.sqrt(measured / 200_000)
    assert measured - spread <= bound <= (measured + spread) / math.sqrt(1.0 - share**2)


def test_luck_of_one_direction_is_certain() -> None:
    assert luck(np.ones(1), np.full(1, 1e-12)) == 1.0
    assert luck(np.ones(8), np.full(8, 1e-6)) < LUCK
