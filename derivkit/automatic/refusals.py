"""What a dual number cannot go through, and its message: the routine, where it is called, and what to do instead."""

from __future__ import annotations

import inspect
from itertools import islice
from types import FrameType
from typing import Any

import numpy as np


class DualError(TypeError):
    """Raised where a dual number cannot go through a step of f: it would lose the derivative.

    The message names the routine, the piece of code that called it, and what to write instead.

    Examples
    --------
    >>> import derivkit as dk, math
    >>> try:
    ...     dk.dual(math.sin, 1.0)
    ... except dk.DualError as error:
    ...     print(str(error)[:78])
    dk.dual cannot differentiate this: float(); it keeps only the value: use NumPy
    """


NAMES_OF_NUMBER = ("DualNumber", "number of dk.dual")
"""By which other libraries name a number of dk.dual that they do not take."""
FOREIGN = (
    "dk.dual cannot differentiate {}, which takes no dual numbers ({}); write it with NumPy's functions, or use "
    "dk.derivative"
)
SHAPE = "f returned shape {} for x of shape {}; it must give one value for each point"
PER_POINT = "the points of x must not mix; call dk.dual for each point, or differentiate with dk.difference"
CHOICE = "choose values with np.where, np.select or np.piecewise, not points"
ELEMENTWISE = "write it with operators, NumPy's elementwise functions, np.where or np.sum, or use dk.difference"
NUMBER = "it keeps only the value: use NumPy's functions (np.sin for math.sin, np.floor for int)"
ARRAY = "it keeps only the value: leave it out; use np.stack for np.array([...]), np.where for out[...] = ..."
WRITING = "there is no writing into arrays: make a new one with np.where, np.select or np.stack"


def name_of(routine: Any) -> str:
    """A routine as one writes it: np.linalg.norm."""
    if isinstance(routine, str):
        return routine
    module = getattr(routine, "__module__", None) or ""
    name = getattr(routine, "__name__", str(routine))
    if getattr(np, name, None) is routine:
        return f"np.{name}"
    return f"{module.replace('numpy', 'np', 1)}.{name}" if module else name


def calling(frame: FrameType | None) -> str:
    """The piece of the nearest code outside NumPy and this package that is being executed, as it stands there."""
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] in ("numpy", "derivkit"):
        frame = frame.f_back
    if frame is None:
        return ""
    try:
        first, last, start, end = next(islice(frame.f_code.co_positions(), frame.f_lasti // 2, None))
        lines, at = inspect.findsource(frame.f_code)[0], first
        return lines[at - 1].encode()[start:end].decode() if at and first == last else ""
    except (OSError, IndexError, StopIteration, TypeError, UnicodeDecodeError):
        return ""
