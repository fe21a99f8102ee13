"""Columns of a sparse Jacobian that share no row are moved together, and share their evaluations.

Curtis, Powell and Reid, *On the estimation of sparse Jacobian matrices*, 1974. Which columns go together is a colouring
of the graph in which those that share a row are neighbours (Coleman and Moré, *Estimation of sparse Jacobian matrices
and graph coloring problems*, 1983).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from derivkit.arguments import shown
from derivkit.types import Array, Indices, Mask

CONTRADICTS = 4.0
"""Beyond so many bars a direction contradicts the entries: one of 100 bars fails, and f is moved farther there."""


def pattern_of(sparsity: Any, entries: int) -> Mask:
    """Where a Jacobian may differ from 0, shape ``(m, n)``; from an array or a sparse matrix of SciPy's.

    Raises
    ------
    ValueError
        If it is no such table.
    """
    pattern = np.asarray(sparsity.toarray() if hasattr(sparsity, "toarray") else sparsity)
    if pattern.dtype.kind not in "biuf" or not np.isin(pattern, (0, 1)).all():
        raise ValueError(f"sparsity={shown(sparsity)}: write an array of True and False, as J != 0 is, or of 1 and 0")
    if pattern.ndim != 2 or pattern.shape[1] != entries:
        raise ValueError(f"sparsity has shape {pattern.shape}; write one row for each value of f and {entries} columns")
    return pattern.astype(np.bool_)


def weights(count: int) -> Array:
    """By what part of its step every column moves in the direction that checks a pattern."""
    return np.random.default_rng(0).uniform(0.5, 1.0, count)


def refuse_other_rows(width: int | None, rows: int) -> None:
    """Refuse a pattern that has not one row for each value of f, where their number is known.

    Raises
    ------
    ValueError
        If it is another number.
    """
    if width not in (None, rows):
        raise ValueError(f"f gives {width} values, and sparsity has {rows} rows; give one for each value")


def refuse_contradiction(measured: Array, predicted: Array, bar: Array) -> None:
    """Compare derivatives along a direction with those that the entries of a pattern give, shape ``(m,)``.

    Raises
    ------
    ValueError
        If they differ by far more than their bars.
    """
    beyond = measured - predicted
    wrong = np.flatnonzero(np.abs(beyond) > CONTRADICTS * bar)
    if wrong.size:
        k = int(wrong[0])
        raise ValueError(
            f"sparsity is wrong in row {k}: along a direction its derivatives make {predicted[k]:.6g}, and f changes "
            f"by {beyond[k]:.2g} beside that, known to {bar[k]:.1g}; mark every entry that may differ from 0"
        )


def colours(pattern: Mask) -> Indices:
    """For every column the number of its group, in which no two share a row; shape ``(n,)``.

    The column with most rows goes first, each to the first group that is free of its rows.

    Examples
    --------
    >>> colours(np.abs(np.subtract.outer(np.arange(6), np.arange(6))) <= 1).tolist()
    [2, 0, 1, 2, 0, 1]
    """
    count = pattern.sum(axis=0)
    taken = np.zeros((len(pattern), pattern.shape[1]), dtype=bool)
    group = np.zeros(pattern.shape[1], dtype=np.intp)
    for column in np.argsort(-count, kind="stable").tolist():
        rows = np.flatnonzero(pattern[:, column])
        group[column] = np.argmin(taken[rows].any(axis=0))
        taken[rows, group[column]] = True
    return group
