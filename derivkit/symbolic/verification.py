"""Every step of a derivation checked against values that owe nothing to the rules.

The pieces are evaluated in ball arithmetic at x - h, x and x + h in one walk over all of them. Each piece then has a
numerical derivative, its rounding enclosed, and its step's result, evaluated at x, must be that number. What is left of
the difference is the truncation h^2 f'''/6: where it may be more, as it is for sin(1e300 x), a far smaller h decides,
in as many more bits. A step is refuted only where two h see the same derivative, which is not the result.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from derivkit.expressions.evaluation import Arithmetic, float_values, walk
from derivkit.expressions.tree import Variable, joint_program
from derivkit.operations.elementary import OPERATIONS
from derivkit.trusted.exact import ball_arithmetic

if TYPE_CHECKING:
    from derivkit.expressions.tree import Instruction
    from derivkit.symbolic.derivation import Step
    from derivkit.symbolic.rules import Condition

Floats = NDArray[np.float64]

LADDER = ((640, 200), (1280, 400), (2560, 1100), (8192, 3000))
"""Precision in bits and h as the exponent of 1/2: the next where one does not decide."""
SHORTEST = 1100
"""From here on h is far below the shortest wave, 2^-1023, of numbers within the range of float64, and the bits hold
that share of the largest of them: what is seen may refute."""
AGREEMENT = 2.0**-180
"""Relative difference at which a result is believed, far above the square of the first h."""
UNSEEN = 2.0**-200
"""Share of a piece's size below which no difference is seen: that a derivative is 0 is never seen exactly."""
SETTLED = 2.0**-10
"""Share of its distance from the result by which what two h see may differ where the result is refuted."""
WORK = 2e8
"""Nanoseconds of ball arithmetic that a point may take, as estimated by `Numbers`; a constant without a derivation."""
MARGIN = 1e-3
"""How far points stay from where a rule does not hold."""
FEW, MANY = 64, 4096
"""Points looked at first, and if none of them is good."""
POINTS, MOST_POINTS = 2, 6
"""Points that are enough, and the most where they lie on several sides of breakpoints."""
MODERATE, LARGE = 1e100, 1e305
"""Numbers beyond are not what a point is chosen for, the second if none is good by the first, and then infinity;
constants without a derivation."""
MOST_VALUES = 4_000_000
"""Numbers held while points are chosen: 32 MB."""
MOST_WORK = 40_000
"""Operations evaluated per derivation; a constant without a derivation."""


class RefutedError(ArithmeticError):
    """A step whose result is not the derivative of its piece."""


class Verdict(StrEnum):
    """What the check of a derivation found; a step that is refuted is an error instead."""

    VERIFIED = "verified"
    NO_REAL_POINT = "no real point found"
    OVER_THE_WORK_LIMIT = "over the work limit"

    def __repr__(self) -> str:
        return repr(self.value)


@dataclass(frozen=True)
class Verification:
    """What the check of a derivation found, and the points at which every step was checked."""

    verdict: Verdict
    points: tuple[Mapping[str, float], ...] = ()

    def __str__(self) -> str:
        return str(self.verdict)


def verify(
    steps: Sequence[Step], variable: Variable, roots: Sequence[Step] = (), conditions: Sequence[Condition] | None = None
) -> Verification:
    """Check every step at several real points of the domain.

    Parameters
    ----------
    steps : sequence of Step
        The steps of one derivation.
    variable : Variable
        With respect to what it was differentiated.
    roots : sequence of Step, optional
        Those whose pieces are defined at every point looked at; all of them if not given. Another step, within a piece
        of the formula, is checked where its own piece is defined.
    conditions : sequence of Condition, optional
        What holds at every point looked at; the conditions of all steps if not given.

    Raises
    ------
    RefutedError
        If a result is not the derivative of its piece.
    """
    if conditions is None:
        conditions = tuple(dict.fromkeys(one for step in steps for one in step.conditions))
    walk = _Walk(steps, variable, roots or steps, conditions)
    if walk.cost > MOST_WORK:
        return Verification(Verdict.OVER_THE_WORK_LIMIT)
    left, points, found = set(range(len(steps))), [], {Verdict.NO_REAL_POINT}
    for point, places in walk.points():
        found.add(verdict := walk.check(point, places))
        if verdict is Verdict.VERIFIED:
            points.append(point)
            left -= set(places)
    unchecked = Verdict.OVER_THE_WORK_LIMIT if Verdict.OVER_THE_WORK_LIMIT in found else Verdict.NO_REAL_POINT
    return Verification(unchecked if left else Verdict.VERIFIED, tuple(points))


class _Walk:
    """The pieces and results of all steps as one program, of which the pieces are the first part."""

    def __init__(
        self, steps: Sequence[Step], variable: Variable, roots: Sequence[Step], conditions: Sequence[Condition]
    ) -> None:
        self._steps, self._variable = steps, variable
        own = dict.fromkeys(one for step in steps for one in (*step.conditions, *step.unsaid))
        everything = list(dict.fromkeys([*conditions, *own]))
        nodes = [
            *(step.piece.root for step in steps),
            *(step.inner for step in steps),
            *(step.result.root for step in steps),
            *(node for one in everything for node in one.nodes),
        ]
        self._program, places = joint_program(nodes)
        count = len(steps)
        self._pieces, self._inner, self._results = (places[k * count : (k + 1) * count] for k in range(3))
        ends = places[3 * count :]
        self._sides = list(zip(everything, ends[0::3], ends[1::3], ends[2::3], strict=True))
        self._needed = {place for place, one in enumerate(everything) if one in set(conditions)}
        index = {one: place for place, one in enumerate(everything)}
        self._own = [[index[one] for one in (*step.conditions, *step.unsaid)] for step in steps]
        defined = {id(root) for root in roots}
        self._defined = [k for k, step in enumerate(steps) if id(step) in defined]
        self._moving = max(self._pieces) + 1
        names = (str(step.value) for step in self._program if step.operation == "variable")
        self._names = list(dict.fromkeys([variable.name, *names]))
        self.cost = POINTS * (2 * self._moving + len(self._program))

    def points(self) -> Iterator[tuple[dict[str, float], list[int]]]:
        """Yield points of the domain, away from where a rule does not hold, and the steps that can be checked there.

        One on every side of the breakpoints, then those that reach further steps, then more.
        """
        many = max(FEW, min(MANY, MOST_VALUES // len(self._program)))
        attempts = (FEW, MODERATE), (many, MODERATE), (FEW, LARGE), (FEW, np.inf)
        for count, limit in attempts:
            lattice = lattice_of(self._names, count)
            good, sides, reached = self._screen(lattice, limit)
            if good.any() and ((reached & good).any(axis=1).all() or (count, limit) == attempts[-1]):
                places = np.flatnonzero(good)
                for place in _chosen(places, sides[:, places], reached[:, places]):
                    point = {name: float(values[place]) for name, values in lattice.items()}
                    yield point, np.flatnonzero(reached[:, place]).tolist()
                return

    def _screen(
        self, lattice: Mapping[str, Floats], limit: float
    ) -> tuple[NDArray[np.bool_], NDArray[np.int8], NDArray[np.bool_]]:
        """Which points are good, by float64, on which sides of the breakpoints they lie, and the steps they reach."""
        size = next(iter(lattice.values())).size
        with np.errstate(all="ignore"):
            values = float_values(self._program, lattice, unknown=float_stand_in)
            sound = _sound(self._program, values, limit)
            good = np.ones(size, dtype=np.bool_)
            for k in self._defined:
                good &= sound[self._pieces[k]] & sound[self._results[k]]
            signs, far = [np.zeros(size, dtype=np.int8)], []
            for place, (condition, *nodes) in enumerate(self._sides):
                a, b, needed = (np.broadcast_to(values[k], (size,)) for k in nodes)
                far.append(condition.margin(a, b, np.ones(size)) > MARGIN)
                if place in self._needed:
                    good &= condition.margin(a, b, needed) > MARGIN
                    signs.append(np.sign(a - b).astype(np.int8))
            reached = np.empty((len(self._steps), size), dtype=np.bool_)
            for k, own in enumerate(self._own):
                reached[k] = sound[self._pieces[k]] & sound[self._inner[k]] & sound[self._results[k]]
                for place in own:
                    reached[k] &= far[place]
        return good, np.stack(signs), reached

    def check(self, point: Mapping[str, float], places: Sequence[int]) -> Verdict:
        """Check these steps at a point: verified, not real in truth, or not decided by the work allowed."""
        balls = ball_arithmetic()
        numbers = balls.Numbers(WORK)
        left: Sequence[int] = places
        before: Mapping[int, Any] = {}
        found: Mapping[int, Any] = {}
        for bits, exponent in LADDER:
            try:
                with balls.precision(bits):
                    before, found = found, self._suspects(point, left, Beside(numbers.at(bits), exponent))
            except balls.UndecidedError:
                continue
            except balls.ExhaustedError:
                return Verdict.OVER_THE_WORK_LIMIT
            if not found:
                return Verdict.VERIFIED
            left = list(found)
            for place, (claimed, seen, differ, still) in found.items() if exponent >= SHORTEST else ():
                if differ is True and place in before and settled(before[place][1], seen, claimed, still=still):
                    raise _refuted(self._steps[place], point, balls.middle(claimed), balls.middle(seen))
        undefined = found and all(differ is balls.SENSELESS for _, _, differ, _ in found.values())
        return Verdict.NO_REAL_POINT if undefined else Verdict.OVER_THE_WORK_LIMIT

    def _suspects(self, point: Mapping[str, float], steps: Iterable[int], beside: Beside) -> dict[int, Any]:
        """Those of the steps whose result may not be what is seen: result, what is seen, whether they differ, and
        whether the piece stands still.
        """
        low, here, high = (self._values(point, shift, beside) for shift in (-1, 0, 1))
        found = {}
        for place in steps:
            piece, inner, result = (row[place] for row in (self._pieces, self._inner, self._results))
            if self._steps[place].inner == self._variable:
                rise = high[piece] - low[piece]
            else:
                rise = self._outer_rise(piece, inner, here, beside)
            seen, claimed = rise / beside.width, here[result]
            allowed = (abs(seen) + abs(claimed)) * AGREEMENT + (abs(here[piece]) + 1) * UNSEEN
            differ = abs(seen - claimed) > allowed
            if differ is not False:
                still = abs(rise) < abs(here[piece]) * beside.root
                found[place] = claimed, seen, differ, still is True
        return found

    def _values(self, point: Mapping[str, float], shift: int, beside: Beside) -> list[Any]:
        """The values of the program; beside the point those of the pieces only."""

        def variable(name: str) -> Any:
            here = beside.lifted(point[name])
            return here + shift * beside.h if name == self._variable.name else here

        return walk(self._program if shift == 0 else self._program[: self._moving], beside.arithmetic(variable))

    def _outer_rise(self, piece: int, inner: int, values: Sequence[Any], beside: Beside) -> Any:
        """By how much a function rises while its argument rises by 2 h."""
        step = self._program[piece]
        arithmetic = beside.arithmetic(beside.lifted)
        ends = []
        for shift in (-1, 1):
            arguments = [values[k] + shift * beside.h if k == inner else values[k] for k in step.arguments]
            ends.append(arithmetic.value(step, arguments))
        return ends[1] - ends[0]


def settled(before: Any, seen: Any, claimed: Any, *, still: bool) -> bool:
    """Whether two h see one number, which is certainly not what is claimed.

    Where h is still longer than a wave, what is seen is any number: no two are alike, nor does the piece stand still.
    """
    apart = abs(seen - before)
    alike = still or (apart < abs(seen) * SETTLED) is True
    return alike and (apart < abs(seen - claimed) * SETTLED) is True


def _chosen(places: NDArray[np.intp], sides: NDArray[np.int8], reached: NDArray[np.bool_]) -> list[int]:
    """A few of the places: one on every side, then those that reach steps that the others do not."""
    _, first = np.unique(sides, axis=1, return_index=True)
    chosen = np.sort(first)[:MOST_POINTS].tolist()
    chosen += [k for k in range(places.size) if k not in chosen][: max(0, POINTS - len(chosen))]
    while len(chosen) < 2 * MOST_POINTS:
        left = reached & ~reached[:, chosen].any(axis=1, keepdims=True)
        best = int(np.argmax(left.sum(axis=0)))
        if not left[:, best].any():
            break
        chosen.append(best)
    return [int(places[k]) for k in chosen]


def _sound(program: Sequence[Instruction], values: Sequence[Any], limit: float) -> list[Any]:
    """Where a value, and all that it was computed from, is a number within the limit: float64 is to be believed."""
    sound: list[Any] = []
    for step, value in zip(program, values, strict=True):
        parts = [sound[k] for k in step.arguments]
        if step.operation == "piecewise":
            parts = [_of_the_chosen(parts, [values[k] for k in step.arguments])]
        sound.append(functools.reduce(np.logical_and, parts, np.abs(value) <= limit))
    return sound


def _of_the_chosen(sound: Sequence[Any], values: Sequence[Any]) -> Any:
    """Whether the conditions up to the first that holds are sound, and the piece that it chooses."""
    result = sound[-1] if len(sound) % 2 else np.False_
    for k in reversed(range(len(sound) // 2)):
        result = sound[2 * k + 1] & np.where(values[2 * k + 1] != 0.0, sound[2 * k], result)
    return result


class Beside:
    """How far beside a point is looked, h = 2^-exponent, and in which numbers."""

    def __init__(self, numbers: Any, exponent: int) -> None:
        self.numbers, self.lifted = numbers, ball_arithmetic().lifted
        self.h, self.width = self.lifted(Fraction(1, 2**exponent)), self.lifted(Fraction(2, 2**exponent))
        self.root = self.lifted(Fraction(1, 2 ** (exponent // 2)))

    def arithmetic(self, variable: Callable[[str], Any]) -> Arithmetic:
        """Ball arithmetic, in which an operation is its Taylor series of order 0."""
        constants = ball_arithmetic().Charged(0, self.numbers)
        return Arithmetic(
            number=self.numbers.lift,
            constant=self.numbers.lift,
            variable=variable,
            apply=lambda name, *arguments: OPERATIONS[name].series(constants, *([value] for value in arguments))[0],
            unknown=self._unknown,
        )

    def _unknown(self, function: tuple[str, int], u: Any) -> Any:
        rate, order = stand_in(function)
        return self.numbers.exp(u * rate) * rate**order


def stand_in(function: tuple[str, int]) -> tuple[Fraction, int]:
    """An unknown function stands for e^(r u), whose rate r differs from name to name; and its derivative's order."""
    name, order = function
    return Fraction(1 + sum(map(ord, name)) % 64, 128), order


def float_stand_in(function: tuple[str, int], u: Floats) -> Floats:
    """The values in float64 of what stands for an unknown function."""
    rate, order = stand_in(function)
    return np.asarray(float(rate) ** order * np.exp(float(rate) * u))


def lattice_of(names: Sequence[str], count: int) -> dict[str, Floats]:
    """Points that no formula was made for: golden-ratio sequences over ranges of several sizes.

    The numbers are multiples of 2^-30, so that they mean the same in every precision.
    """
    k = np.arange(count)
    low, high = (np.array(ends, dtype=np.float64)[k % len(RANGES)] for ends in zip(*RANGES, strict=True))
    shares = {name: (k + 1) * GOLDEN ** (1 / (place + 1)) % 1.0 for place, name in enumerate(names)}
    return {name: np.round((low + (high - low) * share) * 2.0**30) / 2.0**30 for name, share in shares.items()}


GOLDEN = (5.0**0.5 - 1.0) / 2.0
RANGES = ((0.05, 3.0), (-3.0, 3.0), (0.05, 1.0), (-1.0, 1.0), (1.0, 12.0), (-30.0, 30.0), (0.0, 300.0), (-3e3, 3e3))
"""Where points lie, in turns; constants without a derivation."""


def _refuted(step: Step, point: Mapping[str, float], claimed: float, seen: float) -> RefutedError:
    place = ", ".join(f"{name} = {value:.6g}" for name, value in point.items())
    return RefutedError(
        f"the rule '{step.rule}' says that the derivative of {step.piece.short} is {step.result.short}; "
        f"at {place} that is {claimed:.12g}, and the derivative is {seen:.12g}"
    )
