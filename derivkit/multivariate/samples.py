"""Samples for a network: inputs with their targets, as a value that is checked once and not changed afterwards."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs and targets, read-only, of float32 or float64.

    Parameters
    ----------
    inputs : array_like
        Shape ``(samples, inputs)``.
    targets : array_like
        Labels, whole numbers of shape ``(samples,)``, or values of shape ``(samples, outputs)``.

    Raises
    ------
    ValueError
        If there are no samples, inputs and targets differ in number, or a number is not finite (where first).

    Examples
    --------
    >>> Samples([[0.5, 1.0], [2.0, -1.0]], [0, 2]).labelled
    True
    """

    inputs: Array
    targets: NDArray[Any]

    def __post_init__(self) -> None:
        inputs, targets = _floats(self.inputs), np.array(self.targets)
        if inputs.ndim != 2:
            raise ValueError(f"inputs are of shape (samples, inputs), not {inputs.shape}")
        if not len(inputs):
            raise ValueError("there are no samples; a loss needs at least one")
        if len(targets.shape) not in (1, 2) or len(targets) != len(inputs):
            raise ValueError(
                f"{len(inputs)} samples need {len(inputs)} labels, or targets of shape ({len(inputs)}, outputs);"
                f" those given have shape {targets.shape}"
            )
        if targets.ndim == 2:
            targets = targets.astype(inputs.dtype)
        elif targets.dtype.kind not in "iu":
            raise ValueError(
                f"labels are whole numbers, not {targets.dtype}; targets that are values have shape (n, outputs)"
            )
        for name, values in (("input", inputs), ("target", targets)):
            _refuse_not_finite(name, values)
            values.flags.writeable = False
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "targets", targets)

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def labelled(self) -> bool:
        """Whether the targets are labels."""
        return self.targets.ndim == 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the inputs."""
        return self.inputs.dtype

    @cached_property
    def with_one(self) -> Array:
        """The inputs with a last column of ones, whose weights are the biases; shape ``(samples, inputs + 1)``."""
        return with_one(self.inputs)

    @cached_property
    def label_range(self) -> tuple[int, int]:
        """Least and largest label."""
        return int(np.min(self.targets)), int(np.max(self.targets))

    @property
    def labels(self) -> NDArray[Any]:
        """The labels; of values, such as `one_hot` gives, the column of the largest; shape ``(samples,)``."""
        return self.targets if self.labelled else np.argmax(self.targets, axis=1)

    def take(self, which: slice | ArrayLike) -> Samples:
        """Those of the samples that `which` says: a slice, or their numbers, shape ``(n,)``."""
        chosen = which if isinstance(which, slice) else np.asarray(which)
        return Samples(self.inputs[chosen], self.targets[chosen])

    def astype(self, dtype: DTypeLike) -> Samples:
        """The same samples, rounded to `dtype`."""
        return Samples(self.inputs.astype(dtype), self.targets)

    def one_hot(self, classes: int) -> Samples:
        """The labels as values, in as many columns as `classes`: 1 in that of the label, 0 elsewhere.

        So does the mean squared error take them.

        Raises
        ------
        ValueError
            If a label is none of ``0, ..., classes - 1``.
        """
        low, high = self.label_range
        if low < 0 or high >= classes:
            raise ValueError(f"labels go from 0 to {classes - 1}; there is {low if low < 0 else high}")
        return Samples(self.inputs, np.eye(classes, dtype=self.dtype)[self.targets])


@dataclass(frozen=True, eq=False)
class Data:
    """Where samples come from: they are generated, or drawn from a set.

    Attributes
    ----------
    name : str
        What it is called in tables.
    samples : Samples or None
        The labelled set; without it samples are generated to fit the network.

    Examples
    --------
    >>> Data("two points", Samples([[0.0], [1.0]], [0, 1])).draw(1, inputs=1, classes=2, seed=1).inputs.tolist()
    [[0.0]]
    """

    name: str = "generated"
    samples: Samples | None = None

    def draw(self, count: int, *, inputs: int, classes: int, seed: int = 0) -> Samples:
        """So many samples, the same for the same seed, none of a set twice.

        Parameters
        ----------
        count : int
            Number of samples.
        inputs, classes : int
            Numbers of an input, and of labels, which the set has to fit.
        seed : int
            Of the random numbers.

        Returns
        -------
        Samples
            Labelled.

        Raises
        ------
        ValueError
            If the set has not so many, or does not have these inputs and classes.
        """
        if self.samples is None:
            return generated(count, inputs=inputs, classes=classes, seed=seed)
        total, width = self.samples.inputs.shape
        if width != inputs:
            raise ValueError(f"the data {self.name} have {width} inputs, and layer 1 of the network takes {inputs}")
        if self.samples.label_range[1] >= classes:
            most = self.samples.label_range[1]
            raise ValueError(
                f"the data {self.name} have labels from 0 to {most}, and the last layer of the network has"
                f" {classes} outputs; it needs {most + 1}"
            )
        if not 1 <= count <= total:
            raise ValueError(f"the data {self.name} have {total} samples; take from 1 to {total}, not {count}")
        return self.samples.take(np.random.default_rng(seed).permutation(total)[:count])


def with_one(values: Array) -> Array:
    """The values with 1 appended to the last axis."""
    result = np.empty((*values.shape[:-1], values.shape[-1] + 1), dtype=values.dtype)
    result[..., :-1] = values
    result[..., -1] = 1.0
    return result


def generated(
    count: int, *, inputs: int, classes: int, seed: int = 0, spread: float = 1.0, dtype: DTypeLike = np.float64
) -> Samples:
    """A classification set: a Gaussian cloud around a centre of its own for each class.

    The centres are normal too, with a variance of 1 to that of a cloud of spread^2, so that with a spread of 1 the
    clouds overlap in few dimensions and lie apart in many; all is scaled to a variance of 1. Labels come in turn, so
    that every class has its share. Equal arguments give equal samples.

    Parameters
    ----------
    count : int
        Number of samples.
    inputs, classes : int
        Numbers of an input, and of labels.
    seed : int
        Of the random numbers.
    spread : float
        Standard deviation of a cloud, in units of that of the centres.
    dtype : dtype_like
        The samples are drawn in float64 and rounded to it.

    Returns
    -------
    Samples
        Labelled; inputs of shape ``(count, inputs)``.

    Raises
    ------
    ValueError
        If there would be no samples, inputs or classes.

    Examples
    --------
    >>> generated(5, inputs=2, classes=3).targets.tolist()
    [0, 1, 2, 0, 1]
    """
    for name, value in (("count", count), ("inputs", inputs), ("classes", classes)):
        if not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(f"{name}={value}: there must be at least one, in whole numbers")
    random = np.random.default_rng(seed)
    centres = random.standard_normal((classes, inputs))
    labels = np.arange(count) % classes
    values = (centres[labels] + spread * random.standard_normal((count, inputs))) / math.sqrt(1.0 + spread**2)
    return Samples(values.astype(dtype), labels)


def _floats(values: ArrayLike) -> Array:
    """A copy of their own, as float32 where they are that, else float64."""
    array = np.array(values)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"inputs are real numbers, not {array.dtype}")
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)


def _refuse_not_finite(name: str, values: NDArray[Any]) -> None:
    if values.dtype.kind == "f" and not np.all(np.isfinite(values)):
        first = tuple(int(k) for k in np.argwhere(~np.isfinite(values))[0])
        raise ValueError(f"{name} {first[1]} of sample {first[0]} is {values[first]}; it must be a finite number")
