"""The part of a gradient outside of which all is right, searched for by directions that are 0 elsewhere.

A mistake need not be a known multiple of anything: where an array was left out, the claim says nothing of its size; a
wrong slope of an activation changes all layers before it in a way of its own. But its place can be found: a random
direction within a part that is right shows no error. Arrays are looked at one by one, then rows and columns of those
that are wrong, by halving.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from derivkit.multivariate.checking.corrections import ProjectedClaim, listed, partners, run_name, slices_name
from derivkit.multivariate.structure import Block
from derivkit.types import Array, Indices

Measure = Callable[[Array], tuple[Array, Array]]
"""Residuals and bars of shape ``(j,)`` from directions of shape ``(j, n)``; not finite where there is no value."""

ROUND = 8
"""Parts that are looked at in the first round; a choice: as many directions as the check itself takes."""
SHARP = 0.01
"""Bars of parts beside the error of the whole: larger ones would let pass for right what is a good part of it; a
choice."""
WRONG_PARTS = 4
"""A mask is named if not more of the parts of a round are wrong; a choice."""


class UnresolvedError(Exception):
    """A part of which no direction could be measured."""


@dataclass(frozen=True, kw_only=True)
class Region:
    """A part of a gradient outside of which all is right.

    Attributes
    ----------
    kind : str
        ``missing``, ``mask`` or ``layer``; empty where it is everything, though array by array.
    place : str
        Which it is.
    claims_zero : bool
        Whether the claim is 0 all over.
    is_shared, is_everything : bool
        Whether it is of several arrays, or of all.
    is_shared : bool
        Whether it is of several arrays.
    """

    kind: str
    place: str
    claims_zero: bool = False
    is_shared: bool = False
    is_everything: bool = False


def wrong_region(claim: ProjectedClaim, measure: Measure, *, size: float) -> Region | None:
    """The part of a claim outside of which all is right; None if it is not known.

    Parameters
    ----------
    claim : ProjectedClaim
        Some of it is wrong.
    measure : callable
        Gives residuals and bars for directions, by evaluations of f.
    size : float
        Of the residuals of the whole claim, root mean square.
    """
    if not np.any(claim.gradient):
        return Region(kind="missing", place="the whole gradient", claims_zero=True, is_everything=True)
    try:
        return _Search(claim, measure, SHARP * size).region()
    except UnresolvedError:
        return None


class _Search:
    """A search for what is wrong, in a fixed random direction of which parts are taken."""

    def __init__(self, claim: ProjectedClaim, measure: Measure, largest_bar: float) -> None:
        self._claim, self._measure, self._largest_bar = claim, measure, largest_bar
        self._tries = np.random.default_rng(0).standard_normal((2, claim.x.size))

    def region(self) -> Region | None:
        """Arrays that are wrong, or slices of them."""
        blocks = self._claim.blocks
        wrong = self._wrong_arrays()
        if not wrong:
            return None
        if all(self._is_zero(_range(block)) for block in wrong):
            return Region(kind="missing", place=listed([name for name, _, _ in wrong]), claims_zero=True)
        sliced = self._wrong_slices(wrong)
        if sliced is not None or len(blocks) == 1:
            return sliced
        kind, place = ("layer", _arrays_name(blocks, wrong)) if len(wrong) < len(blocks) else ("", "every array")
        return Region(kind=kind, place=place, is_shared=len(wrong) > 1)

    def _wrong_arrays(self) -> list[Block]:
        blocks = self._claim.blocks
        if len(blocks) == 1:
            return list(blocks)
        parts = self._wrong_parts([_range(block) for block in blocks], most=len(blocks))
        return [blocks[k] for k in parts or ()]

    def _wrong_slices(self, wrong: Sequence[Block]) -> Region | None:
        """Rows, columns, slices or entries of an array, or of an array and its biases, that are wrong."""
        for block, axis, partner, parts in _sliced(wrong):
            zero = [k for k, part in enumerate(parts) if self._is_zero(part)]
            if zero and len(zero) < len(parts):
                rest = np.concatenate([part for k, part in enumerate(parts) if k not in set(zero)])
                if not self._are_wrong([rest])[0]:
                    found = self._wrong_parts([parts[k] for k in zero], most=len(zero)) or []
                    place = slices_name(block, axis, [zero[k] for k in found], partner)
                    return Region(kind="mask", place=place, claims_zero=True)
            indices = self._wrong_parts(parts, most=WRONG_PARTS)
            if indices and 2 * len(indices) < len(parts):
                return Region(kind="mask", place=slices_name(block, axis, indices, partner))
        return None

    def _wrong_parts(self, parts: Sequence[Indices], *, most: int) -> list[int] | None:
        """Which parts are wrong, by halving; None where more than `most` of the groups of a round are."""
        groups = [list(group) for group in np.array_split(np.arange(len(parts)), ROUND) if group.size]
        single: list[int] = []
        while groups:
            wrong = self._are_wrong([np.concatenate([parts[k] for k in group]) for group in groups])
            groups = [group for group, is_wrong in zip(groups, wrong, strict=True) if is_wrong]
            single += [int(group[0]) for group in groups if len(group) == 1]
            groups = [group for group in groups if len(group) > 1]
            if len(single) + len(groups) > most:
                return None
            groups = [half for group in groups for half in (group[: len(group) // 2], group[len(group) // 2 :])]
        return sorted(single)

    def _are_wrong(self, parts: Sequence[Indices]) -> list[bool]:
        """Whether a direction within each part shows an error; a second one is taken where the first has no value."""
        wrong, open_parts = np.zeros(len(parts), dtype=bool), np.arange(len(parts))
        for direction in self._tries:
            residuals, bars = self._measure(np.stack([_within(direction, parts[k]) for k in open_parts.tolist()]))
            known = np.isfinite(residuals) & (bars <= self._largest_bar)
            wrong[open_parts[known]] = np.abs(residuals[known]) > bars[known]
            open_parts = open_parts[~known]
            if not open_parts.size:
                return [bool(is_wrong) for is_wrong in wrong]
        raise UnresolvedError

    def _is_zero(self, part: Indices) -> bool:
        return not np.any(self._claim.gradient[part])


def _sliced(wrong: Sequence[Block]) -> Iterator[tuple[Block, int, Block | None, list[Indices]]]:
    """The ways to slice what is wrong: one array along its axes, or an array together with its biases."""
    if len(wrong) == 1 and len(wrong[0][2]) == 1:
        yield wrong[0], 0, None, list(_range(wrong[0])[:, None])
    for block, axis, partner in partners(wrong) if len(wrong) <= 2 else ():
        if (partner is None) == (len(wrong) == 1):
            places = np.moveaxis(_range(block).reshape(block[2]), axis, 0).reshape(block[2][axis], -1)
            joined = places if partner is None else np.column_stack([places, _range(partner)])
            yield block, axis, partner, list(joined)


def _range(block: Block) -> Indices:
    return np.arange(block[1].start, block[1].stop)


def _within(direction: Array, part: Indices) -> Array:
    result = np.zeros_like(direction)
    result[part] = direction[part]
    return result


def _arrays_name(blocks: Sequence[Block], wrong: Sequence[Block]) -> str:
    """The name of a run of arrays, or of each."""
    start = blocks.index(wrong[0])
    is_run = list(blocks[start : start + len(wrong)]) == list(wrong)
    return run_name(wrong) if is_run else listed([name for name, _, _ in wrong])
