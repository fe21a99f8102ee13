"""What is in somebody's file, as `experiments.tables.datafiles` reads it and a study takes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class DataFile:
    """Times and samples of a file.

    Attributes
    ----------
    name : str
        The path as it was written.
    sha256 : str
        Of the content of the file.
    time : str
        The name of the column of times.
    t : ndarray of float or datetime64, shape ``(n,)``
    channels : mapping of str to ndarray of float, shape ``(n,)``
        The columns of samples by name; NaN where a cell is empty.
    """

    name: str
    sha256: str
    time: str
    t: NDArray[Any]
    channels: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True, eq=False)
class AnswersFile:
    """Derivatives that somebody's own tool gave, one for each row of a file; all arrays have shape ``(n,)``.

    Attributes
    ----------
    name : str
        The path as it was written.
    sha256 : str
        Of the content of the file.
    function : ndarray of str
        The names of the functions.
    x, value, error : ndarray of float
        The points, the answers and their bars; NaN where a cell is empty.
    status : ndarray of str
        ``ok`` where the file does not say.
    evaluations : ndarray of int
        Values of f; 0 where the file does not say.
    """

    name: str
    sha256: str
    function: NDArray[Any]
    x: NDArray[np.float64]
    value: NDArray[np.float64]
    error: NDArray[np.float64]
    status: NDArray[Any]
    evaluations: NDArray[np.int64]
