"""Where ladders begin and end, and which steps they have."""

from __future__ import annotations

import numpy as np

from derivkit.numerical.windows import RATIO, Exponents
from derivkit.types import Array

START = 0.05
"""Largest step of the first look, where |x| <= 1; most functions are best served by 1 to 20 times as much."""
FAR = 1e4
"""Where |x| is larger, the first look is a part of it; below, of its root."""
NATURAL = 0.11
"""Largest step of a ladder at the scale of |x|."""
RESOLUTION = 2.0**10
"""Least step in units of the spacing of floats at x."""
LOOK: Exponents = (0, 3, 6)
"""A first look takes seven values, from which the scale is predicted."""
FULL: Exponents = (0, 1, 2, 3, 4, 6)
"""A window at its best: the larger steps lie closer, as they carry the derivative."""
PLAIN: Exponents = (0, 2, 4, 6, 8, 10)
"""A ladder over a wide range of steps."""
MOVES = 6
"""Windows that are tried beyond the first."""
BETTER = 0.25
"""Another window is worth its values if it has no more than this part of the error."""
VAGUE = 0.01
"""A window in which f is smooth knows higher derivatives better than to this part, unless a kink of one of them that
hides in rounding keeps it small. A choice: derivatives near 0 are looked at for nothing."""
VERIFY = 14
"""Exponents from a noisy window down to the one that checks it."""
FINEST = 2.0**-26
"""From a noisy window to the smallest look at it."""
GROWS, SHRINKS = 4096.0, 2.0**-10
"""By how much a window grows or shrinks at once, at most; what a window foresees farther off is guesswork. Choices."""
SAME_LEVEL = 0.05
"""Noise stays above this part of itself at any scale."""


def first_top(x: Array) -> Array:
    """The largest step of the first look: between a fixed scale and that of x, never reaching 0 unless |x| is tiny."""
    size = np.abs(x)
    top = START * np.where(size >= FAR, size, np.sqrt(size))
    return np.where(size > 1e-3, np.minimum(top, 0.7 * size), START)


def least_top(x: Array, exponents: Exponents) -> Array:
    """The largest step of the smallest ladder at x."""
    return np.asarray(RESOLUTION * np.spacing(np.abs(x)) * RATIO ** max(exponents))


def lower(x: Array, top: Array, scale: Array) -> Array:
    """The top of a much smaller ladder: |x| is often a scale of f."""
    natural = NATURAL * np.abs(x)
    return np.where((natural > 0.0) & (top > 4.0 * natural), natural, top * np.clip(scale, SHRINKS, 0.5))
