"""What theory allows a derivative of noisy values.

A formula with the weights w at the step h, on values whose errors are independent with standard deviation s, has the
root mean square error sqrt(T(h)^2 + s^2 sum(w^2) / h^2), T being its error on the function without noise. What theory
allows is the least of these over steps and the formulas of :mod:`derivkit.testing.attainability`, to somebody who knows
T. It falls like s^(p/(p+1)) for one formula of order p, and with a power just below 1 for all of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from derivkit.numerical.difference import sweep
from derivkit.testing.attainability import formulas, least_smoothed
from derivkit.testing.population import DISTURBANCES, Family
from derivkit.testing.statements import perturbation
from derivkit.trusted.truth import Truth
from derivkit.types import Array

REACH = 0.01
"""Half the width of the window on which the noise for the law is measured, over max(|x|, 1). A choice: of noise of one
level any window would do."""
STEPS = np.ldexp(1.0, np.arange(-40, 12))
"""Steps among which the law takes the best."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """Points of a function, what is true there, and what every formula is off by without noise."""

    x: Array
    truth: Truth
    truncation: Array
    """Shape ``(formulas, n, steps)``."""


def site_of(family: Family, x: Array) -> Site:
    """Return what is known of a family without its noise at points, shape ``(n,)``."""
    clean = replace(family, noise=None).function
    truth = family.truth(x)
    estimates = sweep(clean, x, STEPS, formulas=formulas(1)).estimate
    column = Truth(truth.high[:, None], truth.low[:, None])
    return Site(x=x, truth=truth, truncation=column.distance(estimates))


def law(truncation: Array, deviation: Array) -> Array:
    """The least root mean square error over formulas and steps, smoothed over steps as A is.

    Parameters
    ----------
    truncation : ndarray, shape ``(formulas, n, STEPS.size)``
        What each formula is off by at each step, without noise.
    deviation : ndarray, shape ``(n,)``
        Standard deviation of the errors of the values, which are independent.
    """
    gains = np.array([math.sqrt(sum(float(w) ** 2 for w in entry.weights)) for entry in formulas(1)])
    noise = gains[:, None, None] * deviation[:, None] / STEPS
    return least_smoothed(np.hypot(truncation, noise))


def allowed(family: Family, site: Site) -> Array:
    """Return what theory allows at every point of a site; NaN where no law holds."""
    if family.noise is None or DISTURBANCES[family.noise.kind].smooth:
        return np.full(site.x.shape, np.nan)
    reach = REACH * np.maximum(np.abs(site.x), 1.0)
    return law(site.truncation, perturbation(family, site.x, reach).deviation)
