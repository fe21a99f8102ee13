"""Modules that are imported when something of them is first used.

Ball arithmetic and the proofs that stand on it need python-flint, which `import derivkit` must not pay for.
"""

from __future__ import annotations

import importlib
from functools import cached_property
from types import ModuleType
from typing import Any


class Late:
    """A module under its name, which stands for it and imports it at its first use.

    Parameters
    ----------
    name : str
        The module, written out.

    Examples
    --------
    >>> Late("fractions").Fraction(1, 3)
    Fraction(1, 3)
    """

    def __init__(self, name: str) -> None:
        self._name = name

    @cached_property
    def _module(self) -> ModuleType:
        return importlib.import_module(self._name)

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._module, attribute)

    def __repr__(self) -> str:
        return f"<Late {self._name}>"


balls = Late("derivkit.operations.balls")
enclosures = Late("derivkit.operations.enclosures")
equivalence = Late("derivkit.trusted.equivalence")
program_series = Late("derivkit.trusted.program_series")
vertical_tangents = Late("derivkit.trusted.vertical_tangents")
