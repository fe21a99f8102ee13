"""Which rule did a wrong derivative break, and where: one step of the derivation after another is done wrong.

All rules are linear in the derivatives of the parts. So the whole derivative with one step wrong is the right one plus
(d whole / d piece) * (wrong - right), and one walk down the derivation gives the first factor for every piece: no whole
derivative is built to be compared. Floats at a few points sieve the mistakes, raised precision decides, and only
what is named is built as a tree, to see which form is nearest to the one that was typed.

An answer is right where that is proved (:mod:`derivkit.trusted.identity`), and wrong where balls hold the two apart
at one point, the precision raised until they do. What is neither is said with the digits to which the two are equal.
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from derivkit.expressions.algebra import ONE, ZERO, apply, factors_of, folded, product, terms_of, total, value_of
from derivkit.expressions.evaluation import walk
from derivkit.expressions.expression import expression_of, parse
from derivkit.expressions.tree import (
    Branch,
    Expression,
    Instruction,
    Node,
    Operation,
    Unevaluated,
    Unknown,
    Variable,
    joint_program,
    program_of,
)
from derivkit.symbolic.derivation import chosen_variable
from derivkit.symbolic.differentiation import differentiate
from derivkit.symbolic.mistakes import MISTAKES, ROW, WHOLE, Mistake
from derivkit.symbolic.points import balls_at, floats_at, lattice_of, shown_point
from derivkit.symbolic.rules import RELATIONS, RULES, Condition, Rule
from derivkit.symbolic.steps import Step, steps_of
from derivkit.symbolic.verification import WORK
from derivkit.trusted.exact import ball_arithmetic

Floats = NDArray[np.float64]
Values = dict[int, Any]

SIEVE = 1e-6
"""Relative difference that float64 lets pass at moderate points; a constant without a derivation."""
ROUNDED = 2.0**-45
"""Share of the largest number on the way that float64 may lose; a constant without a derivation."""
BITS = 640
AGREEMENT, NOISE = 2.0**-500, 2.0**-560
"""Relative difference, and share of the largest number on the way, up to which two values are one (of 640 bits)."""
APART = (256, 1024, 4096, 2**14, 2**15)
"""Precisions in bits at which derivative and answer are compared until they are seen to differ."""
MARGIN = 1e-3
"""How far points stay from where a rule does not hold."""
LATTICES = (64, 4096)
SIEVED, DECIDED = 64, 4
"""Points of the sieve, and of the decision; on every side of the breakpoints as far as that goes."""
MODERATE = 1e6
"""Numbers beyond it are not what a point is chosen for; a constant without a derivation."""
MOST_WORK = 2_000
"""Arguments of all operations of all steps and of the answer; a constant without a derivation."""


# Results


class Judgement(StrEnum):
    """What is said of an answer."""

    RIGHT = "right"
    OTHER_FORM = "right, in another form"
    NOT_PROVED = "equal as far as computed, not proved"
    BROKEN = "a rule is broken"
    UNKNOWN = "no single mistake of a known kind"
    NO_REAL_POINT = "no real point found"
    OVER_THE_WORK_LIMIT = "over the work limit"


@dataclass(frozen=True)
class Finding:
    """A mistake that gives the answer.

    Attributes
    ----------
    rule, formula : str
        What was broken, and what was written in its stead.
    place : Expression
        The piece that was differentiated wrongly.
    written, right : Expression
        What the mistake makes of the piece, and its derivative.
    whole : Expression
        The whole derivative with this mistake.
    likeness : float
        How much of the answer looks like that, 0 to 1.
    places : int
        At how many steps it was made; where they are several, the place is the whole formula.
    """

    rule: str
    formula: str
    place: Expression
    written: Expression
    right: Expression
    whole: Expression
    likeness: float
    places: int = 1

    @property
    def where(self) -> str:
        """The place in words."""
        return f"at {self.place}" if self.places == 1 else f"at {self.places} places of {self.place}"

    @property
    def corrected(self) -> str:
        """The step as it should be."""
        return f"({self.place})' = {self.right}"


@dataclass(frozen=True)
class Diagnosis:
    """What is right or wrong with an answer.

    Attributes
    ----------
    verdict : Judgement
        Right, right in another form, wrong by a broken rule, or wrong by no single mistake of a known kind; or neither
        proved nor refuted.
    derivative : Expression
        The right answer.
    findings : tuple of Finding
        Every mistake that gives the answer, the one that looks most like it first.
    points : tuple of mapping
        Where answer and derivative were compared in raised precision.
    note : str
        What else is to be said; empty if nothing.
    digits : int
        Where neither is proved, the decimal digits to which answer and derivative are equal at every point.
    """

    verdict: Judgement
    derivative: Expression
    findings: tuple[Finding, ...] = ()
    points: tuple[Mapping[str, float], ...] = ()
    note: str = ""
    digits: int = 0

    @property
    def right(self) -> bool:
        """Whether the answer is right, in whatever form."""
        return self.verdict in {Judgement.RIGHT, Judgement.OTHER_FORM}

    @property
    def rules(self) -> tuple[str, ...]:
        """The broken rules, the likeliest first, each once."""
        return tuple(dict.fromkeys(one.rule for one in self.findings))

    @property
    def place(self) -> Expression | None:
        """The piece that the likeliest mistake is about."""
        return self.findings[0].place if self.findings else None

    @property
    def corrected(self) -> str:
        """The likeliest step as it should be; empty if no rule is named."""
        return self.findings[0].corrected if self.findings else ""

    def __str__(self) -> str:
        named = [f"{one.rule}, {one.where}: {one.corrected}" for one in self.findings]
        open_ = self.verdict is Judgement.NOT_PROVED
        verdict = f"equal to {self.digits} digits, not proved" if open_ else str(self.verdict)
        return "; or ".join(named) if named else verdict + (f" ({self.note})" if self.note else "")


def diagnose(expression: Expression | str, answer: Expression | str, variable: str | None = None) -> Diagnosis:
    """Say whether a derivative is right, and if not, which rule was broken where.

    Parameters
    ----------
    expression : Expression or str
        The function.
    answer : Expression or str
        What somebody says its derivative is.
    variable : str, optional
        With respect to what; not needed where there is one variable only, or an ``x``.

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
    tree, said = map(expression_of, (expression, answer))
    name = chosen_variable(tree, variable)
    _refuse_strangers(tree, said, name)
    return _Diagnosis(tree.root, said.root, Variable(name)).run()


def _refuse_strangers(tree: Expression, said: Expression, name: str) -> None:
    def names(one: Expression) -> list[str]:
        unknown = (step.value for step in one.program if step.operation == "unknown")
        return [*one.variables, *(f"{value[0]}(...)" for value in unknown if isinstance(value, tuple))]

    known = list(dict.fromkeys([name, *names(tree)]))
    strangers = [one for one in dict.fromkeys(names(said)) if one not in known]
    if strangers:
        raise ValueError(
            f"the answer has {', '.join(strangers)}, the function only {', '.join(known)}; write it in these"
        )


# Sites: where a rule was applied, and what the formulas of the table stand for there


@dataclass(frozen=True)
class _Site:
    """A step, the kinds of mistakes that fit it, and what the names in their formulas mean."""

    step: Step
    kinds: tuple[str, ...]
    names: Mapping[str, Node]
    terms: tuple[Mapping[str, Node], ...] = ()
    inner: Node = ONE
    """The derivative by which a slope is multiplied."""


@dataclass(frozen=True)
class _Candidate:
    """A mistake at a place: the step's piece would have this derivative."""

    mistake: Mistake
    step: Step
    written: Node
    places: int = 1


def _replaced(root: Node, of: Callable[[Node], Node | None]) -> Node:
    """The tree with nodes replaced where `of` gives another; what is replaced is not looked into."""
    done: dict[int, Node] = {}
    stack = [root]
    while stack:
        node = stack[-1]
        new = None if id(node) in done else of(node)
        if id(node) in done:
            stack.pop()
        elif new is not None or not isinstance(node, Branch):
            done[id(node)] = node if new is None else new
        elif missing := [part for part in node.arguments if id(part) not in done]:
            stack.extend(missing)
        else:
            parts = tuple(done[id(part)] for part in node.arguments)
            same = all(a is b for a, b in zip(parts, node.arguments, strict=True))
            done[id(node)] = node if same else _rebuilt(node, parts)
    return done[id(root)]


def _rebuilt(node: Branch, parts: tuple[Node, ...]) -> Node:
    if isinstance(node, Operation):
        return Operation(node.name, parts)
    return (
        Unknown(node.name, node.order, parts[0]) if isinstance(node, Unknown) else Unevaluated(parts[0], node.variable)
    )


@cache
def _read(formula: str) -> Node:
    return parse(formula).root


def _filled(formula: str, names: Mapping[str, Node]) -> Node:
    return _replaced(_read(formula), lambda node: names[node.name] if isinstance(node, Variable) else None)


class _Sites:
    """The steps of one derivation as places for mistakes."""

    def __init__(self, variable: Variable) -> None:
        self._variable = variable
        self._depends: dict[Node, bool] = {}

    def varies(self, node: Node) -> bool:
        if node not in self._depends:
            self._depends[node] = any(
                step.operation == "variable" and step.value == self._variable.name for step in program_of(node)
            )
        return self._depends[node]

    def _d(self, node: Node) -> Node:
        return ONE if node == self._variable else Unevaluated(node, self._variable.name)

    def of(self, step: Step) -> _Site:
        node = step.piece.root
        names: dict[str, Node] = {"y": node, "x": self._variable, "right": step.unfolded}
        if not isinstance(node, Branch) or not self.varies(node):
            return _Site(step, ("identity" if node == self._variable else "constant",), names)
        rule = None
        if isinstance(node, Operation):
            rule = next(one for one in RULES[node.name] if one.when(node, self.varies))
        special = getattr(self, f"_{rule.name.replace(' ', '_')}", None) if rule and rule.build else None
        if special:
            found: _Site = special(step, node, names)
            return found
        return self._function(step, node, rule, names)

    def _sum(self, step: Step, node: Branch, names: dict[str, Node]) -> _Site:
        terms = [(sign, self._d(term)) if self.varies(term) else (sign, ZERO) for sign, term in terms_of(node)]
        terms = [(sign, term) for sign, term in terms if term != ZERO]
        each = tuple({**names, "term": term if sign > 0 else apply("negate", term)} for sign, term in terms)
        names["derivatives"] = product([term for _, term in terms])
        return _Site(step, ("sum",) if len(terms) > 1 else (), names, each)

    def _constant_multiple(self, step: Step, node: Branch, names: dict[str, Node]) -> _Site:
        kinds = [f"constant {node.name}" if isinstance(node, Operation) else ""]
        if kinds[0] == "constant multiply":
            constants = [part for part in factors_of(node) if not self.varies(part)]
            moving = product([part for part in factors_of(node) if self.varies(part)])
            names["c"] = product(constants)
            kinds += ["negative factor"] if (value_of(folded(names["c"], {})) or 0) < 0 else []
        else:
            moving = node.arguments[0]
            names["c"] = node.arguments[-1]
        names |= {"u": moving, "du": self._d(moving)}
        constants = factors_of(names["c"])
        each = tuple(
            {**names, "term": product([*constants[:k], *constants[k + 1 :], names["du"]])}
            for k in range(len(constants) if len(constants) > 1 else 0)
        )
        return _Site(step, tuple(kinds), names, each)

    def _product(self, step: Step, node: Branch, names: dict[str, Node]) -> _Site:
        factors = factors_of(node)
        slopes = [self._d(factor) for factor in factors]
        each = tuple(
            {**names, "term": product([*factors[:k], slope, *factors[k + 1 :]])} for k, slope in enumerate(slopes)
        )
        names |= {
            "derivatives": product(slopes), "sum_of_derivatives": total(slopes),
            "paired": total([apply("multiply", *pair) for pair in zip(factors, slopes, strict=True)]),
        }  # fmt: skip
        return _Site(step, ("product", *(("long product",) if len(factors) > PAIR else ())), names, each)

    def _pair(self, step: Step, node: Branch, names: dict[str, Node], kind: str) -> _Site:
        u, v = node.arguments
        return _Site(step, (kind,), names | {"u": u, "v": v, "c": u, "du": self._d(u), "dv": self._d(v)})

    def _quotient(self, step: Step, node: Branch, names: dict[str, Node]) -> _Site:
        return self._pair(step, node, names, "quotient")

    def _logarithmic_differentiation(self, step: Step, node: Branch, names: dict[str, Node]) -> _Site:
        return self._pair(step, node, names, "logarithmic differentiation")

    def _reciprocal(self, step: Step, node: Branch, names: dict[str, Node]) -> _Site:
        above, below = node.arguments
        return _Site(step, ("reciprocal",), names | {"c": above, "v": below, "du": self._d(below)})

    def _piecewise(self, step: Step, node: Branch, names: dict[str, Node]) -> _Site:
        parts = node.arguments
        each = []
        for k in range(0, len(parts), 2):
            alone = [ZERO if i % 2 == 0 and i != k else part for i, part in enumerate(parts)]
            slope = [self._d(part) if i == k and self.varies(part) else ZERO if i == k else part
                     for i, part in enumerate(alone)]  # fmt: skip
            each.append({**names, "piece": apply("piecewise", *alone), "term": apply("piecewise", *slope)})
        return _Site(step, ("piecewise",), names, tuple(each))

    def _function(self, step: Step, node: Branch, rule: Rule | None, names: dict[str, Node]) -> _Site:
        moving = list(dict.fromkeys(part for part in node.arguments if self.varies(part)))
        name = node.name if isinstance(node, Operation) else "unknown"
        if len(moving) > 1:
            names |= dict(zip(("u", "v"), moving, strict=False))
            names |= dict(zip(("du", "dv"), map(self._d, moving), strict=False))
            return _Site(step, (f"two {name}" if len(moving) == PAIR else f"several {name}", "function"), names)
        u = moving[0]

        def slope_at(other: Node) -> Node:
            if isinstance(node, Unknown):
                return Unknown(node.name, node.order + 1, other)
            arguments = tuple(other if part == u else part for part in node.arguments)
            if rule and rule.build:
                moved = cast("Branch", _rebuilt(node, arguments))
                return rule.build(moved, lambda part: part == other, lambda part: ONE if part == other else ZERO)
            slopes = rule.slopes(*arguments) if rule and rule.slopes else ()
            return total([one for one, part in zip(slopes, node.arguments, strict=True) if part == u])

        du = self._d(u)
        y_of_du = _rebuilt(node, tuple(du if part == u else part for part in node.arguments))
        names |= {
            "u": u, "du": du, "slope": slope_at(u), "slope_of_du": slope_at(du), "slope_of_x": slope_at(self._variable),
            "slope_of_minus_u": slope_at(apply("negate", u)), "y_of_du": y_of_du,
            "a": node.arguments[0], "n": node.arguments[-1], "slope_e": apply("divide", ONE, u),
        }  # fmt: skip
        kinds = [
            name if isinstance(node, Operation) and rule and rule.operation != "power" else rule.name if rule else ""
        ]
        if kinds == ["power"]:
            n = value_of(node.arguments[1])
            kinds += ["negative power"] if n is not None and n < 0 else []
            kinds += ["fractional power"] if n is not None and n.denominator > 1 else []
        if name == "log" and len(node.arguments) > 1:
            kinds += ["log with base"]
        if u != self._variable:
            kinds += ["chain", *([f"chain {name}"] if name == "log" else [])]
        return _Site(step, (*kinds, "function"), names, inner=du)


def candidates_of(steps: Iterable[Step], variable: Variable) -> Iterator[_Candidate]:
    """Every mistake of the table at every step that it fits; of those that write the same line the first."""
    sites = _Sites(variable)
    for step in steps:
        site = sites.of(step)
        met: set[Node] = {step.unfolded}
        for mistake in MISTAKES:
            if not set(mistake.kinds) & set(site.kinds):
                continue
            for names in site.terms if mistake.each else (site.names,):
                written = _filled(mistake.formula, names)
                if mistake.slope and site.inner != ONE:
                    written = product([written, site.inner])
                if written not in met:
                    met.add(written)
                    yield _Candidate(mistake, step, written)


# The comparison


class _Layout:
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

    def forward(self, one: Callable[[Instruction, Sequence[Any]], Any], places: Iterable[int], values: Values) -> None:
        """Evaluate these places into `values`, which holds all that they need."""
        for place in places:
            step = self.program[place]
            if step.operation == "unevaluated":
                values[place] = values[self._read_from[step.arguments[0]]]
            else:
                values[place] = one(step, [values[k] for k in step.arguments])

    def missing(self, place: int, values: Values) -> list[int]:
        """The places that have no value yet and are needed for this one, in order."""
        found: set[int] = set()
        stack = [place]
        while stack:
            here = stack.pop()
            if here not in values and here not in found:
                found.add(here)
                stack.extend(self.program[here].arguments)
        return sorted(found)

    def factors(self, values: Values, one: Callable[[Instruction, Sequence[Any]], Any]) -> Values:
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
                targets = [(step.arguments[i], whole * self._weight(step, i, values, one)) for i in bearing]
            for target, amount in targets:
                moved[target] = moved[target] + amount if target in moved else amount
        return factors

    @staticmethod
    def _weight(step: Instruction, i: int, values: Values, one: Callable[[Instruction, Sequence[Any]], Any]) -> Any:
        other = [values[k] for k in step.arguments]
        match step.operation:
            case "add" | "subtract" | "negate":
                return -1 if step.operation == "negate" or (step.operation == "subtract" and i) else 1
            case "multiply":
                return other[1 - i]
            case "divide":
                return 1 / other[1]
        zero = 0 * other[i]
        return one(step, [zero + (k == i) if k % 2 == 0 else value for k, value in enumerate(other)])


LINEAR = frozenset({"add", "subtract", "negate", "multiply", "divide", "piecewise"})


class _Here:
    """A point in raised precision: the values there, and what a wrong step makes of the whole."""

    def __init__(self, layout: _Layout, point: Mapping[str, float], places: Iterable[int]) -> None:
        self.point, self._layout = point, layout
        self._balls = ball_arithmetic()
        self.one = balls_at(point, self._balls.Numbers(WORK).at(BITS)).value
        self.values: Values = {}
        with self._balls.precision(BITS):
            layout.forward(self.one, places, self.values)
            self.factors = layout.factors(self.values, self.one)
        self.right = self.values[layout.slopes[-1]]
        sizes = (abs(float(self._balls.middle(value))) for value in self.values.values() if not isinstance(value, str))
        self._scale = max(size for size in sizes if size < np.inf)

    def same(self, a: Any, b: Any) -> bool:
        """Whether two values are one; not, if their balls are too wide to say."""
        with self._balls.precision(BITS):
            differ = abs(a - b) > (abs(a) + abs(b)) * AGREEMENT + NOISE * self._scale
        return differ is False

    def whole(self, place: int, piece: int, slope: int) -> Any:
        """The whole if a piece had another derivative; None where that has no value."""
        try:
            with self._balls.precision(BITS):
                self._layout.forward(self.one, self._layout.missing(place, self.values), self.values)
                return self.right + self.factors[piece] * (self.values[place] - self.values[slope])
        except ArithmeticError:
            return None


def _borders_of(answer: Node, variable: Variable) -> tuple[Condition, ...]:
    """Where an answer may jump or turn."""
    if len(program_of(answer)) > MOST_WHOLE:
        return ()
    return tuple(dict.fromkeys(one for step in steps_of(differentiate(answer, variable)) for one in step.conditions))


class _Diagnosis:
    """One answer compared with everything that could have been written."""

    def __init__(self, root: Node, answer: Node, variable: Variable) -> None:
        self._variable = variable
        self._top = differentiate(root, variable)
        self._answer, self._form = answer, _Form(answer)
        self._steps = [step for step in steps_of(self._top) if step.inner == variable]
        conditions = dict.fromkeys(one for step in steps_of(self._top) for one in step.conditions)
        self._conditions = tuple(conditions)
        self._borders = (*conditions, *_borders_of(answer, variable))
        self._others = [answer, *(side for one in self._borders for side in (one.left, one.right))]
        names = (step.value for step in joint_program([root, answer])[0] if step.operation == "variable")
        self._names = list(dict.fromkeys([variable.name, *map(str, names)]))

    def run(self) -> Diagnosis:
        derivative = self._top.result
        if self._form.compared(derivative.root)[0]:
            return Diagnosis(Judgement.RIGHT, derivative)
        if sum(map(_work, [self._answer, *(step.unfolded for step in self._steps)])) > MOST_WORK:
            return Diagnosis(Judgement.OVER_THE_WORK_LIMIT, derivative)
        layout = _Layout(self._steps, self._others)
        points, note = self._points(layout)
        raised = self._raised(layout, points)
        seen = tuple(here.point for here in raised)
        if not raised:
            return Diagnosis(Judgement.NO_REAL_POINT, derivative, note=note)
        if _identity().same(derivative.root, self._answer):
            return Diagnosis(Judgement.OTHER_FORM, derivative, points=seen, note=note)
        digits = _digits_in_common(derivative.root, self._answer, seen, ball_arithmetic().Numbers(WORK))
        if digits is not None:
            return Diagnosis(Judgement.NOT_PROVED, derivative, points=seen, note=note, digits=digits)
        found = self._named(points, seen)
        verdict = Judgement.BROKEN if found else Judgement.UNKNOWN
        return Diagnosis(verdict, derivative, tuple(found), seen, note)

    @staticmethod
    def _in_floats(layout: _Layout, lattice: Mapping[str, Floats]) -> Values:
        values: Values = {}
        layout.forward(floats_at(lattice).value, range(len(layout.program)), values)
        return values

    def _sides(self, layout: _Layout, values: Values, count: int) -> Iterator[tuple[Condition, Floats, Floats]]:
        """The breakpoints of derivative and answer, with the values of their sides."""
        for k, one in enumerate(self._borders):
            a, b = (np.broadcast_to(values[layout.others[1 + 2 * k + i]], (count,)) for i in (0, 1))
            yield one, a, b

    def _beside_borders(self, layout: _Layout, lattice: dict[str, Floats]) -> dict[str, Floats]:
        """The points, and two on the sides of every breakpoint of a straight line in the one variable."""
        if len(self._names) > 1:
            return lattice
        (x,) = lattice.values()
        with np.errstate(all="ignore"):
            gaps = [a - b for _, a, b in self._sides(layout, self._in_floats(layout, lattice), x.size)]
            roots = [np.median(x[:-1] - gap[:-1] * np.diff(x) / np.diff(gap)) for gap in gaps]
        known = [float(root) for root in roots if np.isfinite(root)][:MOST_BORDERS]
        beside = [root + side * max(1.0, abs(root)) / 8.0 for root in known for side in (-1.0, 1.0)]
        return {self._names[0]: np.concatenate([x, beside])}

    def _points(self, layout: _Layout) -> tuple[dict[str, Floats], str]:
        """Points where derivative and answer are real: one on every side of the breakpoints, then moderate ones."""
        note = "answer and derivative are real at no common point"
        for least in LATTICES:
            lattice = self._beside_borders(layout, lattice_of(self._names, least))
            count = lattice[self._names[0]].size
            with np.errstate(all="ignore"):
                values = self._in_floats(layout, lattice)
                inside = np.ones(count, dtype=np.bool_)
                sides = [np.zeros(count, dtype=np.int8)]
                for k, (one, a, b) in enumerate(self._sides(layout, values, count)):
                    if k < len(self._conditions):
                        inside &= RELATIONS[one.relation](a, b) > MARGIN
                    sides.append(np.sign(a - b).astype(np.int8))
                size = np.zeros(count)
                for place in (*layout.slopes, *layout.pieces):
                    size = np.maximum(size, np.abs(np.broadcast_to(values[place], (count,))))
                inside &= np.isfinite(size)
                said = np.broadcast_to(values[layout.others[0]], (count,))
                right = np.broadcast_to(values[layout.slopes[-1]], (count,))
                good = inside & np.isfinite(said)
                # Moderate is what is neither large nor, in the derivative, small.
                small = np.where(right == 0.0, 1.0, 1.0 / np.abs(right))
                size = np.maximum.reduce([size, np.abs(said), small, *map(np.abs, lattice.values())])
                apart = np.abs(said - right) / np.maximum(np.abs(said), np.abs(right))
                apart = np.where(good & (size < MODERATE), np.nan_to_num(apart), -1.0)
            if good.any():
                places = np.flatnonzero(good)[np.argsort(size[good], kind="stable")]
                _, first = np.unique(np.stack(sides)[:, places], axis=1, return_index=True)
                some = places[: max(DECIDED, int(np.sum(size[places] < MODERATE)))].tolist()
                # The decision is made first where the two seem to differ most, then on every side.
                first_looked_at = [
                    *([int(np.argmax(apart))] if apart.max() >= 0.0 else []),
                    *places[np.sort(first)].tolist(),
                ]
                chosen = list(dict.fromkeys([*first_looked_at[:DECIDED], *some]))[:SIEVED]
                lost = np.flatnonzero(inside & ~good)
                note = ""
                if lost.size:
                    point = {name: float(at[lost[0]]) for name, at in lattice.items()}
                    note = f"the answer is not real at {shown_point(point)}, where the derivative is"
                return {name: at[chosen] for name, at in lattice.items()}, note
        return {name: np.empty(0) for name in self._names}, note

    def _raised(self, layout: _Layout, points: Mapping[str, Floats]) -> list[_Here]:
        found: list[_Here] = []
        for k in range(min(DECIDED, len(points[self._names[0]]))):
            try:
                point = {name: float(at[k]) for name, at in points.items()}
                here = _Here(layout, point, range(len(layout.program)))
            except ArithmeticError:
                continue
            if here.same(here.right, here.right):
                found.append(here)
        return found

    def _candidates(self) -> Iterator[_Candidate]:
        """Of those that write the same line at the same place the first."""
        met: set[tuple[int, Node]] = set()
        for one in self._all_candidates():
            if (id(one.step), one.written) not in met:
                met.add((id(one.step), one.written))
                yield one

    def _all_candidates(self) -> Iterator[_Candidate]:
        yield from candidates_of(self._steps, self._variable)
        top, root = self._top, self._top.piece.root
        if root != self._variable and len(top.result.program) <= MOST_WHOLE:
            yield _Candidate(WHOLE["nothing"], top, root)
            yield _Candidate(WHOLE["twice"], top, differentiate(top.result.root, self._variable).result.root)
            partial = [differentiate(root, Variable(one)).result.root for one in self._names[1:]]
            yield from (_Candidate(WHOLE["other"], top, one) for one in partial)
            if partial:
                yield _Candidate(WHOLE["all"], top, total([top.result.root, *partial]))

    def _named(self, points: Mapping[str, Floats], seen: Sequence[Mapping[str, float]]) -> list[Finding]:
        """The mistakes that give the answer, the one that looks most like it first."""
        candidates = list(self._candidates())
        found = self._matching(candidates, points, seen)
        if not found:
            found = self._matching(list(self._repeated(candidates)), points, seen)
        if not found:
            minus = apply("negate", self._top.unfolded)
            found = self._matching([_Candidate(WHOLE["sign"], self._top, minus)], points, seen)
        if not found and self._is_integral(seen):
            found = [_Candidate(WHOLE["integral"], self._top, self._answer)]
        found = sorted(found, key=lambda one: one.written != self._answer)[:MOST_FOUND]
        numbers = ball_arithmetic().Numbers(WORK)
        pairs = [(one, made) for one in found if (made := self._finding(one, seen, numbers))]
        order = sorted(pairs, key=lambda pair: (-round(pair[1].likeness, 9), ROW.get(pair[0].mistake, len(ROW))))
        return [made for _, made in order]

    def _repeated(self, candidates: Sequence[_Candidate]) -> Iterator[_Candidate]:
        """The same mistake at every place that it fits, as one of the whole."""
        if len(self._top.result.program) > MOST_WHOLE:
            return
        groups: dict[tuple[str, str], dict[int, _Candidate]] = {}
        for one in candidates:
            for key in ((one.mistake.name, one.mistake.formula), (one.mistake.name, "")):
                if not one.mistake.each:
                    groups.setdefault(key, {}).setdefault(id(one.step), one)
        for places in groups.values():
            if len(places) > 1:
                together = tuple(places.values())
                whole = self._rebuilt(*together)[1]
                yield _Candidate(together[0].mistake, self._top, whole, places=len(places))

    def _matching(
        self, candidates: Sequence[_Candidate], points: Mapping[str, Floats], seen: Sequence[Mapping[str, float]]
    ) -> list[_Candidate]:
        layout = _Layout(self._steps, [*self._others, *(one.written for one in candidates)])
        said = layout.others[0]
        at = {id(step): place for place, step in enumerate(self._steps)}
        written = layout.others[len(self._others) :]
        values: Values = {}
        left: list[tuple[_Candidate, int, int, int]] = []
        with np.errstate(all="ignore"):
            one = floats_at(points).value
            layout.forward(one, range(len(layout.program)), values)
            factors = layout.factors(values, one)
            met = [np.abs(values[place]) for place in (*layout.slopes, *layout.pieces)]
            largest = np.max(np.stack(np.broadcast_arrays(*met)), axis=0)
            lost = ROUNDED * np.broadcast_to(largest, points[self._names[0]].shape)
            for candidate, place in zip(candidates, written, strict=True):
                k = at[id(candidate.step)]
                piece, slope = layout.pieces[k], layout.slopes[k]
                parts = [values[layout.slopes[-1]], factors.get(piece, 0) * values[place],
                         factors.get(piece, 0) * values[slope]]  # fmt: skip
                scale = np.max(np.abs(np.stack(np.broadcast_arrays(*parts, values[said]))), axis=0)
                gap = np.broadcast_to(np.abs(parts[0] + parts[1] - parts[2] - values[said]), lost.shape)
                real = np.isfinite(gap)
                if real.mean() >= HALF and np.all((gap <= SIEVE * scale + lost)[real]):
                    left.append((candidate, place, piece, slope))
        if not left:
            return []
        base = sorted({k for place in (*layout.slopes, *layout.pieces, said) for k in layout.missing(place, {})})
        heres = [_Here(layout, point, base) for point in seen]
        return [candidate for candidate, *where in left if self._gives(heres, said, *where)]

    @staticmethod
    def _gives(heres: Sequence[_Here], said: int, place: int, piece: int, slope: int) -> bool:
        """Whether a mistake gives the answer, wherever it has a value, and that is at half of the points at least."""
        wholes = [(here, here.whole(place, piece, slope)) for here in heres]
        real = [here.same(whole, here.values[said]) for here, whole in wholes if whole is not None]
        return all(real) and len(real) >= HALF * len(heres)

    def _is_integral(self, seen: Sequence[Mapping[str, float]]) -> bool:
        slope = differentiate(self._answer, self._variable)
        steps = [step for step in steps_of(slope) if step.inner == self._variable]
        layout = _Layout(steps, [self._top.piece.root])
        try:
            heres = [_Here(layout, point, range(len(layout.program))) for point in seen]
        except ArithmeticError:
            return False
        return all(here.same(here.right, here.values[layout.others[0]]) for here in heres)

    def _finding(self, candidate: _Candidate, seen: Sequence[Mapping[str, float]], numbers: Any) -> Finding | None:
        """A mistake that gives the answer to the last digit that can be computed; None if it does not."""
        step, mistake = candidate.step, candidate.mistake
        written, whole = self._rebuilt(candidate)
        alike, likeness = self._form.compared(whole)
        if not (
            alike
            or _identity().same(whole, self._answer)
            or _digits_in_common(whole, self._answer, seen, numbers) is not None
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
            places=candidate.places,
        )

    def _rebuilt(self, *candidates: _Candidate) -> tuple[Node, Node]:
        """The derivative of the first piece and the whole derivative, these steps wrong."""
        wrong_steps = {id(one.step): one.written for one in candidates}
        made: dict[Node, Node] = {}
        changed: set[Node] = set()
        known = {id(step.piece.root): step.piece.root for step in self._steps}
        known |= {id(step.result.root): step.result.root for step in self._steps}

        def read(node: Node) -> Node | None:
            return made[node.piece] if isinstance(node, Unevaluated) else None

        for step in self._steps:
            piece = step.piece.root
            wrong = wrong_steps.get(id(step))
            if wrong is not None or any(child.piece.root in changed for child in step.children):
                made[piece] = folded(_replaced(step.unfolded if wrong is None else wrong, read), known)
                known[id(made[piece])] = made[piece]
                changed.add(piece)
            else:
                made[piece] = step.result.root
        return made[candidates[0].step.piece.root], made[self._top.piece.root]


MOST_WHOLE = 200
"""Operations of a derivative up to which the whole is differentiated once more; a constant without a derivation."""
HALF = 0.5
"""Share of the points at which a mistake must have a value, and give the answer at all of them."""
PAIR = 2
MOST_FOUND = 12
"""Mistakes that are named; a constant without a derivation."""
MOST_BORDERS = 8
"""Breakpoints beside which points are taken; a constant without a derivation."""


def _work(root: Node) -> int:
    """How much there is to compute: the sum of many exponentials is one operation, and as much as all of them."""
    return sum(max(1, len(step.arguments)) for step in program_of(root))


def _digits_in_common(a: Node, b: Node, points: Sequence[Mapping[str, float]], numbers: Any) -> int | None:
    """The decimal digits to which two formulas are seen to be equal at every point; None if they differ at one.

    By what is left of the work of ``numbers``.
    """
    balls = ball_arithmetic()
    program, (first, second) = joint_program([a, b])
    digits = 0
    for bits in APART:
        try:
            with balls.precision(bits):
                known: list[float] = []
                for point in points:
                    numbers.spend(numbers.product * len(program))
                    values = walk(program, balls_at(point, numbers.at(bits)))
                    if (values[first] != values[second]) is True:
                        return None
                    known.append(balls.bits_in_common(values[first], values[second]))
                digits = max(digits, int(min(known) * LOG10_2))
        except balls.ExhaustedError:
            break
        except balls.UndecidedError:
            continue
    return digits


LOG10_2 = 0.30102999566398120


@cache
def _identity() -> Any:
    """The module of proofs, which imports python-flint."""
    return importlib.import_module("derivkit.trusted.identity")


class _Form:
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
