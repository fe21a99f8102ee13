"""Read a formula that a person typed, without ever running it.

Three gates stand one behind the other, and each is enough to keep code from running:

1. `_scan` cuts the text into tokens of a small alphabet; `_check` walks over them once, from left to right,
   and refuses the first one that cannot stand where it stands.  Here every mistake is met as it was typed.
2. `ast.parse` builds the tree from the tokens, written anew in Python's spelling.  It only reads.
3. `_children` lets through the five kinds of syntax that a formula is made of, and `_arithmetic` bounds the
   numbers before anything is evaluated.

A sum of 300 terms is a tree 300 deep.  No function here recurses, nodes included: see `program_of`.
"""

from __future__ import annotations

import ast
import difflib
import keyword
import operator
import re
import unicodedata
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

from derivkit.analytical.elementary import ELEMENTARY, OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = [
    "CONSTANTS",
    "Constant",
    "Expression",
    "Instruction",
    "Node",
    "Number",
    "Operation",
    "ParseError",
    "Variable",
    "parse",
    "program_of",
    "tree_of",
]

MAX_LENGTH = 2000
"""Characters: several times the longest formula a person types, and every later step is linear in it."""
MAX_DEPTH = 60
"""Open brackets: Python's own reader gives up at 200, and takes about 25 stack frames for each."""
MAX_NODES = 600
"""Nodes: a sum of 300 terms; it bounds every later walk over the tree."""
MAX_DIGITS = 30
"""Digits of one number: nearly twice what a double holds."""
MAX_DECIMAL_EXPONENT = 400
"""Size of the exponent of one number: doubles end at 1e308 and at 5e-324."""
MAX_POWER_BITS = 2048
"""Bits of a number to the power of a number: twice the 1024 at which a double overflows."""
MAX_VALUE_BITS = 4096
"""Bits of a number that numbers make by + - * /: the reciprocals of 300 primes sum to one of 2900."""
MAX_EXPONENT = 1_000_000
"""Size of an exponent that is a number: above it, x**n is 0 or inf in doubles unless |x| is near 1."""
WINDOW = 60
"""Characters of the text that an error shows: they fit on one line beside the margin."""

CONSTANTS = ("pi", "e")


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
    hint : str
        What to write instead; may be empty.

    """

    def __init__(self, text: str, column: int, reason: str, hint: str = "") -> None:
        super().__init__(text, column, reason, hint)
        self.text = text
        self.column = column
        self.reason = reason
        self.hint = hint

    @property
    def line(self) -> str:
        """The error in one line."""
        shown, _ = self._window()
        said = f"{self.reason}; {self.hint}" if self.hint else self.reason
        return f"'{shown}' at column {self.column + 1}: {said}"

    def __str__(self) -> str:
        shown, caret = self._window()
        return f"{self.line}\n    {shown}\n    {' ' * caret}^"

    def _window(self) -> tuple[str, int]:
        """The part of the text around the column, and the place of the column in it."""
        start = max(0, min(self.column - WINDOW // 2, len(self.text) - WINDOW))
        cut = self.text[start : start + WINDOW]
        # One character for one, or the caret would miss; nothing unprintable may reach a terminal.
        clean = "".join(" " if sign.isspace() else sign if sign.isprintable() else "?" for sign in cut)
        before = "..." if start else ""
        after = "..." if start + WINDOW < len(self.text) else ""
        return before + clean + after, len(before) + self.column - start


@dataclass(frozen=True, slots=True)
class Number:
    """A number as typed, exactly: 0.1 is 1/10."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class Constant:
    """A number with a name: 'pi' or 'e'."""

    name: str


@dataclass(frozen=True, slots=True)
class Variable:
    """A real variable."""

    name: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Operation:
    """A row of `OPERATIONS`: a sign or an elementary function, applied to its arguments in the order typed.

    Two operations are equal if their trees are.  What a dataclass would generate recurses into the arguments,
    and fails on a sum of 300 terms; so the hash is taken once, from the hashes of the arguments, and equality
    compares programs.
    """

    name: str
    arguments: tuple[Node, ...]
    _hash: int = field(init=False)

    def __post_init__(self) -> None:
        allowed = _arities(self.name)
        if len(self.arguments) not in allowed:
            takes = " or ".join(map(str, allowed)) or "no"
            msg = f"operation {self.name!r} takes {takes} arguments, not {len(self.arguments)}"
            raise ValueError(msg)
        object.__setattr__(self, "_hash", hash((self.name, self.arguments)))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Operation):
            return NotImplemented
        return self._hash == other._hash and program_of(self) == program_of(other)

    def __repr__(self) -> str:
        shown: list[str] = []
        for step in program_of(self):
            inner = ", ".join(shown[i] for i in step.arguments)
            # A tree whose parts are shared may be exponentially longer than its program.
            inner = inner if len(inner) <= MAX_LENGTH else "..."
            shown.append(f"{step.operation}({inner})" if step.arguments else str(step.value))
        return f"<Operation {shown[-1]}>"

    def __reduce__(self) -> tuple[Callable[[tuple[Instruction, ...]], Node], tuple[tuple[Instruction, ...]]]:
        # Pickled flat: a nested pickle recurses, and a stored hash is false in another process.
        return tree_of, (program_of(self),)


Node = Number | Constant | Variable | Operation


@dataclass(frozen=True, slots=True)
class Instruction:
    """One step of a program.

    Attributes
    ----------
    operation : str
        'number', 'constant', 'variable', a name in `OPERATIONS`.
    arguments : tuple of int
        The earlier steps whose results it takes; empty for the first three.
    value : Fraction, str or None
        The number, or the name of the constant or variable; None for an operation.

    """

    operation: str
    arguments: tuple[int, ...]
    value: Fraction | str | None


_LEAVES: Mapping[str, Callable[..., Node]] = {"number": Number, "constant": Constant, "variable": Variable}


def program_of(root: Node) -> tuple[Instruction, ...]:
    """Flatten a tree: arguments before operations, left before right, equal subtrees once.

    Equal trees have equal programs, whatever objects they share.  The result of the last step is the tree's.
    """
    place: dict[Instruction, int] = {}
    known: dict[int, int] = {}  # By identity: `root` keeps every node alive meanwhile.
    stack: list[Node] = [root]
    while stack:
        node = stack[-1]
        if isinstance(node, Operation):
            missing = [part for part in node.arguments if id(part) not in known]
            if missing:
                stack.extend(reversed(missing))
                continue
            step = Instruction(node.name, tuple(known[id(part)] for part in node.arguments), None)
        else:
            step = _leaf_step(node)
        stack.pop()
        known[id(node)] = place.setdefault(step, len(place))
    return tuple(place)


def _leaf_step(node: Number | Constant | Variable) -> Instruction:
    value = node.value if isinstance(node, Number) else node.name
    return Instruction(type(node).__name__.lower(), (), value)


def tree_of(program: tuple[Instruction, ...]) -> Node:
    """Build the tree of a program again, equal parts shared: the inverse of `program_of`."""
    nodes: list[Node] = []
    for step in program:
        leaf = _LEAVES.get(step.operation)
        nodes.append(leaf(step.value) if leaf else Operation(step.operation, tuple(nodes[i] for i in step.arguments)))
    return nodes[-1]


@dataclass(frozen=True)
class Expression:
    """A formula: what was typed, and the tree it stands for."""

    text: str
    root: Node = field(repr=False)

    @cached_property
    def program(self) -> tuple[Instruction, ...]:
        """The tree, flat: one loop over it evaluates the formula in any arithmetic."""
        return program_of(self.root)

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables, in the order of first appearance."""
        return tuple(str(step.value) for step in self.program if step.operation == "variable")

    def __str__(self) -> str:
        return self.text


def parse(text: str) -> Expression:
    """Read a formula; nothing in it is ever run.

    Parameters
    ----------
    text : str
        A formula in Python's spelling; ``^`` is a power too, the cross and the raised dot are ``*``, the
        minus sign and the en dash are ``-``.  Numbers are exact decimals, `pi` and `e` constants, functions
        those of `ELEMENTARY`; any other name is a real variable.

    Returns
    -------
    Expression
        The formula, in the order it was typed.

    Raises
    ------
    ParseError
        With the column, the reason, and what to write instead.

    """
    if len(text) > MAX_LENGTH:
        reason = f"the text has {len(text)} characters, the most is {MAX_LENGTH}"
        raise ParseError(text, MAX_LENGTH, reason, "split the formula, or write it as a Python function")
    if not text.strip():
        raise ParseError(text, 0, "there is no formula", "write one, such as x**2")
    source = _Source(text, tuple(_scan(text)))
    _check(source)
    return Expression(text, _build(source))


# --- Gate 1: tokens ---

_TOKEN = re.compile(
    r"""(?P<blank>[ \t\n\r\f\v]+)
    | (?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<name>[A-Za-z_][A-Za-z_0-9]*)
    | (?P<other>==|!=|<=|>=|:=|//|&&)
    | (?P<operator>\*\*|[*/^\u00d7\u00b7])
    | (?P<sign>[-+\u2212\u2013])
    | (?P<open>\() | (?P<close>\)) | (?P<comma>,)
    | (?P<rest>.)""",
    re.VERBOSE | re.DOTALL,
)
_PYTHON: Mapping[str, str] = {
    "^": "**",
    "\N{MULTIPLICATION SIGN}": "*",
    "\N{MIDDLE DOT}": "*",
    "\N{MINUS SIGN}": "-",
    "\N{EN DASH}": "-",
}
"""The spellings that Python does not know."""


@dataclass(frozen=True, slots=True)
class _Token:
    role: str  # number, name, function, operator, sign, open, close, comma, other; at the ends start and end
    text: str
    column: int


def _scan(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        kind, found = match.lastgroup or "", match.group()
        if kind == "blank":
            continue
        role = "function" if kind == "name" and found in ELEMENTARY else "other" if kind == "rest" else kind
        yield _Token(role, found, match.start())


@dataclass(frozen=True)
class _Source:
    """The text and its tokens; what hints are cut from."""

    text: str
    tokens: tuple[_Token, ...]

    def error(self, column: int, reason: str, hint: str = "") -> ParseError:
        return ParseError(self.text, column, reason, hint)

    def token(self, index: int) -> _Token:
        """The token at `index`; beyond the ends, a token of role 'start' or 'end'."""
        if index < 0:
            return _Token("start", "", 0)
        return self.tokens[index] if index < len(self.tokens) else _Token("end", "", len(self.text.rstrip()))

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
        start = index + 1 if self.token(index).role == "function" and self.token(index + 1).role == "open" else index
        return self.partners.get(start, start)

    def operand(self, index: int) -> str:
        """The operand that starts at `index`."""
        return self.span(index, self.operand_end(index))

    def operand_before(self, index: int) -> str:
        """The operand that ends just before `index`."""
        start = self.partners.get(index - 1, index - 1)
        return self.span(start - (self.token(start - 1).role == "function"), index - 1)

    def argument(self, index: int) -> str:
        """The operands side by side from `index` on, as the argument that was meant: 2x is (2*x)."""
        if self.token(index).role == "open":
            return self.operand(index)
        parts: list[str] = []
        while self.token(index).role in _STARTS:
            parts.append(self.operand(index))
            index = self.operand_end(index) + 1
        return f"({'*'.join(parts) or 'x'})"


# --- Gate 1: what may stand beside what ---

_STARTS = ("number", "name", "function", "open")
_ENDS = ("number", "name", "close")
_WANTING = ("start", "operator", "sign", "open", "comma")
"""After these a value must follow."""

_ALIASES: Mapping[str, str] = {
    **{f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{f"ar{name}": f"a{name}" for name in ("sinh", "cosh", "tanh")},
    "ln": "log",
    "lg": "log10",
    "lb": "log2",
    "ld": "log2",
    "tg": "tan",
    "ctg": "cot",
    "cotan": "cot",
    "cosec": "csc",
    "sgn": "sign",
    "signum": "sign",
    "fabs": "abs",
    "logistic": "sigmoid",
    "expit": "sigmoid",
    "maximum": "max",
    "minimum": "min",
}
_RESERVED: Mapping[str, str] = {
    "Pi": "write pi",
    "PI": "write pi",
    "inf": "numbers are finite here",
    "nan": "numbers are finite here",
}
"""Names that nobody means as a variable."""

_COMPARISON = (
    "a condition has no value to differentiate",
    "write one side only, or the difference of the two",
)
_BRACKETS = ("only round brackets group", "write ( and )")
_QUOTES = ("text in quotes is not part of a formula", "leave the quotes out")
_NO_BITS = ("there are no operations on bits or truth values", "use + - * / ^ and functions")
_OTHER: Mapping[str, tuple[str, str]] = {
    "=": (
        "'=' has no place in a formula",
        "write only what stands on the right of it; a point is given apart",
    ),
    ":=": ("':=' has no place in a formula", "write only what stands on the right of it"),
    **dict.fromkeys(("==", "!=", "<=", ">=", "<", ">"), _COMPARISON),
    **dict.fromkeys(("'", '"', "`"), _QUOTES),
    **dict.fromkeys("[]{}", _BRACKETS),
    **dict.fromkeys(("&", "&&", "~"), _NO_BITS),
    ".": ("a point stands only inside a number; there are no attributes", "write x*y for a product"),
    "//": ("there is no division with a floor", "write floor(x/y)"),
    "%": ("there is no remainder", "write x - y*floor(x/y)"),
    "!": ("there is no factorial", "write the product out"),
    ":": ("':' has no place in a formula", "write a formula only, such as x**2"),
    ";": ("only one formula can stand here", "two go in a list, each in quotes: ['sin(x)','exp(x)']"),
    "\\": ("'\\' has no place in a formula: LaTeX is not read", "write sin(x), not \\sin x"),
    "\0": ("the text holds a null byte", "write a formula, such as x**2"),
}
_FOREIGN: Mapping[str, str] = {
    "\N{GREEK SMALL LETTER PI}": "write pi",
    "\N{SQUARE ROOT}": "write sqrt(x)",
    "\N{CUBE ROOT}": "write cbrt(x)",
    "\N{INFINITY}": "numbers are finite here",
    "\N{EM DASH}": "write -",
    **dict.fromkeys("\N{DIVISION SIGN}\N{DIVISION SLASH}", "write /"),
    **dict.fromkeys("\N{DOT OPERATOR}\N{ASTERISK OPERATOR}\N{BULLET OPERATOR}\N{BULLET}", "write *"),
    **{sign: f"write ^{n}" for n, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
}


def _check(source: _Source) -> None:
    """Refuse the first token that cannot stand where it stands."""
    opened: list[tuple[int, int]] = []  # bracket, commas seen in it
    for index, token in enumerate(source.tokens):
        check = _OF_ROLE.get(token.role)
        if check:
            check(source, index)
        _check_beside(source, index)
        if token.role == "open":
            opened.append((index, 0))
            if len(opened) > MAX_DEPTH:
                reason = f"more than {MAX_DEPTH} brackets are open"
                raise source.error(token.column, reason, "split the formula, or leave brackets out")
        elif token.role == "comma":
            if not opened or source.token(opened[-1][0] - 1).role != "function":
                raise _stray_comma(source, index, whole=not opened)
            opened[-1] = (opened[-1][0], opened[-1][1] + 1)
        elif token.role == "close":
            _check_closed(source, index, opened)
    _check_beside(source, len(source.tokens))
    if opened:
        raise source.error(source.token(opened[-1][0]).column, "the bracket '(' is never closed", "write ) after it")
    nodes = [token for token in source.tokens if token.role not in {"open", "close", "comma"}]
    if len(nodes) > MAX_NODES:
        reason = f"the formula has {len(nodes)} numbers, names and signs, the most is {MAX_NODES}"
        raise source.error(nodes[MAX_NODES].column, reason, "split the formula, or write it as a Python function")


def _check_beside(source: _Source, index: int) -> None:
    rule = _RULES.get((source.token(index - 1).role, source.token(index).role))
    if rule:
        raise rule(source, index)


def _check_closed(source: _Source, index: int, opened: list[tuple[int, int]]) -> None:
    if not opened:
        raise source.error(source.token(index).column, "the bracket ')' was never opened", "write ( before it")
    start, commas = opened.pop()
    name = source.token(start - 1)
    if name.role == "function" and commas + 1 not in _arities(name.text):
        raise _wrong_count(source, start - 1, commas + 1)


def _check_number(source: _Source, index: int) -> None:
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
    if touching and re.fullmatch("_[0-9]+", after.text):
        hint = f"write {token.text}{after.text.replace('_', '')}"
        raise source.error(after.column, "a number has no underscores", hint)


def _check_name(source: _Source, index: int) -> None:
    token = source.token(index)
    name, column = token.text, token.column
    if "__" in name:
        reason = f"the name {_short(name)!r} has two underscores in a row"
        raise source.error(column, reason, "write a name such as x_1")
    if keyword.iskeyword(name):
        hint = "write 1 or 0" if name in {"True", "False"} else f"choose another name, such as {name}_"
        raise source.error(column, f"{name!r} is a word of the Python language, not a variable", hint)
    if name in _RESERVED:
        raise source.error(column, f"{name!r} is not a variable", _RESERVED[name])
    stem = name.removesuffix("x")
    if stem != name and stem in ELEMENTARY and 1 in _arities(stem):
        raise source.error(column, f"the brackets of {stem} are missing", f"write {stem}(x)")


def _check_other(source: _Source, index: int) -> None:
    token = source.token(index)
    if token.text == "|":
        ends = (i for i in range(index + 1, len(source.tokens)) if source.token(i).text == "|")
        inner = source.span(index + 1, next(ends, index + 1) - 1)
        raise source.error(token.column, "'|' is not a bracket", f"write abs({inner or 'x'})")
    if token.text in _OTHER:
        raise source.error(token.column, *_OTHER[token.text])
    name = unicodedata.name(token.text, "no name")
    other = "names are of the letters a-z, digits and _" if token.text.isalpha() else "remove it"
    reason = f"the character {token.text!r} ({name}) is not known here"
    raise source.error(token.column, reason, _FOREIGN.get(token.text, other))


_OF_ROLE: Mapping[str, Callable[[_Source, int], None]] = {
    "number": _check_number,
    "name": _check_name,
    "other": _check_other,
}


def _missing_multiplication(source: _Source, index: int) -> ParseError:
    left, right = source.token(index - 1), source.token(index)
    meant = _other_name(left.text) if left.role == "name" else None
    if meant:
        return source.error(left.column, f"unknown function {left.text!r}", f"write {meant}{source.argument(index)}")
    hint = f"write {source.operand_before(index)}*{source.operand(index)}"
    if left.role == right.role == "number" and right.column == left.column + len(left.text):
        return source.error(right.column, "a number has one decimal point", "leave the other out")
    if left.role == right.role == "number":
        return source.error(right.column, "a sign is missing between two numbers", hint)
    return source.error(right.column, "a multiplication sign is missing", hint)


def _not_a_function(source: _Source, index: int) -> ParseError:
    name, group = source.token(index - 1), source.operand(index)
    shown = _short(name.text)
    if name.text in CONSTANTS or _is_variable(source, name.text):
        kind = "constant" if name.text in CONSTANTS else "variable"
        return source.error(name.column, f"{shown!r} is a {kind}, not a function", f"write {shown}*{group}")
    return source.error(name.column, f"unknown function {shown!r}", _function_hint(name.text, group))


def _is_variable(source: _Source, name: str) -> bool:
    """Whether a name before a bracket looks like a variable: short as x_1, or elsewhere without one."""
    alone = (token.text == name and source.token(i + 1).role != "open" for i, token in enumerate(source.tokens))
    return any(alone) or re.fullmatch("_?[A-Za-z]_?[0-9]*", name) is not None


def _function_hint(name: str, group: str) -> str:
    """What to write for an unknown function that is applied to `group`."""
    if name == "pow":
        return "write x**y"
    other = _other_name(name)
    if other:
        return f"write {other}{group}"
    if name[1:] in ELEMENTARY:
        return f"write {name[0]}*{name[1:]}{group}"
    # 0.8 is a heuristic: it takes one letter too many or too few in three, and does not take foo for floor.
    # The time of difflib grows with the length of the name.
    near = difflib.get_close_matches(name[:WINDOW], [*ELEMENTARY, *_ALIASES], n=1, cutoff=0.8)
    if near:
        return f"did you mean {_ALIASES.get(near[0], near[0])}?"
    return f"there are {', '.join(sorted(ELEMENTARY))}"


def _other_name(name: str) -> str | None:
    """The function that has this name elsewhere, or in another case."""
    lower = name.lower()
    return _ALIASES.get(lower, lower if lower in ELEMENTARY else None)


def _function_alone(source: _Source, index: int) -> ParseError:
    name = source.token(index - 1)
    power = _power_of_function(source, index)
    if power:
        return source.error(name.column, f"the power of {name.text} stands before its brackets", power)
    reason = f"{name.text} is a function and needs brackets"
    if 1 not in _arities(name.text):
        return source.error(name.column, reason, f"write {_usage(name.text)}")
    return source.error(name.column, reason, f"write {name.text}{source.argument(index)}")


def _power_of_function(source: _Source, index: int) -> str:
    """For sin^2(x), with its sign of power at `index`: what to write; empty for anything else."""
    if source.token(index).text not in {"**", "^"}:
        return ""
    minus = source.token(index + 1).text == "-"
    place = index + 1 + minus
    if source.token(place).role != "number" or source.token(place + 1).role not in _STARTS:
        return ""
    name, exponent, argument = (
        source.token(index - 1).text,
        source.token(place).text,
        source.argument(place + 1),
    )
    if minus and exponent == "1" and f"a{name}" in ELEMENTARY:
        return f"write a{name}{argument}, or 1/{name}{argument}"
    return f"write {name}{argument}**{'-' * minus}{exponent}"


def _missing_value(source: _Source, index: int) -> ParseError:
    before, token = source.token(index - 1), source.token(index)
    if before.text == token.text == "*":
        return source.error(token.column, "a value is missing between '*' and '*'", "for a power write **")
    if before.role == "start" or before.role in {"open", "comma"}:
        return source.error(token.column, f"a value is missing before {token.text!r}", "write one, such as x")
    return source.error(token.column, f"a value is missing after {before.text!r}", "write one, such as x")


def _value_missing_at_end(source: _Source, index: int) -> ParseError:
    before = source.token(index - 1)
    if before.role == "open":
        return source.error(before.column, "the bracket '(' is never closed", "write ) after it")
    return source.error(source.token(index).column, f"a value is missing after {before.text!r}", "write one, such as x")


def _empty_brackets(source: _Source, index: int) -> ParseError:
    if source.token(index - 2).role == "function":
        return _wrong_count(source, index - 2, 0)
    return source.error(
        source.token(index).column, "there is nothing between the brackets", "write a value, such as (x)"
    )


def _wrong_count(source: _Source, index: int, given: int) -> ParseError:
    name = source.token(index)
    allowed = _arities(name.text)
    noun = "argument" if allowed == (1,) else "arguments"
    takes = f"{name.text} takes {' or '.join(map(str, allowed))} {noun}, not {given}"
    return source.error(name.column, takes, f"write {_usage(name.text)}")


def _stray_comma(source: _Source, index: int, *, whole: bool) -> ParseError:
    """A comma that separates no arguments; `whole` says that it stands in no bracket."""
    before, token, after = (source.token(index + shift) for shift in (-1, 0, 1))
    if before.role == after.role == "number" and "." not in before.text + after.text:
        hint = f"for a decimal number write {_short(before.text)}.{_short(after.text)}"
        return source.error(token.column, "a comma is not a decimal point", hint)
    pieces = _split(source) if whole else []
    shown = ",".join(f"'{piece}'" for piece in pieces)
    if not pieces or len(shown) > WINDOW:
        shown = "'sin(x)','exp(x)'"
    reason = "a comma stands only between the arguments of a function"
    return source.error(token.column, reason, f"two expressions go in a list, each in quotes: [{shown}]")


def _split(source: _Source) -> list[str]:
    """The text between the commas that stand in no bracket."""
    pieces, depth = [""], 0
    for token in source.tokens:
        depth += (token.role == "open") - (token.role == "close")
        if token.role == "comma" and not depth:
            pieces.append("")
        else:
            pieces[-1] += token.text
    return pieces


_RULES: Mapping[tuple[str, str], Callable[[_Source, int], ParseError]] = {
    **{(before, role): _missing_multiplication for before in _ENDS for role in _STARTS},
    ("name", "open"): _not_a_function,
    **{("function", role): _function_alone for role in (*_STARTS[:3], "operator", "sign", "close", "comma", "end")},
    **{(before, role): _missing_value for before in _WANTING for role in ("operator", "comma", "close")},
    **{(before, "end"): _value_missing_at_end for before in _WANTING},
    ("open", "close"): _empty_brackets,
}
"""What may not stand beside what, by the roles of two neighbours.  A pair that is not here is right."""


def _arities(name: str) -> tuple[int, ...]:
    """The numbers of arguments that an operation may have; none for an unknown name."""
    return OPERATIONS[name].arity if name in OPERATIONS else ()


def _usage(name: str) -> str:
    return " or ".join(f"{name}({', '.join('xyzuvw'[:count])})" for count in _arities(name))


def _short(name: str) -> str:
    return name if len(name) <= WINDOW // 2 else f"{name[: WINDOW // 2]}..."


# --- Gates 2 and 3: the tree ---

_BINARY: Mapping[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Pow: "power",
}
_EXACT: Mapping[str, Callable[..., Fraction]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "negate": operator.neg,
}


@dataclass(frozen=True, slots=True)
class _Part:
    """A finished subtree, and its exact value if it is made of numbers and signs only."""

    node: Node
    value: Fraction | None = None


def _build(source: _Source) -> Node:
    """Build the tree of checked tokens, in postorder."""
    tree, places = _read(source)
    stack: list[tuple[ast.expr, bool]] = [(tree, False)]
    parts: list[_Part] = []
    while stack:
        node, entered = stack.pop()
        token = places[node.col_offset]
        children = _children(node)
        if children is None:
            raise source.error(
                token.column, f"{type(node).__name__} has no place in a formula", "write one such as x**2"
            )
        if children and not entered:
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(children))
            continue
        first = len(parts) - len(children)
        tokens = (token, *(places[child.col_offset] for child in children))
        parts[first:] = [_finish(node, tuple(parts[first:]), tokens, source)]
    return parts[0].node


def _read(source: _Source) -> tuple[ast.expr, dict[int, _Token]]:
    """Python's tree of the tokens, and from each place in it to the token there."""
    places: dict[int, _Token] = {}
    spelled, length = [], 0
    for token in source.tokens:
        spelled.append(_PYTHON.get(token.text, token.text))
        places[length] = token
        length += len(spelled[-1]) + 1
    try:
        # Blanks between the tokens: Python must cut where `_scan` did.
        return ast.parse(" ".join(spelled), mode="eval").body, places
    except (SyntaxError, RecursionError, MemoryError, ValueError, OverflowError) as error:
        offset = (error.offset or 1) - 1 if isinstance(error, SyntaxError) else 0
        reason = f"Python cannot read the formula ({type(error).__name__})"
        raise source.error(
            places.get(offset, source.token(0)).column, reason, "write it shorter, or with fewer brackets"
        ) from error


def _children(node: ast.expr) -> list[ast.expr] | None:
    """The arguments of the five kinds of syntax that a formula is made of; None for every other kind."""
    match node:
        case ast.Name():
            return []
        case ast.Constant(value=value) if type(value) in {int, float}:  # bool is an int
            return []
        case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
            return [node.operand]
        case ast.BinOp() if type(node.op) in _BINARY:
            return [node.left, node.right]
        case ast.Call(func=ast.Name(id=name), keywords=[]) if name in ELEMENTARY:
            return node.args
    return None


def _finish(node: ast.expr, parts: tuple[_Part, ...], tokens: tuple[_Token, ...], source: _Source) -> _Part:
    """The part of a node with finished arguments; `tokens` are the first of the node and of each of them."""
    columns = tuple(token.column for token in tokens)
    match node:
        case ast.Constant():
            value = Fraction(tokens[0].text)  # As typed: Python has made a float of it.
            return _Part(Number(value), value)
        case ast.Name(id=name):
            return _Part(Constant(name) if name in CONSTANTS else Variable(name))
        case ast.UnaryOp(op=ast.UAdd()):
            return parts[0]
        case ast.UnaryOp():
            return _arithmetic("negate", parts, columns, source)
        case ast.BinOp():
            return _arithmetic(_BINARY[type(node.op)], parts, columns, source)
        case ast.Call(func=ast.Name(id=name)):
            return _Part(Operation(name, tuple(part.node for part in parts)))
    raise AssertionError(node)  # `_children` has let no other kind through.


def _arithmetic(name: str, parts: tuple[_Part, ...], columns: tuple[int, ...], source: _Source) -> _Part:
    """Join the parts; follow the exact value as long as it is one, and refuse it before it grows."""
    values = tuple(part.value for part in parts)
    if name == "power":
        _check_power(values[0], values[1], columns, source)
    if name == "divide" and values[1] == 0:
        raise source.error(columns[2], "a division by the number 0", "write a divisor that is not 0")
    value = _exact(name, values)
    if value is not None and _bits(value) > MAX_VALUE_BITS:
        reason = f"the numbers here make one of more than {MAX_VALUE_BITS} bits"
        raise source.error(columns[0], reason, "write a smaller one, or use exp and log")
    return _Part(Operation(name, tuple(part.node for part in parts)), value)


def _check_power(base: Fraction | None, exponent: Fraction | None, columns: tuple[int, ...], source: _Source) -> None:
    if exponent is None:
        return
    if abs(exponent) > MAX_EXPONENT:
        reason = f"the exponent is larger than {MAX_EXPONENT} in size"
        raise source.error(columns[2], reason, "write a smaller one, or use exp and log")
    if base == 0 and exponent < 0:
        raise source.error(columns[1], "the number 0 to a negative power is a division by 0", "write another base")
    if base is not None and _bits(base) * abs(exponent) > MAX_POWER_BITS:
        reason = f"the power of two numbers has more than {MAX_POWER_BITS} bits"
        raise source.error(columns[0], reason, "write a smaller one, or use exp and log")


def _exact(name: str, values: Sequence[Fraction | None]) -> Fraction | None:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    if name != "power":
        return _EXACT[name](*known)
    base, exponent = known
    return base ** int(exponent) if exponent.denominator == 1 else None


def _bits(value: Fraction) -> int:
    """The length of the longer of numerator and denominator; 0 for 0, 1 and -1, whose powers do not grow."""
    longer = max(abs(value.numerator), value.denominator)
    return 0 if longer == 1 else longer.bit_length()
