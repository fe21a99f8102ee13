"""What may become of a derivative."""

from __future__ import annotations

from enum import StrEnum

import numpy as np


class Status(StrEnum):
    """What became of a derivative: a text, equal to its value.

    The first five come with a value and its bar, the next five without, and the last two are those of a formula with a
    fixed delta.

    Examples
    --------
    >>> Status.KINK == "kink", str(Status.OK)
    (True, 'ok')
    """

    OK = "ok"
    """A value and its bar."""
    ONE_SIDED = "one_sided"
    """The derivative of one side, as the domain ends at x or too near to it, or one side was requested."""
    NOISY = "noisy"
    """The noise of f is far above rounding, and the bar is as wide as the noise makes it."""
    MULTISCALE = "multiscale"
    """Two scales of f disagree, and the derivative is that on the finer one."""
    BELOW_RESOLUTION = "below_resolution"
    """The bar is at least as large as the value, which thus is a bound."""
    KINK = "kink"
    """The slopes of the two sides differ; both are given."""
    JUMP = "jump"
    """The values of f do not come near f(x) on one side; the slopes of the sides are given where they exist."""
    VERTICAL = "vertical"
    """The tangent is vertical, and the value infinite; f follows a power of the distance, which is given."""
    UNRESOLVED = "unresolved"
    """No step shows a slope."""
    NOT_FINITE = "not_finite"
    """f has no finite value at x."""
    OUTSIDE_DOMAIN = "outside_domain"
    """x, or a point of the formula, lies outside the domain; f is not evaluated there."""
    STEP_VANISHED = "step_vanished"
    """Two points of the formula coincide in floating point; f is not evaluated."""


STATUSES = tuple(Status)
VALUED = ("ok", "one_sided", "noisy", "multiscale", "below_resolution")
"""Statuses of a search with a value and a bar."""
VALUELESS = ("kink", "jump", "vertical", "unresolved", "not_finite")
"""Statuses of a search without; the value of a vertical tangent is infinite."""
CODE = {status: np.int8(code) for code, status in enumerate(STATUSES)}
"""Statuses as numbers, for arrays of them."""
