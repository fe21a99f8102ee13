"""How formulas swell when they are differentiated: families nested as often as one likes, their operations counted.

A tree is never walked: its program has every part once, and the tree's operations are summed over it by arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction

from derivkit.expressions.algebra import ONE, TWO, apply, product, rational
from derivkit.expressions.tree import Instruction, Node, Variable, joint_program, program_of, tree_of
from derivkit.symbolic.differentiation import differentiate

FAMILIES = {
    "nested tanh": "tanh(tanh(... tanh(x)))",
    "nested roots": "sqrt(x + sqrt(x + ... sqrt(x)))",
    "product": "(x + 1)(x + 2) ... (x + n)",
    "tower": "x^x^...^x, n times",
    "both": "u becomes sin(u) cos(u), n times, from u = x",
    "network": "tanh(w u + b) with a weight and a bias of its own per layer, from u = x",
}
"""Families with their meaning."""
WAYS = {
    "formulas, written out": "each derivative as a tree",
    "formulas, one by one": "each derivative with its parts computed once, nothing shared between derivatives",
    "formulas, all shared": "every part computed once for the loss and all derivatives together",
    "backpropagation": "the same rules applied to the steps of the loss, from the last to the first",
    "the loss alone": "no derivative",
}
"""Ways with their meaning."""
X = Variable("x")


def derivatives(root: Node, order: int) -> Iterator[Node]:
    """Yield a formula of x and its derivatives up to an order."""
    yield root
    for _ in range(order):
        root = differentiate(root, X).result.root
        yield root


def formula(family: str, depth: int) -> Node:
    """A formula of a family, nested so often."""
    return BUILDERS[family](depth)


def _nested(step: Callable[[Node, int], Node]) -> Callable[[int], Node]:
    """Apply a step to x again and again; it is told how often it was applied before."""

    def build(depth: int) -> Node:
        node: Node = X
        for level in range(depth):
            node = step(node, level)
        return node

    return build


def _layer(u: Node, level: int) -> Node:
    return apply("tanh", apply("add", apply("multiply", Variable(f"w{level}"), u), Variable(f"b{level}")))


def loss_of(depth: int) -> Node:
    """The squared error of the network, whose target is y."""
    return apply("power", apply("subtract", formula("network", depth), Variable("y")), TWO)


BUILDERS: Mapping[str, Callable[[int], Node]] = {
    "nested tanh": _nested(lambda u, level: apply("tanh", u)),
    "nested roots": _nested(lambda u, level: apply("sqrt", apply("add", X, u) if level else u)),
    "product": lambda depth: product([apply("add", X, rational(Fraction(k + 1))) for k in range(depth)]),
    "tower": _nested(lambda u, level: apply("power", X, u) if level else u),
    "both": _nested(lambda u, level: apply("multiply", apply("sin", u), apply("cos", u))),
    "network": _nested(_layer),
}


# The counts


def operations(program: Sequence[Instruction]) -> tuple[int, int]:
    """Operations of a program's last value written out as a tree, and of the program itself.

    Examples
    --------
    >>> from derivkit.expressions.expression import parse
    >>> operations(parse("exp(x^2) + x^2").program)
    (4, 3)
    """
    written: list[int] = []
    for step in program:
        written.append(bool(step.arguments) + sum(written[k] for k in step.arguments))
    return written[-1], shared_operations(program)


def shared_operations(program: Sequence[Instruction]) -> int:
    """Operations of a program; numbers and variables are none."""
    return sum(bool(step.arguments) for step in program)


def parameters(depth: int) -> list[Variable]:
    """Return the weights and biases of a network, layer by layer."""
    return [Variable(f"{letter}{level}") for level in range(depth) for letter in "wb"]


def gradient_operations(depth: int) -> dict[str, int]:
    """Return the operations of all derivatives of the loss of a network, in every way of WAYS."""
    loss, names = loss_of(depth), parameters(depth)
    apart = [differentiate(loss, name).result.root for name in names]
    counts = [operations(program_of(root)) for root in apart]
    ways = (
        sum(tree for tree, _ in counts),
        sum(shared for _, shared in counts),
        shared_operations(joint_program([loss, *apart])[0]),
        shared_operations(joint_program([loss, *backpropagated(loss, names)])[0]),
        shared_operations(program_of(loss)),
    )
    return dict(zip(WAYS, ways, strict=True))


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
    program = program_of(root)
    nodes: list[Node] = []
    for place, step in enumerate(program):
        if step.arguments:
            nodes.append(apply(step.operation, *(nodes[k] for k in step.arguments)))
        else:
            leaf = tree_of(program[: place + 1])
            nodes.append(values.get(leaf, leaf) if isinstance(leaf, Variable) else leaf)
    return nodes[-1]
