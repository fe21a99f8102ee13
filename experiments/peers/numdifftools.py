"""The derivative of numdifftools, with its default steps, extrapolation and choice."""

from __future__ import annotations

from typing import Any


def central(f: Any, x: float) -> Any:
    """By central differences."""
    return _derivative(f, x, "central")


def forward(f: Any, x: float) -> Any:
    """By forward differences."""
    return _derivative(f, x, "forward")


def complex_step(f: Any, x: float) -> Any:
    """By complex steps."""
    return _derivative(f, x, "complex")


def _derivative(f: Any, x: float, method: str) -> tuple[Any, Any]:
    import numdifftools  # noqa: PLC0415 -- for those alone who compare

    result = numdifftools.Derivative(f, method=method, full_output=True)(x)
    return result[0], result[1] if len(result) > 2 else result[1].error_estimate
