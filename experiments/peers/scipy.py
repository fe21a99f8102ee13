"""A derivative of a function of one variable by SciPy: ``scipy.differentiate``, there since SciPy 1.15."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import ArrayLike


def derivative(f: Callable[[Any], Any], x: ArrayLike) -> Any:
    """The derivative with its default steps and tolerances.

    Parameters
    ----------
    f : callable
        Of an array.
    x : array_like
        The point.

    Returns
    -------
    float or ndarray
        Of x's shape.
    """
    import scipy.differentiate  # noqa: PLC0415 -- tenths of a second, for those alone who compare

    return scipy.differentiate.derivative(f, x).df
