"""A derivation as one program: what the whole derivative becomes when one step is wrong, and how far two values agree.

All rules are linear in the derivatives of the parts. So the whole derivative with one step wrong is the right one plus
(d whole / d piece) * (wrong - right), and one walk down the derivation gives the first factor for every piece: no whole
derivative is built to be compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from derivkit.expressions.algebra import folded
from derivkit.expressions.evaluation import walk
from derivkit.expressions.tree import Instruction, Node, joint_program, program_of
from derivkit.late import balls, enclosures
from derivkit.symbolic.points import balls_at
from derivkit.symbolic.steps import Step
from derivkit.symbolic.verification import WORK
from derivkit.types import NamedPoint

Values = dict[int, Any]
"""Values of a program by place."""
Evaluate = Callable[[Instruction, Sequence[Any]], Any]
"""The value of an instruction from those of its arguments."""

BITS = 640
AGREEMENT, NOISE = 2.0**-500, 2.0**-560
"""Relative difference, and share of the largest number on the way, up to which two values are one (of 640 bits)."""
PRECISIONS = (256, 1024, 4096, 2**14, 2**15)
"""Precisions in bits at which two formulas are compared until they are seen to differ."""
LOG10_2 = 0.30102999566398120
LINEAR = frozenset({"add", "subtract", "negate", "multiply", "divide", "piecewise"})


class StepProgram:
    """All steps as one program: what each rule writes, the derivatives of parts being read from their steps."""

    def __init__(self, steps: Sequence[Step], others: Sequence[Node]) -> None:
        # Children come first, so that a derivative stands at a higher place than what it is read from.
        roots = [*(step.unfolded for step in steps), *(step.piece.root for step in steps), *others]
        self.program, places = joint_program(roots)
        count = len(steps)
        self.slopes, self.pieces, self.others = places[:count], places[count : 2 * count], places[2 * count :]
        self._read_from = dict(zip(self.pieces, self.slopes, strict=True))
        self._bearing: set[int] = set()
        for place, step in enumerate(self.program):
            if step.operation == "unevaluated" or (step.operation in LINEAR and self._bearing & {*step.arguments}):
                self._bearing.add(place)

    def values(self, evaluate: Evaluate) -> Values:
        """The values at all places."""
        values: Values = {}
        self.fill(evaluate, range(len(self.program)), values)
        return values

    def fill(self, evaluate: Evaluate, places: Iterable[int], values: Values) -> None:
        """Evaluate these places into `values`, which holds all that they need."""
        for place in places:
            step = self.program[place]
            if step.operation == "unevaluated":
                values[place] = values[self._read_from[step.arguments[0]]]
            else:
                values[place] = evaluate(step, [values[k] for k in step.arguments])

    def missing(self, place: int, values: Values) -> list[int]:
        """The places that have no value yet and are needed for this one, in order."""
        missing: set[int] = set()
        stack = [place]
        while stack:
            here = stack.pop()
            if here not in values and here not in missing:
                missing.add(here)
                stack.extend(self.program[here].arguments)
        return sorted(missing)

    def factors(self, values: Values, evaluate: Evaluate) -> Values:
        """By how much the whole moves for each step's derivative, by place of the piece: one walk down."""
        moved: Values = {self.slopes[-1]: 1}
        factors: Values = {self.pieces[-1]: 1}
        for place in range(len(self.program) - 1, -1, -1):
            if place not in moved or place not in self._bearing:
                continue
            step, whole = self.program[place], moved[place]
            if step.operation == "unevaluated":
                factors[step.arguments[0]] = whole
                targets = [(self._read_from[step.arguments[0]], whole)]
            else:
                bearing = [i for i, k in enumerate(step.arguments) if k in self._bearing]
                targets = [(step.arguments[i], whole * _weight(step, i, values, evaluate)) for i in bearing]
            for target, amount in targets:
                moved[target] = moved[target] + amount if target in moved else amount
        return factors


def _weight(step: Instruction, i: int, values: Values, evaluate: Evaluate) -> Any:
    """By how much a linear operation moves with its i-th argument."""
    arguments = [values[k] for k in step.arguments]
    match step.operation:
        case "add" | "subtract" | "negate":
            return -1 if step.operation == "negate" or (step.operation == "subtract" and i) else 1
        case "multiply":
            return arguments[1 - i]
        case "divide":
            return 1 / arguments[1]
    zero = 0 * arguments[i]
    return evaluate(step, [zero + (k == i) if k % 2 == 0 else value for k, value in enumerate(arguments)])


class RaisedPoint:
    """A point in raised precision: the values there, and what a wrong step makes of the whole."""

    def __init__(self, steps: StepProgram, point: NamedPoint, places: Iterable[int] | None = None) -> None:
        self.point, self._steps = point, steps
        self._evaluate = balls_at(point, balls.Numbers(WORK).at(BITS)).value
        self.values: Values = {}
        with balls.precision(BITS):
            steps.fill(self._evaluate, range(len(steps.program)) if places is None else places, self.values)
            self._factors = steps.factors(self.values, self._evaluate)
        self.right = self.values[steps.slopes[-1]]
        sizes = (abs(float(enclosures.middle(value))) for value in self.values.values())
        self._scale = max(size for size in sizes if size < np.inf)

    def same(self, a: Any, b: Any) -> bool:
        """Whether two values are one; not, if their balls are too wide to say."""
        with balls.precision(BITS):
            differ = abs(a - b) > (abs(a) + abs(b)) * AGREEMENT + NOISE * self._scale
        return differ is False

    def whole(self, place: int, piece: int, slope: int) -> Any:
        """The whole if a piece had another derivative; None where that has no value."""
        try:
            with balls.precision(BITS):
                self._steps.fill(self._evaluate, self._steps.missing(place, self.values), self.values)
                return self.right + self._factors[piece] * (self.values[place] - self.values[slope])
        except ArithmeticError:
            return None


def digits_in_common(a: Node, b: Node, points: Sequence[NamedPoint], numbers: Any) -> int | None:
    """The decimal digits to which two formulas are seen to be equal at every point; None if they differ at one.

    By what is left of the work of ``numbers``.
    """
    program, (first, second) = joint_program([a, b])
    digits = 0
    for bits in PRECISIONS:
        try:
            with balls.precision(bits):
                numbers.at(bits)
                equal_bits: list[float] = []
                for point in points:
                    numbers.spend(numbers.product * len(program))
                    values = walk(program, balls_at(point, numbers))
                    if (values[first] != values[second]) is True:
                        return None
                    equal_bits.append(enclosures.bits_in_common(values[first], values[second]))
                digits = max(digits, int(min(equal_bits) * LOG10_2))
        except balls.ExhaustedError:
            break
        except balls.UndecidedError:
            continue
    return digits


class Form:
    """What a tree looks like, whatever the order of terms and factors."""

    def __init__(self, root: Node) -> None:
        self._numbers: dict[Any, int] = {}
        self._parts = self._parts_of(root)

    def compared(self, root: Node) -> tuple[bool, float]:
        """Whether another tree looks the same, and the share of the parts that the two have in common."""
        parts = self._parts_of(root)
        shared = sum((Counter(self._parts) & Counter(parts)).values())
        return parts[-1] == self._parts[-1], 2.0 * shared / (len(parts) + len(self._parts))

    def _parts_of(self, root: Node) -> list[int]:
        """A number for every part of a tree, folded: the same for equal ones."""
        keys: list[int] = []
        for step in program_of(folded(root, {})):
            below = [keys[k] for k in step.arguments]
            ordered = sorted(below) if step.operation in {"add", "multiply"} else below
            part = step.operation, step.value, tuple(ordered)
            keys.append(self._numbers.setdefault(part, len(self._numbers)))
        return keys
