"""Formulas nested as often as one likes, whose derivatives swell: families of them, and a network with its loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from derivkit.expressions.algebra import TWO, apply, product, rational
from derivkit.expressions.tree import Expression, Node, Variable
from derivkit.symbolic.differentiation import differentiate

NESTED = {
    "nested tanh": "tanh(tanh(... tanh(x)))",
    "nested roots": "sqrt(x + sqrt(x + ... sqrt(x)))",
    "product": "(x + 1)(x + 2) ... (x + n)",
    "tower": "x^x^...^x, n times",
    "both": "u becomes sin(u) cos(u), n times, from u = x",
    "network": "tanh(w u + b) with a weight and a bias of its own per layer, from u = x",
}
"""Families with their meaning."""
X = Variable("x")


def nested(family: str, depth: int) -> Expression:
    """A formula of one of the families NESTED, nested so often.

    Examples
    --------
    >>> nested("tower", 3)
    <Expression x**x**x>
    """
    return Expression(BUILDERS[family](depth))


def nested_derivatives(family: str, depth: int, order: int) -> list[Expression]:
    """A formula of a family and its derivatives up to an order, by the rules alone: their steps are not checked.

    Examples
    --------
    >>> nested_derivatives("product", 2, 1)
    [<Expression (x + 1)*(x + 2)>, <Expression 2*x + 3>]
    """
    formulas = [nested(family, depth)]
    for _ in range(order):
        formulas.append(differentiate(formulas[-1].root, X).result)
    return formulas


def network_loss(depth: int) -> tuple[Expression, tuple[str, ...]]:
    """The squared error of the family `network`, whose target is y, and the names of its weights and biases."""
    loss = apply("power", apply("subtract", BUILDERS["network"](depth), Variable("y")), TWO)
    return Expression(loss), tuple(f"{letter}{level}" for level in range(depth) for letter in "wb")


def _repeated(step: Callable[[Node, int], Node]) -> Callable[[int], Node]:
    """Apply a step to x again and again; it is told how often it was applied before."""

    def build(depth: int) -> Node:
        node: Node = X
        for level in range(depth):
            node = step(node, level)
        return node

    return build


def _layer(u: Node, level: int) -> Node:
    return apply("tanh", apply("add", apply("multiply", Variable(f"w{level}"), u), Variable(f"b{level}")))


BUILDERS: Mapping[str, Callable[[int], Node]] = {
    "nested tanh": _repeated(lambda u, level: apply("tanh", u)),
    "nested roots": _repeated(lambda u, level: apply("sqrt", apply("add", X, u) if level else u)),
    "product": lambda depth: product([apply("add", X, rational(Fraction(k + 1))) for k in range(depth)]),
    "tower": _repeated(lambda u, level: apply("power", X, u) if level else u),
    "both": _repeated(lambda u, level: apply("multiply", apply("sin", u), apply("cos", u))),
    "network": _repeated(_layer),
}
