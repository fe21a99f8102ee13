"""Derivations as lines: made, written as text, Markdown and LaTeX, read back, and cut into the spans of a figure."""

from derivkit.symbolic.notation.correction import corrected
from derivkit.symbolic.notation.latex import latex
from derivkit.symbolic.notation.lines import LEVELS, Line, Mark, Style, lines_of
from derivkit.symbolic.notation.printing import (
    as_html,
    as_latex,
    as_markdown,
    as_text,
    for_notebook,
    left_side,
    left_sides,
    to_html,
    to_latex,
    to_text,
)
from derivkit.symbolic.notation.reading import ReadingError, read
from derivkit.symbolic.notation.spans import Span, spans_of
from derivkit.symbolic.notation.writing import NOTATIONS, pieces_of, written

__all__ = [
    "LEVELS",
    "NOTATIONS",
    "Line",
    "Mark",
    "ReadingError",
    "Span",
    "Style",
    "as_html",
    "as_latex",
    "as_markdown",
    "as_text",
    "corrected",
    "for_notebook",
    "latex",
    "left_side",
    "left_sides",
    "lines_of",
    "pieces_of",
    "read",
    "spans_of",
    "to_html",
    "to_latex",
    "to_text",
    "written",
]
