"""What the study of training says: of all its paths as wholes, or of those of one case, backprop in float64 first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from experiments.studies.training.paths import APART, BACKPROP, NEAR
from experiments.study import Frame
from experiments.words import number, part_of, percent

TRAINED = 0.1
"""A way trains where its loss ends above backprop's by at most this part of what backprop's loss fell by, without a
derivation."""


def delta_text(delta: float) -> str:
    """A delta as it is written in a configuration: 1e-5."""
    return np.format_float_scientific(float(f"{delta:g}"), trim="-", exp_digits=1) if delta < 0.01 else f"{delta:g}"


def of_losses(ends: Frame, strays: Sequence[str]) -> Iterator[str]:
    """Which ways are farthest from the loss of backprop."""
    others = set(ends["way"][ends["displayed"]]) - set(strays)
    left = f"; the other {len(others)} lie closer to it." if others else ", which are all there are."
    yield f"Drawn are backprop and the {len(strays)} ways whose losses are farthest from its loss in some panel{left}"
    worst = []
    for case, paths in ends.groupby("case", sort=False):
        backprop, complete = paths["loss"].iloc[0], paths[paths["complete"]]
        if len(complete):
            path = complete.loc[(complete["loss"] - backprop).abs().idxmax()]
            worst.append(f"{case}: {path['named']} ends at {number(path['loss'], 4)} instead of {number(backprop, 4)}")
    if worst:
        yield f"Farthest at the end: {'; '.join(worst)}."


def of_growth(ends: Frame, method: str) -> Iterator[str]:
    """From where to where the distances end."""
    rows = ends[ends["complete"] & ends["displayed"] & (ends["method"] == method)]
    ranges = []
    for case, paths in rows.groupby("case", sort=False):
        ordered = paths.sort_values("distance", kind="stable")
        low, high = (
            f"{number(path.distance)} (delta {delta_text(path.delta)})" for path in ordered.iloc[[0, -1]].itertuples()
        )
        ranges.append(f"{case}: from {low} to {high}")
    yield f"Drawn is {method}."
    if ranges:
        yield f"After the last step: {'; '.join(ranges)}."


def of_laws(ends: Frame, examples: Sequence[int]) -> Iterator[str]:
    """By how much the distance grows beyond the sum of the errors."""
    if examples:
        yield f"Drawn is {ends.loc[examples[0], 'way']}."
    stretched = ends[ends["displayed"] & np.isfinite(ends["stretch"])]
    texts = []
    for case, paths in stretched.groupby("case", sort=False):
        path = paths.loc[paths["stretch"].idxmax()]
        beyond = path["stretch"] > 1.0 + NEAR
        texts.append(
            f"{case}: the distance grows to {number(path['stretch'], 3)} times the sum ({path['way']})" if beyond
            else f"{case}: the distance is at most {path['stretch']:.2f} times the sum in all ways"
        )  # fmt: skip
    if texts:
        yield f"{'; '.join(texts)}."


def of_ends(complete: Frame) -> Iterator[str]:
    """Which delta ends closest."""
    closest, alike = [], 0
    for (case, precision), paths in complete.groupby(["case", "precision"], sort=False):
        near = paths["distance"].idxmin()
        alike += near == paths["error"].idxmin()
        closest.append(f"{case}, {precision}: {paths['way'][near]}, {number(paths['distance'][near])}")
    if not closest:
        yield "No way made all steps."
        return
    yield (
        "The way whose gradient errs least, at the median of its steps, is also the one that ends closest to backprop"
        f" in {alike} of {len(closest)} cases. The closest are: {'; '.join(closest)}."
    )


def of_training(paths: Frame) -> Iterator[str]:
    """How backprop trains."""
    first = paths.iloc[0]
    start, end = (number(first[name], 4) for name in ("first_loss", "loss"))
    if first["cut_short"]:
        yield (
            f"the path of backprop ends after step {first['step']}, as its next loss is no finite number; a smaller"
            f" rate may help. Until there its loss goes from {start} to {end}."
        )
        return
    verb = "brings" if first["loss"] < first["first_loss"] else "does not train: it takes"
    yield (
        f"backprop {verb} the loss from {start} to {end} in {first['step']} steps, and"
        f" the share of right answers on the samples held aside from {percent(first['first_accuracy'])} to"
        f" {percent(first['accuracy'])}."
    )


def of_nearest(paths: Frame) -> Iterator[str]:
    """How near the closest path stays, and how many part."""
    complete = paths[paths["complete"]]
    if len(complete):
        best, apart = complete.loc[complete["distance"].idxmin()], int((complete["distance"] > APART).sum())
        yield (
            f"the closest to backprop's path is {best['named']}: after {best['step']} steps the parameters differ by"
            f" {number(best['distance'])} of their size, the loss by"
            f" {number(abs(best['loss'] - paths['loss'].iloc[0]))}."
            f" {part_of(apart, len(complete), 'path').capitalize()} end{'s' if apart < 2 else ''} farther than"
            f" {percent(APART)} from it."
        )


def of_law(paths: Frame) -> Iterator[str]:
    """Where the law of first order holds, and what is at hand where it does not."""
    total, held, kinked, far = paths.loc[paths["numerical"], ["judged", "held", "kinked", "far"]].sum()
    if total:
        reasons = (
            (kinked, "after some unit was open for a sample on one path and shut on the other"),
            (far, f"{'without that, ' if kinked else ''}where the paths are more than {percent(APART)} apart"),
            (total - held - kinked - far, "elsewhere"),
        )
        missed = "; ".join(f"{count} {where}" for count, where in reasons if count)
        yield (
            f"the law of first order tells the distance to within {percent(NEAR)} at {part_of(held, total, 'step')} of"
            f" all ways{f', and misses it at {missed}' if missed else ''}."
        )


def of_bad(paths: Frame) -> Iterator[str]:
    """Whether a bad gradient still trains."""
    first, complete = paths.iloc[0], paths[paths["complete"]]
    if first["gain"] <= 0.0 or complete.empty:
        return
    trains = complete["settled"] <= first["settled"] + TRAINED * first["gain"]
    good, failed = complete[trains], complete[~trains]
    yield (
        f"{part_of(len(good), len(complete), 'complete path')} {'trains' if len(good) < 2 else 'train'}: in the last"
        f" tenth of the steps the median loss is at most {percent(TRAINED)} of what backprop gained above its own,"
        f" {number(first['settled'], 4)}."
    )
    if len(good):
        bad = good.loc[good["error"].idxmax()]
        yield (
            f"the worst gradient that trains is that of {bad['named']}: it errs by {percent(bad['error'])} at half of"
            f" the steps or more, and gets to {number(bad['settled'], 4)}."
        )
    if len(failed):
        losses = [
            f"{path.named}: {number(path.settled, 3)}"
            f"{f' (from step {path.still_since} on its gradient is 0)' if path.still_since >= 0 else ''}"
            for path in failed.itertuples()
        ]
        yield f"the others get to these losses: {'; '.join(losses)}."


def of_costs(costs: Frame) -> Iterator[str]:
    """What a step costs by each formula, of one case of every network, in one precision."""
    formulas = costs[costs["method"] != BACKPROP]
    for _, rows in formulas.groupby("network", sort=False):
        case, precision = rows[["case", "precision"]].iloc[0]
        alike = rows[(rows["case"] == case) & (rows["precision"] == precision)]
        prices = [
            f"{cost.method} asks for {number(cost.evaluations, 4)} forward passes of a batch,"
            f" {number(cost.textbook_ratio, 3)} times the work of backprop; made incrementally it is"
            f" {number(cost.work_ratio, 3)} times that work, and took"
            f" {number(cost.time_ratio)} times as long"
            for cost in alike.itertuples()
        ]
        yield f"{case}, {precision}: a step of {'. One of '.join(prices)}."


def of_ended(ended: Frame) -> Iterator[str]:
    """The paths that end before their time: of each cause and precision, with the first reason in full."""
    for (cause, precision), rows in ended.groupby(["cause", "precision"], sort=False):
        first = rows.iloc[0]
        count = "1 path ends before its time" if len(rows) == 1 else f"{len(rows)} paths end before their time"
        yield (
            f"{precision}, {cause}: {count} ({'; '.join(rows['way'].unique())}). The first, {first['way']} of"
            f" {first['network']}, at step {first['step']}: {first['reason']}."
        )
