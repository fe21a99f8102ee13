"""Multiplication signs that were left out: each is put where two values stand side by side, or refused where it may
mean two things.

The rule: a sign that is left out multiplies like one that is written. Numbers stay whole (2e3 is 2000), a letter with
digits is one name (x1), f, g and h before brackets are functions as everywhere, and functions need their brackets.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

from derivkit.expressions.grammar import beside_a_number, ends_a_piece, is_factor
from derivkit.expressions.hints import other_name
from derivkit.expressions.tokens import APPLIED, ENDS, STARTS, Source, Token
from derivkit.expressions.tree import CONSTANTS, GREEK

POWERS = ("^", "**")


def multiplied(source: Source) -> Source:
    """The tokens with the signs that were left out.

    Raises
    ------
    ParseError
        Where what was typed may mean two things: ``1/2x``, ``e^2x``.
    """
    tokens: list[Token] = []
    for index, token in enumerate(source.tokens):
        if _is_left_out(source, index):
            _refuse_two_readings(source, index)
            tokens.append(Token("operator", "*", token.column))
        tokens.append(token)
    return replace(source, tokens=tokens)


def spelled(source: Source) -> str:
    """The text with the signs that `multiplied` put, in the place of the blanks before each.

    Examples
    --------
    >>> from derivkit.expressions.tokens import scan
    >>> spelled(multiplied(Source("3x^2 + x sin(x)", scan("3x^2 + x sin(x)"))))
    '3*x^2 + x*sin(x)'
    """
    places = [0, *(token.column for index, token in enumerate(source.tokens) if source.is_implied(index))]
    *parts, last = (source.text[start:end] for start, end in pairwise([*places, len(source.text)]))
    return "*".join([*map(str.rstrip, parts), last])


def refuse_joined_names(source: Source) -> None:
    """Refuse names that may be products: of several letters without an underscore, or a constant with digits.

    Raises
    ------
    ParseError
        With the product, and how to write one variable.
    """
    for token in source.tokens:
        letters = token.text.rstrip("0123456789")
        if token.role != "name" or "_" in token.text or token.text in {*CONSTANTS, *GREEK}:
            continue
        if letters in CONSTANTS:
            number = token.text[len(letters) :]
            hint = f"write {letters}^{number}, {number}*{letters}, or {letters}_{number} for a variable"
            raise source.error(token.column, f"{token.text!r} is neither a power nor a product", hint)
        if len(letters) > 1 and letters not in GREEK:
            hint = f"write {'*'.join(re.findall('[A-Za-z][0-9]*', token.text))}, or {token.text}_ for one variable"
            raise source.error(token.column, f"{token.text!r} may be a product or one variable", hint)


def _is_left_out(source: Source, index: int) -> bool:
    """Whether a sign is left out before a token; what is wrong for another reason stays as it is."""
    left, right = source.token(index - 1), source.token(index)
    if left.role not in ENDS or right.role not in STARTS or right.role == "number":
        return False
    if left.role == "name" and (other_name(left.text) or (right.role == "open" and not is_factor(source, index))):
        return False
    if left.role == "number" and (beside_a_number(source, index) or _is_power_of_function(source, index - 1)):
        return False
    return not ends_a_piece(source, index)


def _is_power_of_function(source: Source, index: int) -> bool:
    """Whether a number stands as in sin^2(x)."""
    sign = index - 1 - (source.token(index - 1).role == "sign")
    return source.token(sign).text in POWERS and source.token(sign - 1).role == "function"


def _refuse_two_readings(source: Source, index: int) -> None:
    """Refuse a sign behind a quotient, or behind a number in the exponent of another: there the factor may be meant to
    belong to what is divided by, or to the exponent.
    """
    factor = source.span(index, _factor_end(source, index))
    start = _start(source, index)
    sign = _operator_before(source, start)
    while source.token(sign).text in POWERS:
        base, exponent = _start(source, sign), source.span(sign + 1, index - 1)
        number = source.token(index - 1).role == "number" and source.token(sign - 1).role != "close"
        if number and (source.token(base).role == "number" or source.token(base).text in CONSTANTS):
            power = source.span(base, sign)
            whole = f"{power}{exponent}{factor}"
            hint = f"write {power}({exponent}*{factor}) or {power}{exponent}*{factor}"
            raise source.error(source.token(index).column, f"{whole} has two readings", hint)
        sign = _operator_before(source, base)
    if source.token(sign).text == "/":
        above, below = source.operand_before(sign), source.span(sign + 1, index - 1)
        hint = f"write {above}/({below}*{factor}) or ({above}/{below})*{factor}"
        raise source.error(source.token(index).column, f"{above}/{below}{factor} has two readings", hint)


def _start(source: Source, end: int) -> int:
    """The first token of the operand that ends just before `end`."""
    start = source.partners.get(end - 1, end - 1)
    return start - (source.token(start - 1).role in APPLIED)


def _operator_before(source: Source, start: int) -> int:
    """The operator of which an operand is the right side, whatever signs the operand has."""
    place = start - 1
    while source.token(place).role == "sign" and source.token(place - 1).role in {"operator", "sign"}:
        place -= 1
    return place


def _factor_end(source: Source, index: int) -> int:
    """The last token of a factor with its powers."""
    end = source.operand_end(index)
    while source.token(end + 1).text in POWERS:
        end = source.operand_end(end + 2 + (source.token(end + 2).role == "sign"))
    return end
