"""What the claims of a method are worth: every error bar beside the truth and what formulas could attain at best.

Half an ulp is half a unit in the last place of the truth: what the nearest float may be off by. What nobody can see
from outside, such as the bias of a solver, is the slack of a family. Both are granted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from derivkit.testing.attainability import LEAST_RELATIVE, attainable, covered, loss, tightness
from derivkit.testing.population import Family
from derivkit.testing.statements import Claims, Perturbation, perturbation, seen
from derivkit.trusted.truth import Truth
from derivkit.types import Array, Mask

REGULAR_CATEGORIES = ("entire", "singular", "scaled", "special", "neural", "physics", "polynomial", "program")
"""Smooth at the scale of x, computed to nearly full precision; not those that oscillate, cancel, saturate or break."""
MISSING_BELOW = 0.1
"""Where the attainable error is below this part of the truth, a refusal is the method's own fault."""


def regular(family: Family) -> bool:
    """Whether the function is smooth at the scale of x and its values are undisturbed."""
    return family.category in REGULAR_CATEGORIES and family.noise is None


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What is known of a family at some points, shape ``(n,)``: the truth, what could be attained, where f has values.

    Attributes
    ----------
    family : Family
    x : ndarray
    truth : Truth
        The derivative.
    best : ndarray
        The attainable error.
    visible : ndarray of bool
        Where f has enough finite values for a derivative on one side.
    """

    family: Family
    x: Array
    truth: Truth
    best: Array
    visible: Mask

    @property
    def counts(self) -> Mask:
        """Whether a missing answer counts: somebody could answer, and f shows enough of itself."""
        with np.errstate(all="ignore"):
            return self.visible & (self.best < MISSING_BELOW * np.abs(self.truth.high))

    def assess(self, claims: Claims) -> Assessment:
        """What a method says at these points, beside what is known."""
        return Assessment(bench=self, claims=claims)


def bench(family: Family, x: Array, *, order: int = 1) -> Bench:
    """What is known of the derivatives of a family at some points.

    Examples
    --------
    >>> from derivkit.expressions.expression import parse
    >>> from derivkit.numerical.methods import METHODS
    >>> from derivkit.testing.statements import claims
    >>> family = Family(name="exp", category="entire", expression=parse("exp(x)"), points=(1.0,))
    >>> known = bench(family, np.array([1.0]))
    >>> known.assess(claims(METHODS["derivative"], family.function, known.x)).covered.tolist()
    [True]
    """
    known = family.truth(x, order=order)
    best = attainable(family.function, x, known, derivative=order)
    return Bench(family=family, x=x, truth=known, best=best, visible=seen(family.function, x))


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """The claims of a method and what they are worth; arrays of shape ``(n,)``, made by `Bench.assess`."""

    bench: Bench
    claims: Claims

    @cached_property
    def true_error(self) -> Array:
        """|value - derivative|."""
        return self.bench.truth.distance(self.claims.value)

    @property
    def covered(self) -> Mask:
        """Whether the true error is within bar + half an ulp of the truth + slack."""
        return covered(self.claims.value, self.claims.error + self.bench.family.slack, self.bench.truth)

    @property
    def miss(self) -> Array:
        """(true error - half an ulp - slack) / bar; above 1 the bar is too short."""
        with np.errstate(all="ignore"):
            beyond = self.true_error - self.bench.truth.half_ulp - self.bench.family.slack
            return np.asarray(beyond / self.claims.error)

    @property
    def tightness(self) -> Array:
        """Bar / max(true error, half an ulp, attainable error)."""
        return tightness(self.claims.value, self.claims.error, self.bench.truth, self.bench.best)

    @property
    def loss(self) -> Array:
        """max(true error, half an ulp) / max(attainable error, half an ulp); NaN where no digits can be had."""
        return loss(self.claims.value, self.bench.truth, self.bench.best)

    @property
    def settled(self) -> Mask:
        """Status ok; or below_resolution, where the truth is within the bar and a bound is all that could be said."""
        truth = np.abs(self.bench.truth.high)
        with np.errstate(all="ignore"):
            bound = (truth <= self.claims.error) & (self.bench.best >= LEAST_RELATIVE * truth)
        return np.asarray((self.claims.status == "ok") | ((self.claims.status == "below_resolution") & bound))

    @property
    def right(self) -> Mask:
        """Whether the status is one of those that the population allows there."""
        return self.bench.family.right(self.claims.status, self.bench.truth)

    @property
    def columns(self) -> dict[str, Any]:
        """All of it by name, as a table has it."""
        answers, known = self.claims, self.bench
        claimed = ("value", "error", "status", "evaluations")
        worth = ("true_error", "covered", "miss", "tightness", "loss")
        return {
            "category": known.family.category,
            "x": known.x,
            **{name: getattr(answers, name) for name in claimed},
            "truth": known.truth.high,
            "truth_low": known.truth.low,
            "attainable": known.best,
            "slack": known.family.slack,
            **{name: getattr(self, name) for name in worth},
            "counts": known.counts,
        }

    @cached_property
    def noise(self) -> Perturbation:
        """The noise of the family on the windows that the method used; NaN without either."""
        return perturbation(self.bench.family, self.bench.x, self.claims.delta)
