"""The engine that differentiates a tree by the table of rules, one step for every piece."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import replace

from derivkit.expressions.algebra import ONE, ZERO, apply, factors_of, folded, product, surely_positive, total, value_of
from derivkit.expressions.tree import (
    Branch,
    Expression,
    Node,
    Operation,
    Unevaluated,
    Unknown,
    Variable,
    arguments_of,
    postorder,
    program_of,
    short_text,
    tree_of,
)
from derivkit.symbolic.rules import RULES, Condition, Rule
from derivkit.symbolic.steps import Step

MAX_FACTORS, MAX_FACTORS_AGAIN = 100_000, 20_000
"""Factors that rules may write for the first derivative and for a later one, n^2 for n factors or n arguments: a
formula that the parser lets through has 300; constants without a derivation."""


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
    return _Engine(tree_of(program_of(root)), variable, most).run()


UNKNOWN_RULE = Rule(name="unknown function", operation="unknown", formula="f(u)' = f'(u) u'", slopes=lambda u: (u,))
"""The rule of an unknown function, whose slope is its own derivative."""


class Dependence:
    """Whether nodes depend on a variable; every answer is stored."""

    def __init__(self, variable: Variable) -> None:
        self._variable = variable
        self.known: dict[Node, bool] = {}

    def __call__(self, root: Node) -> bool:
        """Whether this node does."""
        if root not in self.known:
            for node in postorder([root], lambda node: [part for part in arguments_of(node) if part not in self.known]):
                self.known[node] = node == self._variable or any(self.known[part] for part in arguments_of(node))
        return self.known[root]


def rule_of(node: Branch, varies: Dependence) -> Rule:
    """The rule by which a node is differentiated."""
    rows = RULES[node.name] if isinstance(node, Operation) else (UNKNOWN_RULE,)
    return next(rule for rule in rows if rule.when(node, varies))


def slope_in(rule: Rule, node: Branch, places: Container[int]) -> Node:
    """The slope of an operation in its arguments at some places, which are one and move together."""
    if isinstance(node, Unknown):
        return Unknown(node.name, node.order + 1, node.argument)
    slopes = rule.slopes(*node.arguments) if rule.slopes else ()
    return total([slope for k, slope in enumerate(slopes) if k in places])


def places_of(part: Node, node: Branch) -> list[int]:
    """Which arguments of a node are equal to this one."""
    return [k for k, argument in enumerate(node.arguments) if argument == part]


class _Engine:
    """What is known while one tree is differentiated: which nodes depend on the variable, and the steps so far."""

    def __init__(self, root: Node, variable: Variable, most: int) -> None:
        self._root, self._variable, self._most = root, variable, most
        self.varies = Dependence(variable)
        self._signs: dict[Node, int] = {}
        self._unique: dict[Node, Node] = {}
        self._steps: dict[Node, Step] = {}
        self._known: dict[int, Node] = {}
        """Nodes that folding leaves as they are, by identity: typed ones, and results."""

    def run(self) -> Step:
        self.varies(self._root)
        self._refuse_long_products()
        self._known = {id(node): node for node in self.varies.known}
        self._unique = {node: node for node in self.varies.known}
        # Parts are made anew by some rules: equal ones are one.
        for node in postorder([self._root], self._parts, key=lambda node: node):
            step = self._steps[node] = self._step_of(node)
            self._known[id(step.result.root)] = step.result.root
        return self._steps[self._root]

    def _refuse_long_products(self) -> None:
        """The product rule writes n^2 factors for n, and the derivative of a derivative has n products of n.

        So it is with functions of n arguments, whose slope in each is a function of all.
        """
        moving = [node for node, varies in self.varies.known.items() if varies and isinstance(node, Operation)]
        products = [node for node in moving if node.name == "multiply"]
        parts = {id(part) for node in products for part in node.arguments}
        factors = [len(factors_of(node)) for node in products if id(node) not in parts]
        arguments = [len(node.arguments) for node in moving if len(node.arguments) > 2]
        if sum(n**2 for n in (*factors, *arguments)) > self._most:
            raise ValueError(
                f"the rules write more than {self._most:,} factors for {short_text(self._root)}; "
                "ask for a lower order or a shorter product"
            )

    def _parts(self, node: Node) -> tuple[Node, ...]:
        """The parts of a node whose derivatives its rule needs."""
        if not isinstance(node, Branch) or not self.varies(node):
            return ()
        rule = rule_of(node, self.varies)
        parts = tuple(rule.parts(node, self.varies))
        return () if rule.slopes and parts == (self._variable,) else parts

    def _step_of(self, node: Node) -> Step:
        """The step of a node, those of its parts being known."""
        if not isinstance(node, Branch) or not self.varies(node):
            return self._step("identity", node, ONE) if self.varies(node) else self._step("constant", node, ZERO)
        rule, parts = rule_of(node, self.varies), self._parts(node)
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
        """Whether everything in a node that depends on the variable is constant nevertheless, such as x - x."""
        moving = {part for part in node.arguments if self.varies(part)}
        return moving <= {child.piece.root for child in children if child.result.root == ZERO}

    def _conditions(self, rule: Rule, node: Branch) -> tuple[Condition, ...]:
        """Those conditions of a rule that may fail, each where it counts."""
        conditions = []
        for condition in rule.conditions(*node.arguments):
            if (
                condition.relation in {">", "≠"}
                and condition.right == ZERO
                and surely_positive(condition.left, self._signs)
            ):
                continue
            meeting = self._meeting(condition, node, kink=rule.meeting == "kink") if rule.meeting else condition
            if meeting:
                conditions.append(meeting)
        return tuple(conditions)

    def _meeting(self, condition: Condition, node: Branch, *, kink: bool) -> Condition | None:
        """The condition that two branches do not meet; None if they never do, or always, or if others say it."""
        left, right = condition.left, condition.right
        if left == right or not (self.varies(left) or self.varies(right)):
            return None
        if kink and not self.varies(left):
            if right not in node.arguments:
                return None
            left, right = right, left
        if not kink:
            return replace(condition, left=left, right=right)
        ends = [self._steps[side].result.root if side in self._steps else None for side in (left, right)]
        rates = [
            ZERO if end is None and not self.varies(side) else end
            for end, side in zip(ends, (left, right), strict=True)
        ]
        if rates[0] is None or rates[1] is None:
            return replace(condition, left=left, right=right)
        rate = folded(apply("subtract", rates[0], rates[1]), self._known, self._unique)
        return replace(condition, left=left, right=right, needed=ONE if value_of(rate) else rate)

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
        return slope_in(rule, node, places_of(part, node))

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
