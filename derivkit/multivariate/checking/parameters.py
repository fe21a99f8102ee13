"""The parameters of f as one flat vector, and their names."""

from __future__ import annotations

from typing import Any

import numpy as np

from derivkit.arguments import numbers
from derivkit.types import Array

Block = tuple[str, slice, tuple[int, ...]]
"""An array among the parameters: its name, its place in the flat vector, its shape."""


class Parameters:
    """An array of any shape.

    Attributes
    ----------
    flat : ndarray, shape ``(n,)``
    size : int
        n.
    blocks : tuple of Block
    """

    def __init__(self, x: Any) -> None:
        array = np.array(numbers("x", x))
        self._shape, self.flat, self.size = array.shape, array.ravel(), array.size
        self.blocks: tuple[Block, ...] = (("x", slice(0, array.size), array.shape),)

    def restore(self, flat: Array) -> Array:
        """Another vector in the shape of x."""
        return flat.reshape(self._shape).copy()

    def like(self, other: Any, name: str) -> Array:
        """Another array of the shape of x, flat."""
        array = numbers(name, other)
        if array.shape != self._shape:
            raise ValueError(f"{name} has shape {array.shape}, and x {self._shape}; they must be the same")
        return array.ravel()

    def name(self, k: int) -> str:
        """What an entry is called."""
        index = ", ".join(map(str, np.unravel_index(k, self._shape)))
        return f"x[{index}]" if self._shape else "x"
