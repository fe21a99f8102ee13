"""What a formula may hold and what it means, in sentences, for whoever evaluates one in another language.

The functions are those of the table of operations: a further row describes itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from derivkit.expressions.hints import PIECES
from derivkit.expressions.tree import CONSTANTS
from derivkit.operations.elementary import ELEMENTARY

OPERATORS: Mapping[str, str] = {
    "f(u, v)": "a call; brackets group, and are never left out",
    "u^v": "a power, also written u**v; it binds more tightly than a sign before it, -x^2 is -(x^2), and less tightly "
    "than one after it, 2^-x; from right to left, 2^3^2 is 2^(3^2)",
    "-u, +u": "a sign",
    "u*v, u/v": "product and quotient of real numbers, from left to right, a/b*c is (a/b)*c; the * is always written, "
    "2*x and never 2x or 2 x",
    "u+v, u-v": "sum and difference, from left to right",
}
"""The operators, those that bind most tightly first."""
CALLED: Mapping[str, str] = {
    "log": "the natural logarithm; log(u, v) is log(u)/log(v)",
    "cbrt": "the real cube root, also of a negative number",
    "polygamma": "polygamma(n, u) is derivative n + 1 of log(gamma(u))",
    "leaky_relu": "leaky_relu(u, v) is u where u > 0 and v*u elsewhere; v is 0.01 where it is left out",
    "max": "the largest of its arguments",
    "min": "the smallest of its arguments",
    "softmax": "exp of the first argument over the sum of exp of all of them",
    "logsumexp": "the logarithm of the sum of exp of all its arguments",
    "piecewise": f"pairs of a value and a condition, such as {PIECES}: the value of the first pair whose condition "
    "holds; a condition is a comparison of two formulas by <, <=, > or >=, and the last one True",
    "sign": "-1, 0 or 1",
    "floor": "the largest whole number that is not above u",
}
"""What is said of the functions of which neither a title nor a definition says all."""


@dataclass(frozen=True, kw_only=True)
class Grammar:
    """What a formula may hold.

    Attributes
    ----------
    numbers : str
        How a number is written, and what it is.
    operators : mapping
        Each with its meaning, those that bind most tightly first.
    order : str
        That this is their order, for whoever reads the mapping alone.
    constants, functions : mapping
        Each name with its meaning; ``u`` is the argument.
    variables : str
        What every other name is.
    """

    numbers: str
    operators: Mapping[str, str]
    order: str
    constants: Mapping[str, str]
    functions: Mapping[str, str]
    variables: str


def grammar() -> Grammar:
    """What a formula may hold and what it means, for whoever evaluates one elsewhere.

    Returns
    -------
    Grammar
        Of numbers, operators by precedence, constants, functions and variables, each in words.

    Examples
    --------
    >>> import derivkit as dk
    >>> dk.grammar().functions["cot"]
    'cotangent: cos(u)/sin(u), where sin(u) ≠ 0'
    """
    return Grammar(
        numbers="decimal, such as 2, 0.5 or 1e-3, and exactly what is written: 0.1 is a tenth, and 1/3 a third",
        operators=OPERATORS,
        order="the operators stand in the order in which they bind, those that bind most tightly first",
        constants=dict(zip(CONSTANTS, ("3.14159...", "2.71828..., which is exp(1)"), strict=True)),
        functions={name: meaning(name) for name in ELEMENTARY},
        variables="every other name is a real variable, where there is one it is x; a value that is not real is none",
    )


def meaning(name: str) -> str:
    """What a function of the table is."""
    row = ELEMENTARY[name]
    what = CALLED.get(name) or ": ".join(filter(None, (row.title, row.definition)))
    return f"{what}, where {row.domain}" if row.domain else what
