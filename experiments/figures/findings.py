"""What captions find in the numbers that are drawn: the least, the greatest, where, and how many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from experiments.figures.contract import Panel, Plan, Spec
from experiments.figures.series import Series
from experiments.words import listed

TOLD = 3
"""Most panels that are told one by one."""


def number(value: float) -> str:
    """A number of two or three digits, whole where it is large enough."""
    if value == 0 or 1e-3 <= abs(value) < 1e3:
        return f"{value:.3g}"
    return f"{value:.0f}" if 1e3 <= abs(value) < 1e5 else f"{value:.1e}"


def inside(title: str) -> str:
    """The panel of a figure in brackets, or nothing where there is one without a title."""
    return f" ({title})" if title else ""


@dataclass(frozen=True, kw_only=True)
class Lowest:
    """The least value of a panel: whose it is, where, and whether its line is higher at both of its ends."""

    title: str
    name: str
    x: float
    y: float
    between: bool


def _lowest(panel: Panel) -> Lowest | None:
    """Find the least y of the lines of a panel; among equals of a line the largest x. None if no y is finite."""
    lows = []
    for line in panel.content:
        x, y = line.finite
        if y.size:
            least = y.min()
            at = np.flatnonzero(y == least)[-1]
            between = bool(y[0] > least and y[-1] > least)
            lows.append(Lowest(title=panel.title, name=line.name, x=float(x[at]), y=float(least), between=between))
    return min(lows, key=lambda one: one.y, default=None)


def tell_lowest(plan: Plan, spec: Spec) -> list[str]:
    """Say whose line has the least value in each panel and where; of many panels, in which it is the least of all."""
    found = [one for panel in plan.panels if (one := _lowest(panel))]
    if not found:
        return []
    what, along = spec["ylabel"], spec["xlabel"]
    several = len(plan.names) > 1
    winners = {one.name for one in found}
    places = [f"{_value(one)} at {along} = {number(one.x)}{inside(one.title)}" for one in found]
    says = []
    if len(found) > TOLD:
        one = min(found, key=lambda panel: panel.y)
        wins = [sum(panel.name == name for panel in found) for name in plan.names]
        most = int(np.argmax(wins))
        if several:
            says.append(f"{plan.names[most]} has the least {what} in {wins[most]} of {len(found)} panels.")
        who = f"{one.name}: " if several else ""
        says.append(f"The least of all is {who}{_value(one)} at {along} = {number(one.x)}{inside(one.title)}.")
    elif several and len(winners) == 1:
        where = {1: "", 2: " in both panels"}.get(len(found), f" in all {len(found)} panels")
        says.append(f"{found[0].name} has the least {what}{where}: {listed(places)}.")
    else:
        named = [f"{place} by {one.name}" if several else place for place, one in zip(places, found, strict=True)]
        says.append(f"The least {what} is {listed(named)}.")
    if all(one.between for one in found):
        each = "It lies" if len(found) == 1 else "Each lies"
        says.append(f"{each} between the ends, and at both ends its line is higher.")
    return says


def _value(one: Lowest) -> str:
    return "exactly 0" if one.y == 0 else number(one.y)


def tell_worst(plan: Plan) -> list[str]:
    """Say which line stays the highest at its best, if there are several in a panel."""
    lines = [(line.finite[1], panel.title, line.name) for panel in plan.panels for line in panel.content]
    best = [(float(y.min()), title, name) for y, title, name in lines if y.size]
    if len({name for _, _, name in best}) < 2:
        return []
    least, title, name = max(best)
    return [f"{name} gets no lower than {number(least)}{inside(title)}."]


def tell_range(panel: Panel, spec: Spec) -> str:
    """Say between which values the lines of a panel run."""
    lines: Sequence[Series] = panel.content
    several = len(lines) > 1
    ends = []
    for line in lines:
        x, y = line.finite
        ends += [(float(y[k]), float(x[k]), line.name) for k in (np.argmin(y), np.argmax(y))] if y.size else []
    if not ends:
        return ""
    told = [
        f"{number(y)} ({f'{name}, ' if several else ''}{spec['xlabel']} = {number(x)})" for y, x, name in
        (min(ends), max(ends))
    ]  # fmt: skip
    start = f"{panel.title}: " if panel.title else ""
    return f"{start}{spec['ylabel']} runs from {told[0]} to {told[1]}."
