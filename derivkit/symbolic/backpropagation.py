"""All first derivatives of a formula of several variables: by backpropagation, and what each way to them costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from derivkit.expressions.algebra import ONE, apply, rational
from derivkit.expressions.expression import expression_of
from derivkit.expressions.tree import (
    Expression,
    Node,
    Variable,
    joint_program,
    operations_of,
    program_of,
    replaced,
    tree_of,
)
from derivkit.symbolic.differentiation import differentiate


@dataclass(frozen=True, kw_only=True)
class GradientOperations:
    """Operations that compute all first derivatives of a formula; numbers and variables are none.

    Attributes
    ----------
    written_out : int
        Each derivative as a formula that is written out.
    one_by_one : int
        Each with its parts computed once, but nothing shared between derivatives.
    shared : int
        Every part computed once, for the formula and all its derivatives together.
    backpropagation : int
        The same rules applied to the steps of the formula, from the last to the first; the formula included.
    function : int
        The formula alone.

    Examples
    --------
    >>> gradient_operations("tanh(w*x + b)").function
    3
    """

    written_out: int
    one_by_one: int
    shared: int
    backpropagation: int
    function: int


def gradient_operations(expression: Expression | str, variables: Sequence[str] | None = None) -> GradientOperations:
    """How many operations all first derivatives of a formula take, in each way of computing them.

    Parameters
    ----------
    expression : Expression or str
        The formula, such as the loss of a network.
    variables : sequence of str, optional
        With respect to what; by default all its variables.

    Returns
    -------
    GradientOperations

    Raises
    ------
    ParseError
        If the text is no formula.

    Notes
    -----
    By backpropagation all derivatives cost at most 5 times the formula (Baur and Strassen 1983), however many they
    are, if an operation has at most two arguments and its slopes count as one.

    Examples
    --------
    >>> found = gradient_operations("(w*x + b - y)^2", ["w", "b"])
    >>> found.function, found.one_by_one, found.backpropagation
    (4, 9, 8)
    """
    whole = expression_of(expression)
    names = [Variable(name) for name in (whole.variables if variables is None else variables)]
    apart = [differentiate(whole.root, name).result for name in names]
    gradients = ([derivative.root for derivative in apart], backpropagated(whole.root, names))
    shared, backwards = (operations_of(joint_program([whole.root, *roots])[0]) for roots in gradients)
    return GradientOperations(
        written_out=sum(derivative.tree_operations for derivative in apart),
        one_by_one=sum(derivative.operations for derivative in apart),
        shared=shared,
        backpropagation=backwards,
        function=whole.operations,
    )


def backpropagated(root: Node, names: Sequence[Variable]) -> list[Node]:
    """The derivatives of a formula in several variables, found from its last step to its first.

    Every step hands to each of its arguments its own derivative times its slope in that argument, the slope being that
    of the table of rules. What is handed to one place from several is added.
    """
    program = program_of(root)
    nodes = [tree_of(program[: k + 1]) for k in range(len(program))]
    handed: list[Node | None] = [None] * len(program)
    handed[-1] = ONE
    for step, above in zip(reversed(program), reversed(range(len(program))), strict=True):
        adjoint = handed[above]
        if adjoint is None or not step.arguments:
            continue
        places = [Variable(f"u{k}") for k in range(len(step.arguments))]
        local = apply(step.operation, *places)
        values = dict(zip(places, (nodes[k] for k in step.arguments), strict=True))
        for place, below in zip(places, step.arguments, strict=True):
            if program[below].operation not in {"number", "constant"}:
                part = _times(adjoint, _put(differentiate(local, place).result.root, values))
                before = handed[below]
                handed[below] = part if before is None else apply("add", before, part)
    adjoints = dict(zip(nodes, handed, strict=True))
    return [adjoints.get(name) or rational(Fraction(0)) for name in names]


def _times(a: Node, b: Node) -> Node:
    return b if a == ONE else a if b == ONE else apply("multiply", a, b)


def _put(root: Node, values: Mapping[Variable, Node]) -> Node:
    """A tree with other trees in the place of its variables."""
    return replaced(root, lambda node: values.get(node) if isinstance(node, Variable) else None)
