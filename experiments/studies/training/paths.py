"""The paths of a run of training as frames: their states one by one, and what every path is as a whole."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

import derivkit as dk
from experiments.study import Frame

BACKPROP = "backprop"
TEXTBOOK_DELTA = 1e-4
"""The step of a textbook's loop over weights."""
LINES = 7
"""Ways besides backprop whose losses are drawn; a constant without a derivation, as are the others here."""
NEAR = 0.1
"""A law holds where it is off by at most this part."""
APART = 0.01
"""Paths have parted where they are farther from one another than this part of the parameters."""


class Paths(NamedTuple):
    """The paths of a run, each of them once, those of a case together and the one of backprop in float64 first."""

    steps: Frame
    """The main table with the case, and the number of the path."""
    ends: Frame
    """What is known of every path as a whole, see `whole`, by its number."""


def paths_of(table: Frame, times: Frame, ended: Frame, *, setting: Sequence[str], way: Sequence[str]) -> Paths:
    """The paths of a run; what several jobs made is there once.

    Parameters
    ----------
    table, times, ended
        The states of all paths, the times of their gradients, and the paths that ended before their time.
    setting, way
        The columns that tell settings apart, the network first, and ways.
    """
    import pandas as pd  # noqa: PLC0415 - only a run that concludes pays for it

    keys = [*setting, *way]
    steps = table.drop_duplicates([*keys, "step"])
    steps = steps.assign(case=cases_of(steps, setting), path=steps.groupby(keys, sort=False).ngroup())
    order = steps.groupby("case", sort=False).ngroup()
    steps = steps.assign(order=order).sort_values(["order", "path", "step"], ignore_index=True)
    ends = pd.DataFrame([whole(path) for _, path in steps.groupby("path", sort=False)])
    ends = ends.merge(times[[*keys, "seconds"]].drop_duplicates(keys), how="left", on=keys)
    marked = ended[keys].drop_duplicates().assign(ended=True)
    cut_short = ends[keys].merge(marked, how="left", on=keys)["ended"].eq(other=True)
    numerical = ends["method"] != BACKPROP
    double = numerical & (ends["precision"] == "float64")
    ends = ends.assign(
        cut_short=cut_short,
        numerical=numerical,
        complete=numerical & ~cut_short & np.isfinite(ends["distance"]),
        displayed=double | (numerical & ~double.groupby(ends["case"]).transform("any")),
        named=ends["way"] + ", " + ends["precision"],
    )
    return Paths(steps, ends.set_index("path"))


def cases_of(steps: Frame, setting: Sequence[str]) -> Frame:
    """The network, with those settings that differ within the run."""
    case = steps["network"]
    for name in setting[1:]:
        if len(steps[name].unique()) > 1:
            values = steps[name].map(lambda value: value if isinstance(value, str) else f"{value:g}")
            case = case + f", {name} " + values
    return case


def whole(path: Frame) -> dict[str, Any]:
    """What a path is as a whole: its last row, where it began, and what it was like on the way."""
    trained = dk.TrainingPath(columns={name: values.to_numpy() for name, values in path.items()})
    errors = trained.errors
    return {
        **path.iloc[-1],
        **{f"first_{name}": path[name].iloc[0] for name in ("loss", "accuracy")},
        **{name: getattr(trained, name) for name in ("settled", "gain", "stretch", "still_since")},
        "error": np.median(errors) if errors.size else math.nan,
        "worst": np.max(errors) if errors.size else math.nan,
        **trained.judge_law(near=NEAR, apart=APART)._asdict(),
    }


def steps_of(paths: Paths, chosen: Frame) -> Frame:
    """The steps of those paths that are chosen."""
    return paths.steps[paths.steps["path"].isin(paths.ends.index[chosen])]


def highest(ends: Frame) -> str:
    """The formula of the highest order."""
    return str(max(ends["method"][ends["numerical"]].unique(), key=lambda name: dk.formula(name).order))


def examples_of(ends: Frame, method: str) -> list[int]:
    """For each case the number of the path of a formula with the delta nearest to a textbook's."""
    made = ends[ends["displayed"] & (ends["method"] == method) & (ends["step"] > 0)]
    return list(np.abs(np.log(made["delta"] / TEXTBOOK_DELTA)).groupby(made["case"], sort=False).idxmin())


def straying(paths: Paths) -> list[str]:
    """The ways whose losses are farthest from backprop's in some case, in the order of the configuration."""
    steps, ends = paths
    first = ends[~ends.duplicated("case")]
    reference = steps[steps["path"].isin(first.index)].set_index(["case", "step"])["loss"].rename("reference")
    shown = steps_of(paths, ends["displayed"] & (ends["step"] > 0)).join(reference, on=["case", "step"])
    apart = (shown["loss"] - shown["reference"]).abs().groupby([shown["case"], shown["way"]], sort=False).mean()
    gain = first.set_index("case")["gain"].abs()
    worst = apart.div(gain.where(gain > 0.0, 1.0), level="case").groupby("way", sort=False).max()
    return [way for way in worst.index if way in worst.nlargest(LINES).index]
