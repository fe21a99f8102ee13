"""The study of training: its paths against a plain loop and a closed form, its law, what it does with what is wrong."""

from __future__ import annotations

import dataclasses
import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf
from studies import Tables, gathered, rows

import derivkit as dk
from derivkit.multivariate import descent
from experiments.run import main
from experiments.studies import training as study
from experiments.studies.training import BACKPROP, Config

RELU, TANH = (dk.Network((4, 8, 3), (name,), name=name) for name in ("relu", "tanh"))
LINEAR = dk.Network((3, 2), (), "mean_squared_error", name="linear")
"""Its loss is of second degree in the parameters: the Hessian is constant, and a forward difference errs by a half of
delta times its diagonal."""


def trained(*configs: dict[str, Any]) -> Tables:
    return gathered(study, *(Config(**config) for config in configs))


def start(network: dk.Network) -> np.ndarray:
    return network.initial(dtype=np.float32).astype(np.float64)


def drawn(network: dk.Network, count: int) -> dk.Samples:
    found = dk.generated(count, inputs=network.sizes[0], classes=network.sizes[-1])
    found = found if network.objective == "softmax_cross_entropy" else found.one_hot(network.sizes[-1])
    return found.astype(np.float32).astype(np.float64)


def naive(network: dk.Network, at: np.ndarray, samples: dk.Samples, delta: float, back: float) -> np.ndarray:
    """Differences in every parameter by a plain loop, forward or central."""
    slopes = []
    for k in range(network.count):
        move = np.zeros(network.count)
        move[k] = delta
        ends = network.loss(at + move, samples), network.loss(at - back * move, samples)
        slopes.append((ends[0] - ends[1]) / (delta * (1 + back)))
    return np.array(slopes)


# The paths


@pytest.mark.parametrize(("method", "back"), [("forward_1", 0.0), ("central_2", 1.0)])
def test_a_path_is_that_of_a_plain_loop(method: str, back: float) -> None:
    steps, rate, delta = 4, 0.5, 1e-3
    table = trained({"network": (TANH,), "delta": (delta,), "batch": 12, "steps": steps})["table"]
    all_samples = drawn(TANH, 24)
    samples, aside = all_samples.take(slice(12)), all_samples.take(slice(12, None))
    numerical, exact = start(TANH), start(TANH)
    found = rows(table, method=method)
    # Rounding of two losses of about 1, over delta, in every parameter and step
    bound = steps * rate * 4 * 2.0**-52 / delta * math.sqrt(TANH.count)
    for step in range(steps + 1):
        assert found["loss"][step] == pytest.approx(TANH.loss(numerical, samples), abs=10 * bound)
        outputs = TANH.forward(numerical, aside)[-1].a
        assert found["accuracy"][step] == np.mean(outputs.argmax(axis=0) == aside.targets)
        distance = np.linalg.norm(numerical - exact) / np.linalg.norm(exact)
        assert found["distance"][step] == pytest.approx(distance, abs=10 * bound)
        slopes, true = naive(TANH, numerical, samples, delta, back), TANH.backprop(numerical, samples)
        if step < steps:
            error = np.linalg.norm(slopes - true) / np.linalg.norm(true)
            assert found["error"][step] == pytest.approx(error, abs=10 * bound / np.linalg.norm(true))
        numerical, exact = numerical - rate * slopes, exact - rate * TANH.backprop(exact, samples)
    assert math.isnan(found["error"][steps])


def test_all_ways_see_the_same_batches_of_samples_none_of_them_twice() -> None:
    config = Config(network=(TANH,), samples=12, batch=5, steps=20)
    one, other = (study.course_of(config, TANH, 0.5) for _ in range(2))
    assert np.array_equal(one.choices, other.choices)
    assert all(len(set(batch)) == 5 for batch in one.choices.tolist())
    assert set(one.choices.ravel().tolist()) == set(range(12))
    every = Config(network=(TANH,), samples=12, batch=12)
    assert np.array_equal(study.course_of(every, TANH, 0.5).batch(1).inputs, drawn(TANH, 24).inputs[:12])


def test_both_precisions_start_at_the_same_numbers_and_float64_backprop_is_the_path_itself() -> None:
    table = trained({"network": (TANH,), "precision": ("float32", "float64"), "delta": (1e-2,)})["table"]
    begun = rows(table, step=0)
    assert len(set(begun["loss"])) == 1
    assert not np.any(begun["distance"])
    assert not np.any(rows(table, precision="float64", way=BACKPROP)["distance"])
    single = rows(table, precision="float32", way=BACKPROP)["distance"][1:]
    assert np.all((single > 0) & (single < 1e-5))


def test_rows_are_as_many_as_promised() -> None:
    config = {"network": (TANH, RELU), "precision": ("float64", "float32"), "rate": (0.1, 0.5)}
    assert len(trained(config)["table"]["step"]) == Config(**config).rows == 2 * 2 * (2 + 2 * 2 * 2) * 6


# The law


@pytest.mark.parametrize(("method", "order"), [("forward_1", 1), ("central_2", 2)])
def test_the_distance_falls_with_delta_as_the_error_of_the_formula_does(method: str, order: int) -> None:
    deltas = (2e-3, 1e-3)
    table = trained({"network": (TANH,), "method": (method,), "delta": deltas, "steps": 20})["table"]
    ends = [rows(table, delta=delta, step=20)["distance"][0] for delta in deltas]
    assert math.log2(ends[0] / ends[1]) == pytest.approx(order, abs=0.02)  # the next term is delta times as small


def test_on_a_loss_of_second_degree_the_distance_is_the_closed_form() -> None:
    steps, rate, delta = 12, 0.3, 1e-2
    config = {"network": (LINEAR,), "delta": (delta,), "samples": 10, "batch": 10, "steps": steps, "rate": (rate,)}
    found = rows(trained(config)["table"], method="forward_1")
    samples = drawn(LINEAR, 22).take(slice(10))
    hessian = np.kron(np.eye(2), samples.with_one.T @ samples.with_one / 10)
    assert rate < 2 / np.linalg.eigvalsh(hessian).max()
    error = 0.5 * delta * np.diag(hessian)
    at, parted = start(LINEAR), np.zeros(LINEAR.count)
    for step in range(steps + 1):
        size = np.linalg.norm(at)
        assert found["distance"][step] * size == pytest.approx(np.linalg.norm(parted), abs=1e-11)
        # the probe errs by eps / PROBE, 2e-6, of what is small already
        assert found["predicted"][step] == pytest.approx(found["distance"][step], rel=1e-4, abs=1e-14)
        assert found["accumulated"][step] * size == pytest.approx(step * rate * np.linalg.norm(error), abs=1e-11)
        assert found["distance"][step] <= found["accumulated"][step] + 1e-14
        parted = parted - rate * (hessian @ parted + error)
        at = at - rate * LINEAR.backprop(at, samples)


@pytest.mark.slow
def test_the_law_tells_the_distance_in_a_smooth_network_and_in_one_with_kinks_until_one_is_crossed() -> None:
    deltas = (1e-9, 1e-6, 1e-4, 1e-2)
    config = {"network": (TANH, RELU), "delta": deltas, "samples": 48, "batch": 48, "steps": 60}
    table = trained(config)["table"]
    held = {}
    for network, method, delta in itertools.product(("tanh", "relu"), ("forward_1", "central_2"), deltas):
        path = rows(table, network=network, method=method, delta=delta)
        small = (path["step"] > 0) & (path["distance"] < 1e-2)
        before = np.maximum.accumulate(path["crossed"]) == 0
        off = np.abs(path["predicted"] - path["distance"]) > 0.1 * path["distance"]
        assert not np.any(off & small & before)
        held[network, method, delta] = not np.any(off & small)
    assert not np.any(rows(table, network="tanh")["crossed"])
    assert all(held[key] for key in held if key[0] == "tanh")
    assert not all(held[key] for key in held if key[0] == "relu")


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ([9, 9, 0, 0], "at all 9 steps of all ways."),
        ([9, 4, 0, 5], "at 4 of 9 steps of all ways, and misses it at 5 where the paths are more than 1 % apart."),
        (
            [9, 4, 1, 3],
            (
                "and misses it at 1 after some unit was open for a sample on one path and shut on the other;"
                " 3 without that, where the paths are more than 1 % apart; 1 elsewhere."
            ),
        ),
    ],
)
def test_it_is_told_where_the_law_is_missed(monkeypatch: pytest.MonkeyPatch, counts: list[int], says: str) -> None:
    monkeypatch.setattr(dk.TrainingPath, "judge_law", lambda self, **limits: dk.LawCounts(*counts))
    found = trained({"network": (TANH,), "method": ("central_2",), "delta": (1e-4,), "steps": 2})["findings"]
    (said,) = (text for text in found["finding"] if "the law of first order" in text)
    assert said.endswith(says)


def test_a_law_without_its_curvature_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"network": (TANH,), "delta": (1e-3,), "steps": 20, "method": ("forward_1",)}
    monkeypatch.setattr(descent, "hessian_product", lambda network, at, batch, direction: 0.0 * direction)
    path = rows(trained(config)["table"], method="forward_1")
    assert abs(path["predicted"][-1] / path["distance"][-1] - 1) > 0.1


# What is wrong is seen


def test_a_planted_wrong_gradient_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"network": (TANH,), "delta": (1e-5,), "method": ("central_2",), "steps": 20}
    clean = rows(trained(config)["table"], method="central_2")
    right, planted = study.gradient, 1e-2

    def wrong(way: study.Way, *rest: Any) -> dk.StepGradient:
        found = right(way, *rest)
        if way.method != BACKPROP:
            found.gradient[5] += planted
        return found

    monkeypatch.setattr(study, "gradient", wrong)
    tables = trained(config)
    spoilt = rows(tables["table"], method="central_2")
    norm = np.linalg.norm(
        TANH.backprop(start(TANH), drawn(TANH, 24).take(study.course_of(Config(**config), TANH, 0.5).choices[0]))
    )
    assert clean["error"][0] < 1e-8 < spoilt["error"][0] == pytest.approx(planted / norm, rel=1e-6)
    assert clean["distance"][-1] < 1e-8
    assert spoilt["distance"][-1] > 1e-3
    # the law is fed by the steps really taken: it tells where they lead
    assert spoilt["predicted"][-1] == pytest.approx(spoilt["distance"][-1], rel=0.1)
    assert spoilt["accumulated"][1] * np.linalg.norm(start(TANH)) == pytest.approx(0.5 * planted, rel=0.1)


def test_a_path_whose_loss_is_no_number_ends_and_the_others_go_on() -> None:
    tables = trained({"network": (LINEAR,), "rate": (0.1, 1e200), "steps": 6})
    wild, ended = rows(tables["table"], rate=1e200), tables["ended"]
    assert set(ended["rate"]) == {1e200}
    assert set(ended["cause"]) == {"loss not finite"}
    assert len(ended["way"]) == 5
    assert not any(wild["step"])  # a step of 1e200 gives a loss of 1e400
    assert np.all(np.isfinite(wild["loss"]))
    assert max(rows(tables["table"], rate=0.1)["step"]) == 6
    said = " ".join(tables["findings"]["finding"])
    assert "linear, rate 1e+200: the path of backprop ends after step 0, as its next loss is no finite number" in said
    assert "loss not finite: 5 paths end before their time (backprop; forward_1, delta 1e-5;" in said


def test_a_loss_that_float32_cannot_hold_ends_the_path_in_float32_alone() -> None:
    config = {"network": (LINEAR,), "rate": (1e30,), "steps": 2, "precision": ("float32",)}
    ended = trained(config)["ended"]
    assert set(zip(ended["way"], ended["precision"], ended["step"], strict=True)) >= {(BACKPROP, "float32", 1)}
    assert set(ended["precision"]) == {"float32"}


def test_a_delta_may_vanish_against_parameters_that_have_grown() -> None:
    ended = trained({"network": (LINEAR,), "rate": (1e40,), "steps": 3})["ended"]
    assert set(ended["cause"]) == {"delta vanished"}
    assert set(ended["step"]) == {1}
    assert BACKPROP not in ended["way"]


def test_a_delta_that_vanishes_in_one_precision_ends_the_path_there_and_names_the_parameter() -> None:
    config = {"network": (TANH,), "delta": (1e-9, 1e-3), "precision": ("float64", "float32"), "method": ("central_2",)}
    tables = trained(config)
    ended = tables["ended"]
    assert ended["way"].tolist() == ["central_2, delta 1e-9"]
    assert ended["precision"].tolist() == ["float32"]
    assert ended["step"].tolist() == [0]
    assert "vanishes against" in ended["reason"][0]
    assert "W1[0,0]" in ended["reason"][0]
    assert len(rows(tables["table"], precision="float32", delta=1e-9)["step"]) == 1
    assert len(rows(tables["table"], precision="float64", delta=1e-9)["step"]) == 6
    with pytest.raises(
        ValueError, match=r"delta=1e-09 vanishes against the parameter W1\[0,0\] = .* in float32; write"
    ):
        Config(**{**config, "precision": ("float32",)})


def test_a_gradient_that_is_0_for_good_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"network": (TANH,), "method": ("central_2",), "delta": (1e-4,), "steps": 5}
    right = study.gradient

    def failing(way: study.Way, *rest: Any) -> dk.StepGradient:
        found = right(way, *rest)
        return found if way.method == BACKPROP else dataclasses.replace(found, gradient=0.0 * found.gradient)

    monkeypatch.setattr(study, "gradient", failing)
    (said,) = [text for text in trained(config)["findings"]["finding"] if "the others get to" in text]
    assert said.endswith(" (from step 0 on its gradient is 0).")


def test_a_bad_gradient_that_trains_is_told_from_one_that_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    right = study.gradient

    def reversed_sign(way: study.Way, *rest: Any) -> dk.StepGradient:
        found = right(way, *rest)
        return dataclasses.replace(found, gradient=-found.gradient) if way.method == "central_2" else found

    monkeypatch.setattr(study, "gradient", reversed_sign)
    config = {"network": (TANH,), "delta": (1e-1,), "steps": 20, "samples": 24, "batch": 24}
    said = list(trained(config)["findings"]["finding"])
    assert any("1 of 2 complete paths trains" in text for text in said)
    assert any("the worst gradient that trains is that of forward_1, delta 0.1, float64" in text for text in said)
    assert any("the others get to" in text and "central_2, delta 0.1, float64" in text for text in said)


# What it costs


def test_a_step_costs_what_is_counted() -> None:
    costs = trained({"network": (TANH,), "batch": 12, "delta": (1e-5,)})["costs"]
    count = TANH.count
    assert costs["method"].tolist() == [BACKPROP, "forward_1", "central_2"]
    assert costs["evaluations"].tolist() == [1, count + 1, 2 * count]
    # z = M (a, 1) and the products of slopes and inputs, of 5 x 8 and 9 x 3; back through the 8 x 3 weights of layer 2
    assert costs["passes"][0] == (2 * (40 + 27) + 24) / 67 == TANH.backprop_multiply_adds / count
    samples = drawn(TANH, 24).take(slice(12))
    found = dk.brute_force(TANH, start(TANH), samples, delta=1e-5)
    assert costs["passes"][2] == pytest.approx(found.multiply_adds / (12 * count), rel=1e-12)
    assert np.allclose(costs["work_ratio"], costs["passes"] / costs["passes"][0], rtol=1e-12)
    assert np.allclose(costs["textbook_ratio"], costs["evaluations"] / costs["passes"][0], rtol=1e-12)
    assert np.all(costs["seconds"] > 0)


def test_times_are_in_tables_of_their_own() -> None:
    assert "seconds" not in study.Table.columns
    config = {"network": (RELU,), "delta": (1e-3,)}
    one, other = (trained(config)["table"] for _ in range(2))
    assert all(np.array_equal(one[name], other[name], equal_nan=one[name].dtype.kind == "f") for name in one)


# The run as a whole


def test_jobs_of_a_sweep_are_told_apart_by_what_differs_and_shared_paths_are_told_once() -> None:
    config = {"network": (TANH,), "delta": (1e-3,)}
    rates = trained({**config, "rate": (0.1,)}, {**config, "rate": (0.5,)})
    assert dict.fromkeys(rates["summary"]["case"]) == {"tanh, rate 0.1": None, "tanh, rate 0.5": None}
    methods = trained(*({**config, "method": (name,)} for name in ("forward_1", "central_2")))
    assert set(methods["summary"]["case"]) == {"tanh"}
    assert sorted(methods["summary"]["way"]) == [BACKPROP, "central_2, delta 1e-3", "forward_1, delta 1e-3"]
    assert methods["price"]["way"].tolist().count(BACKPROP) == 6


def test_the_lesson_is_told_at_the_figures_of_the_preset_without_a_number_that_is_none() -> None:
    preset = OmegaConf.load(Path(__file__).resolve().parents[3] / "conf/experiment/training.yaml")
    tables = trained({"network": (TANH, RELU), "precision": ("float64", "float32")})
    assert tables["lesson"]["figure"].tolist() == list(preset.figures.draw)
    said = " ".join([*tables["findings"]["finding"], *tables["lesson"]["text"]]).replace("(", " ").split()
    assert not {"nan", "inf", "nan%"} & set(said)


def test_a_network_of_values_with_a_penalty_is_trained_too() -> None:
    network = dk.Network((4, 5, 3), ("gelu",), "mean_squared_error", l2=1e-3, name="values")
    path = rows(trained({"network": (network,), "delta": (1e-5,), "steps": 20})["table"], method="central_2")
    assert path["loss"][-1] < path["loss"][0]
    assert path["distance"][-1] < 1e-7


def test_the_command_trains_draws_and_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_OUTPUTS", str(tmp_path))
    small = ("steps=3", "samples=9", "batch=9", "held_out=9", "rate=0.5,1", "delta=[1e-4]", "figures.formats=[svg]")
    assert main(["experiment=training", "network=[tiny_tanh]", *small]) == 0
    (page,) = tmp_path.glob("*/*/*/report.html")
    assert len(list(page.parent.glob("figures/*.svg"))) == 5
    assert "tiny_tanh, rate 0.5: backprop brings the loss from" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"rate": (0.0,)}, "rate=0: a learning rate is greater than 0; write one such as rate=0.1"),
        ({"rate": (0.1, -1.0)}, "rate=-1: a learning rate is greater than 0"),
        ({"rate": (math.inf,)}, "rate=inf: a learning rate"),
        ({"rate": (0.5, 0.5)}, r"rate=\[0.5, 0.5\]: one of them is there twice"),
        ({"delta": (1e-4, 1e-4)}, r"delta=\[0.0001, 0.0001\]: one of them is there twice"),
        ({"delta": (1e-4, 1.0000001e-4)}, "one of them is there twice"),
        ({"delta": ()}, r"delta=\[\]: at least one is needed"),
        (
            {"delta": (1e-18,)},
            r"delta=1e-18 vanishes against the parameter W1\[0,0\] = .* of the network tanh in float64",
        ),
        ({"steps": 0}, "steps=0: must be at least 1"),
        ({"held_out": 0}, "held_out=0: must be at least 1"),
        ({"batch": 13}, "batch=13: there are 12 samples to take it from; write at most batch=12"),
        ({"seed": -1}, "seed=-1: must be at least 0"),
        ({"precision": ("float16",)}, "precision=float16: there are float64, float32"),
        ({"method": ("central_3",)}, "central_3"),
        ({"network": (dk.Network((4, 3), l1=0.1, name="sparse"),)}, "network sparse: the penalty l1=0.1 has kinks"),
        (
            {"data": dk.Data("own", dk.generated(30, inputs=5, classes=3))},
            "the data own have 5 inputs, and layer 1 of the network takes 4",
        ),
        (
            {"data": dk.Data("own", dk.generated(20, inputs=4, classes=3))},
            "the data own have 20 samples; take from 1 to 20, not 24",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused(config: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Config(**{"network": (TANH,), **config})
