"""Other tools as themselves: each module adapts the one tool that it is named after, and imports it only when called.

Those of networks have ``gradient(network, parameters, samples)``, which prepares the tool's own way to the gradient of
a network's loss in one thread. The parameters have shape ``(count,)``, float32 or float64, which the tool's arrays have
too. What is returned is to be timed: a function without arguments that gives the gradient of the loss in the weights
and the biases of every layer, which `flat` takes.

Those that check gradients have ``accepts(f, claim, x)``: whether the tool takes an array of shape ``(n,)`` for the
gradient of f at x, by its own rule and with its own tolerances; f gives one number.
"""

from __future__ import annotations

import functools
import importlib.util
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from derivkit import testing

NETWORKS = ("torch", "jax")
"""The tools that differentiate networks."""
CHECKS = {"torch": "torch gradcheck (fast)", "jax": "jax check_grads", "autograd": "autograd check_grads"}
"""The tools that give a verdict on a gradient, and the names of their checks."""

Named = Callable[[str], Callable[..., Any]]
RECIPROCALS = {"sec": "cos", "csc": "sin", "cot": "tan", "sech": "cosh", "csch": "sinh", "coth": "tanh"}


def _reciprocal(inverse: str) -> Callable[[Named], Callable[..., Any]]:
    return lambda named: lambda u: 1.0 / named(inverse)(u)


COMPOSED: Mapping[str, Callable[[Named], Callable[..., Any]]] = {
    "power": lambda _: operator.pow,
    "max": lambda named: lambda *u: functools.reduce(named("maximum"), u),
    "min": lambda named: lambda *u: functools.reduce(named("minimum"), u),
    **{name: _reciprocal(inverse) for name, inverse in RECIPROCALS.items()},
}
"""Operations that tools do not have under one name."""
OTHERWISE_CALLED = ("gelu", "heaviside", "logsumexp", "piecewise", "polygamma", "softmax")
"""What tools have under these names takes other arguments, or is another function."""


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


def formula_in(formula: str | None, number: Callable[[float], Any], *rooms: object) -> Callable[[Any], Any]:
    """A formula as somebody would write it with a tool that differentiates code.

    Parameters
    ----------
    formula
        That of a function, if it has one.
    number
        Makes the tool's own number of a float.
    rooms
        Modules of the tool; what NumPy calls by a name is sought in each in turn.

    Raises
    ------
    NotImplementedError
        If there is none, as tools of this kind do not see through code; or one with an operation that the tool lacks.
    """
    if formula is None:
        raise NotImplementedError("no formula of f is known")

    def named(name: str) -> Callable[..., Any]:
        try:
            return activation(name, *rooms)
        except AttributeError as error:
            raise NotImplementedError(str(error)) from error

    def operation(name: str) -> Callable[..., Any]:
        if name in OTHERWISE_CALLED:
            raise NotImplementedError(f"tools call {name} in other ways")
        return COMPOSED[name](named) if name in COMPOSED else named(testing.numpy_name(name))

    return testing.written_with(dk.parse(formula), number, operation)


def flat(layers: Sequence[tuple[Any, Any]]) -> NDArray[np.floating[Any]]:
    """The weights and biases of every layer, arrays of a tool, as the flat vector that `Network.backprop` gives."""
    return np.concatenate([np.column_stack([np.asarray(w), np.asarray(b)]).ravel() for w, b in layers])
