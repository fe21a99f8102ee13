"""The derivative of samples by alprd, where nothing is to be tuned."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

SHARE = 0.95
"""Of normal errors so many lie within the bar."""


def robust(t: Any, y: Any) -> tuple[Any, Any]:
    """The slopes, and so many of its standard errors as make an interval at 95 %."""
    from alprd import robust_differentiation  # noqa: PLC0415 -- for those alone who compare

    slopes, standard_error, *_ = robust_differentiation(t, y, return_details=True)
    return slopes, NormalDist().inv_cdf(0.5 + 0.5 * SHARE) * standard_error
