"""The lines of a derivation beside what somebody wrote: where it went wrong, and what stands there instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from derivkit.expressions.layout import path_of
from derivkit.expressions.tree import Node, Unevaluated, replaced
from derivkit.symbolic.notation.lines import Line, Mark
from derivkit.symbolic.notation.rewriting import is_pending, nodes_with_places, unevaluated


def corrected(
    lines: Sequence[Line],
    slips: Mapping[Node, Node],
    *,
    variable: str,
    reason: str,
    whole: Mapping[Node, Node] = MappingProxyType({}),
) -> tuple[Line, ...]:
    """The lines, and below each that was done wrongly what was written instead; only wrong places are marked.

    Parameters
    ----------
    lines : sequence of Line
        Those of the right derivation.
    slips : mapping
        From each piece that was differentiated wrongly to what was written for its derivative.
    variable : str
        With respect to what.
    reason : str
        What is wrong.
    whole : mapping
        The same for the whole formula, for lines in which the pieces do not stand by themselves.
    """
    written = {Unevaluated(piece, variable): tree for piece, tree in slips.items()}
    last = {node: k for k, line in enumerate(lines) for node in unevaluated(line.tree) if node in written}
    if not last and whole:
        return corrected(lines, whole, variable=variable, reason=reason)
    shown: list[Line] = []
    for k, line in enumerate(lines):
        now = {node: written[node] for node, place in last.items() if place == k}
        marks = _marks(line.tree, now) if now else ()
        shown.append(replace(line, marks=marks))
        if now:
            shown.append(Line(_with(now, line.tree), line.order, marks=marks, reason=reason, wrong=True))
    return tuple(shown)


def _with(derivatives: Mapping[Unevaluated, Node], tree: Node) -> Node:
    """A tree with derivatives that are still to be found replaced, and nothing else rewritten."""
    return replaced(tree, lambda node: derivatives.get(node) if isinstance(node, Unevaluated) else None)


def _marks(tree: Node, derivatives: Mapping[Unevaluated, Node]) -> tuple[Mark, ...]:
    """The places of some derivatives that are still to be found."""
    places = nodes_with_places(tree, is_pending)
    return tuple(Mark(path_of(place)) for place, node in places if node in derivatives)
