"""What the quick part of the tests tries of a long table of cases: the others are slow, and CI tries every one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def part(cases: Iterable[Any], *, every: int = 4) -> list[Any]:
    """Mark all cases but every fourth as slow; the first is tried always.

    The cases that stand in a row are mostly of one kind, so that this takes some of each.

    >>> [hasattr(case, "marks") for case in part("abcdef", every=3)]
    [False, True, True, False, True, True]
    """
    return [case if number % every == 0 else slow(case) for number, case in enumerate(cases)]


def slow(case: Any) -> Any:
    """Mark one case of a table as slow: a tuple has a value for each argument."""
    return pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow)
