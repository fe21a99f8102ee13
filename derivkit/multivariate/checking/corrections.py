r"""Corrections of a claimed gradient, each with one unknown coefficient, as directions see them.

A mistake of a known kind leaves an error that is known up to a number: a claim that is c times the truth is wrong by
:math:`(1 - 1/c)` times itself, one that lacks the gradient of :math:`\lambda \sum x^2` by :math:`-2\lambda x`. The
profile of a correction b is what the directions show of it, the products :math:`v_j \cdot b`: if the kind is right,
the residuals are a multiple of the profile.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from derivkit.arguments import entry_of, plural
from derivkit.multivariate.structure import Block
from derivkit.types import Array


@dataclass(frozen=True, kw_only=True, eq=False)
class ProjectedClaim:
    """A gradient as it is claimed, with the directions along which it was measured.

    Attributes
    ----------
    gradient : ndarray, shape ``(n,)``
        What is claimed.
    x : ndarray, shape ``(n,)``
        Where.
    blocks : tuple of Block
        The arrays of which x consists, in order.
    directions : ndarray, shape ``(k, n)``
        Along which it was measured.
    noun : str
        What it is called: a matrix of derivatives is a gradient by a matrix here.
    """

    gradient: Array
    x: Array
    blocks: tuple[Block, ...]
    directions: Array
    noun: str = "gradient"

    @cached_property
    def products(self) -> Array:
        """The terms of the products of the directions with the claim, shape ``(k, n)``."""
        return self.directions * self.gradient

    @cached_property
    def sums(self) -> Array:
        """Products of the directions with every array of the claim, shape ``(k, arrays)``."""
        return sums_over(self.products, self.blocks)


class Candidates(NamedTuple):
    """Corrections of one kind: a column of profiles for each of the places, which are named as they are looked up."""

    profiles: Array
    places: Sequence[str] | Callable[[int], str]

    def place(self, index: int) -> str:
        """The name of a place."""
        return self.places(index) if callable(self.places) else self.places[index]


def sums_over(terms: Array, blocks: Sequence[Block]) -> Array:
    """The sums of the terms of each of the arrays, shape ``(k, arrays)``."""
    return np.stack([terms[:, place].sum(axis=1) for _, place, _ in blocks], axis=1)


def entry_name(blocks: Sequence[Block], index: int) -> str:
    """The name of an entry of the flat vector.

    Examples
    --------
    >>> entry_name([("W", slice(0, 6), (2, 3)), ("b", slice(6, 8), (2,))], 5)
    'W[1, 2]'
    """
    name, place, shape = next(block for block in blocks if index < block[1].stop)
    return f"{name}{entry_of(index - place.start, shape)}"


def run_name(blocks: Sequence[Block]) -> str:
    """The name of some consecutive arrays.

    Examples
    --------
    >>> run_name([("W", slice(0, 6), (2, 3)), ("b", slice(6, 8), (2,))])
    'W and b'
    """
    names = [name for name, _, _ in blocks]
    return names[0] if len(names) == 1 else f"{names[0]} {'and' if len(names) == 2 else 'to'} {names[-1]}"


def slices_name(block: Block, axis: int, indices: Sequence[int], partner: Block | None = None) -> str:
    """The name of rows, columns or other slices of an array, with the same entries of a vector.

    Examples
    --------
    >>> slices_name(("W", slice(0, 6), (2, 3)), 1, [0, 2])
    'columns 0 and 2 of W'
    """
    noun = ("row", "column")[axis] if len(block[2]) == 2 else "entry" if len(block[2]) == 1 else "slice"
    words = plural(noun) if len(indices) > 1 else noun
    where = f" along axis {axis}" if noun == "slice" else ""
    return f"{words} {listed(indices)} of {block[0]}{where}" + (f" with {partner[0]}" if partner else "")


def listed(items: Sequence[object]) -> str:
    """The items in words.

    Examples
    --------
    >>> listed([1, 2, 3])
    '1, 2 and 3'
    """
    words = [str(item) for item in items]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


# Multiples of the claim


def everything(claim: ProjectedClaim) -> Candidates:
    """The whole claim."""
    return Candidates(claim.products.sum(axis=1, keepdims=True), [""])


def scopes(blocks: Sequence[Block]) -> dict[tuple[int, ...], str]:
    """Arrays that a mistake may hit together, few ones first, with their names; not all of them.

    One; two neighbours; the matrices; the vectors, such as biases; all from the first or to the last, since a factor
    that backprop takes up in a layer stays with the layers before it.

    Examples
    --------
    >>> list(scopes([("W", slice(0, 6), (2, 3)), ("b", slice(6, 8), (2,)), ("c", slice(8, 9), (1,))]).values())
    ['W', 'b', 'c', 'W and b', 'b and c']
    """
    count = len(blocks)
    spans = [(k, k + size) for size in (1, 2) for k in range(count - size + 1)]
    ends = [(0, k) for k in range(3, count)] + [(k, count) for k in range(count - 3, 0, -1)]
    named = {tuple(range(*span)): run_name(blocks[slice(*span)]) for span in spans}
    is_matrix = [len(shape) > 1 for _, _, shape in blocks]
    for words, chosen in (("every matrix", is_matrix), ("every vector", [not matrix for matrix in is_matrix])):
        named.setdefault(tuple(k for k in range(count) if chosen[k]), words)
    for span in ends:
        named.setdefault(tuple(range(*span)), run_name(blocks[slice(*span)]))
    return {scope: name for scope, name in named.items() if 0 < len(scope) < count}


def arrays(claim: ProjectedClaim) -> Candidates:
    """Some arrays of the claim, such as a layer's."""
    named = scopes(claim.blocks)
    return Candidates(
        _columns([claim.sums[:, list(scope)].sum(axis=1) for scope in named], claim), list(named.values())
    )


def partners(blocks: Sequence[Block]) -> Iterator[tuple[Block, int, Block | None]]:
    """Axes of arrays along which units may lie, alone and with the vector that follows, where it has a bias of each."""
    for block, after in itertools.zip_longest(blocks, blocks[1:]):
        for axis, size in enumerate(block[2] if len(block[2]) > 1 else ()):
            if 1 < size < math.prod(block[2]):
                yield block, axis, None
                if after is not None and after[2] == (size,) and after[1].start == block[1].stop:
                    yield block, axis, after


def slices(claim: ProjectedClaim) -> Candidates:
    """Rows, columns or other slices of an array, with or without their biases."""
    profiles, places = [], []
    for block, axis, partner in partners(claim.blocks):
        shape = (len(claim.directions), *block[2])
        others = tuple(k for k in range(1, len(shape)) if k != axis + 1)
        sums = claim.products[:, block[1]].reshape(shape).sum(axis=others)
        profiles.append(sums if partner is None else sums + claim.products[:, partner[1]])
        places += [(block, axis, index, partner) for index in range(block[2][axis])]
    joined = np.concatenate(profiles, axis=1) if profiles else _columns([], claim)

    def place(number: int) -> str:
        block, axis, index, partner = places[number]
        return slices_name(block, axis, [index], partner)

    return Candidates(joined, place)


def entries(claim: ProjectedClaim) -> Candidates:
    """Single entries."""
    return Candidates(claim.directions, lambda index: entry_name(claim.blocks, index))


# Terms of the parameters


def terms(claim: ProjectedClaim) -> Candidates:
    """The slopes of penalties, x of an L2 penalty and sign(x) of an L1 penalty: of all, or of some arrays."""
    named = {tuple(range(len(claim.blocks))): "x", **scopes(claim.blocks)}
    profiles, places = [], []
    for words, slope in (("{}", claim.x), ("sign({})", np.sign(claim.x))):
        sums = sums_over(claim.directions * slope, claim.blocks)
        profiles += [sums[:, list(scope)].sum(axis=1) for scope in named]
        places += [words.format(name) for name in named.values()]
    return Candidates(_columns(profiles, claim), places)


# Entries in another order


def transposed(claim: ProjectedClaim) -> Candidates:
    """Matrices whose entries are those of the transposed one, each of them and all; arrays with two axes swapped."""
    matrices = [block for block in claim.blocks if len(block[2]) == 2 and min(block[2]) > 1]
    profiles = [_profile(claim, block, _transposed(claim, block)) for block in matrices]
    places = [name for name, _, _ in matrices]
    if len(matrices) > 1:
        profiles, places = [*profiles, np.sum(profiles, axis=0)], [*places, "every matrix"]
    for block in (block for block in claim.blocks if len(block[2]) > 2):
        values = claim.gradient[block[1]].reshape(block[2])
        for i, j in itertools.combinations(range(values.ndim), 2):
            if block[2][i] == block[2][j] > 1:
                profiles.append(_profile(claim, block, np.swapaxes(values, i, j).ravel()))
                places.append(f"{block[0]} (axes {i} and {j})")
    return Candidates(_columns(profiles, claim), places)


def reordered(claim: ProjectedClaim) -> Candidates:
    """Arrays shifted by one or reversed along an axis, kernels that are not flipped, and arrays that are swapped."""
    profiles, places = [], []
    for block in claim.blocks:
        for words, other in _orders(claim.gradient[block[1]].reshape(block[2])):
            profiles.append(_profile(claim, block, other.ravel()))
            places.append(f"{block[0]} ({words})")
    for first, second in itertools.combinations(claim.blocks, 2):
        if first[2] == second[2]:
            swapped = ((first, second), (second, first))
            profiles.append(np.sum([_profile(claim, a, claim.gradient[b[1]]) for a, b in swapped], axis=0))
            places.append(f"{first[0]} and {second[0]} (swapped)")
    return Candidates(_columns(profiles, claim), places)


def _orders(values: Array) -> Iterator[tuple[str, Array]]:
    """The array as it should be, where it is in another order now."""
    for axis in (axis for axis, size in enumerate(values.shape) if size > 1):
        yield f"shifted by 1 along axis {axis}", np.roll(values, -1, axis)
        yield f"shifted by -1 along axis {axis}", np.roll(values, 1, axis)
        yield f"reversed along axis {axis}", np.flip(values, axis)
    if values.ndim > 1 and min(values.shape[-2:]) > 1:
        yield f"reversed along axes {values.ndim - 2} and {values.ndim - 1}", np.flip(values, (-2, -1))


def _transposed(claim: ProjectedClaim, block: Block) -> Array:
    """The matrix as it should be, where the numbers of the transposed one lie in its memory."""
    return claim.gradient[block[1]].reshape(block[2][::-1]).T.ravel()


def _profile(claim: ProjectedClaim, block: Block, right: Array) -> Array:
    """What the directions show of an array that should be another."""
    return np.asarray(claim.directions[:, block[1]] @ (claim.gradient[block[1]] - right))


def _columns(profiles: Sequence[Array], claim: ProjectedClaim) -> Array:
    return np.stack(profiles, axis=1) if profiles else np.empty((len(claim.directions), 0))
