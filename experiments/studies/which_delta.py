"""Which delta is best for this function? The scales of f as the ladder of dk.derivative measures them, the delta that
follows from them for every formula and precision, and the error really made there beside the best of all deltas.

Nothing is asked of f but values: its noise, its higher derivatives and how far it is smooth come from the ladder. A
known expression is used to judge what was recommended, never to recommend.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from derivkit.grids import logspace
from derivkit.testing import (
    PRECISIONS,
    STATUSES,
    VALUELESS,
    Precision,
    RoundedSweep,
    calls_of_recommendations,
    in_precision,
    regret,
    rounded_sweep,
    sweep_deltas,
)

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

MIN_DELTAS = 9
"""Least deltas of a sweep."""
HIDDEN = 1e-3
"""Coefficients below this part of the noise are drawn at it; they hit 0 by luck."""
MISSED = 10.0
"""What was expected is missed if the errors are larger by this factor."""
BESIDE = range(-18, 15, 2)
"""By how many rungs of the ladder the windows beside the chosen one are larger or smaller."""
COMPARED = {-10: "too small", 0: "used", 6: "too large"}
"""Of these windows the coefficients are pictured; what they are called."""
MAX_POINTS_IN_WORDS = 6
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
        if self.deltas < MIN_DELTAS:
            raise ValueError(f"deltas={self.deltas}: a sweep needs at least {MIN_DELTAS}; write deltas=129")
        for f in (problem.function for problem in self.function):
            if self.deltas_of(f) < MIN_DELTAS:
                least = 2 * (self._calls_of_advice(f) + (MIN_DELTAS + 1) * self._points_of_a_delta)
                raise ValueError(
                    f"calls={self.calls}: too few calls of {f.name} for {MIN_DELTAS} deltas of these methods; write "
                    f"calls={least} or fewer methods"
                )

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        curves = [(one, len(one.points) * len(self.precisions_of(one.function))) for one in self.function]
        return sum(count * len(self.method) * self.deltas_of(one.function) for one, count in curves)

    @property
    def most_calls(self) -> Mapping[str, int]:
        """How often somebody's own code is called at most, by its name."""
        return {
            one.function.name: self.calls * len(one.points) * len(self.precisions_of(one.function))
            for one in self.function
            if one.function.costly
        }

    def precisions_of(self, f: dk.Function) -> tuple[str, ...]:
        """In which precisions a function is computed: costly code in float64 unless others are requested."""
        return self.precision or (PRECISIONS[-1:] if f.costly else PRECISIONS)

    def deltas_of(self, f: dk.Function) -> int:
        """How many deltas the sweep of a function has: that of costly code as many as its calls allow."""
        if not f.costly:
            return self.deltas
        # half of the calls are for dk.derivatives
        return min(self.deltas, (self.calls // 2 - self._calls_of_advice(f)) // self._points_of_a_delta)

    @property
    def _points_of_a_delta(self) -> int:
        return len({offset for name in self.method for offset in dk.formula(name).offsets if offset})

    def _calls_of_advice(self, f: dk.Function) -> int:
        """Calls beside those of the sweep and of dk.derivatives."""
        return calls_of_recommendations([dk.formula(name) for name in self.method], self.precisions_of(f))


def run(config: Config) -> Iterator[tuple[str, Columns]]:
    """Yield the tables of one job, point by point."""
    formulas = [dk.formula(name) for name in config.method]
    first = True
    for problem in config.function:
        f, deltas = problem.function, config.deltas_of(problem.function)
        for x in problem.points:
            found = dk.survey(f, x, budget=config.calls // 2 if f.costly else None)
            yield from _surveyed(found, pictured=first and not found.refused)
            first &= found.refused
            if found.refused:
                yield "quotients", _quotients(found, formulas, deltas)
            for name in config.precisions_of(f):
                yield from _advised(in_precision(found, name), formulas, deltas)


# What the values of f tell


def _surveyed(found: dk.Survey, *, pictured: bool) -> Iterator[tuple[str, Columns]]:
    """What dk.derivative answers, where it took values of f, and what its window tells."""
    answer, samples, keys = found.first, found.samples, {"function": found.f.name, "x": found.x}
    yield (
        "answers",
        {
            **keys,
            "expression": found.f.text,
            "status": [str(answer.status)],
            "value": np.array([answer.value]),
            "bar": np.array([answer.error]),
            "exact": found.exact,
            "error": abs(answer.value - found.exact) if math.isfinite(answer.value) else math.nan,
            "noise": answer.noise,
            "reach": answer.delta,
            "left": answer.left,
            "right": answer.right,
            "exponent": answer.exponent,
            "evaluations": answer.evaluations,
            "said": answer.message,
        },
    )
    places = {"distance": samples.distance, "t": found.x + samples.distance, "y": samples.value}
    yield "steps", {**keys, "turn": samples.call + 1, "used": found.used, **places}
    yield from _pictured(found)
    if not found.resolved:
        return
    size, bars = found.coefficients
    orders = np.arange(1, size.size)
    factorials = np.array([math.factorial(n) for n in orders], dtype=np.float64)
    exact = [float(found.f.exact_derivative(np.array(found.x), order=int(n))) for n in orders]
    known = np.isfinite(bars[1:])
    scales = {"measured": size[1:] * factorials, "bar": bars[1:] * factorials, "exact": np.array(exact)}
    yield "scales", {**keys, "order": orders[known], **{name: column[known] for name, column in scales.items()}}
    if not found.f.costly and str(answer.status) != "one_sided" and found.sides == (1, -1):
        yield from _windows(found, pictured=pictured)


def _pictured(found: dk.Survey) -> Iterator[tuple[str, Columns]]:
    """The graph around x with the values that were taken in it, and the tangent."""
    keys, answer, samples = {"function": found.f.name, "x": found.x}, found.first, found.samples
    half = MARGIN * float(answer.delta) if math.isfinite(answer.delta) else max(1.0, abs(found.x))
    lo, hi = max(found.x - half, found.f.domain[0]), min(found.x + half, found.f.domain[1])
    near = (np.abs(samples.distance) <= half) & np.isfinite(samples.value)
    at = found.x + samples.distance[near]
    t = np.unique(np.append(at, found.x)) if found.f.costly else np.linspace(lo, hi, GRAPH)
    yield "curves", {**keys, "line": "f", "t": t, "y": found.values(t)}
    if math.isfinite(answer.value):
        ends = np.array([lo, hi])
        tangent = found.values(found.x) + answer.value * (ends - found.x)
        yield "curves", {**keys, "line": "tangent by dk.derivative", "t": ends, "y": tangent}
    yield "dots", {**keys, "line": "f", "t": at, "y": samples.value[near]}


def _windows(found: dk.Survey, *, pictured: bool) -> Iterator[tuple[str, Columns]]:
    """Windows smaller and larger than the chosen one: what each would have answered, and three of them in full."""
    keys = {"function": found.f.name, "x": found.x}
    trusted, bar = found.trusted
    rows: list[tuple[float, str, float]] = []
    for window in found.windows(sorted({*BESIDE, *COMPARED})):
        made = abs(window.value - trusted)
        rows.append((window.reach, "error bar" if window.resolved else "bar, no plateau met", window.error))
        if made > bar:
            rows.append((window.reach, "error made", made))
        if window.exponent in COMPARED:
            name = f"{COMPARED[window.exponent]}, {window.reach:.2g}"
            yield "plateau", {**keys, "window": name, "pictured": pictured, **_plateau(window)}
    rows.append((float(found.first.delta), "bar of the window used", float(found.first.error)))
    reach, what, error = zip(*rows, strict=True)
    yield "windows", {**keys, "reach": np.array(reach), "quantity": list(what), "error": np.array(error)}


def _plateau(window: dk.WindowResult) -> Columns:
    """Coefficients by degree, those of f and those of noise as two lines; where no plateau was met, one."""
    size = np.log10(np.maximum(np.abs(window.coefficients), HIDDEN * window.noise) / window.largest)
    degrees = np.arange(1, size.size)
    first = window.plateau if window.resolved else size.size
    level = [math.log10(window.noise / window.largest)] * 2 if window.resolved else []
    noise = degrees[degrees >= first]
    signal = degrees[degrees <= first]
    return {
        "line": ["coefficients of f"] * signal.size + ["noise"] * noise.size + ["level of the noise"] * len(level),
        "degree": np.concatenate([signal, noise, degrees[[0, -1]][: len(level)]]),
        "size": np.concatenate([size[signal], size[noise], level]),
    }


# What follows from it


def _advised(place: Precision, formulas: Sequence[dk.Stencil], deltas: int) -> Iterator[tuple[str, Columns]]:
    """The sweep, the recommendation, what was expected and the law of the errors, for every formula."""
    found = place.survey
    keys = {"function": found.f.name, "x": found.x, "precision": place.dtype.name}
    delta = sweep_deltas(place, deltas)
    for formula in formulas:
        own = {**keys, "method": formula.name}
        swept = rounded_sweep(place, formula, delta)
        yield (
            "table",
            {
                **own,
                "delta": delta,
                "estimate": swept.estimate,
                "trusted": found.trusted[0],
                "error": swept.error,
                "status": (swept.status, STATUSES),
            },
        )
        yield "advice", {**own, **_advice(place, formula, swept)}
        if place.hindrance:
            continue
        wanted = place.expected_error(formula, delta[delta >= 4.0 * place.spacing])
        yield "expected", {**own, "delta": wanted.delta, "error": wanted.total, "bound": "estimated"}
        yield "law", {**own, **_law(formula, swept)}


def _advice(place: Precision, formula: dk.Stencil, swept: RoundedSweep) -> Columns:
    chosen = place.recommend(formula)
    if math.isnan(chosen.delta):
        numbers = [name for name, (kind, _) in TABLES["advice"].items() if kind is float and name != "x"]
        return {**{name: np.full(1, np.nan) for name in numbers}, "note": chosen.message}
    worth = regret(place, chosen, formula, swept)
    theory = math.nan, math.nan
    if place.dtype == np.float64:
        (best,) = dk.predict_optimum(place.survey.f, place.survey.x, formulas=[formula])
        theory = float(best.delta), float(best.error)
    return {
        "delta": np.array([chosen.delta]),
        "truncation": chosen.truncation,
        "rounding": chosen.rounding,
        "expected": chosen.error,
        "measured": worth.measured,
        "typical": worth.typical,
        "best_delta": worth.best_delta,
        "best": worth.best,
        "luckiest": worth.luckiest,
        "regret": worth.ratio,
        "theory_delta": theory[0],
        "theory": theory[1],
        "note": "" if math.isnan(worth.below_bar) else f"errors below {worth.below_bar:.0e} cannot be told",
    }


def _law(formula: dk.Stencil, swept: RoundedSweep) -> Columns:
    law = dk.fit_error_law(swept.delta, swept.error)
    return {
        "order": np.array([float(formula.order)]),
        "order_observed": law.order,
        "growth": float(formula.derivative),
        "growth_observed": law.growth,
        "delta": law.delta,
        "points": law.points,
        "note": law.note,
    }


def _quotients(found: dk.Survey, formulas: Sequence[dk.Stencil], deltas: int) -> Columns:
    """Where no delta helps: what the formulas say at every delta, in float64; of costly code at those of the sweep."""
    fine = max(1.0, abs(found.x)) * logspace(-12, 0, 12 * GRID + 1)
    delta = sweep_deltas(in_precision(found, np.float64), deltas) if found.f.costly else fine
    estimate = dk.sweep(found.values, found.x, delta, formulas=formulas).estimate
    return {
        "function": found.f.name,
        "x": found.x,
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
    for answer in rows[:MAX_POINTS_IN_WORDS]:
        own = [row for row in advised if row["function"] == answer["function"] and _near(row["x"], answer["x"])]
        if str(answer["status"]) in VALUELESS:
            yield _why_none(answer, tables["quotients"])
            continue
        finest = sorted(dict.fromkeys(str(row["precision"]) for row in own), key=lambda name: np.finfo(name).eps)
        for name in finest:
            yield from _take(answer, [row for row in own if row["precision"] == name])
        yield _needs_none(answer)
        yield from _seen(answer, tables)
    if len(rows) > MAX_POINTS_IN_WORDS:
        yield f"The tables answers and advice tell of {len(rows) - MAX_POINTS_IN_WORDS} more points."
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
