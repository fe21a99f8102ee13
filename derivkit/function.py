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
from numpy.typing import ArrayLike, NDArray

from derivkit.analytical.bounds import largest_derivatives
from derivkit.analytical.evaluation import float_function, refuse_many_variables, running_error, taylor_series
from derivkit.analytical.exact import exact
from derivkit.analytical.expression import parse
from derivkit.analytical.tree import Expression

Array = NDArray[np.float64]
Domain = tuple[float, float]

EVERYWHERE: Domain = (-math.inf, math.inf)


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
        lo, hi = self.domain
        if not lo < hi:
            raise ValueError(f"{self.name}: a domain is [lo, hi] with lo < hi, not [{lo}, {hi}]")
        if self.expression is not None:
            refuse_many_variables(self.expression)

    @classmethod
    def from_expression(
        cls, text: str | Expression, *, name: str | None = None, domain: Domain | None = None
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
        expression = parse(text) if isinstance(text, str) else text
        label = str(expression)
        return cls(
            name=name or label,
            text=label,
            call=float_function(expression),
            expression=expression,
            domain=domain or EVERYWHERE,
            vectorized=True,
        )

    @classmethod
    def from_callable(
        cls,
        call: Callable[..., Any],
        *,
        name: str,
        expression: str | Expression | None = None,
        domain: Domain | None = None,
    ) -> Function:
        """Somebody's own callable; with an expression its exact derivative is known."""
        known = parse(expression) if isinstance(expression, str) else expression
        return cls(name=name, text=name, call=call, expression=known, domain=domain or EVERYWHERE)

    @classmethod
    def from_black_box(
        cls,
        box: str,
        *,
        name: str | None = None,
        expression: str | Expression | None = None,
        domain: Domain | None = None,
    ) -> Function:
        """A row of BLACK_BOXES; the expression says what it computes.

        Raises
        ------
        ValueError
            If there is no such row.
        """
        if box not in BLACK_BOXES:
            raise ValueError(f"no black box named {box!r}; there are {', '.join(BLACK_BOXES)}")
        known = parse(expression) if isinstance(expression, str) else expression
        row = BLACK_BOXES[box]
        return cls(
            name=name or box,
            text=row.text,
            call=row.call,
            expression=known,
            domain=domain or EVERYWHERE,
            value_error=row.value_error,
            vectorized=True,
        )

    def __call__(self, x: ArrayLike) -> Any:
        """f(x): a float for one number, an array for an array; NaN outside the domain and where f fails."""
        result = Evaluator(self)(np.asarray(x, dtype=np.float64))
        return result if result.ndim else float(result)

    def exact_derivative(self, x: Array, *, order: int = 1) -> Array:
        """The trusted derivative at every x, same shape; NaN where none is known or none exists."""
        if self.expression is None:
            return np.full(np.shape(x), np.nan)
        return np.array([exact(self.expression, float(v), order).value for v in np.ravel(x)]).reshape(np.shape(x))

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
        lo, hi = self.function.domain
        if not self.points:
            raise ValueError(f"{self.function.name} needs at least one point")
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


class Failures:
    """The exceptions of an f, one entry for each type.

    Examples
    --------
    >>> failures = Failures()
    >>> failures.note(ZeroDivisionError("division by zero"), 0.0)
    >>> failures.raised
    (Raised(message='ZeroDivisionError: division by zero', point=0.0, count=1),)
    """

    def __init__(self) -> None:
        self._raised: dict[str, Raised] = {}

    @property
    def raised(self) -> tuple[Raised, ...]:
        """What f raised, by type, in the order of first appearance."""
        return tuple(self._raised.values())

    def note(self, error: Exception, point: float | Array) -> None:
        """Count an exception; the words and the point of the first of its type are kept."""
        kind = type(error).__name__
        first = self._raised.get(kind)
        message = f"{kind}: {' '.join(str(error).split())}".rstrip(": ")
        self._raised[kind] = (
            replace(first, count=first.count + 1) if first else Raised(message=message, point=point, count=1)
        )


class Evaluator:
    """Calls f on arrays, whatever f is, and counts the points.

    f may be vectorised or not. A result of the right shape does not show that it is, since it may mix its entries
    (softmax): on the first call f(array) must equal f(one point) to 4 ulp at two entries; else f is called point by
    point, and asked twice at the first, where it must give the same answer to the bit. Points outside the domain of a
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
    ) -> None:
        own = (f.call, f.domain, f.vectorized) if isinstance(f, Function) else (f, EVERYWHERE, None)
        self._call: Callable[..., Any] = own[0]
        self._domain = own[1] if domain is None else domain
        self._vectorized = own[2] if vectorized is None else vectorized
        self._several = several
        self.total = 0
        self._failures = Failures()

    @property
    def raised(self) -> tuple[Raised, ...]:
        """What f raised at single points, by type, in the order of first appearance."""
        return self._failures.raised

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
        self.total += x.size
        guarded = x.view()
        guarded.flags.writeable = False  # an f that works in place must not move our points
        values = self._values(guarded)
        return values if np.isfinite(values).all() else np.where(np.isfinite(values), values, np.nan)

    def _values(self, x: Array) -> Array:
        if self._vectorized or (self._vectorized is None and x.size > 1):
            found = attempt(self._call, x)
            first = self._vectorized is None
            if first:
                self._vectorized = found is not None and self._proves_vectorized(x, found)
            if self._vectorized and found is not None and self._fits(found, x):
                return found
            if first:
                values = self._one_by_one(x)
                self._refuse_two_answers(x, values)
                return values
        return self._one_by_one(x)

    def _refuse_two_answers(self, x: Array, values: Array) -> None:
        """Ask f again at the first point at which it has a value."""
        rows = values.reshape(x.size, -1)
        known = np.flatnonzero(np.isfinite(rows).all(axis=1))
        if not known.size:
            return
        point = float(x.flat[known[0]])
        once, again = rows[known[0]], np.ravel(self._single(point))
        if not np.array_equal(once, again):
            raise ValueError(
                f"f gives two answers for x = {point!r}: {once.tolist()} and {again.tolist()}; "
                "let it depend on x alone, and fix the seed where it draws random numbers"
            )

    def _fits(self, found: Array, x: Array) -> bool:
        return found.shape == x.shape or (self._several and found.shape[:-1] == x.shape)

    def _proves_vectorized(self, x: Array, found: Array) -> bool:
        if not self._fits(found, x):
            return False
        rows = found.reshape(x.size, -1)
        return all(agree(np.ravel(self._single(float(x.flat[k]))), rows[k]) for k in (0, x.size - 1))

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

    def _single(self, point: float) -> float | Array:
        """f of one number, or of an array of one where f takes nothing else."""
        errors: list[Exception] = []
        value: float | Array = math.nan
        for argument in (point, np.array([point])):
            found = numbers_of(self._call, argument, errors)
            if isinstance(found, float):
                value = found
                break
            if found is not None and (found.size == 1 or self._several):
                value = float(found.reshape(())) if found.size == 1 else found.reshape(-1)
                break
        # 1/x raises for the number 0, and gives infinity for an array of it.
        if errors and not np.all(np.isfinite(value)):
            self._failures.note(errors[0], point)
        return value


def attempt(call: Callable[..., Any], argument: Any, errors: list[Exception] | None = None) -> Array | None:
    """f of the argument as a float64 array, or None where it fails; what it raised is added to ``errors``."""
    with np.errstate(all="ignore"):
        found = numbers_of(call, argument, errors)
    return None if found is None else np.asarray(found)


def numbers_of(call: Callable[..., Any], argument: Any, errors: list[Exception] | None = None) -> float | Array | None:
    """The same without a guard against warnings, and a plain number as it is: for many calls in a row."""
    fault: Exception
    try:
        result = call(argument)
        if isinstance(result, float):
            return result
        found = np.asarray(result)
        if result is not None and not np.iscomplexobj(found):
            return found.astype(np.float64, copy=False)
        fault = TypeError("f gives None; is a return missing?" if result is None else "f gives complex numbers")
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 -- whatever somebody's f raises means that it is not defined there
        fault = error
    if errors is not None:
        errors.append(fault)
    return None


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
