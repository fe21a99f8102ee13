"""Candidates for a diagnosis: every mistake of the table made at every step of a derivation that it fits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from derivkit.expressions.algebra import ONE, ZERO, apply, factors_of, folded, product, terms_of, total, value_of
from derivkit.expressions.expression import parse
from derivkit.expressions.tree import Branch, Node, Operation, Unevaluated, Variable, replaced, with_arguments
from derivkit.symbolic.differentiation import Dependence, places_of, rule_of, slope_in
from derivkit.symbolic.mistakes import MISTAKES, Mistake
from derivkit.symbolic.rules import Rule
from derivkit.symbolic.steps import Step


@dataclass(frozen=True)
class Candidate:
    """A mistake at a step: its piece would have this derivative.

    Attributes
    ----------
    mistake : Mistake
        The row of the table.
    step : Step
        Where it is made.
    written : Node
        What the mistake makes of the step's piece.
    parts : tuple of Candidate
        The same mistake at several steps, if it is made at all of them at once.
    """

    mistake: Mistake
    step: Step
    written: Node
    parts: tuple[Candidate, ...] = ()


def candidates_of(steps: Iterable[Step], variable: Variable) -> Iterator[Candidate]:
    """Every mistake of the table at every step that it fits; of those that write the same line the first."""
    sites = _Sites(variable)
    for step in steps:
        site = sites.of(step)
        lines: set[Node] = {step.unfolded}
        for mistake in MISTAKES:
            if not set(mistake.kinds) & set(site.kinds):
                continue
            for names in site.terms if mistake.each else (site.names,):
                written = _filled(mistake.formula, names)
                if mistake.slope and site.inner != ONE:
                    written = product([written, site.inner])
                if written not in lines:
                    lines.add(written)
                    yield Candidate(mistake, step, written)


def first_powers(steps: Iterable[Step], variable: Variable) -> Iterator[Candidate]:
    """The mistakes about powers made of the variable itself, as its first power: likely only where others show them."""
    names: Names = {"u": variable, "x": variable, "y": variable, "n": ONE, "du": ONE, "right": ONE}
    at = [step for step in steps if step.piece.root == variable]
    rows = [mistake for mistake in MISTAKES if "power" in mistake.kinds]
    return (Candidate(row, step, folded(_filled(row.formula, names), {})) for step in at for row in rows)


@cache
def _formula(text: str) -> Node:
    return parse(text).root


def _filled(formula: str, names: Mapping[str, Node]) -> Node:
    return replaced(_formula(formula), lambda node: names[node.name] if isinstance(node, Variable) else None)


Names = Mapping[str, Node]
"""What the names in the formulas of the table mean at a step."""


@dataclass(frozen=True)
class _Site:
    """The kinds of mistakes that fit a step, and what the names in their formulas mean there."""

    kinds: tuple[str, ...]
    names: Names
    terms: tuple[Names, ...] = ()
    """The same for each term, of mistakes that are made once for each."""
    inner: Node = ONE
    """The derivative by which a slope is multiplied."""


def _without(items: Sequence[Node], k: int) -> list[Node]:
    return [*items[:k], *items[k + 1 :]]


class _Sites:
    """The steps of one derivation as places for mistakes."""

    def __init__(self, variable: Variable) -> None:
        self._variable, self._varies = variable, Dependence(variable)
        self._by_rule: Mapping[str, Callable[[Branch, Names], _Site]] = {
            "sum": self._sum,
            "constant multiple": self._constant_multiple,
            "product": self._product,
            "quotient": lambda node, names: self._pair(node, names, "quotient"),
            "logarithmic differentiation": lambda node, names: self._pair(node, names, "logarithmic differentiation"),
            "reciprocal": self._reciprocal,
            "piecewise": self._piecewise,
        }

    def _d(self, node: Node) -> Node:
        return ONE if node == self._variable else Unevaluated(node, self._variable.name)

    def of(self, step: Step) -> _Site:
        node = step.piece.root
        names = {"y": node, "x": self._variable, "right": step.unfolded}
        if not isinstance(node, Branch) or not self._varies(node):
            return _Site(("identity" if node == self._variable else "constant",), names)
        rule = rule_of(node, self._varies)
        if rule.name in self._by_rule:
            return self._by_rule[rule.name](node, names)
        return self._function(node, rule, names)

    def _sum(self, node: Branch, names: Names) -> _Site:
        slopes = [(sign, self._d(term)) for sign, term in terms_of(node) if self._varies(term)]
        each = tuple({**names, "term": slope if sign > 0 else apply("negate", slope)} for sign, slope in slopes)
        kinds = ("sum",) if len(slopes) > 1 else ()
        return _Site(kinds, {**names, "derivatives": product([slope for _, slope in slopes])}, each)

    def _constant_multiple(self, node: Branch, names: Names) -> _Site:
        kinds = [f"constant {node.name}" if isinstance(node, Operation) else ""]
        moving, constant = node.arguments[0], node.arguments[-1]
        if kinds == ["constant multiply"]:
            moving = product([part for part in factors_of(node) if self._varies(part)])
            constant = product([part for part in factors_of(node) if not self._varies(part)])
            kinds += ["negative factor"] if (value_of(folded(constant, {})) or 0) < 0 else []
        names = {**names, "c": constant, "u": moving, "du": self._d(moving)}
        constants = factors_of(constant)
        each = tuple(
            {**names, "term": product([*_without(constants, k), names["du"]])}
            for k in range(len(constants) if len(constants) > 1 else 0)
        )
        return _Site(tuple(kinds), names, each)

    def _product(self, node: Branch, names: Names) -> _Site:
        factors = factors_of(node)
        slopes = [self._d(factor) for factor in factors]
        each = tuple(
            {**names, "term": product([*factors[:k], slope, *factors[k + 1 :]])} for k, slope in enumerate(slopes)
        )
        together = {
            "derivatives": product(slopes),
            "sum_of_derivatives": total(slopes),
            "paired": total([apply("multiply", *pair) for pair in zip(factors, slopes, strict=True)]),
        }
        return _Site(("product", *(("long product",) if len(factors) > 2 else ())), {**names, **together}, each)

    def _pair(self, node: Branch, names: Names, kind: str) -> _Site:
        u, v = node.arguments
        return _Site((kind,), {**names, "u": u, "v": v, "c": u, "du": self._d(u), "dv": self._d(v)})

    def _reciprocal(self, node: Branch, names: Names) -> _Site:
        above, below = node.arguments
        return _Site(("reciprocal",), {**names, "c": above, "v": below, "du": self._d(below)})

    def _piecewise(self, node: Branch, names: Names) -> _Site:
        parts = node.arguments
        each = []
        for k in range(0, len(parts), 2):
            alone = [ZERO if i % 2 == 0 and i != k else part for i, part in enumerate(parts)]
            slope = [*alone[:k], self._d(parts[k]) if self._varies(parts[k]) else ZERO, *alone[k + 1 :]]
            each.append({**names, "piece": apply("piecewise", *alone), "term": apply("piecewise", *slope)})
        return _Site(("piecewise",), names, tuple(each))

    def _function(self, node: Branch, rule: Rule, names: Names) -> _Site:
        moving = list(dict.fromkeys(part for part in node.arguments if self._varies(part)))
        name = node.name if isinstance(node, Operation) else "unknown"
        if len(moving) > 1:
            pair = dict(zip(("u", "v", "du", "dv"), (*moving[:2], *map(self._d, moving[:2])), strict=True))
            return _Site((f"{'two' if len(moving) == 2 else 'several'} {name}", "function"), {**names, **pair})
        u, du = moving[0], self._d(moving[0])
        names = {
            **names,
            "u": u,
            "du": du,
            "slope": self._slope_at(u, node, rule, u),
            "slope_of_du": self._slope_at(du, node, rule, u),
            "slope_of_x": self._slope_at(self._variable, node, rule, u),
            "slope_of_minus_u": self._slope_at(apply("negate", u), node, rule, u),
            "y_of_du": _moved(node, u, du),
            "a": node.arguments[0],
            "n": node.arguments[-1],
            "slope_e": apply("divide", ONE, u),
        }
        return _Site((*self._kinds(node, name, rule, u), "function"), names, inner=du)

    def _kinds(self, node: Branch, name: str, rule: Rule, u: Node) -> list[str]:
        """The kinds of mistakes that fit a function of one part that varies."""
        kinds = [rule.name if rule.operation == "power" else name]
        if kinds == ["power"]:
            n = value_of(node.arguments[1])
            kinds += ["negative power"] if n is not None and n < 0 else []
            kinds += ["fractional power"] if n is not None and n.denominator > 1 else []
        if name == "log" and len(node.arguments) > 1:
            kinds += ["log with base"]
        if u != self._variable:
            kinds += ["chain", *(["chain log"] if name == "log" else [])]
        return kinds

    @staticmethod
    def _slope_at(other: Node, node: Branch, rule: Rule, u: Node) -> Node:
        """The slope of a function in u, with something else in the place of u."""
        moved = _moved(node, u, other)
        if rule.build:
            return rule.build(moved, lambda part: part == other, lambda part: ONE if part == other else ZERO)
        return slope_in(rule, moved, places_of(u, node))


def _moved(node: Branch, u: Node, other: Node) -> Branch:
    return with_arguments(node, [other if part == u else part for part in node.arguments])
