"""Somebody's files: columns by name or number, dates, empty cells; and one line for whatever is wrong."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from experiments.datafile import DataFile
from experiments.messages import ConfigurationError
from experiments.tables.datafiles import of_keys

ROWS = [(0, 1.0, 5), (1, 2.5, 6), (2, 2.0, 7), (3, 4.0, 9)]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(text: str, name: str = "run.csv", **keys: Any) -> DataFile:
    Path(name).write_text(text, encoding="utf-8")
    found = of_keys({"data": name, **keys})
    assert found is not None
    return found


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", " "])
def test_columns_are_found_whatever_stands_between_them(separator: str) -> None:
    text = "\n".join(separator.join(map(str, row)) for row in [("time", "x", "z"), *ROWS])
    found = read(text)
    assert found.time == "time"
    assert found.t.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert {name: y.tolist() for name, y in found.channels.items()} == {
        "x": [1.0, 2.5, 2.0, 4.0],
        "z": [5.0, 6.0, 7.0, 9.0],
    }


@pytest.mark.parametrize("keys", [{"t": "z", "y": "x"}, {"t": 3, "y": 2}, {"t": "z", "y": ["x"]}])
def test_columns_have_names_and_numbers(keys: dict[str, Any]) -> None:
    found = read("time,x,z\n0,1,5\n1,2,6\n2,2,7\n3,4,9\n", **keys)
    assert (found.time, list(found.channels)) == ("z", ["x"])


def test_a_file_without_a_header_has_columns_by_number_and_comments_are_none_of_them() -> None:
    found = read("# a device\n0 1\n1 2\n2 4\n3 8\n", t=1, y=2)
    assert (found.time, found.channels["2"].tolist()) == ("1", [1.0, 2.0, 4.0, 8.0])


def test_an_empty_cell_is_no_sample_and_a_column_of_text_is_left_alone() -> None:
    found = read("t,y,note\n0,1,a\n1,,b\n2,3,c\n3,4,d\n")
    assert list(found.channels) == ["y"]
    assert np.isnan(found.channels["y"]).tolist() == [False, True, False, False]


@pytest.mark.parametrize(
    "first", ["2026-03-01", "2026-03-01T08:00:00", "2026-03-01 08:00:00.5", "2026-03-01T08:00:00Z"]
)
def test_dates_are_dates(first: str) -> None:
    found = read(f"when,y\n{first},1\n2026-03-02T08:00:00,2\n2026-03-03,3\n")
    assert found.t.dtype == "datetime64[ns]"
    assert found.t[1] == np.datetime64("2026-03-02T08:00:00")


def test_parquet_is_read_too_and_the_hash_is_that_of_the_file() -> None:
    pd.DataFrame({"t": [0.0, 1.0, 2.0], "y": [1, 2, 3]}).to_parquet("run.parquet")
    found = of_keys({"data": "run.parquet", "t": None, "y": None})
    assert found is not None
    assert found.channels["y"].tolist() == [1.0, 2.0, 3.0]
    assert found.sha256 == hashlib.sha256(Path("run.parquet").read_bytes()).hexdigest()


def test_without_data_there_is_no_file() -> None:
    assert of_keys({"data": None, "t": None, "y": None}) is None


GOOD = "time,x\n0,1\n1,2\n2,3\n3,5\n"
WRONG: list[tuple[str, dict[str, Any], str]] = [
    (GOOD, {"t": "tme"}, "t=tme: no such column; the file has time, x; did you mean time"),
    (GOOD, {"y": 7}, "y=7: there are columns 1 to 2: time, x"),
    (GOOD, {"y": ["x", "x"]}, "write one column or several, each once"),
    (GOOD, {"data": "rum.csv"}, "there is no such file in .*did you mean run.csv"),
    (GOOD, {"data": "empty/run.csv"}, "there is no such file in empty; no file there ends in .csv or .tsv"),
    (GOOD, {"data": "no/run.csv"}, "there is no folder no$"),
    (GOOD, {"data": 3}, "data=3: no path of a file"),
    (GOOD, {"data": "."}, "it cannot be read"),
    (GOOD, {"data": None, "t": "time"}, "t and y are columns of a file, and data names none"),
    ("time,x\n0,1\n1,oops\n2,3\n", {"y": "x"}, "line 3 of column x is 'oops'; write a finite number there, or nothing"),
    ("time,x\n0,1\n1,inf\n2,3\n", {}, "line 3 of column x is 'inf'"),
    ("# a comment\ntime,x\n\n0,1\n1,inf\n2,3\n", {}, "line 5 of column x is 'inf'"),
    ("0,1\n1,2\n2,inf\n", {}, "line 3 of column 2 is 'inf'"),
    ('time,x,note\n0,1,"two\nlines"\n1,inf,\n2,3,\n', {"y": "x"}, "row 2 of column x is 'inf'"),
    ("time,x\n0,1\n,2\n2,3\n", {}, "line 3 of column time is empty; every sample needs a time"),
    ("time,x\n0,1\n1,a\n", {}, "no column beside time holds numbers alone; write y=NAME of x$"),
    ("t;y\n0,0;1,5\n0,1;2,5\n", {}, "holds numbers alone; '0,0' has a decimal comma: write points, '0.0'$"),
    ("t;y\n0,0;1\n0,1;2\n", {}, "line 2 of column t is '0,0'; '0,0' has a decimal comma: write points, '0.0'$"),
    ("t;y\n0;1\n1;2,5\n", {"y": "y"}, "line 3 of column y is '2,5'; '2,5' has a decimal comma: write points, '2.5'$"),
    ("time,x\n2026-01-01,1\nMonday,2\n", {}, "line 3 of column time is 'Monday'; write a number or a date"),
    ("time,x\n", {}, "there are no rows below the header"),
    ("", {}, "neither a CSV nor a Parquet file"),
]


@pytest.mark.parametrize(("text", "keys", "words"), WRONG, ids=[words[:30] for *_, words in WRONG])
def test_what_is_wrong_with_a_file_is_said_in_one_line(text: str, keys: dict[str, Any], words: str) -> None:
    Path("run.csv").write_text(text, encoding="utf-8")
    Path("empty").mkdir()
    with pytest.raises(ConfigurationError, match=words) as raised:
        of_keys({"data": "run.csv", **keys})
    assert "\n" not in str(raised.value)
