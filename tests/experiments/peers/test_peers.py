"""Other tools give the gradient that the lab gives, which is what makes their times comparable."""

from __future__ import annotations

import importlib
from dataclasses import replace

import numpy as np
import pytest

import derivkit as dk
from derivkit.multivariate.activations import ACTIVATIONS
from derivkit.multivariate.losses import LOSSES
from experiments import peers

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


def test_weights_and_biases_become_the_flat_vector() -> None:
    network = dk.Network((3, 4, 2))
    parameters = np.arange(float(network.count))
    assert np.array_equal(
        peers.flat([(matrix[:, :-1], matrix[:, -1]) for matrix in network.matrices(parameters)]), parameters
    )


def test_a_tool_that_is_not_there_is_not_installed() -> None:
    assert peers.installed("numpy")
    assert not peers.installed("no_such_tool")
