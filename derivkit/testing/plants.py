"""Gradients of networks with a planted mistake, by which checks of gradients are judged.

A problem is a network with samples and parameters, these as a dictionary of the matrices and biases of its layers. A
plant is the gradient by backprop with a mistake of one of ten kinds whose error has a size that is chosen, in units
of the norm of the gradient; what is drawn is drawn with a seed.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from derivkit.multivariate.losses import LOSSES
from derivkit.multivariate.network import Network
from derivkit.multivariate.samples import Array as Floats
from derivkit.multivariate.samples import Samples, generated
from derivkit.multivariate.structure import Block
from derivkit.types import Array, Indices

Tree = dict[str, Array]
"""Parameters, or a gradient in them: ``W1``, ``b1``, ``W2``, ..."""

SMALL_NETWORK = (6, 20, 10, 3)
"""Of the lab's small network, 383 parameters."""
LARGE_NETWORK = (784, 128, 10)
"""Of a large one, 101 770 parameters."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkProblem:
    """The loss of a network in its parameters.

    Attributes
    ----------
    network : Network
        With its loss.
    samples : Samples
        The loss is the mean over these.
    parameters : ndarray, shape ``(n,)``
        Where, layer by layer as the network has them.

    Examples
    --------
    >>> small = network_problem("tanh", seed=1)
    >>> small.x["W1"].shape, small.flat(small.gradient(small.x)).shape
    ((20, 6), (383,))
    """

    network: Network
    samples: Samples
    parameters: Array

    @cached_property
    def x(self) -> Tree:
        """The parameters."""
        return self.tree(self.parameters)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """Name, place in the flat vector and shape of every array."""
        ends = list(itertools.accumulate((array.size for array in self.x.values()), initial=0))
        spans = itertools.pairwise(ends)
        return tuple(
            (f"x[{name!r}]", slice(*span), array.shape)
            for (name, array), span in zip(self.x.items(), spans, strict=True)
        )

    def tree(self, parameters: Floats) -> Tree:
        """What the network has in one vector, as arrays."""
        tree: Tree = {}
        for layer, matrix in enumerate(self.network.matrices(parameters), start=1):
            tree[f"W{layer}"], tree[f"b{layer}"] = (part.astype(np.float64) for part in (matrix[:, :-1], matrix[:, -1]))
        return tree

    def vector(self, tree: Tree) -> Array:
        """The arrays, as the network has them in one vector."""
        layers = range(1, self.network.depth + 1)
        return np.concatenate([np.column_stack([tree[f"W{k}"], tree[f"b{k}"]]).ravel() for k in layers])

    def flat(self, tree: Tree) -> Array:
        """The arrays one after the other, shape ``(n,)``; see `blocks`."""
        return np.concatenate([array.ravel() for array in tree.values()])

    def unflat(self, values: Array) -> Tree:
        """The arrays of a flat vector; the inverse of `flat`."""
        places = zip(self.x, self.blocks, strict=True)
        return {name: values[place].reshape(shape) for name, (_, place, shape) in places}

    def loss(self, tree: Tree) -> float:
        """The mean loss of the samples."""
        return float(self.network.loss(self.vector(tree), self.samples))

    def gradient(self, tree: Tree) -> Tree:
        """The gradient by backprop."""
        return self.tree(self.network.backprop(self.vector(tree), self.samples))


def network_problem(
    activation: str,
    *,
    seed: int = 0,
    sizes: tuple[int, ...] = SMALL_NETWORK,
    count: int = 16,
    l2: float = 0.0,
    has_kinks: bool = False,
) -> NetworkProblem:
    """A network with samples and parameters.

    Parameters
    ----------
    activation : str
        Of all layers but the last.
    seed : int
        Of the samples and parameters.
    sizes : tuple of int
        Of the layers.
    count : int
        Number of samples.
    l2 : float
        Weight of a penalty in the loss.
    has_kinks : bool
        Whether all biases are 0 and one sample too, so that its sums are all at 0, where relu has its kink; else the
        biases are drawn like weights.
    """
    network = Network(sizes, (activation,), l2=l2)
    samples = generated(count, inputs=sizes[0], classes=sizes[-1], seed=seed)
    parameters = network.initial(seed=seed).astype(np.float64)
    if has_kinks:
        inputs = samples.inputs.copy()
        inputs[0] = 0.0
        samples = Samples(inputs, samples.targets)
    else:
        biases = ~network.weighs
        parameters[biases] = 0.3 * np.random.default_rng([seed, 1]).standard_normal(int(biases.sum()))
    return NetworkProblem(network=network, samples=samples, parameters=parameters)


@dataclass(frozen=True, kw_only=True, eq=False)
class Plant:
    """A gradient with a mistake.

    Attributes
    ----------
    kind : str
        One of `PLANTS`.
    problem : NetworkProblem
        Whose gradient it is.
    true, claimed : ndarray, shape ``(n,)``
        The gradient by backprop, and that with the mistake.
    size : float
        Of the error, in units of the norm of the gradient.
    names : tuple of str
        Kinds by which it is rightly named.
    factor : float or None
        What is claimed over what is true, where that is one number.
    wrong : ndarray of int
        Entries that are wrong.
    """

    kind: str
    problem: NetworkProblem
    true: Array
    claimed: Array
    size: float
    names: tuple[str, ...]
    factor: float | None

    @cached_property
    def wrong(self) -> Indices:
        """Entries that are wrong."""
        return np.flatnonzero(self.claimed != self.true)


class Draft(NamedTuple):
    """A mistake of its natural size: the claim, and its factor."""

    claimed: Array
    factor: float | None = None


class PlantRow(NamedTuple):
    """A kind of plant: how it is made, and by which kinds it is rightly named.

    Its error is made smaller by a blend of the claim and the truth; a factor c becomes 1 + (c - 1) t. A kind that needs
    a penalty in the loss says its weight.
    """

    make: Callable[[NetworkProblem, Array, np.random.Generator], Draft]
    names: tuple[str, ...]
    is_multiple: bool = False
    l2: float = 0.0


def plant(kind: str, on: NetworkProblem, *, seed: int, size: float | None = None) -> Plant:
    """A gradient with a mistake of a kind.

    Parameters
    ----------
    kind : str
        One of `PLANTS`.
    on : NetworkProblem
        Whose gradient.
    seed : int
        Of what is drawn: a factor, a layer, an entry.
    size : float, optional
        Of the error, in units of the norm of the gradient; as the mistake itself has it, if it is not chosen.

    Returns
    -------
    Plant

    Examples
    --------
    >>> bad = plant("entry", network_problem("tanh"), seed=3, size=1e-6)
    >>> bad.wrong.size, float(f"{np.linalg.norm(bad.claimed - bad.true) / np.linalg.norm(bad.true):.3g}")
    (1, 1e-06)
    """
    row = PLANTS[kind]
    on = dataclasses.replace(on, network=dataclasses.replace(on.network, l2=row.l2)) if row.l2 else on
    true = on.flat(on.gradient(on.x))
    draft = row.make(on, true, np.random.default_rng([seed, sorted(PLANTS).index(kind)]))
    error, norm = draft.claimed - true, float(np.linalg.norm(true))
    natural = float(np.linalg.norm(error)) / norm
    share = 1.0 if size is None else size / natural
    factor = None if draft.factor is None or not row.is_multiple else 1.0 + share * (draft.factor - 1.0)
    return Plant(
        kind=kind,
        problem=on,
        true=true,
        claimed=draft.claimed if size is None else true + share * error,
        size=natural * share,
        names=row.names,
        factor=factor,
    )


def random_error(on: NetworkProblem, *, seed: int, size: float) -> Plant:
    """A gradient with an error in all entries, of no kind: normal, and at odd seeds in units of the entry."""
    true, random = on.flat(on.gradient(on.x)), np.random.default_rng(seed)
    error = random.standard_normal(true.size) * (np.abs(true) if seed % 2 else 1.0)
    error *= size * np.linalg.norm(true) / np.linalg.norm(error)
    return Plant(kind="random", problem=on, true=true, claimed=true + error, size=size, names=("",), factor=None)


def correct_gradient(on: NetworkProblem) -> Plant:
    """The gradient by backprop, without a mistake."""
    true = on.flat(on.gradient(on.x))
    return Plant(kind="correct", problem=on, true=true, claimed=true.copy(), size=0.0, names=("",), factor=None)


# Ten kinds


def _factor(on: NetworkProblem, true: Array, random: np.random.Generator) -> Draft:
    count = float(len(on.samples))
    factor = float(random.choice([2.0, 0.5, count, 1.0 / count, 1.5, 1.01]))
    return Draft(factor * true, factor)


def _sign(_: NetworkProblem, true: Array, __: np.random.Generator) -> Draft:
    return Draft(-true, -1.0)


def _layer(on: NetworkProblem, true: Array, random: np.random.Generator) -> Draft:
    layer = int(random.integers(on.network.depth))
    factor = float(random.choice([2.0, -1.0, 0.5, float(len(on.samples)), 1.1]))
    claimed = true.copy()
    for _, place, _ in on.blocks[2 * layer : 2 * layer + 2]:
        claimed[place] *= factor
    return Draft(claimed, factor)


def _transposed(on: NetworkProblem, true: Array, random: np.random.Generator) -> Draft:
    _, place, shape = on.blocks[2 * int(random.integers(on.network.depth))]
    claimed = true.copy()
    claimed[place] = true[place].reshape(shape).T.ravel()
    return Draft(claimed)


def _order(on: NetworkProblem, true: Array, random: np.random.Generator) -> Draft:
    _, place, shape = on.blocks[2 * int(random.integers(on.network.depth))]
    claimed = true.copy()
    claimed[place] = np.roll(true[place].reshape(shape), 1, axis=int(random.integers(2))).ravel()
    return Draft(claimed)


def _missing_term(on: NetworkProblem, _: Array, __: np.random.Generator) -> Draft:
    """The loss has a penalty, whose gradient the claim has not."""
    without = dataclasses.replace(on, network=dataclasses.replace(on.network, l2=0.0))
    return Draft(without.flat(without.gradient(on.x)))


def _missing_array(on: NetworkProblem, true: Array, random: np.random.Generator) -> Draft:
    _, place, _ = on.blocks[int(random.integers(len(on.blocks)))]
    claimed = true.copy()
    claimed[place] = 0.0
    return Draft(claimed)


def _entry(_: NetworkProblem, true: Array, random: np.random.Generator) -> Draft:
    claimed = true.copy()
    claimed[random.integers(true.size)] += 0.1 * np.linalg.norm(true) * random.choice([-1.0, 1.0])
    return Draft(claimed)


def _mask(on: NetworkProblem, true: Array, random: np.random.Generator) -> Draft:
    """One to three units of a hidden layer whose slope is taken for 0, or one input of it that is scaled wrongly."""
    layer = int(random.integers(on.network.depth - 1))
    (_, weights, shape), (_, biases, _) = on.blocks[2 * layer : 2 * layer + 2]
    claimed, matrix = true.copy(), true[weights].reshape(shape).copy()
    if random.random() < 0.5:
        active = np.flatnonzero(np.any(matrix, axis=1))
        units = random.choice(active, size=min(int(random.integers(1, 4)), active.size), replace=False)
        matrix[units], claimed[biases.start + units] = 0.0, 0.0
    else:
        matrix[:, random.integers(shape[1])] *= random.choice([0.0, 2.0])
    claimed[weights] = matrix.ravel()
    return Draft(claimed)


def _slope(on: NetworkProblem, _: Array, random: np.random.Generator) -> Draft:
    """Backprop that takes the slope of the activation of a hidden layer for 1; layers up to this one are wrong."""
    hidden = int(random.integers(on.network.depth - 1))
    matrices, layers = on.network.matrices(on.parameters), on.network.forward(on.parameters, on.samples)
    gradient = np.empty_like(on.parameters)
    slope = LOSSES[on.network.objective].slope(layers[-1].a, on.samples.targets, 1.0 / len(on.samples))
    for k in range(on.network.depth - 1, -1, -1):
        if on.network.rows[k].rules and k != hidden:
            slope = slope * on.network.rows[k].slope(layers[k].z, layers[k].a)
        on.network.matrices(gradient)[k][:] = slope @ layers[k].given.T
        slope = matrices[k][:, :-1].T @ slope
    return Draft(on.flat(on.tree(gradient)))


PLANTS: Mapping[str, PlantRow] = MappingProxyType(
    {
        "factor": PlantRow(_factor, ("factor",), is_multiple=True),
        "sign": PlantRow(_sign, ("sign",), is_multiple=True),
        "layer": PlantRow(_layer, ("layer", "sign"), is_multiple=True),
        "transposed": PlantRow(_transposed, ("transposed",)),
        "order": PlantRow(_order, ("order",)),
        "term": PlantRow(_missing_term, ("term",), l2=0.01),
        "missing": PlantRow(_missing_array, ("missing",)),
        "entry": PlantRow(_entry, ("entry",)),
        "mask": PlantRow(_mask, ("mask",)),
        "slope": PlantRow(_slope, ("layer",)),
    }
)
"""THE table of kinds of plants."""
