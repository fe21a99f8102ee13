"""What values of f around a point tell of it: derivatives, noise, Taylor's coefficients, how far it is smooth.

Nothing but values of f is used. `dk.derivatives` asks for them; a survey keeps what it asked, and reads from the window
that was used what a single derivative does not need.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from derivkit.arguments import check_function, number, whole
from derivkit.asker import Calling, SelfDescribing
from derivkit.function import Function, function_of
from derivkit.numerical.adaptive import derivatives
from derivkit.numerical.analysis import analyse
from derivkit.numerical.ledger import Ledger
from derivkit.numerical.result import Derivative
from derivkit.numerical.scales import FULL
from derivkit.numerical.status import VALUELESS
from derivkit.numerical.windows import RATIO, window
from derivkit.types import Array, FunctionLike, Indices, Mask

MAX_DEGREE = 9
"""Highest power of the polynomial from which derivatives above the fourth are taken."""
DEVIATIONS = 4.0
"""Standard deviations in the bar of a coefficient of that polynomial."""
TARGET_DEGREE = 9.0
"""Degree at which a window should meet the noise; it tells how much larger the next had better be, not the answer."""
HIDDEN = 1e-3
"""Coefficients of a window below this part of the noise are shown at it; they hit 0 by luck."""
WITHIN = 1.0 + 1e-5
"""Of two points that lie equally far from x on either side one may lie farther, by the twist of the ladder."""


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Values of f near x, each once and in the order of the calls, without the one at x; shape ``(n,)`` each.

    Attributes
    ----------
    distance : ndarray
        From x, negative to the left.
    value : ndarray
        f there; NaN where it has no value.
    call : ndarray of int
        Which call of f it came with, from 0.
    """

    distance: Array
    value: Array
    call: Indices


@dataclass(frozen=True, kw_only=True, eq=False)
class WindowResult:
    """What one window of a step ladder tells of f at x.

    Attributes
    ----------
    exponent : int
        How many rungs of the ladder it is larger than the window that dk.derivative used.
    reach : float
        Its largest step.
    value, error : float
        The derivative and its bar.
    resolved : bool
        Whether a plateau of noise was met, so that the bar means something.
    plateau : int
        The degree at which the plateau begins.
    noise : float
        Standard deviation of the values, as measured.
    largest : float
        The largest |f| in the window.
    coefficients : ndarray
        Of the orthonormal polynomials of the window, by degree; shape ``(degrees,)``.

    Examples
    --------
    >>> (window,) = survey(np.exp, 0.0).windows((0,))
    >>> window.exponent, round(window.value, 6), window.resolved
    (0, 1.0, True)
    """

    exponent: int
    reach: float
    value: float
    error: float
    resolved: bool
    plateau: int
    noise: float
    largest: float
    coefficients: Array

    @property
    def sizes(self) -> Array:
        """log10 of |coefficient| / largest |f|, by degree; what hits 0 by luck stands a little below the noise."""
        return np.asarray(np.log10(np.maximum(np.abs(self.coefficients), HIDDEN * self.noise) / self.largest))

    @property
    def noise_size(self) -> float:
        """log10 of noise / largest |f|."""
        return math.log10(self.noise / self.largest)


@dataclass(frozen=True, kw_only=True, eq=False)
class MeasuredDerivatives:
    """Derivatives of several orders as the values of f tell them; arrays of shape ``(n,)``.

    Attributes
    ----------
    order : ndarray of int
        The orders that are known, from 1.
    measured, bar : ndarray
        The derivatives, and how far off they may be.
    exact : ndarray
        The same from the expression; NaN where none is known.

    Examples
    --------
    >>> found = survey(np.exp, 0.0).scales
    >>> found.order[:3].tolist(), bool(np.all(np.abs(found.measured[:3] - 1.0) <= found.bar[:3]))
    ([1, 2, 3], True)
    """

    order: Indices
    measured: Array
    bar: Array
    exact: Array


@dataclass(frozen=True, kw_only=True, eq=False)
class Excerpt:
    """The graph of f around x.

    Attributes
    ----------
    t, y : ndarray
        Abscissae, and f there.
    sampled, sampled_y : ndarray
        The samples among them, if finite.
    ends, tangent : ndarray, shape ``(2,)``
        The ends of the excerpt, and the tangent there; NaN where there is none.

    Examples
    --------
    >>> survey(Function.from_expression("x^2"), 1.0).excerpt(1.0, 5).t.size
    5
    """

    t: Array
    y: Array
    sampled: Array
    sampled_y: Array
    ends: Array
    tangent: Array


@dataclass(frozen=True, kw_only=True, eq=False)
class Survey:
    """A function around a point as its values show it; made by `survey`.

    Attributes
    ----------
    f : Function
        The function.
    x : float
        The point.
    derivatives : Mapping of int to Derivative
        Orders 1 to 4; empty where x is no point of the domain.
    budget : int or None
        Most values that the derivatives were allowed to take.

    Examples
    --------
    >>> found = survey(np.sin, 0.0)
    >>> found.inside, round(found.first.value, 9)
    (True, 1.0)
    """

    f: Function
    x: float
    derivatives: Mapping[int, Derivative]
    budget: int | None
    _ledger: Ledger = field(repr=False)
    _calls: Sequence[Array] = field(repr=False)

    @property
    def values(self) -> Callable[[Any], Any]:
        """F; a costly one is called for no value twice."""
        return self._ledger if self.f.costly else self.f

    @property
    def inside(self) -> bool:
        """Whether x is a point of the domain."""
        return bool(self.derivatives)

    @property
    def first(self) -> Derivative:
        """The first derivative.

        Raises
        ------
        ValueError
            If x is no point of the domain.
        """
        if not self.derivatives:
            raise ValueError(f"x = {self.x} is no point of the domain of {self.f.name}")
        return self.derivatives[1]

    @property
    def refused(self) -> bool:
        """Whether there is no derivative, or none was found."""
        return not self.derivatives or str(self.first.status) in VALUELESS

    @property
    def resolved(self) -> bool:
        """Whether there is a derivative and a window that tells the scales of f, not only a bound."""
        return not self.refused and math.isfinite(float(self.first.delta))

    @cached_property
    def exact(self) -> float:
        """The derivative by the expression; NaN where none is known."""
        return float(self.f.exact_derivative(np.array(self.x))) if self.derivatives else math.nan

    @property
    def trusted(self) -> tuple[float, float]:
        """The derivative to judge by and how far off it may be: the exact one where it is known."""
        if not math.isnan(self.exact):
            return self.exact, 0.0
        return (math.nan, math.inf) if self.refused else (float(self.first.value), float(self.first.error))

    @cached_property
    def samples(self) -> Samples:
        """The values of f that dk.derivatives took."""
        x = np.concatenate([*self._calls, np.empty(0)])
        call = np.repeat(np.arange(len(self._calls)), [part.size for part in self._calls])
        first = np.sort(np.unique(x, return_index=True)[1])
        first = first[x[first] != self.x]
        return Samples(distance=x[first] - self.x, value=np.asarray(self._ledger(x[first])), call=call[first])

    @property
    def used(self) -> Mask:
        """Which of the samples lie in the window that was used."""
        reach = float(self.first.delta)
        return np.asarray(np.abs(self.samples.distance) <= (reach * WITHIN if math.isfinite(reach) else 0.0))

    @cached_property
    def largest(self) -> float:
        """The largest |f| over that window."""
        near = np.abs(self.samples.value[self.used])
        return float(max(near[np.isfinite(near)].max(initial=0.0), abs(float(self._ledger(self.x)))))

    @cached_property
    def sides(self) -> tuple[int, ...]:
        """The sides, 1 and -1, on which f has values."""
        distance, value = self.samples.distance, self.samples.value
        return tuple(side for side in (1, -1) if np.any(np.isfinite(value[distance * side > 0.0])))

    @cached_property
    def coefficients(self) -> tuple[Array, Array]:
        """Taylor's coefficients a_0 to a_MAX_DEGREE at x, and their bars.

        To the fourth derivative from dk.derivatives; beyond from the polynomial through the window that was used, and
        how far one with two powers less is away.
        """
        reach, noise = float(self.first.delta), float(self.first.noise)
        powers_of_reach = reach ** -np.arange(MAX_DEGREE + 1.0)
        # what the polynomial does not tell was below the noise over all of the window
        size, bars = np.zeros(MAX_DEGREE + 1), DEVIATIONS * noise * powers_of_reach
        size[0] = float(self._ledger(self.x))
        near = self.used & np.isfinite(self.samples.value)
        powers = min(MAX_DEGREE, int(near.sum()) - 3)
        if powers > 2:
            basis = (self.samples.distance[near, None] / reach) ** np.arange(1, powers + 1)
            rise = self.samples.value[near] - size[0]
            fitted = np.linalg.lstsq(basis, rise, rcond=None)[0]
            shorter = np.zeros(powers)
            shorter[:-2] = np.linalg.lstsq(basis[:, :-2], rise, rcond=None)[0]
            spread = np.sqrt(np.maximum(np.diag(np.linalg.pinv(basis.T @ basis)), 0.0))
            size[1 : powers + 1] = fitted * powers_of_reach[1 : powers + 1]
            bars[1 : powers + 1] *= spread
            bars[1 : powers + 1] += np.abs(fitted - shorter) * powers_of_reach[1 : powers + 1]
        for order, derivative in self.derivatives.items():
            if math.isfinite(derivative.error):
                size[order], bars[order] = (
                    v / math.factorial(order) for v in (float(derivative.value), float(derivative.error))
                )
        return size, bars

    @property
    def scales(self) -> MeasuredDerivatives:
        """The derivatives that the coefficients tell, as far as they are known."""
        size, bars = self.coefficients
        order = np.flatnonzero(np.isfinite(bars[1:])) + 1
        factorials = np.array([math.factorial(n) for n in order], dtype=np.float64)
        exact = [float(self.f.exact_derivative(np.array(self.x), order=int(n))) for n in order]
        return MeasuredDerivatives(
            order=order, measured=size[order] * factorials, bar=bars[order] * factorials, exact=np.array(exact)
        )

    def excerpt(self, margin: float, count: int) -> Excerpt:
        """The graph around x, and what is known of it.

        Parameters
        ----------
        margin : float
            How far it goes to both sides, in units of the window that was used; without one, as far as x is large.
        count : int
            How many points it has; of costly code it has the samples.

        Returns
        -------
        Excerpt
        """
        reach = float(self.first.delta)
        half = margin * reach if math.isfinite(reach) else max(1.0, abs(self.x))
        lo, hi = max(self.x - half, self.f.domain[0]), min(self.x + half, self.f.domain[1])
        near = (np.abs(self.samples.distance) <= half) & np.isfinite(self.samples.value)
        at, ends = self.x + self.samples.distance[near], np.array([lo, hi])
        t = np.unique(np.append(at, self.x)) if self.f.costly else np.linspace(lo, hi, count)
        return Excerpt(
            t=t,
            y=np.asarray(self.values(t)),
            sampled=at,
            sampled_y=self.samples.value[near],
            ends=ends,
            tangent=np.asarray(self.values(self.x) + float(self.first.value) * (ends - self.x)),
        )

    @cached_property
    def significant(self) -> Array:
        """The coefficients that are larger than their bars, 0 for the others."""
        size, bars = self.coefficients
        return np.where(np.abs(size) > bars, size, 0.0)

    def windows(self, exponents: Sequence[int]) -> Iterator[WindowResult]:
        """Windows that are larger than the one that was used by `exponents` rungs of the ladder, or smaller.

        Those in which f is not finite or 0 everywhere are left out, and those too small for floats near x.
        """
        chosen = float(self.first.delta)
        least = max(1e-300, float(np.spacing(abs(self.x)))) * RATIO ** max(FULL)
        for exponent in exponents:
            reach = chosen * RATIO**exponent
            result = _window(self.f, self.x, reach, exponent) if reach > least else None
            if result is not None and result.largest != 0.0:
                yield result


class _Recorder(SelfDescribing):
    """A ledger that remembers which points every call had; what f raised is known of it too."""

    def __init__(self, ledger: Ledger, calls: list[Array]) -> None:
        self._ledger, self._calls = ledger, calls

    def calling(self) -> Calling:
        """As the ledger, which knows what f raised."""
        return self._ledger.calling()._replace(call=self)

    def __call__(self, x: Any) -> Any:
        self._calls.append(np.atleast_1d(np.array(x, dtype=np.float64)))
        return self._ledger(x)


def survey(f: FunctionLike, x: float, *, budget: int | None = None) -> Survey:
    """Look at f around x: the first four derivatives with their bars, and what the values that they took tell.

    Parameters
    ----------
    f : callable or formula
        Of one number or of an array, or a :class:`Function`, whose domain is never left.
    x : float
        The point.
    budget : int, optional
        Most values that the derivatives may take; of somebody's own code, which may take seconds, 200 is plenty.

    Returns
    -------
    Survey
        Empty where x is no point of the domain.

    Raises
    ------
    TypeError
        If f cannot be called, or x is no number.
    ValueError
        If the budget is below 1.

    Examples
    --------
    >>> found = survey(np.exp, 0.0)
    >>> [round(float(a), 3) for a in found.coefficients[0][:5]]
    [1.0, 1.0, 0.5, 0.167, 0.042]
    """
    check_function(f, "dk.survey(math.sin, 1.0)")
    function = function_of(f)
    point, most = number("x", x), None if budget is None else whole("budget", budget, 1)
    ledger, calls = Ledger(function), list[Array]()
    orders: Mapping[int, Derivative] = {}
    if math.isfinite(point) and function.domain[0] <= point <= function.domain[1]:
        with np.errstate(all="ignore"):
            orders = derivatives(_Recorder(ledger, calls), point, (1, 2, 3, 4), domain=function.domain, budget=most)
    return Survey(f=function, x=point, derivatives=orders, budget=most, _ledger=ledger, _calls=calls)


def _window(f: Callable[[Array], Array], x: float, reach: float, exponent: int) -> WindowResult | None:
    """The window of a full ladder around x with a largest step; None where f is not finite there."""
    win = window(FULL, (1, -1))
    top, centre = np.array([reach]), np.array([float(f(np.array([x]))[0])])
    wanted = win.nodes[:, None] * top
    at = x + wanted
    values = f(at.ravel()).reshape(at.shape)
    if not np.all(np.isfinite(values)):
        return None
    with np.errstate(all="ignore"):
        analysis = analyse(win.alone, values, centre, top, moved=(at - x) - wanted, orders=(1,), target=TARGET_DEGREE)
    rise = (values - centre)[:, 0]
    i, j = win.chord
    slope = (rise[j] - rise[i]) / (win.nodes[j] - win.nodes[i])
    coefficients = win.basis @ (rise - slope * win.nodes)
    coefficients[:2] += slope * win.line
    return WindowResult(
        exponent=exponent,
        reach=reach,
        value=float(analysis.value[0, 0]),
        error=float(analysis.error[0, 0]),
        resolved=bool(analysis.resolved[0]),
        plateau=int(analysis.first[0]),
        noise=float(analysis.noise[0]),
        largest=float(np.max(np.abs([*values[:, 0], centre[0]]))),
        coefficients=coefficients,
    )
