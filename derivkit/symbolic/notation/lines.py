"""A derivation as lines: each a tree in which nothing is folded away, made from the one before by rewriting.

At the level ``full`` sums are taken apart first, then constant factors move out, then the other rules that leave a
derivative to be found are applied, and last those that leave none; at every turn all derivatives of the same kind at
once. Then the exponents are computed, then the rest. ``normal`` applies all rules that can be applied at once and
computes slopes on the way; ``brief`` has the result alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeGuard

from derivkit.expressions.algebra import ONE, SUMS, ZERO, apply, value_of
from derivkit.expressions.layout import Place, path_of
from derivkit.expressions.tree import Node, Number, Operation, Unevaluated, Variable
from derivkit.symbolic.differentiation import Dependence
from derivkit.symbolic.notation.moves import Move, computed, difference, moves_of, outer_rule
from derivkit.symbolic.notation.reading import read
from derivkit.symbolic.notation.rewriting import (
    Inventory,
    factors_with_places,
    is_pending,
    nodes_with_places,
    rewritten,
    spine,
    unevaluated,
    with_derivatives,
)
from derivkit.symbolic.notation.writing import Path, written
from derivkit.symbolic.steps import Step, steps_of
from derivkit.symbolic.verification import CheckedSteps

LEVELS = ("full", "normal", "brief")
MAX_OPERATIONS = 1500
"""Operations of a function and its derivative, up to which lines stand between; more than twice what can be typed."""
MAX_WORK = 3_000
"""Operations of all lines of a derivative, beyond which the result follows; a constant without a derivation."""


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
        The same in words; of a wrong line what is wrong with it.
    wrong : bool
        Whether it is what somebody wrote instead of the next line.
    """

    tree: Node
    order: int
    first: bool = False
    marks: tuple[Mark, ...] = ()
    rules: tuple[str, ...] = ()
    reason: str = ""
    wrong: bool = False

    @property
    def sign(self) -> str:
        """The sign before the line."""
        return "≠" if self.wrong else "="

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


# From line to line


class _Writer:
    """One derivative: what is done with the derivative of each piece of it, and how its lines are laid out."""

    def __init__(self, root: Step, variable: str, style: Style, order: int) -> None:
        self._root, self._variable, self._style, self._order = root, Variable(variable), style, order
        self._full = style.level == "full"
        self._varies = Dependence(self._variable)

    @cached_property
    def _moves(self) -> Mapping[Node, Move]:
        steps = [step for step in steps_of(self._root) if step.inner == self._variable]
        return moves_of(steps, self._variable, full=self._full)

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
        lines, tree = self._turns(start)
        if not tree.pending and self._full:
            line, after = self._exponents(tree)
            if after != tree:
                lines.append(line)
                tree = after
        if tree.pending:
            lines.append(Line(tree, self._order, reason="and so on"))
        elif tree != result:
            lines.append(self._last(tree))
        return [*lines, Line(result, self._order)]

    def _turns(self, tree: Node) -> tuple[list[Line], Node]:
        """The lines in which derivatives are found, and the tree then; it holds some still if the work is too much."""
        lines: list[Line] = []
        inventory = Inventory()
        work = 0
        while tree.pending:
            work += inventory.count(tree)
            if work > MAX_WORK:
                break
            line, tree = self._turn(tree, first=not lines)
            lines.append(line)
        return lines, tree

    def _turn(self, tree: Node, *, first: bool) -> tuple[Line, Node]:
        """A line, and the tree after the next rules are applied to it."""
        moves = {derivative: self._moves[derivative.piece] for derivative in unevaluated(tree)}
        if self._full:
            now = min(move.phase for move in moves.values())
            moves = {derivative: move for derivative, move in moves.items() if move.phase == now}
        marks = tuple(
            mark
            for place, node in nodes_with_places(tree, is_pending)
            if isinstance(node, Unevaluated) and node in moves
            for mark in self._marks(place, node)
        )
        rules = tuple(dict.fromkeys(move.rule for move in moves.values()))
        reason = "; ".join(dict.fromkeys(move.reason for move in moves.values()))
        (after,) = with_derivatives([tree], {derivative: move.after for derivative, move in moves.items()})
        return Line(tree, self._order, first, marks, rules, reason), after

    def _marks(self, place: Place, derivative: Unevaluated) -> list[Mark]:  # noqa: PLR0911 -- a table of cases
        inside = (place, 0)
        piece, move = derivative.piece, self._moves[derivative.piece]
        if isinstance(piece, Operation):
            if move.rule == "sum":
                return [_mark(at, sign=True) for at, _ in spine(piece, inside, SUMS)]
            if move.rule == "product":
                return [_mark(at, sign=True) for at, _ in spine(piece, inside, {"multiply"})]
            if move.rule in {"quotient", "reciprocal"} or piece.name == "negate":
                return [_mark(inside, sign=True)]
            if move.rule == "constant multiple":
                return self._constants(piece, inside)
            if piece.name == "power" and "power" in {move.rule, outer_rule(move.step)}:
                return [_mark((inside, 1), front=(inside, 0))]
            if move.rule == "chain rule":
                return [_mark(place, sign=True), _mark(inside, sign=True)]
        return [_mark(inside if move.rule == "identity" and move.after.pending else place)]

    def _constants(self, piece: Operation, inside: Place) -> list[Mark]:
        if piece.name == "divide":
            return [_mark((inside, 1))]
        return [_mark(place) for place, node in factors_with_places(piece, inside) if not self._varies(node)]

    # Calculations

    def _exponents(self, tree: Node) -> tuple[Line, Node]:
        """Compute the exponents; what else is dropped with them is a matter of style."""
        style = self._style
        marks = [
            _mark((place, 1))
            for place, node in nodes_with_places(tree)
            if isinstance(node, Operation) and node.name == "power" and difference(node.arguments[1]) is not None
        ]
        words = "subtract in the exponent" + ("s" if len(marks) > 1 else "")
        (after,) = rewritten([tree], computed)
        if after is not tree:
            drops = (style.ones, _without_ones), (style.zeros, _without_zeros), (style.zeroth, _without_zeroth)
            for drop in (drop for keep, drop in drops if not keep):
                (after,) = rewritten([after], drop)
        marks += [] if style.zeros else _zeros(tree)
        return Line(tree, self._order, marks=tuple(marks), reason=words), after

    def _last(self, tree: Node) -> Line:
        """The last calculation: numbers are multiplied, powers 1 and 0 and terms 0 go."""
        marks: list[Mark] = []
        words: list[str] = []
        before: Node = ZERO
        for place, node in nodes_with_places(tree):
            if _is_product(node) and not _is_product(before):  # behind a product stands its first part
                numbers = [at for at, part in factors_with_places(node, place) if value_of(part) is not None]
                if len(numbers) > 1:
                    marks += map(_mark, numbers)
                    words.append("multiply")
            elif isinstance(node, Operation) and node.name == "power" and value_of(node.arguments[1]) == 1:
                marks.append(_mark((place, 1)))
            elif _zeroth(node):
                marks.append(_mark(place))
                words.append("the power 0 is 1")
            before = node
        marks += _zeros(tree)
        return Line(tree, self._order, marks=tuple(marks), reason="; ".join(dict.fromkeys(words)) or "simplify")


def _mark(place: Place, *, sign: bool = False, front: Place = None) -> Mark:
    return Mark(path_of(place), sign, None if front is None else path_of(front))


def _without_ones(node: Node) -> Node:
    if isinstance(node, Operation) and node.name == "multiply" and ONE in node.arguments:
        left, right = node.arguments
        return left if right == ONE else right
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


def _without_zeroth(node: Node) -> Node:
    return ONE if _zeroth(node) else node


def _is_product(node: Node) -> TypeGuard[Operation]:
    return isinstance(node, Operation) and node.name == "multiply"


def _zeros(tree: Node) -> list[Mark]:
    """The terms of sums that are 0."""
    nodes = nodes_with_places(tree)
    sums = ((place, node) for place, node in nodes if isinstance(node, Operation) and node.name in SUMS)
    return [_mark((place, k)) for place, node in sums for k, part in enumerate(node.arguments) if part == ZERO]
