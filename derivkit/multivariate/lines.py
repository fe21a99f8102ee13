"""The values of a function of many variables on lines through a point: one for each axis, or in any direction.

A place is a line, and an abscissa says where on it. On an axis it is the entry itself, and all others are the same to
the bit. In a direction v it is s, at the point x + (s - s0) u with u that multiple of v, by a power of two, which moves
no entry by more than about its own scale. It begins at s0 and not at 0: the points are rounded as numbers near s0 are,
and the search takes the spacing of the floats there for the least step. Where v has short entries, as all have that are
chosen here, s0 is so large that points are not rounded at all: their abscissae are, which the search knows of.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from derivkit.arguments import EVERYWHERE
from derivkit.asker import Asker, calling_of, rows_of
from derivkit.behaviour import Raised, fits_float32
from derivkit.multivariate.evaluation import refuse_several
from derivkit.multivariate.structure import Structure
from derivkit.numerical.result import Derivative
from derivkit.numerical.scales import FAR, START, first_top
from derivkit.types import EPS, EPS32, Array, Indices, Mask

WORTH_A_TRIAL = 8
"""From so many lines on it is tried whether f takes arrays of points, which costs two further calls; a choice."""
ORIGIN = 1.0
"""The abscissa of x on the line of a direction whose entries are not short."""
SHORT = 2
"""Binary digits of a short entry; a choice: moves are then as wanted to a fifth, and abscissae lose few digits."""


def short(size: Array) -> Array:
    """Numbers rounded to some binary digits, so that multiples of them are exact.

    Examples
    --------
    >>> short(np.array([1.0, 0.3, -1e6])).tolist()
    [1.0, 0.25, -1048576.0]
    """
    mantissa, exponent = np.frexp(size)
    return np.asarray(np.ldexp(np.rint(np.ldexp(mantissa, SHORT)), exponent - SHORT))


class Surroundings(NamedTuple):
    """A function of many variables at a point, and the box around it.

    Attributes
    ----------
    f : callable
        Of what has the structure of the point.
    structure : Structure
        Of the point.
    lo, hi : ndarray, shape ``(x.size,)``
        The box that is never left.
    scalar : bool
        Whether f must give one number.
    vectorized : bool, optional
        Whether f takes batches, if known.
    noise : float
        Standard deviation of the values of f, 0 if unknown.
    executor : object, optional
        Whose map evaluates single points.
    """

    f: Callable[..., Any]
    structure: Structure
    lo: Array
    hi: Array
    scalar: bool = True
    vectorized: bool | None = None
    noise: float = 0.0
    executor: Any = None

    @property
    def x(self) -> Array:
        """The point, shape ``(n,)``."""
        return self.structure.flat

    def asker(self, lines: int) -> Asker:
        """What calls f for the points of so many lines."""
        untried = self.vectorized is None and lines < WORTH_A_TRIAL
        return Asker(
            self.f,
            shape=self.structure.shape,
            several=True,
            empty=True,
            domain=EVERYWHERE,  # points outside the box are never requested
            vectorized=calling_of(self.f).vectorized or False if untried else self.vectorized,
            noise=self.noise,
            container=self.structure.container,
            executor=self.executor,
        )


class Lines(ABC):
    """Values of f at pairs of a place and an abscissa; that of x itself is computed once for all places.

    Parameters
    ----------
    around : Surroundings
    origin : ndarray, shape ``(n,)``
        The abscissae of x.
    lo, hi : ndarray, shape ``(n,)``
        The abscissae between which the lines are within the box.

    """

    anywhere = False
    _narrow: Mask | None = None

    def __init__(self, around: Surroundings, origin: Array, lo: Array, hi: Array) -> None:
        self.origin, self.lo, self.hi = origin, lo, hi
        self._around, self._x, self._ask = around, around.x, around.asker(origin.size)
        self._bounded = bool(np.isfinite(around.lo).any() or np.isfinite(around.hi).any())
        self._centre: Array | None = None

    @property
    def narrow(self) -> Mask | None:
        """Whose abscissae are to be numbers of float32, as f is given them so, shape ``(n,)``; None if no one's.

        Not where f(x) is such a number, too: on a grid as coarse as that of its values the rounding of f is no noise.
        """
        return None if self._narrow is None or fits_float32(self.centre) else self._narrow

    @property
    def float32(self) -> bool:
        """Whether f computes in float32, or in less."""
        return self._ask.float32

    @property
    def precision(self) -> float:
        """The eps of the type in which f computes."""
        return EPS32 if self.float32 else EPS

    @property
    def raised(self) -> tuple[Raised, ...]:
        """What f raised, one entry for each type."""
        return self._ask.raised

    @property
    def total(self) -> int:
        """Calls of f: the points at which it was evaluated, and its trials with an array of points."""
        return self._ask.total + self._ask.trials

    @abstractmethod
    def points(self, places: Indices, x: Array) -> Array:
        """The points of abscissae, shape ``(k, x.size)``."""

    @property
    def centre(self) -> Array:
        """f(x), shape ``(width,)``."""
        if self._centre is None:
            self._centre = self._values(self._x[None])[0]
        return self._centre

    def at(self, places: Indices, x: Array) -> Array:
        """The values of f in the shape of x, with a further axis where it may give several numbers.

        Parameters
        ----------
        places : ndarray of int
            The lines, broadcast to the shape of x.
        x : ndarray
            The abscissae; those whose points lie outside the box have no value, nor has any where f(x) has none.
        """
        shape, places, x = x.shape, np.broadcast_to(places, x.shape).ravel(), x.ravel()
        values = np.full((x.size, self.centre.size), np.nan)
        away = x != self.origin[places]
        values[~away] = self.centre
        going = np.flatnonzero(away) if np.isfinite(self.centre).any() else np.empty(0, dtype=np.intp)
        room = self._ask.room
        for start in range(0, going.size, room):
            block = going[start : start + room]
            points = self.points(places[block], x[block])
            inside = self._inside(points)
            if inside.any():
                values[block[inside]] = self._values(points[inside])
        return values.reshape(shape if self._around.scalar else (*shape, -1))

    def _inside(self, points: Array) -> Any:
        """Which points lie in the box."""
        if not self._bounded:
            return np.ones(len(points), dtype=bool)
        return ((points >= self._around.lo) & (points <= self._around.hi)).all(axis=1)

    def _values(self, points: Array) -> Array:
        """f at points, shape ``(k, width)``."""
        values = rows_of(self._ask(points.reshape(-1, *self._around.structure.shape)))
        if self._around.scalar:
            refuse_several(self._ask)
        elif self._ask.width == 0:
            raise ValueError("f gives no number; a search needs one at least, a formula with a delta none")
        return np.broadcast_to(values, (len(points), self._ask.width or 1))


class Axes(Lines):
    """The lines of entries of x.

    Parameters
    ----------
    around : Surroundings
    chosen : ndarray of int, shape ``(n,)``
        The entries.
    """

    def __init__(self, around: Surroundings, chosen: Indices) -> None:
        super().__init__(around, around.x[chosen], around.lo[chosen], around.hi[chosen])
        self._chosen = chosen
        if not around.structure.is_float64:
            self._narrow = around.structure.float32[chosen]

    def points(self, places: Indices, x: Array) -> Array:
        """The points of abscissae: x with one entry replaced, shape ``(k, x.size)``."""
        points = np.repeat(self._x[None], x.size, axis=0)
        points[np.arange(x.size), self._chosen[places]] = x
        return points


class Directions(Lines):
    """The lines through x in directions.

    Parameters
    ----------
    around : Surroundings
    directions : ndarray, shape ``(n, x.size)``
        Of any lengths other than 0.

    Attributes
    ----------
    unit : ndarray, shape ``(n,)``
        What 1 of an abscissa is in directions: a power of two.
    """

    def __init__(self, around: Surroundings, directions: Array) -> None:
        x = around.x
        with np.errstate(all="ignore"):
            size = np.abs(directions)
            counts = size > EPS * size.max(axis=1, keepdims=True)
            scale = np.where(counts, first_top(x) / size, np.inf).min(axis=1) / START
            self.unit = np.ldexp(1.0, np.frexp(scale)[1] - 1)
            moves = directions * self.unit[:, None]
            origin = _origins(x, moves)
            # to the search, which only knows x by its abscissa, the first look is to be what it is for the entries
            finer = np.exp2(np.maximum(np.floor(np.log2(np.minimum(origin, FAR / origin))), 0.0))
            self.unit, self._moves, origin = self.unit / finer, moves / finer[:, None], origin * finer
            ends = (np.array([around.lo, around.hi])[:, None] - x) / self._moves
            ends = np.where(self._moves == 0.0, np.array([-np.inf, np.inf])[:, None, None], np.sort(ends, axis=0))
        super().__init__(around, origin, origin + ends[0].max(axis=1), origin + ends[1].min(axis=1))
        if not around.structure.is_float64:
            self._narrow = (origin != ORIGIN) & ((moves != 0.0) & around.structure.float32).any(axis=1)

    @classmethod
    def sharing(cls, lines: Lines, directions: Array) -> Directions:
        """Lines in directions through the point of others, with which they share f(x) and all counts."""
        further = cls(lines._around, directions)  # noqa: SLF001 -- of the same family
        further._ask, further._centre = lines._ask, lines.centre  # noqa: SLF001
        return further

    def points(self, places: Indices, x: Array) -> Array:
        """The points of abscissae, shape ``(k, x.size)``; an entry that the direction leaves is the same to the bit."""
        moves = self._moves[places]
        return np.where(moves == 0.0, self._x, self._x + (x - self.origin[places])[:, None] * moves)

    def in_directions(self, found: Derivative) -> Derivative:
        """What was found along the abscissae, in the lengths of the directions."""
        unit = self.unit.reshape(-1, *(1,) * (np.ndim(found.value) - 1))
        slopes = {name: getattr(found, name) / unit**found.order for name in ("value", "error", "left", "right")}
        lengths = {name: getattr(found, name) * unit for name in ("delta", "spacing")}
        return replace(found, **slopes, **lengths)


def _origins(x: Array, moves: Array) -> Array:
    """The abscissae of x on lines; where moves are short, such that multiples of them are added without rounding.

    The spacing of the abscissae, times the last digit of any move, is then at least the spacing of its entry.
    """
    last = np.ldexp(1.0, np.frexp(moves)[1] - SHORT)
    ratio = np.where(moves == 0.0, 0.5, np.maximum(np.abs(x) / last, 0.5)).max(axis=1)
    exact = (short(moves) == moves).all(axis=1) & (ratio < 1.0 / EPS)
    # halfway between two powers of two the floats are as dense on both sides
    return np.where(exact, np.ldexp(1.5, np.frexp(np.where(exact, ratio, 0.5))[1]), ORIGIN)
