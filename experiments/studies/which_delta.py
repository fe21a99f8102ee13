"""Which delta is best for this function? The scales of f as the ladder of dk.derivative measures them, the delta that
follows from them for every formula and precision, and the error really made there beside the best of all deltas.

Nothing is asked of f but values: its noise, its higher derivatives and how far it is smooth come from the ladder. A
known expression is used to judge what was recommended, never to recommend.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from derivkit.errors import BELOW, root_mean_square
from derivkit.expressions.evaluation import rounded_function
from derivkit.grids import geomspace, logspace
from derivkit.numerical.ladder import RATIO, analyse, window
from derivkit.numerical.rounded import extended, rounded_difference
from derivkit.numerical.scales import FULL
from derivkit.numerical.stencil import moment
from derivkit.types import Numbers

Columns = Mapping[str, Any]
Array = NDArray[np.float64]

PLACE: dict[str, tuple[type, str]] = {
    "function": (str, "name of the function"),
    "x": (float, "the point as the precision holds it"),
}
CURVE: dict[str, tuple[type, str]] = {
    **PLACE,
    "precision": (str, "the floating-point type in which everything is computed"),
    "method": (str, "the difference formula"),
}

TABLES: dict[str, dict[str, tuple[type, str]]] = {
    "table": {
        **CURVE,
        "delta": (float, "the step size asked for"),
        "estimate": (float, "the numerical derivative, divided by the step really taken"),
        "trusted": (float, "the derivative: exact where an expression is known, else that of dk.derivative"),
        "error": (float, "|estimate - trusted|; none where it is below the bar of trusted"),
        "status": (str, "ok, or why there is no error: see STATUSES"),
    },
    "answers": {
        **PLACE,
        "expression": (str, "what the function computes"),
        "status": (str, "what dk.derivative says"),
        "value": (float, "its derivative, in float64"),
        "bar": (float, "how far off it says that it may be"),
        "exact": (float, "the derivative, where an expression is known"),
        "error": (float, "|value - exact|"),
        "noise": (float, "standard deviation of the values of f, as measured"),
        "reach": (float, "how far to both sides f was seen to be smooth: the largest step of the window that was used"),
        "left": (float, "derivative of the left side, where the two differ"),
        "right": (float, "derivative of the right side, where the two differ"),
        "exponent": (float, "of a vertical tangent, the power of the distance that f follows"),
        "evaluations": (int, "values of f that it took"),
        "said": (str, "the same in words"),
    },
    "scales": {
        **PLACE,
        "order": (int, "order of the derivative"),
        "measured": (float, "that derivative from the values of the ladder alone"),
        "bar": (float, "how far off it may be"),
        "exact": (float, "the same from the expression, where one is known"),
    },
    "advice": {
        **CURVE,
        "delta": (float, "the delta to take, from the measured scales; none where no delta helps"),
        "truncation": (float, "its part of the error to be expected there"),
        "rounding": (float, "the other part"),
        "expected": (float, "truncation + rounding"),
        "measured": (float, "the error made at this very delta"),
        "typical": (float, "root mean square error over the half decade up to it"),
        "best_delta": (float, "the delta of the sweep with the least typical error"),
        "best": (float, "the same for that one, at x or at points near x, whichever is larger"),
        "luckiest": (float, "the least error at x of any single delta"),
        "regret": (
            float,
            "typical / best, no error counted as less than this precision can tell; below 1 where x is lucky",
        ),
        "theory_delta": (float, "in float64, the best delta by what is known of the expression"),
        "theory": (float, "the error that is proved or estimated there"),
        "note": (str, "why there is no recommendation, or no error"),
    },
    "expected": {
        **CURVE,
        "delta": (float, "a step size"),
        "error": (float, "truncation + rounding expected there"),
        "bound": (str, "estimated: from measured scales"),
    },
    "law": {
        **CURVE,
        "order": (float, "order of accuracy in theory"),
        "order_observed": (float, "p in error = a delta^p + b delta^-q, fitted to the sweep"),
        "growth": (float, "growth of rounding in theory: the order of the derivative"),
        "growth_observed": (float, "q in the same fit"),
        "delta": (float, "where the fitted law is least"),
        "points": (int, "errors that the fit used"),
        "note": (str, "what the sweep does not show"),
    },
    "steps": {
        **PLACE,
        "turn": (int, "which of the calls of f, from 1"),
        "t": (float, "a point at which f was asked"),
        "distance": (float, "its distance from x, negative to the left"),
        "y": (float, "f there"),
        "used": (bool, "whether it lies in the window that was used"),
    },
    "curves": {
        **PLACE,
        "line": (str, "f, or the tangent by dk.derivative"),
        "t": (float, "abscissa"),
        "y": (float, "ordinate"),
    },
    "dots": {**PLACE, "line": (str, "f"), "t": (float, "a point at which f was asked"), "y": (float, "f there")},
    "windows": {
        **PLACE,
        "reach": (float, "largest step of the window"),
        "quantity": (
            str,
            "its bar, the bar of one in which no plateau was met, the error made, or the bar of the one used",
        ),
        "error": (float, "how much"),
    },
    "plateau": {
        **PLACE,
        "window": (str, "which window, by its size"),
        "line": (str, "what the coefficient tells of: f, or noise; or how large noise is"),
        "degree": (int, "degree of the polynomial"),
        "size": (float, "log10 of |coefficient| / largest |f|"),
        "pictured": (bool, "whether the figure shows it: the first point with a derivative"),
    },
    "quotients": {
        **PLACE,
        "method": (str, "the difference formula, in float64"),
        "delta": (float, "the step size"),
        "size": (float, "|estimate|"),
    },
    "summary": {
        **CURVE,
        "delta": (float, "the delta to take"),
        "expected": (float, "the error to be expected there"),
        "measured": (float, "the error made there"),
        "best": (float, "the error around the best of all deltas"),
        "regret": (float, "typical error around the recommended delta / that around the best"),
        "note": (str, "why there is no recommendation, or no error"),
    },
    "findings": {"finding": (str, "what the tables say, in a sentence")},
}

KEYS = ("function", "x", "precision", "method", "delta")
"""What tells the rows of the table apart when runs are compared."""
ERRORS = {"error": ("estimate", "trusted")}
"""A column that is proportional to the distance of two others, and moves when these do."""

STATUSES = ("ok", "outside_domain", "step_vanished", "not_finite", "no_derivative", "below_bar")
"""Why a row has no error: a point of the formula lies outside the domain; two coincide; f or the quotient is not
finite; no derivative is known; the distance from the trusted derivative is within the bar of that."""

PRECISIONS = ("float16", "float32", "float64")
REFUSALS = ("kink", "jump", "vertical", "unresolved", "not_finite")
"""Statuses of dk.derivative without a value."""
FINE = 32
"""Deltas per decade among which the best is looked for; what is recommended has two digits."""
NEARBY = (-0.37, -0.21, -0.083, 0.0, 0.119, 0.24, 0.41)
"""Points over which a typical error is taken, in units of the reach: at a point such as 1, where f and its slope are
short binary numbers, whole decades of deltas hit 0 by luck."""
DECADES = 18
"""Most decades of a sweep."""
BEYOND = 8.0
"""How far a sweep goes, in units of the reach."""
FEWEST = 9
"""Least deltas of a sweep."""
PROBES = 8
"""Calls that find out whether a black box takes arrays, and its value at x."""
SAMPLES = 64
"""Points at which the rounding of a precision is measured; they reach over at least as many floats to either side."""
HIGHEST = 9
"""Highest power of the polynomial from which derivatives above the fourth are taken."""
LEAST = 1e-3
"""Coefficients below this part of the noise are drawn at it; they hit 0 by luck."""
TERMS = 4
"""Terms of the truncation that are reckoned with: the first may vanish."""
SURE = 4.0
"""Standard deviations in the bar of a coefficient of that polynomial."""
VAGUE = 10.0
"""A point near x is left out if its derivative is less well known by this factor than the one at x."""
MISSED = 10.0
"""What was expected is missed if the errors are larger by this factor."""
HALF_ULP = 0.29
"""Standard deviation of a rounding in units of the last place: 1 / sqrt(12)."""
WIDER = np.cumprod(np.full(20, 1.5))
"""Factors by which f is followed beyond the window of float64, as long as it is the same polynomial."""
AIM = 9.0
"""Degree at which a window should meet the noise; it tells how much larger the next had better be, not the answer."""
BESIDE = range(-18, 15, 2)
"""Exponents of RATIO by which the windows beside the chosen one are larger or smaller."""
COMPARED = {-10: "too small", 0: "used", 6: "too large"}
"""Exponents of the windows whose coefficients are pictured, and what they are called."""
TOLD = 6
"""Most points of which the findings tell in full."""
QUOTED = (1e-2, 1e-5, 1e-8)
"""Deltas at which quotients are quoted where no delta helps."""
MARGIN, GRAPH = 1.3, 401
"""Half the width of a picture, in units of the window that was used; and its points."""
GRID = 12
"""Quotients per decade that are pictured there."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which functions at which points, for which formulas and precisions, and how finely their errors are swept."""

    function: tuple[dk.Problem, ...]
    method: tuple[str, ...] = ("forward_1", "central_2")
    precision: tuple[str, ...] = ()
    deltas: int = 41
    calls: int = 400

    def __post_init__(self) -> None:
        if not (self.function and self.method):
            raise ValueError("at least one function and one method are needed")
        for name in self.method:
            dk.formula(name)
        for name in self.precision:
            if name not in PRECISIONS:
                raise ValueError(f"precision={name}: not known; there are {', '.join(PRECISIONS)}")
        if self.deltas < FEWEST:
            raise ValueError(f"deltas={self.deltas}: a sweep needs at least {FEWEST}; write deltas=129")
        for f in (problem.function for problem in self.function):
            if self.deltas_of(f) < FEWEST:
                least = 2 * (self._spent_on_advice(f) + (FEWEST + 1) * self._points_of_a_delta)
                raise ValueError(
                    f"calls={self.calls}: too few calls of {f.name} for {FEWEST} deltas of these methods; write "
                    f"calls={least} or fewer methods"
                )

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        curves = [(one, len(one.points) * len(self.precisions_of(one.function))) for one in self.function]
        return sum(count * len(self.method) * self.deltas_of(one.function) for one, count in curves)

    @property
    def most_calls(self) -> Mapping[str, int]:
        """How often each black box is called at most."""
        return {
            one.function.name: self.calls * len(one.points) * len(self.precisions_of(one.function))
            for one in self.function
            if black_box(one.function)
        }

    def precisions_of(self, f: dk.Function) -> tuple[str, ...]:
        """In which precisions a function is computed: a black box in float64 unless others are asked for."""
        return self.precision or (PRECISIONS[-1:] if black_box(f) else PRECISIONS)

    def deltas_of(self, f: dk.Function) -> int:
        """How many deltas the sweep of a function has: that of a black box as many as its calls allow."""
        if not black_box(f):
            return self.deltas
        # half of the calls are for dk.derivatives
        return min(self.deltas, (self.calls // 2 - self._spent_on_advice(f)) // self._points_of_a_delta)

    @property
    def _points_of_a_delta(self) -> int:
        return len({offset for name in self.method for offset in dk.formula(name).offsets if offset})

    def _spent_on_advice(self, f: dk.Function) -> int:
        """Calls beside those of the sweep and of dk.derivatives: x, the probes, the reach, the noise, each advice."""
        advised = sum(1 for name in self.method for offset in dk.formula(name).offsets if offset)
        samples = SAMPLES if set(self.precisions_of(f)) != {"float64"} else 0
        return PROBES + 2 * WIDER.size + samples + advised


def black_box(f: dk.Function) -> bool:
    """Whether f is somebody's own code, whose calls are counted and bounded: one may take seconds."""
    return f.vectorized is None


def run(config: Config) -> Iterator[tuple[str, Columns]]:
    """Yield the tables of one job, point by point."""
    formulas = [dk.formula(name) for name in config.method]
    first = True
    for problem in config.function:
        deltas = config.deltas_of(problem.function)
        for x in problem.points:
            look = Look(problem.function, x, calls=config.calls)
            yield from _looked(look, pictured=first and not look.refused)
            first &= look.refused
            if look.refused:
                yield "quotients", _quotients(look, formulas, deltas)
            for name in config.precisions_of(problem.function):
                yield from _advised(Place(_held(look, name), np.dtype(name)), formulas, deltas)


# What the ladder sees


class Recorded:
    """A ledger whose calls are kept, each with its points; what f raised is known of it too."""

    def __init__(self, ledger: dk.Ledger, turns: list[Array]) -> None:
        self._ledger, self._turns = ledger, turns
        self.evaluator = ledger.evaluator

    def __call__(self, x: Any) -> Any:
        """f(x), shape of x."""
        self._turns.append(np.atleast_1d(np.array(x, dtype=np.float64)))
        return self._ledger(x)


class Look:
    """A function at a point as `dk.derivative` sees it: its answer, the points that it asked, and what they tell."""

    def __init__(self, f: dk.Function, x: float, *, calls: int = 400) -> None:
        self.f, self.x, self.calls = f, x, calls
        self.turns: list[Array] = []
        self.ledger = dk.Ledger(f)
        budget = calls // 2 if self.dear else None
        with np.errstate(all="ignore"):
            self.found = (
                dk.derivatives(Recorded(self.ledger, self.turns), x, (1, 2, 3, 4), domain=f.domain, budget=budget)
                if self.there
                else None
            )
        self.exact = float(f.exact_derivative(np.array(x))) if self.there else math.nan

    @property
    def dear(self) -> bool:
        """Whether f may be asked a few times only."""
        return black_box(self.f)

    @property
    def values(self) -> Callable[[Any], Any]:
        """F; a black box is asked for no value twice."""
        return self.ledger if self.dear else self.f

    @property
    def there(self) -> bool:
        """Whether x is a point of the domain; a precision may have moved it out, or to infinity."""
        return math.isfinite(self.x) and self.f.domain[0] <= self.x <= self.f.domain[1]

    @property
    def first(self) -> dk.Derivative:
        """The answer for the first derivative."""
        if self.found is None:
            raise ValueError(f"x = {self.x} is no point of the domain of {self.f.name}")
        return self.found[1]

    @property
    def refused(self) -> bool:
        """Whether there is no derivative, or none was found."""
        return self.found is None or str(self.first.status) in REFUSALS

    @property
    def scaled(self) -> bool:
        """Whether there is a derivative and a window that tells the scales of f, not only a bound."""
        return not self.refused and math.isfinite(float(self.first.delta))

    @property
    def trusted(self) -> tuple[float, float]:
        """The derivative to judge by and how far off it may be: the exact one if it is known."""
        if not math.isnan(self.exact):
            return self.exact, 0.0
        return (math.nan, math.inf) if self.refused else (float(self.first.value), float(self.first.error))

    @cached_property
    def asked(self) -> tuple[Array, Array, NDArray[np.intp]]:
        """Distances from x, values and turns of all points that were asked, each once, x itself apart."""
        x = np.concatenate([*self.turns, np.empty(0)])
        turn = np.repeat(np.arange(len(self.turns)), [part.size for part in self.turns])
        first = np.sort(np.unique(x, return_index=True)[1])
        first = first[x[first] != self.x]
        return x[first] - self.x, np.asarray(self.ledger(x[first])), turn[first]

    @cached_property
    def sure(self) -> Array:
        """The coefficients that are larger than their bars, 0 for the others."""
        size, bars = self.series
        return np.where(np.abs(size) > bars, size, 0.0)

    @cached_property
    def largest(self) -> float:
        """The largest |f| over the window that was used."""
        distance, value, _ = self.asked
        near = np.abs(value[np.abs(distance) <= float(self.first.delta) * (1.0 + 1e-5)])
        return float(max(near[np.isfinite(near)].max(initial=0.0), abs(float(self.ledger(self.x)))))

    @cached_property
    def sides(self) -> tuple[int, ...]:
        """The sides on which f has values."""
        distance, value, _ = self.asked
        return tuple(side for side in (1, -1) if np.any(np.isfinite(value[distance * side > 0.0])))

    @cached_property
    def series(self) -> tuple[Array, Array]:
        """Taylor's coefficients a_0 to a_HIGHEST at x, and their bars.

        To the fourth derivative from dk.derivatives, beyond from the polynomial through the same window of
        the ladder, and how far one with two powers less is away.
        """
        reach, noise = float(self.first.delta), float(self.first.noise)
        powers_of_reach = reach ** -np.arange(HIGHEST + 1.0)
        # what the polynomial does not tell was below the noise over all of the window
        size, bars = np.zeros(HIGHEST + 1), SURE * noise * powers_of_reach
        size[0] = float(self.ledger(self.x))
        distance, value, _ = self.asked
        near = (np.abs(distance) <= reach * (1.0 + 1e-5)) & np.isfinite(value)
        powers = min(HIGHEST, int(near.sum()) - 3)
        if powers > 2:
            basis = (distance[near, None] / reach) ** np.arange(1, powers + 1)
            found = np.linalg.lstsq(basis, value[near] - size[0], rcond=None)[0]
            shorter = np.zeros(powers)
            shorter[:-2] = np.linalg.lstsq(basis[:, :-2], value[near] - size[0], rcond=None)[0]
            spread = np.sqrt(np.maximum(np.diag(np.linalg.pinv(basis.T @ basis)), 0.0))
            size[1 : powers + 1] = found * powers_of_reach[1 : powers + 1]
            bars[1 : powers + 1] *= spread
            bars[1 : powers + 1] += np.abs(found - shorter) * powers_of_reach[1 : powers + 1]
        for order, one in (self.found or {}).items():
            if math.isfinite(one.error):
                size[order], bars[order] = (v / math.factorial(order) for v in (float(one.value), float(one.error)))
        return size, bars


def _held(look: Look, name: str) -> Look:
    """The same function at the point that a precision holds for x."""
    with np.errstate(over="ignore"):
        x = float(np.dtype(name).type(look.x))
    return look if x == look.x else Look(look.f, x, calls=look.calls)


def _looked(look: Look, *, pictured: bool) -> Iterator[tuple[str, Columns]]:
    """What dk.derivative answers, which points it asked, and what its window tells."""
    found, keys = look.first, {"function": look.f.name, "x": look.x}
    yield (
        "answers",
        {
            **keys,
            "expression": look.f.text,
            "status": [str(found.status)],
            "value": np.array([found.value]),
            "bar": np.array([found.error]),
            "exact": look.exact,
            "error": abs(found.value - look.exact) if math.isfinite(found.value) else math.nan,
            "noise": found.noise,
            "reach": found.delta,
            "left": found.left,
            "right": found.right,
            "exponent": found.exponent,
            "evaluations": found.evaluations,
            "said": found.message,
        },
    )
    distance, value, turn = look.asked
    used = np.abs(distance) <= found.delta * (1.0 + 1e-5) if math.isfinite(found.delta) else np.zeros(turn.size, bool)
    asked = {"t": look.x + distance, "y": value}
    yield "steps", {**keys, "turn": turn + 1, "distance": distance, "used": used, **asked}
    yield from _pictured(look)
    if not look.scaled:
        return
    size, bars = look.series
    orders = np.arange(1, HIGHEST + 1)
    factorials = np.array([math.factorial(n) for n in orders], dtype=np.float64)
    exact = [float(look.f.exact_derivative(np.array(look.x), order=int(n))) for n in orders]
    known = np.isfinite(bars[1:])
    scales = {"measured": size[1:] * factorials, "bar": bars[1:] * factorials, "exact": np.array(exact)}
    yield "scales", {**keys, "order": orders[known], **{name: column[known] for name, column in scales.items()}}
    if not look.dear and str(found.status) != "one_sided" and look.sides == (1, -1):
        yield from _windows(look, pictured=pictured)


def _pictured(look: Look) -> Iterator[tuple[str, Columns]]:
    """The graph around x with the points that were asked in it, and the tangent."""
    keys, found = {"function": look.f.name, "x": look.x}, look.first
    half = MARGIN * float(found.delta) if math.isfinite(found.delta) else max(1.0, abs(look.x))
    lo, hi = max(look.x - half, look.f.domain[0]), min(look.x + half, look.f.domain[1])
    distance, value, _ = look.asked
    near = (np.abs(distance) <= half) & np.isfinite(value)
    t = np.unique(np.append(look.x + distance[near], look.x)) if look.dear else np.linspace(lo, hi, GRAPH)
    yield "curves", {**keys, "line": "f", "t": t, "y": look.values(t)}
    if math.isfinite(found.value):
        ends = np.array([lo, hi])
        yield (
            "curves",
            {
                **keys,
                "line": "tangent by dk.derivative",
                "t": ends,
                "y": look.values(look.x) + found.value * (ends - look.x),
            },
        )
    yield "dots", {**keys, "line": "f", "t": look.x + distance[near], "y": value[near]}


@dataclass(frozen=True)
class Window:
    """One window of a ladder: its size, its answer, and the coefficients with the degree at which noise begins."""

    reach: float
    value: float
    error: float
    resolved: bool
    first: int
    noise: float
    largest: float
    coefficients: Array


def window_at(f: Callable[[Array], Array], x: float, reach: float) -> Window | None:
    """The window of a full ladder around x with a largest step; None where f is not finite there."""
    sides = (1, -1)
    win = window(FULL, sides)
    top, centre = np.array([reach]), np.array([float(f(np.array([x]))[0])])
    wanted = win.nodes[:, None] * top
    at = x + wanted
    values = f(at.ravel()).reshape(at.shape)
    if not np.all(np.isfinite(values)):
        return None
    with np.errstate(all="ignore"):
        told = analyse(win, values, centre, top, moved=(at - x) - wanted, orders=(1,), target=AIM)
    rise = (values - centre)[:, 0]
    i, j = win.chord
    slope = (rise[j] - rise[i]) / (win.nodes[j] - win.nodes[i])
    coefficients = win.basis @ (rise - slope * win.nodes)
    coefficients[:2] += slope * win.line
    return Window(
        reach=reach,
        value=float(told.value[0, 0]),
        error=float(told.error[0, 0]),
        resolved=bool(told.resolved[0]),
        first=int(told.first[0]),
        noise=float(told.noise[0]),
        largest=float(np.max(np.abs([*values[:, 0], centre[0]]))),
        coefficients=coefficients,
    )


def _windows(look: Look, *, pictured: bool) -> Iterator[tuple[str, Columns]]:
    """Windows smaller and larger than the chosen one: what each would have answered, and three of them in full."""
    keys, chosen = {"function": look.f.name, "x": look.x}, float(look.first.delta)
    trusted, bar = look.trusted
    least = max(1e-300, float(np.spacing(abs(look.x)))) * RATIO ** max(FULL)
    rows: list[tuple[float, str, float]] = []
    for k in sorted({*BESIDE, *COMPARED}):
        one = window_at(look.f, look.x, chosen * RATIO**k) if chosen * RATIO**k > least else None
        if one is None or one.largest == 0.0:
            continue
        made = abs(one.value - trusted)
        rows.append((one.reach, "error bar" if one.resolved else "bar, no plateau met", one.error))
        if made > bar:
            rows.append((one.reach, "error made", made))
        if k in COMPARED:
            yield (
                "plateau",
                {**keys, "window": f"{COMPARED[k]}, {one.reach:.2g}", "pictured": pictured, **_plateau(one)},
            )
    rows.append((chosen, "bar of the window used", float(look.first.error)))
    reach, what, error = zip(*rows, strict=True)
    yield "windows", {**keys, "reach": np.array(reach), "quantity": list(what), "error": np.array(error)}


def _plateau(one: Window) -> Columns:
    """Coefficients by degree, those of f and those of noise as two lines; where no plateau was met, one."""
    size = np.log10(np.maximum(np.abs(one.coefficients), LEAST * one.noise) / one.largest)
    degrees = np.arange(1, size.size)
    first = one.first if one.resolved else size.size
    level = [math.log10(one.noise / one.largest)] * 2 if one.resolved else []
    noise = degrees[degrees >= first]
    signal = degrees[degrees <= first]
    return {
        "line": ["coefficients of f"] * signal.size + ["noise"] * noise.size + ["level of the noise"] * len(level),
        "degree": np.concatenate([signal, noise, degrees[[0, -1]][: len(level)]]),
        "size": np.concatenate([size[signal], size[noise], level]),
    }


# What follows from it


@dataclass(frozen=True)
class Place:
    """A function at a point in a precision."""

    look: Look
    dtype: np.dtype[Any]

    @property
    def eps(self) -> float:
        """The distance from 1 to the next number of the precision."""
        return float(np.finfo(self.dtype).eps)

    @property
    def spacing(self) -> float:
        """The distance from x to the next number of the precision."""
        with np.errstate(all="ignore"):
            return float(np.spacing(np.abs(self.dtype.type(self.look.x))))

    @cached_property
    def call(self) -> Callable[[Numbers], Numbers]:
        """f in the precision: an expression with every operation rounded, anything else with its values rounded."""
        f = self.look.f
        if f.expression is not None and f.text == str(f.expression):
            rounded = rounded_function(f.expression, self.dtype)
            return lambda x: _quiet(rounded, x)
        values = self.look.values
        return lambda x: _quiet(lambda at: values(at.astype(np.float64)).astype(self.dtype), x)

    @cached_property
    def reach(self) -> float:
        """How far f follows the polynomial that the ladder found, as far as this precision can tell."""
        look = self.look
        reach = float(look.first.delta)
        for factor in WIDER:
            t = factor * float(look.first.delta) * np.array(look.sides)
            off = look.values(look.x + t) - np.polynomial.polynomial.polyval(t, look.sure)
            if not np.all(np.abs(off) <= SURE * self.noise):
                break
            reach = float(np.abs(t).max())
        return reach

    @cached_property
    def noise(self) -> float:
        """Standard deviation of the values of f: their own, and what this precision adds, measured near x."""
        look, own = self.look, float(self.look.first.noise)
        if self.dtype == np.float64:
            return own
        half = max(float(look.first.delta), SAMPLES * self.spacing)
        lo, hi = max(look.x - half, look.f.domain[0]), min(look.x + half, look.f.domain[1])
        with np.errstate(all="ignore"):
            at = np.unique(np.linspace(lo, hi, SAMPLES).astype(self.dtype))
            off = self.call(at).astype(np.float64) - look.values(at.astype(np.float64))
        off = off[np.isfinite(off)]
        added = math.hypot(*off) / math.sqrt(off.size) if off.size else math.inf
        return math.hypot(own, added, HALF_ULP * self.eps * abs(look.series[0][0]))

    @cached_property
    def nearby(self) -> list[tuple[float, float, float]]:
        """Points around x that the precision holds, with the trusted derivative and its bar; x alone beside an end."""
        look = self.look
        wide = max(float(look.first.delta), 2.0 * SAMPLES * self.spacing)
        if look.sides != (1, -1) or self.reach < wide:
            return [(look.x, *look.trusted)]
        with np.errstate(all="ignore"):
            x = np.unique((look.x + wide * np.array(NEARBY)).astype(self.dtype)).astype(np.float64)
        x = x[(x >= look.f.domain[0]) & (x <= look.f.domain[1])]
        if look.f.expression is not None:
            value, bar = look.f.exact_derivative(x), np.zeros(x.shape)
        else:
            found = dk.derivative(look.ledger, x, domain=look.f.domain)
            value, bar = found.value, found.error
        there = np.isfinite(value) & (bar <= VAGUE * look.trusted[1])
        return [(float(p), float(v), float(b)) for p, v, b in zip(x[there], value[there], bar[there], strict=True)]


def _quiet(f: Callable[[Numbers], Numbers], x: Numbers) -> Numbers:
    with np.errstate(all="ignore"):
        return f(x)


@dataclass(frozen=True)
class Expected:
    """The two parts of the error to be expected; arrays over the deltas."""

    delta: Array
    truncation: Array
    rounding: Array

    @property
    def total(self) -> Array:
        """Truncation plus rounding."""
        return np.asarray(self.truncation + self.rounding)


def expected_error(place: Place, formula: dk.Stencil, delta: Array) -> Expected:
    """Truncation |c_p| h^p + |c_(p+1)| h^(p+1) + ... and rounding S e_f / h, from the measured scales.

    c_k is the formula's moment of order k + 1 times the Taylor coefficient of f as measured, its bar added, which is
    not more than would have been seen over the reach; S is the root of the sum of the squared weights, as errors of
    single values are independent. The values are rounded, so are the partial sums, the quotient, and all points but the
    two outermost, whose distance is known. Where the values grow over the step, so does the noise.
    """
    size, bars = np.abs(place.look.sure), place.look.series[1]
    p, d = formula.order, formula.derivative
    orders = range(d + p, min(d + p + TERMS, HIGHEST + 1))
    # over the reach nothing was seen above the noise but the polynomial
    doubt = [min(bars[n], 2.0 * SURE * place.noise / place.reach**n) for n in orders]
    moments = [abs(float(moment(formula.offsets, formula.weights, n))) for n in orders]
    terms = [m * (size[n] + bar) for n, m, bar in zip(orders, moments, doubt, strict=True)]
    truncation = np.sum([c * delta ** (n - d) for n, c in zip(orders, terms, strict=True)], axis=0)
    weights = np.array([float(w) for w in formula.weights])
    values = np.sum([size[n] * delta**n for n in range(HIGHEST + 1)], axis=0)
    unit = HALF_ULP * place.eps
    growth = np.maximum(1.0, values / place.look.largest) if place.look.largest > 0.0 else 1.0
    sums = np.cumsum(weights)[1:-1]
    points = (weights.size > 2) * unit * (abs(place.look.x) + delta) * size[1]
    parts = (
        np.linalg.norm(weights) * place.noise * growth,
        np.linalg.norm(sums) * unit * values,
        np.linalg.norm(weights) * points,
    )
    rounding = np.hypot.reduce([part / delta**d for part in parts])
    return Expected(delta, truncation, np.hypot(rounding, unit * size[1]))


def recommend(place: Place, formula: dk.Stencil) -> Expected:
    """The delta with the least expected error, two digits of it, and that error; arrays of one."""
    widest = max(abs(float(s)) for s in formula.offsets)
    top = place.reach / widest
    lo, hi = place.look.f.domain
    for side, room in ((-1.0, place.look.x - lo), (1.0, hi - place.look.x)):
        away = max(0.0, *(side * float(s) for s in formula.offsets))
        top = min(top, room / away) if away else top
    least = max(4.0 * place.spacing, top / 10**DECADES)
    if not least < top:
        return Expected(*(np.array([math.nan]) for _ in range(3)))
    delta = geomspace(least, top, max(2, math.ceil(FINE * math.log10(top / least))))
    best = float(delta[int(np.argmin(expected_error(place, formula, delta).total))])
    short = float(f"{best:.1e}")
    return expected_error(place, formula, np.array([short if short <= top else best]))


# What it is worth


@dataclass(frozen=True)
class Sweep:
    """Estimates and errors of a formula in a precision; arrays over the deltas."""

    delta: Array
    estimate: Array
    error: Array
    status: NDArray[np.int8]

    @property
    def counted(self) -> Array:
        """The errors, no estimate being worse than any."""
        return np.where(np.isnan(self.error), np.inf, self.error)


def measure(place: Place, formula: dk.Stencil, delta: Array, at: tuple[float, float, float] | None = None) -> Sweep:
    """Compute a formula in the precision, and its distance from the trusted derivative.

    ``at`` is another point than the place's own, with the trusted derivative and its bar there.
    """
    point, trusted, bar = at or (place.look.x, *place.look.trusted)
    with np.errstate(all="ignore"):
        x, steps = np.array([point]).astype(place.dtype), delta.astype(place.dtype)
        found = rounded_difference(place.call, x, steps, formula, place.look.f.domain)
        estimate = extended(found.estimate)
        error = np.abs(estimate - np.longdouble(trusted)).astype(np.float64)
    vanished = found.vanished | (steps == 0)
    reasons = [found.outside, vanished, ~np.isfinite(estimate), np.isnan(error), error <= bar]
    status = np.select(reasons, [np.int8(k) for k in range(1, 6)], default=np.int8(0))
    if bar == 0.0:
        status = np.where(status == 5, np.int8(0), status)
    there = ~np.isin(status, (1, 2, 3))
    return Sweep(
        delta,
        np.where(there, estimate.astype(np.float64), np.nan),
        np.where(status == 0, error, np.nan),
        status,
    )


def typical_error(
    place: Place, formula: dk.Stencil, delta: Array, points: Sequence[tuple[float, float, float]]
) -> Array:
    """Root mean square of the errors over the half decade up to every delta, at all of the points together.

    Errors that are too small to be told count as the bar, steps that leave the domain not at all.
    """
    wanted = (delta[:, None] * BELOW).ravel()
    parts = []
    for at in points:
        found = measure(place, formula, wanted, at)
        errors = np.where(found.status == 5, at[2], found.counted)
        parts.append(np.where(found.status == 1, np.nan, errors).reshape(delta.size, BELOW.size))
    errors = np.concatenate(parts, axis=1)
    usable = ~np.isnan(errors)
    return np.where(2 * usable.sum(axis=1) >= errors.shape[1], root_mean_square(errors), np.inf)


def swept_error(found: Sweep, chosen: Sweep, bar: float) -> Array:
    """Root mean square of the errors of a sweep within half a decade of each of its deltas, and of the chosen one last.

    What a black box is judged by, of which no further values are asked.
    """
    delta = np.append(found.delta, chosen.delta)
    status = np.append(found.status, chosen.status)
    errors = np.where(status == 5, bar, np.append(found.counted, chosen.counted))
    near = (np.abs(np.log10(delta[:, None] / delta)) <= 0.5) & (status != 1)
    with np.errstate(all="ignore"):
        return np.array([math.hypot(*errors[row]) / math.sqrt(row.sum()) if row.any() else math.inf for row in near])


def _ladder(place: Place, deltas: int) -> Array:
    """So many deltas, from the spacing of floats at x to beyond the reach."""
    if not place.look.there:
        return geomspace(place.eps, 1.0, deltas)
    top = BEYOND * place.reach if place.look.scaled else max(1.0, abs(place.look.x))
    return geomspace(max(place.spacing, top / 10**DECADES), top, deltas)


def _advised(place: Place, formulas: Sequence[dk.Stencil], deltas: int) -> Iterator[tuple[str, Columns]]:
    """The sweep, the recommendation, what was expected and the law of the errors, for every formula."""
    look = place.look
    keys = {"function": look.f.name, "x": look.x, "precision": place.dtype.name}
    delta = _ladder(place, deltas)
    for formula in formulas:
        own = {**keys, "method": formula.name}
        found = measure(place, formula, delta)
        yield (
            "table",
            {
                **own,
                "delta": delta,
                "estimate": found.estimate,
                "trusted": look.trusted[0],
                "error": found.error,
                "status": (found.status, STATUSES),
            },
        )
        if note := _hindered(place):
            yield "advice", {**keys, **_nothing([formula.name], note)}
            continue
        yield "advice", {**own, **_advice(place, formula, delta, found)}
        wanted = expected_error(place, formula, delta[delta >= 4.0 * place.spacing])
        yield "expected", {**own, "delta": wanted.delta, "error": wanted.total, "bound": "estimated"}
        yield "law", {**own, **_law(formula, found)}


def _hindered(place: Place) -> str:
    """Why nothing can be recommended by any formula; empty if it can."""
    look = place.look
    if not look.there:
        return "this precision does not hold the point"
    if look.refused:
        return (
            "no scale was found"
            if str(look.first.status) == "unresolved"
            else ": ".join(["no delta helps", str(look.first.status), *look.first.raised[:1]])
        )
    if not look.scaled:
        return "dk.derivative found a bound of the derivative, but no window in which f is smooth"
    if not np.all(np.isfinite(place.call(np.array([look.x]).astype(place.dtype)))):
        return "this precision does not hold the value of f, or what is computed on the way to it"
    return ""


def _nothing(methods: Sequence[str], note: str) -> Columns:
    numbers = [name for name, (kind, _) in TABLES["advice"].items() if kind is float and name != "x"]
    return {"method": list(methods), **{name: np.full(len(methods), np.nan) for name in numbers}, "note": note}


def _advice(place: Place, formula: dk.Stencil, delta: Array, found: Sweep) -> Columns:
    look, chosen = place.look, recommend(place, formula)
    if math.isnan(chosen.delta[0]):
        return _nothing([formula.name], "floats at x lie too far apart for any step over which f is smooth")
    there = measure(place, formula, chosen.delta)
    if there.status[0] in (1, 2, 3):
        side = "both sides" if min(formula.offsets) < 0 < max(formula.offsets) else "the other side"
        return _nothing([formula.name], f"f has no values on {side} of x" if there.status[0] != 2 else "step vanished")
    tried = np.append(delta, chosen.delta)
    if look.dear:
        everywhere = swept_error(found, there, look.trusted[1])
        typical = everywhere[-1:]
    else:
        here = [(look.x, *look.trusted)]
        typical = typical_error(place, formula, chosen.delta, here)
        everywhere = np.maximum(*(typical_error(place, formula, tried, points) for points in (here, place.nearby)))
    best = int(np.flatnonzero(everywhere == everywhere.min())[np.argmax(tried[everywhere == everywhere.min()])])
    trusted, bar = look.trusted
    # no quotient of this precision is better than half its last place, and no error is told below the bar
    floor = max(0.5 * place.eps * abs(trusted), bar, float(np.finfo(place.dtype).smallest_subnormal))
    with np.errstate(over="ignore"):
        regret = np.maximum(typical, floor) / max(float(everywhere[best]), floor)
    theory = dk.predict_optimum(look.f, look.x, formulas=[formula])[0] if place.dtype == np.float64 else None
    return {
        "delta": chosen.delta,
        "truncation": chosen.truncation,
        "rounding": chosen.rounding,
        "expected": chosen.total,
        "measured": there.error,
        "typical": typical,
        "best_delta": tried[best],
        "best": everywhere[best],
        "luckiest": float(np.nanmin(found.error)) if np.any(~np.isnan(found.error)) else math.nan,
        "regret": regret,
        "theory_delta": math.nan if theory is None else float(theory.delta),
        "theory": math.nan if theory is None else float(theory.error),
        "note": f"errors below {bar:.0e} cannot be told" if there.status[0] == 5 else "",
    }


def _law(formula: dk.Stencil, found: Sweep) -> Columns:
    law = dk.fit_error_law(found.delta, found.error)
    return {
        "order": np.array([float(formula.order)]),
        "order_observed": law.order,
        "growth": float(formula.derivative),
        "growth_observed": law.growth,
        "delta": law.delta,
        "points": law.points,
        "note": law.note,
    }


def _quotients(look: Look, formulas: Sequence[dk.Stencil], deltas: int) -> Columns:
    """Where no delta helps: what the formulas say at every delta, in float64; of a black box at those of the sweep."""
    fine = max(1.0, abs(look.x)) * logspace(-12, 0, 12 * GRID + 1)
    delta = _ladder(Place(look, np.dtype(np.float64)), deltas) if look.dear else fine
    estimate = dk.sweep(look.values, look.x, delta, formulas=formulas).estimate
    return {
        "function": look.f.name,
        "x": look.x,
        "method": (np.repeat(np.arange(len(formulas), dtype=np.int16), delta.size), tuple(e.name for e in formulas)),
        "delta": np.tile(delta, len(formulas)),
        "size": np.abs(estimate).ravel(),
    }


# What the whole run says


def conclude(tables: Mapping[str, Columns]) -> Iterator[tuple[str, Columns]]:
    """Yield the summary and the answer in words."""
    advice = _once(tables["advice"], *CURVE)
    yield "summary", {name: advice[name] for name in TABLES["summary"]}
    yield "findings", {"finding": list(_findings(tables, advice))}


def _once(columns: Columns, *names: str) -> dict[str, NDArray[Any]]:
    """The first row of every distinct key, in the order of first appearance."""
    whole = {name: np.asarray(values) for name, values in columns.items()}
    first: dict[tuple[Any, ...], int] = {}
    for k, key in enumerate(zip(*(whole[name] for name in names), strict=True)):
        first.setdefault(key, k)
    return {name: values[list(first.values())] for name, values in whole.items()}


def _findings(tables: Mapping[str, Columns], advice: Columns) -> Iterator[str]:
    answers = _once(tables["answers"], *PLACE)
    rows = [dict(zip(answers, values, strict=True)) for values in zip(*answers.values(), strict=True)]
    advised = [dict(zip(advice, values, strict=True)) for values in zip(*advice.values(), strict=True)]
    for answer in rows[:TOLD]:
        own = [row for row in advised if row["function"] == answer["function"] and _near(row["x"], answer["x"])]
        if str(answer["status"]) in REFUSALS:
            yield _why_none(answer, tables["quotients"])
            continue
        finest = sorted(dict.fromkeys(str(row["precision"]) for row in own), key=lambda name: np.finfo(name).eps)
        for name in finest:
            yield from _take(answer, [row for row in own if row["precision"] == name])
        yield _needs_none(answer)
        yield from _seen(answer, tables)
    if len(rows) > TOLD:
        yield f"The tables answers and advice tell of {len(rows) - TOLD} more points."
    yield from _judged(advised)


def _near(x: float, held: float) -> bool:
    """Whether a precision's point stands for this one: float16 holds it to three digits, or as 0 or infinity."""
    return bool(abs(x - held) <= 1e-3 * abs(held) + 1e-7 or not math.isfinite(x))


def _place(row: Mapping[str, Any]) -> str:
    return f"{row['function']} at x = {row['x']:.9g}"


def _take(answer: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """One precision in words: the formula with the least expected error first, then the others."""
    where = f"{answer['function']} at x = {rows[0]['x']:.9g} in {rows[0]['precision']}"
    usable = sorted((row for row in rows if math.isfinite(row["delta"])), key=lambda row: float(row["expected"]))
    if not usable:
        yield f"{where}: there is nothing to recommend, as {rows[0]['note']}."
        return
    best, others = usable[0], usable[1:]
    size = abs(float(answer["value"]))
    lost = best["expected"] >= 0.1 * size and str(answer["status"]) != "below_resolution"
    worth = f" The derivative is {answer['value']:.3g}: not one digit of it can be had in this type." if lost else ""
    made_of = f"(truncation {_size(best['truncation'])}, rounding {_size(best['rounding'])})"
    yield (
        f"{where}: take delta = {best['delta']:.2g} with {best['method']}. Expect an error of "
        f"{_size(best['expected'])} {made_of}; measured {_told(best)}.{worth}"
        + "".join(
            f" With {row['method']} take {row['delta']:.2g}: expect {_size(row['expected'])}, measured {_told(row)}."
            for row in others
        )
        + "".join(f" {row['method']} cannot be used: {row['note']}." for row in rows if not math.isfinite(row["delta"]))
    )


def _size(error: float) -> str:
    return f"{error:.1e}" if error else "0"


def _told(row: Mapping[str, Any]) -> str:
    """The error made, and what the best of all deltas would give."""
    if math.isnan(row["measured"]):
        return f"no difference from dk.derivative above its own bar ({row['note']})"
    made = _size(row["measured"])
    if not math.isfinite(row["best"]):
        return made
    return f"{made}; the best of all deltas, {row['best_delta']:.2g}, gives {_size(row['best'])} or so"


def _needs_none(answer: Mapping[str, Any]) -> str:
    """What dk.derivative gives without a delta."""
    true = ""
    if math.isfinite(answer["error"]):
        held = "and is" if answer["error"] <= answer["bar"] else "but is in truth"
        true = f" ({held} {_size(answer['error'])} off)"
    if math.isnan(answer["exact"]):
        true = ". As no exact derivative is known, the errors above are differences from this value"
    status = "" if str(answer["status"]) == "ok" else f" Its status is {answer['status']}: {answer['said']}"
    return (
        f"{_place(answer)}: dk.derivative needs no delta. From {answer['evaluations']} values of f it says "
        f"{float(answer['value'])!r} within {answer['bar']:.1e}{true}.{status}"
    )


def _seen(answer: Mapping[str, Any], tables: Mapping[str, Columns]) -> Iterator[str]:
    """How the window was chosen: what smaller and larger ones would have said, and where noise begins."""
    if "windows" not in tables or "plateau" not in tables:
        return
    windows, plateau = tables["windows"], tables["plateau"]
    here = (np.asarray(windows["function"]) == answer["function"]) & (np.asarray(windows["x"]) == answer["x"])
    own = (np.asarray(plateau["function"]) == answer["function"]) & (np.asarray(plateau["x"]) == answer["x"])
    noisy = own & (np.asarray(plateau["line"]) == "noise")
    noisy &= np.array([str(name).startswith(COMPARED[0]) for name in plateau["window"]], dtype=np.bool_)
    if not np.any(noisy):
        return
    what, reach, error = (np.asarray(windows[name])[here] for name in ("quantity", "reach", "error"))
    resolved = what == "error bar"
    smallest = int(np.argmin(np.where(resolved, reach, np.inf)))
    larger = reach[(what == "bar, no plateau met") & (reach > answer["reach"])]
    yield (
        f"{_place(answer)}: it saw f on a window of {answer['reach']:.2g} to both sides, where the coefficients of "
        f"polynomials fall up to degree {int(np.min(np.asarray(plateau['degree'])[noisy])) - 1} and then stay level: "
        f"that level, {answer['noise']:.1e}, is the noise of f. A window of {reach[smallest]:.1e} would have a bar of "
        f"{error[smallest]:.1e}, as noise is divided by its size"
        + (f"; from {larger.min():.2g} on no plateau is met, and truncation has no bound." if larger.size else ".")
    )


def _why_none(answer: Mapping[str, Any], quotients: Columns) -> str:
    """Why no delta helps, with quotients as evidence."""
    here = (np.asarray(quotients["function"]) == answer["function"]) & (np.asarray(quotients["x"]) == answer["x"])
    methods = list(dict.fromkeys(np.asarray(quotients["method"])[here].tolist()))
    seen = "; ".join(_quoted(quotients, here, method) for method in methods)
    reason = REASONS[str(answer["status"])]
    helpless = "can be recommended" if str(answer["status"]) == "unresolved" else "helps"
    return f"{_place(answer)}: no delta {helpless}, and dk.derivative says why: {answer['said']} {reason} {seen}."


def _quoted(quotients: Columns, here: NDArray[np.bool_], method: str) -> str:
    own = here & (np.asarray(quotients["method"]) == method)
    delta, size = np.asarray(quotients["delta"])[own], np.asarray(quotients["size"])[own]
    scale = float(delta.max())
    near = [int(np.argmin(np.abs(np.log(delta / (scale * goal))))) for goal in QUOTED]
    values = ", ".join(f"{size[k]:.3g}" if math.isfinite(size[k]) else "none" for k in near)
    return f"{method} gives |slope| {values} at delta = {', '.join(f'{delta[k]:.0e}' for k in near)}"


REASONS: Mapping[str, str] = {
    "kink": "A smaller delta does not mend that: a forward formula finds the slope of the right, a backward one that "
    "of the left, a central one their mean, which is the slope of neither:",
    "jump": "The smaller delta is, the steeper the line across the jump:",
    "vertical": "The quotients grow without end as delta falls:",
    "unresolved": "Without a scale on which f is smooth nothing tells a good delta from a bad one. Whether the "
    "quotients settle is for the reader to judge:",
    "not_finite": "There is no point of the graph to put a tangent to, whatever a central formula makes of its "
    "neighbours:",
}
"""What follows from each refusal for every delta."""


def _judged(advised: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """How good the recommendations were, over all of them."""
    known = [row for row in advised if math.isfinite(row["regret"])]
    if not known:
        return
    regret = np.array([float(row["regret"]) for row in known])
    worst = known[int(np.argmax(regret))]
    count = "The one recommendation has" if len(known) == 1 else f"{len(known)} recommendations have"
    yield (
        f"{count} errors of {np.median(regret):.2g} times those around the best of all deltas in the median, and of "
        f"{regret.max():.2g} times at worst ({_place(worst)}, {worst['method']} in {worst['precision']})."
    )
    missed = [row for row in known if min(row["measured"], row["typical"]) > MISSED * row["expected"]]
    if missed:
        yield (
            f"What was expected is missed in {len(missed)} of {len(known)} cases (first {_place(missed[0])}, "
            f"{missed[0]['method']} in {missed[0]['precision']}): f holds something there that its values on the "
            "ladder do not show."
        )
    # a straight line has no best delta
    theory = [row for row in known if math.isfinite(row["theory_delta"]) and row["truncation"] > 0.01 * row["rounding"]]
    if theory:
        ratios = np.array([float(row["delta"] / row["theory_delta"]) for row in theory])
        many = "in the median " if len(theory) > 1 else ""
        yield (
            f"In float64 the delta found from values of f alone is {many}{np.median(ratios):.2g} times the one that "
            "theory finds from the expression, which reckons with the worst case of every rounding."
        )
