"""A single point at which f is smooth, in plain numbers: a look, and the window to which it leads.

Every rule is that of the search, of which this is the plainest course and no other one: where a window is noisy, or not
resolved, or ought to move, the search itself goes on from the values that are there.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from derivkit.numerical.analysis import Analysis, analyse_one
from derivkit.numerical.arithmetic import NUMBERS
from derivkit.numerical.ladder import Ladder, Part
from derivkit.numerical.moves import from_one_look
from derivkit.numerical.rounds import Request
from derivkit.numerical.search import AT_ONCE, promises_more, window_steps
from derivkit.numerical.state import DROWNED, TARGET, Finding, sure, suspicious
from derivkit.types import Array

Ask = Callable[[list[Request]], list[Array]]


def slope(ladder: Ladder, ask: Ask, *, sacrifice: float, hint: float) -> Finding | None:
    """The slope of f at the point of a look in plain numbers, or None where it takes more than one window to tell.

    Parameters
    ----------
    ladder : Ladder
        A look at one point.
    ask : callable
        Gives the values of f for requests.
    sacrifice : float
        See `Limits`.
    hint : float
        Noise that is known; 0 where none is.
    """
    look = _analyse(Part(ladder, ladder.exponents), hint)
    if look is None or (look.scale < 1.0 and not look.resolved) or look.error[0] <= AT_ONCE * abs(look.value[0]):
        return None
    part = from_one_look(ladder, look.scale)
    if part is None:
        return None
    x, moved = ladder.abscissas(part.steps)
    (values,) = ask([Request(ladder.points, x, new=True)])
    ladder = ladder.with_values(part.steps, values, moved)
    seen = _analyse(Part(ladder, window_steps(ladder, part.top), part.top), hint)
    if seen is None or not seen.resolved:
        return None
    value, step = seen.value[0], part.size.item()
    error, before = sure(NUMBERS, seen.error[0], seen.stall), math.inf
    if look.resolved:
        before = sure(NUMBERS, look.error[0], look.stall)
    better = error < before and abs(value - look.value[0]) <= error + before
    moves = promises_more(seen, before, size=step, ceiling=math.inf, sacrifice=sacrifice)
    return Finding(value, error, seen.noise, step) if better and not moves and value and step >= DROWNED else None


def _analyse(part: Part, hint: float) -> Analysis | None:
    """What a window tells, if f moves in it, and not by noise."""
    ladder = part.ladder
    window, values, moved = ladder.block(part.steps, ladder.sides)
    top = ladder.size(min(part.steps)).item()
    seen = analyse_one(window.alone, values, ladder.centre.item(), top, moved=moved, target=TARGET, hint=hint)
    if seen is None or seen.flat or (suspicious(seen, ladder.x.item(), 1) if seen.resolved else seen.white):
        return None
    return seen
