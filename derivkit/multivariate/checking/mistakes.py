r"""The kind of mistake in a gradient, recognised from what a few directions show of its error.

THE table has a row for every kind: its corrections of the claim, each with one unknown coefficient. A coefficient is
fitted by weighted least squares to k residuals, which leaves k - 1 degrees of freedom, and two conditions accept it.

* The corrected claim would pass the check: the sum of the squares of what is left, each beside its bar, is at most k,
  as it is wherever every bar holds.
* It does not pass by luck. For a line and a random vector in k dimensions, the share t of the squared norm that is not
  along the line has the distribution Beta((k - 1)/2, 1/2), since the vector's direction is uniform. Beside bars that
  are a thousandth of the residuals, t is below :math:`10^{-6}` with a probability of :math:`10^{-21}` at k = 8, so
  that 100 000 single entries may be tried. A kind is named where the probability, times the number of all
  corrections tried so far, is at most `LUCK`.

The rows stand in order, the simplest first, and the first that is accepted is the answer: what is due to a factor of
the whole gradient is not due to an array. If no row is accepted and more may be measured, the arrays that are wrong are
searched for (:mod:`derivkit.multivariate.checking.regions`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from derivkit.multivariate.checking.corrections import (
    Candidates,
    ProjectedClaim,
    arrays,
    entries,
    everything,
    reordered,
    slices,
    terms,
    transposed,
)
from derivkit.multivariate.checking.regions import Measure, Region, wrong_region
from derivkit.multivariate.structure import Block
from derivkit.types import Array

LUCK = 1e-5
"""Probability with which a random error may be named as a kind; a choice."""
NARROW = 0.005
"""A whole number is taken for a factor if the interval around it is no wider to each side: 1 % of all factors that are
no whole numbers would be taken for one."""
ROUND_DIGITS, ROUND_PART = 2, 1e-9
"""A norm that is a number of so few digits, up to this part of itself, is no chance: of 90 such numbers in a decade one
is as near to a random norm in 1 of 10^7 cases."""
CANDIDATES_AT_ONCE = 2**14
"""Corrections that are fitted at a time, to bound the memory; a choice."""


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """What is wrong with a gradient.

    Attributes
    ----------
    kind : str
        One of `KINDS`; empty where it is not known, but the sentence says something of the place.
    place : str
        Where it is wrong; empty for everything.
    sentence : str
        What is wrong, and what to look for.
    factor : float or None
        What is claimed over what is true, where that is one number; of a missing term, its coefficient.
    interval : tuple of float or None
        Where the factor is for certain, as far as the bars hold.
    entries : tuple of int
        The place in the flat gradient, where a single entry is wrong.
    """

    kind: str
    place: str
    sentence: str
    factor: float | None = None
    interval: tuple[float, float] | None = None
    entries: tuple[int, ...] = ()


class Fit(NamedTuple):
    """The coefficient of a correction, how far it may be off, and the sum of squares that is left, in bars."""

    coefficient: float
    bar: float
    left: float


class Row(NamedTuple):
    """A kind of mistake: its corrections, and what is said of the one that is accepted.

    A correction by an order of the entries has no free coefficient: it is 1.
    """

    kind: str
    candidates: Callable[[ProjectedClaim], Candidates]
    describe: Callable[[ProjectedClaim, Fit, str, int], Mistake]
    is_order: bool = False


def mistake(
    gradient: Array,
    x: Array,
    blocks: tuple[Block, ...],
    *,
    directions: Array,
    residuals: Array,
    bars: Array,
    measure: Measure | None = None,
    noun: str = "gradient",
) -> Mistake | None:
    """The kind of mistake in a claimed gradient.

    Parameters
    ----------
    gradient : ndarray, shape ``(n,)``
        What is claimed.
    x : ndarray, shape ``(n,)``
        Where.
    blocks : tuple of Block
        The arrays of which x consists, in order.
    directions : ndarray, shape ``(k, n)``
        Random ones, or those of the axes.
    residuals, bars : ndarray, shape ``(k,)``
        Products of the directions with the claim, less what was measured, and how wrong these may be.
    measure : callable, optional
        Gives residuals and bars for further directions, by evaluations of f. It is used where no row of the table fits.
    noun : str
        What it is called.

    Returns
    -------
    Mistake or None
        None where the error is within the bars or of no kind that is known.

    Examples
    --------
    >>> import numpy as np
    >>> true, x = np.array([0.5, -1.0, 2.0, 0.25]), np.ones(4)
    >>> directions = np.random.default_rng(0).standard_normal((8, 4))
    >>> found = mistake(
    ...     32 * true, x, (("x", slice(0, 4), (4,)),), directions=directions,
    ...     residuals=directions @ (31 * true), bars=np.full(8, 1e-12),
    ... )
    >>> found.kind, found.factor
    ('factor', 32.0)
    """
    usable = np.isfinite(residuals) & np.isfinite(bars)
    residuals, bars = residuals[usable], np.maximum(bars[usable], np.finfo(np.float64).tiny)
    if not np.any(np.abs(residuals) > bars):
        return None
    claim = ProjectedClaim(gradient=gradient, x=x, blocks=blocks, directions=directions[usable], noun=noun)
    named = _by_table(claim, residuals, bars)
    if named is None and measure is not None:
        region = wrong_region(claim, measure, size=float(np.sqrt(np.mean(residuals**2))))
        named = None if region is None else of_region(region)
    return named


def _by_table(claim: ProjectedClaim, residuals: Array, bars: Array) -> Mistake | None:
    """The first row of the table that is accepted."""
    tried = 0
    for row in TABLE:
        candidates = row.candidates(claim)
        tried += candidates.profiles.shape[1]
        if tried * luck(residuals, bars) > LUCK:
            return None
        index, fit = best(candidates.profiles, residuals, bars, is_order=row.is_order)
        if fit.left <= len(residuals):
            return row.describe(claim, fit, candidates.place(index), index)
    return None


def luck(residuals: Array, bars: Array) -> float:
    r"""Probability, bounded from above, that what is left of random residuals of this size is within the bars.

    :math:`I_t(a, 1/2) \le t^a / (a B(a, 1/2) \sqrt{1 - t})` with a = (k - 1)/2. Where the bars differ, the volume of
    what they admit is a product, so that their geometric mean takes their place, the least one, along the line, left
    out.

    Examples
    --------
    >>> luck(np.ones(8), np.full(8, 1e-3)) < 1e-20, luck(np.ones(1), np.full(1, 1e-9))
    (True, 1.0)
    """
    k, size = len(residuals), float(np.sqrt(np.mean(residuals**2)))
    if k < 2 or not math.isfinite(size):
        return 1.0
    across = np.sort(np.minimum(bars / size, 1.0))[1:]
    t, a = float(np.exp(2.0 * np.mean(np.log(np.maximum(across, 1e-150))))), 0.5 * (k - 1)
    log_beta = math.lgamma(a) + math.lgamma(0.5) - math.lgamma(a + 0.5)
    return min(1.0, math.exp(a * math.log(t) - math.log(a) - log_beta - 0.5 * math.log1p(-t))) if t < 1.0 else 1.0


def best(profiles: Array, residuals: Array, bars: Array, *, is_order: bool) -> tuple[int, Fit]:
    """The correction that leaves the least, by weighted least squares; of those that leave as little, the first.

    Parameters
    ----------
    profiles : ndarray, shape ``(k, candidates)``
        What the directions would show of each.
    residuals, bars : ndarray, shape ``(k,)``
        What they show, and how wrong it may be.
    is_order : bool
        Whether a coefficient must be 1.

    Returns
    -------
    tuple of int and Fit
        Its column. What is left is infinite where there is none.

    Examples
    --------
    >>> index, fit = best(np.eye(3), np.array([0.0, 2.0, 0.0]), np.ones(3), is_order=False)
    >>> index, fit.coefficient, fit.left
    (1, 2.0, 0.0)
    """
    coefficients, errors, left = np.empty((3, profiles.shape[1]))
    with np.errstate(all="ignore"):
        for start in range(0, profiles.shape[1], CANDIDATES_AT_ONCE):
            part = slice(start, start + CANDIDATES_AT_ONCE)
            coefficients[part], errors[part], left[part] = _fits(profiles[:, part] / bars[:, None], residuals / bars)
    admitted = np.isfinite(left) & ((np.abs(coefficients - 1.0) <= errors) if is_order else True)
    left = np.where(admitted, left, np.inf)
    if not np.any(np.isfinite(left)):
        return 0, Fit(math.nan, math.inf, math.inf)
    index = int(np.argmax(left <= left.min() + 1.0))  # a sum of squares that is larger by less than 1 tells nothing
    return index, Fit(float(coefficients[index]), float(errors[index]), float(left[index]))


def _fits(profiles: Array, residuals: Array) -> tuple[Array, Array, Array]:
    """Coefficients, how far the bars may shift them, and what is left; all beside the bars, which are 1."""
    squares = np.sum(profiles**2, axis=0)
    coefficients = residuals @ profiles / squares
    errors = np.sum(np.abs(profiles), axis=0) / squares
    return coefficients, errors, np.sum((residuals[:, None] - coefficients * profiles) ** 2, axis=0)


# What is said


def factor_of(fit: Fit) -> tuple[float, tuple[float, float]]:
    """The claim over the truth, and its interval; a whole number or its inverse where there is one.

    A claim that is c times the truth is wrong by (1 - 1/c) times itself; c is infinite where the truth is 0.

    Examples
    --------
    >>> factor_of(Fit(0.5 + 1e-9, 1e-8, 0.0))[0]
    2.0
    """
    low, high = 1.0 - fit.coefficient - fit.bar, 1.0 - fit.coefficient + fit.bar
    if low <= 0.0 <= high:
        return math.inf, (-math.inf, math.inf)
    ends = (1.0 / high, 1.0 / low)
    for (a, b), inverse in ((ends, False), ((low, high), True)):
        whole = round(0.5 * (a + b))
        if a <= whole <= b and max(whole - a, b - whole) <= NARROW and whole:
            return (1.0 / whole if inverse else float(whole)), ends
    return 1.0 / (1.0 - fit.coefficient), ends


def _words(factor: float, interval: tuple[float, float]) -> str:
    """A factor with the digits that its interval gives."""
    width = (interval[1] - interval[0]) / abs(factor)
    digits = min(max(int(-math.log10(max(width, 1e-15))), 2), 10)
    inverse = round(1.0 / factor)
    return f"1/{inverse}" if abs(factor) < 1.0 and inverse * factor == 1.0 else f"{factor:.{digits}g}"


def _reason(claim: ProjectedClaim, factor: float) -> str:
    """What may have led to a factor."""
    whole = abs(factor) if abs(factor) >= 1.0 else 1.0 / abs(factor)
    if factor == -1.0:
        return "look for a sign"
    if whole == 1.0 or whole != round(whole):
        return "look for a constant factor"
    if whole == 2.0:
        return f"look for {'a 2 too many' if abs(factor) == 2.0 else 'the 2 that is missing'}, as that of a square"
    lengths = [f"the length of an axis of {name}" for name, _, shape in claim.blocks if int(whole) in shape]
    sizes = ["the number of samples", *lengths[:1], *["the number of parameters"] * (whole == claim.x.size)]
    means = ("a sum", "a mean") if abs(factor) > 1.0 else ("a mean", "a sum")
    return f"look for {means[0]} in the place of {means[1]} ({whole:g} may be {' or '.join(sizes)})"


def _multiple(claim: ProjectedClaim, fit: Fit, place: str, _: int, kind: str = "layer") -> Mistake:
    """A claim that is a multiple of the truth."""
    factor, interval = factor_of(fit)
    where = f" in {place}" if place else ""
    if math.isinf(factor):
        return Mistake(kind=kind, place=place, sentence=_constant(place), factor=factor, interval=interval)
    rest = "; the rest is right" if place else ""
    times = f"the claim is {_words(factor, interval)} times the true {claim.noun}"
    sentence = f"{times}{where}{rest}: {_reason(claim, factor)}"
    name = "sign" if factor == -1.0 and kind in ("factor", "layer") else kind
    return Mistake(kind=name, place=place, sentence=sentence, factor=factor, interval=interval)


def _constant(place: str) -> str:
    """What is said where the truth is 0."""
    if place:
        return f"all slopes of f along {place} are 0, and the claim is not; the rest is right: look if f uses it"
    return (
        "all slopes of f at x are 0, as at a minimum;"
        " if this is none, look if f uses x, and if it is rounded or a count"
    )


def _whole(claim: ProjectedClaim, fit: Fit, place: str, index: int) -> Mistake:
    named = _multiple(claim, fit, place, index, kind="factor")
    norm = float(np.linalg.norm(claim.gradient))
    is_round = abs(norm - float(f"{norm:.{ROUND_DIGITS}g}")) <= ROUND_PART * norm
    clipped = f"; its norm is {norm:.{ROUND_DIGITS}g}, as clipping leaves it" if is_round else ""
    return replace(named, sentence=f"{named.sentence}{clipped}")


def _mask(claim: ProjectedClaim, fit: Fit, place: str, index: int) -> Mistake:
    return _multiple(claim, fit, place, index, kind="mask")


def _entry(claim: ProjectedClaim, fit: Fit, place: str, index: int) -> Mistake:
    claimed = float(claim.gradient[index])
    measured = claimed - fit.coefficient
    sentence = f"one entry is wrong: {place} claims {claimed:.10g}, measured {measured:.10g} ± {fit.bar:.1g}"
    ends = sorted(claimed / value if value else math.inf for value in (measured - fit.bar, measured + fit.bar))
    factor = claimed / measured if abs(measured) > fit.bar else math.inf
    return Mistake(
        kind="entry", place=place, sentence=sentence, factor=factor, interval=(ends[0], ends[1]), entries=(index,)
    )


def _term(_: ProjectedClaim, fit: Fit, place: str, __: int) -> Mistake:
    lacks, penalty = -fit.coefficient, "sum |x|" if place.startswith("sign") else "sum x^2"
    weight = abs(lacks) if place.startswith("sign") else 0.5 * abs(lacks)
    verb = "lacks" if lacks > 0.0 else "has too much:"
    sentence = (
        f"the claim {verb} {abs(lacks):.6g} times {place}, which is the gradient of a penalty {weight:.6g} {penalty}:"
        " look for a penalty in f that the gradient does not have, or has with another weight"
    )
    return Mistake(
        kind="term", place=place, sentence=sentence, factor=lacks, interval=(lacks - fit.bar, lacks + fit.bar)
    )


def _transposed(_: ProjectedClaim, __: Fit, place: str, ___: int) -> Mistake:
    sentence = f"{place} is transposed; the rest is right: look for the order of a product or an axis"
    return Mistake(kind="transposed", place=place, sentence=sentence)


def _order(_: ProjectedClaim, __: Fit, place: str, ___: int) -> Mistake:
    sentence = f"the entries are right but in another order: {place}; look for an index that is off by one, or an order"
    return Mistake(kind="order", place=place, sentence=sentence)


REASONS = {
    "missing": "look for a part that is not computed or not handed back",
    "mask": "look for a mask, or for the slope of an activation",
    "layer": "look at the product or the sum by which it is computed, and at its indices",
}
"""What to look for in a part of the gradient that is wrong."""
SHARED = "look at what they have in common, such as the slope of an activation or a matrix to be transposed"
"""The same for several arrays."""
EVERYWHERE = "the error is in every array"


def of_region(region: Region) -> Mistake:
    """What is said of a part of the gradient outside of which all is right, or of everything."""
    if not region.kind:
        return Mistake(kind="", place="", sentence=EVERYWHERE)
    if region.claims_zero:
        what, reason = f"the claim is 0 in {region.place}, but f changes there", REASONS[region.kind]
    else:
        what = f"the error is in {region.place} alone"
        reason = SHARED if region.is_shared else REASONS[region.kind]
    rest = "" if region.is_everything else "; the rest is right"
    factor = 0.0 if region.claims_zero else None
    return Mistake(kind=region.kind, place=region.place, sentence=f"{what}{rest}: {reason}", factor=factor)


TABLE = (
    Row("factor", everything, _whole),
    Row("layer", arrays, _multiple),
    Row("term", terms, _term),
    Row("transposed", transposed, _transposed, is_order=True),
    Row("order", reordered, _order, is_order=True),
    Row("entry", entries, _entry),
    Row("mask", slices, _mask),
)
"""THE table of kinds, the simplest first."""
KINDS = ("sign", "missing", *(row.kind for row in TABLE))
"""Names of kinds: a `sign` is a factor of -1; `missing` is an array that is 0 in the claim."""
