"""What may stand in each column of a row of the table of operations; what may not is refused with what to write.

Whether a column is true, as a slope is that of the value, is for `tests/derivkit/operations` to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, get_args

import numpy as np

from derivkit.arguments import nearest, shown
from derivkit.operations.formulas import Meaning, region, worked_out
from derivkit.operations.row import ARB_FUNCTIONS, Elementary, Meeting, Sign, Steepest, by_definition, by_slope

Arities = Mapping[str, Sequence[int]]
"""The numbers of arguments of every operation, by its name."""
NAMES_IN_MISTAKES = re.compile(r"\b(y|slope|slope_e|slope_of_minus_u)\b")
"""What a mistake of a function may name beside u; `derivkit.symbolic.candidate_mistakes` gives them their values."""

STEEPEST = "callable that bounds the slope, such as `lambda a, e: np.exp(a + e)` where a has the error e"


def refuse_malformed(row: Elementary, arities: Arities) -> None:
    """Raise ValueError, with the row, the column and what to write, if a column holds what cannot stand there."""
    for column, fault in _faults(row, arities):
        if fault:
            raise ValueError(f"row {row.name!r}, column {column}: {fault}")


def _faults(row: Elementary, arities: Arities) -> Iterator[tuple[str, str]]:
    """Every column with its fault, an empty text where it has none: first what is wrong, then what is missing."""
    for column, check in CHECKS.items():
        yield column, check(getattr(row, column), arities)
    if by_slope in {row.running, row.series} and not row.slope:
        yield "slope", "it is missing; write slope='...', a formula of u, or both running=... and series=..."
    if row.series is by_definition and not row.definition:
        yield "definition", "it is missing; write definition='...', a formula of u in other operations, or series=..."
    if row.series is by_slope and row.name not in ARB_FUNCTIONS:
        formula = repr(row.definition) if row.definition else "'...' (a formula of u in other operations)"
        yield "series", f"Arb has no {row.name}; write definition={formula}, series=by_definition"


def _name(name: Any, _: Arities) -> str:
    typed = isinstance(name, str) and name.isidentifier()
    return "" if typed else f"{shown(name)} cannot be typed; write letters, digits and _"


def _arity(arity: Any, _: Arities) -> str:
    counts = arity if isinstance(arity, Sequence) and not isinstance(arity, str) else ()
    whole = len(counts) > 0 and all(isinstance(count, int) and count >= 1 for count in counts[:2])
    return "" if whole else f"{shown(arity)} is no sequence of numbers of arguments; write (1,) for one argument"


def _callable(value: Any, _: Arities) -> str:
    return "" if callable(value) else f"{shown(value)} cannot be called; write a function of the arguments"


def _text(value: Any, _: Arities) -> str:
    return "" if isinstance(value, str) else f"{shown(value)} is no text"


def _flag(value: Any, _: Arities) -> str:
    return "" if isinstance(value, bool) else f"{shown(value)} is neither True nor False"


def _not_negative(value: Any, _: Arities) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0.0
    return "" if number else f"{shown(value)} is no number from 0 up"


def _one_of(words: Collection[str], otherwise: str = "") -> Callable[[Any, Arities], str]:
    """A check that a column is one of some words, or, where `otherwise` describes one, a callable."""

    def fault(value: Any, _: Arities) -> str:
        if (isinstance(value, str) and value in words) or (otherwise and callable(value)):
            return ""
        return f"{shown(value)} is none of {', '.join(map(repr, words))}{otherwise and f', and no {otherwise}'}"

    return fault


def _formula(formula: Any, arities: Arities) -> str:
    """The fault of a formula of u; none of one that is left out."""
    if not isinstance(formula, str):
        return f"{shown(formula)} is no text with a formula of u"

    def check(name: str, *arguments: None) -> None:
        if name not in arities:
            hint = nearest(name, arities, otherwise="write it in operations of the table")
            raise ValueError(f"{formula!r} has no known operation {name!r}; {hint}")
        # An arity that is malformed is the fault of its own row.
        if not _arity(arities[name], arities) and len(arguments) not in arities[name]:
            raise ValueError(f"{formula!r} gives {name} {len(arguments)} arguments, which it does not take")

    try:
        worked_out(formula or "u", None, Meaning(number=lambda _: None, pi=lambda: None, apply=check))
    except ValueError as error:
        return str(error)
    return ""


def _region(text: Any, arities: Arities) -> str:
    """The fault of a region; none of one that is left out."""
    if not text:
        return _text(text, arities)
    try:
        return _formula(region(text).left, arities)
    except (AttributeError, ValueError) as error:
        return str(error) if isinstance(text, str) else f"{shown(text)} is no text that names a region"


def _texts(texts: Any, _: Arities) -> str:
    listed = isinstance(texts, tuple) and all(isinstance(text, str) for text in texts)
    return "" if listed else f"{shown(texts)} is no tuple of texts; write ('...',) for one"


def _ufuncs(ufuncs: Any, _: Arities) -> str:
    listed = isinstance(ufuncs, tuple) and all(isinstance(ufunc, np.ufunc) for ufunc in ufuncs)
    return "" if listed else f"{shown(ufuncs)} is no tuple of universal functions; write (np.fabs,) for one"


def _mistakes(mistakes: Any, arities: Arities) -> str:
    pairs = isinstance(mistakes, tuple) and all(
        isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(text, str) for text in pair) for pair in mistakes
    )
    if not pairs:
        return f"{shown(mistakes)} is no tuple of pairs of texts; write (('what went wrong', 'formula of u'),) for one"
    faults = (_formula(NAMES_IN_MISTAKES.sub("u", formula), arities) for _, formula in mistakes)
    return next(filter(None, faults), "")


CHECKS: Mapping[str, Callable[[Any, Arities], str]] = {
    "name": _name,
    "arity": _arity,
    **dict.fromkeys(("value", "running", "series", "vertical"), _callable),
    **dict.fromkeys(("title", "typed", "written"), _text),
    **dict.fromkeys(("slope", "definition"), _formula),
    **dict.fromkeys(("domain", "smooth"), _region),
    "steepest": _one_of(get_args(Steepest), STEEPEST),
    "pole": lambda pole, arities: "" if pole is None else _callable(pole, arities),
    "meeting": _one_of(get_args(Meeting)),
    "sign": _one_of(get_args(Sign), "callable from the signs of the arguments"),
    **dict.fromkeys(("ulps", "underflow", "cost", "overhead"), _not_negative),
    **dict.fromkeys(("latex", "synonyms", "aliases"), _texts),
    **dict.fromkeys(("odd", "power_at_name", "guarded"), _flag),
    "ufuncs": _ufuncs,
    "mistakes": _mistakes,
}
"""For every column what is wrong with its value; an empty text if nothing is."""
