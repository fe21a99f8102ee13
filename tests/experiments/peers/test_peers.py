"""Other tools give the gradient that the lab gives, which is what makes their times comparable."""

from __future__ import annotations

import importlib
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import derivkit as dk
from derivkit.multivariate import network as networks
from derivkit.multivariate import network_checks
from derivkit.multivariate.activations import ACTIVATIONS, of_operation
from derivkit.multivariate.losses import LOSSES
from experiments import peers

ROOT = Path(__file__).resolve().parents[3]
TOOLS = [
    pytest.param(tool, marks=pytest.mark.skipif(not peers.installed(tool), reason=f"{tool} is not installed"))
    for tool in peers.NETWORKS
]


def distance(tool: str, network: dk.Network, parameters: np.ndarray, samples: dk.Samples) -> float:
    """Relative distance in the 2-norm between the tool's gradient and backprop's."""
    found = peers.flat(importlib.import_module(f"experiments.peers.{tool}").gradient(network, parameters, samples)())
    expected = network.backprop(parameters, samples)
    assert found.dtype == expected.dtype == parameters.dtype
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def prepared(network: dk.Network) -> tuple[np.ndarray, dk.Samples]:
    samples = dk.generated(7, inputs=network.sizes[0], classes=network.sizes[-1], seed=3)
    parameters = network.initial(seed=1) + 0.1 * np.random.default_rng(2).standard_normal(network.count)
    return parameters, samples if LOSSES[network.objective].labelled else samples.one_hot(network.sizes[-1])


@pytest.mark.parametrize("penalty", [0.0, 0.01], ids=["plain", "penalty"])
@pytest.mark.parametrize("objective", sorted(LOSSES))
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_agrees_with_backprop(tool: str, activation: str, objective: str, penalty: float) -> None:
    network = dk.Network((20, 16, 12, 5), (activation,), objective, l1=penalty, l2=2 * penalty)
    assert distance(tool, network, *prepared(network)) <= 1e-14


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_agrees_in_the_type_of_the_parameters(tool: str) -> None:
    network = dk.Network((20, 16, 5))
    parameters, samples = prepared(network)
    assert distance(tool, network, parameters.astype(np.float32), samples.astype(np.float32)) <= 32 * 2.0**-23


@pytest.mark.parametrize("tool", TOOLS)
def test_another_network_does_not_agree(tool: str) -> None:
    network = dk.Network((20, 16, 5), ("relu",))
    module = importlib.import_module(f"experiments.peers.{tool}")
    parameters, samples = prepared(network)
    other = peers.flat(module.gradient(replace(network, activations=("leaky_relu", "identity")), parameters, samples)())
    assert np.linalg.norm(other - network.backprop(parameters, samples)) > 1e-3 * np.linalg.norm(other)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_new_activation_is_found_in_a_tool_by_its_name(tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    new = {**ACTIVATIONS, "softplus": of_operation("softplus")}
    for module in (networks, network_checks):
        monkeypatch.setattr(module, "ACTIVATIONS", new)
    network = dk.Network((20, 16, 5), ("softplus",))
    assert distance(tool, network, *prepared(network)) <= 1e-14


def test_an_activation_is_that_of_the_first_room_that_has_it() -> None:
    first, second = SimpleNamespace(gelu=abs), SimpleNamespace(gelu=round, softplus=math.exp)
    assert peers.activation("gelu", first, second) is abs
    assert peers.activation("softplus", first, second) is math.exp
    assert peers.activation("identity", first)(3.0) == 3.0
    with pytest.raises(AttributeError, match="the tool has no activation named swish"):
        peers.activation("swish", first, second)


@pytest.mark.parametrize("tool", peers.NETWORKS)
def test_a_tool_names_no_activation_but_those_in_which_it_differs(tool: str) -> None:
    source = (ROOT / f"experiments/peers/{tool}.py").read_text(encoding="utf-8")
    assert {name for name in ACTIVATIONS if name in source} <= {"gelu"}


def test_weights_and_biases_become_the_flat_vector() -> None:
    network = dk.Network((3, 4, 2))
    parameters = np.arange(float(network.count))
    assert np.array_equal(
        peers.flat([(matrix[:, :-1], matrix[:, -1]) for matrix in network.matrices(parameters)]), parameters
    )


def test_a_tool_that_is_not_there_is_not_installed() -> None:
    assert peers.installed("numpy")
    assert not peers.installed("no_such_tool")


@pytest.mark.parametrize(
    "tool",
    [
        pytest.param(tool, marks=pytest.mark.skipif(not peers.installed(tool), reason=f"{tool} is not installed"))
        for tool in peers.CHECKS
    ],
)
def test_a_check_takes_a_right_gradient_and_rejects_a_wrong_one(tool: str) -> None:
    accepts = importlib.import_module(f"experiments.peers.{tool}").accepts
    x = np.linspace(-1.0, 1.0, 20)
    assert accepts(lambda v: float(np.sum(np.sin(v))), np.cos(x), x)
    assert not accepts(lambda v: float(np.sum(np.sin(v))), 1.5 * np.cos(x), x)
