"""The observed order of every formula, as a slope on deltas that are powers of two, beside the order that it claims;
where the two differ, the reason, computed from Taylor's series and the predicted rounding.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import derivkit as dk
from derivkit.orders import REASONS, TERMS, TOLERANCE, WINDOW

Columns = Mapping[str, Any]
Row = dict[str, Any]

ORDERS: dict[str, tuple[type, str]] = {
    "function": (str, "name of the function"),
    "x": (float, "the point"),
    "method": (str, "the difference formula"),
    "order": (float, "the order of accuracy that the formula claims"),
    "order_here": (float, "the first power of delta whose coefficient is not 0 at x; none where Taylor's series ends"),
    "order_observed": (float, "the slope of log error against log delta over the deltas where truncation is seen"),
    "order_predicted": (float, "the slope of Taylor's series over the same deltas, where its terms suffice"),
}
WHY: dict[str, tuple[type, str]] = {
    "reason": (str, "why the slope is not the claimed order, or why there is none: see REASONS; empty if it is"),
    "why": (str, "the same with the numbers that show it"),
}

TABLES: dict[str, dict[str, tuple[type, str]]] = {
    "table": {
        **ORDERS,
        "deviation": (float, "order_observed - order"),
        "verdict": (str, "as claimed, off, or no slope"),
        **WHY,
        "deltas": (int, "deltas whose error is clearly truncation; the smallest of them give the slope"),
        "smallest_delta": (float, "the smallest delta of the slope"),
        "largest_delta": (float, "the largest delta of the slope"),
        "asymptotic_below": (float, "deltas below this show the first term's slope, by Taylor's coefficients"),
        "rounding_below": (float, "deltas below this are spoiled by rounding, as predicted"),
    },
    "errors": {
        "function": (str, "name of the function"),
        "x": (float, "the point"),
        "method": (str, "the difference formula"),
        "delta": (float, "the step size"),
        "error": (float, "|estimate - exact|"),
        "predicted": (float, "the truncation of Taylor's series, where this describes it, plus the predicted rounding"),
        "bound": (str, "estimated, as the series is cut off"),
    },
    "off": {**ORDERS, **WHY},
    "orders": {
        "family": (str, "forward, backward or central"),
        "order_claimed": (str, "the claimed order as a text"),
        "order": (float, "the claimed order"),
        "order_observed": (float, "the median of the observed orders over all functions and points"),
        "slopes": (int, "how many slopes were observed"),
    },
    "summary": {
        "method": (str, "the difference formula"),
        "order": (float, "the order of accuracy that it claims"),
        "median_observed": (float, "the median of the observed orders"),
        "as_claimed": (int, "slopes within 0.1 of the claimed order"),
        "off": (int, "slopes farther away"),
        "no_slope": (int, "functions and points that show no slope"),
        "main_reason": (str, "the most frequent reason of what is off or has no slope"),
    },
    "findings": {"finding": (str, "what the tables say, in a sentence")},
}

KEYS = ("function", "x", "method")
"""What tells the rows of the table apart when runs are compared."""

TOLERANCES: Mapping[str, Mapping[str, object]] = {
    **{key: {"absolute": 0.05} for key in ("order_observed", "deviation")},
    **{key: {"follows": ("order_observed",)} for key in ("verdict", "reason", "why")},
}
"""By how much rounding may move a column when a run is repeated: a slope by what CLEAR says."""

PICTURED = 3
"""Points per job whose errors are kept for the figure."""
FAMILIES = ("forward", "backward", "central")


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to compute: every function at its points, by every method, on deltas that are powers of two."""

    function: tuple[dk.Problem, ...]
    method: tuple[str, ...] = ("forward_1", "central_2")
    delta: tuple[float, ...] = tuple(2.0**-k for k in range(1, 31))
    derivative: int = 1

    def __post_init__(self) -> None:
        if not (self.function and self.method):
            raise ValueError("at least one function and one method are needed")
        if len(set(self.delta)) < WINDOW:
            raise ValueError(f"a slope needs at least {WINDOW} different deltas; write delta=${{powers_of_two:-30,-1}}")
        for step in self.delta:
            if math.frexp(step)[0] != 0.5:
                raise ValueError(
                    f"delta={step:g}: not a power of two, so that x + delta would be rounded; "
                    "write delta=${powers_of_two:-30,-1}"
                )
        for name in self.method:
            dk.formula(name, self.derivative)

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        return sum(len(problem.points) for problem in self.function) * len(self.method)


def run(config: Config) -> Iterator[tuple[str, Columns]]:
    """Yield the rows of one function at a time, and the errors of the first points."""
    formulas = [dk.formula(name, config.derivative) for name in config.method]
    for index, problem in enumerate(config.function):
        f = problem.function
        found = [dk.explain_order(f, x, config.delta, formulas=formulas) for x in problem.points]
        yield "table", _columns([_row(f, one) for here in found for one in here], "table")
        if index < PICTURED:
            yield "errors", _errors(f, _fan(found[0]))


def _row(f: dk.Function, found: dk.OrderExplanation) -> Row:
    own = {name: getattr(found, name) for name in TABLES["table"] if name not in ("function", "method", "why")}
    return {**own, "function": f.name, "method": found.formula, "why": found.message}


def _columns(rows: Sequence[Row], table: str) -> Columns:
    return {
        name: [row[name] for row in rows] if kind is str else np.array([row[name] for row in rows], dtype=kind)
        for name, (kind, _) in TABLES[table].items()
    }


def _fan(found: Sequence[dk.OrderExplanation]) -> list[dk.OrderExplanation]:
    """The first formula of order 1 and of every even order: a fan of slopes that can still be told apart."""
    first: dict[float, dk.OrderExplanation] = {}
    for one in found:
        first.setdefault(one.order, one)
    return [first[order] for order in sorted(first) if order == 1 or order % 2 == 0] or list(found)


def _errors(f: dk.Function, found: Sequence[dk.OrderExplanation]) -> Columns:
    rows = [
        {
            "function": f.name,
            "x": one.x,
            "method": one.formula,
            "delta": step,
            "error": error,
            "predicted": predicted,
            "bound": "estimated",
        }
        for one in found
        for step, error, predicted in zip(one.delta, one.error, one.predicted, strict=True)
    ]
    return _columns(rows, "errors")


# What the whole run says


def conclude(tables: Mapping[str, Columns]) -> Iterator[tuple[str, Columns]]:
    """Yield what is off and why, the orders over all functions, the summary per formula, and findings."""
    rows = _distinct(tables["table"])
    yield "off", _columns([row for row in rows if row["verdict"] != "as claimed"], "off")
    yield "orders", _columns(_orders(rows), "orders")
    yield (
        "summary",
        _columns([_summary(method, rows) for method in dict.fromkeys(r["method"] for r in rows)], "summary"),
    )
    yield "findings", {"finding": list(_findings(rows))}


def _distinct(table: Columns) -> list[Row]:
    names = list(TABLES["table"])
    return [dict(zip(names, values, strict=True)) for values in zip(*(table[name] for name in names), strict=True)]


def _median(values: Sequence[float]) -> float:
    seen = [value for value in values if not math.isnan(value)]
    return float(np.median(seen)) if seen else math.nan


def _orders(rows: Sequence[Row]) -> list[Row]:
    found = []
    for family in FAMILIES:
        own = [row for row in rows if row["method"].startswith(family)]
        for order in sorted({row["order"] for row in own}):
            seen = [row["order_observed"] for row in own if row["order"] == order]
            found.append(
                {
                    "family": family,
                    "order_claimed": f"order {order:.0f}",
                    "order": order,
                    "order_observed": _median(seen),
                    "slopes": sum(not math.isnan(value) for value in seen),
                }
            )
    return found


def _summary(method: str, rows: Sequence[Row]) -> Row:
    own = [row for row in rows if row["method"] == method]
    verdicts = Counter(row["verdict"] for row in own)
    reasons = Counter(row["reason"] for row in own if row["reason"]).most_common(1)
    return {
        "method": method,
        "order": own[0]["order"],
        "median_observed": _median([row["order_observed"] for row in own]),
        "as_claimed": verdicts["as claimed"],
        "off": verdicts["off"],
        "no_slope": verdicts["no slope"],
        "main_reason": f"{reasons[0][0]} ({reasons[0][1]})" if reasons else "",
    }


def _findings(rows: Sequence[Row]) -> Iterator[str]:
    verdicts = Counter(row["verdict"] for row in rows)
    seen = verdicts["as claimed"] + verdicts["off"]
    yield (
        f"{seen} of {len(rows)} formulas at a point show a slope; {verdicts['as claimed']} lie within {TOLERANCE} of "
        f"the claimed order, {verdicts['off']} do not."
    )
    off = [row for row in rows if row["verdict"] == "off"]
    told = sum(abs(row["order_observed"] - row["order_predicted"]) <= TOLERANCE for row in off)
    if off:
        known = sum(not math.isnan(row["order_predicted"]) for row in off)
        yield (
            f"Of the {len(off)} slopes that are off, {known} lie where {TERMS} terms of Taylor's series suffice; for "
            f"{told} of these the series has the same slope, within {TOLERANCE}."
        )
    yield from _by_order(rows)
    for verdict in ("off", "no slope"):
        for reason, count in Counter(row["reason"] for row in rows if row["verdict"] == verdict).most_common():
            row = next(row for row in rows if row["verdict"] == verdict and row["reason"] == reason)
            slope = f" (slope {row['order_observed']:.2f} instead of {row['order']:.0f})" if verdict == "off" else ""
            yield (
                f"{count} {verdict}: {reason}, {REASONS[reason]}. For example {row['method']} for {row['function']} at "
                f"x = {row['x']:.6g}{slope}: {row['why']}."
            )


def _by_order(rows: Sequence[Row]) -> Iterator[str]:
    """How the share of slopes as claimed falls with the order, as high orders leave no room above rounding."""
    shares = []
    for order in sorted({row["order"] for row in rows}):
        seen = [row["verdict"] for row in rows if row["order"] == order and row["verdict"] != "no slope"]
        if seen:
            shares.append(f"{order:.0f}: {seen.count('as claimed') / len(seen):.0%} of {len(seen)}")
    if len(shares) > 1:
        yield f"Slopes as claimed, by claimed order: {', '.join(shares)}."
