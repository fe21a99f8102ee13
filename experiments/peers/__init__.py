"""Other tools as themselves: each module adapts the one tool that it is named after, and imports it only when called.

Those of networks have ``gradient(network, parameters, samples)``, which prepares the tool's own way to the gradient of
a network's loss in one thread. The parameters have shape ``(count,)``, float32 or float64, which the tool's arrays have
too. What is returned is to be timed: a function without arguments that gives the gradient of the loss in the weights
and the biases of every layer, which `flat` takes.

Those that check gradients have ``accepts(f, claim, x)``: whether the tool takes an array of shape ``(n,)`` for the
gradient of f at x, by its own rule and with its own tolerances; f gives one number.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

NETWORKS = ("torch", "jax")
"""The tools that differentiate networks."""
CHECKS = {"torch": "torch gradcheck (fast)", "jax": "jax check_grads", "autograd": "autograd check_grads"}
"""The tools that give a verdict on a gradient, and the names of their checks."""


def installed(tool: str) -> bool:
    """Whether a tool is there to be imported."""
    return importlib.util.find_spec(tool) is not None


def activation(name: str, *rooms: object) -> Callable[[Any], Any]:
    """What a tool has under the name of an activation of the lab, in the first of its rooms that has it.

    Parameters
    ----------
    name
        Of a row of `derivkit.multivariate.activations`; the identity needs no tool.
    rooms
        Modules of the tool, or any objects that have its functions as attributes.

    Raises
    ------
    AttributeError
        If no room has it.
    """
    if name == "identity":
        return lambda z: z
    for room in rooms:
        if hasattr(room, name):
            return cast("Callable[[Any], Any]", getattr(room, name))
    raise AttributeError(f"the tool has no activation named {name}")


def flat(layers: Sequence[tuple[Any, Any]]) -> NDArray[np.floating[Any]]:
    """The weights and biases of every layer, arrays of a tool, as the flat vector that `Network.backprop` gives."""
    return np.concatenate([np.column_stack([np.asarray(w), np.asarray(b)]).ravel() for w, b in layers])
