"""The derivative of samples by the package derivative, which smooths as much as whoever calls it says."""

from __future__ import annotations

from typing import Any


def of_kind(t: Any, y: Any, *, kind: str, **settings: Any) -> Any:
    """By one of its kinds, with the arguments of that; no bar."""
    from derivative import dxdt  # noqa: PLC0415 -- for those alone who compare

    return dxdt(y, t, kind=kind, axis=0, **settings)
