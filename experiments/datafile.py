"""Times and samples of somebody's file, as `experiments.tables.datafiles` reads them and a study takes them."""

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
