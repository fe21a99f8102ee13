"""Sweeps over delta: what tells them apart, the errors that are typical in them, and the best of each."""

from __future__ import annotations

import derivkit as dk
from experiments.study import Frame

SWEEP = ["function", "x", "method"]
"""What tells sweeps apart."""


def with_typical(table: Frame, *, growth: int) -> Frame:
    """A table with the errors that no luck has made small, and with what counts of them."""
    curve = table.groupby(SWEEP, sort=False).ngroup()
    truncation = table["truncation"].to_numpy() if "truncation" in table else None
    error = table["error"].fillna(table["bar"]) if "bar" in table else table["error"]
    typical = dk.typical_error(table["delta"], error, growth=growth, curve=curve, truncation=truncation)
    return table.assign(typical=typical, counted=dk.distinguishable(typical, table["exact"].to_numpy()), curve=curve)


def best_of(table: Frame) -> Frame:
    """The row of the least typical error of every sweep; among equals that of the largest delta, needing least luck."""
    return table.iloc[dk.least_errors(table["delta"], table["counted"], curve=table["curve"])]
