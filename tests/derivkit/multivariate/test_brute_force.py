"""Brute force: three ways to the same losses, at the cost that is counted, and a gradient that backprop agrees with."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import derivkit as dk
from derivkit.multivariate import crossings, moves
from derivkit.multivariate import network as networks
from derivkit.multivariate.activations import ACTIVATIONS
from derivkit.multivariate.losses import LOSSES
from derivkit.multivariate.moves import WAYS, Cost, Job
from derivkit.multivariate.network import Network
from derivkit.multivariate.samples import Samples, generated

EPS = 2.0**-52
DELTA = 3e-5


def prepared(
    sizes: tuple[int, ...] = (4, 6, 5, 3), activation: str = "relu", count: int = 32, **more: Any
) -> tuple[Network, np.ndarray, Samples]:
    network = Network(sizes, (activation,), **more)
    parameters = network.initial(seed=1) + 0.01 * np.random.default_rng(2).standard_normal(network.count)
    samples = generated(count, inputs=sizes[0], classes=sizes[-1], seed=3)
    return network, parameters, samples if LOSSES[network.objective].labelled else samples.one_hot(sizes[-1])


def error(found: dk.BruteForce, network: Network, parameters: np.ndarray, samples: Samples) -> float:
    """Relative distance from backprop in the 2-norm, over the parameters that were moved."""
    expected = network.backprop(parameters, samples)[found.which]
    return float(np.linalg.norm(found.gradient - expected) / np.linalg.norm(expected))


def moved_losses(
    network: Network,
    parameters: np.ndarray,
    samples: Samples,
    moved: np.ndarray,
    *,
    which: Any,
    way: str = "incremental",
) -> np.ndarray:
    """The losses of the samples with one parameter moved at a time, shape ``(samples, moved)``."""
    found = np.empty((len(samples), len(which)))
    for block, losses in WAYS[way](Job.of(network, parameters, samples, np.array(which), moved[None]), Cost()):
        found[:, block] = losses[:, 0]
    return found


def largest_difference(network: Network, parameters: np.ndarray, samples: Samples, way: str, delta: float) -> float:
    """Of the losses from the naive ones, relative, over at most 300 parameters; that of single samples is held too."""
    which = np.unique(np.linspace(0, network.count - 1, 300).astype(int))
    moved = parameters[which] + delta
    naive, found = (moved_losses(network, parameters, samples, moved, way=w, which=which) for w in ("naive", way))
    # A sample's loss is a difference of outputs, so that its rounding is relative to these.
    spread = 1.0 + max(float(np.max(np.abs(layer.z))) for layer in network.forward(parameters, samples))
    assert np.max(np.abs(found - naive)) <= 16 * EPS * spread
    return float(np.max(np.abs(found.mean(axis=0) - naive.mean(axis=0)) / naive.mean(axis=0)))


# The same losses


@pytest.mark.parametrize("delta", [1e-1, 1e-8])
@pytest.mark.parametrize("way", ["batched", "incremental"])
@pytest.mark.parametrize(
    "more", [{}, {"objective": "mean_squared_error", "l1": 0.01, "l2": 0.02}], ids=["plain", "mse"]
)
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_every_way_computes_the_losses_of_the_naive_one(activation: str, more: Any, way: str, delta: float) -> None:
    assert largest_difference(*prepared(activation=activation, **more), way, delta) <= 4 * EPS


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [(4, 16, 3), (64, 128, 64, 10), (784, 128, 10), (5, 3), (3, 4, 4, 4, 2)], ids=str)
@pytest.mark.parametrize("way", ["batched", "incremental"])
def test_the_losses_are_the_same_for_networks_of_any_depth(sizes: tuple[int, ...], way: str) -> None:
    assert largest_difference(*prepared(sizes), way, DELTA) <= 4 * EPS


def test_a_relu_that_is_not_shut_is_seen_to_be_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Break the rule of what may be skipped: the witness must notice."""
    wrong = {**ACTIVATIONS, "leaky_relu": replace(ACTIVATIONS["leaky_relu"], flat_below_zero=True)}
    monkeypatch.setattr(networks, "ACTIVATIONS", wrong)
    with pytest.raises(AssertionError):
        assert largest_difference(*prepared(activation="leaky_relu"), "incremental", 1e-3) <= 4 * EPS


def test_a_relu_that_the_move_opens_is_not_skipped() -> None:
    network, samples = Network((1, 1, 2)), Samples([[1.0], [-1.0]], [0, 1])
    parameters = np.array([-0.5, 0.0, 1.0, 0.0, -1.0, 0.0])
    found = moved_losses(network, parameters, samples, np.array([0.5]), which=[0])
    naive = moved_losses(network, parameters, samples, np.array([0.5]), which=[0], way="naive")
    assert np.array_equal(found, naive)
    assert found[0, 0] < network.losses(parameters, samples)[0]


@pytest.mark.parametrize("name", ["forward_1", "central_2", "central_4", "backward_3"])
@pytest.mark.parametrize("way", ["batched", "incremental"])
def test_quotients_differ_by_no_more_than_the_losses_let_them(name: str, way: str) -> None:
    network, parameters, samples = prepared(activation="tanh")
    naive, found = (
        dk.brute_force(network, parameters, samples, delta=1e-6, formula=name, way=w) for w in ("naive", way)
    )
    gain = sum(abs(w) for w in dk.formula(name).weights)
    assert np.max(np.abs(found.gradient - naive.gradient)) <= 4 * EPS * float(gain) * naive.loss / 1e-6


# The gradient


@pytest.mark.parametrize("way", WAYS)
def test_the_best_central_difference_is_within_1e_9_of_backprop(way: str) -> None:
    network, parameters, samples = prepared((64, 128, 64, 10), "tanh")
    which = np.arange(0, network.count, 1 if way == "incremental" else 171)
    found = dk.brute_force(network, parameters, samples, delta=DELTA, way=way, which=which)
    assert error(found, network, parameters, samples) <= 1e-9
    assert found.message == ""
    assert found.loss == network.loss(parameters, samples)


@pytest.mark.parametrize(("name", "order"), [("forward_1", 1), ("central_2", 2), ("central_4", 4)])
def test_the_error_falls_with_the_order_of_the_formula(name: str, order: int) -> None:
    network, parameters, samples = prepared((3, 4, 2), "tanh")
    errors = [
        error(dk.brute_force(network, parameters, samples, delta=d, formula=name), network, parameters, samples)
        for d in (2.0**-5, 2.0**-6)
    ]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.1)


def test_a_wrong_backprop_is_seen() -> None:
    network, parameters, samples = prepared((4, 6, 3), "tanh")
    found = dk.brute_force(network, parameters, samples, delta=DELTA)
    for factor in (-1.0, 32.0, 1.001):
        assert error(replace(found, gradient=found.gradient * factor), network, parameters, samples) > 9e-4


@pytest.mark.parametrize("way", WAYS)
def test_the_gradients_of_the_samples_cost_no_forward_pass(way: str) -> None:
    network, parameters, samples = prepared(activation="tanh", l2=0.01)
    plain = dk.brute_force(network, parameters, samples, delta=DELTA, way=way)
    found = dk.brute_force(network, parameters, samples, delta=DELTA, way=way, per_sample=True)
    assert plain.per_sample is None
    assert found.per_sample is not None
    assert (found.forward_passes, found.multiply_adds) == (plain.forward_passes, plain.multiply_adds)
    assert np.array_equal(found.gradient, plain.gradient)
    expected = network.per_sample_gradients(parameters, samples)
    # delta^2 = 9e-10 times third derivatives, which do not average out
    assert np.linalg.norm(found.per_sample - expected) <= 1e-8 * np.linalg.norm(expected)
    rounding = 8 * EPS * float(np.max(network.losses(parameters, samples))) / DELTA
    assert np.max(np.abs(found.per_sample.mean(axis=0) - found.gradient)) <= rounding


@pytest.mark.parametrize("way", WAYS)
def test_some_of_the_parameters_are_moved_as_if_all_were(way: str) -> None:
    network, parameters, samples = prepared()
    which = [0, 3, 4, 29, 30, 31, 64, network.count - 1]
    some = dk.brute_force(network, parameters, samples, delta=DELTA, way=way, which=which)
    every = dk.brute_force(network, parameters, samples, delta=DELTA, way=way)
    assert some.which.tolist() == which
    assert np.max(np.abs(some.gradient - every.gradient[which])) <= 8 * EPS * every.loss / DELTA


# The parameters


def test_the_naive_way_moves_one_weight_at_a_time_and_puts_it_back_to_the_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    network, parameters, samples = prepared((4, 5, 3))
    kept, seen, losses = parameters.copy(), [], Network.losses

    def watched(self: Network, at: np.ndarray, *arguments: Any, **options: Any) -> Any:
        seen.append(np.flatnonzero(at != kept).tolist())
        return losses(self, at, *arguments, **options)

    monkeypatch.setattr(Network, "losses", watched)
    found = dk.brute_force(network, parameters, samples, delta=DELTA, way="naive")
    assert seen == [[], *([k] for k in range(network.count) for _ in range(2))]
    assert found.forward_passes == len(seen)
    assert parameters.tobytes() == kept.tobytes()


# The cost


@pytest.mark.parametrize(
    ("name", "moves", "asked"), [("central_2", 2, 86), ("forward_1", 1, 44), ("central_4", 4, 172)]
)
def test_forward_passes_and_multiply_adds_are_counted(name: str, moves: int, asked: int) -> None:
    network, parameters, samples = prepared((4, 5, 3), "tanh", count=7)
    passes = 1 + moves * network.count
    for way in ("naive", "batched"):
        found = dk.brute_force(network, parameters, samples, delta=DELTA, formula=name, way=way)
        assert (found.evaluations, found.forward_passes) == (asked, passes)
        assert found.multiply_adds == passes * 7 * 43
    found = dk.brute_force(network, parameters, samples, delta=DELTA, formula=name)
    assert (found.evaluations, found.forward_passes) == (asked, 1)
    # The one pass; then for a parameter of the first layer its own product and 3 in the layer after it.
    assert found.multiply_adds == 7 * (43 + moves * (25 * (1 + 3) + 18))


def test_a_shut_relu_costs_nothing() -> None:
    network, parameters, samples = prepared((4, 16, 3))
    layer = network.forward(parameters, samples)[0]
    found = dk.brute_force(network, parameters, samples, delta=1e-12)
    open_ = int(np.count_nonzero(layer.z > 0.0))
    assert 0 < open_ < layer.z.size
    assert found.multiply_adds == 32 * network.count + 2 * (open_ * 5 * (1 + 3) + 32 * 17 * 3)


@pytest.mark.parametrize("way", WAYS)
def test_progress_is_told_and_ends_with_all(way: str) -> None:
    network, parameters, samples = prepared((64, 16, 3))
    told: list[tuple[int, int]] = []
    dk.brute_force(network, parameters, samples, delta=DELTA, way=way, progress=lambda *now: told.append(now))
    assert len(told) > 1
    assert all(a[0] < b[0] for a, b in itertools.pairwise(told))
    assert told[-1] == (network.count, network.count)


# Other types, and what goes wrong


@pytest.mark.parametrize("way", WAYS)
def test_float32_stays_float32_and_is_as_wrong_as_it_must_be(way: str) -> None:
    network, parameters, samples = prepared(activation="tanh")
    short, few = parameters.astype(np.float32), samples.astype(np.float32)
    found = dk.brute_force(network, short, few, delta=1e-2, way=way, per_sample=True)
    assert found.gradient.dtype == np.float32
    assert found.per_sample is not None
    assert found.per_sample.dtype == np.float32
    wide = dk.brute_force(network, short.astype(float), few.astype(float), delta=1e-2, way=way)
    assert np.max(np.abs(found.gradient - wide.gradient)) <= 4 * 2.0**-23 * found.loss / 1e-2


@pytest.mark.parametrize("way", WAYS)
def test_a_delta_that_vanishes_against_a_weight_is_said(way: str) -> None:
    network, parameters, samples = prepared((4, 5, 3), "tanh")
    parameters[3], parameters[7] = 2.0**40, 0.0
    found = dk.brute_force(network, parameters, samples, delta=1e-5, way=way, per_sample=True)
    assert np.flatnonzero(found.vanished).tolist() == [3]
    assert np.flatnonzero(np.isnan(found.gradient)).tolist() == [3]
    assert found.message.startswith("delta=1e-05 vanishes against 1 of 43 parameters, the first W1[0,3] = 1.09951e+12")
    assert "take at least 0.0002 in float64" in found.message
    tiny = dk.brute_force(network, parameters, samples, delta=1e-30, way=way)
    assert np.count_nonzero(~tiny.vanished) == np.count_nonzero(parameters == 0.0)


# Kinks


def crossed_by_patterns(
    network: Network, parameters: np.ndarray, samples: Samples, moved: np.ndarray, which: np.ndarray
) -> np.ndarray:
    """Which samples have a unit of another sign in any of the moves, one parameter at a time; ``(samples, moved)``."""

    def signs(at: np.ndarray) -> np.ndarray:
        layers = network.forward(at, samples)
        kinked = [layer.z > 0 for layer, name in zip(layers, network.activations, strict=True) if "relu" in name]
        return np.concatenate(kinked) if kinked else np.zeros((1, len(samples)), dtype=bool)

    found = np.zeros((len(samples), which.size), dtype=bool)
    for k, place in enumerate(which):
        for value in moved[:, k]:
            at = parameters.copy()
            at[place] = value
            found[:, k] |= np.any(signs(at) != signs(parameters), axis=0)
    return found


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_a_sample_of_zeros_lies_on_the_kink_of_every_unit_and_that_is_said(
    activation: str, way: str, dtype: type[np.floating[Any]]
) -> None:
    """Backprop takes the slope on the left, the central difference the mean of both: they differ by 0.06 (relu)."""
    network = Network((2, 3, 2), (activation,))
    parameters, samples = network.initial(seed=1, dtype=dtype), Samples([[0.0, 0.0], [1.0, 2.0]], [0, 1]).astype(dtype)
    found = dk.brute_force(network, parameters, samples, delta=1e-3, way=way, per_sample=True)
    off = np.abs(found.gradient - network.backprop(parameters, samples))
    assert [network.name_of(int(k)) for k in found.which[found.kinks]] == ["b1[0]", "b1[1]", "b1[2]"]
    assert found.kinks_per_sample is not None
    assert np.array_equal(found.kinks_per_sample, [found.kinks, np.zeros(17, dtype=bool)])
    assert np.max(off) > 0.05
    assert np.max(off[~found.kinks]) < (1e-6 if dtype is np.float64 else 1e-3)
    assert found.message.startswith(
        "the network stands exactly on a kink, which 3 of 17 parameters move it off, the first b1[0]: the loss has two "
        "slopes there, the quotient is a mean of them with every delta, and backprop gives one"
    )
    assert np.array_equal(found.at_kinks, found.kinks)
    sides = [
        dk.brute_force(network, parameters, samples, delta=1e-3, way=way, formula=name).gradient
        for name in ("backward_1", "forward_1")
    ]
    np.testing.assert_allclose(found.gradient, np.mean(sides, axis=0), rtol=0, atol=64 * np.finfo(dtype).eps / 1e-3)


def test_a_kink_that_a_step_crosses_is_told_from_one_on_which_a_unit_stands() -> None:
    """The first unit is given 0, the second 0.001, which a delta of 0.01 takes to the other side."""
    network, samples = Network((1, 2, 2)), Samples([[1.0]], [0])
    parameters = np.array([1.0, -1.0, 1.0, -0.999, 0.5, 0.3, 0.1, -0.2, 0.7, 0.0])
    found = dk.brute_force(network, parameters, samples, delta=0.01)
    assert np.flatnonzero(found.kinks).tolist() == [0, 1, 2, 3]
    assert np.flatnonzero(found.at_kinks).tolist() == [0, 1]
    assert [part.split(",")[0] for part in found.message.split("; ")] == [
        "the network stands exactly on a kink",
        "neither is wrong",
        "delta=0.01 crosses a kink with 2 of 10 parameters",
        "take a smaller delta",
    ]
    finer = dk.brute_force(network, parameters, samples, delta=1e-4)
    assert np.array_equal(finer.kinks, found.at_kinks)


def test_a_unit_exactly_on_its_kink_is_said_with_every_formula_that_leaves_its_side() -> None:
    network, parameters, samples = Network((1, 1, 2)), np.array([1.0, -1.0, 1.0, 0.5, 0.3, 0.0]), Samples([[1.0]], [0])
    slopes = {
        name: dk.brute_force(network, parameters, samples, delta=1e-5, formula=name)
        for name in ("forward_1", "backward_1", "central_2")
    }
    assert {name: found.kinks.tolist()[:2] for name, found in slopes.items()} == {
        "forward_1": [True, True],
        "backward_1": [False, False],  # the unit stays shut, as backprop has it
        "central_2": [True, True],
    }
    expected = network.backprop(parameters, samples)
    np.testing.assert_allclose(slopes["backward_1"].gradient, expected, rtol=0, atol=1e-5)
    assert slopes["backward_1"].message == ""


@pytest.mark.parametrize("delta", [1e-6, 1e-3, 0.1, 3.0])
@pytest.mark.parametrize("sizes", [(4, 6, 3), (4, 6, 5, 3), (3, 4, 4, 4, 2)], ids=str)
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "tanh"])
def test_a_kink_is_crossed_where_the_pattern_of_signs_changes(
    activation: str, sizes: tuple[int, ...], delta: float
) -> None:
    network, parameters, samples = prepared(sizes, activation)
    which = np.arange(0, network.count, 2)
    found = dk.brute_force(network, parameters, samples, delta=delta, which=which, per_sample=True)
    moved = parameters[which] + np.array([[-delta], [delta]])
    expected = crossed_by_patterns(network, parameters, samples, moved, which)
    assert np.array_equal(found.kinks_per_sample, expected)
    assert np.array_equal(found.kinks, expected.any(axis=0))
    assert bool(found.message) == bool(found.kinks.any())
    assert found.kinks.any() == (activation != "tanh" and delta > 1e-2) or delta == 1e-3


def test_units_of_all_layers_are_looked_at_the_last_one_too() -> None:
    network = Network((2, 3, 2), ("tanh", "relu"), objective="mean_squared_error")
    parameters, samples = network.initial(), Samples([[0.0, 0.0]], [[1.0, 1.0]])
    found = dk.brute_force(network, parameters, samples, delta=1e-4)
    assert [network.name_of(int(k)) for k in found.which[found.kinks]] == [
        *("b1[0]", "b1[1]", "b1[2]", "b2[0]", "b2[1]")
    ]


def test_a_weight_at_0_lies_on_the_kink_of_the_penalty() -> None:
    parameters, samples = np.array([0.0, 0.5, 0.3, -0.2, 0.0, 0.0]), generated(4, inputs=2, classes=2)
    plain, kinked = (
        dk.brute_force(Network((2, 2), l1=l1), parameters, samples, delta=1e-6, per_sample=True) for l1 in (0.0, 0.1)
    )
    assert not plain.kinks.any()
    assert np.flatnonzero(kinked.kinks).tolist() == [0, 4]  # of the bias, 5, there is no penalty
    assert np.array_equal(kinked.at_kinks, kinked.kinks)
    assert np.all(kinked.kinks_per_sample[:, 0])


def test_a_kink_that_the_bound_of_what_moves_leaves_out_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Break the bound: the witness must notice."""
    network, samples = Network((1, 1, 1, 2)), Samples([[1.0]], [0])
    parameters = np.array([1.0, 1.0, 100.0, -195.0, 1.0, 0.0, -1.0, 0.0])  # 0.1 moves the second sum, 5, by 10
    assert np.flatnonzero(dk.brute_force(network, parameters, samples, delta=0.1).kinks).tolist() == [0, 1]
    monkeypatch.setattr(crossings, "STEEPEST", 0.0)
    assert not dk.brute_force(network, parameters, samples, delta=0.1).kinks.any()


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_no_activation_is_steeper_than_the_bound_and_those_with_a_kink_say_so(name: str) -> None:
    row, z = ACTIVATIONS[name], np.linspace(-8.0, 8.0, 4001)
    slope = np.asarray(row.slope(z, row.value(z, np.empty_like(z))), dtype=np.float64)
    assert np.max(np.abs(slope)) <= row.steepest < 1.01 * max(1.0, np.max(np.abs(slope)))
    sides = np.array([-1e-9, 1e-9])
    assert row.kinked == (abs(np.diff(row.slope(sides, row.value(sides, np.empty(2))).astype(float))[0]) > 0.1)


@pytest.mark.parametrize("way", WAYS)
def test_a_moved_loss_that_is_no_number_is_said(way: str) -> None:
    network = Network((1, 2), objective="mean_squared_error")
    samples = Samples([[1e150]], [[0.0, 0.0]])
    found = dk.brute_force(network, np.zeros(4), samples, delta=1e5, formula="forward_1", way=way)
    assert np.isnan(found.gradient).tolist() == [True, False, True, False]
    assert found.message == "a loss is no finite number where one of 2 parameters is moved, the first W1[0,0]"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"way": "fast"}, "no way named 'fast'; there are naive, batched, incremental"),
        ({"delta": (1e-5, 1e-4)}, "all parameters are moved by one delta; write a number"),
        ({"delta": 0.0}, "delta must be a positive finite number, not 0.0"),
        ({"formula": "central_3"}, "no formula named 'central_3'"),
        ({"formula": dk.formula("central_2", derivative=2)}, "of derivative 2; a gradient needs"),
        ({"which": []}, "one or more of the parameters 0 to 130"),
        ({"which": [3, 3]}, "in rising order"),
        ({"which": [131]}, "one or more of the parameters 0 to 130"),
        ({"samples": generated(3, inputs=5, classes=3)}, "layer 1 takes 4 inputs"),
        ({"parameters": np.full(131, np.nan)}, "the first that is none is parameter"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], words: str) -> None:
    network, parameters, samples = prepared((4, 16, 3))
    given: dict[str, Any] = {"parameters": parameters, "samples": samples, "delta": DELTA, **changes}
    with pytest.raises(ValueError, match=words):
        dk.brute_force(network, given.pop("parameters"), given.pop("samples"), **given)


def test_the_samples_in_a_chunk_do_not_change_the_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    network, parameters, samples = prepared()
    expected = dk.brute_force(network, parameters, samples, delta=DELTA)
    monkeypatch.setattr(moves, "RIPPLE", 1)
    found = dk.brute_force(network, parameters, samples, delta=DELTA)
    assert np.max(np.abs(found.gradient - expected.gradient)) <= 8 * EPS * expected.loss / DELTA
    assert found.multiply_adds == expected.multiply_adds


def test_numpys_own_settings_are_left_as_they_were() -> None:
    network, parameters, samples = prepared()
    before = (np.getbufsize(), np.geterr())
    dk.brute_force(network, parameters, samples, delta=DELTA, progress=lambda *now: None)
    network.per_sample_gradients(parameters, samples)
    assert (np.getbufsize(), np.geterr()) == before
