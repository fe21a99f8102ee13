"""Read a formula that a person typed, without ever running it.

Three gates stand one behind the other, and each is enough to keep code from running:

1. `_scan` cuts the text into tokens of a small alphabet; `_check` walks over them once, from left to right,
   and refuses the first one that cannot stand where it stands.  Here every mistake is met as it was typed.
2. `ast.parse` builds the tree from the tokens, written anew in Python's spelling.  It only reads.
3. `_children` lets through the six kinds of syntax that a formula is made of, and `_arithmetic` bounds the
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
from typing import TYPE_CHECKING, Any, cast

from derivkit.analytical.elementary import ELEMENTARY, OPERATIONS
from derivkit.analytical.special import LARGEST_ORDER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = [
    "CONSTANTS",
    "Constant",
    "Expression",
    "Instruction",
    "Node",
    "Number",
    "Operation",
    "ParseError",
    "Unevaluated",
    "Unknown",
    "Variable",
    "joint_program",
    "parse",
    "program_of",
    "text_of",
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


def _printable(text: str) -> str:
    """What may reach a terminal; one character for one, or a caret would miss."""
    return "".join(" " if sign.isspace() else sign if sign.isprintable() else "?" for sign in text)


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
        self.reason = _printable(reason)
        self.hint = _printable(hint)

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
        clean = _printable(cut)
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
        if len(self.arguments) not in _arities(self.name):
            msg = f"operation {self.name!r} takes {_counts(self.name)} arguments, not {len(self.arguments)}"
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


@dataclass(frozen=True, slots=True)
class Unknown:
    """A derivative of an unknown function, f^(order)(argument); order 0 is the function itself."""

    name: str
    order: int
    argument: Node

    @property
    def arguments(self) -> tuple[Node, ...]:
        """The argument, as operations have theirs."""
        return (self.argument,)


@dataclass(frozen=True, slots=True)
class Unevaluated:
    """The derivative of a piece, not found yet: d/dx piece."""

    piece: Node
    variable: str

    @property
    def arguments(self) -> tuple[Node, ...]:
        """The piece, as operations have their arguments."""
        return (self.piece,)


Branch = Operation | Unknown | Unevaluated
"""A node with arguments."""
Node = Number | Constant | Variable | Branch


@dataclass(frozen=True, slots=True)
class Instruction:
    """One step of a program.

    Attributes
    ----------
    operation : str
        'number', 'constant', 'variable', a name in `OPERATIONS`, 'unknown', 'unevaluated'.
    arguments : tuple of int
        The earlier steps whose results it takes; empty for the first three.
    value : Fraction, str, tuple or None
        The number, or the name of the constant or variable; (name, order) of an unknown function; the variable of an
        unevaluated derivative; None for an operation.

    """

    operation: str
    arguments: tuple[int, ...]
    value: Fraction | str | tuple[str, int] | None


_LEAVES: Mapping[str, Callable[..., Node]] = {"number": Number, "constant": Constant, "variable": Variable}


def program_of(root: Node) -> tuple[Instruction, ...]:
    """Flatten a tree: arguments before operations, left before right, equal subtrees once.

    Equal trees have equal programs, whatever objects they share.  The result of the last step is the tree's.
    """
    return joint_program([root])[0]


def joint_program(roots: Sequence[Node]) -> tuple[tuple[Instruction, ...], list[int]]:
    """Flatten several trees into one program, and say at which of its steps each of them ends."""
    place: dict[Instruction, int] = {}
    known: dict[int, int] = {}  # By identity: the roots keep every node alive meanwhile.
    stack: list[Node] = list(reversed(roots))
    while stack:
        node = stack[-1]
        if isinstance(node, Branch):
            missing = [part for part in node.arguments if id(part) not in known]
            if missing:
                stack.extend(reversed(missing))
                continue
            step = Instruction(_operation_of(node), tuple(known[id(part)] for part in node.arguments), _value_of(node))
        else:
            step = _leaf_step(node)
        stack.pop()
        known[id(node)] = place.setdefault(step, len(place))
    return tuple(place), [known[id(root)] for root in roots]


def _operation_of(node: Branch) -> str:
    return node.name if isinstance(node, Operation) else type(node).__name__.lower()


def _value_of(node: Branch) -> Any:
    if isinstance(node, Unknown):
        return node.name, node.order
    return node.variable if isinstance(node, Unevaluated) else None


def _leaf_step(node: Number | Constant | Variable) -> Instruction:
    value = node.value if isinstance(node, Number) else node.name
    return Instruction(type(node).__name__.lower(), (), value)


def tree_of(program: tuple[Instruction, ...]) -> Node:
    """Build the tree of a program again, equal parts shared: the inverse of `program_of`."""
    nodes: list[Node] = []
    for step in program:
        leaf = _LEAVES.get(step.operation)
        nodes.append(leaf(step.value) if leaf else _branch_of(step, tuple(nodes[i] for i in step.arguments)))
    return nodes[-1]


def _branch_of(step: Instruction, arguments: tuple[Node, ...]) -> Branch:
    if step.operation == "unknown":
        name, order = cast("tuple[str, int]", step.value)
        return Unknown(name, order, arguments[0])
    if step.operation == "unevaluated":
        return Unevaluated(arguments[0], cast("str", step.value))
    return Operation(step.operation, arguments)


@dataclass(frozen=True)
class Expression:
    """A formula: the tree, and what was typed if anybody typed it."""

    root: Node = field(repr=False)
    typed: str = ""

    @cached_property
    def text(self) -> str:
        """What was typed, else how it would be typed."""
        return self.typed or text_of(self.root)

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


def text_of(node: Node) -> str:
    """The tree as it would be typed, with as few brackets as it takes.

    `parse` reads the text back as an equal tree, within its own limits and with two exceptions. A number that is
    negative, or no decimal of at most 30 digits, is written as a sign or a quotient, and is read as one; an
    unevaluated derivative is written as d/dx(...), which is not read.

    Raises
    ------
    ValueError
        If the text has more than a million characters: a tree whose parts are shared may be exponentially long.

    Examples
    --------
    >>> text_of(parse("((2*x))^2 - (x - (1 + f'(x)))").root)
    "(2*x)**2 - (x - (1 + f'(x)))"
    """
    pieces: list[str] = []
    length = 0
    stack: list[str | tuple[Node, int]] = [(node, 0)]
    while stack:
        top = stack.pop()
        if isinstance(top, str):
            pieces.append(top)
            length += len(top)
            if length > MAX_TEXT:
                raise ValueError(f"the formula has more than {MAX_TEXT} characters when it is written out")
            continue
        part, least = top
        strength, layout = _layout(part)
        stack.extend(reversed(layout) if strength >= least else (")", *reversed(layout), "("))
    return "".join(pieces)


MAX_TEXT = 1_000_000
_ATOM = 5
"""How strongly an operation binds, from the comparisons to what needs no brackets anywhere."""
_INFIX: Mapping[str, tuple[str, int, int, int]] = {
    # sign, its strength, the least of the left argument, the least of the right one
    **{
        name: (f" {sign} ", 0, 1, 1)
        for name, sign in {"less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">="}.items()
    },
    "add": (" + ", 1, 1, 2),
    "subtract": (" - ", 1, 1, 2),
    "multiply": ("*", 2, 2, 3),
    "divide": ("/", 2, 2, 3),
    "power": ("**", 4, _ATOM, 3),
}


def _layout(node: Node) -> tuple[int, Sequence[str | tuple[Node, int]]]:
    """How strongly a node binds, and what is written: texts, and parts with the least strength they need."""
    if isinstance(node, Number):
        shown = _decimal(node.value)
        return (_ATOM, (shown,)) if shown else _layout(_as_typed(node.value))
    if isinstance(node, Constant | Variable):
        return _ATOM, (node.name,)
    return _branch_layout(node)


def _branch_layout(node: Branch) -> tuple[int, Sequence[str | tuple[Node, int]]]:
    match node:
        case Unknown(name, order, argument):
            return _ATOM, (f"{name}{order * _PRIMES[0]}(", (argument, 0), ")")
        case Unevaluated(piece, variable):
            return 2, (f"d/d{variable}(", (piece, 0), ")")
        case Operation("negate", (inner,)):
            return 3, ("-", (inner, 3))
        case Operation("piecewise", arguments):
            return _ATOM, ("piecewise(", *_pairs(arguments), ")")
        case Operation(name, (left, right)) if name in _INFIX:
            sign, strength, least_left, least_right = _INFIX[name]
            return strength, ((left, least_left), sign, (right, least_right))
    return _ATOM, (f"{node.name}(", *_separated([((part, 0),) for part in node.arguments]), ")")


def _pairs(arguments: Sequence[Node]) -> list[str | tuple[Node, int]]:
    """Values and conditions by turns, and what holds otherwise."""
    conditions = [*arguments[1::2], None]
    parts: list[Sequence[str | tuple[Node, int]]] = []
    for value, condition in zip(arguments[0::2], conditions, strict=False):
        parts.append(("(", (value, 0), ", ", (condition, 0) if condition else "True", ")"))
    return _separated(parts)


def _separated(parts: Sequence[Sequence[str | tuple[Node, int]]]) -> list[str | tuple[Node, int]]:
    shown: list[str | tuple[Node, int]] = []
    for part in parts:
        shown += [", ", *part] if shown else part
    return shown


def _as_typed(value: Fraction) -> Node:
    """A negative number or a fraction, as the parser would read it."""
    if value < 0:
        return Operation("negate", (Number(-value),))
    return Operation("divide", (Number(Fraction(value.numerator)), Number(Fraction(value.denominator))))


def _decimal(value: Fraction) -> str:
    """A number that is not negative, exactly as a decimal within the limits of the parser; else an empty text."""
    below = value.denominator
    twos = (below & -below).bit_length() - 1
    fives = 0
    below >>= twos
    while below % 5 == 0:
        below, fives = below // 5, fives + 1
    if value < 0 or below != 1:
        return ""
    places = max(twos, fives)
    whole = str(value.numerator * 10**places // value.denominator)
    digits = whole.rstrip("0") or "0"
    exponent = len(whole) - 1 - places  # value = d.ddd * 10^exponent
    if len(digits) > MAX_DIGITS and places:
        return ""
    if -5 <= exponent < PLAIN_DIGITS:
        plain = _pointed(digits, exponent)
        if sum(map(str.isdigit, plain)) <= MAX_DIGITS:
            return plain
    shift = max(-MAX_DECIMAL_EXPONENT, min(exponent, MAX_DECIMAL_EXPONENT))
    mantissa = _pointed(digits, exponent - shift)
    return f"{mantissa.removeprefix('0') if exponent < shift else mantissa}e{shift}"


PLAIN_DIGITS = 16
"""Numbers of up to so many digits are written without an exponent, as Python writes floats."""


def _pointed(digits: str, exponent: int) -> str:
    """d.ddd * 10^exponent, written out."""
    if exponent < 0:
        return f"0.{'0' * (-exponent - 1)}{digits}"
    whole, rest = digits[: exponent + 1], digits[exponent + 1 :]
    return whole.ljust(exponent + 1, "0") + (f".{rest}" if rest else "")


def parse(text: str) -> Expression:
    """Read a formula; nothing in it is ever run.

    Parameters
    ----------
    text : str
        A formula in Python's spelling; ``^`` is a power too, the cross and the raised dot are ``*``, the
        minus sign and the en dash are ``-``.  Numbers are exact decimals, `pi` and `e` constants, functions
        those of `ELEMENTARY` and their `SYNONYMS`, as SymPy spells them too.  f, g and h, also with digits, are
        unknown functions where they stand before brackets and nowhere without: ``f(x)``, ``g1''(2*x)``.  Any other
        name is a real variable.  Comparisons stand only in ``piecewise((x**2, x < 1), (2*x - 1, True))``.

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
    source = _Source(text, _scan(text))
    _check(source)
    return Expression(_build(source), text)


# --- Gate 1: tokens ---

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
SYNONYMS: Mapping[str, str] = {
    **{f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh")},
    "ln": "log",
    "Abs": "abs",
    "Max": "max",
    "Min": "min",
    "Heaviside": "heaviside",
    "Piecewise": "piecewise",
}
"""Other names of functions that mean one thing wherever they are used; what is ambiguous, such as lg, gets a hint."""
_PYTHON: Mapping[str, str] = {
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
class _Token:
    # number, name, function, unknown, truth, operator, sign, comparison, open, close, comma, other;
    # at the ends start and end
    role: str
    text: str
    column: int


_ROLES: Mapping[str, str] = dict.fromkeys([*ELEMENTARY, *SYNONYMS], "function")
"""The roles of names that are none of variables."""
_UNKNOWN = re.compile("[fgh][0-9]*")


def _scan(text: str) -> list[_Token]:
    tokens = []
    for match in _TOKEN.finditer(text):
        kind, found = match.lastgroup or "", match.group()
        if kind == "blank":
            continue
        if kind == "name":
            kind = "truth" if found == "True" else _ROLES.get(found, kind)
        elif kind == "rest":
            kind = "other"
        tokens.append(_Token(kind, found, match.start()))
    return _with_unknown(tokens)


def _with_unknown(tokens: list[_Token]) -> list[_Token]:
    """f, g and h, also with digits, are unknown functions where they stand before a bracket and nowhere without one."""
    follows = [*(token.role for token in tokens[1:]), "end"]
    applied: set[str] = set()
    alone: set[str] = set()
    for token, after in zip(tokens, follows, strict=True):
        if token.role in {"name", "primed"} and token.text[0] in "fgh":
            name = token.text.rstrip(_PRIMES)
            if _UNKNOWN.fullmatch(name):
                (applied if after == "open" else alone).add(name)
    names = applied - alone
    if not names:
        return tokens
    return [
        _Token("unknown", token.text, token.column)
        if token.role in {"name", "primed"} and token.text.rstrip(_PRIMES) in names
        else token
        for token in tokens
    ]


_PRIMES = "'\N{PRIME}\N{RIGHT SINGLE QUOTATION MARK}"


@dataclass(frozen=True)
class _Source:
    """The text and its tokens; what hints are cut from."""

    text: str
    tokens: list[_Token]

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
        start = index + 1 if self.token(index).role in _APPLIED and self.token(index + 1).role == "open" else index
        return self.partners.get(start, start)

    def operand(self, index: int) -> str:
        """The operand that starts at `index`; a function without brackets gets some."""
        if self.token(index).role == "function" and self.token(index + 1).role in _STARTS[:2]:
            return f"{self.token(index).text}{self.argument(index + 1)}"
        return self.span(index, self.operand_end(index))

    def operand_before(self, index: int) -> str:
        """The operand that ends just before `index`."""
        start = self.partners.get(index - 1, index - 1)
        return self.span(start - (self.token(start - 1).role in _APPLIED), index - 1)

    def argument(self, index: int) -> str:
        """The operands side by side from `index` on, as the argument that was meant: 2x is (2*x)."""
        if self.token(index).role == "open":
            return self.operand(index)
        if self.token(index).role == "function" and self.token(index + 1).role != "open":
            return "(x)"
        parts: list[str] = []
        while self.token(index).role in _STARTS and not (parts and self.token(index).role == "function"):
            parts.append(self.span(index, self.operand_end(index)))
            index = self.operand_end(index) + 1
        shown = "*".join(parts)
        return f"({shown if 0 < len(shown) <= WINDOW else 'x'})"


# --- Gate 1: what may stand beside what ---

_APPLIED = ("function", "unknown")
"""What stands before brackets."""
_STARTS = ("number", "name", "function", "unknown", "open")
_ENDS = ("number", "name", "close")
_WANTING = ("start", "operator", "sign", "comparison", "open", "comma")
"""After these a value must follow."""

PIECES = "piecewise((x, x<1), (2*x, True))"
_ONE_CONDITION = "write one comparison for each piece, as in " + PIECES
_COMPARISON = (
    "a condition has no value to differentiate",
    f"write one side only, or the difference of the two; conditions stand in {PIECES}",
)

_ALIASES: Mapping[str, str] = {
    **{f"ar{name}": f"a{name}" for name in ("sinh", "cosh", "tanh")},
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
    "psi": "digamma",
    "tgamma": "gamma",
    "leakyrelu": "leaky_relu",
    "lrelu": "leaky_relu",
    "log_sum_exp": "logsumexp",
    "lse": "logsumexp",
    "cases": "piecewise",
    "arctg": "atan",
    "arcctg": "acot",
    "sinus": "sin",
    "cosinus": "cos",
    "sen": "sin",
}
_ALONE = "write the formula alone: that it is differentiated is said apart"
_ELSEWHERE: Mapping[str, str] = {
    **dict.fromkeys(("pow", "power", "Pow"), "write x**y"),
    **dict.fromkeys(("And", "Or", "Not", "Eq", "Ne", "Lt", "Le", "Gt", "Ge"), _ONE_CONDITION),
    **dict.fromkeys(("where", "ite", "select"), f"write {PIECES}"),
    **dict.fromkeys(("diff", "derivative", "Derivative", "dx", "dy", "integrate", "limit"), _ALONE),
    "erfc": "write 1 - erf(x)",
    "factorial": "write gamma(x+1)",
    "square": "write x**2",
    "sqr": "write x**2, or sqrt(x)",
    "cube": "write x**3",
    "root": "write x**(1/3)",
    "exp2": "write 2**x",
    "exp10": "write 10**x",
    "hypot": "write sqrt(x**2 + y**2)",
    "atan2": "write atan(y/x), which is it where x > 0",
    **dict.fromkeys(("ceil", "ceiling"), "write -floor(-x)"),
    **dict.fromkeys(("mod", "Mod", "fmod"), "write x - y*floor(x/y)"),
    "trigamma": "write polygamma(1, x)",
    "lgamma": "write log(gamma(x))",
    "loggamma": "write log(gamma(x))",
}
"""What to write for functions that other languages have."""
_RESERVED: Mapping[str, str] = {
    "Pi": "write pi",
    "PI": "write pi",
    **dict.fromkeys(("inf", "nan", "oo", "zoo", "Infinity", "infinity", "Inf", "NaN"), "numbers are finite here"),
}
"""Names that nobody means as a variable."""

_BRACKETS = ("only round brackets group", "write ( and )")
_QUOTES = ("text in quotes is not part of a formula", "leave the quotes out")
_MARKS = "'\"`\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}\N{LEFT SINGLE QUOTATION MARK}"
_NO_BITS = ("there are no operations on bits or truth values", "use + - * / ^ and functions")
_OTHER: Mapping[str, tuple[str, str]] = {
    "=": (
        "'=' has no place in a formula",
        "write only what stands on the right of it; a point is given apart",
    ),
    ":=": ("':=' has no place in a formula", "write only what stands on the right of it"),
    **dict.fromkeys(_MARKS, _QUOTES),
    **dict.fromkeys("[]{}", _BRACKETS),
    **dict.fromkeys(("&", "&&", "~"), _NO_BITS),
    ".": ("a point stands only inside a number; there are no attributes", "write x*y for a product"),
    "//": ("there is no division with a floor", "write floor(x/y)"),
    "%": ("there is no remainder", "write x - y*floor(x/y)"),
    "!": ("there is no factorial", "write gamma(x+1)"),
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
    **dict.fromkeys("\N{FRACTION SLASH}\N{BIG SOLIDUS}", "write /"),
    **dict.fromkeys("\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{FIGURE DASH}\N{HORIZONTAL BAR}", "write -"),
    **dict.fromkeys("\N{LESS-THAN OR SLANTED EQUAL TO}\N{LESS-THAN OVER EQUAL TO}", "write <="),
    **dict.fromkeys("\N{GREATER-THAN OR SLANTED EQUAL TO}\N{GREATER-THAN OVER EQUAL TO}", "write >="),
}
_LOOK_ALIKE: Mapping[str, str] = dict(
    zip(
        "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0455\u0456\u0458\u04bb\u0501\u03bf\u0251\u0261",
        "aeopcyxsijhdoag",
        strict=True,
    )
)
"""Letters of other alphabets that are drawn as Latin ones."""


@dataclass(slots=True)
class _Bracket:
    """An open bracket, and what has been seen in it."""

    index: int
    kind: str  # group, call, pieces (of piecewise), pair (one of them)
    commas: int = 0
    conditions: int = 0  # comparisons in a pair; pairs with one in pieces
    truth: bool = False  # True has been seen


def _check(source: _Source) -> None:
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


def _check_open(source: _Source, index: int, opened: list[_Bracket]) -> None:
    before = source.token(index - 1)
    kind = "call" if before.role in _APPLIED else "group"
    if opened and opened[-1].kind == "pieces":
        if opened[-1].truth:
            reason = "no piece can stand after the one that holds otherwise"
            raise source.error(source.token(index).column, reason, "move (..., True) to the end")
        kind = "pair"
    elif _canonical(before.text) == "piecewise":
        kind = "pieces"
    opened.append(_Bracket(index, kind))
    if len(opened) > MAX_DEPTH:
        reason = f"more than {MAX_DEPTH} brackets are open"
        raise source.error(source.token(index).column, reason, "split the formula, or leave brackets out")


def _check_comma(source: _Source, index: int, opened: list[_Bracket]) -> None:
    if not opened or opened[-1].kind == "group":
        raise _stray_comma(source, index, whole=not opened)
    opened[-1].commas += 1


def _check_comparison(source: _Source, index: int, opened: list[_Bracket]) -> None:
    column = source.token(index).column
    if len(opened) > 1 and opened[-1].kind == "group" and opened[-2].kind == "pair" and opened[-2].commas:
        raise source.error(column, "a condition stands without brackets", "write (x, x<1) for a piece")
    if not opened or opened[-1].kind != "pair" or not opened[-1].commas:
        raise source.error(column, *_COMPARISON)
    if source.token(index).text in {"==", "!=", "\N{NOT EQUAL TO}"}:
        raise source.error(column, "a condition is one of < <= > >=", "leave a single point out: it has no derivative")
    if opened[-1].conditions:
        hint = "write 0<x<1 as two pieces, (..., x<=0), (..., x<1)"
        raise source.error(column, "a condition is one comparison", hint)
    opened[-1].conditions = 1


def _check_truth(source: _Source, index: int, opened: list[_Bracket]) -> None:
    alone = source.token(index - 1).role == "comma" and source.token(index + 1).role == "close"
    if not (alone and opened and opened[-1].kind == "pair" and opened[-1].commas == 1):
        raise _word_of_python(source, index)
    opened[-1].truth = True


def _check_close(source: _Source, index: int, opened: list[_Bracket]) -> None:
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
        given = bracket.commas + 1
        if given != 1 if name.role == "unknown" else given not in _arities(_canonical(name.text)):
            raise _wrong_count(source, bracket.index - 1, given)


def _no_pair(source: _Source, index: int) -> ParseError:
    reason = "piecewise takes pairs of a value and a condition, such as x<1, or True"
    return source.error(source.token(index).column, reason, f"write {PIECES}")


_IN_BRACKETS: Mapping[str, Callable[[_Source, int, list[_Bracket]], None]] = {
    "open": _check_open,
    "comma": _check_comma,
    "close": _check_close,
    "comparison": _check_comparison,
    "truth": _check_truth,
}


def _check_beside(source: _Source, index: int) -> None:
    rule = _RULES.get((source.token(index - 1).role, source.token(index).role))
    if rule:
        raise rule(source, index)


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
        raise _word_of_python(source, index)
    if name in _RESERVED:
        raise source.error(column, f"{name!r} is not a variable", _RESERVED[name])
    stem = name.removesuffix("x")
    bare = stem if stem in _ROLES else stem.rstrip("0123456789")
    if stem != name and bare in _ROLES and 1 in _arities(_canonical(bare)):
        factor = f"{stem[len(bare) :]}*" if bare != stem else ""
        raise source.error(column, f"the brackets of {bare} are missing", f"write {bare}({factor}x)")


def _word_of_python(source: _Source, index: int) -> ParseError:
    token = source.token(index)
    if token.text in {"and", "or", "not"}:
        return source.error(token.column, "there are no operations on truth values", _ONE_CONDITION)
    hint = "write 1 or 0" if token.text in {"True", "False"} else f"choose another name, such as {token.text}_"
    return source.error(token.column, f"{token.text!r} is a word of the Python language, not a variable", hint)


def _check_primed(source: _Source, index: int) -> None:
    """A prime that stands for no derivative of an unknown function: a quote, or a mistake."""
    token, after = source.token(index), source.token(index + 1)
    name = token.text.rstrip(_PRIMES)
    if after.role != "open":
        column = token.column + len(name)
        if any(later.text in _MARKS or later.role == "primed" for later in source.tokens[index + 1 :]):
            raise source.error(column, *_QUOTES)
        raise source.error(column, "a prime stands only before brackets", "write f'(x), or the derivative itself")
    if _UNKNOWN.fullmatch(name):
        reason = f"{name!r} is a variable here, not a function"
        raise source.error(token.column, reason, f"write another name for the function, or {name}(...) everywhere")
    reason = "only the unknown functions f, g and h have primes"
    raise source.error(token.column, reason, "write the derivative out, or f'(x)")


def _check_other(source: _Source, index: int) -> None:
    token = source.token(index)
    if token.text == "|":
        ends = (i for i in range(index + 1, len(source.tokens)) if source.token(i).text == "|")
        inner = source.span(index + 1, next(ends, index + 1) - 1)
        raise source.error(token.column, "'|' is not a bracket", f"write abs({inner or 'x'})")
    if token.text in _OTHER:
        raise source.error(token.column, *_OTHER[token.text])
    name = unicodedata.name(token.text, "no name")
    reason = f"the character {token.text!r} ({name}) is not known here"
    raise source.error(token.column, reason, _FOREIGN.get(token.text) or _plain_hint(token.text))


def _plain_hint(sign: str) -> str:
    """What to write for a character that is not known."""
    if sign in _LOOK_ALIKE:
        return f"it only looks like {_LOOK_ALIKE[sign]}: type it on a Latin keyboard"
    if sign.isspace():
        return "write a plain blank"
    if sign.isdecimal():
        return f"write {unicodedata.decimal(sign)}"
    plain = unicodedata.normalize("NFKC", sign).replace("\N{FRACTION SLASH}", "/")
    if plain != sign and plain.isascii() and plain.isprintable() and not plain.isspace():
        return f"write {plain}"
    return "names are of the letters a-z, digits and _" if sign.isalpha() else "remove it"


_OF_ROLE: Mapping[str, Callable[[_Source, int], None]] = {
    "number": _check_number,
    "name": _check_name,
    "primed": _check_primed,
    "other": _check_other,
}


def _missing_multiplication(source: _Source, index: int) -> ParseError:
    left, right = source.token(index - 1), source.token(index)
    meant = _other_name(left.text) if left.role == "name" else None
    if meant:
        return source.error(left.column, f"unknown function {left.text!r}", f"write {meant}{source.argument(index)}")
    hint = f"write {source.operand_before(index)}*{source.operand(index)}"
    reason = "a multiplication sign is missing"
    if _ends_a_piece(source, index):
        reason, hint = "a comma is missing between two pieces", "write (x, x<1), (2*x, True)"
    elif left.role == "number":
        reason, hint = _beside_a_number(source, index) or (reason, hint)
    return source.error(right.column, reason, hint)


def _beside_a_number(source: _Source, index: int) -> tuple[str, str] | None:
    """What is wrong with a number that something follows; None if a multiplication sign is missing."""
    left, right = source.token(index - 1), source.token(index)
    touching = right.column == left.column + len(left.text)
    if touching and left.text == "0" and re.fullmatch("[xXoObB][0-9a-fA-F]+", right.text):
        return "numbers are decimal", "write the number with the digits 0 to 9"
    if right.role != "number":
        return None
    if touching:
        return "a number has one decimal point", "leave the other out"
    if re.fullmatch("[0-9]{3}", right.text) and left.text.isdigit():
        return "a number has no blanks", f"write {source.span(index - 1, index)}"
    hint = f"write {source.operand_before(index)}*{source.operand(index)}"
    return "a sign is missing between two numbers", hint


def _ends_a_piece(source: _Source, index: int) -> bool:
    """Whether (x, x<1)( stands there."""
    start = source.partners.get(index - 1, index) if source.token(index).role == "open" else index
    return any(token.role == "comparison" for token in source.tokens[start:index])


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
    if name in _ELSEWHERE:
        return _ELSEWHERE[name]
    other = _other_name(name)
    if other:
        return f"write {other}{group}"
    if name[1:] in _ROLES:
        return f"write {name[0]}*{name[1:]}{group}"
    # 0.8 is a heuristic: it takes one letter too many or too few in three, and does not take foo for floor.
    # The time of difflib grows with the length of the name.
    near = difflib.get_close_matches(name[:WINDOW], [*_ROLES, *_ALIASES], n=1, cutoff=0.8)
    if near:
        return f"did you mean {_ALIASES.get(near[0], _canonical(near[0]))}?"
    return f"there are {', '.join(sorted(ELEMENTARY))}"


def _other_name(name: str) -> str | None:
    """The function that has this name elsewhere, or in another case."""
    lower = name.lower()
    return _ALIASES.get(lower, _canonical(lower) if lower in _ROLES else None)


def _function_alone(source: _Source, index: int) -> ParseError:
    name = source.token(index - 1)
    power = _power_of_function(source, index)
    if power:
        return source.error(name.column, f"the power of {name.text} stands before its brackets", power)
    reason = f"{name.text} is a function and needs brackets"
    if 1 not in _arities(_canonical(name.text)):
        return source.error(name.column, reason, f"write {_usage(_canonical(name.text))}")
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
    if source.token(index - 2).role in _APPLIED:
        return _wrong_count(source, index - 2, 0)
    return source.error(
        source.token(index).column, "there is nothing between the brackets", "write a value, such as (x)"
    )


def _wrong_count(source: _Source, index: int, given: int) -> ParseError:
    name = source.token(index)
    if name.role == "unknown":
        reason = f"{name.text} is an unknown function of one argument, not {given}"
        return source.error(name.column, reason, f"write {name.text}(x)")
    meant = _canonical(name.text)
    noun = "argument" if _arities(meant) == (1,) else "arguments"
    return source.error(
        name.column, f"{name.text} takes {_counts(meant)} {noun}, not {given}", f"write {_usage(meant)}"
    )


def _stray_comma(source: _Source, index: int, *, whole: bool) -> ParseError:
    """A comma that separates no arguments; `whole` says that it stands in no bracket."""
    before, token, after = (source.token(index + shift) for shift in (-1, 0, 1))
    if before.role == after.role == "number" and "." not in before.text + after.text:
        hint = f"for a decimal number write {_short(before.text)}.{_short(after.text)}"
        return source.error(token.column, "a comma is not a decimal point", hint)
    pieces = _split(source) if whole else []
    if whole and len([piece for piece in pieces if piece]) < 2:
        return source.error(token.column, "a comma stands only between the arguments of a function", "leave it out")
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
    **{
        ("function", role): _function_alone
        for role in (*_STARTS[:-1], "operator", "sign", "comparison", "close", "comma", "end")
    },
    **{(before, role): _missing_value for before in _WANTING for role in ("operator", "comparison", "comma", "close")},
    **{(before, "end"): _value_missing_at_end for before in _WANTING},
    ("open", "close"): _empty_brackets,
}
"""What may not stand beside what, by the roles of two neighbours.  A pair that is not here is right."""


def _arities(name: str) -> Sequence[int]:
    """The numbers of arguments that an operation may have; none for an unknown name."""
    return OPERATIONS[name].arity if name in OPERATIONS else ()


def _canonical(name: str) -> str:
    """The name in the table of operations."""
    return SYNONYMS.get(name, name)


def _counts(name: str) -> str:
    """The numbers of arguments in words."""
    allowed = _arities(name)
    return f"{allowed[0]} or more" if isinstance(allowed, range) else " or ".join(map(str, allowed)) or "no"


def _usage(name: str) -> str:
    special = {"piecewise": PIECES, "polygamma": "polygamma(1, x)"}
    if name in special:
        return special[name]
    allowed = _arities(name)
    counts = (2, 3) if isinstance(allowed, range) else allowed
    return " or ".join(f"{name}({', '.join('xyzuvw'[:count])})" for count in counts)


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
_COMPARED: Mapping[type[ast.cmpop], str] = {
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
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
    stack: list[tuple[ast.expr, bool, bool]] = [(tree, False, False)]  # node, is it a condition, are its parts ready
    parts: list[_Part] = []
    while stack:
        node, condition, entered = stack.pop()
        token = places[node.col_offset]
        children = _children(node, condition=condition)
        if children is None:
            raise source.error(
                token.column, f"{type(node).__name__} has no place in a formula", "write one such as x**2"
            )
        if children and not entered:
            stack.append((node, condition, True))
            conditional = _pieces_of(node) is not None
            # From behind, so that the first is finished first; every second part of pieces is a condition.
            stack.extend((children[k], conditional and k % 2 == 1, False) for k in range(len(children) - 1, -1, -1))
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
        text = token.text.rstrip(_PRIMES) if token.role == "unknown" else token.text
        spelled.append(_PYTHON.get(text, text))
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


def _children(node: ast.expr, *, condition: bool = False) -> list[ast.expr] | None:
    """The arguments of the kinds of syntax that a formula is made of; None for every other kind."""
    return _sides_of(node) if condition else _arguments_of(node)


def _sides_of(node: ast.expr) -> list[ast.expr] | None:
    match node:
        case ast.Compare(ops=[op], comparators=[right]) if type(op) in _COMPARED:
            return [node.left, right]
    return None


def _arguments_of(node: ast.expr) -> list[ast.expr] | None:
    match node:
        case ast.Name():
            return []
        case ast.Constant(value=value) if type(value) in {int, float}:  # bool is an int
            return []
        case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
            return [node.operand]
        case ast.BinOp() if type(node.op) in _BINARY:
            return [node.left, node.right]
        case ast.Call(func=ast.Name(id=name), keywords=[]) if name in ELEMENTARY or _UNKNOWN.fullmatch(name):
            return _pieces_of(node) if name == "piecewise" else node.args
    return None


def _pieces_of(node: ast.expr) -> list[ast.expr] | None:
    """Values and conditions of the pairs in piecewise, by turns, the value that holds otherwise last."""
    match node:
        case ast.Call(func=ast.Name(id="piecewise"), args=pairs, keywords=[]):
            parts: list[ast.expr] = []
            for pair in pairs:
                match pair:
                    case ast.Tuple(elts=[value, ast.Constant(value=True)]) if pair is pairs[-1]:
                        parts.append(value)
                    case ast.Tuple(elts=[value, condition]):
                        parts += [value, condition]
                    case _:
                        return None
            return parts
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
        case ast.UnaryOp() | ast.BinOp():
            return _arithmetic(
                "negate" if isinstance(node, ast.UnaryOp) else _BINARY[type(node.op)], parts, columns, source
            )
        case ast.Compare(ops=[op]):
            return _Part(Operation(_COMPARED[type(op)], tuple(part.node for part in parts)))
        case ast.Call(func=ast.Name(id=name)):
            return _applied(name, parts, tokens, source)
    raise AssertionError(node)  # `_children` has let no other kind through.


def _applied(name: str, parts: tuple[_Part, ...], tokens: tuple[_Token, ...], source: _Source) -> _Part:
    """A function of the table, or an unknown one with as many primes as its token has."""
    if name not in ELEMENTARY:
        return _Part(Unknown(name, len(tokens[0].text) - len(name), parts[0].node))
    if name == "polygamma":
        _check_polygamma(parts[0].value, tokens[1].column, source)
    return _Part(Operation(name, tuple(part.node for part in parts)))


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


def _check_polygamma(order: Fraction | None, column: int, source: _Source) -> None:
    if order is None or order.denominator != 1 or not 0 <= order <= LARGEST_ORDER:
        reason = f"the order of polygamma is a whole number from 0 to {LARGEST_ORDER}"
        raise source.error(column, reason, "write polygamma(1, x)")


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
