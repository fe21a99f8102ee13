"""Values of f at the steps of ladders, requested in rounds.

Points that need the same steps go on together; where they differ, they are split, and their parts advance in step.
Every way is a generator that yields what it wants to know of f and is sent the values, so that a round of all of them
is one call of f however many ways they went, and each way still reads from its first line to its last. What it returns
is where its points go on.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from derivkit.numerical.ladder import Ladder, Part
from derivkit.numerical.windows import Exponents
from derivkit.types import Array, Indices, Mask


class Request(NamedTuple):
    """Where f is wanted: abscissas of shape ``(k, n)``, whose columns belong to the points ``(n,)``, all different.

    ``new`` says that none of them can have been requested before.
    """

    points: Indices
    x: Array
    new: bool = False


class Onward(NamedTuple):
    """Where the points of a way go on in the search, and what is to be done when they are done with."""

    parts: list[Part]
    then: Callable[[], Way] | None = None


Way = Generator[list[Request], list[Array], list[Onward]]
"""Requests values until all of its points are done with, or go on."""


def together(ways: Iterable[Way]) -> Way:
    """Advance several ways in step: what they request in a round is computed by one call."""
    onward: list[Onward] = []
    live = [(way, requests) for way in ways for requests in advance(way, None, onward)]
    while live:
        answers = yield [request for _, requests in live for request in requests]
        following, start = [], 0
        for way, requests in live:
            end = start + len(requests)
            following += [(way, more) for more in advance(way, answers[start:end], onward)]
            start = end
        live = following
    return onward


def advance(way: Way, answers: list[Array] | None, onward: list[Onward]) -> list[list[Request]]:
    """What a way requests next, as the only entry of a list: none if it has ended, and then where it leads is added."""
    try:
        return [next(way) if answers is None else way.send(answers)]
    except StopIteration as end:
        onward += end.value
        return []


def take_steps(parts: Sequence[Part]) -> Generator[list[Request], list[Array], list[Ladder]]:
    """Ask for the steps that ladders do not have yet."""
    new = [ladder.lacks(steps) for ladder, steps, _ in parts]
    places = [part.ladder.abscissas(steps) if steps else None for part, steps in zip(parts, new, strict=True)]
    requests = [
        Request(part.ladder.points, place[0], new=part.ladder.first)
        for part, place in zip(parts, places, strict=True)
        if place
    ]
    answers = iter((yield requests) if requests else [])
    return [
        part.ladder.with_values(steps, next(answers), place[1]) if place else part.ladder
        for part, steps, place in zip(parts, new, places, strict=True)
    ]


def climb(ladder: Ladder, steps: Exponents) -> Generator[list[Request], list[Array], Ladder]:
    """A ladder with further steps."""
    return (yield from take_steps([Part(ladder, steps)]))[0]


def some(ladder: Ladder, mask: Mask) -> list[tuple[Ladder, Indices]]:
    """The points in the mask, and where they are: an empty list where there are none."""
    if not np.count_nonzero(mask):
        return []
    which = np.flatnonzero(mask)
    return [(ladder.take(which), which)]


def each(ladder: Ladder, mask: Mask, way: Callable[[Ladder, Indices], Way]) -> list[Way]:
    """The way of the points in the mask: none where there are none."""
    return [way(part, which) for part, which in some(ladder, mask)]
