"""Derivations: a derivative built by rules alone, step by step, and every step checked."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from types import MappingProxyType
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from derivkit.arguments import shown
from derivkit.expressions.algebra import ONE, ZERO, apply, factors_of, folded, product, surely_positive, total, value_of
from derivkit.expressions.evaluation import (
    CONSTANTS,
    float_arithmetic,
    interpret,
    named_values,
    refuse_unknown_functions,
    walk,
)
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
    short_text,
    tree_of,
)
from derivkit.operations.dual import Taylor
from derivkit.operations.elementary import FLOATS, OPERATIONS
from derivkit.operations.ufuncs import power
from derivkit.symbolic.notation import Style, as_latex, as_markdown, as_text
from derivkit.symbolic.rules import RULES, Condition, Rule
from derivkit.symbolic.verification import Verification, verify
from derivkit.trusted.accuracy import Accuracy, accuracy
from derivkit.trusted.exact import ExactStatus, exact

Floats = NDArray[np.float64]
Point = Mapping[str, ArrayLike]

MAX_ORDER = 20
"""Highest order; a constant without a derivation."""
MAX_OPERATIONS = 20_000
"""Operations of all derivatives up to the order, equal ones of one counted once; a constant without a derivation."""
MAX_FACTORS, MAX_FACTORS_AGAIN = 100_000, 20_000
"""Factors that rules may write for the first derivative and for a later one, n^2 for n factors or n arguments: a
formula that the parser lets through has 300; constants without a derivation."""
PAIR = 2
MOST_SAID = 3
"""Conditions that a printed derivation names; a constant without a derivation."""


@dataclass(frozen=True, eq=False, repr=False)
class Step:
    """A rule applied to a piece of the formula.

    Attributes
    ----------
    rule : str
        Name of the rule.
    piece, result : Expression
        What it acted on, and the derivative of that.
    children : tuple of Step
        How the derivatives that went into the result were found.
    conditions : tuple of Condition
        What must hold for the rule to hold.
    inner : Node
        With respect to what: the variable, or in the first child of a chain rule the inner function.
    unfolded : Node
        What the rule says, before the children's results are put in and anything is folded.
    unsaid : tuple of Condition
        Conditions of the rule that always hold here, or that others say; a check of the step alone keeps away from
        where they nearly fail.
    """

    rule: str
    piece: Expression
    result: Expression
    children: tuple[Step, ...]
    conditions: tuple[Condition, ...]
    inner: Node
    unfolded: Node
    unsaid: tuple[Condition, ...] = ()

    def __str__(self) -> str:
        within = self.inner.name if isinstance(self.inner, Variable) else f"({short_text(self.inner)})"
        return f"{self.rule}: d/d{within} ({self.piece.short}) = {self.result.short}"

    def __repr__(self) -> str:
        return f"<Step {self}>"

    @property
    def condition(self) -> str:
        """The conditions in words; empty if there are none."""
        return ", ".join(map(str, self.conditions))


def differentiate(root: Node, variable: Variable, *, most: int = MAX_FACTORS) -> Step:
    """The step at the root of the derivation of a tree.

    Parameters
    ----------
    root : Node
        The function; any unknown function in it is of one argument.
    variable : Variable
        With respect to what.
    most : int
        Factors that the rules may write.
    """
    engine = _Engine(tree_of(program_of(root)), variable, most)
    return engine.run()


class _Engine:
    """What is known while one tree is differentiated: which nodes depend on the variable, and the steps found."""

    def __init__(self, root: Node, variable: Variable, most: int) -> None:
        self._root, self._variable, self._most = root, variable, most
        self._depends: dict[Node, bool] = {}
        self._signs: dict[Node, int] = {}
        self._unique: dict[Node, Node] = {}
        self._steps: dict[Node, Step] = {}
        self._known: dict[int, Node] = {}
        """Nodes that folding leaves as they are, by identity: typed ones, and results."""

    def run(self) -> Step:
        self.varies(self._root)
        self._refuse_long_products()
        self._known = {id(node): node for node in self._depends}
        self._unique = {node: node for node in self._depends}
        stack = [self._root]
        while stack:
            node = stack[-1]
            parts = self._parts(node)
            missing = [part for part in parts if part not in self._steps]
            if missing:
                stack.extend(reversed(missing))
                continue
            stack.pop()
            if node not in self._steps:
                step = self._steps[node] = self._found(node, parts)
                self._known[id(step.result.root)] = step.result.root
        return self._steps[self._root]

    def _refuse_long_products(self) -> None:
        """The product rule writes n^2 factors for n, and the derivative of a derivative has n products of n.

        So it is with functions of n arguments, whose slope in each is a function of all.
        """
        moving = [node for node, varies in self._depends.items() if varies and isinstance(node, Operation)]
        products = [node for node in moving if node.name == "multiply"]
        parts = {id(part) for node in products for part in node.arguments}
        factors = [len(factors_of(node)) for node in products if id(node) not in parts]
        arguments = [len(node.arguments) for node in moving if len(node.arguments) > PAIR]
        if sum(n**2 for n in (*factors, *arguments)) > self._most:
            raise ValueError(
                f"the rules write more than {self._most:,} factors for {short_text(self._root)}; "
                "ask for a lower order or a shorter product"
            )

    def varies(self, root: Node) -> bool:
        stack = [root]
        while stack:
            node = stack[-1]
            arguments = node.arguments if isinstance(node, Branch) else ()
            missing = [part for part in arguments if part not in self._depends]
            if missing and node not in self._depends:
                stack.extend(missing)
                continue
            stack.pop()
            if node not in self._depends:
                self._depends[node] = node == self._variable or any(self._depends[part] for part in arguments)
        return self._depends[root]

    def _rule(self, node: Branch) -> Rule:
        rows = RULES[node.name] if isinstance(node, Operation) else (UNKNOWN,)
        return next(rule for rule in rows if rule.when(node, self.varies))

    def _parts(self, node: Node) -> tuple[Node, ...]:
        """The parts of a node whose derivatives its rule needs."""
        if not isinstance(node, Branch) or not self.varies(node):
            return ()
        rule = self._rule(node)
        parts = tuple(rule.parts(node, self.varies))
        return () if rule.slopes and parts == (self._variable,) else parts

    def _found(self, node: Node, parts: tuple[Node, ...]) -> Step:
        """The step of a node, those of its parts being known."""
        if not isinstance(node, Branch) or not self.varies(node):
            return self._step("identity", node, ONE) if self.varies(node) else self._step("constant", node, ZERO)
        rule = self._rule(node)
        children = tuple(self._steps[part] for part in parts)
        unfolded = self._written(rule, node, lambda part: Unevaluated(part, self._variable.name))
        raw = self._written(rule, node, lambda part: self._steps[part].result.root)
        still = self._still(node, children)
        conditions = () if still else self._conditions(rule, node)
        chained = bool(rule.slopes) and len(parts) == 1
        if chained and not still:
            slope = self._slope(rule, node, parts[0])
            outer = self._step(rule.name, node, slope, conditions=conditions, inner=parts[0])
            children = (replace(outer, unsaid=tuple(rule.conditions(*node.arguments))), *children)
        name = "chain rule" if chained else rule.name
        return self._step(name, node, unfolded, raw, children=children, conditions=conditions)

    def _still(self, node: Branch, children: tuple[Step, ...]) -> bool:
        """Whether all that depends on the variable in a node is constant all the same, such as x - x."""
        moving = {part for part in node.arguments if self.varies(part)}
        return moving <= {child.piece.root for child in children if child.result.root == ZERO}

    def _conditions(self, rule: Rule, node: Branch) -> tuple[Condition, ...]:
        """Those conditions of a rule that may fail, each where it counts."""
        found = []
        for one in rule.conditions(*node.arguments):
            if one.relation in {">", "≠"} and one.right == ZERO and surely_positive(one.left, self._signs):
                continue
            met = self._met(one, node, kink=rule.meeting == "kink") if rule.meeting else one
            if met:
                found.append(met)
        return tuple(found)

    def _met(self, one: Condition, node: Branch, *, kink: bool) -> Condition | None:
        """The condition that two branches do not meet; None if they never do, or always, or if others say it."""
        left, right = one.left, one.right
        if left == right or not (self.varies(left) or self.varies(right)):
            return None
        if kink and not self.varies(left):
            if right not in node.arguments:
                return None
            left, right = right, left
        if not kink:
            return replace(one, left=left, right=right)
        ends = [self._steps[side].result.root if side in self._steps else None for side in (left, right)]
        rates = [
            ZERO if end is None and not self.varies(side) else end
            for end, side in zip(ends, (left, right), strict=True)
        ]
        if rates[0] is None or rates[1] is None:
            return replace(one, left=left, right=right)
        rate = folded(apply("subtract", rates[0], rates[1]), self._known, self._unique)
        return replace(one, left=left, right=right, needed=ONE if value_of(rate) else rate)

    def _written(self, rule: Rule, node: Branch, derivative: Callable[[Node], Node]) -> Node:
        """What the rule says, each derivative of a part written as `derivative` has it."""
        if rule.build:
            return rule.build(node, self.varies, derivative)
        moving = list(dict.fromkeys(part for part in node.arguments if self.varies(part)))
        if moving == [self._variable]:
            return self._slope(rule, node, self._variable)
        return total([product([self._slope(rule, node, part), derivative(part)]) for part in moving])

    @staticmethod
    def _slope(rule: Rule, node: Branch, part: Node) -> Node:
        """The slope of an operation in one of its arguments."""
        if isinstance(node, Unknown):
            return Unknown(node.name, node.order + 1, node.argument)
        slopes = rule.slopes(*node.arguments) if rule.slopes else ()
        return total([slope for slope, argument in zip(slopes, node.arguments, strict=True) if argument == part])

    def _step(
        self,
        name: str,
        node: Node,
        unfolded: Node,
        raw: Node | None = None,
        *,
        children: tuple[Step, ...] = (),
        conditions: tuple[Condition, ...] = (),
        inner: Node | None = None,
    ) -> Step:
        result = folded(unfolded if raw is None else raw, self._known, self._unique)
        return Step(
            rule=name,
            piece=Expression(node),
            result=Expression(result),
            children=children,
            conditions=conditions,
            inner=inner or self._variable,
            unfolded=unfolded,
        )


UNKNOWN = Rule(name="unknown function", operation="unknown", formula="f(u)' = f'(u) u'", slopes=lambda u: (u,))
"""The rule of an unknown function, whose slope is its own derivative."""


# The derivation


@dataclass(frozen=True, eq=False, repr=False)
class Derivation:
    """A derivative with every step that leads to it.

    Attributes
    ----------
    expression : Expression
        The function.
    variable : str
        With respect to what it was differentiated.
    roots : tuple of Step
        The last step of the first derivative, of the second, and so on: each the root of a tree of steps.
    verification : Verification
        What the check of every step found.
    """

    expression: Expression
    variable: str
    roots: tuple[Step, ...]
    verification: Verification

    def __str__(self) -> str:
        power = f"^{self.order}" if self.order > 1 else ""
        said = ", ".join(map(str, self.conditions[:MOST_SAID]))
        more = f" and {len(self.conditions) - MOST_SAID} more" if len(self.conditions) > MOST_SAID else ""
        where = f" if {said}{more}" if said else ""
        left = f"d{power}/d{self.variable}{power} ({self.expression.short})"
        return f"{left} = {self.result.short}{where} [{self.verification}]"

    def __repr__(self) -> str:
        return f"<Derivation {self}>"

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
        return tuple(step for root in self.roots for step in steps_of(root))

    @functools.cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """All that must hold for the derivative to be right, each once; within a piece only where that counts."""
        return tuple(dict.fromkeys(one for root in self.roots for one in conditions_of(root)))

    def text(self, level: str = "normal", notation: str = "leibniz") -> str:
        """The lines that lead to the derivative, as plain text; `level` is full, normal or brief.

        Examples
        --------
        >>> print(derive("3*x^2").text(notation="prime"))
        f(x)  = 3x^2
        f'(x) = (3x^2)'    a constant factor moves out
              = 3·(x^2)'   the exponent goes to the front, one less stays
              = 3·2x       multiply
              = 6x
        Check of every step: verified.
        <BLANKLINE>
        """
        return as_text(self, Style(level=level), notation)

    def markdown(self, level: str = "normal", notation: str = "leibniz") -> str:
        """The same as Markdown."""
        return as_markdown(self, Style(level=level), notation)

    def latex(self, level: str = "normal", notation: str = "leibniz") -> str:
        """The same as LaTeX, without the reasons."""
        return as_latex(self, Style(level=level), notation)

    def __call__(self, x: ArrayLike | Point = MappingProxyType({}), /, **named: ArrayLike) -> Any:
        """The derivative in fast float64, equal parts computed once; NaN where a condition does not hold.

        +-inf is a vertical tangent with one sign, as of `dual`, `exact` and `derivative` (sqrt(x) at 0), or a value
        beyond the range of float64. NaN does not say that there is no derivative, but that the rules do not reach
        there: that of x*abs(x) at 0 they
        do not. A power that is not whole, such as x^(1/3), is of positive numbers only; cbrt(x) is the root of any.

        Parameters
        ----------
        x : array_like or mapping
            Values of the variable that it was differentiated by, or of all variables by name.
        **named : array_like
            Values of the other variables, broadcast against each other.

        Returns
        -------
        float or ndarray
            Of the common shape of the values.

        Raises
        ------
        ValueError
            If a variable has no value, or the function is unknown.

        Examples
        --------
        >>> derive("abs(x) + w*x")(x=[-1.0, 0.0, 2.0], w=10.0)
        array([ 9., nan, 11.])
        """
        refuse_unknown_functions(self.result)
        given = self._point(x, named)
        shape = np.broadcast_shapes(*(value.shape for value in given.values()))
        values = self._values(given)
        margins = (one.margin(*sides) for one, sides in self._sides(values))
        holds = functools.reduce(np.logical_and, (margin > 0.0 for margin in margins), ~np.isnan(values[1]))
        result = np.broadcast_to(np.where(holds, np.asarray(values[0], dtype=np.float64), np.nan), shape)
        if self.order == 1 and np.any(np.isnan(result)):
            result = self._infinite(given, result)
        return result.copy() if shape else float(result)

    def _infinite(self, given: Mapping[str, Floats], result: Floats) -> Floats:
        """The result with infinite slopes instead of NaN where f has a finite value and a vertical tangent."""
        arithmetic = Taylor(1, FLOATS)
        rules = {name: row.series for name, row in OPERATIONS.items()} | {"power": power}
        with np.errstate(all="ignore"):
            series = interpret(
                self.expression,
                number=lambda value: [np.float64(float(value))],
                constant=lambda name: [CONSTANTS[name]],
                variable=lambda name: [given[name], 1.0] if name == self.variable else [given[name]],
                apply=lambda name, *arguments: rules[name](arithmetic, *arguments),
            )
        slope = series[1] if len(series) > 1 else 0.0
        steep = np.broadcast_to(np.isnan(result) & np.isinf(slope) & np.isfinite(series[0]), result.shape)
        # float64 has infinity for 1e-17 times infinity, too, where 0 times infinity was meant: it takes a proof
        places = {name: np.broadcast_to(value, result.shape)[steep] for name, value in given.items()}
        points, back = np.unique(np.stack(list(places.values())), axis=1, return_inverse=True)
        proved = [exact(self.expression, dict(zip(places, one, strict=True)), variable=self.variable).value
                  for one in points.T.tolist()]  # fmt: skip
        filled = np.array(result)
        filled[steep] = np.array(proved)[back.ravel()]
        return filled

    def refusal(self, x: float | Point = MappingProxyType({}), /, **named: float) -> str:
        """Say which condition does not hold at a point; empty if all do.

        Examples
        --------
        >>> derive("log(x - 2)").refusal(1.0)
        'the derivative of log(x - 2) needs x - 2 > 0, where x - 2 is -1.0 at x = 1.0'
        """
        given = self._point(x, named)
        place = ", ".join(f"{name} = {float(value)!r}" for name, value in given.items())
        values = self._values(given)
        for condition, sides in self._sides(values):
            if not condition.margin(*sides) > 0.0:
                seen = f"{short_text(condition.left)} is {float(sides[0])!r} at {place}"
                return f"the derivative of {self.expression.short} needs {condition}, where {seen}"
        return f"{self.expression.short} is not defined at {place}" if np.isnan(values[1]) else ""

    def accuracy(self, x: float | Point = MappingProxyType({}), /, **named: float) -> Accuracy:
        """What fast float64 makes of the derivative at a point, beside the trusted value: the digits it loses.

        Examples
        --------
        >>> found = derive("(1 - cos(x))/x").accuracy(1e-6)
        >>> round(found.trusted, 9), found.flagged
        (0.5, True)
        """
        point = {name: float(value) for name, value in self._point(x, named).items()}
        if self.refusal(point):
            nan, inf = math.nan, math.inf
            return Accuracy(nan, nan, nan, nan, error=inf, lost=nan, flagged=False, status=ExactStatus.NO_DERIVATIVE)
        return accuracy(self.result, point)

    def _values(self, given: Mapping[str, Floats]) -> list[Any]:
        """The derivative, the function, and the nodes of all conditions, in float64."""
        program, places = self._fast
        arithmetic = replace(float_arithmetic(given, unknown=lambda _, u: np.ones_like(u)), apply=_without_poles)
        with np.errstate(all="ignore"):
            values = walk(program, arithmetic)
        return [values[place] for place in places]

    def _sides(self, values: Sequence[Any]) -> Iterator[tuple[Condition, Sequence[Any]]]:
        """Every condition with the values of its nodes."""
        for k, condition in enumerate(self.conditions):
            yield condition, values[2 + 3 * k : 5 + 3 * k]

    @functools.cached_property
    def _fast(self) -> tuple[tuple[Instruction, ...], list[int]]:
        """The derivative, the function if the conditions do not say where it is defined, and their nodes."""
        nodes = (node for one in self.conditions for node in one.nodes)
        function = self.expression.root if self._open else ONE
        return joint_program([self.result.root, function, *nodes])

    @property
    def _open(self) -> bool:
        """Whether the function may be undefined where every condition holds: in its constant parts, for instance."""
        program = self.expression.program
        fixed: list[bool] = []
        for one in program:
            fixed.append(one.value != self.variable and all(fixed[k] for k in one.arguments))
        # A quotient by a constant has no condition of its own, whatever is divided.
        fixed = [fixed[one.arguments[1]] if one.operation == "divide" else here
                 for one, here in zip(program, fixed, strict=True)]  # fmt: skip
        partial = [one.operation in PARTIAL and not _of_numbers(one, program) for one in program]
        standing = any(step.result.root == ZERO and step.rule != "constant" for step in steps_of(self.roots[0]))
        choosing = any(one.operation in {"max", "min"} for one in program)
        if any(partial) and (standing or choosing):
            return True
        without_rest = any(one.operation == "piecewise" and len(one.arguments) % 2 == 0 for one in program)
        return without_rest or any(a and b for a, b in zip(fixed, partial, strict=True))

    def _point(self, x: ArrayLike | Point, named: Mapping[str, ArrayLike]) -> dict[str, Floats]:
        given = dict(x) if isinstance(x, Mapping) else {self.variable: x}
        wanted = [*dict.fromkeys([*self.expression.variables, self.variable])]
        return named_values({**given, **named}, wanted, f"the derivative of {self.expression}")


POLES: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "divide": lambda a, b: b == 0.0,
        "power": lambda a, b: (a == 0.0) & (b < 0.0),
        "log": lambda a, base=2.0: (a == 0.0) | (base == 1.0),
        "log1p": lambda a: a == -1.0,
        "atanh": lambda a: np.abs(a) == 1.0,
        **dict.fromkeys(("log2", "log10", "csc", "cot", "csch", "coth"), lambda a: a == 0.0),
    }
)
"""Where float64 has infinity for what is not defined; elsewhere it has NaN."""
PARTIAL = frozenset(POLES) | {"sqrt", "asin", "acos", "acosh", "asec", "acsc", "gamma", "digamma", "polygamma"}
"""Operations that are not defined for all numbers."""


def _without_poles(name: str, *arguments: Any) -> Any:
    """An operation in float64, NaN wherever it is not defined."""
    value = OPERATIONS[name].value(*arguments)
    pole = POLES.get(name)
    return np.where(pole(*arguments), np.nan, value) if pole else value


def _of_numbers(step: Instruction, program: Sequence[Instruction]) -> bool:
    """Whether all arguments of a step but a numerator are numbers above 0, such that nothing is undefined."""
    parts = [program[k] for k in step.arguments[step.operation == "divide" :]]
    if step.operation == "power" and parts[1].operation == "number":
        return True  # the parser does not let 0 be divided by
    return step.operation in {"divide", "log", "sqrt", "log2", "log10"} and all(
        part.operation == "constant" or (part.operation == "number" and cast("Fraction", part.value) > 1)
        for part in parts
    )


CHOOSING = frozenset({"piecewise", "maximum", "minimum"})
"""Rules of operations that choose one of their arguments: what is said of the others is of no account."""
MOST_PLACES = 1000
"""Steps looked at in a place of their own; what is beyond is held to count everywhere. Without a derivation."""
Within = tuple[tuple[tuple[Node, ...], int, bool], ...]
"""Pieces within pieces: the conditions of a formula of several pieces, which of its pieces is meant, and whether the
others need not be defined there; those of max and min must be."""
MEETINGS = frozenset({"≠", "is not an integer"})
"""Relations that say where a function jumps or turns; the others say where it is defined."""


def conditions_of(root: Step) -> Sequence[Condition]:
    """The conditions of all steps of a tree, children first; within a piece of a formula only where it counts."""
    found: list[Condition] = []
    met: set[tuple[int, Within]] = set()
    stack: list[tuple[Step, Within]] = [(root, ())]
    while stack:
        step, within = stack.pop()
        within = within if len(met) < MOST_PLACES else ()
        if not met.isdisjoint({(id(step), within), (id(step), ())}):
            continue
        met.add((id(step), within))
        found += [placed for one in reversed(step.conditions) if (placed := _placed(one, within))]
        own = _pieces(step)
        stack += [(child, (*within, *own.get(child.piece.root, ()))) for child in step.children]
    everywhere = {one for one in found if not one.place}
    return [one for one in reversed(found) if not one.place or replace(one, needed=ONE, place="") not in everywhere]


def _pieces(step: Step) -> dict[Node, Within]:
    """The one place where each child of a step counts, where there is one."""
    if step.rule not in CHOOSING or not isinstance(step.unfolded, Operation) or step.unfolded.name != "piecewise":
        return {}
    values, conditions = step.unfolded.arguments[0::2], step.unfolded.arguments[1::2]
    pieces = [value.piece for value in values if isinstance(value, Unevaluated)]
    return {
        value.piece: ((conditions, k, step.rule == "piecewise"),)
        for k, value in enumerate(values)
        if isinstance(value, Unevaluated) and pieces.count(value.piece) == 1
    }


def _placed(one: Condition, within: Within) -> Condition | None:
    """A condition as it stands in a place; None if it always holds there."""
    needed, words = one.needed, []
    for conditions, k, alone in reversed(within):
        if not alone and one.relation not in MEETINGS:
            continue
        facts = {fact for c in conditions[:k] for fact in _strict(c, holds=False)}
        facts |= {fact for c in conditions[k : k + 1] for fact in _strict(c, holds=True)}
        if (one.left, one.right) in facts or (one.relation == "≠" and (one.right, one.left) in facts):
            return None
        needed = apply("piecewise", *(part for c in conditions[:k] for part in (ZERO, c)), needed,
                       *((conditions[k], ZERO) if k < len(conditions) else ()))  # fmt: skip
        words.append(f"where {short_text(conditions[k])}" if k < len(conditions) else _unless(conditions))
    return replace(one, needed=needed, place=", ".join(words)) if words else one


def _unless(conditions: Sequence[Node]) -> str:
    return f"unless {' or '.join(map(short_text, conditions))}"


def _strict(comparison: Node, *, holds: bool) -> Iterator[tuple[Node, Node]]:
    """The pair (a, b) with a > b that follows from a comparison that holds, or does not."""
    if isinstance(comparison, Operation):
        left, right = comparison.arguments
        if comparison.name == ("greater" if holds else "less_equal"):
            yield left, right
        if comparison.name == ("less" if holds else "greater_equal"):
            yield right, left


def steps_of(root: Step) -> Iterator[Step]:
    """Every step of a tree once, children first."""
    met: set[int] = set()
    stack = [root]
    while stack:
        step = stack[-1]
        missing = [child for child in step.children if id(child) not in met]
        if missing and id(step) not in met:
            stack.extend(reversed(missing))
            continue
        stack.pop()
        if id(step) not in met:
            met.add(id(step))
            yield step


def derive(expression: Expression | str, variable: str | None = None, order: int = 1) -> Derivation:
    """Differentiate a formula by rules, and check every step.

    Parameters
    ----------
    expression : Expression or str
        The function, of any number of variables.
    variable : str, optional
        With respect to what; not needed where there is one variable only, or an ``x``.
    order : int
        How often, 1 to 20.

    Returns
    -------
    Derivation
        Its steps, its result, and what the check found. A variable that does not occur gives 0.

    Raises
    ------
    ParseError
        If the text is no formula.
    ValueError
        If the order or the variable is none, or the derivatives grow beyond 20 000 operations.
    RefutedError
        If a step is not the derivative of its piece: a mistake in the table of rules.

    Examples
    --------
    >>> str(derive("5*x^5 + 4*x^3 - 5").result)
    '25*x**4 + 12*x**2'
    """
    tree = expression_of(expression)
    if isinstance(order, bool) or not isinstance(order, int | np.integer) or not 1 <= order <= MAX_ORDER:
        raise ValueError(f"the order {shown(order)} is not a whole number from 1 to {MAX_ORDER}; write 1, 2, ...")
    name = chosen_variable(tree, variable)
    roots: list[Step] = []
    operations = 0
    for k in range(order):
        before, most = (roots[-1].result.root, MAX_FACTORS_AGAIN) if roots else (tree.root, MAX_FACTORS)
        roots.append(differentiate(before, Variable(name), most=most))
        operations += len(roots[-1].result.program)
        if operations > MAX_OPERATIONS:
            upto = f"derivatives 1 to {k + 1} of {tree.short} have" if k else f"the derivative of {tree.short} has"
            raise ValueError(f"{upto} {operations:,} operations, the most is {MAX_OPERATIONS:,}; ask for a lower order")
    conditions = tuple(dict.fromkeys(one for root in roots for one in conditions_of(root)))
    checked = verify([step for root in roots for step in steps_of(root)], Variable(name), roots, conditions)
    return Derivation(tree, name, tuple(roots), checked)


def chosen_variable(tree: Expression, variable: str | None) -> str:
    """The variable to differentiate by: the one named, else the only one or ``x``; ValueError if that is open."""
    names = tree.variables
    if variable is None:
        if len(names) > 1 and "x" not in names:
            raise ValueError(f"{tree} has the variables {', '.join(names)}; say which: variable={names[0]!r}")
        return names[0] if len(names) == 1 else "x"
    read = parse(variable).root
    if isinstance(read, Variable):
        return read.name
    raise ValueError(f"{variable!r} is no variable; write a name such as 'x'")
