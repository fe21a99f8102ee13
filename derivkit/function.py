"""Functions to differentiate: how they are called, what is known of them, and the black boxes that no expression can
say.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from derivkit.arguments import (
    EVERYWHERE,
    NotRealError,
    as_array,
    as_float64,
    check_function,
    described,
    interval,
    numbers,
    shown,
)
from derivkit.automatic.numbers import carries_series, expression_at
from derivkit.expressions.evaluation import float_function, refuse_many_variables, running_error, taylor_series
from derivkit.expressions.expression import expression_of, parse
from derivkit.expressions.tree import Expression
from derivkit.trusted.bounds import largest_derivatives
from derivkit.trusted.exact import exact
from derivkit.types import Array, Domain, Ends

SINGLE_DIGITS = 20
"""So many of the 24 binary digits of a float32 number must be in use before it is taken for one."""
POINTS_LOOKED_AT = 64
"""Of a call: an f that computes in float64 shows it at the first, and one that does not is known from a few."""
SINGLE_VALUES = 4
"""So many such values tell a function that computes in float32 from one whose values are short by chance."""


@dataclass(frozen=True, kw_only=True)
class Function:
    """A function of one variable, and what is known of it.

    Attributes
    ----------
    name : str
    text : str
        What tables show: the expression, or ``module:attribute``, or the name of a black box.
    call : callable
        f itself, of arrays or of single numbers.
    expression : Expression or None
        The mathematics that f computes, from which exact derivatives and predictions come.
    domain : tuple of float
        The closed interval in which f may be evaluated; never left.
    value_error : callable or None
        Bound of |computed f - true f| at x, for a black box that is worse than its expression.
    vectorized : bool or None
        Whether f takes arrays; None if that is to be found out.
    """

    name: str
    text: str
    call: Callable[..., Any]
    expression: Expression | None = None
    domain: Domain = EVERYWHERE
    value_error: Callable[[Array], Array] | None = None
    vectorized: bool | None = None

    def __post_init__(self) -> None:
        check_function(self.call, "dk.Function.from_callable(math.sin, name='sin')")
        object.__setattr__(self, "domain", interval(self.domain))
        if self.expression is not None:
            refuse_many_variables(self.expression)

    @property
    def costly(self) -> bool:
        """Whether it is somebody's own code, of which one call may take seconds."""
        return self.vectorized is None

    @classmethod
    def from_expression(
        cls, text: str | Expression, *, name: str | None = None, domain: Ends | None = None
    ) -> Function:
        """A function from its expression.

        Raises
        ------
        ParseError
            If the text is no expression.
        ValueError
            If it has more than one variable.

        Examples
        --------
        >>> Function.from_expression("x^2")(3.0)
        9.0
        """
        expression = expression_of(text)
        label = str(expression)
        return cls(
            name=name or label,
            text=label,
            call=float_function(expression),
            expression=expression,
            domain=interval(domain),
            vectorized=True,
        )

    @classmethod
    def from_callable(
        cls,
        call: Callable[..., Any],
        *,
        name: str,
        expression: str | Expression | None = None,
        domain: Ends | None = None,
        vectorized: bool | None = None,
    ) -> Function:
        """Somebody's own callable; with an expression its exact derivative is known."""
        known = None if expression is None else expression_of(expression)
        return cls(name=name, text=name, call=call, expression=known, domain=interval(domain), vectorized=vectorized)

    @classmethod
    def from_black_box(
        cls,
        box: str,
        *,
        name: str | None = None,
        expression: str | Expression | None = None,
        domain: Ends | None = None,
    ) -> Function:
        """A row of BLACK_BOXES; the expression says what it computes.

        Raises
        ------
        ValueError
            If there is no such row.
        """
        if box not in BLACK_BOXES:
            raise ValueError(f"no black box named {box!r}; there are {', '.join(BLACK_BOXES)}")
        known = None if expression is None else expression_of(expression)
        row = BLACK_BOXES[box]
        return cls(
            name=name or box,
            text=row.text,
            call=row.call,
            expression=known,
            domain=interval(domain),
            value_error=row.value_error,
            vectorized=True,
        )

    def __call__(self, x: ArrayLike) -> Any:
        """f(x): a float for one number, an array for an array; NaN outside the domain and where f fails."""
        if carries_series(x):
            return self.call(x) if self.expression is None else expression_at(self.expression, x)
        result = Evaluator(self)(numbers("x", x))
        return result if result.ndim else float(result)

    def exact_derivative(self, x: Array, *, order: int = 1) -> Array:
        """The trusted derivative at every x, same shape; NaN where none is known or none exists."""
        if self.expression is None:
            return np.full(np.shape(x), np.nan)
        found = np.array([exact(self.expression, float(v), order).value for v in np.ravel(x)]).reshape(np.shape(x))
        return np.where(np.isfinite(found), found, np.nan)

    def predicted_value(self, x: Array) -> tuple[Array, Array]:
        """f(x) by its expression, and a bound of |computed f - true f|, both of x's shape; NaN without an
        expression.
        """
        if self.expression is None:
            return np.full(np.shape(x), np.nan), np.full(np.shape(x), np.nan)
        value, error = running_error(self.expression, x)
        return value, error if self.value_error is None else error + self.value_error(x)

    def length_scale(self, x: float) -> float:
        """The distance over which f changes its shape at x, from Taylor's coefficients a_1 to a_6.

        Each a_k is compared with every earlier a_j, (|a_j| / |a_k|)^(1/(k-j)) being a distance; the largest over j
        counts, so that a coefficient which happens to vanish there does not, and of these the least over k. 1 where
        nothing is known, or where f is a straight line. In the machine's longer double, whose exponents reach further
        into the tails.
        """
        if self.expression is None:
            return 1.0
        with np.errstate(all="ignore"):
            a = np.abs(taylor_series(self.expression, np.longdouble(x), 6))
            reaches = [max((a[j] / a[k]) ** (1.0 / (k - j)) for j in range(1, k)) for k in range(2, 7) if a[k] > 0.0]
        # a_2 against a_1 alone is a distance to where f' vanishes; it counts where there is no other.
        higher = reaches[1:] if a[2] > 0.0 and len(reaches) > 1 else reaches
        return min((float(r) for r in higher if 0.0 < r < math.inf), default=1.0)

    def largest_derivatives(
        self, orders: Sequence[int], *, centre: Array, lo: Array, hi: Array
    ) -> tuple[list[Array], bool]:
        """The largest |f^(n)| on [lo, hi] for every order n, and whether they are proved; NaN without an expression."""
        if self.expression is None:
            return [np.full(np.shape(lo), np.nan)] * len(orders), False
        return largest_derivatives(self.expression, orders, centre=centre, lo=lo, hi=hi)


@dataclass(frozen=True)
class Problem:
    """A function with the points at which it is differentiated, and why it is worth it.

    Raises
    ------
    ValueError
        If a point lies outside the function's domain.
    """

    function: Function
    points: tuple[float, ...]
    reason: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.function, Function):
            raise TypeError(
                f"function={shown(self.function)}: write a dk.Function, such as Function.from_expression('x')"
            )
        lo, hi = self.function.domain
        if not numbers("points", self.points).size:
            raise ValueError(f"{self.function.name} needs at least one point")
        if not isinstance(self.points, tuple | list):
            raise TypeError(f"points={shown(self.points)}: write them in a row, such as (1.0,)")
        for point in self.points:
            if not lo <= point <= hi:
                raise ValueError(f"x = {point:g} lies outside the domain [{lo:g}, {hi:g}] of {self.function.name}")


@dataclass(frozen=True, kw_only=True)
class Raised:
    """An exception that f raised, and where.

    Attributes
    ----------
    message : str
        Its type and its words, in one line, as at the first point.
    point : float or ndarray
        The first point.
    count : int
        Points at which f raised an exception of this type.
    """

    message: str
    point: float | Array
    count: int

    def __str__(self) -> str:
        return f"{self.message}, first at {self.point!r}"


class Failures:
    """The exceptions of an f, one entry for each type.

    Attributes
    ----------
    remark : str
        What is added to their words.
    grave : bool
        Whether there was one that does not mean that f is not defined there: arithmetic and wrong values mean that.

    Examples
    --------
    >>> failures = Failures()
    >>> failures.note(ZeroDivisionError("division by zero"), 0.0)
    >>> failures.raised
    (Raised(message='ZeroDivisionError: division by zero', point=0.0, count=1),)
    """

    def __init__(self) -> None:
        self._raised: dict[str, Raised] = {}
        self.remark = ""
        self.grave = False

    @property
    def raised(self) -> tuple[Raised, ...]:
        """What f raised, by type, in the order of first appearance."""
        return tuple(replace(entry, message=f"{entry.message}{self.remark}") for entry in self._raised.values())

    def note(self, error: Exception, point: float | Array) -> None:
        """Count an exception; the words and the point of the first of its type are kept."""
        kind = type(error).__name__
        first = self._raised.get(kind)
        self.grave |= not isinstance(error, ArithmeticError | ValueError)
        self._raised[kind] = (
            replace(first, count=first.count + 1) if first else Raised(message=described(error), point=point, count=1)
        )


class Caller:
    """The one way to call f: what it gives becomes float64, NaN where it is masked, and what it raises is kept.

    Attributes
    ----------
    narrow : bool
        Whether f gave numbers of a type with less digits than float64.
    """

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call
        self.narrow = False

    def plain(self, argument: Any, errors: list[Exception]) -> float | Array | None:
        """f of the argument, or None where it fails; without a guard against warnings, for many calls in a row."""
        fault: Exception
        try:
            result = self._call(argument)
            if isinstance(result, float):
                return result
            found = as_array(result)
            self.narrow |= found.dtype.kind == "f" and found.dtype.itemsize < np.float64().itemsize
            return as_float64(found)
        except MemoryError:
            raise
        except NotRealError as error:
            fault = TypeError(
                f"f gives {error}{next(way for start, way in WAYS.items() if str(error).startswith(start))}"
            )
        except Exception as error:  # noqa: BLE001 -- whatever somebody's f raises means that it is not defined there
            fault = error
        errors.append(fault)
        return None

    def __call__(self, argument: Any, errors: list[Exception] | None = None) -> Array | None:
        """f of the argument as an array, or None where it fails; what it raised is added to ``errors``."""
        with np.errstate(all="ignore"):
            found = self.plain(argument, [] if errors is None else errors)
        return None if found is None else np.asarray(found)


WAYS = {
    "None": "; is a return missing?",
    "complex": "; differentiate its parts, lambda x: f(x).real and lambda x: f(x).imag",
    "the text": "; float(...) makes a number of it",
    "": ", where a number is wanted",
}
"""What to write instead of what f gives."""


class Mantissas:
    """Whether all values of f so far have no more binary digits than float32, though their points have.

    Examples
    --------
    >>> digits = Mantissas()
    >>> x = np.linspace(0.1, 0.9, 9)
    >>> digits.see(x, np.sin(x, dtype=np.float32).astype(np.float64))
    >>> digits.float32
    True
    """

    def __init__(self) -> None:
        self._short = True
        self._used = 0

    @property
    def float32(self) -> bool:
        """True if that can be told from chance."""
        return self._short and self._used >= SINGLE_VALUES

    def see(self, x: Array, values: Array) -> None:
        """Look at the first values of a call and the points they belong to, shape ``(k, ...)`` each."""
        if not self._short:
            return
        with np.errstate(all="ignore"):
            rows = x[:POINTS_LOOKED_AT].reshape(min(len(x), POINTS_LOOKED_AT), -1)
            chosen = values[: len(rows)].reshape(len(rows), -1)[(rows != rows.astype(np.float32)).any(axis=1)]
            chosen = chosen[np.isfinite(chosen)]
            self._short = bool(np.all(chosen == chosen.astype(np.float32)))
        digits = np.ldexp(np.frexp(chosen)[0], SINGLE_DIGITS - 1)
        # whole numbers may be short of themselves
        self._used += int(np.count_nonzero((digits != np.rint(digits)) & (chosen != np.rint(chosen))))


class Evaluator:
    """Calls f on arrays, whatever f is, and counts the points.

    f may be vectorised or not. A result of the right shape does not show that it is, since it may mix its entries
    (softmax): on the first call f(array) must equal f(one point) to 4 ulp at two entries, of which one is asked for
    before the array; else f is called point by point, and asked twice at the first, where it must give the same answer
    to the bit, or within its noise where that is known. Points outside the domain of a
    :class:`Function` are not evaluated. An exception, a complex number, NaN or infinity means that f is not defined
    there, and gives NaN.

    Parameters
    ----------
    f : callable
    several : bool
        Whether f may give several numbers for each point: for x of shape ``(n,)`` an array ``(n, m)``.
    domain : tuple of float, optional
        Where f may be asked; that of a :class:`Function` by default.
    vectorized : bool, optional
        Whether f takes arrays, by somebody who knows.
    noise : float
        Standard deviation of its values, likewise: two answers for one point may differ by that much.

    Attributes
    ----------
    total : int
        Points at which f was evaluated, those of the probe apart: two of an f that takes arrays, else one.
    raised : tuple of Raised
        The exceptions of f at single points, one entry for each type.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        *,
        several: bool = False,
        domain: Domain | None = None,
        vectorized: bool | None = None,
        noise: float = 0.0,
    ) -> None:
        own = (f.call, f.domain, f.vectorized) if isinstance(f, Function) else (f, EVERYWHERE, None)
        self._call = Caller(own[0])
        self._domain = own[1] if domain is None else domain
        self._vectorized = own[2] if vectorized is None else vectorized
        self._several = several
        self._noise = noise
        self.total = 0
        self._failures = Failures()
        self._mantissas = Mantissas()
        inner = getattr(f, "evaluator", None)
        self._inner = inner if isinstance(inner, Evaluator) else None

    @property
    def float32(self) -> bool:
        """Whether f computes in float32, or in less, as its values show."""
        return self._call.narrow or self._mantissas.float32 or (self._inner is not None and self._inner.float32)

    @property
    def grave(self) -> bool:
        """Whether f raised what another number would not mend."""
        return self._failures.grave or (self._inner is not None and self._inner.grave)

    @property
    def raised(self) -> tuple[Raised, ...]:
        """What f raised at single points, by type, in the order of first appearance."""
        return self._failures.raised + (self._inner.raised if self._inner else ())

    def refuse_no_function(self, values: Sequence[Array]) -> None:
        """Raise TypeError if f gave no number at all, and raised what another number would not mend."""
        if (self.grave or self._failures.remark) and not any(np.isfinite(row).any() for row in values):
            first = str(self.raised[0])
            raise TypeError(first.removeprefix("TypeError: ") if first.startswith(OWN_FAULT) else f"f raises {first}")

    def __call__(self, x: Array) -> Array:
        """Values of f: shape of x, with one axis more where f gives several numbers for each point.

        Raises
        ------
        TypeError, ValueError
            If f gives no numbers, more of them than it may, or two answers for one point.
        """
        lo, hi = self._domain
        if self._domain != EVERYWHERE:
            inside = (x >= lo) & (x <= hi)
            if not np.all(inside):
                found = self(x[inside]) if np.any(inside) else np.empty(0)
                values = np.full((*x.shape, *found.shape[1:]), np.nan)
                values[inside] = found
                return values
        if x.size == 0:
            return np.empty(x.shape)
        self.total += x.size
        guarded = x.view()
        guarded.flags.writeable = False  # an f that works in place must not move our points
        values = self._values(guarded)
        self._mantissas.see(x.ravel(), values.reshape(x.size, -1))
        return values if np.isfinite(values).all() else np.where(np.isfinite(values), values, np.nan)

    def _values(self, x: Array) -> Array:
        if self._vectorized is None and x.size > 1:
            return self._first_values(x)
        if self._vectorized:
            found = self._call(x)
            if found is not None and self._fits(found, x):
                return found
        return self._one_by_one(x)

    @np.errstate(all="ignore")  # what f sets itself ends here too
    def _first_values(self, x: Array) -> Array:
        """The values at the first points, and whether f takes arrays: it is asked for one number before and after."""
        before = self._single(float(x.flat[0]), probe=True)
        found = self._call(x)
        self._vectorized = found is not None and self._proves_vectorized(x, found, before)
        if self._vectorized and found is not None:
            return found
        values = self._one_by_one(x)
        if np.all(np.isfinite(before)):
            if not np.all(np.isfinite(values.reshape(x.size, -1)[0])):
                self._failures.remark = SPOILT
            else:
                self._refuse_two_answers(x, values, 0, before)
        else:
            known = np.flatnonzero(np.isfinite(values.reshape(x.size, -1)).all(axis=1))
            if known.size:
                self._refuse_two_answers(x, values, int(known[0]), self._single(float(x.flat[known[0]]), probe=True))
        return values

    def _refuse_two_answers(self, x: Array, values: Array, k: int, again: float | Array) -> None:
        """Compare the values at one of the points with those of another call."""
        once, other = values.reshape(x.size, -1)[k], np.ravel(again)
        if once.shape == other.shape and np.all((once == other) | (np.abs(once - other) <= APART * self._noise)):
            return
        both = f"{shown(once.tolist())} and {shown(other.tolist())}"
        two = f"f gives two answers for x = {float(x.flat[k])!r}: {both}"
        if self._noise:
            raise ValueError(f"{two}, farther apart than noise={self._noise!r} explains; write its standard deviation")
        raise ValueError(
            f"{two}; let it depend on x alone, and fix the seed where it draws random numbers, or write their standard "
            "deviation, noise=..., in dk.derivative; vectorized=False is for an f that takes no arrays and keeps "
            "something between its calls"
        )

    def _fits(self, found: Array, x: Array) -> bool:
        return found.shape == x.shape or (self._several and found.shape[:-1] == x.shape)

    def _proves_vectorized(self, x: Array, found: Array, before: float | Array) -> bool:
        if not self._fits(found, x):
            return False
        rows = found.reshape(x.size, -1)
        return agree(np.ravel(before), rows[0]) and agree(
            np.ravel(self._single(float(x.flat[-1]), probe=True)), rows[-1]
        )

    def _one_by_one(self, x: Array) -> Array:
        with np.errstate(all="ignore"):
            singles = [self._single(point) for point in x.ravel().tolist()]
        width = max(map(np.shape, singles))
        values = np.full((len(singles), *width), np.nan)
        for row, single in enumerate(singles):
            # where f has no value, it has none of its numbers
            if np.shape(single) != width and np.all(np.isfinite(single)):
                numbers, point = np.size(single), float(x.flat[row])
                raise ValueError(f"f gives {numbers} numbers at x = {point!r}, and {width[0]} elsewhere; give as many")
            values[row] = single
        return values.reshape((*x.shape, *width))

    def _single(self, point: float, *, probe: bool = False) -> float | Array:
        """f of one number, or of an array of one where f takes nothing else; a probe counts no exceptions."""
        errors: list[Exception] = []
        value: float | Array = math.nan
        for argument in (point, np.array([point])):
            found = self._call.plain(argument, errors)
            if isinstance(found, float):
                value = found
                break
            if found is not None and (found.size == 1 or (found.size and self._several)):
                value = float(found.reshape(())) if found.size == 1 else found.reshape(-1)
                break
            if found is not None:
                errors.append(TypeError(f"f gives {found.size or 'no'} numbers where one is wanted; {SEVERAL}"))
        # 1/x raises for the number 0, and gives infinity for an array of it.
        if errors and not probe and not np.all(np.isfinite(value)):
            self._failures.note(errors[0], point)
        return value


APART = 10.0
"""Two answers of an f with noise lie no farther apart than so many times its standard deviation."""
FLOAT32 = (
    "f computes in float32 or a shorter type, with 7 digits at most: let it compute in float64, as with "
    "torch.as_tensor(x, dtype=torch.float64)."
)
SPOILT = (
    "; f gave a number before it was tried with an array, and none after: if it keeps something between its calls, "
    "write vectorized=False"
)
OWN_FAULT = "TypeError: f gives "
"""How the words of a fault begin that nobody raised: f gives what is no number."""
SEVERAL = "dk.derivative and dk.jacobian differentiate functions of several values"


def agree(a: ArrayLike, b: ArrayLike) -> bool:
    """Whether every entry of two arrays is within 4 ulp, or in both not a number.

    Examples
    --------
    >>> agree([1.0, math.nan], [1.0 + 2.0**-50, math.nan]), agree(1.0, 1.0 + 2.0**-49)
    (True, False)
    """
    p, q = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    with np.errstate(all="ignore"):
        near = np.abs(p - q) <= 4.0 * np.spacing(np.maximum(np.abs(p), np.abs(q)))
    return bool(np.all(near | (np.isnan(p) & np.isnan(q))))


@dataclass(frozen=True)
class BlackBox:
    """A function that no expression can say, with a bound of its distance from the mathematics that it stands for."""

    text: str
    call: Callable[[Array], Array]
    value_error: Callable[[Array], Array]


TABLE_KNOTS = np.linspace(-20.0, 20.0, 4001)
SOLVER_TOLERANCE = 1e-6
NOISE_LEVEL = 1e-8


def uniform_noise(x: Array) -> Array:
    """Noise in [-1, 1) that is a function of the bits of x: splitmix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    z = np.ascontiguousarray(x, dtype=np.float64).view(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(((z ^ (z >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1.0)


def sin_in_float32(x: Array) -> Array:
    """The sine, computed inside in float32."""
    return np.sin(np.asarray(x).astype(np.float32)).astype(np.float64)


def sin_with_noise(x: Array) -> Array:
    """The sine with relative noise, the same at the same x."""
    values = np.asarray(x, dtype=np.float64)
    return np.sin(values) * (1.0 + NOISE_LEVEL * uniform_noise(values).reshape(values.shape))


def sin_from_table(x: Array) -> Array:
    """The sine by linear interpolation between the knots of a table."""
    return np.interp(x, TABLE_KNOTS, np.sin(TABLE_KNOTS))


def sqrt_by_bisection(x: Array) -> Array:
    """The square root by bisection on [0, max(1, x)], stopped when the bracket is shorter than the tolerance."""
    values = np.asarray(x, dtype=np.float64)
    low, high = np.zeros_like(values), np.maximum(values, 1.0)
    while np.any(active := (high - low > SOLVER_TOLERANCE) & (np.nextafter(low, high) < high) & np.isfinite(high)):
        middle = 0.5 * (low + high)
        below = middle * middle < values
        low, high = np.where(active & below, middle, low), np.where(active & ~below, middle, high)
    return np.where(values >= 0.0, 0.5 * (low + high), np.nan)


BLACK_BOXES: Mapping[str, BlackBox] = MappingProxyType(
    {
        # Rounding x to float32 moves the sine by at most u32 |x|; its own rounding there is at most 2 ulp of float32.
        "sin_float32": BlackBox(
            "sin(x) in float32", sin_in_float32, lambda x: 2.0**-24 * np.abs(x) + 2.0**-22 * np.abs(np.sin(x))
        ),
        "sin_noise": BlackBox("sin(x)*(1+1e-8*noise)", sin_with_noise, lambda x: NOISE_LEVEL * np.abs(np.sin(x))),
        # The error of linear interpolation is at most spacing^2 / 8 * max|f''|, as far as the table goes.
        "sin_table": BlackBox(
            "sin(x) from a table", sin_from_table, lambda x: np.where(np.abs(x) <= 20.0, 0.01**2 / 8, np.inf)
        ),
        "sqrt_bisection": BlackBox(
            "sqrt(x) by bisection to 1e-6",
            sqrt_by_bisection,
            lambda x: SOLVER_TOLERANCE / 2 + np.spacing(np.sqrt(np.abs(x))),
        ),
    }
)


def constant(text: str) -> float:
    """The value of a constant expression such as ``pi/2``, rounded correctly.

    Raises
    ------
    ParseError
        If the text is no expression.
    ValueError
        If it has a variable, or no real value.

    Examples
    --------
    >>> constant("pi/2")
    1.5707963267948966
    """
    expression = parse(text)
    if expression.variables:
        raise ValueError(
            f"{text!r} must be a number or a constant such as pi/2; it has the variable {expression.variables[0]}"
        )
    value = exact(expression, 0.0, 0).value
    if not math.isfinite(value):
        raise ValueError(f"{text!r} has no finite real value")
    return value
