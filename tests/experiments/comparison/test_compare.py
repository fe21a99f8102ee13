"""Runs compared: what differs is found and named, what cannot be compared is refused in one line."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import quick
from hypothesis import given
from hypothesis import strategies as st
from laboratory import python

from experiments import compare, run, tables
from experiments.comparison.values import ulps_apart
from experiments.running import integrity
from experiments.running.check import study_of
from experiments.tables import encoding, hashing, joining

ROOT = Path(__file__).resolve().parents[3]
DAY = "outputs/delta_sweep/2026-01-02"
DELTAS = "delta=${logspace:-8,-1,8}"
Columns = dict[str, np.ndarray[Any, Any]]
Edit = Callable[[Columns], Mapping[str, Any]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of exp and sin at two points each, of which every test gets a copy."""
    place = tmp_path_factory.mktemp("made") / "run"
    words = ["function=[exp,sin]", "x=[0.5,1]", "method=[forward_1,central_2]", DELTAS, "figures.formats=[svg]"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HYDRA_FULL_ERROR", "1")
        assert run.main([*words, f"hydra.sweep.dir={place}"]) == 0
    return place


@pytest.fixture(autouse=True)
def first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: Path) -> Iterator[Path]:
    """The first run, below the outputs of an empty current directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LAB_OUTPUTS", raising=False)
    place = tmp_path / DAY / "10-00-00-000000-1"
    shutil.copytree(made, place)
    yield place
    assert not list(tmp_path.rglob("*.part"))


def write(place: Path, columns: Mapping[str, Any], shape: Mapping[str, tuple[type, str]]) -> None:
    """Give a run another main table, and its record the hash and the checksum of it."""
    (place / "table.parquet").unlink()
    with tables.Writer(place, {"table": shape}) as writer:
        writer.write("table", {name: v.tolist() if v.dtype == object else v for name, v in columns.items()})
    edit_record(place, lambda record: record["tables"]["table"].update(hash=writer.hashes["table"]))
    written = integrity.digests(place, [place / "table.parquet"])
    edit_record(place, lambda record: record["files"].update(written))


def edit_record(place: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    record = json.loads((place / "run.json").read_text(encoding="utf-8"))
    edit(record)
    (place / "run.json").write_text(json.dumps(record), encoding="utf-8")


def variant(first: Path, edit: Edit = lambda columns: columns, name: str = "11-00-00-000000-2") -> Path:
    """A second run whose table is the first's after an edit."""
    place = first.with_name(name)
    shutil.copytree(first, place)
    shape = tables.footer(place / "table.parquet").shape
    columns = dict(edit(tables.columns_of(place / "table.parquet")))
    write(place, columns, {column: kind for column, kind in shape.items() if column in columns})
    return place


def planted(column: str, row: int, change: Callable[[Any], Any]) -> Edit:
    def edit(columns: Columns) -> Columns:
        columns[column][row] = change(columns[column][row])
        return columns

    return edit


def an_ulp(value: float) -> float:
    return float(np.nextafter(value, np.inf))


def chosen(places: Any) -> Edit:
    return lambda columns: {name: values[places] for name, values in columns.items()}


def compared() -> Path:
    """The directory of the one comparison."""
    (page,) = Path("outputs/compare").glob("*/*/report.html")
    return page.parent


def differences() -> list[dict[str, str]]:
    with (compared() / "differences.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def kept(frame: list[dict[str, str]], *columns: str) -> list[tuple[str, ...]]:
    return [tuple(row[column] for column in columns) for row in frame]


# What differs


def test_the_command_finds_a_planted_difference_and_names_it(first: Path):
    variant(first, planted("estimate", 5, lambda value: value * 1.5))
    done = python("-m", "experiments.compare", "10-00-00", "11-00-00", "--fail-on-change")
    assert (done.returncode, done.stderr) == (1, "")
    (row,) = differences()
    table = tables.columns_of(first / "table.parquet")
    keys = {name: str(table[name][5]) for name in ("function", "x", "method", "delta")}
    assert {name: row[name] for name in keys} == keys
    assert (row["change"], row["changed_columns"], row["other_run"]) == ("differs", "estimate", "11-00-00")
    assert float(row["estimate_other"]) == float(row["estimate"]) * 1.5
    directory = compared()
    assert f"report  {directory}/report.html\n" in done.stdout
    assert f"table   {directory}/differences.csv\n" in done.stdout
    assert "1 of 64 joined rows of 11-00-00 differ from 10-00-00: estimate in 1 (by up to " in done.stdout
    assert "\x1b" not in done.stdout
    page = (directory / "report.html").read_text(encoding="utf-8")
    assert "1 of 64 joined rows" in page
    assert "<svg" in page
    assert {path.name for path in (directory / "figures").iterdir()} == {"compared.svg", "compared.png"}


def test_a_change_is_no_failure_unless_it_is_asked_for(first: Path):
    variant(first, planted("estimate", 5, lambda value: value * 1.5))
    assert compare.main(["latest~1", "latest"]) == 0
    assert len(differences()) == 1


def test_equal_tables_are_known_by_their_hash_and_not_read(
    first: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    shutil.copytree(first, first.with_name("11-00-00-000000-2"))
    monkeypatch.setattr(tables.Encoding, "blocks", lambda *_: pytest.fail("the tables were read"))
    assert compare.main(["latest~1", "latest", "--fail-on-change"]) == 0
    assert "11-00-00 computed what 10-00-00 did, to the bit" in capsys.readouterr().out
    assert sorted(path.name for path in compared().iterdir()) == ["report.html"]


@pytest.mark.parametrize(
    ("ulps", "apart", "status"), [(0, 1, 1), (1, 1, 0), quick.slow((1, 2, 1)), quick.slow((2, 2, 0))], ids=str
)
def test_an_ulp_is_a_change_unless_it_is_tolerated(first: Path, ulps: int, apart: int, status: int):
    def moved(columns: Columns) -> Columns:
        for _ in range(apart):
            columns["estimate"] = np.nextafter(columns["estimate"], np.inf)
        error = np.abs(columns["estimate"] - columns["exact"])
        size = np.abs(columns["exact"])
        columns |= {"error": error, "relative_error": error / size, "ulps": error / np.spacing(size)}
        return columns

    variant(first, moved)
    assert compare.main(["latest~1", "latest", "--fail-on-change", "--ulps", str(ulps)]) == status


def test_an_error_may_move_with_its_estimate_but_not_alone(first: Path):
    variant(first, planted("error", 3, lambda value: value * (1 + 1e-9)))
    assert compare.main(["latest~1", "latest", "--fail-on-change", "--ulps", "1"]) == 1
    assert kept(differences(), "changed_columns") == [("error",)]


def test_an_infinite_value_is_no_ulp_from_the_largest():
    largest = np.finfo(np.float64).max
    a, b = np.array([largest, -0.0, np.nan, np.nan, np.inf]), np.array([np.inf, 0.0, np.nan, 1.0, np.inf])
    assert ulps_apart(a, b).tolist() == [np.inf, 0.0, 0.0, np.inf, 0.0]


def test_ulps_are_counted_through_zero_and_over_the_whole_range():
    tiny, largest = 5e-324, np.finfo(np.float64).max
    apart = ulps_apart(np.array([tiny, 1.0, -largest]), np.array([-tiny, 2.0, largest]))
    assert apart.tolist() == [2.0, 2.0**52, float(2 * (0x7FF0000000000000 - 1))]


def test_rows_in_another_order_are_joined_by_their_keys(first: Path, capsys: pytest.CaptureFixture[str]):
    order = np.random.default_rng(3).permutation(64)
    variant(first, lambda columns: chosen(order)(planted("status", 7, lambda _: "not_finite")(columns)))
    assert compare.main(["latest~1", "latest", "--fail-on-change"]) == 1
    assert kept(differences(), "change", "changed_columns", "status", "status_other") == [
        ("differs", "status", "ok", "not_finite")
    ]
    assert "64" in capsys.readouterr().out


def test_the_order_of_rows_alone_is_no_change(first: Path):
    variant(first, chosen(np.arange(63, -1, -1)))
    assert compare.main(["latest~1", "latest", "--fail-on-change"]) == 0


@pytest.mark.parametrize(
    ("words", "change"), [(("latest~1", "latest"), "vanished"), (("latest", "latest~1"), "appeared")]
)
def test_rows_of_one_run_only_are_listed(first: Path, words: tuple[str, str], change: str):
    variant(first, chosen(np.delete(np.arange(64), [2, 40])))
    assert compare.main([*words, "--fail-on-change", "--ulps", "9"]) == 1
    table = tables.columns_of(first / "table.parquet")
    expected = [(change, table["method"][row], str(table["delta"][row])) for row in (2, 40)]
    assert kept(differences(), "change", "method", "delta") == expected
    missing = "estimate_other" if change == "vanished" else "estimate"
    assert kept(differences(), missing) == [("",), ("",)]
    page = (compared() / "report.html").read_text(encoding="utf-8")
    assert "The values of the 62 joined rows are equal within 9 ulps." in page
    assert not (compared() / "figures").exists()
    assert "error least ratio" not in page
    assert "There is no figure" in page


def test_three_runs_are_compared_with_the_first(first: Path, capsys: pytest.CaptureFixture[str]):
    variant(first, planted("estimate", 5, an_ulp))
    variant(first, planted("error", 9, lambda value: value * 4), "12-00-00-000000-3")
    assert compare.main(["10-00-00", "11-00-00", "12-00-00"]) == 0
    rows = kept(differences(), "other_run", "changed_columns", "ulps_apart", "error_ratio")
    assert rows == [("11-00-00", "estimate", "1.0", "1.0"), ("12-00-00", "error", "0.0", "4.0")]
    printed = capsys.readouterr().out
    assert "11-00-00" in printed
    assert "12-00-00" in printed


def test_what_was_asked_and_where_it_ran_is_compared(first: Path, capsys: pytest.CaptureFixture[str]):
    def moved(record: dict[str, Any]) -> None:
        record["environment"]["versions"]["numpy"] = "9.9"
        record["environment"]["cpu_features"].append("WINGS")
        record["jobs"][0]["configuration"]["derivative"] = 2
        del record["jobs"][0]["configuration"]["function"]["sin"]

    edit_record(variant(first), moved)
    assert compare.main(["latest~1", "latest"]) == 0
    printed = capsys.readouterr().out
    assert "What was asked differs: function exp, sin → exp; derivative 1 → 2.\n" in printed
    page = (compared() / "report.html").read_text(encoding="utf-8")
    assert "function.sin" not in page  # that sin is not asked for tells all of it
    assert re.search(r"<td>derivative</td><td[^>]*>1</td><td[^>]*>2</td>", page)
    assert "cpu_features none but the common ones | WINGS" in printed
    assert "| 9.9" in printed


def test_runs_without_a_row_in_common_are_told_by_their_best_errors_and_drawn(
    first: Path, capsys: pytest.CaptureFixture[str]
):
    other = variant(first, lambda columns: columns | {"delta": columns["delta"] * 3})
    best = json.loads((first / "run.json").read_text(encoding="utf-8"))["best"]
    edit_record(other, lambda record: record.update(best=best | {"value": 1.25e-30}))
    assert compare.main(["latest~1", "latest", "--fail-on-change"]) == 1
    printed = capsys.readouterr().out
    assert "No row of 11-00-00 has the same function, x, method, delta as one of 10-00-00" in printed
    assert f"The least typical error is {best['value']:.3g} in 10-00-00 (function = " in printed
    assert " and 1.25e-30 in 11-00-00 (function = " in printed
    page = (compared() / "report.html").read_text(encoding="utf-8")
    assert "coloured by method and run" in page
    assert "ratio to the first" not in page
    assert "There is no figure" not in page


def test_what_a_record_does_not_tell_is_not_said(first: Path, capsys: pytest.CaptureFixture[str]):
    edit_record(variant(first), lambda record: record.update(best=None))
    assert compare.main(["latest~1", "latest"]) == 0
    printed = capsys.readouterr().out
    assert "What was asked is the same.\n" in printed
    assert "The smallest error" not in printed


def test_columns_of_other_types_are_named_and_the_rest_compared(first: Path, capsys: pytest.CaptureFixture[str]):
    place = variant(first, planted("estimate", 5, an_ulp))
    columns = tables.columns_of(place / "table.parquet")
    shape = tables.footer(place / "table.parquet").shape
    columns["evaluations"] = columns["evaluations"].astype(np.float64)
    del columns["bound"], shape["bound"]
    write(place, columns, {**shape, "evaluations": (float, "")})
    assert compare.main(["latest~1", "latest", "--fail-on-change", "--ulps", "1"]) == 1
    printed = capsys.readouterr().out
    assert "could not be compared: bound: text and none; evaluations: int and float" in printed
    assert compare.main(["latest~1", "latest"]) == 0
    assert "joined rows of 11-00-00 differ from 10-00-00: estimate in 1" in capsys.readouterr().out


def test_every_type_of_column_is_compared(first: Path):
    extra = {"n": (int, ""), "sure": (bool, ""), "note": (str, "")}
    shape = {**tables.footer(first / "table.parquet").shape, **extra}
    columns = tables.columns_of(first / "table.parquet")
    values = {"n": np.arange(64), "sure": np.arange(64) % 2 == 0, "note": np.array(["a"] * 64, dtype=object)}
    write(first, {**columns, **values}, shape)
    changed = {"n": values["n"] + (np.arange(64) == 1), "sure": values["sure"] ^ (np.arange(64) == 2)}
    note = np.where(np.arange(64) == 3, "b", "a").astype(object)
    variant(first, lambda columns: {**columns, **changed, "note": note})
    assert compare.main(["latest~1", "latest"]) == 0
    rows = kept(differences(), "changed_columns", "n", "n_other", "sure", "sure_other", "note_other")
    assert rows == [
        ("n", "1.0", "2.0", "false", "false", "a"),
        ("sure", "2.0", "2.0", "true", "false", "a"),
        ("note", "3.0", "3.0", "false", "false", "b"),
    ]


def test_rows_of_equal_keys_are_joined_in_their_order(first: Path):
    twice = np.repeat(np.arange(64), 2)
    variant(first, chosen(twice), "11-00-00-000000-2")
    variant(first, lambda columns: planted("estimate", 7, lambda _: 9.0)(dict(chosen(twice)(columns))), "12-00-00")
    assert compare.main(["11-00-00", "12-00-00"]) == 0
    assert kept(differences(), "change", "changed_columns", "estimate_other") == [("differs", "estimate", "9.0")]


def test_a_second_call_writes_the_same_bytes(first: Path):
    variant(first, planted("estimate", 5, an_ulp))
    for _ in range(2):
        assert compare.main(["latest~1", "latest"]) == 0
    one, other = sorted(Path("outputs/compare").glob("*/*"))
    files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert {"report.html", "differences.csv", "figures/compared.svg"} <= {path.as_posix() for path in files}
    for path in files:
        assert (one / path).read_bytes() == (other / path).read_bytes(), path


def test_a_study_without_keys_is_joined_on_its_text_columns():
    assert study_of({"runner": "speed"}).main.keys == ("benchmark", "reference")


# The join


def stored(path: Path, keys: Any, values: Any) -> Path:
    with tables.Writer(
        path.parent, {path.stem: {"key": (float, ""), "text": (str, ""), "value": (float, "")}}
    ) as writer:
        writer.write(path.stem, {"key": keys, "text": [f"t{abs(key) % 3:g}" for key in keys], "value": values})
    return path


def joined(tmp_path: Path, a: Any, b: Any) -> tuple[set[tuple[float, float]], list[float], list[float]]:
    """Pairs of values, values that vanished and values that appeared; keys are given, values number the rows."""
    paths = [
        stored(tmp_path / f"{name}.parquet", np.asarray(k, float), np.arange(float(len(k))))
        for name, k in (("a", a), ("b", b))
    ]
    words = tables.Encoding({"key": float, "text": str, "value": float})
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    pairs, vanished, appeared = set(), [], []
    for rows in joining.join(words, *paths, keys=("key", "text"), scratch=scratch):
        one, other = (words.decode("value", part[2]).tolist() for part in (rows.first, rows.other))
        assert (joining.normal(rows.first[:2]) == joining.normal(rows.other[:2])).all()
        pairs |= set(zip(one, other, strict=True))
        vanished += words.decode("value", rows.vanished[2]).tolist()
        appeared += words.decode("value", rows.appeared[2]).tolist()
    assert not list(scratch.iterdir())
    return pairs, sorted(vanished), sorted(appeared)


@pytest.mark.parametrize("collide", [False, True], ids=["hashed", "all of one hash"])
def test_the_join_over_many_partitions_is_the_join_by_a_dictionary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, collide: bool
):
    monkeypatch.setattr(joining, "PART_ROWS", 50)
    if collide:
        monkeypatch.setattr(joining, "mixed", lambda keys: np.zeros_like(keys[0]))
    rng = np.random.default_rng(5)
    a, b = rng.permutation(1000)[:900], rng.permutation(1000)[:950]
    pairs, vanished, appeared = joined(tmp_path, a, b)
    place = {key: row for row, key in enumerate(b.tolist())}
    assert pairs == {(float(row), float(place[key])) for row, key in enumerate(a.tolist()) if key in place}
    assert vanished == [row for row, key in enumerate(a.tolist()) if key not in place]
    assert appeared == sorted(row for key, row in place.items() if key not in set(a.tolist()))


def test_pairs_come_in_the_order_of_the_first_table():
    a, b = np.array([[5, 3, 9, 1]]), np.array([[1, 9, 7, 5]])
    left, right = joining.match(a, b, [0])
    assert (left.tolist(), right.tolist()) == ([0, 2, 3], [3, 1, 0])


def test_a_row_put_in_front_moves_all_others_and_all_are_found(tmp_path: Path):
    pairs, vanished, appeared = joined(tmp_path, range(300), [-1, *range(300)])
    assert pairs == {(float(row), float(row + 1)) for row in range(300)}
    assert (vanished, appeared) == ([], [0.0])


def test_blocks_are_cut_alike_however_the_file_was_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hashing, "GROUP", 70)
    path = stored(tmp_path / "a.parquet", np.arange(500.0), np.arange(500.0))
    monkeypatch.setattr(hashing, "GROUP", 64)
    blocks = list(tables.Encoding({"value": float}).blocks(path))
    assert [block.shape for block in blocks] == [(1, 64)] * 7 + [(1, 52)]
    assert np.concatenate(blocks, axis=1).view(np.float64)[0].tolist() == list(range(500))


@given(data=st.data(), group=st.integers(1, 20))
def test_the_blocks_of_a_table_joined_are_the_table(data: st.DataObject, group: int):
    sizes = data.draw(st.lists(st.integers(1, group), max_size=12))
    rows = sum(sizes)
    value, text = np.arange(float(rows)), [f"t{row % 3}" for row in range(rows)]
    ends = np.cumsum(sizes, dtype=int).tolist()
    chunks = [
        {"value": value[end - size : end], "text": text[end - size : end]}
        for size, end in zip(sizes, ends, strict=True)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashing, "GROUP", group)
        patch.setattr(encoding, "chunks", lambda *_: iter(chunks))
        patch.setattr(encoding, "footer", lambda _: SimpleNamespace(rows=rows))
        words = tables.Encoding({"value": float, "text": str})
        blocks = [block.copy() for block in words.blocks(Path("table.parquet"))]
    assert [block.shape[1] for block in blocks] == [group] * (rows // group) + [rows % group] * (rows % group > 0)
    values, codes = np.concatenate([np.empty((2, 0), dtype=np.int64), *blocks], axis=1)
    assert values.view(np.float64).tolist() == value.tolist()
    assert [words.books["text"].labels[code] for code in codes] == text


def test_of_rows_of_equal_keys_the_last_ones_have_no_other(tmp_path: Path):
    pairs, vanished, appeared = joined(tmp_path, [2, 1, 1, 1, 2], [1, 2, 1])
    assert (pairs, vanished, appeared) == ({(0.0, 1.0), (1.0, 0.0), (2.0, 2.0)}, [3.0, 4.0], [])


def has_free(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Let every disk have so many bytes free."""
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(joining.shutil, "disk_usage", lambda _: usage._replace(free=size))


OTHER_ORDER = 2 * 64 * 15 * 8
"""Bytes of two tables of 64 rows and fifteen columns: what rows in another order take while they are sorted."""


def test_rows_in_another_order_need_room_on_the_disk(
    first: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    place = variant(first, chosen(np.arange(63, -1, -1)))
    has_free(monkeypatch, OTHER_ORDER - 1)
    monkeypatch.setattr(joining._Aside, "add", lambda *_: pytest.fail("rows were put aside"))
    assert compare.main([str(first), str(place)]) == 2
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert "sorted on disk, which takes 15.4 kB, and 15.4 kB are free; set LAB_OUTPUTS to a larger disk" in line
    assert said.out == ""
    assert not Path("outputs/compare").exists()


def test_room_is_needed_for_no_more_than_the_rows_in_another_order(first: Path, monkeypatch: pytest.MonkeyPatch):
    has_free(monkeypatch, OTHER_ORDER)
    assert compare.main([str(first), str(variant(first, chosen(np.arange(63, -1, -1))))]) == 0
    place = variant(first, chosen([*range(60), 61, 60, 62, 63]), "12-00-00-000000-3")
    has_free(monkeypatch, 4 * 15 * 8)
    assert compare.main([str(first), str(place)]) == 0
    has_free(monkeypatch, 4 * 15 * 8 - 1)
    assert compare.main([str(first), str(place)]) == 2
    has_free(monkeypatch, 0)
    place = variant(first, planted("estimate", 5, an_ulp), "13-00-00-000000-4")
    assert compare.main([str(first), str(place)]) == 0


def test_zeros_of_both_signs_and_missing_numbers_are_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(joining, "PART_ROWS", 1)  # a partition for every row, and for both zeros the same one
    pairs, vanished, appeared = joined(tmp_path, [0.0, 5.0, np.nan], [np.nan, -0.0, 5.0])
    assert pairs == {(0.0, 1.0), (1.0, 2.0), (2.0, 0.0)}
    assert (vanished, appeared) == ([], [])


# Names


@pytest.mark.slow
def test_a_run_is_named_by_its_path_or_its_last_parts(first: Path):
    variant(first, planted("estimate", 5, an_ulp))
    names = ("10-00-00", "2026-01-02/10", "delta_sweep/2026-01-02/10-00", DAY + "/10-00-00-000000-1", str(first),
             "latest~1", "delta_sweep/latest~1")  # fmt: skip
    for name in names:
        assert compare.main([name, "11"]) == 0, name
    pages = [path.read_text(encoding="utf-8") for path in Path("outputs/compare").glob("*/*/report.html")]
    assert len(pages) == len(names)
    assert all("<title>10-00-00 compared with 11-00-00</title>" in page for page in pages)


def test_the_outputs_may_lie_elsewhere(first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    variant(first)
    (tmp_path / "outputs").rename(tmp_path / "other")
    monkeypatch.setenv("LAB_OUTPUTS", str(tmp_path / "other"))
    assert compare.main(["latest~1", "latest"]) == 0
    assert len(list((tmp_path / "other/compare").glob("*/*/report.html"))) == 1
    assert not (tmp_path / "outputs").exists()


# What is refused


def set_to(key: str, value: object) -> Callable[[Path], object]:
    return lambda place: edit_record(place, lambda record: record.update({key: value}))


def job_is(status: str, error: str | None) -> Callable[[Path], object]:
    return lambda place: edit_record(place, lambda record: record["jobs"][0].update(status=status, error=error))


def another_study(place: Path) -> None:
    edit_record(place, lambda record: record["jobs"][0]["configuration"].update(runner="speed"))


def unknown_study(place: Path) -> None:
    edit_record(place, lambda record: record["jobs"][0]["configuration"].update(runner="odd"))


def another_hash(place: Path) -> None:
    edit_record(place, lambda record: record["tables"]["table"].update(hash="0"))


def another_key(place: Path) -> None:
    columns, shape = tables.columns_of(place / "table.parquet"), tables.footer(place / "table.parquet").shape
    columns["x"] = np.array([str(x) for x in columns["x"]], dtype=object)
    write(place, columns, {**shape, "x": (str, "")})


def damaged(place: Path) -> None:
    content = bytearray((place / "table.parquet").read_bytes())
    content[600:700] = bytes(100)
    (place / "table.parquet").write_bytes(content)


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no record, but jobs": (lambda place: (place / "run.json").unlink(), "has no run.json: the run is half-written"),
    "half a record": (lambda place: (place / "run.json").write_text('{"format": 1, '), "run.json is damaged"),
    "a record of something else": (lambda place: (place / "run.json").write_text("[1]"), "is no record of this lab"),
    "a record without its parts": (set_to("tables", None), "tables is missing or of another type"),
    "a job without its parts": (set_to("jobs", [{"number": 0}]), "a job has no configuration and no status (job 0)"),
    "another version": (set_to("format", 99), "has format 99; this version reads format 1 and 2"),
    "a job that waits": (job_is("waiting", None), "job 0 waiting; only whole runs are compared"),
    "a job that failed": (job_is("failed", "ValueError: no"), "job 0 failed: ValueError: no; only whole runs"),
    "an interrupted run": (set_to("status", 130), "ended with status 130; only whole runs are compared"),
    "an unknown study": (unknown_study, "runner=odd"),
    "another study": (another_study, "is a run of delta_sweep and outputs"),
    "no table": (lambda place: (place / "table.parquet").unlink(), "table.parquet is missing; run its command again"),
    "a table that is no Parquet": (lambda place: (place / "table.parquet").write_text("x"), "not a Parquet file"),
    "another table": (another_hash, "is not the table that run.json records"),
    "a damaged table": (damaged, "table.parquet is damaged or not a Parquet file"),
    "a key of another type": (another_key, "rows cannot be joined: column x is not of one type"),
}  # fmt: skip


@pytest.mark.parametrize(("damage", "answer"), BROKEN.values(), ids=BROKEN)
def test_a_run_that_cannot_be_compared_is_refused(
    first: Path, damage: Callable[[Path], object], answer: str, capsys: pytest.CaptureFixture[str]
):
    place = variant(first, planted("estimate", 5, an_ulp))
    damage(place)
    assert compare.main([str(first), str(place)]) == 2
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert line.startswith("error: ")
    assert answer in line
    assert said.out == ""
    assert not Path("outputs/compare").exists()


NAMED: dict[str, tuple[tuple[str, ...], str]] = {
    "none": ((), "no run; name at least two"),
    "one": (("latest",), "one run only, latest; name at least two"),
    "missing": (("latest", "09-99-99"), "no run named '09-99-99' below"),
    "misspelt": (("latest", "latst"), "; did you mean latest?"),
    "ambiguous": (("latest", "1"), "1 may mean 2 runs: delta_sweep/2026-01-02/10-00-00-000000-1, delta_sweep/2026"),
    "another day": (("latest", "2026-01-03/10"), "no run named '2026-01-03/10' below"),
    "too far back": (("latest", "latest~2"), "no run latest~2: there are 2 runs below"),
    "of no experiment": (("latest", "speed/latest"), "no run speed/latest: there are 0 runs of speed"),
    "a file": (("latest", DAY + "/10-00-00-000000-1/run.json"), "is a file; name the directory of the run"),
    "foreign": (("latest", "elsewhere"), "has no run.json: it is not the directory of a run"),
    "empty": (("latest", ""), "no run named ''"),
    "ulps": (("latest", "latest~1", "--ulps", "-1"), "'-1' is no whole number of ulps"),
    "half an ulp": (("latest", "latest~1", "--ulps", "0.5"), "'0.5' is no whole number of ulps"),
    "unknown option": (("latest", "latest~1", "--upls", "1"), "unrecognized arguments: --upls"),
}


@pytest.mark.parametrize(("words", "answer"), NAMED.values(), ids=NAMED)
def test_a_name_or_an_option_that_means_nothing_is_refused(
    first: Path, words: tuple[str, ...], answer: str, capsys: pytest.CaptureFixture[str]
):
    variant(first)
    Path("elsewhere").mkdir()
    assert compare.main(words) == 2
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert answer in line
    assert said.out == ""
    assert not Path("outputs/compare").exists()


def test_what_cannot_be_written_is_said(first: Path, capsys: pytest.CaptureFixture[str]):
    variant(first)
    Path("outputs/compare").write_text("in the way")
    assert compare.main(["latest~1", "latest"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


PEAK = """
import sys
from pathlib import Path
from experiments import compare
assert compare.main(sys.argv[1:]) == 0
print(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")))
"""


def repeated(copies: int) -> Edit:
    """So many times the rows, at other points x."""

    def edit(columns: Columns) -> Columns:
        many = {name: np.tile(values, copies) for name, values in columns.items()}
        return {**many, "x": np.repeat(np.arange(copies, dtype=float), 64)}

    return edit


def turned(columns: Columns) -> Columns:
    return {name: np.roll(values, values.size // 2) for name, values in columns.items()}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from Linux")
def test_memory_stays_flat_however_many_rows_there_are(first: Path):
    peaks = []
    for copies in (6_000, 18_000):
        one = variant(first, repeated(copies), f"a{copies}")
        variant(one, turned, f"b{copies}")
        done = python("-c", PEAK, f"a{copies}", f"b{copies}", check=True)
        peaks.append(int(done.stdout.split()[-1]) / 1024)
    # The second pair has 768 000 rows of fifteen words more in each table: 88 MB, and all of them are put aside.
    assert peaks[1] - peaks[0] < 88


# A table is the recorded one, or none


def flipped(path: Path, place: int) -> None:
    """Flip one bit of a file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.unlink()
    path.write_bytes(content)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6])
@pytest.mark.parametrize("checksums", [True, False])
def test_a_flipped_bit_of_a_data_page_is_never_equal(share: float, *, checksums: bool, first: Path, capsys: Any):
    other = variant(first)
    shutil.copy(first / "table.parquet", other / "table.parquet")
    shutil.copy(first / "run.json", other / "run.json")
    if not checksums:
        edit_record(other, lambda record: record.update(files={}))
    pages = (other / "table.parquet").stat().st_size - footer(other / "table.parquet")
    flipped(other / "table.parquet", int(4 + share * (pages - 4)))
    assert compare.main([str(first), str(other), "--fail-on-change"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "table.parquet is damaged" in err or "is not the table that run.json records" in err


def footer(path: Path) -> int:
    """Bytes at the end of a Parquet file that are not pages."""
    return int.from_bytes(path.read_bytes()[-8:-4], "little") + 8


def test_a_table_that_was_written_again_with_the_same_values_is_the_recorded_one(first: Path, capsys: Any):
    other = variant(first)  # whose bytes are not those that its record has the checksum of
    edit_record(other, lambda record: record["files"]["table.parquet"].update(sha256="0" * 64))
    assert compare.main([str(first), str(other), "--fail-on-change"]) == 0
    out, err = capsys.readouterr()
    assert "to the bit" in out
    assert "table.parquet is not as it was written, though its values are: table.parquet does not have" in err
    assert "is not as it was written, though its values are" in (compared() / "report.html").read_text(encoding="utf-8")


def test_a_footer_that_tells_the_recorded_hash_of_other_values_is_found_out(first: Path, capsys: Any):
    other = variant(first, planted("estimate", 3, an_ulp))
    path = other / "table.parquet"
    told, recorded = (tables.recorded(run / "table.parquet").hash.encode() for run in (other, first))
    path.write_bytes(path.read_bytes().replace(told, recorded))
    shutil.copy(first / "run.json", other / "run.json")
    assert tables.recorded(path) == tables.recorded(first / "table.parquet")
    assert compare.main([str(first), str(other)]) == 2
    assert "is not the table that run.json records" in capsys.readouterr().err


@pytest.mark.parametrize(
    "drawn",
    [None, 3, {"error": None}, {"error": 3}, {"error": {"kind": "lines", "table": "table", "x": "nowhere"}}],
    ids=repr,
)
def test_figures_of_a_record_that_cannot_be_drawn_are_left_out(drawn: Any, first: Path):
    other = variant(first, planted("error", 3, lambda value: 2 * value))
    for place in (first, other):
        edit_record(
            place, lambda record: [job["configuration"]["figures"].update(draw=drawn) for job in record["jobs"]]
        )
    assert compare.main([str(first), str(other)]) == 0
    assert not (compared() / "figures").exists()
