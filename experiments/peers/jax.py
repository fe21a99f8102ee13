"""The gradient of a network by JAX, compiled, a weight matrix and a bias for every layer; its check of a gradient; the
derivative of a formula.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from experiments.peers import activation, formula_in


def gradient(network: dk.Network, parameters: NDArray[Any], samples: dk.Samples) -> Callable[[], list[tuple[Any, Any]]]:
    """Compile the gradient, which takes some tenths of a second; see `experiments.peers`."""
    jax = _in_float64()
    exact = SimpleNamespace(gelu=functools.partial(jax.nn.gelu, approximate=False))
    active = [activation(name, exact, jax.nn) for name in network.activations]

    def cross_entropy(outputs: Any, labels: Any) -> Any:
        chosen = outputs[jax.numpy.arange(len(labels)), labels]
        return jax.numpy.mean(jax.nn.logsumexp(outputs, axis=1) - chosen)

    def squared_error(outputs: Any, values: Any) -> Any:
        return jax.numpy.mean((outputs - values) ** 2)

    losses = {"softmax_cross_entropy": cross_entropy, "mean_squared_error": squared_error}

    def loss(layers: Any, a: Any, targets: Any) -> Any:
        penalty = 0.0
        for (weights, bias), activate in zip(layers, active, strict=True):
            a = activate(a @ weights.T + bias)
            if network.l1 or network.l2:
                penalty += network.l1 * abs(weights).sum() + network.l2 * (weights**2).sum()
        return losses[network.objective](a, targets) + penalty

    layers = [
        (jax.numpy.asarray(matrix[:, :-1]), jax.numpy.asarray(matrix[:, -1])) for matrix in network.matrices(parameters)
    ]
    given = layers, jax.numpy.asarray(samples.inputs), jax.numpy.asarray(samples.targets)
    compiled = jax.jit(jax.grad(loss))
    jax.block_until_ready(compiled(*given))
    return lambda: jax.block_until_ready(compiled(*given))


def accepts(f: Callable[[Any], float], claim: NDArray[Any], x: NDArray[Any]) -> bool:
    """The verdict of ``jax.test_util.check_grads`` with its default tolerances; see `experiments.peers`."""
    jax = _in_float64()
    from jax.test_util import check_grads  # noqa: PLC0415 -- as below

    loss = jax.custom_vjp(lambda v: jax.numpy.asarray(f(np.asarray(v))))
    loss.defvjp(lambda v: (loss(v), None), lambda _, g: (g * claim,))
    try:
        check_grads(loss, (x,), order=1, modes=["rev"])
    except AssertionError:
        return False
    return True


def derivative(f: Any, x: float) -> Any:
    """The derivative of a function that has a formula; no bar."""
    return _slope(f.expression)(x)


@functools.cache
def _slope(formula: str | None) -> Any:
    """The derivative of a formula; not compiled, which takes longer than it saves at a few points."""
    jax = _in_float64()
    f = formula_in(formula, jax.numpy.float64, jax.numpy, jax.nn, jax.scipy.special)
    return jax.grad(f)


def _in_float64() -> Any:
    """JAX in one thread and with 64 bits."""
    # XLA makes as many threads as it is told that there are processors; it reads this once, when it is first used. Its
    # flags that name threads have no effect on them: two processors were busy all the same.
    os.environ.setdefault("NPROC", "1")
    import jax  # noqa: PLC0415 -- seconds, for those alone who compare

    jax.config.update("jax_enable_x64", True)  # noqa: FBT003 -- its own signature
    return jax
