"""What the study of delta says in sentences: which method comes closest, why, and whether theory holds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

import derivkit as dk
from experiments.studies.delta_sweep.sweeps import SWEEP, best_of
from experiments.study import Frame
from experiments.words import at_point, counted, digits_of, listed, number, part_of

CURVES = 3
"""Points of which findings tell."""
FEW = 4
"""Up to so many deltas are listed one by one."""
SHARE = 0.01
"""Part of the least error that truncation and rounding both have where they balance: at least 1 / 9 by their laws of
the orders up to 8, and less on a ladder of eight deltas per decade. A choice."""
LOOSE = 100.0
"""A truncation predicted to be larger than the error by this factor explains nothing: the largest derivative within
the stencil is not that of most of it. A choice."""
NEAR = 0.5
"""Decades within which trials lie near one another: by eye, few enough for rounding to be alike."""


# Of a sweep


def result(row: Any) -> str:
    """The estimate of a row, with the digits that it is good for, and its error; or why there is none."""
    if math.isnan(row.estimate):
        return str(row.status)
    estimate = number(row.estimate, digits_of(row.estimate, np.fmin(row.rounding, row.error)))
    if math.isfinite(row.bar):
        return f"{estimate} (error below {number(row.bar)})"
    return estimate if math.isnan(row.error) else f"{estimate} (error {number(row.error, 3)})"


def turned(start: tuple[float, float], best: tuple[float, float], end: tuple[float, float], *, rounding: bool) -> str:
    """Say how the error goes from the largest delta to the least, each a pair of delta and error."""
    (first, high), (delta, low), (last, error) = (map(number, pair) for pair in (start, best, end))
    least = f"the least error, luck aside, is {low}, at delta = {delta}"
    if best[0] < start[0] and 2.0 * best[1] < start[1]:
        least = f"from delta = {first} to {delta} the error falls from {high} to {low}"
    if end[1] <= best[1]:
        return f"{least}; it does not grow back down to delta = {last}."
    times = f", {number(end[1] / best[1])} times the least" if best[1] > 0 else ""
    why = "rounding takes over" if rounding else "it grows back"
    return f"{least}. Below that {why}: at delta = {last} the error is {error}{times}."


# Of a run


def winners(table: Frame) -> Iterator[str]:
    """For a few functions and points, the first points of all before a second: which method and delta came closest."""
    places = table[["function", "x"]].drop_duplicates()
    rank = places.groupby("function", sort=False).cumcount()
    for place in places.loc[rank.sort_values(kind="stable").index[:CURVES]].itertuples():
        rows = table[(table["function"] == place.function) & (table["x"] == place.x)]
        where, best = at_point(place.function, place.x), best_of(rows)
        if not len(best):
            yield f"{where}: no error can be stated, since {why_none(rows)}."
            continue
        closest = best[best["counted"] <= indistinguishable(best, rows)]
        yield f"{where}: {came_closest(closest, rows)}.{lucky(rows, best['counted'].min())}"


def indistinguishable(best: Frame, rows: Frame) -> float:
    """The error up to which methods came equally close.

    That is rounding where nothing else can tell them apart: with few deltas, which show no luck, and of a formula that
    is exact for this function.
    """
    least = best.loc[best["counted"].idxmin()]
    rounded = least["error"] > 0.0 and (rows["delta"].nunique() <= FEW or least["truncation"] == 0.0)
    return float(np.fmax(least["counted"], least["rounding"])) if rounded else float(least["counted"])


def came_closest(closest: Frame, rows: Frame) -> str:
    """Which methods have the least typical error, each with its delta; ties are told as such."""
    error = closest["typical"].max()
    ties = "equally close" if len(closest) > 1 else "closest"
    size = f"of {number(error) if error else 'exactly 0'}"
    if closest["typical"].min() < error:
        size = f"of at most {number(error)}, which is rounding,"
    if math.isfinite(closest["bar"].max()):
        size = f"below {number(error)}, the bar of dk.derivative,"
    came = f"{listed(list(closest['method']))} came {ties}, with an error {size}"
    exact = abs(rows["exact"].iloc[0])
    wrong = f", where the derivative is {number(exact)}: no digit is right" if error >= 0.5 * exact > 0.0 else ""
    errors_of_each = [rows.loc[rows["method"] == method, "error"].dropna() for method in closest["method"]]
    if all(len(errors) > 1 and (errors == error).all() for errors in errors_of_each):
        return f"{came} at every delta{wrong}"
    return f"{came} at delta = {listed(list(dict.fromkeys(number(delta) for delta in closest['delta'])))}{wrong}"


def lucky(rows: Frame, least: float) -> str:
    """The least error of all, where it is far below that of the best and its delta is typically worse than that."""
    known = rows.dropna(subset="error")
    if not len(known):
        return ""
    row = known.loc[known.groupby("method", sort=False)["error"].idxmin()].nsmallest(1, "error").iloc[0]
    if not (dk.is_luck(row["error"], least) and least < row["typical"]):
        return ""
    error, delta, typical = (number(row[name]) for name in ("error", "delta", "typical"))
    return f" The error of {error} of {row['method']} at delta = {delta} is luck: {typical} is typical there."


def why_none(rows: Frame) -> str:
    """Why no row of a point has an error."""
    if rows["exact"].isna().all():
        return "there is no derivative, or none is known"
    told = [f"{why} ({counted(n, 'row')})" for why, n in spoiled(rows)]
    return f"there is no estimate: {'; '.join(told)}"


def spoiled(rows: Frame) -> Iterator[tuple[str, int]]:
    """Why some rows have no error, in words, and how many."""
    why = dict(zip(dk.ErrorSweep.STATUSES, dk.ErrorSweep.REASONS, strict=True))
    return ((why[status], n) for status, n in counts(rows["status"]).items() if status != "ok")


def counts(values: Frame) -> dict[str, int]:
    """How often there is each of some texts, in their alphabetical order."""
    return {str(text): int(n) for text, n in values.value_counts().sort_index().items()}


def reasons(table: Frame, optimum: Frame) -> Iterator[str]:
    """For the first sweep, what the error is made of: at every delta where these are few, else at both ends."""
    where, rows = next(iter(table.groupby(SWEEP, sort=False)))
    rows = rows.dropna(subset=["truncation", "rounding", "error"]).sort_values("delta", ascending=False, kind="stable")
    rows = rows[rows["truncation"] + rows["rounding"] > 0.0]
    for row in (rows if len(rows) <= FEW else rows.iloc[[0, -1]]).itertuples():
        larger = "truncation" if row.truncation > row.rounding else "rounding"
        rules = f"{larger} rules" if row.error else "at this point none of it is left"
        why = f"Predicted are truncation {number(row.truncation)} and rounding {number(row.rounding)}: {rules}."
        if larger == "truncation" and row.truncation > LOOSE * row.error > 0.0:
            why = "No prediction holds for so long a step, over which a derivative of f grows too large."
        yield (
            f"{at_point(*where[:2])}, {where[2]} with delta = {number(row.delta, 3)}: the error is {number(row.error)}."
            f" {why}"
        )
    yield from without_rounding(rows)
    if rows["truncation"].any() and where in optimum.index and not math.isnan(optimum.loc[where, "delta"]):
        best = optimum.loc[where]
        most = f"{'at most' if best['bound'] == 'proved' else 'about'} {number(best['error'])}"
        if balance(rows, best):
            yield f"By prediction the two balance near delta = {number(best['delta'])}, where the error is {most}."
        else:
            yield f"By prediction the two never balance here: the least error, {most}, is that of one of them alone."


def balance(rows: Frame, best: Any) -> bool:
    """Whether truncation and rounding both count at the best delta, where one is q / p times the other.

    Truncation is carried there from the nearest delta along its law, delta^p.
    """
    nearest = rows.iloc[dk.nearest(rows["delta"], best["delta"])]
    share = nearest["truncation"] / best["error"] * (best["delta"] / nearest["delta"]) ** best["order"]
    return bool(SHARE <= share <= 1.0 - SHARE)


def without_rounding(rows: Frame) -> Iterator[str]:
    """Of a sweep, from the largest delta down, that rounding does not show in its last errors."""
    exact = rows[(rows["error"][::-1] == 0.0).cumprod()[::-1] == 1]
    if len(exact) > 1 and (exact["rounding"] > 0.0).all():
        first, last = exact.iloc[0], exact.iloc[-1]
        yield (
            f"From delta = {number(first['delta'])} down to {number(last['delta'])} the error is exactly 0, though "
            f"rounding up to {number(last['rounding'])} is allowed for: the quotient divides by the step really taken, "
            "(x + delta) - x, and the differences of the computed values are right to the last digit. Divided by delta "
            "itself, the rounding of x + delta would show."
        )


def observed(laws: Frame) -> Iterator[str]:
    """Observed exponents against theory, over all sweeps that show both."""
    for name, theory in (("order of accuracy", "order"), ("growth of the rounding error", "growth")):
        apart = (laws[f"{theory}_observed"] - laws[theory]).abs()
        if apart.notna().any():
            worst, sweeps = laws.loc[apart.idxmax()], part_of(int(apart.count()), len(laws), "sweep")
            seen, claimed = (f"{worst[column]:.2f}" for column in (f"{theory}_observed", theory))
            which = f"{worst['method']} of {worst['function']}"
            against = f": {seen} against {worst[theory]:.0f} for {which}" if seen != claimed else ""
            yield (
                f"The {name} was observed in {sweeps}, at most {math.ceil(100 * apart.max()) / 100:.2f} from theory"
                f"{against}."
            )


def bounds_held(table: Frame) -> Iterator[str]:
    """Whether every proved bound held, and how many rows were spoiled."""
    proved = table[(table["bound"] == "proved") & table["error"].notna()]
    if len(proved):
        broken = int((proved["error"] > proved["truncation"] + proved["rounding"]).sum())
        by = f"{broken:,}: f is not what its expression says" if broken else "none"
        yield f"Truncation + rounding is a proved bound of {counted(len(proved), 'error')}; it is exceeded by {by}."
    without = [f"{n:,}, as {why}" for why, n in spoiled(table)]
    if without:
        yield f"Rows without an error: {'; '.join(without)}."


# Of a search


def beside_prediction(row: Any, optimum: Frame) -> str:
    """Compare what was found at a point with the best that is predicted there, of all methods and of the same one."""
    place, delta = at_point(row.function, row.x), number(row.delta)
    result = f"{place}: {row.method} with delta = {delta} has an error of {number(row.error)}"
    here = optimum[optimum["error"] > 0].reset_index()
    here = here[(here["function"] == row.function) & (here["x"] == row.x)].set_index("method")
    if row.method not in here.index:
        return f"{result}; nothing is predicted there."
    method, same = here["error"].idxmin(), here.loc[row.method]
    best = here.loc[method]
    words = (
        f"{result}, {number(row.error / best['error'])} times the least that is predicted for the methods drawn: at "
        f"most {number(best['error'])}, for {method} with delta = {number(best['delta'])}"
    )
    ratio = f"the delta found is {number(row.delta / same['delta'])} times that."
    if method == row.method:
        return f"{words}; {ratio}"
    predicted = f"{row.method} itself is predicted to be best with delta = {number(same['delta'])}, at most"
    return f"{words}. {predicted} {number(same['error'])}; {ratio}"


def luck(row: Any, others: Frame) -> str:
    """Say so where the error found is far below those of trials near it that rounding makes wrong too.

    Rounding goes with 1 / delta^d, so that within NEAR decades the delta alone explains a few times, not ten.
    """
    near = np.abs(np.log10(others["delta"] / row.delta)) < NEAR
    errors = others.loc[near & (others["rounding"] >= others["truncation"]), "error"].dropna()
    if len(errors) < 2 or not dk.is_luck(row.error, errors.median()):
        return ""
    return (
        f" The error is good luck: the {len(errors)} other trials of {row.method} with a delta less than {10**NEAR:.0f}"
        f" times as large or as small, where rounding rules, have errors from {number(errors.min())} to"
        f" {number(errors.max())}, and up to {number(row.truncation + row.rounding)} is predicted for it."
    )
