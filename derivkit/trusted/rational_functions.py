"""Rational functions of generators: the field in which `equivalence` proves that two formulas are one function.

Exponentials, logarithms, roots, sines and absolute values are written in a few generators, such as e^x, log|x|, the
cosine of x and the sign of x, with relations between them (sin^2 = 1 - cos^2, sign^2 = 1).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from flint import Ordering, fmpq, fmpq_mpoly_ctx, fmpz

MAX_GENERATORS = 40
MAX_TERMS = 200
"""Terms of a polynomial beyond which a proof is given up; a constant without a derivation."""
MAX_MULTIPLE = 40
"""Largest multiple of an angle, and largest whole power, that is written out; a constant without a derivation."""
MAX_WORK = 400_000
"""Products of terms that a proof may take; a constant without a derivation."""
HALF = Fraction(1, 2)
CONTEXT = fmpq_mpoly_ctx.get(tuple(f"g{k}" for k in range(MAX_GENERATORS)), Ordering.lex)
_ONE, _ZERO = CONTEXT.constant(1), CONTEXT.constant(0)
_TURNS: Mapping[Fraction, tuple[Fraction, int]] = {
    Fraction(0): (Fraction(1), 1),
    Fraction(1, 6): (Fraction(1, 2), 3),
    Fraction(1, 4): (Fraction(1, 2), 2),
    Fraction(1, 3): (Fraction(1, 2), 1),
    Fraction(1, 2): (Fraction(0), 1),
}
"""cos(t pi) = a sqrt(n) for t from 0 to 1/2."""


class NotProvedError(ArithmeticError):
    """The proof is given up."""


class FinerError(ArithmeticError):
    """A generator is needed to a finer root than it was made for: the walk begins again."""


@dataclass(frozen=True)
class RationalFunction:
    """A quotient of polynomials in the generators of a field; it computes with its kind and with rational numbers."""

    field: FunctionField = field(compare=False, repr=False)
    above: Any
    below: Any

    @property
    def key(self) -> tuple[str, str]:
        """A text of it, equal for equal ones."""
        return str(self.above), str(self.below)

    @property
    def constant(self) -> Fraction | None:
        """Its value if it is a rational number."""
        if self.below != _ONE or not self.above.is_constant():
            return None
        return _fraction(self.above.leading_coefficient()) if self.above else Fraction(0)

    def __bool__(self) -> bool:
        return bool(self.above)

    def __add__(self, other: Operand) -> RationalFunction:
        return self.field.total(self, self.field.lifted(other), 1)

    def __radd__(self, other: Operand) -> RationalFunction:
        return self.field.total(self.field.lifted(other), self, 1)

    def __sub__(self, other: Operand) -> RationalFunction:
        return self.field.total(self, self.field.lifted(other), -1)

    def __rsub__(self, other: Operand) -> RationalFunction:
        return self.field.total(self.field.lifted(other), self, -1)

    def __neg__(self) -> RationalFunction:
        return -1 * self

    def __mul__(self, other: Operand) -> RationalFunction:
        b = self.field.lifted(other)
        return self.field.quotient(self.field.times(self.above, b.above), self.field.times(self.below, b.below))

    def __rmul__(self, other: Operand) -> RationalFunction:
        return self.field.lifted(other) * self

    def __truediv__(self, other: Operand) -> RationalFunction:
        b = self.field.lifted(other)
        return self.field.quotient(self.field.times(self.above, b.below), self.field.times(self.below, b.above))

    def __rtruediv__(self, other: Operand) -> RationalFunction:
        return self.field.lifted(other) / self

    def __pow__(self, n: int) -> RationalFunction:
        if abs(n) > MAX_MULTIPLE:
            raise NotProvedError
        power = self.field.number(1)
        for _ in range(abs(n)):
            power = power * self
        return power if n >= 0 else 1 / power


Operand = RationalFunction | Fraction | int


def _fraction(value: Any) -> Fraction:
    return Fraction(int(value.p), int(value.q))


@dataclass
class FunctionField:
    """Rational functions of generators, which are made as they are needed.

    Attributes
    ----------
    finer : dict
        By which whole number the exponent of an exponential, an angle, or the power of a root is divided.
    """

    finer: dict[Any, int]
    generators: dict[Any, int] = field(default_factory=dict)
    relations: dict[int, tuple[int, Any]] = field(default_factory=dict)
    """From a generator g to (n, p) with g^n = p, a polynomial in generators made earlier."""
    exponents: dict[str, RationalFunction] = field(default_factory=dict)
    """From an exponential, as a text, to its exponent."""
    logarithms: dict[int, Any] = field(default_factory=dict)
    """From the generator of log|p| to p, a polynomial or a prime."""
    positive: set[int] = field(default_factory=set)
    facts: dict[int, int] = field(default_factory=dict)
    """Signs that are known wherever the formula is defined."""
    work: int = 0

    # Quotients

    def number(self, value: Fraction | int) -> RationalFunction:
        """A rational number."""
        return RationalFunction(self, CONTEXT.constant(fmpq(value.numerator, value.denominator)), _ONE)

    def lifted(self, value: Operand) -> RationalFunction:
        """A number as a quotient; a quotient as it is."""
        return value if isinstance(value, RationalFunction) else self.number(value)

    def times(self, a: Any, b: Any) -> Any:
        """The product of two polynomials, as long as the work allowed lasts."""
        self.work += len(a) * len(b)
        if self.work > MAX_WORK or len(a) > MAX_TERMS or len(b) > MAX_TERMS:
            raise NotProvedError
        return a * b

    def quotient(self, above: Any, below: Any) -> RationalFunction:
        """In lowest terms, the relations used, the leading coefficient below 1."""
        above, below = self._reduced(above), self._reduced(below)
        if not below:
            raise NotProvedError
        if not above:
            return RationalFunction(self, _ZERO, _ONE)
        common = above.gcd(below)
        above, below = above / common, below / common
        leading = below.leading_coefficient()
        return RationalFunction(self, above / leading, below / leading)

    def _reduced(self, poly: Any) -> Any:
        """The relations used, from the latest generator to the first."""
        for place in sorted(self.relations, reverse=True):
            n, power = self.relations[place]
            if poly.degrees()[place] >= n:
                poly = self._replaced(poly, place, n, power)
        return poly

    def _replaced(self, poly: Any, place: int, n: int, power: Any) -> Any:
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
            total = total + self.times(CONTEXT.from_dict(terms), factor)
        return total

    def total(self, a: RationalFunction, b: RationalFunction, sign: int) -> RationalFunction:
        """The sum of two quotients, or their difference."""
        if a.below == b.below:
            return self.quotient(a.above + sign * b.above, a.below)
        above = self.times(a.above, b.below) + sign * self.times(b.above, a.below)
        return self.quotient(above, self.times(a.below, b.below))

    def vanishes(self, a: RationalFunction) -> bool:
        """Whether it is 0 once the known signs are substituted."""
        above = self._reduced(a.above)
        known = {f"g{place}": sign for place, sign in self.facts.items()}
        return not above or (bool(known) and not self._reduced(above.subs(known)))

    # Generators

    def generator(self, key: Any, *, positive: bool = False) -> int:
        """The place of a generator, made if it is not there."""
        if key not in self.generators:
            if len(self.generators) == MAX_GENERATORS:
                raise NotProvedError
            self.generators[key] = len(self.generators)
            if positive:
                self.positive.add(self.generators[key])
        return self.generators[key]

    def opaque(self, key: Any, *, positive: bool = False) -> RationalFunction:
        """The generator of an expression that is not decomposed further."""
        return self.at(self.generator(key, positive=positive))

    def at(self, place: int) -> RationalFunction:
        """The generator at a place."""
        return RationalFunction(self, CONTEXT.gen(place), _ONE)

    def _fine(self, key: Any, rate: Fraction) -> int:
        """The rate of a generator as a whole multiple of the finest that is needed."""
        finest = self.finer.get(key, 1)
        if finest % rate.denominator:
            self.finer[key] = math.lcm(finest, rate.denominator)
            raise FinerError
        times = rate * finest
        if abs(times) > MAX_MULTIPLE:
            raise NotProvedError
        return int(times)

    # Signs, absolute values and their powers and logarithms

    def _factors(self, a: RationalFunction) -> tuple[Fraction, list[tuple[Any, int]]]:
        """A number and irreducible polynomials with their exponents."""
        number, factors = Fraction(1), []
        for poly, sign in ((a.above, 1), (a.below, -1)):
            if not poly:
                raise NotProvedError
            unit, parts = poly.factor()
            number *= _fraction(unit) ** sign
            factors += [(part, sign * int(n)) for part, n in parts]
        return number, factors

    def _sign_of(self, poly: Any) -> RationalFunction:
        """The sign of an irreducible polynomial: 1 where all that it is made of is positive."""
        if self._surely_positive(poly):
            return self.number(1)
        if self._surely_positive(-poly):
            return self.number(-1)
        place = self.generator(("sign", str(poly)))
        self.relations[place] = 2, _ONE
        return self.at(place)

    def _surely_positive(self, poly: Any) -> bool:
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

    def sign(self, a: RationalFunction) -> RationalFunction:
        """The sign of a quotient that is not 0."""
        number, parts = self._factors(a)
        result = self.number(1 if number > 0 else -1)
        for poly, n in parts:
            if n % 2:
                result = result * self._sign_of(poly)
        return result

    def _primes(self, value: Fraction) -> list[tuple[int, int]]:
        """The primes of a number with their exponents."""
        primes = []
        for whole, sign in ((value.numerator, 1), (value.denominator, -1)):
            if whole.bit_length() > 64:
                raise NotProvedError
            primes += [(int(p), sign * int(n)) for p, n in fmpz(abs(whole)).factor()]
        return primes

    def _root(self, p: Any, rate: Fraction) -> RationalFunction:
        """|p|^rate for an irreducible polynomial, or for a prime."""
        key = ("root", str(p))
        times = self._fine(key, rate)
        finest = self.finer.get(key, 1)
        size = self.number(p) if isinstance(p, int) else RationalFunction(self, p, _ONE) * self._sign_of(p)
        if finest == 1:
            return size**times
        place = self.generator(key, positive=True)
        self.relations[place] = finest, size.above
        whole, rest = divmod(times, finest)
        return size**whole * self.at(place) ** rest

    def size_power(self, a: RationalFunction, rate: Fraction) -> RationalFunction:
        """|a|^rate."""
        number, parts = self._factors(a)
        result = self.number(1)
        for p, n in [*self._primes(number), *parts]:
            result = result * self._root(p, n * rate)
        return result

    def log_size(self, a: RationalFunction) -> RationalFunction:
        """log|a|."""
        number, parts = self._factors(a)
        result = self.number(0)
        for p, n in [*self._primes(number), *parts]:
            result = result + n * self._logarithm_of(p)
        return result

    def _logarithm_of(self, p: Any) -> RationalFunction:
        """log|p| of a prime or an irreducible polynomial; of an exponential alone its exponent."""
        exponent = None if isinstance(p, int) else self.exponents.get(str(p))
        if exponent is not None:
            return exponent
        place = self.generator(("log", str(p)))
        self.logarithms[place] = p
        return self.at(place)

    def assume_positive(self, a: RationalFunction) -> None:
        """Assume that a quotient is positive wherever the formula is defined."""
        number, parts = self._factors(a)
        odd = [poly for poly, n in parts if n % 2]
        if len(odd) == 1:
            sign = self._sign_of(odd[0])
            if str(sign.above) in {f"g{place}" for place in self.relations}:
                self.facts[int(str(sign.above)[1:])] = 1 if number > 0 else -1

    # Exponentials and angles

    def _terms(self, a: RationalFunction) -> list[tuple[Fraction, Any]]:
        """A quotient as a sum of rational multiples of quotients with one term above."""
        terms = []
        for exponents, coefficient in a.above.terms():
            term = CONTEXT.from_dict({tuple(exponents): fmpq(1)})
            terms.append((_fraction(coefficient), self.quotient(term, a.below)))
        return terms

    def exp(self, a: RationalFunction) -> RationalFunction:
        """e^a."""
        result = self.number(1)
        for rate, term in self._terms(a):
            result = result * self._exponential(rate, term)
        return result

    def _exponential(self, rate: Fraction, term: RationalFunction) -> RationalFunction:
        """e^(rate * one)."""
        for place, p in self.logarithms.items():
            if term == self.at(place):
                return self._root(p, rate)
        key = ("exp", term.key)
        times = self._fine(key, rate)
        place = self.generator(key, positive=True)
        self.exponents[str(CONTEXT.gen(place))] = term * Fraction(1, self.finer.get(key, 1))
        return self.at(place) ** times

    def cosine_sine(self, a: RationalFunction) -> tuple[RationalFunction, RationalFunction]:
        """By the addition theorems."""
        c, s = self.number(1), self.number(0)
        for rate, term in self._terms(a):
            d, t = self._turned(rate, term)
            c, s = c * d - s * t, s * d + c * t
        return c, s

    def _turned(self, rate: Fraction, term: RationalFunction) -> tuple[RationalFunction, RationalFunction]:
        """Cosine and sine of rate * one."""
        if term == self.at(self.generator("pi", positive=True)):
            cosine, sine = self._cosine_of_turn(rate), self._cosine_of_turn(rate - HALF)
            if cosine is not None and sine is not None:
                return cosine, sine
        key = ("angle", term.key)
        times = self._fine(key, abs(rate))
        c, s = self._circle(key)
        cosine, sine = self.number(1), self.number(0)
        for _ in range(times):
            cosine, sine = cosine * c - sine * s, sine * c + cosine * s
        return cosine, sine if rate > 0 else -sine

    def _circle(self, key: Any) -> tuple[RationalFunction, RationalFunction]:
        """Cosine and sine as generators."""
        cosine = self.generator((key, "cos"))
        sine = self.generator((key, "sin"))
        self.relations[sine] = 2, _ONE - CONTEXT.gen(cosine) ** 2
        return self.at(cosine), self.at(sine)

    def _cosine_of_turn(self, rate: Fraction) -> RationalFunction | None:
        """The cosine of this many half turns; None if the table does not have it."""
        inside = min(rate % 2, 2 - rate % 2)
        if min(inside, 1 - inside) not in _TURNS:
            return None
        factor, under = _TURNS[min(inside, 1 - inside)]
        size = factor * self.size_power(self.number(under), HALF)
        return -size if inside > HALF else size
