"""Losses of torch and jax as functions of NumPy arrays, each with the gradient that the library computes itself.

The libraries are imported when an adapter is made.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from derivkit.arguments import check_callable, shown
from derivkit.multivariate.structure import Structure
from derivkit.types import Array

TORCH_TYPES = ("torch.float32", "torch.float64")


@dataclass(frozen=True, kw_only=True, eq=False)
class AdaptedFunction:
    """A loss as a function of NumPy arrays.

    Attributes
    ----------
    start : object
        The parameters as they were when the function was made, in NumPy arrays.
    loss : callable
        From parameters in the structure of ``start`` to a number; calling the function is the same.
    gradient : callable
        From such parameters to the gradient that the library computes, in the same structure.

    Examples
    --------
    >>> f = AdaptedFunction(start=3.0, loss=lambda x: x**2, gradient=lambda x: 2.0 * x)
    >>> f(f.start), f.gradient(f.start)
    (9.0, 6.0)
    """

    start: Any
    loss: Callable[[Any], float]
    gradient: Callable[[Any], Any]

    def __call__(self, x: Any) -> float:
        """The loss there."""
        return self.loss(x)


def torch_function(module_loss: Callable[[], Any], parameters: Any) -> AdaptedFunction:
    """The loss of a torch module as a function of its parameters, with the gradient by ``backward``.

    Parameters
    ----------
    module_loss : callable
        Without arguments: the loss of the module as it stands, a tensor of one number. It is called with gradients
        enabled, so that it may hold hooks and ``torch.autograd.grad``. Switch dropout off with ``model.eval()``.
    parameters : dict, iterable or tensor
        Tensors in float32 or float64 that require grad, such as ``dict(model.named_parameters())``,
        ``model.named_parameters()`` or ``model.parameters()``. They have other values during a call, and the old
        ones afterwards, whatever happens; their ``.grad`` is not touched. Calls from several threads wait for one
        another.

    Returns
    -------
    AdaptedFunction
        ``dk.check_gradient(f, f.gradient, f.start)`` checks it.

    Raises
    ------
    ImportError
        If torch is not installed.
    TypeError, ValueError
        If the parameters are no such tensors, or the loss is not one number.

    Examples
    --------
    >>> import torch  # doctest: +SKIP
    >>> model, inputs = torch.nn.Linear(3, 1).double(), torch.ones(5, 3).double()  # doctest: +SKIP
    >>> f = torch_function(lambda: model(inputs).square().mean(), model.named_parameters())  # doctest: +SKIP
    >>> dk.check_gradient(f, f.gradient, f.start).verdict  # doctest: +SKIP
    'agree'
    """
    torch = _library("torch")
    check_callable(module_loss, "dk.torch_function(lambda: loss(model(inputs)), model.named_parameters())")
    tensors = _tensors(torch, parameters)
    contents = list(tensors.values() if isinstance(tensors, dict) else tensors)
    arrays = [tensor.detach().cpu().numpy().copy() for tensor in contents]
    structure = Structure.of(dict(zip(tensors, arrays, strict=True)) if isinstance(tensors, dict) else arrays)
    lock = threading.Lock()

    def write(values: Iterable[Any]) -> None:
        with torch.no_grad():
            for tensor, value in zip(contents, values, strict=True):
                tensor.copy_(torch.as_tensor(value))

    @contextmanager
    def moved(x: Any) -> Iterator[None]:
        flat = structure.like(x, "x")
        with lock:
            old = [tensor.detach().clone() for tensor in contents]
            try:
                write(flat[place].reshape(shape) for _, place, shape in structure.blocks)
                yield
            finally:
                write(old)

    def loss(x: Any) -> float:
        with moved(x), torch.enable_grad():
            result = _one_number(module_loss())
            return float(result.detach() if isinstance(result, torch.Tensor) else result)

    def gradient(x: Any) -> Any:
        with moved(x), torch.enable_grad():
            found = torch.autograd.grad(_recorded(torch, module_loss()), contents, allow_unused=True)
            parts = [
                np.zeros(old.size) if new is None else new.cpu().numpy().ravel()
                for old, new in zip(arrays, found, strict=True)
            ]
        return structure.shaped(np.concatenate(parts))

    return AdaptedFunction(start=structure.restore(structure.flat), loss=loss, gradient=gradient)


def jax_function(loss: Callable[[Any], Any], x: Any) -> AdaptedFunction:
    """A loss written in jax as a function of NumPy arrays, with the gradient by ``jax.grad``.

    Parameters
    ----------
    loss : callable
        Of one argument, the parameters, in the structure of x with arrays of jax in it; gives one number.
    x : object
        The parameters: an array, a number, or a list, tuple or dict of them, nested. jax computes in float32, and
        ``start`` is float32 too, unless ``jax.config.update("jax_enable_x64", True)`` was called before.

    Returns
    -------
    AdaptedFunction
        ``dk.check_gradient(f, f.gradient, f.start)`` checks it.

    Raises
    ------
    ImportError
        If jax is not installed.
    TypeError, ValueError
        If the parameters are no real finite numbers, or the loss is not one number.

    Examples
    --------
    >>> f = jax_function(lambda p: (p["w"] ** 2).sum(), {"w": [3.0, 4.0]})  # doctest: +SKIP
    >>> f.gradient(f.start)  # doctest: +SKIP
    {'w': array([6., 8.])}
    """
    jax = _library("jax")
    check_callable(loss, "dk.jax_function(lambda p: (p['w'] ** 2).sum(), {'w': w})")
    numpy, each = jax.numpy, jax.tree_util.tree_map
    first = Structure.of(x)

    def floating(leaf: Any) -> Any:
        array = numpy.asarray(leaf)
        return np.array(array.astype(numpy.promote_types(array.dtype, numpy.float32)))

    structure = Structure.of(each(floating, first.restore(first.flat)))

    def in_jax(point: Any) -> Any:
        return each(numpy.asarray, structure.restore(structure.like(point, "x")))

    def value(point: Any) -> float:
        return float(_one_number(loss(in_jax(point))))

    def gradient(point: Any) -> Any:
        derivatives: Array = structure.like(each(np.asarray, slope(in_jax(point))), "gradient")
        return structure.shaped(derivatives)

    slope = jax.grad(lambda point: _one_number(loss(point)))
    return AdaptedFunction(start=structure.restore(structure.flat), loss=value, gradient=gradient)


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ImportError(f"dk.{name}_function needs {name}, which is not installed: pip install {name}") from None


def _one_number(result: Any) -> Any:
    """The loss without its axes, refused if it is several numbers."""
    shape = tuple(getattr(result, "shape", ()))
    if any(length != 1 for length in shape):
        raise ValueError(f"the loss has shape {shape} where one number is needed; write .mean() or .sum() after it")
    return result.reshape(()) if shape else result


def _recorded(torch: Any, result: Any) -> Any:
    """The loss without its axes, refused if torch did not record how it came about."""
    if not isinstance(result, torch.Tensor):
        raise TypeError(f"the loss is {shown(result)}, no tensor; return a tensor, without .item(), float() or NumPy")
    if not result.requires_grad:
        raise ValueError(
            "torch did not record how the loss follows from the parameters; compute it from these tensors themselves, "
            "without .detach(), .data or torch.no_grad()"
        )
    return _one_number(result)


def _tensors(torch: Any, parameters: Any) -> dict[Any, Any] | list[Any]:
    """Tensors by their names, or in a list where they have none."""
    if isinstance(parameters, torch.Tensor):
        return _tensors(torch, [parameters])
    if not isinstance(parameters, Iterable):
        raise TypeError(f"parameters={shown(parameters)}: write model.named_parameters(), or a dict or list of tensors")
    entries = list(parameters.items() if isinstance(parameters, Mapping) else parameters)
    pairs: list[tuple[Any, Any]] = [
        entry if isinstance(entry, tuple) and len(entry) == 2 else (k, entry) for k, entry in enumerate(entries)
    ]
    for name, tensor in pairs:
        _check_tensor(torch, f"parameters[{name!r}]", tensor)
    named = isinstance(parameters, Mapping) or any(isinstance(entry, tuple) for entry in entries)
    return dict(pairs) if named else [tensor for _, tensor in pairs]


def _check_tensor(torch: Any, name: str, tensor: Any) -> None:
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(f"{name} is {shown(tensor)}, no tensor; write model.named_parameters()")
    if str(tensor.dtype) not in TORCH_TYPES:
        raise TypeError(f"{name} is {tensor.dtype}, which has too few digits or none; write model.double() before")
    if not tensor.requires_grad:
        raise ValueError(f"{name} does not require grad; leave it out, or write {name}.requires_grad_()")
