"""A check agrees only where a wrong gradient would have been noticed, in all of it and in every array."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import derivkit as dk

Array = np.ndarray
HALF = np.r_[np.zeros(50), np.ones(50)]
FEW = np.r_[np.zeros(20), np.ones(60)]


def edge(x: Array) -> Any:
    """A sum that is defined up to 1 in the first variable."""
    return np.sum(x**3) if x[0] <= 1.0 else np.nan


def at_kinks(x: Array) -> Any:
    return np.sum(np.abs(x)) + x @ x


def subgradient(x: Array) -> Array:
    return np.sign(x) + 2.0 * x


@pytest.mark.parametrize("n", [5, 40])
@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "agree"), (-1.0, "disagree")])
def test_the_edge_of_a_domain_hides_no_error(n: int, factor: float, verdict: str) -> None:
    x = np.ones(n)
    assert dk.check_gradient(edge, 3.0 * factor * x, x).verdict == verdict
    assert dk.check_hessian(edge, 6.0 * factor * np.eye(n), x, locate=False).verdict == verdict


@pytest.mark.parametrize("x", [HALF, FEW], ids=["half", "few"])
@pytest.mark.parametrize("factor", [-1.0, 0.0])
def test_kinks_in_some_entries_of_an_array_hide_no_error_in_the_others(x: Array, factor: float) -> None:
    assert dk.check_gradient(at_kinks, factor * subgradient(x), x, locate=False).verdict == "disagree"


def test_few_entries_at_kinks_are_measured_one_by_one() -> None:
    right = subgradient(FEW)
    check = dk.check_gradient(at_kinks, right, FEW)
    assert check.verdict == "agree"
    assert check.detectable < 1e-6 * check.norm
    assert "20 partial derivatives" in check.message
    wrong = right + 1.5 * np.eye(1, 80, 3)[0]
    check = dk.check_gradient(at_kinks, wrong, FEW)
    assert [suspect.name for suspect in check.suspects] == ["x[3]"]


@pytest.mark.parametrize("claim", [0.0, 1.0])
def test_kinks_in_all_entries_of_an_array_leave_it_unresolved(claim: float) -> None:
    check = dk.check_gradient(lambda p: np.sum(np.abs(p)), np.full(100, claim), np.zeros(100))
    assert check.verdict == "unresolved"
    assert "only an error of" in check.message
    assert "give it as a function" in check.message
    with pytest.raises(AssertionError, match=r"^unresolved"):
        dk.assert_gradient(lambda p: np.sum(np.abs(p)), np.full(100, claim), np.zeros(100))


def test_an_error_as_large_as_the_gradient_that_noise_hides_leaves_it_unresolved() -> None:
    x = np.linspace(-1.0, 1.0, 20)
    check = dk.check_gradient(lambda p: 1e16 + np.sum(np.sin(p)), np.cos(x), x)
    assert check.verdict == "unresolved"


# Arrays of unlike size


def decay(p: dict[str, Array]) -> Any:
    return np.sum(np.exp(-p["R"] * p["C"] * 1e6))


def circuit(n: int) -> tuple[dict[str, Array], dict[str, Array]]:
    x = {"R": np.full(n, 1e6), "C": np.full(n, 1e-12)}
    return x, {"R": np.full(n, -1e-6 / np.e), "C": np.full(n, -1e12 / np.e)}


@pytest.mark.parametrize("n", [4, 40])
@pytest.mark.parametrize("name", ["R", "C"])
def test_a_wrong_array_is_seen_whatever_its_unit(n: int, name: str) -> None:
    x, gradient = circuit(n)
    check = dk.check_gradient(decay, gradient, x)
    assert check.verdict == "agree"
    assert check.detectable < 1e-9 * check.norm
    gradient[name] *= -1.0
    check = dk.check_gradient(decay, gradient, x)
    assert (check.verdict, check.kind, check.place) == ("disagree", "sign", f"x['{name}']")


@pytest.mark.parametrize("name", ["R", "C"])
def test_an_array_that_is_missing_is_seen_whatever_its_unit(name: str) -> None:
    x, gradient = circuit(40)
    x["R"] *= np.linspace(0.5, 1.5, 40)
    decayed = np.exp(-1e6 * x["R"] * x["C"])
    gradient = {"R": -1e6 * x["C"] * decayed, "C": -1e6 * x["R"] * decayed}
    assert dk.check_gradient(decay, gradient, x).verdict == "agree"
    gradient[name] *= 0.0
    check = dk.check_gradient(decay, gradient, x)
    assert (check.verdict, check.kind, check.place) == ("disagree", "missing", f"x['{name}']")


def test_biases_that_are_small_by_chance_count_as_others_do_in_float32() -> None:
    random = np.random.default_rng(0)
    x = {"W": random.standard_normal(100), "b": 1e-5 * random.standard_normal(100)}
    gradient = {name: np.cos(array) for name, array in x.items()}
    check = dk.check_gradient(lambda p: np.float32(sum(np.sum(np.sin(a)) for a in p.values())), gradient, x)
    assert check.verdict == "agree"


def test_a_wrong_entry_is_located_in_arrays_of_unlike_size() -> None:
    x, gradient = circuit(40)
    gradient["R"][7] *= 1.01
    check = dk.check_gradient(decay, gradient, x)
    assert [suspect.name for suspect in check.suspects] == ["x['R'][7]"]
    assert check.suspects[0].numeric == pytest.approx(-1e-6 / np.e, rel=1e-9)


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "agree"), (-1.0, "disagree")])
def test_a_hessian_counts_every_array(factor: float, verdict: str) -> None:
    x, _ = circuit(40)
    diagonal = np.r_[np.full(40, factor * 1e-12), np.full(40, 1e24)] / np.e
    assert dk.check_hessian(decay, np.diag(diagonal), x, locate=False).verdict == verdict


def test_an_array_that_the_noise_of_f_hides_is_named() -> None:
    x = {"W": np.linspace(-1.0, 1.0, 100), "b": np.linspace(0.1, 0.9, 100)}
    gradient = {"W": 1e3 * np.cos(x["W"]), "b": 1e-7 * np.cos(x["b"])}

    def f(p: dict[str, Array]) -> Any:
        return 1e6 + 1e3 * np.sum(np.sin(p["W"])) + 1e-7 * np.sum(np.sin(p["b"]))

    check = dk.check_gradient(f, gradient, x)
    assert check.verdict == "unresolved"
    assert "the claim in x['b'] has the size" in check.message


# What is not measured, and what is no noise


@pytest.mark.parametrize(("f", "status"), [(np.cbrt, "vertical"), (lambda t: 1.0 * (t >= 0), "jump")])
def test_an_entry_without_a_slope_is_named(f: Any, status: str) -> None:
    check = dk.check_gradient(lambda p: f(p[0]) + np.sum(p[1:]), np.ones(3), [0.0, 1.0, 2.0])
    assert check.verdict == "unresolved"
    assert f"no slope was measured at x[0] ({status})" in check.message
    assert "noise" not in check.message


def test_an_entry_without_a_slope_is_not_among_those_that_agree() -> None:
    check = dk.check_jacobian(lambda p: np.array([np.cbrt(p[0]), p[1] ** 2]), [[-5.0, 0.0], [0.0, 3.0]], [0.0, 1.0])
    assert check.verdict == "disagree"
    assert "no slope was measured at f[0] by x[0] (vertical), all others agree" in check.message


def test_zeros_and_kinks_of_exact_values_are_no_noise() -> None:
    x = np.r_[0.0, 0.0, 1.0, -1.0]
    check = dk.check_jacobian(lambda p: np.maximum(p, 0.0), lambda p: np.diag((p > 0) * 1.0), x)
    assert check.verdict == "agree"
    assert "noise" not in check.message
    x = np.linspace(0.1, 1.0, 20)
    assert dk.check_hessian(np.sum, np.zeros((20, 20)), x).verdict == "agree"


@pytest.mark.parametrize("n", [60, 300])
@pytest.mark.parametrize("part", [0.0, 0.5])
def test_a_jacobian_costs_as_much_however_many_values_f_gives(n: int, part: float) -> None:
    x = np.where(np.arange(n) < part * n, 0.0, 1.0)
    check = dk.check_jacobian(lambda p: np.maximum(p, 0.0), lambda p: np.diag((p > 0) * 1.0), x)
    assert check.verdict == "agree"
    assert check.detectable < 1e-6 * check.norm
    assert check.evaluations < 1000


@pytest.mark.parametrize("n", [4, 100])
@pytest.mark.parametrize("share", [True, False])
def test_a_maximum_hands_its_slope_to_ties_once(n: int, share: bool) -> None:  # noqa: FBT001
    def gradient(x: Array) -> Array:
        largest = 1.0 * (x == x.max())
        return largest / np.sum(largest) if share else largest

    check = dk.check_gradient(lambda x: x.max(), gradient, np.zeros(n))
    assert check.verdict == ("agree" if share else "disagree")
    assert share or f"has the slope 1 ± 0, and the gradient gives {n}" in re.sub(r"± \S+,", "± 0,", check.message)


def test_a_claim_that_is_no_number_stands_beside_the_slopes_of_the_sides() -> None:
    check = dk.check_gradient(np.linalg.norm, lambda x: x * np.nan, np.zeros(3))
    assert check.message.startswith("disagree: the gradient is nan at x[0], measured 0 ± 1;")
    check = dk.check_gradient(lambda p: p**p, lambda p: -np.inf, 0.0)
    assert "and f has no finite slope there" in check.message


# Answers that change


def test_a_gradient_that_adds_to_an_earlier_one_is_refused() -> None:
    total = np.zeros(50)

    def accumulated(x: Array) -> Array:
        np.add(total, np.cos(x), out=total)
        return total

    with pytest.raises(ValueError, match=r"the gradient gives two answers at x, .*zero_grad"):
        dk.check_gradient(lambda x: np.sum(np.sin(x)), accumulated, np.linspace(0.0, 1.0, 50))


def test_a_gradient_may_differ_by_the_rounding_of_its_sums() -> None:
    random = np.random.default_rng(0)
    check = dk.check_gradient(
        lambda x: np.sum(np.sin(x)), lambda x: np.cos(x) * (1.0 + 1e-15 * random.random()), np.linspace(0.0, 1.0, 50)
    )
    assert check.verdict == "agree"


@pytest.mark.parametrize(("slope", "truth"), [(3.0, True), (4.0, False)])
def test_a_check_is_true_where_it_agrees(slope: float, truth: bool) -> None:  # noqa: FBT001
    assert bool(dk.check_gradient(lambda p: 3.0 * p[0], [slope], [2.0])) is truth
