"""Derivations: a derivative built by rules alone, step by step, and every step checked."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from derivkit.analytical.accuracy import Accuracy, accuracy
from derivkit.analytical.algebra import ONE, ZERO, folded, product, total
from derivkit.analytical.evaluation import float_values, named_values, refuse_unknown_functions
from derivkit.analytical.exact import ExactStatus
from derivkit.analytical.expression import (
    Branch,
    Expression,
    Instruction,
    Node,
    Operation,
    Unevaluated,
    Unknown,
    Variable,
    joint_program,
    parse,
    program_of,
    text_of,
    tree_of,
)
from derivkit.analytical.notation import Style, as_latex, as_markdown, as_text
from derivkit.analytical.rules import RELATIONS, RULES, Condition, Rule
from derivkit.analytical.verification import Verification, verify

Floats = NDArray[np.float64]
Point = Mapping[str, ArrayLike]

MAX_ORDER = 20
"""Highest order; a constant without a derivation."""
MAX_OPERATIONS = 20_000
"""Operations of a derivative, equal ones counted once; a constant without a derivation."""


@dataclass(frozen=True, eq=False)
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
    """

    rule: str
    piece: Expression
    result: Expression
    children: tuple[Step, ...]
    conditions: tuple[Condition, ...]
    inner: Node
    unfolded: Node

    @property
    def condition(self) -> str:
        """The conditions in words; empty if there are none."""
        return ", ".join(map(str, self.conditions))


def differentiate(root: Node, variable: Variable) -> Step:
    """The step at the root of the derivation of a tree.

    Parameters
    ----------
    root : Node
        The function; any unknown function in it is of one argument.
    variable : Variable
        With respect to what.
    """
    engine = _Engine(tree_of(program_of(root)), variable)
    return engine.run()


class _Engine:
    """What is known while one tree is differentiated: which nodes depend on the variable, and the steps found."""

    def __init__(self, root: Node, variable: Variable) -> None:
        self._root, self._variable = root, variable
        self._depends: dict[Node, bool] = {}
        self._steps: dict[Node, Step] = {}
        self._known: dict[int, Node] = {}
        """Nodes that folding leaves as they are, by identity: typed ones, and results."""

    def run(self) -> Step:
        self.varies(self._root)
        self._known = {id(node): node for node in self._depends}
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
        conditions = () if still else tuple(rule.conditions(*node.arguments))
        chained = bool(rule.slopes) and len(parts) == 1
        if chained and not still:
            slope = self._slope(rule, node, parts[0])
            children = (self._step(rule.name, node, slope, conditions=conditions, inner=parts[0]), *children)
        name = "chain rule" if chained else rule.name
        return self._step(name, node, unfolded, raw, children=children, conditions=conditions)

    def _still(self, node: Branch, children: tuple[Step, ...]) -> bool:
        """Whether all that depends on the variable in a node is constant all the same, such as x - x."""
        moving = {part for part in node.arguments if self.varies(part)}
        return moving <= {child.piece.root for child in children if child.result.root == ZERO}

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
        result = folded(unfolded if raw is None else raw, self._known)
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


@dataclass(frozen=True, eq=False)
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
        """All that must hold for the derivative to be right, each once."""
        return tuple(dict.fromkeys(one for step in self.steps for one in step.conditions))

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
        program, places = self._fast
        with np.errstate(all="ignore"):
            values = float_values(program, given)
            margins = _margins(self.conditions, [values[place] for place in places[1:]])
            holds = functools.reduce(np.logical_and, (margin > 0.0 for margin in margins), np.bool_(True))  # noqa: FBT003
        result = np.where(holds, np.asarray(values[places[0]], dtype=np.float64), np.nan)
        return np.broadcast_to(result, shape).copy() if shape else float(result)

    def refusal(self, x: float | Point = MappingProxyType({}), /, **named: float) -> str:
        """Say which condition does not hold at a point; empty if all do.

        Examples
        --------
        >>> derive("log(x - 2)").refusal(1.0)
        'the derivative of log(x - 2) needs x - 2 > 0, where x - 2 is -1.0 at x = 1.0'
        """
        given = self._point(x, named)
        program, places = self._fast
        with np.errstate(all="ignore"):
            values = float_values(program, given, unknown=lambda function, u: np.full_like(u, np.nan))
            sides = [values[place] for place in places[1:]]
            margins = _margins(self.conditions, sides)
        for condition, left, margin in zip(self.conditions, sides[0::2], margins, strict=True):
            if not margin > 0.0:
                place = ", ".join(f"{name} = {float(value)!r}" for name, value in given.items())
                seen = f"{text_of(condition.left)} is {float(left)!r} at {place}"
                return f"the derivative of {self.expression} needs {condition}, where {seen}"
        return ""

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

    @functools.cached_property
    def _fast(self) -> tuple[tuple[Instruction, ...], list[int]]:
        """The result and both sides of all conditions as one program."""
        sides = (side for one in self.conditions for side in (one.left, one.right))
        return joint_program([self.result.root, *sides])

    def _point(self, x: ArrayLike | Point, named: Mapping[str, ArrayLike]) -> dict[str, Floats]:
        given = dict(x) if isinstance(x, Mapping) else {self.variable: x}
        wanted = [*dict.fromkeys([*self.expression.variables, self.variable])]
        return named_values({**given, **named}, wanted, f"the derivative of {self.expression}")


def _margins(conditions: Sequence[Condition], sides: Sequence[Any]) -> list[Any]:
    """How far each condition is from being broken; NaN where that has no sense."""
    return [
        RELATIONS[one.relation](left, right)
        for one, left, right in zip(conditions, sides[0::2], sides[1::2], strict=True)
    ]


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
        If the order or the variable is none, or the derivative grows beyond 20 000 operations.
    RefutedError
        If a step is not the derivative of its piece: a mistake in the table of rules.

    Examples
    --------
    >>> str(derive("5*x^5 + 4*x^3 - 5").result)
    '25*x**4 + 12*x**2'
    """
    tree = parse(expression) if isinstance(expression, str) else expression
    if isinstance(order, bool) or not isinstance(order, int) or not 1 <= order <= MAX_ORDER:
        raise ValueError(f"the order {order!r} is not a whole number from 1 to {MAX_ORDER}; write 1, 2, ...")
    name = chosen_variable(tree, variable)
    roots: list[Step] = []
    for k in range(order):
        roots.append(differentiate(roots[-1].result.root if roots else tree.root, Variable(name)))
        operations = len(roots[-1].result.program)
        if operations > MAX_OPERATIONS:
            raise ValueError(
                f"derivative {k + 1} of {tree} has {operations:,} operations, the most is {MAX_OPERATIONS:,}; "
                "ask for a lower order"
            )
    checked = verify([step for root in roots for step in steps_of(root)], Variable(name))
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
