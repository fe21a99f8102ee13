"""The data of the slider: what the tables say, in the shape that the page's script reads."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from experiments import tables
from experiments.page import slider
from experiments.studies import delta_sweep
from experiments.study import study_in

DELTAS = (0.1, 0.2)
STUDY = study_in(delta_sweep)


def secants(deltas=DELTAS, **changes):
    columns = {name: 1.0 if kind is float else "" for name, (kind, _) in STUDY.shapes["secants"].items()}
    row = {"function": "f", "method": "m", "delta": np.array(deltas), "status": "ok", "larger": "rounding"}
    return {**columns, **row, **changes}


def curves(**changes):
    return {"function": "f", "x": 1.0, "line": "f", "t": np.array([0.0, 1.0, 2.0]), "y": np.array([1.0, 2.0, math.nan]),
            **changes}  # fmt: skip


def turning(**changes):
    row = {"function": "f", "x": 1.0, "method": "m", "delta": np.array([0.1]), "error": 0.5, "smallest_delta": 0.1}
    return {**row, "smallest_delta_error": 1.0, "rounding": True, "sentence": "It turns.", **changes}


def read(directory: Path, *chunks):
    directory.mkdir(exist_ok=True)
    names = dict.fromkeys(name for name, _ in chunks)
    with tables.Writer(directory, {name: STUDY.shapes[name] for name in names}) as writer:
        for name, columns in chunks:
            writer.write(name, columns)
    return slider.read({name: directory / f"{name}.parquet" for name in names})


def test_the_numbers_of_the_tables_arrive_as_they_are_and_a_missing_one_as_null(tmp_path):
    estimate = np.array([1 / 3, math.nan])
    found = read(
        tmp_path, ("secants", secants(estimate=estimate, exact=2.0)), ("curves", curves()), ("turning", turning())
    )
    (place,) = found.places
    assert (place["name"], place["t"], place["y"]) == ("f at x = 1", [0.0, 1.0, 2.0], [1.0, 2.0, None])
    (method,) = place["methods"]
    assert (method["delta"], method["estimate"], method["exact"]) == ([0.1, 0.2], [1 / 3, None], 2.0)
    assert (method["best"], method["rounding"], method["sentence"]) == (0.1, True, 0)
    assert found.sentences == ["It turns."]


def test_the_best_delta_is_one_of_those_that_the_slider_reaches(tmp_path):
    deltas = tuple((10.0 ** np.linspace(-16.0, 0.0, 129)).tolist())
    for best in deltas[1:-1:7]:
        told = ("turning", turning(delta=np.array([best])))
        found = read(tmp_path / f"{best}", ("secants", secants(deltas)), ("curves", curves()), told)
        (method,) = found.places[0]["methods"]
        assert method["best"] in method["delta"]


def answers(**changes):
    columns = {
        name: 1.0 if kind is float else 1 if kind is int else "" for name, (kind, _) in STUDY.shapes["answers"].items()
    }
    return {**columns, "function": "f", "x": np.array([1.0]), **changes}


def test_beside_a_derivative_that_was_measured_stands_its_bar_and_no_digit_beyond(tmp_path):
    rows = ("secants", secants(estimate=1 / 3, exact=1 / 7)), ("curves", curves())
    for bar, exact, measured, estimate in (
        (3e-6, math.nan, "0.142857 ± 3e-06", 0.333333),
        (3e-6, 1 / 7, "", 1 / 3),
        (math.inf, math.nan, "", 1 / 3),
    ):
        found = read(tmp_path / f"{bar} {exact}", *rows, ("answers", answers(bar=bar, exact=exact)))
        (method,) = found.places[0]["methods"]
        assert (method["measured"], method["estimate"]) == (measured, [estimate, estimate])


def test_a_point_without_a_tangent_has_no_slider_whose_words_would_not_fit(tmp_path):
    assert read(tmp_path, ("secants", secants(exact=math.nan)), ("curves", curves()), ("turning", turning())) is None


def test_deltas_are_sorted_and_rows_that_two_jobs_have_are_there_once(tmp_path):
    found = read(
        tmp_path,
        ("secants", secants((0.2, 0.1), error=np.array([2.0, 1.0]))),
        ("secants", secants((0.3, 0.2), error=np.array([3.0, 2.0]))),
        ("curves", curves()),
        ("curves", curves()),
    )
    (method,) = found.places[0]["methods"]
    assert method["delta"] == [0.1, 0.2, 0.3]
    assert method["error"] == [1.0, 2.0, 3.0]
    assert found.places[0]["t"] == [0.0, 1.0, 2.0]


def test_each_method_has_the_sentence_of_its_own(tmp_path):
    rows = [("secants", secants(method=name)) for name in ("one", "two")]
    told = [("turning", turning(method=name, sentence=name)) for name in ("two", "one")]
    found = read(tmp_path, *rows, ("curves", curves()), *told)
    methods = found.places[0]["methods"]
    assert [found.sentences[method["sentence"]] for method in methods] == ["one", "two"]


def test_there_is_no_slider_without_its_tables_without_a_curve_or_for_one_delta(tmp_path):
    assert slider.read({}) is None
    for name, chunks in {
        "one": [("secants", secants()), ("curves", curves(line="secant"))],
        "two": [("secants", secants()), ("curves", curves(y=math.nan))],
        "three": [("secants", secants((0.1,))), ("curves", curves())],
    }.items():
        assert read(tmp_path / name, *chunks) is None


def test_of_many_functions_the_first_are_there_and_it_is_said(tmp_path):
    names = [f"f{k}" for k in range(slider.MAX_PLACES + 1)]
    chunks = [
        (table, columns)
        for name in names
        for table, columns in (
            ("secants", secants(function=name)),
            ("curves", curves(function=name)),
            ("turning", turning(function=name, sentence=name)),
        )
    ]
    found = read(tmp_path, *chunks)
    assert [place["name"] for place in found.places] == [f"{name} at x = 1" for name in names[:-1]]
    assert found.sentences == names[:-1]
    assert found.left_out == "Here are the first 8 of 9 functions and points."
    assert read(tmp_path / "few", *chunks[:6]).left_out == ""
