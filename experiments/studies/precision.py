"""What a precision costs: the same deltas in several floating-point types beside eps^(1/2) and eps^(1/3), and for
float16 every x that there is against every power of two: the whole dilemma of a delta.

All arithmetic is really done in the precision, as :mod:`derivkit.testing.float_types` says.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import derivkit as dk
from derivkit.testing import (
    FLOAT16_EXPONENTS,
    FLOAT_TYPES,
    GOOD,
    STATES,
    FloatType,
    HalfBlock,
    half_map,
    in_type,
    refuse_inexpressible,
    theoretical_optimum,
)
from experiments import columns
from experiments.study import Frame, Rows, Tables, column, key, refuse_empty, refuse_unknown
from experiments.words import counted, listed, number, percent

Array = NDArray[np.float64]

HALF = "float16"
"""The type that is small enough for a map of all its numbers; without it there is none."""
MAX_LAWS_TOLD, MAX_MAPS_TOLD = 3, 2
"""Pairs of a function and a formula of which the findings tell how errors go with eps, and what float16 loses."""
OUTCOMES = ("error at most 10 %", "error above 10 %", "the step vanishes", "not finite")


# Tables


class Case(columns.Function, columns.Formula, table=None):
    """A function and a formula."""


class Half(columns.Function, table=None):
    """A function and a formula in float16."""

    method: str = key("the difference formula, in float16")


class Table(columns.Problem, columns.Point, columns.Precision, columns.Step):
    """A row for every point, precision, formula and delta."""

    x: float = key("the point as this precision holds it")
    estimate: float = columns.ESTIMATE
    exact: float = column("the derivative at x, proved to be the nearest double")
    error: float = column(
        "|estimate - derivative|, the derivative with twice the digits of a double", between=("estimate", "exact")
    )
    rounding: float = column(
        "how far rounding may take the estimate: that in float64, in units of this precision", moves=columns.PREDICTION
    )
    status: str = columns.STATUS


class Types(Rows):
    """The floating-point types."""

    precision: str = key("the floating-point type")
    bits: float = column("significant bits; none for a type that is not there")
    eps: float = column("the distance from 1 to the next number, 2^(1 - bits)")
    least: float = column("the least positive number; none where a double cannot hold it")
    note: str = column("why a type is left out")


class Map(Half):
    """Every x of float16 against every delta."""

    size: float = key("2^e for all x with 2^e <= |x| < 2^(e + 1), of both signs; 0 for 0 and -0", axis="y",
                      label="size of x")  # fmt: skip
    delta: float = key("the step, a power of two", axis="x")
    numbers: int = column("float16 numbers x of this size within the domain")
    count: int = column("those whose derivative float16 can hold, other than as 0: all else is about these")
    median: float = column(
        "median relative error over these x, no estimate being worse than any; none if half have none",
        axis="value", label="median relative error",
    )  # fmt: skip
    worst: float = column("the largest relative error among the estimates that there are")
    good: float = column("share of x with a relative error of at most GOOD")
    vanished: float = column("share of x at which two points of the formula coincide")
    not_finite: float = column("share of x at which the domain is left, or a point, a value or the quotient overflows")
    state: str = column("ok, or what happens most where there is no median", axis="instead")


class Typical(Case):
    """The errors over the points of a function."""

    precision: str = key("the floating-point type", axis="series")
    delta: float = key("the step size", axis="x")
    median: float = column(
        "median error over the points, no estimate being worse than any; none if half have none",
        axis="y", label="median error",
    )  # fmt: skip
    worst: float = column("the largest error over the points")


class Optimum(Case):
    """The best delta of every precision."""

    precision: str = key("the floating-point type")
    eps: float = column("its eps")
    delta: float = column("the delta with the smallest median error, of a typical one: no single hit of luck")
    theory_delta: float = column("eps^(1 / (p + 1)) for a formula of order p")
    error: float = column("the median error that is typical there")
    theory_error: float = column("eps^(p / (p + 1))")


class Exponents(Case):
    """How the best delta and its error go with eps."""

    precisions: int = column("how many precisions the fit has")
    delta_observed: float = column("a in best delta = c eps^a, fitted over the precisions")
    delta_theory: float = column("1 / (p + 1)")
    error_observed: float = column("b in smallest error = c eps^b")
    error_theory: float = column("p / (p + 1)")


class Shares(Half):
    """What becomes of all x of float16."""

    outcome: str = key("what becomes of an x: see OUTCOMES", axis="series")
    exponent: float = key("log2 of delta", axis="x", label="log2 of delta")
    share: float = column("share of all x that are counted in the map", axis="y", label="share of all x")


class Summary(Case):
    """One line for every precision."""

    precision: str = key("the floating-point type")
    eps: float = column("its eps")
    best_delta: float = column("the delta with the smallest median error, of a typical one: no single hit of luck")
    theory_delta: float = column("eps^(1 / (p + 1)): eps^(1/2) for forward_1, eps^(1/3) for central_2")
    smallest_error: float = column("the median error that is typical there")
    theory_error: float = column("eps^(p / (p + 1))")


# What is measured


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to compute: the sweep in every precision, and the map of float16 for x of these binary exponents."""

    function: tuple[dk.Problem, ...]
    method: tuple[str, ...] = ("forward_1", "central_2")
    delta: tuple[float, ...] = (2.0**-4, 2.0**-8, 2.0**-12)
    precision: tuple[str, ...] = ("float16", "float32", "float64")
    lowest_exponent: int = -1
    highest_exponent: int = 0

    def __post_init__(self) -> None:
        refuse_empty(self, "function", "method", "delta", "precision")
        refuse_unknown(self, "precision", FLOAT_TYPES)
        for name in self.method:
            dk.formula(name)
        low, high = self.lowest_exponent, self.highest_exponent
        least, largest = FLOAT16_EXPONENTS[0], FLOAT16_EXPONENTS[-1]
        if not least <= low <= high <= largest:
            raise ValueError(
                f"lowest_exponent={low}, highest_exponent={high}: those of float16 go from {least} to {largest}"
            )
        for problem in self.function:
            refuse_inexpressible(problem.function)

    @property
    def types(self) -> list[FloatType]:
        """The types, whether they are installed or not."""
        return [FloatType(name) for name in self.precision]

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        points = sum(len(problem.points) for problem in self.function)
        return points * len(self.method) * len(self.delta) * sum(one.installed for one in self.types)


def measure(config: Config) -> Iterator[Rows]:
    """Yield the tables of one job, chunk by chunk."""
    yield known(config.types)
    formulas = [dk.formula(name) for name in config.method]
    exponents = range(config.lowest_exponent, config.highest_exponent + 1)
    for problem in config.function:
        sweep = dk.ErrorSweep(problem.function, np.array(problem.points), np.array(config.delta), formulas)
        for one in config.types:
            if one.installed:
                yield swept(sweep, one)
        if any(one.name == HALF for one in config.types):
            for block in half_map(sweep.f, formulas, exponents):
                yield mapped(sweep.f, block)


def known(types: Sequence[FloatType]) -> Types:
    """What is known of the types."""
    numbers = {name: [getattr(one, name) for one in types] for name in ("bits", "eps", "least")}
    return Types(precision=[one.name for one in types], note=[one.missing for one in types], **numbers)


def swept(sweep: dk.ErrorSweep, kind: FloatType) -> Table:
    """All rows of one function in one precision, in the order point, method, delta."""
    rounded = in_type(sweep, kind)
    return Table(
        function=sweep.f.name, expression=sweep.f.text, x=rounded.x[:, None, None], precision=kind.name,
        method=sweep.names, delta=sweep.delta, estimate=rounded.estimate, exact=rounded.exact[:, None, None],
        error=rounded.error, rounding=rounded.rounding, status=(rounded.status, sweep.STATUSES),
    )  # fmt: skip


def mapped(f: dk.Function, block: HalfBlock) -> Map:
    """What becomes of all x of one size."""
    fields = [name for name in Map.columns if name not in ("function", "method", "state")]
    return Map(
        function=f.name, method=block.formula, state=(block.state, STATES),
        **{name: getattr(block, name) for name in fields},
    )  # fmt: skip


# What the whole run says


def conclude(tables: Tables) -> Iterator[Rows]:
    """Yield the typical errors, the best deltas, their exponents over the precisions, and the shares."""
    eps = dict(zip(tables[Types]["precision"], tables[Types]["eps"], strict=True))
    typical = typical_errors(tables[Table])
    yield Typical.of(typical)
    optimum = best_of(typical, eps)
    yield Optimum.of(optimum)
    yield Exponents.of([exponents_of(rows) for _, rows in optimum.groupby(["function", "method"], sort=False)])
    yield Summary.of(optimum.rename(columns={"delta": "best_delta", "error": "smallest_error"}))
    counted = counted_in(map_of(tables))
    for (function, method, delta), rows in counted.groupby(["function", "method", "delta"], sort=False):
        yield Shares(
            function=function, method=method, outcome=OUTCOMES, exponent=math.log2(delta), share=outcomes(rows)
        )


def typical_errors(table: Frame) -> Frame:
    """The median and the largest error over the points."""
    keys = ["function", "method", "precision", "delta"]
    filled = table.assign(median=table["error"].fillna(math.inf), worst=table["error"])
    grouped = filled.groupby(keys, sort=False)
    typical = grouped.agg({"median": "median", "worst": "max"}).reset_index()
    return typical.assign(median=typical["median"].where(np.isfinite(typical["median"])))


def best_of(typical: Frame, eps: Mapping[str, float]) -> Frame:
    """For every precision the delta of the smallest typical error; among equals the largest, which needs least luck."""
    keys = ["function", "method", "precision"]
    curve = typical.groupby(keys, sort=False).ngroup()
    typical = typical.assign(median=dk.typical_error(typical["delta"], typical["median"], curve=curve))
    best = typical.iloc[dk.least_errors(typical["delta"], typical["median"], curve=curve)]
    optimum = typical[keys].drop_duplicates().join(best.set_index(keys)[["delta", "median"]], on=keys)
    order, fine = optimum["method"].map(lambda name: dk.formula(name).order), optimum["precision"].map(eps)
    delta, error = theoretical_optimum(order, fine)
    return optimum.assign(error=optimum["median"], eps=fine, theory_delta=delta, theory_error=error)


def exponents_of(optimum: Frame) -> dict[str, Any]:
    """How the best delta and the smallest error of one formula go with eps."""
    eps, method = optimum["eps"].to_numpy(), optimum["method"].iloc[0]
    order = float(dk.formula(method).order)
    return {
        "function": optimum["function"].iloc[0],
        "method": method,
        "precisions": np.unique(eps).size,
        "delta_observed": dk.fitted_exponent(eps, optimum["delta"]),
        "delta_theory": 1 / (order + 1),
        "error_observed": dk.fitted_exponent(eps, optimum["error"]),
        "error_theory": order / (order + 1),
    }


def map_of(tables: Tables) -> Frame:
    """The map, once: each job of a sweep over something else gives the same."""
    return tables[Map].drop_duplicates(["function", "method", "size", "delta"])


def counted_in(whole: Frame) -> Frame:
    """The rows of a map with an x that counts."""
    return whole[whole["count"] > 0]


def outcomes(rows: Frame) -> list[float]:
    """What becomes of all x with one delta, in the order of OUTCOMES."""
    good, vanished, lost = (
        float(np.average(rows[name], weights=rows["count"])) for name in ("good", "vanished", "not_finite")
    )
    wrong = max(0.0, round(1 - good - vanished - lost, 12))  # a multiple of 1/63488, and no trace of rounding
    return [good, wrong, vanished, lost]


def tell(tables: Tables) -> Iterator[str]:
    """Yield how errors go with the precision, and what is lost in float16 on either side."""
    optimum, exponents = tables[Optimum], tables[Exponents].set_index(["function", "method"])
    yield from of_laws(optimum, exponents)
    for precision, note in dict(zip(tables[Types]["precision"], tables[Types]["note"], strict=True)).items():
        if note:
            yield f"{precision} is {note}."
    if HALF in set(tables[Types]["precision"]):
        yield from of_map(tables)
    more = len(optimum[["function", "method"]].drop_duplicates()) - MAX_LAWS_TOLD
    if more > 0:
        yield f"The tables optimum, exponents and shares have {counted(more, 'more pair')} of a function and a formula."


def of_map(tables: Tables) -> Iterator[str]:
    """What is lost in float16 on either side, with the first formulas."""
    whole = map_of(tables)
    pairs = whole[["function", "method"]].drop_duplicates().head(MAX_MAPS_TOLD)
    whole = whole.merge(pairs)
    for function, rows in whole.drop_duplicates(["function", "size"]).groupby("function", sort=False):
        numbers, count = rows["numbers"].sum(), rows["count"].sum()
        have = f"{count:,} have" if count else "none has"
        yield f"float16, {function}: of {numbers:,} numbers x, {have} a derivative that float16 can hold."
    shares = dict(list(tables[Shares].groupby(["function", "method"])))
    for (function, method), rows in counted_in(whole).groupby(["function", "method"], sort=False):
        place = f"float16, {function}, {method}"
        yield from of_shares(place, shares[function, method].pivot(index="exponent", columns="outcome", values="share"))
        served = rows[rows["size"] > 0].groupby("size")["good"].max()
        hopeless = served.index[served < 0.5]
        if len(hopeless):
            sizes = runs([round(math.log2(size)) for size in hopeless])
            yield f"{place}: for |x| from {sizes} no delta has an error of at most {percent(GOOD)} at half of the x."


def of_laws(optimum: Frame, exponents: Frame) -> Iterator[str]:
    """The smallest errors of the first formulas, and how they go with eps."""
    pairs = optimum.groupby(["function", "method"], sort=False)
    for (function, method), rows in itertools.islice(pairs, MAX_LAWS_TOLD):
        root = dk.formula(method).order + 1
        reached = listed([
            f"{number(row.error)} in {row.precision} (delta {number(row.delta)}, "
            f"eps^(1/{root}) = {number(row.theory_delta)})"
            for row in rows.dropna(subset="error").itertuples()
        ])  # fmt: skip
        law = exponents.loc[function, method]
        goes = (
            f" Over {law['precisions']:.0f} precisions the best delta goes as eps^{law['delta_observed']:.2f} (theory "
            f"{law['delta_theory']:.2f}) and the smallest error as eps^{law['error_observed']:.2f} (theory "
            f"{law['error_theory']:.2f})."
        )
        known = not math.isnan(law["delta_observed"] + law["error_observed"])
        if reached:
            best = f"{function}, {method}: at the best delta the median error is typically {reached}."
            yield f"{best}{goes if known else ''}"


def of_shares(place: str, shares: Frame) -> Iterator[str]:
    """How much of a map is lost on either side, and the one delta that serves most."""
    good, wrong, gone, _ = (shares[name] for name in OUTCOMES)
    best = good.index[good == good.max()].max()
    yield (
        f"{place}: of all pairs of an x and a delta {percent(gone.mean())} have a step that "
        f"vanishes, and {percent(good.mean())} an error of at most {percent(GOOD)}. The one "
        f"delta that serves most is 2^{best:.0f}: it does so for {percent(good[best])} of all x."
    )
    poor = good.index[good < good[best] / 2]
    small, large = poor[poor < best].max(), poor[poor > best].min()
    if not math.isnan(small + large):
        yield (
            f"{place}: 2^{small:.0f} is too small, as the step vanishes at {percent(gone[small])} of all x and "
            f"the error is above {percent(GOOD)} at {percent(wrong[small])}; 2^{large:.0f} is too large, with an error "
            f"above {percent(GOOD)} at {percent(wrong[large])}."
        )


def runs(exponents: Sequence[int]) -> str:
    """What numbers of these exponents span, neighbours together: 2^3 to 2^4, 2^6 to 2^16."""
    ordered = sorted(exponents)
    starts = [e for e in ordered if e - 1 not in ordered]
    ends = [e for e in ordered if e + 1 not in ordered]
    return ", ".join(f"2^{a} to 2^{b + 1}" for a, b in zip(starts, ends, strict=True))
