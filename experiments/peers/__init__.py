"""Other tools as themselves: each module adapts the one tool that it is named after, and imports it only when called.

Those of networks have ``gradient(network, parameters, samples)``, which prepares the tool's own way to the gradient of
a network's loss in one thread, and returns a function without arguments that is to be timed, and whose result is what
`flat` takes.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

NETWORKS = ("torch", "jax")
"""The tools that differentiate networks."""


def installed(tool: str) -> bool:
    """Whether a tool is there to be imported."""
    return importlib.util.find_spec(tool) is not None


def flat(layers: Sequence[tuple[Any, Any]]) -> NDArray[np.floating[Any]]:
    """The weights and biases of every layer, arrays of a tool, as the flat vector that `Network.backprop` gives."""
    return np.concatenate([np.column_stack([np.asarray(w), np.asarray(b)]).ravel() for w, b in layers])
