"""What is in somebody's file, as `experiments.tables.datafiles` reads it and a study takes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NO_ANSWER = "no answer"
"""The status of a point that nobody answered."""


@dataclass(frozen=True, kw_only=True, eq=False)
class File:
    """A file that was read.

    Attributes
    ----------
    name : str
        The path as it was written.
    sha256 : str
        Of the content of the file.
    """

    name: str
    sha256: str


@dataclass(frozen=True, kw_only=True, eq=False)
class DataFile(File):
    """Times and samples of a file.

    Attributes
    ----------
    time : str
        The name of the column of times.
    t : ndarray of float or datetime64, shape ``(n,)``
    channels : mapping of str to ndarray of float, shape ``(n,)``
        The columns of samples by name; NaN where a cell is empty.
    """

    time: str
    t: NDArray[Any]
    channels: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True, eq=False)
class AnswersFile(File):
    """Derivatives that somebody's own tool gave, one for each row of a file; all arrays have shape ``(n,)``.

    Attributes
    ----------
    function : ndarray of str
        The names of the functions.
    x, value, error : ndarray of float
        The points, the answers and their bars; NaN where a cell is empty.
    status : ndarray of str
        Where the file does not say, ``ok`` of a value and ``no answer`` of none.
    evaluations : ndarray of int
        Values of f; 0 where the file does not say.
    """

    function: NDArray[Any]
    x: NDArray[np.float64]
    value: NDArray[np.float64]
    error: NDArray[np.float64]
    status: NDArray[Any]
    evaluations: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class TextFile(File):
    """Lines of somebody's.

    Attributes
    ----------
    text : str
    """

    text: str


def digests_of(config: object) -> dict[str, str]:
    """Return the SHA-256 of every file that a Config holds, by its path as it was written."""
    values = vars(config).values()
    listed = (one for value in values for one in (value if isinstance(value, tuple) else (value,)))
    return {one.name: one.sha256 for one in listed if isinstance(one, File)}
