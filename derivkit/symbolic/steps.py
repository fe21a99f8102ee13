"""Steps of a derivation: a rule applied to a piece of a formula, the walks over them, and the conditions they make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from derivkit.expressions.algebra import ONE, ZERO, apply
from derivkit.expressions.tree import Expression, Node, Operation, Unevaluated, Variable, postorder, short_text
from derivkit.symbolic.rules import Condition


@dataclass(frozen=True, eq=False, repr=False)
class Step:
    """A rule applied to a piece of the formula.

    Attributes
    ----------
    rule : str
        Name of the rule.
    piece, result : Expression
        What it acted on, and the derivative of that.
    children : tuple of Step
        The steps that gave the derivatives in the result.
    conditions : tuple of Condition
        What must hold for the rule to hold.
    inner : Node
        With respect to what: the variable, or in the first child of a chain rule the inner function.
    unfolded : Node
        What the rule says, before the children's results are put in and anything is folded.
    unsaid : tuple of Condition
        Conditions of the rule that always hold here, or that others say; a check of the step alone keeps away from
        where they nearly fail.

    Examples
    --------
    >>> from derivkit import derive
    >>> derive("log(x)").steps
    (<Step logarithm: d/dx (log(x)) = 1/x>,)
    >>> derive("log(x)").steps[0].condition
    'x > 0'
    """

    rule: str
    piece: Expression
    result: Expression
    children: tuple[Step, ...]
    conditions: tuple[Condition, ...]
    inner: Node
    unfolded: Node
    unsaid: tuple[Condition, ...] = ()

    def __str__(self) -> str:
        within = self.inner.name if isinstance(self.inner, Variable) else f"({short_text(self.inner)})"
        return f"{self.rule}: d/d{within} ({self.piece.short}) = {self.result.short}"

    def __repr__(self) -> str:
        return f"<Step {self}>"

    @property
    def condition(self) -> str:
        """The conditions in words; empty if there are none."""
        return ", ".join(map(str, self.conditions))

    def walk(self) -> Iterator[Step]:
        """Every step that leads to this one, once, children before what is built of them, and last itself.

        Examples
        --------
        >>> from derivkit import derive
        >>> [step.rule for step in derive("x*sin(x)").roots[0].walk()]
        ['identity', 'sine', 'product']
        """
        return steps_of(self)


def steps_of(*roots: Step) -> Iterator[Step]:
    """Every step of some trees once, children before what is built of them."""
    return postorder(roots, lambda step: step.children)


CHOOSING = frozenset({"piecewise", "maximum", "minimum"})
"""Rules of operations that choose one of their arguments: what is said of the others is of no account."""
MAX_PLACES = 1000
"""Steps looked at in a place of their own; what is beyond is held to count everywhere. Without a derivation."""
Within = tuple[tuple[tuple[Node, ...], int, bool], ...]
"""Pieces within pieces: the conditions of a formula of several pieces, which of its pieces is meant, and whether the
others need not be defined there; those of max and min must be."""
MEETINGS = frozenset({"≠", "is not an integer"})
"""Relations that say where a function jumps or turns; the others say where it is defined."""


def conditions_anywhere(steps: Iterable[Step]) -> tuple[Condition, ...]:
    """The conditions of some steps, each once, wherever they count."""
    return tuple(dict.fromkeys(condition for step in steps for condition in step.conditions))


def conditions_of(*roots: Step) -> tuple[Condition, ...]:
    """The conditions of all steps of some trees, each once; within a piece of a formula only where it counts."""
    return tuple(dict.fromkeys(condition for root in roots for condition in _conditions_of(root)))


def _conditions_of(root: Step) -> Iterator[Condition]:
    """Those of one tree, children first."""
    placed: list[Condition] = []
    entered: set[tuple[int, Within]] = set()
    stack: list[tuple[Step, Within]] = [(root, ())]
    while stack:
        step, within = stack.pop()
        within = within if len(entered) < MAX_PLACES else ()
        if not entered.isdisjoint({(id(step), within), (id(step), ())}):
            continue
        entered.add((id(step), within))
        placed += filter(None, (_placed(condition, within) for condition in reversed(step.conditions)))
        pieces = _pieces(step)
        stack += [(child, (*within, *pieces.get(child.piece.root, ()))) for child in step.children]
    everywhere = {condition for condition in placed if not condition.place}
    for condition in reversed(placed):
        if not condition.place or replace(condition, needed=ONE, place="") not in everywhere:
            yield condition


def _pieces(step: Step) -> dict[Node, Within]:
    """The one place where each child of a step counts, where there is one."""
    if step.rule not in CHOOSING or not isinstance(step.unfolded, Operation) or step.unfolded.name != "piecewise":
        return {}
    values, conditions = step.unfolded.arguments[0::2], step.unfolded.arguments[1::2]
    pieces = [value.piece for value in values if isinstance(value, Unevaluated)]
    return {
        value.piece: ((conditions, k, step.rule == "piecewise"),)
        for k, value in enumerate(values)
        if isinstance(value, Unevaluated) and pieces.count(value.piece) == 1
    }


def _placed(condition: Condition, within: Within) -> Condition | None:
    """A condition as it stands in a place; None if it always holds there."""
    needed, words = condition.needed, []
    for conditions, k, alone in reversed(within):
        if not alone and condition.relation not in MEETINGS:
            continue
        facts = {fact for c in conditions[:k] for fact in _strict(c, holds=False)}
        facts |= {fact for c in conditions[k : k + 1] for fact in _strict(c, holds=True)}
        if (condition.left, condition.right) in facts or (
            condition.relation == "≠" and (condition.right, condition.left) in facts
        ):
            return None
        needed = apply("piecewise", *(part for c in conditions[:k] for part in (ZERO, c)), needed,
                       *((conditions[k], ZERO) if k < len(conditions) else ()))  # fmt: skip
        words.append(f"where {short_text(conditions[k])}" if k < len(conditions) else _unless(conditions))
    return replace(condition, needed=needed, place=", ".join(words)) if words else condition


def _unless(conditions: Sequence[Node]) -> str:
    return f"unless {' or '.join(map(short_text, conditions))}"


def _strict(comparison: Node, *, holds: bool) -> Iterator[tuple[Node, Node]]:
    """The pair (a, b) with a > b that follows from a comparison that holds, or does not."""
    if isinstance(comparison, Operation):
        left, right = comparison.arguments
        if comparison.name == ("greater" if holds else "less_equal"):
            yield left, right
        if comparison.name == ("less" if holds else "greater_equal"):
            yield right, left
