"""The formulas of u that a row of the table of operations states as text, worked out in any arithmetic.

They are our own and short, so Python's parser reads them as they stand, ``^`` being a power: no gate is needed as
before a formula that somebody typed.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

INFIX: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Pow: "power",
}
"""The operations that Python's signs stand for."""


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What the parts of a formula mean in an arithmetic: its whole numbers, pi, and the operations by name."""

    number: Callable[[int], Any]
    pi: Callable[[], Any]
    apply: Callable[..., Any]


@functools.cache
def _parsed(formula: str) -> ast.expr:
    try:
        return ast.parse(formula.replace("^", "**"), mode="eval").body
    except SyntaxError as error:
        raise _no_formula(formula) from error


def _no_formula(formula: str) -> ValueError:
    return ValueError(f"{formula!r} is no formula of u: it may hold whole numbers, pi, + - * / ^ and functions")


def worked_out(formula: str, u: Any, meaning: Meaning) -> Any:
    """The value of a formula of u.

    Examples
    --------
    >>> import numpy as np
    >>> apply = lambda name, *arguments: getattr(np, name)(*arguments)
    >>> float(worked_out("1/(1 + u^2)", 2.0, Meaning(number=float, pi=lambda: np.pi, apply=apply)))
    0.2
    """

    def value(node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=int() as number):
                return meaning.number(number)
            case ast.Name(id="u"):
                return u
            case ast.Name(id="pi"):
                return meaning.pi()
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return meaning.apply("negate", value(inner))
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in INFIX:
                return meaning.apply(INFIX[type(sign)], value(left), value(right))
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return meaning.apply(name, *map(value, arguments))
        raise _no_formula(formula)

    return value(_parsed(formula))


WORDS = ("is not an integer", "is not 0, -1, -2, ...")
"""Relations of one number."""
STRICT = {">=": ">", "<=": "<"}
"""The inside of a region with an end that belongs to it."""


@dataclass(frozen=True)
class Region:
    """Where an operation is defined, or differentiable: a formula of u, a relation, and a number on its right.

    Attributes
    ----------
    left, relation : str
        ``abs(u)`` and ``<=``, for instance, or a relation of one number.
    right : Fraction
        0 for a relation of one number.
    """

    left: str
    relation: str
    right: Fraction = Fraction(0)

    @property
    def inside(self) -> Region:
        """The same without its ends."""
        return Region(self.left, STRICT.get(self.relation, self.relation), self.right)

    @property
    def start(self) -> Fraction | None:
        """The number above which every u lies in it; None if it is of another kind."""
        return self.right if self.left == "u" and self.relation in {">", ">="} else None


def region(text: str) -> Region:
    """The region that a text names.

    Examples
    --------
    >>> region("abs(u) <= 1").inside
    Region(left='abs(u)', relation='<', right=Fraction(1, 1))
    """
    for words in WORDS:
        if text.endswith(words):
            return Region(text.removesuffix(words).strip(), words)
    match = re.fullmatch("(.+) (>|>=|<|<=|≠) (-?[0-9]+)", text)
    if match is None:
        raise ValueError(f"{text!r} names no region; one is 'u > 0', 'abs(u) <= 1', 'sin(u) ≠ 0' or 'u {WORDS[0]}'")
    left, relation, right = match.groups()
    return Region(left, relation, Fraction(right))
