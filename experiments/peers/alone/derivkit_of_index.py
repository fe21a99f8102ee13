"""The derivative of the other ``derivkit``, of the Python Package Index, which can only run in an environment without
this one: its module has the same name.
"""

from __future__ import annotations

from typing import Any


def adaptive(f: Any, x: float) -> Any:
    """Value and error by its default method."""
    from derivkit import DerivativeKit  # noqa: PLC0415 -- of the other one

    return DerivativeKit(f, x).differentiate(return_error=True)
