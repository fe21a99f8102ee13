"""Losses of torch and jax, where these are installed, and what is said where they are not."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import derivkit as dk


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_a_library_that_is_missing_is_named_with_the_command_that_installs_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=f"pip install {name}"):
        getattr(dk, f"{name}_function")(lambda *_: 0.0, [1.0])


def _linear() -> tuple[Any, Any, Any]:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1)).double()
    inputs = torch.randn(5, 3).double()
    return torch, model, lambda: model(inputs).square().mean()


def test_a_torch_module_agrees_with_its_own_gradient_and_is_as_it_was() -> None:
    torch, model, loss = _linear()
    before = [p.detach().clone() for p in model.parameters()]
    f = dk.torch_function(loss, model.named_parameters())
    assert dk.check_gradient(f, f.gradient, f.start).verdict == "agree"
    assert list(f.start) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert f(f.start) == loss().item()
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert all(p.grad is None for p in model.parameters())


def test_a_wrong_entry_of_a_torch_gradient_is_named() -> None:
    _, model, loss = _linear()
    f = dk.torch_function(loss, dict(model.named_parameters()))

    def wrong(x: Any) -> Any:
        gradient = f.gradient(x)
        gradient["0.weight"][2, 1] += 0.01
        return gradient

    check = dk.check_gradient(f, wrong, f.start)
    assert check.verdict == "disagree"
    assert "x['0.weight'][2, 1]" in check.message


def test_parameters_are_restored_when_the_loss_raises() -> None:
    torch, model, _ = _linear()
    before = [p.detach().clone() for p in model.parameters()]

    def fails() -> Any:
        raise RuntimeError("no loss")

    f = dk.torch_function(fails, model.parameters())
    with pytest.raises(RuntimeError, match="no loss"):
        f([np.zeros(part.shape) for part in f.start])
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_what_torch_cannot_give_is_refused_in_one_line() -> None:
    torch, model, loss = _linear()
    for parameters, line in (
        ([torch.ones(2, dtype=torch.float16, requires_grad=True)], "write model.double()"),
        ([torch.ones(2)], "does not require grad; leave it out"),
        ([np.ones(2)], "write model.named_parameters()"),
        (3, "write model.named_parameters()"),
        ([], "x has no entries"),
    ):
        with pytest.raises((TypeError, ValueError), match=r"parameters|entries") as refusal:
            dk.torch_function(loss, parameters)
        assert line in str(refusal.value)
    f = dk.torch_function(lambda: torch.ones(3), model.parameters())
    with pytest.raises(ValueError, match=r"shape \(3,\) where one number is needed"):
        f(f.start)


def test_a_tensor_that_requires_grad_is_answered_with_what_to_write() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match=r"x is a torch tensor that requires grad; write x.detach\(\).numpy\(\)"):
        dk.check_gradient(lambda x: x.sum(), np.ones(2), torch.ones(2, requires_grad=True))
    weight = torch.ones(2, dtype=torch.float64, requires_grad=True)
    assert "write loss.item()" in dk.derivative(lambda t: (weight * t).sum(), 1.0).message


def test_a_torch_function_of_numbers_is_a_black_box() -> None:
    torch = pytest.importorskip("torch")
    result = dk.derivative(lambda t: torch.sin(torch.as_tensor(t)), 1.0, vectorized=False)
    assert abs(result.value - np.cos(1.0)) <= result.error


def test_a_jax_loss_agrees_with_its_own_gradient() -> None:
    jax = pytest.importorskip("jax")
    x = {"w": np.linspace(-1.0, 1.0, 12).reshape(4, 3), "b": [0.5, 0.25, -0.5], "scale": 2}
    f = dk.jax_function(lambda p: (jax.numpy.tanh(p["w"] + p["b"]) ** 2).sum() * p["scale"], x)
    assert dk.check_gradient(f, f.gradient, f.start).verdict == "agree"
    assert f.gradient(f.start)["w"].shape == (4, 3)
    several = dk.jax_function(lambda p: p["w"], x)
    with pytest.raises(ValueError, match=r"shape \(4, 3\) where one number is needed"):
        several(several.start)


def test_a_loss_may_hold_derivatives_and_hooks_of_its_own() -> None:
    torch, model, _ = _linear()
    u = torch.linspace(-1.0, 1.0, 12).double().reshape(4, 3).requires_grad_()
    sizes = []

    def loss() -> Any:
        out = model(u)
        out.register_hook(lambda slope: sizes.append(slope.shape))
        (slope,) = torch.autograd.grad(out.sum(), u, create_graph=True)
        return (slope**2).mean() + out.mean()

    f = dk.torch_function(loss, model.named_parameters())
    assert dk.check_gradient(f, f.gradient, f.start).verdict == "agree"
    assert sizes


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda loss: loss().item(), "no tensor; return a tensor, without .item(), float() or NumPy"),
        (lambda loss: loss().detach(), "compute it from these tensors themselves, without .detach()"),
    ],
    ids=["item", "detach"],
)
def test_a_loss_without_a_record_is_told_what_to_return(change: Any, line: str) -> None:
    _, model, loss = _linear()
    f = dk.torch_function(lambda: change(loss), model.named_parameters())
    assert f(f.start) == loss().item()
    with pytest.raises(ValueError, match="tensor") as refusal:
        dk.check_gradient(f, f.gradient, f.start)
    assert line in str(refusal.value)
