"""What is done with the derivative of each piece of a formula: by which rule, why, and what stands for it then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from derivkit.expressions.algebra import ONE, ZERO, apply, factors_of, product, rational, value_of
from derivkit.expressions.tree import Node, Operation, Unevaluated, Variable
from derivkit.symbolic.notation.rewriting import laid_flat, rewritten, with_derivatives
from derivkit.symbolic.notation.writing import rule_text
from derivkit.symbolic.rules import RULES
from derivkit.symbolic.steps import Step

SIMPLE = frozenset({"sum", "constant multiple", "power", "constant", "identity"})
"""Where only these rules are used, x is differentiated as x^1, by the power rule."""
PHASES = ("sum", "constant multiple")
"""Rules whose turn comes first at the level ``full``; then those that leave a derivative to be found, then the rest."""


@dataclass(frozen=True)
class Move:
    """What is done with the derivative of a piece.

    Attributes
    ----------
    step : Step
        The step of the piece.
    after : Node
        What stands for the derivative in the next line.
    rule, reason : str
        By which rule, and the same in words.
    """

    step: Step
    after: Node
    rule: str
    reason: str

    @property
    def phase(self) -> int:
        """When it is its turn at the level ``full``."""
        return PHASES.index(self.rule) if self.rule in PHASES else len(PHASES) + (not self.after.pending)


def moves_of(steps: Sequence[Step], variable: Variable, *, full: bool) -> dict[Node, Move]:
    """For each piece that is differentiated, what is done with its derivative.

    Parameters
    ----------
    steps : sequence of Step
        The steps of the pieces.
    variable : Variable
        With respect to what.
    full : bool
        Whether exponents are left to be computed, and slopes that leave no derivative to be simplified.
    """
    written = [ZERO if _still(step) else step.unfolded if full or step.unfolded.pending else step.result.root
               for step in steps]  # fmt: skip
    after = rewritten(written, laid_flat if full else lambda node: _lowered(laid_flat(node)))
    moves = {
        step.piece.root: Move(step, tree, step.rule, _reason(step)) for step, tree in zip(steps, after, strict=True)
    }
    simple = full and {step.rule for step in steps} <= SIMPLE
    return _with_first_power(moves, variable) if simple else moves


def _with_first_power(moves: Mapping[Node, Move], x: Variable) -> dict[Node, Move]:
    """The moves with x as x^1 wherever its derivative is to be found."""
    power = apply("power", x, ONE)
    factors = {piece: factors_of(piece) for piece in moves}
    raised = {
        piece: product([power if factor == x else factor for factor in parts])
        for piece, parts in factors.items()
        if x in parts
    }
    new = {Unevaluated(piece, x.name): Unevaluated(raised[piece], x.name) for piece in raised}
    after = with_derivatives([move.after for move in moves.values()], new)
    moves = {piece: replace(move, after=tree) for (piece, move), tree in zip(moves.items(), after, strict=True)}
    moves |= {raised[piece]: moves[piece] for piece in raised}
    if x in moves:
        slope = product([ONE, apply("power", x, apply("subtract", ONE, ONE))])
        moves[power] = replace(moves[x], after=slope, rule="power", reason=REASONS["power"])
        moves[x] = replace(moves[x], after=Unevaluated(power, x.name), reason=f"{x.name} is its own first power")
    return moves


REASONS: Mapping[str, str] = {
    "sum": "a sum is taken apart",
    "constant multiple": "a constant factor moves out",
    "power": "the exponent goes to the front, one less stays",
    "constant": "a constant gives 0",
    "identity": "the variable itself gives 1",
    "piecewise": "piece by piece",
    "unknown function": "the derivative of an unknown function is written with a prime",
}


def _reason(step: Step) -> str:
    """What the rule of a step does, in words."""
    node, name = step.piece.root, step.rule
    if _still(step):
        return "its argument is constant, which gives 0"
    if name in REASONS:
        return REASONS[name]
    rows = {row.name: row for row in RULES.get(node.name, ())} if isinstance(node, Operation) else {}
    if name == "chain rule":
        return f"{name}: " + (rule_text(rows[outer_rule(step)]) if rows else "(f(u))' = f'(u) u'")
    return f"{name}: {rule_text(rows[name])}" if name in rows else name


def _still(step: Step) -> bool:
    """Whether what a function depends on is constant, such as x/x; its slope may be infinite."""
    parts = step.children
    flat = {"sum", "constant multiple", "product", "piecewise"}
    return bool(parts) and step.rule not in flat and all(child.result.root == ZERO for child in parts)


def outer_rule(step: Step) -> str:
    """Of a chain rule, the rule of the outer function."""
    return step.children[0].rule if step.rule == "chain rule" else ""


def difference(node: Node) -> Node | None:
    """The number that a difference of two numbers is; None for anything else."""
    if isinstance(node, Operation) and node.name == "subtract":
        left, right = map(value_of, node.arguments)
        if left is not None and right is not None:
            return rational(left - right)
    return None


def computed(node: Node) -> Node:
    """A power with its exponent computed, where that is a difference of two numbers; any other node as it is."""
    if isinstance(node, Operation) and node.name == "power":
        exponent = difference(node.arguments[1])
        return node if exponent is None else apply("power", node.arguments[0], exponent)
    return node


def _lowered(node: Node) -> Node:
    """Exponents computed, and the power 1 of a piece as the piece."""
    new = computed(node)
    if new is not node and isinstance(new, Operation) and value_of(new.arguments[1]) == 1:
        return new.arguments[0]
    return new
