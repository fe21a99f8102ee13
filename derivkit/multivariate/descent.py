r"""Gradient descent by gradients that err, beside the path of backprop, and what theory says of the distance.

With :math:`\theta_k` the parameters of backprop after k steps, :math:`d_k` the way from them to those of another path,
:math:`e_k` the error of its gradient, g the gradient and H the Hessian of the batch's loss, and r the rate, a step
makes

.. math::

    d_{k+1} = d_k - r\,(g(\theta_k + d_k) - g(\theta_k)) - r e_k = (I - r H) d_k - r e_k + O(d_k^2).

That is the law of first order: every step adds the rate times the error of its gradient, and stretches or shrinks what
is there already by the curvature of the loss. The sum of the errors alone leaves the curvature out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from derivkit.errors import norm_ratio
from derivkit.multivariate.network import Network, NotFiniteError
from derivkit.multivariate.samples import Array, Samples
from derivkit.numerical.formulas import stencil_of
from derivkit.numerical.nodes import steps_vanish

PROBE = 1e-10
"""Length of the shift that the curvature is probed with, as a part of the parameters; see `hessian_product`."""


def descend(network: Network, parameters: Array, samples: Samples, *, rate: float, steps: int) -> Array:
    """The parameters after steps of plain gradient descent on all samples.

    Parameters
    ----------
    network : Network
        Its layers, activations and loss.
    parameters : ndarray
        Where to begin, shape ``(count,)``; they are not changed.
    samples : Samples
        What the loss is the mean over.
    rate : float
        A step goes by the rate times the gradient.
    steps : int
        Number of steps.

    Returns
    -------
    ndarray
        Shape ``(count,)``.

    Raises
    ------
    NotFiniteError
        If the steps lead to a loss that is no finite number.

    Examples
    --------
    >>> network, samples = Network((1, 1), (), "mean_squared_error"), Samples([[0.0]], [[3.0]])
    >>> descend(network, np.zeros(2), samples, rate=0.5, steps=1).tolist()
    [0.0, 3.0]
    """
    for _ in range(steps):
        with np.errstate(over="ignore"):
            parameters = parameters - rate * network.backprop(parameters, samples)
    return parameters


@dataclass(frozen=True, eq=False, kw_only=True)
class Course:
    """What descents have in common that are compared: a network, a start, samples, batches and the rate.

    Attributes
    ----------
    network : Network
        Its layers, activations and loss.
    start : ndarray
        The parameters to begin with, shape ``(count,)``, of float64.
    samples : Samples
        What is learned from, of float64.
    choices : ndarray of int
        The samples of every step, shape ``(steps, batch)``.
    rate : float
        A step goes by the rate times the gradient.
    held_out : Samples or None
        What is not learned from, of float64: answers are counted on it.

    Examples
    --------
    >>> network, samples = Network((1, 1), (), "mean_squared_error"), Samples([[0.0]], [[3.0]])
    >>> course = Course(network=network, start=np.ones(2), samples=samples, choices=np.zeros((1, 1), int), rate=0.5)
    >>> course.steps, [parameters.tolist() for parameters in course.reference]
    (1, [[1.0, 1.0], [1.0, 3.0]])
    """

    network: Network
    start: Array
    samples: Samples
    choices: NDArray[np.intp]
    rate: float
    held_out: Samples | None = None

    @property
    def steps(self) -> int:
        """Number of steps."""
        return len(self.choices)

    def refuse_vanishing(self, formula: str, delta: float, dtypes: Sequence[DTypeLike]) -> None:
        """Refuse a delta that vanishes against a parameter of the start in all of some precisions.

        Parameters
        ----------
        formula : str
            Name of the difference formula.
        delta : float
            Its step.
        dtypes : sequence of dtype_like
            The precisions.

        Raises
        ------
        ValueError
            With the parameter.
        """
        starts: list[Any] = [self.start.astype(dtype) for dtype in dtypes]
        vanished = [steps_vanish(stencil_of(formula), at, np.asarray(delta, at.dtype)) for at in starts]
        if all(np.any(one) for one in vanished):
            place = int(np.argmax(vanished[0]))
            raise ValueError(
                f"delta={delta:g} vanishes against the parameter {self.network.name_of(place)} = {self.start[place]:g}"
                f" of the network {self.network.name} in {' and in '.join(str(at.dtype) for at in starts)}; write a"
                " larger one"
            )

    def batch(self, step: int) -> Samples:
        """The samples of step number `step`, from 0; all of them in their own order where a batch holds all."""
        chosen = self.choices[step]
        return self.samples if len(chosen) == len(self.samples) else self.samples.take(chosen)

    @cached_property
    def reference(self) -> tuple[Array, ...]:
        """The parameters of backprop at the start and after every step, as far as its loss is finite."""
        return tuple(self._backprop_path())

    def _backprop_path(self) -> Iterator[Array]:
        parameters = self.start
        try:
            for step in range(self.steps):
                yield parameters
                with np.errstate(all="ignore"):
                    parameters = parameters - self.rate * self.network.backprop(parameters, self.batch(step))
                self.network.loss(parameters, self.samples)
            yield parameters
        except NotFiniteError:
            return


@dataclass(frozen=True, kw_only=True)
class Distances:
    """How far a path is from that of backprop after as many steps, in parts of the size of backprop's parameters.

    Attributes
    ----------
    distance : float
        |parameters - backprop's| / |backprop's|, 2-norms; NaN where that path has ended, as the next two.
    predicted : float
        The same by the law of first order, from the errors of the steps made.
    accumulated : float
        The rate times the sum of the 2-norms of these errors.
    crossed : int
        Pairs of a unit with a kink and a sample that lie on other sides of the kink than on backprop's path.

    Examples
    --------
    >>> network, samples = Network((1, 1), (), "mean_squared_error"), Samples([[0.0]], [[3.0]])
    >>> course = Course(network=network, start=np.ones(2), samples=samples, choices=np.zeros((1, 1), int), rate=0.5)
    >>> Walk(course).distances()
    Distances(distance=0.0, predicted=0.0, accumulated=0.0, crossed=0)
    """

    distance: float
    predicted: float
    accumulated: float
    crossed: int


class Walk:
    """A descent, step by step, with gradients of any origin.

    Parameters
    ----------
    course : Course
        Where it goes.
    dtype : dtype_like
        The type that the parameters are held in.

    Attributes
    ----------
    parameters : ndarray
        Where it stands, shape ``(count,)``.
    made : int
        Steps that were made.

    Examples
    --------
    >>> network, samples = Network((1, 1), (), "mean_squared_error"), Samples([[0.0]], [[3.0]])
    >>> course = Course(network=network, start=np.ones(2), samples=samples, choices=np.zeros((1, 1), int), rate=0.5)
    >>> walk = Walk(course)
    >>> gradient = np.array([0.0, -5.0])
    >>> walk.error(gradient)
    0.25
    >>> walk.step(gradient)
    >>> walk.parameters.tolist(), round(walk.distances().distance, 3)
    ([1.0, 3.5], 0.158)
    """

    def __init__(self, course: Course, dtype: DTypeLike = np.float64) -> None:
        self.course = course
        self.parameters: Array = course.start.astype(dtype)
        self.made = 0
        self._law: Array = np.zeros(course.network.count)
        self._total = 0.0
        self._exact: Array | None = None

    @property
    def doubles(self) -> Array:
        """The parameters in float64."""
        return self.parameters.astype(np.float64)

    @property
    def batch(self) -> Samples:
        """The samples of the next step, in the type of the parameters."""
        return self.course.batch(self.made).astype(self.parameters.dtype)

    def distances(self) -> Distances:
        """How far it is from the path of backprop."""
        course = self.course
        if self.made >= len(course.reference):
            return Distances(distance=math.nan, predicted=math.nan, accumulated=math.nan, crossed=0)
        reference, at = course.reference[self.made], self.doubles
        size = float(np.linalg.norm(reference))
        return Distances(
            distance=float(np.linalg.norm(at - reference)) / size,
            predicted=float(np.linalg.norm(self._law)) / size,
            accumulated=self._total / size,
            crossed=sides_changed(course.network, at, reference, course.samples),
        )

    @property
    def exact(self) -> Array:
        """The gradient of the batch where the walk stands, by backprop in float64.

        Raises
        ------
        NotFiniteError
            If the loss there is no finite number.
        """
        if self._exact is None:
            self._exact = self.course.network.backprop(self.doubles, self.course.batch(self.made))
        return self._exact

    def error(self, gradient: Array) -> float:
        """The error of `gradient` where the walk stands, shape ``(count,)``, relative to `exact` in 2-norms."""
        return norm_ratio(gradient - self.exact, self.exact)

    def step(self, gradient: Array) -> None:
        """Make a step by the rate times `gradient`, of shape ``(count,)``, in the type of the parameters."""
        course, at, exact = self.course, self.doubles, self.exact
        network, rate, batch = course.network, course.rate, course.batch(self.made)
        self.parameters = self.parameters - self.parameters.dtype.type(rate) * gradient
        # of the step really taken, the rounding of the new parameters included
        wrong = (at - self.doubles) / rate - exact
        if self.made < len(course.reference):
            curved = hessian_product(network, course.reference[self.made], batch, self._law)
            self._law = self._law - rate * (curved + wrong)
        self._total += rate * float(np.linalg.norm(wrong))
        self.made, self._exact = self.made + 1, None


def hessian_product(network: Network, parameters: Array, samples: Samples, direction: Array) -> Array:
    """The Hessian of a network's loss times a direction, by a central difference of backprop.

    The shift is so small that hardly ever a kink lies within it: a gradient that jumps by J would be taken for a
    curvature of J over the shift. Rounding errs by eps / PROBE, some 1e-6 of the gradient, and truncation by far less.

    Parameters
    ----------
    network : Network
        Its layers, activations and loss.
    parameters : ndarray
        Shape ``(count,)``.
    samples : Samples
        What the loss is the mean over.
    direction : ndarray
        Shape ``(count,)``; of a direction without a finite length, or of length 0, the product is the direction.

    Returns
    -------
    ndarray
        Shape ``(count,)``.

    Examples
    --------
    >>> network, samples = Network((1, 1), (), "mean_squared_error"), Samples([[2.0]], [[3.0]])
    >>> hessian_product(network, np.ones(2), samples, np.array([1.0, 0.0])).round(3).tolist()
    [8.0, 4.0]
    """
    length = float(np.linalg.norm(direction))
    if length == 0.0 or not math.isfinite(length):
        return direction
    shift = direction * (PROBE * float(np.linalg.norm(parameters)) / length)
    ends = [network.backprop(parameters + sign * shift, samples) for sign in (1.0, -1.0)]
    return np.asarray((ends[0] - ends[1]) * (length / (2.0 * PROBE * float(np.linalg.norm(parameters)))))


def sides_changed(network: Network, parameters: Array, others: Array, samples: Samples) -> int:
    """How many pairs of a unit and a sample lie on different sides of a kink with two vectors of parameters.

    Parameters
    ----------
    network : Network
        Its layers, activations and loss.
    parameters, others : ndarray
        Shape ``(count,)`` each.
    samples : Samples
        What the loss is the mean over.

    Returns
    -------
    int
        0 of a network without kinks.

    Examples
    --------
    >>> network = Network((1, 1, 1))
    >>> sides_changed(network, np.array([1.0, 0.0, 1.0, 0.0]), np.array([-1.0, 0.0, 1.0, 0.0]), Samples([[1.0]], [0]))
    1
    """
    if not network.kinked:
        return 0
    layers: Any = [network.forward(at, samples) for at in (parameters, others)]
    return sum(
        int(np.count_nonzero((layer.z > 0.0) != (other.z > 0.0)))
        for layer, other, row in zip(*layers, network.rows, strict=True)
        if row.kinked
    )
