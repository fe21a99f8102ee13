"""Is a gradient that of its loss? The claim beside slopes that are measured with error bars; without a claim, networks
with planted errors: which are noticed, located and named, and whether correct gradients agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import derivkit as dk
from derivkit.testing import PLANTS, NetworkProblem, Plant, correct_gradient, network_problem, plant
from experiments import peers
from experiments.peers import scipy
from experiments.study import Frame, Rows, Tables, column, key, refuse_below, refuse_empty, refuse_unknown
from experiments.words import counted, listed, percent

ACTIVATIONS = ("tanh", "relu")
PEERS = ("scipy", "torch", "jax", "autograd")
"""Tools that check gradients; of those that are installed, SciPy's stands beside ours."""
OURS, SCIPY = "check_gradient", "scipy check_grad"
CLAIM, CORRECT = "somebody's", "none"
"""What stands for the kind of a planted mistake where nothing was planted."""
DISAGREE = "disagree"
"""The verdict on a wrong gradient."""
AGREES, WRONG, BAR = "agrees", "wrong", "error bar"
ALSO = {"sign": ("factor",)}
"""Kinds by which a mistake is rightly named when it is made smaller: part of a wrong sign is a factor."""
MISSED = 2.0
"""SciPy's check gives a number and no verdict. A mistake counts as noticed where the number is so many times that of
the correct gradient, which nobody has who needs a check: more than a user can get out of it."""


# Tables


class Table(Rows):
    """A row for every check."""

    case: str = key("the loss, or the activation of the network")
    planted: str = key("kind of the planted mistake; none: the gradient is correct")
    size: float = key("size of the planted error over that of the gradient; 0 where nothing was planted")
    seed: int = key("of the network and the mistake")
    verdict: str = column("agree, disagree or unresolved")
    error: float = column("size of the error of the gradient, as estimated")
    low: float = column("lower end of the 95 % interval of this size")
    high: float = column("its upper end")
    detectable: float = column("the least error that would have been noticed with a probability of 99 %")
    kind: str = column("kind of mistake that was named; empty where none was")
    place: str = column("where the mistake is: an entry or an array")
    suspects: str = column("entries that are wrong, the largest error first")
    covered: bool = column("whether the interval holds the size that was planted")
    named: bool = column("whether the kind is that which was planted")
    located: bool = column("whether the suspects are the wrong entries and no others")
    evaluations: int = column("calls of the loss")
    message: str = column("what was found, and what to do")


class Entries(Rows):
    """What was compared: every entry, or products of the gradient with random directions."""

    case: str = key("the loss")
    place: str = key("the entry, or the direction")
    state: str = column("agrees or wrong", axis="series")
    measured: float = column("slope of the loss")
    bar: float = column("its error bar")
    claimed: float = column("what the gradient says")
    measured_size: float = column("|measured|", axis="x", label="|measured|")
    claimed_size: float = column("|claimed|", axis="y", label="|claimed|")


class Differences(Rows):
    """The distance between claim and measurement, and the error bars beside it."""

    case: str = key("the loss")
    place: str = key("the entry, or the direction")
    what: str = key("a difference that agrees, one that is wrong, or an error bar", axis="series")
    measured: float = column("|measured|", axis="x", label="|measured|")
    difference: float = column("|claimed - measured|, or the bar", axis="y", label="|claimed - measured|")


class Suspects(Rows):
    """Entries that are wrong."""

    case: str = key("the loss")
    rank: int = key("1 for the largest error")
    entry: str = column("its name")
    claimed: float = column("what the gradient says")
    measured: float = column("slope of the loss")
    bar: float = column("its error bar")


class Numbers(Rows):
    """What another tool says of the gradients of the networks."""

    case: str = key("the activation of the network")
    planted: str = key("kind of the planted mistake")
    size: float = key("size of the planted error over that of the gradient")
    seed: int = key("of the network and the mistake")
    tool: str = key("the tool")
    noticed: bool = column("whether the mistake is noticed")
    evaluations: int = column("calls of the loss")


class Detection(Rows):
    """Which share of the planted errors is noticed."""

    case: str = key("the activation of the network")
    tool: str = key("the tool", axis="series")
    size: float = key("size of the planted error", axis="x", label="size of the error / size of the gradient")
    plants: int = column("planted errors")
    noticed: float = column("share that is noticed, in percent", axis="y", label="noticed, in percent")


class Kinds(Rows):
    """What becomes of each kind of mistake."""

    planted: str = key("kind of the planted mistake")
    plants: int = column("planted errors of this kind")
    noticed: float = column("share that is noticed")
    covered: float = column("share of these whose size lies in the 95 % interval")
    named: float = column("share of these whose kind is named rightly")
    misnamed: float = column("share of these that are called another kind")
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

    def __post_init__(self) -> None:
        missing = [name for name in ("python", "gradient", "x") if getattr(self, name) is None]
        if 0 < len(missing) < 3:
            examples = {"python": "python=mymodule:loss", "gradient": "gradient=mymodule:grad", "x": "x=mymodule:start"}
            raise ValueError(
                f"{listed(missing)}: missing for the check of a gradient; add {' '.join(examples[m] for m in missing)}"
            )
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
        planted = len(self.kinds) * len(self.sizes) * self.plants
        return 1 if self.python else len(self.activations) * (planted + self.correct)


def measure(config: Config) -> Iterator[Rows]:
    """Yield the check of somebody's gradient, or those of planted mistakes."""
    if config.python:
        yield from of_claim(config, config.python)
        return
    for activation in config.activations:
        for seed in range(config.seed, config.seed + config.correct):
            yield of_plant(config, correct_gradient(network_problem(activation, seed=seed)), seed, 0.0)
        for seed in range(config.seed, config.seed + config.plants):
            yield from of_mistakes(config, network_problem(activation, seed=seed), seed)


def of_claim(config: Config, loss: Callable[..., Any]) -> Iterator[Rows]:
    """What is found of a gradient, as rows of every table."""
    check = dk.check_gradient(loss, config.gradient, config.x, directions=config.directions, seed=config.seed)
    case = getattr(loss, "__name__", type(loss).__name__)
    yield row_of(check, case=case, planted=CLAIM, size=0.0, seed=config.seed, covered=False, named=False, located=False)
    yield from compared(check, case)
    if check.suspects:
        yield Suspects(
            case=case, rank=np.arange(1, len(check.suspects) + 1),
            entry=[one.name for one in check.suspects], claimed=[one.claimed for one in check.suspects],
            measured=[one.numeric for one in check.suspects], bar=[one.error for one in check.suspects],
        )  # fmt: skip


def compared(check: dk.GradientCheck, case: str) -> Iterator[Rows]:
    """What was compared, and how far it is apart."""
    claimed, measured, bars = (array.ravel() for array in (check.claimed, check.measured, check.bars))
    if not claimed.size:
        return
    apart = np.abs(claimed - measured)
    states = np.where(apart > bars + ROUNDING * np.abs(claimed), WRONG, AGREES)
    place = [f"{k}" for k in range(1, claimed.size + 1)]
    yield Entries(
        case=case, place=place, state=states, measured=measured, bar=bars, claimed=claimed,
        measured_size=np.abs(measured), claimed_size=np.abs(claimed),
    )  # fmt: skip
    for what, values in ((states, apart), (BAR, bars)):
        yield Differences(case=case, place=place, what=what, measured=np.abs(measured), difference=values)


ROUNDING = 16.0 * float(np.finfo(np.float64).eps)
"""Of a product of a gradient with a direction; a choice."""


def row_of(check: dk.GradientCheck, **more: object) -> Table:
    """A check as a row."""
    low, high = check.interval
    return Table.of_result(check, low=low, high=high, suspects=", ".join(one.name for one in check.suspects), **more)


def of_mistakes(config: Config, problem: NetworkProblem, seed: int) -> Iterator[Rows]:
    """The checks of all mistakes that are planted on a network, and what SciPy says of them."""
    case = problem.network.activations[0]
    for kind in config.kinds:
        for size in config.sizes:
            mistake = plant(kind, problem, seed=seed, size=size)
            yield of_plant(config, mistake, seed, size)
            if peers.installed("scipy"):
                noticed = number_of(mistake, mistake.claimed) > MISSED * number_of(mistake, mistake.true)
                yield Numbers(
                    case=case, planted=kind, size=size, seed=seed, tool=SCIPY, noticed=noticed,
                    evaluations=mistake.true.size + 1,
                )  # fmt: skip


def number_of(mistake: Plant, claim: Any) -> float:
    """What SciPy's check says of a claim."""
    problem = mistake.problem
    return scipy.gradient_error(flat_loss(problem), claim, problem.flat(problem.x))


def flat_loss(problem: NetworkProblem) -> Callable[[Any], float]:
    """The loss of a network in one vector of parameters."""
    return lambda x: problem.loss(problem.unflat(x))


def of_plant(config: Config, mistake: Plant, seed: int, size: float) -> Table:
    """The check of one gradient, and whether it found what was planted."""
    problem = mistake.problem
    check = dk.check_gradient(
        flat_loss(problem), mistake.claimed, problem.flat(problem.x), directions=config.directions, seed=seed
    )
    error = float(np.linalg.norm(mistake.claimed - mistake.true))
    return row_of(
        check, case=problem.network.activations[0], planted=CORRECT if mistake.kind == "correct" else mistake.kind,
        size=size, seed=seed, covered=check.interval[0] <= error <= check.interval[1],
        named=bool(check.kind) and check.kind in (*mistake.names, *ALSO.get(mistake.kind, ())),
        located={one.index for one in check.suspects} == set(mistake.wrong.tolist()),
    )  # fmt: skip


# What the whole run says


def conclude(tables: Tables) -> Iterator[Rows]:
    """Yield the shares that are noticed by size, and what becomes of each kind."""
    checks = planted_of(tables[Table])
    ours = checks.assign(tool=OURS, noticed=checks["verdict"] == DISAGREE)
    for some in (ours, tables[Numbers]):
        for (case, tool, size), rows in some.groupby(["case", "tool", "size"], sort=False):
            share = 100.0 * float(rows["noticed"].mean())
            yield Detection(case=case, tool=tool, size=size, plants=len(rows), noticed=share)
    for kind, rows in ours.groupby("planted", sort=False):
        seen = rows[rows["noticed"]]
        yield Kinds(
            planted=kind, plants=len(rows), noticed=rows["noticed"].mean(), covered=seen["covered"].mean(),
            named=seen["named"].mean(), misnamed=((seen["kind"] != "") & ~seen["named"]).mean(),
            evaluations=rows["evaluations"].median(),
        )  # fmt: skip


def planted_of(checks: Frame) -> Frame:
    """The checks of planted mistakes."""
    return checks[~checks["planted"].isin([CLAIM, CORRECT])]


def tell(tables: Tables) -> Iterator[str]:
    """Yield the verdict; of planted mistakes, how many are noticed, named and located, and the false alarms."""
    checks = tables[Table]
    for row in checks[checks["planted"] == CLAIM].itertuples():
        yield row.message
        yield (
            f"For tests and CI: dk.assert_gradient({row.case}, gradient, x) fails where the gradient disagrees or "
            "cannot be judged; this command ends with status 0 whatever the verdict."
        )
    if (checks["planted"] == CLAIM).any():
        return
    yield from of_planted(checks)
    for tool, rows in tables[Numbers].groupby("tool"):
        yield (
            f"{tool}, whose number counts as a verdict where it is {MISSED:g} times that of the correct gradient: "
            f"{percent(rows['noticed'].mean())} noticed in {rows['evaluations'].median():,.0f} calls of the loss."
        )
    absent = [name for name in PEERS if not peers.installed(name)]
    if absent:
        yield f"Not installed here: {listed(absent)}."


def of_planted(checks: Frame) -> Iterator[str]:
    """What the check of this package makes of planted mistakes and of correct gradients."""
    correct, planted = checks[checks["planted"] == CORRECT], planted_of(checks)
    if len(correct):
        alarms = int((correct["verdict"] == DISAGREE).sum())
        yield f"{counted(alarms, 'false alarm')} at {counted(len(correct), 'correct gradient')}."
    seen = planted[planted["verdict"] == DISAGREE]
    yield (
        f"{counted(len(planted), 'planted mistake')}: {percent(len(seen) / len(planted))} are noticed, in "
        f"{planted['evaluations'].median():,.0f} calls of the loss (median)."
    )
    if not len(seen):
        return
    wrong = (seen["kind"] != "") & ~seen["named"]
    yield (
        f"Of these the kind is named rightly at {percent(seen['named'].mean())}, wrongly at {percent(wrong.mean())}; "
        f"the 95 % interval holds the size at {percent(seen['covered'].mean())}. The parameters are one vector here, "
        "in which no kind of mistake that belongs to an array (layer, transposed, missing ...) can be named."
    )
    single = seen[seen["planted"] == "entry"]
    if len(single):
        yield f"One wrong entry is located at {percent(single['located'].mean())} of {len(single):,}."
