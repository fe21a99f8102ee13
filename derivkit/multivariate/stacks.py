"""Stacks of parameter vectors, in each of which one parameter is moved: as many as the cache of a processor holds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from derivkit.multivariate.samples import Array
from derivkit.types import Indices

STACK = 2**18
"""Numbers in a stack of parameter vectors, about what a processor's cache holds; found by measuring."""


def stack_size(count: int, moves: int) -> int:
    """How many of a network's parameters are moved in one stack of the batched way.

    Parameters
    ----------
    count : int
        Parameters of the network.
    moves : int
        Moved losses of a parameter, 2 of the central difference.

    Returns
    -------
    int
        At least 1.

    Examples
    --------
    >>> stack_size(101_770, 2)
    1
    """
    return max(1, STACK // (moves * count))


def stacks(parameters: Array, which: Indices, moved: Array) -> Iterator[tuple[slice, Array]]:
    """Yield which of the parameters are moved together, and the vectors.

    Parameters
    ----------
    parameters : ndarray
        Shape ``(count,)``.
    which : ndarray of int
        The parameters that are moved, one at a time; shape ``(n,)``.
    moved : ndarray
        Where to; shape ``(moves, n)``.

    Yields
    ------
    tuple of slice and ndarray
        Of the n parameters some, and vectors of shape ``(moves, some, count)``.

    Examples
    --------
    >>> [stack.tolist() for _, stack in stacks(np.zeros(2), np.array([0, 1]), np.array([[5.0, 7.0]]))]
    [[[[5.0, 0.0], [0.0, 7.0]]]]
    """
    together = stack_size(parameters.size, len(moved))
    for start in range(0, which.size, together):
        block = slice(start, min(start + together, which.size))
        some = np.arange(block.stop - start)
        stack = np.tile(parameters, (len(moved), some.size, 1))
        stack[:, some, which[block]] = moved[:, block]
        yield block, stack
