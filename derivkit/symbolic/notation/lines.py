"""A derivation as lines: each a tree in which nothing is folded away, made from the one before by rewriting.

At the level ``full`` sums are taken apart first, then constant factors move out, then the other rules that leave a
derivative to be found are applied, and last those that leave none; at every turn all derivatives of the same kind at
once. Then the exponents are computed, then the rest. ``normal`` applies all rules that can be applied at once and
computes slopes on the way; ``brief`` has the result alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from derivkit.expressions.algebra import (
    ONE,
    SUMS,
    ZERO,
    apply,
    factors_of,
    first_factor,
    is_negated,
    product,
    rational,
    terms_of,
    value_of,
)
from derivkit.expressions.tree import (
    Branch,
    Node,
    Number,
    Operation,
    Unevaluated,
    Unknown,
    Variable,
    arguments_of,
    depends_on,
    postorder,
    program_of,
    with_arguments,
)
from derivkit.symbolic.notation.reading import read
from derivkit.symbolic.notation.writing import Path, rule_text, written
from derivkit.symbolic.rules import RULES
from derivkit.symbolic.steps import Step, steps_of
from derivkit.symbolic.verification import CheckedSteps

LEVELS = ("full", "normal", "brief")
MAX_NODES = 4000
"""Nodes of a line, shared ones counted where they stand, up to which it is marked; a constant without a derivation."""
MAX_OPERATIONS = 1500
"""Operations of a function and its derivative, up to which lines stand between; more than twice what can be typed."""
MAX_WORK = 3_000
"""Operations of all lines of a derivative, beyond which the result follows; a constant without a derivation."""
SIMPLE = frozenset({"sum", "constant multiple", "power", "constant", "identity"})
"""Where only these rules are used, x is differentiated as x^1, by the power rule."""


@dataclass(frozen=True, kw_only=True)
class Style:
    """How lines are laid out: matters of taste, each of which is a true line.

    Attributes
    ----------
    level : str
        ``full``, ``normal`` or ``brief``.
    ones, zeros, zeroth : bool
        Whether 1·u, terms that are 0, and x^0 stay when exponents are computed.

    Examples
    --------
    >>> Style(level="brief")
    Style(level='brief', ones=True, zeros=True, zeroth=True)
    """

    level: str = "normal"
    ones: bool = True
    zeros: bool = True
    zeroth: bool = True

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ValueError(f"no level named {self.level!r}; there are {', '.join(LEVELS)}")


@dataclass(frozen=True)
class Mark:
    """A piece of a line that the next line acts on.

    Attributes
    ----------
    path : tuple of int
        Its place in the tree.
    sign : bool
        Whether only the sign of the operation there is meant: a plus, a bar, a d/dx, a function's name.
    front : tuple of int, optional
        The place of the piece to whose front it goes.
    """

    path: Path
    sign: bool = False
    front: Path | None = None


@dataclass(frozen=True)
class Line:
    """A line of a derivation.

    Attributes
    ----------
    tree : Node
        What stands on the right of the sign of equality.
    order : int
        Of which derivative it is; 0 for the function itself.
    first : bool
        Whether it is the first line of that derivative.
    marks : tuple of Mark
        What the next line acts on.
    rules : tuple of str
        The rules by which the next line is made; empty for a calculation and for the last line.
    reason : str
        The same in words.
    """

    tree: Node
    order: int
    first: bool = False
    marks: tuple[Mark, ...] = ()
    rules: tuple[str, ...] = ()
    reason: str = ""

    def text(self, notation: str = "leibniz") -> str:
        """What stands on the right of the sign of equality, as text."""
        return written(self.tree, notation)

    def spells(self, text: str) -> bool:
        """Whether a text says this line, however it is spelt: 1·x for 1x."""
        return read(text) == self.tree


def lines_of(derivation: CheckedSteps, level: str | Style = "normal") -> tuple[Line, ...]:
    """The lines of a derivation: the function, then for every order the way to the derivative.

    Parameters
    ----------
    derivation : CheckedSteps
        What `derive` returns.
    level : str or Style
        How many lines there are, or in full how they are laid out.
    """
    style = level if isinstance(level, Style) else Style(level=level)
    lines = [Line(derivation.expression.root, 0, first=True)]
    for order, root in enumerate(derivation.roots, start=1):
        lines += _Writer(root, derivation.variable, style, order).lines()
    return tuple(lines)


# Trees


def nodes_with_paths(root: Node) -> list[tuple[Path, Node]]:
    """Every node with its place, in the order written; none at all if there are more than 4000."""
    nodes: list[tuple[Path, Node]] = []
    stack: list[tuple[Path, Node]] = [((), root)]
    while stack:
        path, node = stack.pop()
        nodes.append((path, node))
        if len(nodes) > MAX_NODES:
            return []
        stack += [((*path, k), part) for k, part in reversed(list(enumerate(arguments_of(node))))]
    return nodes


def _open_arguments(node: Node) -> tuple[Node, ...]:
    """The arguments of a node; none of a derivative that is still to be found, whose piece is left alone."""
    return node.arguments if isinstance(node, Operation | Unknown) else ()


def rewritten(root: Node, change: Callable[[Node], Node]) -> Node:
    """A tree rebuilt from its leaves up, every node changed after its arguments; pieces under a d/dx are left alone."""
    done: dict[int, Node] = {}
    for node in postorder([root], _open_arguments):
        parts = _open_arguments(node)
        new = tuple(done[id(part)] for part in parts)
        same = all(a is b for a, b in zip(new, parts, strict=True))
        done[id(node)] = change(node if same else _with(node, new))
    return done[id(root)]


def _with(node: Node, arguments: tuple[Node, ...]) -> Node:
    """The node with other arguments: one flat product, a sign at its front, no sum of a negative term."""
    if not isinstance(node, Operation):
        return with_arguments(node, arguments) if isinstance(node, Branch) else node
    if node.name == "multiply":
        return product([factor for part in arguments for factor in factors_of(part)])
    if node.name == "negate":
        return _at_first_factor(arguments[0], lambda factor: apply("negate", factor))
    if node.name == "add":
        return _sum(*arguments)
    return apply(node.name, *arguments)


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


# From line to line


class _Writer:
    """One derivative: the steps by the piece that they differentiate."""

    def __init__(self, root: Step, variable: str, style: Style, order: int) -> None:
        self._root, self._variable, self._style, self._order = root, Variable(variable), style, order
        steps = [step for step in steps_of(root) if step.inner == self._variable]
        self._steps: dict[Node, Step] = {step.piece.root: step for step in steps}
        self._full = style.level == "full"
        self._as_power = self._full and {step.rule for step in steps} <= SIMPLE
        self._typed: dict[Node, Node] = {}
        """From a piece in which x is written as x^1 to the piece."""

    def lines(self) -> list[Line]:
        start = Unevaluated(self._root.piece.root, self._variable.name)
        result = self._root.result.root
        long = len(self._root.piece.program) + len(self._root.result.program) > MAX_OPERATIONS
        if long or self._style.level == "brief":
            reason = "too long to be written out step by step" if long else ""
            return [
                Line(start, self._order, first=True, marks=(Mark(()),), rules=(self._root.rule,), reason=reason),
                Line(result, self._order),
            ]
        lines: list[Line] = []
        tree: Node = start
        work = 0
        while pending := list(dict.fromkeys(_unevaluated(tree))):
            work += len(program_of(tree))
            if work > MAX_WORK:
                return [*lines, Line(tree, self._order, reason="and so on"), Line(result, self._order)]
            line, tree = self._turn(tree, pending, first=not lines)
            lines.append(line)
        if self._full:
            line, after = self._exponents(tree)
            if after != tree:
                lines.append(line)
                tree = after
        if tree != result:
            lines.append(self._last(tree))
        lines.append(Line(result, self._order))
        return lines

    def _turn(self, tree: Node, pending: Sequence[Unevaluated], *, first: bool) -> tuple[Line, Node]:
        """A line, and the tree after the next rules are applied to it."""
        if first and self._as_power and pending[0].piece == self._variable:
            reason = f"{self._variable.name} is its own first power"
            line = Line(tree, self._order, first, (Mark((0,)),), ("identity",), reason)
            return line, self._raised(tree)
        phases = {derivative: self._phase(derivative) for derivative in pending}
        now = min(phases.values()) if self._full else 0
        chosen = [derivative for derivative in pending if not self._full or phases[derivative] == now]
        new: dict[Node, Node] = {derivative: self._rewritten(derivative) for derivative in chosen}
        marks = tuple(
            mark
            for path, node in nodes_with_paths(tree)
            if isinstance(node, Unevaluated) and node in new
            for mark in self._marks(path, node)
        )
        steps = [self._step(derivative) for derivative in chosen]
        names = tuple(dict.fromkeys(name for name, _ in steps))
        reason = "; ".join(dict.fromkeys(words for _, words in steps))
        after = rewritten(tree, lambda node: new.get(node, node))
        return Line(tree, self._order, first, marks, names, reason), self._raised(after)

    def _original(self, derivative: Unevaluated) -> Node:
        return self._typed.get(derivative.piece, derivative.piece)

    def _is_power(self, derivative: Unevaluated) -> bool:
        """Whether it is the derivative of x, written as that of x^1."""
        return derivative.piece != self._variable and self._original(derivative) == self._variable

    def _phase(self, derivative: Unevaluated) -> int:
        rule = self._steps[self._original(derivative)].rule
        if rule in {"sum", "constant multiple"}:
            return ("sum", "constant multiple").index(rule)
        return 2 if any(_unevaluated(self._rewritten(derivative))) else 3

    def _rewritten(self, derivative: Unevaluated) -> Node:
        """What stands for a derivative in the next line."""
        if self._is_power(derivative):
            return product([ONE, apply("power", self._variable, apply("subtract", ONE, ONE))])
        step = self._steps[self._original(derivative)]
        if _still(step):
            return ZERO
        waits = any(_unevaluated(step.unfolded))
        written = step.unfolded if waits or self._full else step.result.root
        # Rebuilt once, so that its products are flat and its signs at the front.
        flat = rewritten(written, lambda node: _with(node, node.arguments) if isinstance(node, Operation) else node)
        return flat if self._full else rewritten(flat, _lowered)

    def _raised(self, tree: Node) -> Node:
        """The tree with x as x^1 where its derivative is to be found."""
        if not self._as_power:
            return tree
        power = apply("power", self._variable, ONE)
        new: dict[Node, Node] = {}
        for derivative in _unevaluated(tree):
            factors = factors_of(derivative.piece)
            if self._variable in factors and derivative.piece in self._steps:
                piece = product([power if factor == self._variable else factor for factor in factors])
                self._typed[piece] = derivative.piece
                new[derivative] = Unevaluated(piece, derivative.variable)
        return rewritten(tree, lambda node: new.get(node, node))

    def _step(self, derivative: Unevaluated) -> tuple[str, str]:
        """The rule by which a derivative is found, and what it does in words."""
        if self._is_power(derivative):
            return "power", REASONS["power"]
        step = self._steps[self._original(derivative)]
        node = step.piece.root
        name = step.rule
        if _still(step):
            return name, "its argument is constant, which gives 0"
        rows = RULES.get(node.name, ()) if isinstance(node, Operation) else ()
        if name == "chain rule" and isinstance(node, Operation):
            outer = step.children[0].rule
            formula = next((rule_text(row) for row in rows if row.name == outer), "")
            return name, f"chain rule: {formula}"
        if name == "chain rule":
            return name, "chain rule: (f(u))' = f'(u) u'"
        if name in REASONS:
            return name, REASONS[name]
        return name, next((f"{row.name}: {rule_text(row)}" for row in rows if row.name == name), name)

    def _marks(self, path: Path, derivative: Unevaluated) -> list[Mark]:  # noqa: PLR0911 -- a table of cases
        inside = (*path, 0)
        piece = derivative.piece
        step = self._steps[self._original(derivative)]
        if isinstance(piece, Operation):
            if step.rule == "sum":
                return [Mark(place, sign=True) for place, _ in _spine(piece, inside, SUMS)]
            if step.rule == "product":
                return [Mark(place, sign=True) for place, _ in _spine(piece, inside, {"multiply"})]
            if step.rule in {"quotient", "reciprocal"} or piece.name == "negate":
                return [Mark(inside, sign=True)]
            if step.rule == "constant multiple":
                return self._constants(piece, inside)
            if piece.name == "power" and (step.rule in {"power", "identity"} or _outer(step) == "power"):
                return [Mark((*inside, 1), front=(*inside, 0))]
            if step.rule == "chain rule":
                return [Mark(path, sign=True), Mark(inside, sign=True)]
        return [Mark(path)]

    def _constants(self, piece: Operation, inside: Path) -> list[Mark]:
        if piece.name == "divide":
            return [Mark((*inside, 1))]
        factors = _factors_with_paths(piece, inside)
        return [Mark(place) for place, node in factors if not depends_on(node, self._variable)]

    # Calculations

    def _exponents(self, tree: Node) -> tuple[Line, Node]:
        """Compute the exponents; what else is dropped with them is a matter of style."""
        style = self._style
        places = [
            (*path, 1)
            for path, node in nodes_with_paths(tree)
            if isinstance(node, Operation) and node.name == "power" and _difference(node.arguments[1]) is not None
        ]
        computed = rewritten(tree, _computed)
        zeros = () if style.zeros else map(Mark, _zeros(tree))
        after = computed
        if computed != tree:
            if not style.ones:
                after = rewritten(after, _without_ones)
            if not style.zeros:
                after = rewritten(after, _without_zeros)
            if not style.zeroth:
                after = rewritten(after, lambda node: ONE if _zeroth(node) else node)
        marks = (*map(Mark, places), *zeros)
        words = "subtract in the exponent" + ("s" if len(places) > 1 else "")
        return Line(tree, self._order, marks=marks, reason=words), after

    def _last(self, tree: Node) -> Line:
        """The last calculation: numbers are multiplied, powers 1 and 0 and terms 0 go."""
        marks: list[Mark] = []
        words: list[str] = []
        inner: set[Path] = set()
        for path, node in nodes_with_paths(tree):
            if isinstance(node, Operation) and node.name == "multiply" and path not in inner:
                inner.update(place for place, _ in _spine(node, path, {"multiply"}))
                numbers = [place for place, part in _factors_with_paths(node, path) if value_of(part) is not None]
                if len(numbers) > 1:
                    marks += map(Mark, numbers)
                    words.append("multiply")
            elif isinstance(node, Operation) and node.name == "power" and value_of(node.arguments[1]) == 1:
                marks.append(Mark((*path, 1)))
            elif _zeroth(node):
                marks.append(Mark(path))
                words.append("the power 0 is 1")
        marks += map(Mark, _zeros(tree))
        return Line(tree, self._order, marks=tuple(marks), reason="; ".join(dict.fromkeys(words)) or "simplify")


REASONS: Mapping[str, str] = {
    "sum": "a sum is taken apart",
    "constant multiple": "a constant factor moves out",
    "power": "the exponent goes to the front, one less stays",
    "constant": "a constant gives 0",
    "identity": "the variable itself gives 1",
    "piecewise": "piece by piece",
    "unknown function": "the derivative of an unknown function is written with a prime",
}


def _still(step: Step) -> bool:
    """Whether what a function depends on is constant, such as x/x; its slope may be infinite."""
    parts = step.children
    flat = {"sum", "constant multiple", "product", "piecewise"}
    return bool(parts) and step.rule not in flat and all(child.result.root == ZERO for child in parts)


def _outer(step: Step) -> str:
    """Of a chain rule, the rule of the outer function."""
    return step.children[0].rule if step.rule == "chain rule" else ""


def _unevaluated(root: Node) -> Iterator[Unevaluated]:
    """The derivatives in a tree that are still to be found, from left to right."""
    return (node for node in postorder([root], _open_arguments) if isinstance(node, Unevaluated))


def _spine(node: Operation, path: Path, names: Iterable[str]) -> list[tuple[Path, Operation]]:
    """A chain of operations of these names along their first arguments, with their places, from the outermost."""
    spine = [(path, node)]
    while isinstance(node.arguments[0], Operation) and node.arguments[0].name in names:
        node = node.arguments[0]
        path = (*path, 0)
        spine.append((path, node))
    return spine


def _factors_with_paths(node: Operation, path: Path) -> list[tuple[Path, Node]]:
    """The factors of a flat product with their places, in the order written."""
    spine = _spine(node, path, {"multiply"})
    first = ((*spine[-1][0], 0), spine[-1][1].arguments[0])
    return [first, *(((*place, 1), part.arguments[1]) for place, part in reversed(spine))]


def _difference(node: Node) -> Node | None:
    """The number that a difference of two numbers is; None for anything else."""
    if isinstance(node, Operation) and node.name == "subtract":
        left, right = map(value_of, node.arguments)
        if left is not None and right is not None:
            return rational(left - right)
    return None


def _computed(node: Node) -> Node:
    if isinstance(node, Operation) and node.name == "power":
        exponent = _difference(node.arguments[1])
        return node if exponent is None else apply("power", node.arguments[0], exponent)
    return node


def _lowered(node: Node) -> Node:
    """Exponents computed, and the power 1 of a piece as the piece."""
    new = _computed(node)
    if new is not node and isinstance(new, Operation) and value_of(new.arguments[1]) == 1:
        return new.arguments[0]
    return new


def _without_ones(node: Node) -> Node:
    if isinstance(node, Operation) and node.name == "multiply":
        factors = factors_of(node)
        if ONE in factors:
            return product([factor for factor in factors if factor != ONE])
    return node


def _without_zeros(node: Node) -> Node:
    if isinstance(node, Operation) and node.name in SUMS:
        left, right = node.arguments
        if right == ZERO:
            return left
        if left == ZERO:
            return right if node.name == "add" else apply("negate", right)
    return node


def _zeroth(node: Node) -> bool:
    """Whether it is x^0, of a piece that is no number."""
    match node:
        case Operation("power", (base, exponent)):
            return value_of(exponent) == 0 and not isinstance(base, Number)
    return False


def _zeros(tree: Node) -> list[Path]:
    """The places of the terms of sums that are 0."""
    sums = [(path, node) for path, node in nodes_with_paths(tree) if isinstance(node, Operation) and node.name in SUMS]
    return [(*path, k) for path, node in sums for k, part in enumerate(node.arguments) if part == ZERO]
