"""What follows from the formulas that a row of the table of operations states.

From a slope follow the Taylor series (y' = slope(u) u') and the running error (an argument that is wrong by e moves the
value by at most e times the largest slope within e); from a definition the Taylor series; from a domain the poles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from derivkit.operations.columns import refuse_malformed
from derivkit.operations.formulas import Meaning, worked_out
from derivkit.operations.rounding import inherited, near_zero, rounded
from derivkit.operations.row import Bounded, Elementary, SlopeBound, by_definition, by_slope
from derivkit.operations.taylor import Series, Taylor
from derivkit.types import Array


def completed(rows: Iterable[Elementary]) -> Mapping[str, Elementary]:
    """The table of the rows by name, with all that follows from their slopes and definitions.

    Raises
    ------
    ValueError
        If a row leaves out what the rest follows from, or a column holds what cannot stand there; it says which row,
        which column, and what to write.
    """
    rows = tuple(rows)
    arities = {row.name: row.arity for row in rows}
    table: dict[str, Elementary] = {}
    for row in rows:
        refuse_malformed(row, arities)
        running = _running_of(row, table) if row.running is by_slope else row.running
        series = row.series
        if series is by_slope:
            series = _integrated(row, table)
        elif series is by_definition:
            series = _series_of(row.definition, table)
        table[row.name] = replace(row, running=running, series=series, pole=row.pole or _pole_of(row, table))
    return MappingProxyType(table)


def _series_of(formula: str, table: Mapping[str, Elementary]) -> Callable[[Taylor, Series], Series]:
    """A formula of u on Taylor series; its numbers are of the type of u where a function needs one."""

    def series(t: Taylor, u: Series) -> Series:
        zero = 0 * u[0]

        def apply(name: str, *arguments: Series) -> Series:
            if name in ARITHMETIC and not all(map(_is_number, arguments)):
                return table[name].series(t, *arguments)
            return table[name].series(t, *([a[0] + zero] if _is_number(a) else a for a in arguments))

        pi = lambda: [4 * t.numbers.atan(1 + zero)]  # noqa: E731 -- one line of a table of meanings
        return list(worked_out(formula, u, Meaning(number=lambda n: [n], pi=pi, apply=apply)))

    return series


ARITHMETIC = frozenset({"add", "subtract", "multiply", "divide", "power", "negate"})
"""Operations that take the whole numbers of a formula as they are, beside numbers of another type."""


def _is_number(a: Series) -> bool:
    """Whether a series is a whole number of a formula, which belongs to no arithmetic."""
    return len(a) == 1 and isinstance(a[0], int)


def _integrated(row: Elementary, table: Mapping[str, Elementary]) -> Callable[[Taylor, Series], Series]:
    """y' = slope(u) u', from the value that the arithmetic has for it."""
    slope = _series_of(row.slope, table)
    return lambda t, u: t.integrate(getattr(t.numbers, row.name)(u[0]), slope(t, u), u)


def _running_of(row: Elementary, table: Mapping[str, Elementary]) -> Callable[[Bounded], Bounded]:
    bound = row.steepest if callable(row.steepest) else _slope_bound(row, table)

    def running(argument: Bounded) -> Bounded:
        a, e = argument
        moved = 0.0 if np.ndim(e) == 0 and e == 0.0 else inherited(bound(a, e), e)
        return rounded(row.value(a), moved, ulps=row.ulps, underflow=row.underflow)

    return running


def _pole_of(row: Elementary, table: Mapping[str, Elementary]) -> Callable[[Any], Any] | None:
    """The end of a domain to which the end does not belong."""
    domain = row.defined
    if domain is None or domain.relation not in {">", "<", "≠"}:
        return None
    left, right, meaning = domain.left, float(domain.right), in_floats(table)
    return lambda a: worked_out(left, a, meaning) == right


def in_floats(table: Mapping[str, Elementary]) -> Meaning:
    """What a formula means in float64."""
    return Meaning(number=float, pi=lambda: np.pi, apply=lambda name, *arguments: table[name].value(*arguments))


ENDS_OF = {("u", ">"), ("u", "<"), ("abs(u)", "<")}
"""Domains that end on the left, on the right, or on both sides alike."""


def _slope_bound(row: Elementary, table: Mapping[str, Elementary]) -> SlopeBound:
    """The slope at the point of [a - e, a + e] that is steepest, or at the end of the domain if that comes first."""
    points: Mapping[Any, SlopeBound] = {
        "near 0": near_zero,
        "far from 0": lambda a, e: np.abs(a) + e,
        "left": lambda a, e: a - e,
        "right": lambda a, e: a + e,
    }
    meaning, point, domain = in_floats(table), points[row.steepest], row.defined
    clip = np.maximum if domain and domain.start is not None else np.minimum
    end = float(domain.right) if domain and (domain.left, domain.relation[0]) in ENDS_OF else None

    def bound(a: Array, e: Array) -> Array:
        place = point(a, e) if end is None else clip(point(a, e), end)
        return np.asarray(worked_out(row.slope, place, meaning))

    return bound
