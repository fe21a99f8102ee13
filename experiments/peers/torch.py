"""The gradient of a network by PyTorch, eager, a weight matrix and a bias for every layer, as its own layers have; its
check of a gradient; the derivative of a formula.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

import derivkit as dk
from experiments.peers import activation, formula_in


def gradient(network: dk.Network, parameters: NDArray[Any], samples: dk.Samples) -> Callable[[], list[tuple[Any, Any]]]:
    """Prepare tensors of the parameters and the samples; see `experiments.peers`."""
    import torch  # noqa: PLC0415 -- seconds, for those alone who compare

    torch.set_num_threads(1)
    functional = torch.nn.functional
    active = [activation(name, torch, functional) for name in network.activations]
    losses = {"softmax_cross_entropy": functional.cross_entropy, "mean_squared_error": functional.mse_loss}
    layers = [
        (torch.tensor(matrix[:, :-1], requires_grad=True), torch.tensor(matrix[:, -1], requires_grad=True))
        for matrix in network.matrices(parameters)
    ]
    leaves = [leaf for layer in layers for leaf in layer]
    inputs, targets = torch.tensor(samples.inputs), torch.tensor(samples.targets)

    def once() -> list[tuple[Any, Any]]:
        a = inputs
        for (weights, bias), activate in zip(layers, active, strict=True):
            a = activate(functional.linear(a, weights, bias))
        loss = losses[network.objective](a, targets)
        for weights, _ in layers if network.l1 or network.l2 else ():
            loss = loss + network.l1 * weights.abs().sum() + network.l2 * weights.square().sum()
        found = torch.autograd.grad(loss, leaves)
        return list(zip(found[::2], found[1::2], strict=True))

    return once


def accepts(f: Callable[[Any], float], claim: NDArray[Any], x: NDArray[Any]) -> bool:
    """The verdict of ``torch.autograd.gradcheck`` in fast mode with its default tolerances; see `experiments.peers`.

    Where it rejects a gradient it computes the whole Jacobian for its message.
    """
    import torch  # noqa: PLC0415 -- as above

    class Loss(torch.autograd.Function):  # type: ignore[misc]  # whose types are not read
        @staticmethod
        def forward(_: Any, v: Any) -> Any:
            return torch.tensor(f(v.detach().numpy()), dtype=torch.float64)

        @staticmethod
        def backward(_: Any, g: Any) -> Any:
            return g * torch.from_numpy(claim)

    leaf = torch.tensor(x, requires_grad=True)
    return bool(torch.autograd.gradcheck(Loss.apply, leaf, fast_mode=True, raise_exception=False))


def derivative(f: Any, x: float) -> Any:
    """The derivative of a function that has a formula; no bar."""
    import torch  # noqa: PLC0415 -- as above

    leaf = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    number = functools.partial(torch.tensor, dtype=torch.float64)
    (slope,) = torch.autograd.grad(
        formula_in(f.expression, number, torch, torch.special, torch.nn.functional)(leaf), leaf
    )
    return slope.item()
