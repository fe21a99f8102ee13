"""Parameters in nestings: there and back, their names, and what is refused."""

from __future__ import annotations

import itertools
import math
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from derivkit.multivariate.structure import Structure

Physics = namedtuple("Physics", "mass stiffness")  # noqa: PYI024 -- as people write them
FLOATS = st.floats(-1e6, 1e6, width=32)
ARRAYS = hnp.arrays(
    st.sampled_from([np.float64, np.float32]), hnp.array_shapes(min_dims=0, max_dims=3, max_side=3), elements=FLOATS
)
SERIES = st.builds(lambda values: pd.Series(values, index=[f"p{k}" for k in range(len(values))]), hnp.arrays(
    np.float64, hnp.array_shapes(max_dims=1, max_side=3), elements=FLOATS
))  # fmt: skip
KEYS = st.one_of(st.text(max_size=3), st.integers(0, 9))
VECTORS = hnp.arrays(np.float64, hnp.array_shapes(max_dims=2, max_side=3), elements=FLOATS)
TREES = st.recursive(
    st.one_of(ARRAYS, SERIES, FLOATS),
    lambda trees: st.one_of(
        st.tuples(VECTORS, trees).map(list),  # with an array in it a list is a nesting
        st.tuples(trees, VECTORS),
        st.dictionaries(KEYS, trees, min_size=1, max_size=3),
        st.builds(Physics, trees, trees),
    ),
    max_leaves=6,
)


@dataclass
class Fields:
    a: float


LAYERS = {"W1": np.arange(6.0).reshape(2, 3), "b1": np.ones(3), "scale": 2.0, "parts": [np.zeros(2), (np.ones(1),)]}


def _same(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, pd.Series):
        return a.equals(b)
    return bool(np.array_equal(a, b)) and getattr(a, "dtype", None) == getattr(b, "dtype", None)


@given(TREES)
def test_a_structure_comes_back_with_its_nesting_types_and_labels(x: Any) -> None:
    structure = Structure.of(x)
    again = structure.restore(structure.flat)
    assert _same(x, again)
    np.testing.assert_array_equal(structure.like(again, "g"), structure.flat)
    np.testing.assert_array_equal(structure.like(structure.shaped(structure.flat), "g"), structure.flat)


@given(TREES)
def test_the_name_of_an_entry_is_python_that_reads_it(x: Any) -> None:
    structure = Structure.of(x)
    for k in range(structure.size):
        assert eval(structure.name(k), {"x": x}) == structure.flat[k]


@given(TREES)
def test_blocks_lie_one_after_the_other_and_cover_the_vector(x: Any) -> None:
    structure = Structure.of(x)
    places = [place for _, place, _ in structure.blocks]
    assert (places[0].start, places[-1].stop) == (0, structure.size)
    assert all(before.stop == after.start for before, after in itertools.pairwise(places))
    assert all(place.stop - place.start == math.prod(shape) for _, place, shape in structure.blocks)


NAMES: dict[str, tuple[Any, int, str]] = {
    "dict": (LAYERS, 5, "x['W1'][1, 2]"),
    "number in a dict": (LAYERS, 9, "x['scale']"),
    "nested": (LAYERS, 12, "x['parts'][1][0][0]"),
    "vector": ([1.0, 2.0, 3.0], 2, "x[2]"),
    "number": (2.0, 0, "x"),
    "series": (pd.Series([1.0, 2.0], index=["mass", "k"]), 1, "x['k']"),
    "series of integers": (pd.Series([1.0, 2.0], index=[7, 9]), 1, "x[9]"),
    "series with a label twice": (pd.Series([1.0, 2.0], index=["a", "a"]), 1, "x.iloc[1]"),
    "frame": (pd.DataFrame({"a": [1.0], "b": [2.0]}, index=["r"]), 1, "x.loc['r', 'b']"),
    "named tuple": (Physics(1.0, np.ones(2)), 2, "x.stiffness[1]"),
}


@pytest.mark.parametrize(("x", "k", "name"), NAMES.values(), ids=NAMES)
def test_an_entry_is_named_as_a_person_writes_it(x: Any, k: int, name: str) -> None:
    assert Structure.of(x).name(k) == name


PLACES: dict[str, tuple[Any, Any, int]] = {
    "place": ([1.0, 2.0], -1, 1),
    "index of a matrix": (np.ones((2, 3)), (1, -1), 5),
    "path": (LAYERS, ("W1", 1, 2), 5),
    "path to a number": (LAYERS, "scale", 9),
    "deep path": (LAYERS, ("parts", 1, 0, 0), 12),
    "field": (Physics(1.0, np.ones(2)), ("stiffness", 1), 2),
    "label": (pd.Series([1.0, 2.0], index=["mass", "k"]), "k", 1),
    "labels": (pd.DataFrame({"a": [1.0], "b": [2.0]}, index=["r"]), ("r", "b"), 1),
}


@pytest.mark.parametrize(("x", "index", "place"), PLACES.values(), ids=PLACES)
def test_an_entry_is_found_by_its_path(x: Any, index: Any, place: int) -> None:
    assert Structure.of(x).place(index) == place


NO_PLACES: dict[str, tuple[Any, Any, type[Exception], str]] = {
    "no such key": (LAYERS, ("W2", 0), ValueError, "x has no entry 'W2'; it has 'W1', 'b1', 'scale', 'parts'"),
    "an array": (LAYERS, "W1", ValueError, "x['W1'] of shape (2, 3) has no entry ()"),
    "beyond the end": (LAYERS, ("W1", 2, 0), ValueError, "x['W1'] of shape (2, 3) has no entry (2, 0)"),
    "no such place": ([1.0], 1, ValueError, "x of shape (1,) has no entry 1"),
    "a text": ([1.0], "a", TypeError, "an index is an int or a tuple of ints, not 'a'"),
}


@pytest.mark.parametrize(("x", "index", "error", "line"), NO_PLACES.values(), ids=NO_PLACES)
def test_an_entry_that_is_not_there_is_named(x: Any, index: Any, error: type[Exception], line: str) -> None:
    with pytest.raises(error) as refusal:
        Structure.of(x).place(index)
    assert str(refusal.value) == line


UNLIKE: dict[str, tuple[Any, Any, str]] = {
    "missing": ({"a": np.ones(2), "b": 1.0}, {"b": 1.0}, "g['a'] is missing; x['a'] is an array of shape (2,)"),
    "extra": ({"a": 1.0}, {"a": 1.0, "c": 1.0}, "g['c'] is not in x, whose keys are 'a'"),
    "transposed": (
        {"W": np.ones((2, 3))}, {"W": np.ones((3, 2))},
        "g['W'] has shape (3, 2) and x['W'] has (2, 3); they must be the same (is it transposed?)",
    ),
    "shape": ([1.0, 2.0], [1.0], "g has shape (1,) and x has (2,); they must be the same"),
    "array for a dict": ({"a": 1.0}, np.ones(1), "g is no dict; write one with the keys of x: 'a'"),
    "array for a list": ([np.ones(1)], np.ones(1), "g is neither a list nor a tuple; write one of 1 entry, as x"),
    "too few": ([np.ones(1)] * 2, [np.ones(1)], "g has 1 entry and x has 2; write one for each"),
    "none": ({"a": 1.0}, {"a": None}, "g['a']=None: give a real number, or an array of them"),
    "labels": (
        pd.Series([1.0, 2.0], index=["a", "b"]), pd.Series([1.0, 2.0], index=["b", "a"]),
        "g has the labels 'b', 'a' and x has 'a', 'b'; they must be the same, as those of g.reindex_like(x) are",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("x", "other", "line"), UNLIKE.values(), ids=UNLIKE)
def test_another_structure_is_refused_by_the_entry_that_differs(x: Any, other: Any, line: str) -> None:
    with pytest.raises((TypeError, ValueError)) as refusal:
        Structure.of(x).like(other, "g")
    assert str(refusal.value) == line


WRONG: dict[str, tuple[Any, str]] = {
    "texts": ({"a": "one"}, "x['a']='one': give a real number, or an array of them"),
    "none": ({"a": [np.ones(2), None]}, "x['a'][1]=None: give a real number, or an array of them"),
    "truth values": ([np.ones(1), True], "x[1]=True: give a real number, or an array of them, not a truth value"),
    "complex": ({"a": 1j}, "x['a']=1j: give a real number, or an array of them"),
    "NaN": ({"a": np.array([1.0, np.nan])}, "x['a'][1] is nan; the entries of x must be finite numbers"),
    "infinite": (np.array([1.0, np.inf]), "x[1] is inf; the entries of x must be finite numbers"),
    "no entries": ([], "x has no entries, so there is nothing to differentiate by; give at least one number"),
    "no arrays": ({}, "x has no entries, so there is nothing to differentiate by; give at least one number"),
    "rows": (
        [[1.0, 2.0], [3.0]],
        "x=[[1.0, 2.0], [3.0]]: give a real number, or an array of them; its rows have different lengths",
    ),
    "a generator": (
        {"a": iter([1.0])},
        "x['a'] is a list_iterator; write list(x['a']), or dict(x['a']) of pairs of a name and an array",
    ),
    "a view": ({"a": 1.0}.values(), "x is a dict_values; write list(x), or dict(x) of pairs of a name and an array"),
    "a dataclass": (Fields(1.0), "x is a Fields; write dataclasses.asdict(x), a dict of its fields"),
    "a module": (
        SimpleNamespace(named_parameters=None),
        "x is a SimpleNamespace; write dk.torch_function(loss, x.named_parameters())",
    ),
    "a tensor that requires grad": (
        {"W": SimpleNamespace(requires_grad=True)},
        (
            "x['W'] is a torch tensor that requires grad; write x['W'].detach().numpy(), or dk.torch_function(loss, "
            "parameters)"
        ),
    ),
}


@pytest.mark.parametrize(("x", "line"), WRONG.values(), ids=WRONG)
def test_what_is_no_parameter_is_refused_in_one_line(x: Any, line: str) -> None:
    with pytest.raises((TypeError, ValueError)) as refusal:
        Structure.of(x)
    assert str(refusal.value) == line


def test_numbers_of_other_types_are_converted_and_that_is_said() -> None:
    structure = Structure.of({"n": np.array([1, 2]), "half": np.ones(2, np.float16), "a": np.ones(1), "k": 3})
    assert structure.remark == "x['n'], x['half'] are given to f in float64, not in float16 or int64."
    assert {part.dtype for part in list(structure.restore(structure.flat).values())[:3]} == {np.dtype(np.float64)}
    assert Structure.of([1, 2]).remark == ""


def test_float32_arrays_are_given_back_as_such_and_their_points_rounded() -> None:
    structure = Structure.of({"a": np.ones(2, np.float32), "b": np.ones(1)})
    moved = structure.flat + 1e-9
    again = structure.restore(moved)
    assert (again["a"].dtype, again["b"].dtype) == (np.float32, np.float64)
    np.testing.assert_array_equal(structure.representable(moved), structure.like(again, "x"))
    assert structure.float32.tolist() == [True, True, False]


def test_what_is_restored_may_be_written_to() -> None:
    structure = Structure.of([np.ones(2), np.ones(1)])
    structure.restore(structure.flat)[0][:] = 7.0
    assert structure.flat.tolist() == [1.0] * 3


def test_dicts_stay_what_they_are() -> None:
    ordered = OrderedDict(b=1.0, a=2.0)
    assert Structure.of(ordered).restore(np.array([3.0, 4.0])) == OrderedDict(b=3.0, a=4.0)
    assert Structure.of(MappingProxyType(ordered)).restore(np.array([3.0, 4.0])) == {"b": 3.0, "a": 4.0}


def test_results_have_the_structure_and_the_labels() -> None:
    series = pd.Series([1.0, 2.0], index=["mass", "k"])
    shaped = Structure.of({"p": series, "n": 1.0}).shaped(np.array(["ok", "kink", "ok"]))
    assert shaped["p"].to_dict() == {"mass": "ok", "k": "kink"}
    assert shaped["n"] == "ok"


@pytest.mark.parametrize(("value", "each"), [(2.0, [2.0] * 3), ([[1.0], 5.0, 6.0], [1.0, 5.0, 6.0])])
def test_one_number_stands_for_all_entries(value: Any, each: list[float]) -> None:
    assert Structure.of([np.ones(1), 1.0, 1.0]).each(value, "scale").tolist() == each


@pytest.mark.parametrize(("code", "native"), [(">f8", "float64"), ("<f8", "float64"), (">f4", "float32")])
def test_the_order_of_bytes_is_no_type(code: str, native: str) -> None:
    structure = Structure.of(np.array([1.0, 2.0], dtype=code))
    assert structure.restore(structure.flat).dtype == native
    assert structure.remark == ""
