"""Every step of a derivation checked against values that owe nothing to the rules.

The pieces are evaluated in ball arithmetic at x - h, x and x + h in one walk over all of them. Each piece then has a
numerical derivative, its rounding enclosed, and its step's result, evaluated at x, must be that number. What is left of
the difference is the truncation h^2 f'''/6: where it may be more, as it is for sin(1e300 x), a far smaller h decides,
in as many more bits. A step is refuted only where two h see the same derivative, which is not the result.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any

import numpy as np

from derivkit.expressions.evaluation import walk
from derivkit.expressions.tree import Expression, Instruction, Variable, joint_program, variables_of
from derivkit.late import balls, enclosures
from derivkit.symbolic.points import balls_of, floats_at, lattice_of, located, one_on_every_side, shown_point
from derivkit.symbolic.rules import Condition
from derivkit.symbolic.steps import Step, conditions_anywhere, conditions_of, steps_of
from derivkit.types import Array, Codes, Indices, Mask, NamedPoint

PRECISIONS = ((640, 200), (1280, 400), (2560, 1100), (8192, 3000))
"""Precision in bits and h as the exponent of 1/2: the next where one does not decide."""
REFUTING = 1100
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
FIRST_POINTS, ALL_POINTS = 64, 4096
"""Points tried first, and if none of them is good."""
MIN_POINTS, MAX_POINTS = 2, 6
"""Points that are enough, and the most where they lie on several sides of breakpoints."""
MODERATE, LARGE = 1e100, 1e305
"""Numbers beyond are not what a point is chosen for, the second if none is good by the first, and then infinity;
constants without a derivation."""
MAX_VALUES = 4_000_000
"""Numbers held while points are chosen: 32 MB."""
MAX_OPERATIONS = 40_000
"""Operations evaluated per derivation; a constant without a derivation."""


class RefutedError(ArithmeticError):
    """A step whose result is not the derivative of its piece: a mistake in the table of rules.

    The message names the rule, the piece, the result, and a point with both values. No derivation is returned then.

    Examples
    --------
    >>> raise RefutedError("the rule 'sine' says that the derivative of sin(x) is -cos(x)")
    Traceback (most recent call last):
    ...
    derivkit.symbolic.verification.RefutedError: the rule 'sine' says that the derivative of sin(x) is -cos(x)
    """


class Verdict(StrEnum):
    """The outcome of checking a derivation; a step that is refuted raises `RefutedError` instead.

    ``verified``: every step agrees with a numerical derivative in balls at one point at least. ``no real point
    found``: no point was found where all pieces are real. ``over the work limit``: the work allowed did not suffice.

    Examples
    --------
    >>> from derivkit import derive
    >>> derive("log(-1 - x^2)").verification.verdict is Verdict.NO_REAL_POINT
    True
    """

    VERIFIED = "verified"
    NO_REAL_POINT = "no real point found"
    OVER_THE_WORK_LIMIT = "over the work limit"

    def __repr__(self) -> str:
        return repr(self.value)


@dataclass(frozen=True)
class Verification:
    """What the check of a derivation found.

    Attributes
    ----------
    verdict : Verdict
        Whether every step is verified, and if not, why.
    points : tuple of mapping of str to float
        The points, by the names of the variables, at which steps were checked.

    Examples
    --------
    >>> from derivkit import derive
    >>> derive("sin(x)").verification.verdict
    'verified'
    """

    verdict: Verdict
    points: tuple[NamedPoint, ...] = ()

    def __str__(self) -> str:
        return str(self.verdict)


@dataclass(frozen=True, eq=False, repr=False)
class CheckedSteps:
    """What a `Derivation` holds, whose docstring describes it: all that its lines are written from."""

    expression: Expression
    variable: str
    roots: tuple[Step, ...]
    verification: Verification

    @property
    def order(self) -> int:
        """How often it was differentiated."""
        return len(self.roots)

    @property
    def result(self) -> Expression:
        """The derivative."""
        return self.roots[-1].result

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every step once, children before what is built of them."""
        return tuple(steps_of(*self.roots))

    @functools.cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """All that must hold for the derivative to be right, each once; within a piece only where that counts."""
        return conditions_of(*self.roots)


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
        Those whose pieces must be defined at every point; by default all of them. Another step, within a piece
        of the formula, is checked where its own piece is defined.
    conditions : sequence of Condition, optional
        What must hold at every point; by default the conditions of all steps.

    Returns
    -------
    Verification
        ``verified`` if every step was checked at one point at least.

    Raises
    ------
    RefutedError
        If a result is not the derivative of its piece.
    """
    if conditions is None:
        conditions = conditions_anywhere(steps)
    check = _Check(steps, variable, roots or steps, conditions)
    if check.cost > MAX_OPERATIONS:
        return Verification(Verdict.OVER_THE_WORK_LIMIT)
    unchecked, points, verdicts = set(range(len(steps))), [], {Verdict.NO_REAL_POINT}
    for point, reached in check.points():
        verdicts.add(verdict := check.at(point, reached))
        if verdict is Verdict.VERIFIED:
            points.append(point)
            unchecked -= set(reached)
    open_verdict = Verdict.OVER_THE_WORK_LIMIT if Verdict.OVER_THE_WORK_LIMIT in verdicts else Verdict.NO_REAL_POINT
    return Verification(open_verdict if unchecked else Verdict.VERIFIED, tuple(points))


@dataclass(frozen=True)
class _Suspect:
    """A step whose result may not be the derivative that is measured."""

    claimed: Any
    measured: Any
    differ: Any
    """Whether the two differ: true, false, or open at this precision."""
    constant: bool
    """Whether the piece rises by next to nothing."""


class _Check:
    """The pieces and results of all steps as one program, of which the pieces are the first part."""

    def __init__(
        self, steps: Sequence[Step], variable: Variable, roots: Sequence[Step], conditions: Sequence[Condition]
    ) -> None:
        self._steps, self._variable = steps, variable
        of_steps = [(*step.conditions, *step.unsaid) for step in steps]
        every = dict.fromkeys([*conditions, *itertools.chain.from_iterable(of_steps)])
        index = {condition: k for k, condition in enumerate(every)}
        nodes = [
            *(step.piece.root for step in steps),
            *(step.inner for step in steps),
            *(step.result.root for step in steps),
            *(node for condition in index for node in condition.nodes),
        ]
        self._program, places = joint_program(nodes)
        count = len(steps)
        self._pieces, self._inner, self._results = (places[k * count : (k + 1) * count] for k in range(3))
        ends = places[3 * count :]
        self._conditions = tuple(index)
        self._nodes = list(zip(ends[0::3], ends[1::3], ends[2::3], strict=True))
        self._needed = sorted({index[condition] for condition in conditions})
        self._conditions_of = [[index[condition] for condition in some] for some in of_steps]
        defined = {id(root) for root in roots}
        self._defined = [k for k, step in enumerate(steps) if id(step) in defined]
        self._moving = max(self._pieces) + 1
        self._names = list(dict.fromkeys([variable.name, *variables_of(self._program)]))
        self.cost = MIN_POINTS * (2 * self._moving + len(self._program))

    def points(self) -> Iterator[tuple[dict[str, float], list[int]]]:
        """Yield points of the domain, away from where a rule does not hold, and the steps that can be checked there.

        One on every side of the breakpoints, then those that reach further steps, then more.
        """
        many = max(FIRST_POINTS, min(ALL_POINTS, MAX_VALUES // len(self._program)))
        attempts = (FIRST_POINTS, MODERATE), (many, MODERATE), (FIRST_POINTS, LARGE), (FIRST_POINTS, np.inf)
        for count, limit in attempts:
            lattice = lattice_of(self._names, count)
            good, sides, reached = self._screen(lattice, limit)
            if good.any() and ((reached & good).any(axis=1).all() or (count, limit) == attempts[-1]):
                places = np.flatnonzero(good)
                for place in _chosen(places, sides[:, places], reached[:, places]):
                    point = {name: float(values[place]) for name, values in lattice.items()}
                    yield point, np.flatnonzero(reached[:, place]).tolist()
                return

    def _screen(self, lattice: Mapping[str, Array], limit: float) -> tuple[Mask, Codes, Mask]:
        """Which points are good, by float64, on which sides of the breakpoints they lie, and the steps they reach."""
        size = next(iter(lattice.values())).size
        with np.errstate(all="ignore"):
            values = walk(self._program, floats_at(lattice))
            sound = _sound(self._program, values, limit)
            good = np.ones(size, dtype=np.bool_)
            for k in self._defined:
                good &= sound[self._pieces[k]] & sound[self._results[k]]
            nodes = ([values[k] for k in places] for places in self._nodes)
            at = located(self._conditions, nodes, size)
            good &= at.holds[self._needed].all(axis=0)
            reached = np.empty((len(self._steps), size), dtype=np.bool_)
            for k, conditions in enumerate(self._conditions_of):
                reached[k] = sound[self._pieces[k]] & sound[self._inner[k]] & sound[self._results[k]]
                for place in conditions:
                    reached[k] &= at.far[place]
        return good, at.sides[self._needed], reached

    def at(self, point: NamedPoint, places: Sequence[int]) -> Verdict:
        """Check these steps at a point: verified, not real in truth, or not decided by the work allowed."""
        numbers = balls.Numbers(WORK)
        before: Mapping[int, _Suspect] = {}
        suspects: Mapping[int, _Suspect] = {}
        for bits, exponent in PRECISIONS:
            try:
                with balls.precision(bits):
                    before, suspects = suspects, self._suspects(point, suspects or places, numbers.at(bits), exponent)
            except balls.UndecidedError:
                continue
            except balls.ExhaustedError:
                return Verdict.OVER_THE_WORK_LIMIT
            if not suspects:
                return Verdict.VERIFIED
            for place, suspect in suspects.items() if exponent >= REFUTING else ():
                if suspect.differ is True and place in before and _settled(before[place], suspect):
                    raise _refuted(
                        self._steps[place],
                        point,
                        enclosures.middle(suspect.claimed),
                        enclosures.middle(suspect.measured),
                    )
        undefined = suspects and all(suspect.differ is balls.SENSELESS for suspect in suspects.values())
        return Verdict.NO_REAL_POINT if undefined else Verdict.OVER_THE_WORK_LIMIT

    def _suspects(self, point: NamedPoint, steps: Iterable[int], numbers: Any, exponent: int) -> dict[int, _Suspect]:
        """Those of the steps whose result may not be the slope that is measured with h = 2^-exponent."""
        lifted = balls.lifted
        h, width = (lifted(Fraction(k, 2**exponent)) for k in (1, 2))
        root = lifted(Fraction(1, 2 ** (exponent // 2)))
        low, here, high = (self._values(point, shift * h, numbers) for shift in (-1, 0, 1))
        suspects = {}
        for place in steps:
            piece, inner, result = self._pieces[place], self._inner[place], self._results[place]
            if self._steps[place].inner == self._variable:
                rise = high[piece] - low[piece]
            else:
                rise = self._outer_rise(piece, inner, here, h, numbers)
            measured, claimed = rise / width, here[result]
            allowed = (abs(measured) + abs(claimed)) * AGREEMENT + (abs(here[piece]) + 1) * UNSEEN
            differ = abs(measured - claimed) > allowed
            if differ is not False:
                constant = (abs(rise) < abs(here[piece]) * root) is True
                suspects[place] = _Suspect(claimed, measured, differ, constant)
        return suspects

    def _values(self, point: NamedPoint, shift: Any, numbers: Any) -> list[Any]:
        """The values of the program; beside the point those of the pieces only."""
        lifted = balls.lifted

        def variable(name: str) -> Any:
            return lifted(point[name]) + shift if name == self._variable.name else lifted(point[name])

        return walk(self._program if shift == 0 else self._program[: self._moving], balls_of(numbers, variable))

    def _outer_rise(self, piece: int, inner: int, values: Sequence[Any], h: Any, numbers: Any) -> Any:
        """By how much a function rises while its argument rises by 2 h."""
        step = self._program[piece]
        arithmetic = balls_of(numbers, balls.lifted)
        ends = []
        for shift in (-1, 1):
            arguments = [values[k] + shift * h if k == inner else values[k] for k in step.arguments]
            ends.append(arithmetic.value(step, arguments))
        return ends[1] - ends[0]


def _settled(before: _Suspect, now: _Suspect) -> bool:
    """Whether two h measure one number, which is certainly not what is claimed.

    Where h is still longer than a wave, what is measured is any number: no two are alike, nor is the piece constant.
    """
    apart = abs(now.measured - before.measured)
    alike = now.constant or (apart < abs(now.measured) * SETTLED) is True
    return alike and (apart < abs(now.measured - now.claimed) * SETTLED) is True


def _chosen(places: Indices, sides: Codes, reached: Mask) -> list[int]:
    """A few of the places: one on every side, then those that reach steps that the others do not."""
    chosen = one_on_every_side(sides)[:MAX_POINTS].tolist()
    chosen += [k for k in range(places.size) if k not in chosen][: max(0, MIN_POINTS - len(chosen))]
    while len(chosen) < 2 * MAX_POINTS:
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


def _refuted(step: Step, point: Mapping[str, float], claimed: float, measured: float) -> RefutedError:
    return RefutedError(
        f"the rule '{step.rule}' says that the derivative of {step.piece.short} is {step.result.short}; "
        f"at {shown_point(point)} that is {claimed:.12g}, and the derivative is {measured:.12g}"
    )
