r"""Networks of dense layers: the loss, its gradient by backprop, and the gradient of every sample.

A layer turns the numbers :math:`a` it is given into :math:`z = M\,(a, 1)` and hands on :math:`\varphi(z)`. The bias is
the weight of an input that is always 1, the last column of M, so that one matrix holds all that a layer learns. The
parameters of a network are one flat vector; the matrices of its layers are views of it.

With :math:`\ell` the loss of one sample and :math:`\delta = \partial\ell/\partial z`, backprop is three lines,

.. math::

    \frac{\partial \ell}{\partial M} = \delta\,(a, 1)^T, \qquad
    \frac{\partial \ell}{\partial a} = W^T \delta, \qquad
    \delta_{\text{before}} = \varphi'(z_{\text{before}}) \cdot \frac{\partial \ell}{\partial a},

W being M without its last column: the rule of a constant multiple twice (once :math:`a` is constant, once W), sums, and
the chain rule. The gradient of one sample is thus an outer product, whose squared norm is the product of two squared
norms (Goodfellow, *Efficient per-example gradient computations*, 2015): it needs not be built.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from derivkit.multivariate.activations import ACTIVATIONS, Activation
from derivkit.multivariate.losses import LOSSES
from derivkit.multivariate.network_checks import (
    check_kinds,
    check_known,
    check_samples,
    checked_activations,
    checked_sizes,
)
from derivkit.multivariate.samples import Array, Data, Samples

BUFFER = 128
"""Numbers in NumPy's buffers, until the errstate is left in which it is set. NumPy copies what is repeated along an
axis into its buffers where rows are shorter than about a quarter of them, 8192 numbers by default; short buffers leave
that out, and the product of a column and a row takes a third of the time."""

QUIET = np.errstate(all="ignore")
"""Decorates what overflows without a word: the numbers that are none are looked for at the end. It is cheaper than a
context, and a buffer's size that is set inside ends with it too."""


class NotFiniteError(ValueError):
    """A loss that is no finite number; the message says where the first number that is none appeared.

    Examples
    --------
    >>> issubclass(NotFiniteError, ValueError)
    True
    """


class Layer(NamedTuple):
    """What a layer was given, with a last row of ones, what it summed and what it handed on: a row for every unit, a
    column for every sample.
    """

    given: Array
    z: Array
    a: Array


@dataclass(frozen=True)
class Network:
    """A network of dense layers with its loss; its parameters are kept apart from it, as one flat vector.

    Parameters
    ----------
    sizes : tuple of int
        Number of inputs, of units of every layer, the last of which are the outputs.
    activations : tuple of str
        One for every layer; of several layers one name alone stands for all but the last, which is then the identity.
        Without any it is relu and the identity.
    objective : str
        The loss: ``softmax_cross_entropy`` of labels, or ``mean_squared_error`` of values (the mean over the outputs).
    l1, l2 : float
        The penalty ``l1 Σ|w| + l2 Σ w^2`` of the weights, the biases apart, belongs to the loss of every sample.
    name : str
        What it is called in tables; its sizes if it has no name.

    Raises
    ------
    ValueError
        If there is no such network.

    Examples
    --------
    >>> network = Network((4, 16, 3), ("relu",))
    >>> network.count, network.name_of(67), network.name_of(130)
    (131, 'W1[13,2]', 'b2[2]')
    """

    sizes: tuple[int, ...]
    activations: tuple[str, ...] = ()
    objective: str = "softmax_cross_entropy"
    l1: float = 0.0
    l2: float = 0.0
    name: str = ""

    def __post_init__(self) -> None:
        sizes = checked_sizes(self.sizes)
        names = checked_activations(self.activations, len(sizes) - 1)
        check_known("loss", self.objective, LOSSES)
        for name, value in (("l1", self.l1), ("l2", self.l2)):
            if not (math.isfinite(value) and value >= 0.0):
                raise ValueError(f"{name}={value}: the weight of a penalty is finite and not negative")
        object.__setattr__(self, "sizes", sizes)
        object.__setattr__(self, "activations", names)
        object.__setattr__(self, "name", self.name or "-".join(map(str, sizes)))

    # What it is

    @property
    def depth(self) -> int:
        """Number of layers."""
        return len(self.sizes) - 1

    @cached_property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """Where the parameters of every layer begin and end in the flat vector."""
        ends = [0]
        for before, units in itertools.pairwise(self.sizes):
            ends.append(ends[-1] + units * (before + 1))
        return tuple(itertools.pairwise(ends))

    @cached_property
    def rows(self) -> tuple[Activation, ...]:
        """The rows of the table of activations, one for every layer."""
        return tuple(ACTIVATIONS[name] for name in self.activations)

    @cached_property
    def count(self) -> int:
        """Number of parameters."""
        return self.spans[-1][1]

    @property
    def multiply_adds(self) -> int:
        """Multiplications with additions in the matrix products of one forward pass of one sample."""
        return self.count

    def name_of(self, index: int) -> str:
        """The name of parameter `index`: ``W1[j,i]`` weighs input i in unit j of layer 1, ``b1[j]`` is its bias.

        Raises
        ------
        IndexError
            If there is no such parameter.
        """
        if not 0 <= index < self.count:
            raise IndexError(f"there is no parameter {index}; there are {self.count}")
        layer = next(k for k, (_, end) in enumerate(self.spans) if index < end)
        unit, place = divmod(index - self.spans[layer][0], self.sizes[layer] + 1)
        return f"b{layer + 1}[{unit}]" if place == self.sizes[layer] else f"W{layer + 1}[{unit},{place}]"

    def matrices(self, parameters: Array) -> list[Array]:
        """The matrices of the layers as views of the flat vector, the biases in the last column.

        Parameters
        ----------
        parameters : ndarray
            Shape ``(..., count)``.

        Returns
        -------
        list of ndarray
            Of shapes ``(..., units, inputs + 1)``.
        """
        if parameters.ndim == 1:
            return [parameters[place].reshape(shape) for place, shape in self._places]
        lead = parameters.shape[:-1]
        return [parameters[..., place].reshape(*lead, *shape) for place, shape in self._places]

    @cached_property
    def _places(self) -> list[tuple[slice, tuple[int, int]]]:
        shapes = [(units, before + 1) for before, units in itertools.pairwise(self.sizes)]
        return [(slice(*span), shape) for span, shape in zip(self.spans, shapes, strict=True)]

    @cached_property
    def weighs(self) -> NDArray[np.bool_]:
        """Which parameters are weights, the others being biases; shape ``(count,)``."""
        weighs = np.ones(self.count, dtype=bool)
        for matrix in self.matrices(weighs):
            matrix[:, -1] = False
        return weighs

    @property
    def kinked(self) -> bool:
        """Whether an activation has a kink."""
        return any(row.kinked for row in self.rows)

    @property
    def backprop_multiply_adds(self) -> int:
        """Multiplications with additions of a gradient of one sample by backprop.

        Those of the forward pass; as many again, as every parameter's slope is a product; and one for every weight of
        all layers but the first, through which the slopes go back.
        """
        back = sum(before * units for before, units in itertools.pairwise(self.sizes[1:]))
        return 2 * self.multiply_adds + back

    def divided(self, divisor: int) -> Network:
        """The network whose hidden layers have fewer units, at least 1, and which has no name of its own.

        Parameters
        ----------
        divisor : int
            By what their numbers of units are divided, rounded down.
        """
        hidden = (max(1, units // divisor) for units in self.sizes[1:-1])
        return dataclasses.replace(self, sizes=(self.sizes[0], *hidden, self.sizes[-1]), name="")

    def draw(self, data: Data, count: int, *, seed: int = 0) -> Samples:
        """Samples that the network takes: with labels, or with these as values, as its loss needs them.

        Parameters
        ----------
        data : Data
            Where they come from.
        count : int
            Number of samples.
        seed : int
            Of the choice.

        Returns
        -------
        Samples

        Raises
        ------
        ValueError
            If the data do not fit the network or are too few; see `Data.draw`.

        Examples
        --------
        >>> Network((4, 3), (), "mean_squared_error").draw(Data(), 5).targets.shape
        (5, 3)
        """
        samples = data.draw(count, inputs=self.sizes[0], classes=self.sizes[-1], seed=seed)
        return samples if LOSSES[self.objective].labelled else samples.one_hot(self.sizes[-1])

    def initial(self, *, seed: int = 0, dtype: DTypeLike = np.float64) -> Array:
        """Parameters to start from, drawn with `seed`, of type `dtype` and shape ``(count,)``.

        Weights are normal, of variance 2/inputs (relu and its kin) or 1/inputs, biases 0.
        """
        random = np.random.default_rng(seed)
        parameters = np.zeros(self.count)
        for matrix, name in zip(self.matrices(parameters), self.activations, strict=True):
            units, inputs = matrix.shape[0], matrix.shape[1] - 1
            matrix[:, :-1] = random.standard_normal((units, inputs)) * math.sqrt(ACTIVATIONS[name].scale / inputs)
        return parameters.astype(dtype)

    def refuse(self, parameters: Array, samples: Samples) -> None:
        """Refuse `parameters` and `samples` that do not fit the network, or one another.

        Raises
        ------
        ValueError
            With the layer and the shapes.
        """
        check_kinds(parameters, samples)
        if parameters.shape[-1:] != (self.count,):
            raise ValueError(
                f"the network {self.name} has {self.count} parameters, in a flat vector; those given have shape"
                f" {parameters.shape}"
            )
        if parameters.dtype != samples.dtype:
            raise ValueError(
                f"the parameters are {parameters.dtype} and the samples {samples.dtype};"
                " make them alike by samples.astype(...) or parameters.astype(...)"
            )
        self.refuse_samples(samples)

    def refuse_kinked_penalty(self) -> None:
        """Refuse the penalty l1, where only the kinks of activations are counted.

        Raises
        ------
        ValueError
            If the network has it.
        """
        if self.l1:
            raise ValueError(
                f"network {self.name}: the penalty l1={self.l1:g} has kinks of its own, which are not counted; take l2"
            )

    def refuse_samples(self, samples: Samples) -> None:
        """Refuse `samples` that the network cannot take; see `refuse`."""
        check_samples(self.sizes, LOSSES[self.objective], samples)

    # Forward

    @QUIET
    def losses(self, parameters: Array, samples: Samples, *, finite: bool = True) -> Array:
        """The loss of every sample, the penalty included, so that their mean is the loss.

        Parameters
        ----------
        parameters : ndarray
            Shape ``(..., count)``: one vector, or a stack of them, which are all passed at once.
        samples : Samples
            What the loss is the mean over.
        finite : bool
            Whether a loss that is no finite number is refused.

        Returns
        -------
        ndarray
            Shape ``(..., samples)``.

        Raises
        ------
        ValueError
            If parameters and samples do not fit.
        NotFiniteError
            If a loss is no finite number; the message says where the first number that is none appeared.
        """
        self.refuse(parameters, samples)
        matrices = self.matrices(parameters)
        layers = self._forward(matrices, samples)
        lead = range(parameters.ndim - 1)
        outputs = layers[-1].a.transpose(len(lead), len(lead) + 1, *lead)
        losses = LOSSES[self.objective].value(outputs, samples.targets)
        losses = losses.transpose(*(place + 1 for place in lead), 0)
        if self.l1 or self.l2:
            losses = losses + self.penalty(parameters)[..., None]
        if finite:
            self._refuse_not_finite(losses, matrices, layers)
        return np.asarray(losses)

    def loss(self, parameters: Array, samples: Samples) -> Any:
        """The mean loss of `samples`; a float for one vector of `parameters`, shape ``(...)`` for a stack."""
        mean = np.mean(self.losses(parameters, samples), axis=-1)
        return mean if mean.ndim else float(mean)

    def accuracy(self, parameters: Array, samples: Samples) -> float:
        """The share of the samples whose label has the largest output.

        Parameters
        ----------
        parameters : ndarray
            Shape ``(count,)``.
        samples : Samples
            Of which the share is taken.
        """
        outputs = self.forward(parameters, samples)[-1].a
        return float(np.mean(np.argmax(outputs, axis=0) == samples.labels))

    def penalty(self, parameters: Array) -> Array:
        """``l1 Σ|w| + l2 Σ w^2`` of the weights among `parameters`, of shape ``(..., count)``; shape ``(...)``."""
        total = np.zeros(parameters.shape[:-1], dtype=parameters.dtype)
        for matrix in self.matrices(parameters):
            total += np.sum(self.penalties(matrix[..., :-1]), axis=(-2, -1))
        return total

    def penalties(self, weights: Array) -> Array:
        """What each of `weights` adds to the penalty, of the same shape."""
        return np.asarray(self.l1 * np.abs(weights) + self.l2 * np.square(weights), dtype=weights.dtype)

    @QUIET
    def forward(self, parameters: Array, samples: Samples) -> list[Layer]:
        """What every layer was given, summed and handed on, from `parameters` of shape ``(..., count)`` and `samples`.

        Arrays of shape ``(..., units, samples)``.

        The last hands on the outputs.
        """
        self.refuse(parameters, samples)
        return self._forward(self.matrices(parameters), samples)

    def _forward(self, matrices: Sequence[Array], samples: Samples) -> list[Layer]:
        given, layers = samples.with_one.T, []
        for k in range(len(matrices) - 1):
            z = matrices[k] @ given
            # One more row, of ones, which the biases that follow weigh.
            *lead, units, columns = z.shape
            handed = np.empty((*lead, units + 1, columns), z.dtype)
            handed[..., units, :] = 1.0
            layers.append(Layer(given, z, self.rows[k].value(z, handed[..., :units, :])))
            given = handed
        z = matrices[-1] @ given
        last = self.rows[-1]
        layers.append(Layer(given, z, last.value(z, np.empty_like(z)) if last.rules else z))
        return layers

    # Backward

    @QUIET
    def backprop(self, parameters: Array, samples: Samples) -> Array:
        """The gradient of the loss in every parameter, in one forward and one backward pass.

        Parameters
        ----------
        parameters : ndarray
            Shape ``(count,)``.
        samples : Samples
            What the loss is the mean over.

        Returns
        -------
        ndarray
            Shape ``(count,)``.

        Raises
        ------
        ValueError, NotFiniteError
            As for `losses`.
        """
        self._refuse_stack(parameters, samples)
        gradient, matrices = np.empty_like(parameters), self.matrices(parameters)
        into = self.matrices(gradient)
        layers = self._forward(matrices, samples)
        for k, slope in self._backward(matrices, samples, layers, share=1.0 / len(samples)):
            # constant multiple, and a sum over the samples: z = M (a, 1) with the same M for all
            np.matmul(slope, layers[k].given.T, out=into[k])
        if self.l1 or self.l2:
            self._add_penalty_slope(parameters, into)
        return gradient

    @QUIET
    def per_sample_gradients(self, parameters: Array, samples: Samples) -> Array:
        """The gradient of the loss of each of `samples` in `parameters`; their mean is the gradient of the loss.

        Returns
        -------
        ndarray
            Shape ``(samples, count)``.
        """
        self._refuse_stack(parameters, samples)
        gradients = np.empty((len(samples), self.count), dtype=parameters.dtype)
        into = self.matrices(gradients)
        matrices = self.matrices(parameters)
        np.setbufsize(BUFFER)
        layers = self._forward(matrices, samples)
        for k, slope in self._backward(matrices, samples, layers):
            given = np.ascontiguousarray(layers[k].given.T)
            np.multiply(given[:, None, :], slope.T[:, :, None], out=into[k])
        self._add_penalty_slope(parameters, into)
        return gradients

    @QUIET
    def squared_norms(self, parameters: Array, samples: Samples) -> Array:
        """The squared norm of the gradient of each of `samples` in `parameters`, shape ``(samples,)``; none is built.

        The squared norm of an outer product is the product of the squared norms. A penalty, whose gradient r is the
        same for all, adds 2 g·r + r·r.
        """
        self._refuse_stack(parameters, samples)
        squares = np.zeros(len(samples), dtype=parameters.dtype)
        matrices = self.matrices(parameters)
        layers = self._forward(matrices, samples)
        penalties = self._penalty_slopes(parameters)
        for k, slope in self._backward(matrices, samples, layers):
            slopes, given = slope.T, layers[k].given.T
            squares += np.vecdot(slopes, slopes) * np.vecdot(given, given)
            if penalties:
                crossed = np.vecdot(slopes, given[:, :-1] @ penalties[k].T)
                squares += 2.0 * crossed + np.sum(np.square(penalties[k]))
        return squares

    def _backward(
        self, matrices: Sequence[Array], samples: Samples, layers: Sequence[Layer], share: float = 1.0
    ) -> Iterator[tuple[int, Array]]:
        """Yield the slopes of the losses in the sums z of every layer, times the share, from the last to the first.

        Of shape ``(units, samples)``; they are to be used at once.
        """
        # log-sum-exp and sum, or power: the slope in the outputs; constant multiple: their mean
        slope = LOSSES[self.objective].slope(layers[-1].a, samples.targets, share)
        self._refuse_not_finite(slope, matrices, layers)
        for k in range(len(layers) - 1, -1, -1):
            row, (_, z, a) = self.rows[k], layers[k]
            if row.rules:
                # chain rule: the slope of the activation times that of what follows
                slope *= row.slope(z, a)
            yield k, slope
            if k:
                # sum and constant multiple: what is handed on is in every sum that follows, times a weight
                slope = matrices[k][:, :-1].T @ slope

    def _penalty_slopes(self, parameters: Array) -> list[Array]:
        """The slopes of the penalty in the weights of every layer, the biases left out; none without a penalty."""
        if not (self.l1 or self.l2):
            return []
        weights = [matrix[:, :-1] for matrix in self.matrices(parameters)]
        # absolute value and power
        return [np.asarray(self.l1 * np.sign(w) + 2.0 * self.l2 * w, dtype=w.dtype) for w in weights]

    def _add_penalty_slope(self, parameters: Array, into: Iterable[Array]) -> None:
        for matrix, slope in zip(into, self._penalty_slopes(parameters), strict=False):
            matrix[..., :-1] += slope

    # Refusals

    def _refuse_stack(self, parameters: Array, samples: Samples) -> None:
        check_kinds(parameters, samples)
        if parameters.ndim != 1:
            raise ValueError(
                f"one vector of {self.count} parameters is needed, not an array of shape {parameters.shape}"
            )
        self.refuse(parameters, samples)

    def _refuse_not_finite(self, result: Array, matrices: Sequence[Array], layers: Sequence[Layer]) -> None:
        """Say where the first number that is not finite appeared, in the order of the computation."""
        # The sum of squares is the quickest to see them all; where it overflows, one looks at each.
        if math.isfinite(np.vdot(result, result)) or np.all(np.isfinite(result)):
            return
        for k, (matrix, layer) in enumerate(zip(matrices, layers, strict=True)):
            for values, name in ((matrix, self._parameter_at), (layer.z, self._sum_at)):
                if not np.all(np.isfinite(values)):
                    place = tuple(int(index) for index in np.argwhere(~np.isfinite(values))[0])
                    first = f"{name(k, *place[-2:])}, {values[place]}"
                    raise NotFiniteError(f"the loss is no finite number: the first that is none is {first}")
        raise NotFiniteError(f"the loss is no finite number: its terms are too large for {result.dtype}")

    def _parameter_at(self, layer: int, unit: int, column: int) -> str:
        return f"parameter {self.name_of(self.spans[layer][0] + unit * (self.sizes[layer] + 1) + column)}"

    def _sum_at(self, layer: int, unit: int, sample: int) -> str:
        return f"the sum of unit {unit} of layer {layer + 1} for sample {sample}"
