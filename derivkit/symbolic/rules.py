"""THE table of differentiation rules: one row each, from the operation it is for to the condition under which it holds.

A rule for a function says its slope in each argument; the chain rule joins these with the derivatives of the
arguments, in one place for all. The rules of sums, products, quotients and powers say what they build. No rule knows
how it is checked, printed, or broken by a student.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

import numpy as np

from derivkit.expressions.algebra import ONE, ZERO, apply, factors_of, product, rational, terms_of, total, value_of
from derivkit.expressions.tree import Branch, Constant, Node, Operation, program_of, short_text
from derivkit.operations.elementary import ELEMENTARY
from derivkit.operations.formulas import Meaning, Region, worked_out
from derivkit.operations.row import Elementary
from derivkit.types import Array

E, PI = Constant("e"), Constant("pi")


# Conditions


def _to_whole(u: Array, _: Array) -> Array:
    return np.abs(u - np.rint(u))


def _to_pole(u: Array, _: Array) -> Array:
    return np.where(u < 0.5, np.abs(u - np.rint(u)), u)


def _to_negative(u: Array, n: Array) -> Array:
    """A whole power needs no positive base, and only a negative one needs a base that is not 0."""
    return np.where(np.rint(n) == n, np.where(n < 0.0, np.abs(u), np.inf), u)


POSITIVE_OR_WHOLE = "is positive or raised to a whole number"
RELATIONS: Mapping[str, Callable[[Array, Array], Array]] = MappingProxyType(
    {
        "≠": lambda a, b: np.abs(a - b),
        ">": lambda a, b: a - b,
        "<": lambda a, b: b - a,
        "is not an integer": _to_whole,
        "is not 0, -1, -2, ...": _to_pole,
        POSITIVE_OR_WHOLE: _to_negative,
    }
)
"""How far a relation of two numbers is from being broken: positive where it holds."""


@dataclass(frozen=True)
class Condition:
    """A relation that must hold for a rule to hold: ``left relation right``; some relations are of ``left`` alone.

    Attributes
    ----------
    left, right : Node
        Its sides.
    relation : str
        One of `RELATIONS`.
    needed : Node
        The relation is of no account where this is 0: two branches that meet with the same slope are no kink, and in a
        formula of several pieces each counts in its place only.
    place : str
        That place in words, such as ``where x < 1``; empty if it is everywhere.
    """

    left: Node
    relation: str
    right: Node = ZERO
    needed: Node = ONE
    place: str = ""

    @property
    def alone(self) -> bool:
        """Whether the relation is of the left side alone."""
        return self.relation.startswith("is")

    def __str__(self) -> str:
        relation = f"{short_text(self.left)} {self.relation}{'' if self.alone else ' ' + short_text(self.right)}"
        return f"{relation} {self.place}" if self.place else relation

    def __repr__(self) -> str:
        return f"<Condition {self}>"

    @property
    def nodes(self) -> tuple[Node, Node, Node]:
        """What is evaluated to see whether it holds."""
        return self.left, self.right, self.needed

    def margin(self, left: Array, right: Array, needed: Array) -> Array:
        """How far it is from being broken, from the values of its nodes; NaN where that has no sense."""
        with np.errstate(all="ignore"):
            return np.where(needed == 0.0, np.inf, RELATIONS[self.relation](left, right))


def tree_of_formula(formula: str, u: Node) -> Node:
    """A formula of the table as a tree, with u in its place."""
    return worked_out(formula, u, TREES)  # type: ignore[no-any-return]  # the meaning makes nodes


TREES = Meaning(number=lambda n: rational(Fraction(n)), pi=lambda: PI, apply=apply)


def within(region: Region | None, u: Node) -> tuple[Condition, ...]:
    """That u lies in a region of the table of operations."""
    if region is None:
        return ()
    return (Condition(tree_of_formula(region.left, u), region.relation, rational(region.right)),)


def nonzero(u: Node) -> tuple[Condition, ...]:
    """u is not 0."""
    return (Condition(u, "≠"),)


def positive(u: Node) -> tuple[Condition, ...]:
    """u is above 0."""
    return (Condition(u, ">"),)


def _one_is(operation: str) -> Callable[..., tuple[Condition, ...]]:
    """None of the arguments is as large, or as small, as the best of the others."""

    def conditions(*arguments: Node) -> tuple[Condition, ...]:
        distinct = list(dict.fromkeys(arguments))
        if len(distinct) <= 2:
            return tuple(Condition(a, "≠", b) for a, b in itertools.pairwise(distinct))
        return tuple(
            Condition(u, "≠", apply(operation, *distinct[:k], *distinct[k + 1 :])) for k, u in enumerate(distinct)
        )

    return conditions


def _none(*_: Node) -> tuple[Condition, ...]:
    return ()


# What a row is

Varies = Callable[[Node], bool]
"""Whether a node depends on the variable."""
Derive = Callable[[Node], Node]
"""The derivative of a part, as it is to be written."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One way to differentiate an operation.

    Attributes
    ----------
    name, operation, formula : str
        What it is called, the operation that it is for, and what it says; empty where that is read off the slope
        (:func:`derivkit.symbolic.notation.writing.rule_text`).
    when : callable
        Whether it is for this node; of an operation's rules the first that is for a node is applied.
    slopes : callable, optional
        The slope of the operation in each argument, from the arguments: for functions, joined by the chain rule.
    parts, build : callable, optional
        For all else: the parts whose derivatives are needed, and the derivative built from theirs.
    conditions : callable
        From the arguments, under which conditions the rule holds.
    meeting : {"", "kink", "border"}
        Where the conditions say that two branches do not meet: whether they meet with equal values, or perhaps not.
    """

    name: str
    operation: str
    formula: str = ""
    when: Callable[[Branch, Varies], bool] = lambda node, varies: True
    slopes: Callable[..., Sequence[Node]] | None = None
    parts: Callable[[Branch, Varies], Sequence[Node]] = lambda node, varies: tuple(
        dict.fromkeys(filter(varies, node.arguments))
    )
    build: Callable[[Branch, Varies, Derive], Node] | None = None
    conditions: Callable[..., Sequence[Condition]] = _none
    meeting: str = ""


def of_row(row: Elementary) -> Rule:
    """The rule that follows from the slope of a row."""
    return Rule(
        name=row.title, operation=row.name, slopes=lambda u: (tree_of_formula(row.slope, u),),
        conditions=lambda u: within(row.differentiable, u), meeting=row.meeting,
    )  # fmt: skip


# Building blocks


def _n(numerator: int, denominator: int = 1) -> Node:
    return rational(Fraction(numerator, denominator))


def _minus(u: Node) -> Node:
    return apply("negate", u)


def _times(*factors: Node) -> Node:
    return product(factors)


def _over(a: Node, b: Node) -> Node:
    return apply("divide", a, b)


def _to(u: Node, n: int) -> Node:
    return apply("power", u, _n(n))


def _plus(a: Node, b: Node) -> Node:
    return apply("add", a, b)


def _less(a: Node, b: Node) -> Node:
    return apply("subtract", a, b)


def _log(u: Node) -> Node:
    return apply("log", u)


# Sums, products, quotients, powers


def _sum(node: Branch, varies: Varies, d: Derive) -> Node:
    del varies  # a constant term has the derivative 0, and it is written
    (sign, first), *rest = terms_of(node)
    result = d(first) if sign > 0 else _minus(d(first))
    for sign, term in rest:
        result = apply("add" if sign > 0 else "subtract", result, d(term))
    return result


def _constant_factors(node: Branch, varies: Varies) -> list[Node]:
    return [factor for factor in factors_of(node) if not varies(factor)]


def _other_factors(node: Branch, varies: Varies) -> tuple[Node, ...]:
    return (product([factor for factor in factors_of(node) if varies(factor)]),)


def _constant_multiple(node: Branch, varies: Varies, d: Derive) -> Node:
    return product([*_constant_factors(node, varies), *map(d, _other_factors(node, varies))])


def _product(node: Branch, varies: Varies, d: Derive) -> Node:
    del varies
    factors = factors_of(node)
    return total([product([*factors[:k], d(factor), *factors[k + 1 :]]) for k, factor in enumerate(factors)])


def _reciprocal(node: Branch, varies: Varies, d: Derive) -> Node:
    del varies
    above, below = node.arguments
    return _minus(_over(_times(above, d(below)), _to(below, 2)))


def _quotient(node: Branch, varies: Varies, d: Derive) -> Node:
    del varies
    above, below = node.arguments
    return _over(_less(_times(d(above), below), _times(above, d(below))), _to(below, 2))


def _power_slope(base: Node, exponent: Node) -> Sequence[Node]:
    return _times(exponent, apply("power", base, _less(exponent, ONE))), ZERO


def _exponential_slope(base: Node, exponent: Node) -> Sequence[Node]:
    power = apply("power", base, exponent)
    return ZERO, power if base == E else _times(power, _log(base))


def _logarithmic(node: Branch, varies: Varies, d: Derive) -> Node:
    del varies
    base, exponent = node.arguments
    inner = _plus(_times(d(exponent), _log(base)), _over(_times(exponent, d(base)), base))
    return _times(node, inner)


def _of_power(base: Node, exponent: Node) -> Sequence[Condition]:
    """Of a constant exponent: no whole one needs a positive base, and no positive whole one anything."""
    n = value_of(exponent)
    if n is None:
        named = any(step.operation == "variable" for step in program_of(exponent))
        return (Condition(base, POSITIVE_OR_WHOLE, exponent),) if named else positive(base)
    if n.denominator != 1:
        return positive(base)
    return nonzero(base) if n < 0 else ()


def _of_base(base: Node, exponent: Node) -> Sequence[Condition]:
    del exponent
    known = value_of(base)
    return () if base in (E, PI) or (known is not None and known > 0) else positive(base)


def _pattern(varying: str) -> Callable[[Branch, Varies], bool]:
    """Which arguments depend on the variable: v for each that does, c for each that is constant."""
    return lambda node, varies: "".join("v" if varies(part) else "c" for part in node.arguments) == varying


STRUCTURE_RULES = (
    *(
        Rule(
            name="sum", operation=name, formula="(u + v)' = u' + v'", build=_sum,
            parts=lambda node, varies: tuple(term for _, term in terms_of(node)),
        )
        for name in ("add", "subtract")
    ),
    Rule(
        name="constant multiple", operation="negate", formula="(-u)' = -u'",
        build=lambda node, varies, d: _minus(d(node.arguments[0])),
    ),
    Rule(
        name="constant multiple", operation="multiply", formula="(c u)' = c u'",
        when=lambda node, varies: bool(_constant_factors(node, varies)), parts=_other_factors,
        build=_constant_multiple,
    ),
    Rule(
        name="product", operation="multiply", formula="(u v)' = u' v + u v'", build=_product,
        parts=lambda node, varies: tuple(factors_of(node)),
    ),
    Rule(
        name="constant multiple", operation="divide", formula="(u/c)' = u'/c", when=_pattern("vc"),
        build=lambda node, varies, d: _over(d(node.arguments[0]), node.arguments[1]),
    ),
    Rule(
        name="reciprocal", operation="divide", formula="(c/u)' = -c u'/u^2", when=_pattern("cv"),
        build=_reciprocal, conditions=lambda above, below: nonzero(below),
    ),
    Rule(
        name="quotient", operation="divide", formula="(u/v)' = (u' v - u v')/v^2", build=_quotient,
        conditions=lambda above, below: nonzero(below),
    ),
    Rule(
        name="power", operation="power", formula="(u^n)' = n u^(n-1) u'", when=_pattern("vc"),
        slopes=_power_slope, conditions=_of_power,
    ),
    Rule(
        name="exponential", operation="power", formula="(a^u)' = a^u log(a) u'", when=_pattern("cv"),
        slopes=_exponential_slope, conditions=_of_base,
    ),
    Rule(
        name="logarithmic differentiation", operation="power", formula="(u^v)' = u^v (v' log(u) + v u'/u)",
        build=_logarithmic, conditions=lambda base, exponent: positive(base),
    ),
)  # fmt: skip


# Functions


def _log_slopes(u: Node, base: Node | None = None) -> Sequence[Node]:
    if base is None:
        return (_over(ONE, u),)
    in_u = _over(ONE, _times(u, _log(base)))
    return in_u, _minus(_over(_log(u), _times(base, _to(_log(base), 2))))


def _log_conditions(u: Node, base: Node | None = None) -> Sequence[Condition]:
    if base is None:
        return positive(u)
    known = value_of(base)
    good = base in (E, PI) or (known is not None and known > 0 and known != 1)
    return (*positive(u), *(() if good else (*positive(base), Condition(base, "≠", ONE))))


def _leaky_slopes(u: Node, slope: Node | None = None) -> Sequence[Node]:
    at_left = _n(1, 100) if slope is None else slope
    in_u = apply("piecewise", ONE, apply("greater", u, ZERO), at_left)
    return (in_u,) if slope is None else (in_u, apply("piecewise", ZERO, apply("greater", u, ZERO), u))


def _best(operation: str, comparison: str) -> Callable[[Branch, Varies, Derive], Node]:
    """The derivative of the argument that is chosen: of each in turn, if it is beyond all that follow."""

    def build(node: Branch, varies: Varies, d: Derive) -> Node:
        # What moves comes first: where x > 0, else 0, as a person would say it.
        arguments = sorted(dict.fromkeys(node.arguments), key=lambda u: not varies(u))
        slopes = [d(u) if varies(u) else ZERO for u in arguments]
        parts: list[Node] = []
        for k, u in enumerate(arguments[:-1], 1):
            others = arguments[k:]
            parts += [slopes[k - 1], apply(comparison, u, apply(operation, *others) if len(others) > 1 else others[0])]
        return apply("piecewise", *parts, slopes[-1]) if parts else slopes[0]

    return build


def _share_slopes(*arguments: Node) -> Sequence[Node]:
    first = apply("softmax", *arguments)
    shares = [apply("softmax", *_front(arguments, k)) for k in range(len(arguments))]
    return [_times(first, _less(ONE, first)), *(_minus(_times(first, share)) for share in shares[1:])]


def _front(arguments: Sequence[Node], k: int) -> Sequence[Node]:
    return (arguments[k], *arguments[:k], *arguments[k + 1 :])


def _pieces(node: Branch, varies: Varies) -> tuple[Node, ...]:
    del varies
    return node.arguments[0::2]


def _piecewise(node: Branch, varies: Varies, d: Derive) -> Node:
    del varies
    return apply("piecewise", *(d(part) if k % 2 == 0 else part for k, part in enumerate(node.arguments)))


def _borders(*arguments: Node) -> Sequence[Condition]:
    comparisons = (comparison for comparison in arguments[1::2] if isinstance(comparison, Operation))
    return tuple(Condition(comparison.arguments[0], "≠", comparison.arguments[1]) for comparison in comparisons)


FUNCTION_RULES = (
    *(of_row(row) for row in ELEMENTARY.values() if row.slope),
    Rule(
        name="logarithm", operation="log", formula="(log u)' = u'/u", slopes=_log_slopes, conditions=_log_conditions
    ),
    Rule(
        name="polygamma function", operation="polygamma", formula="(ψₙ(u))' = ψₙ₊₁(u) u'",
        slopes=lambda n, u: (ZERO, apply("polygamma", rational(_whole(n) + 1), u)),
        conditions=lambda n, u: within(ELEMENTARY["polygamma"].differentiable, u),
    ),
    Rule(
        name="leaky relu", operation="leaky_relu", formula="leaky_relu(u)' = u' where u > 0, else a u'",
        slopes=_leaky_slopes, conditions=lambda u, slope=None: nonzero(u), meeting="kink",
    ),
    Rule(
        name="maximum", operation="max", formula="max(u, v)' = u' where u > v, v' where v > u",
        build=_best("max", "greater"), conditions=_one_is("max"), meeting="kink",
    ),
    Rule(
        name="minimum", operation="min", formula="min(u, v)' = u' where u < v, v' where v < u",
        build=_best("min", "less"), conditions=_one_is("min"), meeting="kink",
    ),
    Rule(
        name="softmax", operation="softmax", formula="(p_i)' = p_i (u_i' - Σ p_j u_j')", slopes=_share_slopes
    ),
    Rule(
        name="log-sum-exp", operation="logsumexp", formula="(log Σ e^u_j)' = Σ p_j u_j'",
        slopes=lambda *u: [apply("softmax", *_front(u, k)) for k in range(len(u))],
    ),
    Rule(
        name="piecewise", operation="piecewise", formula="piece by piece, away from the borders", build=_piecewise,
        parts=_pieces, conditions=_borders, meeting="border",
    ),
)  # fmt: skip
"""Those of one argument follow from their rows, those of several are written out."""


def _whole(node: Node) -> Fraction:
    value = value_of(node)
    if value is None:
        raise ValueError("the order of a polygamma function is a whole number that is written down")
    return value


def _by_operation(rows: Sequence[Rule]) -> Mapping[str, tuple[Rule, ...]]:
    return MappingProxyType({row.operation: tuple(r for r in rows if r.operation == row.operation) for row in rows})


RULES = _by_operation((*STRUCTURE_RULES, *FUNCTION_RULES))
"""The rules of every operation, in the order in which they are tried."""
