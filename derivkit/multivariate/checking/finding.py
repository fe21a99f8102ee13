"""What a check has found, and the sentences that say it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from derivkit.arguments import counted
from derivkit.multivariate.checking.evidence import Evidence, Witness, precision_of
from derivkit.multivariate.checking.power import Power, blind, detectable_of, error_of, powers, summed
from derivkit.multivariate.checking.result import AGREE, DISAGREE, Suspect
from derivkit.types import EPS32, Array

SHOWN = 3
"""Wrong entries that a message shows; all are in the result, up to 8."""
MIN_CLIPPED = 3
"""So many entries of the same size, the largest, are no chance."""
WEAK = 0.01
"""An array in which only more than this part of its norm would be noticed is named; a choice."""
SLIGHT = 0.01
"""An error below this part of the gradient, in no one place, hardly is a mistake in a formula; a choice."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Finding:
    """What is known of a claim.

    Attributes
    ----------
    witness : Witness
    verdict : str
    seed : int
    evidence : Evidence or None
        None where the claim has entries that are no numbers.
    suspects : tuple of Suspect
    complete : bool
        Whether the suspects explain all of the disagreement.
    beside : bool
        Whether the point of the check lies beside x, since x is on kinks.
    undefined : str
        What f is or raises beside x, where it has no value there.
    staircase : bool
        Whether f moves in steps, across which its slopes are those of the claim.
    tied : str
        What only the direction of equal entries shows, in a sentence.
    kind, place, sentence : str
        Of the mistake.
    factor : float or None
    """

    witness: Witness
    verdict: str
    seed: int
    evidence: Evidence | None = None
    suspects: tuple[Suspect, ...] = ()
    complete: bool = False
    beside: bool = False
    undefined: str = ""
    staircase: bool = False
    tied: str = ""
    kind: str = ""
    place: str = ""
    sentence: str = ""
    factor: float | None = None

    @property
    def norm(self) -> float:
        """Size of the claim."""
        return self.witness.norm

    def size(self) -> tuple[float, tuple[float, float]]:
        """Of the error, with its interval: of the wrong entries where these are all, else from the directions."""
        if self.evidence is None or self.tied:
            return math.nan, (math.nan, math.nan)
        if not self.evidence.valued.any():
            return math.nan, (0.0, math.inf)
        if self.complete and self.suspects and not self.witness.directions.singly:
            size = self.witness.size
            units = np.broadcast_to(self.witness.directions.unit, size)[[s.index % size for s in self.suspects]]
            errors = np.array([abs(suspect.claimed - suspect.numeric) for suspect in self.suspects])
            return summed(units * errors, units * [suspect.error for suspect in self.suspects])
        return error_of(self.witness, self.evidence)


# Sentences


def message_of(finding: Finding) -> str:
    """The verdict, what it rests on, and what to do."""
    return " ".join([f"{finding.verdict}: {'; '.join(_statements(finding))}.", *_remarks(finding)])


def _statements(finding: Finding) -> Iterator[str]:
    if finding.verdict == DISAGREE:
        yield from _disagreement(finding)
    elif finding.verdict == AGREE:
        yield f"{_measured(finding)} and the {finding.witness.noun} are the same within their error bars"
        yield _power(finding)
    else:
        yield from _doubt(finding)


def _disagreement(finding: Finding) -> Iterator[str]:
    if finding.evidence is None:
        first = finding.suspects[0]
        measured = f"measured {first.numeric:.10g} ± {first.error:.1g}"
        if not math.isfinite(first.numeric):
            measured = "and f has no finite slope there"
        yield f"the {finding.witness.noun} is {first.claimed} at {first.name}, {measured}"
        yield "look at how this entry is computed (0/0, log 0, overflow)"
        return
    if finding.tied:
        yield finding.tied
        return
    if finding.sentence:
        yield finding.sentence
    few = finding.kind == "layer" and finding.factor is None and len(finding.suspects) <= SHOWN
    if finding.suspects and (few or finding.kind == "asymmetric" or not (finding.sentence and finding.kind)):
        yield ", ".join(map(str, finding.suspects[:SHOWN]))
    yield from _extent(finding)
    if not (finding.kind or finding.complete):
        yield _advice(finding.witness.claimed, finding.size()[0], finding.norm)


def _advice(claimed: Array, error: float, norm: float) -> str:
    """What an error of no known kind may come from."""
    if half := _half_filled(claimed):
        return half
    size = np.abs(claimed)
    largest = float(size.max(initial=0.0))
    clipped = int(np.count_nonzero(size == largest))
    if largest and clipped >= MIN_CLIPPED:
        return f"{clipped} entries claim {largest:.6g} or {-largest:.6g}, and no entry is larger: look for clipping"
    with np.errstate(all="ignore"):
        if np.array_equal(claimed, claimed.astype(np.float16), equal_nan=True):
            return "the claim has no more digits than float16: compute it in float64"
    if error < SLIGHT * norm:
        return "an error so slight may be that of an approximation, such as an eps or a solver that stops early"
    return "look at what all entries need, such as the slope of the loss"


def _half_filled(claimed: Array) -> str:
    """What is said of a square matrix that is 0 above its diagonal, below it, or on both sides; empty of any other."""
    side = math.isqrt(claimed.size)
    if side < 2 or side**2 != claimed.size or claimed.shape not in ((1, claimed.size), (side, side)):
        return ""
    matrix = claimed.reshape(side, side)
    places = {"above": np.triu(matrix, 1), "below": np.tril(matrix, -1)}
    empty = " and ".join(place for place, part in places.items() if not part.any())
    return f"the claim is 0 {empty} the diagonal, look if a part of the matrix alone is filled" if empty else ""


def _extent(finding: Finding) -> Iterator[str]:
    """How much of the gradient is wrong."""
    error, (low, high) = finding.size()
    wrong = _wrong_entries(finding)
    if wrong and finding.sentence:
        yield f"{wrong} of {counted(finding.witness.claimed.size, 'partial derivative')} wrong"
    elif wrong:
        more = f"{wrong - SHOWN} more and " if wrong > SHOWN else ""
        lost = _lost(finding)
        others = f"no slope was measured {lost}, all others agree" if lost else "all others agree"
        rest = others if wrong < finding.witness.claimed.size else "none agrees"
        entries = "this entry is computed" if wrong == 1 else "these entries are computed"
        half = _half_filled(finding.witness.claimed) if wrong > SHOWN else ""
        yield f"{more}{rest}: {half or f'look at how {entries}'}"
    else:
        part = f", {_part(error / finding.norm)} of the {finding.witness.noun}'s" if finding.norm else ""
        yield f"the error has the size {error:.2g} (95 %: {low:.2g} to {high:.2g}){part}"


def _wrong_entries(finding: Finding) -> int:
    """How many, 0 where it is not known."""
    if finding.witness.directions.singly and finding.evidence is not None:
        return int(np.count_nonzero(finding.evidence.beyond[finding.evidence.valued]))
    return len(finding.suspects) if finding.complete else 0


def _doubt(finding: Finding) -> Iterator[str]:
    evidence = finding.evidence
    if finding.undefined:
        yield f"{finding.undefined} beside x, so that no slope could be measured"
        yield "check at another x, around which f has values"
        return
    if finding.staircase:
        yield (
            "f moves in steps, as where a layer rounds to float16, bfloat16 or a grid: across them its slopes are "
            "those claimed, and within one they are not"
        )
        yield "let all of f compute in float64"
        return
    if evidence is None or not evidence.valued.any():
        statuses = sorted(set(evidence.statuses.ravel().tolist())) if evidence else []
        yield f"no slope of f could be measured ({', '.join(statuses)})"
        yield "let f compute in float64 and without noise, or check at another x, where f is smooth"
        return
    witness = finding.witness
    if lost := _lost(finding):
        yield f"no slope was measured {lost}, and what was measured agrees"
        yield "check at another x, or there with a step to the side where f is smooth"
        return
    yield " and ".join(map(_blindness, blind(witness, evidence)[:SHOWN]))
    if witness.noisy(evidence):
        noise = np.nanmax(evidence.noise)
        yield f"the values of f have noise of {noise:.1e}: let f compute in float64, and fix its seed"


def _blindness(power: Power) -> str:
    """What could not be judged."""
    claim = f"the claim in {power.place}" if power.place else "the claim"
    noticed = f"only an error of {power.detectable:.2g} or more would have been noticed"
    return f"{claim} has the size {power.norm:.1e}, where {noticed}"


def _lost(finding: Finding) -> str:
    """Entries whose slopes have no value, with what they are; empty where there are none or other directions tell."""
    witness, evidence = finding.witness, finding.evidence
    if evidence is None or not witness.directions.singly or evidence.valued.all():
        return ""
    known = np.isfinite(evidence.measured) & np.isfinite(evidence.bars)
    places = np.argwhere(~known).tolist()
    names = [f"{witness.name(row, column)} ({evidence.statuses[column, row]})" for column, row in places[:SHOWN]]
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    return f"at {', '.join(names)}{more}"


def _measured(finding: Finding) -> str:
    measured = "products of second derivatives" if finding.witness.noun == "Hessian" else "slopes"
    parts = [directions for _, directions in finding.witness.directions.parts]
    single = sum(part.count for part in parts if part.singly)
    random = max((part.count for part in parts if not part.singly), default=0)
    words = [f"the {measured} of f in {counted(random, 'random direction')}"] * bool(random)
    return ", ".join([*words, *[counted(single, "partial derivative")] * bool(single)])


def _power(finding: Finding) -> str:
    evidence = finding.evidence
    size = math.inf if evidence is None else detectable_of(finding.witness, evidence)
    part = f" ({_part(size / finding.norm)} of its norm)" if finding.norm else ""
    return f"an error of {size:.2g}{part} or more would have been noticed{_weakest(finding)}"


def _weakest(finding: Finding) -> str:
    """The array in which least would be noticed, where that is much less than in all."""
    if finding.evidence is None:
        return ""
    whole, *parts = powers(finding.witness, finding.evidence)
    worst = max(parts, key=lambda part: part.detectable / part.norm, default=whole)
    share = worst.detectable / worst.norm if worst.norm else 0.0
    return f", in {worst.place} {_part(share)} of its norm" if worst.place and share > WEAK else ""


def _part(share: float) -> str:
    return f"{share:.1e}" if share < 0.001 else f"{share:.2g}"


def _remarks(finding: Finding) -> Iterator[str]:
    """What limits the answer."""
    evidence, witness = finding.evidence, finding.witness
    if witness.calls.structure.remark:
        yield witness.calls.structure.remark
    if finding.beside:
        yield "x lies on kinks of f, as relu has at 0, so a point beside it was checked."
    if evidence is None:
        return
    if not finding.beside and not witness.directions.singly and evidence.kinked.any():
        yield (
            "x lies on kinks of f, as relu has at 0, and a gradient may be any between the slopes of their sides: give "
            "it as a function, which is checked sharply beside x."
        )
    if not finding.beside and witness.directions.singly and evidence.kinked.any():
        kinks = counted(int(np.count_nonzero(evidence.kinked)), "entry")
        yield f"f has a kink at x along {kinks}, where any claim between the slopes of the two sides agrees."
    lost = int(np.count_nonzero(~evidence.valued))
    if lost and evidence.valued.any() and not witness.directions.singly:
        yield f"{counted(lost, 'direction')} without a measured slope left out."
    if witness.directions.scales is not None:
        yield "The arrays of x differ in size, and errors are told in units of these sizes."
    if precision_of(witness.claimed) == EPS32:
        yield "The gradient has float32 digits, so that an error below their rounding is not noticed."
    elif finding.verdict == AGREE and witness.noisy(evidence):
        yield "The values of f have noise far above float64 rounding (float32?), which limits what is noticed."
