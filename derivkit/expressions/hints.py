"""What to write instead of what other languages have: names, signs, and functions that are not in the table."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from derivkit.arguments import near
from derivkit.expressions.limits import WINDOW
from derivkit.expressions.tokens import ROLES, canonical
from derivkit.expressions.tree import arities
from derivkit.operations.elementary import ELEMENTARY


def _each(names: str, hint: str) -> dict[str, str]:
    """One hint for several names."""
    return dict.fromkeys(names.split(), hint)


PIECES = "piecewise((x, x<1), (2*x, True))"
ONE_CONDITION = "write one comparison for each piece, as in " + PIECES
COMPARISON = (
    "a condition has no value to differentiate",
    f"write one side only, or the difference of the two; conditions stand in {PIECES}",
)

IMPLICIT = ", or leave the sign out with implicit=True (in Python, of dk.parse)"
"""How a formula is read without its multiplication signs, here and on the command line."""
ALIASES: Mapping[str, str] = {other: row.name for row in ELEMENTARY.values() for other in row.aliases}
FORMULA_ALONE = "write the formula alone: its derivative is requested separately"
ELSEWHERE: Mapping[str, str] = {
    **_each("pow power Pow float_power", "write {u}**{v}"),
    **_each("And Or Not Eq Ne Lt Le Gt Ge", ONE_CONDITION),
    **_each("where ite select", f"write {PIECES}"),
    **_each("diff derivative Derivative dx dy integrate Integral limit", FORMULA_ALONE),
    # inverse functions under other names
    **{
        f"{prefix}{name}": f"write a{other}(1/{{u}})"
        for name, other in {"coth": "tanh", "sech": "cosh", "csch": "sinh"}.items()
        for prefix in ("a", "ar", "arc", "arcc", "arch")
    },
    **{f"inv{name}": f"write a{name}({{w}})" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    "cis": "there are no complex numbers",
    # powers, roots, logarithms
    **_each("square sq", "write {u}**2"),
    "sqr": "write {u}**2, or sqrt({w})",
    "cube": "write {u}**3",
    "root": "write {u}**(1/3)",
    "rsqrt": "write 1/sqrt({w})",
    **_each("reciprocal inv", "write 1/{u}"),
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
    **_each("atan2 arctan2", "write atan({u}/{v}), which is it where {y} > 0"),
    **_each("degrees rad2deg", "write 180*{u}/pi"),
    **_each("radians deg2rad", "write pi*{u}/180"),
    "sinc": "write sin({w})/{u}, or sin(pi*{u})/(pi*{u})",
    "versin": "write 1 - cos({w})",
    "haversin": "write sin({u}/2)**2",
    # whole numbers
    **_each("ceil ceiling", "write -floor(-{u})"),
    **_each("mod Mod remainder", "write {u} - {v}*floor({u}/{v})"),
    "fmod": "write {u} - {v}*sign({u}/{v})*floor(abs({u}/{v}))",
    "floor_divide": "write floor({u}/{v})",
    "frac": "write {u} - floor({w})",
    **_each("trunc fix", "write sign({w})*floor(abs({w}))"),
    **_each("round rint", "write floor({w} + 1/2)"),
    # what sums and signs are called
    **_each("add fadd", "write {u} + {v}"),
    **_each("sub subtract", "write {u} - {v}"),
    **_each("mul multiply", "write {u}*{v}"),
    **_each("div divide true_divide", "write {u}/{v}"),
    **_each("neg negative", "write -{u}"),
    "positive": "write {w}",
    "copysign": "write abs({w})*sign({y})",
    "clip": "write max(0, min(1, {w})), between 0 and 1",
    "clamp": "write max(0, min(1, {w})), between 0 and 1",
    # error functions, gamma and its relatives
    "ndtr": "write (1 + erf({u}/sqrt(2)))/2",
    "factorial": "write gamma({w}+1)",
    **_each("comb binomial binom", "write gamma({w}+1)/(gamma({y}+1)*gamma({u}-{v}+1))"),
    "perm": "write gamma({w}+1)/gamma({u}-{v}+1)",
    "beta": "write gamma({w})*gamma({y})/gamma({u}+{v})",
    "trigamma": "write polygamma(1, {w})",
    **_each("lgamma gammaln loggamma", "write log(gamma({w}))"),
    # activations
    "elu": "write piecewise(({w}, {u}>0), (exp({w})-1, True))",
    "celu": "write piecewise(({w}, {u}>0), (exp({w})-1, True))",
    "selu": "write 1.0507009873554805*piecewise(({w}, {u}>0), (1.6732632423543772*(exp({w})-1), True))",
    **_each("silu swish", "write {u}*sigmoid({w})"),
    "mish": "write {u}*tanh(softplus({w}))",
    "relu6": "write min(relu({w}), 6)",
    "hardtanh": "write max(-1, min(1, {w}))",
    **_each("logsigmoid log_sigmoid", "write -softplus(-{u})"),
    "softsign": "write {u}/(1 + abs({w}))",
    "tanhshrink": "write {u} - tanh({w})",
    **_each(
        "erfi erfinv erfcinv erfcx dawsn zeta besselj bessely besseli besselk jv yv j0 j1 y0 y1 i0 i1 "
        "airyai airybi LambertW lambertw W Si Ci Ei Li li expi expint fresnels fresnelc legendre hermite "
        "chebyshevt hyper interp gcd lcm re im real imag arg angle conj conjugate DiracDelta frexp ldexp "
        "prod sum mean cumsum dot norm",
        "there is none like it here: write a Python function",
    ),
}
"""What to write for functions that other languages have: of {w}, {y} the first and second argument, of {u}, {v} the
same in brackets."""
MODULES = frozenset(
    _each(
        "np numpy math cmath torch jnp jax tf tensorflow sp sympy sym scipy mp mpmath special nn "
        "functional F xp cp cupy keras K Math Base std linalg",
        "",
    )
)
"""Names that stand before a point and a function in Python."""
_SCALED = frozenset("xyztuvwkmn")
"""Letters that before the name of a function are a factor: xsin(x) is x*sin(x)."""
RESERVED: Mapping[str, str] = {
    "Pi": "write pi",
    "PI": "write pi",
    "E": "write e for Euler's number; a variable needs another name, such as E_1",
    "I": "there are no complex numbers; a variable needs another name, such as I_1",
    **_each("inf nan oo zoo Infinity infinity Inf NaN", "numbers are finite here"),
}
"""Names that nobody means as a variable."""

_BRACKETS = ("only round brackets group", "write ( and )")
QUOTES = ("text in quotes is not part of a formula", "leave the quotes out")
QUOTATION_MARKS = "'\"`\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}\N{LEFT SINGLE QUOTATION MARK}"
_NO_BITS = ("there are no operations on bits or truth values", "use + - * / ^ and functions")
NO_PLACE: Mapping[str, tuple[str, str]] = {
    "=": (
        "'=' has no place in a formula",
        "write only the right-hand side; the point is passed separately",
    ),
    ":=": ("':=' has no place in a formula", "write only the right-hand side"),
    **dict.fromkeys(QUOTATION_MARKS, QUOTES),
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


def sign_hint(sign: str) -> str:
    """What to write for a character that is not known."""
    if sign in _FOREIGN:
        return _FOREIGN[sign]
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


def function_hint(name: str, group: str, *, is_factor: bool) -> str:
    """What to write for an unknown function that is applied to `group`; whether its first letter may be a factor."""
    if name in ELSEWHERE:
        return ELSEWHERE[name].format_map(_names_in(group))
    other = other_name(name)
    if other:
        return call_hint(other, group)
    if name[1:] in ROLES and (is_factor or name[0] in _SCALED):
        return f"write {name[0]}*{name[1:]}{group}"
    # 0.8 is a heuristic: it takes one letter too many or too few in three, and does not take foo for floor.
    close = near(name, [*ROLES, *ALIASES], cutoff=0.8)
    if close:
        return f"did you mean {ALIASES.get(close[0], canonical(close[0]))}?"
    return f"there are {', '.join(sorted(ELEMENTARY))}"


def arguments_in(group: str) -> list[str]:
    """The arguments in brackets, as texts."""
    return split_at_commas(group[1:-1])


def split_at_commas(tokens: Iterable[str]) -> list[str]:
    """What stands between the commas that stand in no bracket."""
    pieces, depth = [""], 0
    for text in tokens:
        depth += (text == "(") - (text == ")")
        if text == "," and not depth:
            pieces.append("")
        else:
            pieces[-1] += text
    return pieces


def call_hint(name: str, group: str) -> str:
    """What to write for a function of the table that is applied to `group`."""
    known, arguments = canonical(name), arguments_in(group)
    fits = len(arguments) in arities(known) and known != "piecewise" and all(arguments) and "..." not in group
    fits = fits and (known != "polygamma" or arguments[0].isdigit())
    return f"write {name}{group}" if fits else f"write {usage(known)}"


def _names_in(group: str) -> Mapping[str, str]:
    """What the names in a hint stand for; x and y where an argument is long, missing or itself unknown."""
    arguments = arguments_in(group) if "..." not in group else []
    unknown = any(name not in ROLES for name in re.findall(r"([A-Za-z_]\w*)\(", group))
    w, y = [*(arguments if all(arguments) and not unknown else []), "x", "y"][:2] if len(arguments) != 1 else (
        arguments[0] if arguments[0] and not unknown else "x", "y")  # fmt: skip
    return {"w": w, "y": y} | {
        key: argument if re.fullmatch(r"\w+", argument) else f"({argument})" for key, argument in (("u", w), ("v", y))
    }


def other_name(name: str) -> str | None:
    """The function that has this name elsewhere, or in another case."""
    lower = name.lower()
    return ALIASES.get(lower, canonical(lower) if lower in ROLES else None)


def usage(name: str) -> str:
    """How a function of the table is called."""
    special = {"piecewise": PIECES, "polygamma": "polygamma(1, x)"}
    if name in special:
        return special[name]
    allowed = arities(name)
    counts = (2, 3) if isinstance(allowed, range) else allowed
    return " or ".join(f"{name}({', '.join('xyzuvw'[:count])})" for count in counts)


def shortened(name: str) -> str:
    """The beginning of a name that is too long for a message."""
    return name if len(name) <= WINDOW // 2 else f"{name[: WINDOW // 2]}..."
