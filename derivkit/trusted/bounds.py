"""The largest size of a derivative on an interval: in closed form where one is known, else the largest of nine samples.

The closed form covers sums of terms c g(a x + b), rational c, a and b, with g in the table ``SHAPES``, and
polynomials. The n-th derivative of such a term is c a^n g^(n)(a x + b), whose largest size is taken at an end of the
interval or at a known extremum; the triangle inequality adds the terms, so that the result is never too small.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np

from derivkit.expressions.evaluation import FLOAT_CONSTANTS, nearest_float, taylor_series
from derivkit.expressions.tree import Expression
from derivkit.operations.elementary import FLOATS
from derivkit.operations.row import UNIT
from derivkit.operations.taylor import Series
from derivkit.trusted.exact import high_precision_series
from derivkit.types import Array, Mask

SAMPLES = 9
"""Samples per interval where no closed form is known; a constant without a derivation."""
INTERVALS = 512
"""Intervals sampled at once: Taylor's coefficients at all samples stay in a core's cache; found by measurement."""
FLAT = 2.0**-6
"""An interval on which the derivative changes by less than this share is sampled at its centre only."""
DISAGREEMENT = 0.01
"""float64 is believed where it agrees with the longer double to this share; a constant without a derivation."""
ROOM = 1e-12
"""Room for the rounding of closed forms: exp of a sum of logarithms, each at most 1500 and right to 2 ulp, errs by
1e-12."""
WORK = 2e8
"""Estimated nanoseconds that an expansion in balls may take, and all samples in balls of one formula together."""
TERMS = 24
"""Terms of an expansion in balls: at a quarter of its radius the rest is below 4^-24."""
LARGEST_DEGREE = 64
"""Polynomials up to this degree are recognised."""

Interval = tuple[Array, Array]


@dataclass(frozen=True)
class Term:
    """coefficient * g(slope * x + shift), g being a row of SHAPES; ``power`` is the exponent of the shape "power"."""

    coefficient: Fraction
    shape: str
    slope: Fraction
    shift: Fraction
    power: Fraction = Fraction(0)


@dataclass(frozen=True)
class Decomposition:
    """A polynomial (coefficients by degree) plus terms: what the closed form knows of an expression."""

    polynomial: tuple[Fraction, ...] = ()
    terms: tuple[Term, ...] = ()


@dataclass(frozen=True, eq=False)
class LargestDerivatives:
    """The largest |f^(n)| on intervals; what depends on their centres alone is computed once for all orders.

    Parameters
    ----------
    expression : Expression
        Of at most one variable.
    centre : ndarray
        A point of each interval; as many dimensions as the ends, and broadcast to them.
    highest : int
        The highest order that is required.

    Examples
    --------
    >>> from derivkit.expressions.expression import parse
    >>> largest = LargestDerivatives(parse("x^3"), np.array([1.0]), 2)
    >>> [round(float(size[0]), 9) for size in largest.on(np.array([0.0]), np.array([2.0]), (1, 2))], largest.proved
    ([12.0, 12.0], True)
    """

    expression: Expression
    centre: Array
    highest: int

    @property
    def proved(self) -> bool:
        """True: upper bounds in closed form. False: the largest of nine samples."""
        return decompose(self.expression) is not None

    def on(self, lo: Array, hi: Array, orders: Sequence[int]) -> list[Array]:
        """The largest |f^(n)| for every order n, in the shape of the ends; NaN where it does not exist at a sample."""
        known = decompose(self.expression)
        if known is None:
            return list(self._sampled(lo, hi, orders))
        images = [_image(term, lo, hi) for term in known.terms]
        return [_in_closed_form(known, order, lo, hi, images) for order in orders]

    def _sampled(self, lo: Array, hi: Array, orders: Sequence[int]) -> Array:
        """The largest of nine samples of |f^(n)| for every order n, along a new first axis.

        One sample where the interval is too short for a change. Where float64 cannot compute the derivatives at the
        centre, the samples come from one Taylor expansion in balls as far as it reaches. Infinite where the samples lie
        on different branches (of abs, max, floor): there is a kink or a jump between them.
        """
        size = np.empty((len(orders), *lo.shape))
        size[:] = self._sizes[list(orders)]
        left = np.ones(lo.shape, dtype=bool)
        if not self._series[1]:
            doubtful = np.any(self._doubtful[list(orders)], axis=0)
            left = doubtful | self._changes(hi - lo, orders)
            for point in np.unique(self.centre[doubtful]):
                reach, derivatives = _expansion(self.expression, orders, float(point))
                near = (self.centre == point) & (np.maximum(point - lo, hi - point) <= reach)
                away = _samples(lo[near], hi[near]) - point
                size[:, near] = [np.max(np.abs(_horner(falling, away)), axis=0) for falling in derivatives]
                left &= ~near
        if np.any(left):
            size[:, left] = _largest_sample(self.expression, orders, _samples(lo[left], hi[left]))
        return size

    @cached_property
    def _series(self) -> tuple[Series, list[Any]]:
        """Taylor's coefficients at the centres, and the branches that piecewise operations took there."""
        branches: list[Any] = []
        return taylor_series(self.expression, self.centre, self.highest + 2, branches=branches), branches

    @cached_property
    def _sizes(self) -> Array:
        """|f^(n)| at the centres for n from 0 to the highest order."""
        return _sizes(self._series[0], range(self.highest + 1))

    @cached_property
    def _doubtful(self) -> Mask:
        """Where these are not to be believed."""
        return _doubtful(self.expression, range(self.highest + 1), self.centre, self._sizes)

    def _changes(self, width: Array, orders: Sequence[int]) -> Mask:
        """Where one of the f^(n) may change by more than FLAT over the width, judged by its next two at the centre."""
        flat = np.ones(width.shape, dtype=bool)
        with np.errstate(over="ignore"):
            for n in orders:
                here, first, second = (math.perm(n + j, n) * np.abs(self._series[0][n + j]) for j in range(3))
                flat &= first * width + second * width**2 < FLAT * here
        return ~flat


def _in_closed_form(known: Decomposition, order: int, lo: Array, hi: Array, images: Sequence[Interval]) -> Array:
    size = _largest_polynomial(known.polynomial, order, lo, hi)
    for term, image in zip(known.terms, images, strict=True):
        size = size + SHAPES[term.shape](term, order, image)
    return np.asarray(np.where(np.isnan(size) & ~np.isnan(lo + hi), np.inf, size))


@functools.lru_cache(maxsize=256)
def decompose(expression: Expression) -> Decomposition | None:
    """The expression as a polynomial plus terms, or None where the closed form does not know it."""
    results: list[Decomposition | None] = []
    for step in expression.program:
        if step.operation == "number":
            results.append(_polynomial([Fraction(step.value)]))  # type: ignore[arg-type]  # a number's value is a Fraction
        elif step.operation == "variable":
            results.append(_polynomial([Fraction(0), Fraction(1)]))
        else:
            arguments = [results[k] for k in step.arguments]
            rule = RULES.get(step.operation)
            complete = rule is not None and bool(arguments) and None not in arguments
            results.append(rule(*arguments) if rule is not None and complete else None)
    return results[-1]


def _polynomial(coefficients: list[Fraction]) -> Decomposition | None:
    while coefficients and coefficients[-1] == 0:
        coefficients = coefficients[:-1]
    return Decomposition(tuple(coefficients)) if len(coefficients) <= LARGEST_DEGREE + 1 else None


def _linear(d: Decomposition) -> tuple[Fraction, Fraction] | None:
    """(slope, shift) of a linear function that is not constant."""
    return (d.polynomial[1], d.polynomial[0]) if not d.terms and len(d.polynomial) == 2 else None


def _constant(d: Decomposition) -> Fraction | None:
    return (d.polynomial or (Fraction(0),))[0] if not d.terms and len(d.polynomial) <= 1 else None


def _scaled(c: Fraction, d: Decomposition) -> Decomposition:
    terms = tuple(replace(term, coefficient=c * term.coefficient) for term in d.terms)
    return Decomposition(tuple(c * a for a in d.polynomial) if c else (), terms if c else ())


def _added(a: Decomposition, b: Decomposition) -> Decomposition | None:
    n = max(len(a.polynomial), len(b.polynomial))
    p, q = (d.polynomial + (Fraction(0),) * (n - len(d.polynomial)) for d in (a, b))
    total = _polynomial([x + y for x, y in zip(p, q, strict=True)])
    return replace(total, terms=a.terms + b.terms) if total is not None else None


def _expanded(d: Decomposition) -> Decomposition | None:
    """The same with whole powers of linear functions multiplied out; None if other terms are left."""
    total: Decomposition | None = Decomposition(d.polynomial)
    for term in d.terms:
        if term.shape != "power" or term.power.denominator != 1 or term.power < 0:
            return None
        product = _polynomial([Fraction(1)])
        for _ in range(int(term.power)):
            product = _multiplied(product, Decomposition((term.shift, term.slope))) if product is not None else None
        if total is not None and product is not None:
            total = _added(total, _scaled(term.coefficient, product))
    return total


def _multiplied(a: Decomposition, b: Decomposition) -> Decomposition | None:
    for c, other in ((_constant(a), b), (_constant(b), a)):
        if c is not None:
            return _scaled(c, other)
    if a.terms or b.terms:
        left, right = _expanded(a), _expanded(b)
        return _multiplied(left, right) if left is not None and right is not None else None
    product = [Fraction(0)] * (len(a.polynomial) + len(b.polynomial) - 1)
    for i, p in enumerate(a.polynomial):
        for j, q in enumerate(b.polynomial):
            product[i + j] += p * q
    return _polynomial(product)


def _divided(a: Decomposition, b: Decomposition) -> Decomposition | None:
    c = _constant(b)
    if c is not None:
        return _scaled(1 / c, a) if c else None
    inverse = _raised(b, Decomposition((Fraction(-1),)))
    return _multiplied(a, inverse) if inverse is not None else None


def _raised(base: Decomposition, exponent: Decomposition) -> Decomposition | None:
    """A power of a linear function stays one term, exact near its root; another whole power is multiplied out."""
    p = _constant(exponent)
    if p is None:
        return None
    argument = _linear(base)
    if argument is not None and (argument[1] or p.denominator != 1 or p < 0) and p not in (0, 1):
        return Decomposition(terms=(Term(Fraction(1), "power", *argument, p),))
    if p.denominator != 1 or not 0 <= p <= LARGEST_DEGREE:
        return None
    result: Decomposition | None = Decomposition((Fraction(1),))
    for _ in range(int(p)):
        result = _multiplied(result, base) if result is not None else None
    return result


def _shape(name: str, power: Fraction = Fraction(0)) -> Callable[[Decomposition], Decomposition | None]:
    def of(argument: Decomposition) -> Decomposition | None:
        linear = _linear(argument)
        return Decomposition(terms=(Term(Fraction(1), name, *linear, power),)) if linear else None

    return of


def _logarithm(argument: Decomposition, base: Decomposition | None = None) -> Decomposition | None:
    """log(u, b) is log(u) / log(b) for a number b; the factor is right to an ulp, which ROOM covers."""
    natural = _shape("log")(argument)
    if base is None or natural is None:
        return natural
    b = _constant(base)
    if b is None or b <= 0:
        return None
    size = math.log1p(nearest_float(b - 1)) if Fraction(1, 4) < b < 4 else _log(b)
    return _scaled(Fraction(1.0 / size), natural) if size else None


RULES: Mapping[str, Callable[..., Decomposition | None]] = MappingProxyType(
    {
        "add": _added,
        "subtract": lambda a, b: _added(a, _scaled(Fraction(-1), b)),
        "negate": lambda a: _scaled(Fraction(-1), a),
        "multiply": _multiplied,
        "divide": _divided,
        "power": _raised,
        "sqrt": _shape("power", Fraction(1, 2)),
        "log": _logarithm,
        **{name: _shape(name) for name in ("exp", "sin", "cos", "sinh", "cosh")},
    }
)


def _image(term: Term, lo: Array, hi: Array) -> Interval:
    """The interval of slope * x + shift, widened by what rounding may have taken from it."""
    slope, shift = nearest_float(term.slope), nearest_float(term.shift)
    ends = [slope * end + shift for end in (lo, hi)]
    slack = 4.0 * UNIT * (np.abs(slope) * np.maximum(np.abs(lo), np.abs(hi)) + abs(shift))
    return np.minimum(*ends) - slack, np.maximum(*ends) + slack


def _log(value: Fraction) -> float:
    """log |value|, whatever its size; -inf for 0."""
    return math.log(abs(value.numerator)) - math.log(value.denominator) if value else -math.inf


def _product(term: Term, order: int, logarithm: Array | float) -> Array:
    """|coefficient * slope^order| * exp(logarithm), one exponential that neither overflows nor underflows on the way.

    The argument, at most about 1500 in size where the result is a float, is rounded by less than ROOM.
    """
    weight = _log(term.coefficient) + order * _log(term.slope)
    return np.asarray(np.exp(weight + logarithm) * (1.0 + ROOM))


def _exponential(term: Term, order: int, image: Interval) -> Array:
    return _product(term, order, image[1])


def _periodic(phase: float) -> Callable[[Term, int, Interval], Array]:
    """|sin(t + phase)|: 1 where the interval holds an extremum (odd multiple of pi/2), else the larger end."""

    def size(term: Term, order: int, image: Interval) -> Array:
        left, right = (end + phase + order * np.pi / 2 for end in image)
        holds = np.floor(right / np.pi - 0.5) > np.floor(left / np.pi - 0.5)
        ends = np.maximum(np.abs(np.sin(left)), np.abs(np.sin(right)))
        # The phase rounds the angle: an extremum that this puts outside is covered by the slack.
        slack = 4.0 * np.finfo(float).eps * (np.abs(left) + np.abs(right) + 1.0)
        return _product(term, order, np.log(np.where(holds, 1.0, np.minimum(ends + slack, 1.0))))

    return size


def _hyperbolic(cosh: int) -> Callable[[Term, int, Interval], Array]:
    """sinh or cosh of the end farther from 0, alternating: cosh where order + ``cosh`` is odd."""

    def size(term: Term, order: int, image: Interval) -> Array:
        far = np.maximum(np.abs(image[0]), np.abs(image[1]))
        # log(cosh t) = t + log((1 + e^-2t) / 2), log(sinh t) the same with a minus
        sign = 1.0 if (order + cosh) % 2 else -1.0
        return _product(term, order, far + np.log1p(sign * np.exp(-2.0 * far)) - math.log(2.0))

    return size


def _powered(term: Term, order: int, image: Interval) -> Array:
    """|d^n t^p| = |p (p-1) ... (p-n+1)| |t|^(p-n): largest at the end nearest to 0 or farthest from it; inf across
    0.
    """
    factor = math.prod((term.power - k for k in range(order)), start=Fraction(1))
    if not factor:
        return np.zeros_like(image[0])
    exponent = float(term.power) - order
    if exponent == 0.0:
        return _product(term, order, np.full_like(image[0], _log(factor)))
    near = np.where(image[0] * image[1] > 0.0, np.minimum(np.abs(image[0]), np.abs(image[1])), 0.0)
    far = np.maximum(np.abs(image[0]), np.abs(image[1]))
    return _product(term, order, _log(factor) + exponent * np.log(near if exponent < 0 else far))


def _logarithmic(term: Term, order: int, image: Interval) -> Array:
    if order == 0:
        size = np.maximum(np.abs(np.log(image[0])), np.abs(np.log(image[1])))
        return np.asarray(size * abs(nearest_float(term.coefficient)) * (1.0 + ROOM))
    inverse = replace(term, coefficient=term.coefficient * term.slope, power=Fraction(-1))
    return _powered(inverse, order - 1, image)


SHAPES: Mapping[str, Callable[[Term, int, Interval], Array]] = MappingProxyType(
    {
        "exp": _exponential,
        "log": _logarithmic,
        "sin": _periodic(0.0),
        "cos": _periodic(np.pi / 2),
        "sinh": _hyperbolic(0),
        "cosh": _hyperbolic(1),
        "power": _powered,
    }
)


def _largest_polynomial(coefficients: tuple[Fraction, ...], order: int, lo: Array, hi: Array) -> Array:
    """sum_k |q^(k)(m)| r^k / k! for the derivative q, from the middle m of the interval with half-width r: never too
    small.

    Horner's rule errs by at most 2n u times the sum of the sizes of its terms (Higham 2002, section 5.1), which is
    added.
    """
    q = [nearest_float(c * math.perm(k, order)) for k, c in enumerate(coefficients)][order:]
    size = np.zeros(lo.shape)
    if not q:
        return size
    middle, half = 0.5 * lo + 0.5 * hi, 0.5 * (hi - lo)
    for k in range(len(q)):
        falling = [math.comb(j, k) * q[j] for j in range(len(q) - 1, k - 1, -1)]
        shifted = _horner(falling, middle)
        terms = _horner([abs(c) for c in falling], np.abs(middle))
        size = size + (np.abs(shifted) + 2 * len(falling) * UNIT * terms) * half**k
    return size


def _horner(falling: Sequence[float], x: Array) -> Array:
    """A polynomial at x, its coefficients given from the highest power down."""
    value = np.zeros_like(x)
    for c in falling:
        value = value * x + c
    return value


def _largest_sample(expression: Expression, orders: Sequence[int], points: Array) -> Array:
    """The largest |f^(n)| over the first axis of the points, every sample on its own: in balls where float64 fails."""
    blocks = (points[:, k : k + INTERVALS] for k in range(0, points.shape[1], INTERVALS))
    parts = zip(*(_in_float64(expression, orders, block) for block in blocks), strict=True)
    sizes, beyond, apart = (np.concatenate(part, axis=-1) for part in parts)
    wrong = _wrong(expression, orders, points, sizes, beyond)
    work = WORK / max(1, int(np.sum(wrong)))
    for index in zip(*np.nonzero(wrong), strict=True):
        series = high_precision_series(expression, float(points[index]), max(orders), work=work)
        sizes[(slice(None), *index)] = [float(abs(series[n])) * math.factorial(n) for n in orders]
    return np.where(apart, np.inf, np.max(sizes, axis=1))


def _in_float64(expression: Expression, orders: Sequence[int], points: Array) -> tuple[Array, Mask, Mask]:
    """|f^(n)| at the points, whether numbers left the range on the way, and whose samples are on several branches."""
    branches: list[Any] = []
    events: list[str] = []
    with np.errstate(over="call", under="call", call=lambda event, _: events.append(event)):
        sizes = _sizes(taylor_series(expression, points, max(orders), branches=branches), orders)
    apart = np.zeros(points.shape[1], dtype=bool)
    for branch in branches:
        apart |= np.ptp(np.broadcast_to(np.asarray(branch, dtype=np.float64), points.shape), axis=0) != 0
    return sizes, np.full_like(apart, bool(events)), apart


def _wrong(expression: Expression, orders: Sequence[int], points: Array, sizes: Array, beyond: Mask) -> Mask:
    """Where the sizes in float64 are not those in the longer double; where not at an end or in the middle, of all.

    Rounding in float32 is 2^29 times as large. What is right there to a percent needs no longer double, which takes ten
    times as long, unless numbers left the range of float64.
    """
    few, wrong = [0, SAMPLES // 2, SAMPLES - 1], np.zeros(points.shape, dtype=bool)
    unlike = _unlike_float32(expression, orders, points[few], sizes[:, few])
    suspect = np.flatnonzero(beyond | np.any(unlike, axis=(0, 1)))
    doubtful = _doubtful(expression, orders, points[few][:, suspect], sizes[:, few][..., suspect])
    suspect = suspect[np.any(doubtful, axis=(0, 1))]
    wrong[:, suspect] = np.any(_doubtful(expression, orders, points[:, suspect], sizes[..., suspect]), axis=0)
    return wrong


def _samples(lo: Array, hi: Array) -> Array:
    """Nine points from end to end of every interval, along a new first axis."""
    share = np.arange(SAMPLES) / (SAMPLES - 1)
    return np.asarray(lo + (hi - lo) * share.reshape(-1, *[1] * lo.ndim))


def _expansion(expression: Expression, orders: Sequence[int], point: float) -> tuple[float, list[list[float]]]:
    """Every f^(n) as a polynomial in x - point, highest power first, and how far these reach.

    That is a quarter of the radius of convergence that the root test shows.
    """
    series = _long_series(expression, point, TERMS * (max(orders) // TERMS + 2))
    derivatives = [[float(series[n + j] * math.perm(n + j, n)) for j in range(TERMS + 1)] for n in orders]
    last = max(abs(c[j]) ** (1.0 / j) for c in derivatives for j in range(TERMS // 2, TERMS + 1))
    return 0.25 / last if last else math.inf, [c[::-1] for c in derivatives]


@functools.lru_cache(maxsize=1024)
def _long_series(expression: Expression, point: float, order: int) -> list[Any]:
    """One expansion for all formulas at a point."""
    return high_precision_series(expression, point, order, work=WORK)


def _sizes(series: Series, orders: Sequence[int]) -> Array:
    """|f^(n)| for every order n from Taylor's coefficients, in their own precision; NaN where f is not defined."""
    sizes = np.stack([np.abs(series[n]) * float(math.factorial(n)) for n in orders])
    sizes[:, np.isnan(series[0])] = np.nan
    return sizes


def _doubtful(expression: Expression, orders: Sequence[int], points: Array, sizes: Array) -> Mask:
    """Where finite sizes in float64 are not those in the longer double of the machine, for every order."""
    if not points.size:
        return np.zeros(sizes.shape, dtype=bool)
    longer = _sizes(taylor_series(expression, points.astype(np.longdouble), max(orders)), orders)
    agree = np.abs(sizes - longer) <= DISAGREEMENT * np.abs(longer)
    return np.asarray(~agree & np.isfinite(sizes))


def _unlike_float32(expression: Expression, orders: Sequence[int], points: Array, sizes: Array) -> Mask:
    """Where sizes in float64 are not those in float32, or these leave its range, for every order."""
    series = taylor_series(expression, points.astype(np.float32), max(orders), numbers=FLOAT32, lift=_in_float32)
    shorter = _sizes(series, orders)
    agree = (np.abs(sizes - shorter) <= DISAGREEMENT * shorter) & (shorter > 0.0) & (shorter < np.inf)
    return np.asarray(~agree | (shorter.dtype != np.float32))  # of an operation that has no float32 nothing is known


def _either_in_float32(condition: Any, a: Any, b: Any) -> Any:
    """A choice, in float32 also between whole numbers."""
    return np.asarray(np.where(condition, a, b), dtype=np.float32)


FLOAT32 = SimpleNamespace(**{**vars(FLOATS), "where": _either_in_float32})
"""The numbers of Taylor series in float32."""


def _in_float32(value: Fraction | str) -> np.float32:
    return np.float32(FLOAT_CONSTANTS[value] if isinstance(value, str) else nearest_float(value))
