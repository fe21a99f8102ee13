"""The observed order of every formula, as a slope on deltas that are powers of two, beside the order that it claims;
where the two differ, the reason, computed from Taylor's series and the predicted rounding.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import derivkit as dk
from experiments import columns
from experiments.calls import BudgetedSweep
from experiments.study import Frame, Rows, Tables, column, key
from experiments.words import at_point, counted, part_of, percent

PICTURED = 3
"""Points per job whose errors are kept for the figure."""
FEW = 6
"""Formulas that are all drawn: lines of as many can be told apart. A choice."""
FAMILIES, OTHERS = ("forward", "backward", "central"), "others"
"""By the names of formulas; somebody's own, which are called as they like, are others."""
TOLERANCE, MIN_DELTAS = dk.OrderExplanation.TOLERANCE, dk.OrderExplanation.MIN_DELTAS
AS_CLAIMED, OFF, NO_SLOPE = "as claimed", "off", "no slope"

# Tables


class Order(columns.Point, columns.Formula, table=None):
    """The order of a formula at a point, claimed and observed."""

    method: str = key("the difference formula", axis="label")
    order: float = column("the order of accuracy that the formula claims")
    order_here: float = column(
        "the first power of delta whose coefficient is not 0 at x; none where Taylor's series ends"
    )
    # derivkit.orders.CLEAR says how far rounding moves the slope.
    order_observed: float = column(
        "the slope of log error against log delta over the deltas where truncation is seen", moves={"absolute": 0.05}
    )
    order_predicted: float = column("the slope of Taylor's series over the same deltas, where its terms suffice")


class Reason(Order, table=None):
    """Why the two differ."""

    reason: str = column(
        "why the slope is not the claimed order, or why there is none: see REASONS; empty if it is",
        moves={"follows": ("order_observed",)},
    )
    why: str = column("the same with the numbers that show it", moves={"follows": ("order_observed",)})


class Verdict(Order, table=None):
    """Whether they do."""

    deviation: float = column("order_observed - order", moves={"absolute": 0.05})
    verdict: str = column("as claimed, off, or no slope", moves={"follows": ("order_observed",)})


class Table(Verdict, Reason):
    """Every formula at every point."""

    deltas: int = column("deltas whose error is clearly truncation; the smallest of them give the slope")
    smallest_delta: float = column("the smallest delta of the slope")
    largest_delta: float = column("the largest delta of the slope")
    asymptotic_below: float = column("deltas below this show the first term's slope, by Taylor's coefficients")
    rounding_below: float = column("deltas below this are spoiled by rounding, as predicted")


class Errors(columns.Point, columns.Step):
    """The errors of the first points."""

    error: float = column("|estimate - exact|", axis="y", label="absolute error")
    predicted: float = column("the truncation of Taylor's series, where this describes it, plus the predicted rounding")
    bound: str = column("estimated, as the series is cut off")


class Off(Reason):
    """The formulas that do not show the claimed order, and why."""


class Orders(Rows):
    """The orders over all functions and points."""

    family: str = key("forward, backward or central; others, of any other name")
    order_claimed: str = key("the claimed order as a text", axis="label")
    order: float = column("the claimed order")
    order_observed: float = column("the median of the observed orders over all functions and points")
    slopes: int = column("how many slopes were observed")


class Summary(columns.Formula):
    """One line for every formula."""

    order: float = column("the order of accuracy that it claims")
    median_observed: float = column("the median of the observed orders")
    as_claimed: int = column("slopes within 0.1 of the claimed order")
    off: int = column("slopes farther away")
    no_slope: int = column("functions and points that show no slope")
    main_reason: str = column("the most frequent reason of what is off or has no slope")


# What is measured


@dataclass(frozen=True, kw_only=True)
class Config(BudgetedSweep):
    """What to compute: every function at its points, by every method, on deltas that are powers of two."""

    delta: tuple[float, ...] = tuple(2.0**-k for k in range(1, 31))
    min_deltas: ClassVar[int] = MIN_DELTAS

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(set(self.delta)) < MIN_DELTAS:
            raise ValueError(
                f"a slope needs at least {MIN_DELTAS} different deltas; write delta=${{powers_of_two:-30,-1}}"
            )
        for step in self.delta:
            if math.frexp(step)[0] != 0.5:
                raise ValueError(
                    f"delta={step:g}: not a power of two, so that x + delta would be rounded; "
                    "write delta=${powers_of_two:-30,-1}"
                )

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        return sum(len(problem.points) for problem in self.function) * len(self.method)


def measure(config: Config) -> Iterator[Rows]:
    """Yield the orders of one function at a time, and the errors of the first points."""
    formulas = [dk.formula(name, config.derivative) for name in config.method]
    for index, problem in enumerate(config.function):
        f = problem.function
        orders = [dk.explain_order(f, x, config.deltas, formulas=formulas) for x in problem.points]
        yield orders_of(f, [one for of_point in orders for one in of_point])
        if index < PICTURED:
            for one in fan(orders[0]):
                yield Errors(
                    function=f.name, x=one.x, method=one.formula, delta=one.delta, error=one.error,
                    predicted=one.expected, bound="estimated",
                )  # fmt: skip


def orders_of(f: dk.Function, orders: Sequence[dk.OrderExplanation]) -> Table:
    """The rows of a function."""
    names = {name: name for name in Table.columns if name != "function"} | {"method": "formula", "why": "message"}
    return Table(function=f.name, **{name: [getattr(one, of) for one in orders] for name, of in names.items()})


def fan(orders: Sequence[dk.OrderExplanation]) -> list[dk.OrderExplanation]:
    """All formulas if they are few, else the first of order 1 and of every even order, which can be told apart."""
    if len(orders) <= FEW:
        return list(orders)
    first: dict[float, dk.OrderExplanation] = {}
    for one in orders:
        first.setdefault(one.order, one)
    return [first[order] for order in sorted(first) if order == 1 or order % 2 == 0] or list(orders)


# What the whole run says


def conclude(tables: Tables) -> Iterator[Rows]:
    """Yield what is off and why, the orders over all functions, and the summary per formula."""
    table = tables[Table]
    yield Off.of(table[table["verdict"] != AS_CLAIMED])
    families = table["method"].str.extract(f"^({'|'.join(FAMILIES)})")[0].fillna(OTHERS)
    for family in (*FAMILIES, OTHERS):
        for order, rows in table[families == family].groupby("order"):
            yield Orders(
                family=family, order_claimed=f"order {order:.0f}", order=order,
                order_observed=rows["order_observed"].median(), slopes=rows["order_observed"].count(),
            )  # fmt: skip
    for method, rows in table.groupby("method", sort=False):
        verdicts, reasons = Counter(rows["verdict"]), Counter(filter(None, rows["reason"])).most_common(1)
        yield Summary(
            method=method, order=rows["order"].iloc[0], median_observed=rows["order_observed"].median(),
            as_claimed=verdicts[AS_CLAIMED], off=verdicts[OFF], no_slope=verdicts[NO_SLOPE],
            main_reason=f"{reasons[0][0]} ({reasons[0][1]})" if reasons else "",
        )  # fmt: skip


def tell(tables: Tables) -> Iterator[str]:
    """Yield how many slopes are as claimed, whether the series explains the others, and every reason with a case."""
    table = tables[Table]
    verdicts, off = Counter(table["verdict"]), table[table["verdict"] == OFF]
    shown = verdicts[AS_CLAIMED] + verdicts[OFF]
    split = (
        f": {verdicts[AS_CLAIMED]:,} within {TOLERANCE} of the claimed order, {verdicts[OFF]:,} not" if shown else ""
    )
    show = "shows" if shown <= 1 else "show"
    yield f"A case is a formula at a point: {part_of(shown, len(table), 'case')} {show} a slope{split}."
    if off["order_predicted"].notna().any():
        same = (off["order_observed"] - off["order_predicted"]).abs() <= TOLERANCE
        yield (
            f"Of the {len(off):,} slopes that are off, {off['order_predicted'].count():,} lie where "
            f"{dk.OrderExplanation.TERMS} terms of Taylor's series suffice; for {same.sum():,} of these the series has "
            f"the same slope, within {TOLERANCE}."
        )
    yield from by_order(table)
    for verdict in (OFF, NO_SLOPE):
        rows = table[table["verdict"] == verdict]
        for reason, count in Counter(rows["reason"]).most_common():
            row = next(rows[rows["reason"] == reason].itertuples())
            slope = f" (slope {row.order_observed:.2f} instead of {row.order:.0f})" if verdict == OFF else ""
            slopes = f"{counted(count, 'slope')} off" if verdict == OFF else f"{counted(count, 'case')} without a slope"
            yield (
                f"{slopes} ({reason}): {dk.OrderExplanation.REASONS[reason]}. For example {row.method} for "
                f"{at_point(row.function, row.x)}{slope}: {row.why}."
            )


def by_order(table: Frame) -> Iterator[str]:
    """How the share of slopes as claimed falls with the order, as high orders leave no room above rounding."""
    sloped = table[table["verdict"] != NO_SLOPE]
    shares = (sloped["verdict"] == AS_CLAIMED).groupby(sloped["order"]).agg(["mean", "size"])
    if len(shares) > 1:
        parts = [f"{row.Index:.0f}: {percent(round(row.mean, 2))} of {row.size:,}" for row in shares.itertuples()]
        yield f"Slopes as claimed, by claimed order: {', '.join(parts)}."
