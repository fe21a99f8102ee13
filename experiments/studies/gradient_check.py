"""Is a gradient that of its loss? The claim beside slopes that are measured with error bars; without a claim, networks
with planted errors: which are noticed, located and named, and whether correct gradients agree.
"""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import derivkit as dk
from derivkit.testing import PLANTS, NetworkProblem, Plant, correct_gradient, network_problem, plant
from experiments import peers
from experiments.peers import scipy
from experiments.study import (
    Failed,
    Frame,
    Printed,
    Rows,
    Tables,
    column,
    key,
    refuse_below,
    refuse_empty,
    refuse_unknown,
)
from experiments.words import counted, listed, number, part_of, percent, percent_reached

ACTIVATIONS = ("tanh", "relu")
KINKED = {"relu at kinks": "relu"}
"""Cases of correct gradients where all biases and one sample are 0, so that the activation stands on its kinks."""
OURS, SCIPY = "dk.check_gradient", "scipy check_grad"
CLAIM, CORRECT = "", "none"
"""What stands for the kind of a planted mistake where nothing was planted."""
AGREE, DISAGREE = "agree", "disagree"
"""The verdicts on a right and on a wrong gradient."""
AGREES, DISAGREES, UNMEASURED = "agrees", "disagrees", "not measured"
DIRECTION = "direction"
"""What the rows of random directions are called."""
MAX_ENTRIES_NAMED = 4
"""Most entries of a point that a case names one by one."""
PARTS = {
    "factor": ("missing",),
    "sign": ("factor", "missing"),
    "missing": ("layer",),
    "transposed": ("layer",),
    "order": ("layer",),
}
"""Kinds by which a mistake is rightly named, too, when it is made smaller: half of a wrong sign is a gradient of 0,
part of an array that is missing a factor of this array, and part of one that is transposed an array that is wrong."""
MISSED = 2.0
"""SciPy's check gives a number and no verdict. A mistake counts as noticed where the number is so many times that of
the correct gradient, which nobody has who needs a check: more than a user can get out of it."""


# Tables


class Table(Rows):
    """A row for every check."""

    case: str = key("the loss and the point, or the activation of the network")
    planted: str = key("kind of the planted mistake; none: the gradient is correct; empty: it is somebody's")
    size: float = key("size that a mistake was given, over that of the gradient; 0: none; empty: it has its own")
    seed: int = key("of the directions, the network and the mistake")
    gradient: str = column("what somebody calls the gradient that was checked; empty: of a planted mistake")
    verdict: str = column("agree, disagree or unresolved")
    error: float = column("size of the error of the gradient, as estimated")
    low: float = column("lower end of the 95 % interval of this size")
    high: float = column("its upper end")
    detectable: float = column("the least error that would have been noticed with a probability of 99 %")
    kind: str = column("kind of mistake that was named; empty where none was")
    place: str = column("where the mistake is: an entry or an array")
    suspects: str = column("entries that are wrong, the largest error first")
    evaluations: int = column("calls of the loss")
    message: str = column("what was found, and what to do")


class Judged(Rows):
    """Whether a check found what was planted."""

    case: str = key("the activation of the network")
    planted: str = key("kind of the planted mistake; none: the gradient is correct")
    size: float = key("size that it was given, over that of the gradient; 0: nothing was planted; empty: its own")
    seed: int = key("of the network and the mistake")
    error: float = column("size of the error of the gradient over that of the gradient")
    covered: bool = column("whether the interval holds the size that was planted")
    named: bool = column("whether the kind is that which was planted")
    located: bool = column("whether the suspects are the wrong entries and no others")


class Suspects(Rows):
    """Entries that are wrong."""

    case: str = key("the loss and the point")
    seed: int = key("of the directions")
    rank: int = key("1 for the largest error")
    entry: str = column("its name")
    claimed: float = column("what the gradient says")
    measured: float = column("slope of the loss")
    bar: float = column("its error bar")
    excess: float = column("claimed - measured")


class Entries(Rows):
    """What was compared: entries, or products of the gradient with random directions; wrong entries come first."""

    case: str = key("the loss and the point")
    seed: int = key("of the directions")
    place: str = key("the entry, or the direction", axis="label")
    state: str = column("agrees, disagrees or not measured", axis="state")
    status: str = column("what became of the measurement: ok, kink, noisy ...", axis="status")
    measured: float = column("slope of the loss", axis="measured", label="slope")
    bar: float = column("its error bar", axis="bar")
    claimed: float = column("what the gradient says", axis="claimed")


class Peers(Rows):
    """What other tools say of the gradients of the networks."""

    case: str = key("the activation of the network")
    planted: str = key("kind of the planted mistake; none: the gradient is correct")
    size: float = key("size of the planted error over that of the gradient")
    seed: int = key("of the network and the mistake")
    tool: str = key("the tool")
    noticed: bool = column("whether it rejects the gradient")
    evaluations: int = column("calls of the loss")


class Summary(Rows):
    """Every tool in a line; shares are of the planted mistakes, all sizes together."""

    case: str = key("the activation of the network")
    tool: str = key("the tool")
    correct: int = column("correct gradients")
    false_alarms: int = column("of these, those that it rejects")
    plants: int = column("planted mistakes")
    noticed: float = column("share that it rejects, in percent")
    all_from: float = column("the least size from which on it rejects all; none where it misses some of every size")
    evaluations: float = column("calls of the loss, the median")


class Detection(Rows):
    """What becomes of planted errors by their size."""

    case: str = key("the activation of the network")
    tool: str = key("the tool", axis="series")
    size: float = key("size of the planted error over that of the gradient")
    exponent: float = column("its decimal logarithm", axis="x", label="log10 of the relative error")
    plants: int = column("planted errors")
    noticed: float = column("share that is noticed, in percent", axis="y", label="percent noticed")
    named: float = column("share of these whose kind is named rightly, in percent")
    misnamed: float = column("share of these that are called another kind")
    located: float = column("share of these with one wrong entry in which it is located")
    covered: float = column("share of these whose size lies in the 95 % interval")


class Kinds(Rows):
    """What becomes of each kind of mistake of its own size."""

    planted: str = key("kind of the planted mistake")
    plants: int = column("planted errors of this kind")
    noticed: float = column("share that is noticed, in percent")
    named: float = column("share of these whose kind is named rightly")
    misnamed: float = column("share of these that are called another kind")
    located: float = column("share of these with one wrong entry in which it is located")
    covered: float = column("share of these whose size lies in the 95 % interval")
    evaluations: float = column("calls of the loss, the median")


# What is measured


@dataclass(frozen=True, kw_only=True, eq=False)
class Config:
    """A loss with its gradient and a point; or networks and what is planted: small here, real in the preset."""

    python: Callable[..., Any] | None = None
    gradient: Any = None
    x: Any = None
    activations: tuple[str, ...] = ACTIVATIONS
    kinds: tuple[str, ...] = ("factor", "entry")
    sizes: tuple[float, ...] = (1e-2,)
    plants: int = 1
    correct: int = 2
    directions: int = 8
    seed: int = 0
    fail: bool = False

    def __post_init__(self) -> None:
        missing = [name for name in ("python", "gradient", "x") if getattr(self, name) is None]
        if 0 < len(missing) < 3:
            examples = {"python": "python=mymodule:loss", "gradient": "gradient=mymodule:grad", "x": "x=mymodule:start"}
            raise ValueError(
                f"{listed(missing)}: missing for the check of a gradient; add {' '.join(examples[m] for m in missing)}"
            )
        if self.python:
            refuse_structure(self.gradient, self.x)
            refuse_loss(self.python, self.x)
        elif self.fail:
            raise ValueError("fail=true: for a gradient of your own; add python=mymodule:loss gradient=... x=...")
        refuse_empty(self, "activations", "kinds", "sizes")
        refuse_unknown(self, "activations", ACTIVATIONS)
        refuse_unknown(self, "kinds", PLANTS)
        refuse_below(1, self, "plants", "directions")
        refuse_below(0, self, "correct", "seed")
        for size in self.sizes:
            if not 0.0 < size < np.inf:
                raise ValueError(f"sizes={size:g}: must be positive; correct=20 checks 20 correct gradients")

    @property
    def rows(self) -> int:
        """Rows of the main table."""
        planted = len(self.kinds) * (1 + len(self.sizes)) * self.plants
        correct = self.correct * len(self.cases)
        return 1 if self.python else len(self.activations) * planted + correct

    @property
    def cases(self) -> tuple[str, ...]:
        """The cases of correct gradients."""
        return (*self.activations, *(case for case, activation in KINKED.items() if activation in self.activations))


def refuse_structure(gradient: Any, x: Any) -> None:
    """Refuse a gradient that fails at x or is not in its structure, before a job begins."""
    structure = dk.Structure.of(x)
    claim = called_at(x, "gradient", gradient) if callable(gradient) else gradient
    try:
        structure.like(claim, "gradient")
    except TypeError as error:
        raise ValueError(str(error)) from error


def refuse_loss(loss: Callable[..., Any], x: Any) -> None:
    """Refuse a loss that fails at x or is not one finite number there, before a job begins."""
    values = called_at(x, "python", lambda point: np.asarray(loss(point), dtype=np.float64))
    if values.size != 1:
        raise ValueError(f"python: the loss gives {values.size} values at x; sum or average it to one number")
    if not np.isfinite(values).all():
        raise ValueError(f"python: the loss is {values.item()} at x; give an x where it has a finite value")


def called_at(x: Any, name: str, function: Callable[..., Any]) -> Any:
    """What a function gives at x; refused under its name if it fails."""
    structure = dk.Structure.of(x)
    try:
        return function(structure.restore(structure.flat))
    except Exception as error:  # somebody's function may fail in any way
        two = ", of which x=[1,2] are two" if isinstance(x, int | float) else ""
        raise ValueError(
            f"{name}: calling it at x failed: {type(error).__name__}: {error}; write a function of the parameters{two}"
        ) from error


def measure(config: Config) -> Iterator[Rows]:
    """Yield the check of somebody's gradient, or those of planted mistakes."""
    if config.python:
        yield from of_claim(config, config.python)
        return
    for case in config.cases:
        for seed in range(config.seed, config.seed + config.correct):
            yield from of_plant(config, correct_gradient(problem_of(case, seed)), case, seed)
    for case in config.activations:
        for seed in range(config.seed, config.seed + config.plants):
            problem = problem_of(case, seed)
            for kind in config.kinds:
                for size in (None, *config.sizes):
                    yield from of_plant(config, plant(kind, problem, seed=seed, size=size), case, seed, size)


def problem_of(case: str, seed: int) -> NetworkProblem:
    """The network of a case."""
    return network_problem(KINKED.get(case, case), seed=seed, has_kinks=case in KINKED)


def of_claim(config: Config, loss: Callable[..., Any]) -> Iterator[Rows]:
    """What is found of a gradient, as rows of every table."""
    check = dk.check_gradient(loss, config.gradient, config.x, directions=config.directions, seed=config.seed)
    keys = {"case": f"{name_of(loss, 'loss')} at {point_of(dk.Structure.of(config.x).flat)}", "seed": config.seed}
    yield row_of(check, **keys, planted=CLAIM, size=math.nan, gradient=name_of(config.gradient, "gradient"))
    if check.suspects:
        yield suspects_of(check, keys)
    yield from compared(check, keys, dk.Structure.of(config.x))
    failed = config.fail and check.verdict != AGREE
    yield (Failed if failed else Printed)(line=check.message)
    if check.suspects[1:]:
        yield Printed(line=[f"  {one}" for one in check.suspects])


def name_of(function: Any, noun: str) -> str:
    """What somebody calls a function, or a noun where it has no name."""
    name = str(getattr(function, "__name__", ""))
    return name if name.isidentifier() else noun


def point_of(x: Any) -> str:
    """A point in words that tell it from others: its entries, or of many their number and norm."""
    if x.size > MAX_ENTRIES_NAMED:
        return f"x of {x.size} entries with norm {number(float(np.linalg.norm(x)), 6)}"
    entries = ", ".join(number(float(entry), 6) for entry in x)
    return f"x = {entries}" if x.size == 1 else f"x = [{entries}]"


def suspects_of(check: dk.GradientCheck, keys: Mapping[str, Any]) -> Suspects:
    """The entries that are wrong."""
    claimed, measured, bar = (
        np.array([getattr(one, name) for one in check.suspects]) for name in ("claimed", "numeric", "error")
    )
    return Suspects(
        **keys, rank=np.arange(1, len(check.suspects) + 1), entry=[one.name for one in check.suspects],
        claimed=claimed, measured=measured, bar=bar, excess=claimed - measured,
    )  # fmt: skip


def compared(check: dk.GradientCheck, keys: Mapping[str, Any], structure: dk.Structure) -> Iterator[Entries]:
    """What was compared; along directions, the suspects before them."""
    claimed, measured, bars = (array.ravel() for array in (check.claimed, check.measured, check.bars))
    singly = claimed.size == structure.size
    if check.suspects and not singly:
        yield Entries(
            **keys, place=[one.name for one in check.suspects], state=DISAGREES, status="ok",
            measured=[one.numeric for one in check.suspects], bar=[one.error for one in check.suspects],
            claimed=[one.claimed for one in check.suspects],
        )  # fmt: skip
    if claimed.size:
        known = np.isfinite(measured) & np.isfinite(bars)
        state = np.where(~known, UNMEASURED, np.where(np.abs(claimed - measured) > bars, DISAGREES, AGREES))
        yield Entries(
            **keys, place=[structure.name(k) if singly else f"{DIRECTION} {k + 1}" for k in range(claimed.size)],
            state=state, status=check.statuses.ravel(), measured=measured, bar=bars, claimed=claimed,
        )  # fmt: skip


def row_of(check: dk.GradientCheck, **more: object) -> Table:
    """A check as a row."""
    low, high = check.interval
    return Table.of_result(check, low=low, high=high, suspects=", ".join(one.name for one in check.suspects), **more)


def of_plant(config: Config, mistake: Plant, case: str, seed: int, size: float | None = 0.0) -> Iterator[Rows]:
    """The check of one gradient, and whether it found what was planted; where a size was chosen, what others say."""
    problem = mistake.problem
    check = dk.check_gradient(
        problem.loss, problem.unflat(mistake.claimed), problem.x, directions=config.directions, seed=seed
    )
    error = float(np.linalg.norm(mistake.claimed - mistake.true))
    names = mistake.names if size is None else (*mistake.names, *PARTS.get(mistake.kind, ()))
    planted = CORRECT if size == 0.0 else mistake.kind
    keys = {"case": case, "planted": planted, "size": math.nan if size is None else size, "seed": seed}
    yield row_of(check, **keys, gradient="")
    yield Judged(
        **keys, error=mistake.size, covered=check.interval[0] <= error <= check.interval[1],
        named=bool(check.kind) and check.kind in names,
        located={one.index for one in check.suspects} == set(mistake.wrong.tolist()),
    )  # fmt: skip
    for tool, noticed, evaluations in () if size is None else of_peers(mistake):
        yield Peers(**keys, tool=tool, noticed=noticed, evaluations=evaluations)


def of_peers(mistake: Plant) -> Iterator[tuple[str, bool, int]]:
    """Every tool that is installed, whether it rejects a gradient, and how often it calls the loss for that."""
    problem, evaluations = mistake.problem, 0

    def loss(x: Any) -> float:
        nonlocal evaluations
        evaluations += 1
        return problem.loss(problem.unflat(np.asarray(x)))

    x = problem.flat(problem.x)
    for name, tool in peers.CHECKS.items():
        if peers.installed(name):
            evaluations = 0
            accepted = importlib.import_module(f"experiments.peers.{name}").accepts(loss, mistake.claimed, x)
            yield tool, not accepted, evaluations
    if peers.installed("scipy"):
        evaluations = 0
        number = scipy.gradient_error(loss, mistake.claimed, x)
        yield SCIPY, number > MISSED * number_of_correct(problem), evaluations


@functools.lru_cache(maxsize=1)
def number_of_correct(problem: NetworkProblem) -> float:
    """What SciPy says of the correct gradient of a network."""
    true = problem.flat(problem.gradient(problem.x))
    return scipy.gradient_error(lambda x: problem.loss(problem.unflat(x)), true, problem.flat(problem.x))


# What the whole run says


def conclude(tables: Tables) -> Iterator[Rows]:
    """Yield every tool in a line, what becomes of mistakes by size, and what becomes of each kind."""
    judged = judged_of(tables)
    ours, natural_ones = judged[~judged["natural"]], judged[judged["natural"]]
    for case in ours["case"].unique():
        for verdicts in (ours, tables[Peers]):
            yield from summary(verdicts[verdicts["case"] == case])
    for verdicts in (ours, tables[Peers]):
        for (case, tool, size), rows in planted_of(verdicts).groupby(["case", "tool", "size"], sort=False):
            shares = shares_of(rows) if tool == OURS else dict.fromkeys(SHARES, math.nan)
            yield Detection(
                case=case,
                tool=tool,
                size=size,
                exponent=math.log10(size),
                plants=len(rows),
                noticed=100.0 * rows["noticed"].mean(),
                **shares,
            )
    for kind, rows in natural_ones.groupby("planted", sort=False):
        yield Kinds(
            planted=kind, plants=len(rows), noticed=100.0 * rows["noticed"].mean(), **shares_of(rows),
            evaluations=rows["evaluations"].median(),
        )  # fmt: skip


def judged_of(tables: Tables) -> Frame:
    """The checks of networks, with whether they found what was planted."""
    checks = tables[Table].merge(tables[Judged].drop(columns="error"), on=list(Judged.keys))
    return checks.assign(tool=OURS, noticed=checks["verdict"] == DISAGREE, natural=checks["size"].isna())


def summary(verdicts: Frame) -> Iterator[Summary]:
    """Every case and tool in a line."""
    for (case, tool), rows in verdicts.groupby(["case", "tool"], sort=False):
        correct, planted = rows[rows["planted"] == CORRECT], planted_of(rows)
        yield Summary(
            case=case, tool=tool, correct=len(correct), false_alarms=int(correct["noticed"].sum()),
            plants=len(planted), noticed=100.0 * planted["noticed"].mean(), all_from=all_from(planted),
            evaluations=rows["evaluations"].median(),
        )  # fmt: skip


def all_from(planted: Frame) -> float:
    """The least size from which on all planted errors are noticed."""
    missed = planted["size"][~planted["noticed"].astype(bool)].max()
    sizes = planted["size"] if math.isnan(missed) else planted["size"][planted["size"] > missed]
    return float(sizes.min()) if len(sizes) else math.nan


SHARES = ("named", "misnamed", "located", "covered")
"""What is asked of mistakes that are noticed."""


def shares_of(rows: Frame) -> dict[str, float]:
    """In percent of the mistakes that are noticed; one wrong entry alone can be located."""
    seen = rows[rows["noticed"].astype(bool)]
    values = seen["named"], (seen["kind"] != "") & ~seen["named"], seen["located"][seen["planted"] == "entry"]
    means = [100.0 * float(part.mean()) if len(part) else math.nan for part in (*values, seen["covered"])]
    return dict(zip(SHARES, means, strict=True))


def planted_of(checks: Frame) -> Frame:
    """The checks of planted mistakes."""
    return checks[~checks["planted"].isin([CLAIM, CORRECT])]


def tell(tables: Tables) -> Iterator[str]:
    """Yield the verdict; of planted mistakes, how many are noticed, named and located, and the false alarms."""
    checks = tables[Table]
    claims = checks[checks["planted"] == CLAIM]
    yield from verdicts(claims)
    if len(claims):
        yield (
            "In a test, write dk.assert_gradient(loss, gradient, x): it fails where the gradient disagrees or cannot "
            "be judged. With fail=true, as derivative-lab check has it, this command ends with status 1 then."
        )
    if tables[Entries]["place"].str.startswith(DIRECTION).any():
        single = " Entries that were measured to be wrong have rows of their own." if len(tables[Suspects]) else ""
        yield (
            f"x has many entries, so the gradient was compared along random directions v: in a row `{DIRECTION} 1` the "
            "claim is the product of the gradient with v, and what is measured the slope of the loss along v, in which "
            f"every wrong entry shows.{single}"
        )
    if claims.empty:
        yield from of_planted(tables)


def verdicts(claims: Frame) -> Iterator[str]:
    """The verdict of every check; of several, what was checked before it."""
    seeds = claims["seed"].nunique() > 1
    for row in claims.itertuples():
        checked = f"{row.case}{f', seed {row.seed}' if seeds else ''}: " if len(claims) > 1 else ""
        yield f"{checked}{row.message}"


def of_planted(tables: Tables) -> Iterator[str]:
    """What every tool makes of planted mistakes and of correct gradients."""
    for tool, rows in tables[Summary].groupby("tool", sort=False):
        yield f"{tool}: {of_tool(rows)}."
    planted = planted_of(judged_of(tables))
    yield from of_ours(planted[planted["verdict"] == DISAGREE])
    if SCIPY in set(tables[Peers]["tool"]):
        yield (
            f"{SCIPY} gives a number and no verdict: a mistake counts as noticed where the number is {MISSED:g} times "
            "that of the correct gradient, which nobody has who needs a check; so it has no false alarms by definition."
        )
    absent = [name for name in (*peers.CHECKS, "scipy") if not peers.installed(name)]
    if absent:
        yield f"Not installed here, so that nothing is said of their checks: {listed(absent)}."


def of_tool(rows: Frame) -> str:
    """The false alarms of a tool, and what it misses."""
    correct = rows[rows["correct"] > 0]
    alarms = [f"{row.case} {part_of(row.false_alarms, row.correct, 'gradient')}" for row in correct.itertuples()]
    noticed = [
        f"{row.case} {percent_reached(row.noticed / 100.0)}, "
        + ("some of every size missed" if math.isnan(row.all_from) else f"all from the size {row.all_from:g} on")
        for row in rows[rows["plants"] > 0].itertuples()
    ]
    calls = f"{rows['evaluations'].median():,.0f} calls of the loss (median)"
    rejected = f"correct gradients rejected: {listed(alarms)}"
    if not correct["false_alarms"].any():
        rejected = f"no correct gradient is rejected of {correct['correct'].sum()} ({listed(list(correct['case']))})"
    return "; ".join([*[rejected] * (len(alarms) > 0), f"planted mistakes noticed: {'; '.join(noticed)}", calls])


def of_ours(seen: Frame) -> Iterator[str]:
    """What the check of this package says of the mistakes that it notices."""
    for natural, size in ((True, "of their own size"), (False, "made smaller or larger")):
        rows = seen[seen["natural"] == natural]
        if len(rows):
            wrong = (rows["kind"] != "") & ~rows["named"]
            yield (
                f"{OURS} names the kind of {counted(len(rows), 'mistake')} {size}: "
                f"{percent_reached(rows['named'].mean())} rightly, {percent(wrong.mean())} wrongly, the others not; "
                f"its 95 % interval holds the size of the error at {percent(rows['covered'].mean())}."
            )
    single = seen[seen["planted"] == "entry"]
    if len(single):
        located = part_of(int(single["located"].sum()), len(single), "gradient")
        yield f"Where one entry alone is wrong, it is located in {located}."
