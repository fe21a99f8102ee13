"""Whether a gradient, a Jacobian or a Hessian is that of its function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from derivkit.arguments import check_flag, described, numbers, whole
from derivkit.multivariate.checking.directions import SINGLY_AT_KINKS, STREAM, Directions, Joined, scales_of
from derivkit.multivariate.checking.entries import of_all_entries
from derivkit.multivariate.checking.evidence import (
    CLEAR_FACTOR,
    Evidence,
    Witness,
    spread_by_kinks,
    with_hidden_kinks,
    without_chance,
    without_outlier,
)
from derivkit.multivariate.checking.finding import Finding, message_of
from derivkit.multivariate.checking.hessians import HessianWitness, Pairs
from derivkit.multivariate.checking.location import (
    MOST_SUSPECTS,
    entry,
    locate,
    measured_entry,
    named_by,
    ranked,
    single,
    whole_array,
)
from derivkit.multivariate.checking.mistakes import Mistake
from derivkit.multivariate.checking.power import blind, detectable_of
from derivkit.multivariate.checking.result import AGREE, DISAGREE, UNRESOLVED, GradientCheck, Suspect
from derivkit.multivariate.checking.slopes import (
    Calls,
    refuse_two_answers,
    refuse_two_claims,
    typical_size,
    value_at,
    widen,
)
from derivkit.multivariate.checking.staircase import is_staircase
from derivkit.multivariate.formulas import claim_at, function_at
from derivkit.multivariate.structure import Structure
from derivkit.numerical.status import Status
from derivkit.types import Array, FunctionLike

BESIDE = 2.0**-5
"""How far beside a point of kinks a gradient that is a function is checked, as a part of the size of x: far enough for
windows of many steps, near enough that it is the same region; a choice."""
BESIDE_FLOAT32 = 2.0**-3
"""The same in float32, whose windows are larger."""
JUMP = 2.0**-18
"""How far beside x a gradient in float32 is compared with itself, as a part of the entries of x: some 30 of their
spacings, far below the steps of windows."""
NORMAL_MOST = 3.0
"""A product with a normal direction is hardly larger than so many times what it is in the mean."""

ASYMMETRIC = "the Hessian is not symmetric, as that of a smooth function is"
"""What is said of one that is not its own mirror image."""
REPETITIONS = 8
"""Calls of f(x) that show that noise is drawn; a choice."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Claim:
    """Derivatives that somebody gives for f at a point.

    Attributes
    ----------
    at : callable
        Of a flat x, giving an array of shape ``(m, n)``; None where they are known at x alone.
    values : ndarray, shape ``(m, n)``
        At x.
    structure : Structure
        In which x is given to it.
    """

    at: Callable[[Array], Array] | None
    values: Array
    structure: Structure


def check_gradient(
    f: FunctionLike,
    gradient: Any,
    x: Any,
    *,
    directions: int = 8,
    seed: int = 0,
    locate: bool = True,
    executor: Any = None,
) -> GradientCheck:
    """Whether a gradient is that of f at x; how wrong it is, where, and which error would have been noticed.

    Its products with random directions are compared with slopes of f, which are measured with error bars: about 100
    calls of a smooth f in float64, some hundreds where its values have noise or x lies on kinks, however many variables
    there are.

    Parameters
    ----------
    f : callable or formula
        The loss: of parameters such as x, giving one number.
    gradient : callable or array_like
        The gradient in the structure of x, of numbers or formulas, or what computes it from x.
    x : array_like, or list, tuple or dict of arrays
        The parameters, also nested.
    directions : int
        Random directions. At most 4 times as many variables are checked one by one instead.
    seed : int
        Of the directions.
    locate : bool
        Whether wrong entries are looked for.
    executor : object with map, optional
        Calls f at the points of a round at once, as ``concurrent.futures.ThreadPoolExecutor()`` does; the answer is the
        same to the bit. Processes take functions of modules only.

    Returns
    -------
    GradientCheck
        ``agree``, ``disagree`` or ``unresolved``, with a message that says what to do.

    Raises
    ------
    TypeError, ValueError
        If the gradient has another structure than x, f gives no finite number at x or two different ones, or an
        argument is invalid.

    Notes
    -----
    A direction has independent normal entries, so that no two wrong entries cancel in all of them, and the size of the
    error follows with an exact interval. Kinks of f at x, as relu has at 0, are no disagreement: along an axis a claim
    between the slopes of the two sides agrees. Many variables are checked at a point beside x then, if the gradient is
    a function.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.linspace(-1.0, 1.0, 1000)
    >>> f = lambda x: np.sum(np.sin(x))
    >>> check_gradient(f, np.cos, x).verdict
    'agree'
    >>> wrong = np.cos(x)
    >>> wrong[17] += 1e-5
    >>> check = check_gradient(f, wrong, x)
    >>> check.verdict, check.suspects[0].name, f"{check.error:.3g}"
    ('disagree', 'x[17]', '1e-05')
    """
    problem = _problem(f, gradient, x, "gradient", directions, seed, executor=executor)
    return _checked(problem, seed, find=locate)


def check_jacobian(
    f: FunctionLike | Sequence[FunctionLike],
    jacobian: Any,
    x: Any,
    *,
    directions: int = 8,
    seed: int = 0,
    locate: bool = True,
    executor: Any = None,
) -> GradientCheck:
    """Whether a Jacobian is that of f, which gives several numbers, at x.

    Parameters
    ----------
    f : callable, formula, or sequence of formulas
        Of parameters such as x, giving m numbers of any shape.
    jacobian : callable or array_like
        Shape ``(m, n)`` for n numbers in x, both in the order of ``ravel()``, or what computes it from x.
    x, directions, seed, locate, executor
        As in :func:`check_gradient`.

    Returns
    -------
    GradientCheck
        As of :func:`check_gradient`; the index of a suspect counts through ``ravel()`` of the matrix.

    Raises
    ------
    TypeError, ValueError
        As :func:`check_gradient`.

    Examples
    --------
    >>> import numpy as np
    >>> f = lambda x: np.array([x[0] * x[1], np.sin(x[0])])
    >>> check_jacobian(f, [[5.0, 3.0], [np.cos(3.0), 0.1]], [3.0, 5.0]).suspects[0].name
    'f[1] by x[1]'
    """
    problem = _problem(f, jacobian, x, "jacobian", directions, seed, executor=executor)
    return _checked(problem, seed, find=locate)


def check_hessian(
    f: FunctionLike,
    hessian: Any,
    x: Any,
    *,
    directions: int = 8,
    seed: int = 0,
    locate: bool = True,
    executor: Any = None,
) -> GradientCheck:
    """Whether a Hessian is that of f at x, from values of f alone: about 30 for each direction.

    Parameters
    ----------
    f : callable or formula
        As in :func:`check_gradient`.
    hessian : callable or array_like
        Shape ``(n, n)`` for n numbers in x, in the order of ``ravel()``, or what computes it from x.
    x, seed, locate, executor
        As in :func:`check_gradient`.
    directions : int
        Pairs of random directions v, w, whose v^T H w are measured; at most 4 times as many entries one by one.

    Returns
    -------
    GradientCheck
        As of :func:`check_gradient`; the index of a suspect counts through ``ravel()`` of the matrix. The interval of
        the size holds for errors of every rank.

    Raises
    ------
    TypeError, ValueError
        As :func:`check_gradient`.

    Examples
    --------
    >>> check = check_hessian(lambda x: x[0] ** 2 * x[1], [[10.0, 6.0], [6.5, 0.0]], [3.0, 5.0])
    >>> check.verdict, check.suspects[0].name
    ('disagree', 'x[1], x[0]')
    """
    problem = _problem(f, hessian, x, "hessian", directions, seed, executor=executor)
    return _checked(problem, seed, find=locate)


def assert_gradient(
    f: FunctionLike,
    gradient: Any,
    x: Any,
    *,
    directions: int = 8,
    seed: int = 0,
) -> None:
    """For tests: raise AssertionError with the message of the check unless the gradient is that of f at x.

    Parameters
    ----------
    f, gradient, x, directions, seed
        As in :func:`check_gradient`.

    Raises
    ------
    AssertionError
        If it disagrees, or its values tell nothing.

    Examples
    --------
    >>> assert_gradient(lambda x: x[0] ** 2 * x[1], [30.0, 9.0], [3.0, 5.0])
    >>> assert_gradient(lambda x: x[0] ** 2 * x[1], [30.0, 9.5], [3.0, 5.0])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    AssertionError: disagree: x[1] claims 9.5, measured 9 ± ...; all others agree: look at how this entry is computed.
    """
    check = check_gradient(f, gradient, x, directions=directions, seed=seed)
    if check.verdict != AGREE:
        raise AssertionError(check.message)


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """A claim, what measures f, and where."""

    claim: Claim
    witness: Witness


def _problem(
    f: FunctionLike | Sequence[FunctionLike],
    claim: Any,
    x: Any,
    what: str,
    directions: int,
    seed: int,
    *,
    executor: Any,
) -> Problem:
    whole("directions", directions, 1)
    whole("seed", seed, 0)
    structure = Structure.of(x)
    f = function_at(f, structure, f"dk.check_{what}(f, {what}, x)")
    claim = claim_at(claim, f, structure)
    flat = structure.flat
    calls = Calls(f, structure, executor)
    value = widen(calls, flat, value_at(calls, flat, scalar=what != "jacobian"))
    shapes = {"jacobian": (value.size, flat.size), "hessian": (flat.size, flat.size)}

    def matrix(derivatives: Any) -> Array:
        if what == "gradient":
            return structure.like(derivatives, what)[None].copy()
        return _matrix(what, derivatives, shapes[what]).reshape(value.size, -1).copy()

    def at(point: Array) -> Array:
        return matrix(_called(claim, structure.restore(point), what))

    values = at(flat) if callable(claim) else matrix(claim)
    made_of = (HessianWitness, Pairs) if what == "hessian" else (Witness, Directions)
    chosen = made_of[1].of(directions, values.shape[1], seed, scales_of(flat, structure.blocks, values))
    witness = made_of[0](calls, flat, value, values, chosen)
    return Problem(claim=Claim(at=at if callable(claim) else None, values=values, structure=structure), witness=witness)


def _called(claim: Callable[..., Any], x: Any, what: str) -> Any:
    """What a function gives for derivatives; what it raises is said in its words."""
    try:
        return claim(x)
    except MemoryError:
        raise
    except Exception as error:
        raise ValueError(f"the {what} raises {described(error)}; it is called with x alone, as {what}(x)") from error


def _matrix(what: str, derivatives: Any, shape: tuple[int, int]) -> Array:
    """A matrix of that shape, refused if it has another."""
    array = numbers(what, derivatives)
    if array.shape != shape:
        transposed = "; it is transposed" if array.shape == shape[::-1] else ""
        raise ValueError(f"the {what} has shape {array.shape}, and that of f at x has {shape}{transposed}")
    return array


@np.errstate(all="ignore")
def _checked(problem: Problem, seed: int, *, find: bool) -> GradientCheck:
    check_flag("locate", find)
    witness = problem.witness
    lost = _not_finite(witness)
    if lost:
        return _result(Finding(witness=witness, verdict=DISAGREE, seed=seed, suspects=lost))
    if mirrored := _unlike(witness):
        return _result(
            Finding(
                witness=witness,
                verdict=DISAGREE,
                seed=seed,
                evidence=witness.evidence(),
                suspects=mirrored,
                kind="asymmetric",
                sentence=ASYMMETRIC,
            )
        )
    witness, evidence = _evidence(problem)
    _refuse_chance(witness, evidence)
    if problem.claim.at:
        refuse_two_claims(witness.noun, problem.claim.values, problem.claim.at(problem.witness.x))
    verdict = _verdict(witness, evidence)
    if verdict == DISAGREE and is_staircase(witness, evidence):
        return _result(Finding(witness=witness, verdict=UNRESOLVED, seed=seed, evidence=evidence, staircase=True))
    tied = "" if verdict == DISAGREE else _tied(problem, evidence, is_moved=witness.x is not problem.witness.x)
    if tied:
        return _result(Finding(witness=problem.witness, verdict=DISAGREE, seed=seed, evidence=evidence, tied=tied))
    finding = Finding(
        witness=witness,
        verdict=verdict,
        seed=seed,
        evidence=evidence,
        beside=witness.x is not problem.witness.x,
        undefined="" if evidence.valued.any() else witness.undefined(),
    )
    return _result(_explained(finding) if find and verdict == DISAGREE else finding)


def _refuse_chance(witness: Witness, evidence: Evidence) -> None:
    """Call f(x) again: often where f is noisy, since dropout may give the same answer twice."""
    for _ in range(REPETITIONS if witness.noisy(evidence) else 1):
        refuse_two_answers(witness.value, witness.calls(witness.x))


def _evidence(problem: Problem) -> tuple[Witness, Evidence]:
    """What is measured at x, or beside it where x lies on kinks and the claim is known there too."""
    witness = problem.witness
    if witness.directions.singly:
        return witness, _one_by_one(witness)
    evidence = witness.evidence(past_kinks=False)
    if not evidence.kinked.any():
        evidence = witness.searched(evidence)
    if (evidence.kinked.any() or _jumps(problem, evidence)) and (moved := _beside(problem)):
        evidence = moved.evidence()
        return moved, _settled(moved, evidence if moved.float32 else spread_by_kinks(evidence))
    if evidence.kinked.any():
        return _kinks_apart(witness) or (witness, _at_x(witness, witness.evidence()))
    return witness, _settled(witness, evidence) if problem.claim.at else _at_x(witness, evidence)


def _one_by_one(witness: Witness) -> Evidence:
    """Along axes, with any claim between the slopes of the sides where these have kinks."""
    evidence = witness.evidence() if witness.float32 else of_all_entries(witness)
    return without_chance(witness.confirmed(witness.between(evidence)))


def _settled(witness: Witness, evidence: Evidence) -> Evidence:
    """Without disagreement that is none."""
    return without_outlier(witness.confirmed(evidence), witness.directions.law)


def _at_x(witness: Witness, evidence: Evidence) -> Evidence:
    """The same with bars for kinks at x, which float32 may hide."""
    if witness.float32 and not evidence.kinked.any():
        return without_outlier(with_hidden_kinks(witness.confirmed(evidence)), witness.directions.law)
    return _settled(witness, spread_by_kinks(evidence))


def _kinks_apart(witness: Witness) -> tuple[Witness, Evidence] | None:
    """Entries of x that are 0, where nearly all kinks lie, and all others, each by themselves."""
    at_zero = witness.x == 0.0
    if witness.float32 or at_zero.all() or not at_zero.any():
        return None
    directions = witness.directions
    parts = [
        directions.within(np.flatnonzero(~at_zero)),
        directions.within(np.flatnonzero(at_zero), SINGLY_AT_KINKS),
    ]
    first, second = (_of_part(witness.along(part)) for part in parts)
    return witness.along(Joined.after(*parts)), first.followed(second)


def _of_part(witness: Witness) -> Evidence:
    return _one_by_one(witness) if witness.directions.singly else _at_x(witness, witness.evidence())


def _tied(problem: Problem, evidence: Evidence, *, is_moved: bool) -> str:
    """Disagreement along the diagonal alone, where f may be smooth though the axes have kinks, as at ties of a maximum;
    empty where there is none.
    """
    witness = problem.witness
    is_at_kinks = is_moved or evidence.kinked.any()
    if not is_at_kinks or witness.float32 or len(witness.value) > 1 or isinstance(witness, HessianWitness):
        return ""
    row = witness.row(np.full(witness.size, 1.0) * witness.directions.unit)
    claimed, measured, bar = (float(row[name][0]) for name in ("claimed", "measured", "bars"))
    if row["statuses"][0] != Status.OK or not abs(claimed - measured) > CLEAR_FACTOR * bar:
        return ""
    return (
        f"where all entries of x grow alike f is smooth and has the slope {measured:.6g} ± {bar:.1g}, and the gradient "
        f"gives {claimed:.6g}: look if each of several equal entries, as of a maximum, gets the whole slope"
    )


def _jumps(problem: Problem, evidence: Evidence) -> bool:
    """Whether the claim differs between two points closely beside x by more than bars, as it does where x lies on kinks
    that values in float32 do not show.
    """
    witness, at = problem.witness, problem.claim.at
    if not witness.float32 or at is None or not evidence.bars.size:
        return False
    x = witness.x
    steps = JUMP * np.where(x == 0.0, typical_size(x), np.abs(x)) * _random(witness).standard_normal(x.size)
    jumps = 0.5 * np.linalg.norm(at(x + steps) - at(x - steps), axis=1)
    return bool(np.any(NORMAL_MOST * jumps > evidence.bars.min(axis=0)))


def _random(witness: Witness) -> np.random.Generator:
    directions = witness.directions
    return np.random.default_rng([directions.seed, directions.count, STREAM])


def _beside(problem: Problem) -> Witness | None:
    """The same question at a point beside x; None where the claim or f has no value there."""
    old = problem.witness
    if problem.claim.at is None:
        return None
    scales = 1.0 if old.directions.scales is None else old.directions.scales
    part = (BESIDE_FLOAT32 if old.float32 else BESIDE) * typical_size(old.x / scales)
    x = problem.claim.structure.representable(old.x + part * scales * _random(old).standard_normal(old.x.size))
    value, claimed = old.calls(x), problem.claim.at(x)
    finite = value.shape == old.value.shape and np.isfinite(value).all() and np.isfinite(claimed).all()
    return type(old)(old.calls, x, value, claimed, old.directions) if finite else None


def _not_finite(witness: Witness) -> tuple[Suspect, ...]:
    """Entries of the claim that are no numbers, with their derivatives; at most 8."""
    places = np.argwhere(~np.isfinite(witness.claimed))[:MOST_SUSPECTS].tolist()
    return tuple(entry(witness, row, column) for row, column in places)


def _unlike(witness: Witness) -> tuple[Suspect, ...]:
    """Of a Hessian that is not symmetric, those of unlike pairs that are wrong; at most 8 pairs."""
    if not isinstance(witness, HessianWitness) or witness.directions.singly:
        return ()
    pairs = [divmod(int(k), witness.x.size) for k in witness.unlike()[:MOST_SUSPECTS]]
    columns = [i * witness.x.size + j for pair in pairs for i, j in (pair, pair[::-1])]
    return ranked([suspect for column in columns if (suspect := measured_entry(witness, 0, column))])


def _verdict(witness: Witness, evidence: Evidence) -> str:
    """Disagreement is what is beyond its bar; agreement needs values that would have shown a wrong gradient."""
    valued = evidence.valued
    if evidence.beyond[valued].any():
        return DISAGREE
    if not valued.any() or (witness.directions.singly and not valued.all()):
        return UNRESOLVED
    return UNRESOLVED if blind(witness, evidence) else AGREE


def _explained(finding: Finding) -> Finding:
    """With the kind of mistake and the wrong entries.

    The table of kinds costs no calls of f; entries are looked for where it knows no kind or one entry, and the part of
    the gradient that is wrong only where no entries explain the error.
    """
    witness, evidence = finding.witness, cast("Evidence", finding.evidence)
    singly, named = witness.directions.singly, named_by(witness, evidence)
    if singly or named is None or named.entries:
        location = (single if singly else locate)(witness, evidence)
        finding = replace(finding, suspects=location.suspects, complete=location.complete)
    if named is None and not singly:
        complete = finding.complete
        named = whole_array(witness, finding.suspects) if complete else named_by(witness, evidence, search=True)
    return _named(finding, named)


def _named(finding: Finding, mistake: Mistake | None) -> Finding:
    """With the kind of mistake; the sentence of one entry is that of the suspect."""
    if mistake is None or (mistake.entries and not finding.suspects):
        return finding
    sentence = "" if mistake.entries else mistake.sentence
    return replace(finding, kind=mistake.kind, place=mistake.place, factor=mistake.factor, sentence=sentence)


def _result(finding: Finding) -> GradientCheck:
    """The answer for the user."""
    witness, evidence = finding.witness, finding.evidence or Evidence.nothing(len(finding.witness.value))
    error, interval = finding.size()
    return GradientCheck(
        verdict=finding.verdict,
        error=error,
        interval=interval,
        detectable=detectable_of(witness, evidence),
        norm=finding.norm,
        kind=finding.kind,
        factor=finding.factor,
        place=finding.place,
        suspects=finding.suspects,
        evaluations=witness.calls.total,
        seed=finding.seed,
        message=message_of(finding),
        claimed=evidence.claimed,
        measured=evidence.measured,
        bars=evidence.bars,
        statuses=evidence.statuses,
    )
