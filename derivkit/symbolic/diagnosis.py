"""Which rule did a wrong derivative break, and where: one step of the derivation after another is done wrong.

Array at a few points sieve the mistakes, raised precision decides (:mod:`derivkit.symbolic.comparison`), and only
what is named is built as a tree, to see which form is nearest to the one that was typed.

An answer is right where that is proved (:mod:`derivkit.trusted.equivalence`), and wrong where balls hold the two apart
at one point, the precision raised until they do. What is neither is said with the digits to which the two are equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from derivkit.expressions.algebra import apply, folded, total
from derivkit.expressions.expression import expression_of
from derivkit.expressions.tree import (
    Expression,
    Node,
    Unevaluated,
    Variable,
    joint_program,
    program_of,
    replaced,
    variables_of,
)
from derivkit.late import balls, equivalence
from derivkit.symbolic.candidate_mistakes import Candidate, candidates_of, first_powers
from derivkit.symbolic.comparison import Form, RaisedPoint, StepProgram, digits_in_common
from derivkit.symbolic.derivation import chosen_variable
from derivkit.symbolic.differentiation import differentiate
from derivkit.symbolic.judgement import Diagnosis, Finding, Judgement, Slip
from derivkit.symbolic.mistakes import OF_THE_WHOLE, ROW
from derivkit.symbolic.points import floats_at, lattice_of, located, one_on_every_side, shown_point
from derivkit.symbolic.rules import Condition
from derivkit.symbolic.steps import conditions_anywhere, steps_of
from derivkit.symbolic.verification import WORK
from derivkit.types import Array, Codes, Mask, NamedPoint

SIEVE = 1e-6
"""Relative difference that float64 lets pass at moderate points; a constant without a derivation."""
ROUNDED = 2.0**-45
"""Share of the largest number on the way that float64 may lose; a constant without a derivation."""
LATTICES = (64, 4096)
SIEVE_POINTS, DECIDING_POINTS = 64, 4
"""Points of the sieve, and of the decision; on every side of the breakpoints as far as that goes."""
MODERATE = 1e6
"""Numbers beyond it are not what a point is chosen for; a constant without a derivation."""
MAX_WORK = 2_000
"""Arguments of all operations of all steps and of the answer; a constant without a derivation."""
MAX_WHOLE = 200
"""Operations of a derivative up to which the whole is differentiated once more; a constant without a derivation."""
MIN_SHARE = 0.5
"""Share of the points at which a mistake must have a value, and give the answer at all of them."""
MAX_PLACES = 10
"""Most places of which some are looked for that give the answer together: a thousand sums; a choice."""
MAX_FINDINGS = 12
"""Mistakes that are named; a constant without a derivation."""
MAX_BREAKPOINTS = 8
"""Breakpoints beside which points are taken; a constant without a derivation."""


def diagnose(expression: Expression | str, answer: Expression | str, variable: str | None = None) -> Diagnosis:
    """Say whether a derivative is right, and if not, which rule was broken where.

    Parameters
    ----------
    expression : Expression or str
        The function.
    answer : Expression or str
        What somebody says its derivative is.
    variable : str, optional
        With respect to what; by default the only variable, or ``x``.

    Returns
    -------
    Diagnosis
        Whether the answer is right; if not, the mistakes that give it, the likeliest first.

    Raises
    ------
    ParseError
        If either text is no formula.
    ValueError
        If the variable is none, or the answer has a variable that the function has not.

    Examples
    --------
    >>> found = diagnose("x*sin(x)", answer="cos(x)")
    >>> found.rules, str(found.place), found.corrected
    (('product rule as product of derivatives',), 'x*sin(x)', "(x*sin(x))' = sin(x) + x*cos(x)")
    """
    tree, claimed = map(expression_of, (expression, answer))
    name = chosen_variable(tree, variable)
    _refuse_strangers(tree, claimed, name)
    return _Diagnosis(tree, claimed, Variable(name)).run()


def _refuse_strangers(tree: Expression, answer: Expression, name: str) -> None:
    def names(formula: Expression) -> list[str]:
        unknown = (step.value for step in formula.program if step.operation == "unknown")
        return [*formula.variables, *(f"{value[0]}(...)" for value in unknown if isinstance(value, tuple))]

    known = list(dict.fromkeys([name, *names(tree)]))
    strangers = [stranger for stranger in dict.fromkeys(names(answer)) if stranger not in known]
    if strangers:
        has = f"the answer has {', '.join(strangers)}, the function does not"
        raise ValueError(f"{has}; write the answer with {', '.join(known)} only")


def _work(root: Node) -> int:
    """How much there is to compute: the sum of many exponentials is one operation, and as much as all of them."""
    return sum(max(1, len(step.arguments)) for step in program_of(root))


def _breakpoints_of(answer: Node, variable: Variable) -> tuple[Condition, ...]:
    """Where an answer may jump or turn."""
    if len(program_of(answer)) > MAX_WHOLE:
        return ()
    return conditions_anywhere(steps_of(differentiate(answer, variable)))


@dataclass(frozen=True)
class _Screened:
    """What float64 shows of derivative and answer at the points of a lattice, each of shape (n,)."""

    inside: Mask
    """Where the derivative is real, away from where a rule does not hold."""
    good: Mask
    """Where the answer is, too."""
    sides: Codes
    """On which sides of the breakpoints, shape (k, n)."""
    size: Array
    """The largest number, or the inverse of the derivative if that is larger."""
    apart: Array
    """The relative difference at good moderate points; elsewhere -1."""


@dataclass(frozen=True)
class _Changes:
    """What each mistake changes in the derivative, in float64 at p points, beside what the answer changes in it."""

    gap: Array
    """Answer less derivative, shape (p,)."""
    changes: Array
    """Derivative with each mistake less derivative, shape (n, p)."""
    room: Array
    """How far float64 may miss the gap by each, shape (n, p)."""

    @property
    def passed(self) -> Mask:
        """Whether each mistake alone may give the answer, shape (n,)."""
        with np.errstate(invalid="ignore"):
            return _close(np.abs(self.changes - self.gap), self.room)

    def sums(self, group: Sequence[int], step_of: Sequence[int]) -> Iterator[tuple[int, ...]]:
        """The mistakes of a group, one of a step and two or more, that may give the answer together.

        The derivative is linear in the derivatives of pieces that lie apart.
        """
        with np.errstate(invalid="ignore"):
            real = [k for k in group if np.any(np.abs(self.changes[k]) > self.room[k])]
            if not 2 <= len(real) <= MAX_PLACES:
                return
            chosen = _choices(np.array([step_of[k] for k in real]))
            # 0 times infinity would be NaN: what is not real is counted apart.
            finite = np.isfinite(self.changes[real])
            sums = chosen @ np.where(finite, self.changes[real], 0.0)
            missed = np.where(chosen @ ~finite, np.nan, np.abs(sums - self.gap))
        room = np.max(self.room[real], axis=0, where=finite, initial=0.0)
        for places in chosen[_close(missed, room)]:
            yield tuple(np.array(real)[places].tolist())


def _choices(steps: Codes) -> Mask:
    """All choices of two or more of n mistakes, no two of one step, shape (k, n)."""
    chosen = np.array(list(product((False, True), repeat=steps.size)))
    of_step = chosen[:, :, None] & (steps[:, None] == np.unique(steps))
    several = chosen.sum(axis=1) > 1
    return np.asarray(chosen[several & (of_step.sum(axis=1).max(axis=1) < 2)])


def _close(missed: Array, room: Array) -> Mask:
    """In which rows nothing is missed by more than there is room for, where the numbers are real: at half or more."""
    real = np.isfinite(missed)
    return np.asarray((real.mean(axis=1) >= MIN_SHARE) & np.all((missed <= room) | ~real, axis=1))


def _changes(steps: StepProgram, points: Mapping[str, Array], where: Sequence[tuple[int, int, int]]) -> _Changes:
    """The changes by mistakes, of which `where` has what is written, its piece and its slope."""
    evaluate = floats_at(points).value
    with np.errstate(all="ignore"):
        values = steps.values(evaluate)
        factors = steps.factors(values, evaluate)
        right, answer = values[steps.slopes[-1]], values[steps.others[0]]
        sizes = [np.abs(values[place]) for place in (*steps.slopes, *steps.pieces)]
        largest = np.max(np.stack(np.broadcast_arrays(*sizes, *map(np.zeros_like, points.values()))), axis=0)
        changes, room = np.zeros((len(where), largest.size)), np.zeros((len(where), largest.size))
        for k, (written, piece, slope) in enumerate(where):
            factor = factors.get(piece, 0)
            parts = right, factor * values[written], factor * values[slope]
            scale = np.max(np.abs(np.stack(np.broadcast_arrays(*parts, answer))), axis=0)
            changes[k], room[k] = parts[1] - parts[2], SIEVE * scale + ROUNDED * largest
        return _Changes(np.broadcast_to(answer - right, largest.shape), changes, room)


class _Diagnosis:
    """One answer compared with everything that could have been written."""

    def __init__(self, expression: Expression, claimed: Expression, variable: Variable) -> None:
        root, answer = expression.root, claimed.root
        self._variable = variable
        self._top = differentiate(root, variable)
        self._answer, self._form = answer, Form(answer)
        self._steps = [step for step in steps_of(self._top) if step.inner == variable]
        self._conditions = conditions_anywhere(steps_of(self._top))
        self._breakpoints = (*self._conditions, *_breakpoints_of(answer, variable))
        self._others = [
            answer,
            *(side for condition in self._breakpoints for side in (condition.left, condition.right)),
        ]
        self._diagnosis = partial(
            Diagnosis, derivative=self._top.result, expression=expression, answer=claimed, variable=variable.name
        )
        self._names = list(dict.fromkeys([variable.name, *variables_of(joint_program([root, answer])[0])]))

    def run(self) -> Diagnosis:
        derivative, diagnosis = self._top.result, self._diagnosis
        if self._form.compared(derivative.root)[0]:
            return diagnosis(Judgement.RIGHT)
        if sum(map(_work, [self._answer, *(step.unfolded for step in self._steps)])) > MAX_WORK:
            return diagnosis(Judgement.OVER_THE_WORK_LIMIT)
        steps = StepProgram(self._steps, self._others)
        points, note = self._points(steps)
        raised = tuple(place.point for place in self._raised(steps, points))
        if not raised:
            return diagnosis(Judgement.NO_REAL_POINT, note=note)
        if equivalence.equivalent(derivative.root, self._answer):
            return diagnosis(Judgement.OTHER_FORM, points=raised, note=note)
        digits = digits_in_common(derivative.root, self._answer, raised, balls.Numbers(WORK))
        if digits is not None:
            return diagnosis(Judgement.NOT_PROVED, points=raised, note=note, digits=digits)
        findings = tuple(self._findings(points, raised))
        verdict = Judgement.BROKEN if findings else Judgement.UNKNOWN
        return diagnosis(verdict, findings=findings, points=raised, note=note)

    # Points

    def _sides(self, steps: StepProgram, values: Mapping[int, Any]) -> Iterator[tuple[Any, Any]]:
        """The values of both sides of every breakpoint of derivative and answer."""
        for k in range(1, 1 + 2 * len(self._breakpoints), 2):
            yield values[steps.others[k]], values[steps.others[k + 1]]

    def _beside_breakpoints(self, steps: StepProgram, lattice: dict[str, Array]) -> dict[str, Array]:
        """The points, and two on the sides of every breakpoint of a straight line in the one variable."""
        if len(self._names) > 1:
            return lattice
        (x,) = lattice.values()
        with np.errstate(all="ignore"):
            sides = self._sides(steps, steps.values(floats_at(lattice).value))
            gaps = [np.broadcast_to(a - b, x.shape) for a, b in sides]
            roots = [np.median(x[:-1] - gap[:-1] * np.diff(x) / np.diff(gap)) for gap in gaps]
        known = [float(root) for root in roots if np.isfinite(root)][:MAX_BREAKPOINTS]
        beside = [root + side * max(1.0, abs(root)) / 8.0 for root in known for side in (-1.0, 1.0)]
        return {self._names[0]: np.concatenate([x, beside])}

    def _points(self, steps: StepProgram) -> tuple[dict[str, Array], str]:
        """Points where derivative and answer are real: one on every side of the breakpoints, then moderate ones."""
        for count in LATTICES:
            lattice = self._beside_breakpoints(steps, lattice_of(self._names, count))
            screened = self._screen(steps, lattice)
            if screened.good.any():
                places = _deciding_first(screened)
                lost = np.flatnonzero(screened.inside & ~screened.good)[:1]
                shown = "".join(shown_point({name: float(at[k]) for name, at in lattice.items()}) for k in lost)
                note = f"the answer is not real at {shown}, where the derivative is" if shown else ""
                return {name: at[places] for name, at in lattice.items()}, note
        return {name: np.empty(0) for name in self._names}, "answer and derivative are real at no common point"

    def _screen(self, steps: StepProgram, lattice: Mapping[str, Array]) -> _Screened:
        count = lattice[self._names[0]].size
        with np.errstate(all="ignore"):
            values = steps.values(floats_at(lattice).value)
            at = located(self._breakpoints, ((a, b, 1.0) for a, b in self._sides(steps, values)), count)
            size = np.zeros(count)
            for place in (*steps.slopes, *steps.pieces):
                size = np.maximum(size, np.abs(np.broadcast_to(values[place], (count,))))
            inside = at.far[: len(self._conditions)].all(axis=0) & np.isfinite(size)
            answer = np.broadcast_to(values[steps.others[0]], (count,))
            right = np.broadcast_to(values[steps.slopes[-1]], (count,))
            good = inside & np.isfinite(answer)
            # Moderate is what is neither large nor, in the derivative, small.
            small = np.where(right == 0.0, 1.0, 1.0 / np.abs(right))
            size = np.maximum.reduce([size, np.abs(answer), small, *map(np.abs, lattice.values())])
            apart = np.abs(answer - right) / np.maximum(np.abs(answer), np.abs(right))
            apart = np.where(good & (size < MODERATE), np.nan_to_num(apart), -1.0)
        return _Screened(inside, good, at.sides, size, apart)

    @staticmethod
    def _raised(steps: StepProgram, points: Mapping[str, Array]) -> Iterator[RaisedPoint]:
        """The first points in raised precision, as far as the derivative is known there."""
        for values in list(zip(*points.values(), strict=True))[:DECIDING_POINTS]:
            try:
                raised = RaisedPoint(steps, dict(zip(points, map(float, values), strict=True)))
            except ArithmeticError:
                continue
            if raised.same(raised.right, raised.right):
                yield raised

    # Mistakes

    def _candidates(self) -> Iterator[Candidate]:
        """Of those that write the same line at the same place the first."""
        lines: set[tuple[int, Node]] = set()
        for candidate in (*candidates_of(self._steps, self._variable), *self._of_the_whole()):
            if (id(candidate.step), candidate.written) not in lines:
                lines.add((id(candidate.step), candidate.written))
                yield candidate

    def _of_the_whole(self) -> Iterator[Candidate]:
        top, root = self._top, self._top.piece.root
        if root != self._variable and len(top.result.program) <= MAX_WHOLE:
            yield Candidate(OF_THE_WHOLE["nothing"], top, root)
            yield Candidate(OF_THE_WHOLE["twice"], top, differentiate(top.result.root, self._variable).result.root)
            partial = [differentiate(root, Variable(name)).result.root for name in self._names[1:]]
            yield from (Candidate(OF_THE_WHOLE["other"], top, derivative) for derivative in partial)
            if partial:
                yield Candidate(OF_THE_WHOLE["all"], top, total([top.result.root, *partial]))

    def _findings(self, points: Mapping[str, Array], raised: Sequence[NamedPoint]) -> list[Finding]:
        """The mistakes that give the answer, the one that looks most like it first."""
        candidates = list(self._candidates())
        sign = Candidate(OF_THE_WHOLE["sign"], self._top, apply("negate", self._top.unfolded))
        matching = (
            self._matching(candidates, points, raised)
            or self._integral(raised)
            or self._matching(list(self._repeated(candidates, points)), points, raised)
            or self._matching([sign], points, raised)
        )
        matching = sorted(matching, key=lambda candidate: candidate.written != self._answer)[:MAX_FINDINGS]
        numbers = balls.Numbers(WORK)
        pairs = [
            (candidate, finding) for candidate in matching if (finding := self._finding(candidate, raised, numbers))
        ]
        pairs.sort(key=lambda pair: (-round(pair[1].likeness, 9), ROW.get(pair[0].mistake, len(ROW)), pair[1].places))
        return [finding for _, finding in pairs]

    def _repeated(self, candidates: Sequence[Candidate], points: Mapping[str, Array]) -> Iterator[Candidate]:
        """The same mistake at every place that it fits, or at some that lie apart, as one of the whole."""
        if len(self._top.result.program) > MAX_WHOLE:
            return
        every = [*candidates, *first_powers(self._steps, self._variable)]
        groups: dict[tuple[str, str], list[int]] = {}
        for k, candidate in enumerate(every):
            for key in ((candidate.mistake.name, candidate.mistake.formula), (candidate.mistake.name, "")):
                groups.setdefault(key, []).append(k)
        changes = self._changes(every, points)
        step_of = [id(candidate.step) for candidate in every]
        at_all = ({step_of[k]: k for k in reversed(group) if k < len(candidates) and not every[k].mistake.each}
                  for group in groups.values())  # fmt: skip
        chosen = [tuple(sorted(places.values())) for places in at_all]
        chosen += [places for group in groups.values() for places in changes.sums(group, step_of)]
        for places in dict.fromkeys(chosen):
            if len(places) > 1:
                together = tuple(every[k] for k in places)
                yield Candidate(together[0].mistake, self._top, self._rebuilt(*together)[1], together)

    def _matching(
        self, candidates: Sequence[Candidate], points: Mapping[str, Array], raised: Sequence[NamedPoint]
    ) -> list[Candidate]:
        """The candidates that give the answer: floats at many points sieve them, balls at a few decide."""
        steps, where = self._placed(candidates)
        answer = steps.others[0]
        passed = _changes(steps, points, where).passed
        if not any(passed):
            return []
        base = sorted({k for place in (*steps.slopes, *steps.pieces, answer) for k in steps.missing(place, {})})
        heres = [RaisedPoint(steps, point, base) for point in raised]
        return [
            candidate
            for candidate, places, passes in zip(candidates, where, passed, strict=True)
            if passes and _gives(heres, answer, *places)
        ]

    def _placed(self, candidates: Sequence[Candidate]) -> tuple[StepProgram, list[tuple[int, int, int]]]:
        """All steps and candidates as one program, and for each candidate what is written, its piece and its slope."""
        steps = StepProgram(self._steps, [*self._others, *(candidate.written for candidate in candidates)])
        step_of = {id(step): k for k, step in enumerate(self._steps)}
        numbers = [step_of[id(candidate.step)] for candidate in candidates]
        written = steps.others[len(self._others) :]
        return steps, [(at, steps.pieces[k], steps.slopes[k]) for at, k in zip(written, numbers, strict=True)]

    def _changes(self, candidates: Sequence[Candidate], points: Mapping[str, Array]) -> _Changes:
        steps, where = self._placed(candidates)
        return _changes(steps, points, where)

    def _integral(self, raised: Sequence[NamedPoint]) -> list[Candidate]:
        """The answer as the integral, if it is."""
        slope = differentiate(self._answer, self._variable)
        steps = [step for step in steps_of(slope) if step.inner == self._variable]
        program = StepProgram(steps, [self._top.piece.root])
        try:
            heres = [RaisedPoint(program, point) for point in raised]
        except ArithmeticError:
            return []
        found = all(here.same(here.right, here.values[program.others[0]]) for here in heres)
        return [Candidate(OF_THE_WHOLE["integral"], self._top, self._answer)] if found else []

    def _finding(self, candidate: Candidate, raised: Sequence[NamedPoint], numbers: Any) -> Finding | None:
        """A mistake that gives the answer to the last digit that can be computed; None if it does not."""
        step, mistake = candidate.step, candidate.mistake
        written, whole = self._rebuilt(candidate)
        parts = candidate.parts or (candidate,)
        alike, likeness = self._form.compared(whole)
        if not (
            alike
            or equivalence.equivalent(whole, self._answer)
            or digits_in_common(whole, self._answer, raised, numbers) is not None
        ):
            return None
        return Finding(
            rule=mistake.name,
            formula=mistake.formula,
            place=step.piece,
            written=Expression(written),
            right=step.result,
            whole=Expression(whole),
            likeness=likeness,
            slips=tuple(Slip(one.step.piece, Expression(self._rebuilt(one)[0])) for one in parts),
        )

    def _rebuilt(self, *candidates: Candidate) -> tuple[Node, Node]:
        """The derivative of the first piece and the whole derivative, these steps wrong."""
        wrong_steps = {id(candidate.step): candidate.written for candidate in candidates}
        derivatives: dict[Node, Node] = {}
        changed: set[Node] = set()
        known = {id(root): root for step in self._steps for root in (step.piece.root, step.result.root)}
        for step in self._steps:
            piece = step.piece.root
            wrong = wrong_steps.get(id(step))
            if wrong is not None or any(child.piece.root in changed for child in step.children):
                written = replaced(
                    step.unfolded if wrong is None else wrong,
                    lambda node: derivatives[node.piece] if isinstance(node, Unevaluated) else None,
                )
                derivatives[piece] = folded(written, known)
                known[id(derivatives[piece])] = derivatives[piece]
                changed.add(piece)
            else:
                derivatives[piece] = step.result.root
        return derivatives[candidates[0].step.piece.root], derivatives[self._top.piece.root]


def _deciding_first(screened: _Screened) -> list[int]:
    """Good places: first where the two seem to differ most, then on every side, then the moderate ones by size."""
    size = screened.size
    places = np.flatnonzero(screened.good)[np.argsort(size[screened.good], kind="stable")]
    most_apart = [int(np.argmax(screened.apart))] if screened.apart.max() >= 0.0 else []
    deciding = [*most_apart, *places[one_on_every_side(screened.sides[:, places])].tolist()][:DECIDING_POINTS]
    moderate = places[: max(DECIDING_POINTS, int(np.sum(size[places] < MODERATE)))].tolist()
    return list(dict.fromkeys([*deciding, *moderate]))[:SIEVE_POINTS]


def _gives(heres: Sequence[RaisedPoint], answer: int, written: int, piece: int, slope: int) -> bool:
    """Whether a mistake gives the answer wherever it has a value, which must be at half of the points or more."""
    wholes = [(here, here.whole(written, piece, slope)) for here in heres]
    real = [here.same(whole, here.values[answer]) for here, whole in wholes if whole is not None]
    return all(real) and len(real) >= MIN_SHARE * len(heres)
