"""On what the best error of many runs depends: of how much of its spread the values of each key tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 6
"""Groups of equal size into which the runs are put by a number that has a value of its own in most of them."""
FEWEST = 6
"""Runs below which nothing is said: the groups would be of one or two."""


def shares(keys: Mapping[str, Sequence[Any]], best: NDArray[np.float64]) -> dict[str, float]:
    """Return for each key of how much of the variance of log10(best error) its values tell, the most first.

    This is epsilon squared (Kelley 1935): the part of the variance that lies between the groups of equal values,
    less what as many groups would have by chance. It is at most 1, and about 0 for a key that tells nothing.

    Parameters
    ----------
    keys
        The values of each run, None where it has none or several.
    best
        The best errors, shape ``(runs,)``; those that are not known are left out.

    Examples
    --------
    >>> found = shares({"a": [1, 1, 1, 2, 2, 2], "b": [1, 2, 1, 2, 1, 2]}, 10.0 ** np.array([0, 0, 0, -3, -3, -3]))
    >>> {key: round(share, 6) for key, share in found.items()}
    {'a': 1.0, 'b': 0.0}
    """
    found = {}
    for key, values in keys.items():
        there = np.array([value is not None for value in values]) & np.isfinite(best)
        share = _share(_groups([value for value, is_there in zip(values, there, strict=True) if is_there]), best[there])
        if share is not None:
            found[key] = share
    return dict(sorted(found.items(), key=lambda one: -one[1]))


def _groups(values: Sequence[Any]) -> NDArray[np.intp]:
    """Number the groups of equal values; of numbers that are hardly ever equal, groups of neighbours."""
    if all(isinstance(value, int | float) for value in values):
        distinct, group = np.unique(np.array(values, dtype=np.float64), return_inverse=True)
        return group if 2 * distinct.size <= len(values) else group * BINS // distinct.size
    return np.unique(np.array([str(value) for value in values]), return_inverse=True)[1]


def _share(group: NDArray[np.intp], best: NDArray[np.float64]) -> float | None:
    count = np.bincount(group) if group.size else np.empty(0)
    groups = int((count > 0).sum())
    if best.size < FEWEST or not 1 < groups < best.size:
        return None
    y = np.log10(best)
    total = float(((y - y.mean()) ** 2).sum())
    if not total:
        return None
    mean = np.bincount(group, weights=y) / np.maximum(count, 1)
    within = float(((y - mean[group]) ** 2).sum())
    return max(0.0, 1.0 - within / (best.size - groups) / (total / (best.size - 1)))
