"""The derivative of jacobi, with its default steps."""

from __future__ import annotations

from typing import Any


def derivative(f: Any, x: float) -> Any:
    """Value and standard error."""
    from jacobi import jacobi  # noqa: PLC0415 -- for those alone who compare

    return jacobi(f, x)
