"""Numbers that carry their Taylor series (:mod:`derivkit.operations.taylor`) and behave as arrays of their values.

NumPy hands every universal function and every routine that meets such a number over to it. What would lose the series
on the way (``float(x)``, ``np.asarray(x)``, ``math.sin``) is refused, never answered.
"""

from __future__ import annotations

import functools
import inspect
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from derivkit.arguments import described, shown, unmasked
from derivkit.automatic.refusals import (
    ARRAY,
    CHOICE,
    ELEMENTWISE,
    FOREIGN,
    NAMES_OF_NUMBER,
    NUMBER,
    PER_POINT,
    SHAPE,
    WRITING,
    DualError,
    calling,
    name_of,
)
from derivkit.operations.elementary import FLOATS
from derivkit.operations.taylor import Series, Taylor, total
from derivkit.operations.ufuncs import COMPARISONS, TESTS, rule_of
from derivkit.types import Array

Points = tuple[int, ...]
"""The axes of an array along which the points of x lie, counted from the end: (-1,) for x of shape (n,)."""
SAME = frozenset({np.add, np.subtract, np.multiply, np.divide, np.negative, np.square, np.exp, np.log, np.sqrt, np.sin})
"""Universal functions whose rule begins with the very value that NumPy computes."""
STEPS = frozenset({np.sign, np.floor, np.ceil, np.rint, np.trunc, np.floor_divide, np.heaviside, "np.round", "np.fix"})
"""What is piecewise constant; where it jumps it has no derivative."""
JUMPS = frozenset({np.mod, np.fmod, np.copysign, np.arctan2})
"""What jumps otherwise."""


@dataclass(frozen=True)
class Dispatch:
    """What NumPy's functions are on such numbers.

    Attributes
    ----------
    routines : mapping
        NumPy's routines; every other is refused.
    reductions : mapping
        The reductions of universal functions.
    rewritten : mapping
        Universal functions that are others of them.
    """

    routines: Mapping[Any, Callable[..., Any]]
    reductions: Mapping[np.ufunc, Callable[..., Any]]
    rewritten: Mapping[np.ufunc, Callable[..., Any]]


@dataclass
class Trace:
    """One call of f: the arithmetic, the side from which equal numbers are compared, and what was met on the way."""

    x: Array
    order: int
    numpy: Dispatch
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
        argument = DualNumber(self, [self.x if shape else np.float64(self.x), 1.0], axes)
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
        series = [np.array(np.broadcast_to(c, shape)) for c in self._result(result, axes)]
        return series + [np.zeros(shape)] * (self.order + 1 - len(series))

    def _result(self, result: Any, axes: Points) -> Series:
        """The series of what f returns, each coefficient of x's shape or one for all points."""
        shape = self.x.shape
        series, points = self.lift(result, "the result of f")
        returned = np.shape(series[0])
        if isinstance(result, DualNumber):
            if points != axes or (returned != shape and not np.size(series[0]) == self.x.size == 1):
                raise DualError(SHAPE.format(returned, shape))
            return [np.reshape(c, shape) if np.ndim(c) else c for c in series]
        try:
            np.broadcast_to(series[0], shape)
        except ValueError:
            raise DualError(SHAPE.format(returned, shape)) from None
        return series

    def lift(self, value: Any, where: Any) -> tuple[Series, Points | None]:
        """The series of a dual number; any other real number or array is a constant, and has no points."""
        if isinstance(value, DualNumber):
            if value.run is not self:
                self.refuse(
                    f"{name_of(where)} meets a number of another call of dk.dual",
                    "ask for order=2 instead of nesting it",
                )
            return value.series, value.points
        if isinstance(value, (list, tuple)) and any(isinstance(v, DualNumber) for v in value):
            self.refuse(
                f"{name_of(where)} meets a {type(value).__name__} of numbers", "use np.stack or one call for each"
            )
        constant = constant_of(value)
        if constant is None:
            self.refuse(
                f"{name_of(where)} meets {shown(value)}", "only real numbers and arrays of them are differentiated"
            )
        return [constant if constant.ndim else np.float64(constant)], None

    def combine(self, name: Any, rule: Callable[..., Series], arguments: Sequence[Any]) -> DualNumber:
        """A rule on the series of the arguments, as a number whose points lie where theirs do."""
        lifted = [self.lift(a, name) for a in arguments]
        points = self.common([p for _, p in lifted], name)
        series = [s for s, _ in lifted]
        flat = all(a.flat for a in arguments if isinstance(a, DualNumber))
        if flat:  # constant but for its jumps, whose NaN go on: 0 times NaN is NaN
            jumping = [0.0 * c for s in series for c in s[1:]]
            carried = [total(jumping)] * self.order if jumping else []
            result = DualNumber(self, [rule(self.taylor, *(s[:1] for s in series))[0], *carried], points)
        else:
            result = DualNumber(self, rule(self.taylor, *series), points)
        result.flat = flat or name in STEPS
        result.jumps = jumps_of(arguments)
        if name in STEPS or name in JUMPS:
            lost = [np.broadcast_to(np.isnan(c), result.shape) for c in result.series[1:]]
            if np.any(lost):
                result.jumps = result.jumps | self._at_points(np.logical_or.reduce(lost), points)
        return result

    def common(self, points: Sequence[Points | None], name: Any) -> Points:
        """The one place where all arguments have the points of x."""
        places = {p for p in points if p is not None}
        if len(places) > 1:
            self.refuse(f"{name_of(name)} broadcasts the points of x against each other", PER_POINT)
        return places.pop()

    def compare(self, ufunc: np.ufunc, arguments: Sequence[Any]) -> Any:
        """The comparison at x or, where both sides are equal, just above or below it."""
        (u, p), (v, q) = (self.lift(a, ufunc) for a in arguments)
        points = self.common([p, q], ufunc)
        outcome = ufunc(u[0], v[0])
        jumps = jumps_of(arguments)
        if np.any(jumps):  # on one side of the point the value is another
            self.tied, self.undecided = self.tied | jumps, self.undecided | jumps
        tie = u[0] == v[0]
        still = u is v or all(a.flat for a in arguments if isinstance(a, DualNumber))
        if still or not np.any(tie):
            return outcome
        self.tied = self.tied | self._at_points(tie, points)
        if not self.side:
            return outcome
        sign = self._sign_beside(u, v)
        self.undecided = self.undecided | self._at_points(tie & (np.abs(sign) != 1), points)
        return np.where(tie, ufunc(sign, 0.0), outcome)[()]

    def _sign_beside(self, u: Series, v: Series) -> Any:
        """The sign of u - v just beside x, by the first coefficient in which they differ; 0 if there is none."""
        sign: Any = 0.0
        for k, c in enumerate(self.taylor.add(u, self.taylor.negate(v))[1:], 1):
            sign = np.where(sign == 0, np.sign(c) * self.side**k, sign)
        return sign

    def _at_points(self, mask: Any, points: Points) -> Any:
        """Where a mask holds for any number that belongs to a point; x's shape."""
        extra = tuple(k for k in range(-np.ndim(mask), 0) if k not in points)
        any_entry = np.any(mask, axis=extra)
        if not points:
            return np.all(any_entry)
        return np.transpose(any_entry, np.argsort(np.argsort(points))).reshape(self.x.shape)

    def refuse(self, what: str, instead: str) -> NoReturn:
        """Raise the one error; stored, in case that f catches it."""
        code = calling(inspect.currentframe())
        error = DualError(f"dk.dual cannot differentiate this: {what}{f' in `{code}`' if code else ''}; {instead}")
        self.refusal = self.refusal or error
        raise error


class DualNumber(NDArrayOperatorsMixin):
    """What f is called with: an array of Taylor series that behaves as the array of their values."""

    __slots__ = ("flat", "jumps", "points", "run", "series", "shared")

    def __init__(self, run: Trace, series: Series, points: Points) -> None:
        self.run = run
        self.series = series
        self.points = points
        self.shared = False  # with a view, so that an in-place operation would change both
        self.flat = False  # piecewise constant: numbers that are equal stay equal near the point
        self.jumps: Any = False  # the points of x at which it jumps

    def like(self, series: Series, points: Points) -> DualNumber:
        """A number made of this one alone, by moving or adding its entries."""
        result = DualNumber(self.run, series, points)
        result.flat, result.jumps = self.flat, self.jumps
        return result

    # NumPy's protocol

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *arguments: Any, **options: Any) -> Any:
        trace = self.run
        into = options.pop("out", (None,))[0]
        if method == "reduce" and ufunc in trace.numpy.reductions and into is None:
            return trace.numpy.reductions[ufunc](*arguments, **{"axis": 0, **options})
        if into is not None and not (isinstance(into, DualNumber) and into is arguments[0]):
            trace.refuse(f"{name_of(ufunc)} writes into an array", WRITING)
        if method != "__call__" or any(v is not None for v in options.values()):
            trace.refuse(
                f"{name_of(ufunc)}{'' if method == '__call__' else '.' + method} with {sorted(options)}", ELEMENTWISE
            )
        result = self.applied(ufunc, arguments)
        return result if into is None else into.become(result)

    def applied(self, ufunc: np.ufunc, arguments: Sequence[Any]) -> Any:
        """A universal function of these arguments; its value is NumPy's own, to the bit."""
        trace = self.run
        if ufunc in COMPARISONS:
            return trace.compare(ufunc, arguments)
        if ufunc in TESTS:
            return ufunc(self.series[0])
        if ufunc in trace.numpy.rewritten:
            return trace.numpy.rewritten[ufunc](*arguments)
        rule = rule_of(ufunc)
        if rule is None:
            trace.refuse(name_of(ufunc), ELEMENTWISE)
        result = trace.combine(ufunc, rule, arguments)
        values = (a.series[0] if isinstance(a, DualNumber) else a for a in arguments)
        if ufunc not in SAME:
            result.series = [ufunc(*values), *result.series[1:]]
        return result

    def __array_function__(self, routine: Any, types: Any, arguments: Any, options: Any) -> Any:
        routines = self.run.numpy.routines
        if routine not in routines:
            self.run.refuse(name_of(routine), ELEMENTWISE)
        try:
            _signature(routines[routine]).bind(*arguments, **options)
        except TypeError as error:
            self.run.refuse(f"{name_of(routine)}: {error}", ELEMENTWISE)
        return routines[routine](*arguments, **options)

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        self.run.refuse("a plain array is asked for", ARRAY)

    # Python's protocol

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

    def __getitem__(self, key: Any) -> DualNumber:
        keys = key if isinstance(key, tuple) else (key,)
        if not self.points:
            return self.arranged(lambda c: c[key], ())
        if any(not (k is None or k is Ellipsis or isinstance(k, (int, np.integer, slice))) for k in keys):
            self.run.refuse("a choice of some points of x", CHOICE)
        keys = self._spelled_out(keys)
        axes, source = [], iter(range(-self.ndim, 0))
        for k in keys:
            axis = None if k is None else next(source)
            if axis is not None and axis in self.points and not _is_whole(k, self.shape[axis]):
                self.run.refuse("a choice of some points of x", CHOICE)
            if k is None or isinstance(k, slice):
                axes.append(axis)
        return self.arranged(lambda c: c[keys], tuple(axes.index(p) - len(axes) for p in self.points))

    def _spelled_out(self, keys: tuple[Any, ...]) -> tuple[Any, ...]:
        """An index with a key for every axis, the ellipsis written out."""
        taken = sum(k is not None and k is not Ellipsis for k in keys)
        rest = (slice(None),) * (self.ndim - taken)
        at = next((n for n, k in enumerate(keys) if k is Ellipsis), len(keys))
        return (*keys[:at], *rest, *keys[at + 1 :])

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("__") and hasattr(np.ndarray, name):
            self.run.refuse(f".{name}", f"it is not kept for dual numbers: {ELEMENTWISE}")
        raise AttributeError(f"a number of dk.dual has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"<number of dk.dual, shape {self.shape}>"

    def __format__(self, spec: str) -> str:
        return repr(self)  # no digits: float(f"{x:.3f}") must not read any

    def __copy__(self) -> DualNumber:
        return self.copy()

    def __deepcopy__(self, memory: Any) -> DualNumber:
        return self.copy()

    # What f may use of an array

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
    def real(self) -> DualNumber:
        """The number itself."""
        return self

    @property
    def imag(self) -> Any:
        """Zeros."""
        return np.zeros(self.shape)[()]

    @property
    def T(self) -> DualNumber:  # noqa: N802 -- NumPy's name
        """The axes in reverse order."""
        return self.transpose()

    def transpose(self, *axes: Any) -> DualNumber:
        """The axes in another order."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        places = [k % self.ndim for k in (order or reversed(range(self.ndim)))]
        points = tuple(places.index(p + self.ndim) - self.ndim for p in self.points)
        return self.arranged(lambda c: np.transpose(c, places), points)

    def copy(self) -> DualNumber:
        """The same number, on its own."""
        return self.like(self.series, self.points)

    def conj(self) -> DualNumber:
        """The number itself."""
        return self

    conjugate = conj

    def astype(self, dtype: Any) -> DualNumber:
        """The same number as float64; any other type would drop digits or the derivative."""
        if np.dtype(dtype) != np.float64:
            self.run.refuse(f".astype({np.dtype(dtype)})", "derivatives are computed in float64: leave it out")
        return self.copy()

    def reshape(self, *shape: Any, order: str = "C") -> DualNumber:
        """Another shape of the same numbers, where no points of x lie in it."""
        lengths = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        probe = np.broadcast_to(0.0, self.shape).reshape(lengths)
        if probe.shape == self.shape:
            return self
        if self.points:
            self.run.refuse("reshape", "it moves the points of x: use x[:, None] or np.expand_dims for a new axis")
        return self.arranged(lambda c: np.reshape(c, lengths, order=order), ())  # type: ignore[call-overload]  # NumPy's own letters

    def ravel(self, order: str = "C") -> DualNumber:
        """The numbers in a row."""
        return self.reshape(-1, order=order)

    def flatten(self, order: str = "C") -> DualNumber:
        """The numbers in a row, on their own."""
        return self.ravel(order).copy()

    def clip(self, min: Any = None, max: Any = None) -> Any:  # noqa: A002 -- NumPy's names
        """The numbers held between two bounds."""
        return np.clip(self, min, max)

    def round(self, decimals: int = 0) -> DualNumber:
        """The numbers rounded."""
        return np.round(self, decimals)  # type: ignore[return-value]  # `Dispatch` has it

    def sum(self, axis: Any = None, *, keepdims: bool = False) -> DualNumber:
        """The sum over axes that hold no points of x."""
        return np.sum(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]  # `Dispatch` has it

    def mean(self, axis: Any = None, *, keepdims: bool = False) -> DualNumber:
        """The mean over axes that hold no points of x."""
        return np.mean(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]  # `Dispatch` has it

    def prod(self, axis: Any = None, *, keepdims: bool = False) -> DualNumber:
        """The product over axes that hold no points of x."""
        return np.prod(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]  # `Dispatch` has it

    def max(self, axis: Any = None, *, keepdims: bool = False) -> DualNumber:
        """The largest over axes that hold no points of x."""
        return np.max(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]  # `Dispatch` has it

    def min(self, axis: Any = None, *, keepdims: bool = False) -> DualNumber:
        """The least over axes that hold no points of x."""
        return np.min(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]  # `Dispatch` has it

    # Entries rearranged and reduced

    def full(self) -> list[Any]:
        """All coefficients in the shape of the values."""
        return [np.broadcast_to(c, self.shape) for c in self.series]

    def arranged(self, change: Callable[[Any], Any], points: Points) -> DualNumber:
        """The same numbers arranged otherwise; an array shares them with this one."""
        view = self.like([change(c) for c in self.full()], points)
        self.shared = view.shared = True
        return view

    def become(self, result: DualNumber) -> DualNumber:
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
        summed = range(n) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        axes = tuple(operator.index(k) - (n if k >= 0 else 0) for k in summed)
        if any(not -n <= k < 0 for k in axes):
            raise np.exceptions.AxisError(f"{name}: there is no axis {axis} in shape {self.shape}")
        if set(axes) & set(self.points):
            self.run.refuse(f"np.{name} over the points of x", PER_POINT)
        left = [k for k in range(-n, 0) if k not in axes]
        return (
            axes,
            lambda keepdims: self.points if keepdims else tuple(left.index(p) - len(left) for p in self.points),
        )

    def linear(self, name: str, axis: Any, *, keepdims: bool) -> DualNumber:
        """A reduction that is linear, coefficient by coefficient."""
        axes, after = self.over(axis, name)
        reduce = getattr(np, name)
        return self.like([reduce(c, axis=axes, keepdims=keepdims) for c in self.full()], after(keepdims))

    def folded(self, name: str, rule: Callable[..., Series], axis: Any, *, keepdims: bool) -> DualNumber:
        """A reduction that is not linear, one number after another; its value is NumPy's."""
        axes, after = self.over(axis, name)
        value = getattr(np, name)(self.full()[0], axis=axes, keepdims=keepdims)
        last = [np.moveaxis(c, axes, range(-len(axes), 0)) for c in self.full()]
        rows = [c.reshape(*c.shape[: c.ndim - len(axes)], -1) for c in last]
        result: Series = [c[..., 0] for c in rows]
        for k in range(1, rows[0].shape[-1]):
            result = rule(self.run.taylor, result, [c[..., k] for c in rows])
        return self.like([value, *(np.reshape(c, value.shape) for c in result[1:])], after(keepdims))


def constant_of(value: Any) -> Array | None:
    """A real number or an array of them in float64, NaN where it is masked; None for anything else."""
    constant = np.asarray("nothing" if value is None else unmasked(value))
    if constant.dtype == object:
        try:
            return constant.astype(np.float64)
        except (TypeError, ValueError, OverflowError):
            return None
    return constant.astype(np.float64, copy=False) if constant.dtype.kind in "fiub" else None


@functools.cache
def _signature(routine: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(routine)


def _is_whole(key: Any, length: int) -> bool:
    """Whether a key takes an axis of that length as it is."""
    return isinstance(key, slice) and key.indices(length) == (0, length, 1)


def jumps_of(values: Sequence[Any]) -> Any:
    """The points of x at which any of these jumps."""
    return functools.reduce(np.logical_or, (v.jumps for v in values if isinstance(v, DualNumber)))
