"""What the samples of a network do to one of its parameters: the gradient is the mean of what they pull."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derivkit.multivariate.samples import Array
from derivkit.multivariate.statistics import fewest_for_half, quotient, shares_up_to
from derivkit.types import Indices


@dataclass(frozen=True, eq=False, kw_only=True)
class Pulls:
    """The gradients of the samples in one parameter.

    Attributes
    ----------
    gradient : ndarray
        Of the samples in the parameter, shape ``(samples,)``.
    mean : float
        Their mean.
    labels : ndarray of int
        Of the samples, shape ``(samples,)``.

    Examples
    --------
    >>> pulls = Pulls(gradient=np.array([3.0, -1.0, 0.0]), mean=2.0 / 3.0, labels=np.array([1, 0, 0]))
    >>> pulls.pull.tolist(), pulls.half, pulls.label, pulls.label_share
    ([2.25, -0.75, 0.0], 1, 1, 0.75)
    """

    gradient: Array
    mean: float
    labels: NDArray[Any]

    @cached_property
    def strength(self) -> Array:
        """The sizes of the gradients; shape ``(samples,)``."""
        return np.abs(self.gradient)

    @cached_property
    def total(self) -> float:
        """The sum of the sizes."""
        return float(np.sum(self.strength))

    @property
    def size(self) -> float:
        """The mean of the sizes."""
        return self.total / self.gradient.size

    @cached_property
    def pull(self) -> Array:
        """The gradients in units of their mean size, positive where they go with the mean; shape ``(samples,)``."""
        return np.asarray(
            self.gradient * (math.copysign(self.gradient.size, self.mean) / self.total if self.total else 0.0)
        )

    @cached_property
    def strongest(self) -> Indices:
        """The samples from the largest size to the least; shape ``(samples,)``."""
        return np.argsort(-self.strength, kind="stable")

    @property
    def by_pull(self) -> Array:
        """The share of the samples up to each, from the largest pull to the least; shape ``(samples,)``."""
        return shares_up_to(np.argsort(-self.pull, kind="stable"))

    @property
    def by_strength(self) -> Array:
        """The share of the samples up to each, from the largest size to the least; shape ``(samples,)``."""
        return shares_up_to(self.strongest)

    @property
    def together(self) -> Array:
        """The share of the sum of sizes that the samples up to each make, by size; shape ``(samples,)``."""
        together = np.empty(self.gradient.size)
        together[self.strongest] = np.cumsum(self.strength[self.strongest]) / (self.total or 1.0)
        return together

    @property
    def signal(self) -> float:
        r"""\|mean\| / standard deviation; NaN where all samples have one gradient."""
        return float(quotient(abs(self.mean), np.std(self.gradient)))

    @property
    def half(self) -> int:
        """The fewest samples that make half of the sum of sizes."""
        return fewest_for_half(self.strength)

    @property
    def against(self) -> float:
        """The share of the samples whose gradient has the opposite sign of the mean."""
        return float(np.mean(self.pull < 0.0))

    @property
    def silent(self) -> float:
        """The share of the samples whose gradient is exactly 0."""
        return float(np.mean(self.gradient == 0.0))

    @cached_property
    def of_labels(self) -> Array:
        """The sum of the sizes of every label's samples; shape ``(largest label + 1,)``."""
        return np.asarray(np.bincount(self.labels, weights=self.strength), dtype=np.float64)

    @property
    def label(self) -> int:
        """The label whose samples make most of the sum of sizes."""
        return int(np.argmax(self.of_labels))

    @property
    def label_share(self) -> float:
        """What they make of it; NaN where all are 0."""
        return float(quotient(self.of_labels[self.label], self.total))

    @property
    def sample(self) -> int:
        """The sample with the largest size."""
        return int(self.strongest[0])

    @property
    def sample_share(self) -> float:
        """What it makes of the sum of sizes; NaN where all are 0."""
        return float(quotient(self.strength[self.sample], self.total))
