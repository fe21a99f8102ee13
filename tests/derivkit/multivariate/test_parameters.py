"""Derivatives by parameters as people have them: nested, named, in float32, of whole numbers."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import derivkit as dk
from derivkit.multivariate.structure import Structure

Layer = namedtuple("Layer", "weights bias")  # noqa: PYI024 -- as people write them
FIXED = {"formula": "central_4", "delta": 1e-2}
WEIGHTS = np.array([[0.5, -0.25, 0.75], [1.0, 0.125, -0.5]])
BIAS = np.array([0.25, -1.0])
KINDS: dict[str, Any] = {
    "matrix": WEIGHTS,
    "list of numbers": [0.5, -0.25],
    "dict": {"W": WEIGHTS, "b": BIAS, "scale": 0.5},
    "list of arrays": [WEIGHTS, BIAS],
    "nested": {"layers": [(WEIGHTS, BIAS), (BIAS, 2.0)], "scale": 0.5},
    "named tuple": Layer(WEIGHTS, BIAS),
    "series": pd.Series([0.5, -0.25], index=["mass", "k"]),
    "frame": pd.DataFrame({"u": [0.5, 1.0], "v": [0.25, -1.0]}),
    "dict of a series": {"p": pd.Series([0.5, -0.25], index=["mass", "k"]), "scale": 2.0},
    "number": 0.5,
    "array without axes": np.array(0.5),
    "dict of numbers": {"a": 0.5, "b": -0.25},
}
SEARCH_OR_FORMULA = pytest.mark.parametrize("how", [{}, FIXED], ids=["search", "formula"])
EVERY_KIND = pytest.mark.parametrize("x", KINDS.values(), ids=KINDS)


def flat(tree: Any) -> Any:
    """The numbers of a nesting, as it is read aloud."""
    if isinstance(tree, dict):
        return np.concatenate([flat(part) for part in tree.values()])
    if isinstance(tree, list | tuple) and not all(isinstance(part, float | str) for part in tree):
        return np.concatenate([flat(part) for part in tree])
    return np.ravel(tree)


def energy(x: Any) -> Any:
    """Its slopes are cos(v) and its curvatures -sin(v)."""
    return np.sum(np.sin(flat(x)))


def mirrored(tree: Any, x: Any) -> bool:
    """Whether a result has the nesting, the shapes and the labels of x."""
    if isinstance(x, dict):
        return list(tree) == list(x) and all(mirrored(tree[key], x[key]) for key in x)
    if isinstance(x, pd.Series | pd.DataFrame):
        return type(tree) is type(x) and all(map(np.array_equal, tree.axes, x.axes))
    if isinstance(x, tuple) or (isinstance(x, list) and not isinstance(x[0], float)):
        return type(tree) is type(x) and all(map(mirrored, tree, x))
    return np.shape(tree) == np.shape(x)


@EVERY_KIND
@SEARCH_OR_FORMULA
def test_a_gradient_has_the_structure_of_x_in_all_of_its_fields(x: Any, how: Any) -> None:
    found = dk.gradient(energy, x, **how)
    for name in ("value", "error", "status", "left", "right"):
        assert mirrored(getattr(found, name), x), name
    assert np.all(np.abs(flat(found.value) - np.cos(flat(x))) <= flat(found.error))
    assert set(flat(found.status)) == {"ok"}
    assert len(found.names) == flat(x).size


@EVERY_KIND
@SEARCH_OR_FORMULA
def test_a_partial_derivative_is_found_by_its_place(x: Any, how: Any) -> None:
    found = dk.partial(energy, x, -1, **how)
    assert abs(found.value - np.cos(flat(x)[-1])) <= found.error
    assert found.status is dk.Status.OK


@EVERY_KIND
@SEARCH_OR_FORMULA
def test_a_direction_has_the_structure_of_x(x: Any, how: Any) -> None:
    structure = Structure.of(x)
    v = np.linspace(1.0, 2.0, structure.size)
    found = dk.directional(energy, x, structure.shaped(v), **how)
    assert abs(found.value - np.cos(flat(x)) @ v) <= found.error


@EVERY_KIND
@SEARCH_OR_FORMULA
def test_a_jacobian_has_a_column_for_each_entry(x: Any, how: Any) -> None:
    found = dk.jacobian(lambda p: [energy(p), np.sum(flat(p) ** 2)], x, **how)
    truth = [np.cos(flat(x)), 2.0 * flat(x)]
    assert found.value.shape == (2, len(found.names))
    assert np.all(np.abs(found.value - truth) <= found.error)


@EVERY_KIND
@SEARCH_OR_FORMULA
def test_a_hessian_has_a_row_and_a_column_for_each_entry(x: Any, how: Any) -> None:
    found = dk.hessian(energy, x, **how)
    assert found.value.shape == (len(found.names),) * 2
    assert np.all(np.abs(found.value - np.diag(-np.sin(flat(x)))) <= found.error)


@EVERY_KIND
@SEARCH_OR_FORMULA
def test_f_is_given_what_x_is(x: Any, how: Any) -> None:
    def loss(p: Any) -> Any:
        assert mirrored(p, x)
        return energy(p)

    assert set(flat(dk.gradient(loss, x, vectorized=False, **how).status)) == {"ok"}


@SEARCH_OR_FORMULA
@settings(max_examples=30)
@given(
    values=st.lists(hnp.arrays(np.float64, hnp.array_shapes(max_dims=2, max_side=2), elements=st.floats(-2.0, 2.0)),
    min_size=1, max_size=3),
)  # fmt: skip
def test_a_nesting_changes_no_bit_and_no_count(how: Any, values: list[Any]) -> None:
    tree = {str(k): [value] for k, value in enumerate(values)}
    nested = dk.gradient(energy, tree, **how)
    vector = dk.gradient(energy, flat(tree), vectorized=False, **how)
    for name in ("value", "error", "left", "right"):
        np.testing.assert_array_equal(flat(getattr(nested, name)), getattr(vector, name))
    assert flat(nested.status).tolist() == vector.status.tolist()
    assert nested.evaluations == vector.evaluations


@SEARCH_OR_FORMULA
def test_a_sparse_jacobian_has_a_column_for_each_entry(how: Any) -> None:
    x = {"a": BIAS, "b": [0.5, 0.75]}
    found = dk.jacobian(lambda p: np.sin(flat(p)), x, sparsity=np.eye(4, dtype=bool), **how)
    assert np.all(np.abs(found.value - np.diag(np.cos(flat(x)))) <= found.error)
    assert found.names == ("x['a'][0]", "x['a'][1]", "x['b'][0]", "x['b'][1]")


X = {"W": WEIGHTS, "b": BIAS, "scale": 0.5}
PATHS: dict[str, tuple[Any, Any, float]] = {
    "path": (X, ("W", 1, 2), -0.5),
    "name of a number": (X, "scale", 0.5),
    "label": (KINDS["series"], "k", -0.25),
    "field": (KINDS["named tuple"], ("bias", 1), -1.0),
    "indices": (WEIGHTS, (0, -1), 0.75),
}


@pytest.mark.parametrize(("x", "index", "entry"), PATHS.values(), ids=PATHS)
@SEARCH_OR_FORMULA
def test_a_partial_derivative_is_found_by_its_path(x: Any, index: Any, entry: float, how: Any) -> None:
    found = dk.partial(energy, x, index, **how)
    assert abs(found.value - np.cos(entry)) <= found.error


def test_a_box_a_scale_and_a_delta_have_the_structure_or_a_number_for_each_array_or_one_for_all() -> None:
    each = {"W": np.full((2, 3), 0.5), "b": [0.5, 0.5], "scale": 0.5}
    alike = [each, {"W": 0.5, "b": 0.5, "scale": 0.5}, 0.5]
    values = [flat(dk.gradient(energy, X, scale=scale).value).tolist() for scale in alike]
    assert values[0] == values[1] == values[2]
    values = [flat(dk.gradient(energy, X, formula="central_2", delta=delta).value).tolist() for delta in alike]
    assert values[0] == values[1] == values[2]
    least = {"W": -1.0, "b": BIAS, "scale": 0.0}

    def within(p: Any) -> Any:
        assert np.all(p["W"] >= -1.0)
        assert np.all(p["b"] >= BIAS)
        return energy(p)

    found = dk.gradient(within, X, domain=(least, None))
    assert np.all(np.abs(flat(found.value) - np.cos(flat(X))) <= flat(found.error))
    assert not found.raised


def test_labels_join_a_scale_and_a_direction_to_their_entries() -> None:
    x = KINDS["series"]
    other = pd.Series([1.0, 2.0], index=["k", "mass"])
    for call in (
        lambda: dk.directional(energy, x, other),
        lambda: dk.gradient(energy, x, scale=other),
        lambda: dk.gradient(energy, x, domain=(-other, None)),
    ):
        with pytest.raises(ValueError, match=r"has the labels 'k', 'mass' and x has 'mass', 'k'"):
            call()


@SEARCH_OR_FORMULA
def test_messages_name_the_entry_of_a_nesting(how: Any) -> None:
    def kinked(p: Any) -> Any:
        return np.abs(p["a"]) + np.sum(p["b"])

    x = {"a": 0.0, "b": np.ones(2)}
    found = dk.gradient(kinked, x, **how)
    assert found.status["a"] == "kink"
    assert (found.left["a"], found.right["a"]) == pytest.approx((-1.0, 1.0))
    assert found.names == ("x['a']", "x['b'][0]", "x['b'][1]")
    assert "x['a'] and x['a']: f has a kink" in dk.hessian(kinked, x).message
    wide = dk.jacobian(lambda p: [np.sum(p["b"]), kinked(p)], x)
    assert "the first value 1 by x['a']: f has a kink" in wide.message
    if not how:
        assert found.message.startswith("1 of 3 kink, the first x['a']: f has a kink: its slope is -1 on the left")


@SEARCH_OR_FORMULA
def test_whole_numbers_are_converted_and_that_is_said(how: Any) -> None:
    x = {"n": np.array([1, 2]), "w": np.ones(1)}
    found = dk.gradient(energy, x, **how)
    assert found.message.endswith(" x['n'] is given to f in float64, not in int64.")
    assert dk.gradient(energy, np.array([1, 2]), **how).message.endswith("x is given to f in float64, not in int64.")
    assert "float64" not in dk.gradient(energy, [1, 2], **how).message


@SEARCH_OR_FORMULA
def test_float32_parameters_are_given_to_f_as_such_and_the_bars_hold(how: Any) -> None:
    def narrow(p: Any) -> Any:
        assert p["w"].dtype == np.float32
        return np.sum(np.sin(p["w"])) + np.float32(p["s"] ** 2)

    x = {"w": np.linspace(0.2, 1.3, 7, dtype=np.float32), "s": 0.3}
    found = dk.gradient(narrow, x, **how)
    assert found.float32
    truth = np.append(np.cos(x["w"].astype(float)), 0.6)
    assert np.all(np.abs(flat(found.value) - truth) <= flat(found.error))
    assert np.all(flat(found.error) < 0.02)
    assert found.message.endswith("x['w'] is given to f in float32: derivatives have more digits where it is float64.")


def test_of_float32_parameters_an_f_that_computes_in_float64_has_the_bars_of_float64() -> None:
    x = {"w": np.linspace(0.2, 1.3, 7, dtype=np.float32), "b": np.array([0.1, -0.7])}
    for found, truth in (
        (dk.gradient(lambda p: energy({k: v.astype(float) for k, v in p.items()}), x), np.cos(flat(x).astype(float))),
        (
            dk.jacobian(lambda p: np.exp(flat(p)[:2].astype(float)), x),
            np.eye(2, 9) * np.exp(flat(x)[:2, None].astype(float)),
        ),
    ):
        assert np.all(np.abs(flat(found.value) - flat(truth)) <= flat(found.error))
        assert np.all(flat(found.error) < 1e-9)
        assert not found.float32


@pytest.mark.parametrize("a", [1.0, 2.0, 1.9])
def test_no_curvature_is_lost_between_the_numbers_of_float32(a: float) -> None:
    found = dk.hessian(lambda p: p["a"] ** 2 + np.sum(p["b"] ** 2), {"a": np.float32(a), "b": np.ones(2, np.float32)})
    assert np.all(np.abs(found.value - 2.0 * np.eye(3)) <= found.error)
    assert np.all(found.error < 0.1)


@SEARCH_OR_FORMULA
@pytest.mark.parametrize("x", [np.float32(0.5), np.array(0.5, dtype=np.float32)], ids=["number", "array without axes"])
def test_a_number_of_float32_is_given_to_f_as_such(x: Any, how: Any) -> None:
    def narrow(v: Any) -> Any:
        assert v.dtype == np.float32
        return np.sin(v)

    found = dk.gradient(narrow, x, **how)
    assert type(found.value) is float
    assert abs(found.value - np.cos(0.5)) <= found.error < 1e-3


def test_the_step_that_float32_takes_is_the_one_that_is_divided_by() -> None:
    x = np.array([0.3, 1.7], dtype=np.float32)
    found = dk.gradient(lambda p: np.sum(p.astype(float)), x, formula="central_2", delta=1e-6)
    np.testing.assert_allclose(found.value, [1.0, 1.0], rtol=1e-9)
    gone = dk.gradient(lambda p: np.sum(p.astype(float)), x, formula="central_2", delta=1e-9)
    assert gone.status.tolist() == ["step_vanished"] * 2


REFUSED: dict[str, tuple[Any, str]] = {
    "a scale of another structure": (
        lambda: dk.gradient(energy, X, scale={"W": 1.0, "b": 1.0}), "scale['scale'] is missing; x['scale'] is a number"
    ),
    "a direction of another structure": (
        lambda: dk.directional(energy, X, np.ones(9)), "direction is no dict; write one with the keys of x: 'W', 'b',"
    ),
    "an index that is not there": (lambda: dk.partial(energy, X, ("W", 2, 0)), "x['W'] of shape (2, 3) has no entry"),
    "outside the box": (
        lambda: dk.gradient(energy, X, domain=({"W": 0.0, "b": -9.0, "scale": 0.0}, None)),
        "x['W'][0, 1] = -0.25 lies outside the domain [0, inf]",
    ),
    "a negative scale": (lambda: dk.gradient(energy, X, scale={"W": -1.0, "b": 1.0, "scale": 1.0}), "scale must be"),
    "texts": (lambda: dk.gradient(energy, {"W": ["a", "b"]}), "x['W']=['a', 'b']: give a real number, or an array"),
    "one text": (lambda: dk.jacobian(energy, "weights"), "x='weights': give a real number, or an array of them"),
    "NaN": (lambda: dk.gradient(energy, {"W": [1.0, np.nan]}), "x['W'][1] is nan; the entries of x must be finite"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "line"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_in_one_line(call: Any, line: str) -> None:
    with pytest.raises((TypeError, ValueError)) as refusal:
        call()
    assert str(refusal.value).startswith(line)
    assert "\n" not in str(refusal.value)


def test_an_end_of_the_domain_may_be_missing_for_one_entry() -> None:
    x = {"a": np.array([0.5, 0.0]), "b": -1.0}
    found = dk.gradient(
        lambda p: np.sum(np.sqrt(p["a"]) * [1.0, 0.0] + p["a"]) + p["b"],
        x,
        domain=({"a": [0.0, None], "b": None}, {"a": None, "b": 3.0}),
    )
    assert [*found.status["a"], found.status["b"]] == ["ok", "one_sided", "ok"]


def test_a_result_shows_what_one_reads_first_and_no_more() -> None:
    text = repr(dk.jacobian(np.sin, np.linspace(0.0, 1.0, 40)))
    assert [line.split(":")[0].strip() for line in text.split("\n") if line[:11].strip()] == [
        "value", "error", "status", "evaluations",
    ]  # fmt: skip
    assert len(text) < 4000


def test_a_label_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(ValueError, match=r"x has no label 'z'; it has 'a', 'b'"):
        dk.partial(lambda s: s["a"] * s["b"], pd.Series({"a": 1.0, "b": 2.0}), "z")
