"""Times of actions by the clock on the wall: the least of some repeats, which is what disturbs a machine least.

The processor's own clock would leave out what other programs take, but on a virtual machine it gave, now and then,
times too short to be true, and the least of many times finds them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

SECONDS_OF_REPEATS = 1.0
"""After which no further repeat is made; without a derivation, as the next is."""
SECONDS_OF_ONE = 0.02
"""That a repeat takes at least, in which a quick action is made again and again: what disturbs it lasts for
milliseconds."""
SETTLING = 31 * 2**17
"""Numbers of an array of 31 MB, about the largest up to which glibc raises what it keeps."""


@dataclass
class Timing:
    """An action and its least time so far."""

    action: Callable[[], Any]
    least: float = math.inf
    spent: float = 0.0
    done: int = 0
    result: Any = None

    def once(self) -> None:
        """Do it once."""
        start = time.perf_counter()
        self.result = self.action()
        seconds = time.perf_counter() - start
        self.least, self.spent, self.done = min(self.least, seconds), self.spent + seconds, self.done + 1

    def again(self) -> None:
        """Do it for one repeat, a quick action again and again."""
        enough = self.spent + SECONDS_OF_ONE
        while self.spent < enough:
            self.once()

    def finish(self, repeats: int) -> None:
        """Do the last repeat, and those that were not done before."""
        self.again()
        while self.done < repeats and self.spent < SECONDS_OF_REPEATS:
            self.once()


def least_seconds(repeats: int, action: Callable[[], Any]) -> float:
    """Return the least time of an action that is done so many times."""
    timing = Timing(action)
    for _ in range(repeats):
        timing.once()
    return timing.least


def least_in_turns(repeats: int, action: Callable[[], Any], reference: Callable[[], Any]) -> tuple[float, float]:
    """Return the least times of two actions that are done in turns, so that a noisy moment hits both.

    No result is held, as the next one then could not have its memory.
    """
    least = math.inf, math.inf
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        middle = time.perf_counter()
        reference()
        least = min(least[0], middle - start), min(least[1], time.perf_counter() - middle)
    return least


def with_repeats(seconds: float, repeats: int) -> float:
    """Return about how long all repeats of an action take that takes so many seconds."""
    return max(seconds, min(repeats * max(seconds, SECONDS_OF_ONE), SECONDS_OF_REPEATS + seconds))


def settle_memory() -> None:
    """Free a large array, after which glibc keeps what is freed (mallopt(3), M_MMAP_THRESHOLD).

    Without it small arrays are given back to the system and requested again at every call, which can take longer than
    what is computed in them, and the time of an action depends on those that were timed before it.
    """
    np.empty(SETTLING)
