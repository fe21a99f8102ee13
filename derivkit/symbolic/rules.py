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
from numpy.typing import NDArray

from derivkit.expressions.algebra import ONE, TWO, ZERO, apply, factors_of, product, rational, terms_of, total, value_of
from derivkit.expressions.tree import Branch, Constant, Node, Operation, program_of, short_text

Floats = NDArray[np.float64]


# Conditions


def _to_whole(u: Floats, _: Floats) -> Floats:
    return np.abs(u - np.rint(u))


def _to_pole(u: Floats, _: Floats) -> Floats:
    return np.where(u < 0.5, np.abs(u - np.rint(u)), u)


def _to_negative(u: Floats, n: Floats) -> Floats:
    """A whole power needs no positive base, and only a negative one needs a base that is not 0."""
    return np.where(np.rint(n) == n, np.where(n < 0.0, np.abs(u), np.inf), u)


WHOLE = "is positive or raised to a whole number"
RELATIONS: Mapping[str, Callable[[Floats, Floats], Floats]] = MappingProxyType(
    {
        "≠": lambda a, b: np.abs(a - b),
        ">": lambda a, b: a - b,
        "<": lambda a, b: b - a,
        "is not an integer": _to_whole,
        "is not 0, -1, -2, ...": _to_pole,
        WHOLE: _to_negative,
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
        said = f"{short_text(self.left)} {self.relation}{'' if self.alone else ' ' + short_text(self.right)}"
        return f"{said} {self.place}" if self.place else said

    def __repr__(self) -> str:
        return f"<Condition {self}>"

    @property
    def nodes(self) -> tuple[Node, Node, Node]:
        """What is evaluated to see whether it holds."""
        return self.left, self.right, self.needed

    def margin(self, left: Floats, right: Floats, needed: Floats) -> Floats:
        """How far it is from being broken, from the values of its nodes; NaN where that has no sense."""
        with np.errstate(all="ignore"):
            return np.where(needed == 0.0, np.inf, RELATIONS[self.relation](left, right))


def nonzero(u: Node) -> tuple[Condition, ...]:
    """u is not 0."""
    return (Condition(u, "≠"),)


def positive(u: Node) -> tuple[Condition, ...]:
    """u is above 0."""
    return (Condition(u, ">"),)


def _above(bound: int) -> Callable[[Node], tuple[Condition, ...]]:
    return lambda u: (Condition(u, ">", rational(Fraction(bound))),)


def _inside(u: Node) -> tuple[Condition, ...]:
    return (Condition(apply("abs", u), "<", ONE),)


def _outside(u: Node) -> tuple[Condition, ...]:
    return (Condition(apply("abs", u), ">", ONE),)


def _not_whole(u: Node) -> tuple[Condition, ...]:
    return (Condition(u, "is not an integer"),)


def _no_pole(u: Node) -> tuple[Condition, ...]:
    return (Condition(u, "is not 0, -1, -2, ..."),)


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
        What it is called, the operation that it is for, and what it says.
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
    formula: str
    when: Callable[[Branch, Varies], bool] = lambda node, varies: True
    slopes: Callable[..., Sequence[Node]] | None = None
    parts: Callable[[Branch, Varies], Sequence[Node]] = lambda node, varies: tuple(
        dict.fromkeys(filter(varies, node.arguments))
    )
    build: Callable[[Branch, Varies, Derive], Node] | None = None
    conditions: Callable[..., Sequence[Condition]] = _none
    meeting: str = ""


def function(
    operation: str,
    name: str,
    slope: Callable[[Node], Node],
    formula: str,
    conditions: Callable[..., Sequence[Condition]] = _none,
    meeting: str = "",
) -> Rule:
    """A row for a function of one argument."""
    return Rule(
        name=name, operation=operation, formula=formula, slopes=lambda u: (slope(u),), conditions=conditions,
        meeting=meeting,
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


def _root(u: Node) -> Node:
    return apply("sqrt", u)


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
        return (Condition(base, WHOLE, exponent),) if named else positive(base)
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


E, PI = Constant("e"), Constant("pi")

STRUCTURE = (
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


def _tangent_slope(u: Node) -> Node:
    return _over(ONE, _to(apply("cos", u), 2))


def _normal_density(u: Node) -> Node:
    return _over(apply("exp", _minus(_over(_to(u, 2), TWO))), _root(_times(TWO, PI)))


def _normal_distribution(u: Node) -> Node:
    return _over(_plus(ONE, apply("erf", _over(u, _root(TWO)))), TWO)


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
    comparisons = (one for one in arguments[1::2] if isinstance(one, Operation))
    return tuple(Condition(one.arguments[0], "≠", one.arguments[1]) for one in comparisons)


FUNCTIONS = (
    function("exp", "exponential", lambda u: apply("exp", u), "(e^u)' = e^u u'"),
    function("expm1", "exponential", lambda u: apply("exp", u), "(e^u - 1)' = e^u u'"),
    Rule(
        name="logarithm", operation="log", formula="(log u)' = u'/u", slopes=_log_slopes, conditions=_log_conditions
    ),
    function(
        "log1p", "logarithm", lambda u: _over(ONE, _plus(ONE, u)), "(log(1 + u))' = u'/(1 + u)", _above(-1)
    ),
    function("log2", "logarithm", lambda u: _over(ONE, _times(u, _log(TWO))), "(log2 u)' = u'/(u log 2)", positive),
    function(
        "log10", "logarithm", lambda u: _over(ONE, _times(u, _log(_n(10)))), "(log10 u)' = u'/(u log 10)", positive
    ),
    function("sqrt", "square root", lambda u: _over(ONE, _times(TWO, _root(u))), "(√u)' = u'/(2 √u)", positive),
    function(
        "cbrt", "cube root", lambda u: _over(ONE, _times(_n(3), _to(apply("cbrt", u), 2))), "(∛u)' = u'/(3 ∛u^2)",
        nonzero,
    ),
    function("sin", "sine", lambda u: apply("cos", u), "(sin u)' = cos(u) u'"),
    function("cos", "cosine", lambda u: _minus(apply("sin", u)), "(cos u)' = -sin(u) u'"),
    function("tan", "tangent", _tangent_slope, "(tan u)' = u'/cos(u)^2", lambda u: nonzero(apply("cos", u))),
    function(
        "sec", "secant", lambda u: _times(apply("sec", u), apply("tan", u)), "(sec u)' = sec(u) tan(u) u'",
        lambda u: nonzero(apply("cos", u)),
    ),
    function(
        "csc", "cosecant", lambda u: _minus(_times(apply("csc", u), apply("cot", u))),
        "(csc u)' = -csc(u) cot(u) u'", lambda u: nonzero(apply("sin", u)),
    ),
    function(
        "cot", "cotangent", lambda u: _minus(_over(ONE, _to(apply("sin", u), 2))), "(cot u)' = -u'/sin(u)^2",
        lambda u: nonzero(apply("sin", u)),
    ),
    function(
        "asin", "inverse sine", lambda u: _over(ONE, _root(_less(ONE, _to(u, 2)))), "(asin u)' = u'/√(1 - u^2)",
        _inside,
    ),
    function(
        "acos", "inverse cosine", lambda u: _minus(_over(ONE, _root(_less(ONE, _to(u, 2))))),
        "(acos u)' = -u'/√(1 - u^2)", _inside,
    ),
    function("atan", "inverse tangent", lambda u: _over(ONE, _plus(ONE, _to(u, 2))), "(atan u)' = u'/(1 + u^2)"),
    function(
        "acot", "inverse cotangent", lambda u: _minus(_over(ONE, _plus(ONE, _to(u, 2)))),
        "(acot u)' = -u'/(1 + u^2)", nonzero,
    ),
    function(
        "asec", "inverse secant",
        lambda u: _over(ONE, _times(apply("abs", u), _root(_less(_to(u, 2), ONE)))),
        "(asec u)' = u'/(|u| √(u^2 - 1))", _outside,
    ),
    function(
        "acsc", "inverse cosecant",
        lambda u: _minus(_over(ONE, _times(apply("abs", u), _root(_less(_to(u, 2), ONE))))),
        "(acsc u)' = -u'/(|u| √(u^2 - 1))", _outside,
    ),
    function("sinh", "hyperbolic sine", lambda u: apply("cosh", u), "(sinh u)' = cosh(u) u'"),
    function("cosh", "hyperbolic cosine", lambda u: apply("sinh", u), "(cosh u)' = sinh(u) u'"),
    # 1 - tanh(u)^2 is the same, and loses every digit from u = 20 on.
    function(
        "tanh", "hyperbolic tangent", lambda u: _over(ONE, _to(apply("cosh", u), 2)), "(tanh u)' = u'/cosh(u)^2"
    ),
    function(
        "sech", "hyperbolic secant", lambda u: _minus(_times(apply("sech", u), apply("tanh", u))),
        "(sech u)' = -sech(u) tanh(u) u'",
    ),
    function(
        "csch", "hyperbolic cosecant", lambda u: _minus(_times(apply("csch", u), apply("coth", u))),
        "(csch u)' = -csch(u) coth(u) u'", nonzero,
    ),
    function(
        "coth", "hyperbolic cotangent", lambda u: _minus(_over(ONE, _to(apply("sinh", u), 2))),
        "(coth u)' = -u'/sinh(u)^2", nonzero,
    ),
    function(
        "asinh", "inverse hyperbolic sine", lambda u: _over(ONE, _root(_plus(_to(u, 2), ONE))),
        "(asinh u)' = u'/√(u^2 + 1)",
    ),
    function(
        "acosh", "inverse hyperbolic cosine", lambda u: _over(ONE, _root(_less(_to(u, 2), ONE))),
        "(acosh u)' = u'/√(u^2 - 1)", _above(1),
    ),
    function(
        "atanh", "inverse hyperbolic tangent", lambda u: _over(ONE, _less(ONE, _to(u, 2))),
        "(atanh u)' = u'/(1 - u^2)", _inside,
    ),
    # s(1 - s) is the same, and loses every digit where s is near 1.
    function(
        "sigmoid", "sigmoid", lambda u: _times(apply("sigmoid", u), apply("sigmoid", _minus(u))),
        "(sigmoid u)' = sigmoid(u) sigmoid(-u) u'",
    ),
    function("softplus", "softplus", lambda u: apply("sigmoid", u), "(softplus u)' = sigmoid(u) u'"),
    function(
        "erf", "error function",
        lambda u: _over(_times(TWO, apply("exp", _minus(_to(u, 2)))), _root(PI)), "(erf u)' = 2 e^(-u^2) u'/√π",
    ),
    function(
        "gelu", "gelu", lambda u: _plus(_normal_distribution(u), _times(u, _normal_density(u))),
        "(gelu u)' = (Φ(u) + u φ(u)) u'",
    ),
    function(
        "gamma", "gamma function", lambda u: _times(apply("gamma", u), apply("digamma", u)),
        "(Γ(u))' = Γ(u) ψ(u) u'", _no_pole,
    ),
    function("digamma", "digamma function", lambda u: apply("polygamma", ONE, u), "(ψ(u))' = ψ₁(u) u'", _no_pole),
    Rule(
        name="polygamma function", operation="polygamma", formula="(ψₙ(u))' = ψₙ₊₁(u) u'",
        slopes=lambda n, u: (ZERO, apply("polygamma", rational(_whole(n) + 1), u)),
        conditions=lambda n, u: _no_pole(u),
    ),
    function("abs", "absolute value", lambda u: apply("sign", u), "|u|' = sign(u) u'", nonzero, "kink"),
    function("relu", "relu", lambda u: apply("heaviside", u), "relu(u)' = u' where u > 0, else 0", nonzero, "kink"),
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
    function("sign", "sign", lambda u: ZERO, "sign(u)' = 0", nonzero),
    function("floor", "floor", lambda u: ZERO, "floor(u)' = 0", _not_whole),
    function("heaviside", "heaviside", lambda u: ZERO, "heaviside(u)' = 0", nonzero),
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


def _whole(node: Node) -> Fraction:
    value = value_of(node)
    if value is None:
        raise ValueError("the order of a polygamma function is a whole number that is written down")
    return value


def _by_operation(rows: Sequence[Rule]) -> Mapping[str, tuple[Rule, ...]]:
    return MappingProxyType({row.operation: tuple(r for r in rows if r.operation == row.operation) for row in rows})


RULES = _by_operation((*STRUCTURE, *FUNCTIONS))
"""The rules of every operation, in the order in which they are tried."""
