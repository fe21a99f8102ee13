"""The message of a check says what is wrong, where, and what to look for, and blames nothing that it does not know."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

import numpy as np
import pytest

import derivkit as dk

Array = np.ndarray
Tree = dict[str, Array]


def classifier() -> tuple[Callable[[Tree], float], Tree, Tree]:
    """The loss of a softmax of one hidden layer, its gradient, and where."""
    random = np.random.default_rng(0)
    inputs, labels = random.standard_normal((12, 5)), random.integers(0, 3, 12)
    x = {"W": random.standard_normal((5, 8)), "b": random.standard_normal(8), "V": random.standard_normal((8, 3))}

    def loss(p: Tree) -> float:
        z = np.tanh(inputs @ p["W"] + p["b"]) @ p["V"]
        return float(np.mean(np.log(np.exp(z).sum(axis=1)) - z[np.arange(12), labels]))

    h = np.tanh(inputs @ x["W"] + x["b"])
    z = h @ x["V"]
    slope = (np.exp(z) / np.exp(z).sum(axis=1, keepdims=True) - np.eye(3)[labels]) / 12
    hidden = slope @ x["V"].T * (1.0 - h**2)
    return loss, {"W": inputs.T @ hidden, "b": hidden.sum(axis=0), "V": h.T @ slope}, x


LOSS, GRADIENT, X = classifier()


def message(change: Callable[[str, Array], Array]) -> str:
    """The message about the gradient after a change of its arrays."""
    check = dk.check_gradient(LOSS, {name: change(name, array) for name, array in GRADIENT.items()}, X)
    assert check.verdict == "disagree"
    return check.message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda _, g: np.clip(g, -0.02, 0.02),
            r"claim 0\.02 or -0\.02, and no entry is larger: look for clipping",
        ),
        (lambda _, g: g.astype(np.float16), r"no more digits than float16"),
        (lambda name, g: g + 1e-4 * np.cos(g) if name != "b" else g + 1e-4, r"an error so slight may be .* an eps"),
        (lambda _, g: np.abs(g) + 1.0, r"every array.*look at what all entries need, such as the slope of the loss"),
        (
            lambda _, g: 0.0 * g,
            r"^disagree: the claim is 0 in the whole gradient, but f changes there: .* 1\.\d\)\.$",
        ),
        (lambda name, g: 0.0 * g if name == "W" else g, r"the claim is 0 in x\['W'\], but f changes there; the"),
        (lambda name, g: np.sin(g) + 1.0 if name == "V" else g, r"error is in x\['V'\] alone.*the product or the sum"),
    ],
    ids=["clipped", "float16", "slight", "everywhere", "zero", "missing", "alone"],
)
def test_an_error_of_many_entries_says_what_to_look_for(change: Callable[[str, Array], Array], words: str) -> None:
    assert re.search(words, message(change)), message(change)


@pytest.mark.parametrize(("claimed", "kind"), [([0.0, 0.0, 0.0], "missing"), ([2.0, 0.13, 0.002], "layer")])
def test_all_entries_of_a_small_array_are_named_as_that_array(claimed: list[float], kind: str) -> None:
    true = np.array([1.0, 0.03, 0.001])
    x = {"W": np.linspace(0.1, 0.9, 60).reshape(3, 20), "b": np.array([0.3, -0.2, 0.7])}
    gradient = {"W": np.cos(x["W"]), "b": np.array(claimed)}
    check = dk.check_gradient(lambda p: np.sum(np.sin(p["W"])) + true @ p["b"], gradient, x)
    assert (check.kind, check.place) == (kind, "x['b']")
    assert sorted(suspect.index for suspect in check.suspects) == [60, 61, 62]
    assert "3 of 63 partial derivatives wrong" in check.message


def test_an_f_that_does_not_use_its_argument_is_told_so() -> None:
    x = np.linspace(0.1, 0.9, 50)
    assert "all slopes of f at x are 0, as at a minimum; if this is none, look if f uses x" in (
        dk.check_gradient(lambda _: float(np.sum(np.sin(x))), np.cos, x).message
    )


def test_an_array_at_kinks_is_asked_for_as_a_function_and_noise_is_not_blamed() -> None:
    x = np.where(np.arange(100) < 50, 0.0, 1.0)
    check = dk.check_gradient(lambda p: float(np.abs(p).sum()), np.ones(100), x)
    assert "give it as a function" in check.message
    assert "noise" not in check.message


def test_a_claim_between_the_slopes_of_a_kink_is_said_to_be_one() -> None:
    check = dk.check_gradient(
        lambda w: np.sum(np.maximum(w, 0.0)), np.array([0.37, 1.0, 0.9]), np.array([0.0, 1.0, 0.0])
    )
    assert check.verdict == "agree"
    assert (
        "f has a kink at x along 2 entries, where any claim between the slopes of the two sides agrees" in check.message
    )


class Recorded:
    """A number as torch keeps one whose record it takes."""

    requires_grad = True


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (
            lambda: dk.check_gradient(lambda _: Recorded(), np.ones(2), np.ones(2)),
            "write loss.item(), or take dk.torch_",
        ),
        (lambda: dk.check_jacobian(lambda _: [], np.ones((0, 2)), np.ones(2)), "f gives no values at x"),
        (lambda: dk.check_gradient(np.sum, np.ones(2), np.ones(2), locate="no"), "locate='no': write True or False"),
    ],
    ids=["torch", "nothing", "locate"],
)
def test_what_cannot_be_checked_is_refused_with_what_to_write(call: Callable[[], object], line: str) -> None:
    with pytest.raises((TypeError, ValueError), match=re.escape(line)):
        call()


def test_two_answers_are_shown_alike() -> None:
    answers = itertools.cycle([1.35, np.array([1.17])])
    with pytest.raises(ValueError, match=re.escape("two answers at x, 1.35 and 1.17")):
        dk.check_gradient(lambda _: next(answers), np.zeros(40), np.ones(40))


def test_few_wrong_entries_of_several_arrays_are_named() -> None:
    x = {"W": np.linspace(0.1, 0.9, 20).reshape(4, 5), "b": np.linspace(0.2, 0.8, 5)}
    wrong = {name: np.cos(array) for name, array in x.items()}
    wrong["W"][1, 2] += 0.5
    wrong["W"][3, 0] -= 0.25
    wrong["b"][4] += 0.1
    message = dk.check_gradient(lambda p: sum(np.sum(np.sin(array)) for array in p.values()), wrong, x).message
    assert all(f"x{entry} claims" in message for entry in ("['W'][1, 2]", "['W'][3, 0]", "['b'][4]"))


MATRIX = np.random.default_rng(0).standard_normal((40, 40))
POINT = np.linspace(-0.1, 0.1, 40)
JACOBIAN = (1.0 - np.tanh(MATRIX @ POINT) ** 2)[:, None] * MATRIX
HESSIAN = MATRIX.T @ (np.exp(MATRIX @ POINT)[:, None] * MATRIX)


@pytest.mark.parametrize(
    ("claim", "kind", "words"),
    [
        (-JACOBIAN, "sign", "-1 times the true Jacobian: look for a sign"),
        (2.0 * JACOBIAN, "factor", "2 times the true Jacobian"),
        (JACOBIAN.T, "transposed", "the Jacobian is transposed"),
        (np.roll(JACOBIAN, 1, 0), "order", "the Jacobian (shifted by 1 along axis 0)"),
        (JACOBIAN * (np.arange(40) != 3)[:, None], "mask", "the claim is 0 in row 3 of the Jacobian, but f changes"),
        (np.tril(JACOBIAN), "", "the claim is 0 above the diagonal, look if a part of the matrix alone is filled"),
    ],
    ids=["sign", "factor", "transposed", "rolled", "zero row", "triangle"],
)
def test_the_kind_of_a_mistake_in_a_jacobian_is_named(claim: Array, kind: str, words: str) -> None:
    check = dk.check_jacobian(lambda x: np.tanh(MATRIX @ x), claim, POINT)
    assert (check.verdict, check.kind) == ("disagree", kind)
    assert words in check.message


@pytest.mark.parametrize(("factor", "kind"), [(-1.0, "sign"), (0.5, "factor")])
def test_the_kind_of_a_mistake_in_a_hessian_is_named(factor: float, kind: str) -> None:
    check = dk.check_hessian(lambda x: float(np.sum(np.exp(MATRIX @ x))), factor * HESSIAN, POINT)
    assert (check.verdict, check.kind) == ("disagree", kind)
    assert "times the true Hessian" in check.message
