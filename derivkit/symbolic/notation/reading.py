"""Read back what `writing` wrote: 5·5x^(5 - 1), √x, |x|, d/dx [3x^2], (3x^2)'.

This is for our own lines, not for what people type: that is read by `derivkit.expressions.expression.parse`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

from derivkit.expressions.algebra import product
from derivkit.expressions.tokens import UNKNOWN
from derivkit.expressions.tree import CONSTANTS, Constant, Node, Number, Operation, Unevaluated, Unknown, Variable
from derivkit.operations.elementary import ELEMENTARY
from derivkit.symbolic.notation.writing import MAX_CHARACTERS, RELATION_SIGNS, ROOTS

MAX_BRACKETS = 100
"""Open brackets; a constant without a derivation."""
_TOKEN = re.compile(
    r"""(?P<blank>\s+)
    | (?P<derivative>d/d[A-Za-z_][A-Za-z_0-9]*)
    | (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE]-?[0-9]+)?)
    | (?P<name>[A-Za-z_π][A-Za-z_0-9]*)
    | (?P<primes>'+)
    | (?P<sign>[-+·/^√∛|()\[\]{},;<>≤≥])""",
    re.VERBOSE,
)
_COMPARED, _ROOTS = ({sign: name for name, sign in signs.items()} for signs in (RELATION_SIGNS, ROOTS))
_WORDS = frozenset({"if", "otherwise"})


class ReadingError(ValueError):
    """A text that is no line of ours."""


def read(text: str, variable: str = "x") -> Node:
    """The tree of a line.

    Parameters
    ----------
    text : str
        What `written` gives of a tree.
    variable : str
        With respect to what a prime differentiates.

    Raises
    ------
    ReadingError
        With the place, if the text is no line.

    Examples
    --------
    >>> read("d/dx 3x^2") == read("d/dx [3·x^2]") == read("(3x^2)'")
    True
    """
    reader = _Reader(text, variable)
    tree = reader.sum()
    if reader.peek():
        raise reader.error()
    return tree


class _Reader:
    """Recursive descent; brackets are counted, so that it does not descend too far."""

    def __init__(self, text: str, variable: str) -> None:
        if len(text) > 2 * MAX_CHARACTERS:
            raise ReadingError(f"the line has {len(text)} characters, the most is {2 * MAX_CHARACTERS}")
        self._text, self._variable = text, variable
        self._tokens: list[tuple[str, str, int]] = []
        self._next = self._open = at = 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise ReadingError(f"{text!r} has {text[at]!r} at column {at + 1}, which no line has")
            if match.lastgroup != "blank":
                self._tokens.append((match.lastgroup or "", match.group(), at))
            at = match.end()

    def peek(self) -> str:
        return self._tokens[self._next][1] if self._next < len(self._tokens) else ""

    def _kind(self) -> str:
        return self._tokens[self._next][0] if self._next < len(self._tokens) else "end"

    def _take(self, expected: str = "") -> str:
        word = self.peek()
        if not word or (expected and word != expected):
            raise self.error(expected)
        self._next += 1
        return word

    def error(self, expected: str = "") -> ReadingError:
        at = self._tokens[self._next][2] if self._next < len(self._tokens) else len(self._text)
        word = repr(self.peek()) if self.peek() else "the end"
        return ReadingError(f"{self._text!r} has {word} at column {at + 1}, not {expected or 'what may stand there'}")

    def _within(self, close: str, inner: Callable[[], Node]) -> Node:
        self._open += 1
        if self._open > MAX_BRACKETS:
            raise ReadingError(f"more than {MAX_BRACKETS} brackets are open in {self._text!r}")
        tree = inner()
        self._take(close)
        self._open -= 1
        return tree

    def _compared(self) -> Node:
        left = self.sum()
        if self.peek() not in _COMPARED:
            return left
        return Operation(_COMPARED[self._take()], (left, self.sum()))

    def sum(self) -> Node:
        tree = self._term()
        while self.peek() in {"+", "-"}:
            name = "add" if self._take() == "+" else "subtract"
            tree = Operation(name, (tree, self._term()))
        return tree

    def _term(self) -> Node:
        tree = product(self._factors())
        while self.peek() in {"·", "/"}:
            if self._take() == "·":
                tree = product([tree, *self._factors()])
            else:
                tree = Operation("divide", (tree, self._signed()))
        return tree

    def _factors(self) -> list[Node]:
        """A number and what stands directly behind it, as factors; or a single one."""
        first = self._signed()
        innermost = first
        while isinstance(innermost, Operation) and innermost.name == "negate":
            innermost = innermost.arguments[0]
        if isinstance(innermost, Number) and self._kind() == "name" and self.peek() not in _WORDS:
            return [first, self._power()]
        return [first]

    def _signed(self) -> Node:
        signs = 0
        while self.peek() == "-":
            self._take()
            signs += 1
        tree = self._derivative() if self._kind() == "derivative" else self._power()
        for _ in range(signs):
            tree = Operation("negate", (tree,))
        return tree

    def _derivative(self) -> Node:
        variable = self._take().removeprefix("d/d")
        if self.peek() == "[":
            self._take()
            return Unevaluated(self._within("]", self._compared), variable)
        return Unevaluated(product(self._factors()), variable)

    def _power(self) -> Node:
        base = self._atom()
        if self.peek() != "^":
            return base
        self._take()
        return Operation("power", (base, self._atom()))

    def _atom(self) -> Node:
        kind, word = self._kind(), self.peek()
        if kind == "number":
            return Number(Fraction(self._take()))
        if kind == "name" and word not in _WORDS:
            return self._named(self._take())
        if word == "(":
            self._take()
            tree = self._within(")", self._compared)
            for _ in range(len(self._take()) if self._kind() == "primes" else 0):
                tree = Unevaluated(tree, self._variable)
            return tree
        if word == "|":
            self._take()
            return Operation("abs", (self._within("|", self.sum),))
        if word == "{":
            self._take()
            return self._within("}", self._cases)
        if word in _ROOTS:
            self._take()
            return Operation(_ROOTS[word], (self._atom(),))
        raise self.error()

    def _named(self, name: str) -> Node:
        primes = len(self._take()) if self._kind() == "primes" else 0
        if UNKNOWN.fullmatch(name) and self.peek() == "(":
            self._take()
            return Unknown(name, primes, self._within(")", self.sum))
        if primes:
            raise self.error("(")
        if name in ELEMENTARY:
            self._take("(")
            arguments: list[Node] = []
            self._within(")", lambda: self._arguments(arguments))
            return Operation(name, tuple(arguments))
        if name in {*CONSTANTS, "π"}:
            return Constant("pi" if name == "π" else name)
        return Variable(name)

    def _arguments(self, arguments: list[Node]) -> Node:
        arguments.append(self._compared())
        while self.peek() == ",":
            self._take()
            arguments.append(self._compared())
        return arguments[-1]

    def _cases(self) -> Node:
        parts: list[Node] = []
        while True:
            parts.append(self.sum())
            word = self._take()
            if word == "if":
                parts.append(self._compared())
            elif word != "otherwise":
                raise self.error("if")
            if self.peek() != ";":
                return Operation("piecewise", tuple(parts))
            self._take()
