"""What may become of a derivative."""

from __future__ import annotations

from enum import StrEnum

import numpy as np


class Status(StrEnum):
    """What became of a derivative: a text, equal to its value.

    With a value: OK; ONE_SIDED, the domain ends there, or one side was requested; NOISY, the noise of f is far above
    rounding; MULTISCALE, two scales of f disagree; BELOW_RESOLUTION, the bar is at least as large as the value, which
    thus is a bound. Without: KINK and JUMP, with the slopes of the sides where these exist; VERTICAL, the value is
    infinite; UNRESOLVED, no step tells a slope; NOT_FINITE, f has no finite value there. A formula with a fixed delta
    has none where OUTSIDE_DOMAIN, x or a point of it lies outside, or STEP_VANISHED, two points of it coincide in
    floating point; f is not evaluated then.

    Examples
    --------
    >>> Status.KINK == "kink", str(Status.OK)
    (True, 'ok')
    """

    OK = "ok"
    ONE_SIDED = "one_sided"
    NOISY = "noisy"
    MULTISCALE = "multiscale"
    BELOW_RESOLUTION = "below_resolution"
    KINK = "kink"
    JUMP = "jump"
    VERTICAL = "vertical"
    UNRESOLVED = "unresolved"
    NOT_FINITE = "not_finite"
    OUTSIDE_DOMAIN = "outside_domain"
    STEP_VANISHED = "step_vanished"


STATUSES = tuple(Status)
VALUED = ("ok", "one_sided", "noisy", "multiscale", "below_resolution")
"""Statuses of a search with a value and a bar."""
VALUELESS = ("kink", "jump", "vertical", "unresolved", "not_finite")
"""Statuses of a search without; the value of a vertical tangent is infinite."""
CODE = {status: np.int8(code) for code, status in enumerate(STATUSES)}
"""Statuses as numbers, for arrays of them."""
