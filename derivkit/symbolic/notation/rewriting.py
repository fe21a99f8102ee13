"""Trees of lines, rebuilt where they change: products flat, signs at the front, no sum of a negative term."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from operator import attrgetter

from derivkit.expressions.algebra import apply, factors_of, first_factor, is_negated, product, terms_of
from derivkit.expressions.layout import Place
from derivkit.expressions.tree import Branch, Node, Operation, Unevaluated, arguments_of, postorder, with_arguments

MAX_NODES_MARKED = 4000
"""Nodes of a line, shared ones counted where they stand, up to which it is marked; a constant without a derivation."""

Admission = Callable[[Node], bool]
"""Whether a walk goes into an argument."""
is_pending: Admission = attrgetter("pending")
"""Whether a node holds a derivative that is still to be found."""


def unevaluated(root: Node) -> Iterator[Unevaluated]:
    """The derivatives in a tree that are still to be found, from left to right; no other part is looked at."""
    nodes = postorder([root], lambda node: _open_arguments(node, is_pending))
    return (node for node in nodes if isinstance(node, Unevaluated))


def nodes_with_places(root: Node, into: Admission = lambda _: True) -> Iterator[tuple[Place, Node]]:
    """Every node with its place, in the order written; none at all if there are more than 4000."""
    stack: list[tuple[Place, Node]] = [(None, root)] if root.size <= MAX_NODES_MARKED else []
    while stack:
        place, node = stack.pop()
        yield place, node
        stack += [((place, k), part) for k, part in reversed(list(enumerate(arguments_of(node)))) if into(part)]


def spine(node: Operation, place: Place, names: Container[str]) -> list[tuple[Place, Operation]]:
    """A chain of operations of these names along their first arguments, with their places, from the outermost."""
    chain = [(place, node)]
    while isinstance(node.arguments[0], Operation) and node.arguments[0].name in names:
        node, place = node.arguments[0], (place, 0)
        chain.append((place, node))
    return chain


def factors_with_places(node: Operation, place: Place) -> list[tuple[Place, Node]]:
    """The factors of a flat product with their places, in the order written."""
    chain = spine(node, place, {"multiply"})
    innermost, first = chain[-1]
    return [((innermost, 0), first.arguments[0]), *(((at, 1), part.arguments[1]) for at, part in reversed(chain))]


def _open_arguments(node: Node, into: Admission) -> list[Node]:
    """The arguments of a node to go into; none of a derivative that is still to be found, whose piece is left alone."""
    return [] if isinstance(node, Unevaluated) else [part for part in arguments_of(node) if into(part)]


def rewritten(roots: Sequence[Node], change: Callable[[Node], Node], into: Admission = lambda _: True) -> list[Node]:
    """Trees rebuilt from their leaves up in one walk, every node changed after its arguments.

    What `into` does not admit stays as it is, and so do the pieces under a d/dx.
    """
    done: dict[int, Node] = {}
    for node in postorder(roots, lambda node: _open_arguments(node, into)):
        if isinstance(node, Branch) and any(done[id(part)] is not part for part in _open_arguments(node, into)):
            done[id(node)] = change(_with(node, [done.get(id(part), part) for part in node.arguments]))
        else:
            done[id(node)] = change(node)
    return [done[id(root)] for root in roots]


def with_derivatives(roots: Sequence[Node], new: Mapping[Unevaluated, Node]) -> list[Node]:
    """Trees with something else for derivatives still to be found; only what stands around these is rebuilt."""
    return rewritten(roots, lambda node: new.get(node, node) if isinstance(node, Unevaluated) else node, is_pending)


def laid_flat(node: Node) -> Node:
    """A node on arguments that are laid flat: one flat product, a sign at its front, no sum of a negative term."""
    flat = _with(node, node.arguments) if isinstance(node, Operation) else node
    return node if flat == node else flat


def _with(node: Branch, arguments: Sequence[Node]) -> Node:
    """The node with other arguments, laid flat."""
    match node:
        case Operation("multiply"):
            left, right = arguments  # of which the left one is flat
            return product([left, *factors_of(right)])
        case Operation("negate"):
            return _at_first_factor(arguments[0], lambda factor: apply("negate", factor))
        case Operation("add"):
            return _sum(*arguments)
    return with_arguments(node, arguments)


def _sum(left: Node, right: Node) -> Node:
    if is_negated(first_factor(right)):
        return apply("subtract", left, _at_first_factor(right, lambda factor: arguments_of(factor)[0]))
    for sign, term in terms_of(right):
        left = apply("add" if sign > 0 else "subtract", left, term)
    return left


def _at_first_factor(node: Node, change: Callable[[Node], Node]) -> Node:
    """A product or a quotient with its first factor changed."""
    around: list[Operation] = []
    while isinstance(node, Operation) and node.name in {"multiply", "divide"}:
        around.append(node)
        node = node.arguments[0]
    result = change(node)
    for part in reversed(around):
        result = apply(part.name, result, part.arguments[1])
    return result


class Inventory:
    """The different nodes of a tree; of the tree that follows it only what differs is looked at."""

    def __init__(self) -> None:
        self._uses: Counter[Node] = Counter()
        self._tree: list[Node] = []

    def count(self, tree: Node) -> int:
        """How many different nodes there are in the tree that follows."""
        self._add([tree])
        self._remove(self._tree)
        self._tree = [tree]
        return len(self._uses)

    def _add(self, stack: list[Node]) -> None:
        while stack:
            node = stack.pop()
            self._uses[node] += 1
            if self._uses[node] == 1:
                stack += arguments_of(node)

    def _remove(self, stack: list[Node]) -> None:
        while stack:
            node = stack.pop()
            self._uses[node] -= 1
            if not self._uses[node]:
                del self._uses[node]
                stack += arguments_of(node)
