"""What a study is made of: columns that are declared once, rows of them, and the frames that are concluded from."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from experiments.study import (
    Column,
    Findings,
    Lesson,
    Rows,
    Tables,
    column,
    frames,
    key,
    lessons,
    refuse_below,
    refuse_empty,
    refuse_repeated,
    refuse_unknown,
    study_in,
)


class Place(Rows, table=None):
    function: str = key("name of the function")
    x: float = key("the point")


class Table(Place):
    delta: float = key("the step")
    error: float = column("|estimate - exact|", between=("estimate", "exact"))
    estimate: float = column("what is computed", moves={"column": "rounding"})
    exact: float = column("the derivative")
    rounding: float = column("how far rounding takes it", moves={"relative": 0.01})
    seconds: float = column("how long it took", measured=True)


class ManyWords(Rows):
    words: str = column("some words")


def test_a_table_has_the_columns_of_those_that_it_shares_and_then_its_own() -> None:
    assert list(Table.columns) == ["function", "x", "delta", "error", "estimate", "exact", "rounding", "seconds"]
    assert Table.keys == ("function", "x", "delta")
    assert Table.pairs == {"error": ("estimate", "exact")}
    assert Table.rules == {"estimate": {"column": "rounding"}, "rounding": {"relative": 0.01}}
    assert Table.shape["function"] == (str, "name of the function")


def test_an_excerpt_of_rows_counts_them_flattened_and_leaves_single_values_alone() -> None:
    names = np.array([[0], [1]], dtype=np.int8), ("a", "b")

    class Sides(Rows):
        x: float = key("a point")
        side: str = key("which side")
        y: float = column("a value")

    excerpt = Sides(x=1.0, side=names, y=[[1.0, 2.0], [3.0, 4.0]]).excerpt(slice(1, 3)).chunk
    assert np.array(excerpt["side"][1])[excerpt["side"][0]].tolist() == ["a", "b"]
    assert excerpt["y"].tolist() == [2.0, 3.0]
    assert excerpt["x"].shape == ()


def test_a_table_is_named_by_its_class() -> None:
    assert (Place.table, Table.table, ManyWords.table) == (None, "table", "many_words")


def declared(**columns: tuple[type, Any]) -> type[Rows]:
    annotations = {name: kind for name, (kind, _) in columns.items()}
    return type(
        "Odd", (Rows,), {"__annotations__": annotations, **{name: value for name, (_, value) in columns.items()}}
    )


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"x": (float, 1.0)}, "Odd.x is no column; write x: float = column"),
        ({"x": (list, column("a list"))}, "x is of no type that a table holds"),
        ({"x": (float, column(""))}, "x has no meaning"),
        ({"x": (float, column("a number", moves={"column": "rounding"}))}, "rounding, which is no column"),
        ({"x": (str, column("a text", moves={"relative": 0.1}))}, "x has a rule with x, which is no number"),
        ({"x": (float, column("a number", moves={"follows": ("y",)}))}, "y, which is no column"),
        ({"x": (float, column("a number", moves={"relative": 2.0}))}, "x may move by 2.0"),
        ({"x": (float, column("a number", moves={"roughly": 0.1}))}, "no rule of column, relative, absolute, follows"),
        ({"x": (float, column("a number", moves={}))}, "no rule of column, relative, absolute, follows"),
        ({"x": (float, column("a number", between=("x", "y")))}, "y, which is no column"),
        ({"x": (int, column("a number", between=("x", "x")))}, "x, which is no number"),
    ],
)
def test_a_column_that_means_nothing_cannot_be_declared(columns: dict[str, tuple[type, Any]], fault: str) -> None:
    with pytest.raises(TypeError, match=fault.replace("(", r"\(")):
        declared(**columns)


def test_a_column_may_have_the_name_of_what_a_table_says_of_itself() -> None:
    odd = declared(keys=(float, key("a number")), chunk=(float, column("another")))
    assert odd.keys == ("keys",)
    assert odd(keys=[1.0], chunk=2.0).chunk["keys"].tolist() == [1.0]  # type: ignore[attr-defined]  # an array


def test_a_column_may_have_a_name_that_is_none_of_pythons() -> None:
    odd = declared(above=(int, column("a count", name="above_1e-10")))
    assert list(odd.columns) == ["above_1e-10"]


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"function": "sin"}, r"Place lacks x$"),
        ({"functoin": "sin", "x": 1.0}, r"Place lacks function and has no column functoin, did you mean function\?$"),
        ({"function": "sin", "x": 1.0, "y": 1.0}, r"Place has no column y, there are function, x$"),
    ],
)
def test_rows_that_lack_a_column_or_have_another_are_refused_at_once(values: dict[str, Any], fault: str) -> None:
    with pytest.raises(TypeError, match=fault):
        Place(**values)


def plain(rows: Rows) -> dict[str, list[Any]]:
    (frame,) = frames([rows]).values()
    return {str(name): values.tolist() for name, values in frame.items()}


@pytest.mark.parametrize(
    ("x", "function", "expected"),
    [
        (1.0, "sin", {"function": ["sin"], "x": [1.0]}),
        ([1.0, 2.0], "sin", {"function": ["sin", "sin"], "x": [1.0, 2.0]}),
        ([1.0], ["sin", "cos"], {"function": ["sin", "cos"], "x": [1.0, 1.0]}),
        (
            np.array([[1.0], [2.0]]),
            ["sin", "cos"],
            {"function": ["sin", "cos", "sin", "cos"], "x": [1.0, 1.0, 2.0, 2.0]},
        ),
        ([1.0, 2.0], (np.array([1, 0]), ("sin", "cos")), {"function": ["cos", "sin"], "x": [1.0, 2.0]}),
        ([1.0, 2.0], (np.array([1]), ("sin", "cos")), {"function": ["cos", "cos"], "x": [1.0, 2.0]}),
        ([], "sin", {"function": [], "x": []}),
    ],
)
def test_values_are_broadcast_and_flattened(x: Any, function: Any, expected: dict[str, list[Any]]) -> None:
    assert plain(Place(function=function, x=x)) == expected


def test_single_values_beside_arrays_stay_single_lest_they_are_copied() -> None:
    chunk = Place(function="sin", x=np.zeros(1000)).chunk
    assert np.ndim(chunk["function"]) == 0  # type: ignore[call-overload]  # an array


def test_rows_take_the_columns_of_a_frame_that_they_have() -> None:
    frame = frames([Table(function="sin", x=[1.0, 2.0], delta=0.1, error=0.0, estimate=1.0, exact=1.0, rounding=0.0,
                          seconds=1.0)])[Table]  # fmt: skip
    assert plain(Place.of(frame, function="cos")) == {"function": ["cos", "cos"], "x": [1.0, 2.0]}


def test_rows_take_the_columns_that_a_result_has_as_attributes() -> None:
    result = SimpleNamespace(function="sin", x=[1.0, 2.0], other=3.0)
    assert plain(Place.of_result(result, function="cos")) == {"function": ["cos", "cos"], "x": [1.0, 2.0]}


class Count(int):
    rows = 1


def study(**names: Any) -> ModuleType:
    module = ModuleType("experiments.studies.mine")
    module.__doc__ = "What it\nsays.\n\nAnd more."
    vars(module).update({"Config": Count, "measure": lambda count: (Place(function="sin", x=x) for x in range(count))})
    for value in names.values():
        if isinstance(value, type) and value.__module__ != Rows.__module__:
            value.__module__ = module.__name__
    vars(module).update(names)
    return module


class Main(Rows, table="table"):
    x: float = key("a point")


class Sums(Rows):
    total: float = column("a sum")


def test_a_study_is_read_off_its_module() -> None:
    found = study_in(study(Sums=Sums, Main=Main, Findings=Findings, tell=lambda _: ()))
    assert (found.name, found.question) == ("mine", "What it says.")
    assert list(found.tables) == ["table", "sums", "findings"]
    with pytest.raises(TypeError, match=r"mine has no main table; write class Table\(Rows\)"):
        study_in(study(Sums=Sums))
    with pytest.raises(TypeError, match="mine: Config has no rows; write a property `rows`, the number of rows"):
        study_in(study(Main=Main, Config=SimpleNamespace()))


def test_sentences_of_a_study_that_reads_a_clock_count_as_measured() -> None:
    class Times(Rows):
        seconds: float = column("how long it took", measured=True)

    names = {"tell": lambda _: (), "Lesson": Lesson}
    assert study_in(study(Main=Main, Sums=Sums)).measured == {}
    assert study_in(study(Main=Main, Sums=Sums, **names)).measured == {}
    found = study_in(study(Main=Main, Times=Times, **names)).measured
    assert found == {"times": ("seconds",), "lesson": ("text",), "findings": ("finding",)}


def test_a_lesson_is_the_text_beside_a_study_and_what_a_run_shows(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("one: A heading\nAlways\ntrue.\n\ntwo: Another\n", encoding="utf-8")
    found = frames(lessons(str(tmp_path / "mine.py"), {"one": ["Shown.", "Too."], "two": ["Alone."]}))[Lesson]
    assert found["title"].tolist() == ["A heading", "Another"]
    assert found["text"].tolist() == ["Always true. Shown. Too.", "Alone."]


@pytest.mark.parametrize(
    ("refuse", "says"),
    [
        (lambda config: refuse_empty(config, "full", "empty"), r"empty=\[\]: at least one is needed"),
        (lambda config: refuse_repeated(config, "full"), r"full=\[2.0, 2.5, 2.0\]: one of them is there twice"),
        (lambda config: refuse_repeated(config, "near", shown=round), r"near=\[2.0, 2.5\]: one of them is there twice"),
        (lambda config: refuse_unknown(config, "words", ("a", "b")), "words=c: there are a, b"),
        (lambda config: refuse_below(3, config, "full"), "full=2.0: must be at least 3"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_name(refuse: Any, says: str) -> None:
    config = SimpleNamespace(full=(2.0, 2.5, 2.0), near=(2.0, 2.5), empty=(), words=("a", "c"))
    refuse_repeated(config, "near")
    with pytest.raises(ValueError, match=says):
        refuse(config)


def test_what_is_told_may_be_read_off_what_was_concluded() -> None:
    def conclude(tables: Tables) -> Any:
        yield Sums(total=tables[Main]["x"].sum())

    def tell(tables: Tables) -> Any:
        yield f"The sum is {tables[Sums]['total'].iloc[0]:g}."

    found = study_in(study(Sums=Sums, Main=Main, conclude=conclude, tell=tell))
    chunks = dict(found.conclusions({"table": {"x": np.array([1.0, 2.0])}}))
    assert chunks["sums"]["total"].tolist() == [3.0]  # type: ignore[attr-defined]  # an array
    assert chunks["findings"]["finding"].tolist() == ["The sum is 3."]  # type: ignore[attr-defined]  # an array


def test_a_table_that_nobody_wrote_is_a_frame_without_rows() -> None:
    empty = Tables({})[Table]
    assert list(empty.columns) == list(Table.columns)
    assert empty.empty


def test_rows_are_computed_when_they_are_wanted() -> None:
    drawn = []

    def measure(count: int) -> Any:
        for x in range(count):
            drawn.append(x)
            yield Main(x=x)

    chunks = study_in(study(Main=Main, measure=measure)).measurements(10**9)
    assert next(chunks)[0] == next(chunks)[0] == "table"
    assert drawn == [0, 1]


def test_what_is_known_of_a_column_is_one_row() -> None:
    assert Table.columns["seconds"] == Column(meaning="how long it took", measured=True)
