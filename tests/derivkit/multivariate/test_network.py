"""Networks: the loss and its gradient agree with the analytical engine, with dual numbers and with differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import derivkit as dk
from derivkit.multivariate import network as room
from derivkit.multivariate.activations import ACTIVATIONS, of_operation
from derivkit.multivariate.losses import LOSSES
from derivkit.multivariate.network import Network, NotFiniteError
from derivkit.multivariate.samples import Samples, generated
from derivkit.operations.elementary import OPERATIONS
from derivkit.symbolic.rules import RULES

EPS = 2.0**-52


def prepared(
    sizes: tuple[int, ...] = (4, 5, 3), activation: str = "tanh", objective: str = "softmax_cross_entropy", **more: Any
) -> tuple[Network, np.ndarray, Samples]:
    """A network, parameters without a zero among them, and seven samples."""
    network = Network(sizes, (activation,), objective, **more)
    parameters = network.initial(seed=1) + 0.1 * np.random.default_rng(2).standard_normal(network.count)
    samples = generated(7, inputs=sizes[0], classes=sizes[-1], seed=3)
    return network, parameters, samples if LOSSES[objective].labelled else samples.one_hot(sizes[-1])


def distance(found: Any, expected: Any) -> float:
    """Relative distance in the 2-norm."""
    return float(np.linalg.norm(np.subtract(found, expected)) / np.linalg.norm(expected))


def central(network: Network, parameters: np.ndarray, samples: Samples, delta: float = 2.0**-17) -> np.ndarray:
    """The gradient by central differences, one parameter after the other."""
    found = np.empty_like(parameters)
    for k in range(parameters.size):
        up, down = parameters.copy(), parameters.copy()
        up[k] += delta
        down[k] -= delta
        found[k] = (network.loss(up, samples) - network.loss(down, samples)) / (up[k] - down[k])
    return found


# The analytical engine


def weighed(names: Sequence[str], given: Sequence[str], bias: str) -> str:
    return "+".join([*(f"{w}*({a})" for w, a in zip(names, given, strict=True)), bias])


def text_of_loss(network: Network, sample: int, samples: Samples) -> str:
    """The loss of one sample as an expression of the parameters p0, p1, ..."""
    given = [repr(float(v)) for v in samples.inputs[sample]]
    names = iter(f"p{k}" for k in range(network.count))
    for units, activation in zip(network.sizes[1:], network.activations, strict=True):
        sums = []
        for _ in range(units):
            row = [next(names) for _ in range(len(given) + 1)]
            sums.append(weighed(row[:-1], given, row[-1]))
        given = sums if activation == "identity" else [f"{activation}({z})" for z in sums]
    if samples.labelled:
        return f"logsumexp({','.join(given)})-({given[samples.targets[sample]]})"
    squares = "+".join(f"({u}-{float(y)!r})^2" for u, y in zip(given, samples.targets[sample], strict=True))
    return f"({squares})/{len(given)}"


@pytest.mark.parametrize("objective", sorted(LOSSES))
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_backprop_is_the_derivative_that_the_analytical_engine_derives(activation: str, objective: str) -> None:
    network, parameters, samples = prepared((2, 2, 2), activation, objective)
    point = {f"p{k}": float(v) for k, v in enumerate(parameters)}
    expression = dk.parse(text_of_loss(network, 0, samples))
    expected = [dk.derive(expression, name)(**{n: point[n] for n in expression.variables}) for name in point]
    found = network.backprop(parameters, samples.take(slice(1)))
    assert distance(found, expected) <= 16 * EPS


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_the_slope_of_an_activation_is_the_one_of_its_rule(name: str) -> None:
    row, z = ACTIVATIONS[name], np.linspace(-4.0, 4.0, 40)
    a = row.value(z, np.empty_like(z))
    text = "u" if name == "identity" else f"{name}(u)"
    # tanh and sigmoid: from the value, the distance of which from 1 is known to eps
    np.testing.assert_allclose(row.slope(z, a), dk.derive(text, "u")(u=z), rtol=16 * EPS, atol=4 * EPS)
    np.testing.assert_allclose(
        a, dk.Function.from_expression(text.replace("u)", "x)"))(z) if row.rules else z, rtol=EPS
    )
    assert all(rule in RULES[name] for rule in row.rules)


@pytest.mark.parametrize("name", ["softplus", "gelu", "sigmoid", "tanh", "erf"])
def test_value_and_slope_of_an_activation_follow_from_its_operation(name: str) -> None:
    row, z = of_operation(name), np.linspace(-4.0, 4.0, 41)
    assert np.array_equal(row.value(z, np.empty_like(z)), OPERATIONS[name].value(z))
    np.testing.assert_allclose(row.slope(z, z), dk.derive(f"{name}(u)", "u")(u=z), rtol=16 * EPS, atol=4 * EPS)
    short = z.astype(np.float32)
    assert row.value(short, np.empty_like(short)).dtype == row.slope(short, short).dtype == np.float32


@pytest.mark.parametrize("k", [0, 7, 24, 25, 42])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_backprop_is_the_derivative_by_dual_numbers(activation: str, k: int) -> None:
    network, parameters, samples = prepared((4, 5, 3), activation)
    active = {"tanh": np.tanh, "relu": lambda z: np.maximum(z, 0.0)}[activation]

    def loss(p: Any) -> Any:
        """The loss in parameter k alone, written once more and number by number."""
        value = [p if n == k else float(parameters[n]) for n in range(network.count)]
        total: Any = 0.0
        for x, label in zip(samples.inputs, samples.targets, strict=True):
            hidden = [active(sum(value[5 * j + i] * x[i] for i in range(4)) + value[5 * j + 4]) for j in range(5)]
            u = [sum(value[25 + 6 * j + i] * hidden[i] for i in range(5)) + value[30 + 6 * j] for j in range(3)]
            total = total + np.log(np.exp(u[0]) + np.exp(u[1]) + np.exp(u[2])) - u[label]
        return total / len(samples)

    found = dk.dual(loss, float(parameters[k]))
    gradient = network.backprop(parameters, samples)
    assert found.value == pytest.approx(network.loss(parameters, samples), rel=16 * EPS)
    assert abs(found.derivative - gradient[k]) <= 16 * EPS * np.max(np.abs(gradient))


# Differences


@pytest.mark.parametrize("penalty", [{}, {"l1": 0.01, "l2": 0.03}], ids=["plain", "penalty"])
@pytest.mark.parametrize("objective", sorted(LOSSES))
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_backprop_passes_the_check_by_central_differences(activation: str, objective: str, penalty: Any) -> None:
    network, parameters, samples = prepared((4, 6, 5, 3), activation, objective, **penalty)
    # truncation delta^2 = 6e-11 and rounding eps/delta = 3e-11, each times a small number
    assert distance(network.backprop(parameters, samples), central(network, parameters, samples)) <= 1e-9


@pytest.mark.parametrize("objective", sorted(LOSSES))
def test_outputs_may_be_activated_too(objective: str) -> None:
    network, parameters, samples = prepared((4, 5, 3), objective=objective)
    network = replace(network, activations=("relu", "sigmoid"))
    assert distance(network.backprop(parameters, samples), central(network, parameters, samples)) <= 1e-9


def _sign(gradient: np.ndarray, network: Network) -> np.ndarray:
    gradient[network.spans[0][0]] *= -1.0
    return gradient


def _transposed(gradient: np.ndarray, network: Network) -> np.ndarray:
    matrix = network.matrices(gradient)[1]
    matrix[:, :-1] = matrix[:, :-1].T.copy()
    return gradient


BUGS: dict[str, Callable[[np.ndarray, Network], np.ndarray]] = {
    "a sign": _sign,
    "a transpose": _transposed,
    "a sum instead of the mean": lambda gradient, network: 7 * gradient,
    "no bias": lambda gradient, network: (
        gradient * [not network.name_of(k).startswith("b") for k in range(network.count)]
    ),
}


@pytest.mark.parametrize("bug", BUGS)
def test_the_check_catches_a_planted_bug(bug: str) -> None:
    network, parameters, samples = prepared((4, 4, 4, 3))
    right = network.backprop(parameters, samples)
    wrong = BUGS[bug](right.copy(), network)
    assert distance(wrong, central(network, parameters, samples)) > 1e-3


@pytest.mark.parametrize("k", range(3))
def test_the_check_catches_a_slope_that_is_wrong_inside(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    network, parameters, samples = prepared()
    numeric = central(network, parameters, samples)
    wrong = [lambda z, a: 1.0 - a, lambda z, a: np.ones_like(a), lambda z, a: -(1.0 - a * a)][k]
    monkeypatch.setattr(room, "ACTIVATIONS", {**ACTIVATIONS, "tanh": replace(ACTIVATIONS["tanh"], slope=wrong)})
    assert distance(Network((4, 5, 3), ("tanh",)).backprop(parameters, samples), numeric) > 1e-3


# Every sample


@pytest.mark.parametrize("penalty", [{}, {"l1": 0.01, "l2": 0.03}], ids=["plain", "penalty"])
@pytest.mark.parametrize("objective", sorted(LOSSES))
def test_the_gradients_of_the_samples_have_the_gradient_as_their_mean(objective: str, penalty: Any) -> None:
    network, parameters, samples = prepared((4, 6, 5, 3), "relu", objective, **penalty)
    each = network.per_sample_gradients(parameters, samples)
    assert each.shape == (7, network.count)
    assert distance(each.mean(axis=0), network.backprop(parameters, samples)) <= 4 * EPS
    for k in range(7):
        alone = samples.take([k])
        assert distance(each[k], network.backprop(parameters, alone)) <= 8 * EPS
        assert network.losses(parameters, samples)[k] == pytest.approx(network.loss(parameters, alone), rel=8 * EPS)


@pytest.mark.parametrize("penalty", [{}, {"l1": 0.01, "l2": 0.03}], ids=["plain", "penalty"])
@pytest.mark.parametrize("objective", sorted(LOSSES))
def test_squared_norms_are_those_of_the_gradients_that_are_not_built(objective: str, penalty: Any) -> None:
    network, parameters, samples = prepared((4, 6, 5, 3), "gelu", objective, **penalty)
    each = network.per_sample_gradients(parameters, samples)
    np.testing.assert_allclose(network.squared_norms(parameters, samples), np.sum(each**2, axis=1), rtol=32 * EPS)


def test_the_loss_is_the_mean_of_the_losses_and_a_stack_gives_the_losses_of_each() -> None:
    network, parameters, samples = prepared((4, 6, 5, 3), "relu", l2=0.1)
    stack = parameters + np.array([[0.0], [0.1], [-0.2]])
    losses = network.losses(stack, samples)
    assert losses.shape == (3, 7)
    for k in range(3):
        np.testing.assert_allclose(losses[k], network.losses(stack[k], samples), rtol=8 * EPS)
    np.testing.assert_allclose(network.loss(stack, samples), losses.mean(axis=1), rtol=4 * EPS)
    assert isinstance(network.loss(parameters, samples), float)


def test_a_penalty_is_of_the_weights_and_not_of_the_biases() -> None:
    plain, parameters, samples = prepared()
    weights = np.concatenate([matrix[:, :-1].ravel() for matrix in plain.matrices(parameters)])
    expected = 0.1 * np.sum(np.abs(weights)) + 0.2 * np.sum(weights**2)
    found = replace(plain, l1=0.1, l2=0.2).loss(parameters, samples) - plain.loss(parameters, samples)
    assert found == pytest.approx(expected, rel=8 * EPS)


# Other types


@pytest.mark.parametrize("objective", sorted(LOSSES))
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_float32_stays_float32(activation: str, objective: str) -> None:
    network, parameters, samples = prepared((4, 6, 5, 3), activation, objective, l1=0.01, l2=0.01)
    short, few = parameters.astype(np.float32), samples.astype(np.float32)
    wide, many = short.astype(np.float64), few.astype(np.float64)
    for method in ("losses", "backprop", "per_sample_gradients", "squared_norms"):
        found, expected = getattr(network, method)(short, few), getattr(network, method)(wide, many)
        assert found.dtype == np.float32
        assert distance(found, expected) <= 32 * 2.0**-23


def test_the_loss_is_stable_where_powers_overflow_and_vanish() -> None:
    network = Network((1, 2), ("identity",))
    samples = Samples([[1.0], [1.0]], [0, 1])
    np.testing.assert_allclose(network.losses(np.array([1e4, 0.0, -1e4, 0.0]), samples), [0.0, 2e4])
    assert np.array_equal(network.backprop(np.array([1e4, 0.0, -1e4, 0.0]), samples), [0.5, 0.5, -0.5, -0.5])
    steep = Network((1, 1), ("sigmoid",), "mean_squared_error")
    for w in (-1e4, 1e4):
        assert np.isfinite(steep.backprop(np.array([w, 0.0]), Samples([[1.0]], [[0.0]]))).all()


# What is refused


GOOD = Samples([[0.0, 1.0]], [0])


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Network((3,)), "at least two, its inputs and its outputs"),
        (lambda: Network((3, 0, 2)), r"layer 1 has 0 units"),
        (lambda: Network((3, 4.5, 2)), r"layer 1 has 4.5 units"),  # type: ignore[arg-type]
        (lambda: Network((3, 4, 2), ("rleu",)), "no activation named 'rleu'; did you mean relu"),
        (lambda: Network((3, 4, 2), ("zzz",)), "no activation named 'zzz'; there are identity, relu"),
        (lambda: Network((3, 4, 2), ("relu", "tanh", "relu")), "3 activations for 2 layers"),
        (lambda: Network((3, 2), objective="cross_entropy"), "no loss named .*; did you mean softmax_cross_entropy"),
        (lambda: Network((3, 2), l2=-1.0), "l2=-1.0: the weight of a penalty"),
        (lambda: Samples(np.empty((0, 2)), []), "there are no samples"),
        (lambda: Samples([1.0, 2.0], [0, 1]), r"inputs are of shape \(samples, inputs\)"),
        (lambda: Samples([[1.0]], [0, 1]), "1 samples need 1 labels"),
        (lambda: Samples([[1.0]], [0.5]), "labels are whole numbers, not float64"),
        (lambda: Samples([["a"]], [0]), "inputs are real numbers"),
        (lambda: Samples([[1.0, 2.0], [3.0, np.nan]], [0, 1]), "input 1 of sample 1 is nan"),
        (lambda: Samples([[1.0]], [[np.inf]]), "target 0 of sample 0 is inf"),
        (lambda: generated(0, inputs=2, classes=2), "count=0: there must be at least one"),
        (lambda: generated(8, inputs=2.5, classes=2), "inputs=2.5: .* in whole numbers"),
        (lambda: Network((3, 1.5, 2)), r"sizes=\[3, 1.5, 2\]: layer 1 has 1.5 units; take a whole number from 1"),
        (lambda: Samples([[1.0]], [4]).one_hot(3), "labels go from 0 to 2; there is 4"),
        (
            lambda: Network((3, 2)).refuse_samples(GOOD),
            r"layer 1 takes 3 inputs .* the samples have 2 \(shape \(1, 2\)\)",
        ),
        (lambda: Network((2, 3)).refuse_samples(Samples([[0.0, 1.0]] * 2, [2, 3])), "sample 1 has the label 3"),
        (lambda: Network((2, 3)).refuse_samples(Samples([[0.0, 1.0]], [-1])), "sample 0 has the label -1"),
        (lambda: Network((2, 3)).refuse_samples(GOOD.one_hot(3)), "needs labels"),
        (lambda: Network((2, 3), objective="mean_squared_error").refuse_samples(GOOD), r"write samples.one_hot\(3\)"),
        (
            lambda: Network((2, 4, 3), objective="mean_squared_error").refuse_samples(GOOD.one_hot(2)),
            r"layer 2 has 3 outputs, and the targets have shape \(1, 2\)",
        ),
        (lambda: Network((2, 3)).loss(np.zeros(8), GOOD), r"has 9 parameters, .* shape \(8,\)"),
        (lambda: Network((2, 3)).loss(np.zeros(9, dtype=np.float32), GOOD), "are float32 and the samples float64"),
        (lambda: Network((2, 3)).backprop(np.zeros((2, 9)), GOOD), "one vector of 9 parameters is needed"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(build: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        build()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("method", ["loss", "losses", "forward", "backprop", "per_sample_gradients", "squared_norms"])
def test_lists_in_place_of_arrays_and_samples_are_refused_in_one_line(method: str) -> None:
    network, parameters, samples = prepared((4, 5, 3))
    with pytest.raises(TypeError, match=r"parameters are an array, not a list; write np.array\(parameters\)"):
        getattr(network, method)(parameters.tolist(), samples)
    with pytest.raises(TypeError, match=r"samples are Samples\(inputs, targets\), not a tuple"):
        getattr(network, method)(parameters, (samples.inputs, samples.targets))


def test_one_name_in_place_of_the_activations_is_refused() -> None:
    with pytest.raises(TypeError, match=r"activations='relu': write a tuple, \('relu',\)"):
        Network((4, 5, 3), "relu")  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["loss", "losses", "backprop", "per_sample_gradients", "squared_norms"])
def test_a_loss_that_is_no_number_says_where_the_first_appeared(method: str) -> None:
    network, parameters, samples = prepared((4, 5, 5, 3))
    parameters[network.spans[1][0] + 8] = np.nan
    with pytest.raises(NotFiniteError, match=r"the first that is none is parameter W2\[1,2\], nan"):
        getattr(network, method)(parameters, samples)
    large = replace(network, activations=("identity",) * 3).initial() * 1e200
    with pytest.raises(NotFiniteError, match=r"the sum of unit \d of layer 2 for sample 0, -?inf"):
        getattr(replace(network, activations=("identity",) * 3), method)(large, samples)


def test_samples_cannot_be_changed_and_are_drawn_again_the_same() -> None:
    samples = generated(10, inputs=3, classes=4, seed=5)
    with pytest.raises(ValueError, match="read-only"):
        samples.inputs[0, 0] = 1.0
    assert np.array_equal(samples.inputs, generated(10, inputs=3, classes=4, seed=5).inputs)
    assert not np.array_equal(samples.inputs, generated(10, inputs=3, classes=4, seed=6).inputs)
    mine = np.ones((1, 2))
    kept = Samples(mine, [0])
    mine[0] = 2.0
    assert kept.inputs.tolist() == [[1.0, 1.0]]


def test_one_activation_stands_for_all_layers_but_the_last() -> None:
    assert Network((3, 4, 4, 2), ("tanh",)).activations == ("tanh", "tanh", "identity")
    assert Network((3, 4, 2)).activations == ("relu", "identity")
    assert Network((3, 2)).activations == ("identity",)
    assert Network((3, 2), ("sigmoid",)).activations == ("sigmoid",)


def test_every_parameter_has_a_name_of_its_own() -> None:
    network = Network((4, 5, 3))
    names = [network.name_of(k) for k in range(network.count)]
    assert len(set(names)) == network.count == 43
    assert (names[0], names[4], names[7], names[25], names[-1]) == ("W1[0,0]", "b1[0]", "W1[1,2]", "W2[0,0]", "b2[2]")
    with pytest.raises(IndexError):
        network.name_of(43)
