"""What may stand beside what in a formula, and every mistake as it was typed, with what to write instead.

`check` walks over the tokens once, from left to right, and refuses the first one that cannot stand where it stands.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from derivkit.expressions.hints import (
    COMPARISON,
    ELSEWHERE,
    FORMULA_ALONE,
    IMPLICIT,
    MODULES,
    NO_PLACE,
    ONE_CONDITION,
    PIECES,
    QUOTATION_MARKS,
    QUOTES,
    RESERVED,
    arguments_in,
    call_hint,
    function_hint,
    other_name,
    shortened,
    sign_hint,
    split_at_commas,
    usage,
)
from derivkit.expressions.limits import MAX_DECIMAL_EXPONENT, MAX_DEPTH, MAX_DIGITS, MAX_NODES, WINDOW
from derivkit.expressions.tokens import (
    APPLIED,
    ENDS,
    ROLES,
    STARTS,
    UNKNOWN,
    WANTING,
    ParseError,
    Source,
    canonical,
)
from derivkit.expressions.tree import CONSTANTS, PRIMES, arities, counts
from derivkit.operations.elementary import ELEMENTARY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(slots=True)
class _Bracket:
    """An open bracket, and what has been seen in it."""

    index: int
    kind: str  # group, call, pieces (of piecewise), pair (one of them)
    commas: int = 0
    conditions: int = 0  # comparisons in a pair; pairs with one in pieces
    truth: bool = False  # True has been seen


def check(source: Source) -> None:
    """Refuse the first token that cannot stand where it stands."""
    opened: list[_Bracket] = []
    for index, token in enumerate(source.tokens):
        check = _OF_ROLE.get(token.role)
        if check:
            check(source, index)
        _check_beside(source, index)
        inside = _IN_BRACKETS.get(token.role)
        if inside:
            inside(source, index, opened)
        elif opened and opened[-1].kind == "pieces":
            raise _no_pair(source, index)
    _check_beside(source, len(source.tokens))
    if opened:
        raise source.error(source.token(opened[-1].index).column, "the bracket '(' is never closed", "write ) after it")
    nodes = [token for token in source.tokens if token.role not in {"open", "close", "comma"}]
    if len(nodes) > MAX_NODES:
        reason = f"the formula has {len(nodes)} numbers, names and signs, the most is {MAX_NODES}"
        raise source.error(nodes[MAX_NODES].column, reason, "split the formula, or write it as a Python function")


def _check_open(source: Source, index: int, opened: list[_Bracket]) -> None:
    before = source.token(index - 1)
    kind = "call" if before.role in APPLIED else "group"
    if opened and opened[-1].kind == "pieces":
        if opened[-1].truth:
            reason = "no piece can stand after the one that holds otherwise"
            raise source.error(source.token(index).column, reason, "move (..., True) to the end")
        kind = "pair"
    elif canonical(before.text) == "piecewise":
        kind = "pieces"
    opened.append(_Bracket(index, kind))
    if len(opened) > MAX_DEPTH:
        reason = f"more than {MAX_DEPTH} brackets are open"
        raise source.error(source.token(index).column, reason, "split the formula, or leave brackets out")


def _check_comma(source: Source, index: int, opened: list[_Bracket]) -> None:
    if not opened or opened[-1].kind == "group":
        raise _stray_comma(source, index, whole=not opened)
    opened[-1].commas += 1


def _check_comparison(source: Source, index: int, opened: list[_Bracket]) -> None:
    column = source.token(index).column
    if len(opened) > 1 and opened[-1].kind == "group" and opened[-2].kind == "pair" and opened[-2].commas:
        raise source.error(column, "a condition stands without brackets", "write (x, x<1) for a piece")
    if not opened or opened[-1].kind != "pair" or not opened[-1].commas:
        raise source.error(column, *COMPARISON)
    if source.token(index).text in {"==", "!=", "\N{NOT EQUAL TO}"}:
        hint = "write the formula without the piece for a single point, which has no value there then"
        raise source.error(column, "a condition is one of < <= > >=", hint)
    if opened[-1].conditions:
        hint = "write 0<x<1 as two pieces, (..., x<=0), (..., x<1)"
        raise source.error(column, "a condition is one comparison", hint)
    opened[-1].conditions = 1


def _check_truth(source: Source, index: int, opened: list[_Bracket]) -> None:
    alone = source.token(index - 1).role == "comma" and source.token(index + 1).role == "close"
    if not (alone and opened and opened[-1].kind == "pair" and opened[-1].commas == 1):
        raise _word_of_python(source, index)
    opened[-1].truth = True


def _check_close(source: Source, index: int, opened: list[_Bracket]) -> None:
    if not opened:
        raise source.error(source.token(index).column, "the bracket ')' was never opened", "write ( before it")
    bracket = opened.pop()
    name = source.token(bracket.index - 1)
    if bracket.kind == "pair":
        if bracket.commas != 1 or bracket.conditions + bracket.truth != 1:
            raise _no_pair(source, bracket.index)
        opened[-1].truth = bracket.truth
        opened[-1].conditions += bracket.conditions
    elif bracket.kind == "pieces" and not bracket.conditions:
        raise source.error(name.column, "no piece has a condition", f"write {PIECES}")
    elif bracket.kind == "call":
        count = bracket.commas + 1
        if count != 1 if name.role == "unknown" else count not in arities(canonical(name.text)):
            raise _wrong_count(source, bracket.index - 1, count)


def _no_pair(source: Source, index: int) -> ParseError:
    reason = "piecewise takes pairs of a value and a condition, such as x<1, or True"
    return source.error(source.token(index).column, reason, f"write {PIECES}")


_IN_BRACKETS: Mapping[str, Callable[[Source, int, list[_Bracket]], None]] = {
    "open": _check_open,
    "comma": _check_comma,
    "close": _check_close,
    "comparison": _check_comparison,
    "truth": _check_truth,
}


def _check_beside(source: Source, index: int) -> None:
    rule = _RULES.get((source.token(index - 1).role, source.token(index).role))
    if rule:
        raise rule(source, index)


def _check_number(source: Source, index: int) -> None:
    token, after = source.token(index), source.token(index + 1)
    mantissa, _, exponent = token.text.lower().partition("e")
    if sum(sign.isdigit() for sign in mantissa) > MAX_DIGITS:
        raise source.error(token.column, f"a number has more than {MAX_DIGITS} digits", "write fewer, as in 1.5e30")
    size = exponent.lstrip("+-0")
    # The length first: int() of thousands of digits is slow, and Python refuses it.
    if len(size) > len(str(MAX_DECIMAL_EXPONENT)) or int(size or 0) > MAX_DECIMAL_EXPONENT:
        reason = f"the number {source.span(index, index)} is out of range"
        raise source.error(token.column, reason, f"write an exponent of at most {MAX_DECIMAL_EXPONENT}")
    if re.fullmatch("0+[1-9][0-9]*", token.text):
        raise source.error(token.column, f"the number {token.text} starts with 0", f"write {token.text.lstrip('0')}")
    touching = after.role == "name" and after.column == token.column + len(token.text)
    if touching and after.text in {"j", "J"}:
        hint = f"if {after.text} is a variable, write {token.text}*{after.text}"
        raise source.error(after.column, "there are no complex numbers", hint)


def _check_name(source: Source, index: int) -> None:
    token = source.token(index)
    name, column = token.text, token.column
    if _is_leibniz(source, index):
        quotient = source.span(index, index + 2)
        raise source.error(column, f"{quotient} stands for a derivative", FORMULA_ALONE)
    if "__" in name:
        reason = f"the name {shortened(name)!r} has two underscores in a row"
        raise source.error(column, reason, "write a name such as x_1")
    if keyword.iskeyword(name):
        raise _word_of_python(source, index)
    if name in RESERVED:
        raise source.error(column, f"{name!r} is not a variable", RESERVED[name])
    stem = name.removesuffix("x")
    bare = stem if stem in ROLES else stem.rstrip("0123456789")
    if stem != name and bare in ROLES and 1 in arities(canonical(bare)):
        factor = f"{stem[len(bare) :]}*" if bare != stem else ""
        raise source.error(column, f"the brackets of {bare} are missing", f"write {bare}({factor}x)")


def _is_leibniz(source: Source, index: int) -> bool:
    """Whether d/dx or dy/dx stands there; d/dx before a bracket may be an ordinary quotient."""
    first, sign, second = (source.token(index + k).text for k in range(3))
    if sign != "/" or not re.fullmatch("d[a-zA-Z]", second):
        return False
    return re.fullmatch("d[a-zA-Z]", first) is not None or (first == "d" and source.token(index + 3).role != "open")


def _word_of_python(source: Source, index: int) -> ParseError:
    token = source.token(index)
    if token.text in {"and", "or", "not"}:
        return source.error(token.column, "there are no operations on truth values", ONE_CONDITION)
    hint = "write 1 or 0" if token.text in {"True", "False"} else f"choose another name, such as {token.text}_"
    return source.error(token.column, f"{token.text!r} is a word of the Python language, not a variable", hint)


def _check_primed(source: Source, index: int) -> None:
    """Refuse a prime that marks no derivative of an unknown function: a quotation mark, or a mistake."""
    token, after = source.token(index), source.token(index + 1)
    name = token.text.rstrip(PRIMES)
    if after.role != "open":
        column = token.column + len(name)
        if any(later.text in QUOTATION_MARKS or later.role == "primed" for later in source.tokens[index + 1 :]):
            raise source.error(column, *QUOTES)
        raise source.error(column, "a prime stands only before brackets", "write f'(x), or the derivative itself")
    if UNKNOWN.fullmatch(name):
        reason = f"{name!r} is a variable here, not a function"
        raise source.error(token.column, reason, f"write another name for the function, or {name}(...) everywhere")
    reason = "only the unknown functions f, g and h have primes"
    raise source.error(token.column, reason, "write the derivative out, or f'(x)")


def _check_other(source: Source, index: int) -> None:
    token = source.token(index)
    if token.text == "|":
        ends = (i for i in range(index + 1, len(source.tokens)) if source.token(i).text == "|")
        inner = source.span(index + 1, next(ends, index + 1) - 1)
        raise source.error(token.column, "'|' is not a bracket", f"write abs({inner or 'x'})")
    if token.text == ".":
        raise _attribute(source, index)
    if token.text in NO_PLACE:
        raise source.error(token.column, *NO_PLACE[token.text])
    name = unicodedata.name(token.text, "no name")
    reason = f"the character {token.text!r} ({name}) is not known here"
    raise source.error(token.column, reason, sign_hint(token.text))


def _attribute(source: Source, index: int) -> ParseError:
    """A point that stands in no number: before a function of a module, or something else."""
    reason, hint = NO_PLACE["."]
    last = index
    while source.token(last + 1).role == "name" and source.token(last + 2).text == ".":
        last += 2
    before, name, after = source.token(index - 1), source.token(last + 1), source.token(last + 2)
    called = name.role in {"name", "function"} and after.role == "open"
    if called and before.role in {"name", "function"}:
        group = source.operand(last + 2)
        if name.role == "function":
            hint = call_hint(name.text, group)
        elif name.text in ELSEWHERE or other_name(name.text):
            hint = function_hint(name.text, group, is_factor=False)
    elif name.text in {*CONSTANTS, *RESERVED} and before.text in MODULES:
        hint = f"write {name.text}" if name.text in CONSTANTS else RESERVED[name.text]
    return source.error(source.token(index).column, reason, hint)


_OF_ROLE: Mapping[str, Callable[[Source, int], None]] = {
    "number": _check_number,
    "name": _check_name,
    "primed": _check_primed,
    "other": _check_other,
}


def _missing_multiplication(source: Source, index: int) -> ParseError:
    left, right = source.token(index - 1), source.token(index)
    meant = other_name(left.text) if left.role == "name" else None
    if meant:
        return source.error(left.column, f"unknown function {left.text!r}", f"write {meant}{source.argument(index)}")
    hint = f"write {source.operand_before(index)}*{source.operand(index)}"
    hint += IMPLICIT if right.role != "number" else ""
    reason = "a multiplication sign is missing"
    if ends_a_piece(source, index):
        reason, hint = "a comma is missing between two pieces", "write (x, x<1), (2*x, True)"
    elif left.role == "number":
        reason, hint = beside_a_number(source, index) or (reason, hint)
    return source.error(right.column, reason, hint)


def beside_a_number(source: Source, index: int) -> tuple[str, str] | None:
    """What is wrong with a number that something follows; None if a multiplication sign is missing."""
    left, right = source.token(index - 1), source.token(index)
    touching = right.column == left.column + len(left.text)
    if touching and left.text == "0" and re.fullmatch("[xXoObB][0-9a-fA-F]+", right.text):
        return "numbers are decimal", "write the number with the digits 0 to 9"
    if touching and re.fullmatch("_[0-9]+", right.text):
        return "a number has no underscores", f"write {left.text}{right.text.replace('_', '')}"
    if right.role != "number":
        return None
    if touching:
        return "a number has one decimal point", "leave the other out"
    if re.fullmatch("[0-9]{3}", right.text) and left.text.isdigit():
        return "a number has no blanks", f"write {source.span(index - 1, index)}"
    hint = f"write {source.operand_before(index)}*{source.operand(index)}"
    return "a sign is missing between two numbers", hint


def ends_a_piece(source: Source, index: int) -> bool:
    """Whether (x, x<1)( stands there."""
    start = source.partners.get(index - 1, index) if source.token(index).role == "open" else index
    return any(token.role == "comparison" for token in source.tokens[start:index])


def _not_a_function(source: Source, index: int) -> ParseError:
    name, group = source.token(index - 1), source.operand(index)
    shown = shortened(name.text)
    if is_factor(source, index):
        kind = "constant" if name.text in CONSTANTS else "variable"
        return source.error(name.column, f"{shown!r} is a {kind}, not a function", f"write {shown}*{group}{IMPLICIT}")
    factor = any(token.text == name.text[0] for token in source.tokens)
    return source.error(name.column, f"unknown function {shown!r}", function_hint(name.text, group, is_factor=factor))


def is_factor(source: Source, index: int) -> bool:
    """Whether a name before the bracket at `index` is no function: a constant, or before a single value a variable.

    A variable is short, as x_1, or stands elsewhere without brackets.
    """
    name = source.token(index - 1).text
    alone = (token.text == name and source.token(i + 1).role != "open" for i, token in enumerate(source.tokens))
    is_variable = any(alone) or re.fullmatch("_?[A-Za-z]_?[0-9]*", name) is not None
    return name in CONSTANTS or (is_variable and len(arguments_in(source.operand(index))) == 1)


def _function_alone(source: Source, index: int) -> ParseError:
    name = source.token(index - 1)
    power = _power_of_function(source, index)
    if power:
        return source.error(name.column, f"the power of {name.text} stands before its brackets", power)
    reason = f"{name.text} is a function and needs brackets"
    if 1 not in arities(canonical(name.text)):
        return source.error(name.column, reason, f"write {usage(canonical(name.text))}")
    return source.error(name.column, reason, f"write {name.text}{source.argument(index)}")


def _power_of_function(source: Source, index: int) -> str:
    """For sin^2(x), with its sign of power at `index`: what to write; empty for anything else."""
    if source.token(index).text not in {"**", "^"}:
        return ""
    minus = source.token(index + 1).text == "-"
    place = index + 1 + minus
    if source.token(place).role != "number" or source.token(place + 1).role not in STARTS:
        return ""
    name, exponent, argument = (
        source.token(index - 1).text,
        source.token(place).text,
        source.argument(place + 1),
    )
    if minus and exponent == "1" and f"a{name}" in ELEMENTARY:
        return f"write a{name}{argument}, or 1/{name}{argument}"
    return f"write {name}{argument}**{'-' * minus}{exponent}"


def _missing_value(source: Source, index: int) -> ParseError:
    before, token = source.token(index - 1), source.token(index)
    if before.text == token.text == "*":
        return source.error(token.column, "a value is missing between '*' and '*'", "for a power write **")
    if before.role == "start" or before.role in {"open", "comma"}:
        return source.error(token.column, f"a value is missing before {token.text!r}", "write one, such as x")
    return source.error(token.column, f"a value is missing after {before.text!r}", "write one, such as x")


def _value_missing_at_end(source: Source, index: int) -> ParseError:
    before = source.token(index - 1)
    if before.role == "open":
        return source.error(before.column, "the bracket '(' is never closed", "write ) after it")
    return source.error(source.token(index).column, f"a value is missing after {before.text!r}", "write one, such as x")


def _empty_brackets(source: Source, index: int) -> ParseError:
    if source.token(index - 2).role in APPLIED:
        return _wrong_count(source, index - 2, 0)
    return source.error(
        source.token(index).column, "there is nothing between the brackets", "write a value, such as (x)"
    )


def _wrong_count(source: Source, index: int, count: int) -> ParseError:
    name = source.token(index)
    if name.role == "unknown":
        reason = f"{name.text} is an unknown function of one argument, not {count}"
        return source.error(name.column, reason, f"write {name.text}(x)")
    meant = canonical(name.text)
    noun = "argument" if arities(meant) == (1,) else "arguments"
    within = range(index + 1, source.partners.get(index + 1, index + 1))
    decimal = next((f"; {hint}" for comma in within if (hint := _decimal_number(source, comma))), "")
    hint = f"write {usage(meant)}{decimal}"
    return source.error(name.column, f"{name.text} takes {counts(meant)} {noun}, not {count}", hint)


def _decimal_number(source: Source, index: int) -> str:
    """How a decimal number is written whose point is a comma at this token; empty where there is none."""
    before, token, after = (source.token(index + shift) for shift in (-1, 0, 1))
    if token.role != "comma" or not before.role == after.role == "number" or "." in before.text + after.text:
        return ""
    return f"for a decimal number write {shortened(before.text)}.{shortened(after.text)}"


def _stray_comma(source: Source, index: int, *, whole: bool) -> ParseError:
    """A comma that separates no arguments; `whole` says that it stands in no bracket."""
    token, decimal = source.token(index), _decimal_number(source, index)
    if decimal:
        return source.error(token.column, "a comma is not a decimal point", decimal)
    pieces = split_at_commas(token.text for token in source.tokens) if whole else []
    if whole and len([piece for piece in pieces if piece]) < 2:
        return source.error(token.column, "a comma stands only between the arguments of a function", "leave it out")
    shown = ",".join(f"'{piece}'" for piece in pieces)
    if not pieces or len(shown) > WINDOW:
        shown = "'sin(x)','exp(x)'"
    reason = "a comma stands only between the arguments of a function"
    return source.error(token.column, reason, f"two expressions go in a list, each in quotes: [{shown}]")


_RULES: Mapping[tuple[str, str], Callable[[Source, int], ParseError]] = {
    **{(before, role): _missing_multiplication for before in ENDS for role in STARTS},
    ("name", "open"): _not_a_function,
    **{
        ("function", role): _function_alone
        for role in (*STARTS[:-1], "operator", "sign", "comparison", "close", "comma", "end")
    },
    **{(before, role): _missing_value for before in WANTING for role in ("operator", "comparison", "comma", "close")},
    **{(before, "end"): _value_missing_at_end for before in WANTING},
    ("open", "close"): _empty_brackets,
}
"""What may not stand beside what, by the roles of two neighbours.  A pair that is not here is right."""
