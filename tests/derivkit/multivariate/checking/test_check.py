"""A gradient check finds what is wrong and nothing else, says by how much, and refuses what it cannot judge."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import derivkit as dk
from derivkit.testing.plants import LARGE_NETWORK, network_problem

Array = np.ndarray
NETWORKS = {name: dk.Network((6, 20, 10, 3), (name,)) for name in ("tanh", "relu")}


def task(name: str, seed: int, *, at_kinks: bool = False) -> tuple[Callable[[Array], float], Any, Array]:
    """Loss, gradient and parameters of a network; at kinks with biases of 0 and a sample of zeros."""
    random = np.random.default_rng(seed)
    network, inputs = NETWORKS[name], random.standard_normal((16, 6))
    inputs[3] *= not at_kinks
    samples = dk.Samples(inputs, random.integers(0, 3, 16))
    x = network.initial(seed=seed) + (not at_kinks) * 0.1 * random.standard_normal(network.count)
    return (lambda p: float(network.loss(p, samples))), (lambda p: network.backprop(p, samples)), x


class Counted:
    """A function that counts its calls."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self.f, self.calls = f, 0

    def __call__(self, x: Any) -> Any:
        self.calls += 1
        return self.f(x)


def planted(gradient: Array, place: int, size: float) -> Array:
    wrong = gradient.copy()
    wrong[place] += size * np.linalg.norm(gradient)
    return wrong


@pytest.mark.parametrize("at_kinks", [False, True], ids=["", "kinks"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_backprop_of_networks_agrees_also_at_kinks(name: str, *, at_kinks: bool) -> None:
    for seed in range(6):
        f, gradient, x = task(name, seed, at_kinks=at_kinks)
        check = dk.check_gradient(f, gradient, x, seed=seed)
        assert check.verdict == "agree", check.message
        assert check.detectable < 1e-6 * check.norm
        assert check.interval[0] == 0.0


@pytest.mark.parametrize("size", [1e-10, 1e-8, 1e-6, 1e-4])
def test_one_small_kink_at_x_is_no_mistake_of_the_gradient(size: float) -> None:
    for seed in range(3):
        random = np.random.default_rng(seed)
        weights, x = random.standard_normal((20, 300)) / 300**0.5, random.standard_normal(300)
        x[0] = 0.0
        claim = 2.0 * weights.T @ (np.tanh(weights @ x) / np.cosh(weights @ x) ** 2) + size * np.eye(300)[0]
        f = lambda p, w=weights: float(np.sum(np.tanh(w @ p) ** 2) + size * abs(p[0]))  # noqa: E731 -- of this seed
        assert dk.check_gradient(f, claim, x, seed=seed).verdict == "agree"


@pytest.mark.parametrize(("activation", "most"), [("tanh", 90), ("relu", 150)])
def test_a_wrong_entry_of_a_large_network_is_located_with_few_calls(activation: str, most: int) -> None:
    problem = network_problem(activation, sizes=LARGE_NETWORK)
    x, g = problem.flat(problem.x), problem.flat(problem.gradient(problem.x))
    check = dk.check_gradient(lambda p: problem.loss(problem.unflat(p)), planted(g, 54_321, 1e-3), x)
    assert [suspect.index for suspect in check.suspects] == [54_321]
    assert check.evaluations <= most


@pytest.mark.parametrize("seed", range(5))
def test_an_array_at_kinks_agrees_as_far_as_the_sides_differ(seed: int) -> None:
    f, gradient, x = task("relu", seed, at_kinks=True)
    check = dk.check_gradient(f, gradient(x), x)
    assert check.verdict == "agree"
    assert "kinks" in check.message
    assert dk.check_gradient(f, 1e3 * gradient(x), x, locate=False).verdict == "disagree"


@pytest.mark.parametrize("size", [1.0, 1e-3, 1e-6])
@pytest.mark.parametrize("name", NETWORKS)
def test_one_wrong_entry_is_seen_and_located_with_its_size(name: str, size: float) -> None:
    for seed in range(3):
        f, gradient, x = task(name, seed)
        g = gradient(x)
        place = int(np.random.default_rng(seed).integers(g.size))
        counted = Counted(f)
        check = dk.check_gradient(counted, planted(g, place, size), x, seed=seed)
        assert check.verdict == "disagree"
        assert check.kind == "entry"
        assert [suspect.index for suspect in check.suspects] == [place]
        assert check.suspects[0].name == f"x[{place}]"
        assert check.error == pytest.approx(size * np.linalg.norm(g), rel=1e-3)
        assert check.interval[0] <= size * np.linalg.norm(g) <= check.interval[1]
        assert f"x[{place}] claims" in check.message
        assert check.evaluations == counted.calls


@pytest.mark.parametrize(
    ("mistake", "kind", "factor"),
    [
        (lambda g: 2.0 * g, "factor", 2.0),
        (lambda g: -g, "sign", -1.0),
        (lambda g: 1.001 * g, "factor", pytest.approx(1.001)),
        (lambda g: g[::-1].copy(), "order", None),
        (lambda g: np.where(g > 0, g, 0), "", None),
    ],
    ids=["factor", "sign", "slight", "order", "mask"],
)
def test_mistakes_of_many_entries_disagree_with_an_interval_of_their_size(
    mistake: Callable[[Array], Array], kind: str, factor: float | None
) -> None:
    f, gradient, x = task("tanh", 1)
    check = dk.check_gradient(f, lambda p: mistake(gradient(p)), x)
    assert check.verdict == "disagree"
    assert (check.kind, check.factor) == (kind, factor)
    assert check.evaluations < 1000
    low, high = check.interval
    assert low <= np.linalg.norm(mistake(gradient(x)) - gradient(x)) <= high


def test_two_wrong_entries_of_unlike_size_are_both_found() -> None:
    f, gradient, x = task("tanh", 2)
    g = gradient(x)
    check = dk.check_gradient(f, planted(planted(g, 200, 1e-2), 30, 1e-5), x)
    assert [suspect.index for suspect in check.suspects] == [200, 30]
    assert "all others agree" in check.message


def test_few_variables_are_checked_one_by_one_and_every_wrong_one_is_named() -> None:
    x = np.linspace(0.5, 1.5, 12)
    claim = 3.0 * x**2
    claim[[2, 5, 7]] *= [1.1, -1.0, 0.0]
    check = dk.check_gradient(lambda p: np.sum(p**3), claim, x)
    assert [suspect.index for suspect in check.suspects] == [5, 7, 2]
    assert check.suspects[0].numeric == pytest.approx(3.0 * x[5] ** 2, rel=1e-10)
    assert check.error == pytest.approx(np.linalg.norm(claim - 3.0 * x**2), rel=1e-9)


@pytest.mark.parametrize(("slope", "verdict"), [(-1, "agree"), (0.3, "agree"), (1, "agree"), (1.01, "disagree")])
def test_at_a_kink_a_claim_between_the_slopes_of_the_sides_agrees(slope: float, verdict: str) -> None:
    assert dk.check_gradient(lambda p: abs(p[0]) + p[1], [slope, 1.0], [0.0, 2.0]).verdict == verdict


def test_an_error_of_the_detectable_size_is_seen_in_nearly_all_trials() -> None:
    f, gradient, x = task("tanh", 3)
    g = gradient(x)
    random, seen = np.random.default_rng(0), 0
    for trial in range(40):
        size = dk.check_gradient(f, g, x, seed=trial, locate=False).detectable
        wrong = g.copy()
        wrong[random.integers(g.size)] += size
        seen += dk.check_gradient(f, wrong, x, seed=trial, locate=False).verdict == "disagree"
    assert seen >= 39


def test_the_interval_covers_the_size_of_an_error_as_often_as_it_says() -> None:
    x = np.linspace(-1.0, 1.0, 100)
    covered = 0
    for seed in range(80):
        error = np.random.default_rng(seed).standard_normal(100)
        check = dk.check_gradient(lambda p: np.sum(p * x), x + error, x, seed=seed, locate=False)
        covered += check.interval[0] <= np.linalg.norm(error) <= check.interval[1]
    assert covered >= 69  # of 80; below in 1 of 1000 cases at 95 %


def test_values_of_float32_say_how_little_they_show() -> None:
    f, gradient, x = task("tanh", 4)
    check = dk.check_gradient(lambda p: np.float32(f(p)), gradient, x)
    assert check.verdict == "agree"
    assert "noise" in check.message
    assert 1e-5 < check.detectable / check.norm < 1.0


def test_a_gradient_of_float32_is_not_wrong_by_its_digits() -> None:
    f, gradient, x = task("tanh", 5)
    check = dk.check_gradient(f, gradient(x).astype(np.float32), x)
    assert check.verdict == "agree"
    assert "float32" in check.message
    assert dk.check_gradient(f, (1.001 * gradient(x)).astype(np.float32), x).verdict == "disagree"


def test_noise_larger_than_the_gradient_leaves_it_unresolved() -> None:
    x = np.linspace(-1.0, 1.0, 100)

    def f(p: Array) -> float:
        noise = np.random.default_rng(list(p.tobytes())).standard_normal()
        return 1e3 + 1e-3 * float(np.sum(np.sin(p)) + noise)

    check = dk.check_gradient(f, 1e-3 * np.cos(x), x)
    assert check.verdict == "unresolved"
    assert "noise" in check.message


def test_nan_in_the_claim_is_a_disagreement_that_names_the_entry() -> None:
    x = np.linspace(0.0, 1.0, 50)
    with np.errstate(invalid="ignore"):
        claim = np.where(x == 0.0, np.nan, np.cos(x))
    check = dk.check_gradient(lambda p: np.sum(np.sin(p)), claim, x)
    assert check.verdict == "disagree"
    assert "nan at x[0], measured 1" in check.message


def test_an_assertion_fails_with_the_message_of_the_check() -> None:
    f, gradient, x = task("tanh", 6)
    dk.assert_gradient(f, gradient, x)
    with pytest.raises(AssertionError, match=r"^disagree: x\[3\] claims .* all others agree"):
        dk.assert_gradient(f, planted(gradient(x), 3, 1e-4), x)


def test_a_check_is_the_same_in_every_run() -> None:
    f, gradient, x = task("relu", 7)
    first, again = (dk.check_gradient(f, gradient, x, seed=5) for _ in range(2))
    assert first.measured.tobytes() == again.measured.tobytes()
    assert first.message == again.message


# Jacobians


def test_the_jacobian_of_several_values_is_checked_by_the_same_calls() -> None:
    weights = np.random.default_rng(0).standard_normal((5, 80))
    x = np.linspace(-1.0, 1.0, 80)
    f = Counted(lambda p: np.tanh(weights @ p))
    jacobian = (1.0 - np.tanh(weights @ x) ** 2)[:, None] * weights
    check = dk.check_jacobian(f, jacobian, x)
    assert check.verdict == "agree"
    assert check.evaluations == f.calls < 300
    jacobian[2, 17] += 1e-6
    check = dk.check_jacobian(f, jacobian, x)
    assert check.suspects[0].index == 2 * 80 + 17
    assert check.suspects[0].name == "f[2] by x[17]"
    assert len(check.suspects) == 1


def test_a_jacobian_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(3, 2\), and that of f at x has \(2, 3\); it is transposed"):
        dk.check_jacobian(lambda p: p[:2], np.zeros((3, 2)), np.ones(3))


# Hessians


def curved(n: int) -> tuple[Callable[[Array], float], Array, Array]:
    """A function, its Hessian and a point."""
    a = np.random.default_rng(0).standard_normal((n, n)) / n**0.5
    x = np.linspace(-1.0, 1.0, n)
    return (lambda p: float(p @ a @ p + np.sum(np.sin(p)))), a + a.T - np.diag(np.sin(x)), x


@pytest.mark.parametrize("n", [3, 40])
def test_a_hessian_agrees_and_a_wrong_pair_of_entries_is_found(n: int) -> None:
    f, hessian, x = curved(n)
    counted = Counted(f)
    check = dk.check_hessian(counted, hessian, x)
    assert check.verdict == "agree"
    assert check.evaluations == counted.calls
    hessian[1, 2] += 1e-3
    hessian[2, 1] += 1e-3
    check = dk.check_hessian(f, hessian, x)
    assert check.verdict == "disagree"
    assert {suspect.index for suspect in check.suspects} <= {n + 2, 2 * n + 1}
    assert check.suspects


def test_a_hessian_that_is_not_symmetric_names_the_half_that_is_wrong() -> None:
    f, hessian, x = curved(40)
    hessian[7, 3] += 0.1
    assert [suspect.name for suspect in dk.check_hessian(f, hessian, x).suspects] == ["x[7], x[3]"]


# What cannot be judged


def dropout() -> Callable[[Array], float]:
    random = np.random.default_rng(0)
    return lambda p: float(np.sum(p * random.integers(0, 2, p.size)))


@pytest.mark.parametrize(
    ("f", "gradient", "x", "fault"),
    [
        (np.sum, np.ones(3), np.ones(4), r"shape"),
        (np.sin, np.ones(3), np.ones(3), r"f gives 3 values where a loss is one number"),
        (lambda p: math.nan, np.ones(3), np.ones(3), r"f is nan at x"),
        (lambda p: 1 / 0, np.ones(3), np.ones(3), r"f raises ZeroDivisionError: division by zero; .* as f\(x\)"),
        (np.sum, lambda p: {}["W3"], np.ones(3), r"the gradient raises KeyError: 'W3'; .* as gradient\(x\)"),
        (
            lambda p: np.sum(p) if p[0] == 1.0 else p,
            np.ones(40),
            np.ones(40),
            r"f gives 40 values beside x, and 1 at x",
        ),
        (dropout(), np.ones(99), np.ones(99), r"two answers at x.*model\.eval\(\)"),
        (np.sum, np.ones(0), np.ones(0), r"x has no entries"),
        (np.sum, np.ones(2), [1.0, math.nan], r"x\[1\] is nan"),
    ],
    ids=["shape", "vector", "nan", "raises", "gradient", "width", "dropout", "empty", "x"],
)
def test_bad_input_is_refused_in_one_clear_line(f: Any, gradient: Any, x: Any, fault: str) -> None:
    with pytest.raises(ValueError, match=fault) as caught:
        dk.check_gradient(f, gradient, x)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("f", "x", "fault"),
    [(None, [1.0], "f must be callable"), (np.sum, ["a"], "x="), (lambda p: "much", [1.0], "f gives the text 'much'")],
)
def test_what_is_no_function_or_no_number_is_refused(f: Any, x: Any, fault: str) -> None:
    with pytest.raises(TypeError, match=fault):
        dk.check_gradient(f, [1.0], x)


@pytest.mark.parametrize(("beside", "words"), [(lambda: math.nan, "f is nan"), (lambda: 1 / 0, "f raises ZeroDiv")])
@pytest.mark.parametrize("n", [3, 200])
def test_an_f_without_values_beside_x_is_unresolved_and_no_mistake(
    n: int, beside: Callable[[], float], words: str
) -> None:
    x = np.linspace(0.5, 1.5, n)
    check = dk.check_gradient(lambda p: np.sum(np.sin(p)) if np.array_equal(p, x) else beside(), np.cos, x)
    assert check.verdict == "unresolved"
    assert f"{words}" in check.message
    assert "beside x, so that no slope could be measured" in check.message


def test_few_variables_cost_what_their_gradient_costs() -> None:
    f, x = Counted(lambda p: np.sum(np.sin(p)) ** 2), np.linspace(0.5, 1.5, 24)
    check = dk.check_gradient(f, 2.0 * np.sum(np.sin(x)) * np.cos(x), x)
    assert check.verdict == "agree"
    assert check.evaluations == f.calls <= dk.gradient(f.f, x).evaluations + 2  # f(x) before it and after it


@pytest.mark.parametrize("directions", [0, -1, 2.5, True])
def test_directions_are_a_positive_number(directions: Any) -> None:
    with pytest.raises(ValueError, match="directions="):
        dk.check_gradient(np.sum, np.ones(3), np.ones(3), directions=directions)


@pytest.mark.parametrize("size", [1.0, 1e-3])
def test_an_antisymmetric_error_of_a_hessian_which_no_product_shows_has_its_size(size: float) -> None:
    x = np.linspace(0.2, 1.0, 20)
    wrong = np.diag(x)
    wrong[0, 2], wrong[2, 0] = size, -size
    check = dk.check_hessian(lambda p: np.sum(p**3) / 6.0, wrong, x)
    assert (check.verdict, check.kind) == ("disagree", "asymmetric")
    assert check.error == pytest.approx(size * np.sqrt(2.0))
    assert check.interval[0] <= check.error * (1.0 + 1e-12)
    assert "not symmetric" in check.message


@pytest.mark.parametrize("size", [1e290, 1e200, 1e-290])
def test_no_loss_is_so_large_or_small_that_its_check_warns(size: float) -> None:
    found = dk.check_gradient(lambda p: size * float(np.sum(p**2)), lambda p: 2.0 * size * p, np.ones(4))
    assert found.verdict in {"agree", "unresolved"}
