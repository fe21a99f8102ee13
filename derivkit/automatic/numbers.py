"""Automatic differentiation of ordinary NumPy functions: dual numbers and Taylor mode, the chain rule on numbers.

f is called with a number that carries its Taylor series along (:mod:`derivkit.operations.dual`). NumPy hands every
universal function and every routine that meets such a number over to it, so that f itself stays as it is. What would
lose the series on the way (``float(x)``, ``np.asarray(x)``, ``math.sin``) is refused, never answered.

A comparison answers for the point itself, and so follows one branch of f. Where the two sides are equal, the branch may
hold at that point alone (``1 if x == 0 else np.sin(x)/x``) and says nothing of a derivative. There f is called twice
more, for the points just above and just below x, the first coefficient in which the sides differ deciding who is
larger; the derivative is what both agree on.
"""

from __future__ import annotations

import functools
import inspect
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from types import FrameType
from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import ArrayLike

from derivkit.arguments import check_function, described, points_of, shown, unmasked, whole
from derivkit.expressions.evaluation import CONSTANTS, interpret
from derivkit.expressions.tree import Expression
from derivkit.operations.dual import Series, Taylor, total
from derivkit.operations.elementary import FLOATS, OPERATIONS
from derivkit.operations.ufuncs import COMPARISONS, TESTS, rounded_to, rule_of, select, sinc, trunc
from derivkit.types import Array

MAX_ORDER = 170
"""The largest factorial in float64 is 170!."""
MORE = 4
"""Coefficients beyond the order asked for by which a comparison of equal numbers is decided: enough for x^4 > 0; a
constant without a derivation."""
AGREEMENT = 2.0**-44
"""Relative difference at which two sides count as one, for the rounding on the way: 512 units; a constant without a
derivation. A smaller kink is not seen."""

Points = tuple[int, ...]
"""The axes of an array along which the points of x lie, counted from the end: (-1,) for x of shape (n,)."""


class DualError(TypeError):
    """What a dual number cannot go through; the message names the routine and what to do instead."""


@dataclass(frozen=True)
class Dual:
    """The value of f and its derivatives, from one look at f.

    Attributes
    ----------
    value : float or ndarray
        f(x), of x's shape, as NumPy computes it in float64.
    derivatives : tuple of float or ndarray
        f', f'', ... up to the order asked for, shape ``(order,) + x.shape``; a tuple for a scalar x. +-inf where the
        tangent is vertical with one sign (np.sqrt at 0, np.arccosh at 1) or the slope beyond the range of float64, and
        NaN from the next order on; NaN where a derivative does not exist, or where the rules cannot see it (that of
        x*abs(x) at 0 they do not). So do `exact`, `derive` and `derivative`.
    evaluations : int
        How often f was called: once, and twice more where a comparison met equal sides.
    """

    value: Any
    derivatives: Any
    evaluations: int

    @property
    def derivative(self) -> Any:
        """The derivative of the highest order asked for, of x's shape."""
        return self.derivatives[-1]


def dual(f: Callable[[Any], Any], x: ArrayLike, order: int = 1) -> Dual:
    """Value and derivatives of an ordinary NumPy function at every x, exact up to the rounding of f's own steps.

    Parameters
    ----------
    f : callable
        Of one argument, point by point: operators, NumPy's universal functions, np.where, np.select, np.piecewise,
        np.clip, np.sum and the like over axes that hold no points of x; for a scalar x also ``if`` and ``while``.
        Arrays and numbers that it holds broadcast against x.
    x : array_like
        The points, any shape, taken as float64: float32 and integers are converted, and f then computes in float64.
    order : int
        The highest derivative wanted, 1 to 170: all of them come at once.

    Returns
    -------
    Dual
        ``value``, ``derivatives`` and ``evaluations``; Python numbers for a scalar x.

    Raises
    ------
    DualError
        A TypeError: f asks for something that would lose the derivative, or mixes the points of x.
    ValueError
        If the order is not from 1 to 170.

    Notes
    -----
    What is differentiated is the program. Where f loses digits its derivative does too ((1-cos(x))/x**2 near 0, or
    sin(arcsin(x)) at 1, where 6e-17 times infinity is infinite, which 0 times infinity would not be), and an
    f that finds its value by comparisons alone (bisection) is piecewise constant and has the derivative 0.

    Examples
    --------
    >>> import numpy as np
    >>> dual(lambda x: 5 * x**5 + 4 * x**3 - 5, 1.0)
    Dual(value=4.0, derivatives=(37.0,), evaluations=1)
    >>> dual(lambda x: np.where(x > 0, x**2, -x), np.array([3.0, -1.0])).derivative
    array([ 6., -1.])
    >>> dual(np.exp, 0.0, order=4).derivatives
    (1.0, 1.0, 1.0, 1.0)
    >>> dual(lambda x: x if x > 0 else -x, 0.0).derivatives
    (nan,)
    """
    check_function(f, "dk.dual(np.sin, 1.0)")
    order = whole("order", order, 1, MAX_ORDER)
    points = points_of(x)
    with np.errstate(all="ignore"):
        coefficients, evaluations = _expansion(f, points, order)
        found = _until_infinite([c * float(math.factorial(k)) for k, c in enumerate(coefficients)][1:])
        defined = np.isfinite(coefficients[0])
        if not np.all(defined):
            found = [np.where(defined, c, np.nan) for c in found]
    if points.ndim == 0:
        return Dual(float(coefficients[0]), tuple(float(c) for c in found), evaluations)
    return Dual(coefficients[0], np.stack(found), evaluations)


def _until_infinite(derivatives: list[Any]) -> list[Any]:
    """The derivatives up to the first that is infinite, NaN behind it."""
    found, beyond = [], False
    for one in derivatives:
        found.append(np.where(beyond, np.nan, one))
        beyond = beyond | np.isinf(one)
    return found


def _expansion(f: Callable[[Any], Any], x: Array, order: int) -> tuple[list[Any], int]:
    """Taylor's coefficients of f at every x, and the calls of f that they took."""
    here = _Trace(x, order)
    coefficients = here.call(f)
    if not np.any(here.tied):
        return coefficients, 1
    sides = [_Trace(x, order + MORE, side) for side in (1, -1)]
    right, left = (trace.call(f)[: order + 1] for trace in sides)
    agreed = ~(sides[0].undecided | sides[1].undecided) & _close(coefficients[0], right[0])
    joined = [coefficients[0]]
    for k, (a, b) in enumerate(zip(right, left, strict=True)):
        agreed = agreed & _close(a, b)
        if k:
            joined.append(np.where(here.tied, np.where(agreed, a, np.nan), coefficients[k]))
    return joined, 3


def _close(a: Any, b: Any) -> Any:
    return (a == b) | (np.abs(a - b) <= AGREEMENT * np.maximum(np.abs(a), np.abs(b)))


@dataclass
class _Trace:
    """One call of f: the arithmetic, the side from which equal numbers are compared, and what was met on the way."""

    x: Array
    order: int
    side: int = 0
    tied: Any = False
    undecided: Any = False
    refusal: DualError | None = None
    taylor: Taylor = field(init=False)

    def __post_init__(self) -> None:
        self.taylor = Taylor(self.order, FLOATS)

    def call(self, f: Callable[[Any], Any]) -> list[Any]:
        """The coefficients of f, of x's shape each; on a side of x at which f fails, NaN."""
        shape = self.x.shape
        axes = tuple(k - len(shape) for k, n in enumerate(shape) if n != 1)
        argument = _Number(self, [self.x if shape else np.float64(self.x), 1.0], axes)
        try:
            result = f(argument)
        except DualError:
            raise
        except Exception as error:
            if self.refusal is None and self.side:
                return [np.full(shape, np.nan)] * (self.order + 1)
            if isinstance(error, TypeError | AttributeError) and any(name in str(error) for name in NAMES_OF_NUMBER):
                raise self.refusal or DualError(FOREIGN.format(shown(f), described(error))) from None
            raise
        if self.refusal is not None:  # f caught it and went on, with whatever it put in its place
            raise self.refusal
        series = self._result(result, axes)
        return [np.array(np.broadcast_to(c, shape)) for c in series] + [np.zeros(shape)] * (
            self.order + 1 - len(series)
        )

    def _result(self, result: Any, axes: Points) -> Series:
        shape = self.x.shape
        series, points = self.lift(result, "the result of f")
        found = np.shape(series[0])
        if isinstance(result, _Number):
            if points != axes or (found != shape and not np.size(series[0]) == self.x.size == 1):
                raise DualError(SHAPE.format(found, shape))
            return [np.reshape(c, shape) if np.ndim(c) else c for c in series]
        try:
            np.broadcast_to(series[0], shape)
        except ValueError:
            raise DualError(SHAPE.format(found, shape)) from None
        return series

    def lift(self, value: Any, where: Any) -> tuple[Series, Points | None]:
        """The series of a dual number; any other real number or array is a constant, and has no points."""
        if isinstance(value, _Number):
            if value.run is not self:
                self.refuse(
                    f"{_name(where)} meets a number of another call of dk.dual", "ask for order=2 instead of nesting it"
                )
            return value.series, value.points
        if isinstance(value, (list, tuple)) and any(isinstance(v, _Number) for v in value):
            self.refuse(
                f"{_name(where)} meets a {type(value).__name__} of numbers", "use np.stack or one call for each"
            )
        constant = np.asarray("nothing" if value is None else unmasked(value))
        if constant.dtype == object:
            try:
                constant = constant.astype(np.float64)
            except (TypeError, ValueError, OverflowError):
                constant = np.asarray(None)
        if constant.dtype.kind not in "fiub":
            self.refuse(
                f"{_name(where)} meets {shown(value)}", "only real numbers and arrays of them are differentiated"
            )
        constant = constant.astype(np.float64, copy=False)
        return [constant if constant.ndim else np.float64(constant)], None

    def combine(self, name: Any, rule: Callable[..., Series], arguments: Sequence[Any]) -> _Number:
        """A rule on the series of the arguments, as a number whose points lie where theirs do."""
        lifted = [self.lift(a, name) for a in arguments]
        points = self.common([p for _, p in lifted], name)
        series = [s for s, _ in lifted]
        flat = all(a.flat for a in arguments if isinstance(a, _Number))
        if flat:  # constant but for its jumps, whose NaN go on: 0 times NaN is NaN
            jumping = [0.0 * c for s in series for c in s[1:]]
            carried = [total(jumping)] * self.order if jumping else []
            result = _Number(self, [rule(self.taylor, *(s[:1] for s in series))[0], *carried], points)
        else:
            result = _Number(self, rule(self.taylor, *series), points)
        result.flat = flat or name in STEPS
        result.jumps = _jumps(arguments)
        if name in STEPS or name in JUMPS:
            lost = [np.broadcast_to(np.isnan(c), result.shape) for c in result.series[1:]]
            if np.any(lost):
                result.jumps = result.jumps | self._at_points(np.logical_or.reduce(lost), points)
        return result

    def common(self, points: Sequence[Points | None], name: Any) -> Points:
        """The one place where all arguments have the points of x."""
        found = {p for p in points if p is not None}
        if len(found) > 1:
            self.refuse(f"{_name(name)} broadcasts the points of x against each other", PER_POINT)
        return found.pop()

    def compare(self, ufunc: np.ufunc, arguments: Sequence[Any]) -> Any:
        """The comparison at x or, where both sides are equal, just above or below it."""
        (u, p), (v, q) = (self.lift(a, ufunc) for a in arguments)
        points = self.common([p, q], ufunc)
        outcome = ufunc(u[0], v[0])
        jumps = _jumps(arguments)
        if np.any(jumps):  # on one side of the point the value is another
            self.tied, self.undecided = self.tied | jumps, self.undecided | jumps
        tie = u[0] == v[0]
        still = u is v or all(a.flat for a in arguments if isinstance(a, _Number))
        if still or not np.any(tie):
            return outcome
        self.tied = self.tied | self._at_points(tie, points)
        if not self.side:
            return outcome
        sign: Any = 0.0
        for k, c in enumerate(self.taylor.add(u, self.taylor.negate(v))[1:], 1):
            sign = np.where(sign == 0, np.sign(c) * self.side**k, sign)
        self.undecided = self.undecided | self._at_points(tie & (np.abs(sign) != 1), points)
        return np.where(tie, ufunc(sign, 0.0), outcome)[()]

    def _at_points(self, mask: Any, points: Points) -> Any:
        """Where a mask holds for any number that belongs to a point; x's shape."""
        extra = tuple(k for k in range(-np.ndim(mask), 0) if k not in points)
        kept = np.any(mask, axis=extra)
        return np.transpose(kept, np.argsort(np.argsort(points))).reshape(self.x.shape) if points else np.all(kept)

    def refuse(self, what: str, instead: str) -> NoReturn:
        """Raise the one error; kept, in case that f catches it."""
        said = _calling(inspect.currentframe())
        error = DualError(f"dk.dual cannot differentiate this: {what}{f' in `{said}`' if said else ''}; {instead}")
        self.refusal = self.refusal or error
        raise error


NAMES_OF_NUMBER = ("_Number", "number of dk.dual")
"""By which other libraries name a number of dk.dual that they do not take."""
FOREIGN = (
    "dk.dual cannot differentiate {}, which takes no dual numbers ({}); write it with NumPy's functions, or use "
    "dk.derivative"
)
SHAPE = "f returned shape {} for x of shape {}; it must give one value for each point"
PER_POINT = "the points of x must not mix; call dk.dual for each point, or differentiate with dk.difference"
CHOICE = "choose values with np.where, np.select or np.piecewise, not points"
ELEMENTWISE = "write it with operators, NumPy's elementwise functions, np.where or np.sum, or use dk.difference"
NUMBER = "it keeps only the value: use NumPy's functions (np.sin for math.sin, np.floor for int)"
ARRAY = "it keeps only the value: leave it out; use np.stack for np.array([...]), np.where for out[...] = ..."
WRITING = "there is no writing into arrays: make a new one with np.where, np.select or np.stack"


def carries_series(x: object) -> bool:
    """Whether x is a number of dk.dual."""
    return isinstance(x, _Number)


def expression_at(expression: Expression, x: Any) -> Any:
    """An expression of one variable at a number of dk.dual, by the rules of its operations."""

    def apply(name: str, *arguments: Any) -> Any:
        if any(map(carries_series, arguments)):
            return x.run.combine(name, OPERATIONS[name].series, arguments)
        return OPERATIONS[name].value(*arguments)

    return interpret(
        expression, number=np.float64, constant=CONSTANTS.__getitem__, variable=lambda name: x, apply=apply
    )


def _calling(frame: FrameType | None) -> str:
    """The piece of the nearest code outside NumPy and this package that is being executed, as it stands there."""
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] in ("numpy", "derivkit"):
        frame = frame.f_back
    if frame is None:
        return ""
    try:
        found = next(islice(frame.f_code.co_positions(), frame.f_lasti // 2, None))
        first, last, start, end = found
        lines, at = inspect.findsource(frame.f_code)[0], first
        return lines[at - 1].encode()[start:end].decode() if at and first == last else ""
    except (OSError, IndexError, StopIteration, TypeError, UnicodeDecodeError):
        return ""


class _Number(NDArrayOperatorsMixin):
    """What f is called with: an array of Taylor series that behaves as the array of their values."""

    __slots__ = ("flat", "jumps", "points", "run", "series", "shared")

    def __init__(self, run: _Trace, series: Series, points: Points) -> None:
        self.run = run
        self.series = series
        self.points = points
        self.shared = False  # with a view, so that an in-place operation would change both
        self.flat = False  # piecewise constant: numbers that are equal stay equal near the point
        self.jumps: Any = False  # the points of x at which it jumps

    def like(self, series: Series, points: Points) -> _Number:
        """A number made of this one alone, by moving or adding its entries."""
        result = _Number(self.run, series, points)
        result.flat, result.jumps = self.flat, self.jumps
        return result

    # What NumPy asks.

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *arguments: Any, **options: Any) -> Any:
        trace = self.run
        into = options.pop("out", (None,))[0]
        if method == "reduce" and ufunc in REDUCTIONS and into is None:
            return REDUCTIONS[ufunc](*arguments, **{"axis": 0, **options})
        if into is not None and not (isinstance(into, _Number) and into is arguments[0]):
            trace.refuse(f"{_name(ufunc)} writes into an array", WRITING)
        if method != "__call__" or any(v is not None for v in options.values()):
            trace.refuse(
                f"{_name(ufunc)}{'' if method == '__call__' else '.' + method} with {sorted(options)}", ELEMENTWISE
            )
        result = self.applied(ufunc, arguments)
        return result if into is None else into.become(result)

    def applied(self, ufunc: np.ufunc, arguments: Sequence[Any]) -> Any:
        trace = self.run
        if ufunc in COMPARISONS:
            return trace.compare(ufunc, arguments)
        if ufunc in TESTS:
            return ufunc(self.series[0])
        if ufunc in REWRITTEN:
            return REWRITTEN[ufunc](*arguments)
        rule = rule_of(ufunc)
        if rule is None:
            trace.refuse(_name(ufunc), ELEMENTWISE)
        result = trace.combine(ufunc, rule, arguments)
        # The value is NumPy's own, to the bit, however the rule came by it.
        values = (a.series[0] if isinstance(a, _Number) else a for a in arguments)
        if ufunc not in SAME:
            result.series = [ufunc(*values), *result.series[1:]]
        return result

    def __array_function__(self, routine: Any, types: Any, arguments: Any, options: Any) -> Any:
        if routine not in ROUTINES:
            self.run.refuse(_name(routine), ELEMENTWISE)
        try:
            _signature(routine).bind(*arguments, **options)
        except TypeError as error:
            self.run.refuse(f"{_name(routine)}: {error}", ELEMENTWISE)
        return ROUTINES[routine](*arguments, **options)

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        self.run.refuse("a plain array is asked for", ARRAY)

    # What Python asks.

    def __bool__(self) -> bool:
        return bool(self != 0.0)

    def __float__(self) -> NoReturn:
        self.run.refuse("float()", NUMBER)

    def __int__(self) -> NoReturn:
        self.run.refuse("int()", NUMBER)

    def __complex__(self) -> NoReturn:
        self.run.refuse("complex()", NUMBER)

    def __index__(self) -> NoReturn:  # noqa: PLE0305 -- it refuses
        self.run.refuse("an index", NUMBER)

    def __floor__(self) -> Any:
        return np.floor(self)

    def __ceil__(self) -> Any:
        return np.ceil(self)

    def __trunc__(self) -> Any:
        return np.trunc(self)

    def __round__(self, digits: int | None = None) -> Any:
        return np.round(self, digits or 0)

    def __hash__(self) -> NoReturn:  # noqa: PLE0309 -- it refuses
        self.run.refuse("hash(), as of a cache or the key of a dictionary", "call the function without the cache")

    def __len__(self) -> int:
        return len(self.series[0])

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self)))

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        self.run.refuse("an assignment to a part of an array", WRITING)

    def __getitem__(self, key: Any) -> _Number:
        keys = key if isinstance(key, tuple) else (key,)
        if not self.points:
            return self.arranged(lambda c: c[key], ())
        if any(not (k is None or k is Ellipsis or isinstance(k, (int, np.integer, slice))) for k in keys):
            self.run.refuse("a choice of some points of x", CHOICE)
        taken = sum(k is not None and k is not Ellipsis for k in keys)
        rest = (slice(None),) * (self.ndim - taken)
        at = next((n for n, k in enumerate(keys) if k is Ellipsis), len(keys))
        keys = (*keys[:at], *rest, *keys[at + 1 :])
        axes, source = [], iter(range(-self.ndim, 0))
        for k in keys:
            axis = None if k is None else next(source)
            whole = (
                isinstance(k, slice) and axis is not None and k.indices(self.shape[axis]) == (0, self.shape[axis], 1)
            )
            if axis in self.points and not whole:
                self.run.refuse("a choice of some points of x", CHOICE)
            if k is None or isinstance(k, slice):
                axes.append(axis)
        return self.arranged(lambda c: c[keys], tuple(axes.index(p) - len(axes) for p in self.points))

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("__") and hasattr(np.ndarray, name):
            self.run.refuse(f".{name}", f"it is not kept for dual numbers: {ELEMENTWISE}")
        raise AttributeError(f"a number of dk.dual has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"<number of dk.dual, shape {self.shape}>"

    def __format__(self, spec: str) -> str:
        return repr(self)  # no digits: float(f"{x:.3f}") must not read any

    def __copy__(self) -> _Number:
        return self.copy()

    def __deepcopy__(self, memory: Any) -> _Number:
        return self.copy()

    # What f may ask of an array.

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the values."""
        return np.shape(self.series[0])

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many values there are."""
        return math.prod(self.shape)

    @property
    def dtype(self) -> np.dtype[np.float64]:
        """Always float64."""
        return np.dtype(np.float64)

    @property
    def real(self) -> _Number:
        """The number itself."""
        return self

    @property
    def imag(self) -> Any:
        """Zeros."""
        return np.zeros(self.shape)[()]

    @property
    def T(self) -> _Number:  # noqa: N802 -- NumPy's name
        """The axes in reverse order."""
        return self.transpose()

    def transpose(self, *axes: Any) -> _Number:
        """The axes in another order."""
        given = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        wanted = [k % self.ndim for k in (given or reversed(range(self.ndim)))]
        points = tuple(wanted.index(p + self.ndim) - self.ndim for p in self.points)
        return self.arranged(lambda c: np.transpose(c, wanted), points)

    def copy(self) -> _Number:
        """The same number, on its own."""
        return self.like(self.series, self.points)

    def conj(self) -> _Number:
        """The number itself."""
        return self

    conjugate = conj

    def astype(self, dtype: Any) -> _Number:
        """The same number as float64; any other type would drop digits or the derivative."""
        if np.dtype(dtype) != np.float64:
            self.run.refuse(f".astype({np.dtype(dtype)})", "derivatives are computed in float64: leave it out")
        return self.copy()

    def reshape(self, *shape: Any, order: str = "C") -> _Number:
        """Another shape of the same numbers, where no points of x lie in it."""
        wanted = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        probe = np.broadcast_to(0.0, self.shape).reshape(wanted)
        if probe.shape == self.shape:
            return self
        if self.points:
            self.run.refuse("reshape", "it moves the points of x: use x[:, None] or np.expand_dims for a new axis")
        return self.arranged(lambda c: np.reshape(c, wanted, order=order), ())  # type: ignore[call-overload]  # NumPy's own letters

    def ravel(self, order: str = "C") -> _Number:
        """The numbers in a row."""
        return self.reshape(-1, order=order)

    def flatten(self, order: str = "C") -> _Number:
        """The numbers in a row, on their own."""
        return self.ravel(order).copy()

    def clip(self, min: Any = None, max: Any = None) -> Any:  # noqa: A002 -- NumPy's names
        """The numbers held between two bounds."""
        return _clip(self, min, max)

    def round(self, decimals: int = 0) -> _Number:
        """The numbers rounded."""
        return _round(self, decimals)

    def sum(self, axis: Any = None, *, keepdims: bool = False) -> _Number:
        """The sum over axes that hold no points of x."""
        return _sum(self, axis, keepdims=keepdims)

    def mean(self, axis: Any = None, *, keepdims: bool = False) -> _Number:
        """The mean over axes that hold no points of x."""
        return _mean(self, axis, keepdims=keepdims)

    def prod(self, axis: Any = None, *, keepdims: bool = False) -> _Number:
        """The product over axes that hold no points of x."""
        return _prod(self, axis, keepdims=keepdims)

    def max(self, axis: Any = None, *, keepdims: bool = False) -> _Number:
        """The largest over axes that hold no points of x."""
        return _max(self, axis, keepdims=keepdims)

    def min(self, axis: Any = None, *, keepdims: bool = False) -> _Number:
        """The least over axes that hold no points of x."""
        return _min(self, axis, keepdims=keepdims)

    # The workshop.

    def full(self) -> list[Any]:
        """All coefficients in the shape of the values."""
        return [np.broadcast_to(c, self.shape) for c in self.series]

    def arranged(self, change: Callable[[Any], Any], points: Points) -> _Number:
        """The same numbers arranged otherwise; an array shares them with this one."""
        view = self.like([change(c) for c in self.full()], points)
        self.shared = view.shared = True
        return view

    def become(self, result: _Number) -> _Number:
        """``x += 1``: a new number for a scalar, as Python has it; an array changes under all its names, as NumPy's."""
        if self.ndim == 0:
            return result
        if self.shared or result.shape != self.shape:
            self.run.refuse("an in-place operation on an array with views", "write y = y + ... for y += ...")
        self.series, self.flat, self.jumps = result.series, result.flat, result.jumps
        return self

    def over(self, axis: Any, name: str) -> tuple[tuple[int, ...], Callable[[bool], Points]]:
        """The axes of a reduction, counted from the end, and where the points lie after it."""
        n = self.ndim
        given = range(n) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        axes = tuple(operator.index(k) - (n if k >= 0 else 0) for k in given)
        if any(not -n <= k < 0 for k in axes):
            raise np.exceptions.AxisError(f"{name}: there is no axis {axis} in shape {self.shape}")
        if set(axes) & set(self.points):
            self.run.refuse(f"np.{name} over the points of x", PER_POINT)
        left = [k for k in range(-n, 0) if k not in axes]
        return (
            axes,
            lambda keepdims: self.points if keepdims else tuple(left.index(p) - len(left) for p in self.points),
        )

    def linear(self, name: str, axis: Any, *, keepdims: bool) -> _Number:
        axes, after = self.over(axis, name)
        reduce = getattr(np, name)
        return self.like([reduce(c, axis=axes, keepdims=keepdims) for c in self.full()], after(keepdims))

    def folded(self, name: str, rule: Callable[..., Series], axis: Any, *, keepdims: bool) -> _Number:
        """A reduction that is not linear, one number after another; its value is NumPy's."""
        axes, after = self.over(axis, name)
        value = getattr(np, name)(self.full()[0], axis=axes, keepdims=keepdims)
        last = [np.moveaxis(c, axes, range(-len(axes), 0)) for c in self.full()]
        rows = [c.reshape(*c.shape[: c.ndim - len(axes)], -1) for c in last]
        result: Series = [c[..., 0] for c in rows]
        for k in range(1, rows[0].shape[-1]):
            result = rule(self.run.taylor, result, [c[..., k] for c in rows])
        return self.like([value, *(np.reshape(c, value.shape) for c in result[1:])], after(keepdims))


@functools.cache
def _signature(routine: Any) -> inspect.Signature:
    return inspect.signature(ROUTINES[routine])


def _name(routine: Any) -> str:
    """A routine as one writes it: np.linalg.norm."""
    if isinstance(routine, str):
        return routine
    module = getattr(routine, "__module__", None) or ""
    name = getattr(routine, "__name__", str(routine))
    if getattr(np, name, None) is routine:
        return f"np.{name}"
    return f"{module.replace('numpy', 'np', 1)}.{name}" if module else name


def _jumps(values: Sequence[Any]) -> Any:
    """The points of x at which any of these jumps."""
    return functools.reduce(np.logical_or, (v.jumps for v in values if isinstance(v, _Number)))


def _first(values: Sequence[Any]) -> _Number:
    return next(v for v in values if isinstance(v, _Number))


def _truth(condition: Any) -> Any:
    return condition != 0.0 if isinstance(condition, _Number) else condition


def _where(condition: Any, x: Any, y: Any) -> Any:
    chosen = _truth(condition)
    if not isinstance(x, _Number) and not isinstance(y, _Number):
        return np.where(chosen, x, y)
    return _first((x, y)).run.combine("np.where", lambda t, u, v: select(chosen, u, v), (x, y))


def _select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0.0) -> Any:
    result = default
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        result = np.where(_truth(condition), choice, result)
    return result


def _piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Any:
    """Every function sees all points; NumPy shows each only its own."""
    conditions = (
        [np.asarray(c, dtype=bool) for c in condlist] if np.ndim(condlist) or np.size(condlist) > 1 else [condlist]
    )
    if conditions and np.ndim(condlist) == np.ndim(x) and np.ndim(x):
        conditions = [np.asarray(condlist, dtype=bool)]
    if len(funclist) == len(conditions) + 1:
        conditions.append(~np.logical_or.reduce(conditions))
    if len(funclist) != len(conditions):
        raise ValueError(f"np.piecewise: {len(conditions)} conditions need as many functions or one more")
    result: Any = 0.0
    for condition, piece in zip(conditions, funclist, strict=True):
        result = np.where(condition, piece(x, *args, **kw) if callable(piece) else piece, result)
    return result if isinstance(result, _Number) else np.broadcast_to(result, np.shape(x))


def _clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:  # noqa: A002
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    raised = a if low is None else np.maximum(a, low)
    return +raised if high is None else np.minimum(raised, high)


def _round(a: _Number, decimals: int = 0) -> _Number:
    return a.run.combine("np.round", lambda t, u: rounded_to(t, u, decimals), (a,))


def _stack(arrays: Sequence[Any], axis: int = 0) -> _Number:
    arrays = list(arrays)
    trace = _first(arrays).run
    lifted = [trace.lift(a, "np.stack") for a in arrays]
    points = trace.common([p for _, p in lifted], "np.stack")
    shape = np.broadcast_shapes(*{np.shape(s[0]) for s, _ in lifted})
    if any(np.shape(s[0]) != shape for s, _ in lifted):
        raise ValueError("np.stack: all input arrays must have the same shape")
    length = max(len(s) for s, _ in lifted)
    padded = [[*(np.broadcast_to(c, shape) for c in s), *[np.zeros(shape)] * (length - len(s))] for s, _ in lifted]
    behind = axis if axis < 0 else axis - len(shape) - 1
    moved = tuple(p if p > behind else p - (p <= behind) for p in points)
    result = _Number(trace, [np.stack(c, axis=axis) for c in zip(*padded, strict=True)], moved)
    result.flat = all(a.flat for a in arrays if isinstance(a, _Number))
    result.jumps = _jumps(arrays)
    return result


def _expand_dims(a: _Number, axis: int) -> _Number:
    at = axis % (a.ndim + 1)
    return a[(slice(None),) * at + (None, Ellipsis)]


def _broadcast_to(array: _Number, shape: Any) -> _Number:
    return array.arranged(lambda c: np.broadcast_to(c, shape), array.points)


def _sum(a: _Number, axis: Any = None, *, keepdims: bool = False) -> _Number:
    return a.linear("sum", axis, keepdims=keepdims)


def _mean(a: _Number, axis: Any = None, *, keepdims: bool = False) -> _Number:
    return a.linear("mean", axis, keepdims=keepdims)


def _prod(a: _Number, axis: Any = None, *, keepdims: bool = False) -> _Number:
    return a.folded("prod", Taylor.multiply, axis, keepdims=keepdims)


def _max(a: _Number, axis: Any = None, *, keepdims: bool = False) -> _Number:
    return a.folded("max", OPERATIONS["max"].series, axis, keepdims=keepdims)


def _min(a: _Number, axis: Any = None, *, keepdims: bool = False) -> _Number:
    return a.folded("min", OPERATIONS["min"].series, axis, keepdims=keepdims)


def _polyval(p: Any, x: Any) -> Any:
    result: Any = 0.0
    for coefficient in p:
        result = result * x + coefficient
    return result


def _sinc(x: _Number) -> _Number:
    result = x.run.combine("np.sinc", sinc, (x,))
    result.series[0] = np.sinc(x.series[0])
    return result


def _combined(name: str, rule: Callable[..., Series]) -> Callable[..., _Number]:
    return lambda x: x.run.combine(name, rule, (x,))


SAME = frozenset({np.add, np.subtract, np.multiply, np.divide, np.negative, np.square, np.exp, np.log, np.sqrt, np.sin})
"""Universal functions whose rule begins with the very value that NumPy computes."""
STEPS = frozenset({np.sign, np.floor, np.ceil, np.rint, np.trunc, np.floor_divide, np.heaviside, "np.round", "np.fix"})
"""What is piecewise constant; where it jumps it has no derivative."""
JUMPS = frozenset({np.mod, np.fmod, np.copysign, np.arctan2})
"""What jumps otherwise."""
REWRITTEN: dict[np.ufunc, Callable[..., Any]] = {
    np.signbit: lambda x: x < 0.0,
    np.divmod: lambda x, y: (np.floor_divide(x, y), np.mod(x, y)),
    np.modf: lambda x: (x - np.trunc(x), np.trunc(x)),
    np.logical_not: lambda x: np.logical_not(_truth(x)),
    np.logical_and: lambda x, y: np.logical_and(_truth(x), _truth(y)),
    np.logical_or: lambda x, y: np.logical_or(_truth(x), _truth(y)),
    np.logical_xor: lambda x, y: np.logical_xor(_truth(x), _truth(y)),
}
"""Universal functions that are others of them."""
REDUCTIONS = {np.add: _sum, np.multiply: _prod, np.maximum: _max, np.minimum: _min}
ROUTINES: dict[Any, Callable[..., Any]] = {
    np.where: _where,
    np.select: _select,
    np.piecewise: _piecewise,
    np.clip: _clip,
    np.round: _round,
    np.around: _round,
    np.fix: _combined("np.fix", trunc),
    np.sinc: _sinc,
    np.stack: _stack,
    np.expand_dims: _expand_dims,
    np.broadcast_to: _broadcast_to,
    np.transpose: lambda a, axes=None: a.transpose(*(axes or ())),
    np.reshape: lambda a, shape, order="C": a.reshape(shape, order=order),
    np.ravel: lambda a, order="C": a.ravel(order=order),
    np.atleast_1d: lambda a: a if a.ndim else a[None],
    np.copy: lambda a: a.copy(),
    np.real: lambda val: val,
    np.imag: lambda val: val.imag,
    np.shape: lambda a: a.shape,
    np.ndim: lambda a: a.ndim,
    np.size: lambda a: a.size,
    np.iscomplexobj: lambda x: False,
    np.isrealobj: lambda x: True,
    np.zeros_like: lambda a: np.zeros(a.shape),
    np.ones_like: lambda a: np.ones(a.shape),
    np.empty_like: lambda a: np.zeros(a.shape),
    np.full_like: lambda a, fill_value: np.broadcast_to(fill_value, a.shape),
    np.sum: _sum,
    np.mean: _mean,
    np.prod: _prod,
    np.max: _max,
    np.amax: _max,
    np.min: _min,
    np.amin: _min,
    np.polyval: _polyval,
}
"""NumPy's routines that work on numbers of dk.dual; every other is refused."""
