"""Numbers that carry their own error: rationals while they are short, else balls of Arb, for Taylor mode.

A ball is a midpoint with a radius that bounds every error made so far (F. Johansson, "Arb: efficient
arbitrary-precision midpoint-radius interval arithmetic", IEEE Transactions on Computers 66, 2017). What stays rational
is not rounded at all, so that a tie or a zero among rationals is proved. A comparison that overlapping balls leave open
is a :class:`Doubt`, never silently False.

Three things are told apart: a number; a number that this precision leaves undecided (a ball without bounds); and no
number (``UNDEFINED``), which is proved: log of a ball below 0, a division by an exact 0, the slope at a kink exactly
hit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

from flint import acb, arb, ctx, fmpq, fmpz

from derivkit.operations.elementary import ELEMENTARY
from derivkit.operations.formulas import Meaning, Region, worked_out
from derivkit.operations.row import Elementary
from derivkit.operations.taylor import Series, Taylor

MAX_RATIONAL_BITS = 512
"""Bits of numerator or denominator up to which a number stays rational: nine doubles multiplied; a constant without a
derivation, as longer ones cost more than balls."""
MAX_ROOT_DEGREE = 64
"""Roots up to this degree are tried exactly."""


LARGEST_INTEGER = arb((1, 64))
"""Balls beyond are no integers here: what is asked for an integer is an exponent or an order."""
HALF = arb(0.5)
MIN_POLYGAMMA_ARGUMENT = -1000
"""Arguments below are left undecided: Arb goes to the positive ones step by step, and gives up at -1e10."""


class UndecidedError(ArithmeticError):
    """A decision that this precision leaves open."""


class ExhaustedError(ArithmeticError):
    """The work allowed is done."""


class Doubt:
    """A comparison that is neither True nor False, in Kleene's logic.

    ``UNDECIDED`` has no truth value at this precision: to ask for it raises UndecidedError. ``SENSELESS`` compares what
    is no number and counts as False, as a comparison with NaN does. ``UNDECIDED & SENSELESS`` stays open: that two
    branches differ, as one is no number, proves nothing where it is open whether they meet.
    """

    __slots__ = ()

    def __bool__(self) -> bool:
        if self is SENSELESS:
            return False
        raise UndecidedError

    def __and__(self, other: bool | Doubt) -> bool | Doubt:
        return False if other is False else UNDECIDED if UNDECIDED in (self, other) else SENSELESS

    def __or__(self, other: bool | Doubt) -> bool | Doubt:
        return True if other is True else SENSELESS if SENSELESS in (self, other) else UNDECIDED

    def __invert__(self) -> Doubt:
        return self

    __rand__, __ror__ = __and__, __or__


UNDECIDED, SENSELESS = Doubt(), Doubt()


class Ball:
    """A rational, an Arb ball, or no number (None).

    Examples
    --------
    >>> third = Ball(fmpq(1, 3))
    >>> third + third + third == 1
    True
    >>> Ball(fmpq(1)) / 0 is UNDEFINED
    True
    """

    __slots__ = ("number",)
    __hash__ = None  # type: ignore[assignment]  # two balls that overlap are neither equal nor not

    def __init__(self, number: fmpq | arb | None) -> None:
        self.number = number

    def __add__(self, other: Any) -> Ball:
        a, b = self.number, _plain(other)
        return UNDEFINED if a is None or b is None else _bounded(a + b)

    def __sub__(self, other: Any) -> Ball:
        a, b = self.number, _plain(other)
        return UNDEFINED if a is None or b is None else _bounded(a - b)

    def __rsub__(self, other: Any) -> Ball:
        a, b = self.number, _plain(other)
        return UNDEFINED if a is None or b is None else _bounded(b - a)

    def __mul__(self, other: Any) -> Ball:
        a, b = self.number, _plain(other)
        return UNDEFINED if a is None or b is None else _bounded(a * b)

    __radd__, __rmul__ = __add__, __mul__

    def __truediv__(self, other: Any) -> Ball:
        return _quotient(self.number, _plain(other))

    def __rtruediv__(self, other: Any) -> Ball:
        return _quotient(_plain(other), self.number)

    def __neg__(self) -> Ball:
        return UNDEFINED if self.number is None else Ball(-self.number)

    def __abs__(self) -> Ball:
        return UNDEFINED if self.number is None else Ball(size_of(self.number))

    def __pow__(self, exponent: int) -> Ball:
        product: Ball = Ball(fmpq(1))
        for _ in range(abs(exponent)):
            product = product * self
        return product if exponent >= 0 else 1 / product

    def __int__(self) -> int:
        """The integer of a rational towards 0; of a ball the one nearest to its middle: the one it holds, if any."""
        number = self.number
        if isinstance(number, fmpq):
            return math.trunc(Fraction(int(number.p), int(number.q)))
        if number is None or not abs(number) < LARGEST_INTEGER:
            raise UndecidedError
        # Arb aborts the process when it is to find the integer in a ball of a very large or very small exponent.
        whole = (number.mid() + HALF).mid().floor().unique_fmpz()
        if whole is None:
            raise UndecidedError
        return int(whole)

    def __bool__(self) -> bool:
        return bool(self != 0)

    def __lt__(self, other: Any) -> bool | Doubt:
        return _ordered(self, other, lambda a, b: a < b, lambda a, b: a >= b, same=False)

    def __le__(self, other: Any) -> bool | Doubt:
        return _ordered(self, other, lambda a, b: a <= b, lambda a, b: a > b, same=True)

    def __gt__(self, other: Any) -> bool | Doubt:
        return _ordered(self, other, lambda a, b: a > b, lambda a, b: a <= b, same=False)

    def __ge__(self, other: Any) -> bool | Doubt:
        return _ordered(self, other, lambda a, b: a >= b, lambda a, b: a < b, same=True)

    def __eq__(self, other: object) -> bool | Doubt:  # type: ignore[override]  # may be in doubt
        return _ordered(self, other, lambda a, b: a == b, lambda a, b: a != b, same=True)

    def __ne__(self, other: object) -> bool | Doubt:  # type: ignore[override]  # may be in doubt
        return _ordered(self, other, lambda a, b: a != b, lambda a, b: a == b, same=False)

    def __repr__(self) -> str:
        return f"Ball({self.number})"


UNDEFINED = Ball(None)
"""No number, proved."""


NAN = arb("nan")
"""A ball without bounds: undecided."""


def precision(bits: int) -> AbstractContextManager[Any]:
    """The precision of all balls inside a with statement."""
    return ctx.workprec(bits)


def lifted(value: Fraction | float) -> Ball:
    """A rational or a finite float as a number."""
    return _bounded(fmpq(*value.as_integer_ratio()))


def cumulative(series: Series, order: int) -> list[Ball]:
    """The coefficients 0..order as balls; after one that does not exist none does, after an open one none is known.

    The derivative of log at -1 is not -1: there is no log to be differentiated.
    """
    balls = [c if c.__class__ is Ball else Ball(fmpq(c)) for c in series]
    balls += [Ball(fmpq(0))] * (order + 1 - len(balls))
    for k, ball in enumerate(balls):
        if ball.number is None:
            return balls[:k] + [UNDEFINED] * (order + 1 - k)
        if not is_finite(ball.number):
            # What is proved to be no number stays so.
            rest = [UNDEFINED if later.number is None else Ball(NAN) for later in balls[k:]]
            return balls[:k] + rest
    return balls


def is_finite(number: fmpq | arb) -> bool:
    """Whether anything is known of a number."""
    return isinstance(number, fmpq) or bool(number.is_finite())


def as_arb(number: fmpq | arb | int) -> arb:
    """A number as a ball of the current precision."""
    return number if isinstance(number, arb) else arb(number)


def size_of(number: fmpq | arb) -> fmpq | arb:
    """|number|."""
    return cast("fmpq | arb", abs(number))


def _plain(other: Any) -> Any:
    """The number inside, or of a Python number."""
    if other.__class__ is Ball:
        return other.number
    if isinstance(other, int):
        return other
    if isinstance(other, float):
        return fmpq(*other.as_integer_ratio()) if math.isfinite(other) else None
    if isinstance(other, Fraction):
        return fmpq(other.numerator, other.denominator)
    raise TypeError(f"{other!r} is no number that a ball can be joined with")


def _bounded(number: fmpq | arb) -> Ball:
    if number.__class__ is fmpq and number.height_bits() > MAX_RATIONAL_BITS:
        return Ball(arb(number))
    return Ball(number)


def _quotient(a: Any, b: Any) -> Ball:
    if a is None or b is None or (b == 0):  # True for a number that is exactly 0 only
        return UNDEFINED
    if a.__class__ is int and b.__class__ is int:
        return Ball(fmpq(a, b))
    return _bounded(a / b)


def _ordered(
    first: Ball,
    second: Any,
    holds: Callable[[Any, Any], bool],
    fails: Callable[[Any, Any], bool],
    *,
    same: bool,
) -> bool | Doubt:
    """A comparison of Arb is True where it is certain, so it is certainly False where its opposite is True."""
    a, b = first.number, _plain(second)
    if a is None or b is None:
        return SENSELESS
    if a is b:  # one number, be it known to the last digit or not
        return same if is_finite(a) else UNDECIDED
    if isinstance(a, arb) or isinstance(b, arb):
        a, b = as_arb(a), as_arb(b)
        return True if holds(a, b) else False if fails(a, b) else UNDECIDED
    return bool(holds(a, b))


def where(condition: Any, a: Any, b: Any) -> Any:
    """A choice between two numbers; while the condition is open, a ball that holds both."""
    if condition is SENSELESS:
        return UNDEFINED
    if condition is not UNDECIDED:
        return a if condition else b
    first, second = _plain(a), _plain(b)
    if first is None or second is None:
        return Ball(NAN)
    return a if first is second else Ball(as_arb(first).union(as_arb(second)))


def nonnegative(a: Ball) -> bool:
    """Whether a >= 0, guessed where it is open: for formulas that hold on either side of 0."""
    number = a.number
    return number is not None and bool((number if isinstance(number, fmpq) else number.mid()) >= 0)


def _sign(a: Ball) -> Ball:
    if a.number is None:
        return UNDEFINED
    if isinstance(a.number, fmpq):
        return Ball(fmpq((a.number > 0) - (a.number < 0)))
    return Ball(a.number.sgn())


def _floor(a: Ball) -> Ball:
    number = a.number
    if number is None:
        return UNDEFINED
    return Ball(fmpq(number.floor()) if isinstance(number, fmpq) else number.floor())


def _exact_root(number: Any, degree: int) -> fmpq | None:
    """The root of a rational that is one; None otherwise."""
    if not isinstance(number, fmpq) or number < 0 or not 1 <= degree <= MAX_ROOT_DEGREE:
        return None
    p, q = (part.root(degree) for part in (fmpz(number.p), fmpz(number.q)))
    return fmpq(p, q) if p**degree == number.p and q**degree == number.q else None


def _square_root(a: Ball) -> Ball:
    number = a.number
    if number is None or number < 0:
        return UNDEFINED
    root = _exact_root(number, 2)
    return Ball(as_arb(number).sqrt() if root is None else root)


def _cube_root(a: Ball) -> Ball:
    number = a.number
    if number is None:
        return UNDEFINED
    if number < 0:
        return -_cube_root(-a)
    root = _exact_root(number, 3)
    if root is not None:
        return Ball(root)
    if number > 0:
        return Ball(as_arb(number).root(3))
    ball = as_arb(number)
    if not ball.is_finite():
        return a
    return Ball((-(-ball.lower()).root(3)).union(ball.upper().root(3)))  # monotone, across 0


def _power(a: Ball, b: Ball) -> Ball:
    """a^b as a real number: of a negative a for an integer b only."""
    base, exponent = a.number, b.number
    if base is None or exponent is None:
        return UNDEFINED
    whole = isinstance(exponent, fmpq) and exponent.q == 1
    if base == 0:
        return UNDEFINED if exponent < 0 else Ball(fmpq(0)) if exponent > 0 else Ball(NAN)
    if base < 0 and not whole:
        open_question = isinstance(exponent, arb) and exponent.contains_integer()
        return Ball(NAN) if open_question else UNDEFINED
    if isinstance(exponent, fmpq) and not whole and abs(exponent.p) <= MAX_ROOT_DEGREE:
        root = _exact_root(base, int(exponent.q))
        if root is not None:
            return _bounded(root ** int(exponent.p))
    return Ball(as_arb(base) ** as_arb(exponent))


def _pole(a: arb) -> bool:
    """Whether a is exactly 0, -1, -2, ..."""
    return bool(a.is_integer()) and bool(a <= 0)


BROKEN: dict[str, Callable[[arb, fmpq], bool]] = {
    ">": lambda a, b: a <= b,
    ">=": lambda a, b: a < b,
    "<": lambda a, b: a >= b,
    "<=": lambda a, b: a > b,
    "≠": lambda a, b: a == b,
    "is not 0, -1, -2, ...": lambda a, _: _pole(a),
}
"""When the relation of a region is certainly broken."""
IN_BALLS = Meaning(
    number=arb,
    pi=arb.pi,
    apply=lambda name, *numbers: abs(*numbers) if name == "abs" else getattr(arb, name)(*numbers),
)


def _outside(defined: Region, a: arb) -> bool:
    """Whether a is certainly not in a region."""
    right = fmpq(defined.right.numerator, defined.right.denominator)
    return bool(BROKEN[defined.relation](worked_out(defined.left, a, IN_BALLS), right))


GUARD = 64
"""Bits beyond those of an argument that a function of it is computed with: more would not make the result narrower."""


class Numbers:
    """The functions of one number at a precision, for :class:`derivkit.operations.taylor.Taylor`.

    Every call is charged to the work that is left: what it took when measured, in nanoseconds, so that the same call
    ends at the same place on any machine.

    Parameters
    ----------
    work : float
        Estimated nanoseconds until ExhaustedError.
    """

    nan = UNDEFINED
    where = staticmethod(where)
    sign = staticmethod(_sign)
    floor = staticmethod(_floor)
    nonnegative = staticmethod(nonnegative)

    def __init__(self, work: float) -> None:
        self.work = work
        self.at(64)

    def at(self, bits: int) -> Numbers:
        """The same, charging for this precision from now on."""
        self.bits = bits
        self.call = 300.0 + 0.25 * bits**1.5
        self.product = 500.0 + 0.1 * bits
        return self

    def spend(self, nanoseconds: float) -> None:
        """Take from the work that is left."""
        self.work -= nanoseconds
        if self.work < 0.0:
            raise ExhaustedError

    def spend_on(self, name: str) -> None:
        """Take what a call of a function costs."""
        row = ELEMENTARY[name]
        self.spend(row.overhead + row.cost * self.bits**2 if row.cost else self.call)

    def lift(self, value: Fraction | str) -> Ball:
        """A rational, or the number pi or e."""
        if isinstance(value, str):
            return Ball(arb.pi() if value == "pi" else arb.const_e())
        return lifted(value)

    def sqrt(self, a: Ball) -> Ball:
        """The square root."""
        self.spend(self.call)
        return _square_root(a)

    def cbrt(self, a: Ball) -> Ball:
        """The real cube root."""
        self.spend(self.call)
        return _cube_root(a)

    def power(self, a: Ball, b: Ball) -> Ball:
        """a^b."""
        self.spend(self.call)
        return _power(a, b)

    def heaviside(self, a: Ball) -> Ball:
        """0 below 0, 1 above, and 1/2 between."""
        return (_sign(a) + 1) / 2

    def polygamma(self, n: Ball | int, a: Ball) -> Ball:
        """The n-th derivative of digamma."""
        order = int(n)
        if order == 0:
            return self.digamma(a)
        self.spend_on("polygamma")
        if a.number is None or _pole(as_arb(a.number)):
            return UNDEFINED
        if not as_arb(a.number) > MIN_POLYGAMMA_ARGUMENT:
            return Ball(NAN)
        with precision(_useful_bits(as_arb(a.number))):
            return Ball(acb(as_arb(a.number)).polygamma(acb(order)).real)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Callable[[Ball], Ball]: ...


def _useful_bits(number: arb) -> int:
    """The precision in use, or as much of it as the argument itself has."""
    return min(ctx.prec, max(0, number.rel_accuracy_bits()) + GUARD)


def _function(row: Elementary) -> Callable[[Numbers, Ball], Ball]:
    """Arb's function of that name as a method of the numbers."""
    method, defined = getattr(arb, row.name), row.defined

    def of(self: Numbers, a: Ball) -> Ball:
        self.spend_on(row.name)
        if a.number is None:
            return UNDEFINED
        number = as_arb(a.number)
        with precision(_useful_bits(number)) if row.guarded else nullcontext():
            result = method(number)
        return (
            UNDEFINED if not result.is_finite() and defined is not None and _outside(defined, number) else Ball(result)
        )

    return of


for _row in ELEMENTARY.values():
    if hasattr(arb, _row.name) and not hasattr(Numbers, _row.name):
        setattr(Numbers, _row.name, _function(_row))


class Charged(Taylor):
    """Taylor arithmetic that tells the cost of its recurrences, so that a tower of powers or of sines ends."""

    def charge(self, u: Series, times: int) -> None:
        """Charge for this many sums over the coefficients of u, for every coefficient of the result."""
        if len(u) > 1:
            self.numbers.spend(self.numbers.product * times * min(len(u), self.order + 1) * (self.order + 1))

    def divide(self, u: Series, v: Series) -> Series:
        """u / v."""
        self.charge(v, 1)
        return super().divide(u, v)

    def integrate(self, y0: Any, w: Series, u: Series) -> Series:
        """The series y with y' = w u'."""
        self.charge(u, 1)
        return super().integrate(y0, w, u)

    def riccati(self, y0: Any, u: Series, a: int, b: int, c: int) -> Series:
        """The series y with y' = (a + b y + c y^2) u'."""
        self.charge(u, 2)
        return super().riccati(y0, u, a, b, c)

    def sine_cosine(self, u: Series, s0: Any, c0: Any, sign: int) -> tuple[Series, Series]:
        """Sine and cosine, or the hyperbolic ones."""
        self.charge(u, 2)
        return super().sine_cosine(u, s0, c0, sign)

    def multiply(self, u: Series, v: Series) -> Series:
        """The Cauchy product."""
        self.numbers.spend(self.numbers.product * min(len(u), self.order + 1) * min(len(v), self.order + 1))
        return super().multiply(u, v)

    def fixed_power(self, u: Series, exponent: Any, y0: Any) -> Series:
        """u^a by Euler's recurrence."""
        self.numbers.spend(self.numbers.product * 4 * min(len(u), self.order + 1) * (self.order + 1))
        return super().fixed_power(u, exponent, y0)
