"""The study of single samples: their gradients against one sample at a time, the law of batches against all batches,
the least norm that a loss allows against gradients that have it.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from studies import Tables, gathered, rows

import derivkit as dk
from experiments.run import main
from experiments.studies import per_sample as study
from experiments.studies.per_sample import (
    KEPT_OUT,
    LEAST,
    NO_SIGNAL,
    REPLACED,
    Config,
    followed,
    stages,
)

RELU, TANH = (dk.Network((4, 6, 3), (name,), name=name) for name in ("relu", "tanh"))
VALUES = dk.Network((4, 5, 3), ("gelu",), "mean_squared_error", l2=0.01, name="values")
NETWORKS = (RELU, TANH, VALUES)
ROUNDING = 1e-13
"""A few hundred roundings in float64, for sums of some tens of numbers near 1."""
FAR = 5.0
"""Standard errors that 1 of 1.7 million normal measurements exceeds; the seeds are fixed."""


def tables(**config: Any) -> Tables:
    return gathered(study, Config(**config))


def one_by_one(stage: dk.SampleGradients) -> np.ndarray:
    """The gradients of the samples by backprop of one sample at a time."""
    count = len(stage.samples)
    return np.array([stage.network.backprop(stage.parameters, stage.samples.take([k])) for k in range(count)])


# The gradients of the samples


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_a_sample_has_the_loss_the_norm_and_the_cosine_that_it_has_alone(network: dk.Network) -> None:
    config = {"network": (network,), "steps": (0, 3)}
    table = tables(**config)["table"]
    assert len(table["loss"]) == Config(**config).rows
    for steps, stage in stages(Config(**config), network):
        own = rows(table, steps=steps)
        alone = one_by_one(stage)
        mean = network.backprop(stage.parameters, stage.samples)
        norms = np.linalg.norm(alone, axis=1)
        np.testing.assert_allclose(own["norm"], norms, rtol=ROUNDING)
        np.testing.assert_allclose(own["unbuilt"], norms, rtol=ROUNDING)
        np.testing.assert_allclose(own["cosine"], alone @ mean / norms / np.linalg.norm(mean), atol=ROUNDING)
        losses = [network.loss(stage.parameters, stage.samples.take([k])) for k in range(24)]
        np.testing.assert_allclose(own["loss"], losses, rtol=ROUNDING)
        assert own["label"].tolist() == [k % 3 for k in range(24)]


def test_brute_force_has_the_gradients_of_all_samples_for_the_passes_of_their_mean() -> None:
    agreement = tables(network=NETWORKS, parameters=10)["agreement"]
    assert agreement["passes"].tolist() == agreement["passes_of_mean"].tolist()
    assert np.array_equal(agreement["passes"], 2 * agreement["moved"] + 1)
    assert np.all(agreement["moved"] >= 10)
    assert np.max(agreement["backprop"]) < ROUNDING
    assert np.max(agreement["unbuilt"]) < ROUNDING
    # eps |loss| / delta is 1e-10 for losses of a few, gradients being near 1; truncation is delta^2
    assert np.max(agreement["jacobian"]) < 1e-8


def test_one_wrong_sample_is_caught_by_all_three_witnesses(monkeypatch: pytest.MonkeyPatch) -> None:
    right = dk.Network.per_sample_gradients

    def wrong(self: dk.Network, parameters: Any, samples: dk.Samples) -> Any:
        gradients = right(self, parameters, samples)
        gradients[3] *= 1.01
        return gradients

    monkeypatch.setattr(dk.Network, "per_sample_gradients", wrong)
    agreement = tables(network=(TANH,), steps=(0,), parameters=TANH.count)["agreement"]
    assert min(agreement[name][0] for name in ("backprop", "unbuilt", "jacobian")) > 1e-4


def test_a_crossing_is_a_change_of_the_pattern_of_one_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "DELTA", 0.05)
    ((_, stage),) = stages(Config(network=(RELU,), steps=(0,)), RELU)
    brute = dk.brute_force(RELU, stage.parameters, stage.samples, delta=0.05, per_sample=True)
    found = brute.kinks_per_sample
    assert found is not None
    for k, place in itertools.product(range(24), range(RELU.count)):
        patterns = []
        for step in (0.05, -0.05):
            moved = stage.parameters.copy()
            moved[place] += step
            hidden, _ = RELU.forward(moved, stage.samples.take([k]))
            patterns.append((hidden.z > 0).tolist())
        assert found[k, place] == (patterns[0] != patterns[1])
    assert 0 < np.count_nonzero(found) < found.size / 10
    agreement = tables(network=(RELU, TANH), steps=(0,), parameters=1000)["agreement"]
    assert agreement["crossed"].tolist() == [np.count_nonzero(found), 0]
    kept = np.linalg.norm(brute.per_sample - stage.gradients) / np.linalg.norm(stage.gradients)
    assert kept > 2 * agreement["jacobian"][0]


def test_the_steps_are_those_of_gradient_descent() -> None:
    config = Config(network=(TANH,), steps=(0, 2, 5), rate=0.2)
    found = [stage for _, stage in stages(config, TANH)]
    parameters, losses = TANH.initial(), []
    for step in range(6):
        if step in config.steps:
            stage = found[config.steps.index(step)]
            assert np.array_equal(stage.parameters, parameters)
            losses.append(np.mean(stage.losses))
        parameters = parameters - 0.2 * TANH.backprop(parameters, found[0].samples)
    assert losses == sorted(losses, reverse=True)


# Which samples drive a weight


def test_the_weights_followed_have_the_largest_mean_and_the_most_that_cancels() -> None:
    ((_, stage),) = stages(Config(network=(TANH,), steps=(0,)), TANH)
    alone = one_by_one(stage)
    mean, size = np.abs(alone.mean(axis=0)), np.abs(alone).mean(axis=0)
    names = [TANH.name_of(k) for k in range(TANH.count)]
    weights = [k for k in range(TANH.count) if names[k].startswith("W")]
    largest = sorted(weights, key=lambda k: -mean[k])[:2]
    rest = [k for k in weights if k not in largest]
    most = sorted(rest, key=lambda k: mean[k] - size[k])[:2]
    expected = [f"{names[k]}, {why}" for why, ks in (("largest mean", largest), ("most cancels", most)) for k in ks]
    assert list(followed(stage, 2).values()) == expected


def test_what_is_told_of_a_weight_is_what_its_samples_do() -> None:
    found = tables(network=NETWORKS, weights=2)
    for key in zip(*(found["weights"][name] for name in ("network", "steps", "weight")), strict=True):
        where = dict(zip(("network", "steps", "weight"), key, strict=True))
        own = {name: values[0] for name, values in rows(found["weights"], **where).items()}
        each = rows(found["contributions"], **where)
        size = np.abs(each["gradient"])
        assert own["mean"] == pytest.approx(each["gradient"].mean(), abs=ROUNDING)
        assert own["size"] == pytest.approx(size.mean(), rel=ROUNDING)
        assert own["signal"] == pytest.approx(abs(own["mean"]) / each["gradient"].std(), rel=ROUNDING)
        assert own["against"] == np.mean(np.sign(each["gradient"]) == -np.sign(own["mean"]))
        assert own["silent"] == np.mean(each["gradient"] == 0)
        assert own["sample"] == each["sample"][np.argmax(size)]
        assert own["sample_label"] == each["label"][np.argmax(size)]
        assert own["sample_share"] == pytest.approx(size.max() / size.sum(), rel=ROUNDING)
        of_label = [size[each["label"] == label].sum() / size.sum() for label in range(3)]
        assert own["label_share"] == pytest.approx(max(of_label), rel=ROUNDING)
        assert own["label"] == np.argmax(of_label)
        enough = [k for k in range(25) if np.sort(size)[::-1][:k].sum() >= size.sum() / 2]
        assert own["half"] == enough[0]
        # the mean of |pull| is 1, and what is left of the pulls is the mean
        assert np.mean(np.abs(each["pull"])) == pytest.approx(1, rel=ROUNDING)
        assert np.mean(each["pull"]) == pytest.approx(abs(own["mean"]) / own["size"], rel=1e-9)
        assert np.all(np.diff(each["pull"][np.argsort(each["by_pull"])]) <= 0)
        assert np.all(np.diff(size[np.argsort(each["by_strength"])]) <= 0)
        assert sorted(each["by_pull"]) == sorted(each["by_strength"]) == [k / 24 for k in range(1, 25)]
        assert np.max(each["together"]) == pytest.approx(1, rel=ROUNDING)


def test_a_weight_that_no_sample_moves_is_told_without_a_share() -> None:
    data = dk.Data("dark", dk.Samples(np.zeros((9, 4)), np.arange(9) % 3))
    found = tables(network=(RELU,), data=data, samples=9, steps=(0, 1))
    assert found["weights"]["half"].tolist() == [0] * 4
    assert np.all(found["weights"]["silent"] == 1)
    assert np.all(np.isnan(found["weights"]["label_share"]))
    assert np.all(found["contributions"]["pull"] == 0)
    # of the last biases alone there is a gradient
    assert found["layers"]["still"].tolist() == [30, 18] * 2


# Batches


def test_the_errors_of_batches_keep_the_law_and_fall_with_slope_one_half() -> None:
    found = tables(network=NETWORKS, batches=(1, 2, 4, 8, 16, 24), draws=400)
    noise, slopes = found["noise"], found["slopes"]
    assert np.nanmax(np.abs(noise["deviation"])) < FAR
    whole = rows(noise, drawing=KEPT_OUT, batch=24)
    assert np.all(whole["error"] == 0)
    assert np.all(np.isnan(whole["deviation"]))
    assert np.all(rows(noise, drawing=REPLACED, batch=24)["error"] > 0)
    assert np.all(np.abs(slopes["slope"] + 0.5) < FAR * slopes["uncertainty"])
    assert np.all(slopes["uncertainty"] < 0.05)
    summary = found["summary"]
    for network in NETWORKS:
        first = rows(noise, network=network.name, steps=0, batch=1, drawing=REPLACED)["predicted"]
        assert rows(summary, network=network.name, steps=0)["noise_scale"] == pytest.approx(first**2, rel=1e-12)


def test_the_error_is_that_of_batches_whose_gradients_are_built() -> None:
    noise = rows(tables(network=(TANH,), steps=(0,), batches=(5,), draws=50)["noise"], drawing=REPLACED)
    ((_, stage),) = stages(Config(network=(TANH,), steps=(0,)), TANH)
    drawn = np.random.default_rng(0).integers(24, size=(50, 5))
    mean = TANH.backprop(stage.parameters, stage.samples)
    built = [TANH.backprop(stage.parameters, stage.samples.take(batch)) - mean for batch in drawn]
    expected = math.sqrt(np.mean(np.sum(np.square(built), axis=1))) / np.linalg.norm(mean)
    assert noise["error"][0] == pytest.approx(expected, rel=1e-12)


def test_a_law_that_forgets_the_finite_population_is_caught_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dk.SampleGradients, "batch_factor", lambda self, batch, *, replace: 1.0 / batch)
    found = tables(network=(TANH,), batches=(4, 8, 16), draws=400)
    assert np.min(rows(found["noise"], drawing=KEPT_OUT, batch=16)["deviation"]) < -FAR
    left_out = rows(found["slopes"], drawing=KEPT_OUT)
    assert np.all(left_out["slope"] + 0.5 < -FAR * left_out["uncertainty"])
    (said,) = [text for text in found["findings"]["finding"] if "off the law" in text]
    assert "errors of batches 0 are" not in said
    assert "without replacement" in said


# Loss and norm, signal


@pytest.mark.parametrize("objective", ["softmax_cross_entropy", "mean_squared_error"])
def test_no_gradient_is_shorter_than_the_least_and_one_without_inputs_has_it(objective: str) -> None:
    for outputs in (2, 3, 10):
        network = dk.Network((4, outputs), ("identity",), objective)
        parameters = np.zeros(network.count)
        samples = dk.Samples(np.zeros((1, 4)), [1])
        samples = samples.one_hot(outputs) if objective == "mean_squared_error" else samples
        for size in (-30.0, -1.0, 0.0, 2.0, 30.0):
            network.matrices(parameters)[0][1, -1] = size  # all outputs but that of the label are equal
            norm = np.linalg.norm(network.backprop(parameters, samples))
            assert norm == pytest.approx(dk.least_norms(network, network.losses(parameters, samples))[0], rel=1e-12)
    deep = dk.Network((4, 8, 3), ("tanh",), objective, l2=0.02)
    table = tables(network=(deep,), steps=(0, 10, 30), samples=60)["table"]
    assert np.all(table["norm"] > table["least"])
    assert np.all(table["least"] > 0)


def test_a_last_layer_that_bends_has_no_least_norm() -> None:
    found = tables(network=(dk.Network((4, 5, 3), ("tanh", "sigmoid"), "mean_squared_error"),))
    assert np.all(np.isnan(found["table"]["least"]))
    assert np.all(np.isnan(rows(found["norms"], stage=LEAST)["norm"]))
    assert not [text for text in found["lesson"]["text"] if "times the least" in text]


def test_the_signal_of_a_parameter_is_its_mean_in_standard_deviations() -> None:
    inputs = dk.generated(40, inputs=4, classes=3).inputs.copy()
    inputs[:, 1] = 0.0  # a pixel that is always dark
    data = dk.Data("dark", dk.Samples(inputs, np.arange(40) % 3))
    for network in (TANH, VALUES):  # the penalty of VALUES moves the weights of the dark pixel, all samples alike
        found = tables(network=(network,), data=data, samples=40, steps=(0,))
        ((_, stage),) = stages(Config(network=(network,), data=data, samples=40, steps=(0,)), network)
        alone = one_by_one(stage)
        units = network.sizes[1]
        still = [network.name_of(k).startswith("W1") and ",1]" in network.name_of(k) for k in range(network.count)]
        assert found["layers"]["still"].tolist() == [units, 0] == [sum(still), 0]
        end = network.spans[0][1]
        first = [k for k in range(end) if not still[k]]
        signal = np.abs(alone.mean(axis=0)[first]) / alone.std(axis=0)[first]
        assert found["layers"]["median"][0] == pytest.approx(np.median(signal), rel=1e-10)
        assert found["layers"]["beyond"][0] == np.mean(signal > 2 / math.sqrt(40))
        told = rows(found["signal"], layer="layer 1")["signal"]
        assert np.all(np.diff(told) >= 0)
        assert signal.min() <= told[0] <= told[-1] <= signal.max()


def test_the_line_of_no_signal_is_what_samples_without_one_show() -> None:
    line = rows(tables(network=(TANH,), steps=(0,), samples=100)["signal"], layer=NO_SIGNAL)
    numbers = np.random.default_rng(0).standard_normal((20_000, 100))
    seen = np.sort(np.abs(numbers.mean(axis=1)) / numbers.std(axis=1))
    places = np.interp(line["signal"], seen, np.linspace(0, 1, seen.size))
    # Kolmogorov: 20,000 numbers stay within 2 / sqrt(20,000) of their distribution in all but one case in 1500
    assert np.max(np.abs(places - line["place"])) < 2 / math.sqrt(20_000)


# What is said


def test_every_figure_of_the_preset_has_its_words_and_its_numbers() -> None:
    found = tables(network=NETWORKS)
    said = dict(zip(found["lesson"]["figure"], found["lesson"]["text"], strict=True))
    assert list(said) == ["pulls", "together", "norms", "cosines", "signal", "noise"]
    for text in said.values():
        assert all(f"{network.name}, generated" in text for network in NETWORKS)
        assert "at the start" in text
        assert "after 5 steps" in text
    against = rows(found["weights"], network="relu")["against"][0]
    assert f"{100 * against:.3g} % at the start" in said["pulls"]
    scale = rows(found["summary"], network="values", steps=5)["noise_scale"][0]
    assert any(f"{scale:.3g} after 5 steps" in text for text in found["findings"]["finding"])


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"network": ()}, r"network=\[\]: at least one is needed"),
        ({"samples": 0, "batches": (1,)}, "samples=0: must be at least 2"),
        ({"weights": 0}, "weights=0: must be at least 1"),
        ({"weights": 22}, "weights=22: twice as many are followed, and relu has 42 weights; take at most 21"),
        ({"parameters": 0}, "parameters=0: must be at least 1"),
        ({"draws": 1}, "draws=1: must be at least 2"),
        ({"seed": -1}, "seed=-1: must be at least 0"),
        ({"rate": math.nan}, "rate=nan: must be a finite number above 0"),
        ({"steps": (5, 0)}, r"steps=\[5, 0\]: must be whole numbers from 0, each above the one before"),
        ({"batches": (0, 1)}, r"batches=\[0, 1\]: must be whole numbers from 1"),
        (
            {"batches": (1, 25)},
            r"batches=\[1, 25\]: a batch of 25 is larger than samples=24; write batches of at most 24",
        ),
        ({"network": (dk.Network((784, 128, 10)),), "samples": 1000}, "0.81 GB; take at most 659"),
        ({"samples": 9000}, "samples=9000, draws=100: samples times the larger of both"),
        ({"draws": 3_000_000}, "samples=24, draws=3000000: samples times the larger of both"),
        ({"data": dk.Data("few", dk.generated(9, inputs=4, classes=3))}, "the data few have 9 samples"),
        ({"data": dk.Data("wide", dk.generated(99, inputs=5, classes=3))}, "the data wide have 5 inputs"),
    ],
)
def test_what_cannot_be_studied_is_refused(config: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Config(**{"network": (RELU,), **config})


@pytest.mark.parametrize(
    ("rate", "steps", "says"),
    [
        (1e2, 90, "values, on the way to 90 steps of rate=100: the loss is no finite number"),
        (1e300, 9, r"values, on the way to 9 steps of rate=1e\+300: the loss is no finite number"),
        (1e60, 1, "the square of the norm of a sample's gradient is no finite number; take a smaller rate"),
    ],
)
def test_steps_that_lead_nowhere_are_refused_with_their_rate(rate: float, steps: int, says: str) -> None:
    with pytest.raises(dk.NotFiniteError, match=says):
        list(stages(Config(network=(VALUES,), rate=rate, steps=(0, steps)), VALUES))


@pytest.mark.slow
def test_a_run_draws_its_figures_and_a_wrong_key_costs_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_OUTPUTS", str(tmp_path))
    small = ["network=[tiny,regression]", "batches=[1,4,16]", "draws=20", "steps=[0,2]"]
    assert main(["experiment=per_sample", *small, "samples=16", "figures.formats=[svg]"]) == 0
    drawn = sorted(path.stem for path in tmp_path.rglob("figures/*.svg"))
    assert drawn == ["cosines", "noise", "norms", "pulls", "signal", "together"]
    capsys.readouterr()
    assert main(["experiment=per_sample", *small, "samples=8"]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert "a batch of 16 is larger than samples=8" in said[0]
