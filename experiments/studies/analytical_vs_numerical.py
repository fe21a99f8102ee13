"""Is the analytical derivative exact and much quicker? Its error and its time, beside those of dual numbers and of
difference formulas at their predicted best delta, on every function that has an expression.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from derivkit.testing import ANALYTICAL, DIGITS, DUAL, Ways, ways_of
from experiments import columns
from experiments.looks import looks_of
from experiments.study import Frame, Rows, Tables, column, key, refuse_below, refuse_empty
from experiments.timing import least_seconds
from experiments.words import counted, number, part_of

Array = NDArray[np.float64]

STATUSES = {
    "ok": "an estimate and its error",
    "no_derivative": "there is no derivative, and the method says so",
    "answered": "there is no derivative, and the method gives a number all the same",
    "unresolved": "the trusted value is not known",
    "refused": "there is a derivative, and the method gives none",
    "not_numpy": "dual numbers go through NumPy's functions, and this function uses another",
}
"""Statuses with their meaning."""

RULES = (ANALYTICAL, DUAL)
SUSPICIOUS = 1e-10
"""Relative error above which a value is said to have lost digits: six of sixteen; a constant without a derivation."""
SHARES = np.linspace(0.0, 100.0, 101)
MAX_NAMED = 4
"""Most losses that the findings name."""


# Tables


class Way(Rows, table=None):
    """A way to the derivative."""

    method: str = key("analytical, dual numbers, or a difference formula at its predicted best delta", axis="series")


class Table(columns.Problem, columns.Point, Way):
    """A row for every method at every point."""

    delta: float = column("the predicted best delta of a formula")
    estimate: float = column("the derivative by the method, in float64", moves={"column": "rounding"})
    exact: float = column("the trusted derivative")
    error: float = column("|estimate - exact|", between=("estimate", "exact"))
    relative_error: float = column("error / |exact|; none where exact is 0", moves={"follows": ("error",)})
    ulps: float = column(
        "error in units in the last place of exact; none where exact is 0", moves={"follows": ("error",)}
    )
    digits: float = column(
        "correct digits, -log10 of the relative error, from 0 to 16; of an exact 0 either 16 or none",
        moves={"follows": ("error",)},
    )
    rounding: float = column(
        "how far rounding may take the estimate; none where it is not known how f is computed", moves=columns.PREDICTION
    )
    status: str = columns.STATUS


class Cost(columns.Function, Way):
    """A row for every method of every function."""

    evaluations: int = column("how often the method computes f at a point; 0 for the analytical derivative")
    ratio: float = column(
        "its time per point over that of one evaluation of f, vectorised, in one thread", measured=True
    )
    setup_seconds: float = column(
        "before the first point: deriving and checking, or predicting the best delta", measured=True
    )


class Ranked(Way):
    """How many points have how many digits."""

    share: float = column(
        "percent of the points with at least so many correct digits", axis="x", label="percent of the points"
    )
    digits: float = column("correct digits", axis="y", label="correct digits, at least")


class Picture(columns.Element):
    """Digits against cost."""

    t: float = column(
        "time of one point, in evaluations of f: the median over the functions",
        measured=True, axis="x", label="time of one point, in evaluations of f",
    )  # fmt: skip
    y: float = column(
        "correct digits: the median over the points; of a line 10 % and 90 %",
        axis="y", label="correct digits, median and middle 80 %",
    )  # fmt: skip


class Cancelling(Rows, table=None):
    """A formula that cancels, at a point."""

    expression: str = key("a function whose formula cancels")
    x: float = key("the point", axis="x")


class Lost(Cancelling, Way):
    """The sweeps of formulas that cancel."""

    relative_error: float = column("|estimate - exact| / |exact|", axis="y", label="relative error")
    status: str = columns.STATUS


class Losses(Rows):
    """Where the analytical derivative loses digits."""

    function: str = key("a function whose analytical derivative loses digits in float64")
    x: float = key("the point")
    derivative: str = column("the formula that loses them")
    digits: float = column("correct digits of the analytical derivative")
    ulps: float = column("its error in units in the last place")
    best_method: str = column("the difference formula with the least error there; empty if none has a correct digit")
    best_digits: float = column("the correct digits of that formula")


class Summary(Way):
    """One line for every method."""

    points: int = column("points with an error")
    median_digits: float = column("half of the points have at least so many correct digits")
    worst_digits: float = column("all points have at least so many correct digits")
    within_2_ulp: int = column("points with an error of at most 2 ulp")
    above: int = column("points with a relative error above 1e-10", name="above_1e-10")
    evaluations: int = column("how often f is computed")
    ratio: float = column("median time per point, in evaluations of f", measured=True)
    setup_milliseconds: float = column("median time before the first point", measured=True)


# What is measured


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
        refuse_empty(self, "function", "method")
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
        refuse_below(1, self, "per_decade", "samples", "repeats")
        if not -300 <= self.lowest_exponent < self.highest_exponent <= 300:
            raise ValueError(
                f"lowest_exponent={self.lowest_exponent}, highest_exponent={self.highest_exponent}: "
                "must be from -300 to 300, the lower first"
            )

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        return sum(len(problem.points) for problem in self.function) * (len(self.method) + 2)


def measure(config: Config) -> Iterator[Rows]:
    """Yield the errors and the times of one function at a time, then the sweeps of formulas that cancel."""
    for problem in config.function:
        ways = ways_of(problem.function, np.array(problem.points), config.method)
        yield errors(ways)
        yield costs(ways, config)
    count = (config.highest_exponent - config.lowest_exponent) * config.per_decade + 1
    x = dk.logspace(config.lowest_exponent, config.highest_exponent, count)
    for text in config.cancelling:
        swept = errors(ways_of(dk.Function.from_expression(text), x, config.method))
        yield Lost(**{name: swept.values[name] for name in Lost.columns})


# Errors


def errors(ways: Ways) -> Table:
    """One row per method and point."""
    return Table(
        function=ways.f.name, expression=str(ways.f.expression), x=ways.x,
        method=np.array(ways.methods, dtype=object)[:, None], **vars(ways.compare()),
    )  # fmt: skip


# Times


def costs(ways: Ways, config: Config) -> Cost:
    """One row per method: the least time of interleaved repeats, over that of f alone."""
    x = np.resize(ways.x, config.samples)
    work: dict[str, Callable[[Array], object]] = {"f": ways.f.call, **ways.callables(config.samples)}
    seconds = dict.fromkeys(work, math.inf)
    with np.errstate(all="ignore"):
        for _ in range(config.repeats):
            for name, call in work.items():
                seconds[name] = min(seconds[name], least_seconds(1, functools.partial(call, x)))
    deriving = least_seconds(config.repeats, lambda: dk.derive(str(ways.f.expression)))
    predicting = least_seconds(1, lambda: dk.predict_optimum(ways.f, ways.x, formulas=ways.formulas))
    return Cost(
        function=ways.f.name, method=ways.methods,
        evaluations=[0, 1, *(len(formula.offsets) for formula in ways.formulas)],
        ratio=[seconds.get(name, math.nan) / seconds["f"] for name in ways.methods],
        setup_seconds=[deriving, 0.0, *[predicting / len(ways.formulas)] * len(ways.formulas)],
    )  # fmt: skip


# What the whole run says


def conclude(tables: Tables) -> Iterator[Rows]:
    """Yield the ranks, the picture, the losses and the summary."""
    table = tables[Table]
    known = table[np.isfinite(table["digits"])]
    digits = {str(name): rows["digits"].to_numpy() for name, rows in known.groupby("method", sort=False)}
    for name, correct in digits.items():
        # At least so many digits have 100 - p percent of the points, where p is the percentile.
        ranked = np.percentile(correct, 100.0 - SHARES, method="inverted_cdf")
        yield Ranked(method=name, share=SHARES, digits=ranked)
    costs = dict(list(tables[Cost].groupby("method")))
    summary = [summed_up(name, rows, costs[name]) for name, rows in known.groupby("method", sort=False)]
    yield from picture(digits, {row["method"]: row["ratio"] for row in summary})
    yield losses(table)
    yield Summary.of(summary)


def summed_up(method: str, rows: Frame, cost: Frame) -> dict[str, Any]:
    """What the points with an error and the times of a method say together."""
    return {
        "method": method,
        "points": len(rows),
        "median_digits": rows["digits"].median(),
        "worst_digits": rows["digits"].min(),
        "within_2_ulp": ((rows["ulps"] <= 2) | (rows["error"] == 0)).sum(),
        "above_1e-10": (rows["digits"] < -math.log10(SUSPICIOUS)).sum(),
        "evaluations": cost["evaluations"].iloc[0],
        "ratio": cost["ratio"].median(),
        "setup_milliseconds": 1e3 * cost["setup_seconds"].median(),
    }


def picture(digits: Mapping[str, Array], ratios: Mapping[str, float]) -> Iterator[Picture]:
    """Digits against cost: the median of each method, and the middle 80 % of its points."""
    if not digits:
        return
    corners = {"t": [0.0, 1.15 * max(ratios.values())], "y": [0.0, DIGITS + 1.0]}
    yield Picture(order=0, element="axes", color="white", label="", **corners)
    looks = looks_of(list(digits))
    for k, (name, correct) in enumerate(digits.items()):
        color = looks[name].colour
        low, median, high = np.percentile(correct, (10, 50, 90)).tolist()
        yield Picture(order=2 * k + 1, element="line", color=color, label="", t=ratios[name], y=[low, high])
        yield Picture(order=2 * k + 2, element="points", color=color, label=name, t=ratios[name], y=median)


def beside(rows: Frame, name: str) -> Frame:
    """A column with a method beside the other, as all have their rows in one order, that of functions and points."""
    numbered = rows.assign(row=rows.groupby("method").cumcount())
    return numbered.pivot(index="row", columns="method", values=name)[rows["method"].unique()]


def losses(table: Frame) -> Losses:
    """Where the analytical derivative has a relative error above SUSPICIOUS, the worst first."""
    analytical = table[table["method"] == ANALYTICAL].reset_index(drop=True)
    lost = analytical[analytical["digits"] < -math.log10(SUSPICIOUS)].sort_values("digits", kind="stable")
    rivals = beside(table, "digits").drop(columns=list(RULES)).loc[lost.index]
    names = rivals.fillna(-1.0).idxmax(axis=1) if len(rivals) else rivals.index.astype(str)
    return Losses.of(
        lost,
        derivative=[str(dk.derive(text).result) for text in lost["expression"]],
        best_method=[name if best > 0 else "" for name, best in zip(names, rivals.max(axis=1), strict=True)],
        best_digits=rivals.max(axis=1).to_numpy(dtype=np.float64),
    )


def tell(tables: Tables) -> Iterator[str]:
    """Yield whether the analytical derivative is exact, whether it is quicker, and who does better where it is not."""
    table, row = tables[Table], tables[Summary].set_index("method").to_dict("index")
    formulas = [name for name in row if name not in RULES]
    if ANALYTICAL in row:
        yield from is_it_exact(row[ANALYTICAL], tables[Losses])
    if ANALYTICAL in row and formulas:
        yield is_it_quicker(row, formulas, beside(tables[Cost], "ratio"))
        yield how_near(row, formulas)
        yield who_wins(beside(table, "digits"), formulas)
    if DUAL in row and ANALYTICAL in row:
        a, b = row[DUAL], row[ANALYTICAL]
        yield (
            f"Dual numbers need no formula and have {a['median_digits']:.1f} digits (median) against "
            f"{b['median_digits']:.1f} of the analytical derivative; a point costs {a['ratio']:.2f} evaluations of f "
            f"against {b['ratio']:.2f}. They lose digits at {counted(a['above_1e-10'], 'point')}, the formula at "
            f"{b['above_1e-10']}."
        )
    for text, rows in tables[Lost].groupby("expression", sort=False):
        yield from where_it_cancels(str(text), rows)
    yield from without(beside(table, "status"))


def is_it_exact(analytical: Mapping[str, Any], losses: Frame) -> Iterator[str]:
    """How often the analytical derivative is right, and where it is not."""
    points, good, bad = analytical["points"], analytical["within_2_ulp"], analytical["above_1e-10"]
    verdict = "Exact as mathematics, not always in float64" if bad else "Exact, within rounding"
    yield (
        f"Is the analytical derivative exact? {verdict}: it is right to 2 ulp at {part_of(good, points, 'point')}, and "
        f"its relative error is above {SUSPICIOUS:g} at {part_of(bad, points, 'point')}."
    )
    if bad:
        worst = losses.head(MAX_NAMED).itertuples()
        places = [f"{row.function} at {row.x:.6g} ({number(row.ulps)} ulp, {row.digits:.1f} digits)" for row in worst]
        more = f", and {bad - MAX_NAMED} more" if bad > MAX_NAMED else ""
        better = (losses["best_digits"] > losses["digits"]).sum()
        yield (
            f"Where it loses digits, by cancellation in its own formula: {'; '.join(places)}{more}. A"
            f" difference formula does better at {better or 'none'} of these."
        )


def is_it_quicker(row: Mapping[str, Mapping[str, Any]], formulas: Sequence[str], ratio: Frame) -> str:
    """How its time compares with that of every formula."""
    cost = row[ANALYTICAL]["ratio"]
    others = ", ".join(f"{name} {row[name]['ratio']:.2f}" for name in formulas)
    shares = [f"{(ratio[ANALYTICAL] < ratio[name]).sum()} against {name}" for name in formulas]
    quickest = min(formulas, key=lambda name: row[name]["ratio"])
    nearest = max(formulas, key=lambda name: row[name]["median_digits"])
    verdict = " and ".join(times(cost, name, row[name]) for name in dict.fromkeys((quickest, nearest)))
    return (
        f"Is it much quicker? A point costs {cost:.2f} evaluations of f (median over "
        f"{counted(len(ratio), 'function')}), by differences {others}: {verdict}. It is the quicker one at "
        f"{', '.join(shares)}. "
        f"Deriving and checking it takes {number(row[ANALYTICAL]['setup_milliseconds'])} ms beforehand."
    )


def times(cost: float, name: str, other: Mapping[str, Any]) -> str:
    """How much quicker or slower it is than a formula."""
    factor = other["ratio"] / cost
    compared = f"{factor:.1f} times quicker than" if factor > 1 else f"{1 / factor:.1f} times slower than"
    return f"{compared} {name} with its {other['median_digits']:.1f} digits"


def how_near(row: Mapping[str, Mapping[str, Any]], formulas: Sequence[str]) -> str:
    """How many digits the formulas have."""
    digits = ", ".join(f"{name} {row[name]['median_digits']:.1f}" for name in formulas)
    return (
        f"What differences cost is accuracy: at their predicted best delta the correct digits are {digits} (medians), "
        f"against {row[ANALYTICAL]['median_digits']:.1f}."
    )


def who_wins(digits: Frame, formulas: Sequence[str]) -> str:
    """How often the best formula of a point has more digits."""
    both = np.isfinite(digits[ANALYTICAL]) & np.isfinite(digits[list(formulas)].max(axis=1))
    rules, best = digits[ANALYTICAL][both], digits[list(formulas)].max(axis=1)[both]
    return (
        f"Of {counted(int(both.sum()), 'point')} the best difference formula has more correct digits than the "
        f"analytical derivative at {(best > rules).sum() or 'none'}, as many at {(best == rules).sum() or 'none'}."
    )


def without(status: Frame) -> Iterator[str]:
    """Who answers where there is no derivative, and who does not where there is one."""
    none = status[ANALYTICAL].isin(("no_derivative", "answered"))
    if none.any():
        answered = how_often(status == "answered")
        yield (
            f"At {counted(int(none.sum()), 'point')} there is no derivative: "
            f"{f'a number is given all the same by {answered}' if answered else 'no method gives a number there'}."
        )
    for kind, words in (("refused", "gives none where there is one"), ("not_numpy", "goes through NumPy only")):
        silent = how_often(status == kind)
        if silent:
            yield f"No estimate, as the method {words}: {silent}."


def how_often(holds: Frame) -> str:
    """At how many points something holds of each method, of those of which it does."""
    return ", ".join(f"{name} at {counted(int(count), 'point')}" for name, count in holds.sum().items() if count)


def where_it_cancels(text: str, rows: Frame) -> Iterator[str]:
    """From where to where the analytical derivative of a swept formula loses digits, and who does better there."""
    analytical = rows[rows["method"] == ANALYTICAL].reset_index(drop=True)
    error, none = analytical["relative_error"], analytical["status"] == "refused"
    bad = none | (error > SUSPICIOUS)
    if not bad.any():
        return
    x = analytical["x"]
    rivals = beside(rows, "relative_error").drop(columns=list(RULES)).min(axis=1)
    better = bad & (rivals < error.clip(upper=0.1).where(~none, 0.1).fillna(0.1))
    nowhere = f", and no finite value at {none.sum()}" if none.any() else ""
    yield (
        f"{text}, swept over {counted(len(x), 'point')} from {number(x.iloc[0])} to {number(x.iloc[-1])}: the "
        f"analytical derivative has a relative error above {SUSPICIOUS:g} at {bad.sum()} of them, between x = "
        f"{number(x[bad].min())} and {number(x[bad].max())}{nowhere}. A difference formula does better there, with at "
        f"least one correct digit, at {better.sum() or 'none'} of them."
    )
