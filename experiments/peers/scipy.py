"""A derivative of a function of one variable by SciPy: ``scipy.differentiate``, there since SciPy 1.15; the number by
which it judges a gradient, without a verdict.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


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
    return adaptive(f, x)[0]


def adaptive(f: Callable[[Any], Any], x: ArrayLike) -> tuple[Any, Any, Any]:
    """The derivative with its default steps and tolerances, its error, and whether it says that it succeeded."""
    import scipy.differentiate  # noqa: PLC0415 -- tenths of a second, for those alone who compare

    result = scipy.differentiate.derivative(f, x)
    return result.df, result.error, result.success


def three_point(f: Callable[[Any], Any], x: float) -> Any:
    """The derivative by which SciPy's optimisers go, with ``jac="3-point"``; no bar."""
    from scipy.optimize._numdiff import approx_derivative  # noqa: PLC0415 -- where its manual has it

    return approx_derivative(f, x, method="3-point")


def gradient_error(f: Callable[[Any], Any], claim: Any, x: Any) -> float:
    """The number of ``scipy.optimize.check_grad``: the distance of a gradient from forward differences.

    Parameters
    ----------
    f : callable
        Of an array of shape ``(n,)``, giving one number.
    claim, x : ndarray, shape ``(n,)``
        The gradient, and where.

    Returns
    -------
    float
    """
    import scipy.optimize  # noqa: PLC0415 -- as above

    return float(scipy.optimize.check_grad(f, lambda _: claim, x))


def sampled_slopes(t: Any, y: Any) -> NDArray[Any]:
    """The slopes of ``scipy.interpolate.make_smoothing_spline``, whose penalty is chosen by generalised validation.

    Parameters
    ----------
    t, y : ndarray, shape ``(n,)``
        Samples, in order of time. It refuses equal times: their samples are averaged first.

    Returns
    -------
    ndarray, shape ``(n,)``
    """
    from scipy.interpolate import make_smoothing_spline  # noqa: PLC0415 -- as above

    times, which = np.unique(t, return_inverse=True)
    means = np.bincount(which, weights=y) / np.bincount(which)
    return np.asarray(make_smoothing_spline(times, means)(t, nu=1))
