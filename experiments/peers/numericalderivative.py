"""The step rules of numericalderivative, each with the default arguments of its own search."""

from __future__ import annotations

from typing import Any

LEAST, MOST = 1e-10, 1.0
"""Between which the first step is sought, over max(1, |x|). A choice: its manual gives a bracket for each function."""


def stepleman_winarsky(f: Any, x: float) -> Any:
    """By a central difference at the step of Stepleman and Winarsky, from the first step of its own helper; no bar."""
    from numericalderivative import SteplemanWinarsky, SteplemanWinarskyInitialize  # noqa: PLC0415 -- for comparison

    rule, scale = SteplemanWinarsky(f, x), max(1.0, abs(x))
    first, _ = SteplemanWinarskyInitialize(rule).find_initial_step(LEAST * scale, MOST * scale)
    step, _ = rule.find_step(first)
    return rule.compute_first_derivative(step)


def gill_murray_saunders_wright(f: Any, x: float) -> Any:
    """By a forward difference at the step of Gill, Murray, Saunders and Wright; no bar."""
    from numericalderivative import GillMurraySaundersWright  # noqa: PLC0415 -- as above

    rule, scale = GillMurraySaundersWright(f, x), max(1.0, abs(x))
    step, _ = rule.find_step(LEAST * scale, MOST * scale)
    return rule.compute_first_derivative(step)
