"""Lines of a derivation cut into spans, the texts that a figure sets apart.

A span is marked where the next line acts on it; an exponent has an arc to the front of its x.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from derivkit.symbolic.notation.lines import Line, Mark
from derivkit.symbolic.notation.writing import Piece, pieces_of


@dataclass(frozen=True)
class Span:
    """A text of a line of a figure that is set in one colour and at one height.

    Attributes
    ----------
    line, position : int
        Which line, and where in it, both from 0.
    text, below : str
        What is written; of a fraction the two halves.
    raised, mark : bool
        Whether it is an exponent, and whether the next line acts on it.
    arrow : int
        Position of the span to whose front an arc runs from here, or -1.
    note : str
        On the first span of a line: what the next line does.
    """

    line: int
    position: int
    text: str
    below: str
    raised: bool
    mark: bool
    arrow: int
    note: str


def spans_of(lines: Sequence[Line], *, left: Sequence[str] = (), notation: str = "leibniz") -> list[Span]:
    """The spans of some lines, from left to right, line by line.

    Parameters
    ----------
    lines : sequence of Line
        The lines of a derivation.
    left : sequence of str
        What stands left of the sign of equality, for the function and each derivative, on its first line.
    notation : str
        ``prime`` or ``leibniz``.
    """
    return [span for number, line in enumerate(lines) for span in _spans(number, line, left, notation)]


def _spans(number: int, line: Line, left: Sequence[str], notation: str) -> Iterator[Span]:
    name = [left[line.order]] if line.first and line.order < len(left) else []
    before = [Piece(text, (-1,)) for text in (*name, line.sign)]
    pieces = [*before, *(piece for whole in pieces_of(line.tree, notation, raised=True) for piece in _apart(whole))]
    arrows = dict(_arrows(pieces, line.marks))
    for place, piece in enumerate(pieces):
        marked = place >= len(before) and any(_meant(piece, mark) for mark in line.marks)
        note = line.reason if place == 0 else ""
        yield Span(number, place, piece.text, piece.below, piece.raised, marked, arrows.get(place, -1), note)


def _apart(piece: Piece) -> list[Piece]:
    """A piece without blanks around it: a figure has its own."""
    text = piece.text.strip() if piece.sign else piece.text
    return [Piece(text, piece.path, piece.sign, piece.below, piece.raised)] if text else []


def _inside(piece: Piece, path: tuple[int, ...]) -> bool:
    return piece.path[: len(path)] == path


def _meant(piece: Piece, mark: Mark) -> bool:
    return (piece.path == mark.path and piece.sign) if mark.sign else _inside(piece, mark.path)


def _arrows(pieces: Sequence[Piece], marks: Sequence[Mark]) -> Iterator[tuple[int, int]]:
    for mark in marks:
        if mark.front is None:
            continue
        start = next((k for k, piece in enumerate(pieces) if _inside(piece, mark.path)), -1)
        end = next((k for k, piece in enumerate(pieces) if _inside(piece, mark.front)), -1)
        if start >= 0 and end >= 0:
            yield start, end
