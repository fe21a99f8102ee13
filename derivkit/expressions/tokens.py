"""The tokens of a formula: how a text is cut, and the error that names a place in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from derivkit.expressions.limits import WINDOW
from derivkit.expressions.tree import PRIMES, printable
from derivkit.operations.elementary import ELEMENTARY

if TYPE_CHECKING:
    from collections.abc import Mapping


class ParseError(ValueError):
    """A text that is no formula.

    Parameters
    ----------
    text : str
        The text as it was typed.
    column : int
        Where the mistake is, counted from 0.  The printed forms count from 1, as editors do.
    reason : str
        What is wrong.
    hint : str, optional
        What to write instead.

    Examples
    --------
    >>> print(ParseError("2x", 1, "a multiplication sign is missing", "write 2*x"))
    '2x' at column 2: a multiplication sign is missing; write 2*x
        2x
         ^
    """

    def __init__(self, text: str, column: int, reason: str, hint: str = "") -> None:
        super().__init__(text, column, reason, hint)
        self.text = text
        self.column = column
        self.reason = printable(reason)
        self.hint = printable(hint)

    @property
    def line(self) -> str:
        """The error in one line."""
        shown, _ = self._window()
        message = f"{self.reason}; {self.hint}" if self.hint else self.reason
        return f"'{shown}' at column {self.column + 1}: {message}"

    def __str__(self) -> str:
        shown, caret = self._window()
        return f"{self.line}\n    {shown}\n    {' ' * caret}^"

    def _window(self) -> tuple[str, int]:
        """The part of the text around the column, and the place of the column in it."""
        start = max(0, min(self.column - WINDOW // 2, len(self.text) - WINDOW))
        cut = self.text[start : start + WINDOW]
        clean = printable(cut)
        before = "..." if start else ""
        after = "..." if start + WINDOW < len(self.text) else ""
        return before + clean + after, len(before) + self.column - start


_TOKEN = re.compile(
    r"""(?P<blank>[ \t\n\r\f\v]+)
    | (?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<primed>[A-Za-z_][A-Za-z_0-9]*['\u2032\u2019]+)
    | (?P<name>[A-Za-z_][A-Za-z_0-9]*)
    | (?P<other>:=|//|&&)
    | (?P<comparison>[<>=!]=|[<>\u2264\u2265\u2260])
    | (?P<operator>\*\*|[*/^\u00d7\u00b7])
    | (?P<sign>[-+\u2212\u2013])
    | (?P<open>\() | (?P<close>\)) | (?P<comma>,)
    | (?P<rest>.)""",
    re.VERBOSE | re.DOTALL,
)
SYNONYMS: Mapping[str, str] = {other: row.name for row in ELEMENTARY.values() for other in row.synonyms}
"""Other names of functions that mean one thing wherever they are used; what is ambiguous, such as lg, gets a hint."""
PYTHON: Mapping[str, str] = {
    "^": "**",
    "\N{MULTIPLICATION SIGN}": "*",
    "\N{MIDDLE DOT}": "*",
    "\N{MINUS SIGN}": "-",
    "\N{EN DASH}": "-",
    "\N{LESS-THAN OR EQUAL TO}": "<=",
    "\N{GREATER-THAN OR EQUAL TO}": ">=",
    **SYNONYMS,
}
"""The spellings that Python does not know."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text, its role beside its neighbours, and where it starts."""

    # number, name, function, unknown, truth, operator, sign, comparison, open, close, comma, other;
    # at the ends start and end
    role: str
    text: str
    column: int


ROLES: Mapping[str, str] = dict.fromkeys([*ELEMENTARY, *SYNONYMS], "function")
"""The roles of names that are none of variables."""
UNKNOWN = re.compile("[fgh][0-9]*")


def scan(text: str) -> list[Token]:
    """Cut a text into tokens, blanks left out."""
    tokens = []
    for match in _TOKEN.finditer(text):
        kind, word = match.lastgroup or "", match.group()
        if kind == "blank":
            continue
        if kind == "name":
            kind = "truth" if word == "True" else ROLES.get(word, kind)
        elif kind == "rest":
            kind = "other"
        tokens.append(Token(kind, word, match.start()))
    return _with_unknown(tokens)


def _with_unknown(tokens: list[Token]) -> list[Token]:
    """f, g and h, also with digits, are unknown functions where they stand before a bracket and nowhere without one."""
    follows = [*(token.role for token in tokens[1:]), "end"]
    applied: set[str] = set()
    alone: set[str] = set()
    for token, after in zip(tokens, follows, strict=True):
        if token.role in {"name", "primed"} and token.text[0] in "fgh":
            name = token.text.rstrip(PRIMES)
            if UNKNOWN.fullmatch(name):
                (applied if after == "open" else alone).add(name)
    names = applied - alone
    if not names:
        return tokens
    return [
        Token("unknown", token.text, token.column)
        if token.role in {"name", "primed"} and token.text.rstrip(PRIMES) in names
        else token
        for token in tokens
    ]


def canonical(name: str) -> str:
    """The name in the table of operations."""
    return SYNONYMS.get(name, name)


APPLIED = ("function", "unknown")
"""What stands before brackets."""
STARTS = ("number", "name", "function", "unknown", "open")
ENDS = ("number", "name", "close")
WANTING = ("start", "operator", "sign", "comparison", "open", "comma")
"""After these a value must follow."""


@dataclass(frozen=True)
class Source:
    """A text and its tokens."""

    text: str
    tokens: list[Token]

    def error(self, column: int, reason: str, hint: str = "") -> ParseError:
        """An error in this text."""
        return ParseError(self.text, column, reason, hint)

    def token(self, index: int) -> Token:
        """The token at `index`; beyond the ends, a token of role 'start' or 'end'."""
        if index < 0:
            return Token("start", "", 0)
        return self.tokens[index] if index < len(self.tokens) else Token("end", "", len(self.text.rstrip()))

    def is_implied(self, index: int) -> bool:
        """Whether the token at `index` is a multiplication sign that was not typed: it stands where the next does."""
        return index + 1 < len(self.tokens) and self.tokens[index].column == self.tokens[index + 1].column

    @cached_property
    def partners(self) -> dict[int, int]:
        """From each bracket to the one that belongs to it; brackets without one are left out."""
        pairs: dict[int, int] = {}
        opened: list[int] = []
        for index, token in enumerate(self.tokens):
            if token.role == "open":
                opened.append(index)
            elif token.role == "close" and opened:
                pairs[index] = opened.pop()
                pairs[pairs[index]] = index
        return pairs

    def span(self, first: int, last: int) -> str:
        """The tokens from `first` to `last`, without blanks; long ones shortened."""
        whole = "".join(token.text for token in self.tokens[first : last + 1])
        return whole if len(whole) <= WINDOW // 2 else f"{whole[: WINDOW // 2].partition('(')[0]}(...)"

    def operand_end(self, index: int) -> int:
        """The last token of the operand that starts at `index`."""
        start = index + 1 if self.token(index).role in APPLIED and self.token(index + 1).role == "open" else index
        return self.partners.get(start, start)

    def operand(self, index: int) -> str:
        """The operand that starts at `index`; a function without brackets gets some."""
        if self.token(index).role == "function" and self.token(index + 1).role in STARTS[:2]:
            return f"{self.token(index).text}{self.argument(index + 1)}"
        return self.span(index, self.operand_end(index))

    def operand_before(self, index: int) -> str:
        """The operand that ends just before `index`."""
        start = self.partners.get(index - 1, index - 1)
        return self.span(start - (self.token(start - 1).role in APPLIED), index - 1)

    def argument(self, index: int) -> str:
        """The operands side by side from `index` on, as the argument that was meant: 2x is (2*x)."""
        if self.token(index).role == "open":
            return self.operand(index)
        if self.token(index).role == "function" and self.token(index + 1).role != "open":
            return "(x)"
        parts: list[str] = []
        while self.token(index).role in STARTS and not (parts and self.token(index).role == "function"):
            parts.append(self.span(index, self.operand_end(index)))
            index = self.operand_end(index) + 1
            index += self.is_implied(index)
        shown = "*".join(parts)
        return f"({shown if 0 < len(shown) <= WINDOW else 'x'})"
