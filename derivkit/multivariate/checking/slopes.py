"""Slopes of f along lines through a point, measured with error bars."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from derivkit.arguments import NotRealError, RequiresGradError, as_array, as_float64, described, shown
from derivkit.behaviour import MIN_SHORT_VALUES, Failures, Mantissas, fits_float32
from derivkit.executor import Outcome, check_executor, outcomes
from derivkit.multivariate.ladders import START, TIGHTER
from derivkit.multivariate.structure import Structure
from derivkit.numerical import scales
from derivkit.numerical.adaptive import derivative
from derivkit.numerical.analysis import FLOOR
from derivkit.numerical.ladder import empty
from derivkit.numerical.state import SUSPECT
from derivkit.numerical.status import Status
from derivkit.types import EPS, EPS32, LEAST_NORMAL, Array, Texts

KINKED = ("kink", "jump")
SMOOTH = ("ok", "multiscale")
PROBE = 2.0**-9 / 3.0
"""Part of x by which further points lie beside it: no float32 numbers, and near; a choice."""
VALUES_EXAMINED = 2 * MIN_SHORT_VALUES
"""At most: one of 16 values of float32 has so few digits that it does not count."""
SAME_ANSWER = 2.0**-17
"""Two values of f at one point differ by at most this part where only the order of a float32 sum changes between calls,
64 times its eps: a choice. Dropout changes far more."""
SAME_DOUBLE = 2.0**-40
"""By at most this part where f computes in float64 of arrays of both types: far below what float32 rounds, far above
what float64 does; a choice."""


def typical_size(x: Array) -> float:
    """Of the entries of x: their root mean square, 1 where all are 0."""
    return float(np.sqrt(np.mean(x**2))) or 1.0


class Calls:
    """A function of parameters, called with their flat vector; every call is counted.

    Attributes
    ----------
    total : int
        Calls of f.
    executor : object, optional
        Whose map calls f at the points of a round.
    failures : Failures
        What it raised beside x.
    """

    def __init__(self, f: Callable[..., Any], structure: Structure, executor: Any = None) -> None:
        check_executor(executor)
        self.f, self.structure, self.total = f, structure, 0
        self.executor, self._known = executor, dict[bytes, Outcome]()
        self._eps, self._digits = EPS, Mantissas()
        self.failures, self._width = Failures(), 0

    def __call__(self, flat: Array) -> Array:
        """All numbers of f there, shape ``(m,)``; NaN where it raises, but for the first point, where it may not."""
        self.total += 1
        call = self._known.pop(flat.tobytes(), self.f) if self._known else self.f
        try:
            result = as_array(call(self.structure.restore(flat)))
            values = as_float64(result).ravel()
        except MemoryError:
            raise
        except Exception as error:
            if not self._width:
                raise
            self.failures.note(error, flat)
            return np.full(self._width, np.nan)
        if self._width not in (0, values.size):
            raise ValueError(f"f gives {values.size} values beside x, and {self._width} at x; give as many")
        self._width = values.size
        if result.dtype.kind == "f":
            self.type_of_values(float(np.finfo(result.dtype).eps))
        self._digits.examine(flat[None], values[None])
        return values

    def ahead(self, points: Array) -> None:
        """Let the executor, where there is one, call f at once at points, shape ``(k, n)``, that are wanted next."""
        if self.executor is not None:
            distinct = {point.tobytes(): point for point in points}
            arguments = [self.structure.restore(point) for point in distinct.values()]
            self._known = dict(zip(distinct, outcomes(self.executor, self.f, arguments), strict=True))

    def type_of_values(self, eps: float) -> None:
        """f computes in a type of this eps at best."""
        self._eps = max(self._eps, eps)

    @property
    def eps(self) -> float:
        """That of the type in which f computes, as its values show."""
        return max(self._eps, EPS32 if self._digits.float32 else EPS)

    @property
    def float32(self) -> bool:
        """Whether f computes in float32, or in less."""
        return self.eps > EPS

    def rounding(self, value: Array) -> Array:
        """Standard deviation of what the type of f rounds of its values, at least."""
        return np.asarray(FLOOR * self.eps * np.abs(value) + LEAST_NORMAL)


def value_at(calls: Calls, x: Array, *, scalar: bool) -> Array:
    """f(x), refused where no derivative can be measured."""
    example = "give the loss as one number"
    try:
        value = calls(x)
    except NotRealError as error:
        remedy = "write loss.item(), or take dk.torch_function" if isinstance(error, RequiresGradError) else example
        raise TypeError(f"f gives {error}; {remedy}") from None
    except Exception as error:
        raise ValueError(f"f raises {described(error)}; it is called with x alone, as f(x)") from error
    if scalar and value.size != 1:
        door = "sum or average it, or write dk.check_jacobian"
        raise ValueError(f"f gives {value.size} values where a loss is one number; {door}")
    if not value.size:
        raise ValueError("f gives no values at x, so that there is nothing to check; return at least one number")
    if not np.isfinite(value).all():
        wrong = float(value[~np.isfinite(value)][0])
        raise ValueError(f"f is {wrong} at x, so that it has no derivative there; start from an x with a finite value")
    return value


def widen(calls: Calls, x: Array, value: Array) -> Array:
    """f(x); where f computes in float64 of float32 arrays it is given these in float64 from now on, if it takes them.

    Points along a line would be rounded to float32 otherwise, which is noise of f and hides kinks. Where f does not
    take them, or its values there differ, as the last of its operations alone is in float64, it computes in float32.
    """
    narrow = calls.structure
    if narrow.is_float64 or fits_float32(value):
        return value
    calls.structure = narrow.widened()
    again = calls(x)
    if same_answer(value, again, SAME_DOUBLE):
        return again
    calls.structure = narrow
    calls.type_of_values(EPS32)
    return value


def same_answer(value: Array, again: Array, part: float) -> bool:
    """Whether two values of f at one point differ by no more than a part of them."""
    return again.shape == value.shape and bool(np.all(np.abs(again - value) <= part * np.abs(value)))


def refuse_two_answers(value: Array, again: Array) -> None:
    """Compare f(x) with what f gave there again: a difference above rounding says that f depends on more than x."""
    if same_answer(value, again, SAME_ANSWER):
        return
    alone = value.size == again.size == 1
    both = " and ".join(shown(answer.item() if alone else answer.tolist()) for answer in (value, again))
    raise ValueError(
        f"f gives two answers at x, {both}: switch off what draws random numbers, such as dropout, or what is changed "
        "by a call (model.eval() in torch), or fix the seed inside f"
    )


def refuse_two_claims(what: str, claimed: Array, again: Array) -> None:
    """Compare derivatives with those given for the same x afterwards: sums in another order differ by rounding only."""
    if np.linalg.norm(again - claimed) <= SAME_ANSWER * np.linalg.norm(claimed):
        return
    k = np.unravel_index(int(np.argmax(np.abs(again - claimed))), claimed.shape)
    raise ValueError(
        f"the {what} gives two answers at x, {shown(claimed[k].item())} and {shown(again[k].item())} in one entry: "
        "look if it adds to an array of an earlier call (zero_grad() in torch), or draws random numbers or samples"
    )


def examine_type(calls: Calls, x: Array, value: Array) -> None:
    """Where f(x) fits in float32, though that is not its type, look at values beside x: f may compute in that."""
    k = 0
    while not calls.float32 and fits_float32(value) and np.any(value != np.rint(value)) and k < VALUES_EXAMINED:
        k += 1
        value = calls(x + PROBE * k * np.where(x == 0.0, 1.0, x))


class Blend:
    """One number made of the values of a function that gives several, for searches that need one."""

    def __init__(self, calls: Calls, weights: Array) -> None:
        self._calls, self._weights = calls, weights
        self.executor, self.float32 = calls.executor, calls.float32

    def __call__(self, flat: Array) -> Array:
        """Their sum with weights, shape ``(1,)``."""
        return np.atleast_1d(self._weights @ self._calls(flat))

    def ahead(self, points: Array) -> None:
        """As that of `Calls`."""
        self._calls.ahead(points)

    def rounding(self, value: Array) -> Array:
        """As that of `Calls`."""
        return self._calls.rounding(value)


@dataclass(frozen=True, kw_only=True, eq=False)
class Slope:
    """Derivatives of the m values of f along a line, as of :class:`Derivative`; shape ``(m,)`` each."""

    value: Array
    error: Array
    status: Texts
    left: Array
    right: Array
    noise: Array
    delta: Array


class Window(NamedTuple):
    """What a search along one line knows for others of its kind: its largest step, and the noise of the m values.

    In float32 the step is the exponent of a :class:`~derivkit.multivariate.checking.float32_slopes.Line`.
    """

    top: float
    noise: Array


def window_of(row: dict[str, Any]) -> Window | None:
    """The window for other lines, none where the line of these results is not one of a smooth function."""
    if not np.all(np.isin(row["statuses"], SMOOTH)):
        return None
    return Window(TIGHTER * float(row["delta"].min()), np.where(row["noise"] > 0.0, row["noise"], np.nan))


def slope_in(window: Window, calls: Calls, x: Array, value: Array, direction: Array) -> Slope | None:
    """The derivative of t -> f(x + t direction) at 0 from 8 values in a window, None where they do not tell it."""
    m = value.size
    with np.errstate(all="ignore"):
        ladder = empty(np.arange(m), np.zeros(m), value, np.full(m, window.top))
        steps = START.window
        t, moved = ladder.abscissas(steps)
        points = x + t[:, :1] * direction
        calls.ahead(points)
        values = np.array([calls(point) for point in points])
        if values.shape != (len(t), m) or not np.isfinite(values).all():
            return None
        stack = ladder.with_values(steps, values, moved).window(steps)
        seen = stack.analysis(orders=(1,), target=START.target, hint=window.noise)
        if not np.all(seen.resolved & (seen.noise <= SUSPECT * seen.floor)):
            return None
    none = np.full(m, np.nan)
    return Slope(
        value=seen.value[0],
        error=seen.error[0],
        status=np.full(m, str(Status.OK)),
        left=none,
        right=none,
        noise=seen.noise,
        delta=np.full(m, window.top),
    )


class Rounds(NamedTuple):
    """An executor for points of a line: f is called ahead at all points of a round, and then they are read in turn."""

    calls: Calls | Blend
    x: Array
    direction: Array

    def map(self, line: Callable[[float], Any], steps: Sequence[float]) -> Iterator[Any]:
        """What the line gives for every step."""
        points = self.x + np.array(steps)[:, None] * self.direction
        self.calls.ahead(points[(points != self.x).any(axis=1)])
        return map(line, steps)


def slope_shared(calls: Calls, x: Array, value: Array, direction: Array, *, top: float | None) -> Slope | None:
    """The slopes of several values from 8 points in the window of one of their sums, whose search costs as for one.

    None where these do not tell them; with no values where the sum has a kink.
    """
    weights = np.random.default_rng(0).standard_normal(value.size)
    blended = slope_along(Blend(calls, weights), x, np.atleast_1d(weights @ value), direction, top=top)
    none = np.full(value.shape, np.nan)
    if np.isin(blended.status, KINKED).any() and np.isfinite(blended.left + blended.right).all():
        status, zero = np.full(value.shape, blended.status[0]), np.zeros(value.shape)
        return Slope(value=none, error=none, status=status, left=zero, right=zero, noise=none, delta=none)
    window = window_of({"statuses": blended.status, "delta": blended.delta, "noise": blended.noise})
    noise = np.maximum(calls.rounding(value), blended.noise / np.sqrt(value.size))
    slope = slope_in(window._replace(noise=noise), calls, x, value, direction) if window else None
    return replace(slope, delta=np.full(value.shape, blended.delta[0])) if slope else None


def slope_along(
    calls: Calls | Blend,
    x: Array,
    value: Array,
    direction: Array,
    *,
    top: float | None = None,
    side: str | None = None,
    order: int = 1,
) -> Slope:
    """The derivative of t -> f(x + t direction) at 0, of an order.

    Parameters
    ----------
    calls, x, value
        The function, a point, and f there.
    direction : ndarray
        Shape ``(n,)``.
    top : float, optional
        Largest step of the first look, in t.
    side : str, optional
        ``left`` or ``right`` for the derivative of that side alone.
    order : int
        Of the derivative.
    """

    def line(t: float) -> Array:
        point = x + t * direction
        if t != 0.0 and np.array_equal(point, x):  # a step that vanishes tells nothing
            return np.full(value.shape, np.nan)
        return calls(point) if t else value

    scale = None if top is None else top / scales.START
    noise = calls.rounding(value).min() if calls.float32 else None
    executor = None if calls.executor is None else Rounds(calls, x, direction)
    result = derivative(
        line, np.zeros(1), order, vectorized=False, scale=scale, noise=noise, side=side, executor=executor
    )
    fields = ("value", "error", "status", "left", "right", "noise", "delta")
    return Slope(**{name: np.broadcast_to(getattr(result, name).reshape(-1), value.shape) for name in fields})
