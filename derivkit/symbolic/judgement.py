"""What is said of an answer: right or wrong, by which mistake and where, and the derivation with its wrong places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from enum import StrEnum
from functools import cached_property
from typing import ClassVar

from derivkit.expressions.tree import Expression
from derivkit.presentation import Display
from derivkit.symbolic.derivation import Derivation, derive
from derivkit.symbolic.notation import (
    Line,
    Span,
    Style,
    as_html,
    as_latex,
    as_markdown,
    as_text,
    corrected,
    for_notebook,
    left_sides,
    spans_of,
)


class Judgement(StrEnum):
    """The judgement of an answer: right in one form or another, wrong, or not decided.

    Examples
    --------
    >>> from derivkit import diagnose
    >>> diagnose("sin(x)^2", "sin(2*x)").verdict is Judgement.OTHER_FORM
    True
    """

    RIGHT = "right"
    OTHER_FORM = "right, in another form"
    NOT_PROVED = "equal as far as computed, not proved"
    BROKEN = "a rule is broken"
    UNKNOWN = "no single mistake of a known kind"
    NO_REAL_POINT = "no real point found"
    OVER_THE_WORK_LIMIT = "over the work limit"


@dataclass(frozen=True)
class Slip:
    """One place where a mistake was made.

    Attributes
    ----------
    place : Expression
        The piece that was differentiated wrongly.
    written : Expression
        What the mistake makes of it.
    """

    place: Expression
    written: Expression


@dataclass(frozen=True)
class Finding:
    """A mistake that gives the answer.

    Attributes
    ----------
    rule : str
        The rule that was broken, or how.
    formula : str
        What was written in its stead, in the names of the table of mistakes.
    place : Expression
        The piece that was differentiated wrongly.
    written, right : Expression
        What the mistake makes of the piece, and its derivative.
    whole : Expression
        The whole derivative with this mistake.
    likeness : float
        How much of the answer looks like that, 0 to 1.
    slips : tuple of Slip
        Every place at which it was made; where they are several, `place` is the whole formula.

    Examples
    --------
    >>> from derivkit import diagnose
    >>> (finding,) = diagnose("x*sin(x)", "cos(x)").findings
    >>> finding.rule, finding.where
    ('product rule as product of derivatives', 'at x*sin(x)')
    """

    rule: str
    formula: str
    place: Expression
    written: Expression
    right: Expression
    whole: Expression
    likeness: float
    slips: tuple[Slip, ...]

    @property
    def places(self) -> int:
        """At how many places it was made."""
        return len(self.slips)

    @property
    def where(self) -> str:
        """The place in words."""
        return f"at {self.place}" if self.places == 1 else f"at {self.places} places of {self.place}"

    @property
    def corrected(self) -> str:
        """The step as it should be."""
        return f"({self.place})' = {self.right}"


@dataclass(frozen=True, repr=False)
class Diagnosis(Display):
    """What is right or wrong with an answer.

    Attributes
    ----------
    verdict : Judgement
        Right, right in another form, wrong by a broken rule, or wrong by no single mistake of a known kind; or neither
        proved nor refuted.
    derivative : Expression
        The right answer.
    findings : tuple of Finding
        Every mistake that gives the answer, the one that looks most like it first.
    points : tuple of mapping
        Where answer and derivative were compared in raised precision.
    note : str
        What else is to be said; empty if nothing.
    digits : int
        Where neither is proved, the decimal digits to which answer and derivative are equal at every point.
    expression, answer : Expression
        The function, and what somebody says its derivative is.
    variable : str
        With respect to what.

    Examples
    --------
    >>> from derivkit import diagnose
    >>> found = diagnose("x*sin(x)", "cos(x)")
    >>> str(found)
    "product rule as product of derivatives, at x*sin(x): (x*sin(x))' = sin(x) + x*cos(x)"
    >>> print(found.text("brief"))
    f(x)      = x·sin(x)
    d/dx f(x) = d/dx [x·sin(x)]
              ≠ cos(x)              product rule as product of derivatives
              = sin(x) + x·cos(x)
    Check of every step with =: verified; the line with ≠ is refuted.
    <BLANKLINE>
    """

    SHOWN: ClassVar[tuple[str, ...]] = (*("verdict", "rules", "place", "corrected", "derivative", "digits", "note"),)

    verdict: Judgement
    derivative: Expression
    findings: tuple[Finding, ...] = ()
    points: tuple[Mapping[str, float], ...] = ()
    note: str = ""
    digits: int = 0
    _: KW_ONLY
    expression: Expression
    answer: Expression
    variable: str

    @property
    def right(self) -> bool:
        """Whether the answer is right, in whatever form."""
        return self.verdict in {Judgement.RIGHT, Judgement.OTHER_FORM}

    @property
    def rules(self) -> tuple[str, ...]:
        """The broken rules, the likeliest first, each once."""
        return tuple(dict.fromkeys(finding.rule for finding in self.findings))

    @property
    def place(self) -> Expression | None:
        """The piece that the likeliest mistake is about."""
        return self.findings[0].place if self.findings else None

    @property
    def corrected(self) -> str:
        """The likeliest step as it should be; empty if no rule is named."""
        return self.findings[0].corrected if self.findings else ""

    @cached_property
    def derivation(self) -> Derivation:
        """The right derivative with its steps."""
        return derive(self.expression, self.variable)

    def lines(self, level: str | Style = "normal") -> tuple[Line, ...]:
        """The lines of the right derivation, and below each that was done wrongly what was written instead.

        Parameters
        ----------
        level : {"normal", "full", "brief"} or Style
            As of :meth:`Derivation.text`.

        Returns
        -------
        tuple of Line
            Where the answer is not wrong, those of the derivation. Otherwise a line that is ``wrong`` has the reason,
            and only the wrong places are marked: those of the likeliest mistake, or the whole if none is known.
        """
        lines = self.derivation.lines(level)
        if self.verdict not in {Judgement.BROKEN, Judgement.UNKNOWN}:
            return lines
        whole = {self.expression.root: self.answer.root}
        if not self.findings:
            return corrected(lines, whole, variable=self.variable, reason=str(self.verdict))
        likeliest = self.findings[0]
        slips = {slip.place.root: slip.written.root for slip in likeliest.slips}
        return corrected(lines, slips, variable=self.variable, reason=likeliest.rule, whole=whole)

    def text(self, level: str | Style = "normal", notation: str = "leibniz") -> str:
        """The lines as plain text, wrong ones behind ``≠``; `level` and `notation` as of `Derivation.text`."""
        return as_text(self.derivation, self.lines(level), notation)

    def spans(self, level: str | Style = "normal", notation: str = "leibniz") -> list[Span]:
        """The lines cut into the texts that a figure sets apart; `level` and `notation` as of `text`."""
        return spans_of(self.lines(level), left=left_sides(self.derivation, "prime"), notation=notation)

    def _repr_html_(self) -> str:
        """The verdict, then the lines with what was written wrongly in its place."""
        return f"{super()._repr_html_()}\n{as_html(self.derivation, self.lines(), 'leibniz')}"

    def _repr_markdown_(self) -> str:
        lines = as_markdown(self.derivation, self.lines(), "leibniz")
        return f"{super()._repr_markdown_()}\n\n{for_notebook(lines)}"

    def _repr_latex_(self) -> str:
        return f"$$\n{as_latex(self.derivation, self.lines(), 'leibniz')}$$"

    def __str__(self) -> str:
        named = [f"{finding.rule}, {finding.where}: {finding.corrected}" for finding in self.findings]
        open_ = self.verdict is Judgement.NOT_PROVED
        verdict = f"equal to {self.digits} digits, not proved" if open_ else str(self.verdict)
        return "; or ".join(named) if named else verdict + (f" ({self.note})" if self.note else "")
