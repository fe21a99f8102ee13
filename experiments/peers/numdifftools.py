"""The derivative of numdifftools, with its default steps, extrapolation and choice."""

from __future__ import annotations

from typing import Any


def derivative(f: Any, x: float, *, method: str) -> tuple[Any, Any]:
    """By one of its methods, central, forward or complex."""
    import numdifftools  # noqa: PLC0415 -- for those alone who compare

    result = numdifftools.Derivative(f, method=method, full_output=True)(x)
    return result[0], result[1] if len(result) > 2 else result[1].error_estimate
