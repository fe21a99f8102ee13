"""The derivative of samples by PyNumDiff, the parameters of whose methods its own search chooses."""

from __future__ import annotations

from typing import Any

import numpy as np

ABOVE = 10.0
"""Times the median of the spectrum: what noise hardly reaches, an exponential variable one time in a thousand."""
EVEN = 1e-6
"""Of a step, by which equal ones may differ."""


def optimized(t: Any, y: Any, *, method: str) -> Any:
    """By a method with the parameters that ``optimize`` finds in one process; no bar.

    Where steps differ the tool is given the times, as its manual says of methods that take them.

    Raises
    ------
    NotImplementedError
        With what the tool says of times that differ.
    """
    import pynumdiff  # noqa: PLC0415 -- for those alone who compare
    from pynumdiff.optimize import optimize  # noqa: PLC0415 -- as above

    function, step = getattr(pynumdiff, method), float(np.mean(np.diff(t)))
    even = np.allclose(np.diff(t), step, rtol=EVEN, atol=0.0)
    step_or_times = step if even else t
    try:
        settings, _ = optimize(function, y, step_or_times, bandlimit=bandlimit(y, step), parallel=False)
        return function(y, step_or_times, **settings)[1]
    except ValueError as error:
        if even:
            raise
        raise NotImplementedError(str(error)) from error


def bandlimit(y: Any, step: float) -> float:
    """The highest frequency at which the spectrum stands out of its floor, which is noise; the lowest if none does.

    That is how the manual says to choose it, "where the power spectrum falls off". A straight line is taken off first,
    and a window of Hann keeps the ends from being seen as a jump.
    """
    steps = np.arange(y.size)
    level = y - np.polyval(np.polyfit(steps, y, 1), steps)
    power = np.abs(np.fft.rfft(level * np.hanning(y.size)))[1:] ** 2
    frequencies = np.fft.rfftfreq(y.size, step)[1:]
    return float(frequencies[np.flatnonzero(power > ABOVE * np.median(power)).max(initial=0)])
