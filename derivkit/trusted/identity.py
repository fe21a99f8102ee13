"""Proofs that two formulas are one function: both as quotients of polynomials in what cannot be taken apart.

Exponentials, logarithms, roots, sines and absolute values are written in a few generators, such as e^x, log|x|, the
cosine of x and the sign of x, with relations between them (sin^2 = 1 - cos^2, sign^2 = 1). Every rewriting is an
identity of real functions wherever the formula is defined, so that a difference that is reduced to 0 is proved to be 0.
The opposite is not claimed: what is not reduced may be 0 all the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from flint import Ordering, fmpq, fmpq_mpoly_ctx, fmpz

from derivkit.expressions.evaluation import Arithmetic, walk
from derivkit.expressions.tree import Instruction, Node, Operation, program_of

MOST_GENERATORS = 40
MOST_TERMS = 200
"""Terms of a polynomial beyond which a proof is given up; a constant without a derivation, as are the next three."""
MOST_OPERATIONS = 1500
MOST_MULTIPLE = 40
"""Largest multiple of an angle, and largest whole power, that is written out."""
MOST_WORK = 400_000
"""Products of terms that a proof may take."""
_CONTEXT = fmpq_mpoly_ctx.get(tuple(f"g{k}" for k in range(MOST_GENERATORS)), Ordering.lex)
_ONE, _ZERO = _CONTEXT.constant(1), _CONTEXT.constant(0)
_TURNS: Mapping[Fraction, tuple[Fraction, int]] = {
    Fraction(0): (Fraction(1), 1),
    Fraction(1, 6): (Fraction(1, 2), 3),
    Fraction(1, 4): (Fraction(1, 2), 2),
    Fraction(1, 3): (Fraction(1, 2), 1),
    Fraction(1, 2): (Fraction(0), 1),
}
"""cos(t pi) = a sqrt(n) for t from 0 to 1/2."""


class _NotProvedError(ArithmeticError):
    """The proof is given up."""


class _FinerError(ArithmeticError):
    """A generator is needed to a finer root than it was made for: the walk begins again."""


def is_zero(root: Node) -> bool:
    """Whether a formula is proved to be 0 wherever it is defined, up to points that lie alone.

    Examples
    --------
    >>> from derivkit.expressions.expression import parse
    >>> is_zero(parse("sin(2*x) - 2*sin(x)*cos(x)").root), is_zero(parse("sin(x) - cos(x)").root)
    (True, False)
    """
    program = program_of(root)
    if len(program) > MOST_OPERATIONS:
        return False
    finer: dict[Any, int] = {}
    for _ in range(MOST_GENERATORS):
        field_ = _Field(finer)
        try:
            values = walk(program, field_.arithmetic())
            for step in (program[k] for k in _everywhere(program)):
                if step.operation in _OF_POSITIVE:
                    _OF_POSITIVE[step.operation](field_, *(values[k] for k in step.arguments))
            return field_.vanishes(values[-1])
        except _FinerError:
            continue
        except (_NotProvedError, ZeroDivisionError):
            return False
    return False


def _everywhere(program: Sequence[Instruction]) -> set[int]:
    """The steps that must have a value wherever the last one has: what stands in a piece need not."""
    found: set[int] = set()
    stack = [len(program) - 1]
    while stack:
        place = stack.pop()
        if place not in found:
            found.add(place)
            stack += () if program[place].operation == "piecewise" else program[place].arguments
    return found


@dataclass(frozen=True)
class _Quotient:
    above: Any
    below: Any

    @property
    def key(self) -> tuple[str, str]:
        return str(self.above), str(self.below)


@dataclass
class _Field:
    """Quotients of polynomials in generators, made as they are needed.

    Attributes
    ----------
    finer : dict
        By which whole number the exponent of an exponential, an angle, or the power of a root is divided.
    """

    finer: dict[Any, int]
    generators: dict[Any, int] = field(default_factory=dict)
    relations: dict[int, tuple[int, Any]] = field(default_factory=dict)
    """From a generator g to (n, p) with g^n = p, a polynomial in generators made earlier."""
    exponents: dict[str, _Quotient] = field(default_factory=dict)
    """From an exponential, as a text, to its exponent."""
    logarithms: dict[int, Any] = field(default_factory=dict)
    """From the generator of log|p| to p, a polynomial or a prime."""
    positive: set[int] = field(default_factory=set)
    facts: dict[int, int] = field(default_factory=dict)
    """Signs that are known wherever the formula is defined."""
    work: int = 0

    # Quotients

    def number(self, value: Fraction | int) -> _Quotient:
        exact = Fraction(value)
        return _Quotient(_CONTEXT.constant(fmpq(exact.numerator, exact.denominator)), _ONE)

    def times(self, a: Any, b: Any) -> Any:
        self.work += len(a) * len(b)
        if self.work > MOST_WORK or len(a) > MOST_TERMS or len(b) > MOST_TERMS:
            raise _NotProvedError
        return a * b

    def quotient(self, above: Any, below: Any) -> _Quotient:
        """In lowest terms, the relations used, the leading coefficient below 1."""
        above, below = self.reduced(above), self.reduced(below)
        if not below:
            raise _NotProvedError
        if not above:
            return _Quotient(_ZERO, _ONE)
        common = above.gcd(below)
        above, below = above / common, below / common
        leading = below.leading_coefficient()
        return _Quotient(above / leading, below / leading)

    def reduced(self, poly: Any) -> Any:
        """The relations used, from the latest generator to the first."""
        for place in sorted(self.relations, reverse=True):
            n, power = self.relations[place]
            if poly.degrees()[place] >= n:
                poly = self.replaced(poly, place, n, power)
        return poly

    def replaced(self, poly: Any, place: int, n: int, power: Any) -> Any:
        """A polynomial with g^n replaced by another."""
        parts: dict[int, dict[tuple[int, ...], Any]] = {}
        for exponents, coefficient in poly.terms():
            times, left = divmod(int(exponents[place]), n)
            changed = (*exponents[:place], left, *exponents[place + 1 :])
            parts.setdefault(times, {})[changed] = coefficient
        total = _ZERO
        for times, terms in parts.items():
            factor = _ONE
            for _ in range(times):
                factor = self.times(factor, power)
            total = total + self.times(_CONTEXT.from_dict(terms), factor)
        return total

    def add(self, a: _Quotient, b: _Quotient, sign: int = 1) -> _Quotient:
        if a.below == b.below:
            return self.quotient(a.above + sign * b.above, a.below)
        above = self.times(a.above, b.below) + sign * self.times(b.above, a.below)
        return self.quotient(above, self.times(a.below, b.below))

    def multiply(self, a: _Quotient, b: _Quotient) -> _Quotient:
        return self.quotient(self.times(a.above, b.above), self.times(a.below, b.below))

    def divide(self, a: _Quotient, b: _Quotient) -> _Quotient:
        return self.quotient(self.times(a.above, b.below), self.times(a.below, b.above))

    def whole_power(self, a: _Quotient, n: int) -> _Quotient:
        if abs(n) > MOST_MULTIPLE:
            raise _NotProvedError
        result = self.number(1)
        for _ in range(abs(n)):
            result = self.multiply(result, a)
        return result if n >= 0 else self.divide(self.number(1), result)

    def vanishes(self, a: _Quotient) -> bool:
        """Whether it is 0, the signs that are known put in."""
        above = self.reduced(a.above)
        known = {f"g{place}": sign for place, sign in self.facts.items()}
        return not above or (bool(known) and not self.reduced(above.subs(known)))

    # Generators

    def generator(self, key: Any, *, positive: bool = False) -> int:
        """The place of a generator, made if it is not there."""
        if key not in self.generators:
            if len(self.generators) == MOST_GENERATORS:
                raise _NotProvedError
            self.generators[key] = len(self.generators)
            if positive:
                self.positive.add(self.generators[key])
        return self.generators[key]

    def opaque(self, key: Any, *, positive: bool = False) -> _Quotient:
        """What is not taken apart."""
        return self.at(self.generator(key, positive=positive))

    @staticmethod
    def at(place: int) -> _Quotient:
        return _Quotient(_CONTEXT.gen(place), _ONE)

    def fine(self, key: Any, rate: Fraction) -> int:
        """The rate of a generator as a whole multiple of the finest that is needed."""
        finest = self.finer.get(key, 1)
        if finest % rate.denominator:
            self.finer[key] = math.lcm(finest, rate.denominator)
            raise _FinerError
        times = rate * finest
        if abs(times) > MOST_MULTIPLE:
            raise _NotProvedError
        return int(times)

    # Signs, absolute values and their powers and logarithms

    def factors(self, a: _Quotient) -> tuple[Fraction, list[tuple[Any, int]]]:
        """A number and irreducible polynomials with their exponents."""
        number, found = Fraction(1), []
        for poly, sign in ((a.above, 1), (a.below, -1)):
            if not poly:
                raise _NotProvedError
            unit, parts = poly.factor()
            number *= Fraction(int(unit.p), int(unit.q)) ** sign
            found += [(part, sign * int(n)) for part, n in parts]
        return number, found

    def sign_of(self, poly: Any) -> _Quotient:
        """The sign of an irreducible polynomial: 1 where all that it is made of is positive."""
        if self.surely_positive(poly):
            return self.number(1)
        if self.surely_positive(-poly):
            return self.number(-1)
        place = self.generator(("sign", str(poly)))
        self.relations[place] = 2, _ONE
        return self.at(place)

    def surely_positive(self, poly: Any) -> bool:
        """Whether every term is positive or a square, and one of them is never 0."""
        never = False
        for exponents, coefficient in poly.terms():
            if coefficient < 0:
                return False
            odd = [place for place, n in enumerate(exponents) if n % 2]
            if any(place not in self.positive for place in odd):
                return False
            never |= all(place in self.positive for place, n in enumerate(exponents) if n)
        return never

    def sign(self, a: _Quotient) -> _Quotient:
        number, parts = self.factors(a)
        result = self.number(1 if number > 0 else -1)
        for poly, n in parts:
            if n % 2:
                result = self.multiply(result, self.sign_of(poly))
        return result

    def primes(self, value: Fraction) -> list[tuple[int, int]]:
        found = []
        for whole, sign in ((value.numerator, 1), (value.denominator, -1)):
            if whole.bit_length() > 64:
                raise _NotProvedError
            found += [(int(p), sign * int(n)) for p, n in fmpz(abs(whole)).factor()]
        return found

    def root(self, p: Any, rate: Fraction) -> _Quotient:
        """|p|^rate for an irreducible polynomial, or for a prime."""
        key = ("root", str(p))
        times = self.fine(key, rate)
        finest = self.finer.get(key, 1)
        inside = self.number(p) if isinstance(p, int) else _Quotient(p, _ONE)
        size = inside if isinstance(p, int) else self.multiply(inside, self.sign_of(p))
        if finest == 1:
            return self.whole_power(size, times)
        place = self.generator(key, positive=True)
        self.relations[place] = finest, size.above
        whole, left = divmod(times, finest)
        return self.multiply(self.whole_power(size, whole), self.whole_power(self.at(place), left))

    def size_power(self, a: _Quotient, rate: Fraction) -> _Quotient:
        """|a|^rate."""
        number, parts = self.factors(a)
        result = self.number(1)
        for p, n in [*self.primes(number), *parts]:
            result = self.multiply(result, self.root(p, n * rate))
        return result

    def log_size(self, a: _Quotient) -> _Quotient:
        """log|a|."""
        number, parts = self.factors(a)
        result = self.number(0)
        for p, n in [*self.primes(number), *parts]:
            result = self.add(result, self.multiply(self.number(n), self.logarithm_of(p)))
        return result

    def logarithm_of(self, p: Any) -> _Quotient:
        """log|p| of a prime or an irreducible polynomial; of an exponential alone its exponent."""
        exponent = None if isinstance(p, int) else self.exponents.get(str(p))
        if exponent is not None:
            return exponent
        place = self.generator(("log", str(p)))
        self.logarithms[place] = p
        return self.at(place)

    def is_positive(self, a: _Quotient) -> None:
        """Note that a quotient is positive wherever the formula is defined."""
        number, parts = self.factors(a)
        odd = [poly for poly, n in parts if n % 2]
        if len(odd) == 1:
            sign = self.sign_of(odd[0])
            if str(sign.above) in {f"g{place}" for place in self.relations}:
                self.facts[int(str(sign.above)[1:])] = 1 if number > 0 else -1

    # Exponentials and angles

    def terms(self, a: _Quotient) -> list[tuple[Fraction, Any]]:
        """A quotient as a sum of rational multiples of quotients with one term above."""
        found = []
        for exponents, coefficient in a.above.terms():
            one = _CONTEXT.from_dict({tuple(exponents): fmpq(1)})
            found.append((Fraction(int(coefficient.p), int(coefficient.q)), self.quotient(one, a.below)))
        return found

    def exp(self, a: _Quotient) -> _Quotient:
        result = self.number(1)
        for rate, one in self.terms(a):
            result = self.multiply(result, self.exponential(rate, one))
        return result

    def exponential(self, rate: Fraction, one: _Quotient) -> _Quotient:
        """e^(rate * one)."""
        for place, p in self.logarithms.items():
            if one == self.at(place):
                return self.root(p, rate)
        key = ("exp", one.key)
        times = self.fine(key, rate)
        place = self.generator(key, positive=True)
        self.exponents[str(_CONTEXT.gen(place))] = self.multiply(one, self.number(Fraction(1, self.finer.get(key, 1))))
        return self.whole_power(self.at(place), times)

    def cosine_sine(self, a: _Quotient) -> tuple[_Quotient, _Quotient]:
        """By the addition theorems."""
        c, s = self.number(1), self.number(0)
        for rate, one in self.terms(a):
            d, t = self.turned(rate, one)
            c, s = (
                self.add(self.multiply(c, d), self.multiply(s, t), -1),
                self.add(self.multiply(s, d), self.multiply(c, t)),
            )
        return c, s

    def turned(self, rate: Fraction, one: _Quotient) -> tuple[_Quotient, _Quotient]:
        """Cosine and sine of rate * one."""
        if one == self.at(self.generator("pi", positive=True)):
            half = Fraction(1, 2)
            if self.near_turn(rate) in _TURNS and self.near_turn(rate - half) in _TURNS:
                return self.cosine_of_turn(rate), self.cosine_of_turn(rate - half)
        key = ("angle", one.key)
        times = self.fine(key, abs(rate))
        c, s = self.circle(key)
        power = self.number(1), self.number(0)
        for _ in range(times):
            power = (
                self.add(self.multiply(power[0], c), self.multiply(power[1], s), -1),
                self.add(self.multiply(power[1], c), self.multiply(power[0], s)),
            )
        return power[0], power[1] if rate > 0 else self.multiply(self.number(-1), power[1])

    def circle(self, key: Any) -> tuple[_Quotient, _Quotient]:
        cosine = self.generator((key, "cos"))
        sine = self.generator((key, "sin"))
        self.relations[sine] = 2, _ONE - _CONTEXT.gen(cosine) ** 2
        return self.at(cosine), self.at(sine)

    @staticmethod
    def near_turn(rate: Fraction) -> Fraction:
        """The angle of [0, 1/2], in half turns, whose cosine is the same but for its sign."""
        inside = rate % 2
        inside = min(inside, 2 - inside)
        return min(inside, 1 - inside)

    def cosine_of_turn(self, rate: Fraction) -> _Quotient:
        inside = rate % 2
        inside = min(inside, 2 - inside)
        factor, under = _TURNS[self.near_turn(rate)]
        size = self.multiply(self.number(factor), self.size_power(self.number(under), Fraction(1, 2)))
        return self.multiply(size, self.number(-1 if inside > Fraction(1, 2) else 1))

    # Formulas

    def arithmetic(self) -> Arithmetic:
        """What a step of a formula is worth."""
        return Arithmetic(
            number=self.number,
            constant=lambda name: self.opaque("pi", positive=True) if name == "pi" else self.exp(self.number(1)),
            variable=lambda name: self.opaque(("variable", name)),
            apply=self.apply,
            unknown=lambda function, u: self.opaque(("unknown", function, u.key)),
        )

    def apply(self, name: str, *arguments: _Quotient) -> _Quotient:
        rule = _RULES.get(name)
        if rule is not None:
            return rule(self, *arguments)
        if name in _ODD and arguments[0].above and arguments[0].above.leading_coefficient() < 0:
            minus = self.multiply(self.number(-1), arguments[0])
            return self.multiply(self.number(-1), self.opaque((name, minus.key)))
        if name in _ODD and not arguments[0].above:
            return self.number(0)
        return self.opaque((name, *(one.key for one in arguments)))


_ODD = frozenset({"atan", "asin", "erf"})


def _constant(a: _Quotient) -> Fraction | None:
    if a.below == _ONE and a.above.is_constant():
        value = a.above.leading_coefficient() if a.above else fmpq(0)
        return Fraction(int(value.p), int(value.q))
    return None


def _power(f: _Field, a: _Quotient, b: _Quotient) -> _Quotient:
    n = _constant(b)
    if n is not None and n.denominator == 1:
        return f.whole_power(a, int(n))
    return f.size_power(a, n) if n is not None else f.exp(f.multiply(b, f.log_size(a)))


def _log(f: _Field, a: _Quotient, base: _Quotient | None = None) -> _Quotient:
    return f.log_size(a) if base is None else f.divide(f.log_size(a), _log(f, base))


def _sqrt(f: _Field, a: _Quotient) -> _Quotient:
    return f.size_power(a, Fraction(1, 2)) if a.above else a


def _cbrt(f: _Field, a: _Quotient) -> _Quotient:
    return f.multiply(f.sign(a), f.size_power(a, Fraction(1, 3))) if a.above else a


def _size(f: _Field, a: _Quotient) -> _Quotient:
    return f.multiply(a, f.sign(a)) if a.above else a


def _above(f: _Field, a: _Quotient) -> _Quotient:
    """1 where a > 0, else 0."""
    return f.multiply(f.number(Fraction(1, 2)), f.add(f.number(1), f.sign(a))) if a.above else f.number(Fraction(1, 2))


def _larger(f: _Field, sign: int, *arguments: _Quotient) -> _Quotient:
    best = arguments[0]
    for one in arguments[1:]:
        half = f.number(Fraction(1, 2))
        best = f.multiply(half, f.add(f.add(best, one), _size(f, f.add(best, one, -1)), sign))
    return best


def _piecewise(f: _Field, *arguments: _Quotient) -> _Quotient:
    pairs = list(zip(arguments[0::2], arguments[1::2], strict=False))
    result = arguments[-1] if len(arguments) % 2 else pairs.pop()[0]
    for value, condition in reversed(pairs):
        result = f.add(f.multiply(condition, value), f.multiply(f.add(f.number(1), condition, -1), result))
    return result


def _hyperbolic(f: _Field, a: _Quotient, sign: int) -> _Quotient:
    e = f.exp(a)
    return f.multiply(f.number(Fraction(1, 2)), f.add(e, f.divide(f.number(1), e), sign))


def _inverse(f: _Field, a: _Quotient) -> _Quotient:
    return f.divide(f.number(1), a)


def _half_turn(f: _Field) -> _Quotient:
    return f.multiply(f.number(Fraction(1, 2)), f.opaque("pi", positive=True))


def _plus(f: _Field, a: _Quotient, n: int) -> _Quotient:
    return f.add(a, f.number(n))


def _of_square(f: _Field, a: _Quotient, n: int) -> _Quotient:
    """log|a + sqrt(a^2 + n)|."""
    return f.log_size(f.add(a, _sqrt(f, _plus(f, f.multiply(a, a), n))))


def _gelu(f: _Field, a: _Quotient) -> _Quotient:
    root = f.size_power(f.number(2), Fraction(1, 2))
    return f.multiply(f.multiply(f.number(Fraction(1, 2)), a), _plus(f, f.apply("erf", f.divide(a, root)), 1))


def _leaky(f: _Field, a: _Quotient, slope: _Quotient | None = None) -> _Quotient:
    low = f.number(Fraction(1, 100)) if slope is None else slope
    above = _above(f, a)
    return f.multiply(a, f.add(above, f.multiply(low, f.add(f.number(1), above, -1))))


def _sum_of_exp(f: _Field, *arguments: _Quotient) -> _Quotient:
    total = f.number(0)
    for one in arguments:
        total = f.add(total, f.exp(one))
    return total


_RULES: Mapping[str, Callable[..., _Quotient]] = {
    "add": lambda f, a, b: f.add(a, b),
    "subtract": lambda f, a, b: f.add(a, b, -1),
    "negate": lambda f, a: f.multiply(f.number(-1), a),
    "multiply": lambda f, a, b: f.multiply(a, b),
    "divide": lambda f, a, b: f.divide(a, b),
    "power": _power,
    "exp": lambda f, a: f.exp(a),
    "expm1": lambda f, a: _plus(f, f.exp(a), -1),
    "log": _log,
    "log1p": lambda f, a: _log(f, _plus(f, a, 1)),
    "log2": lambda f, a: _log(f, a, f.number(2)),
    "log10": lambda f, a: _log(f, a, f.number(10)),
    "sqrt": _sqrt,
    "cbrt": _cbrt,
    "sin": lambda f, a: f.cosine_sine(a)[1],
    "cos": lambda f, a: f.cosine_sine(a)[0],
    "tan": lambda f, a: f.divide(*reversed(f.cosine_sine(a))),
    "cot": lambda f, a: f.divide(*f.cosine_sine(a)),
    "sec": lambda f, a: _inverse(f, f.cosine_sine(a)[0]),
    "csc": lambda f, a: _inverse(f, f.cosine_sine(a)[1]),
    "acos": lambda f, a: f.add(_half_turn(f), f.apply("asin", a), -1),
    "asec": lambda f, a: f.add(_half_turn(f), f.apply("asin", _inverse(f, a)), -1),
    "acsc": lambda f, a: f.apply("asin", _inverse(f, a)),
    "acot": lambda f, a: f.apply("atan", _inverse(f, a)),
    "sinh": lambda f, a: _hyperbolic(f, a, -1),
    "cosh": lambda f, a: _hyperbolic(f, a, 1),
    "tanh": lambda f, a: f.divide(_hyperbolic(f, a, -1), _hyperbolic(f, a, 1)),
    "coth": lambda f, a: f.divide(_hyperbolic(f, a, 1), _hyperbolic(f, a, -1)),
    "sech": lambda f, a: _inverse(f, _hyperbolic(f, a, 1)),
    "csch": lambda f, a: _inverse(f, _hyperbolic(f, a, -1)),
    "asinh": lambda f, a: _of_square(f, a, 1),
    "acosh": lambda f, a: _of_square(f, a, -1),
    "atanh": lambda f, a: f.multiply(
        f.number(Fraction(1, 2)), f.log_size(f.divide(_plus(f, a, 1), f.add(f.number(1), a, -1)))
    ),
    "sigmoid": lambda f, a: f.divide(f.exp(a), _plus(f, f.exp(a), 1)),
    "softplus": lambda f, a: f.log_size(_plus(f, f.exp(a), 1)),
    "softmax": lambda f, *a: f.divide(f.exp(a[0]), _sum_of_exp(f, *a)),
    "logsumexp": lambda f, *a: f.log_size(_sum_of_exp(f, *a)),
    "gelu": _gelu,
    "digamma": lambda f, a: f.opaque(("polygamma", f.number(0).key, a.key)),
    "abs": _size,
    "sign": lambda f, a: f.sign(a) if a.above else a,
    "heaviside": _above,
    "relu": lambda f, a: f.multiply(a, _above(f, a)),
    "leaky_relu": _leaky,
    "max": lambda f, *a: _larger(f, 1, *a),
    "min": lambda f, *a: _larger(f, -1, *a),
    "less": lambda f, a, b: _above(f, f.add(b, a, -1)),
    "less_equal": lambda f, a, b: _above(f, f.add(b, a, -1)),
    "greater": lambda f, a, b: _above(f, f.add(a, b, -1)),
    "greater_equal": lambda f, a, b: _above(f, f.add(a, b, -1)),
    "piecewise": _piecewise,
}
"""Every operation in the generators; what is not here is a generator itself."""


def _positive_logarithm(f: _Field, *arguments: _Quotient) -> None:
    for one in arguments:
        f.is_positive(one)


def _positive_base(f: _Field, a: _Quotient, b: _Quotient) -> None:
    n = _constant(b)
    if n is None or n.denominator != 1:
        f.is_positive(a)


_OF_POSITIVE: Mapping[str, Callable[..., None]] = {
    **dict.fromkeys(("log2", "log10"), lambda f, a: f.is_positive(a)),
    "log": _positive_logarithm,
    "log1p": lambda f, a: f.is_positive(_plus(f, a, 1)),
    "sqrt": lambda f, a: f.is_positive(a) if a.above else None,
    "power": _positive_base,
}
"""What says that an argument is positive wherever it has a value."""


def same(a: Node, b: Node) -> bool:
    """Whether two formulas are proved to be one function."""
    return is_zero(Operation("subtract", (a, b)))
