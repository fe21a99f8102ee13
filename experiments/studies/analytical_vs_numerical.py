"""Is the analytical derivative exact and much quicker? Its error and its time, beside those of dual numbers and of
difference formulas at their predicted best delta, on every function that has an expression.
"""

from __future__ import annotations

import functools
import math
import operator
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from derivkit.expressions.evaluation import CONSTANTS, interpret, nearest_float
from derivkit.grids import logspace
from derivkit.numerical.difference import abscissa, combine
from derivkit.operations.elementary import OPERATIONS

Columns = Mapping[str, Any]
Array = NDArray[np.float64]
Callables = dict[str, Callable[[Array], object]]

METHOD: tuple[type, str] = (str, "analytical, dual numbers, or a difference formula at its predicted best delta")

TABLES: dict[str, dict[str, tuple[type, str]]] = {
    "table": {
        "function": (str, "name of the function"),
        "expression": (str, "what it computes"),
        "x": (float, "the point"),
        "method": METHOD,
        "delta": (float, "the predicted best delta of a formula"),
        "estimate": (float, "the derivative by the method, in float64"),
        "exact": (float, "the trusted derivative"),
        "error": (float, "|estimate - exact|"),
        "relative_error": (float, "error / |exact|; none where exact is 0"),
        "ulps": (float, "error in units in the last place of exact; none where exact is 0"),
        "digits": (
            float,
            "correct digits, -log10 of the relative error, from 0 to 16; of an exact 0 either 16 or none",
        ),
        "rounding": (float, "how far rounding may take the estimate; none where it is not known how f is computed"),
        "status": (str, "ok, or why there is no error: see STATUSES"),
    },
    "cost": {
        "function": (str, "name of the function"),
        "method": METHOD,
        "evaluations": (int, "how often the method computes f at a point; 0 for the analytical derivative"),
        "ratio": (float, "its time per point over that of one evaluation of f, vectorised, in one thread"),
        "setup_seconds": (float, "before the first point: deriving and checking, or predicting the best delta"),
    },
    "ranked": {
        "method": METHOD,
        "share": (float, "percent of the points with at least so many correct digits"),
        "digits": (float, "correct digits"),
    },
    "picture": {
        "order": (int, "number of the element, in the order of drawing"),
        "element": (str, "line, points, text, or axes (two opposite corners)"),
        "color": (str, "its color"),
        "label": (str, "its name in the legend, or the text itself"),
        "t": (float, "time of one point, in evaluations of f: the median over the functions"),
        "y": (float, "correct digits: the median over the points; of a line 10 % and 90 %"),
    },
    "lost": {
        "expression": (str, "a function whose formula cancels"),
        "x": (float, "the point"),
        "method": METHOD,
        "relative_error": (float, "|estimate - exact| / |exact|"),
        "status": (str, "ok, or why there is no error: see STATUSES"),
    },
    "losses": {
        "function": (str, "a function whose analytical derivative loses digits in float64"),
        "x": (float, "the point"),
        "derivative": (str, "the formula that loses them"),
        "digits": (float, "correct digits of the analytical derivative"),
        "ulps": (float, "its error in units in the last place"),
        "best_method": (str, "the difference formula with the least error there; empty if none has a correct digit"),
        "best_digits": (float, "the correct digits of that formula"),
    },
    "summary": {
        "method": METHOD,
        "points": (int, "points with an error"),
        "median_digits": (float, "half of the points have at least so many correct digits"),
        "worst_digits": (float, "all points have at least so many correct digits"),
        "within_2_ulp": (int, "points with an error of at most 2 ulp"),
        "above_1e-10": (int, "points with a relative error above 1e-10"),
        "evaluations": (int, "how often f is computed"),
        "ratio": (float, "median time per point, in evaluations of f"),
        "setup_milliseconds": (float, "median time before the first point"),
    },
    "findings": {"finding": (str, "what the tables say, in a sentence")},
}

MEASURED = {
    "cost": ("ratio", "setup_seconds"),
    "picture": ("t",),
    "summary": ("ratio", "setup_milliseconds"),
    "findings": ("finding",),
}
"""What a clock measured, or words that tell it: no part of what must come out again."""
KEYS = ("function", "x", "method")
"""What tells the rows of the table apart when runs are compared."""
ERRORS = {"error": ("estimate", "exact")}
"""A column that is proportional to the distance of two others, and moves when these do."""
TOLERANCES: Mapping[str, Mapping[str, object]] = {
    "estimate": {"column": "rounding"},
    "rounding": {"relative": 0.01},
    **{key: {"follows": ("error",)} for key in ("relative_error", "ulps", "digits")},
}
"""By how much rounding may move a column when a run is repeated. Of derivatives in float64 one percent is believed
(derivkit.trusted.bounds.DISAGREEMENT)."""

STATUSES = {
    "ok": "an estimate and its error",
    "no_derivative": "there is no derivative, and the method says so",
    "answered": "there is no derivative, and the method gives a number all the same",
    "unresolved": "the trusted value is not known",
    "refused": "there is a derivative, and the method gives none",
    "not_numpy": "dual numbers go through NumPy's functions, and this function uses another",
}
"""Statuses with their meaning."""

ANALYTICAL, DUAL = RULES = "analytical", "dual numbers"
DIGITS = 16.0
"""Decimal digits that a float64 holds, rounded up."""
SUSPICIOUS = 1e-10
"""Relative error above which a value is said to have lost digits: six of sixteen; a constant without a derivation."""
SHARES = np.linspace(0.0, 100.0, 101)
COLORS = ("#000000", "#CC79A7", "#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9")
"""Okabe and Ito (2008), told apart by colour-blind readers."""
NAMED = 4
"""Most losses that the findings name."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Functions, formulas, and sizes of what is timed: small here, real in the preset."""

    function: tuple[dk.Problem, ...]
    method: tuple[str, ...] = ("forward_1", "central_2")
    cancelling: tuple[str, ...] = ("(1-cos(x))/x^2",)
    lowest_exponent: int = -4
    highest_exponent: int = 0
    per_decade: int = 2
    samples: int = 1000
    repeats: int = 1

    def __post_init__(self) -> None:
        if not (self.function and self.method):
            raise ValueError("at least one function and one method are needed")
        for problem in self.function:
            if problem.function.expression is None:
                raise ValueError(
                    f"{problem.function.name}: no expression is known, so that there is no analytical derivative; "
                    "write expression= too"
                )
        for name in self.method:
            dk.formula(name)
        for text in self.cancelling:
            dk.Function.from_expression(text)
        for name in ("per_decade", "samples", "repeats"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: must be at least 1")
        if not -300 <= self.lowest_exponent < self.highest_exponent <= 300:
            raise ValueError(
                f"lowest_exponent={self.lowest_exponent}, highest_exponent={self.highest_exponent}: "
                "must be from -300 to 300, the lower first"
            )

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        return sum(len(problem.points) for problem in self.function) * (len(self.method) + 2)


def run(config: Config) -> Iterator[tuple[str, Columns]]:
    """Yield the errors and the times of one function at a time, then the sweeps of formulas that cancel."""
    for problem in config.function:
        ways = Ways.of(problem.function, np.array(problem.points), config.method, repeats=config.repeats)
        yield "table", _errors(ways)
        yield "cost", _costs(ways, config)
    count = (config.highest_exponent - config.lowest_exponent) * config.per_decade + 1
    x = logspace(config.lowest_exponent, config.highest_exponent, count)
    for text in config.cancelling:
        f = dk.Function.from_expression(text)
        swept = _errors(Ways.of(f, x, config.method))
        yield "lost", {name: swept[name] for name in TABLES["lost"]}


# A function with all its derivatives


@dataclass(frozen=True, kw_only=True)
class Ways:
    """A function at its points, and all ways to its derivative there."""

    f: dk.Function
    x: Array
    derivation: dk.Derivation
    formulas: tuple[dk.Stencil, ...]
    delta: tuple[Array, ...]
    setup: tuple[float, float]
    """Seconds to derive, and to predict the best delta of one formula."""

    @classmethod
    def of(cls, f: dk.Function, x: Array, method: Sequence[str], *, repeats: int = 1) -> Ways:
        """Derive f, and find every formula's best delta."""
        formulas = tuple(map(dk.formula, method))
        deriving = _least(repeats, lambda: dk.derive(_expression_of(f)))
        start = time.perf_counter()
        best = dk.predict_optimum(f, x, formulas=formulas)
        predicting = (time.perf_counter() - start) / len(formulas)
        return cls(
            f=f,
            x=x,
            derivation=dk.derive(_expression_of(f)),
            formulas=formulas,
            delta=tuple(np.asarray(one.delta) for one in best),
            setup=(deriving, predicting),
        )

    @property
    def methods(self) -> list[str]:
        """The names of all ways."""
        return [ANALYTICAL, DUAL, *(formula.name for formula in self.formulas)]

    def estimates(self) -> list[Array | None]:
        """The derivative by every way, shape of x each; None where a way cannot be gone."""
        found: list[Array | None] = [np.asarray(self.derivation(self.x)), self._dual(self.x)]
        for formula, delta in zip(self.formulas, self.delta, strict=True):
            usable = np.isfinite(delta)
            taken = dk.difference(self.f, self.x, np.where(usable, delta, 1.0), formula=formula)
            found.append(np.where(usable, taken, np.nan))
        return found

    def roundings(self) -> list[Array]:
        """How far rounding may take the estimate by every way, shape of x each.

        Dual numbers multiply the same slopes as the rules, in another order, and are given the bound of the rules.
        """
        _, own = dk.Function.from_expression(self.derivation.result).predicted_value(self.x)
        found = [own, own]
        for formula, delta in zip(self.formulas, self.delta, strict=True):
            usable = np.isfinite(delta)
            (predicted,) = dk.predict_error(self.f, self.x, np.where(usable, delta, 1.0), formulas=[formula])
            found.append(np.where(usable, predicted.rounding, np.nan))
        return found

    def _dual(self, x: Array) -> Array | None:
        try:
            return np.asarray(dk.dual(as_numpy(self.f), x).derivative)
        except dk.DualError:
            return None

    def callables(self, count: int) -> Callables:
        """Every way as plain work on so many points, without checks: what a loop over the points would call."""
        result = dk.Function.from_expression(self.derivation.result).call
        spread = [np.resize(np.where(np.isfinite(delta), delta, 1.0), count) for delta in self.delta]
        plain = as_numpy(self.f)
        dual: Callables = {DUAL: lambda x: dk.dual(plain, x)} if self._dual(self.x) is not None else {}
        return {
            ANALYTICAL: result,
            **dual,
            **{one.name: self._formula(one, delta) for one, delta in zip(self.formulas, spread, strict=True)},
        }

    def _formula(self, formula: dk.Stencil, delta: Array) -> Callable[[Array], object]:
        weights, offsets, call = formula.coefficients[0], formula.offsets, self.f.call
        return lambda x: combine(weights, [call(abscissa(x, offset, delta)) for offset in offsets], delta)


def _expression_of(f: dk.Function) -> dk.Expression:
    if f.expression is None:
        raise ValueError(f"{f.name}: no expression is known")
    return f.expression


def as_numpy(f: dk.Function) -> Callable[[Any], Any]:
    """f as somebody would write it with NumPy, so that dual numbers go through it; a black box as it is."""
    expression = _expression_of(f)
    if f.text != str(expression):
        return f.call
    return lambda x: interpret(
        expression,
        number=lambda value: np.float64(nearest_float(value)),
        constant=CONSTANTS.__getitem__,
        variable=lambda name: x,
        apply=lambda name, *arguments: _in_numpy(name)(*arguments),
    )


def _in_numpy(operation: str) -> Callable[..., Any]:
    return NUMPY.get(operation) or OPERATIONS[operation].value


NUMPY: Mapping[str, Callable[..., Any]] = {
    "power": operator.pow,
    "sigmoid": lambda u: 1.0 / (1.0 + np.exp(-u)),
    "softplus": lambda u: np.logaddexp(0.0, u),
}
"""How operations are written with NumPy that have no universal function of their own."""


# Errors


def _errors(ways: Ways) -> Columns:
    """One row per point and method."""
    exact, known = _trusted(ways)
    found = ways.estimates()
    estimates = [np.full(ways.x.shape, np.nan) if one is None else one for one in found]
    statuses = [
        _status(estimate, exact, known) if one is not None else np.full(ways.x.shape, "not_numpy")
        for one, estimate in zip(found, estimates, strict=True)
    ]
    count = len(estimates)
    estimate, truth = np.concatenate(estimates), np.tile(exact, count)
    status = np.concatenate(statuses)
    shown = np.where(status == "ok", estimate, np.nan)
    gaps = [np.full(ways.x.shape, np.nan)] * 2
    relative = dk.relative_error(shown, truth)
    return {
        "function": ways.f.name,
        "expression": str(ways.f.expression),
        "x": np.tile(ways.x, count),
        "method": np.repeat(ways.methods, ways.x.size).tolist(),
        "delta": np.concatenate([*gaps, *ways.delta]),
        "estimate": estimate,
        "exact": truth,
        "error": dk.absolute_error(shown, truth),
        "relative_error": relative,
        "ulps": dk.ulp_error(shown, truth),
        "digits": _digits(relative, shown, truth),
        "rounding": np.concatenate(ways.roundings()),
        "status": status.tolist(),
    }


def _trusted(ways: Ways) -> tuple[Array, NDArray[np.str_]]:
    found = [dk.exact(_expression_of(ways.f), float(x)) for x in ways.x]
    statuses = [str(one.status).replace("vertical", "no_derivative") for one in found]
    return np.array([one.value if math.isfinite(one.value) else math.nan for one in found]), np.array(statuses)


def _status(estimate: Array, exact: Array, known: NDArray[np.str_]) -> NDArray[np.str_]:
    given, there = np.isfinite(estimate), np.isfinite(exact)
    absent = np.where(given, "answered", "no_derivative")
    return np.where(there, np.where(given, "ok", "refused"), np.where(known == "no_derivative", absent, "unresolved"))


def _digits(relative: Array, estimate: Array, exact: Array) -> Array:
    """Correct digits; of an exact 0 all or none."""
    with np.errstate(divide="ignore"):
        digits = np.clip(-np.log10(relative), 0.0, DIGITS) + 0.0  # no -0
    zero = np.where(np.isnan(estimate), np.nan, np.where(estimate == 0.0, DIGITS, 0.0))
    return np.where(exact == 0.0, zero, digits)


# Times


def _costs(ways: Ways, config: Config) -> Columns:
    """One row per method: the least time of interleaved repeats, over that of f alone."""
    x = np.resize(ways.x, config.samples)
    work: Callables = {"f": ways.f.call, **ways.callables(config.samples)}
    seconds = dict.fromkeys(work, math.inf)
    with np.errstate(all="ignore"):
        for _ in range(config.repeats):
            for name, call in work.items():
                seconds[name] = min(seconds[name], _least(1, functools.partial(call, x)))
    return {
        "function": ways.f.name,
        "method": ways.methods,
        "evaluations": np.array([0, 1, *(len(formula.offsets) for formula in ways.formulas)]),
        "ratio": np.array([seconds.get(name, math.nan) / seconds["f"] for name in ways.methods]),
        "setup_seconds": np.array([ways.setup[0], 0.0, *[ways.setup[1]] * len(ways.formulas)]),
    }


def _least(repeats: int, work: Callable[[], object]) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


# The conclusion


def conclude(tables: Mapping[str, Columns]) -> Iterator[tuple[str, Columns]]:
    """Yield the summary, the ranks, the picture, the losses and what was found."""
    table, cost = tables["table"], tables["cost"]
    digits = {name: part["digits"][np.isfinite(part["digits"])] for name, part in _by_method(table).items()}
    digits = {name: found for name, found in digits.items() if found.size}
    summary = _summary(table, cost, digits)
    losses = _losses(table)
    for name, found in digits.items():
        # At least so many digits have 100 - p percent of the points, where p is the percentile.
        ranked = np.percentile(found, 100.0 - SHARES, method="inverted_cdf")
        yield "ranked", {"method": name, "share": SHARES, "digits": ranked}
    yield "picture", _picture(digits, summary)
    yield "losses", losses
    yield "summary", summary
    yield "findings", {"finding": list(_findings(tables, summary, losses))}


def _by_method(table: Columns) -> dict[str, dict[str, Any]]:
    method = np.asarray(table["method"])
    parts = {str(name): method == name for name in dict.fromkeys(table["method"])}
    return {name: {c: np.asarray(v)[at] for c, v in table.items()} for name, at in parts.items()}


def _summary(table: Columns, cost: Columns, digits: Mapping[str, Array]) -> Columns:
    parts, costs = _by_method(table), _by_method(cost)
    used = [(parts[name], costs[name], found) for name, found in digits.items()]
    return {
        "method": list(digits),
        "points": np.array([found.size for _, _, found in used]),
        "median_digits": np.array([np.median(found) for _, _, found in used]),
        "worst_digits": np.array([found.min() for _, _, found in used]),
        "within_2_ulp": np.array([int(np.sum((part["ulps"] <= 2) | (part["error"] == 0))) for part, _, _ in used]),
        "above_1e-10": np.array([int(np.sum(found < -math.log10(SUSPICIOUS))) for _, _, found in used]),
        "evaluations": np.array([int(part["evaluations"][0]) for _, part, _ in used]),
        "ratio": np.array([np.nanmedian(part["ratio"]) for _, part, _ in used]),
        "setup_milliseconds": np.array([1e3 * np.median(part["setup_seconds"]) for _, part, _ in used]),
    }


def _picture(digits: Mapping[str, Array], summary: Columns) -> Columns:
    """Digits against cost: the median of each method, and the middle 80 % of its points."""
    elements: list[tuple[str, str, str, Sequence[float], Sequence[float]]] = []
    ratios = dict(zip(summary["method"], summary["ratio"].tolist(), strict=True))
    elements.append(("axes", "white", "", (0.0, 1.15 * max(ratios.values())), (0.0, DIGITS + 1.0)))
    for k, (name, found) in enumerate(digits.items()):
        color = COLORS[k % len(COLORS)]
        low, median, high = np.percentile(found, (10, 50, 90)).tolist()
        elements.append(("line", color, "", (ratios[name],) * 2, (low, high)))
        elements.append(("points", color, name, (ratios[name],), (median,)))
    rows = [
        (order, kind, color, label, at, height)
        for order, (kind, color, label, t, y) in enumerate(elements)
        for at, height in zip(t, y, strict=True)
    ]
    columns = zip(*rows, strict=True)
    shape = TABLES["picture"].items()
    return {
        name: list(values) if kind is str else np.array(values, dtype=kind)
        for (name, (kind, _)), values in zip(shape, columns, strict=True)
    }


def _losses(table: Columns) -> Columns:
    """Where the analytical derivative has a relative error above SUSPICIOUS, the worst first."""
    parts = _by_method(table)
    own = parts[ANALYTICAL]
    lost = np.flatnonzero(own["digits"] < -math.log10(SUSPICIOUS))
    lost = lost[np.argsort(own["digits"][lost], kind="stable")]
    formulas = [name for name in parts if name not in RULES]
    # Every part has its rows in the same order, that of the functions and their points.
    rivals = np.array([parts[name]["digits"][lost] for name in formulas]).reshape(len(formulas), lost.size)
    best = np.argmax(np.where(np.isnan(rivals), -1.0, rivals), axis=0) if lost.size else np.empty(0, dtype=np.intp)
    return {
        "function": own["function"][lost].tolist(),
        "x": own["x"][lost],
        "derivative": [str(dk.derive(str(text)).result) for text in own["expression"][lost]],
        "digits": own["digits"][lost],
        "ulps": own["ulps"][lost],
        "best_method": [formulas[k] if rivals[k, place] > 0 else "" for place, k in enumerate(best)],
        "best_digits": rivals[best, np.arange(lost.size)],
    }


def _findings(tables: Mapping[str, Columns], summary: Columns, losses: Columns) -> Iterator[str]:
    parts = _by_method(tables["table"])
    row = {name: {c: v[k] for c, v in summary.items()} for k, name in enumerate(summary["method"])}
    formulas = [name for name in row if name not in RULES]
    if ANALYTICAL in row:
        yield from _is_it_exact(row[ANALYTICAL], losses)
    if ANALYTICAL in row and formulas:
        yield _is_it_quicker(row, formulas, tables["cost"])
        yield _how_near(row, formulas)
        yield _who_wins(parts, formulas)
    if DUAL in row and ANALYTICAL in row:
        a, b = row[DUAL], row[ANALYTICAL]
        yield (
            f"Dual numbers need no formula and have {a['median_digits']:.1f} digits (median) against "
            f"{b['median_digits']:.1f} of the analytical derivative; a point costs {a['ratio']:.2f} evaluations of f "
            f"against {b['ratio']:.2f}. They lose digits at {a['above_1e-10']} points, the formula at "
            f"{b['above_1e-10']}."
        )
    yield from _where_it_cancels(tables.get("lost", {}))
    yield from _without(parts)


def _is_it_exact(own: Mapping[str, Any], losses: Columns) -> Iterator[str]:
    points, good, bad = int(own["points"]), int(own["within_2_ulp"]), int(own["above_1e-10"])
    verdict = "Exact as mathematics, not always in float64" if bad else "Exact, within rounding"
    yield (
        f"Is the analytical derivative exact? {verdict}: at {good} of {points} points it is right to 2 ulp, at "
        f"{bad} its relative error is above {SUSPICIOUS:g}."
    )
    if bad:
        places = zip(losses["function"], losses["x"], losses["ulps"], losses["digits"], strict=True)
        said = [f"{name} at {x:.6g} ({ulps:.1e} ulp, {digits:.1f} digits)" for name, x, ulps, digits in places][:NAMED]
        more = f", and {bad - NAMED} more" if bad > NAMED else ""
        better = int(np.sum(losses["best_digits"] > losses["digits"]))
        yield (
            f"Where it loses digits, by cancellation in its own formula: {'; '.join(said)}{more}. At {better} of these "
            f"{bad} points a difference formula does better."
        )


def _is_it_quicker(row: Mapping[str, Mapping[str, Any]], formulas: Sequence[str], cost: Columns) -> str:
    own = float(row[ANALYTICAL]["ratio"])
    said = ", ".join(f"{name} {row[name]['ratio']:.2f}" for name in formulas)
    parts = _by_method(cost)
    shares = [f"{name} at {int(np.sum(parts[ANALYTICAL]['ratio'] < parts[name]['ratio']))}" for name in formulas]
    quickest = min(formulas, key=lambda name: float(row[name]["ratio"]))
    nearest = max(formulas, key=lambda name: float(row[name]["median_digits"]))
    verdict = " and ".join(_times(own, name, row[name]) for name in dict.fromkeys((quickest, nearest)))
    return (
        f"Is it much quicker? A point costs {own:.2f} evaluations of f (median over {len(parts[ANALYTICAL]['ratio'])} "
        f"functions), by differences {said}: {verdict}. It is the quicker one against {', '.join(shares)} functions. "
        f"Deriving and checking it takes {row[ANALYTICAL]['setup_milliseconds']:.2g} ms beforehand."
    )


def _times(own: float, name: str, other: Mapping[str, Any]) -> str:
    factor = float(other["ratio"]) / own
    compared = f"{factor:.1f} times quicker than" if factor > 1 else f"{1 / factor:.1f} times slower than"
    return f"{compared} {name} with its {other['median_digits']:.1f} digits"


def _how_near(row: Mapping[str, Mapping[str, Any]], formulas: Sequence[str]) -> str:
    said = ", ".join(f"{name} {row[name]['median_digits']:.1f}" for name in formulas)
    return (
        f"What differences cost is accuracy: at their predicted best delta the correct digits are {said} (medians), "
        f"against {row[ANALYTICAL]['median_digits']:.1f}."
    )


def _who_wins(parts: Mapping[str, Mapping[str, Any]], formulas: Sequence[str]) -> str:
    own = parts[ANALYTICAL]["digits"]
    best = np.fmax.reduce([parts[name]["digits"] for name in formulas])
    both = np.isfinite(own) & np.isfinite(best)
    return (
        f"The best difference formula of each point has more correct digits than the analytical derivative at "
        f"{int(np.sum(best[both] > own[both]))} of {int(np.sum(both))} points, as many at "
        f"{int(np.sum(best[both] == own[both]))}."
    )


def _without(parts: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Who answers where there is no derivative, and who does not where there is one."""
    status = {name: part["status"] for name, part in parts.items()}
    none = np.isin(status[ANALYTICAL], ("no_derivative", "answered"))
    if none.any():
        answered = {name: int(np.sum(found == "answered")) for name, found in status.items()}
        said = ", ".join(f"{name} at {count}" for name, count in answered.items() if count)
        yield (
            f"At {int(np.sum(none))} points there is no derivative: "
            f"{f'a number is given all the same by {said}' if said else 'no method gives a number there'}."
        )
    for kind, words in (("refused", "gives none where there is one"), ("not_numpy", "goes through NumPy only")):
        said = ", ".join(
            f"{name} at {np.sum(found == kind)}" for name, found in status.items() if np.any(found == kind)
        )
        if said:
            yield f"No estimate, as the method {words}: {said} points."


def _where_it_cancels(lost: Columns) -> Iterator[str]:
    """From where to where the analytical derivative of each swept formula loses digits, and who does better there."""
    rows = {name: np.asarray(column) for name, column in lost.items()}
    for text in dict.fromkeys(lost.get("expression", ())):
        parts = _by_method(_chosen(rows, text))
        x, own = parts[ANALYTICAL]["x"], parts[ANALYTICAL]["relative_error"]
        none = parts[ANALYTICAL]["status"] == "refused"
        bad = none | (own > SUSPICIOUS)
        if not bad.any():
            continue
        rivals = np.fmin.reduce([part["relative_error"] for name, part in parts.items() if name not in RULES])
        better = bad & (rivals < np.where(none, 0.1, np.fmin(own, 0.1)))
        without = f", and no finite value at {int(np.sum(none))}" if none.any() else ""
        yield (
            f"{text}, swept over {x.size} points from {x[0]:.0e} to {x[-1]:.0e}: the analytical derivative has a "
            f"relative error above {SUSPICIOUS:g} at {int(np.sum(bad))} of them, between x = {x[bad].min():.1e} and "
            f"{x[bad].max():.1e}{without}; a difference formula does better there, with a correct digit at least, "
            f"at {int(np.sum(better))}."
        )


def _chosen(rows: Mapping[str, Any], text: str) -> dict[str, Any]:
    at = rows["expression"] == text
    return {name: column[at] for name, column in rows.items()}
