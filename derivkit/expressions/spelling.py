"""The first gate before a formula: its tokens, and every mistake met as it was typed, with what to write instead.

`scan` cuts the text into tokens of a small alphabet; `check` walks over them once, from left to right, and refuses the
first one that cannot stand where it stands.
"""

from __future__ import annotations

import difflib
import keyword
import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from derivkit.expressions.limits import MAX_DECIMAL_EXPONENT, MAX_DEPTH, MAX_DIGITS, MAX_NODES, WINDOW
from derivkit.expressions.tree import CONSTANTS, PRIMES, arities, counts, printable
from derivkit.operations.elementary import ELEMENTARY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


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
        self.reason = printable(reason)
        self.hint = printable(hint)

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
        clean = printable(cut)
        before = "..." if start else ""
        after = "..." if start + WINDOW < len(self.text) else ""
        return before + clean + after, len(before) + self.column - start


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


_ROLES: Mapping[str, str] = dict.fromkeys([*ELEMENTARY, *SYNONYMS], "function")
"""The roles of names that are none of variables."""
UNKNOWN = re.compile("[fgh][0-9]*")


def scan(text: str) -> list[Token]:
    """Cut a text into tokens, blanks left out."""
    tokens = []
    for match in _TOKEN.finditer(text):
        kind, found = match.lastgroup or "", match.group()
        if kind == "blank":
            continue
        if kind == "name":
            kind = "truth" if found == "True" else _ROLES.get(found, kind)
        elif kind == "rest":
            kind = "other"
        tokens.append(Token(kind, found, match.start()))
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


@dataclass(frozen=True)
class Source:
    """The text and its tokens; what hints are cut from."""

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
    **dict.fromkeys(("pow", "power", "Pow", "float_power"), "write {u}**{v}"),
    **dict.fromkeys(("And", "Or", "Not", "Eq", "Ne", "Lt", "Le", "Gt", "Ge"), _ONE_CONDITION),
    **dict.fromkeys(("where", "ite", "select"), f"write {PIECES}"),
    **dict.fromkeys(("diff", "derivative", "Derivative", "dx", "dy", "integrate", "Integral", "limit"), _ALONE),
    # inverse functions under other names
    **{
        f"{prefix}{name}": f"write a{other}(1/{{u}})"
        for name, other in {"coth": "tanh", "sech": "cosh", "csch": "sinh"}.items()
        for prefix in ("a", "ar", "arc", "arcc", "arch")
    },
    **{f"inv{name}": f"write a{name}({{w}})" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    "cis": "there are no complex numbers",
    # powers, roots, logarithms
    **dict.fromkeys(("square", "sq"), "write {u}**2"),
    "sqr": "write {u}**2, or sqrt({w})",
    "cube": "write {u}**3",
    "root": "write {u}**(1/3)",
    "rsqrt": "write 1/sqrt({w})",
    **dict.fromkeys(("reciprocal", "inv"), "write 1/{u}"),
    "exp2": "write 2**{u}",
    "exp10": "write 10**{u}",
    "hypot": "write sqrt({u}**2 + {v}**2)",
    "logaddexp": "write logsumexp({w}, {y})",
    "logaddexp2": "write log2(2**{u} + 2**{v})",
    "log1pexp": "write softplus({w})",
    "logit": "write log({u}/(1 - {u}))",
    "xlogy": "write {u}*log({y})",
    "log_softmax": "write log(softmax({w}, {y}))",
    # angles
    **dict.fromkeys(("atan2", "arctan2"), "write atan({u}/{v}), which is it where {y} > 0"),
    **dict.fromkeys(("degrees", "rad2deg"), "write 180*{u}/pi"),
    **dict.fromkeys(("radians", "deg2rad"), "write pi*{u}/180"),
    "sinc": "write sin({w})/{u}, or sin(pi*{u})/(pi*{u})",
    "versin": "write 1 - cos({w})",
    "haversin": "write sin({u}/2)**2",
    # whole numbers
    **dict.fromkeys(("ceil", "ceiling"), "write -floor(-{u})"),
    **dict.fromkeys(("mod", "Mod", "remainder"), "write {u} - {v}*floor({u}/{v})"),
    "fmod": "write {u} - {v}*sign({u}/{v})*floor(abs({u}/{v}))",
    "floor_divide": "write floor({u}/{v})",
    "frac": "write {u} - floor({w})",
    **dict.fromkeys(("trunc", "fix"), "write sign({w})*floor(abs({w}))"),
    **dict.fromkeys(("round", "rint"), "write floor({w} + 1/2)"),
    # what sums and signs are called
    **dict.fromkeys(("add", "fadd"), "write {u} + {v}"),
    **dict.fromkeys(("sub", "subtract"), "write {u} - {v}"),
    **dict.fromkeys(("mul", "multiply"), "write {u}*{v}"),
    **dict.fromkeys(("div", "divide", "true_divide"), "write {u}/{v}"),
    **dict.fromkeys(("neg", "negative"), "write -{u}"),
    "positive": "write {w}",
    "copysign": "write abs({w})*sign({y})",
    "clip": "write max(0, min(1, {w})), between 0 and 1",
    "clamp": "write max(0, min(1, {w})), between 0 and 1",
    # error functions, gamma and its relatives
    "erfc": "write 1 - erf({w})",
    "ndtr": "write (1 + erf({u}/sqrt(2)))/2",
    "factorial": "write gamma({w}+1)",
    **dict.fromkeys(("comb", "binomial", "binom"), "write gamma({w}+1)/(gamma({y}+1)*gamma({u}-{v}+1))"),
    "perm": "write gamma({w}+1)/gamma({u}-{v}+1)",
    "beta": "write gamma({w})*gamma({y})/gamma({u}+{v})",
    "trigamma": "write polygamma(1, {w})",
    **dict.fromkeys(("lgamma", "gammaln", "loggamma"), "write log(gamma({w}))"),
    # activations
    "elu": "write piecewise(({w}, {u}>0), (exp({w})-1, True))",
    "celu": "write piecewise(({w}, {u}>0), (exp({w})-1, True))",
    "selu": "write 1.0507009873554805*piecewise(({w}, {u}>0), (1.6732632423543772*(exp({w})-1), True))",
    **dict.fromkeys(("silu", "swish"), "write {u}*sigmoid({w})"),
    "mish": "write {u}*tanh(softplus({w}))",
    "relu6": "write min(relu({w}), 6)",
    "hardtanh": "write max(-1, min(1, {w}))",
    **dict.fromkeys(("logsigmoid", "log_sigmoid"), "write -softplus(-{u})"),
    "softsign": "write {u}/(1 + abs({w}))",
    "tanhshrink": "write {u} - tanh({w})",
    **dict.fromkeys(
        (
            *(
                "erfi",
                "erfinv",
                "erfcinv",
                "erfcx",
                "dawsn",
                "zeta",
                "besselj",
                "bessely",
                "besseli",
                "besselk",
                "jv",
                "yv",
            ),
            *(
                "j0",
                "j1",
                "y0",
                "y1",
                "i0",
                "i1",
                "airyai",
                "airybi",
                "LambertW",
                "lambertw",
                "W",
                "Si",
                "Ci",
                "Ei",
                "Li",
            ),
            *(
                "li",
                "expi",
                "expint",
                "fresnels",
                "fresnelc",
                "legendre",
                "hermite",
                "chebyshevt",
                "hyper",
                "interp",
                "gcd",
            ),
            *(
                "lcm",
                "re",
                "im",
                "real",
                "imag",
                "arg",
                "angle",
                "conj",
                "conjugate",
                "DiracDelta",
                "frexp",
                "ldexp",
                "prod",
            ),
            *("sum", "mean", "cumsum", "dot", "norm"),
        ),
        "there is none like it here: write a Python function",
    ),
}
"""What to write for functions that other languages have: of {w}, {y} the first and second argument, of {u}, {v} the
same in brackets."""
_MODULES = frozenset(
    (
        *(
            "np",
            "numpy",
            "math",
            "cmath",
            "torch",
            "jnp",
            "jax",
            "tf",
            "tensorflow",
            "sp",
            "sympy",
            "sym",
            "scipy",
            "mp",
        ),
        *(
            "mpmath",
            "special",
            "nn",
            "functional",
            "F",
            "xp",
            "cp",
            "cupy",
            "keras",
            "K",
            "Math",
            "Base",
            "std",
            "linalg",
        ),
    )
)
"""Names that stand before a point and a function in Python."""
_SCALED = frozenset("xyztuvwkmn")
"""Letters that before the name of a function are a factor: xsin(x) is x*sin(x)."""
_RESERVED: Mapping[str, str] = {
    "Pi": "write pi",
    "PI": "write pi",
    "E": "write e for Euler's number; a variable needs another name, such as E_1",
    "I": "there are no complex numbers; a variable needs another name, such as I_1",
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
    kind = "call" if before.role in _APPLIED else "group"
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
        raise source.error(column, *_COMPARISON)
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
        given = bracket.commas + 1
        if given != 1 if name.role == "unknown" else given not in arities(canonical(name.text)):
            raise _wrong_count(source, bracket.index - 1, given)


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
    if touching and re.fullmatch("_[0-9]+", after.text):
        hint = f"write {token.text}{after.text.replace('_', '')}"
        raise source.error(after.column, "a number has no underscores", hint)


def _check_name(source: Source, index: int) -> None:
    token = source.token(index)
    name, column = token.text, token.column
    if _is_leibniz(source, index):
        quotient = source.span(index, index + 2)
        raise source.error(column, f"{quotient} stands for a derivative", _ALONE)
    if "__" in name:
        reason = f"the name {_short(name)!r} has two underscores in a row"
        raise source.error(column, reason, "write a name such as x_1")
    if keyword.iskeyword(name):
        raise _word_of_python(source, index)
    if name in _RESERVED:
        raise source.error(column, f"{name!r} is not a variable", _RESERVED[name])
    stem = name.removesuffix("x")
    bare = stem if stem in _ROLES else stem.rstrip("0123456789")
    if stem != name and bare in _ROLES and 1 in arities(canonical(bare)):
        factor = f"{stem[len(bare) :]}*" if bare != stem else ""
        raise source.error(column, f"the brackets of {bare} are missing", f"write {bare}({factor}x)")


def _is_leibniz(source: Source, index: int) -> bool:
    """Whether d/dx or dy/dx stands there, of which the first may as well be a quotient."""
    first, sign, second = (source.token(index + k).text for k in range(3))
    if sign != "/" or not re.fullmatch("d[a-zA-Z]", second):
        return False
    return re.fullmatch("d[a-zA-Z]", first) is not None or (first == "d" and source.token(index + 3).role != "open")


def _word_of_python(source: Source, index: int) -> ParseError:
    token = source.token(index)
    if token.text in {"and", "or", "not"}:
        return source.error(token.column, "there are no operations on truth values", _ONE_CONDITION)
    hint = "write 1 or 0" if token.text in {"True", "False"} else f"choose another name, such as {token.text}_"
    return source.error(token.column, f"{token.text!r} is a word of the Python language, not a variable", hint)


def _check_primed(source: Source, index: int) -> None:
    """A prime that stands for no derivative of an unknown function: a quote, or a mistake."""
    token, after = source.token(index), source.token(index + 1)
    name = token.text.rstrip(PRIMES)
    if after.role != "open":
        column = token.column + len(name)
        if any(later.text in _MARKS or later.role == "primed" for later in source.tokens[index + 1 :]):
            raise source.error(column, *_QUOTES)
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
    if token.text in _OTHER:
        raise source.error(token.column, *_OTHER[token.text])
    name = unicodedata.name(token.text, "no name")
    reason = f"the character {token.text!r} ({name}) is not known here"
    raise source.error(token.column, reason, _FOREIGN.get(token.text) or _plain_hint(token.text))


def _attribute(source: Source, index: int) -> ParseError:
    """A point that stands in no number: before a function of a module, or something else."""
    reason, hint = _OTHER["."]
    last = index
    while source.token(last + 1).role == "name" and source.token(last + 2).text == ".":
        last += 2
    before, name, after = source.token(index - 1), source.token(last + 1), source.token(last + 2)
    called = name.role in {"name", "function"} and after.role == "open"
    if called and before.role in {"name", "function"}:
        group = source.operand(last + 2)
        if name.role == "function":
            hint = _called(name.text, group)
        elif name.text in _ELSEWHERE or _other_name(name.text):
            hint = _function_hint(name.text, group, is_factor=False)
    elif name.text in {*CONSTANTS, *_RESERVED} and before.text in _MODULES:
        hint = f"write {name.text}" if name.text in CONSTANTS else _RESERVED[name.text]
    return source.error(source.token(index).column, reason, hint)


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


_OF_ROLE: Mapping[str, Callable[[Source, int], None]] = {
    "number": _check_number,
    "name": _check_name,
    "primed": _check_primed,
    "other": _check_other,
}


def _missing_multiplication(source: Source, index: int) -> ParseError:
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


def _beside_a_number(source: Source, index: int) -> tuple[str, str] | None:
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


def _ends_a_piece(source: Source, index: int) -> bool:
    """Whether (x, x<1)( stands there."""
    start = source.partners.get(index - 1, index) if source.token(index).role == "open" else index
    return any(token.role == "comparison" for token in source.tokens[start:index])


def _not_a_function(source: Source, index: int) -> ParseError:
    name, group = source.token(index - 1), source.operand(index)
    shown = _short(name.text)
    if name.text in CONSTANTS or (_is_variable(source, name.text) and len(_split_group(group)) == 1):
        kind = "constant" if name.text in CONSTANTS else "variable"
        return source.error(name.column, f"{shown!r} is a {kind}, not a function", f"write {shown}*{group}")
    factor = any(token.text == name.text[0] for token in source.tokens)
    return source.error(name.column, f"unknown function {shown!r}", _function_hint(name.text, group, is_factor=factor))


def _is_variable(source: Source, name: str) -> bool:
    """Whether a name before a bracket looks like a variable: short as x_1, or elsewhere without one."""
    alone = (token.text == name and source.token(i + 1).role != "open" for i, token in enumerate(source.tokens))
    return any(alone) or re.fullmatch("_?[A-Za-z]_?[0-9]*", name) is not None


def _function_hint(name: str, group: str, *, is_factor: bool) -> str:
    """What to write for an unknown function that is applied to `group`; whether its first letter may be a factor."""
    if name in _ELSEWHERE:
        return _ELSEWHERE[name].format_map(_arguments_in(group))
    other = _other_name(name)
    if other:
        return _called(other, group)
    if name[1:] in _ROLES and (is_factor or name[0] in _SCALED):
        return f"write {name[0]}*{name[1:]}{group}"
    # 0.8 is a heuristic: it takes one letter too many or too few in three, and does not take foo for floor.
    # The time of difflib grows with the length of the name.
    near = difflib.get_close_matches(name[:WINDOW], [*_ROLES, *_ALIASES], n=1, cutoff=0.8)
    if near:
        return f"did you mean {_ALIASES.get(near[0], canonical(near[0]))}?"
    return f"there are {', '.join(sorted(ELEMENTARY))}"


def _split_group(group: str) -> list[str]:
    """The arguments in brackets."""
    pieces, depth = [""], 0
    for sign in group[1:-1]:
        depth += (sign == "(") - (sign == ")")
        if sign == "," and not depth:
            pieces.append("")
        else:
            pieces[-1] += sign
    return pieces


def _called(name: str, group: str) -> str:
    """What to write for a function of the table that is applied to `group`."""
    known, given = canonical(name), _split_group(group)
    fits = len(given) in arities(known) and known != "piecewise" and all(given) and "..." not in group
    fits = fits and (known != "polygamma" or given[0].isdigit())
    return f"write {name}{group}" if fits else f"write {_usage(known)}"


def _arguments_in(group: str) -> Mapping[str, str]:
    """What the names in a hint stand for; x and y where an argument is long, missing or itself unknown."""
    given = _split_group(group) if "..." not in group else []
    unknown = any(name not in _ROLES for name in re.findall(r"([A-Za-z_]\w*)\(", group))
    w, y = [*(given if all(given) and not unknown else []), "x", "y"][:2] if len(given) != 1 else (
        given[0] if given[0] and not unknown else "x", "y")  # fmt: skip
    return {"w": w, "y": y} | {
        key: one if re.fullmatch(r"\w+", one) else f"({one})" for key, one in (("u", w), ("v", y))
    }


def _other_name(name: str) -> str | None:
    """The function that has this name elsewhere, or in another case."""
    lower = name.lower()
    return _ALIASES.get(lower, canonical(lower) if lower in _ROLES else None)


def _function_alone(source: Source, index: int) -> ParseError:
    name = source.token(index - 1)
    power = _power_of_function(source, index)
    if power:
        return source.error(name.column, f"the power of {name.text} stands before its brackets", power)
    reason = f"{name.text} is a function and needs brackets"
    if 1 not in arities(canonical(name.text)):
        return source.error(name.column, reason, f"write {_usage(canonical(name.text))}")
    return source.error(name.column, reason, f"write {name.text}{source.argument(index)}")


def _power_of_function(source: Source, index: int) -> str:
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
    if source.token(index - 2).role in _APPLIED:
        return _wrong_count(source, index - 2, 0)
    return source.error(
        source.token(index).column, "there is nothing between the brackets", "write a value, such as (x)"
    )


def _wrong_count(source: Source, index: int, given: int) -> ParseError:
    name = source.token(index)
    if name.role == "unknown":
        reason = f"{name.text} is an unknown function of one argument, not {given}"
        return source.error(name.column, reason, f"write {name.text}(x)")
    meant = canonical(name.text)
    noun = "argument" if arities(meant) == (1,) else "arguments"
    return source.error(name.column, f"{name.text} takes {counts(meant)} {noun}, not {given}", f"write {_usage(meant)}")


def _stray_comma(source: Source, index: int, *, whole: bool) -> ParseError:
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


def _split(source: Source) -> list[str]:
    """The text between the commas that stand in no bracket."""
    pieces, depth = [""], 0
    for token in source.tokens:
        depth += (token.role == "open") - (token.role == "close")
        if token.role == "comma" and not depth:
            pieces.append("")
        else:
            pieces[-1] += token.text
    return pieces


_RULES: Mapping[tuple[str, str], Callable[[Source, int], ParseError]] = {
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


def canonical(name: str) -> str:
    """The name in the table of operations."""
    return SYNONYMS.get(name, name)


def _usage(name: str) -> str:
    special = {"piecewise": PIECES, "polygamma": "polygamma(1, x)"}
    if name in special:
        return special[name]
    allowed = arities(name)
    counts = (2, 3) if isinstance(allowed, range) else allowed
    return " or ".join(f"{name}({', '.join('xyzuvw'[:count])})" for count in counts)


def _short(name: str) -> str:
    return name if len(name) <= WINDOW // 2 else f"{name[: WINDOW // 2]}..."
