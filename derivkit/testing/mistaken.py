"""Wrong derivatives of a formula: each mistake of the table made at one step of its derivation."""

from __future__ import annotations

from collections.abc import Iterator

from derivkit.expressions.algebra import folded
from derivkit.expressions.tree import Expression, Node, Unevaluated, Variable, replaced
from derivkit.symbolic.candidate_mistakes import Candidate, candidates_of
from derivkit.symbolic.derivation import derive
from derivkit.symbolic.diagnosis import diagnose
from derivkit.symbolic.judgement import Diagnosis, Judgement
from derivkit.symbolic.steps import Step


def wrong_answers(expression: str) -> Iterator[tuple[Expression, Diagnosis]]:
    """Yield wrong derivatives of a formula of one variable, of which a diagnosis names the one rule that was broken.

    Examples
    --------
    >>> answers = {diagnosis.rules[0]: str(answer) for answer, diagnosis in wrong_answers("x*sin(x)")}
    >>> answers["product rule as product of derivatives"]
    'cos(x)'
    """
    derivation = derive(expression)
    variable = Variable(derivation.variable)
    # that an outer function has its slope is a step of its own for the reader, and a part of the chain rule here
    steps = [step for step in derivation.roots[0].walk() if step.inner == variable]
    known: set[Expression] = set()
    for candidate in candidates_of(steps, variable):
        answer = Expression(folded(_with_mistake(steps, candidate), {}))
        if answer.variables and answer not in known:
            known.add(answer)
            diagnosis = diagnose(expression, answer)
            if diagnosis.verdict == Judgement.BROKEN and len(diagnosis.rules) == 1:
                yield answer, diagnosis


def _with_mistake(steps: list[Step], candidate: Candidate) -> Node:
    """The derivative that the steps lead to if one of them is done wrong."""
    results: dict[Node, Node] = {}
    for step in steps:
        written = candidate.written if step is candidate.step else step.unfolded
        results[step.piece.root] = replaced(
            written, lambda node: results[node.piece] if isinstance(node, Unevaluated) else None
        )
    return results[steps[-1].piece.root]
