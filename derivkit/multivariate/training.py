"""Networks trained by gradients of any origin, beside backprop: the same start, samples and batches for all."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from derivkit.multivariate.brute_force import brute_force
from derivkit.multivariate.descent import Course, Walk
from derivkit.multivariate.network import Network, NotFiniteError
from derivkit.multivariate.samples import Array, Data, Samples
from derivkit.numerical.stencil import Stencil

VANISHED, NOT_FINITE = "delta vanished", "loss not finite"
"""Why a path ends before its time."""


def draw_course(
    network: Network, data: Data, *, samples: int, held_out: int, batch: int, steps: int, rate: float, seed: int = 0
) -> Course:
    """A course with a start, samples and batches from a seed.

    The start and the samples are such as float32 holds: descents of both precisions begin at the same numbers.

    Parameters
    ----------
    network : Network
        What is trained.
    data : Data
        Where samples come from.
    samples, held_out : int
        Samples that are learned from, and that are held aside.
    batch, steps : int
        Samples of a step, a choice without repetition, and number of steps.
    rate : float
        A step goes by the rate times the gradient.
    seed : int
        Of the start, the samples and the batches.

    Returns
    -------
    Course

    Raises
    ------
    ValueError
        If the data do not fit the network or are too few, the batch is larger than the samples, or the rate is not a
        finite number above 0.

    Examples
    --------
    >>> course = draw_course(Network((4, 3)), Data(), samples=6, held_out=3, batch=2, steps=5, rate=0.1)
    >>> course.choices.shape, len(course.samples), len(course.held_out)
    ((5, 2), 6, 3)
    """
    if not (math.isfinite(rate) and rate > 0.0):
        raise ValueError(f"rate={rate:g}: a learning rate is greater than 0; write one such as rate=0.1")
    if batch > samples:
        raise ValueError(
            f"batch={batch}: there are {samples} samples to take it from; write at most batch={samples}, or more"
            " samples"
        )
    drawn = network.draw(data, samples + held_out, seed=seed).astype(np.float32).astype(np.float64)
    random = np.random.default_rng(seed)
    return Course(
        network=network,
        start=network.initial(seed=seed, dtype=np.float32).astype(np.float64),
        samples=drawn.take(slice(samples)),
        choices=np.array([random.permutation(samples)[:batch] for _ in range(steps)]),
        rate=rate,
        held_out=drawn.take(slice(samples, None)),
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class StepGradient:
    """A gradient that a step is to be made with, and what it cost.

    Attributes
    ----------
    gradient : ndarray
        Shape ``(count,)``.
    evaluations : int
        Losses of the batch that were computed or moved for it: a textbook's forward passes.
    multiply_adds : int
        Multiplications with additions that it was made with.
    cause : str
        ``delta vanished`` or ``loss not finite`` where it has an entry that is no finite number, else empty.
    message : str
        The same in a sentence.

    Examples
    --------
    >>> network = Network((4, 3))
    >>> step = step_gradient(network, network.initial(), network.draw(Data(), 6), formula="central_2", delta=1e-5)
    >>> step.gradient.shape, step.evaluations
    ((15,), 30)
    """

    gradient: Array
    evaluations: int
    multiply_adds: int
    cause: str = ""
    message: str = ""


def step_gradient(
    network: Network,
    parameters: Array,
    batch: Samples,
    *,
    formula: str | Stencil | None = None,
    delta: float = math.nan,
) -> StepGradient:
    """The gradient of a batch's mean loss, by backprop or by a difference formula.

    Parameters
    ----------
    network : Network
        What is trained.
    parameters : ndarray
        Where it stands, shape ``(count,)``.
    batch : Samples
        The samples of the step.
    formula : str or Stencil, optional
        Of the first derivative; none for backprop.
    delta : float
        The step of the formula.

    Returns
    -------
    StepGradient

    Raises
    ------
    NotFiniteError
        If the loss is no finite number.

    Examples
    --------
    >>> network, samples = Network((1, 1), (), "mean_squared_error"), Samples([[0.0]], [[3.0]])
    >>> step_gradient(network, np.zeros(2), samples, formula="central_2", delta=0.5).gradient.tolist()
    [0.0, -6.0]
    """
    if formula is None:
        work = len(batch) * network.backprop_multiply_adds
        return StepGradient(gradient=network.backprop(parameters, batch), evaluations=1, multiply_adds=work)
    moved = brute_force(network, parameters, batch, delta=delta, formula=formula)
    lost = not np.all(np.isfinite(moved.gradient))
    cause = VANISHED if np.any(moved.vanished) else NOT_FINITE
    return StepGradient(
        gradient=moved.gradient,
        evaluations=moved.evaluations,
        multiply_adds=moved.multiply_adds,
        cause=cause if lost else "",
        message=moved.message if lost else "",
    )


class LawCounts(NamedTuple):
    """At how many steps there is a distance, the law of first order holds, and it does not: after a unit with a kink
    has been on another side of it for a sample than on backprop's path, or without that where paths are far apart.

    Examples
    --------
    >>> course = draw_course(Network((4, 3)), Data(), samples=6, held_out=3, batch=6, steps=2, rate=0.1)
    >>> path = train(course, lambda *where: step_gradient(course.network, *where, formula="forward_1", delta=1e-4))
    >>> path.judge_law(near=0.1, apart=0.01)
    LawCounts(judged=2, held=2, kinked=0, far=0)
    """

    judged: int
    held: int
    kinked: int
    far: int


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainingPath:
    """A descent at its start and after every step.

    Attributes
    ----------
    columns : mapping of str to ndarray
        For the start and after every step, shapes ``(steps + 1,)``: ``loss`` of all samples that are learned from, in
        float64; ``accuracy``, the share of the samples held out whose label has the largest output; ``distance``,
        ``predicted``, ``accumulated`` and ``crossed`` as in `Distances`; ``error`` of the gradient that the next step
        is made with, see `Walk.error`, NaN where there is none; ``evaluations`` until here, and ``passes``, the
        multiplications with additions until here in those of forward passes of a batch.
    cause : str
        Why the path ended before its time: ``delta vanished`` or ``loss not finite``; empty where it did not.
    message : str
        The same in a sentence.

    Examples
    --------
    >>> course = draw_course(Network((4, 3)), Data(), samples=6, held_out=3, batch=6, steps=20, rate=0.1)
    >>> path = train(course, lambda *where: step_gradient(course.network, *where))
    >>> path.columns["loss"].shape, path.gain > 0.0, path.message
    ((21,), True, '')
    """

    columns: Mapping[str, NDArray[Any]]
    cause: str = ""
    message: str = ""

    @property
    def settled(self) -> float:
        """The median loss of the last tenth of the steps: at a large rate the loss of the last one alone is chance."""
        loss = self.columns["loss"]
        return float(np.median(loss[-max(1, len(loss) // 10) :]))

    @property
    def gain(self) -> float:
        """By what the loss falls from the start to where it settles."""
        return float(self.columns["loss"][0]) - self.settled

    @property
    def errors(self) -> NDArray[Any]:
        """The errors of its gradients that are known."""
        error = self.columns["error"]
        return np.asarray(error[np.isfinite(error)])

    @property
    def stretch(self) -> float:
        """The largest ratio of the distance to the sum of the errors; NaN where there is no such sum."""
        distance, total = self.columns["distance"], self.columns["accumulated"]
        known = (total > 0.0) & np.isfinite(distance)
        return float(np.max(distance[known] / total[known])) if np.any(known) else math.nan

    @property
    def still_since(self) -> int:
        """The step from which on its gradient is 0, if it is so at its last two steps at least, else -1."""
        # the relative error of a gradient of 0 is 1 to the bit
        error = self.columns["error"]
        moving = np.flatnonzero(error[:-1] != 1.0)
        since = int(moving[-1]) + 1 if moving.size else 0
        return since if since < len(error) - 2 else -1

    def judge_law(self, *, near: float, apart: float) -> LawCounts:
        """How often the law of first order holds.

        Parameters
        ----------
        near : float
            It holds where it is off by at most this part of the distance.
        apart : float
            Paths are far apart beyond this distance.
        """
        step, distance = np.arange(len(self.columns["loss"])), self.columns["distance"]
        judged = (step > 0) & np.isfinite(distance)
        held = judged & (np.abs(self.columns["predicted"] - distance) <= near * distance)
        kinked = judged & ~held & (np.maximum.accumulate(self.columns["crossed"]) > 0)
        far = judged & ~held & ~kinked & (distance > apart)
        return LawCounts(*(int(np.count_nonzero(steps)) for steps in (judged, held, kinked, far)))


def train(
    course: Course, gradient: Callable[[Array, Samples], StepGradient], dtype: DTypeLike = np.float64
) -> TrainingPath:
    """Make all steps of a descent, with gradients of any origin.

    Parameters
    ----------
    course : Course
        Where it goes, with samples held out.
    gradient : callable
        The gradient of a batch's mean loss, from the parameters, shape ``(count,)``, and the batch.
    dtype : dtype_like
        The type that parameters and samples are held in.

    Returns
    -------
    TrainingPath

    Examples
    --------
    >>> course = draw_course(Network((4, 3)), Data(), samples=6, held_out=3, batch=6, steps=2, rate=0.1)
    >>> path = train(course, lambda parameters, batch: step_gradient(course.network, parameters, batch))
    >>> path.columns["error"].tolist(), path.columns["evaluations"].tolist()
    ([0.0, 0.0, nan], [0, 1, 2])
    """
    states: list[dict[str, float]] = []
    cause, message = "", ""
    with np.errstate(all="ignore"):
        try:
            cause, message = _walk(Walk(course, dtype), gradient, states)
        except NotFiniteError as error:
            cause, message = NOT_FINITE, str(error)
    columns = {name: np.array([state[name] for state in states]) for name in states[0]}
    return TrainingPath(columns=columns, cause=cause, message=message)


def _walk(
    walk: Walk, gradient: Callable[[Array, Samples], StepGradient], states: list[dict[str, float]]
) -> tuple[str, str]:
    """Append a state for the start and after every step; return why the path ended before its time, if it did."""
    evaluations, passes = 0, 0.0
    while True:
        work = {"error": math.nan, "evaluations": evaluations, "passes": passes}
        states.append({**_quality(walk), **asdict(walk.distances()), **work})
        if walk.made == walk.course.steps:
            return "", ""
        batch = walk.batch
        step = gradient(walk.parameters, batch)
        if step.message:
            return step.cause, step.message
        states[-1]["error"] = walk.error(step.gradient)
        walk.step(step.gradient)
        evaluations += step.evaluations
        passes += step.multiply_adds / (len(batch) * walk.course.network.multiply_adds)


def _quality(walk: Walk) -> dict[str, float]:
    """The loss where a walk stands, and the share of right answers on what is held out."""
    course, at = walk.course, walk.doubles
    accuracy = math.nan if course.held_out is None else course.network.accuracy(at, course.held_out)
    return {"loss": course.network.loss(at, course.samples), "accuracy": accuracy}
