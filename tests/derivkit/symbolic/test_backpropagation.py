"""All derivatives of a formula at once: counts against a walk of the tree, gradients against each other."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from derivkit.expressions.expression import parse
from derivkit.expressions.tree import Branch, Node, Variable, joint_program, operations_of, program_of
from derivkit.operations.elementary import OPERATIONS
from derivkit.symbolic.backpropagation import backpropagated, gradient_operations
from derivkit.symbolic.differentiation import differentiate
from derivkit.testing import NESTED, nested, nested_derivatives, network_loss


def walked(node: Node) -> int:
    """Operations of a tree, met one by one."""
    return 1 + sum(map(walked, node.arguments)) if isinstance(node, Branch) else 0


def value(root: Node, point: dict[str, float]) -> float:
    values: list[Any] = []
    for step in program_of(root):
        if step.operation == "variable":
            values.append(point[str(step.value)])
        elif step.operation == "number":
            values.append(float(Fraction(str(step.value))))
        else:
            values.append(OPERATIONS[step.operation].value(*(values[k] for k in step.arguments)))
    return float(values[-1])


@pytest.mark.parametrize("family", NESTED)
@pytest.mark.parametrize("depth", [1, 2, 5])
def test_the_operations_of_a_tree_are_those_that_a_walk_meets(family: str, depth: int) -> None:
    for formula in nested_derivatives(family, depth, 2):
        assert formula.tree_operations == walked(formula.root)


def test_a_tree_that_no_memory_could_hold_is_counted() -> None:
    formula = nested("both", 64)
    assert (formula.tree_operations, formula.operations) == (3 * (2**64 - 1), 3 * 64)


@pytest.mark.parametrize(
    ("family", "text"),
    [
        ("nested tanh", "tanh(tanh(tanh(x)))"),
        ("nested roots", "sqrt(x + sqrt(x + sqrt(x)))"),
        ("product", "(x + 1)*(x + 2)*(x + 3)"),
        ("tower", "x^(x^x)"),
        ("network", "tanh(w2*tanh(w1*tanh(w0*x + b0) + b1) + b2)"),
    ],
)
def test_a_family_is_what_it_is_said_to_be(family: str, text: str) -> None:
    assert nested(family, 3).root == parse(text).root


def test_every_way_to_the_gradient_gives_the_same_numbers() -> None:
    formula, parameters = network_loss(4)
    loss, names = formula.root, [Variable(name) for name in parameters]
    point = {name.name: 0.3 + 0.1 * k for k, name in enumerate(names)} | {"x": 0.7, "y": 0.2}
    for name, backwards in zip(names, backpropagated(loss, names), strict=True):
        forwards = value(differentiate(loss, name).result.root, point)
        nudged = [value(loss, point | {name.name: point[name.name] + h}) for h in (1e-6, -1e-6)]
        assert value(backwards, point) == pytest.approx(forwards, rel=1e-13)
        # Rounding of the loss, below 1, over the step: 2^-52 / 2e-6 = 1.1e-10; truncation is below 1e-12.
        assert forwards == pytest.approx((nudged[0] - nudged[1]) / 2e-6, abs=1e-9)


def test_what_comes_to_one_place_from_several_is_added_by_backpropagation() -> None:
    root = parse("x*sin(x) + x^2*y").root
    in_x, in_y, in_z = backpropagated(root, [Variable("x"), Variable("y"), Variable("z")])
    point = {"x": 0.7, "y": 0.3}
    assert value(in_x, point) == pytest.approx(np.sin(0.7) + 0.7 * np.cos(0.7) + 1.4 * 0.3, rel=1e-14)
    assert value(in_y, point) == pytest.approx(0.49, rel=1e-14)
    assert value(in_z, point) == 0.0


def test_backpropagation_costs_as_much_more_as_the_theorem_of_baur_and_strassen_allows() -> None:
    """All derivatives of f cost at most 5 times f where every operation has at most two arguments."""
    for text in ("x*sin(x) + x^2*y", "exp(x*y)/(x + y)", "tanh(x*tanh(y*x + 1) + 2)"):
        root = parse(text).root
        back = backpropagated(root, [Variable("x"), Variable("y")])
        cost = operations_of(joint_program([root, *back])[0])
        # Slopes of one operation take at most four more of the table, where the theorem counts them as one.
        assert cost <= 8 * operations_of(program_of(root))


def test_without_names_all_variables_of_a_formula_count() -> None:
    assert gradient_operations("x*y + sin(x)") == gradient_operations(parse("x*y + sin(x)"), ["x", "y"])
