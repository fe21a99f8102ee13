"""What a gradient costs by brute force and by backprop: work counted from sizes alone, and times fitted to it.

The time of a way is taken for a sum: of every kind of work so many pieces, each of them in a time of its own, which
does not depend on the sizes. The times of the pieces are fitted to measured times, relative errors counting alike, and
none of them may be below 0.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from derivkit.multivariate.moves import RIPPLE, WAYS
from derivkit.multivariate.stacks import stack_size
from derivkit.types import Array

FORWARD, BACKPROP = "one forward pass", "backprop"
MOVES = 2
"""Moved losses of a parameter: those of the central difference."""
NOMINAL: Mapping[str, float] = {
    "stacks": 1e-4,
    "passes": 3e-5,
    "layers passed": 5e-6,
    "multiply-adds": 6e-11,
    "activations": 2e-9,
    "outputs in the loss": 1.5e-8,
    "inputs read": 3e-10,
    "parameters read": 3e-10,
    "parameters packed": 5e-10,
    "units": 1e-4,
    "calls": 1e-4,
}
"""Seconds of a piece of work on a processor of 2021, whose times were rounded up."""
BACKWARD = 3.0
"""Backprop in forward passes: one, and two products more for every layer."""


def count_work(way: str, sizes: Sequence[int], samples: int) -> dict[str, float]:
    """What it takes to compute a gradient, counted from the sizes alone.

    Parameters
    ----------
    way : str
        ``naive``, ``batched`` or ``incremental`` brute force by central differences, ``backprop`` or
        ``one forward pass``. The last two count alike: what goes back is in the times of their pieces.
    sizes : sequence of int
        Of the network's layers, the inputs first.
    samples : int
        Number of samples.

    Returns
    -------
    dict of str to float
        How many pieces there are of every kind of work.

    Raises
    ------
    ValueError
        If there is no such way.

    Examples
    --------
    >>> count_work("naive", (4, 16, 3), 8)["passes"]
    263.0
    """
    if way not in (FORWARD, BACKPROP, *WAYS):
        raise ValueError(f"no way named {way!r}; there are {', '.join((FORWARD, BACKPROP, *WAYS))}")
    if way == "incremental":
        return _incremental_work(sizes, samples)
    once = _pass_work(sizes, samples)
    if way in (FORWARD, BACKPROP):
        return once
    count = once["parameters read"]
    every = {kind: (MOVES * count + 1.0) * pieces for kind, pieces in once.items()}
    return every if way == "naive" else {"stacks": float(math.ceil(count / stack_size(int(count), MOVES))), **every}


def _pass_work(sizes: Sequence[int], samples: int) -> dict[str, float]:
    count = sum(units * (before + 1) for before, units in itertools.pairwise(sizes))
    return {
        "passes": 1.0,
        "layers passed": float(len(sizes) - 1),
        "multiply-adds": float(samples * count),
        "activations": float(samples * sum(sizes[1:-1])),
        "outputs in the loss": float(samples * sizes[-1]),
        "inputs read": float(samples * sizes[0]),
        "parameters read": float(count),
        # BLAS copies a matrix into blocks before it multiplies it, but not where it multiplies a single vector.
        "parameters packed": float(count * (samples > 1)),
    }


def _incremental_work(sizes: Sequence[int], samples: int) -> dict[str, float]:
    """Every relu is taken as open: the share of those that are not goes into the fitted times."""
    layers = [(units * (before + 1), units) for before, units in itertools.pairwise(sizes)]
    work = dict.fromkeys(("units", "calls", "multiply-adds", "activations", "outputs in the loss"), 0.0)
    for k, (parameters, units) in enumerate(layers):
        after = sizes[k + 2] if k + 2 < len(sizes) else 0
        later = sum(inner for inner, _ in layers[k + 2 :])
        widest = max(sizes[min(k + 2, len(sizes) - 1) :])
        together = max(1, RIPPLE // (widest * MOVES * (parameters // units)))
        moved = MOVES * samples * parameters
        work["units"] += units
        work["calls"] += units * math.ceil(samples / together)
        work["multiply-adds"] += moved * (1 + after + later)
        work["activations"] += moved * (1 + sum(sizes[k + 2 : -1]))
        # a power of e for each, which takes several times as long as a relu
        work["outputs in the loss"] += moved * sizes[-1]
    return work


@dataclass(frozen=True)
class CostModel:
    """The time of a way of computing a gradient, as a sum over the work that it takes.

    Attributes
    ----------
    way : str
        See `count_work`.
    times : mapping of str to float
        Seconds of a piece of every kind of work; 0 where the fit has no use for it.

    Examples
    --------
    >>> nominal_cost("naive").seconds((4, 16, 3), 8) > nominal_cost("incremental").seconds((4, 16, 3), 8)
    True
    """

    way: str
    times: Mapping[str, float]

    def seconds(self, sizes: Sequence[int], samples: int) -> float:
        """The time of a whole gradient of layers of these `sizes`, from so many `samples`; both as of `count_work`."""
        return sum(self.times[kind] * pieces for kind, pieces in count_work(self.way, sizes, samples).items())


def nominal_cost(way: str) -> CostModel:
    """The cost model of an ordinary machine, for a prediction before anything was measured.

    Parameters
    ----------
    way : str
        See `count_work`.

    Returns
    -------
    CostModel
        Of times that were rounded up.

    Examples
    --------
    >>> nominal_cost("backprop").seconds((4, 16, 3), 8) < nominal_cost("naive").seconds((4, 16, 3), 8)
    True
    """
    return CostModel(way, {kind: time * (BACKWARD if way == BACKPROP else 1.0) for kind, time in NOMINAL.items()})


def fit_cost(way: str, sizes: Iterable[Sequence[int]], samples: Iterable[int], seconds: Sequence[float]) -> CostModel:
    """The cost model of a way that comes nearest to measured times, by least squares of the relative errors.

    Parameters
    ----------
    way : str
        See `count_work`.
    sizes : iterable of sequences of int
        Of the layers of the networks that were measured.
    samples : iterable of int
        The numbers of samples.
    seconds : sequence of float
        The times of whole gradients.

    Returns
    -------
    CostModel

    Examples
    --------
    >>> cases = [(4, 4, 3), (4, 8, 3), (4, 16, 3)]
    >>> times = [1e-5 + 1e-8 * count_work("backprop", sizes, 8)["multiply-adds"] for sizes in cases]
    >>> round(fit_cost("backprop", cases, [8, 8, 8], times).seconds((4, 32, 3), 8), 9)
    3.072e-05
    """
    work = [count_work(way, *case) for case in zip(sizes, samples, strict=True)]
    pieces = np.array([list(counts.values()) for counts in work])
    times = _not_negative(pieces / np.asarray(seconds, dtype=np.float64)[:, None])
    return CostModel(way, dict(zip(work[0], times.tolist(), strict=True)))


def _not_negative(matrix: Array) -> Array:
    """The least squares solution of ``matrix @ times = 1`` with no time below 0, by trying every set of columns."""
    least, solution = math.inf, np.zeros(matrix.shape[1])
    present = np.flatnonzero(np.any(matrix > 0.0, axis=0)).tolist()
    for number in range(1, len(present) + 1):
        for chosen in itertools.combinations(present, number):
            part = matrix[:, chosen]
            scale = np.max(part, axis=0)
            times = np.linalg.lstsq(part / scale, np.ones(len(part)), rcond=None)[0] / scale
            residual = float(np.sum((part @ times - 1.0) ** 2))
            if np.all(times >= 0.0) and residual < least:
                least, solution = residual, np.zeros(matrix.shape[1])
                solution[list(chosen)] = times
    return solution
