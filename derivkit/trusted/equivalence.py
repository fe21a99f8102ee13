"""Zero-equivalence: proofs that two formulas are one function, both written as rational functions.

Every rewriting is an identity of real functions wherever the formula is defined, so that a difference that is reduced
to 0 is proved to be 0. The opposite is not claimed: what is not reduced may be 0 all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from derivkit.expressions.evaluation import Arithmetic, walk
from derivkit.expressions.tree import Instruction, Node, Operation, program_of
from derivkit.operations.elementary import OPERATIONS
from derivkit.operations.formulas import Meaning, worked_out
from derivkit.trusted.rational_functions import (
    HALF,
    MAX_GENERATORS,
    FinerError,
    FunctionField,
    NotProvedError,
    RationalFunction,
)

MAX_OPERATIONS = 1500


def is_zero(root: Node) -> bool:
    """Whether a formula is proved to be 0 wherever it is defined, isolated points excepted.

    Examples
    --------
    >>> from derivkit.expressions.expression import parse
    >>> is_zero(parse("sin(2*x) - 2*sin(x)*cos(x)").root), is_zero(parse("sin(x) - cos(x)").root)
    (True, False)
    """
    program = program_of(root)
    if len(program) > MAX_OPERATIONS:
        return False
    finer: dict[Any, int] = {}
    for _ in range(MAX_GENERATORS):
        field = FunctionField(finer)
        try:
            values = walk(program, _arithmetic(field))
            for step in (program[k] for k in _everywhere(program)):
                _assume_in_domain(field, step.operation, *(values[k] for k in step.arguments))
            return field.vanishes(values[-1])
        except FinerError:
            continue
        except (NotProvedError, ZeroDivisionError):
            return False
    return False


def _everywhere(program: Sequence[Instruction]) -> set[int]:
    """The steps that must have a value wherever the last one has one; steps within a piece need not."""
    needed: set[int] = set()
    stack = [len(program) - 1]
    while stack:
        place = stack.pop()
        if place not in needed:
            needed.add(place)
            stack += () if program[place].operation == "piecewise" else program[place].arguments
    return needed


def _arithmetic(f: FunctionField) -> Arithmetic:
    """What a step of a formula is worth."""
    return Arithmetic(
        number=f.number,
        constant=lambda name: f.opaque("pi", positive=True) if name == "pi" else f.exp(f.number(1)),
        variable=lambda name: f.opaque(("variable", name)),
        apply=lambda name, *arguments: _apply(f, name, *arguments),
        unknown=lambda function, u: f.opaque(("unknown", function, u.key)),
    )


def _defined(f: FunctionField, definition: str, u: RationalFunction) -> RationalFunction:
    """An operation by its definition in other operations."""
    meaning = Meaning(
        number=f.number,
        pi=lambda: f.opaque("pi", positive=True),
        apply=lambda name, *arguments: _apply(f, name, *arguments),
    )
    result: RationalFunction = worked_out(definition, u, meaning)
    return result


def _apply(f: FunctionField, name: str, *arguments: RationalFunction) -> RationalFunction:
    if name in _RULES:
        return _RULES[name](f, *arguments)
    definition = OPERATIONS[name].definition
    if definition:
        return _defined(f, definition, *arguments)
    if OPERATIONS[name].odd and not arguments[0]:
        return f.number(0)
    if OPERATIONS[name].odd and arguments[0].above.leading_coefficient() < 0:
        return -f.opaque((name, (-arguments[0]).key))
    return f.opaque((name, *(argument.key for argument in arguments)))


def _power(f: FunctionField, a: RationalFunction, b: RationalFunction) -> RationalFunction:
    n = b.constant
    if n is not None and n.denominator == 1:
        return a ** int(n)
    return f.size_power(a, n) if n is not None else f.exp(b * f.log_size(a))


def _log(f: FunctionField, a: RationalFunction, base: RationalFunction | None = None) -> RationalFunction:
    return f.log_size(a) if base is None else f.log_size(a) / f.log_size(base)


def _root(f: FunctionField, a: RationalFunction) -> RationalFunction:
    return f.size_power(a, HALF) if a else a


def _size(f: FunctionField, a: RationalFunction) -> RationalFunction:
    return a * f.sign(a) if a else a


def _above(f: FunctionField, a: RationalFunction) -> RationalFunction:
    """1 where a > 0, else 0."""
    return HALF * (1 + f.sign(a)) if a else f.number(HALF)


def _larger(f: FunctionField, sign: int, *arguments: RationalFunction) -> RationalFunction:
    best = arguments[0]
    for argument in arguments[1:]:
        best = HALF * (best + argument + sign * _size(f, best - argument))
    return best


def _piecewise(f: FunctionField, *arguments: RationalFunction) -> RationalFunction:
    del f
    pairs = list(zip(arguments[0::2], arguments[1::2], strict=False))
    result = arguments[-1] if len(arguments) % 2 else pairs.pop()[0]
    for value, condition in reversed(pairs):
        result = condition * value + (1 - condition) * result
    return result


def _leaky(f: FunctionField, a: RationalFunction, slope: RationalFunction | None = None) -> RationalFunction:
    above = _above(f, a)
    return a * (above + (Fraction(1, 100) if slope is None else slope) * (1 - above))


def _sum_of_exp(f: FunctionField, *arguments: RationalFunction) -> RationalFunction:
    return sum(map(f.exp, arguments), start=f.number(0))


_RULES: Mapping[str, Callable[..., RationalFunction]] = {
    "add": lambda f, a, b: a + b,
    "subtract": lambda f, a, b: a - b,
    "negate": lambda f, a: -a,
    "multiply": lambda f, a, b: a * b,
    "divide": lambda f, a, b: a / b,
    "power": _power,
    "exp": lambda f, a: f.exp(a),
    "log": _log,
    "sqrt": _root,
    "cbrt": lambda f, a: f.sign(a) * f.size_power(a, Fraction(1, 3)) if a else a,
    "sin": lambda f, a: f.cosine_sine(a)[1],
    "cos": lambda f, a: f.cosine_sine(a)[0],
    "softmax": lambda f, *a: f.exp(a[0]) / _sum_of_exp(f, *a),
    "logsumexp": lambda f, *a: f.log_size(_sum_of_exp(f, *a)),
    "sign": lambda f, a: f.sign(a) if a else a,
    "leaky_relu": _leaky,
    "max": lambda f, *a: _larger(f, 1, *a),
    "min": lambda f, *a: _larger(f, -1, *a),
    "less": lambda f, a, b: _above(f, b - a),
    "less_equal": lambda f, a, b: _above(f, b - a),
    "greater": lambda f, a, b: _above(f, a - b),
    "greater_equal": lambda f, a, b: _above(f, a - b),
    "piecewise": _piecewise,
}
"""Operations in the generators; others are what their rows define them to be, or generators themselves."""


def _assume_in_domain(f: FunctionField, name: str, *arguments: RationalFunction) -> None:
    """Assume that arguments lie above the start of the domain, as they must wherever the operation has a value."""
    if name == "power":
        base, exponent = arguments
        n = exponent.constant
        if n is None or n.denominator != 1:
            f.assume_positive(base)
        return
    domain = OPERATIONS[name].defined if name in OPERATIONS else None
    if domain is None or domain.start is None:
        return
    for argument in arguments:
        above = argument - domain.start
        if above or domain.relation == ">":
            f.assume_positive(above)


def equivalent(a: Node, b: Node) -> bool:
    """Whether two formulas are proved to be one function."""
    return is_zero(Operation("subtract", (a, b)))
