"""The study of gradients by difference formulas: its errors against plain loops, its kinks against the patterns of
activations, its explanation of large errors against networks that have no kinks.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from studies import Tables, gathered, rows

import derivkit as dk
from derivkit.grids import logspace
from derivkit.multivariate.network_errors import held_difference
from experiments.studies import network_gradient as study
from experiments.studies.network_gradient import Config

RELU, TANH = (dk.Network((6, 12, 8, 3), (name,), name=name) for name in ("relu", "tanh"))
DELTAS = tuple(logspace(-12, -0.5, 24).tolist())


def tables(**config: Any) -> Tables:
    return gathered(study, Config(**config))


def patterns(network: dk.Network, parameters: Any, samples: dk.Samples) -> np.ndarray:
    return np.concatenate([layer.z.ravel() > 0 for layer in network.forward(parameters, samples)[:-1]])


def test_the_error_is_that_of_a_plain_loop_over_the_chosen_parameters() -> None:
    found = tables(network=(RELU,), delta=(1e-3,), parameters=RELU.count, samples=5, batches=(5,))
    parameters, samples = RELU.initial(), dk.generated(5, inputs=6, classes=3)
    exact = RELU.backprop(parameters, samples)
    for method, back in (("forward_1", 0.0), ("central_2", 1.0)):
        slopes = []
        for k in range(RELU.count):
            move = np.zeros(RELU.count)
            move[k] = 1e-3
            ends = RELU.loss(parameters + move, samples), RELU.loss(parameters - back * move, samples)
            slopes.append((ends[0] - ends[1]) / (1e-3 * (1 + back)))
        expected = np.linalg.norm(slopes - exact) / np.linalg.norm(exact)
        (error,) = rows(found["table"], precision="float64", method=method)["error"]
        # 4 eps |loss| / delta is 1e-12 in every one of the parameters
        assert error == pytest.approx(expected, abs=1e-12 * math.sqrt(RELU.count) / float(np.linalg.norm(exact)))


def with_zeros(network: dk.Network, _: dk.Data, count: int, seed: int = 0) -> dk.Samples:
    """Samples of which one is 0, so that the sums of all layers are 0 where the biases are."""
    samples = dk.generated(count, inputs=network.sizes[0], classes=network.sizes[-1], seed=seed)
    return dk.Samples(samples.inputs * (np.arange(count) > 0)[:, None], samples.targets)


def test_a_network_that_stands_on_a_kink_is_told_from_one_whose_steps_cross_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dk.Network, "draw", with_zeros)
    found = tables(network=(RELU,), delta=(1e-7, 1e-4), kinks_from=0.0, parameters=RELU.count, samples=5, batches=(5,))
    assert found["kinks"]["at_kinks"] == pytest.approx([20 / RELU.count] * 2)  # the biases of both hidden layers
    assert np.all(found["kinks"]["error"] > 1e-3)
    assert any("stands exactly on kinks" in str(text) for text in found["findings"]["finding"])


def test_without_kinks_the_best_delta_and_its_error_go_as_theory_has_it() -> None:
    summary = tables(network=(TANH,), delta=DELTAS, parameters=200)["summary"]
    eps = {"float64": 2.0**-52, "float32": 2.0**-23}
    for precision, method, best, theory, error in zip(
        *(summary[name] for name in ("precision", "method", "best_delta", "theory_delta", "error")), strict=True
    ):
        order = {"forward_1": 1, "central_2": 2}[method]
        assert theory == pytest.approx(eps[precision] ** (1 / (order + 1)))
        # The loss is some tens of the norm of a gradient's entry, and its constants come in by a root.
        assert 1 / 30 < best / theory < 30
        assert 1 / 30 < error / eps[precision] ** (order / (order + 1)) < 30
    assert all(summary["backprop_error"][summary["precision"] == "float64"] == 0)
    single = summary["backprop_error"][summary["precision"] == "float32"]
    assert all((single > 0) & (single < 100 * eps["float32"]))


def test_a_float32_curve_computed_in_float64_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"network": (TANH,), "delta": (1e-5,), "precision": ("float32",), "method": ("central_2",)}
    assert tables(**config)["table"]["error"][0] > 1e-3
    right = dk.brute_force

    def in_float64(network: dk.Network, parameters: np.ndarray, samples: dk.Samples, **more: Any) -> dk.BruteForce:
        return right(network, parameters.astype(np.float64), samples.astype(np.float64), **more)

    monkeypatch.setattr(dk, "brute_force", in_float64)
    assert tables(**config)["table"]["error"][0] < 1e-6


def test_a_gradient_with_holes_has_no_error() -> None:
    table = tables(network=(TANH,), delta=(1e-12, 1e-3), precision=("float32",), method=("forward_1",))["table"]
    assert table["vanished"][0] > 0
    assert np.isnan(table["error"]).tolist() == [True, False]
    said = tables(network=(TANH,), delta=(1e-40,), precision=("float64",))["findings"]["finding"]
    assert said.tolist() == ["tanh, float64: every delta vanishes against a parameter; take larger ones."]


@pytest.mark.parametrize("delta", [1e-4, 1e-2, 0.3])
def test_a_crossing_is_a_change_of_the_pattern_of_activations(delta: float) -> None:
    parameters, samples, which = RELU.initial(), dk.generated(40, inputs=6, classes=3), np.arange(RELU.count)
    crossed = dk.brute_force(RELU, parameters, samples, delta=delta).kinks
    base = patterns(RELU, parameters, samples)
    for k in which:
        changed = False
        for step in (delta, -delta):
            moved = parameters.copy()
            moved[k] += step
            changed |= bool(np.any(patterns(RELU, moved, samples) != base))
        assert crossed[k] == changed
    assert np.any(crossed) == (delta > 1e-4)


def test_without_a_crossing_holding_the_units_changes_nothing() -> None:
    parameters, samples, which = RELU.initial(), dk.generated(40, inputs=6, classes=3), np.arange(RELU.count)
    held = held_difference(RELU, parameters, samples, which, 1e-2)
    found = dk.brute_force(RELU, parameters, samples, delta=1e-2)
    plain, crossed = found.gradient, found.kinks
    assert 0 < np.count_nonzero(crossed) < RELU.count
    # 4 eps |loss| / delta, with a loss of a few
    np.testing.assert_allclose(held[~crossed], plain[~crossed], rtol=0, atol=1e-12)
    assert np.max(np.abs(held - plain)[crossed]) > 1e-5


def test_a_held_network_truncates_like_a_smooth_one() -> None:
    parameters, samples, which = RELU.initial(), dk.generated(40, inputs=6, classes=3), np.arange(RELU.count)
    exact = RELU.backprop(parameters, samples)
    errors = [
        np.linalg.norm(held_difference(RELU, parameters, samples, which, delta) - exact) for delta in (2e-2, 1e-2)
    ]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.01)  # of order 2: the next term is delta^2


def test_large_errors_are_counted_with_their_explanation() -> None:
    config = {"network": (RELU, TANH), "delta": (1e-3, 1e-2), "parameters": 1000, "batches": (64,)}
    kinks = tables(**config)["kinks"]
    assert set(kinks["network"]) == {"relu"}
    parameters, samples = RELU.initial(), dk.generated(64, inputs=6, classes=3)
    exact = RELU.backprop(parameters, samples)
    for place, delta in enumerate((1e-3, 1e-2)):
        held = held_difference(RELU, parameters, samples, np.arange(RELU.count), delta)
        found = dk.brute_force(RELU, parameters, samples, delta=delta)
        crossed = found.kinks
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = [
                np.nan_to_num(np.abs(one - exact) / np.abs(exact), nan=0.0, posinf=np.inf)
                for one in (found.gradient, held)
            ]
        large = relative[0] > 1e-4
        assert kinks["large"][place] == large.sum() > 0
        assert kinks["large_crossed"][place] == (large & crossed).sum()
        assert kinks["by_kink"][place] == (large & crossed & (relative[1] <= 1e-4)).sum()
        assert kinks["explained"][place] == kinks["large_crossed"][place] / kinks["large"][place]
        assert kinks["crossed"][place] == crossed.mean()


def test_findings_tell_the_pooled_share_and_where_truncation_is_small() -> None:
    found = tables(network=(RELU,), delta=(1e-6, 1e-3, 1e-2, 0.3), parameters=1000, batches=(32, 64))
    kinks, said = found["kinks"], list(found["findings"]["finding"])
    alone = (kinks["delta"] >= 1e-4) & (kinks["held"] <= 1e-4)
    assert 0 < np.count_nonzero(alone) < np.count_nonzero(kinks["delta"] >= 1e-4)
    share = kinks["large_crossed"][alone].sum() / kinks["large"][alone].sum()
    (sentence,) = [text for text in said if "all batches" in text and "where truncation" in text]
    assert f"{kinks['large'][alone].sum():,} relative errors" in sentence
    assert f"{100 * share:.3g} % are at" in sentence
    assert any(text.startswith("relu, float64: at best forward_1 errs by") for text in said)


def test_a_smooth_network_has_no_table_of_kinks_and_no_word_of_them() -> None:
    found = tables(network=(TANH,))
    assert "kinks" not in found
    assert not [text for text in found["findings"]["finding"] if "kink" in text]


def test_the_other_loss_with_a_penalty_is_studied_too() -> None:
    network = dk.Network((4, 6, 3), ("leaky_relu",), "mean_squared_error", l2=0.01, name="values")
    found = tables(network=(network,), delta=(1e-5,), precision=("float64",))
    assert found["table"]["error"].max() < 1e-3
    np.testing.assert_allclose(found["kinks"]["held"], found["kinks"]["error"], rtol=0, atol=1e-9)
    assert found["kinks"]["held"][0] < 1e-8


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"precision": ("float16",)}, "precision=float16: there are float64, float32"),
        ({"parameters": 0}, "parameters=0: must be at least 1"),
        ({"batches": (8, 0)}, "batches=0: must be at least 1"),
        ({"seed": -1}, "seed=-1"),
        ({"kinks_from": -1.0}, "kinks_from=-1: must not be negative"),
        ({"method": ()}, r"method=\[\]: at least one is needed"),
        ({"method": ("central_3",)}, "central_3"),
        ({"network": (dk.Network((4, 3), l1=0.1, name="sparse"),)}, "network sparse: the penalty l1=0.1 has kinks"),
    ],
)
def test_what_cannot_be_studied_is_refused(config: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Config(**{"network": (RELU,), **config})
