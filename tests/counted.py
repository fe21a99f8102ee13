"""A function that is watched from outside: where it is evaluated, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np


class Counted:
    """f, and every point at which it was evaluated, complex ones apart."""

    def __init__(self, f: Callable[[Any], Any]) -> None:
        self.f = f
        self.points: list[Any] = []

    def __call__(self, x: Any) -> Any:
        self.points += np.ravel(x).tolist()
        return self.f(x)

    @property
    def counts(self) -> Counter[Any]:
        """How often f was evaluated at every point."""
        return Counter(self.points)
