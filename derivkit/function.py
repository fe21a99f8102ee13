"""Functions to differentiate: how they are called, what is known of them, black boxes that no expression describes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from derivkit.arguments import EVERYWHERE, check_callable, interval, numbers, shown
from derivkit.asker import Asker, Calling, SelfDescribing
from derivkit.automatic.dual import carries_series, expression_at
from derivkit.expressions.evaluation import float_function, refuse_many_variables, running_error, taylor_series
from derivkit.expressions.expression import expression_of, parse
from derivkit.expressions.tree import Expression
from derivkit.numerical.adaptive import derivative
from derivkit.numerical.ledger import Ledger
from derivkit.numerical.result import Derivative
from derivkit.presentation import Display
from derivkit.trusted.exact import exact, exact_values
from derivkit.types import Array, Domain, Ends, FunctionLike

VALUES_FOR_DERIVATIVE = 100
"""Most values of costly code for one derivative: a smooth f takes 13, a corner or a jump 60; a choice."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Function(Display, SelfDescribing):
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
        Whether f takes arrays; None where that is to be determined.
    budget : int
        Most values of costly code that its derivative at a point may take.

    Examples
    --------
    >>> root = Function.from_expression("sqrt(x)", domain=(0, None))
    >>> root(4.0), root(-1.0), root.exact_derivative(np.array([4.0])).tolist()
    (2.0, nan, [0.25])
    """

    SHOWN: ClassVar[tuple[str, ...]] = ("name", "expression", "domain")

    name: str
    text: str
    call: Callable[..., Any]
    expression: Expression | None = None
    domain: Domain = EVERYWHERE
    value_error: Callable[[Array], Array] | None = None
    vectorized: bool | None = None
    budget: int = VALUES_FOR_DERIVATIVE

    def __post_init__(self) -> None:
        check_callable(self.call, "dk.Function.from_callable(math.sin, name='sin')")
        object.__setattr__(self, "domain", interval(self.domain))
        if self.expression is not None:
            refuse_many_variables(self.expression)

    @property
    def costly(self) -> bool:
        """Whether f is a user's own code, of which one call may take seconds."""
        return self.vectorized is None

    def calling(self) -> Calling:
        """The callable, its domain, and whether it takes arrays."""
        if isinstance(self.call, Ledger):
            return self.call.calling()._replace(vectorized=True)
        return Calling(self.call, self.domain, self.vectorized)

    @property
    def remembering(self) -> Function:
        """The same function, of which no value is computed twice if it is costly.

        Examples
        --------
        >>> sine = Function.from_callable(math.sin, name="sine").remembering
        >>> sine(1.0) == sine(1.0), sine.call.total
        (True, 1)
        """
        return replace(self, call=Ledger(self)) if self.costly and not isinstance(self.call, Ledger) else self

    @classmethod
    def from_expression(
        cls, text: str | Expression, *, name: str | None = None, domain: Ends | None = None
    ) -> Function:
        """A function from its expression.

        Parameters
        ----------
        text : str or Expression
            In one variable, of any name.
        name : str, optional
            The expression if not given.
        domain : (float, float), optional
            As in :meth:`from_callable`.

        Returns
        -------
        Function

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
        """A function from a callable.

        Parameters
        ----------
        call : callable
            Of one number or of an array.
        name : str
            What tables and figures call it.
        expression : str or Expression, optional
            The mathematics that it computes, by which its exact derivatives are known.
        domain : (float, float), optional
            Where it may be evaluated; None for an end that is not there.
        vectorized : bool, optional
            Whether it takes arrays, where that is known.

        Returns
        -------
        Function

        Raises
        ------
        ParseError
            If the expression is a text that is no formula.
        ValueError
            If the domain is no interval.

        Examples
        --------
        >>> Function.from_callable(math.sin, name="sine", expression="sin(x)").exact_derivative(np.zeros(1)).tolist()
        [1.0]
        """
        return cls(
            name=name,
            text=name,
            call=call,
            expression=None if expression is None else expression_of(expression),
            domain=interval(domain),
            vectorized=vectorized,
        )

    @classmethod
    def from_black_box(
        cls,
        box: str,
        *,
        name: str | None = None,
        expression: str | Expression | None = None,
        domain: Ends | None = None,
    ) -> Function:
        """A function from a row of BLACK_BOXES.

        Parameters
        ----------
        box : str
            The name of the row.
        name : str, optional
            The name of the row if not given.
        expression, domain
            As in :meth:`from_callable`.

        Returns
        -------
        Function

        Raises
        ------
        ValueError
            If there is no such row.
        """
        if box not in BLACK_BOXES:
            raise ValueError(f"no black box named {box!r}; there are {', '.join(BLACK_BOXES)}")
        row = BLACK_BOXES[box]
        f = cls.from_callable(row.call, name=name or box, expression=expression, domain=domain, vectorized=True)
        return replace(f, text=row.text, value_error=row.value_error)

    def __call__(self, x: ArrayLike) -> Any:
        """f(x): a float for one number, an array for an array; NaN outside the domain and where f fails."""
        if carries_series(x):
            return self.call(x) if self.expression is None else expression_at(self.expression, x)
        result = Asker(self)(numbers("x", x))
        return result if result.ndim else float(result)

    def exact_derivative(self, x: Array, *, order: int = 1) -> Array:
        """The trusted derivative at every x.

        Parameters
        ----------
        x : ndarray
            Points, of any shape.
        order : int
            Of the derivative.

        Returns
        -------
        ndarray
            Of x's shape; NaN where none is known or none exists.
        """
        if self.expression is None:
            return np.full(np.shape(x), np.nan)
        return exact_values(self.expression, x, order)

    def derivative(self, x: Array, *, order: int = 1, side: str | None = None) -> Derivative:
        """The derivative with its bar, as values of f tell it; of costly code within its budget.

        Parameters
        ----------
        x : ndarray
            Points, of any shape.
        order : int
            Of the derivative.
        side : str, optional
            ``left`` or ``right``: the derivative of that side alone.

        Returns
        -------
        Derivative

        Examples
        --------
        >>> round(float(Function.from_expression("x^2").derivative(np.array(1.0)).value), 9)
        2.0
        """
        budget = self.budget if self.costly else None
        return derivative(self.remembering, x, order=order, side=side, domain=self.domain, budget=budget)

    def is_random(self, x: float) -> bool:
        """Whether f, costly as it is, gives another value at a second call.

        Parameters
        ----------
        x : float
            The point.

        Returns
        -------
        bool

        Examples
        --------
        >>> values = iter([0.1, 0.2])
        >>> Function.from_callable(lambda x: next(values), name="f").is_random(1.0)
        True
        """
        ask = self.call.asker if isinstance(self.call, Ledger) else Asker(self)
        once, again = float(self(x)), float(ask(np.array([x]))[0])
        return math.isfinite(once) and math.isfinite(again) and once != again

    def reference(self, x: Array, *, order: int = 1) -> tuple[Array, Array]:
        """The derivative by which estimates are judged, and how far off it may be.

        Parameters
        ----------
        x : ndarray
            Points, of any shape.
        order : int
            Of the derivative.

        Returns
        -------
        (ndarray, ndarray)
            Both of x's shape: with an expression the exact derivative and 0; else that of :meth:`derivative` and its
            bar, NaN and infinity where there is none.

        Examples
        --------
        >>> value, bar = Function.from_callable(math.exp, name="exp").reference(np.array(0.0))
        >>> bool(abs(value - 1.0) <= bar < 1e-12)
        True
        """
        if self.expression is not None:
            exact = self.exact_derivative(x, order=order)
            return exact, np.zeros(exact.shape)
        measured = self.derivative(x, order=order)
        known = np.isfinite(measured.value) & np.isfinite(measured.error)
        return np.where(known, measured.value, np.nan), np.where(known, measured.error, np.inf)

    def predicted_value(self, x: Array) -> tuple[Array, Array]:
        """f(x) by its expression, and a bound of |computed f - true f|.

        Parameters
        ----------
        x : ndarray
            Points, of any shape.

        Returns
        -------
        (ndarray, ndarray)
            Both of x's shape; NaN without an expression.
        """
        if self.expression is None:
            return np.full(np.shape(x), np.nan), np.full(np.shape(x), np.nan)
        value, error = running_error(self.expression, x)
        return value, error if self.value_error is None else error + self.value_error(x)

    def length_scale(self, x: float) -> float:
        """The length scale of f at x, from Taylor's coefficients a_1 to a_6.

        Each a_k is compared with every earlier a_j, (|a_j| / |a_k|)^(1/(k-j)) being a distance; the largest over j
        counts, so that a coefficient which happens to vanish there does not, and of these the least over k. 1 where
        nothing is known, or where f is a straight line. In the machine's longer double, whose exponents reach further
        into the tails.

        Parameters
        ----------
        x : float
            The point.

        Returns
        -------
        float
            In the unit of x.
        """
        if self.expression is None:
            return 1.0
        with np.errstate(all="ignore"):
            a = np.abs(taylor_series(self.expression, np.longdouble(x), 6))
            reaches = [max((a[j] / a[k]) ** (1.0 / (k - j)) for j in range(1, k)) for k in range(2, 7) if a[k] > 0.0]
        # a_2 against a_1 alone is a distance to where f' vanishes; it counts where there is no other.
        higher = reaches[1:] if a[2] > 0.0 and len(reaches) > 1 else reaches
        return min((float(r) for r in higher if 0.0 < r < math.inf), default=1.0)


def function_of(f: FunctionLike) -> Function:
    """Whatever stands for a function of one variable as a :class:`Function`: itself, a callable, or a formula.

    Examples
    --------
    >>> function_of("x^2")(3.0), function_of(math.sin).name
    (9.0, 'sin')
    """
    if isinstance(f, Function):
        return f
    if not callable(f):
        return Function.from_expression(expression_of(f))
    return Function.from_callable(f, name=getattr(f, "__name__", "f"))


@dataclass(frozen=True)
class Problem:
    """A function with the points at which it is differentiated, and why it is worth it.

    Attributes
    ----------
    function : Function
    points : tuple of float
        At least one, all in the function's domain.
    reason : str
        What is to be learnt from it.
    source : str
        Where it is printed.

    Raises
    ------
    ValueError
        If a point lies outside the function's domain.

    Examples
    --------
    >>> Problem(Function.from_expression("sqrt(x)", domain=(0, None)), (0.0, 4.0), reason="vertical at 0").points
    (0.0, 4.0)
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


@dataclass(frozen=True)
class BlackBox:
    """A function that no expression describes, with a bound of its distance from the mathematics that it stands for."""

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

    Parameters
    ----------
    text : str
        An expression without variables.

    Returns
    -------
    float

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
