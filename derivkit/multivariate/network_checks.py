"""What a network refuses: sizes, activations, parameters and samples that do not fit, and what to write instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from derivkit.arguments import nearest
from derivkit.multivariate.activations import ACTIVATIONS
from derivkit.multivariate.losses import Loss
from derivkit.multivariate.samples import Samples


def checked_sizes(sizes: Sequence[int]) -> tuple[int, ...]:
    """The numbers of units of the layers, the inputs first."""
    if len(sizes) < 2:
        raise ValueError(f"sizes={list(sizes)}: a network has at least two, its inputs and its outputs")
    for place, size in enumerate(sizes):
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
            raise ValueError(
                f"sizes={list(sizes)}: {_layer_name(place, len(sizes))} has {size!r} units; take a whole number from 1"
            )
    return tuple(int(size) for size in sizes)


def checked_activations(activations: Sequence[str], layers: int) -> tuple[str, ...]:
    """The activation of every layer; of several layers one alone stands for all but the last, relu if there is none."""
    if isinstance(activations, str):
        raise TypeError(f"activations={activations!r}: write a tuple, ({activations!r},)")
    names = tuple(activations)
    for name in names:
        check_known("activation", name, ACTIVATIONS)
    if not names or len(names) == 1 < layers:
        names = (*(names or ("relu",)) * (layers - 1), "identity")
    if len(names) != layers:
        raise ValueError(
            f"{len(names)} activations for {layers} layers; name one for each, or one for all but the last"
        )
    return names


def check_samples(sizes: Sequence[int], loss: Loss, samples: Samples) -> None:
    """Refuse samples that a network of these sizes and this loss cannot take."""
    outputs, depth = sizes[-1], len(sizes) - 1
    if samples.inputs.shape[1] != sizes[0]:
        raise ValueError(
            f"layer 1 takes {sizes[0]} inputs (its matrix has shape ({sizes[1]}, {sizes[0]} + 1)),"
            f" and the samples have {samples.inputs.shape[1]} (shape {samples.inputs.shape})"
        )
    if loss.labelled != samples.labelled:
        need, way = ("labels, shape (n,)", "") if loss.labelled else ("values", f"; write samples.one_hot({outputs})")
        raise ValueError(f"{loss.name} needs {need}, and the targets have shape {samples.targets.shape}{way}")
    if not loss.labelled and samples.targets.shape[1] != outputs:
        raise ValueError(f"layer {depth} has {outputs} outputs, and the targets have shape {samples.targets.shape}")
    if loss.labelled and (samples.label_range[0] < 0 or samples.label_range[1] >= outputs):
        wrong = (samples.targets < 0) | (samples.targets >= outputs)
        first = int(np.argmax(wrong))
        raise ValueError(
            f"layer {depth} has {outputs} outputs, so that labels go from 0 to {outputs - 1};"
            f" sample {first} has the label {int(samples.targets[first])}"
        )


def _layer_name(place: int, count: int) -> str:
    return "the input" if place == 0 else f"layer {place}{' (the last)' if place == count - 1 else ''}"


def check_kinds(parameters: object, samples: object) -> None:
    """Refuse what are no parameters or no samples."""
    if not isinstance(parameters, np.ndarray):
        raise TypeError(f"parameters are an array, not a {type(parameters).__name__}; write np.array(parameters)")
    if not isinstance(samples, Samples):
        raise TypeError(f"samples are Samples(inputs, targets), not a {type(samples).__name__}")


def check_known(kind: str, name: str, table: Mapping[str, object]) -> None:
    """Refuse a name that a table does not have."""
    if name not in table:
        raise ValueError(f"no {kind} named {name!r}; {nearest(name, table)}")
