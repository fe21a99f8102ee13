"""What the study of the best delta tells, in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

import derivkit as dk
from derivkit.testing import NO_DELTA_HELPS
from experiments.study import Frame
from experiments.words import at_point, counted, listed, number, numbers

AS_GOOD = 1.05
"""Errors up to so many times those of the best delta are as good."""
BEST = "as good as the best delta of the grid"
EXACT = (
    "{place}: every delta of the grid gives the exact derivative with every formula, so that none is to be preferred."
)
"""What is said where there is nothing to choose."""
MISSED = 10.0
"""What was expected is missed if the errors are larger by this factor."""
COMPARED = {-10: "a window too small", 0: "the window chosen", 6: "a window too large"}
"""Of these windows the coefficients are pictured; what they are called."""
TOO_LARGE = "error bar, window too large"
"""What the bar is called of a window in which no noise shows, so that truncation has no bound."""
QUOTED = (1e-2, 1e-5, 1e-8)
"""Deltas at which quotients are quoted where no delta helps."""


def around(table: Frame, answer: Any) -> Frame:
    """The rows of the point of an answer in all precisions: float16 holds it to three digits, or as 0 or infinity."""
    x = table["x"]
    near = ((x - answer.x).abs() <= 1e-3 * x.abs() + 1e-7) | ~np.isfinite(x)
    return table[(table["function"] == answer.function) & near]


def exact(swept: Frame) -> bool:
    """Whether no delta of the sweeps of a point makes any error."""
    errors = swept["error"].dropna()
    return len(errors) > 0 and not errors.any()


def of_point(table: Frame, answer: Any) -> Frame:
    """The rows of a table that are of the point of an answer."""
    return table[(table["function"] == answer.function) & (table["x"] == answer.x)]


def place_of(row: Any) -> str:
    """The point of a row, with the digits that its precision holds and that tell it from its neighbours."""
    return at_point(row.function, row.x, digits=min(np.finfo(getattr(row, "precision", "float64")).precision, 9))


def take(answer: Any, rows: Frame) -> str:
    """What to take at a point: with every formula in the finest precision, and with the best one in the others."""
    finest, *others = sorted(rows["precision"].unique(), key=lambda name: float(np.finfo(name).eps))
    where, rest = f"{place_of(answer)} in {finest}", "".join(briefly(answer, rows, name) for name in others)
    fine = rows[rows["precision"] == finest]
    usable = usable_in(fine)
    if not usable:
        return f"{where}: there is nothing to recommend, as {fine['note'].iloc[0]}.{rest}"
    best, *more = usable
    formulas = [f"{row.method} {number(row.delta)} (error {number(row.expected)})" for row in more]
    return (
        f"{where}: take delta = {number(best.delta)} with {best.method}. Expect an error of {number(best.expected)} "
        f"(truncation {number(best.truncation)}, rounding {number(best.rounding)}); measured {made(best)}."
        f"{lost_in(answer, best)}"
        + (f" For other formulas: {listed(formulas)}." if formulas else "")
        + "".join(f" {row.method} cannot be used: {row.note}." for row in fine[fine["delta"].isna()].itertuples())
        + rest
    )


def usable_in(rows: Frame) -> list[Any]:
    """The formulas of a precision that have a delta to take, that with the least expected error first."""
    return list(rows[np.isfinite(rows["delta"])].sort_values("expected", kind="stable").itertuples())


def briefly(answer: Any, rows: Frame, precision: str) -> str:
    """A further precision: its best formula."""
    of_type = rows[rows["precision"] == precision]
    for best in usable_in(of_type):
        return (
            f" In {precision} take {number(best.delta)} with {best.method}: expect {number(best.expected)}."
            f"{lost_in(answer, best)}"
        )
    return f" In {precision} there is nothing to recommend, as {of_type['note'].iloc[0]}."


def lost_in(answer: Any, best: Any) -> str:
    """What to say where the expected error is as large as the derivative."""
    lost = best.expected >= 0.1 * abs(answer.value) and answer.status != "below_resolution"
    value = number(answer.value, 3)
    return f" The derivative is {value}: in this type not one digit of it is right." if lost else ""


def made(row: Any) -> str:
    """The error made, and what the best of all deltas would give."""
    if math.isnan(row.measured):
        return f"no difference from dk.derivative above its own bar ({row.note})"
    if not math.isfinite(row.best_typical):
        return number(row.measured)
    if row.times_best < AS_GOOD:
        return f"{number(row.measured)}; typical is {number(row.typical)}, and no delta of the grid does better"
    best = f"the best delta of the grid, {number(row.best_delta)}, typically gives {number(row.best_typical)}"
    return f"{number(row.measured)}; typical is {number(row.typical)}, while {best}"


def needs_none(answer: Any) -> str:
    """What dk.derivative gives without a delta."""
    true = ""
    if math.isfinite(answer.error):
        held = "within" if answer.error <= answer.bar else "outside"
        true = f", and its true error, {number(answer.error)}, is {held} that" if answer.error else ", exactly right"
    if math.isnan(answer.exact):
        true = ". As no exact derivative is known, the errors above are differences from this value"
    status = "" if answer.status == "ok" else f" Its status is {answer.status}: {answer.said}"
    if answer.status == "below_resolution" and answer.exact == 0.0:
        status = (
            f" Its status is {answer.status}: values of f alone cannot tell 0 from slopes up to {number(answer.bar)}."
        )
    return (
        f"{place_of(answer)}: dk.derivative needs no delta. From {answer.evaluations} values of f it gives "
        f"{dk.with_bar(answer.value, answer.bar)}{true}.{status}"
    )


def window_chosen(answer: Any, windows: Frame, plateau: Frame) -> Iterator[str]:
    """How the window was chosen: what smaller and larger ones would have said, and where noise begins."""
    noise = plateau[(plateau["line"] == "noise") & plateau["window"].str.startswith(COMPARED[0])]
    if not len(noise):
        return
    resolved = windows[windows["quantity"] == "error bar"]
    smallest = resolved.loc[resolved["reach"].idxmin()]
    larger = windows[(windows["quantity"] == TOO_LARGE) & (windows["reach"] > answer.reach)]["reach"]
    # the noise of values near a zero of f may shrink faster than the distance from it
    divided = (
        f"Values up to {number(smallest['reach'])} alone would give an error bar of {number(smallest['error'])}, as "
        "noise is divided by that distance"
    ) * bool(smallest["error"] > answer.bar)
    endless = f"from {number(larger.min())} on no noise shows, and truncation has no bound" if len(larger) else ""
    more = "; ".join(filter(None, (divided, endless)))
    yield (
        f"{place_of(answer)}: dk.derivative used values of f up to {number(answer.reach)} to either side of x. The "
        f"coefficients of the polynomial through them level off at degree {noise['degree'].min()}: that level, "
        f"{number(answer.noise)}, is the noise of f.{f' {more[:1].upper()}{more[1:]}.' if more else ''}"
    )


def why_none(answer: Any, quotients: Frame) -> str:
    """Why no delta helps, with quotients as evidence."""
    seen = "; ".join(quoted(method, rows) for method, rows in quotients.groupby("method", sort=False))
    helpless = "can be recommended" if answer.status == "unresolved" else "helps"
    return (
        f"{place_of(answer)}: no delta {helpless}, and dk.derivative says why: {answer.said} "
        f"{NO_DELTA_HELPS[answer.status]} {seen}."
    )


def quoted(method: str, quotients: Frame) -> str:
    """Some quotients of a formula."""
    scale = quotients["delta"].max()
    rows = quotients.iloc[[dk.nearest(quotients["delta"], scale * goal) for goal in QUOTED]]
    values = ", ".join(f"{number(size, 3)}" if math.isfinite(size) else "none" for size in rows["size"])
    return f"{method} gives |slope| {values} at delta = {', '.join(numbers(rows['delta']))}"


def beside_best(ratio: float) -> str:
    """What a delta is worth whose typical error is so many times that of the best one."""
    return f"is {BEST}" if ratio < AS_GOOD else f"typically errs {number(ratio)} times as much as the best one"


def judged(advice: Frame) -> Iterator[str]:
    """How good the recommendations were, over all of them."""
    known = advice[np.isfinite(advice["times_best"])]
    if not len(known):
        return
    worst = known.loc[known["times_best"].idxmax()]
    which, median = f"{place_of(worst)}, {worst.method} in {worst.precision}", known["times_best"].median()
    if len(known) == 1:
        yield f"The recommended delta {beside_best(worst.times_best)} ({which})."
    elif worst.times_best < AS_GOOD:
        yield f"Each of the {len(known)} recommended deltas is {BEST}."
    else:
        yield (
            f"In the median of {len(known)} recommendations, the recommended delta {beside_best(median)}; the worst "
            f"one {beside_best(worst.times_best)} ({which}). Compared are the errors typical around a delta, not "
            "those measured at it, of which each is a matter of luck."
        )
    missed = known[known[["measured", "typical"]].min(axis=1, skipna=False) > MISSED * known["expected"]]
    if len(missed):
        first = missed.iloc[0]
        yield (
            f"The error is more than {number(MISSED)} times as large as expected in {len(missed)} of "
            f"{counted(len(known), 'case')} (first {place_of(first)}, {first.method} in {first.precision}): f does "
            "something there that the values taken of it do not show."
        )
    # a straight line has no best delta
    theory = known[np.isfinite(known["theory_delta"]) & (known["truncation"] > 0.01 * known["rounding"])]
    if len(theory):
        ratio, many = (theory["delta"] / theory["theory_delta"]).median(), ", in the median," if len(theory) > 1 else ""
        yield (
            f"In float64 the delta recommended from values of f alone is{many} {number(ratio)} times the one that "
            "theory derives from the expression; theory allows for the worst case of every rounding."
        )
